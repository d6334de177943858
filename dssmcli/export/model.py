"""A run's side as an ONNX model: from the features of units to unit rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from dssmcli.export.graph import Graph, Tensor, to_onnx
from dssmcli.export.towers import add_tower, read_texts
from dssmcli.serving.encoder import Contents
from dssmcli.serving.weights import under

FEATURES, UNITS, VECTORS = "features", "units", "vectors"

_TOLD = (
    "Texts become vectors. `features` holds the ids of each distinct unit's features, 0 behind the "
    "last; its row 0 is all 0. `units` holds each text's units as rows of `features`, 0 behind the "
    "last. `vectors` has rows of length 1, and zeros for a text without units."
)


def build_model(run: Contents, side: str, settings: Mapping[str, Any]) -> bytes:
    """Return the ONNX file of a side; `settings` stand in its metadata, JSON where no text.

    Raises MissingExtra without the package onnx, DssmError for a run that is too large.
    """
    return to_onnx(
        graph_of(run, side),
        [
            Tensor(FEATURES, np.int64, ("distinct_units", "features_a_unit"), "ids, 0 = none"),
            Tensor(UNITS, np.int64, ("texts", "units_a_text"), "rows of features, 0 = none"),
        ],
        [Tensor(VECTORS, np.float32, ("texts", run.model.dim), "rows of length 1, or zeros")],
        {
            f"dssm.{name}": value if isinstance(value, str) else json.dumps(value)
            for name, value in settings.items()
        },
        _TOLD,
        str(settings["version"]),
    )


def graph_of(run: Contents, side: str) -> Graph:
    """Return the graph of a side."""
    graph = Graph()
    texts = read_texts(graph, FEATURES, UNITS, run.model.text.max_units)
    tower = side if run.model.separate_towers else "tower"
    vectors = add_tower(graph, run.model.tower, under(f"{tower}.", run.weights), texts)
    squares = graph.total(graph.op("Mul", vectors, vectors), axis=1, keepdims=1)
    norms = graph.op("Max", graph.op("Sqrt", squares), graph.number(1e-12))
    rows = graph.op("Div", vectors, norms)
    if run.model.lexical:
        from dssmcli.export.lexical import add_lexical
        from dssmcli.serving.lexical import NAME

        weights = under(f"{NAME}.", run.weights)
        rows = add_lexical(graph, run.model.lexical, weights, texts, rows, side)
    graph.name(graph.op("Mul", rows, texts.said), VECTORS)
    return graph


def sides_differ(run: Contents) -> bool:
    """Tell whether a query and a title of the same words have different vectors."""
    return bool(run.model.separate_towers or run.model.lexical)
