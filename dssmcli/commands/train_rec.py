"""`dssm train-rec`: from tables to a run of a recommender's model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from dssmcli.commands.fit import (
    Way,
    calm_idle_threads,
    fit_rec,
    multitask_recipe,
)
from dssmcli.commands.options import (
    CONTEXT,
    FILE,
    F,
    available_threads,
    bad_rows_options,
    checked_rejects,
    checked_way,
    column_options,
    optim_options,
    quiet_option,
    run_options,
    setting_of,
    together,
    widths,
)
from dssmcli.commands.youtube import candidates
from dssmcli.commands.youtube_ranking import ranking
from dssmcli.presets import replaced
from dssmcli.rec_config import GATES, MultitaskConfig, MultitaskTrainConfig

_EPILOG = """\b
Example:
  dssm train-rec mmoe visits.csv --task bought --task minutes:regression
  dssm predict new-visits.csv > predicted.tsv
  dssm train-rec youtube-candidates watches.tsv -o candidates
  dssm recommend -m candidates watches.tsv
"""
_EXAMPLE = """\b
Example:
  dssm train-rec {} visits.csv --task bought --task minutes:regression --ignore day
  dssm train-rec {} visits.csv --task 'back=same day|this week' --task bought -o my-run
"""


class _Weight(click.ParamType[tuple[str, float]]):
    """`TASK=WEIGHT`; a task's name may have an equals sign itself."""

    name = "task=weight"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        """Return the task's name and its weight."""
        task, equals, weight = value.rpartition("=")
        try:
            number = float(weight)
        except ValueError:
            number = -1.0
        if not equals or not 0 <= number <= 1e6:
            self.fail(f"{value!r}, expected TASK=WEIGHT, a weight of 0 or more.", param, ctx)
        return task, number


_setting = setting_of(MultitaskConfig(), MultitaskTrainConfig())
_mmoe_options = together(
    _setting("--experts", int, "Number of experts."),
    _setting("--expert-units", str, "Widths of an expert's layers, as 64,32.", callback=widths),
    _setting("--gate", click.Choice(GATES), "A gate for each task, or one that all share (OMoE)."),
    _setting("--expert-dropout", float, "Share of the experts left out at each step."),
)


def _bottom_option(what: str) -> Callable[[F], F]:
    default = ",".join(map(str, MultitaskConfig.for_arch("shared-bottom").expert_units))
    return _setting(
        "--bottom-units",
        str,
        f"Widths of the {what}'s layers, as 128,64.  [default: {default}]",
        callback=widths,
    )


task_option = partial(
    click.option,
    "--task",
    "tasks",
    multiple=True,
    metavar="COLUMN",
    help="A column to predict, once for each; the first is the main task, on which the best "
    "weights are chosen. COLUMN alone holds 0 and 1. COLUMN=VALUE, or 'COLUMN=VALUE|VALUE' (in "
    "quotes, for the shell): whether it holds one of these. COLUMN:regression: a number.",
)
_table_options = together(
    click.argument("files", nargs=-1, required=True, metavar="TABLE...|-", type=FILE),
    task_option(required=True),
    click.option(
        "--task-weight",
        "weights",
        multiple=True,
        type=_Weight(),
        metavar="TASK=WEIGHT",
        help="What a task's loss weighs beside the others'.  [default: 1]",
    ),
    run_options,
    column_options,
    click.option(
        "--valid",
        multiple=True,
        metavar="FILE",
        type=FILE,
        help="Validate on these rows instead of a share of the others.",
    ),
    _setting(
        "--valid-share", float, "Share of the rows set aside; twice that of fewer than 5,000 rows."
    ),
)
_training_options = together(
    _setting("--tower-units", str, "Widths of the layers of each task's tower.", callback=widths),
    _setting("--embedding", int, "Width of a category's embedding."),
    _setting("--cross", int, "Rank of the layer that multiplies features, 0 for none."),
    _setting("--wide/--no-wide", bool, "A linear path from the features to each task."),
    _setting("--dropout", float, "Share of an expert's outputs left out at each step."),
    _setting("--category-dropout", float, "Share of categories taken for unknown at each step."),
    _setting(
        "--rare-count",
        float,
        "Rare categories are taken for unknown oftener: one that so many rows have, half the time.",
    ),
    _setting(
        "--squared-error",
        float,
        "What the squared error of a number weighs beside the loss of a 0/1 label.",
    ),
    _setting("--weight-decay", float, "Decoupled decay of the networks' weights."),
    _setting("--embedding-decay", float, "Decoupled decay of the categories' embeddings."),
    optim_options(
        _setting,
        epochs="[default: 12, fewer for many rows]",
        batch_size="[default: 64 to 512, by the rows]",
        eval_steps="[default: twice an epoch]",
    ),
    bad_rows_options,
    quiet_option,
)


@click.group(
    "train-rec",
    short_help="Train a recommender's model on tables or logs.",
    context_settings=CONTEXT,
    epilog=_EPILOG,
)
def command() -> None:
    """Train a recommender's model.

    shared-bottom, mmoe, single-task: several labels (tasks) from one TABLE, learned together. Every
    column that is no task is a feature unless you --ignore it. What each one is, is found out,
    printed and kept in the run: texts are categories, numbers are numbers, and those of which there
    are few are both.

    youtube-candidates, youtube-ranking: what a user may watch next, out of all items, from a log of
    watches; and how long it will be watched, from a log of impressions. `dssm recommend` uses both.

    Tables and logs are CSV or TSV with a header line, gzipped or not.
    """


@command.command(
    "shared-bottom",
    short_help="A network whose lower half is the same for all tasks.",
    context_settings=CONTEXT,
    epilog=_EXAMPLE.replace("{}", "shared-bottom"),
    no_args_is_help=True,
)
@_table_options
@_bottom_option("bottom")
@_training_options
def shared_bottom(**options: Any) -> None:
    """Train a network whose lower half is the same for all tasks, and write it as a run.

    Above it each task has a tower, layers of its own.
    """
    _train("shared-bottom", **options)


@command.command(
    "mmoe",
    short_help="A mixture of experts with a gate for each task.",
    context_settings=CONTEXT,
    epilog=_EXAMPLE.replace("{}", "mmoe"),
    no_args_is_help=True,
)
@_table_options
@_mmoe_options
@_training_options
def mmoe(**options: Any) -> None:
    """Train a mixture of experts with a gate for each task, and write it as a run.

    Experts are networks side by side; a gate says for each row how much of each of them a task's
    tower gets. `dssm gates` shows it.
    """
    _train("mmoe", **options)


@command.command(
    "single-task",
    short_help="A network of its own for each task: the baseline.",
    context_settings=CONTEXT,
    epilog=_EXAMPLE.replace("{}", "single-task"),
    no_args_is_help=True,
)
@_table_options
@_bottom_option("network")
@_training_options
def single_task(**options: Any) -> None:
    """Train a network of its own for each task, nothing shared: what the others are held against.

    The weights are those of the moment at which the main task validates best.
    """
    _train("single-task", **options)


command.add_command(candidates)
command.add_command(ranking)


def _train(
    arch: str,
    files: tuple[str, ...],
    tasks: tuple[str, ...],
    weights: tuple[tuple[str, float], ...],
    output: Path,
    overwrite: bool,
    resume: bool,
    ignore: tuple[str, ...],
    categorical: tuple[str, ...],
    numeric: tuple[str, ...],
    min_count: int,
    valid: tuple[str, ...],
    bad_rows: str,
    rejects: Path | None,
    quiet: bool,
    **chosen: Any,
) -> None:
    checked_rejects(bad_rows, rejects, *files, *valid)
    checked_way(overwrite, resume)
    if "bottom_units" in chosen:
        chosen["expert_units"] = chosen.pop("bottom_units")
    given = {name: value for name, value in chosen.items() if value is not None}
    given.setdefault("threads", available_threads())
    model = replaced(MultitaskConfig.for_arch(arch), given)
    config = replaced(MultitaskTrainConfig(), given)
    calm_idle_threads()
    from dssmcli.data.inference import FeatureInput
    from dssmcli.data.tsv import BadRows
    from dssmcli.display import TrainingDisplay
    from dssmcli.training.tabletask import TableInput, build_table_task

    features = FeatureInput(ignore, categorical, numeric, min_count)
    table = TableInput(files, tasks, features, valid, weights)
    skipped = BadRows(bad_rows == "skip", rejects)
    with TrainingDisplay(quiet, "rows") as display:
        fit_rec(
            multitask_recipe,
            lambda say: build_table_task(table, model, config, skipped, say),
            Way(output, overwrite, resume),
            skipped,
            display,
            "row",
        )
