"""Builds what ranking learns from, a RankingTask, out of a log of impressions and settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from dssmcli.data.catalogue import Catalogue
from dssmcli.data.chronicle import Chronicle, known_before
from dssmcli.data.event_hashes import event_hashes, fingerprint_of, seen_in_training
from dssmcli.data.examples import examples_of
from dssmcli.data.features import Categorical, Ints, Numeric, Reader
from dssmcli.data.fingerprint import Bools, Fingerprint
from dssmcli.data.impression_features import ImpressionReader
from dssmcli.data.impression_units import impression_unit_lines
from dssmcli.data.impressions import (
    ImpressionColumns,
    Impressions,
    numbers_of,
    read_impressions,
)
from dssmcli.data.inference import FeatureInput, understand
from dssmcli.data.last_shown import LastShown, last_shown
from dssmcli.data.log_reading import LogReading
from dssmcli.data.notation import Notation
from dssmcli.data.past import WATCHED, feature_names, measures_of
from dssmcli.data.places import Floats, Floats32, RankingFeatures, place_of
from dssmcli.data.repeated_events import repeated_lines
from dssmcli.data.seen import Seen
from dssmcli.data.suspects import suspects
from dssmcli.data.tasks import Task
from dssmcli.data.tsv import BadRows, name_of, saying_of
from dssmcli.data.watch_doubts import scale_lines, share_lines
from dssmcli.errors import ConfigError, DataError, counted, shown
from dssmcli.text.hashing import Hashes
from dssmcli.youtube_config import (
    RankingConfig,
    RankingSizes,
    RankingTrainConfig,
    sized_impressions,
)

Say = Callable[[str], None]


@dataclass(frozen=True)
class RankingTask:
    """Everything that stays as it is while ranking is trained.

    Of N impressions in the order of time: item (N,) and history (N, L), items from 1; codes (N, C);
    numbers (N, F) float64, nan if missing; clicked (N,); watched (N,), the watch time of clicked
    impressions over its mean of all. unit: what that mean is in seconds, the time of those not
    clicked included, if the log has any: so predictions are right in all.
    user (N,) 0..U-1. train, valid: their places. seen: how many impressions of a log to validate on
    are trained on.
    """

    model: RankingConfig
    config: RankingTrainConfig
    columns: ImpressionColumns
    features: RankingFeatures
    catalogue: Catalogue
    chronicle: Chronicle
    last: LastShown
    item: Ints
    history: Ints
    codes: Ints
    numbers: Floats
    clicked: Floats
    watched: Floats
    user: Ints
    train: Ints
    valid: Ints
    unit: float
    digest: str
    valid_digest: str | None
    fingerprint: Fingerprint
    seen: Seen | None
    reading: LogReading

    @property
    def sizes(self) -> RankingSizes:
        """Return what the model is built for."""
        schema = self.features.schema
        return RankingSizes(
            len(self.catalogue.items),
            sum(schema.sizes),
            len(schema.categorical),
            len(self.features.places),
        )

    def forms(self, places: Ints) -> Floats32:
        """Return the numbers of some impressions as the model takes them."""
        return self.features.forms(self.numbers[places], self.model.powers)


class RankingInput(NamedTuple):
    """Where impressions come from, and what a user says of their columns."""

    sources: Sequence[str]
    columns: ImpressionColumns
    features: FeatureInput
    valid_sources: Sequence[str] = ()
    way: LogReading = LogReading()


def build_ranking_task(
    given: RankingInput,
    model: RankingConfig,
    config: RankingTrainConfig,
    bad_rows: BadRows,
    say: Say,
) -> RankingTask:
    """Read the log, work out what was known before each impression, and set the last ones aside.

    `say` gets a line for everything that was understood or decided, and every warning.
    """
    where = ", ".join(map(name_of, given.sources))
    log, columns = read_impressions(given.sources, given.columns, bad_rows, given.way, say)
    later = None
    if given.valid_sources:
        way = given.way.learned(log.dates, log.origin, log.time)
        later, _ = read_impressions(
            given.valid_sources, columns, bad_rows, way, saying_of(given.valid_sources, say)
        )
    cut = _cut(log, config, held_apart=later is not None)
    _check(log, cut, where)
    _tell(log, columns, say)
    categorical, numeric = _columns(log, given.features, cut.stop, columns, say)
    for line in impression_unit_lines(log, numeric, columns, given.sources):
        say(line)
    written = {each.name: each.notation for each in numeric}
    known = _known(log, later, written, columns, cut, model.history)
    numbers = np.concatenate([known.features, known.numbers], axis=1)
    features = _features(categorical, written, numbers[cut], columns.outcomes)
    readers = [ImpressionReader(features) for _ in known.logs]
    codes = np.concatenate([readers[i].codes(each, where) for i, each in enumerate(known.logs)])
    if later is not None:
        for line in (*_unlike(later, readers[-1], log), *_scale(later, log, columns)):
            saying_of(given.valid_sources, say)(line)
    task = RankingTask(
        model=model,
        config=sized_impressions(config, cut.stop - cut.start),
        columns=columns,
        features=features,
        catalogue=_catalogue(known, cut.stop),
        chronicle=known.chronicle,
        last=_last(known, codes, features, say),
        item=known.item,
        history=known.history,
        codes=codes.astype(np.int64),
        numbers=numbers,
        clicked=np.concatenate([each.clicked for each in known.logs]),
        watched=known.watched / known.chronicle.means[WATCHED],
        user=np.concatenate([_users(each, known.chronicle) for each in known.logs]),
        train=np.arange(cut.start, cut.stop),
        valid=np.arange(cut.stop, len(numbers)),
        unit=float(log.watched[: cut.stop].mean()),
        digest=log.digest,
        valid_digest=None if later is None else later.digest,
        fingerprint=_fingerprint(known, cut),
        seen=None if later is None else _seen(known, cut),
        reading=given.way.learned(log.dates, log.origin, log.time),
    )
    _tell_task(task, ", ".join(map(name_of, given.valid_sources)), say)
    return task


def _features(
    categorical: tuple[Categorical, ...],
    written: Mapping[str, Notation],
    numbers: Floats,
    outcomes: Sequence[str],
) -> RankingFeatures:
    """Return the features as impressions to train on show them; their numbers are (n, F), those of
    numeric columns last."""
    own = numbers[:, numbers.shape[1] - len(written) :]
    names = [*feature_names(tuple(written), outcomes), *written]
    return RankingFeatures(
        categorical,
        tuple(place_of(name, values) for name, values in zip(names, numbers.T, strict=True)),
        tuple(written),
        tuple(written.values()),
        missing=tuple(np.isnan(own).mean(axis=0).tolist()),
    )


def _unlike(later: Impressions, reader: ImpressionReader, log: Impressions) -> list[str]:
    """Return what of a log to validate on cannot be read, or is unlike what is trained on.

    reader: has read its categories.
    """
    reader.numbers(later)
    strange = []
    for place, (names, others) in enumerate(((later.items, log.items), (later.users, log.users))):
        known = frozenset(others)
        strange.append(np.array([name not in known for name in names], np.bool_))
        reader.note(place, (name for name in names if name not in known), others)
    reader.meet(strange[0][later.item], strange[1][later.user])
    return reader.summary.splitlines()


def _scale(later: Impressions, log: Impressions, columns: ImpressionColumns) -> Iterator[str]:
    times = log.watched[log.clicked > 0]
    learned, name = float(times.mean()), str(columns.watch_time)
    yield from share_lines(str(columns.clicked), later.clicked, float(log.clicked.mean()))
    yield from scale_lines(name, later.clicked, later.watched, learned, str(columns.unit))


def _cut(log: Impressions, config: RankingTrainConfig, held_apart: bool) -> slice:
    """Return which impressions of the log are trained on."""
    held = 0 if held_apart else round(config.valid_share * len(log))
    trained = len(log) - held
    return slice(int(config.warm_share * trained), trained)


def _last(known: _Known, codes: Ints, features: RankingFeatures, say: Say) -> LastShown:
    """Return what columns say of items that are recommended; tell which do not belong to items."""
    last, own = last_shown(known.item, codes, known.numbers, features.schema.starts)
    names = [*(feature.name for feature in features.categorical), *features.numbers]
    others = dict.fromkeys(name for name, of in zip(names, own.tolist(), strict=True) if not of)
    if others:
        say(
            f"Not of items, but of the moment: {', '.join(others)}. When items are recommended, "
            "these are taken to be as usual."
        )
    return last


class _Known(NamedTuple):
    """What was known before the impressions of a log, and of one that follows it, if any.

    features, numbers: (N, F), from the logs and of their numeric columns. item: (N,), history:
    (N, L), watched: (N,), seconds of clicked ones. chronicle: what is known after all of them.
    """

    logs: Sequence[Impressions]
    features: Floats
    numbers: Floats
    item: Ints
    history: Ints
    watched: Floats
    chronicle: Chronicle


def _known(
    log: Impressions,
    later: Impressions | None,
    written: Mapping[str, Notation],
    columns: ImpressionColumns,
    cut: slice,
    most: int,
) -> _Known:
    logs = [log] if later is None else [log, later]
    numbers = [numbers_of(each, written) for each in logs]
    means = measures_of(log, numbers[0])[: cut.stop].mean(axis=0)
    chronicle, found = Chronicle.empty(tuple(written), columns.outcomes, means, log.origin), []
    for each, own in zip(logs, numbers, strict=True):
        found.append(known_before(chronicle, each, own, most))
        chronicle = found[-1].after()
    longest = max(known.history.shape[1] for known in found)
    padded = [
        np.pad(known.history, ((0, 0), (0, longest - known.history.shape[1]))) for known in found
    ]
    return _Known(
        logs,
        np.concatenate([known.features for known in found]),
        np.concatenate(numbers),
        np.concatenate([known.item for known in found]),
        np.concatenate(padded),
        np.concatenate([each.watched * each.clicked for each in logs]),
        chronicle,
    )


def _fingerprint(known: _Known, cut: slice) -> Fingerprint:
    """Return that of the logs; the last moment is that which the chronicle knows."""
    events = _events(known, cut)
    return fingerprint_of(*events)._replace(last=float(events.time.max()))


def _seen(known: _Known, cut: slice) -> Seen:
    return seen_in_training(*_events(known, cut))


class _Events(NamedTuple):
    hashes: Hashes
    trained: Bools
    held: Bools
    time: Floats
    origin: int


def _events(known: _Known, cut: slice) -> _Events:
    origin = known.chronicle.origin
    time = np.concatenate([each.since(origin) for each in known.logs])
    place = np.arange(len(time))
    return _Events(
        np.concatenate([*map(event_hashes, known.logs)]),
        (place >= cut.start) & (place < cut.stop),
        place >= cut.stop,
        time,
        origin,
    )


def _catalogue(known: _Known, trained: int) -> Catalogue:
    """Return the items with their impressions in training, and the users."""
    items = known.chronicle.items
    counts = np.bincount(known.item[:trained] - 1, minlength=len(items)).astype(np.int64)
    return Catalogue(items, counts, [], known.chronicle.users)


_FEWEST = 20


def _check(log: Impressions, cut: slice, where: str) -> None:
    """Raise DataError unless there is something to learn from the impressions of the cut."""
    clicked = log.clicked[cut]
    if cut.stop < _FEWEST:
        found = counted(cut.stop, "impression")
        raise DataError(f"{where}: {found} to train on, expected {_FEWEST} or more.")
    if not 0 < clicked.sum() < len(clicked):
        raise DataError(
            f"{where}: {counted(len(clicked), 'impression')} to train on, of which "
            f"{int(clicked.sum()):,} are clicked: expected both kinds."
        )
    if not (log.watched * log.clicked)[: cut.stop].any():
        raise DataError(f"{where}: no clicked impression was watched for longer than 0.")


def _tell(log: Impressions, columns: ImpressionColumns, say: Say) -> None:
    say(
        f"Read {counted(len(log), 'impression')} of {counted(len(log.items), 'item')} to "
        f"{counted(len(log.users), 'user')}, {log.clicked.mean():.1%} clicked; watched for "
        f"{log.watched.mean():.3g} s on average, those clicked "
        f"{(log.watched * log.clicked).sum() / max(1, log.clicked.sum()):.3g} s."
    )
    say(
        f"Users are told by {columns.user}, items by {columns.item}, moments by "
        f"{columns.timestamp}, clicks by {columns.clicked}, watch time by {columns.watch_time} "
        f"({columns.unit})."
    )
    for line in repeated_lines(log.user, log.item, log.time):
        say(line)


def _columns(
    log: Impressions, given: FeatureInput, trained: int, columns: ImpressionColumns, say: Say
) -> tuple[tuple[Categorical, ...], tuple[Numeric, ...]]:
    """Return the categorical features and the numeric columns among what has no role."""
    for name in (*given.ignored, *given.categorical, *given.numeric):
        if name in columns.names:
            raise ConfigError(f"the column {shown(name)} is named for two roles, expected one.")
    left = [name for name in log.table.columns if name not in given.ignored]
    if not left:
        return (), ()
    table = log.table.take(np.arange(trained))
    try:
        found = understand(table, [], given)
    except DataError as error:  # the log itself is enough to learn from
        say(f"Warning: {error}")
        return (), ()
    for line in found.lines:
        say(line)
    reader = Reader(found.schema)
    labels = np.stack([log.clicked, log.watched], axis=1)[:trained]
    examples = replace(examples_of(table, reader, [], "the log"), labels=labels)
    tasks = [
        Task(str(columns.clicked), str(columns.clicked), "binary"),
        Task(str(columns.watch_time), str(columns.watch_time), "regression"),
    ]
    for warning in [*found.warnings, *suspects(reader, examples, tasks)]:
        say(f"Warning: {warning}")
    return found.schema.categorical, found.schema.numeric


def _users(log: Impressions, chronicle: Chronicle) -> Ints:
    places = {user: place for place, user in enumerate(chronicle.users)}
    return np.array([places[user] for user in log.users], np.int64)[log.user]


def _tell_task(task: RankingTask, apart: str, say: Say) -> None:
    """Say what is trained on; apart: the names of the files to validate on, if any."""
    valid = f"the {len(task.valid):,} after them" if len(task.valid) else "none"
    if apart:
        valid = f"the {len(task.valid):,} of {apart}"
    first = int(task.train[0])
    say(
        f"{len(task.train):,} impressions to train on"
        + (f", after {first:,} that only others look back to" if first else "")
        + f"; for validation {valid}."
    )
    if not len(task.valid):
        say("Warning: nothing to validate on: the last weights are kept.")
    say(f"{counted(task.config.epochs, 'epoch')} of batches of {task.config.batch_size}.")
