"""What a program is warned of in texts that it has encoded, as the commands print it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from dssmcli.data.missing_texts import missing_among, missing_said
from dssmcli.errors import WARNING, TextWarning, counted
from dssmcli.serving.silent_texts import silent_places
from dssmcli.text.limits import Cuts, cut_note

Floats = npt.NDArray[np.float32]


def warn_of_texts(texts: Sequence[str], rows: Floats, cuts: Cuts, max_units: int) -> None:
    """Warn, where the package was called, of texts that may not mean what a caller thinks.

    rows: their vectors, (N, D).
    """
    lines = [*_cut_lines(cuts, max_units), *_text_lines(texts), *_silent_lines(texts, rows)]
    if lines:
        warnings.warn(" ".join(lines), TextWarning, stacklevel=_outside())


def warn_caller(lines: Iterable[str]) -> None:
    """Warn, where the package was called, of what a command prints in some lines, if any."""
    said = " ".join(line.removeprefix(WARNING) for line in lines if line)
    if said:
        warnings.warn(said, UserWarning, stacklevel=_outside())


_FEWEST = 3
"""Fewer texts than this are not looked at as the beginning of a file is."""
_LOOKED_AT = 200


def _cut_lines(cuts: Cuts, max_units: int) -> Iterator[str]:
    if cuts.texts:
        yield f"{cut_note(cuts, max_units)} The first: place {cuts.first}, counted from 0."


def _silent_lines(texts: Sequence[str], rows: Floats) -> Iterator[str]:
    """Yield what to say of texts that are not empty, yet say nothing."""
    places = [place for place in silent_places(rows).tolist() if texts[place].strip()]
    if places:
        yield (
            f"Without a letter, digit or symbol, so rows of zeros: {counted(len(places), 'text')}. "
            f"The first: place {places[0]}, counted from 0."
        )


def _text_lines(texts: Sequence[str]) -> Iterator[str]:
    """Yield what the command says of texts, but for what to do with their file."""
    missing = missing_among(texts)
    if missing:
        first = next(place for place, text in enumerate(texts) if text in missing)
        yield f"{missing_said(missing)} The first: place {first}, counted from 0."
    if len(texts) >= _FEWEST:
        # Here and not above: a single text need not wait for the code.
        from dssmcli.data.text_doubts import doubts_of_texts

        yield from doubts_of_texts(texts[:_LOOKED_AT], "texts")


def _outside() -> int:
    """Return how many frames above its caller the first one is that is not of this package."""
    level, frame = 0, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("dssmcli."):
        level, frame = level + 1, frame.f_back
    return level + 1
