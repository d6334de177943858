"""Watch times that are shares of a length, such as 75%, which are no times: refused."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from dssmcli.data.records import open_table
from dssmcli.data.table import Column
from dssmcli.data.tsv import BadRows
from dssmcli.errors import WARNING, DataError, counted, in_shell, shown

_FEW, _HALF = 10, 0.5
_PERCENT = re.compile(r"\s*[-+]?[\d.,]+\s*(%|％|﹪|‰|percent|pct)\s*", re.IGNORECASE)
_LENGTH = re.compile(r"(^|[^a-z])(duration|length|runtime|long|dur)([^a-z]|$)|时长", re.IGNORECASE)
_SHARE = re.compile(
    r"(^|[^a-z])(ratio|percent(age)?|pct|rate|share|fraction|progress)([^a-z]|$)|比例|率|百分比",
    re.IGNORECASE,
)


def is_share(text: str) -> bool:
    """Tell whether a field is a number with a percent sign."""
    return _PERCENT.fullmatch(text) is not None


def refuse_shares(column: Column, columns: Mapping[str, Column], unit: str, where: str) -> None:
    """Raise DataError for a column of watch times many of which have a percent sign.

    columns: of the table, one of which may have the length. unit: of the watch times.
    """
    pairs = zip(column.values, column.counts().tolist(), strict=True)
    shares = {text: count for text, count in pairs if count and is_share(text)}
    rows = sum(shares.values())
    if not rows or rows < min(_FEW, _HALF * len(column.codes)):
        return
    length = next((name for name in columns if name != column.name and _LENGTH.search(name)), None)
    todo = f"Write how long each was watched, in {unit}"
    if length is None:
        todo += ": the share times the length of the item"
    else:
        command = _command(where, column.name, length, [*columns])
        todo += f"; if {length} is the whole length in {unit}: "
        todo += command or f"the share times {length}"
    example = next(iter(shares))
    raise DataError(
        f"{where}: {column.name} is {shown(example)} and the like in {counted(rows, 'row')}, a "
        f"share, expected a time. {todo}."
    )


def share_name_lines(name: str) -> Iterator[str]:
    """Warn of watch times whose column is called as a share is."""
    if _SHARE.search(name):
        yield (
            f"{WARNING}{name} is called as a share of a length is, and read as a time: if it is a "
            "share, write how long each was watched."
        )


def _command(source: str, name: str, length: str, names: list[str]) -> str:
    """Return a command that writes times into a copy of a plain table with tabs, else nothing."""
    if not os.path.isfile(source) or source.endswith(".gz"):
        return ""
    with open_table(source, BadRows(skip=True)) as file:
        if file.sheet.delimiter != "\t":
            return ""
    own, other = names.index(name) + 1, names.index(length) + 1
    stem, ending = os.path.splitext(source)
    program = f'NR>1 && ${own}!=""{{${own}=${own}/100*${other}}} 1'
    to = in_shell(f"{stem}-time{ending}")
    return f"awk -F'\\t' -v OFS='\\t' '{program}' {in_shell(source)} > {to}"
