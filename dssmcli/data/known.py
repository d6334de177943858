"""Which titles stand with a query in some of the rows, found for many queries at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.pairs import Pairs
from dssmcli.text.ragged import spans

Ints = npt.NDArray[np.integer[Any]]
Bools = npt.NDArray[np.bool_]


class Found(NamedTuple):
    """Places (F,) of a matrix of queries and candidates, and the entry that stands for each."""

    row: Ints
    column: Ints
    entry: Ints


class TitlesOfQueries:
    """E entries, a query and a title each, sorted by query."""

    def __init__(self, queries: Ints, titles: Ints) -> None:
        self._queries, self._titles = queries, titles

    def among(self, queries: Ints, candidates: Ints) -> Found:
        """Return where candidates (C,) stand with queries (R,).

        `candidates` is sorted and without repeats.
        """
        first = np.searchsorted(self._queries, queries, "left")
        counts = np.searchsorted(self._queries, queries, "right") - first
        entries = spans(first, counts)
        titles = self._titles[entries]
        rows = np.repeat(np.arange(len(queries)), counts)
        columns = np.searchsorted(candidates, titles).clip(max=len(candidates) - 1)
        found = candidates[columns] == titles
        return Found(rows[found], columns[found], entries[found])


def rows_by_query(pairs: Pairs, chosen: Bools) -> Ints:
    """Return the numbers of the chosen rows, those of one query together."""
    rows = np.flatnonzero(chosen).astype(np.int32)
    return rows[np.argsort(pairs.query[rows], kind="stable")]
