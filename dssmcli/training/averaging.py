"""A running mean of weights, which is steadier than the weights themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_EVERY = 4
"""Steps between two updates: all weights are gone through for one."""
_EARLY = 10


class WeightAverage:
    """The exponential mean of a model's parameters over steps (Polyak & Juditsky, 1992).

    While there have been few steps the mean is over most of them: its decay is (1 + n) / (10 + n)
    after n steps, and at most `decay`. With a decay of 0 the mean is the weights as they are.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._parameters = dict(model.named_parameters())
        self._decay = decay
        self.means = {
            name: parameter.detach().clone()
            for name, parameter in self._parameters.items()
            if decay
        }

    @torch.no_grad()
    def update(self, steps: int) -> None:
        """Take the weights after so many steps into the mean."""
        if not self.means or steps % _EVERY:
            return
        kept = min(self._decay, (1 + steps) / (_EARLY + steps)) ** _EVERY
        torch._foreach_lerp_(
            [*self.means.values()], [self._parameters[name] for name in self.means], 1 - kept
        )

    def restore(self, means: Mapping[str, Tensor]) -> None:
        """Go on from means that were saved."""
        for name, mean in self.means.items():
            mean.copy_(means[name])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the model have the means for its weights for a while."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, mean in self.means.items():
            parameter = self._parameters[name]
            parameter.data, self.means[name] = mean, parameter.data
