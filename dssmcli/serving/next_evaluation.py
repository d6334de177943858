"""How early a recommender has what users watched next, beside what is popular and item-kNN.

n targets, V items.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli import rankings, weighted
from dssmcli.bootstrap import Plan
from dssmcli.data.event_hashes import event_hashes, moments_behind, seen_events
from dssmcli.data.features import Rows
from dssmcli.data.moments import Ints, Moments, histories, no_context, tokens_before
from dssmcli.data.repeated_events import history_lines, repeated_lines
from dssmcli.data.seen import Seen
from dssmcli.data.tsv import BadRows, names_of
from dssmcli.data.unknown_ids import (
    late_history_lines,
    left_out_lines,
    nobody_before,
    unknown_lines,
)
from dssmcli.data.watches import Watches, followed, read_watches
from dssmcli.errors import ConfigError, DataError, counted
from dssmcli.serving.baselines import DECAYS, Neighbours, item_neighbours, knn_scores
from dssmcli.serving.candidates import Candidates
from dssmcli.serving.reports import Drawn, Figures, Report, report_of
from dssmcli.text.ragged import spans

KIND = "watches"
RANKS = (10, 50)
Say = Callable[[str], None]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_SCORES_AT_ONCE = 1 << 23
_KNN_HISTORY = 50
_ACTIVITY = (1, 5, 20, 50)
"""Watches before the target from which on users are looked at apart."""
_SHARES = {"popular": 0.5, "middling": 0.8, "rare": 1.0}
"""Items by what share of the watches the more popular ones have."""


class Next(NamedTuple):
    """What is to be found: watches, and the places among them of the targets, (n,).

    known: (N,), the watches that are no targets, from which the baselines learn. digest: of the
    file with the targets. strangers: watches of users who had watched nothing before, left out.
    """

    watches: Watches
    places: Ints
    known: Bools
    digest: str
    strangers: int


def read_next(
    runs: Sequence[Candidates],
    source: str,
    history: Sequence[str],
    bad_rows: BadRows,
    say_of: Callable[[str], Say],
) -> Next:
    """Read what followed: all watches of a file that follow a history, else each user's last.

    Each target is to be found from all that its user watched before, targets included. say_of:
    returns what tells a person of what was understood of the files of a name. Raises DataError when
    there is none, and ConfigError when runs read different columns.
    """
    columns = runs[0].columns
    for run in runs[1:]:
        if run.columns != columns:
            raise ConfigError("the runs read different columns: evaluate them one by one.")
    way, lines, before_lines = runs[0].reading, list[str](), list[str]()
    watches, columns = read_watches([source], columns, bad_rows, way, lines.append)
    digest = watches.digest
    lines += repeated_lines(watches.user, watches.item, watches.time)
    if history:
        before, _ = read_watches(history, columns, bad_rows, way, before_lines.append)
        before_lines += repeated_lines(before.user, before.item, before.time)
        lines += history_lines(before, watches)
        watches, known = followed(before, watches)
        candidates = ~known
    else:
        candidates = np.zeros(len(watches), np.bool_)
        candidates[watches.starts[1:] - 1] = True
        known = ~candidates
    past = np.arange(len(watches)) > watches.starts[watches.user]
    places = np.flatnonzero(candidates & past)
    if not len(places):
        raise DataError(f"{source}: {nobody_before(watches, known, history)}")
    if history:
        lines += late_history_lines(watches, places, known)
    for name, said in ((names_of([source]), lines), (names_of(history), before_lines)):
        for line in said:
            say_of(name)(line)
    return Next(watches, places, known, digest, int(candidates.sum()) - len(places))


def evaluate_next(
    runs: Sequence[Candidates],
    found: Next,
    plan: Plan,
    say: Say,
    ranks: Sequence[int] = RANKS,
) -> tuple[list[Report], list[str]]:
    """Return a report for each run and then for each baseline, and the baselines' names.

    Items are those of the first run's catalogue; a target that is not there is a miss. ranks: the k
    of hr@k and ndcg@k, 10 among them.
    """
    users = found.watches.user[found.places]
    rows = Drawn(KIND, np.unique(users, return_inverse=True)[1])
    say(
        f"{counted(len(found.places), 'watch')} to find of "
        f"{counted(int(rows.query.max()) + 1, 'user')}, among "
        f"{counted(len(runs[0].catalogue.items), 'item')}."
    )
    for line in left_out_lines(found.watches, found.places, found.known, found.strangers):
        say(line)
    reports = []
    for run in runs:
        view = _view(run, found)
        if run is runs[0]:
            first = view
            for line in unknown_lines(
                run.catalogue.items, found.watches, found.places, found.known
            ):
                say(line)
        _warn_if_learned(run, found, say)
        figures = _figures(view, _run_scores(run, view), ranks)
        reports.append(report_of(figures, rows, plan, _seen(run, found)))
    names = []
    for name, figures in _baselines(first, found, ranks):
        names.append(name)
        reports.append(report_of(figures, rows, plan))
    return reports, names


def _seen(run: Candidates, found: Next) -> Seen | None:
    """Return how many of the watches to find a run has met in training, None of one unknown."""
    known = run.fingerprint()
    if known is None:
        return None
    time = moments_behind(found.watches, known.origin)
    hashes = event_hashes(found.watches)[found.places]
    return seen_events(known, hashes, None if time is None else time[found.places])


def _warn_if_learned(run: Candidates, found: Next, say: Say) -> None:
    """Say that a run has learned from the very watches that it is to find, if it has.

    What a run of a format before 5 can tell: nothing of a part of its log.
    """
    if run.fingerprint() is not None:
        return
    data = run.config.get("data")
    told = data if isinstance(data, dict) else {}
    held = told.get("valid_examples")
    if found.digest == told.get("sha256") and isinstance(held, int) and held < len(found.places):
        say(
            f"Warning: the run has learned from these very watches, but for the {held:,} that it "
            "validated on: the figures say nothing of new ones. Measure on what followed, with "
            "--history."
        )


@dataclass(frozen=True)
class _View:
    """Targets as a run's catalogue has them. items: (M,), the known watches of all users, in order.

    begins, ends: (n,): what target i is found from is items[begins[i]:ends[i]]. targets: (n,), -1
    for an item that is not known. counts: (V,), watches of each item that are no targets.
    """

    run: Candidates
    items: Ints
    begins: Ints
    ends: Ints
    targets: Ints
    counts: Ints
    watches: Watches
    places: Ints

    def history(self, rows: slice, most: int) -> Ints:
        """Return the last watches before some targets, (b, L)."""
        return histories(self.items, self.begins[rows], self.ends[rows], most)

    def moments(self, rows: slice) -> Moments:
        """Return what was known before some targets."""
        watches, places, run = self.watches, self.places[rows], self.run
        starts = watches.starts[watches.user[places]]
        tokens = tokens_before(watches.tokens, starts, places, run.model.searches)
        return Moments(
            self.history(rows, run.model.history),
            _renumbered(tokens, watches.words, run.catalogue.words),
            np.zeros(len(places), np.float32),
            self._context(places),
        )

    def _context(self, places: Ints) -> Rows:
        reader = self.run.reader
        if not reader.schema.names:
            return no_context(len(places))
        columns = [self.watches.context[name] for name in reader.schema.names]
        return reader.rows([[c.values[code] for code in c.codes[places].tolist()] for c in columns])


def _renumbered(tokens: Ints, words: Sequence[str], known: Sequence[str]) -> Ints:
    """Return search tokens as a run numbers them, 0 for those it does not know."""
    if not known or not tokens.shape[1]:
        return np.zeros((len(tokens), 0), np.int64)
    places = {word: i for i, word in enumerate(known, start=1)}
    number = np.array([0, *(places.get(word, 0) for word in words)], np.int64)
    return np.asarray(number[tokens])


def _view(run: Candidates, found: Next) -> _View:
    watches = found.watches.renumbered(run.catalogue.items)
    there = watches.item >= 0
    before = np.append(0, np.cumsum(there)).astype(np.int64)
    starts = watches.starts[watches.user[found.places]]
    used = there & found.known
    return _View(
        run,
        watches.item[there].astype(np.int64),
        before[starts],
        before[found.places],
        watches.item[found.places].astype(np.int64),
        np.bincount(watches.item[used], minlength=len(run.catalogue.items)).astype(np.int64),
        watches,
        found.places,
    )


Scores = Callable[[slice], npt.NDArray[np.floating[Any]]]
"""Scores (b, V) of all items for some targets."""


def _run_scores(run: Candidates, view: _View) -> Scores:
    return lambda rows: run.tower.users(view.moments(rows)) @ run.vectors.T


class _Ranks(NamedTuple):
    """Of each target (n,): how many items score higher, how many the same, whether it counts as
    found at all; with all items, or without those seen."""

    higher: Ints
    ties: Ints
    there: Bools


def _ranks(view: _View, scores_of: Scores) -> tuple[_Ranks, _Ranks]:
    """Return the ranks with all items and those without what the users had seen."""
    n, width = len(view.targets), len(view.counts)
    higher, ties = np.zeros((2, n), np.int64), np.zeros((2, n), np.int64)
    there = np.stack([view.targets >= 0] * 2)
    for rows in _blocks(n, width):
        scores = scores_of(rows)
        places = np.arange(rows.start, min(rows.stop, n))
        at = np.arange(len(places))
        target = np.maximum(view.targets[rows], 0)
        own = scores[at, target][:, None].copy()
        for k in range(2):
            if k:
                sizes = view.ends[rows] - view.begins[rows]
                row = np.repeat(at, sizes)
                seen = view.items[spans(view.begins[rows], sizes)]
                scores[row, seen] = -np.inf
                there[1, rows] &= np.isfinite(scores[at, target])
            higher[k, rows] = (scores > own).sum(axis=1)
            ties[k, rows] = np.maximum((scores == own).sum(axis=1) - 1, 0)
    ties = np.minimum(ties, width - 1 - np.minimum(higher, width - 1))
    higher = np.minimum(higher, width - 1)
    both = (_Ranks(higher[k], ties[k], there[k]) for k in range(2))
    return next(both), next(both)


def _blocks(rows: int, width: int) -> Iterator[slice]:
    step = max(1, min(1024, _SCORES_AT_ONCE // max(1, width)))
    for first in range(0, rows, step):
        yield slice(first, first + step)


def _figures(view: _View, scores_of: Scores, ranks: Sequence[int]) -> list[Figures]:
    """Return all figures of what gives the scores."""
    every, unseen = _ranks(view, scores_of)
    whole = _of_targets(every, len(view.counts), ranks)
    fresh = _of_targets(unseen, len(view.counts), ranks)
    found = [_means(whole, ""), _means(fresh, "unseen.")]
    for name, chosen in _slices(view):
        if not chosen.any():
            continue
        rows = np.flatnonzero(chosen)
        values = {f"{name}.targets": float(len(rows))}
        measures = []
        for prefix, figures in (("", whole), ("unseen.", fresh)):
            own = {f"{prefix}{name}.hr@10": figures["hr@10"][rows]}
            values |= {key: float(value.mean()) for key, value in own.items()}
            measures.append(weighted.of_some_rows(weighted.row_means(own), rows, ""))
        found.append(Figures(values, measures, units=len(rows)))
    return found


def _of_targets(places: _Ranks, width: int, ranks: Sequence[int]) -> dict[str, Floats]:
    """Return the figures of each target, (n,)."""
    found = rankings.pool_figures(places.higher, places.ties, width, ranks)
    figures = {f"hr@{k}": found.recall[k] for k in ranks}
    figures |= {f"ndcg@{k}": found.ndcg[k] for k in ranks}
    figures["mrr"] = found.reciprocal_rank
    return {name: np.where(places.there, values, 0.0) for name, values in figures.items()}


def _means(figures: dict[str, Floats], prefix: str) -> Figures:
    named = {f"{prefix}{name}": values for name, values in figures.items()}
    means = {name: float(values.mean()) for name, values in named.items()}
    return Figures(means, [weighted.row_means(named)])


def _slices(view: _View) -> Iterator[tuple[str, Bools]]:
    """Yield parts of the targets: by how much their users had watched, by how popular they are."""
    watched = view.ends - view.begins
    for least, more in zip(_ACTIVITY, (*_ACTIVITY[1:], None), strict=True):
        name = f"history_{least}+" if more is None else f"history_{least}-{more - 1}"
        yield name, (watched >= least) & (watched < (np.inf if more is None else more))
    order = np.argsort(-view.counts, kind="stable")
    below = np.cumsum(view.counts[order]) - view.counts[order]
    share = np.empty(len(order))
    share[order] = below / max(1, view.counts.sum())
    low = 0.0
    for name, high in _SHARES.items():
        of = np.where(view.targets >= 0, share[view.targets], 2.0)
        yield name, (of >= low) & (of < high)
        low = high


def _baselines(
    view: _View, found: Next, ranks: Sequence[int]
) -> Iterator[tuple[str, list[Figures]]]:
    """Yield each baseline's name and figures: learned from all watches that are no targets."""
    counts = view.counts.astype(np.float64)
    width = len(counts)

    def popularity(rows: slice) -> Floats:
        return np.tile(counts, (len(view.targets[rows]), 1))

    yield "popularity", _figures(view, popularity, ranks)
    neighbours = _neighbours(view, found)

    def knn(decay: float) -> Scores:
        def scores(rows: slice) -> Floats:
            near = knn_scores(neighbours, view.history(rows, _KNN_HISTORY), decay)
            # Of what has nothing in common with the history the popular stands first.
            return np.asarray(near + counts / (counts.max(initial=1) * width * 1e6))

        return scores

    tried = [(_figures(view, knn(decay), ranks), decay) for decay in DECAYS]
    best, decay = max(tried, key=lambda each: each[0][1].values["unseen.hr@10"])
    yield f"item-kNN, decay {decay:g}", best


def _neighbours(view: _View, found: Next) -> Neighbours:
    watches = view.watches
    used = (watches.item >= 0) & found.known
    starts = np.append(0, np.cumsum(used))[watches.starts].astype(np.int64)
    return item_neighbours(watches.item[used].astype(np.int64), starts, len(view.counts))
