"""Reads a small file of a user's own whole: a vocabulary, a dictionary."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from dssmcli.errors import DataError
from dssmcli.file_kinds import kind_in_gzip, kind_of
from dssmcli.text_encodings import (
    conversion,
    has_old_ends,
    likely_encoding,
    old_ends,
    wide_encoding,
)


def read_own_text(path: Path) -> str:
    """Return a file's text, unpacked if it is gzipped, without a byte-order mark.

    Raises DataError when it cannot be read, is no text, or not UTF-8.
    """
    try:
        content = path.read_bytes()
    except IsADirectoryError as error:
        raise DataError(f"{path}: is a folder, expected a file.") from error
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}.") from error
    kind = kind_of(content)
    if content.startswith(b"\x1f\x8b"):
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(f"{path}: damaged gzip data ({error}).") from error
        kind = kind_in_gzip(content)
    if kind is not None:
        raise DataError(kind.refusal(str(path)))
    encoding = wide_encoding(content)
    if has_old_ends(content):
        raise DataError(old_ends(str(path)))
    if encoding is None:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            encoding = likely_encoding(content)
            where = f"{path}:{line}: invalid UTF-8, expected UTF-8 text."
            if encoding is None:
                raise DataError(f"{where} Convert it (iconv -f ENCODING -t utf-8).") from error
            way = conversion(str(path), encoding)
            raise DataError(f"{where} It looks like {encoding.name}: {way}") from error
    way = conversion(str(path), encoding)
    raise DataError(f"{path}: looks like {encoding.name}, expected UTF-8. Convert it: {way}")
