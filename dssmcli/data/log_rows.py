"""Rows of logs that cannot be used: told by their lines, and kept as they stand in their file."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from dssmcli.data.records import TableFile, open_table
from dssmcli.data.roles import names_in_rows
from dssmcli.data.table import Table
from dssmcli.data.tsv import STDIN, BadRows, Line
from dssmcli.errors import DataError, HeaderError, shown

Fields = Mapping[str, Sequence[str]]
"""The texts (n,) of columns by their names."""


def good_rows(
    fields: Fields, wrong: Mapping[int, str], file: TableFile | _Rows, bad_rows: BadRows
) -> Fields:
    """Return the rows that can be used of the columns that a file has returned last.

    wrong: what is wrong with rows, by their places.
    """
    if not wrong:
        return fields
    lines = file.rows()
    for row, reason in sorted(wrong.items()):
        line = lines[row]
        bad_rows.take(line.raw, DataError(f"{line.place}: {reason}"))
        bad_rows.good -= 1  # it was good as a row of a table
    return {
        name: [text for row, text in enumerate(texts) if row not in wrong]
        for name, texts in fields.items()
    }


def without_headers(
    fields: Fields, user: str, item: str, file: TableFile, bad_rows: BadRows
) -> tuple[Fields, TableFile | _Rows]:
    """Return the rows but those that name the columns by other names, and what knows their lines.

    user, item: the columns of both. Raises HeaderError for names in another order.
    """
    same, other = names_in_rows(fields[user], fields[item])
    if not same and not other:
        return fields, file
    lines = file.rows()
    for row in other:
        told = shown(f"{fields[user][row]} {fields[item][row]}")
        raise HeaderError(
            f"{lines[row].place}: a header in the middle ({told}) with the columns in another "
            "order than above, expected the same. Put them in one order first."
        )
    bad_rows.headers += [lines[row].place for row in same]
    out = {*same}
    kept = [row for row in range(len(lines)) if row not in out]
    rows = _Rows([lines[row] for row in kept])
    return {name: [texts[row] for row in kept] for name, texts in fields.items()}, rows


class _Rows:
    """Some rows of a file as they stand there."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines

    def rows(self) -> Sequence[Line]:
        """Return them."""
        return self._lines


def no_id(name: str, text: str, role: str) -> str:
    """Say that a row has no id in the column of a role."""
    if not text:
        return f"empty {name}, expected the {role}."
    return f"{name} is {shown(text)}, which says that it is not known, expected the {role}."


def take_bad(
    wrong: Mapping[int, str], sources: Sequence[str], where: str, bad_rows: BadRows, table: Table
) -> None:
    """Report the rows of a table, by their places, that cannot be used.

    Each is told by its line, for which the sources are read once more; rows of standard input,
    which cannot be, by their number.
    """
    lines = {} if STDIN in sources else _lines_of(sorted(wrong), sources)
    for row, reason in sorted(wrong.items()):
        if row in lines:
            place, raw = lines[row].place, lines[row].raw
        else:
            texts = (column.values[column.codes[row]] for column in table.columns.values())
            place, raw = f"{where}: row {row + 1:,} after the header", "\t".join(texts).encode()
        bad_rows.take(raw, DataError(f"{place}: {reason}"))
        bad_rows.good -= 1  # it was good as a row of a table


def _lines_of(rows: Sequence[int], sources: Sequence[str]) -> dict[int, Line]:
    """Return the lines in which some rows, in rising order, of the good rows of sources stand."""
    found: dict[int, Line] = {}
    wanted, first = deque(rows), 0
    for source in sources:
        with open_table(source, BadRows(skip=True)) as file:
            for block in file.blocks([0]):
                count = len(file.columns(block, [0])[0])
                while wanted and wanted[0] < first + count:
                    row = wanted.popleft()
                    found[row] = file.rows()[row - first]
                first += count
                if not wanted:
                    return found
    return found
