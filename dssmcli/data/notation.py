"""How the numbers of a column are written, found out from its distinct texts."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.config import one_of
from dssmcli.data.values import (
    MONEY,
    PERCENT,
    Parts,
    is_missing,
    parts_of,
    plain_number_in,
    plain_signs,
)
from dssmcli.errors import shown

Floats = npt.NDArray[np.float64]

_ONE_UNIT = 0.9
"""Of the rows with a unit, this share at least has the one that is read."""
_MILLIONS = {"M": 1e6, "m": 1e6, "B": 1e9, "b": 1e9}


@dataclass(frozen=True)
class Notation:
    """How the numbers of a column are written.

    decimal: `.` or `,`. unit: the unit that may stand with a number, "" for any currency and no
    other. percent: what % means: `hundredth` (9.5% is 0.095), `sign` (9.5% is 9.5, as the column
    has plain numbers above 1), or "" where it does not occur. millions: whether M and B multiply.
    plain: whether nothing but plain numbers is read, as runs up to format 4 do.
    """

    decimal: str = "."
    unit: str = ""
    percent: str = ""
    millions: bool = False
    plain: bool = False

    def __post_init__(self) -> None:
        one_of("decimal", self.decimal, (".", ","))
        one_of("percent", self.percent, ("", "hundredth", "sign"))

    def number(self, text: str) -> float:
        """Return the finite number of a field, signed, nan if it holds none."""
        if self.plain:
            return plain_number_in(text.strip())
        if self.decimal == "." or "." not in text:
            plain = plain_number_in(text)
            if not math.isnan(plain):
                return plain
        if is_missing(text):
            return math.nan
        parts = parts_of(text)
        return math.nan if parts is None else self._value(parts)

    @property
    def described(self) -> str:
        """Return what is read beyond plain numbers, or nothing: `a decimal comma, the unit kg`."""
        percent = {"hundredth": "9.5% as 0.095", "sign": "9.5% as 9.5", "": ""}[self.percent]
        said = [
            "a decimal comma" if self.decimal == "," else "",
            f"the unit {self.unit}" if self.unit else "",
            percent,
            "M and B as millions and billions" if self.millions else "",
        ]
        return ", ".join(filter(None, said))

    def numbers(self, texts: Iterable[str]) -> Floats:
        """Return the numbers (n,) of fields, nan for what is missing or is none."""
        return np.array([self.number(text) for text in texts], np.float64)

    def _value(self, parts: Parts) -> float:
        number = parts.value(self.decimal)
        if self.millions and parts.unit in _MILLIONS:
            return number * _MILLIONS[parts.unit]
        if not self._reads(parts.unit) or (parts.percent and not self.percent):
            return math.nan
        if parts.percent and self.percent == "hundredth":
            return number / PERCENT[parts.percent]
        return number

    def _reads(self, unit: str) -> bool:
        if not unit or unit == self.unit:
            return True
        return unit in MONEY if not self.unit else {unit, self.unit} in _ALIKE


PLAIN = Notation()
AS_BEFORE = Notation(plain=True)
"""As runs up to format 4 read numbers."""
_ALIKE = ({"¥", "元"}, {"¥", "円"})


class NumberColumn(NamedTuple):
    """The distinct texts (V,) of a column as numbers, nan for none.

    examples: a text for each way of writing beyond plain numbers, and the number read. clash: texts
    with different units, if none of these is nearly everywhere: the commonest is read. mixed: a
    text with a percent sign and one without, where a column has both.
    """

    notation: Notation
    numbers: Floats
    examples: tuple[tuple[str, float], ...]
    clash: tuple[str, ...]
    mixed: tuple[str, ...] = ()


def read_numbers(texts: Sequence[str], counts: Sequence[int] | None = None) -> NumberColumn:
    """Find out how the numbers of a column are written, and read them.

    texts: the distinct texts (V,) of the column. counts: how many rows have each, one by default.
    """
    weights = [1] * len(texts) if counts is None else counts
    numbers = np.fromiter(map(plain_number_in, texts), np.float64, len(texts))
    odd: dict[int, Parts] = {}
    for place in np.flatnonzero(np.isnan(numbers)).tolist():
        parts = None if is_missing(texts[place]) else parts_of(texts[place])
        if parts is not None:
            odd[place] = parts
    grouped = _grouped(texts, numbers, odd)
    if not odd and not grouped:
        return NumberColumn(PLAIN, numbers, (), ())
    decimal = "," if grouped else _decimal(texts, weights, numbers, odd)
    odd |= grouped
    units = _units(weights, odd)
    plain = np.flatnonzero(~np.isnan(numbers)).tolist()
    millions = _millions(units, odd, bool(plain))
    unit, clash = ("", ()) if millions else _one_unit(units, texts, odd)
    percent, mixed = _percent(texts, numbers, odd, decimal)
    notation = Notation(decimal, unit, percent, millions)
    if notation != PLAIN:
        numbers = notation.numbers(texts)
    else:
        for place in odd:
            numbers[place] = notation.number(texts[place])
    return NumberColumn(notation, numbers, _examples(texts, numbers, odd, decimal), clash, mixed)


def _grouped(texts: Sequence[str], numbers: Floats, odd: Mapping[int, Parts]) -> dict[int, Parts]:
    """Return numbers with points between groups of three digits, none if points are decimal signs.

    Alone, 1.738 may be either. But where no number has any other count of digits behind its point
    or begins with 0, and those without a point all are whole and below 1000, many such are 1738.
    """
    grouped: dict[int, Parts] = {}
    whole = 0
    for place in np.flatnonzero(~np.isnan(numbers)).tolist():
        text = texts[place].strip()
        if "." in text:
            parts = parts_of(text) if _GROUPED.fullmatch(text) else None
            if parts is None:
                return {}
            grouped[place] = parts
        elif abs(numbers[place]) < 1000 and "e" not in text.lower():
            whole += 1
        else:
            return {}
    millions = any(_GROUPED.fullmatch(texts[place].strip()) for place in odd)
    return grouped if grouped and (millions or (whole >= _SOME and len(grouped) >= _PROOF)) else {}


_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+")
_PROOF = 30
"""Of numbers rounded to three digits one in ten ends with 0, which is mostly not written: so many
that all have three are hardly chance."""
_SOME = 5
"""Different whole numbers: one or two may stand for something, such as -999 for a missing value."""


def _percent(
    texts: Sequence[str], numbers: Floats, odd: Mapping[int, Parts], decimal: str
) -> tuple[str, tuple[str, ...]]:
    """Return what % means, and a text with it and one without if there are both.

    It is a sign alone where the numbers without it are about as large as those with it.
    """
    marked = {p: each.value(decimal) for p, each in odd.items() if each.percent}
    marked = {p: abs(number) for p, number in marked.items() if not math.isnan(number)}
    if not marked:
        return "", ()
    others = {p: abs(numbers[p]) for p in np.flatnonzero(~np.isnan(numbers)).tolist()}
    values = {p: each.value(decimal) for p, each in odd.items() if not each.percent}
    others |= {p: abs(number) for p, number in values.items() if not math.isnan(number)}
    others = {p: number for p, number in others.items() if number}
    if not others:
        return "hundredth", ()
    mixed = (texts[next(iter(marked))].strip(), texts[next(iter(others))].strip())
    far = max(others.values()) <= 1 or (
        np.median([*marked.values()]) > _FAR * np.median([*others.values()])
    )
    return "hundredth" if far else "sign", mixed


_FAR = 10
"""Between the same size and a hundredth of it."""


def _decimal(
    texts: Sequence[str], weights: Sequence[int], numbers: Floats, odd: Mapping[int, Parts]
) -> str:
    """Return the decimal sign: a comma only where more rows prove it than prove a point.

    3,5 and 1.234,56 prove a comma, 12.5 and 4,490.30 a point; 1,234 and 1.234 neither.
    """
    commas = sum(weights[place] for place, parts in odd.items() if _only(parts, ","))
    if not commas:
        return "."
    points = sum(weights[place] for place, parts in odd.items() if _only(parts, "."))
    for place in np.flatnonzero(~np.isnan(numbers)).tolist():
        if "." in texts[place]:
            parts = parts_of(texts[place])
            points += weights[place] if parts is not None and _only(parts, ".") else 0
    return "," if commas > points else "."


def _only(parts: Parts, decimal: str) -> bool:
    """Tell whether digits are a number with this decimal sign and with no other."""
    other = "," if decimal == "." else "."
    return not math.isnan(parts.value(decimal)) and math.isnan(parts.value(other))


def _units(weights: Sequence[int], odd: Mapping[int, Parts]) -> Counter[str]:
    """Return how many rows have each unit; ¥ is 元 or 円 where one of them stands, too."""
    units: Counter[str] = Counter()
    for place, parts in odd.items():
        if parts.unit:
            units[parts.unit] += weights[place]
    others = [unit for unit in ("元", "円") if unit in units]
    if "¥" in units and len(others) == 1:
        units[others[0]] += units.pop("¥")
    return units


def _millions(units: Mapping[str, int], odd: Mapping[int, Parts], plain: bool) -> bool:
    """Tell whether M and B, the only units, are millions: with k, or M among plain numbers."""
    if not units or not set(units) <= set(_MILLIONS):
        return False
    thousands = any(parts.scale == 1e3 for parts in odd.values())
    return thousands or (plain and "M" in units and "m" not in units)


def _one_unit(
    units: Counter[str], texts: Sequence[str], odd: Mapping[int, Parts]
) -> tuple[str, tuple[str, ...]]:
    """Return the unit of a column, and texts with two units where none is nearly everywhere."""
    if not units:
        return "", ()
    unit, count = units.most_common(1)[0]
    if count >= _ONE_UNIT * units.total():
        return unit, ()
    two = [each for each, _ in units.most_common(2)]
    return unit, tuple(
        next(texts[place] for place, parts in odd.items() if _same(parts.unit, each))
        for each in two
    )


def _same(unit: str, other: str) -> bool:
    return unit == other or {unit, other} in _ALIKE


def _examples(
    texts: Sequence[str], numbers: Floats, odd: Mapping[int, Parts], decimal: str
) -> tuple[tuple[str, float], ...]:
    """Return a text for each unusual way of writing that was read, and its number."""
    chosen: dict[str, tuple[str, float]] = {}
    for place, parts in odd.items():
        number = float(numbers[place])
        if math.isnan(number):
            continue
        for way in _ways(texts[place], parts, decimal):
            chosen.setdefault(way, (texts[place].strip(), number))
    return tuple(dict.fromkeys(chosen.values()))


def _ways(text: str, parts: Parts, decimal: str) -> Iterator[str]:
    """Yield in what ways a number is not plain; another minus sign is not worth a word."""
    if parts.unit:
        yield "unit"
    if parts.percent:
        yield "percent"
    if parts.scale != 1:
        yield "scale"
    if "(" in plain_signs(text):
        yield "brackets"
    if "," in parts.digits or (decimal == "," and "." in parts.digits):
        yield "comma"
    elif " " in parts.digits or "'" in parts.digits:
        yield "groups"


class Understanding(NamedTuple):
    """What was understood of a column, for a person.

    what: `numbers`, `categories`, `labels` and the like. examples: unusual texts and their meaning.
    missing, strange: texts that say that a value is missing, and those that cannot be read, each
    with the rows that have it, the commonest first.
    """

    name: str
    what: str
    rows: int
    examples: tuple[tuple[str, float | str], ...] = ()
    missing: tuple[tuple[str, int], ...] = ()
    strange: tuple[tuple[str, int], ...] = ()

    @property
    def unusual(self) -> bool:
        """Tell whether there is anything to say beyond what the column is."""
        return bool(self.examples or self.missing or self.strange)

    @property
    def line(self) -> str:
        """Return one line: `price: numbers; "￥99" is 99; 3 of 1,000 rows are missing ("-")`."""
        said = [f"{self.name}: {self.what}"]
        if self.examples:
            said.append(", ".join(f"{shown(text)} is {_meant(is_)}" for text, is_ in self.examples))
        if self.missing:
            said.append(f"{_of(self.missing, self.rows)} missing ({listed(self.missing)})")
        if self.strange:
            said.append(
                f"{_of(self.strange, self.rows)} without a number, taken as missing "
                f"({listed(self.strange)})"
            )
        return "; ".join(said) + "."


def _meant(value: float | str) -> str:
    return shown(value) if isinstance(value, str) else f"{value:.12g}"


def _of(texts: Sequence[tuple[str, int]], rows: int) -> str:
    count = sum(many for _, many in texts)
    return f"{count:,} of {rows:,} rows {'is' if count == 1 else 'are'}"


def listed(texts: Sequence[tuple[str, int]]) -> str:
    """Return the first of some texts as a line tells them, each with its rows if there are more."""
    if len(texts) == 1:
        return shown(texts[0][0], 30) if texts[0][0] else "empty"
    said = [f"{shown(text, 30) if text else 'empty'} {count:,}" for text, count in texts[:_FEW]]
    more = f" and {len(texts) - _FEW:,} more" if len(texts) > _FEW else ""
    return ", ".join(said) + more


_FEW = 3
