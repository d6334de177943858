"""`dssm train-rec youtube-candidates` and `youtube-ranking`: from logs to YouTube's two stages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from dssmcli.commands.fit import (
    Way,
    calm_idle_threads,
    candidates_recipe,
    fit_rec,
)
from dssmcli.commands.options import (
    CONTEXT,
    FILE,
    available_threads,
    bad_rows_options,
    checked_rejects,
    checked_way,
    optim_options,
    quiet_option,
    run_options,
    setting_of,
    together,
    widths,
)
from dssmcli.config import DATE_ORDERS
from dssmcli.presets import replaced
from dssmcli.youtube_config import (
    LONG,
    POOLINGS,
    SOFTMAXES,
    SPLITS,
    CandidatesConfig,
    CandidatesTrainConfig,
    paper_candidates,
    settings_for,
)

_CANDIDATES_EXAMPLE = """\b
Example:
  dssm train-rec youtube-candidates watches.tsv -o candidates
  dssm eval -m candidates --history watches.tsv later.tsv
  dssm recommend -m candidates watches.tsv -k 10
"""


def role_option(role: str, usual: str, what: str) -> Any:
    """Return the option that names the column of a log that has some role."""
    return click.option(
        f"--{role}", metavar="COLUMN", default=None, help=f"{what}  [default: {usual}]"
    )


log_options = together(
    role_option("user", "by its usual names: user, user_id, uid …", "The column that tells users."),
    role_option(
        "item", "by its usual names: item, video_id, sku …", "The column that tells items."
    ),
    role_option(
        "timestamp",
        "by its usual names: timestamp, ts, created_at …; without one, rows are in order",
        "The column of moments: numbers, or dates such as 2024-05-31 18:30:00.",
    ),
    click.option(
        "--dates",
        type=click.Choice(DATE_ORDERS),
        help="How dates such as 03/04/2024 are meant.  [default: as others of the column prove]",
    ),
)
_FEW = f"where users have under {LONG} watches"
_WIDTH = "[default: 128, less for over 50,000 items]"
_setting = setting_of(CandidatesConfig(), CandidatesTrainConfig())
watch_options = together(
    click.option(
        "--context",
        multiple=True,
        metavar="COLUMN",
        help="A column that is known before a watch, such as a device: learn from it, too.",
    ),
    click.option(
        "--search",
        metavar="COLUMN",
        help="The column of what the user searched for since the watch before.",
    ),
)
_log_options = together(
    click.argument("files", nargs=-1, required=True, metavar="WATCHES...|-", type=FILE),
    log_options,
    watch_options,
    click.option(
        "--min-count", default=1, help="Watches that an item has at least; rarer ones are left out."
    ),
    run_options,
    click.option(
        "--valid",
        multiple=True,
        metavar="FILE",
        type=FILE,
        help="Validate on these watches, which follow the others, instead.",
    ),
    _setting(
        "--split",
        click.Choice(SPLITS),
        "Validate on the last watch of users, or on all after a moment (time).",
    ),
    _setting("--valid-share", float, "Share of the watches to validate on, 0 for none."),
    _setting("--valid-most", int, "Watches to validate on at most."),
)
_model_options = together(
    click.option(
        "--preset",
        type=click.Choice(["default", "paper"]),
        default="default",
        help="Where settings come from that are not given; paper: as it is, a mean of watches.",
    ),
    _setting(
        "--history",
        int,
        f"Watches that a user is known by, the last ones.  [default: 200, or 50 {_FEW}]",
    ),
    _setting(
        "--pooling", click.Choice(POOLINGS), "By learned weights for each place, or the mean."
    ),
    _setting(
        "--pools", int, "Sets of such weights.  [default: 1, or 2 where users have few watches]"
    ),
    _setting(
        "--last",
        int,
        "Last watches that count by themselves besides.  [default: 0, or 1 where users have few]",
    ),
    _setting("--searches", int, "Search tokens that a user is known by, the last ones."),
    _setting(
        "--example-age/--no-example-age",
        bool,
        "Learn what an example's age says: what is popular now is not what was.",
    ),
    _setting(
        "--embedding",
        int,
        f"Width of a watched item's embedding.  {_WIDTH}",
    ),
    _setting("--units", str, "Widths of the tower's layers, as 1024,512.", callback=widths),
    _setting(
        "--dim",
        int,
        f"Length of the vectors of users and items.  {_WIDTH}",
    ),
    _setting("--linear/--no-linear", bool, "Whether the last layer is linear, or ReLU too."),
    _setting("--skip/--no-skip", bool, "A linear path past the tower."),
    _setting(
        "--echo/--no-echo",
        bool,
        "Let watched items' own vectors count, as a rule against them.  [default: echo, not "
        f"{_FEW}]",
    ),
    _setting(
        "--seen",
        int,
        "Further dimensions for what was watched, as a rule against it.  [default: 32, or 0 "
        f"{_FEW}]",
    ),
    _setting("--gamma", float, "What a cosine is multiplied by; 0 for plain dot products."),
)
_softmax_options = together(
    _setting(
        "--softmax",
        click.Choice(SOFTMAXES),
        "Over all items, or a sample, corrected; auto: all of up to 20,000.",
    ),
    _setting("--negatives", int, "Items in the sample."),
    _setting("--negative-power", float, "They are drawn by their watches to this power."),
    _setting("--user-cap", int, "Examples of a user in an epoch at most, 0 for all."),
    _setting("--dropout", float, "Share of a layer's outputs left out at each step."),
    _setting("--input-dropout", float, "Share of the tower's inputs left out at each step."),
    _setting(
        "--watch-dropout",
        float,
        f"Share of a history's watches left out at each step.  [default: 0, or 0.3 {_FEW}]",
    ),
    _setting("--weight-decay", float, "Decoupled decay of the tower's weights."),
    _setting("--embedding-decay", float, "Decoupled decay of the embeddings."),
    _setting("--lists-from", int, "Items from which on they are searched by lists, 0 for never."),
    optim_options(
        _setting,
        epochs="[default: 5, fewer for many watches]",
        batch_size="[default: 128 to 1024, by the watches]",
        eval_steps="[default: once an epoch]",
        learning_rate=f"  [default: 0.005, or 0.01 {_FEW}]",
    ),
    bad_rows_options,
    quiet_option,
)


@click.command(
    "youtube-candidates",
    short_help="What a user may watch next, out of all items (stage one).",
    context_settings=CONTEXT,
    epilog=_CANDIDATES_EXAMPLE,
    no_args_is_help=True,
)
@_log_options
@_model_options
@_softmax_options
def candidates(
    files: tuple[str, ...],
    user: str | None,
    item: str | None,
    timestamp: str | None,
    dates: str | None,
    context: tuple[str, ...],
    search: str | None,
    min_count: int,
    output: Path,
    overwrite: bool,
    resume: bool,
    valid: tuple[str, ...],
    preset: str,
    bad_rows: str,
    rejects: Path | None,
    quiet: bool,
    **chosen: Any,
) -> None:
    """Train YouTube's candidate generation on a log of WATCHES, and write it as a run.

    WATCHES is CSV or TSV with a header line, a row a watch (a purchase, a click): who, what, and
    when. From the watches before it the model learns to tell the next one out of all items. Users
    are their histories, so new users need no new training. `dssm recommend` answers, `dssm eval`
    measures, `dssm encode --side item` gives the vectors.
    """
    checked_rejects(bad_rows, rejects, *files, *valid)
    checked_way(overwrite, resume)
    given = {name: value for name, value in chosen.items() if value is not None}
    given.setdefault("threads", available_threads())
    if given.get("pooling") == "mean":
        given.setdefault("pools", 1)
    choose = _settings(preset, given)
    choose(LONG, 1)  # a bad value is an error now, not when the log has been read
    calm_idle_threads()
    from dssmcli.data.log_reading import asked_reading
    from dssmcli.data.tsv import BadRows
    from dssmcli.data.watches import WatchColumns
    from dssmcli.display import TrainingDisplay
    from dssmcli.training.watchtask import WatchInput, build_watch_task

    columns = WatchColumns(user, item, timestamp, search, context)
    watches = WatchInput(files, columns, min_count, valid, asked_reading(dates))
    skipped = BadRows(bad_rows == "skip", rejects)
    with TrainingDisplay(quiet, "watches") as display:
        fit_rec(
            candidates_recipe,
            lambda say: build_watch_task(watches, choose, skipped, say),
            Way(output, overwrite, resume),
            skipped,
            display,
            "watch",
        )


def _settings(
    preset: str, given: dict[str, Any]
) -> Callable[[float, int], tuple[CandidatesConfig, CandidatesTrainConfig]]:
    """Return what gives the settings for a log: the preset's, but for those that are given."""

    def choose(watches: float, items: int) -> tuple[CandidatesConfig, CandidatesTrainConfig]:
        if preset == "paper":
            model, settings = paper_candidates()
        else:
            model, settings = CandidatesConfig(), settings_for(watches, items)
        chosen = {**settings, **given}
        return replaced(model, chosen), replaced(CandidatesTrainConfig(), chosen)

    return choose
