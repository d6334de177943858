"""Tables in memory: each column as its distinct texts, and which of them stands in a row."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.records import Columns, TableFile, open_table
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
    """N rows by columns. digest: SHA-256 of the names and all fields, row after row by blocks."""

    columns: dict[str, Column]
    rows: int
    digest: str

    def take(self, rows: npt.NDArray[np.int64]) -> Table:
        """Return some of the rows; values that none of them has stay known."""
        kept = {
            name: column._replace(codes=column.codes[rows]) for name, column in self.columns.items()
        }
        return self._replace(columns=kept, rows=len(rows))


def read_table(sources: Sequence[str], bad_rows: BadRows) -> Table:
    """Read files whose columns are those of the first one, in any order.

    Raises DataError when one lacks a column, and when there is no row at all.
    """
    encoder: _Encoder | None = None
    for source in sources:
        with open_table(source, bad_rows) as file:
            if encoder is None:
                encoder = _Encoder(file.sheet.names)
            encoder.add(file)
    assert encoder is not None
    table = encoder.table()
    if not table.rows:
        raise DataError(f"{', '.join(map(name_of, sources))}: a header and no rows.")
    return table


def places_of(wanted: Sequence[str], file: TableFile) -> list[int]:
    """Return where the wanted columns stand in a file; DataError when one is missing."""
    names = file.sheet.names
    for name in wanted:
        if name not in names:
            near = nearest(name, names)
            hint = f" Is it {shown(near)}?" if near else ""
            raise DataError(
                f"{file.sheet.source}:1: the header has no column {shown(name)}, found "
                f"{shown(', '.join(names))}.{hint}"
            )
    return [names.index(name) for name in wanted]


class _Encoder:
    """Gives the distinct texts of each column numbers, in the order in which they are met."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._known: list[dict[str, int]] = [{} for _ in names]
        self._codes: list[list[Codes]] = [[] for _ in names]
        self._rows = 0
        self._hash = hashlib.sha256("\x1f".join(names).encode())

    def add(self, file: TableFile) -> None:
        picked = places_of(self._names, file)
        for block in file.blocks(picked):
            self._add(file.columns(block, picked))

    def _add(self, columns: Columns) -> None:
        for known, codes, fields in zip(self._known, self._codes, columns, strict=True):
            fresh = [value for value in dict.fromkeys(fields) if value not in known]
            known.update(zip(fresh, count(len(known)), strict=False))
            codes.append(np.fromiter(map(known.__getitem__, fields), np.int32, len(fields)))
            self._hash.update("\x1f".join(fields).encode())
            self._hash.update(b"\x1e")
        self._rows += len(columns[0])

    def table(self) -> Table:
        columns = {
            name: Column(name, list(known), np.concatenate([np.zeros(0, np.int32), *codes]))
            for name, known, codes in zip(self._names, self._known, self._codes, strict=True)
        }
        return Table(columns, self._rows, self._hash.hexdigest())
