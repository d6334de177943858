"""Whether what is chosen does better on rows that it was not chosen on, beyond chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli import bootstrap, weighted
from dssmcli.data.pairs import Pairs, positive_rows
from dssmcli.training.validation import judge_of

Floats = npt.NDArray[np.float64]

_DRAWS = bootstrap.Plan(400, 0)


class Judged(NamedTuple):
    """Rows, and their cosines (N,) without and with what is in question."""

    rows: Pairs
    without: Floats
    with_it: Floats


def can_be_judged(rows: Pairs, match_grade: float) -> bool:
    """Tell whether rows have values that differ, so that cosines can be set against them."""
    return not judge_of(rows, match_grade).pool


def earned(parts: Sequence[Judged], match_grade: float) -> bool:
    """Tell whether what is in question makes cosines better: on average over parts, beyond chance.

    The parts have no query in common. The measure is that of validation; the chance is that of a
    paired bootstrap over queries.
    """
    if not all(can_be_judged(part.rows, match_grade) for part in parts):
        return False
    gains, draws, queries = [], [], 0
    for part in parts:
        judge = judge_of(part.rows, match_grade)
        gains.append(judge.score(part.with_it) - judge.score(part.without))
        figures = [
            _resampled(part.rows, cosines, judge.metric, match_grade)
            for cosines in (part.without, part.with_it)
        ]
        if not all(len(each) for each in figures):
            return False
        draws.append(figures)
        queries += len(np.unique(part.rows.query))
    without, with_it = np.mean(draws, axis=0)
    found = bootstrap.difference(float(np.mean(gains)), without, with_it, queries)
    return found.value > 0 and found.beyond_chance


def _resampled(rows: Pairs, cosines: Floats, metric: str, match_grade: float) -> Floats:
    """Return the measure of rows in each draw of their queries; nothing for one query."""
    query = np.unique(rows.query, return_inverse=True)[1]
    if metric == "spearman":
        measure = weighted.correlations(cosines, rows.value)
    else:
        order = np.argsort(-cosines, kind="stable")
        positive = positive_rows(rows, match_grade)[order]
        query, measure = query[order], weighted.two_classes(cosines[order], positive, None)
    return bootstrap.resampled([measure], query, _DRAWS).get(metric, np.zeros(0))
