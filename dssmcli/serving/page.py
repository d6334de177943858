"""Sets charts into one page of HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dssmcli.serving import heatmap, svg
from dssmcli.serving.charts import Chart, Key, Table, legend, own_legend
from dssmcli.serving.gates import GateReport
from dssmcli.serving.markup import document, escaped

_STYLE = """
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0; list-style: none; }
a { color: inherit; }
.panels { display: grid; gap: 1rem 1.5rem; max-width: 76rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 23rem), 1fr)); }
.panels.single { grid-template-columns: minmax(0, 36rem); }
figure { margin: 0; }
figcaption { font-weight: 600; overflow-wrap: anywhere; margin-bottom: .2rem; }
ul.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0; list-style: none;
  max-width: 76rem; margin: .5rem 0; }
ul.legend li { display: flex; align-items: center; gap: .5rem; overflow-wrap: anywhere; }
ul.legend svg { flex: none; }
table { margin: .8rem 0; font-size: .93em; }
td, th { vertical-align: top; }
td.text { text-align: left; max-width: 26rem; overflow-wrap: anywhere; }
th.long { min-width: 7rem; max-width: 22rem; overflow-wrap: anywhere; }
td.wide { min-width: 11rem; }
tbody tr { border-bottom: 1px solid var(--grid); }
td.best { font-weight: 700; }
code { font-size: .93em; }
tr.changed th { font-weight: 700; } tr.changed { background: var(--mark); }
:root { --mark: #fff3cf; }
@media screen and (prefers-color-scheme: dark) { :root { --mark: #3a3115; } }
.note { color: var(--faint); }
@media print {
  nav { display: none; }
  .panels { grid-template-columns: 1fr 1fr; } .panels.single { grid-template-columns: 22rem; }
  section > p, ul.legend { break-after: avoid; break-inside: avoid; }
}
"""
_CODE = re.compile("`([^`]*)`")
_LONG = 12
_WIDE = 24
"""A column with a text of more characters is to have room."""


class Gates(NamedTuple):
    """The gates of a run, to be shown as heat maps."""

    run: str
    report: GateReport


Section = Chart | Gates


def page(title: str, introduction: Sequence[str], sections: Sequence[Section]) -> str:
    """Return a page: its title, some paragraphs of text, and its sections in order."""
    return document(title, svg.STYLE + heatmap.STYLE + _STYLE, _body(introduction, sections))


def _body(introduction: Sequence[str], sections: Sequence[Section]) -> Iterator[str]:
    for said in introduction:
        yield f"<p>{escaped(said)}</p>"
    yield "<nav><ul>"
    for i, section in enumerate(sections):
        yield f'<li><a href="#s{i}">{escaped(_title(section))}</a></li>'
    yield "</ul></nav>"
    for i, section in enumerate(sections):
        yield "<section>"
        yield f'<h2 id="s{i}">{escaped(_title(section))}</h2>'
        if isinstance(section, Gates):
            yield from heatmap.heat_maps(section.report, "h3")
        else:
            yield from _chart(section)
        yield "</section>"


def _title(section: Section) -> str:
    return f"Gates of {section.run}" if isinstance(section, Gates) else section.title


def _chart(chart: Chart) -> Iterator[str]:
    reading = _CODE.sub(r"<code>\1</code>", escaped(chart.reading))
    yield f"<p>{reading}</p>"
    for note in chart.notes:
        yield f'<p class="note">{escaped(note)}</p>'
    shared = legend(chart.panels)
    yield from _legend(shared)
    if chart.panels:
        yield f'<div class="panels{" single" if len(chart.panels) == 1 else ""}">'
        for panel in chart.panels:
            yield f"<figure><figcaption>{escaped(panel.title)}</figcaption>"
            yield from _legend(own_legend(panel, shared))
            yield f"{svg.drawn(panel)}</figure>"
        yield "</div>"
    for table in chart.tables:
        yield from _table(table)


def _legend(keys: Sequence[Key]) -> Iterator[str]:
    if keys:
        yield '<ul class="legend">'
        for key in keys:
            yield f"<li>{svg.swatch(key)}<span>{escaped(key.name)}</span></li>"
        yield "</ul>"


def _table(table: Table) -> Iterator[str]:
    yield '<div class="scroll">'
    yield "<table>"
    if table.caption:
        yield f"<caption>{escaped(table.caption)}</caption>"
    heads = (
        f'<th scope="col"{_kinds(_head_kinds(table, i))}>{escaped(head)}</th>'
        for i, head in enumerate(table.head)
    )
    yield f"<thead><tr>{''.join(heads)}</tr></thead>"
    yield "<tbody>"
    wide = {
        i for i in table.prose if any(len(row[i]) > _WIDE for row in table.rows if i < len(row))
    }
    for number, row in enumerate(table.rows):
        changed = ' class="changed"' if number in table.changed else ""
        cells = "".join(_cell(table, number, i, text, i in wide) for i, text in enumerate(row))
        yield f"<tr{changed}>{cells}</tr>"
    yield "</tbody>"
    yield "</table>"
    yield "</div>"


def _cell(table: Table, row: int, column: int, text: str, wide: bool) -> str:
    kinds = ["text"] if column in table.prose else []
    kinds += ["wide"] if wide else []
    kinds += ["best"] if (row, column) in table.best else []
    if column == 0 and not wide:
        return f'<th scope="row">{escaped(text)}</th>'
    return f"<td{_kinds(kinds)}>{escaped(text)}</td>"


def _head_kinds(table: Table, column: int) -> list[str]:
    kinds = ["name"] if column in table.prose else []
    return [*kinds, *(["long"] if len(table.head[column]) > _LONG else [])]


def _kinds(kinds: Sequence[str]) -> str:
    return f' class="{" ".join(kinds)}"' if kinds else ""
