"""Columns of whole numbers that may be names, of shops or articles, rather than measures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dssmcli.data.columns import ColumnTexts
from dssmcli.errors import in_shell

_AWAY = 100
"""Counts and ages begin lower."""


def numbered_lines(name: str, seen: ColumnTexts, rows: int, most: int) -> Iterator[str]:
    """Say that whole numbers lie side by side, away from 0, and come again, as numbers of shops
    do. most: so many numbers are categories besides, which says the same.
    """
    numbers = np.unique(seen.numbers[~np.isnan(seen.numbers)])
    span = numbers[-1] - numbers[0] + 1 if len(numbers) else 0
    if (
        len(numbers) > most
        and 2 * len(numbers) <= rows
        and numbers[0] >= _AWAY
        and span <= 2 * len(numbers)
        and not (numbers % 1).any()
    ):
        yield (
            f"{name}: {len(numbers):,} whole numbers from {numbers[0]:.0f} to {numbers[-1]:.0f}, "
            "side by side as those of shops or articles are, taken for what they measure. If each "
            f"is a name: --categorical {in_shell(name)}."
        )


def is_measured(seen: ColumnTexts) -> bool:
    """Tell whether numbers can hardly be ids: these have no unit, no thousands apart, no cents, and
    are not below 0."""
    below = bool((seen.numbers < 0).any())
    return below or bool(seen.read.examples) or any(text.endswith(".00") for text in seen.texts)
