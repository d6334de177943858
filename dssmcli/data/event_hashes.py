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
from dssmcli.text.hashing import Floats, Hashes, joined, number_hashes, text_hashes

Ints = npt.NDArray[np.integer[Any]]


def event_hashes(log: Watches | Impressions) -> Hashes:
    """Return a hash (N,) of each event of a log: of user, item and moment, if there are any."""
    columns = [_named(log.users, log.user), _named(log.items, log.item)]
    if log.time is not None:
        columns.append(moment_hashes(log.time, log.origin))
    return row_hashes(columns, len(log))


def moment_hashes(time: Floats, origin: int) -> Hashes:
    """Return a hash (n,) of each moment, so far behind an origin: the same behind every origin.

    Whole numbers are exact, what stands behind the point is taken to a millionth.
    """
    if np.abs(time).max(initial=0) >= _FAR:
        return number_hashes(time + float(origin))
    parts = np.rint((time - np.floor(time)) * _PARTS)
    whole = np.floor(time).astype(np.int64) + (parts == _PARTS)
    whole = whole.view(np.uint64) + np.uint64(origin % (1 << 64))  # modulo 2^64
    return joined(whole, np.where(parts == _PARTS, 0, parts).astype(np.uint64))


_FAR, _PARTS = 2.0**62, 1e6


def moments_behind(log: Watches | Impressions, origin: int) -> Floats | None:
    """Return the moments (N,) of a log as so far behind another origin, None where it has none."""
    return None if log.time is None else log.time + float(log.origin - origin)


def _named(names: Sequence[str], codes: Ints) -> Hashes:
    return text_hashes(names)[codes]


def fingerprint_of(
    hashes: Hashes, trained: Bools, held: Bools, time: Floats | None, origin: int = 0
) -> Fingerprint:
    """Return that of events (N,), given which are trained on and which choose the weights.

    time: (N,), the moments, so far behind the origin; the last one that is trained on is kept.
    """
    own = hashes[trained]
    last = None if time is None or not len(own) else float(time[trained].max())
    return Fingerprint(
        sketch_of(own, no_marks(own)),
        sketch_of(hashes[held], no_marks(hashes[held])),
        repeats(own, no_marks(own)),
        last,
        origin,
    )


def seen_in_training(
    hashes: Hashes, trained: Bools, held: Bools, time: Floats | None, origin: int = 0
) -> Seen:
    """Return how many of the events (N,) held for validation are trained on, too."""
    own = hashes[trained]
    known = fingerprint_of(hashes, trained, held, time, origin)
    known = known._replace(trained=whole_sketch(own, no_marks(own)), validated=NOTHING)
    return seen_events(known, hashes[held], None if time is None else time[held])


def seen_events(known: Fingerprint, hashes: Hashes, time: Floats | None) -> Seen:
    """Return how many events (N,) a run has met; time: so far behind the origin that it has."""
    return seen(known, hashes, no_marks(hashes), time=time)


def no_marks(hashes: Hashes) -> Marks:
    """Return the marks (N,) of events, which have no answer apart."""
    return np.zeros(len(hashes), np.uint32)
