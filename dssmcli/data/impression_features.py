"""Reads the columns of impressions as categories and numbers, and counts what it cannot read."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from dssmcli.data.features import Floats, Reader
from dssmcli.data.impressions import Impressions, numbers_of
from dssmcli.data.places import RankingFeatures
from dssmcli.data.table import Column
from dssmcli.data.unread import unknown_line, unreadable_line
from dssmcli.data.values import is_missing

Codes = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


class ImpressionReader:
    """Reads columns as the features of a run of ranking have them."""

    def __init__(self, features: RankingFeatures) -> None:
        self._features = features
        written = features.written if features.values > 1 else {}
        self._reader = Reader(features.schema, written)
        self._unknown: Counter[str] = Counter()
        self._unreadable: Counter[str] = Counter()
        self._examples: dict[tuple[str, bool], str] = {}

    def codes(self, impressions: Impressions, where: str) -> Codes:
        """Return the categories (N, C); DataError for a column that is missing."""
        table = impressions.table
        codes = self._reader.codes(table, where)
        schema = self._features.schema
        for feature, start, found in zip(schema.categorical, schema.starts, codes.T, strict=True):
            column = table.columns[feature.name]
            wrong = np.zeros(len(column.values), np.bool_)
            wrong[column.codes[found == start]] = True
            self._count(column, wrong, self._unknown)
        return codes

    def numbers(self, impressions: Impressions) -> Floats:
        """Return the numbers (N, F), nan for what is missing or no number."""
        for name, notation in self._features.written.items():
            column = impressions.table.columns[name]
            wrong = np.isnan(notation.numbers(column.values))
            wrong &= ~np.fromiter(map(is_missing, column.values), np.bool_, len(column.values))
            self._count(column, wrong, self._unreadable)
        return numbers_of(impressions, self._features.written)

    def _count(self, column: Column, wrong: Bools, counts: Counter[str]) -> None:
        """Count the rows whose text is one that cannot be read, (V,), and keep the first text."""
        count = int(wrong[column.codes].sum())
        if count:
            counts[column.name] += count
            example = column.values[int(np.argmax(wrong & (column.counts() > 0)))]
            self._examples.setdefault((column.name, counts is self._unknown), example)

    @property
    def summary(self) -> str:
        """Return a line for each column in which texts were met that cannot be read, if any."""
        lines = [
            unreadable_line(name, count, self._examples.get((name, False)))
            for name, count in self._unreadable.items()
        ]
        lines += [
            unknown_line(name, count, self._examples.get((name, True)))
            for name, count in self._unknown.items()
        ]
        return "\n".join(lines)
