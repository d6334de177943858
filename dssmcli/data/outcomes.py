"""Finds columns of impressions that are known only afterwards, as a like or a share watched is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from dssmcli.data.examples import Examples
from dssmcli.data.features import Reader
from dssmcli.data.findings import NOTE, WARNING, Finding
from dssmcli.data.leaks import gaps
from dssmcli.data.log_findings import Log
from dssmcli.data.notation import read_numbers
from dssmcli.data.suspects import powers
from dssmcli.data.table import Table
from dssmcli.data.tasks import Task
from dssmcli.errors import in_shell

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_SUSPECT = 0.98
_FEW_ROWS = 20
_PURE, _BELOW = 0.98, 0.8
_TOGETHER = 0.9
_SAME_ORDER, _SIGMAS = 0.99, 5.0
_OUTCOME_NAME = re.compile(
    r"(^|[^a-z])(likes?|liked|follow(s|ed)?|comments?|commented|forward(s|ed)?|shared?|collect(ed)?"
    r"|favou?rited?|purchased?|bought|finish(ed)?|completed?|completion|view|dwell|stay|percent"
    r"|ratio|played|watched|enter|rating|rated)([^a-z]|$)"
    r"|点赞|关注|评论|转发|收藏|完播",
    re.IGNORECASE,
)
"""How columns of what is known only afterwards are often called."""


def findings_of_outcomes(
    log: Log, table: Table, reader: Reader, train: Examples, tasks: Sequence[Task]
) -> Iterator[Finding]:
    """Yield the features that say what became of impressions (N rows of the table)."""
    clicked, watched = train.labels.T
    numbers = {
        feature.name: column
        for feature, column in zip(reader.schema.numeric, train.numbers.T, strict=True)
    }
    ties = _numbers(reader, train, table)
    seen: dict[str, str] = {}
    for name, column in ties.items():
        if _only_clicked(column > 0, clicked):
            seen[name] = f"{name} is above 0 only where {tasks[0].name} is 1."
        elif name in numbers and _rank_correlation(column, watched, clicked > 0) >= _TOGETHER:
            seen[name] = f"{name} rises with {tasks[1].name} where {tasks[0].name} is 1."
    for power in powers(reader, train, tasks):
        if power.score >= _SUSPECT:
            score = f"{power.measure} {power.score:.3f}"
            what = f"{power.name} alone predicts {power.task.name} ({score})."
            seen.setdefault(power.name, what)
    others = [name for name in reader.schema.names if name not in seen]
    for gap in gaps(table, others, clicked):
        has = "a value" if gap.present else "no value"
        seen[gap.column] = (
            f"{gap.column} has {has} nearly only where {tasks[0].name} is {gap.label}."
        )
    yield from _by_name(log, ties, clicked, set(seen))
    yield from _moments(log, ties, set(seen))
    for name, what in seen.items():
        word = in_shell(name)
        if name in ties and (ties[name] > 0).any():
            todo = f"If it is known only afterwards: --outcome {word}, or --ignore {word}."
        else:
            todo = f"If it is known only afterwards: --ignore {word}."
        yield Finding(WARNING, "outcome", len(clicked), what, todo, log.name)


def _by_name(
    log: Log, numbers: dict[str, Floats], clicked: Floats, seen: set[str]
) -> Iterator[Finding]:
    """Yield columns that are called as an outcome is, and are above 0 oftener where clicked."""
    for name, column in numbers.items():
        above = column > 0
        if name in seen or not _OUTCOME_NAME.search(name) or not 0 < above.sum() < len(above):
            continue
        one, other = float(clicked[above].mean()), float(clicked[~above].mean())
        chance = np.sqrt(clicked.mean() * (1 - clicked.mean()) / above.sum())
        if one - other > _SIGMAS * chance:
            what = f"{name} is called as what is known only afterwards, and goes with clicks."
            todo = f"If it is: --outcome {in_shell(name)}, or --ignore {in_shell(name)}."
            yield Finding(WARNING, "outcome", len(clicked), what, todo, log.name)


def _moments(log: Log, numbers: dict[str, Floats], seen: set[str]) -> Iterator[Finding]:
    """Yield columns that say when, as the timestamp does."""
    time = log.events.time
    if time is None or len(time) < _FEW_ROWS or time.min() == time.max():
        return
    for name, column in numbers.items():
        known = ~np.isnan(column)
        if name in seen or known.sum() < _FEW_ROWS or column[known].min() == column[known].max():
            continue
        if np.corrcoef(_ranks(column[known]), _ranks(time[known]))[0, 1] >= _SAME_ORDER:
            what = f"{name} rises with time: later ones are unlike all that was learned."
            todo = f"Without it: --ignore {in_shell(name)}."
            yield Finding(NOTE, "rises_with_time", len(column), what, todo, log.name)


def _numbers(reader: Reader, train: Examples, table: Table) -> dict[str, Floats]:
    """Return the features whose texts are all numbers, such as 0 and 1, (N,)."""
    numeric = zip(reader.schema.numeric, train.numbers.T, strict=True)
    found = {feature.name: column for feature, column in numeric}
    for feature in reader.schema.categorical:
        if feature.name not in found:
            numbers = read_numbers(feature.values).numbers
            if not np.isnan(numbers).any():
                column = table.columns[feature.name]
                found[feature.name] = read_numbers(column.values).numbers[column.codes]
    return found


def _only_clicked(above: Bools, clicked: Floats) -> bool:
    """Tell whether what is above 0 is nearly always clicked, and the rest much more seldom."""
    if min(above.sum(), (~above).sum()) < _FEW_ROWS:
        return False
    return bool(clicked[above].mean() >= _PURE and clicked[~above].mean() <= _BELOW)


def _rank_correlation(numbers: Floats, watched: Floats, clicked: Bools) -> float:
    """Return how the order of numbers agrees with that of watch times, of clicked impressions."""
    known = clicked & ~np.isnan(numbers)
    if known.sum() < _FEW_ROWS:
        return 0.0
    one, other = (_ranks(values[known]) for values in (numbers, watched))
    if one.min() == one.max() or other.min() == other.max():
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def _ranks(values: Floats) -> Floats:
    """Return the rank of each value, that of equal ones the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[place]
