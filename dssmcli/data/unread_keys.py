"""Keys of histories in JSON that are not read, such as moments, the newest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Set
from itertools import pairwise
from typing import Any

from dssmcli.errors import WARNING, shown

_MOST_NAMES = 10


class UnreadKeys:
    """Counts keys of objects that nobody reads."""

    def __init__(self, read: Set[str]) -> None:
        self._read = read
        self._all: Counter[str] = Counter()
        self._beside: Counter[str] = Counter()
        self._newest: Counter[str] = Counter()

    def meet(self, plain: Mapping[str, Any], length: int) -> None:
        """Count those of an object whose history is so long."""
        for key, value in plain.items():
            if key in self._read:
                continue
            self._all[key] += 1
            if isinstance(value, list) and len(value) == length > 1:
                self._beside[key] += 1
                numbers = all(type(each) in (int, float) for each in value)
                if numbers or all(isinstance(each, str) for each in value):
                    pairs = [*pairwise(value)]
                    falls = all(one >= two for one, two in pairs) and value[0] != value[-1]
                    self._newest[key] += falls

    def lines(self) -> Iterator[str]:
        """Yield what a person should know of them."""
        for key, count in self._beside.items():
            if 2 * self._newest[key] > count:
                yield (
                    f"{WARNING}{shown(key)} of most lines falls from the first to the last, so "
                    "histories may stand newest first: they are read as oldest first. Turn them "
                    "round, if so."
                )
        if self._all:
            yield f"Not read: {', '.join([*self._all][:_MOST_NAMES])}."
