"""Pairs of texts: rows of `query, title[, value[, impressions]]` and what their values mean."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli.config import VALUE_KINDS, one_of
from dssmcli.data.copies import Copies, copies_among, keys, whole_copies
from dssmcli.data.grade_scales import grade_lines
from dssmcli.data.id_texts import id_text_warnings
from dssmcli.data.layout import Layout
from dssmcli.data.pair_values import impressions_problem, kind_of, settled
from dssmcli.data.plain import Columns
from dssmcli.data.rows import USUAL, RowOptions, RowReader
from dssmcli.data.source_rows import rows_of_sources
from dssmcli.data.tsv import BadRows, name_of
from dssmcli.errors import DataError, counted
from dssmcli.text.numbers import Numbers

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
    notes: lines that say what was taken for what while the rows were read, and warnings.
    signed: whether labels stand as -1 and 1, of which -1 is 0 in `value`.
    """

    texts: int
    query: Ints
    title: Ints
    value: Floats
    kind: str
    digest: str
    impressions: Floats | None = None
    notes: tuple[str, ...] = ()
    signed: bool = False

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
        return replace(
            self,
            query=self.query[chosen],
            title=self.title[chosen],
            value=self.value[chosen],
            impressions=None if self.impressions is None else self.impressions[chosen],
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


Meet = Callable[[list[str], Ints, Floats], None]
"""Gets rows as they are read: normalised queries and titles in turn (2n), their numbers (2n,), and
what values they have (n,), nan where there is none."""


class PairsReader:
    """Reads rows block by block, and keeps of them what Pairs keep.

    `kind` is what the user says of the values, or None. `texts` numbers the texts. `options`: as
    RowReader has them.
    """

    def __init__(
        self,
        sources: Sequence[str],
        columns: str | None,
        kind: str | None,
        bad_rows: BadRows,
        texts: Texts | None = None,
        options: RowOptions = USUAL,
    ) -> None:
        if kind is not None:
            one_of("--value", kind, VALUE_KINDS)
        self._sources, self._kind, self._bad_rows = sources, kind, bad_rows
        self._rows = RowReader(columns, bad_rows, kind, options)
        self._texts = Texts() if texts is None else texts
        self._query, self._title = array("i"), array("i")
        self._values, self._impressions = array("d"), array("d")
        self._digest = hashlib.sha256()
        self._ends: list[int] = []  # where the rows of each file end
        #: Who else gets the rows as they are read.
        self.meet: Meet | None = None
        #: Whether any row so far has the value 0, so is no match.
        self.zeros = False
        self._ids: list[str] = []  # warnings of texts that look like ids

    def blocks(self) -> Iterator[tuple[list[str], list[str]]]:
        """Yield the normalised queries and titles of some thousand rows at a time."""
        texts: list[str] = []
        for raw, normal, values, impressions, _ in self._columns():
            self._digest.update(raw)
            if impressions is not None:
                self._fill_impressions()
                self._impressions.frombytes(impressions.tobytes())
            self._values.frombytes(values.tobytes())
            self.zeros = self.zeros or bool((values <= 0).any())
            texts += normal
            # As many each time, whatever the pieces of the file: units are numbered by blocks.
            while len(texts) >= 2 * _ROWS_AT_ONCE:
                yield self._numbered(texts[: 2 * _ROWS_AT_ONCE])
                del texts[: 2 * _ROWS_AT_ONCE]
        if texts:
            yield self._numbered(texts)

    def _columns(self) -> Iterator[Columns]:
        """Yield the rows of all files column by column, and note where those of each end."""
        for source in self._sources:
            rows = self._ends[-1] if self._ends else 0
            for columns in self._rows.columns([source]):
                rows += len(columns.values)
                yield columns
            self._ends.append(rows)

    def _fill_impressions(self) -> None:
        """Take the rows so far as shown an unknown number of times where they do not say it."""
        missing = len(self._values) - len(self._impressions)
        self._impressions.frombytes(np.full(missing, np.nan).tobytes())

    def _numbered(self, texts: list[str]) -> tuple[list[str], list[str]]:
        """Number the queries and titles, which stand in turn; return both."""
        if not self._query:
            self._ids = id_text_warnings(texts[0::2], texts[1::2])
        numbers = self._texts.number(texts).astype(np.int32)
        if self.meet is not None:
            first = len(self._query)
            values = self._values[first : first + len(texts) // 2]
            self.meet(texts, numbers, np.frombuffer(values, np.float64))
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
        read = np.frombuffer(self._values, np.float64)
        layout, reading = self._rows.layout, self._rows.reading
        wanted = self._kind or (layout.kind if layout else None)
        kind = kind_of(read, wanted, name, bool(reading.spellings.words))
        # The same bytes read otherwise are other data.
        self._digest.update(f"{kind} {layout}".encode())
        value = settled(read, kind)
        query, title = (np.frombuffer(each, np.int32) for each in (self._query, self._title))
        shown = self._shown(value)
        if shown is not None and self._rows.by_place:
            problem = impressions_problem(name, query, shown)
            if problem is not None:
                raise DataError(problem)
        if kind == "label":
            reading.note_signed(read)
        if shown is not None and kind != "clicks":
            reading.headers.append(
                "How often a title was shown is not used: that goes with clicks (--value clicks)."
            )
        digest, notes = self._digest.hexdigest(), (*reading.lines(), *self._ids)
        notes += tuple(self._scales(value, kind))
        signed = kind == "label" and bool((read < 0).any())
        return Pairs(len(self._texts), query, title, value, kind, digest, shown, notes, signed)

    def _scales(self, value: Floats, kind: str) -> Iterator[str]:
        """Yield a warning for each file whose grades are on another scale than the others'."""
        if kind == "grade":
            yield from grade_lines(value, rows_of_sources(self._sources, self._ends))

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
    options: RowOptions = USUAL,
    meet: Meet | None = None,
) -> Pairs:
    """Read all rows of all sources as Pairs; arguments and errors as PairsReader has them."""
    reader = PairsReader(sources, columns, kind, bad_rows, texts, options)
    reader.meet = meet
    for _ in reader.blocks():
        pass
    return reader.pairs()


def copies_of(pairs: Pairs) -> Copies | None:
    """Return how many rows are copies of others, with the same value; clicks of a pair repeat by
    themselves, so of these only where every row does."""
    parts = [pairs.query, pairs.title, pairs.value]
    hashes = keys(*parts, *([] if pairs.impressions is None else [pairs.impressions]))
    return (whole_copies if pairs.kind in ("click", "clicks") else copies_among)(hashes)


def interpretation(pairs: Pairs) -> str:
    """Return one line that says how the rows are understood."""
    said = f"{counted(len(pairs), 'row')}, {_MEANING[pairs.kind]}"
    if pairs.kind == "label":
        ones = int(pairs.value.sum())
        said += f": {ones:,} are 1, {len(pairs) - ones:,} are 0"
    elif pairs.kind == "clicks":
        said += f": {int((pairs.value > 0).sum()):,} with clicks"
        said += "" if pairs.impressions is None else ", and how often each was shown"
    elif pairs.kind == "grade":
        said += f": {pairs.value.min():g} to {pairs.value.max():g}"
        said += ", NDCG counts from the lowest" if pairs.value.min() < 0 else ""
    return said


def positive_rows(pairs: Pairs, match_grade: float) -> npt.NDArray[np.bool_]:
    """Return which rows are matches (N,): clicked, labelled 1, or graded `match_grade` or more."""
    return pairs.value >= match_grade if pairs.kind == "grade" else pairs.value > 0


def default_match_grade(pairs: Pairs) -> float:
    """Return the grade from which a row counts as a match: the middle of the range."""
    return float((pairs.value.min() + pairs.value.max()) / 2)
