"""Train the papers' models with one thing changed at a time, and say which patterns hold.

    python examples/papers/run.py DATA --seeds 0 1 2

DATA is a folder with train.tsv and dev.tsv: query, title, grade. Every model is trained by `dssm
train --preset paper`; runs are kept, so that a second call goes on where the first one stopped.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from math import log
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.metrics import spearman
from dssmcli.rankings import query_figures
from dssmcli.text.tokenizers import Lookup

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

KS = (1, 3, 10)
FIGURES = (*(f"NDCG@{k}" for k in KS), "Spearman")
DECIDES = FIGURES.index("NDCG@10")

#: What is trained: the options beside --preset paper.
MODELS = {
    "dnn": "--arch dnn",
    "dnn-words": "--arch dnn --tokenizer word",
    "dnn-one-layer": "--arch dnn --hidden 300",
    "dnn-50-negatives": "--arch dnn --random-negatives 50",
    "cnn": "--arch cnn",
    "cnn-window-1": "--arch cnn --window 1",
    "cnn-window-5": "--arch cnn --window 5",
    "lstm": "--arch lstm",
}
#: What has nothing to learn but how rare a feature is: the tokenizer.
UNSUPERVISED = {"tfidf-words": "word", "tfidf-trigrams": "trigram"}


class Pattern(NamedTuple):
    """What a paper found: `better` above `worse`."""

    name: str
    said: str
    better: str
    worse: str


PATTERNS = (
    Pattern("hashing", "letter trigrams above whole words", "dnn", "dnn-words"),
    Pattern("cnn", "CNN above DNN", "cnn", "dnn"),
    Pattern("negatives", "50 negatives above 4 (DNN)", "dnn-50-negatives", "dnn"),
    Pattern("window", "window 3 above 1", "cnn", "cnn-window-1"),
    Pattern("window-5", "window 3 above 5", "cnn", "cnn-window-5"),
    Pattern("lstm", "LSTM above CNN", "lstm", "cnn"),
    Pattern("supervised", "DNN above TF-IDF of words", "dnn", "tfidf-words"),
    Pattern("supervised-trigrams", "DNN above TF-IDF of trigrams", "dnn", "tfidf-trigrams"),
    Pattern("depth", "two hidden layers above one", "dnn", "dnn-one-layer"),
)
BY_LENGTH = "lstm"


class Test(NamedTuple):
    """Rows (N,) to judge on; every query, numbered from 0, has a title of relevance above 0."""

    query: Ints
    relevance: Floats
    words: Ints  # of the title

    def of(self, rows: npt.NDArray[np.bool_]) -> Test:
        """Return some of the rows, (N,), their queries numbered anew."""
        query = np.unique(self.query[rows], return_inverse=True)[1]
        return Test(query, self.relevance[rows], self.words[rows])


def read(file: Path) -> list[list[str]]:
    """Read rows of query, title, grade."""
    with file.open(encoding="utf-8", newline="\n") as lines:
        return [line.rstrip("\n").split("\t") for line in lines]


def test_of(rows: list[list[str]]) -> tuple[Test, npt.NDArray[np.bool_]]:
    """Return what is judged, and which rows (N,) it is made of.

    Grades are stretched to the papers' scale, 0 to 4. Queries whose titles are all 0 are left out.
    """
    grade = np.array([float(row[2]) for row in rows])
    relevance = 4 * (grade - grade.min()) / (grade.max() - grade.min())
    query = np.unique([row[0] for row in rows], return_inverse=True)[1]
    used = np.bincount(query, relevance)[query] > 0
    words = np.array([len(row[1].split()) for row in rows])
    return Test(query, relevance, words).of(used), used


def thirds_of(test: Test) -> list[npt.NDArray[np.bool_]]:
    """Split queries by how many words their titles have on average: three masks of rows (N,)."""
    length = np.bincount(test.query, test.words) / np.bincount(test.query)
    third = np.searchsorted(np.quantile(length, [1 / 3, 2 / 3]), length)[test.query]
    return [third == i for i in range(3)]


# Scores


def trained(name: str, seed: int, options: argparse.Namespace) -> Path:
    """Return the run of a model, trained if it is not there."""
    run: Path = options.runs / f"{name}-epochs-{options.epochs}-seed-{seed}"
    if not run.exists():
        chosen = [*MODELS[name].split(), "--epochs", options.epochs, "--threads", options.threads]
        shared = ["--value", "grade", "--preset", "paper", "--seed", seed, "--overwrite"]
        dssm("train", options.data / "train.tsv", "-o", run, *shared, *chosen)
    return run


def dssm(*words: object) -> str:
    """Run the command and return what it printed; its messages pass through."""
    command = [sys.executable, "-m", "dssmcli", *map(str, words)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode()


def scores_of(run: Path, file: Path) -> Floats:
    """Return the cosines (N,) that a run gives a file's rows."""
    lines = dssm("score", "-m", run, "--pairs", file, "--json", "--quiet").splitlines()
    return np.array([json.loads(line)["score"] for line in lines])


def tfidf(tokenizer: str, train: list[list[str]], rows: list[list[str]]) -> Floats:
    """Return the cosines (N,) of TF-IDF, with ln(texts / texts that have it) from the train part."""
    lookup = Lookup.shipped(tokenizer)
    texts = {text for row in train for text in row[:2]}
    known = Counter(piece for text in texts for piece in set(pieces(lookup, text)))
    idf = {piece: log(len(texts) / count) for piece, count in known.items()}
    found = {
        text: weighed(pieces(lookup, text), idf, log(len(texts)))
        for row in rows
        for text in row[:2]
    }
    return np.array([cosine(found[query], found[title]) for query, title, _ in rows])


def pieces(lookup: Lookup, text: str) -> list[str]:
    """Return the features of a text's units: whole words, or letter trigrams."""
    return [feature for unit in lookup.describe(text) for feature in unit.features]


def weighed(found: list[str], idf: dict[str, float], unknown: float) -> dict[str, float]:
    """Return weights of length 1; a feature that is not in the train part is a rare one."""
    weights = {piece: n * idf.get(piece, unknown) for piece, n in Counter(found).items()}
    length = sum(weight**2 for weight in weights.values()) ** 0.5
    return {piece: weight / length for piece, weight in weights.items()} if length else {}


def cosine(a: dict[str, float], b: dict[str, float]) -> float:
    """Return the cosine of two weighings of length 1."""
    return sum(weight * b.get(piece, 0.0) for piece, weight in a.items())


# Figures


def resampled(scores: Floats, test: Test, draws: int) -> Floats:
    """Return the figures (1 + draws, F): of all queries, then of queries drawn anew each time.

    The same draws for every model, so that differences are of the same queries.
    """
    found = query_figures(scores, test.relevance, test.relevance > 0, test.query, KS)
    order = np.argsort(test.query, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(test.query))[:-1])
    random = np.random.default_rng(0)
    queries = len(rows)
    figures = []
    for drawn in [np.arange(queries), *(random.integers(0, queries, (draws, queries)))]:
        some = np.concatenate([rows[i] for i in drawn])
        ranked = [found.ndcg[k][drawn].mean() for k in KS]
        figures.append([*ranked, spearman(scores[some], test.relevance[some])])
    return np.array(figures)


class Gain(NamedTuple):
    """How much higher each figure (F,) is, with its 95 % interval, and for each seed (S, F)."""

    mean: Floats
    low: Floats
    high: Floats
    seeds: Floats

    @property
    def verdict(self) -> str:
        """Say whether the interval of NDCG@10 is on one side of 0, with every seed on that side."""
        low, high, seeds = self.low[DECIDES], self.high[DECIDES], self.seeds[:, DECIDES]
        if len(seeds) < 2 or low <= 0 <= high:
            return "undecided"
        if low > 0 and (seeds > 0).all():
            return "holds"
        return "does not hold" if high < 0 and (seeds < 0).all() else "undecided"


def gain(better: Sequence[Floats], worse: Sequence[Floats]) -> Gain:
    """Compare two models, seed by seed; an interval is of seeds and queries drawn anew.

    Each (1 + draws, F) a seed, see resampled.
    """
    each = np.stack(better) - np.stack(worse)  # (S, 1 + draws, F)
    seeds, draws = len(each), each.shape[1] - 1
    chosen = np.random.default_rng(1).integers(0, seeds, (draws, seeds))
    drawn = each[chosen, np.arange(1, draws + 1)[:, None]].mean(axis=1)  # (draws, F)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return Gain(each[:, 0].mean(axis=0), low, high, each[:, 0])


class Measured:
    """The scores of every model and seed on the rows of a test."""

    def __init__(self, scores: dict[str, dict[int, Floats]], test: Test, draws: int) -> None:
        self._found = {
            name: {seed: resampled(each, test, draws) for seed, each in seeds.items()}
            for name, seeds in scores.items()
        }

    def gain(self, pattern: Pattern) -> Gain:
        """Compare what a pattern names, on the seeds that both have."""
        better, worse = self._found[pattern.better], self._found[pattern.worse]
        seeds = [seed for seed in better if seed in worse]
        return gain([better[seed] for seed in seeds], [worse[seed] for seed in seeds])

    def table(self) -> str:
        """Return the figures of every model: means over seeds, with the range."""
        lines = _head("model", "seeds", *FIGURES)
        for name, seeds in self._found.items():
            values = np.stack([each[0] for each in seeds.values()])
            count = "" if name in UNSUPERVISED else str(len(seeds))
            lines.append(_line(name, count, *map(_spread, values.T)))
        return "\n".join(lines)


def _spread(values: Floats) -> str:
    low, mean, high = (_short(value) for value in (values.min(), values.mean(), values.max()))
    return mean if low == high else f"{mean} [{low}-{high}]"


def _short(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".", 1)


def _head(*words: str) -> list[str]:
    return [_line(*words), "|" + "---|" * len(words)]


def _line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def pattern_row(said: str, found: Gain) -> str:
    """Return a row of the table of patterns."""
    cells = [
        f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"
        for value, low, high in zip(found.mean, found.low, found.high, strict=True)
    ]
    return _line(said, str(len(found.seeds)), *cells, found.verdict)


def report(
    scores: dict[str, dict[int, Floats]], test: Test, patterns: Iterable[Pattern], draws: int
) -> str:
    """Return the tables: models, patterns, and the LSTM's pattern by the length of titles."""
    whole = Measured(scores, test, draws)
    lines = [whole.table(), "", *_head("pattern", "seeds", *FIGURES, "by NDCG@10")]
    lines += [pattern_row(pattern.said, whole.gain(pattern)) for pattern in patterns]
    for pattern in patterns:
        if pattern.name == BY_LENGTH:
            lines += ["", *_head("titles", "seeds", *FIGURES, "by NDCG@10")]
            lines += _length_rows(pattern, scores, test, draws)
    return "\n".join(lines)


def _length_rows(
    pattern: Pattern, scores: dict[str, dict[int, Floats]], test: Test, draws: int
) -> list[str]:
    both = (pattern.better, pattern.worse)
    lines = []
    for rows in thirds_of(test):
        part = {name: {seed: s[rows] for seed, s in scores[name].items()} for name in both}
        found = Measured(part, test.of(rows), draws).gain(pattern)
        said = f"{test.words[rows].mean():.1f} words on average: {pattern.said}"
        lines.append(pattern_row(said, found))
    return lines


def all_scores(
    options: argparse.Namespace, patterns: list[Pattern]
) -> dict[str, dict[int, Floats]]:
    """Return the scores (N,) of every model that the patterns name, by seed."""
    file = options.data / "dev.tsv"
    names = list(dict.fromkeys(name for p in patterns for name in (p.better, p.worse)))
    found: dict[str, dict[int, Floats]] = {name: {} for name in names}
    for seed in options.seeds:  # every model once, before any is repeated
        for name in names:
            if name in MODELS:
                found[name][seed] = scores_of(trained(name, seed, options), file)
    for name in names:
        if name in UNSUPERVISED:
            scores = tfidf(UNSUPERVISED[name], read(options.data / "train.tsv"), read(file))
            found[name] = dict.fromkeys(options.seeds, scores)
    return found


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    found = argparse.ArgumentParser(
        description="Which of the papers' patterns hold?",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    names, add = [pattern.name for pattern in PATTERNS], found.add_argument
    add("data", type=Path, metavar="DATA", help="A folder with train.tsv and dev.tsv.")
    add("--seeds", nargs="+", type=int, default=[0, 1, 2], help="One training each.")
    add("--patterns", nargs="+", choices=names, default=names, metavar="NAME", help="Only these.")
    add("--runs", type=Path, default=Path("papers-runs"), help="Where the runs are kept.")
    add("--epochs", type=int, default=2, help="The papers' 20 take ten times as long.")
    add("--threads", type=int, default=1, help="Processor threads of a training.")
    add("--draws", type=int, default=200, help="Times that seeds and queries are drawn anew.")
    return found


def main() -> None:
    """Train what is missing, score, print the tables."""
    options = parser().parse_args()
    options.runs.mkdir(parents=True, exist_ok=True)
    patterns = [pattern for pattern in PATTERNS if pattern.name in options.patterns]
    test, used = test_of(read(options.data / "dev.tsv"))
    scores = {
        name: {seed: each[used] for seed, each in seeds.items()}
        for name, seeds in all_scores(options, patterns).items()
    }
    sys.stdout.write(report(scores, test, patterns, options.draws) + "\n")


if __name__ == "__main__":
    main()
