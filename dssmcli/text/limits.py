"""What is said of texts that are longer than a model reads."""

from __future__ import annotations

from typing import NamedTuple

from dssmcli.errors import counted
from dssmcli.text.units import MAX_UNIT_CHARS

MOST_UNITS = 10_000
"""So many of a text a model can be made to read."""


class Cuts(NamedTuple):
    """What was cut of texts, in this order of a block of texts.

    texts: how many were cut. many: those of more units than are read, of which the longest has
    `longest` (0: not known; at most so many where a list of words cuts them). words: those with a
    word, among the units that are read, of more than MAX_UNIT_CHARS characters. first: the place of
    the first text that was cut, -1 if none was.
    """

    texts: int = 0
    many: int = 0
    longest: int = 0
    words: int = 0
    first: int = -1

    def joined(self, more: Cuts, before: int = 0) -> Cuts:
        """Return what was cut of these texts and of more, in front of which stand so many."""
        first = self.first if self.first >= 0 or more.first < 0 else before + more.first
        return Cuts(
            self.texts + more.texts,
            self.many + more.many,
            max(self.longest, more.longest),
            self.words + more.words,
            first,
        )


def cut_note(cuts: Cuts, max_units: int) -> str:
    """Return a line about texts that were cut, and how more of them is read; nothing if none were.

    What is behind the cut has no say: two texts that differ only there are the same.
    """
    return " ".join([*_many(cuts, max_units), *_long_words(cuts)])


def _many(cuts: Cuts, max_units: int) -> list[str]:
    """Say how many texts have more units than are read."""
    if not cuts.many:
        return []
    read = counted(max_units, "unit")
    said = f"Longer than the model reads ({read}), so cut: {counted(cuts.many, 'text')}."
    if max_units >= MOST_UNITS:
        return [said]
    whole = _rounded_up(cuts.longest) if cuts.longest else 2 * max_units
    return [said, f"To read more: dssm train --max-units {min(whole, MOST_UNITS)}."]


def _long_words(cuts: Cuts) -> list[str]:
    """Say how many texts have words that are too long."""
    if not cuts.words:
        return []
    return [
        f"Words of more than {MAX_UNIT_CHARS} characters, of which no more is read (no option "
        f"changes that): in {counted(cuts.words, 'text')}."
    ]


def _rounded_up(number: int) -> int:
    """Return a number of two digits and zeros that is not lower."""
    step = int("1".ljust(len(str(number)) - 1, "0"))
    return -(-number // step) * step
