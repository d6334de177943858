"""The table that folds traditional Chinese characters into simplified ones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from dssmcli.errors import RunError
from dssmcli.text.vocab import shipped_file

_NAME = "zh-simplified"
_PAIR = 3
"""A character, a tab and a character."""


@cache
def shipped_text() -> str:
    """Return the shipped table as a run stores it: `traditional<TAB>simplified` a line.

    Lines that begin with # say where it comes from, and under which licence.
    """
    return shipped_file(_NAME).read_text("utf-8")


@cache
def shipped_table() -> Mapping[int, int]:
    """Return the shipped table, from code point to code point."""
    return table_from_text(shipped_text(), f"{_NAME}.txt")


def table_from_text(text: str, name: str) -> dict[int, int]:
    """Read a table that a run stores; RunError when it is not one character for another a line.

    No character stands both on the left and on the right, so that folding twice changes nothing.
    """
    lines = [line for line in text.split("\n") if line and not line.startswith("#")]
    table = {ord(line[0]): ord(line[-1]) for line in lines}
    fine = all(len(line) == _PAIR and line[1] == "\t" for line in lines)
    if not fine or not text.endswith("\n") or not table.keys().isdisjoint(table.values()):
        raise RunError(
            f"{name}: damaged, expected a character, a tab and the one that takes its place on "
            "each line. Copy the run again or train it anew."
        )
    return table
