"""The formats that vectors are written in: bytes for a head, for every block, and at the end."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from dssmcli.errors import ConfigError, MissingExtra

Floats = npt.NDArray[np.float32]

DTYPES = {"float32": "<f4", "float16": "<f2"}
_HEADER = 128
"""Bytes of a .npy header: room for any number of rows, and a multiple of 64 as the format asks."""


class Format(Protocol):
    """Rows (n, D) and their texts become bytes, block by block.

    `streams`: the bytes are good as they come. Otherwise `close` makes the file whole; `rewinds`
    tells that it only writes its beginning anew.
    """

    streams: bool
    rewinds: bool

    def head(self) -> bytes:
        """Return what stands before all rows."""
        ...

    def block(self, texts: Sequence[str], rows: Floats) -> bytes | memoryview:
        """Return the bytes of some rows."""
        ...

    def close(self, stream: BinaryIO, rows: int) -> None:
        """Make the file whole that has the head and the blocks of so many rows."""
        ...


class Npy:
    """numpy.lib.format, version 1.0, whose header has the number of rows."""

    streams, rewinds = False, True

    def __init__(self, dim: int, dtype: str) -> None:
        self._dim, self._dtype = dim, DTYPES[dtype]

    def head(self) -> bytes:
        """Return the header of no rows."""
        return header(0, self._dim, self._dtype)

    def block(self, texts: Sequence[str], rows: Floats) -> memoryview:  # noqa: ARG002
        """Return the rows, C-ordered and little-endian."""
        return np.ascontiguousarray(rows, self._dtype).data.cast("B")

    def close(self, stream: BinaryIO, rows: int) -> None:
        """Write the header anew."""
        stream.seek(0)
        stream.write(header(rows, self._dim, self._dtype))
        stream.seek(0, 2)


def header(rows: int, dim: int, dtype: str) -> bytes:
    """Return the .npy header of a C-ordered array (rows, dim), always 128 bytes.

    Magic, length, a Python literal padded with spaces.
    """
    told = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({rows}, {dim}), }}"
    padded = told.ljust(_HEADER - 11) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode("latin1")


class _Streamed:
    """A format without a head or an end."""

    streams, rewinds = True, True

    def __init__(self, dim: int, dtype: str) -> None:
        self._dim, self._dtype = dim, np.dtype(DTYPES[dtype])

    def head(self) -> bytes:
        """Return nothing."""
        return b""

    def close(self, stream: BinaryIO, rows: int) -> None:
        """Do nothing."""


class F32(_Streamed):
    """The numbers alone, four bytes each, little-endian."""

    def __init__(self, dim: int, dtype: str) -> None:
        if dtype != "float32":
            raise ConfigError(f"--format f32 is float32, not {dtype}: choose npy or parquet.")
        super().__init__(dim, dtype)

    def block(self, texts: Sequence[str], rows: Floats) -> memoryview:  # noqa: ARG002
        """Return the rows' numbers."""
        return np.ascontiguousarray(rows, "<f4").data.cast("B")


class Tsv(_Streamed):
    """A row a line, D numbers separated by tabs, as few digits as name the number."""

    def block(self, texts: Sequence[str], rows: Floats) -> bytes:  # noqa: ARG002
        """Return the rows' lines."""
        lines = ["\t".join(numbers) + "\n" for numbers in rows.astype(self._dtype).astype("U16")]
        return "".join(lines).encode("ascii")


class Jsonl(_Streamed):
    """An object a line, with the text and its vector."""

    def block(self, texts: Sequence[str], rows: Floats) -> bytes:
        """Return the rows' lines."""
        told = rows.astype(self._dtype).astype("U16")
        return "".join(
            f'{{"text": {json.dumps(text, ensure_ascii=False)}, "vector": [{", ".join(row)}]}}\n'
            for text, row in zip(texts, told, strict=True)
        ).encode("utf-8", "backslashreplace")


class Parquet:
    """Columns `text` and `vector` (a list of D numbers).

    Until the end the rows are an Arrow stream: a Parquet file cannot be added to.
    """

    streams, rewinds = False, False

    def __init__(self, dim: int, dtype: str) -> None:
        arrow = _arrow()
        self._dim, self._dtype = dim, np.dtype(DTYPES[dtype])
        number = arrow.float32() if dtype == "float32" else arrow.float16()
        fields = [("text", arrow.string()), ("vector", arrow.list_(number, dim))]
        self._schema = arrow.schema(fields)

    def head(self) -> bytes:
        """Return the stream's schema."""
        return bytes(self._schema.serialize())

    def block(self, texts: Sequence[str], rows: Floats) -> memoryview:
        """Return the rows as a record batch."""
        arrow = _arrow()
        numbers = arrow.array(rows.astype(self._dtype).ravel())
        vectors = arrow.FixedSizeListArray.from_arrays(numbers, self._dim)
        told = arrow.array(list(texts), arrow.string())
        batch = arrow.record_batch([told, vectors], schema=self._schema)
        return memoryview(batch.serialize())

    def close(self, stream: BinaryIO, rows: int) -> None:
        """Put a Parquet file in the stream's place."""
        import shutil

        import pyarrow.parquet

        stream.flush()
        stream.seek(0)
        with tempfile.TemporaryFile() as whole:
            with pyarrow.parquet.ParquetWriter(whole, self._schema) as writer:
                if rows:
                    for batch in _arrow().ipc.open_stream(stream):
                        writer.write_batch(batch)
            whole.seek(0)
            stream.seek(0)
            stream.truncate()
            shutil.copyfileobj(whole, stream, 1 << 20)


def _arrow() -> Any:
    try:
        import pyarrow
    except ImportError as error:
        raise MissingExtra("--format parquet", "pyarrow", "parquet") from error
    return pyarrow


FORMATS: dict[str, Callable[[int, str], Format]] = {
    "npy": Npy,
    "f32": F32,
    "tsv": Tsv,
    "jsonl": Jsonl,
    "parquet": Parquet,
}


def build_format(name: str, dim: int, dtype: str) -> Format:
    """Return the format of that name for rows (n, dim).

    Raises ConfigError where it cannot have the dtype, MissingExtra where a package is missing.
    """
    return FORMATS[name](dim, dtype)
