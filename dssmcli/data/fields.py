"""Fields of plain lines where they stand: cut by their delimiters, told apart by hashes of bytes.

Reading a table as Python strings takes longer than all else of a prediction. Here no field becomes
a string unless somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, overload

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

_WORD = 8
_FACTOR, _LAST_FACTOR = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_SHIFT = np.uint64(29)
_INSIDE = np.array([(1 << 8 * k) - 1 for k in range(_WORD + 1)], np.uint64)
"""Which bits of a word belong to a field that has so many of its bytes."""
LONG = 256
"""A field of more bytes than this has no hash: few have, and each word takes a turn."""


class Fields(Sequence[str]):
    """A column of n fields, each a stretch of the same bytes. starts, sizes, hashes: (n,)."""

    def __init__(self, content: bytes, starts: Ints, sizes: Ints, hashes: Hashes) -> None:
        self._content, self._starts = content, starts
        self.sizes, self.hashes = sizes, hashes

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[str]:
        for start, size in zip(self._starts.tolist(), self.sizes.tolist(), strict=True):
            yield self._content[start : start + size].decode("utf-8")

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> Fields: ...

    def __getitem__(self, place: int | slice) -> str | Fields:
        if isinstance(place, slice):
            parts = (self._starts[place], self.sizes[place], self.hashes[place])
            return Fields(self._content, *parts)
        start = int(self._starts[place])
        return self._content[start : start + int(self.sizes[place])].decode("utf-8")


def fields_in(
    content: bytes, delimiter: str, width: int, picked: Sequence[int]
) -> list[Fields] | None:
    """Return the picked columns of whole lines, in UTF-8 and without quotes or carriage returns.

    None unless each line has so many fields.
    """
    padded = content + b"\n" + bytes(_WORD)
    plain = np.frombuffer(padded, np.uint8, len(content) + 1)
    ends = np.flatnonzero((plain == ord(delimiter)) | (plain == ord("\n")))
    if len(ends) % width:
        return None
    breaks = (plain[ends] == ord("\n")).reshape(-1, width)
    if not breaks[:, -1].all() or breaks[:, :-1].any():
        return None
    starts = np.empty_like(ends)
    starts[0], starts[1:] = 0, ends[:-1] + 1
    both = np.stack([starts, ends - starts]).reshape(2, -1, width)
    begin, sizes = np.ascontiguousarray(both[:, :, picked].transpose(0, 2, 1))
    hashes = _hashes(padded, begin.reshape(-1), sizes.reshape(-1)).reshape(sizes.shape)
    return [Fields(padded, *column) for column in zip(begin, sizes, hashes, strict=True)]


def _hashes(padded: bytes, starts: Ints, sizes: Ints) -> Hashes:
    """Return a hash (m,) of each stretch of bytes, 8 bytes of all at a time; 0 for long ones.

    Behind the last stretch there are 8 bytes more.
    """
    # The words stand at any place, not at multiples of 8.
    words: Hashes = np.ndarray((len(padded) - _WORD + 1,), "<u8", padded, strides=(1,))
    # Texts that differ by NULs at their ends differ by their sizes; from 1, as 0 is for long ones.
    with np.errstate(over="ignore"):
        found = (sizes.astype(np.uint64) + np.uint64(1)) * _FACTOR
        left: npt.NDArray[np.intp] | slice = slice(None)
        for begin in range(0, LONG, _WORD):
            bytes_left = sizes[left] - begin
            inside = _INSIDE.take(np.minimum(bytes_left, _WORD), mode="clip")
            mixed = words[starts[left] + begin] & inside
            mixed ^= found[left]
            # Twice: a word's last byte alone moves too few bits for the next word not to undo it.
            for factor in (_FACTOR, _LAST_FACTOR):
                mixed *= factor
                mixed ^= mixed >> _SHIFT
            found[left] = mixed
            more = np.flatnonzero((bytes_left > _WORD) & (bytes_left <= LONG - begin))
            if not len(more):
                break
            left = more if isinstance(left, slice) else left[more]
    found[sizes > LONG] = 0
    return found


class Index:
    """Numbers of known texts, found by hashes of fields.

    Two texts are the same if their 64-bit hashes are: by chance once in about 10^19 pairs.
    """

    def __init__(self, known: Mapping[str, int]) -> None:
        self._known = known
        encoded = [text.encode("utf-8", "surrogatepass") for text in known]
        sizes = np.array([len(text) for text in encoded], np.int64)
        hashes = _hashes(b"".join(encoded) + bytes(_WORD), np.cumsum(sizes) - sizes, sizes)
        order = np.argsort(hashes)[np.count_nonzero(sizes > LONG) :]  # long ones come first, at 0
        numbers = np.fromiter(known.values(), np.int64, len(known))
        #: One more than there are, so that there is always a place to look: 0 is no short one's.
        self._hashes = np.append(hashes[order], np.uint64(0))
        self._numbers = np.append(numbers[order], np.int64(-1))
        self._direct = _direct(self._hashes[:-1])

    def find(self, fields: Fields, unknown: int) -> Ints:
        """Return the number (n,) of each field, `unknown` for a text that is not known."""
        hashes = fields.hashes
        if self._direct is not None:
            places = self._direct.places(hashes)
        else:
            places = np.searchsorted(self._hashes[:-1], hashes)
        found = np.where(self._hashes[places] == hashes, self._numbers[places], unknown)
        for place in np.flatnonzero(fields.sizes > LONG).tolist():
            found[place] = self._known.get(fields[place], unknown)
        return found


class _Direct(NamedTuple):
    """Where to look for a hash: by its highest bits, which no two known hashes share."""

    table: Ints
    shift: np.uint64

    def places(self, hashes: Hashes) -> Ints:
        return np.asarray(self.table[hashes >> self.shift])


_MOST_BITS = 14


def _direct(hashes: Hashes) -> _Direct | None:
    """Return a table for sorted hashes, None if it would be large."""
    for bits in range(max(1, len(hashes).bit_length()), _MOST_BITS + 1):
        shift = np.uint64(64 - bits)
        high = hashes >> shift
        if (high[1:] != high[:-1]).all():
            table = np.full(1 << bits, len(hashes), np.int64)
            table[high] = np.arange(len(hashes))
            return _Direct(table, shift)
    return None
