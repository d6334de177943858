"""Pairs as several runs score them, with their texts: all of a file, or a sample of it.

N rows, R runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.pairs import Pairs, PairsReader, Texts, interpretation, positive_rows
from dssmcli.data.rows import USUAL, RowOptions
from dssmcli.data.seen import PairHashes, Seen
from dssmcli.data.tsv import BadRows
from dssmcli.errors import counted
from dssmcli.serving.encoder import BATCH, Encoder, Rows, score_together
from dssmcli.serving.evaluation import match_grade, scale_doubt
from dssmcli.serving.several import cut_by, normalizer_for
from dssmcli.text.limits import Cuts

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer[Any]]
Bools = npt.NDArray[np.bool_]


class Limit(NamedTuple):
    """So many rows at most, drawn by this seed."""

    rows: int
    seed: int


@dataclass(frozen=True)
class Scored:
    """N rows as R runs score them.

    queries, titles: normalised texts. query: (N,), the queries numbered from 0 without gaps.
    positive: (N,), which rows are matches. cosines: (N, R). notes: how the rows were understood.
    seen: how many of all rows each run met in training, None where it does not say.
    """

    encoders: tuple[Encoder, ...]
    names: tuple[str, ...]
    queries: list[str]
    titles: list[str]
    query: Ints
    positive: Bools
    cosines: Floats
    kind: str
    notes: tuple[str, ...]
    seen: tuple[Seen | None, ...] = ()

    @property
    def both(self) -> bool:
        """Tell whether there are matches and others."""
        return bool(self.positive.any() and not self.positive.all())


def scored_pairs(
    encoders: Sequence[Encoder],
    names: Sequence[str],
    sources: Sequence[str],
    columns: str | None,
    kind: str | None,
    bad_rows: BadRows,
    limit: Limit,
    options: RowOptions = USUAL,
) -> Scored:
    """Read pairs and score them, or a sample if there are more than the limit.

    Where every row is a match, a title drawn from the rows joins each query, as no match. Raises
    DataError as PairsReader does.
    """
    options = options._replace(normalizer=normalizer_for(encoders))
    reader = PairsReader(sources, columns, kind, bad_rows, Texts(), options)
    hashes = PairHashes([encoder.fingerprint() for encoder in encoders])
    reader.meet = hashes.take
    sample = _sampled(reader, limit)
    whole = reader.pairs()
    notes = [f"{interpretation(whole)}.", *whole.notes]
    if len(sample.rows) < len(whole):
        notes.append(f"Of them, {counted(len(sample.rows), 'row')} drawn by --seed {limit.seed}.")
    grade = match_grade(encoders[0], whole)
    if whole.kind == "grade":
        notes.append(f"A grade of {grade:g} or more counts as a match.")
        notes.append(scale_doubt(encoders[0], whole))
    chosen = np.zeros(len(whole), np.bool_)
    chosen[sample.rows] = True
    pairs = whole.rows(chosen)
    found = _Texts(sample.queries, sample.titles, pairs.query, positive_rows(pairs, grade))
    if found.positive.all():
        found, note = _with_others(found, pairs, limit.seed)
        notes.append(note)
    blocks = _blocks(found.queries, found.titles)
    parts = list(score_together(encoders, blocks))
    cosines = np.concatenate([each.rows for each in parts])
    notes.append(cut_by(encoders, reduce(Cuts.joined, (each.cuts for each in parts), Cuts())))
    return Scored(
        tuple(encoders),
        tuple(names),
        found.queries,
        found.titles,
        np.unique(found.query, return_inverse=True)[1],
        found.positive,
        cosines.astype(np.float64),
        pairs.kind,
        tuple(filter(None, notes)),
        tuple(hashes.seen(whole)),
    )


class _Texts(NamedTuple):
    """Queries, titles, the queries' numbers, and which rows are matches."""

    queries: list[str]
    titles: list[str]
    query: Ints
    positive: Bools


class _Sample:
    """Rows that are kept of those met so far: the ones with the lowest of random numbers."""

    def __init__(self, limit: Limit) -> None:
        self._most, self._random = limit.rows, np.random.default_rng([limit.seed, 6])
        self._met, self._below = 0, 1.0
        self._keys = np.zeros(0)
        self.rows = np.zeros(0, np.int64)
        self.queries: list[str] = []
        self.titles: list[str] = []

    def take(self, queries: Sequence[str], titles: Sequence[str]) -> None:
        """Meet some rows."""
        keys = self._random.random(len(queries))
        kept = np.flatnonzero(keys < self._below)
        self._keys = np.append(self._keys, keys[kept])
        self.rows = np.append(self.rows, kept + self._met)
        self.queries += [queries[i] for i in kept.tolist()]
        self.titles += [titles[i] for i in kept.tolist()]
        self._met += len(queries)
        if len(self.rows) > 2 * self._most:
            self.shrink(self._most)

    def shrink(self, most: int) -> None:
        """Keep so many rows at most, in the order of the file."""
        if len(self.rows) <= most:
            return
        kept = np.sort(np.argsort(self._keys, kind="stable")[:most])
        self._keys, self.rows = self._keys[kept], self.rows[kept]
        self.queries = [self.queries[i] for i in kept.tolist()]
        self.titles = [self.titles[i] for i in kept.tolist()]
        self._below = float(self._keys.max())


def _sampled(reader: PairsReader, limit: Limit) -> _Sample:
    """Return what is kept of all rows of a reader."""
    sample = _Sample(limit)
    for queries, titles in reader.blocks():
        sample.take(queries, titles)
    sample.shrink(limit.rows)
    return sample


def _with_others(found: _Texts, pairs: Pairs, seed: int) -> tuple[_Texts, str]:
    """Add to matches as many rows of a query and another's title; also say so."""
    place = np.random.default_rng([seed, 7]).permutation(len(pairs))
    width = pairs.texts
    matches = pairs.query.astype(np.int64) * width + pairs.title
    drawn = pairs.query.astype(np.int64) * width + pairs.title[place]
    fresh = np.flatnonzero(~np.isin(drawn, matches) & (pairs.query != pairs.title[place]))
    queries = [found.queries[i] for i in fresh.tolist()]
    titles = [found.titles[i] for i in place[fresh].tolist()]
    positive = np.append(found.positive, np.zeros(len(fresh), np.bool_))
    note = (
        f"Every row is a match. To have something to tell them from, {counted(len(fresh), 'row')} "
        "of a query and a title of another query, drawn at random, count as no match: most are "
        "easy, so the figures are higher than on titles that people were shown."
    )
    query = np.append(found.query, found.query[fresh])
    return _Texts(found.queries + queries, found.titles + titles, query, positive), note


def _blocks(queries: list[str], titles: list[str]) -> Iterator[Rows]:
    for first in range(0, len(queries), BATCH):
        part = slice(first, first + BATCH)
        yield queries[part], titles[part]
