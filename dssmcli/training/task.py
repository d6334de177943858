"""Builds what a text model learns from, a TextTask, out of files and settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dssmcli.config import LossConfig, ModelConfig, TrainConfig, between, sized
from dssmcli.data.batching import Split, epoch_rows, split_by_query
from dssmcli.data.clicks import added_up
from dssmcli.data.copies import judged_lines, learned_lines
from dssmcli.data.fingerprint import Fingerprint
from dssmcli.data.grade_scales import later_grade_lines
from dssmcli.data.id_texts import few_texts
from dssmcli.data.pairs import (
    Pairs,
    Texts,
    copies_of,
    default_match_grade,
    interpretation,
    positive_rows,
    read_pairs,
)
from dssmcli.data.rows import USUAL, RowOptions
from dssmcli.data.seen import Seen
from dssmcli.data.tsv import BadRows, name_of, saying_of
from dssmcli.errors import DataError, counted
from dssmcli.presets import Settings
from dssmcli.text.blocks import TextIndex
from dssmcli.text.limits import cut_note
from dssmcli.text.seen_hashes import SeenTexts
from dssmcli.text.tokenizers import normalizer_of
from dssmcli.text.vocab import Vocabulary, frequent_features, read_features, shipped_features
from dssmcli.text.words import Words
from dssmcli.training.indexing import indexing_of
from dssmcli.training.pair_sketch import PairSketch, seen_in_training
from dssmcli.training.pieces import PIECES

Say = Callable[[str], None]
Met = Callable[[list[str]], None]

_OWN_QUERIES = 0.5
"""From so many queries a row on, rows are pairs of their own, not titles of queries."""


@dataclass(frozen=True)
class TextTask:
    """Everything that stays as it is while a text model is trained.

    seen: how many validation rows are training rows, where validation has files of its own.
    """

    model: ModelConfig
    loss: LossConfig
    config: TrainConfig
    train: Pairs
    valid: Pairs | None
    match_grade: float
    fingerprint: Fingerprint
    seen: Seen | None
    vocabulary: Vocabulary
    index: TextIndex
    words: Words | None


@dataclass(frozen=True)
class PairsInput:
    """Where pairs come from, how they are read, and which of their features get rows.

    dictionary: a user's own words, for jieba. pieces: how many, for sentencepiece. scratch: a
    folder for files that vanish with the process, or None for the usual one. options: how lines are
    taken.
    """

    sources: Sequence[str]
    valid_sources: Sequence[str] = ()
    columns: str | None = None
    kind: str | None = None
    match_grade: float | None = None
    vocabulary: str = "log"
    min_count: int = 1
    dictionary: Path | None = None
    pieces: int | None = None
    scratch: Path | None = None
    options: RowOptions = USUAL

    def __post_init__(self) -> None:
        between("--min-count", self.min_count, 1)
        between("--pieces", PIECES if self.pieces is None else self.pieces, 2, 1_000_000)


def default_loss(train: Pairs) -> LossConfig:
    """Return the loss that did best on the development sets for rows of this kind.

    Labels and grades say where a match begins, which a softmax over titles does not learn, so a
    logistic loss on the cosine joins it. Grades of pairs that are not titles of a query, each text
    standing with one other, are learned by their squared error alone: other rows' texts are no
    worse than these, and as negatives they mislead. See docs/lab-notes.md.
    """
    if train.kind == "grade" and len(np.unique(train.query)) > _OWN_QUERIES * len(train):
        return LossConfig(softmax=0.0, regression=10.0)
    logistic = {"label": 3.0, "grade": 1.0}.get(train.kind, 0.0)
    return LossConfig(logistic=logistic)


def build_task(given: PairsInput, settings: Settings, bad_rows: BadRows, say: Say) -> TextTask:
    """Read the pairs, split them, build the vocabulary and index the texts.

    `say` gets a line for everything that was understood or decided, and every warning.
    """
    text, seed = settings.model.text, settings.train.seed
    texts = indexing_of(text, given.dictionary, given.pieces, seed, given.scratch)
    given = replace(given, options=given.options._replace(normalizer=normalizer_of(text)))
    rows = _read(given, settings.train, texts.add, bad_rows, say)
    indexed = texts.finish(rows.train.used_texts())
    index, words = indexed.index, indexed.words
    if words is not None:
        say(f"Texts are cut by a list of {len(words.spellings):,} words.")
    vocabulary = _vocabulary(given, settings, rows.train, index, say)
    index.use(vocabulary)
    say(f"{len(vocabulary.features):,} features in {index.distinct_units - 1:,} distinct units.")
    model = settings.model
    if index.cuts.texts:
        say(cut_note(index.cuts, model.text.max_units))
    name = ", ".join(map(name_of, given.sources))
    for warning in check_learnable(name, rows.train, rows.match_grade, index):
        say(f"Warning: {warning}")
    if rows.valid is None:
        say(
            "Warning: nothing to validate on: the last weights are kept, and the threshold is "
            "chosen on training rows, so it says little."
        )
    loss = replace(default_loss(rows.train), **settings.loss)
    positive = positive_rows(rows.train, rows.match_grade)
    config = sized(settings.train, epoch_rows(rows.train, positive, loss.query_cap))
    say(f"{model.arch}, {config.epochs} epochs of batches of {config.batch_size}.")
    return TextTask(model, loss, config, *rows, vocabulary, index, words)


class _Rows(NamedTuple):
    train: Pairs
    valid: Pairs | None
    match_grade: float
    fingerprint: Fingerprint
    seen: Seen | None


def _read(given: PairsInput, config: TrainConfig, met: Met, bad_rows: BadRows, say: Say) -> _Rows:
    """Read and split the rows; `met` gets their distinct texts."""
    known = SeenTexts()
    texts, sketch = Texts(_both(met, known.add)), PairSketch(known)
    how = (given.columns, given.kind, bad_rows, texts, given.options)
    rows = read_pairs(given.sources, *how, sketch.take)
    copies = learned_lines(copies_of(rows))
    for line in (f"Read {interpretation(rows)}.", *rows.notes, *copies):
        say(line)
    pairs = _each_once(rows, say)
    others = PairSketch(known)
    if given.valid_sources:
        valid = read_pairs(given.valid_sources, *how, others.take)
        say(f"Validating on {interpretation(valid)}.")
        for note in (*valid.notes, *judged_lines(copies_of(valid))):
            saying_of(given.valid_sources, say)(note)
        if valid.kind == rows.kind == "grade":
            for line in later_grade_lines(valid.value, rows.value):
                saying_of(given.valid_sources, say)(line)
        split = Split(replace(pairs, texts=valid.texts), valid)
    else:
        del texts, how  # much memory, where rows are many
        split = split_by_query(pairs, config.valid_share, config.seed)
    held = f"{len(split.valid):,} for validation" if split.valid else "none for validation"
    say(f"{len(split.train):,} rows to train on, {held}; {split.train.texts:,} texts.")
    graded = next((each for each in (pairs, split.valid) if each and each.kind == "grade"), pairs)
    match_grade = default_match_grade(graded) if given.match_grade is None else given.match_grade
    if split.valid and not positive_rows(split.valid, match_grade).any():
        if given.valid_sources:
            where = ", ".join(map(name_of, given.valid_sources))
            raise DataError(f"{where}: no row is a match: nothing to validate on.")
        split = Split(pairs, None)
    if graded.kind == "grade":
        say(f"A grade of {match_grade:g} or more counts as a match.")
    if split.valid is None or not given.valid_sources:
        return _Rows(*split, match_grade, sketch.fingerprint(rows, split.valid), None)
    both = sketch.fingerprint(rows, None)._replace(validated=others.sketch(split.valid))
    return _Rows(*split, match_grade, both, seen_in_training(rows, split.valid, known))


def _both(met: Met, other: Met) -> Met:
    def meet(texts: list[str]) -> None:
        met(texts)
        other(texts)

    return meet


def _each_once(pairs: Pairs, say: Say) -> Pairs:
    once = added_up(pairs)
    if len(once) < len(pairs):
        say(f"Clicks of rows with the same pair are added up: {counted(len(once), 'pair')}.")
    return once


def _vocabulary(
    given: PairsInput, settings: Settings, train: Pairs, index: TextIndex, say: Say
) -> Vocabulary:
    text = settings.model.text
    if given.vocabulary == "shipped":
        return Vocabulary(shipped_features(), text.buckets)
    counts = index.feature_counts(train.used_texts())
    if given.vocabulary != "log":
        features = read_features(Path(given.vocabulary))
        share = sum(counts[feature] for feature in features) / max(1, counts.total())
        if share < _FEW_KNOWN:
            say(
                f"Warning: {name_of(given.vocabulary)}: its features take only {share:.2%} of the "
                "texts to train on; all others share buckets. Expected: a feature a line, as `dssm "
                f"vocab` with the same tokenizer ({text.tokenizer}) writes them."
            )
        return Vocabulary(features, text.buckets)
    return Vocabulary(frequent_features(counts, given.min_count), text.buckets)


def check_learnable(name: str, train: Pairs, match_grade: float, index: TextIndex) -> list[str]:
    """Return warnings; raise DataError when nothing can be learned from the rows."""
    positive = positive_rows(train, match_grade)
    empty = index.empty()
    warnings = []
    if train.kind == "grade" and train.value.min() == train.value.max():
        raise DataError(f"{name}: every grade is {train.value.min():g}: nothing to tell apart.")
    if not positive.any():
        raise DataError(
            f"{name}: no row is a match (a click, a label 1, a high grade): nothing to learn."
        )
    if (train.title == train.title[0]).all():
        raise DataError(f"{name}: all rows have the same title: no title can stand as a negative.")
    if train.kind == "label" and positive.all():
        warnings.append("Every label is 1: other rows' titles are the only negatives.")
    lost = int((empty[train.query] | empty[train.title]).sum())
    if lost == len(train):
        raise DataError(f"{name}: no text has a letter, digit or symbol: nothing to learn.")
    if lost:
        warnings.append(f"Rows with a text that has no letter, digit or symbol: {lost:,}.")
    if len(train) < _FEW_ROWS:
        warnings.append(
            f"Only {counted(len(train), 'row')} to learn from: expect little of the model."
        )
    own = int((positive & (train.query == train.title)).sum())
    if own >= _MANY_OWN * positive.sum():
        warnings.append(
            f"In {own:,} of {int(positive.sum()):,} matches the query is the title: they match "
            "anyway, and teach nothing. Are both columns the right ones?"
        )
    few = few_texts(train.query, train.title)
    if few is not None:
        warnings.append(f"Only {few} in {len(train):,} rows: hardly anything can be learned.")
    if train.kind == "clicks" and (train.value % 1 > 0).any():
        broken = train.value[train.value % 1 > 0]
        warnings.append(
            f"{counted(len(broken), 'row')} with a number of clicks that is not whole, such as "
            f"{broken[0]:g}: clicks are counts. If these are rates or scores: --value grade."
        )
    if len(train) >= _FEW_ROWS and positive.sum() < _FEW_MATCHES:
        warnings.append(
            f"Only {counted(int(positive.sum()), 'match')} among {len(train):,} rows to learn "
            "from: expect little of the model and of its threshold."
        )
    return warnings


_FEW_KNOWN = 0.1
_FEW_ROWS, _FEW_MATCHES, _MANY_OWN = 100, 20, 0.5
