"""Queries or titles that are ids, codes or addresses, of which a model of texts learns nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.errors import shown

Codes = npt.NDArray[np.integer[Any]]

_ENOUGH, _NEARLY_ALL = 20, 0.9
_EXAMPLES, _MOST = 3, 4096
_FEW_TEXTS, _MANY_ROWS = 2, 50
_ID = re.compile(r"(?=\S*\d)[\w.:/#@+\-]+", re.ASCII)
_ADDRESS = re.compile(
    r"(?:https?://|www\.)\S+|[\w\-]+(?:\.[\w\-]+)*\.(?:com|cn|net|org|html?|jpe?g|png)(?:/\S*)?",
    re.ASCII | re.IGNORECASE,
)


class IdTexts(NamedTuple):
    """Texts that look like ids: the role of their column, how many of how many, and examples."""

    role: str
    ids: int
    texts: int
    examples: str

    @property
    def what(self) -> str:
        """Return what is to be said, as a sentence without its full stop."""
        return (
            f"the {self.role} look like ids or addresses ({self.examples}), {self.ids:,} of "
            f"{self.texts:,} that were looked at"
        )


WHAT_TO_DO = (
    "The model compares what texts say: join them with the file that has the texts, and put these "
    "in their place."
)


def id_texts(role: str, texts: Sequence[str]) -> IdTexts | None:
    """Return what the texts of a column look like if nine in ten are ids: words with a digit in
    ASCII, or addresses. Each counts once; of fewer than 20 nobody can tell.

    `d17`, `doc_000123`, `B08N5WRWNW` and `https://…` are ids; `iPhone 15` and 小米手机 are texts.
    """
    known = [*dict.fromkeys(texts)][:_MOST]
    if len(known) < _ENOUGH:
        return None
    ids = [text for text in known if looks_like_id(text)]
    if len(ids) < _NEARLY_ALL * len(known):
        return None
    examples = ", ".join([*(shown(text, 32) for text in ids[:_EXAMPLES]), "…"])
    return IdTexts(role, len(ids), len(known), examples)


def looks_like_id(text: str) -> bool:
    """Tell whether a text is one word in ASCII with a digit in it, or an address."""
    bare = text.strip()
    return bool(_ID.fullmatch(bare) or _ADDRESS.fullmatch(bare))


def few_texts(query: Codes, title: Codes) -> str | None:
    """Return how few different queries or titles stand in rows (N,), in words; else None.

    query, title: (N,), numbers of texts.
    """
    if len(query) < _MANY_ROWS:
        return None
    sizes = (("query", "queries", query), ("title", "titles", title))
    counts = [(one, more, len(np.unique(codes))) for one, more, codes in sizes]
    few = [f"{n} {one if n == 1 else more}" for one, more, n in counts if n <= _FEW_TEXTS]
    return " and ".join(few) or None


def id_text_warnings(queries: Sequence[str], titles: Sequence[str]) -> list[str]:
    """Return a warning for each of two columns whose texts look like ids."""
    found = (id_texts("queries", queries), id_texts("titles", titles))
    return [f"Warning: {each.what}. {WHAT_TO_DO}" for each in found if each is not None]
