"""A check-up of logs in words for people, and in JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from dssmcli.commands.check_table import as_json, column_objects, finding_objects, of_columns
from dssmcli.commands.checkup import (
    Entry,
    finding_lines,
    read_as,
    rows_and_faults,
    section,
)
from dssmcli.errors import counted, shown

if TYPE_CHECKING:
    from dssmcli.data.file_kind import FileKind
    from dssmcli.data.log_doctor import LogCheckup
    from dssmcli.data.log_figures import LogFigures, Share, Times
    from dssmcli.data.log_findings import LogOverlap


def json_lines(checkup: LogCheckup, kind: FileKind) -> Iterator[str]:
    """Yield an object for each file, column, overlap and finding; `all` for several files."""
    for file in checkup.files:
        plain = {
            "file": file.rows.file,
            "role": file.role,
            "rows": len(file.rows),
            "bad_rows": file.rows.bad,
            "bad_rows_shown": list(file.rows.faults),
            "read_as": kind.kind,
        }
        yield as_json("file", plain | ({} if file.figures is None else asdict(file.figures)))
    if checkup.whole is not None:
        yield as_json("all", asdict(checkup.whole))
    yield from column_objects(checkup.columns)
    for overlap in checkup.overlaps:
        yield as_json("overlap", overlap._asdict())
    yield from finding_objects(checkup.findings)


def report_lines(checkup: LogCheckup, kind: FileKind) -> Iterator[str]:
    """Yield the lines of the report."""
    noun = kind.kind
    for file in checkup.files:
        entries = [*rows_and_faults(file.rows), read_as(kind)]
        if file.figures is not None:
            entries += _of_events(file.figures, noun)
        yield from section(file.rows.file, entries)
    if checkup.whole is not None:
        yield from section("all of them", _of_events(checkup.whole, noun))
    if checkup.columns:
        rows = sum(len(file.rows) for file in checkup.files if file.role == "train")
        yield from section("columns", of_columns(checkup.columns, rows))
    for overlap in checkup.overlaps:
        yield from section(f"{overlap.file}, beside {overlap.other}", _of_overlap(overlap))
    yield from finding_lines(checkup.findings, several=len(checkup.files) > 1)


def _of_events(figures: LogFigures, noun: str) -> Iterator[Entry]:
    yield from _of_share("user", figures.users, figures.events, noun)
    yield from _of_share("item", figures.items, figures.events, noun)
    again = figures.again / figures.events
    yield "again", f"{again:.1%} are of an item that the user had before"
    if figures.times is not None:
        yield from _of_times(figures.times)
        said = "events of one user, item and moment stand above already"
        yield "repeated", f"{figures.same:,} {said}"
    if figures.clicks is not None:
        clicks = figures.clicks
        share = clicks.clicked / figures.events
        yield "clicked", f"{clicks.clicked:,} ({share:.1%}), {clicks.unwatched:,} without a time"
        yield "watched", f"median {clicks.median:.4g} s, 99 % {clicks.p99:.4g} s of those clicked"
        yield "", f"{clicks.unclicked:,} watched without a click"


def _of_share(role: str, share: Share, events: int, noun: str) -> Iterator[Entry]:
    spread = f"median {share.median:g}, 99 % {share.p99:g}, max {share.most_events:,}"
    yield f"{role}s", f"{share.count:,}; {noun} each: {spread}"
    one = f"{share.once:,} ({share.once / share.count:.1%}) have one"
    top = f"the 1 % with most have {share.top:.1%} of all"
    yield "", f"{one}, {top}; most: {shown(share.most)} ({share.most_events / events:.1%})"


def _of_times(times: Times) -> Iterator[Entry]:
    days = f" ({times.days:.4g} days)" if times.unit else ""
    yield "from", f"{times.first} to {times.last}{days}"
    unit = f"counted in {times.unit}" if times.unit else "no moments since 1970 in any unit"
    yield "moments", f"{unit}, rows {times.order}; {times.tied:,} at that of another of the user"
    if times.unit is not None:
        quiet = f"{counted(times.quiet_days, 'day')} without any"
        yield "a day", f"median {times.a_day:g}, {quiet}"
        if times.gap_after:
            yield "longest gap", f"{_long(times.gap)}, from {times.gap_after}"


def _long(days: float) -> str:
    """Return a time in words."""
    return f"{days:.1f} days" if days >= 1 else f"{24 * days:.1f} hours"


def _of_overlap(overlap: LogOverlap) -> Iterator[Entry]:
    share = f"{overlap.events:,} of {overlap.of:,} ({overlap.events / overlap.of:.1%})"
    yield "shared events", share
    yield "early", f"{overlap.early:,} before the last moment of the other"
    yield "new users", f"{overlap.users:,} of {overlap.of_users:,}"
    yield "new items", f"{overlap.items:,} of {overlap.of_items:,}"
