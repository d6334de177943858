"""Watch times in another unit than those learned from, and clicks that are turned round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.column_command import column_command
from dssmcli.data.roles import unit_in
from dssmcli.data.source_rows import SourceRows
from dssmcli.errors import WARNING, counted

Floats = npt.NDArray[np.float64]

_ENOUGH = 50
_TIMES = 5.0
"""So many times longer or shorter is another unit, rather than another day."""
_NEAR = log(3.0)
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
_FEWEST_ROUND = 10
_GAP = log(5.0)
"""Watch times leave no such gap between the fewest and the most."""
_FAR_GAP, _FAR_MEAN = log(10.0), 2.0
"""So far above all others, and so many times the mean without them, are no long watches."""
_HOUR, _SHORT = 3600.0, 0.5


def scale_lines(
    name: str, clicked: Floats, watched: Floats, learned: float, unit: str
) -> Iterator[str]:
    """Warn of watch times (N,), in seconds, that are far from those learned from.

    name: of their column. learned: seconds that clicked impressions were watched for there on
    average. unit: what both logs are read in.
    """
    times = watched[clicked > 0]
    if len(times) < _ENOUGH or not learned > 0:
        return
    if doubt_in(watched, clicked, unit) or any(
        (*round_lines("", "", clicked, watched), *mixed_lines("", clicked, watched))
    ):
        return  # it has been said, as far as it can be without those
    mean = float(times.mean())
    longer = mean >= _TIMES * learned and float(np.median(times)) > learned
    shorter = mean * _TIMES <= learned and float(np.quantile(times, 0.9)) < learned
    if longer or shorter:
        yield (
            f"{WARNING}{name}: clicked impressions are watched for {mean:,.3g} s on average, those "
            f"learned from {learned:,.3g} s.{_todo(mean, learned, unit)}"
        )


def share_lines(name: str, clicked: Floats, learned: float) -> Iterator[str]:
    """Warn of a share of clicks (N,) that is far from the one learned from."""
    count, share = len(clicked), float(clicked.mean()) if len(clicked) else 0.0
    if not 0 < learned < 1 or count * min(learned, 1 - learned) < _FEWEST_ROUND:
        return
    odds = (share + 0.5 / count) / (1 - share + 0.5 / count) / (learned / (1 - learned))
    if max(odds, 1 / odds) >= _TIMES:
        yield (
            f"{WARNING}{name}: {share:.1%} of {counted(count, 'impression')} are clicked, of those "
            f"learned from {learned:.1%}: is it the same column, and are all impressions there?"
        )


def mixed_lines(name: str, clicked: Floats, watched: Floats) -> Iterator[str]:
    """Warn of watch times (N,) of which some are a thousand, or sixty, times the others."""
    times = np.sort(watched[(clicked > 0) & (watched > 0)])
    fewest = max(_FEWEST_ROUND, len(times) // 20)
    if len(times) < _ENOUGH:
        return
    steps = np.diff(np.log(times))[fewest - 1 : -fewest + 1]
    place = int(np.argmax(steps))
    low, high = times[: place + fewest], times[place + fewest :]
    ratio = float(np.median(high) / np.median(low))
    units = [each for each in (60, 1000) if abs(log(ratio / each)) < log(2)]
    if steps[place] >= _GAP and units:
        yield (
            f"{WARNING}{name}: {len(high):,} of {counted(len(times), 'watch time')} lie about "
            f"{units[0]:,} times above the others, from {float(high[0]):,.4g} s on, and none "
            f"between {float(low[-1]):,.4g} and that: are they in two units? Write all in one."
        )


def far_lines(name: str, clicked: Floats, watched: Floats) -> Iterator[str]:
    """Warn of few watch times (N,) far beyond all others, which make most of the mean."""
    times = np.sort(watched[(clicked > 0) & (watched > 0)])
    top = max(1, len(times) // 10)
    if len(times) < _ENOUGH:
        return
    steps = np.diff(np.log(times[-top - 1 :]))
    first = len(times) - top + int(np.argmax(steps))
    low, high = times[:first], times[first:]
    if steps.max() >= _FAR_GAP and times.mean() >= _FAR_MEAN * low.mean():
        yield (
            f"{WARNING}{name}: {len(high):,} of {counted(len(times), 'watch time')} of clicks "
            f"{'is' if len(high) == 1 else 'are'} {float(high[0]):,.6g} s or more, all others "
            f"{float(low[-1]):,.6g} s at most: the mean is {float(times.mean()):,.3g} s, without "
            f"these {float(low.mean()):,.3g}. Were pages left open? Write {float(low[-1]):,.6g} s "
            "there, or leave such rows out."
        )


def _todo(mean: float, learned: float, unit: str) -> str:
    """Say in which unit times may be, and what to do."""
    if not mean:
        return " Are the times missing?"
    far = {
        other: abs(log(seconds / _SECONDS[unit] * mean / learned))
        for other, seconds in _SECONDS.items()
        if other != unit
    }
    other = min(far, key=far.__getitem__)
    if far[other] > _NEAR:
        return f" If they are in another unit, write them in {unit}."
    return f" If they are in {other}, write them in {unit}."


def round_lines(name: str, watch_time: str, clicked: Floats, watched: Floats) -> Iterator[str]:
    """Warn of clicks (N,) that are turned round: what is clicked was not watched, the rest was."""
    yes, no = watched[clicked > 0], watched[clicked == 0]
    if min(len(yes), len(no)) < _FEWEST_ROUND:
        return
    idle, seen = int((yes == 0).sum()), int((no > 0).sum())
    if 2 * idle > len(yes) and 2 * seen > len(no):
        yield (
            f"{WARNING}{name}: {idle:,} of {counted(len(yes), 'impression')} clicked have a "
            f"{watch_time} of 0, and {seen:,} of {len(no):,} not clicked were watched: is a click "
            "written as 0? Write 1 for what is clicked, and 0 for all others."
        )


def unclicked_lines(name: str, clicked: Floats, watched: Floats) -> Iterator[str]:
    """Warn of watch times (N,) of impressions that were not clicked: nothing is learned of them."""
    no = watched[clicked == 0]
    seen = no[no > 0]
    if min(len(seen), len(watched) - len(no)) < _FEWEST_ROUND:
        return
    if len(seen) >= _MANY_UNCLICKED * len(no):
        yield (
            f"{WARNING}{name}: {len(seen):,} of {len(no):,} impressions not clicked were watched, "
            f"{float(seen.mean()):,.3g} s on average: only clicked ones teach how long. If these "
            "count, too, say by --clicked what counts as one."
        )


_MANY_UNCLICKED = 0.05


def unit_doubts(
    name: str,
    clicked: Floats,
    seconds: Floats,
    unit: str,
    advice: bool,
    files: Sequence[SourceRows],
) -> Iterator[str]:
    """Say where the unit of watch times (N,) looks wrong, by the column's name or by the median.

    advice: whether there is --unit. files: whose rows they are.
    """
    named = unit_in(name)
    if named not in (None, unit):
        yield f"Warning: watch times are counted in {unit}, though the name of {name} says {named}."
    doubts = [doubt_in(seconds[each.rows], clicked[each.rows], unit) for each in files]
    if any(doubts) and not all(doubts):
        for each, doubt in zip(files, doubts, strict=True):
            if doubt:
                todo = written_in(each.file, name, doubt.other, unit)
                said = f"{name}: {doubt.said[:-1]}, unlike the other files"
                yield f"{WARNING}{each.file}: {said}. If it is in {todo}"
        return
    doubt = doubt_in(seconds, clicked, unit)
    if doubt:
        todo = f"--unit {doubt.other}" if advice else f"write them in {unit}"
        yield f"{WARNING}{name}: {doubt.said} If it is in {doubt.other}: {todo}."


class Doubt(NamedTuple):
    """What is odd about watch times, and the unit that they may be in instead."""

    said: str
    other: str


def doubt_in(seconds: Floats, clicked: Floats, unit: str) -> Doubt | None:
    """Return what is odd about watch times (N,), None where nothing is."""
    watched = seconds[(clicked > 0) & (seconds > 0)]
    if not len(watched):
        return None
    middle = float(np.median(watched))
    other = (
        "ms" if unit == "s" and middle > _HOUR else "s" if unit == "ms" and middle < _SHORT else ""
    )
    said = f"clicked impressions were watched for {middle:,.4g} s at the median."
    return Doubt(said, other) if other else None


def mixed_units(clicked: Floats, seconds: Floats, unit: str, files: Sequence[SourceRows]) -> bool:
    """Tell whether in some of several files the unit of watch times (N,) looks wrong."""
    doubts = [doubt_in(seconds[each.rows], clicked[each.rows], unit) for each in files]
    return any(doubts) and not all(doubts)


def written_in(file: str, name: str, other: str, unit: str) -> str:
    """Say how to write a column of a file in the unit of the others."""
    factor = _SECONDS[other] / _SECONDS[unit]
    made = f"str(float(v) * {factor:g}) if v.strip() else v"
    command = column_command(file, name, made, f"-{unit}")
    return f"{other}, write it in {unit}" + (f": {command}." if command else ".")
