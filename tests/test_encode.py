"""`dssm encode`: formats, shards, going on after an interruption, and processes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from conftest import Dssm, Result

import dssmcli
from dssmcli.commands.options import can_fork
from dssmcli.data import texts as text_files
from dssmcli.data.texts import Shard, TextReader
from dssmcli.data.tsv import BadRows
from dssmcli.errors import ConfigError, DssmError, MissingExtra, OutputError
from dssmcli.pace import Pace, clock
from dssmcli.serving import formats, output
from dssmcli.serving.formats import build_format
from dssmcli.serving.workers import Encoded, in_processes
from dssmcli.text.limits import Cuts

TEXTS = ["couch", "", "手机 电话", 'a "quoted"\\ text', "mower"]


LINES = b"a\nbb\n\nccc\r\n\n\xe6\x89\x8b\xe6\x9c\xba\nd\nlast"


@pytest.mark.parametrize("content", [LINES, LINES + b"\n", b"\n\n\n", b"x", b"x\n"])
@pytest.mark.parametrize("block", [1, 4, 1 << 20])
def test_shards_of_any_number_are_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, block: int
) -> None:
    monkeypatch.setattr(text_files, "_BLOCK_BYTES", block)
    path = tmp_path / "t.txt"
    path.write_bytes(content)

    def read(shard: Shard | None = None) -> list[str]:
        blocks = TextReader([str(path), str(path)], BadRows(False), shard).blocks()
        return [text for block in blocks for text in block]

    whole = read()
    assert whole == 2 * content.decode().replace("\r", "").removesuffix("\n").split("\n")
    for parts in range(1, 2 * len(content) + 1):
        shards = [read(Shard(number, parts)) for number in range(1, parts + 1)]
        assert [*chain.from_iterable(shards)] == whole, parts


@pytest.fixture(name="vectors")
def _vectors(dssm: Dssm, run: Path) -> np.ndarray:
    raw = dssm("encode", "-m", run, "-q", stdin="\n".join(TEXTS).encode()).raw
    return np.load(io.BytesIO(raw))


def encoded(dssm: Dssm, run: Path, *options: object) -> bytes:
    result = dssm("encode", "-m", run, "-q", *options, stdin="\n".join(TEXTS).encode())
    assert result.code == 0, result.err
    return result.raw


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_every_format_holds_the_same_numbers(
    dssm: Dssm, run: Path, vectors: np.ndarray, dtype: str, tmp_path: Path
) -> None:
    expected = vectors.astype(dtype)
    array = np.load(io.BytesIO(encoded(dssm, run, "--dtype", dtype)))
    assert array.dtype == dtype
    np.testing.assert_array_equal(array, expected)
    lines = encoded(dssm, run, "--format", "tsv", "--dtype", dtype).decode().splitlines()
    told = np.array([line.split("\t") for line in lines]).astype(dtype)
    np.testing.assert_array_equal(told, expected)
    lines = encoded(dssm, run, "--format", "jsonl", "--dtype", dtype).decode().splitlines()
    assert [json.loads(line)["text"] for line in lines] == TEXTS
    told = np.array([json.loads(line)["vector"] for line in lines], dtype)
    np.testing.assert_array_equal(told, expected)
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "v.parquet"
    encoded(dssm, run, "--format", "parquet", "--dtype", dtype, "-o", file)
    assert file.read_bytes() == encoded(dssm, run, "--format", "parquet", "--dtype", dtype)
    table = parquet.read_table(file)
    assert table["text"].to_pylist() == TEXTS
    np.testing.assert_array_equal(np.array(table["vector"].to_pylist(), dtype), expected)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("v.csv", "tsv"),
        ("v.TSV", "tsv"),
        ("v.txt", "tsv"),
        ("v.jsonl", "jsonl"),
        ("v.f32", "f32"),
        ("v.parquet", "parquet"),
        ("v.npy", ""),
        ("v", ""),
    ],
)
def test_a_name_that_says_another_format_is_warned_of(
    dssm: Dssm, run: Path, tmp_path: Path, name: str, form: str
) -> None:
    line = ["encode", "-m", run, "-q", "-o", tmp_path / name]
    done = dssm(*line, stdin=b"couch\n")
    assert done.code == 0 and np.load(tmp_path / name).shape[0] == 1
    assert done.err.startswith(f"Warning: {tmp_path / name}: a numpy array") == bool(form)
    assert done.err.endswith(f"--format {form}.\n") or not done.err
    if form and form != "parquet":
        assert not dssm(*line, "--format", form, stdin=b"couch\n").err


def test_f32_is_the_bytes_of_the_rows(dssm: Dssm, run: Path, vectors: np.ndarray) -> None:
    assert encoded(dssm, run, "--format", "f32") == vectors.tobytes()
    result = dssm("encode", "-m", run, "--format", "f32", "--dtype", "float16", stdin=b"x")
    assert result.code == 2 and "choose npy or parquet" in result.err


def test_an_empty_input_is_a_whole_file_of_any_format(dssm: Dssm, run: Path) -> None:
    pytest.importorskip("pyarrow")
    for name in formats.FORMATS:
        result = dssm("encode", "-m", run, "--format", name, stdin=b"")
        assert result.code == 0 and bool(result.raw) == (name in ("npy", "parquet"))


def test_parquet_without_its_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"pip install 'dssmcli\[parquet\]'"):
        build_format("parquet", 4, "float32")
    with pytest.raises(ConfigError):
        build_format("f32", 4, "float16")


def test_shards_put_together_are_the_whole(
    dssm: Dssm, run: Path, vectors: np.ndarray, tmp_path: Path
) -> None:
    file = tmp_path / "t.txt"
    file.write_text("\n".join(TEXTS), encoding="utf-8")
    options = ("encode", "-m", run, "-q", "--format", "f32")
    parts = [dssm(*options, "--shard", f"{i}/3", file).raw for i in (1, 2, 3)]
    assert all(parts)
    found = np.frombuffer(b"".join(parts), np.float32).reshape(vectors.shape)
    np.testing.assert_allclose(found, vectors, atol=1e-6)
    for wrong in ("0/3", "4/3", "1", "a/b", "-1/2"):
        result = dssm(*options, "--shard", wrong, file)
        assert result.code == 2 and "expected I/N" in result.err
    assert dssm(*options, "--shard", "1/2", "-", stdin=b"x").code == 3


class _Killed(BaseException):
    """Stands for a process that is killed."""


def blocks_of(texts: Sequence[str], fail_after: int | None = None) -> list[output.Block]:
    return [([text], np.full((1, 2), i, np.float32)) for i, text in enumerate(texts)][:fail_after]


@pytest.mark.parametrize("name", ["npy", "f32", "tsv", "jsonl", "parquet"])
def test_going_on_gives_the_same_bytes_as_never_having_stopped(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "parquet":
        pytest.importorskip("pyarrow")
    monkeypatch.setattr(output, "SAVE_SECONDS", 0.0)
    form = build_format(name, 2, "float32")
    blocks = blocks_of("abcdef")
    with output.growing(tmp_path / "whole", "x") as file:
        file.begin(form)
        assert file.write(blocks, form, Cuts) == 6

    def killed() -> object:
        yield from blocks[:3]
        raise _Killed

    path = tmp_path / "v"
    path.write_bytes(b"old")
    with pytest.raises(_Killed), output.growing(path, "x") as file:
        file.begin(form)
        file.write(killed(), form, lambda: Cuts(7, 7, 300))  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    with open(tmp_path / ".v.partial", "ab") as stream:
        stream.write(b"half a block")
    with pytest.raises(OutputError, match="begun from other"), output.growing(path, "y") as file:
        file.go_on()
    with output.growing(path, "x") as file:
        saved = file.go_on()
        assert saved is not None and (saved.rows, saved.cuts) == (3, Cuts(7, 7, 300))
        with pytest.raises(OutputError, match="another process"), output.growing(path, "x"):
            pass
        assert file.write(blocks[3:], form, lambda: Cuts(7, 7, 300)) == 6
    assert path.read_bytes() == (tmp_path / "whole").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["v", "whole"]


@pytest.mark.parametrize("count", range(8))
def test_going_on_leaves_out_what_has_rows_over_any_number_of_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(output, "SAVE_SECONDS", 0.0)
    form, letters = build_format("tsv", 2, "float32"), "abcdefgh"

    def killed() -> Iterator[output.Block]:
        yield from blocks_of(letters, count)
        raise _Killed

    with pytest.raises(_Killed), output.growing(tmp_path / "v", "x") as file:
        file.begin(form)
        file.write(killed(), form, Cuts)
    with output.growing(tmp_path / "v", "x") as file:
        if not count:
            return
        assert file.go_on() is not None
        blocks = iter([list("ab"), [], list("cde"), list("f"), list("gh")])
        assert "".join(chain.from_iterable(file.skip(blocks))) == letters[count:]


@pytest.mark.parametrize("change", ["--side", "byte", "run"])
def test_going_on_refuses_another_side_or_run_and_a_damaged_file(
    dssm: Dssm,
    run: Path,
    runs: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    monkeypatch.setattr(output, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr("dssmcli.commands.options.available_threads", lambda: 1)
    first, second, partial = tmp_path / "1.txt", tmp_path / "2.txt", tmp_path / ".v.npy.partial"
    first.write_text("couch\ntap\n")
    second.write_bytes(b"\xff\n")
    command = ("encode", first, second, "-o", tmp_path / "v.npy")
    assert dssm(*command, "-m", run).code == 3 and partial.exists()
    second.write_bytes(b"rug\n")
    if change == "byte":
        content = bytearray(partial.read_bytes())
        content[-1] ^= 1
        partial.write_bytes(content)
    side = ("--side", "title") if change == "--side" else ()
    done = dssm(*command, "-m", runs["lstm"] if change == "run" else run, *side, "--resume")
    said = "damaged since it was written" if change == "byte" else "begun from other"
    assert done.code == 1 and said in done.err and not (tmp_path / "v.npy").exists(), done


def test_going_on_counts_the_texts_cut_before(
    dssm: Dssm, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr("dssmcli.commands.options.available_threads", lambda: 1)
    first, second = tmp_path / "1.txt", tmp_path / "2.txt"
    first.write_text("couch\n" + "tap " * 500 + "\n")
    second.write_bytes(b"rug\n\xff\n")
    command = ("encode", "-m", run, first, second, "-o", tmp_path / "v.npy")
    assert dssm(*command).code == 3
    second.write_text("bin " * 500 + "\nrug\n")
    resumed = dssm(*command, "--resume").err.splitlines()[-1]
    assert resumed == dssm(*command).err.splitlines()[-1] and "2" in resumed, resumed


def test_an_error_keeps_what_is_safe_and_says_so(
    dssm: Dssm, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, vectors = tmp_path / "1.txt", tmp_path / "2.txt", tmp_path / "v.npy"
    first.write_text("couch\ntap\n")
    second.write_bytes(b"rug\n\xff\n")
    command = ("encode", "-m", run, first, second, "-o", vectors)
    assert dssm(*command).code == 3 and sorted(os.listdir(tmp_path)) == ["1.txt", "2.txt"]
    monkeypatch.setattr(output, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr("dssmcli.commands.options.available_threads", lambda: 1)
    result = dssm(*command)
    assert result.code == 3 and "2 rows are kept; go on from there with --resume" in result.err
    assert not vectors.exists()
    second.write_bytes(b"rug\nbin\n")
    result = dssm(*command, "--resume")
    assert result.code == 0 and "Going on after 2 rows." in result.err
    assert "Encoded 4 texts" in result.err
    plain = dssm("encode", "-m", run, first, second).raw
    np.testing.assert_allclose(np.load(vectors), np.load(io.BytesIO(plain)), atol=1e-6)
    assert dssm(*command, "--resume").code == 0  # nothing to go on with: afresh
    assert dssm("encode", "-m", run, "--resume", first).code == 2


@pytest.mark.parametrize("source", ["1.txt", "-"])
def test_going_on_refuses_texts_that_were_changed(
    source: str, dssm: Dssm, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr("dssmcli.commands.options.available_threads", lambda: 1)
    monkeypatch.chdir(tmp_path)
    line = ("encode", "-m", run, source, "2.txt", "-o", "v.f32", "--format", "f32")

    def encode(texts: str, end: bytes, *more: str) -> Result:
        Path("1.txt").write_text(texts)
        Path("2.txt").write_bytes(end)
        return dssm(*line, *more, stdin=texts.encode())

    right, journal = "couch\ntap\nrug\n", Path(".v.f32.partial.json")
    assert encode(right, b"\xff\n").code == 3
    begun = json.loads(journal.read_text())
    digest = hashlib.blake2b(right.encode(), digest_size=16).hexdigest()
    assert (begun["rows"], begun["texts"]) == (3, digest)
    for texts, said in (
        ("couch\nTAP\nrug\n", f"(BLAKE2b was {digest[:8]}…, is now "),
        ("tap\ncouch\nrug\n", f"(BLAKE2b was {digest[:8]}…, is now "),
        ("couch\n", "(there are only 1). Give the same texts, or"),
    ):
        done = encode(texts, b"", "--resume")
        assert done.code == 3 and done.err.count("\n") == 1 and said in done.err, done
        assert "--resume: the first 3 texts are not those that .v.f32.partial has" in done.err
        assert "go on from there" not in done.err
    journal.write_text(json.dumps({**begun, "texts": ""}))
    done = encode(right, b"bin\n", "--resume", "-q")
    assert done.code == 0 and "Warning: an older dssm wrote these rows" in done.err, done
    assert "Going on" not in done.err
    plain = dssm("encode", "-m", run, "1.txt", "2.txt", "--format", "f32", "-q").raw
    found, expected = np.fromfile("v.f32", np.float32), np.frombuffer(plain, np.float32)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.skipif(not can_fork(), reason="no processes without fork")
def test_processes_give_the_same_rows_in_order_and_a_dead_one_is_an_error(
    run: Path, tmp_path: Path
) -> None:
    program = f"""
import os, numpy as np, dssmcli
from dssmcli.serving.loading import load
blocks = [[f"couch {{i}} \\n tap" for i in range(j, j + 30)] for j in range(20)]
one = [rows for _, rows in load({str(run)!r}).encode_blocks(blocks)]
several = load({str(run)!r}, processes=3).encode_blocks(blocks)
for expected, (texts, rows) in zip(one, several, strict=True):
    np.testing.assert_allclose(rows, expected, atol=1e-6)
from dssmcli.errors import DssmError
from dssmcli.serving.workers import in_processes
try:
    list(in_processes(lambda texts: os._exit(1), blocks, 2))
except DssmError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, check=False
    )
    assert b"A process that encodes has ended" in done.stdout, done.stderr.decode()


def test_a_single_block_is_worth_no_process() -> None:
    here = []

    def encode(texts: Sequence[str]) -> Encoded:
        here.append(os.getpid())
        return Encoded(np.ones((len(texts), 2), np.float32))

    found = list(in_processes(encode, [["a", "b"]], 3))
    assert here == [os.getpid()] and found[0].rows.shape == (2, 2)
    assert list(in_processes(encode, [], 3)) == []


@pytest.mark.skipif(not can_fork(), reason="no processes without fork")
def test_a_killed_encode_leaves_no_process_and_no_file(run: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dssmcli", "encode", "-q", "-m", str(run), "--threads", "2"]
    # Tests that a shell runs in the background would hand on that they ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        [*command, "-o", str(tmp_path / "v.npy")], stdin=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b"couch and tap\n" * 100_000)
        process.stdin.flush()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        process.stdin.close()
    assert os.listdir(tmp_path) == []


def test_progress_counts_lines_and_tells_the_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("dssmcli.pace._SECONDS_PLAIN", 0.0)
    pace = Pace(quiet=False)
    pace.lines(1500, 0.5)
    pace.lines(10, None)
    pace.clear()
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("1,500 lines  ") and first.endswith("0:00 left")
    assert second.startswith("1,510 lines  ") and "left" not in second
    Pace(quiet=True).lines(5, 0.5)
    assert capsys.readouterr().err == ""
    assert (clock(5), clock(65), clock(7265)) == ("0:05", "1:05", "2:01:05")
    file = tmp_path / "t"
    file.write_bytes(b"ab\ncd\n")
    reader = TextReader([str(file), str(file)], BadRows())
    list(reader.blocks())
    assert (reader.done, reader.total) == (12, 12)
    assert TextReader(["-"], BadRows()).total is None


def test_a_run_says_who_it_is(runs: dict[str, Path]) -> None:
    digests = {dssmcli.load(run).digest for run in runs.values()}
    assert len(digests) == len(runs) and all(len(digest) == 64 for digest in digests)
    assert issubclass(MissingExtra, DssmError)
