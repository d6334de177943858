"""The vectors of items and of users of a run of candidate generation, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from dssmcli.data.id_spelling import MOST, spelling_hint
from dssmcli.data.ids import find_ids
from dssmcli.data.texts import TextReader
from dssmcli.data.tsv import BadRows, saying_of
from dssmcli.data.users import open_users
from dssmcli.errors import WARNING, counted, shown
from dssmcli.serving.candidates import Candidates
from dssmcli.serving.recommender import Recommender

Block = tuple[Sequence[str], npt.NDArray[np.float32]]

Say = Callable[[str], None]

_AT_ONCE = 8192


def item_blocks(
    candidates: Candidates, sources: Sequence[str], bad_rows: BadRows, say: Say
) -> Iterator[Block]:
    """Yield items and their vectors (n, D): of the ids in some files, one a line, else of all.

    An item that is not known has a row of zeros; `say` is told at the end how many have.
    """
    items, vectors = candidates.catalogue.items, candidates.vectors
    if not sources:
        for first in range(0, len(items), _AT_ONCE):
            yield items[first : first + _AT_ONCE], vectors[first : first + _AT_ONCE]
        return
    unknown, lines, examples = 0, 0, list[str]()
    for ids in TextReader(sources, bad_rows, None).blocks():
        found = find_ids(candidates.places, ids)
        lost = np.flatnonzero(found < 0)
        unknown, lines = unknown + len(lost), lines + len(ids)
        examples += [ids[i] for i in lost[: MOST - len(examples)].tolist()]
        rows = vectors[found]
        rows[found < 0] = 0
        yield ids, rows
    if unknown:
        warning = WARNING if 2 * unknown > lines else ""
        hint = spelling_hint(filter(None, examples), items)
        example = shown(next(filter(None, examples), ""))
        say(
            f"{warning}{counted(unknown, 'line')} without an item that the run knows, such as "
            f"{example}: rows of zeros.{hint and f' {hint}'}"
        )


def user_blocks(
    candidates: Candidates, sources: Sequence[str], bad_rows: BadRows, say: Say
) -> Iterator[Block]:
    """Yield users and their vectors (n, D), given their histories: see data.users.

    `say` gets the warnings about a log, and at the end what of all is not known.
    """
    recommender = Recommender(candidates)
    for source in sources:
        tell = say if len(sources) == 1 else saying_of([source], say)
        with open_users(source, candidates.columns, bad_rows, candidates.reading, tell) as blocks:
            for users in blocks:
                yield users.names, recommender.vectors(users)
    for line in recommender.strangers.lines("their vectors are those of no history"):
        say(line)
