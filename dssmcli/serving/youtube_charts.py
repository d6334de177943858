"""How well the two stages of a recommender do, as charts."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from dssmcli.serving.charts import Axis, Chart, Diagonal, Line, Mark, Panel, Points
from dssmcli.serving.reports import Report

RECALL, ACTIVITY = "recall", "activity"
WATCH_TIME, HEADS = "watch-time", "heads"
RANKS = (1, 2, 3, 5, 10, 20, 50, 100)
"""How many recommended items are looked at."""
_TENTHS = range(1, 11)


def recall(names: Sequence[str], reports: Sequence[Report]) -> Chart:
    """Return the share of the next watches among the k best items, a line a model."""
    panels = tuple(
        Panel(
            title,
            Axis("k, items recommended", logarithmic=True),
            Axis("HR@k", 0.0),
            tuple(
                Line(
                    tuple(map(float, RANKS)),
                    tuple(report.figures.get(f"{prefix}hr@{k}", math.nan) for k in RANKS),
                    i,
                    name,
                    dotted_with_points=True,
                )
                for i, (name, report) in enumerate(zip(names, reports, strict=True))
            ),
        )
        for title, prefix in (("among all items", ""), ("without items watched before", "unseen."))
    )
    reading = (
        "HR@k is the share of the watches that followed which are among the k items recommended. "
        "The higher the better, above all on the left. Beside the run: what is popular, and "
        "item-kNN, which recommends what the same users watch."
    )
    return Chart(RECALL, "Recall", reading, panels)


def activity(names: Sequence[str], reports: Sequence[Report]) -> Chart:
    """Return the share found among ten, by how much users watched and how popular the item is."""
    slices = [
        found[1]
        for name in reports[0].figures
        if (found := re.fullmatch(r"([a-z_]+\S*)\.targets", name))
    ]
    watched = [name for name in slices if name.startswith("history_")]
    ways = (("watches before", watched), ("the item is", [x for x in slices if x not in watched]))
    panels = tuple(_slice_panel(way, found, names, reports) for way, found in ways if found)
    reading = (
        "The share of the next watches that are among ten recommended items (all items, HR@10), "
        "with 95 % intervals by drawing users anew: by how much the user had watched before, and "
        "by how popular the item is. In brackets: how many watches."
    )
    return Chart(ACTIVITY, "By activity and by popularity", reading, panels)


def _slice_panel(
    title: str, slices: Sequence[str], names: Sequence[str], reports: Sequence[Report]
) -> Panel:
    places = tuple(
        f"{name.removeprefix('history_')} ({reports[0].figures[f'{name}.targets']:,.0f})"
        for name in slices
    )
    keys = [f"{name}.hr@10" for name in slices]
    marks = interval_marks(keys, names, reports)
    return Panel(title, Axis("HR@10", 0.0), Axis("", names=places), marks)


def interval_marks(
    keys: Sequence[str], names: Sequence[str], reports: Sequence[Report]
) -> tuple[Mark, ...]:
    """Return points with intervals: a row a figure, a colour a model, those of a row apart."""
    marks = []
    for i, (name, report) in enumerate(zip(names, reports, strict=True)):
        shift = 0.0 if len(names) == 1 else 0.5 * (i / (len(names) - 1) - 0.5)
        values = tuple(report.figures.get(key, math.nan) for key in keys)
        limits = [report.intervals.get(key) for key in keys]
        marks.append(
            Points(
                values,
                tuple(row + shift for row in range(len(keys))),
                i,
                name if len(names) > 1 else "",
                tuple(f"{name}: {value:.4f}" for value in values),
                tuple(each.low if each else math.nan for each in limits),
                tuple(each.high if each else math.nan for each in limits),
                big=True,
            )
        )
    return tuple(marks)


def watch_time(names: Sequence[str], reports: Sequence[Report]) -> Chart:
    """Return true against predicted watch time, a point a tenth of the impressions."""
    lines = [
        Line(
            _tenths(report, "predicted"),
            _tenths(report, "watched"),
            i,
            name,
            dotted_with_points=True,
        )
        for i, (name, report) in enumerate(zip(names, reports, strict=True))
        if "decile_1.predicted" in report.figures
    ]
    panel = Panel(
        "Watch time",
        Axis("predicted, seconds", 0.0),
        Axis("true, seconds", 0.0),
        (Diagonal("as it should be"), *lines),
        square=True,
    )
    reading = (
        "Impressions in tenths by the watch time predicted: what was predicted on average, and "
        "what it was. On the dotted line predictions are right; a steep line tells the worthwhile "
        "from the rest."
    )
    panels = (panel,) if lines else ()
    notes = () if panels else ("The run predicts no watch time.",)
    return Chart(WATCH_TIME, "Predicted and true watch time", reading, panels, notes=notes)


def _tenths(report: Report, what: str) -> tuple[float, ...]:
    found = (report.figures.get(f"decile_{k}.{what}") for k in _TENTHS)
    return tuple(value for value in found if value is not None)


def heads(names: Sequence[str], reports: Sequence[Report]) -> Chart:
    """Return how well each head puts the impressions of a user in order."""
    panels = []
    for figure, title in (
        ("per_user_loss", "per-user loss: less is better"),
        ("auc", "AUC of clicks: more is better"),
    ):
        found = dict.fromkeys(
            name for report in reports for name in report.figures if name.endswith(f".{figure}")
        )
        rows = tuple(name.removesuffix(f".{figure}") for name in found)
        marks = interval_marks([*found], names, reports)
        if rows:
            panels.append(Panel(title, Axis(figure.replace("_", " ")), Axis("", names=rows), marks))
    reading = (
        "Of all pairs of a clicked and an unclicked impression of one user, the loss is the share "
        "of watch time whose unclicked one ranks higher (0.5 is chance); with 95 % intervals by "
        "drawing users anew. Each head of the run is one way to rank."
    )
    return Chart(HEADS, "What the heads rank", reading, tuple(panels))
