"""A label column that holds a mark or a date where it is a 1, and nothing elsewhere."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from conftest import Dssm
from tables import SMALL_TABLE, world, write_table


@pytest.mark.parametrize(
    ("mark", "task", "delimiter"),
    [
        ("x", "bought", ","),
        ("x", "bought=x", "\t"),
        ("1", "bought", ";"),
        ("2024-05-{:02}", "bought", ","),
        ("2024-05-01", "bought=2024-05-01", ","),
    ],
)
def test_what_is_said_of_a_mark_or_nothing_leads_on(
    mark: str, task: str, delimiter: str, dssm: Dssm, tmp_path: Path
) -> None:
    columns = world(200).columns
    labels = columns["bought"]
    columns["bought"] = [mark.format(1 + i % 9) * (y == "1") for i, y in enumerate(labels)]
    path = write_table(tmp_path / "t.csv", columns, delimiter)
    small = ("--ignore", "minutes", *SMALL_TABLE, "--epochs", "1", "-o", tmp_path / "r")
    done = dssm("train-rec", "mmoe", path, "--task", task, *small)
    assert done.code == 3 and done.err.count("\n") == 1, done
    assert f"in {labels.count('1')} rows and no value in {labels.count('0')}" in done.err
    checked = dssm("check", path, "--task", task)
    assert checked.code == 3 and "No value says that nobody knows" in checked.out
    _, python, command = done.err.rstrip(".\n").partition("python3 -c ")
    subprocess.run(python + command, shell=True, check=True)
    columns["bought"] = labels
    right = write_table(tmp_path / "right.csv", columns, delimiter)
    assert (tmp_path / "t-01.csv").read_text("utf-8") == right.read_text("utf-8")
    assert dssm("train-rec", "mmoe", tmp_path / "t-01.csv", "--task", "bought", *small).code == 0


def test_an_empty_field_that_the_user_names_as_a_1_is_one(dssm: Dssm, tmp_path: Path) -> None:
    columns = world(200).columns
    columns["bought"] = ["x" * (y == "0") for y in columns["bought"]]
    path = write_table(tmp_path / "t.csv", columns)
    assert dssm("check", path, "--task", "bought=").code == 0
