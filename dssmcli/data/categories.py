"""Finds the categories of texts: what means the same is one category, however it is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from dssmcli.data.fields import Fields, Index
from dssmcli.data.notation import Notation
from dssmcli.data.plain import signed_number_in
from dssmcli.data.values import boolean_in, category_of, integer_in, plain_number_in

Ints = npt.NDArray[np.int64]

_KEPT = 100_000
"""Ways to write texts that are kept, so that they are worked out once."""
_LATE = 100
"""Texts looked up one by one, besides one for two that are kept, before they are indexed."""


class Category:
    """Reads a text as one of the known categories, where 1, 1.0 and ` 1` are one.

    Where the categories have one word for yes and one for no, other words for them mean these.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._known = frozenset(known)
        self._words = _boolean_words(self._known)
        self._numbers = _numbers_of(self._known)

    def __call__(self, text: str) -> str:
        """Return the category that a text means, and what it comes to if it is not known."""
        category = category_of(text)
        if category in self._known:
            return category
        says = boolean_in(category) if self._words else None
        if says is not None:
            return self._words[says]
        if not self._numbers or _CODE.match(category):
            return category
        return self._numbers.get(plain_number_in(category), category)


class Code:
    """The text of a number as categories have it: 2, 2.0 and " 2" are one. Of other texts, whatever
    they are as a category. values: see features.VALUES."""

    def __init__(self, notation: Notation, values: int) -> None:
        self._notation, self._values = notation, values

    def __call__(self, text: str) -> str:
        """Return the text by which a category goes."""
        if self._values == 1:
            number = signed_number_in(text)
            return text if np.isnan(number) else _shortest(number)
        number = self._notation.number(text)
        if np.isnan(number):
            return category_of(text)
        exact = integer_in(text) if abs(number) > _EXACT else None
        return _shortest(number) if exact is None else str(exact)


def _shortest(number: float) -> str:
    return repr(number + 0.0).removesuffix(".0")


_EXACT = 2.0**53
"""Beyond it floats are no longer apart by 1."""


def _numbers_of(known: Iterable[str]) -> dict[float, str]:
    """Return the categories that are numbers a float tells apart, each but once, by these."""
    found: dict[float, list[str]] = {}
    for text in known:
        number = plain_number_in(text)
        if abs(number) < _EXACT and not _CODE.match(text):
            found.setdefault(number, []).append(text)
    return {number: texts[0] for number, texts in found.items() if len(texts) == 1}


_CODE = re.compile(r"[+-]?0\d")


def _boolean_words(known: Collection[str]) -> dict[bool, str]:
    """Return the word for yes and that for no, if there is one of each, and but one other word."""
    words: dict[bool, list[str]] = {True: [], False: []}
    for text in known:
        says = boolean_in(text)
        if says is not None:
            words[says].append(text)
    if not say_yes_or_no(known) or any(len(each) != 1 for each in words.values()):
        return {}
    return {says: each[0] for says, each in words.items()}


def say_yes_or_no(categories: Collection[str]) -> bool:
    """Tell whether the categories of a column, but for one at most, say yes and no.

    The letters y, n and t, f side by side are letters.
    """
    words = {category.lower() for category in categories if boolean_in(category) is not None}
    others = {category for category in categories if category and boolean_in(category) is None}
    return len(others) <= 1 and not (words & {"y", "n"} and words & {"t", "f"})


def one_spelling(texts: Sequence[str], counts: Sequence[int]) -> list[str]:
    """Return the category (V,) of each distinct text of a column.

    If but one of them is neither yes nor no in some word, all words for yes are the commonest, and
    those for no.
    """
    categories = [category_of(text) for text in texts]
    says = [boolean_in(category) for category in categories]
    if not say_yes_or_no(categories):
        return categories
    common: dict[bool | None, tuple[int, str]] = {}
    totals: dict[str, int] = {}
    for category, count in zip(categories, counts, strict=True):
        totals[category] = totals.get(category, 0) + count
    for category, each in zip(categories, says, strict=True):
        if each is not None:
            common[each] = max(common.get(each, (0, "")), (totals[category], category))
    return [
        category if each is None else common[each][1]
        for category, each in zip(categories, says, strict=True)
    ]


class Categories:
    """Numbers of the categories of texts, which `category` tells; texts met first are worked out.

    Texts that are kept are found by an index, but for the last ones: building it anew takes longer
    than to look some up.
    """

    def __init__(
        self, ids: Mapping[str, int], unknown: int, category: Callable[[str], str] | None
    ) -> None:
        self._ids, self.unknown, self._category = ids, unknown, category
        self._known = dict(ids)
        self._index: Index | None = None
        self._indexed = self._late = 0

    def find(self, texts: Sequence[str]) -> Ints:
        """Return the number (n,) of each text's category, that of unknown ones if it is none."""
        if isinstance(texts, Fields):
            if self._index is None or self._late > _LATE + self._indexed // 2:
                self._index, self._indexed, self._late = Index(self._known), len(self._known), 0
            found = self._index.find(texts, -1)
        else:
            found = np.fromiter((self._known.get(text, -1) for text in texts), np.int64, len(texts))
        missing = np.flatnonzero(found < 0)
        if len(missing):
            found[missing] = self._worked_out([texts[place] for place in missing.tolist()])
            self._late += len(missing) if len(self._known) > self._indexed else 0
        return found

    def _worked_out(self, texts: Sequence[str]) -> list[int]:
        """Return the numbers of texts that are not indexed, and keep them."""
        fresh: dict[str, int] = {}
        for text in dict.fromkeys(texts):
            number = self._known.get(text)
            fresh[text] = self._number(text) if number is None else number
        if len(self._known) < _KEPT + len(self._ids):
            self._known.update(fresh)
        return [fresh[text] for text in texts]

    def _number(self, text: str) -> int:
        return self._ids.get(self._category(text) if self._category else text, self.unknown)
