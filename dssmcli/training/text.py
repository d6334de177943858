"""The recipe for text pairs: what is learned from, how it is judged, when it is at its best."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dssmcli import metrics, rankings
from dssmcli.config import LossConfig, ModelConfig, TrainConfig
from dssmcli.data.batching import Batch, Batches, KnownPositives
from dssmcli.data.pairs import Pairs, positive_rows
from dssmcli.errors import DataError
from dssmcli.models.dssm import Dssm
from dssmcli.models.layers import to_torch
from dssmcli.models.losses import LogisticLoss, cosent_loss, softmax_loss
from dssmcli.text.blocks import TextIndex, UnitDropout
from dssmcli.text.tokenizers import Lookup
from dssmcli.text.vocab import Vocabulary
from dssmcli.training.loop import Step, StepLoss, optimizer_for, train

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_ENCODE_AT_ONCE = 1024
_POOL = 2000


@dataclass(frozen=True)
class TextTask:
    """Everything that stays as it is while a text model is trained."""

    model: ModelConfig
    loss: LossConfig
    config: TrainConfig
    train: Pairs
    valid: Pairs | None
    match_grade: float
    vocabulary: Vocabulary
    index: TextIndex


class Evaluation(NamedTuple):
    """A look at the validation rows; `loss` is the mean training loss since the look before."""

    step: int
    epoch: float
    loss: float
    metric: str
    score: float
    best: bool

    def to_json(self) -> dict[str, Any]:
        """Return the line that metrics.jsonl holds."""
        return {
            "step": self.step,
            "epoch": round(self.epoch, 4),
            "loss": round(self.loss, 6),
            self.metric: round(self.score, 6),
            "best": self.best,
        }


@dataclass
class TextState:
    """What changes while a text model is trained, and all that is needed to go on."""

    model: Dssm
    logistic: LogisticLoss
    optimizer: torch.optim.Optimizer
    step: int = 0
    waited: int = 0
    loss_sum: float = 0.0
    loss_steps: int = 0
    best_score: float = float("-inf")
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    finished: bool = False


def index_texts(pairs: Pairs, model: ModelConfig, vocabulary: Vocabulary) -> TextIndex:
    """Cut every text of the pairs; text number i of the pairs is text i of the index."""
    index = TextIndex(Lookup.of(model.text, vocabulary))
    index.add(pairs.texts)
    return index


def check_learnable(name: str, train: Pairs, match_grade: float, index: TextIndex) -> list[str]:
    """Return warnings; raise DataError when nothing can be learned from the rows."""
    positive = positive_rows(train, match_grade)
    empty = index.lengths() == 0
    warnings = []
    if train.kind == "grade" and train.value.min() == train.value.max():
        raise DataError(f"{name}: every grade is {train.value.min():g}: nothing to tell apart.")
    if not positive.any():
        raise DataError(
            f"{name}: no row is a match (a click, a label 1, a high grade): nothing to learn."
        )
    titles = len(np.unique(train.title))
    if titles < 2:
        raise DataError(f"{name}: all rows have the same title: no title can stand as a negative.")
    if train.kind == "label" and positive.all():
        warnings.append("Every label is 1: other rows' titles are the only negatives.")
    lost = int((empty[train.query] | empty[train.title]).sum())
    if lost == len(train):
        raise DataError(f"{name}: no text has a letter, digit or symbol: nothing to learn.")
    if lost:
        warnings.append(f"{lost:,} rows have a text without any letter, digit or symbol.")
    if len(train) < 100:
        warnings.append(f"Only {len(train)} rows to learn from: expect little of the model.")
    return warnings


def new_state(task: TextTask) -> TextState:
    """Return a fresh model and optimiser, a function of the seed and the texts' frequencies."""
    torch.manual_seed(task.config.seed)
    model = Dssm(task.model, len(task.vocabulary))
    model.weigh_features(torch.from_numpy(_feature_weights(task.index)))
    logistic = LogisticLoss()
    optimizer = optimizer_for(task.config, [*model.parameters()])
    # Two numbers that must keep up with the towers: they learn ten times as fast.
    optimizer.add_param_group({"params": [*logistic.parameters()], "factor": 10.0})
    return TextState(model, logistic, optimizer)


def _feature_weights(index: TextIndex) -> Floats32:
    """Return the inverse document frequency of each feature, 1 on average over its uses."""
    frequency = index.document_frequency()
    idf = np.log((1 + len(index)) / (1 + frequency))
    used = frequency > 0
    mean = (idf * frequency).sum() / max(1, frequency.sum())
    return np.asarray(np.where(used, idf, idf[used].max(initial=1.0)) / max(mean, 1e-6), np.float32)


def train_text(task: TextTask, state: TextState) -> Iterator[Step | Evaluation]:
    """Train from where the state stands, yielding each step and each evaluation.

    The weights that validate best are kept in the state. Ends after the last epoch, or when
    `patience` evaluations in a row brought nothing better. The state is whole after an Evaluation.
    """
    config = task.config
    positive = positive_rows(task.train, task.match_grade)
    batches = Batches(task.train, positive, task.loss, config.batch_size, config.seed)
    targets = _targets(task, positive)
    steps = config.epochs * batches.per_epoch
    every = config.eval_steps or batches.per_epoch

    def loss_of(number: int) -> StepLoss:
        return _loss(task, state, batches.batch(number), targets, number)

    torch.set_num_threads(config.threads)
    if state.finished:
        return
    for step in train(state.optimizer, config, loss_of, state.step, steps):
        state.step = step.number
        state.loss_sum, state.loss_steps = state.loss_sum + step.loss, state.loss_steps + 1
        yield step
        if step.number % every == 0 or step.number == steps:
            evaluation = _evaluate(task, state, step.number / batches.per_epoch)
            state.finished = step.number == steps or state.waited >= config.patience
            yield evaluation
            if state.finished:
                return


def steps_in_all(task: TextTask) -> int:
    """Return the number of steps when nothing stops the training early."""
    return task.config.epochs * -(-len(task.train) // task.config.batch_size)


class _Targets(NamedTuple):
    """Of every training row (N,): is it a match, how much it weighs, its label between 0 and 1."""

    positive: npt.NDArray[np.bool_]
    weight: Floats32
    label: Floats32
    grade: Floats32


def _targets(task: TextTask, positive: npt.NDArray[np.bool_]) -> _Targets:
    value = task.train.value.astype(np.float32)
    weight = np.ones_like(value)
    label = positive.astype(np.float32)
    if task.train.kind == "grade":
        label = (value - value.min()) / (value.max() - value.min())
    if task.train.kind == "clicks" and task.loss.click_weight != "none":
        clicks = np.log1p(value) if task.loss.click_weight == "log" else value
        weight = np.where(positive, clicks / clicks[positive].mean(), 1.0).astype(np.float32)
    return _Targets(positive, weight, label, value)


def _loss(
    task: TextTask, state: TextState, batch: Batch, targets: _Targets, number: int
) -> StepLoss:
    """Return the weighted sum of the losses of one batch."""
    weights = task.loss
    query, title = _encode_batch(task, state.model, batch, number)  # (R, D), (C, D)
    cosines = query @ title.T  # (R, C)
    column = torch.from_numpy(batch.column)
    own = cosines.gather(1, column[:, None])[:, 0]  # (R,)
    chosen = torch.from_numpy(targets.positive[batch.rows])
    weight = torch.from_numpy(targets.weight[batch.rows])
    losses = {}
    if weights.softmax and bool(chosen.any()):
        allowed = torch.from_numpy(batch.allowed)[chosen]
        losses["softmax"] = weights.softmax * softmax_loss(
            cosines[chosen], column[chosen], allowed, weights.gamma, weight[chosen]
        )
    if weights.logistic:
        label = torch.from_numpy(targets.label[batch.rows])
        losses["logistic"] = weights.logistic * state.logistic(own, label, weight)
    if weights.cosent:
        grade = torch.from_numpy(targets.grade[batch.rows])
        losses["cosent"] = weights.cosent * cosent_loss(own, grade, weights.gamma)
    total = sum(losses.values(), start=0.0 * own.sum())
    parts = {name: float(loss.detach()) for name, loss in losses.items()}
    return StepLoss(total, parts, len(batch.rows))


def _encode_batch(task: TextTask, model: Dssm, batch: Batch, number: int) -> tuple[Tensor, Tensor]:
    """Return the vectors of the batch's queries and candidates; each distinct text runs once."""
    config = task.config
    dropout = None
    if config.unit_dropout:
        random = np.random.default_rng([config.seed, 3, number])
        dropout = UnitDropout(config.unit_dropout, random)
    queries = task.train.query[batch.rows]
    if task.model.separate_towers:
        distinct, inverse = np.unique(queries, return_inverse=True)
        query = model.encode(to_torch(task.index.block(distinct, dropout)), "query")
        title = model.encode(to_torch(task.index.block(batch.candidates, dropout)), "title")
        return query[torch.from_numpy(inverse)], title
    both = np.concatenate((queries, batch.candidates))
    distinct, inverse = np.unique(both, return_inverse=True)
    place = torch.from_numpy(inverse)
    vectors = model.encode(to_torch(task.index.block(distinct, dropout)), "query")
    return vectors[place[: len(queries)]], vectors[place[len(queries) :]]


# How good is it?


class Scores(NamedTuple):
    """Cosines of pairs and whether each is a match; `negatives` says what the others are."""

    cosines: Floats
    positive: npt.NDArray[np.bool_]
    negatives: str


def _evaluate(task: TextTask, state: TextState, epoch: float) -> Evaluation:
    metric, score = ("none", 0.0)
    if task.valid is not None:
        metric, score = validation_score(task, state.model, task.valid)
    best = task.valid is None or score > state.best_score
    if best:
        weights = state.model.weights().items()
        state.best_weights = {name: weight.clone() for name, weight in weights}
        state.best_score, state.waited = score, 0
    else:
        state.waited += 1
    loss = state.loss_sum / max(1, state.loss_steps)
    state.loss_sum, state.loss_steps = 0.0, 0
    evaluation = Evaluation(state.step, epoch, loss, metric, score, best)
    state.history.append(evaluation.to_json())
    return evaluation


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
    if not positive.any():
        return 0.0
    rows = np.flatnonzero(positive)[:_POOL]
    pool = np.unique(valid.title[rows])
    cosines = encode_texts(task, model, valid.query[rows], "query") @ (
        encode_texts(task, model, pool, "title").T
    )
    column = np.searchsorted(pool, valid.title[rows])
    own = cosines[np.arange(len(rows)), column][:, None]
    others = ~KnownPositives(valid, positive).mask(valid.query[rows], pool)
    others[np.arange(len(rows)), column] = False
    higher = ((cosines > own) & others).sum(axis=1)
    ties = ((cosines == own) & others).sum(axis=1)
    return rankings.pool_report(higher, ties, len(pool), [1]).mrr


def threshold_scores(task: TextTask, model: Dssm) -> Scores:
    """Return the scored pairs that a threshold is chosen on: validation rows, or else training's.

    Clicks alone say nothing of what is no match: a title drawn at random for each clicked row
    joins the titles shown and not clicked.
    """
    rows = task.valid if task.valid is not None else task.train
    cosines = row_cosines(task, model, rows)
    positive = positive_rows(rows, task.match_grade)
    if rows.kind in ("label", "grade") and positive.any() and not positive.all():
        return Scores(cosines, positive, "labelled")
    random = np.random.default_rng([task.config.seed, 4])
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
    order = np.argsort(task.index.lengths()[distinct], kind="stable")
    parts = []
    for start in range(0, len(order), _ENCODE_AT_ONCE):
        block = task.index.block(distinct[order[start : start + _ENCODE_AT_ONCE]])
        parts.append(model.encode(to_torch(block), side).numpy())
    vectors = np.empty((len(distinct), task.model.tower.dim), np.float32)
    vectors[order] = np.concatenate(parts)
    return np.asarray(vectors[inverse])
