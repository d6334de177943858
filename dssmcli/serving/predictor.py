"""Predicts the tasks of a multi-task run for rows of tables, in numpy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from numbers import Number
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.arguments import check_ordered, columns_by_name
from dssmcli.data.features import Reader, Rows, Schema, schema_from_json
from dssmcli.data.tasks import Target, target_from_dict
from dssmcli.data.values import text_of
from dssmcli.errors import ConfigError, DataError, RunError, counted, shown
from dssmcli.rec_config import MultitaskConfig, Sizes, multitask_from_dict
from dssmcli.run import CONFIG, FEATURES, MULTITASK, WEIGHTS, Run, find_run, read_ahead, using_run
from dssmcli.serving.multitask import AT_ONCE, Answers, build_network, weight_shapes
from dssmcli.serving.origin import OfRun, said_of
from dssmcli.serving.text_warnings import warn_caller
from dssmcli.serving.weights import JUDGED_LATER, tensors_in

Floats = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]


class Predicted(NamedTuple):
    """What a model says of n rows. values: (n, K) float64, the probability of a binary task, the
    number of another. gates: (K, n, N), see serving.multitask; None unless the run has gates."""

    values: Values
    gates: Floats | None


class Predictor(OfRun):
    """A multi-task run that is ready to answer.

    One Predictor is for one thread at a time.
    """

    def __init__(
        self,
        model: MultitaskConfig,
        schema: Schema,
        targets: Sequence[Target],
        weights: Mapping[str, Floats],
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self.model, self.schema, self.targets = model, schema, tuple(targets)
        self.config = dict(config or {})
        #: Reads texts as categories and numbers, and counts those it does not know.
        self.reader = Reader(schema)
        self._network = build_network(model, weights, len(targets))

    def __repr__(self) -> str:
        tasks, columns = ", ".join(self.tasks), len(self.columns)
        return f"Predictor({self.model.arch}, {tasks}, {columns} columns{said_of(self.origin)})"

    @property
    def columns(self) -> list[str]:
        """Return the names of the columns a table needs, those the run was trained on."""
        return self.schema.names

    @property
    def tasks(self) -> list[str]:
        """Return the names of the tasks, the main one first."""
        return [target.name for target in self.targets]

    def predict(self, columns: Mapping[str, Iterable[object]]) -> Values:
        """Return the probability of each binary task and the number of each other, (n, K) float64.

        columns: the values (n,) of each of the run's columns, in a dict, a data frame or a
        structured array: texts as they would stand in a table, or numbers; None and nan are
        missing. Raises DataError when a column is not there or longer than another, TypeError when
        one is no list of values in an order: one text, a set, a dict (of `df.to_dict()`; give
        `df.to_dict('list')` or `df` itself), an array (n, D). Warns, once a call, of values that
        the run cannot read: categories that it does not know, texts where a number belongs.
        """
        columns = columns_by_name(columns)
        missing = [name for name in self.columns if name not in columns]
        if missing:
            raise DataError(
                f"no column {', '.join(map(shown, missing))}: the run reads "
                f"{', '.join(self.columns)}."
            )
        _check_indexes({name: columns[name] for name in self.columns})
        commas = self.reader.decimal_commas
        texts = [_texts(columns[name], name, name in commas) for name in self.columns]
        for name, column in zip(self.columns, texts, strict=True):
            if len(column) != len(texts[0]):
                raise DataError(
                    f"{name}: {counted(len(column), 'value')}, expected {len(texts[0]):,} as "
                    f"{self.columns[0]} has."
                )
        before = self.reader.met.copy()
        self.reader.forget()
        values = self.predicted(texts).values
        lines = self.reader.lines(self.reader.met - before)
        warn_caller(lines)
        return values

    def predicted(self, columns: Sequence[Sequence[str]]) -> Predicted:
        """Return predictions and gates, given the texts (n,) of `columns` in their order."""
        rows = self.reader.rows(columns)
        with np.errstate(**JUDGED_LATER):
            parts = [self._network(part) for part in _parts(rows)]
            outputs = np.concatenate([part.outputs for part in parts])
            if not np.isfinite(outputs.sum()):
                raise RunError("The run's weights are so large that a prediction is not finite.")
        return Predicted(self._values(outputs), _joined(parts))

    def _values(self, outputs: Floats) -> Values:
        # Numbers may be far from 0, and near to one another.
        values = outputs.astype(np.float64)
        for k, target in enumerate(self.targets):
            if target.binary:
                with np.errstate(over="ignore"):
                    values[:, k] = 1 / (1 + np.exp(-values[:, k]))
            else:
                values[:, k] = values[:, k] * target.scale + target.mean
        return values


def _check_indexes(columns: Mapping[str, Iterable[object]]) -> None:
    """Raise ValueError where columns are Series of pandas whose rows are not in one order."""
    first: tuple[str, object] | None = None
    for name, values in columns.items():
        index = getattr(values, "index", None)
        if callable(index) or index is None or not hasattr(index, "__len__"):
            continue
        if first is None:
            first = (name, index)
        elif len(index) == len(first[1]) and not np.array_equal(index, first[1]):  # type: ignore[arg-type]
            raise ValueError(
                f"{name}: its index is in another order than that of {first[0]}, so that rows "
                "would be mixed up: give a data frame of them, or each one's to_numpy()"
            )


def _texts(values: Iterable[object], name: str, decimal_comma: bool = False) -> list[str]:
    """Return values as they would stand in a table, moments that are all midnights as dates.

    decimal_comma: in the table, numbers have a comma where Python has a point. TypeError for
    what is no list of values.
    """
    expected = "a list of values, a row each"
    if isinstance(values, Mapping):
        raise TypeError(
            f"{name}: expected {expected}, got a dict: give its values() as a list; of a data "
            "frame df, df itself or df.to_dict('list')"
        )
    check_ordered(values, name, expected)
    plain = [_moment(value) for value in values]
    for place, value in enumerate(plain):
        if isinstance(value, (set, frozenset, Mapping)):
            kind = type(value).__name__
            raise TypeError(f"{name}[{place}] is a {kind}, expected one value: a text or a number")
    moments = [value for value in plain if _is_moment(value)]
    if moments and all(f"{value:%H%M%S%f}" == _MIDNIGHT for value in moments):
        plain = [f"{value:%Y-%m-%d}" if _is_moment(value) else value for value in plain]
    if decimal_comma:
        return [_with_comma(value) if _is_number(value) else text_of(value) for value in plain]
    return [*map(text_of, plain)]


def _is_number(value: object) -> bool:
    return isinstance(value, (Number, np.number)) and not isinstance(value, bool)


def _with_comma(number: object) -> str:
    return text_of(number).replace(".", ",")


_MIDNIGHT = "000000000000"


def _moment(value: object) -> object:
    """Return a moment of numpy as one of Python, any other value as it is."""
    return value.astype("datetime64[us]").item() if isinstance(value, np.datetime64) else value


def _is_moment(value: object) -> bool:
    """Tell whether a value is a day with a time; the one of pandas that is none has no text."""
    return isinstance(value, datetime) and str(value) != "NaT"


def _parts(rows: Rows) -> Iterator[Rows]:
    for first in range(0, max(1, len(rows.codes)), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        yield Rows(rows.codes[part], rows.numbers[part])


def _joined(parts: Iterable[Answers]) -> Floats | None:
    gates = [part.gates for part in parts if part.gates is not None]
    return np.concatenate(gates, axis=1) if gates else None


def load_predictor(path: str | Path | None = None) -> Predictor:
    """Load a multi-task run (`dssm train-rec mmoe` and its like): the folder named, else
    $DSSM_MODEL, else ./dssm-model.

    Raises RunError when it is missing, damaged, newer than this program or no such run.
    """
    return using_run(find_run(str(path) if path is not None else None), _predictor)


def _predictor(run: Run) -> Predictor:
    config = run.config_of(MULTITASK)
    weights = read_ahead(run, WEIGHTS)
    where = str(run.path / CONFIG)
    try:
        model = multitask_from_dict(config.get("model"), f"{where}: model")
    except ConfigError as error:
        raise RunError(str(error)) from error
    schema = schema_from_json(run.read_text(FEATURES), run.path / FEATURES)
    if not schema.names:
        raise RunError(f"{run.path / FEATURES}: no features.")
    tasks = config.get("tasks")
    if not isinstance(tasks, list) or not tasks:
        raise RunError(f"{where}: no list of tasks.")
    targets = [target_from_dict(task, where) for task in tasks]
    if len({target.name for target in targets}) < len(targets):
        raise RunError(f"{where}: two tasks have the same name.")
    sizes = Sizes(sum(schema.sizes), len(schema.categorical), schema.width, len(targets))
    arrays = tensors_in(weights(), weight_shapes(model, sizes), str(run.path / WEIGHTS))
    predictor = Predictor(model, schema, targets, arrays, config)
    predictor.origin = run
    return predictor
