"""Print how well shared characters alone tell matches apart: the figure a model has to beat.

    python examples/overlap.py examples/clicks-en/heldout.tsv

A text is the counts of its letter trigrams, or of its characters and pairs of characters where it
is Chinese; the score is the cosine of the two counts, the figure its AUC.
"""

from __future__ import annotations

import sys
from collections import Counter
from itertools import pairwise
from math import sqrt
from pathlib import Path

from dssmcli.metrics import auc
from dssmcli.text.normalize import normalize


def pieces(text: str) -> Counter[str]:
    """Count the pieces of a text: letter trigrams, or Chinese characters and their pairs."""
    text = normalize(text)
    if any("\u4e00" <= character <= "\u9fff" for character in text):
        text = text.replace(" ", "")
        return Counter(text) + Counter(map("".join, pairwise(text)))
    words = [f"#{word}#" for word in text.split()]
    return Counter(word[i : i + 3] for word in words for i in range(len(word) - 2))


def cosine(a: Counter[str], b: Counter[str]) -> float:
    """Return the cosine of two counts, 0 if one is empty."""
    length = sqrt(sum(n * n for n in a.values()) * sum(n * n for n in b.values()))
    return sum(count * b[piece] for piece, count in a.items()) / length if length else 0.0


def overlap_auc(file: Path) -> float:
    """Return the AUC of the overlap on a file of query, title, label with a header."""
    rows = [line.split("\t") for line in file.read_text("utf-8").splitlines()[1:]]
    scores = [cosine(pieces(query), pieces(title)) for query, title, _ in rows]
    return auc(scores, [label == "1" for _, _, label in rows])


if __name__ == "__main__":
    print(f"{overlap_auc(Path(sys.argv[1])):.4f}")
