"""What the columns of a log say of items that are recommended, and so shown to nobody yet."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.past import Floats, Ints


class LastShown(NamedTuple):
    """What columns say of V items when these are recommended, and in a last row of one not known.

    last_codes: (V + 1, C) categories, last_numbers: (V + 1, F), float64 both. A column that belongs
    to items has what it held when each was last shown. One that does not, such as the position on a
    page, has the same for all: what is usual.
    """

    last_codes: Floats
    last_numbers: Floats


def last_shown(
    item: Ints, codes: Ints, numbers: Floats, unknown: Ints
) -> tuple[LastShown, npt.NDArray[np.bool_]]:
    """Return what impressions (N,), in the order of time, last held of items from 1.

    unknown: (C,), the categories of what is not known. Also tells of each column, categories first,
    whether it belongs to items: nearly always it says of an item what it says last.
    """
    newest = np.zeros(int(item.max()), np.int64)
    newest[item - 1] = np.arange(len(item))  # of several, the last one stays
    again = np.bincount(item)[item] > 1
    columns = [*(column.astype(np.float64) for column in codes.T), *numbers.T]
    strangers = [*unknown.tolist(), *([np.nan] * numbers.shape[1])]
    found, own = [], []
    for values, strange in zip(columns, strangers, strict=True):
        last = values[newest]
        same = np.isclose(values, last[item - 1], equal_nan=True)[again]
        own.append(not len(same) or bool(same.mean() >= _OWN))
        found.append(
            np.append(last, strange) if own[-1] else np.full(len(last) + 1, _usual(values))
        )
    table = np.stack(found, axis=1) if found else np.zeros((len(newest) + 1, 0))
    border = codes.shape[1]
    return LastShown(table[:, :border], table[:, border:]), np.array(own, np.bool_)


_OWN = 0.9


def _usual(values: Floats) -> float:
    """Return the value that is commonest."""
    distinct, counts = np.unique(values, return_counts=True)
    return float(distinct[counts.argmax()])
