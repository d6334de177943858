"""Each example trains with defaults, reaches its figure and beats shared characters."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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
