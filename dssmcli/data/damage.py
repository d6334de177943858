"""What programs did to texts on their way: spreadsheets, wrong encodings, web pages."""

from __future__ import annotations

import re
from typing import NamedTuple

from dssmcli.errors import shown

_FORMS = {
    # Long ids, and errors of formulas.
    "spreadsheet": re.compile(
        r"(?:^|(?<=[\t\n]))\s*(?:#(?:NAME\?|REF!|VALUE!|DIV/0!|NUM!|NULL!)|\d(?:\.\d+)?E\+\d+)"
        r"\s*(?=$|[\t\n])"
    ),
    # What could not be read; UTF-8 read as Latin-1 or Windows' code page; GBK and UTF-8 mixed up.
    "encoding": re.compile(
        "\ufffd|[\xc2\xc3][\x80-\xbf\u20ac\u2020-\u2022\u2039\u203a\u0152\u0153\u0160\u0161\u2122]"
        "|\xe2\u20ac|\xef\xbb\xbf|[\xe4-\xe9][\xb8-\xbf\u0160-\u0178\u2013-\u2030][\x80-\xbf]"
        "|锟斤拷|烫烫烫|屯屯屯"
    ),
    "html": re.compile(
        r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{2,6}|#x[0-9a-fA-F]{2,5});"
        r"|</?(?:em|b|i|br|strong|span|font|p|div|mark)\b[^<>\t\n]*>"
    ),
    "quotes": re.compile(r'(?:^|(?<=[\t\n]))"[^\t\n]*"(?=$|[\t\n])'),
}
FORMS = tuple(_FORMS)


class Damage(NamedTuple):
    """Lines with one kind of damage: how many, and the first of them with what it has."""

    lines: int
    line: int
    example: str


def damage_in(content: bytes, first: int) -> dict[str, Damage]:
    """Return what is damaged in the text of lines, whose first has that number, by its form."""
    text = content.decode("utf-8", "replace")
    found = {}
    for name, form in _FORMS.items():
        match = form.search(text)
        if match is not None:
            lines = {text.count("\n", 0, each.start()) for each in form.finditer(text)}
            found[name] = Damage(len(lines), first + min(lines), match[0].strip())
    return found


def added(damage: dict[str, Damage], more: dict[str, Damage]) -> dict[str, Damage]:
    """Return the damage of lines and of those after them together."""
    both = dict(damage)
    for name, other in more.items():
        known = both.get(name)
        both[name] = other if known is None else known._replace(lines=known.lines + other.lines)
    return both


def said(damage: Damage) -> str:
    """Return an example, with its line."""
    return f"{shown(damage.example, 30)} in line {damage.line:,}"
