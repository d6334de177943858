"""The row of types below the names of columns, as ClickHouse writes it (…WithNamesAndTypes)."""

from __future__ import annotations

import re
from collections.abc import Sequence

_TYPE = (
    r"(?:(?:Nullable|LowCardinality|Array)\()*"
    r"(?:U?Int(?:8|16|32|64|128|256)|Float(?:32|64)|String|FixedString\(\d+\)|Bool|UUID|IPv[46]"
    r"|Date(?:32)?|DateTime(?:64)?(?:\([^\t()]*\))?|Decimal\d*(?:\([\d, ]+\))?|Enum\d*\([^()]*\))"
    r"\)*"
)
_FIELD = re.compile(_TYPE)
_LONGEST = 1 << 14


def are_types(row: Sequence[str]) -> bool:
    """Tell whether a row of two fields or more holds nothing but names of types."""
    return len(row) > 1 and all(_FIELD.fullmatch(field.strip()) for field in row)


def begins_with_types(content: bytes, delimiter: str) -> bool:
    """Tell whether the first of some whole lines holds nothing but names of types."""
    line = content[:_LONGEST].partition(b"\n")[0].decode("utf-8", "replace").replace('"', "")
    return are_types(line.split(delimiter))
