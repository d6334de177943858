"""What a step needs of its batch, worked out while the step before it is taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dssmcli.data.batching import Batch, Batches
from dssmcli.data.pipeline import in_threads
from dssmcli.models.dssm import Dssm
from dssmcli.models.layers import TorchBlock, to_torch
from dssmcli.text.blocks import UnitDropout
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
    """Distinct texts, the longest first, and the place among them of each text that is wanted."""

    block: TorchBlock | None
    place: Tensor


def prepared(task: TextTask, batches: Batches, start: int, steps: int) -> Iterator[Prepared]:
    """Yield batches `start` to `steps`, one being prepared ahead in another thread."""

    def prepare(number: int) -> Prepared:
        return _prepared(task, batches.batch(number), number)

    return in_threads(prepare, range(start, steps), threads=1)


def encoded(model: Dssm, given: Prepared) -> tuple[Tensor, Tensor]:
    """Return the vectors of the queries, (R, D), and of the candidates, (C, D)."""
    assert given.query.block is not None
    query = model.encode(given.query.block, "query")
    title = query if given.title.block is None else model.encode(given.title.block, "title")
    # Not by brackets, whose gradient is three times as slow.
    return query.index_select(0, given.query.place), title.index_select(0, given.title.place)


def _prepared(task: TextTask, batch: Batch, number: int) -> Prepared:
    config = task.config
    dropout = None
    if config.unit_dropout:
        dropout = UnitDropout(config.unit_dropout, np.random.default_rng([config.seed, 3, number]))
    queries = task.train.query[batch.rows]
    if task.model.separate_towers:
        query, title = (_side(task, texts, dropout) for texts in (queries, batch.candidates))
        return Prepared(batch, query, title)
    both = _side(task, np.concatenate((queries, batch.candidates)), dropout)
    count = len(queries)
    return Prepared(batch, both._replace(place=both.place[:count]), Side(None, both.place[count:]))


def _side(task: TextTask, texts: Ints, dropout: UnitDropout | None) -> Side:
    distinct, place = np.unique(texts, return_inverse=True)
    order = np.argsort(-task.index.lengths(distinct), kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    block = task.index.block(distinct[order], dropout)
    return Side(to_torch(block), torch.from_numpy(rank[place]))
