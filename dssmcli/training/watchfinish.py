"""Makes the files of a run of candidate generation out of a trained state, and checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dssmcli import neighbours
from dssmcli.config import to_dict
from dssmcli.errors import counted
from dssmcli.neighbours import Floats, Lists
from dssmcli.run import CANDIDATES, CATALOGUE, FEATURES, Run
from dssmcli.training.candidates import CandidatesState, new_state, user_vectors
from dssmcli.training.checkpoint import from_bytes, to_pieces
from dssmcli.training.contents import contents_of, restoring
from dssmcli.training.resuming import check_finished, check_same
from dssmcli.training.watchtask import WatchTask

RECALLED, WANTED = 10, 0.9
"""Lists are to find this share of the best so many items."""
_QUERIES = 500


def run_contents(
    task: WatchTask, state: CandidatesState, say: Callable[[str], None]
) -> dict[str, bytes]:
    """Return the files of the run: the weights that validated best, and all that goes with them.

    Of many items it has lists to search by, which `say` gets a line about.
    """
    state.load_weights(state.best_weights)
    weights, catalogue = dict(state.best_weights), task.catalogue
    if task.model.gamma:  # only their directions count
        weights["targets"] = functional.normalize(weights["targets"], dim=1)
    told: dict[str, Any] = {"lists": None}
    many = task.config.lists_from
    lists, order, found = None, np.zeros(0, np.int64), 0.0
    if many and len(catalogue.items) >= many:
        order, lists, found = _lists(task, state, say)
    if lists is not None:
        told = {"lists": {"probes": lists.probes, "recall": found, "at": RECALLED}}
        catalogue = catalogue.reordered(order)
        weights = _reordered(weights, order)
        sizes = np.diff(lists.starts).astype(np.float32)
        weights |= {"lists.centres": torch.from_numpy(lists.centres)}
        weights |= {"lists.sizes": torch.from_numpy(sizes)}
    texts = {FEATURES: task.schema.to_json(), CATALOGUE: catalogue.to_json()}
    told |= _settings(task)
    return contents_of(CANDIDATES, told, state, weights, texts, task.fingerprint)


_PROBED = 1 / 16
"""Of many lists so many are looked into at most: past that it is as fast to go through all."""


def _lists(
    task: WatchTask, state: CandidatesState, say: Callable[[str], None]
) -> tuple[neighbours.Ints, Lists | None, float]:
    """Return the items' order, the lists, and what share of the best items they find.

    No lists where a search would look into so many of them that it is faster to go through all
    items. `say` gets a line.
    """
    vectors = state.model.vectors().detach().numpy()
    places = task.valid if len(task.valid) else task.train
    random = np.random.default_rng([task.config.seed, 9])
    queries = user_vectors(state.model, task, random.permutation(places)[:_QUERIES]).numpy()
    order, lists = neighbours.build_lists(vectors, task.config.seed)
    sorted_vectors: Floats = np.ascontiguousarray(vectors[order])
    best = neighbours.exact(sorted_vectors, queries, RECALLED)
    lists, found = neighbours.tuned(sorted_vectors, lists, queries, best, WANTED, _PROBED)
    if found < WANTED:
        say(
            f"No lists: looking into {lists.probes} of {len(lists.centres)} finds {found:.1%} of "
            f"the {RECALLED} best, so all items are searched."
        )
        return order, None, found
    say(
        f"{counted(len(lists.centres), 'list')} of items, of which a search looks into "
        f"{lists.probes}: finds {found:.1%} of the {RECALLED} best."
    )
    return order, lists, found


def _reordered(weights: dict[str, Tensor], order: neighbours.Ints) -> dict[str, Tensor]:
    """Return the weights of items in another order; the first row of `items` is of none."""
    places = torch.from_numpy(order)
    items = weights["items"]
    moved = torch.cat([items[:1], items[1:][places]])
    others = {name: rows[places] for name, rows in weights.items() if name in ("targets", "seen")}
    return {**weights, "items": moved, **others}


def _settings(task: WatchTask) -> dict[str, Any]:
    """Return everything that decides what a training ends with."""
    return {
        "model": to_dict(task.model),
        "columns": {**task.columns._asdict(), "context": [*task.columns.context]},
        "reading": task.reading.to_dict(),
        "train": to_dict(task.config),
        "data": {
            "sha256": task.digest,
            "watches": len(task.watches),
            "users": len(task.watches.users),
            "items": len(task.catalogue.items),
            "examples": len(task.train),
            "valid_examples": len(task.valid),
            "valid_sha256": task.valid_digest,
            "newest": task.newest + float(task.reading.origin),
        },
    }


def checkpoint(task: WatchTask, state: CandidatesState) -> Iterator[bytes | memoryview]:
    """Yield the pieces of a file with all that is needed to go on from an evaluation."""
    return to_pieces(state.groups(), {"settings": _settings(task)} | state.progress())


def resumed_state(task: WatchTask, content: bytes, where: str) -> CandidatesState:
    """Return the state a checkpoint holds; ConfigError when the task is not the one it was of."""
    groups, saved = from_bytes(content, where)
    with restoring(where):
        check_same(saved["settings"], _settings(task))
        state = new_state(task)
        state.restore(groups, saved)
    return state


def check_finished_run(task: WatchTask, run: Run) -> None:
    """Raise ConfigError unless the run is what training on this task would end with."""
    check_finished(run, CANDIDATES, _settings(task), {FEATURES: task.schema.to_json()})
