"""Labels with another decimal mark than those learned from are refused with a command."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from conftest import Dssm
from tables import SMALL_TABLE, world, write_table

TASK = ("--task", "minutes:regression", "--ignore", "bought")


@pytest.mark.parametrize(("learned", "given"), [(".", ","), (",", ".")])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_following_the_hint_about_a_decimal_mark_leads_on(
    learned: str, given: str, delimiter: str, dssm: Dssm, tmp_path: Path
) -> None:
    def table(name: str, mark: str, seed: int) -> Path:
        columns = world(120, seed=seed).columns
        columns["minutes"] = [each.replace(".", mark) for each in columns["minutes"]]
        return write_table(tmp_path / name, columns, delimiter)

    first, other = table("a.csv", learned, 1), table("b.csv", given, 2)
    command = (
        "train-rec",
        "mmoe",
        first,
        *TASK,
        *SMALL_TABLE,
        "--epochs",
        "1",
        "-o",
        tmp_path / "r",
    )
    assert dssm(*command).code == 0
    for words in (
        ("eval", "-m", tmp_path / "r", "--bootstrap", "0"),
        (*command, "--overwrite", "--valid"),
    ):
        done = dssm(*words, other)
        assert done.code == 3 and done.err.count("\n") == 1, done
        names = {".": "point", ",": "comma"}
        says = f"has a decimal {names[given]}, and a decimal {names[learned]} is read. Write all"
        assert says in done.err
        _, python, hint = done.err.rstrip(".\n").partition("python3 -c ")
        subprocess.run(python + hint, shell=True, check=True)
        right = table("right.csv", learned, 2)
        assert (tmp_path / "b-marks.csv").read_text("utf-8") == right.read_text("utf-8")
        assert dssm(*words, tmp_path / "b-marks.csv").code == 0


def test_texts_that_are_no_numbers_have_no_such_hint(dssm: Dssm, tmp_path: Path) -> None:
    columns = world(120).columns
    columns["minutes"][5] = "1,5 or so"
    command = ("train-rec", "mmoe", *TASK, *SMALL_TABLE, "--epochs", "1", "-o", tmp_path / "r")
    done = dssm(*command, write_table(tmp_path / "a.csv", columns))
    assert done.code == 3 and "python3" not in done.err and "decimal" not in done.err


def test_what_is_said_of_marks_for_unknown_numbers_leads_on(dssm: Dssm, tmp_path: Path) -> None:
    columns = world(120).columns
    columns["minutes"][::9] = ["<0.1"] * len(columns["minutes"][::9])
    command = ("train-rec", "mmoe", *TASK, *SMALL_TABLE, "--epochs", "1", "-o", tmp_path / "r")
    done = dssm(*command, write_table(tmp_path / "a.csv", columns))
    assert done.code == 3 and "Where nobody knows the number, leave the field empty." in done.err
    columns["minutes"][::9] = [""] * len(columns["minutes"][::9])
    assert dssm(*command, write_table(tmp_path / "a.csv", columns)).code == 0


@pytest.mark.parametrize("between", [" - ", " – ", "~", "至", " to "])
def test_ranges_are_told_to_be_no_numbers(between: str, dssm: Dssm, tmp_path: Path) -> None:
    columns = world(120).columns
    columns["price"] = [f"{i % 70}{between}{i % 70 + 5}" for i in range(120)]
    command = ("train-rec", "mmoe", *TASK, *SMALL_TABLE, "--epochs", "1", "-o", tmp_path / "r")
    done = dssm(*command, write_table(tmp_path / "a.csv", columns))
    assert done.code == 0 and "give both ends of ranges columns of their own." in done.err
    columns["price"] = [f"{i % 24}-{1 + i % 12:02}" for i in range(120)]
    done = dssm(*command, "--overwrite", write_table(tmp_path / "a.csv", columns))
    assert done.code == 0 and "ranges" not in done.err
