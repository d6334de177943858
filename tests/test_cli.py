"""The shell contract: streams, exit codes, messages, and what each command prints."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import MEANINGS, SMALL, Dssm, write_pairs

from dssmcli.cli import COMMANDS
from dssmcli.config import WORDY
from dssmcli.rec_config import ARCHS
from dssmcli.run import FORMAT

PYTHON = [sys.executable, "-m", "dssmcli"]


@pytest.mark.parametrize("name", [*COMMANDS, *(f"train-rec {arch}" for arch in ARCHS)])
def test_every_command_has_help_that_ends_in_an_example(dssm: Dssm, name: str) -> None:
    result = dssm(*name.split(), "--help")
    assert result.code == 0 and result.err == ""
    assert f"Usage: dssm {name}" in result.out
    assert f"dssm {name}" in result.out.split("Example:")[1]


def test_the_group_s_help_documents_exit_codes_and_completion(dssm: Dssm) -> None:
    result = dssm("--help")
    assert result.code == 0
    for said in ("0 done", "2 usage", "3 bad data", "130 interrupted", "_DSSM_COMPLETE", *COMMANDS):
        assert said in result.out


@pytest.mark.parametrize(
    "name", ["train", "score", "eval", "tokenize", "predict", "train-rec mmoe"]
)
def test_a_command_with_nothing_prints_its_help(dssm: Dssm, name: str) -> None:
    result = dssm(*name.split())
    assert result.code == 2 and result.out == ""
    assert "Example:" in result.err and "Options:" in result.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_there_for_the_shells(shell: str) -> None:
    environment = {**os.environ, "_DSSM_COMPLETE": f"{shell}_source"}
    done = subprocess.run([*PYTHON], env=environment, capture_output=True, text=True, check=False)
    assert "dssm" in done.stdout and "complet" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["train", "--nonsense"],
        ["score", "one"],
        ["score", "a", "b", "c"],
        ["score", "a", "b", "--pairs", "-"],
        ["train", "x.tsv", "--arch", "rnn"],
        ["train", "x.tsv", "--arch", "dnn", "--window", "3"],
        ["train", "x.tsv", "--gamma", "-1"],
        ["train", "x.tsv", "--epochs", "-1"],
        ["train", "x.tsv", "--hidden", "a,b", "--arch", "dnn"],
        ["train", "x.tsv", "--window", "0"],
        ["train", "x.tsv", "--window", "1,,3"],
        ["train", "x.tsv", "--window", "3,1,3"],
        ["train", "x.tsv", "--pooling", "last"],
        ["train", "x.tsv", "--arch", "lstm", "--pooling", "max+mean"],
        ["train", "x.tsv", "--overwrite", "--resume"],
        ["train", "x.tsv", "--rejects", "r.tsv"],
        ["eval", "x.tsv", "--value", "stars"],
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(
    dssm: Dssm, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = dssm(*arguments)
    assert result.code == 2, result
    assert result.out == "" and result.err.count("\n") == 1 and "Traceback" not in result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--learning-rate", "-1"], "--learning-rate is -1.0, expected at least 1e-09"),
        (["--softmax", "-1"], "the weight of --softmax is -1.0, expected at least 0"),
        (["--window", "0"], "a width of --window is 0, expected at least 1"),
        (
            ["--arch", "lstm", "--bidirectional", "--dim", "7"],
            "--dim is 7, expected an even",
        ),
        (["--arch", "dnn", "--hidden", ""], "--hidden is empty, expected at least one width"),
        (["--softmax", "0", "--logistic", "0"], "every loss has weight 0, expected one above."),
        (["--no-in-batch", "--random-negatives", "0"], "no negatives: give --random-negatives"),
        (["--epochs", "0"], "Invalid value for '--epochs': 0 is not in the range x>=1."),
    ],
)
def test_a_setting_out_of_range_is_told_by_its_option(
    dssm: Dssm, tmp_path: Path, options: list[str], said: str
) -> None:
    done = dssm("train", *options, "-o", tmp_path / "r", "x.tsv")
    assert done.code == 2 and said in done.err and done.err.count("\n") == 1, done


def test_score_prints_one_cosine(dssm: Dssm, run: Path) -> None:
    result = dssm("score", "-m", run, "cheap couch", "sofa bed new")
    assert result.code == 0 and result.err == ""
    assert -1 <= float(result.out) <= 1 and result.out == f"{float(result.out):.4f}\n"


def test_the_model_has_learned_the_meanings(dssm: Dssm, run: Path) -> None:
    right = float(dssm("score", "-m", run, "couch", "sofa bed").out)
    wrong = float(dssm("score", "-m", run, "couch", "trash can").out)
    assert right > wrong + 0.3
    rows = [(word, title, word == other) for word in MEANINGS for other, title in MEANINGS.items()]
    pairs = "".join(f"{word}\t{title}\n" for word, title, _ in rows).encode()
    result = dssm("score", "-m", run, "--match", "--pairs", "-", stdin=pairs)
    said = [line.endswith("\tyes") for line in result.out.splitlines()]
    assert sum(said[i] for i, row in enumerate(rows) if row[2]) >= 11
    assert sum(said[i] for i, row in enumerate(rows) if not row[2]) <= 20


def test_an_empty_text_has_cosine_zero_with_anything(dssm: Dssm, run: Path) -> None:
    assert dssm("score", "-m", run, "", "sofa").out == "0.0000\n"
    assert dssm("score", "-m", run, "!!!", "!!!").out == "0.0000\n"


def test_score_json_has_stable_keys(dssm: Dssm, run: Path) -> None:
    said = json.loads(dssm("score", "-m", run, "--json", "--match", "手机", "电话").out)
    assert list(said) == ["query", "title", "score", "match"]
    assert said["query"] == "手机" and isinstance(said["match"], bool)


def test_score_pairs_adds_a_column_and_keeps_rows_and_header(dssm: Dssm, run: Path) -> None:
    rows = "query\ttitle\tlabel\ncouch\tsofa bed\t1\ncouch\ttrash can\t0\n"
    result = dssm("score", "-m", run, "--pairs", "-", stdin=rows.encode())
    lines = result.out.splitlines()
    assert lines[0] == "query\ttitle\tlabel\tscore"
    assert lines[1].startswith("couch\tsofa bed\t1\t") and len(lines) == 3
    single = dssm("score", "-m", run, "couch", "sofa bed").out.strip()
    assert lines[1].split("\t")[3] == single
    as_json = dssm("score", "-m", run, "--pairs", "-", "--json", stdin=rows.encode())
    assert [set(json.loads(line)) for line in as_json.out.splitlines()] == [
        {"query", "title", "score"}
    ] * 2


def test_encode_gives_a_row_a_line_in_order(dssm: Dssm, run: Path, tmp_path: Path) -> None:
    texts = ["couch", "", "sofa bed", "手机 ＡＢ", "couch", "x" * 1_000_000]
    result = dssm("encode", "-m", run, stdin=("\n".join(texts) + "\n").encode())
    assert result.code == 0, result.err
    vectors = np.load(io.BytesIO(result.raw))
    assert vectors.shape == (6, 16) and vectors.dtype == np.float32
    np.testing.assert_allclose(vectors[0], vectors[4], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 0, 1, 1, 1, 1], atol=1e-5)
    assert "6 texts" in result.err and "(no option changes that): in 1 text." in result.err
    file = tmp_path / "texts.txt"
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(texts).encode())
    packed = tmp_path / "texts.gz"
    packed.write_bytes(gzip.compress("\n".join(texts).encode()))
    for source in (file, packed):
        assert dssm("encode", "-m", run, "-q", source, "-o", tmp_path / "v.npy").code == 0
        np.testing.assert_array_equal(np.load(tmp_path / "v.npy"), vectors)
    both = dssm("encode", "-m", run, file, "-", stdin=b"couch")
    assert np.load(io.BytesIO(both.raw)).shape == (7, 16)


def test_encoding_nothing_gives_an_empty_array(dssm: Dssm, run: Path) -> None:
    assert np.load(io.BytesIO(dssm("encode", "-m", run, stdin=b"").raw)).shape == (0, 16)
    assert np.load(io.BytesIO(dssm("encode", "-m", run, stdin=b"\n\n").raw)).shape == (2, 16)


def test_bad_utf8_names_line_and_column_and_writes_nothing(
    dssm: Dssm, run: Path, tmp_path: Path
) -> None:
    file = tmp_path / "bad.txt"
    file.write_bytes("good\n手\xff机\n".encode("latin1", "ignore") + "手".encode() + b"\xff\n")
    old = tmp_path / "v.npy"
    old.write_bytes(b"old")
    result = dssm("encode", "-m", run, file, "-o", old)
    assert result.code == 3 and result.err.startswith(f"{file}:2:1: invalid UTF-8 (byte 0xff)")
    assert old.read_bytes() == b"old" and sorted(tmp_path.iterdir()) == [file, old]
    assert dssm("encode", "-m", run, file).raw == b""
    zeros = dssm("encode", "-m", run, file, "--bad-rows", "zero")
    assert np.load(io.BytesIO(zeros.raw)).shape == (3, 16) and "2 unreadable" in zeros.err


def test_arguments_that_are_not_utf8_are_refused(dssm: Dssm, run: Path) -> None:
    result = dssm("score", "-m", run, "\udcff", "x")
    assert result.code == 3 and "not valid UTF-8" in result.err


def test_eval_prints_a_column_a_file_and_json(dssm: Dssm, run: Path, tmp_path: Path) -> None:
    first, second = write_pairs(tmp_path / "a.tsv", 200, seed=9), tmp_path / "b.tsv"
    second.write_text("q\ttitle\t1\nq\tother\t0\nq\tthird\t0\n")
    result = dssm("eval", "-m", run, first, second)
    table = dict(line.split("\t", 1) for line in result.out.splitlines())
    assert table["metric"] == f"{first}\t{second}" and table["rows"] == "200\t3"
    assert float(table["auc"].split()[0]) > 0.9
    said = [
        json.loads(x) for x in dssm("eval", "-m", run, "--json", first, second).out.splitlines()
    ]
    assert said[1]["rows"] == 3 and "ndcg@10" in said[1] and said[1]["titles_per_query"] == 3
    for name in ("auc", "average_precision", "accuracy", "f1", "threshold", "spearman", "pearson"):
        assert name in said[0]


def test_eval_of_clicks_alone_ranks_among_all_titles(dssm: Dssm, run: Path, tmp_path: Path) -> None:
    file = tmp_path / "clicks.tsv"
    file.write_text("couch\tsofa bed\ntap\tfaucet\n手机\t电话\n")
    said = json.loads(dssm("eval", "-m", run, "--json", file).out)
    assert said["kind"] == "click" and said["pool"] == 3 and said["mrr"] == 1.0


def test_tokenize_shows_units_features_and_ids(dssm: Dssm, run: Path) -> None:
    result = dssm("tokenize", "--tokenizer", "auto", "Ｇood 手机")
    rows = [line.split("\t") for line in result.out.splitlines()]
    assert rows[0][:2] == ["good", "#go goo ood od#"] and len(rows[0][2].split()) == 4
    assert rows[1][:2] == ["手", "手"] and rows[3] == [""]
    said = json.loads(dssm("tokenize", "-m", run, "--json", "couch").out)
    assert said["units"][0]["features"] == ["#co", "cou", "ouc", "uch", "ch#"]
    assert dssm("tokenize", "--tokenizer", "char", "-", stdin=b"ab\n").out.count("\n") == 3


def test_info_tells_settings_and_figures(dssm: Dssm, run: Path) -> None:
    said = json.loads(dssm("info", "-m", run, "--json").out)
    assert said["format"] == FORMAT and said["model"]["tower"]["arch"] == "cnn"
    assert said["validation"]["auc"] > 0.8 and 0 < said["threshold"]["value"] < 1
    assert "model.tower.arch\tcnn\n" in dssm("info", "-m", run).out


def test_the_model_comes_from_the_option_the_environment_or_the_folder(
    dssm: Dssm, run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DSSM_MODEL", raising=False)
    monkeypatch.chdir(tmp_path)
    missing = dssm("score", "a", "b")
    assert missing.code == 3 and "dssm train" in missing.err
    monkeypatch.setenv("DSSM_MODEL", str(run))
    assert dssm("score", "a", "b").code == 0


def test_a_closed_pipe_is_success(run: Path, tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 20000)
    command = f"{' '.join(PYTHON)} score -m {run} --pairs {pairs}; echo $? > {tmp_path}/code"
    done = subprocess.run(
        ["bash", "-c", f"({command}) | head -1"], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("\n") == 1 and done.stderr == ""
    assert (tmp_path / "code").read_text() == "0\n"


def test_npy_to_a_terminal_is_refused(run: Path, tmp_path: Path) -> None:
    import pty

    parent, child = pty.openpty()
    done = subprocess.run(
        [*PYTHON, "encode", "-m", str(run)],
        input=b"x\n",
        stdout=child,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(child)
    os.close(parent)
    assert done.returncode == 2 and b"terminal" in done.stderr


def test_quiet_says_nothing_but_warnings(dssm: Dssm, run: Path, tmp_path: Path) -> None:
    assert dssm("encode", "-q", "-m", run, stdin=b"x").err == ""
    new = write_pairs(tmp_path / "p.tsv", 40, seed=11)
    assert dssm("eval", "-q", "-m", run, new).err == ""
    trained = dssm("train", write_pairs(tmp_path / "p.tsv", 160), *SMALL, "-o", tmp_path / "r")
    assert (trained.code, trained.out, trained.err) == (0, "", "")
    few = dssm("train", write_pairs(tmp_path / "p.tsv", 80), *SMALL, "-o", tmp_path / "few")
    assert few.err == "Warning: Only 64 rows to learn from: expect little of the model.\n"


def test_an_interrupt_is_130(dssm: Dssm, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dssmcli.run.find_run", interrupted)
    result = dssm("info")
    assert result.code == 130 and result.err == "Interrupted.\n"


def test_debug_shows_the_traceback(dssm: Dssm, tmp_path: Path) -> None:
    assert "Traceback" in dssm("--debug", "info", "-m", tmp_path / "none").err


SERVING = """
import sys
class Ban:
    def find_spec(self, name, path=None, target=None):
        assert name.split(".")[0] not in ("torch", "jieba", "sentencepiece", "sklearn"), name
sys.meta_path.insert(0, Ban())
from dssmcli.cli import run
import dssmcli
assert run(sys.argv[1:]) == 0
assert "rich" not in sys.modules
"""


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["train", "--help"], ["score", "a", "b"], ["encode", "-o", "v.npy"], ["info"]],
)
def test_serving_never_imports_torch(run: Path, arguments: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVING, *arguments],
        input=b"text\n",
        env={**os.environ, "DSSM_MODEL": str(run)},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("tokenizer", WORDY)
@pytest.mark.parametrize("command", [["score", "手机", "b"], ["tokenize", "手机"]])
def test_serving_a_list_of_words_imports_neither_torch_nor_the_library_it_came_from(
    wordy_runs: dict[str, Path], command: list[str], tokenizer: str
) -> None:
    line = [sys.executable, "-c", SERVING, *command, "-m", str(wordy_runs[tokenizer])]
    done = subprocess.run(line, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_tokenize_shows_the_words_of_a_run_of_the_stock_dictionary_or_says_which_it_needs(
    dssm: Dssm, wordy_runs: dict[str, Path]
) -> None:
    stock = dssm("tokenize", "--tokenizer", "jieba", "买iphone手机")
    assert [line.split("\t")[0] for line in stock.out.splitlines()] == ["买", "iphone", "手机", ""]
    units = dssm("tokenize", "-m", wordy_runs["jieba"], "手机").out.splitlines()[0].split("\t")
    assert units[:2] == ["手机", "手机"]
    pieces = dssm("tokenize", "-m", wordy_runs["sentencepiece"], "couch 手机").out
    assert "".join(line.split("\t")[0] for line in pieces.splitlines()) == "▁couch▁手机"
    refused = dssm("tokenize", "--tokenizer", "sentencepiece", "x")
    assert refused.code == 2 and "name a run with -m" in refused.err


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, dssmcli; print([m for m in ('numpy', 'click', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_predictor_is_loaded_by_the_package_without_torch(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    rows = "".join(f"{'ab'[i % 2]},{i * 0.37},{i % 2}\n" for i in range(80))
    table.write_text(f"letter,size,label\n{rows}", "utf-8")
    small = ["--epochs", "1", "--expert-units", "4", "-o", tmp_path / "r", "-q"]
    train = [*PYTHON, "train-rec", "mmoe", table, "--task", "label", *small]
    subprocess.run(list(map(str, train)), check=True)
    code = (
        "import sys, dssmcli; model = dssmcli.load_predictor(sys.argv[1]);"
        "print(model.predict({'letter': ['a'], 'size': ['1']}).shape,"
        " isinstance(model, dssmcli.Predictor), 'torch' in sys.modules)"
    )
    called = [sys.executable, "-c", code, str(tmp_path / "r")]
    done = subprocess.run(called, capture_output=True, text=True, check=True)
    assert done.stdout == "(1, 1) True False\n"


def test_the_python_api_is_the_commands_own(run: Path, dssm: Dssm) -> None:
    import dssmcli

    model = dssmcli.load(run)
    assert isinstance(model, dssmcli.Model)
    assert (
        f"{model.score('couch', 'sofa bed'):.4f}\n"
        == dssm("score", "-m", run, "couch", "sofa bed").out
    )
    with pytest.raises(AttributeError):
        _ = dssmcli.nothing
    with pytest.raises(TypeError, match="got one str"):
        model.encode("couch")
    with pytest.raises(ValueError, match="2 queries and 1 titles, expected N of each"):
        model.score_pairs(["couch", "tap"], ["sofa bed"])


def in_bash(run: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Run a shell line whose commands use a run."""
    environment = {**os.environ, "DSSM_MODEL": str(run)}
    return subprocess.run(
        ["bash", "-c", line], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("words", "closed", "code", "said"),
    [
        ("encode", "<&-", 3, "<stdin>: closed"),
        ("score --pairs -", "<&-", 3, "<stdin>: closed"),
        ("eval - -", "", 3, "<stdin>: closed, or read already"),
        ("score a b", ">&-", 1, "Standard input or output"),
        ("score a b", "> /dev/full", 1, "No space left"),
        ("encode", "> /dev/full", 1, "No space left"),
        ("encode -o /dev/full", "", 1, "/dev/full: cannot be written"),
        ("info", ">&-", 1, "Standard input or output"),
    ],
)
def test_closed_and_full_streams_are_one_line(
    run: Path, words: str, closed: str, code: int, said: str
) -> None:
    done = in_bash(run, f"printf 'a\\tb\\n' | {' '.join(PYTHON)} {words} {closed}")
    lines = [line for line in done.stderr.splitlines() if "every row is a click" not in line]
    assert done.returncode == code and len(lines) == 1 and said in lines[0], done


@pytest.mark.parametrize(
    ("words", "code", "out"),
    [("--version", 0, "dssm "), ("score a b", 0, ""), ("score a", 2, ""), ("encode none", 3, "")],
)
def test_without_standard_error_the_exit_code_says_it_and_data_stays_alone(
    run: Path, words: str, code: int, out: str
) -> None:
    done = in_bash(run, f"{' '.join(PYTHON)} {words} 2>&-")
    assert done.returncode == code and done.stdout.startswith(out), done
    assert bool(done.stdout) == (code == 0)


def test_a_misspelt_command_or_option_is_told_its_nearest(dssm: Dssm) -> None:
    assert "Did you mean 'score'?" in dssm("scor", "a", "b").err
    assert "--arch" in dssm("train", "--arhc", "cnn", "x.tsv").err


def test_a_file_whose_name_is_not_utf8_is_named_all_the_same(run: Path, tmp_path: Path) -> None:
    strange = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.tsv")
    write_pairs(tmp_path / "p.tsv", 40).rename(strange)
    for words, said in (
        (["check", strange], "\\udcff.tsv\n"),
        (["eval", "-m", str(run), "--json", strange], "\\udcff.tsv"),
        (["tokenize", "--tokenizer", strange, "x"], ""),
    ):
        done = subprocess.run([*PYTHON, *words], capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr and said in done.stdout, done


def test_mine_and_vocab_print_warnings_also_when_quiet(
    dssm: Dssm, run: Path, tmp_path: Path
) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 40)
    pairs.write_text("src_txt\tdst_txt\n" + "\n".join(
        "\t".join(line.split("\t")[:2]) for line in pairs.read_text("utf-8").splitlines()
    ) + "\n", "utf-8")  # fmt: skip
    for words in (["mine", "-m", run, pairs], ["vocab", "--pairs", pairs]):
        done = dssm(*words, "-q")
        assert "Warning: " in done.err and "looks like a header" in done.err, (words, done.err)
