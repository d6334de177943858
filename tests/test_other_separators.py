"""Tables with bars or other signs between columns: read, or refused with a command that works."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dssmcli.data.file_kind import _names
from dssmcli.data.table import read_table
from dssmcli.data.tsv import BadRows
from dssmcli.errors import DataError

ROWS = [["visit", "price", "city"], *([f"v{i}", f"{i}.5", "Oslo, N"] for i in range(30))]


def columns(path: Path) -> dict[str, list[str]]:
    table = read_table([str(path)], BadRows())
    texts = {n: [c.values[k] for k in c.codes] for n, c in table.columns.items()}
    return {name: [each.strip() for each in column] for name, column in texts.items()}


RIGHT = {name: list(column) for name, *column in zip(*ROWS, strict=True)}


def write(path: Path, sign: str) -> Path:
    path.write_text("".join(f"{sign.join(row)}\n" for row in ROWS), "utf-8")
    return path


def test_bars_are_what_stands_between_columns_where_a_header_has_nothing_else(
    tmp_path: Path,
) -> None:
    assert columns(write(tmp_path / "t.csv", "|")) == RIGHT
    assert _names("user|item|timestamp") == ["user", "item", "timestamp"]
    other = tmp_path / "other.csv"
    other.write_text("a|b\tc\n1\t2\n", "utf-8")
    assert [*columns(other)] == ["a|b", "c"]
    short = tmp_path / "short.csv"
    short.write_text("a|b\n1|2\n3\n", "utf-8")
    with pytest.raises(DataError, match="1 field, expected 2"):
        columns(short)


@pytest.mark.parametrize("sign", ["~", "^", "::", "||", "|^|", "\\t"])
def test_other_signs_are_refused_with_a_command(sign: str, tmp_path: Path) -> None:
    path = write(tmp_path / "t.txt", sign)
    with pytest.raises(DataError, match="between its names") as error:
        columns(path)
    assert columns(follow(str(error.value), tmp_path)) == RIGHT


@pytest.mark.parametrize("frame", ["mysql", "markdown"])
def test_drawn_tables_are_refused_with_a_command(frame: str, tmp_path: Path) -> None:
    head, *rows = (f"| {' | '.join(f'{field:<9}' for field in row)} |" for row in ROWS)
    if frame == "mysql":
        line = f"+{'+'.join(['-' * 11] * 3)}+"
        lines = [line, head, line, *rows, line]
    else:
        lines = [head, "|:---|---:|---|", *rows]
    path = tmp_path / "t.txt"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    with pytest.raises(DataError, match="a table that is drawn") as error:
        columns(path)
    assert columns(follow(str(error.value), tmp_path)) == RIGHT


def follow(message: str, folder: Path) -> Path:
    """Run the command that a message names, and return what it writes."""
    command = message.partition("Convert it: ")[2].partition(", and give NEW")[0]
    subprocess.run(command, shell=True, check=True, cwd=folder)
    return folder / "NEW"
