"""An index that is changed: every title keeps the vector of its own text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import MEANINGS, Dssm

import dssmcli
from dssmcli.serving import index_lists
from dssmcli.serving.index_file import IndexFile

TITLES = {"a": "sofa bed", "b": "...", "c": "faucet", "d": "carpet", "e": "icebox", "f": "!?"}
SPOKEN = {own: title for own, title in TITLES.items() if own not in "bf"}


@pytest.fixture(name="index")
def _index(run: Path, tmp_path: Path, dssm: Dssm) -> Path:
    """Return an index of four titles, among them two that say nothing."""
    lines = "".join(f"{own}\t{title}\n" for own, title in TITLES.items())
    made = dssm("index", "-", "-m", run, "-o", tmp_path / "index", stdin=lines.encode())
    assert made.code == 0 and "say nothing: 2 titles" in made.err, made
    return tmp_path / "index"


def assert_own_vectors(path: Path, titles: dict[str, str]) -> None:
    """Check that an index has these titles, and that each has the vector of its own text."""
    index = dssmcli.load_index(path)
    encoder = index.encoder
    for own, title in titles.items():
        hits = index.search([title], len(titles) + 1)[0]
        assert {hit.id: hit.title for hit in hits} == titles
        assert hits[0].id == own and hits[0].score == pytest.approx(1, abs=1e-4)
        scores = [encoder.score(title, hit.title) for hit in hits]
        assert [hit.score for hit in hits] == pytest.approx(scores, abs=1e-4)


def test_titles_that_say_nothing_shift_no_vector(index: Path) -> None:
    assert_own_vectors(index, SPOKEN)


@pytest.mark.parametrize("gone", ["a", "c", "e"])
def test_titles_keep_their_vectors_when_another_is_removed(
    index: Path, dssm: Dssm, gone: str
) -> None:
    done = dssm("index", "--remove", "-", "-o", index, stdin=f"{gone}\n".encode())
    assert done.code == 0 and "say nothing: 2 titles" in done.err, done
    assert_own_vectors(index, {own: title for own, title in SPOKEN.items() if own != gone})
    assert IndexFile(index).settings.left_out == 2


@pytest.mark.parametrize("changed", ["a", "c", "e"])
def test_titles_keep_their_vectors_when_another_is_replaced(
    index: Path, dssm: Dssm, changed: str
) -> None:
    lines = f"{changed}\tphone case\ng\t,\n".encode()
    done = dssm("index", "--update", "-", "-o", index, stdin=lines)
    assert done.code == 0, done
    assert_own_vectors(index, {**SPOKEN, changed: "phone case"})
    assert IndexFile(index).settings.left_out == 3


def test_the_least_score_is_still_printed(index: Path, dssm: Dssm) -> None:
    hits = dssmcli.load_index(index).search(["couch"], 4)[0]
    for rank, hit in enumerate(hits, start=1):
        found = dssm("search", "couch", "-i", index, "--min-score", repr(float(hit.score)))
        assert len(found.out.splitlines()) == rank


def test_recall_counts_no_title_that_finds_itself(run: Path) -> None:
    words = list(dict.fromkeys([*MEANINGS, *MEANINGS.values()]))
    titles = [f"{one} {other}" for one in words for other in words][:300]
    encoder = dssmcli.load(run)
    rows = encoder.encode(titles, "title")
    plan = index_lists.Plan("float32", 0.9, (), 1)
    queries, best, spare = index_lists._asked(rows, encoder, plan, titles.__getitem__)
    scores = queries @ rows.T
    for asked, found in zip(scores, best.places, strict=True):
        itself = int(np.argmax(asked))
        assert itself not in found and len(set(found)) == len(found) == index_lists.RECALLED
        others = np.delete(asked, itself)
        assert asked[found] == pytest.approx(np.sort(others)[: -len(found) - 1 : -1], abs=1e-6)
    assert spare == 1
