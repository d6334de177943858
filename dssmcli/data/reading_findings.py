"""What a training would say of how it reads a log, among the findings of a check-up."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from dssmcli.data.findings import WARNING, Finding, parted
from dssmcli.data.located_table import LocatedTable
from dssmcli.data.time_doubts import HALF_A_DAY
from dssmcli.data.unwatched import how_to_keep, unwatched, what_counts

_SAME = (
    ("future", " in the future, "),
    ("half_a_day", HALF_A_DAY),
    ("mixed_units", "numbers of several units"),
    ("far_moments", " since 1970, as most are"),
    ("tied_moments", "all moments are the same one"),
    ("unit", "clicked impressions were watched for"),
    ("unit", "watch times are counted in"),
)
"""Findings that say what a warning with such words says."""


def findings_of_reading(warnings: Iterable[str], name: str, codes: set[str]) -> Iterator[Finding]:
    """Yield the warnings that a training gives of a log, but for what findings with codes say."""
    for warning in warnings:
        if any(code in codes and words in warning for code, words in _SAME):
            continue
        what, todo = parted(warning.removeprefix("Warning: "))
        yield Finding(WARNING, "reading", 1, what, todo, name)


def findings_of_unwatched(located: LocatedTable, read: Container[str]) -> Iterator[Finding]:
    """Yield columns, other than those that are read, that say that rows were not watched."""
    columns = located.table.columns
    fields = {name: [*column.values] for name, column in columns.items()}
    for name, column in columns.items():
        texts = [column.values[code] for code in column.codes.tolist()] if name not in read else []
        for each in unwatched({name: texts}):
            keep = how_to_keep(each, located.name, fields, _delimiter(located))
            told = what_counts(each)
            what = f"{told[0].upper()}{told[1:]}."
            todo = f"{keep[0].upper()}{keep[1:]}"
            yield Finding(
                WARNING,
                "unwatched",
                each.rows,
                f"{what[0].upper()}{what[1:]}.",
                todo,
                located.name,
            )


def _delimiter(located: LocatedTable) -> str:
    """Return what stands between the fields of the first row."""
    raw, between = located.raw(0).decode("utf-8", "replace"), len(located.table.columns) - 1
    return next((each for each in "\t,;|" if raw.count(each) >= between), "\t")
