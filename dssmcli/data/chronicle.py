"""What was known of users and items before each impression: nothing of it looks ahead.

N impressions, M measures of what became of one, F features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.ids import find_ids
from dssmcli.data.impressions import Impressions
from dssmcli.data.moments import histories
from dssmcli.data.past import Past, Sums, features_of, grown, measures_of, no_sums
from dssmcli.text.ragged import spans

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

PAIRS = 1 << 32
"""A pair's key is so many times its user, and its item."""


@dataclass(frozen=True)
class Chronicle:
    """What is known of users and items when a log ends, so that a later one can go on from there.

    pairs: the keys (P,), user * V + item, in rising order, to which `of_pairs` belongs. watched:
    the last watched items of users, those of user u being watched[ends[u]:ends[u + 1]]. means: (M,)
    of all impressions. numbers: the numeric columns of which users' means are kept. origin: what
    all moments are behind, see `Times`.
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
    origin: int = 0

    @staticmethod
    def empty(
        numbers: Sequence[str], outcomes: Sequence[str], means: Floats, origin: int = 0
    ) -> Chronicle:
        """Return what is known before the first impression."""
        none = no_sums(0, len(means))
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
            origin,
        )


class Known(NamedTuple):
    """What was known before N impressions: features (N, F) float64, nan for nothing; items watched
    (N, L), the newest first, from 1, as the chronicle numbers them (0: none); each impression's
    item likewise. after: returns what is known after all of them."""

    features: Floats
    history: Ints
    item: Ints
    after: Callable[[], Chronicle]


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
    time, clicked = impressions.since(chronicle.origin), impressions.clicked > 0
    by_user = Past(user, grown(chronicle.of_users, len(users)), measures, time, clicked)
    by_item = Past(item, grown(chronicle.of_items, len(items)), measures, time, clicked)
    by_pair = Past(pair, of_pairs, measures, time, clicked)
    features = features_of(
        chronicle.means,
        len(chronicle.outcomes),
        (by_user, by_item, by_pair),
        time,
        numbers,
        by_user.together,
    )
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
            chronicle.origin,
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
    pair = _found(chronicle.pairs, np.where(known, user * PAIRS + item, -1))
    sides = (
        _held(chronicle.of_users, user),
        _held(chronicle.of_items, item),
        _held(chronicle.of_pairs, pair),
    )
    time = impressions.since(chronicle.origin)
    features = features_of(chronicle.means, len(chronicle.outcomes), sides, time, numbers, together)
    # Behind the last user stands nobody, whom -1 leads to.
    bounds = np.append(chronicle.ends, chronicle.ends[-1])
    begins, ends = bounds[user], bounds[np.where(user < 0, -1, user + 1)]
    past = histories(chronicle.watched, begins, ends, max(1, history))
    return Known(features, past, item + 1, lambda: chronicle)


def _places(names: Sequence[str], wanted: Sequence[str]) -> Ints:
    """Return where names stand among others, -1 for those that do not."""
    places = {name: place for place, name in enumerate(names)}
    return find_ids(places, wanted)


def _found(keys: Ints, wanted: Ints) -> Ints:
    """Return where numbers stand among others in rising order, -1 for those that do not."""
    if not len(keys):
        return np.full(len(wanted), -1)
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, places, -1)


def _held(sums: Sums, key: Ints) -> Sums:
    """Return what is known of some users, items or pairs, -1 being one of whom nothing is."""
    more = grown(sums, len(sums.last) + 1)
    return Sums(*(values[key] for values in more))


def _numbered(known: Sequence[str], names: Sequence[str], codes: Ints) -> tuple[list[str], Ints]:
    """Return known names with new ones behind them, and codes (N,) of `names` as theirs."""
    places = {name: place for place, name in enumerate(known)}
    number = [places.setdefault(name, len(places)) for name in names]
    return list(places), np.array(number, np.int64)[codes]


def _paired(chronicle: Chronicle, user: Ints, item: Ints) -> tuple[Ints, Ints, Sums]:
    """Return all pairs' keys, each impression's pair, and what was known of pairs before."""
    own = user * PAIRS + item
    keys = np.unique(np.concatenate([chronicle.pairs, own]))
    known = no_sums(len(keys), len(chronicle.means))
    places = np.searchsorted(keys, chronicle.pairs)
    for new, old in zip(known, chronicle.of_pairs, strict=True):
        new[places] = old
    return keys, np.searchsorted(keys, own), known


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
        items[spans(begins[:-1], old)] = chronicle.watched
        return _Shelf(items, begins, old)

    def last(self, most: int) -> tuple[Ints, Ints]:
        """Return the last so many items of each user, and where each user's end, (U + 1,)."""
        sizes = np.minimum(np.diff(self.begins), most)
        ends = np.append(0, np.cumsum(sizes)).astype(np.int64)
        return self.items[spans(self.begins[1:] - sizes, sizes)], ends
