"""`dssm check`: what is wrong with pairs, and what is in them, before a model learns from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from dssmcli.commands.options import (
    CONTEXT,
    FILE,
    FOLDER,
    json_option,
    pairs_options,
    quiet_option,
    row_options,
)
from dssmcli.config import TOKENIZERS, TextConfig
from dssmcli.errors import EXIT_BAD_DATA

if TYPE_CHECKING:
    from dssmcli.text.tokenizers import Lookup
    from dssmcli.text.vocab import Vocabulary

_EPILOG = """\b
Example:
  dssm check pairs.tsv
  dssm check --valid heldout.tsv --json pairs.tsv
"""


@click.command(
    "check",
    short_help="Examine pairs before training.",
    context_settings=CONTEXT,
    epilog=_EPILOG,
    no_args_is_help=True,
)
@click.argument("files", nargs=-1, required=True, metavar="PAIRS...|-", type=FILE)
@click.option(
    "--valid",
    multiple=True,
    metavar="FILE",
    type=FILE,
    help="Pairs to measure on: what they share with PAIRS makes figures too good.",
)
@pairs_options
@click.option(
    "--tokenizer",
    type=click.Choice(TOKENIZERS),
    help="How texts become units.  [default: the run's, else auto]",
)
@click.option(
    "--max-units",
    type=click.IntRange(1, 10_000),
    help="Units of a text that are read.  [default: the run's, else 128]",
)
@click.option(
    "-m", "--model", metavar="DIR", type=FOLDER, help="Count what this run does not know."
)
@json_option
@quiet_option
def command(
    files: tuple[str, ...],
    valid: tuple[str, ...],
    columns: str | None,
    kind: str | None,
    header: bool | None,
    null_texts: str,
    tokenizer: str | None,
    max_units: int | None,
    model: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Print what PAIRS hold and what is wrong with them: a report, then findings.

    Bad rows, repeated and contradictory ones, the mix of values, lengths, scripts, the overlap with
    --valid files; and how far TF-IDF gets, which a model has to beat. Every bad row is counted.
    Exit code 3 when `dssm train` would refuse the rows or could learn nothing from them; warnings
    and notes leave it at 0.
    """
    cutter = _cutter(tokenizer, max_units, model)
    from dssmcli.commands.checkup import json_lines, report_lines
    from dssmcli.data.doctor import Request, examine
    from dssmcli.data.findings import ERROR, findings_of
    from dssmcli.pace import Pace

    pace = Pace(quiet)
    request = Request(files, valid, columns, kind, *cutter, row_options(header, null_texts))
    checkup = examine(request, lambda rows: pace.lines(rows, None))
    pace.clear()
    findings = findings_of(checkup)
    lines = json_lines(checkup, findings) if as_json else report_lines(checkup, findings)
    click.echo("\n".join(lines))
    if any(finding.level == ERROR for finding in findings):
        click.get_current_context().exit(EXIT_BAD_DATA)


class _Cutter(NamedTuple):
    """What cuts the texts: a tokenizer's name, itself, and what a run knows, if there is one."""

    tokenizer: str
    lookup: Lookup
    vocabulary: Vocabulary | None


def _cutter(tokenizer: str | None, max_units: int | None, model: str | None) -> _Cutter:
    if model is None:
        config = TextConfig(tokenizer or "auto", max_units or TextConfig.max_units)
        return _Cutter(config.tokenizer, _lookup(config), None)
    if tokenizer or max_units:
        raise click.UsageError("-m brings its --tokenizer and --max-units: leave these out.")
    from dssmcli.serving.loading import load

    encoder = load(model)
    return _Cutter(encoder.model.text.tokenizer, encoder.lookup, encoder.lookup.vocabulary)


def _lookup(config: TextConfig) -> Lookup:
    """Return what cuts texts without a vocabulary; jieba has its stock dictionary."""
    from dssmcli.text.tokenizers import Lookup
    from dssmcli.text.vocab import Vocabulary

    if config.tokenizer == "sentencepiece":
        raise click.UsageError(
            "--tokenizer sentencepiece learns its pieces from a log: name a run with -m instead."
        )
    words = None
    if config.tokenizer == "jieba":
        from dssmcli.text.dictionary import stock_dictionary

        words = stock_dictionary().words()
    return Lookup.of(config, Vocabulary([], 1), words)
