"""Trains in the one process there is, or as one of several that torchrun has started."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from dssmcli.commands.options import available_threads
from dssmcli.errors import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    DivergedError,
    DssmError,
    PeerError,
)

if TYPE_CHECKING:
    from dssmcli.training.processes import Processes

_NEEDED = ("RANK", "MASTER_ADDR", "MASTER_PORT")
_OF_ALL = (PeerError, DivergedError)
"""Errors that all processes meet."""

_TURN = 5.0


class Launch(NamedTuple):
    """What a launcher said: this is process `rank` of `world`, and `local` of `beside` here."""

    rank: int = 0
    world: int = 1
    local: int = 0
    beside: int = 1

    @property
    def threads(self) -> int:
        """Return this process's share of the machine's processor threads."""
        return max(1, available_threads() // self.beside)


def launch() -> Launch:
    """Return what the environment says, as torchrun sets it; by itself a process is alone."""
    world = _number("WORLD_SIZE", 1)
    if world < 2:
        return Launch()
    missing = [name for name in _NEEDED if not os.environ.get(name)]
    if missing:
        raise click.UsageError(
            f"WORLD_SIZE is {world}, and {', '.join(missing)} is missing: start several processes "
            "with torchrun, or unset WORLD_SIZE to train in one."
        )
    rank = _number("RANK", 0)
    return Launch(rank, world, _number("LOCAL_RANK", rank), _number("LOCAL_WORLD_SIZE", world))


def _number(name: str, default: int) -> int:
    given = os.environ.get(name) or str(default)
    if not given.isdecimal():
        raise click.UsageError(f"{name} is {given!r} in the environment, expected a number.")
    return int(given)


def refuse_several(what: str) -> None:
    """Raise a usage error for what is done in one process, when torchrun has started several."""
    launched = launch()
    if launched.rank:
        # The first says it once, before torchrun ends it because others have ended.
        time.sleep(_TURN)
        raise click.exceptions.Exit(EXIT_USAGE)
    if launched.world > 1:
        raise several_refused(what)


def several_refused(what: str) -> click.UsageError:
    """Return the error of starting several processes for what one does."""
    return click.UsageError(f"{what} runs in one process: start it without torchrun.")


def check_files(files: Sequence[str]) -> None:
    """Raise a usage error for what several processes cannot each read for themselves."""
    for name in files:
        path = Path(name)
        if name == "-" or (path.exists() and not path.is_file() and not path.is_dir()):
            raise click.UsageError(
                f"{name}: each process reads all rows, so under torchrun give plain files."
            )


@contextmanager
def processes_of(launched: Launch, device: str | None) -> Iterator[Processes | None]:
    """Meet the other processes; None where there are none.

    What has ended all of them is said by the first alone.
    """
    if launched.world == 1:
        yield None
        return
    from dssmcli.training.processes import joined

    with joined(device or "cpu") as processes:
        try:
            yield processes
        except (*_OF_ALL, KeyboardInterrupt) as error:
            if processes.first:
                raise
            if not isinstance(error, KeyboardInterrupt):
                processes.wait_for_end()
            code = EXIT_INTERRUPTED if isinstance(error, KeyboardInterrupt) else EXIT_FAILED
            raise click.exceptions.Exit(code) from error


@contextmanager
def agreed(processes: Processes | None) -> Iterator[None]:
    """Go on only if a block went well in all processes.

    Else the first of those in which it did not raises its error, and the others end in silence.
    """
    if processes is None:
        yield
        return
    failure: DssmError | click.ClickException | OSError | MemoryError | None = None
    try:
        yield
    except (DssmError, click.ClickException, OSError, MemoryError) as error:
        failure = error
    codes = [each[0] for each in processes.everyone_s(bytes([_code(failure)]))]
    if not any(codes):
        return
    teller = next(rank for rank, code in enumerate(codes) if code)
    if failure is not None and teller == processes.rank:
        if not processes.first and isinstance(failure, DssmError):
            failure.args = (f"Process {teller + 1} of {processes.world}: {failure}",)
        raise failure
    processes.wait_for_end()
    raise click.exceptions.Exit(codes[teller])


def _code(failure: Exception | None) -> int:
    """Return the exit code of an error, 0 of none."""
    if failure is None:
        return EXIT_DONE
    code = getattr(failure, "exit_code", EXIT_FAILED)
    assert isinstance(code, int)
    return code
