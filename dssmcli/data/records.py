"""Rows of delimited files with a header: CSV and TSV, quoted or not, plain, gzipped or stdin.

A field that begins with a quote goes on to the closing one, over delimiters and line ends; a quote
inside is written twice (RFC 4180). The header says what the delimiter is: the one of tab, comma and
semicolon that it has most of.
"""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from dssmcli.data.plain import has_width
from dssmcli.data.tsv import UTF8_MARK, BadRows, Line, Piece, name_of, opened, read_pieces
from dssmcli.errors import DataError, counted, shown

DELIMITERS = ("\t", ",", ";")
_PIECE_BYTES = 1 << 17
_QUOTE = b'"'
_LONGEST_FIELD = 1 << 20
"""Characters of a quoted field at most: past them its quote is taken for one never closed."""

Columns = list[list[str]]
"""The fields of n rows, a list of n for each column."""


class Sheet(NamedTuple):
    """How the rows of a file are laid out: what its columns are called, what stands between."""

    source: str
    names: tuple[str, ...]
    delimiter: str

    def plain(self, content: bytes, picked: Sequence[int]) -> Columns | None:
        """Return the picked columns of whole lines without a quote.

        None if there is anything that may be wrong with one: not UTF-8, or too many or few fields.
        """
        if b"\r" in content:
            content = content.replace(b"\r\n", b"\n").removesuffix(b"\r")
        width = len(self.names)
        if not has_width(content, self.delimiter, width):
            return None
        try:
            fields = content.decode("utf-8").replace("\n", self.delimiter).split(self.delimiter)
        except UnicodeDecodeError:
            return None
        return [fields[column::width] for column in picked]


class Block(NamedTuple):
    """Some rows: lines in which no quote stands, still to be split, or else their columns."""

    piece: Piece | None
    columns: Columns


class TableFile:
    """An opened file whose header has been read."""

    def __init__(self, source: str, pieces: Iterator[Piece], bad_rows: BadRows) -> None:
        self._pieces, self._bad_rows = pieces, bad_rows
        self._queue: deque[Line] = deque()
        self._taken: list[Line] = []
        name = name_of(source)
        first = next(pieces, None)
        if first is None:
            raise DataError(f"{name}: empty, expected a header line that names the columns.")
        # The delimiter is not known yet, but the first line's end is: see `_delimiter`.
        start = first.content.removeprefix(UTF8_MARK) if first.first == 1 else first.content
        delimiter = _delimiter(start.partition(b"\n")[0])
        self._queue.extend(first.lines())
        self.sheet = Sheet(name, (), delimiter)
        row = next(self._records(), None)
        if row is None:
            raise DataError(f"{name}: no header line that names the columns.")
        self.sheet = Sheet(name, _names(f"{name}:1", row), delimiter)

    def blocks(self, picked: Sequence[int]) -> Iterator[Block]:
        """Yield all rows; of those that are split already only the picked columns."""
        rest = b"\n".join(line.raw for line in self._queue)
        if self._queue:
            first = self._queue[0].number
            self._queue.clear()
            yield from self._block(Piece(self.sheet.source, first, rest, len(rest)), picked)
        for piece in self._pieces:
            yield from self._block(piece, picked)

    def columns(self, block: Block, picked: Sequence[int]) -> Columns:
        """Return the picked columns of a block, without its bad rows, if these may be skipped."""
        if block.piece is None:
            return block.columns
        columns = self.sheet.plain(block.piece.content, picked)
        if columns is not None:
            return columns
        assert not self._queue
        self._queue.extend(block.piece.lines())
        return _picked(list(self._records()), picked)

    def _block(self, piece: Piece, picked: Sequence[int]) -> Iterator[Block]:
        if _QUOTE not in piece.content:
            yield Block(piece, [])
            return
        columns = self._quoted(piece, picked)
        if columns is None:
            self._queue.extend(piece.lines())
            columns = _picked(list(self._records(borrow=True)), picked)
        yield Block(None, columns)

    def _quoted(self, piece: Piece, picked: Sequence[int]) -> Columns | None:
        """Return the columns of a piece of whole rows; None if there is anything wrong with it."""
        try:
            text = io.StringIO(piece.content.decode("utf-8").removeprefix("\ufeff"), newline="")
            rows = [row for row in self._reader(text) if row]
        except (UnicodeDecodeError, csv.Error):
            return None
        if any(len(row) != len(self.sheet.names) for row in rows):
            return None
        return _picked(rows, picked)

    def _reader(self, lines: Iterator[str] | io.StringIO) -> Iterator[list[str]]:
        return csv.reader(lines, delimiter=self.sheet.delimiter, strict=True)

    def _records(self, borrow: bool = False) -> Iterator[list[str]]:
        """Yield the good rows of the queued lines one by one; the others go to the bad rows.

        A row that is not complete goes on in the next piece, if it may be borrowed from.
        """
        reader = self._reader(self._texts(borrow))
        while self._queue:
            self._taken.clear()
            try:
                row = next(reader)
                self._check(row)
            except csv.Error as error:
                found = DataError(f"{self._place}: {_told(error, self._taken)}")
                # A quote may stand there by mistake: the lines after it are rows of their own.
                self._queue.extendleft(reversed(self._taken[1:]))
                del self._taken[1:]
                self._bad(found)
                reader = self._reader(self._texts(borrow))
            except DataError as error:
                self._bad(error)
            else:
                if row:
                    yield row

    def _texts(self, borrow: bool) -> Iterator[str]:
        while True:
            if not self._queue:
                piece = next(self._pieces, None) if borrow or not self.sheet.names else None
                if piece is None:
                    return
                self._queue.extend(piece.lines())
            line = self._queue.popleft()
            self._taken.append(line)
            yield line.raw.decode("utf-8", "surrogateescape") + "\n"

    @property
    def _place(self) -> str:
        return self._taken[0].place if self._taken else self.sheet.source

    def _check(self, row: list[str]) -> None:
        for line in self._taken:
            if not line.raw.isascii():
                line.decode()
        width = len(self.sheet.names)
        if row and width and len(row) != width:
            raise DataError(
                f"{self._place}: {counted(len(row), 'field')}, expected {width} as the header has. "
                "Skip such rows with --bad-rows skip."
            )

    def _bad(self, error: DataError) -> None:
        self._bad_rows.take(b"\n".join(line.raw for line in self._taken), error)


@contextmanager
def open_table(source: str, bad_rows: BadRows) -> Iterator[TableFile]:
    """Open a table and read its header; DataError when it has none."""
    csv.field_size_limit(_LONGEST_FIELD)
    with opened(source) as stream:
        pieces = read_pieces(name_of(source), stream, _PIECE_BYTES)
        yield TableFile(source, pieces, bad_rows)


def tsv_field(text: str) -> str:
    """Return a field as it stands in TSV: in quotes if it would not end where it should."""
    if text.startswith('"') or any(c in text for c in "\t\r\n"):
        return '"' + text.replace('"', '""') + '"'
    return text


def _picked(rows: list[list[str]], picked: Sequence[int]) -> Columns:
    return [[row[column] for row in rows] for column in picked]


def _delimiter(header: bytes) -> str:
    found = max(DELIMITERS, key=lambda each: header.count(each.encode()))
    return found if found.encode() in header else DELIMITERS[0]


def _names(place: str, row: list[str]) -> tuple[str, ...]:
    """Return the columns' names; one without a name is called by its number."""
    names = [name.strip() or f"column_{number}" for number, name in enumerate(row, start=1)]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{place}: the header names {shown(name)} twice, expected each once.")
    return tuple(names)


def _told(error: csv.Error, taken: Sequence[Line]) -> str:
    if "unexpected end" in str(error) or "field larger" in str(error):
        return f"a quote opens a field and none closes it ({shown(_text(taken))}), expected one."
    return (
        f"{error} ({shown(_text(taken))}). A quote inside a quoted field is written twice. "
        "Skip such rows with --bad-rows skip."
    )


def _text(taken: Sequence[Line]) -> str:
    return taken[0].raw.decode("utf-8", "replace") if taken else ""
