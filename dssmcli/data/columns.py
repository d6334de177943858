"""What the distinct texts of a column are: numbers, ids, categories, or missing."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dssmcli.data.categories import one_spelling
from dssmcli.data.features import LARGEST, Floats, Ints
from dssmcli.data.notation import NumberColumn, Understanding, listed, read_numbers
from dssmcli.data.table import Column
from dssmcli.data.values import BITS, bare, is_infinite, is_missing, plain_signs

FEWEST_NUMBERS = 3
"""Fewer distinct numbers are categories."""
NEARLY_ALL = 0.9
FEW_ROWS = 50
_HALF = 0.5
_FEW_WORDS = 3
_SOME_WORDS = 10
_NUMBERS_A_WORD = 10
"""Where so many times more numbers differ than other texts, half the rows make it a column of
numbers: a few words, such as unknown, then stand for the others."""
_CODE = re.compile(r"[+-]?0\d")
"""How no number begins, but a post code or the like may."""
_FEW_CODES = 0.01
_LONG_ID = re.compile(r"\d{16,}(\.0*)?", re.ASCII)
"""Whole numbers that a float may not tell apart."""


@dataclass(frozen=True)
class ColumnTexts:
    """A column's distinct texts in training, and in how many rows each stands, counts (V,)."""

    name: str
    texts: list[str]
    counts: Ints

    @cached_property
    def read(self) -> NumberColumn:
        """Return the texts as numbers, and how these are written."""
        return read_numbers(self.texts, self.counts.tolist())

    @cached_property
    def numbers(self) -> Floats:
        """Return the numbers (V,), none too large to be squared, nan for none."""
        return self.read.numbers.clip(-LARGEST, LARGEST)

    @cached_property
    def missing(self) -> list[bool]:
        """Tell which texts say that a value is missing."""
        return [*map(is_missing, self.texts)]

    @cached_property
    def categories(self) -> list[str]:
        """Return the category of each text: one for all that mean the same."""
        return one_spelling(self.texts, self.counts.tolist())

    @cached_property
    def category_counts(self) -> Counter[str]:
        """Return how many rows each category has."""
        counts: Counter[str] = Counter()
        for category, count in zip(self.categories, self.counts.tolist(), strict=True):
            counts[category] += count
        return counts

    @cached_property
    def strange(self) -> list[tuple[str, int]]:
        """Return the texts that are no number and do not say that one is missing, with their rows,
        the commonest first."""
        none = np.isnan(self.numbers) & ~np.array(self.missing, np.bool_)
        places = np.flatnonzero(none)
        order = places[np.argsort(-self.counts[places], kind="stable")]
        return [(self.texts[place], int(self.counts[place])) for place in order.tolist()]

    @cached_property
    def share(self) -> float:
        """Return the share of numbers in the rows that are not missing."""
        known = int(self.counts[~np.array(self.missing, np.bool_)].sum())
        strange = sum(count for text, count in self.strange if not is_infinite(text))
        return 1 - strange / known if known else 0.0

    @cached_property
    def numeric(self) -> bool:
        """Tell whether the texts are numbers, and enough of them to have an order.

        A few others do not matter: a column of numbers is not lost for them.
        """
        if self.read.clash or self.long_ids or self.codes:
            return False
        distinct = len(np.unique(self.numbers[~np.isnan(self.numbers)]))
        if distinct < FEWEST_NUMBERS or self.share < _HALF:
            return False
        words = len(self.strange)
        few = words <= _SOME_WORDS and distinct >= _NUMBERS_A_WORD * words
        return few or self.share >= NEARLY_ALL or self.fractions

    @cached_property
    def fractions(self) -> bool:
        """Tell whether most rows have a number that is not whole, as no id is."""
        broken = self.numbers % 1 > 0
        return int(self.counts[broken].sum()) > _HALF * int(self.counts.sum())

    @cached_property
    def codes(self) -> bool:
        """Tell whether the texts are codes of digits, such as post codes: whole, and some of them
        begin with 0."""
        if not any(_CODE.match(bare(text)) for text in self.texts):
            return False
        if (self.numbers % 1 > 0).any():
            return False
        zero = np.array([_CODE.match(bare(text)) is not None for text in self.texts])
        lengths = {len(bare(text)) for text in self.texts}
        share = int(self.counts[zero].sum()) / int(self.counts.sum())
        return share >= _FEW_CODES or len(lengths) <= _FEW_WORDS

    @cached_property
    def long_ids(self) -> bool:
        """Tell whether at least half the rows have whole numbers of 16 digits or more."""
        long = [_LONG_ID.fullmatch(plain_signs(text)) is not None for text in self.texts]
        return int(self.counts[long].sum()) >= _HALF * int(self.counts.sum())

    @property
    def absent(self) -> tuple[tuple[str, int], ...]:
        """Return the texts that say that a value is missing, with their rows."""
        triples = zip(self.texts, self.counts.tolist(), self.missing, strict=True)
        pairs = [(text.strip(), count) for text, count, missing in triples if missing]
        return tuple(sorted(pairs, key=lambda pair: -pair[1]))

    @property
    def missing_part(self) -> str:
        """Return `age 3 ("-")` of a column with missing values, else nothing."""
        absent = self.absent
        if not absent:
            return ""
        return f"{self.name} {sum(count for _, count in absent):,} ({listed(absent)})"

    def understanding(self, what: str) -> Understanding:
        """Return what is unusual about the column, taken as numbers or as categories."""
        rows = int(self.counts.sum())
        if what == "numbers":
            return Understanding(self.name, what, rows, self.read.examples)
        bits = not BITS.keys().isdisjoint(self.texts)
        if not bits and len(
            {text for text, gone in zip(self.texts, self.missing, strict=True) if not gone}
        ) == (len({category for category in self.categories if category})):
            return Understanding(self.name, what, rows)
        merged = [
            (text, category)
            for text, category in zip(self.texts, self.categories, strict=True)
            if text != category and category
        ]
        return Understanding(self.name, what, rows, tuple(merged[:_FEW_WORDS]))


def texts_of(column: Column) -> ColumnTexts:
    """Return the texts of a column that stand in some row."""
    counts = column.counts()
    used = np.flatnonzero(counts)
    return ColumnTexts(column.name, [column.values[i] for i in used.tolist()], counts[used])
