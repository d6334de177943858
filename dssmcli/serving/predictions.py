"""Predictions for a table as text, block by block, in one process or several."""

from __future__ import annotations

import json
import struct
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

import numpy as np

from dssmcli.data.records import Block, Columns, TableFile, open_table
from dssmcli.data.table import places_of
from dssmcli.data.tsv import BadRows
from dssmcli.errors import counted
from dssmcli.serving.predictor import Floats, Predictor
from dssmcli.serving.workers import answered

_HEAD = struct.Struct("<q")


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
    threads: int = 1,  # noqa: ARG001 (a machine that cannot fork has one process)
) -> Iterator[str]:
    """Yield the text of all predictions of a table, a line a row behind a header.

    Raises DataError when the table lacks a column. The predictor's reader counts what it did not
    know, whatever process met it.
    """
    with open_table(source, bad_rows) as file:
        writer = _Writer(predictor, file, form)
        yield writer.head()
        blocks = file.blocks(writer.picked)
        first = list(islice(blocks, 2))
        if len(first) < 2 or processes < 2:
            yield from map(writer.block, chain(first, blocks))
        else:
            yield from _by_processes(writer, chain(first, blocks), processes)


def surprises(predictor: Predictor) -> Iterator[str]:
    """Yield a line for each column in which texts were met that the run cannot read."""
    reader = predictor.reader
    for name, unknown, unreadable in zip(
        predictor.columns, reader.unknown.tolist(), reader.unreadable.tolist(), strict=True
    ):
        if unreadable:
            yield f"{name}: {counted(unreadable, 'field')} with no number, taken as missing."
        if unknown:
            yield f"{name}: {counted(unknown, 'field')} with a category that the run does not know."


def _by_processes(writer: _Writer, blocks: Iterator[Block], processes: int) -> Iterator[str]:
    """Yield the text of blocks: of lines without a quote in other processes, of others here."""
    waiting: deque[Block] = deque()

    def messages() -> Iterator[bytes]:
        for block in blocks:
            waiting.append(block)
            yield b"" if block.piece is None else block.piece.content

    for found in answered(writer.answer, messages(), processes):
        yield writer.taken(found, waiting.popleft())


class _Writer:
    """Turns blocks of a table into text."""

    def __init__(self, predictor: Predictor, file: TableFile, form: Form) -> None:
        self._predictor, self._file, self._form = predictor, file, form
        needed = predictor.columns
        self._needed = len(needed)
        self._names = [*form.keep, *(_beside(form.keep, name) for name in predictor.tasks)]
        self.picked = places_of([*needed, *form.keep], file)

    def head(self) -> str:
        """Return what stands before the rows."""
        if self._form.as_json:
            return ""
        return "\t".join(map(_quoted, self._names)) + "\n"

    def block(self, block: Block) -> str:
        """Return the lines of a block."""
        return self._text(self._file.columns(block, self.picked))

    def answer(self, message: bytes) -> Sequence[bytes | memoryview]:
        """Return the lines of rows without a quote, if nothing is wrong with any."""
        reader = self._predictor.reader
        reader.unknown[:] = reader.unreadable[:] = 0
        columns = self._file.sheet.plain(message, self.picked) if message else None
        text = "" if columns is None else self._text(columns)
        head = _HEAD.pack(columns is not None)
        counts = (reader.unknown.tobytes(), reader.unreadable.tobytes())
        return head, *counts, text.encode("utf-8", "surrogatepass")

    def taken(self, found: bytearray, block: Block) -> str:
        """Return the lines that a process answered with, or make them here if it could not."""
        (done,) = _HEAD.unpack_from(found)
        if not done:
            return self.block(block)
        reader = self._predictor.reader
        counts = np.frombuffer(found, np.int64, 2 * self._needed, _HEAD.size)
        reader.unknown += counts[: self._needed]
        reader.unreadable += counts[self._needed :]
        return found[_HEAD.size + counts.nbytes :].decode("utf-8", "surrogatepass")

    def _text(self, columns: Columns) -> str:
        if not columns[0]:
            return ""
        values = self._predictor.predicted(columns[: self._needed]).values
        kept = columns[self._needed :]
        if self._form.as_json:
            return self._json(kept, values)
        line = "\t".join([*(["%s"] * len(kept)), *(["%.6g"] * values.shape[1])]) + "\n"
        fields = [*([*map(_quoted, column)] for column in kept), *values.T.tolist()]
        return "".join(map(line.__mod__, zip(*fields, strict=True)))

    def _json(self, kept: Columns, values: Floats) -> str:
        numbers = [[float(f"{value:.6g}") for value in column] for column in values.T.tolist()]
        rows = zip(*kept, *numbers, strict=True)
        return "".join(
            json.dumps(dict(zip(self._names, row, strict=True)), ensure_ascii=False) + "\n"
            for row in rows
        )


def _beside(kept: Sequence[str], task: str) -> str:
    """Return what a task's column is called beside the columns that are kept."""
    while task in kept:
        task = f"predicted_{task}"
    return task


def _quoted(text: str) -> str:
    """Return a field as it stands in TSV: in quotes if it would not end where it should."""
    if text.startswith('"') or any(c in text for c in "\t\r\n"):
        return '"' + text.replace('"', '""') + '"'
    return text
