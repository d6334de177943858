"""Losses over cosines of unit vectors (torch)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def softmax_loss(
    cosines: Tensor,
    clicked: Tensor,
    allowed: Tensor,
    gamma: float,
    weight: Tensor,
    log_q: Tensor | None = None,
    log_weight: Tensor | None = None,
    total: Tensor | None = None,
) -> Tensor:
    """Return -log P(clicked | query) with P = softmax(gamma cos) (Huang et al. 2013, eq. 4 and 5).

    cosines: (B, C), queries against candidates. clicked: (B,) long, each query's own column.
    allowed: (B, C) bool; a candidate that is not allowed is no negative of that query.
    weight: (B,) >= 0, the mean over rows is weighted by it. log_q: (C,) log of the probability
    that a candidate was drawn; subtracted after gamma, it makes the sampled softmax learn
    log p(title | query); without it the loss learns the pointwise mutual information, which
    suits relevance (Yi et al., RecSys 2019). log_weight: (B, C), added to the logits of negatives:
    one of weight w counts as w negatives would. total: what all weigh together, where these rows
    are a part: the losses of the parts then add up to that of the whole.
    """
    logits = gamma * cosines
    if log_weight is not None:
        logits = logits + log_weight
    if log_q is not None:
        logits = logits - log_q
    logits = logits.masked_fill(~allowed, -torch.inf)
    logits = logits.scatter(1, clicked[:, None], _own_logit(gamma * cosines, clicked, log_q))
    losses = F.cross_entropy(logits, clicked, reduction="none")
    total = weight.sum() if total is None else total
    return (losses * weight).sum() / total.clamp(min=1e-12)


def _own_logit(logits: Tensor, clicked: Tensor, log_q: Tensor | None) -> Tensor:
    """Return the clicked column (B, 1): it is always a candidate, whatever `allowed` says."""
    own = logits.gather(1, clicked[:, None])
    return own if log_q is None else own - log_q[clicked][:, None]


class LogisticLoss(nn.Module):
    """Logistic regression of labels on cosines, scale * cos + shift, both learned.

    It draws what the softmax does not: one threshold for all queries.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(10.0))
        self.shift = nn.Parameter(torch.tensor(-5.0))

    def forward(self, cosines: Tensor, labels: Tensor, weight: Tensor) -> Tensor:
        """Return the weighted mean loss. cosines, labels in {0, 1} and weight are all (B,)."""
        losses = F.binary_cross_entropy_with_logits(
            self.scale * cosines + self.shift, labels, reduction="none"
        )
        return (losses * weight).sum() / weight.sum().clamp(min=1e-12)


class GradeLoss(nn.Module):
    """Squared error of grades from 0 to 1 against scale * cos + shift, both learned."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.shift = nn.Parameter(torch.tensor(0.0))

    def forward(self, cosines: Tensor, grades: Tensor) -> Tensor:
        """Return the mean loss. cosines and grades in [0, 1] are (B,)."""
        return F.mse_loss(self.scale * cosines + self.shift, grades)


def cosent_loss(cosines: Tensor, grades: Tensor, gamma: float) -> Tensor:
    """Return log(1 + sum of exp(gamma (cos_low - cos_high))) over all pairs of unequal grades.

    cosines, grades: (B,). Only the order of grades counts, not their distance (CoSENT, Su 2022).
    """
    lower = grades[:, None] < grades[None, :]
    differences = gamma * (cosines[:, None] - cosines[None, :])
    chosen = differences[lower]
    return torch.logsumexp(torch.cat([chosen, chosen.new_zeros(1)]), dim=0)
