"""Tokenizers: from a text to units, and from a unit to features."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from dssmcli.config import TextConfig
from dssmcli.text.normalize import normalize
from dssmcli.text.units import (
    MAX_UNIT_CHARS,
    letter_trigrams,
    mixed_features,
    mixed_units,
    single_units,
    spaced_units,
    whole_unit,
)
from dssmcli.text.vocab import Vocabulary, shipped_features


class Tokenizer(NamedTuple):
    """Two functions: `cut` gives the units of a normalised text, `describe` a unit's features."""

    cut: Callable[[str], list[str]]
    describe: Callable[[str], list[str]]


TOKENIZERS = {
    "auto": Tokenizer(mixed_units, mixed_features),
    "char": Tokenizer(single_units, whole_unit),
    "trigram": Tokenizer(spaced_units, letter_trigrams),
    "word": Tokenizer(mixed_units, whole_unit),
}


class Cut(NamedTuple):
    """A text's units as the model sees them, and whether something of it was cut off."""

    units: list[str]
    truncated: bool


def tokenize(text: str, tokenizer: Tokenizer, max_units: int) -> Cut:
    """Normalise a text, cut it into units and keep the first `max_units` of them.

    A unit of more than MAX_UNIT_CHARS characters is shortened to that.
    """
    units = tokenizer.cut(normalize(text))
    truncated = len(units) > max_units
    units = units[:max_units]
    if any(len(unit) > MAX_UNIT_CHARS for unit in units):
        units, truncated = [unit[:MAX_UNIT_CHARS] for unit in units], True
    return Cut(units, truncated)


class Described(NamedTuple):
    """A unit, its features and their ids."""

    unit: str
    features: list[str]
    ids: list[int]


class Lookup(NamedTuple):
    """A tokenizer with its vocabulary: all that turns a text into ids."""

    tokenizer: Tokenizer
    vocabulary: Vocabulary
    max_units: int

    @staticmethod
    def of(config: TextConfig, vocabulary: Vocabulary) -> Lookup:
        """Return the lookup that a run's text settings and vocabulary give."""
        return Lookup(TOKENIZERS[config.tokenizer], vocabulary, config.max_units)

    @staticmethod
    def shipped(tokenizer: str) -> Lookup:
        """Return a tokenizer with the shipped vocabularies."""
        config = TextConfig(tokenizer=tokenizer)
        return Lookup.of(config, Vocabulary(shipped_features(), config.buckets))

    def cut(self, text: str) -> Cut:
        """Return a text's units."""
        return tokenize(text, self.tokenizer, self.max_units)

    def describe(self, text: str) -> list[Described]:
        """Return a text's units with their features and ids."""
        found = []
        for unit in self.cut(text).units:
            features = self.tokenizer.describe(unit)
            ids = [self.vocabulary.id(feature) for feature in features]
            found.append(Described(unit, features, ids))
        return found
