"""Grades of one file on another scale than those of the others: 0 to 1 beside 0 to 5."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from dssmcli.data.source_rows import SourceRows
from dssmcli.errors import WARNING, about

Floats = npt.NDArray[np.float64]

_ENOUGH = 50
"""Fewer rows say little of what is usual."""
_TIMES, _SHARE = 2, 0.05
"""Grades so many times higher, in such a share of rows, are on another scale."""


def grade_lines(value: Floats, files: Sequence[SourceRows]) -> Iterator[str]:
    """Yield a warning for each file whose grades are on another scale than those of the others."""
    large = [each for each in files if len(value[each.rows]) >= _ENOUGH]
    for each in large if len(large) > 2 else large[1:]:
        others = np.append(value[: each.rows.start], value[each.rows.stop :])
        if other_scale(value[each.rows], others):
            yield about(
                each.file,
                f"{WARNING}grades up to {value[each.rows].max():g}, in the other files up to "
                f"{others.max():g}. If it is another scale, write it alike in all files.",
            )


def other_scale(own: Floats, others: Floats) -> bool:
    """Tell whether grades (n,) are on another scale than others: 0 to 1 beside 0 to 5.

    A file of one grade, such as of negatives that were mined, says nothing of its scale.
    """
    if min(len(own), len(others)) < _ENOUGH or own.min() == own.max():
        return False
    lower, higher = sorted((own, others), key=lambda each: float(each.max()))
    top = float(lower.max())
    if lower.min() == top or not 0 < _TIMES * top <= higher.max():
        return False
    return bool((higher > top).mean() >= _SHARE)


def later_grade_lines(own: Floats, others: Floats) -> Iterator[str]:
    """Yield a warning if grades (n,) to validate on are on another scale than those to train on."""
    if other_scale(own, others):
        yield _later(own, float(others.max()))


def measured_grade_warning(own: Floats, highest: float) -> str:
    """Return a warning if grades (n,) are on another scale than those learned from, whose highest
    is known."""
    if len(own) < _ENOUGH or own.min() == own.max() or highest <= 0:
        return ""
    top = float(own.max())
    higher = bool((own > highest).mean() >= _SHARE) and top >= _TIMES * highest
    return _later(own, highest) if higher or 0 < _TIMES * top <= highest else ""


def _later(own: Floats, highest: float) -> str:
    return (
        f"{WARNING}grades up to {own.max():g}, those learned from are up to {highest:g}: what "
        "counts as a match goes by these. If it is another scale, write it alike in all files."
    )
