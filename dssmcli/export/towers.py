"""The towers as ONNX operators: the same function as dssmcli.serving.towers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.config import CnnConfig, DnnConfig, LstmConfig, TowerConfig
from dssmcli.export.graph import Graph
from dssmcli.text.vocab import PAD

Floats = npt.NDArray[np.float32]
Weights = Mapping[str, Floats]

_LOWEST = float(np.finfo(np.float32).min)


class Texts(NamedTuple):
    """Names of what a graph knows of its B texts of at most T units.

    features: (U, K) int64, the features of each distinct unit. units: (B, T) int64, at least one
    column, 0 behind the end of a text. inside: (B, T, 1) bool. lengths: (B, 1) float32, at least 1.
    said: (B, 1) float32, 0 for a text without units, else 1.
    """

    features: str
    units: str
    inside: str
    lengths: str
    said: str


def read_texts(graph: Graph, features: str, units: str, max_units: int) -> Texts:
    """Cut texts (B, T) to what the model reads."""
    cut = graph.cut(units, 0, max_units, axis=1)
    # One column of padding more, so that texts which are all empty have one.
    padded = graph.op("Pad", cut, graph.ints(0, 0, 0, 1))
    inside = graph.op("Greater", padded, graph.ints(0))
    numbers = graph.op("Cast", inside, to=_FLOAT)
    counts = graph.total(numbers, axis=1, keepdims=1)
    one = graph.number(1.0)
    return Texts(
        features,
        padded,
        graph.op("Unsqueeze", inside, graph.ints(2)),
        graph.op("Max", counts, one),
        graph.op("Min", counts, one),
    )


_FLOAT = 1  # onnx.TensorProto.FLOAT, which stands in the format


def add_tower(graph: Graph, config: TowerConfig, weights: Weights, texts: Texts) -> str:
    """Add a tower, its weights named without the tower's own name; return the vectors (B, D).

    They are not yet of unit length, and of no meaning for a text without units.
    """
    rows = weights["rows.weight"].copy()
    rows[PAD] = 0.0
    table = graph.weight("rows.weight", rows)
    units = graph.total(graph.op("Gather", table, texts.features), axis=1)  # (U, E)
    if isinstance(config, DnnConfig):
        return _dnn(graph, config, weights, texts, units)
    if isinstance(config, CnnConfig):
        return _cnn(graph, config, weights, texts, units)
    return _lstm(graph, config, weights, texts, units)


def bag(graph: Graph, units: str, texts: Texts) -> str:
    """Return the sum of each text's rows (B, W), given those of the units (U, W)."""
    return graph.total(graph.op("Gather", units, texts.units), axis=1)


def _skip(graph: Graph, weights: Weights, texts: Texts, sums: str) -> str:
    """Return the linear path around a tower, given sums (B, E); see dssmcli.models.layers.Skip."""
    scaled = graph.op("Div", sums, graph.op("Sqrt", texts.lengths))
    return graph.op("MatMul", scaled, graph.weight("skip.weight", weights["skip.weight"].T))


def _layer(graph: Graph, weights: Weights, name: str, inputs: str) -> str:
    """Return tanh(x W + b)."""
    weight, bias = (
        graph.weight(f"{name}.{part}", weights[f"{name}.{part}"]) for part in ("weight", "bias")
    )
    return graph.op("Tanh", graph.op("Gemm", inputs, weight, bias, transB=1))


def _dnn(graph: Graph, config: DnnConfig, weights: Weights, texts: Texts, units: str) -> str:
    sums = bag(graph, units, texts)  # (B, H1)
    hidden = graph.op("Tanh", graph.op("Add", sums, graph.weight("bias", weights["bias"])))
    for name in (*(f"layers.{i}" for i in range(len(config.hidden) - 1)), "output"):
        hidden = _layer(graph, weights, name, hidden)
    return _around(graph, config, weights, texts, hidden, sums)


def _around(
    graph: Graph, config: TowerConfig, weights: Weights, texts: Texts, vectors: str, sums: str
) -> str:
    """Add the path around a tower to its vectors, if it has one."""
    return graph.op("Add", vectors, _skip(graph, weights, texts, sums)) if config.skip else vectors


def _cnn(graph: Graph, config: CnnConfig, weights: Weights, texts: Texts, units: str) -> str:
    projected = units  # (U, K F)
    if config.form == "factored":
        projected = graph.op("MatMul", units, graph.weight("conv", weights["conv"]))
    pools = ["max", "mean"] if config.pooling == "max+mean" else ["max"]
    windows, first = [], 0
    for width in config.window:
        windows.append(_windows(graph, projected, texts, first, width, config.filters))
        first += width
    pooled = graph.op(
        "Concat", *(_pooled(graph, each, texts, pool) for pool in pools for each in windows), axis=1
    )
    hidden = graph.op("Tanh", graph.op("Add", pooled, graph.weight("bias", weights["bias"])))
    vectors = _layer(graph, weights, "output", hidden)
    return _around(graph, config, weights, texts, vectors, bag(graph, units, texts))


def _windows(
    graph: Graph, projected: str, texts: Texts, first: int, width: int, filters: int
) -> str:
    """Return what filters say of the window around every unit, (B, T, F).

    `first`: at which offset of all widths this one's begin.
    """
    before = width // 2
    padded = graph.op("Pad", texts.units, graph.ints(0, before, 0, width - 1 - before))
    total = ""
    for k in range(width):
        table = graph.cut(projected, (first + k) * filters, (first + k + 1) * filters, axis=1)
        end = k + 1 - width or np.iinfo(np.int64).max
        part = graph.op("Gather", table, graph.cut(padded, k, int(end), axis=1))
        total = graph.op("Add", total, part) if total else part
    return total


def _pooled(graph: Graph, values: str, texts: Texts, pooling: str) -> str:
    """Return the maximum or the mean over each text's units, (B, W) of (B, T, W)."""
    if pooling == "max":
        kept = graph.op("Where", texts.inside, values, graph.number(_LOWEST))
        return graph.op("ReduceMax", kept, axes=[1], keepdims=0)
    kept = graph.op("Where", texts.inside, values, graph.number(0.0))
    return graph.op("Div", graph.total(kept, axis=1), texts.lengths)


def _lstm(graph: Graph, config: LstmConfig, weights: Weights, texts: Texts, units: str) -> str:
    names = ("forth", "back") if config.bidirectional else ("forth",)
    cells = [_cell(weights, name, config) for name in names]
    inputs, recurrent, biases, peepholes = (
        graph.weight(f"lstm.{part}", np.stack(arrays))
        for part, arrays in zip(_Cell._fields, zip(*cells, strict=True), strict=True)
    )
    count, padded, lengths = _at_least_one(graph, texts)
    steps = graph.op("Gather", units, graph.op("Transpose", padded, perm=[1, 0]))  # (T, B, E)
    states, last, _ = graph.ops(
        *("LSTM", 3, steps, inputs, recurrent, biases, lengths, "", "", peepholes),
        hidden_size=config.dim // len(names),
        direction="bidirectional" if config.bidirectional else "forward",
    )  # (T, directions, B, H) and (directions, B, H)
    if config.pooling == "last":
        kept = graph.op("Slice", last, graph.ints(0), count, graph.ints(1))
        by_text = graph.op("Transpose", kept, perm=[1, 0, 2])
        vectors = graph.op("Reshape", by_text, graph.ints(0, config.dim))
    else:
        kept = graph.op("Slice", states, graph.ints(0), count, graph.ints(2))
        by_text = graph.op("Transpose", kept, perm=[2, 0, 1, 3])
        joined = graph.op("Reshape", by_text, graph.ints(0, 0, config.dim))
        vectors = _pooled(graph, joined, texts, config.pooling)
    return _around(graph, config, weights, texts, vectors, bag(graph, units, texts))


_INT32 = 6  # onnx.TensorProto.INT32


def _at_least_one(graph: Graph, texts: Texts) -> tuple[str, str, str]:
    """Return the number of texts (1,), their units and their lengths (B,) int32, with B above 0.

    onnxruntime's LSTM ends the whole process where it is given no text at all.
    """
    count = graph.cut(graph.op("Shape", texts.units), 0, 1, axis=0)
    missing = graph.op("Sub", graph.ints(1), graph.op("Min", count, graph.ints(1)))
    zeros = graph.ints(0, 0)
    rows = graph.op("Concat", zeros, missing, graph.ints(0), axis=0)
    padded = graph.op("Pad", texts.units, rows)
    lengths = graph.op("Pad", texts.lengths, rows, graph.number(1.0))
    whole = graph.op("Squeeze", graph.op("Cast", lengths, to=_INT32), graph.ints(1))
    return count, padded, whole


class _Cell(NamedTuple):
    """One direction's weights as the operator LSTM has them, gates in the order i, o, f, c.

    input: (4 H, E). recurrent: (4 H, H). biases: (8 H,). peepholes: (3 H,), in the order i, o, f.
    """

    input: Floats
    recurrent: Floats
    biases: Floats
    peepholes: Floats


def _cell(weights: Weights, name: str, config: LstmConfig) -> _Cell:
    width = weights[f"{name}.recurrent"].shape[0]

    def gates(part: str) -> Floats:
        i, f, g, o = np.split(weights[f"{name}.{part}"].T, 4)
        return np.concatenate([i, o, f, g])

    silent = np.zeros(4 * width, np.float32)
    looks = silent[: 3 * width]
    if config.peepholes:
        i, f, o = weights[f"{name}.peepholes"]
        looks = np.concatenate([i, o, f])
    return _Cell(gates("input"), gates("recurrent"), np.concatenate([gates("bias"), silent]), looks)
