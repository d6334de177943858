"""`dssm check`: what it counts, on files whose faults are known."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from dssmcli.config import TextConfig
from dssmcli.data import baseline, located, rows
from dssmcli.data.baseline import TfIdf
from dssmcli.data.located import LocatedReader
from dssmcli.data.pairs import Texts
from dssmcli.data.survey import spread_of
from dssmcli.text.normalize import normalize
from dssmcli.text.scripts import SCRIPTS, ScriptTable
from dssmcli.text.tokenizers import TOKENIZERS, Lookup
from dssmcli.text.vocab import Vocabulary
from tests.conftest import SMALL, TOWER, Dssm, Result, write_pairs

LOOKUP = Lookup.of(TextConfig(), Vocabulary([], 1))


def objects(result: Result, kind: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in result.out.splitlines()]
    return [each for each in found if each.pop("type") == kind]


def codes(result: Result, level: str) -> dict[str, int]:
    found = objects(result, "finding")
    return {each["code"]: each["count"] for each in found if each["level"] == level}


@pytest.fixture(name="log")
def _log(tmp_path: Path) -> Path:
    """Return labels in which everything stands that is counted, line by line."""
    lines = [
        "red sofa\tcouch\t1",
        "red sofa\tcouch\t1",  # the line above again
        "Red  Sofa\tcouch\t1",  # the same pair, but other bytes
        "red sofa\tcouch\t0",  # the opposite
        "couch\tred sofa\t0",  # swapped
        "手机\t手机\t1",  # query = title
        "手机\t手机 \t0",  # once more, and opposed
        "手机 x\t电话\t0",
        "!!!\tlamp\t1",  # no unit
        "lamp\tlight\t1",
    ]
    path = tmp_path / "log.tsv"
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def test_everything_in_a_small_log_is_counted_with_its_lines(dssm: Dssm, log: Path) -> None:
    result = dssm("check", "--json", log)
    assert result.code == 0, result.err
    (file,) = objects(result, "file")
    assert (file["rows"], file["bad_rows"], file["kind"]) == (10, 0, "label")
    assert file["shape"] == {
        "queries": 6,
        "titles": 6,
        "rows_median": 1.0,
        "rows_max": 4,
        "top_share": 1.0,
        "shared_titles": 0,
        "widest_title": 1,
    }
    values = file["values"]
    assert (values["counts"], values["matches"]) == ({"0": 4, "1": 6}, 6)
    assert (values["queries_without_match"], values["queries_of_matches"]) == (2, 2)
    repeats = file["repeats"]
    assert (repeats["rows"], repeats["pairs"], repeats["pair_rows"]) == (1, 2, 4)
    assert (repeats["same_value"], repeats["contradictions"], repeats["swapped"]) == (2, 2, 1)
    assert (repeats["self_pairs"], repeats["self_matches"]) == (2, 1)
    first, second = repeats["contradictions_shown"]
    assert (first["lines"], first["values"]) == ([1, 2, 3, 4], [1, 1, 1, 0])
    assert (first["query"], first["title"]) == ("red sofa", "couch")
    assert (second["lines"], second["query"]) == ([6, 7], "手机")
    assert sorted(repeats["swapped_shown"][0]["lines"]) in ([1, 5], [4, 5])
    assert file["query"]["empty"] == 1 and file["title"]["empty"] == 0
    assert file["query"]["scripts"]["mixed"] == pytest.approx(1 / 6)
    assert file["query"]["lengths"]["high"] == 3
    assert codes(result, "error") == {}
    assert codes(result, "warning") == {
        "few_rows": 10,
        "contradictions": 2,
        "repeated_rows": 2,
        "self_no_match": 1,
        "empty": 1,
    }


def test_the_report_names_lines_and_ends_with_findings(dssm: Dssm, log: Path) -> None:
    result = dssm("check", log)
    assert result.code == 0 and result.err == ""
    assert "lines 1: 1, 2: 1, 3: 1, 4: 0  red sofa | couch" in result.out
    assert "query = title       2 rows: 1 match, 1 do not" in result.out
    head, _, findings = result.out.partition("\nfindings\n")
    assert head.startswith(f"{log}\n  rows                10, and 0 bad rows\n")
    assert "warning  2 × Pairs that are a match in one row and none in another." in findings
    assert len({line.index(line[22:].lstrip()) for line in head.splitlines()[1:-1]}) == 1


def test_grades_contradict_when_they_are_farther_apart_than_half_of_the_range(
    dssm: Dssm, tmp_path: Path
) -> None:
    path = tmp_path / "grades.tsv"
    path.write_text("a\tb\t1\na\tb\t5\nc\td\t3\nc\td\t5\ne\tf\t1\ne\tf\t1\n", "utf-8")
    result = dssm("check", "--json", "--value", "grade", path)
    (file,) = objects(result, "file")
    assert file["repeats"]["contradictions"] == 1
    assert file["repeats"]["contradictions_shown"][0]["lines"] == [1, 2]
    assert (file["values"]["match_grade"], file["values"]["matches"]) == (3, 3)
    assert "differ by more than half" in objects(result, "finding")[0]["what"]


def test_clicks_here_and_none_there_are_no_contradiction(dssm: Dssm, tmp_path: Path) -> None:
    path = tmp_path / "clicks.tsv"
    path.write_text("query\ttitle\tclicks\na\tb\t7\na\tb\t0\nc\td\t2\nc\td\t3\n", "utf-8")
    result = dssm("check", "--json", path)
    (file,) = objects(result, "file")
    assert file["kind"] == "clicks" and file["values"]["zeros"] == 1
    assert (file["repeats"]["contradictions"], file["repeats"]["mixed_clicks"]) == (0, 1)
    assert codes(result, "note")["mixed_clicks"] == 1


BAD = b"a\tb\t1\n\xff\tb\t0\nx\n\ty\t1\ne\tf\tz\n\ng\th\t--1\n   \t\t\ni\tj\t0\n"


def test_every_bad_row_is_counted_and_the_first_five_are_said_as_train_says_them(
    dssm: Dssm, tmp_path: Path
) -> None:
    path = tmp_path / "bad.tsv"
    path.write_bytes(BAD)
    result = dssm("check", "--json", path)
    assert result.code == 3 and codes(result, "error") == {"bad_rows": 7}
    (file,) = objects(result, "file")
    said = file["bad_rows_shown"]
    assert (file["rows"], file["bad_rows"], len(said)) == (2, 7, 5)
    assert [each.split(":")[1] for each in said] == ["2", "3", "4", "5", "6"]
    refused = dssm("train", path, "-o", tmp_path / "run").err
    assert refused == f"{said[0]} Skip such rows with --bad-rows skip.\n"
    report = dssm("check", path)
    assert report.code == 3 and said[4] in report.out and "… and 2 more" in report.out


@pytest.mark.parametrize(
    ("content", "options", "code"),
    [
        (b"", (), "no_rows"),
        (b"query\ttitle\tlabel\n", (), "no_rows"),
        (b"a\tb\n", (), "one_row"),
        (b"a\tb\t1\nc\td\t1\n", (), "one_class"),
        (b"a\tb\t0\nc\td\t0\n", (), "no_match"),
        (b"a\tb\t0\nc\td\t0\n", ("--value", "clicks"), "no_match"),
        (b"a\tb\nA\tb\n", (), "identical_rows"),
        (b"a\tx\t1\nb\tx\t0\n", (), "same_title"),
        (b"a\tb\t2\nc\td\t2\n", ("--value", "grade"), "one_grade"),
        (b"a\tb\t2\nc\td\t0\n", (), "values_unclear"),
        (b"a\tb\t2\nc\td\t0\n", ("--value", "label"), "values_unclear"),
        (b"a\tb\nc\td\n", ("--value", "grade"), "values_unclear"),
        (b"!\t?\t1\n...\t,\t0\n", (), "no_units"),
        ("a\tb\nc\td\n".encode("utf-16"), (), "unreadable"),
        (gzip.compress(b"a\tb\nc\td\n" * 999, mtime=0)[:-9], (), "unreadable"),
    ],
)
def test_what_nothing_can_be_learned_from_is_an_error(
    dssm: Dssm, tmp_path: Path, content: bytes, options: tuple[str, ...], code: str
) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_bytes(content)
    result = dssm("check", "--json", path, *options)
    assert result.code == 3 and code in codes(result, "error"), result.out
    assert dssm("check", path, *options).code == 3


def test_unclear_values_are_shown_with_both_ways_to_say_what_they_are(
    dssm: Dssm, tmp_path: Path
) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("a\tb\t2\nc\td\t0\n", "utf-8")
    result = dssm("check", path)
    assert "The values are 0, 2: clicks or grades?" in result.out
    assert "--value clicks" in result.out and "--value grade" in result.out


@pytest.mark.parametrize("name", ["missing.tsv", "."])
def test_a_file_that_cannot_be_read_hides_none_of_the_others(
    dssm: Dssm, tmp_path: Path, log: Path, name: str
) -> None:
    result = dssm("check", "--json", tmp_path / name, log)
    assert result.code == 3 and codes(result, "error") == {"unreadable": 1}
    assert [file["rows"] for file in objects(result, "file")] == [0, 10]


def test_files_are_judged_together_as_train_reads_them(dssm: Dssm, tmp_path: Path) -> None:
    ones, zeros = tmp_path / "ones.tsv", tmp_path / "zeros.tsv"
    ones.write_text("query\ttitle\tlabel\na\tb\t1\nc\td\t1\n", "utf-8")
    zeros.write_text("a\td\t0\nc\tb\t0\n", "utf-8")
    assert dssm("check", "--json", zeros, zeros).code == 3
    result = dssm("check", "--json", ones, zeros)
    assert result.code == 0, result.out
    assert [file["kind"] for file in objects(result, "file")] == ["label", "label"]


def test_what_files_share_is_counted_and_leaks_are_warned_of(dssm: Dssm, tmp_path: Path) -> None:
    train, valid = tmp_path / "train.tsv", tmp_path / "valid.tsv"
    train.write_text("a\tb\t1\nc\td\t0\ne\tf\t1\n", "utf-8")
    valid.write_text("A\tb\t1\na\td\t0\nd\tx\t1\ny\tz z\t0\n", "utf-8")
    result = dssm("check", "--json", train, "--valid", valid)
    (overlap,) = objects(result, "overlap")
    assert (overlap["file"], overlap["other"]) == (str(valid), str(train))
    assert overlap["pairs"] == {"count": 1, "of": 4}
    assert overlap["queries"] == {"count": 1, "of": 3}
    assert overlap["titles"] == {"count": 2, "of": 4}
    assert overlap["texts"] == {"count": 3, "of": 6}
    assert (overlap["unseen_units"], overlap["unseen_share"]) == (3, 4 / 7)
    warned = codes(result, "warning")
    assert result.code == 0 and (warned["shared_pairs"], warned["shared_queries"]) == (1, 1)


def test_a_gzip_a_pipe_and_a_windows_file_are_checked_alike(
    dssm: Dssm, log: Path, tmp_path: Path
) -> None:
    content = log.read_bytes()
    files = {
        "log.gz": gzip.compress(content, mtime=0),
        "crlf.tsv": b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"),
        "unended.tsv": content[:-1],
    }
    expected = dssm("check", "--json", log).out.replace(str(log), "FILE")
    for name, changed in files.items():
        path = tmp_path / name
        path.write_bytes(changed)
        assert dssm("check", "--json", path).out.replace(str(path), "FILE") == expected
    piped = dssm("check", "--json", "-", stdin=content)
    assert piped.out.replace("<stdin>", "FILE") == expected
    twice = dssm("check", "--json", "-", "-", stdin=content)
    assert twice.code == 3 and "unreadable" in codes(twice, "error")


def test_a_line_of_a_million_characters_is_counted_as_too_long(dssm: Dssm, tmp_path: Path) -> None:
    path = tmp_path / "huge.tsv"
    path.write_text(f"{'a' * 10**6}\tb\t1\n{'a ' * 10**6}\tc\t0\n", "utf-8")
    result = dssm("check", "--json", path, "--max-units", "9")
    (file,) = objects(result, "file")
    assert file["query"]["lengths"]["high"] == 10**6 and file["query"]["truncated"] == 1
    assert codes(result, "note")["long_words"] == 1
    assert codes(result, "warning")["truncated"] == 1


def test_rows_keep_their_lines_whatever_stands_between_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "_PIECE_BYTES", 64)
    lines = [f"q{i}\tt{i}\t1" if i % 7 else "bad" for i in range(1, 500)]
    path = tmp_path / "pairs.tsv"
    path.write_text("query\ttitle\tlabel\n" + "\n".join(lines) + "\n\n", "utf-8")
    met: list[str] = []
    told: list[int] = []
    found = LocatedReader(None, Texts(met.extend), told.append).read(str(path))
    expected = [i for i in range(1, 500) if i % 7]
    assert found.line.tolist() == [i + 1 for i in expected]
    assert [met[number] for number in found.query] == [f"q{i}" for i in expected]
    assert found.bad == 71 and len(found.faults) == located.SHOWN and sum(told) == len(expected)


TEXTS = st.lists(st.text("ab手机 1é", max_size=12), min_size=2, max_size=9)


@given(TEXTS, st.sampled_from(["auto", "char", "trigram", "word"]))
def test_the_cosines_of_words_are_those_of_scikit_learn(texts: list[str], name: str) -> None:
    tokenizer = TOKENIZERS[name]

    def analyzed(text: str) -> list[tuple[str, str]]:
        units = tokenizer.cut(text)
        features = [each for unit in units for each in tokenizer.describe(unit)]
        return [("unit", unit) for unit in units] + [("feature", each) for each in features]

    texts = list(map(normalize, texts))
    lookup = Lookup.of(TextConfig(name), Vocabulary([], 1))
    first, second = np.divmod(np.arange(len(texts) ** 2), len(texts))
    found = TfIdf(texts, lookup).cosines(first, second)
    if not any(map(tokenizer.cut, texts)):
        assert not found.any()
        return
    theirs = TfidfVectorizer(analyzer=analyzed).fit_transform(texts)
    np.testing.assert_allclose(found, (theirs @ theirs.T).toarray().ravel(), atol=1e-12)


def test_words_are_counted_on_as_many_texts_as_are_known() -> None:
    texts = ["a b", "a c", "b b d", "a b", "a d"]
    lookup = Lookup.of(TextConfig("word"), Vocabulary([], 1))
    numbers = np.arange(4)
    found = TfIdf(texts, lookup, known=3).cosines(numbers, numbers + 1)
    vectorizer = TfidfVectorizer(token_pattern=r"\w").fit(texts[:3])
    theirs = vectorizer.transform(texts)
    expected = theirs[:-1].multiply(theirs[1:]).sum(axis=1)
    np.testing.assert_allclose(found, np.asarray(expected).ravel(), atol=1e-12)


def test_shared_words_that_say_it_all_make_a_baseline_of_one(
    dssm: Dssm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pairs.tsv"
    lines = [f"q{i}x w\tq{i}x v\t1\nq{i}x w\tk{i}y v\t0\n" for i in range(40)]
    path.write_text("".join(lines), "utf-8")
    (file,) = objects(dssm("check", "--json", path), "file")
    assert file["baseline"] == {"metric": "auc", "value": 1.0, "rows": 80}
    (graded,) = objects(dssm("check", "--json", "--value", "grade", path), "file")
    assert graded["baseline"]["metric"] == "spearman" and graded["baseline"]["value"] > 0.8
    monkeypatch.setattr(baseline, "ROWS", 30)
    assert "AUC 1.0000 on 30 rows" in dssm("check", path).out


def test_what_a_run_does_not_know_is_counted(dssm: Dssm, tmp_path: Path) -> None:
    train, run = write_pairs(tmp_path / "train.tsv", 200), tmp_path / "run"
    options = (*TOWER["dnn"], *SMALL, "--epochs", "1", "--valid-share", "0")
    assert dssm("train", train, "--arch", "dnn", *options, "-o", run).code == 0
    (known,) = objects(dssm("check", "--json", "-m", run, train), "file")
    assert known["unknown"] == {"features": 0, "share": 0.0, "most_frequent": []}
    other = tmp_path / "other.tsv"
    other.write_text("手机 龘\t电话\t1\n龘\t龘 齉\t0\n", "utf-8")
    result = dssm("check", "--json", "-m", run, other)
    (file,) = objects(result, "file")
    # 手 机 龘 电 话 龘 龘 齉: each distinct text once
    assert file["unknown"] == {"features": 2, "share": 0.5, "most_frequent": ["龘", "齉"]}
    assert codes(result, "warning")["unknown_features"] == 2
    assert "50.00% of the text, 2 features" in dssm("check", "-m", run, other).out
    assert dssm("check", "-m", run, "--max-units", "9", other).code == 2


def test_a_tokenizer_that_does_not_suit_is_told_of(dssm: Dssm, log: Path) -> None:
    noted = objects(dssm("check", "--json", "--tokenizer", "trigram", log), "finding")
    assert [each["todo"] for each in noted if each["code"] == "tokenizer"] == ["Try auto or jieba."]
    assert "tokenizer" not in codes(dssm("check", "--json", log), "note")
    assert dssm("check", "--tokenizer", "sentencepiece", log).code == 2


def test_percentiles_are_values_that_occur() -> None:
    found = spread_of(np.arange(100)[::-1])
    assert (found.low, found.p50, found.p90, found.p99, found.high) == (0, 50, 90, 99, 99)
    assert spread_of(np.array([3])).p99 == 3


def test_scripts_are_told_apart() -> None:
    texts = {
        "手机壳": "chinese",
        "naïve œuvre": "latin",
        "iphone 手机": "mixed",
        "123 ÷ 4": "other",
        "": "other",
        "привет": "other",
        "手机 привет": "other",
        "カメラ": "other",
    }
    found = ScriptTable().scripts_of(list(texts))
    assert [SCRIPTS[each] for each in found] == list(texts.values())


def test_a_mined_file_beside_rows_of_two_columns_is_fine_as_train_has_it(
    dssm: Dssm, tmp_path: Path
) -> None:
    words = ["red hat", "old box", "big cup", "tin pen", "wet net"]
    rows = [f"{query}\t{title} {i}\n" for i, query in enumerate(words) for title in words]
    (tmp_path / "p.tsv").write_text("".join(rows))
    mined = "".join(f"{query}\tnothing {i}\t0\n" for i, query in enumerate(words))
    (tmp_path / "mined.tsv").write_text("query\ttitle\tclicks\n" + mined)
    found = dssm("check", tmp_path / "p.tsv", tmp_path / "mined.tsv")
    assert found.code == 0, found.out
    assert dssm("check", tmp_path / "mined.tsv", tmp_path / "p.tsv").code == 3
