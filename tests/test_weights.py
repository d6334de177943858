"""The reader of weights: what safetensors reads, or one clear error."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from dssmcli.errors import RunError
from dssmcli.serving.weights import tensors_in

SHAPES = {"rows": (3, 4), "bias": (4,), "one": (1, 1)}


def written(**changes: np.ndarray) -> bytes:
    random = np.random.default_rng(0)
    tensors = {name: random.random(shape, np.float32) for name, shape in SHAPES.items()}
    return safetensors.numpy.save({**tensors, **changes}, {"made": "by a test"})


def with_header(change: dict[str, object]) -> bytes:
    content = written()
    begin = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:begin])
    header["bias"].update(change)
    told = json.dumps(header).encode()
    return len(told).to_bytes(8, "little") + told + content[begin:]


def test_tensors_are_those_that_safetensors_reads() -> None:
    content = written()
    expected = safetensors.numpy.load(content)
    found = tensors_in(content, SHAPES, "w")
    assert set(found) == set(expected)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(found[name], tensor)
        assert found[name].dtype == np.float32


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a safetensors file"),
        (b"\xff" * 8, "not a safetensors file"),
        (b"\x02\0\0\0\0\0\0\0[]", "not a safetensors file"),
        (b"\x09\0\0\0\0\0\0\0" + b'{"a": 17}', "not a safetensors file"),
        (written()[:-1], "bytes are not where"),
        (written(bias=np.zeros(4, np.float64)), "F64.*float32"),
        (written(bias=np.array([1, np.nan, 0, 0], np.float32)), "not finite"),
        (written(bias=np.array([1, np.inf, 0, 0], np.float32)), "not finite"),
        (written(bias=np.zeros(5, np.float32)), r"bias is \(5,\), expected \(4,\)"),
        (written(more=np.zeros(5, np.float32)), r'"more" is \(5,\), expected nothing'),
        (with_header({"shape": None}), '"bias" has no shape'),
        (with_header({"shape": [-2, -2]}), '"bias" has no shape'),
        (with_header({"shape": [4.0]}), '"bias" has no shape'),
        (with_header({"shape": [True, 4]}), '"bias" has no shape'),
        (with_header({"shape": [1 << 70]}), "bias is .*, expected"),
        (with_header({"dtype": "I32"}), "I32.*float32"),
        (with_header({"data_offsets": [0, 1 << 62]}), "bytes are not where"),
        (with_header({"data_offsets": [-16, 0]}), "bytes are not where"),
        (with_header({"data_offsets": [1 << 40, (1 << 40) + 16]}), "bytes are not where"),
        (with_header({"data_offsets": ["0", "16"]}), "bytes are not where"),
    ],
)
def test_what_is_not_as_expected_is_one_clear_error(content: bytes, message: str) -> None:
    with pytest.raises(RunError, match=f"w:.*{message}"):
        tensors_in(content, SHAPES, "w")


@given(st.data())
def test_damaged_bytes_are_an_error_or_finite_numbers(data: st.DataObject) -> None:
    content = bytearray(written())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = tensors_in(bytes(content), SHAPES, "w")
    except RunError:
        return
    assert {name: tensor.shape for name, tensor in found.items()} == SHAPES
    assert all(np.isfinite(tensor).all() for tensor in found.values())
