"""Builds what candidate generation learns from, a WatchTask, out of a log and settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.catalogue import Catalogue, popular_first
from dssmcli.data.event_hashes import event_hashes, fingerprint_of, seen_in_training
from dssmcli.data.examples import Examples, examples_of
from dssmcli.data.features import Reader, Schema
from dssmcli.data.fingerprint import Fingerprint
from dssmcli.data.inference import FeatureInput, understand
from dssmcli.data.log_reading import LogReading
from dssmcli.data.moments import Ints, Moments, ages, histories, no_context, tokens_before
from dssmcli.data.repeated_events import repeated_lines
from dssmcli.data.seen import Seen
from dssmcli.data.table import Table
from dssmcli.data.tsv import BadRows, name_of, saying_of
from dssmcli.data.unknown_ids import valid_lines
from dssmcli.data.watches import WatchColumns, Watches, counted_watches, followed, read_watches
from dssmcli.errors import ConfigError, DataError, counted
from dssmcli.youtube_config import (
    CandidatesConfig,
    CandidateSizes,
    CandidatesTrainConfig,
    sized_watches,
)

Say = Callable[[str], None]
Bools = npt.NDArray[np.bool_]

_FEWEST_WATCHES = 3
"""A user of fewer has too little to be both learned from and judged by."""


@dataclass(frozen=True)
class WatchTask:
    """Everything that stays as it is while candidate generation is trained.

    Items are numbered as in the catalogue. train, valid: places in `watches` of what is to be
    predicted from the watches before it. newest, span: the last moment of what is trained on, and
    how long before that the first was. seen: how many watches of a log to validate on are trained
    on.
    """

    model: CandidatesConfig
    config: CandidatesTrainConfig
    columns: WatchColumns
    catalogue: Catalogue
    schema: Schema
    watches: Watches
    context: Examples | None
    train: Ints
    valid: Ints
    newest: float
    span: float
    digest: str
    valid_digest: str | None
    fingerprint: Fingerprint
    seen: Seen | None
    reading: LogReading

    @property
    def sizes(self) -> CandidateSizes:
        """Return what the model is built for."""
        items, tokens = len(self.catalogue.items), len(self.catalogue.words)
        schema = self.schema
        return CandidateSizes(
            items, tokens, sum(schema.sizes), len(schema.categorical), schema.width
        )

    def moments(self, places: Ints) -> Moments:
        """Return what was known before the watches at some places."""
        watches, model = self.watches, self.model
        begins = watches.starts[watches.user[places]]
        context = no_context(len(places)) if self.context is None else self.context.rows(places)
        return Moments(
            histories(watches.item, begins, places, model.history),
            tokens_before(watches.tokens, begins, places, model.searches),
            ages(watches, places, self.newest, self.span),
            context,
        )


class WatchInput(NamedTuple):
    """Where watches come from, and what a user says of them.

    min_count: watches that an item has at least.
    """

    sources: Sequence[str]
    columns: WatchColumns
    min_count: int = 1
    valid_sources: Sequence[str] = ()
    way: LogReading = LogReading()


Choose = Callable[[float, int], tuple[CandidatesConfig, CandidatesTrainConfig]]
"""Returns the settings for a log, given how many watches users have on average, and the items."""


def build_watch_task(given: WatchInput, choose: Choose, bad_rows: BadRows, say: Say) -> WatchTask:
    """Read the log, set watches aside for validation, and number the items.

    `say` gets a line for everything that was understood or decided, and every warning.
    """
    log, columns = read_watches(given.sources, given.columns, bad_rows, given.way, say)
    model, config = choose(float(log.lengths.mean()), len(log.items))
    _tell(log, columns, model, say)
    later = None
    if given.valid_sources:
        way = given.way.learned(log.dates, log.origin, log.time)
        later, _ = read_watches(
            given.valid_sources, columns, bad_rows, way, saying_of(given.valid_sources, say)
        )
    cut = _cut(log, later, config)
    hashes, held = event_hashes(cut.watches), _places(cut)
    events = (hashes, cut.trained, held, cut.watches.time, cut.watches.origin)
    fingerprint = fingerprint_of(*events)
    seen = None if later is None else seen_in_training(*events)
    catalogue = _catalogue(cut, given.min_count)
    if later is not None:
        for line in valid_lines(catalogue.items, log.users, later):
            saying_of(given.valid_sources, say)(line)
    cut = _of_catalogue(cut, catalogue)
    watches = cut.watches
    train = np.flatnonzero(cut.trained & _has_past(watches))
    if not len(train):
        where = ", ".join(map(name_of, given.sources))
        raise DataError(f"{where}: no user has two watches to learn from, one after the other.")
    schema, context = _context(cut, columns, say)
    examples = examples_an_epoch(watches, train, config.user_cap)
    config = sized_watches(config, model, examples, len(catalogue.items))
    _tell_task(catalogue, train, cut.held, config, say)
    time = np.zeros(1) if watches.time is None else watches.time[cut.trained]
    return WatchTask(
        model=model,
        config=config,
        columns=columns,
        catalogue=catalogue,
        schema=schema,
        watches=watches,
        context=context,
        train=train,
        valid=cut.held,
        newest=float(time.max()),
        span=float(time.max() - time.min()),
        digest=log.digest,
        valid_digest=None if later is None else later.digest,
        fingerprint=fingerprint,
        seen=seen,
        reading=given.way.learned(log.dates, log.origin, log.time),
    )


class _Cut(NamedTuple):
    """A log and what of it is used how: trained (N,) tells which watches may be learned from, held
    are the places of those to validate on."""

    watches: Watches
    trained: Bools
    held: Ints


def _cut(log: Watches, later: Watches | None, config: CandidatesTrainConfig) -> _Cut:
    """Set watches aside to validate on: of a log that follows, or as the settings say."""
    if later is not None:
        watches, first = followed(log, later)
        return _Cut(watches, first, _some(np.flatnonzero(~first & _has_past(watches)), config))
    trained = np.ones(len(log), np.bool_)
    if not config.valid_share:
        return _Cut(log, trained, np.zeros(0, np.int64))
    if config.split == "time":
        if log.time is None:
            raise ConfigError("--split time needs a column of timestamps: --timestamp COLUMN.")
        late = log.time > np.quantile(log.time, 1 - config.valid_share)
        return _Cut(log, ~late, _some(np.flatnonzero(late & _has_past(log)), config))
    users = np.flatnonzero(log.lengths >= _FEWEST_WATCHES)
    most = min(config.valid_most, int(config.valid_share * len(log)))
    random = np.random.default_rng([config.seed, 6])
    held = np.sort(log.starts[1:][random.permutation(users)[:most]] - 1)
    trained[held] = False
    return _Cut(log, trained, held)


def _places(cut: _Cut) -> Bools:
    """Tell which watches are to validate on, (N,)."""
    held = np.zeros(len(cut.watches), np.bool_)
    held[cut.held] = True
    return held


def _some(places: Ints, config: CandidatesTrainConfig) -> Ints:
    random = np.random.default_rng([config.seed, 6])
    return np.sort(random.permutation(places)[: config.valid_most])


def _of_catalogue(cut: _Cut, catalogue: Catalogue) -> _Cut:
    """Return the watches of items that the catalogue has, numbered as it has them."""
    watches = cut.watches.renumbered(catalogue.items)
    known = watches.item >= 0
    if known.all():
        return cut._replace(watches=watches)
    moved = np.cumsum(known) - 1
    held = moved[cut.held[known[cut.held]]]
    return _Cut(watches.take(known), cut.trained[known], held)


def examples_an_epoch(watches: Watches, train: Ints, cap: int) -> int:
    """Return how many examples an epoch has, of each user no more than the cap, 0 for all."""
    if not cap:
        return len(train)
    each = np.bincount(watches.user[train], minlength=len(watches.users))
    return int(np.minimum(each, cap).sum())


def _has_past(watches: Watches) -> Bools:
    """Tell of each watch whether its user has watched something before, (N,)."""
    return np.arange(len(watches)) > watches.starts[watches.user]


def _tell(watches: Watches, columns: WatchColumns, model: CandidatesConfig, say: Say) -> None:
    say(f"Read {counted_watches(watches)}.")
    order = f"in the order of {columns.timestamp}" if columns.timestamp else "in that of the rows"
    say(f"Users are told by {columns.user}, items by {columns.item}; watches are {order}.")
    for line in repeated_lines(watches.user, watches.item, watches.time):
        say(line)
    if model.example_age and watches.time is None:
        raise ConfigError(
            "--example-age needs a column of timestamps: name it with --timestamp COLUMN."
        )


def _catalogue(cut: _Cut, min_count: int) -> Catalogue:
    """Return the items that are watched often enough in training, the most watched first."""
    watches = cut.watches
    counts = np.bincount(watches.item[cut.trained], minlength=len(watches.items)).astype(np.int64)
    order = popular_first(watches.items, counts)
    order = order[counts[order] >= max(1, min_count)]
    if not len(order):
        raise DataError(f"The log: no item has {min_count:,} watches: give a lower --min-count.")
    items = [watches.items[place] for place in order.tolist()]
    return Catalogue(items, counts[order], watches.words, [])


def _context(cut: _Cut, columns: WatchColumns, say: Say) -> tuple[Schema, Examples | None]:
    """Return the features of the context columns, as the rows to train on have them."""
    if not columns.context:
        return Schema((), ()), None
    table = Table(cut.watches.context, len(cut.watches), "")
    found = understand(table.take(np.flatnonzero(cut.trained)), [], FeatureInput())
    for line in [*found.lines, *(f"Warning: {warning}" for warning in found.warnings)]:
        say(line)
    return found.schema, examples_of(table, Reader(found.schema), [], "the log")


def _tell_task(
    catalogue: Catalogue, train: Ints, held: Ints, config: CandidatesTrainConfig, say: Say
) -> None:
    valid = f"{len(held):,} for validation" if len(held) else "none for validation"
    say(
        f"{counted(len(catalogue.items), 'item')} to choose from; {len(train):,} watches to "
        f"predict, {valid}."
    )
    if not len(held):
        say("Warning: nothing to validate on: the last weights are kept.")
    over = "all items" if config.softmax == "full" else f"{config.negatives:,} drawn items"
    say(
        f"{counted(config.epochs, 'epoch')} of batches of {config.batch_size}, softmax over {over}."
    )
