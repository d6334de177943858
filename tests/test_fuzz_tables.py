"""Random tables through every command that reads one: a result or one clear line, never a mess."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Dssm, run_command
from tables import SMALL_TABLE, TASKS, world, write_table
from test_fuzz import remove

FILES = 120
"""Random tables for each command."""
TINY = ("--experts", "2", "--expert-units", "4", "--embedding", "2", *SMALL_TABLE, "--epochs", "1")

_PIECES = [
    *(b"a", b"Paris", b",", b",", b",", b"\t", b";", b"\n", b"\n", b"\r\n", b"\r", b"0", b"1"),
    *(b"\x00", b"\xff", b"\xe6\x89", "北京".encode(), "é😀".encode(), b"\xef\xbb\xbf", b" ", b'"'),
    *(b"city,age,price,bought,minutes\n", b"Oslo,40,3.5,1,2\n", b'"Oslo, N","4",5,0,-1\n', b'""'),
    *(b"\xed\xa0\x80", b"1e400", b"1e308", b"-1e-320", b"nan", b"x" * 300, b"True", b"yes", b"3,5"),
    *("\u2028\x85".encode(), b"\x1b[31m", b"city", b"bought", b"?", b"NA", b'"a\nb"', b"=", b"|"),
]


def random_table(random: np.random.Generator) -> bytes:
    """Return a good table, one that is damaged in a way, pieces of tables, or anything at all."""
    kind = random.integers(12)
    if kind == 0:
        return random.integers(0, 256, random.integers(200), np.uint8).tobytes()
    rows = random.integers(1, 40)
    names = ["city", "age", "price", "bought", "minutes"]
    lines = [
        [f"c{i % 3}", f"{i}.5", f"{i * 7 % 9}", f"{i % 2}", f"{i * 0.25}"] for i in range(rows)
    ]
    if kind == 1:  # a column that is something else, or not there
        column = random.integers(5)
        other = [b"", b"1e308", b"yes", b"3,5", b"2024-01-02", b"?"][random.integers(6)].decode()
        for line in lines[:: random.integers(1, 3)]:
            line[column] = f'"{other}"'
    if kind == 2:
        del names[random.integers(5)]
    good = "\n".join(",".join(line) for line in [names, *lines]).encode() + b"\n"
    if kind < 6:
        content = bytearray(good)
        for _ in range(random.integers(0, 4)):
            content[random.integers(len(content))] = random.integers(256)
        return bytes(content)
    parts = [_PIECES[i] for i in random.integers(0, len(_PIECES), random.integers(40))]
    mixed = b"".join(parts)
    if kind == 6:
        packed = gzip.compress(good + mixed, mtime=0)
        return packed[: random.integers(1, len(packed) + 1)]
    return good + mixed if kind < 10 else mixed


@pytest.fixture(scope="module")
def rec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small run."""
    folder = tmp_path_factory.mktemp("fuzz")
    table = write_table(folder / "t.csv", world(200).columns)
    with pytest.MonkeyPatch.context() as patch:
        options = [*TASKS, *TINY, "-o", folder / "r"]
        assert run_command(["train-rec", "mmoe", table, *options], b"", patch).code == 0
    return folder / "r"


@pytest.mark.parametrize("command", ["train-rec", "predict", "predict --bad-rows skip"])
def test_random_tables_give_a_result_or_one_line(
    dssm: Dssm, rec: Path, tmp_path: Path, command: str
) -> None:
    random = np.random.default_rng(len(command))
    skip = ["--bad-rows", "skip", "--rejects", tmp_path / "rejects"]
    codes = set()
    for number in range(FILES):
        content = random_table(random)
        file, output = tmp_path / "input", tmp_path / "output"
        file.write_bytes(content)
        if command == "train-rec":
            arguments = ["train-rec", "mmoe", file, *TASKS, *TINY, "-o", output]
            arguments += skip if number % 3 == 0 else []
        else:
            arguments = ["predict", "-q", "-m", rec, file, "-o", output]
            arguments += skip if "skip" in command else []
        result = dssm(*arguments)
        codes.add(result.code)
        note = (number, content, result)
        assert result.code in (0, 2, 3), note
        assert "Traceback" not in result.err and result.out == "", note
        if result.code:
            assert result.err.count("\n") == 1 and not output.exists(), note
        elif command == "train-rec":
            assert dssm("predict", "-q", "-m", output, file, *skip[:2]).code == 0, note
        else:
            numbers = output.read_text().splitlines()[1:]
            assert np.isfinite([float(x) for line in numbers for x in line.split("\t")]).all(), note
        leftovers = {path.name for path in tmp_path.iterdir()} - {"input", "output", "rejects"}
        assert not leftovers, (leftovers, note)
        remove(output)
    assert {0, 3} <= codes


def test_random_tables_are_judged_or_refused_in_one_line(
    dssm: Dssm, rec: Path, tmp_path: Path
) -> None:
    random, codes = np.random.default_rng(4), set()
    for number in range(FILES):
        content = random_table(random)
        file = tmp_path / "input"
        file.write_bytes(content)
        skip = ["--bad-rows", "skip"] if number % 2 else []
        result = dssm("eval", "-q", "--json", "--bootstrap", "3", "-m", rec, file, *skip)
        codes.add(result.code)
        note = (number, content, result)
        assert result.code in (0, 3) and "Traceback" not in result.err, note
        if result.code:
            assert result.err.count("\n") == 1 and result.out == "", note
        else:
            figures = json.loads(result.out)
            assert figures["rows"] > 0 and {"bought.rows", "minutes.rows"} & set(figures), note
            numbers = [value for value in figures.values() if isinstance(value, float)]
            assert np.isfinite(numbers).all(), note
    assert codes == {0, 3}
