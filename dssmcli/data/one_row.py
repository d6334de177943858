"""One row of pairs as it stands in its file, and what is wrong with a bad one."""

from __future__ import annotations

import math
import os
import re
from typing import NamedTuple

from dssmcli.data.column_names import role_of
from dssmcli.data.headers import rows_ahead, suggested_columns
from dssmcli.data.layout import HEADERLESS, Layout
from dssmcli.data.other_formats import other_format
from dssmcli.data.pair_values import plain, value_in
from dssmcli.data.tsv import Line
from dssmcli.data.values import is_missing
from dssmcli.errors import DataError, in_shell, shown
from dssmcli.text.normalize import Normalizer


class Row(NamedTuple):
    """One row: the texts as they stand in the file, the numbers nan where there are none.

    normal: the query and the title, normalised.
    """

    line: Line
    query: str
    title: str
    value: float
    normal: tuple[str, str]
    impressions: float


def _header_columns(line: Line, fields: list[str]) -> str | None:
    """Return what --columns may say of a line that is a header with too many names, else None."""
    if not any(role_of(field) in _COUNTS for field in fields) or any(map(_is_number, fields)):
        return None
    ahead = rows_ahead(line.around.partition(b"\n")[2])
    names = suggested_columns(fields, ahead)
    return names if {"query", "title"} <= {*names.split(",")} else None


_COUNTS = ("clicks", "label", "grade", "impressions")


def _is_number(field: str) -> bool:
    return not math.isnan(value_in(field).number)


def check_width(line: Line, fields: list[str], low: int, high: int) -> None:
    """Raise DataError unless a line has so many columns."""
    if low <= len(fields) <= high:
        return
    found = "1 column" if len(fields) == 1 else f"{len(fields)} columns"
    expected = f"{low}" if low == high else f"{low} to {high}"
    other = other_format(line.decode(), "pairs.tsv") if line.number == 1 else None
    if other is not None:
        message = f"{line.place}: {found}, expected {expected} separated by tabs. {other}"
        raise DataError(message, advice="")
    if b"\r" in line.raw and len(fields) > high:
        raise DataError(
            f"{line.place}: {found}, expected {expected} separated by tabs: some lines end with "
            "carriage returns only. Convert them: tr -s '\\r' '\\n' < FILE > NEW",
            advice="",
        )
    said = (
        f"{line.place}: {found}, expected {expected} separated by tabs "
        f"(found {shown(line.decode())})."
    )
    if line.number > 1 or len(fields) <= high:
        raise DataError(said)
    header = _header_columns(line, fields)
    if header is not None:
        raise DataError(f"{said} Or say what they hold: --header --columns {header}.", "")
    value = "-" if math.isnan(value_in(fields[2]).number) else "value"
    names = ",".join(["query", "title", value, *("-" * (len(fields) - 3))])
    tabs = [row.count(b"\t") + 1 == len(fields) for row in line.around.splitlines()[:_LOOKED_AT]]
    # Where all rows are as wide, to skip such would leave none.
    advice = "" if sum(tabs) > len(tabs) / 2 else None
    raise DataError(f"{said} Or say what they hold: --columns {names}.", advice)


def parsed_row(
    line: Line, fields: list[str], layout: Layout, kind: str | None, normalizer: Normalizer
) -> Row:
    """Return the row that a line holds; DataError when it cannot be used."""
    check_width(line, fields, layout.width, layout.width)
    query, title = fields[layout.query], fields[layout.title]
    normal = normalizer(query), normalizer(title)
    for name, text in zip(("query", "title"), normal, strict=True):
        if not text:
            raise DataError(f"{line.place}: empty {name}, expected a text.")
    value = _number(line, fields, layout.value, "value")
    impressions = _number(line, fields, layout.impressions, "impressions")
    _check_numbers(line, fields, layout, kind, value, impressions)
    return Row(line, query, title, value, normal, impressions)


def _check_numbers(
    line: Line,
    fields: list[str],
    layout: Layout,
    kind: str | None,
    value: float,
    impressions: float,
) -> None:
    """Raise DataError for a value or a number of impressions that cannot be."""
    if impressions < 0:
        assert layout.impressions is not None
        raise DataError(
            f"{line.place}:{layout.impressions + 1}: impressions is "
            f"{shown(fields[layout.impressions])}, expected a number of 0 or more."
        )
    if kind == "clicks" and value < 0:
        assert layout.value is not None
        raise DataError(
            f"{line.place}:{layout.value + 1}: value is {shown(fields[layout.value])}, expected "
            "clicks of 0 or more (for labels of -1 and 1: --value label; for grades: --value "
            f"grade)."
        )
    if value == 0 and impressions == 0:
        raise DataError(
            f"{line.place}: never shown (0 impressions), so it says nothing.{_otherwise(layout)}"
        )
    if kind == "clicks" and value > impressions:
        raise DataError(
            f"{line.place}: {plain(value)} clicks of {plain(impressions)} impressions, expected no "
            f"more clicks than impressions.{_otherwise(layout, turned=True)}"
        )


def _otherwise(layout: Layout, turned: bool = False) -> str:
    """Return how to leave out a fourth column that nobody named.

    turned: it may be the clicks, and the third the impressions.
    """
    if layout[:4] != (0, 1, 2, 3):
        return ""
    if turned:
        return (
            " If the third column holds the impressions: --columns query,title,impressions,clicks; "
            "if the last is something else: --columns query,title,value,-."
        )
    return " If the last column is something else, leave it out: --columns query,title,value,-."


def _number(line: Line, fields: list[str], column: int | None, name: str) -> float:
    if column is None:
        return math.nan
    text = fields[column]
    number = value_in(text).number
    if not math.isnan(number):
        return number
    expected = f"a number of 0 or more{', a grade or yes or no' if name == 'value' else ''}"
    if is_missing(text):
        raise DataError(
            f"{line.place}:{column + 1}: the {name} is missing ({shown(text)}), expected "
            f"{expected}.{_zero_for_none(line, text, column) if name == 'value' else ''}"
        )
    if _COMMA.fullmatch(text.strip()):
        expected += ", with a point for a comma"
    raise DataError(
        f"{line.place}:{column + 1}: {name} is {shown(text)}, expected {expected}."
        f"{_of_first_line(fields, column) if line.number == 1 else ''}"
    )


def _zero_for_none(line: Line, text: str, column: int) -> str:
    """Return how to write 0 for values that are left empty, of a file that awk reads."""
    if text.strip() or line.source.endswith(".gz") or not os.path.isfile(line.source):
        return ""
    place = column + 1
    program = f"NF >= {place} && ${place} ~ /^[ \\r]*$/ {{${place} = 0}} 1"
    command = f"awk -F'\\t' -v OFS='\\t' '{program}' {in_shell(line.source)} > NEW"
    return f" If what is empty is a no: {command}, and give NEW for it."


_LOOKED_AT = 20
_COMMA = re.compile(r"[+-]?\d+,\d+")


def _of_first_line(fields: list[str], column: int) -> str:
    """Return what can be done about a first line whose value is none."""
    if column != 2 or len(fields) > len(HEADERLESS):
        return ""
    left = ",-" * (len(fields) - 2)
    return f" A header: say --header. A column that is no value: --columns query,title{left}."
