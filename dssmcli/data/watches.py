"""Logs of watches: who watched what, user by user in the order of time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.file_ids import file_id_lines
from dssmcli.data.ids import IdCoder
from dssmcli.data.log_reading import LogReading, silent
from dssmcli.data.log_rows import good_rows, no_id, without_headers
from dssmcli.data.placeholders import one_id_lines, placeholder_lines
from dssmcli.data.records import TableFile, open_table
from dssmcli.data.roles import (
    check_there,
    likely_moments,
    other_moments,
    with_usual_names,
)
from dssmcli.data.table import Coder, Column
from dssmcli.data.time_lines import newest_first, order_lines, unit_lines
from dssmcli.data.times import Clock, moments_among
from dssmcli.data.totals import last_id_lines
from dssmcli.data.tsv import BadRows, name_of
from dssmcli.data.unwatched import unwatched
from dssmcli.data.values import is_missing
from dssmcli.errors import DataError, counted
from dssmcli.text.normalize import Normalizer
from dssmcli.text.ragged import taken
from dssmcli.text.tokenizers import TOKENIZERS

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


_SEARCHES, _NORMALIZER = TOKENIZERS["word"]._replace(signs=False), Normalizer(1)
"""How searches are cut, in runs of all versions."""


class WatchColumns(NamedTuple):
    """What the columns of a log are called; None for what is not named, or not there.

    searches: of texts that the user searched for since the watch before. context: of what else is
    known of the moment before a watch.
    """

    user: str | None = None
    item: str | None = None
    timestamp: str | None = None
    searches: str | None = None
    context: tuple[str, ...] = ()

    def found_in(
        self,
        names: Sequence[str],
        where: str,
        moments: Mapping[str, str] | None = MappingProxyType({}),
    ) -> WatchColumns:
        """Return the same with usual names in the place of those not named.

        moments: see `roles.with_usual_names`. Raises DataError when a column is missing; without a
        timestamp the rows are in order.
        """
        given = with_usual_names(self._asdict(), ("user", "item"), names, where, moments)
        found = WatchColumns(**given)
        check_there(found.names, names, where)
        return found

    @property
    def names(self) -> list[str]:
        """Return the columns that are read."""
        known = (self.user, self.item, self.timestamp, self.searches)
        return [*(name for name in known if name), *self.context]


class Tokens(NamedTuple):
    """Search tokens: those of watch p are flat[ends[p]:ends[p + 1]]. ends: (N + 1,) int64."""

    flat: Codes
    ends: Ints


@dataclass(frozen=True)
class Watches:
    """N watches, each user's together and in order, the oldest first.

    user, item: (N,) int32, numbers in `users` and `items`. time: (N,) float64, so far behind
    `origin`, None without timestamps. starts: (U + 1,), where each user's watches begin. context:
    columns (N,) by name. dates: how dates such as 03/04/2024 turned out to be meant, if there are
    any.
    """

    users: list[str]
    items: list[str]
    user: Codes
    item: Codes
    time: Floats | None
    starts: Ints
    words: list[str]
    tokens: Tokens | None
    context: dict[str, Column]
    digest: str
    origin: int = 0
    dates: str | None = None

    def __len__(self) -> int:
        return len(self.item)

    @property
    def lengths(self) -> Ints:
        """Return how many watches each user has, (U,)."""
        return np.diff(self.starts)

    def take(self, kept: npt.NDArray[np.bool_]) -> Watches:
        """Return the watches that are kept (N,), each user's still in order."""
        ends = np.append(0, np.cumsum(kept))
        tokens = self.tokens
        if tokens is not None:
            tokens = _tokens_of(tokens, np.flatnonzero(kept))
        context = {n: c._replace(codes=c.codes[kept]) for n, c in self.context.items()}
        return replace(
            self,
            user=self.user[kept],
            item=self.item[kept],
            time=None if self.time is None else self.time[kept],
            starts=ends[self.starts],
            tokens=tokens,
            context=context,
        )

    def renumbered(self, items: Sequence[str]) -> Watches:
        """Return the watches with items numbered as in another list; those not there are -1."""
        places = {item: place for place, item in enumerate(items)}
        number = np.array([places.get(item, -1) for item in self.items], np.int32)
        return replace(self, items=list(items), item=number[self.item])


def _tokens_of(tokens: Tokens, kept: Ints) -> Tokens:
    """Return the tokens of some watches, one after the other."""
    flat, sizes = taken(tokens.flat, tokens.ends, kept)
    return Tokens(flat.astype(np.int32), np.append(0, np.cumsum(sizes)).astype(np.int64))


def read_watches(
    sources: Sequence[str],
    columns: WatchColumns,
    bad_rows: BadRows,
    way: LogReading | None = None,
    say: Callable[[str], None] = silent,
) -> tuple[Watches, WatchColumns]:
    """Read logs with a header line, and return what their columns turned out to be.

    way: how the run that asks reads its logs, None for a new one. `say` gets a line for everything
    that was understood, and every warning. Raises DataError for a column that is missing, an empty
    user or item, a timestamp that is none, and when there is no row at all.
    """
    where = ", ".join(map(name_of, sources))
    reader: WatchReader | None = None
    for source in sources:
        with open_table(source, bad_rows) as file:
            if reader is None:
                reader = reader_for(file, columns, bad_rows, way)
            reader.read(file)
    assert reader is not None
    watches = reader.watches(where)
    if not len(watches):
        raise DataError(f"{where}: a header and no rows.")
    for line in reader.lines:
        say(line)
    return watches, reader.columns


def reader_for(
    file: TableFile, columns: WatchColumns, bad_rows: BadRows, way: LogReading | None = None
) -> WatchReader:
    """Return what reads a log, whose columns are found out from its header and first rows."""
    way = way or LogReading()
    names, sample = file.sheet.names, file.sample(_SAMPLE)
    moments = moments_among(dict(zip(names, sample, strict=True)))
    found = columns.found_in(names, file.sheet.source, moments if way.plain_ids else None)
    reader = WatchReader(found, bad_rows, way)
    likely = likely_moments(moments, found)
    if columns.timestamp is None and found.timestamp and likely and way.asked:
        reader.lines.append(other_moments(found.timestamp, likely))
    if found.timestamp is None and likely:
        texts = sample[names.index(likely[0])]
        reader.lines.append(f"Warning: {way.no_timestamp(likely, texts)}")
    texts_of = dict(zip(names, sample, strict=True))
    unused = [name for name in names if name not in found.names]
    for each in unwatched({name: texts_of[name] for name in unused}):
        reader.lines.append(each.warning(file.sheet.source, texts_of, file.sheet.delimiter))
    if way.asked and unused:
        reader.lines.append(
            f"Not used: {counted(len(unused), 'column')}, {', '.join(unused[:_MOST_NAMES])}. "
            "--context COLUMN learns from one that is known before a watch."
        )
    return reader


_SAMPLE = 1000
_MOST_NAMES = 20


class WatchReader:
    """Takes rows of logs, column by column. `lines` tell a person what was understood."""

    def __init__(
        self, columns: WatchColumns, bad_rows: BadRows, way: LogReading | None = None
    ) -> None:
        way = way or LogReading()
        self.columns, self.lines = columns, list[str]()
        self._bad_rows, self._way = bad_rows, way
        self._coders = {name: Coder() for name in columns.names if name != columns.timestamp}
        if way.plain_ids:
            self._coders |= {str(name): IdCoder() for name in (columns.user, columns.item)}
        self._clock = Clock(way.dates, way.advice)
        #: The files, and how many rows had been read at the end of each.
        self._files, self._ends, self._rows = list[str](), list[int](), 0
        self._hashes = {name: hashlib.sha256(name.encode()) for name in columns.names}

    @property
    def warnings(self) -> list[str]:
        """Return those of the lines that tell of doubts."""
        return [line for line in self.lines if line.startswith("Warning: ")]

    def read(self, file: TableFile) -> None:
        """Take all rows of a file."""
        names = self.columns.names
        self.columns.found_in(file.sheet.names, file.sheet.source)
        self._files.append(file.sheet.source)
        picked = [file.sheet.names.index(name) for name in names]
        for block in file.blocks(picked):
            read = dict(zip(names, file.columns(block, picked), strict=True))
            user, item = str(self.columns.user), str(self.columns.item)
            fields, rows = without_headers(read, user, item, file, self._bad_rows)
            self._add(good_rows(fields, self._wrong(fields), rows, self._bad_rows))
        self._ends.append(self._rows)

    def _add(self, fields: Mapping[str, Sequence[str]]) -> None:
        self._rows += len(fields[str(self.columns.user)])
        for name, texts in fields.items():
            if name == self.columns.timestamp:
                self._clock.take(texts)
            else:
                self._coders[name].add(texts)
            self._hashes[name].update("\x1f".join(["", *texts]).encode())

    def _wrong(self, fields: Mapping[str, Sequence[str]]) -> dict[int, str]:
        """Return what is wrong with rows, by their places."""
        wrong: dict[int, str] = {}
        time = self.columns.timestamp
        if time is not None:
            wrong |= self._clock.wrong(fields[time])
        for role, name in (("item", self.columns.item), ("user", self.columns.user)):
            assert name is not None
            lack = {text for text in {*fields[name]} if not text or self._lacks(text)}
            for row, text in enumerate(fields[name]) if lack else ():
                if text in lack:
                    wrong[row] = no_id(name, text, role)
        return wrong

    def _lacks(self, id_text: str) -> bool:
        return self._way.plain_ids and is_missing(id_text)

    def watches(self, where: str) -> Watches:
        """Return what was read, user by user; errors begin with `where`."""
        columns = self.columns
        assert columns.user is not None and columns.item is not None
        users, items = (self._coders[n].column(n) for n in (columns.user, columns.item))
        times = self._clock.times(where) if columns.timestamp else None
        keys = (users.codes,) if times is None else (times.order, users.codes)
        if times is not None and self._way.plain_ids and newest_first(times):
            # Rows of one moment stand newest first, too.
            keys = (-np.arange(len(users.codes)), *keys)
        order = np.lexsort(keys)  # stable: rows of one moment stay in their order
        for name in (columns.user, columns.item):
            coder = self._coders[name]
            self.lines += coder.lines(name) if isinstance(coder, IdCoder) else ()
        if self._way.plain_ids:
            self.lines += placeholder_lines("user", columns.user, users.values, users.codes)
            self.lines += placeholder_lines("item", columns.item, items.values, items.codes)
            self.lines += last_id_lines(users.values, users.codes)
            self.lines += one_id_lines(columns.user, users, columns.item, items)
            self.lines += file_id_lines(self._files, self._ends, users, items)
        if times is not None:
            self.lines += [*self._clock.lines(times), *order_lines(times)]
            self.lines += unit_lines(times, self._way.unit)
            self.lines += self._clock.doubts(times, self._way.now)
        user = users.codes[order]
        words, tokens = self._searched(order)
        whole = hashlib.sha256(b"".join(each.digest() for each in self._hashes.values()))
        context = {name: self._coders[name].column(name) for name in columns.context}
        return Watches(
            users=users.values,
            items=items.values,
            user=user,
            item=items.codes[order],
            time=None if times is None else times.time[order],
            starts=np.searchsorted(user, np.arange(len(users.values) + 1)).astype(np.int64),
            words=words,
            tokens=tokens,
            context={n: c._replace(codes=c.codes[order]) for n, c in context.items()},
            digest=whole.hexdigest(),
            origin=0 if times is None else times.origin,
            dates=self._clock.dates,
        )

    def _searched(self, order: Ints) -> tuple[list[str], Tokens | None]:
        """Return the distinct search tokens, and those of each watch in order."""
        if self.columns.searches is None:
            return [], None
        column = self._coders[self.columns.searches].column(self.columns.searches)
        none = is_missing if self._way.plain_ids else _never
        bags = [[] if none(text) else words_of(text) for text in column.values]
        known = {word: i for i, word in enumerate(dict.fromkeys(w for bag in bags for w in bag))}
        flat = np.array([known[word] for bag in bags for word in bag], np.int32)
        ends = np.append(0, np.cumsum([len(bag) for bag in bags])).astype(np.int64)
        return list(known), _tokens_of(Tokens(flat, ends), column.codes[order].astype(np.int64))


def _never(_: str) -> bool:
    return False


def words_of(text: str) -> list[str]:
    """Return the tokens of a search: words, and single characters of scripts without spaces."""
    return _SEARCHES.cut(_NORMALIZER(text))


def counted_watches(watches: Watches) -> str:
    """Return how many there are, in words."""
    return (
        f"{counted(len(watches), 'watch')} of "
        f"{counted(len(watches.items), 'item')} by {counted(len(watches.users), 'user')}"
    )


def followed(before: Watches, later: Watches) -> tuple[Watches, npt.NDArray[np.bool_]]:
    """Return two logs as one, each user's watches of the second behind those of the first.

    Also tells which are of the first, (N,). Both have the same columns.
    """
    users, user = _joined_names(before.users, later.users, before.user, later.user)
    items, item = _joined_names(before.items, later.items, before.item, later.item)
    words, tokens = before.words, before.tokens
    first = np.arange(len(user)) < len(before)
    order = np.argsort(user, kind="stable")  # each log is in order already
    if tokens is not None and later.tokens is not None:
        words, flat = _joined_names(words, later.words, tokens.flat, later.tokens.flat)
        ends = np.append(tokens.ends, later.tokens.ends[1:] + tokens.ends[-1])
        tokens = _tokens_of(Tokens(flat, ends), order)
    time = None
    if before.time is not None and later.time is not None:
        moved = later.time + float(later.origin - before.origin)
        time = np.append(before.time, moved)[order]
    context = {}
    for name, column in before.context.items():
        other = later.context[name]
        values, codes = _joined_names(column.values, other.values, column.codes, other.codes)
        context[name] = Column(name, values, codes[order])
    starts = np.searchsorted(user[order], np.arange(len(users) + 1)).astype(np.int64)
    digest = hashlib.sha256(f"{before.digest} {later.digest}".encode()).hexdigest()
    watches = Watches(
        users,
        items,
        user[order],
        item[order],
        time,
        starts,
        words,
        tokens,
        context,
        digest,
        before.origin,
        before.dates,
    )
    return watches, first[order]


def _joined_names(
    first: list[str], second: list[str], codes: Codes, others: Codes
) -> tuple[list[str], Codes]:
    """Return the texts of two columns, each once, and the codes of both one after the other."""
    places = {text: place for place, text in enumerate(first)}
    number = [places.setdefault(text, len(places)) for text in second]
    moved = np.array(number, np.int32)[others] if number else others
    return list(places), np.append(codes, moved).astype(np.int32)
