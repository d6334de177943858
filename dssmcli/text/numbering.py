"""Numbers the distinct units of texts, and describes each by feature ids once."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from dssmcli.text.codes import Codes, hashed, texts_at
from dssmcli.text.limits import Cuts
from dssmcli.text.numbers import Numbers
from dssmcli.text.ragged import Ragged, distinct, spans
from dssmcli.text.scan import Scanned, shortened
from dssmcli.text.tokenizers import Lookup
from dssmcli.text.units import letter_trigrams, mixed_features
from dssmcli.text.vocab import PAD, Vocabulary

Ints = npt.NDArray[np.int64]
AnyCodes = npt.NDArray[np.integer[Any]]

PAD_UNIT = 0
"""The unit that fills up short rows. Its only feature is PAD, whose row is zero."""

_CODE_POINTS = 0x110000
_MARK = ord("#")
_BY_TRIGRAMS = (mixed_features, letter_trigrams)
_WORDS_AT_ONCE = 1 << 15
_FEW = 64
"""So many words at most are described one by one: tables are not worth their making."""


class Numbered(NamedTuple):
    """The units of N texts by number.

    units: (U,) int64, one text after the other. counts: (N,) int64, units of each text.
    cuts: of texts that were longer than the model reads, or had a unit too long.
    """

    units: Ints
    counts: Ints
    cuts: Cuts


class Units(Protocol):
    """What is known of each distinct unit, by number."""

    def __len__(self) -> int: ...

    def meet(self, codes: Codes, starts: Ints, lengths: Ints) -> None:
        """Take further units, which stand in an array of code points."""

    def shorten(self, count: int) -> None:
        """Forget all but the first `count`."""


class UnitFeatures(Ragged):
    """The feature ids of units, in the order of their numbers. The first unit is padding."""

    def __init__(self, lookup: Lookup) -> None:
        super().__init__()
        self._lookup = lookup
        self._trigrams: _TrigramRows | None = None
        self.extend(np.array([PAD]), np.array([1]))

    def meet(self, codes: Codes, starts: Ints, lengths: Ints) -> None:
        """Describe further units, which stand in an array of code points."""
        describe, id_of = self._lookup.tokenizer.describe, self._lookup.vocabulary.id
        if len(starts) > _FEW and describe in _BY_TRIGRAMS and (lengths > 1).all():
            self._trigrams = self._trigrams or _TrigramRows(self._lookup.vocabulary)
            self.extend(self._trigrams.rows(codes, starts, lengths), lengths)
            return
        ids = [
            [id_of(each) for each in describe(unit)] for unit in texts_at(codes, starts, lengths)
        ]
        counts = np.array([len(each) for each in ids], np.int64)
        self.extend(np.fromiter(chain.from_iterable(ids), np.int64), counts)


class UnitSpellings(Ragged):
    """The code points of units, in the order of their numbers: to be described some time later."""

    def __init__(self) -> None:
        super().__init__()
        self.extend(np.zeros(0, np.int64), np.array([0]))

    def meet(self, codes: Codes, starts: Ints, lengths: Ints) -> None:
        """Take down further units, which stand in an array of code points."""
        self.extend(codes[spans(starts, lengths)], lengths)

    def features(self, describe: Callable[[str], list[str]], times: Ints) -> Counter[str]:
        """Return how often each feature stands where unit i stands times[i] times, (N,)."""
        codes, limits = self.arrays()
        starts, lengths = limits[:-1], np.diff(limits)
        units = 1 + np.flatnonzero(times[1:])
        at_once = (lengths[units] > 1) & (describe in _BY_TRIGRAMS)
        words, others = units[at_once], units[~at_once]
        found: Counter[str] = Counter()
        for i in range(0, len(words), _WORDS_AT_ONCE):
            some = words[i : i + _WORDS_AT_ONCE]
            found.update(_trigrams(codes, starts[some], lengths[some], times[some]))
        texts = texts_at(codes, starts[others], lengths[others])
        for unit, count in zip(texts, times[others].tolist(), strict=True):
            for feature in describe(unit):
                found[feature] += count
        return found

    def described(self, lookup: Lookup) -> UnitFeatures:
        """Return the units' features."""
        features = UnitFeatures(lookup)
        codes, limits = self.arrays()
        starts, lengths = limits[1:-1], np.diff(limits)[1:]
        # Words at once, characters one by one.
        edges = np.flatnonzero(np.diff(lengths > 1)) + 1
        for alike in np.split(np.arange(len(starts)), edges):
            for i in range(0, len(alike), _WORDS_AT_ONCE):
                some = alike[i : i + _WORDS_AT_ONCE]
                features.meet(codes, starts[some], lengths[some])
        return features


class UnitIndex:
    """Gives each distinct unit a number, 1 and up in the order in which they are met.

    A unit of one character is found through a table, a longer one through a 64-bit hash. `units`
    holds what is known of each, its features or (without a vocabulary yet) its spelling.
    """

    def __init__(self, lookup: Lookup, units: Units) -> None:
        self._scanner = lookup.tokenizer.scanner(lookup.normalizer)
        self._max_units, self._segmenter = lookup.max_units, lookup.segmenter
        self._single = np.zeros(_CODE_POINTS, np.int32)
        self._words = Numbers()
        self._numbers = array("q")  # of the units that are words
        self.units = units

    def __len__(self) -> int:
        """Return the number of distinct units met so far, padding included."""
        return len(self.units)

    def forget_after(self, count: int) -> None:
        """Forget all units but the first `count`, which keep their numbers."""
        del self._numbers[bisect_left(self._numbers, count) :]
        self._words.shorten(len(self._numbers))
        self._single[np.flatnonzero(self._single >= count)] = PAD_UNIT
        self.units.shorten(count)

    def number(self, texts: Sequence[str]) -> Numbered:
        """Return the units of texts by number."""
        found = self._scanner.scan(texts)
        if self._segmenter is not None:
            found = self._segmenter.cut(found, self._max_units)
        found, cuts = shortened(found, self._max_units)
        first = found.codes[found.starts]
        alone = found.lengths == 1
        if not self._single[first[alone]].all():
            self._meet_singles(first[alone])
        units = self._single[first].astype(np.int64)
        words = np.flatnonzero(~alone)
        if len(words):
            units[words] = self._number_words(found, words)
        return Numbered(units, found.counts, cuts)

    def _meet_singles(self, codes: Codes) -> None:
        new = distinct(codes[self._single[codes] == PAD_UNIT])
        self._single[new] = len(self) + np.arange(len(new))
        self.units.meet(new, np.arange(len(new)), np.ones(len(new), np.int64))

    def _number_words(self, found: Scanned, words: Ints) -> Ints:
        """Return the numbers of those units that have several characters."""
        starts, lengths = found.starts[words], found.lengths[words]
        hashes = hashed(found.codes, starts, lengths)
        places, new = self._words.number(hashes)
        if len(new):
            self._numbers.extend(range(len(self), len(self) + len(new)))
            self.units.meet(found.codes, starts[new], lengths[new])
        return np.frombuffer(self._numbers, np.int64)[places]


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

    def rows(self, codes: Codes, starts: Ints, lengths: Ints) -> Ints:
        """Return the ids of the trigrams of `#word#`, as many a word as it has characters."""
        wanted, inverse = np.unique(_keys(codes, starts, lengths), return_inverse=True)
        place = np.searchsorted(self._keys, wanted)
        ids = self._ids[place]
        for i in np.flatnonzero(self._keys[place] != wanted).tolist():
            ids[i] = self._vocabulary.id(_trigram(int(wanted[i])))
        return np.asarray(ids[inverse])


def _trigrams(codes: AnyCodes, starts: Ints, lengths: Ints, times: Ints) -> Counter[str]:
    """Return how often each letter trigram stands in words that stand `times` times."""
    keys = _keys(codes, starts, lengths)
    order = np.argsort(keys)
    keys, times = keys[order], np.repeat(times, lengths)[order]
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    counts = np.add.reduceat(times, first).tolist()
    return Counter(dict(zip(map(_trigram, keys[first].tolist()), counts, strict=True)))


def _keys(codes: AnyCodes, starts: Ints, lengths: Ints) -> Ints:
    """Return the trigrams of `#word#`, as many a word as it has characters, each as a number."""
    places = spans(starts, lengths)
    middle = codes[places].astype(np.int64)
    before, after = np.roll(middle, 1), np.roll(middle, -1)
    ends = np.cumsum(lengths)
    before[ends - lengths] = _MARK
    after[ends - 1] = _MARK
    return _key(before, middle, after)


def _key(first: Ints, second: Ints, third: Ints) -> Ints:
    return (first << 42) | (second << 21) | third


def _trigram(key: int) -> str:
    return "".join(chr((key >> shift) & 0x1FFFFF) for shift in (42, 21, 0))
