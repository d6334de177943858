"""What files to learn from and files to measure on have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli.data.located import Located
from dssmcli.data.repeats import pair_keys
from dssmcli.text.ragged import distinct

Ints = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Shared:
    """How many of the distinct ones of a file stand in the other, too."""

    count: int
    of: int


@dataclass(frozen=True)
class Overlap:
    """What of `file` stands in `other`, too.

    pairs: of its pairs. queries, titles: in the same role. texts: in any role. unseen_units: its
    distinct units that no text of `other` has, unseen_share: their share of its distinct texts.
    """

    file: str
    other: str
    pairs: Shared
    queries: Shared
    titles: Shared
    texts: Shared
    unseen_units: int
    unseen_share: float


def overlap_of(
    file: Located, other: Located, texts: int, unseen_units: int, unseen_share: float
) -> Overlap:
    """Return what of a file's rows stands in another's, both over the same so many texts."""
    both = [np.concatenate((each.query, each.title)) for each in (file, other)]
    return Overlap(
        file.file,
        other.file,
        _shared(pair_keys(file, texts), pair_keys(other, texts)),
        _shared(file.query, other.query),
        _shared(file.title, other.title),
        _shared(*both),
        unseen_units,
        unseen_share,
    )


def _shared(some: Ints, others: Ints) -> Shared:
    wanted = distinct(some)
    return Shared(int(np.isin(wanted, distinct(others)).sum()), len(wanted))
