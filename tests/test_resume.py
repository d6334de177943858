"""`--resume` on a run that is finished: nothing to do for the same data, refused for others."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import SMALL, Dssm, write_pairs
from logs import SMALL_RANKING, SMALL_WATCHES, contents, impressions, random_watches, write_log
from tables import SMALL_TABLE, TASKS, UNITS, world, write_table

IMPRESSION_NAMES = ("user", "item", "timestamp", "clicked", "watch_time")
EPOCH = ("--epochs", "1")


def _pairs(folder: Path, rows: int) -> Path:
    return write_pairs(folder / "p.tsv", rows)


def _table(folder: Path, rows: int) -> Path:
    return write_table(folder / "t.csv", world(rows).columns)


def _watches(folder: Path, rows: int) -> Path:
    return write_log(folder / "w.tsv", IMPRESSION_NAMES[:3], random_watches(30, 20, rows))


def _impressions(folder: Path, rows: int) -> Path:
    return write_log(folder / "i.tsv", IMPRESSION_NAMES, impressions(10, 8, rows))


CASES: dict[str, tuple[list[str], Callable[[Path, int], Path], list[str], str]] = {
    "text": (["train", *SMALL, "--arch", "dnn"], _pairs, ["--gamma", "7"], "--gamma was 20 and"),
    "words": (
        ["train", *SMALL, "--arch", "dnn", "--lexical", "16"],
        _pairs,
        ["--tokenizer", "char"],
        "--tokenizer was auto and is now char",
    ),
    "mmoe": (
        ["train-rec", "mmoe", *TASKS, *UNITS["mmoe"], *SMALL_TABLE],
        _table,
        ["--ignore", "city"],
        "its features.json differs",
    ),
    "shared-bottom": (
        ["train-rec", "shared-bottom", *TASKS, *UNITS["shared-bottom"], *SMALL_TABLE],
        _table,
        ["--task-weight", "bought=2"],
        "the tasks differ",
    ),
    "candidates": (
        ["train-rec", "youtube-candidates", *SMALL_WATCHES],
        _watches,
        ["--history", "3"],
        "--history was ",
    ),
    "ranking": (
        ["train-rec", "youtube-ranking", *SMALL_RANKING],
        _impressions,
        ["--heads", "click"],
        "--heads was ",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_finished_run_is_compared_with_what_is_given_and_the_hint_leads_on(
    dssm: Dssm, tmp_path: Path, case: str
) -> None:
    begin, write, changed, said = CASES[case]
    data, run = write(tmp_path, 300), tmp_path / "r"
    loud = [word for word in begin if word != "-q"]
    command = [*loud, *EPOCH, data]
    assert dssm(*command, "-q", "-o", run).code == 0
    before = contents(run)

    same = dssm(*command, "--resume", "-o", run, "--threads", "2")
    assert same.code == 0 and same.err.endswith(
        f"Nothing to do: {run} is finished, its data and settings are the same.\n"
    )
    quiet = dssm(*command, "-q", "--resume", "-o", run)
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")

    other = dssm(*command, *changed, "-q", "--resume", "-o", run)
    assert other.code == 2 and said in other.err and other.err.count("\n") == 1, other
    more = write(tmp_path, 320)
    assert more == data
    grown = dssm(*command, "-q", "--resume", "-o", run)
    assert grown.code == 2 and "the data differ (SHA-256 was " in grown.err, grown
    assert contents(run) == before

    for refused, extra in ((other, changed), (grown, [])):
        assert re.search(r"with -o DIR, or .* with --overwrite instead of --resume\.$", refused.err)
        assert dssm(*command, *extra, "-q", "-o", tmp_path / f"r{len(extra)}").code == 0
    assert dssm(*command, *changed, "-q", "-o", run, "--overwrite").code == 0
    assert contents(run) != before


def test_a_run_of_another_kind_is_not_gone_on_with(dssm: Dssm, tmp_path: Path) -> None:
    run = tmp_path / "r"
    assert dssm("train", _pairs(tmp_path, 100), *SMALL, *EPOCH, "-o", run).code == 0
    command = [*CASES["mmoe"][0], *EPOCH, _table(tmp_path, 100), "-o", run]
    refused = dssm(*command, "--resume")
    assert refused.code == 2 and "is finished, but it is " in refused.err, refused
    assert dssm(*command, "--overwrite").code == 0


def test_a_part_that_was_trained_and_left_out_is_no_difference(dssm: Dssm, tmp_path: Path) -> None:
    """Words and meanings share nothing here, so the lexical part earns nothing."""
    from logs import config_of

    run, data = tmp_path / "r", _pairs(tmp_path, 600)
    small = [word for word in SMALL if word not in ("--lexical", "off")]
    command = ["train", data, *small, "--arch", "dnn", "--epochs", "6", "-o", run]
    assert dssm(*command, "--lexical", "16").code == 0
    left_out = config_of(run)["model"]["lexical"] == 0
    assert ("left_out" in config_of(run)) == left_out
    assert dssm(*command, "--lexical", "16", "--resume").code == 0
    refused = dssm(*command, "--lexical", "32", "--resume")
    assert refused.code == 2 and "--lexical was 16 and is now 32" in refused.err
