"""What is said of texts that are longer than a model reads."""

from __future__ import annotations

from dssmcli.errors import counted
from dssmcli.text.units import MAX_UNIT_CHARS

MOST_UNITS = 10_000
"""So many of a text a model can be made to read."""


def cut_note(texts: int, max_units: int) -> str:
    """Return a line about texts that were cut, and how more of them is read; nothing if none were.

    What is behind the cut has no say: two texts that differ only there are the same.
    """
    if not texts:
        return ""
    said = (
        f"Longer than the model reads ({max_units:,} units of at most {MAX_UNIT_CHARS} "
        f"characters), so cut: {counted(texts, 'text')}."
    )
    if max_units >= MOST_UNITS:
        return said
    return f"{said} To read more: dssm train --max-units {min(2 * max_units, MOST_UNITS)}."
