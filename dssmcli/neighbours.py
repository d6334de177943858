"""Finds the vectors with the largest inner products with a query: exactly, or in a few lists.

V vectors of D numbers, n queries, C lists, K found. The approximate search is an inverted file
(Jégou et al., TPAMI 2011, section IV, without compression): vectors lie in lists around centres
that k-means finds, and a query looks into those lists alone whose centres are nearest. All of it is
arrays, so that a run from a stranger is safe to search.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_SCORES_AT_ONCE = 1 << 23
_VECTORS_AT_ONCE = 1 << 16
_GROUP = 64
"""The best of so many scores side by side stands for all until the best groups are known."""


class Rows(Protocol):
    """Vectors (V, D) float32 that are read some at a time, as an array's rows can be."""

    def __len__(self) -> int:
        """Return V."""
        ...

    def __getitem__(self, rows: slice, /) -> Floats:
        """Return some of them."""
        ...


class Found(NamedTuple):
    """The best vectors of each query, the best first. scores: (n, K) float32, -inf where fewer were
    found. places: (n, K) int64."""

    scores: Floats
    places: Ints


class Lists(NamedTuple):
    """Where vectors lie that are sorted by list. centres: (C, D). starts: (C + 1,): the vectors of
    list c are those from starts[c] to starts[c + 1]. probes: how many lists a query looks into."""

    centres: Floats
    starts: Ints
    probes: int


def exact(vectors: Rows, queries: Floats, count: int) -> Found:
    """Return the `count` best of all vectors (V, D) for queries (n, D)."""
    count = min(count, len(vectors))
    best = Found(np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), np.int64))
    for first in range(0, len(vectors), _VECTORS_AT_ONCE):
        some = vectors[first : first + _VECTORS_AT_ONCE]
        within = min(count, len(some))
        parts = [_best(queries[rows] @ some.T, within) for rows in _blocks(len(queries), len(some))]
        best = _better(best, _joined(parts, within), first, count)
    return best


def _better(best: Found, found: Found, first: int, count: int) -> Found:
    """Return the best of both, where the places of what was found count from `first`."""
    scores = np.concatenate([best.scores, found.scores], axis=1)
    places = np.concatenate([best.places, found.places + first], axis=1)
    return _sorted(scores, places, count)


def _blocks(queries: int, vectors: int) -> Iterator[slice]:
    step = max(1, _SCORES_AT_ONCE // max(1, vectors))
    for first in range(0, queries, step):
        yield slice(first, first + step)


def _joined(parts: list[Found], count: int) -> Found:
    if not parts:
        return Found(np.zeros((0, count), np.float32), np.zeros((0, count), np.int64))
    scores, places = zip(*parts, strict=True)
    return Found(np.concatenate(scores), np.concatenate(places))


def _best(scores: Floats, count: int) -> Found:
    """Return the best of scores (n, V) row by row; of equal ones any, in their order."""
    n, width = scores.shape
    groups = width // _GROUP
    if groups > 4 * count:
        whole = scores[:, : groups * _GROUP].reshape(n, groups, _GROUP)
        # No score of the K best can lie outside the K best groups and the rest behind them.
        chosen = _largest(whole.max(axis=2), count)
        places = (chosen[:, :, None] * _GROUP + np.arange(_GROUP)).reshape(n, -1)
        rest = np.broadcast_to(np.arange(groups * _GROUP, width), (n, width - groups * _GROUP))
        places = np.concatenate([places, rest], axis=1)
        return _sorted(np.take_along_axis(scores, places, 1), places, count)
    return _sorted(scores, np.broadcast_to(np.arange(width), (n, width)), count)


def _largest(values: Floats, count: int) -> Ints:
    """Return where the largest values of each row stand, in no order."""
    if values.shape[1] <= count:
        return np.broadcast_to(np.arange(values.shape[1]), values.shape)
    return np.argpartition(values, -count, axis=1)[:, -count:]


def _sorted(scores: Floats, places: Ints, count: int) -> Found:
    """Return the largest of each row's scores, which are of these places, in order."""
    chosen = _largest(scores, count)
    found = taken(Found(scores, places), chosen)
    return taken(found, np.lexsort((found.places, -found.scores), axis=1))


def taken(found: Found, chosen: Ints) -> Found:
    """Return what stands at some places of each row."""
    return Found(*(np.take_along_axis(each, chosen, axis=1) for each in found))  # type: ignore[arg-type]


def approximate(vectors: Rows, lists: Lists, queries: Floats, count: int) -> Found:
    """Return about the `count` best vectors (V, D), sorted by list, for queries (n, D)."""
    count = min(count, len(vectors))
    step = max(1, _SCORES_AT_ONCE // (lists.probes * count))
    parts = [
        _probed(vectors, lists, queries[first : first + step], count)
        for first in range(0, len(queries), step)
    ]
    return _joined(parts, count)


def _probed(vectors: Rows, lists: Lists, queries: Floats, count: int) -> Found:
    """Look into the nearest list of each query first: what scores less than the `count` best of it
    need not be looked at again in the others."""
    nearness = queries @ lists.centres.T
    chosen = _largest(nearness, lists.probes)  # (n, probes)
    rows = np.arange(len(queries))
    order = np.argsort(-np.take_along_axis(nearness, chosen, axis=1), axis=1)
    chosen = np.take_along_axis(chosen, order, axis=1)
    floor = np.full(len(queries), -np.inf, np.float32)
    hits = [*_hits(vectors, lists, queries, count, (rows, chosen[:, 0]), floor)]
    best = _ranked(hits, len(queries), count)
    if chosen.shape[1] == 1:
        return best
    asked = (np.repeat(rows, chosen.shape[1] - 1), chosen[:, 1:].reshape(-1))
    hits += _hits(vectors, lists, queries, count, asked, best.scores[:, -1])
    return _ranked(hits, len(queries), count)


class _Hits(NamedTuple):
    """Scores of some vectors, with their places and the queries' rows, each (m,)."""

    rows: Ints
    places: Ints
    scores: Floats


def _hits(
    vectors: Rows,
    lists: Lists,
    queries: Floats,
    count: int,
    asked: tuple[Ints, Ints],
    floor: Floats,
) -> Iterator[_Hits]:
    """Yield what scores at least the floor (n,) of its query, list by list, or the best of it.

    asked: rows of queries, and as many lists that they ask.
    """
    order = np.argsort(asked[1], kind="stable")
    rows, of_list = asked[0][order], asked[1][order]
    for each in np.unique(of_list).tolist():
        begin, end = int(lists.starts[each]), int(lists.starts[each + 1])
        first, last = np.searchsorted(of_list, [each, each + 1]).tolist()
        some = rows[first:last]
        # A list may be long, and asked by all.
        for part in _blocks(len(some), end - begin):
            found = queries[some[part]] @ vectors[begin:end].T
            row, column = (found >= floor[some[part]][:, None]).nonzero()
            if len(row) > _MANY * count * len(found):
                best = _largest(found, count)
                row, column = np.repeat(np.arange(len(found)), best.shape[1]), best.reshape(-1)
            yield _Hits(some[part][row], column + begin, found[row, column])


_MANY = 4
"""So many times what is asked for may reach the floor before the best of it are picked out."""


def _ranked(hits: list[_Hits], queries: int, count: int) -> Found:
    """Return the best hits of each query."""
    rows, places, scores = (np.concatenate(parts) for parts in zip(*hits, strict=True))
    order = np.lexsort((places, -scores, rows))
    rows = rows[order]
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    kept = rank < count
    best = Found(
        np.full((queries, count), -np.inf, np.float32), np.zeros((queries, count), np.int64)
    )
    best.scores[rows[kept], rank[kept]] = scores[order][kept]
    best.places[rows[kept], rank[kept]] = places[order][kept]
    return best


def list_count(vectors: int) -> int:
    """Return how many lists there are of so many vectors: about as many as each has vectors."""
    return max(1, round(math.sqrt(vectors)))


def build_lists(vectors: Floats, seed: int, threads: int = 1) -> tuple[Ints, Lists]:
    """Return the order in which vectors (V, D) lie by list, and the lists, of one probe so far."""
    random = np.random.default_rng([seed, 8])
    count = list_count(len(vectors))
    sample = random.permutation(len(vectors))[: _SAMPLE * count]
    centres = _centres(vectors[np.sort(sample)], count, random, threads)
    if np.allclose((vectors[sample[:1000]] ** 2).sum(axis=1), 1, atol=1e-3):
        # Of unit vectors a centre's direction alone counts.
        centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
    return laid_out(nearest_centres(vectors, centres, threads), centres)


def laid_out(list_of: Ints, centres: Floats) -> tuple[Ints, Lists]:
    """Return the order in which vectors lie by list, given the list (V,) of each; and the lists."""
    order = np.argsort(list_of, kind="stable")
    starts = np.searchsorted(list_of[order], np.arange(len(centres) + 1))
    return order, Lists(centres, starts.astype(np.int64), 1)


_SAMPLE, _ROUNDS = 64, 8


def _centres(vectors: Floats, count: int, random: np.random.Generator, threads: int) -> Floats:
    """Return centres (C, D) by k-means; one that loses all its vectors begins anew at another."""
    centres = vectors[random.permutation(len(vectors))[:count]].copy()
    for _ in range(_ROUNDS):
        nearest = nearest_centres(vectors, centres, threads)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, vectors)
        counts = np.bincount(nearest, minlength=count)
        empty = np.flatnonzero(counts == 0)
        sums[empty] = vectors[random.integers(len(vectors), size=len(empty))]
        centres = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
    return centres


def nearest_centres(vectors: Floats, centres: Floats, threads: int = 1) -> Ints:
    """Return the centre (V,) that is nearest to each vector."""
    # Here and not above: a search need not wait for it.
    from concurrent.futures import ThreadPoolExecutor

    half = (centres**2).sum(axis=1) / 2

    def nearest(rows: slice) -> Ints:
        return np.asarray((vectors[rows] @ centres.T - half).argmax(axis=1))

    with ThreadPoolExecutor(threads) as pool:
        parts = pool.map(nearest, _blocks(len(vectors), len(centres)))
        return np.concatenate([np.zeros(0, np.int64), *parts])


def recall(found: Found, best: Found) -> float:
    """Return the share of the vectors truly best that were found, over all queries."""
    width = 1 + int(max(found.places.max(initial=0), best.places.max(initial=0)))
    rows = np.arange(len(best.places))[:, None] * width
    right = np.isin(
        rows + best.places, np.where(np.isfinite(found.scores), rows + found.places, -1)
    )
    return float(right.mean())


_FEW = 8
"""So many lists may always be looked into."""


def tuned(
    vectors: Rows,
    lists: Lists,
    queries: Floats,
    best: Found,
    wanted: float,
    share_of_lists: float,
    spare: int = 0,
) -> tuple[Lists, float]:
    """Return the lists with the fewest probes, doubling, that find the wanted share, and the share.

    Where no number of probes up to this share of the lists does, that is it. vectors: sorted by
    list. queries: (n, D), such as will be asked. best: the vectors (n, K) to be found for them
    among K + spare.
    """
    most = min(len(lists.centres), max(_FEW, int(len(lists.centres) * share_of_lists)))
    count = best.places.shape[1] + spare
    probes = 1
    while True:
        trial = lists._replace(probes=min(probes, most))
        share = recall(approximate(vectors, trial, queries, count), best)
        if share >= wanted or trial.probes == most:
            return trial, share
        probes *= 2
