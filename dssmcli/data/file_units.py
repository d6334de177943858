"""Numbers of one file in another unit than those of the others: seconds beside milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.beyond import Beyond, outside
from dssmcli.data.features import Schema
from dssmcli.data.findings import WARNING, Finding
from dssmcli.data.source_rows import SourceRows
from dssmcli.data.table import Table
from dssmcli.data.tasks import Task, labels_of
from dssmcli.errors import WARNING as BEGIN
from dssmcli.errors import about, counted

Floats = npt.NDArray[np.float64]
Numbers = Iterable[tuple[str, Floats]]

_ENOUGH = 50
"""Fewer rows say little of what is usual."""
_TIMES = 5
"""So many times larger or smaller is another unit, rather than another day, another shop."""
_MANY_TIMES = 50
"""So many times is one, however far the numbers lie apart."""
_SOME_FAR, _FAR_SHARE = 10, 0.02
"""So many numbers that are so many times larger than all of the other files are a second unit."""
_FEW_FILES = 4
"""Of more files, each is compared with all of them: to leave it out each time takes long."""


def numbers_in(
    table: Table, schema: Schema, tasks: Sequence[Task] = (), where: str = ""
) -> Iterator[tuple[str, Floats]]:
    """Yield the numeric columns of a table, and the numbers to predict, (N,) each."""
    for feature in schema.numeric:
        column = table.columns[feature.name]
        yield feature.name, feature.numbers(column.values)[column.codes]
    for task in tasks:
        if task.kind == "regression":
            yield task.name, labels_of(table, task, where)


def unit_lines(columns: Numbers, files: Sequence[SourceRows]) -> Iterator[str]:
    """Yield a warning for each column that in one file lies where hardly any of the others do."""
    for each in findings_of_units(columns, files):
        yield about(each.file, f"{BEGIN}{each.what} {each.todo}")


def findings_of_units(columns: Numbers, files: Sequence[SourceRows]) -> Iterator[Finding]:
    """Yield numeric columns (N,) that in one file lie where hardly any of the other files do."""
    if len(files) < 2:
        return
    for name, numbers in columns:
        parts = [_known(numbers[each.rows]) for each in files]
        large = [i for i, part in enumerate(parts) if len(part) >= _ENOUGH]
        if len(large) < 2:
            continue
        whole = _range(np.concatenate(parts)) if len(large) > _FEW_FILES else None
        for i in large if len(large) > 2 else large[1:]:
            others = whole or _range(np.concatenate([parts[j] for j in large if j != i]))
            yield from _unit(name, parts[i], others, files[i].file)


class _Range(NamedTuple):
    low: float
    middle: float
    high: float
    largest: float
    ends: tuple[float, float]
    zero: bool


def _known(numbers: Floats) -> Floats:
    return numbers[~np.isnan(numbers)]


def _range(numbers: Floats) -> _Range:
    low, middle, high = np.quantile(numbers, (0.01, 0.5, 0.99)).tolist()
    largest, ends = float(np.abs(numbers).max()), (float(numbers.min()), float(numbers.max()))
    return _Range(low, middle, high, largest, ends, bool((numbers == 0).any()))


def _unit(name: str, own: Floats, others: _Range, file: str) -> Iterator[Finding]:
    """Yield a column whose numbers in a file mostly lie beyond those of others, and far."""
    middle, (low, usual, high, largest, *_) = float(np.median(own)), others
    far = int((np.abs(own) > _TIMES * largest).sum())
    ratio = abs(middle / usual) if usual and middle else 1.0
    times = max(ratio, 1 / ratio)
    turned = middle < 0 <= low or middle > 0 >= high
    if turned or times >= _MANY_TIMES or (times >= _TIMES and not low <= middle <= high):
        what = (
            f"{name}: half of {counted(len(own), 'number')} are {middle:.6g} or more, in the other "
            f"files {usual:.6g} or more, and 98% from {low:.6g} to {high:.6g}."
        )
        todo = "If it is another unit or way of writing, write it alike in all files."
        yield Finding(WARNING, "other_unit", len(own), what, todo, file)
    elif far >= max(_SOME_FAR, _FAR_SHARE * len(own)):
        what = (
            f"{name}: {far:,} of {counted(len(own), 'number')} are more than {_TIMES} times as "
            f"large as all in the other files, which are up to {largest:.6g}."
        )
        todo = "If they are in another unit, write them alike; if they say nothing, empty."
        yield Finding(WARNING, "other_unit", far, what, todo, file)
    else:
        yield from _stand_ins(name, own, others, file)


def _stand_ins(name: str, own: Floats, others: _Range, file: str) -> Iterator[Finding]:
    """Yield numbers such as -1 and 0 that many rows of a file have, and none of the other files."""
    low, high = others.ends
    beyond = Beyond(low, high)
    beyond.take(outside(own, low, high, others.zero))
    for value, count in beyond.repeated(len(own)):
        if beyond.stands_in(value):
            what = (
                f"{name}: {value:.12g} in {count:,} of {counted(len(own), 'number')}, in the other "
                f"files in none ({low:.6g} to {high:.6g})."
            )
            todo = "If it says that there is no value, leave the field empty."
            yield Finding(WARNING, "other_unit", count, what, todo, file)
