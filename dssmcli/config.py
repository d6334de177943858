"""Every setting of a model and of its training, as frozen dataclasses that refuse a bad value."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from dssmcli.errors import ConfigError, nearest

TOKENIZERS = ("auto", "char", "trigram", "word", "jieba", "sentencepiece")
NORMALIZATION = 2  # the newest: see text.normalize
WORDY = ("jieba", "sentencepiece")
"""The tokenizers that cut by a list of words, which a run then carries."""
POOLINGS = ("last", "max", "mean")
"""Of an LSTM's states."""
CNN_POOLINGS = ("max", "max+mean")
"""Of a CNN's windows."""
LEXICAL_DIMS = tuple(2**k for k in range(1, 13))
"""Dimensions that a lexical part may have, if any."""
CNN_FORMS = ("factored", "exact")
VALUE_KINDS = ("click", "clicks", "label", "grade")
CLICK_WEIGHTS = ("log", "linear", "none")
OPTIMIZERS = ("adam", "sgd")
DECAYS = ("cosine", "linear", "none")
SIDES = ("query", "title")
DATE_ORDERS = ("day-first", "month-first")
PLAIN = "text"
VECTOR_SIDES = (PLAIN, *SIDES)
"""What a text is encoded as: a text, whose vectors are all of one kind, or one of the sides."""
PRECISIONS = ("auto", "float32", "bf16")
DEVICE_SETTINGS = ("threads", "device", "precision")
"""What a training may be resumed with otherwise: by these it differs only in its rounding."""

T = TypeVar("T")


def one_of(name: str, value: object, allowed: Iterable[str]) -> None:
    """Raise ConfigError, naming the nearest valid name, unless value is one of the allowed."""
    names = list(allowed)
    if value not in names:
        near = nearest(str(value), names)
        hint = f" Did you mean {near}?" if near else ""
        raise ConfigError(f"{name} is {value!r}, expected one of {', '.join(names)}.{hint}")


def between(name: str, value: float, low: float, high: float = math.inf) -> None:
    """Raise ConfigError unless low <= value <= high; NaN is never between."""
    if not low <= value <= high:
        upper = f" and at most {high:,}" if high < math.inf else ""
        raise ConfigError(f"{name} is {value}, expected at least {low:,}{upper}.")


_WIDEST = 65_536


@dataclass(frozen=True)
class TextConfig:
    """How a text becomes ids: fixed at training, stored in the run, used by every command."""

    tokenizer: str = "auto"
    max_units: int = 128
    buckets: int = 2048
    normalization: int = NORMALIZATION
    fold_chinese: bool = True  # traditional characters as simplified ones, by a table in the run

    def __post_init__(self) -> None:
        one_of("tokenizer", self.tokenizer, TOKENIZERS)
        between("max_units", self.max_units, 1, 10_000)
        between("buckets", self.buckets, 1, 1_000_000)
        between("normalization", self.normalization, 1, NORMALIZATION)


@dataclass(frozen=True)
class DnnConfig:
    """DSSM (Huang et al., CIKM 2013): a bag of features, then tanh layers of these widths.

    `skip` (here and in the other towers) adds a linear map of the summed rows to the vector.
    """

    hidden: tuple[int, ...] = (300,)
    dim: int = 128
    skip: bool = True

    def __post_init__(self) -> None:
        if not self.hidden:
            raise ConfigError("hidden is empty, expected at least one width such as 300,300.")
        for width in self.hidden:
            between("a width of hidden", width, 1, _WIDEST)
        between("dim", self.dim, 1, _WIDEST)


@dataclass(frozen=True)
class CnnConfig:
    """CLSM (Shen et al., CIKM 2014): windows of units, tanh, max over time, a tanh layer.

    `factored` gives each feature an embedding and convolves it; `exact` gives each feature a row
    of filters for every offset of the window, as the paper's one-hot trigram vectors do.
    `window` has one width or several; each has so many `filters` (Kim, EMNLP 2014).
    """

    form: str = "factored"
    embedding: int = 300
    window: tuple[int, ...] = (3,)
    filters: int = 128
    dim: int = 128
    pooling: str = "max"
    skip: bool = True

    def __post_init__(self) -> None:
        one_of("form", self.form, CNN_FORMS)
        one_of("pooling", self.pooling, CNN_POOLINGS)
        if not self.window or len(set(self.window)) < len(self.window):
            given = ",".join(map(str, self.window)) or "empty"
            raise ConfigError(f"window is {given}, expected one width or several, such as 1,3.")
        for width in self.window:
            between("a width of window", width, 1, 15)
        for name in ("embedding", "filters", "dim"):
            between(name, getattr(self, name), 1, _WIDEST)

    @property
    def offsets(self) -> int:
        """Return how many units the windows of all widths have together."""
        return sum(self.window)

    @property
    def pooled(self) -> int:
        """Return how many numbers a text's windows become: a maximum, and a mean, a filter."""
        return len(self.window) * self.filters * (1 + (self.pooling == "max+mean"))


@dataclass(frozen=True)
class LstmConfig:
    """LSTM-DSSM (Palangi et al., TASLP 2016): a peephole LSTM, its states pooled."""

    embedding: int = 128
    dim: int = 128
    pooling: str = "last"
    peepholes: bool = True
    bidirectional: bool = False
    skip: bool = True

    def __post_init__(self) -> None:
        one_of("pooling", self.pooling, POOLINGS)
        for name in ("embedding", "dim"):
            between(name, getattr(self, name), 1, _WIDEST)
        if self.bidirectional and self.dim % 2:
            raise ConfigError(
                f"dim is {self.dim}, expected an even number for a bidirectional LSTM."
            )


TowerConfig = DnnConfig | CnnConfig | LstmConfig
TOWERS: Mapping[str, type[DnnConfig] | type[CnnConfig] | type[LstmConfig]] = {
    "dnn": DnnConfig,
    "cnn": CnnConfig,
    "lstm": LstmConfig,
}


def arch_of(tower: TowerConfig) -> str:
    """Return the name of a tower's architecture."""
    return next(arch for arch, config in TOWERS.items() if type(tower) is config)


@dataclass(frozen=True)
class ModelConfig:
    """What is needed to build the towers and to turn a text into a vector.

    `lexical` is how many dimensions the lexical part of a vector has, 0 for none.
    """

    text: TextConfig = field(default_factory=TextConfig)
    tower: TowerConfig = field(default_factory=CnnConfig)
    separate_towers: bool = False
    lexical: int = 256

    def __post_init__(self) -> None:
        if self.lexical and self.lexical not in LEXICAL_DIMS:
            raise ConfigError(
                f"lexical is {self.lexical}, expected a power of two such as 256, or 0 for none."
            )

    @property
    def arch(self) -> str:
        """Return the name of the towers' architecture."""
        return arch_of(self.tower)

    @property
    def dim(self) -> int:
        """Return the length of a vector in training; a run's may be shorter: serving.lexical."""
        return self.tower.dim + (self.lexical + len(SIDES) if self.lexical else 0)


@dataclass(frozen=True)
class LossConfig:
    """What is minimised: a weighted sum of losses, and the negatives of the softmax.

    `unclicked_weight` is what a title shown for a query and not clicked weighs beside the other
    negatives. `query_cap`, unless 0, is how many rows of a query an epoch draws. Random negatives
    are drawn in proportion to their frequency to the power of `negative_power`.
    """

    gamma: float = 20.0
    softmax: float = 1.0
    logistic: float = 0.0
    cosent: float = 0.0
    regression: float = 0.0
    in_batch: bool = True
    random_negatives: int = 128
    click_weight: str = "log"
    unclicked_weight: float = 0.3
    query_cap: int = 0
    negative_power: float = 0.0

    def __post_init__(self) -> None:
        between("gamma", self.gamma, 1e-3, 1000)
        for name in ("softmax", "logistic", "cosent", "regression"):
            between(f"the weight of {name}", getattr(self, name), 0, 1e6)
        if not self.softmax + self.logistic + self.cosent + self.regression:
            raise ConfigError("every loss has weight 0, expected one above.")
        between("random_negatives", self.random_negatives, 0, 1_000_000)
        if self.softmax and not self.in_batch and not self.random_negatives:
            raise ConfigError("no negatives: give --random-negatives, or leave --in-batch on.")
        one_of("click_weight", self.click_weight, CLICK_WEIGHTS)
        between("unclicked_weight", self.unclicked_weight, 0, 1e6)
        between("query_cap", self.query_cap, 0)
        between("negative_power", self.negative_power, 0, 10)


@dataclass(frozen=True)
class OptimConfig:
    """How losses are minimised. Shares are of 1; `eval_steps` 0 means once an epoch.

    `epochs` and `batch_size` 0 mean what is made of the number of rows. `averaging` is the decay of
    the running mean of the weights, which is what is kept; 0 keeps the last weights.
    """

    epochs: int = 0
    batch_size: int = 0
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    warmup: float = 0.1
    decay: str = "linear"
    clip_norm: float = 1.0
    averaging: float = 0.999
    patience: int = 10
    eval_steps: int = 0
    valid_share: float = 0.05
    seed: int = 1
    threads: int = 1

    def __post_init__(self) -> None:
        between("epochs", self.epochs, 0, 100_000)
        between("batch_size", self.batch_size, 0, 1_000_000)
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        between("learning_rate", self.learning_rate, 1e-9, 1000)
        between("warmup", self.warmup, 0, 1)
        one_of("decay", self.decay, DECAYS)
        between("clip_norm", self.clip_norm, 0, 1e9)
        between("averaging", self.averaging, 0, 0.999999)
        between("patience", self.patience, 1)
        between("eval_steps", self.eval_steps, 0)
        between("valid_share", self.valid_share, 0, 0.9)
        between("seed", self.seed, 0, 2**32 - 1)
        between("threads", self.threads, 1, 1024)


@dataclass(frozen=True)
class DecayConfig(OptimConfig):
    """How losses are minimised where weights decay towards 0, decoupled from the loss (AdamW:
    Loshchilov & Hutter, ICLR 2019): those of layers, and embeddings; biases do not."""

    weight_decay: float = 0.0
    embedding_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("weight_decay", "embedding_decay"):
            between(name, getattr(self, name), 0, 1000)


@dataclass(frozen=True)
class TrainConfig(OptimConfig):
    """How a text model is trained, see `sized` for epochs and batches that are 0.

    With a `precision` of bf16 the towers' products are taken in 16 bits; `auto` is that on a GPU.
    """

    unit_dropout: float = 0.1
    vector_dropout: float = 0.2
    device: str = "cpu"
    precision: str = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not re.fullmatch(r"cpu|auto|cuda(:\d{1,3})?", self.device, re.ASCII):
            raise ConfigError(f"device is {self.device!r}, expected cpu, cuda, cuda:1 or auto.")
        one_of("precision", self.precision, PRECISIONS)
        between("unit_dropout", self.unit_dropout, 0, 0.95)
        between("vector_dropout", self.vector_dropout, 0, 0.95)


_LARGEST_BATCH, _SMALLEST_BATCH, _BATCHES_WANTED = 512, 32, 40
_FEWEST_EPOCHS, _MOST_EPOCHS, _STEPS_WANTED = 4, 20, 1000


def sized(config: TrainConfig, rows: int) -> TrainConfig:
    """Return the config with its batch size and epochs made to fit the number of training rows.

    Large logs: batches of 512, four times through. Small ones: smaller batches and more epochs, so
    that there are about 1,000 steps to learn in; the weights that validate best are kept anyway.
    """
    batch = config.batch_size or power_of_two(
        rows / _BATCHES_WANTED, _SMALLEST_BATCH, _LARGEST_BATCH
    )
    epochs = config.epochs
    if not epochs:
        steps = math.ceil(rows / batch)
        epochs = min(_MOST_EPOCHS, max(_FEWEST_EPOCHS, math.ceil(_STEPS_WANTED / steps)))
    return dataclasses.replace(config, batch_size=batch, epochs=epochs)


def power_of_two(wanted: float, least: int, most: int) -> int:
    """Return the power of two nearest to what is wanted, between the least and the most."""
    return min(most, max(least, 1 << round(math.log2(max(1, wanted)))))


def to_dict(config: object) -> dict[str, Any]:
    """Return a config as plain JSON values; a tower says its arch."""
    assert dataclasses.is_dataclass(config) and not isinstance(config, type)
    plain: dict[str, Any] = {}
    if type(config) in TOWERS.values():
        plain["arch"] = arch_of(config)  # type: ignore[arg-type]
    for each in dataclasses.fields(config):
        value = getattr(config, each.name)
        if dataclasses.is_dataclass(value):
            value = to_dict(value)
        plain[each.name] = list(value) if isinstance(value, tuple) else value
    return plain


def from_dict(kind: type[T], plain: object, where: str) -> T:
    """Build a flat config from JSON values; ConfigError for an unknown, missing or wrong entry."""
    if not isinstance(plain, dict):
        raise ConfigError(f"{where}: {type(plain).__name__}, expected an object.")
    assert dataclasses.is_dataclass(kind)
    fields = {each.name: each for each in dataclasses.fields(kind)}
    for name in plain:
        one_of(f"{where}: a key", name, fields)
    values = {}
    for name, each in fields.items():
        if name not in plain:
            raise ConfigError(f"{where}: {name} is missing.")
        values[name] = _typed(plain[name], str(each.type), f"{where}: {name}")
    try:
        return kind(**values)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _typed(value: object, declared: str, where: str) -> object:
    """Return a JSON value as the declared type; bool is no number, and an int is a fine float."""
    if declared.startswith("tuple[") and isinstance(value, list):
        entry = declared.removeprefix("tuple[").removesuffix(", ...]")
        return tuple(_typed(item, entry, where) for item in value)
    if declared == "float" and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise ConfigError(f"{where} is {str(value)[:20]}..., too large.") from None
    if type(value).__name__ != declared:
        raise ConfigError(f"{where} is {value!r}, expected {declared}.")
    return value


_MODEL_FIELDS = dataclasses.fields(ModelConfig)


def model_from_dict(plain: object, where: str) -> ModelConfig:
    """Build a ModelConfig from what `to_dict` gave."""
    if not isinstance(plain, dict) or set(plain) != {each.name for each in _MODEL_FIELDS}:
        raise ConfigError(f"{where}: expected text, tower, separate_towers and lexical.")
    tower = plain["tower"]
    if not isinstance(tower, dict):
        raise ConfigError(f"{where}: tower is {tower!r}, expected an object.")
    one_of(f"{where}: arch", tower.get("arch"), TOWERS)
    settings = {name: value for name, value in tower.items() if name != "arch"}
    separate = _typed(plain["separate_towers"], "bool", f"{where}: separate_towers")
    lexical = _typed(plain["lexical"], "int", f"{where}: lexical")
    assert isinstance(lexical, int)
    return ModelConfig(
        text=from_dict(TextConfig, plain["text"], f"{where}: text"),
        tower=from_dict(TOWERS[tower["arch"]], settings, f"{where}: tower"),
        separate_towers=bool(separate),
        lexical=lexical,
    )
