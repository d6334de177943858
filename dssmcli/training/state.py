"""What changes while any model is trained, and the way from one evaluation to the next."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from dssmcli.config import OptimConfig
from dssmcli.training.averaging import WeightAverage
from dssmcli.training.checkpoint import optimizer_tensors, restore_optimizer
from dssmcli.training.loop import AddUp, Step, StepLoss, train

E = TypeVar("E")


@dataclass
class TrainState:
    """What changes while a model is trained, and all that is needed to go on.

    sums: of each loss and count by name since the evaluation before, and of the `steps`.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    average: WeightAverage
    step: int = 0
    waited: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    best_score: float = float("-inf")
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    finished: bool = False

    def weights(self) -> dict[str, Tensor]:
        """Return the weights as a run stores them."""
        return self.model.state_dict()

    def load_weights(self, weights: dict[str, Tensor]) -> None:
        """Take over weights that `weights` returned."""
        self.model.load_state_dict(weights)

    def take(self, step: Step) -> None:
        """Take account of a step."""
        self.step = step.number
        self.average.update(step.number)
        for name, value in {"steps": 1.0, "loss": step.loss, **step.parts}.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def judged(self, score: float) -> bool:
        """Keep the weights of the moment if none were better so far; return whether.

        Of equals the later ones, which have learned longer. A nan is better than no score.
        """
        if score < self.best_score or (math.isnan(score) and self.best_weights):
            self.waited += 1
            return False
        self.best_weights = {name: weight.clone() for name, weight in self.weights().items()}
        self.best_score = self.best_score if math.isnan(score) else score
        self.waited = 0
        return True

    def groups(self) -> dict[str, Mapping[str, Tensor]]:
        """Return all tensors of a checkpoint, by purpose."""
        return {
            "model": self.weights(),
            "average": self.average.means,
            "best": self.best_weights,
            "optimizer": optimizer_tensors(self.optimizer),
        }

    def progress(self) -> dict[str, Any]:
        """Return what else a checkpoint holds, as JSON values."""
        return {
            "step": self.step,
            "waited": self.waited,
            "best_score": None if self.best_score == float("-inf") else self.best_score,
            "history": self.history,
            "finished": self.finished,
        }

    def restore(self, groups: Mapping[str, dict[str, Tensor]], saved: Mapping[str, Any]) -> None:
        """Go on from what `groups` and `progress` returned."""
        self.load_weights(groups["model"])
        self.average.restore(groups.get("average", {}))
        restore_optimizer(self.optimizer, groups.get("optimizer", {}))
        self.best_weights = groups["best"]
        self.step, self.waited = saved["step"], saved["waited"]
        if saved["best_score"] is not None:
            self.best_score = saved["best_score"]
        self.history, self.finished = saved["history"], saved["finished"]


def steps_and_evaluations(
    state: TrainState,
    config: OptimConfig,
    next_loss: Callable[[], StepLoss],
    steps: int,
    every: int,
    evaluate: Callable[[], E],
    add_up: AddUp | None = None,
) -> Iterator[Step | E]:
    """Train from where the state stands, yielding each step and, every so many, an evaluation.

    Ends after so many steps in all, or when `patience` evaluations in a row brought nothing better.
    The state is whole after an evaluation. `add_up` is as in `train`.
    """
    for step in train(state.optimizer, config, next_loss, state.step, steps, add_up):
        state.take(step)
        yield step
        if step.number % every == 0 or step.number == steps:
            evaluation = evaluate()
            state.finished = step.number == steps or state.waited >= config.patience
            yield evaluation
            if state.finished:
                return
