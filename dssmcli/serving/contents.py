"""What a run of texts is made of, read from its files and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from dssmcli.config import SIDES, WORDY, ModelConfig, model_from_dict
from dssmcli.errors import ConfigError, RunError
from dssmcli.run import CHINESE, CONFIG, TEXT, VOCABULARY, WEIGHTS, WORDS, Run
from dssmcli.serving.encoder import Encoder, Floats
from dssmcli.serving.towers import weight_shapes
from dssmcli.serving.weights import tensors_in, under
from dssmcli.text.chinese import table_from_text
from dssmcli.text.vocab import Vocabulary, vocabulary_from_text

if TYPE_CHECKING:
    from dssmcli.text.words import Words


class Contents(NamedTuple):
    """What a run of texts is made of: its settings, features, weights, config.json and words.

    `digest`: SHA-256 of its manifest. `chinese`: the table that folds Chinese characters, if any,
    as the run stores it.
    """

    model: ModelConfig
    vocabulary: Vocabulary
    weights: Mapping[str, Floats]
    config: Mapping[str, Any]
    digest: str
    words: Words | None
    chinese: str | None = None

    def encoder(self, threads: int = 1, processes: int = 1) -> Encoder:
        """Return the run ready to answer."""
        model, vocabulary, weights, config, digest, words, chinese = self
        table = None if chinese is None else table_from_text(chinese, CHINESE)
        return Encoder(model, vocabulary, weights, config, threads, processes, digest, words, table)


def build_encoder(run: Run, weights: bytes, threads: int = 1, processes: int = 1) -> Encoder:
    """Build an encoder of a run whose weights file has been read and checked.

    Raises RunError when the run's files do not fit together.
    """
    encoder = read_contents(run, weights).encoder(threads, processes)
    encoder.origin = run
    return encoder


def read_contents(run: Run, weights: bytes) -> Contents:
    """Read what a run is made of; RunError when its files do not fit together."""
    config = run.config_of(TEXT)
    where = str(run.path / CONFIG)
    try:
        model = model_from_dict(config.get("model"), where)
    except ConfigError as error:
        said = str(error)
        raise RunError(said if said.startswith(where) else f"{where}: {said}") from error
    text = run.read_text(VOCABULARY)
    vocabulary = vocabulary_from_text(text, model.text.buckets, str(run.path / VOCABULARY))
    names = SIDES if model.separate_towers else ("tower",)
    shapes = weight_shapes(model.tower, len(vocabulary))
    expected = {f"{side}.{name}": shape for side in names for name, shape in shapes.items()}
    if model.lexical:
        from dssmcli.serving.lexical import NAME, check_lexical, lexical_shapes

        shapes = lexical_shapes(len(vocabulary))
        expected |= {f"{NAME}.{name}": shape for name, shape in shapes.items()}
    arrays = tensors_in(weights, expected, str(run.path / WEIGHTS))
    if model.lexical:
        check_lexical(under(f"{NAME}.", arrays), str(run.path / WEIGHTS))
    digest = hashlib.sha256(run.manifest.encode()).hexdigest()
    words = _words(run) if model.text.tokenizer in WORDY else None
    chinese = run.read_text(CHINESE) if model.text.fold_chinese else None
    return Contents(model, vocabulary, arrays, config, digest, words, chinese)


def _words(run: Run) -> Words:
    from dssmcli.text.words import words_from_text

    return words_from_text(run.read_text(WORDS), str(run.path / WORDS))
