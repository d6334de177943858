"""What is said where most of a file is no use: rows left out, lines that are no texts, features."""

from __future__ import annotations

from pathlib import Path

import pytest

from dssmcli.cli import dssm as group
from dssmcli.data.tsv import BadRows
from dssmcli.errors import DataError
from tests.conftest import SMALL, Dssm

PAIRS = "".join(f"red {i}\that {i}\t{i % 2}\n" for i in range(60))


def test_more_than_half_of_the_rows_left_out_is_a_warning() -> None:
    rows = BadRows(skip=True)
    rows.good = 2
    for number in (1, 2, 3):
        assert rows.summary == "" or not rows.summary.startswith("Warning")
        rows.take(b"x", DataError(f"a:{number}: bad."))
    assert rows.summary == (
        "Warning: more than half is left out: skipped 3 bad rows of 5, the first: a:1: bad."
    )


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_quiet_commands_warn_of_most_rows_left_out(
    share: float, dssm: Dssm, tmp_path: Path, run: Path
) -> None:
    bad = int(60 * share)
    file = tmp_path / "a.tsv"
    file.write_text(PAIRS + "".join(f"only one {i}\n" for i in range(round(bad / (1 - share)))))
    for line in (
        ("score", "-m", run, "--pairs", file),
        ("eval", "-m", run, file, "--bootstrap", "0"),
        ("index", "-m", run, file, "--columns", "-,title,-", "-o", tmp_path / "i"),
    ):
        done = dssm(*line, "-q", "--bad-rows", "skip")
        assert done.code == 0
        assert ("more than half is left out: skipped" in done.err) == (share > 0.5), line


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PAIRS, "each line has 3 columns"),
        ("query\nred hat\nblue hat\n", "looks like a header"),
        ('{"text": "red hat"}\n' * 12, "JSON objects"),
        ("".join(f"red {i},{i}\n" for i in range(20)), "look like CSV"),
    ],
)
def test_vocab_and_tokenize_warn_of_lines_that_are_no_texts(
    tmp_path: Path, dssm: Dssm, content: str, said: str
) -> None:
    file = tmp_path / "a.txt"
    file.write_text(content, "utf-8")
    told = dssm("vocab", file, "-q").err
    assert told.startswith("Warning: ") and said in told
    from click.testing import CliRunner

    done = CliRunner().invoke(group, ["tokenize", "--tokenizer", "auto", "-"], input=content)
    assert done.exit_code == 0 and said in done.stderr


def test_a_vocabulary_of_features_that_no_text_has_is_warned_of(tmp_path: Path, dssm: Dssm) -> None:
    pairs, listed = tmp_path / "pairs.tsv", tmp_path / "vocab.csv"
    pairs.write_text(PAIRS, "utf-8")
    fit = ("train", pairs, *SMALL, "--epochs", "1", "-q", "-o", tmp_path / "run", "--overwrite")
    assert dssm("vocab", "--pairs", pairs, "-o", listed).code == 0
    assert "features take" not in dssm(*fit, "--vocab", listed).err
    commas = listed.read_text("utf-8").replace("\t", ",")
    listed.write_text(commas, "utf-8")
    assert "its features take only 0.00% of the texts" in dssm(*fit, "--vocab", listed).err
