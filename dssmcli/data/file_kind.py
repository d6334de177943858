"""Decides what a file holds: pairs, a table, or a log of watches or of impressions."""

from __future__ import annotations

import io
import os
import sys
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from dssmcli.data.layout import is_header
from dssmcli.data.roles import with_usual_names
from dssmcli.data.sheets import delimiter_of
from dssmcli.data.tsv import STDIN, UTF8_MARK
from dssmcli.errors import ConfigError, shown
from dssmcli.file_kinds import kind_of
from dssmcli.text_encodings import has_old_ends, wide_encoding

PAIRS, TABLE, WATCHES, IMPRESSIONS = "pairs", "table", "watches", "impressions"
FILE_KINDS = (PAIRS, TABLE, WATCHES, IMPRESSIONS)
SPOKEN = {
    PAIRS: "pairs",
    TABLE: "a table",
    WATCHES: "a log of watches",
    IMPRESSIONS: "a log of impressions",
}
_ROLES = ("user", "item", "timestamp", "clicked", "watch_time")
_FEWEST_COLUMNS = 3
_MOST_COLUMNS_OF_PAIRS = 4
_HEAD_BYTES = 1 << 16
_GZIP = b"\x1f\x8b"


class FileKind(NamedTuple):
    """What a file holds, one of FILE_KINDS, and how that is known."""

    kind: str
    why: str


def kind_by_options(options: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the kinds that all given options go with; each option says with which it goes.

    Raises ConfigError when two options go with different kinds.
    """
    left: tuple[str, ...] = FILE_KINDS
    before = ""
    for option, kinds in options.items():
        both = tuple(kind for kind in left if kind in kinds)
        if not both:
            raise ConfigError(
                f"{before} is for {_or(left)}, {option} for {_or(kinds)}: leave one of them out."
            )
        if len(both) < len(left):
            left, before = both, option
    return left


def kind_of_file(
    options: Mapping[str, Sequence[str]], columns: Mapping[str, str | None], source: str
) -> FileKind:
    """Return what a file holds: what the given options go with, else what its first line shows.

    options: see kind_by_options. columns: names that the user gives of roles such as `user`.
    Raises ConfigError, which shows every way to say it, where neither decides.
    """
    kinds = kind_by_options(options)
    if len(kinds) == 1:
        deciding = next(option for option, goes in options.items() if len(goes) < len(FILE_KINDS))
        said = next((option for option, goes in options.items() if len(goes) == 1), deciding)
        return FileKind(kinds[0], f"as {said} says")
    line = first_line(source)
    if line is None:
        return FileKind(kinds[0], "unless an option says otherwise")
    found = _by_line(line, columns)
    if found is not None and found.kind in kinds:
        return found
    if kinds == (WATCHES, IMPRESSIONS):
        return FileKind(WATCHES, "without columns of clicks and watch times")
    raise ConfigError(_unclear(line, kinds, source))


def _by_line(line: str, columns: Mapping[str, str | None]) -> FileKind | None:
    """Return what a first line shows, None where it may be one or the other."""
    names = _names(line)
    roles = with_usual_names({**dict.fromkeys(_ROLES), **columns}, (), names, "")
    roles = {role: name for role, name in roles.items() if name in names}
    if "user" in roles and "item" in roles:
        named = f"by its header ({', '.join(str(roles[role]) for role in _ROLES if role in roles)})"
        if "clicked" in roles and "watch_time" in roles:
            return FileKind(IMPRESSIONS, named)
        clicks = "clicked" in roles or "watch_time" in roles
        return None if clicks else FileKind(WATCHES, named)
    if is_header(names):
        return FileKind(PAIRS, "by its header")
    tabs = line.count("\t")
    if tabs < _MOST_COLUMNS_OF_PAIRS and (tabs or len(names) < _FEWEST_COLUMNS):
        return FileKind(PAIRS, "as no option and no header says otherwise")
    return None


def _names(line: str) -> list[str]:
    names = line.split(delimiter_of(line.encode()))
    return [name.strip().strip('"') for name in names]


def _unclear(line: str, kinds: Iterable[str], source: str) -> str:
    ways = {
        TABLE: "a table: --task COLUMN",
        WATCHES: "a log of watches: --as watches, with --user COLUMN --item COLUMN",
        IMPRESSIONS: "a log of impressions: --clicked COLUMN --watch-time COLUMN, with --user and "
        "--item where they have other names",
        PAIRS: "pairs: --as pairs",
    }
    if len(_names(line)) > _MOST_COLUMNS_OF_PAIRS:
        del ways[PAIRS]
    said = "; ".join(ways[kind] for kind in ways if kind in kinds)
    return f"{source}: the first line is {shown(line)}. Say what it is: {said}."


def _or(kinds: Sequence[str]) -> str:
    return " or ".join(SPOKEN[kind] for kind in kinds)


def first_line(source: str) -> str | None:
    """Return the first line that is not blank, cut if it is very long; None if it cannot be read.

    Standard input can still be read from its beginning. What can be read but once, such as a named
    pipe, is left alone.
    """
    try:
        head = _head_of_stdin() if source == STDIN else _head_of_file(source)
    except OSError:
        return None
    if head.startswith(_GZIP):
        try:
            head = zlib.decompressobj(31).decompress(head, _HEAD_BYTES)
        except zlib.error:
            return None
    if kind_of(head) is not None or wide_encoding(head) is not None or has_old_ends(head):
        return None  # who reads it says what it is
    text = head.removeprefix(UTF8_MARK).decode("utf-8", "replace")
    return next((line.rstrip("\r") for line in text.split("\n") if line.strip()), None)


def _head_of_file(source: str) -> bytes:
    if not os.path.isfile(source):
        return b""
    with open(source, "rb") as stream:
        return stream.read(_HEAD_BYTES)


def _head_of_stdin() -> bytes:
    """Return how standard input begins, and put that back."""
    if sys.stdin is None or sys.stdin.closed:
        return b""
    buffer = sys.stdin.buffer
    raw = getattr(buffer, "raw", buffer)
    head = b""
    while len(head) < _HEAD_BYTES and (b"\n" not in head.lstrip() or head.startswith(_GZIP)):
        part = raw.read(_HEAD_BYTES - len(head))
        if not part:
            break
        head += part
    sys.stdin = io.TextIOWrapper(io.BufferedReader(_Rewound(head, raw, sys.stdin)))
    return head


class _Rewound(io.RawIOBase):
    """A stream whose beginning, which was read, comes once more."""

    def __init__(self, head: bytes, rest: Any, owner: object) -> None:
        self._head, self._rest = head, rest
        self._owner = owner  # it would close the stream when it goes

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """Fill a buffer with what comes next, and return how much that is."""
        part = self._head[: len(buffer)]
        if part:
            self._head = self._head[len(part) :]
        else:
            part = self._rest.read(len(buffer)) or b""
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        """Close the stream."""
        if not self.closed:
            self._rest.close()
        super().close()
