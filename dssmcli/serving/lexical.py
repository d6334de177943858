"""The lexical part of vectors in numpy: the same function as dssmcli.models.lexical."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.config import PLAIN, SIDES
from dssmcli.errors import RunError
from dssmcli.serving.encoder import unit_rows
from dssmcli.serving.tables import Chunk, Looked, UnitTables, bag, chunks
from dssmcli.text.numbering import PAD_UNIT
from dssmcli.text.projection import Projection

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

NAME = "lexical"
_KEPT_BYTES = 12 << 20
_HEAVIEST = 1e6


class Columns(NamedTuple):
    """How many columns of a vector each part takes, in this order; 0 for a part that is left out.

    room: what is missing to length 1 where lengths count, a column for queries, one for titles.
    """

    lexical: int
    semantic: int
    room: int


def columns_of(
    dims: int, semantic: int, weights: Mapping[str, Floats], whole: bool
) -> dict[str, Columns]:
    """Return the columns of vectors by what texts are encoded as: text, query or title.

    dims: L, of the lexical part. semantic: D, of the semantic part. whole: no part is left out of
    the vectors by sides, as in runs of format 4 and before.
    """
    (share,) = weights["share"]
    plain = Columns(dims if share > 0 else 0, semantic if share < 1 else 0, 0)
    by_side = plain._replace(room=len(SIDES) if weights["powers"].any() else 0)
    if whole:
        by_side = Columns(dims, semantic, len(SIDES))
    return {PLAIN: plain, **dict.fromkeys(SIDES, by_side)}


class Lexical:
    """Joins the lexical part to what a tower says of texts.

    A call changes nothing, so that several threads may call it at a time.
    """

    def __init__(
        self, dims: int, semantic: int, weights: Mapping[str, Floats], lent: int, whole: bool
    ) -> None:
        self._weight, self._projection = weights["weight"], Projection(dims)
        (share,), self._powers = weights["share"], weights["powers"].tolist()
        self._shortest, self._longest = weights["lengths"].tolist()
        self._shares = np.sqrt(share), np.sqrt(1 - share)
        #: The share of a cosine that is lexical.
        self.share = float(share)
        #: The length powers of queries and titles; 0 where length does not count.
        self.powers = self._powers[0], self._powers[1]
        #: The columns of vectors, by what texts are encoded as.
        self.columns = columns_of(dims, semantic, weights, whole)
        self.tables = UnitTables(self._rows, (dims,), lent, kept_bytes=_KEPT_BYTES)

    def _rows(self, ids: Ints) -> Floats:
        """Return the projected rows (n, L) of features."""
        return self._projection.rows(ids) * self._weight[ids][:, None]

    def needs_units(self, side: str) -> bool:
        """Tell whether the vectors of a side depend on the lexical sums of texts."""
        columns = self.columns[side]
        return bool(columns.lexical or columns.room)

    def joined(self, texts: Looked | None, semantic: Floats, side: str) -> Floats:
        """Return the rows (N, L + D + room), given the semantic part as unit rows (N, D).

        They are unit rows. Only where there is room, a text that has but one of the two parts is
        shorter. texts: None where `needs_units` says that they are not needed.
        """
        if texts is None:
            return semantic
        columns = self.columns[side]
        end = columns.lexical + columns.semantic
        rows = np.zeros((len(semantic), end + columns.room), np.float32)
        for chunk in chunks(texts):
            sums = bag(texts.tables[0], _once(chunk))
            norms = np.sqrt(np.einsum("nl,nl->n", sums, sums)).clip(min=1e-12)
            lengths = self._lengths(norms, side)
            if columns.lexical:
                sums *= (self._shares[0] * lengths / norms)[:, None]
                rows[chunk.rows, : columns.lexical] = sums
            if columns.semantic:
                meant = semantic[chunk.rows] * (self._shares[1] * lengths)[:, None]
                rows[chunk.rows, columns.lexical : end] = meant
            if columns.room:
                room = np.sqrt((1 - lengths**2).clip(min=0))
                rows[chunk.rows, end + SIDES.index(side)] = room
        return rows if columns.room else unit_rows(rows)

    def _lengths(self, norms: Floats, side: str) -> Floats:
        """Return how long the parts of texts are, (n,), given their lexical sums' lengths."""
        power = 0.0 if side == PLAIN else self._powers[SIDES.index(side)]
        if not power:
            return np.ones_like(norms)
        pivot = self._longest if power > 0 else self._shortest
        return np.asarray(((norms / pivot) ** power).clip(max=1.0), np.float32)


def lexical_shapes(rows: int) -> dict[str, tuple[int, ...]]:
    """Return the shape that every weight of the lexical part must have."""
    return {"weight": (rows,), "share": (1,), "powers": (2,), "lengths": (2,)}


def check_lexical(weights: Mapping[str, Floats], where: str) -> None:
    """Raise RunError, naming the file, for values that training never writes."""
    weight, lengths = weights["weight"], weights["lengths"]
    for name, fine, expected in (
        ("share", bool(0 <= weights["share"][0] <= 1), "0 to 1"),
        ("powers", bool((np.abs(weights["powers"]) <= 1).all()), "-1 to 1"),
        ("lengths", bool(0 < lengths[0] <= lengths[1] < np.inf), "two above 0, in order"),
        ("weight", bool((weight > 0).all() and weight.max() <= _HEAVIEST), "above 0, at most 1e6"),
    ):
        if not fine:
            raise RunError(
                f"{where}: {NAME}.{name} is damaged: expected {expected}. "
                "Copy the run again or train it anew."
            )


def _once(chunk: Chunk) -> Chunk:
    """Return the chunk with every text's distinct units once, the largest first."""
    columns = np.sort(chunk.columns, axis=0)[::-1]
    columns[1:][columns[1:] == columns[:-1]] = PAD_UNIT
    return chunk._replace(columns=columns)
