"""Hashes of what a model sees of texts: equal where only marks that no unit has are different.

    "red shoes"  red shoes.   red, shoes   红色 鞋。  红色鞋

Of a normalised text the marks between units count as one space, next to a character of a script
without spaces as none; apostrophes go away. A sign counts where it may be part of a number or name
(see text.signs): 3.5, 1,000, -5, c++. So texts with one hash have nearly always the same units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli.text.codes import code_points
from dssmcli.text.hashing import Hashes, joined, span_hashes
from dssmcli.text.ragged import distinct
from dssmcli.text.signs import class_of

Kinds = npt.NDArray[np.uint8]
Codes = npt.NDArray[np.uint32]
Ints = npt.NDArray[np.integer[Any]]

_UNKNOWN, _END, _SPACE, _SILENT, _DIGIT, _LETTER, _WIDE, _SIGN = range(8)
_POINT, _COMMA, _MINUS, _SHARP = range(8, 12)
_KINDS = {
    **dict.fromkeys(" p", _SPACE),
    **dict.fromkeys("xneta", _LETTER),
    **{"'": _SILENT, "d": _DIGIT, "w": _WIDE, ".": _POINT, ",": _COMMA, "-": _MINUS, "#": _SHARP},
}
"""By the classes of text.signs; all others are signs that stand for themselves."""


class _KindsOfCodes:
    """The kind of every code point, entered as it is met."""

    def __init__(self) -> None:
        # Pages of this table that no text touches take no memory.
        self._table = np.zeros(0x110000, np.uint8)
        self._table[ord("\n")] = _END

    def of(self, codes: Codes) -> Kinds:
        """Return the kinds (n,) of code points."""
        kinds = self._table[codes]
        if not kinds.all():
            for code in distinct(codes[kinds == _UNKNOWN]).tolist():
                self._table[code] = _KINDS.get(class_of(chr(code)), _SIGN)
            kinds = self._table[codes]
        return kinds


_OF_CODES = _KindsOfCodes()


def seen_hashes(texts: Sequence[str]) -> Hashes:
    """Return a hash (n,) of what is seen of normalised texts."""
    if not texts:
        return np.zeros(0, np.uint64)
    codes = code_points("\n".join(texts) + "\n")
    kinds = _OF_CODES.of(codes)
    if (kinds == _SILENT).any():
        heard = kinds != _SILENT
        codes, kinds = codes[heard], kinds[heard]
    codes, kinds = _without_spaces(codes, _with_spaces(kinds))
    ends = np.flatnonzero(kinds == _END)
    assert len(ends) == len(texts)
    starts = np.append(0, ends[:-1] + 1)
    plain = np.where(kinds == _SPACE, np.uint32(ord(" ")), codes)
    return span_hashes(plain, starts, ends)


def _with_spaces(kinds: Kinds) -> Kinds:
    """Return the kinds with spaces for marks that are no part of numbers and names."""
    marks = np.flatnonzero(kinds >= _POINT)
    if not len(marks):
        return kinds
    own, after = kinds[marks], kinds[marks + 1]
    before = np.where(marks > 0, kinds[marks - 1], _END)
    digit = after == _DIGIT
    begins = (before == _END) | (before == _SPACE)
    kept = (own == _POINT) & (digit | (after == _LETTER))
    kept |= (own == _COMMA) & digit & (before == _DIGIT)
    kept |= (own == _MINUS) & begins & (digit | (after == _POINT))
    kept |= (own == _SHARP) & (before == _LETTER)
    found = kinds.copy()
    found[marks[~kept]] = _SPACE
    return found


def _without_spaces(codes: Codes, kinds: Kinds) -> tuple[Codes, Kinds]:
    """Leave one space of several, and none at the ends of a text or beside wide characters."""
    space = kinds == _SPACE
    before = np.append(np.uint8(_END), kinds[:-1])
    kept = ~(space & ((before == _SPACE) | (before == _END) | (before == _WIDE)))
    codes, kinds = codes[kept], kinds[kept]
    after = np.append(kinds[1:], np.uint8(_END))
    kept = ~((kinds == _SPACE) & ((after == _END) | (after == _WIDE)))
    return codes[kept], kinds[kept]


def seen_both_ways(texts: Sequence[str]) -> tuple[Hashes, Hashes]:
    """Return a hash (n,) of what is seen of each pair, given queries and titles (2n,) in turn, and
    of the pair with query and title the other way round."""
    hashes = seen_hashes(texts)
    queries, titles = hashes[0::2], hashes[1::2]
    return joined(queries, titles), joined(titles, queries)


class SeenTexts:
    """A hash of what is seen of each distinct text, in the order in which they are numbered."""

    def __init__(self) -> None:
        self._hashes = np.zeros(_FIRST_TEXTS, np.uint64)
        self._count = 0

    def add(self, texts: Sequence[str]) -> None:
        """Take normalised texts that are met for the first time."""
        end = self._count + len(texts)
        if end > len(self._hashes):
            more = np.zeros(max(end, 3 * len(self._hashes) // 2), np.uint64)
            more[: self._count] = self._hashes[: self._count]
            self._hashes = more
        self._hashes[self._count : end] = seen_hashes(texts)
        self._count = end

    def pairs(self, queries: Ints, titles: Ints) -> Hashes:
        """Return a hash (n,) of each two texts together, in this order, given by number."""
        return joined(self._hashes[queries], self._hashes[titles])

    def numbers(self) -> Ints:
        """Return a number for each text (N,), equal for those of which the same is seen."""
        return np.unique(self._hashes[: self._count], return_inverse=True)[1]


_FIRST_TEXTS = 1 << 12
