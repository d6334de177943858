"""Reads many rows of pairs at once, where nothing in them is unusual."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.layout import Layout
from dssmcli.data.pair_values import Spellings, Values
from dssmcli.text.folding import Folder

Floats = npt.NDArray[np.float64]


class Columns(NamedTuple):
    """N rows, column by column.

    raw: the lines as they stand in the file, without carriage returns, each with a line feed.
    normal: the 2 N normalised texts, query and title in turn. values: (N,) float64, nan where
    there is none. impressions: (N,) float64, None where the rows have none. read: the fields
    of both as they were read, where that is not counted yet.
    """

    raw: bytes
    normal: list[str]
    values: Floats
    impressions: Floats | None
    read: Sequence[Values] = ()


def plain_columns(
    content: bytes, layout: Layout, folder: Folder, kind: str | None, spellings: Spellings
) -> Columns | None:
    """Return the rows of whole lines; None if there is anything that may be wrong with one.

    Anything: not UTF-8, columns too many or too few, an empty text, a value that is none, clicks or
    impressions below 0, a row that was never shown, or clicked more often than that.
    """
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").removesuffix(b"\r")
    if not _has_width(content, layout.width):
        return None
    try:
        fields = content.decode("utf-8").replace("\n", "\t").split("\t")
    except UnicodeDecodeError:
        return None
    read = _read(fields, layout.value, layout.width, spellings)
    times = _read(fields, layout.impressions, layout.width, spellings)
    values, impressions = (_numbers(each, len(fields) // layout.width) for each in (read, times))
    if values is None or impressions is None or _doubtful(values, impressions, kind):
        return None
    texts = [""] * (2 * len(values))
    texts[0::2] = fields[layout.query :: layout.width]
    texts[1::2] = fields[layout.title :: layout.width]
    normal = folder.normalized(texts)
    if not all(normal):
        return None
    shown = None if layout.impressions is None else impressions
    unusual = [each for each in (read, times) if each is not None]
    return Columns(content + b"\n", normal, values, shown, unusual)


def _has_width(content: bytes, width: int) -> bool:
    """Tell whether each line has so many columns."""
    lines = np.frombuffer(content + b"\n", np.uint8)
    ends = lines[(lines == ord("\t")) | (lines == ord("\n"))] == ord("\n")
    if len(ends) % width:
        return False
    rows = ends.reshape(-1, width)
    return bool(rows[:, -1].all() and not rows[:, :-1].any())


def _read(fields: list[str], column: int | None, width: int, spellings: Spellings) -> Values | None:
    """Return the values of a column, None if there is none."""
    return None if column is None else spellings.read(fields[column::width])


def _numbers(values: Values | None, rows: int) -> Floats | None:
    """Return the numbers (rows,) of a column: nan if it is none. None when a field has none."""
    return np.full(rows, math.nan) if values is None else values.numbers()


def _doubtful(values: Floats, impressions: Floats, kind: str | None) -> bool:
    """Tell whether a row cannot be as it says."""
    below = (impressions < 0).any() or (kind == "clicks" and (values < 0).any())
    never = ((values == 0) & (impressions == 0)).any()
    return bool(below or never or (values > impressions).any())


def signed_number_in(text: str) -> float:
    """Return the finite number that a field holds, nan if it holds none."""
    bare = text.strip()
    try:
        # int() and float() take underscores and other scripts' digits; a log has neither.
        number = float(bare) if bare.isascii() and "_" not in bare else math.nan
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan
