"""`dssm vocab`: what it counts is what training counts, and training takes it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dssmcli.config import WORDY
from tests.conftest import SMALL, TOWER, Dssm, train_wordy, write_pairs
from tests.test_cli import SERVING

TEXTS = "手机 ab\n手机\n手 手手\n\n手机\n"


def test_features_are_counted_in_distinct_texts_the_most_frequent_first(
    dssm: Dssm, tmp_path: Path
) -> None:
    path = tmp_path / "texts.txt"
    path.write_text(TEXTS, "utf-8")
    result = dssm("vocab", path)
    # The third 手机 repeats a line; ab is #ab and ab#.
    assert result.out == "手\t5\n机\t2\n#ab\t1\nab#\t1\n"
    assert result.err == "4 distinct texts, 3 distinct units, 4 features.\n"
    assert dssm("vocab", "-q", "-", stdin=TEXTS.encode()).err == ""
    assert dssm("vocab", "--min-count", "2", path).out == "手\t5\n机\t2\n"
    assert "2 of 4 features" in dssm("vocab", "--min-count", "2", path).err
    words = dssm("vocab", "--json", "--tokenizer", "word", path).out.splitlines()
    assert json.loads(words[2]) == {"feature": "ab", "count": 1}


def test_the_summary_says_how_much_the_most_frequent_cover(dssm: Dssm) -> None:
    # 1,000 characters twice each, and 500 once: distinct texts of two and of one.
    often = [chr(0x4E00 + i) for i in range(1000)]
    rare = [chr(0x6000 + i) for i in range(500)]
    lines = [*(each * 2 for each in often), *rare]
    result = dssm(
        "vocab", "--tokenizer", "char", "--no-fold-chinese", "-", stdin="\n".join(lines).encode()
    )
    assert "of the text the most frequent 1,000 take 80.0%." in result.err
    options = ("--min-count", "2", "--no-fold-chinese")
    fewer = dssm("vocab", *options, "-", stdin="\n".join(lines).encode())
    assert "1,000 of 1,500 features" in fewer.err


@pytest.mark.parametrize("least", ["1", "3"])
def test_the_features_of_pairs_are_those_that_training_takes(
    dssm: Dssm, tmp_path: Path, least: str
) -> None:
    pairs, file = write_pairs(tmp_path / "pairs.tsv", 200), tmp_path / "vocab.tsv"
    assert dssm("vocab", "--pairs", pairs, "--min-count", least, "-o", file, "-q").out == ""
    options = ("--arch", "dnn", *TOWER["dnn"], *SMALL, "--epochs", "1", "--valid-share", "0")
    for name, more in (("log", ("--min-count", least)), ("own", ("--vocab", file))):
        made = dssm("train", pairs, *options, *more, "-o", tmp_path / name)
        assert made.code == 0, made.err
    taken = (tmp_path / "log" / "vocab.txt").read_bytes()
    assert (tmp_path / "own" / "vocab.txt").read_bytes() == taken
    listed = [line.split("\t")[0] for line in file.read_text("utf-8").splitlines()]
    assert "".join(f"{feature}\n" for feature in listed).encode() == taken
    assert dssm("vocab", "-m", tmp_path / "own").raw == taken


@pytest.mark.parametrize("tokenizer", WORDY)
def test_the_words_of_pairs_are_those_that_a_run_carries(
    dssm: Dssm, tmp_path: Path, tokenizer: str
) -> None:
    pairs, run = write_pairs(tmp_path / "pairs.tsv", 200), tmp_path / "run"
    assert train_wordy(pairs, tokenizer, run, "--valid-share", "0").code == 0
    found = dssm("vocab", "--pairs", "--words", "--tokenizer", tokenizer, pairs)
    carried = (run / "words.txt").read_bytes()
    assert found.raw == carried == dssm("vocab", "-m", run, "--words").raw
    first = dssm("vocab", "-m", run, "--words", "--json").out.splitlines()[0]
    assert json.loads(first)["word"] == ""
    features = dssm("vocab", "-q", "--pairs", "--tokenizer", tokenizer, pairs).out.splitlines()
    listed = "".join(f"{line.partition(chr(9))[0]}\n" for line in features)
    assert listed.encode() == (run / "vocab.txt").read_bytes()


def test_words_of_one_s_own_are_kept_whole(dssm: Dssm, tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text("奶龙杯 1000\n", "utf-8")
    options = ("--tokenizer", "jieba", "-q", "-")
    assert "奶龙杯\t1" not in dssm("vocab", *options, stdin="奶龙杯".encode()).out
    found = dssm("vocab", "--dictionary", own, *options, stdin="奶龙杯".encode())
    assert found.out == "奶龙杯\t1\n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["x", "--words"], 2, "--words is for jieba and sentencepiece"),
        (["x", "--columns", "query,title"], 2, "--columns goes with --pairs"),
        (["x", "--pieces", "9"], 2, "--pieces is for --tokenizer sentencepiece"),
        (["x", "--dictionary", "d"], 2, "--dictionary is for --tokenizer jieba"),
        (["x", "-m", "run"], 2, "-m shows a run as it is"),
        (["-q"], 2, "Missing argument"),
        (["-m", "nowhere"], 3, "no such run"),
        (["nowhere"], 3, "No such file"),
        (["-"], 3, "No texts"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    dssm: Dssm, words: list[str], code: int, said: str
) -> None:
    result = dssm("vocab", *words)
    assert (result.code, result.out, result.err.count("\n")) == (code, "", 1)
    assert said in result.err


def test_texts_without_a_feature_and_runs_without_words_say_so(dssm: Dssm, run: Path) -> None:
    assert "lower --min-count" in dssm("vocab", "-", stdin=b"!!!\n").err
    assert "no list of words" in dssm("vocab", "-m", run, "--words").err


def test_bad_pairs_are_an_error_or_skipped_and_a_failed_write_leaves_the_old_file(
    dssm: Dssm, tmp_path: Path
) -> None:
    pairs, out = tmp_path / "pairs.tsv", tmp_path / "vocab.tsv"
    pairs.write_text("手\t机\nx\n", "utf-8")
    out.write_text("old", "utf-8")
    refused = dssm("vocab", "--pairs", pairs, "-o", out)
    assert refused.code == 3 and ":2: 1 column" in refused.err and out.read_text() == "old"
    skipped = dssm("vocab", "--pairs", pairs, "-o", out, "--bad-rows", "skip")
    assert skipped.code == 0 and "Skipped 1 bad row" in skipped.err
    assert out.read_text("utf-8") == "手\t1\n机\t1\n"
    assert dssm("vocab", "--pairs", pairs, "--bad-rows", "skip", "-o", tmp_path / "no" / "v").code


@pytest.mark.parametrize(
    "words", [["check", "pairs.tsv"], ["vocab", "--pairs", "pairs.tsv"], ["vocab", "-m", "RUN"]]
)
def test_checking_and_counting_import_neither_torch_nor_a_tokenizer_s_library(
    run: Path, tmp_path: Path, words: list[str]
) -> None:
    write_pairs(tmp_path / "pairs.tsv", 120)
    words = [word.replace("RUN", str(run)) for word in words]
    done = subprocess.run(
        [sys.executable, "-c", SERVING, *words], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0 and done.stdout, done.stderr.decode()


def test_a_vocabulary_and_a_dictionary_may_come_by_standard_input(
    tmp_path: Path, dssm: Dssm
) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("red lamp\tlamp red\nblue sofa\tsofa\n" * 5)
    small = ("--arch", "dnn", "--dim", "8", "--epochs", "1", "--lexical", "off")
    done = dssm("train", *small, "--vocab", "-", pairs, "-o", tmp_path / "run", stdin=b"#re\nred\n")
    assert done.code == 0, done
    assert (tmp_path / "run" / "vocab.txt").read_text().split() == ["#re", "red"]
    done = dssm("train", *small, "--vocab", "-", "-", "-o", tmp_path / "two", stdin=b"a\tb\n")
    assert done.code == 3 and "`-` can stand once" in done.err, done
    done = dssm("train", *small, "--vocab", "-", pairs, "-o", tmp_path / "bad", stdin=b"#re\n#re\n")
    assert done.code == 3 and done.err.splitlines()[-1].startswith("<stdin>:2:"), done
