"""Tokenizers: from a text to units, and from a unit to features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from dssmcli.config import WORDY, TextConfig
from dssmcli.text.chinese import shipped_table
from dssmcli.text.limits import Cuts
from dssmcli.text.normalize import Normalizer
from dssmcli.text.scan import Scanner, scanned, spelled
from dssmcli.text.sign_scan import SignScanner
from dssmcli.text.signs import spaced
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


_AT_ONCE = 8192


class Tokenizer(NamedTuple):
    """How a normalised text becomes units, and a unit its features.

    `space` is a table for `str.translate` that puts spaces around units, or around the runs that a
    Segmenter cuts into units (config.WORDY). With `signs`, text.signs says which signs belong to
    units and where numbers and their units of measurement part.
    """

    space: Mapping[int, str]
    describe: Callable[[str], list[str]]
    signs: bool = True

    def cut(self, text: str) -> list[str]:
        """Return the units, or the runs, of a normalised text."""
        return (spaced(text, self.space) if self.signs else text.translate(self.space)).split()

    def scanner(self, normalizer: Normalizer) -> Scanner:
        """Return what cuts many texts at once as `cut` does one that was normalised."""
        return (SignScanner if self.signs else Scanner)(self.space, normalizer)


TOKENIZERS = {
    "auto": Tokenizer(MIXED, mixed_features),
    "char": Tokenizer(SINGLE, whole_unit),
    "trigram": Tokenizer(SPACED, letter_trigrams),
    "word": Tokenizer(MIXED, whole_unit),
    "jieba": Tokenizer(SPACED, word_features),
    "sentencepiece": Tokenizer(SPACED, whole_unit),
}


def tokenizer_of(config: TextConfig) -> Tokenizer:
    """Return the tokenizer of text settings; before normalisation 2 signs belonged to no unit."""
    return TOKENIZERS[config.tokenizer]._replace(signs=config.normalization > 1)


def normalizer_of(config: TextConfig, chinese: Mapping[int, int] | None = None) -> Normalizer:
    """Return the normalisation of text settings.

    chinese: the table that folds Chinese characters, if not the shipped one.
    """
    table = None
    if config.fold_chinese:
        table = shipped_table() if chinese is None else chinese
    return Normalizer(config.normalization, table)


def runs_of(texts: Iterable[str], config: TextConfig) -> Iterator[list[str]]:
    """Yield the units of each text, or the runs that a Segmenter would cut, all of them."""
    scanner = tokenizer_of(config).scanner(normalizer_of(config))
    texts = iter(texts)
    while some := list(islice(texts, _AT_ONCE)):
        found = scanner.scan(some)
        parts = iter(spelled(found))
        for count in found.counts.tolist():
            yield list(islice(parts, count))


class Cut(NamedTuple):
    """A text's units as the model sees them, and what of it was cut off."""

    units: list[str]
    cuts: Cuts

    @property
    def truncated(self) -> bool:
        """Tell whether something was cut off."""
        return bool(self.cuts.texts)


def tokenize(
    text: str, tokenizer: Tokenizer, max_units: int, segmenter: Segmenter | None = None
) -> Cut:
    """Cut a normalised text into units and keep the first `max_units` of them.

    A unit of more than MAX_UNIT_CHARS characters is shortened to that.
    """
    units, size = tokenizer.cut(text), 0
    if segmenter is not None:
        found = segmenter.cut(scanned(units), max_units)
        units, size = spelled(found), int(found.cut[0])
    size = max(size, len(units) if len(units) > max_units else 0)
    units = units[:max_units]
    long = any(len(unit) > MAX_UNIT_CHARS for unit in units)
    if long:
        units = [unit[:MAX_UNIT_CHARS] for unit in units]
    if not size and not long:
        return Cut(units, Cuts())
    return Cut(units, Cuts(1, int(size > 0), size, int(long), 0))


class Described(NamedTuple):
    """A unit, its features and their ids."""

    unit: str
    features: list[str]
    ids: list[int]


class Lookup(NamedTuple):
    """A tokenizer with its normalisation, vocabulary and words: all that turns a text into ids."""

    tokenizer: Tokenizer
    vocabulary: Vocabulary
    max_units: int
    normalizer: Normalizer
    segmenter: Segmenter | None = None

    @staticmethod
    def of(
        config: TextConfig,
        vocabulary: Vocabulary,
        words: Words | None = None,
        chinese: Mapping[int, int] | None = None,
    ) -> Lookup:
        """Return the lookup that a run's text settings, vocabulary and words (if any) give.

        chinese: the table that folds Chinese characters, if not the shipped one.
        """
        segmenter = None
        if config.tokenizer in WORDY:
            # Here and not above: what few runs need would make all others answer later.
            from dssmcli.text.segment import SEGMENTERS

            assert words is not None, f"{config.tokenizer} cuts by a list of words"
            segmenter = SEGMENTERS[config.tokenizer](words)
        normalizer = normalizer_of(config, chinese)
        return Lookup(tokenizer_of(config), vocabulary, config.max_units, normalizer, segmenter)

    @staticmethod
    def shipped(tokenizer: str, words: Words | None = None, fold_chinese: bool = True) -> Lookup:
        """Return a tokenizer with the shipped vocabularies."""
        config = TextConfig(tokenizer=tokenizer, fold_chinese=fold_chinese)
        return Lookup.of(config, Vocabulary(shipped_features(), config.buckets), words)

    def cut(self, text: str) -> Cut:
        """Return a text's units."""
        normal = self.normalizer(text)
        return tokenize(normal, self.tokenizer, self.max_units, self.segmenter)

    def describe(self, text: str) -> list[Described]:
        """Return a text's units with their features and ids."""
        return self.described(self.cut(text))

    def described(self, cut: Cut) -> list[Described]:
        """Return the units of a text that was cut, with their features and ids."""
        found = []
        for unit in cut.units:
            features = self.tokenizer.describe(unit)
            ids = [self.vocabulary.id(feature) for feature in features]
            found.append(Described(unit, features, ids))
        return found
