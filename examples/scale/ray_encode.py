"""Encode a file of texts, one a line, with Ray Data: on this machine, or on a cluster's.

    python ray_encode.py RUN TEXTS FOLDER [--workers N] [--side text|query|title] [--check VECTORS.npy]

Plain vectors (`--side text`) are all of one kind, to compare with each other. To search titles for queries encode
the titles with `--side title` and the queries with `--side query`, as with `dssm encode`.

FOLDER gets parquet files with the columns `text` and `vector`; in the order of their names they have the rows in the
order of the lines. `--check` compares them with what `dssm encode` wrote.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet
import ray
import ray.data

import dssmcli

BATCH = 8192
# Reading and writing need little of a processor, but where the workers had all of them would wait for ever.
WORKER, REST = {"num_cpus": 0.75}, {"num_cpus": 0.1}


class Encode:
    """Each worker has an encoder of its own: it fills tables as it meets words."""

    def __init__(self, encoder: ray.ObjectRef, side: str) -> None:
        self.encoder, self.side = ray.get(encoder), side

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {"text": batch["text"], "vector": self.encoder.encode([*batch["text"]], self.side)}


def encode(run: str, texts: str, folder: str, workers: int, side: str) -> None:
    """Write the vectors of a file's lines as parquet."""
    # The parts are written in the order of the lines.
    ray.data.DataContext.get_current().execution_options.preserve_order = True
    encoder = ray.put(dssmcli.load(run))
    lines = ray.data.read_text(texts, drop_empty_lines=False, ray_remote_args=REST)
    # What is put is fetched once by each machine.
    rows = lines.map_batches(
        Encode,
        fn_constructor_args=[encoder, side],
        batch_size=BATCH,
        compute=ray.data.ActorPoolStrategy(size=workers),
        **WORKER,
    )
    rows.write_parquet(folder, ray_remote_args=REST)


def read(folder: str) -> np.ndarray:
    """Return the vectors of all parts, in order."""
    parts = [
        pyarrow.parquet.read_table(path, columns=["vector"])
        for path in sorted(Path(folder).glob("*.parquet"))
    ]
    return np.concatenate([np.stack(part["vector"].to_numpy()) for part in parts if len(part)])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run")
    parser.add_argument("texts")
    parser.add_argument("folder")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--side", choices=("text", "query", "title"), default="text")
    parser.add_argument("--check", metavar="VECTORS.npy")
    given = parser.parse_args()
    if Path(given.folder).exists():
        sys.exit(f"{given.folder} exists: parts of another time would stand among the new ones.")
    encode(given.run, given.texts, given.folder, given.workers, given.side)
    if given.check:
        vectors, expected = read(given.folder), np.load(given.check)
        assert vectors.shape == expected.shape, (vectors.shape, expected.shape)
        print(
            f"{len(vectors)} rows, the largest difference is {np.abs(vectors - expected).max():.1e}"
        )


if __name__ == "__main__":
    main()
