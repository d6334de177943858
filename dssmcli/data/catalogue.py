"""The items that a run knows, by their original ids, with how often each was watched."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.errors import RunError
from dssmcli.run import parse_object

Ints = npt.NDArray[np.int64]


class Catalogue(NamedTuple):
    """V items and their watches in training (V,); what search tokens, or users, a run knows."""

    items: list[str]
    counts: Ints
    words: list[str]
    users: list[str]

    def to_json(self) -> str:
        """Return catalogue.json."""
        plain = {**self._asdict(), "counts": self.counts.tolist()}
        return json.dumps(plain, ensure_ascii=False) + "\n"

    def places(self, where: Path) -> dict[str, int]:
        """Return where each item stands; RunError when one is there twice."""
        places = dict(zip(self.items, range(len(self.items)), strict=True))
        if len(places) < len(self.items):
            raise RunError(f"{where}: items, one of them is there twice.")
        return places

    def reordered(self, order: npt.NDArray[np.integer[Any]]) -> Catalogue:
        """Return the items in another order."""
        items = [self.items[place] for place in order.tolist()]
        return self._replace(items=items, counts=self.counts[order])


def catalogue_from_json(text: str, where: Path) -> Catalogue:
    """Parse catalogue.json; RunError when it is not what `to_json` writes.

    Whether all items are different `places` finds out.
    """
    plain = parse_object(text, where)
    names = ("items", "words", "users")
    items, words, users = (_texts(plain.get(name), where, name) for name in names)
    counts = plain.get("counts")
    if not isinstance(counts, list) or len(counts) != len(items):
        raise RunError(f"{where}: expected as many counts as items.")
    if not items:
        raise RunError(f"{where}: no items.")
    try:
        numbers = np.array(counts, np.int64)
    except (TypeError, ValueError, OverflowError) as error:
        raise RunError(f"{where}: a count that is no whole number.") from error
    return Catalogue(items, numbers, words, users)


def _texts(found: Any, where: Path, name: str) -> list[str]:
    """Return a list of distinct texts; RunError when it is something else."""
    if not isinstance(found, list) or set(map(type, found)) - {str}:
        raise RunError(f"{where}: {name}, expected a list of texts.")
    if name != "items" and len(set(found)) < len(found):
        raise RunError(f"{where}: {name}, one of them is there twice.")
    return found


def popular_first(items: Sequence[str], counts: Ints) -> Ints:
    """Return the places of items in order: the most watched first, then by id."""
    return np.lexsort((np.array(items, object), -counts))
