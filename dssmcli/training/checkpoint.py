"""A training's state as the bytes of a file, and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from dssmcli.errors import RunError

_STATE = "state"
_DIGEST, _DIGEST_BYTES = "sha256", 32
"""The last tensor is the SHA-256 of all bytes before it: known only when they are written."""


def to_pieces(
    groups: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]
) -> Iterator[bytes | memoryview]:
    """Yield named groups of float32 tensors and a JSON state as the pieces of a safetensors file.

    The pieces are the tensors' own memory: the package would first make two copies of them all.
    """
    digest = hashlib.sha256()
    for piece in _plain_pieces(groups, state):
        digest.update(piece)
        yield piece
    yield digest.digest()


def _plain_pieces(
    groups: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]
) -> Iterator[bytes | memoryview]:
    tensors = {
        f"{group}/{name}": tensor.detach().contiguous()
        for group, members in groups.items()
        for name, tensor in members.items()
    }
    header: dict[str, Any] = {"__metadata__": {_STATE: json.dumps(state)}}
    end = 0
    for name, tensor in tensors.items():
        assert tensor.dtype == torch.float32, name
        begin, end = end, end + tensor.nbytes
        header[name] = {"dtype": "F32", "shape": [*tensor.shape], "data_offsets": [begin, end]}
    place = [end, end + _DIGEST_BYTES]
    header[_DIGEST] = {"dtype": "U8", "shape": [_DIGEST_BYTES], "data_offsets": place}
    told = json.dumps(header).encode()
    told += b" " * (-len(told) % 8)
    yield len(told).to_bytes(8, "little") + told
    for tensor in tensors.values():
        yield tensor.cpu().reshape(-1).numpy().data.cast("B")


def from_bytes(content: bytes, where: str) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Return what `to_pieces` was given; RunError when the bytes are damaged."""
    try:
        if hashlib.sha256(content[:-_DIGEST_BYTES]).digest() != content[-_DIGEST_BYTES:]:
            raise ValueError("its SHA-256 is not the one at its end")
        groups: dict[str, dict[str, Tensor]] = {}
        for name, tensor in safetensors.torch.load(content).items():
            if name == _DIGEST:
                continue
            group, _, member = name.partition("/")
            groups.setdefault(group, {})[member] = tensor
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        return groups, json.loads(header["__metadata__"][_STATE])
    except (safetensors.SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise RunError(
            f"{where}: damaged ({error}). Start afresh with --overwrite instead of --resume."
        ) from error


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return an optimiser's state as named tensors."""
    return {
        f"{index}/{name}": value
        for index, entries in optimizer.state_dict()["state"].items()
        for name, value in entries.items()
        if isinstance(value, Tensor)
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` returned."""
    whole = optimizer.state_dict()
    for key, value in tensors.items():
        index, _, name = key.partition("/")
        whole["state"].setdefault(int(index), {})[name] = value
    optimizer.load_state_dict(whole)
