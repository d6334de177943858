"""Hard knocks in small: kills, full disks, closed pipes and damage. See benchmarks/knocks.py."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from conftest import SMALL, Dssm, run_command, stop_after_saves, write_pairs
from hypothesis import given
from hypothesis import strategies as st
from logs import (
    IMPRESSION_NAMES,
    SMALL_RANKING,
    SMALL_WATCHES,
    contents,
    impressions,
    watches_in_a_ring,
    write_log,
)
from tables import SMALL_TABLE, TASKS, world, write_table

from dssmcli import cli
from dssmcli.atomic import replacing
from dssmcli.errors import OutputError
from dssmcli.serving import output
from dssmcli.serving.output import words_sum
from dssmcli.text.spill import RaggedFile

PYTHON = [sys.executable, "-m", "dssmcli"]


@pytest.fixture(name="every", scope="module")
def _every(
    tmp_path_factory: pytest.TempPathFactory, runs: dict[str, Path]
) -> dict[str, list[str | Path]]:
    """Return a command line for each command that prints, by its name."""
    folder = tmp_path_factory.mktemp("knocks")
    pairs, table = (
        write_pairs(folder / "p.tsv", 60),
        write_table(folder / "t.csv", world(80).columns),
    )
    watches = write_log(
        folder / "w.tsv", ("user", "item", "timestamp"), watches_in_a_ring(20, 8, 6)
    )
    shown = write_log(folder / "i.tsv", IMPRESSION_NAMES, impressions(20, 8, 300))
    once = ("--epochs", "1", "-o")
    index = folder / "index"
    with pytest.MonkeyPatch.context() as patch:
        for words in (
            ["train-rec", "mmoe", table, *TASKS, *SMALL_TABLE, *once, folder / "mmoe"],
            ["train-rec", "youtube-candidates", watches, *SMALL_WATCHES, *once, folder / "c"],
            ["train-rec", "youtube-ranking", shown, *SMALL_RANKING, *once, folder / "r"],
            ["index", pairs, "--columns", "-,title,-", "-q", "-m", runs["cnn"], "-o", index],
        ):
            made = run_command(words, b"", patch)
            assert made.code == 0, made
    text = ["-m", runs["cnn"]]
    return {
        "encode": ["encode", "-q", pairs, *text],
        "score": ["score", "a", "b", *text],
        "eval": ["eval", "-q", pairs, "--bootstrap", "2", *text],
        "check": ["check", pairs],
        "mine": ["mine", "-q", pairs, "--ranks", "1-9", "--margin", "-2", *text],
        "search": ["search", "-i", index, "couch"],
        "tokenize": ["tokenize", "couch", *text],
        "vocab": ["vocab", "-q", "--pairs", pairs],
        "info": ["info", *text],
        "report": ["report", runs["cnn"]],
        "predict": ["predict", "-q", table, "-m", folder / "mmoe"],
        "gates": ["gates", "-q", table, "-m", folder / "mmoe"],
        "recommend": ["recommend", "-q", watches, "-m", folder / "c"],
        "predict of ranking": ["predict", "-q", shown, "-m", folder / "r"],
    }


def test_a_closed_pipe_and_a_full_one_are_told_alike_by_every_command_that_prints(
    every: dict[str, list[str | Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = {"train", "train-rec", "index", "plot", "export"}
    assert {name.split()[0] for name in every} | silent == set(cli.COMMANDS), "name a new one here"
    for name, words in every.items():
        for closed, code in ((True, 0), (False, 1)):
            if closed:
                reader, target = os.pipe()
                os.close(reader)
            else:
                target = os.open("/dev/full", os.O_WRONLY)
            with open(target, "w", encoding="utf-8") as stream, open(os.devnull, "w") as nowhere:
                said: list[str] = []
                with monkeypatch.context() as patch:
                    patch.setattr(sys, "stdout", stream)
                    patch.setattr(sys, "stderr", nowhere)
                    patch.setattr(cli, "_say", said.append)
                    assert cli.run([str(word) for word in words]) == code, (name, closed, said)
            assert len(said) == code, (name, said)


KILLED = """
import os, signal, sys
event, part = sys.argv[1], sys.argv[2]
def hook(what, given):
    if what == event and part in str(given[1] if what == "os.rename" else given[0]):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
from dssmcli.cli import main
sys.argv[:] = ["dssm", *sys.argv[3:]]
main()
"""


@pytest.mark.parametrize(
    ("event", "part"), [("os.rename", "partial/replaced"), ("os.rename", "/r"), ("os.remove", "st")]
)
def test_a_training_killed_while_it_puts_its_run_in_place_loses_nothing(
    dssm: Dssm, run: Path, tmp_path: Path, event: str, part: str
) -> None:
    place, pairs = tmp_path / "r", write_pairs(tmp_path / "p.tsv", 60)
    shutil.copytree(run, place)
    words = ["train", str(pairs), *SMALL, "--epochs", "1", "-o", str(place)]
    part = str(place) if part == "/r" else part
    line = [sys.executable, "-c", KILLED, event, part, *words, "--overwrite"]
    done = subprocess.run(line, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done
    assert dssm("info", "-m", place).code == 0
    if event == "os.rename":
        replaced = tmp_path / "r.partial" / "replaced"
        assert contents(place if place.exists() else replaced) == contents(run)
    # Killed before it had saved anything, there is only the old run, which learned from other rows.
    nothing_saved = part == str(place)
    assert dssm(*words, "--resume").code == (2 if nothing_saved else 0)
    if nothing_saved:
        assert contents(place) == contents(run)
        assert dssm(*words, "--overwrite").code == 0
    assert dssm("score", "-m", place, "a", "b").code == 0
    assert sorted(os.listdir(tmp_path)) == ["p.tsv", "r"], "nothing is left behind"


def children_of(process: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if int(parent) == process and state != "Z":
                found.append(int(entry.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_processes_of_an_encode_that_is_ended_end_by_themselves(
    run: Path, tmp_path: Path, number: int
) -> None:
    words = ["encode", "-q", "-", "-m", str(run), "--threads", "2", "-o", str(tmp_path / "v.npy")]
    with subprocess.Popen(
        [*PYTHON, *words], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stderr is not None
        process.stdin.write(b"couch and tap\n" * 50_000)
        process.stdin.flush()
        while len(workers := children_of(process.pid)) < 2:
            time.sleep(0.01)
        process.send_signal(number)
        code = process.wait()
        while any(Path(f"/proc/{worker}").exists() for worker in workers):
            time.sleep(0.01)  # the test hangs if one never ends
        if number == signal.SIGTERM:
            assert code == 143 and process.stderr.read() == b"Terminated.\n"
            assert os.listdir(tmp_path) == []
        process.stdin.close()


def test_a_signal_that_comes_out_as_another_error_is_still_an_interruption(
    dssm: Dssm, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cause, code, said in (
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
        (cli.Terminated(), 143, "Terminated.\n"),
    ):

        def failing(*_: object, cause: BaseException = cause) -> None:
            raise RuntimeError("in the midst of a class") from cause

        monkeypatch.setattr("dssmcli.run.find_run", failing)
        result = dssm("info")
        assert (result.code, result.err) == (code, said)


def test_a_checkpoint_that_is_a_pipe_does_not_hang(dssm: Dssm, tmp_path: Path) -> None:
    pairs, place = write_pairs(tmp_path / "p.tsv", 60), tmp_path / "r.partial"
    place.mkdir()
    (place / "lock").touch()
    os.mkfifo(place / "checkpoint.safetensors")
    result = dssm("train", pairs, *SMALL, "--resume", "-o", tmp_path / "r")
    assert result.code == 3 and "checkpoint.safetensors: not a plain file" in result.err


def test_what_a_killed_program_left_beside_a_file_is_taken_over_and_a_live_one_is_not(
    tmp_path: Path,
) -> None:
    path = tmp_path / "out"
    (tmp_path / ".out.new").write_bytes(b"left by a program that was killed" * 9)
    with replacing(path) as stream:
        stream.write(b"first")
        with pytest.raises(OutputError, match="another process"), replacing(path):
            pass
    assert path.read_bytes() == b"first" and os.listdir(tmp_path) == ["out"]


def test_a_full_disk_under_the_spooled_texts_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(dir: Path) -> object:
        return open("/dev/full", "w+b")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    texts = RaggedFile(tmp_path)
    with pytest.raises(OutputError, match=f"{tmp_path}: cannot be written .No space"):
        texts.extend(np.arange(99_999), np.array([99_999]))


def test_what_was_written_to_standard_output_is_taken_back_when_it_does_not_come_to_its_end(
    run: Path, tmp_path: Path
) -> None:
    texts = tmp_path / "t.txt"
    texts.write_text("couch and tap\n" * 50_000)
    line = f"ulimit -f 2000; trap '' XFSZ; {' '.join(PYTHON)} encode -m {run} -q {texts} > v.npy"
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 1 and b"File too large" in done.stderr, done
    assert (tmp_path / "v.npy").read_bytes() == b""


def resealed(run: Path) -> Path:
    manifest = json.loads((run / "MANIFEST.json").read_text("utf-8"))
    for name in manifest["files"]:
        content = (run / name).read_bytes()
        told = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        manifest["files"][name] = told
    (run / "MANIFEST.json").write_text(json.dumps(manifest), "utf-8")
    return run


@pytest.mark.parametrize("name", ["predict", "recommend", "predict of ranking"])
def test_weights_too_large_of_a_recommender_are_one_line(
    dssm: Dssm, every: dict[str, list[str | Path]], tmp_path: Path, name: str
) -> None:
    *words, run = every[name]
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    weights = safetensors.numpy.load_file(copy / "weights.safetensors")
    huge = {each: np.full_like(weight, 3e38) for each, weight in weights.items()}
    safetensors.numpy.save_file(huge, copy / "weights.safetensors")
    result = dssm(*words, resealed(copy))
    assert result.code == 3 and result.err.count("\n") == 1 and "not finite" in result.err, result


@pytest.mark.parametrize("value", [10**40, 1e308, "half \\ud800"])
def test_odd_values_in_the_settings_of_a_run_are_one_line(
    dssm: Dssm, every: dict[str, list[str | Path]], tmp_path: Path, value: object
) -> None:
    *words, run = every["predict of ranking"]
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    config = json.loads((copy / "config.json").read_text("utf-8"))
    config["unit"] = "value" if isinstance(value, str) else value
    text = json.dumps(config).replace('"value"', f'"{value}"')
    (copy / "config.json").write_text(text, "utf-8")
    result = dssm(*words, resealed(copy))
    assert result.code == 3 and result.err.count("\n") == 1 and "config.json" in result.err, result
    assert isinstance(value, str) == (dssm("info", "-m", copy).code == 3)


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=4), st.integers(0, 59))
def test_the_sum_of_a_file_is_that_of_its_parts_and_changes_with_any_byte(
    content: bytes, cuts: list[int], place: int
) -> None:
    padded = content + bytes(-len(content) % 8)
    words = np.frombuffer(padded, "<u8").tolist()
    limits = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    found = sum(words_sum(content[begin:end], begin) for begin, end in pairwise(limits))
    assert found % (1 << 64) == sum(words) % (1 << 64) == words_sum(content, 0)
    if place < len(content):
        changed = bytearray(content)
        changed[place] ^= 1 + place
        assert words_sum(bytes(changed), 0) != words_sum(content, 0)


@pytest.mark.parametrize("share", [0.0, 0.4, 0.8, 1.0])
def test_a_changed_byte_of_a_checkpoint_is_found_wherever_it_is(
    dssm: Dssm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 200)
    command = ["train", pairs, *SMALL, "--epochs", "2", "-o", tmp_path / "r"]
    stop_after_saves(monkeypatch, 1)
    assert dssm(*command).code == 130
    checkpoint = tmp_path / "r.partial" / "checkpoint.safetensors"
    good = checkpoint.read_bytes()
    changed = bytearray(good)
    changed[round(share * (len(good) - 1))] ^= 1
    checkpoint.write_bytes(changed)
    result = dssm(*command, "--resume")
    assert result.code == 3 and result.err.count("\n") == 1, result
    assert "checkpoint.safetensors: damaged" in result.err
    assert checkpoint.read_bytes() == changed, "nothing is lost by the attempt"
    checkpoint.write_bytes(good)
    assert dssm(*command, "--resume").code == 0


@pytest.mark.parametrize("place", [0, 130, 5000, -1])
def test_a_changed_byte_of_what_encode_goes_on_with_is_found(
    dssm: Dssm, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    first, second, vectors = tmp_path / "1.txt", tmp_path / "2.txt", tmp_path / "v.npy"
    first.write_text("couch\ntap\nrug\n" * 50)
    second.write_bytes(b"rug\n\xff\n")
    command = ("encode", "-m", run, first, second, "-o", vectors)
    monkeypatch.setattr(output, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr("dssmcli.commands.options.available_threads", lambda: 1)
    assert dssm(*command).code == 3
    partial = tmp_path / ".v.npy.partial"
    good = partial.read_bytes()
    size = json.loads((tmp_path / ".v.npy.partial.json").read_text())["size"]
    changed = bytearray(good)
    changed[place if place >= 0 else size - 1] ^= 64
    partial.write_bytes(changed)
    second.write_bytes(b"rug\n")
    result = dssm(*command, "--resume")
    assert result.code == 1 and result.err.count("\n") == 1 and "damaged" in result.err
    assert not vectors.exists()
    partial.write_bytes(good)
    assert dssm(*command, "--resume").code == 0 and np.load(vectors).shape == (151, 16)
    assert sorted(os.listdir(tmp_path)) == ["1.txt", "2.txt", "v.npy"]
