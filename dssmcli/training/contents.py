"""What the runs and the checkpoints of all models have in common."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
from torch import Tensor

import dssmcli
from dssmcli.data.fingerprint import Fingerprint
from dssmcli.errors import RunError
from dssmcli.run import CONFIG, FINGERPRINT, FORMAT, METRICS, WEIGHTS, to_json
from dssmcli.training.state import TrainState


def contents_of(
    family: str,
    told: Mapping[str, Any],
    state: TrainState,
    weights: Mapping[str, Tensor],
    more: Mapping[str, str],
    fingerprint: Fingerprint,
) -> dict[str, bytes]:
    """Return the files of a run: what config.json tells, the weights, the training's history, more.

    more: texts by name, as only runs of this family have them. fingerprint: of what was learned
    from.
    """
    best: dict[str, Any] = next((line for line in reversed(state.history) if line["best"]), {})
    config = {
        "format": FORMAT,
        "version": dssmcli.__version__,
        "family": family,
        **told,
        "fingerprint": fingerprint.to_json(),
        "validation": {name: value for name, value in best.items() if name != "best"},
        "made_with": {"torch": torch.__version__, "python": platform.python_version()},
    }
    # The package writes an array's memory as it lies.
    known = {name: np.ascontiguousarray(each) for name, each in fingerprint.arrays().items()}
    stored = {name: tensor.cpu().contiguous() for name, tensor in weights.items()}
    return {
        CONFIG: to_json(config).encode(),
        WEIGHTS: safetensors.torch.save(stored),
        **{name: text.encode() for name, text in more.items()},
        METRICS: "".join(f"{json.dumps(line)}\n" for line in state.history).encode(),
        FINGERPRINT: safetensors.numpy.save(known),
    }


@contextmanager
def restoring(where: str) -> Iterator[None]:
    """Raise RunError for what goes wrong when a checkpoint's content is not what one has."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise RunError(
            f"{where}: damaged ({error}). Start afresh with --overwrite instead of --resume."
        ) from error
