"""The recipe of multi-task models: batches of rows, the sum of the tasks' losses, evaluations."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dssmcli import metrics
from dssmcli.data.examples import Examples
from dssmcli.data.features import Ints
from dssmcli.data.tasks import Target
from dssmcli.models.multitask import Multitask, SingleTask, build_multitask, task_losses
from dssmcli.training.averaging import WeightAverage
from dssmcli.training.evaluation import Evaluation, trained
from dssmcli.training.loop import Step, StepLoss, decaying_optimizer
from dssmcli.training.order import Order
from dssmcli.training.state import TrainState
from dssmcli.training.tabletask import TableTask
from dssmcli.training.unknown import unknown_chances

Floats = npt.NDArray[np.float64]

_AT_ONCE = 8192
_EMBEDDINGS = ("embedding", "categories")


@dataclass
class MultitaskState(TrainState):
    """What changes while a multi-task model is trained, and all that is needed to go on."""

    model: Multitask | SingleTask


def new_state(task: TableTask) -> MultitaskState:
    """Return a fresh model and optimiser, a function of the seed and the tasks' base rates."""
    torch.manual_seed(task.config.seed)
    model = build_multitask(task.model, task.sizes, task.config)
    model.begin_at(torch.tensor([*map(_base, task.targets, task.train.labels.T)]))
    optimizer = decaying_optimizer(task.config, dict(model.named_parameters()), _EMBEDDINGS)
    return MultitaskState(model, optimizer, WeightAverage(model, task.config.averaging))


def _base(target: Target, labels: Floats) -> float:
    """Return the output that fits a task best when nothing is known of a row."""
    if not target.binary:
        return 0.0
    share = float(np.nanmean(labels))
    return math.log(share / (1 - share))


def steps_in_all(task: TableTask) -> int:
    """Return the number of steps when nothing stops the training early."""
    return task.config.epochs * _order(task).steps


def _order(task: TableTask) -> Order:
    rows = len(task.train)
    return Order(rows, task.config, lambda random: random.permutation(rows))


def train_multitask(
    task: TableTask, state: MultitaskState
) -> Generator[Step | Evaluation, None, None]:
    """Train from where the state stands, yielding each step and each evaluation.

    The weights that validate best are kept in the state. Ends after the last epoch, or when
    `patience` evaluations in a row brought nothing better. The state is whole after an Evaluation.
    """
    order = _order(task)
    aims = _aims(task)

    def next_loss() -> StepLoss:
        return _loss(task, state, order.batch(state.step), aims)

    yield from trained(state, task.config, order, next_loss, lambda: _figures(task, state.model))


class _Aims(NamedTuple):
    """What each task's loss weighs (K,), which tasks are binary (K,), the category that stands for
    an unknown text of each feature (C,), and how often each category is taken for that (V,)."""

    weight: Tensor
    binary: Tensor
    unknown: Tensor
    lost: Tensor


def _aims(task: TableTask) -> _Aims:
    """Work out what does not change from step to step."""
    binary = torch.tensor([target.binary for target in task.targets])
    weight = torch.tensor([target.weight for target in task.targets])
    counts = np.bincount(task.train.codes.reshape(-1), minlength=task.sizes.categories)
    lost = unknown_chances(counts, task.config.category_dropout, task.config.rare_count)
    return _Aims(
        torch.where(binary, weight, weight * task.config.squared_error),
        binary,
        torch.from_numpy(task.schema.starts),
        torch.from_numpy(lost),
    )


def _loss(task: TableTask, state: MultitaskState, chosen: Ints, aims: _Aims) -> StepLoss:
    """Return the weighted sum of the tasks' losses on one batch."""
    rows = task.train.rows(chosen)
    codes, numbers = torch.from_numpy(rows.codes), torch.from_numpy(rows.numbers)
    codes = torch.where(torch.rand(codes.shape) < aims.lost[codes], aims.unknown, codes)
    outputs = state.model(codes, numbers)  # (B, K)
    losses = task_losses(
        outputs, torch.from_numpy(task.train.labels[chosen].astype(np.float32)), aims.binary
    )
    names = (f"{target.name} loss" for target in task.targets)
    parts = dict(zip(names, losses.tolist(), strict=True))
    return StepLoss((aims.weight * losses).sum(), parts, len(chosen))


def _figures(task: TableTask, model: Multitask | SingleTask) -> dict[str, float]:
    if task.valid is None:
        return {}
    return _scores(task.targets, predicted(model, task.valid), task.valid)


@torch.no_grad()
def predicted(model: Multitask | SingleTask, examples: Examples) -> Floats:
    """Return the outputs (N, K) of all rows."""
    model.eval()
    parts = []
    for first in range(0, len(examples), _AT_ONCE):
        rows = examples.rows(slice(first, first + _AT_ONCE))
        parts.append(model(torch.from_numpy(rows.codes), torch.from_numpy(rows.numbers)).numpy())
    model.train()
    return np.concatenate(parts).astype(np.float64)


def _scores(targets: tuple[Target, ...], outputs: Floats, valid: Examples) -> dict[str, float]:
    """Return each task's AUC or R² by name; a task of which the rows tell nothing has none."""
    found = {}
    for k, target in enumerate(targets):
        known = ~np.isnan(valid.labels[:, k])
        output, label = outputs[known, k], valid.labels[known, k]
        if target.binary:
            name, value = "auc", metrics.auc(output, label > 0)
        else:
            name, value = "r2", metrics.r_squared(output, label)
        if not math.isnan(value):
            found[f"{target.name} {name}"] = value
    return found
