"""`dssm train-rec youtube-ranking`: from a log of impressions to YouTube's second stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dssmcli.commands.fit import (
    Way,
    calm_idle_threads,
    fit_rec,
    ranking_recipe,
)
from dssmcli.commands.options import (
    CONTEXT,
    FILE,
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
from dssmcli.commands.youtube import log_options, role_option
from dssmcli.presets import replaced
from dssmcli.youtube_config import HEADS, RankingConfig, RankingTrainConfig

_EXAMPLE = """\b
Example:
  dssm train-rec youtube-ranking impressions.tsv --outcome liked -o ranking
  dssm predict -m ranking later.tsv > predicted.tsv
  dssm recommend -m candidates --ranker ranking watches.tsv
"""


def _heads(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Return the heads that a user writes as watch_time,click."""
    return None if value is None else tuple(head.strip() for head in value.split(","))


_setting = setting_of(RankingConfig(), RankingTrainConfig())
impression_options = together(
    role_option(
        "clicked",
        "by its usual names: clicked, is_click …",
        "The column of clicks: 0 and 1, yes and no.",
    ),
    role_option(
        "watch-time",
        "by its usual names: watch_time, play_time_ms, duration …",
        "The column of watch times: numbers, or such as 00:03:25 and 12.5s.",
    ),
    click.option(
        "--unit",
        type=click.Choice(["s", "ms", "min"]),
        help="What watch times are counted in; results are in seconds.  [default: as the column's "
        "name says, as in play_time_ms, else s]",
    ),
    click.option(
        "--outcome",
        "outcomes",
        multiple=True,
        metavar="COLUMN",
        help="A column known only afterwards, such as a like: learn from how often it was above 0, "
        "or a yes, before, never from the impression's own.",
    ),
)
_log_options = together(
    click.argument("files", nargs=-1, required=True, metavar="IMPRESSIONS...|-", type=FILE),
    log_options,
    impression_options,
    run_options,
    column_options,
    click.option(
        "--valid",
        multiple=True,
        metavar="FILE",
        type=FILE,
        help="Validate on these impressions, which follow the others, instead.",
    ),
    _setting("--valid-share", float, "Share of the impressions, the last ones, to validate on."),
    _setting(
        "--warm-share",
        float,
        "Share of the impressions, the first ones, that only others look back to.",
    ),
)
_model_options = together(
    _setting(
        "--heads",
        str,
        f"What is predicted, of {', '.join(HEADS)}; the first ranks, and chooses the weights.",
        callback=_heads,
    ),
    _setting("--history", int, "Watched items that a user is known by, the last ones."),
    _setting("--embedding", int, "Width of an item's embedding."),
    _setting("--categories", int, "Width of the embedding of another column's category."),
    _setting(
        "--units", str, "Widths of the tower's layers, as 1024,512; '' for none.", callback=widths
    ),
    _setting("--powers/--no-powers", bool, "Give numbers' squares and roots, too."),
    _setting("--cross", int, "Rank of the layer that multiplies inputs, 0 for none."),
    _setting("--dropout", float, "Share of a layer's outputs left out at each step."),
    _setting("--category-dropout", float, "Share of items and categories taken for unknown."),
    _setting(
        "--rare-count", float, "Rare ones oftener: one that so many rows have, half the time."
    ),
    _setting("--weight-decay", float, "Decoupled decay of the tower's weights."),
    _setting("--embedding-decay", float, "Decoupled decay of the embeddings."),
    optim_options(
        _setting,
        epochs="[default: 5, fewer for many impressions]",
        batch_size="[default: 64 to 1024, by the impressions]",
        eval_steps="[default: twice an epoch]",
    ),
    bad_rows_options,
    quiet_option,
)


@click.command(
    "youtube-ranking",
    short_help="How long what is shown will be watched (stage two).",
    context_settings=CONTEXT,
    epilog=_EXAMPLE,
    no_args_is_help=True,
)
@_log_options
@_model_options
def ranking(
    files: tuple[str, ...],
    user: str | None,
    item: str | None,
    timestamp: str | None,
    dates: str | None,
    clicked: str | None,
    watch_time: str | None,
    unit: str | None,
    outcomes: tuple[str, ...],
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
    """Train YouTube's ranking by expected watch time on IMPRESSIONS, and write it as a run.

    IMPRESSIONS is CSV or TSV with a header line, a row for each time that an item was shown: to
    whom, when, whether it was clicked, how long it was watched. Any other column is a feature
    unless you --ignore it, or say that it is an --outcome. What was known of users and items before
    each impression (how often they were shown and clicked, how long watched, how long ago) is
    worked out from the log, and never looks ahead.

    Three heads: watch_time, the seconds to be expected; click, the probability of a click; odds,
    the paper's weighted logistic regression, whose odds are the expected watch time only where
    clicks are rare.
    """
    checked_rejects(bad_rows, rejects, *files, *valid)
    checked_way(overwrite, resume)
    given = {name: value for name, value in chosen.items() if value is not None}
    given.setdefault("threads", available_threads())
    model, config = replaced(RankingConfig(), given), replaced(RankingTrainConfig(), given)
    calm_idle_threads()
    from dssmcli.data.impressions import ImpressionColumns
    from dssmcli.data.inference import FeatureInput
    from dssmcli.data.log_reading import asked_reading
    from dssmcli.data.tsv import BadRows
    from dssmcli.display import TrainingDisplay
    from dssmcli.training.rankingtask import RankingInput, build_ranking_task

    columns = ImpressionColumns(user, item, timestamp, clicked, watch_time, unit, outcomes)
    features = FeatureInput(ignore, categorical, numeric, min_count)
    impressions = RankingInput(files, columns, features, valid, asked_reading(dates))
    skipped = BadRows(bad_rows == "skip", rejects)
    with TrainingDisplay(quiet, "impressions") as display:
        fit_rec(
            ranking_recipe,
            lambda say: build_ranking_task(impressions, model, config, skipped, say),
            Way(output, overwrite, resume),
            *(skipped, display, "impression"),
        )
