"""Finds hard negatives: titles that a run takes for nearly a match of a query, and are none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.config import between
from dssmcli.data.batching import KnownPositives
from dssmcli.data.known import TitlesOfQueries, rows_by_query
from dssmcli.data.pairs import Pairs, positive_rows
from dssmcli.data.pipeline import in_threads
from dssmcli.serving.encoder import BATCH, Encoder
from dssmcli.serving.evaluation import match_grade
from dssmcli.text.ragged import distinct

Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]

_SCORES_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Window:
    """Which titles are mined: `per_query` at most, drawn from the ranks `first` to `last`.

    Their cosine is lower than that of the query's best known match by `margin` at least.
    """

    first: int = 10
    last: int = 100
    margin: float = 0.05
    per_query: int = 4

    def __post_init__(self) -> None:
        between("the first of --ranks", self.first, 1)
        between("the last of --ranks", self.last, self.first, 1_000_000)
        between("--margin", self.margin, -2, 2)
        between("--per-query", self.per_query, 1)


class Mined(NamedTuple):
    """Hard negatives (M,) of some queries: numbers of texts, ranks from 1, cosines.

    queries: how many queries these are of. near: titles in their windows left out for the margin.
    """

    query: Ints
    title: Ints
    rank: Ints
    cosine: Floats32
    queries: int
    near: int


class _Asked(NamedTuple):
    """Some queries (Q,), their vectors (Q, D), and a random number for each rank (Q, W)."""

    query: Ints
    vectors: Floats32
    keys: Floats


class Miner:
    """Mines the negatives of every query that has a known match, block by block.

    Ranks are those among the titles of the pairs that stand in no row with the query and are not
    its own text. `texts` are the pairs' texts by number. What is drawn is a function of `seed`.
    """

    def __init__(
        self, encoder: Encoder, pairs: Pairs, texts: Sequence[str], window: Window, seed: int
    ) -> None:
        positive = positive_rows(pairs, match_grade(encoder, pairs))
        matches = rows_by_query(pairs, positive)
        self._encoder, self._texts, self._window, self._seed = encoder, texts, window, seed
        self._matches = TitlesOfQueries(pairs.query[matches], pairs.title[matches])
        self._known = KnownPositives(pairs, np.ones(len(pairs), np.bool_))
        self._queries, self._titles = distinct(pairs.query[matches]), distinct(pairs.title)
        self._vectors = encoder.encode([texts[i] for i in self._titles], "title")
        self._says_nothing = ~self._vectors.any(axis=1)
        #: Queries to mine for; those without a known match; titles to choose from.
        self.queries, self.titles = len(self._queries), len(self._titles)
        self.unmatched = len(distinct(pairs.query)) - self.queries

    def blocks(self, threads: int) -> Iterator[Mined]:
        """Yield what is mined for some queries after the other, each one's by rank."""
        if self._window.first <= self.titles:
            yield from in_threads(self._mined, self._asked(), threads)

    def _asked(self) -> Iterator[_Asked]:
        random = np.random.default_rng([self._seed, 5])
        width = min(self._window.last, self.titles) - self._window.first + 1
        size = max(1, min(BATCH, _SCORES_AT_ONCE // self.titles))
        starts = range(0, self.queries, BATCH)
        texts = ([self._texts[i] for i in self._queries[start : start + BATCH]] for start in starts)
        encoded = self._encoder.encode_blocks(texts, "query")
        for start, (_, vectors) in zip(starts, encoded, strict=True):
            for place in range(0, len(vectors), size):
                rows = vectors[place : place + size]
                queries = self._queries[start + place : start + place + len(rows)]
                yield _Asked(queries, rows, random.random((len(rows), width)))

    def _mined(self, asked: _Asked) -> Mined:
        scores = asked.vectors @ self._vectors.T  # (Q, T)
        limit = self._best(asked.query, scores) - np.float32(self._window.margin)
        scores[self._known.mask(asked.query, self._titles)] = -np.inf
        scores[:, self._says_nothing] = -np.inf
        columns = _highest(scores, min(self._window.last, self.titles))[:, self._window.first - 1 :]
        cosines = np.take_along_axis(scores, columns, axis=1)  # (Q, W)
        there = (cosines > -np.inf) & np.any(asked.vectors, axis=1, keepdims=True)
        far = there & (cosines <= limit[:, None])
        row, place = _drawn(np.where(far, asked.keys, np.inf), self._window.per_query)
        return Mined(
            asked.query[row],
            self._titles[columns[row, place]],
            place + self._window.first,
            cosines[row, place],
            len(np.unique(row)),
            int((there & ~far).sum()),
        )

    def _best(self, queries: Ints, scores: Floats32) -> Floats32:
        """Return the cosine of each query's best known match, (Q,)."""
        best = np.full(len(queries), -np.inf, np.float32)
        found = self._matches.among(queries, self._titles)
        np.maximum.at(best, found.row, scores[found.row, found.column])
        return best


def _highest(scores: Floats32, count: int) -> Ints:
    """Return the columns (Q, count) of the highest scores, from the highest down."""
    if count < scores.shape[1]:
        columns = np.sort(np.argpartition(scores, -count, axis=1)[:, -count:], axis=1)
    else:
        columns = np.broadcast_to(np.arange(count), scores.shape)
    order = np.argsort(-np.take_along_axis(scores, columns, axis=1), axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1)


def _drawn(keys: Floats, count: int) -> tuple[Ints, Ints]:
    """Return row and place of the `count` lowest finite keys of each row, in order."""
    chosen = np.sort(np.argsort(keys, axis=1)[:, :count], axis=1)
    row, place = np.repeat(np.arange(len(keys)), chosen.shape[1]), chosen.ravel()
    finite = np.isfinite(keys[row, place])
    return row[finite], place[finite]
