"""Warns of events that stand twice: in one log, or in one that should come before another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli.data.copies import keys, whole_copies
from dssmcli.data.event_hashes import event_hashes
from dssmcli.data.watches import Watches

_MANY = 0.2
_SOME = 0.01
_HALF, _APART = 0.5, 0.4
"""Without moments, watches again of what a user had watched look the same."""


def repeated_lines(
    user: npt.NDArray[Any], item: npt.NDArray[Any], time: npt.NDArray[Any] | None
) -> Iterator[str]:
    """Warn if many of the events (N,) have the user, item and moment of another.

    Without moments: if every user has each item twice, or three times, and so on.
    """
    if time is None:
        copies = whole_copies(keys(user, item))
        if copies is not None:
            yield f"Warning: {copies.said('user and item')}. Keep one of each."
        return
    if not len(user):
        return
    again = len(user) - len(np.unique(keys(user, item, time)))
    if again >= _MANY * len(user):
        yield (
            f"Warning: {again:,} of {len(user):,} rows have a user, item and moment that another "
            "row has, as where a log was put together twice: each counts as an event of its own. "
            "Keep one of each."
        )


def history_lines(before: Watches, later: Watches) -> Iterator[str]:
    """Warn if watches to find stand in the history that they are to be found from.

    Without moments they are told by user and item, and compared with how often users of the history
    come back to an item.
    """
    known, hashes = event_hashes(before), event_hashes(later)
    count = int(np.isin(hashes, known).sum())
    share = count / max(1, len(hashes))
    columns, enough = "user, item and moment", count > 0 and share >= _SOME
    if later.time is None:
        again = 1 - len(np.unique(known)) / max(1, len(known))
        columns, enough = "user and item", share >= _HALF and share >= again + _APART
    if enough:
        yield (
            f"Warning: {count:,} of {len(hashes):,} watches to find stand in the history already "
            f"(the same {columns}): they are looked for behind themselves, and the figures say "
            "nothing. The history must end where these watches begin: leave them out of it."
        )
