"""The towers in torch: a block of texts in, vectors out, each reading like its paper.

A tower is linear in its units up to the sum (DNN), the maximum (CNN) or the recurrence (LSTM). So
`tables` takes a batch's distinct units that far, once each, and `vectors` looks them up.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dssmcli.config import CnnConfig, DnnConfig, LstmConfig, TowerConfig
from dssmcli.models.layers import (
    FeatureRows,
    Skip,
    Texts,
    TorchBlock,
    bags,
    glorot,
    linear,
    scaled,
    wide,
    window_max,
    window_mean,
)
from dssmcli.models.parts import in_parts

QUIET = 0.1
"""How loud an output layer starts beside a skip connection, as a factor of its usual weights."""


class Tower(nn.Module):
    """Texts in, vectors (B, D) out, not yet of unit length."""

    rows: FeatureRows
    skip: Skip | None

    @abstractmethod
    def tables(self, block: TorchBlock) -> tuple[Tensor, ...]:
        """Return what the block's distinct units become, each a tensor over the U units."""

    @abstractmethod
    def vectors(self, tables: Sequence[Tensor], texts: Texts) -> Tensor:
        """Return the vectors (B, D) of texts made of those units."""

    def forward(self, block: TorchBlock) -> Tensor:
        """Return (B, D)."""
        return self.vectors(self.tables(block), block.texts)


class DnnTower(Tower):
    """DSSM: counts of features, then tanh layers, the output too (Huang et al. 2013, section 3)."""

    def __init__(self, config: DnnConfig, rows: int) -> None:
        super().__init__()
        widths = [*config.hidden, config.dim]
        self.rows = FeatureRows(rows, widths[0], config.skip)
        self.bias = nn.Parameter(torch.zeros(widths[0]))
        self.layers = nn.ModuleList(map(linear, widths[:-2], widths[1:-1]))
        self.output = linear(widths[-2], config.dim, QUIET if config.skip else 1.0)
        self.skip = Skip(widths[0], config.dim) if config.skip else None

    def tables(self, block: TorchBlock) -> tuple[Tensor, ...]:
        """Return the units' first layer, (U, H1)."""
        return (self.rows(block),)

    def vectors(self, tables: Sequence[Tensor], texts: Texts) -> Tensor:
        """Return (B, D)."""
        bag = bags(tables[0], texts)  # (B, H1)
        hidden = torch.tanh(bag + self.bias)
        for layer in self.layers:
            hidden = torch.tanh(layer(hidden))  # (B, H)
        vectors = torch.tanh(self.output(hidden))  # (B, D)
        return vectors if self.skip is None else vectors + self.skip(scaled(bag, texts))


class CnnTower(Tower):
    """CLSM: a window slides over the units, tanh, max over time, tanh (Shen et al. 2014).

    A text is padded with window // 2 zero units at each side, and the windows of padding are
    masked before the max, so that no length leaks into the vector. The max is taken before the
    tanh, which is monotone: the same result, with a shorter row to squash. So is the mean, if
    asked for (not in the paper). Windows of several widths have filters of their own each (Kim
    2014); one of an even width has one unit more before its middle than after it.
    """

    def __init__(self, config: CnnConfig, rows: int) -> None:
        super().__init__()
        self.window, self.filters = config.window, config.filters
        self.mean = config.pooling == "max+mean"
        across = config.offsets * config.filters
        if config.form == "exact":
            self.rows = FeatureRows(rows, across, config.skip)
            self.conv = None
        else:
            self.rows = FeatureRows(rows, config.embedding, config.skip)
            self.conv = nn.Parameter(torch.cat([_kernel(config, k) for k in config.window], dim=1))
        self.bias = nn.Parameter(torch.zeros(config.pooled))
        self.output = linear(config.pooled, config.dim, scale=QUIET if config.skip else 1.0)
        self.skip = Skip(self.rows.weight.shape[1], config.dim) if config.skip else None

    def tables(self, block: TorchBlock) -> tuple[Tensor, ...]:
        """Return the units' filters for a width's offsets, (K, U, F), each, and their path around.

        That is (U, D), and last.
        """
        units = self.rows(block)  # (U, E) or, exact, (U, K F) with the K of all widths
        projected = units if self.conv is None else units @ self.conv  # (U, K F)
        offsets = projected.view(len(units), -1, self.filters).transpose(0, 1).contiguous()
        # The whole is no part: its gradient would be copied.
        parts = offsets.split(self.window) if len(self.window) > 1 else (offsets,)
        return parts if self.skip is None else (*parts, self.skip(units))

    def vectors(self, tables: Sequence[Tensor], texts: Texts) -> Tensor:
        """Return (B, D)."""
        pools = (window_max, window_mean) if self.mean else (window_max,)
        offsets = tables[: len(self.window)]
        pooled = [pool(each, *texts) for pool in pools for each in offsets]  # (B, F) each
        hidden = torch.cat(pooled, dim=1) if len(pooled) > 1 else pooled[0]
        vectors = torch.tanh(self.output(torch.tanh(hidden + self.bias)))
        return vectors if self.skip is None else vectors + scaled(bags(tables[-1], texts), texts)


def _kernel(config: CnnConfig, window: int) -> Tensor:
    """Return the fresh filters of a width, (E, K F)."""
    bound = glorot(window * config.embedding, config.filters)
    return _uniform(config.embedding, window * config.filters, bound)


class LstmTower(Tower):
    """LSTM-DSSM: a peephole LSTM whose state at the last unit is the vector (Palangi et al. 2016).

    Gates in the order input, forget, cell, output; i and f look at c(t-1), o at c(t), through
    diagonal peepholes; the forget gate's bias starts at 1. Padding carries the state through.
    """

    def __init__(self, config: LstmConfig, rows: int) -> None:
        super().__init__()
        self.rows = FeatureRows(rows, config.embedding, config.skip)
        directions = 2 if config.bidirectional else 1
        width = config.dim // directions
        self.forth = LstmCell(config, width)
        self.back = LstmCell(config, width) if directions == 2 else None
        self.skip = Skip(config.embedding, config.dim) if config.skip else None

    def forward(self, block: TorchBlock) -> Tensor:
        """Return (B, D): steps follow one another, so that only texts can be shared out."""
        return in_parts(self.vectors, self.tables(block), block.texts, [*self.parameters()])

    def tables(self, block: TorchBlock) -> tuple[Tensor, ...]:
        """Return the units' gates for each direction, (U, 4 H), and their path around, (U, D)."""
        units = self.rows(block)  # (U, E)
        tables = [self.forth.gates(units)]
        if self.back is not None:
            tables.append(self.back.gates(units))
        return tuple(tables if self.skip is None else [*tables, self.skip(units)])

    def vectors(self, tables: Sequence[Tensor], texts: Texts) -> Tensor:
        """Return (B, D)."""
        states = [self.forth.pooled(tables[0], texts)]
        if self.back is not None:
            states.append(self.back.pooled(tables[1], _reversed(texts)))
        vectors = torch.cat(states, dim=1)  # (B, D) in (-1, 1)
        return vectors if self.skip is None else vectors + scaled(bags(tables[-1], texts), texts)


def _reversed(texts: Texts) -> Texts:
    """Return each text's units (B, T) in reverse, padding still at the end."""
    units, lengths = texts
    back = lengths[:, None] - 1 - torch.arange(units.shape[1], device=units.device)
    return Texts(units.gather(1, back.clamp(min=0)), lengths)


class LstmCell(nn.Module):
    """One direction of a peephole LSTM."""

    def __init__(self, config: LstmConfig, width: int) -> None:
        super().__init__()
        self.pooling = config.pooling
        inputs = config.embedding
        self.input = nn.Parameter(_uniform(inputs, 4 * width, glorot(inputs, width)))
        self.recurrent = nn.Parameter(_uniform(width, 4 * width, glorot(width, width)))
        bias = torch.zeros(4, width)
        bias[1] = 1.0
        self.bias = nn.Parameter(bias.flatten())
        self.peepholes = nn.Parameter(torch.zeros(3, width)) if config.peepholes else None

    def gates(self, units: Tensor) -> Tensor:
        """Return the whole input projection of units at once, (U, E) -> (U, 4 H)."""
        return units @ self.input + self.bias

    def pooled(self, gates: Tensor, texts: Texts) -> Tensor:
        """Return the pooled states (B, H) of texts, given their units' gates (U, 4 H).

        Texts go longest first, so that those still running are a prefix and padding costs nothing.
        """
        gates = wide(gates)  # what is added up over many steps
        order, lengths = texts
        by_length = torch.argsort(lengths, descending=True, stable=True)
        reached = torch.arange(order.shape[1], device=order.device)[:, None] < lengths[by_length]
        running = reached.sum(1).tolist()  # T numbers of texts, falling
        inputs = nn.functional.embedding(order[by_length].T[reached], gates)  # (N, 4 H)
        state = gates.new_zeros(len(order), self.recurrent.shape[0])  # (B, H)
        cell, pooled = state, state
        finished = []
        for arriving in torch.split(inputs, running):
            count = len(arriving)
            finished.append(pooled[count:])
            state, cell = self._step(arriving, state[:count], cell[:count])
            pooled = self._pool(pooled[:count], state, first=len(finished) == 1)
        finished.append(pooled)
        vectors = torch.cat(finished[::-1])[torch.argsort(by_length)]
        return vectors / lengths.clamp(min=1)[:, None] if self.pooling == "mean" else vectors

    def _pool(self, pooled: Tensor, state: Tensor, first: bool) -> Tensor:
        if first or self.pooling == "last":
            return state
        return torch.maximum(pooled, state) if self.pooling == "max" else pooled + state

    def _step(self, gates: Tensor, state: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        i, f, g, o = (gates + state @ self.recurrent).chunk(4, dim=1)  # (B, H) each
        if self.peepholes is not None:
            i, f = i + self.peepholes[0] * cell, f + self.peepholes[1] * cell
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        if self.peepholes is not None:
            o = o + self.peepholes[2] * cell
        return torch.sigmoid(o) * torch.tanh(cell), cell


def _uniform(inputs: int, outputs: int, bound: float) -> Tensor:
    return torch.empty(inputs, outputs).uniform_(-bound, bound)


TOWERS = {"dnn": DnnTower, "cnn": CnnTower, "lstm": LstmTower}


def build_tower(config: TowerConfig, rows: int) -> Tower:
    """Build a tower with fresh weights for a vocabulary of that many rows."""
    if isinstance(config, DnnConfig):
        return DnnTower(config, rows)
    if isinstance(config, CnnConfig):
        return CnnTower(config, rows)
    return LstmTower(config, rows)
