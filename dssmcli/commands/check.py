"""`dssm check`: what is wrong with data, and what is in them, before a model learns from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from dssmcli.commands.options import (
    CONTEXT,
    FILE,
    FOLDER,
    bad_rows_options,
    checked_rejects,
    column_options,
    json_option,
    pairs_options,
    quiet_option,
    row_options,
    together,
)
from dssmcli.commands.train_rec import task_option
from dssmcli.commands.youtube import log_options, watch_options
from dssmcli.commands.youtube_ranking import impression_options
from dssmcli.config import TOKENIZERS, TextConfig
from dssmcli.errors import EXIT_BAD_DATA

if TYPE_CHECKING:
    from dssmcli.data.file_kind import FileKind
    from dssmcli.data.findings import Finding
    from dssmcli.data.tsv import BadRows
    from dssmcli.text.tokenizers import Lookup
    from dssmcli.text.vocab import Vocabulary

_EPILOG = """\b
Example:
  dssm check pairs.tsv
  dssm check --valid heldout.tsv --json pairs.tsv
  dssm check visits.csv --task bought --task minutes:regression --ignore day
  dssm check watches.tsv --valid later-watches.tsv
  dssm check impressions.tsv --outcome liked
"""
_PAIRS, _TABLE, _WATCHES, _IMPRESSIONS = "pairs", "table", "watches", "impressions"
_KINDS = (_PAIRS, _TABLE, _WATCHES, _IMPRESSIONS)
_LOGS, _FEATURES = (_WATCHES, _IMPRESSIONS), (_TABLE, _IMPRESSIONS)
_GOES_WITH = {
    **dict.fromkeys(("--columns", "--value", "--header", "--no-header"), (_PAIRS,)),
    **dict.fromkeys(("--null-texts", "--tokenizer", "--max-units", "--model"), (_PAIRS,)),
    "--task": (_TABLE,),
    **dict.fromkeys(("--user", "--item", "--timestamp", "--dates"), _LOGS),
    **dict.fromkeys(("--context", "--search"), (_WATCHES,)),
    **dict.fromkeys(("--clicked", "--watch-time", "--unit", "--outcome"), (_IMPRESSIONS,)),
    **dict.fromkeys(("--ignore", "--categorical", "--numeric"), _FEATURES),
    "--min-count": (_TABLE, *_LOGS),
}
"""What options say of files. Others go with all."""

_text_options = together(
    pairs_options,
    click.option(
        "--tokenizer",
        type=click.Choice(TOKENIZERS),
        help="How texts become units.  [default: the run's, else auto]",
    ),
    click.option(
        "--max-units",
        type=click.IntRange(1, 10_000),
        help="Units of a text that are read.  [default: the run's, else 128]",
    ),
    click.option(
        "-m", "--model", metavar="DIR", type=FOLDER, help="Count what this run does not know."
    ),
)


@click.command(
    "check",
    short_help="Examine pairs, tables or logs before training.",
    context_settings=CONTEXT,
    epilog=_EPILOG,
    no_args_is_help=True,
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...|-", type=FILE)
@click.option(
    "--as",
    "said",
    type=click.Choice(_KINDS),
    help="What FILE holds.  [default: what the other options go with, else what its header shows]",
)
@click.option(
    "--valid",
    multiple=True,
    metavar="FILE",
    type=FILE,
    help="Data to measure on: what they share with FILE makes figures too good.",
)
@_text_options
@task_option()
@column_options
@log_options
@watch_options
@impression_options
@bad_rows_options
@json_option
@quiet_option
@click.pass_context
def command(context: click.Context, /, **options: Any) -> None:
    """Print what FILE holds and what is wrong with it: a report, then findings.

    Pairs, as `dssm train` reads them: bad rows, repeated and contradictory ones, the mix of values,
    lengths, scripts, the overlap with --valid files; and how far TF-IDF gets, which a model has to
    beat.

    A table, with the options of `dssm train-rec mmoe` (--task and so on): what each column is taken
    for, missing values, rare categories, the balance of labels, what gives a label away.

    A log of watches or of impressions, with the options of `dssm train-rec youtube-candidates` and
    `youtube-ranking`: users and items of one event, heavy users, times, gaps, repeated events,
    watch times, what is known only afterwards.

    What FILE holds is what the given options go with (--task: a table); without any, a header with
    a user and an item is a log, of impressions if it has clicks and a watch time, too; all else is
    pairs. The report says it.

    Every bad row is counted. Exit code 3 when a training would refuse the rows or could learn
    nothing from them, or a column says what is to be predicted; warnings and notes leave it at 0.
    """
    files, valid = options["files"], options["valid"]
    checked_rejects(options["bad_rows"], options["rejects"], *files, *valid)
    kind = _kind(context, options)
    from dssmcli.data.tsv import BadRows
    from dssmcli.pace import Pace

    pace = Pace(options["quiet"])
    rejects = BadRows(skip=True, rejects=options["rejects"])
    look = {_PAIRS: _pairs, _TABLE: _table, _WATCHES: _log, _IMPRESSIONS: _log}[kind.kind]
    lines, findings = look(options, kind, rejects, pace)
    pace.clear()
    rejects.write_rejects()
    click.echo("\n".join(lines))
    if any(finding.level == "error" for finding in findings):
        context.exit(EXIT_BAD_DATA)


def _kind(context: click.Context, options: dict[str, Any]) -> FileKind:
    """Return what the files hold."""
    from dssmcli.data.file_kind import kind_of_file

    given = {}
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE":
            name = max(parameter.opts, key=len)
            if parameter.secondary_opts and options[parameter.name or ""] is False:
                name = parameter.secondary_opts[0]
            given[name] = (options["said"],) if name == "--as" else _GOES_WITH.get(name)
    goes = {name: kinds for name, kinds in given.items() if kinds is not None}
    roles = ("user", "item", "timestamp", "clicked", "watch_time")
    columns = {role: options[role] for role in roles}
    kind = kind_of_file(goes, columns, options["files"][0])
    if kind.kind == _TABLE and not options["tasks"]:
        raise click.UsageError("a table needs what is to be predicted: --task COLUMN.")
    return kind


Looked = tuple[Sequence[str], Sequence["Finding"]]


def _pairs(options: dict[str, Any], kind: FileKind, rejects: BadRows, pace: Any) -> Looked:
    cutter = _cutter(options["tokenizer"], options["max_units"], options["model"])
    from dssmcli.commands.checkup import json_lines, report_lines
    from dssmcli.data.doctor import Request, examine
    from dssmcli.data.findings import findings_of

    files, valid = options["files"], options["valid"]
    skip = options["bad_rows"] == "skip"
    lines = row_options(options["header"], options["null_texts"])
    given = (options["columns"], options["kind"], *cutter, lines)
    request = Request(files, valid, *given, rejects, skip)
    checkup = examine(request, lambda rows: pace.lines(rows, None))
    findings = findings_of(checkup)
    report = json_lines if options["as_json"] else report_lines
    return [*report(checkup, findings, kind)], findings


def _table(options: dict[str, Any], kind: FileKind, rejects: BadRows, pace: Any) -> Looked:
    from dssmcli.commands.check_table import json_lines, report_lines
    from dssmcli.data.inference import FeatureInput
    from dssmcli.data.table_doctor import TableRequest, examine_tables

    names = ("ignore", "categorical", "numeric", "min_count")
    request = TableRequest(
        options["files"],
        options["valid"],
        options["tasks"],
        FeatureInput(*(options[name] for name in names)),
        rejects,
        options["bad_rows"] == "skip",
    )
    checkup = examine_tables(request, lambda rows: pace.lines(rows, None))
    report = json_lines if options["as_json"] else report_lines
    return [*report(checkup, kind)], checkup.findings


def _log(options: dict[str, Any], kind: FileKind, rejects: BadRows, pace: Any) -> Looked:
    import time

    from dssmcli.commands.check_log import json_lines, report_lines
    from dssmcli.data.inference import FeatureInput
    from dssmcli.data.log_doctor import LogRequest, examine_logs
    from dssmcli.data.log_reading import asked_reading

    names = ("ignore", "categorical", "numeric", "min_count")
    request = LogRequest(
        options["files"],
        options["valid"],
        _watch_columns(options) if kind.kind == _WATCHES else _impression_columns(options),
        FeatureInput(*(options[name] for name in names)),
        rejects,
        options["bad_rows"] == "skip",
        time.time(),
        asked_reading(options["dates"]),
    )
    checkup = examine_logs(request, lambda rows: pace.lines(rows, None))
    report = json_lines if options["as_json"] else report_lines
    return [*report(checkup, kind)], checkup.findings


def _watch_columns(options: dict[str, Any]) -> Any:
    from dssmcli.data.watches import WatchColumns

    names = ("user", "item", "timestamp", "search", "context")
    return WatchColumns(*(options[name] for name in names))


def _impression_columns(options: dict[str, Any]) -> Any:
    from dssmcli.data.impressions import ImpressionColumns

    names = ("user", "item", "timestamp", "clicked", "watch_time", "unit", "outcomes")
    return ImpressionColumns(*(options[name] for name in names))


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

        words = stock_dictionary(config).words()
    return Lookup.of(config, Vocabulary([], 1), words)
