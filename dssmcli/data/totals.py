"""The last row of a table or log that adds up those above, as spreadsheets and reports have it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dssmcli.data.table import Table
from dssmcli.data.values import is_missing
from dssmcli.errors import shown

_TOTAL = re.compile(
    r"\W*(grand[ _]?total|sub[ _]?total|totals?|sum|overall|average|mean"
    r"|合计|总计|总和|小计|平均|汇总)\W*",
    re.IGNORECASE,
)
_FEW_ROWS = 10


def total_line(table: Table) -> str | None:
    """Return a warning if the last row of a table is called a total: its first text is, as none of
    that column above is."""
    if table.rows < _FEW_ROWS:
        return None
    for column in table.columns.values():
        text = column.values[column.codes[-1]]
        if not is_missing(text):
            once = int((column.codes == column.codes[-1]).sum()) == 1
            return said_of_total(text) if once else None
    return None


def last_id_lines(ids: Sequence[str], codes: npt.NDArray[np.int32]) -> list[str]:
    """Return the same, if there is one, of the ids of a log's rows: codes (N,), numbers in ids."""
    if len(codes) < _FEW_ROWS or (codes == codes[-1]).sum() > 1:
        return []
    total = said_of_total(ids[codes[-1]])
    return [] if total is None else [f"Warning: {total}"]


def said_of_total(text: str) -> str | None:
    """Return the warning if a text says that its row adds up others."""
    if not _TOTAL.fullmatch(text):
        return None
    return (
        f"the last row is called {shown(text)}: it seems to add up the rows above, and counts as "
        "one of them. Leave it out: sed '$d' FILE > OTHER"
    )
