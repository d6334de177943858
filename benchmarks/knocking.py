"""What all sections of benchmarks/knocks.py share: a knock and its outcome, processes, contents."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

DSSM = (sys.executable, "-m", "dssmcli")


class Knock(NamedTuple):
    """One attempt: what was tried, and what went wrong, empty if nothing was lost."""

    what: str
    wrong: str = ""


class Ended(NamedTuple):
    """How a command ended: its exit code, -N if signal N ended it, what it printed, seconds."""

    code: int
    out: bytes
    err: str
    seconds: float

    def said(self, code: int, *words: str, out: bytes | None = b"") -> str:
        """Return what is wrong, unless it ended so, with one line of error that has the words."""
        if self.code != code:
            return f"exit {self.code}, expected {code}: {self.err[-300:]!r}"
        if code and (self.err.count("\n") != 1 or not all(word in self.err for word in words)):
            return f"expected one line with {words}: {self.err[:300]!r}"
        if out is not None and self.out != out:
            return f"{len(self.out)} bytes on standard output"
        return ""


def dssm(
    *words: str | Path,
    stdin: Any = subprocess.DEVNULL,
    limit: float = 300,
    before: Sequence[str] = (),
    **more: Any,
) -> Ended:
    """Run a command to its end; code 124 when it takes longer than `limit` seconds."""
    began, given = time.monotonic(), stdin if isinstance(stdin, bytes) else None
    with subprocess.Popen(
        [*before, *DSSM, *map(str, words)],
        stdin=subprocess.PIPE if given is not None else stdin,
        stdout=more.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        **more,
    ) as process:
        try:
            out, err = process.communicate(given, limit)
            code = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            code = 124
    return Ended(code, out or b"", err.decode("utf-8", "replace"), time.monotonic() - began)


def contents(place: Path) -> dict[str, bytes] | bytes | None:
    """Return what stands at a place: a file, or the files of a folder; None for nothing."""
    if place.is_dir():
        return {path.name: path.read_bytes() for path in sorted(place.iterdir())}
    return place.read_bytes() if place.exists() else None


def strangers(folder: Path, known: Sequence[str]) -> list[str]:
    """Return the names in a folder that are not expected there."""
    return sorted({path.name for path in folder.iterdir()} - set(known))


def processes_about(mark: str) -> list[int]:
    """Return the processes whose command line has a mark, but for this one."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if mark.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:  # it has ended
                continue
    return found


def left_over(mark: str, seconds: float = 10) -> str:
    """Wait till no process is about something; return what is wrong if one stays, and end it."""
    ends = time.monotonic() + seconds
    while processes_about(mark):
        if time.monotonic() > ends:
            stayed = processes_about(mark)
            for process in stayed:
                os.kill(process, signal.SIGKILL)
            return f"{len(stayed)} processes were left"
        time.sleep(0.05)
    return ""


_PATCHED = """
import os, signal, sys
count, mark, kind, seconds = int(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link"}
def changes(event, given):
    if event == "open":
        flags = given[2] if isinstance(given[2], int) else 0
        return mark in str(given[0]) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    return event in CHANGES and mark in str(given[0])
met = 0
def hook(event, given):
    global met
    if changes(event, given):
        met += 1
        if kind == "count":
            os.write(2, b"change\\n")
        elif met == count:
            os.kill(os.getpid(), getattr(signal, kind))
if kind != "none":
    sys.addaudithook(hook)
if seconds >= 0:
    from dssmcli.serving import output
    output.SAVE_SECONDS = seconds
from dssmcli.cli import main
sys.argv[:] = ["dssm", *sys.argv[5:]]
main()
"""


def patched(
    words: Sequence[str | Path],
    mark: str = "",
    at: int = 0,
    kind: str = "none",
    save_seconds: float = -1,
) -> list[str]:
    """Return a command line that ends itself by a signal at its `at`-th change of files.

    A change: a file whose path has the mark is opened to be written, renamed or removed. kind: the
    signal's name, "count" to have each change told on standard error, "none" for neither.
    save_seconds: how often encode makes safe what it wrote.
    """
    told = [str(at), mark, kind, str(save_seconds), *map(str, words)]
    return [sys.executable, "-c", _PATCHED, *told]


def changes_of(words: Sequence[str | Path], mark: str, save_seconds: float = -1) -> int:
    """Return how many changes of files a command makes."""
    line = patched(words, mark, 0, "count", save_seconds)
    done = subprocess.run(line, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=True)
    return done.stderr.count(b"change\n")


@contextmanager
def started(line: Sequence[str], **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command; it is ended with the block."""
    more = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, **more}
    with subprocess.Popen(list(line), **more) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def table(knocks: Sequence[Knock]) -> tuple[str, int]:
    """Return a table of what was tried, and the number of what was lost."""
    counted: dict[str, list[int]] = {}
    for knock in knocks:
        tried = counted.setdefault(knock.what, [0, 0])
        tried[bool(knock.wrong)] += 1
    lines = ["| knock | tried | survived | lost |", "|---|---|---|---|"]
    for what, (survived, lost) in counted.items():
        lines.append(f"| {what} | {survived + lost} | {survived} | {lost} |")
    return "\n".join(lines), sum(lost for _, lost in counted.values())


def environment(**more: str) -> Mapping[str, str]:
    """Return this process's environment with something added."""
    return {**os.environ, **more}
