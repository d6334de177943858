"""Reads many rows of pairs at once, where nothing in them is unusual."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.layout import Layout
from dssmcli.text.folding import Folder

Floats = npt.NDArray[np.float64]


class Columns(NamedTuple):
    """N rows, column by column.

    raw: the lines as they stand in the file, without carriage returns, each with a line feed.
    normal: the 2 N normalised texts, query and title in turn. values: (N,) float64, nan where
    there is none. impressions: (N,) float64, None where the rows have none.
    """

    raw: bytes
    normal: list[str]
    values: Floats
    impressions: Floats | None


def plain_columns(content: bytes, layout: Layout, folder: Folder) -> Columns | None:
    """Return the rows of whole lines; None if there is anything that may be wrong with one.

    Anything: not UTF-8, columns too many or too few, an empty text, a value that is no number of 0
    or more, a row that was never shown, or clicked more often than that.
    """
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").removesuffix(b"\r")
    if not _has_width(content, layout.width):
        return None
    try:
        fields = content.decode("utf-8").replace("\n", "\t").split("\t")
    except UnicodeDecodeError:
        return None
    values = _numbers(fields, layout.value, layout.width)
    impressions = _numbers(fields, layout.impressions, layout.width)
    if values is None or impressions is None:
        return None
    if ((values == 0) & (impressions == 0)).any() or (values > impressions).any():
        return None
    texts = [""] * (2 * len(values))
    texts[0::2] = fields[layout.query :: layout.width]
    texts[1::2] = fields[layout.title :: layout.width]
    normal = folder.normalized(texts)
    if not all(normal):
        return None
    shown = None if layout.impressions is None else impressions
    return Columns(content + b"\n", normal, values, shown)


def _has_width(content: bytes, width: int) -> bool:
    """Tell whether each line has so many columns."""
    lines = np.frombuffer(content + b"\n", np.uint8)
    ends = lines[(lines == ord("\t")) | (lines == ord("\n"))] == ord("\n")
    if len(ends) % width:
        return False
    rows = ends.reshape(-1, width)
    return bool(rows[:, -1].all() and not rows[:, :-1].any())


def _numbers(fields: list[str], column: int | None, width: int) -> Floats | None:
    """Return a column's numbers, (n,): nan if it is None. None when one is no number."""
    if column is None:
        return np.full(len(fields) // width, math.nan)
    texts = fields[column::width]
    known = {text: number_in(text) for text in set(texts)}
    numbers = np.fromiter(map(known.__getitem__, texts), np.float64, len(texts))
    return None if np.isnan(numbers).any() else numbers


def number_in(text: str) -> float:
    """Return the number of 0 or more that a field holds, nan if it holds none."""
    number = signed_number_in(text)
    return number if number >= 0 else math.nan


def signed_number_in(text: str) -> float:
    """Return the finite number that a field holds, nan if it holds none."""
    bare = text.strip()
    try:
        # int() and float() take underscores and other scripts' digits; a log has neither.
        number = float(bare) if bare.isascii() and "_" not in bare else math.nan
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan
