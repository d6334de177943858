"""Which part of a batch is one process's, where several share the work."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


class Part(NamedTuple):
    """The part of process `number`, counted from 0, of `parts`."""

    number: int = 0
    parts: int = 1

    def rows(self, size: int) -> slice:
        """Return which of `size` rows are its own: as many as others have, give or take one."""
        return slice(size * self.number // self.parts, size * (self.number + 1) // self.parts)

    def turns(self, size: int) -> Ints:
        """Return which of `size` (above 0) things it takes when all take turns.

        All take equally many, so some may take the last one again.
        """
        rounds = -(-size // self.parts)
        return np.minimum(self.number + self.parts * np.arange(rounds), size - 1)


WHOLE = Part()
