"""Times works in turns and shows medians, ranges and ratios."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple


class Ran(NamedTuple):
    """What a process took, and its peak memory in MiB where that is known."""

    seconds: float
    peak: float | None


Work = Callable[[], "Ran | None"]
"""Something to time; a process tells what it took itself."""


class Taken(NamedTuple):
    """Seconds of several runs of one thing over so many items, and its highest peak in MiB."""

    name: str
    items: int
    seconds: list[float]
    peaks: list[float]

    @property
    def rate(self) -> float:
        """Return the median items a second."""
        return self.items / statistics.median(self.seconds)

    def record(self, title: str) -> dict[str, Any]:
        """Return what the JSON holds."""
        return {"title": title, **self._asdict(), "median_rate": self.rate}


def in_turns(works: Mapping[str, Work], items: int, runs: int) -> list[Taken]:
    """Time works in turns, so that whatever else the machine does falls on all of them."""
    taken = {name: Taken(name, items, [], []) for name in works}
    for turn in range(runs + 1):
        for name, work in works.items():
            began = time.perf_counter()
            ran = work()
            elapsed = time.perf_counter() - began
            if turn:  # the first turn warms up
                taken[name].seconds.append(ran.seconds if ran else elapsed)
                taken[name].peaks.extend([ran.peak] if ran and ran.peak else [])
    return list(taken.values())


def show(title: str, unit: str, taken: list[Taken]) -> list[dict[str, Any]]:
    """Print a table, the ratio being to its last row, and return it as records."""
    print(
        f"\n{title}\n\n| what | {unit}, median | range | ratio | peak MiB |\n|---|---|---|---|---|"
    )
    for each in taken:
        low, high = each.items / max(each.seconds), each.items / min(each.seconds)
        digits = 0 if high > 100 else 2
        cells = [each.name, f"{each.rate:,.{digits}f}", f"{low:,.{digits}f}-{high:,.{digits}f}"]
        cells.append(f"{each.rate / taken[-1].rate:.2f}")
        cells.append(f"{max(each.peaks):,.0f}" if each.peaks else "")
        print(f"| {' | '.join(cells)} |", flush=True)
    return [each.record(title) for each in taken]


# A process's peak memory counts that of the one it was copied from, so a small one starts it.
_LAUNCHER = """
import os, sys, time
out, *command = sys.argv[1:]
flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
began = time.perf_counter()
actions = [(os.POSIX_SPAWN_OPEN, 1, out, flags, 0o666)]
started = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
_, status, usage = os.wait4(started, 0)
print(time.perf_counter() - began, usage.ru_maxrss / 1024)
sys.exit(os.waitstatus_to_exitcode(status) != 0)
"""


def process(command: list[str], out: Path | None = None) -> Work:
    """Return a work that runs a command to its end, its output going to a file or nowhere.

    The peak is of the process itself, not of those that it starts.
    """
    launch = [sys.executable, "-S", "-c", _LAUNCHER, str(out or os.devnull), *command]

    def run() -> Ran:
        told = subprocess.run(launch, stdout=subprocess.PIPE, check=True).stdout
        return Ran(*map(float, told.split()))

    return run
