"""How the vectors of an index lie in lists, and what share of the best titles these find."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli import neighbours
from dssmcli.neighbours import Found, Lists, Rows
from dssmcli.serving.encoder import Encoder
from dssmcli.serving.index_file import IndexFile

RECALLED = 10
"""Recall is measured on so many best titles of a query."""

_FEWEST = 20_000
"""Titles, from which on lists are thought of: fewer are gone through in milliseconds."""
_QUERIES = 500
_PROBED = 1 / 5
"""Of many lists so many are looked into at most: past that it is as fast to go through all."""
_GROWTH = 2
"""An index that has grown so much gets new centres."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Plan(NamedTuple):
    """How an index is to be made. recall: that its lists have to reach, 0 for none. queries: on
    which it is measured; empty: on titles. threads: of the processor."""

    dtype: str
    recall: float
    queries: Sequence[str]
    threads: int
    seed: int = 1


class Laid(NamedTuple):
    """The order of titles in the file, and their lists, if any. built_for: so many titles there
    were when the lists' centres were found."""

    order: Ints
    lists: Lists | None
    recall: float | None
    built_for: int | None


def laid_out(
    vectors: Floats,
    encoder: Encoder,
    title: Callable[[int], str],
    plan: Plan,
    before: IndexFile | None,
) -> Laid:
    """Return how vectors (N, D) are to lie in the file: in lists, if these are worth it.

    title: returns that of a vector. before: the index that the most of them come from, if any.
    """
    plain = Laid(np.arange(len(vectors)), None, None, None)
    if not plan.recall or len(vectors) < _FEWEST:
        return plain
    order, lists, built_for = _lists(vectors, plan, before)
    rows = _Ordered(vectors, order)
    queries, best, spare = _asked(rows, encoder, plan, lambda place: title(int(order[place])))
    lists, found = neighbours.tuned(rows, lists, queries, best, plan.recall, _PROBED, spare)
    if found < plan.recall:
        return plain._replace(recall=found)
    return Laid(order, lists, found, built_for)


def _lists(vectors: Floats, plan: Plan, before: IndexFile | None) -> tuple[Ints, Lists, int]:
    """Return lists around new centres, or around those of the index before if they still fit."""
    known = None if before is None else before.lists()
    built_for = 0 if before is None else before.settings.built_for or 0
    if known is not None and len(vectors) < _GROWTH * built_for:
        list_of = neighbours.nearest_centres(vectors, known.centres, plan.threads)
        return *neighbours.laid_out(list_of, known.centres), built_for
    return *neighbours.build_lists(vectors, plan.seed, plan.threads), len(vectors)


class _Ordered:
    """Vectors in another order, read some at a time."""

    def __init__(self, vectors: Floats, order: Ints) -> None:
        self._vectors, self._order = vectors, order

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, rows: slice, /) -> Floats:
        return self._vectors[self._order[rows]]


def _asked(
    rows: Rows, encoder: Encoder, plan: Plan, title: Callable[[int], str]
) -> tuple[Floats, Found, int]:
    """Return queries (n, D) to measure recall with, the titles to be found, and how many of those
    that are found do not count: a title asked for finds itself, which says nothing."""
    random = np.random.default_rng([plan.seed, 10])
    if plan.queries:
        chosen = np.sort(random.permutation(len(plan.queries))[:_QUERIES])
        queries = encoder.encode([plan.queries[place] for place in chosen], "query")
        return queries, neighbours.exact(rows, queries, RECALLED), 0
    places = np.sort(random.permutation(len(rows))[:_QUERIES])
    queries = encoder.encode([title(place) for place in places.tolist()], "query")
    best = neighbours.exact(rows, queries, RECALLED + 1)
    itself_last = np.argsort(best.places == places[:, None], axis=1, kind="stable")
    return queries, neighbours.taken(best, itself_last[:, :RECALLED]), 1
