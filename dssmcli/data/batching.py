"""Batches of pairs: which rows stand together, against which candidate titles."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.config import LossConfig
from dssmcli.data.clicks import unclicked_of
from dssmcli.data.known import TitlesOfQueries, rows_by_query
from dssmcli.data.pairs import Pairs
from dssmcli.data.part import WHOLE, Part
from dssmcli.text.ragged import distinct

Ints = npt.NDArray[np.integer[Any]]
Bools = npt.NDArray[np.bool_]
Floats32 = npt.NDArray[np.float32]

_TOGETHER = 16
"""So many rows of one query at most go into an epoch's order as one; more are spread out."""


class Batch(NamedTuple):
    """R rows and the C distinct titles that are scored against their queries.

    rows: (R,) int64, numbers of rows of the pairs.
    candidates: (C,) int64, numbers of texts.
    column: (R,) int64, the candidate that is the row's own title.
    allowed: (P, C) bool, which candidates are negatives of which row (its own title aside).
    masked: (P,) int64, other candidates that are known matches of the query, or its own text.
    log_weight: (P, C) float32, log of what each candidate weighs; None where all weigh the same.
    part: the rows that those three are of: all of them, unless several processes share a batch.
    """

    rows: Ints
    candidates: Ints
    column: Ints
    allowed: Bools
    masked: Ints
    log_weight: Floats32 | None = None
    part: slice = slice(None)


class KnownPositives:
    """For every query, the titles that are matches of it anywhere in the file."""

    def __init__(self, pairs: Pairs, positive: Bools) -> None:
        rows = rows_by_query(pairs, positive)
        self._matches = TitlesOfQueries(pairs.query[rows], pairs.title[rows])

    def mask(self, queries: Ints, candidates: Ints) -> Bools:
        """Return (R, C): True where a candidate is a match of the query, or the query's own text.

        `candidates` is sorted and without repeats.
        """
        mask = np.zeros((len(queries), len(candidates)), np.bool_)
        found = self._matches.among(queries, candidates)
        mask[found.row, found.column] = True
        # A text that is both the query and a candidate is no negative of itself.
        columns = np.searchsorted(candidates, queries).clip(max=len(candidates) - 1)
        itself = candidates[columns] == queries
        mask[np.flatnonzero(itself), columns[itself]] = True
        return mask


class Batches:
    """The batches of every epoch; batch i is a function of the seed and i alone.

    Rows of one query stand together, so that a title shown and not clicked is a negative of the
    query it was shown for. Where `query_cap` is set, an epoch has only so many matches of a query,
    and as many other rows of it, drawn afresh: all alike, as their clicks weigh them already.

    size: rows of a batch, whole. part: whose rows of it are compared with the candidates.
    """

    def __init__(
        self,
        pairs: Pairs,
        positive: Bools,
        loss: LossConfig,
        size: int,
        seed: int,
        part: Part = WHOLE,
    ) -> None:
        self._pairs, self._loss, self._size, self._seed = pairs, loss, size, seed
        self._part = part
        self._known = KnownPositives(pairs, positive)
        self._unclicked = unclicked_of(pairs, positive, loss)
        self._titles = Titles(pairs.title, loss.negative_power)
        self._positive = positive
        self._chunk = np.zeros(0, np.int32) if loss.query_cap else _chunks(pairs.query)
        self._rows = epoch_rows(pairs, positive, loss.query_cap)
        self._order: tuple[int, Ints] = (-1, np.zeros(0, np.int32))

    @property
    def per_epoch(self) -> int:
        """Return the number of batches in an epoch."""
        return -(-self._rows // self._size)

    def batch(self, number: int) -> Batch:
        """Return batch `number`, counted from 0 through all epochs."""
        epoch, within = divmod(number, self.per_epoch)
        rows = self._epoch(epoch)[within * self._size : (within + 1) * self._size]
        random = np.random.default_rng([self._seed, 1, number])
        count = self._loss.random_negatives
        if self._loss.in_batch:
            return self._shared(rows, self._titles.draw(random, (count,)))
        return self._own(rows, self._titles.draw(random, (len(rows), count)))

    def _epoch(self, epoch: int) -> Ints:
        if self._order[0] != epoch:
            random = np.random.default_rng([self._seed, 0, epoch])
            self._order = epoch, self._drawn(random) if self._loss.query_cap else self._all(random)
        return self._order[1]

    def _all(self, random: np.random.Generator) -> Ints:
        """Return all rows, in the order of an epoch."""
        place = random.permutation(np.arange(self._chunk.max() + 1, dtype=np.int32))
        rows = random.permutation(np.arange(len(self._chunk), dtype=np.int32))
        return rows[np.argsort(place[self._chunk[rows]], kind="stable")]

    def _drawn(self, random: np.random.Generator) -> Ints:
        """Return the rows that an epoch draws, in its order."""
        rows = random.permutation(np.arange(len(self._pairs), dtype=np.int32))
        rows = rows[_turn(self._pairs, self._positive, rows) < self._loss.query_cap]
        chunk = _chunks(self._pairs.query[rows])
        place = random.permutation(np.arange(chunk.max() + 1, dtype=np.int32))
        return rows[np.argsort(place[chunk], kind="stable")]

    def _shared(self, rows: Ints, drawn: Ints) -> Batch:
        """All titles of the batch, and the drawn ones, are candidates of every row."""
        titles = np.concatenate((self._pairs.title[rows], drawn))
        candidates, inverse = np.unique(titles, return_inverse=True)
        count = len(rows[self._part.rows(len(rows))])
        return self._batch(rows, candidates, inverse, np.ones((count, len(candidates)), bool))

    def _own(self, rows: Ints, drawn: Ints) -> Batch:
        """Each row has the candidates (R, J) drawn for it, as in the papers."""
        titles = np.concatenate((self._pairs.title[rows], drawn.ravel()))
        candidates, inverse = np.unique(titles, return_inverse=True)
        columns = inverse[len(rows) :].reshape(drawn.shape)[self._part.rows(len(rows))]
        own = np.zeros((len(columns), len(candidates)), np.bool_)
        own[np.arange(len(columns))[:, None], columns] = True
        return self._batch(rows, candidates, inverse, own)

    def _batch(self, rows: Ints, candidates: Ints, inverse: Ints, offered: Bools) -> Batch:
        """Take the known matches out of what is offered (P, C)."""
        column, part = inverse[: len(rows)], self._part.rows(len(rows))
        queries = self._pairs.query[rows[part]]
        hidden = offered & self._known.mask(queries, candidates)
        masked = hidden.sum(axis=1) - hidden[np.arange(len(queries)), column[part]]
        batch = Batch(rows, candidates, column, offered & ~hidden, masked, None, part)
        if self._unclicked is None:
            return batch
        weights = self._unclicked.log_weights(queries, candidates)
        return batch._replace(allowed=batch.allowed & (weights > -np.inf), log_weight=weights)


class Titles:
    """Draws titles: each alike (power 0), as often as in the rows (1), or in between."""

    def __init__(self, titles: Ints, power: float) -> None:
        self._limits: npt.NDArray[np.float64] | None = None
        if not power:
            self._distinct = distinct(titles)
            return
        counts = np.bincount(titles)
        self._distinct = np.flatnonzero(counts).astype(np.int32)
        self._limits = np.cumsum(counts[self._distinct].astype(np.float64) ** power)

    def draw(self, random: np.random.Generator, shape: tuple[int, ...]) -> Ints:
        """Return the numbers of titles drawn with replacement, of this shape."""
        if self._limits is None:
            return np.asarray(random.choice(self._distinct, shape))
        points = random.random(shape) * self._limits[-1]
        return np.asarray(self._distinct[np.searchsorted(self._limits[:-1], points, "right")])


def epoch_rows(pairs: Pairs, positive: Bools, query_cap: int) -> int:
    """Return how many rows an epoch has."""
    if not query_cap:
        return len(pairs)
    several = (np.bincount(pairs.query[chosen]) for chosen in (positive, ~positive))
    return sum(int(np.minimum(counts, query_cap).sum()) for counts in several)


def _turn(pairs: Pairs, positive: Bools, rows: Ints) -> Ints:
    """Return for each of rows (n,), in this order, how many like it stand before it.

    Like it: matches of the same query, or other rows of it.
    """
    kind = 2 * pairs.query[rows] + positive[rows]
    order = np.argsort(kind, kind="stable").astype(np.int32)
    turn = np.empty(len(rows), np.int32)
    turn[order] = _places(kind[order])
    return turn


def _places(ordered: Ints) -> Ints:
    """Return the place of each value among its equals, which stand together."""
    place = np.arange(len(ordered), dtype=np.int32)
    first = np.concatenate(([True], ordered[1:] != ordered[:-1]))
    return np.asarray(place - np.maximum.accumulate(np.where(first, place, np.int32(0))))


def _chunks(query: Ints) -> Ints:
    """Number the groups of rows that stay together: up to _TOGETHER rows of one query."""
    order = np.argsort(query, kind="stable").astype(np.int32)
    chunk = np.empty(len(query), np.int32)
    chunk[order] = np.cumsum(_places(query[order]) % _TOGETHER == 0, dtype=np.int32) - 1
    return chunk


class Split(NamedTuple):
    """Training and validation rows over the same texts."""

    train: Pairs
    valid: Pairs | None


_FEWEST_HELD, _MOST_HELD = 100, 5000


def split_by_query(pairs: Pairs, share: float, seed: int) -> Split:
    """Set aside about `share` of the queries, with all their rows, for validation.

    None of a held-out query's rows is trained on. Few rows say little, so about 100 are held out if
    a fifth of the queries has as many, and at most about 5,000. Nothing is when `share` is 0 or
    there are too few queries to split.
    """
    queries = distinct(pairs.query)
    a_row = len(queries) / len(pairs)  # queries
    count = max(round(share * len(queries)), min(_FEWEST_HELD * a_row, len(queries) / 5))
    count = round(min(count, max(_MOST_HELD * a_row, 1)))
    if not share or count < 1 or count >= len(queries):
        return Split(pairs, None)
    held = np.random.default_rng([seed, 2]).choice(queries, count, replace=False)
    inside = np.isin(pairs.query, held)
    return Split(pairs.rows(~inside), pairs.rows(inside))
