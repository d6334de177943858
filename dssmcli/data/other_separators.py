"""Tables whose columns are apart by what is read by nobody: refused, with a command."""

from __future__ import annotations

import re

from dssmcli.data.sheets import delimiter_of
from dssmcli.errors import DataError, in_shell, shown

_SEPARATORS = ("|^|", "|~|", "||", "::", ";;", "^", "~", "¦", "\x02", "\\t")
_NAME = r"\w[\w .()%/-]*"
_BOX = re.compile(r"\+?[-=]{2,}([-=+| ]*)")


def delimiter_in(header: bytes, source: str) -> str:
    """Return what stands between the names of a header line.

    Raises DataError for a sign that is not read, or for a line that is drawn, as psql, MySQL and
    Markdown draw tables.
    """
    line = header.decode("utf-8", "replace").strip().removeprefix("\ufeff")
    name = "FILE" if source == "standard input" else in_shell(source)
    if _BOX.fullmatch(line) or (len(line) > 1 and line[0] == line[-1] == "|"):
        raise DataError(
            f"{source}: a table that is drawn ({shown(line)}), expected a header and rows. Convert "
            "it: sed -E '/^ *[|+]?[-=:+| ]*$/d; s/^ *[|] *//; s/ *[|] *$//; s/ *[|] */|/g' "
            f"{name} > NEW, and give NEW for it."
        )
    for sign in _SEPARATORS:
        if re.fullmatch(rf"{_NAME}({re.escape(sign)}{_NAME})+", line):
            script = f"import sys; [print(x.replace({sign!r}, chr(9)), end='') for x in sys.stdin]"
            raise DataError(
                f"{source}: the header has {shown(sign)} between its names, expected a tab, comma, "
                f"semicolon or bar. Convert it: python3 -c {in_shell(script)} < {name} > NEW, and "
                "give NEW for it."
            )
    return delimiter_of(header)
