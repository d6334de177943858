"""Which of the rows that several files have together are those of each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from dssmcli.data.tsv import name_of


class SourceRows(NamedTuple):
    """A file, and which of N rows are its own."""

    file: str
    rows: slice


def rows_of_sources(sources: Sequence[str], ends: Sequence[int]) -> list[SourceRows]:
    """Return the files whose rows stand one behind the other; ends: where those of each end."""
    pairs = zip(sources, pairwise((0, *ends)), strict=bool(ends))
    return [SourceRows(name_of(source), slice(*part)) for source, part in pairs]
