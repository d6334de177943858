"""`dssm eval`: how good a run is on pairs that say what they are, or which of several is better."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from dssmcli.commands.options import (
    CONTEXT,
    bad_rows_options,
    checked_rejects,
    json_option,
    pairs_options,
    parallel,
    quiet_option,
    threads_option,
)

_EPILOG = """\b
Example:
  dssm eval heldout.tsv
  dssm eval --value grade --json rated.tsv
  dssm eval -m my-run -m another-run heldout.tsv
"""


@click.command(
    "eval",
    short_help="Measure a run on pairs whose answer is known.",
    context_settings=CONTEXT,
    epilog=_EPILOG,
    no_args_is_help=True,
)
@click.argument("files", nargs=-1, required=True, metavar="PAIRS...|-")
@pairs_options
@json_option
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    metavar="DIR",
    help="The run to use. Given again: one to compare with the first.  "
    "[default: $DSSM_MODEL, else ./dssm-model]",
)
@click.option(
    "--bootstrap",
    "draws",
    type=click.IntRange(0, 1_000_000),
    default=200,
    metavar="N",
    help="Draw the queries anew N times for 95 % intervals; 0 for none.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=1,
    help="Decides what is drawn.",
)
@bad_rows_options
@threads_option
@quiet_option
def command(
    files: tuple[str, ...],
    columns: str | None,
    kind: str | None,
    as_json: bool,
    models: tuple[str, ...],
    draws: int,
    seed: int,
    bad_rows: str,
    rejects: Path | None,
    threads: int | None,
    quiet: bool,
) -> None:
    """Print the figures of a run on labelled, clicked or graded pairs, a column a file.

    Labels and clicks: AUC, average precision, accuracy, precision, recall and F1 at the threshold
    that was chosen on validation rows; log loss, Brier score and expected calibration error of the
    calibrated probabilities. Values that vary: Spearman's and Pearson's correlation. Where queries
    repeat: NDCG@k, MAP, MRR, recall@k within each query's titles, and PNR, the pairs of titles in
    the right order over those in the wrong one. Clicks alone: MRR and recall@k among all titles of
    the file. Ties count as if in random order.

    Behind a figure stands its 95 % interval, by drawing queries, with all their rows, anew.

    With several runs (-m A -m B), a row a figure: what it is for each run, the difference from the
    first run with its interval, the two-sided p of no difference (both from the same draws), and
    better, worse or chance (p above .05). Which grades are matches is what the first run says.
    """
    checked_rejects(bad_rows, rejects)
    from dssmcli.run import find_run
    from dssmcli.serving.loading import load

    chosen = [str(find_run(model)) for model in models or (None,)]
    encoders = [load(model, **parallel(threads)) for model in chosen]
    from dssmcli.bootstrap import Plan
    from dssmcli.commands.tables import Evaluated, comparison_table, figure_table, json_lines
    from dssmcli.data.pairs import PairsReader
    from dssmcli.data.tsv import BadRows, name_of
    from dssmcli.serving.evaluation import KeptTexts, evaluate

    skipped = BadRows(bad_rows == "skip", rejects)

    def evaluated(file: str) -> Evaluated:
        texts = KeptTexts()
        reader = PairsReader([file], columns, kind, skipped, texts.numbers)
        say = _silent if quiet else _speaker(name_of(file))
        reports = evaluate(encoders, reader, texts, Plan(draws, seed), say)
        return Evaluated(name_of(file), reports)

    found = [evaluated(file) for file in files]
    skipped.write_rejects()
    if skipped.summary and not quiet:
        click.echo(skipped.summary, err=True)
    if as_json:
        lines = json_lines(found, chosen)
    else:
        lines = figure_table(found) if len(chosen) == 1 else comparison_table(found, chosen)
    for line in lines:
        click.echo(line)


def _speaker(name: str) -> Callable[[str], None]:
    return lambda line: click.echo(f"{name}: {line}", err=True)


def _silent(line: str) -> None:
    del line
