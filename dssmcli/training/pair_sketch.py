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
from dssmcli.text.seen_hashes import SeenTexts


class PairSketch:
    """The rows with the smallest hashes, with their values and queries."""

    def __init__(self, texts: SeenTexts) -> None:
        self._kept, self._texts = Smallest(), texts

    def take(self, texts: Sequence[str], numbers: Ints, values: Floats) -> None:
        """Take rows (n,): normalised queries and titles in turn, their numbers, and values."""
        # A row without a value is a click.
        clicks = np.where(np.isnan(values), 1.0, values)
        del texts
        hashes = self._texts.pairs(numbers[0::2], numbers[1::2])
        self._kept.take(hashes, clicks, numbers[0::2])

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
        learned = part(~validated, len(pairs) - count)
        return Fingerprint(learned, part(validated, count), of_units=True)

    def sketch(self, pairs: Pairs) -> Sketch:
        """Return that of all rows, `pairs`."""
        return self.fingerprint(pairs, None).trained


def seen_in_training(train: Pairs, valid: Pairs, texts: SeenTexts) -> Seen:
    """Return how many validation rows are training rows; both have the same texts' numbers."""
    hashes = texts.pairs(train.query, train.title)
    known = whole_sketch(hashes, value_marks(train.value, train.kind))
    marks = value_marks(valid.value, valid.kind)
    swapped = texts.pairs(valid.title, valid.query)
    return seen(Fingerprint(known, NOTHING), texts.pairs(valid.query, valid.title), marks, swapped)
