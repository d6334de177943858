"""Times works in turns and shows medians, ranges and ratios."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

Work = Callable[[], "float | None"]
"""Something to time; it may return the peak memory (MiB) of what it ran."""


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
            peak = work()
            if turn:  # the first turn warms up
                taken[name].seconds.append(time.perf_counter() - began)
                taken[name].peaks.extend([] if peak is None else [peak])
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


def process(command: list[str], out: Path | None = None) -> Work:
    """Return a work that runs a command to its end, its output going to a file or nowhere."""

    def run() -> float:
        with open(out or os.devnull, "wb") as stream:
            started = subprocess.Popen(command, stdout=stream)
            _, status, usage = os.wait4(started.pid, 0)
            started.returncode = os.waitstatus_to_exitcode(status)
        if started.returncode:
            raise subprocess.CalledProcessError(started.returncode, command)
        return usage.ru_maxrss / 1024

    return run
