"""Values of pairs: how they are written, and what they mean: a click, clicks, a label, a grade."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.values import BITS, bare, boolean_in, number_in, plain_number_in
from dssmcli.errors import DataError, shown
from dssmcli.text.ragged import distinct

Floats = npt.NDArray[np.float64]

_CACHED = 1 << 16
_SHOWN = 6
_HUGE = 1e8
"""No pair is clicked, or shown, so often: times and ids have such values."""


RELEVANCE = "relevance"
"""A kind that a name gives: labels where all values are 0 and 1, else grades."""


class Value(NamedTuple):
    """A value: its number, nan if it has none, and whether it is a word (yes) or an unusual way to
    write a number (1,234)."""

    number: float
    form: str


_PAUSE = re.compile(r"[-_\s]+")
_MATCHING = (
    *("match", "matches", "matched", "matching", "similar", "relevant", "related", "positive"),
    *("pos", "duplicate", "paraphrase", "same", "equivalent", "clicked"),
)
_JUDGEMENTS = {
    **{f"{no}{word}": False for word in _MATCHING for no in ("no ", "not ", "non ", "un", "non")},
    **dict.fromkeys(("mismatch", "mismatched", "dissimilar", "irrelevant", "different"), False),
    **dict.fromkeys(("not a match", "not a duplicate", "negative", "neg", "nomatch"), False),
    **dict.fromkeys(_MATCHING, True),
    **dict.fromkeys(("相似", "匹配", "相关", "相同", "一致", "正", "正例", "正样本"), True),
    **dict.fromkeys(("不相似", "不匹配", "不相关", "无关", "不同", "不一致"), False),
    **dict.fromkeys(("负", "负例", "负样本"), False),
}
"""Words by which people judge pairs, in lower case with spaces, and whether they mean a match."""


@lru_cache(_CACHED)
def value_in(text: str) -> Value:
    """Return the value that a field holds."""
    number = plain_number_in(text)
    if not math.isnan(number):
        return Value(number, "")
    number = number_in(text)
    if not math.isnan(number):
        return Value(number, "word" if text.strip() in BITS else "number")
    word = boolean_in(text)
    if word is None:
        word = _JUDGEMENTS.get(_PAUSE.sub(" ", bare(text).lower()))
    return Value(math.nan, "") if word is None else Value(float(word), "word")


class Spellings:
    """Counts the values that are not written as plain numbers.

    words: how often each stands. numbers: how many numbers are written otherwise; first: one of
    them, with what it was read as.
    """

    def __init__(self) -> None:
        self.words: Counter[str] = Counter()
        self.numbers = 0
        self.first: tuple[str, float] | None = None

    def read(self, texts: Sequence[str]) -> Values:
        """Return the values of fields; they count only when `count` is told so."""
        return Values({text: value_in(text) for text in set(texts)}, texts)

    def count(self, values: Values) -> None:
        """Count values that were read, and are used."""
        unusual = values.unusual()
        if not unusual:
            return
        for text in values.texts:
            if text not in unusual:
                continue
            number, form = unusual[text]
            if form == "word":
                self.words[
                    text.strip() if number in (0, 1) and text.strip() in BITS else bare(text)
                ] += 1
            else:
                self.numbers += 1
                self.first = self.first or (bare(text), number)

    def lines(self) -> Iterator[str]:
        """Yield lines that say what was read as what."""
        if self.words:
            told = [
                f"{shown(word)} is {value_in(word).number:g} ({count:,})"
                for word, count in self.words.most_common(_SHOWN)
            ]
            more = ", and so on" if len(self.words) > _SHOWN else ""
            yield f"Values in words: {', '.join(told)}{more}."
        if self.first is not None:
            text, number = self.first
            yield (
                f"Numbers not written plainly: {self.numbers:,}, such as {shown(text)}, read as "
                f"{plain(number)}."
            )


class Values(NamedTuple):
    """The values of the fields of a column: what each distinct text is, and the texts."""

    known: dict[str, Value]
    texts: Sequence[str]

    def unusual(self) -> dict[str, Value]:
        """Return the texts that are not plain numbers."""
        return {text: value for text, value in self.known.items() if value.form}

    def numbers(self) -> Floats | None:
        """Return the numbers (n,), None where a text has none."""
        numbers = {text: value.number for text, value in self.known.items()}
        if any(map(math.isnan, numbers.values())):
            return None
        return np.fromiter(map(numbers.__getitem__, self.texts), np.float64, len(self.texts))


def plain(number: float) -> str:
    """Return a number in few digits, but for a whole number in all of its own."""
    whole = float(number).is_integer() and abs(number) < 1e15
    return f"{number:.0f}" if whole else f"{number:g}"


def kind_of(value: Floats, kind: str | None, name: str, words: bool = False) -> str:
    """Return what values (N,) mean, nan where a row has none; DataError unless it is plain.

    `kind` is what the user or a column's name says, `name` what the error calls the rows. words:
    some of the values are words, such as yes and no.
    """
    if np.isnan(value).all():
        if kind not in (None, "click", RELEVANCE):
            raise DataError(f"{name}: two columns, but --value {kind} needs a third.")
        return "click"
    if kind == "click" and np.isnan(value).any():
        raise DataError(
            f"{name}: some rows have clicks and some none: leave out --value click, which takes "
            "every row as a click."
        )
    several = distinct(value[~np.isnan(value)])
    found = {*several[:3].tolist()} if len(several) <= 2 else set()
    binary = bool(found) and found <= {0.0, 1.0}
    signed = found == {-1.0, 1.0}
    if kind != "click" and words and not binary:
        raise DataError(
            f"{name}: some values are words such as yes or True, others numbers such as "
            f"{plain(several[~np.isin(several, (0.0, 1.0))][0])}: expected one or the other. "
            "Write 1 and 0 for the words, or another number."
        )
    if kind == RELEVANCE:
        return "label" if binary else "grade"
    if kind is None and (binary or signed):
        return "label"
    if kind is None:
        raise DataError(f"{name}: {_unclear(several)}")
    if kind == "clicks" and several[0] < 0:
        raise DataError(
            f"{name}: clicks are {plain(several[0])}, expected 0 or more. Where that is no match, "
            "write 0."
        )
    if kind == "label" and not (binary or signed or found == {-1.0}):
        if {*several.tolist()} == _SIGNS:
            raise DataError(f"{name}: the labels are -1, 0, 1, expected {_ONE_NO}")
        wrong = several[~np.isin(several, (0.0, 1.0))][0]
        raise DataError(
            f"{name}: a label is {plain(wrong)}, expected 0 or 1, or -1 and 1 (or --value grade)."
        )
    return kind


_SIGNS = {-1.0, 0.0, 1.0}
_ONE_NO = (
    "0 or 1, or -1 and 1. Where -1 and 0 both are no match, write one of them in all rows, such as "
    "by sed 's/\\t-1$/\\t0/' FILE > OTHER. If they are grades, train with --value grade "
    "--match-grade 1."
)


def _unclear(several: Floats) -> str:
    """Say what the distinct values are, and how to say what they mean."""
    found = ", ".join(plain(number) for number in several[:_SHOWN].tolist())
    said = f"the values are {found}{', …' if len(several) > _SHOWN else ''}"
    if several[0] >= _HUGE:
        return (
            f"{said}: clicks or grades? They look like times or ids, which are neither: leave the "
            "column out with --columns query,title,- (every row is then a click). Else say --value "
            "clicks (a count, the pair's weight) or --value grade (graded similarity)."
        )
    if {*several.tolist()} == _SIGNS:
        return f"{said}: labels are {_ONE_NO}"
    if several[0] < 0:
        return (
            f"{said}: clicks are 0 or more and labels 0 and 1, or -1 and 1. Say --value grade if "
            "they are grades (graded similarity)."
        )
    return (
        f"{said}: clicks or grades? Say --value clicks (a count, the pair's weight) or --value "
        "grade (graded similarity), or name the column in a header line or with --columns "
        "query,title,clicks."
    )


def settled(value: Floats, kind: str) -> Floats:
    """Return values (N,) as their kind has them: 1 for a click, 0 for a label of -1."""
    if kind == "click":
        return np.ones(len(value))
    filled = np.where(np.isnan(value), 1.0, value)
    return np.maximum(filled, 0.0) if kind == "label" else filled


def impressions_problem(name: str, query: npt.NDArray[np.int32], impressions: Floats) -> str | None:
    """Return why a fourth column (N,) without a name can be no number of impressions, else None.

    Times and ids are large, most of them different. Positions count 1, 2, 3 … for every query.
    Counts are whole.
    """
    known = ~np.isnan(impressions)
    shows = impressions[known]
    if not len(shows):
        return None
    several = distinct(shows)
    ids = len(shows) >= _ENOUGH and len(several) > _NEARLY_ALL * len(shows)
    if float(np.median(shows)) >= _HUGE or (ids and float(np.median(shows)) >= _LARGE):
        what = "as times or ids"
    elif _are_positions(query[known], shows):
        what = "1, 2, 3 … for each query, as positions"
    elif (shows % 1).any():
        what = "as prices or rates"
    else:
        return None
    found = ", ".join(plain(number) for number in shows[:3].tolist())
    return (
        f"{name}: the fourth column holds {found}, …, {what} are, not how often a title was shown. "
        "Leave it out with --columns query,title,value,-, or say that it is that with --columns "
        "query,title,value,impressions."
    )


_ENOUGH, _NEARLY_ALL, _LARGE = 50, 0.9, 10_000
_LEAST_PLACES = 3
_LEAST_QUERIES = 5


def _are_positions(query: npt.NDArray[np.int32], shows: Floats) -> bool:
    """Tell whether numbers (N,) count the rows of nearly every query that has some rows."""
    order = np.lexsort((shows, query))
    first = np.flatnonzero(np.diff(query[order], prepend=query[order[:1]] - 1))
    sizes = np.diff(first, append=len(order))
    place = np.arange(len(order)) - np.repeat(first, sizes) + 1
    counting = np.logical_and.reduceat(shows[order] == place, first)
    several = sizes >= _LEAST_PLACES
    return bool(several.sum() >= _LEAST_QUERIES) and bool(counting[several].mean() > _NEARLY_ALL)
