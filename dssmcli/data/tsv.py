"""Lines of text files: plain, gzipped or standard input, each with the place it came from."""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from dssmcli.atomic import write_atomically
from dssmcli.errors import STDIN_IS_READ, WARNING, DataError, HeaderError, about, counted
from dssmcli.file_kinds import FileKind, kind_in_gzip, kind_of
from dssmcli.text_encodings import (
    conversion,
    has_old_ends,
    likely_encoding,
    old_ends,
    wide_encoding,
)

STDIN = "-"
_BUFFER_BYTES = 1 << 17
_GZIP_MAGIC = b"\x1f\x8b"
_DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error)
UTF8_MARK = b"\xef\xbb\xbf"
SKIP_ROWS = "Skip such rows with --bad-rows skip."
ZERO_ROWS = "Give such lines a row of zeros with --bad-rows zero."
"""What a command that reads rows offers for bad ones."""


class Line(NamedTuple):
    """A line as it stands in its file, without its end; `number` counts from 1.

    around: what stands around it, from which the encoding can be told where it is not UTF-8.
    """

    source: str
    number: int
    raw: bytes
    around: bytes = b""

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
            wrong = (
                f"{self.place}:{column}: invalid UTF-8 (byte 0x{byte:02x}), expected UTF-8 text."
            )
            encoding = likely_encoding(self.around or self.raw)
            if encoding is None:
                told = f"{wrong} Convert the file (iconv -f ENCODING -t utf-8)."
                raise DataError(told) from error
            # Nearly all rows are bad then: to skip them would leave nothing.
            way = conversion(self.source, encoding)
            raise DataError(f"{wrong} It looks like {encoding.name}: {way}", "") from error


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
            raw = raw.removeprefix(UTF8_MARK) if number == 1 else raw
            yield Line(self.source, number, raw, self.content)


def read_lines(sources: Sequence[str]) -> Iterator[Line]:
    """Yield the lines of all sources in order; `-` is standard input, gzip is recognised by itself.

    Only a line feed ends a line; a carriage return before it and a byte-order mark go away.
    Raises DataError when a source cannot be read, is damaged gzip or no text.
    """
    for source in sources:
        with opened(source) as stream:
            for piece in read_pieces(name_of(source), stream, io.DEFAULT_BUFFER_SIZE):
                yield from piece.lines()


def name_of(source: str) -> str:
    """Return a source's name as messages show it."""
    return "<stdin>" if source == STDIN else source


def names_of(sources: Sequence[str]) -> str:
    """Return the names of sources as messages show them."""
    return ", ".join(map(name_of, sources))


def saying_of(sources: Sequence[str], say: Callable[[str], None]) -> Callable[[str], None]:
    """Return what says a line with the names of the files that it is about."""
    return lambda line: say(about(names_of(sources), line))


def read_pieces(name: str, stream: BinaryIO, size: int, eager: bool = False) -> Iterator[Piece]:
    """Yield a stream in pieces of about `size` bytes; eager: of less, where no more is there yet.

    Raises DataError when it is damaged gzip, after all whole lines before the damage.
    """
    kept: list[bytes] = []  # the beginning of a line that goes on
    number = 1
    try:
        for read in _portions(cast(io.BufferedReader, stream), size, eager):
            whole, end, rest = read.rpartition(b"\n")
            if end:
                content = b"".join([*kept, whole])
                yield Piece(name, number, content, len(content) + 1)
                number += content.count(b"\n") + 1
                kept = []
            kept.append(rest)
    except _DAMAGE as error:
        raise DataError(f"{name}:{number}: damaged gzip data ({error}).") from error
    except IsADirectoryError as error:
        raise DataError(f"{name}: is a folder, expected a file.") from error
    if any(kept):
        content = b"".join(kept)
        yield Piece(name, number, content, len(content))


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


@contextmanager
def opened(source: str) -> Iterator[BinaryIO]:
    """Open a source, `-` being standard input and gzip unpacked.

    Raises DataError if it cannot be, or begins as what is no text: an archive, a workbook, UTF-16.
    """
    if source == STDIN:
        if sys.stdin is None or sys.stdin.closed:
            raise DataError(STDIN_IS_READ)
        # Its own buffer would wait until it is full before it hands anything on.
        try:
            yield _plain(name_of(source), getattr(sys.stdin.buffer, "raw", sys.stdin.buffer))
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
        yield _plain(source, stream)


def _plain(name: str, stream: BinaryIO) -> BinaryIO:
    """Return a stream of text, unpacked; DataError when it begins as what is none."""
    buffered = io.BufferedReader(cast(io.RawIOBase, stream), _BUFFER_BYTES)  # for its `peek`
    head = buffered.peek(_BUFFER_BYTES)
    if head[:2] != _GZIP_MAGIC:
        _refuse(name, head, kind_of(head))
        return buffered
    unpacked = gzip.GzipFile(fileobj=buffered)
    try:
        head = unpacked.peek(_BUFFER_BYTES)
    except _DAMAGE as error:
        raise DataError(f"{name}:1: damaged gzip data ({error}).") from error
    _refuse(name, head, kind_in_gzip(head))
    return unpacked  # type: ignore[return-value]


def _refuse(name: str, head: bytes, kind: FileKind | None) -> None:
    """Raise DataError for a source that begins as what is no text, or text of another encoding."""
    if kind is not None:
        raise DataError(kind.refusal(name))
    encoding = wide_encoding(head)
    if encoding is not None:
        way = conversion(name, encoding)
        raise DataError(f"{name}:1: looks like {encoding.name}, expected UTF-8. Convert it: {way}")
    if has_old_ends(head):
        raise DataError(old_ends(name))


class BadRows:
    """What becomes of a row that cannot be used: an error ends the command, or it is set aside.

    offer: the sentence that tells a user how to go on without such rows, in the command that reads.
    """

    def __init__(
        self, skip: bool = False, rejects: Path | None = None, offer: str = SKIP_ROWS
    ) -> None:
        self._skip, self._offer = skip, offer
        self._rejects = rejects
        self._kept: list[bytes] = []
        self.count = 0
        #: Rows that were read, where a reader counts them.
        self.good = 0
        self.first: DataError | None = None
        #: Where a table's header stands again.
        self.headers: list[str] = []
        #: Where a quote encloses no field, or would join lines that are rows by themselves.
        self.quotes: list[str] = []

    def take(self, raw: bytes, error: DataError) -> None:
        """Raise the error with what to do, or count the row and keep it for the rejects file."""
        if isinstance(error, HeaderError):
            raise error
        if not self._skip:
            advice = self._offer if error.advice is None else error.advice
            raise DataError(f"{error} {advice}".rstrip()) from error
        self.count += 1
        self.first = self.first or error
        if self._rejects is not None:
            self._kept.append(raw)

    @property
    def summary(self) -> str:
        """Return sentences about the rows set aside, empty if there are none."""
        said = []
        if self.headers:
            more = ", …" if len(self.headers) > 1 else ""
            said.append(
                "The header stands again further down, which is no row: "
                f"{counted(len(self.headers), 'line')} ({self.headers[0]}{more})."
            )
        if self.quotes:
            more = ", …" if len(self.quotes) > 1 else ""
            said.append(
                "Quotes that do not enclose a field, on lines that have all columns without them, "
                "are taken as characters: "
                f"{counted(len(self.quotes), 'row')} ({self.quotes[0]}{more})."
            )
        if self.count:
            most = 0 < self.good < self.count
            begin = f"{WARNING}more than half is left out: skipped" if most else "Skipped"
            rows = counted(self.count, "bad row")
            of = f" of {self.count + self.good:,}" if most else ""
            said.append(f"{begin} {rows}{of}, the first: {self.first}")
        return "\n".join(said)

    def write_rejects(self) -> None:
        """Write the rows set aside, as they were, to the rejects file if one was named."""
        if self._rejects is not None:
            write_atomically(self._rejects, b"".join(raw + b"\n" for raw in self._kept))
