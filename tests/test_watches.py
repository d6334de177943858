"""Logs of watches: read in the order of time, kept by user, joined, and looked back on."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from logs import Row, write_log

from dssmcli.data.catalogue import popular_first
from dssmcli.data.moments import ages, histories, tokens_before
from dssmcli.data.times import Clock
from dssmcli.data.tsv import BadRows
from dssmcli.data.watches import WatchColumns, Watches, followed, read_watches
from dssmcli.errors import DataError

NAMES = ("user", "item", "timestamp")


USUAL = WatchColumns()


def read(path: Path, columns: WatchColumns = USUAL, bad: BadRows | None = None) -> Watches:
    return read_watches([str(path)], columns, bad or BadRows())[0]


def by_user(watches: Watches) -> dict[str, list[str]]:
    """Return the items of each user, by their ids, in order."""
    found = {}
    for user, (begin, end) in zip(
        watches.users, zip(watches.starts[:-1], watches.starts[1:], strict=True), strict=True
    ):
        assert (watches.user[begin:end] == watches.users.index(user)).all()
        found[user] = [watches.items[i] if i >= 0 else "?" for i in watches.item[begin:end]]
    return found


def random_rows(seed: int, rows: int = 80) -> list[Row]:
    """Return rows (user, item, timestamp, search, device), many of them of one moment."""
    random = np.random.default_rng(seed)
    words = ["red", "运动鞋", "shoe size", "", "Red, 42"]
    return [
        (
            f"u{random.integers(7)}",
            f"i{random.integers(9)}",
            random.integers(12),
            words[random.integers(5)],
            f"d{random.integers(3)}",
        )
        for _ in range(rows)
    ]


LOGGED = WatchColumns(searches="search", context=("device",))
ALL_NAMES = (*NAMES, "search", "device")


def in_order(rows: list[Row]) -> dict[str, list[Row]]:
    """Return the rows of each user, the oldest first, those of one moment in their order."""
    found = defaultdict(list)
    for row in rows:
        found[row[0]].append(row)
    return {user: sorted(own, key=lambda row: float(row[2])) for user, own in found.items()}


class Seen(NamedTuple):
    """What a log holds of a user's watch."""

    item: str
    time: float
    words: tuple[str, ...]
    device: str


def plainly(rows: list[Row]) -> dict[str, list[Seen]]:
    said = {
        "red": ("red",),
        "运动鞋": ("运", "动", "鞋"),
        "shoe size": ("shoe", "size"),
        "": (),
        "Red, 42": ("red", "42"),
    }
    return {
        user: [Seen(i, float(t), said[search], device) for _, i, t, search, device in own]
        for user, own in in_order(rows).items()
    }


def as_read(watches: Watches) -> dict[str, list[Seen]]:
    found: dict[str, list[Seen]] = {user: [] for user in watches.users}
    assert watches.time is not None and watches.tokens is not None
    device, tokens = watches.context["device"], watches.tokens
    for p in range(len(watches)):
        said = tokens.flat[tokens.ends[p] : tokens.ends[p + 1]]
        words = tuple(watches.words[w] for w in said if watches.words[w] != ",")
        item = watches.items[watches.item[p]] if watches.item[p] >= 0 else "?"
        seen = Seen(item, float(watches.time[p]), words, device.values[device.codes[p]])
        found[watches.users[watches.user[p]]].append(seen)
    return found


def test_each_users_watches_are_in_order_of_time_and_those_of_one_moment_in_that_of_the_file(
    tmp_path: Path,
) -> None:
    rows = [("b", "x", 5), ("a", "y", 3), ("b", "z", 1), ("a", "w", 3), ("b", "v", 5)]
    rows += [("a", "u", -2.5), ("b", "t", 1)]
    watches = read(write_log(tmp_path / "w.tsv", NAMES, rows))
    assert by_user(watches) == {"b": ["z", "t", "x", "v"], "a": ["u", "y", "w"]}
    assert watches.time is not None and watches.time.tolist() == [1, 1, 5, 5, -2.5, 3, 3]
    assert watches.lengths.tolist() == [4, 3] and watches.starts.tolist() == [0, 4, 7]


def test_numbers_as_timestamps_are_no_texts(tmp_path: Path) -> None:
    rows = [("a", "ten", "10"), ("a", "nine", " 9"), ("a", "late", "1e3"), ("a", "first", "-1")]
    watches = read(write_log(tmp_path / "w.tsv", NAMES, rows))
    assert by_user(watches) == {"a": ["first", "nine", "ten", "late"]}


def test_without_timestamps_the_rows_are_in_order(tmp_path: Path) -> None:
    rows = [("b", "x"), ("a", "y"), ("b", "a"), ("b", "x")]
    watches, columns = read_watches(
        [str(write_log(tmp_path / "w.tsv", NAMES[:2], rows))], WatchColumns(), BadRows()
    )
    assert by_user(watches) == {"b": ["x", "a", "x"], "a": ["y"]}
    assert watches.time is None and columns == WatchColumns("user", "item")


def test_dates_are_moments_whatever_their_precision(tmp_path: Path) -> None:
    dates = ["2024-05-31 18:30:00", "2024-05-31", "2024-05-31T18:30:00.5Z", "1969-12-31"]
    rows = [("a", date, date) for date in dates]
    watches = read(write_log(tmp_path / "w.tsv", NAMES, rows))
    assert by_user(watches)["a"] == [dates[3], dates[1], dates[0], dates[2]]
    assert watches.time is not None
    assert (watches.time - watches.time[1]).tolist()[1:] == [0, 66600, 66600.5]
    assert watches.time[0] == -86400


@pytest.mark.parametrize(
    ("texts", "wrong"),
    [
        (["1", "2", "x"], {2: '"x", expected a number'}),
        (["1", "", "1_000"], {1: '""', 2: '"1_000", expected a number'}),
        (["1", "nan", "inf"], {1: '"nan"', 2: '"inf"'}),
        (["1", "2024-05-31"], {1: "expected a number"}),
        (["2024-05-31", "5"], {1: "expected a date and time"}),
        (["2024-05-31", "2024-13-01", "2024-05"], {1: "2024-13-01", 2: '"2024-05"'}),
        (["1", "１", "5\0"], {1: "a number", 2: "a number"}),
        (
            ["2024-05-31", "02024-05-31", "-2024-05-31", "2024-05-31 10:00:00ZZ"],
            {1: "", 2: "", 3: ""},
        ),
    ],
)
def test_what_is_no_timestamp_is_told_and_the_first_says_what_the_others_are(
    texts: list[str], wrong: dict[int, str]
) -> None:
    found = Clock().wrong(texts)
    assert set(found) == set(wrong)
    assert all(said in found[place] for place, said in wrong.items())


def test_moments_of_all_time_zones_become_those_of_one() -> None:
    texts = ["2024-05-31 10:00:00", "2024-05-31T10:00:00+02:00", "2024-05-31T10-02"]
    clock = Clock()
    assert not clock.wrong(texts)
    assert (clock.read(texts) - clock.read(texts)[0]).tolist() == [0, -7200, 7200]


def test_what_is_a_number_with_space_around_it_is_read_as_one() -> None:
    clock, texts = Clock(), ["\x1d2", " 3\t", "4\x1e"]
    assert not clock.wrong(texts) and clock.read(texts).tolist() == [2, 3, 4]


@pytest.mark.parametrize(
    "names", [("user_id", "item_id", "time"), ("item", "x", "user"), ("user", "user_id", "item")]
)
def test_columns_have_usual_names(names: tuple[str, ...]) -> None:
    found = WatchColumns().found_in(names, "log")
    assert found.user == ("user" if "user" in names else "user_id")
    assert found.item == ("item" if "item" in names else "item_id")
    assert found.timestamp == ("time" if "time" in names else None)


def test_columns_that_are_named_are_read_and_one_that_is_missing_is_told(tmp_path: Path) -> None:
    log = write_log(tmp_path / "w.tsv", ("who", "item", "what", "user"), [("a", "b", "c", "d")])
    watches = read(log, WatchColumns("who", "what"))
    assert (watches.users, watches.items) == (["a"], ["c"])
    assert read(log).users == ["d"]
    for columns, said in (
        (WatchColumns(timestamp="when"), 'no column "when"'),
        (WatchColumns(searches="search"), 'no column "search"'),
        (WatchColumns(context=("devise",)), 'no column "devise"'),
    ):
        with pytest.raises(DataError, match=said):
            read(log, columns)
    other = write_log(tmp_path / "x.tsv", ("item", "whom"), [("a", "b")])
    with pytest.raises(DataError, match=r'no column "user".*--user COLUMN'):
        read(other)


def test_several_files_are_one_log_whatever_the_order_of_their_columns(tmp_path: Path) -> None:
    first = write_log(tmp_path / "a.tsv", NAMES, [("a", "x", 5), ("b", "y", 1)])
    second = write_log(
        tmp_path / "b.tsv", ("timestamp", "item", "more", "user"), [(3, "z", 0, "a")]
    )
    watches, _ = read_watches([str(first), str(second)], WatchColumns(), BadRows())
    assert by_user(watches) == {"a": ["z", "x"], "b": ["y"]}


BAD = [("a", "x", 1), ("", "y", 2), ("a", "", 3), ("a", "z", "soon"), ("b", "w", 4)]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (1, ":3: empty user"),
        (2, ":3: empty item"),
        (3, ':3: the timestamp is "soon"'),
    ],
)
def test_a_bad_row_is_one_line(tmp_path: Path, row: int, said: str) -> None:
    rows = [each for i, each in enumerate(BAD) if i in (0, row, 4)]
    log = write_log(tmp_path / "w.tsv", NAMES, rows)
    with pytest.raises(DataError) as error:
        read(log)
    assert str(error.value).startswith(f"{log}{said}") and "\n" not in str(error.value)
    assert "--bad-rows skip" in str(error.value)


def test_bad_rows_can_be_skipped_and_are_counted(tmp_path: Path) -> None:
    bad = BadRows(True)
    watches = read(write_log(tmp_path / "w.tsv", NAMES, BAD), bad=bad)
    assert by_user(watches) == {"a": ["x"], "b": ["w"]}
    assert (
        bad.count == 3
        and "skipped 3 bad rows of 5, the first" in bad.summary
        and "w.tsv:3:" in bad.summary
    )
    only = write_log(tmp_path / "o.tsv", NAMES, [("", "x", 1)])
    with pytest.raises(DataError, match="no rows"):
        read(only, bad=BadRows(True))


@pytest.mark.parametrize("seed", range(5))
def test_a_log_is_read_as_a_plain_program_reads_it(tmp_path: Path, seed: int) -> None:
    rows = random_rows(seed)
    assert as_read(read(write_log(tmp_path / "w.tsv", ALL_NAMES, rows), LOGGED)) == plainly(rows)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_taken_stays_with_its_user_in_order(tmp_path: Path, seed: int) -> None:
    rows = random_rows(seed)
    watches = read(write_log(tmp_path / "w.tsv", ALL_NAMES, rows), LOGGED)
    kept = np.random.default_rng(seed).random(len(watches)) < 0.4
    taken = as_read(watches.take(kept))
    expected = {
        user: [seen for seen, is_kept in zip(own, kept[begin:], strict=False) if is_kept]
        for (user, own), begin in zip(as_read(watches).items(), watches.starts, strict=False)
    }
    assert taken == expected and [*taken] == watches.users


def test_other_numbers_are_of_the_same_items_and_those_not_there_are_minus_1(
    tmp_path: Path,
) -> None:
    watches = read(write_log(tmp_path / "w.tsv", ALL_NAMES, random_rows(1)), LOGGED)
    some = ["i3", "new", "i0", "i7"]
    found = watches.renumbered(some)
    expected = {u: [i if i in some else "?" for i in own] for u, own in by_user(watches).items()}
    assert by_user(found) == expected and found.items == some
    assert set(found.item.tolist()) == {-1, 0, 2, 3}


@pytest.mark.parametrize("seed", range(5))
def test_a_log_that_follows_another_stands_behind_it_user_by_user(
    tmp_path: Path, seed: int
) -> None:
    rows, later = random_rows(seed, 30), random_rows(seed + 100, 40)
    later += [("new", "i99", 0, "更 new", "d9")]
    logs = [
        read(write_log(tmp_path / name, ALL_NAMES, each), LOGGED)
        for name, each in (("a.tsv", rows), ("b.tsv", later))
    ]
    joined, first = followed(*logs)
    expected, before = plainly(rows), {user: len(own) for user, own in plainly(rows).items()}
    more = in_order(later)
    more["new"] = []
    for user, own in plainly([row for rows in more.values() for row in rows]).items():
        expected[user] = expected.get(user, []) + own
    expected["new"] = [Seen("i99", 0, ("更", "new"), "d9")]
    assert as_read(joined) == expected
    for u, user in enumerate(joined.users):
        own = first[joined.starts[u] : joined.starts[u + 1]].tolist()
        assert own == [i < before.get(user, 0) for i in range(len(own))]
    assert joined.digest not in (logs[0].digest, logs[1].digest)


@pytest.mark.parametrize("most", [1, 3, 50])
def test_a_history_is_what_was_watched_before_the_newest_first(tmp_path: Path, most: int) -> None:
    watches = read(write_log(tmp_path / "w.tsv", ALL_NAMES, random_rows(4)), LOGGED)
    places = np.arange(len(watches))
    begins = watches.starts[watches.user]
    found = histories(watches.item, begins, places, most)
    longest = int((places - begins).max())
    assert found.shape == (len(watches), min(most, longest))
    for p, begin in zip(places, begins, strict=True):
        own = [int(watches.item[q]) + 1 for q in range(begin, p)][::-1][:most]
        assert found[p].tolist() == own + [0] * (found.shape[1] - len(own))
    none = np.zeros(0, np.int64)
    assert histories(none, none, none, 5).shape == (0, 1)
    empty = histories(none, np.zeros(2, np.int64), np.zeros(2, np.int64), 5)
    assert empty.tolist() == [[0], [0]]


@pytest.mark.parametrize("most", [1, 4, 50])
def test_searches_count_up_to_those_of_the_watchs_own_row(tmp_path: Path, most: int) -> None:
    rows = [
        ("a", "x", 1, "红色 shoe", "d"),
        ("a", "y", 2, "", "d"),
        ("b", "x", 1, "bag", "d"),
        ("a", "z", 3, "Big 鞋", "d"),
        ("a", "w", 4, "later", "d"),
    ]
    watches = read(write_log(tmp_path / "w.tsv", ALL_NAMES, rows), LOGGED)
    expected = {
        "x": ["红", "色", "shoe"],
        "y": ["红", "色", "shoe"],
        "z": ["红", "色", "shoe", "big", "鞋"],
        "w": ["红", "色", "shoe", "big", "鞋", "later"],
    }
    places = np.arange(5)
    found = tokens_before(watches.tokens, watches.starts[watches.user], places, most)
    for p in range(4):
        said = [watches.words[t - 1] for t in found[p] if t]
        assert said == expected[watches.items[watches.item[p]]][::-1][:most]
    assert [watches.words[t - 1] for t in found[4] if t] == ["bag"]
    assert tokens_before(None, places, places, most).shape == (5, 0)
    assert tokens_before(watches.tokens, places, places, 0).shape == (5, 0)


@pytest.mark.parametrize("seed", range(3))
def test_searches_are_those_of_a_plain_program(tmp_path: Path, seed: int) -> None:
    rows = random_rows(seed)
    watches = read(write_log(tmp_path / "w.tsv", ALL_NAMES, rows), LOGGED)
    assert watches.tokens is not None
    begins = watches.starts[watches.user]
    found = tokens_before(watches.tokens, begins, np.arange(len(watches)), 7)
    ends, flat = watches.tokens.ends, watches.tokens.flat
    for p, begin in enumerate(begins):
        own = [int(t) + 1 for q in range(begin, p + 1) for t in flat[ends[q] : ends[q + 1]]]
        assert [t for t in found[p].tolist() if t] == own[::-1][:7]


def test_the_age_of_an_example_is_a_share_of_the_time_of_training(tmp_path: Path) -> None:
    rows = [("a", "x", 100), ("a", "y", 150), ("b", "x", 200), ("b", "y", 260)]
    watches = read(write_log(tmp_path / "w.tsv", NAMES, rows))
    found = ages(watches, np.arange(4), 200.0, 100.0)
    assert found.tolist() == [1.0, 0.5, 0.0, 0.0] and found.dtype == np.float32
    assert ages(watches, np.arange(4), 200.0, 0.0).tolist() == [0.0] * 4


def test_the_most_watched_come_first_and_of_equals_those_first_by_id() -> None:
    order = popular_first(["b", "a", "d", "c"], np.array([2, 2, 5, 2]))
    assert order.tolist() == [2, 1, 0, 3]


def test_the_same_log_has_the_same_digest_and_another_another(tmp_path: Path) -> None:
    rows = [("a", "x", 1, "red", "d"), ("b", "y", 2, "", "e"), ("a", "z", 3, "", "d")]
    others = [rows[::-1], rows[:-1], [("b", *rows[0][1:]), *rows[1:]], [*rows, rows[0]]]
    digests = [
        read(write_log(tmp_path / "w.tsv", ALL_NAMES, each), LOGGED).digest
        for each in (rows, rows, *others)
    ]
    assert digests[0] == digests[1] and len(set(digests)) == 5
