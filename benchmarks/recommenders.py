"""Quality of the recommenders on logs of your own: trains, evaluates, means over seeds.

python benchmarks/recommenders.py candidates LOG [--seeds 0 1 2] [-- OPTIONS of the training]
python benchmarks/recommenders.py ranking LOG [--held 0.1] [-- OPTIONS of the training]

candidates: the last watch of each user who has three or more is held out, and then to be found
among all items from those before it. ranking: the last share of the impressions is held out. The
options behind -- go to the training; columns that are not called as usual are named there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dssmcli.data.records import open_table
from dssmcli.data.times import Clock
from dssmcli.data.tsv import BadRows
from dssmcli.data.watches import WatchColumns

DSSM = str(Path(sys.executable).with_name("dssm"))
_SHOWN = {
    "candidates": ("hr@10", "hr@50", "ndcg@10", "mrr", "unseen.hr@10", "unseen.hr@50"),
    "ranking": (
        *("watch_time.per_user_loss", "odds.per_user_loss", "click.per_user_loss"),
        *("watch_time.auc", "click.auc", "odds.auc", "watch_time.bias", "watch_time.mae"),
        *("watch_time.spearman", "odds.bias", "odds.spearman"),
    ),
}


class Split(NamedTuple):
    """Where a log was cut: the part to train on, and what is held out."""

    train: Path
    held: Path


def split(log: str, folder: Path, kind: str, options: Sequence[str], share: float) -> Split:
    """Write a log in two parts, each with its header."""
    with open_table(log, BadRows()) as file:
        names = list(file.sheet.names)
        every = range(len(names))
        parts = [file.columns(block, every) for block in file.blocks(every)]
    columns = [[field for part in parts for field in part[k]] for k in every]
    named = {options[i][2:]: options[i + 1] for i in range(len(options) - 1)}
    asked = WatchColumns(named.get("user"), named.get("item"), named.get("timestamp"))
    found = asked.found_in(names, log)
    rows = len(columns[0])
    user = np.unique(columns[names.index(str(found.user))], return_inverse=True)[1]
    time = np.arange(rows, dtype=np.float64)
    if found.timestamp:
        clock = Clock()
        stamps = columns[names.index(found.timestamp)]
        assert not clock.wrong(stamps)
        time = clock.read(stamps)
    held = np.zeros(rows, np.bool_)
    if kind == "ranking":
        held[np.argsort(time, kind="stable")[rows - round(share * rows) :]] = True
    else:
        order = np.lexsort((np.arange(rows), time, user))
        last = np.append(np.diff(user[order]) != 0, True)
        held[order[last & (np.bincount(user)[user[order]] >= 3)]] = True
    paths = Split(folder / "train.tsv", folder / "held.tsv")
    for path, chosen in zip(paths, (~held, held), strict=True):
        lines = zip(
            *([column[i] for i in np.flatnonzero(chosen)] for column in columns), strict=True
        )
        text = "".join("\t".join(line) + "\n" for line in [names, *lines])
        path.write_text(text, "utf-8")
    return paths


def measured(parts: Split, folder: Path, kind: str, options: Sequence[str]) -> list[dict[str, Any]]:
    """Train and evaluate once; return what `dssm eval --json` says, and the seconds of training."""
    run = str(folder / "run")
    began = time.perf_counter()
    line = [DSSM, "train-rec", f"youtube-{kind}", str(parts.train), "-o", run, "--overwrite", "-q"]
    subprocess.run([*line, *options], check=True)
    seconds = time.perf_counter() - began
    line = [DSSM, "eval", "-m", run, str(parts.held), "--json", "--bootstrap", "0", "-q"]
    if kind == "candidates":
        line += ["--history", str(parts.train)]
    told = subprocess.run(line, check=True, capture_output=True, text=True).stdout
    found = [json.loads(row) for row in told.splitlines()]
    found = [each for each in found if "compared_with" not in each]
    found[0] |= {"run": "dssm", "seconds": seconds}
    return found


def main() -> None:
    """Print a table: a row a figure, a column a model."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kind", choices=["candidates", "ranking"])
    parser.add_argument("log")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--held", type=float, default=0.1)
    border = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    given, options = parser.parse_args(sys.argv[1:border]), sys.argv[border + 1 :]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = split(given.log, folder, given.kind, options, given.held)
        runs = [
            measured(parts, folder, given.kind, [*options, "--seed", str(seed)])
            for seed in given.seeds
        ]
    names = [each["run"] for each in runs[0]]
    print(f"| {' | '.join(['', *names])} |\n|---|{'---|' * len(names)}")
    for figure in (*_SHOWN[given.kind], "seconds"):
        cells = []
        for k in range(len(names)):
            values = [run[k][figure] for run in runs if figure in run[k]]
            cells.append(_cell(values))
        if any(cells):
            print(f"| {' | '.join([figure, *cells])} |")


def _cell(values: Sequence[float]) -> str:
    """Return a mean, and the range if there is one."""
    if not values:
        return ""
    low, high = min(values), max(values)
    spread = f" [{low:.4g}-{high:.4g}]" if high > low else ""
    return f"{np.mean(values):.4g}{spread}"


if __name__ == "__main__":
    main()
