"""Files in another format than the one asked for: CSV, JSON lines; and how to convert them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from dssmcli.data.column_names import is_title_name, role_of, titles_named
from dssmcli.errors import shown

_DELIMITERS = {",": "commas", ";": "semicolons", "|": "bars"}
_HIVE = "\x01"


def other_format(line: str, wanted: str) -> str | None:
    """Say what a line without a tab is in another format, and how to make TSV of it, or None.

    wanted: the name of the file that is to be written.
    """
    fields = json_fields(line)
    if fields is not None:
        return (
            f"It looks like JSON, an object a line ({', '.join(map(shown, list(fields)[:4]))}). "
            f"Convert it: {_json_command(fields)} < FILE > {wanted}"
        )
    bare = line.strip("\ufeff \r\n")
    if bare == "[" or bare.startswith("[{"):
        return (
            'It looks like JSON, a list of objects. Convert it: python3 -c "import json,sys;'
            "d=json.load(sys.stdin);[print(*(' '.join(str(x).split()) for x in r),sep='\\t') for r "
            f'in [d[0],*(r.values() for r in d)]]" < FILE > {wanted}'
        )
    if "\\t" in line:
        return (
            f"It has \\t written as two characters. Convert it: sed 's/\\\\t/\\t/g' FILE > {wanted}"
        )
    if _HIVE in line:
        return (
            "It has \\x01 between columns, as Hive writes them. Convert it: tr '\\001' '\\t' "
            f"< FILE > {wanted}"
        )
    found = max(_DELIMITERS, key=line.count)
    if found not in line:
        return None
    option = "" if found == "," else f",delimiter='{found}'"
    return (
        f"It looks like CSV, with {_DELIMITERS[found]} between columns. Convert it: python3 -c "
        f"\"import csv,sys;[print(*(' '.join(x.split()) for x in r),sep='\\t') for r in "
        f'csv.reader(sys.stdin{option})]" '
        f"< FILE > {wanted}"
    )


class Doubt(NamedTuple):
    """What lines look like that should be texts. certain: they can hardly be texts."""

    certain: bool
    told: str


def doubt_of(texts: Sequence[str], wanted: str) -> Doubt | None:
    """Say what the first lines of a file look like, if not like a text each, and what to do.

    wanted: the name of the file that is to be written.
    """
    lines = [text for text in texts[:_LOOKED_AT] if text.strip()]
    if not lines:
        return None
    fields = json_fields(lines[0])
    if fields is not None and all(_in_braces(line) for line in lines):
        return Doubt(
            True,
            f"the lines are JSON objects ({', '.join(map(shown, list(fields)[:4]))}), taken whole, "
            f"names and braces too. To take texts out: {_json_texts(fields)} < FILE > {wanted}",
        )
    if all(_HIVE in line for line in lines):
        return Doubt(
            True,
            "the lines have \\x01 between columns, as Hive writes them, and are taken whole. To "
            f"take one of them: tr '\\001' '\\t' < FILE | cut -f2 > {wanted}",
        )
    tabs = lines[0].count("\t")
    if tabs and len(lines) > 1 and all(line.count("\t") == tabs for line in lines):
        return Doubt(
            False,
            f"each line has {tabs + 1} columns, separated by tabs, and is taken whole. To take one "
            f"of them: cut -f2 FILE > {wanted}",
        )
    return _csv_doubt(lines, wanted)


_LOOKED_AT = 200
_ENOUGH = 10


def _csv_doubt(lines: Sequence[str], wanted: str) -> Doubt | None:
    """Say that lines look like CSV: by a header, or by as many commas in each."""
    names = lines[0].split(",")
    known = titles_named(names) if len(names) > 1 else None
    commas = [line.count(",") for line in lines]
    headed = known is not None and len(lines) > 1 and min(commas[1:]) >= len(names) - 1
    # Between words a comma has a space behind it.
    prose = sum(", " in line for line in lines)
    alike = len(lines) >= _ENOUGH and len({*commas}) == 1 and commas[0] and 4 * prose < len(lines)
    if not headed and not alike:
        return None
    place = known.index("title") if known else 1
    return Doubt(
        headed,
        f"the lines look like CSV, with {len(names)} columns, taken whole. To take one of them: "
        f"python3 -c \"import csv,sys;[print(' '.join(r[{place}].split())) for r in "
        'csv.reader(sys.stdin)]" '
        f"< FILE > {wanted}",
    )


def _in_braces(line: str) -> bool:
    bare = line.strip()
    return bare.startswith("{") and bare.endswith("}")


def _json_texts(fields: dict[str, Any]) -> str:
    """Return a command that takes ids, if any, and texts out of JSON."""
    texts = [name for name in fields if isinstance(fields[name], str)]
    named = [name for name in texts if is_title_name(name) or role_of(name) == "query"]
    text = (named or sorted(texts, key=lambda name: -len(fields[name])) or [*fields])[0]
    return (
        f"python3 -c \"import json,sys;[print(' '.join(str(r[{text!r}]).split())) for r in "
        'map(json.loads,sys.stdin)]"'
    )


def json_fields(line: str) -> dict[str, Any] | None:
    """Return the JSON object that a line holds, None if it holds none."""
    if not _in_braces(line):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and found else None


def _json_command(fields: dict[str, Any]) -> str:
    """Return a command that takes the columns of pairs out of JSON."""
    names = []
    for wanted in (
        *(("query",), ("title",), ("clicks", "label", "grade", "relevance", "value")),
        ("impressions",),
    ):
        names += [name for name in fields if role_of(name) in wanted][:1]
    header = "print(*n,sep='\\t');"
    if len(names) < 2 or role_of(names[0]) != "query" or role_of(names[1]) != "title":
        names, header = list(fields)[:3], ""  # names that are not known make no header
    return (
        f"python3 -c \"import json,sys;n={names};{header}[print(*(' '.join(str(r[k]).split()) "
        "for k in n),sep='\\t') for r in map(json.loads,sys.stdin)]\""
    )
