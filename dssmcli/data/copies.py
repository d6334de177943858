"""Rows that are copies of others, told from rows that are equal by chance."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

_SHARE = 0.1
_DISTINCT, _EXPECTED, _FEW = 20, 5.0, 0.2
_POISSON = 1.5
"""Of rows that repeat by chance, n2² is so many times n1 · n3, or less where some are likelier."""


class Copies(NamedTuple):
    """How many of the rows repeat an earlier one; times: how often every row stands, 1 if once."""

    again: int
    rows: int
    times: int

    def said(self, what: str = "row") -> str:
        """Return what is to be said of them, as the beginning of a sentence."""
        if self.times > 1:
            often = "twice" if self.times == 2 else f"{self.times} times"
            return (
                f"every {what} stands {often}, as where a file was put together with itself "
                f"({self.again:,} of {self.rows:,} rows repeat an earlier one)"
            )
        share = self.again / self.rows
        return f"{self.again:,} of {self.rows:,} rows ({share:.0%}) repeat an earlier {what}"


def keys(*parts: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """Return a hash (N,) of several arrays (N,): equal where all are equal."""
    found = np.full(len(parts[0]), np.uint64(0x9E3779B97F4A7C15))
    with np.errstate(over="ignore", invalid="ignore"):  # bits of hashes may be those of a nan
        for part in parts:
            bits = np.ascontiguousarray(part.astype(np.float64) + 0.0).view(np.uint64)
            found = (found ^ bits) * np.uint64(0xC2B2AE3D27D4EB4F)
            found ^= found >> np.uint64(29)
    return found


def copies_among(hashes: npt.NDArray[Any]) -> Copies | None:
    """Return how many of N rows are copies, told by their hashes (N,); None where it may be chance.

    They are copies where every row stands twice, or every row three times, and so on. A tenth of
    the rows that repeat others are copies where few stand three times: n_k different rows stand k
    times, and were it by chance, n_3 would be about n_2² / (1.5 · n_1) or more, as it is of Poisson
    numbers. Of 1,000 rows, 100 of which were appended once more, n_1 is 900, n_2 100 and n_3 0
    instead of 7.
    """
    counts = _counts(hashes)
    again, rows = len(hashes) - len(counts), len(hashes)
    whole = whole_copies(hashes)
    if whole is not None or again < _SHARE * rows or len(counts) < _DISTINCT:
        return whole
    once, twice, more = (counts == 1).sum(), (counts == 2).sum(), (counts > 2).sum()
    expected = twice**2 / (_POISSON * max(1, once))
    few = expected >= _EXPECTED and more <= _FEW * expected
    return Copies(again, rows, 1) if few else None


def whole_copies(hashes: npt.NDArray[Any]) -> Copies | None:
    """Return the same where every row stands twice, or three times, and so on; else None."""
    counts = _counts(hashes)
    times = int(np.gcd.reduce(counts)) if len(counts) >= _DISTINCT else 1
    return Copies(len(hashes) - len(counts), len(hashes), times) if times > 1 else None


def _counts(hashes: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return how often each different hash stands among N, in no order."""
    ordered = np.sort(hashes)
    begins = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    return np.diff(begins, prepend=0, append=len(hashes))


def learned_lines(found: Copies | None) -> list[str]:
    """Return a warning about copies among rows to learn from."""
    if found is None:
        return []
    return [
        f"Warning: {found.said()}, answer included. They weigh more, and some are trained on and "
        "validated on: keep one of each."
    ]


def judged_lines(found: Copies | None) -> list[str]:
    """Return a warning about copies among rows to judge by."""
    if found is None:
        return []
    return [
        f"Warning: {found.said()}, answer included: the figures' intervals are narrower than "
        "they should be. Keep one of each."
    ]
