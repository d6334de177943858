"""A training's state as bytes, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from dssmcli.errors import RunError

_STATE = "state"


def to_bytes(groups: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]) -> bytes:
    """Return named groups of tensors and a JSON state as one safetensors file."""
    tensors = {
        f"{group}/{name}": tensor.detach().contiguous().clone()
        for group, members in groups.items()
        for name, tensor in members.items()
    }
    return safetensors.torch.save(tensors, {_STATE: json.dumps(state)})


def from_bytes(content: bytes, where: str) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Return what `to_bytes` was given; RunError when the bytes are damaged."""
    try:
        groups: dict[str, dict[str, Tensor]] = {}
        for name, tensor in safetensors.torch.load(content).items():
            group, _, member = name.partition("/")
            groups.setdefault(group, {})[member] = tensor
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        return groups, json.loads(header["__metadata__"][_STATE])
    except (safetensors.SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise RunError(f"{where}: damaged ({error}). Start afresh with --overwrite.") from error


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
