"""Several processes train as one: torchrun starts two, and one of twice the batch does the same."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import TOWER, Dssm, write_pairs
from safetensors.numpy import load_file

from dssmcli.data.part import Part
from dssmcli.run import FINGERPRINT
from dssmcli.workplace import CHECKPOINT

# Each command line in turn, as several processes, which meet as torchrun says for the first one,
# and for others through a file of their own; `die` kills the second process before its third
# evaluation. Warnings are errors.
PROGRAM = """
import functools, json, os, signal, sys, warnings
warnings.simplefilter("error")
from dssmcli import cli
from dssmcli.training import processes
with open(sys.argv[1]) as stream:
    plan = json.load(stream)
processes._LARGE = plan.get("large", processes._LARGE)
if plan.get("die") and os.environ["RANK"] == "1":
    tell, calls = processes.Processes.told_floats, []
    def dying(self, values):
        calls.append(values)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return tell(self, values)
    processes.Processes.told_floats = dying
codes, meet = [], processes.dist.init_process_group
for number, line in enumerate(plan["lines"]):
    if number:
        processes.dist.init_process_group = functools.partial(
            meet, init_method=f"file://{sys.argv[1]}.{number}",
            rank=int(os.environ["RANK"]), world_size=2,
        )
    codes.append(cli.run(line))
code = max(codes)
sys.stderr.flush()
os._exit(code)
"""


def torchrun(folder: Path, lines: Sequence[Sequence[object]], **more: object) -> tuple[int, str]:
    """Run command lines in two processes; return the exit code and stderr."""
    program, plan = folder / "program.py", folder / "plan.json"
    program.write_text(PROGRAM)
    plan.write_text(json.dumps({"lines": [[*map(str, line)] for line in lines], **more}))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*command, "--nproc-per-node", "2", program, plan],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stderr


def weights(run: Path) -> dict[str, np.ndarray]:
    return load_file(run / "weights.safetensors")


def figures(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def assert_alike(run: Path, other: Path) -> None:
    """Check that two runs differ by the rounding of sums at most."""
    found, expected = weights(run), weights(other)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=2e-5, err_msg=name)
    for line, wanted in zip(figures(run), figures(other), strict=True):
        assert line == pytest.approx(wanted, abs=2e-4)


@pytest.fixture(name="files")
def _files(tmp_path: Path) -> dict[str, Path]:
    """Return pairs with labels, grades and clicks; 257 of each, so that a last batch is of one."""
    found = {"valid": write_pairs(tmp_path / "valid.tsv", 150, seed=5)}
    for kind in ("label", "grade", "click"):
        found[kind] = write_pairs(tmp_path / f"{kind}.tsv", 257, labelled=kind != "click")
    grades = [line.split("\t") for line in found["grade"].read_text("utf-8").splitlines()]
    rows = [f"{q}\t{t}\t{int(label) * (2 + i % 3)}\n" for i, (q, t, label) in enumerate(grades)]
    found["grade"].write_text("".join(rows), "utf-8")
    return found


SMALL = ("--dim", "16", "--threads", "1", "--epochs", "2", "--eval-steps", "3", "-q")
CASES = {
    "labels": ("label", "--arch", "cnn", *TOWER["cnn"], "--lexical", "64"),
    "clicks": ("click", "--arch", "dnn", *TOWER["dnn"], "--separate-towers"),
    "grades": ("grade", "--value", "grade", "--arch", "lstm", *TOWER["lstm"], "--softmax", "0"),
    "own": ("label", "--arch", "dnn", *TOWER["dnn"], "--no-in-batch", "--random-negatives", "3"),
}
MORE = {
    "grades": ("--cosent", "1", "--regression", "2"),
    # Of few clicks a last bit decides which weights validate best: here the last are kept.
    "clicks": ("--query-cap", "2", "--valid-share", "0"),
}


def test_two_processes_are_one_with_twice_the_batch(
    dssm: Dssm, files: dict[str, Path], tmp_path: Path
) -> None:
    lines = []
    for name, (kind, *options) in CASES.items():
        base: list[object] = ["train", files[kind], *options, *MORE.get(name, ()), *SMALL]
        if kind == "label":
            base += ["--valid", files["valid"]]
        assert dssm(*base, "--batch-size", "64", "-o", tmp_path / f"{name}-1").code == 0
        lines.append([*base, "--batch-size", "32", "-o", tmp_path / f"{name}-2"])
    # What is not said is as in one process.
    lines.append(["train", files["label"], "--arch", "dnn", *SMALL, "-o", tmp_path / "plain-2"])
    assert dssm(*lines[-1][:-1], tmp_path / "plain-1").code == 0
    code, said = torchrun(tmp_path, lines, large=10)
    # Once, of the clicks.
    assert code == 0 and said.startswith("Warning: nothing to validate on: the last weights"), said
    assert said.count("\n") == 1
    for name in (*CASES, "plain"):
        assert_alike(tmp_path / f"{name}-2", tmp_path / f"{name}-1")
        met = [(tmp_path / f"{name}-{count}" / FINGERPRINT).read_bytes() for count in (1, 2)]
        assert met[0] == met[1]
    assert not list(tmp_path.glob("*.partial"))


def test_when_one_process_is_killed_all_end_and_resume(
    dssm: Dssm, files: dict[str, Path], tmp_path: Path
) -> None:
    base = ["train", files["label"], "--arch", "dnn", *TOWER["dnn"], *SMALL, "--lexical", "off"]
    base += ["--valid", files["valid"], "-o", tmp_path / "run"]
    code, said = torchrun(tmp_path, [[*base, "--batch-size", "32"]], die=True)
    assert code and "Signal 9 (SIGKILL)" in said and said.count("--resume") <= 1
    assert not (tmp_path / "run").exists()
    assert (tmp_path / "run.partial" / CHECKPOINT).exists()
    one = [*base[:-1], tmp_path / "alone"]
    (tmp_path / "alone.partial").mkdir()
    for name in (CHECKPOINT, "lock"):
        content = (tmp_path / "run.partial" / name).read_bytes()
        (tmp_path / "alone.partial" / name).write_bytes(content)
    whole = [*base[:-1], tmp_path / "whole"]
    code, said = torchrun(
        tmp_path,
        [
            [*base, "--batch-size", "32"],
            [*base, "--batch-size", "32", "--resume"],
            [*base, "--batch-size", "32", "--resume"],  # finished
            [*whole, "--batch-size", "32"],
            [*whole, "--batch-size", "32"],
            [*whole, "--tune", "1"],
            [*whole, "--batch-size", "32", "--overwrite", "--filters", "9"],
            ["train", tmp_path / "none.tsv", "-o", tmp_path / "none"],
            ["train", "-", "-o", tmp_path / "none"],
        ],
    )
    # Once each, though there are two processes; the rest is torchrun's.
    told = re.split(r"^[EW]\d{4} ", said, maxsplit=1, flags=re.M)[0].splitlines()
    expected = ("unfinished training", "whole exists", "--tune runs in one process")
    expected += ("--filters is for cnn", "none.tsv: No such file", "give plain files")
    assert code == 1 and len(told) == len(expected), told
    for line, part in zip(told, expected, strict=True):
        assert part in line
    assert weights(tmp_path / "run").keys() == weights(tmp_path / "whole").keys()
    for name, values in weights(tmp_path / "whole").items():
        np.testing.assert_array_equal(weights(tmp_path / "run")[name], values)
    # One process goes on where two were.
    assert dssm(*one, "--batch-size", "64", "--resume").code == 0
    assert_alike(tmp_path / "alone", tmp_path / "run")


def test_other_commands_and_launchers_of_one_process_change_nothing(
    dssm: Dssm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 120)
    command = ["train", pairs, "--epochs", "1", *SMALL, "-o", tmp_path / "r"]
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert dssm(*command).code == 0
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    refused = dssm(*command, "--overwrite")
    assert refused.code == 2 and "MASTER_ADDR, MASTER_PORT is missing" in refused.err
    monkeypatch.setenv("WORLD_SIZE", "two")
    assert "WORLD_SIZE is 'two'" in dssm(*command, "--overwrite").err
    assert dssm("score", "-m", tmp_path / "r", "couch", "sofa bed").code == 0


def test_recommenders_are_trained_in_one_process(
    dssm: Dssm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,0\n2,1\n")
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "h")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_PORT", "1")
    result = dssm("train-rec", "mmoe", tmp_path / "t.csv", "--task", "b", "-o", tmp_path / "r")
    assert result.code == 2 and "dssm train-rec runs in one process" in result.err
    assert result.err.count("\n") == 1 and not (tmp_path / "r.partial").exists()


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
@pytest.mark.parametrize("size", [1, 2, 5, 7, 20])
def test_parts_are_the_whole_and_turns_come_back_in_order(size: int, parts: int) -> None:
    rows = [range(size)[Part(number, parts).rows(size)] for number in range(parts)]
    assert [row for part in rows for row in part] == [*range(size)]
    assert max(map(len, rows)) - min(map(len, rows)) <= 1
    turns = np.stack([Part(number, parts).turns(size) for number in range(parts)], axis=1)
    assert turns.flatten()[:size].tolist() == [*range(size)] and turns.max() == size - 1
