"""Random files through every command that reads one: a result or one clear line, never a mess."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL, Dssm

FILES = 120
"""Random files for each of four commands; benchmarks/fuzz.py tries as many as one likes."""

_PIECES = [
    *(b"a", b"good", b"\t", b"\t", b"\t", b"\n", b"\n", b"\r\n", b"0", b"1", b"3.5", b"-1", b"nan"),
    *(b"\x00", b"\xff", b"\xe6\x89", "手机".encode(), "é😀".encode(), b"\xef\xbb\xbf", b" ", b'"'),
    *(b"query\ttitle\tlabel\n", b"a\tb\t1\n", b"c\td\t0\n", b"\xed\xa0\x80", b"1e400", b"x" * 300),
    *("\u2028\x85".encode(), b"\x1b[31m", b"query", b"label", "，。".encode(), b"\xc2\xad"),
]


def random_file(random: np.random.Generator) -> bytes:
    kind = random.integers(10)
    if kind == 0:
        return random.integers(0, 256, random.integers(200), np.uint8).tobytes()
    good = b"".join(
        b"word%d thing\ttitle %d\t%d\n" % (i % 7, i % 5, i % 2)
        for i in range(random.integers(1, 30))
    )
    if kind < 4:
        content = bytearray(good)
        for _ in range(random.integers(1, 4)):
            content[random.integers(len(content))] = random.integers(256)
        return bytes(content)
    parts = [_PIECES[i] for i in random.integers(0, len(_PIECES), random.integers(40))]
    mixed = b"".join(parts)
    if kind == 4:
        packed = gzip.compress(good + mixed, mtime=0)
        return packed[: random.integers(1, len(packed) + 1)]
    return good + mixed if kind < 8 else mixed


@pytest.mark.parametrize("command", ["train", "score", "encode", "eval"])
def test_random_files_give_a_result_or_one_line(
    dssm: Dssm, run: Path, tmp_path: Path, command: str
) -> None:
    random = np.random.default_rng(["train", "score", "encode", "eval"].index(command))
    codes = set()
    for number in range(FILES):
        content = random_file(random)
        file = tmp_path / "input"
        file.write_bytes(content)
        output = tmp_path / "output"
        arguments = {
            "train": ["train", file, *SMALL, "--epochs", "1", "-o", output],
            "score": ["score", "-q", "-m", run, "--pairs", file],
            "encode": ["encode", "-q", "-m", run, file, "-o", output],
            "eval": ["eval", "-q", "-m", run, file],
        }[command]
        if number % 3 == 0:
            arguments += ["--bad-rows", "zero" if command == "encode" else "skip"]
        result = dssm(*arguments)
        codes.add(result.code)
        note = (number, content, result)
        assert result.code in (0, 3), note
        assert "Traceback" not in result.err, note
        if result.code == 3:
            assert result.err.count("\n") == 1 and not output.exists(), note
        elif command == "encode":
            lines = len(content.splitlines()) if not content.startswith(b"\x1f\x8b") else None
            vectors = np.load(io.BytesIO(output.read_bytes()))
            assert lines is None or len(vectors) == content.count(b"\n") + (
                content[-1:] not in (b"\n", b"")
            ), note
            assert np.isfinite(vectors).all(), note
        elif command == "train":
            assert dssm("score", "-m", output, "word1", "title 2").code == 0, note
        leftovers = {path.name for path in tmp_path.iterdir()} - {"input", "output"}
        assert not leftovers, (leftovers, note)
        for path in (output, output / "x"):
            remove(path)
    assert codes == {0, 3}


def remove(path: Path) -> None:
    if path.is_dir():
        for inner in path.iterdir():
            inner.unlink()
        path.rmdir()
    elif path.exists():
        path.unlink()
