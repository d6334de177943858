"""A run's side as an ONNX model: from the features of units to unit rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dssmcli.config import SIDES, VECTOR_SIDES
from dssmcli.export.graph import Graph, Tensor, to_onnx
from dssmcli.export.lexical import add_lexical, unit_rows
from dssmcli.export.towers import add_tower, read_texts
from dssmcli.serving.contents import Contents
from dssmcli.serving.encoder import has_whole_vectors
from dssmcli.serving.lexical import NAME, Columns, columns_of
from dssmcli.serving.weights import under

BOTH = "model.onnx"
"""The model's file where all sides have the same."""
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
    dim = sum(columns_in(run)[side])
    return to_onnx(
        graph_of(run, side),
        [
            Tensor(FEATURES, np.int64, ("distinct_units", "features_a_unit"), "ids, 0 = none"),
            Tensor(UNITS, np.int64, ("texts", "units_a_text"), "rows of features, 0 = none"),
        ],
        [Tensor(VECTORS, np.float32, ("texts", dim), "rows of length 1, or zeros")],
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
    rows = unit_rows(graph, vectors)
    if run.model.lexical:
        dims, weights = run.model.lexical, under(f"{NAME}.", run.weights)
        rows = add_lexical(graph, dims, columns_in(run)[side], weights, texts, rows, side)
    graph.name(graph.op("Mul", rows, texts.said), VECTORS)
    return graph


def columns_in(run: Contents) -> dict[str, Columns]:
    """Return the columns of the vectors of each side: text, query and title."""
    semantic = run.model.tower.dim
    if not run.model.lexical:
        return dict.fromkeys(VECTOR_SIDES, Columns(0, semantic, 0))
    weights = under(f"{NAME}.", run.weights)
    return columns_of(run.model.lexical, semantic, weights, has_whole_vectors(run.config))


def sides_in(run: Contents) -> tuple[str, ...]:
    """Return the sides that a run has vectors of."""
    return SIDES if run.model.separate_towers else VECTOR_SIDES


def models_of(run: Contents, sides: Sequence[str]) -> dict[str, str]:
    """Return the name of each side's file; sides that have the same vectors have one file."""
    columns = columns_in(run)
    differ = run.model.separate_towers or any(each.room for each in columns.values())
    return {side: f"{side}.onnx" if differ else BOTH for side in sides}
