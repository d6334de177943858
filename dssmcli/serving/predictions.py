"""Predictions for a table as text, block by block, in one process or several."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dssmcli.data.records import open_table, tsv_field
from dssmcli.data.sheets import Columns
from dssmcli.data.table import places_of
from dssmcli.data.tasks import Target
from dssmcli.data.tsv import BadRows
from dssmcli.serving.blocks import made_of
from dssmcli.serving.predictor import Predictor


class Form(NamedTuple):
    """How predictions are written: with columns of the table in front, as JSON or not.

    A task that is called as one of these columns becomes `predicted_` and its name.
    """

    keep: tuple[str, ...]
    as_json: bool


def predictions(
    predictor: Predictor,
    source: str,
    form: Form,
    bad_rows: BadRows,
    processes: int = 1,
) -> Iterator[str]:
    """Yield the text of all predictions of a table, a line a row behind a header.

    Raises DataError when the table lacks a column. The predictor's reader counts what it did not
    know, whatever process met it.
    """
    with open_table(source, bad_rows) as file:
        picked = places_of([*predictor.columns, *form.keep], file)
        writer = _Writer(predictor, form)
        yield writer.head()
        for text in made_of(file, picked, writer.lines, [predictor.reader], processes):
            yield text.decode("utf-8", "surrogatepass")


class Lines(NamedTuple):
    """How rows become lines: names of the columns kept, of what is predicted, and its formats."""

    keep: Sequence[str]
    names: Sequence[str]
    formats: Sequence[str]
    as_json: bool

    def head(self) -> str:
        """Return what stands before the rows."""
        if self.as_json:
            return ""
        return "\t".join(map(tsv_field, self._named())) + "\n"

    def text(self, kept: Columns, values: Sequence[Sequence[float]]) -> str:
        """Return the lines of rows: the columns kept, then those of `values`, a list each."""
        if self.as_json:
            return self._json(kept, values)
        line = "\t".join([*(["%s"] * len(kept)), *self.formats]) + "\n"
        fields = [*([*map(tsv_field, column)] for column in kept), *values]
        return "".join(map(line.__mod__, zip(*fields, strict=True)))

    def _named(self) -> list[str]:
        return [*self.keep, *(_beside(self.keep, name) for name in self.names)]

    def _json(self, kept: Columns, values: Sequence[Sequence[float]]) -> str:
        columns = zip(self.formats, values, strict=True)
        numbers = [[float(form % value) for value in column] for form, column in columns]
        rows, names = zip(*kept, *numbers, strict=True), self._named()
        return "".join(
            json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n"
            for row in rows
        )


class _Writer:
    """Turns rows of a table, the columns kept behind those needed, into text."""

    def __init__(self, predictor: Predictor, form: Form) -> None:
        self._predictor, self._needed = predictor, len(predictor.columns)
        formats = [f"%.{_digits(target)}g" for target in predictor.targets]
        self._lines = Lines(form.keep, predictor.tasks, formats, form.as_json)

    def head(self) -> str:
        """Return what stands before the rows."""
        return self._lines.head()

    def lines(self, columns: Columns) -> bytes:
        """Return the lines of some rows."""
        if not columns[0]:
            return b""
        values = self._predictor.predicted(columns[: self._needed]).values
        text = self._lines.text(columns[self._needed :], values.T.tolist())
        return text.encode("utf-8", "surrogatepass")


def _digits(target: Target) -> int:
    """Return how many digits tell predictions apart: six, and more of numbers far from 0."""
    if target.binary:
        return _DIGITS
    far = math.log10(max(1.0, abs(target.mean) / target.scale))
    return min(_MOST_DIGITS, _DIGITS + math.floor(far))


_DIGITS, _MOST_DIGITS = 6, 17


def _beside(kept: Sequence[str], task: str) -> str:
    """Return what a task's column is called beside the columns that are kept."""
    while task in kept:
        task = f"predicted_{task}"
    return task
