"""The towers in numpy: the same function as dssmcli.models.towers, without torch.

Every tower is linear in its units up to the maximum (CNN), the recurrence (LSTM) or the first
tanh (DNN). So each unit is projected once, into tables, and a text only looks its units up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from dssmcli.config import CnnConfig, DnnConfig, LstmConfig, TowerConfig
from dssmcli.serving.tables import Chunk, Looked, UnitTables, bag, chunks, take

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Weights = Mapping[str, Floats]


class Tower(Protocol):
    """Texts in, vectors (N, D) float32 out, not yet of unit length.

    A call changes nothing in the tower, so that several threads may call it at a time.
    """

    tables: UnitTables

    def __call__(self, texts: Looked) -> Floats:
        """Return the vectors of texts; zeros for one without units."""
        ...


def _tanh(x: Floats) -> Floats:
    """Return tanh, to 2e-7, in place: numpy has a fast exponential on every processor."""
    with np.errstate(over="ignore"):
        np.exp(np.add(x, x, out=x), out=x)
    np.add(x, np.float32(1.0), out=x)
    np.divide(np.float32(-2.0), x, out=x)
    x += np.float32(1.0)
    return x


def _over_one_plus_exp(x: Floats) -> None:
    """Replace x by 1 / (1 + exp(x)), the logistic function of -x."""
    with np.errstate(over="ignore"):
        np.exp(x, out=x)
    x += np.float32(1.0)
    np.divide(np.float32(1.0), x, out=x)  # much faster than numpy.reciprocal


class _Layer(NamedTuple):
    """tanh(x W + b)."""

    weight: Floats  # (inputs, outputs)
    bias: Floats

    def __call__(self, inputs: Floats) -> Floats:
        sums = inputs @ self.weight
        sums += self.bias
        return _tanh(sums)


def _layer(weights: Weights, name: str) -> _Layer:
    return _Layer(np.ascontiguousarray(weights[f"{name}.weight"].T), weights[f"{name}.bias"])


def _skip_weight(config: TowerConfig, weights: Weights) -> Floats | None:
    """Return the linear path around a tower, (inputs, D); see dssmcli.models.layers.Skip."""
    return np.ascontiguousarray(weights["skip.weight"].T) if config.skip else None


def _scaled(sums: Floats, chunk: Chunk) -> Floats:
    sums /= np.sqrt(chunk.lengths)[:, None]
    return sums


class DnnTower:
    """DSSM: a bag of units, then tanh layers."""

    def __init__(self, config: DnnConfig, weights: Weights, lent: int) -> None:
        self._bias, self._dim = weights["bias"], config.dim
        hidden = [f"layers.{i}" for i in range(len(config.hidden) - 1)]
        self._layers = [_layer(weights, name) for name in (*hidden, "output")]
        self._skip = _skip_weight(config, weights)
        rows = weights["rows.weight"]
        self.tables = UnitTables(rows.__getitem__, rows.shape[1:], lent)

    def __call__(self, texts: Looked) -> Floats:
        """Return (N, D)."""
        vectors = np.zeros((len(texts.counts), self._dim), np.float32)
        for chunk in chunks(texts):
            sums = bag(texts.tables[0], chunk)  # (n, H1)
            hidden = _tanh(sums + self._bias)
            for layer in self._layers:
                hidden = layer(hidden)
            if self._skip is not None:
                hidden += _scaled(sums, chunk) @ self._skip
            vectors[chunk.rows] = hidden
        return vectors


class CnnTower:
    """CLSM: windows of units, max over time, two tanh."""

    def __init__(self, config: CnnConfig, weights: Weights, lent: int) -> None:
        self._bias, self._dim = weights["bias"], config.dim
        self._conv = weights.get("conv")
        self._filters, self._mean = config.filters, config.pooling == "max+mean"
        ends = np.cumsum(config.window).tolist()
        #: Which tables the offsets of each width are.
        self._widths = [slice(end - k, end) for k, end in zip(config.window, ends, strict=True)]
        self._output = _layer(weights, "output")
        self._skip = _skip_weight(config, weights)
        widths = [config.filters] * config.offsets + [config.dim] * config.skip
        self.tables = UnitTables(weights["rows.weight"].__getitem__, widths, lent, self._project)

    def _project(self, units: Floats) -> tuple[Floats, ...]:
        """Return a table (n, F) for each offset of each width, and one of the path around."""
        projected = units if self._conv is None else units @ self._conv  # (n, K F)
        offsets = np.split(projected, projected.shape[1] // self._filters, axis=1)
        return (*offsets, units @ self._skip) if self._skip is not None else tuple(offsets)

    def __call__(self, texts: Looked) -> Floats:
        """Return (N, D)."""
        vectors = np.zeros((len(texts.counts), self._dim), np.float32)
        for chunk in chunks(texts):
            pooled = self._pooled(texts.tables, chunk)
            pooled += self._bias
            hidden = self._output(_tanh(pooled))
            if self._skip is not None:
                hidden += _scaled(bag(texts.tables[-1], chunk), chunk)
            vectors[chunk.rows] = hidden
        return vectors

    def _pooled(self, tables: tuple[Floats, ...], chunk: Chunk) -> Floats:
        """Return each text's maxima for every width, then its means if asked for, side by side."""
        found = [self._over_windows(tables[width], chunk) for width in self._widths]
        parts = [part for kind in zip(*found, strict=True) for part in kind]
        return np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]

    def _over_windows(self, offsets: Sequence[Floats], chunk: Chunk) -> list[Floats]:
        """Return the maximum over the windows of each text, (n, F), and the mean if asked for."""
        side, end = len(offsets) // 2, len(chunk.columns)
        best = np.full((len(chunk.rows), self._filters), -np.inf, np.float32)
        summed, part = np.empty_like(best), np.empty_like(best)
        mean = np.zeros_like(best) if self._mean else None
        for centre, active in enumerate(chunk.active):
            total = summed[:active]
            take(offsets[side], chunk.columns[centre, :active], total)
            for k in range(len(offsets)):
                place = centre + k - side
                if k != side and 0 <= place < end:
                    take(offsets[k], chunk.columns[place, :active], part[:active])
                    total += part[:active]
            np.maximum(best[:active], total, out=best[:active])
            if mean is not None:
                mean[:active] += total
        return [best] if mean is None else [best, mean / chunk.lengths[:, None]]


class LstmTower:
    """LSTM-DSSM: peephole LSTM, states pooled."""

    def __init__(self, config: LstmConfig, weights: Weights, lent: int) -> None:
        names = ("forth", "back") if config.bidirectional else ("forth",)
        self._cells = [_LstmCell(weights, name, config) for name in names]
        self._skip = _skip_weight(config, weights)
        self._dim = config.dim
        widths = [config.dim // len(names)] * (_GATES * len(names)) + [config.dim] * config.skip
        self.tables = UnitTables(weights["rows.weight"].__getitem__, widths, lent, self._project)

    def _project(self, units: Floats) -> tuple[Floats, ...]:
        """Return each gate's input (n, H) for each direction, and the path around."""
        gates = tuple(gate for cell in self._cells for gate in cell.gates(units))
        return (*gates, units @ self._skip) if self._skip is not None else gates

    def __call__(self, texts: Looked) -> Floats:
        """Return (N, D)."""
        vectors = np.zeros((len(texts.counts), self._dim), np.float32)
        for chunk in chunks(texts):
            parts = [
                cell.pooled(texts.tables[_GATES * i :][:_GATES], _reversed(chunk) if i else chunk)
                for i, cell in enumerate(self._cells)
            ]
            hidden = np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]
            if self._skip is not None:
                hidden = hidden + _scaled(bag(texts.tables[-1], chunk), chunk)
            vectors[chunk.rows] = hidden
        return vectors


def _reversed(chunk: Chunk) -> Chunk:
    """Return the chunk with each text's units in the other order."""
    length = chunk.lengths.astype(np.int64)
    steps = np.arange(len(chunk.columns))[:, None]
    columns = np.take_along_axis(chunk.columns, (length - 1 - steps).clip(0), axis=0)
    return chunk._replace(columns=columns)


_GATES = 4
"""Input, forget, cell and output, in the order of the weights."""


class _LstmCell:
    """One direction: the recurrence, pooled as it goes. Each gate is an array of its own."""

    def __init__(self, weights: Weights, name: str, config: LstmConfig) -> None:
        self._width = weights[f"{name}.recurrent"].shape[0]
        # Every gate is 1 / (1 + exp(-x)), and tanh(x) is 2 / (1 + exp(-2 x)) - 1: with the factors
        # in the weights, one exponential serves all four.
        factors = np.repeat(np.array([-1, -1, -2, -1], np.float32), self._width)
        self._input, self._bias, recurrent = (
            weights[f"{name}.{part}"] * factors for part in ("input", "bias", "recurrent")
        )
        self._recurrent = np.stack(np.split(recurrent, _GATES, axis=1))  # (4, H, H)
        silent = np.zeros((3, self._width), np.float32)
        self._peepholes = -weights[f"{name}.peepholes"] if config.peepholes else silent
        self._pooling = config.pooling

    def gates(self, units: Floats) -> list[Floats]:
        """Return the input projection of units for each gate, (n, H), times the gate's factor."""
        return np.split(units @ self._input + self._bias, _GATES, axis=1)

    def pooled(self, tables: Sequence[Floats], chunk: Chunk) -> Floats:
        """Return the pooled states (n, H). A text that has ended keeps what it has."""
        state = np.zeros((len(chunk.rows), self._width), np.float32)
        cell, pooled = np.zeros_like(state), np.zeros_like(state)
        inputs, sums = np.empty((2, _GATES, *state.shape), np.float32)
        for step, (column, active) in enumerate(zip(chunk.columns, chunk.active, strict=True)):
            gates = inputs[:, :active]
            for table, gate in zip(tables, gates, strict=True):
                take(table, column[:active], gate)
            if step:  # before that, the state is zero
                gates += np.matmul(state[:active], self._recurrent, out=sums[:, :active])
            self._step(gates, state[:active], cell[:active])
            if self._pooling == "max" and step:
                np.maximum(pooled[:active], state[:active], out=pooled[:active])
            elif self._pooling == "mean" and step:
                pooled[:active] += state[:active]
            elif self._pooling != "last":
                pooled[:active] = state[:active]
        if self._pooling == "last":
            return state
        return pooled / chunk.lengths[:, None] if self._pooling == "mean" else pooled

    def _step(self, gates: Floats, state: Floats, cell: Floats) -> None:
        """Take one step, writing the new state and cell (n, H) over the old ones."""
        (i, f, g, o), (look_i, look_f, look_o) = gates, self._peepholes
        i += np.multiply(look_i, cell, out=state)
        f += np.multiply(look_f, cell, out=state)
        _over_one_plus_exp(gates[:3])
        g += g
        g -= np.float32(1.0)
        cell *= f
        cell += np.multiply(i, g, out=state)
        o += np.multiply(look_o, cell, out=state)
        _over_one_plus_exp(o)
        np.copyto(state, cell)
        _tanh(state)
        state *= o


TOWERS = {"dnn": DnnTower, "cnn": CnnTower, "lstm": LstmTower}


def build_tower(config: TowerConfig, weights: Weights, lent: int) -> Tower:
    """Build a tower over a run's weights, their names without the tower's own.

    What its tables look up stays valid until `lent` further calls.
    """
    if isinstance(config, DnnConfig):
        return DnnTower(config, weights, lent)
    if isinstance(config, CnnConfig):
        return CnnTower(config, weights, lent)
    return LstmTower(config, weights, lent)


def weight_shapes(config: TowerConfig, rows: int) -> dict[str, tuple[int, ...]]:
    """Return the shape that every weight of a tower must have."""
    if isinstance(config, DnnConfig):
        shapes, width = _dnn_shapes(config, rows)
    elif isinstance(config, CnnConfig):
        shapes, width = _cnn_shapes(config, rows)
    else:
        shapes, width = _lstm_shapes(config, rows)
    if config.skip:
        shapes["skip.weight"] = (config.dim, width)
    return shapes


def _dnn_shapes(config: DnnConfig, rows: int) -> tuple[dict[str, tuple[int, ...]], int]:
    widths = [*config.hidden, config.dim]
    names = [*(f"layers.{i}" for i in range(len(widths) - 2)), "output"]
    shapes: dict[str, tuple[int, ...]] = {"rows.weight": (rows, widths[0]), "bias": (widths[0],)}
    for name, inputs, outputs in zip(names, widths[:-1], widths[1:], strict=True):
        shapes |= {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}
    return shapes, widths[0]


def _cnn_shapes(config: CnnConfig, rows: int) -> tuple[dict[str, tuple[int, ...]], int]:
    across = config.offsets * config.filters
    exact = config.form == "exact"
    width = across if exact else config.embedding
    shapes: dict[str, tuple[int, ...]] = {
        "rows.weight": (rows, width),
        "bias": (config.pooled,),
        "output.weight": (config.dim, config.pooled),
        "output.bias": (config.dim,),
    }
    return (shapes if exact else shapes | {"conv": (config.embedding, across)}), width


def _lstm_shapes(config: LstmConfig, rows: int) -> tuple[dict[str, tuple[int, ...]], int]:
    shapes: dict[str, tuple[int, ...]] = {"rows.weight": (rows, config.embedding)}
    names = ("forth", "back") if config.bidirectional else ("forth",)
    width = config.dim // len(names)
    for name in names:
        shapes |= {
            f"{name}.input": (config.embedding, 4 * width),
            f"{name}.recurrent": (width, 4 * width),
            f"{name}.bias": (4 * width,),
        }
        if config.peepholes:
            shapes[f"{name}.peepholes"] = (3, width)
    return shapes, config.embedding
