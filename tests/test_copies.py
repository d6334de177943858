"""Copies of rows are told from rows that are equal by chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dssmcli.data.copies import copies_among, judged_lines, learned_lines, whole_copies
from dssmcli.data.pairs import copies_of, read_pairs
from dssmcli.data.repeated_events import repeated_lines
from dssmcli.data.tsv import BadRows

RANDOM = np.random.default_rng(0)
ROWS = np.arange(1000)


@pytest.mark.parametrize(
    ("hashes", "again", "times"),
    [
        (np.tile(ROWS, 2), 1000, 2),
        (np.tile(ROWS[:20], 3), 40, 3),
        (np.repeat(RANDOM.integers(0, 50, 300), 2), None, 2),  # natural repeats, put together twice
        (np.append(ROWS, ROWS[:150]), 150, 1),
        (np.append(ROWS, RANDOM.choice(ROWS, 500, replace=False)), 500, 1),
    ],
)
def test_copies_are_counted(hashes: np.ndarray, again: int | None, times: int) -> None:
    found = copies_among(RANDOM.permutation(hashes))
    assert found is not None and (found.rows, found.times) == (len(hashes), times)
    assert again is None or found.again == again
    assert (whole_copies(hashes) is not None) == (times > 1)


@pytest.mark.parametrize(
    "hashes",
    [
        ROWS,
        np.append(ROWS, ROWS[:90]),  # less than a tenth
        np.tile(ROWS[:10], 2),  # few
        RANDOM.integers(0, 3000, 1000),  # Poisson: 300 repeat
        RANDOM.integers(0, 300, 1000),
        (RANDOM.pareto(1.1, 3000) * 100).astype(np.int64),
        RANDOM.integers(0, 8, 5000),
        np.zeros(0, np.uint64),
    ],
)
def test_rows_that_are_equal_by_chance_are_no_copies(hashes: np.ndarray) -> None:
    assert copies_among(hashes) is None and whole_copies(hashes) is None


def test_copies_are_said_in_one_line() -> None:
    found = copies_among(np.tile(ROWS[:500], 2))
    assert learned_lines(found) == [
        "Warning: every row stands twice, as where a file was put together with itself (500 of "
        "1,000 rows repeat an earlier one), answer included. They weigh more, and some are trained "
        "on and validated on: keep one of each."
    ]
    some = copies_among(np.append(ROWS, ROWS[:250]))
    assert judged_lines(some)[0].startswith(
        "Warning: 250 of 1,250 rows (20%) repeat an earlier row, answer included: the figures' "
    )
    assert learned_lines(None) == judged_lines(None) == []


@pytest.mark.parametrize(("values", "said"), [(True, True), (False, False)])
def test_clicks_of_a_pair_repeat_by_themselves(tmp_path: Path, values: bool, said: bool) -> None:
    value = "\t{}" if values else ""
    rows = [f"q{i}\ttitle {i}" + value.format(i % 2) for i in range(100)]
    file = tmp_path / "p.tsv"
    file.write_text("\n".join([*rows, *rows[:40]]) + "\n")
    kind = "label" if values else None
    assert (copies_of(read_pairs([str(file)], None, kind, BadRows())) is not None) == said
    file.write_text("\n".join([*rows, *rows]) + "\n")
    assert copies_of(read_pairs([str(file)], None, kind, BadRows())) is not None


def test_a_log_without_moments_that_was_put_together_twice_is_told() -> None:
    user, item = np.arange(60) % 7, np.arange(60)
    (line,) = repeated_lines(np.tile(user, 2), np.tile(item, 2), None)
    assert "every user and item stands twice" in line
    assert not [*repeated_lines(user, item, None)]
