"""Loads a run: its weights are read and checked while numpy is being imported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dssmcli.data.arguments import whole_count
from dssmcli.run import WEIGHTS, Run, find_run, read_ahead, using_run

if TYPE_CHECKING:
    from dssmcli.serving.encoder import Encoder


def load(path: str | Path | None = None, threads: int = 1, processes: int = 1) -> Encoder:
    """Load a run of texts: the folder named, else $DSSM_MODEL, else ./dssm-model.

    `threads` encode what is more than a few thousand texts; or else `processes`, which is faster
    but only for programs without threads of their own: see dssmcli.serving.workers. Takes about a
    tenth of a second, and never imports torch: load once and keep the Model.

    Raises RunError when it is missing, damaged, newer than this program or not a run of texts.
    """
    threads, processes = whole_count(threads, "threads"), whole_count(processes, "processes")
    where = find_run(str(path) if path is not None else None)
    return using_run(where, lambda run: _encoder(run, threads, processes))


def _encoder(run: Run, threads: int, processes: int) -> Encoder:
    weights = read_ahead(run, WEIGHTS)
    # Here and not above: this takes as long as all the reading, which goes on beside it.
    from dssmcli.serving.contents import build_encoder

    return build_encoder(run, weights(), threads, processes)
