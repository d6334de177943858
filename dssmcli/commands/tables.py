"""How `dssm eval` shows figures: tables of tab-separated columns, and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from dssmcli.bootstrap import Difference, Interval
    from dssmcli.serving.reports import Report


class Evaluated(NamedTuple):
    """What was found in one file, run by run."""

    file: str
    reports: Sequence[Report]


def figure_table(found: Sequence[Evaluated]) -> Iterator[str]:
    """Yield a line a figure of one run, with a column a file."""
    from dssmcli.serving.reports import figure_text

    reports = [each.reports[0] for each in found]
    yield "\t".join(["metric", *(each.file for each in found)])
    yield "\t".join(["rows", *(str(report.rows) for report in reports)])
    for name in dict.fromkeys(name for report in reports for name in report.figures):
        yield "\t".join([name, *(figure_text(report, name) for report in reports)])


def model_table(found: Sequence[Evaluated], models: Sequence[str]) -> Iterator[str]:
    """Yield a line a file (named if there are several) and figure, with a column a model."""
    from dssmcli.serving.reports import figure_text

    several = len(found) > 1
    yield "\t".join([*(["file"] if several else []), "metric", *models])
    for file, reports in found:
        front = [file] if several else []
        yield "\t".join([*front, "rows", *(str(report.rows) for report in reports)])
        for name in reports[0].figures:
            yield "\t".join([*front, name, *(figure_text(report, name) for report in reports)])


def comparison_table(found: Sequence[Evaluated], runs: Sequence[str]) -> Iterator[str]:
    """Yield a line a file and figure, with columns for each run and for what sets it apart."""
    from dssmcli.serving.reports import compare, figure_text

    added = [word for run in runs[1:] for word in (run, "difference", "p", "verdict")]
    yield "\t".join(["file", "metric", runs[0], *added])
    for file, reports in found:
        first = reports[0]
        yield "\t".join([file, "rows", str(first.rows), *(4 * [""] * len(runs[1:]))])
        differences = [compare(first, report) for report in reports[1:]]
        for name in dict.fromkeys(name for report in reports for name in report.figures):
            fields = [file, name, figure_text(first, name)]
            for report, known in zip(reports[1:], differences, strict=True):
                fields += [figure_text(report, name), *_apart(name, known.get(name))]
            yield "\t".join(fields)


def _apart(name: str, difference: Difference | None) -> list[str]:
    """Return the columns of a difference: with its interval, p, and what it comes to."""
    if difference is None:
        return ["", "", ""]
    from dssmcli.serving.reports import between, form_of

    form = f"+{form_of(name)}"
    value = f"{difference.value:{form}}{between(difference.interval, form)}"
    p = "" if difference.p is None else f"{difference.p:.4f}"
    return [value, p, _verdict(name, difference) or ""]


def _verdict(name: str, difference: Difference) -> str | None:
    """Say whether the second run is better, worse, or that chance may account for all of it."""
    from dssmcli.serving.reports import lower_is_better

    if difference.p is None:
        return None
    if not difference.beyond_chance:
        return "chance"
    return "better" if (difference.value > 0) != lower_is_better(name) else "worse"


def json_lines(found: Sequence[Evaluated], runs: Sequence[str]) -> Iterator[str]:
    """Yield an object a file and run, and after those of a file one a comparison."""
    for file, reports in found:
        for run, report in zip(runs, reports, strict=True):
            rows = {"rows": report.rows, "kind": report.kind}
            rows |= {} if report.seen is None else report.seen.to_json()
            yield _json({"file": file, "run": run, **rows, **_with_limits(report)})
        for run, report in zip(runs[1:], reports[1:], strict=True):
            differences = _differences(reports[0], report)
            yield _json(
                {"file": file, "run": run, "compared_with": runs[0], "differences": differences}
            )


def _with_limits(report: Report) -> dict[str, float]:
    return {
        key: value
        for name, figure in report.figures.items()
        for key, value in ((name, figure), *_limits(report.intervals.get(name), f"{name}_"))
    }


def _differences(first: Report, second: Report) -> dict[str, Any]:
    from dssmcli.serving.reports import compare

    return {
        name: {
            "difference": found.value,
            **dict(_limits(found.interval, "")),
            **({} if found.p is None else {"p": found.p, "verdict": _verdict(name, found)}),
        }
        for name, found in compare(first, second).items()
    }


def _limits(interval: Interval | None, prefix: str) -> list[tuple[str, float]]:
    """Return the limits by name; one that is infinite is none, and JSON has no word for it."""
    if interval is None:
        return []
    limits = ((f"{prefix}low", interval.low), (f"{prefix}high", interval.high))
    return [(name, limit) for name, limit in limits if math.isfinite(limit)]


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)
