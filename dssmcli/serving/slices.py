"""Puts rows into slices by the values of one column: bins of numbers, or the commonest texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from dssmcli.data.features import Floats, Ints, Numeric, Schema
from dssmcli.data.plain import signed_number_in
from dssmcli.data.tasks import MISSING

BINS = 8
COMMONEST = 20
"""Texts that have a slice of their own; all others share one."""
OTHERS, MISSED = "(others)", "(missing)"

_KEPT = 10_000
"""Texts that are told apart while rows are read: those met after so many are others."""


class Slice(NamedTuple):
    """Some rows by their name. codes: (S,), which of the codes given to rows belong to it."""

    name: str
    codes: Ints


class Bins:
    """Numbers between edges (E,), in rising order; what is no number is a slice of its own."""

    def __init__(self, edges: Floats) -> None:
        self._edges = edges
        self.size = len(edges) + 2

    def codes(self, texts: Sequence[str]) -> Ints:
        """Return the code (n,) of each text: 0 for no number, then one a bin."""
        known = {text: signed_number_in(text) for text in set(texts)}
        numbers = np.fromiter(map(known.__getitem__, texts), np.float64, len(texts))
        found = np.searchsorted(self._edges, numbers, side="right") + 1
        return np.where(np.isnan(numbers), 0, found).astype(np.int64)

    def slices(self, counts: Ints) -> list[Slice]:
        """Return the slices that have rows, given the rows (size,) of each code, in their order."""
        edges = [f"{edge:g}" for edge in self._edges.tolist()]
        names = [f"below {edges[0]}"] if edges else ["any number"]
        names += [f"{low} to {high}" for low, high in pairwise(edges)]
        names += [f"{edges[-1]} or more"] if edges else []
        named = [*enumerate(names, start=1), (0, MISSED)]
        return [Slice(name, np.array([code])) for code, name in named if counts[code]]


class Texts:
    """The texts of a column, each with a code of its own as long as there are not too many."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    @property
    def size(self) -> int:
        """Return the number of codes so far."""
        return len(self._known) + 1

    def codes(self, texts: Sequence[str]) -> Ints:
        """Return the code (n,) of each text: 0 when too many were known before it was met."""
        for text in dict.fromkeys(texts):
            if text not in self._known and len(self._known) < _KEPT:
                self._known[text] = self.size
        return np.array([self._known.get(text, 0) for text in texts], np.int64)

    def slices(self, counts: Ints) -> list[Slice]:
        """Return the commonest texts, given the rows (size,) of each code, and then the others."""
        order = sorted(self._known.items(), key=lambda item: (-int(counts[item[1]]), item[0]))
        # One left over is named as well as it would be in company.
        own = order if len(order) <= COMMONEST + 1 and not counts[0] else order[:COMMONEST]
        rest = np.array([0, *(code for _, code in order[len(own) :])])
        numbers = [signed_number_in(text) for text, _ in own]
        if not np.isnan(numbers).any():
            own = [own[i] for i in np.argsort(numbers, kind="stable").tolist()]
        found = [Slice(text or MISSED, np.array([code])) for text, code in own]
        return [*found, *([Slice(OTHERS, rest)] if counts[rest].any() else [])]


Slicer = Bins | Texts


def slicer_of(feature: str, schema: Schema) -> Slicer | None:
    """Return the slicer of a column that a run has as a feature; None of any other column."""
    for number in schema.numeric:
        if number.name == feature:
            return _bins_or_texts(np.array(number.knots), _places(number))
    if any(each.name == feature for each in schema.categorical):
        return Texts()
    return None


def slicer_for(texts: Sequence[str]) -> Slicer:
    """Return the slicer of a column that begins with these texts: bins if they are numbers."""
    counted = Counter(texts)
    known = {text: signed_number_in(text) for text in counted if text.strip() not in MISSING}
    if not known or np.isnan(list(known.values())).any():
        return Texts()
    weights: Counter[float] = Counter()
    for text, number in known.items():
        weights[number] += counted[text]
    numbers = np.array(sorted(weights))
    counts = np.array([weights[number] for number in numbers.tolist()], np.float64)
    return _bins_or_texts(numbers, (np.cumsum(counts) - counts / 2) / counts.sum())


def _places(number: Numeric) -> Floats:
    return np.array(number.places)


def _bins_or_texts(numbers: Floats, places: Floats) -> Slicer:
    """Return bins of about equal counts; a few distinct numbers are as good as texts.

    numbers: (M,), rising. places: (M,), where in the distribution each lies, from 0 to 1.
    """
    if len(numbers) <= BINS:
        return Texts()
    wanted = np.linspace(0, 1, BINS + 1)[1:-1]
    chosen = np.unique(np.searchsorted(places, wanted).clip(0, len(numbers) - 1))
    return Bins(numbers[chosen[chosen > 0]])
