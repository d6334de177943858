"""Rows for mined negatives, such that they can be trained on beside the rows they come from."""

from __future__ import annotations

from dssmcli.data.column_names import IGNORED
from dssmcli.data.layout import Layout
from dssmcli.data.pairs import Pairs
from dssmcli.errors import DataError


class NegativeRows:
    """Writes rows of the lowest value, in the columns of the pairs they belong to: that of labels
    is -1 where the pairs have that, 0 in all others.

    Two columns have no room for a value: a header line adds one of clicks.
    """

    def __init__(self, pairs: Pairs, layout: Layout) -> None:
        self._layout = layout
        self._place = layout.width if layout.value is None else layout.value
        lowest = -1.0 if pairs.signed else 0.0
        self._value = _number(pairs.value.min() if pairs.kind == "grade" else lowest)
        if pairs.kind == "click" and layout.value is not None:
            raise DataError(
                "--value click takes every row as a click, mined ones too: say what the values "
                "are, or name the column - in --columns."
            )

    @property
    def header(self) -> str:
        """Return the line to begin with, empty if none is needed."""
        if self._layout.value is not None:
            return ""
        return self._line("query", "title", "clicks", "impressions", IGNORED)

    def row(self, query: str, title: str) -> str:
        """Return the line of a negative: shown once, for what the log can say of it."""
        return self._line(query, title, self._value, "1", "")

    def _line(self, query: str, title: str, value: str, impressions: str, other: str) -> str:
        fields = [other] * max(self._layout.width, self._place + 1)
        fields[self._layout.query], fields[self._layout.title] = query, title
        fields[self._place] = value
        if self._layout.impressions is not None:
            fields[self._layout.impressions] = impressions
        return "\t".join(fields) + "\n"


def _number(value: float) -> str:
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))
