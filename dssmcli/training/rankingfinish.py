"""Makes the files of a run of ranking out of a trained state, and checkpoints on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import safetensors.numpy
import torch

from dssmcli.config import to_dict
from dssmcli.data.chronicle_arrays import to_arrays
from dssmcli.run import CATALOGUE, FEATURES, HISTORY, RANKING, Run
from dssmcli.training.checkpoint import from_bytes, to_pieces
from dssmcli.training.contents import contents_of, restoring
from dssmcli.training.ranking import RankingState, new_state
from dssmcli.training.rankingtask import RankingTask
from dssmcli.training.resuming import check_finished, check_same


def run_contents(
    task: RankingTask, state: RankingState, _: Callable[[str], None]
) -> dict[str, bytes]:
    """Return the files of the run: the weights that validated best, and all that goes with them.

    An item that was never learned from is as one that is not known.
    """
    weights = dict(state.best_weights)
    met = np.bincount(task.item[task.train], minlength=len(task.catalogue.items) + 1) > 0
    weights["items"] = weights["items"] * torch.from_numpy(met)[:, None]
    texts = {
        FEATURES: task.features.to_json(),
        CATALOGUE: task.catalogue.to_json(),
    }
    contents = contents_of(RANKING, _settings(task), state, weights, texts, task.fingerprint)
    arrays = {**to_arrays(task.chronicle), **task.last._asdict()}
    # The package writes an array's memory as it lies.
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return {**contents, HISTORY: safetensors.numpy.save(whole)}


def _settings(task: RankingTask) -> dict[str, Any]:
    """Return everything that decides what a training ends with."""
    return {
        "model": to_dict(task.model),
        "columns": {**task.columns._asdict(), "outcomes": [*task.columns.outcomes]},
        "reading": task.reading.to_dict(),
        "train": to_dict(task.config),
        "unit": task.unit,
        "means": task.chronicle.means.tolist(),
        "data": {
            "sha256": task.digest,
            "impressions": len(task.item),
            "examples": len(task.train),
            "valid_examples": len(task.valid),
            "valid_sha256": task.valid_digest,
            "items": len(task.catalogue.items),
            "users": len(task.chronicle.users),
        },
    }


def checkpoint(task: RankingTask, state: RankingState) -> Iterator[bytes | memoryview]:
    """Yield the pieces of a file with all that is needed to go on from an evaluation."""
    held = {"settings": _settings(task), "features": task.features.to_json()}
    return to_pieces(state.groups(), held | state.progress())


def resumed_state(task: RankingTask, content: bytes, where: str) -> RankingState:
    """Return the state a checkpoint holds; ConfigError when the task is not the one it was of."""
    groups, saved = from_bytes(content, where)
    with restoring(where):
        check_same(saved["settings"], _settings(task))
        check_same({"features": saved["features"]}, {"features": task.features.to_json()})
        state = new_state(task)
        state.restore(groups, saved)
    return state


def check_finished_run(task: RankingTask, run: Run) -> None:
    """Raise ConfigError unless the run is what training on this task would end with."""
    check_finished(run, RANKING, _settings(task), {FEATURES: task.features.to_json()})
