"""How well multi-task runs predict the tasks of a table, as charts.

N rows, K tasks, R runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dssmcli import metrics
from dssmcli.bootstrap import Plan
from dssmcli.calibration import reliability
from dssmcli.data.seen import Seen
from dssmcli.data.tsv import BadRows
from dssmcli.metrics import Bools, Floats
from dssmcli.serving.charts import (
    Axis,
    Cells,
    Chart,
    Diagonal,
    Line,
    Mark,
    Numbers,
    Panel,
    Points,
    Rule,
)
from dssmcli.serving.gates import GateReport
from dssmcli.serving.predictor import Predictor
from dssmcli.serving.reports import Report
from dssmcli.serving.table_evaluation import Judgements, judged_table, reports_of
from dssmcli.serving.text_charts import (
    CALIBRATED,
    CALIBRATION,
    PRECISION_RECALL,
    precision_recall_marks,
    reliability_line,
    thinned,
)

ROC, REGRESSION, GATES = "roc", "regression", "gates"
_SHOWN = 300
_TENTHS = 10


@dataclass(frozen=True)
class Judged:
    """What runs predict for the rows of a table, beside what is true."""

    predictors: tuple[Predictor, ...]
    names: tuple[str, ...]
    found: Judgements
    notes: tuple[str, ...]

    def reports(self, plan: Plan) -> list[Report]:
        """Return the figures of `dssm eval`, a report a run."""
        return reports_of(self.predictors, self.found, plan)

    @property
    def seen(self) -> list[Seen | None]:
        """Return how many rows each run met in training, None where it does not say."""
        return self.found.seen


class _Task(NamedTuple):
    """What runs say of one task: by the run's number, predictions and truths of the same rows."""

    name: str
    runs: dict[int, tuple[Floats, Floats]]


def judged_tasks(
    predictors: Sequence[Predictor],
    names: Sequence[str],
    source: str,
    bad_rows: BadRows,
    processes: int,
) -> Judged:
    """Predict the rows of a table; errors as evaluate_table has them."""
    notes: list[str] = []
    found = judged_table(predictors, source, bad_rows, notes.append, processes)
    return Judged(tuple(predictors), tuple(names), found, (*notes, *found.warnings))


def _tasks(judged: Judged, binary: bool) -> list[_Task]:
    """Return the tasks of a kind that have rows to be judged on, binary ones with both classes."""
    found: dict[str, _Task] = {}
    for i, predictor in enumerate(judged.predictors):
        for k, target in enumerate(predictor.targets):
            labels = judged.found.labels.get(target.name)
            if labels is None or target.binary != binary:
                continue
            rows = ~np.isnan(labels)
            truth = labels[rows].astype(np.float64)
            if len(truth) and (not binary or truth.min() < truth.max()):
                task = found.setdefault(target.name, _Task(target.name, {}))
                task.runs[i] = judged.found.values[i][rows, k], truth
    return list(found.values())


def roc(judged: Judged) -> Chart:
    """Return a panel a binary task: shares of the positives against shares of the others."""

    def marks(task: _Task) -> Iterator[Mark]:
        for i, (chance, truth) in task.runs.items():
            curve = metrics.roc(chance, truth > 0)
            kept = thinned(len(curve.true))
            area = metrics.auc(chance, truth > 0)
            x, y = _numbers(curve.false[kept]), _numbers(curve.true[kept])
            yield Line(x, y, i, f"{judged.names[i]} (AUC {area:.3f})")
        yield Diagonal("chance")

    axes = Axis("share of the negatives called positive", 0.0, 1.0), Axis("recall", 0.0, 1.0)
    reading = (
        "Lower the line step by step from the highest probability: recall is the share of the "
        "positives above it, against the share of the negatives above it. The nearer to the upper "
        "left corner the better; AUC is the area under the line."
    )
    return _of_tasks(judged, Chart(ROC, "ROC curves", reading), axes, marks)


def precision_recall(judged: Judged) -> Chart:
    """Return a panel a binary task: precision against recall."""

    def marks(task: _Task) -> Iterator[Mark]:
        for i, (chance, truth) in task.runs.items():
            yield from precision_recall_marks(chance, truth > 0, i, judged.names[i])
        yield Rule("y", float((truth > 0).mean()), "precision of calling all positive")

    axes = Axis("recall", 0.0, 1.0), Axis("precision", 0.0, 1.0)
    reading = (
        "Recall is the share of the positives that are found, precision the share of positives "
        "among what is called one, while the line is lowered. Of rare positives this says more "
        "than the ROC curve. AP, the average precision, is the area under the line."
    )
    return _of_tasks(judged, Chart(PRECISION_RECALL, "Precision and recall", reading), axes, marks)


def calibration(judged: Judged) -> Chart:
    """Return a panel a binary task: the share of positives against the probability predicted."""

    def marks(task: _Task) -> Iterator[Mark]:
        yield Diagonal("as it should be")
        for i, (chance, truth) in task.runs.items():
            yield reliability_line(chance, truth > 0, i, judged.names[i])

    axes = Axis("probability that the run gives", 0.0, 1.0), Axis("share of positives", 0.0, 1.0)
    return _of_tasks(judged, Chart(CALIBRATION, "Calibration", CALIBRATED), axes, marks)


def _of_tasks(
    judged: Judged,
    chart: Chart,
    axes: tuple[Axis, Axis],
    marks: Callable[[_Task], Iterator[Mark]],
) -> Chart:
    tasks = _tasks(judged, binary=True)
    panels = tuple(Panel(task.name, *axes, tuple(marks(task)), square=True) for task in tasks)
    notes = () if panels else ("No binary task has rows of both kinds.",)
    return Chart(chart.kind, chart.title, chart.reading, panels, notes=notes)


def regression(judged: Judged, seed: int) -> Chart:
    """Return what is true against what is predicted: a panel a task that is a number, and a run."""
    panels = tuple(
        _number_panel(judged, task, i, seed)
        for task in _tasks(judged, binary=False)
        for i in task.runs
    )
    reading = (
        "Each faint point is a row, a sample of them if there are many; the line joins the means "
        "of tenths of all rows by what is predicted. On the dotted line predictions are right on "
        "average; a line flatter than it tells of predictions that are too extreme."
    )
    notes = () if panels else ("No task is a number, or none has labels here.",)
    return Chart(REGRESSION, "Predicted and true numbers", reading, panels, notes=notes)


def _number_panel(judged: Judged, task: _Task, run: int, seed: int) -> Panel:
    guess, truth = task.runs[run]
    chosen = np.sort(np.random.default_rng([seed, 9]).permutation(len(guess))[:_SHOWN])
    tenths = reliability(guess, truth, _TENTHS)
    x, y = tuple(b.predicted for b in tenths), tuple(b.true for b in tenths)
    name = f"{task.name}: {judged.names[run]}" if len(judged.names) > 1 else task.name
    marks: tuple[Mark, ...] = (
        Points(_numbers(guess[chosen]), _numbers(truth[chosen]), 5, "a row"),
        Diagonal("as it should be"),
        Line(x, y, 0, "means of tenths", dotted_with_points=True),
    )
    return Panel(name, Axis("predicted"), Axis("true"), marks, square=True)


def gates(reports: Sequence[tuple[str, GateReport]]) -> Chart:
    """Return the mean weights of experts: a panel a run, a row a task, a column an expert."""
    panels = tuple(
        Panel(
            name if len(reports) > 1 else "Mean weight of each expert",
            Axis("expert", names=tuple(str(i + 1) for i in range(report.experts))),
            Axis("", names=tuple(report.tasks)),
            (Cells(tuple(report.of_task(task)[0].weights for task in report.tasks)),),
        )
        for name, report in reports
    )
    reading = "The mean weight of each expert for each task; those of a task add up to 1."
    return Chart(GATES, "Gates", reading, panels)


def _numbers(values: Floats | Bools) -> Numbers:
    return tuple(values.tolist())
