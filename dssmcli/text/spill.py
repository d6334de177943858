"""Rows of integers of different lengths in temporary files: more of them than memory holds."""

from __future__ import annotations

import contextlib
import mmap
import tempfile
import weakref
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from dssmcli.atomic import writing
from dssmcli.text.ragged import taken

Ints = npt.NDArray[np.int64]
AnyInts = npt.NDArray[np.integer[Any]]

_RELEASED_EVERY = 1024
"""Rows taken from a large file before its pages are let go: each can bring 64 KiB into memory."""
_LARGE = 64 << 20


class RaggedFile:
    """A list of rows of int32 that only grows, in unnamed files that vanish with the process.

    Raises OutputError, naming the folder, when these cannot be written.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(tempfile.gettempdir())
        with writing(self._folder):
            self._files = [
                tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed with this object)
                for _ in range(2)
            ]
        for file in self._files:
            weakref.finalize(self, _close, file)
        self._values, self._limits = np.zeros(0, np.int32), np.zeros(1, np.int64)
        self._maps: list[mmap.mmap] = []
        self._rows, self._end, self._taken = 0, 0, 0
        self._files[1].write(np.zeros(1, np.int64).tobytes())

    def __len__(self) -> int:
        return self._rows

    def extend(self, values: Ints, lengths: Ints) -> None:
        """Add rows at the end: their values (F,) one after the other, and each one's length."""
        limits = self._end + np.cumsum(lengths, dtype=np.int64)
        with writing(self._folder):
            self._files[0].write(values.astype(np.int32).tobytes())
            self._files[1].write(limits.tobytes())
        self._rows += len(lengths)
        self._end += len(values)

    def take(self, rows: AnyInts) -> tuple[Ints, Ints]:
        """Return the values of the chosen rows one after the other, and each one's length."""
        self._look()
        self._release(len(rows))
        return taken(self._values, self._limits, rows)

    def lengths(self, rows: AnyInts) -> Ints:
        """Return the lengths of the chosen rows."""
        self._look()
        found = [np.zeros(0, np.int64)]
        for start in range(0, len(rows), _RELEASED_EVERY):
            some = rows[start : start + _RELEASED_EVERY]
            self._release(len(some))
            found.append(self._limits[some + 1] - self._limits[some])
        return np.concatenate(found)

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
        with writing(self._folder):
            for file in self._files:
                file.flush()
        if self._end:
            self._values = self._mapped(0, np.int32)
        self._limits = self._mapped(1, np.int64)

    def _mapped(self, which: int, dtype: type[np.integer[Any]]) -> npt.NDArray[Any]:
        self._maps.append(mmap.mmap(self._files[which].fileno(), 0, access=mmap.ACCESS_READ))
        return np.frombuffer(self._maps[-1], dtype)


def _close(file: IO[bytes]) -> None:
    with contextlib.suppress(OSError):  # what is in it is of no use any more
        file.close()
