"""What `dssm gates` says: known gates, on all rows and on slices, as lines, JSON and a page."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Dssm
from handmade import gated, numeric, parts
from test_cli import SERVING

from dssmcli.data.tasks import Target, Task
from dssmcli.data.tsv import BadRows
from dssmcli.serving import gates as gates_module
from dssmcli.serving import slices
from dssmcli.serving.gates import ALL, GateReport, gates_on, warnings_of
from dssmcli.serving.heatmap import page, scale
from dssmcli.serving.predictor import Predictor
from dssmcli.serving.slices import BINS, MISSED, OTHERS

THIRD = (1 / 3, 1 / 3, 1 / 3)
GATES = {
    "bought": {"a": (0.5, 0.25, 0.25), "b": THIRD},
    "liked": {"a": (0.125, 0.125, 0.75), "b": (0.25, 0.5, 0.25)},
}


def table(path: Path, columns: dict[str, list[Any]]) -> Path:
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def on(predictor: Predictor, file: Path, by: str | None = None, processes: int = 1) -> GateReport:
    return gates_on(predictor, str(file), by, BadRows(), processes)


def by_slice(report: GateReport, task: str) -> dict[str, Any]:
    return {row.slice: row for row in report.of_task(task)}


@pytest.fixture(name="run", scope="module")
def _run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run with the gates above."""
    return gated(GATES).write(tmp_path_factory.mktemp("gates") / "run")


@pytest.fixture(name="visits")
def _visits(tmp_path: Path) -> Path:
    """Return four rows, three of them of segment a."""
    columns = {"seg": ["a", "a", "a", "b"], "day": ["mo", "mo", "tu", "tu"]}
    return table(tmp_path / "visits.csv", columns)


# Known answers


def test_the_gates_of_all_rows_are_the_mean_of_each_row_s(visits: Path) -> None:
    report = on(gated(GATES).predictor(), visits)
    bought, liked = report.rows
    assert (bought.task, bought.slice, bought.rows) == ("bought", ALL, 4)
    assert bought.weights == pytest.approx([11 / 24, 13 / 48, 13 / 48])
    assert bought.entropy == pytest.approx((3 * 1.5 + math.log2(3)) / 4)
    assert liked.weights == pytest.approx([0.625 / 4, 0.875 / 4, 2.5 / 4])
    mean = [0.15625, 0.21875, 0.625]
    assert liked.mean_entropy == pytest.approx(-sum(w * math.log2(w) for w in mean))
    assert liked.experts_used == pytest.approx(2**liked.mean_entropy)


def test_a_slice_has_the_gates_of_its_rows(visits: Path) -> None:
    report = on(gated(GATES).predictor(), visits, "seg")
    liked = by_slice(report, "liked")
    assert list(liked) == [ALL, "a", "b"] and [row.rows for row in liked.values()] == [4, 3, 1]
    assert liked["a"].weights == pytest.approx((0.125, 0.125, 0.75))
    assert liked["b"].weights == pytest.approx((0.25, 0.5, 0.25))
    assert liked["b"].entropy == pytest.approx(1.5)
    assert by_slice(report, "bought")["b"].experts_used == pytest.approx(3)


def test_rows_that_go_by_one_expert_each_have_no_entropy_but_use_several(tmp_path: Path) -> None:
    sure = {"t": {"a": (1.0, 1e-30), "b": (1e-30, 1.0)}}
    file = table(tmp_path / "t.csv", {"seg": ["a", "b"]})
    [row] = on(gated(sure).predictor(), file).rows
    assert row.entropy == pytest.approx(0, abs=1e-9)
    assert row.mean_entropy == pytest.approx(1) and row.experts_used == pytest.approx(2)


def test_a_column_that_is_no_feature_makes_slices_too(visits: Path) -> None:
    bought = by_slice(on(gated(GATES).predictor(), visits, "day"), "bought")
    assert list(bought) == [ALL, "mo", "tu"]
    assert bought["mo"].weights == pytest.approx((0.5, 0.25, 0.25))
    assert bought["tu"].weights == pytest.approx([(0.5 + 1 / 3) / 2] + [(0.25 + 1 / 3) / 2] * 2)


# Slices


def test_the_twenty_commonest_values_have_slices_and_the_rest_share_one(tmp_path: Path) -> None:
    days = [f"d{i:02}" for i in range(30) for _ in range(40 - i)]
    file = table(tmp_path / "t.csv", {"seg": ["a"] * len(days), "day": days})
    found = by_slice(on(gated(GATES).predictor(), file, "day"), "bought")
    assert list(found) == [ALL, *(f"d{i:02}" for i in range(20)), OTHERS]
    assert found["d03"].rows == 37 and found[OTHERS].rows == sum(40 - i for i in range(20, 30))


def test_a_single_value_more_is_named_and_not_called_others(tmp_path: Path) -> None:
    days = [f"d{i:02}" for i in range(21)]
    file = table(tmp_path / "t.csv", {"seg": ["a"] * 21, "day": days})
    assert OTHERS not in by_slice(on(gated(GATES).predictor(), file, "day"), "bought")


def test_values_met_after_too_many_are_others_so_that_memory_is_flat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "_KEPT", 3)
    days = ["mo", "tu", "we", "th", "th", "th", "mo"]
    file = table(tmp_path / "t.csv", {"seg": ["a"] * 7, "day": days})
    found = by_slice(on(gated(GATES).predictor(), file, "day"), "bought")
    assert {name: row.rows for name, row in found.items()} == {
        **{ALL: 7, "mo": 2, "tu": 1, "we": 1},
        OTHERS: 3,
    }


def test_numbers_of_many_values_become_bins_of_equal_counts(tmp_path: Path) -> None:
    ages = np.random.default_rng(0).permutation(800).tolist()
    segments = ["a" if age < 400 else "b" for age in ages]
    file = table(tmp_path / "t.csv", {"seg": [*segments, "a"], "age": [*ages, "?"]})
    found = by_slice(on(gated(GATES).predictor(), file, "age"), "bought")
    bins = [f"{low} to {low + 100}" for low in range(100, 700, 100)]
    assert list(found) == [ALL, "below 100", *bins, "700 or more", MISSED]
    assert [row.rows for row in found.values()] == [801, *[100] * 8, 1]
    assert found["300 to 400"].weights == pytest.approx((0.5, 0.25, 0.25))
    assert found["400 to 500"].weights == pytest.approx(THIRD)


def test_the_bins_of_a_numeric_feature_are_those_of_training(tmp_path: Path) -> None:
    feature = numeric("age", [i / 10 for i in range(1000)], tmp_path)
    file = table(tmp_path / "t.csv", {"seg": ["a", "b"], "age": [3.25, 1e6]})
    found = by_slice(on(gated(GATES, (feature,)).predictor(), file, "age"), "bought")
    lowest, highest = list(found)[1:]
    edge = float(lowest.removeprefix("below "))
    assert edge == pytest.approx(100 / BINS, abs=1)
    assert found[lowest].weights == pytest.approx((0.5, 0.25, 0.25))
    assert float(highest.removesuffix(" or more")) == pytest.approx(100 * 7 / BINS, abs=1)


def test_a_heavy_number_is_a_bin_of_its_own(tmp_path: Path) -> None:
    gains = [0] * 900 + list(range(1, 101))
    file = table(tmp_path / "t.csv", {"seg": ["a"] * 1000, "gain": gains})
    found = by_slice(on(gated(GATES).predictor(), file, "gain"), "bought")
    assert found["below 1"].rows == 900 and sum(row.rows for row in found.values()) == 2000


def test_few_numbers_are_values_in_their_order(tmp_path: Path) -> None:
    file = table(tmp_path / "t.csv", {"seg": ["a"] * 6, "n": [10, 9, 9, 100, "", ""]})
    found = by_slice(on(gated(GATES).predictor(), file, "n"), "bought")
    assert set(found) == {ALL, "9", "10", "100", MISSED}
    file = table(tmp_path / "t.csv", {"seg": ["a"] * 4, "n": [10, 9, 9, 100]})
    assert list(by_slice(on(gated(GATES).predictor(), file, "n"), "bought")) == [
        *(ALL, "9", "10", "100")
    ]


def test_what_a_column_holds_is_decided_by_its_first_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates_module, "_JUDGED_ROWS", 10)
    ages = [str(i) for i in range(60_000)]
    file = table(tmp_path / "t.csv", {"seg": ["a"] * 60_001, "age": [*ages, "old"]})
    assert file.stat().st_size > 3 << 17  # more than the blocks that are read at once
    found = by_slice(on(gated(GATES).predictor(), file, "age"), "bought")
    assert found[MISSED].rows == 1 and len(found) == 1 + BINS + 1


@pytest.mark.parametrize("by", ["seg", "day", "age"])
def test_slices_add_up_to_all_rows_whatever_processes_work(tmp_path: Path, by: str) -> None:
    random = np.random.default_rng(1)
    columns = {
        "seg": random.choice(["a", "b", "new"], 60_000).tolist(),
        "day": random.choice([f"day {i}" for i in range(60)], 60_000).tolist(),
        "age": random.normal(size=60_000).round(3).tolist(),
    }
    file = table(tmp_path / "t.csv", columns)
    report = on(gated(GATES).predictor(), file, by)
    whole, *each = report.of_task("liked")
    assert sum(row.rows for row in each) == whole.rows == 60_000
    mean = sum(row.rows * np.array(row.weights) for row in each) / whole.rows
    np.testing.assert_allclose(mean, whole.weights)
    assert on(gated(GATES).predictor(), file, by, processes=2) == report


# Warnings


def test_an_expert_that_no_task_uses_is_dead(visits: Path) -> None:
    used = 0.999 / 2
    dead = {"t": {"a": (used, 0.001, used), "b": (used, 0.001, used)}, "u": GATES["liked"]}
    assert on(gated(dead).predictor(), visits).dead() == []
    both = {"t": dead["t"], "u": dead["t"]}
    report = on(gated(both).predictor(), visits, "seg")
    assert report.dead() == [2]
    assert "expert 2 is dead" in next(warnings_of(report))
    # One slice is enough to be alive.
    alive = {"t": dead["t"], "u": {**dead["t"], "b": (used - 0.01, 0.011, used)}}
    assert on(gated(alive).predictor(), visits, "seg").dead() == []


def test_gates_that_are_the_same_for_all_tasks_are_told(visits: Path) -> None:
    near = {"t": {"a": (0.5, 0.5), "b": (0.4, 0.6)}, "u": {"a": (0.504, 0.496), "b": (0.4, 0.6)}}
    told = list(warnings_of(on(gated(near).predictor(), visits)))
    assert len(told) == 1 and "the tasks share everything" in told[0]
    apart = {**near, "u": {"a": (0.52, 0.48), "b": (0.4, 0.6)}}
    assert not on(gated(apart).predictor(), visits, "seg").same()
    # The mean over all rows hides what the slices tell.
    crossed = {"t": {"a": (0.4, 0.6), "b": (0.6, 0.4)}, "u": {"a": (0.6, 0.4), "b": (0.4, 0.6)}}
    half = table(visits.with_name("half.csv"), {"seg": ["a", "b"]})
    assert on(gated(crossed).predictor(), half).same()
    assert not on(gated(crossed).predictor(), half, "seg").same()


def test_a_shared_gate_and_a_single_task_are_no_news(visits: Path) -> None:
    report = on(gated(GATES, gate="shared").predictor(), visits)
    assert report.rows[0].weights == report.rows[1].weights
    assert list(warnings_of(report)) == []
    assert "one gate for all tasks" in page(report, "run")
    assert not on(gated({"t": GATES["bought"]}).predictor(), visits).same()


# The command


def test_lines_stand_behind_a_header(dssm: Dssm, run: Path, visits: Path) -> None:
    result = dssm("gates", "-m", run, visits, "--by", "seg")
    lines = [line.split("\t") for line in result.out.splitlines()]
    head = ["task", "slice", "rows", "entropy", "mean_entropy", "experts_used", "e1", "e2", "e3"]
    assert lines[0] == head and result.err == ""
    assert lines[2] == [
        *("bought", "a", "3", "1.5000", "1.5000", "2.8284", "0.5000", "0.2500", "0.2500")
    ]
    assert [line[:2] for line in lines[4:]] == [["liked", ALL], ["liked", "a"], ["liked", "b"]]


def test_json_has_an_object_a_line(dssm: Dssm, run: Path, visits: Path) -> None:
    result = dssm("gates", "-m", run, "--json", "-", stdin=visits.read_bytes())
    found = [json.loads(line) for line in result.out.splitlines()]
    assert [each["task"] for each in found] == ["bought", "liked"]
    assert list(found[0]) == [
        *("task", "by", "slice", "rows", "entropy", "mean_entropy", "experts_used", "weights")
    ]
    assert found[0]["by"] is None and sum(found[1]["weights"]) == pytest.approx(1)


def test_warnings_are_on_standard_error_also_when_quiet(
    dssm: Dssm, visits: Path, tmp_path: Path
) -> None:
    same = gated({"t": GATES["bought"], "u": GATES["bought"]}).write(tmp_path / "same")
    result = dssm("gates", "-m", same, visits)
    assert result.err.startswith("Warning: the gates of all tasks are the same")
    quiet = dssm("gates", "-q", "-m", same, visits)
    assert (quiet.out, quiet.err) == (result.out, result.err)


def test_a_run_without_gates_is_told_what_has_some(
    dssm: Dssm, visits: Path, tmp_path: Path
) -> None:
    bottom = parts([Target(Task("t", "t", "binary"), 1.0)], ["a", "b"], np.zeros((3, 1)))
    for made, what in (
        (bottom, "shared-bottom"),
        (gated({"t": {"a": (1.0,), "b": (1.0,)}}), "mmoe with one expert"),
    ):
        run = made.write(tmp_path / what)
        result = dssm("gates", "-m", run, visits)
        assert result.code == 3 and result.out == ""
        assert result.err.startswith(f"{run}: the run is {what}, so it has no gates. Train")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("day\nmo\n", 'no column "seg"'),
        ("seg,day\n", "a header and no rows"),
        ("", "empty, expected a header line"),
        ("seg,day\na,b,c\n", ":2: 3 fields, expected 2"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_line_and_exit_3(
    dssm: Dssm, run: Path, tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(content)
    result = dssm("gates", "-m", run, file, "--html", tmp_path / "page.html")
    assert result.code == 3 and result.out == "" and result.err.count("\n") == 1
    assert said in result.err and not (tmp_path / "page.html").exists()


def test_a_column_that_is_not_there_is_told_its_nearest(
    dssm: Dssm, run: Path, visits: Path
) -> None:
    result = dssm("gates", "-m", run, visits, "--by", "days")
    assert result.code == 3 and 'no column "days"' in result.err and 'Is it "day"?' in result.err


def test_bad_rows_can_be_skipped(dssm: Dssm, run: Path, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("seg,day\na,mo\na\nb,mo\n")
    result = dssm("gates", "-m", run, file, "--bad-rows", "skip", "--json")
    assert json.loads(result.out.splitlines()[0])["rows"] == 2 and "1 bad row" in result.err


def test_a_run_of_texts_has_no_gates(dssm: Dssm, runs: dict[str, Path], visits: Path) -> None:
    result = dssm("gates", "-m", runs["cnn"], visits)
    assert result.code == 3 and "expected a multi-task model" in result.err


@pytest.mark.parametrize("command", ["gates", "eval"])
def test_neither_gates_nor_eval_of_tables_imports_torch(
    run: Path, tmp_path: Path, command: str
) -> None:
    file = table(tmp_path / "t.csv", {"seg": ["a", "b", "a"], "bought": [0, 1, 1]})
    more = ["--html", str(tmp_path / "p.html")] if command == "gates" else ["--json"]
    done = subprocess.run(
        [sys.executable, "-c", SERVING, command, str(file), *more],
        env={**os.environ, "DSSM_MODEL": str(run)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


# The page


class Tags(HTMLParser):
    """Checks that tags close in order; keeps attributes, texts and cells with their colours."""

    VOID = ("meta",)

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.met: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.met.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def parsed(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    tags.close()
    assert tags.open == []
    return tags


def luminance(colour: str) -> float:
    def linear(part: int) -> float:
        x = part / 255
        return x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4

    wide = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    red, green, blue = (linear(int(wide[i : i + 2], 16)) for i in (0, 2, 4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_page_is_whole_and_needs_nothing_else(
    dssm: Dssm, run: Path, visits: Path, tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    result = dssm("gates", "-m", run, visits, "--by", "seg", "--html", file)
    assert result.code == 0 and result.out == dssm("gates", "-m", run, visits, "--by", "seg").out
    html = file.read_text("utf-8")
    assert html.startswith("<!DOCTYPE html>\n") and html.endswith("</html>\n")
    tags = parsed(html)
    names = [name for name, _ in tags.met]
    assert names.count("table") == 2 and names.count("title") == 1
    assert not {"script", "link", "img", "iframe", "a"} & set(names)
    assert not {"src", "href", "onclick"} & {key for _, found in tags.met for key in found}
    assert "://" not in html and "url(" not in html and "@import" not in html
    text = "".join(tags.texts)
    for said in (f"Gates of {run}", "4 rows", "2 tasks", "an equal share, 0.333", "0.750"):
        assert said in text
    assert sorted(tmp_path.iterdir()) == sorted([file, visits])


def test_the_darker_cell_has_the_larger_weight_and_every_cell_can_be_read() -> None:
    light = [luminance("#" + "".join(f"{round(x):02x}" for x in scale(i / 50))) for i in range(51)]
    assert all(after < before for before, after in pairwise(light))
    names = [f"s{i}" for i in range(40)]
    weights = {name: (i / 40 + 1e-9, 1 - i / 40) for i, name in enumerate(names)}
    rows = [gates_module.GateRow("t", name, 1, weight, 0.5) for name, weight in weights.items()]
    tags = parsed(page(GateReport("t.csv", "seg", 2, False, tuple(rows)), "run"))
    styles = [found["style"] for name, found in tags.met if name == "td" and "style" in found]
    assert len(styles) == 80
    for style in styles:
        colours = re.findall(r"#[0-9a-f]{3,6}", style or "")
        low, high = sorted(map(luminance, colours))
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_names_are_never_markup(dssm: Dssm, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>&\"'"
    hostile = {evil: {"a": (0.999, 0.001), evil: (0.999, 0.001)}}
    run = gated(hostile).write(tmp_path / "<b>run")
    file = tmp_path / "t.tsv"
    file.write_text(f'seg\t<i>\n"{evil.replace(chr(34), 2 * chr(34))}"\t"x\ty"\na\t\x01\n', "utf-8")
    for by in ("seg", "<i>"):
        result = dssm("gates", "-m", run, file, "--by", by, "--html", tmp_path / "p.html")
        assert result.code == 0, result.err
        tags = parsed((tmp_path / "p.html").read_text("utf-8"))
        assert not {"script", "i"} & {name for name, _ in tags.met}
        text = "".join(tags.texts)
        assert evil in text and f"Gates of {run}" in text and "expert 2 is dead" in text
        assert "\x01" not in text
    # A tab inside a field does not end it.
    assert '\t"x\ty"\t1\t' in result.out


def test_a_page_that_cannot_be_written_is_exit_1_and_leaves_nothing(
    dssm: Dssm, run: Path, visits: Path, tmp_path: Path
) -> None:
    result = dssm("gates", "-m", run, visits, "--html", tmp_path / "none" / "p.html")
    assert result.code == 1 and result.out == "" and "cannot be written" in result.err
