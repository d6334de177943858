"""Answers messages in several processes, results in order: blocks of texts become rows."""

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
from dssmcli.text.limits import Cuts

Floats = npt.NDArray[np.float32]
Answer = Callable[[bytes], Sequence[bytes | memoryview]]
"""Turns a message into the parts of its answer."""

_SIZE = struct.Struct("<q")
_KEPT_BYTES = 1 << 28
_SHAPE = struct.Struct("<7q")


class Encoded(NamedTuple):
    """Rows (n, D) float32 of n texts, and what of these was cut."""

    rows: Floats
    cuts: Cuts = Cuts()


Encode = Callable[[Sequence[str]], Encoded]


def in_processes(
    encode: Encode, blocks: Iterable[Sequence[str]], processes: int
) -> Iterator[Encoded]:
    """Yield encode(block) in the blocks' order, each computed in one of several processes.

    See `answered`. A single block is encoded here.
    """
    blocks = iter(blocks)
    first = list(islice(blocks, 2))
    if len(first) < 2:
        yield from map(encode, first)
        return

    def answer(message: bytes) -> Sequence[bytes | memoryview]:
        rows, cuts = encode(message.decode("utf-8", "surrogatepass").split("\n"))
        plain = np.ascontiguousarray(rows).data.cast("B")
        return _SHAPE.pack(*rows.shape, *cuts), plain

    for found in answered(answer, map(_message, chain(first, blocks)), processes):
        rows, dim, *cuts = _SHAPE.unpack_from(found)
        entries = np.frombuffer(found, np.float32, rows * dim, _SHAPE.size)
        yield Encoded(entries.reshape(rows, dim), Cuts(*cuts))


def _message(texts: Sequence[str]) -> bytes:
    joined = "\n".join(text.replace("\n", " ") for text in texts)
    return joined.encode("utf-8", "surrogatepass")


def answered(answer: Answer, messages: Iterable[bytes], processes: int) -> Iterator[bytearray]:
    """Yield the answers to messages in their order, each made in one of several processes.

    They are copies of this one (`fork`), so they have all that `answer` knows and share its memory
    until they change it. Only for a program without other threads. Raises DssmError when a process
    dies.
    """
    workers = [_fork(answer) for _ in range(processes)]
    free = list(workers)  # there are as many threads, so one is always left

    def by_worker(message: bytes) -> bytearray:
        worker = free.pop()
        try:
            return worker.answer(message)
        finally:
            free.append(worker)

    try:
        yield from in_threads(by_worker, messages, processes)
    finally:
        for worker in reversed(workers):
            worker.close()


class _Worker(NamedTuple):
    """A process that waits for messages."""

    process: int
    requests: BinaryIO
    answers: BinaryIO

    def answer(self, message: bytes) -> bytearray:
        """Have a message answered."""
        try:
            self.requests.write(_SIZE.pack(len(message)))
            self.requests.write(message)
            self.requests.flush()
            (size,) = _SIZE.unpack(self.answers.read(_SIZE.size))
            found = bytearray(size)
            if self.answers.readinto(found) == size:  # type: ignore[attr-defined]
                return found
        except (BrokenPipeError, struct.error):
            pass
        said = "A process that encodes has ended; is memory short? Try"
        raise DssmError(f"{said} one process alone.", f"{said} --threads 1.")

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(BrokenPipeError):  # what it was not sent before it died
            self.requests.close()
        self.answers.close()
        os.waitpid(self.process, 0)


def _fork(answer: Answer) -> _Worker:
    requests, answers = os.pipe(), os.pipe()
    process = os.fork()
    if not process:
        os.close(requests[1])
        os.close(answers[0])
        _serve(answer, os.fdopen(requests[0], "rb"), os.fdopen(answers[1], "wb"))
    os.close(requests[0])
    os.close(answers[1])
    return _Worker(process, os.fdopen(requests[1], "wb"), os.fdopen(answers[0], "rb"))


def _keep_freed_memory() -> None:
    """Have glibc keep what numpy frees: each block asks for as much again. No other C library does.

    M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of mallopt(3).
    """
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        for option in (-3, -1):
            ctypes.CDLL(None).mallopt(option, _KEPT_BYTES)


def _serve(answer: Answer, requests: BinaryIO, answers: BinaryIO) -> NoReturn:
    """Answer until nobody asks any more, then end without this program's own last words."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the asking process ends this one
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _keep_freed_memory()
        while len(size := requests.read(_SIZE.size)) == _SIZE.size:
            parts = answer(requests.read(*_SIZE.unpack(size)))
            answers.write(_SIZE.pack(sum(map(len, parts))))
            for part in parts:
                answers.write(part)
            answers.flush()
    finally:
        os._exit(0)
