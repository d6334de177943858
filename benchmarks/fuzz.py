"""Random input for everything that reads any: a result or one clear error, never anything else.

python benchmarks/fuzz.py FOLDER [--minutes 120] [--target pairs] [--turn 120]

Takes the targets in turns, each in a process of its own with a limit of 2 GiB, for as many minutes
in all. With atheris installed the input follows the code that it reaches, else it is mutated at
random. FOLDER keeps the inputs worth having (corpus), those that found something (findings, with
the traceback beside) and, in fuzz.json, what has been done: calling it again goes on from there.
Prints a table; exits with 1 if there are findings.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fuzz_text import Target

_MEMORY, _SECONDS, _LONGEST = 2 << 30, 10, 4096
_HERE = Path(__file__).resolve()


class Slow(BaseException):
    """An input takes longer than 10 seconds."""


def names() -> list[str]:
    """Return the targets."""
    return [*_targets()]


def _targets() -> dict[str, tuple[Target, Sequence[bytes]]]:
    import fuzz_commands
    import fuzz_index
    import fuzz_runs
    import fuzz_text

    return {**fuzz_text.TARGETS, **fuzz_runs.TARGETS, **fuzz_index.TARGETS, **fuzz_commands.TARGETS}


class Trial:
    """Tries inputs on a target, and keeps those that find something new."""

    def __init__(self, folder: Path, name: str) -> None:
        import fuzz_runs

        fuzz_runs.HOME = folder / "home"
        self._target, seeds = _targets()[name]
        self._name, self._findings = name, folder / "findings"
        self.seeds = seeds or [fuzz_runs.plain_tensors()]
        self._scratch = tempfile.TemporaryDirectory(dir=_quick_place())
        self._began = self._told = time.monotonic()
        self._inputs = 0

    def __call__(self, data: bytes) -> None:
        """Try one input; whatever it raises is a finding, each place in the code once."""
        self._inputs += 1
        now = time.monotonic()
        if now - self._told > 1:  # nobody is asked at the end
            self._told = now
            print(json.dumps({"inputs": self._inputs, "seconds": now - self._began}), flush=True)
        _limit(_SECONDS)
        try:
            self._target(data, Path(self._scratch.name))
        except (Exception, Slow) as error:
            _limit(0)
            self._keep(data, error)
        finally:
            _limit(0)

    def _keep(self, data: bytes, error: BaseException) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [f for f in frames if "dssmcli" in f.filename] or frames
        last = "" if isinstance(error, Slow) else f"{ours[-1].filename}:{ours[-1].lineno}"
        key = f"{self._name} {type(error).__name__} {last}"
        place = self._findings / f"{self._name}-{hashlib.sha1(key.encode()).hexdigest()[:10]}"
        if not place.exists():
            self._findings.mkdir(exist_ok=True)
            place.write_bytes(data)
            told = "".join(traceback.format_exception(error))
            place.with_name(f"{place.name}.txt").write_text(f"{key}\n{told}", "utf-8", "replace")


def _quick_place() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _limit(seconds: float) -> None:
    """Allow so many seconds of work, which on a busy machine take longer, in so many times six."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, 6 * seconds)


def _too_slow(*_: Any) -> None:
    raise Slow


def one_turn(folder: Path, name: str, seconds: int) -> None:
    """Try inputs on one target in this process, and print what was done as JSON."""
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    for each in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(each, _too_slow)
    corpus = folder / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    follow = _followed_by_coverage()
    trial = Trial(folder, name)
    for number, seed in enumerate(trial.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    (follow or _at_random)(trial, corpus, seconds)


def _followed_by_coverage() -> Callable[[Trial, Path, int], None] | None:
    try:
        import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        return None
    with atheris.instrument_imports(include=["dssmcli"]):
        names()
        for part in ("run", "cli", "serving.encoder", "serving.recommender", "training.text"):
            __import__(f"dssmcli.{part}")

    def follow(trial: Trial, corpus: Path, seconds: int) -> None:
        options = [f"-max_total_time={seconds}", f"-max_len={_LONGEST}", "-timeout=0"]
        options += ["-rss_limit_mb=2048", "-verbosity=0", f"-artifact_prefix={corpus.parent}/"]
        atheris.Setup([sys.argv[0], *options, str(corpus)], trial)
        atheris.Fuzz()

    return follow


def _at_random(trial: Trial, corpus: Path, seconds: int) -> None:
    """Mutate what the corpus holds."""
    chance, ends = random.Random(time.time_ns()), time.monotonic() + seconds
    known = [path.read_bytes() for path in sorted(corpus.iterdir())] or [b""]
    while time.monotonic() < ends:
        trial(mutated(chance, known))


def mutated(chance: random.Random, known: Sequence[bytes]) -> bytes:
    """Return one of the known inputs, changed in some places."""
    data = bytearray(chance.choice(known))
    for _ in range(chance.randrange(1, 8)):
        place = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0:
                data[place : place + 1] = chance.randbytes(1)
            case 1:
                del data[place : place + chance.randrange(1, 20)]
            case 2:
                data[place:place] = chance.choice(known)[: chance.randrange(1, 60)]
            case _:
                data[place:place] = chance.randbytes(chance.randrange(1, 6))
    return bytes(data[:_LONGEST])


def in_turns(folder: Path, chosen: Sequence[str], minutes: float, turn: int) -> None:
    """Give every target its turn, again and again, until the time is over."""
    record, ends = folder / "fuzz.json", time.monotonic() + 60 * minutes
    done = json.loads(record.read_text()) if record.exists() else {}
    while time.monotonic() < ends:
        for name in chosen:
            seconds = int(min(turn, ends - time.monotonic()))
            if seconds < 1:
                break
            found = _turn(folder, name, seconds)
            before = done.get(name, {"inputs": 0, "seconds": 0.0, "died": 0})
            done[name] = {each: before[each] + found.get(each, 0) for each in before}
            record.write_text(json.dumps(done, indent=1))


def _turn(folder: Path, name: str, seconds: int) -> dict[str, float]:
    command = [sys.executable, str(_HERE), str(folder), "--one", name, "--turn", str(seconds)]
    with (folder / f"{name}.log").open("ab") as log:
        ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=log, check=False)
    lines = [line for line in ended.stdout.decode().splitlines() if line.startswith("{")]
    if lines:
        return dict(json.loads(lines[-1]))
    return {"seconds": seconds, "died": 1}


def table(folder: Path) -> int:
    """Print what was done and found; return the number of findings."""
    done = json.loads((folder / "fuzz.json").read_text())
    kept = sorted((folder / "findings").glob("*.txt"))
    print("| target | inputs | minutes | findings |\n|---|---|---|---|")
    for name, each in done.items():
        found = sum(path.name.startswith(f"{name}-") for path in kept) + each["died"]
        minutes = each["seconds"] / 60
        print(f"| {name} | {each['inputs']:,} | {minutes:.0f} | {found} |")
    for path in kept:
        print(f"{path}: {path.read_text('utf-8', 'replace').splitlines()[0]}")
    return len(kept) + sum(int(each["died"]) for each in done.values())


def main() -> None:
    """Do all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--turn", type=int, default=120, help="seconds of one turn")
    parser.add_argument("--target", action="append", help="only this one")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    folder = given.folder.resolve()
    if given.one:
        one_turn(folder, given.one, given.turn)
        return
    folder.mkdir(parents=True, exist_ok=True)
    import small

    small.train_all(folder / "home")
    in_turns(folder, given.target or names(), given.minutes, given.turn)
    sys.exit(1 if table(folder) else 0)


if __name__ == "__main__":
    main()
