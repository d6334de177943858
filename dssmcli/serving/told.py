"""What runs say of themselves, as tables."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dssmcli.run import FAMILIES, METRICS, Run, parse_object, using_run
from dssmcli.serving.charts import Chart, Table

PLACES = ("step", "epoch", "best")
"""What an evaluation has beside its figures."""
_LONGEST = 300


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
        "validated on",
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
    arch = values.get("model.tower.arch", values.get("model.arch", ""))
    parts = [arch, values.get("model.text.tokenizer", "")]
    found = {
        "kind": FAMILIES[story.family].replace("`", ""),
        "model": ", ".join(filter(None, parts)),
        "learned from": _counts(values, "rows", "watches", "impressions"),
        "validated on": _counts(values, "valid_rows", "valid_examples"),
        "size": f"{sum(story.files.values()) / 1e6:.1f} MB",
        "evaluations": f"{len(story.history):,}",
        "best at epoch": values.get("validation.epoch", ""),
        "threshold": _rounded(values.get("threshold.value", "")),
        "version": values.get("version", ""),
        **_validated(story),
    }
    return {name: value for name, value in found.items() if value}


def _counts(values: dict[str, str], *names: str) -> str:
    """Return how many rows or the like a run says to have, those that it names; else nothing."""
    return ", ".join(
        f"{int(values[f'data.{name}']):,} {name.removeprefix('valid_')}"
        for name in names
        if values.get(f"data.{name}", "").isdecimal() and len(values[f"data.{name}"]) < 16
    )


def _validated(story: Story) -> dict[str, str]:
    found = story.config.get("validation")
    told = found if isinstance(found, dict) else {}
    return {
        name: _rounded(value)
        for name, value in told.items()
        if name not in PLACES and number_of(value) is not None
    }


def _rounded(value: object) -> str:
    number = number_of(value)
    return "" if number is None else f"{number:.4f}"


def number_of(value: object) -> float | None:
    """Return a finite number that a run tells, as a number or a text; None where it is none."""
    try:
        number = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
