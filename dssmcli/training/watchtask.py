"""Builds what candidate generation learns from, a WatchTask, out of a log and settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dssmcli.data.catalogue import Catalogue, popular_first
from dssmcli.data.examples import Examples, examples_of
from dssmcli.data.features import Reader, Schema
from dssmcli.data.inference import FeatureInput, understand
from dssmcli.data.moments import Ints, Moments, ages, histories, no_context, tokens_before
from dssmcli.data.table import Table
from dssmcli.data.tsv import BadRows, name_of
from dssmcli.data.watches import WatchColumns, Watches, counted_watches, followed, read_watches
from dssmcli.errors import ConfigError, DataError, counted
from dssmcli.youtube_config import (
    CandidatesConfig,
    CandidateSizes,
    CandidatesTrainConfig,
    sized_watches,
)

Say = Callable[[str], None]

_FEWEST_WATCHES = 3
"""A user of fewer has too little to be both learned from and judged by."""


@dataclass(frozen=True)
class WatchTask:
    """Everything that stays as it is while candidate generation is trained.

    Items are numbered as in the catalogue. train, valid: places in `watches` of what is to be
    predicted from the watches before it. newest, span: the last moment of what is trained on, and
    how long before that the first was.
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


Choose = Callable[[float, int], tuple[CandidatesConfig, CandidatesTrainConfig]]
"""Returns the settings for a log, given how many watches users have on average, and the items."""


def build_watch_task(given: WatchInput, choose: Choose, bad_rows: BadRows, say: Say) -> WatchTask:
    """Read the log, set watches aside for validation, and number the items.

    `say` gets a line for everything that was understood or decided, and every warning.
    """
    watches, columns = read_watches(given.sources, given.columns, bad_rows)
    digest, valid_digest = watches.digest, None
    model, config = choose(float(watches.lengths.mean()), len(watches.items))
    _tell(watches, columns, model, say)
    last = np.ones(len(watches), np.bool_)
    if given.valid_sources:
        later, _ = read_watches(given.valid_sources, columns, bad_rows)
        valid_digest = later.digest
        watches, last = followed(watches, later)
        held = _some(np.flatnonzero(~last & _has_past(watches)), config)
    else:
        held = _held_out(watches, config)
        last = ~_later(watches, held, config)
    counts = np.bincount(watches.item[last], minlength=len(watches.items)).astype(np.int64)
    catalogue = _catalogue(watches, counts, given.min_count)
    watches = watches.renumbered(catalogue.items)
    known = watches.item >= 0
    if not known.all():
        moved = np.cumsum(known) - 1
        held = moved[held[known[held]]]
        watches, last = watches.take(known), last[known]
    train = np.flatnonzero(last & _has_past(watches))
    if not len(train):
        raise DataError(
            f"{', '.join(map(name_of, given.sources))}: no user has two watches to learn from, "
            "one after the other."
        )
    schema, context = _context(watches, columns, last, say)
    examples = len(train)
    if config.user_cap:
        per_user = np.bincount(watches.user[train], minlength=len(watches.users))
        examples = int(np.minimum(per_user, config.user_cap).sum())
    config = sized_watches(config, model, examples, len(catalogue.items))
    _tell_task(catalogue, train, held, config, say)
    time = watches.time[last] if watches.time is not None else np.zeros(1)
    return WatchTask(
        model,
        config,
        columns,
        catalogue,
        schema,
        watches,
        context,
        train,
        held,
        float(time.max()),
        float(time.max() - time.min()),
        digest,
        valid_digest,
    )


def _tell(watches: Watches, columns: WatchColumns, model: CandidatesConfig, say: Say) -> None:
    say(f"Read {counted_watches(watches)}.")
    order = f"in the order of {columns.timestamp}" if columns.timestamp else "in that of the rows"
    say(f"Users are told by {columns.user}, items by {columns.item}; watches are {order}.")
    if model.example_age and watches.time is None:
        raise ConfigError(
            "--example-age needs a column of timestamps: name it with --timestamp COLUMN."
        )


def _has_past(watches: Watches) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Tell of each watch whether its user has watched something before, (N,)."""
    return np.arange(len(watches)) > watches.starts[watches.user]


def _held_out(watches: Watches, config: CandidatesTrainConfig) -> Ints:
    """Return the places of watches to validate on, in order."""
    if not config.valid_share:
        return np.zeros(0, np.int64)
    if config.split == "time":
        if watches.time is None:
            raise ConfigError("--split time needs a column of timestamps: --timestamp COLUMN.")
        moment = np.quantile(watches.time, 1 - config.valid_share)
        return _some(np.flatnonzero((watches.time > moment) & _has_past(watches)), config)
    users = np.flatnonzero(watches.lengths >= _FEWEST_WATCHES)
    most = min(config.valid_most, int(config.valid_share * len(watches)))
    random = np.random.default_rng([config.seed, 6])
    return np.sort(watches.starts[1:][random.permutation(users)[:most]] - 1)


def _some(places: Ints, config: CandidatesTrainConfig) -> Ints:
    random = np.random.default_rng([config.seed, 6])
    return np.sort(random.permutation(places)[: config.valid_most])


def _later(
    watches: Watches, held: Ints, config: CandidatesTrainConfig
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Tell which watches (N,) are not to be trained on: those held out, and all after them."""
    if config.split == "time" and config.valid_share and watches.time is not None:
        return np.asarray(watches.time > np.quantile(watches.time, 1 - config.valid_share))
    later = np.zeros(len(watches), np.bool_)
    later[held] = True
    return later


def _catalogue(watches: Watches, counts: Ints, min_count: int) -> Catalogue:
    """Return the items that are watched often enough, the most watched first."""
    order = popular_first(watches.items, counts)
    order = order[counts[order] >= max(1, min_count)]
    if not len(order):
        raise DataError(f"no item has {min_count:,} watches: give a lower --min-count.")
    items = [watches.items[place] for place in order.tolist()]
    return Catalogue(items, counts[order], watches.words, [])


def _context(
    watches: Watches,
    columns: WatchColumns,
    last: np.ndarray[tuple[int], np.dtype[np.bool_]],
    say: Say,
) -> tuple[Schema, Examples | None]:
    """Return the features of the context columns, as the rows to train on have them."""
    if not columns.context:
        return Schema((), ()), None
    table = Table(watches.context, len(watches), "")
    found = understand(table.take(np.flatnonzero(last)), [], FeatureInput())
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
