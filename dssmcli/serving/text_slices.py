"""How well runs of texts do on parts of the rows.

N rows, R runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dssmcli import metrics, weighted
from dssmcli.bootstrap import Interval, Plan, interval, resampled
from dssmcli.metrics import Bools, Ints
from dssmcli.serving.charts import Axis, Chart, Mark, Panel, Points, Table
from dssmcli.serving.scored import Scored
from dssmcli.serving.slices import slicer_for
from dssmcli.text.scripts import SCRIPTS, ScriptTable

SLICES = "slices"


class Part(NamedTuple):
    """Some of the rows, (n,), by name; the name of what they are parts of."""

    of: str
    name: str
    rows: Ints


class Figure(NamedTuple):
    """What one run does on a part; nan where one class is missing."""

    auc: float
    f1: float
    interval: Interval | None


def slices(scored: Scored, plan: Plan) -> Chart:
    """Return the AUC of parts of the rows, a panel a way to part them, and a table of all."""
    parts = list(parts_of(scored))
    figures = part_figures(scored, parts, plan)
    panels = tuple(
        _panel(scored, of, [i for i, part in enumerate(parts) if part.of == of], parts, figures)
        for of in dict.fromkeys(part.of for part in parts)
    )
    reading = (
        "The AUC of parts of the rows, with 95 % intervals by drawing queries anew: how likely a "
        "match scores higher than another pair of the same part. Where an interval is wide there "
        "are too few rows to say much."
    )
    table = _table(scored, parts, figures)
    return Chart(SLICES, "By length and by script", reading, panels, (table,))


def parts_of(scored: Scored) -> Iterator[Part]:
    """Yield the parts by the length of queries, of titles, and by script."""
    for what, texts in (("query", scored.queries), ("title", scored.titles)):
        lengths = np.array([len(text) for text in texts])
        said = [str(length) for length in lengths.tolist()]
        slicer = slicer_for(said)
        codes = slicer.codes(said)
        for each in slicer.slices(np.bincount(codes, minlength=slicer.size)):
            rows = np.flatnonzero(np.isin(codes, each.codes))
            low, high = int(lengths[rows].min()), int(lengths[rows].max())
            name = f"{low}" if low == high else f"{low} to {high}"
            yield Part(f"characters of the {what}", name, rows)
    both = [f"{query} {title}" for query, title in zip(scored.queries, scored.titles, strict=True)]
    scripts = ScriptTable().scripts_of(both)
    for i, name in enumerate(SCRIPTS):
        if len(rows := np.flatnonzero(scripts == i)):
            yield Part("script", name, rows)


def part_figures(scored: Scored, parts: list[Part], plan: Plan) -> list[list[Figure]]:
    """Return the figures of each part, a list of one a run."""
    measures = []
    for k, part in enumerate(parts):
        for i, encoder in enumerate(scored.encoders):
            scores, positive, order = _ordered(scored, part, i)
            if _both(positive):
                measure = weighted.two_classes(scores, positive, encoder.threshold)
                measures.append(weighted.of_some_rows(measure, order, f"{k}.{i}."))
    draws = resampled(measures, scored.query, plan)
    return [
        [
            _figure(scored, part, i, draws.get(f"{k}.{i}.auc", np.zeros(0)))
            for i in range(len(scored.encoders))
        ]
        for k, part in enumerate(parts)
    ]


def _ordered(scored: Scored, part: Part, run: int) -> tuple[metrics.Floats, Bools, Ints]:
    """Return the scores of a part, the highest first, with the classes and numbers of its rows."""
    cosines = scored.cosines[part.rows, run]
    rows = part.rows[np.argsort(-cosines, kind="stable")]
    return scored.cosines[rows, run], scored.positive[rows], rows


def _both(positive: Bools) -> bool:
    return bool(positive.any() and not positive.all())


def _figure(scored: Scored, part: Part, run: int, draws: metrics.Floats) -> Figure:
    scores, positive, _ = _ordered(scored, part, run)
    threshold = scored.encoders[run].threshold
    told = threshold is not None and _both(positive)
    f1 = metrics.at_threshold(scores, positive, threshold or 0.0).f1 if told else math.nan
    return Figure(metrics.auc(scores, positive), f1, interval(draws))


def _panel(
    scored: Scored, of: str, places: list[int], parts: list[Part], figures: list[list[Figure]]
) -> Panel:
    names = tuple(f"{parts[k].name} ({len(parts[k].rows):,})" for k in places)
    runs, marks = len(scored.names), list[Mark]()
    for i, name in enumerate(scored.names):
        shift = 0.0 if runs == 1 else 0.5 * (i / (runs - 1) - 0.5)
        found = [figures[k][i] for k in places]
        texts = [_said(figure) for figure in found]
        marks.append(
            Points(
                tuple(figure.auc for figure in found),
                tuple(row + shift for row in range(len(found))),
                i,
                name if runs > 1 else "",
                tuple(f"{name}, {part}: {text}" for part, text in zip(names, texts, strict=True)),
                tuple(figure.interval.low if figure.interval else math.nan for figure in found),
                tuple(figure.interval.high if figure.interval else math.nan for figure in found),
                big=True,
            )
        )
    return Panel(of, Axis("AUC", None, 1.0), Axis("", names=names), tuple(marks))


def _said(figure: Figure) -> str:
    if math.isnan(figure.auc):
        return "—"
    limits = figure.interval
    return f"{figure.auc:.3f}" + (f" [{limits.low:.3f}-{limits.high:.3f}]" if limits else "")


def _table(scored: Scored, parts: list[Part], figures: list[list[Figure]]) -> Table:
    runs = scored.names if len(scored.names) > 1 else ("",)
    head = ["by", "slice", "rows", "matches"]
    head += [f"{what} {name}".strip() for name in runs for what in ("AUC", "F1")]
    rows = []
    for part, found in zip(parts, figures, strict=True):
        row = [part.of, part.name, f"{len(part.rows):,}", f"{scored.positive[part.rows].sum():,}"]
        for figure in found:
            row += [_said(figure), "—" if math.isnan(figure.f1) else f"{figure.f1:.3f}"]
        rows.append(tuple(row))
    return Table(tuple(head), tuple(rows), prose=frozenset({0, 1}))
