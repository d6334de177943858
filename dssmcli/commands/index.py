"""`dssm index`: titles in, one file to search out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from dssmcli.commands.options import (
    CONTEXT,
    FILE,
    FOLDER,
    OWN_FILE,
    available_threads,
    bad_rows_options,
    checked_number,
    checked_rejects,
    parallel,
    quiet_option,
    refuse_idle,
    threads_option,
)
from dssmcli.errors import WARNING, DataError, DssmError, counted

if TYPE_CHECKING:
    from dssmcli.data.reading import Reading
    from dssmcli.data.titles import TitleOptions, TitleReader
    from dssmcli.data.tsv import BadRows
    from dssmcli.serving.index_lists import Plan
    from dssmcli.serving.indexing import Made

_RECALL = 0.95
_EPILOG = """\b
Example:
  dssm index titles.txt
  dssm search "cheap flights"
  dssm index -m my-run --columns id,title,- catalogue.tsv -o catalogue.index
  dssm index --append --columns id,title,- new.tsv -o catalogue.index
"""


@click.command(
    "index",
    short_help="Make an index of titles to search.",
    context_settings=CONTEXT,
    epilog=_EPILOG,
    no_args_is_help=True,
)
@click.argument("files", nargs=-1, metavar="[TITLES...|-]", type=FILE)
@click.option(
    "-o",
    "--output",
    type=OWN_FILE,
    default="dssm-index",
    help="The index to write; it appears when it is whole.",
)
@click.option("--overwrite", is_flag=True, help="Replace an index.")
@click.option("--append", is_flag=True, help="Add to an index, by its own run.")
@click.option(
    "--update",
    is_flag=True,
    help="Add to an index; a title whose id is there already takes that one's place.",
)
@click.option(
    "--remove",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Take titles out of an index: their ids, one a line.",
)
@click.option(
    "--columns",
    metavar="NAMES",
    help="What the columns hold: id, title, - for one to ignore.  "
    "[default: title, or id,title, as the first line has one column or two]",
)
@click.option(
    "--header/--no-header",
    "header",
    default=None,
    help="The first line of each file names its columns, or is a title.  [default: as its names "
    "tell]",
)
@click.option(
    "--null-texts",
    type=click.Choice(["keep", "skip"]),
    default="keep",
    help="Titles that are only NULL, nan, None or the like: kept as any other, and counted, or "
    "left out.",
)
@click.option("--exact", is_flag=True, help="No lists: every search goes through all titles.")
@click.option(
    "--recall",
    type=click.FloatRange(0, 1, min_open=True),
    help="Share of the 10 best titles that lists have to find; where they cannot, there are none."
    f"  [default: {_RECALL}]",
)
@click.option(
    "--queries",
    metavar="FILE",
    type=FILE,
    help="Measure that on these queries, one a line, instead of on titles.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16"]),
    help="Numbers of the vectors; float16 is half as large, and right to about 3 digits.  "
    "[default: float32]",
)
@click.option(
    "-m",
    "--model",
    metavar="DIR",
    type=FOLDER,
    help="The run to encode with, which the index then carries.  "
    "[default: $DSSM_MODEL, else ./dssm-model]",
)
@threads_option
@bad_rows_options
@quiet_option
def command(
    files: tuple[str, ...],
    output: Path,
    overwrite: bool,
    append: bool,
    update: bool,
    remove: Path | None,
    columns: str | None,
    header: bool | None,
    null_texts: str,
    exact: bool,
    recall: float | None,
    queries: str | None,
    dtype: str | None,
    model: str | None,
    threads: int | None,
    bad_rows: str,
    rejects: Path | None,
    quiet: bool,
) -> None:
    """Make an index of TITLES: one file with their vectors, themselves and the run.

    TITLES are lines `title`, or `id` and `title` separated by a tab (a header with these names may
    stand above). Without ids a title is known by the number of its line, headers not counted.
    Titles without letters, digits or symbols are left out, and counted.

    Of 20,000 titles and more, vectors lie in lists of their like, and a search looks into the
    nearest lists only: into so many that --recall is reached, as measured on 500 of the titles.

    The index needs nothing else: copy it, and `dssm search` works. Every byte has a hash, which is
    checked when it is used.
    """
    checked_rejects(bad_rows, rejects, *files, str(output), queries, str(remove or ""))
    grows = append or update or remove is not None
    _check_files(files, append or update or not grows)
    _check_way(grows, overwrite, append and update, model, dtype)
    if exact and recall is not None:
        raise click.UsageError("--exact has no lists, so no --recall: give one of them.")
    if exact:
        refuse_idle("measures lists, and --exact has none: give one of them.", "queries")
    checked_number("--recall", recall)
    wanted = 0.0 if exact else recall
    from dssmcli.commands.output import talk
    from dssmcli.data.titles import TitleOptions
    from dssmcli.data.tsv import BadRows

    skipped = BadRows(bad_rows == "skip", rejects)
    options = TitleOptions(header, null_texts == "skip")
    threads = threads or available_threads()
    asked = _Asked(files, output, columns, wanted, queries, threads, options, [])
    try:
        with _telling(quiet) as told:
            if grows:
                made = asked.grown(update, _ids(remove), skipped, told)
            else:
                made = asked.made(overwrite, model, dtype or "float32", skipped, told)
    finally:
        skipped.write_rejects()
        talk(quiet, *(line for each in asked.readings for line in each.lines()), skipped.summary)
    talk(quiet, *_summary(made, output), *(f"{WARNING}{each}" for each in made.warnings))


def _check_files(files: tuple[str, ...], needed: bool) -> None:
    if not files and needed:
        raise click.UsageError("no TITLES. Name a file, or - for standard input.")
    if not files:
        refuse_idle("goes with TITLES.", "columns", "header", "null_texts", "bad_rows")


def _check_way(
    grows: bool,
    overwrite: bool,
    both: bool,
    model: str | None,
    dtype: str | None,
) -> None:
    if both:
        raise click.UsageError("--append refuses ids that are there, --update replaces: give one.")
    if grows and overwrite:
        raise click.UsageError("--overwrite starts afresh: it does not go with what adds or takes.")
    if grows and (model is not None or dtype is not None):
        raise click.UsageError("an index keeps its own run and numbers: leave out -m and --dtype.")


class _Asked(NamedTuple):
    """What a command line asks for, whether an index is new or not. recall: 0 for no lists, None
    for what there was, or the default."""

    files: tuple[str, ...]
    output: Path
    columns: str | None
    recall: float | None
    queries: str | None
    threads: int
    options: TitleOptions
    readings: list[Reading]

    def made(
        self,
        overwrite: bool,
        model: str | None,
        dtype: str,
        skipped: BadRows,
        told: Callable[[int], None],
    ) -> Made:
        """Write a new index."""
        from dssmcli.serving.indexing import make, pack

        self._check_place(overwrite)
        plan = self._plan(dtype, _RECALL)
        packed = pack(model, **parallel(self.threads))
        reader = self._reader(skipped, self.columns)
        return make(self.output, packed, reader, self.files, plan, told)

    def grown(
        self, replaces: bool, removed: set[str], skipped: BadRows, told: Callable[[int], None]
    ) -> Made:
        """Write an index anew, with more titles or without some."""
        from dssmcli.serving.indexing import Change, grow

        def reader(columns: str | None, first: int, seen: set[str]) -> TitleReader:
            return self._reader(skipped, columns, first, seen)

        change = Change(self.files, self.columns, reader, replaces, removed)
        return grow(
            self.output,
            change,
            lambda before: self._plan(before.dtype, before.wanted),
            told,
            **parallel(self.threads),
        )

    def _reader(
        self,
        skipped: BadRows,
        columns: str | None,
        first: int = 1,
        seen: set[str] | None = None,
    ) -> TitleReader:
        """Return what reads titles; what it has to say of them is kept."""
        from dssmcli.data.titles import TitleReader

        reader = TitleReader(columns, skipped, first, seen, self.options)
        self.readings.append(reader.reading)
        return reader

    def _check_place(self, overwrite: bool) -> None:
        """Raise DssmError where something stands that is not to be overwritten."""
        from dssmcli.serving.index_file import is_index

        if not self.output.exists():
            return
        if not is_index(self.output):
            raise DssmError(
                f"{self.output} is not an index, so it is not overwritten. Write elsewhere with -o."
            )
        if not overwrite:
            raise DssmError(
                f"{self.output} exists. Write to another place with -o, add to it with --append, "
                "or give --overwrite."
            )

    def _plan(self, dtype: str, recall: float) -> Plan:
        from dssmcli.serving.index_lists import Plan

        queries = [] if self.queries is None else _lines(self.queries)
        if self.queries is not None and not queries:
            raise DataError(f"{self.queries}: no queries.")
        recall = recall if self.recall is None else self.recall
        return Plan(dtype, recall, queries, self.threads)


def _ids(file: Path | None) -> set[str]:
    """Return the ids of titles that are to go."""
    return set() if file is None else set(_lines(str(file)))


def _lines(file: str) -> list[str]:
    """Return the lines of a file that are not blank."""
    from dssmcli.data.tsv import read_lines

    return [text for text in (line.decode() for line in read_lines([file])) if text.strip()]


@contextmanager
def _telling(quiet: bool) -> Iterator[Callable[[int], None]]:
    """Open what tells how many titles have been encoded."""
    from dssmcli.pace import Pace

    pace = Pace(quiet)
    try:
        yield lambda titles: pace.lines(titles, None)
    finally:
        pace.clear()


def _summary(made: Made, output: Path) -> Iterator[str]:
    """Yield what there is to say of an index that was written."""
    settings = made.settings
    if made.removed:
        yield f"Removed {counted(made.removed, 'title')}."
    if made.missing:
        yield f"Not there, so not removed: {counted(made.missing, 'id')}."
    if made.replaced:
        yield f"Replaced {counted(made.replaced, 'title')}."
    if made.cut:
        yield made.cut
    if settings.left_out:
        yield f"Left out, as they say nothing: {counted(settings.left_out, 'title')}."
    if settings.probes is not None:
        yield (
            f"A search looks into {counted(settings.probes, 'list')} and finds "
            f"{settings.recall:.1%} of the 10 best titles."
        )
    elif settings.recall is not None:
        yield f"No lists: they would find {settings.recall:.1%} of the 10 best titles."
    size = output.stat().st_size / 1e6
    yield f"Wrote {output}: {counted(settings.titles, 'title')}, {size:,.1f} MB."
