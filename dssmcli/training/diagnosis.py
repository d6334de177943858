"""Looks at a training for what goes wrong in it, and says what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dssmcli.config import PLAIN, SIDES, LossConfig, TrainConfig
from dssmcli.data.batching import Batch
from dssmcli.models.dssm import Dssm
from dssmcli.models.layers import to_torch
from dssmcli.training.task import TextTask

Floats32 = npt.NDArray[np.float32]
Line = Mapping[str, Any]

_RANDOM_TEXTS = 128
"""So many texts of each side are compared with each other, about."""
_ROWS_JUDGED = 128
"""So many rows of a batch say whether it is solved: in another order each time, so they will do."""
_SHARES = {"masked": "others", "solved": "judged"}
"""What is counted in steps, and what it is a share of."""


def solved_counts(
    cosines: Tensor, clicked: Tensor, allowed: Tensor, before: int = 0
) -> dict[str, float]:
    """Count rows that are solved: none of the negatives has a higher cosine than their own title.

    cosines: (M, C); clicked: (M,), each row's own column; allowed: (M, C), its negatives; before:
    how many rows of the batch are other processes' and stand before these.
    """
    few = slice(max(0, _ROWS_JUDGED - before))
    with torch.no_grad():
        negatives = cosines[few].masked_fill(~allowed[few], -torch.inf)
        own = cosines[few].gather(1, clicked[few, None])
        # A row's own title may or may not be among the allowed; against itself it is no worse.
        solved = int((own >= negatives.amax(dim=1, keepdim=True)).sum())
    return {"solved": float(solved), "judged": float(len(own))}


def masked_counts(batch: Batch) -> dict[str, float]:
    """Count the candidates that rows lose because they are known matches, or their own text."""
    rows, column = np.arange(len(batch.allowed)), batch.column[batch.part]
    masked = int(batch.masked.sum())
    left = np.count_nonzero(batch.allowed) - np.count_nonzero(batch.allowed[rows, column])
    return {"masked": float(masked), "others": float(masked + left)}


def means(sums: Mapping[str, float]) -> dict[str, float]:
    """Return what a step had on average, given sums over `steps`; counts become shares."""
    found = {}
    for name, value in sums.items():
        if name in _SHARES:
            found[name] = value / max(1.0, sums[_SHARES[name]])
        elif name not in ("steps", *_SHARES.values()):
            found[name] = value / sums["steps"]
    return found


def random_cosines(task: TextTask, model: Dssm) -> dict[str, float]:
    """Return the mean cosine of two random texts of one side, of the side where it is higher.

    Near 1 the vectors have collapsed: whatever the text, the vector is about the same.
    Where vectors have a lexical part, which cannot collapse, the semantic one alone is told, too.
    """
    rows = task.train if task.valid is None else task.valid
    random = np.random.default_rng([task.config.seed, 6])
    found: dict[str, float] = {}
    for side, numbers in zip(SIDES, (rows.query, rows.title), strict=True):
        texts = np.unique(numbers[random.integers(len(numbers), size=_RANDOM_TEXTS)])
        parts = _parts(task, model, texts, side)
        for name, vectors in zip(("random_cosine", "random_cosine_semantic"), parts, strict=False):
            mean = mean_cosine(vectors)
            if mean is not None:
                found[name] = max(mean, found.get(name, -1.0))
    return found


@torch.no_grad()
def _parts(
    task: TextTask, model: Dssm, texts: npt.NDArray[np.integer[Any]], side: str
) -> list[Floats32]:
    """Return the vectors (N, D) of texts, as `dssm encode` gives them without a side, and, where
    they have a lexical part, the semantic one."""
    block = to_torch(task.index.block(texts), model.device)
    semantic = model.semantic(block, side)
    if model.lexical is None:
        return [semantic.cpu().numpy()]
    joined = model.lexical.joined(semantic, block, PLAIN)
    return [joined.cpu().numpy(), semantic.cpu().numpy()]


def mean_cosine(vectors: Floats32) -> float | None:
    """Return the mean cosine over all pairs of unit rows (N, D), zeros left out.

    None where there are no two of them.
    """
    real = vectors[vectors.any(axis=1)].astype(np.float64)
    count = len(real)
    if count < 2:
        return None
    # The square of the sum has every pair twice, and each row with itself.
    return float((real.sum(axis=0) ** 2).sum() - count) / (count * (count - 1))


class Hint(NamedTuple):
    """Something to do about a training; what has the same name is said once."""

    name: str
    text: str


class Advice:
    """Remembers which hints were given already to a training with some settings."""

    def __init__(self, history: Sequence[Line], loss: LossConfig, config: TrainConfig) -> None:
        """Take those as given that the lines of evaluations so far gave rise to."""
        self._loss, self._config = loss, config
        self._given: set[str] = set()
        for count in range(1, len(history) + 1):
            self.new(history[:count])

    def new(self, history: Sequence[Line]) -> list[str]:
        """Return what is to be said after the last of these evaluations."""
        found = [h for h in hints(history, self._loss, self._config) if h.name not in self._given]
        self._given.update(hint.name for hint in found)
        return [hint.text for hint in found]


_SCORES = ("auc", "spearman", "mrr")
"""What training.validation judges by."""
_COLLAPSED = 0.9
_FLAT = 0.01
_HARDLY_FALLEN = 0.1
_SOLVED = 0.95
_MASKED = 0.2
_FEW_NEGATIVES, _SMALL_BATCH = 128, 32
_LOOKS = 3
"""So many evaluations show where things go."""


def hints(history: Sequence[Line], loss: LossConfig, config: TrainConfig) -> list[Hint]:
    """Return what the evaluations so far, as metrics.jsonl has them, suggest to do.

    loss, config: the settings of the training. None that is in force already is suggested, and none
    that would change nothing.
    """
    trained = [line for line in history if line["step"]]
    if not trained:
        return []
    found = (
        _collapse(trained[-1], loss),
        _flat_loss(trained, loss),
        _too_easy(trained, loss),
        _much_masked(trained[-1], loss, config),
        _falling(trained, config),
    )
    return [hint for hint in found if hint is not None]


def _collapse(line: Line, loss: LossConfig) -> Hint | None:
    whole = line.get("random_cosine", 0.0)
    mean = max(whole, line.get("random_cosine_semantic", whole))
    if mean <= _COLLAPSED:
        return None
    more = "negatives, which the softmax has: --softmax 1"
    if loss.softmax:
        more = (
            f"more negatives: --random-negatives {max(_FEW_NEGATIVES, 2 * loss.random_negatives)}"
        )
    return Hint(
        "collapse",
        f"Warning: the vectors have collapsed: two random texts have a cosine of {mean:.2f} on "
        f"average. Try a lower --learning-rate, or {more}.",
    )


def _flat_loss(trained: Sequence[Line], loss: LossConfig) -> Hint | None:
    losses = [line["loss"] for line in trained[-_LOOKS:]]
    if len(losses) < _LOOKS or None in losses or trained[-1].get("solved", 0.0) >= _SOLVED:
        return None
    flat = min(losses[1:]) > (1 - _FLAT) * losses[0]
    if not flat or losses[-1] < (1 - _HARDLY_FALLEN) * trained[0]["loss"]:
        return None
    told = ", ".join(f"{each:.4f}" for each in losses)
    if losses[-1] > (1 + _FLAT) * losses[0]:
        return Hint("flat", f"Hint: the loss rises ({told}): try a lower --learning-rate.")
    # Only these two losses are taken of cosines times gamma.
    gamma = f"; or another --gamma than {loss.gamma:g}, from 10 to 25"
    if not (loss.softmax or loss.cosent):
        gamma = ""
    return Hint(
        "flat",
        f"Hint: the loss does not fall ({told}): try a higher --learning-rate, or a lower one if "
        f"steps are uneven{gamma}.",
    )


def _too_easy(trained: Sequence[Line], loss: LossConfig) -> Hint | None:
    solved = trained[0].get("solved", 0.0)
    if solved < _SOLVED:
        return None
    return Hint(
        "easy",
        f"Hint: {solved:.0%} of the rows were solved from the start, so there is little to learn "
        "from: find hard negatives with `dssm mine`, or draw more, with --random-negatives "
        f"{max(_FEW_NEGATIVES, 2 * loss.random_negatives)}.",
    )


def _much_masked(line: Line, loss: LossConfig, config: TrainConfig) -> Hint | None:
    # Without a softmax there are no candidates that anything is learned from.
    if "solved" not in line or line["masked"] <= _MASKED:
        return None
    fewer = []
    if config.batch_size > _SMALL_BATCH:
        fewer.append(f"a --batch-size below {config.batch_size} has fewer of them")
    if loss.query_cap != 1:
        cap = f" below {loss.query_cap}" if loss.query_cap else ""
        fewer.append(f"a --query-cap{cap} fewer rows of a query")
    what = " and ".join(fewer) or "these rows have few other titles to learn from"
    return Hint(
        "masked",
        f"Hint: {line['masked']:.0%} of the candidates are known matches, so masked: {what}.",
    )


def _falling(trained: Sequence[Line], config: TrainConfig) -> Hint | None:
    scores = [score for line in trained[:_LOOKS] if (score := score_of(line)) is not None]
    if len(scores) < _LOOKS or not scores[0] > scores[1] > scores[2]:
        return None
    first, second, third = scores
    epochs = f"fewer --epochs than {config.epochs}, or " if config.epochs > 1 else ""
    return Hint(
        "falling",
        f"Hint: validation falls from the first evaluation on ({first:.4f}, {second:.4f}, "
        f"{third:.4f}), so it is over-fitting: try {epochs}a --unit-dropout above "
        f"{config.unit_dropout:g}.",
    )


def score_of(line: Line) -> float | None:
    """Return the validation score of an evaluation, None where there is none."""
    return next((line[name] for name in _SCORES if name in line), None)


def untrained_kept(history: Sequence[Line]) -> str | None:
    """Return what to say when the weights that are kept were never trained, or are no better than
    those, else None."""
    best = next((line for line in reversed(history) if line["best"]), None)
    if best is None:
        return None
    kept = "which was kept"
    if best["step"]:
        if history[0]["step"] or score_of(best) != score_of(history[0]) or score_of(best) == 1:
            return None
        kept = "and the kept one is just as good"
    return (
        f"Warning: no epoch was better than the untrained start, {kept}: it knows which "
        "words texts share, and nothing of what they mean. Give more rows, or try a lower "
        "--learning-rate; `dssm check` looks at the rows."
    )
