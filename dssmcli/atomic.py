"""Writes a file whole or not at all, by one process at a time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from dssmcli.errors import OutputError


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file beside its place, flush it and move it there; OutputError if it cannot."""
    with replacing(path) as stream:
        stream.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` only when the block ends without an error.

    Until then, and for ever if the program is killed, `path` is what it was. Something that is
    not a plain file, such as /dev/null or a named pipe, is written directly. Raises OutputError
    when it cannot be written, or another process is writing it.
    """
    if path.exists() and not path.is_file():
        with writing(path), open(path, "wb") as stream:
            yield stream
        return
    with replacing_alone(path) as stream:
        yield stream


@contextmanager
def replacing_alone(path: Path) -> Iterator[BinaryIO]:
    """As `replacing`, for a file that must be plain.

    What a killed process left beside it, `.NAME.new`, is written over.
    """
    if path.exists() and not path.is_file():
        raise OutputError(f"{path}: not a plain file, so nothing can take its place.")
    target = path.resolve()
    refuse_part_of_run(target)
    beside = target.with_name(f".{target.name}.new")
    with writing(path), opened_alone(path, beside) as stream:
        try:
            stream.truncate(0)
            yield stream
            put_in_place(stream, beside, target)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def refuse_part_of_run(path: Path) -> None:
    """Raise OutputError where a file of a run stands: what a run holds goes with its hashes."""
    if path.exists() and (path.parent / "MANIFEST.json").exists():
        raise OutputError(f"{path}: part of a run, so nothing takes its place. Write elsewhere.")


def put_in_place(stream: BinaryIO, beside: Path, target: Path) -> None:
    """Flush an open file and have it take the place of another."""
    stream.flush()
    os.fsync(stream.fileno())
    if os.name == "nt":  # which renames no open files
        stream.close()
    os.replace(beside, target)


def opened_alone(path: Path, partial: Path) -> BinaryIO:
    """Open, for this process alone, the file that will be `path`; OutputError if another has it.

    It is made if it is not there, and is as it was if it is.
    """
    while True:
        stream = open(os.open(partial, _FLAGS, 0o666), "r+b")  # noqa: SIM115
        if not lock(stream.fileno()):
            stream.close()
            raise OutputError(f"{path}: another process is writing it.")
        # Between opening and locking, another process may have put the file in its place.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(partial), os.fstat(stream.fileno())):
                return stream
        stream.close()


_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an error of the system into an OutputError that names the path."""
    try:
        yield
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise OutputError(f"{path}: cannot be written ({error.strerror or error}).") from error


def lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; False when another process has locked it.

    Where files cannot be locked, nothing is.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
