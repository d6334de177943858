"""What of a log somebody should know before a model learns from it, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.column_figures import in_common, repeated
from dssmcli.data.copies import keys
from dssmcli.data.findings import ERROR, NOTE, WARNING, Finding
from dssmcli.data.heavy_findings import findings_of_heavy
from dssmcli.data.located_table import LocatedTable
from dssmcli.data.log_events import UNITS, Events, plausible
from dssmcli.data.log_figures import DAY, LogFigures, date_of
from dssmcli.data.roles import likely_moments
from dssmcli.data.time_doubts import HALF_A_DAY, WRITE_WHOLE, is_to_come, naive_dates, on_half_a_day
from dssmcli.data.times import moments_among
from dssmcli.data.values import is_missing
from dssmcli.errors import in_shell, shown

Floats = npt.NDArray[np.float64]

_FEW_EVENTS, _SAMPLE = 100, 1000
_MANY_ONCE, _NEARLY_ALL_ONCE = 0.3, 0.9
_SHORT = 3
_MANY_SAME, _MANY_TIED, _TIED_ALL = 0.01, 0.3, 0.9
_LONG_GAP, _GAP_SHARE, _OUTLIERS, _FAR = 3.0, 0.1, 0.02, 3.0
_SOME_UNKNOWN, _MANY_UNKNOWN = 0.01, 0.1
_USUAL_MIN_COUNT = 5
_FEW_CLICKS = 50
_ODD_WATCHES, _MANY_ODD = 0.01, 0.2
_TOO_LONG, _TOO_SHORT = 4 * 3600.0, 0.5
_TIME_NAME = re.compile(
    r"(^|_)(time|timestamp|ts|date|datetime|when|moment|at)(_|$)", re.IGNORECASE
)
_UNIT_NAMES = {"ms": ("_ms", "millis"), "min": ("_min", "minutes")}


class Log(NamedTuple):
    """The events of a log and what is known of them. watches: whether it is one of watches."""

    located: LocatedTable
    events: Events
    figures: LogFigures
    watches: bool

    @property
    def name(self) -> str:
        """Return the names of the files."""
        return self.located.name

    @property
    def noun(self) -> str:
        """Return what an event is."""
        return "watches" if self.watches else "impressions"

    def place(self, event: int) -> str:
        """Return where an event stands, as file:line."""
        return self.located.place(int(self.events.row[event]))


def findings_of_users(log: Log, min_count: int) -> Iterator[Finding]:
    """Yield what is odd about users and items; min_count: what --min-count is."""
    figures, name = log.figures, log.name
    users, items = figures.users, figures.items
    if figures.events < _FEW_EVENTS:
        todo = "Expect little of the model."
        yield Finding(WARNING, "few_rows", figures.events, "Few rows to learn from.", todo, name)
        yield from _nobody(log)
        return
    if users.once > _MANY_ONCE * users.count:
        what = f"Users of one event ({users.once / users.count:.1%} of the users)."
        todo = "Nothing is learned of what follows it: they teach nothing."
        if not log.watches:
            todo = "Of them nothing is known beforehand: they are predicted as an average user."
        yield Finding(NOTE, "users_of_one", users.once, what, todo, name)
    if log.watches and users.median < _SHORT:
        what = f"Histories are short: the median user has {users.median:g} {log.noun}."
        todo = "The model has little to go by: log more, or tell users by what lasts longer."
        yield Finding(WARNING, "short_histories", users.count, what, todo, name)
    if items.once > _MANY_ONCE * items.count:
        what = f"Items of one event ({items.once / items.count:.1%} of the items)."
        todo = "Little is learned of them."
        if log.watches and min_count < _USUAL_MIN_COUNT:
            counts = np.bincount(log.events.item)
            left = int(counts[counts >= _USUAL_MIN_COUNT].sum())
            todo += (
                f" --min-count {_USUAL_MIN_COUNT} leaves out items that are rarer: "
                f"{left / figures.events:.1%} of the {log.noun} stay."
            )
        level = WARNING if items.once > _NEARLY_ALL_ONCE * items.count else NOTE
        yield Finding(level, "items_of_one", items.once, what, todo, name)
    yield from findings_of_heavy(log.events, log.figures.users, log.noun, name)
    yield from _nobody(log)


def _nobody(log: Log) -> Iterator[Finding]:
    """Yield rows without a user or an item that say so in words."""
    for role, codes, names in (
        ("user", log.events.user, log.events.users),
        ("item", log.events.item, log.events.items),
    ):
        yield from _nameless(log, role, codes, names)


def _nameless(
    log: Log, role: str, codes: npt.NDArray[np.int64], names: Sequence[str]
) -> Iterator[Finding]:
    """Yield rows whose user or item is called as a missing value is."""
    odd = np.array([is_missing(name) for name in names], np.bool_)[codes]
    if odd.any():
        first = int(np.flatnonzero(odd)[0])
        what = (
            f"Rows whose {role} is {shown(names[codes[first]])}: all of them count as one {role}."
        )
        todo = "If this says that there is none, drop the rows: nobody is called so."
        yield Finding(WARNING, f"missing_{role}", int(odd.sum()), what, todo, log.name,
                      log.place(first))  # fmt: skip


def findings_of_time(
    log: Log, read: Sequence[str], timestamp: str | None, now: float
) -> Iterator[Finding]:
    """Yield what is odd about moments.

    read: the columns that have a role. timestamp: the one of moments. now: in seconds.
    """
    times, name = log.figures.times, log.name
    if times is None:
        yield from _no_times(log, read)
        return
    yield from _same(log)
    tied = times.tied / log.figures.events
    if log.watches and tied > _MANY_TIED:
        level = WARNING if tied > _TIED_ALL else NOTE
        what = f"Watches of a user's at the moment of another ({tied:.1%})."
        todo = "Which came first is taken from the rows' order: give finer timestamps if you have."
        yield Finding(level, "tied_moments", times.tied, what, todo, name)
    seconds = log.events.seconds()
    if seconds is None:
        yield from _no_moments(log)
        return
    mixed = _mixed(log, *seconds)
    if mixed is not None:
        yield mixed
        return
    yield from _outliers(log, seconds[1], now)
    stamps = log.located.table.columns[str(timestamp)].values[:_SAMPLE]
    if naive_dates(stamps) and on_half_a_day(seconds[1]):
        what = f"{HALF_A_DAY[0].upper()}{HALF_A_DAY[1:]}"
        yield Finding(WARNING, "half_a_day", log.figures.events, what, WRITE_WHOLE, name)
    if (
        times.gap > _LONG_GAP
        and times.gap > _GAP_SHARE * times.days
        and log.figures.events > _FEW_EVENTS
    ):
        what = f"days without an event, from {times.gap_after} on."
        todo = "Is a file missing?"
        yield Finding(NOTE, "gap", int(times.gap), what, todo, name)


def _no_times(log: Log, read: Sequence[str]) -> Iterator[Finding]:
    columns = log.located.table.columns
    moments = moments_among({name: column.values for name, column in columns.items()})
    names = likely_moments(moments, read)
    names += [name for name in columns if name not in read and _TIME_NAME.search(name)]
    if names:
        what = (
            f"No timestamp is read, the rows are taken in their order, though there is {names[0]}."
        )
        todo = f"--timestamp {in_shell(names[0])}, if it says when."
        yield Finding(WARNING, "unread_time", 1, what, todo, log.name)
    else:
        what = "No timestamp: the rows are taken in their order."
        todo = "Make sure that each user's come oldest first, or name the column: --timestamp."
        yield Finding(NOTE, "no_time", 1, what, todo, log.name)
    again = repeated(keys(log.events.user, log.events.item))
    if again.count > 0.5 * log.figures.events:
        what = "Rows whose user had the item before."
        todo = "If they are not watched again, but logged twice, keep the first of each."
        yield Finding(NOTE, "repeats", again.count, what, todo, log.name, log.place(again.row))


def _same(log: Log) -> Iterator[Finding]:
    events = log.events
    assert events.time is not None
    again = repeated(keys(events.user, events.item, events.time))
    if again.count:
        share = again.count / log.figures.events
        what = f"Rows of a user, item and moment that stand above already ({share:.1%})."
        todo = "Each counts as an event of its own: keep one of each."
        place = f"{log.place(again.row)} is as {log.place(again.above)}"
        level = WARNING if share >= _MANY_SAME else NOTE
        yield Finding(level, "repeated_events", again.count, what, todo, log.name, place)


def _no_moments(log: Log) -> Iterator[Finding]:
    assert log.events.time is not None
    low, high = log.events.time.min(), log.events.time.max()
    if low >= 19_000_101 and high <= 21_001_231 and (low % 100 <= 31) and (low // 100 % 100 <= 12):
        what = f"Timestamps are dates written as numbers ({low:.0f} to {high:.0f})."
        todo = "Their order is right, but not how far they are apart: write 2024-05-31."
        yield Finding(WARNING, "dates_as_numbers", log.figures.events, what, todo, log.name)
        return
    what = f"Timestamps from {low:g} to {high:g} are no moments since 1970 in any unit."
    todo = "Only their order and their distances are used; no date can be told."
    yield Finding(NOTE, "no_dates", log.figures.events, what, todo, log.name)


def _mixed(log: Log, unit: str, seconds: Floats) -> Finding | None:
    """Return whether some moments are counted in another unit than most."""
    assert log.events.time is not None
    for other, length in UNITS.items():
        there = plausible(log.events.time * length) & ~plausible(seconds)
        if other != unit and there.any():
            what = f"Moments counted in {other}, while most are in {unit}."
            todo = "Write all in one unit: as it is, their order is wrong."
            place = log.place(int(np.flatnonzero(there)[0]))
            count = int(there.sum())
            return Finding(ERROR, "mixed_units", count, what, todo, log.name, place)
    return None


def _outliers(log: Log, seconds: Floats, now: float) -> Iterator[Finding]:
    """Yield moments that are not from now on back, and those far from the others."""
    low, high = np.quantile(seconds, [0.01, 0.99])
    margin = _FAR * max(high - low, DAY)
    far = (seconds < low - margin) | (seconds > high + margin)
    if far.any() and far.mean() <= _OUTLIERS:
        first = int(np.flatnonzero(far)[0])
        what = (
            f"Moments far from the others, which are from {date_of(float(low))} to "
            f"{date_of(float(high))}, such as {date_of(float(seconds[first]))}."
        )
        todo = "Mend or drop the rows: they stretch the time that the model learns from."
        count = int(far.sum())
        yield Finding(WARNING, "far_moments", count, what, todo, log.name, log.place(first))
    late = is_to_come(seconds, now)
    if late.any() and not (late & far).all():
        first = int(np.flatnonzero(late)[0])
        what = f"Moments that are still to come, such as {date_of(float(seconds[first]))}."
        todo = "Is it another clock, or a planned date?"
        yield Finding(WARNING, "future", int(late.sum()), what, todo, log.name, log.place(first))


def findings_of_clicks(log: Log, watch_time: str, unit: str) -> Iterator[Finding]:
    """Yield what is odd about clicks and watch times. watch_time: the column's name."""
    clicks, name, events = log.figures.clicks, log.name, log.events
    assert clicks is not None and events.clicked is not None and events.watched is not None
    unclicked = log.figures.events - clicks.clicked
    fewest = min(clicks.clicked, unclicked)
    if 0 < fewest < _FEW_CLICKS and log.figures.events >= _FEW_EVENTS:
        of = "are clicked" if fewest == clicks.clicked else "are not clicked"
        what = f"impressions only {of}."
        todo = "Figures of clicks will be uncertain: log more."
        yield Finding(WARNING, "few_labels", fewest, what, todo, name)
    if clicks.unwatched > _ODD_WATCHES * clicks.clicked:
        share = clicks.unwatched / clicks.clicked
        first = int(np.flatnonzero((events.clicked > 0) & (events.watched == 0))[0])
        level = WARNING if share > _MANY_ODD else NOTE
        what = f"Clicks without a watch time ({share:.1%} of the clicks)."
        todo = "They count as clicks watched for 0 s: is the time missing?"
        yield Finding(
            level, "unwatched_clicks", clicks.unwatched, what, todo, name, log.place(first)
        )
    if clicks.unclicked > _ODD_WATCHES * max(1, unclicked):
        share = clicks.unclicked / unclicked
        first = int(np.flatnonzero((events.clicked == 0) & (events.watched > 0))[0])
        level = WARNING if share > _MANY_ODD else NOTE
        what = f"Watch times without a click ({share:.1%} of what was not clicked)."
        todo = "Only clicked impressions teach how long: say by --clicked what counts as one."
        yield Finding(
            level, "unclicked_watches", clicks.unclicked, what, todo, name, log.place(first)
        )
    yield from _unit(log, watch_time, unit)


def _unit(log: Log, watch_time: str, unit: str) -> Iterator[Finding]:
    """Yield whether watch times look like those of another unit."""
    assert log.figures.clicks is not None
    middle, other = log.figures.clicks.median, None
    for named, ends in _UNIT_NAMES.items():
        if unit != named and any(watch_time.lower().endswith(end) for end in ends):
            other = named
    if other is None and unit == "s" and middle > _TOO_LONG:
        other = "ms"
    elif other is None and unit == "ms" and 0 < middle < _TOO_SHORT:
        other = "s"
    if other is not None:
        half = f"half of what is clicked is watched for {middle:,.4g} s or more"
        what = f"{watch_time}, taken in {unit}: {half}."
        todo = f"If it is counted in {other}: --unit {other}."
        yield Finding(WARNING, "unit", log.figures.clicks.clicked, what, todo, log.name)


class LogOverlap(NamedTuple):
    """What of a later log stands in, or before the end of, the one before it.

    events: of one user, item and moment in both. early: before the last moment of the other.
    users, items: those that the other does not have; of_users, of_items: of how many.
    """

    file: str
    other: str
    events: int
    of: int
    early: int
    users: int
    of_users: int
    items: int
    of_items: int


def overlap_of(log: Log, other: Log) -> LogOverlap:
    """Return what a log has in common with another."""
    mine, theirs = log.events, other.events
    early = 0
    if mine.time is not None and theirs.time is not None:
        early = int((mine.time < theirs.time.max()).sum())
    users = _unknown(mine.users, mine.user, theirs.users, theirs.user)
    items = _unknown(mine.items, mine.item, theirs.items, theirs.item)
    return LogOverlap(
        log.name, other.name, int(_shared(log, other).sum()), len(mine), early,
        users, log.figures.users.count, items, log.figures.items.count,
    )  # fmt: skip


def _shared(log: Log, other: Log) -> npt.NDArray[np.bool_]:
    """Return which events of a log stand in another, too: none where there are no moments."""
    if log.events.time is None or other.events.time is None:
        return np.zeros(len(log.events), np.bool_)
    one, two = (_named_keys(each.events) for each in (log, other))
    return in_common(one, two)


def _named_keys(events: Events) -> npt.NDArray[np.uint64]:
    """Return hashes by names, which other logs number otherwise."""
    assert events.time is not None
    users, items = (
        np.fromiter((hash(name) >> 11 for name in names), np.float64, len(names))
        for names in (events.users, events.items)
    )
    return keys(users[events.user], items[events.item], events.time)


def _unknown(
    names: Sequence[str],
    codes: npt.NDArray[np.int64],
    others: Sequence[str],
    other_codes: npt.NDArray[np.int64],
) -> int:
    known = {others[place] for place in np.unique(other_codes).tolist()}
    return sum(names[place] not in known for place in np.unique(codes).tolist())


def findings_of_overlap(log: Log, overlap: LogOverlap, measured: bool) -> Iterator[Finding]:
    """Yield what is wrong with a log beside another; measured: whether it is to be measured on."""
    if overlap.events:
        share = overlap.events / overlap.of
        what = f"Events ({share:.1%}) that stand in {overlap.other}, too."
        todo = "Figures on them are too good: hold others out."
        if not measured:
            todo = "They are learned twice: keep them in one of the files."
        yield Finding(WARNING, "shared_events", overlap.events, what, todo, log.name)
    if measured and overlap.early:
        what = (
            f"Events ({overlap.early / overlap.of:.1%}) before the last moment of {overlap.other}."
        )
        todo = "What is to be predicted would be learned from later ones: cut both at one moment."
        yield Finding(WARNING, "early_events", overlap.early, what, todo, log.name)
    for role, count, of in (
        ("users", overlap.users, overlap.of_users),
        ("items", overlap.items, overlap.of_items),
    ):
        if measured and count > _SOME_UNKNOWN * of:
            level = WARNING if role == "items" and count > _MANY_UNKNOWN * of else NOTE
            what = f"{role} ({count / of:.1%}) that are not in {overlap.other}."
            todo = "They have no history there." if role == "users" else "None can be recommended."
            yield Finding(level, f"unknown_{role}", count, what, todo, log.name)
