"""Where encoded rows go: a stream, a file in place, or a file that can be gone on with."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.atomic import (
    opened_alone,
    put_in_place,
    refuse_part_of_run,
    write_atomically,
    writing,
)
from dssmcli.errors import DataError, DssmError, OutputError, counted
from dssmcli.serving.formats import Format
from dssmcli.text.limits import Cuts

Block = tuple[Sequence[str], npt.NDArray[np.float32]]

SAVE_SECONDS = 5.0
"""So often what has been written is made safe, to go on from after an interruption."""
_READ_BYTES = 1 << 20
_TEXTS_BYTES = 16


def write_stream(stream: BinaryIO, blocks: Iterable[Block], form: Format) -> int:
    """Write rows to a stream that need not be seekable, and return their number.

    A format that is whole only at its end waits on disk till then; nothing is written when a
    block raises an error. Other formats go out block by block.
    """
    if form.streams:
        rows = 0
        for texts, vectors in blocks:
            stream.write(form.block(texts, vectors))
            stream.flush()
            rows += len(vectors)
        return rows
    with tempfile.TemporaryFile() as spool:
        try:
            rows = write_in_place(spool, blocks, form)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise OutputError(
                f"{tempfile.gettempdir()}: cannot be written ({error.strerror})."
            ) from error
        spool.seek(0)
        shutil.copyfileobj(spool, stream, 1 << 20)
    stream.flush()
    return rows


def write_in_place(stream: BinaryIO, blocks: Iterable[Block], form: Format) -> int:
    """Write rows to a seekable stream, which is empty again when it does not come to its end."""
    rows = 0
    try:
        stream.write(form.head())
        for texts, vectors in blocks:
            stream.write(form.block(texts, vectors))
            rows += len(vectors)
        form.close(stream, rows)
        stream.flush()
    except BaseException:
        with contextlib.suppress(OSError):
            _empty(stream)
        raise
    return rows


def _empty(stream: BinaryIO) -> None:
    """Take back what was written; what is left of it in memory is written first, or cannot be."""
    with contextlib.suppress(OSError):
        stream.flush()
    os.ftruncate(stream.fileno(), 0)
    os.lseek(stream.fileno(), 0, os.SEEK_SET)


def can_rewind(stream: BinaryIO) -> bool:
    """Tell whether what is written at the start of a stream can be written anew later.

    Not so for a pipe, or a file opened to append (`>> FILE`).
    """
    if not stream.seekable() or stream.tell():
        return False
    try:
        import fcntl

        return not fcntl.fcntl(stream.fileno(), fcntl.F_GETFL) & os.O_APPEND
    except (ImportError, OSError):
        return False


class Saved(NamedTuple):
    """How far a file had come: rows, bytes, their `words_sum`, the texts that were cut, its origin.

    texts: the BLAKE2b of the texts of these rows, a line each, in hexadecimal; empty where a dssm
    before 0.2 began the file.
    """

    rows: int
    size: int
    sum: int
    cuts: Cuts
    origin: str
    texts: str = ""


def words_sum(content: bytes | memoryview, offset: int) -> int:
    """Return the sum, modulo 2^64, of the 64-bit words that bytes at an offset of a file stand in.

    The sums of the parts of a file add up to that of the whole. It finds a changed byte in a fifth
    of the time that a CRC-32 takes, which every row would have to wait for.
    """
    head = -offset % 8
    count = max(0, len(content) - head) // 8
    words = np.frombuffer(content, "<u8", count, head) if count else np.zeros(0, np.uint64)
    first = int.from_bytes(content[:head], "little") << 8 * (offset % 8)
    last = int.from_bytes(content[head + 8 * count :], "little")
    return (first + int(words.sum(dtype=np.uint64)) + last) % (1 << 64)


class Growing:
    """The file beside `path` that takes its place when it is whole.

    `.NAME.partial` grows block by block, `.NAME.partial.json` says how much of it is safe. Use
    `growing` to open one.
    """

    def __init__(self, path: Path, partial: Path, stream: BinaryIO, origin: str) -> None:
        self._path, self._partial, self._stream, self._origin = path, partial, stream, origin
        self._journal = partial.with_name(f"{partial.name}.json")
        self._saved: Saved | None = None
        self._size = self._sum = 0
        self._texts = hashlib.blake2b(digest_size=_TEXTS_BYTES)
        self._last = time.monotonic()

    def begin(self, form: Format) -> None:
        """Start afresh."""
        self._journal.unlink(missing_ok=True)
        self._stream.truncate(0)
        self._put(form.head())

    def go_on(self) -> Saved | None:
        """Return to the last whole block that is safe; None when there is nothing to go on with.

        Raises OutputError when the file was begun from other input, by other settings or a run, or
        has been damaged since.
        """
        saved = self._told()
        if saved is None:
            return None
        if saved.origin != self._origin:
            raise OutputError(
                f"{self._partial}: begun from other files, settings or another run. "
                "Start afresh without --resume."
            )
        if os.fstat(self._stream.fileno()).st_size < saved.size:
            return None
        if self._sum_of(saved.size) != saved.sum:
            raise OutputError(
                f"{self._partial}: damaged since it was written. Start afresh without --resume."
            )
        self._stream.seek(saved.size)
        self._stream.truncate()
        self._saved, self._size, self._sum = saved, saved.size, saved.sum
        return saved

    def skip(self, texts: Iterator[list[str]]) -> Iterator[list[str]]:
        """Return the blocks of texts behind those whose rows are safe.

        Raises DataError when these are not the texts that the rows were made of.
        """
        saved = self._saved
        assert saved is not None
        left, rest = saved.rows, []
        while left and (block := next(texts, None)) is not None:
            self._note(block[:left])
            left, rest = left - len(block[:left]), block[left:]
        now = self._texts.hexdigest()
        if left or now != (saved.texts or now):
            self._saved = None
            which = f"the first {counted(saved.rows, 'text')}"
            how = f"are not those that {self._partial.name} has vectors of"
            said = f"there are only {saved.rows - left:,}"
            if not left:
                said = f"BLAKE2b was {saved.texts[:8]}…, is now {now[:8]}…"
            raise DataError(
                f"--resume: {which} {how} ({said}). Give the same texts, or start afresh without "
                "--resume."
            )
        return chain([rest], texts) if rest else texts

    def _note(self, texts: Sequence[str]) -> None:
        """Add texts to what is known of those that have rows."""
        lines = "".join(f"{text}\n" for text in texts)
        self._texts.update(lines.encode("utf-8", "surrogatepass"))

    def _told(self) -> Saved | None:
        """Return what the journal says; None when there is none, or it is damaged."""
        try:
            told = json.loads(self._journal.read_text("utf-8"))
            rows, size, total, cut = (int(told[n]) for n in ("rows", "size", "sum", "truncated"))
            cuts = Cuts(*map(int, told.get("cuts", (cut, cut))))
            return Saved(rows, size, total, cuts, told["origin"], str(told.get("texts", "")))
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return None

    def _sum_of(self, size: int) -> int:
        """Return the sum of the file's first bytes."""
        self._stream.seek(0)
        found = place = 0
        while part := self._stream.read(min(_READ_BYTES, size - place)):
            found += words_sum(part, place)
            place += len(part)
        return found % (1 << 64)

    def _put(self, content: bytes | memoryview) -> None:
        self._stream.write(content)
        self._sum = (self._sum + words_sum(content, self._size)) % (1 << 64)
        self._size += len(content)

    def write(self, blocks: Iterable[Block], form: Format, cuts: Callable[[], Cuts]) -> int:
        """Append blocks, finish the file, and return the number of all its rows.

        `cuts` says, at any time, what of the texts so far was cut.
        """
        rows = self._saved.rows if self._saved else 0
        for texts, vectors in blocks:
            self._put(form.block(texts, vectors))
            self._note(texts)
            rows += len(vectors)
            if time.monotonic() - self._last >= SAVE_SECONDS:
                self._save(rows, cuts())
        self._journal.unlink(missing_ok=True)
        self._saved = None
        form.close(self._stream, rows)
        return rows

    def publish(self) -> None:
        """Put the whole file in its place."""
        put_in_place(self._stream, self._partial, self._path)

    def keep_or_discard(self) -> str:
        """Keep what is safe, or take away what is not; return what there is to say of it."""
        if self._saved is None:
            if not self._journal.exists():
                self._partial.unlink(missing_ok=True)
            return ""
        return f" {counted(self._saved.rows, 'row')} are kept; go on from there with --resume."

    def _save(self, rows: int, cuts: Cuts) -> None:
        self._stream.flush()
        os.fsync(self._stream.fileno())
        texts = self._texts.hexdigest()
        saved = Saved(rows, self._size, self._sum, cuts, self._origin, texts)
        write_atomically(
            self._journal, json.dumps({**saved._asdict(), "truncated": cuts.texts}).encode()
        )
        self._saved, self._last = saved, time.monotonic()


@contextmanager
def growing(path: Path, origin: str) -> Iterator[Growing]:
    """Open the file that will be `path`, which takes its place when the block ends without error.

    `origin` says what it is made of, so that nothing else is appended to it. Raises OutputError
    when it cannot be written, or another process is writing it.
    """
    path = path.resolve()
    refuse_part_of_run(path)
    partial = path.with_name(f".{path.name}.partial")
    with writing(path), opened_alone(path, partial) as stream:
        file = Growing(path, partial, stream, origin)
        try:
            yield file
            file.publish()
        except DssmError as error:
            error.args = (f"{error}{file.keep_or_discard()}",)
            raise
        except BaseException:
            file.keep_or_discard()
            raise
