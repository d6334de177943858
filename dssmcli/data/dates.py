"""Dates and times as people and programs write them, as nanoseconds since 1970 in UTC."""

from __future__ import annotations

import re
from datetime import date
from typing import NamedTuple

from dssmcli.config import DATE_ORDERS

DAY_FIRST, MONTH_FIRST = DATE_ORDERS

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
FORMS = (
    "2024-05-31, 2024/5/31 18:30, 2024-05-31T18:30:00.5+08:00, 20240531T183000Z, 31 May 2024 or "
    "2024年5月31日"
)
"""Dates that can be read, for messages."""


class Moment(NamedTuple):
    """nanos: since 1970 in UTC. zoned: whether the text says its time zone."""

    nanos: int
    zoned: bool


class Readings(NamedTuple):
    """What a text may mean, None where it is no date: with the day first, and the month first.

    Both are the same but for dates such as 03/04/2024.
    """

    day_first: Moment | None
    month_first: Moment | None

    @property
    def proof(self) -> str | None:
        """Return which of config.DATE_ORDERS the text proves, None if it says nothing of it."""
        if (self.day_first is None) == (self.month_first is None):
            return None
        return MONTH_FIRST if self.day_first is None else DAY_FIRST

    @property
    def clear(self) -> bool:
        """Tell whether the text means one moment alone, whatever other texts say."""
        return self.day_first is not None and self.day_first == self.month_first


NO_DATE = Readings(None, None)

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_YEAR_FIRST = re.compile(r"(\d{4})(?:([-/.])(\d\d?)\2(\d\d?)|年(\d\d?)月(\d\d?)[日号]?)")
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(?=T\d)")
_YEAR_LAST = re.compile(r"(\d\d?)([-/.])(\d\d?)\2(\d{4})")
_NAMED = re.compile(
    r"(?:[a-z]{3,9},? +)?"  # the day of the week
    r"(?:(\d\d?)(?:st|nd|rd|th)?[- /]([a-z]{3,9})\.?,?[- /](\d{4})"
    r"|([a-z]{3,9})\.? +(\d\d?)(?:st|nd|rd|th)?,? +(\d{4}))",
    re.IGNORECASE,
)
_UNIX = re.compile(
    r"[a-z]{3} ([a-z]{3}) +(\d\d?) (\d\d:\d\d:\d\d) (?:(\S+) )?(\d{4})", re.IGNORECASE
)
_TIME = re.compile(
    r"(?:[T ,:] *|(?<=[日号]))(上午|下午)?"
    r"(\d\d?)(?:[:时点](\d\d?)(?:[:分](\d\d?)(?:[.,](\d{1,18}))?)?[分秒]?)?[时点]?"
    r"(?: ?([ap])\.?m\.?)?",
    re.IGNORECASE,
)
_HOUR = re.compile(r"[T ]\d\d|.*[时点]")
"""An hour without minutes."""
_CLOCK = re.compile(r"[T ]?(\d\d)(\d\d)(?:(\d\d)(?:[.,](\d{1,18}))?)?(?=Z|[-+ ]|$)")
_ZONE = re.compile(
    r" ?(?:Z|(?:UTC|GMT)?([+-])(\d\d?)(?::?(\d\d))?|UTC|GMT)(?:\[[\w/+-]+\])?", re.IGNORECASE
)
_DOTTED = re.compile(r"\d\d?\.\d\d?\.\d{4}")


def readings_in(text: str) -> Readings:
    """Return what a text means as a date, with or without a time and a zone."""
    bare = text.strip().translate(_PLAIN)
    if not bare.isascii() and not _CHINESE.fullmatch(bare):
        return NO_DATE
    unix = _UNIX.fullmatch(bare)
    if unix:
        month, day, time, zone, year = unix.groups()
        bare = f"{day} {month} {year} {time} {zone or ''}".rstrip()
    for form in (_YEAR_FIRST, _COMPACT, _YEAR_LAST, _NAMED):
        found = form.match(bare)
        if found:
            rest = _rest(bare, found.end(), compact=form is _COMPACT)
            return NO_DATE if rest is None else _readings(form, found, rest)
    return NO_DATE


_PLAIN = {0xA0: " ", 0x202F: " ", 0xFF1A: ":"}
"""Spaces that do not break, as before AM, and the colon of Chinese text."""
_CHINESE = re.compile(r"[\x20-\x7e年月日号时点分秒上下午]+")


class Zone(NamedTuple):
    """A time zone by its letters, and the distance from UTC that it mostly means here."""

    name: str
    usual: str


def unclear_zone(text: str) -> Zone | None:
    """Return the zone of a date that can be read but for that, as CST is China's and Chicago's."""
    if readings_in(text) != NO_DATE:
        return None
    for name in _LETTERS.findall(text):
        usual = _ZONES.get(name, "+0000")
        if readings_in(text.replace(name, usual)) != NO_DATE:
            return Zone(name, usual)
    return None


_LETTERS = re.compile(r"\b[A-Z]{3,5}\b")
_ZONES = {
    **{"CST": "+0800", "HKT": "+0800", "SGT": "+0800", "JST": "+0900", "KST": "+0900"},
    **{"IST": "+0530", "MSK": "+0300", "EET": "+0200", "CEST": "+0200", "CET": "+0100"},
    **{"BST": "+0100", "WET": "+0000", "EDT": "-0400", "EST": "-0500", "CDT": "-0500"},
    **{"MDT": "-0600", "MST": "-0700", "PDT": "-0700", "PST": "-0800"},
}


class _Rest(NamedTuple):
    """What stands behind the day: nanoseconds since its midnight, in UTC if it is zoned."""

    nanos: int
    zoned: bool


def _rest(text: str, place: int, compact: bool) -> _Rest | None:
    """Return the time and the zone that stand at a place, None where something else does."""
    nanos = 0
    found = (_CLOCK if compact else _TIME).match(text, place)
    if found:
        time = _compact_time(found) if compact else _time(found)
        if time is None:
            return None
        nanos, place = time, found.end()
    if place == len(text):
        return _Rest(nanos, zoned=False)
    zone = _ZONE.fullmatch(text, place)
    if zone is None:
        return None
    sign, hours, minutes = zone.groups()
    if sign and not found and not minutes:
        return None
    offset = int(hours or 0) * 3600 + int(minutes or 0) * 60
    if offset > 86_400 or int(minutes or 0) > 59:
        return None
    return _Rest(nanos + (offset if sign == "-" else -offset) * SECOND, zoned=True)


def _time(found: re.Match[str]) -> int | None:
    """Return the nanoseconds since midnight of a time with marks between its parts."""
    chinese, hour, minute, second, fraction, half = found.groups()
    hours = int(hour)
    if half or chinese:
        if not 1 <= hours <= 12 or (half and minute is None and ":" in found.group()):
            return None
        late = chinese == "下午" or (half or "").lower() == "p"
        hours = hours % 12 + (12 if late else 0)
    elif minute is None and not _HOUR.fullmatch(found.group()):
        return None
    return _since_midnight(hours, int(minute or 0), int(second or 0), fraction)


def _compact_time(found: re.Match[str]) -> int | None:
    hour, minute, second, fraction = found.groups()
    return _since_midnight(int(hour), int(minute), int(second or 0), fraction)


def _since_midnight(hour: int, minute: int, second: int, fraction: str | None) -> int | None:
    whole = hour == 24 and not minute and not second  # the day's end, as ISO 8601 has it
    if (hour > 23 and not whole) or minute > 59 or second > 60:  # a leap second is the next one
        return None
    nanos = int((fraction or "").ljust(9, "0")[:9])
    return (hour * 3600 + minute * 60 + second) * SECOND + nanos


def _readings(form: re.Pattern[str], found: re.Match[str], rest: _Rest) -> Readings:
    if form is _YEAR_LAST:
        first, _, second, year = found.groups()
        day_first = _moment(year, second, first, rest)
        if _DOTTED.match(found.group()):  # which nobody writes with the month first
            return Readings(day_first, day_first)
        return Readings(day_first, _moment(year, first, second, rest))
    groups = [each for each in found.groups() if each is not None and each not in "-/."]
    if form is _NAMED:
        day, name, year = groups if groups[0].isdecimal() else (groups[1], groups[0], groups[2])
        number = _MONTHS.get(name[:3].lower())
        groups = [year, str(number or 0), day]
    moment = _moment(groups[0], groups[1], groups[2], rest)
    return Readings(moment, moment)


def _moment(year: str, month: str, day: str, rest: _Rest) -> Moment | None:
    try:
        days = date(int(year), int(month), int(day)).toordinal() - _EPOCH
    except ValueError:
        return None
    return Moment(days * DAY + rest.nanos, rest.zoned)


_EPOCH = date(1970, 1, 1).toordinal()


def date_text(nanos: int) -> str:
    """Return a moment, nanoseconds since 1970 in UTC, as 2024-05-31 18:30:00."""
    days, rest = divmod(nanos, DAY)
    ordinal = days + _EPOCH
    if not 1 <= ordinal <= date.max.toordinal():
        return "a time beyond the calendar"
    seconds = rest // SECOND
    hour, minute = divmod(seconds // 60, 60)
    day = date.fromordinal(ordinal).isoformat()
    return f"{day} {hour:02}:{minute:02}:{seconds % 60:02}"
