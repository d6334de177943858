"""The rows of a table in memory as a model takes them, with their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.features import Floats32, Ints, Reader, Rows, numbers_in
from dssmcli.data.table import Codes, Table
from dssmcli.data.tasks import Labels, Task, labels_of


class Forms(NamedTuple):
    """A numeric feature of N rows. table: (V, W) float32, its forms by code. codes: (N,)."""

    table: Floats32
    codes: Codes


@dataclass(frozen=True)
class Examples:
    """N rows: codes (N, C) int32 and numeric features, see features.Rows; labels (N, K) float32.

    A label that is missing is nan.
    """

    codes: npt.NDArray[np.int32]
    numeric: tuple[Forms, ...]
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, chosen: Ints | slice) -> Rows:
        """Return some of the rows."""
        codes = self.codes[chosen].astype(np.int64)
        parts = [each.table[each.codes[chosen]] for each in self.numeric]
        none = np.zeros((len(codes), 0), np.float32)
        return Rows(codes, np.concatenate([none, *parts], axis=1))


def examples_of(table: Table, reader: Reader, tasks: Sequence[Task], where: str) -> Examples:
    """Return a table's rows as the reader's schema has them.

    Raises DataError for a label that is none, and for a column that is missing.
    """
    schema = reader.schema
    categorical = [table.column(feature.name, where) for feature in schema.categorical]
    codes = np.empty((table.rows, len(categorical)), np.int32)
    for i, column in enumerate(categorical):
        codes[:, i] = reader.ids(i, column.values)[column.codes]
    numeric = []
    for number in schema.numeric:
        column = table.column(number.name, where)
        numeric.append(Forms(number.forms(numbers_in(column.values)), column.codes))
    labels = [labels_of(table, task, where) for task in tasks]
    return Examples(codes, tuple(numeric), np.stack(labels, axis=1))
