"""`dssm predict`: what a multi-task run, or one of ranking, says of each row of a table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dssmcli.commands.options import (
    CONTEXT,
    FILE,
    answer_options,
    checked_rejects,
    processes_for,
)

if TYPE_CHECKING:
    from dssmcli.data.features import Reader
    from dssmcli.data.impression_features import ImpressionReader
    from dssmcli.data.tsv import BadRows
    from dssmcli.serving.predictions import Form
    from dssmcli.serving.ranked import Say

_EPILOG = """\b
Example:
  dssm predict new-visits.csv > predicted.tsv
  zcat new-visits.csv.gz | dssm predict -m my-run --keep visit --json -
  dssm predict -m ranking --keep user --keep item impressions.tsv
"""


@click.command(
    "predict",
    short_help="Predict the rows of a table.",
    context_settings=CONTEXT,
    epilog=_EPILOG,
    no_args_is_help=True,
)
@click.argument("table", metavar="TABLE|-", type=FILE)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file, which appears when it is whole.  [default: standard output]",
)
@click.option(
    "--keep", multiple=True, metavar="COLUMN", help="Repeat this column of the table in front."
)
@answer_options
def command(
    table: str,
    output: Path | None,
    keep: tuple[str, ...],
    as_json: bool,
    threads: int | None,
    model: str | None,
    bad_rows: str,
    rejects: Path | None,
    quiet: bool,
) -> None:
    """Print what a run says of every row of TABLE, behind a header line, separated by tabs.

    A multi-task run (`dssm train-rec mmoe` and its like): a column a task. Of a task with two
    outcomes it is the probability of a 1 (or of one of the VALUEs named), of others the number.
    TABLE needs the columns that the run learned from, by name and in any order; the tasks' own need
    not be there. A category that the run does not know counts as unknown, what is no number as
    missing.

    A run of ranking (`dssm train-rec youtube-ranking`): watch_time, the seconds to be expected of
    each impression; click, the probability of a click; odds, the paper's, in seconds. What the
    run's log knew of users and items counts, and where TABLE has clicks and watch times, those of
    earlier rows count for later ones, never a row's own.
    """
    checked_rejects(bad_rows, rejects, table)
    from dssmcli.commands.output import talk, writing
    from dssmcli.data.tsv import BadRows
    from dssmcli.run import RANKING, Run, find_run, using_run
    from dssmcli.serving.predictions import Form

    skipped = BadRows(bad_rows == "skip", rejects)
    form = Form(tuple(dict.fromkeys(keep)), as_json)
    ranks = using_run(find_run(model), Run.family) == RANKING
    lines: list[str] = []
    reader: Reader | ImpressionReader
    if ranks:
        texts, reader = _of_ranking(model, table, form, skipped, lines.append)
    else:
        texts, reader = _of_tasks(model, table, form, skipped, threads)
    with writing(output) as write:
        for text in texts:
            write(text)
    skipped.write_rejects()
    talk(quiet, *lines, skipped.summary, reader.summary)


def _of_tasks(
    model: str | None, table: str, form: Form, skipped: BadRows, threads: int | None
) -> tuple[Iterator[str], Reader]:
    from dssmcli.serving.predictions import predictions
    from dssmcli.serving.predictor import load_predictor

    predictor = load_predictor(model)
    return predictions(predictor, table, form, skipped, processes_for(threads)), predictor.reader


def _of_ranking(
    model: str | None, table: str, form: Form, skipped: BadRows, say: Say
) -> tuple[Iterator[str], ImpressionReader]:
    from dssmcli.serving.ranked import ranked
    from dssmcli.serving.ranker import load_ranker

    ranker = load_ranker(model)
    return ranked(ranker, table, form, skipped, say), ranker.reader
