"""`dssm eval`: how good a run is on rows whose answer is known, or which of several is better."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from dssmcli.commands.options import (
    CONTEXT,
    FILE,
    FOLDER,
    bad_rows_options,
    checked_rejects,
    family_of,
    json_option,
    pairs_options,
    parallel,
    processes_for,
    quiet_option,
    refuse_pairs_options,
    row_options,
    threads_option,
)
from dssmcli.errors import WARNING, about, worth_saying

if TYPE_CHECKING:
    from dssmcli.bootstrap import Plan
    from dssmcli.commands.tables import Evaluated
    from dssmcli.data.rows import RowOptions
    from dssmcli.data.tsv import BadRows

_EPILOG = """\b
Example:
  dssm eval heldout.tsv
  dssm eval --value grade --json rated.tsv
  dssm eval -m my-run -m another-run heldout.tsv
  dssm eval -m my-mmoe -m my-shared-bottom visits.csv
  dssm eval -m candidates --history watches.tsv later.tsv
"""
_HELP = """\
Print the figures of a run on rows whose answer is known, a column a file.

A run of texts (`dssm train`) is measured on PAIRS with labels, clicks or grades. Labels and
clicks: AUC, average precision, accuracy, precision, recall and F1 at the threshold that was
chosen on validation rows; log loss, Brier score and expected calibration error of the
calibrated probabilities. Values that vary: Spearman's and Pearson's correlation. Where queries
repeat: NDCG@k, MAP, MRR, recall@k within each query's titles, and PNR, the pairs of titles in
the right order over those in the wrong one. Clicks alone: MRR and recall@k among all titles of
the file. Ties count as if in random order.

A multi-task run (`dssm train-rec`) is measured on TABLEs with its features and the columns of
its tasks. TASK.auc, TASK.average_precision, TASK.log_loss, TASK.brier, TASK.ece and the
TASK.positive_share of a binary task; TASK.rmse, TASK.mae, TASK.r2 and TASK.spearman of a
number; TASK.rows, how many rows have the task's label: the others do not count for it.

A run of candidate generation (`dssm train-rec youtube-candidates`) is measured on WATCHES: all
of them that follow a --history, else each user's last one, is to be found among all items from
what its user watched before. hr@k (the share found among the k best), ndcg@k, mrr, with all
items and (unseen.) without those the user had watched; hr@10 by how much users had watched and
by how popular the item is. Beside it, learned from the same watches: what is popular, and
item-kNN with the decay of old watches that does best on these very targets.

A run of ranking (`dssm train-rec youtube-ranking`) is measured on IMPRESSIONS that follow its
log. HEAD.per_user_loss: of all pairs of a clicked and an unclicked impression of one user the
share of watch time whose unclicked one ranks higher. HEAD.auc of clicks. watch_time.bias (mean
predicted over mean true), mae, rmse, spearman, and by tenths of what is predicted what was
predicted and what was true; the same of the paper's odds as they are, and corrected.

Behind a figure stands its 95 % interval, by drawing queries with all their rows, the rows of a
TABLE, or users, anew.

A run (of format 5 on) knows the rows that it has learned from: a warning on standard error, also
with -q, says how many there are. In JSON: learned_rows, learned_pairs (of texts), swapped_rows
(query and title the other way round), same_features_rows (with other labels or none),
validation_rows (those that chose its weights), earlier_rows (events before the last moment that
it knows).

With several runs (-m A -m B), a row a figure: what it is for each run, the difference from the
first run with its interval, the two-sided p of no difference (both from the same draws), and
better, worse or chance (p above .05). Which grades are matches is what the first run says.
Tasks are compared by name.
"""


@click.command(
    "eval",
    help=_HELP,
    short_help="Measure a run on rows whose answer is known.",
    context_settings=CONTEXT,
    epilog=_EPILOG,
    no_args_is_help=True,
)
@click.argument("files", nargs=-1, required=True, metavar="PAIRS|TABLE|LOG...|-", type=FILE)
@pairs_options
@json_option
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    metavar="DIR",
    type=FOLDER,
    help="The run to use. Given again: one to compare with the first.  "
    "[default: $DSSM_MODEL, else ./dssm-model]",
)
@click.option(
    "--bootstrap",
    "draws",
    type=click.IntRange(0, 1_000_000),
    default=200,
    metavar="N",
    help="Draw the queries, of a TABLE the rows, anew N times for 95 % intervals; 0 for none.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=1,
    help="Decides what is drawn.",
)
@click.option(
    "--history",
    multiple=True,
    metavar="WATCHES",
    type=FILE,
    help="Of a recommender: what users had watched before.",
)
@bad_rows_options
@threads_option
@quiet_option
def command(
    files: tuple[str, ...],
    columns: str | None,
    kind: str | None,
    header: bool | None,
    null_texts: str,
    as_json: bool,
    models: tuple[str, ...],
    draws: int,
    seed: int,
    history: tuple[str, ...],
    bad_rows: str,
    rejects: Path | None,
    threads: int | None,
    quiet: bool,
) -> None:
    """Print the figures of a run, or of several, on rows whose answer is known."""
    checked_rejects(bad_rows, rejects, *files, *history)
    from dssmcli.data.tsv import BadRows
    from dssmcli.run import CANDIDATES, RANKING, TEXT, find_run

    chosen = [str(find_run(model)) for model in models or (None,)]
    skipped = BadRows(bad_rows == "skip", rejects)
    asked = _Asked(chosen, files, draws, seed, skipped, threads, quiet)
    family = family_of(chosen)
    if family != TEXT:
        refuse_pairs_options(columns, kind, header, null_texts)
    if history and family != CANDIDATES:
        raise click.UsageError("--history is for runs of `dssm train-rec youtube-candidates`.")
    if family == TEXT:
        found = _on_pairs(asked, columns, kind, row_options(header, null_texts))
    elif family == CANDIDATES:
        found, chosen = _on_watches(asked, history)
    elif family == RANKING:
        found = _on_impressions(asked)
    else:
        found = _on_tables(asked)
    from dssmcli.commands.output import talk
    from dssmcli.commands.tables import json_lines

    skipped.write_rejects()
    talk(quiet, skipped.summary)
    _tell_seen(found, asked, _NOUNS.get(family, "row"))
    lines = json_lines(found, chosen) if as_json else _table(found, chosen, len(asked.runs))
    for line in lines:
        click.echo(line)


def _table(found: list[Evaluated], chosen: Sequence[str], runs: int) -> Iterator[str]:
    """Return the lines of a table: of one run its figures, and those of baselines beside it if it
    has any; of several what sets the others apart from the first."""
    from dssmcli.commands.tables import comparison_table, figure_table, model_table

    if runs > 1:
        return comparison_table(found, chosen)
    return figure_table(found) if len(chosen) == 1 else model_table(found, chosen)


class _Asked(NamedTuple):
    """What is to be measured on what, whatever the runs are of."""

    runs: Sequence[str]
    files: Sequence[str]
    draws: int
    seed: int
    bad_rows: BadRows
    threads: int | None
    quiet: bool

    def plan(self) -> Plan:
        """Return how the rows are drawn anew."""
        from dssmcli.bootstrap import Plan

        return Plan(self.draws, self.seed)

    def say(self, file: str) -> Callable[[str], None]:
        """Return what tells a line about a file; when quiet, only a warning."""
        from dssmcli.data.tsv import name_of

        def tell(line: str) -> None:
            for each in worth_saying([line], self.quiet):
                click.echo(about(name_of(file), each), err=True)

        return tell

    def warn(self, file: str) -> Callable[[str], None]:
        """Return what tells a warning about a file, also when quiet."""
        from dssmcli.data.tsv import name_of

        name = name_of(file)
        return lambda line: click.echo(about(name, f"{WARNING}{line}"), err=True)


def _on_pairs(
    asked: _Asked, columns: str | None, kind: str | None, options: RowOptions
) -> list[Evaluated]:
    from dssmcli.serving.loading import load
    from dssmcli.serving.several import normalizer_for

    encoders = [load(run, **parallel(asked.threads)) for run in asked.runs]
    options = options._replace(normalizer=normalizer_for(encoders))
    from dssmcli.commands.tables import Evaluated
    from dssmcli.data.pairs import PairsReader
    from dssmcli.data.tsv import name_of
    from dssmcli.serving.evaluation import KeptTexts, evaluate

    def evaluated(file: str) -> Evaluated:
        texts = KeptTexts()
        reader = PairsReader([file], columns, kind, asked.bad_rows, texts.numbers, options)
        reports = evaluate(encoders, reader, texts, asked.plan(), asked.say(file))
        return Evaluated(name_of(file), reports)

    return [evaluated(file) for file in asked.files]


def _on_tables(asked: _Asked) -> list[Evaluated]:
    from dssmcli.commands.tables import Evaluated
    from dssmcli.data.tsv import name_of
    from dssmcli.serving.predictor import load_predictor
    from dssmcli.serving.table_evaluation import evaluate_table

    predictors = [load_predictor(run) for run in asked.runs]
    processes = processes_for(asked.threads)

    def evaluated(file: str) -> Evaluated:
        say, warn = asked.say(file), asked.warn(file)
        plan, rows = asked.plan(), asked.bad_rows
        for predictor in predictors:
            predictor.reader.begin_anew()
        reports = evaluate_table(predictors, file, plan, rows, say, processes, warn)
        lines = (line for each in predictors for line in each.reader.summary.splitlines())
        for line in dict.fromkeys(lines):
            say(line)
        return Evaluated(name_of(file), reports)

    return [evaluated(file) for file in asked.files]


def _on_watches(asked: _Asked, history: Sequence[str]) -> tuple[list[Evaluated], list[str]]:
    """Return what was found, and the names of the runs and then of the baselines."""
    from dssmcli.commands.tables import Evaluated
    from dssmcli.data.tsv import name_of
    from dssmcli.serving.candidates import load_candidates
    from dssmcli.serving.next_evaluation import evaluate_next, read_next

    runs = [load_candidates(run) for run in asked.runs]
    found, names = [], list(asked.runs)
    for file in asked.files:
        targets = read_next(runs, file, history, asked.bad_rows, asked.say)
        reports, baselines = evaluate_next(runs, targets, asked.plan(), asked.say(file))
        found.append(Evaluated(name_of(file), reports))
        names = [*asked.runs, *baselines]
    return found, names


def _on_impressions(asked: _Asked) -> list[Evaluated]:
    from dssmcli.commands.tables import Evaluated
    from dssmcli.data.tsv import name_of
    from dssmcli.serving.ranker import load_ranker
    from dssmcli.serving.ranking_evaluation import evaluate_ranking

    runs = [load_ranker(run) for run in asked.runs]

    def evaluated(file: str) -> Evaluated:
        say = asked.say(file)
        return Evaluated(
            name_of(file), evaluate_ranking(runs, file, asked.plan(), asked.bad_rows, say)
        )

    return [evaluated(file) for file in asked.files]


_NOUNS = {"candidates": "watch", "ranking": "impression"}


def _tell_seen(found: Sequence[Evaluated], asked: _Asked, noun: str) -> None:
    """Warn of figures that are lower than chance, and of rows that runs have learned from, also
    when quiet: figures are not what they seem."""
    from dssmcli.serving.chance import chance_warning

    for file, reports in found:
        for run, report in zip(asked.runs, reports, strict=False):  # those of baselines follow
            doubt = chance_warning(report, run)
            if doubt:
                click.echo(about(file, doubt), err=True)
            if report.seen is None:
                continue
            warning, note = report.seen.warning(run, noun), report.seen.note(run, noun)
            for line in worth_saying([warning or note], asked.quiet):
                click.echo(about(file, line), err=True)
