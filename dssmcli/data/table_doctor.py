"""Examines tables before a multi-task model learns from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dssmcli.data.column_figures import ColumnFigures, column_figures, kinds_in
from dssmcli.data.examples import examples_of
from dssmcli.data.features import Reader, Schema
from dssmcli.data.file_spellings import findings_of_spellings
from dssmcli.data.file_units import findings_of_units, numbers_in
from dssmcli.data.findings import ERROR, LEVELS, Finding, parted
from dssmcli.data.inference import FeatureInput, Understood, understand
from dssmcli.data.label_texts import settled
from dssmcli.data.located_table import FileRows, LocatedTable, read_located
from dssmcli.data.lone_labels import refuse_lone_labels
from dssmcli.data.source_rows import SourceRows
from dssmcli.data.table import Table
from dssmcli.data.table_findings import (
    Balance,
    Beside,
    findings_of_balance,
    findings_of_columns,
    findings_of_files,
    findings_of_labels,
    findings_of_leaks,
    findings_of_overlap,
    findings_of_repeats,
)
from dssmcli.data.tasks import Task, check_positive, labels_of, parse_tasks, targets_of
from dssmcli.data.tsv import BadRows
from dssmcli.data.unlike import findings_of_unlike
from dssmcli.errors import DataError

Floats = npt.NDArray[np.float64]
Tell = Callable[[int], None]


@dataclass(frozen=True)
class TableRequest:
    """What to examine: files to learn from, files to measure on, tasks as a user writes them.

    rejects: gets the rows that cannot be used; skip: whether these are to be skipped.
    """

    sources: Sequence[str]
    valid_sources: Sequence[str]
    tasks: Sequence[str]
    features: FeatureInput
    rejects: BadRows
    skip: bool


@dataclass(frozen=True)
class TableOverlap:
    """How many rows of a file stand in others, too, of how many."""

    file: str
    other: str
    rows: int
    of: int


@dataclass(frozen=True)
class TableCheckup:
    """Everything that was found of tables: of each file, of all columns, and the findings."""

    files: tuple[tuple[str, FileRows], ...]
    tasks: tuple[Balance, ...]
    columns: tuple[ColumnFigures, ...]
    overlaps: tuple[TableOverlap, ...]
    findings: tuple[Finding, ...]


def examine_tables(request: TableRequest, tell: Tell) -> TableCheckup:
    """Read all files and look at them as a training would; `tell` is told of every row read.

    Raises ConfigError for a task or a column that is not there.
    """
    train = read_located(request.sources, request.rejects, tell)
    valid = None
    if request.valid_sources:
        valid = read_located(request.valid_sources, request.rejects, tell)
    examination = _Examination(request, train, valid)
    return examination.checkup()


class _Examination:
    """Looks at tables from one side after the other."""

    def __init__(
        self, request: TableRequest, train: LocatedTable, valid: LocatedTable | None
    ) -> None:
        self._request, self._train, self._valid = request, train, valid
        self._findings: list[Finding] = []
        self._figures: list[Balance] = []
        self._overlaps: list[TableOverlap] = []

    def checkup(self) -> TableCheckup:
        """Return everything that was found."""
        self._findings += findings_of_files(self._train, self._request.skip)
        if self._valid is not None:
            self._findings += findings_of_files(self._valid, self._request.skip)
        columns: list[ColumnFigures] = []
        if self._train.table.columns:
            tasks = parse_tasks(self._request.tasks, list(self._train.table.columns))
            tasks = settled(self._train.table, tasks, self._train.name)
            if self._train.table.rows:
                columns = self._examine(tasks)
        files = [("train", each) for each in self._train.files]
        if self._valid is not None:
            files += [("valid", each) for each in self._valid.files]
        ordered = sorted(self._findings, key=lambda each: LEVELS.index(each.level))
        return TableCheckup(
            tuple(files), tuple(self._figures), tuple(columns), tuple(self._overlaps),
            tuple(ordered),
        )  # fmt: skip

    def _examine(self, tasks: Sequence[Task]) -> list[ColumnFigures]:
        train = self._train
        understood = self._understood(tasks)
        schema = Schema((), ()) if understood is None else understood.schema
        columns = self._columns(tasks, schema)
        labels = self._labels(train, tasks)
        beside = Beside(train, tasks, labels, schema, self._request.features)
        self._findings += findings_of_columns(beside, understood, columns)
        self._findings += findings_of_repeats(beside)
        if labels is not None:
            self._balance(train, tasks, labels)
            self._findings += findings_of_labels(beside, self._refusal(tasks, labels))
            reader = Reader(schema)
            examples = replace(examples_of(train.table, reader, [], train.name), labels=labels)
            self._findings += findings_of_leaks(beside, reader, examples)
        self._compare(beside, tasks)
        return columns

    def _understood(self, tasks: Sequence[Task]) -> Understood | None:
        try:
            return understand(self._train.table, tasks, self._request.features)
        except DataError as error:
            self._error("no_features", self._train.table.rows, str(error))
            return None

    def _columns(self, tasks: Sequence[Task], schema: Schema) -> list[ColumnFigures]:
        kinds, given = kinds_in(schema), self._request.features
        wanted = {task.column for task in tasks}
        found = []
        for name, column in self._train.table.columns.items():
            role = "feature" if name in kinds else "left out"
            role = "ignored" if name in given.ignored else role
            role = "task" if name in wanted else role
            found.append(column_figures(column, role, kinds.get(name, ""), given.min_count))
        return found

    def _labels(self, located: LocatedTable, tasks: Sequence[Task]) -> Floats | None:
        """Return the labels (N, K), None where one cannot be read."""
        where = located.name
        try:
            check_positive(located.table, tasks, where)
            refuse_lone_labels(located.table, tasks, self._request.sources)
            return np.stack([labels_of(located.table, task, where) for task in tasks], axis=1)
        except DataError as error:
            self._error("labels_unclear", located.table.rows, str(error), where)
            return None

    def _refusal(self, tasks: Sequence[Task], labels: Floats) -> str | None:
        """Return why a training would refuse labels, None if it does not."""
        try:
            targets_of(tasks, labels, {}, self._train.name)
        except DataError as error:
            return str(error)
        return None

    def _balance(self, located: LocatedTable, tasks: Sequence[Task], labels: Floats) -> None:
        for file in located.files:
            for task, column in zip(tasks, labels[file.rows].T, strict=True):
                known = column[~np.isnan(column)]
                figures = (known.mean(), known.min(), known.max()) if len(known) else (np.nan,) * 3
                self._figures.append(
                    Balance(
                        file.file, task.name, task.kind, len(known), len(column) - len(known),
                        *(float(each) for each in figures),
                    )
                )  # fmt: skip

    def _compare(self, beside: Beside, tasks: Sequence[Task]) -> None:
        """Compare later files with the first, and those to measure on with all before them."""
        numbers = numbers_in(self._train.table, beside.schema, tasks, self._train.name)
        files = [SourceRows(each.file, each.rows) for each in self._train.files]
        self._findings += findings_of_units(numbers, files)
        apart = {*self._request.features.ignored, *(task.column for task in tasks)}
        odd = findings_of_spellings(
            self._train.table, beside.schema, apart, self._request.sources, files
        )
        self._findings += [each for _, each in odd]
        for file in self._train.files[1:]:
            first = self._train.files[0]
            if len(file) and len(first):
                other = self._train.file(first)
                self._overlap(beside, self._train, file, first.file, other)
        valid = self._valid
        if valid is not None and valid.table.rows:
            labels = self._measured(valid, tasks)
            if labels is not None:
                self._balance(valid, tasks, labels)
                self._findings += findings_of_unlike(valid.table, beside.schema, tasks, valid.name)
                for file in valid.files:
                    if len(file):
                        self._overlap(beside, valid, file, self._train.name, self._train.table)
        self._findings += findings_of_balance(self._figures)

    def _measured(self, valid: LocatedTable, tasks: Sequence[Task]) -> Floats | None:
        """Return the labels of rows to measure on, None where a training would refuse them."""
        labels = None
        try:
            names = list(self._train.table.columns)
            for name in names:
                valid.table.column(name, valid.name)
            labels = np.stack([labels_of(valid.table, task, valid.name) for task in tasks], axis=1)
        except DataError as error:
            self._error("labels_unclear", valid.table.rows, str(error), valid.name)
            return None
        main = labels[:, 0][~np.isnan(labels[:, 0])]
        if not len(main) or main.min() == main.max():
            what = f"{tasks[0].name} has no two different labels: nothing to validate on."
            self._error("one_label", valid.table.rows, what, valid.name)
        return labels

    def _overlap(
        self, beside: Beside, located: LocatedTable, file: FileRows, other: str, others: Table
    ) -> None:
        found = findings_of_overlap(beside, located, file, other, others)
        self._overlaps.append(TableOverlap(file.file, other, found.rows, len(file)))
        self._findings += found.findings

    def _error(self, code: str, count: int, what: str, file: str = "") -> None:
        name = file or self._train.name
        what = what.removeprefix(f"{name}: ")
        what, todo = parted(what)
        self._findings.append(Finding(ERROR, code, count, what, todo, name))
