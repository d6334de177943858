"""Numbers the distinct units of texts, and describes each by feature ids once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.text.ragged import Ragged, distinct, spans
from dssmcli.text.scan import Scanned, Scanner
from dssmcli.text.tokenizers import Lookup
from dssmcli.text.units import MAX_UNIT_CHARS, letter_trigrams, mixed_features
from dssmcli.text.vocab import PAD, Vocabulary

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

PAD_UNIT = 0
"""The unit that fills up short rows. Its only feature is PAD, whose row is zero."""

_CODE_POINTS = 0x110000
_MARK = ord("#")
_BY_TRIGRAMS = (mixed_features, letter_trigrams)
_FEW = 64
"""So many words at most are described one by one: tables are not worth their making."""


class Numbered(NamedTuple):
    """The units of N texts by number.

    units: (U,) int64, one text after the other. counts: (N,) int64, units of each text.
    truncated: texts that were longer than the model reads, or had a unit too long.
    """

    units: Ints
    counts: Ints
    truncated: int


class UnitIndex:
    """Gives each distinct unit a number, 1 and up in the order in which they are met.

    A unit of one character is found through a table, a longer one through a 64-bit hash.
    """

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._scanner = Scanner(lookup.tokenizer.space)
        self._single = np.zeros(_CODE_POINTS, np.int64)
        self._words: dict[int, int] = {}
        self._trigrams: _TrigramRows | None = None
        self.features = Ragged()
        self.features.extend(np.array([PAD]), np.array([1]))

    def __len__(self) -> int:
        """Return the number of distinct units met so far, padding included."""
        return len(self.features)

    def forget_after(self, count: int) -> None:
        """Forget all units but the first `count`, which keep their numbers."""
        self._words = {word: number for word, number in self._words.items() if number < count}
        self._single[np.flatnonzero(self._single >= count)] = PAD_UNIT
        self.features.shorten(count)

    def number(self, texts: Sequence[str]) -> Numbered:
        """Return the units of texts by number."""
        found = self._scanner.scan(texts, self._lookup.max_units)
        first = found.codes[found.starts]
        alone = found.lengths == 1
        if not self._single[first[alone]].all():
            self._meet_singles(first[alone])
        units = self._single[first]
        words = np.flatnonzero(~alone)
        if len(words):
            units[words] = self._number_words(found, words)
        return Numbered(units, found.counts, found.truncated)

    def _meet_singles(self, codes: npt.NDArray[np.uint32]) -> None:
        new = distinct(codes[self._single[codes] == PAD_UNIT])
        self._single[new] = len(self) + np.arange(len(new))
        self._describe([chr(code) for code in new.tolist()])

    def _describe(self, units: list[str]) -> None:
        """Add units with their features, one by one."""
        describe, id_of = self._lookup.tokenizer.describe, self._lookup.vocabulary.id
        ids = [[id_of(feature) for feature in describe(unit)] for unit in units]
        lengths = np.array([len(each) for each in ids], np.int64)
        self.features.extend(np.fromiter(chain.from_iterable(ids), np.int64), lengths)

    def _number_words(self, found: Scanned, words: Ints) -> Ints:
        """Return the numbers of those units that have several characters."""
        starts, lengths = found.starts[words], found.lengths[words]
        hashes, first, inverse = np.unique(
            _hashed(found.codes, starts, lengths), return_index=True, return_inverse=True
        )
        known = self._words
        numbers = np.array([known.get(each, PAD_UNIT) for each in hashes.tolist()], np.int64)
        new = np.flatnonzero(numbers == PAD_UNIT)
        if len(new):
            # In the order of the texts, so that numbers do not depend on the hash.
            new = new[np.argsort(first[new])]
            numbers[new] = len(self) + np.arange(len(new))
            known.update(zip(hashes[new].tolist(), numbers[new].tolist(), strict=True))
            self._meet_words(found.codes, starts[first[new]], lengths[first[new]])
        return np.asarray(numbers[inverse])

    def _meet_words(self, codes: npt.NDArray[np.uint32], starts: Ints, lengths: Ints) -> None:
        if len(starts) > _FEW and self._lookup.tokenizer.describe in _BY_TRIGRAMS:
            self._trigrams = self._trigrams or _TrigramRows(self._lookup.vocabulary)
            self.features.extend(self._trigrams.rows(codes, starts, lengths), lengths)
            return
        spans_of = zip(starts.tolist(), lengths.tolist(), strict=True)
        self._describe([_text(codes[start : start + length]) for start, length in spans_of])


def _factors() -> Hashes:
    """Return an odd 64-bit number for each place in a word (splitmix64, Steele et al. 2014)."""
    mask, factors = (1 << 64) - 1, []
    for place in range(1, MAX_UNIT_CHARS + 1):
        mixed = place * 0x9E3779B97F4A7C15 & mask
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & mask
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & mask
        factors.append(mixed ^ mixed >> 31 | 1)
    return np.array(factors, np.uint64)


_FACTORS = _factors()


def _hashed(codes: npt.NDArray[np.uint32], starts: Ints, lengths: Ints) -> Hashes:
    """Return a 64-bit hash of each word, (n,): a sum of characters times their places' factors.

    Two words of a log share a hash with a probability of about 2^-63 (Lemire & Kaser 2014).
    """
    places = spans(starts, lengths)
    within = places - np.repeat(starts, lengths)
    terms = codes[places].astype(np.uint64) * _FACTORS[within]
    return np.asarray(np.add.reduceat(terms, np.cumsum(lengths) - lengths))


def _text(codes: npt.NDArray[np.uint32]) -> str:
    return codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


class _TrigramRows:
    """Looks up the letter trigrams of many words at once: three code points make one number."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        sizes = np.array([len(feature) for feature in vocabulary.features], np.int64)
        joined = "".join(feature for feature in vocabulary.features if len(feature) == 3)
        points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
        keys = _key(*points.astype(np.int64).reshape(-1, 3).T)
        order = np.argsort(keys)
        # A last key above all others, so that every search ends inside.
        self._keys = np.append(keys[order], np.iinfo(np.int64).max)
        self._ids = np.append(1 + np.flatnonzero(sizes == 3)[order], 0)

    def rows(self, codes: npt.NDArray[np.uint32], starts: Ints, lengths: Ints) -> Ints:
        """Return the ids of the trigrams of `#word#`, as many a word as it has characters."""
        places = spans(starts, lengths)
        middle = codes[places].astype(np.int64)
        before, after = np.roll(middle, 1), np.roll(middle, -1)
        ends = np.cumsum(lengths)
        before[ends - lengths] = _MARK
        after[ends - 1] = _MARK
        wanted, inverse = np.unique(_key(before, middle, after), return_inverse=True)
        place = np.searchsorted(self._keys, wanted)
        ids = self._ids[place]
        for i in np.flatnonzero(self._keys[place] != wanted).tolist():
            ids[i] = self._vocabulary.id(_trigram(int(wanted[i])))
        return np.asarray(ids[inverse])


def _key(first: Ints, second: Ints, third: Ints) -> Ints:
    return (first << 42) | (second << 21) | third


def _trigram(key: int) -> str:
    return "".join(chr((key >> shift) & 0x1FFFFF) for shift in (42, 21, 0))
