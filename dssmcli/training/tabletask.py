"""Builds what a multi-task model learns from, a TableTask, out of tables and settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from dssmcli.data.column_figures import row_hashes
from dssmcli.data.copies import copies_among, learned_lines
from dssmcli.data.examples import Examples, examples_of
from dssmcli.data.features import Reader, Schema
from dssmcli.data.file_spellings import spelling_lines
from dssmcli.data.file_units import numbers_in, unit_lines
from dssmcli.data.fingerprint import (
    NOTHING,
    Fingerprint,
    label_marks,
    repeats,
    sketch_of,
    whole_sketch,
)
from dssmcli.data.inference import FeatureInput, Understood, understand
from dssmcli.data.label_texts import label_lines, settled
from dssmcli.data.lone_labels import refuse_lone_labels
from dssmcli.data.seen import Seen, seen
from dssmcli.data.source_rows import rows_of_sources
from dssmcli.data.suspects import suspects
from dssmcli.data.table import Table, read_table
from dssmcli.data.table_hashes import hashes_of
from dssmcli.data.tasks import (
    Labels,
    Target,
    Task,
    check_positive,
    far_off,
    parse_tasks,
    targets_of,
)
from dssmcli.data.totals import total_line
from dssmcli.data.tsv import BadRows, name_of, names_of
from dssmcli.data.unlike import unlike_lines
from dssmcli.errors import WARNING, DataError, about, counted, shown
from dssmcli.rec_config import MultitaskConfig, MultitaskTrainConfig, Sizes, sized_rows

Say = Callable[[str], None]


@dataclass(frozen=True)
class TableTask:
    """Everything that stays as it is while a multi-task model is trained.

    The first target is the main one, on whose validation score the weights are chosen. Labels are
    as the targets have them: a number less its mean, over its scale. seen: how many validation rows
    are training rows.
    """

    model: MultitaskConfig
    config: MultitaskTrainConfig
    schema: Schema
    targets: tuple[Target, ...]
    train: Examples
    valid: Examples | None
    digest: str
    valid_digest: str | None
    fingerprint: Fingerprint
    seen: Seen | None

    @property
    def sizes(self) -> Sizes:
        """Return what the model is built for."""
        categories, features = sum(self.schema.sizes), len(self.schema.categorical)
        return Sizes(categories, features, self.schema.width, len(self.targets))


class TableInput(NamedTuple):
    """Where the rows come from, what is to be predicted, and what a user says of the columns.

    tasks: as the user writes them, the main one first. weights: of tasks by name, 1 for the others.
    """

    sources: Sequence[str]
    tasks: Sequence[str]
    features: FeatureInput
    valid_sources: Sequence[str] = ()
    weights: Sequence[tuple[str, float]] = ()


def build_table_task(
    given: TableInput,
    model: MultitaskConfig,
    config: MultitaskTrainConfig,
    bad_rows: BadRows,
    say: Say,
) -> TableTask:
    """Read the tables, find out what the columns are, and set rows aside for validation.

    `say` gets a line for everything that was understood or decided, and every warning.
    """
    where = ", ".join(map(name_of, given.sources))
    whole = read_table(given.sources, bad_rows)
    tasks = settled(whole, parse_tasks(given.tasks, list(whole.columns)), where)
    check_positive(whole, tasks, where)
    refuse_lone_labels(whole, tasks, given.sources)
    say(f"Read {counted(whole.rows, 'row')} of {counted(len(whole.columns), 'column')}.")
    for line in (*label_lines(whole, tasks, where), *_odd_rows(whole)):
        say(line)
    table, held = _split(whole, given, config, bad_rows)
    found = understand(table, tasks, given.features)
    lines, warnings = _understood(found, whole, held, given, tasks)
    for line in lines:
        say(line)
    reader = Reader(found.schema)
    valid = None if held is None else _judging(held, given, reader, tasks)
    trained = whole if valid is None else table
    train = examples_of(trained, reader, tasks, where)
    fingerprint, seen = _met(trained, train, held, valid, found.schema)
    if seen is not None and not given.valid_sources:
        if seen.learned:
            say(
                f"Of the rows set aside to validate on, {seen.learned:,} are equal to others that "
                "are trained on: rows of this table repeat."
            )
        seen = None
    for warning in [*warnings, *suspects(reader, train, tasks)]:
        say(f"Warning: {warning}")
    targets = targets_of(tasks, train.labels, dict(given.weights), where)
    for line in _of_targets(targets, train, valid if given.valid_sources else None, given):
        say(line)
    said = f"{len(valid):,} for validation" if valid else "none for validation"
    say(f"{len(train):,} rows to train on, {said}.")
    if valid is None:
        say("Warning: nothing to validate on: the last weights are kept.")
    config = sized_rows(config, len(train))
    say(f"{model.arch}, {counted(config.epochs, 'epoch')} of batches of {config.batch_size}.")
    return TableTask(
        model,
        config,
        found.schema,
        targets,
        _scaled(train, targets),
        None if valid is None else _scaled(valid, targets),
        whole.digest,
        None if held is None or not given.valid_sources else held.digest,
        fingerprint,
        seen,
    )


def _odd_rows(whole: Table) -> Iterator[str]:
    """Yield warnings of rows that are copies of others, and of a last one that adds them up."""
    yield from learned_lines(copies_among(row_hashes(whole, whole.columns)))
    if (total := total_line(whole)) is not None:
        yield f"Warning: {total}"


def _split(
    whole: Table, given: TableInput, config: MultitaskTrainConfig, bad_rows: BadRows
) -> tuple[Table, Table | None]:
    """Return the rows to train on and those to validate on: of a file, or drawn by the seed."""
    if given.valid_sources:
        return whole, read_table(given.valid_sources, bad_rows)
    share = config.valid_share if whole.rows >= _FEW_ROWS else min(0.5, 2 * config.valid_share)
    held = round(share * whole.rows)
    if not held or held == whole.rows:
        return whole, None
    order = np.random.default_rng([config.seed, 6]).permutation(whole.rows)
    return whole.take(np.sort(order[held:])), whole.take(np.sort(order[:held]))


_FEW_ROWS = 5_000
"""Of fewer rows, twice the share is held out: a figure on some hundred rows says little."""


def _understood(
    found: Understood, whole: Table, held: Table | None, given: TableInput, tasks: Sequence[Task]
) -> tuple[list[str], list[str]]:
    """Return lines about the columns and the files, and warnings of columns of which no line says
    that a file writes them otherwise."""
    sources = rows_of_sources(given.sources, whole.ends)
    apart = {*given.features.ignored, *(task.column for task in tasks)}
    spellings = spelling_lines(whole, found.schema, apart, given.sources, sources)
    lines = [*found.lines, *_unlike(whole, held, given, found.schema, tasks), *spellings.values()]
    return lines, [each for each in found.warnings if each.partition(": ")[0] not in spellings]


def _unlike(
    whole: Table, held: Table | None, given: TableInput, schema: Schema, tasks: Sequence[Task]
) -> Iterator[str]:
    """Yield what is unlike the other files in one to train on, and in one that the user named to
    validate on."""
    sources = rows_of_sources(given.sources, whole.ends)
    for file, names in whole.extra:
        yield (
            f"{file}: not read, as {name_of(given.sources[0])} does not have them: "
            f"{', '.join(names)}. To learn from them, give all files these columns, empty where "
            "nothing is known."
        )
    yield from unit_lines(numbers_in(whole, schema, tasks, names_of(given.sources)), sources)
    if held is not None and given.valid_sources:
        where = ", ".join(map(name_of, given.valid_sources))
        yield from unlike_lines(held, schema, tasks, where)


def _judging(
    held: Table, given: TableInput, reader: Reader, tasks: Sequence[Task]
) -> Examples | None:
    """Return validation rows; None when their main labels cannot tell a good model from a bad.

    Raises DataError when these are rows that the user named.
    """
    where = ", ".join(map(name_of, given.valid_sources or given.sources))
    valid = examples_of(held, reader, tasks, where)
    labels = valid.labels[:, 0]
    known = labels[~np.isnan(labels)]
    if len(known) and known.min() < known.max():
        return valid
    if given.valid_sources:
        raise DataError(
            f"{where}: {tasks[0].name} has no two different labels: nothing to validate on."
        )
    return None


def _of_targets(
    targets: Sequence[Target], train: Examples, named: Examples | None, given: TableInput
) -> Iterator[str]:
    """Yield a line about each target, and warnings of numbers to predict that are in another unit
    in rows that the user named to validate on."""
    for target, labels in zip(targets, train.labels.T, strict=True):
        yield _told(target, labels)
    if named is not None:
        where = names_of(given.valid_sources)
        for target, labels in zip(targets, named.labels.T, strict=True):
            yield from (about(where, f"{WARNING}{each}") for each in far_off(target, labels))


def _met(
    table: Table, train: Examples, held: Table | None, valid: Examples | None, schema: Schema
) -> tuple[Fingerprint, Seen | None]:
    """Return the fingerprint of the rows, and how many of those to validate on are trained on."""
    hashes, marks = hashes_of(table, schema.names), label_marks(train.labels)
    twice, alike = repeats(hashes, marks), repeats(hashes, None)
    trained = sketch_of(hashes, marks)
    if held is None or valid is None:
        return Fingerprint(trained, NOTHING, twice, repeated_features=alike), None
    own, labels = hashes_of(held, schema.names), label_marks(valid.labels)
    whole = Fingerprint(whole_sketch(hashes, marks), NOTHING, twice, repeated_features=alike)
    known = Fingerprint(trained, sketch_of(own, labels), twice, repeated_features=alike)
    return known, seen(whole, own, labels)


def _scaled(examples: Examples, targets: Sequence[Target]) -> Examples:
    means = np.array([target.mean for target in targets])
    scales = np.array([target.scale for target in targets])
    return replace(examples, labels=(examples.labels - means) / scales)


def _told(target: Target, labels: Labels) -> str:
    known = labels[~np.isnan(labels)]
    lacking = len(labels) - len(known)
    missing = f", {lacking:,} rows lack it" if lacking else ""
    if target.binary:
        ones = " or ".join(map(shown, target.task.positive)) or "1"
        said = f"{known.mean():.1%} positive, where it is {ones}"
    else:
        said = f"a number from {known.min():g} to {known.max():g}, {target.mean:g} on average"
    return f"Task {target.name}: {said}{missing}."
