"""The one place that knows what the text of a field means: missing, number, yes or no, category.

Each function takes one text, as it stands in a file or as `text_of` makes it of a Python value. How
the numbers of a whole column are written is found out in `notation`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from typing import NamedTuple

_WIDTH_ZERO = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"
_EDGES = "".join(chr(c) for c in range(0x3001) if chr(c).isspace()) + "\x00" + _WIDTH_ZERO
"""What is white at the ends of a text: every space, no-break and ideographic, and what has no
width, such as a byte-order mark."""

_MISSING = frozenset(
    (
        *(
            "",
            r"\n",
            "-",
            "--",
            "---",
            "–",
            "—",
            "——",
            "−",
            ".",
            "..",
            "...",
            "…",
            "?",
            "na",
            "n/a",
        ),
        *("n.a.", "n.a", "#n/a", "#n/a n/a", "#na", "<na>", "<n/a>", "(na)", "(n/a)", "[na]"),
        *("nan", "-nan", "+nan", "nat", "null", "(null)", "<null>", "[null]", "none", "(none)"),
        *("<none>", "nil", "undefined", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan", "#div/0!"),
        *("#value!", "#ref!", "#name?", "#num!", "#null!", "#error!", "#spill!", "#calc!"),
        *("(blank)", "(empty)", "(missing)", "空", "空值", "缺失"),
    )
)
"""What stands in a field whose value is not known, in lower case."""

INFINITE = frozenset(sign + word for sign in ("", "+", "-") for word in ("inf", "infinity", "∞"))
"""Numbers that are not finite, in lower case: where a number belongs they are taken as missing."""

_TRUE = ("true", "t", "yes", "y", "on", "是", "有", "对", "真", "✓", "✔", "√", "☑", "✅")
_FALSE = ("false", "f", "no", "n", "off", "否", "无", "错", "假", "✗", "✘", "×", "☐", "❌")
_BOOLEANS = {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}
BITS = {"\x00": "0", "\x01": "1", r"b'\x00'": "0", r"b'\x01'": "1"}
"""A BIT(1) of MySQL as its own programs and Spark export it, and as Python writes it."""

_LONGEST = 4000
"""Digits of a whole number at most: Python refuses to read longer ones."""
_WHOLE = re.compile(r"([+-]?)(\d+)(?:\.(\d*))?(?:e([+-]?\d{1,4}))?", re.ASCII | re.IGNORECASE)
_PLAIN_WHOLE = re.compile(r"([+-]?)(0|[1-9]\d*)(\.0*)?", re.ASCII)


def bare(text: str) -> str:
    """Return a text without the white space of any kind at its ends, and out of `="…"`, in which
    spreadsheets write what is to stay a text; a BIT of MySQL as 0 or 1."""
    stripped = text.strip() if text.isascii() else text.strip(_EDGES)
    if stripped[:2] == '="' and stripped[-1] == '"' and len(stripped) > _QUOTED:
        return stripped[2:-1]
    return BITS.get(stripped, stripped)


_QUOTED = 3


def is_missing(text: str) -> bool:
    """Tell whether a field says that its value is not known."""
    stripped = bare(text)
    if len(stripped) > _LONGEST_MISSING:
        return False
    return stripped.lower() in _MISSING or (
        not stripped.isascii() and stripped.translate(_WIDTHS).lower() in _MISSING
    )


_LONGEST_MISSING = max(map(len, _MISSING))


def is_infinite(text: str) -> bool:
    """Tell whether a field holds a number that is not finite."""
    return bare(text).lower() in INFINITE


def boolean_in(text: str) -> bool | None:
    """Return what a field says that is yes or no, true or false, 1 or 0; None if it is neither."""
    stripped = bare(text)
    if not stripped.isascii():
        stripped = stripped.translate(_WIDTHS)
    word = _BOOLEANS.get(stripped.lower())
    if word is not None or not stripped or not (stripped[0].isdecimal() or stripped[0] in "+-."):
        return word
    whole = integer_in(stripped)
    return bool(whole) if whole in (0, 1) else None


def integer_in(text: str) -> int | None:
    """Return the whole number of a field, exact however long it is; None if it holds none.

    123.0 and 1.23e2 are 123. No float comes between: one beyond 2^53 would merge with others.
    """
    form = _WHOLE.fullmatch(plain_signs(text))
    if form is None:
        return None
    sign, digits, after, exponent = form.groups()
    after = (after or "").rstrip("0")
    shift = int(exponent or 0) - len(after)
    digits += after
    if shift < 0:
        if digits[shift:].strip("0"):
            return None
        digits, shift = digits[:shift] or "0", 0
    if len(digits) + shift > _LONGEST:
        return None
    return int(f"{sign}{digits}{'0' * shift}")


def category_of(text: str) -> str:
    """Return a text as a category has it: equal for texts that mean the same.

    Of white space at the ends, forms of half and full width, and how a whole number is written (1,
    1.0, +1) nothing is left; what says that the value is missing is the empty text. A code such as
    007 stays.
    """
    stripped = bare(text)
    if not stripped.isascii():
        stripped = unicodedata.normalize("NFC", stripped.translate(_WIDTHS))
    if len(stripped) <= _LONGEST_MISSING and stripped.lower() in _MISSING:
        return ""
    whole = _PLAIN_WHOLE.fullmatch(stripped)
    if whole is None:
        return stripped
    sign, digits, _ = whole.groups()
    return f"-{digits}" if sign == "-" and digits != "0" else digits


def text_of(value: object) -> str:
    """Return a Python value as it would stand in a file: None and nan are the empty text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bytes):
        if value in (b"\x00", b"\x01"):
            return repr(value)  # a BIT of MySQL, as pandas would write it
        return value.decode("utf-8", "replace")
    # The texts of nan, of pandas' NA and of its NaT are such that say that a value is missing.
    return str(value)


class Parts(NamedTuple):
    """A number as it is written.

    digits: with what groups them and the decimal sign. scale: what 万, k and the like multiply by.
    unit: what stands with it, such as a currency or kg, one spelling for each. percent: %, ‰ or "".
    """

    digits: str
    negative: bool
    scale: float
    unit: str
    percent: str

    def value(self, decimal: str) -> float:
        """Return the number, but for its percent, if `.` or `,` is the decimal sign; nan if it
        cannot be."""
        form = _POINT if decimal == "." else _COMMA
        match = form.fullmatch(self.digits)
        if match is None:
            return math.nan
        whole, after, exponent = match.groups()
        whole = re.sub(r"[,.' ]", "", whole or "")
        number = float(f"{whole or '0'}.{after or '0'}{exponent or ''}") * self.scale
        if not math.isfinite(number):
            return math.nan
        return -number if self.negative else number


_POINT = re.compile(
    r"(\d+|[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d?(?:,\d\d)+,\d{3}|[1-9]\d{0,2}(?:[ ']\d{3})+)?"
    r"(?:\.(\d*))?(e[+-]?\d+)?",
    re.IGNORECASE,
)
"""Thousands by commas (1,234.5), India's too (1,23,456), by spaces or apostrophes."""
_COMMA = re.compile(
    r"(\d+|[1-9]\d{0,2}(?:\.\d{3})+|[1-9]\d{0,2}(?:[ ']\d{3})+)?(?:,(\d+))?(e[+-]?\d+)?",
    re.IGNORECASE,
)
_SIGNS = "$€£¥₩₹₽₺₫฿₴₱₦₪"
_CODES = (
    *("USD", "EUR", "GBP", "JPY", "CNY", "RMB", "HKD", "TWD", "NTD", "KRW", "INR", "RUB", "CHF"),
    *("AUD", "CAD", "SGD", "BRL", "MXN", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "TRY", "THB"),
    *("VND", "ZAR", "NZD", "IDR", "MYR", "PHP", "Rs"),
)
_NUMBER = re.compile(
    rf"(\()?\s*([+-])?\s*([A-Za-z]{{0,2}}[{_SIGNS}]|(?:{'|'.join(_CODES)})\.?(?![A-Za-z]))?\s*"
    r"(\()?\s*([+-])?\s*((?:\d(?:[\d,.' ]*\d)?\.?|\.\d+)(?:[eE][+-]?\d+(?!\w))?)\s*"
    r"([^\d\s.,:;'()+#/_\-][^\d\s()+\-]{0,11}[23]?|)([+-]?)\s*(\))?",
)
_AT_LEAST = re.compile(r"^(\d[\d.,]*\s?(?:万|萬)?)\+\s?([^\d\s+%-]\D*)$", re.IGNORECASE)
"""900+ sold, 1.1万+人付款: so many at least, with a unit behind."""
_SCALES = {
    **{"万": 1e4, "萬": 1e4, "亿": 1e8, "億": 1e8, "百万": 1e6, "千万": 1e7, "千": 1e3, "百": 1e2},
    **{"k": 1e3, "thousand": 1e3, "mn": 1e6, "mio": 1e6, "million": 1e6, "bn": 1e9, "billion": 1e9},
}
_MONEY_SCALES = {"m": 1e6, "b": 1e9}
"""Behind a currency; alone they may be metres, minutes or bytes."""
_WITH_UNIT = re.compile(r"(百万|千万|万|萬|亿|億)(.+)")
_MONEY = {
    **dict.fromkeys(("元", "块", "圆", "人民币", "块钱", "cny", "rmb", "cn¥"), "元"),
    **dict.fromkeys(("円", "jpy", "jp¥"), "円"),
    **dict.fromkeys(("$", "us$", "usd", "dollar", "dollars", "美元"), "$"),
    **dict.fromkeys(("€", "eur", "euro", "euros", "欧元"), "€"),
    **dict.fromkeys(("£", "gbp", "英镑"), "£"),
    **dict.fromkeys(("₩", "krw", "원"), "₩"),
    **dict.fromkeys(("₹", "inr", "rs", "rs."), "₹"),
    **dict.fromkeys(("hk$", "hkd", "港元", "港币"), "HK$"),
    **dict.fromkeys(("nt$", "twd", "ntd", "台币"), "NT$"),
    **{sign: sign for sign in _SIGNS},
    **{code.lower(): code for code in _CODES[11:-1]},
}
MONEY = frozenset(_MONEY.values())
"""How currencies are spelt as units."""


def parts_of(text: str) -> Parts | None:
    """Return a number with what stands around it, None if a field holds none."""
    plain = plain_signs(text)
    if "+" in plain:
        plain = _AT_LEAST.sub(r"\1\2", plain)
    form = _NUMBER.fullmatch(plain)
    if form is None:
        return None
    opened, sign, front, inner, sign2, digits, back, last, closed = form.groups()
    brackets = bool(opened) + bool(inner)
    signs = [each for each in (sign, sign2, last if last == "-" else None) if each]
    if brackets != bool(closed) or len(signs) + brackets > 1:
        return None
    scale, back = _scaled(back, bool(front))
    if last == "+":
        if back or front or sign or sign2:
            return None
        back = "+"
    percent, back = (back, "") if back in ("%", "‰") else ("", back)
    money = _unit(front) if front else ""
    unit = " ".join(filter(None, (money, _unit(back))))
    if money and money == _unit(back):
        unit = money
    return Parts(digits, bool(brackets) or signs == ["-"], scale, unit, percent)


def _scaled(back: str, money: bool) -> tuple[float, str]:
    """Return what the word behind a number multiplies it by, and the unit that is left."""
    scales = {**_SCALES, **_MONEY_SCALES} if money else _SCALES
    whole = scales.get(back.lower())
    if whole is not None:
        return whole, ""
    unit = _WITH_UNIT.fullmatch(back)
    if unit is not None:
        return _SCALES[unit[1]], unit[2]
    for word in ("k", "m", "b", "百", "千"):
        if back.lower().startswith(word) and back[len(word) :].lower() in _MONEY:
            return {**_SCALES, **_MONEY_SCALES}[word], back[len(word) :]
    return 1.0, back


def _unit(text: str) -> str:
    """Return a unit in one spelling. The case of one letter tells M from m, of more nothing."""
    lower = text.lower()
    return _MONEY.get(lower, text if len(text) == 1 else lower)


def number_in(text: str) -> float:
    """Return the finite number of a field, signed, nan if it holds none.

    It is read without knowing its column: 4,490.30, ￥99, (9.5), 1.2万, 9.5 % and the like are
    numbers; 12ms and 3,5 are none, for which `notation` needs the column.
    """
    number = plain_number_in(text)
    if not math.isnan(number) or is_missing(text):
        return number
    parts = parts_of(text)
    if parts is None or (parts.unit and parts.unit not in MONEY):
        return math.nan
    return parts.value(".") / PERCENT.get(parts.percent, 1.0)


PERCENT = {"%": 100.0, "‰": 1000.0}
"""What a percentage is divided by."""


def plain_number_in(text: str) -> float:
    """Return the finite number that Python reads in a field of ASCII, else nan."""
    if not text.isascii() or "_" in text:
        return math.nan
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def plain_signs(text: str) -> str:
    """Return a text without white space at its ends, with digits, signs and spaces of ASCII."""
    stripped = bare(text)
    if stripped.isascii():
        return stripped
    plain = stripped.translate(_WIDTHS).translate(_SPELLINGS)
    if plain.isascii():
        return plain
    digits = (
        str(unicodedata.decimal(c)) if c.isdecimal() and not c.isascii() else c for c in plain
    )
    return "".join(digits)


_WIDTHS = {
    code: unicodedata.normalize("NFKC", chr(code))
    for code in (*range(0xFF01, 0xFFE7), 0xA0, 0x3000)
    if unicodedata.decomposition(chr(code)).startswith(("<wide>", "<narrow>", "<noBreak>"))
}
"""Characters of half and full width, and the no-break space, as usual."""
_SPELLINGS = {
    **dict.fromkeys(map(ord, "\u2212\u2010\u2011\u2012\u2013\u2014\ufe63\u207b"), "-"),
    **dict.fromkeys(map(ord, (c for c in _EDGES if not c.isascii() and c.isspace())), " "),
    **dict.fromkeys(map(ord, _WIDTH_ZERO), ""),
    **dict.fromkeys(map(ord, "’ʼ′"), "'"),
    **{ord("，"): ",", ord("٬"): ",", ord("٫"): ".", ord("﹩"): "$", ord("﹪"): "%"},
}
