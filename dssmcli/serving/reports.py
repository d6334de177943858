"""What `dssm eval` says of one run on one file, and by how much it differs from another run's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.bootstrap import Difference, Interval, Plan, difference, interval, resampled
from dssmcli.data.seen import Seen
from dssmcli.weighted import Measure

Floats = npt.NDArray[np.float64]

_DESCRIPTIVE = frozenset(
    (
        *("positive_share", "threshold", "queries", "queries_skipped", "pool", "rows"),
        *("targets", "bias", "predicted", "watched"),
        *("titles_per_query", "titles_per_query_median", "titles_per_query_max"),
    )
)
_LOWER_IS_BETTER = frozenset(("log_loss", "brier", "ece", "rmse", "mae", "per_user_loss"))
_COUNTS = frozenset(
    ("queries", "queries_skipped", "pool", "titles_per_query_max", "rows", "targets")
)
_MEASURED = frozenset(("rmse", "mae", "predicted", "watched", "bias"))
"""Figures in the unit of what is predicted, of any size."""

_SLOW_ROWS = 1_000_000
"""So many rows take some seconds to draw anew as often as it is usual."""


def bare(name: str) -> str:
    """Return a figure's name without the task it is of, as in `TASK.auc`."""
    return name.rpartition(".")[2]


def is_descriptive(name: str) -> bool:
    """Tell whether this stands beside the figures and does not tell a good run from a bad one."""
    return bare(name) in _DESCRIPTIVE


def lower_is_better(name: str) -> bool:
    """Tell whether the better of two runs has less of this figure."""
    return bare(name) in _LOWER_IS_BETTER


class Figures(NamedTuple):
    """Figures by name, nan where undefined; `measures` work out those that have intervals.

    units: how many of the queries (of tables: rows) drawn anew they stand on, None for all.
    """

    values: Mapping[str, float]
    measures: Sequence[Measure] = ()
    units: int | None = None


@dataclass(frozen=True)
class Report:
    """The figures of one run on one set of rows, by name; one that has no meaning is absent.

    kind: what the rows hold. units: how many queries or rows each figure stands on. intervals: of
    the figures that have one. draws: (n,) what such a figure was in each draw. seen: how many rows
    the run met in training, where it says that.
    """

    rows: int
    kind: str
    figures: dict[str, float]
    units: dict[str, int]
    intervals: dict[str, Interval]
    draws: dict[str, Floats]
    seen: Seen | None = None


class Drawn(NamedTuple):
    """The rows that figures are of: how many, what they hold, the query (N,) of each from 0."""

    kind: str
    query: npt.NDArray[np.integer[Any]]


def say_if_slow(rows: int, plan: Plan, say: Callable[[str], None]) -> None:
    """Say that drawing so many rows anew takes its time, if it does."""
    if plan.draws and rows > _SLOW_ROWS:
        say(f"drawing {rows:,} rows anew {plan.draws} times (--bootstrap 0: not at all).")


def report_of(
    found: Sequence[Figures], rows: Drawn, plan: Plan, seen: Seen | None = None
) -> Report:
    """Return a report of figures, drawing the queries anew as the plan says."""
    queries = int(rows.query.max(initial=-1)) + 1
    figures = {
        name: value
        for each in found
        for name, value in each.values.items()
        if not math.isnan(value)
    }
    units = {
        name: queries if each.units is None else each.units
        for each in found
        for name in each.values
    }
    measures = [measure for each in found for measure in each.measures]
    drawn = resampled(measures, rows.query, plan)
    draws = {name: values for name, values in drawn.items() if name in figures}
    intervals = {name: interval(values) for name, values in draws.items()}
    return Report(
        rows=len(rows.query),
        kind=rows.kind,
        figures=figures,
        units=units,
        intervals={name: found for name, found in intervals.items() if found is not None},
        draws=draws,
        seen=seen,
    )


def compare(first: Report, second: Report) -> dict[str, Difference]:
    """Return by how much figures of two runs on the same rows differ: second less first."""
    return {
        name: difference(
            second.figures[name] - value,
            first.draws.get(name, np.zeros(0)),
            second.draws.get(name, np.zeros(0)),
            first.units[name],
        )
        for name, value in first.figures.items()
        if name in second.figures and not is_descriptive(name)
    }


def figure_text(report: Report, name: str) -> str:
    """Return a figure as people read it, with its interval; nothing where the report lacks it."""
    value = report.figures.get(name)
    if value is None:
        return ""
    if bare(name) in _COUNTS:
        return f"{value:.0f}"
    form = form_of(name)
    return f"{value:{form}}{between(report.intervals.get(name), form)}"


def form_of(name: str) -> str:
    """Return how a figure of this name is written."""
    return ".5g" if bare(name) in _MEASURED else ".4f"


def between(limits: Interval | None, form: str) -> str:
    """Return an interval as it stands behind its figure."""
    if limits is None:
        return ""
    dash = "-" if limits.low >= 0 and "+" not in form else " to "
    return f" [{limits.low:{form}}{dash}{limits.high:{form}}]"
