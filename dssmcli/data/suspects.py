"""Finds features that give a label away: each one alone as a predictor of each task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli import metrics
from dssmcli.data.examples import Examples
from dssmcli.data.features import Floats, Ints, Reader
from dssmcli.data.tasks import Task
from dssmcli.errors import in_shell

_NEAR_PERFECT = 0.99
"""Of an AUC or an R², from which a feature is suspect."""
_FEW_ROWS = 50
_FEW_LABELS = 10
"""Of fewer positives or negatives, one feature among many ranks all by chance."""
_ENOUGH_ROWS = 20_000
_BINS = 100


def suspects(reader: Reader, train: Examples, tasks: Sequence[Task]) -> Iterator[str]:
    """Yield a warning for each feature that all but knows the label of a task."""
    for power in powers(reader, train, tasks):
        if power.score >= _NEAR_PERFECT:
            yield (
                f"{power.name} alone predicts {power.task.name} ({power.measure} "
                f"{power.score:.3f}): if it is not known before the label is, leave it out with "
                f"--ignore {in_shell(power.name)}."
            )


class Power(NamedTuple):
    """How well a feature alone predicts a task: its AUC or R² on rows held out."""

    name: str
    task: Task
    score: float

    @property
    def measure(self) -> str:
        """Return what the score is called."""
        return "AUC" if self.task.kind == "binary" else "R²"


def powers(reader: Reader, train: Examples, tasks: Sequence[Task]) -> Iterator[Power]:
    """Yield how well each feature alone predicts each task whose labels suffice to tell.

    The mean label of a feature's category, or of its number's rank bin, on one half of the rows is
    tried on the other half: AUC for a binary task, R² for a number, for which a straight line on a
    number is tried, too.
    """
    order = np.random.default_rng(0).permutation(len(train))
    rows = order[:_ENOUGH_ROWS]  # drawn, as a table may be sorted by what is predicted
    features = [*_features(reader, train, rows)]
    for k, task in enumerate(tasks):
        labels, binary = train.labels[rows, k], task.kind == "binary"
        known = np.flatnonzero(~np.isnan(labels))
        if not _tellable(labels[known], binary):
            continue
        scores: dict[str, float] = {}
        for name, group, numbers in features:
            score = _alone(group[known], labels[known], binary)
            if numbers is not None and not binary:
                score = max(score, _linear(numbers[known], labels[known]))
            scores[name] = max(scores.get(name, 0.0), score)
        yield from (Power(name, task, score) for name, score in scores.items())


def predictive_power(numbers: Floats, labels: Floats, binary: bool) -> float | None:
    """Return how well numbers (N,) predict labels (N,), as `powers` does; None for too few."""
    order = np.random.default_rng(0).permutation(len(numbers))[:_ENOUGH_ROWS]
    known = order[~np.isnan(labels[order])]
    if not _tellable(labels[known], binary):
        return None
    return _alone(_bins(numbers[known]), labels[known], binary)


def _tellable(labels: Floats, binary: bool) -> bool:
    """Tell whether there are enough labels to say how well a feature predicts them."""
    ones = int((labels > 0).sum())
    return len(labels) >= _FEW_ROWS and not (binary and min(ones, len(labels) - ones) < _FEW_LABELS)


class _Feature(NamedTuple):
    """A feature of n rows: the group that each is in, and its number (n,) if it has one."""

    name: str
    group: npt.NDArray[np.integer[Any]]
    numbers: Floats | None


def _features(reader: Reader, train: Examples, rows: Ints) -> Iterator[_Feature]:
    for feature, codes in zip(reader.schema.categorical, train.codes[rows].T, strict=True):
        yield _Feature(feature.name, codes, None)
    for number, numbers in zip(reader.schema.numeric, train.numbers[rows].T, strict=True):
        known = np.where(np.isnan(numbers), number.mean, numbers)
        yield _Feature(number.name, _bins(known), known)


def _linear(numbers: Floats, labels: Floats) -> float:
    """Return the R² of a straight line."""
    if numbers.min() == numbers.max() or labels.min() == labels.max():
        return 0.0
    return float(np.corrcoef(numbers, labels)[0, 1] ** 2)


def _bins(numbers: Floats) -> Ints:
    """Return which hundredth of the rows each one's number is in."""
    limits = np.quantile(numbers, np.linspace(0, 1, _BINS + 1)[1:-1])
    return np.asarray(np.searchsorted(limits, numbers, side="right"), np.int64)


def _alone(group: npt.NDArray[np.integer[Any]], labels: Floats, binary: bool) -> float:
    """Return how well the mean label of each group, learned on one half, fits the other half."""
    size = int(group.max()) + 1
    counts = np.bincount(group[::2], minlength=size)
    sums = np.bincount(group[::2], weights=labels[::2], minlength=size)
    overall = labels[::2].mean()
    # A group of few rows says little: as if one average row more were in each.
    guess = ((sums + overall) / (counts + 1))[group[1::2]]
    truth = labels[1::2]
    if binary:
        return metrics.auc(guess, truth > 0)
    return metrics.r_squared(guess, truth)
