"""`dssm plot`: one picture of runs, for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dssmcli.commands.options import CONTEXT, FOLDER, OWN_FILE, refuse_input
from dssmcli.commands.pictures import DATA, KINDS, asked, picture_options, shown

if TYPE_CHECKING:
    from dssmcli.commands.pictures import Shown
    from dssmcli.serving.charts import Chart

_ALL = tuple(dict.fromkeys(kind for kinds in KINDS.values() for kind in kinds))
_FORMATS = (".pdf", ".svg", ".png")
_EPILOG = """\b
Example:
  dssm plot my-run --kind curves -o curves.pdf
  dssm plot my-run another-run --kind precision-recall --data heldout.tsv -o pr.svg
  dssm plot my-mmoe --kind gates --data visits.csv -o gates.png --dpi 300
"""


@click.command(
    "plot",
    short_help="Draw a figure of runs for a paper.",
    context_settings=CONTEXT,
    epilog=_EPILOG,
    no_args_is_help=True,
)
@click.argument("runs", nargs=-1, metavar="[RUN...]", type=FOLDER)
@click.option(
    "--kind",
    "picture",
    type=click.Choice(_ALL),
    required=True,
    help="What to draw. All but curves need --data.",
)
@click.option(
    "-o",
    "--output",
    type=OWN_FILE,
    required=True,
    help="The file to write, in the format of its name: .pdf, .svg or .png.",
)
@click.option("--dpi", type=click.IntRange(30, 2400), default=200, help="Dots an inch of a .png.")
@click.option(
    "--width",
    type=click.FloatRange(1, 40),
    help="Inches; the height follows.  [default: 3.4 for one panel, 6.8 for several]",
)
@picture_options
def command(
    runs: tuple[str, ...],
    picture: str,
    output: Path,
    dpi: int,
    width: float | None,
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
    """Draw one of the pictures of `dssm report` with matplotlib (pip install 'dssmcli[plot]').

    Of a run of texts: curves, histogram, precision-recall, calibration, slices, map. Of a
    multi-task run: curves, roc, precision-recall, calibration, regression, gates. Of candidate
    generation: curves, recall, activity. Of ranking: curves, watch-time, heads.

    Several runs of one kind share the figure. The same runs, data and options give the same bytes.
    """
    if output.suffix.lower() not in _FORMATS:
        raise click.UsageError(f"{output}: expected a name that ends in {', '.join(_FORMATS)}.")
    refuse_input(output, [*data, *history])
    what = asked(
        *(runs, data, history, columns, kind, header, null_texts, rows, seed),
        *(bad_rows, rejects, threads),
    )
    from dssmcli.atomic import write_atomically
    from dssmcli.commands.output import talk, warn
    from dssmcli.serving.drawing import Sheet, figure

    found = shown(what)
    chart = _chart(found, picture, bool(data))
    drawn = figure(chart, Sheet(output.suffix.lower()[1:], width, dpi))
    what.bad_rows.write_rejects()
    write_atomically(output, drawn.content)
    talk(quiet, *found.notes, what.bad_rows.summary, drawn.warning)
    warn(*found.warnings)


def _chart(found: Shown, picture: str, measured: bool) -> Chart:
    """Return the chart of a kind; a usage error where the runs, or the data, have none."""
    from dssmcli.run import FAMILIES
    from dssmcli.serving.charts import Chart
    from dssmcli.serving.page import Gates
    from dssmcli.serving.task_charts import gates

    kinds = KINDS[found.family]
    if picture not in kinds:
        raise click.UsageError(
            f"--kind {picture}: the run is {FAMILIES[found.family]}, of which there are "
            f"{', '.join(kinds)}."
        )
    if not measured and picture != "curves":
        raise click.UsageError(f"--kind {picture} needs {DATA[found.family].partition(':')[0]}.")
    if picture not in found.sections:
        raise click.UsageError(f"--kind {picture}: the run has none to be seen on this data.")
    sections = found.sections[picture]()
    of_gates = [(each.run, each.report) for each in sections if isinstance(each, Gates)]
    chart = gates(of_gates) if of_gates else sections[0]
    assert isinstance(chart, Chart)
    if not chart.panels:
        raise click.UsageError(f"--kind {picture}: nothing to draw. {' '.join(chart.notes)}")
    return chart
