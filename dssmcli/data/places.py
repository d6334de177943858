"""Numbers by their place in a distribution, with powers (Covington et al., RecSys 2016, 4.1)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.config import between, from_dict, to_dict
from dssmcli.data.features import (
    LARGEST,
    VALUES,
    Categorical,
    Schema,
    numbers_said,
    values_in,
)
from dssmcli.data.notation import AS_BEFORE, Notation
from dssmcli.data.past import feature_names
from dssmcli.errors import ConfigError, RunError
from dssmcli.run import parse_object

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]

_EDGES = 129


@dataclass(frozen=True)
class Place:
    """A number x as x~ = CDF(x), interpolated between quantiles, and as x~^2 and sqrt(x~).

    Each less its mean over its standard deviation in training, which a tower learns from far
    sooner than from numbers between 0 and 1. Behind them stands whether x is missing; then all else
    is 0. edges, shares: where the distribution is cut, and how much of it lies below.
    """

    name: str
    edges: tuple[float, ...]
    shares: tuple[float, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]

    def __post_init__(self) -> None:
        edges, shares = np.array(self.edges), np.array(self.shares)
        rising = len(edges) == len(shares) > 0 and (edges[1:] > edges[:-1]).all()
        if not rising or not np.isfinite(edges).all() or not ((shares >= 0) & (shares <= 1)).all():
            raise ConfigError(f"{self.name}: edges, expected some in rising order, with shares.")
        if not len(self.means) == len(self.scales) == _POWERS:
            raise ConfigError(f"{self.name}: expected {_POWERS} means and scales.")
        for mean, scale in zip(self.means, self.scales, strict=True):
            between(f"{self.name}: a mean", mean, -1, 1)
            between(f"{self.name}: a scale", scale, 1e-9, 1)

    def forms(self, numbers: Floats, powers: bool) -> Floats32:
        """Return the forms (n, 4), or (n, 2) without powers, of numbers (n,), nan for missing."""
        raw = _powers(np.interp(numbers, self.edges, self.shares))
        forms = (raw - np.array(self.means)) / np.array(self.scales)
        missing = np.isnan(numbers)
        forms[missing] = 0.0
        kept = forms if powers else forms[:, :1]
        return np.concatenate([kept, missing[:, None]], axis=1, dtype=np.float32)


_POWERS = 3


def _powers(place: Floats) -> Floats:
    place = np.clip(place, 0, 1)
    return np.stack([place, place**2, np.sqrt(place)], axis=1)


def place_of(name: str, numbers: Floats) -> Place:
    """Return how numbers (N,) of training become places; nan for missing."""
    known = np.clip(numbers[~np.isnan(numbers)], -LARGEST, LARGEST)
    if not len(known):
        known = np.zeros(1)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, _EDGES), method="nearest"))
    ordered = np.sort(known)
    # Of equal numbers the middle of their stretch.
    low, high = (np.searchsorted(ordered, edges, side) for side in ("left", "right"))
    shares = (low + high) / (2 * len(known))
    raw = _powers(np.interp(known, edges, shares))
    scales = raw.std(axis=0)
    return Place(
        name,
        tuple(edges.tolist()),
        tuple(shares.tolist()),
        tuple(raw.mean(axis=0).tolist()),
        tuple(np.where(scales < 1e-6, 1.0, scales).tolist()),
    )


class RankingFeatures(NamedTuple):
    """The features of ranking besides items: categories of columns, and places of numbers: first of
    what is known from the log, then of numeric columns.

    numbers: the numeric columns, and notations: how each one's numbers are written. values: how
    texts become values, see `data.features.VALUES`. missing: which share of each numeric column was
    missing in training; empty where that is not known.
    """

    categorical: tuple[Categorical, ...]
    places: tuple[Place, ...]
    numbers: tuple[str, ...]
    notations: tuple[Notation, ...]
    values: int = VALUES
    missing: tuple[float, ...] = ()

    @property
    def written(self) -> dict[str, Notation]:
        """Return how the numbers of each numeric column are written."""
        return dict(zip(self.numbers, self.notations, strict=True))

    @property
    def schema(self) -> Schema:
        """Return the categories alone, as a Reader has them."""
        return Schema(self.categorical, (), self.values)

    @property
    def described(self) -> dict[str, str]:
        """Return in words what each column is."""
        ranges = {place.name: place for place in self.places}
        numbers = {
            name: numbers_said(ranges[name].edges, notation)
            for name, notation in self.written.items()
        }
        return {**self.schema.described, **numbers}

    def forms(self, numbers: Floats, powers: bool) -> Floats32:
        """Return all forms (n, W) of numbers (n, F), one a place."""
        parts = [
            place.forms(values, powers)
            for place, values in zip(self.places, numbers.T, strict=True)
        ]
        return np.concatenate(parts, axis=1)

    def to_json(self) -> str:
        """Return features.json."""
        plain = {
            "categorical": [to_dict(feature) for feature in self.categorical],
            "places": [to_dict(place) for place in self.places],
            "numbers": [*self.numbers],
            "notations": [to_dict(notation) for notation in self.notations],
            "values": self.values,
            "missing": [*self.missing],
        }
        return json.dumps(plain, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def ranking_features_from_json(text: str, where: Path, outcomes: Sequence[str]) -> RankingFeatures:
    """Parse features.json; RunError when it is not what `to_json` writes.

    outcomes: the columns of them that the run's settings name.
    """
    plain = parse_object(text, where)
    lists = [plain.get(name) for name in ("categorical", "places", "numbers")]
    if not all(isinstance(each, list) for each in lists):
        raise RunError(f"{where}: expected lists of categorical features, places and numbers.")
    categorical, places, numbers = lists
    if not all(isinstance(name, str) for name in numbers or ()):
        raise RunError(f"{where}: numbers, expected names of columns.")
    values = values_in(plain, where)
    try:
        features = RankingFeatures(
            tuple(from_dict(Categorical, each, str(where)) for each in categorical or ()),
            tuple(from_dict(Place, each, str(where)) for each in places or ()),
            tuple(numbers or ()),
            _notations_in(plain, len(numbers or ()), values, where),
            values,
            _missing_in(plain, len(numbers or ()), where),
        )
    except ConfigError as error:
        raise RunError(str(error)) from error
    names = [*feature_names(features.numbers, outcomes), *features.numbers]
    if [place.name for place in features.places] != names:
        raise RunError(f"{where}: other places than the run's settings say.")
    if len({each.name for each in features.categorical}) < len(features.categorical):
        raise RunError(f"{where}: a column is there twice.")
    return features


def _notations_in(
    plain: Mapping[str, object], count: int, values: int, where: Path
) -> tuple[Notation, ...]:
    """Return how the numbers of each numeric column are written."""
    if values == 1:
        return (AS_BEFORE,) * count
    notations = plain.get("notations")
    if not isinstance(notations, list) or len(notations) != count:
        raise RunError(f"{where}: notations, expected one of each numeric column.")
    return tuple(from_dict(Notation, each, str(where)) for each in notations)


def _missing_in(plain: Mapping[str, object], count: int, where: Path) -> tuple[float, ...]:
    """Return which share of each numeric column was missing in training, if that is known."""
    shares = plain.get("missing", [])
    if not isinstance(shares, list) or len(shares) not in (0, count):
        raise RunError(f"{where}: missing, expected a share of each numeric column.")
    for share in shares:
        between(f"{where}: missing", share, 0, 1)
    return tuple(float(share) for share in shares)
