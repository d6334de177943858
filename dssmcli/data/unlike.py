"""What of a table is unlike what features were learned from: said as of any file that is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dssmcli.data.features import Reader, Schema
from dssmcli.data.findings import NOTE, Finding, parted
from dssmcli.data.findings import WARNING as WARNS
from dssmcli.data.label_texts import label_texts
from dssmcli.data.table import Table
from dssmcli.data.tasks import Task
from dssmcli.errors import WARNING, about

_BLOCK = 10_000


def unlike(table: Table, schema: Schema, where: str) -> Reader:
    """Return a reader that has met all rows of a table; DataError for a column that is missing."""
    reader = Reader(schema)
    columns = [table.column(name, where) for name in schema.names]
    for begin in range(0, table.rows, _BLOCK):
        block = slice(begin, begin + _BLOCK)
        reader.rows([[each.values[code] for code in each.codes[block]] for each in columns])
    return reader


def unlike_lines(table: Table, schema: Schema, tasks: Sequence[Task], where: str) -> Iterator[str]:
    """Yield lines about rows to measure on, with their file in front; DataError for labels that
    cannot be read."""
    for texts in label_texts(table, tasks, where):
        yield from (about(where, f"{WARNING}{warning}") for warning in texts.warnings())
    yield from (about(where, line) for line in unlike(table, schema, where).summary.splitlines())


def findings_of_unlike(
    table: Table, schema: Schema, tasks: Sequence[Task], file: str
) -> Iterator[Finding]:
    """Yield what of a file is unlike the rows to learn from, but for categories not known."""
    for texts in label_texts(table, tasks, file):
        for warning in texts.outliers() or texts.stand_ins():
            yield Finding(WARNS, "far_labels", 1, *parted(warning), file)
    reader = unlike(table, schema, file)
    reader.met[0] = 0
    for line in reader.lines(reader.met):
        what, _, todo = line.removeprefix(WARNING).rpartition(": ")
        level = WARNS if line.startswith(WARNING) else NOTE
        todo = todo[0].upper() + todo[1:]
        yield Finding(level, "unlike_numbers", table.rows, f"{what}.", todo, file)
