"""Titles that are to be found, each with its id: its own, or the number of its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from dssmcli.data.column_names import (
    is_header_word,
    is_id_name,
    is_title_name,
    names_of_titles,
    plain_name,
    titles_named,
)
from dssmcli.data.column_order import titles_problem
from dssmcli.data.damage import doubts_about
from dssmcli.data.headers import rows_ahead, same_names, seem_names, stands_again
from dssmcli.data.missing_texts import is_missing_text
from dssmcli.data.other_formats import doubt_of
from dssmcli.data.reading import Reading
from dssmcli.data.title_columns import other_width, texts_as_ids, without_ids
from dssmcli.data.tsv import BadRows, Line, Piece, name_of, opened, read_pieces
from dssmcli.errors import ConfigError, DataError, HeaderError, counted, shown

_PIECE_BYTES = 1 << 18
_NAMES = ("id", "title")
_FOOTER = re.compile(r"\(\d+ rows?\)|\d+ rows? in set.*", re.IGNORECASE)
_SIGNS = b" \r\"'#\xef\xbb\xbf"


class Titles(NamedTuple):
    """Some titles as they stand in a file, and as many ids."""

    ids: list[str]
    texts: list[str]


class TitleOptions(NamedTuple):
    """How lines of titles are taken.

    header: whether the first line of each file names columns; None where its names tell.
    skip_missing: titles that are only NULL, nan or the like are left out.
    """

    header: bool | None = None
    skip_missing: bool = False


USUAL = TitleOptions()


class TitleReader:
    """Reads titles from files of lines `title`, or `id <TAB> title`.

    How many columns there are is said by the first line, or by `columns`: their names in order,
    comma-separated: id, title, and - for one to ignore. A first line that names the columns is a
    header. Titles without ids are numbered by line through all files, from `first`. `seen` are ids
    that are taken already. After reading, `own_ids` tells which of the two it was, `lines` the
    number of lines so far, and `reading` what was taken for what.
    """

    def __init__(
        self,
        columns: str | None,
        bad_rows: BadRows,
        first: int = 1,
        seen: set[str] | None = None,
        options: TitleOptions = USUAL,
    ) -> None:
        self.bad_rows, self.lines = bad_rows, first - 1
        self._layout = None if columns is None else _layout_of(columns.split(","))
        self.seen = set() if seen is None else seen
        self.reading = Reading()
        #: Whether to look at what columns hold: where nobody names them.
        self.checks = columns is None
        self._options, self._header = options, b""
        self._first_names, self._begun, self._last = _FIRST_NAMES, 0, ""

    @property
    def own_ids(self) -> bool:
        """Tell whether titles have ids of their own."""
        return self._layout is not None and self._layout.id is not None

    def read(self, sources: Sequence[str]) -> Iterator[Titles]:
        """Yield the titles, some thousands at a time; DataError at file:line for a bad row."""
        for source in sources:
            with opened(source) as stream:
                for piece in read_pieces(name_of(source), stream, _PIECE_BYTES):
                    if piece.first == 1:
                        self._begin(piece)
                    found = Titles([], [])
                    for line in piece.lines():
                        self.lines += 1
                        self._add(line, found)
                    self.bad_rows.good += len(found.texts)
                    yield found
                    self._last = found.texts[-1] if found.texts else self._last
                self._look_at_last(name_of(source))

    def _look_at_last(self, source: str) -> None:
        """Warn of a last title that counts the rows above, as the output of psql and mysql does."""
        if _FOOTER.fullmatch(self._last.strip()):
            self.reading.warnings.append(
                f"{source}: the last title is {shown(self._last)}, which counts the rows above. "
                "Leave it out: sed '$d' FILE > OTHER"
            )
        self._last = ""

    def _begin(self, piece: Piece) -> None:
        """Look at the first line of a file: does it name columns, is it of another format?"""
        self._header = b""
        self._begun += 1
        self.reading.warnings += doubts_about(piece.source, piece.content)
        first = next(piece.lines())
        try:
            fields = first.decode().split("\t")
        except DataError:
            return
        ahead = rows_ahead(piece.content.partition(b"\n")[2])
        if self._options.header is not False:
            layout = self._header_of(first, fields, ahead)
            if layout is not None:
                self._layout, self._header = layout, first.raw
                self._first_names = _FIRST_NAMES | _ways([fields[0]])
        self._refuse_other_formats(first, fields, ahead)
        self._refuse_other_columns(first, fields, ahead)

    def _header_of(self, line: Line, fields: list[str], ahead: list[list[str]]) -> _Layout | None:
        """Return where ids and titles stand if a first line names columns, None if it does not."""
        layout = self._layout
        names = titles_named(fields)
        if layout is not None and self.checks and names is not None and "id" in names:
            return self._as_before(line, fields, names, ahead)
        if self._options.header:
            told = titles_named(fields) or _NAMES[-len(fields) :]
            return layout or _layout_of(_checked(line, fields, told))
        if layout is not None and len(fields) == layout.width:
            title = fields[layout.title]
            if layout.id is None:
                return layout if is_header_word(title) else None
            if _is_other_way(layout, fields):
                raise HeaderError(
                    f"{line.place}: a header with the columns in another order than --columns says "
                    f"({shown(' '.join(fields))}). Leave out --columns; if it is a title: "
                    "--no-header."
                )
            return layout if is_title_name(title) and is_id_name(fields[layout.id]) else None
        if layout is not None or names is None or _as_texts(fields, names, ahead):
            if layout is None and seem_names(fields, ahead):
                self.reading.suspect(line, fields)
            return None
        if tuple(fields) not in (("title",), ("id", "title"), ("title", "id")):
            self.reading.headers.append(
                f"A header ({line.place}): {', '.join(map(shown, fields))}, read as "
                f"{','.join(names)}. If it is a title: --no-header."
            )
        return _layout_of(_checked(line, fields, names))

    def _as_before(
        self, line: Line, fields: list[str], names: Sequence[str], ahead: list[list[str]]
    ) -> _Layout | None:
        """Return where ids and titles stand below a header, in a file that follows others."""
        if self._options.header is None and _as_texts(fields, names, ahead):
            return None
        layout = _layout_of(_checked(line, fields, names))
        if not self.own_ids:
            columns = ["-" if name == "id" else name for name in names]
            way = without_ids(columns, line.source if self._begun > 1 else "")
            raise HeaderError(
                f"{line.place}: a header with ids ({shown(' '.join(fields))}), but {way}"
            )
        return layout

    def _refuse_other_columns(self, line: Line, fields: list[str], ahead: list[list[str]]) -> None:
        """Raise HeaderError where nobody names the columns, and they are no ids and titles."""
        ids = self._layout is None or self._layout.id is not None
        if self.checks and self._layout is not None and not self._header:
            before = line.source if self._begun > 1 else ""
            problem = other_width(self._layout.width, fields, ahead, before)
            if problem is not None:
                raise HeaderError(f"{line.place}: {problem}")
        if self.checks and ids and not self._header:
            problem = titles_problem(fields, ahead) or texts_as_ids(fields, ahead)
            if problem is not None:
                raise HeaderError(f"{line.place}: {problem}")

    def _refuse_other_formats(self, line: Line, fields: list[str], ahead: list[list[str]]) -> None:
        """Raise DataError for JSON and CSV, or warn of it where the user says what columns hold."""
        if len(fields) > 1:
            return
        texts = [fields[0], *("\t".join(row) for row in ahead)]
        doubt = doubt_of(texts, "titles.txt")
        if doubt is None or not doubt.certain:
            self.reading.warnings += [] if doubt is None else [f"{line.source}: {doubt.told}"]
        elif self._layout is None:
            raise DataError(f"{line.source}: {doubt.told} If these are titles: --columns title.")

    def _add(self, line: Line, found: Titles) -> None:
        """Append what a line holds, unless it is blank, a header or bad."""
        if not line.raw.strip():
            return
        if self._header and line.raw == self._header:
            self.lines -= line.number == 1
            if line.number > 1:
                self.reading.repeat(line)
            return
        first = line.raw.lower().partition(b"\t")[0].strip(_SIGNS)
        if first in self._first_names and line.number > 1 and self._names_columns(line):
            self.reading.repeat(line)
            return
        try:
            row = self._row(line)
        except DataError as error:
            self.bad_rows.take(line.raw, error)
            return
        if is_missing_text(row[1]):
            self.reading.missing[row[1].strip().lower()] += 1
            if self._options.skip_missing:
                self.reading.skipped_missing += 1
                return
        found.ids.append(row[0])
        found.texts.append(row[1])

    def _names_columns(self, line: Line) -> bool:
        """Tell whether a line further down names the columns: the header in another spelling, or
        names of ids and titles. HeaderError where they stand the other way round.
        """
        names = line.raw.decode("utf-8", "replace").removeprefix("\ufeff").split("\t")
        header = self._header.decode("utf-8").split("\t") if self._header else None
        if self._options.header is False:
            return False
        if header is not None and same_names(names, header):
            return True
        layout = self._layout
        if layout is None or layout.id is None or len(names) != layout.width:
            return False
        own, title = names[layout.id], names[layout.title]
        if _is_other_way(layout, names):
            raise HeaderError(
                f"{line.place}: a header in the middle ({shown(' '.join(names))}) with the columns "
                "in another order than above, expected the same. Put them in one order first."
            )
        return is_id_name(own) and is_title_name(title)

    def _row(self, line: Line) -> tuple[str, str]:
        fields = line.decode().split("\t")
        if self._layout is None:
            self._layout = _layout_of_first(line, fields)
        layout = self._layout
        if len(fields) != layout.width:
            raise DataError(
                f"{line.place}: {counted(len(fields), 'column')}, expected {layout.width} "
                f"separated by tabs (found {shown(line.decode())})."
            )
        if layout.id is None:
            return str(self.lines), fields[layout.title]
        return self._new_id(line, fields[layout.id]), fields[layout.title]

    def _new_id(self, line: Line, own: str) -> str:
        if not own.strip():
            raise DataError(f"{line.place}: empty id, expected one.")
        if own in self.seen:
            raise DataError(f"{line.place}: the id {shown(own)} stands for a title already.")
        self.seen.add(own)
        return own


def _ways(names: Iterable[str]) -> frozenset[bytes]:
    """Return how names may be written in small letters, but for blanks and quotes around them."""
    plain = map(plain_name, names)
    ways = {name.replace("_", sign) for name in plain for sign in ("_", " ", "-", ".", "")}
    return frozenset(way.encode() for way in ways)


_FIRST_NAMES = _ways(names_of_titles())


class _Layout(NamedTuple):
    """In which of so many columns ids, if any, and titles stand."""

    id: int | None
    title: int
    width: int


def _is_other_way(layout: _Layout, names: Sequence[str]) -> bool:
    """Tell whether names have the id where a layout has the title, and the title where the id."""
    if layout.id is None:
        return False
    own, title = names[layout.id], names[layout.title]
    return is_id_name(title) and is_title_name(own) and not is_id_name(own)


def _layout_of(names: Sequence[str]) -> _Layout:
    for name in names:
        if name not in (*_NAMES, "-"):
            raise ConfigError(f"a column is {shown(name)}, expected id, title or - to ignore it.")
    if names.count("title") != 1 or names.count("id") > 1:
        raise ConfigError("columns, expected title once and id at most once.")
    id_at = names.index("id") if "id" in names else None
    return _Layout(id_at, names.index("title"), len(names))


def _as_texts(fields: Sequence[str], names: Sequence[str], ahead: Sequence[Sequence[str]]) -> bool:
    """Tell whether what may be names of columns stands further down as ids or titles."""
    places = [place for place, name in enumerate(names) if name != "-"]
    return stands_again(fields, ahead, places)


def _checked(line: Line, fields: Sequence[str], names: Sequence[str]) -> Sequence[str]:
    """Return the names of a header; DataError unless it has one or two columns."""
    if len([field for field in fields if field.strip()]) > len(_NAMES):
        raise DataError(
            f"{line.place}: {len(fields)} columns, expected a title, or an id and a title. Say "
            f"which is which: --columns {','.join(names)}."
        )
    return names


def _layout_of_first(line: Line, fields: Sequence[str]) -> _Layout:
    if len(fields) > 2:
        raise DataError(
            f"{line.place}: {len(fields)} columns, expected a title, or an id and a title. "
            "Say which is which with --columns, such as id,title,-."
        )
    return _layout_of(_NAMES[-len(fields) :])
