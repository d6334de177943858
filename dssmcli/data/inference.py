"""Finds out what the columns of a table are: categories, numbers, or nothing to learn from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from dssmcli.config import between
from dssmcli.data.categories import Code
from dssmcli.data.columns import FEW_ROWS, NEARLY_ALL, ColumnTexts, texts_of
from dssmcli.data.features import (
    VALUES,
    Categorical,
    Floats,
    Numeric,
    Schema,
    signed_log,
)
from dssmcli.data.notation import listed
from dssmcli.data.numbered import is_measured, numbered_lines
from dssmcli.data.sentinels import sentinels_in
from dssmcli.data.table import Table
from dssmcli.data.tasks import Task
from dssmcli.errors import ConfigError, DataError, counted, in_shell, nearest, shown

_CODES = 256
"""Of so many distinct numbers at most, each is a category besides."""
BINS = 16
"""Bins of a numeric feature at most."""
_ZERO_HEAVY = 0.1
_SMALLEST = 1e-300
_NAMELESS = re.compile(r"column_\d+|Unnamed: \d+")


class FeatureInput(NamedTuple):
    """What a user says of the columns, and how often a text must stand to be a category."""

    ignored: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    min_count: int = 1


class Understood(NamedTuple):
    """The features found; lines about them and warnings, for a person."""

    schema: Schema
    lines: list[str]
    warnings: list[str]


def understand(table: Table, tasks: Sequence[Task], given: FeatureInput) -> Understood:
    """Infer the features of training rows; a task's column is never one.

    Raises ConfigError when the user names a column that is not there or is a task's, DataError when
    no feature is left.
    """
    between("--min-count", given.min_count, 1)
    labels = [task.column for task in tasks]
    _check_named(given, list(table.columns), labels)
    left_out = [name for name in dict.fromkeys(given.ignored) if name not in labels]
    parts = _Parts([], [], left_out, [], [], [], [])
    for name, column in table.columns.items():
        if name not in labels and name not in given.ignored:
            _understand_column(texts_of(column), table.rows, given, parts)
    schema = Schema(tuple(parts.categorical), tuple(parts.numeric))
    if not schema.names:
        reason = parts.warnings[0] if parts.warnings else "All are tasks or ignored."
        raise DataError(f"no column is left to learn from. {reason}")
    lines = [*_lines(schema, parts.left_out), *parts.unusual]
    if parts.sentinels:
        lines.append(
            "Warning: numbers that may stand for a missing value, apart from all others: "
            f"{_listed(parts.sentinels)}. If they do, leave those fields empty; `dssm check` tells "
            "more."
        )
    if parts.missing:
        lines.append(f"Missing, in how many rows: {_listed(parts.missing)}.")
    return Understood(schema, lines, parts.warnings)


class _Parts(NamedTuple):
    """What is found out column by column. missing: `age 3 ("-")`. unusual: lines. sentinels: `age
    -999 (3 rows)`."""

    categorical: list[Categorical]
    numeric: list[Numeric]
    left_out: list[str]
    warnings: list[str]
    missing: list[str]
    unusual: list[str]
    sentinels: list[str]


def _understand_column(seen: ColumnTexts, rows: int, given: FeatureInput, parts: _Parts) -> None:
    """Add to the parts what a column is."""
    name = seen.name
    asked = name in given.categorical or name in given.numeric
    useless = _useless(name, seen, rows, asked)
    doubt = useless if asked else _unread(name, seen) or useless or _doubt(name, seen, rows, given)
    parts.warnings.extend([doubt] if doubt else [])
    if useless:
        parts.left_out.append(name)
        return
    if name in given.numeric or (name not in given.categorical and seen.numeric):
        parts.numeric.append(_numeric(name, seen))
        counts = seen.counts.astype(np.int64)
        for each in sentinels_in(seen.numbers, counts, int(counts.sum())):
            many = counted(each.rows, "row")
            parts.sentinels.append(f"{name} {each.number:.12g} ({many})")
        codes = [] if name in given.numeric else _coded(name, seen, given.min_count)
        parts.categorical.extend(codes)
        parts.warnings.extend(_strange(name, seen, asked, bool(codes)))
        parts.unusual.extend([] if asked or codes else numbered_lines(name, seen, rows, _CODES))
        what = "numbers"
    else:
        texts = seen.category_counts
        parts.categorical.append(_categorical(name, texts, texts.values(), given.min_count))
        what = "categories"
    understanding = seen.understanding(what)
    parts.unusual.extend([understanding.line] if understanding.unusual else [])
    parts.missing.extend([seen.missing_part] if seen.missing_part else [])


def _check_named(given: FeatureInput, names: Sequence[str], labels: Sequence[str]) -> None:
    sides = {"--ignore": given.ignored, "--categorical": given.categorical}
    for flag, columns in {**sides, "--numeric": given.numeric}.items():
        for column in columns:
            if column not in names:
                near = nearest(column, names)
                hint = f" Did you mean {shown(near)}?" if near else ""
                raise ConfigError(f"{flag} {shown(column)}: no such column.{hint}")
            if column in labels and flag != "--ignore":
                raise ConfigError(f"{flag} {shown(column)}: a task's column is never a feature.")
    for one, other in (
        (given.ignored, (*given.categorical, *given.numeric)),
        (given.categorical, given.numeric),
    ):
        both = set(one) & set(other)
        if both:
            raise ConfigError(
                f"{shown(min(both))} is named by two of --ignore, --categorical and --numeric."
            )


def _is_id(seen: ColumnTexts, rows: int) -> bool:
    """Tell whether nearly every row has a text of its own that is no number."""
    return rows >= FEW_ROWS and len(seen.texts) > NEARLY_ALL * rows and not seen.numeric


def _is_row_number(name: str, seen: ColumnTexts, rows: int) -> bool:
    """Tell whether a column without a name numbers the rows, as the index of a data frame does."""
    return (
        rows > 1
        and len(seen.texts) == rows
        and _NAMELESS.fullmatch(name) is not None
        and bool((seen.numbers % 1 == 0).all() and (np.diff(seen.numbers) > 0).all())
    )


def _useless(name: str, seen: ColumnTexts, rows: int, asked: bool) -> str | None:
    """Return why a column is left out, None if it is not; what a user asks for only if it must."""
    if len(seen.category_counts) < 2:
        none = seen.missing[0]
        what = "no row has a value" if none else f"every row has {shown(seen.texts[0])}"
        return f"{name}: {what}, so it is left out."
    if asked:
        return None
    if _is_row_number(name, seen, rows):
        return (
            f"{name}: numbers the rows, so it is left out. To keep it: --numeric {in_shell(name)}."
        )
    if _is_id(seen, rows):
        some = (
            f", --numeric {in_shell(name)} for its numbers"
            if seen.share > 0 and not seen.read.clash and not seen.codes
            else ""
        )
        return (
            f"{name}: nearly every row has a value of its own ({len(seen.texts):,} in {rows:,} "
            f"rows), as an id has, so it is left out. To keep it: --categorical "
            f"{in_shell(name)}{some}."
        )
    return None


def _doubt(name: str, seen: ColumnTexts, rows: int, given: FeatureInput) -> str | None:
    """Return a warning about a column that may not be what it is taken for."""
    whole = seen.numeric and not (seen.numbers % 1 > 0).any()
    many = rows >= FEW_ROWS and len(seen.texts) > NEARLY_ALL * rows
    if whole and many and not is_measured(seen):
        return (
            f"{name}: nearly every row has a whole number of its own, as an id has. Unless it "
            f"measures something: --ignore {in_shell(name)}."
        )
    if seen.numeric and seen.read.mixed:
        one, other = seen.read.mixed
        number = seen.read.notation.number(one)
        return (
            f"{name}: some numbers have a percent sign and others have none: {shown(one)} is read "
            f"as {number:.6g} beside {shown(other)}. If that is wrong, write all in one way."
        )
    if not seen.numeric and not (seen.codes or seen.long_ids or seen.read.clash):
        distinct = len(np.unique(seen.numbers[~np.isnan(seen.numbers)]))
        if seen.share >= _HALF and distinct >= _MANY and seen.strange:
            return (
                f"{name}: {seen.share:.0%} of the rows have numbers, the others texts such as "
                f"{shown(seen.strange[0][0])}, so it is taken as words. To take these as missing: "
                f"--numeric {in_shell(name)}; if all are words: --categorical {in_shell(name)}."
            )
    if seen.long_ids and given.min_count < 2:
        single = sum(count == 1 for count in seen.category_counts.values())
        if 2 * single > len(seen.category_counts):
            return (
                f"{name}: {len(seen.category_counts):,} ids, {single:,} of them in one row alone, "
                "of which nothing can be learned for others: --min-count 2 takes these as unknown."
            )
    return None


def _strange(name: str, seen: ColumnTexts, asked: bool, coded: bool) -> Iterator[str]:
    """Yield a warning about texts in a column of numbers that are none."""
    if not seen.strange:
        return
    count = sum(count for _, count in seen.strange)
    rows = int(seen.counts.sum())
    options = (
        "" if asked else f" To take all its texts as categories: --categorical {in_shell(name)}."
    )
    kept = ", each a category besides" if coded else ""
    others, count_as = ("rows have other texts", "their numbers count")
    if count == 1:
        others, count_as = ("rows has another text", "its number counts")
    yield (
        f"{name}: numbers, but {count:,} of {rows:,} {others} ({listed(seen.strange)}): "
        f"{count_as} as missing{kept}.{options}"
    )


def _unread(name: str, seen: ColumnTexts) -> str | None:
    """Return a warning about texts that mean numbers or dates and are not read as such."""
    if seen.read.clash and seen.share >= NEARLY_ALL * _HALF:
        one, other = map(shown, seen.read.clash)
        return (
            f"{name}: {one} and {other} have different units, so they are taken as words: write "
            f"numbers of one unit, or leave it out with --ignore {in_shell(name)}."
        )
    strange = [text for text, _ in seen.strange]
    for form, said in _UNREAD:
        found = [text for text in strange if form.fullmatch(text.strip())]
        if len(found) > NEARLY_ALL * len(seen.texts):
            return f"{name}: {shown(found[0])} and the like are taken as words: {said}"
    for form, said in _UNREAD_NUMBERS:
        found = [text for text in strange if form.fullmatch(text.strip())]
        if len(found) >= _MANY and len(found) > _HALF * len(seen.texts):
            return (
                f"{name}: {shown(found[0])} and the like are not read as numbers: {said} If they "
                f"are words: --categorical {in_shell(name)}."
            )
    return None


_MANY = 30
_UNREAD_NUMBERS = (
    (
        re.compile(
            r"\d+:\d\d(:\d\d)?([.,]\d+)?|(\d+\s*([dhms]|min|sec|天|小时|时|分钟|分|秒)\s*){2,}",
            re.I,
        ),
        "give durations as seconds.",
    ),
    (re.compile(r"[+-]?\d+([.,]\d+)?\s*/\s*\d+([.,]\d+)?"), "give what the fraction comes to."),
    (re.compile(r"0x[0-9a-f]+", re.I), "give hexadecimal numbers as decimal ones."),
    (
        re.compile(
            r"([~≈<>≤≥约]|about|approx\.?|ca\.?|circa)\s*[$￥¥€£]?\s*\d.*|\d.*(左右|以上|以下)",
            re.I,
        ),
        "give numbers alone, without what says how exact they are.",
    ),
    (re.compile(r"\d+(_\d+)+"), "give numbers without underscores."),
    (
        re.compile(
            r"[$￥¥€£]?\s*-?\d[\d,.]*(\s+-\s+|\s*[–—~～至到]\s*|\s+to\s+)[$￥¥€£]?\s*-?\d[\d,.]*\s*\w{0,3}",
            re.I,
        ),
        "give both ends of ranges columns of their own.",
    ),
)
"""Forms of numbers that are not read, and what to do about them."""
_UNREAD = (
    (
        re.compile(r"(\d{4}[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.]\d{2,4})\b.*"),
        "give what matters of dates, such as weekday or hour, columns of its own.",
    ),
)
"""Forms of texts, and what to do about them."""
_HALF = 0.5


def _categorical(
    name: str, texts: Iterable[str], counts: Iterable[int], min_count: int
) -> Categorical:
    """Return the texts that stand often enough as categories, the commonest first."""
    order = sorted((-count, text) for text, count in zip(texts, counts, strict=True))
    return Categorical(name, tuple(text for less, text in order if -less >= min_count))


def _coded(name: str, seen: ColumnTexts, min_count: int) -> list[Categorical]:
    """Return the numbers of a column as categories too, unless there are many.

    A number may be a code, or mean more than its size says; as a category it has no order.
    """
    code = Code(seen.read.notation, VALUES)
    counts: Counter[str] = Counter()
    for text, count in zip(seen.texts, seen.counts.tolist(), strict=True):
        counts[code(text)] += count
    if len(counts) > _CODES or 2 * len(counts) > counts.total():
        return []
    return [_categorical(name, counts, counts.values(), min_count)]


def _numeric(name: str, seen: ColumnTexts) -> Numeric:
    known = ~np.isnan(seen.numbers)
    if not known.any():
        raise DataError(
            f"{name}: no row has a number. Leave it out with --ignore {in_shell(name)}."
        )
    numbers, place = np.unique(seen.numbers[known], return_inverse=True)
    counts = np.bincount(place, weights=seen.counts[known]).astype(np.float64)
    mean, scale = _spread(numbers, counts)
    log_mean, log_scale = _spread(signed_log(numbers), counts)
    zeros = counts[numbers == 0].sum() / counts.sum()
    feature = Numeric(
        name,
        mean,
        scale,
        log_mean,
        log_scale,
        edges=_edges(numbers, counts, zeros),
        zero=bool(zeros > 0),
        missing=bool((~known).any()),
        notation=seen.read.notation,
    )
    shares = np.bincount(feature.bins(numbers), weights=counts, minlength=4) / counts.sum()
    absent = float(seen.counts[~known].sum() / seen.counts.sum())
    return replace(feature, ends=(float(shares[2]), float(shares[3])), absent=(absent,))


def _spread(numbers: Floats, counts: Floats) -> tuple[float, float]:
    """Return the mean and the standard deviation, 1 where that is nothing."""
    mean = float(np.average(numbers, weights=counts))
    scale = float(np.sqrt(np.average((numbers - mean) ** 2, weights=counts)))
    return mean, scale if _SMALLEST < scale < np.inf else 1.0


def _edges(numbers: Floats, counts: Floats, zeros: float) -> tuple[float, ...]:
    """Return edges between bins of about as many rows each, out of the distinct numbers.

    Where many numbers are 0, which then has an edge and an indicator, only the others are shared
    out: else most bins would be empty.
    """
    if len(numbers) == 1:
        return (float(numbers[0]), float(np.nextafter(numbers[0], np.inf)))
    weights = np.where(numbers == 0, 0.0, counts) if zeros > _ZERO_HEAVY else counts
    below = np.cumsum(weights) / weights.sum()
    wanted = np.searchsorted(below, np.linspace(0, 1, BINS + 1)[1:-1])
    chosen = {0, len(numbers) - 1, *wanted.clip(0, len(numbers) - 1).tolist()}
    if zeros > _ZERO_HEAVY:
        chosen.add(int(np.searchsorted(numbers, 0)))
    return tuple(numbers[sorted(chosen)].tolist())


def _lines(schema: Schema, left_out: Sequence[str]) -> Iterator[str]:
    values = {each.name: counted(len(each.values), "value") for each in schema.categorical}
    numbers = [each.name for each in schema.numeric]
    told = [f"{name} ({many})" for name, many in values.items() if name not in numbers]
    if told:
        yield f"Categories: {_listed(told)}."
    if numbers:
        said = [f"{n} ({values[n]}, categories too)" if n in values else n for n in numbers]
        yield f"Numbers: {_listed(said)}."
    if left_out:
        yield f"Left out: {_listed(left_out)}."


def _listed(names: Sequence[str]) -> str:
    """Return names as a line tells them, the first ones of many."""
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


_MOST_NAMES = 60
