"""A flat picture of vectors: the two directions along which they differ most.

n texts, D vector.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.config import PLAIN, SIDES
from dssmcli.serving.charts import Axis, Chart, Links, Mark, Panel, Points
from dssmcli.serving.encoder import Encoder
from dssmcli.serving.scored import Scored

MAP = "map"
_PAIRS = 120
_SHOWN = 60
Floats = npt.NDArray[np.float64]


class Flat(NamedTuple):
    """Points (n, 2) in the plane in which they vary most, and what share of that it shows."""

    points: Floats
    share: float


def flattened(vectors: npt.NDArray[np.floating[npt.NBitBase]]) -> Flat:
    """Return vectors (n, D) in the plane of their first two principal components.

    In each direction the coordinate farthest from 0 is positive, so that the picture is always the
    same way up.
    """
    centred = vectors.astype(np.float64)
    centred -= centred.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    points = np.zeros((len(vectors), 2))
    kept = min(2, len(sizes))
    points[:, :kept] = left[:, :kept] * sizes[:kept]
    farthest = points[np.abs(points).argmax(axis=0), [0, 1]]
    points *= np.where(farthest < 0, -1.0, 1.0)
    whole = float((sizes**2).sum())
    share = float((sizes[:kept] ** 2).sum()) / whole if whole > 0 else 1.0
    # Rounded: the last digits are the processor's.
    return Flat(points.round(6) + 0.0, share)


def text_map(scored: Scored, seed: int) -> Chart:
    """Return where some matching queries and titles lie: a panel a run."""
    rows = np.flatnonzero(scored.positive)
    chosen = np.sort(np.random.default_rng([seed, 8]).permutation(rows)[:_PAIRS])
    reading = (
        "Some matching pairs, drawn at random: a query, its title, and a thin line between the two "
        "(touch a point for its text). Vectors of many dimensions are seen here from the side from "
        "which they differ most, so points that are near may yet be far apart, but what lies far "
        "apart does so. Short lines, and groups that mean something, are a good sign."
    )
    queries = [scored.queries[i] for i in chosen]
    titles = [scored.titles[i] for i in chosen]
    panels = tuple(
        _panel(encoder, name if len(scored.names) > 1 else "Queries and titles", queries, titles)
        for encoder, name in zip(scored.encoders, scored.names, strict=True)
        if len(chosen) > 1
    )
    notes = () if panels else ("Too few matching pairs for a map.",)
    return Chart(MAP, "A map of texts", reading, panels, notes=notes)


def _panel(encoder: Encoder, title: str, queries: list[str], titles: list[str]) -> Panel:
    # Of one kind where the run has such: the room of a side would part queries from titles.
    sides = SIDES if encoder.model.separate_towers else (PLAIN, PLAIN)
    vectors = np.concatenate(
        [encoder.encode(texts, side) for texts, side in zip((queries, titles), sides, strict=True)]
    )
    flat = flattened(vectors)
    asked, found = flat.points[: len(queries)], flat.points[len(queries) :]
    ends = (tuple(column.tolist()) for column in (*asked.T, *found.T))
    marks: tuple[Mark, ...] = (
        Links(*ends),
        _points(asked, queries, 0, "query"),
        _points(found, titles, 1, "title"),
    )
    said = f"{title}: {flat.share:.0%} of the variance shown"
    return Panel(said, Axis("first component"), Axis("second component"), marks, square=True)


def _points(points: Floats, texts: list[str], series: int, name: str) -> Points:
    x, y = (tuple(column.tolist()) for column in points.T)
    shown = tuple(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…" for text in texts)
    return Points(x, y, series, name, shown)
