"""How the columns of a table become numbers and categories: the same in training and in serving."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.config import between, from_dict, to_dict
from dssmcli.data.beyond import Beyond, marked_otherwise, outside
from dssmcli.data.categories import Categories, Category, Code
from dssmcli.data.column_lines import column_lines
from dssmcli.data.forms import Forms
from dssmcli.data.notation import AS_BEFORE, PLAIN, Notation
from dssmcli.data.plain import signed_number_in
from dssmcli.data.table import Table
from dssmcli.data.tasks import MISSING
from dssmcli.data.values import is_missing
from dssmcli.errors import ConfigError, RunError
from dssmcli.run import parse_object

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


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
    an indicator of 0, of being missing; all else of a missing number is 0. notation: how
    its numbers are written. ends: which share of the numbers in training lay in the lowest and in
    the highest bin, and absent: which share of the fields had none; empty where that is not known.
    """

    name: str
    mean: float
    scale: float
    log_mean: float
    log_scale: float
    edges: tuple[float, ...]
    zero: bool
    missing: bool
    notation: Notation = PLAIN
    ends: tuple[float, ...] = ()
    absent: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        edges = np.array(self.edges)
        if len(edges) < 2 or not (edges[1:] > edges[:-1]).all() or np.isinf(edges).any():
            raise ConfigError(f"{self.name}: edges, expected two or more in rising order.")
        for name in ("mean", "log_mean"):
            between(f"{self.name}: {name}", getattr(self, name), -LARGEST, LARGEST)
        for name in ("scale", "log_scale"):
            between(f"{self.name}: {name}", getattr(self, name), 1e-300, LARGEST)
        if len(self.ends) not in (0, 2):
            raise ConfigError(f"{self.name}: ends, expected two shares.")
        for share in (*self.ends, *self.absent):
            between(f"{self.name}: ends, absent", share, 0, 1)

    def bins(self, numbers: Floats) -> Ints:
        """Return where numbers (n,) lie: 0 missing, 1 between, 2 in the lowest bin or below, 3 in
        the highest or above."""
        found = np.ones(len(numbers), np.int64)
        found[numbers <= self.edges[1]] = 2
        found[numbers >= self.edges[-2]] = 3 if len(self.edges) > _FEWEST_EDGES else 1
        found[np.isnan(numbers)] = 0
        return found

    def outside(self, numbers: Floats) -> Floats:
        """Return numbers (n,), nan for those within what training had."""
        return outside(numbers, self.edges[0], self.edges[-1], self.zero)

    def marked(self, texts: Sequence[str], odd: Floats) -> npt.NDArray[np.bool_]:
        """Return which texts (n,), some of them outside, may have another decimal mark."""
        return marked_otherwise(texts, odd, self.notation.decimal, self.edges[0], self.edges[-1])

    def numbers(self, texts: Sequence[str]) -> Floats:
        """Return the numbers (n,) that fields hold, nan for what is missing or is none."""
        return np.fromiter(map(self.notation.number, texts), np.float64, len(texts))

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


_FEWEST_EDGES = 4
"""Of fewer bins the lowest and the highest are most of them."""
_FAR = 8.0
"""A z-score beyond this says no more than that the number is far out."""
LARGEST = 1e150
"""Numbers are taken as no larger, so that their squares are finite."""


def signed_log(x: Floats) -> Floats:
    """Return log(1 + |x|) with the sign of x."""
    return np.asarray(np.sign(x) * np.log1p(np.abs(x)))


VALUES = 2
"""How texts become values: 2 as `data.values` has it; 1, of runs up to format 4, has each text of
a category apart."""


class Schema(NamedTuple):
    """The features of a model; a column may stand in both. values: see VALUES."""

    categorical: tuple[Categorical, ...]
    numeric: tuple[Numeric, ...]
    values: int = VALUES

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

    @property
    def described(self) -> dict[str, str]:
        """Return in words what each column is."""
        sizes = {each.name: f"{len(each.values):,} categories" for each in self.categorical}
        numbers = {each.name: numbers_said(each.edges, each.notation) for each in self.numeric}
        return {
            name: "; ".join(filter(None, (numbers.get(name), sizes.get(name))))
            for name in self.names
        }

    def to_json(self) -> str:
        """Return features.json."""
        plain = {
            "categorical": [to_dict(feature) for feature in self.categorical],
            "numeric": [to_dict(feature) for feature in self.numeric],
            "values": self.values,
        }
        return json.dumps(plain, ensure_ascii=False, indent=1, allow_nan=False) + "\n"

    @property
    def digest(self) -> str:
        """Return the SHA-256 of features.json."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def numbers_said(edges: Sequence[float], notation: Notation) -> str:
    """Return in words what numbers are: from where to where, and how they are written."""
    written = notation.described
    way = f", written with {written}" if written else ""
    return f"numbers from {edges[0]:.6g} to {edges[-1]:.6g}{way}"


def schema_from_json(text: str, where: Path) -> Schema:
    """Parse features.json; RunError when it is not what `to_json` writes."""
    plain = parse_object(text, where)
    categorical, numeric = plain.get("categorical"), plain.get("numeric")
    if not isinstance(categorical, list) or not isinstance(numeric, list):
        raise RunError(f"{where}: expected lists of categorical and numeric features.")
    values = values_in(plain, where)
    try:
        schema = Schema(
            tuple(from_dict(Categorical, each, str(where)) for each in categorical),
            tuple(_numeric_from(each, values, str(where)) for each in numeric),
            values,
        )
    except ConfigError as error:
        raise RunError(str(error)) from error
    for features in (schema.categorical, schema.numeric):
        if len({feature.name for feature in features}) < len(features):
            raise RunError(f"{where}: a column is there twice.")
    return schema


def values_in(plain: Mapping[str, object], where: Path) -> int:
    """Return how a run reads values, by its features.json; RunError for a way that is not known."""
    values = plain.get("values", 1)
    if values not in (1, VALUES):
        raise RunError(f"{where}: values is {values!r}, expected 1 or {VALUES}.")
    return VALUES if values == VALUES else 1


def _numeric_from(plain: object, values: int, where: str) -> Numeric:
    if not isinstance(plain, dict):
        return from_dict(Numeric, plain, where)
    notation = AS_BEFORE if values == 1 else from_dict(Notation, plain.get("notation"), where)
    return from_dict(Numeric, {"ends": [], "absent": [], **plain, "notation": notation}, where)


class Rows(NamedTuple):
    """n rows as a model takes them.

    codes: (n, C) int64, the row of each category in one table of all features' categories, one
    feature after the other. numbers: (n, F) float32.
    """

    codes: Ints
    numbers: Floats32


def numbers_in(texts: Sequence[str]) -> Floats:
    """Return the numbers (n,) that fields hold, nan for what is missing or is none."""
    return np.fromiter(map(signed_number_in, texts), np.float64, len(texts))


_NONE: Mapping[str, Notation] = MappingProxyType({})


class Reader:
    """Reads the texts of columns as a schema says.

    met: (7, columns) int64, of each column how many texts so far were no known category, how many
    were no number where one belongs, how many lay where `Numeric.bins` says, and how many there
    were. examples: the first of the first two, by (0 or 1, column). beyond: what numbers were
    outside of training's, by column. written: how categories are written that are
    numbers, besides those of the numeric features.
    """

    def __init__(self, schema: Schema, written: Mapping[str, Notation] = _NONE) -> None:
        self.schema = schema
        self._starts = schema.starts.tolist()
        columns = {name: place for place, name in enumerate(schema.names)}
        places = {feature.name: i for i, feature in enumerate(schema.categorical)}
        coded = {**written, **{feature.name: feature.notation for feature in schema.numeric}}
        #: Columns whose numbers have a comma where others have a point.
        self.decimal_commas = {name for name, each in coded.items() if each.decimal == ","}
        #: Of each categorical feature, what finds its categories.
        self._found = [
            self._categories(feature, start, coded.get(feature.name))
            for feature, start in zip(schema.categorical, self._starts, strict=True)
        ]
        #: Of each numeric feature: its column, and the categorical feature of the same, if any.
        self._numeric = [
            self._number(feature, columns[feature.name], places.pop(feature.name, None))
            for feature in schema.numeric
        ]
        self._categorical = [(columns[name], i) for name, i in places.items()]
        self.met = np.zeros((7, len(columns)), np.int64)
        self.forget()

    def begin_anew(self) -> None:
        """Count from nothing: what follows is of another file."""
        self.met[:] = 0
        self.forget()

    def forget(self) -> None:
        """Forget what the texts were, but not how many, which a program may go on counting."""
        self.examples: dict[tuple[int, int], str] = {}
        self.beyond = {
            column: Beyond(feature.edges[0], feature.edges[-1], feature.notation.decimal)
            for (column, _, _), feature in zip(self._numeric, self.schema.numeric, strict=True)
        }

    def _categories(
        self, feature: Categorical, start: int, notation: Notation | None
    ) -> Categories:
        """Return what finds the categories of texts; of a number that is one, by its code."""
        values = self.schema.values
        form: Code | Category | None = None
        if notation is not None:
            form = Code(notation, values)
        elif values > 1:
            form = Category(feature.values)
        ids = dict(zip(feature.values, range(start + 1, start + feature.size), strict=True))
        if form is not None:
            ids = {form(text): row for text, row in ids.items()} | ids
        return Categories(ids, start, form)

    def _number(
        self, feature: Numeric, column: int, category: int | None
    ) -> tuple[int, int | None, Forms]:
        categories = None if category is None else self._found[category]
        missing = _missing_before if self.schema.values == 1 else is_missing
        return column, category, Forms(feature, categories, missing)

    @property
    def summary(self) -> str:
        """Return a line for each column in which texts were met that cannot be read, if any."""
        return "\n".join(self.lines(self.met))

    def lines(self, met: Ints) -> list[str]:
        """Return a line for each column with such texts, given how many (7, columns), and warnings
        of one whose numbers lie elsewhere than those in training."""
        return [*column_lines(self.schema, met, self.examples, self.beyond)]

    def rows(self, columns: Sequence[Sequence[str]]) -> Rows:
        """Return rows, given the texts (n,) of each column, in the order of the schema's names."""
        n = len(columns[0]) if columns else 0
        codes = np.empty((n, len(self._found)), np.int64)
        numbers = np.empty((n, self.schema.width), np.float32)
        for column, i in self._categorical:
            codes[:, i] = found = self.ids(i, columns[column])
            self._count(0, column, found == self._starts[i], columns[column])
        self.met[6] += n
        begin = 0
        for column, category, known in self._numeric:
            slots = known.slots(columns[column])
            end = begin + known.table.shape[1]
            numbers[:, begin:end] = known.table[slots]
            begin = end
            self._count(1, column, known.unreadable[slots], columns[column])
            self.met[2:6, column] += np.bincount(known.bins[slots], minlength=4)
            self.beyond[column].take(known.odd[slots], known.numbers[slots], known.marked[slots])
            if category is not None:
                codes[:, category] = known.codes[slots]
        return Rows(codes, numbers)

    def _count(
        self, kind: int, column: int, wrong: npt.NDArray[np.bool_], texts: Sequence[str]
    ) -> None:
        """Count texts that cannot be read, and keep the first."""
        count = np.count_nonzero(wrong)
        if count:
            self.met[kind, column] += count
            if (kind, column) not in self.examples:
                self.examples[kind, column] = texts[int(np.argmax(wrong))]

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
        return self._found[feature].find(texts)


def _missing_before(text: str) -> bool:
    return text.strip() in MISSING
