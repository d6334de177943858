"""Examines logs of watches and of impressions before a model learns from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dssmcli.data.column_figures import ColumnFigures, column_figures, kinds_in
from dssmcli.data.examples import examples_of
from dssmcli.data.features import Reader, Schema
from dssmcli.data.file_units import findings_of_units, numbers_in
from dssmcli.data.findings import ERROR, LEVELS, NOTE, WARNING, Finding, parted
from dssmcli.data.impressions import ImpressionColumns
from dssmcli.data.inference import FeatureInput, understand
from dssmcli.data.located import Faults
from dssmcli.data.located_table import FileRows, LocatedTable, read_located
from dssmcli.data.log_events import Events, impression_events, watch_events
from dssmcli.data.log_figures import LogFigures, figures_of
from dssmcli.data.log_findings import (
    Log,
    LogOverlap,
    findings_of_clicks,
    findings_of_overlap,
    findings_of_time,
    findings_of_users,
    overlap_of,
)
from dssmcli.data.log_reading import LogReading
from dssmcli.data.outcomes import findings_of_outcomes
from dssmcli.data.reading_findings import findings_of_reading, findings_of_unwatched
from dssmcli.data.source_rows import SourceRows
from dssmcli.data.table_findings import findings_of_column, findings_of_files
from dssmcli.data.tasks import Task
from dssmcli.data.tsv import BadRows
from dssmcli.data.watches import WatchColumns
from dssmcli.errors import ConfigError, DataError, shown

Tell = Callable[[int], None]

FEWEST = 20
"""Of fewer impressions nothing is learned, as youtube-ranking has it."""


@dataclass(frozen=True)
class LogRequest:
    """What to examine: logs to learn from and to measure on, and what a user says of the columns.

    rejects: gets the rows that cannot be used; skip: whether these are to be skipped. now: the
    moment of the examination, in seconds since 1970. way: how the training would read them.
    """

    sources: Sequence[str]
    valid_sources: Sequence[str]
    columns: WatchColumns | ImpressionColumns
    features: FeatureInput
    rejects: BadRows
    skip: bool
    now: float
    way: LogReading


@dataclass(frozen=True)
class LogFile:
    """A file: its role (train or valid), what was read of it, and its events' figures, if any."""

    role: str
    rows: FileRows
    figures: LogFigures | None


@dataclass(frozen=True)
class LogCheckup:
    """Everything that was found of logs. whole: of all files to learn from, if there are several.

    used: what the columns turned out to be, None if that is not clear.
    """

    files: tuple[LogFile, ...]
    whole: LogFigures | None
    used: WatchColumns | ImpressionColumns | None
    columns: tuple[ColumnFigures, ...]
    overlaps: tuple[LogOverlap, ...]
    findings: tuple[Finding, ...]


def examine_logs(request: LogRequest, tell: Tell) -> LogCheckup:
    """Read all files and look at them as a training would; `tell` is told of every row read.

    Raises ConfigError for a column that is named for two roles, or is not there.
    """
    examination = _Examination(request)
    train = examination.read(request.sources, "train", request.columns, tell)
    used = examination.used
    if request.valid_sources:
        examination.read(request.valid_sources, "valid", used or request.columns, tell)
    columns = examination.look(train) if train is not None else ()
    ordered = sorted(examination.findings, key=lambda each: LEVELS.index(each.level))
    several = train is not None and len(train.located.files) > 1
    return LogCheckup(
        files=tuple(examination.files),
        whole=train.figures if train is not None and several else None,
        used=used,
        columns=tuple(columns),
        overlaps=tuple(examination.overlaps),
        findings=tuple(ordered),
    )


class _Examination:
    """Looks at logs from one side after the other."""

    def __init__(self, request: LogRequest) -> None:
        self._request = request
        self._watches = isinstance(request.columns, WatchColumns)
        self.used: WatchColumns | ImpressionColumns | None = None
        self.findings: list[Finding] = []
        self.files: list[LogFile] = []
        self.overlaps: list[LogOverlap] = []
        self._later: list[tuple[Log, bool]] = []

    def read(
        self,
        sources: Sequence[str],
        role: str,
        columns: WatchColumns | ImpressionColumns,
        tell: Tell,
    ) -> Log | None:
        """Read the files of a role; None where they have no event."""
        located = read_located(sources, self._request.rejects, tell)
        events, faults = None, Faults()
        if located.table.rows:
            try:
                events, used = _events(located, columns, faults, self._request.way)
                self.used = self.used or used
            except DataError as error:
                what, todo = parted(str(error).removeprefix(f"{located.name}: "))
                found = Finding(ERROR, "not_read", located.table.rows, what, todo, located.name)
                self.findings.append(found)
        located = _with_faults(located, events, faults, self._request.rejects)
        self.findings += findings_of_files(located, self._request.skip)
        if role == "valid" and events is not None:
            self.findings += findings_of_reading(events.warnings, located.name, set())
        return self._log(located, role, events)

    def _log(self, located: LocatedTable, role: str, events: Events | None) -> Log | None:
        first: Log | None = None
        for file in located.files:
            some = None if events is None else events.take(file.rows)
            figures = None if some is None or not len(some) else figures_of(some)
            self.files.append(LogFile(role, file, figures))
            if some is None or figures is None:
                continue
            own = Log(replace(located, files=(file,)), some, figures, self._watches)
            if role == "valid":
                self._later.append((own, True))
            elif first is not None:
                self._later.append((own, False))
            first = first or own
        if events is None or first is None:
            return None
        if len(located.files) == 1:
            return first
        return Log(located, events, figures_of(events), self._watches)

    def look(self, train: Log) -> Sequence[ColumnFigures]:
        """Look at events to learn from, and at later ones beside them; return the columns."""
        used = self.used
        assert used is not None
        self.findings += findings_of_users(train, self._request.features.min_count)
        self.findings += findings_of_time(train, used.names, used.timestamp, self._request.now)
        self.findings += self._unlearnable(train)
        if train.watches:
            self.findings += findings_of_unwatched(train.located, used.names)
        schema = Schema((), ())
        if isinstance(used, ImpressionColumns):
            self.findings += findings_of_clicks(train, str(used.watch_time), str(used.unit))
            schema = self._features(train, used)
        codes = {each.code for each in self.findings}
        self.findings += findings_of_reading(train.events.warnings, train.name, codes)
        for later, measured in self._later:
            before = train
            if not measured:
                file = train.located.files[0]
                some = train.events.take(file.rows)
                located = replace(train.located, files=(file,))
                before = Log(located, some, figures_of(some), self._watches)
            overlap = overlap_of(later, before)
            self.overlaps.append(overlap)
            self.findings += findings_of_overlap(later, overlap, measured)
        columns = [*self._columns(train, schema)]
        for column in columns:
            if column.role == "feature":
                rows, few = train.located.table.rows, self._request.features.min_count
                self.findings += findings_of_column(column, rows, train.name, few)
        return columns

    def _unlearnable(self, log: Log) -> Iterator[Finding]:
        """Yield why a training would refuse the events."""
        count, name = log.figures.events, log.name
        if log.watches:
            if log.figures.users.most_events < 2:
                what = "No user has two watches, one after the other."
                todo = "Nothing can be learned: is --user the right column?"
                yield Finding(ERROR, "no_history", count, what, todo, name)
            return
        clicks = log.figures.clicks
        assert clicks is not None
        if count < FEWEST:
            what = f"Too few impressions, expected {FEWEST} or more."
            yield Finding(ERROR, "too_few", count, what, "Give more.", name)
        if not 0 < clicks.clicked < count:
            what = f"All impressions are {'' if clicks.clicked else 'not '}clicked."
            todo = "Expected both kinds: is --clicked the right column?"
            yield Finding(ERROR, "one_label", count, what, todo, name)
        elif clicks.unwatched == clicks.clicked:
            what = "No clicked impression was watched for longer than 0."
            todo = "Is --watch-time the right column?"
            yield Finding(ERROR, "no_watch_time", clicks.clicked, what, todo, name)

    def _features(self, train: Log, used: ImpressionColumns) -> Schema:
        """Return the features of impressions; what gives clicks away is found on the way."""
        given, events = self._request.features, train.events
        for name in (*given.ignored, *given.categorical, *given.numeric):
            if name in used.names:
                raise ConfigError(f"the column {shown(name)} is named for two roles, expected one.")
        whole = train.located.table
        rest = {n: c for n, c in whole.columns.items() if n not in used.names}
        table = whole._replace(columns=rest).take(events.row)
        try:
            found = understand(table, [], given)
        except DataError as error:
            if [name for name in rest if name not in given.ignored]:
                what, todo = parted(str(error))
                self.findings.append(Finding(NOTE, "no_features", 1, what, todo, train.name))
            return Schema((), ())
        for warning in found.warnings:
            what, todo = parted(warning)
            self.findings.append(Finding(WARNING, "column", 1, what, todo, train.name))
        self.findings += _units(train, found.schema, str(used.watch_time))
        reader = Reader(found.schema)
        assert events.clicked is not None and events.watched is not None
        labels = np.stack([events.clicked, events.watched], axis=1)
        examples = replace(examples_of(table, reader, [], train.name), labels=labels)
        tasks = (
            Task(str(used.clicked), str(used.clicked), "binary"),
            Task(str(used.watch_time), str(used.watch_time), "regression"),
        )
        self.findings += findings_of_outcomes(train, table, reader, examples, tasks)
        return found.schema

    def _columns(self, train: Log, schema: Schema) -> Iterator[ColumnFigures]:
        used, given = self.used, self._request.features
        assert used is not None
        roles = {name: role for role, name in used._asdict().items() if isinstance(name, str)}
        for role in ("context", "outcomes"):
            roles |= dict.fromkeys(getattr(used, role, ()), role.removesuffix("s"))
        kinds = kinds_in(schema)
        for name, column in train.located.table.columns.items():
            role = "feature" if name in kinds else "not read" if self._watches else "left out"
            role = "ignored" if name in given.ignored and name not in roles else role
            few = given.min_count if name not in roles or roles[name] == "item" else 1
            yield column_figures(column, roles.get(name, role), kinds.get(name, ""), few)


def _units(train: Log, schema: Schema, watch_time: str) -> Iterator[Finding]:
    """Yield columns that one of several files has in another unit than the others."""
    located, events = train.located, train.events
    assert events.clicked is not None and events.watched is not None
    watched = np.full(located.table.rows, np.nan)
    watched[events.row] = np.where(events.clicked > 0, events.watched, np.nan)
    numbers = [*numbers_in(located.table, schema), (watch_time, watched)]
    yield from findings_of_units(
        numbers, [SourceRows(each.file, each.rows) for each in located.files]
    )


def _events(
    located: LocatedTable,
    columns: WatchColumns | ImpressionColumns,
    bad_rows: BadRows,
    way: LogReading,
) -> tuple[Events, WatchColumns | ImpressionColumns]:
    if isinstance(columns, WatchColumns):
        return watch_events(located, columns, bad_rows, way)
    return impression_events(located, columns, bad_rows, way)


def _with_faults(
    located: LocatedTable, events: Events | None, faults: Faults, rejects: BadRows
) -> LocatedTable:
    """Return a table whose rows of which no event is made are among the bad ones of their files.

    They are met in their order, so the first of them are what the first faults tell of.
    """
    if not faults.count and not faults.headers:
        return located
    rows = np.arange(located.table.rows)
    bad = rows if events is None else np.setdiff1d(rows, events.row)
    headers = {row for row in bad.tolist() if located.place(row) in faults.headers}
    bad = bad[[row not in headers for row in bad.tolist()]]
    messages = [_PLACE.sub("", message) for message in faults.messages]
    said = {
        row: message
        if message.startswith(located.place(row))
        else f"{located.place(row)}: {message}"
        for row, message in zip(bad.tolist(), messages, strict=False)
    }
    for row in bad.tolist():
        rejects.take(located.raw(row), DataError(said.get(row, located.place(row))))
    files = []
    for file in located.files:
        own = bad[(bad >= file.begin) & (bad < file.end)].tolist()
        shown_here = (*file.faults, *(said[row] for row in own if row in said))
        its = sorted(headers.intersection(range(file.begin, file.end)))
        again = (*file.headers, *map(located.place, its))
        files.append(replace(file, bad=file.bad + len(own), faults=shown_here, headers=again))
    return replace(located, files=tuple(files))


_PLACE = re.compile(r"^.*?: row [\d,]+ after the header: ", re.DOTALL)
