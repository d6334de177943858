"""Cuts a log's texts into units while they are read, or as soon as it is known into which."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dssmcli.config import TextConfig
from dssmcli.errors import ConfigError
from dssmcli.text.blocks import TextIndex
from dssmcli.text.dictionary import stock_dictionary, with_own
from dssmcli.text.scan import Scanned
from dssmcli.text.segment import CHARS_A_UNIT, BestPath, WordSegmenter
from dssmcli.text.spool import SpooledTexts
from dssmcli.text.tokenizers import Lookup, normalizer_of, runs_of, tokenizer_of
from dssmcli.text.vocab import Vocabulary
from dssmcli.text.words import Words
from dssmcli.training.pieces import PIECES, sampled, trained_pieces

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_AT_ONCE = 8192
_NO_FEATURES = Vocabulary([], 1)
"""Stands in until the log's features are counted."""


@dataclass(frozen=True)
class Indexed:
    """All texts of a log cut into units, and the list of words it took, if any."""

    index: TextIndex
    words: Words | None


class Indexing(Protocol):
    """Takes normalised texts as they are met, and cuts them."""

    def add(self, texts: list[str]) -> None:
        """Take further texts."""

    def finish(self, train: Bools) -> Indexed:
        """Return all texts cut; train (N,) is True for those that may be learned from."""


class PlainIndexing:
    """Cuts by rules alone."""

    def __init__(self, text: TextConfig, scratch: Path | None) -> None:
        self._index = TextIndex(Lookup.of(text, _NO_FEATURES), scratch)

    def add(self, texts: list[str]) -> None:
        """Take further texts."""
        self._index.add(texts)

    def finish(self, train: Bools) -> Indexed:  # noqa: ARG002 (nothing is learned)
        """Return all texts cut."""
        return Indexed(self._index, None)


class WordIndexing:
    """Cuts by jieba's dictionary, to which a user's own may be added, as the texts come.

    The run keeps only words of best paths: the texts of the log are cut alike without the others.
    """

    def __init__(self, text: TextConfig, own: Path | None, scratch: Path | None) -> None:
        stock = stock_dictionary(text)
        words = (stock if own is None else with_own(stock, own, text)).words()
        self._segmenter = _Watched(words)
        tokenizer, normalizer = tokenizer_of(text), normalizer_of(text)
        lookup = Lookup(tokenizer, _NO_FEATURES, text.max_units, normalizer, self._segmenter)
        self._index = TextIndex(lookup, scratch)

    def add(self, texts: list[str]) -> None:
        """Take further texts."""
        self._index.add(texts)

    def finish(self, train: Bools) -> Indexed:  # noqa: ARG002 (nothing is learned)
        """Return all texts cut, and the words that were needed for it."""
        return Indexed(self._index, self._segmenter.used_words())


class _Watched(WordSegmenter):
    """Remembers the words without which a text would have been cut otherwise."""

    def __init__(self, words: Words) -> None:
        super().__init__(words)
        self._words, self._used = words, np.zeros(len(words.spellings), np.bool_)

    def path(self, runs: Scanned) -> BestPath:
        """Return the best path through runs before letters join, and what it was chosen from."""
        path = super().path(runs)
        starts = np.flatnonzero(path.begins)
        lengths = np.zeros(len(path.begins), np.int64)
        lengths[starts] = np.diff(starts, append=len(path.begins))
        places, found, words = path.found
        self._used[words[lengths[places] == found]] = True
        # Where these begin, their first character must stay no word.
        self._used[path.forced] = True
        return path

    def used_words(self) -> Words:
        """Return these words, the likeliest first, with the scores they have in the whole list."""
        spellings, scores, unlisted = self._words
        chosen = [(-scores[i], spellings[i]) for i in np.flatnonzero(self._used).tolist()]
        chosen.sort()
        kept = tuple(word for _, word in chosen)
        return Words(kept, tuple(-score for score, _ in chosen), unlisted)


class PieceIndexing:
    """Cuts by sentencepiece's unigram model, which is trained on the texts when all are there."""

    def __init__(self, text: TextConfig, pieces: int, seed: int, scratch: Path | None) -> None:
        self._text, self._pieces, self._seed, self._scratch = text, pieces, seed, scratch
        self._texts = SpooledTexts(scratch)

    def add(self, texts: list[str]) -> None:
        """Take further texts."""
        self._texts.add(texts)

    def finish(self, train: Bools) -> Indexed:
        """Return all texts cut, and the pieces, which were learned from training texts alone."""
        rows = sampled(np.flatnonzero(train), self._seed)
        most = CHARS_A_UNIT * self._text.max_units
        cut = runs_of(self._texts.of(rows), self._text)
        lines = (" ".join(runs)[:most] for runs in cut)
        words = trained_pieces(lines, self._pieces)
        index = TextIndex(Lookup.of(self._text, _NO_FEATURES, words), self._scratch)
        every = self._texts.of(np.arange(len(train)))
        while texts := list(islice(every, _AT_ONCE)):
            index.add(texts)
        return Indexed(index, words)


def indexing_of(
    text: TextConfig, own: Path | None, pieces: int | None, seed: int, scratch: Path | None
) -> Indexing:
    """Return what cuts the texts; ConfigError for an option that is another tokenizer's.

    own: a user's dictionary, for jieba. pieces: how many, for sentencepiece.
    """
    for option, value, tokenizer in (
        ("--dictionary", own, "jieba"),
        ("--pieces", pieces, "sentencepiece"),
    ):
        if value is not None and text.tokenizer != tokenizer:
            raise ConfigError(f"{option} is for --tokenizer {tokenizer}, not for {text.tokenizer}.")
    if text.tokenizer == "jieba":
        return WordIndexing(text, own, scratch)
    if text.tokenizer == "sentencepiece":
        return PieceIndexing(text, pieces or PIECES, seed, scratch)
    return PlainIndexing(text, scratch)
