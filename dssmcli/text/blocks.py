"""Blocks of texts as arrays: the one place where text becomes ids and padding is decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.text.numbering import PAD_UNIT, UnitIndex
from dssmcli.text.ragged import Ragged
from dssmcli.text.tokenizers import Lookup

Ints = npt.NDArray[np.int64]

_ADDED_AT_ONCE = 8192


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
        self._rows = len(lookup.vocabulary)
        self._units = UnitIndex(lookup)
        self._texts = Ragged()
        self.truncated = 0

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self._texts)

    @property
    def distinct_units(self) -> int:
        """Return the number of distinct units met so far, padding included."""
        return len(self._units)

    def add(self, texts: Sequence[str]) -> None:
        """Append texts; the i-th text ever added has number i."""
        for start in range(0, len(texts), _ADDED_AT_ONCE):
            found = self._units.number(texts[start : start + _ADDED_AT_ONCE])
            self.truncated += found.truncated
            self._texts.extend(found.units, found.counts)

    def document_frequency(self, rows: Ints) -> Ints:
        """Return in how many of the chosen texts each feature stands, (V,)."""
        units, lengths = self._texts.take(rows)
        features, counts = self._units.features.take(units)
        text = np.repeat(np.repeat(np.arange(len(rows)), lengths), counts)
        once = np.unique(text * self._rows + features)
        return np.bincount(once % self._rows, minlength=self._rows)

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
        features, counts = self._units.features.take(distinct)
        return Block(units, lengths, features, np.cumsum(counts) - counts)
