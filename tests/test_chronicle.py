"""What was known before each impression: against a plain program, and never looking ahead."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from logs import IMPRESSION_NAMES, Row, write_log

from dssmcli.data.chronicle import Chronicle, Known, known_before, known_now
from dssmcli.data.chronicle_arrays import array_shapes, from_arrays, to_arrays
from dssmcli.data.impressions import ImpressionColumns, Impressions, numbers_of, read_impressions
from dssmcli.data.last_shown import last_shown
from dssmcli.data.notation import PLAIN
from dssmcli.data.past import feature_names, measures_of
from dssmcli.data.tsv import BadRows
from dssmcli.errors import DataError

Floats = npt.NDArray[np.float64]
NAMES = (*IMPRESSION_NAMES, "liked", "length")
COLUMNS = ImpressionColumns(outcomes=("liked",))
HISTORY = 3
FEATURES = feature_names(["length"], ["liked"])
MEANS = np.array([1.0, 0.3, 12.0, 0.9, 0.1, 1.1])


def random_rows(seed: int, rows: int = 120, first: int = 0) -> list[Row]:
    """Return impressions of few users at few moments: many are of one moment."""
    random = np.random.default_rng(seed)
    found: list[Row] = []
    for _ in range(rows):
        clicked = int(random.random() < 0.4)
        # Some that were not clicked were watched all the same, as where videos play by themselves.
        watched = round(random.gamma(2, 10), 2) if clicked or random.random() < 0.2 else 0
        length = "" if random.random() < 0.2 else round(random.normal(0, 50), 1)
        found.append(
            (
                f"u{random.integers(5)}",
                f"i{random.integers(6)}",
                first + random.integers(rows // 5),
                clicked,
                watched,
                int(random.random() < 0.3) * random.integers(1, 4),
                length,
            )
        )
    return found


def read(path: Path, rows: Sequence[Row]) -> tuple[Impressions, Floats]:
    log, _ = read_impressions([str(write_log(path, NAMES, rows))], COLUMNS, BadRows())
    return log, numbers_of(log, {"length": PLAIN})


def start() -> Chronicle:
    return Chronicle.empty(("length",), ("liked",), MEANS)


def known(log: Impressions, numbers: Floats, since: Chronicle | None = None) -> Known:
    return known_before(since or start(), log, numbers, HISTORY)


class Told(NamedTuple):
    """An impression, as a plain program has it."""

    user: str
    item: str
    time: float
    clicked: int
    watched: float
    liked: int
    length: float

    @property
    def log_length(self) -> float:
        return math.copysign(math.log1p(abs(self.length)), self.length)


def told(rows: Sequence[Row]) -> list[Told]:
    """Return rows in the order of time."""
    parsed = [
        Told(u, i, float(t), int(c), float(w), int(k), float(x) if x != "" else math.nan)
        for u, i, t, c, w, k, x in rows
    ]
    return sorted(parsed, key=lambda each: each.time)


def of_entity(now: Told, before: list[Told], prior: float) -> list[float]:
    """Return the features that users and items have, from the count to the last click."""
    count, clicks = len(before), [each for each in before if each.clicked]
    watched = sum(each.watched for each in clicks)
    logs = sum(math.log1p(each.watched) for each in before)
    likes = sum(each.liked > 0 for each in before)
    rates = zip((len(clicks), watched, logs, likes), MEANS[[1, 2, 3, 4]], strict=True)
    return [
        count,
        *((total + prior * mean) / (count + prior) for total, mean in rates),
        (watched + prior * MEANS[2]) / (len(clicks) + prior * MEANS[1]),
        now.time - max((each.time for each in before), default=math.nan),
        now.time - max((each.time for each in clicks), default=math.nan),
    ]


def plainly(every: list[Told], now: Told) -> dict[str, float]:
    """Return what was known before an impression, by looking at all others."""
    before = [each for each in every if each.time < now.time]
    mine = [each for each in before if each.user == now.user]
    its = [each for each in before if each.item == now.item]
    ours = [each for each in mine if each.item == now.item]
    clicks = [each for each in mine if each.clicked]
    lengths = [0.0 if math.isnan(each.length) else each.log_length for each in clicks]
    usual = (sum(lengths) + 3 * now.log_length) / (len(clicks) + 3)
    pair = of_entity(now, ours, 1.0)
    watched = sum(each.watched for each in ours if each.clicked)
    values = [
        *of_entity(now, mine, 10.0),
        sum(each.user == now.user and each.time == now.time for each in every),
        usual - now.log_length,
        *of_entity(now, its, 5.0),
        now.time - min((each.time for each in its), default=math.nan),
        *(pair[0], sum(each.clicked for each in ours), watched, pair[-2], pair[-1]),
    ]
    return dict(zip(FEATURES, values, strict=True))


def history_plainly(every: list[Told], now: Told) -> list[str]:
    before = [e for e in every if e.time < now.time and e.user == now.user and e.clicked]
    return [each.item for each in before][::-1][:HISTORY]


def named(found: Known) -> list[list[str]]:
    """Return the histories as ids."""
    items = found.after().items
    return [[items[place - 1] for place in row if place] for row in found.history]


def test_each_outcome_and_each_number_counts_by_itself(tmp_path: Path) -> None:
    names = (*IMPRESSION_NAMES, "liked", "shared", "price", "length")
    random = np.random.default_rng(3)
    drawn = random.integers((0, 0, 1, 100), (2, 2, 50, 900), size=(60, 4))
    rows = [
        (f"u{n % 3}", f"i{n % 4}", n // 2, n % 5 % 2, n % 5 % 2 * 9, *values)
        for n, values in enumerate(drawn.tolist())
    ]
    columns = ImpressionColumns(outcomes=("liked", "shared"))
    file = write_log(tmp_path / "i.tsv", names, rows)
    log, _ = read_impressions([str(file)], columns, BadRows())
    written = {"price": PLAIN, "length": PLAIN}
    numbers = numbers_of(log, written)
    assert numbers.tolist() == [[*row[7:]] for row in rows]
    means = measures_of(log, numbers).mean(axis=0)
    clicked, liked, shared, price, length = (
        np.array([row[k] for row in rows], float) for k in (3, 5, 6, 7, 8)
    )
    logs = [clicked * np.log1p(price), clicked * np.log1p(length)]
    expected = [liked.mean(), shared.mean(), *(each.mean() for each in logs)]
    assert means[4:].tolist() == pytest.approx(expected)
    chronicle = Chronicle.empty(("price", "length"), ("liked", "shared"), means)
    found = known_before(chronicle, log, numbers, HISTORY)
    later = found.after()
    for n, row in enumerate(rows):
        before = [other for other in range(60) if rows[other][2] < row[2]]
        got = dict(
            zip(feature_names([*written], ["liked", "shared"]), found.features[n], strict=True)
        )
        for role, prior, own in (("user", 10, row[0]), ("item", 5, row[1])):
            its = [other for other in before if own in rows[other][:2]]
            for name, values in (("liked", liked), ("shared", shared)):
                rate = (values[its].sum() + prior * values.mean()) / (len(its) + prior)
                assert got[f"{role}_{name}"] == pytest.approx(rate)
        mine = [other for other in before if rows[other][0] == row[0] and clicked[other]]
        for name, values in (("price", np.log1p(price)), ("length", np.log1p(length))):
            usual = (values[mine].sum() + 3 * values[n]) / (len(mine) + 3)
            assert got[f"user_{name}_less"] == pytest.approx(usual - values[n])
    for user in range(3):
        own = np.arange(60) % 3 == user
        sums = [values[own].sum() for values in (liked, shared, *logs)]
        assert later.of_users.sums[later.users.index(f"u{user}"), 4:].tolist() == pytest.approx(
            sums
        )


@pytest.mark.parametrize("seed", range(6))
def test_what_was_known_is_what_a_plain_program_finds(tmp_path: Path, seed: int) -> None:
    rows = random_rows(seed)
    found, every = known(*read(tmp_path / "i.tsv", rows)), told(rows)
    assert found.features.shape == (len(rows), len(FEATURES))
    for n, now in enumerate(every):
        expected = plainly(every, now)
        got = dict(zip(FEATURES, found.features[n].tolist(), strict=True))
        assert got == pytest.approx(expected, nan_ok=True, rel=1e-9, abs=1e-9), (n, now)
    assert named(found) == [history_plainly(every, now) for now in every]
    assert [found.after().items[i - 1] for i in found.item] == [each.item for each in every]


def test_a_small_log_has_the_features_one_finds_by_hand(tmp_path: Path) -> None:
    rows = [
        ("a", "x", 10, 1, 30, 0, 1),
        ("a", "y", 10, 0, 0, 0, 1),
        ("a", "x", 25, 0, 0, 0, 1),
        ("b", "x", 30, 1, 5, 0, 1),
        ("a", "x", 40, 1, 9, 0, 1),
    ]
    found = known(*read(tmp_path / "i.tsv", rows))
    column = {name: found.features[:, k].tolist() for k, name in enumerate(FEATURES)}
    assert column["user_count"] == [0, 0, 2, 0, 3]
    assert column["item_count"] == [0, 0, 1, 2, 3]
    assert column["pair_clicks"] == [0, 0, 1, 0, 1]
    assert column["pair_watched"] == [0, 0, 30, 0, 30]
    assert column["user_together"] == [2, 2, 1, 1, 1]
    assert column["user_click_rate"] == pytest.approx([0.3, 0.3, 4 / 12, 0.3, 4 / 13])
    np.testing.assert_array_equal(column["user_since"], [np.nan, np.nan, 15, np.nan, 15])
    np.testing.assert_array_equal(column["item_since_click"], [np.nan, np.nan, 15, 20, 10])
    np.testing.assert_array_equal(column["item_age"], [np.nan, np.nan, 15, 20, 30])
    assert named(found) == [[], [], ["x"], [], ["x"]]


@pytest.mark.parametrize("seed", range(4))
def test_nothing_that_happens_later_or_at_the_same_moment_changes_what_was_known(
    tmp_path: Path, seed: int
) -> None:
    rows = sorted(random_rows(seed), key=lambda row: row[2])
    moment = rows[len(rows) // 2][2]
    others = [
        row if row[2] < moment else (*row[:3], 1 - row[3], 1000 + row[4], 3 - row[5], row[6])
        for row in rows
    ]
    log, numbers = read(tmp_path / "i.tsv", rows)
    one, other = known(log, numbers), known(*read(tmp_path / "o.tsv", others))
    until = log.time <= moment
    # Sums are differences of running ones, so that the last digit may depend on other users.
    np.testing.assert_allclose(one.features[until], other.features[until], rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(one.history[until], other.history[until])
    assert (log.time == moment).sum() > 1
    later = log.time > moment
    assert (one.features[later] != other.features[later]).any(axis=1).all()


def test_what_an_impression_brings_is_no_part_of_what_was_known_before_it(tmp_path: Path) -> None:
    rows = random_rows(3, rows=20)
    for n in range(20):
        changed = [*rows]
        changed[n] = (*rows[n][:3], 1 - rows[n][3], rows[n][4] + 77, rows[n][5], rows[n][6])
        log, numbers = read(tmp_path / "i.tsv", rows)
        place = log.order.tolist().index(n)
        one, other = known(log, numbers), known(*read(tmp_path / "o.tsv", changed))
        features = one.features[place], other.features[place]
        np.testing.assert_allclose(*features, rtol=1e-9, atol=1e-9)


def as_told(chronicle: Chronicle) -> dict[str, object]:
    """Return a chronicle by names, which does not depend on its numbers."""
    users, items = chronicle.users, chronicle.items

    def row(sums: object, place: int) -> list[float]:
        values = [np.atleast_1d(each[place]) for each in sums]  # type: ignore[attr-defined]
        return np.round(np.concatenate(values), 9).tolist()

    found: dict[str, object] = {}
    for u, user in enumerate(users):
        own = chronicle.watched[chronicle.ends[u] : chronicle.ends[u + 1]]
        found[f"user {user}"] = repr(row(chronicle.of_users, u)), [items[i] for i in own]
    for i, item in enumerate(items):
        found[f"item {item}"] = repr(row(chronicle.of_items, i))
    for k, key in enumerate(chronicle.pairs.tolist()):
        user, item = divmod(key, 1 << 32)
        found[f"pair {users[user]} {items[item]}"] = repr(row(chronicle.of_pairs, k))
    return found


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_log_read_in_two_halves_is_the_same_as_one_read_whole(
    tmp_path: Path, seed: int, share: float
) -> None:
    rows = sorted(random_rows(seed), key=lambda row: row[2])
    moment = rows[int(share * len(rows))][2]
    parts = [r for r in rows if r[2] < moment], [r for r in rows if r[2] >= moment]
    whole = known(*read(tmp_path / "w.tsv", rows))
    first = known(*read(tmp_path / "a.tsv", parts[0]))
    second = known(*read(tmp_path / "b.tsv", parts[1]), first.after())
    both = np.concatenate([first.features, second.features])
    np.testing.assert_allclose(both, whole.features, rtol=1e-9, atol=1e-9)
    assert named(first) + named(second) == named(whole)
    assert as_told(second.after()) == as_told(whole.after())


@pytest.mark.parametrize("history", [0, 1, 50])
def test_a_chronicle_keeps_the_last_watches_alone(tmp_path: Path, history: int) -> None:
    rows = random_rows(2)
    log, numbers = read(tmp_path / "i.tsv", rows)
    found = known_before(start(), log, numbers, history)
    after = found.after()
    for u, user in enumerate(after.users):
        clicked = [each.item for each in told(rows) if each.user == user and each.clicked]
        own = after.watched[after.ends[u] : after.ends[u + 1]]
        assert [after.items[i] for i in own] == clicked[len(clicked) - history :][:history]


def test_a_chronicle_comes_back_from_its_arrays(tmp_path: Path) -> None:
    log, numbers = read(tmp_path / "i.tsv", random_rows(1))
    once = known(log, numbers).after()
    arrays = to_arrays(once)
    assert all(each.dtype == np.float64 for each in arrays.values())
    shapes = array_shapes(
        len(once.users), len(once.items), len(once.pairs), len(once.watched), len(MEANS)
    )
    assert {name: each.shape for name, each in arrays.items()} == shapes
    again = from_arrays(arrays, once.users, once.items, MEANS, ("length",), ("liked",))
    assert as_told(again) == as_told(once)
    later = read(tmp_path / "l.tsv", random_rows(9, first=1000))
    np.testing.assert_array_equal(known(*later, once).features, known(*later, again).features)


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("pairs.users", 0, 99.0),
        ("pairs.items", 0, -1.0),
        ("pairs.items", 0, np.nan),
        ("watched", 0, 6.0),
        ("watched", 0, np.nan),
        ("ends", 0, 1.0),
        ("ends", 1, np.nan),
        ("ends", 2, 1e9),
        ("ends", -1, 0.0),
    ],
)
def test_arrays_that_belong_to_no_chronicle_are_refused(
    tmp_path: Path, name: str, place: int, value: float
) -> None:
    once = known(*read(tmp_path / "i.tsv", random_rows(1))).after()
    arrays = {key: each.copy() for key, each in to_arrays(once).items()}
    arrays[name][place] = value
    with pytest.raises(ValueError):
        from_arrays(arrays, once.users, once.items, MEANS, ("length",), ("liked",))


@pytest.mark.parametrize("seed", range(4))
def test_of_what_is_not_answered_the_log_before_alone_knows_something(
    tmp_path: Path, seed: int
) -> None:
    rows = random_rows(seed)
    before = known(*read(tmp_path / "b.tsv", rows)).after()
    later = [(f"u{k % 7}", f"i{k % 8}", 500 + 10 * k, 1, 50, 1, k - 20.5) for k in range(40)]
    log, numbers = read(tmp_path / "l.tsv", later)
    found = known_now(before, log, numbers, HISTORY, log.together())
    for n, now in enumerate(told(later)):
        expected = plainly([*told(rows), now], now)
        got = dict(zip(FEATURES, found.features[n].tolist(), strict=True))
        assert got == pytest.approx(expected, nan_ok=True, rel=1e-9, abs=1e-9), (n, now)
        history = [before.items[place - 1] for place in found.history[n] if place]
        assert history == history_plainly(told(rows), now)
        known_item = before.items.index(now.item) + 1 if now.item in before.items else 0
        assert found.item[n] == known_item
    assert found.after() is before
    # Whatever stands beside an impression, and in whatever order, it is the same.
    some = log.order[::-3]
    alone, its = read(tmp_path / "s.tsv", [later[n] for n in sorted(some)])
    again = known_now(before, alone, its, HISTORY, np.full(len(alone), np.nan))
    kept = [k for k, name in enumerate(FEATURES) if name != "user_together"]
    np.testing.assert_array_equal(again.features[:, kept], found.features[np.sort(some)][:, kept])
    none = known_now(start(), log, numbers, HISTORY, log.together())
    assert not none.item.any() and not none.history.any()


def test_how_many_are_shown_together_is_counted_by_user_and_moment(tmp_path: Path) -> None:
    rows = [
        ("a", "x", 1),
        ("b", "x", 1),
        ("a", "y", 1),
        ("a", "x", 2),
        ("b", "y", 0),
        ("a", "z", 1),
    ]
    log, _ = read(tmp_path / "i.tsv", [(*row, 0, 0, 0, "") for row in rows])
    back = dict(zip(log.order.tolist(), log.together().tolist(), strict=True))
    assert [back[n] for n in range(6)] == [3, 1, 3, 1, 1, 3]


def test_a_measure_is_of_clicked_impressions_but_for_the_logarithm_of_all_watch_time(
    tmp_path: Path,
) -> None:
    rows = [("a", "x", 1, 1, 30, 2, -9), ("a", "x", 2, 0, 7, 0, 4), ("b", "y", 3, 1, 2, 0, "")]
    found = measures_of(*read(tmp_path / "i.tsv", rows))
    nine = -math.log1p(9)
    expected = [[1, 1, 30, math.log(31), 1, nine], [1, 0, 0, math.log(8), 0, 0]]
    np.testing.assert_allclose(found, [*expected, [1, 1, 2, math.log(3), 0, 0]])


def test_what_belongs_to_items_is_what_they_were_last_shown_with() -> None:
    item = np.tile([1, 2, 3], 20)
    genre, device = item + 10, np.arange(60) % 7  # the one is of the item, the other of the moment
    length, place = item * 2.5, np.arange(60) % 11 + 0.0
    codes, numbers = np.stack([genre, device], axis=1), np.stack([length, place], axis=1)
    found, own = last_shown(item, codes, numbers, np.array([4, 5]))
    assert own.tolist() == [True, False, True, False]
    # The last row is of an item that is not known.
    assert found.last_codes[:, 0].tolist() == [11, 12, 13, 4]
    np.testing.assert_array_equal(found.last_numbers[:, 0], [2.5, 5.0, 7.5, np.nan])
    # What is of the moment is not known of the next one: the commonest stands for it.
    assert found.last_codes[:, 1].tolist() == [0, 0, 0, 0]
    assert found.last_numbers[:, 1].tolist() == [0, 0, 0, 0]


def test_impressions_are_in_the_order_of_time_and_know_their_row(tmp_path: Path) -> None:
    rows = [("a", "x", 5, 1, 2, 0, ""), ("b", "y", 1, 0, 0, 0, ""), ("a", "z", 5, 0, 1, 0, "")]
    log, _ = read(tmp_path / "i.tsv", rows)
    assert log.order.tolist() == [1, 0, 2] and log.time.tolist() == [1, 5, 5]
    assert log.clicked.tolist() == [0, 1, 0] and log.watched.tolist() == [0, 2, 1]


@pytest.mark.parametrize(("unit", "seconds"), [("s", 90), ("ms", 0.09), ("min", 5400)])
def test_watch_times_have_a_unit(tmp_path: Path, unit: str, seconds: float) -> None:
    log = write_log(tmp_path / "i.tsv", IMPRESSION_NAMES, [("a", "x", 1, 1, 90)])
    found, _ = read_impressions([str(log)], ImpressionColumns(unit=unit), BadRows())
    assert found.watched.tolist() == pytest.approx([seconds])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            ("a", "x", "soon", 1, 2),
            'i.tsv:3: the timestamp is "soon", expected a number',
        ),
        (("a", "x", 1, 2, 2), 'i.tsv:3: clicked is "2", expected 0 or 1'),
        (("a", "x", 1, "maybe", 2), 'clicked is "maybe", expected 0 or 1, or yes or no'),
        (("a", "x", 1, 1, -2), 'watch_time is "-2", expected a time from 0 to 1e+09'),
        (("a", "x", 1, 1, ""), 'watch_time is ""'),
        (("a", "x", 1, 1, "nan"), 'watch_time is "nan"'),
    ],
)
def test_a_field_that_is_not_what_it_should_be_is_one_line(
    tmp_path: Path, row: Row, said: str
) -> None:
    log = write_log(tmp_path / "i.tsv", IMPRESSION_NAMES, [("b", "y", 1, 0, 0), row])
    with pytest.raises(DataError) as error:
        read_impressions([str(log)], ImpressionColumns(), BadRows())
    assert said in str(error.value) and "\n" not in str(error.value)


def test_columns_have_usual_names_and_one_that_is_missing_is_told() -> None:
    names = ("user_id", "item_id", "time", "is_click", "seconds", "more")
    found = ImpressionColumns().found_in(names, "log")
    assert found.names == list(names[:-1])
    assert ImpressionColumns(outcomes=("more",)).found_in(names, "log").names == list(names)
    with pytest.raises(DataError, match=r'no column "watch_time".*--watch-time COLUMN'):
        ImpressionColumns().found_in(names[:4], "log")
    with pytest.raises(DataError, match='no column "liked"'):
        ImpressionColumns(outcomes=("liked",)).found_in(names, "log")
