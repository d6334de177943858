"""The forms of the numbers of a column, by the texts in which they are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count, repeat
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dssmcli.data.categories import Categories
from dssmcli.data.fields import Fields, Index
from dssmcli.data.notation import AS_BEFORE

if TYPE_CHECKING:
    from dssmcli.data.features import Numeric

Ints = npt.NDArray[np.int64]

_KEPT = 4_096
"""Texts of a numeric column whose forms are kept, so that they are worked out once."""
_LATE = 100
"""Texts looked up one by one, besides one for two that are kept, before they are indexed."""


class Forms:
    """The forms of the numbers of a column, each worked out when its text is first met.

    By slot: table (V, W) float32; codes (V,) int64, the number as a category; unreadable (V,),
    whether the text is no number; bins (V,) int64, where it lies, as the feature says; odd (V,),
    the number if it is outside of training's, else nan; numbers (V,), all of them; marked (V,),
    whether `beyond.marked_otherwise` tells it. Once many are kept, those of others are
    good for one call. Texts that are kept are found by an index, but for the last ones: building it
    anew takes longer than to look some up.
    """

    def __init__(
        self, feature: Numeric, categories: Categories | None, missing: Callable[[str], bool]
    ) -> None:
        self._feature, self._categories, self._missing = feature, categories, missing
        self._slots: dict[str, int] = {}
        self._index, self._indexed, self._late = Index(self._slots), 0, 0
        self.table = np.zeros((0, feature.width), np.float32)
        self.codes = np.zeros(0, np.int64)
        self.unreadable = np.zeros(0, np.bool_)
        self.bins = np.zeros(0, np.int64)
        self.odd = np.zeros(0)
        self.numbers = np.zeros(0)
        self.marked = np.zeros(0, np.bool_)

    def slots(self, texts: Sequence[str]) -> Ints:
        """Return where the forms of texts (n,) stand; valid until the next call."""
        if isinstance(texts, Fields):
            found = self._index.find(texts, -1)
        else:
            found = _found(self._slots, texts, -1)
        missing = np.flatnonzero(found < 0)
        if len(missing):
            found[missing] = self._looked_up([texts[place] for place in missing.tolist()])
            self._late += len(missing)
            if self._late > _LATE + len(self._slots) // 2:
                self._index_anew()
        return found

    def _looked_up(self, texts: Sequence[str]) -> list[int]:
        """Return where the forms of texts that are not indexed stand."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self._slots]
        met = self._meet(fresh) if fresh else {}
        return [met[text] if text in met else self._slots[text] for text in texts]

    def _index_anew(self) -> None:
        if len(self._slots) > self._indexed:
            self._index, self._indexed = Index(self._slots), len(self._slots)
        self._late = 0

    def _meet(self, texts: Sequence[str]) -> Mapping[str, int]:
        """Work out the forms of texts that are not kept, and return their slots."""
        kept = len(self._slots)
        fresh = dict(zip(texts, count(kept), strict=False))
        numbers = self._feature.numbers(texts)
        self.table = np.concatenate([self.table[:kept], self._feature.forms(numbers)])
        self.bins = np.append(self.bins[:kept], self._feature.bins(numbers))
        odd = self._feature.outside(numbers)
        self.odd = np.append(self.odd[:kept], odd)
        self.numbers = np.append(self.numbers[:kept], numbers)
        self.marked = np.append(self.marked[:kept], self._feature.marked(texts, odd))
        unreadable = np.isnan(numbers) & ~np.array([*map(self._missing, texts)], np.bool_)
        ids = np.zeros(len(texts), np.int64)
        if self._categories is not None:
            ids = self._categories.find(texts)
            if self._feature.notation != AS_BEFORE:  # a word that training had is a category
                unreadable &= ids == self._categories.unknown
        self.codes = np.append(self.codes[:kept], ids)
        self.unreadable = np.append(self.unreadable[:kept], unreadable)
        if kept + len(texts) <= _KEPT:
            self._slots.update(fresh)
        return fresh


def _found(known: Mapping[str, int], texts: Sequence[str], unknown: int) -> Ints:
    return np.fromiter(map(known.get, texts, repeat(unknown)), np.int64, len(texts))
