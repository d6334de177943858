"""What is said of the columns of a table that a run has read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dssmcli.data.beyond import Beyond
from dssmcli.data.exchanged import Span, exchanged
from dssmcli.data.unread import (
    missing_lines,
    shifted_lines,
    spelled,
    unknown_line,
    unreadable_line,
)

if TYPE_CHECKING:
    from dssmcli.data.features import Numeric, Schema


def column_lines(
    schema: Schema,
    met: npt.NDArray[np.int64],
    examples: Mapping[tuple[int, int], str],
    beyond: Mapping[int, Beyond],
) -> Iterator[str]:
    """Yield a line for each column with texts that cannot be read, and warnings of one whose
    numbers lie elsewhere than those in training; all that is given as a `features.Reader` has it.
    """
    categories = {feature.name: feature.values for feature in schema.categorical}
    features = {feature.name: feature for feature in schema.numeric}
    spans = [each.span(schema.names[place]) for place, each in beyond.items()]
    for place, name in enumerate(schema.names):
        unknown, unreadable, *bins, fields = met[:, place].tolist()
        if name in features:
            yield from _number_lines(features[name], beyond[place], unreadable, bins, spans)
        if unreadable:
            yield unreadable_line(name, unreadable, fields, examples.get((1, place)))
        if unknown:
            example = examples.get((0, place))
            other = spelled(example or "", categories[name])
            yield unknown_line(name, unknown, fields, example, other)


def _number_lines(
    feature: Numeric, beyond: Beyond, unreadable: int, bins: list[int], spans: Sequence[Span]
) -> Iterator[str]:
    """Yield what is to be said of the numbers of a column, given where they lie."""
    missing, *known = bins
    before = feature.absent if feature.missing else (0.0,)
    yield from missing_lines(feature.name, missing - unreadable, sum(bins), before)
    edges, ends = feature.edges, feature.ends
    yield from drift_lines(feature.name, edges, ends, known, beyond, spans)


def drift_lines(
    name: str,
    edges: Sequence[float],
    ends: Sequence[float],
    bins: Sequence[int],
    beyond: Beyond,
    spans: Sequence[Span],
) -> Iterator[str]:
    """Warn of numbers of a column that lie elsewhere than those in training.

    edges, ends, bins: as `unread.shifted_lines` has them. spans: of all numeric columns.
    """
    total = sum(bins)
    shifted = [*beyond.misread(name, total)]
    shifted = shifted or [*shifted_lines(name, edges, ends, beyond.others(bins))]
    lines = [*shifted, *beyond.lines(name, total, bool(shifted))]
    if lines:
        lines[-1] += exchanged(name, spans)
    yield from lines
