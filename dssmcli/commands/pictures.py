"""What `dssm report` and `dssm plot` show of runs, by kind; made when asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from dssmcli.commands.options import (
    FILE,
    bad_rows_options,
    checked_rejects,
    family_of,
    pairs_options,
    parallel,
    processes_for,
    quiet_option,
    refuse_idle,
    refuse_pairs_options,
    row_options,
    threads_option,
    together,
)
from dssmcli.errors import about

if TYPE_CHECKING:
    from dssmcli.bootstrap import Plan
    from dssmcli.data.rows import RowOptions
    from dssmcli.data.seen import Seen
    from dssmcli.data.tsv import BadRows
    from dssmcli.serving.gates import GateReport
    from dssmcli.serving.page import Section
    from dssmcli.serving.predictor import Predictor
    from dssmcli.serving.reports import Report

_DRAWS = 200
"""How often queries, rows or users are drawn anew for an interval, as `dssm eval` does."""
_BETWEEN_RANKS = r"(unseen\.)?(hr|ndcg)@(1|2|3|5|20|100)"
_TENTHS = r"decile_.*"
"""Figures that a chart shows better than a table."""

KINDS = {
    "text": ("curves", "histogram", "precision-recall", "calibration", "slices", "map"),
    "multitask": ("curves", "roc", "precision-recall", "calibration", "regression", "gates"),
    "candidates": ("curves", "recall", "activity"),
    "ranking": ("curves", "watch-time", "heads"),
}
"""The pictures there are of each family of runs; all but the first need data."""

DATA = {
    "text": "pairs with labels, clicks or grades (--data PAIRS): score histograms, precision and "
    "recall, calibration, the hardest errors, slices by length and script, a map of texts",
    "multitask": "a table with the run's features and tasks (--data TABLE): ROC and "
    "precision-recall curves, calibration, predicted against true numbers, gates",
    "candidates": "watches that followed (--data LATER --history WATCHES): recall beside what is "
    "popular and item-kNN, and by how much users had watched",
    "ranking": "impressions that followed (--data LATER): predicted against true watch time, and "
    "how well each head ranks",
}

picture_options = together(
    click.option(
        "--data",
        multiple=True,
        metavar="FILE",
        type=FILE,
        help="Rows whose answer is known: PAIRS (given again, several are read as one), a TABLE, "
        "or a LOG, as for `dssm eval`.",
    ),
    click.option(
        "--history",
        multiple=True,
        metavar="WATCHES",
        type=FILE,
        help="Of a recommender: what users had watched before.",
    ),
    pairs_options,
    click.option(
        "--rows",
        type=click.IntRange(1),
        default=100_000,
        help="Of more PAIRS than this so many are drawn.",
    ),
    click.option("--seed", type=click.IntRange(0), default=1, help="Decides what is drawn."),
    bad_rows_options,
    threads_option,
    quiet_option,
)
"""What runs are looked at on."""


class Asked(NamedTuple):
    """What runs are to be looked at, and on what."""

    runs: tuple[str, ...]
    data: tuple[str, ...]
    history: tuple[str, ...]
    columns: str | None
    kind: str | None
    options: RowOptions
    rows: int
    seed: int
    bad_rows: BadRows
    threads: int | None

    def plan(self) -> Plan:
        """Return how intervals are found."""
        from dssmcli.bootstrap import Plan

        return Plan(_DRAWS, self.seed)


class Shown(NamedTuple):
    """What can be shown of runs, in its order, by kind.

    notes: how the data were understood. warnings: of rows that runs have learned from.
    """

    family: str
    sections: dict[str, Callable[[], list[Section]]]
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def asked(
    runs: tuple[str, ...],
    data: tuple[str, ...],
    history: tuple[str, ...],
    columns: str | None,
    kind: str | None,
    header: bool | None,
    null_texts: str,
    rows: int,
    seed: int,
    bad_rows: str,
    rejects: Path | None,
    threads: int | None,
) -> Asked:
    """Return what the options say; a usage error where they do not go together."""
    checked_rejects(bad_rows, rejects, *data, *history)
    if not data:
        of_pairs = ("columns", "kind", "header", "null_texts")
        refuse_idle("goes with --data.", *of_pairs, "rows", "seed", "bad_rows", "threads")
    from dssmcli.data.tsv import BadRows
    from dssmcli.run import find_run

    chosen = runs or (str(find_run(None)),)
    for run in chosen:
        if chosen.count(run) > 1:
            raise click.UsageError(f"{run} is named twice: a run can be compared with others.")
    skipped = BadRows(bad_rows == "skip", rejects)
    options = row_options(header, null_texts)
    return Asked(chosen, data, history, columns, kind, options, rows, seed, skipped, threads)


def shown(what: Asked) -> Shown:
    """Read the runs and the data, if any, and return what can be shown of them."""
    from dssmcli.run import CANDIDATES, TEXT
    from dssmcli.serving.curves import curves
    from dssmcli.serving.told import read_story, settings, summary

    family = family_of(what.runs)
    if family != TEXT:
        _refuse_pairs_options(what)
        refuse_idle("is for PAIRS, but the run is of tables or logs.", "rows")
        if len(what.data) > 1:
            raise click.UsageError("--data stands once for runs of tables or logs.")
    if what.history and (family != CANDIDATES or not what.data):
        raise click.UsageError(
            "--history goes with --data and runs of `dssm train-rec youtube-candidates`."
        )
    stories = [read_story(run) for run in what.runs]
    found = _MAKERS[family](what) if what.data else Shown(family, {}, ())
    sections: dict[str, Callable[[], list[Section]]] = {
        "summary": lambda: [summary(stories)],
        **{name: found.sections[name] for name in ("figures",) if name in found.sections},
        "curves": lambda: [curves(stories)],
        **{name: make for name, make in found.sections.items() if name != "figures"},
        "settings": lambda: [settings(stories)],
    }
    return Shown(family, sections, found.notes, found.warnings)


def _warnings(what: Asked, seen: Sequence[Seen | None], noun: str) -> tuple[str, ...]:
    """Return a line for each run that has learned from what it is judged on."""
    lines = (each.warning(run, noun) for run, each in zip(what.runs, seen, strict=True) if each)
    return tuple(filter(None, lines))


def _below_chance(what: Asked, reports: Sequence[Report]) -> tuple[str, ...]:
    """Return a line for each run with figures that are lower than chance."""
    from dssmcli.serving.chance import chance_warning

    lines = (chance_warning(report, run) for run, report in zip(what.runs, reports, strict=False))
    return tuple(filter(None, lines))


def _refuse_pairs_options(what: Asked) -> None:
    skips = "skip" if what.options.skip_missing else "keep"
    refuse_pairs_options(what.columns, what.kind, what.options.header, skips)


def _of_texts(what: Asked) -> Shown:
    from dssmcli.serving import text_charts
    from dssmcli.serving.comparison import figures
    from dssmcli.serving.loading import load
    from dssmcli.serving.scored import Limit, scored_pairs
    from dssmcli.serving.text_map import text_map
    from dssmcli.serving.text_slices import slices

    encoders = [load(run, **parallel(what.threads)) for run in what.runs]
    limit = Limit(what.rows, what.seed)
    scored = scored_pairs(
        *(encoders, what.runs, what.data, what.columns, what.kind, what.bad_rows, limit),
        options=what.options,
    )
    plan, warnings = what.plan(), _warnings(what, scored.seen, "row")
    warnings += _below_chance(what, text_charts.figures_of_runs(scored, plan._replace(draws=0)))
    notes = (*scored.notes, *warnings)
    sections: dict[str, Callable[[], list[Section]]] = {
        "figures": lambda: [figures(what.runs, text_charts.figures_of_runs(scored, plan), notes)],
        "histogram": lambda: [text_charts.histogram(scored)],
        "precision-recall": lambda: [text_charts.precision_recall(scored)],
        "calibration": lambda: [text_charts.calibration(scored)],
        "errors": lambda: [text_charts.errors(scored)],
        "slices": lambda: [slices(scored, plan)],
        "map": lambda: [text_map(scored, what.seed)],
    }
    return Shown("text", sections, scored.notes, warnings)


def _of_tasks(what: Asked) -> Shown:
    from dssmcli.data.tsv import STDIN
    from dssmcli.serving import task_charts
    from dssmcli.serving.comparison import figures
    from dssmcli.serving.predictor import load_predictor

    predictors = [load_predictor(run) for run in what.runs]
    processes = processes_for(what.threads)
    judged = task_charts.judged_tasks(predictors, what.runs, what.data[0], what.bad_rows, processes)
    plan, warnings = what.plan(), _warnings(what, judged.seen, "row")
    warnings += _below_chance(what, judged.reports(plan._replace(draws=0)))
    notes = (*judged.notes, *warnings)
    sections: dict[str, Callable[[], list[Section]]] = {
        "figures": lambda: [figures(what.runs, judged.reports(plan), notes)],
        "roc": lambda: [task_charts.roc(judged)],
        "precision-recall": lambda: [task_charts.precision_recall(judged)],
        "calibration": lambda: [task_charts.calibration(judged)],
        "regression": lambda: [task_charts.regression(judged, what.seed)],
    }
    gated = [i for i, each in enumerate(predictors) if each.model.experts > 1]
    if gated and what.data[0] != STDIN:  # which cannot be read again

        def gates() -> list[Section]:
            from dssmcli.serving.page import Gates

            return [Gates(what.runs[i], _gates(what, predictors[i])) for i in gated]

        sections["gates"] = gates
    return Shown("multitask", sections, judged.notes, warnings)


def _gates(what: Asked, predictor: Predictor) -> GateReport:
    from dssmcli.data.tsv import BadRows
    from dssmcli.serving.gates import gates_on

    # What is wrong with a row has been told when it was read for the figures.
    skipped = BadRows(what.bad_rows.count > 0)
    return gates_on(predictor, what.data[0], None, skipped, processes_for(what.threads))


def _of_watches(what: Asked) -> Shown:
    from dssmcli.serving import youtube_charts
    from dssmcli.serving.candidates import load_candidates
    from dssmcli.serving.comparison import figures
    from dssmcli.serving.next_evaluation import evaluate_next, read_next

    runs = [load_candidates(run) for run in what.runs]
    notes: list[str] = []

    def say_of(name: str) -> Callable[[str], None]:
        return lambda line: notes.append(about(name, line) if what.history else line)

    targets = read_next(runs, what.data[0], what.history, what.bad_rows, say_of)
    reports, baselines = evaluate_next(
        runs, targets, what.plan(), notes.append, youtube_charts.RANKS
    )
    names = [*what.runs, *baselines]
    warnings = _warnings(what, [each.seen for each in reports[: len(runs)]], "watch")
    sections: dict[str, Callable[[], list[Section]]] = {
        "figures": lambda: [figures(names, reports, [*notes, *warnings], _BETWEEN_RANKS)],
        "recall": lambda: [youtube_charts.recall(names, reports)],
        "activity": lambda: [youtube_charts.activity(names, reports)],
    }
    return Shown("candidates", sections, tuple(notes), warnings)


def _of_impressions(what: Asked) -> Shown:
    from dssmcli.serving import youtube_charts
    from dssmcli.serving.comparison import figures
    from dssmcli.serving.ranker import load_ranker
    from dssmcli.serving.ranking_evaluation import evaluate_ranking

    runs = [load_ranker(run) for run in what.runs]
    notes: list[str] = []
    reports = evaluate_ranking(runs, what.data[0], what.plan(), what.bad_rows, notes.append)
    warnings = _warnings(what, [each.seen for each in reports], "impression")
    warnings += _below_chance(what, reports)
    sections: dict[str, Callable[[], list[Section]]] = {
        "figures": lambda: [figures(what.runs, reports, [*notes, *warnings], _TENTHS)],
        "watch-time": lambda: [youtube_charts.watch_time(what.runs, reports)],
        "heads": lambda: [youtube_charts.heads(what.runs, reports)],
    }
    return Shown("ranking", sections, tuple(notes), warnings)


_MAKERS: dict[str, Callable[[Asked], Shown]] = {
    "text": _of_texts,
    "multitask": _of_tasks,
    "candidates": _of_watches,
    "ranking": _of_impressions,
}
