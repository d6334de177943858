"""Logs of impressions: what was shown to whom, whether it was clicked, how long it was watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.answer_texts import refuse_texts
from dssmcli.data.exact_times import Times
from dssmcli.data.file_ids import file_id_lines
from dssmcli.data.ids import plain_column
from dssmcli.data.impression_values import (
    clicks_of,
    note_missing_ids,
    old_outcomes_of,
    outcomes_of,
    watch_times_of,
)
from dssmcli.data.log_reading import LogReading, silent
from dssmcli.data.log_rows import take_bad
from dssmcli.data.notation import Notation
from dssmcli.data.placeholders import one_id_lines, placeholder_lines
from dssmcli.data.roles import (
    check_there,
    likely_moments,
    other_moments,
    unit_in,
    with_usual_names,
)
from dssmcli.data.source_rows import rows_of_sources
from dssmcli.data.table import Column, Table, read_table
from dssmcli.data.time_lines import order_lines, unit_lines
from dssmcli.data.times import Clock, moments_among
from dssmcli.data.tsv import BadRows, name_of
from dssmcli.data.values import is_missing
from dssmcli.data.watch_doubts import (
    far_lines,
    mixed_lines,
    mixed_units,
    round_lines,
    unclicked_lines,
    unit_doubts,
)
from dssmcli.data.watch_shares import refuse_shares, share_name_lines
from dssmcli.errors import WARNING, DataError, shown

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_NEEDED = ("user", "item", "timestamp", "clicked", "watch_time")
UNITS = {"s": 1.0, "ms": 0.001, "min": 60.0}


class ImpressionColumns(NamedTuple):
    """What the columns of a log are called, None for what is not named.

    unit: of the watch time, one of UNITS; where it is None the column's name says it, or it is s.
    outcomes: columns of what is known only afterwards: they
    say something of the impressions that follow, nothing of their own.
    """

    user: str | None = None
    item: str | None = None
    timestamp: str | None = None
    clicked: str | None = None
    watch_time: str | None = None
    unit: str | None = None
    outcomes: tuple[str, ...] = ()

    def found_in(
        self,
        names: Sequence[str],
        where: str,
        moments: Mapping[str, str] | None = MappingProxyType({}),
    ) -> ImpressionColumns:
        """Return the same with usual names for those not named; DataError when one is missing.

        moments: see `roles.with_usual_names`.
        """
        given = with_usual_names(self._asdict(), _NEEDED, names, where, moments)
        found = ImpressionColumns(**given)
        found = found._replace(unit=found.unit or unit_in(str(found.watch_time)) or "s")
        check_there(found.names, names, where)
        return found

    @property
    def names(self) -> list[str]:
        """Return the columns that have a role."""
        known = (self.user, self.item, self.timestamp, self.clicked, self.watch_time)
        return [*(name for name in known if name), *self.outcomes]


@dataclass(frozen=True)
class Impressions:
    """N impressions in the order of time. user, item: (N,), numbers in `users` and `items`.

    time (so far behind `origin`), clicked (0 or 1), watched (seconds, also of those not clicked):
    (N,) float64. outcomes: (N, O) float64, 1 where such a column holds a number above 0. order:
    (N,), the row of the file that each is. table: the other columns, in this order. dates: how
    dates such as 03/04/2024 turned out to be meant, if there are any. ends: where the rows of each
    file end.
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
    origin: int = 0
    dates: str | None = None
    ends: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.item)

    def since(self, origin: int) -> Floats:
        """Return the moments (N,) as so far behind another origin."""
        return self.time + float(self.origin - origin)

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
    sources: Sequence[str],
    columns: ImpressionColumns,
    bad_rows: BadRows,
    way: LogReading | None = None,
    say: Callable[[str], None] = silent,
) -> tuple[Impressions, ImpressionColumns]:
    """Read a log with a header line, and return what its columns turned out to be.

    way: how the run that asks reads its logs, None for a new one. `say` gets a line for everything
    that was understood, and every warning. Raises DataError for a column that is missing and for a
    row that does not hold what it should, unless such rows are skipped.
    """
    whole = read_table(sources, bad_rows)
    return impressions_in(whole, columns, sources, bad_rows, way, say)


def impressions_in(
    whole: Table,
    columns: ImpressionColumns,
    sources: Sequence[str],
    bad_rows: BadRows,
    way: LogReading | None = None,
    say: Callable[[str], None] = silent,
    answered: bool = True,
) -> tuple[Impressions, ImpressionColumns]:
    """Return what `read_impressions` does, of a table that has been read.

    answered: whether the table says what became of impressions, which has zeros for it if not.
    """
    way = way or LogReading()
    where = ", ".join(map(name_of, sources))
    texts = {name: column.values for name, column in whole.columns.items()}
    moments = moments_among(texts) if way.plain_ids else None
    asked = columns
    columns = asked.found_in(list(whole.columns), where, moments)
    likely = likely_moments(moments or {}, columns)
    if asked.timestamp is None and likely and way.asked:
        say(other_moments(str(columns.timestamp), likely))
    read = _read(whole, columns, way, sources)
    take_bad(read.wrong, sources, where, bad_rows, whole)
    right = np.ones(whole.rows, np.bool_)
    right[list(read.wrong)] = False
    order = np.flatnonzero(right)[np.argsort(read.times.order[right], kind="stable")]
    if not len(order):
        raise DataError(f"{where}: no row that can be used.")
    for line in (*(read.answer_lines if answered else ()), *read.lines):
        say(line)
    table = whole.take(order)
    assert columns.user and columns.item
    user, item = table.columns[columns.user], table.columns[columns.item]
    if way.plain_ids:
        (user, of_users), (item, of_items) = plain_column(user), plain_column(item)
        files = [*map(name_of, sources)] if len(whole.ends) > 1 else []
        for line in (*of_users, *_id_lines(user, item, of_items, order, whole, files)):
            say(line)
    rest = {name: c for name, c in table.columns.items() if name not in columns.names}
    impressions = Impressions(
        user.values,
        item.values,
        user.codes.astype(np.int64),
        item.codes.astype(np.int64),
        read.times.time[order],
        read.clicked[order],
        read.watched[order],
        read.outcomes[order],
        order,
        Table(rest, table.rows, whole.digest),
        whole.digest,
        read.times.origin,
        read.dates,
        whole.ends,
    )
    return impressions, columns


def _id_lines(
    user: Column,
    item: Column,
    of_items: Sequence[str],
    order: Ints,
    whole: Table,
    files: Sequence[str],
) -> Iterator[str]:
    """Yield what a person should know of the ids of impressions. of_items: lines about items.

    files: those that the rows of the whole table are of, where there are several.
    """
    yield from placeholder_lines("user", user.name, user.values, user.codes)
    yield from of_items
    yield from placeholder_lines("item", item.name, item.values, item.codes)
    yield from one_id_lines(user.name, user, item.name, item)
    if files:
        rows = [_by_file(column, order, whole.rows) for column in (user, item)]
        yield from file_id_lines(files, whole.ends, *rows)


def _by_file(column: Column, order: Ints, rows: int) -> Column:
    """Return a column of impressions in the order of their files, -1 in rows left out."""
    codes = np.full(rows, -1, np.int32)
    codes[order] = column.codes
    return column._replace(codes=codes)


class _Read(NamedTuple):
    """What was read of N rows, (N,), outcomes (N, O), and what is wrong with some of them.

    answer_lines, lines: what is to be said of what became of them, and of all else.
    """

    times: Times
    clicked: Floats
    watched: Floats
    outcomes: Floats
    wrong: dict[int, str]
    dates: str | None
    answer_lines: list[str]
    lines: list[str]


def _read(
    whole: Table, columns: ImpressionColumns, way: LogReading, sources: Sequence[str]
) -> _Read:
    where = ", ".join(map(name_of, sources))
    assert columns.timestamp and columns.clicked and columns.watch_time
    wrong: dict[int, str] = {}
    refuse_texts(whole.columns[columns.clicked], where, clicks=True)
    for each in columns.outcomes if way.plain_ids else ():
        refuse_texts(whole.columns[each], where, clicks=False)
    clicked = clicks_of(whole.columns[columns.clicked], wrong)
    watch_time, unit = whole.columns[columns.watch_time], str(columns.unit)
    refuse_shares(watch_time, whole.columns, unit, where)
    watched = watch_times_of(watch_time, clicked.values, UNITS[unit], wrong)
    outcome = outcomes_of if way.plain_ids else old_outcomes_of
    outcomes = [outcome(whole.columns[name], wrong) for name in columns.outcomes]
    clock = Clock(way.dates, way.advice)
    times = _times(whole.columns[columns.timestamp], clock, wrong, where)
    for role, name in (("item", columns.item), ("user", columns.user)):
        missing = is_missing if way.plain_ids else _never
        note_missing_ids(whole.columns[str(name)], role, missing, wrong)
    answers = [line for each in (clicked, watched, *outcomes) for line in each.lines]
    first = way.asked and way.unit is None  # --unit would be that of what is trained on, too
    files = rows_of_sources(sources, whole.ends) if len(whole.ends) > 1 else ()
    results = clicked.values, watched.values
    answers += unit_doubts(watch_time.name, *results, unit, first, files)
    turned = [*round_lines(str(columns.clicked), watch_time.name, *results)]
    answers += turned
    if way.asked and not turned:  # what is learned of is for a training to say, which has --clicked
        answers += unclicked_lines(watch_time.name, *results)
    if not mixed_units(*results, unit, files):
        answers += [*mixed_lines(watch_time.name, *results)] or far_lines(watch_time.name, *results)
    answers += share_name_lines(watch_time.name)
    known = np.zeros((whole.rows, 0)), *(each.values[:, None] for each in outcomes)
    return _Read(
        times,
        clicked.values,
        watched.values,
        np.concatenate(known, axis=1),
        wrong,
        clock.dates,
        answers,
        [
            *(*clock.lines(times), *order_lines(times), *unit_lines(times, way.unit)),
            *clock.doubts(times, way.now),
        ],
    )


def _never(_: str) -> bool:
    return False


def _times(stamps: Column, clock: Clock, wrong: dict[int, str], where: str) -> Times:
    """Return the moments of rows (N,), and note what is wrong with some."""
    texts = [text for text, used in zip(stamps.values, stamps.counts() > 0, strict=True) if used]
    bad = clock.wrong(texts)
    said = {texts[place]: reason for place, reason in bad.items()}
    clock.take([text for text in texts if text not in said])
    found = clock.times(where)
    places = {text: i for i, text in enumerate(text for text in texts if text not in said)}
    code = np.array([places.get(text, -1) for text in stamps.values], np.int64)[stamps.codes]
    for row in np.flatnonzero(code < 0).tolist():
        wrong[row] = said[stamps.values[stamps.codes[row]]]
    if not places:
        return Times(np.zeros(len(code)), np.zeros(len(code), np.int64), 0)
    return Times(found.time[code], found.order[code], found.origin)


def numbers_of(impressions: Impressions, written: Mapping[str, Notation]) -> Floats:
    """Return what numeric columns hold, (N, F), nan for what is no number.

    written: the columns, and how the numbers of each are written.
    """
    none = np.zeros((len(impressions), 0))
    columns = [(impressions.table.columns[name], way) for name, way in written.items()]
    parts = [way.numbers(column.values)[column.codes][:, None] for column, way in columns]
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


def unread_answers(columns: ImpressionColumns, names: Sequence[str]) -> Iterator[str]:
    """Say why a log without all of the answers is read without any, though it has some.

    columns: those that are read. names: those of the log.
    """
    lost = {"clicked": str(columns.clicked), "watch_time": str(columns.watch_time)}
    lost = {role: name for role, name in lost.items() if name not in names}
    given = {**columns._asdict(), **dict.fromkeys(lost)}
    found = with_usual_names(given, (), names, "")
    others = {name: found[role] for role, name in lost.items() if found[role]}
    if not others and len(lost) == 2:
        return
    said = ", ".join(f"no column {shown(name)}" for name in lost.values())
    todo = "Without both of clicks and watch times, nothing of earlier rows counts for later ones."
    for name, other in others.items():
        unit = unit_in(other) or columns.unit
        how = f", and write it in {columns.unit}" if unit != columns.unit else ""
        todo += f" If {shown(other)} is {shown(name)}, call it so in the header{how}."
    yield f"{WARNING}{said}. {todo}"
