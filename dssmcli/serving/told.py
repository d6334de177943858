"""What runs say of themselves: settings, sizes, and how their training went."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dssmcli.run import FAMILIES, METRICS, Run, parse_object, using_run
from dssmcli.serving.charts import Axis, Chart, Line, Mark, Panel, Points, Table

CURVES = "curves"
_PLACES = ("step", "epoch", "best")
_LONGEST = 300
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


@dataclass(frozen=True)
class Story:
    """A run by the name the user gave it. history: its evaluations, a dict of figures each."""

    name: str
    family: str
    config: dict[str, Any]
    history: tuple[dict[str, Any], ...]
    files: dict[str, int]


def read_story(name: str) -> Story:
    """Read what a run says of itself; RunError when it is none or damaged."""
    return using_run(Path(name), lambda run: _story(run, name))


def _story(run: Run, name: str) -> Story:
    where = run.path / METRICS
    lines = run.read_text(METRICS).splitlines()
    history = tuple(parse_object(line, where) for line in lines if line.strip())
    files = {name: size for name, (size, _) in sorted(run.files.items())}
    return Story(name, run.family(), run.config(), history, files)


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the settings of a config by their names with dots, as texts."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield f"{prefix}{name}", said


def settings(stories: Sequence[Story]) -> Chart:
    """Return a table of all settings, a column a run."""
    each = [
        {name: _cut(value) for name, value in flat({**story.config, "files": story.files})}
        for story in stories
    ]
    names = [*dict.fromkeys(name for values in each for name in values)]
    rows = [(name, *(values.get(name, "—") for values in each)) for name in names]
    changed = frozenset(i for i, row in enumerate(rows) if len(set(row[1:])) > 1)
    reading = "All that decides how the run was trained and answers, and the bytes of its files."
    if len(stories) > 1:
        reading += " Rows in which the runs differ are marked."
    columns = range(len(stories) + 1)
    head = ("setting", *(story.name for story in stories))
    table = Table(head, tuple(rows), changed=changed, prose=frozenset(columns))
    return Chart("settings", "Settings", reading, tables=(table,))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def summary(stories: Sequence[Story]) -> Chart:
    """Return a table of what the runs are and how they did in training."""
    names = [
        "kind",
        "model",
        "learned from",
        "size",
        "evaluations",
        "best at epoch",
        "threshold",
        "version",
    ]
    names += [*dict.fromkeys(name for story in stories for name in _validated(story))]
    columns = [_about(story) for story in stories]
    rows = tuple((name, *(column.get(name, "—") for column in columns)) for name in names)
    kept = tuple(row for row in rows if set(row[1:]) != {"—"})
    head = ("", *(story.name for story in stories))
    reading = (
        "What the run is. The figures of the last rows are of the evaluation that was best in "
        "training, on rows held out from it: they chose the weights, so they flatter them a little."
    )
    prose = frozenset(range(len(head)) if len(stories) == 1 else {0})
    return Chart(
        "summary",
        "The run" if len(stories) == 1 else "The runs",
        reading,
        tables=(Table(head, kept, prose=prose),),
    )


def _about(story: Story) -> dict[str, str]:
    values = dict(flat(story.config))
    counts = [
        f"{int(values[f'data.{name}']):,} {name.replace('_', ' ')}"
        for name in ("rows", "watches", "impressions", "valid_rows", "valid_examples")
        if values.get(f"data.{name}", "").isdecimal() and len(values[f"data.{name}"]) < 16
    ]
    arch = values.get("model.tower.arch", values.get("model.arch", ""))
    parts = [arch, values.get("model.text.tokenizer", "")]
    found = {
        "kind": FAMILIES[story.family].replace("`", ""),
        "model": ", ".join(filter(None, parts)),
        "learned from": ", ".join(counts),
        "size": f"{sum(story.files.values()) / 1e6:.1f} MB",
        "evaluations": f"{len(story.history):,}",
        "best at epoch": values.get("validation.epoch", ""),
        "threshold": _rounded(values.get("threshold.value", "")),
        "version": values.get("version", ""),
        **_validated(story),
    }
    return {name: value for name, value in found.items() if value}


def _validated(story: Story) -> dict[str, str]:
    found = story.config.get("validation")
    told = found if isinstance(found, dict) else {}
    return {
        name: _rounded(value)
        for name, value in told.items()
        if name not in _PLACES and _number(value) is not None
    }


def _rounded(value: object) -> str:
    number = _number(value)
    return "" if number is None else f"{number:.4f}"


def _number(value: object) -> float | None:
    try:
        number = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


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
        if name in _PLACES:
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
        epoch, value = _number(line.get("epoch")), _number(line.get(name))
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
    places = [_number(line.get("epoch")) for line in story.history if line.get("best") is True]
    return places[-1] if places else None
