"""The settings that a search varies, and how far around where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from dssmcli.config import LEXICAL_DIMS, CnnConfig
from dssmcli.presets import replaced
from dssmcli.training.task import TextTask

Factors = tuple[float, ...]

# In an order for good: what is drawn for a setting depends on its place.
_RANGES: Mapping[str, float] = {"learning_rate": 4.0, "gamma": 2.0}
"""Drawn between the setting divided and multiplied by this, every order of magnitude alike."""
_FACTORS: Mapping[str, Factors] = {
    "epochs": (0.5, 2),
    "batch_size": (0.5, 2),
    "logistic": (0.3, 3),
    "regression": (0.3, 3),
    "random_negatives": (0.5, 2, 4),
    "embedding": (0.5, 2),
    "filters": (0.5, 2, 3),
    "hidden": (0.5, 2),
    "lexical": (0.5, 2, 4),
}
_VALUES: Mapping[str, tuple[float, ...]] = {
    "vector_dropout": (0.0, 0.1, 0.2, 0.3, 0.4),
    "unit_dropout": (0.05, 0.1, 0.2),
}
_CHANGED = 0.5
"""The chance of a setting to change: most trials stay near to what did best elsewhere."""
_MOST = {"lexical": LEXICAL_DIMS[-1]}
_FEWEST = {"batch_size": 8, "epochs": 1, "lexical": LEXICAL_DIMS[0]}


def drawn(task: TextTask, fixed: frozenset[str], number: int) -> dict[str, Any]:
    """Return the settings, by name, in which a trial differs from the task.

    A function of the task's settings, its seed and the trial's number; trial 1 differs in nothing.
    What is `fixed`, off (0), or without effect here stays as it is.
    """
    if number == 1:
        return {}
    random = np.random.default_rng([task.config.seed, 7, number])
    now = settings_of(task)
    changed = {}
    for name in (*_RANGES, *_FACTORS, *_VALUES):
        # Drawn for every setting, so that fixing one changes no other.
        whether, which = random.random(2)
        if whether < _CHANGED and name not in fixed and _counts(task, name):
            value = _elsewhere(name, now[name], which)
            if value != now[name]:
                changed[name] = value
    return changed


def settings_of(task: TextTask) -> dict[str, Any]:
    """Return a task's settings by name."""
    parts = (task.model, task.model.tower, task.loss, task.config)
    return {name: value for part in parts for name, value in vars(part).items()}


def with_settings(task: TextTask, changed: Mapping[str, Any]) -> TextTask:
    """Return the task with other settings, over the same texts."""
    model = replace(replaced(task.model, changed), tower=replaced(task.model.tower, changed))
    return replace(
        task, model=model, loss=replaced(task.loss, changed), config=replaced(task.config, changed)
    )


def _counts(task: TextTask, name: str) -> bool:
    """Tell whether a setting has an effect on this task."""
    value = settings_of(task).get(name)
    if name in _VALUES:
        return True
    if name == "embedding" and isinstance(task.model.tower, CnnConfig):
        return task.model.tower.form == "factored"
    if name == "gamma":
        return bool(task.loss.softmax or task.loss.cosent)
    if name == "random_negatives":
        return bool(task.loss.softmax and value)
    # Of one loss alone the weight says nothing, that the learning rate would not.
    if name in ("logistic", "regression"):
        return bool(value and sum(_weights(task)) > value)
    return bool(value)


def _weights(task: TextTask) -> tuple[float, ...]:
    loss = task.loss
    return loss.softmax, loss.logistic, loss.cosent, loss.regression


def _elsewhere(name: str, value: Any, which: float) -> Any:
    """Return another value of a setting; `which`, from 0 to 1, says which of the possible ones."""
    if name in _VALUES:
        return _VALUES[name][int(which * len(_VALUES[name]))]
    if name in _RANGES:
        return float(f"{value * _RANGES[name] ** (2 * which - 1):.2g}")
    factor = _FACTORS[name][int(which * len(_FACTORS[name]))]
    if isinstance(value, tuple):
        return tuple(max(1, round(width * factor)) for width in value)
    if isinstance(value, float):
        return float(f"{value * factor:.2g}")
    return min(max(round(value * factor), _FEWEST.get(name, 1)), _MOST.get(name, 1 << 16))
