"""The normalisation of text: every command sees a text only after it.

A run keeps the normalisation it was trained with, by number:

1   NFKC, lower case, without control characters, single-spaced
2   without the characters that change only the look of others (variation selectors, enclosing
    marks, skin tones), too; dashes and slashes of all kinds are `-` and `/`; a dot above an `i`,
    which the lower case of `İ` has twice, goes away
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from itertools import chain

from dssmcli.config import NORMALIZATION

_JAMO = ((0x1100, 0x11FF), (0xA960, 0xA97F), (0xD7B0, 0xD7FF))
LOOKS = (
    (0x034F, 0x034F),  # combining grapheme joiner
    *((0x115F, 0x1160), (0x3164, 0x3164), (0xFFA0, 0xFFA0)),  # Hangul fillers
    (0x17B4, 0x17B5),  # Khmer inherent vowels
    (0x180B, 0x180F),  # Mongolian variation selectors
    (0xFE00, 0xFE0F),  # variation selectors
    (0x1F3FB, 0x1F3FF),  # skin tones of emoji
    (0xE0100, 0xE01EF),  # variation selectors of ideographs
)
"""What Unicode calls default ignorable beside format characters, and the skin tones."""
_DASHES = dict.fromkeys((0x2010, 0x2012, 0x2013, 0x2212), ord("-"))
_SLASHES = dict.fromkeys((0x2044, 0x2215), ord("/"))
_FRACTION = re.compile("(?<=[0-9０-９])(?=[¼-¾⅐-⅟↉])")
"""Where NFKC would make 31/2 of 3½."""
_DOT, _DOTTED = "\u0307", re.compile("i\u0307+")
"""What lower-casing leaves above the i of İ, which has a dot already."""


class _Cleaner(dict[int, "int | str | None"]):
    """Table for `str.translate`, filled as characters are met: some characters leave no trace.

    Control and format characters (categories Cc, Cf: zero-width joiners, byte-order marks, soft
    hyphens) are deleted; those that `str.split` takes for white space stay and become a space.
    Lone surrogates and unassigned code points are left alone: they are nobody's error here.
    """

    def __init__(self, version: int) -> None:
        looks = version > 1
        dropped = chain.from_iterable(range(first, last + 1) for first, last in LOOKS)
        super().__init__(dict.fromkeys(dropped) if looks else {})
        self._categories = ("Cc", "Cf", "Me") if looks else ("Cc", "Cf")

    def __missing__(self, code: int) -> int | None:
        char = chr(code)
        dropped = unicodedata.category(char) in self._categories and not char.isspace()
        self[code] = result = None if dropped else code
        return result


class Normalizer:
    """A version of the normalisation; `normalizer(text)` returns the text in its normal form.

    chinese: characters by code point, each with the one that takes its place; None for none.
    """

    def __init__(
        self, version: int = NORMALIZATION, chinese: Mapping[int, int] | None = None
    ) -> None:
        self.version, self.chinese = version, chinese
        self._cleaner = _Cleaner(version)
        self._folded = {**(_DASHES | _SLASHES if version > 1 else {}), **(chinese or {})}

    def __call__(self, text: str) -> str:
        """Return the text in NFKC form, in lower case, without control characters, single-spaced.

        Applying it twice changes nothing. NFKC folds full-width letters, digits and punctuation
        (`ＡＢＣ１２３` -> `abc123`), which Chinese logs are full of.
        """
        if text.isascii():
            folded = text.translate(self._cleaner).lower()
        else:
            # First of all goes what could stand between a letter and its accent.
            clean = text.translate(self._cleaner)
            if self.version > 1:
                clean = _FRACTION.sub(" ", clean)
            folded = self.form(clean)
        return " ".join(folded.split())

    def form(self, text: str) -> str:
        """Return the text in NFKC form and in lower case, each character folded."""
        # Lower-casing can leave a decomposed form (İ), and NFKC can bring upper case (™ -> TM).
        composed = unicodedata.normalize("NFKC", text).lower()
        composed = unicodedata.normalize("NFKC", composed)
        if self.version > 1 and _DOT in composed:
            composed = unicodedata.normalize("NFKC", _DOTTED.sub("i", composed))
        return composed.translate(self._folded) if self._folded else composed

    def is_dropped(self, char: str) -> bool:
        """Tell whether a character is taken out without leaving a space."""
        return not char.translate(self._cleaner)

    def stands_alone(self, char: str) -> bool:
        """Tell whether a character's normal form is one character, whatever stands beside it.

        Not so for what joins the letter before it (a combining mark, a Korean vowel), and for the
        Greek sigma, whose lower case depends on its place.
        """
        composed = unicodedata.normalize("NFKC", char)
        form = self.form(char)
        if len(composed) != 1 or len(form) != 1 or composed == "Σ":
            return False
        return not any(map(_joins, (char, composed, form)))


normalize = Normalizer()
"""The newest normalisation, without folding of Chinese characters."""


def _joins(char: str) -> bool:
    jamo = any(low <= ord(char) <= high for low, high in _JAMO)
    return jamo or unicodedata.category(char)[0] == "M" or bool(unicodedata.combining(char))
