"""What a click log says of its rows: pairs that recur, titles shown and not clicked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli.config import LossConfig
from dssmcli.data.known import TitlesOfQueries, rows_by_query
from dssmcli.data.pairs import Pairs

Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


def added_up(pairs: Pairs) -> Pairs:
    """Return click rows with each pair once, its clicks and impressions added up.

    So a log that comes in parts is as one that was counted whole, and a title clicked in one row
    and not in another is clicked. Pairs of another kind are returned as they are, and the rows
    keep their order: a pair stands where it stood first.
    """
    if pairs.kind != "clicks":
        return pairs
    key = pairs.query.astype(np.int64) * pairs.texts + pairs.title
    ordered = np.sort(key)
    if not (ordered[1:] == ordered[:-1]).any():
        return pairs
    del ordered
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    shown = None if pairs.impressions is None else _sums(pairs.impressions, place)
    once = replace(pairs, value=_sums(pairs.value, place), impressions=shown)
    chosen = np.zeros(len(pairs), np.bool_)
    chosen[first] = True
    return once.rows(chosen)


def _sums(numbers: Floats, place: Ints) -> Floats:
    """Return for each row (N,) the sum of the numbers of all rows with its place."""
    return np.asarray(np.bincount(place, numbers)[place], np.float64)


def unclicked_weights(pairs: Pairs, positive: Bools, weight: float) -> Floats:
    """Return what the rows that are no match weigh, (U,).

    All `weight`, but where impressions are known, this times 1 - (1 - rate)^impressions, with the
    rate at which clicked titles are clicked: the chance that by now a match would have been.
    """
    if pairs.impressions is None:
        return np.full(int((~positive).sum()), weight)
    shown = pairs.impressions
    rate = min(1.0, pairs.value[positive].sum() / max(shown[positive].sum(), 1e-12))
    return np.asarray(weight * (1 - (1 - rate) ** shown[~positive]))


class Unclicked:
    """For every query, what the titles shown for it and not clicked weigh as candidates."""

    def __init__(self, pairs: Pairs, positive: Bools, weight: float) -> None:
        rows = rows_by_query(pairs, ~positive)
        weights = np.zeros(len(pairs), np.float32)
        weights[~positive] = unclicked_weights(pairs, positive, weight)
        self._shown = TitlesOfQueries(pairs.query[rows], pairs.title[rows])
        with np.errstate(divide="ignore"):
            self._log_weight = np.log(weights[rows])

    def log_weights(self, queries: Ints, candidates: Ints) -> Floats32:
        """Return (R, C): the logarithm of each candidate's weight, -inf where that is 0.

        A title that was not shown for the query has weight 1. `candidates` is sorted and without
        repeats.
        """
        weights = np.zeros((len(queries), len(candidates)), np.float32)
        found = self._shown.among(queries, candidates)
        weights[found.row, found.column] = self._log_weight[found.entry]
        return weights


def unclicked_of(pairs: Pairs, positive: Bools, loss: LossConfig) -> Unclicked | None:
    """Return the unclicked titles of a click log, None where each is a candidate like any other."""
    weight = loss.unclicked_weight
    if pairs.kind != "clicks" or positive.all() or (weight == 1 and pairs.impressions is None):
        return None
    return Unclicked(pairs, positive, weight)
