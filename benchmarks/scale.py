"""Candidate generation at scale: a synthetic log, its training, recommendations for 1,000 users.

python benchmarks/scale.py FOLDER [--watches 10000000] [--items 1000000]

Writes the log and the run into FOLDER, and prints seconds and peak memory of each process; then
the time of `dssm recommend` for 1,000 users with lists and exactly, start-up included, and which
share of the exact ones the lists find. With faiss installed, its HNSW and IVF on the same vectors.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from ann import compare
from timing import process

GENRES, LIKED, LENGTH, USERS = 2000, 3, 20, 1000
_AT_ONCE = 500_000


def write_log(path: Path, watches: int, items: int, seed: int) -> None:
    """Write users of 20 watches each, out of the genres that they like, popular items oftener."""
    random = np.random.default_rng(seed)
    each = items // GENRES
    with open(path, "w", encoding="ascii") as stream:
        stream.write("user\titem\ttimestamp\n")
        for first in range(0, watches, _AT_ONCE):
            count = min(_AT_ONCE, watches - first)
            users = np.arange(first, first + count) // LENGTH
            liked = random.integers(GENRES, size=(count // LENGTH + 1, LIKED))
            genre = liked[(users - users[0]), random.integers(LIKED, size=count)]
            # Popularity within a genre falls as a power law does.
            rank = np.minimum(each - 1, (each ** random.random(count) - 1)).astype(np.int64)
            item = genre * each + rank
            stamp = 1_700_000_000 + np.arange(first, first + count)
            rows = zip(users.tolist(), item.tolist(), stamp.tolist(), strict=True)
            stream.write("".join(map("u%d\ti%d\t%d\n".__mod__, rows)))


def served(folder: Path, dssm: str, runs: int) -> None:
    """Print how long `dssm recommend` takes for the first users, and what the lists miss."""
    users = folder / "users.tsv"
    with open(folder / "log.tsv", encoding="ascii") as stream:
        users.write_text("".join(next(stream) for _ in range(USERS * LENGTH + 1)), "ascii")
    line = [dssm, "recommend", "-m", str(folder / "run"), str(users), "-k", "10", "-q"]
    found = {}
    for name, extra in (("lists", []), ("exact", ["--exact"])):
        out = folder / f"{name}.tsv"
        work = process([*line, *extra, "-o", str(out)])
        taken = [work() for _ in range(runs)]
        seconds = sorted(each.seconds for each in taken if each)
        memory = max(each.peak or 0 for each in taken if each)
        print(
            f"recommend, {name}: {USERS} users in {seconds[len(seconds) // 2]:.2f} s "
            f"[{seconds[0]:.2f}-{seconds[-1]:.2f}], {memory:,.0f} MiB",
            flush=True,
        )
        rows = [row.split("\t") for row in out.read_text("utf-8").splitlines()[1:]]
        found[name] = {(user, item) for user, _, item, *_ in rows}
    share = len(found["lists"] & found["exact"]) / len(found["exact"])
    print(f"of the exact 10 best, lists find {share:.3f}")


def libraries(folder: Path, dssm: str) -> None:
    """Print what faiss does with the same vectors, if it is installed."""
    vectors = folder / "items.npy"
    queries = folder / "queries.npy"
    run = str(folder / "run")
    process([dssm, "encode", "-m", run, "--side", "item", "-o", str(vectors)])()
    process(
        [dssm, "encode", "-m", run, "--side", "user", str(folder / "users.tsv"), "-o", str(queries)]
    )()
    compare(np.load(vectors), np.load(queries), 100)


def main() -> None:
    """Do all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--watches", type=int, default=10_000_000)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--threads", default="2")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--serve-only", action="store_true", help="the run is there already")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    dssm = str(Path(sys.executable).with_name("dssm"))
    if not given.serve_only:
        write_log(given.folder / "log.tsv", given.watches, given.items, 1)
        line = [dssm, "train-rec", "youtube-candidates", str(given.folder / "log.tsv")]
        line += ["-o", str(given.folder / "run"), "--overwrite", "--threads", given.threads]
        taken = process(line)()
        assert taken is not None
        seconds, memory = taken.seconds, taken.peak or 0
        print(
            f"train: {given.watches:,} watches of {given.items:,} items in {seconds:.0f} s "
            f"({given.watches / seconds:,.0f}/s, reading included), {memory:,.0f} MiB",
            flush=True,
        )
    served(given.folder, dssm, given.runs)
    libraries(given.folder, dssm)


if __name__ == "__main__":
    main()
