"""Reads a small file of a user's own whole: a vocabulary, a dictionary."""

from __future__ import annotations

import gzip
import sys
import zlib
from pathlib import Path

from dssmcli.errors import STDIN_IS_READ, DataError
from dssmcli.file_kinds import kind_in_gzip, kind_of
from dssmcli.text_encodings import (
    conversion,
    has_old_ends,
    likely_encoding,
    old_ends,
    wide_encoding,
)

STDIN = Path("-")


def read_own_text(path: Path) -> str:
    """Return the text of a file or, of `-`, of standard input; unpacked if it is gzipped, without a
    byte-order mark.

    Raises DataError when it cannot be read, is no text, or not UTF-8.
    """
    name = name_of(path)
    try:
        content = _content(path)
    except IsADirectoryError as error:
        raise DataError(f"{name}: is a folder, expected a file.") from error
    except OSError as error:
        raise DataError(f"{name}: {error.strerror or error}.") from error
    kind = kind_of(content)
    if content.startswith(b"\x1f\x8b"):
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(f"{name}: damaged gzip data ({error}).") from error
        kind = kind_in_gzip(content)
    if kind is not None:
        raise DataError(kind.refusal(name))
    encoding = wide_encoding(content)
    if has_old_ends(content):
        raise DataError(old_ends(name))
    if encoding is None:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            encoding = likely_encoding(content)
            where = f"{name}:{line}: invalid UTF-8, expected UTF-8 text."
            if encoding is None:
                raise DataError(f"{where} Convert it (iconv -f ENCODING -t utf-8).") from error
            way = conversion(name, encoding)
            raise DataError(f"{where} It looks like {encoding.name}: {way}") from error
    way = conversion(name, encoding)
    raise DataError(f"{name}: looks like {encoding.name}, expected UTF-8. Convert it: {way}")


def name_of(path: Path) -> str:
    """Return what a message calls a file: `-` is <stdin>."""
    return "<stdin>" if path == STDIN else str(path)


def _content(path: Path) -> bytes:
    if path != STDIN:
        return path.read_bytes()
    if sys.stdin is None or sys.stdin.closed:
        raise DataError(STDIN_IS_READ)
    with sys.stdin.buffer as stream:
        return stream.read()
