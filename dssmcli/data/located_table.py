"""All rows of tables, each with its file and line, and all that is wrong with the others."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli.data.located import Faults
from dssmcli.data.records import TableFile, open_table
from dssmcli.data.table import Coder, Table, places_of
from dssmcli.data.tsv import BadRows, name_of
from dssmcli.errors import DataError

Ints = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class FileRows:
    """What was read of a file: its rows are begin:end of the table's.

    delimiter: what stands between its fields. extra: columns that the first file does not have.
    bad: how many rows cannot be used, and faults: what is wrong with the first of them. headers,
    quotes: where the header stands again, and where quotes are taken as characters. broken: what
    kept the file from being read to its end, or None.
    """

    file: str
    begin: int
    end: int
    delimiter: str
    extra: tuple[str, ...]
    bad: int
    faults: tuple[str, ...]
    headers: tuple[str, ...]
    quotes: tuple[str, ...]
    broken: str | None

    def __len__(self) -> int:
        return self.end - self.begin

    @property
    def rows(self) -> slice:
        """Return which rows of the table are this file's."""
        return slice(self.begin, self.end)


@dataclass(frozen=True)
class LocatedTable:
    """The N good rows of some files, whose columns are those of the first. line: (N,) int64."""

    table: Table
    line: Ints
    files: tuple[FileRows, ...]

    @property
    def name(self) -> str:
        """Return the names of all files."""
        return ", ".join(each.file for each in self.files)

    def place(self, row: int) -> str:
        """Return where a row begins, as file:line."""
        file = next((each for each in self.files if row < each.end), self.files[-1])
        return f"{file.file}:{self.line[row]}"

    def raw(self, row: int) -> bytes:
        """Return a row as a line of its file: as it stood there, but for needless quotes."""
        file = next(each for each in self.files if row < each.end)
        text = io.StringIO()
        fields = (column.values[column.codes[row]] for column in self.table.columns.values())
        csv.writer(text, delimiter=file.delimiter, lineterminator="").writerow(fields)
        return text.getvalue().encode()

    def file(self, each: FileRows) -> Table:
        """Return the rows of one of the files."""
        if len(each) == self.table.rows:
            return self.table
        return self.table.take(np.arange(each.begin, each.end))


def read_located(
    sources: Sequence[str], rejects: BadRows, tell: Callable[[int], None]
) -> LocatedTable:
    """Read files as `read_table` does; what is wrong with them is noted, and ends nothing.

    rejects: gets the rows that cannot be used. tell: is told of every row that was read.
    """
    reader = _Reader(tell)
    files = tuple(reader.read(source, rejects) for source in sources)
    columns = {name: coder.column(name) for name, coder in reader.coders.items()}
    line = np.concatenate([np.zeros(0, np.int64), *reader.lines])
    return LocatedTable(Table(columns, len(line), ""), line, files)


class _Reader:
    """Takes the rows of files, one after the other."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self.coders: dict[str, Coder] = {}
        self.lines: list[Ints] = []
        self._tell, self._rows = tell, 0

    def read(self, source: str, rejects: BadRows) -> FileRows:
        faults, begin = Faults(rejects), self._rows
        extra: tuple[str, ...] = ()
        delimiter, broken = "\t", None
        try:
            with open_table(source, faults) as file:
                names, delimiter = file.sheet.names, file.sheet.delimiter
                if not self.coders:
                    self.coders = {name: Coder() for name in names}
                extra = tuple(name for name in names if name not in self.coders)
                self._add(file)
        except DataError as error:
            broken = str(error)
        return FileRows(
            name_of(source),
            begin,
            self._rows,
            delimiter,
            extra,
            faults.count,
            tuple(faults.messages),
            tuple(faults.headers),
            tuple(faults.quotes),
            broken,
        )

    def _add(self, file: TableFile) -> None:
        picked = places_of(list(self.coders), file)
        for block in file.blocks(picked):
            columns = file.columns(block, picked)
            for coder, fields in zip(self.coders.values(), columns, strict=True):
                coder.add(fields)
            lines = np.array(file.lines, np.int64)[: len(columns[0])]
            self.lines.append(lines)
            self._rows += len(lines)
            self._tell(len(lines))
