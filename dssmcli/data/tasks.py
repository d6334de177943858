"""What a multi-task model is to predict: tasks as a user names them, and each row's labels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.config import from_dict, one_of, to_dict
from dssmcli.data.decimal_marks import mark_advice
from dssmcli.data.notation import PLAIN, Notation
from dssmcli.data.plain import signed_number_in
from dssmcli.data.positives import Positives
from dssmcli.data.table import Table
from dssmcli.data.values import bare, boolean_in, integer_in, is_missing
from dssmcli.errors import ConfigError, DataError, RunError, in_shell, nearest, shown

KINDS = ("binary", "regression")
MISSING = (
    *("", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-NaN", "-nan", "null", "NULL"),
    *("None", "none"),
)
"""What stands in a field whose number is not known, to runs up to format 4."""

Labels = npt.NDArray[np.float64]


class Task(NamedTuple):
    """One label to predict.

    positive: the values that are a 1 of a binary task, none for yes and no, `1` and `0`. words:
    whether the column says yes and no, so that any word for them counts. notation: how the
    numbers of a regression are written.
    """

    name: str
    column: str
    kind: str
    positive: tuple[str, ...] = ()
    words: bool = False
    notation: Notation = PLAIN


def parse_task(spec: str, names: Sequence[str]) -> Task:
    """Return the task that `COLUMN`, `COLUMN=VALUE|VALUE` or `COLUMN:regression` names.

    A column's name may itself hold `=` or `:`: the longest name that fits is taken. A kind that is
    not given is `binary`. Raises ConfigError when no column fits.
    """
    fitting = [name for name in names if _rest(spec, name) is not None]
    if not fitting:
        begin = spec.partition("=")[0].partition(":")[0]
        near = nearest(begin, names)
        hint = f" Did you mean {shown(near)}?" if near else _HEADER
        raise ConfigError(
            f"--task {shown(spec)}: no such column, found {shown(', '.join(names))}.{hint}"
        )
    column = max(fitting, key=len)
    rest = _rest(spec, column) or ""
    if rest.startswith("="):
        return Task(column, column, "binary", tuple(rest[1:].split("|")))
    kind = rest[1:] or "binary"
    if kind not in KINDS:
        near = nearest(kind, KINDS)
        hint = f" Did you mean {near}?" if near else ""
        raise ConfigError(
            f"--task {shown(spec)}: {shown(kind)}, expected {' or '.join(KINDS)}.{hint}"
        )
    return Task(column, column, kind)


def _rest(spec: str, name: str) -> str | None:
    """Return what a spec says behind a column's name, None when it is not of that column."""
    rest = spec.removeprefix(name) if spec.startswith(name) else None
    return rest if rest is not None and (not rest or rest[0] in "=:") else None


def parse_tasks(specs: Sequence[str], names: Sequence[str]) -> list[Task]:
    """Return the tasks, each by a name of its own: its column's, or all of what the user wrote."""
    tasks = [parse_task(spec, names) for spec in specs]
    columns = [task.column for task in tasks]
    named = [
        task._replace(name=spec) if columns.count(task.column) > 1 else task
        for spec, task in zip(specs, tasks, strict=True)
    ]
    for task in named:
        if [other.name for other in named].count(task.name) > 1:
            raise ConfigError(f"--task {shown(task.name)}: given twice.")
    return named


def labels_of(table: Table, task: Task, where: str) -> Labels:
    """Return the labels (N,) float64 of a task, nan where the field says that it is missing.

    Raises DataError when a field is none of what the task expects, with what to write instead.
    """
    column = table.column(task.column, where)
    each = _labels(column.values, task)
    used = column.counts() > 0
    wrong = np.flatnonzero(np.isinf(each) & used)
    if len(wrong):
        found = ", ".join(shown(column.values[i]) for i in wrong[:3])
        texts = [column.values[i] for i in np.flatnonzero(used).tolist()]
        expected = _marks([column.values[i] for i in wrong], task, where) or _expected(task, texts)
        raise DataError(f"{where}: the task {shown(task.name)} has {found}, {expected}")
    return each[column.codes]


def check_positive(table: Table, tasks: Sequence[Task], where: str) -> None:
    """Raise DataError when a value that is a 1 of a task stands in no row."""
    for task in tasks:
        column = table.column(task.column, where)
        values = [column.values[i] for i in np.flatnonzero(column.counts()).tolist()]
        for value in task.positive:
            meant = Positives((value,), task.words)
            if not any(map(meant, values)):
                near = nearest(value, values[:1000])
                hint = f" Did you mean {shown(near)}?" if near else ""
                raise DataError(
                    f"{where}: no {task.column} is {shown(value)}, as the task "
                    f"{shown(task.name)} expects.{hint}"
                )


def labels_in(fields: Sequence[str], task: Task, where: str) -> Labels:
    """Return the labels (n,) float64 that fields hold of a task a run has learned, nan if missing.

    Raises DataError when a field is none of what the task expects.
    """
    known = known_labels(list(dict.fromkeys(fields)), task, where)
    return np.fromiter(map(known.__getitem__, fields), np.float64, len(fields))


def known_labels(texts: Sequence[str], task: Task, where: str) -> dict[str, float]:
    """Return the label of each distinct text (V,), as `labels_in` does."""
    labels = _labels(texts, task)
    if np.isinf(labels).any():
        places = np.flatnonzero(np.isinf(labels)).tolist()
        wrong = texts[places[0]]
        advice = _marks([texts[i] for i in places], task, where)
        if advice:
            raise DataError(f"{where}: the task {shown(task.name)} has {shown(wrong)}, {advice}")
        written = task.notation.described or "a decimal point"
        numbers = f"{_NUMBERS}, written with {written}"
        expected = numbers if task.kind == "regression" else "0 or 1"
        raise DataError(
            f"{where}: the task {shown(task.name)} has {shown(wrong)}, expected {expected}, as the "
            "run has learned it, or nothing where no label is known."
        )
    return dict(zip(texts, labels.tolist(), strict=True))


def _marks(wrong: Sequence[str], task: Task, where: str) -> str:
    """Return what to do about numbers with another decimal mark, empty if they are no such."""
    if task.kind != "regression":
        return ""
    advice = mark_advice(wrong, task.notation, task.column, where)
    return advice and f"expected {_NUMBERS}, all in one unit: {advice}"


def _labels(texts: Sequence[str], task: Task) -> Labels:
    meant = Positives(task.positive, task.words)
    return np.array([_label(text, task, meant) for text in texts], np.float64)


def _label(text: str, task: Task, meant: Positives) -> float:
    """Return a label; nan when it is missing, infinity when it is none."""
    if meant.named(text):
        return 1.0
    if is_missing(text):
        return math.nan
    if task.positive:
        return float(meant(text))
    if task.kind == "binary":
        says = boolean_in(text)
        return math.inf if says is None else float(says)
    number = task.notation.number(text)
    return number if abs(number) <= _LARGEST else math.inf


def _expected(task: Task, texts: Sequence[str]) -> str:
    """Return what a task's column, which has these texts, should have, and how else to name it."""
    known = [text for text in texts if not is_missing(text)]
    yes = bare(next((text for text in known if boolean_in(text) or _says_yes(text)), known[-1]))
    if len(known) == 2 and {*map(integer_in, known)} == {1, 2}:
        yes = "2"  # of answers that are numbered, the second is oftener the yes
    said = f"Say which values are a 1, as in --task {in_shell(f'{task.column}={yes}')}."
    numbers = not any(math.isnan(signed_number_in(text)) for text in known)
    if task.kind == "regression":
        few = not numbers and len(known) <= _FEW
        empty = "" if numbers else "Where nobody knows the number, leave the field empty."
        return f"expected {_NUMBERS}, all in one unit. {said if few else empty}".rstrip()
    if len(known) > 2 and numbers:
        number, some = (in_shell(task.column + kind) for kind in (":regression", "=VALUE|VALUE"))
        return (
            f"expected 0 and 1. If it is a number to predict: --task {number}; "
            f"if some of its values are a 1: --task {some}."
        )
    return f"expected 0 and 1. {said}"


_HEADER = " The first line names the columns, between tabs, commas or semicolons."
_LARGEST = 1e30
"""Of labels: their squares, too, are to be float32 when they are scaled."""
_FEW = 20
"""Of so many distinct values at most, some may be meant to be a 1."""
_NUMBERS = f"numbers from {-_LARGEST:g} to {_LARGEST:g}"


def _says_yes(text: str) -> bool:
    return bare(text).lower() in ("positive", "pos", "+")


class Target(NamedTuple):
    """A task as a model learns it: its loss has a weight, a number y is (y - mean) / scale.

    A binary task has mean 0 and scale 1.
    """

    task: Task
    weight: float
    mean: float = 0.0
    scale: float = 1.0

    @property
    def name(self) -> str:
        """Return the task's name."""
        return self.task.name

    @property
    def binary(self) -> bool:
        """Tell whether the labels are 0 and 1."""
        return self.task.kind == "binary"

    def to_dict(self) -> dict[str, Any]:
        """Return the target as plain JSON values."""
        own = {"weight": self.weight, "mean": self.mean, "scale": self.scale}
        task = {**self.task._asdict(), "positive": list(self.task.positive)}
        del task["words"], task["notation"]
        if self.task.words:
            task["words"] = True
        if self.task.notation != PLAIN:
            task["notation"] = to_dict(self.task.notation)
        return {**task, **own}


def target_from_dict(plain: Any, where: str) -> Target:
    """Build a target from what `to_dict` gave; RunError when it is something else."""
    match plain:
        case {
            "name": str(name),
            "column": str(column),
            "kind": "binary" | "regression" as kind,
            "positive": list(positive),
            "weight": int() | float() as weight,
            "mean": int() | float() as mean,
            "scale": int() | float() as scale,
        } if (
            all(isinstance(each, str) for each in positive)
            and all(abs(each) < 2 * _LARGEST for each in (weight, mean, scale))
            and scale > 0
        ):
            words, notation = plain.get("words") is True, PLAIN
            if "notation" in plain:
                notation = _notation_from(plain["notation"], where)
            task = Task(name, column, kind, tuple(positive), words, notation)
            return Target(task, float(weight), float(mean), float(scale))
    raise RunError(f"{where}: a task is {str(plain)[:80]}, expected name, column, kind and so on.")


def _notation_from(plain: object, where: str) -> Notation:
    try:
        return from_dict(Notation, plain, f"{where}: the notation of a task")
    except ConfigError as error:
        raise RunError(str(error)) from error


def targets_of(
    tasks: Sequence[Task], labels: Labels, weights: Mapping[str, float], where: str
) -> tuple[Target, ...]:
    """Return what is learned of training labels (N, K).

    Raises DataError for a task whose labels are all missing or all the same, ConfigError for a
    weight of a task that is not there.
    """
    names = [task.name for task in tasks]
    for name in weights:
        one_of("--task-weight: a task", name, names)
    return tuple(
        _target(task, labels[:, k], weights.get(task.name, 1.0), where)
        for k, task in enumerate(tasks)
    )


def _target(task: Task, labels: Labels, weight: float, where: str) -> Target:
    known = labels[~np.isnan(labels)]
    if not len(known):
        raise DataError(f"{where}: the task {shown(task.name)} has no label: nothing to learn.")
    if known.min() == known.max():
        raise DataError(
            f"{where}: every label of the task {shown(task.name)} is {known[0]:g}: nothing to tell "
            "apart."
        )
    if task.kind == "binary":
        return Target(task, weight)
    return Target(task, weight, float(known.mean()), float(known.std()))


def far_off(target: Target, labels: Labels) -> Iterator[str]:
    """Yield a warning if numbers to predict (N,), nan for missing, are far from those of training,
    on the whole."""
    known = labels[~np.isnan(labels)]
    if target.binary or len(known) < _ENOUGH:
        return
    mean = float(known.mean())
    far = abs(mean - target.mean) > _FAR * target.scale
    if far or 0 < mean < target.mean / _FAR:
        yield (
            f"the numbers of the task {shown(target.name)} are {mean:.4g} on average, those "
            f"learned from {target.mean:.4g}: is it another unit?"
        )


_ENOUGH, _FAR = 20, 10
