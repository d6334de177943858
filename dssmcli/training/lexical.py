"""Chooses the lexical part of vectors from training rows, before anything is learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from dssmcli.config import SIDES
from dssmcli.data.pairs import Pairs
from dssmcli.models.lexical import Lexical
from dssmcli.training.task import TextTask
from dssmcli.training.validation import Judge, judge_of, rows_of_texts
from dssmcli.training.worth import Judged, can_be_judged, earned

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.integer[Any]]

_ROWS = 10_000
"""So many rows settings are compared on, about."""
_IDF_POWERS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)
_LENGTH_POWERS = (0.0, 0.25, 0.5, 0.75, 1.0, -0.25, -0.5, -0.75, -1.0)
_RARE, _COMMON = 0.01, 0.99


class _Choice(NamedTuple):
    score: float
    idf: float
    query: float
    title: float


class _Look(NamedTuple):
    """What weights of idf to a power make of rows: the cosines of the lexical sums, the lengths of
    queries' and titles' sums, and the shortest and the longest that count."""

    idf: float
    cosines: Floats32
    norms: tuple[torch.Tensor, torch.Tensor]
    limits: torch.Tensor


def fit_lexical(task: TextTask, lexical: Lexical, idf: Floats32) -> None:
    """Set the weights, length powers and lengths that do best on training rows.

    idf: (V,), the inverse document frequency of every feature. Some thousand rows decide, by the
    measure that validation goes by. Length counts only where rows say of titles that they match and
    of others that they do not, and where that helps beyond chance: powers chosen on half of the
    queries are judged on the other half. Clicks alone do not say so: among clicked titles length
    tells which are clicked for many queries, not which matches one.
    """
    rows = _some_queries(task.train, np.random.default_rng([task.config.seed, 5]))
    judge = judge_of(rows, task.match_grade)
    looks = (_look(task, lexical, judge, idf, power) for power in _IDF_POWERS)
    if judge.pool:
        best = max(_Choice(judge.score(_floats(x.cosines)), x.idf, 0.0, 0.0) for x in looks)
    else:
        best = _with_lengths(lexical, [*looks], rows, task)
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


def _look(task: TextTask, lexical: Lexical, judge: Judge, idf: Floats32, power: float) -> _Look:
    lexical.weight.copy_(torch.from_numpy(idf**power))
    query, title = _sums(task, lexical, judge.query), _sums(task, lexical, judge.title)
    norms = query.norm(dim=1).clamp(min=1e-12), title.norm(dim=1).clamp(min=1e-12)
    query, title = query / norms[0][:, None], title / norms[1][:, None]
    cosines = (query @ title.T if judge.pool else (query * title).sum(dim=1)).numpy()
    return _Look(power, cosines, norms, _limits(torch.cat(norms).numpy()))


def _with_lengths(lexical: Lexical, looks: Sequence[_Look], rows: Pairs, task: TextTask) -> _Choice:
    """Return the best choice; one in which length counts only where that is no chance."""
    every = np.ones(len(rows), np.bool_)
    plain, best = _choices(lexical, looks, rows, every, task.match_grade)
    if best == plain:
        return plain
    queries = np.unique(rows.query)
    random = np.random.default_rng([task.config.seed, 9])
    half = np.isin(rows.query, random.choice(queries, len(queries) // 2, replace=False))
    judged = []
    for chosen in (half, ~half):
        others = rows.rows(~chosen)
        if not can_be_judged(rows.rows(chosen), task.match_grade):
            return plain
        both = _choices(lexical, looks, rows, chosen, task.match_grade)
        cosines = [_scaled(lexical, looks, choice)[~chosen] for choice in both]
        judged.append(Judged(others, cosines[0], cosines[1]))
    return best if earned(judged, task.match_grade) else plain


def _choices(
    lexical: Lexical,
    looks: Sequence[_Look],
    rows: Pairs,
    chosen: npt.NDArray[np.bool_],
    match_grade: float,
) -> tuple[_Choice, _Choice]:
    """Return what does best on the chosen rows: without length powers, and with any."""
    judge = judge_of(rows.rows(chosen), match_grade)
    found = []
    for look in looks:
        for query in _LENGTH_POWERS:
            for title in _LENGTH_POWERS:
                choice = _Choice(0.0, look.idf, query, title)
                score = judge.score(_scaled(lexical, looks, choice)[chosen])
                found.append(choice._replace(score=score))
    return max(choice for choice in found if choice.query == choice.title == 0), max(found)


def _scaled(lexical: Lexical, looks: Sequence[_Look], choice: _Choice) -> Floats:
    """Return the cosines (N,) of rows, given the power of idf and the length powers."""
    look = looks[_IDF_POWERS.index(choice.idf)]
    lexical.lengths.copy_(look.limits)
    lexical.powers.copy_(torch.tensor([choice.query, choice.title]))
    scales = [
        lexical.scale(norm, side).numpy() for norm, side in zip(look.norms, SIDES, strict=True)
    ]
    return _floats(look.cosines * scales[0] * scales[1])


def _floats(values: Floats32) -> Floats:
    return np.asarray(values, np.float64)


def _limits(norms: Floats32) -> torch.Tensor:
    """Return the lengths between which length may count; above 0."""
    real = norms[norms > 1e-6]
    low, high = np.quantile(real, [_RARE, _COMMON]) if len(real) else (1.0, 1.0)
    return torch.tensor([low, high], dtype=torch.float32)


def _sums(task: TextTask, lexical: Lexical, texts: Ints) -> torch.Tensor:
    """Return the lexical sums (N, L) of texts given by number."""
    return torch.from_numpy(rows_of_texts(task, texts, lexical.dims, lexical.sums))
