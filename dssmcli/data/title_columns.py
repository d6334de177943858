"""Columns of titles that do not go with those of an index, or of the file before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from itertools import islice

from dssmcli.data.column_kinds import TEXTS, Rows, column, examples, kind_of_column, of_width
from dssmcli.data.id_spelling import folded
from dssmcli.errors import counted, in_shell, shown

_FEWEST = 3
_HAN = range(0x4E00, 0xA000)
_EXAMPLES = 20
_RARE = 10


def other_width(width: int, fields: Sequence[str], ahead: Rows, source: str) -> str | None:
    """Return why a file cannot have the columns that titles had before; None if it can.

    width: 1 for titles alone, 2 for ids and titles. fields: those of its first line; ahead: the
    rows that follow it. source: the file, where it is not the first of a command, else nothing.
    """
    here = len(fields)
    if here == width or here > 2 or len(of_width(ahead, here)) < len(ahead):
        return None
    if here == 2:
        return f"2 columns, expected 1: {without_ids(('-', 'title'), source)}"
    return (
        f"1 column, expected 2: the titles before have ids, so expected an id, a tab and a title "
        f"(found {shown(fields[0])})."
    )


def without_ids(columns: Sequence[str], source: str) -> str:
    """Return how to leave out the ids of a file, as the titles before it have none.

    columns: what its columns hold. source: as above.
    """
    place = columns.index("title") + 1
    said = "the titles before have no ids."
    if source:
        name = in_shell(source)
        return f"{said} For the titles alone: cut -f{place} {name} > NEW, and give NEW for {name}."
    if place == 1:
        return f"{said} For the titles alone: --columns title,-."
    return f"{said} For the titles alone: --columns -,title."


def texts_as_ids(fields: Sequence[str], ahead: Rows) -> str | None:
    """Return what to say of two columns of which the first, where ids are expected, holds texts."""
    rows = [fields, *of_width(ahead, 2)]
    if len(fields) != 2 or len(rows) < _FEWEST:
        return None
    ids = column(rows, 0)
    if kind_of_column(ids) != TEXTS or 2 * sum(map(_is_text, ids)) <= len(ids):
        return None
    return (
        f"the first column holds texts ({examples(ids)}), as pairs of query and title do: expected "
        "a title, or an id and a title. For the titles alone: --columns -,title. If these are ids: "
        "--columns id,title."
    )


def _is_text(field: str) -> bool:
    """Tell whether a field can hardly be an id: it has two words of letters, or Chinese ones."""
    words = sum(any(map(str.isalpha, word)) for word in field.split())
    return words > 1 or sum(ord(char) in _HAN for char in field) > 1


def spelled_otherwise(new: Set[str], there: Set[str]) -> str:
    """Return what to say of new ids that differ from ids that are there by spelling alone."""
    known = {folded(own): own for own in there}
    alike = [own for own in new if folded(own) in known]
    if not alike:
        return ""
    first = min(alike)
    return (
        f"{counted(len(alike), 'id')} of the new titles differ from ids that are there by capital "
        f"letters, zeros in front or a .0 alone, as {shown(first)} does from "
        f"{shown(known[folded(first)])}: these titles stand twice now."
    )


def none_replaced(new: Set[str], there: Set[str]) -> str:
    """Return what to say where no id of an update is there."""
    one, other = (_some(ids) for ids in (new, there))
    return (
        f"no title was replaced: none of the ids given ({one}) is among those that were there "
        f"({other})."
    )


def none_removed(removed: Set[str], there: Set[str]) -> str:
    """Return what to say where none of the ids to remove is there."""
    one, other = (_some(ids) for ids in (removed, there))
    return f"no title was removed: none of the ids given ({one}) is among those there ({other})."


def titles_twice(twice: int, new: int) -> str:
    """Return what to say of new titles that are there already; nothing of few."""
    if twice * _RARE < new or not twice:
        return ""
    return (
        f"{counted(twice, 'title')} of the {new:,} added are there already, under other numbers: "
        "they stand twice now."
    )


def _some(ids: Iterable[str]) -> str:
    return ", ".join(map(shown, sorted(islice(ids, _EXAMPLES))[:2]))
