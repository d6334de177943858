"""An index that is open: arrays in a mapped file, each checked when it is first used.

What is in the file: dssmcli.serving.index_format.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli.errors import RunError
from dssmcli.file_kinds import HEAD_BYTES, kind_of
from dssmcli.neighbours import Lists
from dssmcli.run import MANIFEST, Run, named_by, packed_run, parse_object
from dssmcli.serving.index_format import (
    BLOCK,
    DIGEST,
    DTYPES,
    FORMAT,
    HEADER_LIMIT,
    RUN,
    SETTINGS,
    Settings,
)
from dssmcli.serving.weights import header_in, tensor_in

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class IndexFile:
    """An index that is open: arrays in it, of which only what was checked is handed out.

    Raises RunError, naming the file, when it is missing, damaged, newer or no index.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._content = _mapped(path)
        self._memory = np.frombuffer(self._content, np.uint8)
        self._begin = 8 + int.from_bytes(self._content[:8], "little")
        if self._begin > min(HEADER_LIMIT, len(self._content)):
            raise _other_file(path, self._content[:HEAD_BYTES])
        self._header, metadata = header_in(self._content, str(path))
        self._hashes, self._hashed = self._sealed()
        self._seen = bytearray(len(self._hashes))
        #: SHA-256 of the hashes of all blocks, which no other index shares.
        self.digest = hashlib.sha256(self._hashes.data).hexdigest()
        self._check(0, self._begin)
        self.settings = _settings_in(metadata, path)
        self._ends = self._tensor("ends", "I64", (self.settings.titles,))
        self._titles = self._tensor("titles", "U8", self._shape("titles", 1))

    def vectors(self) -> Vectors:
        """Return the vectors of all titles."""
        kind, _ = DTYPES[self.settings.dtype]
        shape = (self.settings.titles, self.settings.dim)
        return Vectors(self._tensor("vectors", kind, shape), self.checked)

    def lists(self) -> Lists | None:
        """Return the lists; None where there are none."""
        if self.settings.probes is None:
            return None
        count = self._shape("centres", 2)[0]
        centres = self.checked(self._tensor("centres", "F32", (count, self.settings.dim)))
        starts = self.checked(self._tensor("starts", "I64", (count + 1,)))
        sizes = np.diff(starts)
        right = starts[0] == 0 and starts[-1] == self.settings.titles and (sizes >= 0).all()
        if not (right and np.isfinite(centres).all() and 1 <= self.settings.probes <= count):
            raise RunError(f"{self.path}: its lists are not those of its titles.")
        return Lists(centres, starts, self.settings.probes)

    def line(self, place: int) -> tuple[str, str]:
        """Return the id and the title at a place."""
        first = int(self.checked(self._ends[place - 1 : place])[0]) if place else 0
        last = int(self.checked(self._ends[place : place + 1])[0])
        if not 0 <= first < last <= len(self._titles):
            raise RunError(f"{self.path}: the line of title {place} is not where it says.")
        content = self.checked(self._titles[first:last]).tobytes()
        own, _, title = content.removesuffix(b"\n").partition(b"\t")
        try:
            return own.decode("utf-8"), title.decode("utf-8")
        except UnicodeDecodeError as error:
            raise RunError(f"{self.path}: title {place} is not valid UTF-8.") from error

    def lines(self) -> tuple[bytes, Ints]:
        """Return the lines of all titles, and where each ends."""
        ends = self.checked(self._ends)
        last = int(ends[-1]) if len(ends) else 0
        if len(self._titles) != last or (np.diff(ends, prepend=0) <= 0).any():
            raise RunError(f"{self.path}: its titles are not where it says.")
        return self.checked(self._titles).tobytes(), ends

    def run(self) -> Run:
        """Return the run that made the vectors; its files are checked by its own manifest."""
        names = [name.removeprefix(RUN) for name in self._header if name.startswith(RUN)]
        if MANIFEST not in names:
            raise RunError(f"{self.path}: has no run.")
        return packed_run(self.run_file(MANIFEST), self.path, self.run_file)

    def run_file(self, name: str) -> bytes:
        """Return the content of a file of the run, not checked but for where it lies."""
        if RUN + name not in self._header:
            raise RunError(f"{self.path}: its run has no {name}.")
        shape = self._shape(RUN + name, 1)
        return self._tensor(RUN + name, "U8", shape).tobytes()

    def checked(self, array: Array) -> Array:
        """Return an array of this file; RunError unless its bytes are those that were written."""
        first = array.ctypes.data - self._memory.ctypes.data
        self._check(first, first + array.nbytes)
        return array

    def _check(self, first: int, last: int) -> None:
        for block in range(first // BLOCK, -(-last // BLOCK)):
            if self._seen[block]:
                continue
            content = self._memory[block * BLOCK : min((block + 1) * BLOCK, self._hashed)]
            if hashlib.sha256(content.data).digest() != self._hashes[block].tobytes():
                raise RunError(
                    f"{self.path}: damaged, between bytes {block * BLOCK:,} and "
                    f"{(block + 1) * BLOCK:,}. Copy the index again or make it anew."
                )
            self._seen[block] = 1

    def _sealed(self) -> tuple[Array, int]:
        """Return the hashes (B, 32), for which the seal vouches, and how many bytes they are of."""
        blocks = self._shape("hashes", 2)[0]
        hashes = self._tensor("hashes", "U8", (blocks, DIGEST))
        seal = self._tensor("seal", "U8", (DIGEST,))
        hashed = hashes.ctypes.data - self._memory.ctypes.data
        sealed = hashlib.sha256(hashes.data).digest() == seal.tobytes()
        whole = seal.ctypes.data - self._memory.ctypes.data + DIGEST
        if not sealed or blocks != -(-hashed // BLOCK) or whole != len(self._content):
            raise RunError(f"{self.path}: damaged. Copy the index again or make it anew.")
        return hashes, hashed

    def _shape(self, name: str, dims: int) -> tuple[int, ...]:
        told = self._header.get(name)
        if told is None:
            raise RunError(f"{self.path}: not an index (it has no {name}).")
        shape = told.get("shape")
        if not isinstance(shape, list) or len(shape) != dims or not all(map(_is_size, shape)):
            raise RunError(f"{self.path}: {name} has no shape of {dims} numbers.")
        return tuple(shape)

    def _tensor(self, name: str, kind: str, shape: tuple[int, ...]) -> Array:
        if self._shape(name, len(shape)) != shape:
            raise RunError(f"{self.path}: {name} is {self._shape(name, len(shape))}, not {shape}.")
        told = self._header[name]
        return tensor_in(self._content, self._begin, told, shape, kind, f"{self.path}: {name}")


class Vectors:
    """The vectors (N, D) of an index, read some at a time, as float32."""

    def __init__(self, stored: Array, checked: Callable[[Array], Array]) -> None:
        self._stored, self._checked = stored, checked

    def __len__(self) -> int:
        return len(self._stored)

    def __getitem__(self, rows: slice, /) -> Floats:
        """Return some of them; RunError when they are not as they were written."""
        return np.asarray(self._checked(self._stored[rows]), np.float32)


def is_index(path: Path) -> bool:
    """Tell whether a file looks like an index, whole or not."""
    if not path.is_file():
        return False
    with open(path, "rb") as stream:
        return f'"{SETTINGS}"'.encode() in stream.read(HEADER_LIMIT)


def _mapped(path: Path) -> mmap.mmap:
    """Return the content of a plain file, of which nothing is read so far."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError as error:
        raise RunError(
            f"{path}: no such index{named_by(path, ENVIRONMENT_VARIABLE)}. Make one: `dssm index "
            f"TITLES -o {path}`; or name another, here or in ${ENVIRONMENT_VARIABLE}."
        ) from error
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror or error}).") from error
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            what = "a run" if (path / MANIFEST).exists() else "a folder"
            raise RunError(
                f"{path}: is {what}, expected an index, the file that `dssm index TITLES` writes."
            )
        if not stat.S_ISREG(status.st_mode) or status.st_size < _SHORTEST:
            raise _other_file(path, b"")
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    finally:
        os.close(descriptor)


_SHORTEST = 16
ENVIRONMENT_VARIABLE = "DSSM_INDEX"


def _other_file(path: Path, head: bytes) -> RunError:
    """Return the error for a file that is no index, or the beginning of one is damaged."""
    kind = None if f'"{SETTINGS}"'.encode() in head else kind_of(head)
    told = "not an index, or a damaged one" if kind is None else f"is {kind.name}"
    return RunError(f"{path}: {told}, expected the file that `dssm index TITLES` writes.")


def _settings_in(metadata: object, path: Path) -> Settings:
    told = metadata.get(SETTINGS) if isinstance(metadata, dict) else None
    if not isinstance(told, str):
        raise _other_file(path, b"")
    plain = parse_object(told, path)
    found = plain.pop("format", None)
    if type(found) is int and found > FORMAT:
        raise RunError(
            f"{path}: format {found} is newer than this dssm reads (up to {FORMAT}). Upgrade dssm."
        )
    try:
        settings = Settings(**plain)
    except TypeError as error:
        raise RunError(f"{path}: its settings are not those of an index ({error}).") from error
    for name, kind in settings.kinds().items():
        value = getattr(settings, name)
        if type(value) not in kind or (type(value) is int and not 0 <= value < 1 << 48):
            raise RunError(f"{path}: its {name} is {str(value)[:40]!r}.")
    if settings.dtype not in DTYPES:
        raise RunError(f"{path}: its vectors are {settings.dtype[:40]!r}.")
    return settings


def _is_size(value: object) -> bool:
    return type(value) is int and value >= 0
