"""`dssm gates`: which experts each task of a multi-task run goes by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dssmcli.commands.options import (
    CONTEXT,
    FILE,
    OWN_FILE,
    answer_options,
    checked_rejects,
    processes_for,
)

if TYPE_CHECKING:
    from dssmcli.serving.gates import GateReport

_EPILOG = """\b
Example:
  dssm gates -m my-mmoe visits.csv
  dssm gates -m my-mmoe visits.csv --by country --html gates.html
"""


@click.command(
    "gates",
    short_help="Show which experts the tasks of a run go by.",
    context_settings=CONTEXT,
    epilog=_EPILOG,
    no_args_is_help=True,
)
@click.argument("table", metavar="TABLE|-", type=FILE)
@click.option(
    "--by",
    "column",
    metavar="COLUMN",
    help="Also tell it for the rows of each value of this column, which may be no feature: the 20 "
    "commonest values, or 8 bins of equal counts of numbers.",
)
@click.option(
    "--html",
    type=OWN_FILE,
    metavar="FILE",
    help="Draw heat maps, too, on a page that needs nothing else.",
)
@answer_options
def command(
    table: str,
    column: str | None,
    html: Path | None,
    as_json: bool,
    threads: int | None,
    model: str | None,
    bad_rows: str,
    rejects: Path | None,
    quiet: bool,
) -> None:
    """Print the mean weight of each expert (e1, e2, ...) of an MMoE run for every task.

    One line a task, and with --by one a task and slice, separated by tabs behind a header. Weights
    of a line add up to 1. rows: how many have been averaged. entropy: the mean over rows, in bits,
    0 if each row goes by one expert. mean_entropy: that of the mean weights. experts_used: 2 to the
    power of that, how many experts with equal weights would be as mixed. A bin of numbers goes from
    its first up to, and without, its second.

    A warning tells of dead experts, to which no task gives 1 % of an equal share on any line, and
    of gates that are the same for all tasks, which so share everything.
    """
    checked_rejects(bad_rows, rejects, table)
    from dssmcli.commands.output import talk
    from dssmcli.data.tsv import BadRows
    from dssmcli.run import find_run
    from dssmcli.serving.gates import check_gates, gates_on, warnings_of
    from dssmcli.serving.predictor import load_predictor

    run = str(find_run(model))
    predictor = load_predictor(run)
    check_gates(predictor, run)
    skipped = BadRows(bad_rows == "skip", rejects)
    report = gates_on(predictor, table, column, skipped, processes_for(threads))
    skipped.write_rejects()
    if html is not None:
        _write_page(html, report, run)
    for line in _json_lines(report) if as_json else _lines(report):
        click.echo(line)
    warnings = (f"Warning: {warning}" for warning in warnings_of(report))
    talk(quiet, skipped.summary, predictor.reader.summary, *warnings)


def _write_page(html: Path, report: GateReport, run: str) -> None:
    from dssmcli.atomic import write_atomically
    from dssmcli.serving.heatmap import page

    write_atomically(html, page(report, run).encode())


def _lines(report: GateReport) -> Iterator[str]:
    from dssmcli.data.records import tsv_field

    experts = [f"e{i + 1}" for i in range(report.experts)]
    figures = ["rows", "entropy", "mean_entropy", "experts_used"]
    yield "\t".join(["task", "slice", *figures, *experts])
    for row in report.rows:
        told = [row.entropy, row.mean_entropy, row.experts_used, *row.weights]
        names = [tsv_field(row.task), tsv_field(row.slice), str(row.rows)]
        yield "\t".join([*names, *(f"{value:.4f}" for value in told)])


def _json_lines(report: GateReport) -> Iterator[str]:
    for row in report.rows:
        yield json.dumps(
            {
                "task": row.task,
                "by": report.column,
                "slice": row.slice,
                "rows": row.rows,
                "entropy": row.entropy,
                "mean_entropy": row.mean_entropy,
                "experts_used": row.experts_used,
                "weights": row.weights,
            },
            ensure_ascii=False,
        )
