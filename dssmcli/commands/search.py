"""`dssm search`: the titles of an index that are most like a query."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from dssmcli.commands.options import (
    CONTEXT,
    FILE,
    available_threads,
    checked_number,
    checked_text,
    json_option,
    quiet_option,
    refuse_idle,
    refuse_input,
    threads_option,
)

if TYPE_CHECKING:
    from dssmcli.data.tsv import BadRows
    from dssmcli.neighbours import Found
    from dssmcli.serving.search import Floats, Index
    from dssmcli.serving.silent_texts import SilentTexts

_AT_ONCE = 512
"""So many queries are searched for by one thread at once."""
_EPILOG = """\b
Example:
  dssm search "cheap flights"
  dssm search -i catalogue.index -k 3 --json - < queries.txt
  dssm search --recall - < queries.txt
"""


@click.command(
    "search",
    short_help="Find the titles most like a query.",
    context_settings=CONTEXT,
    epilog=_EPILOG,
)
@click.argument("query", metavar="[QUERY|-]", required=False)
@click.option(
    "-i",
    "--index",
    metavar="FILE",
    type=FILE,
    help="The index to search.  [default: $DSSM_INDEX, else ./dssm-index]",
)
@click.option("-k", "count", type=click.IntRange(1), default=10, help="Titles for each query.")
@click.option("--min-score", type=float, help="Only titles that score so much or more.")
@click.option("--exact", is_flag=True, help="Search all titles, even where there are lists.")
@click.option(
    "--recall",
    is_flag=True,
    help="Print, instead of titles, what share of the -k best the lists find, and both speeds.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file, which appears when it is whole.  [default: standard output]",
)
@click.option(
    "--bad-rows",
    type=click.Choice(["fail", "skip"]),
    default="fail",
    help="What to do with a query that is not UTF-8: stop, or find nothing for it.",
)
@json_option
@threads_option
@quiet_option
def command(
    query: str | None,
    index: str | None,
    count: int,
    min_score: float | None,
    exact: bool,
    recall: bool,
    output: Path | None,
    bad_rows: str,
    as_json: bool,
    threads: int | None,
    quiet: bool,
) -> None:
    """Print the titles most like QUERY, the best first, a line a title.

    Columns: query, rank, score (the cosine, as of `dssm score`), title, id. With -, or without
    QUERY, queries are read from standard input, one a line, and answered as they come. Nothing is
    found for a query without letters, digits or symbols.
    """
    if query is None and sys.stdin is not None and sys.stdin.isatty():
        raise click.exceptions.NoArgsIsHelpError(click.get_current_context())
    if recall and (exact or min_score is not None):
        raise click.UsageError("--recall compares: it does not go with --exact or --min-score.")
    if query not in (None, "-"):
        refuse_idle("is for queries from standard input: give - for QUERY.", "bad_rows")
    from dssmcli.commands.output import file_doubt, talk, writing
    from dssmcli.data.tsv import BadRows
    from dssmcli.serving.search import find_index, load_index
    from dssmcli.serving.silent_texts import SilentTexts
    from dssmcli.text.limits import cut_note

    checked_number("--min-score", min_score)

    output = None if output == Path("-") else output
    refuse_input(output, [str(find_index(index))])
    found = load_index(index)
    skipped = BadRows(bad_rows == "skip")
    doubts: list[str] = []
    if query is None or query == "-":
        blocks, doubts = _read(skipped)
    else:
        blocks = iter([[checked_text("query", query)]])
    threads = threads or available_threads()
    silent = SilentTexts("query", "no answer")
    with writing(output) as write:
        if recall:
            write(_recall_lines(found, blocks, count, as_json))
        else:
            form = _Form(found, count, min_score, exact, as_json, silent)
            for lines in form.answers(blocks, threads):
                write(lines)
    cut = cut_note(found.encoder.cuts, found.encoder.lookup.max_units)
    file = file_doubt(query or "", instead="dssm search - < FILE")
    talk(quiet, silent.note, file, *(f"Warning: {doubt}" for doubt in doubts), skipped.summary, cut)


def _read(skipped: BadRows) -> tuple[Iterator[list[str]], list[str]]:
    """Return the lines of standard input, as many at a time as are there; and what they look like
    if not like queries, once they are read."""
    from dssmcli.data.texts import TextReader
    from dssmcli.data.tsv import STDIN

    reader = TextReader([STDIN], skipped, eager=True)
    return reader.blocks(), reader.doubts


class _Answer(NamedTuple):
    """Queries, and what is nearest to them."""

    queries: list[str]
    found: Found


class _Form(NamedTuple):
    """What is searched for, and how it becomes lines."""

    titles: Index
    wanted: int
    least: float | None
    whole: bool
    as_json: bool
    silent: SilentTexts

    def answers(self, blocks: Iterable[list[str]], threads: int) -> Iterator[str]:
        """Yield lines for each block of queries before the next is read."""
        from dssmcli.data.pipeline import in_threads

        for queries in blocks:
            # Encoded by this thread alone; what takes long is the search.
            vectors = self.titles.encoder.encode(queries, "query")
            self.silent.add(queries, vectors)
            parts = [
                (queries[first : first + _AT_ONCE], vectors[first : first + _AT_ONCE])
                for first in range(0, len(queries), _AT_ONCE)
            ]
            yield from map(self._lines, in_threads(self._answer, parts, threads))

    def _answer(self, encoded: tuple[list[str], Floats]) -> _Answer:
        queries, vectors = encoded
        return _Answer(queries, self.titles.nearest(vectors, self.wanted, self.whole))

    def _lines(self, answer: _Answer) -> str:
        hits = self.titles.hits(answer.found)
        return "".join(
            self._line(query, rank, *hit)
            for query, found in zip(answer.queries, hits, strict=True)
            for rank, hit in enumerate(found, start=1)
            if self.least is None or hit.score >= self.least
        )

    def _line(self, query: str, rank: int, own: str, title: str, score: float) -> str:
        if self.as_json:
            told = {"query": query, "rank": rank, "score": round(score, 6), "id": own}
            return json.dumps({**told, "title": title}, ensure_ascii=False) + "\n"
        from dssmcli.data.records import tsv_field

        return f"{tsv_field(query)}\t{rank}\t{score:.4f}\t{title}\t{own}\n"


def _recall_lines(index: Index, blocks: Iterable[list[str]], count: int, as_json: bool) -> str:
    """Return what share of the best titles the lists find, and how fast either search is."""
    from dssmcli.serving.search import recall_of

    queries = [query for block in blocks for query in block]
    told = recall_of(index, queries, count)
    if as_json:
        return json.dumps(told) + "\n"
    return "".join(f"{name}\t{value:.6g}\n" for name, value in told.items())
