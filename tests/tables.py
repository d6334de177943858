"""Tables whose right answer is known, for the tests of multi-task models."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.table import Column, Table

EXPERTS = ("--expert-units", "16", "--experts", "4")
UNITS = {
    "mmoe": EXPERTS,
    "shared-bottom": ("--bottom-units", "32"),
    "single-task": ("--bottom-units", "24"),
}
SMALL_TABLE = ("--tower-units", "8", "--batch-size", "64", "--threads", "1", "-q")
TASKS = ("--task", "bought", "--task", "minutes:regression")


class World(NamedTuple):
    """Rows by name, and what is known of them: the logit of `bought`, the mean of `minutes`."""

    columns: dict[str, list[str]]
    logit: npt.NDArray[np.float64]
    mean: npt.NDArray[np.float64]


def world(rows: int, seed: int = 1) -> World:
    """Return visits: a city, an age that may be missing and a price, with what comes of them."""
    random = np.random.default_rng(seed)
    city, age = random.integers(4, size=rows), random.normal(40, 12, size=rows)
    price = np.exp(random.normal(3, 1, size=rows))
    lean = np.array([-1.0, -0.3, 0.4, 1.0])[city]
    logit = 5 * (lean + (age - 40) / 12)
    mean = 3 * lean + np.log(price)
    bought = random.random(rows) < 1 / (1 + np.exp(-logit))
    columns = {
        "city": [["Paris", "Oslo, N", 'the "Hub"', "北京"][i] for i in city],
        "age": [f"{value:.2f}" for value in age],
        "price": [f"{value:.3f}" for value in price],
        "bought": [str(int(each)) for each in bought],
        "minutes": [f"{m + e:.4f}" for m, e in zip(mean, random.normal(size=rows), strict=True)],
    }
    return World(columns, logit, mean)


def write_table(path: Path, columns: dict[str, list[str]], delimiter: str = ",") -> Path:
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def read_predicted(text: str) -> dict[str, npt.NDArray[np.float64]]:
    """Return the columns of what `dssm predict` prints when it keeps none."""
    head, *lines = text.splitlines()
    numbers = np.array([line.split("\t") for line in lines], float)
    return dict(zip(head.split("\t"), numbers.T, strict=True))


def table_of(**columns: Sequence[object]) -> Table:
    """Return a table of columns, each value as its text."""
    made = {}
    for name, values in columns.items():
        texts = [str(value) for value in values]
        known = {text: code for code, text in enumerate(dict.fromkeys(texts))}
        made[name] = Column(name, [*known], np.array([known[t] for t in texts], np.int32))
    return Table(made, len(texts), "")
