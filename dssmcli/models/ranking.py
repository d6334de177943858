"""YouTube's ranking (Covington et al., RecSys 2016, section 4) in torch.

B impressions, L watched items, E embedding, C categorical features, W numbers, H heads.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from dssmcli.models.multitask import Cross
from dssmcli.models.youtube import equal_shares, fresh_layer, pooled
from dssmcli.youtube_config import RankingConfig, RankingSizes, ranking_width

_SPREAD = 0.05


class Ranking(nn.Module):
    """Logits (B, H) of impressions: ReLU layers over an item, what was watched, and what is known.

    `items` (V + 1, E) has a row of zeros for an item that is not known; the item shown and those
    watched share it. While it learns, a share of the numbers in the tower is left out.
    """

    def __init__(self, config: RankingConfig, sizes: RankingSizes, dropout: float = 0.0) -> None:
        super().__init__()
        self.config, self.dropout = config, dropout
        items = torch.randn(sizes.items + 1, config.embedding) * _SPREAD
        items[0] = 0
        self.items = nn.Parameter(items)
        if sizes.features:
            table = torch.randn(sizes.categories, config.categories) * _SPREAD
            self.categories = nn.Parameter(table)
        width = ranking_width(config, sizes)
        self.cross = Cross(width, config.cross) if config.cross else None
        layers = list(pairwise([width, *config.units]))
        self.weight = nn.ParameterList([fresh_layer(wide, out) for wide, out in layers])
        self.bias = nn.ParameterList([nn.Parameter(torch.zeros(out)) for _, out in layers])
        last = config.units[-1] if config.units else width
        self.heads = nn.Parameter(torch.randn(last, len(config.heads)) / max(1, last) ** 0.5 * 0.1)
        self.heads_bias = nn.Parameter(torch.zeros(len(config.heads)))

    def forward(self, item: Tensor, history: Tensor, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return logits (B, H): item (B,), history (B, L), codes (B, C), numbers (B, W)."""
        parts = [functional.embedding(item, self.items, 0)]
        if self.config.history:
            parts.append(pooled(history, equal_shares(history), self.items, False)[:, 0])
        if hasattr(self, "categories"):
            parts.append(functional.embedding(codes, self.categories).flatten(1))
        x = torch.cat([*parts, numbers], dim=1)
        if self.cross is not None:
            x = self.cross(x)
        for weight, bias in zip(self.weight, self.bias, strict=True):
            x = functional.relu(torch.addmm(bias, x, weight))
            x = functional.dropout(x, self.dropout, self.training)
        return torch.addmm(self.heads_bias, x, self.heads)

    @torch.no_grad()
    def begin_at(self, logits: Tensor) -> None:
        """Have a fresh model give about these logits (H,) to every impression."""
        self.heads_bias.copy_(logits)


def ranking_losses(
    logits: Tensor, heads: tuple[str, ...], clicked: Tensor, watched: Tensor
) -> Tensor:
    """Return the mean loss of each head, (H,): clicked (B,) 0 or 1, watched (B,) of any unit.

    click: logistic regression. odds: weighted by the watch time of clicked impressions, 1 for the
    others (section 4.2), so that the odds e^z are E[T] / (1 - P). watch_time: the same, but
    that every impression, clicked or not, counts as an unclicked one besides, so that e^z = E[T],
    however often there are clicks. All are means over the impressions, not over the
    weights.
    """
    off, on = functional.softplus(logits), functional.softplus(-logits)
    found = []
    for h, head in enumerate(heads):
        if head == "click":
            loss = clicked * on[:, h] + (1 - clicked) * off[:, h]
        elif head == "odds":
            loss = clicked * watched * on[:, h] + (1 - clicked) * off[:, h]
        else:
            loss = clicked * watched * on[:, h] + off[:, h]
        found.append(loss.mean())
    return torch.stack(found)
