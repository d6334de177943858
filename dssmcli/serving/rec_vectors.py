"""The vectors of items and of users of a run of candidate generation, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from dssmcli.data.texts import TextReader
from dssmcli.data.tsv import BadRows
from dssmcli.data.users import open_users
from dssmcli.serving.candidates import Candidates
from dssmcli.serving.recommender import Recommender

Block = tuple[Sequence[str], npt.NDArray[np.float32]]

_AT_ONCE = 8192


def item_blocks(
    candidates: Candidates, sources: Sequence[str], bad_rows: BadRows
) -> Iterator[Block]:
    """Yield items and their vectors (n, D): of the ids in some files, one a line, else of all.

    An item that is not known has a row of zeros.
    """
    items, vectors = candidates.catalogue.items, candidates.vectors
    if not sources:
        for first in range(0, len(items), _AT_ONCE):
            yield items[first : first + _AT_ONCE], vectors[first : first + _AT_ONCE]
        return
    for ids in TextReader(sources, bad_rows, None).blocks():
        found = np.array([candidates.places.get(each, -1) for each in ids], np.int64)
        rows = vectors[found]
        rows[found < 0] = 0
        yield ids, rows


def user_blocks(
    candidates: Candidates, sources: Sequence[str], bad_rows: BadRows
) -> Iterator[Block]:
    """Yield users and their vectors (n, D), given their histories: see data.users."""
    recommender = Recommender(candidates)
    for source in sources:
        with open_users(source, candidates.columns, bad_rows, candidates.reading) as blocks:
            for users in blocks:
                yield users.names, recommender.vectors(users)
