"""Cuts a normalised text into units, and a unit into the features whose rows are summed."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Mapping

MAX_UNIT_CHARS = 64
"""A longer unit (a base64 blob, a line without spaces) is cut here, and counted."""

UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1100, 0x11FF),  # Hangul Jamo
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FDF),  # CJK radicals
    (0x3005, 0x3007),  # 々 〆 〇
    (0x3021, 0x3029),  # Hangzhou numerals
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3130, 0x318F),  # Hangul compatibility Jamo
    (0x31F0, 0x31FF),  # Katakana phonetic extensions
    (0x3400, 0x4DBF),  # CJK extension A
    (0x4E00, 0x9FFF),  # CJK unified ideographs
    (0xA960, 0xA97F),  # Hangul Jamo extended
    (0xAC00, 0xD7FF),  # Hangul syllables
    (0xF900, 0xFAFF),  # CJK compatibility ideographs
    (0x20000, 0x3FFFF),  # CJK extensions B and later
)
"""Scripts written without spaces between words, from the first character to the last."""

_FIRSTS = [first for first, _ in UNSPACED]
SIGNS = "%&"  # punctuation to Unicode, meaning to a shop
APOSTROPHES = "'’ʼ`´"


def is_unspaced(char: str) -> bool:
    """Tell whether a character belongs to a script that puts no spaces between words."""
    place = bisect_right(_FIRSTS, ord(char)) - 1
    return place >= 0 and ord(char) <= UNSPACED[place][1]


def letter_under(char: str) -> str:
    """Return the plain Latin letter under a diacritic (é -> e), or the character itself."""
    base = unicodedata.normalize("NFKD", char)[0]
    return base if base.isascii() and base.isalpha() else char


class _Spacer(dict[int, str]):
    """Table for `str.translate` that puts spaces around units; filled as characters are met.

    Letters, digits and marks stand together; punctuation separates; symbols (+, %, emoji) stand
    alone; an apostrophe vanishes, so that `women's` is one word. `alone` decides what else stands
    alone.
    """

    def __init__(self, alone: Callable[[str], bool]) -> None:
        super().__init__()
        self._alone = alone

    def __missing__(self, code: int) -> str:
        self[code] = spaced = self._spaced(chr(code))
        return spaced

    def _spaced(self, char: str) -> str:
        kind = unicodedata.category(char)[0]
        if char in APOSTROPHES:
            return ""
        if kind in "PZC" and char not in SIGNS:
            return " "
        letter = letter_under(char)
        return f" {letter} " if kind in "PS" or self._alone(char) else letter


MIXED: Mapping[int, str] = _Spacer(alone=is_unspaced)
"""Characters where the script has no spaces, words where it has."""
SINGLE: Mapping[int, str] = _Spacer(alone=lambda _: True)
"""Single characters, whatever the script."""
SPACED: Mapping[int, str] = _Spacer(alone=lambda _: False)
"""Cut at white space and punctuation only, so that a run of Chinese is one word."""


def is_alone(char: str, space: Mapping[int, str]) -> bool:
    """Tell whether a table puts spaces around a letter."""
    return space[ord(char)] != space[ord(char)].strip(" ")


def letter_trigrams(word: str) -> list[str]:
    """Return a word's letter trigrams, repeats included (Huang et al., CIKM 2013, section 3.2).

    >>> letter_trigrams("good")
    ['#go', 'goo', 'ood', 'od#']
    """
    marked = f"#{word}#"
    return [marked[i : i + 3] for i in range(len(marked) - 2)]


def mixed_features(unit: str) -> list[str]:
    """Describe a word by its letter trigrams, and a lone character or symbol by itself."""
    if len(unit) == 1 and not (unit.isalnum() and not is_unspaced(unit)):
        return [unit]
    return letter_trigrams(unit)


def word_features(unit: str) -> list[str]:
    """Describe a word of a script without spaces by itself, any other unit as `mixed_features`."""
    return [unit] if any(map(is_unspaced, unit)) else mixed_features(unit)


def whole_unit(unit: str) -> list[str]:
    """Describe a unit by itself."""
    return [unit]
