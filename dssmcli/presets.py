"""Where the settings of a training come from: presets, and what the user says otherwise."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from dssmcli.config import (
    TOWERS,
    CnnConfig,
    DnnConfig,
    LossConfig,
    LstmConfig,
    ModelConfig,
    TextConfig,
    TowerConfig,
    TrainConfig,
    one_of,
)
from dssmcli.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True)
class Preset:
    """Where settings come from that the user does not give.

    `loss` holds only what does not depend on the kind of the values; `towers` has an entry for
    each arch.
    """

    towers: Mapping[str, TowerConfig]
    loss: Mapping[str, Any]
    train: TrainConfig
    lexical: int = ModelConfig.lexical


PRESETS = {
    # What did best on the development sets: docs/lab-notes.md.
    "default": Preset({arch: tower() for arch, tower in TOWERS.items()}, {}, TrainConfig()),
    # Huang et al. 2013, section 4; Shen et al. 2014, section 4; Palangi et al. 2016, section V. The
    # papers tune gamma on held-out data and do not print it, nor the learning rate.
    "paper": Preset(
        {
            "dnn": DnnConfig(hidden=(300, 300), skip=False),
            "cnn": CnnConfig(form="exact", filters=300, skip=False),
            "lstm": LstmConfig(skip=False),
        },
        {
            "gamma": 10.0,
            "softmax": 1.0,
            "logistic": 0.0,
            "regression": 0.0,
            "in_batch": False,
            "random_negatives": 4,
            "click_weight": "none",
        },
        TrainConfig(
            epochs=20,
            batch_size=1024,
            optimizer="sgd",
            learning_rate=1.0,
            warmup=0.0,
            decay="none",
            unit_dropout=0.0,
            vector_dropout=0.0,
            averaging=0.0,
        ),
        lexical=0,
    ),
}


@dataclass(frozen=True)
class Settings:
    """What a training goes by; `loss` has only what is set, the rest depends on the values."""

    model: ModelConfig
    loss: Mapping[str, Any]
    train: TrainConfig


def settings_of(given: Mapping[str, Any], arch: str, preset: str) -> Settings:
    """Return a preset's settings with the given ones, by field name, in their place.

    Raises ConfigError for a setting that the arch does not have.
    """
    one_of("arch", arch, TOWERS)
    one_of("preset", preset, PRESETS)
    base = PRESETS[preset]
    tower, text = base.towers[arch], TextConfig()
    known = {name for part in (tower, text, LossConfig, base.train) for name in _names(part)}
    for name in given:
        if name not in known | {"separate_towers", "lexical"}:
            owners = [other for other, config in TOWERS.items() if name in _names(config)]
            flag = "--" + name.replace("_", "-")
            raise ConfigError(f"{flag} is for {' and '.join(owners)}, not for {arch}.")
    model = ModelConfig(
        text=replaced(text, given),
        tower=replaced(tower, given),
        separate_towers=bool(given.get("separate_towers", False)),
        lexical=given.get("lexical", base.lexical),
    )
    loss = {**base.loss, **{name: given[name] for name in _names(LossConfig) if name in given}}
    # A bad value is an error now, not when the rows have been read. The default weight of the
    # logistic loss depends on the rows, so here it stands in.
    replaced(LossConfig(), {"logistic": 1.0, **loss})
    return Settings(model, loss, replaced(base.train, given))


def _names(config: object) -> list[str]:
    return [each.name for each in dataclasses.fields(config)]  # type: ignore[arg-type]


def as_option(value: object) -> str:
    """Return a setting as the user would write it behind its option."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def replaced(config: T, given: Mapping[str, Any]) -> T:
    """Return a config with the given settings, by field name, that it has.

    Raises ConfigError for a bad one, which it names as its option.
    """
    changes = {name: given[name] for name in _names(config) if name in given}
    try:
        return dataclasses.replace(config, **changes)  # type: ignore[type-var]
    except ConfigError as error:
        raise ConfigError(_with_options(str(error), changes)) from error


def _with_options(message: str, names: Iterable[str]) -> str:
    """Return the message with the setting that it begins with named as a user writes it."""
    what, verb, rest = message.partition(" is ")
    words = [f"--{word.replace('_', '-')}" if word in set(names) else word for word in what.split()]
    return " ".join(words) + verb + rest
