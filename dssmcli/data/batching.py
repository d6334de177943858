"""Batches of pairs: which rows stand together, against which candidate titles."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.config import LossConfig
from dssmcli.data.pairs import Pairs
from dssmcli.text.ragged import distinct, spans

Ints = npt.NDArray[np.integer[Any]]
Bools = npt.NDArray[np.bool_]

_TOGETHER = 16
"""So many rows of one query at most go into an epoch's order as one; more are spread out."""


class Batch(NamedTuple):
    """R rows and the C distinct titles that are scored against their queries.

    rows: (R,) int64, numbers of rows of the pairs.
    candidates: (C,) int64, numbers of texts.
    column: (R,) int64, the candidate that is the row's own title.
    allowed: (R, C) bool, which candidates are negatives of which row (its own title aside).
    masked: (R,) int64, other candidates that are known matches of the query, or its own text.
    """

    rows: Ints
    candidates: Ints
    column: Ints
    allowed: Bools
    masked: Ints


class KnownPositives:
    """For every query, the titles that are matches of it anywhere in the file."""

    def __init__(self, pairs: Pairs, positive: Bools) -> None:
        queries = pairs.query[positive]
        order = np.argsort(queries, kind="stable")
        self._queries, self._titles = queries[order], pairs.title[positive][order]

    def mask(self, queries: Ints, candidates: Ints) -> Bools:
        """Return (R, C): True where a candidate is a match of the query, or the query's own text.

        `candidates` is sorted and without repeats.
        """
        first = np.searchsorted(self._queries, queries, "left")
        counts = np.searchsorted(self._queries, queries, "right") - first
        titles = self._titles[spans(first, counts)]
        rows = np.repeat(np.arange(len(queries)), counts)
        # A text that is both the query and a candidate is no negative of itself.
        rows = np.concatenate((rows, np.arange(len(queries))))
        titles = np.concatenate((titles, queries))
        columns = np.searchsorted(candidates, titles).clip(max=len(candidates) - 1)
        found = candidates[columns] == titles
        mask = np.zeros((len(queries), len(candidates)), np.bool_)
        mask[rows[found], columns[found]] = True
        return mask


class Batches:
    """The batches of every epoch; batch i is a function of the seed and i alone.

    Rows of one query stand together, so that a title shown and not clicked is a negative of the
    query it was shown for.
    """

    def __init__(self, pairs: Pairs, positive: Bools, loss: LossConfig, size: int, seed: int):
        self._pairs, self._loss, self._size, self._seed = pairs, loss, size, seed
        self._known = KnownPositives(pairs, positive)
        self._titles = distinct(pairs.title)
        self._chunk = _chunks(pairs.query)
        self._order: tuple[int, Ints] = (-1, np.zeros(0, np.int32))

    @property
    def per_epoch(self) -> int:
        """Return the number of batches in an epoch."""
        return -(-len(self._pairs) // self._size)

    def batch(self, number: int) -> Batch:
        """Return batch `number`, counted from 0 through all epochs."""
        epoch, within = divmod(number, self.per_epoch)
        rows = self._epoch(epoch)[within * self._size : (within + 1) * self._size]
        random = np.random.default_rng([self._seed, 1, number])
        count = self._loss.random_negatives
        if self._loss.in_batch:
            return self._shared(rows, random.choice(self._titles, count))
        return self._own(rows, random.choice(self._titles, (len(rows), count)))

    def _epoch(self, epoch: int) -> Ints:
        if self._order[0] != epoch:
            random = np.random.default_rng([self._seed, 0, epoch])
            place = random.permutation(np.arange(self._chunk.max() + 1, dtype=np.int32))
            rows = random.permutation(np.arange(len(self._chunk), dtype=np.int32))
            self._order = epoch, rows[np.argsort(place[self._chunk[rows]], kind="stable")]
        return self._order[1]

    def _shared(self, rows: Ints, drawn: Ints) -> Batch:
        """All titles of the batch, and the drawn ones, are candidates of every row."""
        titles = np.concatenate((self._pairs.title[rows], drawn))
        candidates, inverse = np.unique(titles, return_inverse=True)
        return self._batch(rows, candidates, inverse, np.ones((len(rows), len(candidates)), bool))

    def _own(self, rows: Ints, drawn: Ints) -> Batch:
        """Each row has the candidates (R, J) drawn for it, as in the papers."""
        titles = np.concatenate((self._pairs.title[rows], drawn.ravel()))
        candidates, inverse = np.unique(titles, return_inverse=True)
        own = np.zeros((len(rows), len(candidates)), np.bool_)
        own[np.repeat(np.arange(len(rows)), drawn.shape[1]), inverse[len(rows) :]] = True
        return self._batch(rows, candidates, inverse, own)

    def _batch(self, rows: Ints, candidates: Ints, inverse: Ints, offered: Bools) -> Batch:
        """Take the known matches out of what is offered (R, C)."""
        column = inverse[: len(rows)]
        hidden = offered & self._known.mask(self._pairs.query[rows], candidates)
        masked = hidden.sum(axis=1) - hidden[np.arange(len(rows)), column]
        return Batch(rows, candidates, column, offered & ~hidden, masked)


def _chunks(query: Ints) -> Ints:
    """Number the groups of rows that stay together: up to _TOGETHER rows of one query."""
    order = np.argsort(query, kind="stable").astype(np.int32)
    ordered, place = query[order], np.arange(len(query), dtype=np.int32)
    first = np.concatenate(([True], ordered[1:] != ordered[:-1]))
    within = place - np.maximum.accumulate(np.where(first, place, np.int32(0)))
    chunk = np.empty(len(query), np.int32)
    chunk[order] = np.cumsum(within % _TOGETHER == 0, dtype=np.int32) - 1
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
