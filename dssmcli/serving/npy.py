"""Writes rows of vectors as a .npy file whose length is not known beforehand."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from dssmcli.errors import DssmError

_HEADER = 128
"""Bytes of the header: room for any number of rows, and a multiple of 64 as the format asks."""


def header(rows: int, dim: int) -> bytes:
    """Return the header of a C-ordered float32 array (rows, dim), always 128 bytes.

    numpy.lib.format, version 1.0: magic, length, a Python literal padded with spaces.
    """
    told = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dim}), }}"
    padded = told.ljust(_HEADER - 11) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode("latin1")


def write_rows(stream: BinaryIO, blocks: Iterable[npt.NDArray[np.float32]], dim: int) -> int:
    """Write blocks of rows (n, dim) to a seekable stream and return the number of rows.

    The stream is empty again when a block raises an error.
    """
    rows = 0
    try:
        stream.write(header(0, dim))
        for block in blocks:
            stream.write(np.ascontiguousarray(block, "<f4").data)
            rows += len(block)
    except DssmError:
        stream.seek(0)
        stream.truncate()
        raise
    stream.seek(0)
    stream.write(header(rows, dim))
    stream.seek(0, 2)
    return rows


def can_rewind(stream: BinaryIO) -> bool:
    """Tell whether what is written at the start of a stream can be written anew later.

    Not so for a pipe, or a file opened to append (`>> FILE`).
    """
    if not stream.seekable() or stream.tell():
        return False
    try:
        import fcntl

        return not fcntl.fcntl(stream.fileno(), fcntl.F_GETFL) & os.O_APPEND
    except (ImportError, OSError):
        return False


def pipe_rows(stream: BinaryIO, blocks: Iterable[npt.NDArray[np.float32]], dim: int) -> int:
    """Write blocks of rows to a stream that cannot be rewound; the rows wait on disk till the end.

    Nothing is written when a block raises an error.
    """
    with tempfile.TemporaryFile() as spool:
        rows = write_rows(spool, blocks, dim)
        spool.seek(0)
        shutil.copyfileobj(spool, stream, 1 << 20)
    stream.flush()
    return rows
