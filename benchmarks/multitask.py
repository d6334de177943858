"""Measures multi-task models beside LightGBM and logistic regression, on the same rows.

    python benchmarks/multitask.py TRAIN JUDGE --task 'income=50000+.' --task children:regression \
        --ignore weight --seeds 0 1 2 --json multitask.jsonl

TRAIN and JUDGE are tables; what is judged is never trained or stopped on. Ours are trained and
asked by `dssm train-rec` and `dssm predict`. LightGBM has a model a task, stopped early on a tenth
of the rows; the regression gets one-hot categories and standardised numbers. AUC (binary tasks) and
R² are scikit-learn's. Last come the differences to LightGBM, by drawing the judged rows anew.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from dssmcli.data.features import Reader, numbers_in
from dssmcli.data.inference import FeatureInput, understand
from dssmcli.data.table import Table, read_table
from dssmcli.data.tasks import Task, labels_of, parse_tasks
from dssmcli.data.tsv import BadRows

Floats = npt.NDArray[np.float64]
ARCHS = ("mmoe", "shared-bottom", "single-task")
BASELINES = ("lightgbm", "logistic")


class Lesson(NamedTuple):
    """What is learned, and on what it is judged; labels are nan where missing."""

    tasks: Sequence[Task]
    train: Table
    judge: Table
    options: argparse.Namespace


class Found(NamedTuple):
    """Scores (n, K) of the judged rows, and how long the training took."""

    name: str
    seed: int
    scores: Floats
    seconds: float


def ours(arch: str, seed: int, lesson: Lesson) -> Found:
    """Train and ask a run by the command line."""
    options = lesson.options
    tasks = [word for task in options.task for word in ("--task", task)]
    tasks += [word for name in options.ignore for word in ("--ignore", name)]
    with tempfile.TemporaryDirectory() as folder:
        run = str(Path(folder) / "run")
        began = time.perf_counter()
        more = ["--seed", str(seed), "--threads", str(options.threads), "-q"]
        more += shlex.split(options.train)
        dssm("train-rec", arch, options.train_table, *tasks, "-o", run, *more)
        seconds = time.perf_counter() - began
        lines = dssm("predict", "-m", run, options.judge_table).splitlines()
    rows = [[float(field) for field in line.split("\t")] for line in lines[1:]]
    return Found(arch, seed, np.array(rows), seconds)


def dssm(*words: str) -> str:
    """Run the command and return its standard output."""
    command = [sys.executable, "-m", "dssmcli", *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


class Inputs(NamedTuple):
    """Columns of both tables as other tools take them: category numbers (N, C), numbers (N, F)."""

    categories: npt.NDArray[np.int64]
    numbers: Floats


def inputs_of(lesson: Lesson) -> tuple[Inputs, Inputs]:
    """Return what a baseline learns from, and what it is asked of."""
    ignored = FeatureInput(ignored=tuple(lesson.options.ignore))
    schema = understand(lesson.train, lesson.tasks, ignored).schema
    numeric = [feature.name for feature in schema.numeric]
    kept = [feature for feature in schema.categorical if feature.name not in numeric]
    reader = Reader(schema._replace(categorical=tuple(kept)))
    return _inputs(reader, lesson.train), _inputs(reader, lesson.judge)


def _inputs(reader: Reader, table: Table) -> Inputs:
    def column(name: str) -> tuple[list[str], npt.NDArray[np.int32]]:
        found = table.columns[name]
        return found.values, found.codes

    categories, numbers = [], []
    for i, feature in enumerate(reader.schema.categorical):
        values, codes = column(feature.name)
        categories.append(reader.ids(i, values)[codes] - reader.schema.starts[i])
    for number in reader.schema.numeric:
        values, codes = column(number.name)
        numbers.append(numbers_in(values)[codes])
    none = np.zeros((table.rows, 0))
    return Inputs(
        np.stack(categories, axis=1) if categories else none.astype(np.int64),
        np.stack(numbers, axis=1) if numbers else none,
    )


def lightgbm(seed: int, lesson: Lesson) -> Found:
    """Boost trees for each task, up to the round that is best on a tenth of the rows."""
    import lightgbm as lgb

    given, asked = inputs_of(lesson)
    x, y = (
        np.hstack([given.numbers, given.categories]),
        np.hstack([asked.numbers, asked.categories]),
    )
    # Whole-number codes with few values are categories to LightGBM, too.
    places = list(range(given.numbers.shape[1], x.shape[1]))
    began = time.perf_counter()
    columns = []
    for task in lesson.tasks:
        labels = labels_of(lesson.train, task, "train")
        rows = np.random.default_rng(seed).permutation(np.flatnonzero(~np.isnan(labels)))
        stop, learn = rows[: len(rows) // 10], rows[len(rows) // 10 :]
        settings: dict[str, Any] = {
            "objective": "binary" if task.kind == "binary" else "regression",
            "metric": "auc" if task.kind == "binary" else "l2",
            "learning_rate": 0.05,
            "num_leaves": 31,
            "feature_fraction": 0.8,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "seed": seed,
            "num_threads": lesson.options.threads,
            "verbose": -1,
        }
        data = lgb.Dataset(x[learn], labels[learn], categorical_feature=places)
        held = data.create_valid(x[stop], labels[stop])
        quiet = [lgb.early_stopping(50, verbose=False)]
        model = lgb.train(settings, data, 2000, valid_sets=[held], callbacks=quiet)
        columns.append(np.asarray(model.predict(y)))
    return Found("lightgbm", seed, np.stack(columns, axis=1), time.perf_counter() - began)


def logistic(seed: int, lesson: Lesson) -> Found:
    """Fit a linear model for each task."""
    given, asked = inputs_of(lesson)
    began = time.perf_counter()
    hot = OneHotEncoder(handle_unknown="ignore").fit(given.categories)
    scale = StandardScaler().fit(_spread(given.numbers))
    x, y = (
        np.hstack(
            [hot.transform(part.categories).toarray(), scale.transform(_spread(part.numbers))]
        )
        for part in (given, asked)
    )
    columns = []
    for task in lesson.tasks:
        labels = labels_of(lesson.train, task, "train")
        known = ~np.isnan(labels)
        if task.kind == "binary":
            model = LogisticRegression(max_iter=300).fit(x[known], labels[known])
            columns.append(model.predict_proba(y)[:, 1])
        else:
            columns.append(Ridge().fit(x[known], labels[known]).predict(y))
    return Found("logistic", seed, np.stack(columns, axis=1), time.perf_counter() - began)


def _spread(numbers: Floats) -> Floats:
    """Return numbers, their logarithms, and whether each is 0 or missing, side by side."""
    missing = np.isnan(numbers)
    known = np.where(missing, 0.0, numbers)
    return np.hstack([known, np.sign(known) * np.log1p(abs(known)), known == 0, missing])


LEARN: dict[str, Callable[[int, Lesson], Found]] = {"lightgbm": lightgbm, "logistic": logistic}


def score(task: Task, scores: Floats, labels: Floats) -> float:
    """Return AUC, or R² for a number."""
    known = ~np.isnan(labels)
    judged = roc_auc_score if task.kind == "binary" else r2_score
    return float(judged(labels[known], scores[known]))


def records(found: Sequence[Found], lesson: Lesson) -> Iterator[dict[str, Any]]:
    """Yield what each model scored."""
    for each in found:
        for k, task in enumerate(lesson.tasks):
            labels = labels_of(lesson.judge, task, "judge")
            value = round(score(task, each.scores[:, k], labels), 6)
            head = {"model": each.name, "seed": each.seed, "task": task.name}
            yield {**head, "score": value, "train_seconds": round(each.seconds, 1)}


def differences(found: Sequence[Found], lesson: Lesson, draws: int) -> Iterator[dict[str, Any]]:
    """Yield by how much the seeds' mean score of each model differs from LightGBM's."""
    random = np.random.default_rng(1)
    rows = [random.integers(0, lesson.judge.rows, lesson.judge.rows) for _ in range(draws)]
    for k, task in enumerate(lesson.tasks):
        labels = labels_of(lesson.judge, task, "judge")
        means: dict[str, Floats] = {}
        for name in dict.fromkeys(each.name for each in found):
            scores = [each.scores[:, k] for each in found if each.name == name]
            drawn = [[score(task, s[d], labels[d]) for s in scores] for d in rows]
            means[name] = np.mean(drawn, axis=1)
        for name, values in means.items():
            gained = np.sort(values - means["lightgbm"])
            if name != "lightgbm":
                low, high = float(gained[draws // 40]), float(gained[-1 - draws // 40])
                limits = {"low": round(low, 5), "high": round(high, 5)}
                difference = round(float(gained.mean()), 5)
                yield {"task": task.name, "model": name, "less_lightgbm": difference, **limits}


def table(said: Sequence[dict[str, Any]], tasks: Sequence[Task]) -> Iterator[str]:
    """Yield the lines of a Markdown table: means over seeds, with the range."""
    yield "| model | " + " | ".join(task.name for task in tasks) + " | training, s |"
    yield "|---" * (len(tasks) + 2) + "|"
    for name in dict.fromkeys(record["model"] for record in said):
        own = [record for record in said if record["model"] == name]
        cells = [_cell([r["score"] for r in own if r["task"] == task.name]) for task in tasks]
        seconds = statistics.median(record["train_seconds"] for record in own)
        yield f"| {name} | " + " | ".join(cells) + f" | {seconds:.0f} |"


def _cell(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.4f} [{min(values):.4f}-{max(values):.4f}]"


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    found = argparse.ArgumentParser(description="Measure multi-task models beside others.")
    add = found.add_argument
    add("train_table", metavar="TRAIN", help="A table to learn from.")
    add("judge_table", metavar="JUDGE", help="A table to be judged on.")
    add("--task", action="append", required=True, help="As for dssm train-rec.")
    add("--ignore", action="append", default=[], help="No feature.")
    add("--arch", nargs="*", choices=ARCHS, default=["mmoe", "shared-bottom"], help="Ours.")
    add("--baselines", nargs="*", choices=BASELINES, default=list(BASELINES), help="Others.")
    add("--seeds", nargs="+", type=int, default=[0, 1, 2], help="One training each.")
    add("--threads", type=int, default=2, help="Processor threads of a training.")
    add("--train", default="", help="Further options of dssm train-rec, in quotes.")
    add("--draws", type=int, default=200, help="Drawings anew for intervals; 0 for none.")
    add("--json", type=Path, help="Also write every record here, one a line.")
    return found


def main() -> None:
    """Measure, print the table and the differences."""
    options = parser().parse_args()
    train = read_table([options.train_table], BadRows())
    judge = read_table([options.judge_table], BadRows())
    lesson = Lesson(parse_tasks(options.task, list(train.columns)), train, judge, options)
    found = [LEARN[name](s, lesson) for name in options.baselines for s in options.seeds]
    found += [ours(arch, seed, lesson) for arch in options.arch for seed in options.seeds]
    said = list(records(found, lesson))
    lines = [*table(said, lesson.tasks)]
    if options.draws and "lightgbm" in options.baselines:
        apart = list(differences(found, lesson, options.draws))
        said += apart
        lines += [
            f"{d['model']} less lightgbm, {d['task']}: {d['less_lightgbm']:+.4f} "
            f"[{d['low']:+.4f} to {d['high']:+.4f}]"
            for d in apart
        ]
    if options.json:
        options.json.write_text("".join(json.dumps(each) + "\n" for each in said), "utf-8")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
