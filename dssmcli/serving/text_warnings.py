"""What a program is warned of in texts that it has encoded: cut ones, and NULL or nan as texts."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence

from dssmcli.data.missing_texts import missing_among, missing_said
from dssmcli.errors import TextWarning
from dssmcli.text.limits import Cuts, cut_note


def warn_of_texts(texts: Sequence[str], cuts: Cuts, max_units: int) -> None:
    """Warn, where the package was called, of texts that may not mean what a caller thinks."""
    missing = missing_among(texts)
    lines = cut_note(cuts, max_units), missing_said(missing) if missing else ""
    for line in filter(None, lines):
        warnings.warn(line, TextWarning, stacklevel=_outside())


def _outside() -> int:
    """Return how many frames above its caller the first one is that is not of this package."""
    level, frame = 0, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("dssmcli."):
        level, frame = level + 1, frame.f_back
    return level + 1
