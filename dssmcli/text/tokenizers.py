"""Tokenizers: from a text to units, and from a unit to features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from dssmcli.config import TextConfig
from dssmcli.text.normalize import normalize
from dssmcli.text.units import (
    MAX_UNIT_CHARS,
    MIXED,
    SINGLE,
    SPACED,
    letter_trigrams,
    mixed_features,
    whole_unit,
)
from dssmcli.text.vocab import Vocabulary, shipped_features


class Tokenizer(NamedTuple):
    """How a normalised text becomes units, and a unit its features.

    `space` is a table for `str.translate` that puts spaces around units.
    """

    space: Mapping[int, str]
    describe: Callable[[str], list[str]]

    def cut(self, text: str) -> list[str]:
        """Return the units of a normalised text."""
        return text.translate(self.space).split()


TOKENIZERS = {
    "auto": Tokenizer(MIXED, mixed_features),
    "char": Tokenizer(SINGLE, whole_unit),
    "trigram": Tokenizer(SPACED, letter_trigrams),
    "word": Tokenizer(MIXED, whole_unit),
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
