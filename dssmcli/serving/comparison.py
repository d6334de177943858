"""Figures of runs side by side, the best of each marked."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from dssmcli.serving.charts import Chart, Table
from dssmcli.serving.reports import Report, figure_text, is_descriptive, lower_is_better


def figures(
    names: Sequence[str], reports: Sequence[Report], notes: Sequence[str], drawn: str = ""
) -> Chart:
    """Return a table of figures, a row a figure, a column a run.

    drawn: a pattern of the names of those that are left out, since a chart shows them.
    """
    known = [
        name
        for name in dict.fromkeys(name for report in reports for name in report.figures)
        if not re.fullmatch(drawn, name)
    ]
    rows = tuple(
        (name, *(figure_text(report, name) or "—" for report in reports)) for name in known
    )
    best = frozenset(
        (row, column)
        for row, name in enumerate(known)
        if len(reports) > 1 and not is_descriptive(name)
        for column in _best(name, reports)
    )
    reading = (
        "Figures as `dssm eval` has them, with 95 % intervals by drawing queries, rows or users "
        "anew."
    )
    if len(reports) > 1:
        reading += (
            " The best of a row is bold; where intervals overlap the difference may be chance: "
            "`dssm eval -m A -m B` tests it."
        )
    table = Table(("figure", *names), rows, best=best)
    return Chart("figures", "Figures", reading, tables=(table,), notes=tuple(notes))


def _best(name: str, reports: Sequence[Report]) -> list[int]:
    """Return the columns, from 1, of the best; none where all are the same."""
    values = [report.figures.get(name, math.nan) for report in reports]
    known = [value for value in values if not math.isnan(value)]
    if len(set(known)) < 2:
        return []
    best = min(known) if lower_is_better(name) else max(known)
    return [i for i, value in enumerate(values, start=1) if value == best]
