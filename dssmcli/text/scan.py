"""Cuts many texts into units at once, by looking up every code point in tables.

The same cut as `tokenize` makes one text at a time, which the tests hold it to. A character that
cannot be judged alone (a combining mark, one that normalises to several, a Greek sigma) sends its
text through `normalize` first; all others are normalised by their table entry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.text.codes import code_points, sizes, texts_at
from dssmcli.text.limits import Cuts
from dssmcli.text.normalize import Normalizer
from dssmcli.text.ragged import distinct
from dssmcli.text.units import MAX_UNIT_CHARS

Codes = npt.NDArray[np.uint32]
Kinds = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_CODE_POINTS = 0x110000
# What a code point is to a unit. Below JOINS it is no part of one.
UNKNOWN, DROPPED, END, GAP, JOINS, ALONE = range(6)
_ENTANGLED = 0x80
"""Flag of a code point whose normal form depends on its neighbours or is more than one."""
_IDEOGRAPHS = range(0x4E00, 0x9FA6)
"""The unified ideographs of Unicode 1.1, all of one kind; later ones are entered as they come."""


class Scanned(NamedTuple):
    """The U units of N texts, one after the other.

    codes: uint32, code points of normalised units; unit i begins at starts[i] (U,) int64 and has
    lengths[i] of them. counts: (N,) int64, units of each text. cut: (N,) int64, of texts that have
    lost something by now at most so many units as they had, 0 of all others.
    """

    codes: Codes
    starts: Ints
    lengths: Ints
    counts: Ints
    cut: Ints


class Scanner:
    """Cuts texts as a `str.translate` table does that puts spaces around units."""

    def __init__(self, space: Mapping[int, str], normalizer: Normalizer) -> None:
        self._space, self._normalizer = space, normalizer
        # Pages of these tables that no text touches take no memory.
        self._kind = np.zeros(_CODE_POINTS, np.uint8)
        self._form = np.zeros(_CODE_POINTS, np.uint32)
        self._kind[ord("\n")] = END
        self._learn_ideographs()

    def scan(self, texts: Sequence[str]) -> Scanned:
        """Cut texts into units, whatever their number and length, which stand without gaps."""
        codes, kinds = self._looked_up(_joined(texts))
        if (kinds & _ENTANGLED).any():
            codes, kinds = self._looked_up(_joined(self._disentangled(texts, kinds)))
            kinds &= ~np.uint8(_ENTANGLED)
        if (kinds == DROPPED).any():
            kept = kinds != DROPPED
            codes, kinds = codes[kept], kinds[kept]
        return self._units(codes, kinds, len(texts))

    def _looked_up(self, joined: str) -> tuple[Codes, Kinds]:
        codes = code_points(joined)
        kinds = self._kind[codes]
        if not kinds.all():
            for code in distinct(codes[kinds == UNKNOWN]).tolist():
                self._learn(code)
            kinds = self._kind[codes]
        return codes, kinds

    def _learn_ideographs(self) -> None:
        """Enter the Chinese characters, all at once: most are their own normal form."""
        self._learn(_IDEOGRAPHS.start)
        self._kind[_IDEOGRAPHS.start : _IDEOGRAPHS.stop] = self._kind[_IDEOGRAPHS.start]
        self._form[_IDEOGRAPHS.start : _IDEOGRAPHS.stop] = _IDEOGRAPHS
        folded = self._normalizer.chinese or {}
        inside = [code for code in folded if code in _IDEOGRAPHS]
        self._form[inside] = [folded[code] for code in inside]

    def _learn(self, code: int) -> None:
        """Enter a code point that is met for the first time."""
        char, normalizer = chr(code), self._normalizer
        folded = "" if normalizer.is_dropped(char) else normalizer(char) or " "
        flag = 0
        if folded and not normalizer.stands_alone(char):
            flag, folded = _ENTANGLED, char
        kind, form = self._entry(folded) if folded else (DROPPED, 0)
        self._kind[code] = kind | flag
        self._form[code] = form

    def _entry(self, char: str) -> tuple[int, int]:
        """Return the kind of a normalised character, and its code point in a unit."""
        spaced = self._space[ord(char)]
        bare = spaced.strip(" ")
        kind = DROPPED if not spaced else GAP if not bare else JOINS
        if bare and spaced != bare:
            kind = ALONE
        return kind, ord(bare) if bare else 0

    def _disentangled(self, texts: Sequence[str], kinds: Kinds) -> list[str]:
        """Normalise the texts that have an entangled character."""
        ends = np.flatnonzero(kinds == END)
        rows = distinct(np.searchsorted(ends, np.flatnonzero(kinds & _ENTANGLED)))
        found = list(texts)
        for row in rows.tolist():
            found[row] = self._normalizer(texts[row])
        return found

    def _units(self, codes: Codes, kinds: Kinds, texts: int) -> Scanned:
        """Return the units of characters of known kinds."""
        begins = begins_of(kinds)
        return self._parted(codes, kinds, begins, texts)

    def _parted(self, codes: Codes, kinds: Kinds, begins: Bools, texts: int) -> Scanned:
        """Return the units, given which characters begin one."""
        inside = kinds >= JOINS
        places = np.flatnonzero(begins)
        ends = np.flatnonzero(kinds == END)
        counts = np.diff(np.searchsorted(places, ends), prepend=0)
        assert len(counts) == texts
        parts = self._form[codes[inside]]
        starts = np.flatnonzero(begins[inside])
        lengths = np.diff(starts, append=len(parts))
        return Scanned(parts, starts, lengths, counts, np.zeros(texts, np.int64))


def begins_of(kinds: Kinds) -> Bools:
    """Return which characters begin a unit: of those that join, the first."""
    joins = kinds == JOINS
    begins = kinds >= JOINS
    begins[1:] &= ~(joins[1:] & joins[:-1])
    return begins


def scanned(units: Sequence[str]) -> Scanned:
    """Return the units of one text as the scanner gives those of many."""
    lengths = sizes(units)
    starts, codes = np.cumsum(lengths) - lengths, code_points("".join(units))
    return Scanned(codes, starts, lengths, np.array([len(units)]), np.zeros(1, np.int64))


def spelled(units: Scanned) -> list[str]:
    """Return the texts of units."""
    return list(texts_at(units.codes, units.starts, units.lengths))


def _joined(texts: Sequence[str]) -> str:
    joined = "\n".join(texts) + "\n"
    if joined.count("\n") != len(texts):
        joined = "\n".join(text.replace("\n", " ") for text in texts) + "\n"
    return joined if texts else ""


def shortened(found: Scanned, max_units: int) -> tuple[Scanned, Cuts]:
    """Cut off what is more than a model reads: `max_units` units of MAX_UNIT_CHARS characters.

    Return what is left, and what was cut, by now or before.
    """
    counts, lengths, starts = found.counts, found.lengths, found.starts
    sizes = np.maximum(found.cut, np.where(counts > max_units, counts, 0))
    long = lengths > MAX_UNIT_CHARS
    if not sizes.any() and not long.any():
        return found, NO_CUTS
    text = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(text)) - (np.cumsum(counts) - counts)[text]
    kept = within < max_units
    words = np.zeros(len(counts), np.bool_)
    words[text[kept & long]] = True
    left = Scanned(
        found.codes,
        starts[kept],
        np.minimum(lengths[kept], MAX_UNIT_CHARS),
        np.minimum(counts, max_units),
        sizes,
    )
    return left, _cuts_of(sizes, words)


NO_CUTS = Cuts()


def _cuts_of(sizes: Ints, words: Bools) -> Cuts:
    """Return what was cut: sizes of texts with too many units, and which have long words."""
    places = np.flatnonzero((sizes > 0) | words)
    if not len(places):
        return NO_CUTS
    many, longest = int((sizes > 0).sum()), int(sizes.max())
    return Cuts(len(places), many, longest, int(words.sum()), int(places[0]))
