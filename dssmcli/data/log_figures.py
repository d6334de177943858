"""What the events of a log are like: of users, of items, in time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np
import numpy.typing as npt

from dssmcli.data.column_figures import repeated, shares_of_top
from dssmcli.data.copies import keys
from dssmcli.data.log_events import Events

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

DAY = 86_400.0
_TOP = 0.01


@dataclass(frozen=True)
class Share:
    """How the events spread over users, or over items.

    count: how many there are. once: those of one event. top: what the 1 % with most events have of
    all. most: the one with most, and most_events its events.
    """

    count: int
    median: float
    p99: float
    once: int
    top: float
    most: str
    most_events: int


@dataclass(frozen=True)
class Times:
    """When the events were.

    unit: what moments are counted in, None if they are no moments since 1970. first, last: as
    dates, or as they are. order: how the rows stand. days: from first to last, quiet_days those
    without an event, a_day: events of the median day with any. gap: the longest time without one,
    in days, gap_after when it began. tied: events that share their moment with another of the user.
    """

    unit: str | None
    first: str
    last: str
    order: str
    days: float
    quiet_days: int
    a_day: float
    gap: float
    gap_after: str
    tied: int


@dataclass(frozen=True)
class Clicks:
    """What became of impressions. Times are in seconds, of those clicked that were watched.

    unwatched: clicked and a watch time of 0. unclicked: watched without a click.
    """

    clicked: int
    median: float
    p99: float
    unwatched: int
    unclicked: int


@dataclass(frozen=True)
class LogFigures:
    """All that is known of some events. again: those whose user had the item before; same: those
    of one user, item and moment that stand above already."""

    events: int
    users: Share
    items: Share
    times: Times | None
    again: int
    same: int
    clicks: Clicks | None


def figures_of(events: Events) -> LogFigures:
    """Return what events, one at least, are like."""
    moment = np.zeros(len(events)) if events.time is None else events.time
    return LogFigures(
        events=len(events),
        users=_share(events.user, events.users),
        items=_share(events.item, events.items),
        times=_times(events),
        again=repeated(keys(events.user, events.item)).count,
        same=0 if events.time is None else repeated(keys(events.user, events.item, moment)).count,
        clicks=_clicks(events),
    )


def _share(codes: Ints, names: object) -> Share:
    assert isinstance(names, list)
    counts = np.bincount(codes, minlength=len(names))
    used = counts[counts > 0]
    most = int(np.argmax(counts))
    return Share(
        count=len(used),
        median=float(np.median(used)),
        p99=float(np.quantile(used, 0.99, method="lower")),
        once=int((used == 1).sum()),
        top=shares_of_top(used, _TOP),
        most=names[most],
        most_events=int(counts[most]),
    )


def date_of(seconds: float) -> str:
    """Return a moment, in seconds since 1970, as a date and a time of UTC."""
    try:
        moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)
    except OverflowError:
        return f"{seconds:g} s after 1970"
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _times(events: Events) -> Times | None:
    if events.time is None:
        return None
    read = events.seconds()
    unit, seconds = read if read is not None else (None, events.time)
    ordered = np.sort(seconds)
    first, last = float(ordered[0]), float(ordered[-1])
    say = date_of if unit is not None else "{:g}".format
    if unit is None:
        return Times(None, say(first), say(last), _order(seconds), 0.0, 0, 0.0, 0.0, "",
                     _tied(events))  # fmt: skip
    days = np.floor(ordered / DAY).astype(np.int64)
    _, a_day = np.unique(days, return_counts=True)
    apart = np.diff(ordered)
    widest = int(np.argmax(apart)) if len(apart) else 0
    return Times(
        unit=unit,
        first=say(first),
        last=say(last),
        order=_order(seconds),
        days=(last - first) / DAY,
        quiet_days=int(days[-1] - days[0]) + 1 - len(a_day),
        a_day=float(np.median(a_day)),
        gap=float(apart[widest]) / DAY if len(apart) else 0.0,
        gap_after=say(float(ordered[widest])),
        tied=_tied(events),
    )


def _order(seconds: Floats) -> str:
    steps = np.diff(seconds)
    if (steps >= 0).all():
        return "oldest first"
    return "newest first" if (steps <= 0).all() else "in no order of time"


def _tied(events: Events) -> int:
    """Return how many events share their moment with another of the user."""
    assert events.time is not None
    _, place, counts = np.unique(
        keys(events.user, events.time), return_inverse=True, return_counts=True
    )
    return int((counts[place] > 1).sum())


def _clicks(events: Events) -> Clicks | None:
    if events.clicked is None or events.watched is None:
        return None
    clicked, watched = events.clicked > 0, events.watched
    times = watched[clicked & (watched > 0)]
    median, p99 = np.quantile(times, [0.5, 0.99], method="lower") if len(times) else (0.0, 0.0)
    return Clicks(
        clicked=int(clicked.sum()),
        median=float(median),
        p99=float(p99),
        unwatched=int((clicked & (watched == 0)).sum()),
        unclicked=int((~clicked & (watched > 0)).sum()),
    )
