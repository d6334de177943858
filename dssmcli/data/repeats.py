"""Which rows say the same of a pair again, and which say the opposite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.located import Located
from dssmcli.text.ragged import distinct

Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

SHOWN = 3
_LINES_SHOWN = 4


class Place(NamedTuple):
    """Rows of one pair: the numbers of its texts, the first few lines, and their values."""

    query: int
    title: int
    lines: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Repeats:
    """What stands several times. Pairs are compared after normalisation.

    rows: lines that stand above already, byte for byte. pairs: pairs that stand more than once, and
    pair_rows the rows that this is too many. same_value: rows whose pair and value stand above.
    contradictions: pairs with labels 0 and 1, or grades farther apart than half of the range;
    mixed_clicks: pairs with clicks here and none there. swapped: pairs that stand the other way
    round, too. self_pairs: rows whose query is their title, self_matches those that are matches.
    """

    rows: int
    pairs: int
    pair_rows: int
    same_value: int
    contradictions: int
    contradiction_places: tuple[Place, ...]
    mixed_clicks: int
    swapped: int
    swapped_places: tuple[Place, ...]
    self_pairs: int
    self_matches: int


def repeats_of(rows: Located, kind: str | None, texts: int, positive: Bools) -> Repeats:
    """Return what is repeated in rows over so many texts; `positive` (N,) says which match."""
    groups = _Groups(rows, texts)
    apart = groups.high - groups.low
    opposed, mixed = np.zeros(len(apart), np.bool_), 0
    if kind == "label":
        opposed = apart > 0
    elif kind == "grade" and len(rows):
        opposed = apart > (rows.value.max() - rows.value.min()) / 2
    elif kind == "clicks":
        mixed = int(((groups.low == 0) & (groups.high > 0)).sum())
    back = groups.swapped()
    own = rows.query == rows.title
    return Repeats(
        rows=len(rows) - len(distinct(rows.raw)),
        pairs=int((groups.sizes > 1).sum()),
        pair_rows=len(rows) - len(groups.sizes),
        same_value=groups.same_value,
        contradictions=int(opposed.sum()),
        contradiction_places=groups.places(np.flatnonzero(opposed)),
        mixed_clicks=mixed,
        swapped=len(back),
        swapped_places=groups.swapped_places(back),
        self_pairs=int(own.sum()),
        self_matches=int((own & positive).sum()),
    )


class _Groups:
    """The rows of each distinct pair, in the order of their values."""

    def __init__(self, rows: Located, texts: int) -> None:
        self._rows, self._texts = rows, texts
        key = pair_keys(rows, texts)
        self._order = np.lexsort((rows.value, key))
        key, value = key[self._order], rows.value[self._order]
        first = np.append(True, key[1:] != key[:-1])[: len(key)]
        starts = np.flatnonzero(first)
        self._keys, self._starts = key[starts], starts
        self.sizes = np.diff(starts, append=len(key))
        self.low, self.high = value[starts], value[starts + self.sizes - 1]
        self.same_value = int((~first[1:] & (value[1:] == value[:-1])).sum())

    def swapped(self) -> Ints:
        """Return the groups whose pair stands the other way round too, one of the two each."""
        query, title = np.divmod(self._keys, self._texts)
        groups = np.flatnonzero(query < title)
        wanted = title[groups] * self._texts + query[groups]
        return groups[_stands_in(wanted, self._keys)]

    def places(self, groups: Ints) -> tuple[Place, ...]:
        """Return where the first few of the groups stand."""
        return tuple(self._place(group, self._of_group(group)) for group in self._first(groups))

    def swapped_places(self, groups: Ints) -> tuple[Place, ...]:
        """Return where the first few of the groups stand, and their pairs the other way round."""
        found = []
        for group in self._first(groups):
            query, title = divmod(int(self._keys[group]), self._texts)
            other = int(np.searchsorted(self._keys, title * self._texts + query))
            both = self._order[self._starts[[group, other]]]
            found.append(self._place(group, both))
        return tuple(found)

    def _first(self, groups: Ints) -> list[int]:
        if not len(groups):
            return []
        firsts = np.minimum.reduceat(self._order, self._starts)[groups]
        return [int(group) for group in groups[np.argsort(firsts)[:SHOWN]]]

    def _place(self, group: int, rows: Ints) -> Place:
        query, title = divmod(int(self._keys[group]), self._texts)
        rows = np.sort(rows)
        lines, values = self._rows.line[rows].tolist(), self._rows.value[rows].tolist()
        return Place(query, title, tuple(lines), tuple(values))

    def _of_group(self, group: int) -> Ints:
        """Return rows of a pair, those of its lowest and its highest value among them."""
        start, end = int(self._starts[group]), int(self._starts[group] + self.sizes[group])
        if end - start > _LINES_SHOWN:
            half = _LINES_SHOWN // 2
            return np.concatenate(
                (self._order[start : start + half], self._order[end - half : end])
            )
        return self._order[start:end]


def pair_keys(rows: Located, texts: int) -> Ints:
    """Return a number for each row's pair, (N,) int64."""
    return np.asarray(rows.query.astype(np.int64) * texts + rows.title)


def _stands_in(wanted: Ints, ordered: Ints) -> Bools:
    places = np.searchsorted(ordered, wanted).clip(max=max(0, len(ordered) - 1))
    return np.asarray(ordered[places] == wanted)
