"""The training loop: yields a Step at a time, and knows neither texts nor recommenders."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from dssmcli.config import DecayConfig, OptimConfig
from dssmcli.errors import DivergedError

AddUp = Callable[[Sequence[nn.Parameter]], None]


class Step(NamedTuple):
    """What one step did: `number` counts from 1, `parts` has each loss and count by name."""

    number: int
    loss: float
    parts: dict[str, float]
    rows: int


class StepLoss(NamedTuple):
    """The loss to go down on, figures about it by name, and the number of rows it is of."""

    total: Tensor
    parts: dict[str, float]
    rows: int


def learning_rate(config: OptimConfig, step: int, steps: int) -> float:
    """Return the rate at a step of `steps`: a linear warm-up, then the decay to nothing."""
    warm = round(config.warmup * steps)
    if step < warm:
        return config.learning_rate * (step + 1) / (warm + 1)
    done = (step - warm) / max(1, steps - warm)
    if config.decay == "cosine":
        return config.learning_rate * (1 + math.cos(math.pi * done)) / 2
    return config.learning_rate * (1 - done if config.decay == "linear" else 1.0)


def optimizer_for(config: OptimConfig, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    """Return the optimiser a config names."""
    if config.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=config.learning_rate)
    return torch.optim.Adam(parameters, lr=config.learning_rate, fused=True)


def decaying_optimizer(
    config: DecayConfig,
    named: Mapping[str, nn.Parameter],
    embeddings: Sequence[str],
    still: Sequence[str] = (),
) -> torch.optim.Optimizer:
    """Return the optimiser of some parameters: weights and embeddings decay each in their own way.

    embeddings: the last parts of their names. still: names of what does not decay, beside whatever
    has `bias` in its name.
    """
    tables = [name for name in named if name.rpartition(".")[2] in embeddings]
    biases = [name for name in named if "bias" in name or name in still]
    rest = [name for name in named if name not in (*tables, *biases)]
    groups: list[dict[str, Any]] = [
        {"params": [named[name] for name in names], "weight_decay": decay}
        for names, decay in (
            (rest, config.weight_decay),
            (tables, config.embedding_decay),
            (biases, 0.0),
        )
    ]
    if config.optimizer == "sgd":
        # Its decay is not decoupled from the rate either way: they are the same for plain SGD.
        return torch.optim.SGD(groups, lr=config.learning_rate)
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)


def train(
    optimizer: torch.optim.Optimizer,
    config: OptimConfig,
    next_loss: Callable[[], StepLoss],
    start: int,
    steps: int,
    add_up: AddUp | None = None,
) -> Iterator[Step]:
    """Take steps `start` to `steps`, yielding after each; the consumer evaluates, saves and stops.

    `next_loss` is called once a step, in their order. `add_up` completes the gradients where the
    loss is a part of what several processes go down on together.
    Each step's random numbers depend on the seed and the step alone, so that a resumed training
    is the same as one never interrupted. Raises DivergedError when the loss is no longer finite.
    """
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    for number in range(start, steps):
        torch.manual_seed((config.seed << 32) + number)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config, number, steps) * group.get("factor", 1.0)
        optimizer.zero_grad(set_to_none=True)
        loss = next_loss()
        total = float(loss.total.detach())
        if not math.isfinite(total):
            raise DivergedError(
                f"The loss became {total} at step {number + 1}. Try a lower --learning-rate."
            )
        loss.total.backward()  # type: ignore[no-untyped-call]
        if add_up is not None:
            add_up(parameters)
        if config.clip_norm:
            nn.utils.clip_grad_norm_(parameters, config.clip_norm)
        optimizer.step()
        yield Step(number + 1, total, loss.parts, loss.rows)
