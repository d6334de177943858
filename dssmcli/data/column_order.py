"""Columns of pairs, and of titles, that hold something else than their places or names say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from dssmcli.data.column_kinds import (
    ENOUGH,
    IDS,
    LABELS,
    NOTHING,
    NUMBERS,
    ROW_NUMBERS,
    TEXTS,
    Rows,
    column,
    examples,
    is_binary,
    kind_of_column,
    of_width,
)
from dssmcli.data.column_names import role_of
from dssmcli.data.label_words import labelled
from dssmcli.data.layout import Layout
from dssmcli.data.values import is_missing
from dssmcli.errors import shown

_VALUES = (LABELS, NUMBERS, ROW_NUMBERS)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_MOST_WORDS = 10
_WORD_LENGTH = 30
_ROWS_A_WORD = 3


class Known(NamedTuple):
    """What is known of the columns of a file when its first line has been read.

    layout: the one in use, if any. by_user: the user names the columns. header: the first line is
    a header. first: the name of the file before, empty where there is none; file: that of this one.
    """

    layout: Layout | None
    by_user: bool
    header: bool
    first: str
    file: str


class Problem(NamedTuple):
    """What is wrong with columns. certain: no row can be read so."""

    told: str
    certain: bool


def columns_problem(fields: Sequence[str], ahead: Rows, known: Known) -> Problem | None:
    """Return what is wrong with the columns of a file, by its first rows; None if nothing is.

    fields: those of the first line; ahead: the rows that follow it.
    """
    layout = known.layout
    named = known.by_user or (known.header and {"query", "title"} <= {*map(role_of, fields)})
    told = None
    if layout is not None and not known.header:
        told = _width_problem(len(fields), ahead, layout, known)
    elif layout is not None:
        told = _index_problem(ahead, layout)
    if told is not None:
        return Problem(told, True)
    if named:
        told = None if layout is None else _names_problem(layout, ahead)
        if told is not None:
            return Problem(told, not known.by_user)
        told = None if layout is None else _words_in(layout, fields, ahead, known.header)
        return None if told is None else Problem(told, True)
    told = _places_problem(fields, ahead, known.header)
    return None if told is None else Problem(told, True)


def _index_problem(ahead: Rows, layout: Layout) -> str | None:
    """Say that rows have one column more than their header, as R writes row numbers or names."""
    alike = of_width(ahead, layout.width + 1)
    if 2 * len(alike) < len(ahead) or not alike or kind_of_column(column(alike, 0)) == TEXTS:
        return None
    return (
        "the rows have one column more than their header, row numbers first, as R writes them. Say "
        f"--columns -,{','.join(_names_of(layout))} (- leaves one out)."
    )


_KINDS = ("clicks", "label", "grade")


def _names_of(layout: Layout) -> list[str]:
    """Return what --columns says for a layout."""
    names = ["-"] * layout.width
    names[layout.query], names[layout.title] = "query", "title"
    if layout.value is not None:
        names[layout.value] = layout.kind if layout.kind in _KINDS else "value"
    if layout.impressions is not None:
        names[layout.impressions] = "impressions"
    return names


def _places_problem(fields: Sequence[str], ahead: Rows, header: bool) -> str | None:
    """Return why columns without names cannot be query, title, value, and what to do; else None.

    fields: those of the first line; ahead: the rows that follow it. header: the user says that the
    first line is a header.
    """
    rows = of_width(ahead, len(fields))
    if not header and not (rows and _is_alone(fields, rows)):
        rows = [fields, *rows]
        alone = False
    else:
        alone = not header
    if len(fields) < 2 or not rows:
        return None
    columns = [column(rows, place) for place in range(len(fields))]
    kinds = [*map(kind_of_column, columns)]
    texts = [place for place, kind in enumerate(kinds) if kind == TEXTS]
    if texts[:2] == [0, 1]:
        told = None
        if len(columns) > 2 and kinds[2] == TEXTS:
            told = _words_problem(columns[2], 2, header or alone)
        if told is not None or len(rows) < 2 or not _lacks_values(kinds):
            return told
    if len(texts) > 1:
        return _order_problem(columns, kinds, texts, alone)
    return _lack_problem(columns, kinds, texts) if len(rows) >= ENOUGH else None


def _lacks_values(kinds: Sequence[str]) -> bool:
    """Tell whether the third or fourth column, which hold numbers if nobody says otherwise, hold
    none in most rows."""
    if len(kinds) == 4 and TEXTS in kinds[2:]:
        return True
    return len(kinds) in (3, 4) and any(kind in (IDS, NOTHING) for kind in kinds[2:])


def _is_alone(fields: Sequence[str], rows: Rows) -> bool:
    """Tell whether a first line has words where all others have none: it may be a header."""
    for place, field in enumerate(fields):
        others = column(rows, place)
        if kind_of_column([field]) == TEXTS and kind_of_column(others) != TEXTS:
            return True
    return False


def _order_problem(
    columns: Sequence[Sequence[str]], kinds: Sequence[str], texts: Sequence[int], headed: bool
) -> str:
    """Say which columns hold the texts; headed: the first line looks like a header."""
    names = ["-"] * len(kinds)
    names[texts[0]], names[texts[1]] = "query", "title"
    value = _value_column(columns, kinds, texts)
    more = ""
    if value is not None:
        names[value] = "label"
        if kinds[value] != LABELS or not is_binary(columns[value]):
            names[value] = "clicks"
            other = ",".join("grade" if name == "clicks" else name for name in names)
            more = f" (if these are grades: {other})"
    option = "--header --columns" if headed else "--columns"
    return (
        f"{_holding(columns, kinds)}: expected query<TAB>title[<TAB>value]. Say what the columns "
        f"hold, - for one to leave out: {option} {','.join(names)}{more}."
    )


def _value_column(
    columns: Sequence[Sequence[str]], kinds: Sequence[str], texts: Sequence[int]
) -> int | None:
    """Return the column that holds values, None if none does: labels, or numbers behind a text."""
    for place, kind in enumerate(kinds):
        if kind == LABELS and is_binary(columns[place]):
            return place
    places = (*range(texts[1] + 1, len(kinds)), *range(texts[0] + 1, texts[1]))
    return next((place for place in places if kinds[place] in (LABELS, NUMBERS)), None)


def _lack_problem(
    columns: Sequence[Sequence[str]], kinds: Sequence[str], texts: Sequence[int]
) -> str | None:
    """Say that only one column holds texts, where another holds labels or numbers instead."""
    wrong = next((place for place in (1, 0) if kinds[place] in (*_VALUES, NOTHING)), None)
    if wrong is None or not (texts or kinds.count(IDS)):
        return None
    names = ["query", "title", "value"][: len(kinds)] + ["-"] * (len(kinds) - 3)
    what = "query" if wrong == 0 else "title"
    return (
        f"the {_ORDINALS[wrong]} column, the {what}, holds {kinds[wrong]} in every row "
        f"({examples(columns[wrong])}), no texts: {_ONE_TEXT}. Add the column of the "
        f"{'queries' if wrong == 0 else 'titles'}; if these are texts, say --columns "
        f"{','.join(names)}."
    )


_ONE_TEXT = "expected query<TAB>title[<TAB>value], with a text each for query and title"


def _holding(columns: Sequence[Sequence[str]], kinds: Sequence[str]) -> str:
    told = [
        f"{kind} ({examples(fields)})" if kind not in (TEXTS, NOTHING) else kind
        for fields, kind in zip(columns, kinds, strict=True)
    ]
    return f"the {len(kinds)} columns hold {', '.join(told)}"


def _words_problem(fields: Sequence[str], place: int, headed: bool) -> str | None:
    """Say that the values, of the column at a place, are a few words that are no yes or no.

    headed: below a first line of names.
    """
    counts = Counter(word for word in fields if not is_missing(word))
    few = len(counts) <= _MOST_WORDS and _ROWS_A_WORD * len(counts) <= len(fields)
    if (
        not counts
        or not few
        or any(len(word) > _WORD_LENGTH or any(map(str.isdigit, word)) for word in counts)
    ):
        return None
    told = ", ".join(f"{shown(word)} ({count:,})" for word, count in counts.most_common())
    return (
        f"{_ordinal(place)} column holds words, {told}, expected numbers: 1 and 0 as labels, "
        f"or grades. {labelled([*counts], [*({*fields} - {*counts})], place, headed)}"
    )


def _ordinal(place: int) -> str:
    return f"the {_ORDINALS[place]}" if place < len(_ORDINALS) else f"the {place + 1}th"


def _names_problem(layout: Layout, ahead: Rows) -> str | None:
    """Return why a column that a name calls query or title holds none, else None."""
    rows = of_width(ahead, layout.width)
    if len(rows) < ENOUGH:
        return None
    for name, place in (("query", layout.query), ("title", layout.title)):
        fields = column(rows, place)
        if kind_of_column(fields) == LABELS:
            return (
                f"column {place + 1}, the {name}, holds nothing but labels or numbers "
                f"({examples(fields)}), no texts: expected a text. Say what the columns hold with "
                "--columns, as query,title,label."
            )
    return None


def _words_in(layout: Layout, fields: Sequence[str], ahead: Rows, headed: bool) -> str | None:
    """Return why a column that a name calls a value holds none, else None."""
    rows = of_width(ahead if headed else [fields, *ahead], layout.width)
    if layout.value is None or len(rows) < _ROWS_A_WORD:
        return None
    values = column(rows, layout.value)
    return _words_problem(values, layout.value, headed) if kind_of_column(values) == TEXTS else None


def _width_problem(width: int, ahead: Rows, layout: Layout, known: Known) -> str | None:
    """Return why all rows of a file have more or fewer columns than are read, else None."""
    alike = of_width(ahead, width)
    if width == layout.width or width < 2 or 2 * len(alike) < len(ahead):
        return None
    first, this = known.first, known.file
    if known.by_user:
        names = ",".join([*_names_of(layout), *["-"] * (width - layout.width)])
        way = (
            f"say --columns {names}, or bring" if width > layout.width else "name as many, or bring"
        )
        return (
            f"every row has {width} columns, and --columns names {layout.width}: {way} all "
            "files to the same columns (cut -f1,2 FILE > NEW leaves the first two)."
        )
    if not first:
        return None
    wide, narrow = (this, first) if width > layout.width else (first, this)
    told = (
        f"every row has {width} columns, those of {first} have {layout.width}: expected the same."
    )
    if min(width, layout.width) > 2:
        return f"{told} Cut them: cut -f1,2,3 {wide} > NEW, and give NEW for {wide}."
    return (
        f"{told} Without values, every row is a click: cut -f1,2 {wide} > NEW, and give NEW for "
        f"{wide}. With them, 1 for each row of the other: awk '{{print $0\"\\t1\"}}' {narrow} > "
        f"NEW, and give NEW for {narrow}."
    )


def titles_problem(fields: Sequence[str], ahead: Rows) -> str | None:
    """Return why columns without names cannot be id and title, and what to do; else None."""
    rows = [fields, *of_width(ahead, len(fields))]
    if len(fields) < 2 or len(rows) < _FEWEST_TITLES:
        return None
    columns = [column(rows, place) for place in range(len(fields))]
    kinds = [*map(kind_of_column, columns)]
    texts = [place for place, kind in enumerate(kinds) if kind == TEXTS]
    if not texts or (len(fields) == 2 and 1 in texts):
        return None
    names = ["-"] * len(fields)
    names[texts[0]] = "title"
    others = [place for place in range(len(fields)) if place not in texts]
    ids = [place for place in others if _identify(columns[place], kinds[place])]
    told = f"{_holding(columns, kinds)}: expected a title, or an id and a title."
    left = ",".join(names)
    if not ids:
        return f"{told} Say --columns {left} (- leaves one out)."
    names[ids[0]] = "id"
    return f"{told} Say --columns {','.join(names)} (or {left} to number titles by line)."


_FEWEST_TITLES = 3


def _identify(fields: Sequence[str], kind: str) -> bool:
    """Tell whether the fields of a column can be ids: all different, and no prices."""
    prices = any("." in field for field in fields) and kind != IDS
    return len({*fields}) == len(fields) and not prices
