"""YouTube's candidate generation (Covington et al., RecSys 2016, section 3) in torch.

B examples, L watches of a history, P pools, E embedding, X inputs, D vector, V items, S tokens.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dssmcli.youtube_config import (
    CONTEXT_EMBEDDING,
    CandidatesConfig,
    CandidateSizes,
    input_width,
    is_sparse,
)


class MomentTensors(NamedTuple):
    """What a model takes as tensors, see data.moments.Moments: history (B, L), tokens (B, S),
    age (B,), and of the context codes (B, C) and numbers (B, F)."""

    history: Tensor
    tokens: Tensor
    age: Tensor
    codes: Tensor
    numbers: Tensor


class Candidates(nn.Module):
    """P(w = i | U) = softmax(v_i u): u (B, D) of a user at a moment, v_i of an item.

    The embeddings of watched items, `items` (V + 1, E) with a row of zeros for none, are not the
    vectors that are searched, `targets` (V, D). With a gamma both u and v are unit vectors.
    """

    def __init__(
        self, config: CandidatesConfig, sizes: CandidateSizes, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.config, self.dropout = config, dropout
        self.sparse = is_sparse(config, sizes.items)
        spread = 1 / math.sqrt(config.embedding)
        self.items = nn.Parameter(_rows(sizes.items, config.embedding, spread))
        self.targets = nn.Parameter(torch.randn(sizes.items, config.dim) / math.sqrt(config.dim))
        if config.pooling == "recency":
            self.places = nn.Parameter(_fading(config.pools, config.history))
        if sizes.tokens:
            self.tokens = nn.Parameter(_rows(sizes.tokens, config.embedding, spread))
        if sizes.features:
            context = torch.randn(sizes.categories, CONTEXT_EMBEDDING) * 0.1
            self.categories = nn.Parameter(context)
        width = input_width(config, sizes)
        layers = [width, *config.units, config.dim]
        self.weight = nn.ParameterList([_fresh(wide, out) for wide, out in pairwise(layers)])
        self.bias = nn.ParameterList([nn.Parameter(torch.zeros(out)) for out in layers[1:]])
        if config.skip:
            self.skip = _fresh(width, config.dim)

    def users(self, moments: MomentTensors) -> Tensor:
        """Return u (B, D)."""
        x = self.inputs(moments)
        hidden = x
        last = len(self.weight) - 1
        for i, (weight, bias) in enumerate(zip(self.weight, self.bias, strict=True)):
            if i:
                hidden = functional.dropout(hidden, self.dropout, self.training)
            hidden = torch.addmm(bias, hidden, weight)
            if i < last or not self.config.linear:
                hidden = functional.relu(hidden)
        if self.config.skip:
            hidden = hidden + x @ self.skip
        return functional.normalize(hidden, dim=1) if self.config.gamma else hidden

    def inputs(self, moments: MomentTensors) -> Tensor:
        """Return x (B, X): pools, last watches, search tokens, context, age."""
        config, history = self.config, moments.history
        watched = functional.embedding(history, self.items, 0, sparse=self.sparse)  # (B, L, E)
        parts = [torch.bmm(self._shares(history), watched).flatten(1)]
        if config.last:
            newest = watched[:, : config.last].flatten(1)
            missing = config.last * config.embedding - newest.shape[1]
            parts.append(functional.pad(newest, (0, missing)))
        if hasattr(self, "tokens"):
            searched = functional.embedding(moments.tokens, self.tokens, 0, sparse=self.sparse)
            parts.append(torch.bmm(_equal(moments.tokens), searched).flatten(1))
        if hasattr(self, "categories"):
            parts.append(functional.embedding(moments.codes, self.categories).flatten(1))
        parts.append(moments.numbers)
        if config.example_age:
            age = moments.age[:, None]
            parts += [age, age**2, age.sqrt()]
        return torch.cat(parts, dim=1)

    def _shares(self, history: Tensor) -> Tensor:
        """Return what each watch weighs in each pool, (B, P, L); a history's shares add up to 1."""
        if self.config.pooling == "mean":
            return _equal(history)
        there = (history > 0)[:, None, :]
        places = self.places[:, : history.shape[1]].expand(len(history), -1, -1)
        shares = functional.softmax(places.masked_fill(~there, -torch.inf), dim=2)
        return torch.nan_to_num(shares, nan=0.0)

    def vectors(self, items: Tensor | None = None) -> Tensor:
        """Return v (V, D) of all items, or of the items named (n,)."""
        if items is None:
            rows: Tensor = self.targets
        else:
            rows = functional.embedding(items, self.targets, sparse=self.sparse)
        return functional.normalize(rows, dim=1) if self.config.gamma else rows

    @property
    def scale(self) -> float:
        """Return what u v is multiplied by to give a logit."""
        return self.config.gamma or 1.0


def _rows(count: int, width: int, spread: float) -> Tensor:
    """Return fresh embeddings of things numbered from 1, behind a row of zeros for none."""
    return torch.cat([torch.zeros(1, width), torch.randn(count, width) * spread])


def _fresh(inputs: int, outputs: int) -> nn.Parameter:
    """Return fresh weights of a ReLU layer (He et al., ICCV 2015)."""
    return nn.Parameter(torch.randn(inputs, outputs) * math.sqrt(2 / max(1, inputs)))


def _fading(pools: int, history: int) -> Tensor:
    """Return where weights of places begin: pool p forgets half of what it knows in 8^p watches.

    The last pool of several begins as a mean.
    """
    places = torch.arange(history, dtype=torch.float32)
    halves = [math.log(2) / 4**p if p < pools - 1 or pools == 1 else 0.0 for p in range(pools)]
    return torch.stack([-rate * places for rate in halves])


def _equal(bag: Tensor) -> Tensor:
    """Return equal shares (B, 1, L) of what is there."""
    there = (bag > 0).float()
    return (there / there.sum(dim=1, keepdim=True).clamp(min=1))[:, None, :]
