"""`dssm check` of logs: each finding on a log that has it, and none on one that has not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Dssm
from logs import write_log
from test_check_tables import codes, objects

EXAMPLES = Path(__file__).parent.parent / "examples" / "recommend"
DAY = 86_400
START = 1_700_000_000
Rows = list[list[Any]]
WATCH_NAMES = ("user", "item", "timestamp")
IMPRESSION_NAMES = ("user", "item", "timestamp", "clicked", "watch_time", "place", "liked")


def watches(users: int = 40, each: int = 12) -> Rows:
    """Return watches in the order of time, in which nothing is wrong."""
    random = np.random.default_rng(2)
    rows = [
        [f"u{user}", f"i{(7 * user + 11 * k) % 60}", START + int(k * DAY) + user * 600 + k]
        for k in range(each)
        for user in random.permutation(users).tolist()
    ]
    return sorted(rows, key=lambda row: row[2])


def impressions(count: int = 800) -> Rows:
    """Return impressions in the order of time, in which nothing is wrong."""
    random = np.random.default_rng(3)
    rows: Rows = []
    for k in range(count):
        clicked = int(random.random() < 0.4)
        seconds = round(clicked * random.gamma(3, 40) + clicked, 1)
        liked = int(random.random() < 0.2)
        place = int(random.integers(1, 6))
        user, item = f"u{k % 40}", f"i{random.integers(60)}"
        rows.append([user, item, START + 600 * k, clicked, seconds, place, liked])
    return rows


Change = Callable[[Rows], Rows]


def once(rows: Rows) -> Rows:
    return rows + [[f"n{k}", f"i{k}", START + k, *row[3:]] for k, row in enumerate(rows[:30])]


def strange_items(rows: Rows) -> Rows:
    return rows + [[f"u{k % 9}", f"n{k}", START + k, *row[3:]] for k, row in enumerate(rows[:40])]


def pairs_only(rows: Rows) -> Rows:
    return [[f"u{k // 2}", *row[1:]] for k, row in enumerate(rows)]


def robot(rows: Rows) -> Rows:
    return rows + [["bot", *row[1:]] for row in rows * 2]


def nobody(rows: Rows) -> Rows:
    return [["NULL", *row[1:]] if k % 90 == 5 else row for k, row in enumerate(rows)]


def twice(rows: Rows) -> Rows:
    return rows + rows[:20]


def one_moment(rows: Rows) -> Rows:
    return [[row[0], row[1], row[2] // (30 * DAY) * 30 * DAY] for row in rows]


def a_month_off(rows: Rows) -> Rows:
    half = len(rows) // 2
    return [[*row[:2], row[2] + 30 * DAY * (k >= half), *row[3:]] for k, row in enumerate(rows)]


def in_1970(rows: Rows) -> Rows:
    return [[*row[:2], 0 if k == 5 else row[2], *row[3:]] for k, row in enumerate(rows)]


def in_millis_too(rows: Rows) -> Rows:
    return [
        [*row[:2], row[2] * 1000 if k % 4 == 0 else row[2], *row[3:]] for k, row in enumerate(rows)
    ]


def to_come(rows: Rows) -> Rows:
    return [[*row[:2], row[2] + 2_000_000_000, *row[3:]] for row in rows]


def on_twelve_hours(rows: Rows) -> Rows:
    dates = [datetime.fromtimestamp(START + 5000 * k, UTC) for k in range(len(rows))]
    return [
        [*row[:2], f"{each:%Y-%m-%d %I:%M:%S}", *row[3:]]
        for row, each in zip(rows, dates, strict=True)
    ]


def counters(rows: Rows) -> Rows:
    return [[*row[:2], k, *row[3:]] for k, row in enumerate(rows)]


def dates_as_numbers(rows: Rows) -> Rows:
    return [[*row[:2], 20240301 + k // 40, *row[3:]] for k, row in enumerate(rows)]


def alone(rows: Rows) -> Rows:
    return [[f"u{k}", *row[1:]] for k, row in enumerate(rows)]


def few(rows: Rows) -> Rows:
    return rows[:60]


@pytest.mark.parametrize(
    ("change", "code", "level"),
    [
        (once, "users_of_one", "note"),
        (strange_items, "items_of_one", "note"),
        (pairs_only, "short_histories", "warning"),
        (robot, "heavy_user", "warning"),
        (nobody, "bad_rows", "error"),
        (twice, "repeated_events", "warning"),
        (one_moment, "tied_moments", "warning"),
        (a_month_off, "gap", "note"),
        (in_1970, "far_moments", "warning"),
        (in_millis_too, "mixed_units", "error"),
        (to_come, "future", "warning"),
        (on_twelve_hours, "half_a_day", "warning"),
        (counters, "no_dates", "note"),
        (dates_as_numbers, "dates_as_numbers", "warning"),
        (alone, "no_history", "error"),
        (few, "few_rows", "warning"),
    ],
)
def test_a_log_of_watches_has_what_is_wrong_with_it_among_its_findings(
    dssm: Dssm, tmp_path: Path, change: Change, code: str, level: str
) -> None:
    path = write_log(tmp_path / "w.tsv", WATCH_NAMES, change(watches()))
    result = dssm("check", path, "--json")
    assert codes(result).get(code) == level, result.out
    assert result.code == (3 if "error" in codes(result).values() else 0), result.err


def without_time(rows: Rows) -> Rows:
    return [[*row[:4], 0 if k % 3 else row[4], *row[5:]] for k, row in enumerate(rows)]


def without_click(rows: Rows) -> Rows:
    return [[*row[:4], 9.5 if row[3] == 0 else row[4], *row[5:]] for row in rows]


def in_millis(rows: Rows) -> Rows:
    return [[*row[:4], 1000 * row[4], *row[5:]] for row in rows]


def likes(rows: Rows) -> Rows:
    return [[*row[:6], row[6] * row[3]] for row in rows]


def seldom_likes(rows: Rows) -> Rows:
    return [[*row[:6], int(k % (2 if row[3] else 7) == 0)] for k, row in enumerate(rows)]


def share_watched(rows: Rows) -> Rows:
    return [[*row[:5], round(row[4] / 900, 4), row[6]] for row in rows]


def counted_up(rows: Rows) -> Rows:
    return [[*row[:5], 1000 + 3 * k, row[6]] for k, row in enumerate(rows)]


def never_clicked(rows: Rows) -> Rows:
    return [[*row[:3], 0, 0, *row[5:]] for row in rows]


def never_watched(rows: Rows) -> Rows:
    return [[*row[:4], 0, *row[5:]] for row in rows]


def seldom_clicked(rows: Rows) -> Rows:
    return [
        [*row[:3], int(k % 100 == 0), 10 * int(k % 100 == 0), *row[5:]]
        for k, row in enumerate(rows)
    ]


def a_dozen(rows: Rows) -> Rows:
    return rows[:12]


@pytest.mark.parametrize(
    ("change", "code", "level"),
    [
        (without_time, "unwatched_clicks", "warning"),
        (without_click, "unclicked_watches", "warning"),
        (in_millis, "unit", "warning"),
        (likes, "outcome", "warning"),
        (seldom_likes, "outcome", "warning"),
        (share_watched, "outcome", "warning"),
        (counted_up, "rises_with_time", "note"),
        (never_clicked, "one_label", "error"),
        (never_watched, "no_watch_time", "error"),
        (seldom_clicked, "few_labels", "warning"),
        (a_dozen, "too_few", "error"),
        (nobody, "bad_rows", "error"),
        (twice, "repeated_events", "warning"),
        (robot, "heavy_user", "warning"),
        (in_1970, "far_moments", "warning"),
    ],
)
def test_a_log_of_impressions_has_what_is_wrong_with_it_among_its_findings(
    dssm: Dssm, tmp_path: Path, change: Change, code: str, level: str
) -> None:
    path = write_log(tmp_path / "i.tsv", IMPRESSION_NAMES, change(impressions()))
    result = dssm("check", path, "--json")
    assert codes(result).get(code) == level, result.out
    assert result.code == (3 if "error" in codes(result).values() else 0), result.err


@pytest.mark.parametrize(
    ("names", "rows"), [(WATCH_NAMES, watches()), (IMPRESSION_NAMES, impressions())]
)
def test_nothing_is_found_in_a_log_in_which_nothing_is_wrong(
    dssm: Dssm, tmp_path: Path, names: Sequence[str], rows: Rows
) -> None:
    path = write_log(tmp_path / "l.tsv", names, rows)
    result = dssm("check", path, "--json")
    assert (result.code, result.err) == (0, "") and not objects(result, "finding")


def test_the_examples_have_true_findings_only(dssm: Dssm) -> None:
    watched = dssm("check", EXAMPLES / "watches.tsv")
    assert (watched.code, watched.err) == (0, "") and watched.out.endswith("findings: none\n")
    assert "a log of watches, by its header (user, item, timestamp)" in watched.out
    assert "2024-03-01 00:23:02 to 2024-04-19 23:53:40 (49.98 days)" in watched.out
    shown = dssm("check", EXAMPLES / "impressions.tsv", "--json")
    (finding,) = objects(shown, "finding")
    assert "liked is above 0 only where clicked is 1." in finding["what"]
    assert "--outcome 'liked'" in finding["todo"]
    told = dssm("check", EXAMPLES / "impressions.tsv", "--outcome", "liked", "--json")
    assert not objects(told, "finding")


def test_figures_of_a_small_log_are_right(dssm: Dssm, tmp_path: Path) -> None:
    rows = [("a", "y", START), ("a", "x", START + 3 * DAY), ("a", "x", START), ("b", "x", START)]
    path = write_log(tmp_path / "w.tsv", WATCH_NAMES, [*rows, rows[-1]])
    (file,) = objects(dssm("check", path, "--json"), "file")
    users, items, times = file["users"], file["items"], file["times"]
    assert (users["count"], users["median"], users["most"], users["most_events"]) == (
        2,
        2.5,
        "a",
        3,
    )
    assert (items["count"], items["once"], items["most"]) == (2, 1, "x")
    assert (file["again"], file["same"], times["tied"]) == (2, 1, 4)
    assert (times["unit"], times["days"], times["quiet_days"], times["gap"]) == ("s", 3, 2, 3)
    assert (times["first"], times["order"]) == ("2023-11-14 22:13:20", "in no order of time")


@pytest.mark.parametrize("unit", [1, 1000, 10**6, 10**9])
def test_moments_are_told_as_dates_in_whatever_unit(dssm: Dssm, tmp_path: Path, unit: int) -> None:
    rows = [[user, item, time * unit] for user, item, time in watches()]
    path = write_log(tmp_path / "w.tsv", WATCH_NAMES, rows)
    (file,) = objects(dssm("check", path, "--json"), "file")
    assert file["times"]["first"] == "2023-11-14 22:13:20"
    assert file["times"]["unit"] == {1: "s", 1000: "ms", 10**6: "µs", 10**9: "ns"}[unit]


def test_a_time_by_another_name_is_pointed_at(dssm: Dssm, tmp_path: Path) -> None:
    path = write_log(tmp_path / "w.tsv", ("user", "item", "seen_it"), watches())
    result = dssm("check", path, "--json")
    (finding,) = objects(result, "finding")
    assert finding["code"] == "unread_time" and "--timestamp 'seen_it'" in finding["todo"]
    assert not codes(dssm("check", path, "--timestamp", "seen_it", "--json"))
    bare = write_log(tmp_path / "b.tsv", ("user", "item"), [row[:2] for row in watches()])
    assert codes(dssm("check", bare, "--json")) == {"no_time": "note"}


def test_a_later_log_is_compared_with_the_one_before(dssm: Dssm, tmp_path: Path) -> None:
    rows = watches()
    first = write_log(tmp_path / "a.tsv", WATCH_NAMES, rows[:400])
    later = write_log(tmp_path / "b.tsv", WATCH_NAMES, rows[400:])
    assert not codes(dssm("check", first, "--valid", later, "--json"))
    assert not codes(dssm("check", first, later, "--json"))
    mixed = [*rows[390:], *(["n1", f"n{k}", row[2]] for k, row in enumerate(rows[440:]))]
    write_log(tmp_path / "b.tsv", WATCH_NAMES, mixed)
    result = dssm("check", first, "--valid", later, "--json")
    assert codes(result) == {
        "shared_events": "warning",
        "early_events": "warning",
        "unknown_users": "note",
        "unknown_items": "warning",
    }
    (overlap,) = objects(result, "overlap")
    assert (overlap["events"], overlap["of"], overlap["users"]) == (10, len(mixed), 1)
    assert overlap["early"] == 9 and overlap["items"] == 40


@pytest.mark.parametrize("names", [WATCH_NAMES, IMPRESSION_NAMES])
def test_bad_rows_of_logs_are_counted_and_told_with_their_lines(
    dssm: Dssm, tmp_path: Path, names: Sequence[str]
) -> None:
    good = watches() if names == WATCH_NAMES else impressions()
    bad = [["", *good[0][1:]], [*good[0][:2], "soon", *good[0][3:]]]
    first = write_log(tmp_path / "a.tsv", names, good)
    later = write_log(tmp_path / "b.tsv", names, [good[5], bad[0], good[6], bad[1]])
    result = dssm("check", first, later, "--json")
    assert result.code == 3 and codes(result)["bad_rows"] == "error"
    one, other = objects(result, "file")
    assert (one["bad_rows"], one["events"]) == (0, len(good))
    assert (other["bad_rows"], other["events"]) == (2, 2)
    told = other["bad_rows_shown"]
    assert told[0].startswith(f"{later}:3: empty user") and told[1].startswith(f"{later}:5: ")
    skip = ("--bad-rows", "skip", "--rejects", tmp_path / "bad.tsv")
    assert dssm("check", first, later, "--json", *skip).code == 0
    kept = (tmp_path / "bad.tsv").read_text().splitlines()
    assert kept == ["\t".join(map(str, row)) for row in bad]


def test_a_column_that_is_not_there_is_told_with_those_that_are(dssm: Dssm, tmp_path: Path) -> None:
    path = write_log(tmp_path / "w.tsv", WATCH_NAMES, watches())
    (finding,) = objects(dssm("check", path, "--context", "device", "--json"), "finding")
    assert finding["what"].endswith('no column "device", found "user, item, timestamp".')


@pytest.mark.parametrize(
    ("names", "options", "kind"),
    [
        (("user_id", "item_id", "time"), (), "watches"),
        (("who", "what", "when"), ("--user", "who", "--item", "what"), "watches"),
        (("user", "item", "timestamp"), ("--as", "watches"), "watches"),
        (("user", "item", "timestamp"), ("--context", "timestamp"), "watches"),
    ],
)
def test_what_a_log_is_follows_from_options_or_its_header(
    dssm: Dssm, tmp_path: Path, names: Sequence[str], options: tuple[str, ...], kind: str
) -> None:
    path = write_log(tmp_path / "w.tsv", names, watches())
    result = dssm("check", path, *options, "--json")
    if result.code != 2:
        assert objects(result, "file")[0]["read_as"] == kind, result.err


def test_columns_of_impressions_may_have_any_name(dssm: Dssm, tmp_path: Path) -> None:
    names = ("who", "what", "when", "opened", "millis", "place", "mood")
    path = write_log(tmp_path / "i.tsv", names, in_millis(impressions()))
    roles = ("--user", "who", "--item", "what", "--timestamp", "when", "--clicked", "opened")
    result = dssm("check", path, *roles, "--watch-time", "millis", "--unit", "ms", "--json")
    assert result.code == 0 and not codes(result), result.err
    (file,) = objects(result, "file")
    assert file["read_as"] == "impressions" and 10 < file["clicks"]["median"] < 300
    lacking = dssm("check", path, *roles, "--json")
    assert lacking.code == 3
    (finding,) = objects(lacking, "finding")
    assert (
        finding["code"] == "not_read" and "--watch-time COLUMN" in finding["what"] + finding["todo"]
    )
