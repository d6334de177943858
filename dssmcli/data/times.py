"""Timestamps of logs: numbers, or dates as ISO 8601 has them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dssmcli.data.plain import signed_number_in
from dssmcli.errors import shown

Floats = npt.NDArray[np.float64]


LATEST = 1e19
"""A number farther from 0 is no timestamp: nanoseconds since 1970 are some 1.7e18."""


class Clock:
    """Reads the timestamps of a log, which are all numbers (of any unit) or all dates.

    Dates become seconds since 1970; a `Z` behind them is allowed, other zones are not.
    """

    def __init__(self) -> None:
        self._dates: bool | None = None

    def read(self, texts: Sequence[str]) -> Floats:
        """Return timestamps (n,) in which `wrong` found nothing."""
        return self._of(texts)

    def wrong(self, texts: Sequence[str]) -> dict[int, str]:
        """Return what is wrong with timestamps, by their places."""
        if texts and self._dates is None:
            self._dates = np.isnan(signed_number_in(texts[0])) and not np.isnan(_date(texts[0]))
        try:
            if (np.abs(self._of(texts)) <= LATEST).all():
                return {}
        except ValueError:
            pass
        of = _date if self._dates else signed_number_in
        date = "a date and time such as 2024-05-31 18:30:00"
        wanted = date if self._dates else f"a number of at most {LATEST:g}"
        return {
            place: f"the timestamp is {shown(text)}, expected {wanted}."
            for place, text in enumerate(texts)
            if not abs(of(text)) <= LATEST
        }

    def _of(self, texts: Sequence[str]) -> Floats:
        if self._dates:
            return _dates(texts)
        joined = "".join(texts)
        if "_" in joined or not joined.isascii():  # as `signed_number_in` has it
            raise ValueError
        return np.array([text.strip() for text in texts], np.float64)


def _dates(texts: Sequence[str]) -> Floats:
    bare = [text.strip().removesuffix("Z") for text in texts]
    if not all(map(_DATE.fullmatch, bare)):
        raise ValueError
    micros = np.array(bare, "datetime64[us]").astype(np.int64)
    return np.where(micros == np.iinfo(np.int64).min, np.nan, micros / 1e6)


_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,18})?)?)?)?", re.ASCII)
"""What numpy would take beside it means something else: it drops the zone behind a time."""


def _date(text: str) -> float:
    try:
        return float(_dates([text])[0])
    except (ValueError, OverflowError):
        return float("nan")
