"""A check-up of tables in words for people, and in JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dssmcli.commands.checkup import (
    Entry,
    finding_lines,
    read_as,
    rows_and_faults,
    section,
)
from dssmcli.errors import counted, shown

if TYPE_CHECKING:
    from dssmcli.data.column_figures import ColumnFigures
    from dssmcli.data.file_kind import FileKind
    from dssmcli.data.findings import Finding
    from dssmcli.data.table_doctor import TableCheckup
    from dssmcli.data.table_findings import Balance

_KINDS = {
    "category": "categories",
    "number": "numbers",
    "both": "numbers, categories too",
    "": "",
}
_SPELLINGS_SHOWN = 4


def json_lines(checkup: TableCheckup, kind: FileKind) -> Iterator[str]:
    """Yield an object for each file, task, column, overlap and finding."""
    for role, file in checkup.files:
        yield as_json(
            "file",
            {
                "file": file.file,
                "role": role,
                "rows": len(file),
                "bad_rows": file.bad,
                "bad_rows_shown": list(file.faults),
                "read_as": kind.kind,
            },
        )
    for task in checkup.tasks:
        figures = ("mean", "low", "high")
        plain = task._asdict()
        yield as_json("task", plain | {name: _finite(plain[name]) for name in figures})
    yield from column_objects(checkup.columns)
    for overlap in checkup.overlaps:
        yield as_json("overlap", asdict(overlap))
    yield from finding_objects(checkup.findings)


def column_objects(columns: Iterable[ColumnFigures]) -> Iterator[str]:
    """Yield an object for each column."""
    for column in columns:
        yield as_json("column", asdict(column))


def finding_objects(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield an object for each finding."""
    for finding in findings:
        yield as_json("finding", asdict(finding))


def as_json(name: str, plain: dict[str, Any]) -> str:
    """Return a line of JSON for an object whose type has a name."""
    return json.dumps({"type": name, **plain}, ensure_ascii=False)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def report_lines(checkup: TableCheckup, kind: FileKind) -> Iterator[str]:
    """Yield the lines of the report."""
    for _, file in checkup.files:
        tasks = [task for task in checkup.tasks if task.file == file.file]
        balance = (entry for task in tasks for entry in _of_task(task))
        yield from section(file.file, [*rows_and_faults(file), read_as(kind), *balance])
    if checkup.columns:
        rows = sum(len(file) for role, file in checkup.files if role == "train")
        yield from section("columns", of_columns(checkup.columns, rows))
    for overlap in checkup.overlaps:
        share = f"{overlap.rows:,} of {overlap.of:,} ({overlap.rows / overlap.of:.1%})"
        yield from section(f"{overlap.file}, beside {overlap.other}", [("shared rows", share)])
    yield from finding_lines(checkup.findings, several=len(checkup.files) > 1)


def _of_task(task: Balance) -> Iterator[Entry]:
    if not task.known:
        said = "no label"
    elif task.kind == "binary":
        said = f"{task.mean:.1%} of {counted(task.known, 'row')} are 1"
    else:
        said = f"numbers from {task.low:g} to {task.high:g}, {task.mean:.4g} on average"
    missing = f", {counted(task.missing, 'row')} without a label" if task.missing else ""
    yield "task " + task.name, said + missing


def of_columns(columns: Iterable[ColumnFigures], rows: int) -> Iterator[Entry]:
    """Yield what is known of each column of so many rows."""
    for column in columns:
        role = "" if column.role == "feature" else f"{column.role.replace('_', ' ')}; "
        known = _KINDS[column.kind]
        said = f"{role}{known + ', ' if known else ''}{column.values:,} different"
        if column.once and column.kind == "category":
            said += f", {column.once:,} in one row only"
        if column.numbers is not None:
            numbers = column.numbers
            said += f", {numbers.low:g} to {numbers.high:g}, median {numbers.median:g}"
        yield column.name, said
        if column.missing:
            texts = [f"{shown(text)} {count:,}" for text, count in column.spellings.items()]
            more = f" and {len(texts) - _SPELLINGS_SHOWN} more spellings"
            listed = ", ".join(texts[:_SPELLINGS_SHOWN])
            listed += more if len(texts) > _SPELLINGS_SHOWN else ""
            yield "", f"{column.missing:,} ({column.missing / rows:.1%}) without a value: {listed}"
