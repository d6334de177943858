"""What of tables somebody should know before a model learns from them, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.categories import Category
from dssmcli.data.column_figures import (
    ColumnFigures,
    in_common,
    listed,
    missing_rows,
    repeated,
)
from dssmcli.data.examples import Examples
from dssmcli.data.features import Reader, Schema
from dssmcli.data.findings import ERROR, NOTE, WARNING, Finding, parted
from dssmcli.data.inference import FeatureInput, Understood
from dssmcli.data.label_texts import label_texts
from dssmcli.data.leaks import gaps, is_copy, sorted_by
from dssmcli.data.located_table import FileRows, LocatedTable
from dssmcli.data.suspects import powers
from dssmcli.data.table import Table
from dssmcli.data.table_hashes import hashes_of
from dssmcli.data.tasks import Task
from dssmcli.data.totals import total_line
from dssmcli.data.values import category_of
from dssmcli.errors import in_shell, shown

Floats = npt.NDArray[np.float64]

_FEW_ROWS = 100
_FEW_LABELS = 50
_MANY_VALUES = 100
_MANY_ONCE, _MANY_RARE = 0.5, 0.05
_MOSTLY_MISSING = 0.5
_SUSPECT = 0.98
_NEARLY_UNIQUE = 0.5
_SOME_UNSEEN, _MANY_UNSEEN = 0.01, 0.1
_SOME_SHARED = 0.01
_FAR_APART, _SIGMAS = 1.5, 5.0
_USUAL_MIN_COUNT = 5


@dataclass(frozen=True)
class Beside:
    """The rows to learn from, and what is known of them. labels: (N, K), None if unclear."""

    train: LocatedTable
    tasks: Sequence[Task]
    labels: Floats | None
    schema: Schema
    given: FeatureInput

    @property
    def unique(self) -> bool:
        """Tell whether a column has another value in most rows: then equal rows are copies."""
        table = self.train.table
        sizes = ((column.counts() > 0).sum() for column in table.columns.values())
        return max(sizes, default=0) > _NEARLY_UNIQUE * table.rows


class Balance(NamedTuple):
    """The labels of a task in a file: of how many rows they are known, and their mean.

    Of a binary task the mean is the share of ones. low, high: of a number.
    """

    file: str
    name: str
    kind: str
    known: int
    missing: int
    mean: float
    low: float
    high: float


def findings_of_files(located: LocatedTable, skip: bool) -> Iterator[Finding]:
    """Yield what is wrong with files and their rows."""
    for file in located.files:
        if file.broken is not None:
            what = file.broken.removeprefix(f"{file.file}: ")
            todo = "Mend or replace the file: nothing after that was looked at."
            yield Finding(ERROR, "unreadable", 1, what, todo, file.file)
        elif not len(file) and not file.bad:
            todo = "Give rows below the header."
            yield Finding(ERROR, "no_rows", 1, "A header and no rows.", todo, file.file)
        if file.bad:
            yield _bad_rows(file, skip)
        if file.headers:
            what = "Rows that are the header once more."
            todo = "They are left out, here and in all commands."
            count, place = len(file.headers), file.headers[0]
            yield Finding(WARNING, "headers", count, what, todo, file.file, place)
        if file.quotes:
            what = "Rows with a quote that opens a field and does not close it."
            todo = "Their lines have all columns without, so the quotes are taken as characters."
            yield Finding(
                WARNING, "quotes", len(file.quotes), what, todo, file.file, file.quotes[0]
            )
        if file.extra:
            what = f"columns that {located.files[0].file} does not have: {listed(file.extra)}."
            todo = "They are not read."
            yield Finding(NOTE, "extra_columns", len(file.extra), what, todo, file.file)


def _bad_rows(file: FileRows, skip: bool) -> Finding:
    todo = "Mend them, or train with --bad-rows skip; --rejects FILE keeps them."
    if skip:
        todo = "They are skipped; --rejects FILE keeps them."
    level = WARNING if skip else ERROR
    return Finding(level, "bad_rows", file.bad, "Rows that cannot be used.", todo, file.file)


def findings_of_columns(
    beside: Beside, understood: Understood | None, columns: Sequence[ColumnFigures]
) -> Iterator[Finding]:
    """Yield what is odd about columns by themselves."""
    name, rows = beside.train.name, beside.train.table.rows
    if rows < _FEW_ROWS:
        todo = "Expect little of the model."
        yield Finding(WARNING, "few_rows", rows, "Few rows to learn from.", todo, name)
    total = total_line(beside.train.table)
    if total is not None:
        what, todo = parted(total[0].upper() + total[1:])
        place = beside.train.place(rows - 1)
        yield Finding(WARNING, "total_row", 1, what, todo, name, place)
    for warning in [] if understood is None else understood.warnings:
        what, todo = parted(warning)
        yield Finding(WARNING, "column", 1, what, todo, name)
    for column in columns:
        if column.role == "feature":
            yield from findings_of_column(column, rows, name, beside.given.min_count)
        elif column.role == "task":
            yield from _sentinels(column, name)


def findings_of_column(
    column: ColumnFigures, rows: int, file: str, min_count: int
) -> Iterator[Finding]:
    """Yield what is odd about a feature: missing values, and categories that are rare."""
    if column.missing > _MOSTLY_MISSING * rows:
        what = f"{column.name}: rows without a value ({column.missing / rows:.1%})."
        todo = f"It says little; without it: --ignore {in_shell(column.name)}."
        yield Finding(NOTE, "mostly_missing", column.missing, what, todo, file)
    yield from _sentinels(column, file)
    if len(column.spellings) > 1:
        said = listed([f"{shown(text)} {count:,}" for text, count in column.spellings.items()])
        what = f"{column.name}: spellings of a missing value: {said}."
        todo = "Write one, or leave the field empty."
        yield Finding(NOTE, "missing_spellings", len(column.spellings), what, todo, file)
    if column.alike:
        one, other = next(iter(column.alike.items()))
        pair = f"{shown(other)} and {shown(one)}"
        what = f"{column.name}: categories that differ in spaces or capitals only, as {pair}."
        todo = "To the model they are as strange as any two: write them alike."
        yield Finding(NOTE, "alike_categories", len(column.alike), what, todo, file)
    if column.kind != "category" or column.values < _MANY_VALUES:
        return
    if column.once > _MANY_ONCE * column.values or column.once > _MANY_RARE * rows:
        what = (
            f"{column.name}: categories that stand in one row, of {column.values:,} "
            f"({column.once / rows:.1%} of the rows)."
        )
        todo = f"Little is learned of them; --min-count {_USUAL_MIN_COUNT} takes rare ones as one."
        if min_count > 1:
            todo = f"--min-count {min_count} takes {column.rare:,} rows as unknown."
        yield Finding(NOTE, "long_tail", column.once, what, todo, file)


def _sentinels(column: ColumnFigures, file: str) -> Iterator[Finding]:
    """Yield the numbers of a column that may say that there is no value."""
    for found in column.sentinels:
        others = f"{found.low:g} to {found.high:g}"
        what = f"{column.name}: rows with {found.number:.12g}, apart from all others ({others})."
        todo = (
            "If it says that there is no value, leave the field empty: else it counts as a number."
        )
        yield Finding(WARNING, "sentinel", found.rows, what, todo, file)


def findings_of_repeats(beside: Beside) -> Iterator[Finding]:
    """Yield rows that stand several times, and those that say the opposite of others."""
    train, table = beside.train, beside.train.table
    again = repeated(hashes_of(table, list(table.columns)))
    if again.count:
        place = f"{train.place(again.row)} is as {train.place(again.above)}"
        level = WARNING if beside.unique else NOTE
        todo = "They weigh more, and the same row may be learned and measured: keep one of each."
        if not beside.unique:
            todo = "With few columns rows may be equal by chance; else keep one of each."
        what = f"Rows that stand above already ({again.count / table.rows:.1%})."
        yield Finding(level, "repeated_rows", again.count, what, todo, train.name, place)
    if beside.labels is None or not beside.schema.names:
        return
    hashes = hashes_of(table, beside.schema.names)
    for task, labels in zip(beside.tasks, beside.labels.T, strict=True):
        if task.kind == "binary":
            yield from _contradictions(train, task, labels, hashes)


def _contradictions(
    train: LocatedTable, task: Task, labels: Floats, hashes: npt.NDArray[np.uint64]
) -> Iterator[Finding]:
    known = np.flatnonzero(~np.isnan(labels))
    order = known[np.lexsort((labels[known], hashes[known]))]
    if not len(order):
        return
    starts = np.flatnonzero(np.append(True, hashes[order][1:] != hashes[order][:-1]))
    ends = np.append(starts[1:], len(order)) - 1
    mixed = np.flatnonzero(labels[order[starts]] < labels[order[ends]])
    if not len(mixed):
        return
    rows = int((ends[mixed] - starts[mixed] + 1).sum())
    one, other = sorted(int(order[side[mixed[0]]]) for side in (starts, ends))
    place = f"{train.place(one)} and {train.place(other)}"
    what = f"Rows with the same features and different labels of {task.name} among them."
    todo = "No model can tell them apart: expect no more, or give columns that do."
    yield Finding(NOTE, "contradictions", rows, what, todo, train.name, place)


def findings_of_labels(beside: Beside, refusal: str | None) -> Iterator[Finding]:
    """Yield what is odd about labels; refusal: why a training would not have them, if it would."""
    name, rows = beside.train.name, beside.train.table.rows
    if refusal is not None:
        what = refusal.removeprefix(f"{name}: ")
        yield Finding(ERROR, "one_label", rows, what, "Give rows with other labels.", name)
    assert beside.labels is not None
    for task, labels in zip(beside.tasks, beside.labels.T, strict=True):
        known = labels[~np.isnan(labels)]
        missing = len(labels) - len(known)
        if missing:
            what = f"Rows without a label of {task.name} ({missing / rows:.1%})."
            todo = "For this task nothing is learned from them."
            yield Finding(NOTE, "missing_labels", missing, what, todo, name)
        yield from _written(beside.train, task)
        ones = int((known > 0).sum())
        fewest = min(ones, len(known) - ones)
        if task.kind == "binary" and 0 < fewest < _FEW_LABELS and rows >= _FEW_ROWS:
            of = "1" if fewest == ones else "0"
            what = f"Few rows in which {task.name} is {of}."
            todo = "Figures of this task will be uncertain: give more of them."
            yield Finding(WARNING, "few_labels", fewest, what, todo, name)


def _written(train: LocatedTable, task: Task) -> Iterator[Finding]:
    """Yield how labels are written, and texts that count as a 0 and may mean something else."""
    (texts,) = label_texts(train.table, [task], train.name)
    for line in texts.lines():
        yield Finding(NOTE, "labels_written", train.table.rows, line, "", train.name)
    doubts = (("doubtful_zeros", texts.doubtful_zeros()), ("far_labels", texts.outliers()))
    for code, warnings in doubts:
        for warning in warnings:
            what, todo = parted(warning)
            yield Finding(WARNING, code, train.table.rows, what, todo, train.name)


def findings_of_leaks(beside: Beside, reader: Reader, train: Examples) -> Iterator[Finding]:
    """Yield what gives labels away."""
    table, name = beside.train.table, beside.train.name
    assert beside.labels is not None
    features = list(beside.schema.names)
    suspect = {
        (power.name, power.task.name): power for power in powers(reader, train, beside.tasks)
    }
    for task, labels in zip(beside.tasks, beside.labels.T, strict=True):
        binary, seen = task.kind == "binary", set()
        for feature in features:
            if is_copy(table.columns[feature], labels, binary):
                seen.add(feature)
                what = (
                    f"{feature} says what the task {task.name} is, or its opposite, in every row."
                )
                todo = f"Figures with it mean nothing: --ignore {in_shell(feature)}."
                yield Finding(ERROR, "label_copy", table.rows, what, todo, name)
                continue
            power = suspect.get((feature, task.name))
            if power is not None and power.score >= _SUSPECT:
                seen.add(feature)
                what = f"{feature} alone predicts {task.name} ({power.measure} {power.score:.3f})."
                todo = f"If it is not known before the label is: --ignore {in_shell(feature)}."
                yield Finding(WARNING, "leak", table.rows, what, todo, name)
        others = [feature for feature in features if feature not in seen]
        if binary:
            yield from _gaps(beside, task, labels, others)
        yield from _order(beside, task, labels)


def _gaps(beside: Beside, task: Task, labels: Floats, features: list[str]) -> Iterator[Finding]:
    train = beside.train
    for gap in gaps(train.table, features, labels):
        has = "a value" if gap.present else "no value"
        label = f"{gap.share:.1%} have {task.name} = {gap.label}"
        what = f"{gap.column}: rows with {has}, of which {label}."
        todo = f"If it is filled in when the label is known: --ignore {in_shell(gap.column)}."
        place = train.place(gap.row)
        yield Finding(WARNING, "missing_tells", gap.rows, what, todo, train.name, place)


def _order(beside: Beside, task: Task, labels: Floats) -> Iterator[Finding]:
    power = sorted_by(labels, task.kind == "binary")
    if power is not None:
        measure = "AUC" if task.kind == "binary" else "R²"
        what = (
            f"The rows' order alone predicts {task.name} ({measure} {power:.3f}): they are sorted."
        )
        todo = "Shuffle them before you cut a part off, and --ignore columns that number the rows."
        yield Finding(NOTE, "sorted", len(labels), what, todo, beside.train.name)


class Compared(NamedTuple):
    """How many rows of a file stand in others, and what is to be said of it."""

    rows: int
    findings: list[Finding]


def findings_of_overlap(
    beside: Beside, located: LocatedTable, file: FileRows, other: str, others: Table
) -> Compared:
    """Return what a file has in common with others, and what they do not have."""
    table = located.file(file)
    names = [name for name in others.columns if name in table.columns]
    shared = in_common(hashes_of(table, names), hashes_of(others, names))
    rows, found = int(shared.sum()), []
    if rows:
        level = WARNING if beside.unique or rows > _NEARLY_UNIQUE * len(file) else NOTE
        what = f"Rows ({rows / len(file):.1%}) that stand in {other}, too."
        todo = "Figures on them are too good: hold other rows out."
        if level == NOTE:
            todo = "With few columns rows may be equal by chance; else hold other rows out."
        place = located.place(file.begin + int(np.flatnonzero(shared)[0]))
        found.append(Finding(level, "shared_rows", rows, what, todo, file.file, place))
    numbers = {feature.name for feature in beside.schema.numeric}
    for feature in beside.schema.categorical:
        if feature.name in table.columns and feature.name not in numbers:
            column = table.columns[feature.name]
            values = others.columns[feature.name]
            there = np.flatnonzero(values.counts()).tolist()
            known = {category_of(values.values[place]) for place in there}
            read = Category(known)
            fresh = np.array([read(text) not in known for text in column.values], np.bool_)
            unseen = fresh[column.codes] & ~missing_rows(column)
            found += _unseen(feature.name, unseen, column.values[column.codes[np.argmax(unseen)]],
                             file, other)  # fmt: skip
    return Compared(rows, found)


def _unseen(
    name: str, unseen: npt.NDArray[np.bool_], example: str, file: FileRows, other: str
) -> Iterator[Finding]:
    share = unseen.mean()
    if share >= _SOME_UNSEEN:
        level = WARNING if share >= _MANY_UNSEEN else NOTE
        such = f"such as {shown(example)}"
        what = f"{name}: rows ({share:.1%}) whose category is not in {other}, {such}."
        todo = "They are taken as unknown; with many, train on newer rows."
        yield Finding(level, "unseen_categories", int(unseen.sum()), what, todo, file.file)


def findings_of_balance(tasks: Sequence[Balance]) -> Iterator[Finding]:
    """Yield tasks whose share of ones is another in later files than in the first."""
    first: dict[str, Balance] = {}
    for each in tasks:
        before = first.setdefault(each.name, each)
        if each is before or each.kind != "binary" or not min(each.known, before.known):
            continue
        both = (each.mean * each.known + before.mean * before.known) / (each.known + before.known)
        error = np.sqrt(both * (1 - both) * (1 / each.known + 1 / before.known))
        low, high = sorted((each.mean, before.mean))
        if high - low > _SIGMAS * error and high > _FAR_APART * low:
            what = (
                f"{each.name} is 1 in {each.mean:.1%} of the rows, in {before.file} in "
                f"{before.mean:.1%}."
            )
            todo = (
                "Probabilities that are learned there do not hold here: look how they were drawn."
            )
            yield Finding(WARNING, "other_balance", each.known, what, todo, each.file)
