"""The processes that train one model together, and all that they tell each other.

Each encodes its part of a batch's texts. The vectors go to all, so that every process has the whole
batch before it, and takes its part of the loss; gradients are added up, never averaged. So several
processes are one with the whole batch: what is a mean over the batch is one over the whole batch.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from dssmcli.data.part import Part
from dssmcli.errors import PeerError

T = TypeVar("T")

_TIMEOUT = timedelta(hours=1)
"""One that reads or validates may keep the others waiting. A dead one is noticed at once."""
_LARGE = 4096
"""From so many rows on, only those of a gradient travel that are not zeros."""


class Processes(NamedTuple):
    """All processes of a training, seen by the one of number `rank`, from 0, of `world`."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Tell whether this is the one that validates, writes and talks."""
        return self.rank == 0

    @property
    def part(self) -> Part:
        """Return which part of a batch is its own."""
        return Part(self.rank, self.world)

    def gathered(self, vectors: Sequence[Tensor]) -> list[Tensor]:
        """Return the vectors of all processes, (world * m, D), given some of its own, (m, D) each.

        All have equally many. Row i * world + r is row i of process r: all take turns. Gradients
        flow back to where a vector was made, those of all processes' losses added up.
        """
        if self.world == 1:
            return [*vectors]
        sizes = [len(each) for each in vectors]
        # In one go, which all come to at the same time, on the way back, too.
        whole: Tensor = _AllGather.apply(torch.cat([*vectors]), self)  # type: ignore[no-untyped-call]
        parts = torch.split(whole, sizes, dim=1)
        return [part.transpose(0, 1).flatten(0, 1) for part in parts]

    def add_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Add up the gradients of all processes, so that all have the sums."""
        if self.world == 1:
            return
        for each in parameters:
            # A tower need not have used all of its weights on texts that are all empty.
            each.grad = torch.zeros_like(each) if each.grad is None else each.grad
        gradients = [each.grad for each in parameters if each.grad is not None]
        # A batch has few of a large vocabulary's features.
        tables = [each for each in gradients if each.dim() == 2 and len(each) >= _LARGE]
        rest = [each for each in gradients if each.dim() != 2 or len(each) < _LARGE]
        used = self._used_rows(tables)
        sent = [*rest, *(each[rows] for each, rows in zip(tables, used, strict=True))]
        flat = torch.cat([each.flatten() for each in sent])
        _together(lambda: dist.all_reduce(flat))
        parts = torch.split(flat, [each.numel() for each in sent])
        for gradient, part in zip(rest, parts, strict=False):
            gradient.copy_(part.view_as(gradient))
        for gradient, rows, part in zip(tables, used, parts[len(rest) :], strict=True):
            gradient[rows] = part.view(len(rows), -1)

    def _used_rows(self, tables: Sequence[Tensor]) -> list[Tensor]:
        """Return the numbers of the rows of each table that are not all zeros in some process."""
        if not tables:
            return []
        used = torch.cat([(each != 0).any(dim=1) for each in tables]).to(torch.uint8)
        _together(lambda: dist.all_reduce(used, op=dist.ReduceOp.MAX))
        return [each.nonzero().flatten() for each in torch.split(used, [*map(len, tables)])]

    def sums(self, figures: Mapping[str, float]) -> dict[str, float]:
        """Return the sums of figures that all processes have by the same names."""
        if self.world == 1:
            return dict(figures)
        found = torch.tensor([*figures.values()], dtype=torch.float64)
        _together(lambda: dist.all_reduce(found))
        return dict(zip(figures, found.tolist(), strict=True))

    def told(self, content: bytes | None) -> bytes | None:
        """Return to all what the first has given; what others give does not matter."""
        if self.world == 1:
            return content
        size = torch.tensor([-1 if content is None else len(content)])
        self.copy_first([size])
        if size < 0:
            return None
        told = torch.zeros(int(size), dtype=torch.uint8)
        if self.first and content:
            told = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        self.copy_first([told])
        return told.numpy().tobytes()

    def told_floats(self, values: Sequence[float]) -> list[float]:
        """Return to all the numbers that the first has given; others give as many."""
        found = torch.tensor([*values], dtype=torch.float64)
        self.copy_first([found])
        return [float(each) for each in found.tolist()]

    def copy_first(self, tensors: Sequence[Tensor]) -> None:
        """Overwrite tensors with those that the first has."""
        if self.world > 1:
            for each in tensors:
                _together(lambda each=each: dist.broadcast(each, 0))  # type: ignore[misc]

    def check_alike(self, content: bytes) -> None:
        """Raise PeerError in all processes unless all give the same."""
        if len(set(self.everyone_s(hashlib.sha256(content).digest()))) > 1:
            raise PeerError(
                "The processes of this training have read different rows, or have different "
                "settings: give all of them the same files and the same command."
            )

    def everyone_s(self, content: bytes) -> list[bytes]:
        """Return what each process has given, all of one length, by rank."""
        if self.world == 1:
            return [content]
        own = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        found = [torch.empty_like(own) for _ in range(self.world)]
        _together(lambda: dist.all_gather(found, own))
        return [each.numpy().tobytes() for each in found]

    def wait_for_end(self) -> None:
        """Return when another process has ended: torchrun ends all others when one has failed."""
        with suppress(PeerError):
            self.sums({"": 0.0})


ALONE = Processes()


def with_value(total: Tensor, value: float) -> Tensor:
    """Return a scalar of a value, with the gradient of another: a part of what has that value."""
    return total + (value - total.detach())


class _AllGather(torch.autograd.Function):
    """Everyone's tensors, whose gradients are added up over everyone's losses."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, processes: Processes) -> Tensor:
        """Return (world, M, D), given a process's (M, D)."""
        ctx.processes = processes
        found = [torch.empty_like(vectors) for _ in range(processes.world)]
        _together(lambda: dist.all_gather(found, vectors.contiguous()))
        return torch.stack(found)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of a process's own (M, D)."""
        total = gradient.contiguous()
        _together(lambda: dist.all_reduce(total))
        return total[ctx.processes.rank], None


def _together(operation: Callable[[], T]) -> T:
    """Return what an operation of all processes returns; PeerError when they are not all there."""
    try:
        return operation()
    except RuntimeError as error:
        raise PeerError(
            "Another process of this training has ended, so it ends too; what was wrong may stand "
            "above. Go on from the last evaluation with the same command and --resume."
        ) from error


@contextmanager
def joined(device: str = "cpu") -> Iterator[Processes]:
    """Meet the other processes that torchrun has started, as the environment says."""
    gpus = device != "cpu" and torch.cuda.is_available()
    try:
        dist.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo", timeout=_TIMEOUT)
    except (RuntimeError, ValueError) as error:
        where = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        reason = str(error).splitlines()[0]
        raise PeerError(
            f"The processes of this training did not meet at {where} ({reason})."
        ) from error
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
    finally:
        with suppress(RuntimeError):
            dist.destroy_process_group()
