"""Collects the operators and weights of an ONNX graph, and gives each a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.errors import DssmError, MissingExtra

OPSET = 17
IR_VERSION = 8
"""What onnxruntime 1.13 (2022) and later read."""

_LARGEST = (1 << 31) - (1 << 20)
"""Bytes of weights that a file can hold beside all else: protobuf's limit is 2 GiB."""


class Node(NamedTuple):
    """An operator, the names of what it reads and writes, and its attributes."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


class Tensor(NamedTuple):
    """A graph's input or output: the type of its entries, and the names or sizes of its axes."""

    name: str
    dtype: type[np.generic]
    axes: Sequence[str | int]
    told: str


class Graph:
    """Operators in the order in which they were added. What is passed around are names."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.weights: dict[str, npt.NDArray[Any]] = {}

    def weight(self, name: str, array: npt.NDArray[Any]) -> str:
        """Add an array that the graph carries."""
        self.weights[name] = np.ascontiguousarray(array)
        return name

    def ints(self, *values: int) -> str:
        """Return a constant, (n,) int64."""
        return self.weight(f"ints_{'_'.join(map(str, values))}", np.array(values, np.int64))

    def number(self, value: float) -> str:
        """Return a constant, () float32."""
        return self.weight(f"number_{value!r}", np.array(value, np.float32))

    def op(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator of one output."""
        (output,) = self.ops(operator, 1, *inputs, **attributes)
        return output

    def ops(self, operator: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add an operator of several outputs."""
        first = sum(len(node.outputs) for node in self.nodes)
        names = [f"{operator}_{first + i}" for i in range(outputs)]
        self.nodes.append(Node(operator, inputs, tuple(names), attributes))
        return names

    def cut(self, array: str, begin: int, end: int, axis: int) -> str:
        """Return a part of an array along an axis."""
        return self.op("Slice", array, self.ints(begin), self.ints(end), self.ints(axis))

    def total(self, array: str, axis: int, keepdims: int = 0) -> str:
        """Return the sum along an axis."""
        return self.op("ReduceSum", array, self.ints(axis), keepdims=keepdims)

    def name(self, array: str, name: str) -> None:
        """Give an array a second name, that of an output."""
        self.nodes.append(Node("Identity", (array,), (name,), {}))


def require_onnx() -> Any:
    """Return the package onnx; MissingExtra where it is not installed."""
    try:
        import onnx
    except ImportError as error:
        raise MissingExtra("dssm export --onnx", "onnx", "onnx") from error
    return onnx


def to_onnx(
    graph: Graph,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    metadata: Mapping[str, str],
    told: str,
    version: str,
) -> bytes:
    """Return the graph as the bytes of a checked ONNX file, the same every time.

    Raises DssmError when it is larger than such a file can be.
    """
    onnx = require_onnx()
    size = sum(array.nbytes for array in graph.weights.values())
    if size > _LARGEST:
        raise DssmError(
            f"The graph would have {size / 1e9:.1f} GB, expected less than the 2 GB that an ONNX "
            "file holds. Train with a smaller --dim, --embedding or --filters, or fewer features."
        )
    helper = onnx.helper
    whole = helper.make_graph(
        [
            helper.make_node(each.operator, each.inputs, each.outputs, **each.attributes)
            for each in graph.nodes
        ],
        "dssm",
        [_value(onnx, each) for each in inputs],
        [_value(onnx, each) for each in outputs],
        [onnx.numpy_helper.from_array(array, name) for name, array in graph.weights.items()],
    )
    model = helper.make_model(
        whole,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="dssmcli",
        producer_version=version,
        doc_string=told,
    )
    helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _value(onnx: Any, tensor: Tensor) -> Any:
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype))
    return onnx.helper.make_tensor_value_info(tensor.name, kind, tensor.axes, tensor.told)
