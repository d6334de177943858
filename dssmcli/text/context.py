"""What `text.signs` says of one text, for many texts at once, in arrays of code points.

Most characters do not matter to the rules, so they are applied where signs stand, and where a digit
and a letter stand side by side.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint32]
Kinds = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

UNKNOWN, DROPPED, END, SPACE, GAP, SYMBOL, MATH, WIDE, IN_NAME = range(9)
SILENT, IN_NUMBER, DIGIT, LETTER, X, N, E, T = range(9, 17)
POINT, COMMA, MINUS, PLUS, HASH, FLAG, APOSTROPHE = range(17, 24)
"""Kinds of characters. IN_NAME and IN_NUMBER are of signs that belong to a unit, SILENT of commas
inside of a number, which belong to none."""
KIND_OF_CLASS = {
    **{" ": SPACE, "p": GAP, "s": SYMBOL, "m": MATH, "w": WIDE, "d": DIGIT},
    **{"a": LETTER, "x": X, "n": N, "e": E, "t": T},
    **{".": POINT, ",": COMMA, "-": MINUS, "+": PLUS, "#": HASH, "f": FLAG, "'": APOSTROPHE},
}
_KINDS = 256


def table_of(*kinds: int) -> Bools:
    """Return a table that is True for some kinds."""
    table = np.zeros(_KINDS, np.bool_)
    table[list(kinds)] = True
    return table


LETTERS = (LETTER, X, N, E, T)
_LETTERS = table_of(*LETTERS)
_WORDS = table_of(*LETTERS, DIGIT)
_SHARP_WORDS = table_of(*LETTERS, DIGIT, HASH)
_BEFORE_WORD = table_of(END, SPACE, COMMA, MATH, PLUS)
"""Behind these, a minus or a point begins a word."""
_BEFORE_NET = table_of(*LETTERS, HASH)
_GOES_ON = table_of(DIGIT, *LETTERS, WIDE, SYMBOL, MATH, FLAG, PLUS)
"""Before these, a single plus stands between two things."""
_PAD = 4


class Context(NamedTuple):
    """Characters of texts, those dropped left out, with their kinds.

    breaks: places (n,) where units begin, whatever stands before. joins: places (n,) of characters
    that are of the unit before. silent: places (n,) of commas that are not there.
    """

    codes: Codes
    kinds: Kinds
    breaks: Ints
    joins: Ints
    silent: Ints


def resolved(codes: Codes, kinds: Kinds) -> Context:
    """Return which signs belong to units, and where units begin or go on."""
    if len(signs := np.flatnonzero(kinds == APOSTROPHE)):
        feet = np.append(np.uint8(END), kinds)[signs] == DIGIT
        kinds[signs] = np.where(feet, COMMA, DROPPED)
        kept = kinds != DROPPED
        codes, kinds = codes[kept], kinds[kept]
    signs = np.flatnonzero(kinds >= POINT)
    commas = signs[kinds[signs] == COMMA]
    if len(commas):
        commas = _thousands(_padded(kinds), commas)
        kinds[commas] = SILENT
        signs = signs[kinds[signs] >= POINT]
    breaks, joins = _signs(kinds, signs)
    return Context(codes, kinds, np.concatenate((breaks, _measures(kinds))), joins, commas)


def _padded(kinds: Kinds) -> Kinds:
    """Return the kinds with _PAD ends on either side."""
    ends = np.full(_PAD, END, np.uint8)
    return np.concatenate((ends, kinds, ends))


def _thousands(padded: Kinds, commas: Ints) -> Ints:
    """Return those of the commas that stand between groups of three digits."""
    here = commas + _PAD

    def digit(offset: int) -> Bools:
        return np.asarray(padded[here + offset] == DIGIT)

    between = digit(-1) & digit(1)
    commas, here = commas[between], here[between]
    three = digit(1) & digit(2) & digit(3) & ~digit(4)
    # What stands before the digits before: 2 to 4 places back, if these are three at most.
    back = np.where(digit(-2), np.where(digit(-3), 4, 3), 2)
    before, second = padded[here - back], padded[np.maximum(here - back - 1, 0)]
    many = before == DIGIT
    numbered = ((before == COMMA) | (before == POINT)) & (second == DIGIT)
    linked = (before == COMMA) & numbered
    fine = three & ~many & (~numbered | (linked & (back == 4)))
    # Commas of one number stand or fall together.
    group = np.cumsum(~linked | (back != 4)) - 1
    wrong = np.zeros(len(here), np.bool_)
    wrong[group[~fine]] = True
    return np.asarray(commas[~wrong[group]])


def _signs(kinds: Kinds, signs: Ints) -> tuple[Ints, Ints]:
    """Enter which signs belong to a unit; return where units begin and which flags are whole."""
    padded = _padded(kinds)
    here, own = signs + _PAD, kinds[signs]
    two_back, back, ahead, two_ahead = (padded[here + offset] for offset in (-2, -1, 1, 2))
    point, number = own == POINT, ahead == DIGIT
    minus = (own == MINUS) & (number | ((ahead == POINT) & (two_ahead == DIGIT)))
    minus &= _BEFORE_WORD[back]
    leads = _BEFORE_WORD[back] | ((back == MINUS) & _BEFORE_WORD[two_back])
    in_number = minus | (point & number & (leads | (back == DIGIT)))
    net = (ahead == N) & (two_ahead == E) & (padded[here + 3] == T) & ~_WORDS[padded[here + 4]]
    dotted = point & ((_LETTERS[ahead] & _BEFORE_WORD[back]) | (net & _BEFORE_NET[back]))
    plus = own == PLUS
    first = plus & _LETTERS[back] & (ahead == PLUS) & (two_ahead != PLUS)
    second = plus & (back == PLUS) & _LETTERS[two_back] & (ahead != PLUS)
    single = plus & _LETTERS[back] & ~_GOES_ON[ahead]
    sharp = (own == HASH) & _LETTERS[back] & ~_SHARP_WORDS[two_back] & ~_SHARP_WORDS[ahead]
    kinds[signs[in_number]] = IN_NUMBER
    kinds[signs[dotted | first | second | single | sharp]] = IN_NAME
    breaks = np.concatenate((signs[dotted], signs[second] + 1))
    return breaks, _second_halves(signs[own == FLAG])


def _second_halves(flags: Ints) -> Ints:
    """Return every second of the places that stand side by side."""
    if not len(flags):
        return flags
    begins = np.diff(flags, prepend=-2) != 1
    first = np.flatnonzero(begins)
    within = np.arange(len(flags)) - np.repeat(first, np.diff(first, append=len(flags)))
    return np.asarray(flags[within % 2 == 1])


def _measures(kinds: Kinds) -> Ints:
    """Return where number and unit meet in words such as 5mm and 4x4x2cm."""
    # Unsigned numbers below a range are above it when the range's start is taken off.
    numbers = (kinds - np.uint8(SILENT)) < LETTER - SILENT
    letters = (kinds - np.uint8(LETTER)) < POINT - LETTER
    to_letter = 1 + np.flatnonzero(numbers[:-1] & letters[1:])
    if not len(to_letter):
        return to_letter
    to_number = 1 + np.flatnonzero(letters[:-1] & numbers[1:])
    inside = numbers | letters
    begins = inside.copy()
    begins[1:] &= ~inside[:-1]
    starts = np.flatnonzero(begins)
    # An x alone between two numbers: 4x4, but not 4ax4.
    sized = (kinds[to_number - 1] == X) & numbers[np.maximum(to_number - 2, 0)]
    fine = numbers[starts]
    fine[_places(starts, to_number[~sized])] = False
    meet = np.concatenate((to_letter, to_number))
    return np.asarray(meet[fine[_places(starts, meet)]])


def _places(starts: Ints, within: Ints) -> Ints:
    return np.asarray(np.searchsorted(starts, within, side="right") - 1)
