"""Blocks of texts as arrays: the one place where text becomes ids and padding is decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.text.limits import Cuts
from dssmcli.text.numbering import PAD_UNIT, UnitFeatures, UnitIndex, UnitSpellings
from dssmcli.text.ragged import distinct
from dssmcli.text.spill import RaggedFile
from dssmcli.text.tokenizers import Lookup
from dssmcli.text.vocab import Vocabulary

Ints = npt.NDArray[np.int64]
AnyInts = npt.NDArray[np.integer[Any]]
Bools = npt.NDArray[np.bool_]

_ADDED_AT_ONCE = 8192
_SPARSE = 16
"""Where a block has fewer than one in so many of all units, they are found by sorting."""


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
    """Leaves out each unit of a text with probability `share`, but never the whole text.

    draws: (F,), a random number from 0 to 1 for each unit of the texts, one after the other.
    """

    share: float
    draws: npt.NDArray[np.float64]

    def thinned(self, flat: Ints, lengths: Ints) -> tuple[Ints, Ints]:
        """Return what remains of texts that stand one after the other, and their lengths."""
        text = np.repeat(np.arange(len(lengths)), lengths)
        highest = np.zeros(len(lengths))
        np.maximum.at(highest, text, self.draws)
        kept = (self.draws >= self.share) | (self.draws == highest[text])
        return flat[kept], np.bincount(text[kept], minlength=len(lengths))


class TextIndex:
    """Texts cut into units and units into feature ids, each distinct unit described once.

    The texts' units lie in a file (in `folder`, else where temporary files go), of which only what
    is asked for is in memory. `cuts`: of the texts that were longer than the model reads, or had a
    unit too long.
    """

    def __init__(self, lookup: Lookup, folder: Path | None = None) -> None:
        self._lookup = lookup
        self._spellings = UnitSpellings()
        self._units = UnitIndex(lookup, self._spellings)
        self._features: UnitFeatures | None = None
        self._texts = RaggedFile(folder)
        self.cuts = Cuts()

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
            self.cuts = self.cuts.joined(found.cuts, len(self))
            self._texts.extend(found.units, found.counts)
        self._features = None

    def use(self, vocabulary: Vocabulary) -> None:
        """Describe units by another vocabulary from now on."""
        self._lookup = self._lookup._replace(vocabulary=vocabulary)
        self._features = None

    def feature_counts(self, chosen: Bools) -> Counter[str]:
        """Return how often each feature stands in the chosen texts, (N,) True where chosen."""
        return self._spellings.features(self._lookup.tokenizer.describe, self.unit_counts(chosen))

    def unit_counts(self, chosen: Bools) -> Ints:
        """Return how often each unit stands in the chosen texts, (U,), by the units' numbers."""
        counts = np.zeros(len(self._units), np.int64)
        for rows in _portions(chosen):
            counts += np.bincount(self._texts.take(rows)[0], minlength=len(counts))
        return counts

    def document_frequency(self, chosen: Bools) -> Ints:
        """Return in how many of the chosen texts, (N,) True where chosen, each feature stands."""
        size = len(self._lookup.vocabulary)
        frequency = np.zeros(size, np.int64)
        for rows in _portions(chosen):
            units, lengths = self._texts.take(rows)
            features, counts = self._described().take(units)
            text = np.repeat(np.repeat(np.arange(len(rows)), lengths), counts)
            once = distinct(text * size + features)
            frequency += np.bincount(once % size, minlength=size)
        return frequency

    def empty(self) -> Bools:
        """Return which texts have no units, (N,)."""
        parts = [self.lengths(rows) == 0 for rows in _portions(np.ones(len(self), np.bool_))]
        return np.concatenate([np.zeros(0, np.bool_), *parts])

    def lengths(self, rows: AnyInts) -> Ints:
        """Return the number of units of each of the chosen texts."""
        return self._texts.lengths(rows)

    def _described(self) -> UnitFeatures:
        if self._features is None:
            self._features = self._spellings.described(self._lookup)
        return self._features

    def block(self, rows: AnyInts, dropout: UnitDropout | None = None) -> Block:
        """Return the chosen texts as a block over their own distinct units."""
        flat, lengths = self._texts.take(rows)
        if dropout is not None:
            flat, lengths = dropout.thinned(flat, lengths)
        # Unit 0 is put first so that padding is unit 0 of every block.
        ids, local = self._own_numbers(np.concatenate(([PAD_UNIT], flat)))
        width = int(lengths.max(initial=1))
        units = np.full((len(rows), width), PAD_UNIT, np.int64)
        units[np.arange(width) < lengths[:, None]] = local[1:]
        features, counts = self._described().take(ids)
        return Block(units, lengths, features, np.cumsum(counts) - counts)

    def _own_numbers(self, units: Ints) -> tuple[Ints, Ints]:
        """Return the distinct units, in order, and the place of each unit among them."""
        if self.distinct_units > _SPARSE * len(units):
            return np.unique(units, return_inverse=True)
        place = np.zeros(self.distinct_units, np.int64)
        place[units] = 1
        ids = np.flatnonzero(place)
        place[ids] = np.arange(len(ids))
        return ids, place[units]


def _portions(chosen: Bools) -> Iterator[Ints]:
    """Yield the numbers of the chosen rows, some at a time."""
    for start in range(0, len(chosen), _ADDED_AT_ONCE):
        yield start + np.flatnonzero(chosen[start : start + _ADDED_AT_ONCE])
