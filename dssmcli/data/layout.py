"""Which column of a row of pairs holds what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dssmcli.config import one_of
from dssmcli.errors import ConfigError

IGNORED = "-"
_VALUE_NAMES = {"clicks": "clicks", "click": "clicks", "label": "label", "grade": "grade"}
_ALIASES = {
    "query": "query",
    "text1": "query",
    "sentence1": "query",
    "title": "title",
    "text2": "title",
    "sentence2": "title",
    "value": "value",
    "clicks": "clicks",
    "click": "clicks",
    "label": "label",
    "grade": "grade",
    "score": "grade",
    "impressions": "impressions",
    IGNORED: IGNORED,
}
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
    roles = []
    for name in names:
        one_of("column", name.strip().lower(), _ALIASES)
        roles.append(_ALIASES[name.strip().lower()])
    for role in ("query", "title"):
        if roles.count(role) != 1:
            raise ConfigError(f"columns {','.join(names)}: expected {role} once.")
    values = [i for i, role in enumerate(roles) if role in ("value", *_VALUE_NAMES)]
    if len(values) > 1 or roles.count("impressions") > 1:
        raise ConfigError(f"columns {','.join(names)}: expected one value column at most.")
    kind = _VALUE_NAMES.get(roles[values[0]]) if values else None
    impressions = roles.index("impressions") if "impressions" in roles else None
    value = values[0] if values else None
    return Layout(roles.index("query"), roles.index("title"), value, impressions, kind, len(names))


def is_header(fields: Sequence[str]) -> bool:
    """Tell whether a file's first row names its columns: query, title and nothing unknown."""
    roles = [_ALIASES.get(field.strip().lower()) for field in fields]
    return None not in roles and "query" in roles and "title" in roles
