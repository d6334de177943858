"""Warns of a log in which many events stand twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli.data.log_events import keys

_MANY = 0.2


def repeated_lines(
    user: npt.NDArray[Any], item: npt.NDArray[Any], time: npt.NDArray[Any] | None
) -> Iterator[str]:
    """Warn if many of the events (N,) have the user, item and moment of another."""
    if time is None or not len(user):
        return
    again = len(user) - len(np.unique(keys(user, item, time)))
    if again >= _MANY * len(user):
        yield (
            f"Warning: {again:,} of {len(user):,} rows have a user, item and moment that another "
            "row has, as where a log was put together twice: each counts as an event of its own. "
            "Keep one of each."
        )
