"""Which texts are a 1 of a task: those that mean what the user names, however they are written."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dssmcli.data.values import bare, boolean_in, category_of, integer_in, is_missing, number_in

_PLAIN_WORDS = frozenset(("0", "1", "true", "false"))
"""What is the same as 1 or 0 in any column, as in Python."""


class Positives:
    """Tells which texts mean one of the values (V,) that a user names.

    Equal numbers are equal (1, 1.0, 1e0), and True is 1. Where words is true, the column says yes
    and no, and any word for yes is the same as another.
    """

    def __init__(self, values: Sequence[str], words: bool) -> None:
        self._texts = frozenset((*values, *map(bare, values)))
        self._categories = frozenset(map(category_of, values)) - {""}
        self._integers = {integer_in(value) for value in values} - {None}
        numbers = {number_in(value) for value in values if integer_in(value) is None}
        self._numbers = {number for number in numbers if not math.isnan(number)}
        self._words = words
        self._says = {boolean_in(value) for value in values if self._is_word(value)} - {None}

    def named(self, text: str) -> bool:
        """Tell whether a text is one of the values as it stands."""
        return text in self._texts or bare(text) in self._texts

    def __call__(self, text: str) -> bool:
        """Tell whether a text means one of them, or says that one is missing as a value does."""
        if self.named(text):
            return True
        if is_missing(text):
            return False
        if category_of(text) in self._categories:
            return True
        whole = integer_in(text)
        if whole is not None and whole in self._integers:
            return True
        if self._numbers and whole is None and number_in(text) in self._numbers:
            return True
        return bool(self._says) and self._is_word(text) and boolean_in(text) in self._says

    def _is_word(self, text: str) -> bool:
        return self._words or category_of(text).lower() in _PLAIN_WORDS
