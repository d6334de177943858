"""Counts the features of texts, as training would, before there is a model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from dssmcli.data.pairs import Texts
from dssmcli.data.rows import RowOptions, RowReader
from dssmcli.data.texts import TextReader
from dssmcli.data.tsv import BadRows
from dssmcli.errors import DataError
from dssmcli.text.folding import Folder
from dssmcli.text.normalize import Normalizer
from dssmcli.text.vocab import frequent_features
from dssmcli.text.words import Words
from dssmcli.training.indexing import Indexing


@dataclass(frozen=True)
class Counted:
    """What distinct texts are made of.

    features: with the number of times each stands in them, the most frequent first. words: the
    list that the texts were cut by, if any. total: times any feature stands, the rare ones that are
    not listed too. all_features: how many features there are with those.
    """

    texts: int
    units: int
    features: dict[str, int]
    words: Words | None
    total: int
    all_features: int

    def coverage(self, most: int) -> float:
        """Return the share of all features' places that the `most` frequent ones take."""
        taken = list(accumulate(self.features.values()))[:most]
        return taken[-1] / self.total if taken else 0.0


def lines_of(reader: TextReader, normalizer: Normalizer) -> Iterable[list[str]]:
    """Yield the normalised texts of files that have one a line."""
    folder = Folder(normalizer)
    return (folder.normalized(texts) for texts in reader.blocks())


def pair_texts_reader(
    columns: str | None, bad_rows: BadRows, normalizer: Normalizer, header: bool | None
) -> RowReader:
    """Return what reads files of pairs for their queries and titles, whatever their values."""
    return RowReader(columns, bad_rows, "grade", RowOptions(header, normalizer=normalizer))


def counted_features(texts: Iterable[list[str]], indexing: Indexing, least: int) -> Counted:
    """Count the features of normalised texts, each distinct text once, as `train` does.

    Only those that stand `least` times are listed. DataError when there are none.
    """
    numbers = Texts(indexing.add)
    for block in texts:
        numbers.number(block)
    if not len(numbers):
        raise DataError("No texts, expected one a line.")
    every = np.ones(len(numbers), np.bool_)
    indexed = indexing.finish(every)
    counts = indexed.index.feature_counts(every)
    features = {feature: counts[feature] for feature in frequent_features(counts, least)}
    if not features:
        raise DataError(
            f"No feature stands in these texts {least:,} times or more: lower --min-count, or give "
            "texts with letters or digits."
        )
    return Counted(
        len(numbers),
        indexed.index.distinct_units - 1,
        features,
        indexed.words,
        counts.total(),
        len(counts),
    )
