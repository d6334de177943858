"""Rankings known by hand, from scikit-learn, and by trying every order of tied titles."""

from __future__ import annotations

import math
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as sk

from dssmcli.rankings import (
    PoolReport,
    RankingReport,
    pair_orders,
    places_in_pool,
    pool_report,
    query_figures,
    ranking,
)

SEEDS = range(8)
KS = (1, 2, 3, 10)


class Rows(NamedTuple):
    """Titles of several queries."""

    scores: NDArray[Any]
    relevance: NDArray[Any]
    positive: NDArray[Any]
    queries: NDArray[Any]

    def taken(self, order: NDArray[Any]) -> Rows:
        return Rows(*(column[order] for column in self))


def rows_of(*queries: tuple[list[float], list[int]]) -> Rows:
    """Rows from (scores, relevance) of each query; relevance above 0 is positive."""
    scores = np.array([score for query in queries for score in query[0]], dtype=np.float64)
    relevance = np.array([grade for query in queries for grade in query[1]], dtype=np.int64)
    names = np.repeat(np.arange(len(queries)), [len(query[0]) for query in queries])
    return Rows(scores, relevance, relevance > 0, names)


def random_rows(seed: int, queries: int = 8, longest: int = 6) -> Rows:
    """Small queries with many equal scores, some without a positive, with ids that have gaps."""
    random = np.random.default_rng(seed)
    names = np.repeat(np.arange(queries) * 5 - 7, random.integers(1, longest + 1, queries))
    relevance = random.integers(0, 4, len(names))
    return Rows(random.integers(0, 3, len(names)) / 3, relevance, relevance >= 2, names)


def figures(report: RankingReport) -> list[float]:
    return [*report.ndcg.values(), *report.recall.values(), report.map, report.mrr]


def one_order(relevance: NDArray[Any], positive: NDArray[Any]) -> list[float]:
    """The figures of one query whose titles stand in this order, by the textbook."""
    gain = 2.0**relevance - 1
    discount = 1 / np.log2(np.arange(2, len(gain) + 2))
    best = np.sort(gain)[::-1]
    ranks = np.flatnonzero(positive) + 1
    return [
        *((gain * discount)[:k].sum() / (best * discount)[:k].sum() for k in KS),
        *(float(np.mean(ranks <= k)) for k in KS),
        float(np.mean(np.arange(1, len(ranks) + 1) / ranks)),
        1 / ranks[0],
    ]


def every_order(rows: Rows) -> list[float]:
    """The figures averaged over every order of equal scores, then over queries."""
    means = []
    for name in np.unique(rows.queries):
        query = rows.taken(np.flatnonzero(rows.queries == name))
        if not query.positive.any():
            continue
        orders = map(np.array, permutations(range(len(query.scores))))
        # A stable sort of every order: equal scores come in all their orders, equally often.
        sorts = [order[np.argsort(-query.scores[order], kind="stable")] for order in orders]
        means.append(np.mean([one_order(query.relevance[s], query.positive[s]) for s in sorts], 0))
    return [float(x) for x in np.mean(means, 0)]


@pytest.mark.parametrize("seed", range(6))
def test_a_ranking_with_ties_has_its_mean_over_every_order(seed: int) -> None:
    rows = random_rows(seed, queries=5)
    assert figures(ranking(*rows, KS)) == pytest.approx(every_order(rows), abs=1e-12)


def test_a_ranking_of_equal_scores_has_its_mean_over_every_order() -> None:
    rows = rows_of(([1, 1, 1, 1, 1, 1], [0, 3, 0, 1, 0, 1]), ([2, 2, 2], [1, 1, 1]), ([0], [1]))
    assert figures(ranking(*rows, KS)) == pytest.approx(every_order(rows), abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", KS)
def test_ndcg_is_scikit_learns_mean_over_ties(seed: int, k: int) -> None:
    rows = random_rows(seed, queries=1, longest=40)
    rows = rows._replace(positive=rows.relevance > 0)
    if len(rows.scores) == 1 or not rows.positive.any():
        return
    expected = sk.ndcg_score([2.0**rows.relevance - 1], [rows.scores], k=k)
    assert ranking(*rows, [k]).ndcg[k] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_map_without_ties_is_scikit_learns_average_precision(seed: int) -> None:
    rows = random_rows(seed, queries=1, longest=40)
    rows = rows._replace(scores=np.random.default_rng(seed).permutation(len(rows.scores)))
    if rows.positive.any():
        expected = sk.average_precision_score(rows.positive, rows.scores)
        assert ranking(*rows, []).map == pytest.approx(expected, abs=1e-12)


def test_a_ranking_by_hand() -> None:
    report = ranking(*rows_of(([0.9, 0.8, 0.7], [0, 2, 1]), ([0.3, 0.1], [1, 0])), [1, 2])
    ideal = 3 + 1 / math.log2(3)
    assert report == RankingReport(
        queries=2,
        skipped=0,
        mean_pool=2.5,
        ndcg=pytest.approx({1: 0.5, 2: (3 / math.log2(3) / ideal + 1) / 2}),  # type: ignore[arg-type]
        recall={1: 0.5, 2: 0.75},
        map=pytest.approx(((1 / 2 + 2 / 3) / 2 + 1) / 2),  # type: ignore[arg-type]
        mrr=0.75,
    )


def test_a_query_without_a_positive_is_skipped_and_counted() -> None:
    judged = ([0.9, 0.8, 0.7], [0, 2, 1])
    alone = ranking(*rows_of(judged), KS)
    report = ranking(*rows_of(([1, 2, 3, 4], [0, 0, 0, 0]), judged, ([5], [0])), KS)
    assert (report.queries, report.skipped, report.mean_pool) == (1, 2, 3.0)
    assert figures(report) == figures(alone)


def test_a_query_whose_positives_have_no_relevance_is_skipped() -> None:
    report = ranking([2, 1, 2, 1], [0, 0, 1, 0], [1, 0, 1, 0], [0, 0, 1, 1], KS)
    assert (report.queries, report.skipped) == (1, 1)
    assert figures(report) == [1.0] * len(figures(report))


def test_positives_above_a_grade_count_for_recall_and_all_grades_for_ndcg() -> None:
    rows = rows_of(([3, 2, 1], [1, 2, 0]))._replace(positive=np.array([False, True, False]))
    report = ranking(*rows, [1])
    assert report.ndcg[1] == pytest.approx(1 / 3)
    assert (report.recall[1], report.mrr) == (0.0, 0.5)


@pytest.mark.parametrize("seed", SEEDS)
def test_input_order_never_matters_for_a_ranking(seed: int) -> None:
    rows = random_rows(seed)
    order = np.random.default_rng(seed).permutation(len(rows.scores))
    expected = figures(ranking(*rows, KS))
    assert figures(ranking(*rows.taken(order), KS)) == pytest.approx(expected, abs=1e-14)


def test_the_names_of_queries_do_not_matter() -> None:
    rows = random_rows(1)
    renamed = rows._replace(queries=(-rows.queries).astype(np.int32) * 1000)
    expected = figures(ranking(*rows, KS))
    assert figures(ranking(*renamed, KS)) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.int64])
def test_the_type_of_scores_and_grades_does_not_matter(kind: Any) -> None:
    rows = random_rows(2)
    whole = rows._replace(scores=rows.scores * 3)
    same = whole._replace(scores=whole.scores.astype(kind), relevance=whole.relevance.astype(kind))
    assert ranking(*same, KS) == ranking(*whole, KS)


def test_grades_of_any_size_and_infinite_scores_are_ranked() -> None:
    rows = rows_of(([-math.inf, math.inf, 0.0], [5000, 4999, 0]))
    # Gains in the ratio 2 : 1, the better one last.
    expected = (1 + 2 / math.log2(4)) / (2 + 1 / math.log2(3))
    assert ranking(*rows, [3]).ndcg[3] == pytest.approx(expected)


def test_a_large_tied_group_keeps_its_precision() -> None:
    count = 20_000
    positive = np.arange(count) == 3
    report = ranking(np.zeros(count), positive, positive, np.zeros(count, dtype=int), [10])
    expected = float(np.mean(1 / np.arange(1, count + 1)))
    assert report.mrr == pytest.approx(expected, rel=1e-9)
    assert report.map == pytest.approx(expected, rel=1e-9)
    assert report.recall[10] == pytest.approx(10 / count)


def test_a_ranking_of_nothing_is_nan() -> None:
    report = ranking([], [], [], [], KS)
    assert (report.queries, report.skipped) == (0, 0)
    assert all(math.isnan(x) for x in [report.mean_pool, *figures(report)])


def test_a_ranking_without_any_positive_is_nan() -> None:
    report = ranking([1, 2], [0, 0], [False, False], [4, 9], KS)
    assert (report.queries, report.skipped) == (0, 2)
    assert all(math.isnan(x) for x in figures(report))


def test_a_nan_score_makes_a_ranking_nan() -> None:
    report = ranking([1, math.nan, 2, 1], [1, 0, 1, 0], [1, 0, 1, 0], [0, 0, 1, 1], KS)
    assert (report.queries, report.skipped) == (0, 2)
    assert all(math.isnan(x) for x in figures(report))


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(AssertionError):
        ranking([1, 2], [1, 0], [True, False], [0], KS)


def test_the_figures_of_single_queries_are_those_of_the_query_alone() -> None:
    rows = random_rows(5)
    each = query_figures(*rows, KS)
    assert len(each.queries) >= 3
    for i, name in enumerate(each.queries):
        alone = rows.taken(np.flatnonzero(rows.queries == name))
        found = [values[i] for values in (*each.ndcg.values(), *each.recall.values())]
        found += [each.average_precision[i], each.reciprocal_rank[i]]
        assert found == pytest.approx(figures(ranking(*alone, KS)))
        assert each.pools[i] == len(alone.scores)


# Pairs of titles in order


def counted_pairs(rows: Rows) -> dict[int, tuple[float, float]]:
    """Concordant and discordant pairs of each query, one pair after the other."""
    found = {}
    for name in np.unique(rows.queries):
        query = rows.taken(np.flatnonzero(rows.queries == name))
        right = wrong = 0.0
        for score, value in zip(query.scores, query.relevance, strict=True):
            for other, lower in zip(query.scores, query.relevance, strict=True):
                if value > lower:
                    right += (score > other) + 0.5 * (score == other)
                    wrong += (score < other) + 0.5 * (score == other)
        if right + wrong:
            found[int(name)] = (right, wrong)
    return found


@pytest.mark.parametrize("grades", [2, 3, 4, 9, 1000])
@pytest.mark.parametrize("seed", SEEDS)
def test_pairs_in_order_are_those_counted_one_by_one(seed: int, grades: int) -> None:
    rows = random_rows(seed, queries=6, longest=25)
    values = np.random.default_rng(seed).integers(0, grades, len(rows.scores)) / 4
    found = pair_orders(rows.scores, values, rows.queries)
    pairs = zip(found.concordant, found.discordant, strict=True)
    expected = counted_pairs(rows._replace(relevance=values))
    assert dict(zip(found.queries, pairs, strict=True)) == expected


def test_pairs_in_order_by_hand() -> None:
    # 3 above 1 and 2 is right twice, 1 above 2 wrong; the second query says nothing.
    found = pair_orders([0.9, 0.5, 0.4, 0.1, 0.2], [3, 1, 2, 1, 1], [7, 7, 7, 8, 8])
    assert [column.tolist() for column in found] == [[7], [2.0], [1.0]]
    assert pair_orders([1, 1], [0, 1], [0, 0]).concordant.tolist() == [0.5]


def test_pairs_of_nothing_or_of_equal_values_are_none() -> None:
    assert [len(column) for column in pair_orders([], [], [])] == [0, 0, 0]
    assert [len(column) for column in pair_orders([1, 2], [3, 3], [0, 0])] == [0, 0, 0]


def test_a_long_query_of_many_values_is_counted_exactly() -> None:
    values = np.random.default_rng(1).permutation(50_000)
    found = pair_orders(values, values, np.zeros(50_000, int))
    assert found.concordant.tolist() == [50_000 * 49_999 / 2]
    assert found.discordant.tolist() == [0.0]


# One shared pool


def test_a_pool_report_by_hand() -> None:
    # Ranks 1, 4, and 3 or 4 or 5.
    report = pool_report([0, 3, 2], [0, 0, 2], pool=8, ks=[1, 3, 4, 100])
    mrr = (1 + 1 / 4 + (1 / 3 + 1 / 4 + 1 / 5) / 3) / 3
    recall = {1: 1 / 3, 3: (1 + 1 / 3) / 3, 4: (2 + 2 / 3) / 3, 100: 1.0}
    assert report.pool == 8
    assert report.mrr == pytest.approx(mrr)
    assert report.recall == pytest.approx(recall)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_pool_report_is_the_ranking_of_queries_with_one_positive(seed: int) -> None:
    random = np.random.default_rng(seed)
    pool, queries = 12, 9
    scores = random.integers(0, 5, (queries, pool))
    best = random.integers(0, pool, queries)
    positive = np.arange(pool) == best[:, None]
    own = scores[positive][:, None]
    report = pool_report((scores > own).sum(1), (scores == own).sum(1) - 1, pool, KS)
    names = np.repeat(np.arange(queries), pool)
    expected = ranking(scores.ravel(), positive.ravel(), positive.ravel(), names, KS)
    assert report.mrr == pytest.approx(expected.mrr, abs=1e-12)
    assert report.recall == pytest.approx(expected.recall, abs=1e-12)
    assert report.pool == expected.mean_pool


def test_a_pool_report_of_no_queries_is_nan() -> None:
    expected = PoolReport(mrr=math.nan, recall={1: math.nan}, pool=5)
    assert str(pool_report([], [], pool=5, ks=[1])) == str(expected)


@pytest.mark.parametrize(("higher", "ties"), [([5], [0]), ([3], [2]), ([-1], [0]), ([0], [-1])])
def test_a_rank_outside_the_pool_is_refused(higher: list[int], ties: list[int]) -> None:
    with pytest.raises(AssertionError):
        pool_report(higher, ties, pool=5, ks=[1])


def test_a_query_s_own_title_is_neither_above_nor_beside_itself_whether_hidden_or_not() -> None:
    scores = np.array([[0.5, 0.9, 0.5, 0.1], [0.2, 0.2, 0.2, 0.7]])
    hidden = np.zeros((2, 4), bool)
    for own in (False, True):
        hidden[[0, 1], [2, 0]] = own
        higher, ties = places_in_pool(scores, np.array([2, 0]), hidden)
        assert higher.tolist() == [1, 1] and ties.tolist() == [1, 2]
    hidden[0, 1] = hidden[1, 2] = True
    higher, ties = places_in_pool(scores, np.array([2, 0]), hidden)
    assert higher.tolist() == [0, 1] and ties.tolist() == [1, 1]
