"""What was known of users and items before each impression: nothing of it looks ahead.

N impressions, M measures of what became of one, F features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.features import signed_log
from dssmcli.data.impressions import Impressions
from dssmcli.data.moments import histories

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_USER_PRIOR, _ITEM_PRIOR = 10.0, 5.0
"""A mean begins as if so many impressions had been as all are on average."""
_PAIRS = 1 << 32
"""A pair's key is so many times its user, and its item."""
_MEASURES = ("impressions", "clicks", "watched", "log_watched")
WATCHED = _MEASURES.index("watched")


class Sums(NamedTuple):
    """What became of all impressions of K users (items, pairs): sums (K, M) of measures; the times
    (K,) of the first, the last, and the last one clicked, nan without any."""

    sums: Floats
    first: Floats
    last: Floats
    clicked: Floats


@dataclass(frozen=True)
class Chronicle:
    """What is known of users and items when a log ends, so that a later one can go on from there.

    pairs: the keys (P,), user * V + item, in rising order, to which `of_pairs` belongs. watched:
    the last watched items of users, those of user u being watched[ends[u]:ends[u + 1]]. means: (M,)
    of all impressions. numbers: the numeric columns of which users' means are kept.
    """

    users: list[str]
    items: list[str]
    of_users: Sums
    of_items: Sums
    pairs: Ints
    of_pairs: Sums
    watched: Ints
    ends: Ints
    means: Floats
    numbers: tuple[str, ...]
    outcomes: tuple[str, ...]

    @staticmethod
    def empty(numbers: Sequence[str], outcomes: Sequence[str], means: Floats) -> Chronicle:
        """Return what is known before the first impression."""
        none = _no_sums(0, len(means))
        no = np.zeros(0, np.int64)
        return Chronicle(
            [],
            [],
            none,
            none,
            no,
            none,
            no,
            np.zeros(1, np.int64),
            means,
            tuple(numbers),
            tuple(outcomes),
        )


_SUMS = ("of_users", "of_items", "of_pairs")


def from_arrays(
    arrays: Mapping[str, Floats],
    users: list[str],
    items: list[str],
    means: Floats,
    numbers: tuple[str, ...],
    outcomes: tuple[str, ...],
) -> Chronicle:
    """Return the chronicle that `to_arrays` was given; ValueError when they belong to none."""
    sums = [Sums(*(arrays[f"{of}.{name}"] for name in Sums._fields)) for of in _SUMS]
    limits = {"pairs.users": len(users), "pairs.items": len(items), "watched": len(items)}
    limits["ends"] = len(arrays["watched"]) + 1
    for name, limit in limits.items():
        values = arrays[name]
        if not ((values >= 0) & (values < limit) & (values % 1 == 0)).all():
            raise ValueError(f"{name}, expected whole numbers under {limit:,}")
    if not all(np.isfinite(each.sums).all() for each in sums):
        raise ValueError("sums that are not finite")
    whole = {name: arrays[name].astype(np.int64) for name in limits}
    pairs, ends = whole["pairs.users"] * _PAIRS + whole["pairs.items"], whole["ends"]
    if (np.diff(pairs) <= 0).any() or (np.diff(ends) < 0).any():
        raise ValueError("pairs or ends out of order")
    if ends[0] or ends[-1] != len(whole["watched"]):
        raise ValueError("watched items are not as many as ends says")
    return Chronicle(
        users,
        items,
        sums[0],
        sums[1],
        pairs,
        sums[2],
        whole["watched"],
        ends,
        means,
        numbers,
        outcomes,
    )


def array_shapes(
    users: int, items: int, pairs: int, watched: int, measures: int
) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array of a chronicle by its name."""
    shapes: dict[str, tuple[int, ...]] = {}
    for of, count in zip(_SUMS, (users, items, pairs), strict=True):
        shapes |= {f"{of}.{name}": (count,) for name in Sums._fields}
        shapes[f"{of}.sums"] = (count, measures)
    shapes |= {"pairs.users": (pairs,), "pairs.items": (pairs,)}
    return {**shapes, "watched": (watched,), "ends": (users + 1,)}


def to_arrays(chronicle: Chronicle) -> dict[str, Floats]:
    """Return the arrays of a chronicle by name, all float64, which holds their integers exactly.

    A pair's key is there as two numbers, its user and its item.
    """
    found = {
        f"{of}.{name}": values
        for of in _SUMS
        for name, values in getattr(chronicle, of)._asdict().items()
    }
    users, items = np.divmod(chronicle.pairs, _PAIRS)
    found |= {"pairs.users": users.astype(np.float64), "pairs.items": items.astype(np.float64)}
    for name in ("watched", "ends"):
        found[name] = getattr(chronicle, name).astype(np.float64)
    return found


class LastShown(NamedTuple):
    """What columns say of V items when these are recommended, and in a last row of one not known.

    last_codes: (V + 1, C) categories, last_numbers: (V + 1, F), float64 both. A column that belongs
    to items has what it held when each was last shown. One that does not, such as the position on a
    page, has the same for all: what is usual.
    """

    last_codes: Floats
    last_numbers: Floats


def last_shown(
    item: Ints, codes: Ints, numbers: Floats, unknown: Ints
) -> tuple[LastShown, npt.NDArray[np.bool_]]:
    """Return what impressions (N,), in the order of time, last held of items from 1.

    unknown: (C,), the categories of what is not known. Also tells of each column, categories first,
    whether it belongs to items: nearly always it says of an item what it says last.
    """
    newest = np.zeros(int(item.max()), np.int64)
    newest[item - 1] = np.arange(len(item))  # of several, the last one stays
    again = np.bincount(item)[item] > 1
    columns = [*(column.astype(np.float64) for column in codes.T), *numbers.T]
    strangers = [*unknown.tolist(), *([np.nan] * numbers.shape[1])]
    found, own = [], []
    for values, strange in zip(columns, strangers, strict=True):
        last = values[newest]
        same = np.isclose(values, last[item - 1], equal_nan=True)[again]
        own.append(not len(same) or bool(same.mean() >= _OWN))
        found.append(
            np.append(last, strange) if own[-1] else np.full(len(last) + 1, _usual(values))
        )
    table = np.stack(found, axis=1) if found else np.zeros((len(newest) + 1, 0))
    border = codes.shape[1]
    return LastShown(table[:, :border], table[:, border:]), np.array(own, np.bool_)


_OWN = 0.9


def _usual(values: Floats) -> float:
    """Return the value that is commonest."""
    distinct, counts = np.unique(values, return_counts=True)
    return float(distinct[counts.argmax()])


class Known(NamedTuple):
    """What was known before N impressions: features (N, F) float64, nan for nothing; items watched
    (N, L), the newest first, from 1, as the chronicle numbers them (0: none); each impression's
    item likewise. after: returns what is known after all of them."""

    features: Floats
    history: Ints
    item: Ints
    after: Callable[[], Chronicle]


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


def known_before(
    chronicle: Chronicle, impressions: Impressions, numbers: Floats, history: int
) -> Known:
    """Return what was known before each impression, and what is known after all of them.

    numbers: (N, F), what its numeric columns hold. An impression counts for those of a later moment
    alone: of several at one moment none knows another.
    """
    measures = measures_of(impressions, numbers)
    users, user = _numbered(chronicle.users, impressions.users, impressions.user)
    items, item = _numbered(chronicle.items, impressions.items, impressions.item)
    keys, pair, of_pairs = _paired(chronicle, user, item)
    time, clicked = impressions.time, impressions.clicked > 0
    by_user = _Past(user, _grown(chronicle.of_users, len(users)), measures, time, clicked)
    by_item = _Past(item, _grown(chronicle.of_items, len(items)), measures, time, clicked)
    by_pair = _Past(pair, of_pairs, measures, time, clicked)
    features = _features(chronicle, (by_user, by_item, by_pair), time, numbers, by_user.together)
    shelf = _Shelf.of(chronicle, len(users), user[clicked], item[clicked])
    ends = shelf.begins[user] + shelf.old[user] + by_user.new_clicks
    past = histories(shelf.items, shelf.begins[user], ends, max(1, history))

    def after() -> Chronicle:
        return Chronicle(
            users,
            items,
            by_user.after(),
            by_item.after(),
            keys,
            by_pair.after(),
            *shelf.last(history),
            chronicle.means,
            chronicle.numbers,
            chronicle.outcomes,
        )

    return Known(features, past, item + 1, after)


def known_now(
    chronicle: Chronicle,
    impressions: Impressions,
    numbers: Floats,
    history: int,
    together: Floats,
) -> Known:
    """Return what the chronicle alone knows of impressions: none of them counts for another.

    For impressions of which nobody knows what becomes of them. together: (N,), how many the user is
    shown at this moment, nan where nobody knows that either. Afterwards as much is known as before.
    """
    user = _places(chronicle.users, impressions.users)[impressions.user]
    item = _places(chronicle.items, impressions.items)[impressions.item]
    known = (user >= 0) & (item >= 0)
    pair = _found(chronicle.pairs, np.where(known, user * _PAIRS + item, -1))
    sides = (
        _held(chronicle.of_users, user),
        _held(chronicle.of_items, item),
        _held(chronicle.of_pairs, pair),
    )
    features = _features(chronicle, sides, impressions.time, numbers, together)
    # Behind the last user stands nobody, whom -1 leads to.
    bounds = np.append(chronicle.ends, chronicle.ends[-1])
    begins, ends = bounds[user], bounds[np.where(user < 0, -1, user + 1)]
    past = histories(chronicle.watched, begins, ends, max(1, history))
    return Known(features, past, item + 1, lambda: chronicle)


def _places(names: Sequence[str], wanted: Sequence[str]) -> Ints:
    """Return where names stand among others, -1 for those that do not."""
    places = {name: place for place, name in enumerate(names)}
    return np.array([places.get(name, -1) for name in wanted], np.int64)


def _found(keys: Ints, wanted: Ints) -> Ints:
    """Return where numbers stand among others in rising order, -1 for those that do not."""
    if not len(keys):
        return np.full(len(wanted), -1)
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, places, -1)


def _held(sums: Sums, key: Ints) -> Sums:
    """Return what is known of some users, items or pairs, -1 being one of whom nothing is."""
    grown = _grown(sums, len(sums.last) + 1)
    return Sums(*(values[key] for values in grown))


def _features(
    chronicle: Chronicle,
    sides: Sequence[_Past | Sums],
    time: Floats,
    numbers: Floats,
    together: Floats,
) -> Floats:
    """Return features (N, F), see feature_names: sides, what is known of user, item and pair."""
    by_user, by_item, by_pair = sides
    means, outcomes = chronicle.means, len(chronicle.outcomes)
    columns = [
        *_entity(by_user, time, means, _USER_PRIOR, outcomes),
        together,
        *_less(by_user, signed_log(numbers)),
        *_entity(by_item, time, means, _ITEM_PRIOR, outcomes),
        time - by_item.first,
        *_pair(by_pair, time),
    ]
    return np.stack(columns, axis=1)


def _numbered(known: Sequence[str], names: Sequence[str], codes: Ints) -> tuple[list[str], Ints]:
    """Return known names with new ones behind them, and codes (N,) of `names` as theirs."""
    places = {name: place for place, name in enumerate(known)}
    number = [places.setdefault(name, len(places)) for name in names]
    return list(places), np.array(number, np.int64)[codes]


def _paired(chronicle: Chronicle, user: Ints, item: Ints) -> tuple[Ints, Ints, Sums]:
    """Return all pairs' keys, each impression's pair, and what was known of pairs before."""
    own = user * _PAIRS + item
    keys = np.unique(np.concatenate([chronicle.pairs, own]))
    known = _no_sums(len(keys), len(chronicle.means))
    places = np.searchsorted(keys, chronicle.pairs)
    for new, old in zip(known, chronicle.of_pairs, strict=True):
        new[places] = old
    return keys, np.searchsorted(keys, own), known


def _no_sums(count: int, measures: int) -> Sums:
    none = (np.full(count, np.nan) for _ in range(3))
    return Sums(np.zeros((count, measures)), *none)


def _grown(sums: Sums, count: int) -> Sums:
    """Return what is known of more users or items, nothing of those that are new."""
    grown = _no_sums(count, sums.sums.shape[1])
    for new, old in zip(grown, sums, strict=True):
        new[: len(old)] = old
    return grown


class _Past:
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


def _entity(
    past: _Past | Sums, time: Floats, means: Floats, prior: float, outcomes: int
) -> list[Floats]:
    """Return features of a user or an item: see feature_names, from the count to the last click."""
    sums = past.sums
    count, clicks, watched = sums[:, 0], sums[:, 1], sums[:, 2]
    known = [1, 2, 3, *range(len(_MEASURES), len(_MEASURES) + outcomes)]
    rates = [(sums[:, k] + prior * means[k]) / (count + prior) for k in known]
    each = (watched + prior * means[WATCHED]) / (clicks + prior * max(means[1], 1e-9))
    return [count, *rates, each, time - past.last, time - past.clicked]


_LESS_PRIOR = 3.0


def _less(past: _Past | Sums, logs: Floats) -> list[Floats]:
    """Return, of numbers (N, F), what the user's clicked items had on average, less this one's."""
    found = []
    for k, values in enumerate(logs.T, start=past.sums.shape[1] - logs.shape[1]):
        total = past.sums[:, k] + _LESS_PRIOR * values
        found.append(total / (past.sums[:, 1] + _LESS_PRIOR) - values)
    return found


def _pair(past: _Past | Sums, time: Floats) -> list[Floats]:
    count, clicks, watched = past.sums[:, :3].T
    return [count, clicks, watched, time - past.last, time - past.clicked]


class _Shelf(NamedTuple):
    """The watched items of users, the oldest first: those known from the start, then new ones.

    items: (W,). begins: (U + 1,). old: (U,), how many of each user's were known.
    """

    items: Ints
    begins: Ints
    old: Ints

    @staticmethod
    def of(chronicle: Chronicle, users: int, user: Ints, item: Ints) -> _Shelf:
        """Return the shelf of so many users with new watches (W,) in the order of time."""
        old = np.zeros(users, np.int64)
        old[: len(chronicle.users)] = np.diff(chronicle.ends)
        new = np.bincount(user, minlength=users)
        begins = np.append(0, np.cumsum(old + new)).astype(np.int64)
        items = np.empty(begins[-1], np.int64)
        order = np.argsort(user, kind="stable")
        rank = np.arange(len(user)) - (np.cumsum(new) - new)[user[order]]
        items[begins[user[order]] + old[user[order]] + rank] = item[order]
        known = np.repeat(np.arange(users), old)
        rank = np.arange(len(known)) - (np.cumsum(old) - old)[known]
        items[begins[known] + rank] = chronicle.watched
        return _Shelf(items, begins, old)

    def last(self, most: int) -> tuple[Ints, Ints]:
        """Return the last so many items of each user, and where each user's end, (U + 1,)."""
        sizes = np.minimum(np.diff(self.begins), most)
        ends = np.append(0, np.cumsum(sizes)).astype(np.int64)
        user = np.repeat(np.arange(len(sizes)), sizes)
        rank = np.arange(len(user)) - ends[user]
        return self.items[self.begins[1:][user] - sizes[user] + rank], ends
