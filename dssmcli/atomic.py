"""Writes a file whole or not at all, by one process at a time."""

from __future__ import annotations

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
