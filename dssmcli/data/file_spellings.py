"""Columns that one file writes otherwise than the others: with commas, in capitals, with zeros."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.column_command import column_command
from dssmcli.data.decimal_marks import mark_advice
from dssmcli.data.features import Schema
from dssmcli.data.findings import WARNING, Finding
from dssmcli.data.notation import PLAIN, Notation, read_numbers
from dssmcli.data.source_rows import SourceRows
from dssmcli.data.table import Column, Table
from dssmcli.data.unread import spelling_key
from dssmcli.data.values import category_of, is_missing
from dssmcli.errors import WARNING as BEGIN
from dssmcli.errors import about, counted, in_shell, shown

Ints = npt.NDArray[np.int64]

_HALF, _SOME_ROWS, _SHARE = 0.5, 5, 0.05
_ENOUGH, _MOST, _FEW = 50, 5_000, 20
_DAY = re.compile(r"\D*\d+[-/.:年]\d+.*")


class Odd(NamedTuple):
    """A column that a file writes otherwise: rows that do, and what is said of them.

    texts, notation: of numbers, how they stand there, and how they are read. made: what turns a
    field `v` into what the others have, in Python; empty if nothing simple does.
    """

    name: str
    file: int
    rows: int
    what: str
    todo: str
    texts: tuple[str, ...] = ()
    notation: Notation = PLAIN
    made: str = ""


def spelling_lines(
    table: Table,
    schema: Schema,
    apart: Collection[str],
    sources: Sequence[str],
    files: Sequence[SourceRows],
) -> dict[str, str]:
    """Return a warning for each column that a file writes otherwise than the others.

    apart: columns that are no features, as a user says. sources: the files as the user names them,
    for commands that write them anew.
    """
    return {
        name: about(each.file, f"{BEGIN}{each.what} {each.todo}")
        for name, each in findings_of_spellings(table, schema, apart, sources, files)
    }


def findings_of_spellings(
    table: Table,
    schema: Schema,
    apart: Collection[str],
    sources: Sequence[str],
    files: Sequence[SourceRows],
) -> Iterator[tuple[str, Finding]]:
    """Yield columns, by name, of which a file writes numbers or categories otherwise."""
    if len(files) < 2:
        return
    odd = [*_odd_columns(table, schema, apart, files)]
    for each in odd:
        columns = [
            one.name for one in odd
            if one.file == each.file and _alike_written(one, each)
        ]  # fmt: skip
        todo, source = each.todo, sources[each.file]
        if each.texts:
            todo = mark_advice(each.texts, each.notation, columns[0], source, columns[1:]) or todo
        elif each.made:
            command = column_command(source, columns[0], each.made, "-alike", columns[1:])
            todo = f"{todo.rstrip('.')}{f': {command}' if command else ''}."
        file = files[each.file].file
        yield each.name, Finding(WARNING, "other_spelling", each.rows, each.what, todo, file)


def _alike_written(one: Odd, other: Odd) -> bool:
    return one.made == other.made and bool(one.texts) == bool(other.texts)


def _odd_columns(
    table: Table, schema: Schema, apart: Collection[str], files: Sequence[SourceRows]
) -> Iterator[Odd]:
    categories = {each.name: frozenset(each.values) for each in schema.categorical}
    numeric = {each.name for each in schema.numeric}
    for name, column in table.columns.items():
        if name in apart:
            continue
        counts = [
            np.bincount(column.codes[each.rows], minlength=len(column.values)) for each in files
        ]
        odd = [*_numbers(column, counts)]
        if not odd and name in categories and name not in numeric:
            odd = [*_categories(column, categories[name], counts)]
        yield from odd


def _numbers(column: Column, counts: Sequence[Ints]) -> Iterator[Odd]:
    """Yield files whose numbers are not read, as they are written otherwise than in the others."""
    total = np.sum(counts, axis=0)
    used = np.flatnonzero(total).tolist()
    texts = [column.values[place] for place in used]
    read = read_numbers(texts, total[used].tolist())
    unread = np.flatnonzero(np.isnan(read.numbers)).tolist()
    odd = [place for place in unread if not is_missing(texts[place])]
    if not odd or len(odd) == len(texts):
        return
    for i, own in enumerate(counts):
        there = [place for place in odd if own[used[place]]]
        rows = int(own[[used[place] for place in there]].sum())
        if rows < max(_SOME_ROWS, _HALF * own.sum()):
            continue
        strange = [texts[place] for place in there]
        alone = read_numbers(strange, [int(own[used[place]]) for place in there])
        if np.isnan(alone.numbers).any() or alone.clash:
            continue
        what = (
            f"{column.name}: {rows:,} of {counted(int(own.sum()), 'field')} "
            f"({shown(strange[0])}) are numbers in another way of writing than in the other files, "
            "and not read as such."
        )
        todo = f"Write {shown(column.name)} alike in all files."
        yield Odd(column.name, i, rows, what, todo, tuple(strange), read.notation)


def _categories(column: Column, known: frozenset[str], counts: Sequence[Ints]) -> Iterator[Odd]:
    """Yield files whose categories are those of the others but for capitals and the like, or none
    of them. known: the categories that are learned, in one spelling each."""
    category = [category_of(text) for text in column.values]
    of_files = [{category[i] for i in np.flatnonzero(own).tolist()} & known for own in counts]
    if max(map(len, of_files)) > _MOST:
        return
    for i in range(len(counts)) if len(counts) > 2 else (1,):
        own, total = of_files[i] - {""}, int(counts[i].sum())
        others = set().union(*(each for j, each in enumerate(of_files) if j != i)) - {""}
        fresh = own - others
        spelled = {spelling_key(text): text for text in sorted(others)}
        keys = {text: spelling_key(text) for text in sorted(fresh)}
        alike = {text: spelled[key] for text, key in keys.items() if key in spelled}
        there = np.array([text in alike for text in category], np.bool_)
        rows = int(counts[i][there].sum())
        if rows >= max(_SOME_ROWS, _SHARE * total):
            yield _alike(column.name, i, alike, rows)
        elif len(fresh) > 1 and len(others) > 1 and fresh == own and total >= _ENOUGH:
            yield from _strangers(column.name, i, fresh, total)


def _alike(name: str, file: int, alike: dict[str, str], rows: int) -> Odd:
    one, other = next(iter(alike.items()))
    more = f" and {len(alike) - 1:,} more" if len(alike) > 1 else ""
    what = (
        f"{name}: {counted(rows, 'row')} with {shown(one)}{more}, which the other files spell "
        f"{shown(other)}: to the model they are as strange as any two."
    )
    return Odd(name, file, rows, what, "Write all alike.", made=_made(alike))


def _made(alike: dict[str, str]) -> str:
    """Return what makes the spelling of other files of all texts, in Python; empty if nothing."""
    length = max(map(len, alike.values()))
    ways: list[tuple[str, Callable[[str], str]]] = [
        ("v.lower()", str.lower),
        ("v.upper()", str.upper),
        ("v.capitalize()", str.capitalize),
        ("v.title()", str.title),
        ('v.lstrip("0")', lambda v: v.lstrip("0")),
        (f"v.zfill({length})", lambda v: v.zfill(length)),
        ('v.replace("_", " ")', lambda v: v.replace("_", " ")),
        ('v.replace(" ", "_")', lambda v: v.replace(" ", "_")),
        ('v.replace("-", "_")', lambda v: v.replace("-", "_")),
        ('v.replace("_", "-")', lambda v: v.replace("_", "-")),
    ]
    for made, way in ways:
        if all(way(one) == other for one, other in alike.items()):
            return made
    if len(alike) > _FEW:
        return ""
    return f"{json.dumps(alike, ensure_ascii=False)}.get(v.strip(), v)"


def _strangers(name: str, file: int, fresh: set[str], rows: int) -> Iterator[Odd]:
    """Yield a file none of whose categories is in the others; days never come again."""
    if all(_DAY.fullmatch(text) for text in fresh):
        return
    some = ", ".join(map(shown, sorted(fresh)[:2]))
    what = f"{name}: none of its {len(fresh):,} categories ({some} …) is in the other files."
    todo = (
        "If they mean the same, write them alike; if each file has its own: --ignore "
        f"{in_shell(name)}."
    )
    yield Odd(name, file, rows, what, todo)
