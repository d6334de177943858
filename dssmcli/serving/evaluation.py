"""How well an encoder's cosines agree with what pairs say of themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dssmcli import metrics, rankings
from dssmcli.data.batching import KnownPositives
from dssmcli.data.pairs import Pairs, default_match_grade, positive_rows
from dssmcli.serving.encoder import Encoder

Floats = npt.NDArray[np.float32]

RANKS = (1, 3, 5, 10)
RECALL_RANKS = (1, 10)
_SCORED_AT_ONCE = 1024


@dataclass(frozen=True)
class Report:
    """The figures of one set of pairs, by name; a figure that has no meaning there is absent."""

    rows: int
    kind: str
    figures: dict[str, float] = field(default_factory=dict)


def evaluate(encoder: Encoder, pairs: Pairs) -> Report:
    """Encode each distinct text once, score the rows and compare with their values."""
    used, place = np.unique(pairs.query, return_inverse=True)
    queries = encoder.encode([pairs.texts[i] for i in used], "query")
    titles_used, title_place = np.unique(pairs.title, return_inverse=True)
    titles = encoder.encode([pairs.texts[i] for i in titles_used], "title")
    cosines = _row_products(queries, place, titles, title_place)
    positive = positive_rows(pairs, match_grade(encoder, pairs))
    figures: dict[str, float] = {}
    if positive.any() and not positive.all():
        figures |= _classes(cosines, positive, encoder.threshold)
    if len(np.unique(pairs.value)) > 1:
        figures["spearman"] = metrics.spearman(cosines, pairs.value)
        figures["pearson"] = metrics.pearson(cosines, pairs.value)
    if positive.all():
        figures |= _pool(queries[place], titles, titles_used, pairs)
    elif len(used) < len(pairs):
        figures |= _rankings(cosines, positive, pairs)
    defined = {name: value for name, value in figures.items() if not math.isnan(value)}
    return Report(len(pairs), pairs.kind, defined)


def match_grade(encoder: Encoder, pairs: Pairs) -> float:
    """Return the grade from which a row is a match: the run's own, or the middle of the range."""
    data = encoder.config.get("data")
    stored = data.get("match_grade") if isinstance(data, dict) else None
    return float(stored) if isinstance(stored, (int, float)) else default_match_grade(pairs)


def _row_products(
    queries: Floats,
    place: npt.NDArray[np.int64],
    titles: Floats,
    title_place: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    parts = [
        np.einsum("nd,nd->n", queries[place[i : i + 65536]], titles[title_place[i : i + 65536]])
        for i in range(0, len(place), 65536)
    ]
    return np.concatenate(parts).astype(np.float64)


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


def _pool(
    queries: Floats, titles: Floats, numbers: npt.NDArray[np.int64], pairs: Pairs
) -> dict[str, float]:
    """Rank every row's title among all titles of the file."""
    if len(titles) < 2:
        return {}
    known = KnownPositives(pairs, np.ones(len(pairs), np.bool_))
    column = np.searchsorted(numbers, pairs.title)
    higher, ties = np.zeros(len(pairs), np.int64), np.zeros(len(pairs), np.int64)
    for start in range(0, len(pairs), _SCORED_AT_ONCE):
        rows = slice(start, start + _SCORED_AT_ONCE)
        scores = queries[rows] @ titles.T
        matches = known.mask(pairs.query[rows], numbers)
        higher[rows], ties[rows] = rankings.places_in_pool(scores, column[rows], matches)
    report = rankings.pool_report(higher, ties, len(titles), RECALL_RANKS)
    figures = {"mrr": report.mrr, **{f"recall@{k}": v for k, v in report.recall.items()}}
    return figures | {"pool": float(report.pool)}
