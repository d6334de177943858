"""Hashes of 64 bits of texts, numbers and rows: the same in every process and on every machine.

They are no secret: whoever has a text can tell whether its hash is among some others. From the
hashes alone no text can be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dssmcli.text.codes import code_points, sizes

Hashes = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint32]
Ints = npt.NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_TITLE = np.uint64(0x7F4A7C15D6E8FEB8)
_NUMBER = np.uint64(0x2545F4914F6CDD1D)
"""Keep what has the same bits in different places apart."""
_FEWEST = 256


def mixed(numbers: Hashes) -> Hashes:
    """Return numbers whose bits depend on all bits of those given, different for different ones.

    The last step of splitmix64 (Steele et al., OOPSLA 2014).
    """
    found = (numbers ^ (numbers >> np.uint64(30))) * _FIRST
    found = (found ^ (found >> np.uint64(27))) * _SECOND
    return np.asarray(found ^ (found >> np.uint64(31)))


@lru_cache(maxsize=1)
def _factors(count: int) -> Hashes:
    """Return an odd number for each of so many places in a text."""
    return mixed(np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN) | np.uint64(1)


def text_hashes(texts: Sequence[str]) -> Hashes:
    """Return a hash of each text (n,), of any length."""
    lengths = sizes(texts)
    ends = np.cumsum(lengths)
    return span_hashes(code_points("".join(texts)), ends - lengths, ends)


def span_hashes(codes: Codes, starts: Ints, ends: Ints) -> Hashes:
    """Return a hash of the code points from each start up to each end (n,), in rising order.

    A sum of characters times their places' factors, mixed: two texts share a hash with a
    probability of about 2^-63 (Lemire & Kaser 2014).
    """
    lengths = ends - starts
    longest = int(lengths.max(initial=0))
    factors = _factors(max(_FEWEST, 1 << longest.bit_length()))
    places = np.arange(len(codes)) - np.repeat(starts, np.diff(starts, append=len(codes)))
    sums = np.append(np.uint64(0), np.cumsum(codes.astype(np.uint64) * factors[places]))
    return mixed(sums[ends] - sums[starts] + lengths.astype(np.uint64) * _GOLDEN)


def number_hashes(numbers: Floats) -> Hashes:
    """Return a hash of each number (n,): 0 and -0 are one, and so are all nan."""
    plain = np.where(np.isnan(numbers), np.nan, numbers + 0.0)
    return mixed(plain.view(np.uint64) ^ _NUMBER)


def joined(first: Hashes, second: Hashes) -> Hashes:
    """Return a hash of each two hashes (n,) together, in this order."""
    return mixed(first + mixed(second ^ _TITLE))


def pair_hashes(texts: Sequence[str]) -> Hashes:
    """Return a hash of each pair (n,), given queries and titles (2n,) in turn."""
    return both_ways(texts)[0]


def both_ways(texts: Sequence[str]) -> tuple[Hashes, Hashes]:
    """Return a hash of each pair (n,), given queries and titles (2n,) in turn, and of the pair with
    query and title the other way round."""
    hashes = text_hashes(texts)
    queries, titles = hashes[0::2], hashes[1::2]
    return joined(queries, titles), joined(titles, queries)
