"""Rows of pairs as they stand in files: headers, layouts, and the rows of whole pieces at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.column_names import role_of
from dssmcli.data.column_order import Known, columns_problem
from dssmcli.data.damage import doubts_about
from dssmcli.data.headers import (
    layout_of_header,
    middle_names,
    names_columns,
    rows_ahead,
    said_of,
    same_names,
    seems_header,
    stands_in_the_middle,
)
from dssmcli.data.layout import (
    HEADERLESS,
    Layout,
    is_header,
    layout_of,
    of_one_kind,
    without_index,
)
from dssmcli.data.missing_texts import MISSING_TEXTS
from dssmcli.data.one_row import Row, check_width, parsed_row
from dssmcli.data.other_formats import other_format
from dssmcli.data.plain import Columns, plain_columns
from dssmcli.data.reading import Reading
from dssmcli.data.tsv import BadRows, Line, Piece, name_of, opened, read_pieces
from dssmcli.data.type_names import are_types, begins_with_types
from dssmcli.errors import DataError, HeaderError, shown
from dssmcli.text.folding import Folder
from dssmcli.text.normalize import Normalizer

Ints = npt.NDArray[np.int64]

_PIECE_BYTES = 1 << 18
_LOOKED_AT = 200
"""So many rows of a file tell what its columns hold."""


class RowOptions(NamedTuple):
    """How lines of pairs are taken.

    header: whether the first line of each file names columns; None where its names tell.
    skip_missing: rows whose query or title is only NULL, nan or the like are left out.
    normalizer: the normalisation of the texts, if not the newest.
    """

    header: bool | None = None
    skip_missing: bool = False
    normalizer: Normalizer | None = None


USUAL = RowOptions()


class RowReader:
    """Reads rows of pairs from files, one layout for all of them.

    But a file that names its columns may add clicks to the two columns of the files before it, as
    `dssm mine` does: a row without a value is a click. `kind` is what the user says of the values.

    After reading, `layout` is the one in use, `header` the fields of the first header or None, and
    `reading` says what was taken for what. Rows are read row by row, which alone knows what is
    wrong with one; but a piece of a file in which nothing is unusual is read at once.
    """

    def __init__(
        self,
        columns: str | None = None,
        bad_rows: BadRows | None = None,
        kind: str | None = None,
        options: RowOptions = USUAL,
    ) -> None:
        self.layout = layout_of(columns.split(",")) if columns else None
        self.header: list[str] | None = None
        self.bad_rows = bad_rows or BadRows()
        self.reading = Reading()
        self._named, self._kind = columns is not None, kind
        self._told, self._skips_missing = options.header, options.skip_missing
        self._normalizer = options.normalizer or Normalizer()
        self._begun = False  # whether a file was read
        self._later = False  # whether this is not the first file
        self._folder = Folder(self._normalizer)
        self._first = ""  # the name of the first file
        self._examined = False  # whether the columns of this file were looked at
        self._blank: list[Line] = []  # lines of this file after its last row so far
        self._ahead = b""  # what follows the first line of this file
        self._headers: set[bytes] = set()  # first lines that named columns
        self._middle_names = middle_names(None)

    @property
    def by_place(self) -> bool:
        """Tell whether columns go by their place, as nobody named them."""
        return not self._named and self.header is None

    def read(self, sources: Sequence[str]) -> Iterator[Row]:
        """Yield the good rows; DataError at file:line for the first bad one unless skipped."""
        for piece, columns in self._pieces(sources):
            if columns is None:
                yield from self._rows(piece)
            else:
                yield from _rows_of(piece, columns, self.layout)

    def columns(self, sources: Sequence[str]) -> Iterator[Columns]:
        """Yield the same rows column by column, some thousand at a time."""
        for columns, _ in self.located(sources):
            yield columns

    def located(self, sources: Sequence[str]) -> Iterator[tuple[Columns, Ints]]:
        """Yield the same columns, each with the numbers of its rows' lines, (N,)."""
        for piece, columns in self._pieces(sources):
            if columns is None:
                rows = list(self._rows(piece))
                yield _columns_of(rows), np.array([row.line.number for row in rows], np.int64)
            else:
                yield columns, piece.first + np.arange(len(columns.values))

    def _pieces(self, sources: Sequence[str]) -> Iterator[tuple[Piece, Columns | None]]:
        """Yield all pieces in order, with their rows where these could be read at once."""
        for source in sources:
            self._later, self._begun, self._examined = self._begun, True, False
            self._first, self._blank = self._first or name_of(source), []
            with opened(source) as stream:
                pieces = read_pieces(name_of(source), stream, _PIECE_BYTES)
                for piece in self._first_line_apart(pieces):
                    columns = self._plain(piece)
                    if columns is not None:
                        self._report_blanks()
                        self.bad_rows.good += len(columns.values)
                    yield piece, columns

    def _first_line_apart(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        """Yield pieces, the first of which is one line: it decides how others are read."""
        for piece in pieces:
            line, end, rest = piece.content.partition(b"\n")
            if piece.first > 1 or not end:
                self._ahead = self._ahead if piece.first > 1 else b""
                yield piece
                continue
            self._ahead = rest
            self.reading.warnings += doubts_about(piece.source, piece.content)
            yield piece._replace(content=line, size=len(line) + 1)
            yield piece._replace(first=2, content=rest, size=piece.size - len(line) - 1)

    def _plain(self, piece: Piece) -> Columns | None:
        """Return a piece's rows; None where it must be read row by row."""
        if piece.first == 1 or self.layout is None or self._may_repeat_header(piece.content):
            return None
        kind = self._kind or self.layout.kind
        spellings = self.reading.spellings
        columns = plain_columns(piece.content, self.layout, self._folder, kind, spellings)
        if columns is None or self._names_columns(columns):
            return None
        if MISSING_TEXTS.intersection(columns.normal):
            if self._skips_missing:
                return None
            self.reading.count_missing(columns.normal)
        for values in columns.read:
            spellings.count(values)
        return columns

    def _may_repeat_header(self, content: bytes) -> bool:
        """Tell whether the header, as it stood, may stand among whole lines."""
        if self._told is False or not self._headers:
            return False
        return any(header in content for header in self._headers) or begins_with_types(
            content, "\t"
        )

    def _names_columns(self, columns: Columns) -> bool:
        """Tell whether a row of two texts may name columns: both are names of some."""
        normal = columns.normal
        if self._told is False or self._middle_names.isdisjoint(normal):
            return False
        pairs = zip(normal[0::2], normal[1::2], strict=True)
        return any(self._middle_names.issuperset(pair) for pair in pairs)

    def _rows(self, piece: Piece) -> Iterator[Row]:
        """Yield the good rows of a piece, one by one."""
        lines = piece.lines()
        if piece.first == 1:  # a line that stands alone in its piece
            around = piece.content + b"\n" + self._ahead
            lines = (each._replace(around=around) for each in lines)
        for line in lines:
            if not line.raw.strip():
                self._blank.append(line)
                continue
            self._report_blanks()
            takes_header = self._takes_header(line)
            if not self._examined:
                self._examine(line, takes_header)
            if takes_header:
                continue
            try:
                row = self._row(line)
            except DataError as error:
                self.bad_rows.take(line.raw, error)
                continue
            if row is not None:
                self.bad_rows.good += 1
                yield row

    def _report_blanks(self) -> None:
        """Report blank lines that turn out to stand between rows; those at a file's end do not."""
        blank, self._blank = self._blank, []
        for line in blank:
            self.bad_rows.take(line.raw, DataError(f"{line.place}: empty line."))

    def _takes_header(self, line: Line) -> bool:
        """Take a line that names columns for what it is; tell whether it is one.

        DataError for one that says something else than what is known.
        """
        if self._told is False:
            return False
        try:
            fields = line.decode().split("\t")
        except DataError:
            return False
        if line.number > 1:
            return self._repeats_header(line, fields)
        ahead = rows_ahead(self._ahead)
        if not (self._told or is_header(fields) or self._is_named(fields, ahead)):
            if seems_header(fields, ahead) and not self._named:
                self.reading.suspect(line, fields)
            return False
        names = without_index(fields)
        if names != fields:
            self.reading.headers.append(
                f"A header ({line.place}) with a column without a name, which is not read: row "
                "numbers, as pandas writes them."
            )
        first = self.header or fields
        self._use_header(line, names, ahead)
        self.header = first
        self._headers.add(line.raw)
        self._middle_names = middle_names(first)
        return True

    def _examine(self, line: Line, header: bool) -> None:
        """Look at the columns of a file, whose first line this is: do they hold what is expected?

        HeaderError when they cannot, as no row below can be read then; a warning where the user
        says that they do.
        """
        self._examined = True
        try:
            fields = line.decode().split("\t")
        except DataError:
            return
        first = self._first if self._later else ""
        known = Known(self.layout, self._named, header, first, line.source)
        problem = columns_problem(fields, rows_ahead(self._ahead)[:_LOOKED_AT], known)
        if problem is None:
            return
        self.reading.columns_problem = f"{line.place}: {problem.told}"
        if problem.certain:
            raise HeaderError(self.reading.columns_problem)
        self.reading.warnings.append(self.reading.columns_problem)

    def _is_named(self, fields: list[str], ahead: list[list[str]]) -> bool:
        """Tell whether a first line names columns, where it is not plain at once."""
        layout = self.layout
        if not self._named or layout is None or len(fields) != layout.width:
            return names_columns(fields, ahead)
        roles = [role_of(fields[place]) for place in (layout.query, layout.title)]
        return roles in (["query", "title"], ["title", "query"]) and names_columns(
            [fields[layout.query], fields[layout.title]],
            [[row[layout.query], row[layout.title]] for row in ahead if len(row) == layout.width],
        )

    def _use_header(self, line: Line, fields: list[str], ahead: list[list[str]]) -> None:
        if self._named and not is_header(fields):
            self._compare(line, fields)
            return
        try:
            layout = layout_of_header(line.place, fields, ahead, bool(self._told))
        except DataError:
            if not self._named:
                raise
            self._compare(line, fields)
            return
        joins = self._later and self.layout is not None and _adds_clicks(self.layout, layout)
        if self._named and not joins:
            self._compare(line, fields)
            return
        if not joins and self.layout is not None and self.layout[:4] != layout[:4]:
            raise HeaderError(
                f"{line.place}: other columns than the file before, expected the same."
            )
        if not joins and self.layout is not None and self._kind is None:
            layout = of_one_kind(line.place, self.layout, layout)
        self.layout = layout
        self.header = self.header or fields
        said = None if self._told else said_of(line.place, fields)
        self.reading.headers += [] if said is None else [said]

    def _compare(self, line: Line, fields: list[str]) -> None:
        """Keep a header beside --columns, and warn where it says otherwise."""
        assert self.layout is not None
        self.header = self.header or fields
        if len(fields) != self.layout.width:
            return
        roles = [role_of(fields[place]) for place in self.layout[:2]]
        if roles == ["title", "query"]:
            self.reading.warnings.append(
                f"{line.place}: a header ({shown(', '.join(fields))}) that says otherwise than "
                "--columns, which counts. Without --columns the header does."
            )

    def _repeats_header(self, line: Line, fields: list[str]) -> bool:
        """Tell whether a line further down names the columns once more."""
        if line.raw in self._headers:
            self.reading.repeat(line)
            return True
        layout = self.layout
        if layout is None or len(fields) != layout.width:
            return False
        if self.header is not None and line.number == 2 and are_types(fields):
            self.reading.repeat(line)
            return True
        if not stands_in_the_middle(fields, self.header, layout):
            return False
        if self.header is not None and same_names(fields, self.header):
            self.reading.repeat(line)
            return True
        names = without_index([field.removeprefix("\ufeff") for field in fields])
        if not self._named and layout_of(names)[:4] != layout[:4]:
            raise HeaderError(
                f"{line.place}: a header in the middle ({shown(' '.join(fields))}) with other "
                "columns than above, expected the same. Put the columns in one order first."
            )
        if not self._named and self._kind is None:
            of_one_kind(line.place, layout, layout_of(names))
        self.reading.repeat(line)
        return True

    def _row(self, line: Line) -> Row | None:
        """Return the row of a line, None where it is left out; DataError for a bad one."""
        fields = line.decode().split("\t")
        if line.number == 1 and len(fields) == 1:
            self.reading.other_format = other_format(fields[0], "pairs.tsv")
        if self.layout is None:
            self.layout = self._layout_of_first(line, fields)
        kind = self._kind or self.layout.kind
        row = parsed_row(line, fields, self.layout, kind, self._normalizer)
        if MISSING_TEXTS.intersection(row.normal):
            self.reading.count_missing(row.normal)
            if self._skips_missing:
                self.reading.skipped_missing += 1
                return None
        for column in (self.layout.value, self.layout.impressions):
            if column is not None:
                self.reading.spellings.count(self.reading.spellings.read([fields[column]]))
        return row

    @staticmethod
    def _layout_of_first(line: Line, fields: list[str]) -> Layout:
        check_width(line, fields, 2, len(HEADERLESS))
        return layout_of(HEADERLESS[: len(fields)])


def _adds_clicks(before: Layout, layout: Layout) -> bool:
    """Tell whether a layout is the one before with a column of clicks behind it."""
    added = before._replace(value=before.width, kind="clicks", width=before.width + 1)
    return before.value is None and layout == added


def _columns_of(rows: list[Row]) -> Columns:
    raw = b"".join([row.line.raw + b"\n" for row in rows])
    normal = [text for row in rows for text in row.normal]
    values = np.array([row.value for row in rows], np.float64)
    times = np.array([row.impressions for row in rows], np.float64)
    return Columns(raw, normal, values, None if np.isnan(times).all() else times)


def _rows_of(piece: Piece, columns: Columns, layout: Layout | None) -> Iterator[Row]:
    """Yield the rows of a piece that was read at once."""
    assert layout is not None
    normal = zip(columns.normal[0::2], columns.normal[1::2], strict=True)
    times = columns.impressions
    numbers = zip(
        columns.values.tolist(),
        [math.nan] * len(columns.values) if times is None else times.tolist(),
        strict=True,
    )
    for line, (value, shows), texts in zip(piece.lines(), numbers, normal, strict=True):
        fields = line.decode().split("\t")
        yield Row(line, fields[layout.query], fields[layout.title], value, texts, shows)
