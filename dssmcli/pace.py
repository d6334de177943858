"""Tells on stderr how far a stream of lines has come: lines/s, and the time left.

In place on a terminal, else a line now and then. Not with rich, whose import takes as long as
encoding tens of thousands of lines.
"""

from __future__ import annotations

import contextlib
import sys
import time

_SECONDS_LIVE, _SECONDS_PLAIN = 0.2, 10.0


class Pace:
    """Counts lines and tells of them; says nothing at all when quiet."""

    def __init__(self, quiet: bool) -> None:
        self._live = sys.stderr is not None and sys.stderr.isatty()
        self._every = _SECONDS_LIVE if self._live else _SECONDS_PLAIN
        self._quiet = quiet or sys.stderr is None
        self._began = self._told = time.monotonic()
        self._lines = 0
        self._drawn = False

    def lines(self, count: int, share: float | None) -> None:
        """Count lines; `share` says how much of the input is done, None where nobody knows."""
        self._lines += count
        now = time.monotonic()
        if self._quiet or now - self._told < self._every:
            return
        self._told = now
        said = f"{self._lines:,} lines  {self.speed:,.0f} lines/s"
        if share:
            said += f"  {clock((now - self._began) * (1 - share) / share)} left"
        self._write(f"\r\033[K{said}" if self._live else f"{said}\n")
        self._drawn = self._live

    @property
    def speed(self) -> float:
        """Return the lines/s so far."""
        return self._lines / max(1e-9, time.monotonic() - self._began)

    def clear(self) -> None:
        """Take the line off the terminal."""
        if self._drawn:
            self._write("\r\033[K")
            self._drawn = False

    @staticmethod
    def _write(text: str) -> None:
        with contextlib.suppress(OSError):  # nobody need listen
            sys.stderr.write(text)
            sys.stderr.flush()


def clock(seconds: float) -> str:
    """Return a duration as minutes and seconds, 1:05, or hours too, 2:01:05."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
