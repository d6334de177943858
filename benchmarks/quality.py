"""Measures how well trained models match, beside other ways to match, on the same rows.

    python benchmarks/quality.py DATA --arch dnn cnn lstm --seeds 0 1 2 --json quality.jsonl

DATA holds a folder a set, with train.tsv and dev.tsv (text, text, value), or test.tsv with
--part test. Models are trained and pairs scored by the `dssm` command; all scores are judged by
scikit-learn and scipy, rankings by dssmcli.rankings. Each record is written as it is found, so
that --resume can go on with what --json has. Baselines that are not installed are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from quality_peers import BASELINES, Learn, Learned, Lesson, installed
from quality_sets import METRICS, PLANS, Floats, Parts, Plan, judge, parts_of

ARCHS = ("dnn", "cnn", "lstm")
Record = dict[str, Any]


class Model(NamedTuple):
    """One training of one model; the seed is None where there is nothing to draw."""

    name: str
    seed: int | None
    learn: Learn
    train: str = ""  # further options of dssm train

    def head(self, name: str, part: str) -> Record:
        """Return how the record of a set begins, which is what tells it from others."""
        own = {"model": self.name, "seed": self.seed, "train": self.train}
        return {"set": name, "part": part, **own}


def models_of(plan: Plan, options: argparse.Namespace) -> Iterator[Model]:
    """Yield what is measured on a plan's sets: the baselines, then every tower and seed."""
    for name in options.baselines:
        baseline = BASELINES[name]
        if plan.language in baseline.languages:
            for seed in options.seeds if baseline.seeded else [None]:
                yield Model(name, seed, baseline.learn)
    for arch in options.arch:
        for seed in options.seeds:
            yield Model(arch, seed, ours(arch), options.train)


def ours(arch: str) -> Learn:
    """Return what trains a tower by the command."""

    def learn(lesson: Lesson) -> Learned:
        run, threads = lesson.folder / "run", lesson.options.threads
        chosen = ["--arch", arch, "--seed", str(lesson.seed), "--threads", str(threads)]
        chosen += ["--value", lesson.plan.kind, *shlex.split(lesson.options.train)]
        dssm("train", lesson.train.file, "-o", run, *chosen, threads=threads)
        return Learned(lambda pairs: dssm_scores(run, pairs.file, threads), facts_of(run))

    return learn


def dssm(*words: str | Path, threads: int) -> str:
    """Run the command and return what it printed; its messages pass through."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-m", "dssmcli", *map(str, words)]
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, env=environment
    ).stdout.decode()


def dssm_scores(run: Path, file: Path, threads: int) -> Floats:
    """Return the cosines (N,) that the run gives a file's rows."""
    lines = dssm("score", "-m", run, "--pairs", file, "--json", threads=threads).splitlines()
    return np.array([json.loads(line)["score"] for line in lines])


def facts_of(run: Path) -> Record:
    """Return how long a run was trained, and its figure on validation rows at first and at best."""
    looks = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    best = json.loads((run / "config.json").read_text("utf-8"))["validation"]
    facts = {"epochs": looks[-1]["epoch"], "best_epoch": best["epoch"]}
    for metric in ("auc", "spearman", "mrr"):
        if metric in best:
            facts |= {"valid_metric": metric, "valid_best": best[metric]}
            facts |= {"valid_first": looks[0].get(metric), "first_epoch": looks[0]["epoch"]}
    return facts


class Book:
    """The records of this measurement, kept in a file (if any) as they come."""

    def __init__(self, file: Path | None, before: list[Record]) -> None:
        self._file = file
        self._known = {_key(record): record for record in before}
        #: What this call asked for, found before or now.
        self.asked: list[Record] = []
        if file:
            file.write_text("".join(json.dumps(record) + "\n" for record in before), "utf-8")

    def has(self, record: Record) -> bool:
        """Tell whether the figures were found before; if so they count as asked for."""
        found = self._known.get(_key(record))
        self.asked.extend([found] if found else [])
        return found is not None

    def add(self, record: Record) -> None:
        """Write a record down."""
        self.asked.append(record)
        line = json.dumps(record) + "\n"
        sys.stderr.write(line)
        if self._file:
            with self._file.open("a", encoding="utf-8") as stream:
                stream.write(line)


def _key(record: Record) -> tuple[Any, ...]:
    return tuple(record[name] for name in ("set", "part", "model", "seed", "train"))


def records_of(file: Path) -> list[Record]:
    """Return a file's records; a last line that was cut off counts as not written."""
    lines = file.read_text("utf-8").splitlines(keepends=True) if file.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def measure(plan: Plan, options: argparse.Namespace, book: Book) -> None:
    """Write down a record for each test set of each model that the book has not."""
    with tempfile.TemporaryDirectory() as folder:
        parts = parts_of(plan, options.data, options.part, Path(folder))
        for model in models_of(plan, options):
            heads = [model.head(name, options.part) for name in parts.tests]
            missing = [head for head in heads if not book.has(head)]
            if missing:
                for record in learn_and_judge(model, plan, parts, options, missing):
                    book.add(record)


def learn_and_judge(
    model: Model, plan: Plan, parts: Parts, options: argparse.Namespace, heads: list[Record]
) -> Iterator[Record]:
    """Let a model learn, then yield the record that each head begins."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        lesson = Lesson(plan, parts.train, model.seed or 0, Path(folder), options)
        learned = model.learn(lesson)
        facts = {"train_seconds": round(time.perf_counter() - began, 1), **learned.facts}
        for head in heads:
            test = parts.tests[head["set"]]
            figures = judge(learned.score(test), test, plan)
            yield head | {name: round(figure, 6) for name, figure in figures.items()} | facts


def table(records: list[Record]) -> str:
    """Return a Markdown table: means over seeds, with the range."""
    models = list(dict.fromkeys(record["model"] for record in records))
    lines = ["| set | metric | " + " | ".join(models) + " |"]
    lines.append("|---" * (len(models) + 2) + "|")
    for name in dict.fromkeys(record["set"] for record in records):
        for metric in METRICS:
            here = [r for r in records if r["set"] == name and metric in r]
            cells = [_cell([r[metric] for r in here if r["model"] == m]) for m in models]
            lines += [f"| {name} | {metric} | " + " | ".join(cells) + " |"] if here else []
    return "\n".join(lines)


def _cell(values: list[float]) -> str:
    if not values:
        return ""
    mean = f"{statistics.mean(values):.4f}"
    return mean if len(values) == 1 else f"{mean} [{min(values):.4f}-{max(values):.4f}]"


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    said = "Measure how well models match."
    found = argparse.ArgumentParser(
        description=said, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    sets, add = [plan.train for plan in PLANS], found.add_argument
    add("data", type=Path, metavar="DATA", help="A folder a set.")
    add("--sets", nargs="+", choices=sets, default=sets, metavar="SET", help="Trained on these.")
    add("--part", choices=["dev", "test"], default="dev", help="Judged on these files.")
    add("--arch", nargs="*", choices=ARCHS, default=ARCHS, help="Towers; none: baselines alone.")
    add("--baselines", nargs="*", choices=BASELINES, default=list(BASELINES), help="Beside them.")
    add("--seeds", nargs="+", type=int, default=[0, 1, 2], help="One training each.")
    add("--minilm", type=Path, help="Folder of MiniLM, where its package is not installed.")
    add("--threads", type=int, default=2, help="Processor threads of a training.")
    add("--train", default="", help="Further options of dssm train, in quotes.")
    add("--json", type=Path, help="Also write every record here, one a line.")
    add("--resume", action="store_true", help="Keep the records that --json has, and go on.")
    return found


def main() -> None:
    """Measure, write the records, print the table."""
    options = parser().parse_args()
    if options.resume and not options.json:
        raise SystemExit("--resume goes on with the records of a file: name it with --json.")
    for name in [name for name in options.baselines if not installed(name, options)]:
        sys.stderr.write(f"{name} is not installed and left out.\n")
        options.baselines.remove(name)
    book = Book(options.json, records_of(options.json) if options.resume else [])
    for plan in PLANS:
        if plan.train in options.sets:
            measure(plan, options, book)
    sys.stdout.write(table(book.asked) + "\n")


if __name__ == "__main__":
    main()
