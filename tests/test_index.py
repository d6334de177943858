"""`dssm index` and `dssm search`: what is found, how an index grows, what damage does to it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import MEANINGS, SMALL, TOWER, Dssm, write_pairs
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

import dssmcli
from dssmcli import neighbours
from dssmcli.errors import RunError
from dssmcli.run import MANIFEST
from dssmcli.serving import index_file, index_format, index_lists
from dssmcli.serving.index_file import IndexFile
from dssmcli.serving.index_format import array_part, bytes_part, write_index


def write_titles(path: Path, count: int = 300, ids: bool = True) -> list[str]:
    """Write different titles, with ids t0, t1 and so on, and return them."""
    words = list(MEANINGS.values())
    titles = [
        f"{words[i % len(words)]} {words[i // len(words) % len(words)]} {i}" for i in range(count)
    ]
    lines = [f"t{i}\t{title}\n" if ids else f"{title}\n" for i, title in enumerate(titles)]
    path.write_text("".join(lines), "utf-8")
    return titles


@pytest.fixture(name="index")
def _index(run: Path, tmp_path: Path, dssm: Dssm) -> Path:
    """Return an index of 300 titles with ids."""
    write_titles(tmp_path / "titles.tsv")
    made = dssm("index", tmp_path / "titles.tsv", "-m", run, "-o", tmp_path / "index", "-q")
    assert made.code == 0, made.err
    assert made.out == ""
    return tmp_path / "index"


@pytest.fixture(name="few_are_many")
def _few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have lists made of 100 titles and more."""
    monkeypatch.setattr(index_lists, "_FEWEST", 100)


def test_a_search_finds_the_titles_with_the_highest_cosines(
    index: Path, run: Path, dssm: Dssm, tmp_path: Path
) -> None:
    titles = [line.split("\t") for line in (tmp_path / "titles.tsv").read_text().splitlines()]
    model = dssmcli.load(run)
    cosines = model.encode(["couch 7"]) @ model.encode([title for _, title in titles], "title").T
    best = np.argsort(-cosines[0], kind="stable")[:5]
    found = dssm("search", "couch 7", "-i", index, "-k", "5")
    assert found.code == 0 and found.err == ""
    rows = [line.split("\t") for line in found.out.splitlines()]
    assert [row[:2] for row in rows] == [["couch 7", str(rank)] for rank in range(1, 6)]
    assert {row[4] for row in rows} == {titles[place][0] for place in best}
    by_id = dict(titles)
    for _, _, score, title, own in rows:
        assert by_id[own] == title
        assert float(score) == pytest.approx(model.score("couch 7", title), abs=6e-5)


def test_the_same_is_found_from_python_by_many_queries_and_as_json(index: Path, dssm: Dssm) -> None:
    queries = ["couch", "tap 9", "!?", "手机"]
    found = dssmcli.load_index(index).search(queries, 3)
    assert [len(hits) for hits in found] == [3, 3, 0, 3]
    printed = dssm(
        "search", "-", "-i", index, "-k", "3", "--json", stdin="\n".join(queries).encode()
    )
    told = [json.loads(line) for line in printed.out.splitlines()]
    assert [(each["query"], each["rank"], each["id"], each["title"]) for each in told] == [
        (query, rank, hit.id, hit.title)
        for query, hits in zip(queries, found, strict=True)
        for rank, hit in enumerate(hits, start=1)
    ]
    assert [each["score"] for each in told] == pytest.approx(
        [hit.score for hits in found for hit in hits], abs=1e-6
    )


def test_titles_without_ids_are_known_by_their_lines_and_silent_ones_left_out(
    run: Path, tmp_path: Path, dssm: Dssm
) -> None:
    (tmp_path / "a.txt").write_text("sofa bed\n\n...\nfaucet\n")
    (tmp_path / "b.txt").write_text("carpet\n")
    made = dssm("index", tmp_path / "a.txt", tmp_path / "b.txt", "-m", run, "-o", tmp_path / "i")
    assert made.code == 0 and made.out == ""
    assert "say nothing: 1 title" in made.err and "3 titles" in made.err
    found = dssmcli.load_index(tmp_path / "i").search(["rug"], 10)[0]
    assert {hit.id: hit.title for hit in found} == {"1": "sofa bed", "4": "faucet", "5": "carpet"}
    more = dssm("index", "--append", "-", "-o", tmp_path / "i", stdin=b"icebox\n")
    assert more.code == 0, more.err
    found = dssmcli.load_index(tmp_path / "i").search(["rug"], 10)[0]
    assert {hit.id: hit.title for hit in found}["6"] == "icebox"


def test_min_score_leaves_out_what_scores_less(index: Path, dssm: Dssm) -> None:
    whole = dssm("search", "couch", "-i", index, "-k", "300").out.splitlines()
    some = dssm("search", "couch", "-i", index, "-k", "300", "--min-score", "0.5").out.splitlines()
    assert 0 < len(some) < len(whole) == 300
    assert some == [line for line in whole if float(line.split("\t")[2]) >= 0.5]


def test_lists_reach_the_recall_that_is_asked_for_and_it_is_measured(
    run: Path, tmp_path: Path, dssm: Dssm, few_are_many: None
) -> None:
    write_titles(tmp_path / "titles.tsv", 2000)
    made = dssm(
        "index", tmp_path / "titles.tsv", "-m", run, "-o", tmp_path / "i", "--recall", "0.6"
    )
    assert made.code == 0, made.err
    settings = IndexFile(tmp_path / "i").settings
    assert settings.probes is not None and settings.recall is not None
    assert settings.recall >= 0.6 and "of the 10 best titles" in made.err
    queries = "\n".join(f"{word} {i}" for i, word in enumerate(MEANINGS)).encode()
    measured = dssm("search", "--recall", "-", "-i", tmp_path / "i", "--json", stdin=queries)
    told = json.loads(measured.out)
    index = dssmcli.load_index(tmp_path / "i")
    share = []
    for query in queries.decode().split("\n"):
        best = {hit.id for hit in index.search([query], 10, whole=True)[0]}
        share.append(len(best & {hit.id for hit in index.search([query], 10)[0]}) / 10)
    assert told["queries"] == 12 and told["k"] == 10
    assert told["recall"] == pytest.approx(np.mean(share))
    exact = dssm("search", "couch", "-i", tmp_path / "i", "--exact").out
    assert {line.split("\t")[4] for line in exact.splitlines()} == {
        hit.id for hit in index.search(["couch"], 10, whole=True)[0]
    }


def test_lists_that_cannot_reach_the_recall_are_left_out(
    run: Path, tmp_path: Path, dssm: Dssm, few_are_many: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "_FEW", 1)
    monkeypatch.setattr(index_lists, "_PROBED", 0.01)
    write_titles(tmp_path / "titles.tsv", 600)
    made = dssm("index", tmp_path / "titles.tsv", "-m", run, "-o", tmp_path / "i", "--recall", "1")
    assert made.code == 0 and "No lists" in made.err
    assert IndexFile(tmp_path / "i").settings.probes is None


def test_an_index_that_grew_finds_what_one_made_at_once_does(
    run: Path, tmp_path: Path, dssm: Dssm, few_are_many: None
) -> None:
    write_titles(tmp_path / "all.tsv", 700)
    lines = (tmp_path / "all.tsv").read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "old.tsv").write_text("".join(lines[:200]), "utf-8")
    (tmp_path / "new.tsv").write_text("".join(lines[200:]), "utf-8")
    whole, grown = tmp_path / "whole", tmp_path / "grown"
    assert dssm("index", tmp_path / "all.tsv", "-m", run, "-o", whole, "-q").code == 0
    assert dssm("index", tmp_path / "old.tsv", "-m", run, "-o", grown, "-q").code == 0
    built_for = IndexFile(grown).settings.built_for
    assert dssm("index", "--append", tmp_path / "new.tsv", "-o", grown, "-q").code == 0
    assert built_for == 200 and IndexFile(grown).settings.built_for == 700
    for query in ("couch 3", "手机", "bin 41"):
        exact = [
            [(hit.id, hit.title, round(hit.score, 5)) for hit in each.search([query], 8, True)[0]]
            for each in map(dssmcli.load_index, (whole, grown))
        ]
        assert sorted(exact[0]) == sorted(exact[1])


def test_few_new_titles_join_the_lists_that_are_there(
    run: Path, tmp_path: Path, dssm: Dssm, few_are_many: None
) -> None:
    write_titles(tmp_path / "titles.tsv", 400)
    assert dssm("index", tmp_path / "titles.tsv", "-m", run, "-o", tmp_path / "i", "-q").code == 0
    centres = load_file(tmp_path / "i")["centres"]
    more = dssm("index", "--append", "-", "-o", tmp_path / "i", stdin=b"new\tsofa bed once more\n")
    assert more.code == 0, more.err
    after = IndexFile(tmp_path / "i").settings
    assert (after.titles, after.built_for) == (401, 400)
    assert np.array_equal(load_file(tmp_path / "i")["centres"], centres)
    assert dssmcli.load_index(tmp_path / "i").search(["sofa bed once more"], 1)[0][0].id == "new"


def test_an_id_that_is_there_is_refused_replaced_or_removed(index: Path, dssm: Dssm) -> None:
    again = dssm("index", "--append", "-", "-o", index, stdin=b"t7\ticebox for t7\n")
    assert again.code == 3 and '<stdin>:1: the id "t7" stands for a title already' in again.err
    before = index.read_bytes()
    assert index.read_bytes() == before
    changed = dssm("index", "--update", "-", "-o", index, stdin=b"t7\ticebox for t7\nnew\tcarpet\n")
    assert changed.code == 0 and "Replaced 1 title." in changed.err and "301 titles" in changed.err
    titles = {hit.id: hit.title for hit in dssmcli.load_index(index).search(["rug"], 400)[0]}
    assert titles["t7"] == "icebox for t7" and titles["new"] == "carpet" and len(titles) == 301
    (index.parent / "gone").write_text("t7\nt8\nnever there\n")
    gone = dssm("index", "--remove", index.parent / "gone", "-o", index)
    assert gone.code == 0 and "Removed 2 titles." in gone.err
    left = {hit.id for hit in dssmcli.load_index(index).search(["rug"], 400)[0]}
    assert left == set(titles) - {"t7", "t8"}


def test_what_cannot_be_replaced_or_removed_is_told(
    index: Path, run: Path, dssm: Dssm, tmp_path: Path
) -> None:
    before = index.read_bytes()
    (tmp_path / "ids").write_text("".join(f"t{i}\n" for i in range(300)))
    gone = dssm("index", "--remove", tmp_path / "ids", "-o", index)
    assert gone.code == 3 and "no title would be left" in gone.err
    assert index.read_bytes() == before
    (tmp_path / "ids").write_text("t1\nt999\n")
    gone = dssm("index", "--remove", tmp_path / "ids", "-o", index)
    assert gone.code == 0 and "Not there, so not removed: 1 id." in gone.err
    plain = tmp_path / "plain"
    assert dssm("index", "-", "-m", run, "-o", plain, stdin=b"sofa\nbed\n").code == 0
    found = dssm("index", "--update", "-", "-o", plain, stdin=b"sofa\n")
    assert found.code == 3 and "known by their lines" in found.err


def test_a_file_of_a_run_is_never_overwritten(index: Path, run: Path, dssm: Dssm) -> None:
    before = (run / "vocab.txt").read_bytes()
    for command in (
        ("search", "couch", "-i", index, "-o", run / "vocab.txt"),
        ("encode", "-m", run, index.parent / "titles.tsv", "-o", run / "vocab.txt"),
    ):
        found = dssm(*command)
        assert found.code == 1 and "part of a run" in found.err
    assert (run / "vocab.txt").read_bytes() == before


def test_titles_with_ids_and_without_do_not_mix(index: Path, dssm: Dssm) -> None:
    before = index.read_bytes()
    bad = dssm("index", "--append", "-", "-o", index, stdin=b"no id here\n")
    assert bad.code == 3 and "1 column, expected 2" in bad.err
    other = dssm("index", "--append", "--columns", "title", "-", "-o", index, stdin=b"no id\n")
    assert other.code == 3 and "the new ones have none" in other.err
    assert index.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a\tb\tc\n", ":1: 3 columns, expected a title, or an id and a title"),
        (b"1\tsofa\n2 bed\n", ":2: 1 column, expected 2"),
        (b"1\tsofa\n1\tbed\n", ':2: the id "1" stands for a title already'),
        (b"1\tsofa\n\tbed\n", ":2: empty id"),
        (b"1\tsofa\n2\t\xff\n", ":2:3: invalid UTF-8"),
        (b"", "nothing to index"),
        (b"!!\n", "nothing to index"),
    ],
)
def test_bad_titles_are_told_where_they_stand_and_nothing_is_written(
    run: Path, tmp_path: Path, dssm: Dssm, content: bytes, said: str
) -> None:
    (tmp_path / "bad").write_bytes(content)
    made = dssm("index", tmp_path / "bad", "-m", run, "-o", tmp_path / "i")
    assert made.code == 3 and said in made.err and made.err.count("\n") == 1
    assert sorted(os.listdir(tmp_path)) == ["bad"]


def test_bad_titles_can_be_skipped_and_kept(run: Path, tmp_path: Path, dssm: Dssm) -> None:
    (tmp_path / "t").write_bytes(b"id\ttitle\n1\tsofa\nbroken\n2\tbed\n1\tagain\n")
    options = ("--bad-rows", "skip", "--rejects", tmp_path / "rejects")
    made = dssm("index", tmp_path / "t", "-m", run, "-o", tmp_path / "i", *options)
    assert made.code == 0 and "Skipped 2 bad rows" in made.err
    assert (tmp_path / "rejects").read_bytes() == b"broken\n1\tagain\n"
    assert {hit.id for hit in dssmcli.load_index(tmp_path / "i").search(["rug"])[0]} == {"1", "2"}


@pytest.mark.parametrize(
    ("header", "columns"),
    [("title", None), ("title\tid", None), ("id\ttitle\tprice", "id,title,-")],
)
def test_a_header_is_no_title(
    run: Path, tmp_path: Path, dssm: Dssm, header: str, columns: str | None
) -> None:
    row = {"title": "sofa bed", "id": "x9", "price": "3"}
    line = "\t".join(row[name] for name in header.split("\t"))
    options = ("--columns", columns) if columns else ()
    made = dssm(
        *("index", "-", "-m", run, "-o", tmp_path / "i", *options),
        stdin=f"{header}\n{line}\n".encode(),
    )
    assert made.code == 0, made.err
    (hit,) = dssmcli.load_index(tmp_path / "i").search(["sofa"])[0]
    assert (hit.title, hit.id) == ("sofa bed", "x9" if "id" in header else "1")


def test_rows_that_are_all_bad_are_kept_and_told(run: Path, tmp_path: Path, dssm: Dssm) -> None:
    options = ("--columns", "id,title", "--bad-rows", "skip", "--rejects", tmp_path / "rejects")
    made = dssm("index", "-", "-m", run, "-o", tmp_path / "i", *options, stdin=b"one\ntwo\n")
    assert made.code == 3 and "Skipped 2 bad rows" in made.err
    assert (tmp_path / "rejects").read_bytes() == b"one\ntwo\n"


@pytest.mark.parametrize("columns", ["title,id,-", "-,-,title", "id,title"])
def test_columns_say_where_the_title_stands(
    run: Path, tmp_path: Path, dssm: Dssm, columns: str
) -> None:
    names = columns.split(",")
    row = "\t".join({"id": "x9", "title": "sofa bed", "-": "faucet"}[name] for name in names)
    options = ("--columns", columns, "-m", run, "-o", tmp_path / "i")
    made = dssm("index", "-", *options, stdin=row.encode())
    assert made.code == 0, made.err
    (hit,) = dssmcli.load_index(tmp_path / "i").search(["sofa"])[0]
    assert hit.title == "sofa bed" and hit.id == ("x9" if "id" in names else "1")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--append", "--overwrite", "x"), "--overwrite starts afresh"),
        (("--append", "--update", "x"), "give one"),
        (("--append", "-m", "run", "x"), "an index keeps its own run"),
        (("--append", "--dtype", "float16", "x"), "an index keeps its own run"),
        (("--exact", "--recall", "0.9", "x"), "give one of them"),
        (("-o", "y"), "no TITLES"),
        (("--append",), "no TITLES"),
        (("--columns", "id,name", "x"), 'a column is "name"'),
        (("--rejects", "r", "x"), "--rejects goes with"),
        (("--rejects", "i", "--bad-rows", "skip", "-o", "i", "x"), "--rejects i has another use"),
        (("--rejects", "q", "--bad-rows", "skip", "--queries", "q", "x"), "has another use"),
        (("--remove", "r", "--bad-rows", "skip", "--rejects", "./r"), "has another use"),
        (("--recall", "nan", "x"), "--recall is nan"),
        (("-o", "-", "x"), "standard output, expected the name of a file"),
    ],
)
def test_options_that_contradict_each_other_are_a_usage_error(
    dssm: Dssm, run: Path, arguments: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSSM_MODEL", str(run))
    found = dssm("index", *arguments)
    assert found.code == 2 and said in found.err


def test_an_index_is_never_overwritten_unasked(index: Path, run: Path, dssm: Dssm) -> None:
    titles, before = index.parent / "titles.tsv", index.read_bytes()
    again = dssm("index", titles, "-m", run, "-o", index)
    assert again.code == 1 and "exists" in again.err and index.read_bytes() == before
    assert dssm("index", titles, "-m", run, "-o", index, "--overwrite", "-q").code == 0
    assert index.read_bytes() == before  # one input, the same bytes


def test_what_is_no_index_is_never_overwritten(
    run: Path, tmp_path: Path, dssm: Dssm, index: Path
) -> None:
    titles = tmp_path / "titles.tsv"
    before = titles.read_bytes(), index.read_bytes()
    over = dssm("index", titles, "-m", run, "-o", titles, "--overwrite")
    assert over.code == 1 and "is not an index, so it is not overwritten" in over.err
    found = dssm("search", "couch", "-i", index, "-o", index)
    assert found.code == 2 and str(index) in found.err
    rejects = ("--bad-rows", "skip", "--rejects", index)
    assert dssm("index", "--append", titles, "-o", index, *rejects).code == 2
    assert (titles.read_bytes(), index.read_bytes()) == before


def test_one_process_at_a_time_writes_an_index(index: Path, dssm: Dssm) -> None:
    from dssmcli.atomic import replacing_alone

    before = index.read_bytes()
    with pytest.raises(KeyboardInterrupt), replacing_alone(index):
        other = dssm("index", "--append", "-", "-o", index, stdin=b"n\tsofa\n")
        assert other.code == 1 and "another process is writing it" in other.err
        raise KeyboardInterrupt
    assert index.read_bytes() == before
    assert sorted(os.listdir(index.parent)) == ["index", "titles.tsv"]


def test_an_index_is_self_contained_and_never_imports_torch(index: Path, tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from dssmcli import cli\n"
        f"sys.exit(cli.run(['search', 'couch', '-i', {str(tmp_path / 'copy')!r}, '-k', '2']))"
    )
    (tmp_path / "copy").write_bytes(index.read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", program], cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2


def test_float16_is_half_as_large_and_nearly_the_same(
    index: Path, run: Path, tmp_path: Path, dssm: Dssm
) -> None:
    options = ("--dtype", "float16", "-m", run, "-o", tmp_path / "half", "-q")
    assert dssm("index", tmp_path / "titles.tsv", *options).code == 0
    assert load_file(tmp_path / "half")["vectors"].dtype == np.float16
    ours, theirs = (
        dssmcli.load_index(path).search(["couch"], 5)[0] for path in (index, tmp_path / "half")
    )
    assert [hit.score for hit in ours] == pytest.approx([hit.score for hit in theirs], abs=2e-3)
    more = dssm("index", "--append", "-", "-o", tmp_path / "half", "-q", stdin=b"n\tsofa\n")
    assert more.code == 0 and load_file(tmp_path / "half")["vectors"].dtype == np.float16


def test_info_tells_of_an_index_and_its_run(index: Path, run: Path, dssm: Dssm) -> None:
    told = json.loads(dssm("info", "-m", index, "--json").out)
    assert told["titles"] == 300 and told["own_ids"] is True and told["dim"] == 16
    assert told["run"]["model"] == json.loads(dssm("info", "-m", run, "--json").out)["model"]


def test_queries_are_answered_as_they_come(index: Path) -> None:
    command = [sys.executable, "-m", "dssmcli", "search", "-", "-i", str(index), "-k", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        for query in (b"couch\n", b"tap\n"):
            process.stdin.write(query)
            process.stdin.flush()
            assert process.stdout.readline().startswith(query.strip() + b"\t1\t")
        process.stdin.close()
        assert process.wait(60) == 0


# Damage and malice.


def test_every_changed_byte_is_noticed_before_it_matters(index: Path) -> None:
    content = index.read_bytes()
    whole = dssmcli.load_index(index).search(["couch", "手机"], 300)
    random = np.random.default_rng(1)
    for place in [0, 7, 8, 20, len(content) - 1, *random.integers(len(content), size=60).tolist()]:
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(random.integers(8))
        index.write_bytes(damaged)
        try:
            assert dssmcli.load_index(index).search(["couch", "手机"], 300) == whole
        except RunError as error:
            assert str(index) in str(error)


def test_a_byte_more_is_noticed(index: Path, dssm: Dssm) -> None:
    index.write_bytes(index.read_bytes() + b"x")
    found = dssm("search", "couch", "-i", index)
    assert found.code == 3 and "damaged" in found.err


def test_standard_input_stands_once(index: Path, run: Path, dssm: Dssm) -> None:
    found = dssm("index", "-", "-", "-m", run, "-o", index.parent / "i", stdin=b"sofa\n")
    assert found.code == 3 and "can stand once" in found.err
    found = dssm("search", "-", "--min-score", "nan", "-i", index, stdin=b"x\n")
    assert found.code == 2 and "--min-score is nan" in found.err


@pytest.mark.parametrize("kept", [0, 1, 8, 15, 5000, -1, -32, -33])
def test_a_truncated_index_is_refused(index: Path, dssm: Dssm, kept: int) -> None:
    index.write_bytes(index.read_bytes()[:kept])
    found = dssm("search", "couch", "-i", index)
    assert found.code == 3 and str(index) in found.err and found.err.count("\n") == 1


@pytest.mark.parametrize("what", ["none", "folder", "run", "text", "fifo"])
def test_what_is_no_index_is_refused(run: Path, tmp_path: Path, dssm: Dssm, what: str) -> None:
    path = tmp_path / "it"
    if what == "folder":
        path.mkdir()
    elif what == "run":
        path = run
    elif what == "text":
        path.write_text("just a text that is long enough to look at\n" * 9)
    elif what == "fifo":
        os.mkfifo(path)
    for arguments in (("search", "couch", "-i", path), ("index", "--append", "-", "-o", path)):
        found = dssm(*arguments, stdin=b"n\tsofa\n")
        assert found.code in (1, 2, 3) and str(path) in found.err and found.err.count("\n") == 1


def rewritten(
    index: Path, change: Callable[[dict[str, object], dict[str, np.ndarray]], None]
) -> None:
    """Write an index anew with a change to its settings or tensors, and hashes that agree."""
    tensors = load_file(index)
    settings = IndexFile(index).settings.to_json()
    change(settings, tensors)
    kinds = {"float32": "F32", "float16": "F16", "int64": "I64"}
    parts = {
        name: bytes_part(array.tobytes())
        if array.dtype == np.uint8
        else array_part(array, kinds[str(array.dtype)])
        for name, array in tensors.items()
        if name not in ("hashes", "seal")
    }
    parts = dict(sorted(parts.items(), key=lambda each: each[1].dtype != "I64"))
    with open(index, "wb") as stream:
        write_index(stream, settings, parts)


HOSTILE = {
    "newer": lambda s, t: s.update(format=99),
    "no settings": lambda s, t: s.clear(),
    "more settings": lambda s, t: s.update(more=1),
    "titles": lambda s, t: s.update(titles=10**15),
    "negative": lambda s, t: s.update(lines=-1),
    "a text": lambda s, t: s.update(dim="16"),
    "dim": lambda s, t: s.update(dim=17),
    "dtype": lambda s, t: s.update(dtype="pickle"),
    "probes": lambda s, t: s.update(probes=3),
    "ends back": lambda s, t: t.update(ends=t["ends"][::-1].copy()),
    "ends far": lambda s, t: t.update(ends=t["ends"] + 10**12),
    "ends less": lambda s, t: t.update(ends=np.zeros_like(t["ends"])),
    "no titles": lambda s, t: t.update(titles=np.zeros(0, np.uint8)),
    "titles not text": lambda s, t: t.update(titles=np.full_like(t["titles"], 255)),
    "nan": lambda s, t: t.update(vectors=np.full_like(t["vectors"], np.nan)),
    "no vectors": lambda s, t: t.pop("vectors"),
    "short vectors": lambda s, t: t.update(vectors=t["vectors"][:, :3].copy()),
    "no run": lambda s, t: t.pop(f"run/{MANIFEST}"),
    "no weights": lambda s, t: t.pop("run/weights.safetensors"),
    "other weights": lambda s, t: t.update({"run/weights.safetensors": np.zeros(9, np.uint8)}),
    "lists of nothing": lambda s, t: (
        s.update(probes=1),
        t.update(centres=np.zeros((2, 16), np.float32), starts=np.array([0, 9, 9])),
    ),
    "lists back": lambda s, t: (
        s.update(probes=1),
        t.update(centres=np.zeros((2, 16), np.float32), starts=np.array([0, 500, 300])),
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_index_whose_hashes_agree_gets_one_line(
    index: Path, dssm: Dssm, name: str
) -> None:
    rewritten(index, HOSTILE[name])
    found = dssm("search", "couch", "-i", index, "-k", "400")
    assert found.code == 3 and str(index) in found.err and found.err.count("\n") == 1
    grown = dssm("index", "--append", "-", "-o", index, stdin=b"n\tsofa\n")
    assert grown.code in (0, 3) and grown.err.count("\n") <= 2


def test_what_is_rewritten_without_a_change_is_the_same(index: Path, dssm: Dssm) -> None:
    before = dssm("search", "couch", "-i", index).out
    rewritten(index, lambda s, t: None)
    assert dssm("search", "couch", "-i", index).out == before


@given(st.lists(st.binary(max_size=700), max_size=6))
def test_blocks_are_the_same_bytes_hashed_a_block_at_a_time(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_format, "BLOCK", 256)
        blocks = list(index_format._blocks(pieces))
    assert b"".join(blocks) == whole
    assert all(len(block) == 256 for block in blocks[:-1])
    assert [hashlib.sha256(b).digest() for b in blocks] == [
        hashlib.sha256(whole[i : i + 256]).digest() for i in range(0, len(whole), 256)
    ]


def test_only_blocks_that_are_used_are_read(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With blocks of 1 KiB, one title costs far less than the file."""

    def with_small_blocks(settings: object, tensors: object) -> None:
        for module in (index_format, index_file):
            monkeypatch.setattr(module, "BLOCK", 1024)

    rewritten(index, with_small_blocks)
    file = IndexFile(index)
    begun = sum(file._seen)
    file.line(7)
    assert sum(file._seen) - begun <= 4 < len(file._seen) // 4


@pytest.mark.parametrize("more", [("--separate-towers",), ()])
def test_titles_are_encoded_by_their_own_tower(
    tmp_path: Path, dssm: Dssm, more: tuple[str, ...]
) -> None:
    pairs = write_pairs(tmp_path / "pairs.tsv", 200)
    options = ("--arch", "dnn", *TOWER["dnn"], *SMALL, "--epochs", "1", "-o", tmp_path / "run")
    assert dssm("train", pairs, *options, *more).code == 0
    (tmp_path / "titles").write_text("sofa bed\nfaucet\n")
    index = ("index", tmp_path / "titles", "-m", tmp_path / "run", "-o", tmp_path / "i", "-q")
    assert dssm(*index).code == 0
    model = dssmcli.load(tmp_path / "run")
    for hit in dssmcli.load_index(tmp_path / "i").search(["couch"])[0]:
        assert hit.score == pytest.approx(model.score("couch", hit.title), abs=1e-6)
