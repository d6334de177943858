"""Measures the speed of `dssm predict`, beside reading the same table with Python's csv module.

    python benchmarks/predict.py RUN TABLE [--rows 500000] [--runs 5] [--json predict.json]

The rows of TABLE are repeated until there are enough. Whole processes take turns: predictions with
all threads and with one, and a process that splits every row and keeps nothing. Then the time to a
first answer: a table of one row, beside importing numpy.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from timing import in_turns, process, show

DSSM = str(Path(sys.executable).parent / "dssm")
_READ = """
import csv, sys
with open(sys.argv[1], newline="") as stream:
    for row in csv.reader(stream):
        pass
"""


def repeated(table: Path, rows: int, output: Path) -> int:
    """Write a table's header and its rows, again and again; return how many."""
    header, _, body = table.read_bytes().partition(b"\n")
    body = body.rstrip(b"\n") + b"\n"
    times = max(1, round(rows / body.count(b"\n")))
    with output.open("wb") as stream:
        stream.write(header + b"\n")
        for _ in range(times):
            stream.write(body)
    return times * body.count(b"\n")


def measured(run: str, table: Path, rows: int, runs: int) -> list[dict[str, Any]]:
    """Time all, and show it."""
    with tempfile.TemporaryDirectory() as folder:
        many, one, out = (Path(folder) / name for name in ("many", "one", "out"))
        count = repeated(table, rows, many)
        one.write_bytes(b"\n".join(table.read_bytes().split(b"\n")[:2]) + b"\n")
        predict = [DSSM, "predict", "-q", "-m", run]
        streams = {
            "dssm predict, 2 threads": process([*predict, "--threads", "2", str(many)], out),
            "dssm predict, 1 thread": process([*predict, "--threads", "1", str(many)], out),
            "csv module alone": process([sys.executable, "-c", _READ, str(many)]),
        }
        cold = {
            "dssm predict, one row": process([*predict, str(one)], out),
            "import numpy": process([sys.executable, "-c", "import numpy"]),
        }
        found = show("Prediction", "rows", in_turns(streams, count, runs))
        return found + show("First answer", "answers", in_turns(cold, 1, 3 * runs))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure the speed of dssm predict.")
    add = parser.add_argument
    add("run", metavar="RUN", help="A multi-task run.")
    add("table", type=Path, metavar="TABLE", help="A table it can predict, not compressed.")
    add("--rows", type=int, default=500_000, help="About so many rows.")
    add("--runs", type=int, default=5, help="Times each is run.")
    add("--json", type=Path, help="Also write the figures here.")
    options = parser.parse_args()
    found = measured(options.run, options.table, options.rows, options.runs)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
