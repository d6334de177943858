"""Figures lower than chance: labels turned round are said in eval, report and training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from dssmcli import metrics
from dssmcli.bootstrap import Interval
from dssmcli.serving import chance as served
from dssmcli.serving.reports import Report
from dssmcli.training import chance as trained
from tests.conftest import SMALL, Dssm


def report(kind: str, figures: Mapping[str, float], rows: int = 200, high: float = 0.0) -> Report:
    intervals = {name: Interval(-1.0, high) for name in figures} if high else {}
    return Report(rows, kind, dict(figures), {}, intervals, {})


def test_the_doubt_of_an_auc_is_three_deviations_of_ranks_at_random() -> None:
    random = np.random.default_rng(1)
    positive = np.arange(60) < 20
    found = [metrics.auc(random.random(60), positive) for _ in range(2000)]
    assert metrics.auc_doubt(20, 40) == pytest.approx(3 * np.std(found), rel=0.05)
    assert math.isinf(metrics.auc_doubt(5, 5)) and math.isinf(metrics.auc_doubt(0, 90))


@pytest.mark.parametrize(
    ("kind", "figures", "said"),
    [
        ("label", {"auc": 0.2, "positive_share": 0.5}, "auc 0.2000. Are the labels turned"),
        ("grade", {"spearman": -0.5}, "spearman -0.5000. Are low grades the good ones?"),
        ("table", {"a.auc": 0.2, "b.auc": 0.7}, "a.auc 0.2000. Are the labels turned"),
        ("label", {"auc": 0.49, "positive_share": 0.5}, ""),
        ("label", {"auc": 0.2, "positive_share": 0.001}, ""),
        ("table", {"a.r2": -3.0, "bias": 0.1}, ""),
    ],
)
def test_only_what_is_surely_lower_than_chance_is_said(
    kind: str, figures: dict[str, float], said: str
) -> None:
    found = served.chance_warning(report(kind, figures), "run")
    assert said in found and bool(found) == bool(said)
    assert not served.chance_warning(report(kind, figures, rows=12), "run")
    assert not served.chance_warning(report(kind, figures, high=0.6), "run")


def test_training_warns_where_no_evaluation_is_as_good_as_chance() -> None:
    lines = [{"step": step, "best": not step, "auc": auc} for step, auc in ((0, 0.5), (9, 0.2))]
    assert "auc 0.2000, expected 0.5" in trained.chance_warning(lines, {"auc": (0.5, 0.1)})
    assert not trained.chance_warning(lines, {"auc": (0.5, 0.4)})
    assert not trained.chance_warning(lines, {})
    assert not trained.chance_warning([*lines, {**lines[1], "auc": 0.6}], {"auc": (0.5, 0.1)})


def test_labels_turned_round_are_warned_of(dssm: Dssm, tmp_path: Path) -> None:
    rows = [(f"red{i} hat", f"hat red{i if i % 2 else i + 1}", i % 2) for i in range(120)]
    for name, other in (("pairs", 0), ("turned", 1)):
        text = "".join(f"{q}\t{t}\t{v ^ other}\n" for q, t, v in rows)
        (tmp_path / f"{name}.tsv").write_text(text, "utf-8")
    pairs, turned, made = tmp_path / "pairs.tsv", tmp_path / "turned.tsv", tmp_path / "run"
    fit = (*SMALL, "--arch", "dnn", "--hidden", "8", "--epochs", "1", "-q")
    done = dssm("train", pairs, "--valid", turned, *fit, "-o", made)
    assert done.code == 0 and "Warning: validation is lower than chance (auc 0.0" in done.err
    for line in (
        ("eval", "-m", made, turned, "-q"),
        ("report", made, "--data", turned, "-o", tmp_path / "r.html", "-q"),
    ):
        assert f"lower than chance by {made}: auc 0.0" in dssm(*line).err
    assert "lower than chance" not in dssm("eval", "-m", made, pairs, "-q").err
