"""Rows of integers of different lengths, one after the other in flat arrays."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
AnyInts = npt.NDArray[np.integer[Any]]
Values = npt.NDArray[np.int32]

_NO_VALUES = np.zeros(0, np.int32)


class Ragged:
    """A list of rows of int32 that only grows, in two arrays."""

    def __init__(self) -> None:
        self._values = array("i")
        self._limits = array("q", [0])
        self._views: tuple[Values, Ints] | None = None

    def __len__(self) -> int:
        return len(self._limits) - 1

    def extend(self, values: AnyInts, lengths: Ints) -> None:
        """Add rows at the end: their values (F,) one after the other, and each one's length."""
        limits = self._limits[-1] + np.cumsum(lengths, dtype=np.int64)
        self._views = None
        self._values.frombytes(np.asarray(values, np.int32).tobytes())
        self._limits.frombytes(limits.tobytes())

    def shorten(self, count: int) -> None:
        """Take away all rows but the first `count`."""
        self._views = None
        del self._limits[count + 1 :]
        del self._values[self._limits[-1] :]

    def arrays(self) -> tuple[Values, Ints]:
        """Return all values (F,) and the rows' limits (N + 1,): row i is limits[i]:limits[i+1].

        They are the list's own memory: while somebody holds them, it cannot grow.
        """
        if self._views is None:
            values = np.frombuffer(self._values, np.int32) if self._values else _NO_VALUES
            self._views = values, np.frombuffer(self._limits, np.int64)
        return self._views

    def take(self, rows: AnyInts) -> tuple[Ints, Ints]:
        """Return the values of the chosen rows one after the other, and each one's length."""
        return taken(*self.arrays(), rows)


def taken(values: npt.NDArray[Any], limits: Ints, rows: AnyInts) -> tuple[Ints, Ints]:
    """Return the values of the chosen rows one after the other, and each one's length.

    Row i is values[limits[i]:limits[i + 1]].
    """
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
