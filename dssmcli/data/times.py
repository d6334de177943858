"""Timestamps of logs: numbers of any unit, or dates; whole numbers of any length keep their order.

A moment is a float64 behind an origin, so that 19 digits lose nothing: 0 unless they must.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from dssmcli.data.dates import (
    DAY_FIRST,
    FORMS,
    MONTH_FIRST,
    NO_DATE,
    date_text,
    readings_in,
    unclear_zone,
)
from dssmcli.data.exact_times import Floats, Ticks, Times, joined, seconds_of, times_of
from dssmcli.data.time_doubts import doubts_of_times
from dssmcli.data.time_lines import ends_of, looks_like_epoch, number_lines
from dssmcli.data.values import is_missing
from dssmcli.errors import DataError, counted, shown

LATEST = 1e30
"""A number farther from 0 is no timestamp."""
_CHARACTERS = 16
"""Texts of so many characters are exact as float64."""


class Clock:
    """Reads the timestamps of a log, which are all numbers (of any unit) or all dates.

    What the first text is that can be read says which. Dates become seconds since 1970 in UTC, for
    which dates without a zone are taken. order: how dates such as 03/04/2024 are meant, one of
    config.DATE_ORDERS, None where the column has to prove it. advice: what to do if it does not.
    """

    def __init__(self, order: str | None = None, advice: str = "") -> None:
        self._order, self._advice = order, advice
        self._proof: str | None = None
        self._dates: bool | None = None
        self._parts: list[tuple[Ticks, Ticks]] = []
        self._last: tuple[Sequence[str], _Read] | None = None
        self._zones = [0, 0]
        self._unclear: str | None = None
        self._short = 0
        self._example = ""

    @property
    def dates(self) -> str | None:
        """Return how dates such as 03/04/2024 turned out to be meant, None if there are none."""
        return self._order or self._proof

    def read(self, texts: Sequence[str]) -> Floats:
        """Return timestamps (n,) in which `wrong` found nothing, behind the origin 0."""
        clock = Clock(self._order or self._proof or DAY_FIRST)
        clock._dates = self._dates
        clock.take(texts)
        return clock.times("the log").since(0)

    def wrong(self, texts: Sequence[str]) -> dict[int, str]:
        """Return what is wrong with timestamps, by their places."""
        read = self._read(texts)
        self._last = (texts, read)
        return {place: self._told(texts[place]) for place in read.wrong}

    def take(self, texts: Sequence[str]) -> None:
        """Take timestamps in which `wrong` found nothing."""
        read = self._last[1] if self._last and self._last[0] is texts else self._read(texts)
        self._last = None
        self._parts.append((read.ticks, read.others))
        self._zones = [self._zones[0] + read.zoned, self._zones[1] + len(texts) - read.zoned]
        self._unclear = self._unclear or read.unclear
        if not self._dates:
            for text in texts if any("e" in each.lower() for each in texts) else ():
                if _SHORTENED.fullmatch(text.strip()):
                    self._short += 1
                    self._example = self._example or text

    def times(self, where: str) -> Times:
        """Return all timestamps that were taken.

        Raises DataError, which begins with `where`, when nothing says how dates are meant.
        """
        if self._unclear and not self.dates:
            day, month = (
                each and date_text(each.nanos)[:10] for each in readings_in(self._unclear)
            )
            raise DataError(
                f"{where}: timestamps such as {shown(self._unclear)} are {day} with the day first "
                f"and {month} with the month first, and none of them proves which.{self._advice}"
            )
        side = 1 if self.dates == MONTH_FIRST else 0
        parts = [part[side] for part in self._parts]
        return seconds_of(joined(parts)) if self._dates else times_of(joined(parts))

    def _told(self, text: str) -> str:
        """Say what is wrong with a timestamp."""
        zone = unclear_zone(text)
        if zone is not None:
            return (
                f"the timestamp is {shown(text)}: the zone {zone.name} has more than one meaning, "
                f"expected a distance from UTC. For one of them: sed 's/{zone.name}/{zone.usual}/' "
                "FILE > NEW"
            )
        found = f"the timestamp is {shown(text)}, expected "
        if _TIME_ALONE.fullmatch(text.strip()):
            return f"{found}a date, too: join the columns of dates and of times."
        if self._dates is None:
            return f"{found}a number, or a date such as {FORMS}."
        if not self._dates:
            readable = readings_in(text) != NO_DATE
            other = " as those before it are" if readable else ""
            return f"{found}a number{other}."
        meant = self._order or self._proof
        if readings_in(text).proof not in (None, meant):
            return f"{found}a date with the {meant.split('-')[0] if meant else 'day'} first."
        other = " as those before it are" if not math.isnan(_number(text)) else ""
        return f"{found}a date and time{other}, such as {FORMS}."

    def _read(self, texts: Sequence[str]) -> _Read:
        if self._dates is None:
            self._dates = _are_dates(texts)
        if not self._dates:
            return _numbers(texts)
        plain = _plain_dates(texts)
        return self._any_dates(texts) if plain is None else plain

    def _any_dates(self, texts: Sequence[str]) -> _Read:
        """Read dates one by one."""
        known = {text: readings_in(text) for text in dict.fromkeys(texts)}
        wrong, unclear = [], None
        day, month = np.empty(len(texts), object), np.empty(len(texts), object)
        zoned = 0
        for place, text in enumerate(texts):
            found = known[text]
            meant = self._order or self._proof
            if meant is None and found.proof:
                self._proof = meant = found.proof
            chosen = found.month_first if meant == MONTH_FIRST else found.day_first
            if chosen is None:
                wrong.append(place)
                day[place] = month[place] = 0
                continue
            unclear = unclear or (None if found.clear or meant else text)
            zoned += chosen.zoned
            day[place] = (found.day_first or chosen).nanos
            month[place] = (found.month_first or chosen).nanos
        return _Read(_compact(day), _compact(month), wrong, zoned, unclear)

    def lines(self, times: Times) -> Iterator[str]:
        """Yield what a person should know of what was read: its unit, span, zones and doubts."""
        if not len(times.time):
            return
        first, last = ends_of(times)
        if self._dates:
            nanos = [int(each * 10**9) for each in (first, last)]
            yield f"Moments: from {date_text(nanos[0])} to {date_text(nanos[1])} UTC."
            yield from self._told_dates()
            return
        yield from number_lines(times, first, last)
        if self._short:
            yield (
                f"Warning: {counted(self._short, 'timestamp')} such as {self._example} "
                "lost the last digits, as in a spreadsheet: moments that differ are one. Write "
                "them out in full."
            )

    def doubts(self, times: Times, now: float | None) -> Iterator[str]:
        """Yield warnings about moments that are hardly meant; now: see `doubts_of_times`."""
        yield from doubts_of_times(times, bool(self._dates), bool(self._zones[0]), now)

    def _told_dates(self) -> Iterator[str]:
        zoned, naive = self._zones
        if zoned and naive:
            yield (
                f"Warning: {counted(naive, 'timestamp')} without a time zone beside {zoned:,} "
                "with one: taken for UTC."
            )
        if self._proof and not self._order:
            what = "day" if self._proof == DAY_FIRST else "month"
            yield f"Dates have the {what} first, as some of them prove."


DATES, EPOCH, NUMBERS = "dates", "epoch", "numbers"


def moment_kind(texts: Sequence[str]) -> str | None:
    """Return what texts of a column may be: DATES, numbers that look like time since 1970 or like
    20240301 (EPOCH), other NUMBERS; None where most are none of these."""
    present = [text for text in texts if not is_missing(text)]
    clock = Clock(DAY_FIRST)
    wrong = clock.wrong(present)
    if len(wrong) > _ODD * len(present) or not present:
        return None
    if clock._dates:
        return DATES
    clock.take([text for place, text in enumerate(present) if place not in wrong])
    return EPOCH if looks_like_epoch(clock.times("the log")) else NUMBERS


def moments_among(columns: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the kinds of the columns that may hold moments, by the first of their texts."""
    kinds = {name: moment_kind(texts[:_SAMPLE]) for name, texts in columns.items()}
    return {name: kind for name, kind in kinds.items() if kind is not None}


_SAMPLE = 1000
_ODD = 0.1


class _Read(NamedTuple):
    """What was read of n texts: ticks with the day first, `others` with the month first; where
    something is wrong; how many have a zone; one that does not say which of day and month it has.
    """

    ticks: Ticks
    others: Ticks
    wrong: list[int]
    zoned: int = 0
    unclear: str | None = None


_SHORTENED = re.compile(r"\d(\.\d{1,9})?[eE]\+?(09|\d{2,})")
_TIME_ALONE = re.compile(r"\d\d?:\d\d(:\d\d)?(\.\d+)?( ?[ap]m)?", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?)?", re.ASCII)
"""What numpy reads, and nothing that it reads otherwise: it drops the zone behind a time."""
_SLASHES = re.compile(r"^(\d{4})/(\d\d)/")
_SUFFIX = re.compile(r"(?<=\d)(Z| UTC| GMT|[+-]00:00)$")


def _are_dates(texts: Sequence[str]) -> bool | None:
    """Tell whether the first text that can be read is a date and no number; None if none can."""
    for text in texts:
        if not math.isnan(_number(text)):
            return False
        if readings_in(text) != NO_DATE:
            return True
    return None


def _number(text: str) -> float:
    bare = text.strip()
    try:
        value = float(bare) if bare.isascii() and "_" not in bare else math.nan
    except ValueError:
        return math.nan
    return value if abs(value) <= LATEST else math.nan


def _numbers(texts: Sequence[str]) -> _Read:
    """Read numbers: at once where all are right, else one by one."""
    whole = _whole(texts) if texts else np.zeros(0, np.int64)
    if whole is not None:
        return _Read(whole, whole, [])
    joined = "".join(texts)
    if "_" not in joined and joined.isascii() and max(map(len, texts)) <= _CHARACTERS:
        try:
            found = np.array([text.strip() for text in texts], np.float64)
            if (np.abs(found) <= LATEST).all():
                return _Read(found, found, [])
        except ValueError:
            pass
    ticks, wrong = np.zeros(len(texts), object), []
    for place, text in enumerate(texts):
        if math.isnan(_number(text)):
            wrong.append(place)
        else:
            exact = _fraction(text.strip())
            ticks[place] = int(exact) if exact.denominator == 1 else exact
    ticks = _compact(ticks)
    return _Read(ticks, ticks, wrong)


def _fraction(text: str) -> Fraction:
    """Return a number exactly, but for one written at such length that nobody means it."""
    plain = "e" not in text.lower() and len(text) <= _LONGEST
    return Fraction(text) if plain else Fraction(float(text))


_LONGEST = 60


def _whole(texts: Sequence[str]) -> Ticks | None:
    """Return whole numbers of up to 18 digits, None where a text is something else."""
    bare = [text.strip() for text in texts]
    joined = "".join(bare)
    if not (joined.isascii() and joined.replace("-", "").isdigit()) or not all(bare):
        return None
    if max(map(len, bare)) > 18:
        return None
    try:
        return np.array([*map(int, bare)], np.int64)
    except ValueError:
        return None


def _compact(ticks: Ticks) -> Ticks:
    """Return objects as int64 if all are whole and not too large."""
    if not len(ticks):
        return np.zeros(0, np.int64)
    if all(type(each) is int for each in ticks) and max(map(abs, ticks)) < 2**62:
        return ticks.astype(np.int64)
    return ticks


def _plain_dates(texts: Sequence[str]) -> _Read | None:
    """Return dates that all are as ISO 8601 has them, in UTC if anywhere; None for others."""
    bare = [text.strip() for text in texts]
    joined = "".join(bare)
    if "/" in joined:
        bare = [_SLASHES.sub(r"\1-\2-", text) for text in bare]
    zoned = 0
    if any(mark in joined for mark in "ZUG+") or "-00:00" in joined:
        cut = [_SUFFIX.sub("", text) for text in bare]
        zoned = sum(a is not b and a != b for a, b in zip(bare, cut, strict=True))
        bare = cut
    if not all(map(_DATE.fullmatch, bare)):
        return None
    try:
        micros = np.array(bare, "datetime64[us]").astype(np.int64)
        if np.abs(micros).max(initial=0) >= 2**62 // 1000:
            return None
        fine = max(map(len, bare), default=0) > len("2024-05-31 18:30:00.123456")
        ticks = np.array(bare, "datetime64[ns]").astype(np.int64) if fine else micros * 1000
    except ValueError:  # a day that is none: told one by one
        return None
    return _Read(ticks, ticks, [], zoned)
