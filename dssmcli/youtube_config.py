"""Every setting of YouTube's two models and of their training, as frozen dataclasses."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from dssmcli.config import DecayConfig, between, from_dict, one_of, power_of_two
from dssmcli.errors import ConfigError

POOLINGS = ("recency", "mean")
SOFTMAXES = ("auto", "full", "sampled")
SPLITS = ("last", "time")
_WIDEST = 65_536


@dataclass(frozen=True)
class CandidatesConfig:
    """Candidate generation (Covington et al., RecSys 2016, section 3): P(w = i | U) of all items i.

    The last `history` watches, the newest first, are pooled: by their mean, as in the paper, or by
    `pools` sets of weights that are learned for each place (`recency`). Beside that stand the
    embeddings of the `last` watches themselves, the mean of the last `searches` search tokens, the
    context, and the example age if `example_age`. ReLU layers of `units` follow and one of `dim`,
    which is `linear` or, as in the paper, ReLU too; `skip` adds a linear map of the inputs,
    `echo` the watched items' own vectors by learned weights. Beside this, `seen` dimensions hold
    what was watched, as a rule against it; they are outside the cosine, and 0 for none.
    With a `gamma` the score of an item is gamma times a cosine, with 0 it is the dot product.
    """

    history: int = 200
    pooling: str = "recency"
    pools: int = 1
    last: int = 0
    searches: int = 50
    example_age: bool = False
    embedding: int = 128
    units: tuple[int, ...] = (256,)
    dim: int = 128
    linear: bool = True
    skip: bool = True
    echo: bool = True
    seen: int = 32
    gamma: float = 14.3

    def __post_init__(self) -> None:
        one_of("pooling", self.pooling, POOLINGS)
        between("history", self.history, 1, 10_000)
        between("pools", self.pools, 1, 64)
        if self.pooling == "mean" and self.pools != 1:
            raise ConfigError(f"pools is {self.pools}, expected 1 for the mean.")
        between("last", self.last, 0, self.history)
        between("searches", self.searches, 0, 10_000)
        for name in ("embedding", "dim"):
            between(name, getattr(self, name), 1, _WIDEST)
        for width in self.units:
            between("a width of units", width, 1, _WIDEST)
        between("seen", self.seen, 0, _WIDEST)
        between("gamma", self.gamma, 0, 1000)

    @property
    def width(self) -> int:
        """Return D, the length of the vectors of users and items."""
        return self.dim + self.seen


class CandidateSizes(NamedTuple):
    """What a model is built for: items, search tokens, categories of all context features together,
    categorical context features, numbers of the context."""

    items: int
    tokens: int
    categories: int
    features: int
    numbers: int


CONTEXT_EMBEDDING = 8
"""Width of the embedding of a category of the context."""


def input_width(config: CandidatesConfig, sizes: CandidateSizes) -> int:
    """Return X, how many numbers go into the tower."""
    searches = config.embedding if sizes.tokens else 0
    context = sizes.features * CONTEXT_EMBEDDING + sizes.numbers
    ages = AGE_FORMS if config.example_age else 0
    return (config.pools + config.last) * config.embedding + searches + context + ages


AGE_FORMS = 3
"""The example age a is given as a, its square and its root (section 4.1)."""


@dataclass(frozen=True)
class CandidatesTrainConfig(DecayConfig):
    """How candidate generation is trained. Shares are of 1.

    `softmax` is over all items (`full`), over the positive and `negatives` drawn items (`sampled`),
    or what suits the number of items (`auto`). Items are drawn in proportion to their watches to
    the power of `negative_power`. An epoch has `user_cap` examples of a user at most, 0 for all.
    `split`: validation is on the last watch of users (`last`) or on what follows a moment (`time`),
    of `valid_share` of the watches, `valid_most` examples at most. `watch_dropout` is the share of
    the watches of a history that are left out, `input_dropout` of the numbers that go into the
    tower, `dropout` of those within. Of `lists_from` items or more (0: never) the run has lists to
    search by.
    """

    learning_rate: float = 5e-3
    warmup: float = 0.02
    decay: str = "cosine"
    clip_norm: float = 0.0
    averaging: float = 0.995
    patience: int = 3
    valid_share: float = 0.1
    softmax: str = "auto"
    negatives: int = 2000
    negative_power: float = 0.75
    user_cap: int = 0
    split: str = "last"
    valid_most: int = 5000
    dropout: float = 0.3
    input_dropout: float = 0.3
    watch_dropout: float = 0.0
    lists_from: int = 50_000

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("softmax", self.softmax, SOFTMAXES)
        one_of("split", self.split, SPLITS)
        between("negatives", self.negatives, 1, 10_000_000)
        between("negative_power", self.negative_power, 0, 2)
        between("user_cap", self.user_cap, 0)
        between("valid_most", self.valid_most, 1)
        between("lists_from", self.lists_from, 0)
        for name in ("dropout", "input_dropout", "watch_dropout"):
            between(name, getattr(self, name), 0, 0.95)


FULL_ITEMS = 20_000
"""Of so many items at most the softmax is over all of them unless the user says otherwise."""
SPARSE_NUMBERS = 4_000_000
"""A table of items of more numbers is changed row by row: only the rows that a step has used."""
_SMALLEST_BATCH, _LARGEST_BATCH, _BATCHES_WANTED = 128, 1024, 200
_FEWEST_EPOCHS, _MOST_EPOCHS, _EXAMPLES_WANTED = 1, 5, 5_000_000


LONG = 20
"""Watches that users have on average, from which on histories are long."""


def settings_for(watches: float, items: int) -> dict[str, Any]:
    """Return settings, by name, for a log whose users have so many watches on average.

    With long histories an item is seldom watched again, and much is known of a user: what counts is
    where in the history things stand, and that what was seen is not shown again. With short ones
    the last watch counts by itself, and watches are left out so that no single one is relied on.
    Many items have shorter vectors, and no rules against what was seen, for which as many rows of
    the items' tables would have to be changed again at each step.
    """
    if watches >= LONG:
        found: dict[str, Any] = {}
    else:
        found = {"history": 50, "pools": 2, "last": 1, "echo": False, "seen": 0}
        found |= {"watch_dropout": 0.3, "learning_rate": 1e-2}
    if items > _MANY:
        width = 64 if items <= 3 * _MANY else 32
        found |= {"embedding": width, "dim": width, "echo": False, "seen": 0}
    return found


_MANY = 50_000


def sized_watches(
    config: CandidatesTrainConfig, model: CandidatesConfig, examples: int, items: int
) -> CandidatesTrainConfig:
    """Return the config with what is 0 or `auto` made to fit the examples and items.

    Where the items' tables are so large that they are changed row by row, there is no running mean
    of the weights: it would be of all rows. Raises ConfigError for what cannot be there either.
    """
    softmax = config.softmax
    if softmax == "auto":
        softmax = "full" if items <= FULL_ITEMS else "sampled"
    config = replace(config, softmax=softmax)
    sparse = is_sparse(model, config, items)
    for name in ("embedding_decay", "clip_norm"):
        if sparse and getattr(config, name):
            raise ConfigError(
                f"{name} is {getattr(config, name)}, expected 0: of {items:,} items only the rows "
                "that a step has used are changed."
            )
    batch = config.batch_size or power_of_two(
        examples / _BATCHES_WANTED, _SMALLEST_BATCH, _LARGEST_BATCH
    )
    epochs = config.epochs or min(
        _MOST_EPOCHS, max(_FEWEST_EPOCHS, math.ceil(_EXAMPLES_WANTED / max(1, examples)))
    )
    return replace(
        config,
        batch_size=batch,
        epochs=epochs,
        eval_steps=config.eval_steps or max(1, math.ceil(examples / batch)),
        averaging=0.0 if sparse else config.averaging,
    )


def is_sparse(model: CandidatesConfig, config: CandidatesTrainConfig, items: int) -> bool:
    """Tell whether the items' tables are changed row by row; a full softmax changes all rows."""
    large = items * max(model.embedding, model.dim) > SPARSE_NUMBERS
    return large and config.softmax == "sampled"


def paper_candidates() -> tuple[CandidatesConfig, dict[str, Any]]:
    """Return the model of the paper and its settings of training, by name (sections 3.1 to 3.5)."""
    model = CandidatesConfig(
        history=50,
        pooling="mean",
        pools=1,
        last=0,
        example_age=True,
        embedding=256,
        units=(1024, 512),
        dim=256,
        linear=False,
        skip=False,
        echo=False,
        seen=0,
        gamma=0.0,
    )
    settings = {
        "softmax": "sampled",
        "user_cap": 50,
        "dropout": 0.0,
        "input_dropout": 0.0,
        "watch_dropout": 0.0,
        "averaging": 0.0,
        "learning_rate": 1e-3,
    }
    return model, settings


def candidates_from_dict(plain: Any, where: str) -> CandidatesConfig:
    """Build a CandidatesConfig from what `to_dict` gave; ConfigError when it is something else."""
    return from_dict(CandidatesConfig, plain, where)


HEADS = ("watch_time", "click", "odds")


@dataclass(frozen=True)
class RankingConfig:
    """Ranking (Covington et al., RecSys 2016, section 4): what an impression brings.

    One ReLU tower of `units` over the item's embedding, the mean embedding of the user's last
    `history` watched items (from the same table), other categories and numbers. Each number x is
    given by its place x~ in the distribution, and by its square and root if `powers` (section 4.1).
    `cross` is the rank of a layer that multiplies inputs with one another (DCN V2: Wang et al., WWW
    2021), 0 for none. A logit z for each of `heads`: `watch_time`, e^z being the expected watch
    time of an impression, clicked or not; `click`, the probability of a click; `odds`, the paper's
    weighted logistic regression (section 4.2), whose odds are the expected watch time only where
    clicks are rare. The first head decides which weights are kept.
    """

    history: int = 50
    embedding: int = 16
    categories: int = 8
    units: tuple[int, ...] = (256, 128)
    powers: bool = True
    cross: int = 0
    heads: tuple[str, ...] = HEADS

    def __post_init__(self) -> None:
        between("history", self.history, 0, 10_000)
        for name in ("embedding", "categories"):
            between(name, getattr(self, name), 1, _WIDEST)
        for width in self.units:
            between("a width of units", width, 1, _WIDEST)
        between("cross", self.cross, 0, _WIDEST)
        if not self.heads or len(set(self.heads)) < len(self.heads):
            raise ConfigError(
                f"heads is {','.join(self.heads)}, expected one or several, each once."
            )
        for head in self.heads:
            one_of("a head of heads", head, HEADS)

    @property
    def forms(self) -> int:
        """Return how many numbers a number is given as: powers, and whether it is missing."""
        return (3 if self.powers else 1) + 1


class RankingSizes(NamedTuple):
    """What a model is built for: items, categories of all other features together, categorical
    features, numbers."""

    items: int
    categories: int
    features: int
    numbers: int


def ranking_width(config: RankingConfig, sizes: RankingSizes) -> int:
    """Return X, how many numbers go into the tower."""
    items = (2 if config.history else 1) * config.embedding
    return items + sizes.features * config.categories + sizes.numbers * config.forms


@dataclass(frozen=True)
class RankingTrainConfig(DecayConfig):
    """How ranking is trained. Shares are of 1.

    Validation is on the last `valid_share` of the impressions. The first `warm_share` are not
    learned from: hardly anything was known of users and items then. Items, and categories, are
    taken for unknown by a share `category_dropout`, and rare ones oftener, see
    MultitaskTrainConfig.
    """

    learning_rate: float = 2e-3
    warmup: float = 0.05
    decay: str = "cosine"
    clip_norm: float = 5.0
    averaging: float = 0.995
    patience: int = 6
    valid_share: float = 0.1
    warm_share: float = 0.1
    embedding_decay: float = 0.0
    dropout: float = 0.3
    category_dropout: float = 0.3
    rare_count: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        between("warm_share", self.warm_share, 0, 0.9)
        for name in ("dropout", "category_dropout"):
            between(name, getattr(self, name), 0, 0.95)
        between("rare_count", self.rare_count, 0, 1e9)


def sized_impressions(config: RankingTrainConfig, rows: int) -> RankingTrainConfig:
    """Return the config with what is 0 made to fit the number of impressions."""
    batch = config.batch_size or power_of_two(rows / 128, 64, 1024)
    epochs = config.epochs or min(5, max(1, math.ceil(3_000_000 / max(1, rows))))
    every = config.eval_steps or max(1, math.ceil(rows / batch) // 2)
    return replace(config, batch_size=batch, epochs=epochs, eval_steps=every)


def ranking_from_dict(plain: Any, where: str) -> RankingConfig:
    """Build a RankingConfig from what `to_dict` gave; ConfigError when it is something else."""
    return from_dict(RankingConfig, plain, where)
