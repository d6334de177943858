"""Whether the first line of a file of pairs names its columns, and what they hold then."""

from __future__ import annotations

from collections.abc import Sequence

from dssmcli.data.column_names import (
    IGNORED,
    are_sides,
    is_canonical,
    is_identifier,
    is_title_name,
    names_of_texts,
    plain_name,
    role_of,
    turned_round,
)
from dssmcli.data.header_again import is_name, spelled
from dssmcli.data.layout import HEADERLESS, VALUE_KINDS, Layout, layout_of, without_index
from dssmcli.data.values import boolean_in, is_missing, number_in
from dssmcli.errors import ConfigError, DataError, shown

AHEAD_BYTES = 1 << 15
"""So much of what follows a first line is looked at to tell whether it is like the others."""
_NAMED = 0.05
_LONGEST_WORD = 24

Rows = Sequence[Sequence[str]]


def rows_ahead(content: bytes) -> list[list[str]]:
    """Return the fields of the lines that follow a first one, as far as they can be read."""
    lines = content[:AHEAD_BYTES].decode("utf-8", "replace").split("\n")
    whole = lines[:-1] if len(content) > AHEAD_BYTES else lines
    return [line.removesuffix("\r").split("\t") for line in whole if line.strip()]


def is_value(text: str) -> bool:
    """Tell whether a field holds a value, be it a missing one."""
    return is_missing(text) or number_in(text) == number_in(text) or boolean_in(text) is not None


def names_columns(fields: Sequence[str], ahead: Rows) -> bool:
    """Tell whether a first row names a query and a title, and stands nowhere else as a text.

    Names that a text may well have (question, answer) are texts where another row has one of them.
    """
    fields = without_index(fields)
    roles = [role_of(field) for field in fields]
    if "query" not in roles or "title" not in roles:
        return False
    if any(is_value(field) for field, role in zip(fields, roles, strict=True) if role is None):
        return False
    if all(map(is_canonical, fields)):
        return True
    texts = [i for i, role in enumerate(roles) if role in ("query", "title")]
    return not stands_again(fields, ahead, texts)


def stands_again(fields: Sequence[str], ahead: Rows, places: Sequence[int]) -> bool:
    """Tell whether one of the texts of a first row stands in another one's column, too."""
    return any(_shares(fields, row, places) for row in ahead)


def _shares(fields: Sequence[str], row: Sequence[str], places: Sequence[int]) -> bool:
    """Tell whether another row has one of the texts of a first one, in the same column."""
    if len(row) != len(fields) or list(row) == list(fields):
        return False
    return any(row[i].strip() == fields[i].strip() for i in places)


def seems_header(fields: Sequence[str], ahead: Rows) -> bool:
    """Tell whether a first row looks as if it named columns, by names that nobody knows."""
    alike = [row for row in ahead if len(row) == len(fields)]
    texts = fields[:2]
    if not alike or len(fields) < 2 or stands_again(fields, alike, (0, 1)):
        return False
    if not all(map(_is_word, texts)):
        return False
    if are_sides(*texts):
        short = max(map(len, texts))
        others = sum(are_sides(*row[:2]) or max(map(len, row[:2])) <= short == 1 for row in alike)
        return others <= _NAMED * len(alike)
    named = [_is_any_name(text) for text in texts]
    if not any(named) or not (all(named) or any(map(role_of, texts))):
        return False
    others = sum(any(map(is_identifier, row[:2])) for row in alike)
    return others <= _NAMED * len(alike)


def _is_any_name(text: str) -> bool:
    return role_of(text) is not None or is_title_name(text) or is_identifier(text)


def seem_names(fields: Sequence[str], ahead: Rows) -> bool:
    """Tell whether a first row of titles, and of ids if any, is written as programs write names."""
    alike = [row for row in ahead if len(row) == len(fields)]
    if not alike or not any(map(is_identifier, fields)) or not all(map(_is_word, fields)):
        return False
    others = sum(any(map(is_identifier, row)) for row in alike)
    return others <= _NAMED * len(alike) and not stands_again(fields, alike, range(len(fields)))


def _is_word(text: str) -> bool:
    bare = text.strip()
    return 0 < len(bare) <= _LONGEST_WORD and not any(c.isspace() or c.isdigit() for c in bare[:1])


def layout_of_header(place: str, fields: Sequence[str], ahead: Rows, told: bool) -> Layout:
    """Return the layout that a header gives; DataError when a name is unknown.

    told: the user says that it is a header, so that unknown names go by their place.
    """
    roles = [role_of(field) for field in fields]
    _refuse_turned_round(place, fields, ahead)
    if told and not ("query" in roles and "title" in roles):
        if len(fields) > len(HEADERLESS):
            raise DataError(
                f"{place}: {len(fields)} columns, and their names do not tell which holds what. "
                f"Say it with --columns {suggested_columns(fields, ahead)} (- leaves one out)."
            )
        layout = layout_of(HEADERLESS[: len(fields)])
        kind = VALUE_KINDS.get(roles[2] or "") if len(fields) > 2 else None
        return layout._replace(kind=kind)
    unknown = [field for field, role in zip(fields, roles, strict=True) if role is None]
    if unknown:
        raise DataError(
            f"{place}: a header, in which {shown(unknown[0])} is not known. Say what the columns "
            f"hold with --columns {suggested_columns(fields, ahead)} (- leaves one out)."
        )
    try:
        return layout_of(fields)
    except ConfigError as error:
        raise DataError(
            f"{place}: {error} Say what the columns hold with --columns "
            f"{suggested_columns(fields, ahead)} (- leaves one out)."
        ) from error


def _refuse_turned_round(place: str, fields: Sequence[str], ahead: Rows) -> None:
    """Raise DataError for a column that says the opposite of a match."""
    for number, field in enumerate(fields, start=1):
        role = turned_round(field)
        if role is not None and _holds_values(ahead, number - 1):
            value = f"1-${number}" if role == "label" else f"-${number}"
            raise DataError(
                f"{place}: a header with {shown(field)}, of which more is less of a match. Turn "
                f"its values round: awk -F'\\t' -v OFS='\\t' 'NR==1{{${number}=\"{role}\"}} "
                f"NR>1{{${number}={value}}} 1' FILE > OTHER"
            )


def suggested_columns(fields: Sequence[str], ahead: Rows) -> str:
    """Return what --columns may say of a header: its known names, each role once."""
    chosen: list[str] = []
    roles = [role_of(field) for field in fields]
    for place, known in enumerate(roles):
        role = known
        if role is None and "query" not in chosen and "query" not in roles:
            role = "query"
        elif role is None and "title" not in chosen and "title" not in roles:
            role = "title"
        elif role is None and not {*chosen, *filter(None, roles)} & {*VALUE_KINDS}:
            role = "value" if _holds_values(ahead, place) else IGNORED
        taken = role in chosen or (role in VALUE_KINDS and bool({*chosen} & {*VALUE_KINDS}))
        chosen.append(IGNORED if role is None or taken else role)
    return ",".join(chosen)


def _holds_values(ahead: Rows, place: int) -> bool:
    values = [row[place] for row in ahead if len(row) > place]
    few = len({*values}) <= _MOST_WORDS and _ROWS_A_WORD * len({*values}) <= len(values)
    return bool(values) and (few or all(map(is_value, values)))


_MOST_WORDS, _ROWS_A_WORD = 10, 3
"""So few different words may be labels, which stand in so many rows each."""


def said_of(place: str, fields: Sequence[str]) -> str | None:
    """Return a line about a header whose names are not those of the help, None if all are."""
    if all(map(is_canonical, fields)):
        return None
    roles = [(field.strip(), role_of(field) or "?") for field in fields]
    told = [f"{shown(name)} is the {role}" for name, role in roles if role != IGNORED]
    left = [shown(name) for name, role in roles if role == IGNORED]
    more = f"; not read: {', '.join(left)}" if left else ""
    return f"A header ({place}): {', '.join(told)}{more}. If it is a row: --no-header."


def stands_in_the_middle(
    fields: Sequence[str], header: Sequence[str] | None, layout: Layout
) -> bool:
    """Tell whether a row further down names columns: those of the header in whatever spelling, or
    by other names that are known, where a query and a title are expected, in either order.

    Where the first line was no header, one of two English words is not enough to tell: a text may
    well be `question` or `source`.
    """
    names = [field.strip().removeprefix("\ufeff") for field in fields]
    if header is not None and any(map(is_name, header)) and same_names(names, header):
        return True
    names = without_index(names)
    roles = [role_of(name) for name in names]
    values = sum(role in VALUE_KINDS for role in roles)
    texts = sorted(str(roles[place]) for place in (layout.query, layout.title))
    if texts != ["query", "title"] or values > 1:
        return False
    if roles.count("query") > 1 or roles.count("title") > 1:
        return False
    plain = [name for name, role in zip(names, roles, strict=True) if role in ("query", "title")]
    if None in roles or roles.count("impressions") > 1:
        return False
    return header is not None or any(map(_is_known, plain))


def _is_known(name: str) -> bool:
    """Tell whether a name is hardly a text: `title`, `search_term`, `Product Title`, 查询词."""
    plain = plain_name(name)
    return is_canonical(plain) or "_" in plain or not plain.isascii()


def middle_names(header: Sequence[str] | None) -> frozenset[str]:
    """Return the normalised texts that a row has which names columns further down."""
    known = {*names_of_texts(), *map(plain_name, header or ())}
    forms = {name.replace("_", sign) for name in known for sign in ("_", *" -./:", "")}
    return frozenset(forms | {f'"{form}"' for form in forms} | {f"'{form}'" for form in forms})


def same_names(fields: Sequence[str], other: Sequence[str]) -> bool:
    """Tell whether two rows name the same columns."""
    return [*map(spelled, fields)] == [*map(spelled, other)]
