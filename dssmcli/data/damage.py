"""What programs did to texts on their way: spreadsheets, wrong encodings, web pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
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
    # What addresses of web pages, JSON, Python and mails make of other characters.
    "escapes": re.compile(
        # Every way begins with a plain character: so to search is ten times as quick.
        r"%(?:[89A-Fa-f][0-9A-Fa-f]%[89A-Fa-f][0-9A-Fa-f]|u[0-9A-Fa-f]{4}"
        r"|(?<=[A-Za-z]%)(?:2[0-9A-Ca-cFf]|3[A-Fa-f])(?=[A-Za-z0-9%]))"
        r"|\\(?:u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|[23][0-7]{2}\\[23][0-7]{2})"
        r"|(?<!\\)\\[nrt]"
        r"|(?:^|(?<=[\t\n]))[A-Za-z0-9]*[A-Za-z]\+[A-Za-z][A-Za-z0-9]*(?:\+[A-Za-z0-9]+)*"
        r"(?=$|[\t\n])"
        r"|=(?:[89A-F][0-9A-F]=){2}[89A-F][0-9A-F]"
    ),
    "quotes": re.compile(r'(?:^|(?<=[\t\n]))"[^\t\n]*"(?=$|[\t\n])'),
}
FORMS = tuple(_FORMS)


class Damage(NamedTuple):
    """Lines with one kind of damage: how many, and the first of them with what it has."""

    lines: int
    line: int
    example: str


def damage_in(content: bytes, first: int, forms: Iterable[str] = FORMS) -> dict[str, Damage]:
    """Return what is damaged in the text of lines, whose first has that number, by its form."""
    text = content.decode("utf-8", "replace")
    found = {}
    for name in forms:
        form = _FORMS[name]
        if form.search(text) is not None:
            lines, line, end, example = set(), 0, 0, ""
            for each in form.finditer(text):
                if each[0] in _BREAKS and _in_path(text, each.start()):
                    continue
                example = example or each[0].strip()
                line, end = line + text.count("\n", end, each.start()), each.start()
                lines.add(line)
            if lines:
                found[name] = Damage(len(lines), first + min(lines), example)
    return found


_BREAKS = (r"\n", r"\r", r"\t")
"""Line breaks and tabs in two characters, as mysql -B and Hive write them."""


def _in_path(text: str, place: int) -> bool:
    """Tell whether what stands at a place belongs to a path of Windows."""
    word = text[max(0, place - 200) : place].split()
    return bool(word) and not text[place - 1].isspace() and ":\\" in f"{word[-1]}\\"


_MANY, _FEWEST = 0.02, 3
_LOOKED_AT = 1 << 15
"""So many bytes of a source tell whether its texts are damaged; `dssm check` reads all."""
_SAID = {
    "encoding": "characters of a wrong encoding ({example}). Export the texts anew as UTF-8: such "
    "texts match nothing.",
    "html": "entities or tags of HTML ({example}), which count as characters. Decode those, and "
    'take these out: python3 -c "import html,re,sys;u=html.unescape;[sys.stdout.write('
    "re.sub('</?[a-zA-Z][^<>]*>',' ',u(u(re.sub('&#(9|1[03]);',' ',t))))) for t in sys.stdin]\" "
    "< FILE > NEW",
    "escapes": "characters written as escapes ({example}), which match no plain text. {todo}",
}


_SIGNS = {"html": (b"&", b"<"), "escapes": (b"%", b"\\", b"=", b"+")}
"""What stands in every text of a form: to look for it is quicker than the expression."""


def decoding(example: str) -> str:
    """Return a sentence that says how to decode escapes such as an example."""
    if example.startswith("%") and example[1:2] != "u":
        return (
            'Decode them: python3 -c "import sys,urllib.parse as u;[sys.stdout.write(u.unquote(t)) '
            'for t in sys.stdin]" < FILE > NEW'
        )
    if example.startswith(("\\u", "%u")):
        return (
            'Decode them: python3 -c "import re,sys;[sys.stdout.write('
            r"re.sub(r'[\\\\%]u([0-9a-fA-F]{4})',lambda m:chr(int(m[1],16)),t)"
            ".encode('utf-16','surrogatepass').decode('utf-16'))"
            ' for t in sys.stdin]" < FILE > NEW'
        )
    if "+" in example and example.replace("+", "").isalnum():
        return "Write blanks for them: tr '+' ' ' < FILE > NEW"
    if example in _BREAKS:
        return r"Write blanks for them: sed 's/\\[nrt]/ /g' FILE > NEW"
    return "Export the texts anew, as plain UTF-8."


def doubts_about(source: str, content: bytes) -> Iterator[str]:
    """Yield warnings about the first lines of a source, many of which are damaged."""
    whole, _, _ = content[:_LOOKED_AT].rpartition(b"\n")
    content = content if len(content) <= _LOOKED_AT else whole
    lines = content.count(b"\n") + 1
    forms = [name for name, signs in _SIGNS.items() if any(sign in content for sign in signs)]
    if not content.isascii():
        forms.append("encoding")
        content = content.decode("utf-8", "ignore").encode()  # bytes that are wrong are errors
    for name, found in damage_in(content, 1, forms).items():
        if found.lines >= max(_FEWEST, _MANY * lines):
            said_so = _SAID[name].format(example=said(found), todo=decoding(found.example))
            yield f"{source}: {found.lines:,} of the first {lines:,} lines have {said_so}"


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
