"""Draws the gates of a run as one HTML page that needs nothing else: no script, no network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from dssmcli.errors import counted
from dssmcli.serving.gates import GateReport, GateRow, warnings_of
from dssmcli.serving.markup import document, escaped

Colour = tuple[float, float, float]
"""Red, green and blue, each from 0 to 255."""

_STOPS: tuple[Colour, ...] = ((247, 251, 255), (107, 174, 214), (8, 48, 107))
"""One hue from light to dark (ColorBrewer's Blues), evenly spaced."""

STYLE = """
td.w { min-width: 3.2rem; text-align: center; border: 1px solid var(--paper);
  print-color-adjust: exact; -webkit-print-color-adjust: exact; }
td.more { font-weight: bold; text-decoration: underline; }
tr.all th, tr.all td { border-bottom: 3px solid var(--line); }
.shares { width: 24rem; max-width: 100%; margin: 1rem 0 2.5rem; position: relative; }
.bar { height: 1.2rem; border: 1px solid var(--line);
  print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.mark { position: absolute; top: -.3rem; height: 1.9rem; border-left: 3px solid #e0533d; }
.ends { display: flex; justify-content: space-between; }
.equal { color: var(--warn); }
"""
"""What a page of heat maps adds to the style."""


def page(report: GateReport, run: str) -> str:
    """Return the page about a run's gates: a block a task, a row a slice, a column an expert."""
    return document(f"Gates of {run}", STYLE, heat_maps(report, "h2"))


def heat_maps(report: GateReport, heading: str) -> Iterator[str]:
    """Yield the lines of all that a page says of gates, with each task's name as a heading."""
    top = _top(report.rows)
    yield from _introduction(report)
    yield from _legend(report, top)
    for task in report.tasks:
        yield f"<{heading}>{escaped(task)}</{heading}>"
        yield from _block(report, task, top)


def _top(rows: Sequence[GateRow]) -> float:
    """Return the weight of the darkest colour: the largest there is, or twice an equal share."""
    equal = 1 / len(rows[0].weights)
    return max(2 * equal, *(weight for row in rows for weight in row.weights))


def _introduction(report: GateReport) -> Iterator[str]:
    rows, tasks, most = report.rows[0].rows, report.tasks, math.log2(report.experts)
    sliced = "" if report.column is None else f", sliced by <b>{escaped(report.column)}</b>"
    yield (
        f"<p>{counted(rows, 'row')} of <b>{escaped(report.source)}</b>{sliced}; "
        f"{counted(len(tasks), 'task')}, {counted(report.experts, 'expert')}.</p>"
    )
    yield (
        "<p>Each task mixes the same experts with weights of its own, row by row; a cell is the "
        "mean weight of an expert over the rows of a slice, and the weights of a row of cells add "
        "up to 1. Cells that differ from task to task are what the tasks do not share; cells that "
        "differ from slice to slice are what the gates look at. <b>Experts used</b> is how many "
        "equally weighted experts would be as mixed as the mean gate; <b>entropy</b>, in bits, is "
        f"the mean over rows, between 0 (each row goes by one expert) and {most:.2f} "
        "(by all alike). Where the mean gate uses many experts but the entropy is low, different "
        "rows go by different experts.</p>"
    )
    if report.shared:
        yield "<p>The run has one gate for all tasks (OMoE), so their blocks are the same.</p>"
    warnings = [f"<li>{escaped(warning)}</li>" for warning in warnings_of(report)]
    if warnings:
        yield from ("<p>What stands out:</p>", "<ul>", *warnings, "</ul>")


def _legend(report: GateReport, top: float) -> Iterator[str]:
    stops = ", ".join(_css(colour) for colour in _STOPS)
    equal = 1 / report.experts
    yield '<div class="shares">'
    yield f'<div class="bar" style="background: linear-gradient(to right, {stops})"></div>'
    yield f'<div class="mark" style="left: {100 * equal / top:.1f}%"></div>'
    yield f'<div class="ends"><span>0</span><span>{top:.3f}</span></div>'
    yield (
        f'<div><span class="equal">|</span> an equal share, {equal:.3f}; weights of more than that '
        "are <b><u>bold and underlined</u></b></div>"
    )
    yield "</div>"


def _block(report: GateReport, task: str, top: float) -> Iterator[str]:
    by = "all rows" if report.column is None else f"all rows, then slices by {report.column}"
    heads = [f'<th scope="col">expert {i}</th>' for i in range(1, report.experts + 1)]
    yield '<div class="scroll">'
    yield "<table>"
    yield f"<caption>Mean weight of each expert for {escaped(task)}: {escaped(by)}</caption>"
    yield "<thead>"
    yield (
        f'<tr><th scope="col" class="name">slice</th><th scope="col">rows</th>{"".join(heads)}'
        '<th scope="col">experts used</th><th scope="col">entropy</th></tr>'
    )
    yield "</thead>"
    yield "<tbody>"
    for number, row in enumerate(report.of_task(task)):
        yield _row(row, top, "all" if number == 0 else "slice")
    yield "</tbody>"
    yield "</table>"
    yield "</div>"


def _row(row: GateRow, top: float, kind: str) -> str:
    equal = 1 / len(row.weights)
    cells = "".join(
        f'<td class="{"w more" if weight > equal else "w"}" style="{_painted(weight / top)}">'
        f"{weight:.3f}</td>"
        for weight in row.weights
    )
    return (
        f'<tr class="{kind}"><th scope="row">{escaped(row.slice)}</th><td>{row.rows:,}</td>{cells}'
        f"<td>{row.experts_used:.2f}</td><td>{row.entropy:.2f}</td></tr>"
    )


def _painted(part: float) -> str:
    """Return the style of a cell; its text is black or white, whichever is easier to read."""
    colour = scale(part)
    # Contrast as WCAG 2 has it; the better of both is never below 4.5.
    light = _luminance(colour) + 0.05
    text = "#000" if light / 0.05 >= 1.05 / light else "#fff"
    return f"background: {_css(colour)}; color: {text}"


def scale(part: float) -> Colour:
    """Return the colour of a weight that is such a part, 0 to 1, of the largest."""
    place = min(max(part, 0.0), 1.0) * (len(_STOPS) - 1)
    number = min(int(place), len(_STOPS) - 2)
    low, high = [*pairwise(_STOPS)][number]
    red, green, blue = (a + (b - a) * (place - number) for a, b in zip(low, high, strict=True))
    return red, green, blue


def _css(colour: Colour) -> str:
    return "#" + "".join(f"{round(each):02x}" for each in colour)


def _luminance(colour: Colour) -> float:
    parts = [each / 255 for each in colour]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return sum(w * x for w, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
