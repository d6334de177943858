"""Two optimisers that step together: one for dense gradients, one for those of single rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


class JointOptimizer(torch.optim.Optimizer):
    """Behaves as one optimiser whose parameters are those of the first and then of the second.

    SparseAdam takes no dense gradients, AdamW no sparse ones.
    """

    def __init__(self, first: torch.optim.Optimizer, second: torch.optim.Optimizer) -> None:
        # Not the base's: its groups, and its state, are those of the two.
        self._parts = (first, second)
        self._sizes = [sum(len(group["params"]) for group in p.param_groups) for p in self._parts]
        self.param_groups = [*first.param_groups, *second.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients."""
        for part in self._parts:
            part.zero_grad(set_to_none)

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take a step by the gradients that are there."""
        assert closure is None
        for part in self._parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """Return both states, the second's parameters numbered after the first's.

        All of a parameter's state is tensors, as checkpoints have them: SparseAdam counts its steps
        in plain integers.
        """
        first, second = (part.state_dict() for part in self._parts)
        moved = {
            index + self._sizes[0]: {name: _tensor(each) for name, each in value.items()}
            for index, value in second["state"].items()
        }
        return {"state": {**first["state"], **moved}, "parts": (first, second)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state that `state_dict` returned."""
        first, second = state_dict["parts"]
        border = self._sizes[0]
        states: tuple[dict[int, Any], dict[int, Any]] = ({}, {})
        for index, value in state_dict["state"].items():
            late = index >= border
            states[late][index - border if late else index] = _counted(value) if late else value
        for part, plain, state in zip(self._parts, (first, second), states, strict=True):
            part.load_state_dict({**plain, "state": state})
        # They have made themselves new ones, whose rates are to be set.
        self.param_groups = [group for part in self._parts for group in part.param_groups]


def _tensor(value: torch.Tensor | float) -> torch.Tensor:
    return value if isinstance(value, torch.Tensor) else torch.tensor(float(value))


def _counted(state: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter's state with its steps as SparseAdam counts them."""
    return {name: int(value) if name == "step" else value for name, value in state.items()}
