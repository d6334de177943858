"""The softmax over all items, and over a sample of them (Jean et al., ACL 2015, section 3).

B examples, V items, n sampled items.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def full_softmax(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean of -log P(target), logits (B, V) of all items, targets (B,) int64."""
    return functional.cross_entropy(logits, targets)


def sampled_softmax(positive: Tensor, sampled: Tensor, expected: Tensor, same: Tensor) -> Tensor:
    """Return an estimate of the mean of -log P(target) whose gradient tends to the full one's.

    positive: (B,) logits of the targets. sampled: (B, n) logits of items drawn with replacement,
    which stand for all others: each is divided by how often it was expected to be drawn, `expected`
    (n,), n times its chance. The correction is of the logit itself, after any gamma. same: (B, n),
    where a drawn item is the target, an accidental hit, which counts for nothing. The target stands
    for itself alone, so its logit stays as it is.
    """
    others = (sampled - expected.log()).masked_fill(same, -torch.inf)
    logits = torch.cat([positive[:, None], others], dim=1)
    return functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.int64))


class ItemSampler:
    """Draws items in proportion to their watches to some power, with replacement."""

    def __init__(self, counts: Tensor, power: float) -> None:
        chances = counts.double().clamp(min=1) ** power
        self._ends = chances.cumsum(0) / chances.sum()
        self._chances = chances / chances.sum()

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        """Return items (n,) int64, and how often each was expected among them, (n,) float32."""
        items = torch.searchsorted(self._ends, torch.rand(count, dtype=torch.float64))
        items = items.clamp(max=len(self._ends) - 1)
        return items, (count * self._chances[items]).float()
