"""Train every model on this example, by several seeds, and print the figures of its README.

    python compare.py                # seeds 1 2 3, in a temporary folder; a few minutes
    python compare.py --seeds 1 --models mmoe linear

AUC of `bought` and `back`, R² of `minutes`, on heldout.csv. `linear` is what scikit-learn makes of
the same columns: logistic regression, ridge regression for `minutes`. `ceiling` is what the chances
that the visits were drawn by reach themselves.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from make_table import ceiling, world
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from dssmcli.metrics import auc, r_squared

HERE = Path(__file__).resolve().parent
TASKS = {"bought": "bought", "back": "back=same day|this week", "minutes": "minutes:regression"}
MODELS = {
    "mmoe": ("mmoe",),
    "mmoe, one gate": ("mmoe", "--gate", "shared"),
    "shared-bottom": ("shared-bottom",),
    "single-task": ("single-task",),
}
CATEGORIES = ("weekday", "hour", "device", "source", "region", "first_page")
NUMBERS = ("age", "visits_before", "spent_before", "load_seconds")

Floats = NDArray[np.float64]
Columns = dict[str, list[str]]


def columns(name: str) -> Columns:
    """Return the texts of each column of a table."""
    with (HERE / name).open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def labels(table: Columns, task: str) -> Floats:
    """Return a task's labels, nan where there is none."""
    if task == "back":
        return np.array([np.nan if not each else float(each != "no") for each in table["back"]])
    return np.array([float(each) for each in table[task]])


def figures(predicted: dict[str, Floats], table: Columns) -> dict[str, float]:
    """Return each task's figure."""
    found = {}
    for task, values in predicted.items():
        truth = labels(table, task)
        found[task] = r_squared(values, truth) if task == "minutes" else auc(values, truth > 0)
    return found


def trained(options: tuple[str, ...], seed: int) -> dict[str, float]:
    """Train a model and return its figures."""
    arch, *more = options
    program = [sys.executable, "-m", "dssmcli"]
    tasks = [word for spec in TASKS.values() for word in ("--task", spec)]
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        settings = [*tasks, "--ignore", "day", *more]
        settings += ["--seed", seed, "--threads", 2, "-o", run, "-q", HERE / "visits.csv"]
        subprocess.run([*program, "train-rec", arch, *map(str, settings)], check=True)
        given = ["predict", "-q", "-m", str(run), str(HERE / "heldout.csv")]
        done = subprocess.run([*program, *given], check=True, capture_output=True, text=True)
    rows = np.array([line.split("\t") for line in done.stdout.splitlines()[1:]], float)
    predicted = dict(zip(TASKS, rows.T, strict=True))
    return figures(predicted, columns("heldout.csv"))


def linear() -> dict[str, float]:
    """Return the figures of linear models of the same columns."""
    log, heldout = columns("visits.csv"), columns("heldout.csv")
    predicted = {}
    for task in TASKS:
        known = ~np.isnan(labels(log, task))
        model = (
            RidgeCV(np.logspace(-2, 3, 11))
            if task == "minutes"
            else LogisticRegression(max_iter=5000)
        )
        fitted = make_pipeline(_prepared(), model).fit(_frame(log)[known], labels(log, task)[known])
        if task == "minutes":
            predicted[task] = fitted.predict(_frame(heldout))
        else:
            predicted[task] = fitted.predict_proba(_frame(heldout))[:, 1]
    return figures(predicted, heldout)


def _frame(table: Columns) -> NDArray[np.object_]:
    texts = [np.array(table[name], object) for name in CATEGORIES]
    numbers = [np.array([float(x or "nan") for x in table[name]], object) for name in NUMBERS]
    return np.stack([*texts, *numbers], axis=1)


def _prepared() -> ColumnTransformer:
    split = len(CATEGORIES)
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    return ColumnTransformer(
        [
            ("categories", OneHotEncoder(handle_unknown="ignore"), [*range(split)]),
            ("numbers", numbers, [*range(split, split + len(NUMBERS))]),
        ]
    )


def main() -> None:
    """Print a row a model: each figure's mean, with its range where seeds differ."""
    parser = argparse.ArgumentParser(description="Compare models on this example.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    every = [*MODELS, "linear", "ceiling"]
    parser.add_argument("--models", nargs="+", default=every, choices=every)
    options = parser.parse_args()
    print("| |", " | ".join(TASKS), "|\n|---|" + "---|" * len(TASKS))
    for name in options.models:
        if name in MODELS:
            found = [trained(MODELS[name], seed) for seed in options.seeds]
        else:
            found = [linear() if name == "linear" else ceiling(world())]
        cells = [_cell([each[task] for each in found]) for task in TASKS]
        print(f"| {name} |", " | ".join(cells), "|", flush=True)


def _cell(values: list[float]) -> str:
    mean, low, high = (f"{f(values):.3f}"[1:] for f in (np.mean, min, max))
    return mean if low == high else f"{mean} [{low}-{high}]"


if __name__ == "__main__":
    main()
