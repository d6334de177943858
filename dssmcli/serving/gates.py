"""Which experts each task of a run goes by, on the rows of a table and on slices of them.

n rows, N experts, K tasks, S slices.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.features import Floats, Ints
from dssmcli.data.records import TableFile, open_table
from dssmcli.data.sheets import Columns
from dssmcli.data.table import places_of
from dssmcli.data.tsv import BadRows, name_of
from dssmcli.errors import DataError, RunError
from dssmcli.serving.blocks import made_of
from dssmcli.serving.predictor import Predictor
from dssmcli.serving.slices import Slice, Slicer, slicer_for, slicer_of

ALL = "(all)"
DEAD = 0.01
"""An expert whose mean weight is below this part of an equal share takes part in nothing."""
SAME = 0.01
"""Gates whose mean weights differ by less than this are the same."""

_JUDGED_ROWS = 100_000
"""So many rows decide what a column holds that is no feature of the run."""
_SIZES = struct.Struct("<qq")


class GateRow(NamedTuple):
    """The gate of a task on the rows of a slice.

    weights: the mean weight of each expert, all adding up to 1. entropy: the mean entropy of the
    rows' gates, in bits: 0 when each row goes by one expert, log2 N when by all alike.
    """

    task: str
    slice: str
    rows: int
    weights: tuple[float, ...]
    entropy: float

    @property
    def mean_entropy(self) -> float:
        """Return the entropy of the mean gate, in bits; no less than the mean of the rows'."""
        return -sum(weight * math.log2(weight) for weight in self.weights if weight > 0)

    @property
    def experts_used(self) -> float:
        """Return how many experts with equal weights would have the mean gate's entropy."""
        return math.pow(2.0, self.mean_entropy)


class GateReport(NamedTuple):
    """The gates of a run on one table: a row a task and slice, first of all rows, task by task.

    column: whose values the slices are, None for all rows alone. shared: whether the tasks have one
    gate by design.
    """

    source: str
    column: str | None
    experts: int
    shared: bool
    rows: tuple[GateRow, ...]

    @property
    def tasks(self) -> list[str]:
        """Return the names of the tasks."""
        return list(dict.fromkeys(row.task for row in self.rows))

    def of_task(self, task: str) -> list[GateRow]:
        """Return the rows of one task."""
        return [row for row in self.rows if row.task == task]

    def dead(self) -> list[int]:
        """Return the experts, from 1, that no task uses on any slice."""
        highest = np.array([row.weights for row in self.rows]).max(axis=0)
        return [i + 1 for i in np.flatnonzero(highest < DEAD / self.experts).tolist()]

    def same(self) -> bool:
        """Tell whether several tasks with gates of their own have the same, on every slice."""
        weights = np.array([[row.weights for row in self.of_task(task)] for task in self.tasks])
        spread = float((weights.max(axis=0) - weights.min(axis=0)).max())
        return len(weights) > 1 and not self.shared and spread < SAME


def check_gates(predictor: Predictor, run: str) -> None:
    """Raise RunError when a run has no gates."""
    model = predictor.model
    if model.experts == 1:
        which = "mmoe with one expert" if model.arch == "mmoe" else model.arch
        raise RunError(
            f"{run}: the run is {which}, so it has no gates. Train one that has some: "
            "dssm train-rec mmoe TABLE --task COLUMN."
        )


def gates_on(
    predictor: Predictor,
    source: str,
    column: str | None,
    bad_rows: BadRows,
    processes: int = 1,
) -> GateReport:
    """Return the gates of a run on the rows of a table, and on slices by one of its columns.

    Memory is flat, whatever the number of rows. Raises DataError when the table lacks a column or
    has no rows.
    """
    with open_table(source, bad_rows) as file:
        sums = _Sums(predictor)
        slicer: Slicer | None = None
        for block in _sliced(_blocks(predictor, file, column, processes), column, predictor):
            slicer = block.slicer
            sums.add(block.gates, block.codes, slicer.size if slicer else 1)
        if not sums.rows:
            raise DataError(f"{name_of(source)}: a header and no rows.")
    found = [Slice(ALL, np.arange(sums.size))]
    found += slicer.slices(sums.counts) if slicer else []
    rows = (sums.row(k, each) for k in range(len(predictor.tasks)) for each in found)
    model = predictor.model
    return GateReport(name_of(source), column, model.experts, model.gate == "shared", tuple(rows))


class _Block(NamedTuple):
    """n rows: their gates (K, n, N), and their texts of the column by which they are sliced."""

    gates: npt.NDArray[np.float32]
    texts: list[str]


class _SlicedBlock(NamedTuple):
    """n rows: their gates (K, n, N), and the code (n,) of each by a slicer."""

    gates: npt.NDArray[np.float32]
    codes: Ints
    slicer: Slicer | None


def _blocks(
    predictor: Predictor, file: TableFile, column: str | None, processes: int
) -> Iterator[_Block]:
    by = [] if column is None else [column]
    needed, experts = len(predictor.columns), predictor.model.experts

    def make(columns: Columns) -> bytes:
        if not columns[0]:
            return b""
        gates = predictor.predicted(columns[:needed]).gates
        assert gates is not None
        plain = np.ascontiguousarray(gates, np.float32).tobytes()
        texts = json.dumps([*columns[needed]] if by else []).encode()
        return _SIZES.pack(gates.shape[0], gates.shape[1]) + plain + texts

    picked = places_of([*predictor.columns, *by], file)
    for made in made_of(file, picked, make, [predictor.reader], processes):
        if made:
            tasks, rows = _SIZES.unpack_from(made)
            shape = (tasks, rows, experts)
            gates = np.frombuffer(made, np.float32, math.prod(shape), _SIZES.size)
            yield _Block(gates.reshape(shape), json.loads(made[_SIZES.size + gates.nbytes :]))


def _sliced(
    blocks: Iterator[_Block], column: str | None, predictor: Predictor
) -> Iterator[_SlicedBlock]:
    """Give rows their slices; those of an unknown column wait until enough have been seen."""
    if column is None:
        for block in blocks:
            yield _SlicedBlock(block.gates, np.zeros(block.gates.shape[1], np.int64), None)
        return
    slicer = slicer_of(column, predictor.schema)
    waiting: list[_Block] = []
    if slicer is None:
        waiting = _first(blocks)
        slicer = slicer_for([text for block in waiting for text in block.texts])
    for block in waiting:
        yield _SlicedBlock(block.gates, slicer.codes(block.texts), slicer)
    waiting.clear()
    for block in blocks:
        yield _SlicedBlock(block.gates, slicer.codes(block.texts), slicer)


def _first(blocks: Iterator[_Block]) -> list[_Block]:
    found, rows = [], 0
    for block in blocks:
        found.append(block)
        rows += len(block.texts)
        if rows >= _JUDGED_ROWS:
            break
    return found


class _Sums:
    """Sums over the rows met so far, by their codes: C of them."""

    def __init__(self, predictor: Predictor) -> None:
        self._tasks = predictor.tasks
        self._experts = predictor.model.experts
        #: Rows (C,), and for each the gates (K, C, N) and their entropies (K, C) added up.
        self.counts = np.zeros(0, np.int64)
        self._gates = np.zeros((len(self._tasks), 0, self._experts))
        self._entropies = np.zeros((len(self._tasks), 0))

    @property
    def size(self) -> int:
        """Return C."""
        return len(self.counts)

    @property
    def rows(self) -> int:
        """Return the number of all rows."""
        return int(self.counts.sum())

    def add(self, gates: npt.NDArray[np.float32], codes: Ints, size: int) -> None:
        """Add rows: gates (K, n, N), codes (n,), each below size."""
        if more := size - self.size:
            self.counts = np.pad(self.counts, (0, more))
            self._gates = np.pad(self._gates, ((0, 0), (0, more), (0, 0)))
            self._entropies = np.pad(self._entropies, ((0, 0), (0, more)))
        used, place = np.unique(codes, return_inverse=True)
        self.counts[used] += np.bincount(place)
        for k, gate in enumerate(gates.astype(np.float64)):
            by_expert = [np.bincount(place, weights=weight) for weight in gate.T]
            self._gates[k, used] += np.stack(by_expert, axis=1)
            self._entropies[k, used] += np.bincount(place, weights=_entropies(gate))

    def row(self, task: int, chosen: Slice) -> GateRow:
        """Return the gate of a task on the rows of some codes."""
        rows = int(self.counts[chosen.codes].sum())
        weights = self._gates[task, chosen.codes].sum(axis=0) / rows
        entropy = float(self._entropies[task, chosen.codes].sum() / rows)
        return GateRow(self._tasks[task], chosen.name, rows, tuple(weights.tolist()), entropy)


def _entropies(gates: Floats) -> Floats:
    """Return the entropy in bits (n,) of gates (n, N)."""
    logs = np.log2(gates, where=gates > 0, out=np.zeros_like(gates))
    return np.asarray(-(gates * logs).sum(axis=1))


def warnings_of(report: GateReport) -> Iterator[str]:
    """Yield what a person should know: experts that nothing uses, gates that are all the same."""
    equal = 1 / report.experts
    for expert in report.dead():
        yield (
            f"expert {expert} is dead: no task gives it {DEAD:.0%} of an equal share "
            f"({DEAD * equal:.2g} where equal is {equal:.3g}) on average, on all rows or on any "
            "slice, so it decides nothing. Train with fewer --experts, or with --expert-dropout, "
            "which has all take part."
        )
    if report.same():
        yield (
            f"the gates of all tasks are the same: no expert's mean weight differs by {SAME:g} "
            "between them, so the tasks share everything. One gate would do (--gate shared)."
        )
