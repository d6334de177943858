"""Fits a run to pairs of texts: trains or searches, and puts the run in its place."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dssmcli.commands.fit import (
    Way,
    begun,
    ended,
    memory_errors,
    shown,
    tell_finished,
    tell_skipped,
    warn_below_chance,
    warn_of_seen,
    workplace_for,
)
from dssmcli.commands.together import agreed

if TYPE_CHECKING:
    from dssmcli.data.tsv import BadRows
    from dssmcli.display import TrainingDisplay
    from dssmcli.presets import Settings
    from dssmcli.training.processes import Processes
    from dssmcli.training.task import PairsInput, TextTask
    from dssmcli.training.text import TextState
    from dssmcli.workplace import Workplace


def fit_pairs(
    given: PairsInput,
    settings: Settings,
    way: Way,
    skipped: BadRows,
    display: TrainingDisplay,
    met: Processes | None,
    local: int,
) -> None:
    """Read pairs and train on them, unless the run is there already.

    met: all processes, if several train together; the first of them writes the run. local: the
    number of this one among those of its machine.
    """
    from dssmcli.training.devices import resolved
    from dssmcli.training.finish import fingerprint
    from dssmcli.training.processes import ALONE

    processes, place, saved = met or ALONE, None, None
    with ExitStack() as stack:
        with agreed(met):
            settings = replace(settings, train=resolved(settings.train, local))
            if processes.first:
                place = stack.enter_context(workplace_for(way))
                if place is None:
                    _tell_finished(given, settings, way, skipped, display)
        folder = processes.told(None if place is None else os.fsencode(place.path))
        if folder is None:
            return
        with agreed(met):
            scratch = Path(os.fsdecode(folder))
            read = replace(given, scratch=scratch if scratch.is_dir() else None)
            task = _read_task(read, settings, skipped, display)
            saved = None if place is None else place.load()
            where = "The checkpoint" if place is None else str(place.checkpoint)
            if processes.first:
                warn_of_seen(task, "row", display)
        processes.check_alike(fingerprint(task))
        saved = processes.told(saved)
        with agreed(met):
            state = _begun_state(task, saved, where, display)
        del saved  # much memory
        # Processors need not round alike.
        processes.copy_first([*state.weights().values(), *state.average.means.values()])
        _train_run(task, state, processes, place, way.output, display)


def tune_pairs(
    given: PairsInput,
    settings: Settings,
    way: Way,
    skipped: BadRows,
    display: TrainingDisplay,
    fixed: frozenset[str],
    deadline: float,
) -> None:
    """Read pairs and search for settings until a moment of the monotonic clock.

    fixed: names of the settings that stay as they are.
    """
    from dssmcli.training.devices import resolved

    settings = replace(settings, train=resolved(settings.train))
    with workplace_for(way) as place:
        if place is not None:
            task = _read_task(replace(given, scratch=place.path), settings, skipped, display)
            warn_of_seen(task, "row", display)
            _tune_run(task, place, way.output, display, fixed, deadline)


def _tell_finished(
    given: PairsInput, settings: Settings, way: Way, skipped: BadRows, display: TrainingDisplay
) -> None:
    """Say that a run is finished; ConfigError when other data or settings are given now."""
    from dssmcli.training.finish import check_finished_run

    task = _read_task(given, settings, skipped, display)
    tell_finished(way.output, lambda run: check_finished_run(task, run), display)


def _read_task(
    given: PairsInput, settings: Settings, skipped: BadRows, display: TrainingDisplay
) -> TextTask:
    """Read the pairs and all that is learned from them, telling what was found."""
    from dssmcli.training.task import build_task

    task = build_task(given, settings, skipped, display.say)
    tell_skipped(skipped, display)
    return task


@memory_errors()
def _train_run(
    task: TextTask,
    state: TextState,
    processes: Processes,
    place: Workplace | None,
    output: Path,
    display: TrainingDisplay,
) -> None:
    """Train to the end, saving at each evaluation, then put the run in its place.

    Only the first of several processes has a workplace, and saves.
    """
    from dssmcli.training.diagnosis import Advice
    from dssmcli.training.finish import checkpoint
    from dssmcli.training.text import steps_in_all, train_text

    advice = Advice(state.history, task.loss, task.config)
    display.start(state.step, steps_in_all(task))
    for _ in shown(train_text(task, state, processes), display):
        for hint in advice.new(state.history):
            display.say(hint)
        if place is not None:
            place.save(checkpoint(task, state))
    if place is not None:
        _write_run(task, state, place, output, display)


@memory_errors()
def _begun_state(
    task: TextTask, saved: bytes | None, where: str, display: TrainingDisplay
) -> TextState:
    """Return the state that a training of texts begins with, or that its checkpoint holds."""
    from dssmcli.training.finish import resumed_state
    from dssmcli.training.text import new_state

    return begun(task, saved, where, display, new_state, resumed_state)


def _write_run(
    task: TextTask, state: TextState, place: Workplace, output: Path, display: TrainingDisplay
) -> None:
    from dssmcli.training.chance import doubts_of_texts
    from dssmcli.training.diagnosis import untrained_kept
    from dssmcli.training.finish import run_contents
    from dssmcli.workplace import discard, publish

    publish(place, run_contents(task, state))
    discard(place)
    warning = untrained_kept(state.history)
    if warning:
        display.say(warning)
    warn_below_chance(state.history, doubts_of_texts(task), display)
    display.say(ended(state.history, task.config.patience))
    masked = state.history[-1].get("masked", 0.0)
    display.say(f"Candidates masked as known matches: {masked:.1%}.")
    display.say(f"Wrote {output}.")


@memory_errors()
def _tune_run(
    task: TextTask,
    place: Workplace,
    output: Path,
    display: TrainingDisplay,
    fixed: frozenset[str],
    deadline: float,
) -> None:
    """Search for settings until a moment of the monotonic clock; write the best run, the trials.

    fixed: names of the settings that stay as they are.
    """
    from dssmcli.atomic import write_atomically
    from dssmcli.training.trials import progress, table
    from dssmcli.training.tune import Search

    search = Search(task, fixed, place.path, deadline)
    display.say("Trials of settings; the first is the one that `dssm train` would run:")
    for trial in search.trials_advanced():
        display.say(progress(trial, search.best))
    best = search.best
    _write_run(best.task, search.state_of(best), place, output, display)
    rows = table(search.trials, best)
    for line in rows.aligned():
        display.say(line)
    beside = output.with_name(f"{output.absolute().name}.trials.tsv")
    write_atomically(beside, rows.to_tsv().encode())
    display.say(f"Wrote {beside}.")
