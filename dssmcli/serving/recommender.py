"""Recommends items to users by their histories: candidates first, then their ranking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.arguments import whole_count
from dssmcli.data.moments import Ints, Moments, histories, no_context
from dssmcli.data.users import Placed, Strangers, Users, placed, users_of
from dssmcli.neighbours import Found, taken
from dssmcli.serving.candidates import Candidates, load_candidates
from dssmcli.serving.ranker import Ranker, load_ranker
from dssmcli.serving.text_warnings import warn_caller
from dssmcli.serving.weights import JUDGED_LATER

Floats = npt.NDArray[np.float32]


class Recommended(NamedTuple):
    """The items for n users, the best first. places: (n, K) int64, in the catalogue, -1 where there
    are fewer. figures: (n, K) by name: the score that decides first, then those of each stage."""

    places: Ints
    figures: Mapping[str, npt.NDArray[Any]]


class Recommender:
    """Candidate generation and, if there is one, the ranking of what it finds.

    `unknown` counts the watches of items that the candidates' run does not know, `strangers` also
    the users without any other.
    """

    def __init__(
        self,
        candidates: Candidates,
        ranker: Ranker | None = None,
        keep_seen: bool = False,
        whole: bool = False,
        considered: int = 200,
    ) -> None:
        self.candidates, self.ranker = candidates, ranker
        self._keep_seen, self._whole, self._considered = keep_seen, whole, considered
        catalogue = candidates.catalogue
        self._items = candidates.places
        self._words = {word: i for i, word in enumerate(catalogue.words, start=1)}
        self.strangers = Strangers(self._items)

    @property
    def unknown(self) -> int:
        """Return how many watches so far were of items that the run does not know."""
        return self.strangers.watches

    def __repr__(self) -> str:
        ranker = "" if self.ranker is None else f", ranker={self.ranker!r}"
        return f"Recommender({self.candidates!r}{ranker})"

    def recommend(self, users: Users, count: int) -> Recommended:
        """Return the `count` best items for each of some users.

        Users of whom no watch is known get what is most watched. Raises ValueError for a count
        below 1, TypeError for one that is no whole number.
        """
        count = whole_count(count)
        watched = placed(users, self._items)
        self.strangers.add(watched)
        vectors = self.candidates.tower.users(self._moments(users, watched))
        wanted = count if self.ranker is None else max(count, self._considered)
        with np.errstate(**JUDGED_LATER):
            found = self._nearest(vectors, watched, wanted)
        self._popular(found, np.diff(watched.ends) == 0)
        places = np.where(np.isfinite(found.scores), found.places, -1)
        if self.ranker is None:
            return Recommended(places, {"score": found.scores})
        items = self.candidates.catalogue.items
        chosen = [[items[p] for p in row if p >= 0] for row in places]
        ranked = self.ranker.rank(users, chosen, places.shape[1])
        return _reranked(places, found.scores, ranked, count)

    def items_for(
        self, histories: Iterable[Iterable[str]], count: int = 10
    ) -> list[list[tuple[str, float]]]:
        """Return for each history, ids the oldest first, the `count` best items with their scores.

        Ids are texts or whole numbers. Items of the history are left out, and those that the run
        does not know are ignored, and counted in `unknown`; a history without a known item gets
        what is most watched. Both are warned of, once a call. A score is the candidates' inner
        product, or with a ranker what that ranks by. Raises TypeError for a history that is one
        str, and for what is no id, such as None.
        """
        before, self.strangers = self.strangers, Strangers(self._items)
        found = self.recommend(users_of(histories, self.candidates.columns), count)
        for line in self.strangers.lines():
            warn_caller([line])
        before.join(self.strangers)
        self.strangers = before
        items, scores = self.candidates.catalogue.items, next(iter(found.figures.values()))
        return [
            [(items[p], float(score)) for p, score in zip(row, numbers, strict=True) if p >= 0]
            for row, numbers in zip(found.places.tolist(), scores.tolist(), strict=True)
        ]

    def vectors(self, users: Users) -> Floats:
        """Return the vectors (n, D) of users."""
        watched = placed(users, self._items)
        self.strangers.add(watched)
        return self.candidates.tower.users(self._moments(users, watched))

    def _moments(self, users: Users, watched: Placed) -> Moments:
        """Return what is known of users now."""
        model, reader = self.candidates.model, self.candidates.reader
        begins, ends = watched.ends[:-1], watched.ends[1:]
        schema = reader.schema
        context = no_context(len(users.names))
        if schema.names:
            context = reader.rows([users.context[name] for name in schema.names])
        return Moments(
            histories(watched.flat, begins, ends, model.history),
            self._searched(users),
            np.zeros(len(users.names), np.float32),
            context,
        )

    def _searched(self, users: Users) -> Ints:
        """Return the last known search tokens of users, (n, S)."""
        if not self._words:
            return np.zeros((len(users.names), 0), np.int64)
        most = self.candidates.model.searches
        known = [[self._words[w] for w in words if w in self._words] for words in users.searches]
        table = np.zeros((len(known), max(1, most)), np.int64)
        for row, tokens in zip(table, known, strict=True):
            last = tokens[::-1][:most]
            row[: len(last)] = last
        return table

    def _nearest(self, vectors: Floats, watched: Placed, count: int) -> Found:
        """Return the items nearest to users, but for those watched unless these are kept."""
        sizes = np.diff(watched.ends)
        if self._keep_seen or not sizes.max(initial=0):
            return self.candidates.nearest(vectors, count, self._whole)
        found = self.candidates.nearest(vectors, count + int(sizes.max()), self._whole)
        width = len(self.candidates.catalogue.items)
        rows = np.arange(len(vectors))
        seen = np.repeat(rows, sizes) * width + watched.flat
        hidden = np.isin(rows[:, None] * width + found.places, seen)
        scores = np.where(hidden, -np.inf, found.scores)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        return taken(Found(scores, found.places), order)

    def _popular(self, found: Found, strangers: npt.NDArray[np.bool_]) -> None:
        """Give users of whom no watch is known what is most watched, with its share of watches."""
        if strangers.any():
            counts = self.candidates.catalogue.counts
            best = np.argsort(-counts, kind="stable")[: found.places.shape[1]]
            found.places[strangers, : len(best)] = best
            found.scores[strangers, : len(best)] = counts[best] / max(1, counts.sum())


def _reranked(
    places: Ints, scores: Floats, ranked: Mapping[str, npt.NDArray[np.float64]], count: int
) -> Recommended:
    """Return the best by the ranking; `ranked` has figures (n, K), what decides first."""
    decides = np.where(places >= 0, next(iter(ranked.values())), -np.inf)
    order = np.argsort(-decides, axis=1, kind="stable")[:, :count]
    figures: dict[str, npt.NDArray[Any]] = {**ranked, "candidate_score": scores}
    return Recommended(
        np.take_along_axis(places, order, 1),
        {name: np.take_along_axis(values, order, 1) for name, values in figures.items()},
    )


def load_recommender(
    candidates: str | Path | None = None, ranker: str | Path | None = None
) -> Recommender:
    """Load a run of candidates (`dssm train-rec youtube-candidates`; None: $DSSM_MODEL, else
    ./dssm-model), and one of ranking (`youtube-ranking`) if named.

    Raises RunError when one is missing, damaged, newer than this program or no such run.
    """
    found = load_candidates(candidates)
    return Recommender(found, None if ranker is None else load_ranker(ranker))
