"""Layers that the towers are made of (torch)."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dssmcli.text.blocks import Block
from dssmcli.text.vocab import PAD


class TorchBlock(NamedTuple):
    """A text block as tensors; see dssmcli.text.blocks.Block for the shapes."""

    units: Tensor
    lengths: Tensor
    features: Tensor
    starts: Tensor


def to_torch(block: Block, device: torch.device | str = "cpu") -> TorchBlock:
    """Return a text block as tensors on a device."""
    return TorchBlock(*(torch.from_numpy(array).to(device) for array in block))


class FeatureRows(nn.Module):
    """A row for each feature; a unit's vector is the sum of its features' rows.

    With one-hot features this is exactly the first layer of DSSM, x W, without the 30,000-wide x.
    """

    def __init__(self, rows: int, width: int, skip: bool) -> None:
        super().__init__()
        # With a skip connection the rows are a random projection from the start, so that even the
        # untrained model compares texts by what they share; else the paper's small uniform rows.
        bound = glorot(rows, width)
        fresh = torch.empty(rows, width)
        fresh = fresh.normal_(std=width**-0.5) if skip else fresh.uniform_(-bound, bound)
        self.weight = nn.Parameter(fresh)
        with torch.no_grad():
            self.weight[PAD] = 0.0

    def forward(self, block: TorchBlock) -> Tensor:
        """Return the vectors of the block's distinct units, (U, E); unit 0, padding, is zero."""
        return F.embedding_bag(
            block.features, self.weight, block.starts, mode="sum", padding_idx=PAD
        )


class Skip(nn.Module):
    """A linear path around the tower: what a bag of units knows is not lost (not in the papers).

    The sum of a text's unit vectors, divided by the root of their number, through one matrix that
    starts orthogonal and so keeps the geometry of the rows.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        weight = torch.empty(outputs, inputs)
        nn.init.orthogonal_(weight)
        # Dropping dimensions shortens vectors on average by this factor; undo it.
        self.weight = nn.Parameter(weight * max(1.0, inputs / outputs) ** 0.5)

    def forward(self, bag: Tensor, block: TorchBlock) -> Tensor:
        """Return (B, D) for bags (B, E)."""
        scale = block.lengths.clamp(min=1).to(bag.dtype).rsqrt()
        return F.linear(bag * scale[:, None], self.weight)


def bags(units: Tensor, block: TorchBlock) -> Tensor:
    """Return the sum of each text's unit vectors, (U, E) -> (B, E)."""
    return F.embedding_bag(block.units, units, mode="sum")


def glorot(fan_in: int, fan_out: int) -> float:
    """Return the bound of the uniform initialisation, sqrt(6 / (fan_in + fan_out))."""
    return float((6.0 / (fan_in + fan_out)) ** 0.5)


def linear(inputs: int, outputs: int, scale: float = 1.0) -> nn.Linear:
    """Return a linear layer with uniform weights in ±scale * glorot and zero bias."""
    layer = nn.Linear(inputs, outputs)
    bound = scale * glorot(inputs, outputs)
    nn.init.uniform_(layer.weight, -bound, bound)
    nn.init.zeros_(layer.bias)
    return layer


def real_positions(block: TorchBlock) -> Tensor:
    """Return which positions hold a real unit, (B, T) bool."""
    width = block.units.shape[1]
    return torch.arange(width, device=block.lengths.device) < block.lengths[:, None]


def unit_rows(vectors: Tensor, lengths: Tensor) -> Tensor:
    """Return rows (B, D) of length 1; a text without units is a row of zeros."""
    real = (lengths > 0).to(vectors.dtype)[:, None]
    return F.normalize(vectors, dim=1, eps=1e-12) * real
