"""Blocks of texts as arrays: the one place where text becomes ids and padding is decided."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.text.tokenizers import Lookup
from dssmcli.text.vocab import PAD

Ints = npt.NDArray[np.int64]

PAD_UNIT = 0
"""The unit that fills up short rows. Its only feature is PAD, whose row is zero."""


class Block(NamedTuple):
    """B texts over U distinct units. Unit 0 is padding.

    units: (B, T) int64, each text's units in order, filled up with PAD_UNIT.
    lengths: (B,) int64, the number of real units of each text; 0 for a text without any.
    features: (F,) int64, the feature ids of all U units, one unit after the other.
    starts: (U,) int64, where each unit's features begin; every unit has at least one.
    """

    units: Ints
    lengths: Ints
    features: Ints
    starts: Ints


class Ragged:
    """Rows of integers of different lengths, appended one by one, kept in two flat arrays."""

    def __init__(self) -> None:
        self._values = array("q")
        self._limits = array("q", [0])
        self._frozen: tuple[Ints, Ints] | None = None

    def __len__(self) -> int:
        return len(self._limits) - 1

    def append(self, row: Iterable[int]) -> None:
        """Add a row at the end."""
        self._values.extend(row)
        self._limits.append(len(self._values))
        self._frozen = None

    def arrays(self) -> tuple[Ints, Ints]:
        """Return all values (F,) and the rows' limits (N + 1,): row i is limits[i]:limits[i+1]."""
        if self._frozen is None:
            # Copies: an array whose memory numpy looks at could not grow any more.
            self._frozen = np.array(self._values, np.int64), np.array(self._limits, np.int64)
        return self._frozen

    def take(self, rows: Ints) -> tuple[Ints, Ints]:
        """Return the values of the chosen rows one after the other, and each one's length."""
        values, limits = self.arrays()
        lengths = limits[rows + 1] - limits[rows]
        shift = np.repeat(limits[rows] - (np.cumsum(lengths) - lengths), lengths)
        return values[np.arange(len(shift)) + shift], lengths


class UnitDropout(NamedTuple):
    """Leaves out each unit of a text with probability `share`, but never the whole text."""

    share: float
    random: np.random.Generator

    def thinned(self, flat: Ints, lengths: Ints) -> tuple[Ints, Ints]:
        """Return what remains of texts that stand one after the other, and their lengths."""
        draws = self.random.random(len(flat))
        text = np.repeat(np.arange(len(lengths)), lengths)
        highest = np.zeros(len(lengths))
        np.maximum.at(highest, text, draws)
        kept = (draws >= self.share) | (draws == highest[text])
        return flat[kept], np.bincount(text[kept], minlength=len(lengths))


class TextIndex:
    """Texts cut into units and units into feature ids, each distinct unit described once.

    `truncated` counts the texts that were longer than the model reads, or had a unit too long.
    """

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._unit_ids: dict[str, int] = {"": PAD_UNIT}
        self._features = Ragged()
        self._features.append([PAD])
        self._texts = Ragged()
        self.truncated = 0

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self._texts)

    @property
    def distinct_units(self) -> int:
        """Return the number of distinct units met so far, padding included."""
        return len(self._unit_ids)

    def add(self, texts: Sequence[str]) -> None:
        """Append texts; the i-th text ever added has number i."""
        for text in texts:
            cut = self._lookup.cut(text)
            self.truncated += cut.truncated
            self._texts.append([self._unit_id(unit) for unit in cut.units])

    def clear_texts(self) -> None:
        """Forget the texts, keep the units."""
        self._texts = Ragged()

    def document_frequency(self) -> Ints:
        """Return in how many texts each feature stands, (V,)."""
        units, lengths = self._texts.take(np.arange(len(self)))
        features, counts = self._features.take(units)
        text = np.repeat(np.repeat(np.arange(len(self)), lengths), counts)
        rows = len(self._lookup.vocabulary)
        once = np.unique(text * rows + features)
        return np.bincount(once % rows, minlength=rows)

    def lengths(self) -> Ints:
        """Return the number of units of each text, (N,)."""
        return np.diff(self._texts.arrays()[1])

    def block(self, rows: Ints, dropout: UnitDropout | None = None) -> Block:
        """Return the chosen texts as a block over their own distinct units."""
        flat, lengths = self._texts.take(rows)
        if dropout is not None:
            flat, lengths = dropout.thinned(flat, lengths)
        # Unit 0 is put first so that padding is unit 0 of every block.
        distinct, local = np.unique(np.concatenate(([PAD_UNIT], flat)), return_inverse=True)
        width = int(lengths.max(initial=1))
        units = np.full((len(rows), width), PAD_UNIT, np.int64)
        units[np.arange(width) < lengths[:, None]] = local[1:]
        features, counts = self._features.take(distinct)
        return Block(units, lengths, features, np.cumsum(counts) - counts)

    def _unit_id(self, unit: str) -> int:
        found = self._unit_ids.get(unit)
        if found is None:
            found = self._unit_ids[unit] = len(self._unit_ids)
            features = self._lookup.tokenizer.describe(unit)
            self._features.append(map(self._lookup.vocabulary.id, features))
        return found
