"""Rows of delimited files with a header: CSV and TSV, quoted or not, plain, gzipped or stdin.

A field that begins with a quote goes on to the closing one, over delimiters and line ends; a quote
inside is written twice (RFC 4180). The header says what the delimiter is: the one of tab, comma and
semicolon that it has most of, unless a line `sep=;` before it, as Excel has it, says. The header
once more, where files were put one behind the other, is no row. A line feed ends a line, a carriage
return before it goes away, in quotes, too; blank lines are no rows.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count, islice
from typing import Any, NamedTuple

from dssmcli.data.other_separators import delimiter_in
from dssmcli.data.sheets import (
    DELIMITERS,
    SAID,
    Columns,
    Sheet,
    named,
    without_returns,
)
from dssmcli.data.tsv import BadRows, Line, Piece, name_of, opened, read_pieces
from dssmcli.errors import DataError, HeaderError, counted, shown

PIECE_BYTES = 1 << 18
_SPOKEN = {"\t": "tabs", ",": "commas", ";": "semicolons", "\x01": r"\x01", "|": "bars"}
_QUOTE = b'"'
_LONGEST_ROW = 1 << 20
"""Bytes of a row of several lines at most: past them its quote is taken for one never closed."""
_RETURN = "\udc0d"
"""Stands for a carriage return within a line, which csv would take for its end. No text has it."""


class Bad(NamedTuple):
    """A row that cannot be used, as it stands in its file, and why."""

    raw: bytes
    error: DataError


class Block(NamedTuple):
    """Some rows: lines in which no quote stands, still to be split, or else their columns.

    lines: of those whose columns are known, the number of the line on which each begins.
    origin: the lines that the columns were read from, or, where rows were read one by one, each of
    them as it stands in its file.
    """

    piece: Piece | None
    columns: Columns
    bad: Sequence[Bad] = ()
    lines: Sequence[int] = ()
    origin: Piece | Sequence[Line] = ()


class TableFile:
    """An opened file whose header has been read.

    lines: the numbers of the lines on which the rows begin that `columns` returned last.
    """

    def __init__(self, source: str, pieces: Iterator[Piece], bad_rows: BadRows) -> None:
        self.lines: Sequence[int] = ()
        self._pieces, self._bad_rows = pieces, bad_rows
        self._queue: deque[Line] = deque()
        self._taken: list[Line] = []
        self._taken_bytes = 0
        self._origin: Piece | Sequence[Line] = ()
        name = name_of(source)
        header = self._header()
        said = SAID.fullmatch(header.strip())
        if said is not None:
            while not self._queue.popleft().raw.strip():
                pass
            header = self._header()
        delimiter = delimiter_in(header, name) if said is None else said[1].decode()
        self.sheet = Sheet(name, (), delimiter, header.rstrip(b"\r"))
        row = next(self._records(borrow=True), None)
        if row is None:
            raise DataError(f"{name}: empty, expected a header line that names the columns.")
        if isinstance(row, Bad):
            raise row.error
        self.sheet = self.sheet._replace(names=_names(self._place, row), titles=tuple(row))

    def _header(self) -> bytes:
        """Return the first line that is not blank, with those that a quote in it goes on over."""
        header, quotes = bytearray(), 0
        for line in self._ahead():
            header += line.raw
            quotes += line.raw.count(_QUOTE)
            if header and (quotes % 2 == 0 or len(header) > _LONGEST_ROW):
                break
        return bytes(header)

    def _ahead(self) -> Iterator[Line]:
        """Yield the lines to come, which stay queued."""
        for place in count():
            while place == len(self._queue):
                piece = next(self._pieces, None)
                if piece is None:
                    return
                self._queue.extend(piece.lines())
            yield self._queue[place]

    def blocks(self, picked: Sequence[int]) -> Iterator[Block]:
        """Yield all rows; of those that are split already only the picked columns."""
        if self._queue:
            first = self._queue[0].number
            # Each line loses one carriage return again, as those of the pieces to come do.
            rest = b"\r\n".join(line.raw for line in self._queue) + b"\r"
            self._queue.clear()
            yield self._block(Piece(self.sheet.source, first, rest, len(rest)), picked)
        for piece in self._pieces:
            yield self._block(piece, picked)

    def columns(self, block: Block, picked: Sequence[int]) -> Columns:
        """Return the picked columns of a block, without its bad rows, if these may be skipped.

        To be called for the blocks in their order, so that bad rows are met in theirs.
        """
        if block.piece is not None:
            columns = self.sheet.plain(block.piece.content, picked)
            if columns is not None:
                first = block.piece.first
                self.lines = range(first, first + block.piece.content.count(b"\n") + 1)
                self._origin = block.piece
                self._bad_rows.good += len(self.lines)
                return columns
            assert not self._queue
            self._queue.extend(block.piece.lines())
            block = self._read(picked, borrow=False)
        self._origin = block.origin
        for row in block.bad:
            self._bad_rows.take(row.raw, row.error)
        self.lines = block.lines
        self._bad_rows.good += len(self.lines)
        return block.columns

    def rows(self) -> Sequence[Line]:
        """Return the rows that `columns` returned last as they stand in their file."""
        if isinstance(self._origin, Piece):
            self._origin = self._rows_of(self._origin)
        return self._origin

    def _rows_of(self, piece: Piece) -> Sequence[Line]:
        """Return the rows of a piece in which nothing is odd, each with all of its lines."""
        lines = [*piece.lines()]
        if _QUOTE not in piece.content:
            return lines
        texts = (line.raw.decode("utf-8") + "\n" for line in lines)
        reader = self._reader(texts)
        rows, begin = [], 0
        for row in reader:
            own = lines[begin : reader.line_num]
            if row:
                rows.append(own[0]._replace(raw=b"\n".join(line.raw for line in own)))
            begin = reader.line_num
        return rows

    def sample(self, most: int) -> Columns:
        """Return all columns of some of the first rows, at most so many; they are still to come."""
        if not self._queue:
            piece = next(self._pieces, None)
            if piece is not None:
                self._queue.extend(piece.lines())
        lines = (line.raw.decode("utf-8", "replace") for line in islice(self._queue, most))
        rows = []
        with suppress(csv.Error):
            for row in self._reader(line.replace("\r", _RETURN) + "\n" for line in lines):
                if len(row) == len(self.sheet.names) and not self.sheet.is_header(row):
                    rows.append(row)
        return [*zip(*rows, strict=True)] if rows else [() for _ in self.sheet.names]

    def fields(self, block: Block, picked: Sequence[int]) -> Columns:
        """Return what `columns` does, of plain lines as Fields."""
        piece = block.piece
        found = None if piece is None else self.sheet.fields(piece.content, picked)
        if piece is None or found is None:
            return self.columns(block, picked)
        self._origin = piece
        return found

    def _block(self, piece: Piece, picked: Sequence[int]) -> Block:
        if _QUOTE not in piece.content:
            return Block(piece, [])
        block = self._quoted(piece, picked)
        if block is not None:
            return block
        self._queue.extend(piece.lines())
        return self._read(picked, borrow=True)

    def _read(self, picked: Sequence[int], borrow: bool) -> Block:
        """Return the queued rows, each read by itself."""
        rows: list[list[str]] = []
        lines: list[int] = []
        bad: list[Bad] = []
        origin: list[Line] = []
        for row in self._records(borrow):
            if isinstance(row, Bad):
                bad.append(row)
            else:
                rows.append(row)
                lines.append(self._taken[0].number)
                raw = b"\n".join(line.raw for line in self._taken)
                origin.append(self._taken[0]._replace(raw=raw))
        return Block(None, _picked(rows, picked), bad, lines, origin)

    def _quoted(self, piece: Piece, picked: Sequence[int]) -> Block | None:
        """Return the columns of a piece of whole rows; None if there is anything odd about it."""
        content = without_returns(piece.content)
        if b"\r" in content:
            return None
        try:
            text = io.StringIO(content.decode("utf-8"), newline="\n")
            reader = self._reader(text)
            rows = [row for row in reader if row]
        except (UnicodeDecodeError, csv.Error):
            return None
        sheet = self.sheet
        if reader.line_num > len(rows) and self._has_swallowed(text):
            return None
        if any(len(row) != len(sheet.names) for row in rows) or self._has_header(content, rows):
            return None
        lines: Sequence[int]
        if reader.line_num == len(rows):
            lines = range(piece.first, piece.first + len(rows))
        else:
            lines = self._begun_on(text, piece.first)
        return Block(None, _picked(rows, picked), lines=lines, origin=piece)

    def _has_header(self, content: bytes, rows: list[list[str]]) -> bool:
        """Tell whether one of the rows of some whole lines is the header once more."""
        sheet, titles = self.sheet, [*self.sheet.titles]
        if len(titles) > 1 and titles in rows:
            return True
        return sheet.has_header(content) and any(
            sheet.is_header(row) or sheet.is_reordered(row) for row in rows
        )

    def _has_swallowed(self, text: io.StringIO) -> bool:
        """Tell whether a quote joins lines that are rows by themselves."""
        lines = text.getvalue().split("\n")
        text.seek(0)
        reader, before = self._reader(text), 0
        for _ in reader:
            if reader.line_num > before + 1 and self.sheet.are_rows(
                lines[before : reader.line_num]
            ):
                return True
            before = reader.line_num
        return False

    def _unquoted(self) -> list[str] | None:
        """Return the first of the lines taken, cut into fields with its quotes as characters, and
        queue the others again; None unless all the lines are rows by themselves."""
        lines = [line.raw.decode("utf-8", "replace") for line in self._taken]
        if not self.sheet.are_rows(lines):
            return None
        self._queue.extendleft(reversed(self._taken[1:]))
        del self._taken[1:]
        self._bad_rows.quotes.append(self._place)
        return self._taken[0].decode().removesuffix("\r").split(self.sheet.delimiter)

    def _begun_on(self, text: io.StringIO, first: int) -> list[int]:
        """Return the numbers of the lines on which rows begin: fields have lines, or some are
        blank."""
        text.seek(0)
        lines, reader, before = [], self._reader(text), 0
        for row in reader:
            if row:
                lines.append(first + before)
            before = reader.line_num
        return lines

    def _reader(self, lines: Iterator[str] | io.StringIO) -> Any:
        return csv.reader(lines, delimiter=self.sheet.delimiter, strict=True)

    def _records(self, borrow: bool) -> Iterator[list[str] | Bad]:
        """Yield the rows of the queued lines one by one.

        A row that is not complete goes on in the next piece, if it may be borrowed from.
        """
        reader = self._reader(self._texts(borrow))
        while self._queue:
            self._taken.clear()
            self._taken_bytes = 0
            try:
                row = next(reader)
                plain = self._unquoted() if len(self._taken) > 1 else None
                if plain is not None:
                    row, reader = plain, self._reader(self._texts(borrow))
                self._check(row)
            except csv.Error as error:
                plain = self._unquoted()
                if plain is not None:
                    yield plain
                    reader = self._reader(self._texts(borrow))
                    continue
                found = DataError(f"{self._place}: {self._told(error)}")
                # A quote may stand there by mistake: the lines after it are rows of their own.
                self._queue.extendleft(reversed(self._taken[1:]))
                yield Bad(self._taken[0].raw, found)
                reader = self._reader(self._texts(borrow))
            except DataError as error:
                yield Bad(b"\n".join(line.raw for line in self._taken), error)
            else:
                if self.sheet.is_header(row):
                    self._bad_rows.headers.append(self._place)
                elif row:
                    yield [field.replace(_RETURN, "\r") for field in row]

    def _texts(self, borrow: bool) -> Iterator[str]:
        """Yield the queued lines as csv takes them, and keep those of a row as taken."""
        while self._taken_bytes <= _LONGEST_ROW or not self._taken:
            if not self._queue:
                piece = next(self._pieces, None) if borrow else None
                if piece is None:
                    return
                self._queue.extend(piece.lines())
            line = self._queue.popleft()
            self._taken.append(line)
            self._taken_bytes += len(line.raw)
            text = line.raw.decode("utf-8", "surrogateescape").replace("\r", _RETURN)
            yield text + "\n"

    @property
    def _place(self) -> str:
        return self._taken[0].place

    def _check(self, row: list[str]) -> None:
        for line in self._taken:
            if not line.raw.isascii():
                line.decode()
        width = len(self.sheet.names)
        if row and width and len(row) != width:
            raise DataError(
                f"{self._place}: {counted(len(row), 'field')}, expected {width:,} as the header "
                f"has.{self._otherwise(row)}"
            )
        if self.sheet.is_reordered(row):
            raise HeaderError(
                f"{self._place}: a header in the middle ({shown(' '.join(row))}) with the columns "
                "in another order than above, expected the same. Put them in one order first."
            )

    def _otherwise(self, row: list[str]) -> str:
        """Return what else may stand between the fields of a row that has but one."""
        other = max(DELIMITERS, key=row[0].count)
        if len(row) > 1 or other not in row[0]:
            return ""
        delimiter = self.sheet.delimiter
        return (
            f" The header has {_SPOKEN.get(delimiter, delimiter)} between its names, the row "
            f"{_SPOKEN[other]}."
        )

    def _told(self, error: csv.Error) -> str:
        text = shown(self._taken[0].raw.decode("utf-8", "replace"))
        if "unexpected end" in str(error):
            return f"a quote opens a field and none closes it ({text}), expected one."
        return (
            f"a quoted field goes on behind its closing quote ({text}). A quote inside it is "
            "written twice."
        )


@contextmanager
def open_table(source: str, bad_rows: BadRows) -> Iterator[TableFile]:
    """Open a table and read its header; DataError when it has none."""
    csv.field_size_limit(2**31 - 1)  # rows have a limit of their own
    with opened(source) as stream:
        pieces = read_pieces(name_of(source), stream, PIECE_BYTES)
        yield TableFile(source, pieces, bad_rows)


def tsv_field(text: str) -> str:
    """Return a field as it stands in TSV: in quotes if it would not end where it should."""
    if text.startswith('"') or any(c in text for c in "\t\r\n"):
        return '"' + text.replace('"', '""') + '"'
    return text


def _picked(rows: list[list[str]], picked: Sequence[int]) -> Columns:
    return [[row[column] for row in rows] for column in picked]


def _names(place: str, row: list[str]) -> tuple[str, ...]:
    """Return the columns' names."""
    names = named(row)
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise DataError(f"{place}: the header names {shown(name)} twice, expected each once.")
    return names
