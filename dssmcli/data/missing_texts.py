"""Texts that mostly say that there is no text, as exports of tables have them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from dssmcli.errors import counted, shown

MISSING_TEXTS = frozenset(
    (
        *("null", "nan", "none", "\\n", "n/a", "#n/a", "<na>", "<null>", "(null)", "[null]"),
        *("undefined", "<none>", "(none)", "nat", "#name?", "#ref!", "#value!", "#div/0!"),
    )
)
"""Texts, normalised, that hold letters and mostly say that there is no text."""
_USUAL = frozenset(
    ("NaN", "NaT", *(t for m in MISSING_TEXTS for t in (m, m.upper(), m.capitalize())))
)
"""The same, as they mostly stand in files."""
_LONGEST = 2 * max(map(len, MISSING_TEXTS))
_EXAMPLES = 3


def is_missing_text(text: str) -> bool:
    """Tell whether a text, as it stands in a file, mostly says that there is none."""
    return len(text) <= _LONGEST and text.strip().lower() in MISSING_TEXTS


def missing_among(texts: Sequence[str]) -> Counter[str]:
    """Count the texts that mostly say that there is none, in the spellings that are usual."""
    if not _USUAL.intersection(texts):
        return Counter()
    return Counter(text for text in texts if text in _USUAL)


def missing_said(missing: Counter[str]) -> str:
    """Say how many texts are only NULL, nan or the like."""
    told = ", ".join(f"{shown(text)} ({count:,})" for text, count in missing.most_common(_EXAMPLES))
    return f"{counted(missing.total(), 'text')} that may mean that there is none: {told}."
