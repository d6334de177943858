"""Cosines as probabilities of a match, and how far such probabilities can be believed."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from dssmcli.metrics import Bools, Floats, as_floats, check_aligned

BINS = 15
_STEPS = 100
_SMALLEST_STEP = 1e-10
_FLAT = 1e-10
_SURE = 1e-15
"""A probability this near to 0 or 1 counts as no nearer, so that one row's loss is finite."""


class Calibration(NamedTuple):
    """P(match) = sigmoid(scale * cosine + shift), scale >= 0 (Platt, 1999)."""

    scale: float
    shift: float

    def probability(self, cosines: ArrayLike) -> Floats:
        """Return the probability of a match, float64, for cosines of any shape."""
        with np.errstate(over="ignore"):  # infinity is as sure as can be
            return _sigmoid(self.scale * as_floats(cosines) + self.shift)


def _sigmoid(logits: Floats) -> Floats:
    small = np.exp(-np.abs(logits))
    return np.asarray(np.where(logits >= 0, 1.0, small) / (1.0 + small))


def fit_calibration(cosines: ArrayLike, positive: ArrayLike) -> Calibration:
    """Fit a calibration by maximum likelihood to pairs (N,) of both classes, finite cosines.

    Platt's targets, (N+ + 1) / (N+ + 2) and 1 / (N- + 2), keep it finite where the classes do not
    overlap; Newton's method as in Lin, Lin & Weng, Machine Learning 68 (2007). Where matches score
    lower than the rest, the scale is 0 and every pair as likely as the next.
    """
    values, labels = as_floats(cosines), np.asarray(positive, dtype=bool)
    check_aligned(values, labels)
    matches, others = int(labels.sum()), int((~labels).sum())
    assert matches and others, "a calibration needs both classes"
    target = np.where(labels, (matches + 1) / (matches + 2), 1 / (others + 2))
    mean, spread = float(values.mean()), float(values.std())
    level = float(target.mean())
    flat = Calibration(0.0, math.log(level / (1 - level)))
    if spread <= _FLAT:  # as good as one cosine
        return flat
    scale, shift = _newton((values - mean) / spread, target, flat.shift)
    # The likelihood has one peak: where that has a negative scale, the best of the rest has 0.
    return Calibration(scale / spread, shift - scale * mean / spread) if scale > 0 else flat


def _newton(values: Floats, target: Floats, shift: float) -> tuple[float, float]:
    """Return the scale and the shift of the highest likelihood, from scale 0 and this shift."""
    at = np.array([0.0, shift])
    loss = _cross_entropy(at[0] * values + at[1], target)
    for _ in range(_STEPS):
        step, slope = _step(values, target, at)
        size = 1.0
        while (tried := _loss_at(values, target, at + size * step)) > loss + 1e-4 * size * slope:
            size /= 2
            if size < _SMALLEST_STEP:
                return float(at[0]), float(at[1])
        at, loss = at + size * step, tried
        if -slope < _FLAT:
            break
    return float(at[0]), float(at[1])


def _step(values: Floats, target: Floats, at: Floats) -> tuple[Floats, float]:
    """Return Newton's step (2,) and how steeply the loss falls along it."""
    chance = _sigmoid(at[0] * values + at[1])
    weight, error = chance * (1 - chance), chance - target
    gradient = np.array([error @ values, error.sum()])
    crossed = weight @ values
    # A little more than the second derivatives, which vanish where everything is sure.
    curve = np.array([[weight @ values**2, crossed], [crossed, weight.sum()]]) + 1e-12 * np.eye(2)
    step = -np.linalg.solve(curve, gradient)
    return step, float(gradient @ step)


def _loss_at(values: Floats, target: Floats, at: Floats) -> float:
    return _cross_entropy(at[0] * values + at[1], target)


def _cross_entropy(logits: Floats, target: Floats) -> float:
    return float((np.logaddexp(0.0, logits) - target * logits).sum())


# How good are probabilities? All arrays (N,).


def log_losses(probability: ArrayLike, positive: ArrayLike) -> Floats:
    """Return what each row costs: -log of the probability given to what it is."""
    chance = as_floats(probability)
    given = np.where(np.asarray(positive, dtype=bool), chance, 1 - chance)
    return np.asarray(-np.log(np.maximum(given, _SURE)))


def brier_scores(probability: ArrayLike, positive: ArrayLike) -> Floats:
    """Return the squared distance of each probability from 1 for a match, else from 0."""
    labels: Bools = np.asarray(positive, dtype=bool)
    return np.asarray((as_floats(probability) - labels) ** 2)


class Bin(NamedTuple):
    """Some rows of about equal predictions: their mean, and the mean of what is true.

    For probabilities that is the share of matches.
    """

    predicted: float
    true: float
    rows: int


def reliability(predicted: ArrayLike, truth: ArrayLike, bins: int = BINS) -> list[Bin]:
    """Return bins of equal counts by what is predicted; fewer if there are fewer rows.

    Rows of equal predictions each count as their mean, so that the order of the input decides
    nothing. truth: whether each row is a match, or a number of the same unit as the predictions.
    """
    chance, labels = as_floats(predicted), np.asarray(truth, dtype=np.float64)
    check_aligned(chance, labels)
    if not len(chance):
        return []
    _, group, sizes = np.unique(chance, return_inverse=True, return_counts=True)
    means = np.bincount(group, weights=labels) / sizes
    parts = min(bins, len(chance))
    guesses = np.array_split(np.sort(chance), parts)
    truths = np.array_split(means[np.sort(group)], parts)
    return [
        Bin(float(guess.mean()), float(true.mean()), len(guess))
        for guess, true in zip(guesses, truths, strict=True)
    ]


def calibration_error(probability: ArrayLike, positive: ArrayLike, bins: int = BINS) -> float:
    """Return the expected calibration error over bins of equal counts; nan without rows.

    That is the mean distance of a bin's mean probability from its share of matches.
    """
    found = reliability(probability, positive, bins)
    if not found:
        return math.nan
    return sum(abs(b.predicted - b.true) * b.rows for b in found) / sum(b.rows for b in found)
