"""Pairs of texts: rows of `query, title[, value[, impressions]]` and what their values mean."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli.config import VALUE_KINDS, one_of
from dssmcli.data.layout import Layout
from dssmcli.data.rows import RowReader
from dssmcli.data.tsv import BadRows, name_of
from dssmcli.errors import DataError, counted
from dssmcli.text.numbers import Numbers
from dssmcli.text.ragged import distinct

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer[Any]]

_ROWS_AT_ONCE = 4096
_MEANING = {
    "click": "every row is a click",
    "clicks": "clicks (a count, 0 = shown and not clicked)",
    "label": "label (1 = match, 0 = no match)",
    "grade": "grade (the higher, the better the match)",
}


@dataclass(frozen=True)
class Pairs:
    """N rows over distinct normalised texts.

    texts: how many distinct texts there are, numbered in order of appearance.
    query, title: (N,) int32, numbers of texts.
    value: (N,) float64: 1 for a click; a count of clicks, a label or a grade, as `kind` says.
    kind: one of config.VALUE_KINDS.
    digest: SHA-256 of the rows as they were read.
    impressions: (N,) float64, how often each was shown; None where the file does not say.
    """

    texts: int
    query: Ints
    title: Ints
    value: Floats
    kind: str
    digest: str
    impressions: Floats | None = None

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
            None if self.impressions is None else self.impressions[chosen],
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


def kind_of(value: Floats, kind: str | None, name: str) -> str:
    """Return what values (N,) mean, nan where a row has none; DataError unless it is plain.

    `kind` is what the user or a column's name says, `name` what the error calls the rows.
    """
    if np.isnan(value).all():
        if kind not in (None, "click"):
            raise DataError(f"{name}: two columns, but --value {kind} needs a third.")
        return "click"
    if kind == "click" and np.isnan(value).any():
        raise DataError(
            f"{name}: some rows have clicks and some none: leave out --value click, which takes "
            "every row as a click."
        )
    several = distinct(value)
    binary = set(several.tolist()) <= {0.0, 1.0}
    if kind is None and binary:
        return "label"
    if kind is None:
        found = ", ".join(f"{number:g}" for number in several[:6])
        raise DataError(
            f"{name}: the values are {found}{', …' if len(several) > 6 else ''}: clicks or grades?"
            " Say --value clicks (a count, the pair's weight) or --value grade (graded similarity),"
            " or name the column in a header line or with --columns query,title,clicks."
        )
    if kind == "label" and not binary:
        wrong = several[~np.isin(several, (0.0, 1.0))][0]
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
        self._rows = RowReader(columns, bad_rows, kind)
        self._texts = Texts() if texts is None else texts
        self._query, self._title = array("i"), array("i")
        self._values, self._impressions = array("d"), array("d")
        self._digest = hashlib.sha256()
        #: Whether any row so far has the value 0, so is no match.
        self.zeros = False

    def blocks(self) -> Iterator[tuple[list[str], list[str]]]:
        """Yield the normalised queries and titles of some thousand rows at a time."""
        texts: list[str] = []
        for raw, normal, values, impressions in self._rows.columns(self._sources):
            self._digest.update(raw)
            if impressions is not None:
                self._fill_impressions()
                self._impressions.frombytes(impressions.tobytes())
            self._values.frombytes(values.tobytes())
            self.zeros = self.zeros or not values.all()
            texts += normal
            # As many each time, whatever the pieces of the file: units are numbered by blocks.
            while len(texts) >= 2 * _ROWS_AT_ONCE:
                yield self._numbered(texts[: 2 * _ROWS_AT_ONCE])
                del texts[: 2 * _ROWS_AT_ONCE]
        if texts:
            yield self._numbered(texts)

    def _fill_impressions(self) -> None:
        """Take the rows so far as shown an unknown number of times where they do not say it."""
        missing = len(self._values) - len(self._impressions)
        self._impressions.frombytes(np.full(missing, np.nan).tobytes())

    def _numbered(self, texts: list[str]) -> tuple[list[str], list[str]]:
        """Number the queries and titles, which stand in turn; return both."""
        numbers = self._texts.number(texts).astype(np.int32)
        self._query.frombytes(numbers[0::2].tobytes())
        self._title.frombytes(numbers[1::2].tobytes())
        return texts[0::2], texts[1::2]

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
        kind = kind_of(value, self._kind or (layout.kind if layout else None), name)
        # The same bytes read otherwise are other data.
        self._digest.update(f"{kind} {layout}".encode())
        if kind == "click":
            value[:] = 1.0
        value[np.isnan(value)] = 1.0
        query, title = (np.frombuffer(each, np.int32) for each in (self._query, self._title))
        digest, shown = self._digest.hexdigest(), self._shown(value)
        return Pairs(len(self._texts), query, title, value, kind, digest, shown)

    @property
    def layout(self) -> Layout | None:
        """Return which column holds what, once rows have been read."""
        return self._rows.layout

    def _shown(self, value: Floats) -> Floats | None:
        """Return how often each row was shown: at least as often as it was clicked."""
        if not self._impressions:
            return None
        self._fill_impressions()
        shown = np.frombuffer(self._impressions, np.float64)
        np.copyto(shown, np.maximum(value, 1.0), where=np.isnan(shown))
        return shown


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
        said += "" if pairs.impressions is None else ", and how often each was shown"
    elif pairs.kind == "grade":
        said += f": {pairs.value.min():g} to {pairs.value.max():g}"
    return said


def positive_rows(pairs: Pairs, match_grade: float) -> npt.NDArray[np.bool_]:
    """Return which rows are matches (N,): clicked, labelled 1, or graded `match_grade` or more."""
    return pairs.value >= match_grade if pairs.kind == "grade" else pairs.value > 0


def default_match_grade(pairs: Pairs) -> float:
    """Return the grade from which a row counts as a match: the middle of the range."""
    return float((pairs.value.min() + pairs.value.max()) / 2)
