"""Rows of a log of watches that say that nothing was watched, and other doubts about its reading,
are told by trainings and found by `check`."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Dssm
from logs import IMPRESSION_NAMES, SMALL_WATCHES, impressions, watches_in_a_ring

TRAIN = ("train-rec", "youtube-candidates", *SMALL_WATCHES, "--epochs", "1", "-o", "run")


def _write(between: str, name: str, say: Callable[[int], str], end: str = "\n") -> str:
    rows = [["user", "item", name, "timestamp"]]
    for k, (user, item, when) in enumerate(watches_in_a_ring(20, 10, 6)):
        rows.append([user, item, say(k), str(when)])
    text = end.join(map(between.join, rows)) + end
    Path("log.csv").write_text(text, "utf-8", newline="")
    return text


@pytest.mark.parametrize(
    ("between", "name", "no", "yes", "end"),
    [
        ("\t", "clicked", "0", "1", "\n"),
        (",", "watch_time", "0.0", "12.5", "\r\n"),
        (";", "is_click", "no", "yes", "\n"),
        ("\t", "play_seconds", "0", "10", "\n"),
    ],
)
def test_rows_that_were_not_watched_are_warned_of_and_the_command_leaves_them_out(
    between: str,
    name: str,
    no: str,
    yes: str,
    end: str,
    tmp_path: Path,
    dssm: Dssm,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    text = _write(between, name, lambda k: no if k % 4 else yes, end)
    done = dssm(*TRAIN, "log.csv")
    assert done.code == 0, done.err
    said = f"Warning: rows with {name} {no} count as watches like all others (90 of 120); keep "
    assert done.err.startswith(said), done.err
    checked = dssm("check", "--as", "watches", "log.csv")
    assert "90 × Rows with" in checked.out and " > NEW" in checked.out, checked.out
    [command] = re.findall(r": (awk .* > NEW), and give NEW", done.err)
    assert command in checked.out
    subprocess.run(command, shell=True, check=True)
    head, *rows = text.splitlines()
    assert Path("NEW").read_text().splitlines() == [head, *rows[::4]]
    assert "count as watches" not in dssm(*TRAIN, "--overwrite", "NEW").err


@pytest.mark.parametrize(
    ("name", "say"),
    [
        ("clicked", lambda k: "1"),
        ("clicked", lambda k: "0" if k == 5 else "1"),
        ("rating", lambda k: str(k % 2)),
        ("watch_time", lambda k: str(k + 1)),
    ],
)
def test_other_columns_are_no_reason_to_warn(
    name: str,
    say: Callable[[int], str],
    tmp_path: Path,
    dssm: Dssm,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    _write(",", name, say)
    assert dssm(*TRAIN, "log.csv").err == ""
    assert "watches like all others" not in dssm("check", "--as", "watches", "log.csv").out


def test_check_finds_what_a_training_warns_of(
    tmp_path: Path, dssm: Dssm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = "1 id such as 1.23457E+12 lost digits in a spreadsheet or a data frame"
    watched = [("1.23457E+12", item, when) for _, item, when in watches_in_a_ring(2, 9, 30)]
    shown = [("1.23457E+12", *row[1:]) for row in impressions(9, 9, 100)]
    for names, rows in ((IMPRESSION_NAMES[:3], watched), (IMPRESSION_NAMES, shown)):
        lines = [names, *rows]
        Path("log.csv").write_text("\n".join(",".join(map(str, row)) for row in lines) + "\n")
        checked = dssm("check", "log.csv")
        assert f"warning  1 × user: {said}" in checked.out, checked.out
        beside = dssm("check", "log.csv", "--valid", "log.csv")
        assert beside.out.count(said) == 2, beside.out
