"""Hashes of the events of logs (who, what, when), by which a run knows them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli.data.fingerprint import (
    NOTHING,
    Bools,
    Fingerprint,
    Marks,
    repeats,
    row_hashes,
    sketch_of,
    whole_sketch,
)
from dssmcli.data.impressions import Impressions
from dssmcli.data.seen import Seen, seen
from dssmcli.data.watches import Watches
from dssmcli.text.hashing import Floats, Hashes, number_hashes, text_hashes

Ints = npt.NDArray[np.integer[Any]]


def event_hashes(log: Watches | Impressions) -> Hashes:
    """Return a hash (N,) of each event of a log: of user, item and moment, if there are any."""
    columns = [_named(log.users, log.user), _named(log.items, log.item)]
    if log.time is not None:
        columns.append(number_hashes(log.time))
    return row_hashes(columns, len(log))


def _named(names: Sequence[str], codes: Ints) -> Hashes:
    return text_hashes(names)[codes]


def fingerprint_of(hashes: Hashes, trained: Bools, held: Bools, time: Floats | None) -> Fingerprint:
    """Return that of events (N,), given which are trained on and which choose the weights.

    time: (N,), the moments; the last one that is trained on is kept.
    """
    own = hashes[trained]
    last = None if time is None or not len(own) else float(time[trained].max())
    return Fingerprint(
        sketch_of(own, no_marks(own)),
        sketch_of(hashes[held], no_marks(hashes[held])),
        repeats(own, no_marks(own)),
        last,
    )


def seen_in_training(hashes: Hashes, trained: Bools, held: Bools, time: Floats | None) -> Seen:
    """Return how many of the events (N,) held for validation are trained on, too."""
    own = hashes[trained]
    known = fingerprint_of(hashes, trained, held, time)
    known = known._replace(trained=whole_sketch(own, no_marks(own)), validated=NOTHING)
    return seen_events(known, hashes[held], None if time is None else time[held])


def seen_events(known: Fingerprint, hashes: Hashes, time: Floats | None) -> Seen:
    """Return how many events (N,) a run has met."""
    return seen(known, hashes, no_marks(hashes), time=time)


def no_marks(hashes: Hashes) -> Marks:
    """Return the marks (N,) of events, which have no answer apart."""
    return np.zeros(len(hashes), np.uint32)
