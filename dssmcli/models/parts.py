"""Runs a function of many texts in parts, each in a thread of its own, forward and backward.

torch's threads share each single operation and wait for one another at its end. The operations of
an LSTM's step are over before a sleeping thread has woken up, and threads that do not sleep starve
whatever else the machine does. Parts of a batch meet only at the end of either pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from dssmcli.models.layers import Texts

Function = Callable[[Sequence[Tensor], Texts], Tensor]

_FEWEST = 128
"""Texts of a part, so that it is worth a thread."""


def in_parts(
    function: Function, tables: Sequence[Tensor], texts: Texts, weights: Sequence[Tensor]
) -> Tensor:
    """Return function(tables, texts), (B, D), and let gradients flow to tables and weights.

    As many parts as torch has threads. `weights` are all else that the function learns.
    """
    count = min(torch.get_num_threads(), len(texts.lengths) // _FEWEST)
    if count < 2 or texts.lengths.device.type != "cpu":
        return function(tables, texts)
    return _Parts.apply(function, texts, count, len(tables), *tables, *weights)  # type: ignore[no-any-return, no-untyped-call]


class _Parts(torch.autograd.Function):
    """The function's parts, each with a graph of its own."""

    @staticmethod
    def forward(
        ctx: Any, function: Function, texts: Texts, count: int, tables: int, *inputs: Tensor
    ) -> Tensor:
        """Return (B, D); inputs: first the tables, then the weights."""
        learns = any(ctx.needs_input_grad)
        run = partial(_run, function, inputs[:tables], learns)
        ctx.runs = list(_threads(count).map(run, _parts(texts, count)))
        ctx.weights, ctx.count = inputs[tables:], count
        vectors = torch.cat([vectors.detach() for vectors, _ in ctx.runs])
        if not learns:
            del ctx.runs
        return vectors

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the inputs."""
        sizes = [len(vectors) for vectors, _ in ctx.runs]
        run = partial(_run_back, ctx.weights)
        found = list(_threads(ctx.count).map(run, ctx.runs, torch.split(gradient, sizes)))
        del ctx.runs
        return (None, None, None, None, *(_sum(parts) for parts in zip(*found, strict=True)))


def _parts(texts: Texts, count: int) -> list[Texts]:
    """Split texts where the parts have about as many units. Sorted texts are padded the least."""
    units = texts.lengths.cumsum(0)
    shares = units[-1] * torch.arange(1, count) // count
    limits = torch.searchsorted(units, shares).tolist()
    parts = zip(*(each.tensor_split(limits) for each in texts), strict=True)
    return [
        Texts(units[:, : max(1, int(lengths.max()))], lengths)
        for units, lengths in parts
        if len(lengths)
    ]


_Run = tuple[Tensor, tuple[Tensor, ...]]


def _run(function: Function, tables: Sequence[Tensor], learns: bool, texts: Texts) -> _Run:
    """Return the vectors of a part, and the tables as its own graph begins with them."""
    with torch.set_grad_enabled(learns):
        own = tuple(table.detach().requires_grad_(learns) for table in tables)
        return function(own, texts), own


def _run_back(weights: Sequence[Tensor], run: _Run, gradient: Tensor) -> tuple[Tensor | None, ...]:
    """Return the gradients of a part's tables and of the weights, None where it has none."""
    vectors, tables = run
    return torch.autograd.grad(vectors, [*tables, *weights], gradient, allow_unused=True)


def _sum(parts: Sequence[Tensor | None]) -> Tensor | None:
    total: Tensor | None = None
    for part in parts:
        if part is not None:
            total = part if total is None else total.add_(part)
    return total


@lru_cache(maxsize=1)
def _threads(count: int) -> ThreadPoolExecutor:
    """Return threads in which torch has no further threads."""
    return ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))
