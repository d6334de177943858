"""examples/papers: its program trains, scores and judges, and its intervals can tell."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

PROGRAM = Path(__file__).parent.parent / "examples" / "papers" / "run.py"
THINGS = ["hammer", "ladder", "faucet", "carpet", "mirror", "shovel", "window", "pillow"]


@pytest.fixture(scope="module")
def papers() -> ModuleType:
    spec = importlib.util.spec_from_file_location("papers", PROGRAM)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows_of(adjectives: list[str]) -> list[list[str]]:
    """Return rows in which a title that names the query's thing is the better one."""
    return [
        [f"{adjective} {thing}", f"the {other} {place}", "3" if other == thing else "1"]
        for adjective in adjectives
        for place, thing in enumerate(THINGS)
        for other in (thing, THINGS[place - 1])
    ]


def test_the_program_trains_what_is_missing_and_prints_its_tables(tmp_path: Path) -> None:
    for part, adjectives in (("train", ["red", "old", "big"]), ("dev", ["new"])):
        lines = ["\t".join(row) for row in rows_of(adjectives)]
        (tmp_path / f"{part}.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    command = [sys.executable, PROGRAM, tmp_path, "--runs", tmp_path / "runs", "--epochs", "1"]
    asked = ["--seeds", "4", "--patterns", "hashing", "supervised", "--draws", "20"]
    ran = subprocess.run([*command, *asked], check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert sorted(run.name for run in (tmp_path / "runs").iterdir()) == [
        "dnn-epochs-1-seed-4",
        "dnn-words-epochs-1-seed-4",
    ]
    lines = ran.stdout.splitlines()
    assert [line.split(" | ")[0] for line in lines if line.startswith("| ")] == [
        "| model",
        "| dnn",
        "| dnn-words",
        "| tfidf-words",
        "| pattern",
        "| letter trigrams above whole words",
        "| DNN above TF-IDF of words",
    ]
    # The thing that both name is all that TF-IDF has to go by, and it is right.
    assert "| tfidf-words |  | 1.000 | 1.000 | 1.000 |" in ran.stdout
    assert lines[-1].endswith("| undecided |")  # one seed
    again = subprocess.run([*command, *asked], check=False, capture_output=True, text=True)
    assert again.stdout == ran.stdout
    assert "epoch" in ran.stderr
    assert "epoch" not in again.stderr  # nothing was trained anew


def test_a_pattern_holds_where_every_query_and_seed_says_so(papers: ModuleType) -> None:
    test, used = papers.test_of(rows_of(["new", "odd"]))
    assert used.all()
    random = np.random.default_rng(0)
    right = [test.relevance + random.random(len(used)) for _ in range(2)]
    good, bad = ([papers.resampled(sign * s, test, 50) for s in right] for sign in (1, -1))
    noise = [papers.resampled(random.random(len(used)), test, 50) for _ in range(2)]
    assert good[0][0][:3].tolist() == [1, 1, 1]
    assert papers.gain(good, bad).verdict == "holds"
    assert papers.gain(bad, good).verdict == "does not hold"
    assert papers.gain(good, good).verdict == "undecided"
    assert papers.gain(noise[:1], noise[1:]).verdict == "undecided"
    assert papers.gain(good[:1], bad[:1]).verdict == "undecided"  # one seed


def test_a_pattern_on_which_seeds_disagree_is_undecided(papers: ModuleType) -> None:
    better = [np.full((11, 4), 0.9), np.full((11, 4), 0.4)]
    worse = [np.full((11, 4), 0.5), np.full((11, 4), 0.5)]
    assert papers.gain(better, worse).verdict == "undecided"


def test_thirds_keep_the_titles_of_a_query_together(papers: ModuleType) -> None:
    # Query q has titles of q + 1 and q + 3 words.
    rows = [[f"q{q}", " ".join("w" * (q + n)), "2"] for q in range(6) for n in (1, 3)]
    rows += [["none", "w", "1"]]
    test, used = papers.test_of(rows)
    assert used.tolist() == [True] * 12 + [False]  # the only title of `none` is worth nothing
    short, middle, long = papers.thirds_of(test)
    assert [np.unique(test.query[part]).tolist() for part in (short, middle, long)] == [
        [0, 1],
        [2, 3],
        [4, 5],
    ]


def test_tfidf_weighs_what_is_rare(papers: ModuleType) -> None:
    train = [["red hammer", "red ladder", "1"], ["red shovel", "red ladder", "1"]]
    shares_red, shares_ladder = papers.tfidf(
        "word", train, [["red hammer", "red shovel", "1"], ["red ladder", "a ladder", "3"]]
    )
    assert shares_red == 0  # every text has it: ln(3 / 3)
    # "red" weighs nothing; "ladder" ln(3 / 1), and so does "a", which is unknown.
    assert shares_ladder == pytest.approx(0.5**0.5)
