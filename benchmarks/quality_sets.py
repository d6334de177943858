"""The sets that quality.py measures on: what is trained on which, how it is read and judged."""

from __future__ import annotations

import sys
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from dssmcli import rankings

Floats = npt.NDArray[np.float64]

#: Every metric, in the order of the table's rows.
METRICS = ("auc", "spearman", "ndcg@10", "map", "mrr")


class Plan(NamedTuple):
    """A training set and the sets its model is judged on."""

    train: str
    tests: tuple[str, ...]
    language: str  # zh or en
    kind: str  # what the third column holds: label or grade
    metrics: tuple[str, ...]
    #: From this value on a title is a right one in a ranking; queries without one are left out.
    right: float = 1.0
    #: Share of the rows held out of the training part, for a set without a development part.
    held_out: float = 0.0


PLANS = (
    Plan("zh_pairs_mix", ("lcqmc", "bq", "atec", "zh_pairs_mix"), "zh", "label", ("auc",)),
    Plan("qbqtc_v1", ("qbqtc_v1",), "zh", "grade", ("spearman", "ndcg@10")),
    Plan("stsb_zh", ("stsb_zh",), "zh", "grade", ("spearman",)),
    Plan("home_depot", ("home_depot",), "en", "grade", ("spearman", "ndcg@10"), right=2.0),
    Plan("wikiqa", ("wikiqa",), "en", "label", ("map", "mrr")),
    Plan("stsb_en", ("stsb_en",), "en", "grade", ("spearman",)),
    Plan("twitter_url", ("twitter_url",), "en", "label", ("auc",), held_out=0.15),
)


class Pairs(NamedTuple):
    """A file and its columns, (N,) each."""

    file: Path
    query: list[str]
    title: list[str]
    value: Floats


class Parts(NamedTuple):
    """The rows a model of a plan learns from, and those it is judged on, by the set's name."""

    train: Pairs
    tests: dict[str, Pairs]


def read(file: Path) -> Pairs:
    """Read a file of text, text, value."""
    with file.open(encoding="utf-8", newline="\n") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines]
    values = np.array([float(row[2]) for row in rows])
    return Pairs(file, [row[0] for row in rows], [row[1] for row in rows], values)


def parts_of(plan: Plan, data: Path, part: str, folder: Path) -> Parts:
    """Read a plan's files; where rows must be held out, the folder gets the two files of them."""
    train = data / plan.train / "train.tsv"
    if part == "dev" and plan.held_out:
        halves = hold_out(read(train), plan.held_out, folder)
        return Parts(halves[0], {plan.train: halves[1]})
    files = {name: data / name / f"{part}.tsv" for name in plan.tests}
    for file in files.values():
        if not file.exists():
            sys.stderr.write(f"{file} is not there and left out.\n")
    return Parts(read(train), {name: read(file) for name, file in files.items() if file.exists()})


def hold_out(pairs: Pairs, share: float, folder: Path) -> tuple[Pairs, Pairs]:
    """Split rows into two files with no text in common: about 1 - share of them, and the share."""
    held = np.array([zlib.crc32(name.encode()) < share * 2**32 for name in _families(pairs)])
    lines = pairs.file.read_bytes().split(b"\n")
    halves = []
    for name, chosen in (("train", ~held), ("dev", held)):
        file = folder / f"{name}.tsv"
        file.write_bytes(b"".join(lines[row] + b"\n" for row in np.flatnonzero(chosen)))
        halves.append(read(file))
    return halves[0], halves[1]


def _families(pairs: Pairs) -> list[str]:
    """Name each row (N,) by the first of all texts that its own are connected with by rows."""
    texts, places = np.unique(pairs.query + pairs.title, return_inverse=True)
    query, title = places.reshape(2, -1)
    links = coo_array((np.ones(len(query)), (query, title)), shape=(len(texts), len(texts)))
    family = connected_components(links, directed=False)[1]
    first = np.unique(family, return_index=True)[1]  # texts are sorted
    return [str(text) for text in texts[first[family[query]]]]


def judge(scores: Floats, pairs: Pairs, plan: Plan) -> dict[str, float]:
    """Return the plan's metrics; a ranking is of the titles of one query."""
    found = {}
    if "auc" in plan.metrics:
        found["auc"] = float(roc_auc_score(pairs.value > 0, scores))
    if "spearman" in plan.metrics:
        found["spearman"] = float(spearmanr(scores, pairs.value).statistic)
    queries = np.unique(pairs.query, return_inverse=True)[1]
    ranked = rankings.ranking(scores, pairs.value, pairs.value >= plan.right, queries, [10])
    found |= {"ndcg@10": ranked.ndcg[10], "map": ranked.map, "mrr": ranked.mrr}
    return {name: found[name] for name in plan.metrics}
