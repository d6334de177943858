"""Finds what gives a label away beside single features: copies, gaps that tell, the rows' order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.column_figures import missing_rows
from dssmcli.data.notation import read_numbers
from dssmcli.data.suspects import predictive_power
from dssmcli.data.table import Column, Table

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_FEW_ROWS = 20
_FEW_LABELS = 10
_PURE = 0.98
_APART = 0.3
_SORTED = 0.9
_SAME_LINE = 1 - 1e-9


class Gap(NamedTuple):
    """A column that tells a label by whether it has a value.

    rows: how many of those with a value (or, if not `present`, of those without) are of one label.
    """

    column: str
    present: bool
    label: int
    rows: int
    share: float
    row: int


def is_copy(column: Column, labels: Floats, binary: bool) -> bool:
    """Tell whether a column says what the labels (N,), nan where missing, say, or the opposite."""
    known = ~np.isnan(labels) & ~missing_rows(column)
    if known.sum() < _FEW_ROWS or 2 * known.sum() < (~np.isnan(labels)).sum():
        return False
    codes, wanted = column.codes[known], labels[known]
    if not binary:
        return _on_a_line(read_numbers(column.values).numbers[codes], wanted)
    ones = np.bincount(codes, weights=wanted, minlength=len(column.values))
    counts = np.bincount(codes, minlength=len(column.values))
    used = counts > 0
    pure = bool(((ones == 0) | (ones == counts))[used].all())
    fewest = min(wanted.sum(), len(wanted) - wanted.sum())
    return pure and int(used.sum()) == 2 and bool(fewest >= _FEW_LABELS)


def _on_a_line(numbers: Floats, labels: Floats) -> bool:
    known = ~np.isnan(numbers)
    if known.sum() < max(_FEW_ROWS, 0.99 * len(known)):
        return False
    x, y = numbers[known], labels[known]
    if x.min() == x.max() or y.min() == y.max():
        return False
    return bool(abs(np.corrcoef(x, y)[0, 1]) >= _SAME_LINE)


def gaps(table: Table, names: list[str], labels: Floats) -> Iterator[Gap]:
    """Yield the columns whose missing values tell labels (N,) of 0 and 1."""
    known = ~np.isnan(labels)
    for name in names:
        missing = missing_rows(table.columns[name])
        sides = [known & ~missing, known & missing]
        if min(side.sum() for side in sides) < _FEW_ROWS:
            continue
        found = [_tell(name, sides, labels, present) for present in (True, False)]
        best = max((each for each in found if each), key=lambda each: each.rows, default=None)
        if best is not None:
            yield best


def _tell(name: str, sides: list[Bools], labels: Floats, present: bool) -> Gap | None:
    side, other = sides if present else sides[::-1]
    ones = float(labels[side].mean())
    label = int(ones >= 0.5)
    share = ones if label else 1 - ones
    beside = float(labels[other].mean())
    elsewhere = beside if label else 1 - beside
    if share < _PURE or share - elsewhere < _APART:
        return None
    rows = side & (labels == label)
    return Gap(name, present, label, int(rows.sum()), share, int(np.flatnonzero(rows)[0]))


def sorted_by(labels: Floats, binary: bool) -> float | None:
    """Return how well the number of a row alone tells its label, None if it does not."""
    power = predictive_power(np.arange(len(labels), dtype=np.float64), labels, binary)
    return power if power is not None and power >= _SORTED else None
