"""Moments that are exact: whole numbers of any length, of which none becomes another's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ticks = npt.NDArray[Any]
"""Exact moments (n,): int64, float64 where that is exact, or objects (int and Fraction)."""
EXACT = 2**53
"""Whole numbers up to here are exact as float64."""


class Times(NamedTuple):
    """Moments of N rows. time: (N,) float64, as far behind `origin`. order: (N,), exact keys in
    whose order they are, which `time` may merge where they are very far apart."""

    time: Floats
    order: Ticks
    origin: int

    def since(self, origin: int) -> Floats:
        """Return the moments (N,) as far behind another origin."""
        return self.time + float(self.origin - origin) if origin != self.origin else self.time


def joined(parts: Sequence[Ticks]) -> Ticks:
    """Return parts as one array that is exact."""
    kinds = {part.dtype for part in parts}
    if len(kinds) > 1 and np.dtype(object) not in kinds:
        small = all(
            np.abs(part).max(initial=0) <= EXACT for part in parts if part.dtype == np.int64
        )
        if not small:
            parts = [_objects(part) for part in parts]
    elif len(kinds) > 1:
        parts = [_objects(part) for part in parts]
    return np.concatenate([np.zeros(0, parts[0].dtype if parts else np.int64), *parts])


def _objects(part: Ticks) -> Ticks:
    found = np.empty(len(part), object)
    found[:] = [
        Fraction(each) if isinstance(each, float) else each
        for each in (part if part.dtype == object else part.tolist())
    ]
    return found


def times_of(ticks: Ticks) -> Times:
    """Return numbers as times: behind 0 where that loses nothing, else behind the first."""
    if ticks.dtype == np.float64:
        return Times(ticks, ticks, 0)
    if not len(ticks) or max(abs(int(ticks.max())), abs(int(ticks.min()))) <= EXACT:
        if ticks.dtype == np.int64:
            return Times(ticks.astype(np.float64), ticks, 0)
        fractions = [each for each in ticks if not isinstance(each, int)]
        if all(Fraction(float(each)) == each for each in fractions):
            return Times(ticks.astype(np.float64), ticks.astype(np.float64), 0)
    least = ticks.min()
    origin = int(least) if ticks.dtype == np.int64 else math.floor(least)
    if ticks.dtype == np.int64 and int(ticks.max()) - origin < 2**62:
        return Times((ticks - origin).astype(np.float64), ticks, origin)
    time = np.array([float(each - origin) for each in ticks], np.float64)
    return Times(time, _ranks(ticks), origin)


def _ranks(ticks: Ticks) -> Ticks:
    """Return where each of some objects stands among the distinct ones in order, (n,)."""
    place = {each: i for i, each in enumerate(sorted(set(ticks.tolist())))}
    return np.array([place[each] for each in ticks.tolist()], np.int64)


def seconds_of(nanos: Ticks) -> Times:
    """Return dates as times in seconds."""
    order = nanos if nanos.dtype == np.int64 else _ranks(nanos)
    if not (nanos % 1000).any():
        return Times((nanos // 1000).astype(np.float64) / 1e6, order, 0)
    origin = int(nanos.min()) // 10**9
    behind = nanos - origin * 10**9
    return Times(behind.astype(np.float64) / 1e9, order, origin)
