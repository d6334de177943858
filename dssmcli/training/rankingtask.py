"""Builds what ranking learns from, a RankingTask, out of a log of impressions and settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from dssmcli.data.catalogue import Catalogue
from dssmcli.data.chronicle import (
    Chronicle,
    Known,
    LastShown,
    feature_names,
    known_before,
    last_shown,
    measures_of,
)
from dssmcli.data.examples import examples_of
from dssmcli.data.features import Categorical, Ints, Reader
from dssmcli.data.impressions import (
    ImpressionColumns,
    Impressions,
    numbers_of,
    read_impressions,
)
from dssmcli.data.inference import FeatureInput, understand
from dssmcli.data.places import Floats, Floats32, RankingFeatures, place_of
from dssmcli.data.suspects import suspects
from dssmcli.data.tasks import Task
from dssmcli.data.tsv import BadRows, name_of
from dssmcli.errors import DataError, counted
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
    user (N,) 0..U-1. train, valid: their places.
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
    log, columns = read_impressions(given.sources, given.columns, bad_rows)
    later, valid_digest = None, None
    if given.valid_sources:
        later, _ = read_impressions(given.valid_sources, columns, bad_rows)
        valid_digest = later.digest
    held = 0 if later is not None else round(config.valid_share * len(log))
    trained = len(log) - held
    first = int(config.warm_share * trained)
    _check(log, first, trained, where)
    _tell(log, columns, say)
    categorical, numeric = _columns(log, given.features, trained, columns, say)
    own = numbers_of(log, numeric)
    means = measures_of(log, own)[:trained].mean(axis=0)
    start = Chronicle.empty(numeric, columns.outcomes, means)
    parts = [(log, known_before(start, log, own, model.history))]
    chronicle = parts[0][1].after()
    if later is not None:
        late = numbers_of(later, numeric)
        parts.append((later, known_before(chronicle, later, late, model.history)))
        chronicle, own = parts[1][1].after(), np.concatenate([own, late])
    features = [found.features for _, found in parts]
    numbers = np.concatenate([np.concatenate(features), own], axis=1)
    names = [*feature_names(numeric, columns.outcomes), *numeric]
    places = tuple(
        place_of(name, values[first:trained]) for name, values in zip(names, numbers.T, strict=True)
    )
    described = RankingFeatures(categorical, places, numeric)
    item = np.concatenate([found.item for _, found in parts])
    history = _histories(parts)
    codes = _codes(parts, described, where)
    counts = np.bincount(item[:trained] - 1, minlength=len(chronicle.items)).astype(np.int64)
    unit = float(log.watched[:trained].mean())
    config = sized_impressions(config, trained - first)
    everything = np.arange(len(numbers))
    task = RankingTask(
        model,
        config,
        columns,
        described,
        Catalogue(chronicle.items, counts, [], chronicle.users),
        chronicle,
        last_shown(item, codes, own),
        item,
        history,
        codes,
        numbers,
        np.concatenate([each.clicked for each, _ in parts]),
        np.concatenate([each.watched * each.clicked for each, _ in parts]) / means[2],
        np.concatenate([_users(each, chronicle) for each, _ in parts]),
        everything[first:trained],
        everything[trained:],
        unit,
        log.digest,
        valid_digest,
    )
    _tell_task(task, say)
    return task


_FEWEST = 20


def _check(log: Impressions, first: int, trained: int, where: str) -> None:
    """Raise DataError unless there is something to learn from the impressions first:trained."""
    clicked = log.clicked[first:trained]
    if trained < _FEWEST or not 0 < clicked.sum() < len(clicked):
        raise DataError(
            f"{where}: {counted(len(clicked), 'impression')} to train on, of which "
            f"{int(clicked.sum()):,} are clicked: expected both kinds."
        )
    if not (log.watched * log.clicked)[:trained].any():
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


def _columns(
    log: Impressions, given: FeatureInput, trained: int, columns: ImpressionColumns, say: Say
) -> tuple[tuple[Categorical, ...], tuple[str, ...]]:
    """Return the categorical features and the numeric columns among what has no role."""
    left = [name for name in log.table.columns if name not in given.ignored]
    if not left:
        return (), ()
    table = log.table.take(np.arange(trained))
    found = understand(table, [], given)
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
    return found.schema.categorical, tuple(feature.name for feature in found.schema.numeric)


def _histories(parts: Sequence[tuple[Impressions, Known]]) -> Ints:
    longest = max(known.history.shape[1] for _, known in parts)
    return np.concatenate(
        [
            np.pad(known.history, ((0, 0), (0, longest - known.history.shape[1])))
            for _, known in parts
        ]
    )


def _codes(
    parts: Sequence[tuple[Impressions, Known]], features: RankingFeatures, where: str
) -> Ints:
    reader, codes = features.reader(), []
    for log, _ in parts:
        columns = [log.table.column(f.name, where) for f in features.categorical]
        ids = [reader.ids(i, c.values)[c.codes] for i, c in enumerate(columns)]
        codes.append(np.stack(ids, axis=1) if ids else np.zeros((len(log), 0), np.int64))
    return np.concatenate(codes)


def _users(log: Impressions, chronicle: Chronicle) -> Ints:
    places = {user: place for place, user in enumerate(chronicle.users)}
    return np.array([places[user] for user in log.users], np.int64)[log.user]


def _tell_task(task: RankingTask, say: Say) -> None:
    valid = f"the {len(task.valid):,} after them" if len(task.valid) else "none"
    first = int(task.train[0])
    say(
        f"{len(task.train):,} impressions to train on"
        + (f", after {first:,} that only others look back to" if first else "")
        + f"; for validation {valid}."
    )
    if not len(task.valid):
        say("Warning: nothing to validate on: the last weights are kept.")
    say(f"{counted(task.config.epochs, 'epoch')} of batches of {task.config.batch_size}.")
