"""The lexical part of vectors as ONNX operators: the same as dssmcli.serving.lexical."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from dssmcli.config import PLAIN, SIDES
from dssmcli.export.graph import Graph
from dssmcli.export.towers import Texts
from dssmcli.serving.lexical import NAME, Columns
from dssmcli.text.projection import Projection

Floats = npt.NDArray[np.float32]


def add_lexical(
    graph: Graph,
    dims: int,
    columns: Columns,
    weights: Mapping[str, Floats],
    texts: Texts,
    semantic: str,
    side: str,
) -> str:
    """Join the lexical part to unit rows (B, D); return rows with these columns."""
    if not columns.lexical and not columns.room:
        return semantic
    sums = _sums(graph, dims, weights["weight"], texts)  # (B, L)
    squares = graph.total(graph.op("Mul", sums, sums), axis=1, keepdims=1)
    norms = graph.op("Max", graph.op("Sqrt", squares), graph.number(1e-12))
    length = _lengths(graph, weights, norms, side)  # (B, 1)
    (share,) = weights["share"]
    parts = []
    if columns.lexical:
        shared = graph.op("Mul", length, graph.number(float(np.sqrt(share))))
        parts.append(graph.op("Mul", graph.op("Div", sums, norms), shared))
    if columns.semantic:
        meant = graph.op("Mul", length, graph.number(float(np.sqrt(1 - share))))
        parts.append(graph.op("Mul", semantic, meant))
    if not columns.room:
        return unit_rows(graph, graph.op("Concat", *parts, axis=1))
    missing = graph.op("Sub", graph.number(1.0), graph.op("Mul", length, length))
    room = graph.op("Sqrt", graph.op("Max", missing, graph.number(0.0)))
    rooms = [graph.op("Mul", room, graph.number(0.0))] * len(SIDES)
    rooms[SIDES.index(side)] = room
    return graph.op("Concat", *parts, *rooms, axis=1)


def unit_rows(graph: Graph, vectors: str) -> str:
    """Return rows (B, D) of length 1; a row of zeros stays."""
    squares = graph.total(graph.op("Mul", vectors, vectors), axis=1, keepdims=1)
    norms = graph.op("Max", graph.op("Sqrt", squares), graph.number(1e-12))
    return graph.op("Div", vectors, norms)


def _sums(graph: Graph, dims: int, weight: Floats, texts: Texts) -> str:
    """Return the sum of the projected features of each text's distinct units, (B, L)."""
    rows = _rows(graph, dims, weight, texts.features)
    units = graph.total(rows, axis=1)  # (U, L)
    # How often each unit stands in each text (B, U): a text's units count once.
    shape = graph.op(
        "Concat",
        graph.cut(graph.op("Shape", texts.units), 0, 1, axis=0),
        graph.cut(graph.op("Shape", texts.features), 0, 1, axis=0),
        axis=0,
    )
    none = graph.op("Expand", graph.number(0.0), shape)
    ones = graph.op("Expand", graph.number(1.0), graph.op("Shape", texts.units))
    times = graph.op("ScatterElements", none, texts.units, ones, axis=1, reduction="add")
    return graph.op("MatMul", graph.op("Min", times, graph.number(1.0)), units)


def _rows(graph: Graph, dims: int, weight: Floats, features: str) -> str:
    """Return the projected rows (U, K, L) of features: see dssmcli.text.projection."""
    ids = np.arange(1, 1 + dims)
    hadamard = graph.weight(f"{NAME}.signs", Projection(dims).rows(ids))
    # The first feature of a group has the group's flips for a row.
    groups = 1 + np.arange(0, len(weight) - 1, dims)
    flips = np.sign(Projection(dims).rows(groups)).astype(np.float32)
    group = graph.weight(f"{NAME}.flips", flips)
    weights = weight.copy()
    weights[0] = 0.0
    # Features count from 1; padding, which has no weight, borrows the first one's row.
    place = graph.op("Max", graph.op("Sub", features, graph.ints(1)), graph.ints(0))
    size = graph.ints(dims)
    signs = graph.op(
        "Mul",
        graph.op("Gather", hadamard, graph.op("Mod", place, size)),
        graph.op("Gather", group, graph.op("Div", place, size)),
    )
    heavy = graph.op("Gather", graph.weight(f"{NAME}.weight", weights), features)
    return graph.op("Mul", signs, graph.op("Unsqueeze", heavy, graph.ints(2)))


def _lengths(graph: Graph, weights: Mapping[str, Floats], norms: str, side: str) -> str:
    """Return how long the parts of texts are, (B, 1), given their lexical sums' lengths."""
    power = 0.0 if side == PLAIN else float(weights["powers"][SIDES.index(side)])
    shortest, longest = weights["lengths"].tolist()
    pivot = longest if power > 0 else shortest
    raised = graph.op("Pow", graph.op("Div", norms, graph.number(pivot)), graph.number(power))
    return graph.op("Min", raised, graph.number(1.0))
