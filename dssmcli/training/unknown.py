"""How often a category is taken for unknown while a model learns."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def unknown_chances(
    counts: npt.NDArray[np.integer[Any]], share: float, rare_count: float
) -> npt.NDArray[np.float32]:
    """Return the chance (V,) of each category, which stands in counts (V,) rows.

    share: of every category. Besides, rare_count / (rare_count + count): of rare ones a larger one.
    """
    rare = rare_count / np.maximum(rare_count + counts, 1e-9)
    return np.asarray(1 - (1 - share) * (1 - rare), np.float32)
