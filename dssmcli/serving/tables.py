"""What a tower looks up for each unit: projected once, kept for the units met first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.text.numbering import PAD_UNIT, Numbered
from dssmcli.text.ragged import Ragged, distinct
from dssmcli.text.vocab import PAD

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

KEPT_BYTES = 28 << 20
"""Memory of a tower's kept rows at most; those of other units are made anew for every block."""
GUEST_BYTES = 8 << 20
"""Memory of the other units' rows of a block at most; with more of them it has tables apart."""
_MADE_AT_ONCE = 1024
"""Units whose rows are made together."""
_AT_ONCE = 384
"""Texts that go through a tower together: what they touch fits into a core's own cache."""


class Looked(NamedTuple):
    """N texts, their units found in tables.

    tables: arrays (U, W) float32, one a purpose; row 0, padding, is zero. places: (T,) int64, the
    row of every unit, one text after the other. counts: (N,) int64, units of each text.
    """

    tables: tuple[Floats, ...]
    places: Ints
    counts: Ints


class UnitTables:
    """Rows of units, by their numbers.

    `rows` makes the rows (n, E) of features by their ids (n,), and `project` the tables' rows, each
    (n, W), of the summed feature rows of units: these themselves, unless it is given. What was
    looked up stays valid until `lent` further calls of `look_up`.
    """

    def __init__(
        self,
        rows: Callable[[Ints], Floats],
        widths: Sequence[int],
        lent: int,
        project: Callable[[Floats], tuple[Floats, ...]] = lambda sums: (sums,),
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        self._rows, self._project = rows, project
        #: How many units, padding included, have rows that are kept.
        self.kept = max(1024, kept_bytes // (4 * sum(widths)))
        self._known = np.zeros(self.kept, np.bool_)
        self._known[PAD_UNIT] = True
        # Behind the kept rows, one place after another for the other units of a block. Memory
        # that no unit needs is never touched, so it costs nothing.
        self._guests = max(256, GUEST_BYTES // (4 * sum(widths)))
        self._turn, self._turns = 0, lent + 1
        size = self.kept + self._guests * self._turns
        self._tables = tuple(np.zeros((size, width), np.float32) for width in widths)

    def look_up(self, features: Ragged, found: Numbered) -> Looked:
        """Return the tables to look units up in, given the features of all, and where."""
        places = found.units
        guests = distinct(places[places >= self.kept])
        if len(guests) > self._guests:
            return self._apart(features, found)
        unknown = places[~self._known.take(places, mode="clip")]
        unknown = distinct(unknown[unknown < self.kept])
        if len(unknown):
            self._put(unknown, unknown, features)
            self._known[unknown] = True
        if len(guests):
            first = self.kept + self._turn * self._guests
            self._turn = (self._turn + 1) % self._turns
            self._put(first + np.arange(len(guests)), guests, features)
            seats = first + np.searchsorted(guests, places)
            places = np.where(places < self.kept, places, seats)
        return Looked(self._tables, places, found.counts)

    def _put(self, places: Ints, units: Ints, features: Ragged) -> None:
        """Write the rows of units; places are in order, and mostly in a row."""
        for begin in range(0, len(units), _MADE_AT_ONCE):
            part = places[begin : begin + _MADE_AT_ONCE]
            first, end = int(part[0]), int(part[-1]) + 1
            # In a row is much the faster way to write them.
            where = slice(first, end) if end - first == len(part) else part
            made = self._made(units[begin : begin + _MADE_AT_ONCE], features)
            for table, rows in zip(self._tables, made, strict=True):
                table[where] = rows

    def _apart(self, features: Ragged, found: Numbered) -> Looked:
        """Return tables of this block's units alone."""
        # Padding joins them, so that it has place 0.
        units, places = np.unique(np.append(found.units, PAD_UNIT), return_inverse=True)
        return Looked(self._made(units, features), places[:-1], found.counts)

    def _made(self, units: Ints, features: Ragged) -> tuple[Floats, ...]:
        ids, counts = features.take(units)
        if len(ids) == len(units):
            return self._project(self._rows(ids))
        # Words share their features: each one's row is made once.
        used, places = np.unique(np.append(ids, PAD), return_inverse=True)
        rows = self._rows(used)
        sums = np.zeros((len(units), rows.shape[1]), np.float32)
        for chunk in chunks(Looked((rows,), places[:-1], counts)):
            sums[chunk.rows] = bag(rows, chunk)
        return self._project(sums)


class Chunk(NamedTuple):
    """Some texts of a block, the longest first, as columns of units.

    rows: (n,) which texts. columns: (T, n) int64, column t holds the place of each text's unit t,
    0 once it has ended. active: how many of the texts have a unit t, a number a column. lengths:
    (n,) float32, at least 1.
    """

    rows: Ints
    columns: Ints
    active: list[int]
    lengths: Floats


def chunks(looked: Looked) -> list[Chunk]:
    """Return the texts that have units, those of like length together."""
    counts = looked.counts
    starts = np.cumsum(counts) - counts
    order = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    return [
        _chunk(order[first : first + _AT_ONCE], looked.places, starts, counts)
        for first in range(0, len(order), _AT_ONCE)
    ]


def _chunk(rows: Ints, places: Ints, starts: Ints, counts: Ints) -> Chunk:
    lengths = counts[rows]
    steps = np.arange(lengths[0])[:, None]
    inside = steps < lengths
    columns = places.take(starts[rows] + steps, mode="clip")
    columns[~inside] = PAD_UNIT
    return Chunk(rows, columns, inside.sum(axis=1).tolist(), lengths.astype(np.float32))


def bag(table: Floats, chunk: Chunk) -> Floats:
    """Return the sum of each text's rows, (n, W)."""
    sums = np.empty((len(chunk.rows), table.shape[1]), np.float32)
    part = np.empty_like(sums)
    take(table, chunk.columns[0], sums)
    for column, active in zip(chunk.columns[1:], chunk.active[1:], strict=True):
        take(table, column[:active], part[:active])
        sums[:active] += part[:active]
    return sums


def take(table: Floats, places: Ints, out: Floats) -> None:
    """Write the rows at places (n,) to out (n, W)."""
    # With "clip" numpy writes to `out` directly; all places are inside anyway.
    table.take(places, axis=0, out=out, mode="clip")
