"""jieba's dictionary, and a user's own in its form: words and how often they were met."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from dssmcli.config import TextConfig
from dssmcli.errors import DataError, DssmError, shown
from dssmcli.text.own_files import name_of, read_own_text
from dssmcli.text.scan import scanned, spelled
from dssmcli.text.segment import WordSegmenter
from dssmcli.text.tokenizers import runs_of
from dssmcli.text.units import MAX_UNIT_CHARS
from dssmcli.text.words import Words

_LARGEST = 10**12


class Dictionary(NamedTuple):
    """Words as texts have them after normalisation, with their frequencies, and the sum of all."""

    frequencies: dict[str, int]
    total: int

    def words(self) -> Words:
        """Return the words with the logarithms of their shares; an unlisted one counts as once."""
        log_total = math.log(self.total)
        found = {word: count for word, count in self.frequencies.items() if count}
        scores = [math.log(count) - log_total for count in found.values()]
        return Words(tuple(found), tuple(scores), -log_total)


def stock_dictionary(text: TextConfig) -> Dictionary:
    """Return the dictionary that the installed jieba carries, its words as texts have them.

    jieba itself is not imported.
    """
    place = importlib.util.find_spec("jieba")
    if place is None or place.origin is None:
        raise DssmError("The dictionary of jieba is not installed. Install it: pip install jieba")
    lines = [line.split(" ") for line in _lines(Path(place.origin).with_name("dict.txt"))]
    frequencies: dict[str, int] = {}
    total = 0
    words = _as_in_texts([spelling for spelling, _, _ in lines], text)
    for word, (_, count, _) in zip(words, lines, strict=True):
        total += int(count)
        if word:
            frequencies[word] = frequencies.get(word, 0) + int(count)
    return Dictionary(frequencies, total)


def with_own(stock: Dictionary, path: Path, text: TextConfig) -> Dictionary:
    """Return a dictionary with a user's words put in, `word [frequency] [tag]` a line.

    A word's frequency takes the place of the one it had, 0 takes the word out. Without a frequency
    it gets one that makes it one word where it stands alone, as jieba's suggest_freq does it from
    the words that have theirs. Raises DataError at file:line.
    """
    own = dict(_own_words(path, text))
    given = {word: count for word, count in own.items() if count is not None}
    found = Dictionary({**stock.frequencies, **given}, stock.total + sum(given.values()))
    segmenter = WordSegmenter(found.words())
    suggested = {word: _suggested(word, found, segmenter) for word in own if word not in given}
    total = found.total + sum(suggested.values())
    return Dictionary({**found.frequencies, **suggested}, total)


def _suggested(word: str, known: Dictionary, segmenter: WordSegmenter) -> int:
    """Return a frequency above that of the words it would be cut into, one after the other."""
    share = 1.0
    for part in spelled(segmenter.cut(scanned([word]), MAX_UNIT_CHARS)):
        share *= known.frequencies.get(part, 1) / known.total
    return max(int(share * known.total) + 1, known.frequencies.get(word, 1))


def _own_words(path: Path, text: TextConfig) -> Iterator[tuple[str, int | None]]:
    lines = [(i, line) for i, line in enumerate(_lines(path), start=1) if line.strip()]
    words = _as_in_texts([line.split()[0] for _, line in lines], text)
    for word, (number, line) in zip(words, lines, strict=True):
        _, *more = line.split()
        wrong = ""
        if not _are_frequency_and_tag(more):
            wrong = "expected a word, a frequency (a whole number) and a tag; the last two can lack"
        elif not word:
            wrong = "expected a word of letters and digits: texts are cut at everything else"
        elif len(word) > MAX_UNIT_CHARS:
            wrong = f"expected a word of at most {MAX_UNIT_CHARS} characters"
        if wrong:
            raise DataError(f"{name_of(path)}:{number}: {shown(line)}: {wrong}.")
        yield word, int(more[0]) if more and _is_count(more[0]) else None


def _are_frequency_and_tag(fields: list[str]) -> bool:
    tags = fields[1:] if fields and _is_count(fields[0]) else fields
    return len(tags) <= 1 and all(tag.isascii() and tag.isalpha() for tag in tags)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= _LARGEST


def _as_in_texts(words: Sequence[str], text: TextConfig) -> list[str]:
    """Return words as they stand in texts; an empty one for each that is cut or not there."""
    return [runs[0] if len(runs) == 1 else "" for runs in runs_of(words, text)]


def _lines(path: Path) -> list[str]:
    return read_own_text(path).removesuffix("\n").split("\n")
