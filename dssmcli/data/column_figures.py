"""What the columns of a table hold, one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dssmcli.data.categories import one_spelling
from dssmcli.data.features import Schema
from dssmcli.data.notation import read_numbers
from dssmcli.data.sentinels import Sentinel, sentinels_in, zero_apart
from dssmcli.data.table import Column, Table
from dssmcli.data.values import category_of, is_missing

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

_FACTOR, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)


@dataclass(frozen=True)
class NumberFigures:
    """The lowest, the middle and the highest of a column's numbers."""

    low: float
    median: float
    high: float


@dataclass(frozen=True)
class ColumnFigures:
    """A column of N rows: what it is taken for, and what stands in it.

    role: task, feature, ignored, left out, or what it is to a log, such as user. kind: category,
    number, both, or empty for what is no feature. values: how many different texts, once: those
    that stand in one row. rare: rows whose text stands less often than --min-count asks. missing:
    rows without a value, and the texts that say so. alike: categories that differ from another in
    spaces or capitals only, each with that. numbers: None for a column of texts. sentinels: numbers
    that may say that there is no value.
    """

    name: str
    role: str
    kind: str
    values: int
    once: int
    rare: int
    missing: int
    spellings: dict[str, int]
    alike: dict[str, str]
    numbers: NumberFigures | None
    sentinels: tuple[Sentinel, ...]


def kinds_in(schema: Schema) -> dict[str, str]:
    """Return what each feature is taken for: category, number, or both."""
    categories = {feature.name for feature in schema.categorical}
    numbers = {feature.name for feature in schema.numeric}
    return {
        name: "both" if name in categories & numbers else _kind(name in numbers)
        for name in schema.names
    }


def _kind(number: bool) -> str:
    return "number" if number else "category"


def column_figures(column: Column, role: str, kind: str, min_count: int) -> ColumnFigures:
    """Return what stands in a column."""
    counts = column.counts()
    missing = missing_values(column)
    known = ~missing & (counts > 0)
    spellings = {
        column.values[place]: int(counts[place])
        for place in np.flatnonzero(missing & (counts > 0)).tolist()
    }
    numbers = np.zeros(0) if kind == "category" else _numbers(column, counts)
    apart = _categories(column, known, counts) if kind == "category" else counts[known]
    return ColumnFigures(
        name=column.name,
        role=role,
        kind=kind,
        values=len(apart),
        once=int((apart == 1).sum()),
        rare=int(apart[apart < min_count].sum()),
        missing=sum(spellings.values()),
        spellings=spellings,
        alike=_alike(column, known) if kind == "category" else {},
        numbers=_figures(numbers, counts) if len(numbers) else None,
        sentinels=_sentinels(numbers, counts, role),
    )


def _sentinels(numbers: Floats, counts: Ints, role: str) -> tuple[Sentinel, ...]:
    """Return the numbers of a column that may say that there is no value. What is to be predicted
    is often 0."""
    if not len(numbers):
        return ()
    rows = int(counts.sum())
    zero = zero_apart(numbers, counts, rows) if role == "feature" else None
    return (*sentinels_in(numbers, counts, rows), *([] if zero is None else [zero]))


def _categories(column: Column, used: Bools, counts: Ints) -> Ints:
    """Return how many rows each category has, whose texts may be written in several ways."""
    places = np.flatnonzero(used).tolist()
    own = counts[used].tolist()
    totals: Counter[str] = Counter()
    for category, count in zip(
        one_spelling([column.values[place] for place in places], own), own, strict=True
    ):
        totals[category] += count
    return np.fromiter(totals.values(), np.int64, len(totals))


def _alike(column: Column, used: Bools) -> dict[str, str]:
    """Return which of the texts in use are another, but for spaces and capitals."""
    first: dict[str, str] = {}
    found = {}
    for place in np.flatnonzero(used).tolist():
        text = column.values[place]
        other = first.setdefault(" ".join(text.split()).casefold(), text)
        if other is not text and category_of(other) != category_of(text):
            found[text] = other
    return found


def missing_values(column: Column) -> Bools:
    """Return which of a column's different texts say that there is no value, (V,)."""
    return np.fromiter(map(is_missing, column.values), np.bool_, len(column.values))


def missing_rows(column: Column) -> Bools:
    """Return which rows have no value, (N,)."""
    return missing_values(column)[column.codes]


def _numbers(column: Column, counts: Ints) -> Floats:
    """Return the numbers of a column's different texts, (V,), nan where one has none."""
    return np.asarray(read_numbers(column.values, counts.tolist()).numbers, np.float64)


def _figures(numbers: Floats, counts: Ints) -> NumberFigures | None:
    used = np.flatnonzero((counts > 0) & ~np.isnan(numbers))
    if not len(used):
        return None
    used = used[np.argsort(numbers[used])]
    below = np.cumsum(counts[used])
    middle = used[np.searchsorted(below, (below[-1] + 1) // 2)]
    low, median, high = (float(numbers[each]) for each in (used[0], middle, used[-1]))
    return NumberFigures(low, median, high)


def row_hashes(table: Table, names: Collection[str]) -> Hashes:
    """Return a hash (N,) of what each row has in some columns: equal rows have equal ones.

    Made of Python's own hashes, which are keyed anew in each process: good for one process only.
    """
    found = np.full(table.rows, _FACTOR)
    with np.errstate(over="ignore"):
        for name in names:
            column = table.columns[name]
            texts = map(hash, column.values)
            values = np.fromiter(texts, np.int64, len(column.values)).view(np.uint64)
            found = (found ^ values[column.codes]) * _FACTOR
            found ^= found >> _SHIFT
    return found


@dataclass(frozen=True)
class Again:
    """Rows that stand above already: how many, and the first such row with the one it repeats."""

    count: int
    row: int
    above: int


def repeated(hashes: Hashes | npt.NDArray[np.int64]) -> Again:
    """Return which of N rows stand above already, told by their hashes (N,)."""
    order = np.argsort(hashes, kind="stable")
    same = np.flatnonzero(hashes[order][1:] == hashes[order][:-1])
    if not len(same):
        return Again(0, -1, -1)
    again = order[same + 1]
    first = int(np.argmin(again))
    return Again(len(again), int(again[first]), int(order[same[first]]))


def in_common(hashes: Hashes, others: Hashes) -> Bools:
    """Return which rows (N,) have the hash of one of the others."""
    return np.isin(hashes, np.unique(others))


def shares_of_top(counts: npt.NDArray[np.int64], share: float) -> float:
    """Return which share of all the largest of some counts take, so many of them, one at least."""
    most = max(1, round(share * len(counts)))
    return float(np.sort(counts)[-most:].sum() / max(1, counts.sum()))


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return the first names of a list, in words."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
