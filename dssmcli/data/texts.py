"""Reads files of texts, one a line, in blocks: all of them, or one shard."""

from __future__ import annotations

import gzip
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dssmcli.data.column_names import is_header_word
from dssmcli.data.damage import doubts_about
from dssmcli.data.missing_texts import missing_among, missing_said
from dssmcli.data.other_formats import doubt_of
from dssmcli.data.tsv import (
    STDIN,
    UTF8_MARK,
    BadRows,
    Line,
    Piece,
    name_of,
    opened,
    read_pieces,
)
from dssmcli.errors import DataError, shown

_BLOCK_BYTES = 1 << 17
_BLOCK_LINES = 8192
_LOOKED_AT = 200


class Shard(NamedTuple):
    """Part `number` (1 and up) of `parts` of about the same number of bytes."""

    number: int
    parts: int

    def of(self, total: int) -> range:
        """Return the bytes of this part; a line belongs to the part its first byte is in."""
        return range(total * (self.number - 1) // self.parts, total * self.number // self.parts)


class TextReader:
    """Reads the lines of sources; `-` is standard input, gzip is recognised by itself.

    Only a line feed ends a line; a carriage return before it and a byte-order mark go away. A line
    that is not UTF-8 is given to `bad_lines`, and is an empty text if that lets it pass. The texts
    of shards 1 to N, one after the other, are those of the whole. Raises DataError when a source
    cannot be read, is damaged gzip or UTF-16, or has no length to take a shard of. An eager reader
    does not wait for more lines when there are some.
    """

    def __init__(
        self,
        sources: Sequence[str],
        bad_lines: BadRows,
        shard: Shard | None = None,
        eager: bool = False,
    ) -> None:
        self._sources, self._bad_lines, self._eager = sources, bad_lines, eager
        #: Bytes read so far, and bytes to read in all, None where that is not known beforehand.
        self.done, self.total = 0, _plain_size(sources)
        #: What the first lines look like, if not like texts; at the end, which mean that there is
        #: no text.
        self.doubts: list[str] = []
        self._missing: Counter[str] = Counter()
        self._looked = False
        self._part: range | None = None
        if shard is not None:
            self._part = shard.of(sum(map(_content_size, sources)))
            self.total = len(self._part)

    def blocks(self) -> Iterator[list[str]]:
        """Yield the texts, some thousands at a time."""
        yield from self._all()
        if self._missing:
            self.doubts.append(missing_said(self._missing))

    def _all(self) -> Iterator[list[str]]:
        offset = 0
        for source in self._sources:
            with opened(source) as stream:
                for piece in read_pieces(name_of(source), stream, _BLOCK_BYTES, self._eager):
                    yield from self._block(piece, offset)
                    offset += piece.size
                    if self._part is not None and offset >= self._part.stop:
                        return

    def _block(self, piece: Piece, offset: int) -> Iterator[list[str]]:
        kept = piece if self._part is None else _within(piece, offset, self._part)
        if kept is None:
            return
        self.done += kept.size
        content = kept.content.removeprefix(UTF8_MARK) if kept.first == 1 else kept.content
        bad = self._bad_lines.count
        texts = _texts(kept.source, kept.first, content, self._bad_lines)
        self._bad_lines.good += len(texts) - (self._bad_lines.count - bad)
        if not self._looked:
            self._look(kept, texts)
        if kept.first == 1:
            self.doubts += doubts_about(kept.source, content)
        for first in range(0, len(texts), _BLOCK_LINES):
            block = texts[first : first + _BLOCK_LINES]
            self._missing += missing_among(block)
            yield block

    def _look(self, piece: Piece, texts: list[str]) -> None:
        """Look at the first lines of all: are they texts?"""
        self._looked = True
        doubt = doubt_of(texts[:_LOOKED_AT], "texts.txt")
        if doubt is not None:
            self.doubts.append(f"{piece.source}: {doubt.told}")
        elif piece.first == 1 and _is_header(texts):
            self.doubts.append(
                f"{piece.source}:1: {shown(texts[0])} looks like a header, and is taken as a text. "
                "To leave it out: tail -n +2 FILE > texts.txt"
            )


def _is_header(texts: list[str]) -> bool:
    return len(texts) > 1 and is_header_word(texts[0]) and texts[0] not in texts[1:_LOOKED_AT]


def _within(piece: Piece, offset: int, part: range) -> Piece | None:
    """Return the lines of a piece, which begins at `offset`, that begin inside the part."""
    first, last = part.start - offset, part.stop - offset
    if first >= piece.size or last <= 0:
        return None
    begin = piece.content.find(b"\n", first - 1) + 1 if first > 0 else 0
    end = piece.content.find(b"\n", last - 1) if last < piece.size else -1
    if (first > 0 and not begin) or end == begin - 1 != -1:
        return None
    content = piece.content[begin:] if end < 0 else piece.content[begin:end]
    skipped = piece.content.count(b"\n", 0, begin)
    return piece._replace(first=piece.first + skipped, content=content, size=len(content) + 1)


def _texts(name: str, number: int, raw: bytes, bad_lines: BadRows) -> list[str]:
    """Return the texts of lines, the first of which has this number."""
    try:
        texts = raw.decode("utf-8").split("\n")
        return [text.removesuffix("\r") for text in texts] if b"\r" in raw else texts
    except UnicodeDecodeError:
        lines = enumerate(raw.split(b"\n"), start=number)
        return [
            _text(Line(name, place, line.removesuffix(b"\r"), raw), bad_lines)
            for place, line in lines
        ]


def _text(line: Line, bad_lines: BadRows) -> str:
    try:
        return line.decode()
    except DataError as error:
        bad_lines.take(line.raw, error)
        return ""


def _plain_size(sources: Sequence[str]) -> int | None:
    """Return the bytes of all sources, None unless they are plain files."""
    if not all(source != STDIN and os.path.isfile(source) for source in sources):
        return None
    return None if any(map(_is_gzip, sources)) else sum(map(os.path.getsize, sources))


def _is_gzip(source: str) -> bool:
    with opened(source) as stream:
        return isinstance(stream, gzip.GzipFile)


def _content_size(source: str) -> int:
    """Return the bytes of a file's lines, which for gzip takes reading them."""
    if source == STDIN or (os.path.exists(source) and not os.path.isfile(source)):
        raise DataError(f"{name_of(source)}: a shard needs files, whose length is known.")
    if os.path.isfile(source) and not _is_gzip(source):
        return os.path.getsize(source)
    with opened(source) as stream:
        return sum(piece.size for piece in read_pieces(name_of(source), stream, _BLOCK_BYTES))
