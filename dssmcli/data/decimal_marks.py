"""Labels with another decimal mark than those learned from: 1,5 where 1.5 is read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from dssmcli.data.column_command import column_command
from dssmcli.data.notation import Notation
from dssmcli.errors import shown

_OTHER = {".": ",", ",": "."}
_CALLED = {".": "a decimal point", ",": "a decimal comma"}


def mark_advice(
    wrong: Sequence[str], notation: Notation, column: str, source: str, others: Sequence[str] = ()
) -> str:
    """Return why texts (W,) cannot be read, and a command that writes them as they are read.

    others: columns that the command writes so besides. Empty unless all of them are numbers with
    the other decimal mark.
    """
    mark = _OTHER[notation.decimal]
    other = replace(notation, decimal=mark)
    if notation.plain or any(mark not in text or math.isnan(other.number(text)) for text in wrong):
        return ""
    made = f'v.replace("{notation.decimal}", "").replace("{mark}", "{notation.decimal}")'
    command = column_command(source, column, f'{made} if "{mark}" in v else v', "-marks", others)
    return (
        f"{shown(wrong[0])} has {_CALLED[mark]}, and {_CALLED[notation.decimal]} is read. Write "
        f"all alike{f': {command}' if command else ''}."
    )
