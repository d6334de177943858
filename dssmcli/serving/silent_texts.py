"""Texts that say nothing: without a letter, digit or symbol, their vectors are rows of zeros."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dssmcli.errors import WARNING, counted, shown

_MANY = 0.1


def silent_places(rows: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Return which rows (n, D) are zeros."""
    places = np.flatnonzero(rows[:, 0] == 0)  # few others begin with a 0
    return places[~rows[places].any(axis=1)]


class SilentTexts:
    """Counts texts that say nothing, but for empty ones.

    what: a word for them; then: what becomes of them.
    """

    def __init__(self, what: str, then: str) -> None:
        self._what, self._then = what, then
        self._texts = self._silent = 0
        self._first = ""

    def add(self, texts: Sequence[str], rows: npt.NDArray[np.floating]) -> None:
        """Count texts, given their rows (n, D)."""
        places = [place for place in silent_places(rows).tolist() if texts[place].strip()]
        if places and not self._silent:
            place = places[0]
            self._first = f"number {self._texts + place + 1:,}, {shown(texts[place])}"
        self._texts += len(rows)
        self._silent += len(places)

    @property
    def note(self) -> str:
        """Return what there is to say: a warning of many, nothing of none."""
        if not self._silent:
            return ""
        said = (
            f"Without a letter, digit or symbol, so {self._then}: "
            f"{counted(self._silent, self._what)} (the first: {self._first})."
        )
        return f"{WARNING}{said}" if self._silent >= _MANY * self._texts else said
