"""Knocks: disks that are full or read-only, and folders that others own. Needs root, and mount."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lines
from knocking import Knock, contents, dssm


@contextmanager
def _mounted(place: Path, size: str) -> Iterator[Path]:
    """Mount a small file system in memory."""
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def disks(home: Path, times: int) -> Iterator[Knock]:  # noqa: ARG001
    """Write to disks that are full or read-only; read runs where nothing can be written."""
    if os.geteuid():
        return
    lines.prepared(home)
    with _mounted(home / "small", "3m") as disk:
        yield from _full(home, disk)
        yield from _read_only(home, disk)
    yield from _printed_to_full(home)
    yield from _as_nobody(home)


def _result(disk: Path, name: str) -> Path:
    return disk / ("out.svg" if name.startswith("plot") else "out")


def _old_result(home: Path, disk: Path, name: str) -> Path:
    """Put an older result on a disk."""
    place = _result(disk, name)
    if name.startswith("train"):
        kind = name.rsplit(maxsplit=1)[-1]
        shutil.copytree(home / kind, place)
    elif not name.startswith(("index", "export")):  # these replace nothing but their own
        place.write_bytes(b"older")
    return place


def _full(home: Path, disk: Path) -> Iterator[Knock]:
    for name, words in lines.writing(home, str(disk / "out")).items():
        place = _old_result(home, disk, name)
        old, there = contents(place), sorted(disk.iterdir())
        filler = disk / "filler"
        _fill(filler)
        done = dssm(*words)
        wrong = done.said(1, "No space left", out=None if "--rejects" in name else b"")
        if contents(place) != old:
            wrong = wrong or "the older result is not as it was"
        filler.unlink()
        left = sorted(set(disk.iterdir()) - {*there})
        if left:
            wrong = wrong or f"left: {left}"
        yield Knock("full disk", wrong and f"{name}: {wrong}")
        _emptied(disk)


def _fill(filler: Path) -> None:
    """Write a file till the disk is full."""
    with open(filler, "wb", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(bytes(4096))


def _emptied(disk: Path) -> None:
    for path in disk.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _printed_to_full(home: Path) -> Iterator[Knock]:
    for name, words in lines.printing(home).items():
        with open("/dev/full", "wb") as full:
            done = dssm(*words, stdout=full)
        last = done._replace(err="".join(done.err.splitlines(keepends=True)[-1:]))
        wrong = last.said(1, "No space left")
        yield Knock("/dev/full as standard output", wrong and f"{name}: {wrong}")


def _read_only(home: Path, disk: Path) -> Iterator[Knock]:
    for kind in ("text", "mmoe", "candidates", "ranking"):
        shutil.copytree(home / kind, disk / kind)
    shutil.copy(home / "index", disk / "index")
    before = {path.name: contents(path) for path in disk.iterdir()}
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for name, words in lines.printing(home).items():
        moved = [w.replace(str(home), str(disk)) if _is_run(w, home) else w for w in words]
        done = dssm(*moved, cwd=disk)
        wrong = done.said(0, out=None)
        yield Knock("a run in a read-only place answers", wrong and f"{name}: {wrong}")
    for name, words in lines.writing(home, str(disk / "out")).items():
        if "--rejects" in name:
            continue
        wrong = dssm(*words, cwd=disk).said(1, "Read-only file system")
        yield Knock("a read-only place to write to", wrong and f"{name}: {wrong}")
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    same = before == {path.name: contents(path) for path in disk.iterdir()}
    yield Knock("a run in a read-only place is as it was", "" if same else "it is not")
    _emptied(disk)


def _is_run(word: str, home: Path) -> bool:
    path = Path(word)
    return path.parent == home and (path.is_dir() or path.name == "index")


def _as_nobody(home: Path) -> Iterator[Knock]:
    """Write to a folder that belongs to another, as a user without rights."""
    folder = Path("/tmp") / f"knock-{os.getpid()}"
    folder.mkdir(mode=0o755)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    try:
        for kind in ("text", "mmoe", "candidates", "ranking"):
            shutil.copytree(home / kind, folder / kind)
        for name, words in lines.writing(home, str(folder / "out")).items():
            if "--rejects" in name:
                continue
            wrong = dssm(*words, before=nobody, cwd="/").said(1, "Permission denied")
            yield Knock("a folder of another's to write to", wrong and f"{name}: {wrong}")
        same = sorted(path.name for path in folder.iterdir())
        yield Knock("a folder of another's is as it was", "" if "out" not in same else str(same))
    finally:
        shutil.rmtree(folder)
