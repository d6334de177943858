"""Numeric columns whose names were exchanged: each holds what the other had in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_SLACK = 0.1
"""So much of what a column is wide may lie outside of it."""


class Span(NamedTuple):
    """A numeric column: training's numbers were from low to high, these from lowest to highest."""

    name: str
    low: float
    high: float
    lowest: float
    highest: float

    def fits(self, other: Span) -> bool:
        """Tell whether these numbers are such as another column had in training."""
        slack = _SLACK * (other.high - other.low)
        return other.low - slack <= self.lowest and self.highest <= other.high + slack


def exchanged(name: str, spans: Sequence[Span]) -> str:
    """Say which column of others one seems to be exchanged with, with a space in front; nothing
    where none is. The numbers of that one lie outside of training's."""
    own = next(span for span in spans if span.name == name)
    for other in spans:
        if other.name != name and own.fits(other) and other.fits(own):
            return (
                f" Its numbers are such as {other.name} had in training, and those of "
                f"{other.name} such as {name} had: are the two names exchanged?"
            )
    return ""
