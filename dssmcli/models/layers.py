"""Layers that the towers are made of (torch)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dssmcli.text.blocks import Block
from dssmcli.text.vocab import PAD

Device = torch.device | str


def wide(values: Tensor) -> Tensor:
    """Return numbers of 16 bits as float32, others as they are: what is added up needs the room."""
    return values.float() if values.element_size() < 4 else values


class TorchBlock(NamedTuple):
    """A text block as tensors; see dssmcli.text.blocks.Block for the shapes."""

    units: Tensor
    lengths: Tensor
    features: Tensor
    starts: Tensor

    @property
    def texts(self) -> Texts:
        """Return the block without what describes its units."""
        return Texts(self.units, self.lengths)


class Texts(NamedTuple):
    """Texts as numbers of units, (B, T), with their lengths, (B,)."""

    units: Tensor
    lengths: Tensor


def on_device(array: npt.NDArray[Any], device: Device) -> Tensor:
    """Return an array as a tensor on a device; on the processor, the array's own memory."""
    return torch.from_numpy(array).to(device)


def to_torch(block: Block, device: Device = "cpu") -> TorchBlock:
    """Return a text block as tensors on a device."""
    return TorchBlock(*(on_device(array, device) for array in block))


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
        units: Tensor = _Sums.apply(self.weight, block.features, block.starts, PAD)  # type: ignore[no-untyped-call]
        return units


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

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (N, D) for the vectors (N, E) of units, or of bags of them."""
        return F.linear(inputs, self.weight)


def scaled(bag: Tensor, texts: Texts) -> Tensor:
    """Return bags (B, D) divided by the root of their texts' lengths."""
    return bag * texts.lengths.clamp(min=1).to(bag.dtype).rsqrt()[:, None]


def bags(units: Tensor, texts: Texts) -> Tensor:
    """Return the sum of each text's unit vectors, (U, E) -> (B, E)."""
    place = torch.arange(texts.units.shape[1], device=texts.units.device)
    members = texts.units[place < texts.lengths[:, None]]
    starts = texts.lengths.cumsum(0) - texts.lengths
    sums: Tensor = _Sums.apply(wide(units), members, starts, None)  # type: ignore[no-untyped-call]
    return sums


class _Sums(torch.autograd.Function):
    """Sums of rows, whose gradient is a sum of rows too: of the bags that each row is in.

    The same as `embedding_bag`, whose own backward is much slower: it scatters.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, members: Tensor, starts: Tensor, silent: Any) -> Tensor:
        """Return (B, E). rows: (N, E); members: (M,); starts: (B,); `silent`: a row of zeros."""
        ctx.save_for_backward(members, starts)
        ctx.rows, ctx.silent = len(rows), silent
        # Of rows that ask for a gradient torch would note down things for its own backward.
        return F.embedding_bag(members, rows.detach(), starts, mode="sum")

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        """Return the gradient (N, E); that of the silent row is zero."""
        members, starts = ctx.saved_tensors
        sizes = torch.diff(starts, append=starts.new_full((1,), len(members)))
        bag = torch.repeat_interleave(torch.arange(len(starts), device=starts.device), sizes)
        uses = torch.bincount(members, minlength=ctx.rows)
        found = F.embedding_bag(
            bag[_order(members, ctx.rows)],
            gradient.detach().contiguous(),
            uses.cumsum(0) - uses,
            mode="sum",
        )
        if ctx.silent is not None:
            found[ctx.silent] = 0.0
        return found, None, None, None


def _order(numbers: Tensor, limit: int) -> Tensor:
    """Return where the numbers (M,), all below a limit, stand in their order."""
    if limit > 1 << 16 or numbers.device.type != "cpu":
        return torch.argsort(numbers, stable=True)
    # numpy sorts 16 bits by their digits, ten times as fast.
    return torch.from_numpy(np.argsort(numbers.numpy().astype(np.uint16), kind="stable"))


_FEW_TEXTS, _WINDOWS = 64, 2048


class _WindowMax(torch.autograd.Function):
    """The largest sum of each filter over a text's windows, without forming the sums of all.

    A plain forward keeps (B, T, F) numbers for each offset, and its backward walks them all again,
    though the gradient of a maximum is zero everywhere but in one window for each filter. Here the
    maximum runs along while positions go by, and the backward adds to the winners alone.
    """

    @staticmethod
    def forward(ctx: Any, offsets: Tensor, units: Tensor, lengths: Tensor) -> Tensor:
        """Return (B, F). offsets: (K, U, F) projected units; units: (B, T); lengths: (B,)."""
        window, _, filters = offsets.shape
        side = window // 2
        order = torch.argsort(lengths, descending=True, stable=True)
        padded = F.pad(units[order], (side, side))  # (B, T + K - 1), padding is unit 0
        best = offsets.new_full((len(order), filters), -torch.inf)
        winner = torch.zeros((len(order), filters), dtype=torch.int16, device=offsets.device)
        # Sorted by length, the texts that reach a position are a prefix.
        reach = (lengths[:, None] > torch.arange(units.shape[1], device=lengths.device)).sum(0)
        for first, count, width in _strides(reach.tolist()):
            sums = _windows(offsets, padded[:count, first : first + width + window - 1])
            if width == 1:
                # Positions only grow, so the later one of two is the larger. Filling where a mask
                # says so would take twenty times as long.
                here = (sums > best[:count]).to(winner.dtype).mul_(first)
                torch.maximum(winner[:count], here, out=winner[:count])
            else:
                position = torch.arange(first, first + width, device=lengths.device)
                beyond = position >= lengths[order[:count], None]
                sums = sums.view(count, width, filters)
                sums, place = sums.masked_fill_(beyond[:, :, None], -torch.inf).max(dim=1)
                place = (place + first).to(winner.dtype)
                torch.where(sums > best[:count], place, winner[:count], out=winner[:count])
            torch.maximum(best[:count], sums, out=best[:count])
        best[lengths[order] == 0] = 0.0
        back = torch.argsort(order)
        ctx.save_for_backward(F.pad(units, (side, side)), winner[back], lengths)
        ctx.shape = offsets.shape
        return best[back]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient (K, U, F): each winner's units get the filter's gradient."""
        padded, winner, lengths = ctx.saved_tensors
        winner = winner.to(torch.int64)
        window, units, filters = ctx.shape
        gradient = gradient * (lengths > 0).to(gradient.dtype)[:, None]
        total = gradient.new_zeros(window, units * filters)
        column = torch.arange(filters, device=gradient.device)
        for k in range(window):
            place = padded.gather(1, winner + k) * filters + column
            total[k].scatter_add_(0, place.flatten(), gradient.flatten())
        return total.view(window, units, filters), None, None


def _strides(reach: list[int]) -> Iterator[tuple[int, int, int]]:
    """Yield positions to go through: the first, how many texts reach it, how many at once.

    Where many texts reach a position it goes alone: what it touches should fit into a cache.
    """
    first = 0
    while first < len(reach) and reach[first]:
        count = reach[first]
        width = 1 if count > _FEW_TEXTS else min(_WINDOWS // count, len(reach) - first)
        yield first, count, width
        first += width


def _windows(offsets: Tensor, padded: Tensor) -> Tensor:
    """Return the sums of all windows of texts padded at both sides, one text after the other."""
    count = padded.shape[1] - len(offsets) + 1
    sums = offsets[0].index_select(0, padded[:, :count].flatten())
    for k in range(1, len(offsets)):
        sums += offsets[k].index_select(0, padded[:, k : k + count].flatten())
    return sums


def window_max(offsets: Tensor, units: Tensor, lengths: Tensor) -> Tensor:
    """Return each filter's largest sum over a text's windows, (B, F); 0 for a text without units.

    offsets: (K, U, F), the projections of the block's units for each offset of the window.
    units: (B, T) and lengths: (B,) as in a block.
    """
    # Sums, and above all those of gradients, in 32 bits, whatever the products were taken in.
    best: Tensor = _WindowMax.apply(wide(offsets), units, lengths)  # type: ignore[no-untyped-call]
    return best


def window_mean(offsets: Tensor, units: Tensor, lengths: Tensor) -> Tensor:
    """Return each filter's mean sum over a text's windows, (B, F); 0 for a text without units.

    The arguments are those of `window_max`. No window is formed: their sum is a sum over units.
    """
    window, count, filters = offsets.shape
    side, longest = window // 2, units.shape[1]
    inside = torch.arange(longest, device=units.device) < lengths[:, None]  # (B, T)
    windows = F.pad(units, (side, side)).unfold(1, window, 1)[:, :longest][inside]  # (N, K)
    members = windows + count * torch.arange(window, device=units.device)
    rows, starts = wide(offsets).reshape(window * count, filters), lengths.cumsum(0) - lengths
    sums: Tensor = _Sums.apply(rows, members.flatten(), window * starts, None)  # type: ignore[no-untyped-call]
    return sums / lengths.clamp(min=1).to(sums.dtype)[:, None]


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


def unit_rows(vectors: Tensor, lengths: Tensor) -> Tensor:
    """Return rows (B, D) of length 1; a text without units is a row of zeros."""
    real = (lengths > 0).to(vectors.dtype)[:, None]
    return F.normalize(vectors, dim=1, eps=1e-12) * real
