"""Takes the fingerprint of pairs while they are read, before it is known which of them validate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dssmcli.data.fingerprint import (
    NOTHING,
    Bools,
    Fingerprint,
    Sketch,
    Smallest,
    sketch_of,
    value_marks,
    whole_sketch,
)
from dssmcli.data.pair_values import settled
from dssmcli.data.pairs import Floats, Ints, Pairs
from dssmcli.data.seen import Seen, seen
from dssmcli.text.hashing import Hashes, pair_hashes


class PairSketch:
    """The rows with the smallest hashes, with their values and queries."""

    def __init__(self) -> None:
        self._kept = Smallest()

    def take(self, texts: Sequence[str], numbers: Ints, values: Floats) -> None:
        """Take rows (n,): normalised queries and titles in turn, their numbers, and values."""
        # A row without a value is a click.
        clicks = np.where(np.isnan(values), 1.0, values)
        self._kept.take(pair_hashes(texts), clicks, numbers[0::2])

    def fingerprint(self, pairs: Pairs, held: Pairs | None) -> Fingerprint:
        """Return that of all rows, `pairs`, of which those with the queries of `held` validate."""
        hashes, value, query = self._kept.rows()
        marks = value_marks(settled(value, pairs.kind), pairs.kind)
        inside = np.zeros(pairs.texts, np.bool_)
        if held is not None:
            inside[held.query] = True
        count = int(inside[pairs.query].sum())

        def part(chosen: Bools, rows: int) -> Sketch:
            known = sketch_of(hashes[chosen], marks[chosen])
            return known._replace(below=self._kept.below, rows=rows)

        validated = inside[query]
        return Fingerprint(part(~validated, len(pairs) - count), part(validated, count))

    def sketch(self, pairs: Pairs) -> Sketch:
        """Return that of all rows, `pairs`."""
        return self.fingerprint(pairs, None).trained


def seen_in_training(train: Pairs, valid: Pairs) -> Seen:
    """Return how many validation rows are training rows; both have the same texts' numbers."""
    known = whole_sketch(_keys(train.query, train.title), value_marks(train.value, train.kind))
    marks = value_marks(valid.value, valid.kind)
    swapped = _keys(valid.title, valid.query)
    return seen(Fingerprint(known, NOTHING), _keys(valid.query, valid.title), marks, swapped)


def _keys(queries: Ints, titles: Ints) -> Hashes:
    wide = queries.astype(np.uint64), titles.astype(np.uint64)
    return np.asarray((wide[0] << np.uint64(32)) | wide[1])
