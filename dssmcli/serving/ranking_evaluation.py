"""How well a run of ranking says what impressions bring: clicks, watch times, their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from dssmcli import metrics, weighted
from dssmcli.bootstrap import Plan
from dssmcli.data.event_hashes import event_hashes, seen_events
from dssmcli.data.impressions import Impressions, read_impressions
from dssmcli.data.repeated_events import repeated_lines
from dssmcli.data.seen import Seen
from dssmcli.data.tsv import BadRows
from dssmcli.errors import ConfigError
from dssmcli.serving.figures import class_figures, probability_figures
from dssmcli.serving.ranker import Ranker
from dssmcli.serving.reports import Drawn, Figures, Report, report_of
from dssmcli.text.hashing import Hashes

KIND = "impressions"
Say = Callable[[str], None]
Floats = npt.NDArray[np.float64]
_DECILES = 10


def evaluate_ranking(
    runs: Sequence[Ranker], source: str, plan: Plan, bad_rows: BadRows, say: Say
) -> list[Report]:
    """Return a report for each run on a log that follows the one it was trained on.

    Raises ConfigError when the runs read different columns.
    """
    columns = runs[0].columns
    if any(run.columns != columns for run in runs):
        raise ConfigError("the runs read different columns: evaluate them one by one.")
    log, _ = read_impressions([source], columns, bad_rows, runs[0].reading, say)
    say(
        f"{len(log):,} impressions, {log.clicked.mean():.1%} clicked, watched for "
        f"{log.watched.mean():.3g} s on average."
    )
    for line in (*repeated_lines(log.user, log.item, log.time), *runs[0].scale_lines(log)):
        say(line)
    rows = Drawn(KIND, log.user)
    hashes = event_hashes(log)
    reports = [
        report_of(_figures(run.predict(log, True), log), rows, plan, _seen(run, log, hashes))
        for run in runs
    ]
    for line in next(filter(None, (run.reader.summary for run in runs)), "").splitlines():
        say(line)
    return reports


def _seen(run: Ranker, log: Impressions, hashes: Hashes) -> Seen | None:
    """Return how many impressions a run has met, and how many its past of users and items has."""
    known = run.fingerprint()
    if known is None:
        return None
    time = log.since(known.origin)
    earlier = 0 if known.last is None else int((time < known.last).sum())
    return seen_events(known, hashes, time)._replace(earlier=earlier, known=earlier)


def _figures(values: dict[str, Floats], log: Impressions) -> list[Figures]:
    """Return all figures of what each head says, (N,), in the order of the log."""
    found = [_user_loss(head, each, log) for head, each in values.items()]
    clicked = log.clicked > 0
    if clicked.any() and not clicked.all():
        found += [_click(head, each, clicked) for head, each in values.items()]
        if "click" in values:
            found.append(_prefixed(probability_figures(values["click"], clicked), "click"))
    seconds = {head: each for head, each in values.items() if head != "click"}
    if "odds" in values and "click" in values:
        # What the odds stand for: E[T] / (1 - P).
        seconds["odds_corrected"] = values["odds"] * (1 - values["click"])
    for head, each in seconds.items():
        found.append(_seconds(head, each, log.watched))
    if "watch_time" in values:
        found.append(_deciles(values["watch_time"], log.watched))
    return found


def _user_loss(head: str, scores: Floats, log: Impressions) -> Figures:
    pairs = metrics.watch_time_pairs(scores, log.watched, log.clicked, log.user)
    name = f"{head}.per_user_loss"
    users = np.arange(len(pairs.total))
    measure = weighted.query_ratio(name, pairs.mispredicted, pairs.total, users)
    return Figures({name: pairs.loss}, [measure])


def _click(head: str, scores: Floats, clicked: npt.NDArray[np.bool_]) -> Figures:
    order = np.argsort(-scores, kind="stable")
    figures = class_figures(scores[order], clicked[order], None)
    measures = [weighted.of_some_rows(m, order, "") for m in figures.measures]
    found = _prefixed(Figures(figures.values, measures), head)
    if head != "click":  # is the same for all
        found = found._replace(values={k: v for k, v in found.values.items() if "share" not in k})
    return found


def _prefixed(figures: Figures, head: str) -> Figures:
    values = {f"{head}.{name}": value for name, value in figures.values.items()}
    measures = [m._replace(names=tuple(f"{head}.{n}" for n in m.names)) for m in figures.measures]
    return Figures(values, measures, figures.units)


def _seconds(head: str, predicted: Floats, watched: Floats) -> Figures:
    """Return how far predicted seconds are from the true ones.

    bias: the mean predicted over the mean true, 1 being right.
    """
    values = {
        f"{head}.bias": float(predicted.mean() / watched.mean()) if watched.sum() else np.nan,
        f"{head}.mae": metrics.mae(predicted, watched),
        f"{head}.rmse": metrics.rmse(predicted, watched),
        f"{head}.spearman": metrics.spearman(predicted, watched),
    }

    def bias(draw: weighted.Draw) -> list[float]:
        return [weighted.ratio(float(draw.rows @ predicted), float(draw.rows @ watched))]

    rank = weighted.correlations(predicted, watched)
    errors = weighted.number_errors(predicted, watched)
    measures = [weighted.Measure(("bias",), bias), errors, rank]
    named = [m._replace(names=tuple(f"{head}.{name}" for name in m.names)) for m in measures]
    return Figures(values, named)


def _deciles(predicted: Floats, watched: Floats) -> Figures:
    """Return the mean predicted and true seconds of each tenth by what is predicted."""
    values = {}
    for k, rows in enumerate(np.array_split(np.argsort(predicted, kind="stable"), _DECILES), 1):
        if len(rows):
            values[f"decile_{k}.predicted"] = float(predicted[rows].mean())
            values[f"decile_{k}.watched"] = float(watched[rows].mean())
    return Figures(values)
