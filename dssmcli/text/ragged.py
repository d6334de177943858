"""Rows of integers of different lengths, appended in blocks, kept in two flat arrays."""

from __future__ import annotations

import mmap
import tempfile
import weakref
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
AnyInts = npt.NDArray[np.integer[Any]]


class Ragged:
    """A list of rows of int64 that only grows."""

    def __init__(self) -> None:
        self._values = array("q")
        self._limits = array("q", [0])
        self._frozen: tuple[Ints, Ints] | None = None

    def __len__(self) -> int:
        return len(self._limits) - 1

    def extend(self, values: Ints, lengths: Ints) -> None:
        """Add rows at the end: their values (F,) one after the other, and each one's length."""
        limits = self._limits[-1] + np.cumsum(lengths, dtype=np.int64)
        self._values.frombytes(np.asarray(values, np.int64).tobytes())
        self._limits.frombytes(limits.tobytes())
        self._frozen = None

    def shorten(self, count: int) -> None:
        """Take away all rows but the first `count`."""
        del self._limits[count + 1 :]
        del self._values[self._limits[-1] :]
        self._frozen = None

    def arrays(self) -> tuple[Ints, Ints]:
        """Return all values (F,) and the rows' limits (N + 1,): row i is limits[i]:limits[i+1]."""
        if self._frozen is None:
            # Copies: an array whose memory numpy looks at could not grow any more.
            self._frozen = np.array(self._values, np.int64), np.array(self._limits, np.int64)
        return self._frozen

    def take(self, rows: AnyInts) -> tuple[Ints, Ints]:
        """Return the values of the chosen rows one after the other, and each one's length."""
        return _taken(*self.arrays(), rows)


_RELEASED_EVERY = 2048
"""Rows taken from a large file before its pages are let go: each can bring 64 KiB into memory."""
_LARGE = 64 << 20


class RaggedFile:
    """A list of rows of int32 that only grows, in unnamed files that vanish with the process."""

    def __init__(self, folder: Path | None = None) -> None:
        self._files = [tempfile.TemporaryFile(dir=folder) for _ in range(2)]  # noqa: SIM115
        for file in self._files:
            weakref.finalize(self, file.close)
        self._values, self._limits = np.zeros(0, np.int32), np.zeros(1, np.int64)
        self._maps: list[mmap.mmap] = []
        self._rows, self._end, self._taken = 0, 0, 0
        self._files[1].write(np.zeros(1, np.int64).tobytes())

    def __len__(self) -> int:
        return self._rows

    def extend(self, values: Ints, lengths: Ints) -> None:
        """Add rows at the end: their values (F,) one after the other, and each one's length."""
        limits = self._end + np.cumsum(lengths, dtype=np.int64)
        self._files[0].write(values.astype(np.int32).tobytes())
        self._files[1].write(limits.tobytes())
        self._rows += len(lengths)
        self._end += len(values)

    def take(self, rows: AnyInts) -> tuple[Ints, Ints]:
        """Return the values of the chosen rows one after the other, and each one's length."""
        self._look()
        self._release(len(rows))
        return _taken(self._values, self._limits, rows)

    def lengths(self, rows: AnyInts) -> Ints:
        """Return the lengths of the chosen rows."""
        self._look()
        self._release(len(rows))
        return np.asarray(self._limits[rows + 1] - self._limits[rows])

    def _release(self, rows: int) -> None:
        self._taken += rows
        large = self._values.nbytes + self._limits.nbytes > _LARGE
        if large and self._taken > _RELEASED_EVERY and hasattr(mmap, "MADV_DONTNEED"):
            self._taken = 0
            for each in self._maps:
                each.madvise(mmap.MADV_DONTNEED)

    def _look(self) -> None:
        """Map the files, unless they are mapped as they are."""
        if len(self._limits) == self._rows + 1 and len(self._values) == self._end:
            return
        self._maps = []
        for file in self._files:
            file.flush()
        if self._end:
            self._values = self._mapped(0, np.int32)
        self._limits = self._mapped(1, np.int64)

    def _mapped(self, which: int, dtype: type[np.integer[Any]]) -> npt.NDArray[Any]:
        self._maps.append(mmap.mmap(self._files[which].fileno(), 0, access=mmap.ACCESS_READ))
        return np.frombuffer(self._maps[-1], dtype)


def _taken(values: npt.NDArray[Any], limits: Ints, rows: AnyInts) -> tuple[Ints, Ints]:
    lengths = limits[rows + 1] - limits[rows]
    return values[spans(limits[rows], lengths)].astype(np.int64), lengths


def spans(starts: Ints, lengths: Ints) -> Ints:
    """Return the places starts[i], starts[i] + 1, ... of every span one after the other."""
    shift = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
    return np.asarray(np.arange(len(shift)) + shift)


def distinct(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the distinct values in order, like numpy.unique, which would import numpy.ma first."""
    ordered = np.sort(values)
    first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]
