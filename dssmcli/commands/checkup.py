"""A check-up in words for people, and in JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dssmcli.errors import counted

if TYPE_CHECKING:
    from dssmcli.data.doctor import Checkup, Examined, Example, Figures
    from dssmcli.data.file_kind import FileKind
    from dssmcli.data.findings import Finding
    from dssmcli.data.located import Located
    from dssmcli.data.located_table import FileRows
    from dssmcli.data.overlap import Overlap, Shared
    from dssmcli.data.survey import Side, Spread

_WIDTH = 20
_KINDS = {
    "click": "every row is a click",
    "clicks": "clicks: a count, 0 = shown and not clicked",
    "label": "label: 1 = match, 0 = no match",
    "grade": "grade: the higher, the better the match",
    None: "not clear, see the findings",
}

Entry = tuple[str, str]


def json_lines(checkup: Checkup, findings: list[Finding], kind: FileKind) -> list[str]:
    """Return an object for each file, each overlap and each finding."""
    objects = [
        *(_json_of_file(file) | {"read_as": kind.kind} for file in checkup.files),
        *({"type": "overlap", **asdict(overlap)} for overlap in checkup.overlaps),
        *({"type": "finding", **asdict(finding)} for finding in findings),
    ]
    return [json.dumps(each, ensure_ascii=False) for each in objects]


def _json_of_file(file: Examined) -> dict[str, Any]:
    rows = file.rows
    found: dict[str, Any] = {
        "type": "file",
        "file": rows.file,
        "role": file.role,
        "rows": len(rows),
        "bad_rows": rows.bad,
        "bad_rows_shown": list(rows.faults),
        "kind": file.meaning.kind,
    }
    if file.figures is None:
        return found
    figures = asdict(file.figures)
    repeats = figures["repeats"]
    del repeats["contradiction_places"], repeats["swapped_places"]
    figures["repeats"] |= {
        "contradictions_shown": [each._asdict() for each in file.figures.contradictions],
        "swapped_shown": [each._asdict() for each in file.figures.swapped],
    }
    del figures["contradictions"], figures["swapped"]
    for name in ("suited", "unknown", "baseline"):
        value = getattr(file.figures, name)
        figures[name] = None if value is None else value._asdict()
    return found | figures


def report_lines(checkup: Checkup, findings: list[Finding], kind: FileKind) -> Iterator[str]:
    """Yield the lines of the report."""
    for file in checkup.files:
        entries = _of_file(file, checkup.request.lookup.max_units)
        yield from section(file.rows.file, [*rows_and_faults(file.rows), read_as(kind), *entries])
    for overlap in checkup.overlaps:
        yield from section(f"{overlap.file}, beside {overlap.other}", _of_overlap(overlap))
    yield from finding_lines(findings, several=len(checkup.files) > 1)


def read_as(kind: FileKind) -> Entry:
    """Return what a file is taken for, and why."""
    from dssmcli.data.file_kind import SPOKEN

    return "read as", f"{SPOKEN[kind.kind]}, {kind.why}"


def finding_lines(findings: Sequence[Finding], several: bool) -> Iterator[str]:
    """Yield findings, two lines each; several: whether there are several files."""
    yield "findings" if findings else "findings: none"
    for finding in findings:
        where = f"{finding.file}: " if several else ""
        yield f"  {finding.level:<8} {where}{_what(finding)}"
        place = f"First: {finding.place}. " if finding.place else ""
        yield f"  {'':<8} {place}{finding.todo}".rstrip()


_WHOLE = (
    *("unreadable", "no_rows", "values_unclear", "one_row", "other_format", "impressions_unclear"),
    *("header_like", "header_names", "values_spelled", "not_read", "labels_unclear", "no_features"),
    *("one_label", "label_copy", "leak", "outcome", "column", "sorted", "unit", "other_balance"),
    *("short_histories", "unread_time", "no_time", "no_dates", "dates_as_numbers", "no_history"),
    *("no_watch_time", "rises_with_time", "half_a_day", "columns_unclear", "unlike_numbers"),
    *("other_unit", "far_labels"),
)
"""Findings that are not of so many things, but of one."""


def _what(finding: Finding) -> str:
    return finding.what if finding.code in _WHOLE else f"{finding.count:,} × {finding.what}"


def section(name: str, entries: Iterable[Entry]) -> Iterator[str]:
    """Yield a name and what is known of it."""
    yield name
    for label, value in entries:
        yield f"  {label:<{_WIDTH}}{value}".rstrip()
    yield ""


def rows_and_faults(rows: Located | FileRows) -> Iterator[Entry]:
    """Yield how many rows a file has, and what is wrong with the first of those that are bad."""
    yield "rows", f"{len(rows):,}, and {counted(rows.bad, 'bad row')}"
    for fault in rows.faults:
        yield "", fault
    if rows.bad > len(rows.faults):
        yield "", f"… and {rows.bad - len(rows.faults):,} more"


def _of_file(file: Examined, most: int) -> Iterator[Entry]:
    if file.figures is None:
        return
    yield "values", _KINDS[file.meaning.kind]
    yield from _of_values(file)
    yield from _of_shape(file.figures)
    yield from _of_repeats(file, file.figures)
    for name, side in (("query", file.figures.query), ("title", file.figures.title)):
        yield from _of_side(name, side, most)
    yield from _of_text(file.figures)


def _of_values(file: Examined) -> Iterator[Entry]:
    assert file.figures is not None
    values, rows = file.figures.values, len(file.rows)
    if file.meaning.kind == "click":
        return
    if values.counts:
        shares = (
            f"{name}: {count:,} ({count / rows:.1%})" for name, count in values.counts.items()
        )
        yield "", "  ".join(shares)
    if file.meaning.kind != "label":
        yield "", f"{_spread(values.spread)}, {values.zeros:,} are 0"
    if file.meaning.kind is None:
        return
    matches = f"{counted(values.matches, 'row')} ({values.matches / rows:.1%})"
    if values.match_grade is not None:
        matches += f", a grade of {values.match_grade:g} or more"
    yield "matches", matches
    without, only = values.queries_without_match, values.queries_of_matches
    yield "", f"{without:,} queries have none, {only:,} have nothing else"


def _of_shape(figures: Figures) -> Iterator[Entry]:
    shape = figures.shape
    a_query = f"rows: median {shape.rows_median:g}, at most {shape.rows_max:,} a query"
    yield "distinct queries", f"{shape.queries:,}; {a_query}"
    yield "", f"the ten most frequent take {shape.top_share:.1%} of the rows"
    shared = f"{shape.shared_titles:,} stand with ten queries or more, one with"
    yield "distinct titles", f"{shape.titles:,}; {shared} {shape.widest_title:,}"


def _of_repeats(file: Examined, figures: Figures) -> Iterator[Entry]:
    found = figures.repeats
    yield "repeated rows", f"{found.rows:,}, byte for byte"
    again = (
        f"in {counted(found.pair_rows, 'row')} too many, {found.same_value:,} with the same value"
    )
    yield "repeated pairs", f"{found.pairs:,}, {again}"
    known = file.meaning.kind is not None
    yield "contradictions", counted(found.contradictions, "pair") if known else "not known"
    yield from (("", _example(each)) for each in figures.contradictions)
    if found.mixed_clicks:
        yield "", f"{counted(found.mixed_clicks, 'pair')} with clicks here and none there"
    yield "swapped", counted(found.swapped, "pair")
    yield from (("", _example(each)) for each in figures.swapped)
    other = found.self_pairs - found.self_matches
    yield (
        "query = title",
        f"{counted(found.self_pairs, 'row')}: {found.self_matches:,} match, {other:,} do not",
    )


def _example(each: Example) -> str:
    values = ", ".join(
        f"{line:,}: {value:g}" for line, value in zip(each.lines, each.values, strict=True)
    )
    return f"lines {values}  {each.query} | {each.title}"


def _of_side(name: str, side: Side, most: int) -> Iterator[Entry]:
    yield f"{name} units", _spread(side.lengths)
    cut = side.truncated / side.lengths.of
    yield "", f"{side.truncated:,} ({cut:.1%}) longer than {most}, {side.empty:,} without any"
    shares = "  ".join(f"{script} {share:.1%}" for script, share in side.scripts.items())
    yield f"{name} script", shares


def _of_text(figures: Figures) -> Iterator[Entry]:
    yield "tokenizers", f"{', '.join(figures.suited.tokenizers)} (for {figures.suited.script})"
    if figures.unknown is not None:
        unknown = figures.unknown
        yield (
            "unknown to the run",
            f"{unknown.share:.2%} of the text, {unknown.features:,} features",
        )
        if unknown.features:
            yield "", f"most frequent: {'  '.join(unknown.most_frequent)}"
    if figures.baseline is not None:
        metric, value, rows = figures.baseline
        name = {"auc": "AUC", "spearman": "Spearman"}[metric]
        yield (
            "TF-IDF alone",
            f"{name} {value:.4f} on {counted(rows, 'row')}: what a model must beat",
        )


def _of_overlap(overlap: Overlap) -> Iterator[Entry]:
    for name in ("pairs", "queries", "titles", "texts"):
        shared: Shared = getattr(overlap, name)
        share = f"{shared.count:,} of {shared.of:,} ({shared.count / shared.of:.1%})"
        yield f"shared {name}", share + (", in any role" if name == "texts" else "")
    yield "units not seen", f"{overlap.unseen_units:,}, {overlap.unseen_share:.1%} of the text"


def _spread(found: Spread) -> str:
    parts = (("median", found.p50), ("90 %", found.p90), ("99 %", found.p99), ("max", found.high))
    return ", ".join(f"{name} {value:g}" for name, value in parts)
