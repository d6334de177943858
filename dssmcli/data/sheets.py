"""How the rows of a delimited file are laid out, and plain lines cut at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from dssmcli.data.fields import Fields, fields_in
from dssmcli.data.header_again import HeaderAgain, header_again
from dssmcli.data.tsv import UTF8_MARK
from dssmcli.data.type_names import are_types, begins_with_types

DELIMITERS = ("\t", ",", ";", "\x01", "|")
"""What may stand between columns; a bar does only in a header that has none of the others."""
SAID = re.compile(rb'"?sep=([^\w\s"]|\t)"?', re.IGNORECASE)
"""The first line of a table that Excel is to read: what stands between its fields."""

_WIDE = 4
"""Columns between commas from which on no line of a text has as many fields by chance."""

Columns = Sequence[Sequence[str]]
"""The fields of n rows, a list of n for each column."""


class Sheet(NamedTuple):
    """How the rows of a file are laid out: what its columns are called, what stands between.

    header: the line of the header. titles: its fields as they stand there.
    """

    source: str
    names: tuple[str, ...]
    delimiter: str
    header: bytes = b""
    titles: tuple[str, ...] = ()

    def has_header(self, content: bytes) -> bool:
        """Tell whether one of some whole lines may be the header once more, in whatever order."""
        if len(self.names) == 1:
            return False
        if self._again.may_stand_in(content) or begins_with_types(content, self.delimiter):
            return True
        return any(
            line in content
            and (content.startswith(line) or b"\n" + line in content or UTF8_MARK + line in content)
            for line in {self.header, self.delimiter.join(self.titles).encode()} - {b""}
        )

    def is_header(self, row: Sequence[str]) -> bool:
        """Tell whether a row is the header once more, in whatever case and spelling, or names the
        types of its columns."""
        return self._again.is_same(row) or are_types(row)

    def is_reordered(self, row: Sequence[str]) -> bool:
        """Tell whether a row is the header once more with its columns in another order."""
        return self._again.is_reordered(row)

    @property
    def _again(self) -> HeaderAgain:
        return header_again(self.titles, self.delimiter)

    def are_rows(self, lines: Sequence[str]) -> bool:
        """Tell whether lines that a quote joins are rows by themselves, each with all columns.

        Of few columns between commas that may be chance.
        """
        width, delimiter = len(self.names), self.delimiter
        if width < (2 if delimiter == "\t" else _WIDE):
            return False
        return all(line.count(delimiter) == width - 1 for line in lines)

    def plain(self, content: bytes, picked: Sequence[int]) -> Columns | None:
        """Return the picked columns of whole lines without a quote.

        None if there is anything that may be wrong with one: not UTF-8, too many or few fields, or
        the header once more.
        """
        if self.has_header(content):
            return None
        try:
            text = without_returns(content).decode("utf-8")
        except UnicodeDecodeError:
            return None
        # The line feeds stay where they are, before each row's first field but the first row's:
        # so they tell whether all rows are as long as they should.
        width, breaks = len(self.names), text.count("\n")
        fields = text.replace("\n", f"{self.delimiter}\n").split(self.delimiter)
        firsts = fields[::width]
        if len(fields) != (breaks + 1) * width or "".join(firsts).count("\n") != breaks:
            return None
        if width == 1 and not all(first.lstrip("\n") for first in firsts):
            return None  # a blank line is no field
        bare = "".join(firsts).split("\n")
        return [bare if not column else fields[column::width] for column in picked]

    def fields(self, content: bytes, picked: Sequence[int]) -> list[Fields] | None:
        """Return what `plain` does, without making a string of every field."""
        content = without_returns(content)
        if self.has_header(content):
            return None
        try:
            if not content.isascii():
                content.decode("utf-8")
        except UnicodeDecodeError:
            return None
        if len(self.names) == 1 and b"\n\n" in b"\n" + content + b"\n":
            return None  # a blank line is no field
        return fields_in(content, self.delimiter, len(self.names), picked)


def named(row: Sequence[str]) -> tuple[str, ...]:
    """Return a row as the names of columns; one without a name is called by its number."""
    return tuple(name.strip() or f"column_{number}" for number, name in enumerate(row, start=1))


def without_returns(content: bytes) -> bytes:
    """Return whole lines without the carriage returns at their ends."""
    if b"\r" not in content:
        return content
    return content.replace(b"\r\n", b"\n").removesuffix(b"\r")


def delimiter_of(header: bytes) -> str:
    """Return what stands between the names of a header."""
    bare = re.sub(rb'"[^"]*"?', b"", header)
    *usual, bar = DELIMITERS
    found = max(usual, key=lambda each: bare.count(each.encode()))
    return next((each for each in (found, bar) if each.encode() in bare), DELIMITERS[0])
