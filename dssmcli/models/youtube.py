"""YouTube's candidate generation (Covington et al., RecSys 2016, section 3) in torch.

B examples, L watches of a history, P pools, E embedding, X inputs, D vector, V items, S tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dssmcli.youtube_config import (
    CONTEXT_EMBEDDING,
    CandidatesConfig,
    CandidateSizes,
    CandidatesTrainConfig,
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
    vectors that are searched, `targets` (V, D). With a gamma both u and v are unit vectors, but for
    the last `seen` dimensions, whose product is added to the cosine.
    """

    def __init__(
        self, config: CandidatesConfig, sizes: CandidateSizes, train: CandidatesTrainConfig
    ) -> None:
        super().__init__()
        self.config, self.train_config = config, train
        self.sparse = is_sparse(config, train, sizes.items)
        spread = 1 / math.sqrt(config.embedding)
        self.items = nn.Parameter(_rows(sizes.items, config.embedding, spread))
        self.targets = nn.Parameter(torch.randn(sizes.items, config.dim) / math.sqrt(config.dim))
        if config.pooling == "recency":
            self.places = nn.Parameter(_fading(config.pools, config.history))
        if config.echo:
            self.echo = nn.Parameter(torch.zeros(config.history))
        if config.seen:
            self.seen = nn.Parameter(torch.randn(sizes.items, config.seen) / math.sqrt(config.seen))
            self.seen_places = nn.Parameter(torch.full((config.history,), _AGAINST))
        if sizes.tokens:
            self.tokens = nn.Parameter(_rows(sizes.tokens, config.embedding, spread))
        if sizes.features:
            context = torch.randn(sizes.categories, CONTEXT_EMBEDDING) * 0.1
            self.categories = nn.Parameter(context)
        width = input_width(config, sizes)
        layers = [width, *config.units, config.dim]
        self.weight = nn.ParameterList([fresh_layer(wide, out) for wide, out in pairwise(layers)])
        self.bias = nn.ParameterList([nn.Parameter(torch.zeros(out)) for out in layers[1:]])
        if config.skip:
            self.skip = fresh_layer(width, config.dim)

    def users(self, moments: MomentTensors) -> Tensor:
        """Return u (B, D)."""
        x = hidden = self.inputs(moments)
        last = len(self.weight) - 1
        for i, (weight, bias) in enumerate(zip(self.weight, self.bias, strict=True)):
            if i:
                hidden = functional.dropout(hidden, self.train_config.dropout, self.training)
            hidden = torch.addmm(bias, hidden, weight)
            if i < last or not self.config.linear:
                hidden = functional.relu(hidden)
        if self.config.skip:
            hidden = hidden + x @ self.skip
        if self.config.echo:
            hidden = hidden + self._by_place(moments.history, self.echo, self._targets)
        vector = functional.normalize(hidden, dim=1) if self.config.gamma else hidden
        if not self.config.seen:
            return vector
        seen = self._by_place(moments.history, self.seen_places, self._seen)
        return torch.cat([vector, seen / self.scale], dim=1)

    def _by_place(
        self, history: Tensor, weights: Tensor, vectors: Callable[[Tensor | None], Tensor]
    ) -> Tensor:
        """Return the sum of the watched items' vectors, each by a learned weight of its place.

        Below 0, which is where these weights go where nothing is watched twice, it says that what
        was watched is not watched again.
        """
        shares = (weights[: history.shape[1]] * (history > 0))[:, None]
        if not self.sparse:
            table = functional.pad(vectors(None), (0, 0, 1, 0))
            return pooled(history, shares, table, False)[:, 0]
        return torch.bmm(shares, vectors((history - 1).clamp(min=0)))[:, 0]

    def inputs(self, moments: MomentTensors) -> Tensor:
        """Return x (B, X): pools, last watches, search tokens, context, age."""
        config, history = self.config, self._thinned(moments.history)
        pools = pooled(history, self._shares(history), self.items, self.sparse)
        parts = [self._dropped(pools.flatten(1))]
        if config.last:
            newest = functional.pad(
                history[:, : config.last], (0, max(0, config.last - history.shape[1]))
            )
            own = functional.embedding(newest, self.items, 0, sparse=self.sparse)
            parts.append(self._dropped(own.flatten(1)))
        if hasattr(self, "tokens"):
            bag = moments.tokens
            parts.append(pooled(bag, equal_shares(bag), self.tokens, self.sparse).flatten(1))
        if hasattr(self, "categories"):
            parts.append(functional.embedding(moments.codes, self.categories).flatten(1))
        parts.append(moments.numbers)
        if config.example_age:
            age = moments.age[:, None]
            parts += [age, age**2, age.sqrt()]
        return torch.cat(parts, dim=1)

    def _thinned(self, history: Tensor) -> Tensor:
        """Leave out a share of the watches while the model learns, so that none is relied on."""
        share = self.train_config.watch_dropout
        if not self.training or not share:
            return history
        return history * (torch.rand(history.shape) >= share)

    def _dropped(self, x: Tensor) -> Tensor:
        return functional.dropout(x, self.train_config.input_dropout, self.training)

    def _shares(self, history: Tensor) -> Tensor:
        """Return what each watch weighs in each pool, (B, P, L); a history's shares add up to 1."""
        if self.config.pooling == "mean":
            return equal_shares(history)
        there = (history > 0)[:, None, :]
        places = self.places[:, : history.shape[1]].expand(len(history), -1, -1)
        shares = functional.softmax(places.masked_fill(~there, -torch.inf), dim=2)
        return torch.nan_to_num(shares, nan=0.0)

    def vectors(self, items: Tensor | None = None) -> Tensor:
        """Return v (V, D) of all items, or of the items named (n,)."""
        vectors = self._targets(items)
        return torch.cat([vectors, self._seen(items)], dim=-1) if self.config.seen else vectors

    def _targets(self, items: Tensor | None) -> Tensor:
        rows = self.targets if items is None else _taken(items, self.targets, self.sparse)
        return functional.normalize(rows, dim=-1) if self.config.gamma else rows

    def _seen(self, items: Tensor | None) -> Tensor:
        return self.seen if items is None else _taken(items, self.seen, self.sparse)

    @property
    def scale(self) -> float:
        """Return what u v is multiplied by to give a logit."""
        return self.config.gamma or 1.0


_AGAINST = -0.3
"""What was watched begins with this weight, in logits."""


def _taken(items: Tensor, table: Tensor, sparse: bool) -> Tensor:
    return functional.embedding(items, table, sparse=sparse)


def _rows(count: int, width: int, spread: float) -> Tensor:
    """Return fresh embeddings of things numbered from 1, behind a row of zeros for none."""
    return torch.cat([torch.zeros(1, width), torch.randn(count, width) * spread])


_DENSE_ROWS = 4096


def pooled(bag: Tensor, shares: Tensor, table: Tensor, sparse: bool) -> Tensor:
    """Return sums (B, P, E) of rows of a table: bag (B, L), shares (B, P, L), those of 0 being 0.

    Of a small table all rows are taken, most of them 0 times: one product is faster than to gather
    B L rows, and to scatter their gradients.
    """
    count, pools = shares.shape[:2]
    if not sparse and len(table) <= _DENSE_ROWS:
        places = bag[:, None].expand(-1, pools, -1)
        times = shares.new_zeros(count, pools, len(table)).scatter_add(2, places, shares)
        return (times.flatten(0, 1) @ table).view(count, pools, -1)
    parts = [
        functional.embedding_bag(
            bag, table, mode="sum", sparse=sparse, per_sample_weights=shares[:, p], padding_idx=0
        )
        for p in range(pools)
    ]
    return torch.stack(parts, dim=1)


def fresh_layer(inputs: int, outputs: int) -> nn.Parameter:
    """Return fresh weights of a ReLU layer (He et al., ICCV 2015)."""
    return nn.Parameter(torch.randn(inputs, outputs) * math.sqrt(2 / max(1, inputs)))


def _fading(pools: int, history: int) -> Tensor:
    """Return where the weights of places begin: shares fall as powers of the place.

    The powers of several pools go from 0, a mean, to -2.
    """
    places = torch.arange(1, history + 1, dtype=torch.float32).log()
    powers = [0.5] if pools == 1 else [2 * p / (pools - 1) for p in range(pools)]
    return torch.stack([-power * places for power in powers])


def equal_shares(bag: Tensor) -> Tensor:
    """Return equal shares (B, 1, L) of what is there."""
    there = (bag > 0).float()
    return (there / there.sum(dim=1, keepdim=True).clamp(min=1))[:, None, :]
