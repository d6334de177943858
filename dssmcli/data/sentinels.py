"""Finds numbers that stand for a missing value, such as -999 among ages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LIKELY = re.compile(r"-1|-?9+")
_SHARE = 0.01
"""Of the rows, at least, that a number has which stands for no value."""
_MANY, _NEXT, _TIMES = 20, 5, 3
"""Among so many values a negative one is alone; -1 if it is so many times as frequent as each of so
many next to it."""
_ZERO_SHARE, _APART, _NEAR = 0.3, 10, 0.15


@dataclass(frozen=True)
class Sentinel:
    """A number that may say that there is no value, its rows, and the range of all others."""

    number: float
    rows: int
    low: float
    high: float


def sentinels_in(numbers: Floats, counts: Ints, rows: int) -> tuple[Sentinel, ...]:
    """Return the numbers of a column of so many rows that may say that there is no value.

    numbers: (V,), nan where a text has none. counts: (V,), the rows of each. Such a number is -1 or
    of nines alone, 1 % of the rows have it, and it lies below or above all others, farther from
    them than they lie apart; or it is below 0, as none of many others are, and if it is -1, it is
    far more frequent than those next to it.

    Of 18, 30, 61 and -999 in every tenth row, -999 is one: it is 1017 below 18, and all others lie
    within 43. Of -1, 0 and 1, or of marks from 1 to 9, none is.
    """
    used = (counts > 0) & ~np.isnan(numbers)
    values, place = np.unique(numbers[used], return_inverse=True)
    total = np.bincount(place, counts[used], len(values))
    likely = [
        value % 1 == 0 and bool(_LIKELY.fullmatch(f"{value:.0f}")) and count >= _SHARE * rows
        for value, count in zip(values.tolist(), total.tolist(), strict=True)
    ]
    first = next((i for i, each in enumerate(likely) if not each), len(values))
    last = next((i for i in range(len(values) - 1, -1, -1) if not likely[i]), -1)
    if last <= first:
        return ()
    low, high = float(values[first]), float(values[last])
    found = []
    # From the inside: what is not far belongs to the others, from which the next may be far.
    for i in range(first - 1, -1, -1):
        alone = values[i] < 0 <= low and _stands_out(i, values, total, first, last)
        if alone or low - values[i] > high - low:
            found.append(i)
        else:
            low = float(values[i])
    for i in range(last + 1, len(values)):
        if values[i] - high > high - low:
            found.append(i)
        else:
            high = float(values[i])
    return tuple(Sentinel(float(values[i]), int(total[i]), low, high) for i in sorted(found))


def zero_apart(numbers: Floats, counts: Ints, rows: int) -> Sentinel | None:
    """Return 0 as such a number if it stands apart from all others, which lie above it.

    numbers, counts, rows: as `sentinels_in` has them. Amounts, too, are often 0 and else large, so
    it must be 0 in 1 % to 30 % of the rows, and either the others lie in a narrow range, as years
    do, or they are many, begin abruptly (the gap above 0 is ten times what lies between the lowest
    of them) and not near 0 (at 15 % of their middle or more).

    Of 0 and ages from 18 to 80, or 0 and incomes from 500 to 3000, 0 is one; of 0 and 5, 7, 12, …
    500 spent, it is none.
    """
    used = (counts > 0) & ~np.isnan(numbers)
    values, place = np.unique(numbers[used], return_inverse=True)
    total = np.bincount(place, counts[used], len(values))
    others = values[1:]
    if len(others) < _NEXT or values[0] != 0 or not _SHARE <= total[0] / rows <= _ZERO_SHARE:
        return None
    low, high = float(others[0]), float(others[-1])
    zero = Sentinel(0.0, int(total[0]), low, high)
    if low > _TIMES * (high - low):
        return zero
    first = max(_NEXT, len(others) // 10)
    step = (float(others[first]) - low) / first if len(others) > _MANY else low
    middle = others[np.searchsorted(np.cumsum(total[1:]), total[1:].sum() / 2)]
    return zero if low >= _APART * step and low >= _NEAR * float(middle) else None


def _stands_out(place: int, values: Floats, total: npt.NDArray[Any], first: int, last: int) -> bool:
    """Tell whether a number below 0 is not one of the others, which are from first to last."""
    others = np.arange(first, last + 1)
    if len(others) < _MANY or values[place] < -1:
        return len(others) >= _MANY
    near = others[values[others] > 0][:_NEXT]  # 0 is frequent for reasons of its own
    return bool(total[place] >= _TIMES * total[near].max(initial=0))
