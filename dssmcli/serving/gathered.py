"""Titles on the way into an index, with their vectors."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from dssmcli.data.titles import Titles
from dssmcli.errors import RunError
from dssmcli.serving.index_file import IndexFile
from dssmcli.serving.index_format import Part, plain_bytes

_ROWS_AT_ONCE = 8192

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Gathered:
    """Titles and their vectors on the way into an index: the vectors lie on disk meanwhile."""

    def __init__(self, spool: BinaryIO, dim: int) -> None:
        self._spool, self._dim = spool, dim
        self._lines, self._ends = bytearray(), [0]
        self.left_out = 0

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, titles: Titles, rows: Floats) -> None:
        """Take titles with their vectors (n, D), but for those that say nothing: rows of zeros."""
        spoken = rows.any(axis=1)
        self.left_out += int((~spoken).sum())
        for place in np.flatnonzero(spoken).tolist():
            self._lines += f"{titles.ids[place]}\t{titles.texts[place]}\n".encode()
            self._ends.append(len(self._lines))
        self._spool.write(plain_bytes(rows[spoken]))

    def take_over(self, file: IndexFile, without: set[str]) -> None:
        """Take what an index holds, but for titles with some ids."""
        vectors, lines = file.vectors(), lines_of(file)
        for rows in slices_of(len(vectors)):
            some = [line.partition("\t") for line in lines[rows]]
            kept = [place for place, (own, _, _) in enumerate(some) if own not in without]
            found = Titles([some[place][0] for place in kept], [some[place][2] for place in kept])
            self.add(found, vectors[rows][kept])
        self.left_out += file.settings.left_out

    def vectors(self) -> Floats:
        """Return the vectors (N, D), mapped from disk."""
        self._spool.flush()
        shape = (len(self), self._dim)
        if not len(self):
            return np.zeros(shape, np.float32)
        return np.memmap(self._spool, np.float32, "r", shape=shape)

    def text(self, place: int) -> str:
        """Return the title at a place."""
        line = self._lines[self._ends[place] : self._ends[place + 1] - 1]
        return line.partition(b"\t")[2].decode()

    def lines(self, order: Ints) -> Part:
        """Return the lines of the titles in some order."""
        whole, ends = memoryview(self._lines), self._ends
        pieces = (whole[ends[place] : ends[place + 1]] for place in order.tolist())
        return Part("U8", (len(whole),), pieces)

    def ends(self, order: Ints) -> Ints:
        """Return where the line of each title ends, if they are in this order."""
        return np.cumsum(np.diff(np.asarray(self._ends, np.int64))[order])


def lines_of(file: IndexFile) -> list[str]:
    """Return the lines of all titles of an index: id, tab, title."""
    lines, _ = file.lines()
    try:
        return lines.decode("utf-8").split("\n")[:-1]
    except UnicodeDecodeError as error:
        raise RunError(f"{file.path}: its titles are not valid UTF-8.") from error


def ids_of(file: IndexFile) -> set[str]:
    """Return the ids of all titles of an index."""
    return {line.partition("\t")[0] for line in lines_of(file)}


@contextmanager
def gathering(beside: Path, dim: int) -> Iterator[Gathered]:
    """Open what titles are gathered in; their vectors lie in a nameless file beside this path."""
    with tempfile.TemporaryFile(dir=beside.resolve().parent) as spool:
        yield Gathered(spool, dim)


def slices_of(rows: int) -> Iterator[slice]:
    """Yield slices of so many rows, some thousands each."""
    for first in range(0, rows, _ROWS_AT_ONCE):
        yield slice(first, min(first + _ROWS_AT_ONCE, rows))
