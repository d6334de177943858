"""The events of a log, read as a training reads them, each with the row that it stands in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli.data.impressions import ImpressionColumns, impressions_in
from dssmcli.data.located_table import FileRows, LocatedTable
from dssmcli.data.log_reading import LogReading
from dssmcli.data.records import Block, TableFile
from dssmcli.data.sheets import Columns, Sheet
from dssmcli.data.table import Table
from dssmcli.data.times import moments_among
from dssmcli.data.tsv import STDIN, BadRows, Line, name_of
from dssmcli.data.watches import WatchColumns, WatchReader
from dssmcli.errors import DataError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_BLOCK_ROWS = 1 << 16
_ROW = "\0row"
"""A column besides, of the rows' numbers: no header has such a name."""
UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}
"""Seconds of each unit that moments may be counted in."""
_EARLIEST, _LATEST = 631_152_000.0, 4_102_444_800.0
"""1990 and 2100, in seconds since 1970: moments of a log lie between them."""


@dataclass(frozen=True)
class Events:
    """N events in the order of their files.

    row: (N,), the row of the table that each stands in. user, item: (N,), numbers in `users` and
    `items`. time: (N,) float64, in the log's own unit, None without timestamps. clicked (0 or 1)
    and watched (seconds): (N,), None for watches. warnings: what a training says of doubts.
    """

    row: Ints
    user: Ints
    item: Ints
    users: Sequence[str]
    items: Sequence[str]
    time: Floats | None
    clicked: Floats | None = None
    watched: Floats | None = None
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.row)

    def take(self, rows: slice) -> Events:
        """Return the events that stand in some rows of the table."""
        kept = (self.row >= rows.start) & (self.row < rows.stop)
        time, clicked, watched = (
            None if values is None else values[kept]
            for values in (self.time, self.clicked, self.watched)
        )
        row, user, item = self.row[kept], self.user[kept], self.item[kept]
        names = self.users, self.items
        return Events(row, user, item, *names, time, clicked, watched, self.warnings)

    def seconds(self) -> tuple[str, Floats] | None:
        """Return the unit of the moments and them in seconds since 1970; None if none fits."""
        if self.time is None or not len(self):
            return None
        middle = float(np.median(self.time))
        for unit, length in UNITS.items():
            if plausible(middle * length):
                return unit, self.time * length
        return None


def watch_events(
    located: LocatedTable, columns: WatchColumns, bad_rows: BadRows, way: LogReading
) -> tuple[Events, WatchColumns]:
    """Return what youtube-candidates would read, and what the columns turned out to be.

    Raises DataError as `read_watches` does.
    """
    table = _with_rows(located.table)
    texts = {name: column.values for name, column in located.table.columns.items()}
    read = columns.found_in([*texts], located.name, moments_among(texts))
    reader = WatchReader(read._replace(context=(*read.context, _ROW)), bad_rows, way)
    for file in located.files:
        if len(file):
            reader.read(_Replay(located, table, file))
    watches = reader.watches(located.name)
    if not len(watches):
        raise DataError(f"{located.name}: no row that can be used.")
    numbers = watches.context[_ROW]
    row = np.array(numbers.values, np.int64)[numbers.codes]
    order = np.argsort(row)
    events = Events(
        row=row[order],
        user=watches.user[order].astype(np.int64),
        item=watches.item[order].astype(np.int64),
        users=watches.users,
        items=watches.items,
        time=None if watches.time is None else watches.time[order] + float(watches.origin),
        warnings=tuple(reader.warnings),
    )
    return events, read


def impression_events(
    located: LocatedTable, columns: ImpressionColumns, bad_rows: BadRows, way: LogReading
) -> tuple[Events, ImpressionColumns]:
    """Return what youtube-ranking would read, and what the columns turned out to be.

    Raises DataError as `read_impressions` does.
    """
    names = [file.file for file in located.files]
    sources = [STDIN if name == name_of(STDIN) else name for name in names]
    lines: list[str] = []
    log, read = impressions_in(located.table, columns, sources, bad_rows, way, lines.append)
    order = np.argsort(log.order)
    events = Events(
        row=log.order[order],
        user=log.user[order],
        item=log.item[order],
        users=log.users,
        items=log.items,
        time=log.since(0)[order],
        clicked=log.clicked[order],
        watched=log.watched[order],
        warnings=tuple(line for line in lines if line.startswith("Warning: ")),
    )
    return events, read


def _with_rows(table: Table) -> Table:
    from dssmcli.data.table import Column

    numbers = Column(_ROW, [*map(str, range(table.rows))], np.arange(table.rows, dtype=np.int32))
    return table._replace(columns={**table.columns, _ROW: numbers})


class _Replay(TableFile):
    """The rows of a file that has been read, once more."""

    def __init__(self, located: LocatedTable, table: Table, file: FileRows) -> None:
        self.sheet = Sheet(file.file, tuple(table.columns), "\t")
        self.lines: Sequence[int] = ()
        self._located, self._rows = located, slice(file.begin, file.begin)
        self._columns = list(table.columns.values())
        self._file, self._line = file, located.line

    def blocks(self, picked: Sequence[int]) -> Iterator[Block]:
        """Yield all rows, some thousand at a time."""
        for begin in range(self._file.begin, self._file.end, _BLOCK_ROWS):
            rows = self._rows = slice(begin, min(begin + _BLOCK_ROWS, self._file.end))
            columns = [self._fields(column, rows) for column in picked]
            yield Block(None, columns, lines=self._line[rows].tolist())

    def _fields(self, column: int, rows: slice) -> list[str]:
        values = self._columns[column].values
        return [values[code] for code in self._columns[column].codes[rows].tolist()]

    def columns(self, block: Block, picked: Sequence[int]) -> Columns:  # noqa: ARG002
        """Return the columns of a block."""
        self.lines = block.lines
        return block.columns

    def rows(self) -> Sequence[Line]:
        """Return the rows of the last block as they stand in their file."""
        places = range(self._rows.start, self._rows.stop)
        numbers = self._line[self._rows].tolist()
        return [
            Line(self._file.file, number, self._located.raw(place))
            for place, number in zip(places, numbers, strict=True)
        ]


def plausible(seconds: Any) -> Any:
    """Tell which moments, in seconds since 1970, a log may be from."""
    return (seconds >= _EARLIEST) & (seconds <= _LATEST)
