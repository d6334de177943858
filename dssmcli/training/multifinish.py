"""Makes the files of a multi-task run out of a trained state, and checkpoints on the way."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from typing import Any

import safetensors.torch
import torch

import dssmcli
from dssmcli.config import to_dict
from dssmcli.errors import RunError
from dssmcli.run import CONFIG, FEATURES, FORMAT, METRICS, MULTITASK, WEIGHTS, to_json
from dssmcli.training.checkpoint import (
    check_same,
    from_bytes,
    to_pieces,
)
from dssmcli.training.multitask import MultitaskState, new_state
from dssmcli.training.state import best_line
from dssmcli.training.tabletask import TableTask


def run_contents(task: TableTask, state: MultitaskState) -> dict[str, bytes]:
    """Return the files of the run: the weights that validated best, and all that goes with them."""
    best = best_line(state)
    config = {
        "format": FORMAT,
        "version": dssmcli.__version__,
        "family": MULTITASK,
        **_settings(task),
        "validation": {name: value for name, value in best.items() if name != "best"},
        "made_with": {"torch": torch.__version__, "python": platform.python_version()},
    }
    weights = {name: tensor.contiguous() for name, tensor in state.best_weights.items()}
    return {
        CONFIG: to_json(config).encode(),
        WEIGHTS: safetensors.torch.save(weights),
        FEATURES: task.schema.to_json().encode(),
        METRICS: "".join(f"{json.dumps(line)}\n" for line in state.history).encode(),
    }


def _settings(task: TableTask) -> dict[str, Any]:
    """Return everything that decides what a training ends with."""
    data = {
        "sha256": task.digest,
        "rows": len(task.train),
        "valid_rows": 0 if task.valid is None else len(task.valid),
        "valid_sha256": task.valid_digest,
    }
    return {
        "model": to_dict(task.model),
        "tasks": [target.to_dict() for target in task.targets],
        "train": to_dict(task.config),
        "data": data,
    }


def checkpoint(task: TableTask, state: MultitaskState) -> Iterator[bytes | memoryview]:
    """Yield the pieces of a file with all that is needed to go on from an evaluation."""
    held = {"settings": _settings(task), "features": task.schema.digest}
    return to_pieces(state.groups(), held | state.progress())


def resumed_state(task: TableTask, content: bytes, where: str) -> MultitaskState:
    """Return the state a checkpoint holds; ConfigError when the task is not the one it was of."""
    groups, saved = from_bytes(content, where)
    try:
        check_same(saved["settings"], _settings(task))
        check_same({"features": saved["features"]}, {"features": task.schema.digest})
        state = new_state(task)
        state.restore(groups, saved)
        return state
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise RunError(f"{where}: damaged ({error}). Start afresh with --overwrite.") from error
