"""Trains the same model on the processor and on a GPU: pairs a second, and the validation figure.

    python benchmarks/gpu.py PAIRS [--valid FILE] [--arch cnn] [--epochs 1] [--batch-size 512]

On a machine without a GPU only the processor's rows are printed.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import torch

from dssmcli.config import TOWERS
from dssmcli.data.tsv import BadRows
from dssmcli.presets import settings_of
from dssmcli.training.devices import resolved
from dssmcli.training.loop import Step
from dssmcli.training.task import PairsInput, TextTask, build_task
from dssmcli.training.text import new_state, train_text

WARM = 10
"""Steps before the clock starts."""


def measured(task: TextTask) -> tuple[float, str, float]:
    """Train to the end; return pairs a second, the measure, and its best value."""
    state = new_state(task)
    rows, seconds, metric, score = 0, 0.0, "none", float("nan")
    began = time.perf_counter()
    for event in train_text(task, state):
        if isinstance(event, Step):
            # The loss has been waited for, and so has all that it needed.
            now = time.perf_counter()
            if event.number > WARM:
                rows, seconds = rows + event.rows, seconds + now - began
        else:
            metric, score = event.metric, event.score
        began = time.perf_counter()
    if state.best_score > float("-inf"):
        score = state.best_score
    return rows / max(seconds, 1e-9), metric, score


def main() -> None:
    """Print a row for each device and precision."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", nargs="+")
    parser.add_argument("--valid", action="append", default=[])
    parser.add_argument("--value", default=None)
    parser.add_argument("--arch", choices=list(TOWERS), default="cnn")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    said = {"epochs": given.epochs, "batch_size": given.batch_size, "threads": given.threads}
    settings = settings_of(said, given.arch, "default")
    source = PairsInput(given.pairs, given.valid, kind=given.value)
    task = build_task(source, settings, BadRows(), lambda _: None)
    print("device\tprecision\tpairs/s\tfigure")
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        for precision in ("float32", "bf16"):
            config = resolved(replace(task.config, device=device, precision=precision))
            speed, metric, score = measured(replace(task, config=config))
            print(f"{config.device}\t{precision}\t{speed:,.0f}\t{metric} {score:.4f}", flush=True)


if __name__ == "__main__":
    main()
