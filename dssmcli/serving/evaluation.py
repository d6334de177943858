"""How well the cosines of one run, or of several, agree with what pairs say of themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from dssmcli.bootstrap import Plan
from dssmcli.data.copies import judged_lines
from dssmcli.data.grade_scales import measured_grade_warning
from dssmcli.data.pairs import (
    Pairs,
    PairsReader,
    Texts,
    copies_of,
    default_match_grade,
    interpretation,
    positive_rows,
)
from dssmcli.data.seen import PairHashes
from dssmcli.serving.encoder import Encoder, score_together, stored_number
from dssmcli.serving.figures import Judged, figures_of
from dssmcli.serving.reports import Drawn, Report, report_of, say_if_slow
from dssmcli.serving.several import cut_by
from dssmcli.text.limits import Cuts


def evaluate(
    encoders: Sequence[Encoder],
    reader: PairsReader,
    texts: KeptTexts,
    plan: Plan,
    say: Callable[[str], None],
) -> list[Report]:
    """Score rows while they are read, then compare with their values: a report an encoder.

    `texts` are those that the reader numbers. `say` gets a line about how the rows were understood.
    Which grades are matches is the same for all encoders: what the first one's run says.
    """
    hashes = PairHashes([each.fingerprint() for each in encoders])
    reader.meet = hashes.take
    parts, cut = [np.zeros((0, len(encoders)), np.float32)], Cuts()
    for scored in score_together(encoders, texts.watched(reader)):
        parts.append(scored.rows)
        cut = cut.joined(scored.cuts)
    pairs = reader.pairs()
    lines = (f"{interpretation(pairs)}.", *pairs.notes, scale_doubt(encoders[0], pairs))
    for line in filter(None, (*lines, cut_by(encoders, cut))):
        say(line)
    for line in judged_lines(copies_of(pairs)):
        say(line)
    say_if_slow(len(pairs), plan, say)
    cosines = np.concatenate(parts)
    grade = match_grade(encoders[0], pairs)
    found = hashes.seen(pairs)
    judged = (
        _judged(encoder, pairs, cosines[:, i], grade, texts.kept)
        for i, encoder in enumerate(encoders)
    )
    return [
        report_of(figures_of(rows), Drawn(pairs.kind, rows.query), plan, seen)
        for rows, seen in zip(judged, found, strict=True)
    ]


def _judged(
    encoder: Encoder,
    pairs: Pairs,
    cosines: npt.NDArray[np.float32],
    grade: float,
    texts: list[str] | None,
) -> Judged:
    order = np.argsort(-cosines, kind="stable")
    columns = (pairs.query[order], pairs.title[order], pairs.value[order])
    query, title, value = columns
    ordered = replace(pairs, query=query, title=title, value=value)
    return Judged(
        encoder,
        ordered,
        cosines[order].astype(np.float64),
        positive_rows(ordered, grade),
        np.unique(query, return_inverse=True)[1],
        texts,
    )


class KeptTexts:
    """Keeps texts for as long as every row may be a match: then all titles will be ranked."""

    def __init__(self) -> None:
        self.kept: list[str] | None = []
        self.numbers = Texts(self._meet)

    def _meet(self, texts: list[str]) -> None:
        if self.kept is not None:
            self.kept.extend(texts)

    def watched(self, reader: PairsReader) -> Iterator[tuple[list[str], list[str]]]:
        """Yield the reader's blocks, and drop the texts at the first row that is no match."""
        for block in reader.blocks():
            if reader.zeros:
                self.kept = None
            yield block


def scale_doubt(encoder: Encoder, pairs: Pairs) -> str:
    """Return a warning if grades are on another scale than those that a run has learned from."""
    highest = stored_number(encoder.config, "data", "highest_grade")
    if highest is None or pairs.kind != "grade":
        return ""
    return measured_grade_warning(pairs.value, highest)


def match_grade(encoder: Encoder, pairs: Pairs) -> float:
    """Return the grade from which a row is a match: the run's own, or the middle of the range."""
    stored = stored_number(encoder.config, "data", "match_grade")
    return default_match_grade(pairs) if stored is None else stored
