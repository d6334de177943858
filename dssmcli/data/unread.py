"""What is said of texts that a run cannot read, and of numbers unlike those it learned from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dssmcli.errors import WARNING, counted, shown


def shifted_lines(
    name: str, edges: Sequence[float], ends: Sequence[float], bins: Sequence[int]
) -> Iterator[str]:
    """Warn if most numbers of a column lie where few of those in training did.

    edges: of the bins in training. ends: which share lay in the lowest and in the highest. bins:
    how many lie between now, how many low and how many high.
    """
    total = sum(bins)
    if total < _ENOUGH or not ends:
        return
    limits = ((edges[1], "less"), (edges[-2], "more"))
    for count, before, (edge, far) in zip(bins[1:], ends, limits, strict=True):
        share = count / total
        if any(share >= now and before <= then for now, then in _SHIFTS):
            yield (
                f"Warning: {name}: {share:.0%} of {counted(total, 'number')} are {edge:.6g} or "
                f"{far}, in training {before:.0%} were: is it another unit or way of writing?"
            )


_SOME, _ENOUGH = 20, 100
_HALF, _FEW = 0.5, 0.1
_SHIFTS = ((0.9, _HALF), (_HALF, _FEW))
"""Shares now, and shares in training: so much more is another way of writing, or another world."""


def missing_lines(
    name: str, missing: int, fields: int, before: Sequence[float] = (0.0,)
) -> Iterator[str]:
    """Say how many fields of a numeric column are missing, where none was in training, and warn of
    most where few were; before: which share was, empty where that is not known."""
    if not missing or fields < _SOME or not before:
        return
    share = before[0]
    most = missing >= _HALF * fields and share <= _FEW
    if most or not share:
        known = "in none" if not share else f"in {share:.1%}"
        yield (
            f"{WARNING * most}{name}: missing in {missing:,} of {counted(fields, 'field')}, in "
            f"training {known}: taken as a number in the middle."
        )


def unknown_line(name: str, count: int, fields: int, example: str | None, known: str = "") -> str:
    """Say how many of a column's fields were no known category: a warning, if most were.

    known: how training spelled the example, if otherwise.
    """
    return (
        f"{_begun(count, fields)}{name}: {counted(count, 'field')} with a category not known"
        f"{_such_as(example, known)}."
    )


def unreadable_line(name: str, count: int, fields: int, example: str | None) -> str:
    """Say how many of a column's fields were no number where one belongs: a warning, if most."""
    return (
        f"{_begun(count, fields)}{name}: {counted(count, 'field')} without a number"
        f"{_such_as(example)}: missing."
    )


def _begun(count: int, fields: int) -> str:
    """Return how a line begins about so many of the fields of a column."""
    most = count >= _HALF * fields and (fields >= _SOME or count == fields > 1)
    return WARNING if most else ""


def _such_as(example: str | None, known: str = "") -> str:
    if example is None:
        return ""
    said = shown(example, 30) if example else "empty"
    return f" ({said}; in training {shown(known, 30)})" if known else f" ({said})"


def spelled(text: str, known: Sequence[str]) -> str:
    """Return the one of known categories that a text is but for capitals, spaces or leading zeros,
    else nothing."""
    if len(known) > _MOST_KNOWN:
        return ""
    key = spelling_key(text)
    return next((each for each in known if each and spelling_key(each) == key), "")


def spelling_key(text: str) -> str:
    """Return what stays of a text without capitals, what joins words, and leading zeros."""
    plain = text.strip().casefold()
    if _DIGIT.search(plain) is None:  # 1-1 is not 11
        return _JOINTS.sub("", plain)
    return plain.lstrip("0") or plain


_DIGIT = re.compile(r"\d")
_JOINTS = re.compile(r"[\s_\-.]+")
_MOST_KNOWN = 100_000
