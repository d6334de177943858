"""`dssm mine`: which titles are mined, and that what is mined can be trained on at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from conftest import SMALL, TOWER, Dssm, write_pairs

from dssmcli.data.pairs import Texts, read_pairs
from dssmcli.data.tsv import BadRows
from dssmcli.errors import ConfigError
from dssmcli.serving import mining
from dssmcli.serving.mining import Mined, Miner, Window

TITLES = 50


class Circle:
    """An encoder of texts `word DEGREES`: the unit vector at that angle. `?` has no vector."""

    config: ClassVar[dict[str, Any]] = {}

    def encode(self, texts: Sequence[str], side: str = "query") -> np.ndarray:
        known = [text != "?" for text in texts]
        degrees = np.radians([float(t.split()[1]) if t != "?" else 0.0 for t in texts])
        rows = np.stack((np.cos(degrees), np.sin(degrees)), axis=1) * np.array(known)[:, None]
        return rows.astype(np.float32)

    def encode_blocks(
        self, blocks: Iterable[Sequence[str]], side: str = "query"
    ) -> Iterator[tuple[Sequence[str], np.ndarray]]:
        for texts in blocks:
            yield texts, self.encode(texts, side)


def mined(tmp_path: Path, rows: str, window: Window, seed: int = 1) -> dict[str, list[tuple]]:
    """Return what is mined for each query: titles with their ranks."""
    (tmp_path / "p.tsv").write_text(rows, "utf-8")
    texts: list[str] = []
    sources = [str(tmp_path / "p.tsv")]
    pairs = read_pairs(sources, None, "clicks", BadRows(), Texts(texts.extend))
    miner = Miner(Circle(), pairs, texts, window, seed)  # type: ignore[arg-type]
    found: dict[str, list[tuple]] = {}
    for block in miner.blocks(threads=2):
        assert isinstance(block, Mined)
        for query, title, rank, _ in zip(*(each.tolist() for each in block[:4]), strict=True):
            found.setdefault(texts[query], []).append((texts[title], rank))
    return found


# Title i stands i degrees from the query, so without the known ones its rank is known.
ARC = "".join(f"q 0\tt {i}\t{int(i in (2, 5))}\n" for i in (2, 5, 8)) + "".join(
    f"other 180\tt {i}\t1\n" for i in range(1, TITLES)
)


def test_ranks_are_those_among_titles_that_stand_in_no_row_with_the_query(tmp_path: Path) -> None:
    everything = mined(tmp_path, ARC, Window(1, TITLES, -2, TITLES))["q 0"]
    others = [i for i in range(1, TITLES) if i not in (2, 5, 8)]
    assert everything == [(f"t {degrees}", rank + 1) for rank, degrees in enumerate(others)]


def test_the_window_of_ranks_is_kept_to_and_every_rank_in_it_is_drawn_by_some_seed(
    tmp_path: Path,
) -> None:
    seen = set()
    for seed in range(40):
        found = mined(tmp_path, ARC, Window(10, 14, -2, 2), seed)["q 0"]
        assert len(found) == 2
        ranks = [rank for _, rank in found]
        assert ranks == sorted(ranks)
        seen |= set(ranks)
    assert seen == {10, 11, 12, 13, 14}


def test_the_margin_is_below_the_best_known_match(tmp_path: Path) -> None:
    found = mined(tmp_path, ARC, Window(1, TITLES, 0.05, TITLES))["q 0"]
    # The best match is at 2 degrees: cos 2 = .99939, and cos 18 = .95106, cos 19 = .94552.
    assert [title for title, _ in found] == [f"t {i}" for i in range(19, TITLES)]


def test_matches_in_any_file_and_the_query_s_own_text_are_never_mined(tmp_path: Path) -> None:
    rows = "t 1\tt 9\t1\nT  9\tt 3\t1\nt 9\tt 4\t0\n" + "x 3\tt 5\t0\nt 1\tT 1\t0\nt 9\tt 9\t0\n"
    found = mined(tmp_path, rows, Window(1, 9, -2, 9))
    assert found == {
        "t 1": [("t 3", 1), ("t 4", 2), ("t 5", 3)],
        "t 9": [("t 5", 1), ("t 1", 2)],
    }


class Sided(Circle):
    """The same, but that a title stands 20 degrees before where a query would."""

    def encode(self, texts: Sequence[str], side: str = "query") -> np.ndarray:
        turned = [f"word {float(text.split()[1]) - 20 * (side == 'title')}" for text in texts]
        return super().encode(turned)


def test_queries_are_mined_for_as_queries_and_titles_as_titles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "q 0\tt 90\t1\n" + "".join(f"other 180\tt {10 * i + 1}\t1\n" for i in range(8))
    for encoder, order in ((Circle, [1, 11, 21]), (Sided, [21, 11, 31])):
        monkeypatch.setattr(Circle, "__new__", lambda _, kind=encoder: object.__new__(kind))
        found = mined(tmp_path, rows, Window(1, 3, -2.0, 3))["q 0"]
        assert found == [(f"t {degrees}", n) for n, degrees in enumerate(order, start=1)]


def test_what_has_no_vector_is_neither_mined_nor_mined_for(tmp_path: Path) -> None:
    rows = "q 0\tt 1\t1\n?\tt 2\t1\nz 9\t?\t1\n"
    assert mined(tmp_path, rows, Window(1, 9, -2, 9)) == {
        "q 0": [("t 2", 1)],
        "z 9": [("t 2", 1), ("t 1", 2)],
    }


def test_what_is_mined_does_not_depend_on_the_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f"q {i}\tt {i * 7 % 60}\t1\n" for i in range(60))
    whole = mined(tmp_path, rows, Window(2, 20, 0.01, 3))
    monkeypatch.setattr(mining, "_SCORES_AT_ONCE", 100)
    monkeypatch.setattr(mining, "BATCH", 7)
    found = mined(tmp_path, rows, Window(2, 20, 0.01, 3))
    # Products of other shapes may round otherwise on some processors: of two titles that score the
    # same but for that, either may come first.
    for query, titles in whole.items():
        for own, other in zip(
            zip(*titles, strict=True), zip(*found[query], strict=True), strict=True
        ):
            assert sorted(own) == sorted(other)
    assert found.keys() == whole.keys()
    assert mined(tmp_path, rows, Window(2, 20, 0.01, 3), seed=2) != whole


def test_a_window_that_makes_no_sense_is_refused(dssm: Dssm, run: Path, tmp_path: Path) -> None:
    for wrong in ((0, 5), (5, 4)):
        with pytest.raises(ConfigError):
            Window(*wrong)
    pairs = write_pairs(tmp_path / "p.tsv", 100)
    for ranks in ("5", "0-5", "7-3", "a-b", "-"):
        result = dssm("mine", pairs, "-m", run, "--ranks", ranks)
        assert result.code == 2 and "FROM-TO" in result.err and result.out == ""
    assert dssm("mine", pairs, "-m", run, "--per-query", "0").code == 2


def kinds_of(path: Path) -> dict[str, tuple[str, list[str], bytes]]:
    """Return for each kind of values: a file's content, the options, what a mined row ends in."""
    random = np.random.default_rng(1)
    lines = [line.split("\t") for line in write_pairs(path, 160).read_text("utf-8").splitlines()]
    labels = [line[2] for line in lines]
    counts = [f"{int(label) * random.integers(1, 9)}\t9" for label in labels]
    grades = [str(1.5 + int(label) * random.integers(3)) for label in labels]

    def joined(values: list[str], head: str = "") -> str:
        rows = (f"{q}\t{t}\t{v}\n" for (q, t, _), v in zip(lines, values, strict=True))
        return head + "".join(rows)

    pairs = "".join(f"{query}\t{title}\n" for query, title, _ in lines)
    swapped = "".join(f"{title}\t-\t{query}\n" for query, title, _ in lines)
    return {
        "click": (pairs, [], b"\t0"),
        "click, by columns": (swapped, ["--columns", "title,-,query"], b"\t0"),
        "label": (joined(labels), [], b"\t0"),
        "clicks": (joined([c.split()[0] for c in counts]), ["--value", "clicks"], b"\t0"),
        "impressions": (joined(counts, "query\ttitle\tclicks\timpressions\n"), [], b"\t0\t1"),
        "grade": (joined(grades), ["--value", "grade"], b"\t1.5"),
    }


@pytest.mark.parametrize(
    "kind", ["click", "click, by columns", "label", "clicks", "impressions", "grade"]
)
def test_two_lines_mine_and_train_again_whatever_the_values_are(
    dssm: Dssm, run: Path, tmp_path: Path, kind: str
) -> None:
    content, options, ending = kinds_of(tmp_path / "all.tsv")[kind]
    (tmp_path / "pairs.tsv").write_text(content, "utf-8")
    pairs, made = tmp_path / "pairs.tsv", tmp_path / "mined.tsv"
    result = dssm("mine", pairs, *options, "-m", run, "-o", made, "--ranks", "2-20")
    assert result.code == 0, result.err
    rows = made.read_bytes().splitlines()
    head = [line for line in rows if b"title" in line]
    assert len(head) == ("click" in kind.split(",")) and all(
        row.endswith(ending) for row in rows[len(head) :]
    )
    said = f"Mined {len(rows) - len(head):,} negatives for "
    assert said in result.err and len(rows) > 50
    out = tmp_path / "again"
    again = dssm(
        *("train", pairs, made, *options, "--arch", "dnn", *TOWER["dnn"], "--dim", "16"),
        *("--epochs", "1", "--threads", "1", "--valid-share", "0", "-o", out),
    )
    assert again.code == 0, again.err
    data = json.loads((out / "config.json").read_text())["data"]
    kept = "clicks" if kind in ("impressions", "click", "click, by columns") else kind
    assert data["kind"] == kept
    before = content.count("\n") - content.startswith("query\t")
    assert f"Read {before + len(rows) - len(head):,} rows" in again.err
    if kept != "grade":
        values = [line.split("\t")[2] for line in content.splitlines()[-before:] if not head]
        count = sum(value != "0" for value in values) if values else before
        assert f": {count} are 1" in again.err or f": {count} with clicks" in again.err
    if not head:
        both = tmp_path / "both.tsv"
        both.write_bytes(pairs.read_bytes() + made.read_bytes())
        bad = BadRows()
        kind_said = options[1] if options else None
        assert len(read_pairs([str(both)], None, kind_said, bad)) == before + len(rows)


def test_mine_writes_to_standard_output_or_a_file_the_same_and_json_says_rank_and_score(
    dssm: Dssm, run: Path, tmp_path: Path
) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 200)
    plain = dssm("mine", pairs, "-m", run, "-q")
    assert plain.code == 0 and plain.err == "" and plain.out
    dssm("mine", pairs, "-m", run, "-o", tmp_path / "m.tsv", "--threads", "2", "-q")
    assert (tmp_path / "m.tsv").read_bytes() == plain.raw
    told = [json.loads(line) for line in dssm("mine", pairs, "-m", run, "--json").out.splitlines()]
    assert [f"{t['query']}\t{t['title']}\t0" for t in told] == plain.out.splitlines()
    assert {tuple(t) for t in told} == {("query", "title", "rank", "score")}
    assert all(10 <= t["rank"] <= 100 for t in told)
    for t in told[:20]:
        score = float(dssm("score", t["query"], t["title"], "-m", run).out)
        assert score == pytest.approx(t["score"], abs=1e-4)
    reversed_seed = dssm("mine", pairs, "-m", run, "-q", "--seed", "2").out
    assert reversed_seed != plain.out


def test_mining_says_why_there_is_little_and_never_replaces_what_it_reads(
    dssm: Dssm, run: Path, tmp_path: Path
) -> None:
    pairs = tmp_path / "p.tsv"
    pairs.write_text("couch a\tsofa b\t1\ntap a\tfaucet\t0\n", "utf-8")
    result = dssm("mine", pairs, "-m", run)
    assert result.code == 0 and result.out == ""
    assert "Mined 0 negatives for 0 of 1 queries" in result.err
    assert "no title has rank 10. Try --ranks 1-2" in result.err
    assert "Queries without a known match, so not mined for: 1." in result.err
    refused = dssm("mine", pairs, "-m", run, "-o", pairs)
    assert refused.code == 2 and pairs.read_text("utf-8").startswith("couch")
    assert dssm("mine", pairs, "-m", run, "--value", "click").code == 3
    assert dssm("mine", tmp_path / "none.tsv", "-m", run).code == 3
    assert list(tmp_path.iterdir()) == [pairs]


def test_a_file_may_add_clicks_to_two_columns_but_nothing_else(dssm: Dssm, tmp_path: Path) -> None:
    (tmp_path / "two.tsv").write_text("a\tb\nc\td\na\tb\n", "utf-8")
    (tmp_path / "good.tsv").write_text("query\ttitle\tclicks\na\td\t0\na\tb\t4\n", "utf-8")
    good = [str(tmp_path / "two.tsv"), str(tmp_path / "good.tsv")]
    pairs = read_pairs(good, None, None, BadRows())
    assert pairs.kind == "clicks" and pairs.value.tolist() == [1, 1, 1, 0, 4]
    (tmp_path / "two.tsv").write_text("query\ttitle\na\tb\n", "utf-8")
    assert read_pairs(good, None, None, BadRows()).value.tolist() == [1, 0, 4]
    assert read_pairs(good, "query,title", None, BadRows()).value.tolist() == [1, 0, 4]
    alone = dssm("train", good[1], "--columns", "query,title", *SMALL)
    assert alone.code == 3 and "3 columns, expected 2" in alone.err
    for head in (
        "query\ttitle\tlabel",
        "title\tquery\tclicks",
        "query\ttitle\tclicks\timpressions",
    ):
        (tmp_path / "bad.tsv").write_text(f"{head}\na\td\t0\t1\n", "utf-8")
        wrong = dssm("train", tmp_path / "two.tsv", tmp_path / "bad.tsv", *SMALL)
        assert wrong.code == 3 and "bad.tsv:1: other columns" in wrong.err
    wrong = dssm("train", *good, "--value", "click", *SMALL, "-o", tmp_path / "r")
    assert wrong.code == 3 and "some rows have clicks and some none" in wrong.err
