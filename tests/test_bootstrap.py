"""Bootstrap figures against plain ones on rows that are really repeated; intervals and p-values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn import metrics as sk

from dssmcli import metrics, rankings, weighted
from dssmcli.bootstrap import Difference, Interval, Plan, difference, interval, resampled
from dssmcli.weighted import Draw

SEEDS = range(8)
Array = NDArray[Any]


def drawn(seed: int) -> tuple[Array, Array, Array, Draw]:
    """Scores with ties, the highest first, grades, queries, and one draw of the queries."""
    random = np.random.default_rng(seed)
    count = int(random.integers(20, 200))
    scores = np.sort(random.integers(0, random.integers(3, 40), count) / 7)[::-1].copy()
    values = (scores * 2 + random.integers(0, 5, count)).round()
    query = np.unique(random.integers(0, count // 3, count), return_inverse=True)[1]
    counts = random.multinomial(query.max() + 1, np.full(query.max() + 1, 1 / (query.max() + 1)))
    return scores, values, query, Draw(counts.astype(float), counts.astype(float)[query])


def repeated(column: Array, draw: Draw) -> Array:
    return np.repeat(column, draw.rows.astype(int))


def named(measure: weighted.Measure, draw: Draw) -> dict[str, float]:
    return dict(zip(measure.names, measure.of(draw), strict=True))


@pytest.mark.parametrize("seed", SEEDS)
def test_weighted_figures_of_two_classes_are_scikit_learns_on_repeated_rows(seed: int) -> None:
    scores, values, _, draw = drawn(seed)
    positive, threshold = values > np.median(values), float(np.median(scores))
    found = named(weighted.two_classes(scores, positive, threshold), draw)
    rows, labels = repeated(scores, draw), repeated(positive, draw)
    match = rows >= threshold
    assert found == pytest.approx(
        {
            "auc": sk.roc_auc_score(labels, rows),
            "average_precision": sk.average_precision_score(labels, rows),
            "accuracy": sk.accuracy_score(labels, match),
            "precision": sk.precision_score(labels, match),
            "recall": sk.recall_score(labels, match),
            "f1": sk.f1_score(labels, match),
        }
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_weighted_correlations_are_scipys_on_repeated_rows(seed: int) -> None:
    scores, values, _, draw = drawn(seed)
    found = named(weighted.correlations(scores, values), draw)
    rows = repeated(scores, draw), repeated(values, draw)
    assert found["spearman"] == pytest.approx(stats.spearmanr(*rows).statistic)
    assert found["pearson"] == pytest.approx(stats.pearsonr(*rows).statistic)


@pytest.mark.parametrize("seed", SEEDS)
def test_weighted_errors_of_numbers_are_scikit_learns_on_repeated_rows(seed: int) -> None:
    guess, truth, _, draw = drawn(seed)
    truth = truth + 1e6  # far from 0, where squares would lose all digits
    found = named(weighted.number_errors(guess + 1e6, truth), draw)
    rows, numbers = repeated(guess + 1e6, draw), repeated(truth, draw)
    expected = {
        "rmse": math.sqrt(sk.mean_squared_error(numbers, rows)),
        "mae": sk.mean_absolute_error(numbers, rows),
        "r2": sk.r2_score(numbers, rows),
    }
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_figures_of_some_rows_are_drawn_with_those_rows_alone(seed: int) -> None:
    scores, values, _, draw = drawn(seed)
    rows = np.sort(np.random.default_rng(seed).permutation(len(scores))[: len(scores) // 2])
    part = weighted.number_errors(scores[rows], values[rows])
    measure = weighted.of_some_rows(part, rows, "price.")
    assert measure.names == ("price.rmse", "price.mae", "price.r2")
    own = Draw(draw.queries, draw.rows[rows])
    assert measure.of(draw) == pytest.approx(part.of(own), nan_ok=True)


def test_a_draw_without_any_of_the_rows_has_no_figures() -> None:
    numbers, none = np.array([3.0, 2.0, 1.0]), Draw(np.zeros(3), np.zeros(3))
    for measure in (
        weighted.number_errors(numbers, numbers),
        weighted.correlations(numbers, numbers),
        weighted.two_classes(numbers, numbers > 1, None),
        weighted.row_means({"x": numbers}),
    ):
        assert all(map(math.isnan, measure.of(none))), measure.names


@pytest.mark.parametrize("seed", SEEDS)
def test_weighted_rankings_are_those_of_queries_that_stand_there_several_times(seed: int) -> None:
    scores, values, query, draw = drawn(seed)
    positive = values >= np.median(values)
    each = rankings.query_figures(scores, values, positive, query, [3])
    measure = weighted.query_means(
        {"ndcg": each.ndcg[3], "map": each.average_precision}, each.queries
    )
    # Every copy of a query is a query of its own.
    copies = [
        (row, query[row] + 1000 * copy)
        for row in range(len(query))
        for copy in range(int(draw.rows[row]))
    ]
    row, names = (np.array(column) for column in zip(*copies, strict=True))
    report = rankings.ranking(scores[row], values[row], positive[row], names, [3])
    assert named(measure, draw) == pytest.approx({"ndcg": report.ndcg[3], "map": report.map})
    orders = rankings.pair_orders(scores, values, query)
    ratio = weighted.query_ratio("pnr", orders.concordant, orders.discordant, orders.queries)
    again = rankings.pair_orders(scores[row], values[row], names)
    expected = again.concordant.sum() / again.discordant.sum()
    assert ratio.of(draw) == pytest.approx([expected])


@pytest.mark.parametrize("seed", SEEDS)
def test_with_every_row_once_the_figures_are_the_plain_ones(seed: int) -> None:
    scores, values, query, _ = drawn(seed)
    positive, threshold = values > np.median(values), float(scores.mean())
    once = Draw(np.ones(query.max() + 1), np.ones(len(query)))
    figures = named(weighted.two_classes(scores, positive, threshold), once)
    assert figures["auc"] == pytest.approx(metrics.auc(scores, positive))
    report = metrics.at_threshold(scores, positive, threshold)
    assert {name: figures[name] for name in report._fields} == pytest.approx(report._asdict())
    pair = named(weighted.correlations(scores, values), once)
    assert pair["spearman"] == pytest.approx(metrics.spearman(scores, values))
    assert pair["pearson"] == pytest.approx(metrics.pearson(scores, values))
    means = weighted.row_means({"value": values})
    assert named(means, once) == pytest.approx({"value": values.mean()})


def test_a_draw_of_one_class_or_of_one_value_has_no_figure() -> None:
    scores, positive = np.array([0.9, 0.5, 0.1]), np.array([True, False, False])
    draw = Draw(np.array([0.0, 2.0, 1.0]), np.array([0.0, 2.0, 1.0]))
    assert all(math.isnan(x) for x in weighted.two_classes(scores, positive, 0.5).of(draw))
    values = np.array([0.3, 0.1, 0.1])
    assert all(math.isnan(x) for x in weighted.correlations(scores, values).of(draw))
    alone = weighted.query_means({"mrr": np.ones(1)}, np.array([0]))
    assert all(math.isnan(x) for x in alone.of(draw))


def test_no_match_above_the_threshold_leaves_precision_undefined() -> None:
    scores, positive = np.array([0.9, 0.5]), np.array([True, False])
    draw = Draw(np.ones(2), np.ones(2))
    found = named(weighted.two_classes(scores, positive, 0.95), draw)
    assert math.isnan(found["precision"]) and found["recall"] == 0 and found["accuracy"] == 0.5


def test_correlations_survive_values_of_any_size() -> None:
    scores, values = np.array([0.9, 0.5, 0.1]), np.array([1e300, 2e299, 3e299])
    found = weighted.correlations(scores, values).of(Draw(np.ones(3), np.ones(3)))
    assert found == pytest.approx([0.5, metrics.pearson(scores, values)])


def test_ratios_without_a_pair_in_the_wrong_order_are_infinite() -> None:
    assert weighted.ratio(3.0, 0.0) == math.inf and math.isnan(weighted.ratio(0.0, 0.0))
    assert weighted.ratio(3.0, 2.0) == 1.5


# Draws


def mean_of(values: Array) -> weighted.Measure:
    return weighted.row_means({"mean": values})


def test_the_seed_decides_every_draw_and_one_query_gives_none() -> None:
    values, query = np.arange(10.0), np.arange(10)
    first = resampled([mean_of(values)], query, Plan(50, 3))["mean"]
    again = resampled([mean_of(values)], query, Plan(50, 3))["mean"]
    other = resampled([mean_of(values)], query, Plan(50, 4))["mean"]
    np.testing.assert_array_equal(first, again)
    assert (first != other).any() and len(first) == 50
    assert resampled([mean_of(values)], np.zeros(10, int), Plan(50, 3)) == {}
    assert resampled([mean_of(values)], query, Plan(0, 3)) == {}


def test_queries_are_drawn_with_all_their_rows() -> None:
    # Two queries of very different sizes: a draw has either, or both, whole.
    query, values = np.array([0, 1, 1, 1]), np.array([0.0, 1.0, 1.0, 1.0])
    found = resampled([mean_of(values)], query, Plan(100, 1))["mean"]
    assert set(found.tolist()) == {0.0, 0.75, 1.0}


def test_the_width_of_an_interval_is_that_of_theory() -> None:
    values = np.random.default_rng(5).normal(size=400)
    found = interval(resampled([mean_of(values)], np.arange(400), Plan(2000, 1))["mean"])
    assert found is not None
    expected = 2 * 1.96 * values.std() / math.sqrt(400)
    assert found.high - found.low == pytest.approx(expected, rel=0.1)


def test_intervals_cover_the_truth_about_95_times_in_100() -> None:
    # Rows of one query share most of their noise: intervals over rows would be far too narrow.
    random, covered, naive = np.random.default_rng(11), 0, 0
    query = np.repeat(np.arange(60), 8)
    for seed in range(200):
        values = random.normal(size=60)[query] + 0.3 * random.normal(size=480)
        drawn_queries = resampled([mean_of(values)], query, Plan(200, seed))["mean"]
        drawn_rows = resampled([mean_of(values)], np.arange(480), Plan(200, seed))["mean"]
        for rows, found in ((False, interval(drawn_queries)), (True, interval(drawn_rows))):
            assert found is not None
            covered += not rows and found.low <= 0 <= found.high
            naive += rows and found.low <= 0 <= found.high
    assert 180 <= covered <= 198, covered
    assert naive < 150, naive


def test_an_interval_is_the_middle_of_what_is_defined() -> None:
    values = np.random.default_rng(0).permutation(np.arange(200.0))
    assert interval(values) == Interval(5.0, 194.0)
    assert interval(np.array([math.nan, 3.0, 1.0, math.inf])) == Interval(1.0, math.inf)
    assert interval(np.array([math.nan])) is None


# Differences


def test_no_difference_is_zero_with_p_one() -> None:
    values = np.random.default_rng(0).random(100)
    found = difference(0.0, values, values, 100)
    assert found == Difference(0.0, Interval(0.0, 0.0), 1.0) and not found.beyond_chance


def test_p_is_twice_the_smaller_tail_and_at_least_one_draw() -> None:
    zeros = np.zeros(200)
    gained = np.arange(200.0) - 3.5  # 4 draws below 0
    assert difference(1.0, zeros, gained, 50).p == pytest.approx(2 * 4 / 200)
    assert difference(1.0, gained, zeros, 50).p == pytest.approx(2 * 4 / 200)
    assert difference(1.0, zeros, zeros + 1, 50).p == pytest.approx(1 / 200)


def test_few_queries_can_all_fall_on_one_side_by_luck() -> None:
    zeros = np.zeros(200)
    assert [difference(1.0, zeros, zeros + 1, count).p for count in (1, 2, 5)] == [1.0, 0.5, 0.0625]
    assert not difference(1.0, zeros, zeros + 1, 5).beyond_chance
    assert difference(1.0, zeros, zeros + 1, 6).beyond_chance
    assert difference(1.0, zeros, zeros + 1, 10_000).p == 1 / 200


@pytest.mark.parametrize("below", range(12))
def test_a_difference_is_beyond_chance_just_when_its_interval_leaves_zero_out(below: int) -> None:
    found = difference(1.0, np.zeros(200), np.arange(200.0) - below + 0.5, 50)
    assert found.interval is not None
    assert found.beyond_chance == (found.interval.low > 0) == (below <= 5)


def test_a_difference_without_draws_has_no_p() -> None:
    assert difference(0.5, np.zeros(0), np.zeros(0), 50) == Difference(0.5)
    undefined = np.full(3, math.inf)
    assert difference(0.5, undefined, np.zeros(3), 50) == Difference(0.5)


def test_p_values_of_equal_models_are_spread_evenly() -> None:
    random, small = np.random.default_rng(2), 0
    for seed in range(300):
        first, second = random.normal(size=(2, 100))
        draws = [resampled([mean_of(x)], np.arange(100), Plan(200, seed)) for x in (first, second)]
        found = difference(second.mean() - first.mean(), *(each["mean"] for each in draws), 100)
        small += found.beyond_chance
    assert 3 <= small <= 30, small
