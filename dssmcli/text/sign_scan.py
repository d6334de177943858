"""Cuts many texts into units where numbers and names have signs: see text.signs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dssmcli.text import context
from dssmcli.text.normalize import Normalizer
from dssmcli.text.scan import ALONE, DROPPED, END, GAP, JOINS, Codes, Kinds, Scanned, Scanner
from dssmcli.text.scan import begins_of as joined_begins
from dssmcli.text.signs import TIMES, class_of
from dssmcli.text.units import is_alone


class SignScanner(Scanner):
    """Cuts texts into units as `text.signs` does: the kinds are those of `text.context` first."""

    def __init__(self, space: Mapping[int, str], normalizer: Normalizer) -> None:
        self._final = _final_kinds(space)
        super().__init__(space, normalizer)

    def _entry(self, char: str) -> tuple[int, int]:
        """Return the kind of a normalised character, and its code point in a unit."""
        kind = context.KIND_OF_CLASS[class_of(char)]
        bare = self._space[ord(char)].strip(" ") or char
        return kind, ord("x" if char == TIMES else bare)

    def _units(self, codes: Codes, kinds: Kinds, texts: int) -> Scanned:
        """Return the units of characters of known kinds."""
        found = context.resolved(codes, kinds)
        kinds = self._final[found.kinds]
        begins = joined_begins(kinds)
        begins[found.breaks[found.breaks < len(begins)]] = True
        begins &= kinds >= JOINS
        begins[found.joins] = False
        after = found.silent + 1
        begins[after[kinds[after] == JOINS]] = False
        return self._parted(found.codes, kinds, begins, texts)


def _final_kinds(space: Mapping[int, str]) -> Kinds:
    """Return what each kind of character is to a unit in the end."""
    final = np.full(256, GAP, np.uint8)
    final[[context.DROPPED, context.SILENT, context.END]] = DROPPED, DROPPED, END
    final[[context.SYMBOL, context.MATH, context.PLUS, context.FLAG]] = ALONE
    letters = (*context.LETTERS, context.DIGIT, context.IN_NUMBER, context.IN_NAME)
    final[list(letters)] = ALONE if is_alone("a", space) else JOINS
    final[context.WIDE] = ALONE if is_alone("好", space) else JOINS
    return final
