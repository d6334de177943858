"""What was known of each impression's user, item and pair of both before its moment.

N impressions, K users (items, pairs), M measures of what became of an impression, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.features import signed_log
from dssmcli.data.impressions import Impressions

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_USER_PRIOR, _ITEM_PRIOR = 10.0, 5.0
"""A mean begins as if so many impressions had been as all are on average."""
_MEASURES = ("impressions", "clicks", "watched", "log_watched")
WATCHED = _MEASURES.index("watched")


class Sums(NamedTuple):
    """What became of all impressions of K users (items, pairs): sums (K, M) of measures; the times
    (K,) of the first, the last, and the last one clicked, nan without any."""

    sums: Floats
    first: Floats
    last: Floats
    clicked: Floats


def measures_of(impressions: Impressions, numbers: Floats) -> Floats:
    """Return what became of impressions, (N, M): _MEASURES, outcomes, numbers if clicked.

    numbers: (N, F) of the numeric columns, which count by their signed logarithms.
    """
    watched, clicked = impressions.watched, impressions.clicked
    basic = (np.ones(len(watched)), clicked, watched * clicked, np.log1p(watched))
    parts = [*basic, *impressions.outcomes.T]
    parts += [np.nan_to_num(values) * clicked for values in signed_log(numbers).T]
    return np.stack(parts, axis=1)


def measure_count(numbers: Sequence[str], outcomes: Sequence[str]) -> int:
    """Return M, how many measures of an impression there are."""
    return len(_MEASURES) + len(outcomes) + len(numbers)


def feature_names(numbers: Sequence[str], outcomes: Sequence[str]) -> list[str]:
    """Return the names of the features, in their order."""
    means = ["click_rate", "watched", "log_watched", *outcomes]
    return [
        *("user_count", *(f"user_{name}" for name in means), "user_watched_a_click"),
        *("user_since", "user_since_click", "user_together"),
        *(f"user_{name}_less" for name in numbers),
        *("item_count", *(f"item_{name}" for name in means), "item_watched_a_click"),
        *("item_since", "item_since_click", "item_age"),
        *("pair_count", "pair_clicks", "pair_watched", "pair_since", "pair_since_click"),
    ]


def no_sums(count: int, measures: int) -> Sums:
    """Return what is known of users or items of which nothing is."""
    none = (np.full(count, np.nan) for _ in range(3))
    return Sums(np.zeros((count, measures)), *none)


def grown(sums: Sums, count: int) -> Sums:
    """Return what is known of more users or items, nothing of those that are new."""
    more = no_sums(count, sums.sums.shape[1])
    for new, old in zip(more, sums, strict=True):
        new[: len(old)] = old
    return more


class Past:
    """What was known of each impression's user (item, pair) before its moment.

    sums: (N, M). first, last, clicked: (N,), moments. together: (N,), impressions of the same user
    at this very moment. new_clicks: (N,), clicks before it that were not known from the start.
    """

    def __init__(
        self,
        key: Ints,
        old: Sums,
        measures: Floats,
        time: Floats,
        clicked: npt.NDArray[np.bool_],
    ) -> None:
        self._old, self._count = old, len(old.last)
        order = np.argsort(key, kind="stable")  # impressions are in the order of time
        self._key, self._time = key[order], time[order]
        places = np.arange(len(key))
        fresh = np.ones(len(key), np.bool_)
        fresh[1:] = self._key[1:] != self._key[:-1]
        apart = fresh.copy()
        apart[1:] |= self._time[1:] != self._time[:-1]
        begin = np.maximum.accumulate(np.where(fresh, places, 0))
        now = np.maximum.accumulate(np.where(apart, places, 0))
        nothing = np.zeros((1, measures.shape[1]))
        self._totals = np.concatenate([nothing, np.cumsum(measures[order], axis=0)])
        self._clicks = np.maximum.accumulate(np.where(clicked[order], places, -1))
        ks, later = self._key, now > begin
        back = np.maximum(now - 1, 0)
        click = self._clicks[back]
        there = later & (click >= begin)
        counted = np.append(0, np.cumsum(clicked[order]))
        runs = np.diff(np.append(np.flatnonzero(apart), len(key)))

        def restored(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
            unsorted = np.empty_like(values)
            unsorted[order] = values
            return unsorted

        self.sums: Floats = restored(self._totals[now] - self._totals[begin] + old.sums[ks])
        self.first: Floats = restored(
            np.where(np.isnan(old.first[ks]) & later, self._time[begin], old.first[ks])
        )
        self.last: Floats = restored(np.where(later, self._time[back], old.last[ks]))
        self.clicked: Floats = restored(
            np.where(there, self._time[np.maximum(click, 0)], old.clicked[ks])
        )
        self.together: Floats = restored(np.repeat(runs, runs).astype(np.float64))
        self.new_clicks: Ints = restored(counted[now] - counted[begin])

    def after(self) -> Sums:
        """Return what is known of each user (item, pair) after all impressions."""
        old = self._old
        begins = np.searchsorted(self._key, np.arange(self._count))
        ends = np.searchsorted(self._key, np.arange(self._count), "right")
        met = ends > begins
        first, last, clicked = old.first.copy(), old.last.copy(), old.clicked.copy()
        fresh = met & np.isnan(first)
        first[fresh] = self._time[begins[fresh]]
        last[met] = self._time[ends[met] - 1]
        newest = np.full(self._count, -1)
        newest[met] = self._clicks[ends[met] - 1]
        there = met & (newest >= begins)
        clicked[there] = self._time[newest[there]]
        return Sums(old.sums + self._totals[ends] - self._totals[begins], first, last, clicked)


def features_of(
    means: Floats,
    outcomes: int,
    sides: Sequence[Past | Sums],
    time: Floats,
    numbers: Floats,
    together: Floats,
) -> Floats:
    """Return features (N, F), see feature_names: sides, what is known of user, item and pair."""
    by_user, by_item, by_pair = sides
    columns = [
        *_entity(by_user, time, means, _USER_PRIOR, outcomes),
        together,
        *_less(by_user, signed_log(numbers)),
        *_entity(by_item, time, means, _ITEM_PRIOR, outcomes),
        time - by_item.first,
        *_pair(by_pair, time),
    ]
    return np.stack(columns, axis=1)


def _entity(
    past: Past | Sums, time: Floats, means: Floats, prior: float, outcomes: int
) -> list[Floats]:
    """Return features of a user or an item: see feature_names, from the count to the last click."""
    sums = past.sums
    count, clicks, watched = sums[:, 0], sums[:, 1], sums[:, 2]
    known = [1, 2, 3, *range(len(_MEASURES), len(_MEASURES) + outcomes)]
    rates = [(sums[:, k] + prior * means[k]) / (count + prior) for k in known]
    each = (watched + prior * means[WATCHED]) / (clicks + prior * max(means[1], 1e-9))
    return [count, *rates, each, time - past.last, time - past.clicked]


_LESS_PRIOR = 3.0


def _less(past: Past | Sums, logs: Floats) -> list[Floats]:
    """Return, of numbers (N, F), what the user's clicked items had on average, less this one's."""
    found = []
    for k, values in enumerate(logs.T, start=past.sums.shape[1] - logs.shape[1]):
        total = past.sums[:, k] + _LESS_PRIOR * values
        found.append(total / (past.sums[:, 1] + _LESS_PRIOR) - values)
    return found


def _pair(past: Past | Sums, time: Floats) -> list[Floats]:
    count, clicks, watched = past.sums[:, :3].T
    return [count, clicks, watched, time - past.last, time - past.clicked]
