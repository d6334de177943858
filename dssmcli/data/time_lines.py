"""Says from when to when timestamps are, and in which unit numbers seem to count time."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from dssmcli.data.dates import date_text
from dssmcli.data.exact_times import Floats, Times

_UNITS = (
    ("seconds", 5e8, 5e9, 10**9),
    ("milliseconds", 5e11, 5e12, 10**6),
    ("microseconds", 5e14, 5e15, 10**3),
    ("nanoseconds", 5e17, 5e18, 1),
)
"""Units of time since 1970, between which numbers they lie from 1985 to 2128, and their nanos."""


def ends_of(times: Times) -> tuple[Fraction, Fraction]:
    """Return the first and the last moment."""
    ends = (times.time.min(), times.time.max())
    first, last = (times.origin + Fraction(float(end)) for end in ends)
    return first, last


def unit_of(number: Fraction) -> tuple[str, int] | None:
    """Return in which unit a number may count time since 1970, and the unit in nanoseconds."""
    for name, low, high, nanos in _UNITS:
        if low <= number < high:
            return name, nanos
    return None


def number_lines(times: Times, first: Fraction, last: Fraction) -> Iterator[str]:
    """Yield what a person should know of numbers, given the first and the last of them."""
    units = (unit_of(first), unit_of(last))
    said = [
        f"{_digits(each)} ({unit[0]} since 1970: {date_text(int(each * unit[1]))})"
        if unit
        else _digits(each)
        for each, unit in zip((first, last), units, strict=True)
    ]
    if units[0] and units[0] == units[1]:
        dates = [date_text(int(each * units[0][1])) for each in (first, last)]
        yield (
            f"Moments: from {dates[0]} to {dates[1]} UTC, if they are {units[0][0]} since 1970, as "
            "their size says."
        )
    elif units[0] and units[1]:
        yield (
            f"Warning: timestamps from {said[0]} to {said[1]}: numbers of several units, so their "
            "order is not that of time. Write all in one unit."
        )
    elif usual := unit_of(times.origin + Fraction(float(np.median(times.time)))):
        far = said[0] if units[0] is None else said[1]
        yield (
            f"Warning: timestamps such as {far} are no {usual[0]} since 1970, as most are: they "
            "stand first or last, whenever they were. Skip such rows, or write their true times."
        )
    elif _like_dates(times):
        yield (
            f"Moments: from {said[0]} to {said[1]}, taken as numbers: in order, but between "
            "months lies more than a day. Written as 2024-03-01 they would be dates."
        )
    else:
        yield f"Moments: from {said[0]} to {said[1]}, numbers of a unit of their own."


OWN = "numbers of a unit of their own"


def time_unit(time: Floats | None, origin: int) -> str | None:
    """Return in which unit moments (N,) behind an origin count time since 1970, as half of them
    say: seconds, milliseconds …, or OWN; None without moments. Dates are seconds."""
    if time is None or not len(time):
        return None
    unit = unit_of(origin + Fraction(float(np.median(time))))
    return OWN if unit is None else unit[0]


def unit_lines(times: Times, known: str | None) -> Iterator[str]:
    """Say that moments are of another unit than those that a run has learned from.

    known: the `time_unit` of these, None where nobody knows.
    """
    unit = time_unit(times.time, times.origin)
    if None not in (unit, known) and unit != known:
        here, there = (each if each == OWN else f"{each} since 1970" for each in (unit, known))
        yield (
            f"Warning: moments are {here}, those learned from are {there}: how long ago something "
            "was is mistaken, and what came first. Write them as there."
        )


def looks_like_epoch(times: Times) -> bool:
    """Tell whether numbers look like time since 1970 in one unit, or like 20240301."""
    units = [unit_of(each) for each in ends_of(times)]
    return (units[0] is not None and units[0] == units[1]) or _like_dates(times)


def order_lines(times: Times) -> Iterator[str]:
    """Say whether rows stand in another order than that of their moments."""
    order = times.order
    if len(order) > 1 and (order[1:] == order[:-1]).all():
        yield "Warning: all moments are the same one: rows are taken in the order of the log."
        return
    later, earlier = bool((order[1:] > order[:-1]).any()), bool((order[1:] < order[:-1]).any())
    if earlier:
        how = "do not stand in the order of time" if later else "stand newest first"
        yield f"Rows {how}: taken by their moments."


def newest_first(times: Times) -> bool:
    """Tell whether rows stand in the opposite order of their moments, those of one moment, too."""
    order = times.order
    return bool(len(order) and (order[1:] <= order[:-1]).all() and order[0] != order[-1])


def _digits(number: Fraction) -> str:
    return f"{int(number):,}" if number.denominator == 1 else f"{float(number):,.6g}"


def _like_dates(times: Times) -> bool:
    """Tell whether all numbers are like 20240301 or 20240301183000."""
    if times.origin or not len(times.time):
        return False
    time = times.time
    if (time >= 19_000_101_000_000).all() and (time <= 21_001_231_235_959).all():
        time = time // 1_000_000
    if not ((time >= 19_000_101) & (time <= 21_001_231) & (time % 1 == 0)).all():
        return False
    day, month = time % 100, time // 100 % 100
    return bool(((day >= 1) & (day <= 31) & (month >= 1) & (month <= 12)).all())
