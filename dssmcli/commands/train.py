"""`dssm train`: from pairs to a run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from dssmcli.commands.fit import Way, calm_idle_threads
from dssmcli.commands.fit_pairs import fit_pairs, tune_pairs
from dssmcli.commands.options import (
    CONTEXT,
    FILE,
    bad_rows_options,
    checked_rejects,
    checked_way,
    optim_options,
    pairs_options,
    quiet_option,
    row_options,
    run_options,
    setting_of,
    together,
    widths,
)
from dssmcli.commands.together import (
    Launch,
    agreed,
    check_files,
    launch,
    processes_of,
    several_refused,
)
from dssmcli.config import (
    CLICK_WEIGHTS,
    CNN_FORMS,
    CNN_POOLINGS,
    LEXICAL_DIMS,
    POOLINGS,
    PRECISIONS,
    TOKENIZERS,
    TOWERS,
    LossConfig,
    TextConfig,
)
from dssmcli.presets import PRESETS, Settings, settings_of

_EPILOG = """\b
Example:
  dssm train --arch cnn pairs.tsv
  zcat log.tsv.gz | dssm train --value clicks -o my-run -
"""


def _lexical(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    if value is None or value == "off":
        return None if value is None else 0
    if value.lstrip("0") not in map(str, LEXICAL_DIMS):
        raise click.BadParameter(
            f"{value!r}, expected a power of two from {LEXICAL_DIMS[0]} to {LEXICAL_DIMS[-1]} "
            "such as 256, or off."
        )
    return int(value)


_BASE = PRESETS["default"]
_setting = setting_of(TextConfig(), *_BASE.towers.values(), LossConfig(), _BASE.train, _BASE)
_text_options = together(
    _setting("--tokenizer", click.Choice(TOKENIZERS), "How texts become units."),
    click.option(
        "--dictionary",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="jieba: words of your own, `word [frequency] [tag]` a line.",
    ),
    click.option(
        "--pieces", type=int, help="sentencepiece: pieces that are learned.  [default: 8000]"
    ),
    _setting("--max-units", int, "Units of a text that are read."),
    _setting(
        "--fold-chinese/--no-fold-chinese", bool, "Traditional Chinese characters as simplified."
    ),
    click.option(
        "--vocab",
        default="log",
        metavar="log|shipped|FILE",
        type=FILE,
        help="Features with a row of their own: those of the training rows, the shipped lists "
        "(49,284 letter trigrams, 8,836 Chinese characters), or a file's.",
    ),
    click.option(
        "--min-count",
        default=1,
        help="With --vocab log: a feature stands in the log so often at least.",
    ),
    _setting("--buckets", int, "Rows shared by all other features, by hash."),
)
_tower_options = together(
    click.option("--arch", type=click.Choice(list(TOWERS)), default="cnn", help="The tower."),
    click.option("--separate-towers", is_flag=True, help="A tower of its own for titles."),
    _setting(
        "--dim",
        int,
        "Numbers of a vector that say what a text means; those of --lexical come to it: 128 + 256 "
        "by default.",
    ),
    _setting("--embedding", int, "cnn, lstm: width of a feature's embedding."),
    _setting("--hidden", str, "dnn: widths of the hidden layers, as 300,300.", callback=widths),
    _setting("--form", click.Choice(CNN_FORMS), "cnn: an embedding, or exact rows per offset."),
    _setting("--window", str, "cnn: units in a window; several widths as 1,3.", callback=widths),
    _setting("--filters", int, "cnn: number of filters, of each width."),
    _setting(
        "--pooling",
        click.Choice(list(dict.fromkeys((*POOLINGS, *CNN_POOLINGS)))),
        "What is kept of the windows (cnn: max, max+mean) or of the states (lstm: last, max, "
        "mean).  [default: max for cnn, last for lstm]",
    ),
    _setting("--peepholes/--no-peepholes", bool, "lstm: gates that look at the cell."),
    _setting("--bidirectional/--one-way", bool, "lstm: read in both directions."),
    _setting("--skip/--no-skip", bool, "A linear path around the tower."),
    _setting(
        "--lexical",
        str,
        "Further numbers of a vector, for the words and characters that texts share: a power "
        "of two. Validation chooses their share of a cosine; at 0 vectors are without them.",
        metavar="DIMS|off",
        callback=_lexical,
    ),
)
_loss_options = together(
    _setting("--gamma", float, "Smoothing factor of the softmax over cosines."),
    _setting("--softmax", float, "Weight of the softmax loss."),
    _setting(
        "--logistic",
        float,
        "Weight of the logistic loss on a cosine.  [default: 3 for labels, 1 for grades, else 0]",
    ),
    _setting("--cosent", float, "Weight of the CoSENT loss on grades."),
    _setting(
        "--regression",
        float,
        "Weight of the squared error of grades.  [default: 10 for grades of pairs that are not "
        "titles of a query (then --softmax and --logistic are 0), else 0]",
    ),
    _setting("--in-batch/--no-in-batch", bool, "Titles of other rows as negatives."),
    _setting("--random-negatives", int, "Titles drawn afresh at each step."),
    _setting("--negative-power", float, "They are drawn as frequency to this power: 0 all alike."),
    _setting("--click-weight", click.Choice(CLICK_WEIGHTS), "Weight of a row by its clicks."),
    _setting(
        "--unclicked-weight",
        float,
        "clicks: weight, beside other negatives, of a title shown for the query and not clicked; "
        "0 for none.",
    ),
    _setting("--query-cap", int, "Matches of one query drawn for an epoch at most, 0 for all."),
)
_train_options = together(
    optim_options(
        _setting,
        epochs="[default: 4, up to 20 for few rows]",
        batch_size="Of each process, under torchrun.  [default: 512 in all, down to 32 for few "
        "rows]",
        eval_steps="[default: once an epoch]",
    ),
    _setting("--unit-dropout", float, "Share of units left out at each step."),
    _setting("--vector-dropout", float, "Share of a vector's dimensions left out at each step."),
    _setting(
        "--device",
        str,
        "Where the towers are trained: cpu, cuda (a GPU), cuda:1, or auto: a GPU if there is one.",
        metavar="DEVICE",
    ),
    _setting(
        "--precision",
        click.Choice(PRECISIONS),
        "Of the towers' products; losses and weights have 32 bits.  [default: float32, on a GPU "
        "bf16]",
    ),
)


@click.command(
    "train",
    short_help="Train a model on pairs.",
    context_settings=CONTEXT,
    epilog=_EPILOG,
    no_args_is_help=True,
)
@click.argument("files", nargs=-1, required=True, metavar="PAIRS...|-", type=FILE)
@run_options
@pairs_options
@click.option(
    "--valid",
    multiple=True,
    metavar="FILE",
    type=FILE,
    help="Validate on these pairs instead of a share of the queries.",
)
@_setting(
    "--valid-share", float, "Share of the queries set aside for validation; more for few rows."
)
@click.option(
    "--match-grade",
    type=float,
    help="Grades from here on are matches.  [default: the middle of the range]",
)
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    default="default",
    help="Where settings not given come from: `default` did best on development sets, `paper` has "
    "the papers' sizes and training: SGD, 4 random negatives, no path around the tower.",
)
@click.option(
    "--tune",
    type=click.FloatRange(0, min_open=True),
    metavar="MINUTES",
    help="Search so long, reading included, for settings that validate better: the best run is "
    "written, and RUN.trials.tsv says what was tried. Settings that are given stay as they are.",
)
@_text_options
@_tower_options
@_loss_options
@_train_options
@bad_rows_options
@quiet_option
def command(
    files: tuple[str, ...],
    output: Path,
    overwrite: bool,
    resume: bool,
    columns: str | None,
    kind: str | None,
    header: bool | None,
    null_texts: str,
    valid: tuple[str, ...],
    match_grade: float | None,
    bad_rows: str,
    rejects: Path | None,
    quiet: bool,
    vocab: str,
    min_count: int,
    dictionary: Path | None,
    pieces: int | None,
    preset: str,
    tune: float | None,
    **chosen: Any,
) -> None:
    """Train a model on PAIRS and write it as a run.

    PAIRS are lines of query, title and (if any) a value, separated by tabs: clicks, a label 0/1 or
    a grade. Two columns: every row is a click. The best weights on validation rows are kept.
    """
    began, launched = time.monotonic(), launch()
    way = Way(output, overwrite, resume)
    calm_idle_threads()
    with processes_of(launched, chosen["device"]) as met:
        with agreed(met):
            checked_rejects(bad_rows, rejects, *files)
            checked_way(overwrite, resume)
            _check_tune(tune, resume, launched)
            settings = _settings(chosen, preset, launched)
            if met is not None:
                check_files((*files, *valid))
            from dssmcli.data.tsv import BadRows
            from dssmcli.display import TrainingDisplay
            from dssmcli.training.task import PairsInput

            given = PairsInput(
                *(files, valid, columns, kind, match_grade, vocab, min_count, dictionary, pieces),
                options=row_options(header, null_texts),
            )
            skipped = BadRows(bad_rows == "skip", rejects if launched.rank == 0 else None)
        with TrainingDisplay(quiet, mute=launched.rank > 0) as display:
            if tune is None:
                fit_pairs(given, settings, way, skipped, display, met, launched.local)
            else:
                fixed = frozenset(name for name, value in chosen.items() if value is not None)
                tune_pairs(given, settings, way, skipped, display, fixed, began + 60 * tune)


def _check_tune(tune: float | None, resume: bool, launched: Launch) -> None:
    if tune is not None and launched.world > 1:
        raise several_refused("--tune")
    if tune is not None and resume:
        raise click.UsageError("--tune cannot be resumed: give --tune or --resume.")


def _settings(chosen: dict[str, Any], preset: str, launched: Launch) -> Settings:
    given = {name: value for name, value in chosen.items() if value is not None}
    given.setdefault("threads", launched.threads)
    if "batch_size" in given:
        # What is said is said to each process; the settings are those of the whole.
        given["batch_size"] *= launched.world
    return settings_of(given, given.pop("arch"), preset)
