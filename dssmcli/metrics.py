"""How good scores are: arrays in, floats out, nan where a metric is undefined.

A higher score is a better match. `positive` is boolean (or 0/1), one entry a score. Equal scores
never take their order from the input: a pair counts half. A score that is nan makes every figure
nan, so that a diverged model shows.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


# Two classes: is the pair a match?


class _Cuts(NamedTuple):
    """What matches when the line is drawn under each distinct score (C,), highest first."""

    scores: Floats
    true: Ints  # positives at or above the line
    false: Ints  # negatives at or above the line


def _cuts(scores: ArrayLike, positive: ArrayLike) -> _Cuts:
    """Count matches at every place where a line can be drawn; no places if a score is nan."""
    values, labels = as_floats(scores), np.asarray(positive, dtype=bool)
    check_aligned(values, labels)
    if np.isnan(values).any():
        values, labels = values[:0], labels[:0]
    order = np.argsort(-values)
    values = values[order]
    last = np.flatnonzero(np.append(values[1:] != values[:-1], True)[: len(values)])
    true = np.cumsum(labels[order], dtype=np.int64)[last]
    return _Cuts(values[last], true, last + 1 - true)


def as_floats(values: ArrayLike) -> Floats:
    """Return the values as float64."""
    return np.asarray(values, dtype=np.float64)


def check_aligned(*columns: NDArray[Any]) -> None:
    """Assert that all columns are (N,) for one N."""
    shapes = [column.shape for column in columns]
    assert len(shapes[0]) == 1 and len(set(shapes)) == 1, shapes


def auc(scores: ArrayLike, positive: ArrayLike) -> float:
    """Return the share of (positive, negative) pairs in the right order; ties count half.

    nan when a class is missing.
    """
    cuts = _cuts(scores, positive)
    if not len(cuts.true) or not cuts.true[-1] or not cuts.false[-1]:
        return math.nan
    # Trapezoids, doubled to stay in whole numbers.
    area = np.diff(cuts.false, prepend=0) * (2 * cuts.true - np.diff(cuts.true, prepend=0))
    return float(area.sum() / (2.0 * cuts.true[-1] * cuts.false[-1]))


def auc_doubt(positives: float, negatives: float) -> float:
    """Return by how much the AUC of so many rows may be off one half by chance: three standard
    deviations of the Mann-Whitney statistic. Infinite for few rows, or without a class."""
    rows = positives + negatives
    if min(positives, negatives) <= 0 or rows < _FEWEST_ROWS:
        return math.inf
    return 3 * math.sqrt((rows + 1) / (12 * positives * negatives))


def correlation_doubt(rows: int) -> float:
    """Return by how much a rank correlation of so many rows may be off 0 by chance."""
    return math.inf if rows < _FEWEST_ROWS else 3 / math.sqrt(rows - 1)


_FEWEST_ROWS = 20


def average_precision(scores: ArrayLike, positive: ArrayLike) -> float:
    """Return the step-wise area under precision and recall, equal scores being one step.

    nan without a positive. Equals scikit-learn's `average_precision_score`.
    """
    cuts = _cuts(scores, positive)
    if not len(cuts.true) or not cuts.true[-1]:
        return math.nan
    precision = cuts.true / (cuts.true + cuts.false)
    return float((np.diff(cuts.true, prepend=0) * precision).sum() / cuts.true[-1])


class PrecisionRecall(NamedTuple):
    """Precision and recall with the line drawn under each distinct score (C,), highest first."""

    scores: Floats
    precision: Floats
    recall: Floats


def precision_recall(scores: ArrayLike, positive: ArrayLike) -> PrecisionRecall:
    """Return precision and recall at every place for a line; no places if a score is nan.

    Recall is nan without a positive.
    """
    cuts = _cuts(scores, positive)
    positives = cuts.true[-1] if len(cuts.true) and cuts.true[-1] else math.nan
    return PrecisionRecall(
        cuts.scores,
        as_floats(cuts.true / (cuts.true + cuts.false)),
        as_floats(cuts.true / positives),
    )


class Roc(NamedTuple):
    """Shares of the negatives and of the positives at or above each line, (C + 1,), from 0 to 1."""

    false: Floats
    true: Floats


def roc(scores: ArrayLike, positive: ArrayLike) -> Roc:
    """Return the curve whose area is the AUC; nan where a class is missing."""
    cuts = _cuts(scores, positive)
    shares = []
    for counts in (cuts.false, cuts.true):
        total = counts[-1] if len(counts) and counts[-1] else math.nan
        shares.append(as_floats(np.append(0, counts) / total))
    return Roc(*shares)


def best_threshold(scores: ArrayLike, positive: ArrayLike) -> float:
    """Return the threshold of the highest accuracy, between equals that of the higher F1.

    It lies midway between two neighbouring scores, and is exact in the scores' own float type, so
    that it separates them wherever it is compared. If everything should match it is the lowest
    score, if nothing the next float above the highest. nan unless all scores are finite.
    """
    cuts = _cuts(scores, positive)
    if not len(cuts.scores) or not np.isfinite(cuts.scores).all():
        return math.nan
    # Accuracy up to a constant; first entry: nothing matches.
    gained = np.concatenate([[0], cuts.true - cuts.false])
    # At equal accuracy F1 grows with the true positives, so the lowest line wins.
    matched = len(gained) - 1 - int(np.argmax(gained[::-1]))
    kind = _float_type(scores)
    if matched == 0:
        return _above(kind.type(cuts.scores[0]))
    if matched == len(cuts.scores):
        return float(cuts.scores[-1])
    return _between(float(cuts.scores[matched]), float(cuts.scores[matched - 1]), kind)


def _float_type(scores: ArrayLike) -> np.dtype[Any]:
    kind = np.asarray(scores).dtype
    narrow = kind.kind == "f" and kind.itemsize < np.dtype(np.float64).itemsize
    return kind if narrow else np.dtype(np.float64)


def _above(score: Any) -> float:
    with np.errstate(over="ignore"):  # infinity is right above the largest float
        return float(np.nextafter(score, type(score)(math.inf)))


def _between(low: float, high: float, kind: np.dtype[Any]) -> float:
    middle = float(kind.type(low / 2 + high / 2))
    return middle if low < middle <= high else high  # neighbouring floats have no middle


class Confusion(NamedTuple):
    """How many pairs of each class match and do not."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int


class ThresholdReport(NamedTuple):
    """Figures at one threshold; nan where the denominator is zero."""

    accuracy: float
    precision: float
    recall: float
    f1: float


def confusion(scores: ArrayLike, positive: ArrayLike, threshold: float) -> Confusion:
    """Count pairs by class and by `score >= threshold`; a nan score does not match."""
    # In float64: numpy would round the threshold to float32 to compare it with float32 scores.
    values, labels = as_floats(scores), np.asarray(positive, dtype=bool)
    check_aligned(values, labels)
    match = values >= threshold
    true, matches, positives = (int(x.sum()) for x in (match & labels, match, labels))
    return Confusion(
        true_positive=true,
        false_positive=matches - true,
        false_negative=positives - true,
        true_negative=len(values) - matches - positives + true,
    )


def at_threshold(scores: ArrayLike, positive: ArrayLike, threshold: float) -> ThresholdReport:
    """Return accuracy, precision, recall and F1 of calling `score >= threshold` a match.

    Precision is nan when nothing matches, recall without a positive, all of them without a pair
    or when a score or the threshold is nan.
    """
    if math.isnan(threshold) or np.isnan(as_floats(scores)).any():
        return ThresholdReport(math.nan, math.nan, math.nan, math.nan)
    hit, wrong, missed, rest = confusion(scores, positive, threshold)
    return ThresholdReport(
        accuracy=_ratio(hit + rest, hit + wrong + missed + rest),
        precision=_ratio(hit, hit + wrong),
        recall=_ratio(hit, hit + missed),
        f1=_ratio(2 * hit, 2 * hit + wrong + missed),
    )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


# Grades: do the scores follow them?


def pearson(a: ArrayLike, b: ArrayLike) -> float:
    """Return the linear correlation of two arrays (N,); nan if one is constant or not finite."""
    first, second = as_floats(a), as_floats(b)
    check_aligned(first, second)
    if not first.size or not (np.isfinite(first).all() and np.isfinite(second).all()):
        return math.nan
    return float(np.clip(_direction(first) @ _direction(second), -1.0, 1.0))


def _direction(values: Floats) -> Floats:
    """Return the centred values at length 1, or nan if they are constant."""
    if values.min() == values.max():  # the rounded mean need not equal the constant
        return np.full_like(values, math.nan)
    # Scaled to at most 1, so that no sum or square overflows; powers of two scale without rounding.
    values = np.ldexp(values, -np.frexp(np.abs(values).max())[1])
    centred = values - values.mean()
    return as_floats(centred / np.sqrt(centred @ centred))


def spearman(a: ArrayLike, b: ArrayLike) -> float:
    """Return the rank correlation of two arrays (N,), equal values sharing their average rank.

    nan if one is constant or holds nan.
    """
    return pearson(_average_ranks(a), _average_ranks(b))


def _average_ranks(values: ArrayLike) -> Floats:
    array = as_floats(values)
    if np.isnan(array).any():
        return np.full_like(array, math.nan)
    _, group, sizes = np.unique(array, return_inverse=True, return_counts=True)
    return as_floats((np.cumsum(sizes) - (sizes - 1) / 2)[group])


# Numbers: how far off are predictions?


class WatchTime(NamedTuple):
    """Watch time by user, (U,): in all pairs of a clicked and an unclicked impression, and in those
    of them whose unclicked one has the higher score (half of those with the same)."""

    mispredicted: Floats
    total: Floats

    @property
    def loss(self) -> float:
        """Return the weighted per-user loss (Covington et al., RecSys 2016, section 4.3)."""
        total = self.total.sum()
        return float(self.mispredicted.sum() / total) if total else math.nan


def watch_time_pairs(
    scores: ArrayLike, watched: ArrayLike, clicked: ArrayLike, user: ArrayLike
) -> WatchTime:
    """Compare scores (N,) of impressions of users (N,), 0..U-1, within each user.

    The watch time of a clicked one is lost to each unclicked one that scores higher.

    The paper's pairs are of one page; here they are of all the impressions of a user.
    """
    score, time = as_floats(scores), as_floats(watched)
    hit, who = np.asarray(clicked, dtype=bool), np.asarray(user, dtype=np.int64)
    check_aligned(score, time, hit, who)
    order = np.lexsort((score, who))
    score, time, hit, who = score[order], time[order], hit[order], who[order]
    users = int(who.max(initial=-1)) + 1
    missed = np.append(0, np.cumsum(~hit))
    fresh = np.ones(len(who), dtype=bool)
    fresh[1:] = (who[1:] != who[:-1]) | (score[1:] != score[:-1])
    level = np.cumsum(fresh) - 1
    begins = np.flatnonzero(fresh)
    ends = np.append(begins[1:], len(who))
    last = np.searchsorted(who, np.arange(users), "right")
    first = np.searchsorted(who, np.arange(users))
    higher = missed[last][who] - missed[ends[level]]
    ties = missed[ends[level]] - missed[begins[level]]
    others = missed[last][who] - missed[first][who]
    own = np.where(hit, time, 0.0)
    return WatchTime(
        np.bincount(who, own * (higher + ties / 2), users).astype(np.float64),
        np.bincount(who, own * others, users).astype(np.float64),
    )


def rmse(predicted: ArrayLike, truth: ArrayLike) -> float:
    """Return the root of the mean squared error of predictions (N,), nan without any."""
    guess, values = as_floats(predicted), as_floats(truth)
    check_aligned(guess, values)
    return math.sqrt(((values - guess) ** 2).mean()) if values.size else math.nan


def mae(predicted: ArrayLike, truth: ArrayLike) -> float:
    """Return the mean size of the error of predictions (N,), nan without any."""
    guess, values = as_floats(predicted), as_floats(truth)
    check_aligned(guess, values)
    return float(np.abs(values - guess).mean()) if values.size else math.nan


def r_squared(predicted: ArrayLike, truth: ArrayLike) -> float:
    """Return the share of the variance that predictions (N,) explain; nan if there is none."""
    guess, values = as_floats(predicted), as_floats(truth)
    check_aligned(guess, values)
    if not values.size or values.min() == values.max() or not np.isfinite(guess).all():
        return math.nan
    left, whole = ((values - guess) ** 2).sum(), ((values - values.mean()) ** 2).sum()
    return float(1 - left / whole)
