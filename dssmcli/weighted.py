"""Figures of rows that count several times: what a bootstrap works out anew for every draw.

With every count 1 they are those of `metrics` and `rankings`. Whatever does not change from draw
to draw (orders, ranks, the figures of single queries) is worked out once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dssmcli.metrics import Bools, Floats, Ints, check_aligned

_CONSTANT = 1e-12
"""A variance this small a part of the mean square is rounding."""


class Draw(NamedTuple):
    """How often each query (C,) was drawn, and with it each of its rows (N,); whole numbers."""

    queries: Floats
    rows: Floats


class Measure(NamedTuple):
    """Figures that are worked out together: a draw in, their values out, nan where undefined."""

    names: tuple[str, ...]
    of: Callable[[Draw], Sequence[float]]


def two_classes(scores: Floats, positive: Bools, threshold: float | None) -> Measure:
    """Return AUC, average precision and, given a threshold, accuracy, precision, recall and F1.

    scores: (N,), the highest first, no nan. positive: (N,). All are nan for a draw of one class.
    """
    check_aligned(scores, positive)
    assert (scores[1:] <= scores[:-1]).all(), "scores are not in order"
    names = ("auc", "average_precision")
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)[: len(scores)])
    labels = positive.astype(np.float64)

    def counted(draw: Draw) -> tuple[Floats, Floats]:
        return np.cumsum(draw.rows * labels)[last], np.cumsum(draw.rows)[last]

    if threshold is None:
        return Measure(names, lambda draw: _areas(*counted(draw)))
    matched = int(np.count_nonzero(scores[last] >= threshold))

    def figures(draw: Draw) -> list[float]:
        true, both = counted(draw)
        return [*_areas(true, both), *_at_line(true, both, matched)]

    return Measure((*names, "accuracy", "precision", "recall", "f1"), figures)


def _areas(true: Floats, both: Floats) -> list[float]:
    """Return AUC and average precision: positives and rows at or above each line (C,)."""
    positives, negatives = true[-1], both[-1] - true[-1]
    if not positives or not negatives:
        return [math.nan, math.nan]
    gained = np.diff(true, prepend=0.0)
    missed = np.diff(both, prepend=0.0) - gained
    area = missed @ (true - gained / 2)
    # Lines above which nothing was drawn gain nothing, so their precision does not matter.
    precise = gained @ (true / np.maximum(both, 1.0))
    return [float(area / (positives * negatives)), float(precise / positives)]


def _at_line(true: Floats, both: Floats, matched: int) -> list[float]:
    """Return accuracy, precision, recall and F1 with the line under so many distinct scores."""
    positives, rows = true[-1], both[-1]
    if not positives or positives == rows:
        return [math.nan] * 4
    hit, matches = (true[matched - 1], both[matched - 1]) if matched else (0.0, 0.0)
    right = hit + (rows - positives) - (matches - hit)
    precision = float(hit / matches) if matches else math.nan
    figures = (right / rows, precision, hit / positives, 2 * hit / (matches + positives))
    return [float(figure) for figure in figures]


def correlations(scores: Floats, values: Floats) -> Measure:
    """Return Spearman's and Pearson's correlation of two arrays (N,) of finite numbers."""
    check_aligned(scores, values)
    score_ranks, value_ranks = _Ranks(scores), _Ranks(values)
    score, value = _centred(scores), _centred(values)

    def figures(draw: Draw) -> list[float]:
        ranks = score_ranks.of(draw.rows), value_ranks.of(draw.rows)
        return [_correlation(*ranks, draw.rows), _correlation(score, value, draw.rows)]

    return Measure(("spearman", "pearson"), figures)


class _Ranks:
    """The average ranks of values (N,) that count several times, less their mean."""

    def __init__(self, values: Floats) -> None:
        distinct, self._group = np.unique(values, return_inverse=True)
        self._groups = len(distinct)

    def of(self, rows: Floats) -> Floats:
        sizes = np.bincount(self._group, weights=rows, minlength=self._groups)
        above = np.cumsum(sizes)
        return np.asarray((above - (sizes + above[-1]) / 2)[self._group])


def _centred(values: Floats) -> Floats:
    """Return values at most 1 in size, their mean about 0: no sum overflows or loses digits."""
    scaled = np.ldexp(values, -np.frexp(np.abs(values).max(initial=1e-300))[1])
    return np.asarray(scaled - scaled.mean())


def _correlation(a: Floats, b: Floats, rows: Floats) -> float:
    """Return Pearson's correlation of arrays (N,) of which each row counts so often."""
    total, weighted_a, weighted_b = rows.sum(), rows * a, rows * b
    if not total:
        return math.nan
    sum_a, sum_b = weighted_a.sum(), weighted_b.sum()
    square_a, square_b = weighted_a @ a, weighted_b @ b
    varied_a, varied_b = square_a - sum_a**2 / total, square_b - sum_b**2 / total
    if varied_a <= _CONSTANT * square_a or varied_b <= _CONSTANT * square_b:
        return math.nan
    together = weighted_a @ b - sum_a * sum_b / total
    return float(np.clip(together / math.sqrt(varied_a * varied_b), -1.0, 1.0))


def number_errors(predicted: Floats, truth: Floats) -> Measure:
    """Return the RMSE, the mean absolute error and R² of predictions (N,) of finite numbers."""
    check_aligned(predicted, truth)
    size, square = np.abs(truth - predicted), (truth - predicted) ** 2
    # About the mean, or the squares of numbers far from 0 would differ in rounding alone.
    centred = truth - truth.mean() if len(truth) else truth
    varied = centred**2

    def figures(draw: Draw) -> list[float]:
        total = draw.rows.sum()
        if not total:
            return [math.nan] * 3
        left, mean = float(draw.rows @ square), float(draw.rows @ centred / total)
        squares = float(draw.rows @ varied)
        whole = squares - mean * mean * total
        explained = 1 - left / whole if whole > _CONSTANT * squares else math.nan
        return [math.sqrt(left / total), float(draw.rows @ size / total), explained]

    return Measure(("rmse", "mae", "r2"), figures)


def of_some_rows(measure: Measure, rows: Ints, prefix: str) -> Measure:
    """Return a measure of n of the rows as one of all N, its names behind a prefix; rows: (n,)."""
    names = tuple(f"{prefix}{name}" for name in measure.names)
    return Measure(names, lambda draw: measure.of(Draw(draw.queries, draw.rows[rows])))


def row_means(figures: Mapping[str, Floats]) -> Measure:
    """Return the mean of each figure over rows; each is (N,)."""
    columns = list(figures.values())
    return Measure(tuple(figures), lambda draw: _means(columns, draw.rows))


def query_means(figures: Mapping[str, Floats], queries: Ints) -> Measure:
    """Return the mean of each figure over queries: each is (Q,), of the queries named (Q,)."""
    columns = list(figures.values())
    return Measure(tuple(figures), lambda draw: _means(columns, draw.queries[queries]))


def _means(columns: Sequence[Floats], counts: Floats) -> list[float]:
    total = counts.sum()
    return [float(counts @ column / total) if total else math.nan for column in columns]


def query_ratio(name: str, part: Floats, whole: Floats, queries: Ints) -> Measure:
    """Return the ratio of two sums over queries; each (Q,), of the queries named (Q,).

    Infinite where only the second is 0, nan where both are.
    """

    def figure(draw: Draw) -> list[float]:
        counts = draw.queries[queries]
        return [ratio(float(counts @ part), float(counts @ whole))]

    return Measure((name,), figure)


def ratio(part: float, whole: float) -> float:
    """Return part / whole for numbers of 0 or more: infinite over 0, but nan for 0 / 0."""
    if whole:
        return part / whole
    return math.inf if part else math.nan
