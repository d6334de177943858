"""What the fields of impressions say: clicks, watch times, outcomes, and which are wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.durations import durations_of
from dssmcli.data.features import numbers_in
from dssmcli.data.log_rows import no_id
from dssmcli.data.table import Column
from dssmcli.data.values import boolean_in, integer_in, is_missing, number_in
from dssmcli.errors import counted, shown

Floats = npt.NDArray[np.float64]
Wrong = dict[int, str]
"""What is wrong with rows, by their places."""

LONGEST = 1e9
"""No watch takes longer, in whatever unit."""
_TIME = f"a time from 0 to {LONGEST:g}"


class Answers(NamedTuple):
    """Fields of N rows, (N,) float64, and lines about them for a person."""

    values: Floats
    lines: list[str]


def clicks_of(column: Column, wrong: Wrong) -> Answers:
    """Return clicks, 0 or 1, however yes and no are written.

    -1 is 0 beside 1 alone; a missing one is 0 where no other text is.
    """
    clicked = [boolean_in(text) for text in column.values]
    lacks = [is_missing(text) for text in column.values]
    numbers = {
        integer_in(text) for text, none in zip(column.values, lacks, strict=True) if not none
    }
    lines = []
    if numbers == {-1, 1}:
        clicked = [
            value if number != -1 else False
            for value, number in zip(clicked, map(integer_in, column.values), strict=True)
        ]
        lines.append(f"{column.name}: -1 is 0.")
    elif any(clicked) and False not in clicked and any(lacks):
        clicked = [False if none else value for value, none in zip(clicked, lacks, strict=True)]
        rows = int(np.array(lacks)[column.codes].sum())
        lines.append(
            f"{column.name}: missing in {counted(rows, 'row')}, and never 0: taken for not clicked."
        )
    _note(wrong, column, [each is None for each in clicked], "0 or 1, or yes or no")
    values = np.array([bool(each) for each in clicked], np.float64)
    lines = lines or [*_words(column, clicked)]
    return Answers(values[column.codes], lines)


def watch_times_of(column: Column, clicked: Floats, unit: float, wrong: Wrong) -> Answers:
    """Return watch times in seconds; one that is missing of an impression not clicked is 0."""
    found = durations_of(column.values, column.counts().tolist(), unit)
    seconds = found.seconds[column.codes]
    lacks = np.array([*map(is_missing, column.values)], np.bool_)[column.codes]
    negative = np.array([integer_in(text) == -1 for text in column.values], np.bool_)[column.codes]
    lines = []
    if found.examples:
        said = ", ".join(f"{shown(text)} is {number:g} s" for text, number in found.examples)
        lines.append(f"{column.name}: {said}.")
    left = (lacks | negative) & (clicked == 0)
    how = "-1 or missing" if (negative & left).any() else "missing"
    if left.any():
        seconds = np.where(left, 0.0, seconds)
        lines.append(
            f"{column.name}: {how} in {counted(int(left.sum()), 'row')} that "
            f"{'was' if left.sum() == 1 else 'were'} not clicked: 0 s."
        )
    bad = ~((seconds >= 0) & (seconds <= LONGEST * unit))
    _note_rows(wrong, column, bad, f"{_TIME}, as the row is clicked" if lacks.any() else _TIME)
    return Answers(seconds, lines)


def outcomes_of(column: Column, wrong: Wrong) -> Answers:
    """Return where an outcome came about: a yes, or a number above 0; nothing where it is missing.

    Other texts are wrong.
    """
    said = [boolean_in(text) for text in column.values]
    numbers = np.array([*map(number_in, column.values)], np.float64)
    above = np.array([bool(each) for each in said]) | (numbers > 0)
    lacks = np.array([*map(is_missing, column.values)], np.bool_)
    strange = np.isnan(numbers) & ~lacks & np.array([each is None for each in said])
    _note(wrong, column, strange.tolist(), "a number, or yes or no")
    lines = [*_words(column, said), *_counts(column, numbers)]
    missing = int(lacks[column.codes].sum())
    if missing:
        lines.append(f"{column.name}: missing in {counted(missing, 'row')}: taken for no.")
    values = above[column.codes].astype(np.float64)
    for share, which in ((0.0, "none"), (1.0, "all")):
        if len(values) and values.mean() == share:
            lines.append(
                f"Warning: {column.name}: above 0, or a yes, in {which} of "
                f"{counted(len(values), 'row')}: there is nothing to learn from it."
                + (_WRITE_BOTH if share else "")
            )
    return Answers(values, lines)


_WRITE_BOTH = " If only some of its values are a yes, write 1 for these and 0 for all others."


def _counts(column: Column, numbers: Floats) -> Iterator[str]:
    """Say which numbers beside 0 and 1 are a yes, and which are not."""
    used = (column.counts() > 0) & ~np.isin(numbers, (0, 1))
    said = [
        f"{shown(column.values[int(np.flatnonzero(used & part)[0])])} is {means}"
        for part, means in ((numbers > 0, "a yes, as it is above 0"), (numbers < 0, "a no"))
        if (used & part).any()
    ]
    if said:
        yield f"{column.name}: {', '.join(said)}."


def old_outcomes_of(column: Column, _: Wrong) -> Answers:
    """Return where an outcome is a number above 0, as runs before format 5 have it."""
    above = numbers_in(column.values) > 0
    return Answers(above[column.codes].astype(np.float64), [])


Outcome = Callable[[Column, Wrong], Answers]


def _words(column: Column, said: Sequence[bool | None]) -> Iterator[str]:
    """Say which words were taken for 0 and 1."""
    words = {
        value: text
        for text, value in zip(column.values, said, strict=True)
        if value is not None and text.strip() not in ("0", "1")
    }
    if words:
        told = ", ".join(f"{shown(words[value])} is {value:d}" for value in sorted(words))
        yield f"{column.name}: {told}."


def note_missing_ids(
    column: Column, role: str, missing: Callable[[str], bool], wrong: Wrong
) -> None:
    """Note the rows of a column of ids that have none."""
    reasons = [
        no_id(column.name, text, role) if not text or missing(text) else None
        for text in column.values
    ]
    lacks = np.array([each is not None for each in reasons], np.bool_)[column.codes]
    for row in np.flatnonzero(lacks).tolist():
        wrong[row] = str(reasons[column.codes[row]])


def _note(wrong: Wrong, column: Column, bad: Sequence[bool], wanted: str) -> None:
    """Note the rows whose texts (V,) are bad."""
    _note_rows(wrong, column, np.array(bad, np.bool_)[column.codes], wanted)


def _note_rows(wrong: Wrong, column: Column, bad: npt.NDArray[np.bool_], wanted: str) -> None:
    for row in np.flatnonzero(bad).tolist():
        text = column.values[column.codes[row]]
        wrong[row] = f"{column.name} is {shown(text)}, expected {wanted}."
