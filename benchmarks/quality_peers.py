"""What quality.py compares with: each learns from a plan's training rows and scores pairs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from quality_sets import Floats, Pairs, Plan
from sklearn.feature_extraction.text import TfidfVectorizer

from dssmcli.text.normalize import normalize


class Lesson(NamedTuple):
    """What a model learns from, and where it may leave files."""

    plan: Plan
    train: Pairs
    seed: int
    folder: Path
    options: argparse.Namespace


class Learned(NamedTuple):
    """What scores the rows of a file, (N,) cosines, and what else the record says of it."""

    score: Callable[[Pairs], Floats]
    facts: dict[str, Any]


Learn = Callable[[Lesson], Learned]

_FEATURES: dict[str, dict[str, Any]] = {
    "zh": {"analyzer": "char", "ngram_range": (1, 2)},
    "en": {"analyzer": "char_wb", "ngram_range": (3, 3)},
}


def tfidf(lesson: Lesson) -> Learned:
    """Fit TF-IDF on the training texts: characters and their pairs, or letter trigrams."""
    vectorizer = TfidfVectorizer(**_FEATURES[lesson.plan.language], sublinear_tf=True)
    vectorizer.fit(map(normalize, texts_of(lesson.train)))

    def score(pairs: Pairs) -> Floats:
        query = vectorizer.transform(map(normalize, pairs.query))
        title = vectorizer.transform(map(normalize, pairs.title))
        return np.asarray(query.multiply(title).sum(axis=1), np.float64).ravel()

    return Learned(score, {})


def texts_of(pairs: Pairs) -> list[str]:
    """Return the distinct texts of both columns."""
    return list(dict.fromkeys(pairs.query + pairs.title))


class Baseline(NamedTuple):
    """Something to compare with."""

    learn: Learn
    seeded: bool
    languages: tuple[str, ...] = ("zh", "en")


BASELINES = {"tfidf": Baseline(tfidf, seeded=False)}
