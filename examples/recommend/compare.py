"""Train what the tables of the README show, by several seeds, and print them.

    python compare.py candidates     # seeds 1 2 3; a few minutes on one core
    python compare.py ranking --seeds 1 --rows 'defaults' 'item means' ceiling

A row is a model; a cell the mean of the seeds, with the range where they differ. Beside the models
stand what `dssm eval` compares candidates with, what is simple enough to be written here, and the
`ceiling`: what the chances reach by which the later logs were drawn.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from make_log import ceiling, world
from numpy.typing import NDArray

from dssmcli.metrics import auc, watch_time_pairs

HERE = Path(__file__).resolve().parent
CANDIDATES: dict[str, tuple[str, ...]] = {
    "--example-age": ("--example-age",),
    "defaults": (),
    "--example-age, mean": ("--example-age", "--pooling", "mean", "--pools", "1"),
    "mean": ("--pooling", "mean", "--pools", "1"),
    "mean and nothing else": (
        *("--pooling", "mean", "--pools", "1"),
        *("--last", "0", "--no-echo", "--no-skip"),
    ),
}
RANKING: dict[str, tuple[str, ...]] = {
    "defaults": (),
    "--heads watch_time": ("--heads", "watch_time"),
    "--heads odds": ("--heads", "odds"),
    "--heads click": ("--heads", "click"),
    "--ignore position": ("--ignore", "position"),
    "--no-powers": ("--no-powers",),
    "--units 256": ("--units", "256"),
    "--units 64": ("--units", "64"),
}
COLUMNS = {
    "candidates": ("hr@10", "unseen.hr@10"),
    "ranking": ("per_user_loss", "bias", "auc", "click auc"),
}
DAYS = 2

Row = dict[str, float]


def dssm(*words: object) -> str:
    """Run a command and return what it prints."""
    line = [sys.executable, "-m", "dssmcli", *map(str, words)]
    return subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True).stdout


def evaluated(run: Path, *words: object) -> dict[str, Row]:
    """Return the figures of a run, and of what it is compared with, by their names."""
    lines = dssm("eval", "-m", run, "--json", "--bootstrap", 0, "--threads", 1, "-q", *words)
    reports = map(json.loads, lines.splitlines())
    return {each["run"]: each for each in reports if "differences" not in each}


def candidates(options: tuple[str, ...], seed: int) -> dict[str, Row]:
    """Train candidate generation; return the figures of the model and of the baselines."""
    log = HERE / "watches.tsv"
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        settings = ["--search", "search", "--context", "device", *options, "--seed", seed]
        settings += ["--threads", 1, "-o", run, "-q"]
        dssm("train-rec", "youtube-candidates", *settings, log)
        found = evaluated(run, "--history", log, HERE / "later-watches.tsv")
    # The decay of item-kNN stands behind its name.
    return {name.split(",")[0].replace(str(run), "model"): row for name, row in found.items()}


def ranking(options: tuple[str, ...], seed: int) -> Row:
    """Train ranking; return the figures of the head that ranks, and the AUC of the head of clicks."""
    heads = options[options.index("--heads") + 1] if "--heads" in options else "watch_time"
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        settings = ["--outcome", "liked", *options, "--seed", seed, "--threads", 1, "-o", run, "-q"]
        dssm("train-rec", "youtube-ranking", *settings, HERE / "impressions.tsv")
        figures = evaluated(run, HERE / "later-impressions.tsv")[str(run)]
    found = {name: figures.get(f"{heads}.{name}", np.nan) for name in COLUMNS["ranking"][:3]}
    return {**found, "click auc": figures.get("click.auc", np.nan)}


def read(name: str) -> list[dict[str, str]]:
    """Return the rows of a log."""
    with (HERE / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def lately_popular() -> Row:
    """Return the figures of what was watched most in the log's last days."""
    log, later = read("watches.tsv"), read("later-watches.tsv")
    moments = [datetime.fromisoformat(row["timestamp"]) for row in log]
    since = max(moments) - timedelta(days=DAYS)
    pairs = zip(log, moments, strict=True)
    order = [item for item, _ in Counter(r["item"] for r, at in pairs if at > since).most_common()]
    seen = defaultdict(set)
    for row in log:
        seen[row["user"]].add(row["item"])
    found = []
    for row in later:
        had = seen[row["user"]]
        if had:
            fresh = [item for item in order if item not in had]
            found.append((row["item"] in order[:10], row["item"] in fresh[:10]))
        had.add(row["item"])
    return dict(zip(COLUMNS["candidates"], np.mean(found, axis=0).tolist(), strict=True))


def item_means() -> Row:
    """Return the figures of how long items were watched on average, clicked or not."""
    log, later = read("impressions.tsv"), read("later-impressions.tsv")
    watched, clicked = (_numbers(later, name) for name in ("watch_time", "clicked"))
    users = np.unique([row["user"] for row in later], return_inverse=True)[1]
    predicted = _means(log, later, "watch_time")
    return {
        "per_user_loss": watch_time_pairs(predicted, watched, clicked, users).loss,
        "bias": float(predicted.mean() / watched.mean()),
        "auc": auc(predicted, clicked > 0),
        "click auc": auc(_means(log, later, "clicked"), clicked > 0),
    }


def _numbers(rows: list[dict[str, str]], name: str) -> NDArray[np.float64]:
    return np.array([float(row[name]) for row in rows])


def _means(
    log: list[dict[str, str]], later: list[dict[str, str]], name: str
) -> NDArray[np.float64]:
    """Return means of items, as if each had been shown five more times and been as all are."""
    mean = _numbers(log, name).mean()
    values: dict[str, list[float]] = defaultdict(lambda: [mean] * 5)
    for row in log:
        values[row["item"]].append(float(row[name]))
    means = {item: np.mean(each) for item, each in values.items()}
    return np.array([means.get(row["item"], mean) for row in later])


def candidate_rows(names: list[str], seeds: list[int]) -> Iterator[tuple[str, list[Row]]]:
    """Yield each row's name and its figures, of each seed."""
    baselines: dict[str, Row] = {}
    for name in names:
        if name in CANDIDATES:
            found = [candidates(CANDIDATES[name], seed) for seed in seeds]
            baselines = found[0]  # which no seed decides
            yield name, [each["model"] for each in found]
        elif name in ("popularity", "item-kNN"):
            baselines = baselines or candidates(("--epochs", "1"), 1)
            yield name, [baselines[name]]
        else:
            yield name, [lately_popular() if name != "ceiling" else ceiling(world())]


def ranking_rows(names: list[str], seeds: list[int]) -> Iterator[tuple[str, list[Row]]]:
    """Yield each row's name and its figures, of each seed."""
    for name in names:
        if name in RANKING:
            yield name, [ranking(RANKING[name], seed) for seed in seeds]
        elif name == "ceiling":
            best = ceiling(world())
            yield name, [{**best, "click auc": best["auc"], "auc": np.nan}]
        else:
            yield name, [item_means()]


LATELY = f"popular in the last {DAYS} days"
ROWS: dict[str, list[str]] = {
    "candidates": [*CANDIDATES, "popularity", LATELY, "item-kNN", "ceiling"],
    "ranking": [*RANKING, "item means", "ceiling"],
}
MAKERS: dict[str, Callable[[list[str], list[int]], Iterator[tuple[str, list[Row]]]]] = {
    "candidates": candidate_rows,
    "ranking": ranking_rows,
}


def main() -> None:
    """Print the rows as they come."""
    parser = argparse.ArgumentParser(description="Compare models on this example.")
    parser.add_argument("stage", choices=tuple(ROWS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="only these")
    options = parser.parse_args()
    names = options.rows or ROWS[options.stage]
    if not set(names) <= set(ROWS[options.stage]):
        parser.error(f"rows are {', '.join(ROWS[options.stage])}")
    columns = COLUMNS[options.stage]
    print("| |", " | ".join(columns), "|\n|---|" + "---|" * len(columns))
    for name, found in MAKERS[options.stage](names, options.seeds):
        cells = [_cell([each[column] for each in found]) for column in columns]
        print(f"| {name} |", " | ".join(cells), "|", flush=True)


def _cell(values: list[float]) -> str:
    mean, low, high = (f"{f(values):.3f}".removeprefix("0") for f in (np.mean, min, max))
    if mean == "nan":
        return "-"
    return mean if low == high else f"{mean} [{low}-{high}]"


if __name__ == "__main__":
    main()
