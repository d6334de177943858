"""The recipe for text pairs: what is learned from, how it is judged, when it is at its best."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from dssmcli.data.batching import Batch, Batches, epoch_rows
from dssmcli.data.clicks import unclicked_weights
from dssmcli.data.pairs import positive_rows
from dssmcli.models.dssm import Dssm
from dssmcli.models.layers import on_device
from dssmcli.models.losses import GradeLoss, LogisticLoss, cosent_loss, softmax_loss
from dssmcli.training.averaging import WeightAverage
from dssmcli.training.devices import autocast
from dssmcli.training.diagnosis import masked_counts, means, random_cosines, solved_counts
from dssmcli.training.lexical import fit_lexical
from dssmcli.training.loop import Step, StepLoss, optimizer_for
from dssmcli.training.prepared import Prepared, encoded, prepared
from dssmcli.training.processes import ALONE, Processes, with_value
from dssmcli.training.state import TrainState, steps_and_evaluations
from dssmcli.training.task import TextTask
from dssmcli.training.validation import Validation, validated

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer[Any]]
Floats32 = npt.NDArray[np.float32]

_LEAST_SHARE = 0.03
"""Of each part of the vectors, while they are learned."""


class Evaluation(NamedTuple):
    """A look at the validation rows; `loss` is the mean training loss since the look before.

    `parts` has the means of each weighted loss, the share of the candidates `masked` as known
    matches, of the rows `solved`, and the mean `random_cosine`, see training.diagnosis. At step 0
    there is only the last: the model is untrained. `share` is the lexical share that was chosen.
    """

    step: int
    epoch: float
    loss: float
    parts: dict[str, float]
    metric: str
    score: float
    share: float | None
    best: bool

    def to_json(self) -> dict[str, Any]:
        """Return the line that metrics.jsonl holds."""
        return {
            "step": self.step,
            "epoch": round(self.epoch, 4),
            "loss": _finite(self.loss),
            **{name: round(value, 6) for name, value in self.parts.items()},
            **({} if self.metric == "none" else {self.metric: _finite(self.score)}),
            **({} if self.share is None else {"share": round(self.share, 4)}),
            "best": self.best,
        }


def _finite(score: float) -> float | None:
    return round(score, 6) if math.isfinite(score) else None


@dataclass
class TextState(TrainState):
    """What changes while a text model is trained: besides the towers, the losses' own numbers."""

    model: Dssm
    heads: nn.ModuleDict = field(default_factory=nn.ModuleDict)

    def weights(self) -> dict[str, Tensor]:
        """Return the weights as a run stores them."""
        return self.model.weights()

    def load_weights(self, weights: dict[str, Tensor]) -> None:
        """Take over weights that `weights` returned."""
        self.model.load_weights(weights)

    def groups(self) -> dict[str, Mapping[str, Tensor]]:
        """Return all tensors of a checkpoint, by purpose."""
        return {**super().groups(), "heads": self.heads.state_dict()}

    def restore(self, groups: Mapping[str, dict[str, Tensor]], saved: Mapping[str, Any]) -> None:
        """Go on from what `groups` and `progress` returned."""
        super().restore(groups, saved)
        self.heads.load_state_dict(groups["heads"])


def new_state(task: TextTask) -> TextState:
    """Return a fresh model and optimiser, a function of the seed and the texts' frequencies."""
    torch.manual_seed(task.config.seed)
    model = Dssm(task.model, len(task.vocabulary))
    idf = _feature_weights(task)
    model.weigh_features(torch.from_numpy(idf))
    if model.lexical is not None:
        fit_lexical(task, model.lexical, idf)
    heads = nn.ModuleDict({"logistic": LogisticLoss(), "regression": GradeLoss()})
    model.to(task.config.device)
    heads.to(task.config.device)
    average = WeightAverage(model, task.config.averaging)
    optimizer = optimizer_for(task.config, [*model.parameters()])
    # A few numbers that must keep up with the towers: they learn ten times as fast.
    optimizer.add_param_group({"params": [*heads.parameters()], "factor": 10.0})
    return TextState(model, optimizer, average, heads=heads)


def _feature_weights(task: TextTask) -> Floats32:
    """Return each feature's inverse document frequency in training, 1 on average over its uses."""
    texts = task.train.used_texts()
    frequency = task.index.document_frequency(texts)
    # No feature is worth nothing, not even one that stands in every text.
    idf = np.maximum(np.log((1 + texts.sum()) / (1 + frequency)), 0.1)
    used = frequency > 0
    mean = (idf * frequency).sum() / max(1, frequency.sum())
    return np.asarray(np.where(used, idf, idf[used].max(initial=1.0)) / max(mean, 1e-6), np.float32)


def train_text(
    task: TextTask, state: TextState, processes: Processes = ALONE
) -> Generator[Step | Evaluation, None, None]:
    """Train from where the state stands, yielding each step and each evaluation.

    The weights that validate best are kept in the state. Ends after the last epoch, or when
    `patience` evaluations in a row brought nothing better. The state is whole after an Evaluation.
    Several processes share each batch, and end with one state; only the first one's evaluations
    tell anything.
    """
    config, part = task.config, processes.part
    positive = positive_rows(task.train, task.match_grade)
    batches = Batches(task.train, positive, task.loss, config.batch_size, config.seed, part)
    aims = _Aims(task, positive)
    steps = config.epochs * batches.per_epoch
    every = config.eval_steps or batches.per_epoch

    given = prepared(task, batches, state.step, steps, part)

    def next_loss() -> StepLoss:
        return _loss(task, state, next(given), aims, processes)

    torch.set_num_threads(config.threads)
    if state.finished:
        return
    if task.model.lexical and task.valid is not None and not state.history:
        yield _evaluate(task, state, 0.0, processes)

    def evaluate() -> Evaluation:
        return _evaluate(task, state, state.step / batches.per_epoch, processes)

    yield from steps_and_evaluations(
        state, config, next_loss, steps, every, evaluate, processes.add_gradients
    )


def steps_in_all(task: TextTask) -> int:
    """Return the number of steps when nothing stops the training early."""
    positive = positive_rows(task.train, task.match_grade)
    rows = epoch_rows(task.train, positive, task.loss.query_cap)
    return task.config.epochs * -(-rows // task.config.batch_size)


class _Targets(NamedTuple):
    """Of R training rows: the numbers of the matches (M,) among them; what each row weighs, its
    label from 0 to 1, its value, on the model's device."""

    match: Ints
    weight: Tensor
    label: Tensor
    grade: Tensor


class _Aims:
    """What training rows aim at, worked out batch by batch."""

    def __init__(self, task: TextTask, positive: npt.NDArray[np.bool_]) -> None:
        train = task.train
        self._value, self._positive = train.value, positive
        self._device = task.config.device
        self._graded = train.kind == "grade"
        self._low, self._high = float(train.value.min()), float(train.value.max())
        self._clicks = task.loss.click_weight if train.kind == "clicks" else "none"
        self._weight = np.ones(len(train), np.float32)
        self._weight[positive] = _relative(self._weights(train.value[positive]))
        if train.kind == "clicks":
            unclicked = unclicked_weights(train, positive, task.loss.unclicked_weight)
            self._weight[~positive] = unclicked

    def of(self, rows: Ints) -> _Targets:
        """Return the targets of rows (R,)."""
        value, positive = self._value[rows], self._positive[rows]
        label = (value - self._low) / (self._high - self._low) if self._graded else positive
        parts = (self._weight[rows], label, value)
        return _Targets(
            np.flatnonzero(positive),
            *(on_device(part.astype(np.float32), self._device) for part in parts),
        )

    def _weights(self, value: Floats) -> Floats:
        if self._clicks == "none":
            return np.ones_like(value)
        return np.log1p(value) if self._clicks == "log" else value


def _relative(weights: Floats) -> Floats:
    """Return weights that are 1 on average."""
    return weights / max(float(weights.mean()), 1e-12)


def _loss(
    task: TextTask, state: TextState, given: Prepared, aims: _Aims, processes: Processes
) -> StepLoss:
    """Return the weighted sum of the losses of one batch.

    Of several processes, each goes down on its part of that sum.
    """
    weights, batch = task.loss, given.batch
    with autocast(task.config):
        query, title = encoded(state.model, given, processes)  # (R, D), (C, D)
    if task.config.vector_dropout:
        query, title = _thinned(query, title, task.config.vector_dropout)
    column = on_device(batch.column, query.device)
    own = (query * title.index_select(0, column)).sum(dim=1)  # (R,)
    targets = aims.of(batch.rows)
    losses, counts = {}, masked_counts(batch)
    if weights.softmax and len(targets.match):
        losses["softmax"], solved = _softmax(task, batch, targets, query, title)
        counts |= solved
    for name, loss in _row_losses(task, state, targets, own).items():
        # All have all rows before them, so each takes a share.
        losses[name] = loss / processes.world
    total = sum(losses.values(), start=0.0 * own.sum())
    figures = {name: float(loss.detach()) for name, loss in losses.items()} | counts
    parts = processes.sums(figures)
    if processes.world > 1:
        total = with_value(total, sum(parts[name] for name in losses))
    return StepLoss(total, parts, len(batch.rows))


def _softmax(
    task: TextTask, batch: Batch, targets: _Targets, query: Tensor, title: Tensor
) -> tuple[Tensor, dict[str, float]]:
    """Return a process's part of the softmax loss of a batch, and how many rows are solved."""
    begin, end, _ = batch.part.indices(len(batch.rows))
    before, until = np.searchsorted(targets.match, (begin, end)).tolist()
    own, device = targets.match[before:until], query.device
    match, column = on_device(own, device), on_device(batch.column[own], device)
    cosines = query.index_select(0, match) @ title.T  # (M, C)
    allowed = on_device(batch.allowed[own - begin], device)
    log_weight = None
    if batch.log_weight is not None:
        log_weight = on_device(batch.log_weight[own - begin], device)
    loss = softmax_loss(
        cosines,
        column,
        allowed,
        task.loss.gamma,
        targets.weight[match],
        log_weight=log_weight,
        total=targets.weight[on_device(targets.match, device)].sum(),
    )
    return task.loss.softmax * loss, solved_counts(cosines, column, allowed, before)


def _row_losses(
    task: TextTask, state: TextState, targets: _Targets, own: Tensor
) -> dict[str, Tensor]:
    """Return the losses of rows by their own cosines (R,), each times its weight."""
    weights, heads, losses = task.loss, state.heads, {}
    if weights.logistic:
        found = heads["logistic"](own, targets.label, targets.weight)
        losses["logistic"] = weights.logistic * found
    if weights.regression:
        losses["regression"] = weights.regression * heads["regression"](own, targets.label)
    if weights.cosent:
        losses["cosent"] = weights.cosent * cosent_loss(own, targets.grade, weights.gamma)
    return losses


def _thinned(query: Tensor, title: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Return unit rows without a share of the dimensions, the same of all vectors of a batch."""
    # Drawn by the processor, whatever the device is.
    kept = (torch.rand(query.shape[1]) >= share).to(query)
    return nn.functional.normalize(query * kept, dim=1), nn.functional.normalize(
        title * kept, dim=1
    )


def _evaluate(task: TextTask, state: TextState, epoch: float, processes: Processes) -> Evaluation:
    """Look at the averaged weights, and keep them in the state if they are the best so far."""
    lexical = state.model.lexical
    powers = None if lexical is None else lexical.powers.clone()
    with state.average.in_place():
        found, random = Validation("none", 0.0, None), {}
        if task.valid is not None and processes.first:
            found = validated(task, state.model, task.valid)
        found = _everyone_s(found, processes)
        if found.share is not None:
            state.model.set_share(found.share)
            if lexical is not None and not found.lengths:
                lexical.powers.zero_()
        if processes.first:
            random = random_cosines(task, state.model)
        best = state.judged(found.score)
    if lexical is not None and powers is not None and found.share is not None:
        # Training goes on with both parts, and lengths may count another time.
        state.model.set_share(min(max(found.share, _LEAST_SHARE), 1 - _LEAST_SHARE))
        lexical.powers.copy_(powers)
    parts = means(state.sums)
    state.sums = {}
    loss = parts.pop("loss", math.nan)
    figures = found.metric, found.score, found.share
    evaluation = Evaluation(state.step, epoch, loss, parts | random, *figures, best)
    state.history.append(evaluation.to_json())
    return evaluation


def _everyone_s(found: Validation, processes: Processes) -> Validation:
    """Return to all processes how the first found the model to do."""
    share = math.nan if found.share is None else found.share
    score, share, lengths = processes.told_floats([found.score, share, float(found.lengths)])
    return Validation(found.metric, score, None if math.isnan(share) else share, bool(lengths))
