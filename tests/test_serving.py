"""Bulk encoding: the same vectors whatever the blocks, the threads and the tables that are kept."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import dssmcli
from dssmcli.data import texts as text_files
from dssmcli.data.pipeline import in_threads
from dssmcli.data.texts import Shard, TextReader
from dssmcli.data.tsv import BadRows, read_lines
from dssmcli.errors import DataError
from dssmcli.serving import encoder, tables

ARCHS = ["dnn", "cnn", "lstm"]


def many_texts(count: int = 6000) -> list[str]:
    """Texts of new words without end, of all lengths, in two scripts."""
    random = np.random.default_rng(1)
    letters = list("abcdefghij手机电脑运费")
    return [
        " ".join("".join(random.choice(letters, 4)) for _ in range(random.integers(0, 9)))
        for _ in range(count)
    ]


@pytest.mark.parametrize("arch", ARCHS)
def test_blocks_threads_and_kept_tables_change_no_vector(
    runs: dict[str, Path], arch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = many_texts()
    plain = dssmcli.load(runs[arch])
    expected = np.concatenate([plain.encode(texts[i : i + 500]) for i in range(0, 6000, 500)])
    # Few kept rows, units forgotten often: guests in every block, and blocks with too many.
    monkeypatch.setattr(tables, "KEPT_BYTES", 0)
    monkeypatch.setattr(tables, "GUEST_BYTES", 0)
    monkeypatch.setattr(tables, "_MADE_AT_ONCE", 100)
    monkeypatch.setattr(encoder, "_UNITS_KEPT", 3000)
    for size, threads in ((40, 3), (3000, 3), (40, 1), (3000, 1)):
        model = dssmcli.load(runs[arch], threads=threads)
        blocks = (texts[i : i + size] for i in range(0, len(texts), size))
        found = np.concatenate([rows for _, rows in model.encode_blocks(blocks)])
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_threads_keep_the_order_draw_little_ahead_and_pass_errors_on() -> None:
    under_way, most = [0], [0]
    lock = threading.Lock()

    def items() -> Iterator[int]:
        for i in range(40):
            with lock:
                under_way[0] += 1
                most[0] = max(most[0], under_way[0])
            yield i

    def doubled(i: int) -> int:
        if i == 99:
            raise DataError("bad")
        return 2 * i

    found = []
    for value in in_threads(doubled, items(), 3):
        with lock:
            under_way[0] -= 1
        found.append(value)
    assert found == [2 * i for i in range(40)] and most[0] <= 3 + 2
    assert list(in_threads(doubled, [], 2)) == [] and list(in_threads(doubled, [4], 2)) == [8]
    with pytest.raises(DataError):
        list(in_threads(doubled, [1, 2, 99, 3], 2))


def all_texts(
    sources: list[str], bad_lines: BadRows | None = None, shard: Shard | None = None
) -> list[str]:
    reader = TextReader(sources, bad_lines or BadRows(), shard)
    return [text for block in reader.blocks() for text in block]


@pytest.mark.parametrize("size", [1, 7, 1 << 18])
def test_blocks_of_texts_are_the_lines(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "_BLOCK_BYTES", size)
    file = tmp_path / "t"
    for content in ("", "\n", "a", "a\n", "\n\nb", "手机\r\nx\n\n", "\ufeffq\ny" * 9, "z" * 50):
        file.write_bytes(content.encode())
        texts = all_texts([str(file)])
        assert texts == [line.decode() for line in read_lines([str(file)])], content
    file.write_bytes(b"a\nb\n\xe6\x89\nc")
    with pytest.raises(DataError, match=":3:1: invalid UTF-8"):
        all_texts([str(file)])
    skipped = BadRows(skip=True)
    texts = all_texts([str(file)], skipped)
    assert texts == ["a", "b", "", "c"] and skipped.count == 1


def test_lines_are_those_of_the_bytes_and_all_before_damage_come_out(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    file = tmp_path / "t"
    for length in (0, 1, 8191, 8192, 8193, 100_000):
        content = b"x" + bytes(random.choice([10, 13, 97, 98], length, p=[0.01, 0.1, 0.4, 0.49]))
        for stored in (content, gzip.compress(content, mtime=0)):
            file.write_bytes(stored)
            found = [(line.number, line.raw) for line in read_lines([str(file)])]
            expected = [line.removesuffix(b"\r") for line in content.split(b"\n")]
            expected = expected if expected[-1] or content[-1:] == b"\r" else expected[:-1]
            assert found == list(enumerate(expected, start=1))
    file.write_bytes(gzip.compress(content, mtime=0)[:-4])
    lines = read_lines([str(file)])
    before = [next(lines).number for _ in range(content.count(b"\n"))]
    with pytest.raises(DataError, match=f":{len(before) + 1}: damaged gzip"):
        next(lines)


@pytest.mark.parametrize("size", [1, 5, 1 << 18])
def test_shards_one_after_the_other_are_the_whole(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "_BLOCK_BYTES", size)
    first, second, third = tmp_path / "a", tmp_path / "b.gz", tmp_path / "c"
    for contents in (
        ("one\n\n手机\n", "x\ny", "\ufefflast"),
        ("", "\n", ""),
        ("a" * 30, "b\n", ""),
    ):
        first.write_bytes(contents[0].encode())
        second.write_bytes(gzip.compress(contents[1].encode(), mtime=0))
        third.write_bytes(contents[2].encode())
        sources = [str(first), str(second), str(third)]
        for parts in (1, 2, 3, 7, 40):
            shards = [all_texts(sources, shard=Shard(i + 1, parts)) for i in range(parts)]
            assert [text for shard in shards for text in shard] == all_texts(sources)
    first.write_bytes(b"a\nb\n\xff\n")
    with pytest.raises(DataError, match=":3:1: invalid UTF-8"):
        all_texts([str(first)], shard=Shard(3, 3))
    with pytest.raises(DataError, match="a shard needs files"):
        all_texts([str(first), "-"], shard=Shard(1, 2))


def test_vectors_go_straight_to_a_file_and_behind_what_stands_in_one(
    run: Path, tmp_path: Path
) -> None:
    def encode(redirection: str, text: str = "couch\ntap\n") -> subprocess.CompletedProcess[bytes]:
        command = f"printf '{text}' | {sys.executable} -m dssmcli encode -q {redirection}"
        environment = {**os.environ, "DSSM_MODEL": str(run)}
        return subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, check=False
        )

    piped = encode("").stdout
    assert encode("> a.npy").returncode == 0 == encode("> b; echo x > c").returncode
    assert (tmp_path / "a.npy").read_bytes() == piped
    (tmp_path / "log").write_bytes(b"before")
    assert encode(">> log").returncode == 0
    assert (tmp_path / "log").read_bytes() == b"before" + piped
    assert np.load(io.BytesIO(piped)).shape == (2, 16)
    assert encode("> bad.npy", "good\\n\\xff\\n").returncode == 3
    assert (tmp_path / "bad.npy").read_bytes() == b""
