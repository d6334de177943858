"""What a run has met in training: hashes of its rows, by which these are known again.

Of many rows a bottom-k sketch is kept: those with the k smallest hashes. Which these are depends on
the rows alone, so of the rows of another file whose hashes are as small it is known exactly whether
they are among them, and the others are taken to be like these.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.text.hashing import Hashes, joined, mixed, number_hashes

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Marks = npt.NDArray[np.uint32]

MOST = 1 << 16
"""So many different rows are kept at most: of no more, all are known."""
_AT_ONCE = 1 << 18
NAMES = ("trained", "validated")


class Smallest:
    """Keeps, of rows that are met, those with the smallest hashes, each once; in constant memory.

    A row is a hash, and numbers beside it.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._parts: list[tuple[npt.NDArray[Any], ...]] = []
        self._kept = 0
        #: Rows with hashes from here on are not kept; 0 where all are.
        self.below = 0

    def take(self, hashes: Hashes, *beside: npt.NDArray[Any]) -> None:
        """Meet rows (n,)."""
        rows: tuple[npt.NDArray[Any], ...] = (hashes, *beside)
        if self.below:
            small = np.flatnonzero(hashes < np.uint64(self.below))
            rows = tuple(each[small] for each in rows)
        self._parts.append(rows)
        self._kept += len(rows[0])
        if self._kept > 2 * self._most:
            self.rows()

    def rows(self) -> tuple[npt.NDArray[Any], ...]:
        """Return what is kept, in rising order of the hashes: these, and what stands beside."""
        columns = [np.concatenate(each) for each in zip(*self._parts, strict=True)]
        order = np.lexsort(columns[::-1])
        columns = [each[order] for each in columns]
        fresh = np.ones(len(order), np.bool_)
        fresh[1:] = np.any([each[1:] != each[:-1] for each in columns], axis=0)
        columns = [each[fresh] for each in columns]
        if len(columns[0]) > self._most:
            self.below = int(columns[0][self._most])
            end = int(np.searchsorted(columns[0], np.uint64(self.below)))
            columns = [each[:end] for each in columns]
        self._parts, self._kept = [tuple(columns)], len(columns[0])
        return self._parts[0]


class Sketch(NamedTuple):
    """Rows that are known again: hashes (n,) uint64 in rising order, and marks (n,) uint32.

    The hash is of what is judged (the texts, the features, the event), the mark of its answer. Of
    all rows with hashes under `below` (0: of all rows) each different one is there. rows: how many
    rows there were.
    """

    hashes: Hashes
    marks: Marks
    below: int
    rows: int

    def covers(self, hashes: Hashes) -> Bools:
        """Return of which rows (N,) it is known whether they were there."""
        return hashes < np.uint64(self.below) if self.below else np.ones(len(hashes), np.bool_)

    def has(self, hashes: Hashes, marks: Marks | None = None) -> Bools:
        """Return which rows (N,) are there with these marks, or whatever their marks."""
        if marks is None:
            return _among(hashes, self.hashes)
        own = joined(self.hashes, self.marks.astype(np.uint64))
        return _among(joined(hashes, marks.astype(np.uint64)), np.sort(own))


def _among(wanted: Hashes, known: Hashes) -> Bools:
    if not len(known):
        return np.zeros(len(wanted), np.bool_)
    places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.asarray(known[places] == wanted)


NOTHING = Sketch(np.zeros(0, np.uint64), np.zeros(0, np.uint32), 0, 0)


def sketch_of(hashes: Hashes, marks: Marks, most: int = MOST) -> Sketch:
    """Return the sketch of rows (N,)."""
    kept = Smallest(most)
    for first in range(0, max(1, len(hashes)), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        kept.take(hashes[part], marks[part])
    own, beside = kept.rows()
    return Sketch(own, beside, kept.below, len(hashes))


def whole_sketch(hashes: Hashes, marks: Marks) -> Sketch:
    """Return all rows (N,), of which none is left out, to compare others with."""
    return sketch_of(hashes, marks, max(1, len(hashes)))


class Fingerprint(NamedTuple):
    """What a run has learned from, and what chose its weights.

    repeated: how many of the rows learned from stand among them twice or more often. last: the last
    moment that is known, where rows have one, so far behind `origin`. repeated_features: how many
    rows of a table stand there twice or more often whatever their labels, None where unknown.
    of_units: whether the hashes of pairs are of what a model sees of the texts (`seen_hashes`), not
    of the texts themselves.
    """

    trained: Sketch
    validated: Sketch
    repeated: int = 0
    last: float | None = None
    origin: int = 0
    repeated_features: int | None = None
    of_units: bool = False

    @property
    def whole(self) -> bool:
        """Tell whether of each row it is known whether it was there."""
        return not self.trained.below and not self.validated.below

    def to_json(self) -> dict[str, Any]:
        """Return what config.json tells of it."""
        found: dict[str, Any] = {
            "rows": self.trained.rows,
            "valid_rows": self.validated.rows,
            "whole": self.whole,
            "repeated": self.repeated,
        }
        if self.repeated_features is not None:
            found["repeated_features"] = self.repeated_features
        if self.of_units:
            found["of_units"] = True
        if self.last is None:
            return found
        return {**found, "last": self.last, "origin": self.origin}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what the file of a run holds."""
        found: dict[str, npt.NDArray[Any]] = {
            "below": np.array([self.trained.below, self.validated.below], np.uint64)
        }
        for name, sketch in zip(NAMES, (self.trained, self.validated), strict=True):
            found |= {f"{name}.hashes": sketch.hashes, f"{name}.marks": sketch.marks}
        return found


def repeats(hashes: Hashes, marks: Marks | None) -> int:
    """Return how many rows (N,) are equal to another one; without marks, whatever their answers."""
    both = np.sort(hashes if marks is None else joined(hashes, marks.astype(np.uint64)))
    same = np.append(both[1:] == both[:-1], False)
    return int((same | np.append(False, same[:-1])).sum()) if len(both) else 0


def value_marks(value: Floats, kind: str) -> Marks:
    """Return the marks (N,) of the values of pairs: a grade, or whether it is a match."""
    if kind == "grade":
        return short(number_hashes(value))
    return (value > 0).astype(np.uint32)


def short(hashes: Hashes) -> Marks:
    """Return marks (N,) of hashes: half of their bits."""
    return (hashes >> np.uint64(32)).astype(np.uint32)


def label_marks(labels: Floats) -> Marks:
    """Return a mark (N,) of the labels (N, K) of each row."""
    return short(row_hashes([number_hashes(column) for column in labels.T], len(labels)))


def row_hashes(columns: list[Hashes], rows: int) -> Hashes:
    """Return a hash (N,) of each row, given those of its fields, column by column."""
    found = np.zeros(rows, np.uint64)
    for column in columns:
        found = mixed(found ^ column)
    return found
