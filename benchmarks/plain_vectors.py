"""What plain vectors are worth: `dssm encode` without --side, beside vectors by sides and TF-IDF.

    python benchmarks/plain_vectors.py RUN ROWS --train PAIRS [--map] [--json plain.jsonl]

ROWS and PAIRS hold text, text and a value, tab by tab, with a header line or none. Prints, for the
distinct texts of ROWS: the least and the greatest cosine of a text with itself, the median and the
90th percentile of 10,000 pairs drawn at random (never a text with itself). And how well the cosines
of the rows go with their values, by plain vectors, by sides (as `dssm score` does) and by TF-IDF of
the run's units whose weights are counted on the texts of PAIRS: AUC of values 0 and 1, Spearman's
correlation of others; with --map mean average precision of rankings, values above 0 being right.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import dssmcli
from dssmcli import metrics, rankings
from dssmcli.data.baseline import TfIdf

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]

PAIRS = 10_000


class Rows(NamedTuple):
    """Labelled rows (N,)."""

    query: list[str]
    title: list[str]
    value: Floats

    @property
    def texts(self) -> list[str]:
        """Return the distinct texts of both columns."""
        return list(dict.fromkeys([*self.query, *self.title]))


def read(file: Path) -> Rows:
    """Read rows; a first line whose third column is no number names the columns."""
    with file.open(encoding="utf-8", newline="\n") as lines:
        rows = [line.rstrip("\r\n").split("\t")[:3] for line in lines]
    if rows[0][2].strip("0123456789.-"):
        del rows[0]
    queries, titles, values = zip(*rows, strict=True)
    return Rows([*queries], [*titles], np.array(values, np.float64))


def spread(vectors: Floats32) -> dict[str, float]:
    """Return what cosines of plain vectors (N, D) are, of texts with themselves and at random."""
    vectors = vectors[vectors.any(axis=1)]
    own = np.einsum("nd,nd->n", vectors, vectors)
    random = np.random.default_rng(0)
    first = random.integers(0, len(vectors), PAIRS)
    second = (first + random.integers(1, len(vectors), PAIRS)) % len(vectors)
    others = np.einsum("nd,nd->n", vectors[first], vectors[second])
    figures = {"self min": own.min(), "self max": own.max()}
    figures |= {"random median": np.median(others), "random p90": np.quantile(others, 0.9)}
    return {name: float(value) for name, value in figures.items()}


def measured(rows: Rows, cosines: npt.NDArray[Any], with_map: bool) -> float:
    """Return how well cosines go with the values of rows."""
    if with_map:
        queries = np.unique(rows.query, return_inverse=True)[1]
        return rankings.ranking(cosines, rows.value, rows.value > 0, queries, [10]).map
    if set(rows.value.tolist()) <= {0.0, 1.0}:
        return metrics.auc(cosines, rows.value > 0)
    return metrics.spearman(cosines, rows.value)


def tfidf(model: dssmcli.Model, train: Rows, rows: Rows) -> Floats:
    """Return the cosines of rows by TF-IDF fitted on the texts of training rows."""
    known = train.texts
    place = {text: number for number, text in enumerate(dict.fromkeys([*known, *rows.texts]))}
    vectors = TfIdf([*place], model.lookup, len(known))
    sides = (np.array([place[text] for text in texts]) for texts in (rows.query, rows.title))
    return vectors.cosines(*sides)


def figures(run: str, rows: Rows, train: Rows, with_map: bool) -> dict[str, float]:
    """Return all figures of a run, by name."""
    model = dssmcli.load(run)
    plain = dict(zip(rows.texts, model.encode(rows.texts), strict=True))
    found = spread(np.array([*plain.values()]))
    sides = [np.array([plain[text] for text in texts]) for texts in (rows.query, rows.title)]
    by = {
        "plain": np.einsum("nd,nd->n", *sides),
        "sides": model.score_pairs(rows.query, rows.title),
        "tfidf": tfidf(model, train, rows),
    }
    found |= {name: float(measured(rows, cosines, with_map)) for name, cosines in by.items()}
    return found | {"share": model.share, **dict(zip(("q", "t"), model.powers, strict=True))}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("rows", type=Path)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--map", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = figures(given.run, read(given.rows), read(given.train), given.map)
    print(f"{given.run}: " + "  ".join(f"{name} {value:.4f}" for name, value in found.items()))
    if given.json:
        with given.json.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"run": given.run, "rows": str(given.rows), **found}) + "\n")


if __name__ == "__main__":
    main()
