"""Training: what is learned, kept, resumed and refused."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import (
    SMALL,
    TOWER,
    Dssm,
    run_command,
    stop_after_saves,
    train_wordy,
    write_pairs,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import dssmcli
from dssmcli.config import WORDY, LossConfig, TrainConfig
from dssmcli.data import rows as row_files
from dssmcli.data.batching import Batches, KnownPositives, split_by_query
from dssmcli.data.pairs import Pairs, Texts, positive_rows, read_pairs
from dssmcli.data.rows import RowReader
from dssmcli.data.tsv import BadRows
from dssmcli.errors import DssmError
from dssmcli.training.loop import learning_rate


def contents(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(run.iterdir())}


def make_pairs(rows: list[tuple[int, int, float]], kind: str = "label", texts: int = 50) -> Pairs:
    query, title, value = zip(*rows, strict=True)
    return Pairs(texts, np.array(query), np.array(title), np.array(value, float), kind, "")


@pytest.mark.parametrize("arch", list(TOWER))
def test_every_tower_learns_what_the_words_mean(runs: dict[str, Path], arch: str) -> None:
    config = json.loads((runs[arch] / "config.json").read_text())
    assert config["validation"]["auc"] > 0.9
    lines = [json.loads(line) for line in (runs[arch] / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["loss"] < lines[0]["loss"] / 2


@pytest.mark.parametrize("separate", [(), ("--separate-towers",)])
def test_two_runs_with_one_seed_are_byte_equal_and_another_seed_differs(
    dssm: Dssm, tmp_path: Path, separate: tuple[str, ...]
) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 200)
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        extra = ["--seed", seed, "--epochs", "2", "--unit-dropout", "0.1"]
        assert dssm("train", pairs, *SMALL, *extra, *separate, "-o", tmp_path / name).code == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    weights = "weights.safetensors"
    assert contents(tmp_path / "a")[weights] != contents(tmp_path / "c")[weights]


@pytest.mark.parametrize("arch", list(TOWER))
def test_a_resumed_training_ends_byte_equal_to_one_never_interrupted(
    dssm: Dssm, tmp_path: Path, arch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 300)
    command = ["train", pairs, *SMALL, "--arch", arch, *TOWER[arch], "--epochs", "4"]
    assert dssm(*command, "-o", tmp_path / "whole").code == 0
    stop_after_saves(monkeypatch, 1, 3)
    assert dssm(*command, "-o", tmp_path / "cut").code == 130
    assert not (tmp_path / "cut").exists()
    refused = dssm(*command, "-o", tmp_path / "cut")
    assert refused.code == 1 and "--resume" in refused.err
    assert dssm(*command, "-o", tmp_path / "cut", "--resume").code == 130
    assert dssm(*command, "-o", tmp_path / "cut", "--resume").code == 0
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cut", "p.tsv", "whole"]


@pytest.mark.parametrize("tokenizer", WORDY)
def test_words_are_the_same_each_time_and_resumed_with(
    wordy_runs: dict[str, Path], tmp_path: Path, tokenizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs, run = write_pairs(tmp_path / "p.tsv", 300), tmp_path / "r"
    with monkeypatch.context() as patch:
        stop_after_saves(patch, 1)
        assert train_wordy(pairs, tokenizer, run).code == 130
    other: list[str | Path] = ["--pieces", "65"]
    if tokenizer == "jieba":
        # Cuts nothing otherwise, but changes what everything else scores.
        (tmp_path / "own.txt").write_text("手机 99999\n", "utf-8")
        other = ["--dictionary", tmp_path / "own.txt"]
    refused = train_wordy(pairs, tokenizer, run, "--resume", *other)
    assert refused.code == 2 and ("words" in refused.err or tokenizer != "jieba"), refused.err
    assert train_wordy(pairs, tokenizer, run, "--resume").code == 0
    assert contents(run) == contents(wordy_runs[tokenizer])


def test_words_of_one_s_own_cut_the_log(dssm: Dssm, tmp_path: Path) -> None:
    pairs, own = write_pairs(tmp_path / "p.tsv", 300), tmp_path / "own.txt"
    own.write_text("便宜手机 100 n\n电话新款\n", "utf-8")
    pairs.write_text(pairs.read_text("utf-8").replace("便宜 手机", "便宜手机"), "utf-8")
    assert train_wordy(pairs, "jieba", tmp_path / "r", "--dictionary", own).code == 0
    shown = dssm("tokenize", "-m", tmp_path / "r", "--json", "便宜手机").out
    assert [unit["unit"] for unit in json.loads(shown)["units"]] == ["便宜手机"]
    words = (tmp_path / "r" / "words.txt").read_text("utf-8")
    assert "\n手机\t" in words and "电话新款" not in words, "what the log lacks is not kept"


def test_the_options_of_one_tokenizer_are_refused_with_another(dssm: Dssm, tmp_path: Path) -> None:
    pairs, own = write_pairs(tmp_path / "p.tsv", 20), tmp_path / "own.txt"
    own.write_text("good 1\nbad one two three\n")
    for options, code, said in (
        (["--dictionary", own], 2, "for --tokenizer jieba, not for auto"),
        (["--tokenizer", "jieba", "--pieces", "9"], 2, "for --tokenizer sentencepiece, not for ji"),
        (["--tokenizer", "sentencepiece", "--pieces", "1"], 2, "at least 2"),
        (
            ["--tokenizer", "sentencepiece", "--pieces", "2"],
            3,
            "a piece each. Give --pieces",
        ),
        (["--tokenizer", "jieba", "--dictionary", own], 3, "own.txt:2: "),
        (["--tokenizer", "jieba", "--dictionary", tmp_path / "none"], 3, "none: No such file"),
    ):
        result = dssm("train", pairs, *SMALL, *options, "-o", tmp_path / "r")
        assert result.code == code and said in result.err and result.err.count("\n") <= 4, result
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own.txt", "p.tsv"]


def test_pieces_are_learned_from_training_texts_alone_and_from_some_of_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dssmcli.training import pieces

    rows = np.arange(500)
    assert pieces.sampled(rows, 1) is rows
    monkeypatch.setattr(pieces, "_MOST_TEXTS", 100)
    some = pieces.sampled(rows, 1)
    assert len(set(some.tolist())) == 100 and (np.diff(some) > 0).all()
    assert (some == pieces.sampled(rows, 1)).all() and (some != pieces.sampled(rows, 2)).any()
    lists = []
    for name, seed in (("a", 4), ("b", 5)):
        train = write_pairs(tmp_path / "t.tsv", 300)
        valid = write_pairs(tmp_path / f"{name}.tsv", 60, seed=seed)
        options = ["--valid", valid, "--pieces", "70"]
        assert train_wordy(train, "sentencepiece", tmp_path / name, *options).code == 0
        lists.append((tmp_path / name / "words.txt").read_bytes())
    assert lists[0] == lists[1] and 50 < len(lists[0].splitlines()) <= 70


def test_resume_refuses_other_data_and_other_settings(
    dssm: Dssm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dssmcli.training import finish

    pairs = write_pairs(tmp_path / "p.tsv", 200)
    command = ["train", pairs, *SMALL, "-o", tmp_path / "r"]
    with monkeypatch.context() as patch:
        patch.setattr(finish, "run_contents", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert dssm(*command).code == 130
    for changed, named in ((["--gamma", "7"], "--gamma"), (["--dim", "8"], "--dim")):
        result = dssm(*command, *changed, "--resume")
        assert result.code == 2 and named in result.err
    write_pairs(pairs, 200, seed=8)
    assert "the data differ" in dssm(*command, "--resume").err
    write_pairs(pairs, 200)
    checkpoint = tmp_path / "r.partial" / "checkpoint.safetensors"
    good = checkpoint.read_bytes()
    checkpoint.write_bytes(good[: len(good) // 2])
    damaged = dssm(*command, "--resume")
    assert damaged.code == 3 and "damaged" in damaged.err
    checkpoint.write_bytes(good)
    assert dssm(*command, "--resume").code == 0
    done = dssm(*command[:-3], "-o", tmp_path / "r", "--resume")
    assert done.code == 0 and "Nothing to do" in done.err


def test_an_existing_run_is_overwritten_only_when_asked(dssm: Dssm, tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 120)
    command = ["train", pairs, *SMALL, "--epochs", "1", "-o", tmp_path / "r"]
    assert dssm(*command).code == 0
    before = contents(tmp_path / "r")
    refused = dssm(*command, "--seed", "5")
    assert refused.code == 1 and "--overwrite" in refused.err and refused.err.count("\n") == 1
    assert contents(tmp_path / "r") == before
    assert dssm(*command, "--seed", "5", "--overwrite").code == 0
    assert contents(tmp_path / "r") != before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    kept = dssm(*command[:-1], tmp_path / "mine", "--overwrite")
    assert kept.code == 1 and (tmp_path / "mine" / "thesis.txt").exists()


def test_two_trainings_do_not_write_one_run_at_the_same_time(dssm: Dssm, tmp_path: Path) -> None:
    from dssmcli.workplace import workplace

    pairs = write_pairs(tmp_path / "p.tsv", 100)
    with workplace(tmp_path / "r"):
        result = dssm("train", pairs, *SMALL, "-o", tmp_path / "r")
    assert result.code == 1 and "another process" in result.err


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_training_leaves_the_old_run_whole_and_goes_on(
    dssm: Dssm, tmp_path: Path, kill: signal.Signals
) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 1500)
    run = tmp_path / "r"
    assert dssm("train", pairs, *SMALL, "--epochs", "1", "-o", run).code == 0
    before = contents(run)
    command = [sys.executable, "-m", "dssmcli", "train", str(pairs), *SMALL]
    # Evaluations and their checkpoints enough that one is seen before the end.
    command += ["--epochs", "12", "--patience", "60", "-o", str(run)]
    # In the background of a shell SIGINT is ignored, which a process would inherit.
    heeded = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen([*command, "--overwrite"], stderr=subprocess.PIPE)
    signal.signal(signal.SIGINT, heeded)
    checkpoint = tmp_path / "r.partial" / "checkpoint.safetensors"
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        os.sched_yield()
    process.send_signal(kill)
    _, said = process.communicate()
    assert process.returncode == (130 if kill == signal.SIGINT else -signal.SIGKILL), said
    assert contents(run) == before
    dssmcli.load(run)
    again = dssm(*command[3:], "--resume")
    assert again.code == 0, again.err
    assert contents(run) != before


def test_the_best_weights_are_kept_not_the_last(dssm: Dssm, tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 300)
    options = ["--epochs", "12", "--patience", "2", "--learning-rate", "0.2", "--decay", "none"]
    options += ["--averaging", "0"]
    assert dssm("train", pairs, *SMALL, *options, "-o", tmp_path / "r").code == 0
    lines = [json.loads(x) for x in (tmp_path / "r" / "metrics.jsonl").read_text().splitlines()]
    best = max(lines, key=lambda line: line["auc"])
    stored = json.loads((tmp_path / "r" / "config.json").read_text())["validation"]
    assert stored["step"] == best["step"] and stored["auc"] == best["auc"]
    assert not lines[-1]["best"] and len(lines) - lines.index(best) == 3


@pytest.mark.parametrize("arch", list(TOWER))
def test_the_paper_preset_runs_and_is_the_paper_s(dssm: Dssm, tmp_path: Path, arch: str) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 200, labelled=False)
    options = ["--preset", "paper", "--arch", arch, "--epochs", "2", "-q", "--threads", "1"]
    assert dssm("train", pairs, *options, "-o", tmp_path / "r").code == 0
    config = json.loads((tmp_path / "r" / "config.json").read_text())
    assert config["loss"]["random_negatives"] == 4 and not config["loss"]["in_batch"]
    assert config["train"]["optimizer"] == "sgd" and config["train"]["batch_size"] == 1024
    assert not config["model"]["tower"]["skip"] and config["model"]["tower"]["dim"] == 128


@pytest.mark.parametrize(
    ("rows", "options", "kind"),
    [
        ("a b\tc d\nb c\td e\n", [], "click"),
        ("a b\tc d\t1\nb c\td e\t0\n", [], "label"),
        ("a b\tc d\t12\nb c\td e\t0\n", ["--value", "clicks"], "clicks"),
        ("a b\tc d\t0.5\nb c\td e\t3\n", ["--value", "grade"], "grade"),
        ("a b\tc d\t7\t9\nb c\td e\t0\t3\n", ["--value", "clicks"], "clicks"),
        ("query\ttitle\tclicks\na b\tc d\t3\nb c\td e\t1\n", [], "clicks"),
        ("grade\ttitle\tquery\n3\tc d\ta b\n1\td e\tb c\n", [], "grade"),
        ("3\tc d\ta b\tx\n1\td e\tb c\ty\n", ["--columns", "clicks,title,query,-"], "clicks"),
    ],
)
def test_values_mean_what_the_user_or_the_header_says(
    dssm: Dssm, tmp_path: Path, rows: str, options: list[str], kind: str
) -> None:
    for source, stdin in (("-", rows.encode()), ("-", gzip.compress(rows.encode(), mtime=0))):
        result = dssm(
            "train", source, *options, *SMALL[:-1], "--overwrite", "-o", tmp_path / "r", stdin=stdin
        )
        assert result.code == 0, result.err
    config = json.loads((tmp_path / "r" / "config.json").read_text())
    assert config["data"]["kind"] == kind and config["data"]["rows"] == 2
    assert "Warning: nothing to validate on" in result.err


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("", "no rows"),
        ("\n\n", "no rows"),
        ("a\n", ":1: 1 column, expected 2 to 4"),
        ("a\tb\tc\td\te\n", ":1: 5 columns"),
        ("a\tb\n\nc\td\n", ":2: empty line"),
        ("a\tb\nc\t \n", ":2: empty title"),
        ("\tb\n", ":1: empty query"),
        ("a\tb\tx\n", ':1:3: value is "x"'),
        ("a\tb\t-1\n", "0 or more"),
        ("a\tb\tnan\n", "0 or more"),
        ("a\tb\t1e999\n", "0 or more"),
        ("a\tb\t1\t-2\n", ":1:4: impressions"),
        ("a\tb\t0\t0\n", "never shown"),
        ("a\tb\t1\nc\td\n", ":2: 2 columns, expected 3"),
        ("a\tb\t5\nc\td\t2\n", "--value clicks"),
        ("a\tb\t0\nc\td\t0\n", "no row is a match"),
        ("a\tb\nc\tb\n", "same title"),
        ("!!\t??\n!?\t?!\n", "no text has a letter"),
        ("query\tquery\n", "same title"),
    ],
)
def test_bad_pairs_are_one_line_and_exit_3(
    dssm: Dssm, tmp_path: Path, rows: str, said: str
) -> None:
    file = tmp_path / "p.tsv"
    file.write_text(rows)
    result = dssm("train", file, *SMALL, "-o", tmp_path / "r")
    assert result.code == 3, result
    assert said in result.err and result.err.count("\n") == 1, result.err
    assert not (tmp_path / "r").exists()


def test_a_missing_file_a_folder_utf16_and_damaged_gzip_are_exit_3(
    dssm: Dssm, tmp_path: Path
) -> None:
    (tmp_path / "utf16.tsv").write_text("a\tb\n", "utf-16")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"a\tb\n" * 999, mtime=0)[:-9])
    for name, said in (
        ("none.tsv", "No such file"),
        (".", "folder"),
        ("utf16.tsv", "iconv"),
        ("cut.gz", "gzip"),
    ):
        result = dssm("train", tmp_path / name, *SMALL, "-o", tmp_path / "r")
        assert result.code == 3 and said in result.err and result.err.count("\n") == 1, result.err


def test_bad_rows_can_be_skipped_counted_and_kept(dssm: Dssm, tmp_path: Path) -> None:
    good = write_pairs(tmp_path / "p.tsv", 100).read_bytes()
    bad = [b"lonely", b"a\tb\tc\td\te", b"a\t\xff\t1", b"a\tb\tminus"]
    (tmp_path / "p.tsv").write_bytes(good + b"\n".join(bad) + b"\n")
    options = ["--bad-rows", "skip", "--rejects", tmp_path / "rejects.tsv"]
    result = dssm("train", tmp_path / "p.tsv", *SMALL[:-1], *options, "-o", tmp_path / "r")
    assert result.code == 0 and "Skipped 4 bad rows" in result.err
    assert (tmp_path / "rejects.tsv").read_bytes() == b"\n".join(bad) + b"\n"


def test_an_output_that_cannot_be_written_is_exit_1(dssm: Dssm, tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 40)
    result = dssm("train", pairs, *SMALL, "-o", pairs / "below-a-file")
    assert result.code == 1 and "cannot be written" in result.err and result.err.count("\n") == 1


def test_validation_holds_out_whole_queries(tmp_path: Path) -> None:
    rows = [(q, 30 + t, float(t == 0)) for q in range(30) for t in range(3)]
    split = split_by_query(make_pairs(rows), 0.2, seed=1)
    assert split.valid is not None and len(split.valid) == 18
    assert not set(split.train.query) & set(split.valid.query)
    assert split_by_query(make_pairs(rows[:3]), 0.2, seed=1).valid is None


def test_valid_files_are_validated_on_instead(dssm: Dssm, tmp_path: Path) -> None:
    train, valid = write_pairs(tmp_path / "t.tsv", 100), write_pairs(tmp_path / "v.tsv", 60, seed=4)
    assert dssm("train", train, *SMALL, "--valid", valid, "-o", tmp_path / "r").code == 0
    data = json.loads((tmp_path / "r" / "config.json").read_text())["data"]
    assert (data["rows"], data["valid_rows"]) == (100, 60)


def test_known_positives_and_the_query_itself_are_never_negatives() -> None:
    rows = [(q, 20 + t, float((q + t) % 3 == 0)) for q in range(20) for t in range(20)]
    pairs = make_pairs([*rows, (5, 5, 1.0), (6, 5, 0.0)])
    positive = positive_rows(pairs, 0.0)
    known = {(q, t) for q, t, value in rows if value}
    for in_batch in (True, False):
        loss = LossConfig(in_batch=in_batch, random_negatives=6)
        batches = Batches(pairs, positive, loss, 32, seed=1)
        assert batches.per_epoch == 13
        for number in range(26):
            batch = batches.batch(number)
            np.testing.assert_array_equal(batch.candidates[batch.column], pairs.title[batch.rows])
            for i, j in np.argwhere(batch.allowed):
                query, title = int(pairs.query[batch.rows[i]]), int(batch.candidates[j])
                assert (query, title) not in known and query != title
            if in_batch:
                others = ~batch.allowed
                others[np.arange(len(batch.rows)), batch.column] = False
                assert batch.masked.tolist() == others.sum(axis=1).tolist()
                assert batch.masked.sum() > 0


def test_the_number_of_masked_matches_is_reported(dssm: Dssm, tmp_path: Path) -> None:
    # Every query goes with every title: all but a row's own title is masked.
    rows = [f"{q} q\t{t} t\n" for q in "abcdefgh" for t in "klmnop"]
    (tmp_path / "p.tsv").write_text("".join(rows))
    made = dssm(
        *("train", tmp_path / "p.tsv", "-o", tmp_path / "run", "--valid-share", "0"),
        *("--epochs", "1", "--batch-size", "48", "--threads", "1"),
    )
    assert made.code == 0 and "masked as known matches: 100.0%" in made.err
    line = json.loads((tmp_path / "run" / "metrics.jsonl").read_text())
    assert line["masked"] == 1 and line["softmax"] == 0


def test_an_epoch_has_every_row_once_and_keeps_a_query_s_rows_together() -> None:
    rows = [(q, 20 + t, 1.0) for q in range(20) for t in range(5)]
    batches = Batches(make_pairs(rows), np.ones(100, bool), LossConfig(), 10, seed=3)
    first = np.concatenate([batches.batch(i).rows for i in range(10)])
    second = np.concatenate([batches.batch(i).rows for i in range(10, 20)])
    assert sorted(first) == sorted(second) == list(range(100)) and list(first) != list(second)
    queries = np.array([row[0] for row in rows])[first].reshape(20, 5)
    assert (queries == queries[:, :1]).all()


def test_random_negatives_are_drawn_afresh_and_batches_are_functions_of_seed_and_number() -> None:
    rows = [(q, 20 + q, 1.0) for q in range(20)]
    pairs = make_pairs(rows)
    loss = LossConfig(in_batch=False, random_negatives=3)
    batches = Batches(pairs, np.ones(20, bool), loss, 20, seed=3)
    allowed = [batches.batch(i).allowed.sum(0).tolist() for i in (0, 1, 0)]
    assert allowed[0] == allowed[2] != allowed[1]
    assert max(batches.batch(0).allowed.sum(1)) <= 3


def test_masking_equals_a_plain_loop() -> None:
    random = np.random.default_rng(0)
    rows = [(int(q), int(t), float(v)) for q, t, v in random.integers(0, [9, 30, 2], (80, 3))]
    pairs = make_pairs(rows)
    positive = positive_rows(pairs, 0.0)
    queries, candidates = random.integers(0, 9, 12), np.unique(random.integers(0, 30, 15))
    found = KnownPositives(pairs, positive).mask(queries, candidates)
    matches = {(q, t) for q, t, value in rows if value}
    for i, query in enumerate(queries):
        for j, title in enumerate(candidates):
            assert found[i, j] == ((query, title) in matches or query == title)


def test_equal_texts_share_a_number_however_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "p.tsv").write_text("ＡＢＣ  d\tx\nabc D\tX \n")
    met: list[str] = []
    pairs = read_pairs([str(tmp_path / "p.tsv")], None, None, BadRows(), Texts(met.extend))
    assert met == ["abc d", "x"] and pairs.texts == 2 and pairs.query.tolist() == [0, 0]


LINES = st.lists(
    st.sampled_from(
        [
            *("a\tb\t1", "Ａ  B\tc \t0", "e\u0301\tΟΔΟΣ\t 2.5 ", "\u0301x\t\u3000y\x85z\t1e1"),
            *("好\u2028\t\x0b1\t1", "\x00a\tb\u200d\t3", "a\tb\t1", "c\td\t0", "c\td\t1"),
            *(
                "a\tb",
                "a\tb\t1\t0",
                "a\tb\t0\t0",
                "a\tb\t0\t2",
                "a\tb\t1\t1\t1",
                "a",
                "",
                " ",
                "\t",
            ),
            *("\u200b\tb\t1", "a\t\x85\t1", "a\tb\t-1", "a\tb\t１", "a\tb\tnan", "a\tb\t1_0"),
            *(
                "query\ttitle\tclicks",
                "title\tquery",
                "query\ttitle\tlabel\timpressions",
                "\ufeffa\tb",
            ),
            *("a\tb\t1\r", "a\rb\tc\t1\r\r", "\r", "\t\t", "x" * 50 + "\ty\t1", "a\tb\x1c\t-0"),
        ]
    ).map(str.encode)
    | st.sampled_from([b"\xff\tb\t1", b"a\t\xed\xa0\x80\t1"]),
    max_size=12,
)
FILES = st.lists(
    st.tuples(LINES, st.booleans(), st.booleans(), st.integers(0, 9)), min_size=1, max_size=2
)


def file_of(lines: list[bytes], alike: bool, ended: bool, lost: int) -> bytes:
    """Return a file of lines (if alike, after many good ones), gzipped and cut if `lost` is odd."""
    good = [b"q%d\tt %d\t%d" % (i, i % 3, i % 2) for i in range(30)] if alike else []
    content = b"\n".join(good + lines) + b"\n" * ended
    if lost % 2 == 0:
        return content
    packed = gzip.compress(content, mtime=0)
    return packed[: len(packed) - lost + 1]


def read_all(sources: list[str], columns: str | None, skip: bool) -> list[object]:
    """Return all that reading leaves, by rows and by columns."""
    found: list[object] = []
    for ask in ("rows", "pairs"):
        bad = BadRows(skip)
        reader = RowReader(columns, bad)
        met: list[str] = []
        try:
            if ask == "rows":
                # As text: nan is not equal to itself.
                for row in reader.read(sources):
                    found.append(repr(row))
            else:
                pairs = read_pairs(sources, columns, "clicks", bad, Texts(met.extend))
                found += [pairs.digest, pairs.query.tolist(), pairs.value.tolist(), pairs.texts]
        except DssmError as error:
            found.append(str(error))
        found += [met, reader.header, reader.layout, bad.count, str(bad.first), bad.summary]
    return found


@given(
    FILES,
    st.sampled_from([None, "query,title,clicks", "title,-,query"]),
    st.booleans(),
    st.sampled_from([1, 30, 1 << 18]),
)
@settings(max_examples=300)
def test_rows_read_many_at_once_are_those_read_one_by_one(
    tmp_path_factory: pytest.TempPathFactory,
    files: list[tuple[list[bytes], bool, bool, int]],
    columns: str | None,
    skip: bool,
    size: int,
) -> None:
    folder = tmp_path_factory.getbasetemp()
    sources = [str(folder / f"rows{i}") for i in range(len(files))]
    for source, file in zip(sources, files, strict=True):
        Path(source).write_bytes(file_of(*file))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_files, "_PIECE_BYTES", size)
        at_once = read_all(sources, columns, skip)
        patch.setattr(row_files, "plain_columns", lambda *_: None)
        assert read_all(sources, columns, skip) == at_once


@pytest.mark.parametrize("size", range(1, 60))
def test_blank_lines_and_rows_never_shown_are_found_wherever_a_piece_ends(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_files, "_PIECE_BYTES", size)
    good = "a\tb\t1\t2\n" * 3
    content = f"query\ttitle\tclicks\timpressions\n{good}\n{good}a\tb\t0\t0\n{good}\n"
    (tmp_path / "p.tsv").write_text(content)
    bad = BadRows(skip=True)
    assert len(list(RowReader(None, bad).read([str(tmp_path / "p.tsv")]))) == 9
    assert bad.count == 2 and str(bad.first).endswith("p.tsv:5: empty line.")


def test_ordinary_rows_are_read_many_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_pairs(tmp_path / "p.tsv", 9000)
    one_by_one = []
    row = RowReader._row
    monkeypatch.setattr(
        RowReader, "_row", lambda self, line: one_by_one.append(line.number) or row(self, line)
    )
    pairs = read_pairs([str(file)], None, None, BadRows())
    assert len(pairs) == 9000 and one_by_one == [1]


def test_a_file_that_ends_in_blank_lines_can_be_named_twice(tmp_path: Path) -> None:
    file = tmp_path / "p.tsv"
    file.write_text("a\tb\t1\nc\td\t0\n\n\n", "utf-8")
    assert len(read_pairs([str(file), str(file)], None, None, BadRows())) == 4


def test_small_logs_hold_out_enough_to_validate_on_and_say_so_when_they_cannot() -> None:
    rows = [(q, 30 + t, float(t == 0)) for q in range(100) for t in range(3)]
    split = split_by_query(make_pairs(rows), 0.05, seed=1)
    assert split.valid is not None and len(split.valid) == 60  # a fifth of the queries
    many = [(q, 30 + t, float(t == 0)) for q in range(10_000) for t in range(2)]
    split = split_by_query(make_pairs(many), 0.5, seed=1)
    assert split.valid is not None and len(split.valid) == 5000
    assert split_by_query(make_pairs(rows), 0.0, seed=1).valid is None


def test_what_is_validated_on_changes_no_weights(dssm: Dssm, tmp_path: Path) -> None:
    train = write_pairs(tmp_path / "t.tsv", 120)
    written = []
    for seed, name in ((4, "a"), (5, "b")):
        valid = write_pairs(tmp_path / f"{name}.tsv", 60, seed=seed)
        options = ["--valid", valid, "--epochs", "1", "-o", tmp_path / name]
        assert dssm("train", train, *SMALL, *options).code == 0
        written.append((tmp_path / name / "weights.safetensors").read_bytes())
    assert written[0] == written[1]


def test_validation_rows_are_read_for_what_they_are(dssm: Dssm, tmp_path: Path) -> None:
    clicks = tmp_path / "clicks.tsv"
    labelled = write_pairs(tmp_path / "v.tsv", 80)
    rows = write_pairs(tmp_path / "t.tsv", 100, labelled=False).read_text().splitlines()
    clicks.write_text("query\ttitle\tclicks\n" + "".join(f"{row}\t3\n" for row in rows))
    options = ["--valid", labelled, "--epochs", "1", "--threads", "1", "--dim", "16"]
    made = dssm("train", clicks, *options, "-o", tmp_path / "r")
    assert made.code == 0 and "Validating on 80 rows, label" in made.err
    config = json.loads((tmp_path / "r" / "config.json").read_text())
    assert "auc" in config["validation"] and config["threshold"]["negatives"] == "labelled"
    unmatched = tmp_path / "none.tsv"
    unmatched.write_text("a\tb\t0\nc\td\t0\n")
    refused = dssm("train", clicks, "--valid", unmatched, "-o", tmp_path / "s")
    assert refused.code == 3 and "no row is a match" in refused.err


def test_a_validation_score_that_is_undefined_still_ends_in_a_run(
    dssm: Dssm, tmp_path: Path
) -> None:
    grades = tmp_path / "g.tsv"
    grades.write_text("".join(f"w{i % 9} x\tt{i % 7} y\t{i % 5}\n" for i in range(120)))
    valid = tmp_path / "v.tsv"
    valid.write_text("same\ttext\t1\nsame\ttext\t3\n")  # one cosine, so no correlation
    options = ["--value", "grade", "--valid", valid, "--epochs", "2", *SMALL]
    assert dssm("train", grades, *options, "-o", tmp_path / "r").code == 0
    lines = (tmp_path / "r" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["spearman"] for line in lines] == [None, None]
    assert dssm("score", "-m", tmp_path / "r", "w1", "t1").code == 0


def test_a_log_without_rare_features_still_learns_something(dssm: Dssm, tmp_path: Path) -> None:
    (tmp_path / "p.tsv").write_text("a b\tb a\t1\nb a\ta b c\t0\n" * 20)
    assert dssm("train", tmp_path / "p.tsv", *SMALL, "-o", tmp_path / "r").code == 0
    assert dssm("score", "-m", tmp_path / "r", "a b", "b a").out.strip() != "0.0000"


def test_value_click_makes_every_row_a_click(dssm: Dssm, tmp_path: Path) -> None:
    (tmp_path / "p.tsv").write_text("a\tb\t1\nc\td\t0\ne\tf\t5\n")
    pairs = read_pairs([str(tmp_path / "p.tsv")], None, "click", BadRows())
    assert pairs.kind == "click" and pairs.value.tolist() == [1, 1, 1]


def test_the_softmax_can_be_switched_off_where_another_loss_stands(
    dssm: Dssm, tmp_path: Path
) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 120)
    assert dssm("train", pairs, *SMALL, "--softmax", "0", "-o", tmp_path / "r").code == 0
    clicks = write_pairs(tmp_path / "c.tsv", 120, labelled=False)
    refused = dssm("train", clicks, *SMALL, "--softmax", "0", "-o", tmp_path / "s")
    assert refused.code == 2 and "every loss has weight 0" in refused.err


def test_resuming_with_columns_the_other_way_round_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "p.tsv"
    file.write_text("a\tb\nc\td\n")
    one, other = (
        read_pairs([str(file)], columns, None, BadRows()).digest
        for columns in ("query,title", "title,query")
    )
    assert one != other


def test_training_goes_on_when_nobody_listens(tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 200)
    command = (
        f"{sys.executable} -m dssmcli train {pairs} --dim 16 --epochs 2 --threads 1 -o {tmp_path}/r"
    )
    words = ["bash", "-c", f"{command} 2>&1 | head -1"]
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.stdout.startswith(b"Read 200 rows")
    assert (tmp_path / "r" / "MANIFEST.json").exists()


def test_the_learning_rate_rises_then_falls() -> None:
    config = TrainConfig(learning_rate=1.0, warmup=0.2, decay="linear")
    rates = [learning_rate(config, step, 10) for step in range(10)]
    assert rates == pytest.approx(
        [1 / 3, 2 / 3, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8]
    )
    flat = TrainConfig(learning_rate=1.0, warmup=0.0, decay="none")
    assert {learning_rate(flat, step, 10) for step in range(10)} == {1.0}


def test_clicks_weigh_by_their_logarithm_unless_told_otherwise(dssm: Dssm, tmp_path: Path) -> None:
    # One query, two titles: the softmax alone settles at shares like the weights.
    rows = "q word\tfirst title\t99\nq word\tsecond text\t9\n" * 30
    other = "".join(f"x{i} y\tother {i}\t1\n" for i in range(20))
    (tmp_path / "p.tsv").write_text(rows + other)
    found = {}
    for weight in ("log", "none"):
        options = ["--click-weight", weight, "--valid-share", "0", "--value", "clicks", *SMALL]
        assert dssm("train", tmp_path / "p.tsv", *options, "-o", tmp_path / weight).code == 0
        found[weight] = json.loads((tmp_path / weight / "metrics.jsonl").read_text().split("\n")[0])
    assert found["log"]["softmax"] != found["none"]["softmax"]


EVERY_SETTING = [
    *(["--gamma", "5"], ["--softmax", "0.5"], ["--logistic", "0"], ["--no-in-batch"]),
    *(["--random-negatives", "0"], ["--learning-rate", "0.01"], ["--warmup", "0.9"]),
    *(["--decay", "none"], ["--decay", "cosine"], ["--clip-norm", "0.01"], ["--optimizer", "sgd"]),
    *(["--unit-dropout", "0.5"], ["--batch-size", "32"], ["--epochs", "1"], ["--seed", "2"]),
    *(["--max-units", "1"], ["--no-skip"], ["--min-count", "30"], ["--vocab", "shipped"]),
    *(["--tokenizer", "word"], ["--buckets", "1"], ["--valid-share", "0.3"], ["--filters", "9"]),
    *(["--window", "1"], ["--window", "1,3"], ["--pooling", "max+mean"]),
    *(["--form", "exact"], ["--separate-towers"], ["--embedding", "9"]),
    *(["--tokenizer", "jieba"], ["--tokenizer", "sentencepiece"]),
]


@pytest.fixture(name="plainly", scope="module")
def _plainly(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """Return pairs, and the weights that two epochs with nothing else said give."""
    folder = tmp_path_factory.mktemp("plainly")
    pairs = write_pairs(folder / "p.tsv", 200)
    with pytest.MonkeyPatch.context() as patch:
        run_command(["train", pairs, *SMALL, "--epochs", "2", "-o", folder / "r"], b"", patch)
    return pairs, (folder / "r" / "weights.safetensors").read_bytes()


@pytest.mark.parametrize("option", EVERY_SETTING, ids=" ".join)
def test_every_setting_counts(
    dssm: Dssm, plainly: tuple[Path, bytes], tmp_path: Path, option: list[str]
) -> None:
    pairs, weights = plainly
    made = dssm("train", pairs, *SMALL, "--epochs", "2", *option, "-o", tmp_path / "r")
    assert made.code == 0, made.err
    assert (tmp_path / "r" / "weights.safetensors").read_bytes() != weights


def test_the_same_settings_give_the_same_weights_however_often_they_are_judged(
    dssm: Dssm, plainly: tuple[Path, bytes], tmp_path: Path
) -> None:
    pairs, _ = plainly
    options = ["--epochs", "2", "--eval-steps", "1", "--patience", "1000"]
    assert dssm("train", pairs, *SMALL, *options, "-o", tmp_path / "r").code == 0
    lines = (tmp_path / "r" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, len(lines) + 1))
    assert len(lines) > 2


def test_the_shipped_vocabulary_and_the_least_count_say_which_features_have_rows(
    dssm: Dssm, tmp_path: Path
) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 100)
    for option, name in ((["--vocab", "shipped"], "a"), (["--min-count", "15"], "b")):
        little = [*TOWER["cnn"], "--epochs", "1"]
        assert dssm("train", pairs, *SMALL, *little, *option, "-o", tmp_path / name).code == 0
    features = (tmp_path / "a" / "vocab.txt").read_text("utf-8").splitlines()
    assert len(features) == 49_284 + 8_836 + 220 and features[0] == "#0#"
    few = (tmp_path / "b" / "vocab.txt").read_text("utf-8").splitlines()
    assert 0 < len(few) < 40  # of some hundred


def test_cosent_and_the_logistic_loss_of_grades_are_in_the_sum(dssm: Dssm, tmp_path: Path) -> None:
    grades = tmp_path / "g.tsv"
    grades.write_text("".join(f"w{i % 9} x\tt{i % 7} y\t{i % 5}\n" for i in range(120)))
    options = ["--value", "grade", "--cosent", "0.5", "--epochs", "1", *SMALL]
    assert dssm("train", grades, *options, "-o", tmp_path / "r").code == 0
    line = json.loads((tmp_path / "r" / "metrics.jsonl").read_text())
    assert line["cosent"] > 0 and line["logistic"] > 0 and line["softmax"] > 0
    parts = line["cosent"] + line["logistic"] + line["softmax"]
    assert line["loss"] == pytest.approx(parts, abs=1e-4)
