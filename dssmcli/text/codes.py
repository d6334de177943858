"""Words as spans of an array of code points: spelled, read back, hashed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli.text.ragged import spans
from dssmcli.text.units import MAX_UNIT_CHARS

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.integer[Any]]

_LONE = "surrogatepass"


def code_points(text: str) -> npt.NDArray[np.uint32]:
    """Return a text's code points, (C,) uint32."""
    return np.frombuffer(text.encode("utf-32-le", _LONE), np.uint32)


def spelling(codes: Codes) -> str:
    """Return the text of code points: what `code_points` takes apart."""
    return codes.astype("<u4", copy=False).tobytes().decode("utf-32-le", _LONE)


def sizes(texts: Sequence[str]) -> Ints:
    """Return how many characters each text has, (N,)."""
    return np.fromiter(map(len, texts), np.int64, len(texts))


def texts_at(codes: Codes, starts: Ints, lengths: Ints) -> Iterator[str]:
    """Yield the texts that stand at spans of an array of code points."""
    if (lengths == 1).all():
        yield from map(chr, codes[starts].tolist())
        return
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        yield spelling(codes[start : start + length])


def _factors() -> Hashes:
    """Return an odd 64-bit number for each place in a word (splitmix64, Steele et al. 2014)."""
    mask, factors = (1 << 64) - 1, []
    for place in range(1, MAX_UNIT_CHARS + 1):
        mixed = place * 0x9E3779B97F4A7C15 & mask
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & mask
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & mask
        factors.append(mixed ^ mixed >> 31 | 1)
    return np.array(factors, np.uint64)


FACTORS = _factors()
"""What a character of a word is multiplied with, by its place, before the products are summed."""


def hashed(codes: Codes, starts: Ints, lengths: Ints) -> Hashes:
    """Return a 64-bit hash of each word, (n,): a sum of characters times their places' factors.

    Two words of a log share a hash with a probability of about 2^-63 (Lemire & Kaser 2014).
    """
    places = spans(starts, lengths)
    within = places - np.repeat(starts, lengths)
    terms = codes[places].astype(np.uint64) * FACTORS[within]
    return np.asarray(np.add.reduceat(terms, np.cumsum(lengths) - lengths))
