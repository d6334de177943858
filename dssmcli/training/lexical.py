"""Chooses the lexical part of vectors from training rows, before anything is learned."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from dssmcli.config import SIDES
from dssmcli.data.pairs import Pairs
from dssmcli.models.lexical import Lexical
from dssmcli.training.task import TextTask
from dssmcli.training.validation import Judge, judge_of, rows_of_texts

Floats32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.integer[Any]]

_ROWS = 10_000
"""So many rows settings are compared on, about."""
_IDF_POWERS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)
_LENGTH_POWERS = (0.0, 0.25, 0.5, 0.75, 1.0, -0.25, -0.5, -0.75, -1.0)
_WORTH = 0.004
"""A rise of the score that makes length count."""
_RARE, _COMMON = 0.01, 0.99


class _Choice(NamedTuple):
    score: float
    idf: float
    query: float
    title: float


def fit_lexical(task: TextTask, lexical: Lexical, idf: Floats32) -> None:
    """Set the weights, length powers and lengths that do best on training rows.

    idf: (V,), the inverse document frequency of every feature. Some thousand rows decide, by the
    measure that validation goes by. Length does not count unless that helps clearly.
    """
    rows = _some_queries(task.train, np.random.default_rng([task.config.seed, 5]))
    judge = judge_of(rows, task.match_grade)
    choices = [
        choice for power in _IDF_POWERS for choice in _tried(task, lexical, judge, idf, power)
    ]
    plain = max(choice for choice in choices if choice.query == choice.title == 0)
    best = max(choices)
    if best.score < plain.score + _WORTH:
        best = plain
    lexical.weight.copy_(torch.from_numpy(idf**best.idf))
    lexical.powers.copy_(torch.tensor([best.query, best.title]))
    norms = _sums(task, lexical, np.concatenate((judge.query, judge.title))).norm(dim=1)
    lexical.lengths.copy_(_limits(norms.numpy()))


def _some_queries(train: Pairs, random: np.random.Generator) -> Pairs:
    if len(train) <= _ROWS:
        return train
    queries = np.unique(train.query)
    count = max(1, round(len(queries) * _ROWS / len(train)))
    chosen = np.isin(train.query, random.choice(queries, count, replace=False))
    if chosen.sum() > 2 * _ROWS:  # a query with very many rows
        chosen[np.flatnonzero(chosen)[2 * _ROWS :]] = False
    return train.rows(chosen)


def _tried(
    task: TextTask, lexical: Lexical, judge: Judge, idf: Floats32, power: float
) -> list[_Choice]:
    """Return how every pair of length powers does with weights of idf to a power."""
    lexical.weight.copy_(torch.from_numpy(idf**power))
    query, title = _sums(task, lexical, judge.query), _sums(task, lexical, judge.title)
    norms = query.norm(dim=1).clamp(min=1e-12), title.norm(dim=1).clamp(min=1e-12)
    query, title = query / norms[0][:, None], title / norms[1][:, None]
    cosines = (query @ title.T if judge.pool else (query * title).sum(dim=1)).numpy()
    lexical.lengths.copy_(_limits(torch.cat(norms).numpy()))
    found = []
    # A query's own length does not change the order of its titles.
    for of_query in (0.0,) if judge.pool else _LENGTH_POWERS:
        for of_title in _LENGTH_POWERS:
            lexical.powers.copy_(torch.tensor([of_query, of_title]))
            scales = [
                lexical.scale(norm, side).numpy() for norm, side in zip(norms, SIDES, strict=True)
            ]
            if judge.pool:
                scales[0] = scales[0][:, None]
            scaled = (cosines * scales[0] * scales[1]).astype(np.float64)
            found.append(_Choice(judge.score(scaled), power, of_query, of_title))
    return found


def _limits(norms: Floats32) -> torch.Tensor:
    """Return the lengths between which length may count; above 0."""
    real = norms[norms > 1e-6]
    low, high = np.quantile(real, [_RARE, _COMMON]) if len(real) else (1.0, 1.0)
    return torch.tensor([low, high], dtype=torch.float32)


def _sums(task: TextTask, lexical: Lexical, texts: Ints) -> torch.Tensor:
    """Return the lexical sums (N, L) of texts given by number."""
    return torch.from_numpy(rows_of_texts(task, texts, lexical.dims, lexical.sums))
