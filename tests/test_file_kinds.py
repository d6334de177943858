"""Files that are no UTF-8 text are named as what they are, with what makes text of them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import shutil
import sqlite3
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Dssm

pyarrow = pytest.importorskip("pyarrow")

PAIRS = b"red shoes\tshoes in red\nblue hat\that in blue\n" * 3


def _written(write: Callable[[io.BytesIO], Any]) -> bytes:
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def _zip(*names: str) -> bytes:
    def write(stream: io.BytesIO) -> None:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                archive.writestr(name, PAIRS)

    return _written(write)


def _tar() -> bytes:
    def write(stream: io.BytesIO) -> None:
        with tarfile.open(fileobj=stream, mode="w") as archive:
            member = tarfile.TarInfo("inside.tsv")
            member.size = len(PAIRS)
            archive.addfile(member, io.BytesIO(PAIRS))

    return _written(write)


def _sqlite(folder: Path) -> bytes:
    with sqlite3.connect(folder / "made.db") as base:
        base.execute("create table pairs(query, title)")
    base.close()
    return (folder / "made.db").read_bytes()


def _arrow(kind: str) -> bytes:
    import pyarrow.feather
    import pyarrow.parquet

    table = pyarrow.table({"query": ["red shoes"] * 3, "title": ["shoes in red"] * 3})
    if kind == "parquet":
        return _written(lambda stream: pyarrow.parquet.write_table(table, stream))
    if kind == "feather":
        return _written(lambda stream: pyarrow.feather.write_feather(table, stream))

    def write(stream: io.BytesIO) -> None:
        with pyarrow.ipc.new_stream(stream, table.schema) as sink:
            sink.write_table(table)

    return _written(write)


def _index(run: Path, folder: Path, dssm: Dssm) -> bytes:
    made = dssm("index", "-m", run, "-", "-o", folder / "index", stdin=b"red shoes\nblue hat\n")
    assert made.code == 0, made.err
    return (folder / "index").read_bytes()


KINDS: dict[str, tuple[str, bytes]] = {
    "x.xlsx": ("is an Excel workbook", _zip("[Content_Types].xml", "xl/workbook.xml")),
    "x.docx": ("is a Word document", _zip("[Content_Types].xml", "word/document.xml")),
    "x.xls": ("is an old Office file", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 90),
    "x.zip": ("is a zip archive", _zip("inside.tsv")),
    "x.tar": ("is a tar archive", _tar()),
    "x.tar.gz": ("is a tar archive, gzipped", gzip.compress(_tar())),
    "x.gz": ("is gzip inside gzip", gzip.compress(gzip.compress(PAIRS))),
    "x.bz2": ("is packed with bzip2", bz2.compress(PAIRS)),
    "x.xz": ("is packed with xz", lzma.compress(PAIRS)),
    "x.zst": ("is packed with zstd", b"\x28\xb5\x2f\xfd\x24\x05\x29\0\0hello"),
    "x.7z": ("is a 7z archive", b"7z\xbc\xaf\x27\x1c\0\4" + b"\0" * 30),
    "x.pdf": ("is a PDF document", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"),
    "x.png": ("is a PNG picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    "x.npy": ("is a NumPy array", _written(lambda stream: np.save(stream, np.ones((2, 3))))),
    "x.npz": ("is NumPy arrays", _written(lambda stream: np.savez(stream, a=np.ones(2)))),
    "x.pkl": ("is a Python pickle", b"\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94."),
    "x.pt": ("is a PyTorch file", _zip("model/data.pkl", "model/version")),
    "x.parquet": ("is a Parquet file", _arrow("parquet")),
    "x.feather": ("is an Arrow (Feather) file", _arrow("feather")),
    "x.arrows": ("is an Arrow stream", _arrow("stream")),
    "x.safetensors": (
        "is the weights of a model",
        (20).to_bytes(8, "little") + b'{"a":{"dtype":"F32"}',
    ),
}

_CHINESE = "手机壳\t苹果手机壳 防摔\n快递到哪了\t快递查询\n红色连衣裙\t夏季红色连衣裙\n" * 3
_TAIWAN = "手機殼\t蘋果手機殼 防摔\n快遞到哪了\t快遞查詢\n紅色洋裝\t夏季紅色洋裝\n" * 3
_JAPANESE = "靴\tランニングシューズ\nかばんを探す\t革のかばん\nテレビ\t液晶テレビの店\n" * 3
_KOREAN = "빨간 신발\t빨간색 운동화\n휴대폰 케이스\t아이폰 케이스\n겨울 외투\t따뜻한 외투\n" * 3
ENCODED: dict[str, tuple[str, str, str]] = {
    "gbk": ("GBK", "gbk", _CHINESE),
    # Both lie where Korean has its letters, too.
    "gbk of few characters": ("GBK", "gbk", "巴黎\t黎巴\n黎\t巴黎\n" * 9),
    "big5": ("Big5", "big5", _TAIWAN),
    "shift-jis": ("Shift-JIS", "shift-jis", _JAPANESE),
    "euc-jp": ("EUC-JP", "euc-jp", _JAPANESE),
    "euc-kr": ("EUC-KR", "euc-kr", _KOREAN),
    "cp1251": ("Windows-1251", "cp1251", "красные туфли\tтуфли красного цвета\n" * 3),
    "cp1252": ("Windows-1252", "cp1252", "café crème\tcafetière\nmüller\tgroße tür\n" * 3),
    "utf-16": ("UTF-16", "utf-16", _CHINESE),
    "utf-16le": ("UTF-16 without a byte-order mark", "utf-16-le", "a\tb\n" + _CHINESE),
    "utf-16be": ("UTF-16 without a byte-order mark", "utf-16-be", "a\tb\n" + _CHINESE),
    "utf-32": ("UTF-32", "utf-32", _CHINESE),
    "utf-32be": ("UTF-32 without a byte-order mark", "utf-32-be", "a\tb\n" + _CHINESE),
}


def commands(run: Path, file: Path, folder: Path) -> dict[str, Sequence[str | Path]]:
    """Return command lines that read a file, each by a reader of its own."""
    return {
        "texts": ("encode", "-m", run, file),
        "pairs": ("train", file, "-o", folder / "new", "-q"),
        "scored": ("score", "-m", run, "--pairs", file),
        "titles": ("index", "-m", run, file, "-o", folder / "new"),
        "queries": ("mine", "-m", run, file),
        "table": ("train-rec", "mmoe", file, "--task", "title", "-o", folder / "new", "-q"),
        "watches": ("train-rec", "youtube-candidates", file, "-o", folder / "new", "-q"),
        "impressions": ("train-rec", "youtube-ranking", file, "-o", folder / "new", "-q"),
        "checked": ("check", "--json", file),
        "checked table": ("check", "--task", "title", file),
    }


@pytest.mark.parametrize("name", KINDS)
def test_a_file_of_another_kind_is_named(name: str, run: Path, tmp_path: Path, dssm: Dssm) -> None:
    said, content = KINDS[name]
    file = tmp_path / name
    file.write_bytes(content)
    done = dssm("encode", "-m", run, file)
    assert done.code == 3 and done.err.startswith(f"{file}: {said}"), done
    assert done.err.count("\n") == 1
    piped = dssm("encode", "-m", run, "-", stdin=content)
    assert piped.code == 3 and piped.err.startswith(f"<stdin>: {said}"), piped
    assert said in dssm("check", file).out


@pytest.mark.parametrize("name", ["x.docx", "x.tar.gz", "x.pdf"])
def test_every_command_names_a_file_of_another_kind(
    name: str, run: Path, tmp_path: Path, dssm: Dssm
) -> None:
    said, content = KINDS[name]
    file = tmp_path / name
    file.write_bytes(content)
    for which, words in commands(run, file, tmp_path).items():
        done = dssm(*words)
        told = done.out if which.startswith("checked") else done.err
        assert done.code == 3 and said in told, (which, done)
        assert which.startswith("checked") or done.err.count("\n") == 1, (which, done)
    own = dssm("train", file, "--tokenizer", "jieba", "--dictionary", file, "-o", tmp_path / "new")
    assert own.code == 3 and said in own.err and own.err.count("\n") == 1, own


def test_an_index_and_a_database_are_named_too(run: Path, tmp_path: Path, dssm: Dssm) -> None:
    for content, said in (
        (_index(run, tmp_path, dssm), "is an index of titles"),
        (_sqlite(tmp_path), "is an SQLite database"),
    ):
        file = tmp_path / "given"
        file.write_bytes(content)
        done = dssm("train", file, "-o", tmp_path / "new")
        assert done.code == 3 and said in done.err and done.err.count("\n") == 1, done


@pytest.mark.parametrize("name", ["x.xlsx", "x.parquet", "x.npy", "x.tar"])
def test_a_file_is_named_where_a_run_or_an_index_belongs(
    name: str, run: Path, tmp_path: Path, dssm: Dssm
) -> None:
    said, content = KINDS[name]
    file = tmp_path / name
    file.write_bytes(content)
    for words in (["info", "-m", file], ["encode", "-m", file], ["search", "-i", file, "q"]):
        done = dssm(*words)
        assert done.code == 3 and said in done.err and done.err.count("\n") == 1, done
    done = dssm("search", "-i", run, "q")
    assert done.code == 3 and "is a run, expected an index" in done.err
    done = dssm("info", "-m", run / "config.json")
    assert done.code == 3 and f"expected its folder: {run}" in done.err


def _shell(line: str, folder: Path) -> None:
    """Run an advised command as a user's shell would."""
    program = line.split(maxsplit=1)[0]
    if shutil.which(program) is None and program != "python":
        pytest.skip(f"{program} is not here")
    subprocess.run(["bash", "-c", line], cwd=folder, check=True, timeout=60)


@pytest.mark.parametrize("name", ["x.gz", "x.bz2", "x.xz", "x.zip", "x.tar", "x.tar.gz"])
def test_what_unpacks_a_file_is_said_and_works(
    name: str, run: Path, tmp_path: Path, dssm: Dssm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(KINDS[name][1])
    line = dssm("encode", "-m", run, name).err.strip().rpartition(": ")[2]
    if line.startswith("python ") and shutil.which("python") is None:
        line = line.replace("python", "python3", 1)
    _shell(line, tmp_path)
    [made] = [path for path in tmp_path.iterdir() if path.name != name]
    content = made.read_bytes()
    assert (gzip.decompress(content) if name == "x.gz" else content) == PAIRS
    assert dssm("encode", "-m", run, made).code == 0


@pytest.mark.parametrize("name", ENCODED)
def test_an_encoding_is_named_with_a_command_that_converts_it(
    name: str, run: Path, tmp_path: Path, dssm: Dssm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said, code, text = ENCODED[name]
    Path("given.tsv").write_bytes(text.encode(code))
    lines = commands(run, Path("given.tsv"), tmp_path)
    which = lines if name == "gbk" else ("texts", "pairs", "checked")
    for each in which:
        done = dssm(*lines[each])
        assert done.code == 3 and f"like {said}" in done.out + done.err, (each, done)
        assert "--bad-rows" not in done.err  # all rows are bad
    _shell(re.findall(r"iconv .*", dssm(*lines["texts"]).err)[-1], tmp_path)
    assert Path("given.utf8.tsv").read_text("utf-8").removeprefix("\ufeff") == text
    assert dssm("encode", "-m", run, "given.utf8.tsv").code == 0


def test_gzipped_text_of_another_encoding_is_converted_on_the_way(
    run: Path, tmp_path: Path, dssm: Dssm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("given.tsv.gz").write_bytes(gzip.compress(_CHINESE.encode("gbk")))
    told = dssm("encode", "-m", run, "given.tsv.gz").err
    _shell(re.findall(r"gzip -dc .*", told)[-1], tmp_path)
    assert Path("given.utf8.tsv").read_text("utf-8") == _CHINESE


@pytest.mark.parametrize(
    "text",
    ["BZh and PAR1 and ORC\n", "PK\n", "%PDF is a format\n", "7z\n", "MZ\n", "GIF89a files\n"],
)
def test_text_that_begins_like_another_kind_is_text(text: str, run: Path, dssm: Dssm) -> None:
    assert dssm("encode", "-m", run, "-", stdin=text.encode()).code == 0


def test_lines_that_end_with_carriage_returns_only_are_refused_with_what_converts_them(
    run: Path, tmp_path: Path, dssm: Dssm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    old = PAIRS.replace(b"\n", b"\r")
    Path("given.tsv").write_bytes(old)
    for which, words in commands(run, Path("given.tsv"), tmp_path).items():
        done = dssm(*words)
        told = done.out if which.startswith("checked") else done.err
        assert done.code == 3 and "end with carriage returns only" in told, (which, done)
    piped = dssm("encode", "-m", run, "-", stdin=old).err
    assert "… | tr '\\r' '\\n' | dssm …" in piped, piped
    own = ("train", "given.tsv", "--tokenizer", "jieba", "--dictionary", "given.tsv", "-o", "new")
    assert "carriage returns" in dssm(*own).err
    _shell(
        re.findall(r"tr .*", dssm(*commands(run, Path("given.tsv"), tmp_path)["texts"]).err)[-1],
        tmp_path,
    )
    assert Path("given.lf.tsv").read_bytes() == PAIRS
    Path("given.tsv.gz").write_bytes(gzip.compress(old))
    _shell(re.findall(r"gzip -dc .*", dssm("encode", "-m", run, "given.tsv.gz").err)[-1], tmp_path)
    assert Path("given.lf.tsv").read_bytes() == PAIRS
    for content in (b"red\rshoe\nhat\n", b"red shoe\r", b"\r", b"red shoe\r\nhat"):
        assert dssm("encode", "-m", run, "-", stdin=content).code == 0, content
