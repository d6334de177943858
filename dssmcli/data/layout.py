"""Which column of a row of pairs holds what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dssmcli.data.column_names import IGNORED, is_canonical, named_role, role_of
from dssmcli.data.pair_values import RELEVANCE
from dssmcli.errors import ConfigError, HeaderError

VALUE_KINDS = {
    **{"value": None, "clicks": "clicks", "label": "label", "grade": "grade"},
    "relevance": RELEVANCE,
}
"""What the names of a value column say of its values."""
HEADERLESS = ("query", "title", "value", "impressions")


class Layout(NamedTuple):
    """Which column holds what; `value` and `impressions` are None where the rows lack them.

    `kind` is what a column's name says of the values, `width` the number of columns of a row.
    """

    query: int
    title: int
    value: int | None
    impressions: int | None
    kind: str | None
    width: int


def layout_of(names: Sequence[str]) -> Layout:
    """Return the layout that column names give; ConfigError when they make no sense."""
    roles = [named_role(name) for name in names]
    for role in ("query", "title"):
        if roles.count(role) != 1:
            raise ConfigError(f"columns {','.join(names)}: expected {role} once.")
    values = [i for i, role in enumerate(roles) if role in VALUE_KINDS]
    if len(values) > 1 or roles.count("impressions") > 1:
        raise ConfigError(f"columns {','.join(names)}: expected one value column at most.")
    kind = VALUE_KINDS[roles[values[0]]] if values else None
    impressions = roles.index("impressions") if "impressions" in roles else None
    value = values[0] if values else None
    return Layout(roles.index("query"), roles.index("title"), value, impressions, kind, len(names))


def of_one_kind(place: str, before: Layout, layout: Layout) -> Layout:
    """Return the layout of a header that follows other rows, with the kind of all their values.

    A name that leaves it open (value, relevance) goes with any that does not contradict it.
    HeaderError where the two headers name different kinds.
    """
    kinds = {*filter(None, (before.kind, layout.kind))}
    if len(kinds) > 1 and "clicks" not in kinds:
        kinds.discard(RELEVANCE)
    if len(kinds) < 2:
        return layout._replace(kind=next(iter(kinds), None))
    kind = "clicks" if "clicks" in kinds else "grade"
    raise HeaderError(
        f"{place}: a header of a column of {_PLURALS[str(layout.kind)]}, where that before has "
        f"{_PLURALS[str(before.kind)]}: these are not read as one. Write one kind of values in all "
        f"rows, or take all as they are for {_PLURALS[kind]} with --value {kind}."
    )


_PLURALS = {"label": "labels", "grade": "grades", "clicks": "clicks", RELEVANCE: "relevance"}


def without_index(fields: Sequence[str]) -> list[str]:
    """Return the names of a header with - for first ones that are empty: pandas leaves those of its
    row numbers so."""
    named = next((place for place, field in enumerate(fields) if field.strip()), 0)
    return [IGNORED] * named + [*fields[named:]]


def is_header(fields: Sequence[str]) -> bool:
    """Tell whether a row names columns, and can hardly be anything else."""
    fields = without_index(fields)
    roles = [role_of(field) if is_canonical(field) else None for field in fields]
    return None not in roles and "query" in roles and "title" in roles
