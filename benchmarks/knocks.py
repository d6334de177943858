"""Hard knocks: whatever happens to `dssm`, nothing is lost and it says what is the matter.

python benchmarks/knocks.py FOLDER [--section kills ...] [--times 50]

Kills, full and read-only disks, damaged and hostile runs, long lines, closed pipes, signals, rivals
for one place. Prints what went wrong as it meets it, then a table; exits with 1 if any was lost.
Needs Linux, and root for the disks. Uses FOLDER for its files, some hundred megabytes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from knock_disks import disks
from knock_kills import encodings, outputs, trainings
from knock_rivals import rivals
from knock_runs import runs
from knock_signals import signals
from knock_sizes import sizes
from knocking import Knock, table

Section = Callable[[Path, int], Iterator[Knock]]

SECTIONS: Mapping[str, Section] = {
    "trainings": trainings,
    "encodings": encodings,
    "outputs": outputs,
    "disks": disks,
    "runs": runs,
    "signals": signals,
    "rivals": rivals,
    "sizes": sizes,
}


def main() -> None:
    """Do all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--section", action="append", choices=[*SECTIONS])
    parser.add_argument("--times", type=int, default=50, help="kills of a training")
    given = parser.parse_args()
    home = given.folder.resolve()
    home.mkdir(parents=True, exist_ok=True)
    knocks = []
    for name in given.section or SECTIONS:
        began = time.monotonic()
        for knock in SECTIONS[name](home, given.times):
            knocks.append(knock)
            if knock.wrong:
                print(f"LOST {knock.what}: {knock.wrong}", flush=True)
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    told, lost = table(knocks)
    print(told)
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
