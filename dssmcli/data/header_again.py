"""The header of a delimited file once more further down, however it is spelt there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from dssmcli.data.column_names import plain_name
from dssmcli.data.tsv import UTF8_MARK

_BETWEEN = rb"[\s_\-./:]*"
_MARK = "\ufeff"


def spelled(name: str) -> str:
    """Return a column's name without case, spaces and signs: `User ID`, `userId` are userid."""
    return plain_name(name.strip().removeprefix(_MARK)).replace("_", "")


def is_name(title: str) -> bool:
    """Tell whether a name of a column is hardly what a field holds, as a letter or a number is."""
    return len(title) > 1 and any(map(str.isalpha, title))


class HeaderAgain:
    """Recognises the header of a file, whose names are `titles`, among its rows.

    Of names that a field may well hold (letters, numbers) only the same line is the header.
    """

    def __init__(self, titles: tuple[str, ...], delimiter: str) -> None:
        self._titles, self._delimiter = titles, delimiter.encode()
        self._keys = [*map(spelled, titles)]
        self._ordered = sorted(self._keys)
        written = all(any(map(str.isalpha, title)) for title in titles if title)
        self._loose = written and sum(map(is_name, titles)) > 1
        self._firsts = {*self._keys, *titles}
        self._word = _LongestWord(titles, self._delimiter) if self._loose else None

    def may_stand_in(self, content: bytes) -> bool:
        """Tell whether a field of some whole lines is one of the names; it is looked for fast."""
        return self._word is not None and self._word.is_field_of(content)

    def is_same(self, row: Sequence[str]) -> bool:
        """Tell whether a row has the names in their order."""
        titles = self._titles
        if not len(row) == len(titles) > 1:
            return False
        if row[0].removeprefix(_MARK) == titles[0] and tuple(row[1:]) == titles[1:]:
            return True
        return self._may_begin(row) and [*map(spelled, row)] == self._keys

    def is_reordered(self, row: Sequence[str]) -> bool:
        """Tell whether a row has the names in another order."""
        if len(row) != len(self._titles) or not self._may_begin(row):
            return False
        keys = [*map(spelled, row)]
        return keys != self._keys and sorted(keys) == self._ordered

    def _may_begin(self, row: Sequence[str]) -> bool:
        """Tell whether the first field of a row is one of the names."""
        if not self._loose or len(row[-1]) > _LONGEST or len(row[0]) > _LONGEST:
            return False
        return spelled(row[0]) in self._firsts


_LONGEST = 60


class _LongestWord:
    """The name with the longest word, which is looked for in bytes before anything is decoded."""

    def __init__(self, titles: Sequence[str], delimiter: bytes) -> None:
        words = [(word, title) for title in titles for word in plain_name(title).split("_")]
        word, title = max(words, key=lambda each: len(each[0].encode()))
        _, _, rest = plain_name(title).partition(word)
        after = [re.escape(part.encode()) for part in rest.split("_") if part]
        self._word, self._key, self._delimiter = word.encode(), spelled(title), delimiter
        pattern = _BETWEEN.join([re.escape(self._word), *after])
        self._pattern = re.compile(pattern + rb"[\"'\s]*(?=%b|\n|\Z)" % re.escape(delimiter))

    def is_field_of(self, content: bytes) -> bool:
        """Tell whether a field of some whole lines is the name, in whatever case."""
        lower = content.lower()
        if not self._word or self._word not in lower:
            return False
        for match in self._pattern.finditer(lower):
            ends = (lower.rfind(end, 0, match.start()) for end in (self._delimiter, b"\n"))
            begin = 1 + max(ends)
            field = lower[begin : match.end()].removeprefix(UTF8_MARK)
            if (
                len(field) <= 2 * _LONGEST
                and spelled(field.decode("utf-8", "replace")) == self._key
            ):
                return True
        return False


@lru_cache(maxsize=64)
def header_again(titles: tuple[str, ...], delimiter: str) -> HeaderAgain:
    """Return what recognises a header with these names."""
    return HeaderAgain(titles, delimiter)
