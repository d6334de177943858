"""`dssm predict`: what a multi-task run says of each row of a table."""

from __future__ import annotations

from pathlib import Path

import click

from dssmcli.commands.options import (
    CONTEXT,
    answer_options,
    checked_rejects,
    processes_for,
)

_EPILOG = """\b
Example:
  dssm predict new-visits.csv > predicted.tsv
  zcat new-visits.csv.gz | dssm predict -m my-run --keep visit --json -
"""


@click.command(
    "predict",
    short_help="Predict the tasks of a multi-task run.",
    context_settings=CONTEXT,
    epilog=_EPILOG,
    no_args_is_help=True,
)
@click.argument("table", metavar="TABLE|-")
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
    """Print a column a task for every row of TABLE, behind a header line, separated by tabs.

    Of a task with two outcomes it is the probability of a 1 (or of one of the VALUEs named), of
    others the number. TABLE needs the columns that the run learned from, by name and in any order;
    the tasks' own need not be there. A category that the run does not know counts as unknown, what
    is no number as missing.
    """
    checked_rejects(bad_rows, rejects)
    from dssmcli.commands.output import talk, writing
    from dssmcli.data.tsv import BadRows
    from dssmcli.serving.predictions import Form, predictions
    from dssmcli.serving.predictor import load_predictor

    predictor = load_predictor(model)
    skipped = BadRows(bad_rows == "skip", rejects)
    form = Form(tuple(dict.fromkeys(keep)), as_json)
    with writing(output) as write:
        for text in predictions(predictor, table, form, skipped, processes_for(threads)):
            write(text)
    skipped.write_rejects()
    talk(quiet, skipped.summary, predictor.reader.summary)
