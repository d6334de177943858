"""What charts show: plain numbers with their names, for the page as for matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class Axis:
    """An axis: what it measures, and from where to where; None: as far as there is something.

    logarithmic: equal steps are equal ratios. names: of the places 0, 1, ... where it has no
    numbers; the first one is on top, or on the left.
    """

    label: str
    low: float | None = None
    high: float | None = None
    logarithmic: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """A line through points, broken where one is nan; series: which colour, from 0."""

    x: Numbers
    y: Numbers
    series: int = 0
    name: str = ""
    dashed: bool = False
    dotted_with_points: bool = False


@dataclass(frozen=True)
class Bars:
    """A histogram: heights (n,) between edges (n + 1,)."""

    edges: Numbers
    heights: Numbers
    series: int = 0
    name: str = ""


@dataclass(frozen=True)
class Points:
    """Points, each with a text for whoever asks about it; low, high: their intervals along x."""

    x: Numbers
    y: Numbers
    series: int = 0
    name: str = ""
    texts: tuple[str, ...] = ()
    low: Numbers = ()
    high: Numbers = ()
    big: bool = False


@dataclass(frozen=True)
class Links:
    """Thin lines from points to points, all (n,)."""

    x: Numbers
    y: Numbers
    to_x: Numbers
    to_y: Numbers


@dataclass(frozen=True)
class Rule:
    """A line across the panel at a value of one axis, `x` or `y`."""

    axis: str
    at: float
    name: str = ""


@dataclass(frozen=True)
class Diagonal:
    """The line on which both axes say the same."""

    name: str = ""


@dataclass(frozen=True)
class Cells:
    """Weights from 0 on: a row a name of the y axis, a column a name of the x axis."""

    values: tuple[Numbers, ...]


Mark = Line | Bars | Points | Links | Rule | Diagonal | Cells


@dataclass(frozen=True)
class Panel:
    """One picture with its two axes."""

    title: str
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    square: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of texts under a head; the first column names the row.

    best: (row, column) of cells that are the best of their row. changed: rows that differ.
    prose: columns that hold texts rather than numbers, by number.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    best: frozenset[tuple[int, int]] = frozenset()
    changed: frozenset[int] = frozenset()
    prose: frozenset[int] = frozenset({0})
    caption: str = ""


@dataclass(frozen=True)
class Chart:
    """Something to look at with what it says.

    kind: what `dssm plot --kind` calls it. reading: how to read it. notes: what else to know.
    """

    kind: str
    title: str
    reading: str
    panels: tuple[Panel, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = field(default=())


class Range(NamedTuple):
    """From where to where an axis goes, low < high."""

    low: float
    high: float


class Key(NamedTuple):
    """An entry of a legend: a mark of its kind and colour."""

    mark: Mark
    name: str


def legend(panels: Sequence[Panel]) -> list[Key]:
    """Return an entry for each name that all panels have, in order of appearance."""
    if not panels:
        return []
    others = [set(_keys(panel)) for panel in panels[1:]]
    return [key for name, key in _keys(panels[0]).items() if all(name in each for each in others)]


def own_legend(panel: Panel, shared: Sequence[Key]) -> list[Key]:
    """Return the entries of a panel that are not shared by all."""
    known = {key.name for key in shared}
    return [key for name, key in _keys(panel).items() if name not in known]


def _keys(panel: Panel) -> dict[str, Key]:
    found: dict[str, Key] = {}
    for mark in panel.marks:
        name = "" if isinstance(mark, Links | Cells) else mark.name
        if name:
            found.setdefault(name, Key(mark, name))
    return found
