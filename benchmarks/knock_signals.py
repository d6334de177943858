"""Knocks: readers that close the pipe, Ctrl-C and SIGTERM."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import lines
from knocking import DSSM, Ended, Knock, contents, dssm


def signals(home: Path, times: int) -> Iterator[Knock]:
    """Close the pipe of every command that prints; interrupt every command that takes long."""
    lines.prepared(home)
    for name, words in lines.printing(home).items():
        for reader in ("head -c 1", "true"):
            wrong = _closed(words, reader)
            yield Knock(f"a closed pipe (| {reader})", wrong and f"{name}: {wrong}")
    folder = home / "signals"
    for number in (signal.SIGINT, signal.SIGTERM):
        for name, words in lines.writing(home, str(folder / "out")).items():
            for turn in range(max(1, times // 10)):
                wrong = _stopped(words, folder, number, turn, max(1, times // 10))
                told = signal.Signals(number).name
                yield Knock(f"{told} at a moment", wrong and f"{name}: {wrong}")


def _closed(words: list[str], reader: str) -> str:
    line = f'"$@" | {reader} > /dev/null; exit ${{PIPESTATUS[0]}}'
    quiet = ["bash", "-c", line, "bash", *DSSM, *words]
    done = subprocess.run(quiet, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    said = done.stderr.decode("utf-8", "replace")
    if done.returncode or "Traceback" in said or "rror" in said or "ipe" in said:
        return f"exit {done.returncode}: {said[-300:]!r}"
    return ""


def _stopped(words: list[str], folder: Path, number: int, turn: int, turns: int) -> str:
    """Stop a command at one of several moments, and return what is wrong."""
    _emptied(folder)
    began = time.monotonic()
    whole = dssm(*words)
    took = time.monotonic() - began
    good = contents(folder / "out")
    if whole.code:
        return whole.said(0)
    _emptied(folder)
    with subprocess.Popen(
        [*DSSM, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        # Python itself takes a while until a program can say what is to happen then.
        time.sleep(0.25 + (turn + 0.5) / turns * max(0.0, took - 0.25))
        process.send_signal(number)
        err = process.communicate()[1].decode("utf-8", "replace")
    done = Ended(process.returncode, b"", err)
    if done.code:
        last = done._replace(err="".join(err.splitlines(keepends=True)[-1:]))
        word = "Interrupted" if number == signal.SIGINT else "Terminated"
        wrong = last.said(128 + number, word) or ("a traceback" if "Traceback" in err else "")
        if wrong:
            return wrong
    if contents(folder / "out") not in (None, good):
        return "what it left is half written"
    left = {path.name for path in folder.iterdir()} - {"out", "out.svg"}
    resumable = {"out.partial", ".out.partial", ".out.partial.json"}
    return f"left: {left}" if left - resumable else ""


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
