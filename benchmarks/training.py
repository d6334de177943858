"""Takes training steps when told to, as `dssm train` or as a plain torch loop, and says how long.

    python benchmarks/training.py ours|plain ARCH PAIRS.tsv THREADS

A process each, because they set their threads differently. Prints the loss of the first step; then,
for each line with a number of steps on standard input, the seconds they took; and at the end the
peak memory in MiB, 0 where the system does not tell.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dssmcli.commands.fit import calm_idle_threads
from dssmcli.data.tsv import BadRows
from dssmcli.presets import settings_of


def values_of(file: Path) -> list[str]:
    """Return the option that says what values other than 0 and 1 mean in these sets."""
    values = {line.split("\t")[2] for line in file.read_text("utf-8").splitlines()}
    return [] if values <= {"0", "1"} else ["--value", "grade"]


def losses(how: str, arch: str, file: Path, threads: int) -> Iterator[float]:
    """Train without end, yielding the loss of each step; validation is left out."""
    if how == "ours":
        calm_idle_threads()  # before torch comes
    from dssmcli.training.task import PairsInput, build_task

    chosen = {"threads": threads, "valid_share": 0.0, "epochs": 100}
    chosen |= {"lexical": 0, "vector_dropout": 0.0, "averaging": 0.0}  # which the plain loop lacks
    given = PairsInput([str(file)], kind=next(iter(values_of(file)[1:]), None))
    task = build_task(given, settings_of(chosen, arch, "default"), BadRows(), lambda _: None)
    if how == "plain":
        from plain import plain_losses

        yield from plain_losses(task)
        return
    from dssmcli.training.text import Evaluation, new_state, train_text

    for event in train_text(task, new_state(task)):
        if not isinstance(event, Evaluation):
            yield event.loss


def main() -> None:
    """Answer until there are no more questions."""
    how, arch, file, threads = sys.argv[1:]
    steps = losses(how, arch, Path(file), int(threads))
    print(next(steps), flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        if not np.isfinite([next(steps) for _ in range(int(line))]).all():
            raise SystemExit("The loss is not finite.")
        print(time.perf_counter() - began, flush=True)
    print(peak_memory(), flush=True)


def peak_memory() -> float:
    """Return this process's peak memory in MiB, 0 where /proc does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


if __name__ == "__main__":
    main()
