"""Makes the files of a multi-task run out of a trained state, and checkpoints on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from dssmcli.config import to_dict
from dssmcli.run import FEATURES, MULTITASK, Run
from dssmcli.training.checkpoint import from_bytes, to_pieces
from dssmcli.training.contents import contents_of, restoring
from dssmcli.training.multitask import MultitaskState, new_state
from dssmcli.training.resuming import check_finished, check_same
from dssmcli.training.tabletask import TableTask


def run_contents(
    task: TableTask, state: MultitaskState, _: Callable[[str], None]
) -> dict[str, bytes]:
    """Return the files of the run: the weights that validated best, and all that goes with them."""
    texts = {FEATURES: task.schema.to_json()}
    return contents_of(
        MULTITASK, _settings(task), state, state.best_weights, texts, task.fingerprint
    )


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
    with restoring(where):
        check_same(saved["settings"], _settings(task))
        check_same({"features": saved["features"]}, {"features": task.schema.digest})
        state = new_state(task)
        state.restore(groups, saved)
    return state


def check_finished_run(task: TableTask, run: Run) -> None:
    """Raise ConfigError unless the run is what training on this task would end with."""
    check_finished(run, MULTITASK, _settings(task), {FEATURES: task.schema.to_json()})
