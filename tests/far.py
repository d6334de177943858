"""A device that is not there: its tensors are the processor's, under the rules of a GPU's.

An operation on tensors here and there is an error, and so is numpy on one that is there.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

# Everything may be made there, and nothing computed: so whatever is, is through `FarTensor`.
DEVICE = torch.device("meta")
_CROSSING = ("_to_copy", "copy_")


class FarTensor(torch.Tensor):
    """A tensor that says it is on DEVICE."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> FarTensor:
        made = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), dtype=held.dtype, device=DEVICE
        )
        made.held = held
        return made

    def tolist(self) -> Any:
        """Return the values, which a GPU would be waited for."""
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return _run(function, args, kwargs or {})


class FarDevice(TorchDispatchMode):
    """While it is on, what is made on DEVICE or sent there is a FarTensor."""

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return _run(function, args, kwargs or {})


def _run(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    far = [tensor for tensor in tensors if isinstance(tensor, FarTensor)]
    device = kwargs.get("device")
    there = bool(far) if device is None else torch.device(device) == DEVICE
    name = function.overloadpacket.__name__
    if name == "copy_":
        there = isinstance(args[0], FarTensor)
    if far and name not in _CROSSING:
        near = [tensor for tensor in tensors if not isinstance(tensor, FarTensor) and tensor.dim()]
        assert not near, f"{function}: tensors here and on the device"
    if device is not None:
        kwargs = {**kwargs, "device": "cpu"}
    args, kwargs = tree_map(lambda x: x.held if isinstance(x, FarTensor) else x, (args, kwargs))
    known = {id(tensor.held): tensor for tensor in far}

    def sent(found: Any) -> Any:
        if not isinstance(found, Tensor) or not there:
            return found
        return known[id(found)] if id(found) in known else FarTensor(found)

    return tree_map(sent, function(*args, **kwargs))
