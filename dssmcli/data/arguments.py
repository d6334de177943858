"""Checks what a program hands to the functions of the package: lists of texts, and counts."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

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


def check_ordered(values: object, name: str, expected: str) -> None:
    """Raise TypeError, with what is expected, for what does not give one value after another.

    That is one value, what has no order (a set), keys beside the values (a dict) or fields or
    dimensions beside the rows (a table, an array (N, D)). An array without a shape is not looked
    into.
    """
    if isinstance(values, (str, bytes, bytearray)):
        raise TypeError(f"{name}: expected {expected}, got one {type(values).__name__}")
    if isinstance(values, Mapping):
        raise TypeError(f"{name}: expected {expected}, got a dict: give its values() as a list")
    if isinstance(values, (set, frozenset)):
        raise TypeError(f"{name}: expected {expected}, got a set, which has no order")
    if getattr(getattr(values, "dtype", None), "names", None):
        raise TypeError(f"{name}: expected {expected}, got a structured array: name one field")
    shape = getattr(values, "shape", None)
    if isinstance(shape, tuple) and len(shape) != 1:
        raise TypeError(
            f"{name}: expected {expected}, got {type(values).__name__} with "
            f"{len(shape)} dimensions: name one column"
        )
    if not hasattr(values, "__iter__") and not hasattr(values, "__getitem__"):
        raise TypeError(f"{name}: expected {expected}, got {type(values).__name__}")


def columns_by_name(columns: object, name: str = "columns") -> Any:
    """Return what gives a column by its name, and knows which there are: a dict, a data frame.

    The fields of a structured array are its columns. Raises TypeError for rows and for other lists.
    """
    fields = getattr(getattr(columns, "dtype", None), "names", None)
    if fields:
        return {field: columns[field] for field in fields}  # type: ignore[index]
    names = getattr(columns, "column_names", None)
    if isinstance(names, list):  # pyarrow
        return {each: columns[each] for each in names}  # type: ignore[index]
    lists = (str, bytes, bytearray, list, tuple, set, frozenset)
    table = hasattr(columns, "__getitem__") and hasattr(columns, "__contains__")
    if isinstance(columns, lists) or not table or hasattr(columns, "__array_interface__"):
        raise TypeError(
            f"{name}: expected a dict with a list for each column, or a data frame, got "
            f"{type(columns).__name__}"
        )
    return columns


def rows_of_vectors(vectors: object, width: int, name: str) -> npt.NDArray[np.float32]:
    """Return vectors as an array (n, width) float32.

    Raises TypeError for what holds no numbers, and ValueError for another shape.
    """
    try:
        rows = np.asarray(vectors, np.float32)
    except (TypeError, ValueError) as error:
        kind = type(vectors).__name__
        raise TypeError(f"{name}: expected an array (n, {width}) of numbers, got {kind}") from error
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ValueError(f"{name}: expected an array (n, {width}), got one of shape {rows.shape}")
    return rows


def check_lengths(rows: npt.NDArray[np.float32], name: str) -> None:
    """Raise ValueError for rows (n, D) that are neither of length 1 nor zeros.

    What is not finite is another error.
    """
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    wrong = np.flatnonzero((lengths > _SHORT) & (np.abs(lengths - 1) > _UNEVEN))
    if len(wrong):
        raise ValueError(
            f"{name}[{wrong[0]}] has length {lengths[wrong[0]]:.4g}, expected 1: the vectors of "
            "encode_query, as they are"
        )


_SHORT, _UNEVEN = 1e-6, 0.01


def _items(texts: Any, name: str) -> list[Any]:
    """Return the items of what is no plain list."""
    check_ordered(texts, name, "a list of texts")
    for method in ("tolist", "to_list", "to_pylist"):  # numpy and pandas, polars, pyarrow
        if callable(getattr(texts, method, None)):
            return [*getattr(texts, method)()]
    return [*texts]


def _as_told(value: object) -> str:
    """Return a value as a message names it."""
    if value is None or isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return shown(value)
    return f"of type {type(value).__name__}"
