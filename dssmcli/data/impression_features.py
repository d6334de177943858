"""Reads the columns of impressions as categories and numbers, and counts what it cannot read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from dssmcli.data.beyond import Beyond, marked_otherwise, outside
from dssmcli.data.column_lines import drift_lines
from dssmcli.data.features import Floats, Reader
from dssmcli.data.id_spelling import MOST, spelling_hint
from dssmcli.data.impressions import Impressions, numbers_of
from dssmcli.data.places import Place, RankingFeatures
from dssmcli.data.table import Column
from dssmcli.data.unread import missing_lines, unknown_line, unreadable_line
from dssmcli.data.values import is_missing
from dssmcli.errors import WARNING, counted

Codes = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


class ImpressionReader:
    """Reads columns as the features of a run of ranking have them."""

    def __init__(self, features: RankingFeatures) -> None:
        self._features = features
        written = features.written if features.values > 1 else {}
        self._reader = Reader(features.schema, written)
        self._unknown: Counter[str] = Counter()
        self._unreadable: Counter[str] = Counter()
        self._examples: dict[tuple[str, bool], str] = {}
        #: Of each numeric column how many fields are missing, between, low, high.
        self._bins = np.zeros((len(features.numbers), 4), np.int64)
        self._beyond = [
            Beyond(place.edges[0], place.edges[-1], features.written[place.name].decimal)
            for place in self._places()
        ]
        #: How many fields of each column were read.
        self._fields = 0
        #: How many rows are of items and of users that the run does not know, and how many rows.
        self._strange, self._rows = np.zeros(2, np.int64), 0
        #: Some of these items and users, and those that the run knows.
        self._strangers: tuple[list[str], list[str]] = ([], [])
        self._known: tuple[Collection[str], Collection[str]] = ((), ())

    def meet(self, item: Bools, user: Bools) -> None:
        """Count rows (n,) whose item or user the run does not know."""
        self._strange += (int(item.sum()), int(user.sum()))
        self._rows += len(item)

    def note(self, place: int, strange: Iterable[str], known: Collection[str]) -> None:
        """Keep some items (place 0) or users (1) that the run does not know, and which it does."""
        self._strangers[place].extend(islice(strange, MOST - len(self._strangers[place])))
        self._known = (known, self._known[1]) if place == 0 else (self._known[0], known)

    def codes(self, impressions: Impressions, where: str) -> Codes:
        """Return the categories (N, C); DataError for a column that is missing."""
        table = impressions.table
        codes = self._reader.codes(table, where)
        schema = self._features.schema
        self._fields += table.rows
        for feature, start, found in zip(schema.categorical, schema.starts, codes.T, strict=True):
            column = table.columns[feature.name]
            self._count(column, _texts(column, found == start), self._unknown)
        return codes

    def numbers(self, impressions: Impressions) -> Floats:
        """Return the numbers (N, F), nan for what is missing or no number."""
        numbers = numbers_of(impressions, self._features.written)
        for name, values in zip(self._features.numbers, numbers.T, strict=True):
            column = impressions.table.columns[name]
            wrong = _texts(column, np.isnan(values))
            wrong &= ~np.fromiter(map(is_missing, column.values), np.bool_, len(column.values))
            self._count(column, wrong, self._unreadable)
        for k, (values, place) in enumerate(zip(numbers.T, self._places(), strict=True)):
            _, low, high, _ = _edges(place)
            found = np.where(values <= low, 2, np.where(values >= high, 3, 1))
            found[np.isnan(values)] = 0
            self._bins[k] += np.bincount(found, minlength=4)
            odd = outside(values, place.edges[0], place.edges[-1], zero=True)
            self._beyond[k].take(odd, values, self._marked(impressions, place, odd))
        return numbers

    def _marked(self, impressions: Impressions, place: Place, odd: Floats) -> Bools | None:
        """Return which fields (N,), some of them outside, may have another decimal mark."""
        if np.isnan(odd).all():
            return None
        column = impressions.table.columns[place.name]
        texts = [column.values[code] for code in column.codes.tolist()]
        decimal = self._features.written[place.name].decimal
        return marked_otherwise(texts, odd, decimal, place.edges[0], place.edges[-1])

    def _places(self) -> list[Place]:
        """Return the places of the numeric columns, in their order."""
        places = {place.name: place for place in self._features.places}
        return [places[name] for name in self._features.numbers]

    def _count(self, column: Column, wrong: Bools, counts: Counter[str]) -> None:
        """Count the rows whose text is one that cannot be read, (V,), and keep the first text."""
        count = int(wrong[column.codes].sum())
        if count:
            counts[column.name] += count
            example = column.values[int(np.argmax(wrong & (column.counts() > 0)))]
            self._examples.setdefault((column.name, counts is self._unknown), example)

    @property
    def summary(self) -> str:
        """Return a line for each column in which texts were met that cannot be read, if any."""
        lines = [
            unreadable_line(name, count, self._fields, self._examples.get((name, False)))
            for name, count in self._unreadable.items()
        ]
        lines += [
            unknown_line(name, count, self._fields, self._examples.get((name, True)))
            for name, count in self._unknown.items()
        ]
        return "\n".join([*lines, *self._numbers_lines(), *self._strange_lines()])

    def _numbers_lines(self) -> Iterator[str]:
        """Say which numeric columns are missing or lie elsewhere than in training."""
        shares = self._features.missing
        places = self._places()
        spans = [each.span(of.name) for each, of in zip(self._beyond, places, strict=True)]
        for k, place in enumerate(places):
            missing, *bins = self._bins[k].tolist()
            absent = missing - self._unreadable[place.name]
            yield from missing_lines(place.name, absent, missing + sum(bins), shares[k : k + 1])
            edges, ends = _edges(place), _ends(place)
            yield from drift_lines(place.name, edges, ends, bins, self._beyond[k], spans)

    def _strange_lines(self) -> Iterator[str]:
        """Say how many rows are of items and of users that the run does not know."""
        for place, noun in enumerate(("items", "users")):
            count = int(self._strange[place])
            if count:
                warning = WARNING if 2 * count >= self._rows else ""
                hint = spelling_hint(self._strangers[place], self._known[place])
                yield (
                    f"{warning}{count:,} of {counted(self._rows, 'row')} are of {noun} that the "
                    f"run does not know: taken as new ones.{hint and f' {hint}'}"
                )


def _texts(column: Column, rows: Bools) -> Bools:
    """Return which different texts, (V,), the rows have that are True in `rows` (N,)."""
    found = np.zeros(len(column.values), np.bool_)
    found[column.codes[rows]] = True
    return found


_TAIL = 0.05


def _edges(place: Place) -> tuple[float, float, float, float]:
    """Return the ends of what training had, and between which a number is neither low nor high."""
    shares = np.array(place.shares)
    low = int(np.searchsorted(shares, _TAIL))
    high = int(np.searchsorted(shares, 1 - _TAIL, side="right")) - 1
    if low >= high:
        return -np.inf, -np.inf, np.inf, np.inf
    return place.edges[0], place.edges[low], place.edges[high], place.edges[-1]


def _ends(place: Place) -> tuple[float, float]:
    """Return about which shares of training were low and high."""
    shares = np.array(place.shares)
    below, above = shares[shares >= _TAIL], shares[shares <= 1 - _TAIL]
    if not len(below) or not len(above):
        return 1.0, 1.0
    return float(below[0]), float(1 - above[-1])
