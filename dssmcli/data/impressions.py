"""Logs of impressions: what was shown to whom, whether it was clicked, how long it was watched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.features import numbers_in
from dssmcli.data.roles import check_there, with_usual_names
from dssmcli.data.table import Column, Table, read_table
from dssmcli.data.times import Clock
from dssmcli.data.tsv import BadRows, name_of
from dssmcli.errors import DataError, shown

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_NEEDED = ("user", "item", "timestamp", "clicked", "watch_time")
UNITS = {"s": 1.0, "ms": 0.001, "min": 60.0}


class ImpressionColumns(NamedTuple):
    """What the columns of a log are called, None for what is not named.

    unit: of the watch time, one of UNITS. outcomes: columns of what is known only afterwards: they
    say something of the impressions that follow, nothing of their own.
    """

    user: str | None = None
    item: str | None = None
    timestamp: str | None = None
    clicked: str | None = None
    watch_time: str | None = None
    unit: str = "s"
    outcomes: tuple[str, ...] = ()

    def found_in(self, names: Sequence[str], where: str) -> ImpressionColumns:
        """Return the same with usual names for those not named; DataError when one is missing."""
        given = with_usual_names(self._asdict(), _NEEDED, names, where)
        found = ImpressionColumns(**given)
        check_there(found.names, names, where)
        return found

    @property
    def names(self) -> list[str]:
        """Return the columns that have a role."""
        known = (self.user, self.item, self.timestamp, self.clicked, self.watch_time)
        return list(dict.fromkeys([*(name for name in known if name), *self.outcomes]))


@dataclass(frozen=True)
class Impressions:
    """N impressions in the order of time. user, item: (N,), numbers in `users` and `items`.

    time, clicked (0 or 1), watched (seconds, also of those not clicked): (N,) float64. outcomes:
    (N, O) float64, 1 where such a column holds a number above 0. order: (N,), the row of the file
    that each is. table: the other columns, in this order.
    """

    users: list[str]
    items: list[str]
    user: Ints
    item: Ints
    time: Floats
    clicked: Floats
    watched: Floats
    outcomes: Floats
    order: Ints
    table: Table
    digest: str

    def __len__(self) -> int:
        return len(self.item)

    def together(self) -> Floats:
        """Return how many impressions each one's user has at its moment, (N,)."""
        order = np.lexsort((self.time, self.user))
        apart = np.ones(len(order), np.bool_)
        apart[1:] = (np.diff(self.user[order]) != 0) | (np.diff(self.time[order]) != 0)
        runs = np.diff(np.append(np.flatnonzero(apart), len(order)))
        counts = np.empty(len(order))
        counts[order] = np.repeat(runs, runs)
        return counts


def read_impressions(
    sources: Sequence[str], columns: ImpressionColumns, bad_rows: BadRows
) -> tuple[Impressions, ImpressionColumns]:
    """Read a log with a header line, and return what its columns turned out to be.

    Raises DataError for a column that is missing and for a field that does not hold what it should.
    """
    where = ", ".join(map(name_of, sources))
    return impressions_in(read_table(sources, bad_rows), columns, where)


def impressions_in(
    whole: Table, columns: ImpressionColumns, where: str
) -> tuple[Impressions, ImpressionColumns]:
    """Return what `read_impressions` does, of a table that has been read."""
    columns = columns.found_in(list(whole.columns), where)
    assert columns.user and columns.item and columns.timestamp
    time = _times(whole.columns[columns.timestamp], where)
    order = np.argsort(time, kind="stable")
    table = whole.take(order)
    user, item = table.columns[columns.user], table.columns[columns.item]
    clicked = _numbers(table, columns.clicked, where, _is_label, "0 or 1")
    watched = _numbers(table, columns.watch_time, where, _is_duration, "a time of 0 or more")
    outcomes = [
        numbers_in(table.columns[name].values)[table.columns[name].codes] > 0
        for name in columns.outcomes
    ]
    none = np.zeros((table.rows, 0))
    rest = {name: c for name, c in table.columns.items() if name not in columns.names}
    impressions = Impressions(
        user.values,
        item.values,
        user.codes.astype(np.int64),
        item.codes.astype(np.int64),
        time[order],
        clicked,
        watched * UNITS[columns.unit],
        np.stack(outcomes, axis=1).astype(np.float64) if outcomes else none,
        order,
        Table(rest, table.rows, whole.digest),
        whole.digest,
    )
    return impressions, columns


def numbers_of(impressions: Impressions, names: Sequence[str]) -> Floats:
    """Return what numeric columns hold, (N, F), nan for what is no number."""
    columns = [impressions.table.columns[name] for name in names]
    none = np.zeros((len(impressions), 0))
    parts = [numbers_in(column.values)[column.codes][:, None] for column in columns]
    return np.concatenate([none, *parts], axis=1)


def is_answered(table: Table, columns: ImpressionColumns) -> bool:
    """Tell whether a table says what became of impressions."""
    return columns.clicked in table.columns and columns.watch_time in table.columns


def with_answers(table: Table, columns: ImpressionColumns) -> Table:
    """Return a table with columns of zeros for what it does not have of the answers."""
    needed = (columns.clicked, columns.watch_time, *columns.outcomes)
    zeros = np.zeros(table.rows, np.int32)
    added = {n: Column(n, ["0"], zeros) for n in needed if n and n not in table.columns}
    return table._replace(columns={**table.columns, **added})


def _times(column: Column, where: str) -> Floats:
    clock = Clock()
    wrong = clock.wrong(column.values)
    if wrong:
        raise DataError(f"{where}: {column.name}: {wrong[min(wrong)]}")
    return clock.read(column.values)[column.codes]


def _is_label(numbers: Floats) -> npt.NDArray[np.bool_]:
    return np.asarray((numbers == 0) | (numbers == 1))


def _is_duration(numbers: Floats) -> npt.NDArray[np.bool_]:
    return np.asarray(numbers >= 0)


def _numbers(
    table: Table,
    name: str | None,
    where: str,
    right: Callable[[Floats], npt.NDArray[np.bool_]],
    wanted: str,
) -> Floats:
    assert name is not None
    column = table.columns[name]
    numbers = numbers_in(column.values)
    wrong = np.flatnonzero(~right(numbers))
    used = np.flatnonzero(np.isin(wrong, column.codes))
    if len(used):
        text = column.values[wrong[used[0]]]
        raise DataError(f"{where}: {name} is {shown(text)} in a row, expected {wanted}.")
    return numbers[column.codes]
