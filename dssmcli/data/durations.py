"""Watch times as people and programs write them, in seconds."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.notation import read_numbers
from dssmcli.data.values import plain_number_in, plain_signs
from dssmcli.data.watch_shares import is_share

Floats = npt.NDArray[np.float64]

_CLOCK = re.compile(r"(?:(\d+):)?([0-5]?\d|\d+):([0-5]?\d(?:\.\d+)?)")
_PARTS = re.compile(
    r"(?:PT)?(?:(\d+(?:\.\d+)?) ?(?:h|hr|hrs|hours?|小时|时))? ?"
    r"(?:(\d+(?:\.\d+)?) ?(?:m|min|mins|minutes?|分钟|分))? ?"
    r"(?:(\d+(?:\.\d+)?) ?(?:s|sec|secs|seconds?|秒钟|秒))? ?"
    r"(?:(\d+(?:\.\d+)?) ?(?:ms|msecs?|millis|milliseconds?|毫秒))?",
    re.IGNORECASE,
)
_SECONDS = (3600.0, 60.0, 1.0, 0.001)


class Durations(NamedTuple):
    """The seconds (V,) of distinct texts, nan for none, and examples of those with their own unit
    or in an unusual notation: texts with their seconds."""

    seconds: Floats
    examples: tuple[tuple[str, float], ...]


def seconds_in(text: str) -> float:
    """Return the seconds of a text that says its unit: 00:03:25, 3m25s, 12.5 s, 350ms, 3分25秒;
    nan for others. 3:25 is three minutes."""
    bare = plain_signs(text)
    clock = _CLOCK.fullmatch(bare)
    if clock:
        hours, minutes, seconds = (float(part or 0) for part in clock.groups())
        return hours * 3600 + minutes * 60 + seconds
    parts = _PARTS.fullmatch(bare)
    if parts and any(parts.groups()):
        return sum(
            float(part or 0) * length for part, length in zip(parts.groups(), _SECONDS, strict=True)
        )
    return math.nan


def durations_of(texts: Sequence[str], counts: Sequence[int], unit: float) -> Durations:
    """Read the distinct texts (V,) of a column, of which numbers alone are of a unit, in seconds.

    counts: how many rows have each.
    """
    seconds = np.fromiter(map(plain_number_in, texts), np.float64, len(texts)) * unit
    examples: list[tuple[str, float]] = []
    for place in np.flatnonzero(np.isnan(seconds)).tolist():
        seconds[place] = seconds_in(texts[place])
        if not examples and not math.isnan(seconds[place]):
            examples.append((texts[place], float(seconds[place])))
    left = np.flatnonzero(np.isnan(seconds)).tolist()
    if left:
        read = read_numbers(texts, counts)
        share = np.array([is_share(text) for text in texts], np.bool_)
        seconds[left] = np.where(share, math.nan, read.numbers)[left] * unit
        examples += [
            (text, number * unit)
            for text, number in read.examples
            if not _own(text) and not is_share(text)
        ]
    return Durations(seconds, tuple(examples))


def _own(text: str) -> bool:
    return not math.isnan(seconds_in(text))
