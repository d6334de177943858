"""A command for a shell that writes a column of a plain table otherwise, for messages to name."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dssmcli.data.records import open_table
from dssmcli.data.tsv import BadRows
from dssmcli.errors import in_shell


def column_command(
    source: str, column: str, made: str, ending: str, others: Sequence[str] = ()
) -> str:
    """Return a command that writes a copy of a table, beside it; empty if it is not a plain file.

    made: what becomes of a field `v` of the column, and of others, in Python. ending: what the
    copy's name has more.
    """
    if not os.path.isfile(source) or source.endswith(".gz"):
        return ""
    with open_table(source, BadRows(skip=True)) as file:
        delimiter, names = file.sheet.delimiter, list(file.sheet.names)
    if column not in names:
        return ""
    place = names.index(column)
    places = ", ".join(str(names.index(each)) for each in (column, *others) if each in names)
    between = {",": "", "\t": r', delimiter="\t"'}.get(delimiter, f', delimiter="{delimiter}"')
    form = _CODE_OF_SEVERAL if others else _CODE
    code = form.format(between=between, made=made, place=place, next=place + 1, places=places)
    stem, name = os.path.splitext(source)
    return f"python3 -c {in_shell(code)} < {in_shell(source)} > {in_shell(stem + ending + name)}"


_BEGIN = (
    "import csv, sys; r = csv.reader(sys.stdin{between}); "
    'w = csv.writer(sys.stdout{between}, lineterminator="\\n"); w.writerow(next(r)); '
)
_CODE = _BEGIN + (
    "f = lambda v: {made}; w.writerows(x[:{place}] + [f(x[{place}])] + x[{next}:] for x in r if x)"
)
_CODE_OF_SEVERAL = _BEGIN + (
    "f = lambda v: {made}; "
    "w.writerows([f(v) if i in ({places}) else v for i, v in enumerate(x)] for x in r if x)"
)
