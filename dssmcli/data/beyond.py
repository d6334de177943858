"""Numbers outside of what training had: counted while rows are read, and warned of in the end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from dssmcli.data.exchanged import Span
from dssmcli.errors import WARNING, counted

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_STAND_IN = re.compile(r"-1|-9+|9{2,}")
_FEWEST, _SHARE, _ANY_SHARE = 10, 0.01, 0.05
"""Rows, and their share, that have one number which training had not: -1 and the like, or any."""
_SOME, _MANY = 20, 0.1
_FAR_SHARE = 0.02
"""Of numbers that lie as far outside as training's are apart: so many are no tail, as of numbers
drawn alike one in n lies beyond all n of training."""
_MOST = 1_000
"""Different numbers of a column that are counted one by one."""


def outside(numbers: Floats, low: float, high: float, zero: bool) -> Floats:
    """Return numbers (n,), nan for those that training may have had: it had some from low to high.

    zero: whether it had a 0.
    """
    odd = (numbers < low) | (numbers > high)
    return np.where(odd if zero else odd | (numbers == 0), numbers, np.nan)


class Beyond:
    """What of a column is outside of training's numbers, which are from low to high.

    counts: (4,) int64, how many lie below, above, far below, far above. repeats: rows by number.
    ends: the lowest and the highest of all numbers. marks: how many would be training's if what
    stands between thousands were a decimal mark, and one of these. decimal: the mark that is read.
    """

    def __init__(self, low: float, high: float, decimal: str = ".") -> None:
        self._low, self._high, self._decimal = low, high, decimal
        self.counts = np.zeros(4, np.int64)
        self.repeats: Counter[float] = Counter()
        self.ends = np.array([np.inf, -np.inf])
        self.marks = [0.0, 0.0]

    def span(self, name: str) -> Span:
        """Return where the numbers of the column lie, and lay in training."""
        return Span(name, self._low, self._high, *self.ends.tolist())

    def take(self, odd: Floats, numbers: Floats | None = None, marked: Bools | None = None) -> None:
        """Count numbers (n,): those that `outside` tells, nan for others; all, nan for none; and
        which `marked_otherwise` tells."""
        if numbers is not None and not np.isnan(numbers).all():
            self._widen(float(np.nanmin(numbers)), float(np.nanmax(numbers)))
        if marked is not None and marked.any():
            self.marks = [self.marks[0] + int(marked.sum()), float(odd[np.argmax(marked)])]
        odd = odd[~np.isnan(odd)]
        if len(odd):
            values, counts = np.unique(odd, return_counts=True)
            self._take(values, counts)

    def _take(self, values: Floats, counts: Ints) -> None:
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            if value in self.repeats or len(self.repeats) < _MOST:
                self.repeats[value] += count
        low, high, width = self._low, self._high, self._high - self._low
        sides = (values < low, values > high, values < low - width, values > high + width)
        self.counts += [counts[there].sum() for there in sides]

    def _widen(self, lowest: float, highest: float) -> None:
        self.ends = np.array([min(self.ends[0], lowest), max(self.ends[1], highest)])

    def plain(self) -> list[list[float]]:
        """Return all that was counted, for JSON."""
        pairs = zip(self.repeats, self.repeats.values(), strict=True)
        counts = [*map(float, self.counts)]
        return [
            counts,
            [*self.ends.tolist()],
            self.marks,
            *([value, float(count)] for value, count in pairs),
        ]

    def add(self, plain: Sequence[Sequence[float]]) -> None:
        """Add what another process counted."""
        counts, ends, marks, *repeats = plain
        self._widen(*ends)
        self.marks = [self.marks[0] + marks[0], marks[1] if marks[0] else self.marks[1]]
        self.counts += np.array(counts, np.int64)
        for value, count in repeats:
            if value in self.repeats or len(self.repeats) < _MOST:
                self.repeats[value] += int(count)

    def misread(self, name: str, total: int) -> Iterator[str]:
        """Yield a warning of numbers whose mark between thousands may be a decimal one."""
        count, number = int(self.marks[0]), self.marks[1]
        if not count or count < (_MANY if total >= _SOME else _HALF) * total:
            return
        mark = "," if self._decimal == "." else "."
        text = f"{number / 1000:.3f}".replace(".", mark)
        yield (
            f'{WARNING}{name}: "{text}" is {number:.0f}, as training had '
            f"{_CALLED[self._decimal]}: {count:,} of {counted(total, 'number')} are so outside of "
            f"all in training ({self._low:.6g} to {self._high:.6g}), and within if "
            f'"{mark}" is the decimal mark. If it is, write "{text.replace(mark, self._decimal)}".'
        )

    def lines(self, name: str, total: int, shifted: bool) -> Iterator[str]:
        """Yield warnings about a column of so many numbers; shifted: whether one says already that
        they lie elsewhere than in training."""
        ends = f"{self._low:.6g} to {self._high:.6g}"
        counts = self.counts.copy()
        for value, count in self.repeated(total):
            yield (
                f"{WARNING}{name}: {value:.12g} in {count:,} of {counted(total, 'number')}, in "
                f"training in none ({ends}). If it says that there is no value, leave the field "
                "empty."
            )
            counts -= count * np.array(self._sides(value), np.int64)
        sides = zip(counts[:2].tolist(), counts[2:].tolist(), ("below", "above"), strict=True)
        for many, far, where in () if shifted else sides:
            # A call of a few rows has no share to go by: all of them far outside is enough.
            if (
                (many >= _SOME and many >= _MANY * total)
                or (far >= _FEWEST and far >= _FAR_SHARE * total)
                or (0 < far == total < _SOME)
            ):
                yield (
                    f"{WARNING}{name}: {many / total:.0%} of {counted(total, 'number')} are "
                    f"{where} all in training ({ends}) and taken as the last of these: is it "
                    "another unit or way of writing?"
                )

    def _sides(self, value: float) -> tuple[bool, bool, bool, bool]:
        """Tell whether a number lies below, above, far below, far above."""
        low, high, width = self._low, self._high, self._high - self._low
        return value < low, value > high, value < low - width, value > high + width

    def repeated(self, total: int) -> list[tuple[float, int]]:
        """Return the numbers that stand for no value, as it seems, with their rows."""
        found = []
        for value, count in self.repeats.most_common():
            likely = self.stands_in(value)
            share = _SHARE if likely else _ANY_SHARE
            if not likely and count >= _HALF * total:
                continue  # such as the next year
            if count >= max(_FEWEST, share * total) and self._alone(value, count):
                found.append((value, count))
        return found[:_FEW]

    def others(self, bins: Sequence[int]) -> list[int]:
        """Return how many numbers lie between, low and high, without those that are repeated."""
        between, low, high = bins
        for value, count in self.repeated(sum(bins)):
            below, above, *_ = self._sides(value)
            low, high = low - count * below, high - count * above
        return [between, max(0, low), max(0, high)]

    def stands_in(self, value: float) -> bool:
        """Tell whether a number is such as stands for no value: -1, 0, 9999, or far outside."""
        likely = value % 1 == 0 and _STAND_IN.fullmatch(f"{value:.0f}") is not None
        return any(self._sides(value)[2:]) or value == 0 or likely

    def _alone(self, value: float, count: int) -> bool:
        """Tell whether a number is far more frequent than the others on its side."""
        side = [
            other for each, other in self.repeats.items()
            if (each > self._high) == (value > self._high) and each != value
        ]  # fmt: skip
        return count >= _TIMES * sum(side) / max(1, len(side))


_FEW, _TIMES, _HALF = 3, 5, 0.5
_CALLED = {".": "decimal points", ",": "decimal commas"}


def marked_otherwise(
    texts: Sequence[str], odd: Floats, decimal: str, low: float, high: float
) -> Bools:
    """Return which texts (V,) are outside of what training had, low to high, and would be within
    if their only mark between thousands were a decimal mark. odd: as `outside` gives it."""
    found = np.zeros(len(texts), np.bool_)
    form = _THOUSANDS["," if decimal == "." else "."]
    for place in np.flatnonzero(~np.isnan(odd)).tolist():
        if form.fullmatch(texts[place]) and abs(odd[place]) >= _LEAST_THOUSANDS:
            found[place] = low <= odd[place] / 1000 <= high
    return found


_THOUSANDS = {mark: re.compile(rf"[^\d.,]*\d{{1,3}}[{mark}]\d{{3}}[^\d.,]*") for mark in ".,"}
_LEAST_THOUSANDS = 1000
