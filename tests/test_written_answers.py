"""Clicks, labels and outcomes however they are written: understood and said, or refused with a way
out that works."""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import SMALL, Dssm
from logs import IMPRESSION_NAMES, SMALL_RANKING, write_log

from dssmcli.data.impressions import ImpressionColumns, read_impressions
from dssmcli.data.tsv import BadRows
from dssmcli.errors import DataError

ROWS = 200
Write = Callable[[bool], str]


def clicked() -> list[bool]:
    drawn = random.Random(5)
    return [drawn.random() < 0.5 for _ in range(ROWS)]


def stars(yes: bool) -> str:
    return "5" if yes else "3"


def some_stars(yes: bool) -> str:
    return "5" if yes else "0"


WAYS: dict[str, tuple[Write, str]] = {
    "n and y": (lambda yes: "y" if yes else "n", 'liked: "n" is 0, "y" is 1.'),
    "floats": (lambda yes: "1.0" if yes else "0.0", 'liked: "0.0" is 0, "1.0" is 1.'),
    "true or nothing": (lambda yes: "true" * yes, "taken for no."),
    "1 or nothing": (lambda yes: "1" * yes, "taken for no."),
    "0 to 5": (some_stars, 'liked: "5" is a yes, as it is above 0.'),
    "signs": (lambda yes: "1" if yes else "-1", 'liked: "-1" is a no.'),
    "1 and 0": (lambda yes: str(int(yes)), ""),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_outcome_is_read_as_it_is_meant_and_said(way: str, tmp_path: Path) -> None:
    write, says = WAYS[way]
    rows = [
        (f"u{i % 9}", f"i{i % 7}", i, i % 2, 3.0, write(yes)) for i, yes in enumerate(clicked())
    ]
    path = write_log(tmp_path / "log.tsv", (*IMPRESSION_NAMES, "liked"), rows)
    lines: list[str] = []
    columns = ImpressionColumns(outcomes=("liked",))
    log, _ = read_impressions([str(path)], columns, BadRows(), say=lines.append)
    assert log.outcomes[:, 0].tolist() == [float(yes) for yes in clicked()]
    about = [line for line in lines if line.startswith("liked: ")]
    assert any(line.endswith(says) for line in about) if says else not about


def test_an_outcome_above_0_everywhere_is_warned_of_with_a_way_out(tmp_path: Path) -> None:
    rows = [
        (f"u{i % 9}", f"i{i % 7}", i, i % 2, 3.0 * (i % 2), stars(yes))
        for i, yes in enumerate(clicked())
    ]
    path = write_log(tmp_path / "log.tsv", (*IMPRESSION_NAMES, "liked"), rows)
    lines: list[str] = []
    read_impressions(
        [str(path)], ImpressionColumns(outcomes=("liked",)), BadRows(), say=lines.append
    )
    (warning,) = (line for line in lines if line.startswith("Warning: "))
    assert warning.endswith("write 1 for these and 0 for all others.")


@pytest.mark.parametrize(
    "write",
    [
        stars,
        lambda yes: "2" if yes else "1",
        lambda yes: "1" if yes else random.choice(["-1", "0"]),
    ],
)
def test_clicks_that_are_other_numbers_are_refused_with_a_command(
    write: Write, dssm: Dssm, tmp_path: Path
) -> None:
    rows = [
        (f"u{i % 9}", f"i{i % 7}", i, write(yes), 5.0 + i % 9) for i, yes in enumerate(clicked())
    ]
    path = write_log(tmp_path / "log.tsv", IMPRESSION_NAMES, rows)
    command = (
        "train-rec",
        "youtube-ranking",
        *SMALL_RANKING,
        "--epochs",
        "1",
        "-o",
        tmp_path / "r",
    )
    # Skipping would leave out all of a kind.
    for more in ((), ("--bad-rows", "skip")):
        done = dssm(*command, path, *more)
        assert done.code == 3 and "--bad-rows" not in done.err, done
    _, python, hint = done.err.rstrip(".\n").partition("python3 -c ")
    subprocess.run(python + hint, shell=True, check=True)
    made = tmp_path / "log-01.tsv"
    log, _ = read_impressions([str(made)], ImpressionColumns(), BadRows())
    assert log.clicked.tolist() == [float(yes) for yes in clicked()]
    assert dssm(*command, made).code == 0


WORDS: dict[str, Write] = {
    "like, dislike": lambda yes: "like" if yes else "dislike",
    "liked or none": lambda yes: "liked" if yes else "none",
    "a moment or nothing": lambda yes: "2024-06-04 10:00:00" if yes else "",
    "a moment or zeros": lambda yes: "2024-06-04 10:00:00" if yes else "0000-00-00 00:00:00",
    "点赞": lambda yes: "已点赞" if yes else "未点赞",
    "the rarer of many": lambda yes: "thumbs_up" if yes else random.choice(["", "skip", "report"]),
}
COUNTS: Write = lambda yes: random.choice("123") if yes else "0"  # noqa: E731


@pytest.mark.parametrize("way", [*WORDS, "counts"])
@pytest.mark.parametrize("role", ["clicked", "liked"])
def test_answers_in_words_dates_or_counts_get_a_command_that_keeps_every_row(
    way: str, role: str, tmp_path: Path
) -> None:
    if (way, role) == ("counts", "liked"):
        return  # a number above 0 is a yes
    write = WORDS.get(way, COUNTS)
    rows = [
        (
            f"u{i % 9}",
            f"i{i % 7}",
            i,
            *((write(yes), "0") if role == "clicked" else ("1", write(yes))),
            3.0,
        )
        for i, yes in enumerate(clicked())
    ]
    path = write_log(
        tmp_path / "log.tsv", ("user", "item", "timestamp", "clicked", "liked", "watch_time"), rows
    )
    columns = ImpressionColumns(outcomes=("liked",))
    with pytest.raises(DataError) as error:
        read_impressions([str(path)], columns, BadRows(skip=True))
    assert "--bad-rows" not in str(error.value)
    _, python, hint = str(error.value).rstrip(".\n").partition("python3 -c ")
    subprocess.run(python + hint, shell=True, check=True)
    log, _ = read_impressions([str(tmp_path / "log-01.tsv")], columns, BadRows())
    answers = log.clicked if role == "clicked" else log.outcomes[:, 0]
    assert answers.tolist() == [float(yes) for yes in clicked()]


def test_a_single_wrong_click_is_a_bad_row(dssm: Dssm, tmp_path: Path) -> None:
    rows = [(f"u{i % 9}", f"i{i % 7}", i, int(yes), 5.0) for i, yes in enumerate(clicked())]
    rows[3] = (*rows[3][:3], 7, 5.0)
    path = write_log(tmp_path / "log.tsv", IMPRESSION_NAMES, rows)
    command = ("train-rec", "youtube-ranking", path, *SMALL_RANKING, "--epochs", "1")
    assert "Skip such rows with --bad-rows skip." in dssm(*command, "-o", tmp_path / "r").err
    assert dssm(*command, "--bad-rows", "skip", "-o", tmp_path / "r").code == 0


@pytest.mark.parametrize("yes", ["1", "true"])
def test_pairs_whose_no_is_empty_are_refused_with_a_command(
    yes: str, dssm: Dssm, tmp_path: Path
) -> None:
    path = tmp_path / "pairs.tsv"
    lines = (f"query {i % 30}\ttitle {i}\t{yes * each}\n" for i, each in enumerate(clicked()))
    path.write_text("".join(lines), "utf-8")
    command = (
        "train",
        *SMALL,
        "--arch",
        "dnn",
        "--hidden",
        "8",
        "--epochs",
        "1",
        "-o",
        tmp_path / "r",
    )
    done = dssm(*command, path)
    assert done.code == 3
    found = re.search(r"If what is empty is a no: (awk .*) > NEW, and give NEW", done.err)
    assert found is not None, done.err
    made = tmp_path / "new.tsv"
    subprocess.run(f"{found[1]} > {made}", shell=True, check=True)
    values = [line.split("\t")[2] for line in made.read_text("utf-8").splitlines()]
    assert values == [yes if each else "0" for each in clicked()]
    assert dssm(*command, made).code == 0


def test_of_answers_1_and_2_the_second_is_suggested(dssm: Dssm, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(
        "x,y\n" + "".join(f"{i * 0.37:.2f},{1 + each}\n" for i, each in enumerate(clicked())),
        "utf-8",
    )
    done = dssm("train-rec", "mmoe", path, "--task", "y", "-o", tmp_path / "r")
    assert done.code == 3 and "Say which values are a 1, as in --task 'y=2'." in done.err
