"""An index that is changed: every title keeps the vector of its own text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import MEANINGS, Dssm

import dssmcli
from dssmcli.neighbours import Found, approximate, exact
from dssmcli.serving import index_lists
from dssmcli.serving.index_file import IndexFile
from dssmcli.serving.search import recall_of

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


WITH_IDS = "".join(f"p{i:03}\tred lamp {i}\n" for i in range(8))
WITHOUT = "".join(f"red lamp {i}\n" for i in range(8))
SWAPPED = "".join(f"blue sofa {i}\tp{i:03}\n" for i in range(10, 18))
CASES = {
    "a header the other way round": (WITH_IDS, "title\tid\n" + SWAPPED, "--append", 0, ""),
    "the same, to update": (WITH_IDS, "名称\t编号\n" + SWAPPED, "--update", 0, "none of the ids"),
    "no header the other way round": (WITH_IDS, SWAPPED, "--append", 3, "Say --columns title,id"),
    "ids for titles without": (WITHOUT, WITH_IDS, "--append", 3, "titles alone: --columns -,title"),
    "a header of ids for titles without": (
        *(WITHOUT, "id\ttitle\n" + WITH_IDS, "--append", 3),
        "titles alone: --columns -,title",
    ),
    "titles alone for ids": (WITH_IDS, WITHOUT, "--append", 3, "1 column, expected 2"),
    "the same titles once more": (
        *(WITHOUT, "blue sofa\n" + WITHOUT, "--append", 0),
        "8 titles of the 9 added are there already",
    ),
    "other titles": (WITHOUT, "blue sofa\n", "--append", 0, ""),
    "ids in capitals": (
        *(WITH_IDS, "P001\tred desk\nq7\tbed\n", "--update", 0),
        "1 id of the new titles differ from ids that are there by capital letters, zeros in front "
        'or a .0 alone, as "P001" does from "p001"',
    ),
    "ids without zeros": (WITH_IDS, "p1\tred desk\np000\tbed\n", "--update", 0, '"p1" does from'),
    "ids with .0": (
        *("7\tlamp\n8\tbed\n9\trug\n", "8.0\tred desk\n", "--append", 0),
        '"8.0" does from "8"',
    ),
    "ids of another kind": (WITH_IDS, "x\tbed\n", "--update", 0, "no title was replaced: none of"),
    "some ids": (WITH_IDS, "p001\tred desk\nx\tbed\n", "--update", 0, ""),
    "other new ids": (WITH_IDS, "p100\tred desk\n", "--append", 0, ""),
}


@pytest.mark.parametrize("name", CASES)
def test_titles_that_do_not_go_with_an_index_are_told(
    run: Path, tmp_path: Path, dssm: Dssm, name: str
) -> None:
    first, more, way, code, said = CASES[name]
    index = tmp_path / "index"
    assert dssm("index", "-", "-m", run, "-o", index, stdin=first.encode()).code == 0
    done = dssm("index", way, "-", "-o", index, "-q", stdin=more.encode())
    assert done.code == code, done
    assert said in done.err if said else not done.err, done
    if "--columns -,title" in said:  # the hint leads on
        done = dssm("index", way, "-", "-o", index, "--columns", "-,title", stdin=more.encode())
        code = done.code
        assert code == 0 and not done.err.startswith("Skipped"), done
    if code == 0:
        titles = {hit.title for hit in dssmcli.load_index(index).search(["red lamp"], 99)[0]}
        assert not any(title[1:].isdecimal() or title == "title" for title in titles)


def test_ids_that_are_texts_are_refused_and_the_hint_leads_on(
    run: Path, tmp_path: Path, dssm: Dssm
) -> None:
    pairs = "".join(
        f"black lamp {i}\tlamp in black {i}\n手机 {i}\t新款手机 {i}\n" for i in range(9)
    )
    line = ("index", "-", "-m", run, "-o", tmp_path / "index")
    done = dssm(*line, stdin=pairs.encode())
    assert done.code == 3 and "the first column holds texts" in done.err, done
    assert dssm(*line, "--columns", "-,title", stdin=pairs.encode()).code == 0
    titles = [hit.title for hit in dssmcli.load_index(tmp_path / "index").search(["手机"], 99)[0]]
    assert sorted(titles) == sorted(line.split("\t")[1] for line in pairs.splitlines())
    codes = pairs.replace("black lamp ", "BL-").replace("手机 ", "M 20/")
    assert dssm(*line, "--overwrite", stdin=codes.encode()).code == 0


def test_files_with_ids_and_without_are_told_apart(run: Path, tmp_path: Path, dssm: Dssm) -> None:
    first, second = tmp_path / "a.txt", tmp_path / "b c.txt"
    first.write_text(WITHOUT)
    for content in (WITH_IDS, "id\ttitle\n" + WITH_IDS):
        second.write_text(content)
        done = dssm("index", first, second, "-m", run, "-o", tmp_path / "index")
        assert done.code == 3 and f"cut -f2 '{second}' > NEW" in done.err, done
    second.write_text("".join(line.split("\t")[1] for line in WITH_IDS.splitlines(keepends=True)))
    assert dssm("index", first, second, "-m", run, "-o", tmp_path / "index").code == 0


def test_a_removal_of_none_is_told_also_when_quiet(index: Path, dssm: Dssm) -> None:
    done = dssm("index", "--remove", "-", "-o", index, "-q", stdin=b"A\nx\n")
    assert done.code == 0 and "no title was removed: none of the ids given" in done.err, done
    assert not dssm("index", "--remove", "-", "-o", index, "-q", stdin=b"a\nx\n").err


def test_a_header_against_the_columns_that_are_given_is_refused(
    run: Path, tmp_path: Path, dssm: Dssm
) -> None:
    line = ("index", "-", "-m", run, "-o", tmp_path / "index")
    swapped = f"title\tid\n{SWAPPED}".encode()
    done = dssm(*line, "--columns", "id,title", stdin=swapped)
    assert done.code == 3 and "in another order than --columns says" in done.err, done
    assert dssm(*line, stdin=swapped).code == 0
    hits = dssmcli.load_index(tmp_path / "index").search(["sofa"], 99)[0]
    assert {hit.id: hit.title for hit in hits}["p010"] == "blue sofa 10" and len(hits) == 8
    done = dssm(*line, "--overwrite", "--columns", "id,title", "--no-header", stdin=swapped)
    assert done.code == 0 and len(dssmcli.load_index(tmp_path / "index").search(["id"], 99)[0]) == 9


def test_hints_of_titles_alone_lead_on(run: Path, tmp_path: Path, dssm: Dssm) -> None:
    index = tmp_path / "index"
    assert dssm("index", "-", "-m", run, "-o", index, stdin=WITHOUT.encode()).code == 0
    more = b"title\tid\n" + SWAPPED.encode()
    done = dssm("index", "--append", "-", "-o", index, stdin=more)
    assert done.code == 3 and "For the titles alone: --columns title,-." in done.err, done
    done = dssm("index", "--append", "-", "-o", index, "--columns", "title,-", stdin=more)
    titles = {hit.title for hit in dssmcli.load_index(index).search(["sofa"], 99)[0]}
    assert done.code == 0 and len(titles) == 16 and "blue sofa 10" in titles


class Sided:
    """An encoder that remembers as what it was given texts: unit vectors at DEGREES, `?` none."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str], side: str = "text") -> np.ndarray:
        self.asked.append(side)
        degrees = np.radians([float(text.replace("?", "0")) for text in texts])
        rows = np.stack((np.cos(degrees), np.sin(degrees)), axis=1)
        rows[[text == "?" for text in texts]] = 0
        return rows.astype(np.float32)


@pytest.mark.parametrize("queries", [(), ("3.1", "90.2")])
def test_recall_is_measured_with_queries_and_with_titles_in_the_place_of_queries(
    monkeypatch: pytest.MonkeyPatch, queries: tuple[str, ...]
) -> None:
    monkeypatch.setattr(index_lists, "_FEWEST", 10)
    titles = [str(degrees) for degrees in np.random.default_rng(1).permutation(360)]
    vectors, encoder = Sided().encode(titles), Sided()
    asked: list[str] = []
    plan = index_lists.Plan("float32", 0.9, queries, 1)

    def title(place: int) -> str:
        asked.append(titles[place])
        return titles[place]

    laid = index_lists.laid_out(vectors, encoder, title, plan, None)  # type: ignore[arg-type]
    assert encoder.asked == ["query"]
    assert asked == ([] if queries else [titles[place] for place in laid.order])
    assert laid.lists is not None and laid.recall is not None and laid.recall >= 0.9
    nearest = vectors[laid.order]

    def search(rows: np.ndarray, count: int, whole: bool) -> Found:
        return exact(nearest, rows, count) if whole else approximate(nearest, laid.lists, rows, 5)

    index = SimpleNamespace(encoder=encoder, nearest=search)
    found = recall_of(index, ["?", *(f"{each}.3" for each in range(0, 360, 40))], 5)  # type: ignore[arg-type]
    assert encoder.asked == ["query"] * 2 and found["queries"] == 9 and found["recall"] > 0.5
