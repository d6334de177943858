"""What was understood of files of pairs while they were read: headers, spellings of values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from dssmcli.data.missing_texts import MISSING_TEXTS, missing_said
from dssmcli.data.pair_values import Spellings
from dssmcli.data.tsv import Line
from dssmcli.errors import counted, shown

_PLACES = 3


class Reading:
    """Gathers what there is to say of rows that were read.

    headers: lines about first lines that were taken as headers by unusual names. repeated: how
    often a header stands further down, and repeated_places the first few. suspects: places of first
    lines that look like headers and were read as rows. missing: how often each text stands that
    says that there is none. other_format: what a first line looks like that is no row of columns.
    warnings: all else that may be wrong. columns_problem: why the columns cannot hold what their
    places or names say.
    """

    def __init__(self) -> None:
        self.spellings = Spellings()
        self.headers: list[str] = []
        self.repeated = 0
        self.repeated_places: list[str] = []
        self.suspects: list[str] = []
        self.missing: Counter[str] = Counter()
        self.skipped_missing = 0
        self.other_format: str | None = None
        self.warnings: list[str] = []
        self.columns_problem: str | None = None

    def repeat(self, line: Line) -> None:
        """Take note of a header further down, which is no row."""
        self.repeated += 1
        if self.repeated <= _PLACES:
            self.repeated_places.append(line.place)

    def suspect(self, line: Line, fields: Sequence[str]) -> None:
        """Take note of a first line that looks like a header, and is read as a row."""
        self.suspects.append(line.place)
        self.warnings.append(
            f"{line.place}: {shown(', '.join(fields))} looks like a header, and is read as a row. "
            "If it is one, say --header; if not, --no-header."
        )

    def note_signed(self, labels: npt.NDArray[np.float64]) -> None:
        """Take note of labels (N,) that are -1."""
        below = int((labels < 0).sum())
        if below:
            self.headers.append(f"Labels of -1 are read as 0: {below:,}.")

    def count_missing(self, normal: Sequence[str]) -> None:
        """Count the texts, normalised, that say that there is none."""
        self.missing.update(text for text in normal if text in MISSING_TEXTS)

    def headers_lines(self) -> Iterator[str]:
        """Yield lines that say which lines were taken for headers, or might be."""
        yield from self.headers
        if self.repeated:
            more = ", …" if self.repeated > _PLACES else ""
            yield (
                f"The header stands again further down, which is no row: "
                f"{counted(self.repeated, 'line')} ({', '.join(self.repeated_places)}{more})."
            )
        yield from (f"Warning: {warning}" for warning in self.warnings)

    def lines(self) -> Iterator[str]:
        """Yield lines that say what was taken for what."""
        yield from self.headers_lines()
        yield from self.spellings.lines()
        yield from self.missing_lines()

    def missing_lines(self, offer: str = "To skip such rows: --null-texts skip.") -> Iterator[str]:
        """Yield what there is to say of texts that say that there is none; offer: what to do."""
        if not self.missing:
            return
        if self.skipped_missing:
            skipped = counted(self.skipped_missing, "row")
            yield f"Skipped {skipped}: {missing_said(self.missing)}"
        else:
            yield f"Warning: {missing_said(self.missing)} {offer}".rstrip()
