"""Fits a recommender's run to tables or logs, by steps that runs of texts go through, too."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from dssmcli.commands.together import refuse_several

if TYPE_CHECKING:
    from dssmcli.data.seen import Seen
    from dssmcli.data.tsv import BadRows
    from dssmcli.display import Evaluated, TrainingDisplay
    from dssmcli.run import Run
    from dssmcli.training.chance import Doubts
    from dssmcli.training.loop import Step
    from dssmcli.training.state import TrainState
    from dssmcli.workplace import Workplace


class Judging(Protocol):
    """A task that knows how many of its validation rows are trained on."""

    @property
    def seen(self) -> Seen | None:
        """How many, where validation has files of its own."""
        ...


Task = TypeVar("Task")
State = TypeVar("State", bound="TrainState")


def calm_idle_threads() -> None:
    """Let torch's idle threads fall asleep soon; for a process that has not imported torch yet.

    They spin till the next operation, which comes soon. But beside another process, spinning
    threads starve the working ones: training becomes several times slower. See docs/lab-notes.md.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


@contextmanager
def memory_errors() -> Iterator[None]:
    """Raise a MemoryError where torch says that memory is short, for which it has none."""
    try:
        yield
    except RuntimeError as error:
        if "allocate memory" not in str(error):
            raise
        raise MemoryError(str(error)) from error


@contextmanager
def workplace_for(way: Way) -> Iterator[Workplace | None]:
    """Open the workplace of a run that is to be trained; None when it is finished already."""
    from dssmcli.workplace import workplace

    if not _may_write(*way):
        yield None
        return
    with workplace(way.output) as place:
        if not way.resume:
            _refuse_unfinished(place, way.overwrite)
        yield place


def tell_finished(output: Path, check: Callable[[Run], None], display: TrainingDisplay) -> None:
    """Say that there is nothing to do: a run is finished, and `check` finds that it would be the
    same again. ConfigError when it would not."""
    from dssmcli.run import using_run

    using_run(output, check)
    display.say(f"Nothing to do: {output} is finished, its data and settings are the same.")


def _may_write(output: Path, overwrite: bool, resume: bool) -> bool:
    """Tell whether there is something to do; an existing run is never overwritten unasked."""
    from dssmcli.errors import DssmError
    from dssmcli.run import is_run
    from dssmcli.workplace import has_checkpoint, refuse_other_than_run, remove_abandoned

    if resume and is_run(output) and not has_checkpoint(output):
        remove_abandoned(output)
        return False
    refuse_other_than_run(output)
    if not (resume or overwrite) and output.exists():
        raise DssmError(f"{output} exists. Write to another place with -o, or give --overwrite.")
    return True


def _refuse_unfinished(place: Workplace, overwrite: bool) -> None:
    """Raise DssmError where a training stopped half-way, unless it is to be overwritten."""
    from dssmcli.errors import DssmError

    if place.checkpoint.exists():
        if not overwrite:
            raise DssmError(
                f"{place.path} holds an unfinished training. Go on with the same command and "
                "--resume, or start afresh with --overwrite."
            )
        place.checkpoint.unlink()


def tell_skipped(skipped: BadRows, display: TrainingDisplay) -> None:
    """Keep the rows that were skipped, if asked for, and say how many they were."""
    skipped.write_rejects()
    if skipped.summary:
        display.say(skipped.summary)


def warn_of_seen(task: Judging, noun: str, display: TrainingDisplay) -> None:
    """Warn of validation rows that are trained on, even if nothing else is to be said."""
    if task.seen is not None:
        display.warn(task.seen.validation_warning(noun))


def warn_below_chance(
    history: Sequence[Mapping[str, Any]], doubts: Doubts, display: TrainingDisplay
) -> None:
    """Warn of validation that is lower than chance."""
    from dssmcli.training.chance import chance_warning

    display.warn(chance_warning(history, doubts))


def shown(events: Iterable[Step | Evaluated], display: TrainingDisplay) -> Iterator[Evaluated]:
    """Show steps as they are taken, and evaluations, each of which is then yielded."""
    from dssmcli.training.loop import Step

    for event in events:
        if isinstance(event, Step):
            display.step(event.loss, event.rows)
        else:
            display.evaluation(event)
            yield event


def ended(history: Sequence[Mapping[str, Any]], patience: int) -> str:
    """Say why a training ended, and what is kept of it."""
    best = max((i for i, line in enumerate(history) if line["best"]), default=0)
    stopped = (
        f"No better in {patience} evaluations. " if len(history) - 1 - best >= patience else ""
    )
    return f"{stopped}Kept the weights of step {history[best]['step']}."


class Recipe(NamedTuple):
    """How a recommender's model is trained: what `training` has of each, by its purpose."""

    new: Callable[[Any], Any]
    resumed: Callable[[Any, bytes, str], Any]
    steps: Callable[[Any], int]
    train: Callable[[Any, Any], Iterable[Step | Evaluated]]
    checkpoint: Callable[[Any, Any], Iterable[bytes | memoryview]]
    contents: Callable[[Any, Any, Callable[[str], None]], Mapping[str, bytes]]
    check_finished: Callable[[Any, Run], None]
    doubts: Callable[[Any], Doubts]


class Way(NamedTuple):
    """Where a run goes, and what becomes of what stands there."""

    output: Path
    overwrite: bool
    resume: bool


def fit_rec(
    recipe: Callable[[], Recipe],
    build: Callable[[Callable[[str], None]], Any],
    way: Way,
    skipped: BadRows,
    display: TrainingDisplay,
    noun: str,
) -> None:
    """Read what a recommender's model is to learn from, and train it, unless it is there already.

    build: returns the task, telling what was found. noun: what it learns from.
    """
    refuse_several("dssm train-rec")
    with workplace_for(way) as place:
        task = build(display.say)
        tell_skipped(skipped, display)
        if place is None:
            tell_finished(way.output, lambda run: recipe().check_finished(task, run), display)
        else:
            warn_of_seen(task, noun, display)
            _train_rec_run(recipe(), task, place, way.output, display)


@memory_errors()
def _train_rec_run(
    recipe: Recipe, task: Any, place: Workplace, output: Path, display: TrainingDisplay
) -> None:
    """Train a recommender's model to the end, saving at each evaluation, then write the run."""
    from dssmcli.workplace import discard, publish

    where = str(place.checkpoint)
    state = begun(task, place.load(), where, display, recipe.new, recipe.resumed)
    display.start(state.step, recipe.steps(task))
    for _ in shown(recipe.train(task, state), display):
        place.save(recipe.checkpoint(task, state))
    warn_below_chance(state.history, recipe.doubts(task), display)
    display.say(ended(state.history, task.config.patience))
    publish(place, recipe.contents(task, state, display.say))
    discard(place)
    display.say(f"Wrote {output}.")


def multitask_recipe() -> Recipe:
    """Return how a multi-task model is trained."""
    from dssmcli.training import chance, multifinish, multitask

    return Recipe(
        multitask.new_state,
        multifinish.resumed_state,
        multitask.steps_in_all,
        multitask.train_multitask,
        multifinish.checkpoint,
        multifinish.run_contents,
        multifinish.check_finished_run,
        chance.doubts_of_table,
    )


def candidates_recipe() -> Recipe:
    """Return how candidate generation is trained."""
    from dssmcli.training import candidates, watchfinish

    return Recipe(
        candidates.new_state,
        watchfinish.resumed_state,
        candidates.steps_in_all,
        candidates.train_candidates,
        watchfinish.checkpoint,
        watchfinish.run_contents,
        watchfinish.check_finished_run,
        lambda _: {},  # ranks among all items are no better or worse than chance by labels
    )


def ranking_recipe() -> Recipe:
    """Return how ranking is trained."""
    from dssmcli.training import chance, ranking, rankingfinish

    return Recipe(
        ranking.new_state,
        rankingfinish.resumed_state,
        ranking.steps_in_all,
        ranking.train_ranking,
        rankingfinish.checkpoint,
        rankingfinish.run_contents,
        rankingfinish.check_finished_run,
        chance.doubts_of_ranking,
    )


def begun(
    task: Task,
    saved: bytes | None,
    where: str,
    display: TrainingDisplay,
    new: Callable[[Task], State],
    resumed: Callable[[Task, bytes, str], State],
) -> State:
    """Return the state that a training begins with, or that its checkpoint holds."""
    if saved is None:
        return new(task)
    state = resumed(task, saved, where)
    display.say(f"Going on after step {state.step}.")
    return state
