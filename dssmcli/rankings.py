"""How early rankings bring the right titles: arrays in, floats out, nan where undefined.

A higher score is a better match. Equal scores never take their order from the input: a ranking has
its expected value under random order of what is equal. A score that is nan makes every figure nan.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dssmcli.metrics import Bools, Floats, Ints, as_floats, check_aligned

# Rankings: each query has its own titles


@dataclass(frozen=True)
class RankingReport:
    """Means over the used queries; a query's pool are its titles, of which every @k takes k.

    `queries` were used; `skipped` had no positive title, or no relevance above 0.
    """

    queries: int
    skipped: int
    mean_pool: float
    ndcg: dict[int, float]
    recall: dict[int, float]
    map: float
    mrr: float


class QueryFigures(NamedTuple):
    """The figures of Q used queries one by one, each (Q,); `skipped` more could not be judged."""

    queries: Ints  # their names, in order
    skipped: int
    pools: Ints  # titles
    ndcg: dict[int, Floats]
    recall: dict[int, Floats]
    average_precision: Floats
    reciprocal_rank: Floats


def ranking(
    scores: ArrayLike,
    relevance: ArrayLike,
    positive: ArrayLike,
    queries: ArrayLike,
    ks: Sequence[int],
) -> RankingReport:
    """Rank each query's titles by score and report how early the right ones come, on average."""
    found = query_figures(scores, relevance, positive, queries, ks)
    return RankingReport(
        queries=len(found.pools),
        skipped=found.skipped,
        mean_pool=_mean(found.pools),
        ndcg={k: _mean(values) for k, values in found.ndcg.items()},
        recall={k: _mean(values) for k, values in found.recall.items()},
        map=_mean(found.average_precision),
        mrr=_mean(found.reciprocal_rank),
    )


def query_figures(
    scores: ArrayLike,
    relevance: ArrayLike,
    positive: ArrayLike,
    queries: ArrayLike,
    ks: Sequence[int],
) -> QueryFigures:
    """Rank each query's titles by score and say how early the right ones come.

    All arrays are (N,), rows in any order. `relevance` >= 0 grades a title for NDCG, `positive`
    says which titles count as right for the others, `queries` are whole numbers that name the row's
    query. Every title given is in the pool; a positive that is not given cannot be missed.
    """
    rows, asked = _ranked(scores, relevance, positive, queries)
    return QueryFigures(
        queries=rows.names,
        skipped=asked - len(rows.pools),
        pools=rows.pools,
        ndcg={k: _ndcg(rows, k) for k in ks},
        recall={k: _recall(rows, k) for k in ks},
        average_precision=_average_precisions(rows),
        reciprocal_rank=_reciprocal_ranks(rows),
    )


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if values.size else math.nan


class _Ranked(NamedTuple):
    """The titles of Q used queries, sorted by query and then from the highest score (R rows)."""

    names: Ints  # (Q,)
    pools: Ints  # (Q,) titles a query
    query: Ints  # (R,) 0..Q-1
    rank: Ints  # (R,) 1..pool
    group: Ints  # (R,) rows of one query with equal scores are a group
    relevance: Floats  # (R,)
    positive: Floats  # (R,) 0 or 1


def _ranked(
    scores: ArrayLike, relevance: ArrayLike, positive: ArrayLike, queries: ArrayLike
) -> tuple[_Ranked, int]:
    """Sort the rows of the queries that can be judged; also return how many were asked."""
    values, grades = as_floats(scores), as_floats(relevance)
    right = np.asarray(positive, dtype=bool)
    names, query = np.unique(np.asarray(queries), return_inverse=True)
    check_aligned(values, grades, right, query)
    used = _any(right, query, len(names)) & _any(grades > 0, query, len(names))
    used &= not np.isnan(values).any()

    kept = np.flatnonzero(used[query])
    query = (np.cumsum(used) - 1)[query[kept]]
    order = np.lexsort((-values[kept], query))
    query, kept = query[order], kept[order]
    rows = _sorted_rows(values[kept], query, grades[kept], right[kept])
    return rows._replace(names=names[used]), len(names)


def _any(flags: Bools, query: Ints, count: int) -> Bools:
    """Tell for each query (count,) whether one of its rows is flagged."""
    found = np.zeros(count, dtype=bool)
    found[query[flags]] = True
    return found


def _sorted_rows(values: Floats, query: Ints, relevance: Floats, positive: Bools) -> _Ranked:
    pools = np.bincount(query)
    starts = np.cumsum(pools) - pools
    differs = (query[1:] != query[:-1]) | (values[1:] != values[:-1])
    return _Ranked(
        names=np.arange(len(pools)),
        pools=pools,
        query=query,
        rank=np.arange(1, len(query) + 1) - starts[query],
        group=np.cumsum(np.append(False, differs))[: len(query)],
        relevance=relevance,
        positive=positive.astype(np.float64),
    )


def _totals(values: Floats, keys: Ints, count: int = 0) -> Floats:
    """Add up the values (R,) that have the same key: at least `count` sums."""
    return as_floats(np.bincount(keys, weights=values, minlength=count))


def _sum(values: Floats, rows: _Ranked) -> Floats:
    """Add up the values (R,) of each query: (Q,)."""
    return _totals(values, rows.query, len(rows.pools))


def _expected(values: Floats, rows: _Ranked) -> Floats:
    """Return (R,) what stands at each rank on average, if each group is in random order."""
    mean = _totals(values, rows.group) / np.bincount(rows.group)
    return as_floats(mean[rows.group])


def _ndcg(rows: _Ranked, k: int) -> Floats:
    """Return (Q,) NDCG@k with gain 2^rel - 1 and discount log2(1 + rank) (Burges et al., 2005)."""
    best_first = np.lexsort((-rows.relevance, rows.query))
    # Divided by 2^(the query's highest grade), which cancels, so that no grade is too large.
    top = rows.relevance[best_first][rows.rank == 1][rows.query]
    gain = np.exp2(rows.relevance - top) - np.exp2(-top)
    discount = np.where(rows.rank <= k, 1 / np.log2(1 + rows.rank), 0.0)
    ideal = _sum(gain[best_first] * discount, rows)
    return _sum(_expected(gain, rows) * discount, rows) / ideal


def _recall(rows: _Ranked, k: int) -> Floats:
    """Return (Q,) the expected share of a query's positives among its first k titles."""
    found = np.where(rows.rank <= k, _expected(rows.positive, rows), 0.0)
    return _sum(found, rows) / _sum(rows.positive, rows)


class _Ties(NamedTuple):
    """For each row (R,), the group of equal scores that it stands in."""

    size: Ints
    place: Ints  # of this row in its group, 1..size
    hits: Floats  # positives in the group
    before: Floats  # positives that rank higher than the group


def _ties(rows: _Ranked) -> _Ties:
    size = np.bincount(rows.group)
    hits = _totals(rows.positive, rows.group)
    first = np.cumsum(size) - size
    # Positives in all groups above, less those that belong to earlier queries.
    positives = _sum(rows.positive, rows)
    earlier = (np.cumsum(positives) - positives)[rows.query]
    return _Ties(
        size=size[rows.group],
        place=np.arange(1, len(rows.group) + 1) - first[rows.group],
        hits=hits[rows.group],
        before=(np.cumsum(hits) - hits)[rows.group] - earlier,
    )


def _average_precisions(rows: _Ranked) -> Floats:
    """Return (Q,) expected average precision (McSherry & Najork, ECIR 2008, section 2.4)."""
    ties = _ties(rows)
    # Given a positive at this place, the others of its group lie evenly over the other places.
    beside = (ties.place - 1) * (ties.hits - 1) / np.maximum(ties.size - 1, 1)
    precision = (ties.before + 1 + beside) / rows.rank
    return _sum(ties.hits / ties.size * precision, rows) / _sum(rows.positive, rows)


def _reciprocal_ranks(rows: _Ranked) -> Floats:
    """Return (Q,) the expected value of 1 / rank of the first positive."""
    ties = _ties(rows)
    size, place = ties.size, ties.place
    hits = ties.hits.astype(np.int64)
    first = (ties.before == 0) & (hits > 0) & (place <= size - hits + 1)
    # The first positive is at this place in C(size - place, hits - 1) of C(size, hits) orders.
    size, place, hits = size[first], place[first], hits[first]
    logs = _log_factorials(int(size.max(initial=0)))
    ways = logs[size - place] - logs[hits - 1] - logs[size - place - hits + 1]
    orders = logs[size] - logs[hits] - logs[size - hits]
    chance = np.zeros(len(first))
    chance[first] = np.exp(ways - orders)
    return _sum(chance / rows.rank, rows)


def _log_factorials(n: int) -> Floats:
    """Return log(i!) for i = 0..n."""
    return np.cumsum(np.log(np.maximum(np.arange(n + 1), 1)))


# Pairs of titles of one query: is the better one above?


class PairOrders(NamedTuple):
    """How many pairs of titles of each query (Q,) are in the right order and in the wrong one."""

    queries: Ints  # their names, in order; only those with titles of different values
    concordant: Floats
    discordant: Floats


def pair_orders(scores: ArrayLike, values: ArrayLike, queries: ArrayLike) -> PairOrders:
    """Count pairs of rows of one query with different values: does the higher one score higher?

    All (N,), rows in any order, no nan. Equal scores are half right, half wrong. The ratio of both
    counts, over all queries, is the positive/negative ratio (PNR).
    """
    score, names = as_floats(scores), np.asarray(queries)
    check_aligned(score, names, np.asarray(values))
    names, query = np.unique(names, return_inverse=True)
    level = _levels(as_floats(values), query)
    right, wrong = np.zeros(len(names)), np.zeros(len(names))
    # Two levels differ first at one of their binary digits: so each pair is counted once, where
    # rows that are equal down to that digit are split by it in two classes.
    for digit in range(int(level.max(initial=0)).bit_length()):
        counted = _split_orders(score, level >> digit, query, len(names))
        right, wrong = right + counted[0], wrong + counted[1]
    told = right + wrong > 0
    return PairOrders(names[told], right[told], wrong[told])


def _levels(values: Floats, query: Ints) -> Ints:
    """Number the distinct values of each query from 0, (N,)."""
    order = np.lexsort((values, query))
    values, query = values[order], query[order]
    first = np.append(True, query[1:] != query[:-1])[: len(query)]
    rises = np.append(True, values[1:] != values[:-1])[: len(query)] | first
    steps = np.cumsum(rises)
    level = np.empty(len(query), np.int64)
    level[order] = steps - steps[first][np.cumsum(first) - 1]
    return level


def _split_orders(score: Floats, level: Ints, query: Ints, count: int) -> tuple[Floats, Floats]:
    """Count, for each query, pairs of levels that differ in the last binary digit only."""
    order = np.lexsort((score, level >> 1, query))
    score, block, query = score[order], level[order] >> 1, query[order]
    upper = (level[order] & 1).astype(np.float64)
    begins = np.append(True, (block[1:] != block[:-1]) | (query[1:] != query[:-1]))[: len(query)]
    differs = begins | np.append(True, score[1:] != score[:-1])[: len(query)]
    group = np.cumsum(differs) - 1  # rows with equal scores
    high, low = _totals(upper, group), _totals(1 - upper, group)
    place = (np.cumsum(begins) - 1)[differs]  # the block of each group
    lows = _totals(low, place)
    below = np.cumsum(low) - low - (np.cumsum(lows) - lows)[place]
    right = high * (below + low / 2)
    owner = query[differs]
    return _totals(right, owner, count), _totals(high * lows[place] - right, owner, count)


# Retrieval: all queries share one pool of titles


@dataclass(frozen=True)
class PoolReport:
    """Means over queries that search one pool of `pool` titles; recall@k is the share found."""

    mrr: float
    recall: dict[int, float]
    pool: int


def places_in_pool(
    scores: ArrayLike, column: ArrayLike, hidden: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many titles of a pool score higher than each query's own, and how many the same.

    scores: (Q, P), no nan. column: (Q,), where the query's own title stands in the pool. hidden:
    (Q, P) bool, titles that do not count, such as other matches of the query. Both results: (Q,).
    """
    values, place = np.asarray(scores), np.asarray(column)
    rows = np.arange(len(values))
    own = values[rows, place][:, None]
    others = ~np.asarray(hidden, dtype=bool)
    others[rows, place] = False
    return ((values > own) & others).sum(axis=1), ((values == own) & others).sum(axis=1)


class PoolFigures(NamedTuple):
    """The figures of Q searches one by one, each (Q,)."""

    reciprocal_rank: Floats
    recall: dict[int, Floats]
    ndcg: dict[int, Floats]


def pool_report(higher: ArrayLike, ties: ArrayLike, pool: int, ks: Sequence[int]) -> PoolReport:
    """Report how early each query's best positive comes in a shared pool, on average."""
    found = pool_figures(higher, ties, pool, ks)
    recall = {k: _mean(values) for k, values in found.recall.items()}
    return PoolReport(mrr=_mean(found.reciprocal_rank), recall=recall, pool=pool)


def pool_figures(higher: ArrayLike, ties: ArrayLike, pool: int, ks: Sequence[int]) -> PoolFigures:
    """Say how early each query's best positive comes in a pool shared by all queries.

    higher: (Q,) titles of the pool that score strictly higher than the best positive; ties: (Q,)
    other titles that score the same (leave the query's own positives out of both), in random order
    with it. 0 <= higher and higher + ties < pool. NDCG is that of the best positive alone.
    """
    above, equal = np.asarray(higher, dtype=np.int64), np.asarray(ties, dtype=np.int64)
    assert above.ndim == 1 and above.shape == equal.shape, (above.shape, equal.shape)
    assert not ((above < 0) | (equal < 0) | (above + equal >= pool)).any(), "rank outside the pool"
    places = equal + 1
    last = int((above + places).max(initial=0))
    ranks = np.arange(1, last + 1)

    def expected(gains: Floats) -> Floats:
        sums = np.append(0.0, np.cumsum(gains))
        return as_floats((sums[above + places] - sums[above]) / places)

    discounted = 1 / np.log2(1 + ranks)
    return PoolFigures(
        reciprocal_rank=expected(1 / ranks),
        recall={k: as_floats(np.clip(k - above, 0, places) / places) for k in ks},
        ndcg={k: expected(np.where(ranks <= k, discounted, 0.0)) for k in ks},
    )
