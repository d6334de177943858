"""Shared-Bottom, MMoE and OMoE (Ma et al., KDD 2018), and a network a task beside them.

B rows, C categorical features, F numbers, X inputs of an expert, N experts, U outputs of each, K
tasks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from dssmcli.rec_config import MultitaskConfig, MultitaskTrainConfig, Sizes


class Stack(nn.Module):
    """N equal networks of ReLU layers with weights of their own, computed in one batched product.

    `weight.i` is (N, in, out), `bias.i` (N, out).
    """

    def __init__(self, count: int, inputs: int, units: Sequence[int]) -> None:
        super().__init__()
        widths = list(zip([inputs, *units], units, strict=False))
        self.weight = nn.ParameterList([_fresh(wide, count, wide, out) for wide, out in widths])
        self.bias = nn.ParameterList([_fresh(wide, count, out) for wide, out in widths])

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, B, out) for inputs (B, in) that all share, or (N, B, in)."""
        for weight, bias in zip(self.weight, self.bias, strict=True):
            x = functional.relu(_affine(x, weight, bias))
        return x


def _affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return N affine maps (N, B, out) of rows (B, in) or (N, B, in)."""
    if x.dim() == 3:
        return torch.baddbmm(bias.unsqueeze(1), x, weight)
    count, wide, out = weight.shape
    flat = weight.permute(1, 0, 2).reshape(wide, count * out)
    joined = torch.addmm(bias.reshape(-1), x, flat)  # (B, N * out)
    return joined.view(len(x), count, out).transpose(0, 1)


def _fresh(inputs: int, *shape: int) -> Tensor:
    """Return fresh weights or biases of maps from so many inputs, every network's drawn anew.

    Uniform within 1 / sqrt(inputs), as torch's linear layers have it: with the wider He weights the
    synthetic tasks of section 3.2 take about twice the steps.
    """
    return (2 * torch.rand(*shape) - 1) / math.sqrt(max(1, inputs))


class Gates(nn.Module):
    """g_k(x) = softmax(W_k x), a linear map and no more (section 4.2), for each of K gates."""

    def __init__(self, count: int, inputs: int, experts: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(_fresh(inputs, count, inputs, experts))
        self.bias = nn.Parameter(_fresh(inputs, count, experts))

    def forward(self, x: Tensor) -> Tensor:
        """Return weights of the experts (K, B, N), each row's adding up to 1."""
        return functional.softmax(_affine(x, self.weight, self.bias), dim=-1)


class Multitask(nn.Module):
    """y_k = h_k(sum_i g_k(x)_i f_i(x)) (equations 5 to 7); with one expert y_k = h_k(f(x)) (1).

    x is a row's category embeddings and its numbers, side by side, crossed if so wanted. Towers h_k
    are ReLU layers and a linear output. While it learns, shares of the experts and of their outputs
    are left out.
    """

    def __init__(
        self, config: MultitaskConfig, sizes: Sizes, dropout: float = 0.0, expert_dropout: float = 0
    ) -> None:
        super().__init__()
        self.dropout, self.expert_dropout = dropout, expert_dropout
        tasks, inputs = sizes.tasks, sizes.features * config.embedding + sizes.numbers
        embedding = torch.randn(sizes.categories, config.embedding) * _EMBEDDING_SPREAD
        self.embedding = nn.Parameter(embedding)
        self.cross = Cross(inputs, config.cross) if config.cross else None
        self.experts = Stack(config.experts, inputs, config.expert_units)
        gates = 1 if config.gate == "shared" else tasks
        self.gates = Gates(gates, inputs, config.experts) if config.experts > 1 else None
        self.towers = Stack(tasks, config.expert_units[-1], config.tower_units)
        width = [*config.expert_units, *config.tower_units][-1]
        self.output = nn.Parameter(_fresh(width, tasks, width, 1))
        self.bias = nn.Parameter(torch.zeros(tasks))
        self.wide = Wide(sizes) if config.wide else None

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return outputs (B, K), logits of binary tasks, of rows: codes (B, C), numbers (B, F)."""
        x = self.inputs(codes, numbers)
        experts = functional.dropout(self.experts(x), self.dropout, self.training)  # (N, B, U)
        if self.gates is None:
            mixed = experts.expand(len(self.output), -1, -1)
        else:
            mixed = torch.einsum("kbn,nbu->kbu", self._thinned(self.gates(x)), experts)
            mixed = mixed.expand(len(self.output), -1, -1)
        hidden = self.towers(mixed)  # (K, B, H)
        outputs = torch.bmm(hidden, self.output).squeeze(-1).T + self.bias
        return outputs if self.wide is None else outputs + self.wide(codes, numbers)

    @torch.no_grad()
    def begin_at(self, outputs: Tensor) -> None:
        """Have a fresh model give about these outputs (K,) to every row."""
        self.bias.copy_(outputs)

    def inputs(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return x (B, X)."""
        embedded = functional.embedding(codes, self.embedding).flatten(1)
        x = torch.cat([embedded, numbers], dim=1)
        return x if self.cross is None else self.cross(x)

    def _thinned(self, gates: Tensor) -> Tensor:
        """Leave whole experts out of a batch now and then, the others' weights adding up to 1."""
        if not self.training or not self.expert_dropout:
            return gates
        kept = (torch.rand(gates.shape[-1]) >= self.expert_dropout).to(gates.dtype)
        thinned = gates * kept
        total = thinned.sum(dim=-1, keepdim=True)
        return torch.where(total > 0, thinned / total.clamp_min(1e-12), gates)


_EMBEDDING_SPREAD = 0.01


class Cross(nn.Module):
    """x + x * (U V x + b), elementwise: products of features (DCN V2, Wang et al., WWW 2021, 3.5).

    V: (X, R), U: (R, X), of low rank R.
    """

    def __init__(self, inputs: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.randn(inputs, rank) / math.sqrt(max(1, inputs)))
        self.up = nn.Parameter(torch.randn(rank, inputs) * _CROSS_SPREAD / math.sqrt(rank))
        self.bias = nn.Parameter(torch.zeros(inputs))

    def forward(self, x: Tensor) -> Tensor:
        """Return crossed rows (B, X)."""
        return x + x * torch.addmm(self.bias, x @ self.down, self.up)


_CROSS_SPREAD = 0.1
"""A fresh layer crosses little."""


class Wide(nn.Module):
    """A linear map of a row's categories and numbers to every task (Cheng et al., DLRS 2016)."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.categories = nn.Parameter(torch.zeros(sizes.categories, sizes.tasks))
        self.numbers = nn.Parameter(torch.zeros(sizes.numbers, sizes.tasks))

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return what is added to the outputs, (B, K)."""
        mapped = numbers @ self.numbers
        if not codes.shape[1]:  # embedding_bag takes no bag that cannot hold anything
            return mapped
        return functional.embedding_bag(codes, self.categories, mode="sum") + mapped


class SingleTask(nn.Module):
    """A Shared-Bottom network of its own for each task, with nothing shared: the baseline."""

    def __init__(self, config: MultitaskConfig, sizes: Sizes, dropout: float = 0.0) -> None:
        super().__init__()
        own = sizes._replace(tasks=1)
        models = [Multitask(config, own, dropout) for _ in range(sizes.tasks)]
        self.models = nn.ModuleList(models)

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return outputs (B, K)."""
        return torch.cat([model(codes, numbers) for model in self.models], dim=1)

    def begin_at(self, outputs: Tensor) -> None:
        """Have a fresh model give about these outputs (K,) to every row."""
        for model, output in zip(self.models, outputs, strict=True):
            assert isinstance(model, Multitask)
            model.begin_at(output)


def build_multitask(
    config: MultitaskConfig, sizes: Sizes, train: MultitaskTrainConfig
) -> Multitask | SingleTask:
    """Return the fresh model that a config names."""
    if config.arch == "single-task":
        return SingleTask(config, sizes, train.dropout)
    return Multitask(config, sizes, train.dropout, train.expert_dropout)


def task_losses(outputs: Tensor, labels: Tensor, binary: Tensor) -> Tensor:
    """Return each task's mean loss (K,) over the rows that have its label, 0 where none has.

    outputs, labels: (B, K), nan for a label that is missing. binary: (K,) which tasks have labels 0
    and 1, whose outputs are logits (cross-entropy); the others' loss is the squared error.
    """
    known = ~labels.isnan()
    target = torch.where(known, labels, 0.0)
    entropy = functional.binary_cross_entropy_with_logits(outputs, target, reduction="none")
    each = torch.where(binary, entropy, (outputs - target) ** 2)
    return torch.where(known, each, 0.0).sum(dim=0) / known.sum(dim=0).clamp_min(1)
