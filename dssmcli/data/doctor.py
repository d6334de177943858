"""Examines files of pairs before a model learns from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.config import VALUE_KINDS, one_of
from dssmcli.data.baseline import Baseline, baseline_of
from dssmcli.data.id_texts import IdTexts, id_texts
from dssmcli.data.located import Located, LocatedReader, joined
from dssmcli.data.overlap import Overlap, overlap_of
from dssmcli.data.pair_values import kind_of, settled
from dssmcli.data.pairs import Pairs, Texts, default_match_grade, positive_rows
from dssmcli.data.repeats import Place, Repeats, repeats_of
from dssmcli.data.rows import USUAL, RowOptions
from dssmcli.data.survey import (
    Shape,
    Side,
    Suited,
    Values,
    shape_of,
    side_of,
    suited_to,
    values_of,
)
from dssmcli.data.tsv import BadRows
from dssmcli.errors import DataError, shown
from dssmcli.text.blocks import TextIndex
from dssmcli.text.scripts import ScriptTable
from dssmcli.text.seen_hashes import SeenTexts
from dssmcli.text.spool import SpooledTexts
from dssmcli.text.tokenizers import Lookup
from dssmcli.text.vocab import Vocabulary

Ints = npt.NDArray[np.integer[Any]]
Bools = npt.NDArray[np.bool_]

_ANY_LENGTH = 1 << 30
_TEXT_SHOWN = 48
_UNKNOWN_SHOWN = 5
_LOOKED_AT = 4096


@dataclass(frozen=True)
class Request:
    """What to examine.

    lookup: what cuts the texts, tokenizer its name. vocabulary: that of a run, whose features are
    known, or None. options: how lines are taken. rejects: gets the rows that cannot be used; skip:
    whether these are to be skipped.
    """

    sources: Sequence[str]
    valid_sources: Sequence[str]
    columns: str | None
    kind: str | None
    tokenizer: str
    lookup: Lookup
    vocabulary: Vocabulary | None
    options: RowOptions = USUAL
    rejects: BadRows | None = None
    skip: bool = False

    def __post_init__(self) -> None:
        if self.kind is not None:
            one_of("--value", self.kind, VALUE_KINDS)


@dataclass(frozen=True)
class Meaning:
    """What the values of some files mean, None and why where that is not plain."""

    kind: str | None
    problem: str | None


class Example(NamedTuple):
    """Rows that say something of one pair, whose texts are normalised, and cut if they are long."""

    lines: tuple[int, ...]
    values: tuple[float, ...]
    query: str
    title: str


class Unknown(NamedTuple):
    """The features that have no row of their own in a run, and the share of the text they take."""

    features: int
    share: float
    most_frequent: tuple[str, ...]


@dataclass(frozen=True)
class Figures:
    """All that is known of a file with at least one good row."""

    shape: Shape
    values: Values
    repeats: Repeats
    contradictions: tuple[Example, ...]
    swapped: tuple[Example, ...]
    query: Side
    title: Side
    suited: Suited
    unknown: Unknown | None
    baseline: Baseline | None
    ids: tuple[IdTexts, ...] = ()


@dataclass(frozen=True)
class Examined:
    """A file: its role (train or valid), its good rows, what its values mean, its figures."""

    role: str
    rows: Located
    meaning: Meaning
    figures: Figures | None


@dataclass(frozen=True)
class Group:
    """All files of one role, which a training reads as one.

    matches: rows that are matches. empty_rows: those with a text without a unit.
    """

    role: str
    rows: Located
    meaning: Meaning
    matches: int
    empty_rows: int


@dataclass(frozen=True)
class Checkup:
    """Everything that was found.

    long_words: texts of any file with a unit longer than is read.
    """

    request: Request
    files: tuple[Examined, ...]
    groups: tuple[Group, ...]
    overlaps: tuple[Overlap, ...]
    long_words: int


def examine(request: Request, tell: Callable[[int], None]) -> Checkup:
    """Read all files and look at them from every side; `tell` is told of every row read.

    A file that cannot be read is part of what is found, and raises nothing.
    """
    texts = _KnownTexts(request.lookup)
    options = request.options._replace(normalizer=request.lookup.normalizer)
    roles = (("train", request.sources), ("valid", request.valid_sources))
    read = {}
    for role, sources in roles:
        if sources:
            reader = LocatedReader(
                request.columns,
                texts.numbers,
                tell,
                request.kind,
                options,
                rejects=request.rejects,
            )
            read[role] = _settled([reader.read(each) for each in sources], reader, request.kind)
    examination = _Examination(request, texts)
    files, groups = [], []
    for role, (rows, meaning) in read.items():
        files += [examination.examined(role, each, meaning) for each in rows]
        groups.append(examination.group(role, joined(rows), meaning))
    measured = [each.rows for each in files if each.role == "valid"]
    overlaps = examination.overlaps(groups[0].rows, measured) if groups else ()
    return Checkup(request, tuple(files), tuple(groups), tuple(overlaps), texts.index.cuts.texts)


def _settled(
    files: list[Located], reader: LocatedReader, kind: str | None
) -> tuple[list[Located], Meaning]:
    """Find out what the values of files mean, which a training reads as one."""
    rows = joined(files)
    if not len(rows):
        return files, Meaning(kind or reader.kind, None)
    try:
        known_kind = kind_of(rows.value, kind or reader.kind, rows.file, reader.words)
        meaning = Meaning(known_kind, None)
    except DataError as error:
        meaning = Meaning(None, str(error))
    # As PairsReader has them: a row without a value is a click.
    for each in files:
        if meaning.kind == "label":
            each.reading.note_signed(each.value)
    values = [settled(each.value, meaning.kind or "") for each in files]
    known = [replace(each, value=value) for each, value in zip(files, values, strict=True)]
    return known, meaning


class _KnownTexts:
    """Every distinct text of all files: cut into units, its script, and its own words."""

    def __init__(self, lookup: Lookup) -> None:
        self.index = TextIndex(lookup._replace(max_units=_ANY_LENGTH))
        self.numbers, self.seen = Texts(self._meet), SeenTexts()
        self._spool, self._table = SpooledTexts(), ScriptTable()
        self._scripts: list[npt.NDArray[np.uint8]] = [np.zeros(0, np.uint8)]

    def _meet(self, texts: list[str]) -> None:
        self.index.add(texts)
        self.seen.add(texts)
        self._spool.add(texts)
        self._scripts.append(self._table.scripts_of(texts))

    def scripts(self) -> npt.NDArray[np.uint8]:
        """Return every text's script, (N,)."""
        self._scripts = [np.concatenate(self._scripts)]
        return self._scripts[0]

    def of(self, numbers: Ints) -> Iterator[str]:
        """Yield the texts of these numbers."""
        return self._spool.of(numbers)


class _Examination:
    """Looks at one file after the other, when the texts of all of them are known."""

    def __init__(self, request: Request, texts: _KnownTexts) -> None:
        self._request, self._texts = request, texts
        self._count = len(texts.numbers)
        self._lengths = texts.index.lengths(np.arange(self._count))

    def examined(self, role: str, rows: Located, meaning: Meaning) -> Examined:
        """Return what a file holds."""
        figures = self._figures(rows, meaning.kind) if len(rows) else None
        return Examined(role, rows, meaning, figures)

    def _figures(self, rows: Located, kind: str | None) -> Figures:
        positive, match_grade = _matches(rows, kind)
        repeats = repeats_of(rows, kind, self._count, positive)
        lookup = self._request.lookup
        query, title = (
            side_of(texts, self._lengths, self._texts.scripts(), lookup.max_units)
            for texts in (rows.query, rows.title)
        )
        return Figures(
            shape=shape_of(rows, self._count),
            values=values_of(rows, positive, match_grade),
            repeats=repeats,
            contradictions=self._examples(repeats.contradiction_places),
            swapped=self._examples(repeats.swapped_places),
            query=query,
            title=title,
            suited=suited_to(query, title),
            unknown=self._unknown(rows),
            baseline=baseline_of(rows, kind, positive, lookup, self._texts.of),
            ids=tuple(self._ids(rows)),
        )

    def _ids(self, rows: Located) -> Iterator[IdTexts]:
        """Yield the columns whose texts look like ids."""
        for role, numbers in (("queries", rows.query), ("titles", rows.title)):
            found = id_texts(role, [*self._texts.of(numbers[:_LOOKED_AT])])
            if found is not None:
                yield found

    def _examples(self, places: tuple[Place, ...]) -> tuple[Example, ...]:
        numbers = np.array([(each.query, each.title) for each in places], np.int64).reshape(-1)
        texts = [shown(text, _TEXT_SHOWN)[1:-1] for text in self._texts.of(numbers)]
        return tuple(
            Example(each.lines, each.values, query, title)
            for each, query, title in zip(places, texts[0::2], texts[1::2], strict=True)
        )

    def _unknown(self, rows: Located) -> Unknown | None:
        """Return the share of features, each distinct text counted once, that a run lacks."""
        vocabulary = self._request.vocabulary
        if vocabulary is None:
            return None
        counts = self._texts.index.feature_counts(self._used(rows))
        lacking = [(-count, name) for name, count in counts.items() if name not in vocabulary]
        share = -sum(count for count, _ in lacking) / max(1, counts.total())
        first = tuple(name for _, name in sorted(lacking)[:_UNKNOWN_SHOWN])
        return Unknown(len(lacking), share, first)

    def _used(self, rows: Located) -> Bools:
        used = np.zeros(self._count, np.bool_)
        used[rows.query] = used[rows.title] = True
        return used

    def group(self, role: str, rows: Located, meaning: Meaning) -> Group:
        """Return what matters of all files of a role together."""
        empty = (self._lengths[rows.query] == 0) | (self._lengths[rows.title] == 0)
        matches = int(_matches(rows, meaning.kind)[0].sum())
        return Group(role, rows, meaning, matches, int(empty.sum()))

    def overlaps(self, train: Located, files: list[Located]) -> Iterator[Overlap]:
        """Yield what each file to measure on shares with the rows to learn from."""
        measurable = [file for file in files if len(file)]
        if not measurable or not len(train):
            return
        learned = self._texts.index.unit_counts(self._used(train))
        seen = self._texts.seen.numbers()
        for file in measurable:
            measured = self._texts.index.unit_counts(self._used(file))
            unseen = measured[learned == 0]
            share = float(unseen.sum() / max(1, measured.sum()))
            one, other = file.of_texts(seen), train.of_texts(seen)
            yield overlap_of(one, other, self._count, int((unseen > 0).sum()), share)


def _matches(rows: Located, kind: str | None) -> tuple[Bools, float | None]:
    """Return which rows are matches (N,), and from which grade on; without a kind, none is."""
    if kind is None or not len(rows):
        return np.zeros(len(rows), np.bool_), None
    pairs = Pairs(0, rows.query, rows.title, rows.value, kind, "")
    grade = default_match_grade(pairs)
    return positive_rows(pairs, grade), grade if kind == "grade" else None
