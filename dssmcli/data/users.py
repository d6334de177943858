"""Users who are to be answered, with their histories: from a log, or a line a user."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice, pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.arguments import check_ordered
from dssmcli.data.id_spelling import MOST, spelling_hint
from dssmcli.data.ids import find_ids, id_of
from dssmcli.data.log_reading import LogReading, silent
from dssmcli.data.moments import Ints
from dssmcli.data.records import PIECE_BYTES, TableFile
from dssmcli.data.times import Clock
from dssmcli.data.tsv import BadRows, Line, name_of, opened, read_pieces
from dssmcli.data.unread_keys import UnreadKeys
from dssmcli.data.watches import WatchColumns, Watches, reader_for, words_of
from dssmcli.errors import WARNING, DataError, counted, shown

_AT_ONCE = 1024
"""Users that are answered together."""
HISTORY = "history"
"""The column of a table in which a line is a user: ids with spaces between them."""


class Users(NamedTuple):
    """n users. names: (n,). items: all watches of all, by id, the oldest first; those of user i are
    items[ends[i]:ends[i + 1]]. searches: the tokens of each user's searches. context: fields (n,)
    of each context column. time: of the newest watch, nan where nobody knows."""

    names: list[str]
    items: list[str]
    ends: Ints
    searches: list[list[str]]
    context: dict[str, list[str]]
    time: npt.NDArray[np.float64]


def users_of(histories: Iterable[Iterable[str]], columns: WatchColumns) -> Users:
    """Return nameless users, given the ids of the items that each watched, the oldest first.

    Ids are texts or whole numbers. Raises TypeError, with the place, for a history that is one str,
    which would be read letter by letter, or has no order, such as a set, and for what is no id.
    """
    _check(histories, "histories", "a list of histories")
    return _joined([_nameless(items, place) for place, items in enumerate(histories)], columns)


def _check(values: object, name: str, expected: str) -> None:
    """Raise TypeError unless these are histories or ids in an order."""
    shape = getattr(values, "shape", (0,))
    if len(shape) != 2 or hasattr(values, "columns"):  # an array (N, L) is N histories
        check_ordered(values, name, expected)


def _nameless(items: Iterable[Any], place: int) -> _User:
    check_ordered(items, f"histories[{place}]", "a list of ids, the oldest first")
    ids = []
    try:
        for item in items:
            ids.append(id_of(item))
    except TypeError as error:
        raise TypeError(f"histories[{place}][{len(ids)}]: {error}") from error
    return _User("", ids, [], {}, np.nan)


class Placed(NamedTuple):
    """Watches as places in a catalogue: flat[ends[i]:ends[i + 1]] are user i's, the oldest first;
    `unknown` others are of items that the catalogue lacks, of which `examples` are some."""

    flat: Ints
    ends: Ints
    unknown: int
    examples: list[str]


def placed(users: Users, places: Mapping[str, int]) -> Placed:
    """Return the watches of users that a catalogue knows, by its places."""
    found = find_ids(places, users.items)
    known = found >= 0
    before = np.append(0, np.cumsum(known)).astype(np.int64)
    unknown = np.flatnonzero(~known)
    examples = [users.items[place] for place in unknown[:MOST].tolist()]
    return Placed(found[known], before[users.ends], len(unknown), examples)


_SOME, _MOST = 0.1, 0.5


class Strangers:
    """Counts what a run does not know of users: watches of other items, and who has no others.

    known: the ids of the items that it knows.
    """

    def __init__(self, known: Collection[str]) -> None:
        self.watches, self.users = 0, 0
        self._known = known
        self._examples: list[str] = []
        self._watched, self._among = 0, 0

    def add(self, watched: Placed) -> None:
        """Count those of some more users."""
        self.watches += watched.unknown
        self._examples += watched.examples[: MOST - len(self._examples)]
        self._watched += watched.unknown + len(watched.flat)
        self.users += int((np.diff(watched.ends) == 0).sum())
        self._among += len(watched.ends) - 1

    def join(self, other: Strangers) -> None:
        """Count those that another has counted."""
        self.watches += other.watches
        self.users += other.users
        self._examples += other._examples[: MOST - len(self._examples)]
        self._watched += other._watched
        self._among += other._among

    def lines(self, instead: str = "they get what is most watched") -> list[str]:
        """Return lines about them, if there are any; instead: what users without a watch get.

        Where most watches are not known, or some that are only written otherwise, answers mean
        little: the lines are warnings.
        """
        lines = []
        warning = ""
        if self.watches:
            hint = self._hint()
            if self.watches > (_SOME if hint else _MOST) * self._watched:
                warning = WARNING
            lines.append(
                f"{warning}{counted(self.watches, 'watch')} of items that the run does not know, "
                f"such as {shown(self._examples[0])}: ignored.{hint}"
            )
        if self.users:
            warning = warning if self.users > _SOME * self._among else ""
            lines.append(
                f"{warning}{self.users:,} of {counted(self._among, 'user')} without a watch that "
                f"the run knows: {instead}."
            )
        return lines

    def _hint(self) -> str:
        """Return why these items may not be known, if anything says so."""
        hint = spelling_hint(self._examples, self._known)
        first = self._examples[0]
        if not hint and any(mark in first for mark in ",;|"):
            parts = re.split("[,;|]", first)
            if all(part.strip() in self._known for part in parts) or spelling_hint(
                parts, self._known
            ):
                hint = "Ids of a history stand between spaces, or in a JSON list."
        return f" {hint}" if hint else ""


@contextmanager
def open_users(
    source: str,
    columns: WatchColumns,
    bad_rows: BadRows,
    way: LogReading | None = None,
    say: Callable[[str], None] = silent,
) -> Iterator[Iterator[Users]]:
    """Open what holds users, and yield blocks of them.

    way: how the run reads logs, None for a new one. `say` gets the warnings about a log.
    A log, a row a watch, is read to its end first, and its users come in the order in which they
    first stand there. A table with a column `history`, or JSON objects, are a user a line, and read
    block by block.
    """
    csv.field_size_limit(2**31 - 1)
    with opened(source) as stream:
        pieces = read_pieces(name_of(source), stream, PIECE_BYTES)
        first = next(pieces, None)
        rest = pieces if first is None else chain([first], pieces)
        if first is not None and first.content.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"{"):
            lines = (line for piece in rest for line in piece.lines())
            yield _blocks(_objects(lines, columns, bad_rows, say), columns, say)
            return
        if first is not None and first.content.lstrip(b"\xef\xbb\xbf \r\n").startswith(
            (b"[{", b"[\n")
        ):
            raise DataError(
                f"{name_of(source)}:1: a JSON list, expected an object a line. "
                "jq -c '.[]' writes it so."
            )
        file = TableFile(source, rest, bad_rows)
        if HISTORY in file.sheet.names and columns.item not in file.sheet.names:
            yield _blocks(_rows(file, columns), columns, say)
        else:
            reader = reader_for(file, columns, bad_rows, way)
            reader.read(file)
            watches = reader.watches(name_of(source))
            for line in reader.warnings:
                say(line)
            yield _of_log(watches, columns)


class _User(NamedTuple):
    name: str
    items: list[str]
    searches: list[str]
    context: dict[str, str]
    time: float


def _blocks(
    users: Iterator[_User], columns: WatchColumns, say: Callable[[str], None]
) -> Iterator[Users]:
    """Yield users block by block; tell at the end whether some stand on several lines."""
    met, again, example = set[int](), 0, ""
    while block := list(islice(users, _AT_ONCE)):
        for name in filter(None, (user.name for user in block)):
            before = len(met)
            met.add(hash(name))
            if len(met) == before:
                again, example = again + 1, example or name
        yield _joined(block, columns)
    if again:
        lines = "a line is" if again == 1 else f"{again:,} lines are"
        say(
            f"{WARNING}{lines} of a user that a line above has, such as {shown(example)}: each "
            "line is answered by its own history. Put all watches of a user in one line, or give "
            "the log, a row a watch."
        )


def _joined(block: Sequence[_User], columns: WatchColumns) -> Users:
    sizes = [len(user.items) for user in block]
    return Users(
        [user.name for user in block],
        [item for user in block for item in user.items],
        np.append(0, np.cumsum(sizes)).astype(np.int64),
        [user.searches for user in block],
        {name: [user.context.get(name, "") for user in block] for name in columns.context},
        np.array([user.time for user in block]),
    )


def _rows(file: TableFile, columns: WatchColumns) -> Iterator[_User]:
    """Yield the users of a table that has a row for each."""
    names = list(file.sheet.names)
    who = next((name for name in (columns.user, "user") if name in names), None)
    if who is None:
        raise DataError(f"{file.sheet.source}: no column {shown(str(columns.user))} for the user.")
    there = [name for name in (columns.searches, *columns.context) if name and name in names]
    wanted = list(dict.fromkeys([who, HISTORY, *there]))
    picked = [names.index(name) for name in wanted]
    for block in file.blocks(picked):
        for row in zip(*file.columns(block, picked), strict=True):
            fields = dict(zip(wanted, row, strict=True))
            searches = words_of(fields.get(columns.searches or "", ""))
            yield _User(fields[who], _ids_in(fields[HISTORY]), searches, fields, np.nan)


def _ids_in(text: str) -> list[str]:
    """Return the ids of a history: with spaces between them, or as a list of JSON or Python has it,
    such as ['a', 'b'], which pandas writes."""
    bare = text.strip()
    if not (bare.startswith("[") and bare.endswith("]")):
        return bare.split()
    try:
        items = json.loads(bare.replace("'", '"') if '"' not in bare else bare)
    except (ValueError, RecursionError):
        return bare[1:-1].replace(",", " ").replace("'", " ").replace('"', " ").split()
    return [str(item) for item in items]


def _objects(
    lines: Iterator[Line], columns: WatchColumns, bad_rows: BadRows, say: Callable[[str], None]
) -> Iterator[_User]:
    """Yield the users of lines that are JSON objects; tell at the end what is not read of them."""
    names = (columns.user or "user", "user", HISTORY, "searches", "timestamp", *columns.context)
    unread = UnreadKeys({*names})
    for line in lines:
        if not line.raw.strip():
            continue
        try:
            yield _object(line, columns, unread)
        except DataError as error:
            bad_rows.take(line.raw, error)
    for said in unread.lines():
        say(said)


def _object(line: Line, columns: WatchColumns, unread: UnreadKeys) -> _User:
    try:
        plain = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{line.place}: not valid JSON ({error}).") from error
    if not isinstance(plain, dict) or not isinstance(plain.get(HISTORY), list):
        raise DataError(
            f'{line.place}: expected an object such as {{"user": "u1", "history": ["a", "b"]}}, '
            "with the items watched, the oldest first."
        )
    items = [_text(item, line, "an item") for item in plain[HISTORY]]
    unread.meet(plain, len(items))
    name = plain.get(columns.user or "user", plain.get("user", ""))
    searches = plain.get("searches", [])
    told = [searches] if isinstance(searches, str) else searches
    if not isinstance(told, list):
        raise DataError(f"{line.place}: searches, expected a text or a list of texts.")
    words = [word for each in told for word in words_of(_text(each, line, "a search"))]
    context = {n: _text(plain[n], line, n) for n in columns.context if plain.get(n) is not None}
    time = _moment(plain.get("timestamp"), line)
    return _User(_text(name, line, "the user"), items, words, context, time)


def _moment(value: Any, line: Line) -> float:
    """Return a timestamp of JSON, a number or a date; nan for none."""
    if value is None:
        return float("nan")
    clock, text = Clock(), str(value)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or clock.wrong([text]):
        raise DataError(f"{line.place}: timestamp, expected a number or a date.")
    clock.take([text])
    return float(clock.times(line.place).since(0)[0])


def _text(value: Any, line: Line, what: str) -> str:
    """Return an id or a field as a table would have it."""
    if isinstance(value, str):
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise DataError(f"{line.place}: {what} has half a character, expected a text.")
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool) and np.isfinite(value):
        return str(value)
    raise DataError(f"{line.place}: {what}, expected a text or a number.")


def _of_log(watches: Watches, columns: WatchColumns) -> Iterator[Users]:
    """Yield the users of a log; the context is that of each one's last watch."""
    tokens = watches.tokens
    for first in range(0, len(watches.users), _AT_ONCE):
        ends = watches.starts[first : first + _AT_ONCE + 1]
        last = ends[1:] - 1
        items = [watches.items[i] for i in watches.item[ends[0] : ends[-1]].tolist()]
        searches: list[list[str]] = [[] for _ in last]
        if tokens is not None:
            bounds = tokens.ends[ends].tolist()
            words = [watches.words[i] for i in tokens.flat[bounds[0] : bounds[-1]].tolist()]
            searches = [
                words[begin - bounds[0] : end - bounds[0]] for begin, end in pairwise(bounds)
            ]
        context = {}
        for name in columns.context:
            column = watches.context[name]
            context[name] = [column.values[code] for code in column.codes[last].tolist()]
        time = np.full(len(last), np.nan)
        if watches.time is not None:
            time = watches.time[last] + float(watches.origin)
        names = watches.users[first : first + _AT_ONCE]
        yield Users(names, items, ends - ends[0], searches, context, time)
