"""The lexical part of vectors in numpy: the same function as dssmcli.models.lexical."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from dssmcli.config import SIDES
from dssmcli.errors import RunError
from dssmcli.serving.tables import Chunk, Looked, UnitTables, bag, chunks
from dssmcli.text.numbering import PAD_UNIT
from dssmcli.text.projection import Projection

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

NAME = "lexical"
_KEPT_BYTES = 12 << 20
_HEAVIEST = 1e6


class Lexical:
    """Joins the lexical part to what a tower says of texts.

    A call changes nothing, so that several threads may call it at a time.
    """

    def __init__(self, dims: int, weights: Mapping[str, Floats], lent: int) -> None:
        self._weight, self._projection = weights["weight"], Projection(dims)
        (share,), self._powers = weights["share"], weights["powers"].tolist()
        self._shortest, self._longest = weights["lengths"].tolist()
        self._shares = np.sqrt(share), np.sqrt(1 - share)
        self._dims = dims
        self.tables = UnitTables(self._rows, (dims,), lent, kept_bytes=_KEPT_BYTES)

    def _rows(self, ids: Ints) -> Floats:
        """Return the projected rows (n, L) of features."""
        return self._projection.rows(ids) * self._weight[ids][:, None]

    def joined(self, texts: Looked, semantic: Floats, side: str) -> Floats:
        """Return the unit rows (N, L + D + 2), given the semantic part as unit rows (N, D)."""
        width = semantic.shape[1]
        rows = np.zeros((len(semantic), self._dims + width + len(SIDES)), np.float32)
        room = rows[:, self._dims + width + SIDES.index(side)]
        for chunk in chunks(texts):
            sums = bag(texts.tables[0], _once(chunk))
            norms = np.sqrt(np.einsum("nl,nl->n", sums, sums)).clip(min=1e-12)
            lengths = self._lengths(norms, side)
            sums *= (self._shares[0] * lengths / norms)[:, None]
            rows[chunk.rows, : self._dims] = sums
            meant = semantic[chunk.rows] * (self._shares[1] * lengths)[:, None]
            rows[chunk.rows, self._dims : -len(SIDES)] = meant
            room[chunk.rows] = np.sqrt((1 - lengths**2).clip(min=0))
        return rows

    def _lengths(self, norms: Floats, side: str) -> Floats:
        """Return how long the parts of texts are, (n,), given their lexical sums' lengths."""
        power = self._powers[SIDES.index(side)]
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
