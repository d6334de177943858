"""Knocks: `kill -9` at any moment of what writes files, and what is left then."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import small
from knocking import Knock, changes_of, contents, dssm, left_over, patched, started, strangers

_SAVE_SECONDS = 0.2
_LONG = ("--epochs", "16", "--eval-steps", "10")
"""Has a training of the small data take some seconds, with many checkpoints."""


class Written(NamedTuple):
    """A command that writes to a place, and the word that has it go on; None if there is none."""

    name: str
    words: Sequence[str]
    place: Path
    resume: str | None


def kills(home: Path, times: int) -> Iterator[Knock]:
    """Kill trainings and encodings, `times` each at random moments, and once at every change."""
    folder = home / "kills"
    small.write_data(home)
    for command in _trainings(home, folder):
        few = times if command.name == "train" else max(1, times // 5)
        yield from _kill_all(command, few, overwrite=False)
        yield from _kill_all(command, few, overwrite=True)
    for command in _encodings(home, folder):
        yield from _kill_all(command, times // 2, overwrite=True)
    for command in _others(home, folder):
        yield from _kill_all(command, max(1, times // 5), overwrite=True)


def _trainings(home: Path, folder: Path) -> Iterator[Written]:
    for name, kind in (("train", "text"), ("mmoe", "mmoe"), ("candidates", "candidates")):
        words = [str(home / word) if "." in word else word for word in small.RUNS[kind]]
        words[words.index("--epochs") : words.index("--epochs") + 2] = _LONG
        yield Written(name, words, folder / "run", "--resume")


def _encodings(home: Path, folder: Path) -> Iterator[Written]:
    model = ["-m", str(small.train_all(home, ["text"])["text"])]
    texts = home / "many.txt"
    with open(texts, "w", encoding="utf-8") as stream:
        stream.writelines(f"word{i % 9973} and {i} 手机\n" for i in range(400_000))
    for form in ("npy", "jsonl"):
        words = ["encode", "-q", *model, str(texts), "--format", form, "--threads", "2"]
        yield Written(f"encode --format {form}", words, folder / "vectors", "--resume")


def _others(home: Path, folder: Path) -> Iterator[Written]:
    runs = small.train_all(home, ["text", "mmoe", "candidates"])
    pairs, table, watches = (str(home / f) for f in ("pairs.tsv", "table.csv", "watches.tsv"))
    for name, kind, words in (
        ("mine", "text", [pairs, "--ranks", "1-20", "--margin", "-2"]),
        ("vocab", None, ["--pairs", pairs]),
        ("predict", "mmoe", [table]),
        ("recommend", "candidates", [watches]),
    ):
        model = ["-m", str(runs[kind])] if kind else []
        yield Written(f"{name} -o", [name, "-q", *model, *words], folder / "out", None)


def _kill_all(command: Written, times: int, overwrite: bool) -> Iterator[Knock]:
    """Kill a command at moments spread over its life, then before each change of a file."""
    what = command.name + (", over an older result" if overwrite else "")
    words = [*command.words, "-o", str(command.place)]
    fresh = _fresh(command, None)
    began = time.monotonic()
    done = dssm(*words)
    took = time.monotonic() - began
    assert done.code == 0, done
    good = contents(command.place)
    old = _older(good) if overwrite else None
    for number in range(times):
        fresh = _fresh(command, old)
        with started(patched(words, save_seconds=_SAVE_SECONDS)) as process:
            time.sleep((number + 0.5) / times * took)
            process.send_signal(signal.SIGKILL)
            process.wait()
        yield Knock(f"{what}: kill -9 at a moment", _judged(command, old, good))
    _fresh(command, old)
    replace = ["--overwrite"] if overwrite and command.resume and _is_run(command) else []
    mark = str(fresh)
    count = changes_of([*words, *replace], mark, _SAVE_SECONDS)
    for at in range(1, count + 1):
        _fresh(command, old)
        line = patched([*words, *replace], mark, at, "SIGKILL", _SAVE_SECONDS)
        with started(line) as process:
            process.wait()
        yield Knock(f"{what}: kill -9 at a change of files", _judged(command, old, good))


def _is_run(command: Written) -> bool:
    return command.words[0].startswith("train")


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
    """Return what is wrong after a kill: what stands there, what runs still, how it goes on."""
    wrong = left_over(str(command.place))
    found = contents(command.place)
    replaced = command.place.with_name(f"{command.place.name}.partial") / "replaced"
    if found is None and old is not None and contents(replaced) == old:
        found = old  # between two renames; who reads the run finds it there
        told = dssm("info", "-m", str(command.place))
        wrong = wrong or told.said(0, out=None)
    if found not in (old, good):
        return wrong or "what stands there is neither the older result nor the new one"
    words = [*command.words, "-o", str(command.place)]
    if command.resume and not (_is_run(command) and old is not None and not _has_state(command)):
        words.append(command.resume)
    elif _is_run(command) and old is not None:
        words.append("--overwrite")
    done = dssm(*words)
    wrong = wrong or done.said(0, out=None)
    if contents(command.place) != good:
        return wrong or f"what it ended in is not as it should be: {done.err[-200:]!r}"
    known = [command.place.name]
    return wrong or (f"left: {s}" if (s := strangers(command.place.parent, known)) else "")


def _has_state(command: Written) -> bool:
    place = command.place.with_name(f"{command.place.name}.partial")
    return (place / "checkpoint.safetensors").exists() or not command.place.exists()
