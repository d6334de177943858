"""How far figures vary from sample to sample: percentile intervals and paired differences.

Queries are drawn with replacement, each with all its rows, since rows of one query are not
independent (Efron & Tibshirani, 1993, chapters 13 and 16).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dssmcli.metrics import Floats
from dssmcli.weighted import Draw, Measure

_OUTSIDE = 40
"""One draw in so many lies below a 95 % interval, and as many above."""
_CHANCE = 0.05


class Plan(NamedTuple):
    """How many times to draw, 0 for no intervals, and the seed that decides every draw."""

    draws: int
    seed: int


class Interval(NamedTuple):
    """The middle 95 % of what a figure was in the draws."""

    low: float
    high: float


class Difference(NamedTuple):
    """One figure of a run less the same of another; without draws only `value` is known.

    p: two-sided, of no difference. With n draws it is no less than 1 / n, nor, with C queries, than
    the chance 2 / 2^C that all of them fall on the same side by luck.
    """

    value: float
    interval: Interval | None = None
    p: float | None = None

    @property
    def beyond_chance(self) -> bool:
        """Tell whether so large a difference would be rare if there were none."""
        return self.p is not None and self.p <= _CHANCE


def resampled(
    measures: Sequence[Measure], query: NDArray[np.integer[Any]], plan: Plan
) -> dict[str, Floats]:
    """Return what each figure is in each draw, (draws,); nothing if there is one query only.

    query: (N,), the query of each row, 0..C-1. The same queries and plan give the same draws, so
    that figures of two models can be compared draw by draw. Memory does not grow with the draws.
    """
    queries = int(query.max(initial=-1)) + 1
    if queries < 2 or not plan.draws:
        return {}
    random = np.random.default_rng([plan.seed, 5])
    found = [np.empty((plan.draws, len(measure.names))) for measure in measures]
    for i in range(plan.draws):
        counts = np.bincount(random.integers(0, queries, queries), minlength=queries)
        drawn = counts.astype(np.float64)
        draw = Draw(drawn, drawn[query])
        for values, measure in zip(found, measures, strict=True):
            values[i] = measure.of(draw)
    return {
        name: values[:, column]
        for values, measure in zip(found, measures, strict=True)
        for column, name in enumerate(measure.names)
    }


def interval(values: Floats) -> Interval | None:
    """Return the middle 95 % of the draws (n,) in which a figure was defined; None without any."""
    known = np.sort(values[~np.isnan(values)])
    outside = len(known) // _OUTSIDE
    if not len(known):
        return None
    return Interval(float(known[outside]), float(known[-1 - outside]))


def difference(value: float, first: Floats, second: Floats, queries: int) -> Difference:
    """Judge a difference by the same draws (n,) of so many queries: second figure less first."""
    both = np.isfinite(first) & np.isfinite(second)
    gained = second[both] - first[both]
    if not len(gained):
        return Difference(value)
    tail = min(int((gained <= 0).sum()), int((gained >= 0).sum()))
    p = max(2 * tail / len(gained), 1 / len(gained), 2.0 ** (1 - queries))
    return Difference(value, interval(gained), min(1.0, p))
