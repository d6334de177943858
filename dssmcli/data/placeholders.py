"""Ids that stand for everybody nobody knows, such as -1, 0 or guest, told by how many rows have
them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.table import Column
from dssmcli.errors import shown

_WORDS = re.compile(
    r"[\W_]*(guests?|anon|anonymous|anonymous[\W_]?(user|visitor)|visitor|nobody|noname|no[\W_]?user"
    r"|unknown|unknown[\W_]?(user|item)|undefined|unidentified|unregistered|not[\W_]?(set|logged[\W_]?in)"
    r"|default|dummy|test|other|others|nil|empty|missing|void|deleted|invalid"
    r"|游客|匿名|匿名用户|未知|未登录|无|其他|测试)[\W_]*",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"-?0+|-1|-?9{2,}|[0\-]+|f{8,}", re.IGNORECASE)
_FEW_ROWS, _FEW_IDS = 50, 10
_WORD_SHARE, _NUMBER_SHARE, _ANY_SHARE = 0.01, 0.02, 0.05
_WORD_TIMES, _NUMBER_TIMES, _ANY_TIMES = 2, 4, 8


class Heavy(NamedTuple):
    """An id with far more rows than any other. looks: whether it looks as if it stood for none."""

    id: str
    rows: int
    share: float
    next: int
    looks: bool


def looks_like_none(id_text: str) -> bool:
    """Tell whether an id is written as those that stand for none: -1, 000, 9999, guest, 未知."""
    return bool(_NUMBERS.fullmatch(id_text) or _WORDS.fullmatch(id_text))


def heavy_ids(names: Sequence[str], codes: npt.NDArray[Any]) -> list[Heavy]:
    """Return the ids whose share of N rows is beyond what an id of its kind has.

    codes: (N,), numbers in `names`. Those that look as if they stood for none are compared with the
    most frequent of the others: 1 % of the rows and twice as many for words, 2 % and four times
    for numbers. Any other is heavy with 5 % of the rows, eight times those of the next.
    """
    counts = np.bincount(codes, minlength=len(names))
    if len(codes) < _FEW_ROWS or int((counts > 0).sum()) < _FEW_IDS:
        return []
    order = np.argsort(-counts, kind="stable")
    plain = [i for i in order[:_LOOKED_AT].tolist() if not looks_like_none(names[i])]
    most = int(counts[plain[0]]) if plain else 0
    found = []
    for place in order[:_LOOKED_AT].tolist():
        rows = int(counts[place])
        name, share = names[place], rows / len(codes)
        if looks_like_none(name):
            word = _WORDS.fullmatch(name) is not None
            least, times = (_WORD_SHARE, _WORD_TIMES) if word else (_NUMBER_SHARE, _NUMBER_TIMES)
            if share >= least and rows >= times * most:
                found.append(Heavy(name, rows, share, most, True))
        elif place == plain[0] and len(plain) > 1:
            other = int(counts[plain[1]])
            if share >= _ANY_SHARE and rows >= _ANY_TIMES * other:
                found.append(Heavy(name, rows, share, other, False))
    return found


_LOOKED_AT = 20
"""So many of the most frequent ids are looked at."""


def placeholder_lines(
    role: str, column: str, names: Sequence[str], codes: npt.NDArray[Any]
) -> list[str]:
    """Return a warning for each id of a column that seems to stand for none. role: user or item."""
    return [
        f"Warning: {column}: {each.rows:,} of {len(codes):,} rows ({each.share:.1%}) are of the "
        f"{role} {shown(each.id)}, the next has {each.next:,}. If that says that nobody knows the "
        f"{role}, drop the rows: they count as one {role}."
        for each in heavy_ids(names, codes)
        if each.looks
    ]


def one_id_lines(user_name: str, users: Column, item_name: str, items: Column) -> list[str]:
    """Return a warning if all rows are of one item, or the item of each is its user."""
    rows = len(users.codes)
    if rows < _FEW_ROWS:
        return []
    if len(np.unique(items.codes)) == 1:
        only = shown(items.values[items.codes[0]])
        return [
            f"Warning: {item_name}: all {rows:,} rows are of the item {only}: there is nothing to "
            "choose from. Is it the right column?"
        ]
    places = {name: place for place, name in enumerate(users.values)}
    same = np.array([places.get(name, -1) for name in items.values], np.int64)[items.codes]
    count = int((same == users.codes).sum())
    if count >= _NEARLY_ALL * rows:
        return [
            f"Warning: {user_name} and {item_name} are the same in {count:,} of {rows:,} rows. Are "
            "both the right columns?"
        ]
    return []


_NEARLY_ALL = 0.9
