"""Predictions of a run of ranking for a log of impressions, as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from dssmcli.data.impressions import (
    Impressions,
    impressions_in,
    is_answered,
    unread_answers,
    with_answers,
)
from dssmcli.data.repeated_events import repeated_lines
from dssmcli.data.table import Table, read_table
from dssmcli.data.tsv import BadRows, name_of
from dssmcli.errors import counted
from dssmcli.serving.predictions import Form, Lines
from dssmcli.serving.ranker import Ranker

_AT_ONCE = 10_000
Say = Callable[[str], None]


def ranked(ranker: Ranker, source: str, form: Form, bad_rows: BadRows, say: Say) -> Iterator[str]:
    """Yield the text of all predictions of a log, a line an impression behind a header.

    `say` gets a line for everything that was understood, and every warning. Raises DataError
    when the log lacks a column.
    """
    table, where = read_table([source], bad_rows), name_of(source)
    answered = is_answered(table, ranker.columns)
    whole = table if answered else with_answers(table, ranker.columns)
    impressions, _ = impressions_in(
        whole, ranker.columns, [source], bad_rows, ranker.reading, say, answered
    )
    for line in _doubts(ranker, impressions, table, answered):
        say(line)
    rows = np.sort(impressions.order)  # of the file, without those that are skipped
    kept = [table.column(name, where) for name in form.keep]
    back = np.argsort(impressions.order)  # from the order of time to that of the file
    values = [each[back] for each in ranker.predict(impressions, answered).values()]
    lines = Lines(form.keep, ranker.figures, ["%.6g"] * len(values), form.as_json)
    yield lines.head()
    for first in range(0, len(rows), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        columns = [[c.values[code] for code in c.codes[rows[some]].tolist()] for c in kept]
        yield lines.text(columns, [each[some].tolist() for each in values])


def _doubts(ranker: Ranker, log: Impressions, table: Table, answered: bool) -> Iterator[str]:
    """Yield what a log has that makes its predictions mean less."""
    yield from _early(ranker, log)
    yield from repeated_lines(log.user, log.item, log.time)
    if answered:
        yield from ranker.scale_lines(log)
    else:
        yield from unread_answers(ranker.columns, list(table.columns))


def _early(ranker: Ranker, impressions: Impressions) -> Iterator[str]:
    """Warn of impressions that come before the end of the log that the run knows."""
    known = ranker.fingerprint()
    if known is None or known.last is None:
        return
    early = int((impressions.since(known.origin) < known.last).sum())
    if early:
        yield (
            f"Warning: {early:,} of {counted(len(impressions), 'impression')} come before the last "
            "moment that the run knows: its past of users and items has counted what came after."
        )
