"""Logs to measure on that stand twice, or in the history that they follow, are warned of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import Dssm
from logs import (
    IMPRESSION_NAMES,
    SMALL_RANKING,
    SMALL_WATCHES,
    Row,
    impressions,
    run,
    watches_in_a_ring,
    write_log,
)

NAMES = ("user", "item", "timestamp")
HISTORY = watches_in_a_ring(30, 20, 8)
LATER = [(user, f"i{(int(item[1:]) + 9) % 20}", when + 100) for user, item, when in HISTORY[:80]]
"""Of them half have the user and item of one before."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return runs of watches with and without moments, and one of impressions, and logs."""
    folder = tmp_path_factory.mktemp("later")
    shown = impressions(20, 8, 300)
    logs = {
        "history": write_log(folder / "history.tsv", NAMES, HISTORY),
        "later": write_log(folder / "later.tsv", NAMES, LATER),
        "untimed": write_log(folder / "untimed.tsv", NAMES[:2], _untimed(HISTORY)),
        "untimed_later": write_log(folder / "u_later.tsv", NAMES[:2], _untimed(LATER)),
        "untimed_full": write_log(folder / "u_full.tsv", NAMES[:2], _untimed([*HISTORY, *LATER])),
        "full": write_log(folder / "full.tsv", NAMES, [*HISTORY, *LATER]),
        "half": write_log(folder / "half.tsv", NAMES, [*HISTORY, *LATER[:40]]),
        "twice": write_log(folder / "twice.tsv", NAMES, [*LATER, *LATER]),
        "shown": write_log(folder / "shown.tsv", IMPRESSION_NAMES, shown),
        "shown_twice": write_log(folder / "shown2.tsv", IMPRESSION_NAMES, [*shown, *shown]),
    }
    for name, preset, log, options in (
        ("run", "youtube-candidates", "history", SMALL_WATCHES),
        ("untimed_run", "youtube-candidates", "untimed", SMALL_WATCHES),
        ("ranker", "youtube-ranking", "shown", SMALL_RANKING),
    ):
        logs[name] = folder / name
        done = run("train-rec", preset, logs[log], *options, "--epochs", "1", "-o", logs[name])
        assert done.code == 0, done.err
    return logs


def _untimed(rows: Sequence[Row]) -> list[Row]:
    return [row[:2] for row in rows]


@pytest.mark.parametrize(
    ("model", "history", "later", "said"),
    [
        ("run", "full", "later", "80 of 80 watches to find stand in the history already (the sam"),
        ("run", "half", "later", "40 of 80 watches to find stand in the history already (the sam"),
        ("untimed_run", "untimed_full", "untimed_later", "80 of 80 watches to find stand in the "),
        ("run", "history", "twice", "80 of 160 rows have a user, item and moment that another "),
        ("run", "history", "later", ""),
        ("untimed_run", "untimed", "untimed_later", ""),
    ],
)
def test_watches_to_find_that_are_known_or_twice_are_warned_of(
    made: dict[str, Path], dssm: Dssm, model: str, history: str, later: str, said: str
) -> None:
    done = dssm("eval", "-q", "-m", made[model], "--history", made[history], made[later])
    assert done.code == 0
    begin = f"Warning: {made[later]}: {said}"
    assert done.err.startswith(begin) if said else not done.err, done.err


@pytest.mark.parametrize("command", ["report a.html", "plot a.svg --kind recall"])
def test_pictures_warn_of_them_too(
    made: dict[str, Path],
    dssm: Dssm,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    name, output, *kind = command.split()
    logs = ["--data", made["later"], "--history", made["full"]]
    done = dssm(name, "-q", made["run"], *logs, *kind, "-o", output)
    said = f"Warning: {made['later']}: 80 of 80 watches to find stand in the history"
    assert done.code == 0 and done.err.startswith(said), done.err


def test_impressions_that_stand_twice_are_warned_of(made: dict[str, Path], dssm: Dssm) -> None:
    for name, warned in (("shown", False), ("shown_twice", True)):
        done = dssm("eval", "-q", "-m", made["ranker"], made[name])
        assert (" of 600 rows have a user, item and moment that" in done.err) == warned
