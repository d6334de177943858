"""What the texts of fields mean: a table of texts and values, and of columns and numbers."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest

from dssmcli.data.notation import Notation, Understanding, read_numbers
from dssmcli.data.values import (
    boolean_in,
    category_of,
    integer_in,
    is_missing,
    number_in,
    text_of,
)

MISSING = r"""\N|NULL|null|(null)|-|--|—|.|?|n/a|NA|N/A|#N/A|#N/A N/A|#NA|<NA>|nan|-nan|NaN|NaT|None
nil|#DIV/0!|#VALUE!|#REF!|#NAME?|#NUM!|#NULL!|空|－| NULL |\n""".replace("\n", "|").split("|")
WHITE = ["", " ", "\t", "\u00a0", "\u3000", "\u200b", "\ufeff", "\ufeffNULL", "\u00a0-\u3000"]
NUMBERS = {
    **{"5": 5, " 5 ": 5, "+5": 5, "-5": -5, "5.": 5, ".5": 0.5, "1e3": 1000, "1.5E-3": 0.0015},
    **{"4,490.30": 4490.3, "1,234,567": 1234567, "1 234 567": 1234567, "1'234": 1234},
    **{"1\u00a0234": 1234, "1\u2009234.5": 1234.5, "1,23,456": 123456, "1,234": 1234},
    **{"￥99": 99, "¥ 1,200": 1200, "$-5": -5, "-$5": -5, "US$ 7": 7, "€3.5": 3.5, "99 USD": 99},
    **{"99元": 99, "1.2万": 12000, "3亿": 3e8, "1.2万元": 12000, "1.2k": 1200, "$1.2M": 1.2e6},
    **{'="49"': 49, ' ="1,234.5" ': 1234.5},
    **{"9.5%": 0.095, "９.５％": 0.095, "(9.5)": -9.5, "($1,200.50)": -1200.5, "−9.5": -9.5},
    **{"－３": -3, "１２": 12, "5-": -5, "\u200b5\ufeff": 5, "5\u3000": 5},
}
NO_NUMBERS = (
    *("", "abc", "nan", "inf", "-inf", "1e999", "12ms", "3,5", "1.234,56", "1,2,3", "1,234,56"),
    *("1.2.3", "12:30", "2024-03-01", "5-7", "0x1F", "1_000", "--5", "(5", "-(5)", "3/4", "$", "²"),
)


@pytest.mark.parametrize("text", [*MISSING, *WHITE])
def test_a_text_that_says_that_a_value_is_missing_is_missing(text: str) -> None:
    assert is_missing(text) and category_of(text) == "" and math.isnan(number_in(text))


@pytest.mark.parametrize("text", ["0", "unknown", "无", "nano", "-1", "no", "inf", "- -", "x"])
def test_a_word_or_a_number_is_not_missing(text: str) -> None:
    assert not is_missing(text) and category_of(text) == text


@pytest.mark.parametrize(("text", "number"), NUMBERS.items())
def test_a_number_is_read_as_people_write_it(text: str, number: float) -> None:
    assert number_in(text) == pytest.approx(number, rel=1e-15)


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_number_or_needs_its_column_is_none(text: str) -> None:
    assert math.isnan(number_in(text))


def test_whole_numbers_are_exact_however_long() -> None:
    long = "1234567890123456789012345"
    cases = {"123": 123, "123.0": 123, " 123 ": 123, "+7": 7, "-0": 0, "007": 7, "1.23e2": 123}
    cases |= {"9007199254740993": 2**53 + 1, "9007199254740993.00": 2**53 + 1, long: int(long)}
    assert {text: integer_in(text) for text in cases} == cases
    for text in ("", "1.5", "12e-1", "abc", "1e9999", "1,234", "nan", "9" * 5000):
        assert integer_in(text) is None


def test_yes_and_no_are_read_in_many_words() -> None:
    for text in ("1", "1.0", "True", "TRUE ", "t", "yes", "Y", "on", "是", "有", "✓", "Ｙ", "+1"):
        assert boolean_in(text) is True, text
    for text in ("0", "0.00", "False", "f", "no ", "N", "off", "否", "无", "✗", "-0"):
        assert boolean_in(text) is False, text
    for text in ("", "2", "-1", "maybe", "0.5", "nan", "NULL"):
        assert boolean_in(text) is None, text


def test_texts_that_mean_one_category_are_one() -> None:
    cases = {"1": "1", "1.0": "1", " 1": "1", "+1": "1", "-0.0": "0", "yes ": "yes", "Ａ１": "A1"}
    cases |= {"北京\u3000": "北京", "e\u0301": "é", "007": "007", "1.10": "1.10", "Yes": "Yes"}
    cases |= {str(2**53 + 1): str(2**53 + 1), "m²": "m²", "a\u00a0b": "a b"}
    assert {text: category_of(text) for text in cases} == cases


def test_python_values_are_the_texts_of_a_file() -> None:
    for value in (None, math.nan, np.nan, np.float32("nan"), np.datetime64("NaT"), ""):
        assert is_missing(text_of(value))
    cases = [(1, "1"), (1.0, "1"), (np.int64(1), "1"), (np.float32(1), "1"), (Decimal("1.0"), "1")]
    for value, category in [*cases, (" x", "x"), (b"x", "x"), (np.str_("x"), "x")]:
        assert category_of(text_of(value)) == category
    assert boolean_in(text_of(True)) and boolean_in(text_of(np.False_)) is False


COLUMNS: list[tuple[list[str], list[float], Notation]] = [
    (["1", "2.5", "-"], [1, 2.5, math.nan], Notation()),
    (["￥1,234.50", "99", "12元"], [1234.5, 99, 12], Notation(unit="元")),
    (["1,234", "999"], [1234, 999], Notation()),
    (["3,5", "1.234", "7"], [3.5, 1234, 7], Notation(decimal=",")),
    (["1.234,56", "0,5"], [1234.56, 0.5], Notation(decimal=",")),
    (["3,5", "12.5", "1.5"], [math.nan, 12.5, 1.5], Notation()),
    (["9.5%", "12 %"], [0.095, 0.12], Notation(percent="hundredth")),
    (["9.5%", "0.5"], [0.095, 0.5], Notation(percent="hundredth")),
    (["9.5%", "12"], [9.5, 12], Notation(percent="sign")),
    (["5kg", "3 KG", "7"], [5, 3, 7], Notation(unit="kg")),
    (["12ms", "7ms"], [12, 7], Notation(unit="ms")),
    (["1.2万", "300"], [12000, 300], Notation()),
    (["1.2k", "3.4M"], [1200, 3.4e6], Notation(millions=True)),
    (["1.5M", "200"], [1.5e6, 200], Notation(millions=True)),
    (["1.5m", "2m"], [1.5, 2], Notation(unit="m")),
    (["1.2万+", "30+"], [12000, 30], Notation(unit="+")),
    (["5°C", "−3°C"], [5, -3], Notation(unit="°c")),
    (["$5", "$7", "abc"], [5, 7, math.nan], Notation(unit="$")),
]


@pytest.mark.parametrize(("texts", "numbers", "notation"), COLUMNS)
def test_the_notation_of_a_column_is_that_of_its_rows(
    texts: list[str], numbers: list[float], notation: Notation
) -> None:
    column = read_numbers(texts)
    np.testing.assert_allclose(column.numbers, numbers)
    assert column.notation == notation and not column.clash


def test_points_between_thousands_are_known_by_the_numbers_beside_them() -> None:
    whole = [*range(3, 900, 40), *range(1000, 60_000, 1117)]
    german = [f"{number:,}".replace(",", ".") for number in whole]
    column = read_numbers(german)
    assert column.numbers.tolist() == whole and column.notation.decimal == ","
    assert column.examples == (("1.000", 1000),)
    assert column.notation.number("2.117") == 2117
    # Anything else behind a point, a number of four digits or a first 0 says otherwise.
    for other in ("1.5", "1.25", "0.125", "1000", "1.2345"):
        assert read_numbers([*german, other]).notation == Notation(), other
    assert read_numbers(["1.738", "12"]).notation == Notation()
    assert read_numbers(["1.234.567", "12", "1.738"]).numbers.tolist() == [1234567, 12, 1738]
    assert read_numbers([*german[-35:], "-999", "0"]).notation == Notation()
    weights = [f"{i}.{i % 900 + 99:03}" for i in range(1, 90)]
    assert read_numbers(weights).notation == Notation()  # all with three digits: as formatted


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["126%", "0.9", "35%", "1.4", "80%", "0.5"], [1.26, 0.9, 0.35, 1.4, 0.8, 0.5]),
        (["8%", "12", "15 %", "9"], [8, 12, 15, 9]),
    ],
)
def test_percentages_beside_plain_numbers_are_of_their_size(
    texts: list[str], numbers: list[float]
) -> None:
    column = read_numbers(texts)
    np.testing.assert_allclose(column.numbers, numbers)
    assert column.mixed == (texts[0], texts[1])
    assert read_numbers(["8%", "-"]).mixed == ()


def test_two_units_in_a_column_are_told_with_an_example_of_each() -> None:
    assert read_numbers(["5kg", "3lb", "x"]).clash == ("5kg", "3lb")
    assert read_numbers(["$5", "€5"], [3, 4]).clash == ("€5", "$5")
    rare = read_numbers(["5kg", "3lb"], [99, 1])
    assert not rare.clash and math.isnan(rare.numbers[1])


def test_a_column_reads_later_what_it_did_not_have_in_training() -> None:
    yuan = Notation(unit="¥")
    assert [yuan.number(text) for text in ("5", "5元", "￥5", " 5.0")] == [5, 5, 5, 5]
    assert math.isnan(yuan.number("$5")) and math.isnan(yuan.number("5kg"))
    assert Notation().number("￥4,490.30") == 4490.3 and math.isnan(Notation().number("5%"))
    assert Notation(decimal=",").number("1.234") == 1234


def test_what_was_understood_is_one_line() -> None:
    column = read_numbers(["￥99", "4,490.30", "(9.5)", "-"])
    missing, strange = (("-", 2), ("", 1)), (("call us", 4),)
    line = Understanding("price", "numbers", 1000, column.examples, missing, strange).line
    assert line == (
        'price: numbers; "￥99" is 99, "4,490.30" is 4490.3, "(9.5)" is -9.5; 3 of 1,000 rows are '
        'missing ("-" 2, empty 1); 4 of 1,000 rows are without a number, taken as missing '
        '("call us").'
    )
    assert not Understanding("price", "numbers", 1000).unusual
