"""The measures of style: how long functions and files may be."""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("dssmcli", "tests", "examples", "benchmarks", "vocab", "docs")
LONGEST_FUNCTION = 60
LONGEST_FILE = 400
"""Of the package; tests and programs that write a data set may be longer."""


def files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def lengths(path: Path) -> dict[str, int]:
    """Return the lines of each function of a file by its name and first line."""
    functions = (
        node
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )
    return {f"{f.name}:{f.lineno}": (f.end_lineno or f.lineno) - f.lineno + 1 for f in functions}


@pytest.mark.parametrize("room", ROOMS)
def test_no_function_is_longer_than_a_screen(room: str) -> None:
    long = {
        f"{path.relative_to(ROOT)} {name}": lines
        for path in files(room)
        for name, lines in lengths(path).items()
        if lines > LONGEST_FUNCTION
    }
    assert not long


def test_most_functions_are_a_dozen_lines_or_fewer() -> None:
    found = [lines for path in files("dssmcli") for lines in lengths(path).values()]
    assert len(found) > 1000 and median(found) <= 12


def test_no_file_of_the_package_is_longer_than_can_be_kept_in_mind() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in files("dssmcli")
        if (lines := len(path.read_text("utf-8").splitlines())) > LONGEST_FILE
    }
    assert not long


def test_nothing_is_left_to_be_done_later() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X ")
    for room in ROOMS:
        for path in files(room):
            text = path.read_text("utf-8")
            assert not [mark for mark in marks if mark in text], path


def test_a_function_is_as_long_as_its_lines(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\ndef f():\n" + "    pass\n" * 60)
    assert lengths(tmp_path / "a.py") == {"f:2": 61}
