"""A fixed projection of features: a row of signs for each, worked out and never stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli.text.vocab import PAD

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.integer[Any]]

# Constants of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014).
_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


class Projection:
    """Rows of length 1 for feature ids, each entry plus or minus 1 / sqrt(dims).

    Features are taken `dims` at a time, in the order of their ids. Those of one such group have the
    rows of a Hadamard matrix, orthogonal to each other, with the columns' signs flipped at random
    from group to group; rows of two groups have cosines of 1 / sqrt(dims) or so. A vocabulary
    begins with its most frequent features: these, which stand in nearly all texts, never disturb
    each other, where rows of independent signs would.
    """

    def __init__(self, dims: int) -> None:
        assert dims & (dims - 1) == 0, f"{dims} is no power of two"
        self._dims = dims
        signs = np.ones((1, 1), np.float32)
        while len(signs) < dims:
            signs = np.block([[signs, signs], [signs, -signs]])
        self._hadamard = signs / np.float32(dims**0.5)

    def rows(self, ids: Ints) -> Floats:
        """Return the rows (n, dims) of feature ids (n,); that of padding is zero."""
        group, place = np.divmod(ids.astype(np.int64) - 1, self._dims)
        rows = self._hadamard[place]
        if group.max(initial=0) > 0:
            rows *= self._flips(int(group.max()) + 1)[group]
        rows[ids == PAD] = 0.0
        return rows

    def _flips(self, groups: int) -> Floats:
        """Return the signs (groups, dims) that flip columns; none in the first group."""
        count = np.arange(1, groups * self._dims + 1, dtype=np.uint64)
        mixed = count * _STEP
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
        bits = ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(63)).reshape(groups, self._dims)
        flips = np.where(bits, np.float32(-1), np.float32(1))
        flips[0] = 1.0
        return flips
