"""What is said of tables unlike the rows to learn from: of `--valid`, and of a later file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Dssm
from tables import SMALL_TABLE, world, write_table

Columns = dict[str, list[str]]


def cents(columns: Columns) -> None:
    columns["price"] = [f"{100 * float(each):.0f}" for each in columns["price"]]


def blank(columns: Columns) -> None:
    columns["price"] = [""] * len(columns["price"])


def commas(columns: Columns) -> None:
    columns["price"][:90] = [each.replace(".", ",") + "," for each in columns["price"][:90]]


def no_change(columns: Columns) -> None:
    """Change nothing."""


SAID = [
    (cents, "warning", "price: 100% of 300 numbers are"),
    (blank, "warning", "price: missing in 300 of 300 fields, in training in none"),
    (commas, "note", "price: 90 fields without a number"),
]


@pytest.mark.parametrize(("change", "level", "says"), [*SAID, (no_change, "", "")])
def test_what_predict_says_of_a_file_is_said_of_one_to_validate_on(
    change: object, level: str, says: str, dssm: Dssm, tmp_path: Path
) -> None:
    assert callable(change)
    table = write_table(tmp_path / "t.csv", world(400).columns)
    columns = world(300, seed=2).columns
    change(columns)
    valid = write_table(tmp_path / "v.csv", columns)
    line = (table, "--task", "bought", "--ignore", "minutes", "--valid", valid)
    told = findings_of(dssm, *line)
    assert [each["level"] for each in told] == [level] * bool(level)
    small = (*SMALL_TABLE[:-1], "--epochs", "1", "-o", tmp_path / "r")
    done = dssm("train-rec", "mmoe", *line, *small)
    assert done.code == 0, done
    warns = "Warning: " * (level == "warning")
    about = [each for each in done.err.splitlines() if f"{valid}: " in each]
    assert len(about) == bool(level)
    assert all(each.startswith(f"{warns}{valid}: {says}") for each in about)
    for each in told:
        assert says in each["what"] and each["file"] == str(valid) and each["todo"]


def findings_of(dssm: Dssm, *line: object) -> list[dict[str, str]]:
    done = dssm("check", *line, "--json")
    assert done.code == 0, done
    found = [json.loads(each) for each in done.out.splitlines()]
    return [each for each in found if each["type"] == "finding"]


def test_a_label_far_from_all_others_in_a_file_to_validate_on_is_warned_of(
    dssm: Dssm, tmp_path: Path
) -> None:
    table = write_table(tmp_path / "t.csv", world(200).columns)
    columns = world(200, seed=2).columns
    columns["minutes"][7] = "1e9"
    valid = write_table(tmp_path / "v.csv", columns)
    line = (table, "--task", "minutes:regression", "--ignore", "bought", "--valid", valid)
    done = dssm("train-rec", "mmoe", *line, *SMALL_TABLE, "--epochs", "1", "-o", tmp_path / "r")
    assert f'Warning: {valid}: the task "minutes": 1e+09 lies far from the others' in done.err
    (told,) = findings_of(dssm, *line)
    assert told["code"] == "far_labels" and "1e+09 lies far" in told["what"]


@pytest.mark.parametrize(("number", "rows"), [("9999", 4), ("-999", 20), ("-1", 20), ("1e9", 1)])
def test_labels_that_say_that_nobody_knows_are_warned_of_before_rows_are_set_aside(
    number: str, rows: int, dssm: Dssm, tmp_path: Path
) -> None:
    columns = world(200).columns
    columns["minutes"] = [f"{20 + float(each):.3f}" for each in columns["minutes"]]
    columns["minutes"][:rows] = [number] * rows
    path = write_table(tmp_path / "t.csv", columns)
    line = (path, "--task", "minutes:regression", "--ignore", "bought")
    done = dssm("train-rec", "mmoe", *line, *SMALL_TABLE, "--epochs", "1", "-o", tmp_path / "r")
    assert done.code == 0 and done.err.count("If it says that nobody knows, leave") == 1, done
    found = findings_of(dssm, *line)
    assert {each["code"] for each in found} & {"sentinel", "far_labels"}


@pytest.mark.parametrize("files", [2, 3])
@pytest.mark.parametrize("other", [True, False])
def test_a_file_in_another_unit_than_the_other_files_is_found(
    files: int, other: bool, dssm: Dssm, tmp_path: Path
) -> None:
    paths: list[Path] = []
    odd = 0 if files == 3 else 1
    for i in range(files):
        columns = world(100, seed=i).columns
        if other and i == odd:
            cents(columns)
        paths.append(write_table(tmp_path / f"{i}.csv", columns))
    found = findings_of(dssm, *paths, "--task", "bought", "--ignore", "minutes")
    units = [(each["file"], each["level"]) for each in found if each["code"] == "other_unit"]
    assert units == [(str(paths[odd]), "warning")] * other
