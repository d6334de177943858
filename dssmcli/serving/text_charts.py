"""How well runs of texts tell matches from other pairs, as charts.

N rows, R runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from dssmcli import metrics, weighted
from dssmcli.bootstrap import Plan
from dssmcli.calibration import calibration_error, reliability
from dssmcli.metrics import Bools, Floats, Ints
from dssmcli.serving.charts import (
    Axis,
    Bars,
    Chart,
    Diagonal,
    Line,
    Mark,
    Numbers,
    Panel,
    Points,
    Rule,
    Table,
)
from dssmcli.serving.figures import class_figures, probability_figures
from dssmcli.serving.reports import Drawn, Figures, Report, report_of
from dssmcli.serving.scored import Scored

HISTOGRAM, PRECISION_RECALL, CALIBRATION = "histogram", "precision-recall", "calibration"
_BINS = 40
_MOST_POINTS = 400
_ERRORS = 10
_ONE_CLASS = "All rows are of one kind, so there is nothing to tell apart."
_NAMES = ("no match", "match")


def figures_of_runs(scored: Scored, plan: Plan) -> list[Report]:
    """Return a report a run: those figures of `dssm eval` that judge single rows."""
    rows = Drawn(scored.kind, scored.query)
    return [report_of(_figures(scored, i), rows, plan) for i in range(len(scored.names))]


def _figures(scored: Scored, run: int) -> list[Figures]:
    encoder, cosines = scored.encoders[run], scored.cosines[:, run]
    order = np.argsort(-cosines, kind="stable")
    if not scored.both:
        return [Figures({"positive_share": float(scored.positive.mean())})]
    sorted_rows = cosines[order], scored.positive[order]
    found = [class_figures(*sorted_rows, encoder.threshold)]
    if encoder.calibration is not None:
        found.append(probability_figures(encoder.probability(sorted_rows[0]), sorted_rows[1]))
    return [
        each._replace(measures=[weighted.of_some_rows(m, order, "") for m in each.measures])
        for each in found
    ]


def histogram(scored: Scored) -> Chart:
    """Return how the scores of matches and of the others are spread: a panel a run."""
    edges = _edges(scored.cosines)
    thresholds = [each.threshold for each in scored.encoders if each.threshold is not None]
    ends = [float(edges[0]), float(edges[-1]), *thresholds]
    across = Axis("cosine", min(ends), max(ends))
    panels = []
    for i, name in enumerate(scored.names):
        bars: list[Mark] = [
            bars_of(scored.cosines[scored.positive == kind, i], edges, 1 - kind, _NAMES[kind])
            for kind in (0, 1)
            if (scored.positive == kind).any()
        ]
        threshold = scored.encoders[i].threshold
        rules = [] if threshold is None else [Rule("x", threshold, "threshold")]
        title = name if len(scored.names) > 1 else "Scores"
        panels.append(Panel(title, across, Axis("share of its kind", 0.0), (*bars, *rules)))
    reading = (
        "How many of the matches, and of the other pairs, have which cosine. The less the two "
        "overlap the better; the run calls what is right of its threshold a match."
    )
    return Chart(HISTOGRAM, "Scores of matches and of other pairs", reading, tuple(panels))


def _edges(values: Floats) -> Floats:
    low, high = float(values.min()), float(values.max())
    if high - low < 0.01:
        low, high = low - 0.05, high + 0.05
    return np.linspace(low, high, _BINS + 1)


def bars_of(values: Floats, edges: Floats, series: int, name: str) -> Bars:
    """Return what share of values (n,), one at least, lies between which edges."""
    counts, _ = np.histogram(values, edges)
    return Bars(_numbers(edges), _numbers(counts / len(values)), series, name)


def precision_recall(scored: Scored) -> Chart:
    """Return precision against recall, a line a run, with the points of their thresholds."""
    chart = Chart(PRECISION_RECALL, "Precision and recall", _FOUND_AND_RIGHT)
    if not scored.both:
        return replace(chart, notes=(_ONE_CLASS,))
    marks: list[Mark] = []
    for i, name in enumerate(scored.names):
        marks += precision_recall_marks(scored.cosines[:, i], scored.positive, i, name)
        marks += _at_threshold(scored, i)
    marks.append(Rule("y", float(scored.positive.mean()), "precision of calling all a match"))
    axes = Axis("recall", 0.0, 1.0), Axis("precision", 0.0, 1.0)
    panel = Panel("Precision and recall", *axes, tuple(marks), square=True)
    return replace(chart, panels=(panel,))


_FOUND_AND_RIGHT = (
    "Lower the threshold step by step: recall is the share of the matches that are found, "
    "precision the share of matches among what is called one. The farther up and right the "
    "better. AP, the average precision, is the area under the line; a large point is the run's "
    "stored threshold."
)


def precision_recall_marks(scores: Floats, positive: Bools, series: int, name: str) -> list[Mark]:
    """Return the line of one run's scores (N,)."""
    found = metrics.precision_recall(scores, positive)
    kept = thinned(len(found.recall))
    area = metrics.average_precision(scores, positive)
    x, y = _numbers(found.recall[kept]), _numbers(found.precision[kept])
    return [Line(x, y, series, f"{name} (AP {area:.3f})")]


def thinned(count: int, most: int = _MOST_POINTS) -> Ints:
    """Return at most so many of the places 0..count - 1, evenly, the first and last among them."""
    if count <= most:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, most).round().astype(np.int64))


def _at_threshold(scored: Scored, run: int) -> Iterator[Mark]:
    threshold = scored.encoders[run].threshold
    if threshold is None:
        return
    report = metrics.at_threshold(scored.cosines[:, run], scored.positive, threshold)
    if not math.isnan(report.precision):
        said = (
            f"{scored.names[run]}: threshold {threshold:.4f}, precision {report.precision:.4f}, "
            f"recall {report.recall:.4f}, F1 {report.f1:.4f}"
        )
        yield Points((report.recall,), (report.precision,), run, texts=(said,), big=True)


def calibration(scored: Scored) -> Chart:
    """Return the share of matches against the probability that the runs give, by bins."""
    chart = Chart(CALIBRATION, "Calibration", CALIBRATED)
    if not scored.both:
        return replace(chart, notes=(_ONE_CLASS,))
    marks: list[Mark] = [Diagonal("as it should be")]
    tables, missing = [], []
    for i, (name, encoder) in enumerate(zip(scored.names, scored.encoders, strict=True)):
        if encoder.calibration is None:
            missing.append(f"{name} has no calibration.")
            continue
        chance = encoder.probability(scored.cosines[:, i])
        marks.append(reliability_line(chance, scored.positive, i, name))
        tables.append(bin_table(chance, scored.positive, name))
    axes = Axis("probability that the run gives", 0.0, 1.0), Axis("share of matches", 0.0, 1.0)
    panel = Panel("Calibration", *axes, tuple(marks), square=True)
    shown = tuple(tables) if len(tables) == 1 else ()
    return replace(chart, panels=(panel,), tables=shown, notes=tuple(missing))


CALIBRATED = (
    "Rows are put into bins of equal counts by the probability that the run gives them; a point is "
    "a bin. On the dotted line, of those said to match with 70 % indeed 70 % do; below it the run "
    "is too sure, above it not sure enough. ECE is the mean distance from the line."
)


def reliability_line(chance: Floats, positive: Bools, series: int, name: str) -> Line:
    """Return a point a bin of probabilities (N,), joined."""
    bins = reliability(chance, positive)
    error = calibration_error(chance, positive)
    x, y = tuple(b.predicted for b in bins), tuple(b.true for b in bins)
    return Line(x, y, series, f"{name} (ECE {error:.3f})", dotted_with_points=True)


def bin_table(chance: Floats, positive: Bools, name: str) -> Table:
    """Return the bins of probabilities (N,) with their counts."""
    rows = tuple(
        (f"{i}", f"{b.rows:,}", f"{b.predicted:.3f}", f"{b.true:.3f}")
        for i, b in enumerate(reliability(chance, positive), start=1)
    )
    head = ("bin", "rows", "mean probability", "share of matches")
    return Table(head, rows, caption=f"The bins of {name}")


def errors(scored: Scored) -> Chart:
    """Return the rows that the runs are most wrong about, as tables."""
    tables = tuple(
        table
        for i in range(len(scored.names))
        for matches in (False, True)
        if (table := _error_table(scored, i, matches)).rows
    )
    reading = (
        "Pairs that are no match but score highest, and matches that score lowest. Look here for "
        "wrong labels, for words that mislead (units both texts have) and for words the run does "
        "not know to mean the same. Texts are as the run reads them: normalised."
    )
    notes = () if tables else ("There are none: every row is on its side of the threshold.",)
    return Chart("errors", "Hardest errors", reading, tables=tables, notes=notes)


def _error_table(scored: Scored, run: int, matches: bool) -> Table:
    name, threshold = scored.names[run], scored.encoders[run].threshold
    cosines = scored.cosines[:, run]
    wrong = scored.positive == matches
    if threshold is not None:
        wrong &= (cosines >= threshold) != matches
    places = np.flatnonzero(wrong)
    order = places[np.argsort(cosines[places] if matches else -cosines[places], kind="stable")]
    head = ("query", "title", "label", "score", "units that both have")
    what = "Matches that score lowest" if matches else "Other pairs that score highest"
    beyond = f", of {len(places):,} on the wrong side of {threshold or 0.0:.3f}"
    said = "" if threshold is None else beyond
    caption = f"{what}{said}" + (f" ({name})" if len(scored.names) > 1 else "")
    rows = tuple(_error_row(scored, run, i) for i in _first_of_each(scored, order))
    return Table(head, rows, prose=frozenset({0, 1, 4}), caption=caption)


def _first_of_each(scored: Scored, order: Ints) -> list[int]:
    """Return the first rows of an order, without repeating a pair of texts."""
    found: dict[tuple[str, str], int] = {}
    for i in order.tolist():
        found.setdefault((scored.queries[i], scored.titles[i]), i)
        if len(found) == _ERRORS:
            break
    return list(found.values())


def _error_row(scored: Scored, run: int, row: int) -> tuple[str, ...]:
    query, title = scored.queries[row], scored.titles[row]
    lookup = scored.encoders[run].lookup
    others = set(lookup.cut(title).units)
    shared = [unit for unit in dict.fromkeys(lookup.cut(query).units) if unit in others]
    label = _NAMES[int(scored.positive[row])]
    return query, title, label, f"{scored.cosines[row, run]:.4f}", " · ".join(shared) or "none"


def _numbers(values: Floats) -> Numbers:
    return tuple(values.tolist())
