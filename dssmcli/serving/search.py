"""Searches an index: the titles whose vectors are nearest to those of queries."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.arguments import check_lengths, list_of_texts, rows_of_vectors, whole_count
from dssmcli.errors import DataError, RunError
from dssmcli.neighbours import Found, approximate, exact, recall
from dssmcli.run import WEIGHTS
from dssmcli.serving.contents import build_encoder
from dssmcli.serving.encoder import Encoder
from dssmcli.serving.index_file import ENVIRONMENT_VARIABLE, IndexFile

DEFAULT_NAME = "dssm-index"


Floats = npt.NDArray[np.float32]


class Hit(NamedTuple):
    """A title that was found. score: its cosine with the query."""

    id: str
    title: str
    score: float


class Index:
    """An index that is ready to answer.

    `encoder` is the run that its titles were encoded with, `settings` what it says of itself.
    One Index is for one thread at a time.
    """

    def __init__(self, file: IndexFile, encoder: Encoder) -> None:
        self.settings, self.encoder = file.settings, encoder
        self._file, self._vectors, self._lists = file, file.vectors(), file.lists()
        if file.settings.dim != encoder.side_dim:
            raise RunError(
                f"{file.path}: vectors of {file.settings.dim} numbers, not {encoder.side_dim}."
            )

    def __len__(self) -> int:
        return len(self._vectors)

    def __repr__(self) -> str:
        settings = self.settings
        kind = "exact" if self._lists is None else f"{len(self._lists.centres):,} lists"
        return (
            f"Index({settings.titles:,} titles, dim={settings.dim}, {settings.dtype}, {kind}, "
            f"file={str(self._file.path)!r})"
        )

    def __reduce__(self) -> tuple[Callable[..., Index], tuple[str, str, int]]:
        """Say how to make it anew: the file is opened once more, where it must be the same."""
        where = os.path.abspath(self._file.path)
        return _opened_again, (where, self._file.digest, self.encoder.threads)

    def search(
        self, queries: Iterable[str], count: int = 10, whole: bool = False
    ) -> list[list[Hit]]:
        """Return for each query the `count` titles with the highest cosines, the best first.

        Of many titles only some lists are looked into, unless `whole`. Fewer are returned where
        there are fewer titles; a query without letters, digits or symbols finds nothing. Raises
        TypeError for one str instead of a list and for what is no text among the queries,
        ValueError for a count below 1, RunError when the index is damaged.
        """
        queries, count = list_of_texts(queries, "queries"), whole_count(count)
        return self.hits(self.nearest(self.encoder.encode(queries, "query"), count, whole))

    def nearest(self, queries: Floats, count: int, whole: bool = False) -> Found:
        """Return the `count` best titles for vectors of queries, (n, D) float32 unit rows.

        Found.scores (n, K) float32 are cosines, the best first, -inf where there is none;
        Found.places (n, K) int64 are places in the index, which `hits` reads. Raises RunError when
        the index is damaged, ValueError for a count below 1 and for an array of another shape.
        """
        count = whole_count(count)
        queries = rows_of_vectors(queries, self._file.settings.dim, "queries")
        check_lengths(queries, "queries")
        if self._lists is None or whole:
            found = exact(self._vectors, queries, count)
        else:
            found = approximate(self._vectors, self._lists, queries, count)
        if np.isnan(found.scores).any():
            raise RunError(f"{self._file.path}: has vectors that are not of finite numbers.")
        found.scores[~queries.any(axis=1)] = -np.inf
        return found

    def hits(self, found: Found) -> list[list[Hit]]:
        """Return the titles of what `nearest` found, a list for each of its n rows."""
        scores = np.where(np.isfinite(found.scores), found.scores.clip(-1, 1), np.nan)
        return [
            [
                Hit(*self._file.line(place), score)
                for place, score in zip(places, row, strict=True)
                if score == score  # noqa: PLR0124 (nan where there is none)
            ]
            for places, row in zip(found.places.tolist(), scores.tolist(), strict=True)
        ]


def recall_of(index: Index, queries: Sequence[str], count: int) -> dict[str, float]:
    """Return recall@count of the lists against all titles, and queries a second of either search,
    in one thread, without their encoding. Queries that say nothing are left out."""
    vectors = index.encoder.encode(queries, "query")
    vectors = vectors[vectors.any(axis=1)]
    if not len(vectors):
        raise DataError("No queries to measure recall on.")
    seconds, found = [], []
    for whole in (False, True):
        index.nearest(vectors[:1], count, whole)  # so that all has been read
        began = time.perf_counter()
        found.append(index.nearest(vectors, count, whole))
        seconds.append(time.perf_counter() - began)
    return {
        "queries": len(vectors),
        "k": count,
        "recall": recall(*found),
        "queries_per_second": len(vectors) / seconds[0],
        "exact_queries_per_second": len(vectors) / seconds[1],
    }


def find_index(index: str | None) -> Path:
    """Return the file to search: the one named, else $DSSM_INDEX, else ./dssm-index."""
    return Path(index or os.environ.get(ENVIRONMENT_VARIABLE) or DEFAULT_NAME)


def load_index(path: str | Path | None = None, threads: int = 1) -> Index:
    """Load an index: the file named, else $DSSM_INDEX, else ./dssm-index.

    The run it carries comes with it, and encodes large numbers of queries on `threads` processor
    threads. The file is read as it is needed: to change an index, replace it and load it anew.

    Raises RunError when it is missing, damaged, newer than this program or not an index.
    """
    threads = whole_count(threads, "threads")
    file = IndexFile(find_index(str(path) if path is not None else None))
    return _index_of(file, threads)


def _index_of(file: IndexFile, threads: int) -> Index:
    run = file.run()
    return Index(file, build_encoder(run, run.read(WEIGHTS), threads))


def _opened_again(path: str, digest: str, threads: int) -> Index:
    """Return a copy of an index; RunError where its file is another one by now."""
    file = IndexFile(Path(path))
    if file.digest != digest:
        raise RunError(f"{path}: is another index than when this one was copied. Load it anew.")
    return _index_of(file, threads)
