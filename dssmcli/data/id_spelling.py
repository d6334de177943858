"""Ids that are the same but for how they are written: zeros in front, capitals, marks, a prefix."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from itertools import islice

from dssmcli.errors import shown

MOST = 200
"""So many ids are enough to tell how all are written."""
_MOST_KNOWN = 100_000
_TENTH, _HALF = 0.1, 0.5
_FEWEST = 3
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+")


def folded(own: str) -> str:
    """Return an id as any of its spellings: small letters, without quotes, separators of thousands,
    zeros in front and a .0 behind."""
    if own.isdecimal():
        return own.lstrip("0") or "0"
    plain = own.strip().strip("\"'").casefold()
    if _THOUSANDS.fullmatch(plain):
        plain = plain.replace(",", "")
    whole, point, rest = plain.partition(".")
    if point and whole.isdecimal() and not rest.strip("0"):
        plain = whole
    letters = plain.rstrip("0123456789")
    number = plain[len(letters) :]
    return letters + (number.lstrip("0") or number[-1:])


def spelling_hint(unknown: Iterable[str], known: Collection[str]) -> str:
    """Return what to say of ids that are not known because they are written otherwise; else "".

    unknown: some of them. known: all others, the usual ones first.
    """
    some = [*islice(dict.fromkeys(unknown), MOST)]
    if not some:
        return ""
    there = [*islice(known, _MOST_KNOWN)]
    spelled = {folded(own): own for own in reversed(there)}
    alike = [own for own in some if folded(own) in spelled]
    if alike and len(alike) >= _TENTH * len(some):
        one, other = alike[0], spelled[folded(alike[0])]
        how = _difference(one, other)
        return f"{shown(one)} here may be {shown(other)} there, but for {how}: write ids as there."
    return _with_prefix(some, there)


def _difference(one: str, other: str) -> str:
    """Say in what two spellings of an id differ."""
    if one.casefold() == other.casefold():
        return "capitals"
    for mark, name in (('"', "quotes"), ("'", "quotes"), (",", "a comma"), (".", "a .0")):
        if (mark in one) != (mark in other):
            return name
    return "zeros in front"


def _with_prefix(some: list[str], there: list[str]) -> str:
    """Return the same of ids whose numbers are known behind other letters, as item_7 beside 7."""
    mine, theirs = (Counter(_parts(own)[0] for own in ids) for ids in (some, there))
    prefix, many = mine.most_common(1)[0]
    usual, known = theirs.most_common(1)[0] if theirs else ("", 0)
    if many < max(_FEWEST, _HALF * len(some)) or known < _HALF * len(there) or prefix == usual:
        return ""
    numbers = {_parts(own)[1]: own for own in reversed(there) if _parts(own)[0] == usual}
    own = [each for each in some if _parts(each)[0] == prefix]
    alike = [each for each in own if _parts(each)[1] and _parts(each)[1] in numbers]
    if len(alike) < _HALF * len(own):
        return ""
    one, other = shown(alike[0]), shown(numbers[_parts(alike[0])[1]])
    return f"{one} here may be {other} there: write ids as there."


def _parts(own: str) -> tuple[str, str]:
    """Return the letters in front of an id, and its number; no number where it has none."""
    plain = folded(own)
    letters = plain.rstrip("0123456789")
    return letters, plain[len(letters) :].lstrip("0") or plain[-1:] if plain != letters else ""
