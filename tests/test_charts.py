"""The numbers behind each chart of `dssm report`: known answers, and scikit-learn's."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.decomposition import PCA

from dssmcli import metrics
from dssmcli.bootstrap import Plan
from dssmcli.calibration import Calibration, calibration_error, reliability
from dssmcli.config import ModelConfig
from dssmcli.data.tsv import BadRows
from dssmcli.serving import scales, text_charts, text_slices
from dssmcli.serving.charts import Axis, Bars, Chart, Line, Panel, Points, Range, Rule, legend
from dssmcli.serving.comparison import figures
from dssmcli.serving.curves import curves
from dssmcli.serving.origin import OfRun
from dssmcli.serving.reports import Report
from dssmcli.serving.scored import Limit, Scored, scored_pairs
from dssmcli.serving.text_map import flattened, text_map
from dssmcli.serving.told import Story, settings, summary
from dssmcli.text.tokenizers import Lookup

Floats = npt.NDArray[np.float64]


PLATT, ALL = Calibration(1.0, 0.0), Limit(100, 1)


@dataclass
class Known(OfRun):
    """An encoder whose answers are known: the cosine of a text with itself is 1, else 0."""

    threshold: float | None = 0.5
    calibration: Calibration | None = PLATT
    config: dict[str, Any] = field(default_factory=dict)
    lookup: Lookup = field(default_factory=lambda: Lookup.shipped("auto"))
    model: ModelConfig = field(default_factory=lambda: ModelConfig(separate_towers=True))

    def probability(self, cosines: Floats) -> Floats:
        return np.clip(np.asarray(cosines, np.float64), 0, 1)

    def encode(self, texts: list[str], side: str) -> npt.NDArray[np.float32]:
        angles = np.array([len(text) for text in texts], np.float64) + (side == "title") * 0.1
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    def parallel(self, function: Any, blocks: Any) -> Any:
        return map(function, blocks)

    def scored(self, texts: list[str]) -> Any:
        from dssmcli.serving.workers import Encoded

        half = len(texts) // 2
        same = [float(a == b) for a, b in zip(texts[:half], texts[half:], strict=True)]
        return Encoded(np.array(same, np.float32)[:, None])


def scored(
    cosines: list[float],
    positive: list[int],
    texts: list[tuple[str, str]] | None = None,
    encoder: Known | None = None,
) -> Scored:
    rows = texts or [(f"q{i}", f"t{i}") for i in range(len(cosines))]
    queries = [query for query, _ in rows]
    return Scored(
        (encoder or Known(),),
        ("run",),
        queries,
        [title for _, title in rows],
        np.unique(queries, return_inverse=True)[1],
        np.array(positive, bool),
        np.array(cosines, np.float64)[:, None],
        "label",
        (),
    )


def marks(chart: Chart, kind: type, panel: int = 0) -> list[Any]:
    return [mark for mark in chart.panels[panel].marks if isinstance(mark, kind)]


# Score histograms


def test_a_histogram_has_the_share_of_each_kind_in_each_bin_and_the_threshold() -> None:
    chart = text_charts.histogram(scored([0.0, 0.0, 1.0, 1.0, 1.0], [0, 0, 0, 1, 1]))
    others, matches = marks(chart, Bars)
    assert (others.name, matches.name) == ("no match", "match")
    assert others.heights[0] == pytest.approx(2 / 3) and others.heights[-1] == pytest.approx(1 / 3)
    assert matches.heights == (*[0.0] * 39, 1.0) and len(matches.edges) == 41
    assert sum(others.heights) == pytest.approx(1)
    [rule] = marks(chart, Rule)
    assert (rule.axis, rule.at) == ("x", 0.5)


def test_scores_that_are_all_the_same_have_a_histogram_too() -> None:
    chart = text_charts.histogram(scored([0.3] * 4, [1, 1, 0, 0]))
    for bars in marks(chart, Bars):
        assert max(bars.heights) == 1 and bars.edges[0] < 0.3 < bars.edges[-1]


def test_a_run_without_a_threshold_has_no_rule() -> None:
    rows = scored([0.1, 0.9], [0, 1], encoder=Known(threshold=None))
    assert marks(text_charts.histogram(rows), Rule) == []
    assert marks(text_charts.precision_recall(rows), Points) == []


# Curves of two classes


@given(
    st.lists(
        st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.7, 0.9]), st.booleans()), min_size=2
    ).filter(lambda rows: len({label for _, label in rows}) == 2)
)
def test_precision_and_recall_are_scikit_learn_s(rows: list[tuple[float, bool]]) -> None:
    scores, labels = (np.array(column) for column in zip(*rows, strict=True))
    found = metrics.precision_recall(scores, labels)
    precision, recall, lines = sk.precision_recall_curve(labels, scores)
    # scikit-learn's go from the lowest line up, with a last point above all.
    np.testing.assert_allclose(found.precision, precision[-2::-1])
    np.testing.assert_allclose(found.recall, recall[-2::-1])
    np.testing.assert_allclose(found.scores, lines[::-1])


@given(
    st.lists(
        st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.7, 0.9]), st.booleans()), min_size=2
    ).filter(lambda rows: len({label for _, label in rows}) == 2)
)
def test_a_roc_curve_is_scikit_learn_s_and_its_area_the_auc(
    rows: list[tuple[float, bool]],
) -> None:
    scores, labels = (np.array(column) for column in zip(*rows, strict=True))
    found = metrics.roc(scores, labels)
    false, true, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(found.false, false)
    np.testing.assert_allclose(found.true, true)
    assert sk.auc(found.false, found.true) == pytest.approx(metrics.auc(scores, labels))


def test_curves_of_one_class_are_undefined_and_of_nothing_are_empty() -> None:
    assert np.isnan(metrics.precision_recall([0.1, 0.2], [0, 0]).recall).all()
    assert np.isnan(metrics.roc([0.1, 0.2], [1, 1]).false).all()
    assert len(metrics.precision_recall([], []).precision) == 0
    assert len(metrics.precision_recall([math.nan], [1]).precision) == 0


def test_a_picture_of_precision_and_recall_tells_ap_and_the_threshold_s_point() -> None:
    chart = text_charts.precision_recall(scored([0.9, 0.8, 0.7, 0.2], [1, 0, 1, 0]))
    [line] = marks(chart, Line)
    assert line.x == pytest.approx((0.5, 0.5, 1, 1))
    assert line.y == pytest.approx((1, 0.5, 2 / 3, 0.5))
    assert line.name == f"run (AP {(1 + 2 / 3) / 2:.3f})"
    [point] = marks(chart, Points)
    assert (point.x, point.y) == ((1.0,), (pytest.approx(2 / 3),)) and "F1 0.8000" in point.texts[0]
    [rule] = marks(chart, Rule)
    assert (rule.axis, rule.at) == ("y", 0.5)


def test_many_points_are_thinned_and_the_ends_stay() -> None:
    kept = text_charts.thinned(100_000)
    assert len(kept) <= 400 and kept[0] == 0 and kept[-1] == 99_999
    assert text_charts.thinned(5).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("label", [0, 1])
def test_rows_of_one_kind_have_no_curve_and_the_chart_says_so(label: int) -> None:
    one = scored([0.1, 0.6], [label, label])
    for chart in (text_charts.precision_recall(one), text_charts.calibration(one)):
        assert chart.panels == () and "one kind" in chart.notes[0]
    assert len(marks(text_charts.histogram(one), Bars)) == 1
    assert text_charts.figures_of_runs(one, Plan(20, 1))[0].figures == {"positive_share": label}


# Calibration


def test_bins_have_equal_counts_and_their_means() -> None:
    chance = [0.1, 0.2, 0.3, 0.8, 0.9, 1.0]
    low, high = reliability(chance, [0, 0, 1, 1, 1, 1], bins=2)
    assert low == (pytest.approx(0.2), pytest.approx(1 / 3), 3)
    assert high == (pytest.approx(0.9), 1.0, 3)
    error = calibration_error(chance, [0, 0, 1, 1, 1, 1], bins=2)
    assert error == pytest.approx((abs(0.2 - 1 / 3) + 0.1) / 2)


def test_bins_do_not_depend_on_the_order_of_equal_probabilities() -> None:
    labels = [1, 0, 1, 0, 0, 0]
    assert reliability([0.5] * 6, labels, 3) == reliability([0.5] * 6, labels[::-1], 3)
    assert reliability([], []) == []


def test_a_calibration_line_has_a_point_a_bin_and_a_table_the_counts() -> None:
    rows = scored([i / 30 for i in range(30)], [int(i > 15) for i in range(30)])
    chart = text_charts.calibration(rows)
    [line] = marks(chart, Line)
    assert len(line.x) == 15 and line.x[0] == pytest.approx(0.5 / 30) and line.y[-1] == 1
    assert [row[1] for row in chart.tables[0].rows] == ["2"] * 15
    assert "ECE" in line.name


def test_a_run_without_a_calibration_is_told() -> None:
    chart = text_charts.calibration(scored([0.1, 0.9], [0, 1], encoder=Known(calibration=None)))
    assert chart.notes == ("run has no calibration.",) and marks(chart, Line) == []


# The hardest errors


def test_the_hardest_errors_come_first_once_each_with_what_they_share() -> None:
    texts = [("red shoe", "red boot"), ("red shoe", "red boot"), ("手机 x", "机 y"), ("a", "b")]
    texts += [("c", "d"), ("e", "f")]
    rows = scored([0.9, 0.9, 0.7, 0.2, 0.1, 0.6], [0, 0, 0, 1, 1, 1], texts)
    high, low = text_charts.errors(rows).tables
    assert [row[:3] for row in high.rows] == [
        *(("red shoe", "red boot", "no match"), ("手机 x", "机 y", "no match"))
    ]
    assert [row[3] for row in high.rows] == ["0.9000", "0.7000"]
    assert [row[4] for row in high.rows] == ["red", "机"]
    # The match above the threshold is no error.
    assert [row[0] for row in low.rows] == ["c", "a"] and low.rows[0][4] == "none"


def test_a_threshold_of_zero_is_one_and_without_any_the_hardest_rows_are_shown() -> None:
    rows = ([0.9, -0.1, 0.3], [0, 1, 1])
    high, low = text_charts.errors(scored(*rows, encoder=Known(threshold=0.0))).tables
    assert high.caption == "Other pairs that score highest, of 1 on the wrong side of 0.000"
    assert [row[3] for row in low.rows] == ["-0.1000"]
    _, low = text_charts.errors(scored(*rows, encoder=Known(threshold=None))).tables
    assert low.caption == "Matches that score lowest" and len(low.rows) == 2


def test_without_errors_the_page_says_that_there_are_none() -> None:
    chart = text_charts.errors(scored([0.9, 0.1], [1, 0]))
    assert chart.tables == () and chart.notes


# Slices


def test_slices_part_all_rows_by_length_and_script() -> None:
    texts = [("ab", "xyz"), ("手机", "手机壳"), ("手机abc", "x"), ("!?", "1"), ("ab", "cd")]
    parts = list(text_slices.parts_of(scored([0.1] * 5, [1, 0, 1, 0, 1], texts)))
    by_way: dict[str, dict[str, list[int]]] = {}
    for part in parts:
        by_way.setdefault(part.of, {})[part.name] = part.rows.tolist()
    assert by_way["characters of the query"] == {"2": [0, 1, 3, 4], "5": [2]}
    assert by_way["characters of the title"] == {"1": [2, 3], "2": [4], "3": [0, 1]}
    assert by_way["script"] == {"chinese": [1], "latin": [0, 4], "mixed": [2], "other": [3]}


def test_a_slice_s_figures_are_those_of_its_rows_and_of_one_kind_there_are_none() -> None:
    texts = [("ab", "x")] * 4 + [("手机", "壳")] * 2
    rows = scored([0.9, 0.8, 0.7, 0.1, 0.2, 0.3], [1, 0, 1, 0, 1, 1], texts)
    parts = list(text_slices.parts_of(rows))
    found = text_slices.part_figures(rows, parts, Plan(50, 1))
    by_name = {part.name: figure for part, [figure] in zip(parts, found, strict=True)}
    assert by_name["latin"].auc == pytest.approx(0.75) and by_name["latin"].f1 == pytest.approx(0.8)
    assert math.isnan(by_name["chinese"].auc) and math.isnan(by_name["chinese"].f1)
    assert by_name["chinese"].interval is None
    table = text_slices.slices(rows, Plan(0, 1)).tables[0]
    assert ("script", "chinese", "2", "2", "—", "—") in table.rows


def test_a_slice_has_the_figures_of_each_run_by_its_own_scores_and_threshold() -> None:
    both = scored([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0], [("ab", "x")] * 4)
    other = np.array([0.1, 0.2, 0.25, 0.3])
    both = replace(
        both,
        encoders=(Known(threshold=0.75), Known(threshold=0.15)),
        names=("a", "b"),
        cosines=np.stack((both.cosines[:, 0], other), axis=1),
    )
    parts = [part for part in text_slices.parts_of(both) if part.name == "latin"]
    [[first, second]] = text_slices.part_figures(both, parts, Plan(0, 1))
    # Of the first run 1 of 2 matches, and 1 other, are above its threshold; of the second 1 and 2.
    assert (first.auc, first.f1) == pytest.approx((0.75, 2 / 4))
    assert (second.auc, second.f1) == pytest.approx((0.25, 2 / 5))


def test_intervals_of_slices_hold_the_figure() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 400)
    rows = scored((labels * 0.3 + random.random(400)).tolist(), labels.tolist())
    parts = list(text_slices.parts_of(rows))
    for [figure] in text_slices.part_figures(rows, parts, Plan(100, 1)):
        assert figure.interval is not None
        assert figure.interval.low < figure.auc < figure.interval.high


# The map


def test_vectors_in_a_plane_are_shown_as_they_are() -> None:
    random = np.random.default_rng(1)
    plane = np.linalg.qr(random.normal(size=(8, 2)))[0]
    points = random.normal(size=(30, 2)) * [3, 1]
    flat = flattened(points @ plane.T)
    assert flat.share == pytest.approx(1)
    # All distances are kept.
    before = np.linalg.norm(points[:, None] - points[None], axis=-1)
    after = np.linalg.norm(flat.points[:, None] - flat.points[None], axis=-1)
    np.testing.assert_allclose(after, before, atol=1e-5)
    assert (flat.points[np.abs(flat.points).argmax(axis=0), [0, 1]] > 0).all()


def test_the_map_is_scikit_learn_s_up_to_direction() -> None:
    vectors = np.random.default_rng(2).normal(size=(40, 6)) * [5, 3, 1, 1, 1, 1]
    found, model = flattened(vectors), PCA(2)
    np.testing.assert_allclose(
        np.abs(found.points), np.abs(model.fit_transform(vectors)), atol=1e-5
    )
    assert found.share == pytest.approx(model.explained_variance_ratio_.sum())


def test_vectors_that_are_all_the_same_lie_on_one_point() -> None:
    flat = flattened(np.ones((3, 4)))
    assert flat.points.tolist() == [[0, 0]] * 3 and flat.share == 1
    assert flattened(np.ones((2, 1))).points.shape == (2, 2)


def test_the_map_joins_matching_pairs_alone() -> None:
    rows = scored([0.5] * 4, [1, 0, 1, 1], [("a", "bb"), ("x", "y"), ("ccc", "d"), ("e", "ff")])
    panel = text_map(rows, 1).panels[0]
    queries, titles = (mark for mark in panel.marks if isinstance(mark, Points))
    assert queries.texts == ("a", "ccc", "e") and titles.texts == ("bb", "d", "ff")
    assert panel.title.endswith("100% of the variance shown")
    assert text_map(scored([0.5, 0.5], [0, 1]), 1).panels == ()


@pytest.mark.parametrize("separate", [False, True])
def test_on_the_map_a_text_lies_where_it_lies_as_a_title_unless_towers_are_separate(
    separate: bool,
) -> None:
    known = Known(model=ModelConfig(separate_towers=separate))
    rows = scored([1.0] * 3, [1, 1, 1], [("a", "a"), ("bb", "bb"), ("ccc", "ccc")], known)
    queries, titles = marks(text_map(rows, 1), Points)
    assert ((queries.x, queries.y) == (titles.x, titles.y)) != separate


# Reading pairs


def read(path: Path, content: str, limit: Limit = ALL, kind: str | None = None) -> Scored:
    path.write_text(content, "utf-8")
    return scored_pairs([Known()], ["run"], [str(path)], None, kind, BadRows(), limit)  # type: ignore[list-item]


def test_rows_are_kept_in_order_with_their_labels(tmp_path: Path) -> None:
    found = read(tmp_path / "p.tsv", "A\ta\t1\nb\tc\t0\n")
    assert (found.queries, found.titles) == (["a", "b"], ["a", "c"])
    assert found.positive.tolist() == [True, False]
    assert found.cosines[:, 0].tolist() == [1.0, 0.0]
    assert found.notes == ("2 rows, label (1 = match, 0 = no match): 1 are 1, 1 are 0.",)


def test_a_sample_is_drawn_by_the_seed_evenly_and_told(tmp_path: Path) -> None:
    content = "".join(f"red {i}\tblue {i}\t{i % 2}\n" for i in range(20_000))
    first = read(tmp_path / "p.tsv", content, Limit(500, 1))
    again = read(tmp_path / "p.tsv", content, Limit(500, 1))
    other = read(tmp_path / "p.tsv", content, Limit(500, 2))
    assert first.queries == again.queries != other.queries and len(first.queries) == 500
    places = [int(query[4:]) for query in first.queries]
    assert places == sorted(set(places)) and 8000 < np.mean(places) < 12_000
    assert first.positive.tolist() == [place % 2 == 1 for place in places]
    assert first.titles == [f"blue {place}" for place in places]
    assert first.notes[1] == "Of them, 500 rows drawn by --seed 1."


def test_clicks_alone_are_told_from_titles_at_random_that_are_none_of_the_query_s(
    tmp_path: Path,
) -> None:
    content = "".join(f"q{i % 5}\tt{i % 10}\n" for i in range(40))
    found = read(tmp_path / "p.tsv", content)
    matches = set(zip(found.queries[:40], found.titles[:40], strict=True))
    others = list(zip(found.queries[40:], found.titles[40:], strict=True))
    assert found.positive.tolist() == [True] * 40 + [False] * len(others)
    assert others and not matches & set(others)
    assert "drawn at random" in found.notes[1]


def test_a_single_click_has_nothing_to_be_told_from(tmp_path: Path) -> None:
    found = read(tmp_path / "p.tsv", "a\tb\n")
    assert found.positive.tolist() == [True] and not found.both


def test_grades_are_matches_from_the_middle_on(tmp_path: Path) -> None:
    found = read(tmp_path / "p.tsv", "a\tb\t0\nc\td\t2.5\ne\tf\t5\n", kind="grade")
    assert found.positive.tolist() == [False, True, True]
    assert found.notes[1] == "A grade of 2.5 or more counts as a match."


# Curves of training, settings, figures


def story(name: str, history: list[dict[str, Any]], **config: Any) -> Story:
    return Story(name, "text", config, tuple(history), {"weights.safetensors": 4})


def test_curves_have_a_panel_a_figure_a_line_a_run_and_the_best_marked() -> None:
    first = [
        {"step": 0, "epoch": 0.0, "loss": None, "auc": 0.5, "best": True},
        {"step": 9, "epoch": 1.0, "loss": 2.0, "softmax": 2.0, "auc": 0.8, "best": True},
        {"step": 18, "epoch": 2.0, "loss": 1.0, "softmax": 1.0, "auc": 0.7, "best": False},
    ]
    chart = curves([story("a", first), story("b", first[:2])])
    # The softmax loss is all of the loss: shown once.
    assert [panel.title for panel in chart.panels] == [
        *("loss, of training rows", "AUC, of validation rows")
    ]
    one, two = marks(chart, Line, 1)
    assert (one.x, one.y, one.name) == ((0.0, 1.0, 2.0), (0.5, 0.8, 0.7), "a")
    assert (two.y, two.series) == ((0.5, 0.8), 1)
    best = marks(chart, Points, 1)[0]
    assert (best.x, best.y) == ((1.0,), (0.8,))
    assert math.isnan(marks(chart, Line, 0)[0].y[0])


def test_a_run_that_tells_nothing_of_its_training_has_no_curves() -> None:
    for history in (
        [],
        [{"epoch": "?", "loss": True}],
        [{"loss": 1.0}],
        [{"epoch": 1, "loss": ""}],
    ):
        chart = curves([story("a", history)])
        assert chart.panels == () and chart.notes


def test_settings_that_differ_are_marked_and_long_ones_cut() -> None:
    long = "x" * 1000
    chart = settings([story("a", [], model={"dim": 8}, z=long), story("b", [], model={"dim": 9})])
    [table] = chart.tables
    rows = dict(enumerate(table.rows))
    assert {rows[i][0] for i in table.changed} == {"model.dim", "z"}
    assert max(len(cell) for row in table.rows for cell in row) < 320
    assert ("files.weights.safetensors", "4", "4") in table.rows


def test_what_is_odd_in_a_config_does_no_harm() -> None:
    config = {"data": {"rows": "9" * 9000}, "validation": [1], "model": None, "threshold": "x"}
    assert summary([story("a", [], **config)]).tables[0].rows[0][0] == "kind"


def report(**figures_: float) -> Report:
    return Report(3, "label", figures_, {}, {}, {})


def test_the_best_of_each_figure_is_marked_whichever_way_it_goes() -> None:
    first = report(auc=0.8, brier=0.2, threshold=0.5, f1=0.5)
    second = report(auc=0.7, brier=0.1, threshold=0.6, f1=0.5)
    [table] = figures(["a", "b"], [first, second], []).tables
    assert [row[0] for row in table.rows] == ["auc", "brier", "threshold", "f1"]
    assert table.best == {(0, 1), (1, 2)}
    assert figures(["a"], [first], []).tables[0].best == frozenset()
    assert figures(["a"], [first], [], "auc|f1").tables[0].rows[0][0] == "brier"


# Axes


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (-0.5, 0.5, ["-0.4", "-0.2", "0.0", "0.2", "0.4"]),
        (0.0, 10.0, ["0", "2", "4", "6", "8", "10"]),
        (0.0, 12.0, ["0.0", "2.5", "5.0", "7.5", "10.0"]),
        (0.0, 12_000.0, ["0", "2,500", "5,000", "7,500", "10,000"]),
        (0.0, 1e-5, ["0.0000", "2e-6", "4e-6", "6e-6", "8e-6", "1e-5"]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, expected: list[str]) -> None:
    assert [said for _, said in scales.ticks(Range(low, high), Axis(""))] == expected


@given(st.floats(-1000, 1000), st.floats(1e-6, 1e9))
def test_there_are_always_some_ticks_and_all_lie_within(place: float, size: float) -> None:
    found = Range(place * size, place * size + size)
    values = [value for value, _ in scales.ticks(found, Axis(""))]
    assert 2 <= len(values) <= 7
    slack = 1e-6 * size
    assert all(found.low - slack <= value <= found.high + slack for value in values)


def test_a_logarithmic_axis_has_ticks_at_equal_ratios() -> None:
    found = scales.ticks(Range(1.0, 100.0), Axis("", logarithmic=True))
    assert [said for _, said in found] == ["1", "2", "5", "10", "20", "50", "100"]


def test_an_axis_goes_as_far_as_its_marks_or_farther() -> None:
    panel = Panel("", Axis("", 0.0), Axis("", 0.0, 1.0), (Line((1.0, 2.0), (0.5, math.nan)),))
    x, y = scales.ranges(panel)
    assert x.low == 0 and x.high > 2 and y == (0.0, 1.0)
    empty = Panel("", Axis(""), Axis(""), ())
    assert all(found.low < found.high for found in scales.ranges(empty))
    point = Panel("", Axis(""), Axis(""), (Points((5.0,), (5.0,)),))
    assert all(found.low < 5 < found.high for found in scales.ranges(point))


def test_a_legend_has_what_all_panels_have() -> None:
    one = Panel("", Axis(""), Axis(""), (Line((), (), 0, "a"), Line((), (), 1, "b")))
    two = Panel("", Axis(""), Axis(""), (Line((), (), 0, "a"), Line((), (), 1, "c")))
    assert [key.name for key in legend([one, two])] == ["a"]
    assert legend([]) == [] and json.dumps([key.name for key in legend([one])]) == '["a", "b"]'
