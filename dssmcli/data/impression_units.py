"""Watch times and numbers that one of several logs has in another unit than the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from dssmcli.data.features import Numeric, Schema
from dssmcli.data.file_units import numbers_in, unit_lines
from dssmcli.data.impressions import ImpressionColumns, Impressions
from dssmcli.data.source_rows import rows_of_sources
from dssmcli.data.watch_doubts import mixed_units

Floats = npt.NDArray[np.float64]


def impression_unit_lines(
    log: Impressions,
    numeric: Sequence[Numeric],
    columns: ImpressionColumns,
    sources: Sequence[str],
) -> Iterator[str]:
    """Yield a warning for each column, and each file that has it in another unit."""
    if len(sources) < 2:
        return
    files = rows_of_sources(sources, log.ends)
    numbers = [*numbers_in(log.table, Schema((), tuple(numeric)))]
    clicked, watched = (_by_file(values, log) for values in (log.clicked, log.watched))
    if not mixed_units(clicked, watched, str(columns.unit), files):  # else it has been said
        times = np.where(log.clicked > 0, log.watched, np.nan)
        numbers.append((str(columns.watch_time), times))
    by_file = ((str(name), _by_file(values, log)) for name, values in numbers)
    yield from unit_lines(by_file, files)


def _by_file(numbers: Floats, log: Impressions) -> Floats:
    """Return numbers of impressions (N,) in the order of their files, nan in rows left out."""
    found = np.full(log.ends[-1], np.nan)
    found[log.order] = numbers
    return found
