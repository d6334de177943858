"""A chronicle as arrays of numbers, and back: what a run keeps of its log."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dssmcli.data.chronicle import PAIRS, Chronicle
from dssmcli.data.past import Floats, Sums

_SUMS = ("of_users", "of_items", "of_pairs")


def from_arrays(
    arrays: Mapping[str, Floats],
    users: list[str],
    items: list[str],
    means: Floats,
    numbers: tuple[str, ...],
    outcomes: tuple[str, ...],
    origin: int = 0,
) -> Chronicle:
    """Return the chronicle that `to_arrays` was given; ValueError when they belong to none."""
    sums = [Sums(*(arrays[f"{of}.{name}"] for name in Sums._fields)) for of in _SUMS]
    limits = {"pairs.users": len(users), "pairs.items": len(items), "watched": len(items)}
    limits["ends"] = len(arrays["watched"]) + 1
    for name, limit in limits.items():
        values = arrays[name]
        if not ((values >= 0) & (values < limit) & (values % 1 == 0)).all():
            raise ValueError(f"{name}, expected whole numbers under {limit:,}")
    if not all(np.isfinite(each.sums).all() for each in sums):
        raise ValueError("sums that are not finite")
    whole = {name: arrays[name].astype(np.int64) for name in limits}
    pairs, ends = whole["pairs.users"] * PAIRS + whole["pairs.items"], whole["ends"]
    if (np.diff(pairs) <= 0).any() or (np.diff(ends) < 0).any():
        raise ValueError("pairs or ends out of order")
    if ends[0] or ends[-1] != len(whole["watched"]):
        raise ValueError("watched items are not as many as ends says")
    return Chronicle(
        users,
        items,
        sums[0],
        sums[1],
        pairs,
        sums[2],
        whole["watched"],
        ends,
        means,
        numbers,
        outcomes,
        origin,
    )


def array_shapes(
    users: int, items: int, pairs: int, watched: int, measures: int
) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array of a chronicle by its name."""
    shapes: dict[str, tuple[int, ...]] = {}
    for of, count in zip(_SUMS, (users, items, pairs), strict=True):
        shapes |= {f"{of}.{name}": (count,) for name in Sums._fields}
        shapes[f"{of}.sums"] = (count, measures)
    shapes |= {"pairs.users": (pairs,), "pairs.items": (pairs,)}
    return {**shapes, "watched": (watched,), "ends": (users + 1,)}


def to_arrays(chronicle: Chronicle) -> dict[str, Floats]:
    """Return the arrays of a chronicle by name, all float64, which holds their integers exactly.

    A pair's key is there as two numbers, its user and its item.
    """
    found = {
        f"{of}.{name}": values
        for of in _SUMS
        for name, values in getattr(chronicle, of)._asdict().items()
    }
    users, items = np.divmod(chronicle.pairs, PAIRS)
    found |= {"pairs.users": users.astype(np.float64), "pairs.items": items.astype(np.float64)}
    for name in ("watched", "ends"):
        found[name] = getattr(chronicle, name).astype(np.float64)
    return found
