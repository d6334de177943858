"""Figures known by hand, from scikit-learn and from scipy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn import metrics as sk

from dssmcli.metrics import (
    Confusion,
    ThresholdReport,
    at_threshold,
    auc,
    average_precision,
    best_threshold,
    confusion,
    mae,
    pearson,
    r_squared,
    rmse,
    spearman,
)

SEEDS = range(8)
TwoClass = Callable[[Any, Any], float]


def tied_pairs(seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Scores from few values, in a type that changes with the seed, and labels that follow them."""
    random = np.random.default_rng(seed)
    count = int(random.integers(5, 200))
    scores = random.integers(0, random.integers(2, 30), count)
    positive = scores + random.normal(size=count) * 5 > scores.mean()
    positive[:2] = [True, False]
    kind = (np.float32, np.float64, np.int64, np.float16)[seed % 4]
    return (scores if kind is np.int64 else scores / 7).astype(kind), positive


# Two classes


@pytest.mark.parametrize("seed", SEEDS)
def test_auc_is_scikit_learns(seed: int) -> None:
    scores, positive = tied_pairs(seed)
    assert auc(scores, positive) == pytest.approx(sk.roc_auc_score(positive, scores), abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_average_precision_is_scikit_learns(seed: int) -> None:
    scores, positive = tied_pairs(seed)
    expected = sk.average_precision_score(positive, scores)
    assert average_precision(scores, positive) == pytest.approx(expected, abs=1e-12)


def test_auc_counts_pairs_in_order_and_ties_as_half() -> None:
    assert auc([3, 2, 1], [True, False, False]) == 1.0
    assert auc([1, 2, 3], [True, False, False]) == 0.0
    assert auc([5, 5, 5, 5], [1, 0, 0, 1]) == 0.5
    # Pairs: (3, 2) right, (3, 1) right, (2, 2) half, (2, 1) right.
    assert auc([3, 2, 2, 1], [True, True, False, False]) == 3.5 / 4


def test_average_precision_by_hand() -> None:
    # Positives at ranks 1 and 3.
    assert average_precision([4, 3, 2, 1], [1, 0, 1, 0]) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([7, 7, 7, 7], [1, 0, 0, 0]) == 0.25


@pytest.mark.parametrize("metric", [auc, average_precision])
def test_infinite_scores_are_only_the_highest_and_the_lowest(metric: TwoClass) -> None:
    labels = [True, False, True, False]
    infinite = [math.inf, math.inf, 0.5, -math.inf]
    assert metric(infinite, labels) == metric([9, 9, 0.5, -9], labels)


@pytest.mark.parametrize("metric", [auc, average_precision, best_threshold])
def test_input_order_never_matters_for_two_classes(metric: TwoClass) -> None:
    scores, positive = tied_pairs(3)
    order = np.random.default_rng(0).permutation(len(scores))
    assert metric(scores[order], positive[order]) == metric(scores, positive)


@pytest.mark.parametrize("positive", [[True] * 3, [False] * 3])
def test_auc_of_one_class_is_nan(positive: list[bool]) -> None:
    assert math.isnan(auc([1, 2, 3], positive))


def test_average_precision_is_nan_without_a_positive_and_one_without_a_negative() -> None:
    assert math.isnan(average_precision([1, 2], [False, False]))
    assert average_precision([1, 2], [True, True]) == 1.0


@pytest.mark.parametrize("metric", [auc, average_precision, best_threshold])
@pytest.mark.parametrize("scores", [[], [math.nan, 1.0], [1.0, math.nan]])
def test_no_scores_or_a_nan_score_give_nan(metric: TwoClass, scores: list[float]) -> None:
    assert math.isnan(metric(scores, [True, False][: len(scores)]))


@pytest.mark.parametrize("metric", [auc, average_precision, best_threshold])
def test_arrays_of_different_lengths_are_refused(metric: TwoClass) -> None:
    with pytest.raises(AssertionError):
        metric([1.0, 2.0], [True])


# The threshold


def brute_force_best(scores: NDArray[Any], positive: NDArray[Any]) -> tuple[float, float]:
    """The highest accuracy, and the highest F1 at that accuracy, over every possible line."""
    matches = [scores >= line for line in np.unique(scores)] + [np.zeros_like(positive)]
    return max(
        (
            float(np.mean(match == positive)),
            float(2 * np.sum(match & positive) / (match.sum() + positive.sum())),
        )
        for match in matches
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_the_best_threshold_has_the_highest_accuracy_then_the_highest_f1(seed: int) -> None:
    scores, positive = tied_pairs(seed)
    report = at_threshold(scores, positive, best_threshold(scores, positive))
    assert (report.accuracy, report.f1) == pytest.approx(brute_force_best(scores, positive))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_figures_at_a_threshold_are_scikit_learns(seed: int) -> None:
    scores, positive = tied_pairs(seed)
    threshold = float(np.median(scores))
    match = scores.astype(float) >= threshold
    assert at_threshold(scores, positive, threshold) == pytest.approx(
        (
            sk.accuracy_score(positive, match),
            sk.precision_score(positive, match),
            sk.recall_score(positive, match),
            sk.f1_score(positive, match),
        )
    )


def test_the_threshold_lies_midway_between_neighbouring_scores() -> None:
    assert best_threshold([0.1, 0.2, 0.6, 0.9], [False, False, True, True]) == pytest.approx(0.4)


def test_between_equal_accuracies_the_higher_f1_wins() -> None:
    # Both lines leave one error: under 4 (recall 1/2, F1 2/3) and under 2 (recall 1, F1 4/5).
    assert best_threshold([4, 3, 2, 1], [True, False, True, False]) == 1.5


def test_when_all_or_none_should_match_the_threshold_lies_at_the_edge() -> None:
    assert best_threshold([1.0, 2.0], [True, True]) == 1.0
    assert best_threshold([1.0, 2.0], [False, False]) == math.nextafter(2.0, math.inf)
    assert best_threshold([2.0, 2.0, 2.0], [True, False, False]) > 2.0


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("low", [0.5, -0.5, 0.0])
def test_neighbouring_floats_are_separated_even_in_their_own_type(kind: Any, low: float) -> None:
    scores = np.array([low, np.nextafter(kind(low), kind(1))], dtype=kind)
    threshold = best_threshold(scores, [False, True])
    assert (scores >= kind(threshold)).tolist() == [False, True]
    assert at_threshold(scores, [False, True], threshold).accuracy == 1.0


def test_the_largest_floats_do_not_overflow_the_threshold() -> None:
    largest = float(np.finfo(np.float64).max)
    assert best_threshold([-largest, largest], [False, True]) == 0.0
    assert best_threshold([largest], [False]) == math.inf


def test_infinite_scores_have_no_best_threshold() -> None:
    assert math.isnan(best_threshold([-math.inf, math.inf], [False, True]))


def test_a_score_equal_to_the_threshold_is_a_match() -> None:
    assert confusion([0.5, 0.4, 0.5, 0.4, 0.4], [1, 1, 0, 0, 0], 0.5) == Confusion(
        true_positive=1, false_positive=1, false_negative=1, true_negative=2
    )


def test_figures_at_a_threshold_by_hand() -> None:
    report = at_threshold([0.9, 0.8, 0.7, 0.1], [True, False, False, True], 0.5)
    assert report == pytest.approx(ThresholdReport(0.25, 1 / 3, 0.5, 0.4))


def test_figures_with_a_zero_denominator_are_nan() -> None:
    nothing_matches = at_threshold([1, 2], [True, False], 3.0)
    assert nothing_matches == pytest.approx((0.5, math.nan, 0.0, 0.0), nan_ok=True)
    no_positive = at_threshold([1, 2], [False, False], 2.0)
    assert no_positive == pytest.approx((0.5, 0.0, math.nan, 0.0), nan_ok=True)


@pytest.mark.parametrize(("scores", "threshold"), [([], 0.5), ([math.nan], 0.5), ([1], math.nan)])
def test_a_threshold_report_is_nan_without_scores_or_with_nan(
    scores: list[float], threshold: float
) -> None:
    assert all(math.isnan(x) for x in at_threshold(scores, [True] * len(scores), threshold))


# Correlation


@pytest.mark.parametrize("seed", SEEDS)
def test_correlations_are_scipys(seed: int) -> None:
    random = np.random.default_rng(seed)
    grades = random.integers(0, 6, 50)
    scores = (grades + random.integers(-3, 4, 50)).astype(np.float32)
    assert spearman(scores, grades) == pytest.approx(stats.spearmanr(scores, grades).statistic)
    assert pearson(scores, grades) == pytest.approx(stats.pearsonr(scores, grades).statistic)


def test_correlation_is_one_for_a_line_and_rank_correlation_for_any_rise() -> None:
    assert pearson([1, 2, 3], [30, 50, 70]) == pytest.approx(1.0)
    assert pearson([1, 2, 3], [3, 2, 1]) == pytest.approx(-1.0)
    assert spearman([1, 2, 3, 4], [1, 10, 100, 1e300]) == pytest.approx(1.0)
    assert spearman([-math.inf, 0, math.inf], [1, 2, 3]) == pytest.approx(1.0)


@pytest.mark.parametrize("scale", [1e-310, 1e-200, 1e200, 1.7e308])
def test_pearson_neither_overflows_nor_underflows(scale: float) -> None:
    values = np.array([-1.0, 0.5, 1.0, 0.75])
    assert pearson(values * scale, [1, 2, 4, 3]) == pytest.approx(pearson(values, [1, 2, 4, 3]))


@pytest.mark.parametrize("metric", [pearson, spearman])
@pytest.mark.parametrize("values", [[0.1] * 3, [0.0] * 3, [1.0, math.nan, 2.0], [], [4.0]])
def test_the_correlation_with_a_constant_or_nan_is_nan(
    metric: TwoClass, values: list[float]
) -> None:
    other = list(range(len(values)))
    assert math.isnan(metric(values, other))
    assert math.isnan(metric(other, values))


def test_pearson_of_an_infinite_value_is_nan() -> None:
    assert math.isnan(pearson([1.0, math.inf], [1, 2]))


def test_errors_of_numbers_are_scikit_learns() -> None:
    random = np.random.default_rng(4)
    truth, guess = random.normal(5, 3, 200), random.normal(5, 3, 200)
    assert rmse(guess, truth) == pytest.approx(math.sqrt(sk.mean_squared_error(truth, guess)))
    assert mae(guess, truth) == pytest.approx(sk.mean_absolute_error(truth, guess))
    assert r_squared(guess, truth) == pytest.approx(sk.r2_score(truth, guess))
    assert math.isnan(rmse([], [])) and math.isnan(mae([], []))
