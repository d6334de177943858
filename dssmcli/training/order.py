"""Which rows each step of a training takes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from dssmcli.config import OptimConfig

Ints = npt.NDArray[np.int64]


class Order:
    """The rows of each step: an epoch takes `rows` of them in `steps`, as `draw` says.

    draw: returns the rows (N,) of an epoch in their order, given its own random numbers.
    """

    def __init__(
        self, rows: int, config: OptimConfig, draw: Callable[[np.random.Generator], Ints]
    ) -> None:
        self.steps = -(-rows // config.batch_size)
        self._batch, self._seed, self._draw = config.batch_size, config.seed, draw
        self._epoch, self._order = -1, np.zeros(0, np.int64)

    def batch(self, step: int) -> Ints:
        """Return the rows of a step, which counts from 0."""
        epoch, place = divmod(step, self.steps)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = self._draw(np.random.default_rng([self._seed, 7, epoch]))
        return self._order[place * self._batch : (place + 1) * self._batch]
