"""What the columns of the first rows of a file hold: texts, labels, numbers, row numbers, ids."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from dssmcli.data.pair_values import value_in
from dssmcli.data.values import integer_in, is_missing
from dssmcli.errors import shown

TEXTS, LABELS, NUMBERS, ROW_NUMBERS, IDS, NOTHING = (
    *("texts", "labels", "numbers", "row numbers", "ids", "nothing"),
)
Rows = Sequence[Sequence[str]]

ENOUGH = 20
"""So many rows are needed to say that a column that could hold texts holds none."""
_NEARLY_ALL = 0.9
_MOST_LABELS = 3
_FEW_SHAPES = 3
_ID_LENGTH = 6
_EXAMPLES = 3
_ID = re.compile(r"(?=[^\s]*\d)[\w.:/#-]+", re.ASCII)
_OTHER = re.compile(r"https?://\S+|\d{4}[-/]\d\d?[-/]\d\d?(?:[T ]\S+)?")
"""Addresses of web pages and dates."""


def of_width(rows: Rows, width: int) -> Rows:
    """Return the rows that have so many fields."""
    return [row for row in rows if len(row) == width]


def column(rows: Rows, place: int) -> list[str]:
    """Return the fields of a column."""
    return [row[place].strip() for row in rows]


def kind_of_column(fields: Sequence[str]) -> str:
    """Return what a column holds, one of the kinds above.

    A few fields that are none may stand among values; ids and row numbers are so in every row.
    """
    known = [field for field in fields if not is_missing(field)]
    if not known:
        return NOTHING
    values = sum(not math.isnan(value_in(field).number) for field in known)
    if values < _NEARLY_ALL * len(known):
        return IDS if _are_ids(known) else TEXTS
    if counts_rows(known):
        return ROW_NUMBERS
    return LABELS if len({*known}) <= _MOST_LABELS else NUMBERS


def counts_rows(fields: Sequence[str]) -> bool:
    """Tell whether the fields are whole numbers, one more in each row, or all different."""
    if not all(field.isdecimal() and field.isascii() for field in fields):
        return False
    numbers = [integer_in(field) or 0 for field in fields]
    steps = {later - number for number, later in pairwise(numbers)}
    return steps == {1} or (len(numbers) >= ENOUGH and len({*numbers}) == len(numbers))


def _are_ids(fields: Sequence[str]) -> bool:
    """Tell whether the fields are words with digits that are all alike, addresses or dates."""
    if all(map(_OTHER.fullmatch, fields)):
        return True
    if not all(map(_ID.fullmatch, fields)):
        return False
    shapes = {re.sub(r"\d+", "9", field) for field in fields}
    lengths = {*map(len, fields)}
    return len(shapes) <= _FEW_SHAPES or (len(lengths) == 1 and min(lengths) >= _ID_LENGTH)


def is_binary(fields: Sequence[str]) -> bool:
    """Tell whether labels are 0 and 1, -1 and 1, or words that say so."""
    numbers = {value_in(field).number for field in fields if not is_missing(field)}
    return numbers <= {0.0, 1.0} or numbers == {-1.0, 1.0}


def examples(fields: Sequence[str]) -> str:
    """Return the commonest fields as a message quotes them."""
    common = Counter(fields).most_common(_EXAMPLES + 1)
    told = [shown(field, 24) for field, _ in common[:_EXAMPLES]]
    return ", ".join([*told, *(["…"] if len(common) > _EXAMPLES else [])])
