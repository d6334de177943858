"""The recipe of ranking: batches of impressions, the sum of the heads' losses, evaluations."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dssmcli import metrics
from dssmcli.data.features import Floats, Ints
from dssmcli.models.ranking import Ranking, ranking_losses
from dssmcli.training.averaging import WeightAverage
from dssmcli.training.evaluation import Evaluation, trained
from dssmcli.training.loop import Step, StepLoss, decaying_optimizer
from dssmcli.training.order import Order
from dssmcli.training.rankingtask import RankingTask
from dssmcli.training.state import TrainState
from dssmcli.training.unknown import unknown_chances

_AT_ONCE = 4096
_EMBEDDINGS = ("items", "categories")


@dataclass
class RankingState(TrainState):
    """What changes while ranking is trained, and all that is needed to go on."""

    model: Ranking


def new_state(task: RankingTask) -> RankingState:
    """Return a fresh model and optimiser, a function of the seed and the base rates."""
    torch.manual_seed(task.config.seed)
    model = Ranking(task.model, task.sizes, task.config.dropout)
    share = float(task.clicked[task.train].mean())
    begin = {
        "watch_time": 0.0,
        "click": math.log(share / (1 - share)),
        "odds": -math.log(1 - share),
    }
    model.begin_at(torch.tensor([begin[head] for head in task.model.heads]))
    optimizer = decaying_optimizer(task.config, dict(model.named_parameters()), _EMBEDDINGS)
    return RankingState(model, optimizer, WeightAverage(model, task.config.averaging))


def order_of(task: RankingTask) -> Order:
    """Return the impressions of each step."""
    return Order(len(task.train), task.config, lambda random: random.permutation(task.train))


def steps_in_all(task: RankingTask) -> int:
    """Return the number of steps when nothing stops the training early."""
    return task.config.epochs * order_of(task).steps


def train_ranking(
    task: RankingTask, state: RankingState
) -> Generator[Step | Evaluation, None, None]:
    """Train from where the state stands, yielding each step and each evaluation.

    The weights that validate best are kept in the state. Ends after the last epoch, or when
    `patience` evaluations in a row brought nothing better. The state is whole after an Evaluation.
    """
    order, lost = order_of(task), _Lost(task)
    weights = _weights(task)

    def next_loss() -> StepLoss:
        places = order.batch(state.step)
        logits = state.model(*lost(inputs(task, places)))
        losses = ranking_losses(logits, task.model.heads, *_answers(task, places))
        names = (f"{head} loss" for head in task.model.heads)
        parts = dict(zip(names, losses.tolist(), strict=True))
        return StepLoss((weights * losses).sum(), parts, len(places))

    yield from trained(state, task.config, order, next_loss, lambda: _figures(task, state.model))


def _weights(task: RankingTask) -> Tensor:
    """Return what the heads' losses weigh, (H,).

    A clicked impression weighs its watch time over the mean of all in the heads for seconds: where
    clicks are rare that is much, so a click weighs as much more in its own head.
    """
    share = float(task.clicked[task.train].mean())
    weights = {"watch_time": 1.0, "click": 1 / share, "odds": 0.5}
    return torch.tensor([weights[head] for head in task.model.heads])


Inputs = tuple[Tensor, Tensor, Tensor, Tensor]


def inputs(task: RankingTask, places: Ints) -> Inputs:
    """Return what the model takes of some impressions."""
    arrays = (task.item[places], task.history[places], task.codes[places], task.forms(places))
    item, history, codes, numbers = map(torch.from_numpy, arrays)
    return item, history, codes, numbers


def _answers(task: RankingTask, places: Ints) -> tuple[Tensor, Tensor]:
    clicked, watched = task.clicked[places], task.watched[places]
    return (
        torch.from_numpy(clicked.astype(np.float32)),
        torch.from_numpy(watched.astype(np.float32)),
    )


class _Lost:
    """Takes items and categories for unknown by chance, rare ones oftener."""

    def __init__(self, task: RankingTask) -> None:
        config = task.config
        items = np.bincount(task.item[task.train], minlength=len(task.catalogue.items) + 1)
        codes = np.bincount(task.codes[task.train].reshape(-1), minlength=task.sizes.categories)
        self._items, self._codes = (
            torch.from_numpy(unknown_chances(counts, config.category_dropout, config.rare_count))
            for counts in (items, codes)
        )
        self._unknown = torch.from_numpy(task.features.schema.starts)

    def __call__(self, given: Inputs) -> Inputs:
        """Return what the model takes, some of it unknown."""
        item, history, codes, numbers = given
        item = item * (torch.rand(item.shape) >= self._items[item])
        codes = torch.where(torch.rand(codes.shape) < self._codes[codes], self._unknown, codes)
        return item, history, codes, numbers


@torch.no_grad()
def logits_of(model: Ranking, task: RankingTask, places: Ints) -> Floats:
    """Return the logits (n, H) of some impressions."""
    model.eval()
    parts = [
        model(*inputs(task, places[first : first + _AT_ONCE]))
        for first in range(0, len(places), _AT_ONCE)
    ]
    model.train()
    return np.asarray(torch.cat(parts).numpy(), np.float64)


def _figures(task: RankingTask, model: Ranking) -> dict[str, float]:
    """Return how well the validation impressions are ranked: what the first head says decides.

    `ranked` is the share of watch time that is ranked right: 1 less the weighted per-user loss.
    """
    places = task.valid
    if not len(places):
        return {}
    logits = logits_of(model, task, places)
    clicked, watched, user = task.clicked[places], task.watched[places], task.user[places]
    found: dict[str, float] = {}
    lost = metrics.watch_time_pairs(logits[:, 0], watched, clicked, user).loss
    if not math.isnan(lost):
        found["ranked"] = 1 - lost
    for head, values in zip(task.model.heads, logits.T, strict=True):
        if head == "click" and 0 < clicked.sum() < len(clicked):
            found["click auc"] = metrics.auc(values, clicked > 0)
        if head == "watch_time" and watched.sum():
            found["bias"] = float(np.exp(values).mean() / watched.mean())
    return found
