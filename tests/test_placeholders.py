"""Ids that stand for everybody nobody knows: told by how many rows have them."""

from __future__ import annotations

import numpy as np
import pytest

from dssmcli.data.heavy_findings import findings_of_heavy
from dssmcli.data.ids import id_lines
from dssmcli.data.log_events import Events
from dssmcli.data.log_figures import Share
from dssmcli.data.placeholders import looks_like_none, one_id_lines, placeholder_lines
from dssmcli.data.table import Column

NONE = (
    *("-1", "0", "-0", "000", "0000", "99", "-999", "99999", "guest", "Guest", "GUESTS"),
    *("anonymous", "(anonymous)", "unknown", "unknown_user", "(not set)", "undefined", "[deleted]"),
    *("游客", "未知", "未登录", "匿名用户", "00000000-0000-0000-0000-000000000000", "ffffffff"),
)
OTHERS = ("1", "10", "9", "-2", "u0", "guesthouse", "user 7", "ab00", "unknown soldier", "100", "f")


@pytest.mark.parametrize(("ids", "none"), [(NONE, True), (OTHERS, False)])
def test_ids_that_stand_for_none_look_so(ids: tuple[str, ...], none: bool) -> None:
    assert [each for each in ids if looks_like_none(each) != none] == []


def counted(name: str, rows: int, others: int = 40) -> tuple[list[str], np.ndarray]:
    """Return ids, of which the first has so many rows and the others 10 each, with their codes."""
    names = [name, *(f"u{i}" for i in range(others))]
    return names, np.repeat(np.arange(others + 1), [rows, *[10] * others])


@pytest.mark.parametrize(
    ("name", "rows", "said"),
    [
        ("-1", 100, True),
        ("0", 100, True),
        ("0", 30, False),  # one of many whose numbers begin with 0
        ("guest", 20, True),
        ("guest", 15, False),
        ("u77", 100, False),
    ],
)
def test_an_id_that_stands_for_none_is_warned_of(name: str, rows: int, said: bool) -> None:
    names, codes = counted(name, rows)
    lines = placeholder_lines("user", "uid", names, codes)
    assert bool(lines) == said
    if rows == 100 and said:
        assert lines[0] == (
            f'Warning: uid: 100 of 500 rows (20.0%) are of the user "{name}", the next has 10. If '
            "that says that nobody knows the user, drop the rows: they count as one user."
        )


def test_few_rows_or_ids_tell_nothing() -> None:
    assert not placeholder_lines("user", "u", *counted("-1", 20, 2))
    assert not placeholder_lines("user", "u", *counted("-1", 900, 5))


@pytest.mark.parametrize(("name", "codes"), [("u77", {"heavy_user"}), ("guest", set())])
def test_check_finds_any_id_far_beyond_the_next(name: str, codes: set[str]) -> None:
    names, user = counted(name, 100)
    item = np.arange(len(user)) % 50
    events = Events(np.arange(len(user)), user, item, names, [*map(str, range(50))], None)
    share = Share(41, 10.0, 10.0, 0, 0.2, name, 100)
    assert {each.code for each in findings_of_heavy(events, share, "watches", "f")} == codes


def test_one_item_alone_and_items_that_are_users_are_told() -> None:
    user, item = (np.arange(60, dtype=np.int32) % size for size in (30, 1))
    users = Column("u", [f"u{i}" for i in range(30)], user)
    (line,) = one_id_lines("u", users, "i", Column("i", ["i7"], item))
    assert 'i: all 60 rows are of the item "i7"' in line
    (line,) = one_id_lines("u", users, "i", Column("i", users.values[::-1], 29 - user))
    assert "u and i are the same in 60 of 60 rows" in line
    assert not one_id_lines("u", users, "i", Column("i", [f"i{i}" for i in range(30)], user))


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ([*(f"u{i}" for i in range(20)), *(f"U{i}" for i in range(5))], '"U0" and "u0"'),
        ([*map(str, range(1, 21)), *(f"{i:04d}" for i in range(1, 6))], '"0001" and "1"'),
        ([*(f"u{i}" for i in range(20)), "U1"], None),
        ([f"{i:05d}" for i in range(20)], None),
        ([f"a{i}b" for i in range(20)] + [f"a{i}0b" for i in range(20, 30)], None),
    ],
)
def test_ids_that_differ_in_capitals_or_zeros_are_told(ids: list[str], said: str | None) -> None:
    lines = [*id_lines("user", {each: i for i, each in enumerate(ids)}, ids)]
    assert len(lines) == (said is not None) and (said is None or said in lines[0])
