"""`dssm mine`: from pairs to hard negatives, as pairs to train on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from dssmcli.commands.options import (
    CONTEXT,
    FILE,
    available_threads,
    bad_rows_options,
    checked_rejects,
    json_option,
    model_option,
    pairs_options,
    quiet_option,
    refuse_input,
    row_options,
    threads_option,
)
from dssmcli.commands.output import talk, writing
from dssmcli.errors import counted

if TYPE_CHECKING:
    from dssmcli.data.mined import NegativeRows
    from dssmcli.serving.encoder import Encoder
    from dssmcli.serving.mining import Mined, Miner, Window

_EPILOG = """\b
Example:
  dssm mine pairs.tsv -o mined.tsv
  dssm train pairs.tsv mined.tsv -o better
"""


def _ranks(_context: click.Context, _option: click.Parameter, value: str) -> tuple[int, int]:
    first, _, last = value.partition("-")
    if first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last):
        return int(first), int(last)
    raise click.BadParameter(f"{value!r}, expected FROM-TO, such as 10-100.")


@click.command(
    "mine",
    short_help="Find hard negatives to train on.",
    context_settings=CONTEXT,
    epilog=_EPILOG,
    no_args_is_help=True,
)
@click.argument("files", nargs=-1, required=True, metavar="PAIRS...|-", type=FILE)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write here instead of standard output; the file appears when it is whole.",
)
@click.option(
    "--ranks",
    default="10-100",
    metavar="FROM-TO",
    callback=_ranks,
    help="Mine among these ranks. The first ones are often matches that nobody clicked yet.",
)
@click.option(
    "--margin",
    default=0.05,
    help="A title's cosine is so much below that of the query's best known match at least.",
)
@click.option("--per-query", default=4, help="Titles of a query at most, drawn at random.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=1, help="For that draw.")
@pairs_options
@json_option
@model_option
@bad_rows_options
@threads_option
@quiet_option
def command(
    files: tuple[str, ...],
    output: Path | None,
    ranks: tuple[int, int],
    margin: float,
    per_query: int,
    seed: int,
    columns: str | None,
    kind: str | None,
    header: bool | None,
    null_texts: str,
    as_json: bool,
    model: str | None,
    bad_rows: str,
    rejects: Path | None,
    threads: int | None,
    quiet: bool,
) -> None:
    """Print titles that the run takes for near matches of a query, as pairs that are none.

    For each query with a known match, all titles of PAIRS that stand in no row with it, its own
    text aside, are ranked; some are drawn. Rows are written in the columns of PAIRS with the lowest
    value (label 0, 0 clicks, the lowest grade), texts normalised, to be trained on beside PAIRS
    with the same options. Where PAIRS have two columns, a header line adds a column of clicks.
    """
    checked_rejects(bad_rows, rejects, *files)
    refuse_input(output, files)
    threads = threads or available_threads()
    from dssmcli.serving.loading import load

    encoder = load(model, threads)
    from dssmcli.data.mined import NegativeRows
    from dssmcli.data.pairs import PairsReader, Texts, interpretation
    from dssmcli.data.tsv import BadRows
    from dssmcli.serving.mining import Miner, Window

    window = Window(*ranks, margin, per_query)
    texts: list[str] = []
    options = row_options(header, null_texts)._replace(normalizer=encoder.lookup.normalizer)
    skipped = BadRows(bad_rows == "skip", rejects)
    reader = PairsReader(files, columns, kind, skipped, Texts(texts.extend), options)
    for _ in reader.blocks():
        pass
    pairs = reader.pairs()
    assert reader.layout is not None
    rows = NegativeRows(pairs, reader.layout)
    skipped.write_rejects()
    miner = Miner(encoder, pairs, texts, window, seed)
    form = _json_lines if as_json else _rows
    counts = _Counts()
    with writing(output) as write:
        write("" if as_json else rows.header)
        for mined in miner.blocks(threads):
            write(form(mined, texts, rows))
            counts = counts.plus(mined)
    said = _summary(counts, miner, window, encoder)
    talk(quiet, f"Read {interpretation(pairs)}.", *pairs.notes, skipped.summary, *said)


class _Counts(NamedTuple):
    """What has been mined: rows, queries with any, titles left out for the margin."""

    rows: int = 0
    queries: int = 0
    near: int = 0

    def plus(self, mined: Mined) -> _Counts:
        """Return the counts with a block added."""
        rows, queries, near = len(mined.query), mined.queries, mined.near
        return _Counts(self.rows + rows, self.queries + queries, self.near + near)


def _summary(counts: _Counts, miner: Miner, window: Window, encoder: Encoder) -> Iterator[str]:
    """Yield lines that say what was mined, and why not more."""
    from dssmcli.text.limits import cut_note

    yield cut_note(encoder.cuts, encoder.lookup.max_units)
    ranks = f"ranks {window.first} to {min(window.last, miner.titles)}"
    yield (
        f"Mined {counted(counts.rows, 'negative')} for {counts.queries:,} of "
        f"{miner.queries:,} queries, from {ranks} of "
        f"{counted(miner.titles, 'title')}."
    )
    if counts.near:
        yield (
            f"Left out, within {window.margin:g} of the query's best match or above it: "
            f"{counted(counts.near, 'title')} of those ranks."
        )
    if miner.unmatched:
        yield f"Queries without a known match, so not mined for: {miner.unmatched:,}."
    if window.first > miner.titles:
        yield f"Warning: no title has rank {window.first}. Try --ranks 1-{miner.titles}."


def _rows(mined: Mined, texts: list[str], rows: NegativeRows) -> str:
    pairs = zip(mined.query.tolist(), mined.title.tolist(), strict=True)
    return "".join(rows.row(texts[query], texts[title]) for query, title in pairs)


def _json_lines(mined: Mined, texts: list[str], _: NegativeRows) -> str:
    import json

    lines = []
    for query, title, rank, cosine in zip(*(each.tolist() for each in mined[:4]), strict=True):
        said = {"query": texts[query], "title": texts[title], "rank": rank}
        lines.append(json.dumps({**said, "score": round(cosine, 6)}, ensure_ascii=False) + "\n")
    return "".join(lines)
