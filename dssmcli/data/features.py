"""How the columns of a table become numbers and categories: the same in training and in serving."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count, repeat
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.config import between, from_dict, to_dict
from dssmcli.data.fields import Fields, Index
from dssmcli.data.plain import signed_number_in
from dssmcli.data.table import Table
from dssmcli.data.tasks import MISSING
from dssmcli.errors import ConfigError, RunError, counted
from dssmcli.run import parse_object

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_KEPT = 4_096
"""Texts of a numeric column whose forms are kept, so that they are worked out once."""
_LATE = 100
"""Texts looked up one by one, besides one for two that are kept, before they are indexed."""


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

    Each number x is given as a z-score; as the z-score of its signed log(1 + |x|); and bin by bin
    between edges that lie at quantiles, how much of the bin lies below it (piecewise linear
    encoding, Gorishniy et al., NeurIPS 2022, section 3.2), the sum of which is x's place in the
    distribution, CDF(x) (Covington et al., RecSys 2016, section 4.1). zero, missing: whether it has
    an indicator of 0, of being missing; all else of a missing number is 0.
    """

    name: str
    mean: float
    scale: float
    log_mean: float
    log_scale: float
    edges: tuple[float, ...]
    zero: bool
    missing: bool

    def __post_init__(self) -> None:
        edges = np.array(self.edges)
        if len(edges) < 2 or not (edges[1:] > edges[:-1]).all() or np.isinf(edges).any():
            raise ConfigError(f"{self.name}: edges, expected two or more in rising order.")
        for name in ("mean", "log_mean"):
            between(f"{self.name}: {name}", getattr(self, name), -LARGEST, LARGEST)
        for name in ("scale", "log_scale"):
            between(f"{self.name}: {name}", getattr(self, name), 1e-300, LARGEST)

    @property
    def width(self) -> int:
        """Return how many forms there are."""
        return 1 + len(self.edges) + self.zero + self.missing

    def forms(self, numbers: Floats) -> Floats32:
        """Return the forms (n, width) float32 of numbers (n,), nan for missing."""
        known = ~np.isnan(numbers)
        edges, bins = np.array(self.edges), len(self.edges) - 1
        # Beyond what training had is as its last.
        x = np.where(known, numbers, self.mean).clip(edges[0], edges[-1])
        table = np.zeros((len(x), self.width), np.float32)
        with np.errstate(over="ignore"):  # far beyond a tiny scale or bin
            table[:, 0] = ((x - self.mean) / self.scale).clip(-_FAR, _FAR)
            table[:, 1] = ((signed_log(x) - self.log_mean) / self.log_scale).clip(-_FAR, _FAR)
            table[:, 2 : 2 + bins] = ((x[:, None] - edges[:-1]) / np.diff(edges)).clip(0, 1)
        if self.zero:
            table[:, 2 + bins] = x == 0
        table[~known] = 0.0
        if self.missing:
            table[:, -1] = ~known
        return table


_FAR = 8.0
"""A z-score beyond this says no more than that the number is far out."""
LARGEST = 1e150
"""Numbers are taken as no larger, so that their squares are finite."""


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
        schema = Schema(
            tuple(from_dict(Categorical, each, str(where)) for each in categorical),
            tuple(from_dict(Numeric, each, str(where)) for each in numeric),
        )
    except ConfigError as error:
        raise RunError(str(error)) from error
    for features in (schema.categorical, schema.numeric):
        if len({feature.name for feature in features}) < len(features):
            raise RunError(f"{where}: a column is there twice.")
    return schema


class Rows(NamedTuple):
    """n rows as a model takes them.

    codes: (n, C) int64, the row of each category in one table of all features' categories, one
    feature after the other. numbers: (n, F) float32.
    """

    codes: Ints
    numbers: Floats32


def code_of(text: str) -> str:
    """Return the text of a number as categories have it: 2, 2.0 and " 2" are one."""
    number = signed_number_in(text)
    return text if np.isnan(number) else repr(number).removesuffix(".0")


def numbers_in(texts: Sequence[str]) -> Floats:
    """Return the numbers (n,) that fields hold, nan for what is missing or is none."""
    return np.fromiter(map(signed_number_in, texts), np.float64, len(texts))


class Reader:
    """Reads the texts of columns as a schema says.

    met: (2, columns) int64, of each column how many texts so far were no known category, and how
    many were no number where one belongs.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._starts = schema.starts.tolist()
        self._ids = [
            dict(zip(feature.values, range(start + 1, start + feature.size), strict=True))
            for feature, start in zip(schema.categorical, self._starts, strict=True)
        ]
        #: Which categorical features are numbers besides.
        self._coded: set[int] = set()
        columns = {name: place for place, name in enumerate(schema.names)}
        places = {feature.name: i for i, feature in enumerate(schema.categorical)}
        #: Of each numeric feature: its column, and the categorical feature of the same, if any.
        self._numeric = [
            self._number(feature, columns[feature.name], places.pop(feature.name, None))
            for feature in schema.numeric
        ]
        self._categorical = [(columns[name], i) for name, i in places.items()]
        self._indexes: dict[int, Index] = {}
        self.met = np.zeros((2, len(columns)), np.int64)

    def _number(
        self, feature: Numeric, column: int, category: int | None
    ) -> tuple[int, int | None, _Forms]:
        if category is None:
            return column, None, _Forms(feature, {}, 0)
        self._coded.add(category)
        ids = {code_of(text): row for text, row in self._ids[category].items()}
        self._ids[category] = ids
        return column, category, _Forms(feature, ids, self._starts[category])

    @property
    def summary(self) -> str:
        """Return a line for each column in which texts were met that cannot be read, if any."""
        lines = []
        for name, unknown, unreadable in zip(self.schema.names, *self.met.tolist(), strict=True):
            if unreadable:
                lines.append(f"{name}: {counted(unreadable, 'field')} without a number: missing.")
            if unknown:
                lines.append(f"{name}: {counted(unknown, 'field')} with a category not known.")
        return "\n".join(lines)

    def rows(self, columns: Sequence[Sequence[str]]) -> Rows:
        """Return rows, given the texts (n,) of each column, in the order of the schema's names."""
        n = len(columns[0]) if columns else 0
        codes = np.empty((n, len(self._ids)), np.int64)
        numbers = np.empty((n, self.schema.width), np.float32)
        for column, i in self._categorical:
            codes[:, i] = found = self.ids(i, columns[column])
            self.met[0, column] += np.count_nonzero(found == self._starts[i])
        begin = 0
        for column, category, known in self._numeric:
            slots = known.slots(columns[column])
            end = begin + known.table.shape[1]
            numbers[:, begin:end] = known.table[slots]
            begin = end
            self.met[1, column] += np.count_nonzero(known.unreadable[slots])
            if category is not None:
                codes[:, category] = known.codes[slots]
        return Rows(codes, numbers)

    def codes(self, table: Table, where: str) -> npt.NDArray[np.int32]:
        """Return the categories (N, C) of a table's rows; DataError for a column that is missing.

        Numbers that are categories besides are found as they are written.
        """
        columns = [table.column(feature.name, where) for feature in self.schema.categorical]
        codes = np.empty((table.rows, len(columns)), np.int32)
        for i, column in enumerate(columns):
            codes[:, i] = self.ids(i, column.values)[column.codes]
        return codes

    def ids(self, feature: int, texts: Sequence[str]) -> Ints:
        """Return the rows (n,) of a categorical feature's texts in the table of all."""
        unknown = self._starts[feature]
        if isinstance(texts, Fields):
            if feature not in self._indexes:
                self._indexes[feature] = Index(self._ids[feature])
            return self._indexes[feature].find(texts, unknown)
        if feature in self._coded:
            texts = [*map(code_of, texts)]
        return _found(self._ids[feature], texts, unknown)


def _found(known: Mapping[str, int], texts: Sequence[str], unknown: int) -> Ints:
    return np.fromiter(map(known.get, texts, repeat(unknown)), np.int64, len(texts))


class _Forms:
    """The forms of the numbers of a column, each worked out when its text is first met.

    By slot: table (V, W) float32; codes (V,) int64, the number as a category; unreadable (V,),
    whether the text is no number. Once many are kept, those of others are good for one call.
    Texts that are kept are found by an index, but for the last ones: building it anew takes longer
    than to look some up.
    """

    def __init__(self, feature: Numeric, ids: Mapping[str, int], unknown: int) -> None:
        self._feature, self._ids, self._unknown = feature, ids, unknown
        self._slots: dict[str, int] = {}
        self._index, self._indexed, self._late = Index(self._slots), 0, 0
        self.table = np.zeros((0, feature.width), np.float32)
        self.codes = np.zeros(0, np.int64)
        self.unreadable = np.zeros(0, np.bool_)

    def slots(self, texts: Sequence[str]) -> Ints:
        """Return where the forms of texts (n,) stand; valid until the next call."""
        if isinstance(texts, Fields):
            found = self._index.find(texts, -1)
        else:
            found = _found(self._slots, texts, -1)
        missing = np.flatnonzero(found < 0)
        if len(missing):
            found[missing] = self._looked_up([texts[place] for place in missing.tolist()])
            self._late += len(missing)
            if self._late > _LATE + len(self._slots) // 2:
                self._index_anew()
        return found

    def _looked_up(self, texts: Sequence[str]) -> list[int]:
        """Return where the forms of texts that are not indexed stand."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self._slots]
        met = self._meet(fresh) if fresh else {}
        return [met[text] if text in met else self._slots[text] for text in texts]

    def _index_anew(self) -> None:
        if len(self._slots) > self._indexed:
            self._index, self._indexed = Index(self._slots), len(self._slots)
        self._late = 0

    def _meet(self, texts: Sequence[str]) -> Mapping[str, int]:
        """Work out the forms of texts that are not kept, and return their slots."""
        kept = len(self._slots)
        fresh = dict(zip(texts, count(kept), strict=False))
        numbers = numbers_in(texts)
        strange = [text.strip() not in MISSING for text in texts]
        self.table = np.concatenate([self.table[:kept], self._feature.forms(numbers)])
        ids = _found(self._ids, [*map(code_of, texts)], self._unknown)
        self.codes = np.append(self.codes[:kept], ids)
        self.unreadable = np.append(self.unreadable[:kept], np.isnan(numbers) & strange)
        if kept + len(texts) <= _KEPT:
            self._slots.update(fresh)
        return fresh
