"""How trainings went, as charts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dssmcli.serving.charts import Axis, Chart, Line, Mark, Panel, Points
from dssmcli.serving.told import PLACES, Story, number_of

CURVES = "curves"
_VALIDATING = frozenset(("mrr", "auc", "spearman", "ndcg", "hr@10", "hr@50", "ranked", "r2"))
_TITLES = {
    "loss": "loss, of training rows",
    "mrr": "MRR, of validation rows",
    "auc": "AUC, of validation rows",
    "spearman": "Spearman's correlation, of validation rows",
    "solved": "share of training rows that are solved",
    "masked": "share of candidates that are masked",
    "share": "share of the lexical part",
    "random_cosine": "cosine of texts at random",
    "random_cosine_semantic": "cosine at random, without the lexical part",
    "ndcg": "NDCG, of validation watches",
    "ranked": "share of watch time ranked right",
    "bias": "predicted watch time over true",
}


def curves(stories: Sequence[Story]) -> Chart:
    """Return how training went: a panel a figure, a line a run."""
    panels = tuple(_panel(name, stories) for name in _figures(stories))
    reading = (
        "A point is an evaluation while training went on; the large one is the best, whose weights "
        "the run keeps. A figure of validation rows that falls while the loss of training rows "
        "goes on falling tells of learning by heart."
    )
    notes = () if panels else ("The run tells nothing of its training.",)
    return Chart(CURVES, "Learning curves", reading, panels, notes=notes)


def _figures(stories: Sequence[Story]) -> list[str]:
    """Return the figures to draw: those with numbers, and none that is another's twin."""
    names = dict.fromkeys(name for story in stories for line in story.history for name in line)
    found: dict[tuple[tuple[float, ...], ...], str] = {}
    for name in names:
        if name in PLACES:
            continue
        values = tuple(_values(story, name)[1] for story in stories)
        known = tuple(tuple(y for y in each if math.isfinite(y)) for each in values)
        if any(known):
            found.setdefault(known, name)
    return sorted(found.values(), key=_importance)


def _importance(name: str) -> int:
    """Return 0 for the loss, 1 for what validates a model, 2 for all else."""
    return 0 if name == "loss" else 1 if name.rpartition(" ")[2] in _VALIDATING else 2


def _values(story: Story, name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    x, y = [], []
    for line in story.history:
        epoch, value = number_of(line.get("epoch")), number_of(line.get(name))
        if epoch is not None:
            x.append(epoch)
            y.append(math.nan if value is None else value)
    return tuple(x), tuple(y)


def _panel(name: str, stories: Sequence[Story]) -> Panel:
    marks: list[Mark] = []
    for i, story in enumerate(stories):
        x, y = _values(story, name)
        marks.append(Line(x, y, i, story.name, dotted_with_points=True))
    for i, story in enumerate(stories):
        x, y = _values(story, name)
        best = _best(story)
        at = [(a, b) for a, b in zip(x, y, strict=True) if a == best and math.isfinite(b)][-1:]
        texts = tuple(f"best: {value:.4g} at epoch {epoch:g}" for epoch, value in at)
        xs, ys = tuple(a for a, _ in at), tuple(b for _, b in at)
        marks.append(Points(xs, ys, i, texts=texts, big=True))
    return Panel(_TITLES.get(name, name), Axis("epoch", low=0.0), Axis(""), tuple(marks))


def _best(story: Story) -> float | None:
    """Return the epoch of the evaluation whose weights were kept: the last that was best."""
    places = [number_of(line.get("epoch")) for line in story.history if line.get("best") is True]
    return places[-1] if places else None
