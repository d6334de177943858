"""Where a training writes: the folder beside its run, and the run itself, put in place whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from dssmcli.atomic import opened_alone, writing
from dssmcli.errors import DssmError
from dssmcli.run import (
    FORMAT,
    KINDS,
    MANIFEST,
    OPTIONAL,
    REPLACED,
    WORKPLACE,
    is_run,
    read_plain_file,
    sibling,
    to_json,
)

_NAMES = {MANIFEST, *OPTIONAL}.union(*KINDS)

CHECKPOINT = "checkpoint.safetensors"
LOCK = "lock"
NEW = "new"


class Workplace(NamedTuple):
    """`NAME.partial`, the folder beside a run where its training keeps its state."""

    path: Path
    run: Path

    @property
    def checkpoint(self) -> Path:
        """Return the one file that holds everything needed to go on."""
        return self.path / CHECKPOINT

    def save(self, pieces: Iterable[bytes | memoryview]) -> None:
        """Replace the checkpoint in one step by a file of these pieces."""
        beside = self.path / f"{CHECKPOINT}.new"
        with writing(self.checkpoint):
            _write_flushed(beside, pieces)
            os.replace(beside, self.checkpoint)
            _flush_folder(self.path)

    def load(self) -> bytes | None:
        """Return the checkpoint's content, or None when there is none."""
        if not os.path.lexists(self.checkpoint):
            return None
        return read_plain_file(self.checkpoint)


@contextmanager
def workplace(run: Path) -> Iterator[Workplace]:
    """Open a run's workplace for one process at a time; it stays if it holds a checkpoint."""
    place = Workplace(sibling(run, WORKPLACE), Path(os.path.abspath(run)))
    with writing(place.path):
        if place.path.is_dir() and any(place.path.iterdir()) and not (place.path / LOCK).exists():
            raise DssmError(f"{place.path} is in the way: dssm did not make it. Move it elsewhere.")
        held = _opened_lock(place)
    with held:
        try:
            _put_back(place)
            yield place
        finally:
            _put_back(place)
            if not os.path.lexists(place.checkpoint):
                discard(place)


def _opened_lock(place: Workplace) -> BinaryIO:
    while True:
        place.path.mkdir(parents=True, exist_ok=True)
        # Another training that ends takes the folder away.
        with contextlib.suppress(FileNotFoundError):
            return opened_alone(place.run, place.path / LOCK)


def _put_back(place: Workplace) -> None:
    """Finish what a program that died between two renames began: the old run comes back."""
    replaced = place.path / REPLACED
    if replaced.is_dir() and not place.run.exists():
        with writing(place.run):
            os.rename(replaced, place.run)


def discard(place: Workplace) -> None:
    """Remove a workplace that is needed no more; what shows that it is one goes last."""
    with contextlib.suppress(OSError):
        for path in place.path.iterdir():
            if path.is_dir():
                _remove(path)
            elif path.name != LOCK:
                path.unlink()
    _remove(place.path)


def remove_abandoned(run: Path) -> None:
    """Take away the workplace of a run that is finished, if a training was killed before it did."""
    if sibling(run, WORKPLACE).exists():
        with workplace(run):
            pass


def publish(place: Workplace, contents: Mapping[str, bytes]) -> None:
    """Write a run whole, flush it and put it in its place; what stood there before goes last.

    `contents` has what a run of some kind has, and what of OPTIONAL it needs. A reader
    finds the old run or the new one, never a mixture, whenever the program dies. Raises DssmError
    when something else than a run stands there.
    """
    if set(contents) - {*OPTIONAL} not in map(set, KINDS):
        raise AssertionError(f"a run has the files of one of {KINDS}, got {[*contents]}")
    listed = {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in contents.items()
    }
    manifest = to_json({"format": FORMAT, "files": listed}).encode()
    new, replaced = place.path / NEW, place.path / REPLACED
    with writing(place.run):
        _remove(new)
        new.mkdir()
        for name, content in {**contents, MANIFEST: manifest}.items():
            _write_flushed(new / name, [content])
        _flush_folder(new)
        if place.run.exists():
            refuse_other_than_run(place.run)
            _remove(replaced)
            os.rename(place.run, replaced)
        os.rename(new, place.run)
        _flush_folder(place.run.parent)


def refuse_other_than_run(path: Path) -> None:
    """Raise DssmError when something stands at a path that is not a run."""
    if os.path.lexists(path) and not is_run(path):
        raise DssmError(f"{path} is not a run, so it is not overwritten. Write elsewhere with -o.")
    strange = sorted(set(os.listdir(path)) - _NAMES) if path.is_dir() else []
    if strange:
        raise DssmError(
            f"{path} holds {strange[0]}, no file of a run: it would be lost. Move it first."
        )


def has_checkpoint(path: Path) -> bool:
    """Tell whether a training of this run can be resumed."""
    return (sibling(path, WORKPLACE) / CHECKPOINT).exists()


def _write_flushed(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    with open(path, "wb") as stream:
        stream.writelines(pieces)
        stream.flush()
        os.fsync(stream.fileno())


def _flush_folder(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # Windows does not open folders; its renames need no flush of them.
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
