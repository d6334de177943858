"""What is known of users at a moment: what they watched before it, and what else a model takes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.features import Rows
from dssmcli.data.watches import Tokens, Watches

Ints = npt.NDArray[np.int64]
Floats32 = npt.NDArray[np.float32]


class Moments(NamedTuple):
    """n moments. history: (n, L) int64, the items watched before, the newest first, from 1; 0 is
    none. tokens: (n, S) int64, search tokens, from 1 likewise. age: (n,) float32, the example age,
    a share of the log's whole time. context: features of the moment.
    """

    history: Ints
    tokens: Ints
    age: Floats32
    context: Rows


def histories(items: npt.NDArray[np.integer[Any]], begins: Ints, ends: Ints, most: int) -> Ints:
    """Return (n, L) of the last L = `most` of items[begin:end], the newest first, see Moments.

    L is less when no history is as long.
    """
    longest = int(np.maximum(ends - begins, 0).max(initial=0))
    places = ends[:, None] - 1 - np.arange(max(1, min(most, longest)))
    there = places >= begins[:, None]
    if not len(items):
        return np.zeros(places.shape, np.int64)
    return np.where(there, items[np.maximum(places, 0)].astype(np.int64) + 1, 0)


def tokens_before(tokens: Tokens | None, begins: Ints, ends: Ints, most: int) -> Ints:
    """Return the last search tokens of the watches begin:end and of the one at `end`, (n, S)."""
    if tokens is None or not most:
        return np.zeros((len(ends), 0), np.int64)
    last = tokens.ends[np.minimum(ends + 1, len(tokens.ends) - 1)]
    return histories(tokens.flat, tokens.ends[begins], last, most)


def ages(watches: Watches, places: Ints, newest: float, span: float) -> Floats32:
    """Return how long before the newest moment of training watches were, as a share of its span."""
    if watches.time is None or span <= 0:
        return np.zeros(len(places), np.float32)
    return ((newest - watches.time[places]) / span).clip(0, 1).astype(np.float32)


def no_context(count: int) -> Rows:
    """Return the context of moments of which nothing else is known."""
    return Rows(np.zeros((count, 0), np.int64), np.zeros((count, 0), np.float32))
