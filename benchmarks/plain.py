"""The towers and their training as one writes them by hand in torch, to compare ours with.

The same function of the same weights (the LSTM's peepholes, which torch.nn.LSTM lacks, excepted):
every text padded to the longest of its batch, every window multiplied. The same losses on the same
batches, with torch's own Adam and clipping; each text that a batch asks for goes through the tower.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dssmcli.config import CnnConfig, DnnConfig, LstmConfig, TowerConfig
from dssmcli.data.batching import Batches
from dssmcli.data.pairs import positive_rows
from dssmcli.models.layers import TorchBlock, to_torch
from dssmcli.models.losses import LogisticLoss
from dssmcli.training.task import TextTask
from dssmcli.training.text import new_state


class PlainTower(nn.Module):
    """Feature ids of every unit of every text to unit vectors (B, D)."""

    def __init__(self, config: TowerConfig, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.config = config
        self.rows = nn.Parameter(weights["rows.weight"].clone())
        self.rest = nn.ParameterDict(
            {
                name.replace(".", "_"): w.clone()
                for name, w in weights.items()
                if name != "rows.weight"
            }
        )
        if isinstance(config, LstmConfig):
            self.lstm = nn.LSTM(config.embedding, config.dim, batch_first=True)

    def forward(self, block: TorchBlock) -> Tensor:
        """Return the vectors of a block whose every unit is described anew."""
        if isinstance(self.config, DnnConfig):
            features, starts = expanded(block)
            starts = starts.view(block.units.shape)[:, 0]
            bag = F.embedding_bag(features, self.rows, starts, mode="sum", padding_idx=0)
            return self._finished(self._dnn(bag), bag, block.lengths)
        units = self._units(block)  # (B, T, E)
        if isinstance(self.config, CnnConfig):
            vectors = self._cnn(self.config, units, block.lengths)
        else:
            states, _ = self.lstm(units)
            last = (block.lengths - 1).clamp(min=0)[:, None, None].expand(-1, 1, states.shape[2])
            vectors = states.gather(1, last)[:, 0]
        return self._finished(vectors, units.sum(1), block.lengths)

    def _finished(self, vectors: Tensor, bag: Tensor, lengths: Tensor) -> Tensor:
        if self.config.skip:
            scale = lengths.clamp(min=1).rsqrt()[:, None]
            vectors = vectors + (bag * scale) @ self.rest["skip_weight"].T
        return F.normalize(vectors, dim=1) * (lengths > 0)[:, None]

    def _units(self, block: TorchBlock) -> Tensor:
        if len(block.features) == len(block.starts):  # one feature a unit
            return F.embedding(block.features[block.units], self.rows, padding_idx=0)
        features, starts = expanded(block)
        bags = F.embedding_bag(features, self.rows, starts, mode="sum", padding_idx=0)
        return bags.view(*block.units.shape, -1)

    def _dnn(self, bag: Tensor) -> Tensor:
        hidden = torch.tanh(bag + self.rest["bias"])
        for i in range(sum(name.startswith("layers") for name in self.rest) // 2):
            hidden = self._layer(hidden, f"layers_{i}")
        return self._layer(hidden, "output")

    def _cnn(self, config: CnnConfig, units: Tensor, lengths: Tensor) -> Tensor:
        # (E, K F) to torch's (F, E, K)
        (window,) = config.window  # several widths, and their mean, are left to ours
        kernel = self.rest["conv"].view(-1, window, config.filters).permute(2, 0, 1)
        windows = F.conv1d(units.transpose(1, 2), kernel, padding=window // 2)  # (B, F, T)
        padding = torch.arange(units.shape[1]) >= lengths.clamp(min=1)[:, None]
        best = windows.masked_fill(padding[:, None], -torch.inf).amax(2)
        return self._layer(torch.tanh(best + self.rest["bias"]), "output")

    def _layer(self, inputs: Tensor, name: str) -> Tensor:
        weight, bias = self.rest[f"{name}_weight"], self.rest[f"{name}_bias"]
        return torch.tanh(F.linear(inputs, weight, bias))


def expanded(block: TorchBlock) -> tuple[Tensor, Tensor]:
    """Return the feature ids of every unit of every text, padding too, and where each begins."""
    ends = torch.cat((block.starts[1:], torch.tensor([len(block.features)])))
    counts = (ends - block.starts)[block.units.flatten()]
    starts = counts.cumsum(0) - counts
    shift = (block.starts[block.units.flatten()] - starts).repeat_interleave(counts)
    return block.features[torch.arange(int(counts.sum())) + shift], starts


def plain_losses(task: TextTask) -> Iterator[float]:
    """Train a plain tower without end, yielding the loss of each step."""
    torch.set_num_threads(task.config.threads)
    fresh = new_state(task)
    weights = {k.removeprefix("tower."): w.detach() for k, w in fresh.model.weights().items()}
    tower, logistic = PlainTower(task.model.tower, weights), fresh.heads["logistic"]
    assert isinstance(logistic, LogisticLoss)
    optimizer = torch.optim.Adam(tower.parameters(), lr=task.config.learning_rate)
    optimizer.add_param_group({"params": [*logistic.parameters()]})
    positive = positive_rows(task.train, task.match_grade)
    batches = Batches(task.train, positive, task.loss, task.config.batch_size, task.config.seed)
    low, high = task.train.value.min(), task.train.value.max()
    for number in count():
        batch = batches.batch(number)
        query = tower(to_torch(task.index.block(task.train.query[batch.rows])))
        title = tower(to_torch(task.index.block(batch.candidates)))
        cosines, column = query @ title.T, torch.from_numpy(batch.column)
        match = torch.from_numpy(np.flatnonzero(positive[batch.rows]))
        allowed = torch.from_numpy(batch.allowed)[match]
        allowed[torch.arange(len(match)), column[match]] = True
        logits = (task.loss.gamma * cosines[match]).masked_fill(~allowed, -torch.inf)
        own = cosines.gather(1, column[:, None])[:, 0]
        label = torch.from_numpy((task.train.value[batch.rows] - low) / (high - low))
        scores = logistic.scale * own + logistic.shift
        loss = task.loss.softmax * F.cross_entropy(logits, column[match])
        loss = loss + task.loss.logistic * F.binary_cross_entropy_with_logits(scores, label.float())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_([*tower.parameters(), *logistic.parameters()], 1.0)
        optimizer.step()
        yield float(loss.detach())
