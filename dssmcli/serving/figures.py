"""The figures of one run on rows that say what they are, each with what a bootstrap draws anew."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli import calibration, metrics, rankings, weighted
from dssmcli.data.batching import KnownPositives
from dssmcli.data.pairs import Pairs
from dssmcli.serving.encoder import Encoder
from dssmcli.serving.reports import Figures

RANKS = (1, 3, 5, 10)
RECALL_RANKS = (1, 10)
_SCORED_AT_ONCE = 1024

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Judged:
    """N rows as one encoder scores them, the highest cosine first.

    cosines: (N,) float64. positive: (N,), which rows are matches. query: (N,), the queries numbered
    from 0 without gaps. texts: all texts by number where every row is a match, else None.
    """

    encoder: Encoder
    pairs: Pairs
    cosines: Floats
    positive: npt.NDArray[np.bool_]
    query: Ints
    texts: list[str] | None


def figures_of(rows: Judged) -> list[Figures]:
    """Return all figures that have a meaning for the rows, in the order in which they are shown."""
    found = []
    if rows.positive.any() and not rows.positive.all():
        found.append(class_figures(rows.cosines, rows.positive, rows.encoder.threshold))
        if rows.encoder.calibration is not None:
            chance = rows.encoder.probability(rows.cosines)
            found.append(probability_figures(chance, rows.positive))
    if len(np.unique(rows.pairs.value)) > 1:
        found.append(_correlations(rows))
    queries_repeat = rows.query.max() + 1 < len(rows.query)
    if queries_repeat:
        found.append(_pair_orders(rows))
    if rows.positive.all() and rows.texts is not None:
        found.append(_pool(rows, rows.texts))
    elif queries_repeat:
        found.append(_rankings(rows))
    return found


def class_figures(
    scores: Floats, positive: npt.NDArray[np.bool_], threshold: float | None
) -> Figures:
    """Return how well scores (N,) tell two classes apart, both there; the highest stands first."""
    values = {
        "auc": metrics.auc(scores, positive),
        "average_precision": metrics.average_precision(scores, positive),
        "positive_share": float(positive.mean()),
    }
    if threshold is not None:
        report = metrics.at_threshold(scores, positive, threshold)
        values |= {**report._asdict(), "threshold": threshold}
    return Figures(values, [weighted.two_classes(scores, positive, threshold)])


def probability_figures(chance: Floats, positive: npt.NDArray[np.bool_]) -> Figures:
    """Return how far probabilities (N,) can be believed, in the order of the rows."""
    losses = {
        "log_loss": calibration.log_losses(chance, positive),
        "brier": calibration.brier_scores(chance, positive),
    }
    means = {name: float(loss.mean()) for name, loss in losses.items()}
    # No interval: drawing rows anew adds to every bin's error.
    error = calibration.calibration_error(chance, positive)
    return Figures({**means, "ece": error}, [weighted.row_means(losses)])


def _correlations(rows: Judged) -> Figures:
    values = {
        "spearman": metrics.spearman(rows.cosines, rows.pairs.value),
        "pearson": metrics.pearson(rows.cosines, rows.pairs.value),
    }
    return Figures(values, [weighted.correlations(rows.cosines, rows.pairs.value)])


def _rankings(rows: Judged) -> Figures:
    value = rows.pairs.value
    relevance = value if rows.pairs.kind == "grade" else np.minimum(value, 1.0)
    # A gain below 0 would make a share of the best possible one meaningless.
    relevance = relevance - min(0.0, float(relevance.min()))
    # A query with a single title cannot be ranked wrongly: it would only flatter the figures.
    several = np.bincount(rows.query)[rows.query] > 1
    found = rankings.query_figures(
        rows.cosines[several],
        relevance[several],
        rows.positive[several],
        rows.query[several],
        RANKS,
    )
    if not len(found.queries):
        return Figures({})
    each = {f"ndcg@{k}": values for k, values in found.ndcg.items()}
    each |= {"map": found.average_precision, "mrr": found.reciprocal_rank}
    each |= {f"recall@{k}": found.recall[k] for k in RECALL_RANKS}
    counts = {
        "queries": float(len(found.queries)),
        "queries_skipped": float(found.skipped),
        "titles_per_query": float(found.pools.mean()),
        "titles_per_query_median": float(np.median(found.pools)),
        "titles_per_query_max": float(found.pools.max()),
    }
    return Figures({**_means(each), **counts}, [weighted.query_means(each, found.queries)])


def _pair_orders(rows: Judged) -> Figures:
    found = rankings.pair_orders(rows.cosines, rows.pairs.value, rows.query)
    right, wrong = float(found.concordant.sum()), float(found.discordant.sum())
    # Without a pair in the wrong order there is no ratio that JSON, or a person, could read.
    pnr = right / wrong if wrong else math.nan
    measure = weighted.query_ratio("pnr", found.concordant, found.discordant, found.queries)
    return Figures({"pnr": pnr}, [measure])


def _pool(rows: Judged, texts: list[str]) -> Figures:
    """Rank every row's title among all titles of the file."""
    pairs = rows.pairs
    numbers, column = np.unique(pairs.title, return_inverse=True)
    if len(numbers) < 2:
        return Figures({})
    higher, ties = _places(rows, texts, numbers, column)
    found = rankings.pool_figures(higher, ties, len(numbers), RECALL_RANKS)
    each = {"mrr": found.reciprocal_rank}
    each |= {f"recall@{k}": values for k, values in found.recall.items()}
    counts = {"queries": float(rows.query.max() + 1), "pool": float(len(numbers))}
    return Figures({**_means(each), **counts}, [weighted.row_means(each)])


def _places(rows: Judged, texts: list[str], numbers: Ints, column: Ints) -> tuple[Ints, Ints]:
    """Return how many titles score higher than each row's own (N,), and how many the same."""
    pairs, encoder = rows.pairs, rows.encoder
    used, place = np.unique(pairs.query, return_inverse=True)
    queries = encoder.encode([texts[i] for i in used], "query")
    titles = encoder.encode([texts[i] for i in numbers], "title")
    known = KnownPositives(pairs, rows.positive)
    higher, ties = np.zeros(len(pairs), np.int64), np.zeros(len(pairs), np.int64)
    for start in range(0, len(pairs), _SCORED_AT_ONCE):
        part = slice(start, start + _SCORED_AT_ONCE)
        scores = queries[place[part]] @ titles.T
        matches = known.mask(pairs.query[part], numbers)
        higher[part], ties[part] = rankings.places_in_pool(scores, column[part], matches)
    return higher, ties


def _means(figures: Mapping[str, Floats]) -> dict[str, float]:
    return {name: float(values.mean()) for name, values in figures.items()}
