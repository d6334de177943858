"""The recipe of candidate generation: batches of moments, the softmax over items, evaluations."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dssmcli import rankings
from dssmcli.data.moments import Ints, Moments
from dssmcli.models.softmax import ItemSampler, full_softmax, sampled_softmax
from dssmcli.models.youtube import Candidates, MomentTensors
from dssmcli.training.averaging import WeightAverage
from dssmcli.training.evaluation import Evaluation, trained
from dssmcli.training.joint import JointOptimizer
from dssmcli.training.loop import Step, StepLoss, decaying_optimizer
from dssmcli.training.order import Order
from dssmcli.training.state import TrainState
from dssmcli.training.watchtask import WatchTask, examples_an_epoch
from dssmcli.youtube_config import CandidatesTrainConfig

RANKS = (10, 50)
_SCORES_AT_ONCE = 1 << 24


@dataclass
class CandidatesState(TrainState):
    """What changes while candidate generation is trained, and all that is needed to go on."""

    model: Candidates


def new_state(task: WatchTask) -> CandidatesState:
    """Return a fresh model and optimiser, a function of the seed and the sizes."""
    torch.manual_seed(task.config.seed)
    model = Candidates(task.model, task.sizes, task.config)
    average = WeightAverage(model, task.config.averaging)
    return CandidatesState(model, _optimizer(task.config, model), average)


_TABLES = ("items", "targets", "seen", "tokens")
_STILL = ("places", "echo", "seen_places")


_FARTHER = 10.0
"""How much farther rows move that are changed one by one: few steps concern each of them."""


def _optimizer(config: CandidatesTrainConfig, model: Candidates) -> torch.optim.Optimizer:
    """Return the optimiser; large tables are changed row by row, by one of their own."""
    named = dict(model.named_parameters())
    if not model.sparse:
        return decaying_optimizer(config, named, _TABLES, _STILL)
    tables = [named.pop(name) for name in _TABLES if name in named]
    kind = torch.optim.SGD if config.optimizer == "sgd" else torch.optim.SparseAdam
    dense = decaying_optimizer(config, named, (), _STILL)
    rows = [{"params": tables, "factor": _FARTHER}]
    return JointOptimizer(dense, kind(rows, lr=config.learning_rate))


def steps_in_all(task: WatchTask) -> int:
    """Return the number of steps when nothing stops the training early."""
    return task.config.epochs * order_of(task).steps


def order_of(task: WatchTask) -> Order:
    """Return the examples of each step: of each user no more than `user_cap` in an epoch."""
    cap, train = task.config.user_cap, task.train
    if not cap:
        return Order(len(train), task.config, lambda random: random.permutation(train))
    user = task.watches.user[train]
    firsts = np.searchsorted(user, np.arange(len(task.watches.users)))

    def draw(random: np.random.Generator) -> Ints:
        shuffled = np.lexsort((random.random(len(train)), user))
        kept = np.arange(len(train)) - firsts[user] < cap
        return random.permutation(train[shuffled[kept]])

    return Order(examples_an_epoch(task.watches, train, cap), task.config, draw)


def train_candidates(
    task: WatchTask, state: CandidatesState
) -> Generator[Step | Evaluation, None, None]:
    """Train from where the state stands, yielding each step and each evaluation.

    The weights that validate best are kept in the state. Ends after the last epoch, or when
    `patience` evaluations in a row brought nothing better. The state is whole after an Evaluation.
    """
    order = order_of(task)
    loss_of = _loss_of(task, state)

    def next_loss() -> StepLoss:
        places = order.batch(state.step)
        moments = tensors(task.moments(places))
        targets = torch.from_numpy(task.watches.item[places].astype(np.int64))
        return StepLoss(loss_of(state.model.users(moments), targets), {}, len(places))

    yield from trained(state, task.config, order, next_loss, lambda: _figures(task, state.model))


def _loss_of(task: WatchTask, state: CandidatesState) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the loss of users (B, D) and what they watched next (B,)."""
    config, model = task.config, state.model
    if config.softmax == "full":

        def full(users: Tensor, targets: Tensor) -> Tensor:
            logits = model.scale * (users @ model.vectors().T)
            return full_softmax(logits, targets)

        return full
    sampler = ItemSampler(torch.from_numpy(task.catalogue.counts), config.negative_power)

    def sampled(users: Tensor, targets: Tensor) -> Tensor:
        drawn, expected = sampler.draw(config.negatives)
        vectors = model.vectors(torch.cat([targets, drawn]))
        own, others = vectors[: len(targets)], vectors[len(targets) :]
        positive = model.scale * (users * own).sum(dim=1)
        return sampled_softmax(
            positive, model.scale * (users @ others.T), expected, targets[:, None] == drawn
        )

    return sampled


def tensors(moments: Moments) -> MomentTensors:
    """Return moments as the model takes them."""
    parts = (moments.history, moments.tokens, moments.age, *moments.context)
    return MomentTensors(*map(torch.from_numpy, parts))


@torch.no_grad()
def user_vectors(model: Candidates, task: WatchTask, places: Ints) -> Tensor:
    """Return the users (n, D) before the watches at some places."""
    model.eval()
    parts = [
        model.users(tensors(task.moments(places[first : first + 4096])))
        for first in range(0, len(places), 4096)
    ]
    model.train()
    return torch.cat([torch.zeros(0, task.model.width), *parts])


@torch.no_grad()
def _figures(task: WatchTask, model: Candidates) -> dict[str, float]:
    """Return how early the validation watches come among all items that are recommended.

    NDCG without a cut decides: it moves with every rank, so that chance moves it less.
    """
    if not len(task.valid):
        return {}
    users, items = user_vectors(model, task, task.valid), model.vectors()
    targets = torch.from_numpy(task.watches.item[task.valid].astype(np.int64))
    higher, ties = [], []
    step = max(1, _SCORES_AT_ONCE // len(items))
    for first in range(0, len(targets), step):
        scores = users[first : first + step] @ items.T
        own = scores.gather(1, targets[first : first + step, None])
        higher.append((scores > own).sum(dim=1))
        ties.append((scores == own).sum(dim=1) - 1)
    whole = len(items)
    found = rankings.pool_figures(
        torch.cat(higher).numpy(), torch.cat(ties).numpy(), whole, (*RANKS, whole)
    )
    hits = {f"hr@{k}": float(found.recall[k].mean()) for k in RANKS}
    return {"ndcg": float(found.ndcg[whole].mean()), **hits}
