"""Knocks: a line of 100 MB, and streams larger than memory should ever be."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import lines
from knocking import DSSM, Knock

_LINE = 100 << 20
_MEMORY_OF_A_LINE = 4 << 30
_STREAMED = {"encode": 10 << 30, "score": 2 << 30, "check": 1 << 28, "vocab": 2 << 30}
_STREAMED |= {"predict": 2 << 30}
_FLAT = {"encode": 1 << 28, "score": 1 << 28, "check": 1 << 30, "vocab": 1 << 28}
_FLAT |= {"predict": 1 << 28}
"""Memory at most. `check` keeps some 50 bytes a row, to find what repeats."""


class Fed(NamedTuple):
    """How a command ended that was fed a stream: exit code, standard error, peak bytes, seconds."""

    code: int
    err: str
    peak: int
    seconds: float


def sizes(home: Path, times: int) -> Iterator[Knock]:  # noqa: ARG001
    """Feed a long line, then long streams; each peak of memory is printed."""
    lines.prepared(home)
    for name, words in _with_a_long_line(home):
        fed = _fed(words, [])
        print(f"{name}, a line of 100 MB: exit {fed.code}, {fed.peak >> 20:,} MiB", flush=True)
        wrong = "" if fed.code in (0, 3) and fed.err.count("\n") <= 1 else fed.err[-300:]
        if "Traceback" in fed.err or fed.peak > _MEMORY_OF_A_LINE:
            wrong = f"{fed.peak >> 20:,} MiB, {fed.err[-300:]}"
        yield Knock("a line of 100 MB", wrong and f"{name}: exit {fed.code}: {wrong}")
    for name, words, block in _streams(home):
        size = _STREAMED[name]
        fed = _fed(words, [block] * (size // len(block)))
        told = f"{size >> 30} GiB in {fed.seconds:,.0f} s, {fed.peak >> 20:,} MiB"
        print(f"{name}: {told}", flush=True)
        wrong = (
            "" if not fed.code and fed.peak < _FLAT[name] else f"exit {fed.code}, {told} {fed.err}"
        )
        yield Knock("a stream larger than memory", wrong and f"{name}: {wrong}")


def _with_a_long_line(home: Path) -> Iterator[tuple[str, list[str]]]:
    """Write files with a line of 100 MB in their midst; yield a command line for each reader."""
    run = {name: ["-m", str(home / name)] for name in ("text", "mmoe", "candidates")}
    long = "couch 手机 " * (_LINE // 13)
    files = {}
    for name in ("texts.txt", "pairs.tsv", "table.csv", "watches.tsv"):
        rows = (home / name).read_text("utf-8").splitlines()
        separator = "," if name == "table.csv" else "\t"
        others = rows[1].split(separator)[1:] if name != "texts.txt" else []
        files[name] = str(home / f"long-{name}")
        whole = [*rows[:5], separator.join([long, *others]), *rows[5:]]
        Path(files[name]).write_text("\n".join(whole) + "\n", "utf-8")
    pairs = files["pairs.tsv"]
    train = ["--epochs", "1", "--dim", "8", "--overwrite", "--threads", "1"]
    yield "train", ["train", "-q", pairs, *train, "-o", str(home / "long-run")]
    yield "encode", ["encode", "-q", files["texts.txt"], *run["text"]]
    yield "score --pairs", ["score", "-q", "--pairs", pairs, *run["text"]]
    yield "eval", ["eval", "-q", "--bootstrap", "5", pairs, *run["text"]]
    yield "check", ["check", pairs]
    yield "mine", ["mine", "-q", pairs, *run["text"]]
    yield "vocab", ["vocab", "-q", files["texts.txt"]]
    yield "index", ["index", "-q", files["texts.txt"], "-o", str(home / "i"), "--overwrite"]
    yield "predict", ["predict", "-q", files["table.csv"], *run["mmoe"]]
    yield "recommend", ["recommend", "-q", files["watches.tsv"], *run["candidates"]]


def _streams(home: Path) -> Iterator[tuple[str, list[str], bytes]]:
    """Yield commands that read standard input, with a block of whole lines for each."""
    model = ["-m", str(home / "text")]
    texts = "".join(f"couch {i % 7919} best 手机 new tap number {i}\n" for i in range(40_000))
    pairs = "".join(f"couch {i % 7919}\tsofa bed {i % 997}\t{i % 2}\n" for i in range(40_000))
    rows = "".join(f"Paris,{20 + i % 50},{i % 997}.5,1,2\n" for i in range(40_000))
    yield "encode", ["encode", "-q", "-", "--format", "f32", *model], texts.encode()
    yield "score", ["score", "-q", "--pairs", "-", *model], pairs.encode()
    yield "check", ["check", "-"], pairs.encode()
    yield "vocab", ["vocab", "-q", "-"], texts.encode()
    head = b"city,age,price,bought,minutes\n"
    yield "predict", ["predict", "-q", "-", "-m", str(home / "mmoe")], head + rows.encode()


def _fed(words: list[str], blocks: Sequence[bytes]) -> Fed:
    """Run a command, feed it blocks, throw away what it prints."""
    began = time.monotonic()
    with subprocess.Popen(
        [*DSSM, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None and process.stderr is not None
        said: list[bytes] = []
        listener = threading.Thread(target=lambda: said.append(process.stderr.read()))  # type: ignore[union-attr]
        listener.start()
        try:
            for block in blocks:
                process.stdin.write(block)
            process.stdin.close()
        except BrokenPipeError:  # it has ended, and says why
            pass
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        listener.join()
    err = b"".join(said).decode("utf-8", "replace")
    took = time.monotonic() - began
    return Fed(process.returncode, err, usage.ru_maxrss * 1024, took)
