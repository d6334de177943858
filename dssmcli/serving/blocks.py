"""Goes through a table block by block, in one process or several, results in order."""

from __future__ import annotations

import json
import struct
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice

import numpy as np

from dssmcli.data.features import Reader
from dssmcli.data.records import Block, TableFile
from dssmcli.data.sheets import Columns
from dssmcli.errors import DssmError
from dssmcli.serving.workers import answered

Make = Callable[[Columns], bytes]
"""Turns the columns of some rows into bytes that a process can hand over."""

_DONE, _SIZE = struct.Struct("<?"), struct.Struct("<q")


def made_of(
    file: TableFile, picked: Sequence[int], make: Make, readers: Sequence[Reader], processes: int
) -> Iterator[bytes]:
    """Yield make(columns) for the picked columns of each block of a table.

    The readers, which `make` uses, count what they did not know, whatever process met it.
    """
    blocks = file.blocks(picked)
    first = list(islice(blocks, 2))
    work = _Work(file, picked, make, readers)
    if len(first) < 2 or processes < 2:
        yield from map(work.here, chain(first, blocks))
        return
    waiting: deque[Block] = deque()

    def messages() -> Iterator[bytes]:
        for block in chain(first, blocks):
            waiting.append(block)
            yield b"" if block.piece is None else block.piece.content

    for found in answered(work.answer, messages(), processes):
        yield work.taken(found, waiting.popleft())


class _Work:
    """What is done with each block: of lines without a quote in other processes, of others here."""

    def __init__(
        self, file: TableFile, picked: Sequence[int], make: Make, readers: Sequence[Reader]
    ) -> None:
        self._file, self._picked, self._make, self._readers = file, picked, make, readers

    def here(self, block: Block) -> bytes:
        """Return what is made of a block."""
        return self._make(self._file.fields(block, self._picked))

    def answer(self, message: bytes) -> Sequence[bytes]:
        """Return what is made of rows without a quote, if nothing is wrong with any."""
        for reader in self._readers:
            reader.begin_anew()
        columns = self._file.sheet.fields(message, self._picked) if message else None
        try:
            made = None if columns is None else self._make(columns)
        except DssmError:  # is met again, and raised, where it can be told
            made = None
        known = [part for reader in self._readers for part in _met(reader)]
        return [_DONE.pack(made is not None), *known, made or b""]

    def taken(self, found: bytearray, block: Block) -> bytes:
        """Return what a process answered with, or make it here if it could not."""
        (done,) = _DONE.unpack_from(found)
        if not done:
            return self.here(block)
        place = _DONE.size
        for reader in self._readers:
            met = np.frombuffer(found, np.int64, reader.met.size, place)
            reader.met += met.reshape(reader.met.shape)
            place += met.nbytes
            (size,) = _SIZE.unpack_from(found, place)
            place += _SIZE.size
            examples, beyond = json.loads(bytes(found[place : place + size]))
            for kind, column, text in examples:
                reader.examples.setdefault((kind, column), text)
            for column, counts in beyond:
                reader.beyond[column].add(counts)
            place += size
        return bytes(memoryview(found)[place:])


def _met(reader: Reader) -> Iterator[bytes]:
    """Yield what a reader could not read in a block: how many, and the first of each kind; and what
    was outside of what training had."""
    yield reader.met.tobytes()
    examples = [[*place, text] for place, text in reader.examples.items()]
    beyond = [[column, each.plain()] for column, each in reader.beyond.items()]
    plain = json.dumps([examples, beyond]).encode()
    yield _SIZE.pack(len(plain))
    yield plain
