"""Multi-task models in numpy: the same outputs as dssmcli.models.multitask, from the same weights.

n rows, X inputs of an expert, N experts, U outputs of each, G gates, K tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.features import Rows
from dssmcli.rec_config import MultitaskConfig, Sizes
from dssmcli.serving.weights import Shape, under

Floats = npt.NDArray[np.float32]
Weights = Mapping[str, Floats]

AT_ONCE = 256
"""Rows that go through a network together at most."""


class Answers(NamedTuple):
    """outputs: (n, K), logits of binary tasks. gates: (K, n, N), each row's adding up to 1; None
    where there is nothing to choose from."""

    outputs: Floats
    gates: Floats | None


def weight_shapes(config: MultitaskConfig, sizes: Sizes) -> dict[str, Shape]:
    """Return the shape of each weight by its name."""
    if config.arch == "single-task":
        own = _shapes(config, sizes._replace(tasks=1))
        return {
            f"models.{k}.{name}": shape for k in range(sizes.tasks) for name, shape in own.items()
        }
    return _shapes(config, sizes)


def _shapes(config: MultitaskConfig, sizes: Sizes) -> dict[str, Shape]:
    inputs, tasks = sizes.features * config.embedding + sizes.numbers, sizes.tasks
    shapes: dict[str, Shape] = {"embedding": (sizes.categories, config.embedding)}
    shapes |= _stack("experts", config.experts, [inputs, *config.expert_units])
    widths = [config.expert_units[-1], *config.tower_units]
    shapes |= _stack("towers", tasks, widths)
    shapes |= {"output": (tasks, widths[-1], 1), "bias": (tasks,)}
    if config.experts > 1:
        gates = 1 if config.gate == "shared" else tasks
        shapes |= {"gates.weight": (gates, inputs, config.experts)}
        shapes |= {"gates.bias": (gates, config.experts)}
    if config.cross:
        shapes |= {"cross.down": (inputs, config.cross), "cross.up": (config.cross, inputs)}
        shapes |= {"cross.bias": (inputs,)}
    if config.wide:
        shapes |= {"wide.categories": (sizes.categories, tasks)}
        shapes |= {"wide.numbers": (sizes.numbers, tasks)}
    return shapes


def _stack(name: str, count: int, widths: Sequence[int]) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    for i, (wide, out) in enumerate(pairwise(widths)):
        shapes[f"{name}.weight.{i}"] = (count, wide, out)
        shapes[f"{name}.bias.{i}"] = (count, out)
    return shapes


class Network:
    """A Shared-Bottom, MMoE or OMoE network."""

    def __init__(self, config: MultitaskConfig, weights: Weights, tasks: int) -> None:
        self._config, self._weights, self._tasks = config, weights, tasks
        first = [_flat(weights["experts.weight.0"])]
        bias = [weights["experts.bias.0"].reshape(-1)]
        if "gates.weight" in weights:
            first.append(_flat(weights["gates.weight"]))
            bias.append(weights["gates.bias"].reshape(-1))
        #: Experts' first layers and gates, which are linear in the same inputs, as one map.
        self._first = np.ascontiguousarray(np.concatenate(first, axis=1))
        self._bias = np.concatenate(bias)
        if config.cross:
            #: x + x * (d U + b) is x * (d U + b + 1).
            self._one = weights["cross.bias"] + 1
        # Room for the large arrays of some rows: memory that is new each time costs more than
        # what is done in it.
        inputs = len(self._first)
        self._x, self._factors = (np.empty((AT_ONCE, inputs), np.float32) for _ in range(2))
        self._joined = np.empty((AT_ONCE, len(self._bias)), np.float32)

    def __call__(self, rows: Rows) -> Answers:
        """Return the answers for AT_ONCE rows at most."""
        config, weights = self._config, self._weights
        n, x = len(rows.codes), self._inputs(rows)
        joined = np.matmul(x, self._first, out=self._joined[:n])
        joined += self._bias
        count, units = config.experts, config.expert_units[0]
        experts = joined[:, : count * units].reshape(n, count, units).transpose(1, 0, 2)
        np.maximum(experts, 0, out=experts)
        for i in range(1, len(config.expert_units)):
            experts = self._layer("experts", i, experts)  # (N, n, U)
        gates = self._gates(joined[:, count * units :])
        hidden = _mixed(experts, gates, self._tasks)
        for i in range(len(config.tower_units)):
            hidden = self._layer("towers", i, hidden)  # (K, n, H)
        outputs = (hidden @ weights["output"])[:, :, 0].T + weights["bias"]
        if config.wide:
            outputs = outputs + rows.numbers @ weights["wide.numbers"]
            for column in rows.codes.T:
                outputs += weights["wide.categories"][column]
        return Answers(outputs, gates)

    def _inputs(self, rows: Rows) -> Floats:
        """Return what experts and gates take, (n, X), good until the next call."""
        weights, n = self._weights, len(rows.codes)
        x = self._x[:n]
        width = x.shape[1] - rows.numbers.shape[1]
        x[:, :width] = weights["embedding"].take(rows.codes, axis=0).reshape(n, width)
        x[:, width:] = rows.numbers
        if self._config.cross:
            down = x @ weights["cross.down"]
            factors = np.matmul(down, weights["cross.up"], out=self._factors[:n])
            factors += self._one
            x *= factors
        return x

    def _layer(self, name: str, i: int, x: Floats) -> Floats:
        sums = x @ self._weights[f"{name}.weight.{i}"]
        sums += self._weights[f"{name}.bias.{i}"][:, None]
        return np.asarray(np.maximum(sums, 0, out=sums))

    def _gates(self, logits: Floats) -> Floats | None:
        """Return each task's weights of the experts, (K, n, N)."""
        if self._config.experts == 1:
            return None
        experts = self._config.experts
        logits = logits.reshape(len(logits), logits.shape[1] // experts, experts)
        chances = np.exp(logits - logits.max(axis=-1, keepdims=True))
        chances /= chances.sum(axis=-1, keepdims=True)
        shape = (self._tasks, len(logits), experts)
        return np.broadcast_to(chances.transpose(1, 0, 2), shape)


def _flat(weight: Floats) -> Floats:
    """Return N maps (N, X, U) of the same inputs as one, (X, N * U)."""
    return weight.transpose(1, 0, 2).reshape(weight.shape[1], -1)


def _mixed(experts: Floats, gates: Floats | None, tasks: int) -> Floats:
    """Return what each task's tower gets, (K, n, U)."""
    if gates is None:
        return np.broadcast_to(experts, (tasks, *experts.shape[1:]))
    mixed = np.matmul(gates.transpose(1, 0, 2), experts.transpose(1, 0, 2))  # (n, K, U)
    return np.asarray(mixed.transpose(1, 0, 2))


class Networks:
    """A network of its own for each task."""

    def __init__(self, config: MultitaskConfig, weights: Weights, tasks: int) -> None:
        self._networks = [Network(config, under(f"models.{k}.", weights), 1) for k in range(tasks)]

    def __call__(self, rows: Rows) -> Answers:
        """Return the answers for some rows."""
        outputs = [network(rows).outputs for network in self._networks]
        return Answers(np.concatenate(outputs, axis=1), None)


def build_network(config: MultitaskConfig, weights: Weights, tasks: int) -> Network | Networks:
    """Return the network that a config names."""
    kind = Networks if config.arch == "single-task" else Network
    return kind(config, weights, tasks)
