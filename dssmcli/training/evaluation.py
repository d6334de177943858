"""The training of a recommender's model from one look at validation rows to the next."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch

from dssmcli.config import OptimConfig
from dssmcli.training.loop import Step, StepLoss
from dssmcli.training.order import Order
from dssmcli.training.state import TrainState, steps_and_evaluations


class Evaluation(NamedTuple):
    """A look at the validation rows; `loss` is the mean training loss since the look before.

    `parts` has the parts of the training loss and all validation figures but the one that decides,
    `score`, whose name is `metric`.
    """

    step: int
    epoch: float
    loss: float
    parts: dict[str, float]
    metric: str
    score: float
    best: bool

    def to_json(self) -> dict[str, Any]:
        """Return the line that metrics.jsonl holds."""
        figures = {"loss": self.loss, **self.parts}
        if self.metric != "none":
            figures[self.metric] = self.score
        return {
            "step": self.step,
            "epoch": round(self.epoch, 4),
            **{n: round(v, 6) if math.isfinite(v) else None for n, v in figures.items()},
            "best": self.best,
        }


def evaluated(
    state: TrainState, epoch: float, figures_of: Callable[[], Mapping[str, float]]
) -> Evaluation:
    """Look at the averaged weights, and keep them in the state if they are the best so far.

    The first of the figures decides, the higher the better; without any the last weights are kept.
    """
    with state.average.in_place():
        figures = figures_of()
        metric, score = next(iter(figures.items()), ("none", 0.0))
        best = state.judged(score)
    steps = state.sums.pop("steps", 1.0)
    parts = {name: value / steps for name, value in state.sums.items()}
    state.sums = {}
    loss = parts.pop("loss", math.nan)
    others = {name: value for name, value in figures.items() if name != metric}
    evaluation = Evaluation(state.step, epoch, loss, {**parts, **others}, metric, score, best)
    state.history.append(evaluation.to_json())
    return evaluation


def trained(
    state: TrainState,
    config: OptimConfig,
    order: Order,
    next_loss: Callable[[], StepLoss],
    figures_of: Callable[[], Mapping[str, float]],
) -> Iterator[Step | Evaluation]:
    """Train from where the state stands to the last epoch, yielding each step and evaluation.

    See `steps_and_evaluations` for when it ends, and `evaluated` for the figures.
    """
    torch.set_num_threads(config.threads)
    if state.finished:
        return
    state.model.train()

    def evaluate() -> Evaluation:
        return evaluated(state, state.step / order.steps, figures_of)

    steps = config.epochs * order.steps
    yield from steps_and_evaluations(state, config, next_loss, steps, config.eval_steps, evaluate)
