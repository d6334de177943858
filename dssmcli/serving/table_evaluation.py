"""How well the predictions of one multi-task run, or of several, agree with a table's labels."""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dssmcli import metrics, weighted
from dssmcli.bootstrap import Plan
from dssmcli.data.copies import copies_among, judged_lines, keys
from dssmcli.data.fingerprint import label_marks
from dssmcli.data.label_texts import LabelTexts
from dssmcli.data.records import TableFile, open_table
from dssmcli.data.seen import Seen, seen
from dssmcli.data.sheets import Columns
from dssmcli.data.table import places_of
from dssmcli.data.table_hashes import hashes_in
from dssmcli.data.tasks import Labels, Target, Task, far_off, known_labels
from dssmcli.data.tsv import BadRows
from dssmcli.errors import ConfigError, DataError, shown
from dssmcli.serving.blocks import made_of
from dssmcli.serving.figures import class_figures, probability_figures
from dssmcli.serving.predictor import Predictor, Values
from dssmcli.serving.reports import Drawn, Figures, Report, report_of, say_if_slow

KIND = "table"
_SIZE = struct.Struct("<q")
_MOST_TEXTS = 200
"""Texts of the labels in a block of rows that are counted one by one, the commonest."""
Say = Callable[[str], None]


def evaluate_table(
    predictors: Sequence[Predictor],
    source: str,
    plan: Plan,
    bad_rows: BadRows,
    say: Say,
    processes: int = 1,
    warn: Say | None = None,
) -> list[Report]:
    """Predict the rows of a table while it is read, then compare with its labels: a report a run.

    A row without a task's label does not count for that task. `say` gets a line about the labels
    found, and one for each task whose column the table lacks; `warn`, else `say`, one about labels
    that may not mean what the user thinks. Raises DataError when the table lacks all of
    them, or a column that a run reads, and ConfigError when runs mean different labels by one name.
    """
    found = judged_table(predictors, source, bad_rows, say, processes)
    for warning in found.warnings:
        (warn or say)(warning)
    say_if_slow(found.rows, plan, say)
    return reports_of(predictors, found, plan)


def reports_of(predictors: Sequence[Predictor], found: Judgements, plan: Plan) -> list[Report]:
    """Return a report a run on what has been judged."""
    rows = Drawn(KIND, np.arange(found.rows))
    return [
        report_of(_figures(predictor, values, found.labels), rows, plan, seen)
        for predictor, values, seen in zip(predictors, found.values, found.seen, strict=True)
    ]


class Judgements(NamedTuple):
    """N rows of a table. values: what each run predicts, (N, K) with K tasks of its own. labels:
    what is true, (N,), nan where it is not known, by the name of the task. seen: how many of the
    rows each run met in training, None where it does not say. warnings: about labels that may not
    mean what a user thinks."""

    values: list[Values]
    labels: dict[str, Labels]
    seen: list[Seen | None]
    warnings: Sequence[str] = ()

    @property
    def rows(self) -> int:
        """Return N."""
        return max(map(len, self.labels.values()))


def judged_table(
    predictors: Sequence[Predictor], source: str, bad_rows: BadRows, say: Say, processes: int = 1
) -> Judgements:
    """Predict the rows of a table while it is read, and keep its labels, as evaluate_table does."""
    known = tasks_of(predictors)
    with open_table(source, bad_rows) as file:
        tasks = _there(known, file, say)
        judged = _Judged(predictors, tasks, file)
        readers = [predictor.reader for predictor in predictors]
        parts = [np.zeros((0, judged.width), np.float64)]
        for made in made_of(file, judged.picked, judged.block, readers, processes):
            parts.append(judged.taken(made))
    found = np.concatenate(parts)
    names, end = [task.name for task in tasks], judged.hashes
    labels = dict(zip(names, found[:, judged.labels : end].T, strict=True))
    _say_found(labels, file.sheet.source, say)
    warnings: list[str] = []
    for texts in judged.texts:
        for line in texts.lines() if texts.meanings else ():
            say(line)
        warnings += texts.warnings()
        warnings += _one_sided(texts, labels[texts.task.name])
        warnings += _far_off(predictors, texts.task.name, labels[texts.task.name])
    for line in judged_lines(copies_among(keys(*found.T))):
        warnings.append(line.removeprefix("Warning: "))
    values, first = [], 0
    for predictor in predictors:
        values.append(found[:, first : first + len(predictor.targets)])
        first += len(predictor.targets)
    return Judgements(values, labels, judged.seen(found[:, end:], labels), warnings)


def _far_off(predictors: Sequence[Predictor], name: str, labels: Labels) -> Iterator[str]:
    """Yield a warning if the numbers to predict are far from those of training, on the whole."""
    targets = (each for one in predictors for each in one.targets if each.name == name)
    yield from far_off(next(targets), labels)


def _one_sided(texts: LabelTexts, labels: Labels) -> Iterator[str]:
    """Yield a warning if all known labels of a binary task are the same."""
    task, known = texts.task, labels[~np.isnan(labels)]
    if task.kind == "binary" and len(known) and known.min() == known.max():
        ones = " or ".join(map(shown, task.positive)) or "1"
        what = "no row is" if known[0] == 0 else "every row is"
        yield (
            f"{what} a 1 of the task {shown(task.name)}, which the run has learned as {ones}: "
            "there is nothing to tell apart, and so no AUC."
        )


def tasks_of(predictors: Sequence[Predictor]) -> list[Task]:
    """Return all tasks of several runs; ConfigError when one name stands for different labels."""
    found: dict[str, Task] = {}
    for predictor in predictors:
        for target in predictor.targets:
            task = found.setdefault(target.name, target.task)
            if _compared(task) != _compared(target.task):
                raise ConfigError(
                    f"the task {shown(task.name)} is {_meant(task)} to one run and "
                    f"{_meant(target.task)} to another: their figures cannot be compared. Evaluate "
                    "them one by one."
                )
    return list(found.values())


def _compared(task: Task) -> tuple[str, str, frozenset[str]]:
    return task.column, task.kind, frozenset(task.positive)


def _meant(task: Task) -> str:
    if task.positive:
        return shown(f"{task.column}={'|'.join(task.positive)}")
    return shown(f"{task.column}:{task.kind}")


def _there(tasks: Sequence[Task], file: TableFile, say: Say) -> list[Task]:
    """Return the tasks whose column a table has; DataError when there is none."""
    names = file.sheet.names
    there = [task for task in tasks if task.column in names]
    if not there:
        expected = ", ".join(dict.fromkeys(shown(task.column) for task in tasks))
        raise DataError(
            f"{file.sheet.source}:1: the header has no task's column, expected {expected}: "
            f"there is nothing to compare predictions with.{_in_bars(names)}"
        )
    for task in tasks:
        if task not in there:
            say(f"no column {shown(task.column)}, so no figures of the task {shown(task.name)}.")
    return there


def _in_bars(names: Sequence[str]) -> str:
    """Say what stands between the names of a header that was taken for one, if it is plain."""
    if len(names) > 1 or "|" not in names[0]:
        return ""
    return " It has bars between its names: write tabs or commas."


class _Judged:
    """The predictions of each run for some rows and their labels, side by side.

    `picked` are the places of the columns of each run in turn, then of the tasks.
    """

    def __init__(
        self, predictors: Sequence[Predictor], tasks: Sequence[Task], file: TableFile
    ) -> None:
        self._predictors, self._tasks, self._where = predictors, tasks, file.sheet.source
        needed = [name for predictor in predictors for name in predictor.columns]
        self.picked = places_of([*needed, *(task.column for task in tasks)], file)
        #: Where the labels begin, and how wide a row is.
        self.labels = sum(len(predictor.targets) for predictor in predictors)
        #: What each run says of its rows, and where the hashes begin by which it knows them.
        self._known = [predictor.fingerprint() for predictor in predictors]
        self.hashes = self.labels + len(tasks)
        self.width = self.hashes + sum(each is not None for each in self._known)
        #: How the labels of each task are written in the rows taken so far.
        self.texts = [LabelTexts(task, self._where) for task in tasks]

    def taken(self, made: bytes) -> Values:
        """Return the rows (n, width) that `block` made, and count how their labels are written."""
        if not made:
            return np.zeros((0, self.width), np.float64)
        (size,) = _SIZE.unpack_from(made)
        begin = _SIZE.size + size
        for texts, (counts, known) in zip(
            self.texts, json.loads(made[_SIZE.size : begin]), strict=True
        ):
            texts.take(counts, known)
        return np.frombuffer(made[begin:], np.float64).reshape(-1, self.width)

    def block(self, columns: Columns) -> bytes:
        """Return the rows (n, width) float64, behind the texts of their labels as JSON."""
        if not columns[0]:
            return b""
        parts: list[Values] = []
        hashes: list[Values] = []
        first = 0
        for predictor, known in zip(self._predictors, self._known, strict=True):
            last = first + len(predictor.columns)
            parts.append(predictor.predicted(columns[first:last]).values)
            if known is not None:
                hashes.append(hashes_in(columns[first:last]).view(np.float64)[:, None])
            first = last
        said = []
        for task, fields in zip(self._tasks, columns[first:], strict=True):
            counts = Counter(texts := list(fields))
            meant = known_labels(list(counts), task, self._where)
            labels = np.fromiter(map(meant.__getitem__, texts), np.float64, len(texts))
            parts.append(labels[:, None])
            common = dict(counts.most_common(_MOST_TEXTS))
            said.append((common, {text: meant[text] for text in common}))
        header = json.dumps(said).encode()
        rows = np.concatenate([*parts, *hashes], axis=1).tobytes()
        return b"".join((_SIZE.pack(len(header)), header, rows))

    def seen(self, hashes: Values, labels: Mapping[str, Labels]) -> list[Seen | None]:
        """Return how many rows each run has met in training, given their hashes (N, R) in order."""
        columns = iter(np.ascontiguousarray(hashes.T))
        found: list[Seen | None] = []
        for predictor, known in zip(self._predictors, self._known, strict=True):
            if known is None:
                found.append(None)
                continue
            own = next(columns).view(np.uint64)
            names = predictor.tasks
            # Where a task's column is not there, rows are known by their features alone.
            there = all(name in labels for name in names)
            marks = label_marks(np.stack([labels[n] for n in names], axis=1)) if there else None
            found.append(seen(known, own, marks))
        return found


def _say_found(labels: Mapping[str, Labels], where: str, say: Say) -> None:
    """Say how many rows have each label; DataError when none has any."""
    counts = {name: int((~np.isnan(each)).sum()) for name, each in labels.items()}
    rows = max(map(len, labels.values()))
    if not rows:
        raise DataError(f"{where}: a header and no rows.")
    if not any(counts.values()):
        raise DataError(
            f"{where}: no row has a label of {', '.join(map(shown, labels))}: there is nothing to "
            "compare predictions with."
        )
    lacking = [f"{name} known in {count:,}" for name, count in counts.items() if count < rows]
    say("; ".join([f"{rows:,} rows", *lacking]) + ".")


def _figures(predictor: Predictor, values: Values, labels: Mapping[str, Labels]) -> list[Figures]:
    """Return the figures of a run whose predictions are (N, K)."""
    return [
        figures
        for k, target in enumerate(predictor.targets)
        if target.name in labels
        for figures in task_figures(target, values[:, k], labels[target.name])
    ]


def task_figures(target: Target, values: Values, labels: Labels) -> list[Figures]:
    """Return the figures of one task on the rows that have its label.

    values: (N,), probabilities of a binary task, the numbers of another. labels: (N,), nan where
    one is missing.
    """
    rows = np.flatnonzero(~np.isnan(labels))
    # The highest first, as class_figures has it.
    rows = rows[np.argsort(-values[rows], kind="stable")]
    guess, truth = values[rows].astype(np.float64), labels[rows].astype(np.float64)
    found = [Figures({"rows": float(len(rows))})]
    if len(rows):
        found += _classes(guess, truth > 0) if target.binary else _numbers(guess, truth)
    return [_of_task(figures, target.name, rows) for figures in found]


def _classes(chance: metrics.Floats, positive: metrics.Bools) -> list[Figures]:
    if positive.all() or not positive.any():  # nothing to tell apart
        first = Figures({"positive_share": float(positive.mean())})
    else:
        first = class_figures(chance, positive, None)
    return [first, probability_figures(chance, positive)]


def _numbers(guess: metrics.Floats, truth: metrics.Floats) -> list[Figures]:
    errors = {
        "rmse": metrics.rmse(guess, truth),
        "mae": metrics.mae(guess, truth),
        "r2": metrics.r_squared(guess, truth),
    }
    ranks = Figures(
        {"spearman": metrics.spearman(guess, truth)}, [weighted.correlations(guess, truth)]
    )
    return [Figures(errors, [weighted.number_errors(guess, truth)]), ranks]


def _of_task(found: Figures, task: str, rows: metrics.Ints) -> Figures:
    """Return figures of n of the rows, (n,), under the task's name."""
    values = {f"{task}.{name}": value for name, value in found.values.items()}
    measures = [weighted.of_some_rows(each, rows, f"{task}.") for each in found.measures]
    return Figures(values, measures, len(rows))
