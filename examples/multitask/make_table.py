"""Generate this example: visits to a web shop for outdoor gear, each with three labels.

    python make_table.py             # write visits.csv and heldout.csv beside this file
    python make_table.py --check     # only compare: exit 1 if they are not what would be written
    python make_table.py --ceiling   # how well the true chances themselves do on heldout.csv

Three things decide what a visitor does, none of which stands in the table: how well they know the
shop, how much time they have, and how big a purchase they think of. Each follows from several
columns together, and each label from the three in a mix of its own. All else is chance. So the
labels are related and not equal, and nobody who knows only the columns can do better than those
who know the chances: that is the ceiling.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dssmcli.metrics import auc, r_squared

SEED = 20240304
FIRST_DAY = date(2024, 3, 4)
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
VISITS, DAYS = 4000, 84
HELDOUT_VISITS, HELDOUT_DAYS = 1000, 21

SOURCES = ("search", "direct", "ad", "newsletter", "social")
DEVICES = ("phone", "desktop", "tablet")
REGIONS = (
    *("Ashvale", "Brackmoor", "Cold Fell", "Dunmere", "Eastholm", "Farrow Hills", "Glenloch"),
    *("Hartsea", "Inverley", "Juniper Bay", "Kelby", "Langmarsh", "Mossdale", "Northmead"),
    *("Otterburn", "Pinehythe", "Quarry Bank", "Ravenscar", "Silverdale", "Thornwick"),
)
#: The page that the visit began on, and how big a purchase it makes a visitor think of.
PAGES = {
    "home": 0.0,
    "boots": 0.6,
    "tents": 1.6,
    "rucksacks": 0.9,
    "jackets": 0.7,
    "stoves": -0.3,
    "hats, gloves": -0.9,
    "maps, books": -1.1,
    "sale": -0.5,
}
COLUMNS = (
    *("visit", "day", "weekday", "hour", "device", "source", "region", "first_page", "age"),
    *("visits_before", "spent_before", "load_seconds", "bought", "back", "minutes"),
)

Floats = NDArray[np.float64]
Texts = NDArray[np.str_]


class Visits(NamedTuple):
    """What is known of N visits when they begin. age and load_seconds: nan where not known."""

    day: NDArray[np.int64]
    hour: NDArray[np.int64]
    device: Texts
    source: Texts
    region: Texts
    page: Texts
    age: Floats
    visits_before: NDArray[np.int64]
    spent_before: Floats
    load_seconds: Floats


class Chances(NamedTuple):
    """What is known to chance alone: the chance of buying, of coming back within a week, and how
    long a visit is on average, in minutes."""

    bought: Floats
    back: Floats
    minutes: Floats


class Outcomes(NamedTuple):
    """What happened. back: 0 no, 1 within the week, 2 on the same day."""

    bought: NDArray[np.bool_]
    back: NDArray[np.int64]
    minutes: Floats


def visits(random: np.random.RandomState, count: int, days: int) -> Visits:
    """Draw visits of so many days, in order."""
    hours = np.array([1, 1, 1, 1, 1, 1, 2, 3, 5, 6, 6, 6, 8, 7, 6, 6, 7, 8, 9, 10, 12, 11, 7, 3])
    known = random.random_sample(count) < 0.45
    # One of so many visits, most people few and some many.
    before = np.where(known, np.floor(-np.log(1 - random.random_sample(count)) * 6) + 1, 0)
    buyer = known & (random.random_sample(count) < 1 - 0.75**before)
    spent = np.where(buyer, np.exp(3.6 + 0.8 * random.standard_normal(count)), 0.0)
    spread = np.array([len(REGIONS) - i for i in range(len(REGIONS))], float) ** 1.5
    age = np.clip(random.normal(43, 14, count), 16, 84).round()
    load = np.exp(0.6 + 0.6 * random.standard_normal(count)).round(2)
    return Visits(
        np.sort(random.randint(0, days, count)),
        _drawn(random, np.arange(24), hours, count),
        _drawn(random, DEVICES, (55, 33, 12), count),
        _drawn(random, SOURCES, (34, 22, 20, 14, 10), count),
        _drawn(random, REGIONS, spread, count),
        _drawn(random, tuple(PAGES), (22, 14, 10, 11, 14, 6, 7, 5, 11), count),
        np.where(known | (random.random_sample(count) < 0.3), age, np.nan),
        before.astype(np.int64),
        spent.round(2),
        np.where(random.random_sample(count) < 0.97, load, np.nan),
    )


def _drawn(random: np.random.RandomState, values: object, weights: object, count: int) -> NDArray:  # type: ignore[type-arg]
    share = np.cumsum(np.asarray(weights, float))
    places = np.searchsorted(share / share[-1], random.random_sample(count), side="right")
    return np.asarray(values)[places]


def chances(seen: Visits) -> Chances:
    """Return what follows from the columns."""
    weekend = seen.day % 7 >= 5
    evening = (seen.hour >= 19) | (seen.hour < 1)
    office = (seen.hour >= 9) & (seen.hour < 17) & ~weekend
    phone, desktop = seen.device == "phone", seen.device == "desktop"
    age = np.where(np.isnan(seen.age), 38.0, seen.age)
    load = np.where(np.isnan(seen.load_seconds), 3.0, seen.load_seconds)

    known = 0.5 * np.log1p(seen.visits_before) + 0.25 * np.log1p(seen.spent_before)
    known = known + np.where(seen.source == "newsletter", 0.9 * (seen.visits_before > 0), 0.0)
    known = known - np.where(seen.source == "ad", 0.6, 0.0) - 0.7

    time = np.where(evening, np.where(phone, 0.9, 0.3), 0.0) + np.where(weekend, 0.6, 0.0)
    time = time - np.where(office, np.where(desktop, 0.2, 1.1), 0.0)
    time = time + np.where(seen.source == "social", np.where(phone, -0.8, 0.6), 0.0)

    big = np.array([PAGES[page] for page in seen.page.tolist()])
    big = big + 0.8 - ((age - 45) / 16) ** 2 * 0.7
    region = np.searchsorted(np.sort(REGIONS), seen.region)
    big = big + np.array([0.7, -0.5, 0.1, 0.5, -0.6])[region % 5]

    slow = np.maximum(load - 2.5, 0) * np.where(phone, 0.5, 0.2)
    bought = -1.9 + 1.3 * known + 0.5 * time * known - 0.5 * big - slow + 0.5 * desktop
    back = -1.0 + 0.9 * known + 0.9 * big + 0.5 * np.minimum(time, 0) - 0.4 * slow
    minutes = 1.3 + 0.55 * time + 0.4 * big - 0.35 * np.maximum(known, 0) - 0.3 * slow
    return Chances(_sigmoid(bought), _sigmoid(back), np.exp(minutes))


def _sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def outcomes(random: np.random.RandomState, chance: Chances) -> Outcomes:
    """Draw what happens by its chances."""
    count = len(chance.bought)
    back = random.random_sample(count) < chance.back
    same_day = random.random_sample(count) < 0.3
    return Outcomes(
        random.random_sample(count) < chance.bought,
        np.where(back, np.where(same_day, 2, 1), 0),
        np.maximum(chance.minutes * random.gamma(6, 1 / 6, count), 0.1).round(1),
    )


def table(seen: Visits, found: Outcomes, first: int, first_day: date, last_known: int) -> bytes:
    """Return a CSV file. Who came back is not known yet of days after `last_known`."""
    words = np.where(
        seen.day <= last_known, np.array(["no", "this week", "same day"])[found.back], ""
    )
    days = [first_day + timedelta(days=day) for day in seen.day.tolist()]
    rows = zip(
        [f"v{number:05d}" for number in range(first, first + len(seen.day))],
        [day.isoformat() for day in days],
        [WEEKDAYS[day.weekday()] for day in days],
        *(each.tolist() for each in (seen.hour, seen.device, seen.source, seen.region, seen.page)),
        [_number(age, 0) for age in seen.age.tolist()],
        seen.visits_before.tolist(),
        [_number(spent, 2) for spent in seen.spent_before.tolist()],
        [_number(load, 2) for load in seen.load_seconds.tolist()],
        found.bought.astype(int).tolist(),
        words.tolist(),
        [_number(minutes, 1) for minutes in found.minutes.tolist()],
        strict=True,
    )
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return text.getvalue().encode()


def _number(value: float, digits: int) -> str:
    return "" if np.isnan(value) else f"{value:.{digits}f}"


class World(NamedTuple):
    """Both files, and the chances and outcomes behind the held-out one."""

    files: dict[str, bytes]
    chances: Chances
    outcomes: Outcomes


def world(seed: int = SEED) -> World:
    """Make both files: the visits of twelve weeks, and of the three weeks after them."""
    random = np.random.RandomState(seed)  # its stream stays the same for ever (NEP 19)
    seen = visits(random, VISITS, DAYS)
    found = outcomes(random, chances(seen))
    log = table(seen, found, 1, FIRST_DAY, last_known=DAYS - 8)
    later = visits(random, HELDOUT_VISITS, HELDOUT_DAYS)
    chance = chances(later)
    held = outcomes(random, chance)
    start = FIRST_DAY + timedelta(days=DAYS)
    heldout = table(later, held, VISITS + 1, start, last_known=HELDOUT_DAYS)
    return World({"visits.csv": log, "heldout.csv": heldout}, chance, held)


def ceiling(made: World) -> dict[str, float]:
    """Return the figures of the true chances on the held-out visits."""
    return {
        "bought": auc(made.chances.bought, made.outcomes.bought),
        "back": auc(made.chances.back, made.outcomes.back > 0),
        "minutes": r_squared(made.chances.minutes, made.outcomes.minutes),
    }


def main() -> int:
    """Write the files, or check them, or print the ceiling; return the status."""
    parser = argparse.ArgumentParser(description="Generate this example's tables.")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    parser.add_argument("--ceiling", action="store_true", help="print the best that can be reached")
    options = parser.parse_args()
    made = world()
    if options.ceiling:
        for task, figure in ceiling(made).items():
            print(f"{task}\t{figure:.4f}")
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
