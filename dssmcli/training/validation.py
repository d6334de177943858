"""How good a model in training is: the score that picks its best weights, and its threshold."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from dssmcli import metrics, rankings
from dssmcli.data.batching import KnownPositives
from dssmcli.data.pairs import Pairs, positive_rows
from dssmcli.models.dssm import Dssm
from dssmcli.models.layers import to_torch
from dssmcli.training.task import TextTask

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.integer[Any]]

_ENCODE_AT_ONCE = 1024
_POOL = 2000
_ROWS_JUDGED = 100_000
"""Training rows at most that a threshold is chosen on where nothing validates."""


def validation_score(task: TextTask, model: Dssm, valid: Pairs) -> tuple[str, float]:
    """Return the metric that picks the best weights, and its value: the higher the better.

    AUC where labels have both classes, Spearman's correlation for grades, and for clicks the mean
    reciprocal rank of the clicked title among (up to 2,000) titles of the validation rows.
    """
    positive = positive_rows(valid, task.match_grade)
    if valid.kind == "grade" and valid.value.min() < valid.value.max():
        return "spearman", metrics.spearman(row_cosines(task, model, valid), valid.value)
    if valid.kind == "label" and positive.any() and not positive.all():
        return "auc", metrics.auc(row_cosines(task, model, valid), positive)
    return "mrr", _pool_mrr(task, model, valid, positive)


def _pool_mrr(task: TextTask, model: Dssm, valid: Pairs, positive: npt.NDArray[np.bool_]) -> float:
    rows = np.flatnonzero(positive)[:_POOL]
    pool = np.unique(valid.title[rows])
    cosines = encode_texts(task, model, valid.query[rows], "query") @ (
        encode_texts(task, model, pool, "title").T
    )
    if np.isnan(cosines).any():
        return float("nan")
    column = np.searchsorted(pool, valid.title[rows])
    known = KnownPositives(valid, positive).mask(valid.query[rows], pool)
    higher, ties = rankings.places_in_pool(cosines, column, known)
    return rankings.pool_report(higher, ties, len(pool), [1]).mrr


class Scores(NamedTuple):
    """Cosines of pairs and whether each is a match; `negatives` says what the others are."""

    cosines: Floats
    positive: npt.NDArray[np.bool_]
    negatives: str

    @property
    def can_be_told_apart(self) -> bool:
        """Tell whether there are both classes, and cosines that are numbers."""
        both = self.positive.any() and not self.positive.all()
        return bool(both and np.isfinite(self.cosines).all())


def threshold_scores(task: TextTask, model: Dssm) -> Scores:
    """Return the scored pairs that a threshold is chosen on: validation rows, or else training's.

    Clicks alone say nothing of what is no match: a title drawn at random for each clicked row
    joins the titles shown and not clicked.
    """
    random = np.random.default_rng([task.config.seed, 4])
    rows = task.valid if task.valid is not None else _some(task.train, random)
    cosines = row_cosines(task, model, rows)
    positive = positive_rows(rows, task.match_grade)
    if rows.kind in ("label", "grade") and positive.any() and not positive.all():
        return Scores(cosines, positive, "labelled")
    queries = rows.query[positive]
    titles = random.choice(np.unique(rows.title), len(queries))
    known = KnownPositives(rows, positive)
    pool = np.unique(titles)
    wrong = ~known.mask(queries, pool)[np.arange(len(queries)), np.searchsorted(pool, titles)]
    drawn = _cosines(task, model, queries[wrong], titles[wrong])
    return Scores(
        np.concatenate((cosines, drawn)),
        np.concatenate((positive, np.zeros(len(drawn), np.bool_))),
        "random titles" if positive.all() else "unclicked and random titles",
    )


def _some(pairs: Pairs, random: np.random.Generator) -> Pairs:
    if len(pairs) <= _ROWS_JUDGED:
        return pairs
    chosen = np.zeros(len(pairs), np.bool_)
    chosen[random.choice(len(pairs), _ROWS_JUDGED, replace=False)] = True
    return pairs.rows(chosen)


def row_cosines(task: TextTask, model: Dssm, pairs: Pairs) -> Floats:
    """Return the cosine of every row, (N,)."""
    return _cosines(task, model, pairs.query, pairs.title)


def _cosines(task: TextTask, model: Dssm, queries: Ints, titles: Ints) -> Floats:
    query = encode_texts(task, model, queries, "query")
    title = encode_texts(task, model, titles, "title")
    return np.asarray(np.einsum("nd,nd->n", query, title), np.float64)


@torch.no_grad()
def encode_texts(task: TextTask, model: Dssm, texts: Ints, side: str) -> Floats32:
    """Return the vectors (N, D) of texts given by number."""
    distinct, inverse = np.unique(texts, return_inverse=True)
    # Texts of like length together: less padding.
    order = np.argsort(task.index.lengths(distinct), kind="stable")
    parts = [np.zeros((0, task.model.tower.dim), np.float32)]
    for start in range(0, len(order), _ENCODE_AT_ONCE):
        block = task.index.block(distinct[order[start : start + _ENCODE_AT_ONCE]])
        parts.append(model.encode(to_torch(block), side).numpy())
    vectors = np.empty((len(distinct), task.model.tower.dim), np.float32)
    vectors[order] = np.concatenate(parts)
    return np.asarray(vectors[inverse])
