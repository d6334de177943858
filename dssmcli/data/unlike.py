"""What of a table is unlike what features were learned from: said as of any file that is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from dssmcli.data.features import Reader, Schema
from dssmcli.data.findings import NOTE, Finding, parted
from dssmcli.data.findings import WARNING as WARNS
from dssmcli.data.label_texts import label_texts
from dssmcli.data.located_table import LocatedTable
from dssmcli.data.table import Table
from dssmcli.data.tasks import Task
from dssmcli.errors import WARNING, about, counted

Floats = npt.NDArray[np.float64]

_BLOCK = 10_000
_ENOUGH = 50
"""Fewer rows say little of what is usual."""
_TIMES = 5
"""So many times larger or smaller is another unit, rather than another day, another shop."""
_MANY_TIMES = 50
"""So many times is one, however far the numbers lie apart."""


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


def findings_of_units(located: LocatedTable, schema: Schema) -> Iterator[Finding]:
    """Yield numeric columns that in one file lie where hardly any of the other files do."""
    files = [each for each in located.files if len(each) >= _ENOUGH]
    for feature in schema.numeric if len(files) > 1 else ():
        column = located.table.columns[feature.name]
        numbers = feature.numbers(column.values)[column.codes]
        for file in files if len(files) > 2 else files[1:]:
            others = np.append(numbers[: file.begin], numbers[file.end :])
            own, others = (each[~np.isnan(each)] for each in (numbers[file.rows], others))
            if min(len(own), len(others)) >= _ENOUGH:
                yield from _unit(feature.name, own, others, file.file)


def _unit(name: str, own: Floats, others: Floats, file: str) -> Iterator[Finding]:
    """Yield a column whose numbers in a file mostly lie beyond those of others, and far."""
    middle, (low, usual, high) = np.median(own), np.quantile(others, (0.01, 0.5, 0.99))
    ratio = abs(middle / usual) if usual and middle else 1.0
    times = max(ratio, 1 / ratio)
    if times >= _MANY_TIMES or (times >= _TIMES and not low <= middle <= high):
        what = (
            f"{name}: half of {counted(len(own), 'number')} are {middle:.6g} or more, in the other "
            f"files {usual:.6g} or more, and 98% from {low:.6g} to {high:.6g}."
        )
        todo = "If it is another unit or way of writing, write it alike in all files."
        yield Finding(WARNS, "other_unit", len(own), what, todo, file)
