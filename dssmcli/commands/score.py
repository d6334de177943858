"""`dssm score`: the cosine of two texts, or of every row of a file of pairs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from dssmcli.commands.options import (
    CONTEXT,
    FILE,
    answer_options,
    checked_rejects,
    checked_text,
    parallel,
    refuse_idle,
)
from dssmcli.errors import RunError, counted

if TYPE_CHECKING:
    from dssmcli.data.one_row import Row
    from dssmcli.data.rows import RowReader
    from dssmcli.serving.encoder import Encoder

_ROWS_AT_ONCE = 4096
_EPILOG = """\b
Example:
  dssm score "cheap flights" "low-cost air tickets"
  dssm score --pairs candidates.tsv --match > scored.tsv
  dssm score --pairs candidates.tsv --prob --json
"""


@click.command(
    "score", short_help="Score pairs of texts.", context_settings=CONTEXT, epilog=_EPILOG
)
@click.argument("texts", nargs=-1, metavar="[QUERY TITLE]")
@click.option(
    "--pairs", metavar="FILE|-", type=FILE, help="Score every row of a TSV file of query and title."
)
@click.option("--columns", metavar="NAMES", help="With --pairs: what the columns hold.")
@click.option(
    "--header/--no-header",
    "header",
    default=None,
    help="With --pairs: the first line names the columns, or is a row.  [default: as its names "
    "tell]",
)
@click.option("--match", is_flag=True, help="Add yes or no: is the score at the run's threshold?")
@click.option(
    "--prob",
    is_flag=True,
    help="Add the probability of a match, as calibrated on the run's validation rows; trained on "
    "clicks alone: against a random title.",
)
@answer_options
def command(
    texts: tuple[str, ...],
    pairs: str | None,
    columns: str | None,
    header: bool | None,
    match: bool,
    prob: bool,
    as_json: bool,
    threads: int | None,
    model: str | None,
    bad_rows: str,
    rejects: Path | None,
    quiet: bool,
) -> None:
    """Print the cosine of a query and a title, from -1 to 1: the higher, the better they match.

    Where the run knows no sides it is how alike the two texts are, whichever comes first, and 1 for
    a text beside itself. Where it does (separate towers, or length powers: `dssm info` says so) it
    is how well the title answers the query, and a text beside itself has less than 1. Vectors to
    compare texts of one kind are those of plain `dssm encode`.

    With --pairs, print every row of FILE with its score as a further column (a header line stays,
    with a name for the new column: score, or score_2 where FILE has a score already).
    """
    checked_rejects(bad_rows, rejects, pairs)
    if not texts and pairs is None:
        raise click.exceptions.NoArgsIsHelpError(click.get_current_context())
    if pairs is not None and texts:
        raise click.UsageError("give either two texts or --pairs, not both.")
    if pairs is None and len(texts) != 2:
        raise click.UsageError(f"{counted(len(texts), 'text')}, expected two: QUERY TITLE.")
    from dssmcli.commands.output import file_doubt, talk
    from dssmcli.serving.loading import load
    from dssmcli.text.limits import cut_note

    if pairs is None:
        refuse_idle("goes with --pairs.", "columns", "header", "bad_rows")
        query, title = checked_text("query", texts[0]), checked_text("title", texts[1])
        encoder = load(model)
        scorer = _Scorer(encoder, _threshold(encoder, match), prob, as_json)
        score = encoder.score(query, title)
        click.echo(scorer.line(query, title, score, scorer.chances([score])[0], None))
        silent = _silent_note(encoder, query, title) if score == 0 else ""
        doubt = file_doubt(query, title, instead="dssm score --pairs FILE")
        talk(quiet, silent, doubt, cut_note(encoder.cuts, encoder.lookup.max_units))
        return
    encoder = load(model, **parallel(threads))
    from dssmcli.data.rows import RowOptions, RowReader
    from dssmcli.data.tsv import BadRows

    scorer = _Scorer(encoder, _threshold(encoder, match), prob, as_json)
    skipped = BadRows(bad_rows == "skip", rejects)
    reader = RowReader(
        *(columns, skipped, "grade"),  # any value will do: it is not looked at
        options=RowOptions(header, normalizer=encoder.lookup.normalizer),
    )
    silent = _score_file(pairs, reader, scorer)
    skipped.write_rejects()
    said = *reader.reading.headers_lines(), *reader.reading.missing_lines("")
    talk(quiet, silent, *said, skipped.summary, cut_note(encoder.cuts, encoder.lookup.max_units))


def _silent_note(encoder: Encoder, query: str, title: str) -> str:
    """Return what to say of a query and a title whose cosine is 0."""
    for name, text in (("query", query), ("title", title)):
        if not encoder.encode([text], name).any():
            return f"The {name} has no letter, digit or symbol, so the cosine is 0."
    return ""


class _Scorer(NamedTuple):
    """How a scored pair is printed."""

    encoder: Encoder
    threshold: float | None
    probable: bool
    as_json: bool

    @property
    def columns(self) -> list[str]:
        """Return the names of the columns that are added to a row."""
        match = [] if self.threshold is None else ["match"]
        return ["score", *match, *(["prob"] if self.probable else [])]

    def chances(self, scores: Sequence[float]) -> Sequence[float | None]:
        """Return the probability of each score, or None for each; RunError if it is not known."""
        if not self.probable:
            return [None] * len(scores)
        chances: list[float] = self.encoder.probability(scores).tolist()
        return chances

    def line(
        self, query: str, title: str, score: float, chance: float | None, row: str | None
    ) -> str:
        """Return the line for one pair: JSON, or the row (if any) with what is known of it."""
        matched = None if self.threshold is None else score >= self.threshold
        if self.as_json:
            import json

            said: dict[str, Any] = {"query": query, "title": title, "score": round(score, 6)}
            if matched is not None:
                said["match"] = matched
            if chance is not None:
                said["prob"] = round(chance, 6)
            return json.dumps(said, ensure_ascii=False)
        columns = [] if row is None else [row]
        columns.append(f"{score:.4f}")
        if matched is not None:
            columns.append("yes" if matched else "no")
        if chance is not None:
            columns.append(f"{chance:.4f}")
        return "\t".join(columns)


def _threshold(encoder: Encoder, match: bool) -> float | None:
    if not match:
        return None
    if encoder.threshold is None:
        raise RunError(
            "This run has no threshold: it was trained without anything to choose it on."
        )
    return encoder.threshold


def _score_file(source: str, reader: RowReader, scorer: _Scorer) -> str:
    """Print the rows of a file with their scores; return what to say of those that are 0."""
    header_due, silent = not scorer.as_json, 0
    for rows, scores in _scored(reader.read([source]), scorer.encoder):
        if header_due and reader.header:
            click.echo("\t".join([*reader.header, *_new_names(reader.header, scorer.columns)]))
        header_due = False
        _print_rows(rows, scores, scorer)
        silent += scores.count(0)
    if not silent:
        return ""
    return (
        "Scored 0, as the query or the title has no letter, digit or symbol: "
        f"{counted(silent, 'row')}."
    )


def _new_names(header: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return names for further columns that no column of a header has, as score_2 for score."""
    taken = {name.strip().lower() for name in header}
    free = []
    for name in names:
        forms = chain([name], (f"{name}_{number}" for number in count(2)))
        free.append(next(form for form in forms if form not in taken))
    return free


def _scored(rows: Iterator[Row], encoder: Encoder) -> Iterator[tuple[list[Row], list[float]]]:
    drawn: deque[list[Row]] = deque()

    def texts() -> Iterator[tuple[list[str], list[str]]]:
        for block in _blocks(rows):
            drawn.append(block)
            yield [row.query for row in block], [row.title for row in block]

    for scores in encoder.score_blocks(texts()):
        yield drawn.popleft(), scores.tolist()


def _print_rows(rows: list[Row], scores: list[float], scorer: _Scorer) -> None:
    lines = (
        scorer.line(row.query, row.title, score, chance, row.line.decode())
        for row, score, chance in zip(rows, scores, scorer.chances(scores), strict=True)
    )
    click.echo("\n".join(lines))


def _blocks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    block: list[Row] = []
    for row in rows:
        block.append(row)
        if len(block) == _ROWS_AT_ONCE:
            yield block
            block = []
    if block:
        yield block
