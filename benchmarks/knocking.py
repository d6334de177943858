"""What all sections of benchmarks/knocks.py share: a knock and its outcome, processes, contents."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

DSSM = (sys.executable, "-m", "dssmcli")


class Knock(NamedTuple):
    """One attempt: what was tried, and what went wrong, empty if nothing was lost."""

    what: str
    wrong: str = ""


class Ended(NamedTuple):
    """How a command ended: its exit code, -N if signal N ended it, and what it printed."""

    code: int
    out: bytes
    err: str

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
    """Run a command in a process of its own; code 124 when it takes longer than `limit` seconds."""
    given = stdin if isinstance(stdin, bytes) else None
    with subprocess.Popen(
        [*before, *DSSM, *map(str, words)],
        stdin=subprocess.PIPE if given is not None else stdin,
        stdout=more.pop("stdout", subprocess.PIPE),
        stderr=more.pop("stderr", subprocess.PIPE),
        **more,
    ) as process:
        try:
            out, err = process.communicate(given, limit)
            code = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            code = 124
    return Ended(code, out or b"", (err or b"").decode("utf-8", "replace"))


def contents(place: Path) -> dict[str, bytes] | bytes | None:
    """Return what stands at a place: a file, or the files of a folder; None for nothing."""
    if place.is_dir():
        return {path.name: path.read_bytes() for path in sorted(place.iterdir())}
    return place.read_bytes() if place.exists() else None


class Copy:
    """A copy of this process (fork) that runs a command line; it need not import anything anew.

    It is a session of its own, so that all its children are known.
    """

    def __init__(self, words: Sequence[str | Path], prepare: Callable[[], object] = int) -> None:
        self._err = tempfile.TemporaryFile()  # noqa: SIM115 (until `wait`)
        self._id = os.fork()
        if not self._id:
            os.setsid()
            nowhere = os.open(os.devnull, os.O_RDWR)
            for source, target in ((nowhere, 0), (nowhere, 1), (self._err.fileno(), 2)):
                os.dup2(source, target)
            prepare()
            from dssmcli.cli import run

            code = 70
            try:
                code = run([*map(str, words)])
                sys.stdout.flush()
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)

    def end(self, number: int) -> Ended:
        """Send it a signal and wait for it."""
        os.kill(self._id, number)
        return self.wait()

    def wait(self) -> Ended:
        """Wait for its end."""
        _, status = os.waitpid(self._id, 0)
        self._err.seek(0)
        told = self._err.read().decode("utf-8", "replace")
        self._err.close()
        return Ended(os.waitstatus_to_exitcode(status), b"", told)

    def left_over(self, seconds: float = 20) -> str:
        """Wait till its children are gone, too; return what is wrong if one stays, and end it."""
        ends = time.monotonic() + seconds
        while stayed := _processes_of(self._id):
            if time.monotonic() > ends:
                for process in stayed:
                    os.kill(process, signal.SIGKILL)
                return f"{len(stayed)} processes were left"
            time.sleep(0.02)
        return ""


def _processes_of(session: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, _, its = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            except OSError:  # it has ended
                continue
            if int(its) == session and state != "Z":
                found.append(int(entry.name))
    return found


_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}


def at_changes(mark: str, met: Callable[[], None]) -> Callable[[], None]:
    """Return what has a process call `met` before each change it makes to files below a path.

    A change: a file is opened to be written, renamed, made or removed.
    """

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if event == "open":
            flags = given[2] if isinstance(given[2], int) else 0
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and mark in str(given[0]):
                met()
        elif event in _CHANGES and mark in str(given[0]):
            met()

    return lambda: sys.addaudithook(hook)


def changes_of(words: Sequence[str | Path], mark: str) -> int:
    """Return how many changes of files below a path a command makes."""
    copy = Copy(words, at_changes(mark, lambda: _told(b"change\n")))
    return copy.wait().err.count("change\n")


def _told(what: bytes) -> None:
    os.write(2, what)


def killed_at(mark: str, number: int) -> Callable[[], None]:
    """Return what has a process kill itself before its `number`-th change of files."""
    left = [number]

    def met() -> None:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    return at_changes(mark, met)


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
