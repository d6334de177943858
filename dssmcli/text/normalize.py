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


def normalize(text: str) -> str:
    """Return the text in NFKC form, in lower case, without control characters, single-spaced.

    Applying it twice changes nothing. NFKC folds full-width letters, digits and punctuation
    (`ＡＢＣ１２３` -> `abc123`), which Chinese logs are full of.
    """
    if text.isascii():
        folded = text.translate(_CLEANER).lower()
    else:
        # First of all goes what could stand between a letter and its accent. Lower-casing can
        # leave a decomposed form (İ), and NFKC can bring upper case (™ -> TM).
        composed = unicodedata.normalize("NFKC", text.translate(_CLEANER)).lower()
        folded = unicodedata.normalize("NFKC", composed)
    return " ".join(folded.split())
