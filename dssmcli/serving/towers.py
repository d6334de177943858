"""The towers in numpy: the same function as dssmcli.models.towers, without torch.

Every tower is linear in its units up to the maximum (CNN), the recurrence (LSTM) or the first
tanh (DNN). So the units of a block are projected once each, and a text only looks them up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from dssmcli.config import CnnConfig, DnnConfig, LstmConfig, TowerConfig
from dssmcli.text.blocks import Block

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Weights = Mapping[str, Floats]


class Tower(Protocol):
    """A block of texts in, vectors (B, D) float32 out, not yet of unit length."""

    def __call__(self, block: Block) -> Floats:
        """Return the vectors of a block."""
        ...


class _Group(NamedTuple):
    """Texts of one length: which rows of the block they are, and their units (n, T)."""

    rows: Ints
    units: Ints


def _by_length(block: Block, most: int = 4096) -> Iterator[_Group]:
    """Yield the texts that have units in groups of one length: no padding, no masks."""
    order = np.argsort(block.lengths, kind="stable")
    lengths = block.lengths[order]
    starts = np.flatnonzero(np.concatenate(([True], lengths[1:] != lengths[:-1])))
    for start, end in zip(starts, np.append(starts[1:], len(order)), strict=True):
        length = int(lengths[start])
        for first in range(start, end, most) if length else ():
            rows = order[first : min(end, first + most)]
            yield _Group(rows, block.units[rows, :length])


def _unit_vectors(rows: Floats, block: Block) -> Floats:
    """Return each distinct unit's sum of feature rows, (U, E); unit 0, padding, is zero."""
    taken = rows[block.features]
    if len(block.features) == len(block.starts):
        return taken
    return np.asarray(np.add.reduceat(taken, block.starts, axis=0), np.float32)


def _bags(units: Floats, block: Block) -> Floats:
    """Return the sum of each text's unit vectors, (B, E)."""
    sums = np.zeros((len(block.lengths), units.shape[1]), np.float32)
    for group in _by_length(block):
        total = units[group.units[:, 0]]
        for column in group.units.T[1:]:
            total += units[column]
        sums[group.rows] = total
    return sums


class _Layer(NamedTuple):
    """tanh(x W + b)."""

    weight: Floats  # (inputs, outputs)
    bias: Floats

    def __call__(self, inputs: Floats) -> Floats:
        return np.asarray(np.tanh(inputs @ self.weight + self.bias))


def _layer(weights: Weights, name: str) -> _Layer:
    return _Layer(np.ascontiguousarray(weights[f"{name}.weight"].T), weights[f"{name}.bias"])


class _Skip:
    """The linear path around a tower; see dssmcli.models.layers.Skip."""

    def __init__(self, weights: Weights) -> None:
        self._weight = np.ascontiguousarray(weights["skip.weight"].T)

    def __call__(self, bag: Floats, block: Block) -> Floats:
        scale = np.sqrt(np.maximum(block.lengths, 1)).astype(np.float32)
        return np.asarray((bag / scale[:, None]) @ self._weight)


def _skip(config: TowerConfig, weights: Weights) -> _Skip | None:
    return _Skip(weights) if config.skip else None


class DnnTower:
    """DSSM: a bag of units, then tanh layers."""

    def __init__(self, config: DnnConfig, weights: Weights) -> None:
        self._rows, self._bias = weights["rows.weight"], weights["bias"]
        hidden = [f"layers.{i}" for i in range(len(config.hidden) - 1)]
        self._layers = [_layer(weights, name) for name in (*hidden, "output")]
        self._skip = _skip(config, weights)

    def __call__(self, block: Block) -> Floats:
        """Return (B, D)."""
        bag = _bags(_unit_vectors(self._rows, block), block)  # (B, H1)
        vectors: Floats = np.tanh(bag + self._bias)
        for layer in self._layers:
            vectors = layer(vectors)
        return vectors if self._skip is None else vectors + self._skip(bag, block)


class CnnTower:
    """CLSM: windows of units, max over time, two tanh."""

    def __init__(self, config: CnnConfig, weights: Weights) -> None:
        self._rows, self._bias = weights["rows.weight"], weights["bias"]
        self._conv = weights.get("conv")
        self._window, self._filters = config.window, config.filters
        self._output = _layer(weights, "output")
        self._skip = _skip(config, weights)

    def __call__(self, block: Block) -> Floats:
        """Return (B, D)."""
        units = _unit_vectors(self._rows, block)  # (U, E) or, exact, (U, K F)
        projected = units if self._conv is None else units @ self._conv  # (U, K F)
        best = self._best(projected, block)  # (B, F)
        vectors = self._output(np.tanh(best + self._bias))
        if self._skip is not None:
            vectors += self._skip(_bags(units, block), block)
        return vectors

    def _best(self, projected: Floats, block: Block) -> Floats:
        shape = (len(projected), self._window, self._filters)
        offsets = np.ascontiguousarray(projected.reshape(shape).transpose(1, 0, 2))  # (K, U, F)
        best = np.zeros((len(block.lengths), self._filters), np.float32)
        for group in _by_length(block):
            best[group.rows] = self._group_best(offsets, group.units)
        return best

    def _group_best(self, offsets: Floats, units: Ints) -> Floats:
        """Return the maximum over the windows of texts of one length, (n, T) -> (n, F)."""
        side = self._window // 2
        length = units.shape[1]
        best = None
        for centre in range(length):
            inside = range(max(0, side - centre), min(self._window, length + side - centre))
            summed = sum(offsets[k][units[:, centre + k - side]] for k in inside)
            best = summed if best is None else np.maximum(best, summed, out=best)
        return np.asarray(best)


class LstmTower:
    """LSTM-DSSM: peephole LSTM, states pooled."""

    def __init__(self, config: LstmConfig, weights: Weights) -> None:
        self._rows = weights["rows.weight"]
        names = ("forth", "back") if config.bidirectional else ("forth",)
        self._cells = [_LstmCell(weights, name, config) for name in names]
        self._skip = _skip(config, weights)
        self._dim = config.dim

    def __call__(self, block: Block) -> Floats:
        """Return (B, D)."""
        units = _unit_vectors(self._rows, block)  # (U, E)
        vectors = np.zeros((len(block.lengths), self._dim), np.float32)
        width = self._dim // len(self._cells)
        for i, cell in enumerate(self._cells):
            gates = cell.gates(units)  # (U, 4 H)
            for group in _by_length(block):
                order = group.units if i == 0 else group.units[:, ::-1]
                vectors[group.rows, i * width : (i + 1) * width] = cell.pooled(gates, order)
        return vectors if self._skip is None else vectors + self._skip(_bags(units, block), block)


class _LstmCell:
    """One direction: the recurrence over texts of one length, pooled as it goes."""

    def __init__(self, weights: Weights, name: str, config: LstmConfig) -> None:
        self._input, self._bias = weights[f"{name}.input"], weights[f"{name}.bias"]
        self._recurrent = weights[f"{name}.recurrent"]
        self._width = self._recurrent.shape[0]
        silent = np.zeros((3, self._width), np.float32)
        self._peepholes = weights[f"{name}.peepholes"] if config.peepholes else silent
        self._pooling = config.pooling

    def gates(self, units: Floats) -> Floats:
        """Return the input projection of every distinct unit, (U, 4 H)."""
        return np.asarray(units @ self._input + self._bias)

    def pooled(self, gates: Floats, order: Ints) -> Floats:
        """Return the pooled states (n, H) of texts with units (n, T)."""
        state = np.zeros((len(order), self._width), np.float32)
        cell = state
        pooled = None
        for column in order.T:
            state, cell = self._step(gates[column] + state @ self._recurrent, cell)
            if pooled is None or self._pooling == "last":
                pooled = state
            elif self._pooling == "max":
                pooled = np.maximum(pooled, state)
            else:
                pooled = pooled + state
        assert pooled is not None, "texts without units are in no group"
        return pooled / np.float32(order.shape[1]) if self._pooling == "mean" else pooled

    def _step(self, gates: Floats, cell: Floats) -> tuple[Floats, Floats]:
        width, (look_i, look_f, look_o) = self._width, self._peepholes
        i = _sigmoid(gates[:, :width] + look_i * cell)
        f = _sigmoid(gates[:, width : 2 * width] + look_f * cell)
        cell = f * cell + i * np.tanh(gates[:, 2 * width : 3 * width])
        o = _sigmoid(gates[:, 3 * width :] + look_o * cell)
        return o * np.tanh(cell), cell


def _sigmoid(x: Floats) -> Floats:
    # Through tanh: it cannot overflow, and numpy's tanh is vectorised.
    return np.asarray(np.float32(0.5) * (np.tanh(np.float32(0.5) * x) + np.float32(1.0)))


TOWERS = {"dnn": DnnTower, "cnn": CnnTower, "lstm": LstmTower}


def build_tower(config: TowerConfig, weights: Weights) -> Tower:
    """Build a tower over a run's weights, their names without the tower's own."""
    if isinstance(config, DnnConfig):
        return DnnTower(config, weights)
    if isinstance(config, CnnConfig):
        return CnnTower(config, weights)
    return LstmTower(config, weights)


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
    across = config.window * config.filters
    exact = config.form == "exact"
    width = across if exact else config.embedding
    shapes: dict[str, tuple[int, ...]] = {
        "rows.weight": (rows, width),
        "bias": (config.filters,),
        "output.weight": (config.dim, config.filters),
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
