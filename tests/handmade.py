"""Multi-task runs whose weights are set by hand, so that what they predict is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from dssmcli.config import to_dict
from dssmcli.data.features import Categorical, Numeric, Schema
from dssmcli.data.inference import FeatureInput, understand
from dssmcli.data.table import read_table
from dssmcli.data.tasks import Target, Task
from dssmcli.data.tsv import BadRows
from dssmcli.rec_config import MultitaskConfig, Sizes
from dssmcli.run import (
    CONFIG,
    FEATURES,
    FORMAT,
    METRICS,
    MULTITASK,
    WEIGHTS,
    to_json,
)
from dssmcli.serving.multitask import weight_shapes
from dssmcli.serving.predictor import Predictor
from dssmcli.workplace import publish, workplace

Weights = dict[str, npt.NDArray[np.float32]]


class Parts(NamedTuple):
    """What a Predictor is built of."""

    config: MultitaskConfig
    schema: Schema
    targets: tuple[Target, ...]
    weights: Weights

    def predictor(self) -> Predictor:
        return Predictor(self.config, self.schema, self.targets, self.weights)

    def write(self, run: Path) -> Path:
        """Write the parts as a run."""
        config = {
            "format": FORMAT,
            "version": "by hand",
            "family": MULTITASK,
            "model": to_dict(self.config),
            "tasks": [target.to_dict() for target in self.targets],
        }
        contents = {
            CONFIG: to_json(config).encode(),
            WEIGHTS: save(self.weights),
            FEATURES: self.schema.to_json().encode(),
            METRICS: b"",
        }
        with workplace(run) as place:
            publish(place, contents)
        return run


def numeric(name: str, numbers: Sequence[float], folder: Path) -> Numeric:
    """Return the numeric feature that training would find in these numbers."""
    table = folder / "numbers.csv"
    table.write_text("".join(f"{each}\n" for each in (name, *numbers)), "utf-8")
    found = understand(read_table([str(table)], BadRows()), [], FeatureInput(numeric=(name,)))
    return found.schema.numeric[0]


def parts(
    targets: Sequence[Target],
    values: Sequence[str],
    outputs: npt.NDArray[np.float64],
    numbers: tuple[Numeric, ...] = (),
) -> Parts:
    """Return a Shared-Bottom model whose output depends on the column `seg` alone.

    values: the categories (V,) of `seg`. outputs: (1 + V, K), that of an unknown one first.
    """
    config = MultitaskConfig("shared-bottom", 1, (2,), (), embedding=1 + len(values), wide=True)
    schema = Schema((Categorical("seg", tuple(values)),), numbers)
    made = Parts(config, schema, tuple(targets), _zeros(config, schema, len(targets)))
    made.weights["wide.categories"][:] = outputs
    return made


def _zeros(config: MultitaskConfig, schema: Schema, tasks: int) -> Weights:
    sizes = Sizes(sum(schema.sizes), len(schema.categorical), schema.width, tasks)
    return {
        name: np.zeros(shape, np.float32) for name, shape in weight_shapes(config, sizes).items()
    }


def gated(
    gates: Mapping[str, Mapping[str, Sequence[float]]],
    numbers: tuple[Numeric, ...] = (),
    gate: str = "own",
) -> Parts:
    """Return an MMoE whose gates are known: by task and value of the column `seg`."""
    values = list(next(iter(gates.values())))
    experts = len(next(iter(gates.values()))[values[0]])
    targets = [Target(Task(name, name, "binary"), 1.0) for name in gates]
    bottom = parts(targets, values, np.zeros((1 + len(values), len(gates))), numbers)
    config = replace(bottom.config, arch="mmoe", experts=experts, gate=gate)
    made = bottom._replace(config=config, weights=_zeros(config, bottom.schema, len(targets)))
    made.weights["embedding"][:] = np.eye(1 + len(values))
    # Without a choice there is no gate, and one that is shared is the first task's.
    for gate_of, weights in zip(made.weights.get("gates.weight", []), gates.values(), strict=False):
        for i, value in enumerate(values, start=1):
            gate_of[i] = np.log(weights[value])
    return made
