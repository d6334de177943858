"""`dssm report`: what there is to see of runs, as a page."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dssmcli.commands.options import CONTEXT, FOLDER, refuse_input
from dssmcli.commands.pictures import DATA, Asked, asked, picture_options, shown
from dssmcli.errors import OutputError

if TYPE_CHECKING:
    from dssmcli.commands.pictures import Shown

_EPILOG = """\b
Example:
  dssm report my-run -o report.html
  dssm report my-run --data heldout.tsv -o report.html
  dssm report my-run another-run --data heldout.tsv -o report.html
  dssm report my-mmoe --data visits.csv > report.html
  dssm report candidates --data later.tsv --history watches.tsv -o report.html
"""


@click.command(
    "report",
    short_help="Write a page of charts about runs.",
    context_settings=CONTEXT,
    epilog=_EPILOG,
)
@click.argument("runs", nargs=-1, metavar="[RUN...]", type=FOLDER)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE|-",
    help="Write the page here instead of to standard output. It takes the place of a page, but "
    "of no other file.",
)
@picture_options
def command(
    runs: tuple[str, ...],
    output: Path | None,
    data: tuple[str, ...],
    history: tuple[str, ...],
    columns: str | None,
    kind: str | None,
    header: bool | None,
    null_texts: str,
    rows: int,
    seed: int,
    bad_rows: str,
    rejects: Path | None,
    threads: int | None,
    quiet: bool,
) -> None:
    """Write one HTML page about a run, or about several of one kind side by side.

    The page needs no network and no other file, follows the reader's light or dark setting, and
    can be printed. Without RUN it is about $DSSM_MODEL, else ./dssm-model.

    The run alone gives its settings, its figures in training and its learning curves. With --data
    there is more. Of a run of texts: score histograms, precision and recall, calibration, the
    hardest errors, slices by length and by script, a map of texts. Where all PAIRS are clicks,
    titles at random are what they are told from. Of a multi-task run: ROC and precision-recall
    curves, calibration, predicted against true numbers, gates. Of candidate generation: recall
    beside what is popular and item-kNN. Of ranking: predicted against true watch time.

    The same runs, data and options give the same bytes.
    """
    if output is None and sys.stdout.isatty():
        raise click.UsageError("not writing a page to a terminal; add -o FILE or > FILE.")
    output = None if output == Path("-") else output
    refuse_input(output, [*data, *history])
    _refuse_other_file(output)
    what = asked(
        *(runs, data, history, columns, kind, header, null_texts, rows, seed),
        *(bad_rows, rejects, threads),
    )
    from dssmcli.commands.output import talk, warn, writing
    from dssmcli.serving.page import page

    found = shown(what)
    sections = [section for make in found.sections.values() for section in make()]
    title = f"Report on {', '.join(what.runs)}"
    text = page(title, [*_introduction(what, found)], sections)
    what.bad_rows.write_rejects()
    with writing(output) as write:
        write(text)
    wrote = f"Wrote {output}." if output else ""
    talk(quiet, *found.notes, what.bad_rows.summary, wrote)
    warn(*found.warnings)


def _refuse_other_file(output: Path | None) -> None:
    """Raise OutputError where a file stands that is no page, as a log named by mistake."""
    if output is None or not output.is_file():
        return
    with output.open("rb") as stream:
        start = stream.read(64).lstrip().lower()
    if start and not start.startswith(b"<!doctype html"):
        raise OutputError(
            f"{output}: is no HTML page, so no report takes its place. Write elsewhere, or remove "
            "it first."
        )


def _introduction(what: Asked, found: Shown) -> Iterator[str]:
    """Yield what the page is made from, or what could be added to it."""
    from dssmcli import __version__
    from dssmcli.data.tsv import name_of

    yield f"Written by dssm {__version__} (dssm report)."
    if not what.data:
        yield f"This is what the run tells by itself. More can be seen on {DATA[found.family]}."
        return
    said = f"Measured on {', '.join(map(name_of, what.data))}"
    after = f", after {', '.join(map(name_of, what.history))}" if what.history else ""
    yield f"{said}{after}."
    if what.bad_rows.count:
        yield what.bad_rows.summary
