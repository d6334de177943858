"""Tokenizers: from a text to units, and from a unit to features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from dssmcli.config import WORDY, TextConfig
from dssmcli.text.normalize import normalize
from dssmcli.text.scan import scanned, spelled
from dssmcli.text.units import (
    MAX_UNIT_CHARS,
    MIXED,
    SINGLE,
    SPACED,
    letter_trigrams,
    mixed_features,
    whole_unit,
    word_features,
)
from dssmcli.text.vocab import Vocabulary, shipped_features

if TYPE_CHECKING:
    from dssmcli.text.segment import Segmenter
    from dssmcli.text.words import Words


class Tokenizer(NamedTuple):
    """How a normalised text becomes units, and a unit its features.

    `space` is a table for `str.translate` that puts spaces around units, or around the runs that a
    Segmenter cuts into units (config.WORDY).
    """

    space: Mapping[int, str]
    describe: Callable[[str], list[str]]

    def cut(self, text: str) -> list[str]:
        """Return the units, or the runs, of a normalised text."""
        return text.translate(self.space).split()


TOKENIZERS = {
    "auto": Tokenizer(MIXED, mixed_features),
    "char": Tokenizer(SINGLE, whole_unit),
    "trigram": Tokenizer(SPACED, letter_trigrams),
    "word": Tokenizer(MIXED, whole_unit),
    "jieba": Tokenizer(SPACED, word_features),
    "sentencepiece": Tokenizer(SPACED, whole_unit),
}


class Cut(NamedTuple):
    """A text's units as the model sees them, and whether something of it was cut off."""

    units: list[str]
    truncated: bool


def tokenize(
    text: str, tokenizer: Tokenizer, max_units: int, segmenter: Segmenter | None = None
) -> Cut:
    """Normalise a text, cut it into units and keep the first `max_units` of them.

    A unit of more than MAX_UNIT_CHARS characters is shortened to that.
    """
    units, truncated = tokenizer.cut(normalize(text)), False
    if segmenter is not None:
        found = segmenter.cut(scanned(units), max_units)
        units, truncated = spelled(found), bool(found.cut.any())
    truncated = truncated or len(units) > max_units
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
    """A tokenizer with its vocabulary and words: all that turns a text into ids."""

    tokenizer: Tokenizer
    vocabulary: Vocabulary
    max_units: int
    segmenter: Segmenter | None = None

    @staticmethod
    def of(config: TextConfig, vocabulary: Vocabulary, words: Words | None = None) -> Lookup:
        """Return the lookup that a run's text settings, vocabulary and words (if any) give."""
        segmenter = None
        if config.tokenizer in WORDY:
            # Here and not above: what few runs need would make all others answer later.
            from dssmcli.text.segment import SEGMENTERS

            assert words is not None, f"{config.tokenizer} cuts by a list of words"
            segmenter = SEGMENTERS[config.tokenizer](words)
        return Lookup(TOKENIZERS[config.tokenizer], vocabulary, config.max_units, segmenter)

    @staticmethod
    def shipped(tokenizer: str, words: Words | None = None) -> Lookup:
        """Return a tokenizer with the shipped vocabularies."""
        config = TextConfig(tokenizer=tokenizer)
        return Lookup.of(config, Vocabulary(shipped_features(), config.buckets), words)

    def cut(self, text: str) -> Cut:
        """Return a text's units."""
        return tokenize(text, self.tokenizer, self.max_units, self.segmenter)

    def describe(self, text: str) -> list[Described]:
        """Return a text's units with their features and ids."""
        found = []
        for unit in self.cut(text).units:
            features = self.tokenizer.describe(unit)
            ids = [self.vocabulary.id(feature) for feature in features]
            found.append(Described(unit, features, ids))
        return found
