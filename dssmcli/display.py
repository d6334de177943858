"""What a person sees while a model trains: on stderr, live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from dssmcli.errors import worth_saying
from dssmcli.pace import clock


class Evaluated(Protocol):
    """What an evaluation tells the display."""

    @property
    def step(self) -> int:
        """Steps taken so far."""
        ...

    @property
    def epoch(self) -> float:
        """Times through the rows so far."""
        ...

    @property
    def loss(self) -> float:
        """Mean training loss since the evaluation before."""
        ...

    @property
    def parts(self) -> Mapping[str, float]:
        """Further figures by name."""
        ...

    @property
    def metric(self) -> str:
        """What the score is."""
        ...

    @property
    def score(self) -> float:
        """The higher the better."""
        ...

    @property
    def best(self) -> bool:
        """Whether no score before was as high."""
        ...


class _Terminal(Console):
    """Standard error, on which nobody need listen: a closed pipe ends the talk, not the work."""

    def on_broken_pipe(self) -> None:
        """Fall silent."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


class TrainingDisplay:
    """Progress of a training: loss, pairs/s or rows/s, and time left; a row an evaluation.

    Used as a context manager. When quiet, says nothing but warnings; mute says not even these, as
    another process does.
    """

    def __init__(self, quiet: bool, noun: str = "pairs", mute: bool = False) -> None:
        quiet = quiet or mute
        self._quiet, self._noun = quiet, noun
        self._console = _Terminal(stderr=True, highlight=False, soft_wrap=True, quiet=mute)
        self._live = not quiet and sys.stderr.isatty()
        self._progress: Progress | None = None
        self._bar: TaskID | None = None
        self._rows = 0
        self._steps = 0
        self._total = 0
        self._began = time.perf_counter()
        self._loss = 0.0

    def __enter__(self) -> TrainingDisplay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def say(self, message: str) -> None:
        """Print a line; when quiet, only a warning."""
        for line in worth_saying([message], self._quiet):
            self._console.print(line, markup=False)

    def warn(self, message: str) -> None:
        """Print a line that nobody is to miss, also when quiet: figures are not what they seem."""
        if message:
            self._console.print(message, markup=False)

    def start(self, step: int, total: int) -> None:
        """Begin to show steps, `step` of `total` being done already."""
        self._began, self._total = time.perf_counter(), total
        if not self._live:
            return
        self._progress = Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.4f}"),
            TextColumn(f"{{task.fields[speed]:,.0f}} {self._noun}/s"),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._bar = self._progress.add_task("", total=total, completed=step, loss=0.0, speed=0.0)
        self._progress.start()

    def step(self, loss: float, rows: int) -> None:
        """Show one step of so many rows."""
        self._rows, self._steps = self._rows + rows, self._steps + 1
        # A moving mean: single steps are too noisy to read.
        self._loss = loss if self._steps == 1 else 0.95 * self._loss + 0.05 * loss
        if self._progress is not None and self._bar is not None:
            self._progress.update(self._bar, advance=1, loss=self._loss, speed=self._speed())

    def evaluation(self, found: Evaluated) -> None:
        """Print the row of an evaluation."""
        left = (self._total - found.step) * self._elapsed() / max(1, self._steps)
        score = "" if found.metric == "none" else f"  valid {found.metric} {found.score:.4f}"
        mark = "  best so far" if found.best and score else ""
        if not found.step:
            self.say(f"untrained{score}: what the words in common say")
            return
        self.say(
            f"epoch {found.epoch:4.1f}  step {found.step}/{self._total}  loss {found.loss:.4f}"
            f"{score}{_diagnosis(found.parts)}  {self._speed():,.0f} {self._noun}/s  "
            f"{clock(left)} left{mark}"
        )

    def _elapsed(self) -> float:
        return max(1e-9, time.perf_counter() - self._began)

    def _speed(self) -> float:
        return self._rows / self._elapsed()


_FIGURES = {
    "solved": "solved {:.0%}",
    "masked": "masked {:.1%}",
    "random_cosine_semantic": "random texts {:.2f}",
    "random_cosine": "random texts {:.2f}",
}


_FURTHER = re.compile(r" (auc|r2)$|^(hr|ndcg)@")
"""Validation figures that are shown besides the one that decides."""


def _diagnosis(parts: Mapping[str, float]) -> str:
    """Return the figures that say whether a training goes well; of the cosines one is enough."""
    shown = [name for name in _FIGURES if name in parts]
    if "random_cosine_semantic" in shown:
        shown.remove("random_cosine")
    if "solved" not in shown and "masked" in shown:
        shown.remove("masked")  # no candidates are learned from
    told = [_FIGURES[name].format(parts[name]) for name in shown]
    told += [f"{name} {parts[name]:.4f}" for name in parts if _FURTHER.search(name)]
    return "".join(f"  {figure}" for figure in told)
