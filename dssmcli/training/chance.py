"""Validation that is lower than chance: labels to validate on are then mostly turned round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dssmcli import metrics
from dssmcli.data.pairs import positive_rows
from dssmcli.errors import WARNING
from dssmcli.training.rankingtask import RankingTask
from dssmcli.training.tabletask import TableTask
from dssmcli.training.task import TextTask

Doubts = Mapping[str, tuple[float, float]]
"""By the name of a validation figure: what chance gives, and by how much it may be off."""


def chance_warning(history: Sequence[Mapping[str, Any]], doubts: Doubts) -> str:
    """Return a warning where training never validates better than chance, but lower."""
    best = {
        name: max(line[name] for line in history if line["step"] and line.get(name) is not None)
        for name in doubts
        if any(line["step"] and line.get(name) is not None for line in history)
    }
    low = [
        f"{name} {value:.4f}, expected {doubts[name][0]:g} or more"
        for name, value in best.items()
        if value < doubts[name][0] - doubts[name][1]
    ]
    if not low:
        return ""
    return (
        f"{WARNING}validation is lower than chance ({'; '.join(low)}): are the labels turned round "
        "in the rows to validate on, or in those to learn from?"
    )


def doubts_of_texts(task: TextTask) -> Doubts:
    """Return the doubts of the figures of pairs."""
    if task.valid is None:
        return {}
    positive = int(positive_rows(task.valid, task.match_grade).sum())
    doubt = metrics.auc_doubt(positive, len(task.valid) - positive)
    return {
        "auc": (0.5, doubt),
        "spearman": (0.0, metrics.correlation_doubt(len(task.valid))),
    }


def doubts_of_table(task: TableTask) -> Doubts:
    """Return the doubts of the figures of the binary tasks of a table."""
    found = {}
    for k, target in enumerate(task.targets):
        if target.binary and task.valid is not None:
            labels = task.valid.labels[:, k]
            classes = int((labels > 0).sum()), int((labels <= 0).sum())
            found[f"{target.name} auc"] = 0.5, metrics.auc_doubt(*classes)
    return found


def doubts_of_ranking(task: RankingTask) -> Doubts:
    """Return the doubts of the figures of impressions."""
    clicked = int(np.count_nonzero(task.clicked[task.valid] > 0))
    return {"click auc": (0.5, metrics.auc_doubt(clicked, len(task.valid) - clicked))}
