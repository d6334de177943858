"""Small worlds whose right answer is known, and runs trained on them."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import settings

from dssmcli import cli
from dssmcli.config import WORDY

# A machine that does something else for a while fails no test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Twelve words and what each means: no character is shared between a word and its meaning.
MEANINGS = {
    "couch": "sofa bed",
    "tap": "faucet",
    "mower": "grass cutter",
    "fridge": "icebox",
    "rug": "carpet",
    "bin": "trash can",
    "手机": "电话",
    "电脑": "笔记本",
    "钱包": "皮夹",
    "运费": "邮资",
    "退货": "返还",
    "鞋子": "球靴",
}


class Result(NamedTuple):
    """What a command line did."""

    code: int
    out: str
    err: str
    raw: bytes


Dssm = Callable[..., Result]


class _Stream(io.TextIOWrapper):
    """Standard output or error that remembers its bytes."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", errors="surrogateescape")

    def content(self) -> bytes:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue()


@pytest.fixture(name="dssm")
def _dssm(monkeypatch: pytest.MonkeyPatch) -> Dssm:
    """Return a function that runs a command line in this process."""

    def run(*arguments: str | Path, stdin: bytes = b"") -> Result:
        return run_command(arguments, stdin, monkeypatch)

    return run


def run_command(
    arguments: Sequence[str | Path], stdin: bytes, monkeypatch: pytest.MonkeyPatch
) -> Result:
    out, err = _Stream(), _Stream()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        code = cli.run([str(argument) for argument in arguments])
    raw = out.content()
    return Result(code, raw.decode("utf-8", "replace"), err.content().decode(), raw)


def stop_after_saves(patch: pytest.MonkeyPatch, *which: int) -> None:
    """Have trainings interrupted when those checkpoints, counted from 1, have just been saved."""
    from dssmcli.workplace import Workplace

    save, saved = Workplace.save, []

    def save_and_stop(place: Workplace, pieces: Iterable[bytes]) -> None:
        save(place, pieces)
        saved.append(place)
        if len(saved) in which:
            raise KeyboardInterrupt

    patch.setattr(Workplace, "save", save_and_stop)


def write_pairs(path: Path, rows: int = 600, labelled: bool = True, seed: int = 3) -> Path:
    """Write pairs of a word and its meaning (1) or another's (0), with filler around them."""
    random = np.random.default_rng(seed)
    words = list(MEANINGS)
    fillers = ["new", "cheap", "best", "buy", "便宜", "新款"]
    lines = []
    for i in range(rows):
        word = words[random.integers(len(words))]
        match = not labelled or i % 2 == 0
        other = words[random.integers(len(words))]
        meaning = MEANINGS[word if match or other == word else other]
        label = int(meaning == MEANINGS[word])
        query = f"{fillers[random.integers(6)]} {word} {random.integers(40)}"
        title = f"{meaning} {fillers[random.integers(6)]} {random.integers(40)}"
        lines.append(f"{query}\t{title}\t{label}\n" if labelled else f"{query}\t{title}\n")
    path.write_text("".join(lines), "utf-8")
    return path


# The lexical part has tests of its own: here words and meanings share nothing, and of the few words
# of a text one decides, so that none is to be left out.
SMALL = ("--dim", "16", "--lexical", "off", "--unit-dropout", "0", "--vector-dropout", "0")
SMALL += ("--batch-size", "64", "--threads", "1", "-q")
TOWER = {
    "dnn": ("--hidden", "24,20"),
    "cnn": ("--embedding", "16", "--filters", "24"),
    "lstm": ("--embedding", "16"),
}


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a small trained run for each arch."""
    folder = tmp_path_factory.mktemp("runs")
    pairs = write_pairs(folder / "pairs.tsv", 1000)
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        for arch, options in TOWER.items():
            found[arch] = folder / arch
            made = run_command(
                ["train", pairs, "--arch", arch, *options, *SMALL, "-o", found[arch]], b"", patch
            )
            assert made.code == 0, made.err
    return found


def train_wordy(pairs: Path, tokenizer: str, run: Path, *more: str | Path) -> Result:
    options = ("--tokenizer", tokenizer, *TOWER["cnn"], *SMALL, "--epochs", "3", "-o", run)
    with pytest.MonkeyPatch.context() as patch:
        return run_command(["train", pairs, *options, *more], b"", patch)


@pytest.fixture(scope="session")
def wordy_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a small trained run for each tokenizer that has a list of words."""
    folder = tmp_path_factory.mktemp("wordy")
    pairs = write_pairs(folder / "pairs.tsv", 300)
    for tokenizer in WORDY:
        made = train_wordy(pairs, tokenizer, folder / tokenizer)
        assert made.code == 0, made.err
    return {tokenizer: folder / tokenizer for tokenizer in WORDY}


@pytest.fixture(name="run")
def _run(runs: dict[str, Path]) -> Path:
    """Return a small trained run."""
    return runs["cnn"]
