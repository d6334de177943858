"""Hashes of a table's rows, by which a run knows them again, however their numbers are written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dssmcli.data.fields import Fields
from dssmcli.data.fingerprint import row_hashes
from dssmcli.data.table import Table
from dssmcli.data.values import boolean_in, category_of, is_missing, number_in
from dssmcli.text.hashing import Floats, Hashes, number_hashes, text_hashes

_EXACT = 2.0**53
"""Larger numbers, such as long ids, are told apart by their texts alone."""


def hashes_of(table: Table, names: Sequence[str]) -> Hashes:
    """Return a hash (N,) of each row of a table, by the columns of these names."""
    columns = [table.columns[name] for name in names]
    return row_hashes([field_hashes(c.values)[c.codes] for c in columns], table.rows)


def hashes_in(columns: Sequence[Sequence[str]]) -> Hashes:
    """Return the same of rows (n,), given their fields, column by column."""
    return row_hashes([field_hashes(fields) for fields in columns], len(columns[0]))


def field_hashes(fields: Sequence[str]) -> Hashes:
    """Return a hash (n,) of each field: `1`, `1.0`, ` 1` and yes are one, and so is all that is
    missing.

    What is missing is as the number nan.
    """
    if isinstance(fields, Fields) and len(fields) and fields.hashes.all():
        # Few columns have as many different fields as rows.
        _, first, place = np.unique(fields.hashes, return_index=True, return_inverse=True)
        return _hashes([fields[i] for i in first.tolist()])[place]
    return _hashes(list(fields))


def _hashes(texts: list[str]) -> Hashes:
    plain = _plain_numbers(texts)
    numbers = np.fromiter(map(number_in, texts), np.float64) if plain is None else plain
    found = number_hashes(numbers)
    others = np.flatnonzero(~(np.abs(numbers) < _EXACT)).tolist()
    said = {i: says for i in others if (says := boolean_in(texts[i])) is not None}
    if said:
        found[[*said]] = number_hashes(np.array([*said.values()], np.float64))
    named = [i for i in others if i not in said and not is_missing(texts[i])]
    if named:
        found[named] = text_hashes([category_of(texts[i]) for i in named])
    return found


def _plain_numbers(texts: list[str]) -> Floats | None:
    """Return the numbers (n,) of texts that all hold finite ones in the plainest form, else None.

    They are those that `number_in` finds, for many at once.
    """
    whole = "".join(texts)
    if not whole.isascii() or "_" in whole:
        return None
    try:
        numbers = np.array(texts, np.float64)
    except ValueError:
        return None
    return numbers if np.isfinite(numbers).all() else None
