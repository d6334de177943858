"""Draws charts with matplotlib, as figures for papers.

The only file that knows matplotlib, which is imported when a figure is asked for.
"""

from __future__ import annotations

import io
import logging
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from dssmcli.errors import MissingExtra
from dssmcli.serving.charts import (
    Bars,
    Cells,
    Chart,
    Diagonal,
    Key,
    Line,
    Links,
    Mark,
    Panel,
    Points,
    Rule,
    legend,
    own_legend,
)
from dssmcli.serving.scales import ranges, shortened, ticks

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56606b")
"""Okabe and Ito's, which the colour-blind can tell apart."""
_SHAPES = ("o", "s", "^", "D", "v", "P")
_INK, _FAINT, _GRID = "#22272e", "#8a929c", "#e3e5e8"
_FONTS = (
    *("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC"),
    *("WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "PingFang SC", "Hiragino Sans GB"),
    *("Microsoft YaHei", "SimHei", "Arial Unicode MS"),
)
"""The first that the system has, and after it those that have Chinese."""
_FILES = ("notosanscjk", "notosanssc", "sourcehansans", "wqy", "pingfang", "msyh", "simhei")
"""What the files of such fonts are called."""
_LONGEST_TITLE = 48
_COLUMN, _LEAST = 3.4, 2.4
"""Inches: how wide a panel is as a rule, and at least where there are several in a row."""
_METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
    "png": {"Software": None},
}
"""What would make two figures differ."""

Axes = Any


class Sheet(NamedTuple):
    """What a figure is drawn on: its format, inches of width if somebody said so, dots an inch."""

    form: str
    width: float | None
    dpi: int

    def columns(self, panels: int) -> int:
        """Return how many panels stand side by side: two, or more if there is room."""
        wide = 2 if self.width is None else int(self.width / _LEAST)
        return max(1, min(panels, wide))

    def inches(self, columns: int) -> float:
        """Return the width: if nobody gave one, that of as many columns of a paper."""
        return self.width or _COLUMN * columns


class Drawn(NamedTuple):
    """A figure's bytes, and what is wrong with it, if anything."""

    content: bytes
    warning: str


def figure(chart: Chart, sheet: Sheet) -> Drawn:
    """Draw a chart; MissingExtra without matplotlib."""
    try:
        # It tells of a folder for its own settings that it cannot write to, and does without.
        logging.getLogger("matplotlib").setLevel(logging.ERROR)
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("dssm plot", "matplotlib", "plot") from error
    with matplotlib.rc_context(_style()), _kept_warnings() as caught:
        columns = sheet.columns(len(chart.panels))
        rows = math.ceil(len(chart.panels) / columns)
        width = sheet.inches(columns)
        wide = width / columns
        high = max(_height(panel, wide) for panel in chart.panels)
        keys = legend(chart.panels)
        space = 0.22 * len(keys) + 0.1 if keys else 0.0
        sheet_of = Figure(figsize=(width, rows * high + space), layout="constrained")
        grid = sheet_of.subplots(rows, columns, squeeze=False)
        for axes, panel in zip(grid.flat, chart.panels, strict=False):
            _draw(axes, panel, len(chart.panels) > 1)
            _legend(axes, own_legend(panel, keys), loc="best", fontsize=6.5)
        for axes in grid.flat[len(chart.panels) :]:
            axes.remove()
        _legend(sheet_of, keys, loc="outside lower center", ncols=1)
        target = io.BytesIO()
        sheet_of.savefig(target, format=sheet.form, dpi=sheet.dpi, metadata=_METADATA[sheet.form])
    return Drawn(target.getvalue(), _warning(caught))


def _style() -> Any:
    return {
        "backend": "agg",
        "font.family": _fonts() or ["sans-serif"],
        "font.size": 8,
        "axes.titlesize": 8,
        "axes.titleweight": "bold",
        "axes.edgecolor": _FAINT,
        "axes.labelcolor": _INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.unicode_minus": False,
        "grid.color": _GRID,
        "xtick.color": _INK,
        "ytick.color": _INK,
        "legend.frameon": False,
        "text.parse_math": False,  # a $ in a name is a $
        "svg.fonttype": "none",
        "svg.hashsalt": "dssm",
        "pdf.fonttype": 42,
        "savefig.facecolor": "white",
    }


def _fonts() -> list[str]:
    """Return the fonts to draw with, of those that there are."""
    from matplotlib import font_manager

    there = set(font_manager.get_font_names())
    if not there & set(_FONTS[1:]):
        # What matplotlib knows of the system's fonts may be older than one with Chinese.
        for path in sorted(font_manager.findSystemFonts()):
            if any(stem in path.lower() for stem in _FILES):
                font_manager.fontManager.addfont(path)
        there = set(font_manager.get_font_names())
    return [name for name in _FONTS if name in there]


@contextmanager
def _kept_warnings() -> Iterator[list[warnings.WarningMessage]]:
    """Keep warnings that tell of a figure, to be told in one line."""
    with warnings.catch_warnings(record=True) as caught:
        for message in ("Glyph .* missing", "constrained_layout not applied"):
            warnings.filterwarnings("always", message=message)
        yield caught


def _warning(caught: list[warnings.WarningMessage]) -> str:
    if any("Glyph" in str(each.message) for each in caught):
        return (
            "Warning: no font here has some of the characters. Install one that has, such as Noto "
            "Sans CJK."
        )
    if caught:
        return "Warning: too narrow for what is written in it; give a larger --width."
    return ""


def _height(panel: Panel, wide: float) -> float:
    if panel.square:
        return wide
    if panel.y.names:
        return 0.75 + 0.24 * len(panel.y.names)
    return 0.72 * wide


def _draw(axes: Axes, panel: Panel, titled: bool) -> None:
    x, y = ranges(panel)
    if panel.x.logarithmic:
        axes.set_xscale("log")
        axes.set_xticks(*zip(*ticks(x, panel.x), strict=True))
        axes.minorticks_off()
    for mark in panel.marks:
        _DRAWERS[type(mark)](axes, mark, panel)
    axes.set_xlim(x.low, x.high)
    axes.set_ylim(*((y.high, y.low) if panel.y.names else (y.low, y.high)))
    axes.set_xlabel(panel.x.label)
    axes.set_ylabel(panel.y.label)
    if panel.x.names:
        axes.set_xticks(range(len(panel.x.names)), map(shortened, panel.x.names))
    if panel.y.names:
        axes.set_yticks(range(len(panel.y.names)), map(shortened, panel.y.names))
    if titled:
        axes.set_title(shortened(panel.title, _LONGEST_TITLE), loc="left")


def _colour(series: int) -> str:
    return _COLOURS[series % len(_COLOURS)]


def _shape(series: int) -> str:
    return _SHAPES[series % len(_SHAPES)]


def _line(axes: Axes, mark: Line, _: Panel) -> None:
    style = "--" if mark.dashed or mark.series >= len(_COLOURS) else "-"
    shape = _shape(mark.series) if mark.dotted_with_points else ""
    axes.plot(mark.x, mark.y, style, color=_colour(mark.series), marker=shape, markersize=3, lw=1.2)


def _bars(axes: Axes, mark: Bars, _: Panel) -> None:
    colour = _colour(mark.series)
    axes.stairs(mark.heights, mark.edges, fill=True, color=colour, alpha=0.3)
    axes.stairs(mark.heights, mark.edges, color=colour, lw=0.9)


def _points(axes: Axes, mark: Points, _: Panel) -> None:
    colour = _colour(mark.series)
    for low, high, y in zip(mark.low, mark.high, mark.y, strict=False):
        axes.plot([low, high], [y, y], color=colour, lw=1.2)
    size = 22 if mark.big else 7
    edge = {"edgecolors": "white", "linewidths": 0.6} if mark.big else {"linewidths": 0}
    alpha = 1.0 if mark.big else 0.7
    axes.scatter(
        mark.x,
        mark.y,
        size,
        color=colour,
        marker=_shape(mark.series),
        alpha=alpha,
        zorder=3,
        **edge,
    )


def _links(axes: Axes, mark: Links, _: Panel) -> None:
    from matplotlib.collections import LineCollection

    ends = zip(mark.x, mark.y, mark.to_x, mark.to_y, strict=True)
    lines = [((a, b), (c, d)) for a, b, c, d in ends]
    axes.add_collection(LineCollection(lines, colors=_FAINT, linewidths=0.4, alpha=0.6))


def _rule(axes: Axes, mark: Rule, _: Panel) -> None:
    draw = axes.axvline if mark.axis == "x" else axes.axhline
    draw(mark.at, color=_INK, lw=1, ls="--")


def _diagonal(axes: Axes, _: Diagonal, panel: Panel) -> None:
    x, y = ranges(panel)
    ends = [max(x.low, y.low), min(x.high, y.high)]
    axes.plot(ends, ends, color=_FAINT, lw=1, ls=":")


def _cells(axes: Axes, mark: Cells, _: Panel) -> None:
    top = max(max(row) for row in mark.values)
    axes.imshow(mark.values, cmap="Blues", vmin=0, vmax=top, aspect="auto")
    axes.grid(False)
    for y, row in enumerate(mark.values):
        for x, value in enumerate(row):
            colour = "white" if value > 0.6 * top else _INK
            axes.text(x, y, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=6.5)


_DRAWERS: dict[type[Mark], Callable[[Axes, Any, Panel], None]] = {
    Line: _line,
    Bars: _bars,
    Points: _points,
    Links: _links,
    Rule: _rule,
    Diagonal: _diagonal,
    Cells: _cells,
}


def _legend(place: Any, keys: list[Key], **how: Any) -> None:
    """Put a legend into a figure or one of its panels, if there is anything to tell."""
    names = (shortened(key.name, _LONGEST_TITLE) for key in keys)
    # A label that begins with an underscore would be left out.
    labels = [f" {name}" if name.startswith("_") else name for name in names]
    if keys:
        place.legend([_sample(key.mark) for key in keys], labels, **how)


def _sample(mark: Mark) -> Any:
    """Return what stands for a mark in the legend."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if isinstance(mark, Bars):
        colour = _colour(mark.series)
        return Patch(facecolor=(colour, 0.3), edgecolor=colour)
    if isinstance(mark, Points):
        return Line2D([], [], ls="", marker=_shape(mark.series), color=_colour(mark.series))
    if isinstance(mark, Line):
        style = "--" if mark.dashed or mark.series >= len(_COLOURS) else "-"
        shape = _shape(mark.series) if mark.dotted_with_points else ""
        return Line2D([], [], ls=style, marker=shape, ms=4, color=_colour(mark.series))
    if isinstance(mark, Rule):
        return Line2D([], [], ls="--", lw=1, color=_INK)
    return Line2D([], [], ls=":", lw=1, color=_FAINT)
