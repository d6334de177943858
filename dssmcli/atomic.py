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
    not a plain file, such as /dev/null or a named pipe, is written directly.
    """
    if path.exists() and not path.is_file():
        with writing(path), open(path, "wb") as stream:
            yield stream
        return
    target = path.resolve()
    beside = target.with_name(f".{target.name}.{os.getpid()}.partial")
    with writing(path):
        try:
            with open(beside, "w+b") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(beside, target)
        finally:
            beside.unlink(missing_ok=True)


@contextmanager
def replacing_alone(path: Path) -> Iterator[BinaryIO]:
    """As `replacing`, for a plain file that one process at a time may write.

    Raises OutputError when another does. What a killed process left beside it is written over.
    """
    if path.exists() and not path.is_file():
        raise OutputError(f"{path}: not a plain file, so nothing can take its place.")
    target = path.resolve()
    beside = target.with_name(f".{target.name}.partial")
    with writing(path), opened_alone(path, beside) as stream:
        try:
            stream.truncate(0)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            os.replace(beside, target)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def opened_alone(path: Path, partial: Path) -> BinaryIO:
    """Open, for this process alone, the file that will be `path`; OutputError if another has it."""
    while True:
        stream = open(os.open(partial, os.O_RDWR | os.O_CREAT, 0o666), "r+b")  # noqa: SIM115
        if not lock(stream.fileno()):
            stream.close()
            raise OutputError(f"{path}: another process is writing it.")
        # Between opening and locking, another process may have put the file in its place.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(partial), os.fstat(stream.fileno())):
                return stream
        stream.close()


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
    """Lock an open file until it is closed; False when another process has locked it."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
