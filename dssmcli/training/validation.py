"""How good a model in training is: the score that picks its best weights, and its threshold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dssmcli import metrics, rankings
from dssmcli.config import SIDES
from dssmcli.data.batching import KnownPositives
from dssmcli.data.pairs import Pairs, positive_rows
from dssmcli.models.dssm import Dssm
from dssmcli.models.layers import Device, TorchBlock, to_torch
from dssmcli.models.lexical import USUAL_SHARE
from dssmcli.training.task import TextTask

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.integer[Any]]

_ENCODE_AT_ONCE = 1024
_POOL = 2000
_ROWS_JUDGED = 100_000
"""Training rows at most that a threshold is chosen on where nothing validates."""


class Judge(NamedTuple):
    """What cosines are compared, and how well they then do.

    query, title: numbers of texts, row by row; or, with `pool`, of queries (Q,) and of all the
    titles (P,) that each is compared with. score: from cosines, (N,) or (Q, P), to the measure.
    """

    metric: str
    query: Ints
    title: Ints
    pool: bool
    score: Callable[[Floats], float]


def judge_of(rows: Pairs, match_grade: float) -> Judge:
    """Return how a model is judged on rows: the higher, the better.

    AUC where labels have both classes, Spearman's correlation for grades, and for clicks the mean
    reciprocal rank of the clicked title among (up to 2,000) titles of the rows.
    """
    positive, value = positive_rows(rows, match_grade), rows.value
    if rows.kind == "grade" and value.min() < value.max():
        return Judge(
            "spearman", rows.query, rows.title, False, lambda c: metrics.spearman(c, value)
        )
    if rows.kind == "label" and positive.any() and not positive.all():
        return Judge("auc", rows.query, rows.title, False, lambda c: metrics.auc(c, positive))
    clicked = np.flatnonzero(positive)[:_POOL]
    query, pool = rows.query[clicked], np.unique(rows.title[clicked])
    column = np.searchsorted(pool, rows.title[clicked])
    known = KnownPositives(rows, positive).mask(query, pool)

    def mrr(cosines: Floats) -> float:
        higher, ties = rankings.places_in_pool(cosines, column, known)
        return rankings.pool_report(higher, ties, len(pool), [1]).mrr

    return Judge("mrr", query, pool, True, mrr)


class Validation(NamedTuple):
    """How a model does on validation rows, and with which lexical share, with or without length
    powers, it does best."""

    metric: str
    score: float
    share: float | None
    lengths: bool = False


_SHARES = np.linspace(0, 1, 21)
_DOUBT = 0.25
"""What a score of one row may be wrong by; that of n rows by as much over sqrt(n)."""


def validated(task: TextTask, model: Dssm, valid: Pairs) -> Validation:
    """Judge a model on validation rows; where its vectors have a lexical part, with any share, and
    with its length powers (if any) and without.

    Few rows decide little: of shares that do about equally well there, the one nearest to the usual
    is taken. Lengths count only where that is better.
    """
    judge = judge_of(valid, task.match_grade)
    query = encode_texts(task, model, judge.query, "query")
    title = encode_texts(task, model, judge.title, "title")
    if model.lexical is None:
        cosines = _compared(query, title, judge)
        score = float("nan") if np.isnan(cosines).any() else judge.score(cosines)
        return Validation(judge.metric, score, None)
    dims, share = model.lexical.dims, float(model.lexical.share)
    parts = [
        (query[:, columns], title[:, columns])
        for columns in (slice(dims), slice(dims, -len(SIDES)))
    ]
    # Both are in the vectors, at the share of the moment.
    lexical, semantic = (_compared(q, t, judge) for q, t in parts)
    best = _best_share(judge, lexical / share, semantic / (1 - share))
    if bool(model.lexical.powers.any()):
        lexical, semantic = (_compared(_units(q), _units(t), judge) for q, t in parts)
        plain = _best_share(judge, lexical, semantic)
        best = best._replace(lengths=True) if best.score > plain.score else plain
    return best


def _best_share(judge: Judge, lexical: Floats, semantic: Floats) -> Validation:
    """Return how cosines do at the best share of their lexical part."""
    if np.isnan(lexical).any() or np.isnan(semantic).any():
        return Validation(judge.metric, float("nan"), None)
    doubt = _DOUBT / len(judge.query) ** 0.5
    scores = [judge.score(share * lexical + (1 - share) * semantic) for share in _SHARES]
    best = int(np.argmax(np.array(scores) - doubt * np.abs(_SHARES - USUAL_SHARE)))
    return Validation(judge.metric, scores[best], float(_SHARES[best]))


def _units(rows: Floats32) -> Floats32:
    """Return rows of length 1; a row of zeros stays."""
    norms = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    return np.asarray(rows / norms.clip(min=1e-12)[:, None], np.float32)


def _compared(query: Floats32, title: Floats32, judge: Judge) -> Floats:
    found = query @ title.T if judge.pool else np.einsum("nd,nd->n", query, title)
    return np.asarray(found, np.float64)


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


def encode_texts(task: TextTask, model: Dssm, texts: Ints, side: str) -> Floats32:
    """Return the vectors (N, D) of texts given by number."""
    dim, device = task.model.dim, model.device
    return rows_of_texts(task, texts, dim, lambda block: model.encode(block, side), device)


@torch.no_grad()
def rows_of_texts(
    task: TextTask,
    texts: Ints,
    width: int,
    rows_of: Callable[[TorchBlock], Tensor],
    device: Device = "cpu",
) -> Floats32:
    """Return the rows (N, width) of texts given by number; `rows_of` makes those of a block."""
    distinct, inverse = np.unique(texts, return_inverse=True)
    # Texts of like length together: less padding.
    order = np.argsort(task.index.lengths(distinct), kind="stable")
    rows = np.empty((len(distinct), width), np.float32)
    for start in range(0, len(order), _ENCODE_AT_ONCE):
        part = order[start : start + _ENCODE_AT_ONCE]
        rows[part] = rows_of(to_torch(task.index.block(distinct[part]), device)).cpu().numpy()
    return np.asarray(rows[inverse])
