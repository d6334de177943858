"""How well an encoder's cosines agree with what pairs say of themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dssmcli import metrics, rankings
from dssmcli.data.batching import KnownPositives
from dssmcli.data.pairs import (
    Pairs,
    PairsReader,
    Texts,
    default_match_grade,
    interpretation,
    positive_rows,
)
from dssmcli.serving.encoder import Encoder

RANKS = (1, 3, 5, 10)
RECALL_RANKS = (1, 10)
_SCORED_AT_ONCE = 1024


@dataclass(frozen=True)
class Report:
    """The figures of one set of pairs, by name; a figure that has no meaning there is absent.

    said: how the rows were understood, in a line.
    """

    rows: int
    kind: str
    said: str
    figures: dict[str, float] = field(default_factory=dict)


def evaluate(encoder: Encoder, reader: PairsReader, texts: KeptTexts) -> Report:
    """Score rows while they are read, then compare with their values.

    `texts` are those that the reader numbers.
    """
    parts = [np.zeros(0, np.float32), *encoder.score_blocks(texts.watched(reader))]
    cosines = np.concatenate(parts).astype(np.float64)
    pairs = reader.pairs()
    positive = positive_rows(pairs, match_grade(encoder, pairs))
    figures: dict[str, float] = {}
    if positive.any() and not positive.all():
        figures |= _classes(cosines, positive, encoder.threshold)
    if len(np.unique(pairs.value)) > 1:
        figures["spearman"] = metrics.spearman(cosines, pairs.value)
        figures["pearson"] = metrics.pearson(cosines, pairs.value)
    if positive.all() and texts.kept is not None:
        figures |= _pool(encoder, texts.kept, pairs)
    elif len(np.unique(pairs.query)) < len(pairs):
        figures |= _rankings(cosines, positive, pairs)
    defined = {name: value for name, value in figures.items() if not math.isnan(value)}
    return Report(len(pairs), pairs.kind, interpretation(pairs), defined)


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
    data = encoder.config.get("data")
    stored = data.get("match_grade") if isinstance(data, dict) else None
    return float(stored) if isinstance(stored, (int, float)) else default_match_grade(pairs)


def _classes(
    cosines: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_], threshold: float | None
) -> dict[str, float]:
    figures = {
        "auc": metrics.auc(cosines, positive),
        "average_precision": metrics.average_precision(cosines, positive),
        "positive_share": float(positive.mean()),
    }
    if threshold is not None:
        report = metrics.at_threshold(cosines, positive, threshold)
        figures |= {**report._asdict(), "threshold": threshold}
    return figures


def _rankings(
    cosines: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_], pairs: Pairs
) -> dict[str, float]:
    relevance = pairs.value if pairs.kind == "grade" else np.minimum(pairs.value, 1.0)
    # A query with a single title cannot be ranked wrongly: it would only flatter the figures.
    several = np.bincount(pairs.query)[pairs.query] > 1
    report = rankings.ranking(
        cosines[several], relevance[several], positive[several], pairs.query[several], RANKS
    )
    if not report.queries:
        return {}
    figures = {f"ndcg@{k}": value for k, value in report.ndcg.items()}
    figures |= {"map": report.map, "mrr": report.mrr}
    figures |= {f"recall@{k}": report.recall[k] for k in RECALL_RANKS}
    figures |= {"queries": report.queries, "queries_skipped": report.skipped}
    return figures | {"titles_per_query": report.mean_pool}


def _pool(encoder: Encoder, texts: list[str], pairs: Pairs) -> dict[str, float]:
    """Rank every row's title among all titles of the file."""
    used, place = np.unique(pairs.query, return_inverse=True)
    numbers, column = np.unique(pairs.title, return_inverse=True)
    if len(numbers) < 2:
        return {}
    queries = encoder.encode([texts[i] for i in used], "query")
    titles = encoder.encode([texts[i] for i in numbers], "title")
    known = KnownPositives(pairs, np.ones(len(pairs), np.bool_))
    higher, ties = np.zeros(len(pairs), np.int64), np.zeros(len(pairs), np.int64)
    for start in range(0, len(pairs), _SCORED_AT_ONCE):
        rows = slice(start, start + _SCORED_AT_ONCE)
        scores = queries[place[rows]] @ titles.T
        matches = known.mask(pairs.query[rows], numbers)
        higher[rows], ties[rows] = rankings.places_in_pool(scores, column[rows], matches)
    report = rankings.pool_report(higher, ties, len(titles), RECALL_RANKS)
    figures = {"mrr": report.mrr, **{f"recall@{k}": v for k, v in report.recall.items()}}
    return figures | {"pool": float(report.pool)}
