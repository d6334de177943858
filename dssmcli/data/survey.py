"""What a file of pairs holds, in figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.located import Located
from dssmcli.data.repeats import pair_keys
from dssmcli.text.ragged import distinct
from dssmcli.text.scripts import SCRIPTS

Ints = npt.NDArray[np.integer[Any]]
Bools = npt.NDArray[np.bool_]

TOP = 10
"""So many of the most frequent queries are looked at together."""
SHARED = 10
"""A title of so many queries at least is shared by many."""
_FEW_VALUES = 12
_PERCENTILES = (50, 90, 99)
_NEARLY_ALL, _MANY_OTHER = 0.9, 0.3
_SCRIPT_NAMES = {
    "chinese": "Chinese",
    "latin": "Latin letters",
    "mixed": "Chinese and Latin letters",
    "other": "other scripts",
}
_SUITED = {
    "chinese": ("auto", "jieba", "sentencepiece", "char"),
    "latin": ("auto", "sentencepiece", "trigram", "word"),
    "mixed": ("auto", "jieba", "sentencepiece"),
    "other": ("auto", "sentencepiece", "char", "word"),
}


@dataclass(frozen=True)
class Shape:
    """How rows spread over queries and titles.

    rows_median, rows_max: rows a query. top_share: share of the rows that the TOP most frequent
    queries take. shared_titles: titles that stand with SHARED queries or more, widest_title: the
    queries of the title that has most.
    """

    queries: int
    titles: int
    rows_median: float
    rows_max: int
    top_share: float
    shared_titles: int
    widest_title: int


@dataclass(frozen=True)
class Spread:
    """How numbers are distributed; `of` is how many there are."""

    of: int
    low: float
    p50: float
    p90: float
    p99: float
    high: float


@dataclass(frozen=True)
class Values:
    """What the values are like.

    counts: how often each value stands, where there are few different ones. matches: rows that are
    matches, from match_grade on for grades. queries_without_match, queries_of_matches: queries all
    of whose rows are none, or all are.
    """

    spread: Spread
    zeros: int
    counts: dict[str, int]
    matches: int
    match_grade: float | None
    queries_without_match: int
    queries_of_matches: int


@dataclass(frozen=True)
class Side:
    """The distinct queries, or titles: their lengths in units, and their scripts' shares.

    truncated: those longer than the model reads. empty: those without a unit.
    """

    lengths: Spread
    truncated: int
    empty: int
    scripts: dict[str, float]


class Suited(NamedTuple):
    """What texts are written in, and the tokenizers made for that, the first of all to try."""

    script: str
    tokenizers: tuple[str, ...]


def shape_of(rows: Located, texts: int) -> Shape:
    """Return how rows, over so many texts, spread over queries and titles."""
    a_query = np.bincount(rows.query)
    a_query = np.sort(a_query[a_query > 0])
    queries_of_title = np.bincount(distinct(pair_keys(rows, texts)) % max(1, texts))
    return Shape(
        queries=len(a_query),
        titles=int((queries_of_title > 0).sum()),
        rows_median=float(np.median(a_query)),
        rows_max=int(a_query[-1]),
        top_share=float(a_query[-TOP:].sum() / len(rows)),
        shared_titles=int((queries_of_title >= SHARED).sum()),
        widest_title=int(queries_of_title.max()),
    )


def values_of(rows: Located, positive: Bools, match_grade: float | None) -> Values:
    """Return what the values of rows are like, positive (N,) being those that are matches."""
    found = distinct(rows.value)
    counts = {}
    if len(found) <= _FEW_VALUES:
        counts = {f"{value:g}": int((rows.value == value).sum()) for value in found.tolist()}
    size = int(rows.query.max()) + 1
    every = np.bincount(rows.query, minlength=size)
    matches = np.bincount(rows.query[positive], minlength=size)
    return Values(
        spread=spread_of(rows.value),
        zeros=int((rows.value == 0).sum()),
        counts=counts,
        matches=int(positive.sum()),
        match_grade=match_grade,
        queries_without_match=int(((every > 0) & (matches == 0)).sum()),
        queries_of_matches=int(((every > 0) & (matches == every)).sum()),
    )


def side_of(texts: Ints, lengths: Ints, scripts: npt.NDArray[np.uint8], most: int) -> Side:
    """Return what the distinct ones of texts are like.

    lengths, scripts: of every text, by number. most: so many units are read.
    """
    used = distinct(texts)
    sizes = lengths[used]
    kinds = np.bincount(scripts[used], minlength=len(SCRIPTS)) / len(used)
    return Side(
        lengths=spread_of(sizes),
        truncated=int((sizes > most).sum()),
        empty=int((sizes == 0).sum()),
        scripts=dict(zip(SCRIPTS, kinds.tolist(), strict=True)),
    )


def suited_to(query: Side, title: Side) -> Suited:
    """Return what the texts are written in, and which tokenizers are made for that."""
    shares = {name: (query.scripts[name] + title.scripts[name]) / 2 for name in SCRIPTS}
    for script in ("chinese", "latin"):
        if shares[script] >= _NEARLY_ALL:
            return Suited(_SCRIPT_NAMES[script], _SUITED[script])
    script = "other" if shares["other"] > _MANY_OTHER else "mixed"
    return Suited(_SCRIPT_NAMES[script], _SUITED[script])


def spread_of(values: npt.NDArray[Any]) -> Spread:
    """Return how values (N,), one at least, are distributed; percentiles are values that occur."""
    ordered = np.sort(values)
    places = [min(len(ordered) - 1, len(ordered) * share // 100) for share in _PERCENTILES]
    p50, p90, p99 = (float(ordered[place]) for place in places)
    return Spread(len(ordered), float(ordered[0]), p50, p90, p99, float(ordered[-1]))
