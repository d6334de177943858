"""Generate this example: what people watched on a small video site, and what they were shown.

    python make_log.py             # write the four logs beside this file
    python make_log.py --check     # only compare: exit 1 if they are not what would be written
    python make_log.py --ceiling   # how well the true chances do on the later logs

Everything follows from a world that is drawn once: which genres each user likes, when each item came
out, how long it is, how much it promises. What comes after a log's end is drawn from the same chances,
and nobody who knows only the logs can do better than those who know the chances: that is the ceiling.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dssmcli.metrics import auc, spearman, watch_time_pairs

SEED = 20240301
FIRST_DAY = datetime(2024, 3, 1)
DAYS, LATER_DAYS, OLDEST = 50, 5, -20
USERS, ITEMS, SERIES, EPISODES = 300, 400, 60, 5
WATCHES, VISITS, LATER_VISITS, SHOWN = 8000, 1300, 400, 6

NEW_USERS, NEW_USERS_DAYS = 0.35, 10
"""So many users came in the last days of the log, or after it."""
FADE, LASTING = 5.0, 0.03
"""What is new is asked for e times less every so many days, down to what lasts."""
NEXT_EPISODE = 0.4
"""How often the next episode follows, where there is one."""
AGAIN = 0.1
"""What a chance is multiplied by where the item has been watched already."""
SEARCHES, OFF_GENRE = 0.2, 0.05
"""How often a search precedes, and what it makes of the chances of other genres."""

DEVICES = ("phone", "laptop", "tv")
LENGTH_BY_DEVICE = (-0.5, 0.0, 0.5)
SEARCH_TEXTS = {
    "space": ("night sky for beginners", "how far is the moon", "看星星", "火箭怎么飞"),
    "cooking": ("soup in ten minutes", "easy bread", "家常菜做法", "怎么煮面"),
    "trains": ("old steam engines", "longest railway", "火车旅行", "高铁怎么开"),
    "gardens": ("tomatoes on a balcony", "pruning roses", "阳台种菜", "养花入门"),
    "chess": ("chess openings", "rook endgame", "象棋开局", "残局怎么下"),
    "animals": ("funny goats", "how owls hear", "小猫日常", "海里的动物"),
    "music": ("learn the ukulele", "songs for rainy days", "吉他入门", "安静的音乐"),
    "history": ("life in a castle", "ancient roads", "古代的城市", "历史故事"),
}
"""Genres, and what is searched for by those who want one."""

DEPTHS = (("1-4", 1, 5), ("5-19", 5, 20), ("20-49", 20, 50), ("50+", 50, 1_000_000))
"""How many watches preceded, in the slices of `dssm eval`."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Users(NamedTuple):
    """liking: (U, G), mean 1 over the genres. device: (U, 3), how often each is used. joined: (U,), the
    day they came. activity: (U,), their shares of all watches."""

    liking: Floats
    device: Floats
    joined: Ints
    activity: Floats


class Items(NamedTuple):
    """What is true of V items. born: the day each came out. length: seconds. promise: how much more it
    is clicked than its content is worth. follows: the next episode, -1 where there is none."""

    genre: Ints
    born: Floats
    length: Floats
    appeal: Floats
    promise: Floats
    follows: Ints


class Watch(NamedTuple):
    """A watch. rank, unseen_rank: how many items had a higher chance; of those not seen before, -1 where
    this one had been. before: how many watches of the user preceded it."""

    user: int
    item: int
    day: float
    device: str
    search: str
    rank: int
    unseen_rank: int
    before: int


class Shown(NamedTuple):
    """N impressions, with the true chance of a click and of the seconds that a click is worth."""

    user: Ints
    item: Ints
    day: Floats
    position: Ints
    length: Ints
    clicked: Bools
    watched: Ints
    liked: Bools
    chance: Floats
    seconds: Floats


def users_of(random: np.random.RandomState) -> Users:
    """Draw users: each likes two or three genres, and hardly any other."""
    genres = len(SEARCH_TEXTS)
    liking = np.full((USERS, genres), 0.02)
    for row in liking:
        chosen = random.permutation(genres)[: random.randint(2, 4)]
        row[chosen] += 0.5 + random.random_sample(len(chosen))
    device = random.gamma(0.6, 1, (USERS, len(DEVICES))) + 0.02
    late = random.randint(DAYS - NEW_USERS_DAYS, DAYS + 2, USERS)
    joined = np.where(random.random_sample(USERS) < NEW_USERS, late, 0)
    activity = np.exp(0.7 * random.standard_normal(USERS)) * (DAYS + LATER_DAYS - joined)
    return Users(
        liking / liking.mean(1, keepdims=True),
        device / device.sum(1, keepdims=True),
        joined,
        activity / activity.sum(),
    )


def items_of(random: np.random.RandomState) -> Items:
    """Draw items. The episodes of a series come out together; nothing does after the log's end."""
    parts = SERIES * EPISODES
    group = np.append(
        np.repeat(np.arange(SERIES), EPISODES), np.arange(SERIES, ITEMS - parts + SERIES)
    )
    groups = int(group.max()) + 1
    episode = np.append(np.tile(np.arange(EPISODES), SERIES), np.full(ITEMS - parts, EPISODES - 1))
    follows = np.where(episode < EPISODES - 1, np.arange(ITEMS) + 1, -1)
    genre = random.randint(0, len(SEARCH_TEXTS), groups)[group]
    born = (OLDEST + (DAYS - OLDEST) * random.random_sample(groups))[group]
    length = np.clip(np.exp(6.2 + 0.7 * random.standard_normal(groups)), 60, 3600)[group]
    appeal = np.exp(0.3 * random.standard_normal(ITEMS) - 0.1 * episode * (group < SERIES))
    promise = random.standard_normal(ITEMS)
    # Shuffled, so that neither names nor neighbours tell.
    order = random.permutation(ITEMS)
    place = np.argsort(order)
    follows = np.where(follows[order] < 0, -1, place[follows[order]])
    return Items(
        genre[order], born[order], length[order].round(), appeal[order], promise[order], follows
    )


def demand(items: Items, day: float) -> Floats:
    """Return how much each item (V,) is asked for on a day: much when new, little a week later."""
    age = day - items.born
    fresh = LASTING + np.exp(-np.maximum(age, 0) / FADE)
    return np.where(age >= 0, items.appeal * fresh, 0.0)


def moments(random: np.random.RandomState, count: int, first: float, last: float) -> Floats:
    """Draw moments in order, in days: two in three of them in the evening."""
    hour = np.where(
        random.random_sample(count) < 0.67,
        random.normal(20, 1.5, count),
        24 * random.random_sample(count),
    )
    whole = random.randint(int(first), int(last), count)
    return np.sort(whole + np.clip(hour, 0, 23.99) / 24)


def watches(random: np.random.RandomState, users: Users, items: Items) -> Iterator[Watch]:
    """Draw each user's watches, one after the other."""
    count = WATCHES * (DAYS + LATER_DAYS) // DAYS
    for user, many in enumerate(random.multinomial(count, users.activity)):
        seen = np.zeros(ITEMS, np.bool_)
        last = -1
        days = moments(random, many, users.joined[user], DAYS + LATER_DAYS).tolist()
        for before, day in enumerate(days):
            device = int(random.choice(len(DEVICES), p=users.device[user]))
            search = random.random_sample() < SEARCHES
            genre = int(_drawn(random, users.liking[user])) if search else -1
            chance = chances(users, items, user, day, device, genre, seen, last)
            item = int(_drawn(random, chance))
            texts = list(SEARCH_TEXTS.values())[genre]
            text = texts[random.randint(len(texts))] if search else ""
            higher = chance > chance[item]
            unseen = -1 if seen[item] else int((higher & ~seen).sum())
            yield Watch(user, item, day, DEVICES[device], text, int(higher.sum()), unseen, before)
            seen[item], last = True, item


def _drawn(random: np.random.RandomState, weights: Floats) -> int:
    return int(np.searchsorted(np.cumsum(weights), random.random_sample() * weights.sum(), "right"))


def chances(
    users: Users,
    items: Items,
    user: int,
    day: float,
    device: int,
    genre: int,
    seen: Bools,
    last: int,
) -> Floats:
    """Return the chance (V,) of each item to be watched next. genre: what was searched for, or -1."""
    z = (np.log(items.length) - 6.2) / 0.7
    weight = demand(items, day) * np.exp(LENGTH_BY_DEVICE[device] * z)
    if genre >= 0:
        weight = weight * np.where(items.genre == genre, 1, OFF_GENRE)
    else:
        weight = weight * users.liking[user, items.genre]
    weight = weight * np.where(seen, AGAIN, 1)
    chance = weight / weight.sum()
    following = items.follows[last] if last >= 0 else -1
    if following >= 0 and not seen[following] and genre < 0:
        chance = chance * (1 - NEXT_EPISODE)
        chance[following] += NEXT_EPISODE
    return np.asarray(chance)


def impressions(
    random: np.random.RandomState, users: Users, items: Items, visits: int, first: int, last: int
) -> Shown:
    """Draw visits to the front page: six items below each other, some clicked, watched for a while."""
    days = moments(random, visits, first, last)
    who = random.choice(USERS, visits, p=users.activity**0.5 / (users.activity**0.5).sum())
    picked = []
    for day, user in zip(days.tolist(), who.tolist(), strict=True):
        weight = demand(items, day) * np.sqrt(users.liking[user, items.genre])
        picked.append(random.choice(ITEMS, SHOWN, False, weight / weight.sum()))
    user, item = np.repeat(who, SHOWN), np.concatenate(picked)
    position = np.tile(np.arange(1, SHOWN + 1), visits)
    liking = np.log(users.liking[user, items.genre[item]])
    chance = _sigmoid(-0.9 + 0.7 * liking + 0.8 * items.promise[item] - 0.9 * np.log(position))
    part = _sigmoid(-0.2 + 0.6 * liking - 1.0 * items.promise[item])
    clicked = random.random_sample(len(item)) < chance
    length = items.length[item]
    share = np.where(clicked, random.beta(6 * part, 6 * (1 - part)), 0.0)
    watched = np.where(clicked, np.maximum(length * share, 1), 0).round().astype(np.int64)
    liked = clicked & (random.random_sample(len(item)) < _sigmoid(4 * share - 2.5))
    return Shown(
        user,
        item,
        np.repeat(days, SHOWN),
        position,
        length.astype(np.int64),
        clicked,
        watched,
        liked,
        chance,
        length * part,
    )


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))


class World(NamedTuple):
    """All files by name, and what is true of the later two."""

    files: dict[str, bytes]
    watched: list[Watch]
    shown: Shown


def world(seed: int = SEED) -> World:
    """Make the logs of fifty days, and of the five after them."""
    random = np.random.RandomState(seed)  # its stream stays the same for ever (NEP 19)
    users, items = users_of(random), items_of(random)
    every = sorted(watches(random, users, items), key=lambda watch: watch.day)
    later = [watch for watch in every if watch.day >= DAYS]
    before = impressions(random, users, items, VISITS, 0, DAYS)
    after = impressions(random, users, items, LATER_VISITS, DAYS, DAYS + LATER_DAYS)
    files = {
        "watches.tsv": watch_table(every[: -len(later)]),
        "later-watches.tsv": watch_table(later),
        "impressions.tsv": impression_table(before),
        "later-impressions.tsv": impression_table(after),
    }
    return World(files, later, after)


def watch_table(rows: list[Watch]) -> bytes:
    """Return a log of watches."""
    lines = (
        (f"u{row.user + 1}", f"i{row.item + 1}", _moment(row.day), row.device, row.search)
        for row in rows
    )
    return _table(("user", "item", "timestamp", "device", "search"), lines)


def impression_table(shown: Shown) -> bytes:
    """Return a log of impressions."""
    names = ("user", "item", "timestamp", "clicked", "watch_time", "position", "length", "liked")
    lines = zip(
        [f"u{user + 1}" for user in shown.user.tolist()],
        [f"i{item + 1}" for item in shown.item.tolist()],
        map(_moment, shown.day.tolist()),
        shown.clicked.astype(int).tolist(),
        *(each.tolist() for each in (shown.watched, shown.position, shown.length)),
        shown.liked.astype(int).tolist(),
        strict=True,
    )
    return _table(names, lines)


def _moment(day: float) -> str:
    return f"{FIRST_DAY + timedelta(seconds=int(day * 86400)):%Y-%m-%d %H:%M:%S}"


def _table(names: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> bytes:
    text = io.StringIO()
    for row in (names, *rows):
        text.write("\t".join(map(str, row)) + "\n")
    return text.getvalue().encode()


def ceiling(made: World) -> dict[str, float]:
    """Return the figures of the true chances on the later logs, named as `dssm eval` names them."""
    return {**candidates_ceiling(made.watched), **ranking_ceiling(made.shown)}


def candidates_ceiling(later: list[Watch]) -> dict[str, float]:
    """Return how often what was watched is among the ten items of the highest chances."""
    watched = [watch for watch in later if watch.before]
    before = np.array([watch.before for watch in watched])
    found = np.array([watch.rank < 10 for watch in watched])
    figures = {
        "hr@10": float(found.mean()),
        "unseen.hr@10": float(np.mean([0 <= watch.unseen_rank < 10 for watch in watched])),
    }
    for name, least, more in DEPTHS:
        figures[f"history_{name}.hr@10"] = float(found[(before >= least) & (before < more)].mean())
    return figures


def ranking_ceiling(shown: Shown) -> dict[str, float]:
    """Return the figures of the true expectations.

    The watch time that pairs lose is least by E[T] / (1 - P), P being the chance of a click; seconds
    are best told by E[T], clicks by P.
    """
    expected = shown.chance * shown.seconds
    odds = expected / (1 - shown.chance)
    return {
        "per_user_loss": watch_time_pairs(odds, shown.watched, shown.clicked, shown.user).loss,
        "bias": float(expected.mean() / shown.watched.mean()),
        "auc": auc(shown.chance, shown.clicked),
        "spearman": spearman(expected, shown.watched),
    }


def main() -> int:
    """Write the files, or check them, or print the ceiling; return the status."""
    parser = argparse.ArgumentParser(description="Generate this example's logs.")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    parser.add_argument("--ceiling", action="store_true", help="print the best that can be reached")
    options = parser.parse_args()
    made = world()
    if options.ceiling:
        for name, figure in ceiling(made).items():
            print(f"{name}\t{figure:.4f}")
        return 0
    status = 0
    for name, content in made.files.items():
        path: Path = options.out / name
        if not options.check:
            path.write_bytes(content)
        elif not path.is_file() or path.read_bytes() != content:
            print(f"{path} differs from what this program writes", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    raise SystemExit(main())
