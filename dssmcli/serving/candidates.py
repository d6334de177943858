"""Candidate generation in numpy: the same vectors as dssmcli.models.youtube, from the same weights.

n moments, L watches of a history, P pools, E embedding, X inputs, D vector, V items.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli.data.arguments import rows_of_vectors, whole_count
from dssmcli.data.catalogue import Catalogue, catalogue_from_json
from dssmcli.data.features import Reader, Schema, schema_from_json
from dssmcli.data.ids import with_plain
from dssmcli.data.log_reading import reading_from
from dssmcli.data.moments import Ints, Moments
from dssmcli.data.watches import WatchColumns
from dssmcli.errors import ConfigError, RunError
from dssmcli.neighbours import Found, Lists, approximate, exact, list_count
from dssmcli.run import (
    CANDIDATES,
    CATALOGUE,
    CONFIG,
    FEATURES,
    WEIGHTS,
    Run,
    find_run,
    read_ahead,
    using_run,
)
from dssmcli.serving.origin import OfRun, said_of
from dssmcli.serving.weights import JUDGED_LATER, Shape, tensors_in
from dssmcli.youtube_config import (
    CONTEXT_EMBEDDING,
    CandidatesConfig,
    CandidateSizes,
    candidates_from_dict,
    input_width,
)

Floats = npt.NDArray[np.float32]
Weights = Mapping[str, Floats]

_AT_ONCE = 256
_SHORTEST = 1e-12
"""What torch takes for the length of a shorter vector, so that none is divided by 0."""


def weight_shapes(config: CandidatesConfig, sizes: CandidateSizes) -> dict[str, Shape]:
    """Return the shape of each weight by its name."""
    width = input_width(config, sizes)
    shapes: dict[str, Shape] = {
        "items": (sizes.items + 1, config.embedding),
        "targets": (sizes.items, config.dim),
    }
    if config.pooling == "recency":
        shapes["places"] = (config.pools, config.history)
    if config.echo:
        shapes["echo"] = (config.history,)
    if config.seen:
        shapes |= {"seen": (sizes.items, config.seen), "seen_places": (config.history,)}
    if sizes.tokens:
        shapes["tokens"] = (sizes.tokens + 1, config.embedding)
    if sizes.features:
        shapes["categories"] = (sizes.categories, CONTEXT_EMBEDDING)
    for i, (wide, out) in enumerate(pairwise([width, *config.units, config.dim])):
        shapes |= {f"weight.{i}": (wide, out), f"bias.{i}": (out,)}
    if config.skip:
        shapes["skip"] = (width, config.dim)
    return shapes


class CandidateTower:
    """Turns moments into vectors of users."""

    def __init__(self, config: CandidatesConfig, weights: Weights) -> None:
        self._config, self._weights = config, weights
        targets = weights["targets"]
        with np.errstate(**JUDGED_LATER):
            self._vectors = _unit_table(targets) if config.gamma else targets

    def users(self, moments: Moments) -> Floats:
        """Return u (n, D) float32, unit rows if the run has a gamma."""
        with np.errstate(**JUDGED_LATER):
            parts = [
                self._some(_part(moments, slice(first, first + _AT_ONCE)))
                for first in range(0, len(moments.history), _AT_ONCE)
            ]
            found = np.concatenate([np.zeros((0, self._config.width), np.float32), *parts])
            if not np.isfinite(found.sum()):
                raise RunError("The run's weights are so large that a vector is not finite.")
        return found

    def items(self) -> Floats:
        """Return v (V, D) float32: unit rows if the run has a gamma, and what `seen` adds."""
        if not self._config.seen:
            return self._vectors
        return np.concatenate([self._vectors, self._weights["seen"]], axis=1)

    def _some(self, moments: Moments) -> Floats:
        config, weights = self._config, self._weights
        x = hidden = self._inputs(moments)
        layers = len(config.units) + 1
        for i in range(layers):
            hidden = hidden @ weights[f"weight.{i}"] + weights[f"bias.{i}"]
            if i < layers - 1 or not config.linear:
                np.maximum(hidden, 0, out=hidden)
        if config.skip:
            hidden = hidden + x @ weights["skip"]
        if config.echo:
            hidden = hidden + _by_place(moments.history, weights["echo"], self._vectors)
        vector = _unit(hidden) if config.gamma else hidden
        if not config.seen:
            return vector
        seen = _by_place(moments.history, weights["seen_places"], weights["seen"])
        return np.concatenate([vector, seen / np.float32(config.gamma or 1.0)], axis=1)

    def _inputs(self, moments: Moments) -> Floats:
        """Return x (n, X)."""
        config, weights = self._config, self._weights
        history = moments.history
        n = len(history)
        watched = weights["items"][history]  # (n, L, E)
        parts = [np.matmul(self._shares(history), watched).reshape(n, -1)]
        if config.last:
            newest = np.zeros((n, config.last, config.embedding), np.float32)
            newest[:, : history.shape[1]] = watched[:, : config.last]
            parts.append(newest.reshape(n, -1))
        if "tokens" in weights:
            searched = weights["tokens"][moments.tokens]
            parts.append(np.matmul(equal_shares(moments.tokens), searched).reshape(n, -1))
        if "categories" in weights:
            parts.append(weights["categories"][moments.context.codes].reshape(n, -1))
        parts.append(moments.context.numbers)
        if config.example_age:
            age = moments.age[:, None]
            parts += [age, age**2, np.sqrt(age)]
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def _shares(self, history: Ints) -> Floats:
        """Return what each watch weighs in each pool, (n, P, L)."""
        if self._config.pooling == "mean":
            return equal_shares(history)
        places = self._weights["places"][:, : history.shape[1]]
        weights = np.exp(places - places.max(axis=1, keepdims=True))
        shares = weights[None] * (history > 0)[:, None, :]
        return np.asarray(shares / np.maximum(shares.sum(axis=2, keepdims=True), 1e-30))


def _by_place(history: Ints, weights: Floats, vectors: Floats) -> Floats:
    """Return the sum of the watched items' vectors (V, D), each by the weight of its place."""
    shares = weights[: history.shape[1]] * (history > 0)
    return np.asarray(np.matmul(shares[:, None], vectors[np.maximum(history - 1, 0)])[:, 0])


def _part(moments: Moments, rows: slice) -> Moments:
    context = moments.context
    return Moments(
        moments.history[rows],
        moments.tokens[rows],
        moments.age[rows],
        context._replace(codes=context.codes[rows], numbers=context.numbers[rows]),
    )


def equal_shares(bag: Ints) -> Floats:
    """Return equal shares (n, 1, L) of what is there."""
    there = (bag > 0).astype(np.float32)
    return np.asarray((there / np.maximum(there.sum(axis=1, keepdims=True), 1))[:, None, :])


def _unit_table(rows: Floats) -> Floats:
    """Return rows of length 1: of many that have it already, as training leaves them, no copy."""
    squares = np.einsum("ij,ij->i", rows, rows)
    return rows if (abs(squares - 1) < _NEAR).all() else _unit(rows)


_NEAR = 1e-5


def _unit(rows: Floats) -> Floats:
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    return np.asarray(rows / np.maximum(lengths, _SHORTEST))


class Candidates(OfRun):
    """A run of candidate generation that is ready to answer."""

    def __init__(
        self,
        model: CandidatesConfig,
        columns: WatchColumns,
        catalogue: Catalogue,
        places: Mapping[str, int],
        schema: Schema,
        weights: Weights,
        config: Mapping[str, Any],
        lists: Lists | None,
    ) -> None:
        self.model, self.columns, self.catalogue = model, columns, catalogue
        self.places = places
        """Where each item stands in the catalogue."""
        self.config, self.lists = dict(config), lists
        #: How logs are read.
        self.reading = reading_from(config, "the run")
        #: Reads the context as categories and numbers, and counts those it does not know.
        self.reader = Reader(schema)
        self.tower = CandidateTower(model, weights)
        self.vectors = self.tower.items()
        """v (V, D) float32 of all items, in the order of the catalogue."""

    def __repr__(self) -> str:
        items, dim = self.vectors.shape
        return f"Candidates({items:,} items, dim={dim}{said_of(self.origin)})"

    @property
    def scale(self) -> float:
        """Return what a score is multiplied by to give a logit."""
        return self.model.gamma or 1.0

    def nearest(self, users: Floats, count: int, whole: bool = False) -> Found:
        """Return the `count` items with the highest scores for users (n, D).

        Of many items only some lists are looked into, unless `whole`. Raises ValueError for a count
        below 1 and for an array of another shape.
        """
        count = whole_count(count)
        users = rows_of_vectors(users, self.vectors.shape[1], "users")
        if self.lists is None or whole:
            return exact(self.vectors, users, count)
        return approximate(self.vectors, self.lists, users, count)


def load_candidates(path: str | Path | None = None) -> Candidates:
    """Load a run of candidate generation: the folder named, else $DSSM_MODEL, else ./dssm-model.

    Raises RunError when it is missing, damaged, newer than this program or no such run.
    """
    return using_run(find_run(str(path) if path is not None else None), _candidates)


def _candidates(run: Run) -> Candidates:
    config = run.config_of(CANDIDATES)
    weights = read_ahead(run, WEIGHTS)
    where = str(run.path / CONFIG)
    try:
        model = candidates_from_dict(config.get("model"), f"{where}: model")
        columns = columns_from(config.get("columns"), f"{where}: columns")
        reading_from(config, where)
    except ConfigError as error:
        raise RunError(str(error)) from error
    schema = schema_from_json(run.read_text(FEATURES), run.path / FEATURES)
    catalogue = catalogue_from_json(run.read_text(CATALOGUE), run.path / CATALOGUE)
    sizes = CandidateSizes(
        len(catalogue.items),
        len(catalogue.words),
        sum(schema.sizes),
        len(schema.categorical),
        schema.width,
    )
    shapes = weight_shapes(model, sizes)
    listed = config.get("lists") is not None
    if listed:
        count = list_count(sizes.items)
        shapes |= {"lists.centres": (count, model.width), "lists.sizes": (count,)}
    arrays = tensors_in(weights(), shapes, str(run.path / WEIGHTS))
    lists = _lists(config["lists"], arrays, sizes.items, where) if listed else None
    places = catalogue.places(run.path / CATALOGUE)
    if not reading_from(config, where).plain_ids:
        places = with_plain(places)
    found = Candidates(model, columns, catalogue, places, schema, arrays, config, lists)
    found.origin = run
    return found


def columns_from(plain: Any, where: str) -> WatchColumns:
    """Return the columns of a log as config.json has them; ConfigError when they are none."""
    if not isinstance(plain, dict) or set(plain) != set(WatchColumns._fields):
        raise ConfigError(f"{where}: expected {', '.join(WatchColumns._fields)}.")
    context = plain["context"]
    named = [plain[name] for name in ("user", "item", "timestamp", "searches") if plain[name]]
    if not isinstance(context, list) or not all(isinstance(x, str) for x in [*named, *context]):
        raise ConfigError(f"{where}: expected names of columns.")
    return WatchColumns(**{**plain, "context": tuple(context)})


def _lists(plain: Any, arrays: Weights, items: int, where: str) -> Lists:
    sizes = arrays["lists.sizes"].astype(np.float64)
    probes = plain.get("probes") if isinstance(plain, dict) else None
    if type(probes) is not int or not 1 <= probes <= len(sizes):
        raise RunError(f"{where}: lists, expected a number of probes.")
    if (sizes < 0).any() or (sizes % 1 != 0).any() or sizes.sum() != items:
        raise RunError(f"{where}: lists of other sizes than there are items.")
    starts = np.append(0, np.cumsum(sizes)).astype(np.int64)
    return Lists(arrays["lists.centres"], starts, probes)
