"""`dssm plot`: figures for papers, by matplotlib where it is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import Dssm, write_pairs
from handmade import gated, parts
from test_cli import SERVING
from test_gates import GATES, table
from test_report import EVIL, panels
from test_table_eval import BOUGHT, SEGMENTS, logits

from dssmcli.commands.pictures import KINDS
from dssmcli.serving.charts import Axis, Cells, Chart, Line, Panel
from dssmcli.serving.drawing import Sheet, figure

SVG = "{http://www.w3.org/2000/svg}"


def words(content: bytes) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(content).iter(f"{SVG}text")]


@pytest.fixture(name="labelled", scope="module")
def _labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("plot") / "pairs.tsv", 120, seed=9)


@pytest.mark.parametrize("kind", KINDS["text"])
def test_every_kind_of_texts_is_drawn(
    dssm: Dssm, runs: dict[str, Path], labelled: Path, tmp_path: Path, kind: str
) -> None:
    file = tmp_path / f"{kind}.svg"
    line = ("plot", runs["cnn"], runs["dnn"], "--kind", kind, "--data", labelled, "-o", file)
    result = dssm(*line, "-q")
    assert (result.code, result.out, result.err) == (0, "", "")
    # Text is text, so that it can be searched and set anew.
    assert any("dnn" in word for word in words(file.read_bytes())) or kind == "map"
    first = file.read_bytes()
    assert dssm(*line, "-q").code == 0 and file.read_bytes() == first


def small(*panels: Panel) -> Chart:
    line = Line((0.0, 1.0), (0.0, 1.0), 0, "a")
    return Chart("k", "T", "", panels or (Panel("", Axis("x"), Axis("y"), (line,)),))


@pytest.mark.parametrize(
    ("form", "magic"), [("pdf", b"%PDF"), ("png", b"\x89PNG"), ("svg", b"<?xml")]
)
def test_two_figures_of_one_chart_are_the_same(form: str, magic: bytes) -> None:
    first = figure(small(), Sheet(form, 3, 50))
    assert first.content.startswith(magic) and first.warning == ""
    assert figure(small(), Sheet(form, 3, 50)) == first


@pytest.mark.parametrize(("suffix", "magic"), [("pdf", b"%PDF"), ("PNG", b"\x89PNG")])
def test_the_name_says_the_format(
    dssm: Dssm, run: Path, labelled: Path, tmp_path: Path, suffix: str, magic: bytes
) -> None:
    file = tmp_path / f"f.{suffix}"
    line = ("plot", run, "--kind", "histogram", "--data", labelled, "--dpi", "50")
    assert dssm(*line, "-o", file).code == 0 and file.read_bytes().startswith(magic)


def test_width_and_dots_are_as_asked(dssm: Dssm, run: Path, labelled: Path, tmp_path: Path) -> None:
    file = tmp_path / "f.png"
    line = ("plot", run, "--kind", "map", "--data", labelled, "--dpi", "40", "--width", "5")
    assert dssm(*line, "-o", file).code == 0
    assert int.from_bytes(file.read_bytes()[16:20], "big") == 200


def test_gates_are_drawn_with_their_weights(dssm: Dssm, tmp_path: Path) -> None:
    run = gated(GATES).write(tmp_path / "gates")
    seen = {"seg": ["b"] * 3, "bought": [0, 1, 1], "liked": [1, 1, 1]}
    data, file = table(tmp_path / "s.csv", seen), tmp_path / "g.svg"
    assert dssm("plot", run, "--kind", "gates", "--data", data, "-o", file, "-q").code == 0
    found = words(file.read_bytes())
    assert {"bought", "liked", "0.33", "0.25", "0.50"} <= set(found)


def test_every_mark_can_be_drawn_whatever_its_names() -> None:
    cells = Panel("c", Axis("", names=("1", "2")), Axis("", names=("a",)), (Cells(((0.1, 0.9),)),))
    hostile = [EVIL, "$a^$", "_hidden", "手机\n壳", "\\alpha"]
    lines = tuple(Line((0.0, 1.0), (0.0, float(i)), i, name) for i, name in enumerate(hostile))
    named = Panel("$x$", Axis("$\\frac$"), Axis("y"), lines)
    drawn = figure(small(*panels(), cells, named), Sheet("svg", None, 100))
    assert "narrow" not in drawn.warning
    found = " ".join(words(drawn.content))
    assert "$a^$" in found and "_hidden" in found and "$x$" in found


def test_characters_that_no_font_has_are_one_warning() -> None:
    panel = Panel("\U0001f999\ue123", Axis(""), Axis(""), (Line((0.0, 1.0), (0.0, 1.0), 0, "a"),))
    drawn = figure(small(panel, panel), Sheet("png", None, 50))
    assert drawn.content.startswith(b"\x89PNG") and drawn.warning.startswith("Warning: no font")


def test_a_figure_too_narrow_for_its_texts_is_drawn_with_a_warning() -> None:
    names = tuple("as long as can be" for _ in range(3))
    axis, line = Axis("", names=names), Line((0.0, 1.0), (0.0, 1.0))
    panel = Panel("", Axis("x"), axis, (line,))
    drawn = figure(small(panel, panel), Sheet("png", 1, 50))
    assert drawn.content.startswith(b"\x89PNG") and "a larger --width" in drawn.warning


# What cannot be


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["--kind", "curves", "-o", "f.jpeg"], "expected a name that ends in .pdf, .svg, .png"),
        (["--kind", "gates", "-o", "f.svg"], "of which there are curves, histogram"),
        (["--kind", "map", "-o", "f.svg"], "--kind map needs pairs with labels"),
        (["--kind", "map"], "Missing option '-o'"),
        (["-o", "f.svg"], "Missing option '--kind'"),
        (["--kind", "calibration", "--data", "-", "-o", "f.svg"], "nothing to draw. All rows"),
    ],
)
def test_what_cannot_be_is_one_line(
    dssm: Dssm,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    line: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = dssm("plot", run, *line, stdin=b"a\tb\t0\n")
    assert (result.code, result.out) == (2, "") and said in result.err, result.err
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_gates_has_none_to_be_seen(dssm: Dssm, tmp_path: Path) -> None:
    run = parts((BOUGHT,), SEGMENTS, logits()[:, :1]).write(tmp_path / "plain")
    data = table(tmp_path / "t.csv", {"seg": ["s00", "s01"], "bought": [0, 1]})
    result = dssm("plot", run, "--kind", "gates", "--data", data, "-o", tmp_path / "f.svg")
    assert result.code == 2 and "the run has none to be seen" in result.err


def test_without_matplotlib_the_extra_is_named(
    dssm: Dssm, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = dssm("plot", run, "--kind", "curves", "-o", tmp_path / "f.svg")
    assert result.code == 1 and result.err == (
        "dssm plot needs matplotlib. Install it: pip install 'dssmcli[plot]'\n"
    )
    assert dssm("report", run).code == 0 and list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_exit_1(dssm: Dssm, run: Path, tmp_path: Path) -> None:
    result = dssm("plot", run, "--kind", "curves", "-o", tmp_path / "none" / "f.svg")
    assert result.code == 1 and "cannot be written" in result.err


def test_a_plot_never_imports_torch(run: Path, tmp_path: Path) -> None:
    line = ["plot", str(run), "--kind", "curves", "-o", str(tmp_path / "f.svg")]
    done = subprocess.run([sys.executable, "-c", SERVING, *line], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
