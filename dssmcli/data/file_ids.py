"""Items that one of several logs calls otherwise than the others, or has in the users' column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli.data.id_spelling import spelling_hint
from dssmcli.data.table import Column
from dssmcli.errors import WARNING, counted

_FEWEST = 10
_NONE, _SOME, _HALF = 0.01, 0.2, 0.5
_MOST_FILES = 20
"""Of more files nothing is compared: it takes long."""


def file_id_lines(
    files: Sequence[str], ends: Sequence[int], user: Column, item: Column
) -> Iterator[str]:
    """Warn of a file whose items no other file has, though its users are there.

    user, item: columns whose rows stand in the order of the files; a code below 0 is no row.
    """
    if not 1 < len(files) <= _MOST_FILES:
        return
    begins = [0, *ends[:-1]]
    parts = [slice(begin, end) for begin, end in zip(begins, ends, strict=True)]
    for place, file in enumerate(files):
        if not place and len(files) == 2:
            continue  # of two, the second is told
        users, other_users = _apart(user, parts, place)
        items, other_items = _apart(item, parts, place)
        if min(len(items), len(other_items)) < _FEWEST:
            continue
        named = frozenset(item.values[code] for code in other_items.tolist())
        swapped = sum(user.values[code] in named for code in users.tolist())
        shared = len(np.intersect1d(items, other_items))
        if swapped > _HALF * len(users) and shared <= _NONE * len(items):
            yield (
                f"{WARNING}{file}: {swapped:,} of {counted(len(users), 'user')} are items in the "
                f"other files: the columns {user.name} and {item.name} may have changed places. "
                "Call them alike in all files."
            )
            continue
        known = len(np.intersect1d(users, other_users))
        if shared > _NONE * len(items) or known < max(1, _SOME * len(users)):
            continue
        there = [item.values[code] for code in other_items.tolist()]
        hint = spelling_hint((item.values[code] for code in items.tolist()), there)
        yield (
            f"{WARNING}{file}: {shared:,} of {counted(len(items), 'item')} are in the other files, "
            f"though {known:,} of {counted(len(users), 'user')} are. "
            + (hint or "If they are the same items, call them alike in all files.")
        )


def _apart(
    column: Column, parts: Sequence[slice], place: int
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the different codes of a file, and those of all others."""
    own = column.codes[parts[place]]
    others = np.concatenate([column.codes[p] for i, p in enumerate(parts) if i != place])
    return np.unique(own[own >= 0]), np.unique(others[others >= 0])
