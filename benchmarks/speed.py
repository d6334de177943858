"""Measures the speed of encoding and training, beside plain torch on the same rows.

    python benchmarks/speed.py DATA [--runs 5] [--sets zh_pairs_mix home_depot] [--json speed.json]

DATA is as for quality.py. A run of each tower is trained for an epoch first (or taken from
--models FOLDER, where an earlier call left them). Then, taking turns: whole `dssm encode`
processes; the serving kernel and a plain forward of the same weights on the same length-sorted
batches; training steps of ours and of the plain tower, same losses, same batches. Medians and
ranges are printed as tables. Two threads each.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from plain import PlainTower

from dssmcli.data.tsv import BadRows
from dssmcli.models.dssm import Dssm
from dssmcli.models.layers import TorchBlock, to_torch
from dssmcli.presets import settings_of
from dssmcli.serving.encoder import Encoder, load
from dssmcli.text.blocks import TextIndex
from dssmcli.text.tokenizers import Lookup
from dssmcli.training.loop import optimizer_for
from dssmcli.training.task import PairsInput, TextTask, build_task
from dssmcli.training.text import Evaluation, new_state, train_text

DSSM = str(Path(sys.executable).parent / "dssm")
ARCHS = ("dnn", "cnn", "lstm")
THREADS = 2
BATCH = 512


class Taken(NamedTuple):
    """Seconds of several runs of one thing, over so many items."""

    name: str
    items: int
    seconds: list[float]

    @property
    def rate(self) -> float:
        """Return the median items a second."""
        return self.items / statistics.median(self.seconds)

    def row(self, others: float) -> str:
        """Return a table row; `others` is the rate that this one's ratio is to."""
        low, high = self.items / max(self.seconds), self.items / min(self.seconds)
        spread = f"{low:,.0f}-{high:,.0f}"
        return f"| {self.name} | {self.rate:,.0f} | {spread} | {self.rate / others:.2f} |"


def in_turns(works: dict[str, Callable[[], object]], items: int, runs: int) -> list[Taken]:
    """Time works in turns, so that whatever else the machine does falls on all of them."""
    taken = {name: Taken(name, items, []) for name in works}
    for turn in range(runs + 1):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            if turn:  # the first turn warms up
                taken[name].seconds.append(time.perf_counter() - began)
    return list(taken.values())


def show(title: str, unit: str, taken: list[Taken]) -> list[dict[str, Any]]:
    """Print a table, the ratio to its last row, and return it as records."""
    print(f"\n{title}\n\n| what | {unit}, median | range | ratio |\n|---|---|---|---|")
    for each in taken:
        print(each.row(taken[-1].rate), flush=True)
    return [{"title": title, **each._asdict(), "rate": each.rate} for each in taken]


def texts_of(file: Path, count: int) -> list[str]:
    """Return the first distinct texts of a file of pairs, repeated if they are too few."""
    rows = (line.split("\t") for line in file.read_text("utf-8").splitlines())
    distinct = list(dict.fromkeys(text for row in rows for text in row[:2]))
    return (distinct * (count // len(distinct) + 1))[:count]


def trained(folder: Path, name: str, file: Path) -> dict[str, Path]:
    """Train a run of each tower unless the folder has it."""
    runs = {arch: folder / f"{name}-{arch}" for arch in ARCHS}
    for arch, run in runs.items():
        if not run.exists():
            words = ["train", "--arch", arch, "--epochs", "1", "-q", "-o", str(run)]
            subprocess.run([DSSM, *words, *value_option(file), str(file)], check=True)
    return runs


def value_option(file: Path) -> list[str]:
    """Return the option that says what values other than 0 and 1 mean in these sets."""
    values = {line.split("\t")[2] for line in file.read_text("utf-8").splitlines()}
    return [] if values <= {"0", "1"} else ["--value", "grade"]


def encode_part(runs: dict[str, Path], texts: list[str], times: int) -> list[Taken]:
    """Time whole processes that encode a file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts"
        file.write_text("".join(text + "\n" for text in texts), "utf-8")
        works: dict[str, Callable[[], object]] = {
            f"dssm encode, {arch}": process(
                [DSSM, "encode", "-q", "--threads", str(THREADS), "-m", str(run), str(file)],
                Path(folder) / "vectors.npy",
            )
            for arch, run in runs.items()
        }
        return in_turns(works, len(texts), times)


def process(command: list[str], out: Path) -> Callable[[], object]:
    """Return a function that runs a command with its output in a file."""

    def run() -> None:
        with open(out, "wb") as stream:
            subprocess.run(command, check=True, stdout=stream)

    return run


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
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda found: encoder._rows(found[0], found[1], "query"), prepared))

    @torch.no_grad()
    def theirs() -> None:
        for block in blocks:
            plain(block)

    agree(encoder, plain, texts[:500])
    return in_turns(
        {"serving tower, threads": ours, "plain torch forward": theirs}, len(texts), times
    )


@torch.no_grad()
def agree(encoder: Encoder, plain: PlainTower, texts: list[str]) -> None:
    """Fail unless both give the same vectors; nn.LSTM has no peepholes, so it cannot."""
    index = TextIndex(encoder.lookup)
    index.add(texts)
    found = plain(to_torch(index.block(np.arange(len(texts))))).numpy()
    if not hasattr(plain, "lstm"):
        np.testing.assert_allclose(found, encoder.encode(texts), atol=1e-4)


def task_of(arch: str, file: Path) -> TextTask:
    """Return what `dssm train` learns from, validation left out."""
    settings = settings_of({"threads": THREADS, "valid_share": 0.0, "epochs": 100}, arch, "default")
    kind = value_option(file)
    given = PairsInput([str(file)], kind=kind[1] if kind else None)
    return build_task(given, settings, BadRows(), lambda _: None)


class PlainModel(Dssm):
    """The two-tower model with a plain tower in it, which encodes texts as `Dssm` does."""

    def __init__(self, task: TextTask, model: Dssm) -> None:
        super().__init__(task.model, len(task.vocabulary))
        weights = {k.removeprefix("tower."): w.detach() for k, w in model.weights().items()}
        self.plain = PlainTower(task.model.tower, weights)

    def encode(self, block: TorchBlock, side: str) -> torch.Tensor:  # noqa: ARG002
        """Return (B, D)."""
        vectors: torch.Tensor = self.plain(block)
        return vectors


def steps_of(task: TextTask, plain: bool) -> Iterator[float]:
    """Train on and on, yielding the loss of each step."""
    state = new_state(task)
    if plain:
        state.model = PlainModel(task, state.model)
        state.optimizer = optimizer_for(task.config, [*state.model.plain.parameters()])
        state.optimizer.add_param_group({"params": [*state.logistic.parameters()], "factor": 10.0})
    for event in train_text(task, state):
        if not isinstance(event, Evaluation):
            yield event.loss


def train_part(arch: str, file: Path, times: int, steps: int = 20) -> list[Taken]:
    """Time training steps of ours and of the plain tower."""
    task = task_of(arch, file)
    ours, theirs = steps_of(task, plain=False), steps_of(task, plain=True)
    first = next(ours), next(theirs)
    if arch != "lstm":
        np.testing.assert_allclose(*first, rtol=1e-3)
    works: dict[str, Callable[[], object]] = {
        "dssm train": lambda: [next(ours) for _ in range(steps)],
        "plain torch": lambda: [next(theirs) for _ in range(steps)],
    }
    return in_turns(works, steps * task.config.batch_size, times)


def main() -> None:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(description="Time encoding and training beside plain torch.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", default=["zh_pairs_mix", "home_depot"])
    parser.add_argument("--arch", nargs="+", default=list(ARCHS))
    parser.add_argument("--parts", nargs="+", default=["encode", "kernel", "train"])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    torch.set_num_threads(THREADS)
    records = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.sets:
            records += measured(options, name, options.models or Path(folder))
    if options.json:
        options.json.write_text(json.dumps(records, indent=1))


def measured(options: argparse.Namespace, name: str, models: Path) -> list[dict[str, Any]]:
    """Measure one set."""
    file = options.data / name / "train.tsv"
    texts = texts_of(file, options.lines)
    runs = {arch: run for arch, run in trained(models, name, file).items() if arch in options.arch}
    records = []
    if "encode" in options.parts:
        taken = encode_part(runs, texts, options.runs)
        records += show(f"{name}: {len(texts):,} lines, whole process", "lines/s", taken)
    for arch, run in runs.items():
        if "kernel" in options.parts:
            taken = kernel_part(run, texts, options.runs)
            records += show(f"{name}: {arch}, the tower alone", "texts/s", taken)
        if "train" in options.parts:
            taken = train_part(arch, file, options.runs)
            records += show(f"{name}: {arch}, training", "pairs/s", taken)
    return records


if __name__ == "__main__":
    main()
