"""Training says in one line which numbers of features may stand for a missing value."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from conftest import Dssm
from logs import IMPRESSION_NAMES, SMALL_RANKING, impressions, write_log
from tables import SMALL_TABLE, world, write_table

_SAID = "numbers that may stand for a missing value"


def test_a_table_with_999_for_nothing_is_warned_of_once(dssm: Dssm, tmp_path: Path) -> None:
    columns = world(300).columns
    small = ("--ignore", "minutes", *SMALL_TABLE, "--epochs", "1", "-o", tmp_path / "r")
    command = ("train-rec", "mmoe", "--task", "bought", *small, "--overwrite")
    done = dssm(*command, write_table(tmp_path / "a.csv", columns))
    assert done.code == 0 and _SAID not in done.err
    for row in range(0, 300, 20):
        columns["age"][row] = columns["price"][row + 1] = "-999"
    path = write_table(tmp_path / "b.csv", columns)
    valid = write_table(tmp_path / "v.csv", world(100, seed=2).columns)
    done = dssm(*command, path, "--valid", valid)
    assert done.code == 0 and done.err.count(_SAID) == 1
    assert "all others: age -999 (15 rows), price -999 (15 rows). If they do, leave" in done.err
    # What the line names tells more, each once.
    told = dssm("check", path, "--task", "bought", "--ignore", "minutes", "--json").out.splitlines()
    codes = [json.loads(line).get("code") for line in told]
    assert codes.count("sentinel") == 2 and _SAID not in "".join(told)


def test_a_log_of_impressions_with_999_for_nothing_is_warned_of(dssm: Dssm, tmp_path: Path) -> None:
    rows = impressions(20, 12, 400)
    price = np.random.default_rng(1).uniform(1, 9, 400).round(2).tolist()
    price[::20] = [-999] * 20
    lines = [(*row, each) for row, each in zip(rows, price, strict=True)]
    path = write_log(tmp_path / "log.tsv", (*IMPRESSION_NAMES, "price"), lines)
    command = (
        "train-rec",
        "youtube-ranking",
        *SMALL_RANKING,
        "--epochs",
        "1",
        "-o",
        tmp_path / "r",
    )
    done = dssm(*command, path)
    assert done.code == 0 and f"Warning: {_SAID}" in done.err and "price -999" in done.err
