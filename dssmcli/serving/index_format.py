"""The format of an index on disk, and how one is written.

One safetensors file (https://github.com/huggingface/safetensors), so that others read it, too. N
titles, D numbers a vector, C lists:

    ends      I64 (N,)     where the line of each title ends
    starts    I64 (C + 1,) where the vectors of each list begin, if there are lists
    centres   F32 (C, D)   their centres
    vectors   F32 or F16 (N, D)  unit rows, sorted by list
    titles    U8           a line a title, in the same order: id, tab, title
    run/NAME  U8           each file of the run that made the vectors, its manifest too
    hashes    U8 (B, 32)   the SHA-256 of each 256 KiB of the file up to here
    seal      U8 (32,)     the SHA-256 of `hashes`

The settings are JSON under `dssm_index` in the header's `__metadata__`. The file is mapped into
memory, and each 256 KiB checked when something of it is first used: an answer that looks into few
lists need not read a gigabyte.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

FORMAT = 1
SETTINGS = "dssm_index"
RUN = "run/"
BLOCK = 1 << 18
DIGEST = hashlib.sha256().digest_size
_HEADER_STEP = 4096
HEADER_LIMIT = 1 << 20

Bytes = bytes | bytearray | memoryview


class Part(NamedTuple):
    """A tensor that is to be written: its type and shape, and its bytes in pieces."""

    dtype: str
    shape: tuple[int, ...]
    pieces: Iterable[Bytes]

    @property
    def size(self) -> int:
        """Return how many bytes there are."""
        return int(np.prod(self.shape, dtype=np.int64)) * _BYTES[self.dtype]


_BYTES = {"I64": 8, "F32": 4, "F16": 2, "U8": 1}


def plain_bytes(array: npt.NDArray[Any]) -> memoryview:
    """Return the bytes of an array, C-ordered."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def array_part(array: npt.NDArray[Any], dtype: str) -> Part:
    """Return an array as a part."""
    return Part(dtype, array.shape, [plain_bytes(array)])


def bytes_part(content: Bytes) -> Part:
    """Return plain bytes as a part."""
    return Part("U8", (len(content),), [content])


def run_parts(files: Mapping[str, bytes]) -> dict[str, Part]:
    """Return a run's files as parts by name."""
    return {RUN + name: bytes_part(content) for name, content in files.items()}


def write_index(stream: BinaryIO, settings: Mapping[str, Any], parts: Mapping[str, Part]) -> None:
    """Write an index; parts: by name, those of larger numbers first, so that all are aligned."""
    head = _head(settings, parts)
    hashes = bytearray()
    for block in _blocks(_pieces(head, parts)):
        stream.write(block)
        hashes += hashlib.sha256(block).digest()
    stream.write(hashes)
    stream.write(hashlib.sha256(hashes).digest())


def _pieces(head: bytes, parts: Mapping[str, Part]) -> Iterator[Bytes]:
    yield head
    for name, part in parts.items():
        written = 0
        for piece in part.pieces:
            written += len(piece)
            yield piece
        assert written == part.size, f"{name}: {written} bytes, expected {part.size}"


def _blocks(pieces: Iterable[Bytes]) -> Iterator[bytes]:
    """Yield the same bytes in blocks, the last of which may be short."""
    block = bytearray()
    for piece in pieces:
        place = 0
        while place < len(piece):
            taken = piece[place : place + BLOCK - len(block)]
            block += taken
            place += len(taken)
            if len(block) == BLOCK:
                yield bytes(block)
                block.clear()
    if block:
        yield bytes(block)


def _head(settings: Mapping[str, Any], parts: Mapping[str, Part]) -> bytes:
    """Return the header behind its length, padded so that what it says of itself is true."""
    size = sum(part.size for part in parts.values())
    room = _HEADER_STEP
    while True:
        blocks = -(-(8 + room + size) // BLOCK)
        text = json.dumps(_header(settings, parts, blocks), ensure_ascii=False).encode()
        if len(text) <= room:
            return room.to_bytes(8, "little") + text.ljust(room)
        room += _HEADER_STEP


def _header(settings: Mapping[str, Any], parts: Mapping[str, Part], blocks: int) -> dict[str, Any]:
    told = json.dumps(settings, ensure_ascii=False, allow_nan=False)
    header: dict[str, Any] = {"__metadata__": {SETTINGS: told}}
    begin = 0
    ends = {"hashes": Part("U8", (blocks, DIGEST), ()), "seal": Part("U8", (DIGEST,), ())}
    for name, part in {**parts, **ends}.items():
        offsets = [begin, begin + part.size]
        header[name] = {"dtype": part.dtype, "shape": [*part.shape], "data_offsets": offsets}
        begin += part.size
    return header


class Settings(NamedTuple):
    """What an index says of itself.

    lines: of the files it was made of. left_out: titles that say nothing. probes: lists that a
    search looks into, None where there are no lists. wanted, recall: of lists, as was asked for (0:
    no lists) and found (None: not tried). built_for: titles when the lists' centres were found.
    """

    titles: int
    dim: int
    dtype: str
    own_ids: bool
    lines: int
    left_out: int
    probes: int | None
    wanted: float
    recall: float | None
    built_for: int | None
    version: str

    def to_json(self) -> dict[str, Any]:
        """Return what the header holds."""
        return {"format": FORMAT, **self._asdict()}

    @staticmethod
    def kinds() -> dict[str, tuple[type, ...]]:
        """Return of which types each of them may be."""
        number, maybe = (int,), (int, type(None))
        return {
            **dict.fromkeys(("titles", "dim", "lines", "left_out"), number),
            **dict.fromkeys(("probes", "built_for"), maybe),
            **dict.fromkeys(("dtype", "version"), (str,)),
            "own_ids": (bool,),
            "wanted": (int, float),
            "recall": (int, float, type(None)),
        }


DTYPES = {"float32": ("F32", "<f4"), "float16": ("F16", "<f2")}
