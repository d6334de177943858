"""`dssm report`: a page that is whole, harmless, the same every time, and says what it is about."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import MEANINGS, Dssm, run_command, write_pairs
from handmade import gated, parts
from logs import (
    IMPRESSION_NAMES,
    SMALL_RANKING,
    SMALL_WATCHES,
    impressions,
    random_watches,
    run,
    write_log,
)
from test_cli import SERVING
from test_gates import GATES, luminance, table
from test_table_eval import BOUGHT, MINUTES, SEGMENTS, logits

from dssmcli.serving import scales, svg
from dssmcli.serving.charts import (
    Axis,
    Bars,
    Chart,
    Diagonal,
    Key,
    Line,
    Links,
    Panel,
    Points,
    Rule,
    Table,
)
from dssmcli.serving.markup import document
from dssmcli.serving.page import page

EVIL = "<script>alert(1)</script>&\"' <img src=x onerror=alert(2)>"


class Page(HTMLParser):
    """Checks that tags close in order; keeps tags with attributes, texts, and texts by tag."""

    VOID = ("meta",)

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.met: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.by_tag: dict[str, list[str]] = {}
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.met.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.met.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        self.by_tag.setdefault(self.open[-1] if self.open else "", []).append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.met)


def checked(html: str) -> Page:
    """Return a page that is whole and asks for nothing from anywhere."""
    assert html.startswith("<!DOCTYPE html>\n") and html.endswith("</html>\n")
    found = Page(html)
    assert not {"script", "link", "img", "iframe", "object"} & {name for name, _ in found.met}
    for _, attributes in found.met:
        assert not {"src", "srcset", "action"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("href") or "#").startswith("#")
    bare = re.sub(r">[^<]*<", "><", html)  # texts may say anything
    assert "://" not in bare and "url(" not in bare and "@import" not in bare
    assert "default-src 'none'" in html
    return found


def titles(found: Page) -> list[str]:
    return found.by_tag["h2"]


@pytest.fixture(name="labelled", scope="module")
def _labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("report") / "pairs.tsv", 200, seed=9)


# Texts


def test_a_run_alone_shows_what_it_tells_and_what_data_would_add(dssm: Dssm, run: Path) -> None:
    result = dssm("report", run)
    assert (result.code, result.err) == (0, "")
    found = checked(result.out)
    assert titles(found) == ["The run", "Learning curves", "Settings"]
    assert "--data PAIRS" in found.text and str(run) in found.by_tag["h1"][0]
    assert "model.tower.arch" in found.text and "loss, of training rows" in found.text


def test_with_labelled_pairs_there_is_all_of_it(
    dssm: Dssm, run: Path, labelled: Path, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    result = dssm("report", run, "--data", labelled, "-o", file)
    assert (result.code, result.out) == (0, "") and "200 rows, label" in result.err
    found = checked(file.read_text("utf-8"))
    assert titles(found) == [
        *("The run", "Figures", "Learning curves", "Scores of matches and of other pairs"),
        *("Precision and recall", "Calibration", "Hardest errors", "By length and by script"),
        *("A map of texts", "Settings"),
    ]
    # Under each heading stands how to read what follows.
    assert found.count("p") >= 10 and found.count("svg") >= 9
    assert list(tmp_path.iterdir()) == [file]


def test_figures_are_those_of_eval(dssm: Dssm, run: Path, labelled: Path) -> None:
    page_text = Page(dssm("report", run, "--data", labelled, "-q").out)
    lines = dssm("eval", "-m", run, labelled, "-q").out.splitlines()
    told = dict(line.split("\t") for line in lines)
    for name in ("auc", "average_precision", "f1", "brier", "ece"):
        assert told[name] in page_text.by_tag["td"]


def test_the_same_input_gives_the_same_bytes(dssm: Dssm, runs: dict[str, Path]) -> None:
    data = runs["cnn"].parent / "pairs.tsv"
    line = ("report", runs["cnn"], runs["dnn"], "--data", data, "--rows", "300", "-q")
    first = dssm(*line)
    assert first.code == 0 and first.raw == dssm(*line).raw
    assert first.raw == dssm(*line, "--threads", "2").raw
    assert first.raw != dssm(*line, "--seed", "2").raw
    assert "300 rows drawn" in first.out


def test_several_runs_stand_side_by_side(dssm: Dssm, runs: dict[str, Path], labelled: Path) -> None:
    result = dssm("report", runs["cnn"], runs["lstm"], "--data", labelled, "-q")
    found = checked(result.out)
    assert titles(found)[0] == "The runs"
    marked = [attributes for _, attributes in found.met if attributes.get("class") == "changed"]
    assert marked and any(attributes.get("class") == "best" for _, attributes in found.met)
    legend = [text for text in found.by_tag["span"] if str(runs["lstm"]) in text]
    assert any("AP" in text for text in legend) and any("ECE" in text for text in legend)


def test_without_a_name_it_is_about_the_usual_run(
    dssm: Dssm, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSSM_MODEL", str(run))
    assert f"Report on {run}" in dssm("report").out


def test_clicks_alone_are_told_from_random_titles_and_the_page_says_so(
    dssm: Dssm, run: Path, tmp_path: Path
) -> None:
    clicks = write_pairs(tmp_path / "c.tsv", 60, labelled=False)
    found = checked(dssm("report", run, "--data", clicks, "-q").out)
    assert "drawn at random, count as no match" in found.text and "Calibration" in titles(found)


@pytest.mark.parametrize(
    ("content", "said"),
    [("a\tb\t1\nc\td\t1\n", "count as no match"), ("a\tb\t0\nc\td\t0\n", "one kind"),
     ("a\tb\t1\n", "Too few matching pairs"), ("a\tb\t0\n", "one kind")],
)  # fmt: skip
def test_one_kind_or_one_row_is_a_page_that_says_what_it_cannot_mean(
    dssm: Dssm, run: Path, content: str, said: str
) -> None:
    result = dssm("report", run, "--data", "-", "-q", stdin=content.encode())
    assert (result.code, result.err) == (0, "")
    assert said in checked(result.out).text


def test_scores_that_are_all_tied_are_a_page_too(dssm: Dssm, run: Path) -> None:
    rows = "".join(f"couch\tsofa bed\t{i % 2}\n" for i in range(20))
    result = dssm("report", run, "--data", "-", "-q", stdin=rows.encode())
    assert (result.code, result.err) == (0, "")
    found = checked(result.out)
    assert "0.5000" in found.text and "nan" not in result.out.lower().replace("nant", "")


def test_hostile_texts_and_names_are_never_markup(dssm: Dssm, run: Path, tmp_path: Path) -> None:
    data = tmp_path / "<b>&.tsv"
    rows = [f"{EVIL} {i}\t{EVIL} \u202e\x01 {i} {'字' * 300}\t{i % 2}\n" for i in range(12)]
    data.write_text("".join(rows), "utf-8")
    link = tmp_path / "<i>run&"
    link.symlink_to(run)
    found = checked(dssm("report", link, "--data", data, "-q").out)
    assert not {"b", "i"} & {name for name, _ in found.met}
    assert EVIL in found.text and str(data) in found.text and str(link) in found.text
    assert "\u202e" not in found.text and "\x01" not in found.text


def test_bad_rows_stop_it_or_are_kept_and_told(dssm: Dssm, run: Path, tmp_path: Path) -> None:
    data, rejects = tmp_path / "p.tsv", tmp_path / "bad.tsv"
    data.write_text("couch\tsofa\t1\nalone\nrug\ttap\t0\n")
    file = tmp_path / "r.html"
    stopped = dssm("report", run, "--data", data, "-o", file)
    assert stopped.code == 3 and "p.tsv:2" in stopped.err and not file.exists()
    line = ("report", run, "--data", data, "--bad-rows", "skip", "--rejects", rejects, "-o", file)
    assert dssm(*line).code == 0 and rejects.read_text() == "alone\n"
    assert "Skipped 1 bad row" in file.read_text("utf-8")


def test_columns_and_values_are_read_as_eval_does(dssm: Dssm, run: Path, tmp_path: Path) -> None:
    data = tmp_path / "p.tsv"
    data.write_text("5\tcouch\tsofa bed\n0\trug\ttap\n")
    result = dssm(
        "report", run, "--data", data, "--columns", "value,query,title", "--value", "clicks"
    )
    assert result.code == 0 and "1 with clicks" in result.out


# What cannot be


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["{cnn}", "--data", "{empty}"], 3, "no rows"),
        (["{cnn}", "--data", "nowhere.tsv"], 3, "nowhere.tsv: No such file"),
        (["nowhere"], 3, "nowhere: no such run"),
        (["{cnn}", "{cnn}"], 2, "is named twice"),
        (["{cnn}", "{gates}"], 2, "runs of one kind can be compared"),
        (["{cnn}", "--history", "x.tsv"], 2, "--history goes with --data and runs of"),
        (["{cnn}", "--value", "label"], 2, "--value goes with --data"),
        (["{gates}", "--data", "x", "--data", "y"], 2, "--data stands once"),
        (["{gates}", "--data", "x", "--value", "label"], 2, "--value is for PAIRS"),
        (["{cnn}", "--data", "{pairs}", "-o", "{pairs}"], 2, "is read: write elsewhere"),
        (["{cnn}", "-o", "{folder}/none/r.html"], 1, "cannot be written"),
        (["{cnn}", "--data", "{pairs}", "--rejects", "x"], 2, "--rejects goes with --bad-rows"),
    ],
)
def test_what_cannot_be_is_one_line(
    dssm: Dssm, runs: dict[str, Path], tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    (tmp_path / "empty.tsv").write_text("")
    places = {
        "cnn": runs["cnn"],
        "empty": tmp_path / "empty.tsv",
        "gates": gated(GATES).write(tmp_path / "gates"),
        "pairs": write_pairs(tmp_path / "pairs.tsv", 10),
        "folder": tmp_path,
    }
    before = places["pairs"].read_bytes()
    result = dssm("report", *(word.format(**places) for word in words))
    assert (result.code, result.out) == (code, "") and said in result.err
    assert result.err.count("\n") == 1 and places["pairs"].read_bytes() == before


def test_a_page_is_not_written_to_a_terminal(
    dssm: Dssm, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conftest._Stream.isatty", lambda _: True)
    refused = dssm("report", run)
    assert refused.code == 2 and "add -o FILE or > FILE" in refused.err and refused.out == ""
    assert dssm("report", run, "-o", "-").out.startswith("<!DOCTYPE html>")


def test_a_page_takes_the_place_of_pages_alone(dssm: Dssm, run: Path, tmp_path: Path) -> None:
    log, page = tmp_path / "log.tsv", tmp_path / "page.html"
    log.write_text("a\tb\n")
    done = dssm("report", run, "-o", log)
    assert done.code == 1 and "is no HTML page" in done.err and log.read_text() == "a\tb\n"
    page.touch()  # as `mktemp` leaves it
    for _ in range(2):
        assert dssm("report", run, "-o", page, "-q").code == 0
        assert page.read_text("utf-8").startswith("<!DOCTYPE html>")


def test_a_damaged_history_is_one_line(dssm: Dssm, run: Path, tmp_path: Path) -> None:
    import hashlib
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / "metrics.jsonl").write_text("[1]\n")
    manifest = json.loads((copy / "MANIFEST.json").read_text())
    digest = hashlib.sha256(b"[1]\n").hexdigest()
    manifest["files"]["metrics.jsonl"] = {"size": 4, "sha256": digest}
    (copy / "MANIFEST.json").write_text(json.dumps(manifest))
    result = dssm("report", copy)
    assert result.code == 3 and "metrics.jsonl: not a JSON object" in result.err


def test_a_report_never_imports_torch_or_matplotlib(run: Path, labelled: Path) -> None:
    code = SERVING + "assert 'matplotlib' not in sys.modules\n"
    done = subprocess.run(
        [sys.executable, "-c", code, "report", str(run), "--data", str(labelled)],
        capture_output=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr.decode()


# Recommenders


def test_a_multitask_run_has_curves_a_task_numbers_and_gates(dssm: Dssm, tmp_path: Path) -> None:
    made = parts((BOUGHT, MINUTES), SEGMENTS, logits()).write(tmp_path / "mt")
    rows = {
        "seg": [SEGMENTS[i % 12] for i in range(120)],
        "bought": [int((i * 7) % 12 > 5) for i in range(120)],
        "minutes": [30 + i % 12 for i in range(120)],
    }
    data = table(tmp_path / "t.csv", rows)
    found = checked(dssm("report", made, "--data", data, "-q").out)
    assert titles(found) == [
        *("The run", "Figures", "Learning curves", "ROC curves", "Precision and recall"),
        *("Calibration", "Predicted and true numbers", "Settings"),
    ]
    assert found.by_tag["figcaption"] == ["bought"] * 3 + ["minutes"]
    gates = gated(GATES).write(tmp_path / "gates")
    seen = table(
        tmp_path / "s.csv", {"seg": ["a", "a", "b"], "bought": [0, 1, 1], "liked": [1, 1, 1]}
    )
    with_gates = checked(dssm("report", gates, "--data", seen, "-q").out)
    assert f"Gates of {gates}" in titles(with_gates) and "an equal share, 0.333" in with_gates.text
    # What came through a pipe cannot be read again for them.
    piped = dssm("report", gates, "--data", "-", "-q", stdin=seen.read_bytes())
    assert piped.code == 0 and "Gates of" not in piped.out


def test_a_task_of_one_kind_or_without_a_column_has_no_curve(dssm: Dssm, tmp_path: Path) -> None:
    made = parts((BOUGHT, MINUTES), SEGMENTS, logits()).write(tmp_path / "mt")
    data = table(tmp_path / "t.csv", {"seg": ["s00", "s01"], "bought": [1, 1]})
    found = checked(dssm("report", made, "--data", data).out)
    assert "No binary task has rows of both kinds." in found.text
    assert "No task is a number" in found.text and "no column" in found.text


@pytest.fixture(name="recommenders", scope="module")
def _recommenders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return small runs of both stages, with their logs and logs that follow these."""
    folder = tmp_path_factory.mktemp("stages")
    names, rows = ("user", "item", "timestamp"), random_watches(30, 20, 300)
    later = [(user, item, 1000 + time) for user, item, time in random_watches(30, 20, 60, 7)]
    shown = impressions(20, 12, 900)
    found = {
        "watches": write_log(folder / "w.tsv", names, rows),
        "later": write_log(folder / "l.tsv", names, later),
        "shown": write_log(folder / "i.tsv", IMPRESSION_NAMES, shown[:600]),
        "shown later": write_log(folder / "j.tsv", IMPRESSION_NAMES, shown[600:]),
        "candidates": folder / "candidates",
        "ranking": folder / "ranking",
    }
    for stage, log, options in (
        ("candidates", "watches", SMALL_WATCHES),
        ("ranking", "shown", SMALL_RANKING),
    ):
        line = ["train-rec", f"youtube-{stage}", found[log], *options, "--epochs", "1"]
        done = run(*line, "-o", found[stage])
        assert done.code == 0, done.err
    return found


def test_candidates_are_seen_beside_baselines(dssm: Dssm, recommenders: dict[str, Path]) -> None:
    line = ("report", recommenders["candidates"], "--data", recommenders["later"], "-q")
    result = dssm(*line, "--history", recommenders["watches"])
    assert (result.code, result.err) == (0, "")
    found = checked(result.out)
    assert titles(found)[3:5] == ["Recall", "By activity and by popularity"]
    assert {"popularity"} <= set(found.by_tag["span"]) and "item-kNN, decay" in found.text
    told = dssm("eval", "-m", recommenders["candidates"], "--history", recommenders["watches"],
                recommenders["later"], "-q").out  # fmt: skip
    first = next(line for line in told.splitlines() if line.startswith("hr@10\t"))
    assert set(first.split("\t")[1:]) <= set(found.by_tag["td"])


def test_ranking_is_seen_by_tenths_and_heads(dssm: Dssm, recommenders: dict[str, Path]) -> None:
    result = dssm("report", recommenders["ranking"], "--data", recommenders["shown later"], "-q")
    assert (result.code, result.err) == (0, "")
    found = checked(result.out)
    assert titles(found)[3:5] == ["Predicted and true watch time", "What the heads rank"]
    assert "watch_time" in found.by_tag["text"] and "decile_1.predicted" not in found.text


# Drawing


def panels() -> Iterator[Panel]:
    line = Line((0.0, 1.0, 2.0), (0.0, float("nan"), 1.0), 0, "a", dotted_with_points=True)
    points = Points((1.0,), (0.5,), 3, "p", (EVIL,), (0.5,), (1.5,), big=True)
    yield Panel(
        "lines", Axis("x"), Axis("y"), (line, points, Rule("x", 1.0, "here"), Diagonal("d"))
    )
    yield Panel("bars", Axis("x"), Axis("y", 0.0), (Bars((0.0, 1.0, 2.0), (0.25, 0.75), 1, "b"),))
    yield Panel("names", Axis("x"), Axis("", names=("字" * 40, "b")), (points,))
    yield Panel("nothing", Axis("x"), Axis("y"), ())
    yield Panel(
        "links", Axis("x"), Axis("y"), (Links((0.0,), (0.0,), (1.0,), (1.0,)),), square=True
    )
    every = tuple(Points((float(i),), (float(i),), i) for i in range(8))
    yield Panel("shapes", Axis("x", 1.0, 100.0, logarithmic=True), Axis("y"), every[1:])


def test_every_mark_is_drawn_within_the_picture() -> None:
    for panel in panels():
        drawn = svg.drawn(panel)
        found = Page(drawn)
        [box] = [attributes["viewbox"] for name, attributes in found.met if name == "svg"]
        width, height = map(float, (box or "").split()[2:])
        assert "nan" not in drawn and "inf" not in drawn
        for name, attributes in found.met:
            places = [(key, value) for key, value in attributes.items() if key[0] in "xyc"]
            for key, value in places:
                if key in ("x", "x1", "x2", "cx") and name != "svg":
                    assert -1 <= float(value or 0) <= width + 1
                if key in ("y", "y1", "y2", "cy") and name != "svg":
                    assert -1 <= float(value or 0) <= height + 1


def test_a_line_is_broken_where_a_value_is_missing() -> None:
    drawn = svg.drawn(next(panels()))
    [path] = re.findall(r'<path class="line s0" d="([^"]*)"', drawn)
    assert path.count("M") == 2 and "L" not in path


def test_bars_stand_on_zero_and_reach_their_heights() -> None:
    panel = Panel("", Axis("", 0.0, 2.0), Axis("", 0.0, 1.0), (Bars((0.0, 1.0, 2.0), (0.5, 1.0)),))
    [path] = re.findall(r'<path class="bars s0" d="([^"]*)"', svg.drawn(panel))
    assert path == "M62.0 236.0V124.0H244.0V12.0H426.0V236.0Z"


def test_long_names_are_cut_and_whole_on_asking() -> None:
    long = "很长的名字" * 10
    assert scales.width_of(scales.shortened(long)) <= 24 and scales.shortened("short") == "short"
    assert "…" in scales.shortened(long)
    assert scales.shortened("folder/of/many/runs/the-last").endswith("the-last")
    drawn = svg.drawn(Panel("", Axis(""), Axis("", names=(long,)), (Points((1.0,), (0.0,)),)))
    assert f"<title>{long}</title>" in drawn


def test_every_mark_of_a_legend_has_a_picture() -> None:
    for panel in panels():
        for mark in panel.marks:
            if not isinstance(mark, Links):
                assert Page(svg.swatch(Key(mark, "x"))).count("svg") == 1


def test_colours_can_be_seen_on_light_and_dark_paper() -> None:
    style = svg.STYLE
    colours = re.findall(r"--c: (#[0-9a-f]{6})", style)
    assert len(colours) == 2 * svg.COLOURS and len(set(colours)) == len(colours)
    html = document("t", style, [])
    light, dark = re.findall(r"--paper: (#[0-9a-f]{3,6})", html)
    for paper, some in ((light, colours[: svg.COLOURS]), (dark, colours[svg.COLOURS :])):
        for colour in some:
            low, high = sorted((luminance(paper), luminance(colour)))
            assert (high + 0.05) / (low + 0.05) >= 3.9, colour
    for ink, faint, paper in zip(
        *(re.findall(rf"--{name}: (#[0-9a-f]{{3,6}})", html) for name in ("ink", "faint", "paper")),
        strict=True,
    ):
        for colour in (ink, faint):
            low, high = sorted((luminance(paper), luminance(colour)))
            assert (high + 0.05) / (low + 0.05) >= 7


def test_tables_mark_the_best_and_what_changed() -> None:
    rows = Table(("name", "a", "b"), (("x", "1", "2"), ("y", "3", "3")), frozenset({(0, 2)}),
                 frozenset({1}), caption=EVIL)  # fmt: skip
    html = page("t", ["one"], [Chart("k", "T", "Say `dssm eval`.", tables=(rows,), notes=(EVIL,))])
    found = checked(html)
    assert '<td class="best">2</td>' in html and html.count('class="changed"') == 1
    assert "<code>dssm eval</code>" in html and found.text.count(EVIL) == 2


def test_meanings_of_the_world_are_found_among_the_hardest_errors(
    dssm: Dssm, run: Path, tmp_path: Path
) -> None:
    words = list(MEANINGS.items())
    data = tmp_path / "p.tsv"
    # Every label is wrong: what the run knows to mean the same is said to be no match.
    right = [f"{word}\t{meaning}\t0\n" for word, meaning in words]
    wrong = [f"{a}\t{meaning}\t1\n" for (a, _), (_, meaning) in pairwise(words)]
    data.write_text("".join(right + wrong), "utf-8")
    text = checked(dssm("report", run, "--data", data, "-q").out).text
    assert "Other pairs that score highest" in text and "Matches that score lowest" in text


def test_help_says_what_is_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    told = run_command(["report", "--help"], b"", monkeypatch)
    assert told.code == 0 and "Example" in told.out
    assert "learning curves" in " ".join(told.out.split())
