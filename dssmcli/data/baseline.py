"""How far the overlap of words alone goes: what a model has to beat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.located import Located
from dssmcli.metrics import auc, spearman
from dssmcli.text.numbering import UnitFeatures, UnitIndex, UnitSpellings
from dssmcli.text.ragged import distinct, spans
from dssmcli.text.tokenizers import Lookup
from dssmcli.text.vocab import Vocabulary

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
AnyInts = npt.NDArray[np.integer[Any]]
TextsOf = Callable[[AnyInts], Iterator[str]]

ROWS = 50_000
"""So many rows, drawn at random, are looked at in a larger log."""
_AT_ONCE = 4096


class Baseline(NamedTuple):
    """The figure of a cosine of words: `auc` of matches, or `spearman` of grades.

    rows: how many it was measured on.
    """

    metric: str
    value: float
    rows: int


class Rows(NamedTuple):
    """What is measured: numbers of texts (N,), the value and whether it is a match, row by row."""

    query: AnyInts
    title: AnyInts
    value: Floats
    positive: Bools


def baseline_of(
    rows: Located, kind: str | None, positive: Bools, lookup: Lookup, texts: TextsOf
) -> Baseline | None:
    """Return how well TF-IDF agrees with the values; None where they do not differ.

    `texts` gives texts by number. Of many rows ROWS are drawn.
    """
    metric = "spearman" if kind == "grade" else "auc"
    some = _drawn(rows, positive)
    varied = some.value if metric == "spearman" else some.positive
    if kind is None or not len(varied) or (varied == varied[0]).all():
        return None
    used = distinct(np.concatenate((some.query, some.title)))
    query, title = np.searchsorted(used, some.query), np.searchsorted(used, some.title)
    vectors = TfIdf(list(texts(used)), lookup)
    cosines = vectors.cosines(query, title)
    if metric == "auc":
        return Baseline(metric, auc(cosines, some.positive), len(query))
    if (cosines == cosines[0]).all():  # no rank differs, so nothing agrees
        return Baseline(metric, 0.0, len(query))
    return Baseline(metric, spearman(cosines, some.value), len(query))


def _drawn(rows: Located, positive: Bools) -> Rows:
    if len(rows) <= ROWS:
        return Rows(rows.query, rows.title, rows.value, positive)
    chosen = np.random.default_rng(0).choice(len(rows), ROWS, replace=False)
    return Rows(rows.query[chosen], rows.title[chosen], rows.value[chosen], positive[chosen])


class TfIdf:
    """Vectors of N texts over their units and the features of these.

    A weight is the count times ln((1 + N) / (1 + texts that have it)) + 1, as scikit-learn has it
    by default; with `known`, only the first so many texts are counted. Cosines of dense vectors
    would be the same.
    """

    def __init__(self, texts: Sequence[str], lookup: Lookup, known: int | None = None) -> None:
        self._limits = np.zeros(1, np.int64)
        self._units = np.zeros(0, np.int64)
        self._number(texts, lookup)
        self._idf = np.zeros(0)
        frequency = np.zeros(self._size, np.int64)
        count = len(texts) if known is None else known
        for start in range(0, count, _AT_ONCE):
            some = np.arange(start, min(start + _AT_ONCE, count))
            keys = self._counted(some)[0]
            frequency += np.bincount(keys % self._size, minlength=self._size)
        self._idf = np.log((1 + count) / (1 + frequency)) + 1

    def _number(self, texts: Sequence[str], lookup: Lookup) -> None:
        spellings = UnitSpellings()
        index = UnitIndex(lookup, spellings)
        blocks = (texts[i : i + _AT_ONCE] for i in range(0, len(texts), _AT_ONCE))
        found = [index.number(block) for block in blocks]
        self._units = np.concatenate([each.units for each in found])
        self._limits = np.append(0, np.cumsum(np.concatenate([each.counts for each in found])))
        once = np.ones(len(index), np.int64)
        features = list(spellings.features(lookup.tokenizer.describe, once))
        vocabulary = Vocabulary(features, 1)
        self._features: UnitFeatures = spellings.described(lookup._replace(vocabulary=vocabulary))
        self._first_feature = len(index)
        self._size = len(index) + len(vocabulary)

    def _counted(self, texts: Ints) -> tuple[Ints, Ints]:
        """Return the dimensions of texts, place * size + dimension in order, and their counts."""
        lengths = self._limits[texts + 1] - self._limits[texts]
        units = self._units[spans(self._limits[texts], lengths)]
        features, counts = self._features.take(units)
        place = np.repeat(np.arange(len(texts)), lengths)
        keys = np.concatenate(
            (
                place * self._size + units,
                np.repeat(place, counts) * self._size + self._first_feature + features,
            )
        )
        keys.sort()
        starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
        return keys[starts], np.diff(starts, append=len(keys))

    def cosines(self, query: Ints, title: Ints) -> Floats:
        """Return the cosine of each row's texts, (N,); 0 where one has no units."""
        parts = [np.zeros(0)]
        for start in range(0, len(query), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            parts.append(self._cosines(query[rows], title[rows]))
        return np.concatenate(parts)

    def _cosines(self, query: Ints, title: Ints) -> Floats:
        first, first_weights = self._weighted(query)
        second, second_weights = self._weighted(title)
        place = np.searchsorted(second, first).clip(max=max(0, len(second) - 1))
        shared = np.flatnonzero(second[place] == first) if len(second) else place[:0]
        products = first_weights[shared] * second_weights[place[shared]]
        sums = np.bincount(first[shared] // self._size, products, minlength=len(query))
        return sums.astype(np.float64, copy=False)

    def _weighted(self, texts: Ints) -> tuple[Ints, Floats]:
        """Return the dimensions of texts as `_counted` has them, and weights of length 1 a text."""
        keys, counts = self._counted(texts)
        weights = counts * self._idf[keys % self._size]
        place = keys // self._size
        squares = np.bincount(place, weights * weights, minlength=len(texts))
        return keys, weights / np.sqrt(squares)[place]
