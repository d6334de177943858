"""Says which moments are hardly meant: those still to come, and a clock that lost AM and PM."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from dssmcli.data.dates import date_text, readings_in
from dssmcli.data.exact_times import Floats, Times
from dssmcli.data.time_lines import unit_of
from dssmcli.errors import counted

Bools = npt.NDArray[np.bool_]

_DAY, _HOUR, _NANOS = 86_400, 3600, 10**9
_FEWEST = 100
"""So many times of day show on which clock they are."""
_HALF = frozenset(range(1, 13))


def doubts_of_times(
    times: Times, dates: bool, zoned: bool, now: float | None = None
) -> Iterator[str]:
    """Yield warnings about moments of a log.

    dates: whether they are dates, else numbers. zoned: whether some of these say their time zone.
    now: in seconds since 1970, None for what the computer's clock says.
    """
    seconds = times.since(0) if dates else _seconds(times)
    if seconds is None:
        return
    moment = time.time() if now is None else now
    late = seconds[is_to_come(seconds, moment)]
    if len(late):
        lie = "lies" if len(late) == 1 else "lie"
        yield (
            f"Warning: {len(late):,} of {counted(len(seconds), 'moment')} {lie} in the future, "
            f"such as {_date(late.max())} (it is {_date(moment)} UTC): planned dates, "
            "or another clock? Mend such rows, or leave them out."
        )
    if dates and not zoned and on_half_a_day(seconds):
        yield f"Warning: {HALF_A_DAY} {WRITE_WHOLE}"


HALF_A_DAY = (
    "all times of day lie between 1:00 and 12:59, as on a clock of 12 hours that has lost AM and "
    "PM: if so, mornings and afternoons are one."
)


WRITE_WHOLE = "Write them as 18:30, or as 6:30 PM."


def naive_dates(texts: Sequence[str]) -> bool:
    """Tell whether texts are dates, of which none says its time zone."""
    moments = [each for text in texts for each in readings_in(text) if each is not None]
    return bool(moments) and not any(each.zoned for each in moments)


def is_to_come(seconds: Floats, now: float) -> Bools:
    """Tell which moments (N,) are more than a day after now, all in seconds since 1970."""
    return seconds > now + _DAY


def on_half_a_day(seconds: Floats) -> bool:
    """Tell whether times of day look like those of a clock of 12 hours without AM and PM.

    seconds: (N,), since 1970. A day without a time, which is taken for its midnight, says nothing.
    """
    of_day = seconds % _DAY
    hours = (of_day[of_day > 0] // _HOUR).astype(np.int64)
    return len(hours) >= _FEWEST and {*np.unique(hours).tolist()} == _HALF


def _seconds(times: Times) -> Floats | None:
    """Return numbers as seconds since 1970, those that are none in the unit of most as nan."""
    if not len(times.time):
        return None
    unit = unit_of(times.origin + Fraction(float(np.median(times.time))))
    if unit is None:
        return None
    seconds = times.since(0) * (unit[1] / _NANOS)
    inside = (seconds >= _EARLIEST) & (seconds < _LATEST)
    return np.where(inside, seconds, np.nan)


_EARLIEST, _LATEST = 5e8, 5e9
"""Between these, in seconds, numbers may be moments: see time_lines.unit_of."""


def _date(seconds: float) -> str:
    return date_text(int(seconds * _NANOS))
