"""Every setting of a recommender's model and of its training, as frozen dataclasses."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from dssmcli.config import DecayConfig, between, from_dict, one_of, power_of_two
from dssmcli.errors import ConfigError

ARCHS = ("shared-bottom", "mmoe", "single-task")
GATES = ("own", "shared")
_WIDEST = 65_536


@dataclass(frozen=True)
class MultitaskConfig:
    """A multi-task model (Ma et al., KDD 2018).

    shared-bottom: one expert, whose output goes to every task's tower (section 2.1). mmoe: experts
    mixed by a gate a task (section 4.2); with the gate `shared`, all tasks have the same (OMoE).
    single-task: a network a task with nothing shared, the baseline. `cross` is the rank of a layer
    that multiplies features with one another before all else (DCN V2: Wang et al., WWW 2021), 0 for
    none. `wide` adds a linear map of all features to every logit (Cheng et al., DLRS 2016).
    """

    arch: str = "mmoe"
    experts: int = 8
    expert_units: tuple[int, ...] = (16,)
    tower_units: tuple[int, ...] = (16,)
    gate: str = "own"
    embedding: int = 8
    cross: int = 32
    wide: bool = False

    def __post_init__(self) -> None:
        one_of("arch", self.arch, ARCHS)
        one_of("gate", self.gate, GATES)
        between("experts", self.experts, 1, 4096)
        if self.arch != "mmoe" and self.experts != 1:
            raise ConfigError(f"experts is {self.experts}, expected 1 for {self.arch}.")
        if not self.expert_units:
            raise ConfigError("An expert has no layer, expected at least one width such as 64.")
        for width in self.expert_units:
            between("a width of an expert", width, 1, _WIDEST)
        for width in self.tower_units:
            between("a width of tower_units", width, 1, _WIDEST)
        between("embedding", self.embedding, 1, _WIDEST)
        between("cross", self.cross, 0, _WIDEST)

    @staticmethod
    def for_arch(arch: str) -> MultitaskConfig:
        """Return what an arch has unless the user says otherwise."""
        if arch == "mmoe":
            return MultitaskConfig()
        return MultitaskConfig(arch, experts=1, expert_units=(128,))


class Sizes(NamedTuple):
    """What a model is built for: categories of all features together, categorical features,
    numbers, tasks."""

    categories: int
    features: int
    numbers: int
    tasks: int


@dataclass(frozen=True)
class MultitaskTrainConfig(DecayConfig):
    """How a multi-task model is trained. Shares are of 1.

    `category_dropout` is the share of categories that are taken for unknown at each step, so that
    the unknown category is learned and no category alone is relied on; besides, of a category that
    stands in n rows the share rare_count / (rare_count + n). `dropout` is the share of an expert's
    outputs, `expert_dropout` of whole experts, that are left out. `squared_error` is what the loss
    of numbers weighs. Decays are decoupled (AdamW: Loshchilov & Hutter, ICLR 2019); that of the
    embeddings keeps rare categories near the unknown one, which is near 0.
    """

    learning_rate: float = 3e-3
    warmup: float = 0.05
    decay: str = "cosine"
    averaging: float = 0.99
    valid_share: float = 0.1
    embedding_decay: float = 1.0
    dropout: float = 0.1
    expert_dropout: float = 0.0
    category_dropout: float = 0.1
    rare_count: float = 10.0
    squared_error: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("dropout", "expert_dropout", "category_dropout"):
            between(name, getattr(self, name), 0, 0.95)
        between("rare_count", self.rare_count, 0, 1e9)
        between("squared_error", self.squared_error, 0, 1e6)


_LARGEST_BATCH, _SMALLEST_BATCH, _BATCHES_WANTED = 512, 64, 68
_FEWEST_EPOCHS, _MOST_EPOCHS, _ROWS_WANTED = 3, 12, 1_000_000


def sized_rows(config: MultitaskTrainConfig, rows: int) -> MultitaskTrainConfig:
    """Return the config with what is 0 made to fit the number of training rows.

    Batches of 64 to 512 rows, for about 70 steps an epoch or more; 12 epochs, fewer where they
    would be of more than a million rows; two evaluations an epoch.
    """
    batch = config.batch_size or power_of_two(
        rows / _BATCHES_WANTED, _SMALLEST_BATCH, _LARGEST_BATCH
    )
    epochs = config.epochs or min(
        _MOST_EPOCHS, max(_FEWEST_EPOCHS, math.ceil(_ROWS_WANTED / max(1, rows)))
    )
    every = config.eval_steps or max(1, math.ceil(rows / batch) // 2)
    return replace(config, batch_size=batch, epochs=epochs, eval_steps=every)


def multitask_from_dict(plain: Any, where: str) -> MultitaskConfig:
    """Build a MultitaskConfig from what `to_dict` gave; ConfigError when it is something else."""
    return from_dict(MultitaskConfig, plain, where)
