"""Judging on what was learned from is said, in every family and command, with the right counts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from conftest import SMALL, Dssm, stop_after_saves
from hypothesis import given
from hypothesis import strategies as st
from logs import IMPRESSION_NAMES, SMALL_RANKING, SMALL_WATCHES, impressions, run, write_log
from tables import SMALL_TABLE, TASKS, UNITS, world, write_table

from dssmcli.data.copies import keys
from dssmcli.data.event_hashes import moment_hashes
from dssmcli.data.fields import fields_in
from dssmcli.data.fingerprint import (
    MOST,
    NOTHING,
    Fingerprint,
    Marks,
    Smallest,
    repeats,
    sketch_of,
)
from dssmcli.data.pairs import Pairs
from dssmcli.data.seen import PairHashes, Seen, seen
from dssmcli.data.table_hashes import field_hashes
from dssmcli.run import FINGERPRINT, MANIFEST, open_run
from dssmcli.serving.learned import read_fingerprint
from dssmcli.text.hashing import Hashes, mixed, number_hashes, pair_hashes, text_hashes
from dssmcli.text.seen_hashes import seen_both_ways, seen_hashes
from dssmcli.text.tokenizers import Lookup

FAST = (*SMALL, "--arch", "dnn", "--hidden", "8", "--epochs", "1")
TABLE = ("mmoe", *UNITS["mmoe"], *TASKS, *SMALL_TABLE, "--epochs", "1")
CANDIDATES = ("youtube-candidates", *SMALL_WATCHES, "--epochs", "1")
RANKING = ("youtube-ranking", *SMALL_RANKING, "--epochs", "1")
WATCH_NAMES = ("user", "item", "timestamp")


# Hashes


def test_hashes_of_texts_and_numbers_are_the_same_for_ever() -> None:
    # Runs hold them: another value would silently know no row again.
    assert [hex(h) for h in text_hashes(["", "a", "手机 case"]).tolist()] == HASHES_OF_TEXTS
    assert [hex(h) for h in number_hashes(np.array([0.0, 1.0, np.nan])).tolist()] == OF_NUMBERS
    assert hex(int(pair_hashes(["query", "title"])[0])) == OF_A_PAIR


HASHES_OF_TEXTS = ["0x0", "0x646ccc355721f98c", "0x1322a3ec91bbdcf4"]
OF_NUMBERS = ["0x952f14f1e8ddc491", "0x779aeb0a6b6c5d59", "0x1d5d2e4848769bcf"]
OF_A_PAIR = "0x11ac4ecc21dba085"


@pytest.mark.parametrize(
    "alike",
    [
        ("red shoes", '"red shoes"', "red shoes.", "(red, shoes!)", "red - shoes", "red' shoes"),
        ("红色 鞋", "红色鞋", "“红色鞋”", "红色，鞋。", "#红色鞋#"),
        ("iphone 手机", "iphone手机", "iphone/手机..."),
        ("size 3.5", "size: 3.5."),
        ("c# (net)", "c#, net"),
    ],
)
def test_texts_that_only_have_other_marks_have_one_hash(alike: tuple[str, ...]) -> None:
    assert len({*seen_hashes(alike).tolist()}) == 1
    cutter = Lookup.shipped("auto")
    assert len({tuple(cutter.cut(text).units) for text in alike}) == 1


def test_what_is_seen_of_texts_has_the_same_hash_for_ever() -> None:
    others = ["", "a", "手机 case", "c", "c#", "c++", "35mm", "3.5mm", "3 5mm", "-5", "5", "1,000"]
    hashes = seen_hashes(others)
    assert len({*hashes.tolist()}) == len(others)
    assert [int(seen_hashes([text])[0]) for text in others] == hashes.tolist()
    # Runs hold them, as those of texts.
    assert [hex(h) for h in hashes[:3].tolist()] == OF_WHAT_IS_SEEN


OF_WHAT_IS_SEEN = ["0x0", "0x646ccc355721f98c", "0x858cd196756c3adf"]


def test_hashes_depend_neither_on_the_process_nor_on_what_stands_beside() -> None:
    texts = ["", "a", "ab", "ba", "a\0", "\0a", "手机", "x" * 3000, "y" + "x" * 2999]
    hashes = text_hashes(texts)
    assert len(set(hashes.tolist())) == len(texts)
    assert [int(text_hashes([text])[0]) for text in texts] == hashes.tolist()
    program = "from dssmcli.text.hashing import text_hashes; print(text_hashes(['a', '手机']))"
    outs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert outs == {f"{text_hashes(['a', '手机'])}\n".encode()}


def test_a_field_is_known_again_however_its_number_is_written() -> None:
    texts = ["1", "1.0", " 1", "1e0", "01.00", "-0", "0", "", "NULL", "nan", "one", " one "]
    hashes = field_hashes(texts)
    assert len(set(hashes[:5].tolist())) == 1 and hashes[5] == hashes[6]
    assert len(set(hashes[7:10].tolist())) == 1 and hashes[10] == hashes[11]
    assert len(set(hashes.tolist())) == 4
    # Long ids that are one float are not one field.
    assert len(set(field_hashes(["1234567890123456789", "1234567890123456788"]).tolist())) == 2
    alone = [int(field_hashes([text])[0]) for text in texts]
    assert alone == hashes.tolist()
    column = fields_in("\n".join(texts[:10]).encode(), ",", 1, [0])
    if column is not None:
        assert field_hashes(column[0]).tolist() == hashes[:10].tolist()


def test_hashes_whose_bits_are_those_of_a_nan_are_keys_like_any_other() -> None:
    hashes = np.array([0x7FF0000000000001, 0x7FF0000000000002, 5], np.uint64)
    assert len(np.unique(keys(hashes.view(np.float64)))) == 3


# The sketch; a limit of 0 is none, so hashes begin at 1 here


@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(0, 2)), max_size=80),
    st.lists(st.tuples(st.integers(1, 60), st.integers(0, 2)), max_size=30),
    st.integers(1, 40),
    st.integers(1, 7),
)
def test_a_sketch_is_exact_on_all_rows_below_its_limit(
    rows: list[tuple[int, int]], others: list[tuple[int, int]], most: int, at_once: int
) -> None:
    kept = Smallest(most)
    hashes, marks = _arrays(rows)
    for first in range(0, max(1, len(rows)), at_once):
        kept.take(hashes[first : first + at_once], marks[first : first + at_once])
    own, beside = kept.rows()
    assert len(own) <= most and (own[1:] >= own[:-1]).all()
    distinct = sorted(set(rows))
    # All that is smaller than the limit is there, and the limit is as high as it can be.
    below = distinct if len(distinct) <= most else [r for r in distinct if r[0] < distinct[most][0]]
    assert list(zip(own.tolist(), beside.tolist(), strict=True)) == below
    assert kept.below == (0 if len(distinct) <= most else distinct[most][0])

    sketch = sketch_of(hashes, marks, most)
    assert sketch.below == kept.below and sketch.rows == len(rows)
    asked, wanted = _arrays(others)
    covered = sketch.covers(asked)
    found = sketch.has(asked, wanted)
    for each, inside, there in zip(others, covered.tolist(), found.tolist(), strict=True):
        assert there == (inside and each in set(rows))


def _arrays(rows: Sequence[tuple[int, int]]) -> tuple[Any, Any]:
    hashes = np.array([h for h, _ in rows], np.uint64)
    return hashes, np.array([m for _, m in rows], np.uint32)


def test_of_more_rows_than_are_kept_counts_are_estimates_that_are_near() -> None:
    random = np.random.default_rng(1)
    hashes = random.integers(1 << 63, size=300_000, dtype=np.uint64) * np.uint64(2)
    marks = np.zeros(len(hashes), np.uint32)
    known = Fingerprint(sketch_of(hashes, marks), NOTHING)
    assert len(known.trained.hashes) == MOST and not known.whole
    fresh = random.integers(1 << 63, size=4_000, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    found = seen(known, np.append(fresh, hashes[:6_000]), marks[:10_000])
    assert found.about and abs(found.learned - 6_000) < 250 and found.rows == 10_000
    assert "Warning: about" in found.warning("run", "row")
    # Nothing is found where nothing is, and all where all is.
    assert seen(known, fresh, marks[:4_000]).learned == 0
    assert seen(known, hashes[:5_000], marks[:5_000]).learned == 5_000


def test_a_table_whose_rows_repeat_anyway_is_no_reason_to_warn() -> None:
    random = np.random.default_rng(2)
    hashes, marks = random.integers(40, size=2_000).astype(np.uint64), np.zeros(2_000, np.uint32)
    assert repeats(hashes, marks) == 2_000
    known = Fingerprint(sketch_of(hashes, marks), NOTHING, repeats(hashes, marks))
    new = seen(known, random.integers(40, size=500).astype(np.uint64), marks[:500])
    assert new.learned == 500 and not new.warning("run", "row")
    # One row in ten repeats another: then half of all is more than chance.
    assert Seen(1000, 500, None, 0, usual=100.0).warning("run", "row")
    assert not Seen(1000, 110, None, 0, usual=100.0).warning("run", "row")


# Pairs


def pairs_of(numbers: Sequence[int], label: int | None = None) -> str:
    """Return pairs of texts of which each number has its own."""
    return "".join(
        f"Query {n}\ttitle {n} {'abc'[n % 3]}\t{n % 2 if label is None else label}\n"
        for n in numbers
    )


@pytest.fixture(name="texts", scope="module")
def _texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with pairs, and a run that has 240 of them to learn from, 60 to validate."""
    folder = tmp_path_factory.mktemp("texts")
    (folder / "pairs.tsv").write_text(pairs_of(range(300)), "utf-8")
    (folder / "new.tsv").write_text(pairs_of(range(300, 340)), "utf-8")
    done = run("train", folder / "pairs.tsv", *FAST, "-o", folder / "run")
    assert done.code == 0 and done.err == ""
    return folder


def judged(dssm: Dssm, *words: str | Path) -> tuple[dict[str, Any], str]:
    done = dssm("eval", "--json", "--bootstrap", "0", "-q", *words)
    assert done.code == 0, done.err
    return json.loads(done.out.splitlines()[0]), done.err


def counts(found: dict[str, Any]) -> tuple[int, int, int]:
    return found["learned_rows"], found.get("learned_pairs", -1), found["validation_rows"]


def test_eval_of_pairs_says_how_many_were_learned_from(
    texts: Path, dssm: Dssm, tmp_path: Path
) -> None:
    pairs = texts / "pairs.tsv"
    found, said = judged(dssm, "-m", texts / "run", pairs)
    held = found["validation_rows"]
    assert 0 < held <= 100 and counts(found) == (300 - held, 300 - held, held)
    assert said == (
        f"Warning: {pairs}: {300 - held} of 300 rows ({300 - held} pairs) were learned from by "
        f"{texts / 'run'}, {held} more chose its best weights: these figures say how well it "
        "remembers, not how well it does on new ones.\n"
    )
    assert judged(dssm, "-m", texts / "run", texts / "new.tsv")[1] == ""
    # Written otherwise, and as the other value, texts are the same.
    other = tmp_path / "other.tsv"
    again = (texts / "pairs.tsv").read_text("utf-8").replace("Query", "  ＱＵＥＲＹ ")
    other.write_text(again + again + pairs_of(range(300, 400)), "utf-8")
    found, said = judged(dssm, "-m", texts / "run", other)
    assert counts(found) == (2 * (300 - held), 300 - held, 2 * held)
    flipped = tmp_path / "flipped.tsv"
    flipped.write_text(pairs_of(range(0, 20, 2), 1) + pairs_of(range(500, 600)), "utf-8")
    found, said = judged(dssm, "-m", texts / "run", flipped)
    assert found["learned_rows"] == 0 < found["learned_pairs"] <= 10
    assert f"the texts of {found['learned_pairs']} pairs were learned from" in said


def test_rows_with_other_quotes_and_marks_are_known_again(
    texts: Path, dssm: Dssm, tmp_path: Path
) -> None:
    rows = [line.split("\t") for line in (texts / "pairs.tsv").read_text("utf-8").splitlines()]
    quoted = tmp_path / "quoted.tsv"
    quoted.write_text("".join(f'"{q}"\t{t}。\t{v}\n' for q, t, v in rows), "utf-8")
    found, said = judged(dssm, "-m", texts / "run", quoted)
    assert found["learned_rows"] + found["validation_rows"] == 300 and "were learned from" in said
    made = tmp_path / "run"
    done = dssm("train", texts / "pairs.tsv", "--valid", quoted, *FAST, "-o", made)
    assert "Warning: all 300 rows of --valid are among those trained on" in done.err
    told = dssm("check", texts / "pairs.tsv", "--valid", quoted, "--json").out
    assert any(
        json.loads(line).get("pairs") == {"count": 300, "of": 300} for line in told.splitlines()
    )


def test_fingerprints_of_texts_go_on_answering_beside_those_of_what_is_seen() -> None:
    rows = ["a", "b", "c", "d"]
    both = [
        Fingerprint(sketch_of(hashes, np.ones(2, np.uint32)), NOTHING, of_units=of_units)
        for hashes, of_units in ((pair_hashes(rows), False), (seen_both_ways(rows)[0], True))
    ]
    met = PairHashes([*both, None])
    met.take(["a", "b", "c.", "d"], np.arange(4), np.ones(2))
    number = np.arange(2)
    found = met.seen(Pairs(2, number, number, np.ones(2), "click", ""))
    assert [each and each.learned for each in found] == [1, 2, None]


def test_pairs_with_query_and_title_exchanged_are_known_again(
    texts: Path, dssm: Dssm, tmp_path: Path
) -> None:
    lines = [line.split("\t") for line in (texts / "pairs.tsv").read_text("utf-8").splitlines()]
    text = "".join("\t".join((title, query, *rest)) + "\n" for query, title, *rest in lines)
    swapped = tmp_path / "swapped.tsv"
    swapped.write_text(text + pairs_of(range(300, 340)), "utf-8")
    found, said = judged(dssm, "-m", texts / "run", swapped)
    count = found["swapped_rows"]
    assert 200 <= count < 300 and counts(found) == (0, 0, 0)
    assert said == (
        f"Warning: {swapped}: {count} of 340 rows are pairs that {texts / 'run'} learned from with "
        "query and title the other way round: on those the figures say little of new ones.\n"
    )
    both = tmp_path / "both.tsv"
    both.write_text(pairs_of(range(300)) + text, "utf-8")
    found, said = judged(dssm, "-m", texts / "run", both)
    assert found["swapped_rows"] == count == found["learned_rows"]
    assert f", {count} more with query and title the other way round: these figures say" in said
    made = tmp_path / "run"
    done = dssm("train", texts / "pairs.tsv", "--valid", swapped, *FAST, "-o", made)
    begin = (
        "Warning: 300 of 340 rows of --valid are pairs trained on with query and title the other"
    )
    assert begin in done.err


def test_what_only_chose_the_weights_is_a_note_that_quiet_silences(
    texts: Path, dssm: Dssm, tmp_path: Path
) -> None:
    made = tmp_path / "run"
    done = dssm("train", texts / "pairs.tsv", "--valid", texts / "new.tsv", *FAST, "-o", made)
    assert (done.code, done.err) == (0, "")
    found, said = judged(dssm, "-m", made, texts / "new.tsv")
    assert counts(found) == (0, 0, 40) and said == ""
    told = dssm("eval", "--bootstrap", "0", "-m", made, texts / "new.tsv").err
    assert "40 of 40 rows chose the best weights" in told and "Warning" not in told


def test_rows_that_are_equal_by_chance_to_those_that_chose_the_weights_are_not_said() -> None:
    random = np.random.default_rng(7)

    def rows(count: int) -> tuple[Hashes, Marks]:
        drawn = random.integers(0, 20_000, count).astype(np.uint64)
        return mixed(drawn), np.zeros(count, np.uint32)

    trained, chose, fresh = rows(1200), rows(300), rows(500)
    sketches = sketch_of(*trained), sketch_of(*chose)
    known = Fingerprint(*sketches, repeats(*trained))
    found = seen(known, *fresh)
    assert found.chosen > 0 and found.learned > 0 and not found.note("run", "row")
    assert seen(known, *chose).note("run", "row").startswith(f"{seen(known, *chose).chosen} of 300")
    # Where no two rows are alike by chance, one that is there again is said.
    later = mixed(np.arange(10**6, 10**6 + 500).astype(np.uint64)), np.zeros(500, np.uint32)
    again = Fingerprint(sketches[0], sketch_of(later[0][:3], later[1][:3]))
    assert seen(again, *later).note("run", "row").startswith("3 of 500 rows chose")


def test_each_file_and_each_run_is_named(texts: Path, dssm: Dssm, tmp_path: Path) -> None:
    made = tmp_path / "other"
    assert dssm("train", texts / "new.tsv", *FAST, "-o", made).code == 0
    files = (texts / "pairs.tsv", texts / "new.tsv")
    done = dssm("eval", "-q", "--bootstrap", "0", "-m", texts / "run", "-m", made, *files)
    first, second = done.err.splitlines()
    assert first.startswith(f"Warning: {files[0]}: ") and f"by {texts / 'run'}" in first
    assert second.startswith(f"Warning: {files[1]}: ") and f"by {made}" in second


def test_a_click_is_known_again_whatever_its_count(dssm: Dssm, tmp_path: Path) -> None:
    log, later = tmp_path / "log.tsv", tmp_path / "later.tsv"
    log.write_text("".join(f"q{n}\tt{n}\t{n % 4}\n" for n in range(120)), "utf-8")
    later.write_text("".join(f"q{n}\tt{n}\t{5 * (n % 4)}\n" for n in range(100, 140)), "utf-8")
    clicks = ("--value", "clicks")
    assert dssm("train", log, *clicks, *FAST, "-o", tmp_path / "run").code == 0
    found, _ = judged(dssm, *clicks, "-m", tmp_path / "run", later)
    assert found["learned_rows"] + found["validation_rows"] == 20


def test_validating_on_training_rows_is_said(texts: Path, dssm: Dssm, tmp_path: Path) -> None:
    pairs, made = texts / "pairs.tsv", tmp_path / "run"
    done = dssm("train", pairs, "--valid", pairs, *FAST, "-o", made)
    assert done.code == 0 and done.err.count("\n") == 1
    assert "Warning: all 300 rows of --valid are among those trained on" in done.err
    mixed = tmp_path / "mixed.tsv"
    mixed.write_text(pairs_of(range(290, 330)), "utf-8")
    done = dssm("train", pairs, "--valid", mixed, *FAST, "-o", made, "--overwrite")
    assert "10 of 40 rows of --valid (10 pairs) are among those trained on" in done.err
    assert counts(judged(dssm, "-m", made, mixed)[0]) == (10, 10, 30)
    tuned = dssm("train", pairs, "--valid", mixed, "--tune", "0.001", *SMALL, "-o", tmp_path / "t")
    assert tuned.code == 0 and "10 of 40 rows of --valid" in tuned.err


def test_report_and_plot_say_it_too(texts: Path, dssm: Dssm, tmp_path: Path) -> None:
    page, data = tmp_path / "page.html", ("--data", texts / "pairs.tsv", "--rows", "50", "-q")
    done = dssm("report", texts / "run", *data, "-o", page)
    assert done.code == 0 and "of 300 rows" in done.err and "were learned from" in done.err
    assert "how well it remembers" in page.read_text("utf-8")
    drawn = dssm("plot", texts / "run", "--kind", "histogram", *data, "-o", tmp_path / "h.svg")
    assert drawn.code == 0 and "were learned from" in drawn.err
    fresh = dssm("report", texts / "run", "--data", texts / "new.tsv", "-q", "-o", page)
    assert (fresh.code, fresh.err) == (0, "")


def test_a_resumed_training_has_the_same_fingerprint(
    texts: Path, dssm: Dssm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    command = ("train", texts / "pairs.tsv", *FAST[:-1], "3", "-o")
    assert dssm(*command, whole).code == 0
    with monkeypatch.context() as patch:
        stop_after_saves(patch, 1)
        assert dssm(*command, stopped).code == 130
    assert dssm(*command, stopped, "--resume").code == 0
    assert (stopped / FINGERPRINT).read_bytes() == (whole / FINGERPRINT).read_bytes()


def test_info_tells_the_fingerprint_and_an_index_does_without(
    texts: Path, dssm: Dssm, tmp_path: Path
) -> None:
    told = json.loads(dssm("info", "--json", "-m", texts / "run").out)
    assert told["fingerprint"]["rows"] + told["fingerprint"]["valid_rows"] == 300
    assert told["fingerprint"]["whole"] is True
    titles = tmp_path / "titles.txt"
    titles.write_text("one\ntwo\n", "utf-8")
    made = dssm("index", "-m", texts / "run", titles, "-o", tmp_path / "index", "-q")
    assert made.code == 0, made.err
    more = dssm("index", "--append", titles, "-o", tmp_path / "index", "-q")
    assert more.code == 0, more.err


def test_the_file_grows_no_larger_than_its_rows_allow(tmp_path: Path) -> None:
    hashes = np.random.default_rng(3).integers(1 << 63, size=200_000, dtype=np.uint64)
    sketch = sketch_of(hashes, np.zeros(len(hashes), np.uint32))
    known = Fingerprint(sketch, sketch)
    assert len(safetensors.numpy.save(known.arrays())) < 2 * MOST * 12 + 1000


# Runs that are damaged, hostile or old


def with_file(source: Path, copy: Path, content: bytes, size: int | None = None) -> Path:
    """Return a copy of a run with another fingerprint, which its manifest vouches for."""
    import hashlib

    shutil.copytree(source, copy)
    (copy / FINGERPRINT).write_bytes(content)
    manifest = json.loads((copy / MANIFEST).read_text("utf-8"))
    digest = hashlib.sha256(content).hexdigest()
    entry = {"size": len(content) if size is None else size, "sha256": digest}
    manifest["files"][FINGERPRINT] = entry
    (copy / MANIFEST).write_text(json.dumps(manifest), "utf-8")
    return copy


def test_a_fingerprint_that_is_none_is_an_error_of_one_line(
    texts: Path, dssm: Dssm, tmp_path: Path
) -> None:
    arrays = read_fingerprint(open_run(texts / "run")).arrays()  # type: ignore[union-attr]
    large = np.zeros(MOST + 1, np.uint64)
    hostile = {
        "no file of arrays": b"nothing",
        "unsorted": _saved(arrays, {"trained.hashes": arrays["trained.hashes"][::-1].copy()}),
        "other lengths": _saved(arrays, {"trained.marks": arrays["trained.marks"][1:].copy()}),
        "too many": _saved(arrays, {"trained.hashes": large, "trained.marks": large}),
        "no limits": _saved(arrays, {"below": arrays["below"][:1].copy()}),
        "another kind": _saved(arrays, {"below": arrays["below"].astype(np.float32)}),
        "more": _saved(arrays, {"more": large[:3]}),
    }
    for number, (name, content) in enumerate(hostile.items()):
        copy = with_file(texts / "run", tmp_path / str(number), content)
        done = dssm("eval", "-m", copy, texts / "new.tsv")
        assert done.code == 3 and done.err.splitlines()[-1].count(FINGERPRINT), name
        assert not done.out
        # What does not judge does not read it.
        assert dssm("score", "-m", copy, "a", "b").code == 0
    huge = with_file(texts / "run", tmp_path / "huge", b"x", size=1 << 40)
    done = dssm("eval", "-m", huge, texts / "new.tsv")
    assert done.code == 3 and "expected 4,194,304 at most" in done.err
    torn = tmp_path / "torn"
    shutil.copytree(texts / "run", torn)
    (torn / FINGERPRINT).write_bytes((torn / FINGERPRINT).read_bytes()[:-1])
    done = dssm("eval", "-m", torn, texts / "new.tsv")
    assert done.code == 3 and "damaged" in done.err.splitlines()[-1]


def _saved(arrays: dict[str, Any], changed: dict[str, Any]) -> bytes:
    return safetensors.numpy.save({**arrays, **changed})


def test_a_run_without_a_fingerprint_says_nothing(texts: Path, dssm: Dssm, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(texts / "run", old)
    (old / FINGERPRINT).unlink()
    manifest = json.loads((old / MANIFEST).read_text("utf-8"))
    del manifest["files"][FINGERPRINT]
    (old / MANIFEST).write_text(json.dumps({**manifest, "format": 4}), "utf-8")
    found, said = judged(dssm, "-m", old, texts / "pairs.tsv")
    assert said == "" and "learned_rows" not in found


# Tables


@pytest.fixture(name="tables", scope="module")
def _tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with 300 rows, 100 new ones, and 100 with half of both, and a run."""
    folder = tmp_path_factory.mktemp("tables")
    columns = world(400).columns
    write_table(folder / "rows.csv", {name: each[:300] for name, each in columns.items()})
    write_table(folder / "new.csv", {name: each[300:] for name, each in columns.items()})
    both = {name: each[:50] + each[300:350] for name, each in columns.items()}
    both["age"] = [f"{float(age):g}" for age in both["age"]]
    write_table(folder / "both.tsv", dict(reversed(both.items())), "\t")
    assert run("train-rec", *TABLE, folder / "rows.csv", "-o", folder / "run").code == 0
    return folder


def test_eval_of_tables_says_how_many_rows_were_learned_from(tables: Path, dssm: Dssm) -> None:
    made = tables / "run"
    found, said = judged(dssm, "-m", made, tables / "rows.csv")
    assert counts(found) == (240, -1, 60) and "240 of 300 rows were learned from" in said
    assert counts(judged(dssm, "-m", made, tables / "new.csv")[0]) == (0, -1, 0)
    # Columns in another order, numbers written otherwise, by several processes.
    found, said = judged(dssm, "-m", made, tables / "both.tsv", "--threads", "2")
    assert found["learned_rows"] + found["validation_rows"] == 50
    assert f"{found['learned_rows']} of 100 rows were learned from by {made}" in said


def test_rows_with_another_label_or_none_are_known_by_their_features(
    tables: Path, dssm: Dssm, tmp_path: Path
) -> None:
    made, columns = tables / "run", world(400).columns
    blank = write_table(tmp_path / "blank.csv", {**columns, "minutes": [""] * 400})
    found, said = judged(dssm, "-m", made, blank)
    assert found["same_features_rows"] == 240 and counts(found) == (0, -1, 0)
    assert said.endswith(
        f"Warning: {blank}: 240 of 400 rows have the features of rows that {made} learned from, "
        "with other labels or none: on those the figures say little of new ones.\n"
    )
    # Some of the labels are there, and a column less leaves the features to go by.
    some = [each if row % 3 else "" for row, each in enumerate(columns["minutes"])]
    found, said = judged(
        dssm, "-m", made, write_table(tmp_path / "s.csv", {**columns, "minutes": some})
    )
    assert found["learned_rows"] + found["same_features_rows"] == 240
    assert (
        f", the features of {found['same_features_rows']} more with other labels or none:" in said
    )
    del columns["minutes"]
    found, said = judged(dssm, "-m", made, write_table(tmp_path / "less.csv", columns))
    assert counts(found) == (240, -1, 60)
    command = ("train-rec", *TABLE, tables / "rows.csv", "-o", tmp_path / "run", "--valid", blank)
    done = dssm(*command)
    begin = "Warning: 300 of 400 rows of --valid have the features of rows trained on, with other"
    assert begin in done.err


def test_features_that_repeat_anyway_are_no_reason_to_warn(dssm: Dssm, tmp_path: Path) -> None:
    random = np.random.default_rng(4)

    def rows(count: int) -> dict[str, list[str]]:
        names = [f"c{code}" for code in random.integers(30, size=count)]
        return {"city": names, "minutes": [f"{each:.4f}" for each in random.random(count)]}

    made, first = tmp_path / "run", write_table(tmp_path / "first.csv", rows(400))
    command = ("train-rec", "mmoe", *UNITS["mmoe"], *SMALL_TABLE, "--task", "minutes:regression")
    assert dssm(*command, first, "--epochs", "1", "-o", made).code == 0
    found, said = judged(dssm, "-m", made, write_table(tmp_path / "later.csv", rows(200)))
    assert counts(found) == (0, -1, 0) and "same_features_rows" not in found and said == ""


def test_validating_on_rows_of_the_table_is_said(tables: Path, dssm: Dssm, tmp_path: Path) -> None:
    command = ("train-rec", *TABLE, tables / "rows.csv", "-o", tmp_path / "run", "--overwrite")
    done = dssm(*command, "--valid", tables / "rows.csv")
    assert done.code == 0 and "all 300 rows of --valid are among those trained on" in done.err
    done = dssm(*command, "--valid", tables / "both.tsv")
    assert done.code == 0 and "50 of 100 rows of --valid are among those trained on" in done.err
    done = dssm(*command, "--valid", tables / "new.csv")
    assert (done.code, done.err) == (0, "")


def test_a_report_on_the_rows_of_the_table_says_it(
    tables: Path, dssm: Dssm, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    done = dssm("report", tables / "run", "--data", tables / "rows.csv", "-q", "-o", page)
    assert done.code == 0 and "240 of 300 rows were learned from" in done.err
    assert "240 of 300 rows were learned from" in page.read_text("utf-8")


# Logs


@pytest.fixture(name="watched", scope="module")
def _watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with logs of 20 users of 8 watches, what followed, and both; and a run."""
    folder = tmp_path_factory.mktemp("watched")
    log = [(f"u{u}", f"i{(u + k) % 9}", 10 * k + u % 7) for u in range(20) for k in range(8)]
    later = [(f"u{u}", f"i{(u + k) % 9}", 10 * k + u % 7) for u in range(20) for k in (8, 9)]
    write_log(folder / "log.tsv", WATCH_NAMES, log)
    write_log(folder / "later.tsv", WATCH_NAMES, later)
    write_log(folder / "both.tsv", WATCH_NAMES, log[:24] + later)
    assert run("train-rec", *CANDIDATES, folder / "log.tsv", "-o", folder / "run").code == 0
    return folder


def test_eval_of_watches_says_how_many_of_them_were_learned_from(watched: Path, dssm: Dssm) -> None:
    made, history = watched / "run", ("--history", watched / "log.tsv")
    found, said = judged(dssm, "-m", made, *history, watched / "later.tsv")
    assert counts(found) == (0, -1, 0) and found["earlier_rows"] == 0 and said == ""
    found, said = judged(dssm, "-m", made, *history, watched / "both.tsv")
    assert found["learned_rows"] + found["validation_rows"] == 24 and found["rows"] == 64
    assert f"{found['learned_rows']} of 64 watches were learned from by {made}" in said
    # Of a log by itself the last watches are judged, which some were held out of.
    found, said = judged(dssm, "-m", made, watched / "log.tsv")
    assert found["learned_rows"] + found["validation_rows"] == 20


def test_validating_on_watches_of_the_log_is_said(
    watched: Path, dssm: Dssm, tmp_path: Path
) -> None:
    command = ("train-rec", *CANDIDATES, watched / "log.tsv", "-o", tmp_path / "r", "--overwrite")
    done = dssm(*command, "--valid", watched / "later.tsv")
    assert (done.code, done.err) == (0, "")
    done = dssm(*command, "--valid", watched / "both.tsv")
    assert done.code == 0 and "24 of 64 watches of --valid are among those trained on" in done.err
    done = dssm(*command, "--valid", watched / "log.tsv")
    assert "all 160 watches of --valid are among those trained on" in done.err
    early = [(f"v{u}", f"i{k}", k) for u in range(9) for k in range(4)]
    done = dssm(*command, "--valid", write_log(tmp_path / "early.tsv", WATCH_NAMES, early))
    assert "27 of 27 watches of --valid come before the last moment of training" in done.err


def test_moments_too_long_for_floats_are_told_apart_whatever_their_log_begins_with(
    dssm: Dssm, tmp_path: Path
) -> None:
    begin = 1_709_251_200_123_456_789
    early = moment_hashes(np.array([0.0, 1.0, 7.25]), begin)
    assert len(set(early.tolist())) == 3
    assert moment_hashes(np.array([-5.0, -4.0, 2.25]), begin + 5).tolist() == early.tolist()
    rows = [(f"u{u}", f"i{(u + k) % 9}", begin + 10 * k + u) for u in range(20) for k in range(8)]
    log, made = write_log(tmp_path / "log.tsv", WATCH_NAMES, rows), tmp_path / "run"
    assert dssm("train-rec", *CANDIDATES, log, "-o", made).code == 0
    # The same users and items a nanosecond later, and three of the very rows.
    later = [*rows[:3], *((user, item, time + 1) for user, item, time in rows)]
    history = ("--history", log)
    found, said = judged(dssm, "-m", made, *history, write_log(tmp_path / "l", WATCH_NAMES, later))
    assert found["learned_rows"] + found["validation_rows"] == 3
    assert found["earlier_rows"] > 100 and f"{found['learned_rows']} of 163 watches" in said


@pytest.fixture(name="shown", scope="module")
def _shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with logs of 300 impressions, the 100 after them, both; and a run."""
    folder = tmp_path_factory.mktemp("shown")
    rows = [(u, i, 10 * n, c, w) for n, (u, i, _, c, w) in enumerate(impressions(9, 8, 400))]
    write_log(folder / "log.tsv", IMPRESSION_NAMES, rows[:300])
    write_log(folder / "later.tsv", IMPRESSION_NAMES, rows[300:])
    write_log(folder / "both.tsv", IMPRESSION_NAMES, rows[200:])
    assert run("train-rec", *RANKING, folder / "log.tsv", "-o", folder / "run").code == 0
    return folder


def test_eval_of_impressions_says_how_many_of_them_are_known(shown: Path, dssm: Dssm) -> None:
    made = shown / "run"
    found, said = judged(dssm, "-m", made, shown / "log.tsv")
    # The first tenth of those trained on is only looked back to.
    assert counts(found) == (243, -1, 30) and found["earlier_rows"] == 299
    assert "243 of 300 impressions were learned from" in said
    assert "299 come before the last moment that it knows" in said
    found, said = judged(dssm, "-m", made, shown / "later.tsv")
    assert counts(found) == (0, -1, 0) and found["earlier_rows"] == 0 and said == ""
    found, said = judged(dssm, "-m", made, shown / "both.tsv")
    assert counts(found) == (70, -1, 30) and found["earlier_rows"] == 99


def test_validating_on_impressions_of_the_log_is_said(
    shown: Path, dssm: Dssm, tmp_path: Path
) -> None:
    loud = [word for word in RANKING if word != "-q"]
    command = ("train-rec", *loud, shown / "log.tsv", "-o", tmp_path / "run", "--overwrite")
    done = dssm(*command, "--valid", shown / "later.tsv")
    assert done.code == 0 and "Warning" not in done.err
    assert f"for validation the 100 of {shown / 'later.tsv'}." in done.err
    done = dssm(*command, "--valid", shown / "both.tsv")
    assert done.code == 0 and "after them" not in done.err
    assert "70 of 200 impressions of --valid" not in done.err
    assert "100 of 200 impressions of --valid are among those trained on" in done.err
    assert "for validation the 30 after them" in dssm(*command).err
