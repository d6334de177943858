"""How well the cosines of one run, or of several, agree with what pairs say of themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dssmcli.bootstrap import Difference, Interval, Plan, difference, interval, resampled
from dssmcli.data.pairs import (
    Pairs,
    PairsReader,
    Texts,
    default_match_grade,
    interpretation,
    positive_rows,
)
from dssmcli.serving.encoder import Encoder, score_together, stored_number
from dssmcli.serving.figures import Judged, figures_of

Floats = npt.NDArray[np.float64]

DESCRIPTIVE = frozenset(
    (
        *("positive_share", "threshold", "queries", "queries_skipped", "pool"),
        *("titles_per_query", "titles_per_query_median", "titles_per_query_max"),
    )
)
"""What is said beside the figures: it does not tell a good run from a bad one."""

LOWER_IS_BETTER = frozenset(("log_loss", "brier", "ece"))

_SLOW_ROWS = 1_000_000
"""So many rows take some seconds to draw anew as often as it is usual."""


@dataclass(frozen=True)
class Report:
    """The figures of one run on one set of pairs, by name; one that has no meaning is absent.

    queries: how many distinct ones the rows have. intervals: of the figures that have one. draws:
    (n,) what such a figure was in each draw.
    """

    rows: int
    queries: int
    kind: str
    figures: dict[str, float]
    intervals: dict[str, Interval]
    draws: dict[str, Floats]


def evaluate(
    encoders: Sequence[Encoder],
    reader: PairsReader,
    texts: KeptTexts,
    plan: Plan,
    say: Callable[[str], None],
) -> list[Report]:
    """Score rows while they are read, then compare with their values: a report an encoder.

    `texts` are those that the reader numbers. `say` gets a line about how the rows were understood.
    Which grades are matches is the same for all encoders: what the first one's run says.
    """
    parts = [np.zeros((0, len(encoders)), np.float32)]
    parts += [found.rows for found in score_together(encoders, texts.watched(reader))]
    pairs = reader.pairs()
    say(f"{interpretation(pairs)}.")
    if plan.draws and len(pairs) > _SLOW_ROWS:
        say(f"drawing {len(pairs):,} rows anew {plan.draws} times (--bootstrap 0: not at all).")
    cosines = np.concatenate(parts)
    grade = match_grade(encoders[0], pairs)
    return [
        _report(_judged(encoder, pairs, cosines[:, i], grade, texts.kept), plan)
        for i, encoder in enumerate(encoders)
    ]


def _judged(
    encoder: Encoder,
    pairs: Pairs,
    cosines: npt.NDArray[np.float32],
    grade: float,
    texts: list[str] | None,
) -> Judged:
    order = np.argsort(-cosines, kind="stable")
    columns = (pairs.query[order], pairs.title[order], pairs.value[order])
    query, title, value = columns
    ordered = replace(pairs, query=query, title=title, value=value)
    return Judged(
        encoder,
        ordered,
        cosines[order].astype(np.float64),
        positive_rows(ordered, grade),
        np.unique(query, return_inverse=True)[1],
        texts,
    )


def _report(rows: Judged, plan: Plan) -> Report:
    found = figures_of(rows)
    values = {name: value for each in found for name, value in each.values.items()}
    known = {name: value for name, value in values.items() if not math.isnan(value)}
    measures = [measure for each in found for measure in each.measures]
    draws = {
        name: drawn
        for name, drawn in resampled(measures, rows.query, plan).items()
        if name in known
    }
    intervals = {name: interval(drawn) for name, drawn in draws.items()}
    return Report(
        rows=len(rows.pairs),
        queries=int(rows.query.max()) + 1,
        kind=rows.pairs.kind,
        figures=known,
        intervals={name: found for name, found in intervals.items() if found is not None},
        draws=draws,
    )


def compare(first: Report, second: Report) -> dict[str, Difference]:
    """Return by how much figures of two runs on the same rows differ: second less first."""
    return {
        name: difference(
            second.figures[name] - value,
            first.draws.get(name, np.zeros(0)),
            second.draws.get(name, np.zeros(0)),
            first.queries,
        )
        for name, value in first.figures.items()
        if name in second.figures and name not in DESCRIPTIVE
    }


class KeptTexts:
    """Keeps texts for as long as every row may be a match: then all titles will be ranked."""

    def __init__(self) -> None:
        self.kept: list[str] | None = []
        self.numbers = Texts(self._meet)

    def _meet(self, texts: list[str]) -> None:
        if self.kept is not None:
            self.kept.extend(texts)

    def watched(self, reader: PairsReader) -> Iterator[tuple[list[str], list[str]]]:
        """Yield the reader's blocks, and drop the texts at the first row that is no match."""
        for block in reader.blocks():
            if reader.zeros:
                self.kept = None
            yield block


def match_grade(encoder: Encoder, pairs: Pairs) -> float:
    """Return the grade from which a row is a match: the run's own, or the middle of the range."""
    stored = stored_number(encoder.config, "data", "match_grade")
    return default_match_grade(pairs) if stored is None else stored
