"""Watch times in another unit than those learned from, clicks turned round, rows twice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Dssm
from logs import IMPRESSION_NAMES, SMALL_RANKING, impressions, run, write_log

from dssmcli.data.impressions import ImpressionColumns, read_impressions, unread_answers
from dssmcli.data.tsv import BadRows
from dssmcli.data.watch_doubts import (
    far_lines,
    mixed_lines,
    round_lines,
    scale_lines,
    share_lines,
    unclicked_lines,
)
from dssmcli.errors import DataError

SHOWN = impressions(20, 12, 300, 0.5)
LATER = [(*row[:2], 1000 + row[2], *row[3:]) for row in impressions(20, 12, 200, 0.5, seed=2)]
Change = Callable[[Any], Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a run of ranking, and its log."""
    folder = tmp_path_factory.mktemp("scale")
    log = write_log(folder / "shown.tsv", IMPRESSION_NAMES, SHOWN)
    words = ("--epochs", "1", "-o", folder / "run")
    done = run("train-rec", "youtube-ranking", log, *SMALL_RANKING, *words)
    assert done.code == 0, done.err
    return {"run": folder / "run", "log": log}


def changed(path: Path, change: Change) -> Path:
    return write_log(path, IMPRESSION_NAMES, [change(row) for row in LATER])


def times(factor: float) -> Change:
    return lambda row: (*row[:4], row[4] * factor)


def turned(row: Any) -> Any:
    return (*row[:3], 1 - row[3], row[4])


CASES = {
    "ms": (times(1000), "If it is in ms: write them in s."),
    "min": (times(1 / 60), "If they are in min, write them in s."),
    "h": (times(1 / 3600), "If they are in h, write them in s."),
    "seven": (times(1 / 7), "If they are in another unit, write them in s."),
    "turned": (turned, "is a click written as 0?"),
    "alike": (times(1.5), ""),
}


@pytest.mark.parametrize("case", CASES)
def test_watch_times_unlike_those_learned_from_are_warned_of(
    made: dict[str, Path], dssm: Dssm, tmp_path: Path, case: str
) -> None:
    change, said = CASES[case]
    log = changed(tmp_path / "later.tsv", change)
    train = ("train-rec", "youtube-ranking", made["log"], "--valid", log, *SMALL_RANKING)
    for words in (
        ("predict", "-q", "-m", made["run"], log),
        ("eval", "-q", "-m", made["run"], "--bootstrap", "0", log),
        (*train, "--epochs", "1", "-o", tmp_path / "run"),
    ):
        done = dssm(*words)
        assert done.code == 0, done.err
        lines = [line for line in done.err.splitlines() if "watch_time" in line]
        lines = [line for line in lines if "lower than chance" not in line]
        assert len(lines) == bool(said), done.err
        assert not said or (lines[0].startswith("Warning: ") and said in lines[0]), lines
        assert words[0] == "predict" or not said or f"Warning: {log}: " in lines[0]


@pytest.mark.parametrize(
    ("seconds", "learned", "unit", "ending"),
    [
        ([0.0] * 60, 20.0, "s", " Are the times missing?"),
        ([20_000.0] * 60, 20.0, "s", ""),  # beyond an hour: said already, of the log alone
        ([0.02] * 60, 20.0, "ms", ""),
        ([1200.0] * 60, 20.0, "min", "If they are in s, write them in min."),
        ([20.0] * 59 + [1e6], 20.0, "s", ""),  # one mistake
        ([200.0] * 49, 20.0, "s", ""),
        ([200.0] * 60, 0.0, "s", ""),
    ],
)
def test_the_unit_is_the_nearest(
    seconds: list[float], learned: float, unit: str, ending: str
) -> None:
    watched = np.array(seconds)
    lines = [*scale_lines("t", np.ones(len(watched)), watched, learned, unit)]
    assert len(lines) == bool(ending) and all(line.endswith(ending) for line in lines), lines


def test_clicks_are_turned_round_if_both_kinds_are() -> None:
    clicked = np.repeat([1.0, 0.0], 20)
    watched = np.repeat([0.0, 5.0], 20)
    assert len([*round_lines("clicked", "t", clicked, watched)]) == 1
    assert not [*round_lines("clicked", "t", 1 - clicked, watched)]
    assert not [*round_lines("clicked", "t", clicked, np.full(40, 5.0))]
    assert not [*round_lines("clicked", "t", clicked[15:25], watched[15:25])]


def test_rows_that_stand_twice_are_warned_of_by_predict(
    made: dict[str, Path], dssm: Dssm, tmp_path: Path
) -> None:
    log = write_log(tmp_path / "twice.tsv", IMPRESSION_NAMES, [*LATER, *LATER])
    done = dssm("predict", "-q", "-m", made["run"], log)
    assert done.err.startswith("Warning: 200 of 400 rows have a user, item and moment that another")


@pytest.mark.parametrize("ours", [0, 1])
def test_of_several_files_the_one_in_another_unit_is_named_with_what_writes_it(
    dssm: Dssm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ours: int
) -> None:
    monkeypatch.chdir(tmp_path)
    write_log(Path("a.tsv"), IMPRESSION_NAMES, SHOWN)
    changed(Path("b.tsv"), times(10_000))
    files = ["a.tsv", "b.tsv"][:: 1 if ours else -1]
    train = ("train-rec", "youtube-ranking", *SMALL_RANKING, "--epochs", "1", "--overwrite")
    done = dssm(*train, *files, "-o", "run")
    (line,) = done.err.splitlines()
    assert line.startswith("Warning: b.tsv: watch_time: clicked impressions were watched for ")
    begin, _, command = line.partition(" If it is in ms, write it in s: ")
    assert "--unit" not in line and begin.endswith("unlike the other files.")
    command = command.rstrip(".").replace("python3", sys.executable, 1)
    subprocess.run(command, shell=True, check=True)
    written = [line.split("\t") for line in Path("b-s.tsv").read_text().splitlines()[1:]]
    right = [row[4] * 10 for row in LATER]
    assert [float(row[4]) for row in written] == pytest.approx(right)


def test_answers_that_are_called_otherwise_are_told(
    made: dict[str, Path], dssm: Dssm, tmp_path: Path
) -> None:
    log = write_log(tmp_path / "ms.tsv", (*IMPRESSION_NAMES[:4], "play_time_ms"), LATER)
    done = dssm("predict", "-q", "-m", made["run"], log)
    assert done.code == 0 and done.err.startswith('Warning: no column "watch_time". Without both')
    end = 'If "play_time_ms" is "watch_time", call it so in the header, and write it in s.\n'
    assert done.err.endswith(end)
    columns = ImpressionColumns("user", "item", "timestamp", "clicked", "watch_time", "s")
    names = ["user", "item", "timestamp"]
    assert [*unread_answers(columns, names)] == []
    (line,) = unread_answers(columns, [*names, "clicked"])
    assert line.endswith("nothing of earlier rows counts for later ones.")
    (line,) = unread_answers(columns, [*names, "is_click", "duration"])
    assert 'If "is_click" is "clicked", call it so in the header. If "duration" is' in line


@pytest.mark.parametrize(
    ("ones", "of", "learned", "says"),
    [
        (0, 100, 0.3, True),
        (100, 100, 0.3, True),
        (10, 100, 0.5, True),
        (20, 100, 0.3, False),
        (0, 50, 0.1, False),
        (100, 100, 1.0, False),
    ],
)
def test_shares_of_clicks_far_from_those_learned_from_are_warned_of(
    ones: int, of: int, learned: float, says: bool
) -> None:
    clicked = (np.arange(of) < ones).astype(np.float64)
    assert len([*share_lines("clicked", clicked, learned)]) == says


def test_watch_times_in_two_units_are_warned_of() -> None:
    random = np.random.default_rng(1)
    times, ones = np.exp(random.normal(3, 0.6, 400)), np.ones(400)
    assert not [*mixed_lines("t", ones, times)]
    assert not [*mixed_lines("t", ones, np.exp(random.normal(3, 2.5, 400)))]
    assert not [*mixed_lines("t", ones, np.where(np.arange(400) < 3, 1000 * times, times))]
    mixed = np.where(np.arange(400) % 5 == 0, 1000 * times, times)
    (line,) = mixed_lines("t", ones, mixed)
    assert line.startswith("Warning: t: 80 of 400 watch times lie about 1,000 times above ")


def test_a_few_watch_times_far_beyond_all_others_are_warned_of(dssm: Dssm, tmp_path: Path) -> None:
    times = np.random.default_rng(4).lognormal(4, 0.8, 400)
    clicked = np.ones(400)
    assert not [*far_lines("watch_time", clicked, times)]
    (line,) = far_lines("watch_time", clicked, np.append(times[:-4], [259_200] * 4))
    assert "4 of 400 watch times of clicks are 259,200 s or more, all others " in line
    rows = [
        (*row[:4], 259_200 if row[3] and i % 20 == 0 else row[4]) for i, row in enumerate(SHOWN)
    ]
    done = dssm("check", write_log(tmp_path / "log.tsv", IMPRESSION_NAMES, rows))
    assert "Were pages left open?" in done.out


@pytest.mark.parametrize("length", [True, False])
def test_shares_watched_are_refused_with_the_length_if_there_is_one(
    length: bool, tmp_path: Path
) -> None:
    names = (*IMPRESSION_NAMES, "video_duration")[: 6 if length else 5]
    rows = [(*row[:4], f"{i % 100}%", 150)[: len(names)] for i, row in enumerate(SHOWN)]
    log = write_log(tmp_path / "log.tsv", names, rows)
    with pytest.raises(DataError, match="a share, expected a time") as error:
        read_impressions([str(log)], ImpressionColumns(), BadRows(skip=True))
    if not length:
        assert str(error.value).endswith("in s: the share times the length of the item.")
        return
    command = str(error.value).rpartition("whole length in s: ")[2].rstrip(".")
    subprocess.run(command, shell=True, check=True)
    made, _ = read_impressions([str(tmp_path / "log-time.tsv")], ImpressionColumns(), BadRows())
    assert made.watched.max() == pytest.approx(0.99 * 150)


def test_a_column_of_times_called_as_a_share_is_warned_of(tmp_path: Path) -> None:
    names = (*IMPRESSION_NAMES[:4], "finish_rate")
    log = write_log(tmp_path / "log.tsv", names, SHOWN)
    said: list[str] = []
    columns = ImpressionColumns(watch_time="finish_rate")
    read_impressions([str(log)], columns, BadRows(), say=said.append)
    assert any("called as a share of a length is" in line for line in said)


def test_watch_times_of_what_was_not_clicked_are_told() -> None:
    clicked = np.array([1.0] * 20 + [0.0] * 80)
    watched = np.array([60.0] * 20 + [120.0, 0.0] * 40)
    (line,) = unclicked_lines("watched", clicked, watched)
    assert line.startswith("Warning: watched: 40 of 80 impressions not clicked were watched, 120 s")
    assert not [*unclicked_lines("watched", clicked, watched * clicked)]
    few = np.where((clicked == 0) & (np.arange(100) > 23), 0, watched)
    assert not [*unclicked_lines("watched", clicked, few)]


def test_only_a_training_says_what_is_learned_of(
    made: dict[str, Path], dssm: Dssm, tmp_path: Path
) -> None:
    rows = [(f"u{i % 9}", f"i{i % 7}", i, i % 2, 20.0 + i % 5) for i in range(200)]
    log = write_log(tmp_path / "log.tsv", IMPRESSION_NAMES, rows)
    train = ("train-rec", "youtube-ranking", log, *SMALL_RANKING, "--epochs", "1")
    assert "say by --clicked" in dssm(*train, "-o", tmp_path / "run").err
    for words in (("predict", "-m", made["run"], log), ("eval", "-m", made["run"], log)):
        done = dssm(*words)
        assert done.code == 0 and "--clicked" not in done.err, done.err
