"""Numbers and names with signs: which signs of a text belong to a unit, and where units end.

    3.5mm  ->  3.5  mm         1,000ml  ->  1000  ml        -5°C  ->  -5  °  c
    C++    ->  c++             F#       ->  f#              .NET  ->  .net
    4x4    ->  4  x  4         ASP.NET  ->  asp  .net       2020-05-01  ->  2020  05  01
    1.2.3  ->  1.2.3           12:30    ->  12  30          iphone12    ->  iphone12

A text is looked at through the classes of its characters, a letter each (`CLASSES`):

    d  a digit 0 to 9                         space  white space, opening brackets, : ; /
    x n e t  these letters                    p      other punctuation
    a  other letters and marks                m      mathematical symbols
    w  letters of scripts without spaces      s      other symbols, % and &
    f  regional indicators (half a flag)      . , - + # '  themselves (' for all apostrophes)

The rules are these regular expressions. `text.context` does the same to many texts at once.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from dssmcli.text.units import APOSTROPHES, SIGNS, is_unspaced, letter_under

_OPENS = ":;/"
_THEMSELVES = ".,-+#"
TIMES = "×"


def class_of(char: str) -> str:
    """Return the class of a character of a normalised text, a letter."""
    if char in _THEMSELVES:
        return char
    if char in APOSTROPHES:
        return "'"
    category = unicodedata.category(char)
    if category[0] in "PZC" and char not in SIGNS:
        return " " if category[0] == "Z" or category in ("Ps", "Pi") or char in _OPENS else "p"
    if category[0] in "PS":
        indicator = 0x1F1E6 <= ord(char) <= 0x1F1FF
        return "m" if category == "Sm" else "f" if indicator else "s"
    return _class_of_letter(char)


def _class_of_letter(char: str) -> str:
    if char in "0123456789":
        return "d"
    if is_unspaced(char):
        return "w"
    letter = letter_under(char)
    return letter if letter in "xnet" else "a"


class _Classes(dict[int, str]):
    """Table for `str.translate` from characters to classes; filled as characters are met."""

    def __missing__(self, code: int) -> str:
        self[code] = found = class_of(chr(code))
        return found


CLASSES: Mapping[int, str] = _Classes()

_FEET = re.compile("(?<=d)'")
"""An apostrophe behind a digit separates; any other vanishes."""
THOUSANDS = re.compile(r"(?<!d)(?<!d[.,])dd?d?(?:,ddd)+(?!,?d)")
"""A number whose commas stand between groups of three digits: they vanish."""
DECIMAL = re.compile(r"(?<=d)\.(?=d)")
LEADING = re.compile(r"(?:^|(?<=[ ,m+]))(?:-\.?|\.)(?=d)")
"""A minus, a point or both at a word's beginning, directly before a digit."""
DOTTED = re.compile(r"(?:^|(?<=[ ,m+]))\.(?=[axnet])|(?<=[axnet#])\.(?=net(?![daxnet]))")
"""A point directly before the letters of a word, or behind them before `net`: begins a unit."""
PLUS_PLUS = re.compile(r"(?<=[axnet])\+\+(?!\+)")
PLUS = re.compile(r"(?<=[axnet])\+(?![daxnetwsmf+])")
SHARP = re.compile(r"(?<![daxnet#])[axnet]#(?![daxnet#])")
FLAG = re.compile("ff")
# From here on N is a sign in a number, and | one in a name.
MEASURE = re.compile(r"(?<![daxnetN])([dN]+)([axnet]+)(?![daxnetN])")
"""A number at a word's beginning, and the letters behind it up to the word's end."""
SIZES = re.compile(r"(?<![daxnetN])[dN]+(?:x[dN]+)+[axnet]*(?![daxnetN])")
"""Numbers with an x between each two, and perhaps a unit behind the last."""
_PARTS = re.compile("[dN]+|x(?=[dN])|[axnet]+")


def spaced(text: str, space: Mapping[int, str]) -> str:
    """Return a normalised text with spaces around its units.

    space: table for `str.translate` that puts spaces around units where signs do not matter.
    """
    classes = _FEET.sub(",", text.translate(CLASSES))
    if any(sign in text for sign in APOSTROPHES):
        both = [(char, of) for char, of in zip(text, classes, strict=True) if of != "'"]
        text = "".join("," if of == "," else char for char, of in both)
        classes = "".join(of for _, of in both)
    roles = _roles(classes)
    breaks = _breaks(classes, roles)
    return "".join(
        (" " if i in breaks else "") + _written(char, of, role, space)
        for i, (char, of, role) in enumerate(zip(text, classes, roles, strict=True))
    )


def _written(char: str, of: str, role: str, space: Mapping[int, str]) -> str:
    if role == of:
        return " x " if char == TIMES else space[ord(char)]
    if of == "f":
        return char
    if of == ",":
        return ""
    # A sign that belongs to a unit stands as a letter of its script would.
    return space[ord("a")].replace("a", char)


def _roles(classes: str) -> str:
    """Return the classes with N and | put in for signs that belong to units, and j for flags."""
    roles = list(classes)
    for commas in THOUSANDS.finditer(classes):
        for i in range(*commas.span()):
            roles[i] = "N" if classes[i] == "," else "d"
    for pattern in (DECIMAL, LEADING):
        for sign in pattern.finditer(classes):
            roles[slice(*sign.span())] = "N" * len(sign.group())
    for pattern in (DOTTED, PLUS_PLUS, PLUS, SHARP):
        for sign in pattern.finditer(classes):
            for i in range(*sign.span()):
                roles[i] = "|" if classes[i] in _THEMSELVES else roles[i]
    for flag in FLAG.finditer(classes):
        roles[slice(*flag.span())] = "jj"
    return "".join(roles)


def _breaks(classes: str, roles: str) -> set[int]:
    """Return where units begin, whatever stands before."""
    breaks = {dot.start() for dot in DOTTED.finditer(classes)}
    breaks |= {plus.end() for plus in PLUS_PLUS.finditer(classes)}
    for flag in FLAG.finditer(classes):
        breaks |= {*flag.span()}
    breaks |= {number.start(2) for number in MEASURE.finditer(roles)}
    for sizes in SIZES.finditer(roles):
        parts = [part.start() for part in _PARTS.finditer(sizes.group())]
        breaks |= {sizes.start() + part for part in parts[1:]}
    return breaks
