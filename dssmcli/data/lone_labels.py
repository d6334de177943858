"""Labels of which only the 1 is written and the rest is left empty: refused, with a way out."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dssmcli.data.positives import Positives
from dssmcli.data.records import open_table
from dssmcli.data.table import Table
from dssmcli.data.tasks import Task
from dssmcli.data.times import DATES, moment_kind
from dssmcli.data.tsv import BadRows, names_of
from dssmcli.data.values import boolean_in, category_of, is_missing
from dssmcli.errors import DataError, counted, in_shell, shown


def refuse_lone_labels(table: Table, tasks: Sequence[Task], sources: Sequence[str]) -> None:
    """Raise DataError for a binary task whose column says what is a 1 and has no value elsewhere.

    No value says that nobody knows the label, so nothing is left to tell apart.
    """
    where = names_of(sources)
    for task in tasks:
        column = table.column(task.column, where)
        pairs = zip(column.values, column.counts().tolist(), strict=True)
        counts = {text: count for text, count in pairs if count}
        missing = [text for text in counts if is_missing(text)]
        known = [text for text in counts if not is_missing(text)]
        if missing and known and _lone(known, missing, task):
            blank = not any(map(str.strip, missing))
            rows, others = (sum(map(counts.__getitem__, texts)) for texts in (known, missing))
            such = shown(known[0]) if len(known) == 1 else f"{shown(known[0])} and the like"
            raise DataError(
                f"{where}: the task {shown(task.name)} has {such} in {counted(rows, 'row')} and no "
                f"value in {others:,}. No value says that nobody knows, so there is nothing to "
                "tell apart. If it is a no, write 0 there, 1 in the others, and name the column "
                f"alone as the task{_by_command(table, task, sources) if blank else ''}."
            )


def _lone(known: Sequence[str], missing: Sequence[str], task: Task) -> bool:
    """Tell whether all texts of a binary task that are labels are a 1, or look like that."""
    if task.kind != "binary":
        return False
    if task.positive:
        meant = Positives(task.positive, task.words)
        return all(map(meant, known)) and not any(map(meant.named, missing))
    says = {boolean_in(text) for text in known}
    if says == {None}:
        return len(set(map(category_of, known))) == 1 or moment_kind(known) == DATES
    return says == {True}


def _by_command(table: Table, task: Task, sources: Sequence[str]) -> str:
    """Return a command that writes the labels of one plain file, empty if it is not one."""
    (source, *more) = sources
    if more or not os.path.isfile(source) or source.endswith(".gz"):
        return ""
    with open_table(source, BadRows(skip=True)) as file:
        between = {",": "", "\t": r', delimiter="\t"'}.get(
            file.sheet.delimiter, f', delimiter="{file.sheet.delimiter}"'
        )
    place = [*table.columns].index(task.column)
    stem, ending = os.path.splitext(source)
    code = _CODE.format(between=between, place=place, next=place + 1)
    return f": python3 -c {in_shell(code)} < {in_shell(source)} > {in_shell(stem + '-01' + ending)}"


_CODE = (
    "import csv, sys; r = csv.reader(sys.stdin{between}); "
    'w = csv.writer(sys.stdout{between}, lineterminator="\\n"); w.writerow(next(r)); '
    'w.writerows(x[:{place}] + [int(x[{place}].strip() > "")] + x[{next}:] for x in r)'
)
