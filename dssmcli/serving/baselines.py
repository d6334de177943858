"""What a recommender is held against: what is popular, and what is watched by the same users.

V items, K neighbours of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.moments import Ints

Floats = npt.NDArray[np.float64]

NEIGHBOURS = 200
_MOST_NEIGHBOURS = 40_000_000
"""Of all items together at most."""
DECAYS = (0.5, 0.8, 1.0)
"""What a watch counts beside the next newer one, in three variants of item-kNN."""
LONGEST = 200
"""Watches of a user, the last ones, that make items neighbours."""
_PAIRS_AT_ONCE = 4_000_000
_MOST_PAIRS = 50_000_000


class Neighbours(NamedTuple):
    """places: (V, K) int32, the items most like each, V where there are fewer. likeness: (V, K)
    float32."""

    places: npt.NDArray[np.int32]
    likeness: npt.NDArray[np.float32]


def item_neighbours(items: Ints, starts: Ints, count: int) -> Neighbours:
    """Return the items that the same users watched, by the cosine of TF-IDF weights.

    items: (N,), in 0..count - 1, those of user u being items[starts[u]:starts[u + 1]], the oldest
    first. A user of n items weighs log(count / (1 + n)) (Sarwar et al., WWW 2001; TF-IDF as in
    text, the users being the words). Of very large logs some users are left out.
    """
    sums: list[tuple[Ints, Floats]] = []
    squares = np.zeros(count)
    for keys, weights, own, own_weights in _pairs(items, starts, count):
        squares += np.bincount(own, own_weights, count)
        sums.append(_summed(keys, weights))
        if len(sums) > 8:
            sums = [_summed(*map(np.concatenate, zip(*sums, strict=True)))]
    keys, weights = np.zeros(0, np.int64), np.zeros(0)
    if sums:
        keys, weights = _summed(*map(np.concatenate, zip(*sums, strict=True)))
    first, second = np.divmod(keys, count)
    lengths = np.sqrt(np.maximum(squares, 1e-12))
    return _strongest(first, second, weights / (lengths[first] * lengths[second]), count)


def _pairs(items: Ints, starts: Ints, count: int) -> Iterator[tuple[Ints, Floats, Ints, Floats]]:
    """Yield pairs of different items of a user with their weights, and the items with theirs."""
    users = [
        np.unique(items[max(begin, end - LONGEST) : end])
        for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
    ]
    kept = _affordable(np.array([len(user) for user in users]))
    keys, weights, waiting = [], [], 0
    own, own_weights = [], []
    for user in (users[place] for place in kept.tolist()):
        n = len(user)
        weight = max(1e-6, np.log(count) - np.log1p(n)) ** 2
        own.append(user)
        own_weights.append(np.full(n, weight))
        pairs = (user[:, None] * count + user)[~np.eye(n, dtype=bool)]
        keys.append(pairs)
        weights.append(np.full(len(pairs), weight))
        waiting += len(pairs)
        if waiting > _PAIRS_AT_ONCE:
            yield tuple(map(np.concatenate, (keys, weights, own, own_weights)))  # type: ignore[misc]
            keys, weights, own, own_weights, waiting = [], [], [], [], 0
    if own:
        yield tuple(map(np.concatenate, (keys, weights, own, own_weights)))  # type: ignore[misc]


def _affordable(sizes: Ints) -> Ints:
    """Return the users, drawn at random, whose pairs are not too many in all."""
    order = np.random.default_rng(0).permutation(len(sizes))
    pairs = np.cumsum(sizes[order].astype(np.float64) ** 2)
    return np.sort(order[pairs <= max(_MOST_PAIRS, pairs[0] if len(pairs) else 0)])


def _summed(keys: Ints, weights: Floats) -> tuple[Ints, Floats]:
    distinct, place = np.unique(keys, return_inverse=True)
    return distinct, np.bincount(place, weights, len(distinct)).astype(np.float64)


def _strongest(first: Ints, second: Ints, likeness: Floats, count: int) -> Neighbours:
    """Return the strongest pairs of each first item."""
    order = np.lexsort((second, -likeness, first))
    first, second, likeness = first[order], second[order], likeness[order]
    rank = np.arange(len(first)) - np.searchsorted(first, np.arange(count))[first]
    width = max(1, min(NEIGHBOURS, _MOST_NEIGHBOURS // count))
    near = rank < width
    places = np.full((count, width), count, np.int32)
    strength = np.zeros((count, width), np.float32)
    places[first[near], rank[near]] = second[near]
    strength[first[near], rank[near]] = likeness[near]
    return Neighbours(places, strength)


def knn_scores(neighbours: Neighbours, history: Ints, decay: float) -> Floats:
    """Return scores (n, V) of all items after histories (n, L) of places from 1, 0 for none.

    An item's score is the sum of its likeness to the watches, each of which counts `decay` times
    what the next newer one does.
    """
    # One place more, for the neighbours that an item lacks.
    scores = np.zeros((len(history), len(neighbours.places) + 1))
    for age, column in enumerate(history.T):
        rows = np.flatnonzero(column)
        watched = column[rows] - 1
        near = neighbours.places[watched]
        # A row's neighbours are different items, so that none is added to twice at once.
        scores[rows[:, None], near] += decay**age * neighbours.likeness[watched]
        if decay**age < _NOTHING:
            break
    return scores[:, :-1]


_NOTHING = 1e-9
