"""The one normalisation of text: every command sees a text only after it."""

from __future__ import annotations

import unicodedata


class _Cleaner(dict[int, "int | str | None"]):
    """Table for `str.translate`, filled as characters are met: control characters leave no trace.

    Control and format characters (categories Cc, Cf: zero-width joiners, byte-order marks, soft
    hyphens) are deleted; those that `str.split` takes for white space stay and become a space.
    Lone surrogates and unassigned code points are left alone: they are nobody's error here.
    """

    def __missing__(self, code: int) -> int | None:
        char = chr(code)
        dropped = unicodedata.category(char) in ("Cc", "Cf") and not char.isspace()
        self[code] = result = None if dropped else code
        return result


_CLEANER = _Cleaner()
_JAMO = ((0x1100, 0x11FF), (0xA960, 0xA97F), (0xD7B0, 0xD7FF))


def normalize(text: str) -> str:
    """Return the text in NFKC form, in lower case, without control characters, single-spaced.

    Applying it twice changes nothing. NFKC folds full-width letters, digits and punctuation
    (`ＡＢＣ１２３` -> `abc123`), which Chinese logs are full of.
    """
    if text.isascii():
        folded = text.translate(_CLEANER).lower()
    else:
        # First of all goes what could stand between a letter and its accent.
        folded = normal_form(text.translate(_CLEANER))
    return " ".join(folded.split())


def normal_form(text: str) -> str:
    """Return the text in NFKC form and in lower case."""
    # Lower-casing can leave a decomposed form (İ), and NFKC can bring upper case (™ -> TM).
    composed = unicodedata.normalize("NFKC", text).lower()
    return unicodedata.normalize("NFKC", composed)


def is_dropped(char: str) -> bool:
    """Tell whether `normalize` takes a character out without leaving a space."""
    return not char.translate(_CLEANER)


def stands_alone(char: str) -> bool:
    """Tell whether a character's normal form is one character, whatever stands beside it.

    Not so for what joins the letter before it (a combining mark, a Korean vowel), and for the Greek
    sigma, whose lower case depends on its place.
    """
    composed = unicodedata.normalize("NFKC", char)
    form = normal_form(char)
    if len(composed) != 1 or len(form) != 1 or composed == "Σ":
        return False
    return not any(map(_joins, (char, composed, form)))


def _joins(char: str) -> bool:
    jamo = any(low <= ord(char) <= high for low, high in _JAMO)
    return jamo or unicodedata.category(char)[0] == "M" or bool(unicodedata.combining(char))
