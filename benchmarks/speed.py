"""Measures the speed of encoding and training, beside plain torch and other tools on the same rows.

    python benchmarks/speed.py DATA [--runs 5] [--sets zh_pairs_mix home_depot] [--json speed.json]

DATA is as for quality.py. A run of each tower is trained for an epoch first (or taken from
--models FOLDER, where an earlier call left them). Then, taking turns: whole `dssm score` processes
beside importing numpy and torch; whole `dssm encode` processes; the serving tower and a plain
forward of the same weights on the same length-sorted batches; training steps of ours and of a plain
loop, same losses, same batches. Other tools take part where they are installed (extra `bench`, see
peers.py). Medians, ranges and peak memory are printed as tables, ratios to the last row. Two
threads each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from subprocess import PIPE
from typing import Any, NamedTuple

import numpy as np
import peers
import torch
import training
from plain import PlainTower
from timing import Ran, Taken, Work, in_turns, process, show
from training import values_of

from dssmcli.config import WORDY
from dssmcli.models.layers import TorchBlock, to_torch
from dssmcli.serving.encoder import Encoder, Prepared
from dssmcli.serving.loading import load
from dssmcli.text.blocks import TextIndex
from dssmcli.text.tokenizers import Lookup

DSSM = str(Path(sys.executable).parent / "dssm")
ARCHS = ("dnn", "cnn", "lstm")
THREADS = 2
BATCH = 512
STEPS = 20
ST = "sentence-transformers"
TRAINERS = {"dssm train": "ours", "plain torch loop": "plain"}


def texts_of(file: Path, count: int) -> list[str]:
    """Return the first distinct texts of a file of pairs, repeated if they are too few."""
    rows = (line.split("\t") for line in file.read_text("utf-8").splitlines())
    distinct = list(dict.fromkeys(text for row in rows for text in row[:2]))
    return (distinct * (count // len(distinct) + 1))[:count]


def trained(folder: Path, name: str, file: Path) -> dict[str, Path]:
    """Train a run of each tower unless the folder has it."""
    return {arch: run_of(folder / f"{name}-{arch}", file, "--arch", arch) for arch in ARCHS}


def wordy_runs(folder: Path, name: str, file: Path) -> dict[str, Path]:
    """Train a run of each tokenizer that has a list of words unless the folder has it."""
    return {
        f"cnn, {each}": run_of(folder / f"{name}-{each}", file, "--tokenizer", each)
        for each in WORDY
    }


def run_of(run: Path, file: Path, *chosen: str) -> Path:
    """Train a run for an epoch unless it is there."""
    if not run.exists():
        words = ["train", "--epochs", "1", "-q", "-o", str(run), *chosen]
        subprocess.run([DSSM, *words, *values_of(file), str(file)], check=True)
    return run


ALONE = ("--lexical", "off")
"""A tower as the plain one is."""


class Options(NamedTuple):
    """What is measured, and how."""

    data: Path
    sets: list[str]
    arch: list[str]
    parts: list[str]
    runs: int
    lines: int
    models: Path | None
    peer_model: list[str]
    json: Path | None

    def peers(self, files: Files) -> dict[str, str]:
        """Return the models of the peers that are installed; some learn theirs from the texts."""
        given = dict(each.split("=", 1) for each in self.peer_model)
        found = {}
        for name in filter(peers.installed, peers.MODULES):
            if name in peers.LEARNING:
                model = files.plain.with_name(name)
                if not model.exists():
                    peers.learn(name, files.split, model)
                found[name] = str(model)
            elif name in given:
                found[name] = given[name]
        return found


class Files(NamedTuple):
    """The texts as a file, and split into units as some peers need them."""

    plain: Path
    split: Path
    out: Path


def files_of(texts: list[str], folder: Path) -> Files:
    """Write the texts."""
    files = Files(folder / "texts", folder / "split", folder / "vectors.npy")
    files.plain.write_text("".join(f"{text}\n" for text in texts), "utf-8")
    files.split.write_text("".join(f"{peers.split(text)}\n" for text in texts), "utf-8")
    return files


def encode_part(runs: dict[str, Path], files: Files, lines: int, options: Options) -> list[Taken]:
    """Time whole processes that encode a file, ours and the peers'."""
    works = {
        f"dssm encode, {arch}": process(
            [DSSM, "encode", "-q", "--threads", str(THREADS), "-m", str(run), str(files.plain)],
            files.out,
        )
        for arch, run in runs.items()
    }
    for name, model in options.peers(files).items():
        source = files.split if name in peers.LEARNING else files.plain
        words = [sys.executable, peers.__file__, "encode", name, model, str(source)]
        works[name] = process([*words, str(files.out)])
    return in_turns(works, lines, options.runs)


def cold_part(runs: dict[str, Path], files: Files, options: Options) -> list[Taken]:
    """Time whole processes that score one pair."""
    pair = ["how do I change my password", "password reset"]
    works = {
        f"dssm score, {name}": process([DSSM, "score", "-m", str(run), *pair])
        for name, run in runs.items()
    }
    for name, model in options.peers(files).items():
        works[name] = process([sys.executable, peers.__file__, "score", name, model, *pair])
    works["import torch"] = process([sys.executable, "-c", "import torch"])
    works["import numpy"] = process([sys.executable, "-c", "import numpy"])
    return in_turns(works, 1, options.runs)


def plain_tower(encoder: Encoder, run: Path) -> PlainTower:
    """Return the plain torch tower with a run's weights."""
    from safetensors.torch import load_file

    weights = load_file(run / "weights.safetensors")
    own = {key.removeprefix("tower."): w for key, w in weights.items()}
    return PlainTower(encoder.model.tower, own)


def blocks_of(lookup: Lookup, texts: list[str]) -> list[TorchBlock]:
    """Return length-sorted batches."""
    index = TextIndex(lookup)
    index.add(texts)
    order = np.argsort(index.lengths(np.arange(len(texts))), kind="stable")
    return [to_torch(index.block(order[i : i + BATCH])) for i in range(0, len(order), BATCH)]


def kernel_part(run: Path, texts: list[str], times: int) -> list[Taken]:
    """Time the towers alone, from units to vectors."""
    encoder = load(run)
    prepared = [encoder._prepared(texts[i : i + 8192], "query") for i in range(0, len(texts), 8192)]
    blocks, plain = blocks_of(encoder.lookup, texts), plain_tower(encoder, run)

    def ours() -> None:
        # In processes, as `dssm encode` does it, but their results stay where they are.
        children = [_encoding(encoder, prepared[i::THREADS]) for i in range(THREADS)]
        statuses = [os.waitpid(child, 0)[1] for child in children]
        if any(statuses):
            raise SystemExit("A process that encodes has failed.")

    @torch.no_grad()
    def theirs() -> None:
        for block in blocks:
            plain(block)

    agree(encoder, plain, texts[:500])
    return in_turns({"serving tower": ours, "plain torch forward": theirs}, len(texts), times)


def _encoding(encoder: Encoder, blocks: list[Prepared]) -> int:
    """Start a process that puts blocks through the tower; return its number."""
    child = os.fork()
    if not child:
        status = 1
        try:
            for found in blocks:
                encoder._rows(found, "query")
            status = 0
        finally:
            os._exit(status)
    return child


@torch.no_grad()
def agree(encoder: Encoder, plain: PlainTower, texts: list[str]) -> None:
    """Fail unless both give the same vectors; nn.LSTM has no peepholes, so it cannot."""
    index = TextIndex(encoder.lookup)
    index.add(texts)
    found = plain(to_torch(index.block(np.arange(len(texts))))).numpy()
    if not hasattr(plain, "lstm"):
        np.testing.assert_allclose(found, encoder.encode(texts), atol=1e-4)


class Trainer:
    """A process that takes training steps when told to."""

    def __init__(self, how: str, arch: str, file: Path) -> None:
        words = [sys.executable, training.__file__, how, arch, str(file), str(THREADS)]
        self._process = subprocess.Popen(words, stdin=PIPE, stdout=PIPE, text=True, bufsize=1)
        #: The loss of the first step.
        self.first = float(self._told())

    def _told(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def steps(self) -> Ran:
        """Take some steps."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{STEPS}\n")
        return Ran(float(self._told()), None)

    def close(self) -> float:
        """End the process and return its peak memory in MiB."""
        return float(self._process.communicate()[0])


def train_part(arch: str, file: Path, times: int) -> list[Taken]:
    """Time training steps of ours and of a plain loop."""
    trainers = {name: Trainer(how, arch, file) for name, how in TRAINERS.items()}
    if arch != "lstm":
        ours, plain = (each.first for each in trainers.values())
        np.testing.assert_allclose(ours, plain, rtol=1e-3)
    works: dict[str, Work] = {name: each.steps for name, each in trainers.items()}
    if peers.installed(ST):
        works[f"{ST}, static"] = lambda: peer_steps(file)
    taken = in_turns(works, STEPS * BATCH, times)
    for each in taken:
        if each.name in trainers:
            each.peaks.append(trainers[each.name].close())
    return taken


def peer_steps(file: Path) -> Ran:
    """Have sentence-transformers take steps in a process of its own; the time is the steps'."""
    words = [sys.executable, peers.__file__, "train", str(file), str(STEPS)]
    told = subprocess.run(words, stdout=PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    return Ran(float(told), None)


def main() -> None:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(description="Time encoding and training beside plain torch.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", default=["zh_pairs_mix", "home_depot"])
    parser.add_argument("--arch", nargs="+", default=list(ARCHS))
    parser.add_argument("--parts", nargs="+", default=["cold", "encode", "kernel", "train"])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--peer-model", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--json", type=Path)
    options = Options(**vars(parser.parse_args()))
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        # numpy has counted its threads already; the command sets this before numpy comes.
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    torch.set_num_threads(THREADS)
    records = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.sets:
            records += measured(options, name, options.models or Path(folder))
    if options.json:
        options.json.write_text(json.dumps(records, indent=1))


def measured(options: Options, name: str, models: Path) -> list[dict[str, Any]]:
    """Measure one set."""
    file = options.data / name / "train.tsv"
    texts = texts_of(file, options.lines)
    runs = {arch: run for arch, run in trained(models, name, file).items() if arch in options.arch}
    records = []
    with tempfile.TemporaryDirectory() as folder:
        files = files_of(texts, Path(folder))
        if "cold" in options.parts:
            wordy = wordy_runs(models, name, file)
            records += show(f"{name}: one pair", "runs/s", cold_part(runs | wordy, files, options))
        if "encode" in options.parts:
            found = encode_part(runs, files, len(texts), options)
            records += show(f"{name}: {len(texts):,} lines, whole process", "lines/s", found)
    for arch, run in runs.items():
        if "kernel" in options.parts:
            alone = run_of(run.with_name(f"{run.name}-alone"), file, "--arch", arch, *ALONE)
            found = kernel_part(alone, texts, options.runs)
            records += show(f"{name}: {arch}, the tower alone", "texts/s", found)
        if "train" in options.parts:
            found = train_part(arch, file, options.runs)
            records += show(f"{name}: {arch}, training", "pairs/s", found)
    return records


if __name__ == "__main__":
    main()
