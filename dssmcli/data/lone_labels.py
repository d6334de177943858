"""Labels of which only the 1 is written and the rest is left empty: refused, with a way out."""

from __future__ import annotations

from collections.abc import Sequence

from dssmcli.data.column_command import column_command
from dssmcli.data.positives import Positives
from dssmcli.data.table import Table
from dssmcli.data.tasks import Task
from dssmcli.data.times import DATES, moment_kind
from dssmcli.data.tsv import names_of
from dssmcli.data.values import boolean_in, category_of, is_missing
from dssmcli.errors import DataError, counted, shown


def refuse_lone_labels(table: Table, tasks: Sequence[Task], sources: Sequence[str]) -> None:
    """Raise DataError for a binary task whose column says what is a 1 and has no value elsewhere.

    No value says that nobody knows the label, so nothing is left to tell apart.
    """
    where = names_of(sources)
    for task in tasks:
        column = table.column(task.column, where)
        pairs = zip(column.values, column.counts().tolist(), strict=True)
        counts = {text: count for text, count in pairs if count}
        missing = [text for text in counts if is_missing(text)]
        known = [text for text in counts if not is_missing(text)]
        if missing and known and _lone(known, missing, task):
            blank = not any(map(str.strip, missing))
            rows, others = (sum(map(counts.__getitem__, texts)) for texts in (known, missing))
            such = shown(known[0]) if len(known) == 1 else f"{shown(known[0])} and the like"
            raise DataError(
                f"{where}: the task {shown(task.name)} has {such} in {counted(rows, 'row')} and no "
                f"value in {others:,}. No value says that nobody knows, so there is nothing to "
                "tell apart. If it is a no, write 0 there, 1 in the others, and name the column "
                f"alone as the task{_by_command(task, sources) if blank else ''}."
            )


def _lone(known: Sequence[str], missing: Sequence[str], task: Task) -> bool:
    """Tell whether all texts of a binary task that are labels are a 1, or look like that."""
    if task.kind != "binary":
        return False
    if task.positive:
        meant = Positives(task.positive, task.words)
        return all(map(meant, known)) and not any(map(meant.named, missing))
    says = {boolean_in(text) for text in known}
    if says == {None}:
        return len(set(map(category_of, known))) == 1 or moment_kind(known) == DATES
    return says == {True}


def _by_command(task: Task, sources: Sequence[str]) -> str:
    """Return a command that writes the labels of one plain file, empty if it is not one."""
    (source, *more) = sources
    made = 'str(int(v.strip() > ""))'
    command = "" if more else column_command(source, task.column, made, "-01")
    return f": {command}" if command else ""
