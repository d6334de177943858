"""Titles that are to be found, each with its id: its own, or the number of its line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dssmcli.data.tsv import SKIP, BadRows, Line, name_of, opened, read_pieces
from dssmcli.errors import ConfigError, DataError, counted, shown

_PIECE_BYTES = 1 << 18
_NAMES = ("id", "title")


class Titles(NamedTuple):
    """Some titles as they stand in a file, and as many ids."""

    ids: list[str]
    texts: list[str]


class TitleReader:
    """Reads titles from files of lines `title`, or `id <TAB> title`.

    How many columns there are is said by the first line, or by `columns`: their names in order,
    comma-separated: id, title, and - for one to ignore. A first line that names the columns is a
    header. Titles without ids are numbered by line through all files, from `first`. `seen` are ids
    that are taken already. After reading, `own_ids` tells which of the two it was, and `lines` the
    number of lines so far.
    """

    def __init__(
        self,
        columns: str | None,
        bad_rows: BadRows,
        first: int = 1,
        seen: set[str] | None = None,
    ) -> None:
        self.bad_rows, self.lines = bad_rows, first - 1
        self._layout = None if columns is None else _layout_of(columns.split(","))
        self.seen = set() if seen is None else seen

    @property
    def own_ids(self) -> bool:
        """Tell whether titles have ids of their own."""
        return self._layout is not None and self._layout.id is not None

    def read(self, sources: Sequence[str]) -> Iterator[Titles]:
        """Yield the titles, some thousands at a time; DataError at file:line for a bad row."""
        for source in sources:
            with opened(source) as stream:
                for piece in read_pieces(name_of(source), stream, _PIECE_BYTES):
                    found = Titles([], [])
                    for line in piece.lines():
                        self.lines += 1
                        self._add(line, found)
                    yield found

    def _add(self, line: Line, found: Titles) -> None:
        """Append what a line holds, unless it is blank, a header or bad."""
        if not line.raw.strip():
            return
        try:
            row = self._row(line)
        except DataError as error:
            self.bad_rows.take(line.raw, error)
            return
        if row is not None:
            found.ids.append(row[0])
            found.texts.append(row[1])

    def _row(self, line: Line) -> tuple[str, str] | None:
        fields = line.decode().split("\t")
        named = self._named(fields) if line.number == 1 else None
        if named is not None:
            self._layout = named
            self.lines -= 1
            return None
        if self._layout is None:
            self._layout = _layout_of_first(line, fields)
        layout = self._layout
        if len(fields) != layout.width:
            raise DataError(
                f"{line.place}: {counted(len(fields), 'column')}, expected {layout.width} "
                f"separated by tabs (found {shown(line.decode())}).{SKIP}"
            )
        if layout.id is None:
            return str(self.lines), fields[layout.title]
        return self._new_id(line, fields[layout.id]), fields[layout.title]

    def _named(self, fields: list[str]) -> _Layout | None:
        """Return where ids and titles stand when a first line names the columns."""
        layout = self._layout
        if sorted(fields) == [*_NAMES] or (layout is None and fields == ["title"]):
            return _layout_of(fields)
        if layout is None or len(fields) != layout.width or fields[layout.title] != "title":
            return None
        return layout if layout.id is None or fields[layout.id] == "id" else None

    def _new_id(self, line: Line, own: str) -> str:
        if not own.strip():
            raise DataError(f"{line.place}: empty id, expected one.{SKIP}")
        if own in self.seen:
            raise DataError(f"{line.place}: the id {shown(own)} stands for a title already.{SKIP}")
        self.seen.add(own)
        return own


class _Layout(NamedTuple):
    """In which of so many columns ids, if any, and titles stand."""

    id: int | None
    title: int
    width: int


def _layout_of(names: Sequence[str]) -> _Layout:
    for name in names:
        if name not in (*_NAMES, "-"):
            raise ConfigError(f"a column is {shown(name)}, expected id, title or - to ignore it.")
    if names.count("title") != 1 or names.count("id") > 1:
        raise ConfigError("columns, expected title once and id at most once.")
    id_at = names.index("id") if "id" in names else None
    return _Layout(id_at, names.index("title"), len(names))


def _layout_of_first(line: Line, fields: Sequence[str]) -> _Layout:
    if len(fields) > 2:
        raise DataError(
            f"{line.place}: {len(fields)} columns, expected a title, or an id and a title. "
            "Say which is which with --columns, such as id,title,-."
        )
    return _layout_of(_NAMES[-len(fields) :])
