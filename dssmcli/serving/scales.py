"""The scales of a panel's axes."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator

from dssmcli.serving.charts import Axis, Bars, Cells, Line, Links, Panel, Points, Range, Rule

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_MOST_DIGITS = 4
LONGEST_NAME = 24
"""Columns of what an axis says at a place."""
_ROOM = 0.05
"""Part of a range that is left free at either end."""


def ranges(panel: Panel) -> tuple[Range, Range]:
    """Return the ranges of a panel's axes, x and y."""
    x: list[float] = []
    y: list[float] = []
    for mark in panel.marks:
        if isinstance(mark, Rule):
            (x if mark.axis == "x" else y).append(mark.at)
        elif isinstance(mark, Bars):
            x += mark.edges
            y += [0.0, *mark.heights]
        elif isinstance(mark, Line | Points):
            x += mark.x
            y += mark.y
            x += (*mark.low, *mark.high) if isinstance(mark, Points) else ()
        elif isinstance(mark, Links):
            x += (*mark.x, *mark.to_x)
            y += (*mark.y, *mark.to_y)
        elif isinstance(mark, Cells):
            x += range(len(mark.values[0]))
            y += range(len(mark.values))
    return _range(panel.x, x), _range(panel.y, y)


def _range(axis: Axis, values: list[float]) -> Range:
    if axis.names:
        return Range(-0.5, len(axis.names) - 0.5)
    known = [value for value in values if math.isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    # Between fixed ends nothing is left free.
    room = 0.0 if axis.logarithmic else _ROOM * ((high - low) or abs(high) or 1.0)
    low = low - room if axis.low is None else min(axis.low, low)
    high = high + room if axis.high is None else max(axis.high, high)
    return Range(low, high) if low < high else Range(low, low + 1.0)


def ticks(found: Range, axis: Axis, count: int = 5) -> list[tuple[float, str]]:
    """Return where an axis has ticks, and what each says: about `count` of them."""
    if axis.names:
        return [(float(i), name) for i, name in enumerate(axis.names)]
    if axis.logarithmic:
        return [(value, f"{value:,g}") for value in _powers(found)]
    step = _step((found.high - found.low) / count)
    digits = max(0, -math.floor(math.log10(step) + 1e-9) + (step_digits(step) > 1))
    first = math.ceil(found.low / step - 1e-9)
    last = math.floor(found.high / step + 1e-9)
    return [(i * step, _said(i * step, digits)) for i in range(first, last + 1)]


def _said(value: float, digits: int) -> str:
    """Return a tick's text: with all its digits, or of very small numbers the leading ones."""
    if digits > _MOST_DIGITS and value:
        number, _, power = f"{value:.3e}".partition("e")
        return f"{number.rstrip('0').rstrip('.')}e{int(power)}"
    # Adding 0 makes of -0 what it is.
    return f"{round(value, digits) + 0.0:,.{min(digits, _MOST_DIGITS)}f}"


def _step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in _STEPS if step * power >= least * (1 - 1e-9))


def step_digits(step: float) -> int:
    """Return how many digits a step has that are not 0: two for 2.5 and the like, else one."""
    leading = step / 10.0 ** math.floor(math.log10(step) + 1e-9)
    return 2 if abs(leading - 2.5) < 1e-6 else 1


def _powers(found: Range) -> Iterator[float]:
    power = 10.0 ** math.floor(math.log10(found.low))
    while power <= found.high:
        yield from (p for p in (power, 2 * power, 5 * power) if found.low <= p <= found.high)
        power *= 10


def shortened(text: str, limit: int = LONGEST_NAME) -> str:
    """Return a text of at most so many columns, of which a Chinese character takes two.

    What is too long loses its middle: names in one folder begin alike, and end differently.
    """
    if width_of(text) <= limit:
        return text
    head, tail = text[: len(text) // 2], text[len(text) // 2 :]
    while width_of(head) + width_of(tail) > limit - 1:
        if width_of(head) > limit // 3:
            head = head[:-1]
        else:
            tail = tail[1:]
    return f"{head}…{tail}"


def width_of(text: str) -> int:
    """Return how many columns a text takes."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
