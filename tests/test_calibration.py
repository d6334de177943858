"""Probabilities: Platt's fit finds what is known, and the figures of probabilities are right."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from dssmcli.calibration import (
    Calibration,
    brier_scores,
    calibration_error,
    fit_calibration,
    log_losses,
)


def world(
    scale: float, shift: float, rows: int, seed: int = 1
) -> tuple[NDArray[Any], NDArray[Any]]:
    random = np.random.default_rng(seed)
    cosines = random.uniform(-0.5, 1, rows)
    return cosines, random.random(rows) < 1 / (1 + np.exp(-(scale * cosines + shift)))


@pytest.mark.parametrize(("scale", "shift"), [(8.0, -3.0), (2.0, 0.5), (20.0, -15.0)])
def test_the_fit_finds_a_known_scale_and_shift(scale: float, shift: float) -> None:
    found = fit_calibration(*world(scale, shift, 200_000))
    assert found == pytest.approx((scale, shift), rel=0.03, abs=0.03)


@pytest.mark.parametrize("seed", range(5))
def test_the_fit_is_the_highest_likelihood_of_platts_targets(seed: int) -> None:
    cosines, positive = world(5.0, -1.0, 300, seed)
    found = fit_calibration(cosines, positive)
    matches, others = positive.sum(), (~positive).sum()
    high, low = (matches + 1) / (matches + 2), 1 / (others + 2)
    # A target of t is t rows that match and 1 - t that do not.
    target = np.where(positive, high, low)
    rows = np.concatenate((cosines, cosines))[:, None]
    labels = np.repeat([1, 0], len(cosines))
    model = LogisticRegression(C=1e10, tol=1e-10, max_iter=10_000)
    model.fit(rows, labels, np.concatenate((target, 1 - target)))
    expected = (model.coef_[0, 0], model.intercept_[0])
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_classes_that_do_not_overlap_still_have_a_finite_fit(unit: float) -> None:
    cosines = np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9]) * unit
    found = fit_calibration(cosines, cosines > 0.5 * unit)
    chance = found.probability(cosines)
    assert 0 < found.scale < math.inf
    # Platt's targets for three and three, and what holds where the likelihood is highest.
    missed = chance - np.where(cosines > 0.5 * unit, 4 / 5, 1 / 5)
    assert missed.sum() == pytest.approx(0, abs=1e-6)
    assert missed @ cosines / unit == pytest.approx(0, abs=1e-6)


def test_the_scale_is_never_negative() -> None:
    cosines, positive = world(8.0, -3.0, 1000)
    found = fit_calibration(-cosines, positive)
    assert found.scale == 0
    assert found.probability(0.3) == pytest.approx(positive.mean(), abs=2e-3)


@pytest.mark.parametrize("level", [0.0, 0.37, -1.0])
def test_equal_cosines_have_the_share_of_matches(level: float) -> None:
    positive = np.arange(1000) < 100
    found = fit_calibration(np.full(1000, level), positive)
    assert found.scale == 0 and found.probability(level) == pytest.approx(0.1, abs=2e-3)


def test_two_rows_are_enough() -> None:
    found = fit_calibration([0.9, 0.1], [True, False])
    assert found.probability([0.9, 0.1]) == pytest.approx([2 / 3, 1 / 3], abs=1e-6)


def test_rare_matches_are_fitted_too() -> None:
    cosines, positive = world(10.0, -14.0, 500_000, 3)
    assert positive.mean() < 0.01
    assert fit_calibration(cosines, positive) == pytest.approx((10.0, -14.0), rel=0.05)


def test_probabilities_rise_with_the_cosine_and_never_overflow() -> None:
    chance = Calibration(1e308, -1e308).probability([-1.0, 0.0, 0.5, 1.0, 10.0])
    assert chance.tolist() == [0.0, 0.0, 0.0, 0.5, 1.0]
    assert Calibration(2.0, -1.0).probability(0.5) == pytest.approx(0.5)
    assert (np.diff(Calibration(9.0, -3.0).probability(np.linspace(-1, 1, 99))) > 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_log_loss_and_brier_score_are_scikit_learns(seed: int) -> None:
    random = np.random.default_rng(seed)
    chance, positive = random.random(50), random.random(50) < 0.4
    assert log_losses(chance, positive).mean() == pytest.approx(sk.log_loss(positive, chance))
    expected = sk.brier_score_loss(positive, chance)
    assert brier_scores(chance, positive).mean() == pytest.approx(expected)


def test_a_sure_error_costs_much_but_not_all() -> None:
    assert log_losses([0.0, 1.0], [True, True]).tolist() == pytest.approx([-math.log(1e-15), 0.0])


def test_the_calibration_error_by_hand() -> None:
    # Two bins of two: .2 against 1/2, and .8 against 1.
    assert calibration_error([0.1, 0.9, 0.7, 0.3], [0, 1, 1, 1], 2) == pytest.approx(0.25)
    assert calibration_error([0.25] * 4, [1, 0, 0, 0], 1) == 0
    assert math.isnan(calibration_error([], []))


def test_the_order_of_equal_probabilities_decides_nothing() -> None:
    random = np.random.default_rng(4)
    chance, positive = random.integers(0, 4, 100) / 4, random.random(100) < 0.5
    order = random.permutation(100)
    found = calibration_error(chance[order], positive[order])
    assert found == pytest.approx(calibration_error(chance, positive), abs=1e-12)


def test_true_probabilities_have_a_small_error_and_wrong_ones_their_distance() -> None:
    random = np.random.default_rng(0)
    chance = random.random(100_000)
    positive = random.random(100_000) < chance
    assert calibration_error(chance, positive) < 0.01
    assert calibration_error(np.full(100_000, 0.9), positive) == pytest.approx(0.4, abs=0.01)
