"""Finds rows of a log of watches that say themselves that nothing was watched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from dssmcli.data.roles import says_watched
from dssmcli.data.values import boolean_in, is_missing, number_in
from dssmcli.errors import in_shell

_FEW = 0.05
_SMALL = 5
"""So many ways of writing that nothing was watched fit into a command."""


class Unwatched(NamedTuple):
    """name: the column. example: a text that says so. rows, of: how many of the fields do."""

    name: str
    example: str
    rows: int
    of: int
    texts: tuple[str, ...]

    def warning(self, source: str, fields: Mapping[str, Sequence[str]], delimiter: str) -> str:
        """Return a warning about a file, of which some fields are known."""
        return f"Warning: {what_counts(self)}; {how_to_keep(self, source, fields, delimiter)}"


def unwatched(fields: Mapping[str, Sequence[str]]) -> Iterator[Unwatched]:
    """Yield the columns of clicks and watch times of which many fields say no, or 0, but not all.

    fields: the texts (n,) of columns that are not read.
    """
    for name, texts in fields.items():
        if not says_watched(name):
            continue
        none = [text for text in dict.fromkeys(texts) if says_no(text)]
        count = sum(map(set(none).__contains__, texts))
        rest = (text for text in texts if not is_missing(text) and text not in none)
        if count and count >= _FEW * len(texts) and next(rest, None) is not None:
            yield Unwatched(name, none[0], count, len(texts), tuple(none))


def says_no(text: str) -> bool:
    """Tell whether a field says no, or 0."""
    return boolean_in(text) is False or number_in(text) == 0


def what_counts(told: Unwatched) -> str:
    """Say what such rows are to a training."""
    return (
        f"rows with {told.name} {told.example} count as watches like all others "
        f"({told.rows:,} of {told.of:,})"
    )


def how_to_keep(
    told: Unwatched, source: str, fields: Mapping[str, Sequence[str]], delimiter: str
) -> str:
    """Say how to leave such rows out, with a command where the file is one that awk reads."""
    does = f"keep those that were watched, if {told.name} says whether they were"
    plain = all(text.isalnum() or not text.strip(" 0.,:") for text in told.texts)
    plain &= source.lower().endswith(_TEXT_FILES) and len(told.texts) <= _SMALL
    if not plain or any(delimiter in text for texts in fields.values() for text in texts):
        return f"{does}."
    between = "\\t" if delimiter == "\t" else delimiter
    texts = "|".join(text.strip().replace(".", "[.]") for text in told.texts)
    place = [*fields].index(told.name) + 1
    program = f'NR==1 || ${place} !~ /^"? *({texts}) *"?\\r?$/'
    return f"{does}: awk -F'{between}' '{program}' {in_shell(source)} > NEW, and give NEW for it."


_TEXT_FILES = (".tsv", ".csv", ".txt", ".log")
