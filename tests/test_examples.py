"""Each example trains with defaults, reaches its figure and beats what is simpler."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dssmcli.metrics import auc, r_squared

EXAMPLES = Path(__file__).parent.parent / "examples"
LOGS = ["clicks-en", "clicks-zh"]


def overlap_auc(file: Path) -> float:
    spec = importlib.util.spec_from_file_location("overlap", EXAMPLES / "overlap.py")
    assert spec and spec.loader
    overlap = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(overlap)
    return float(overlap.overlap_auc(file))


@pytest.mark.parametrize("arch", ["dnn", "cnn", "lstm"])
@pytest.mark.parametrize("log", LOGS)
def test_a_model_trained_on_an_example_beats_shared_characters(
    log: str, arch: str, tmp_path: Path
) -> None:
    expected = json.loads((EXAMPLES / log / "expected.json").read_text("utf-8"))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ran = subprocess.run(
        ["sh", EXAMPLES / log / "run.sh", tmp_path / "run", arch],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    figures = dict(line.split("\t") for line in ran.stdout.splitlines()[1:])
    reached = float(figures["auc"].split()[0])  # its interval stands behind it
    shared = overlap_auc(EXAMPLES / log / "heldout.tsv")
    assert shared == pytest.approx(expected["overlap"], abs=1e-4)
    assert reached == pytest.approx(expected[arch], abs=0.02)  # processors round differently
    assert reached > shared + 0.1


@pytest.mark.parametrize("log", LOGS)
def test_an_example_is_what_its_program_writes_and_its_readme_says(log: str) -> None:
    folder = EXAMPLES / log
    subprocess.run([sys.executable, folder / "generate.py", "--check"], check=True)
    readme = (folder / "README.md").read_text("utf-8")
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    for figure in expected.values():
        assert f"{figure:.3f}".lstrip("0") in readme
    for name in ("clicks.tsv", "heldout.tsv"):
        rows = len((folder / name).read_text("utf-8").splitlines()) - 1
        assert f"| `{name}` | {rows:,} (" in readme


@pytest.mark.parametrize("log", LOGS)
def test_held_out_texts_are_new_and_the_log_is_large(log: str) -> None:
    clicks, heldout = (
        [line.split("\t") for line in (EXAMPLES / log / name).read_text("utf-8").splitlines()[1:]]
        for name in ("clicks.tsv", "heldout.tsv")
    )
    assert len(clicks) >= 2000
    for column in (0, 1):
        assert not {row[column] for row in clicks} & {row[column] for row in heldout}


VISITS = EXAMPLES / "multitask"


def table_of(page: str) -> dict[str, list[float]]:
    """Return the figures of each row of a Markdown table whose cells begin with them."""
    rows = re.findall(r"^\| ([a-z][\w, -]*) \| (\.\d{3}.*) \|$", page, re.M)
    return {name: [float(cell.split()[0]) for cell in cells.split(" | ")] for name, cells in rows}


def compared(*models: str) -> dict[str, list[float]]:
    line = [sys.executable, str(VISITS / "compare.py"), "--models", *models]
    return table_of(subprocess.run(line, capture_output=True, text=True, check=True).stdout)


def test_the_visits_are_what_their_program_writes_and_their_readme_says() -> None:
    subprocess.run([sys.executable, VISITS / "make_table.py", "--check"], check=True)
    readme = (VISITS / "README.md").read_text("utf-8")
    for name in ("visits.csv", "heldout.csv"):
        rows = len((VISITS / name).read_text("utf-8").splitlines()) - 1
        assert f"| `{name}` | {rows:,} |" in readme
    told = table_of(readme)
    for model, figures in compared("linear", "ceiling").items():
        assert figures == pytest.approx(told[model], abs=2e-3)
    # Nobody can expect more than the chances themselves reach.
    assert all(
        max(column) == told["ceiling"][k]
        for k, column in enumerate(zip(*told.values(), strict=True))
    )


@pytest.mark.parametrize("arch", ["mmoe", "shared-bottom", "single-task"])
def test_a_model_of_the_visits_stands_between_linear_ones_and_the_ceiling(
    arch: str, tmp_path: Path
) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    run = tmp_path / "run"
    ran = subprocess.run(
        ["sh", VISITS / "run.sh", run, arch],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Left out: day, visit." in ran.stderr and "276 rows lack it" in ran.stderr
    with (VISITS / "heldout.csv").open(encoding="utf-8", newline="") as stream:
        truth = list(csv.DictReader(stream))
    with (tmp_path / "run.predicted.tsv").open(encoding="utf-8", newline="") as stream:
        found = list(csv.DictReader(stream, delimiter="\t"))
    assert [row["visit"] for row in found] == [row["visit"] for row in truth]
    reached = [
        auc([float(row["bought"]) for row in found], [row["bought"] == "1" for row in truth]),
        auc([float(row["back"]) for row in found], [row["back"] != "no" for row in truth]),
        r_squared(
            [float(row["minutes"]) for row in found], [float(row["minutes"]) for row in truth]
        ),
    ]
    figures = dict(re.findall(r"^(\S.*)\t(-?[\d.]+) \[", ran.stdout, re.M))
    names = ("bought.auc", "back.auc", "minutes.r2")
    assert [float(figures[name]) for name in names] == pytest.approx(reached, abs=1e-3)
    assert ("task\tslice\trows" in ran.stdout) == (arch == "mmoe")
    told = table_of((VISITS / "README.md").read_text("utf-8"))
    assert reached == pytest.approx(told[arch], abs=0.025)  # of one seed, not the mean of three
    assert reached[0] > told["linear"][0] and reached[2] > told["linear"][2]


def test_the_tutorial_reaches_what_it_says(tmp_path: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

    def ran(line: str) -> str:
        environment = {**os.environ, "PATH": path}
        shell = {"shell": True, "cwd": tmp_path, "env": environment, "text": True}
        return subprocess.run(line, check=True, capture_output=True, **shell).stdout

    page = (EXAMPLES.parent / "docs" / "tutorial.md").read_text("utf-8")
    ran(f"{sys.executable} {EXAMPLES / 'tutorial' / 'make_log.py'}")
    (tmp_path / "to_pairs.py").write_text(page.split("```python\n")[1].split("```")[0], "utf-8")
    ran(f"{sys.executable} to_pairs.py")
    rows = [len((tmp_path / name).read_text("utf-8").splitlines()) - 1 for name in
            ("clicks.tsv", "later.tsv")]  # fmt: skip
    assert f"{rows[0]:,} rows to learn from and {rows[1]} to judge on" in page
    for line in (tmp_path / "log.tsv").read_text("utf-8").splitlines()[:2]:
        assert line.split(" | ")[0] in page
    checked = [
        json.loads(line) for line in ran("dssm check --json clicks.tsv later.tsv").split("\n")[:2]
    ]
    floors = [f"{each['baseline']['value']:.3f}".lstrip("0") for each in checked]
    assert f"AUC {floors[0]}, of `later.tsv` {floors[1]}" in page
    ran("dssm train -o first clicks.tsv")
    figures = json.loads(ran("dssm eval -m first --json later.tsv"))
    for name in ("auc", "ndcg@5", "ece"):
        said = re.search(rf"^\| `{name}` \| (\.\d+)", page, re.M)
        assert said and figures[name] == pytest.approx(float(said[1]), abs=0.02)
    assert figures["auc"] > checked[1]["baseline"]["value"] + 0.1
