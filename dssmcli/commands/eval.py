"""`dssm eval`: how good a run is on pairs that say what they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dssmcli.commands.options import (
    CONTEXT,
    bad_rows_options,
    checked_rejects,
    json_option,
    model_option,
    pairs_options,
    parallel,
    quiet_option,
    threads_option,
)

if TYPE_CHECKING:
    from dssmcli.serving.evaluation import Report

_COUNTS = ("queries", "queries_skipped", "pool")
_EPILOG = """\b
Example:
  dssm eval heldout.tsv
  dssm eval --value grade --json rated.tsv
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
@model_option
@bad_rows_options
@threads_option
@quiet_option
def command(
    files: tuple[str, ...],
    columns: str | None,
    kind: str | None,
    as_json: bool,
    model: str | None,
    bad_rows: str,
    rejects: Path | None,
    threads: int | None,
    quiet: bool,
) -> None:
    """Print the figures of a run on labelled, clicked or graded pairs, a column a file.

    Labels and clicks: AUC, average precision, accuracy, precision, recall and F1 at the threshold
    that was chosen on validation rows. Values that vary: Spearman's and Pearson's correlation.
    Where queries repeat: NDCG@k, MAP, MRR, recall@k within each query's titles. Clicks alone: MRR
    and recall@k among all titles of the file. Ties count as if in random order.
    """
    checked_rejects(bad_rows, rejects)
    from dssmcli.serving.loading import load

    encoder = load(model, **parallel(threads))
    from dssmcli.data.pairs import PairsReader
    from dssmcli.data.tsv import BadRows, name_of
    from dssmcli.serving.evaluation import KeptTexts, evaluate

    skipped = BadRows(bad_rows == "skip", rejects)
    reports = {}
    for file in files:
        texts = KeptTexts()
        reader = PairsReader([file], columns, kind, skipped, texts.numbers)
        report = reports[name_of(file)] = evaluate(encoder, reader, texts)
        if not quiet:
            click.echo(f"{name_of(file)}: {report.said}.", err=True)
    skipped.write_rejects()
    if skipped.summary and not quiet:
        click.echo(skipped.summary, err=True)
    for line in _json_lines(reports) if as_json else _table(reports):
        click.echo(line)


def _json_lines(reports: dict[str, Report]) -> list[str]:
    return [
        json.dumps(
            {"file": name, "rows": report.rows, "kind": report.kind, **report.figures},
            ensure_ascii=False,
        )
        for name, report in reports.items()
    ]


def _table(reports: dict[str, Report]) -> list[str]:
    names = dict.fromkeys(name for report in reports.values() for name in report.figures)
    lines = [["metric", *reports], ["rows", *(str(report.rows) for report in reports.values())]]
    for name in names:
        values = (report.figures.get(name) for report in reports.values())
        lines.append([name, *("" if value is None else _number(name, value) for value in values)])
    return ["\t".join(line) for line in lines]


def _number(name: str, value: float) -> str:
    return f"{value:.0f}" if name in _COUNTS else f"{value:.4f}"
