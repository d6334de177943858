"""Rows of pairs as they stand in files, each with its place, and what is wrong with a bad one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.layout import HEADERLESS, Layout, is_header, layout_of
from dssmcli.data.plain import Columns, number_in, plain_columns
from dssmcli.data.tsv import BadRows, Line, Piece, name_of, opened, read_pieces
from dssmcli.errors import ConfigError, DataError, shown
from dssmcli.text.folding import Folder
from dssmcli.text.normalize import normalize

Ints = npt.NDArray[np.int64]

_PIECE_BYTES = 1 << 18


class Row(NamedTuple):
    """One row: the texts as they stand in the file, the numbers nan where there are none.

    normal: the query and the title, normalised.
    """

    line: Line
    query: str
    title: str
    value: float
    normal: tuple[str, str]
    impressions: float


class RowReader:
    """Reads rows of pairs from files, one layout for all of them.

    But a file that names its columns may add clicks to the two columns of the files before it, as
    `dssm mine` does: a row without a value is a click. `kind` is what the user says of the values.

    After reading, `layout` is the one in use, and `header` the fields of the first header or None.
    Rows are read row by row, which alone knows what is wrong with one; but a piece of a file in
    which nothing is unusual is read at once.
    """

    def __init__(
        self,
        columns: str | None = None,
        bad_rows: BadRows | None = None,
        kind: str | None = None,
    ) -> None:
        self.layout = layout_of(columns.split(",")) if columns else None
        self.header: list[str] | None = None
        self.bad_rows = bad_rows or BadRows()
        self._named, self._kind = columns is not None, kind
        self._begun = False  # whether a file was read
        self._later = False  # whether this is not the first file
        self._folder = Folder()
        self._blank: list[Line] = []  # lines of this file after its last row so far

    def read(self, sources: Sequence[str]) -> Iterator[Row]:
        """Yield the good rows; DataError at file:line for the first bad one unless skipped."""
        for piece, plain in self._pieces(sources):
            yield from self._rows(piece) if plain is None else _rows_of(piece, plain, self.layout)

    def columns(self, sources: Sequence[str]) -> Iterator[Columns]:
        """Yield the same rows column by column, some thousand at a time."""
        for columns, _ in self.located(sources):
            yield columns

    def located(self, sources: Sequence[str]) -> Iterator[tuple[Columns, Ints]]:
        """Yield the same columns, each with the numbers of its rows' lines, (N,)."""
        for piece, plain in self._pieces(sources):
            if plain is None:
                rows = list(self._rows(piece))
                yield _columns_of(rows), np.array([row.line.number for row in rows], np.int64)
            else:
                yield plain, piece.first + np.arange(len(plain.values))

    def _pieces(self, sources: Sequence[str]) -> Iterator[tuple[Piece, Columns | None]]:
        """Yield all pieces in order, with their rows where these could be read at once."""
        for source in sources:
            self._later, self._begun = self._begun, True
            self._blank = []  # what stood at the end of the file before
            with opened(source) as stream:
                pieces = _first_line_apart(read_pieces(name_of(source), stream, _PIECE_BYTES))
                for piece in pieces:
                    plain = self._plain(piece)
                    if plain is not None:
                        self._report_blanks()
                    yield piece, plain

    def _plain(self, piece: Piece) -> Columns | None:
        """Return a piece's rows; None where it must be read row by row."""
        if piece.first == 1 or self.layout is None:
            return None
        return plain_columns(piece.content, self.layout, self._folder)

    def _rows(self, piece: Piece) -> Iterator[Row]:
        """Yield the good rows of a piece, one by one."""
        for line in piece.lines():
            if not line.raw.strip():
                self._blank.append(line)
                continue
            self._report_blanks()
            try:
                row = self._row(line)
            except DataError as error:
                self.bad_rows.take(line.raw, error)
                continue
            if row is not None:
                yield row

    def _report_blanks(self) -> None:
        """Report blank lines that turn out to stand between rows; those at a file's end do not."""
        blank, self._blank = self._blank, []
        for line in blank:
            self.bad_rows.take(line.raw, DataError(f"{line.place}: empty line."))

    def _row(self, line: Line) -> Row | None:
        fields = line.decode().split("\t")
        if line.number == 1 and is_header(fields):
            self._use_header(line, fields)
            return None
        if self.layout is None:
            self.layout = self._layout_of_first(line, fields)
        return _parsed(line, fields, self.layout, self._kind or self.layout.kind)

    def _use_header(self, line: Line, fields: list[str]) -> None:
        try:
            layout = layout_of(fields)
        except ConfigError as error:
            raise DataError(f"{line.place}: {error}") from error
        joins = self._later and self.layout is not None and _adds_clicks(self.layout, layout)
        if self._named and not joins:
            return
        if not joins and self.layout is not None and self.layout[:4] != layout[:4]:
            raise DataError(f"{line.place}: other columns than the file before, expected the same.")
        self.layout = layout
        self.header = self.header or fields

    @staticmethod
    def _layout_of_first(line: Line, fields: list[str]) -> Layout:
        _check_width(line, fields, 2, len(HEADERLESS))
        return layout_of(HEADERLESS[: len(fields)])


def _adds_clicks(before: Layout, layout: Layout) -> bool:
    """Tell whether a layout is the one before with a column of clicks behind it."""
    added = before._replace(value=before.width, kind="clicks", width=before.width + 1)
    return before.value is None and layout == added


def _check_width(line: Line, fields: list[str], low: int, high: int) -> None:
    if low <= len(fields) <= high:
        return
    found = "1 column" if len(fields) == 1 else f"{len(fields)} columns"
    expected = f"{low}" if low == high else f"{low} to {high}"
    raise DataError(
        f"{line.place}: {found}, expected {expected} separated by tabs "
        f"(found {shown(line.decode())}). Skip such rows with --bad-rows skip."
    )


def _parsed(line: Line, fields: list[str], layout: Layout, kind: str | None) -> Row:
    _check_width(line, fields, layout.width, layout.width)
    query, title = fields[layout.query], fields[layout.title]
    normal = normalize(query), normalize(title)
    for name, text in zip(("query", "title"), normal, strict=True):
        if not text:
            raise DataError(f"{line.place}: empty {name}, expected a text.")
    value = _number(line, fields, layout.value, "value")
    impressions = _number(line, fields, layout.impressions, "impressions")
    if value == 0 and impressions == 0:
        raise DataError(f"{line.place}: never shown (0 impressions), so it says nothing.")
    if kind == "clicks" and value > impressions:
        raise DataError(
            f"{line.place}: {value:g} clicks of {impressions:g} impressions, expected no more "
            "clicks than impressions. Skip such rows with --bad-rows skip."
        )
    return Row(line, query, title, value, normal, impressions)


def _number(line: Line, fields: list[str], column: int | None, name: str) -> float:
    if column is None:
        return math.nan
    number = number_in(fields[column])
    if math.isnan(number):
        raise DataError(
            f"{line.place}:{column + 1}: {name} is {shown(fields[column])}, "
            "expected a number of 0 or more. Skip such rows with --bad-rows skip."
        )
    return number


def _first_line_apart(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Yield pieces, the first of which is one line: what it says decides how others are read."""
    for piece in pieces:
        line, end, rest = piece.content.partition(b"\n")
        if piece.first > 1 or not end:
            yield piece
            continue
        yield piece._replace(content=line, size=len(line) + 1)
        yield piece._replace(first=2, content=rest, size=piece.size - len(line) - 1)


def _columns_of(rows: list[Row]) -> Columns:
    raw = b"".join([row.line.raw + b"\n" for row in rows])
    normal = [text for row in rows for text in row.normal]
    values = np.array([row.value for row in rows], np.float64)
    shown = np.array([row.impressions for row in rows], np.float64)
    return Columns(raw, normal, values, None if np.isnan(shown).all() else shown)


def _rows_of(piece: Piece, columns: Columns, layout: Layout | None) -> Iterator[Row]:
    """Yield the rows of a piece that was read at once."""
    assert layout is not None
    normal = zip(columns.normal[0::2], columns.normal[1::2], strict=True)
    shown = columns.impressions
    numbers = zip(
        columns.values.tolist(),
        [math.nan] * len(columns.values) if shown is None else shown.tolist(),
        strict=True,
    )
    for line, (value, times), texts in zip(piece.lines(), numbers, normal, strict=True):
        fields = line.decode().split("\t")
        yield Row(line, fields[layout.query], fields[layout.title], value, texts, times)
