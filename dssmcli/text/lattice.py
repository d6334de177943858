"""Cuts many runs of characters at once into those listed words whose scores sum to the most.

The best path through each run's lattice of words (Viterbi 1967), as jieba and the unigram model of
sentencepiece (Kudo, ACL 2018) find it for one text at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.text.codes import FACTORS, Codes, code_points, sizes
from dssmcli.text.numbers import Numbers
from dssmcli.text.ragged import distinct

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.floating[Any]]

_MORE = 128
"""More than any word's length, so that a step and a length make one number."""


class Matches(NamedTuple):
    """The M listed words that stand in an array of code points, wherever, shorter ones first.

    places, lengths, words: (M,) int64, where each begins, its characters, its number in the list.
    """

    places: Ints
    lengths: Ints
    words: Ints


class WordTable:
    """Finds the words of a list in a text, all places at once.

    A table of 64-bit hashes, of words and of what words begin with: a place is given up at the
    first length that begins no word. The hash of one more character is that of the characters so
    far plus one term.
    """

    def __init__(self, spellings: Sequence[str]) -> None:
        codes, lengths = code_points("".join(spellings)), sizes(spellings)
        ends = np.cumsum(lengths)
        within = np.arange(len(codes)) - np.repeat(ends - lengths, lengths)
        sums = np.cumsum(codes * FACTORS[within], dtype=np.uint64)
        hashes = sums - np.repeat(np.append(np.uint64(0), sums)[ends - lengths], lengths)
        self._table = Numbers()
        self._table.add(hashes[ends - 1])
        begins = np.ones(len(codes), np.bool_)
        begins[ends - 1] = False
        parts = distinct(hashes[begins])  # proper beginnings of words
        numbers = self._table.find(parts)
        self._table.add(parts[numbers < 0])
        # What is not in the table has the number -1: the last entry, which is no word's.
        self._is_word = np.zeros(len(self._table) + 1, np.bool_)
        self._is_word[: len(spellings)] = True
        self._goes_on = ~self._is_word
        self._goes_on[numbers] = True
        self._goes_on[-1] = False

    def matches(self, codes: Codes, left: Ints) -> Matches:
        """Return the words that stand in code points (C,), of which left (C,) are left in a run."""
        wide = codes.astype(np.uint64)
        places, hashes = np.arange(len(wide)), wide * FACTORS[0]
        found: list[Matches] = [Matches(*np.zeros((3, 0), np.int64))]
        length = 1
        while len(places):
            numbers = self._table.find(hashes)
            words = np.flatnonzero(self._is_word[numbers])
            lengths = np.full(len(words), length)
            found.append(Matches(places[words], lengths, numbers[words]))
            going = np.flatnonzero(self._goes_on[numbers] & (left[places] > length))
            places = places[going]
            hashes = hashes[going] + wide[places + length] * FACTORS[length]
            length += 1
        return Matches(*map(np.concatenate, zip(*found, strict=True)))


def left_in_runs(lengths: Ints) -> Ints:
    """Return for each character of runs, one after the other, how many are left from it on."""
    return np.asarray(np.repeat(np.cumsum(lengths), lengths) - np.arange(lengths.sum()))


class _Nodes:
    """Places of runs, numbered by how many characters are left, and among these longest run first.

    So the nodes of a step (places with as many characters left) stand side by side, and so do those
    of the same runs in every step before it. Step 0 is the runs' ends.
    """

    def __init__(self, lengths: Ints) -> None:
        order = np.argsort(-lengths, kind="stable")
        self.lengths = lengths[order]
        self.ends = np.cumsum(lengths)[order]
        steps = np.arange(int(self.lengths.max(initial=0)) + 1)
        self.counts = np.searchsorted(-self.lengths, -steps, side="right")
        self.firsts = np.cumsum(self.counts) - self.counts
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        self.rank = np.repeat(rank, lengths)  # of each place's run


def best_path(lengths: Ints, lone: Scores, longer: Matches, scores: Scores) -> Bools:
    """Return where the words of each run's best path begin, (C,).

    lengths: (R,), 1 and up, of the runs that stand one after the other. lone: (C,), the score of
    each character as a word of its own, -inf where it is none. longer: words of two characters and
    more, scores: (M,), of each. Of two best ways on from a place the one with the longer word wins.
    """
    nodes, left = _Nodes(lengths), left_in_runs(lengths)
    best = np.zeros(nodes.firsts[-1] + nodes.counts[-1], lone.dtype)
    best[nodes.firsts[left] + nodes.rank] = lone
    taken = np.ones(len(best), np.int64)
    steps = left[longer.places]
    order = np.argsort(steps * _MORE + longer.lengths, kind="stable")
    groups = _groups(steps[order], longer.lengths[order])
    ranks, scores = nodes.rank[longer.places][order], scores[order]
    firsts = nodes.firsts.tolist()
    for step, count in enumerate(nodes.counts.tolist()[1:], start=1):
        first = firsts[step]
        here = best[first : first + count]
        here += best[firsts[step - 1] : firsts[step - 1] + count]
        for length, part in groups.get(step, ()):
            rank = ranks[part]
            sums = scores[part] + best[firsts[step - length] + rank]
            wins = sums >= here[rank]
            here[rank[wins]] = sums[wins]
            taken[first + rank[wins]] = length
    return _walked(nodes, taken)


def _groups(steps: Ints, lengths: Ints) -> Mapping[int, list[tuple[int, slice]]]:
    """Return for each step the lengths of its words, and where in the sorted words these stand."""
    keys = steps * _MORE + lengths
    limits = [0, *(np.flatnonzero(np.diff(keys)) + 1).tolist(), len(keys)]
    groups: dict[int, list[tuple[int, slice]]] = defaultdict(list)
    if len(keys):
        for key, start, stop in zip(keys[limits[:-1]].tolist(), limits, limits[1:], strict=False):
            groups[key // _MORE].append((key % _MORE, slice(start, stop)))
    return groups


def _walked(nodes: _Nodes, taken: Ints) -> Bools:
    """Return where words begin, (C,), when each node's best word has `taken` characters."""
    begins = np.zeros(len(nodes.rank), np.bool_)
    ranks, steps = np.arange(len(nodes.lengths)), nodes.lengths
    while len(ranks):
        begins[nodes.ends[ranks] - steps] = True
        steps = steps - taken[nodes.firsts[steps] + ranks]
        going = np.flatnonzero(steps)
        ranks, steps = ranks[going], steps[going]
    return begins
