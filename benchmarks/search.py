"""Search among titles: how long an index takes to make, a first answer, and many.

python benchmarks/search.py TITLES QUERIES --run RUN [--folder FOLDER] [--faiss]

Makes an index of TITLES (one a line) with a trained run, and prints the seconds and the peak memory
of `dssm index`; of a first `dssm search`, start-up included, with lists and exactly; of all QUERIES
from a pipe; and what share of the ten best the lists find. --faiss: the same vectors in faiss, in
this process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from ann import compare
from timing import Ran, Work, process

import dssmcli


def told(name: str, runs: list[Ran]) -> None:
    """Print the median and the range of some runs' seconds, and their highest peak."""
    seconds = sorted(run.seconds for run in runs)
    peak = max(run.peak or 0 for run in runs)
    middle = statistics.median(seconds)
    print(
        f"{name}: {middle:.3f} s [{seconds[0]:.3f}-{seconds[-1]:.3f}], {peak:,.0f} MiB", flush=True
    )


def ran(work: Work, times: int) -> list[Ran]:
    """Return what each of several runs took."""
    return [found for found in (work() for _ in range(times)) if found is not None]


def libraries(index: Path, queries: Path) -> None:
    """Print what faiss does with the vectors of an index and of queries."""
    from safetensors.numpy import load_file

    texts = queries.read_text("utf-8").splitlines()
    vectors = load_file(index)["vectors"].astype("float32")
    compare(vectors, dssmcli.load_index(index).encoder.encode_query(texts), 10)


def main() -> None:
    """Do all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("titles", type=Path)
    parser.add_argument("queries", type=Path)
    parser.add_argument("--run", required=True)
    parser.add_argument("--folder", type=Path, default=Path())
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", default="2")
    parser.add_argument("--faiss", action="store_true")
    given = parser.parse_args()
    dssm = str(Path(sys.executable).with_name("dssm"))
    index = given.folder / "benchmark.index"
    make = [
        dssm,
        "index",
        str(given.titles),
        "-m",
        given.run,
        "-o",
        str(index),
        "--overwrite",
        "-q",
    ]
    told("index", ran(process([*make, "--threads", given.threads]), 1))
    (first, *_) = given.queries.read_text("utf-8").splitlines()
    search = [dssm, "search", "-i", str(index), "--threads", given.threads]
    told(
        "floor: python -c 'import numpy'",
        ran(process([sys.executable, "-c", "import numpy"]), given.runs),
    )
    told("a first answer", ran(process([*search, first]), given.runs))
    told("a first answer, --exact", ran(process([*search, "--exact", first]), given.runs))
    piped = ["/bin/sh", "-c", '"$0" "$@" - < "$QUERIES"', *search]
    piped = ["/usr/bin/env", f"QUERIES={given.queries}", *piped]
    told("all queries from a pipe", ran(process(piped), given.runs))
    with open(given.queries, "rb") as stream:
        line = [*search, "--recall", "--json", "-"]
        found = json.loads(
            subprocess.run(line, stdin=stream, capture_output=True, check=True).stdout
        )
    print(" ".join(f"{name} {value:.6g}" for name, value in found.items()))
    if given.faiss:
        libraries(index, given.queries)


if __name__ == "__main__":
    main()
