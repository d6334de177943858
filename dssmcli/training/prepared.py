"""What a step needs of its batch, worked out while the step before it is taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from torch import Tensor

from dssmcli.config import SIDES
from dssmcli.data.batching import Batch, Batches
from dssmcli.data.part import WHOLE, Part
from dssmcli.data.pipeline import in_threads
from dssmcli.models.dssm import Dssm
from dssmcli.models.layers import TorchBlock, on_device, to_torch
from dssmcli.text.blocks import UnitDropout
from dssmcli.text.ragged import spans
from dssmcli.training.processes import ALONE, Processes
from dssmcli.training.task import TextTask

Ints = npt.NDArray[np.integer[Any]]


class Prepared(NamedTuple):
    """A batch and its texts.

    query: what encodes its R queries, title: its C candidates. Where both go through the same
    tower, their texts stand together in the one block of `query`, each text once.
    """

    batch: Batch
    query: Side
    title: Side


class Side(NamedTuple):
    """Distinct texts, the longest first, and the place among them of each text that is wanted.

    Where processes share a batch, each has its part of these texts, and the places are among all.
    """

    block: TorchBlock | None
    place: Tensor


def prepared(
    task: TextTask, batches: Batches, start: int, steps: int, part: Part = WHOLE
) -> Iterator[Prepared]:
    """Yield batches `start` to `steps`, one being prepared ahead in another thread.

    part: whose texts of each batch are to be encoded here.
    """

    def prepare(number: int) -> Prepared:
        return _prepared(task, batches.batch(number), number, part)

    return in_threads(prepare, range(start, steps), threads=1)


def encoded(model: Dssm, given: Prepared, processes: Processes = ALONE) -> tuple[Tensor, Tensor]:
    """Return the vectors of the queries, (R, D), and of the candidates, (C, D)."""
    sides = zip(SIDES, (given.query.block, given.title.block), strict=True)
    own = [model.encode(block, side) for side, block in sides if block is not None]
    query, *others = processes.gathered(own)
    title = others[0] if others else query
    # Not by brackets, whose gradient is three times as slow.
    return query.index_select(0, given.query.place), title.index_select(0, given.title.place)


def _prepared(task: TextTask, batch: Batch, number: int, part: Part) -> Prepared:
    random = np.random.default_rng([task.config.seed, 3, number])
    queries = task.train.query[batch.rows]
    if task.model.separate_towers:
        query, title = (_side(task, texts, random, part) for texts in (queries, batch.candidates))
        return Prepared(batch, query, title)
    both = _side(task, np.concatenate((queries, batch.candidates)), random, part)
    count = len(queries)
    return Prepared(batch, both._replace(place=both.place[:count]), Side(None, both.place[count:]))


def _side(task: TextTask, texts: Ints, random: np.random.Generator, part: Part) -> Side:
    distinct, place = np.unique(texts, return_inverse=True)
    lengths = task.index.lengths(distinct)
    order = np.argsort(-lengths, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    chosen = part.turns(len(order))
    dropout = None
    if task.config.unit_dropout:
        # Drawn for all texts, whoever encodes them.
        limits = np.concatenate(([0], lengths[order].cumsum()))
        draws = random.random(limits[-1])
        units = spans(limits[chosen], lengths[order[chosen]])
        dropout = UnitDropout(task.config.unit_dropout, draws[units])
    block = task.index.block(distinct[order[chosen]], dropout)
    device = task.config.device
    return Side(to_torch(block, device), on_device(rank[place], device))
