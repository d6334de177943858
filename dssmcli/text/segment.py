"""Cuts runs of letters and digits into the words of a list, as jieba or as sentencepiece would."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from dssmcli.text.codes import Codes
from dssmcli.text.lattice import Bools, Ints, Matches, Scores, WordTable, best_path, left_in_runs
from dssmcli.text.ragged import spans
from dssmcli.text.scan import Scanned
from dssmcli.text.units import UNSPACED
from dssmcli.text.words import Words

MARK = "▁"
"""What sentencepiece writes for a space; every run begins with it."""

_CHARS_AT_ONCE = 1 << 20
CHARS_A_UNIT = 16
"""So many characters of a text are cut for each unit that may be read: a long line stays cheap."""


class Segmenter(Protocol):
    """Cuts runs of characters into words."""

    def cut(self, runs: Scanned, max_units: int) -> Scanned:
        """Return the words, whatever their number, of runs that stand without gaps.

        What a text has more than CHARS_A_UNIT characters for each of `max_units` is cut off first.
        """


class BestPath(NamedTuple):
    """Where the words of the best path begin, begins (C,), among those that were found.

    forced: numbers of the words found where, for them, the first character is no word of its own.
    """

    found: Matches
    begins: Bools
    forced: Ints


class WordSegmenter:
    """Cuts each run as jieba does with a dictionary and without a model of unknown words.

    A character that is not listed is a word where no listed word begins. Of two best paths the one
    with the longer word first wins. Neighbouring single letters and digits join, so that a Latin
    word that is not listed is one word.
    """

    def __init__(self, words: Words) -> None:
        self._table = WordTable(words.spellings)
        self._scores = np.array(words.scores, np.float64)
        self._unlisted = np.float64(words.unlisted)

    def cut(self, runs: Scanned, max_units: int) -> Scanned:
        """Return the words of runs: see Segmenter."""
        return _by_portions(self._cut, _limited(runs, max_units))

    def _cut(self, runs: Scanned) -> Scanned:
        begins = self.path(runs).begins
        _join_letters(runs, begins)
        return _as_units(runs, begins)

    def path(self, runs: Scanned) -> BestPath:
        """Return the best path through runs before letters join, and what it was chosen from."""
        found = self._table.matches(runs.codes, left_in_runs(runs.lengths))
        lone, longer, listed = _parted(found, self._scores, self._unlisted, len(runs.codes))
        unlisted = ~listed[longer.places]
        lone[longer.places[unlisted]] = -np.inf
        begins = best_path(runs.lengths, lone, longer, self._scores[longer.words])
        return BestPath(found, begins, longer.words[unlisted])


class PieceSegmenter:
    """Cuts each text as sentencepiece's unigram model does: runs begin with a mark for the space.

    sentencepiece keeps the best path up to each character, not from each on, in float32, and of two
    best ones that with the longer last piece: so the text is read backwards here. Characters that
    are not listed are units of their own.
    """

    def __init__(self, words: Words) -> None:
        self._table = WordTable([word[::-1] for word in words.spellings])
        self._scores = np.array(words.scores, np.float32)
        self._unlisted = np.float32(words.unlisted)

    def cut(self, runs: Scanned, max_units: int) -> Scanned:
        """Return the pieces of runs: see Segmenter."""
        return _by_portions(self._cut, _limited(runs, max_units))

    def _cut(self, runs: Scanned) -> Scanned:
        marked = _marked(runs)
        lengths = np.diff(_text_ends(marked), prepend=0)[::-1]
        lengths = lengths[lengths > 0]
        codes = marked.codes[::-1]
        found = self._table.matches(codes, left_in_runs(lengths))
        lone, longer, _ = _parted(found, self._scores, self._unlisted, len(codes))
        last = best_path(lengths, lone, longer, self._scores[longer.words])[::-1]
        return _as_units(marked, np.roll(last, 1))


SEGMENTERS: Mapping[str, type[WordSegmenter] | type[PieceSegmenter]] = {
    "jieba": WordSegmenter,
    "sentencepiece": PieceSegmenter,
}
"""How the tokenizers cut that need a list of words."""


def _by_portions(cut: Callable[[Scanned], Scanned], runs: Scanned) -> Scanned:
    """Cut runs some texts at a time, so that long texts take no more memory than short ones."""
    if len(runs.codes) <= _CHARS_AT_ONCE:
        return cut(runs)
    parts = [cut(part) for part in _portions(runs)]
    codes, starts, lengths, counts, lost = map(list, zip(*parts, strict=True))
    before = np.cumsum([0, *map(len, codes[:-1])])
    shifted = [each + offset for each, offset in zip(starts, before, strict=True)]
    return Scanned(*map(np.concatenate, (codes, shifted, lengths, counts, lost)))


def _portions(runs: Scanned) -> Iterator[Scanned]:
    """Yield the runs of some texts at a time, of about _CHARS_AT_ONCE characters."""
    ends, run_ends = _text_ends(runs), np.cumsum(runs.counts)
    last = np.flatnonzero(np.diff(ends // _CHARS_AT_ONCE)) + 1
    text = code = run = 0
    for text_end in [*last.tolist(), len(ends)]:
        code_end, run_end = int(ends[text_end - 1]), int(run_ends[text_end - 1])
        yield Scanned(
            runs.codes[code:code_end],
            runs.starts[run:run_end] - code,
            runs.lengths[run:run_end],
            runs.counts[text:text_end],
            runs.cut[text:text_end],
        )
        text, code, run = text_end, code_end, run_end


class _Parts(NamedTuple):
    """Words found in C characters: lone (C,), the score of each character alone; the longer ones.

    listed: (C,), whether the character alone is a word of the list.
    """

    lone: Scores
    longer: Matches
    listed: Bools


def _parted(found: Matches, scores: Scores, unlisted: np.floating[Any], size: int) -> _Parts:
    single = int(np.searchsorted(found.lengths, 1, side="right"))
    places = found.places[:single]
    lone, listed = np.full(size, unlisted), np.zeros(size, np.bool_)
    lone[places], listed[places] = scores[found.words[:single]], True
    return _Parts(lone, Matches(*(each[single:] for each in found)), listed)


def _join_letters(runs: Scanned, begins: Bools) -> None:
    """Take back the cuts between single characters of scripts that put spaces between words."""
    single = begins & np.append(begins[1:], True)
    places = np.flatnonzero(single)
    letters = places[~_unspaced(runs.codes[places])]
    joined = letters[1:][np.diff(letters) == 1]
    inside = np.ones(len(begins), np.bool_)
    inside[runs.starts] = False
    begins[joined[inside[joined]]] = False


_LIMITS = np.array(UNSPACED).reshape(-1) + np.tile([0, 1], len(UNSPACED))


def _unspaced(codes: Codes) -> Bools:
    """Tell which characters belong to scripts that put no spaces between words."""
    return np.asarray(np.searchsorted(_LIMITS, codes, side="right") % 2 == 1)


def _marked(runs: Scanned) -> Scanned:
    """Return runs with MARK before each."""
    lengths = runs.lengths + 1
    starts = np.cumsum(lengths) - lengths
    codes = np.full(len(runs.codes) + len(lengths), ord(MARK), np.uint32)
    codes[spans(starts + 1, runs.lengths)] = runs.codes
    return runs._replace(codes=codes, starts=starts, lengths=lengths)


def _text_ends(runs: Scanned) -> Ints:
    """Return where each text's runs end, (N,)."""
    ends = np.append(0, np.cumsum(runs.lengths))
    return np.asarray(ends[np.cumsum(runs.counts)])


def _as_units(runs: Scanned, begins: Bools) -> Scanned:
    starts = np.flatnonzero(begins)
    counts = np.diff(np.searchsorted(starts, _text_ends(runs)), prepend=0)
    return Scanned(runs.codes, starts, np.diff(starts, append=len(begins)), counts, runs.cut)


def _limited(runs: Scanned, max_units: int) -> Scanned:
    """Cut off what a text has too many characters."""
    most = CHARS_A_UNIT * max_units
    ends = _text_ends(runs)
    begins = np.append(0, ends)[:-1]
    long = ends - begins > most
    if not long.any():
        return runs
    room = np.repeat(begins, runs.counts) + most - runs.starts
    lengths = np.clip(room, 0, runs.lengths)
    kept = lengths > 0
    text = np.repeat(np.arange(len(ends)), runs.counts)
    codes = runs.codes[spans(runs.starts[kept], lengths[kept])]
    lengths, counts = lengths[kept], np.bincount(text[kept], minlength=len(ends))
    sizes = np.where(long, ends - begins + runs.counts, 0)  # a piece may be the mark of a space
    cut = np.maximum(runs.cut, sizes)
    return Scanned(codes, np.cumsum(lengths) - lengths, lengths, counts, cut)
