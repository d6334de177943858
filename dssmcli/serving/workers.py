"""Turns blocks of texts into rows in several processes, results in order."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import BinaryIO, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from dssmcli.data.pipeline import in_threads
from dssmcli.errors import DssmError

Floats = npt.NDArray[np.float32]

_SIZE = struct.Struct("<q")
_ANSWER = struct.Struct("<qqq")


class Encoded(NamedTuple):
    """Rows (n, D) float32 of n texts, and how many of these were cut."""

    rows: Floats
    truncated: int


Encode = Callable[[Sequence[str]], Encoded]


def in_processes(
    encode: Encode, blocks: Iterable[Sequence[str]], processes: int
) -> Iterator[Encoded]:
    """Yield encode(block) in the blocks' order, each computed in one of several processes.

    They are copies of this one (`fork`), so they have all that `encode` knows and share its memory
    until they change it. Only for a program without other threads. A single block is encoded here.
    Raises DssmError when a process dies.
    """
    blocks = iter(blocks)
    first = list(islice(blocks, 2))
    if len(first) < 2:
        yield from map(encode, first)
        return
    workers = [_fork(encode) for _ in range(processes)]
    free = list(workers)  # there are as many threads, so one is always left

    def encoded(texts: Sequence[str]) -> Encoded:
        worker = free.pop()
        try:
            return worker.encode(texts)
        finally:
            free.append(worker)

    try:
        yield from in_threads(encoded, chain(first, blocks), processes)
    finally:
        for worker in reversed(workers):
            worker.close()


class _Worker(NamedTuple):
    """A process that waits for blocks."""

    process: int
    requests: BinaryIO
    answers: BinaryIO

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Have a block encoded."""
        message = "\n".join(text.replace("\n", " ") for text in texts)
        try:
            _send(self.requests, message.encode("utf-8", "surrogatepass"))
            rows, dim, truncated = _ANSWER.unpack(self.answers.read(_ANSWER.size))
            found = np.empty((rows, dim), np.float32)
            if self.answers.readinto(found.data.cast("B")) == found.nbytes:  # type: ignore[attr-defined]
                return Encoded(found, truncated)
        except (BrokenPipeError, struct.error):
            pass
        raise DssmError("A process that encodes has ended; is memory short? Try --threads 1.")

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(BrokenPipeError):  # what it was not sent before it died
            self.requests.close()
        self.answers.close()
        os.waitpid(self.process, 0)


def _fork(encode: Encode) -> _Worker:
    requests, answers = os.pipe(), os.pipe()
    process = os.fork()
    if not process:
        os.close(requests[1])
        os.close(answers[0])
        _serve(encode, os.fdopen(requests[0], "rb"), os.fdopen(answers[1], "wb"))
    os.close(requests[0])
    os.close(answers[1])
    return _Worker(process, os.fdopen(requests[1], "wb"), os.fdopen(answers[0], "rb"))


def _serve(encode: Encode, requests: BinaryIO, answers: BinaryIO) -> NoReturn:
    """Answer until nobody asks any more, then end without this program's own last words."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the asking process ends this one
        while len(size := requests.read(_SIZE.size)) == _SIZE.size:
            message = requests.read(*_SIZE.unpack(size)).decode("utf-8", "surrogatepass")
            rows, truncated = encode(message.split("\n"))
            answers.write(_ANSWER.pack(*rows.shape, truncated))
            _write(answers, rows)
    finally:
        os._exit(0)


def _send(stream: BinaryIO, message: bytes) -> None:
    stream.write(_SIZE.pack(len(message)))
    stream.write(message)
    stream.flush()


def _write(stream: BinaryIO, rows: Floats) -> None:
    stream.write(np.ascontiguousarray(rows).data.cast("B"))
    stream.flush()
