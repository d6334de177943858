"""Ids of users and items, which are one however they are written, and ids that are spoilt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli.data.id_spelling import folded
from dssmcli.data.table import Coder, Column
from dssmcli.data.values import bare, is_missing
from dssmcli.errors import counted, shown

_EXACT = 2**53
"""Whole numbers beyond this are not all different as floats."""
_FLOAT = re.compile(r"-?\d+\.0")
_SHORTENED = re.compile(r"-?\d(\.\d+)?[eE]\+?\d\d+")
_ZEROS = re.compile(r"[1-9]\d{14}0+")
_FEW, _FEW_ZEROS, _SOME = 10, 3, 0.05
_ROUND = "00000"
"""What the 15 digits of a round number end with, as 1000000000000000000."""


def plain_id(text: str) -> str:
    """Return an id without white space at its ends, and without the .0 of a whole number.

    pandas writes 17 as 17.0 in a column in which an id is missing.
    """
    stripped = bare(text)
    return stripped[:-2] if stripped.endswith(".0") and _FLOAT.fullmatch(stripped) else stripped


def id_of(value: Any) -> str:
    """Return the id that a Python value is: 17, 17.0, numpy's 17 and "17" are one.

    Raises TypeError for what is none (None, nan, bytes, a list), and for a float that may stand for
    several ids.
    """
    if isinstance(value, str):
        text = value
    elif isinstance(value, (bool, np.bool_)) or value is None:
        raise TypeError(f"an id is {value}, expected a text or a whole number")
    elif isinstance(value, (float, np.floating)):
        if not abs(float(value)) <= _EXACT or float(value) % 1:
            raise TypeError(
                f"an id is {value}, expected a text or a whole number; numbers beyond 2^53 lose "
                "digits as floats: read them as texts"
            )
        text = str(int(value))
    elif isinstance(value, (bytes, bytearray, list, tuple, dict, set, frozenset, np.ndarray)):
        kind = type(value).__name__
        raise TypeError(f"an id is of type {kind}, expected a text or a whole number")
    else:
        text = str(value)
    plain = plain_id(text)
    if is_missing(plain):
        raise TypeError(f"an id is {shown(text)}, expected a text or a whole number")
    return plain


def find_ids(places: Mapping[str, int], ids: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return where ids (n,) stand, as they are or as plain ones; -1 for those that do not."""
    found = np.fromiter((places.get(each, -1) for each in ids), np.int64, len(ids))
    for place in np.flatnonzero(found < 0).tolist():
        found[place] = places.get(plain_id(ids[place]), -1)
    return found


def with_plain(places: dict[str, int]) -> dict[str, int]:
    """Return places of ids by which plain ones are found, too, where they are another's."""
    return {**{plain_id(each): place for each, place in places.items()}, **places}


class IdCoder(Coder):
    """Gives ids numbers: one number for all ways in which an id is written."""

    def __init__(self) -> None:
        super().__init__()
        self._plain: dict[str, int] = {}

    def add(self, fields: Sequence[str]) -> None:
        """Take the ids of more rows."""
        known, plain = self._known, self._plain
        for text in dict.fromkeys(fields):
            if text not in known:
                known[text] = plain.setdefault(plain_id(text), len(plain))
        self._codes.append(np.fromiter(map(known.__getitem__, fields), np.int32, len(fields)))

    def column(self, name: str) -> Column:
        """Return all that was taken, as the column of that name."""
        return Column(name, list(self._plain), np.concatenate(self._codes))

    def lines(self, name: str) -> Iterator[str]:
        """Yield what a person should know of the ids of a column."""
        yield from id_lines(name, self._known, list(self._plain))


def plain_column(column: Column) -> tuple[Column, list[str]]:
    """Return a column of ids with plain ones, and what a person should know of them."""
    coder = IdCoder()
    coder.add(column.values)
    plain = coder.column(column.name)
    return plain._replace(codes=plain.codes[column.codes]), [*coder.lines(column.name)]


def id_lines(name: str, known: Mapping[str, int], plain: Sequence[str]) -> Iterator[str]:
    """Yield what a person should know of ids: spellings of one, and ids that are spoilt.

    known: the number in `plain` of each id as it was written.
    """
    if len(known) > len(plain) or any(text != plain[code] for text, code in known.items()):
        example = next(text for text, code in known.items() if text != plain[code])
        merged = len(known) - len(plain)
        more = f"; {merged:,} of {len(known):,} spellings are of ids known" if merged else ""
        yield f"{name}: {shown(example)} is the id {shown(plain[known[example]])}{more}."
    short = [each for each in plain if _SHORTENED.fullmatch(each)]
    if short:
        yield (
            f"Warning: {name}: {counted(len(short), 'id')} such as {short[0]} lost digits in a "
            "spreadsheet or a data frame: different ids have become one. Export the column as text."
        )
    yield from _cut_off(name, plain)
    yield from _written_alike(name, plain)


def _cut_off(name: str, plain: Sequence[str]) -> Iterator[str]:
    """Yield whether the ids of over 15 digits all end with zeros from the 16th on.

    Ten such ids are enough, and fewer with three zeros or more between them: few ids are left where
    many became one. By chance a 16th digit is 0 in every tenth id.
    """
    long = [each for each in plain if len(each) > 15 and each.isdecimal()]
    if not long or not all(map(_ZEROS.fullmatch, long)) or len(long) < _SOME * len(plain):
        return
    zeros = sum(len(each) - 15 for each in long)
    few = zeros < _FEW_ZEROS or all(each[:15].endswith(_ROUND) for each in long)
    if len(long) < _FEW and few:
        return
    told = f"all {len(long):,} ids of over 15 digits end" if len(long) > 1 else "the only id ends"
    yield (
        f"Warning: {name}: {told} with zeros, as {long[0]}: a spreadsheet keeps 15 digits, so "
        "different ids may have become one. Export the column as text."
    )


def _written_alike(name: str, plain: Sequence[str]) -> Iterator[str]:
    """Yield whether ids differ from others in capitals or zeros in front only, as 7 and 0007."""
    alike: dict[str, str] = {}
    pairs = [(alike.setdefault(folded(each), each), each) for each in plain]
    differing = [(first, each) for first, each in pairs if first != each]
    if len(differing) >= max(_ALIKE, _ALIKE_SHARE * len(plain)):
        first, other = differing[0]
        yield (
            f"Warning: {name}: {len(differing):,} ids differ from another in capitals or zeros in "
            f"front only, as {shown(other)} and {shown(first)}: they count as different ones. "
            "Write them alike, if they are the same."
        )


_ALIKE, _ALIKE_SHARE = 5, 0.02
