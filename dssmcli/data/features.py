"""How the columns of a table become numbers and categories: the same in training and in serving."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.config import between, from_dict, to_dict
from dssmcli.data.plain import signed_number_in
from dssmcli.data.tasks import MISSING
from dssmcli.errors import ConfigError, RunError, counted
from dssmcli.run import parse_object

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

UNKNOWN = 0
"""The category of a text that training did not have, or too seldom."""

_KEPT = 100_000
"""Texts of a numeric column whose numbers are kept, so that they are read once."""


@dataclass(frozen=True)
class Categorical:
    """A column whose texts are categories: text i is category i + 1."""

    name: str
    values: tuple[str, ...]

    @property
    def size(self) -> int:
        """Return the number of categories, that of unknown texts included."""
        return len(self.values) + 1


@dataclass(frozen=True)
class Numeric:
    """A column of numbers, as forms that a linear map can use.

    Each number x, limited to the first and last knot, is given as a z-score, as the z-score of its
    signed log(1 + |x|), and as its place in the distribution: CDF(x), interpolated between knots
    (Covington et al., RecSys 2016, section 4.1), whose places are from 0 to 1. zero, missing:
    whether it has an indicator of 0, of being missing; all else of a missing number is 0.
    """

    name: str
    mean: float
    scale: float
    log_mean: float
    log_scale: float
    knots: tuple[float, ...]
    places: tuple[float, ...]
    zero: bool
    missing: bool

    def __post_init__(self) -> None:
        knots = np.array(self.knots)
        if len(knots) < 1 or len(self.places) != len(knots) or (knots[1:] <= knots[:-1]).any():
            raise ConfigError(f"{self.name}: knots, expected in rising order, a place for each.")
        for name in ("scale", "log_scale"):
            between(f"{self.name}: {name}", getattr(self, name), 1e-300)

    @property
    def width(self) -> int:
        """Return how many forms there are."""
        return 3 + self.zero + self.missing

    def forms(self, numbers: Floats) -> Floats32:
        """Return the forms (n, width) float32 of numbers (n,), nan for missing."""
        known = ~np.isnan(numbers)
        x = np.clip(np.where(known, numbers, self.mean), self.knots[0], self.knots[-1])
        columns = [
            (x - self.mean) / self.scale,
            (signed_log(x) - self.log_mean) / self.log_scale,
            _CDF_SPREAD * (np.interp(x, self.knots, self.places) - 0.5),
        ]
        if self.zero:
            columns.append(x == 0)
        if self.missing:
            columns.append(~known)
        table = np.stack(columns, axis=1)
        table[~known, : 3 + self.zero] = 0.0
        return table.astype(np.float32)


_CDF_SPREAD = np.sqrt(12.0)
"""Makes a uniform distribution over 0..1 one of variance 1."""


def signed_log(x: Floats) -> Floats:
    """Return log(1 + |x|) with the sign of x."""
    return np.asarray(np.sign(x) * np.log1p(np.abs(x)))


class Schema(NamedTuple):
    """The features of a model; a column may stand in both."""

    categorical: tuple[Categorical, ...]
    numeric: tuple[Numeric, ...]

    @property
    def names(self) -> list[str]:
        """Return the columns that are read."""
        categorical = [feature.name for feature in self.categorical]
        return list(dict.fromkeys([*categorical, *(feature.name for feature in self.numeric)]))

    @property
    def sizes(self) -> list[int]:
        """Return the number of categories of each categorical feature."""
        return [feature.size for feature in self.categorical]

    @property
    def starts(self) -> Ints:
        """Return where each categorical feature's rows begin in the table of all of them, (C,).

        The first of a feature is the unknown category.
        """
        return np.cumsum([0, *self.sizes])[:-1].astype(np.int64)

    @property
    def width(self) -> int:
        """Return F, how many numbers a row has."""
        return sum(feature.width for feature in self.numeric)

    def to_json(self) -> str:
        """Return features.json."""
        plain = {
            "categorical": [to_dict(feature) for feature in self.categorical],
            "numeric": [to_dict(feature) for feature in self.numeric],
        }
        return json.dumps(plain, ensure_ascii=False, indent=1, allow_nan=False) + "\n"

    @property
    def digest(self) -> str:
        """Return the SHA-256 of features.json."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def schema_from_json(text: str, where: Path) -> Schema:
    """Parse features.json; RunError when it is not what `to_json` writes."""
    plain = parse_object(text, where)
    categorical, numeric = plain.get("categorical"), plain.get("numeric")
    if not isinstance(categorical, list) or not isinstance(numeric, list):
        raise RunError(f"{where}: expected lists of categorical and numeric features.")
    try:
        return Schema(
            tuple(from_dict(Categorical, each, str(where)) for each in categorical),
            tuple(from_dict(Numeric, each, str(where)) for each in numeric),
        )
    except ConfigError as error:
        raise RunError(str(error)) from error


class Rows(NamedTuple):
    """n rows as a model takes them.

    codes: (n, C) int64, the row of each category in one table of all features' categories, one
    feature after the other. numbers: (n, F) float32.
    """

    codes: Ints
    numbers: Floats32


class Reader:
    """Reads the texts of columns as a schema says, and counts what it does not know."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._starts = schema.starts.tolist()
        self._ids = [
            dict(zip(feature.values, range(start + 1, start + feature.size), strict=True))
            for feature, start in zip(schema.categorical, self._starts, strict=True)
        ]
        self._numbers: list[dict[str, float]] = [{} for _ in schema.numeric]
        place = {name: i for i, name in enumerate(schema.names)}
        self._categorical = [place[feature.name] for feature in schema.categorical]
        self._numeric = [place[feature.name] for feature in schema.numeric]
        #: Texts met that are no known category of their column, and no number where one belongs.
        self.unknown, self.unreadable = 0, 0

    @property
    def summary(self) -> str:
        """Return a sentence about fields that hold no number where one belongs, empty if none."""
        if not self.unreadable:
            return ""
        found = counted(self.unreadable, "field")
        return f"No number where one belongs, so taken as missing: {found}."

    def rows(self, columns: Sequence[Sequence[str]]) -> Rows:
        """Return rows, given the texts (n,) of each column, in the order of the schema's names."""
        n = len(columns[0]) if columns else 0
        codes = np.empty((n, len(self._ids)), np.int64)
        for i, column in enumerate(self._categorical):
            codes[:, i] = self.ids(i, columns[column])
        parts = [
            feature.forms(self.numbers(i, columns[column]))
            for i, (feature, column) in enumerate(
                zip(self.schema.numeric, self._numeric, strict=True)
            )
        ]
        return Rows(codes, np.concatenate([np.zeros((n, 0), np.float32), *parts], axis=1))

    def ids(self, feature: int, texts: Sequence[str]) -> Ints:
        """Return the rows (n,) of a categorical feature's texts in the table of all."""
        start = self._starts[feature]
        found = map(self._ids[feature].get, texts, repeat(start))
        ids = np.fromiter(found, np.int64, len(texts))
        self.unknown += int((ids == start).sum())
        return ids

    def numbers(self, feature: int, texts: Sequence[str]) -> Floats:
        """Return a numeric feature's numbers (n,), nan for what is missing or is none."""
        known = self._numbers[feature]
        if len(known) > _KEPT:
            known.clear()
        for text in set(texts).difference(known):
            known[text] = signed_number_in(text)
        numbers = np.fromiter(map(known.__getitem__, texts), np.float64, len(texts))
        missing = np.flatnonzero(np.isnan(numbers))
        self.unreadable += sum(texts[i].strip() not in MISSING for i in missing.tolist())
        return numbers
