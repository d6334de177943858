"""Predictions for a table as text, block by block, in one process or several."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from dssmcli.data.records import Columns, open_table, tsv_field
from dssmcli.data.table import places_of
from dssmcli.data.tsv import BadRows
from dssmcli.serving.blocks import made_of
from dssmcli.serving.predictor import Floats, Predictor


class Form(NamedTuple):
    """How predictions are written: with columns of the table in front, as JSON or not."""

    keep: tuple[str, ...]
    as_json: bool


def predictions(
    predictor: Predictor,
    source: str,
    form: Form,
    bad_rows: BadRows,
    processes: int = 1,
    threads: int = 1,  # noqa: ARG001 (a machine that cannot fork has one process)
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


class _Writer:
    """Turns rows of a table, the columns kept behind those needed, into text."""

    def __init__(self, predictor: Predictor, form: Form) -> None:
        self._predictor, self._form = predictor, form
        self._needed = len(predictor.columns)

    def head(self) -> str:
        """Return what stands before the rows."""
        if self._form.as_json:
            return ""
        return "\t".join(map(tsv_field, [*self._form.keep, *self._predictor.tasks])) + "\n"

    def lines(self, columns: Columns) -> bytes:
        """Return the lines of some rows."""
        return self._text(columns).encode("utf-8", "surrogatepass")

    def _text(self, columns: Columns) -> str:
        if not columns[0]:
            return ""
        values = self._predictor.predicted(columns[: self._needed]).values
        kept = columns[self._needed :]
        if self._form.as_json:
            return self._json(kept, values)
        line = "\t".join([*(["%s"] * len(kept)), *(["%.6g"] * values.shape[1])]) + "\n"
        fields = [*([*map(tsv_field, column)] for column in kept), *values.T.tolist()]
        return "".join(map(line.__mod__, zip(*fields, strict=True)))

    def _json(self, kept: Columns, values: Floats) -> str:
        names = [*self._form.keep, *self._predictor.tasks]
        numbers = [[float(f"{value:.6g}") for value in column] for column in values.T.tolist()]
        rows = zip(*kept, *numbers, strict=True)
        return "".join(
            json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n"
            for row in rows
        )
