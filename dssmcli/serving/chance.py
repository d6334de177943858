"""Figures of a run that are lower than those of chance: labels are then mostly turned round."""

from __future__ import annotations

from dssmcli import metrics
from dssmcli.errors import WARNING
from dssmcli.serving.reports import Report, bare

_UNKNOWN_SHARE = 0.1
"""Taken for the share of positive rows where no figure says it."""
_TURNED = {
    "label": "Are the labels turned round? Expected: 1 = match, 0 = no match.",
    "grade": "Are low grades the good ones? Expected: the higher, the better the match.",
}
_TURNED_OTHERS = "Are the labels turned round? Expected: 1 for what is to be predicted."


def chance_warning(report: Report, run: str) -> str:
    """Return a warning where figures of a run are lower than chance, and their intervals, too."""
    low = [f"{name} {value:.4f}" for name, value in report.figures.items() if _is_low(report, name)]
    if not low:
        return ""
    asked = _TURNED.get(report.kind, _TURNED_OTHERS)
    return f"{WARNING}lower than chance by {run}: {', '.join(low)}. {asked}"


def _is_low(report: Report, name: str) -> bool:
    value, interval = report.figures[name], report.intervals.get(name)
    if bare(name) == "auc":
        share = report.figures.get(f"{name[:-3]}positive_share", _UNKNOWN_SHARE)
        positives = share * report.rows
        chance, doubt = 0.5, metrics.auc_doubt(positives, report.rows - positives)
    elif bare(name) == "spearman":
        chance, doubt = 0.0, metrics.correlation_doubt(report.rows)
    else:
        return False
    return value < chance - doubt and (interval is None or interval.high < chance)
