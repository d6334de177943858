"""Knocks: `kill -9` at any moment of what writes files, and what is left then."""

from __future__ import annotations

import io
import json
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import small
from knocking import Copy, Knock, changes_of, contents, killed_at

_SAVE_SECONDS = 0.1
_LONG = ("--epochs", "6", "--eval-steps", "6")
"""Has a training of the small data save often."""


class Written(NamedTuple):
    """A command that writes to a place, and whether it can go on where it stopped."""

    name: str
    words: Sequence[str]
    place: Path
    resumes: bool

    @property
    def trains(self) -> bool:
        """Tell whether what it writes is a run."""
        return self.words[0].startswith("train")


def trainings(home: Path, times: int) -> Iterator[Knock]:
    """Kill trainings, `times` each at moments spread over its life, and at changes of files."""
    import torch._dynamo  # noqa: F401 (once for all copies)

    small.write_data(home)
    for command in _trainings(home, home / "kills"):
        few = times if command.name == "train" else max(1, times // 5)
        yield from _kill_all(command, few, older=False)
        yield from _kill_all(command, few, older=True)


def encodings(home: Path, times: int) -> Iterator[Knock]:
    """Kill encodings likewise; they save ten times a second."""
    from dssmcli.serving import output

    output.SAVE_SECONDS = _SAVE_SECONDS
    for command in _encodings(home, home / "kills"):
        yield from _kill_all(command, times // 2, older=True)


def outputs(home: Path, times: int) -> Iterator[Knock]:
    """Kill what writes a file at its end likewise."""
    for command in _others(home, home / "kills"):
        yield from _kill_all(command, max(1, times // 5), older=True)


def _trainings(home: Path, folder: Path) -> Iterator[Written]:
    for name, kind in (("train", "text"), ("mmoe", "mmoe"), ("candidates", "candidates")):
        words = [str(home / word) if "." in word else word for word in small.RUNS[kind]]
        words[words.index("--epochs") : words.index("--epochs") + 2] = _LONG
        yield Written(name, words, folder / "run", resumes=True)


def _encodings(home: Path, folder: Path) -> Iterator[Written]:
    model = ["-m", str(small.train_all(home, ["text"])["text"])]
    for form, lines in (("npy", 200_000), ("jsonl", 15_000)):
        texts = home / f"{form}.txt"
        with open(texts, "w", encoding="utf-8") as stream:
            stream.writelines(f"word{i % 9973} and {i} 手机\n" for i in range(lines))
        words = ["encode", "-q", *model, str(texts), "--format", form, "--threads", "2"]
        yield Written(f"encode --format {form}", words, folder / "vectors", resumes=True)


def _others(home: Path, folder: Path) -> Iterator[Written]:
    runs = small.train_all(home, ["text", "mmoe", "candidates"])
    pairs, table, watches = (str(home / f) for f in ("pairs.tsv", "table.csv", "watches.tsv"))
    for name, kind, words in (
        ("mine", "text", [pairs, "--ranks", "1-20", "--margin", "-2"]),
        ("vocab", "", ["--pairs", pairs]),
        ("predict", "mmoe", [table]),
        ("recommend", "candidates", [watches]),
    ):
        model = ["-m", str(runs[kind])] if kind else []
        yield Written(f"{name} -o", [name, "-q", *model, *words], folder / "out", resumes=False)


def _kill_all(command: Written, times: int, older: bool) -> Iterator[Knock]:
    """Kill a command at moments spread over its life, then before changes of files."""
    what = command.name + (", over an older result" if older else "")
    words = [*command.words, "-o", str(command.place)]
    _fresh(command, None)
    began = time.monotonic()
    done = Copy(words).wait()
    took = time.monotonic() - began
    assert done.code == 0, done
    good = contents(command.place)
    old = _older(good) if older else None
    replacing = [*words, "--overwrite"] if older and command.trains else words
    for number in range(times):
        _fresh(command, old)
        copy = Copy(replacing)
        time.sleep((number + 0.5) / times * took)
        copy.end(signal.SIGKILL)
        yield Knock(f"{what}: at a moment", copy.left_over() or _judged(command, old, good))
    mark = str(_fresh(command, old))
    count = changes_of(replacing, mark)
    for at in _some(count, times):
        _fresh(command, old)
        copy = Copy(replacing, killed_at(mark, at))
        copy.wait()
        yield Knock(f"{what}: at a change", copy.left_over() or _judged(command, old, good))


def _some(count: int, times: int) -> list[int]:
    """Return numbers from 1 to count, `times` of them at least: the last ones, and others."""
    last = range(max(1, count - 11), count + 1)
    others = (1 + i * count // times for i in range(times)) if times < count else range(1, count)
    return sorted({*last, *others})


def _older(good: object) -> object:
    """Return an older result, not the one that is to come."""
    if isinstance(good, dict):
        return {**good, "metrics.jsonl": b"{}\n"}
    return b"older"


def _fresh(command: Written, old: object) -> Path:
    """Make the folder anew, with the older result in it."""
    folder = command.place.parent
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if isinstance(old, dict):
        command.place.mkdir()
        for name, content in old.items():
            (command.place / name).write_bytes(content)
    elif isinstance(old, bytes):
        command.place.write_bytes(old)
    return folder


def _judged(command: Written, old: object, good: object) -> str:
    """Return what is wrong after a kill: what stands there, and what the same command makes."""
    found, partial = contents(command.place), _beside(command)
    if found is None and old is not None and contents(partial / "replaced") == old:
        if Copy(["info", "-m", command.place]).wait().code:
            return "the older run is not found where it was put meanwhile"
        found = old
    if not (found == old or _same(command, found, good)):
        return "what stands there is neither the older result nor the new one"
    words = [*command.words, "-o", str(command.place)]
    if command.trains and old is not None and not (partial / "checkpoint.safetensors").exists():
        words.append("--overwrite")
    elif command.resumes:
        words.append("--resume")
    done = Copy(words).wait()
    if done.code:
        return done.said(0)
    if not _same(command, contents(command.place), good):
        return f"what it ended in is not as it should be: {done.err[-200:]!r}"
    left = sorted({path.name for path in command.place.parent.iterdir()} - {command.place.name})
    return f"left: {left}" if left else ""


def _same(command: Written, found: object, good: object) -> bool:
    """Tell whether a result is the expected one, byte by byte; of vectors to the last bits.

    Which units meet first, in which process, decides the order of sums of numbers.
    """
    if found == good or not command.name.startswith("encode"):
        return found == good
    if not isinstance(found, bytes) or not isinstance(good, bytes):
        return False
    try:
        ours, theirs = (_vectors(command.name, content) for content in (found, good))
    except ValueError:
        return False
    return ours.shape == theirs.shape and bool(np.allclose(ours, theirs, atol=1e-6))


def _vectors(name: str, content: bytes) -> npt.NDArray[Any]:
    if name.endswith("npy"):
        rows: npt.NDArray[Any] = np.load(io.BytesIO(content))
        return rows
    return np.array([json.loads(line)["vector"] for line in content.splitlines()])


def _beside(command: Written) -> Path:
    return command.place.with_name(f"{command.place.name}.partial")
