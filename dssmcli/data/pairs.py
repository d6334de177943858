"""Pairs of texts: rows of `query, title[, value[, impressions]]` and what their values mean."""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.config import VALUE_KINDS, one_of
from dssmcli.data.tsv import BadRows, Line, name_of, read_lines
from dssmcli.errors import ConfigError, DataError, counted, shown
from dssmcli.text.normalize import normalize
from dssmcli.text.numbers import Numbers

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer[Any]]

_ROWS_AT_ONCE = 4096
IGNORED = "-"
_VALUE_NAMES = {"clicks": "clicks", "click": "clicks", "label": "label", "grade": "grade"}
_ALIASES = {
    "query": "query",
    "text1": "query",
    "sentence1": "query",
    "title": "title",
    "text2": "title",
    "sentence2": "title",
    "value": "value",
    "clicks": "clicks",
    "click": "clicks",
    "label": "label",
    "grade": "grade",
    "score": "grade",
    "impressions": "impressions",
    IGNORED: IGNORED,
}
_HEADERLESS = ("query", "title", "value", "impressions")
_MEANING = {
    "click": "every row is a click",
    "clicks": "clicks (a count, 0 = shown and not clicked)",
    "label": "label (1 = match, 0 = no match)",
    "grade": "grade (the higher, the better the match)",
}


class Layout(NamedTuple):
    """Which column holds what; `value` and `impressions` are None where the rows lack them.

    `kind` is what a column's name says of the values, `width` the number of columns of a row, or
    None when the first row decides.
    """

    query: int
    title: int
    value: int | None
    impressions: int | None
    kind: str | None
    width: int | None


def layout_of(names: Sequence[str]) -> Layout:
    """Return the layout that column names give; ConfigError when they make no sense."""
    roles = []
    for name in names:
        one_of("column", name.strip().lower(), _ALIASES)
        roles.append(_ALIASES[name.strip().lower()])
    for role in ("query", "title"):
        if roles.count(role) != 1:
            raise ConfigError(f"columns {','.join(names)}: expected {role} once.")
    values = [i for i, role in enumerate(roles) if role in ("value", *_VALUE_NAMES)]
    if len(values) > 1 or roles.count("impressions") > 1:
        raise ConfigError(f"columns {','.join(names)}: expected one value column at most.")
    kind = _VALUE_NAMES.get(roles[values[0]]) if values else None
    impressions = roles.index("impressions") if "impressions" in roles else None
    value = values[0] if values else None
    return Layout(roles.index("query"), roles.index("title"), value, impressions, kind, len(names))


def is_header(fields: Sequence[str]) -> bool:
    """Tell whether a file's first row names its columns: query, title and nothing unknown."""
    roles = [_ALIASES.get(field.strip().lower()) for field in fields]
    return None not in roles and "query" in roles and "title" in roles


class Row(NamedTuple):
    """One row: the texts as they stand in the file, the value nan where there is none.

    normal: the query and the title, normalised.
    """

    line: Line
    query: str
    title: str
    value: float
    normal: tuple[str, str]


class RowReader:
    """Reads rows of pairs from files, one layout for all of them.

    After reading, `layout` is the one in use, and `header` the fields of the first header or None.
    """

    def __init__(self, columns: str | None = None, bad_rows: BadRows | None = None) -> None:
        self.layout = layout_of(columns.split(",")) if columns else None
        self.header: list[str] | None = None
        self.bad_rows = bad_rows or BadRows()
        self._named = columns is not None

    def read(self, sources: Sequence[str]) -> Iterator[Row]:
        """Yield the good rows; DataError at file:line for the first bad one unless skipped."""
        blank: list[Line] = []
        for line in read_lines(sources):
            if not line.raw.strip():
                blank.append(line)
                continue
            yield from self._blanks(blank, line)
            try:
                row = self._row(line)
            except DataError as error:
                self.bad_rows.take(line.raw, error)
                continue
            if row is not None:
                yield row

    def _blanks(self, blank: list[Line], line: Line) -> Iterator[Row]:
        """Report blank lines that turn out to stand between rows; those at a file's end do not."""
        for skipped in blank:
            if skipped.source == line.source:
                self.bad_rows.take(skipped.raw, DataError(f"{skipped.place}: empty line."))
        blank.clear()
        yield from ()

    def _row(self, line: Line) -> Row | None:
        fields = line.decode().split("\t")
        if line.number == 1 and is_header(fields):
            self._use_header(line, fields)
            return None
        if self.layout is None:
            self.layout = self._layout_of_first(line, fields)
        return _parsed(line, fields, self.layout)

    def _use_header(self, line: Line, fields: list[str]) -> None:
        try:
            layout = layout_of(fields)
        except ConfigError as error:
            raise DataError(f"{line.place}: {error}") from error
        if self._named:
            return
        if self.layout is not None and self.layout[:4] != layout[:4]:
            raise DataError(f"{line.place}: other columns than the file before, expected the same.")
        self.layout = layout
        self.header = self.header or fields

    @staticmethod
    def _layout_of_first(line: Line, fields: list[str]) -> Layout:
        _check_width(line, fields, 2, len(_HEADERLESS))
        return layout_of(_HEADERLESS[: len(fields)])


def _check_width(line: Line, fields: list[str], low: int, high: int) -> None:
    if low <= len(fields) <= high:
        return
    found = "1 column" if len(fields) == 1 else f"{len(fields)} columns"
    expected = f"{low}" if low == high else f"{low} to {high}"
    raise DataError(
        f"{line.place}: {found}, expected {expected} separated by tabs "
        f"(found {shown(line.decode())}). Skip such rows with --bad-rows skip."
    )


def _parsed(line: Line, fields: list[str], layout: Layout) -> Row:
    width = layout.width or len(fields)
    _check_width(line, fields, width, width)
    query, title = fields[layout.query], fields[layout.title]
    normal = normalize(query), normalize(title)
    for name, text in zip(("query", "title"), normal, strict=True):
        if not text:
            raise DataError(f"{line.place}: empty {name}, expected a text.")
    value = _number(line, fields, layout.value, "value")
    impressions = _number(line, fields, layout.impressions, "impressions")
    if value == 0 and impressions == 0:
        raise DataError(f"{line.place}: never shown (0 impressions), so it says nothing.")
    return Row(line, query, title, value, normal)


def _number(line: Line, fields: list[str], column: int | None, name: str) -> float:
    if column is None:
        return math.nan
    text = fields[column].strip()
    try:
        # int() and float() take underscores and other scripts' digits; a log has neither.
        number = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise DataError(
            f"{line.place}:{column + 1}: {name} is {shown(fields[column])}, "
            "expected a number of 0 or more. Skip such rows with --bad-rows skip."
        )
    return number


@dataclass(frozen=True)
class Pairs:
    """N rows over distinct normalised texts.

    texts: how many distinct texts there are, numbered in order of appearance.
    query, title: (N,) int32, numbers of texts.
    value: (N,) float64: 1 for a click; a count of clicks, a label or a grade, as `kind` says.
    kind: one of config.VALUE_KINDS.
    digest: SHA-256 of the rows as they were read.
    """

    texts: int
    query: Ints
    title: Ints
    value: Floats
    kind: str
    digest: str

    def __len__(self) -> int:
        return len(self.query)

    def used_texts(self) -> npt.NDArray[np.bool_]:
        """Return which texts stand in a row, (texts,)."""
        used = np.zeros(self.texts, np.bool_)
        used[self.query] = True
        used[self.title] = True
        return used

    def rows(self, chosen: npt.NDArray[np.bool_]) -> Pairs:
        """Return the chosen rows; texts keep their numbers."""
        return Pairs(
            self.texts,
            self.query[chosen],
            self.title[chosen],
            self.value[chosen],
            self.kind,
            self.digest,
        )


class Texts:
    """Numbers distinct texts in order of appearance; several files may share one.

    Every new text is handed on to `met`, in order, and then forgotten: what is kept is a hash of 64
    bits. Two of 40 million texts share theirs with a probability of about 1 in 20,000; they would
    count as one.
    """

    def __init__(self, met: Callable[[list[str]], None] | None = None) -> None:
        self._numbers = Numbers()
        self._met = met

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, texts: Sequence[str]) -> Ints:
        """Return the numbers (n,) of normalised texts."""
        # Python's own hash: keyed anew in each process, so that no file can provoke collisions.
        hashes = np.fromiter(map(hash, texts), np.int64, len(texts)).view(np.uint64)
        numbers, new = self._numbers.number(hashes)
        if self._met and len(new):
            self._met([texts[i] for i in new])
        return numbers


def _kind_of(value: Floats, kind: str | None, name: str) -> str:
    if np.isnan(value).all():
        if kind not in (None, "click"):
            raise DataError(f"{name}: two columns, but --value {kind} needs a third.")
        return "click"
    distinct = np.unique(value)
    binary = set(distinct.tolist()) <= {0.0, 1.0}
    if kind is None and binary:
        return "label"
    if kind is None:
        found = ", ".join(f"{number:g}" for number in distinct[:6])
        raise DataError(
            f"{name}: the values are {found}{', …' if len(distinct) > 6 else ''}: clicks or grades?"
            " Say --value clicks (a count, the pair's weight) or --value grade (graded similarity),"
            " or name the column in a header line or with --columns query,title,clicks."
        )
    if kind == "label" and not binary:
        wrong = distinct[~np.isin(distinct, (0.0, 1.0))][0]
        raise DataError(f"{name}: a label is {wrong:g}, expected 0 or 1 (or --value grade).")
    return kind


class PairsReader:
    """Reads rows block by block, and keeps of them what Pairs keep.

    `kind` is what the user says of the values, or None. `texts` numbers the texts.
    """

    def __init__(
        self,
        sources: Sequence[str],
        columns: str | None,
        kind: str | None,
        bad_rows: BadRows,
        texts: Texts | None = None,
    ) -> None:
        if kind is not None:
            one_of("--value", kind, VALUE_KINDS)
        self._sources, self._kind, self._bad_rows = sources, kind, bad_rows
        self._rows = RowReader(columns, bad_rows)
        self._texts = Texts() if texts is None else texts
        self._query, self._title, self._values = array("i"), array("i"), array("d")
        self._digest = hashlib.sha256()
        #: Whether any row so far has the value 0, so is no match.
        self.zeros = False

    def blocks(self) -> Iterator[tuple[list[str], list[str]]]:
        """Yield the normalised queries and titles of some thousand rows at a time."""
        rows = self._rows.read(self._sources)
        while block := list(islice(rows, _ROWS_AT_ONCE)):
            self._digest.update(b"".join([row.line.raw + b"\n" for row in block]))
            values = [row.value for row in block]
            self._values.extend(values)
            self.zeros = self.zeros or 0.0 in values
            both = [text for row in block for text in row.normal]
            numbers = self._texts.number(both).astype(np.int32)
            self._query.frombytes(numbers[0::2].tobytes())
            self._title.frombytes(numbers[1::2].tobytes())
            yield both[0::2], both[1::2]

    def pairs(self) -> Pairs:
        """Return all rows read; DataError when there is none, or the values fit no kind."""
        name = ", ".join(map(name_of, self._sources))
        if not self._query:
            count = self._bad_rows.count
            skipped = f" ({counted(count, 'bad row')} skipped)" if count else ""
            raise DataError(
                f"{name}: no rows{skipped}, expected query<TAB>title[<TAB>value] on each line."
            )
        value = np.frombuffer(self._values, np.float64)
        layout = self._rows.layout
        kind = _kind_of(value, self._kind or (layout.kind if layout else None), name)
        # The same bytes read otherwise are other data.
        self._digest.update(f"{kind} {layout}".encode())
        if kind == "click":
            value[:] = 1.0
        value[np.isnan(value)] = 1.0
        query, title = (np.frombuffer(each, np.int32) for each in (self._query, self._title))
        return Pairs(len(self._texts), query, title, value, kind, self._digest.hexdigest())


def read_pairs(
    sources: Sequence[str],
    columns: str | None,
    kind: str | None,
    bad_rows: BadRows,
    texts: Texts | None = None,
) -> Pairs:
    """Read all rows of all sources as Pairs; arguments and errors as PairsReader has them."""
    reader = PairsReader(sources, columns, kind, bad_rows, texts)
    for _ in reader.blocks():
        pass
    return reader.pairs()


def interpretation(pairs: Pairs) -> str:
    """Return one line that says how the rows are understood."""
    said = f"{counted(len(pairs), 'row')}, {_MEANING[pairs.kind]}"
    if pairs.kind == "label":
        said += f": {int(pairs.value.sum()):,} are 1"
    elif pairs.kind == "clicks":
        said += f": {int((pairs.value > 0).sum()):,} with clicks"
    elif pairs.kind == "grade":
        said += f": {pairs.value.min():g} to {pairs.value.max():g}"
    return said


def positive_rows(pairs: Pairs, match_grade: float) -> npt.NDArray[np.bool_]:
    """Return which rows are matches (N,): clicked, labelled 1, or graded `match_grade` or more."""
    return pairs.value >= match_grade if pairs.kind == "grade" else pairs.value > 0


def default_match_grade(pairs: Pairs) -> float:
    """Return the grade from which a row counts as a match: the middle of the range."""
    return float((pairs.value.min() + pairs.value.max()) / 2)
