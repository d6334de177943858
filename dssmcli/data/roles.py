"""Finds out which column of a log plays which role, where the user does not say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dssmcli.data.table import lacks
from dssmcli.errors import ConfigError, DataError, shown

_USUAL = {
    "user": ("user", "user_id"),
    "item": ("item", "item_id"),
    "timestamp": ("timestamp", "time"),
    "clicked": ("clicked", "click", "is_click"),
    "watch_time": ("watch_time", "seconds"),
}
"""What columns are usually called."""


def with_usual_names(
    given: Mapping[str, Any], needed: Iterable[str], names: Sequence[str], where: str
) -> dict[str, Any]:
    """Return what is given by role, with usual names in the place of None where they are there.

    Raises DataError when a column that is needed has none.
    """
    found = dict(given)
    for role, usual in _USUAL.items():
        if role in found and found[role] is None:
            found[role] = next((name for name in usual if name in names), None)
    for role in needed:
        if found[role] is None:
            flag = role.replace("_", "-")
            raise DataError(f"{where}: {lacks([role], [role], names)} Name it: --{flag} COLUMN.")
    return found


def check_there(wanted: Sequence[str], names: Sequence[str], where: str) -> None:
    """Raise DataError for columns that are not there, ConfigError for one that has two roles."""
    twice = [name for place, name in enumerate(wanted) if name in wanted[:place]]
    if twice:
        raise ConfigError(f"the column {shown(twice[0])} is named for two roles, expected one.")
    missing = [name for name in wanted if name not in names]
    if missing:
        raise DataError(f"{where}: {lacks(missing, wanted, names)}")
