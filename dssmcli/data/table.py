"""Tables in memory: each column as its distinct texts, and which of them stands in a row."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.records import TableFile, open_table
from dssmcli.data.sheets import Columns
from dssmcli.data.tsv import BadRows, name_of
from dssmcli.errors import DataError, nearest, shown

Codes = npt.NDArray[np.int32]


class Column(NamedTuple):
    """A column of N rows: `values[codes[i]]` is the text of row i. codes: (N,) int32."""

    name: str
    values: list[str]
    codes: Codes

    def counts(self) -> npt.NDArray[np.int64]:
        """Return how often each of the values stands in the rows."""
        return np.bincount(self.codes, minlength=len(self.values)).astype(np.int64)


class Table(NamedTuple):
    """N rows by columns. digest: SHA-256 of the names and all fields, column after column.

    ends: where the rows of each file end, as they were read; empty of rows that were taken out.
    extra: columns that the first file does not have, and so are not read, by file.
    """

    columns: dict[str, Column]
    rows: int
    digest: str
    ends: tuple[int, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def column(self, name: str, where: str) -> Column:
        """Return a column; DataError, which tells where it should be, when it is missing."""
        if name not in self.columns:
            raise DataError(f"{where}: {lacks([name], [name], [*self.columns])}")
        return self.columns[name]

    def take(self, rows: npt.NDArray[np.int64]) -> Table:
        """Return some of the rows; values that none of them has stay known."""
        kept = {
            name: column._replace(codes=column.codes[rows]) for name, column in self.columns.items()
        }
        return self._replace(columns=kept, rows=len(rows), ends=())


def read_table(sources: Sequence[str], bad_rows: BadRows) -> Table:
    """Read files whose columns are those of the first one, in any order.

    Raises DataError when one lacks a column, and when there is no row at all.
    """
    encoder: _Encoder | None = None
    extra: list[tuple[str, tuple[str, ...]]] = []
    for source in sources:
        with open_table(source, bad_rows) as file:
            if encoder is None:
                encoder = _Encoder(file.sheet.names)
            encoder.add(file)
            encoder.ends.append(encoder.rows)
            more = tuple(name for name in file.sheet.names if name not in encoder.names)
            extra += [(name_of(source), more)] if more else []
    assert encoder is not None
    table = encoder.table()
    if not table.rows:
        raise DataError(f"{', '.join(map(name_of, sources))}: a header and no rows.")
    return table._replace(extra=tuple(extra))


def places_of(wanted: Sequence[str], file: TableFile) -> list[int]:
    """Return where the wanted columns stand in a file; DataError when one is missing."""
    places = {name: place for place, name in enumerate(file.sheet.names)}
    missing = [name for name in wanted if name not in places]
    if missing:
        raise DataError(f"{file.sheet.source}: {lacks(missing, wanted, file.sheet.names)}")
    return [places[name] for name in wanted]


def lacks(missing: Sequence[str], wanted: Sequence[str], names: Sequence[str]) -> str:
    """Say which columns are missing, and which other, that nobody wants, the first may be."""
    near = nearest(missing[0], [name for name in names if name not in wanted])
    hint = f" Is it {shown(near)}?" if near and len(missing) == 1 else ""
    lacking = ", ".join(shown(name) for name in missing[:10])
    return f"the header has no column {lacking}, found {shown(', '.join(names))}.{hint}"


class Coder:
    """Gives the distinct texts of a column numbers, in the order in which they are met."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._codes: list[Codes] = [np.zeros(0, np.int32)]

    def add(self, fields: Sequence[str]) -> None:
        """Take the texts of more rows."""
        known = self._known
        fresh = [value for value in dict.fromkeys(fields) if value not in known]
        known.update(zip(fresh, count(len(known)), strict=False))
        self._codes.append(np.fromiter(map(known.__getitem__, fields), np.int32, len(fields)))

    def column(self, name: str) -> Column:
        """Return all that was taken, as the column of that name."""
        return Column(name, list(self._known), np.concatenate(self._codes))


class _Encoder:
    """Takes the rows of files, whose columns are those of the first."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self._coders = [Coder() for _ in names]
        self.rows = 0
        self.ends: list[int] = []
        self._hashes = [hashlib.sha256(name.encode()) for name in names]

    def add(self, file: TableFile) -> None:
        picked = places_of(self.names, file)
        for block in file.blocks(picked):
            self._add(file.columns(block, picked))

    def _add(self, columns: Columns) -> None:
        for coder, digest, fields in zip(self._coders, self._hashes, columns, strict=True):
            coder.add(fields)
            # Of the fields one by one: where a block ends depends on how the file was read.
            digest.update("\x1f".join(["", *fields]).encode())
        self.rows += len(columns[0])

    def table(self) -> Table:
        pairs = zip(self.names, self._coders, strict=True)
        columns = {name: coder.column(name) for name, coder in pairs}
        whole = hashlib.sha256(b"".join(each.digest() for each in self._hashes))
        return Table(columns, self.rows, whole.hexdigest(), tuple(self.ends))
