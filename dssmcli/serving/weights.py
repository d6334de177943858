"""The arrays in a safetensors file, as views of its bytes.

The safetensors package would copy them, which takes longer than all else of a first answer but the
import of numpy. The format: 8 bytes with the length of a JSON header, the header with each tensor's
type, shape and place, then the tensors' bytes (https://github.com/huggingface/safetensors).
"""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli.errors import RunError, shown

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Shape = tuple[int, ...]

_LENGTH = 8
JUDGED_LATER: dict[str, Any] = {"over": "ignore", "invalid": "ignore"}
"""For np.errstate: numbers that grow too large show in what comes out, where they are an error."""


def tensors_in(content: bytes, expected: Mapping[str, Shape], where: str) -> dict[str, Floats]:
    """Return the tensors of a file, read-only.

    Raises RunError, naming the file `where`, unless their names and shapes are the expected ones
    and all their entries finite float32 numbers.
    """
    header, begin = _expected(content, expected, where)
    return {
        name: _finite(
            tensor_in(content, begin, header[name], shape, "F32", f"{where}: {name}"),
            f"{where}: {name}",
        )
        for name, shape in expected.items()
    }


def doubles_in(content: bytes, expected: Mapping[str, Shape], where: str) -> dict[str, Doubles]:
    """Return what `tensors_in` does, of float64 numbers, some of which may be nan."""
    header, begin = _expected(content, expected, where)
    return {
        name: tensor_in(content, begin, header[name], shape, "F64", f"{where}: {name}")
        for name, shape in expected.items()
    }


def arrays_in(content: bytes, kinds: Mapping[str, str], where: str) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays (n,) of a file, of any lengths, that have these names and kinds."""
    header, begin = _header(content, where)
    header.pop("__metadata__", None)
    if set(header) != set(kinds) or any(len(told["shape"]) != 1 for told in header.values()):
        raise RunError(f"{where}: expected the arrays {', '.join(kinds)}, of one axis each.")
    return {
        name: tensor_in(
            content, begin, header[name], (header[name]["shape"][0],), kind, f"{where}: {name}"
        )
        for name, kind in kinds.items()
    }


def lengths_in(content: bytes, names: Sequence[str], where: str) -> list[int]:
    """Return how long some tensors of a file are, along their first axis; 0 for one not there."""
    header, _ = _header(content, where)
    shapes = [header[name]["shape"] if name in header else [] for name in names]
    return [shape[0] if shape else 0 for shape in shapes]


Content = bytes | mmap.mmap


def header_in(content: Content, where: str) -> tuple[dict[str, dict[str, Any]], Any]:
    """Return what a file says of each tensor, and its metadata, None where there is none."""
    header, _ = _header(content, where)
    return header, header.pop("__metadata__", None)


def _expected(
    content: bytes, expected: Mapping[str, Shape], where: str
) -> tuple[dict[str, dict[str, Any]], int]:
    """Return the header and where tensors begin; RunError unless it has these names and shapes."""
    header, begin = _header(content, where)
    header.pop("__metadata__", None)
    for name in sorted(set(expected) | set(header)):
        found = tuple(header[name]["shape"]) if name in header else "nothing"
        if found != expected.get(name):
            wanted = expected.get(name, "nothing")
            what = name if name in expected else shown(name)
            raise RunError(
                f"{where}: {what} is {str(found)[:80]}, expected {wanted} as config.json says."
            )
    return header, begin


def under(prefix: str, tensors: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return the tensors whose names begin so, without that beginning."""
    return {n.removeprefix(prefix): w for n, w in tensors.items() if n.startswith(prefix)}


def _header(content: Content, where: str) -> tuple[dict[str, dict[str, Any]], int]:
    """Return what is said of each tensor, a shape at least, and where the tensors' bytes begin."""
    begin = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    try:
        header = json.loads(content[_LENGTH:begin]) if begin <= len(content) else None
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise RunError(f"{where}: not a safetensors file.")
    for name, told in header.items():
        if name == "__metadata__":
            continue
        shape = told.get("shape") if isinstance(told, dict) else None
        if not isinstance(shape, list) or not all(type(d) is int and d >= 0 for d in shape):
            raise RunError(f"{where}: not a safetensors file: {shown(name)} has no shape.")
    return header, begin


_KINDS = {
    "F32": ("float32", "<f4", 4),
    "F64": ("float64", "<f8", 8),
    "F16": ("float16", "<f2", 2),
    "I64": ("int64", "<i8", 8),
    "U64": ("uint64", "<u8", 8),
    "U32": ("uint32", "<u4", 4),
    "U8": ("uint8", "u1", 1),
}


def tensor_in(
    content: Content, begin: int, told: Mapping[str, Any], shape: Shape, kind: str, what: str
) -> npt.NDArray[Any]:
    """Return one tensor, (shape), of this kind; RunError, naming it `what`, when it is no such."""
    name, dtype, item = _KINDS[kind]
    if told.get("dtype") != kind:
        raise RunError(
            f"{what} is {shown(str(told.get('dtype')))}, expected {name} numbers, {kind}."
        )
    size = math.prod(shape)
    match told.get("data_offsets"):
        case [int(first), int(last)] if first >= 0 and last - first == size * item:
            place = begin + first
        case _:
            place = len(content)
    if place + size * item > len(content):
        raise RunError(f"{what}: its bytes are not where the file's header says.")
    return np.frombuffer(content, dtype, size, place).reshape(shape)


def _finite(tensor: Floats, what: str) -> Floats:
    if not np.isfinite(tensor).all():
        raise RunError(f"{what} has entries that are not finite numbers.")
    return tensor
