"""Encodes texts with a trained run, in numpy: what `encode`, `score` and `eval` stand on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from dssmcli.config import SIDES, ModelConfig, model_from_dict, one_of
from dssmcli.errors import ConfigError, RunError
from dssmcli.run import CONFIG, VOCABULARY, WEIGHTS, Run, find_run, open_run
from dssmcli.serving.pipeline import in_threads
from dssmcli.serving.tables import Looked
from dssmcli.serving.towers import Tower, build_tower, weight_shapes
from dssmcli.text.numbering import UnitIndex
from dssmcli.text.tokenizers import Lookup
from dssmcli.text.vocab import Vocabulary, vocabulary_from_text

Floats = npt.NDArray[np.float32]

BATCH = 8192
"""So many texts are encoded at once."""

_UNITS_KEPT = 200_000
"""Distinct units met, after which the later ones are forgotten, so that memory stays flat."""


class Encoder:
    """A run that is ready to answer.

    `config` is the run's config.json, `model` the part of it that says how texts become vectors,
    `lookup` turns a text into ids. Encodes large inputs on `threads` processor threads; one Encoder
    is for one thread of the caller at a time.
    """

    def __init__(
        self,
        model: ModelConfig,
        vocabulary: Vocabulary,
        weights: Mapping[str, Floats],
        config: Mapping[str, Any] | None = None,
        threads: int = 1,
    ) -> None:
        self.model = model
        self.config = dict(config or {})
        self.lookup = Lookup.of(model.text, vocabulary)
        names = SIDES if model.separate_towers else ("tower",)
        self._threads = threads
        # Blocks that have been looked up and are not done: see `in_threads`.
        under_way = threads + 2
        self._towers = {
            name: build_tower(model.tower, _own(name, weights), under_way) for name in names
        }
        self._index = UnitIndex(self.lookup)
        self._truncated = 0

    @property
    def dim(self) -> int:
        """Return D, the length of a vector."""
        return self.model.tower.dim

    @property
    def truncated(self) -> int:
        """Return how many texts so far were longer than the model reads."""
        return self._truncated

    @property
    def threshold(self) -> float | None:
        """Return the cosine from which a pair is a match, chosen on validation rows."""
        found = self.config.get("threshold")
        value = found.get("value") if isinstance(found, dict) else None
        return float(value) if isinstance(value, (int, float)) else None

    def encode(self, texts: Sequence[str], side: str = "query") -> Floats:
        """Return unit rows (N, D) float32, in the order of the texts.

        A text without letters, digits or symbols is a row of zeros. `side` matters only for a
        model with separate towers. Raises ConfigError for another side than query and title.
        """
        if isinstance(texts, str):
            raise TypeError("encode takes a list of texts, got one str")
        one_of("side", side, SIDES)
        blocks = (texts[i : i + BATCH] for i in range(0, len(texts), BATCH))
        parts = list(self.encode_blocks(blocks, side))
        return np.concatenate(parts) if parts else np.zeros((0, self.dim), np.float32)

    def encode_blocks(
        self, blocks: Iterable[Sequence[str]], side: str = "query"
    ) -> Iterator[Floats]:
        """Yield the rows (n, D) of each block of texts, in order, as `encode` makes them.

        While `threads` blocks go through the tower, the next are cut into units.
        """
        prepared = (self._prepared(texts, side) for texts in blocks)
        if self._threads == 1:
            yield from (self._rows(looked, side) for looked in prepared)
            return
        yield from in_threads(lambda looked: self._rows(looked, side), prepared, self._threads)

    def score(self, query: str, title: str) -> float:
        """Return the cosine of a query and a title, from -1 to 1; 0 when one says nothing."""
        return float(self.score_pairs([query], [title])[0])

    def score_pairs(self, queries: Sequence[str], titles: Sequence[str]) -> Floats:
        """Return the cosines (N,) of queries with titles, row by row."""
        rows = self.encode(queries, "query"), self.encode(titles, "title")
        return np.asarray(np.einsum("nd,nd->n", *rows).clip(-1.0, 1.0))

    def _prepared(self, texts: Sequence[str], side: str) -> Looked:
        """Cut texts into units and find these in the tower's tables."""
        if len(self._index) > _UNITS_KEPT:
            self._index.forget_after(min(tower.tables.kept for tower in self._towers.values()))
        found = self._index.number(texts)
        self._truncated += found.truncated
        return self._tower(side).tables.look_up(self._index, found)

    def _rows(self, texts: Looked, side: str) -> Floats:
        return _unit_rows(self._tower(side)(texts))

    def _tower(self, side: str) -> Tower:
        return self._towers[side if self.model.separate_towers else "tower"]


def _unit_rows(vectors: Floats) -> Floats:
    norms = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    vectors /= np.maximum(norms, np.float32(1e-12))[:, None]
    return vectors


def _own(name: str, weights: Mapping[str, Floats]) -> dict[str, Floats]:
    prefix = f"{name}."
    return {key.removeprefix(prefix): w for key, w in weights.items() if key.startswith(prefix)}


def load(path: str | Path | None = None, threads: int = 1) -> Encoder:
    """Load a run: the folder named, else $DSSM_MODEL, else ./dssm-model.

    `threads` processor threads encode what is more than a few thousand texts.

    Raises RunError when it is missing, damaged, newer than this program or not a run.
    """
    where = find_run(str(path) if path is not None else None)
    run = open_run(where)
    try:
        return _encoder(run, threads)
    except RunError:
        if not run.was_replaced():
            raise
        return _encoder(open_run(where), threads)


def _encoder(run: Run, threads: int) -> Encoder:
    config = run.config()
    where = str(run.path / CONFIG)
    try:
        model = model_from_dict(config.get("model"), where)
    except ConfigError as error:
        raise RunError(str(error)) from error
    text = run.read_text(VOCABULARY)
    vocabulary = vocabulary_from_text(text, model.text.buckets, str(run.path / VOCABULARY))
    return Encoder(model, vocabulary, _weights(run, model, len(vocabulary)), config, threads)


def _weights(run: Run, model: ModelConfig, rows: int) -> dict[str, Floats]:
    """Read the weights; RunError unless names, shapes and types are what the config asks for."""
    where = run.path / WEIGHTS
    try:
        weights = safetensors.numpy.load(run.read(WEIGHTS))
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{where}: not a safetensors file ({error}).") from error
    names = SIDES if model.separate_towers else ("tower",)
    shapes = weight_shapes(model.tower, rows)
    expected = {f"{side}.{name}": shape for side in names for name, shape in shapes.items()}
    for name in sorted(set(expected) | set(weights)):
        found = weights[name].shape if name in weights else "nothing"
        if found != expected.get(name):
            wanted = expected.get(name, "nothing")
            raise RunError(f"{where}: {name} is {found}, expected {wanted} as {CONFIG} says.")
        if weights[name].dtype != np.float32 or not np.isfinite(weights[name]).all():
            raise RunError(f"{where}: {name} has entries that are not finite float32 numbers.")
    return weights
