"""Draws panels as SVG that stands in a page, whose style gives the colours."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from dssmcli.serving.charts import (
    Axis,
    Bars,
    Cells,
    Diagonal,
    Key,
    Line,
    Links,
    Mark,
    Numbers,
    Panel,
    Points,
    Range,
    Rule,
)
from dssmcli.serving.markup import escaped
from dssmcli.serving.scales import LONGEST_NAME, ranges, shortened, ticks, width_of

COLOURS = 6
_LIGHT = ("#0072b2", "#c84f00", "#00805e", "#a8447f", "#8a6700", "#5a6570")
_DARK = ("#5db8f0", "#ff9457", "#3fcb9f", "#ec9fce", "#e3bd45", "#aab4bf")
"""Okabe and Ito's colours, which the colour-blind can tell apart, each as dark or as light as it
takes for a contrast of 4 to the paper."""

STYLE = "\n".join(
    [
        "",
        *(f".s{i} {{ --c: {colour}; }}" for i, colour in enumerate(_LIGHT)),
        "@media screen and (prefers-color-scheme: dark) {",
        *(f"  .s{i} {{ --c: {colour}; }}" for i, colour in enumerate(_DARK)),
        "}",
        "svg.panel { display: block; width: 100%; height: auto;",
        "  font: 12px system-ui, sans-serif; }",
        "svg text { fill: var(--ink); } svg .soft { fill: var(--faint); }",
        "svg .grid { stroke: var(--grid); } svg .axis { stroke: var(--line); }",
        "svg .line { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }",
        "svg .dashed { stroke-dasharray: 6 4; }",
        "svg .bars { fill: var(--c); fill-opacity: .3; stroke: var(--c); stroke-width: 1.2; }",
        "svg .point { fill: var(--c); fill-opacity: .75; stroke: none; }",
        "svg .big { fill-opacity: 1; stroke: var(--paper); stroke-width: 1.5; }",
        "svg .whisker { stroke: var(--c); stroke-width: 2; }",
        "svg .link { fill: none; stroke: var(--faint); stroke-width: .6; stroke-opacity: .5; }",
        "svg .rule { stroke: var(--ink); stroke-width: 1.3; stroke-dasharray: 5 3; }",
        "svg .halo { paint-order: stroke; stroke: var(--paper); stroke-width: 4px; }",
        "svg .diagonal { stroke: var(--line); stroke-width: 1.3; stroke-dasharray: 2 3; }",
        "svg * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }",
        "",
    ]
)

_WIDTH, _HEIGHT = 440.0, 280.0
_SQUARE = 400.0
_RIGHT, _TOP, _BOTTOM = 14.0, 12.0, 44.0
_LEFT, _A_ROW = 62.0, 26.0
_LONGEST_LABEL = 50
_LETTER = 6.4


class _Place:
    """Where a panel's values lie in its picture."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.x_range, self.y_range = ranges(panel)
        names = panel.y.names
        said = (width_of(shortened(text)) for _, text in ticks(self.y_range, panel.y))
        self.left = max(_LEFT, (16 if names else 28) + _LETTER * max(said, default=0))
        height = _SQUARE if panel.square else _HEIGHT
        self.height = _TOP + _BOTTOM + _A_ROW * len(names) if names else height
        self.right, self.bottom = _WIDTH - _RIGHT, self.height - _BOTTOM

    def x(self, value: float) -> float:
        part = _part(value, self.x_range, self.panel.x)
        return self.left + part * (self.right - self.left)

    def y(self, value: float) -> float:
        part = _part(value, self.y_range, self.panel.y)
        span = self.bottom - _TOP
        return _TOP + part * span if self.panel.y.names else self.bottom - part * span


def _part(value: float, found: Range, axis: Axis) -> float:
    if axis.logarithmic:
        low, high = math.log(found.low), math.log(found.high)
        return (math.log(value) - low) / (high - low)
    return (value - found.low) / (found.high - found.low)


def drawn(panel: Panel) -> str:
    """Return a panel as one line of SVG."""
    place = _Place(panel)
    parts = [
        f'<svg class="panel" viewBox="0 0 {_WIDTH:g} {place.height:g}" role="img" '
        f'aria-label="{escaped(panel.title)}">',
        *_axes(place),
    ]
    rules = 0
    for mark in panel.marks:
        parts += _DRAWERS[type(mark)](mark, place)
        if isinstance(mark, Rule) and mark.axis == "x":
            parts += _rule_name(mark, place, rules)
            rules += 1
    return "".join([*parts, "</svg>"])


def swatch(key: Key) -> str:
    """Return the small picture of a legend's entry."""
    mark = key.mark
    if isinstance(mark, Bars):
        inner = f'<rect class="bars {_series(mark.series)}" x="2" y="2" width="24" height="10"/>'
    elif isinstance(mark, Points):
        inner = _symbol(mark.series, 14, 7, 5, f"point big {_series(mark.series)}", "")
    elif isinstance(mark, Line):
        classes = _line_classes(mark)
        inner = f'<line class="{classes}" x1="0" y1="7" x2="28" y2="7"/>'
        if mark.dotted_with_points:
            inner += _symbol(mark.series, 14, 7, 4, f"point big {_series(mark.series)}", "")
    else:
        kind = "rule" if isinstance(mark, Rule) else "diagonal"
        inner = f'<line class="{kind}" x1="0" y1="7" x2="28" y2="7"/>'
    return f'<svg width="28" height="14" aria-hidden="true">{inner}</svg>'


def _axes(place: _Place) -> Iterator[str]:
    panel, right, bottom = place.panel, place.right, place.bottom
    for value, said in ticks(place.y_range, panel.y):
        y = place.y(value)
        yield f'<line class="grid" x1="{place.left:g}" y1="{y:.1f}" x2="{right:g}" y2="{y:.1f}"/>'
        yield _text(place.left - 7, y + 4, said, "end")
    for value, said in _apart(ticks(place.x_range, panel.x), place):
        x = place.x(value)
        yield f'<line class="grid" x1="{x:.1f}" y1="{_TOP:g}" x2="{x:.1f}" y2="{bottom:g}"/>'
        yield _text(x, bottom + 16, said, "middle")
    yield (f'<path class="axis" fill="none" d="M{place.left:g} {_TOP:g}V{bottom:g}H{right:g}"/>')
    middle = (place.left + right) / 2
    yield _text(middle, place.height - 8, panel.x.label, "middle", "soft")
    if not panel.y.names and panel.y.label:
        y = (_TOP + bottom) / 2
        turned = f' transform="rotate(-90 13 {y:.1f})"'
        yield _text(13, y, panel.y.label, "middle", "soft", turned)


def _apart(found: list[tuple[float, str]], place: _Place) -> Iterator[tuple[float, str]]:
    """Yield the ticks whose texts do not run into the one before."""
    end = -math.inf
    for value, said in found:
        half = _LETTER * width_of(shortened(said)) / 2
        if place.x(value) - half > end:
            yield value, said
            end = place.x(value) + half + 6


def _text(x: float, y: float, said: str, anchor: str, kind: str = "", more: str = "") -> str:
    short = shortened(said, _LONGEST_LABEL if kind else LONGEST_NAME)
    whole = "" if short == said else f"<title>{escaped(said)}</title>"
    kinds = f' class="{kind}"' if kind else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kinds}{more}>'
        f"{whole}{escaped(short)}</text>"
    )


def _line(mark: Line, place: _Place) -> Iterator[str]:
    pen, steps = "M", []
    for x, y in zip(mark.x, mark.y, strict=True):
        if not math.isfinite(y):
            pen = "M"
            continue
        steps.append(f"{pen}{place.x(x):.1f} {place.y(y):.1f}")
        pen = "L"
    name = f"<title>{escaped(mark.name)}</title>" if mark.name else ""
    yield f'<path class="{_line_classes(mark)}" d="{"".join(steps)}">{name}</path>'
    if mark.dotted_with_points:
        texts = tuple(f"{x:g}: {y:.4g}" for x, y in zip(mark.x, mark.y, strict=True))
        yield from _points(Points(mark.x, mark.y, mark.series, "", texts), place, 3.5)


def _bars(mark: Bars, place: _Place) -> Iterator[str]:
    base = place.y(0.0)
    steps = [f"M{place.x(mark.edges[0]):.1f} {base:.1f}"]
    for height, edge in zip(mark.heights, mark.edges[1:], strict=True):
        steps.append(f"V{place.y(height):.1f}H{place.x(edge):.1f}")
    steps.append(f"V{base:.1f}Z")
    name = f"<title>{escaped(mark.name)}</title>" if mark.name else ""
    yield f'<path class="bars {_series(mark.series)}" d="{"".join(steps)}">{name}</path>'


def _points(mark: Points, place: _Place, size: float = 0.0) -> Iterator[str]:
    for low, high, y in zip(mark.low, mark.high, mark.y, strict=False):
        if math.isfinite(low) and math.isfinite(high):
            yield (
                f'<line class="whisker {_series(mark.series)}" x1="{place.x(low):.1f}" '
                f'y1="{place.y(y):.1f}" x2="{place.x(high):.1f}" y2="{place.y(y):.1f}"/>'
            )
    size = size or (5.5 if mark.big else 3.2)
    classes = f"point {_series(mark.series)}{' big' if mark.big else ''}"
    texts = mark.texts or ("",) * len(mark.x)
    for x, y, text in zip(mark.x, mark.y, texts, strict=True):
        if math.isfinite(x) and math.isfinite(y):
            yield _symbol(mark.series, place.x(x), place.y(y), size, classes, text)


def _symbol(series: int, x: float, y: float, size: float, classes: str, text: str) -> str:
    """Return a mark whose shape goes with its colour: a circle, square, triangle or diamond."""
    title = f"<title>{escaped(text)}</title>" if text else ""
    kind = series % 4
    if kind == 0:
        return f'<circle class="{classes}" cx="{x:.1f}" cy="{y:.1f}" r="{size:g}">{title}</circle>'
    half, high = size * 0.9, size * 1.15
    path = {
        1: f"M{x - half:.1f} {y - half:.1f}h{2 * half:.1f}v{2 * half:.1f}h{-2 * half:.1f}z",
        2: f"M{x:.1f} {y - high:.1f}l{high:.1f} {1.8 * high:.1f}h{-2 * high:.1f}z",
        3: f"M{x:.1f} {y - 1.2 * high:.1f}l{high:.1f} {1.2 * high:.1f}l{-high:.1f} "
        f"{1.2 * high:.1f}l{-high:.1f} {-1.2 * high:.1f}z",
    }[kind]
    return f'<path class="{classes}" d="{path}">{title}</path>'


def _links(mark: Links, place: _Place) -> Iterator[str]:
    ends: tuple[Numbers, ...] = (mark.x, mark.y, mark.to_x, mark.to_y)
    steps = [
        f"M{place.x(a):.1f} {place.y(b):.1f}L{place.x(c):.1f} {place.y(d):.1f}"
        for a, b, c, d in zip(*ends, strict=True)
    ]
    yield f'<path class="link" d="{"".join(steps)}"/>'


def _rule(mark: Rule, place: _Place) -> Iterator[str]:
    if mark.axis == "x":
        x1 = x2 = place.x(mark.at)
        y1, y2 = _TOP, place.bottom
    else:
        x1, x2 = place.left, place.right
        y1 = y2 = place.y(mark.at)
    yield f'<line class="rule" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _rule_name(mark: Rule, place: _Place, number: int) -> Iterator[str]:
    """Yield the name of an upright rule, on the side of it that has more room."""
    x = place.x(mark.at)
    on_the_left = x > (place.left + place.right) / 2
    shift, anchor = (-5, "end") if on_the_left else (5, "start")
    yield _text(x + shift, _TOP + 12 + 15 * number, mark.name, anchor, "halo")


def _diagonal(_: Diagonal, place: _Place) -> Iterator[str]:
    low = max(place.x_range.low, place.y_range.low)
    high = min(place.x_range.high, place.y_range.high)
    yield (
        f'<line class="diagonal" x1="{place.x(low):.1f}" y1="{place.y(low):.1f}" '
        f'x2="{place.x(high):.1f}" y2="{place.y(high):.1f}"/>'
    )


def _no_cells(_: Cells, __: _Place) -> Iterator[str]:
    raise AssertionError("a page has cells in tables: see serving.heatmap")


_DRAWERS: dict[type[Mark], Callable[..., Iterator[str]]] = {
    Line: _line,
    Bars: _bars,
    Points: _points,
    Links: _links,
    Rule: _rule,
    Diagonal: _diagonal,
    Cells: _no_cells,
}


def _series(number: int) -> str:
    return f"s{number % COLOURS}"


def _line_classes(mark: Line) -> str:
    dashed = mark.dashed or mark.series >= COLOURS
    return f"line {_series(mark.series)}{' dashed' if dashed else ''}"
