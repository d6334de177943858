"""The words that a run cuts texts into, as its words.txt lists them."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np

from dssmcli.errors import RunError, shown
from dssmcli.text.units import MAX_UNIT_CHARS

_LARGEST = 1e6
"""No score is farther from 0, so that sums of scores are numbers."""


class Words(NamedTuple):
    """Distinct words with a score each, the logarithm of a probability.

    unlisted: the score of a character that is no word of the list.
    """

    spellings: tuple[str, ...]
    scores: tuple[float, ...]
    unlisted: float

    def to_text(self) -> str:
        """Return `word<TAB>score` a line, as a run stores them; the first has no word."""
        pairs = zip(("", *self.spellings), (self.unlisted, *self.scores), strict=True)
        return "".join(f"{word}\t{score!r}\n" for word, score in pairs)

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the words and their scores."""
        return hashlib.sha256(self.to_text().encode()).hexdigest()


def words_from_text(text: str, name: str) -> Words:
    """Read what `to_text` wrote; RunError says which line is wrong."""
    if not text.endswith("\n"):
        raise RunError(f"{name}: the last line is cut short, expected a final newline.")
    # A command waits for this before it answers, so the lines are looked at one by one only to
    # find out which of them is wrong.
    found = _read(text)
    if found is None:
        raise _first_error(text.split("\n")[:-1], name)
    return found


def _read(text: str) -> Words | None:
    """Return the words that a text lists, or None when anything is wrong with it."""
    bounds = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)
    bounds = bounds[(bounds == ord("\t")) | (bounds == ord("\n"))]
    if len(bounds) % 2 or (bounds.reshape(-1, 2) != (ord("\t"), ord("\n"))).any():
        return None
    fields = text.replace("\n", "\t").split("\t")
    spellings, listed = tuple(fields[:-1:2]), set(fields[:-1:2])
    try:
        scores = tuple(map(float, fields[1::2]))
    except ValueError:
        return None
    numbers = np.array(scores)
    fine = (
        (np.abs(numbers) <= _LARGEST).all()
        and len(listed) == len(spellings)
        and spellings[0] == ""
        and max(map(len, listed)) <= MAX_UNIT_CHARS
    )
    return Words(spellings[1:], scores[1:], scores[0]) if fine else None


def _first_error(lines: list[str], name: str) -> RunError:
    seen: set[str] = set()
    for number, line in enumerate(lines, start=1):
        word, _, score = line.partition("\t")
        wrong = ""
        if not _is_score(score):
            wrong = f"expected a word, a tab and a number of at most {_LARGEST:,.0f}"
        elif (word == "") != (number == 1):
            wrong = "expected no word on the first line and one on each other"
        elif word in seen:
            wrong = "a word that stands above already"
        elif len(word) > MAX_UNIT_CHARS:
            wrong = f"expected a word of at most {MAX_UNIT_CHARS} characters"
        if wrong:
            return RunError(f"{name}:{number}: {shown(line)}: {wrong}.")
        seen.add(word)
    raise AssertionError("a list that is refused has a wrong line")


def _is_score(text: str) -> bool:
    try:
        return "\t" not in text and abs(float(text)) <= _LARGEST
    except ValueError:
        return False
