"""Checks what a program hands to the functions of the package: lists of texts, and counts."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Set
from typing import Any

from dssmcli.errors import shown


def list_of_texts(texts: Iterable[str], name: str) -> list[str] | tuple[str, ...]:
    """Return texts as a list: a list, a tuple, an array (N,), a Series, a generator and the like.

    A list or tuple of str is returned as it is. Raises TypeError, which says the place, when one of
    them is no str, and for what has no order or more than one dimension: a set, a data frame.
    """
    items = texts if type(texts) in (list, tuple) else _items(texts, name)
    kinds = set(map(type, items))
    if kinds <= {str}:
        return items  # type: ignore[return-value]
    for place, item in enumerate(items):
        if not isinstance(item, str):
            raise TypeError(f"{name}[{place}] is {_as_told(item)}, expected str")
    return [*map(str, items)]  # of numpy's own texts, plain ones


def pair_of_texts(
    block: object, name: str
) -> tuple[list[str] | tuple[str, ...], list[str] | tuple[str, ...]]:
    """Return a block's queries and its titles as lists.

    Raises TypeError when it is no pair of such, and ValueError when they differ in number.
    """
    if not isinstance(block, (tuple, list)) or len(block) != 2:
        raise TypeError(f"{name} is {_as_told(block)}, expected a tuple: (queries, titles)")
    queries, titles = (list_of_texts(each, f"{name}[{i}]") for i, each in enumerate(block))
    if len(queries) != len(titles):
        raise ValueError(
            f"{name}: {len(queries)} queries and {len(titles)} titles, expected N of each"
        )
    return queries, titles


def check_text(text: object, name: str) -> None:
    """Raise TypeError unless a text is one."""
    if not isinstance(text, str):
        raise TypeError(f"{name} is {_as_told(text)}, expected str")


def whole_count(count: object, name: str = "count") -> int:
    """Return a count as an int; TypeError when it is no whole number, ValueError below 1."""
    if isinstance(count, bool) or not hasattr(count, "__index__"):
        raise TypeError(f"{name} is {_as_told(count)}, expected a whole number")
    number = operator.index(count)
    if number < 1:
        raise ValueError(f"{name} is {number}, expected 1 or more")
    return number


def _items(texts: Any, name: str) -> list[Any]:
    """Return the items of what is no plain list."""
    if isinstance(texts, (str, bytes)):
        raise TypeError(f"{name}: expected a list of texts, got one {type(texts).__name__}: [text]")
    if isinstance(texts, Mapping):
        raise TypeError(f"{name}: expected a list of texts, got a dict: its keys() or values()")
    if isinstance(texts, Set) and isinstance(texts, (set, frozenset)):
        raise TypeError(f"{name}: expected a list of texts, got a set, which has no order")
    shape = getattr(texts, "shape", None)
    if isinstance(shape, tuple) and len(shape) != 1:
        raise TypeError(
            f"{name}: expected a list of texts, got {type(texts).__name__} with "
            f"{len(shape)} dimensions: name one column"
        )
    for method in ("tolist", "to_list", "to_pylist"):  # numpy and pandas, polars, pyarrow
        if callable(getattr(texts, method, None)):
            return [*getattr(texts, method)()]
    try:
        return [*texts]
    except TypeError:
        if hasattr(texts, "__iter__"):
            raise
        kind = type(texts).__name__
        raise TypeError(f"{name}: expected a list of texts, got {kind}") from None


def _as_told(value: object) -> str:
    """Return a value as a message names it."""
    if value is None or isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return shown(value)
    return f"of type {type(value).__name__}"
