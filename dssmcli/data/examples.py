"""The rows of a table in memory as a model takes them, with their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dssmcli.data.features import Floats, Ints, Reader, Rows, Schema
from dssmcli.data.table import Table
from dssmcli.data.tasks import Labels, Task, labels_of


@dataclass(frozen=True)
class Examples:
    """N rows. codes: (N, C) int32, see features.Rows. numbers: (N, F) float64, one a numeric
    feature, nan if missing. labels: (N, K) float64, nan if missing.
    """

    schema: Schema
    codes: npt.NDArray[np.int32]
    numbers: Floats
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, chosen: Ints | slice) -> Rows:
        """Return some of the rows as a model takes them."""
        codes = self.codes[chosen].astype(np.int64)
        columns = zip(self.schema.numeric, self.numbers[chosen].T, strict=True)
        parts = [feature.forms(numbers) for feature, numbers in columns]
        none = np.zeros((len(codes), 0), np.float32)
        return Rows(codes, np.concatenate([none, *parts], axis=1))


def examples_of(table: Table, reader: Reader, tasks: Sequence[Task], where: str) -> Examples:
    """Return a table's rows as the reader's schema has them.

    Raises DataError for a label that is none, and for a column that is missing.
    """
    schema = reader.schema
    codes = reader.codes(table, where)
    numbers = np.empty((table.rows, len(schema.numeric)))
    for i, feature in enumerate(schema.numeric):
        column = table.column(feature.name, where)
        numbers[:, i] = feature.numbers(column.values)[column.codes]
    labels = [labels_of(table, task, where) for task in tasks]
    none = np.zeros((table.rows, 0))
    return Examples(schema, codes, numbers, np.stack(labels, axis=1) if labels else none)
