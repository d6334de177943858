"""Lines of text files: plain, gzipped or standard input, each with the place it came from."""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from dssmcli.atomic import write_atomically
from dssmcli.errors import DataError, counted

STDIN = "-"
_BUFFER_BYTES = 1 << 17
_GZIP_MAGIC = b"\x1f\x8b"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
UTF8_MARK = b"\xef\xbb\xbf"
SKIP = " Skip such rows with --bad-rows skip."
"""What can be done about a bad row, if there are not many."""


class Line(NamedTuple):
    """A line as it stands in its file, without its end; `number` counts from 1."""

    source: str
    number: int
    raw: bytes

    @property
    def place(self) -> str:
        """Return `file:line`, as error messages begin."""
        return f"{self.source}:{self.number}"

    def decode(self) -> str:
        """Return the line's text; DataError with line and column when it is not valid UTF-8."""
        try:
            return self.raw.decode("utf-8")
        except UnicodeDecodeError as error:
            column = len(self.raw[: error.start].decode("utf-8")) + 1
            byte = self.raw[error.start]
            raise DataError(
                f"{self.place}:{column}: invalid UTF-8 (byte 0x{byte:02x}), expected UTF-8 text. "
                f"Convert the file (iconv -f ENCODING -t utf-8).{SKIP}"
            ) from error


class Piece(NamedTuple):
    """Whole lines of a source, without the last one's end; `size` counts that too.

    `first` is the number of the first line, `content` what stands in the file, so the first piece
    may begin with a byte-order mark, and a line may end with a carriage return.
    """

    source: str
    first: int
    content: bytes
    size: int

    def lines(self) -> Iterator[Line]:
        """Yield the lines, without carriage returns at their ends or a byte-order mark."""
        for number, line in enumerate(self.content.split(b"\n"), start=self.first):
            raw = line.removesuffix(b"\r")
            yield Line(self.source, number, raw.removeprefix(UTF8_MARK) if number == 1 else raw)


def read_lines(sources: Sequence[str]) -> Iterator[Line]:
    """Yield the lines of all sources in order; `-` is standard input, gzip is recognised by itself.

    Only a line feed ends a line; a carriage return before it and a byte-order mark go away.
    Raises DataError when a source cannot be read, is damaged gzip or is UTF-16.
    """
    for source in sources:
        with opened(source) as stream:
            for piece in read_pieces(name_of(source), stream, io.DEFAULT_BUFFER_SIZE):
                yield from piece.lines()


def name_of(source: str) -> str:
    """Return a source's name as messages show it."""
    return "<stdin>" if source == STDIN else source


def read_pieces(name: str, stream: BinaryIO, size: int, eager: bool = False) -> Iterator[Piece]:
    """Yield a stream in pieces of about `size` bytes; eager: of less, where no more is there yet.

    Raises DataError when it is damaged gzip, after all whole lines before the damage, or UTF-16.
    """
    kept: list[bytes] = []  # the beginning of a line that goes on
    number = 1
    try:
        for read in _portions(cast(io.BufferedReader, stream), size, eager):
            whole, end, rest = read.rpartition(b"\n")
            if end:
                content = b"".join([*kept, whole])
                yield _piece(name, number, content, len(content) + 1)
                number += content.count(b"\n") + 1
                kept = []
            kept.append(rest)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{name}:{number}: damaged gzip data ({error}).") from error
    except IsADirectoryError as error:
        raise DataError(f"{name}: is a folder, expected a file.") from error
    if any(kept):
        content = b"".join(kept)
        yield _piece(name, number, content, len(content))


def _portions(stream: io.BufferedReader, size: int, eager: bool) -> Iterator[bytes]:
    """Yield what can be read, about `size` bytes at a time; what stops the reading comes last."""
    parts: list[bytes] = []
    missing = size
    try:
        # Never more than is there already: what could be read before an error would be lost.
        while there := len(stream.peek(1)):
            parts.append(stream.read(min(there, size)))
            missing -= len(parts[-1])
            if eager or missing <= 0:
                yield b"".join(parts)
                parts, missing = [], size
    except (EOFError, OSError, zlib.error):
        yield b"".join(parts)
        raise
    yield b"".join(parts)


def _piece(name: str, first: int, content: bytes, size: int) -> Piece:
    if first == 1:
        _refuse_utf16(name, content)
    return Piece(name, first, content, size)


def _refuse_utf16(name: str, first: bytes) -> None:
    if first.startswith(_UTF16_MARKS):
        raise DataError(
            f"{name}:1: looks like UTF-16, expected UTF-8. "
            "Convert it first: iconv -f utf-16 -t utf-8."
        )


@contextmanager
def opened(source: str) -> Iterator[BinaryIO]:
    """Open a source, `-` being standard input and gzip unpacked; DataError if it cannot be."""
    if source == STDIN:
        if sys.stdin is None or sys.stdin.closed:
            raise DataError("<stdin>: closed, or read already: `-` can stand once in a command.")
        # Its own buffer would wait until it is full before it hands anything on.
        try:
            yield _plain(getattr(sys.stdin.buffer, "raw", sys.stdin.buffer))
        finally:
            sys.stdin.close()
        return
    try:
        stream = open(source, "rb")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise DataError(f"{source}: {error.strerror or error}.") from error
    with stream:
        if os.path.isdir(source):
            raise DataError(f"{source}: is a folder, expected a file.")
        yield _plain(stream)


def _plain(stream: BinaryIO) -> BinaryIO:
    buffered = io.BufferedReader(cast(io.RawIOBase, stream), _BUFFER_BYTES)  # for its `peek`
    if buffered.peek(2)[:2] == _GZIP_MAGIC:
        return gzip.GzipFile(fileobj=buffered)  # type: ignore[return-value]
    return buffered


class BadRows:
    """What becomes of a row that cannot be used: an error ends the command, or it is set aside."""

    def __init__(self, skip: bool = False, rejects: Path | None = None) -> None:
        self._skip = skip
        self._rejects = rejects
        self._kept: list[bytes] = []
        self.count = 0
        self.first: DataError | None = None

    def take(self, raw: bytes, error: DataError) -> None:
        """Raise the error, or count the row and keep it for the rejects file."""
        if not self._skip:
            raise error
        self.count += 1
        self.first = self.first or error
        if self._rejects is not None:
            self._kept.append(raw)

    @property
    def summary(self) -> str:
        """Return a sentence about the rows set aside, empty if there are none."""
        if not self.count:
            return ""
        first = str(self.first).removesuffix(SKIP)
        return f"Skipped {counted(self.count, 'bad row')}, the first: {first}"

    def write_rejects(self) -> None:
        """Write the rows set aside, as they were, to the rejects file if one was named."""
        if self._rejects is not None:
            write_atomically(self._rejects, b"".join(raw + b"\n" for raw in self._kept))
