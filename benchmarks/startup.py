"""Measures how long a first answer takes: whole processes, beside `python -c "import numpy"`.

    python benchmarks/startup.py [--runs 21] [--model DIR ...]

Without --model a run of each tower is trained on the English example first. Commands take turns,
so that whatever else the machine does falls on all of them; medians and their ratios are printed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXAMPLE = Path(__file__).parent.parent / "examples" / "clicks-en" / "clicks.tsv"
DSSM = str(Path(sys.executable).parent / "dssm")
NUMPY = "import numpy"


def trained(folder: Path) -> list[Path]:
    """Train a run of each tower into a folder."""
    runs = [folder / arch for arch in ("dnn", "cnn", "lstm")]
    for run in runs:
        words = ["train", "--arch", run.name, "--epochs", "1", "-q", "-o", str(run), str(EXAMPLE)]
        subprocess.run([DSSM, *words], check=True)
    return runs


def commands(runs: list[Path]) -> dict[str, list[str]]:
    """Return what is timed, by name; the first is what the others are compared with."""
    pair = ["cheap settee for two", "Two Seat Sofa, Grey"]
    timed = {NUMPY: [sys.executable, "-c", NUMPY]}
    timed |= {f"dssm score -m {run.name}": [DSSM, "score", "-m", str(run), *pair] for run in runs}
    timed["dssm --help"] = [DSSM, "--help"]
    timed["import torch"] = [sys.executable, "-c", "import torch"]
    return timed


def seconds(command: list[str]) -> float:
    """Run a command once, with one thread, and return its wall time."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - began


def main() -> None:
    """Time the commands in turns and print a table."""
    parser = argparse.ArgumentParser(description="Time a first answer beside importing numpy.")
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--model", type=Path, action="append", help="A run to score with.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        timed = commands(options.model or trained(Path(folder)))
        taken: dict[str, list[float]] = {name: [] for name in timed}
        for turn in range(options.runs + 1):
            for name, command in timed.items():
                duration = seconds(command)
                if turn:  # the first turn only warms the file cache
                    taken[name].append(duration)
    floor = statistics.median(taken[NUMPY])
    print("| command | median ms | range | ratio |\n|---|---|---|---|")
    for name, times in taken.items():
        middle = statistics.median(times)
        spread = f"{min(times) * 1e3:.0f}-{max(times) * 1e3:.0f}"
        print(f"| `{name}` | {middle * 1e3:.0f} | {spread} | {middle / floor:.2f} |")


if __name__ == "__main__":
    main()
