"""Measures how well trained models match, beside a TF-IDF cosine on the same rows.

    python benchmarks/quality.py DATA --arch dnn cnn lstm --seeds 0 1 2 --json quality.json

DATA holds a folder a set, with train.tsv and dev.tsv (text, text, value). Models are trained and
pairs scored by the `dssm` command; both kinds of scores are judged by scikit-learn and scipy.
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
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import roc_auc_score

from dssmcli import rankings
from dssmcli.text.normalize import normalize

Floats = npt.NDArray[np.float64]


class Plan(NamedTuple):
    """A training set and the sets its model is judged on."""

    train: str
    tests: tuple[str, ...]
    kind: str  # what the third column holds: label or grade
    tfidf: dict[str, Any]  # the baseline's features


_CHARACTERS = {"analyzer": "char", "ngram_range": (1, 2), "sublinear_tf": True}
_TRIGRAMS = {"analyzer": "char_wb", "ngram_range": (3, 3), "sublinear_tf": True}

PLANS = (
    Plan("zh_pairs_mix", ("lcqmc", "bq", "atec"), "label", _CHARACTERS),
    Plan("home_depot", ("home_depot",), "grade", _TRIGRAMS),
)


class Pairs(NamedTuple):
    """The columns of a file, (N,) each."""

    query: list[str]
    title: list[str]
    value: Floats


def read(path: Path) -> Pairs:
    """Read a file of text, text, value."""
    with path.open(encoding="utf-8", newline="\n") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines]
    return Pairs([r[0] for r in rows], [r[1] for r in rows], np.array([float(r[2]) for r in rows]))


def judge(scores: Floats, pairs: Pairs, kind: str) -> dict[str, float]:
    """Return AUC for labels; Spearman and NDCG@10 (by query) for grades."""
    if kind == "label":
        return {"auc": float(roc_auc_score(pairs.value > 0, scores))}
    numbers = np.unique(pairs.query, return_inverse=True)[1]
    ranked = rankings.ranking(scores, pairs.value, pairs.value >= 2, numbers, [10])
    return {
        "spearman": float(spearmanr(scores, pairs.value).statistic),
        "ndcg@10": ranked.ndcg[10],
    }


def tfidf_scores(plan: Plan, train: Pairs, test: Pairs) -> Floats:
    """Return the cosines (N,) of TF-IDF vectors fitted on the training texts."""
    vectorizer = TfidfVectorizer(**plan.tfidf)
    vectorizer.fit(map(normalize, dict.fromkeys(train.query + train.title)))
    query = vectorizer.transform(map(normalize, test.query))
    title = vectorizer.transform(map(normalize, test.title))
    return np.asarray(query.multiply(title).sum(axis=1), np.float64).ravel()


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


def measure(plan: Plan, options: argparse.Namespace) -> Iterable[dict[str, Any]]:
    """Yield a record for each test set of each model: TF-IDF, then every tower and seed."""
    files = {name: options.data / name / "dev.tsv" for name in plan.tests}
    tests = {name: read(file) for name, file in files.items()}
    train_file = options.data / plan.train / "train.tsv"
    train = read(train_file)
    for name, test in tests.items():
        yield {"set": name, "model": "tf-idf"} | judge(
            tfidf_scores(plan, train, test), test, plan.kind
        )
    for arch in options.arch:
        for seed in options.seeds:
            with tempfile.TemporaryDirectory() as folder:
                run = Path(folder) / "run"
                began = time.perf_counter()
                chosen = ["--arch", arch, "--seed", str(seed), "--threads", str(options.threads)]
                chosen += ["--value", plan.kind, *shlex.split(options.train)]
                dssm("train", train_file, "-o", run, *chosen, threads=options.threads)
                seconds = time.perf_counter() - began
                for name, file in files.items():
                    scores = dssm_scores(run, file, options.threads)
                    figures = judge(scores, tests[name], plan.kind)
                    extra = {"seed": seed, "train_seconds": round(seconds, 1)}
                    yield {"set": name, "model": arch} | extra | figures


def table(records: list[dict[str, Any]]) -> str:
    """Return a Markdown table: medians over seeds, with the range."""
    lines = ["| set | metric | " + " | ".join(_models(records)) + " |"]
    lines.append("|---" * (len(_models(records)) + 2) + "|")
    for name in dict.fromkeys(r["set"] for r in records):
        for metric in ("auc", "spearman", "ndcg@10"):
            here = [r for r in records if r["set"] == name and metric in r]
            if here:
                cells = [
                    _cell([r[metric] for r in here if r["model"] == m]) for m in _models(records)
                ]
                lines.append(f"| {name} | {metric} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _models(records: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(record["model"] for record in records))


def _cell(values: list[float]) -> str:
    if not values:
        return ""
    middle = f"{statistics.median(values):.4f}"
    return middle if len(values) == 1 else f"{middle} [{min(values):.4f}-{max(values):.4f}]"


def main() -> None:
    """Measure, print the table, write the records."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--arch", nargs="+", default=["dnn", "cnn", "lstm"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--sets", nargs="+", default=[plan.train for plan in PLANS])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="Also write every record here, one a line.")
    parser.add_argument("--train", default="", help="Further options of dssm train, in quotes.")
    options = parser.parse_args()
    records = []
    for plan in (plan for plan in PLANS if plan.train in options.sets):
        for record in measure(plan, options):
            records.append(record)
            print(json.dumps(record), file=sys.stderr, flush=True)
            if options.json:
                options.json.write_text("".join(json.dumps(r) + "\n" for r in records))
    print(table(records))


if __name__ == "__main__":
    main()
