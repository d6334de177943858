"""Runs that 0.1.0 wrote: they cut texts and score as they did on the day they were trained.

tests/data/format-4 has a run for each way to cut: auto (and `powers`, whose length powers differ
by side), char, jieba and sentencepiece (`pieces`), and one with separate towers (`towers`).
NAME.json beside a run has what 0.1.0 made of texts: units with ids, and scores of pairs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import dssmcli

FORMAT_4 = Path(__file__).parent / "data" / "format-4"
NAMES = sorted(path.stem for path in FORMAT_4.glob("*.json"))


def expected(name: str) -> dict[str, Any]:
    """Return what 0.1.0 said of the texts."""
    told: dict[str, Any] = json.loads((FORMAT_4 / f"{name}.json").read_text("utf-8"))
    return told


def test_there_is_a_run_of_every_kind() -> None:
    assert NAMES == ["auto", "char", "jieba", "pieces", "powers", "towers"]


@pytest.mark.parametrize("name", NAMES)
def test_a_run_of_format_4_gives_the_units_and_ids_it_gave(name: str) -> None:
    lookup = dssmcli.load(FORMAT_4 / name).lookup
    for text, units in expected(name)["units"]:
        assert [[each.unit, each.ids] for each in lookup.describe(text)] == units, text


@pytest.mark.parametrize("name", NAMES)
def test_a_run_of_format_4_gives_the_scores_it_gave(name: str) -> None:
    model = dssmcli.load(FORMAT_4 / name)
    queries, titles, scores = zip(*expected(name)["scores"], strict=True)
    assert model.score_pairs(queries, titles).tolist() == pytest.approx(scores, abs=2e-6)
    for query, title, score in expected(name)["scores"]:
        assert model.score(query, title) == pytest.approx(score, abs=2e-6)
