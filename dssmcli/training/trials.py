"""Trials of settings as a person reads them: a line while they run, a table in the end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from dssmcli.presets import as_option
from dssmcli.training.task import TextTask


@dataclass(eq=False)
class Trial:
    """Settings that are tried, and how far they have come.

    task: with these settings. changed: those that differ from the first trial's. epochs, seconds:
    what was spent. score: the best validation score so far, `latest` the best of those that
    training has reached (the untrained start aside); both -inf where there is none, or where the
    training diverged.
    """

    number: int
    task: TextTask
    changed: Mapping[str, Any]
    metric: str = "score"
    epochs: float = 0.0
    seconds: float = 0.0
    score: float = -math.inf
    latest: float = -math.inf
    finished: bool = False

    @property
    def options(self) -> str:
        """Return the settings that differ, as options of the command line."""
        return " ".join(f"--{n.replace('_', '-')} {as_option(v)}" for n, v in self.changed.items())


def progress(trial: Trial, best: Trial) -> str:
    """Return the line that tells how a trial stands."""
    standing = "diverged"
    if trial.score > -math.inf:
        standing = f"{trial.metric} {trial.score:.4f}"
    leader = "  best so far" if trial is best else f"  best: trial {best.number}, {best.score:.4f}"
    return (
        f"trial {trial.number}: epoch {trial.epochs:.1f} of {trial.task.config.epochs}  {standing}"
        f"  {trial.seconds:.1f} s{leader}  {trial.options or 'settings as given'}"
    )


class Table(NamedTuple):
    """Rows of cells below a row of names."""

    names: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def to_tsv(self) -> str:
        """Return the lines of a file."""
        return "".join("\t".join(row) + "\n" for row in (self.names, *self.rows))

    def aligned(self) -> list[str]:
        """Return lines in which the columns stand below each other."""
        lines = [self.names, *self.rows]
        widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
        return [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]


def table(trials: Sequence[Trial], best: Trial) -> Table:
    """Return what was tried, the best score first."""
    ordered = sorted(trials, key=lambda trial: (-trial.score, trial.number))
    rows = [
        (
            str(trial.number),
            f"{trial.epochs:.1f}",
            f"{trial.seconds:.1f}",
            f"{trial.score:.6f}" if trial.score > -math.inf else "",
            "kept" if trial is best else "",
            trial.options,
        )
        for trial in ordered
    ]
    return Table(("trial", "epochs", "seconds", trials[0].metric, "kept", "settings"), rows)
