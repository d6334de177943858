"""What benchmarks/quality.py rests on: parts that do not overlap, and how rankings are judged."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def sets(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    pytest.importorskip("sklearn")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import quality_sets

    return quality_sets


def test_held_out_rows_share_no_text_with_the_others(sets, tmp_path):
    # Chains: a row's second text is the next row's first, four rows a chain; `\r` is in a text.
    chains = [[f"{chain} {link}\r" for link in range(5)] for chain in range(200)]
    rows = [f"{a}\t{b}\t1\n" for chain in chains for a, b in pairwise(chain)]
    file = tmp_path / "rows.tsv"
    file.write_text("".join(rows), "utf-8", newline="\n")
    train, dev = sets.hold_out(sets.read(file), 0.25, tmp_path)
    assert not {*train.query, *train.title} & {*dev.query, *dev.title}
    assert len(train.query) + len(dev.query) == len(rows)
    assert 0.15 < len(dev.query) / len(rows) < 0.35


def test_rankings_are_judged_by_query(sets):
    # Each query ranks its right title second of two; taken together the scores would look good.
    pairs = sets.Pairs(Path(), ["a", "a", "b", "b"], list("wxyz"), np.array([0, 1, 0, 1.0]))
    plan = sets.Plan("", (), "en", "label", ("map", "mrr", "auc"))
    found = sets.judge(np.array([0.2, 0.1, 0.9, 0.8]), pairs, plan)
    assert found == {"auc": 0.25, "map": 0.5, "mrr": 0.5}


def test_queries_without_a_right_title_do_not_count(sets):
    pairs = sets.Pairs(Path(), ["a", "a", "b"], list("xyz"), np.array([0, 1, 0.0]))
    plan = sets.Plan("", (), "en", "label", ("mrr",))
    assert sets.judge(np.array([0.1, 0.2, 0.3]), pairs, plan) == {"mrr": 1.0}
