"""A file in another unit than the others is said by what trains, evaluates and checks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL, Dssm
from logs import IMPRESSION_NAMES, SMALL_RANKING, impressions, write_log
from tables import SMALL_TABLE, TASKS, world, write_table

from dssmcli.data.file_units import unit_lines
from dssmcli.data.grade_scales import grade_lines
from dssmcli.data.impressions import ImpressionColumns, read_impressions
from dssmcli.data.log_reading import asked_reading
from dssmcli.data.source_rows import rows_of_sources
from dssmcli.data.tsv import BadRows

FAST = (*SMALL, "--arch", "dnn", "--hidden", "8", "--epochs", "1")


def found_units(dssm: Dssm, *words: str | Path) -> list[dict[str, str]]:
    lines = map(json.loads, dssm("check", "--json", *words).out.splitlines())
    return [each for each in lines if each.get("code") == "other_unit"]


@pytest.mark.parametrize("column", ["price", "minutes"])
def test_a_table_in_another_unit_is_said_in_training(
    column: str, dssm: Dssm, tmp_path: Path
) -> None:
    first, other = (world(150, seed=seed).columns for seed in (1, 2))
    other[column] = [f"{100 * float(each):.0f}" for each in other[column]]
    files = [write_table(tmp_path / "a.csv", first), write_table(tmp_path / "b.csv", other)]
    command = ("train-rec", "mmoe", *TASKS, *SMALL_TABLE, "--epochs", "1", "-o", tmp_path / "r")
    done = dssm(*command, *files)
    assert done.code == 0
    (said,) = (line for line in done.err.splitlines() if "the other files" in line)
    assert said.startswith(f"Warning: {files[1]}: {column}: half of ")
    assert said.endswith("If it is another unit or way of writing, write it alike in all files.")
    done = dssm(*command, "--overwrite", files[0])
    assert "the other files" not in done.err


def test_a_log_of_impressions_in_another_unit_is_said(dssm: Dssm, tmp_path: Path) -> None:
    rows = impressions(20, 12, 600)
    random = np.random.default_rng(1)
    price = [round(value, 2) for value in random.uniform(1, 9, len(rows)).tolist()]
    names = (*IMPRESSION_NAMES, "price")
    plain = [(*row, each) for row, each in zip(rows, price, strict=True)]
    other = [
        (*row[:4], 1000 * row[4], round(100 * each)) for row, each in zip(rows, price, strict=True)
    ]
    first = write_log(tmp_path / "a.tsv", names, plain[:300])
    second = write_log(tmp_path / "b.tsv", names, other[300:])
    alike = write_log(tmp_path / "c.tsv", names, plain[300:])
    command = ("train-rec", "youtube-ranking", *SMALL_RANKING, "--epochs", "1")
    done = dssm(*command, first, second, "-o", tmp_path / "r")
    assert done.code == 0, done.err
    said = [line for line in done.err.splitlines() if "the other files" in line]
    assert sorted(line.split(": ")[:3] for line in said) == [
        ["Warning", str(second), "price"],
        ["Warning", str(second), "watch_time"],
    ]
    units = found_units(dssm, first, second)
    assert [each["what"].split(": ")[0] for each in units] == ["price", "watch_time"]
    done = dssm(*command, first, alike, "-o", tmp_path / "s")
    assert done.code == 0 and "the other files" not in done.err


def pairs(path: Path, top: float, rows: int = 120) -> Path:
    grades = (top * (row % 6) / 5 for row in range(rows))
    lines = (f"query {row % 40}\t{path.stem} {row}\t{each:g}\n" for row, each in enumerate(grades))
    path.write_text("".join(lines), "utf-8")
    return path


def test_grades_on_another_scale_are_said(dssm: Dssm, tmp_path: Path) -> None:
    one, five, more = (
        pairs(tmp_path / f"{name}.tsv", top) for name, top in (("one", 1), ("five", 5), ("more", 5))
    )
    grade, run = ("--value", "grade"), tmp_path / "run"
    done = dssm("train", one, five, *grade, *FAST, "-o", tmp_path / "both")
    says = "grades up to 5, in the other files up to 1. If it is another scale, write it alike"
    assert done.code == 0 and f"Warning: {five}: {says}" in done.err
    done = dssm("train", one, "--valid", five, *grade, *FAST, "-o", run)
    says = "grades up to 5, those learned from are up to 1: what counts as a match goes by these."
    assert done.code == 0 and f"Warning: {five}: {says}" in done.err
    done = dssm("eval", "-q", "-m", run, *grade, "--bootstrap", "0", more)
    assert done.code == 0 and done.err.startswith(f"Warning: {more}: {says}")
    done = dssm("report", run, "--data", more, *grade, "-q", "-o", tmp_path / "page.html")
    assert done.code == 0 and says in done.err
    done = dssm("train", five, "--valid", more, *grade, *FAST, "-o", run, "--overwrite")
    assert done.code == 0 and "another scale" not in done.err
    assert "another scale" not in dssm("eval", "-m", run, *grade, "--bootstrap", "0", more).err
    assert [each["file"] for each in found_units(dssm, *grade, one, five)] == [str(five)]
    # Only the scale of rows is new in a run: it does not keep one from being resumed.
    command = ("train", five, "--valid", more, *grade, *FAST, "-o", run, "--resume")
    assert dssm(*command).code == 0


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ([0, 1, 2, 3, 4, 5] * 20, [0, 0.5, 1] * 40, True),
        ([0, 1, 2, 3, 4, 5] * 20, [0] * 100, False),  # negatives that were mined
        ([0, 1, 2, 3, 4, 5] * 20, [1, 2, 3, 4] * 20, False),
        ([0, 1, 2, 3] * 20, [0, 1] * 10, False),  # so few rows may have no 3
        ([0, 1] * 100, [0, 1] * 50 + [7], False),  # a single mistake
    ],
)
def test_scales_differ_where_many_grades_lie_beyond_the_other(
    first: list[float], second: list[float], says: bool
) -> None:
    files = rows_of_sources(["a", "b"], [len(first), len(first) + len(second)])
    lines = list(grade_lines(np.array([*first, *second], np.float64), files))
    assert len(lines) == says and all(line.startswith("Warning: b: ") for line in lines)


def test_the_odd_one_of_many_files_is_found() -> None:
    random = np.random.default_rng(3)
    numbers = np.exp(random.normal(3, 0.5, 100 * 60))
    numbers[700:800] *= 1000
    files = rows_of_sources([f"{i}.csv" for i in range(60)], range(100, 6001, 100))
    (line,) = unit_lines([("price", numbers)], files)
    assert line.startswith("Warning: 7.csv: price: ")


def test_a_later_log_in_another_unit_is_not_advised_what_would_change_the_first(
    tmp_path: Path,
) -> None:
    rows = [(*row[:2], 1_700_000_000 + row[2], *row[3:]) for row in impressions(20, 12, 200)]
    slow = [(*row[:4], 1000 * row[4]) for row in rows]
    path = write_log(tmp_path / "later.tsv", IMPRESSION_NAMES, slow)
    way = asked_reading(None)
    for each, says in (
        (way, "If it is in ms: --unit ms."),
        (way.learned(None, 0, np.array([1.7e9])), "If it is in ms: write them in s."),
    ):
        lines: list[str] = []
        read_impressions([str(path)], ImpressionColumns(), BadRows(), each, lines.append)
        assert [line for line in lines if line.endswith(says)], lines
