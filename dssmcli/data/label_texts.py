"""What the labels of tasks are written as: which texts are a 1, which a 0, which say nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from dssmcli.data.categories import say_yes_or_no
from dssmcli.data.column_command import column_command
from dssmcli.data.notation import listed, read_numbers
from dssmcli.data.sentinels import sentinels_in
from dssmcli.data.table import Column, Table
from dssmcli.data.tasks import Labels, Task, labels_of
from dssmcli.data.values import category_of, integer_in, is_missing
from dssmcli.errors import counted, in_shell, shown

_NOT_KNOWN = frozenset(
    (
        *("unknown", "unk", "unclear", "unlabeled", "unlabelled", "unrated", "undecided", "tbd"),
        *("pending", "missing", "not available", "not applicable", "no data", "nodata", "-999"),
        *("-9999", "999", "9999", "未知", "不详", "未标注", "待定", "不确定", "无数据"),
    )
)
"""What often says that a label is not known, and is not read as that."""


def settled(table: Table, tasks: Sequence[Task], where: str) -> list[Task]:
    """Return tasks with what their columns show: whether they say yes and no, -1 and 1, and how
    numbers are written."""
    return [_settled(table.column(task.column, where), task) for task in tasks]


def _settled(column: Column, task: Task) -> Task:
    counts = _counts(column)
    known = {text: count for text, count in counts.items() if not is_missing(text)}
    if task.kind == "regression":
        return task._replace(notation=read_numbers([*known], [*known.values()]).notation)
    if not task.positive and {integer_in(text) for text in known} == {-1, 1}:
        return task._replace(positive=("1",))
    categories = {category_of(text) for text in known}
    return task._replace(words=bool(task.positive) and say_yes_or_no(categories))


def label_lines(table: Table, tasks: Sequence[Task], where: str) -> Iterator[str]:
    """Yield a line about each task whose labels are not written as plain 0 and 1, and a warning
    about each text that may not mean what the user thinks.

    Raises DataError as `labels_of` does.
    """
    for texts in label_texts(table, tasks, where):
        yield from texts.lines()
        yield from (f"Warning: {warning}" for warning in texts.warnings())


def label_texts(table: Table, tasks: Sequence[Task], where: str) -> Iterator[LabelTexts]:
    """Yield how the labels of each task are written; DataError as `labels_of` has it."""
    for task in tasks:
        texts = LabelTexts(task)
        texts.take_column(table.column(task.column, where), labels_of(table, task, where))
        yield texts


class LabelTexts:
    """Counts how the labels of a task are written: rows by text, of ones, zeros and others."""

    def __init__(self, task: Task, judged: str | None = None) -> None:
        """judged: the file, if a run has learned the task: there is no other way to name it."""
        self.task, self._judged = task, judged
        self.ones: Counter[str] = Counter()
        self.zeros: Counter[str] = Counter()
        self.missing: Counter[str] = Counter()
        self.numbers: Counter[str] = Counter()

    def take(self, texts: Mapping[str, int], labels: Mapping[str, float]) -> None:
        """Count rows by their texts, whose labels are known."""
        for text, count in texts.items():
            label = labels[text]
            if np.isnan(label):
                self.missing[text] += count
            elif self.task.kind == "regression":
                self.numbers[text] += count
            else:
                (self.ones if label else self.zeros)[text] += count

    def take_column(self, column: Column, labels: Labels) -> None:
        """Count all rows of a column, whose labels are (N,)."""
        of_code = np.zeros(len(column.values))
        of_code[column.codes] = labels
        known = dict(zip(column.values, of_code.tolist(), strict=True))
        self.take(_counts(column), known)

    @property
    def meanings(self) -> list[str]:
        """Return what the texts mean that are not plain numbers, or are a 1 as the user says."""
        if self.task.kind == "regression":
            read = read_numbers([*self.numbers], [*self.numbers.values()])
            return [f"{shown(text)} is {number:.12g}" for text, number in read.examples]
        if self.task.positive or not {*self.ones, *self.zeros} <= {"0", "1"}:
            return [f"1 is {_rows(self.ones)}", f"0 is {_rows(self.zeros)}"]
        return []

    def lines(self) -> Iterator[str]:
        """Yield a line if there is anything unusual to say."""
        said = self.meanings
        if any(map(str.strip, self.missing)):
            said.append(f"missing is {_rows(self.missing)}")
        if said:
            yield f"Task {self.task.name}, in how many rows: {'; '.join(said)}."

    def warnings(self) -> Iterator[str]:
        """Yield all warnings about labels."""
        yield from self.doubtful_zeros()
        yield from self.outliers() or self.stand_ins()

    def doubtful_zeros(self) -> Iterator[str]:
        """Yield warnings about texts that count as 0 and may mean something else."""
        task = self.task
        if not task.positive:
            return
        plain = {_plain(text) for text in (*task.positive, *self.ones)}
        for text, count in self.zeros.items():
            rows = f"{count:,} {'row' if count == 1 else 'rows'}"
            if _plain(text) in plain:
                yield (
                    f"the task {shown(task.name)} takes {shown(text)} ({rows}) for a 0. "
                    f"{self._otherwise(text)}."
                )
            elif text.strip().lower() in _NOT_KNOWN:
                yield (
                    f"the task {shown(task.name)} takes {shown(text)} ({rows}) for a 0. "
                    f"{_LEAVE_EMPTY}"
                )

    def _otherwise(self, text: str) -> str:
        """Return how to have a text taken for a 1."""
        task = self.task
        if self._judged is None:
            spec = "|".join((*task.positive, text))
            return f"If it is a 1: --task {in_shell(f'{task.column}={spec}')}"
        alike = [one for one in (*task.positive, *self.ones) if _plain(one) == _plain(text)]
        known = alike[0].strip()
        made = f"{json.dumps(self._spelled(), ensure_ascii=False)}.get(v.strip(), v)"
        command = column_command(self._judged, task.column, made, "-labels")
        said = f"If it is a 1, write it {shown(known)}, as the run has learned it"
        return f"{said}: {command}" if command else said

    def _spelled(self) -> dict[str, str]:
        """Return what texts that count as 0 are to be, if they are a 1 but for capitals."""
        known = {_plain(text): text.strip() for text in (*self.ones, *self.task.positive)}
        return {text.strip(): known[_plain(text)] for text in self.zeros if _plain(text) in known}

    def stand_ins(self) -> list[str]:
        """Return warnings about numbers that may stand for a label that is not known."""
        counts = [*self.numbers.values()]
        numbers = read_numbers([*self.numbers], counts).numbers
        return [
            f"the task {shown(self.task.name)}: {counted(each.rows, 'row')} with "
            f"{each.number:.12g}, apart from all others, which are from {each.low:g} to "
            f"{each.high:g}. {_LEAVE_EMPTY}"
            for each in sentinels_in(numbers, np.array(counts, np.int64), sum(counts))
        ]

    def outliers(self) -> list[str]:
        """Return warnings about numbers far from all others."""
        texts, counts = [*self.numbers], [*self.numbers.values()]
        numbers = np.repeat(read_numbers(texts, counts).numbers, counts)
        numbers = numbers[~np.isnan(numbers)]
        if len(numbers) < _ENOUGH:
            return []
        low, middle, high = np.quantile(numbers, (0.01, 0.5, 0.99)).tolist()
        far = _FAR * max(high - low, abs(middle) * 1e-9)
        return [
            f"the task {shown(self.task.name)}: {number:.6g} lies far from the others, which "
            f"mostly are from {low:.6g} to {high:.6g}: the mean is drawn to it. {_LEAVE_EMPTY}"
            for number in dict.fromkeys((float(numbers.min()), float(numbers.max())))
            if abs(number - middle) > far > 0
        ]


_LEAVE_EMPTY = "If it says that nobody knows, leave the field empty: the row then has no label."
_ENOUGH = 100
_FAR = 10
"""So many times farther from the middle than the middle 98 % are wide."""


def _plain(text: str) -> str:
    return "".join(category_of(text).casefold().split())


def _rows(texts: Counter[str]) -> str:
    """Return texts with their rows, the commonest first."""
    if not texts:
        return "nothing"
    pairs = [(text.strip(), count) for text, count in texts.most_common()]
    if len(pairs) == 1:
        text, count = pairs[0]
        return f"{shown(text) if text else 'empty'} {count:,}"
    return listed(pairs)


def _counts(column: Column) -> dict[str, int]:
    """Return the rows of each text of a column that stands in any."""
    counts = column.counts().tolist()
    pairs = zip(column.values, counts, strict=True)
    return {text: count for text, count in pairs if count}
