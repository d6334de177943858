"""Which of the rows that a run is judged on it has met in training, and what to say of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dssmcli.data.fingerprint import Fingerprint, Marks, value_marks
from dssmcli.data.pairs import Pairs
from dssmcli.errors import WARNING, counted, plural
from dssmcli.text.hashing import Hashes, both_ways
from dssmcli.text.seen_hashes import seen_both_ways

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer[Any]]


class Seen(NamedTuple):
    """How many of the rows that a run is judged on it has met in training.

    learned: equal to rows that it learned from. texts: how many different pairs of texts stood
    together in such rows, whatever their values; None of what is no pairs. chosen: rows that chose
    its weights, and none that it learned from. about: whether these are estimates. usual: how many
    rows would be equal by chance, as rows learned from are to one another. earlier: other events
    that come before the last moment that the run knows; None of what has no moments. known: of a
    run that keeps the past of users and items, events that are part of it or come before its end.
    swapped: other pairs of texts that were learned from with query and title the other way round.
    alike: other rows of a table whose features were learned from, with labels that are different or
    missing, where there are more of them than by chance. usual_chosen: as `usual`, of rows that
    chose the weights.
    """

    rows: int
    learned: int
    texts: int | None
    chosen: int
    about: bool = False
    usual: float = 0.0
    earlier: int | None = None
    known: int = 0
    swapped: int = 0
    alike: int = 0
    usual_chosen: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the figures by name, as `dssm eval --json` has them."""
        found: dict[str, Any] = {"learned_rows": self.learned}
        if self.texts is not None:
            found |= {"learned_pairs": self.texts, "swapped_rows": self.swapped}
        if self.alike:
            found["same_features_rows"] = self.alike
        found["validation_rows"] = self.chosen
        if self.earlier is not None:
            found["earlier_rows"] = self.earlier
        return {**found, "learned_estimated": True} if self.about else found

    @property
    def beyond_chance(self) -> bool:
        """Tell whether more rows were learned from than repeat one another anyway."""
        return self._beyond(self.learned, self.usual)

    @property
    def _chose(self) -> int:
        """Return how many rows chose the weights, 0 if as many would by chance."""
        return self.chosen if self._beyond(self.chosen, self.usual_chosen) else 0

    def _beyond(self, count: int, usual: float) -> bool:
        """Tell whether so many rows are more than are usual by chance."""
        doubt = 3 * (usual * max(0.0, 1 - usual / max(1, self.rows))) ** 0.5
        return bool(count > usual + doubt)

    def warning(self, run: str, noun: str) -> str:
        """Return what is wrong with figures on these rows; nothing where nothing is.

        run: how it is called. noun: what a row is.
        """
        learned = self.learned if self.beyond_chance else 0
        whole = counted(self.rows, noun)
        if learned:
            said = f"{self._about}{learned:,} of {whole}{self._of_texts} were learned from by {run}"
            if self._chose:
                said += f", {self._chose:,} more chose its best weights"
            if self.known:
                said += f", {self.known:,} come before the last moment that it knows"
            said += self._besides
            most = 2 * (learned + self.swapped + self.alike) >= self.rows
            on = "these figures say" if most else "on those the figures say"
            return f"Warning: {said}: {on} how well it remembers, not how well it does on new ones."
        if self.texts:
            return (
                f"Warning: the texts of {self._about}{counted(self.texts, 'pair')} were learned "
                f"from by {run}, with other values{self._besides}: on those the figures say little "
                "of new ones."
            )
        if self.swapped or self.alike:
            return (
                f"Warning: {self._about}{self.swapped or self.alike:,} of {whole} "
                f"{self._other_way(f'that {run} learned from')}: "
                "on those the figures say little of new ones."
            )
        if self.known:
            return (
                f"Warning: {self.known:,} of {whole} come before the last moment that {run} knows: "
                "its past of users and items has counted what became of them or came after, so "
                "the figures say little of what is to come."
            )
        return ""

    def note(self, run: str, noun: str) -> str:
        """Return what else there is to say where there is no warning, or of most rows a warning."""
        if self.warning(run, noun):
            return ""
        if self.earlier:
            warning = WARNING if 2 * self.earlier >= self.rows else ""
            return (
                f"{warning}{self.earlier:,} of {counted(self.rows, noun)} come before the last "
                f"moment that {run} learned from: it has seen what came after them."
            )
        if not self._chose:
            return ""
        return (
            f"{self._about}{self._chose:,} of {counted(self.rows, noun)} chose the best weights "
            f"of {run}: the figures flatter it a little."
        )

    def validation_warning(self, noun: str) -> str:
        """Return what is wrong with validating on these rows; nothing where nothing is."""
        learned = self.learned if self.beyond_chance else 0
        if learned and learned == self.rows:
            return (
                f"Warning: all {self.rows:,} {plural(noun)} of --valid are among those trained on: "
                "the best weights are those that remember best, and no figure says how the run "
                "does on new ones. Give others, or leave --valid out: a share is set aside then."
            )
        whole = f"{counted(self.rows, noun)} of --valid"
        if learned:
            said = f"Warning: {learned:,} of {whole}{self._of_texts} are among those trained on"
            if self.earlier:
                said += f", {self.earlier:,} come before the last moment of training"
            return f"{said}{self._besides}: on those validation says how well the run remembers."
        if self.texts:
            return (
                f"Warning: the texts of {counted(self.texts, 'pair')} of --valid are among those "
                f"trained on, with other values{self._besides}: on those validation says little of "
                "new ones."
            )
        if self.swapped or self.alike:
            return (
                f"Warning: {self.swapped or self.alike:,} of {whole} "
                f"{self._other_way('trained on')}: "
                "on those validation says little of new ones."
            )
        if self.earlier:
            return (
                f"Warning: {self.earlier:,} of {whole} come before the last moment of training: "
                "what is learned from came after them, so they say little of what is to come."
            )
        return ""

    @property
    def _about(self) -> str:
        return "about " if self.about else ""

    @property
    def _besides(self) -> str:
        """Return what is said of other rows behind the first that are."""
        if self.swapped:
            return f", {self.swapped:,} more with query and title the other way round"
        if self.alike:
            return f", the features of {self.alike:,} more with other labels or none"
        return ""

    def _other_way(self, learned: str) -> str:
        """Return how other rows are those learned from."""
        if self.swapped:
            return f"are pairs {learned} with query and title the other way round"
        return f"have the features of rows {learned}, with other labels or none"

    @property
    def _of_texts(self) -> str:
        return "" if self.texts is None else f" ({counted(self.texts, 'pair')})"


def seen(
    fingerprint: Fingerprint,
    hashes: Hashes,
    marks: Marks | None,
    swapped: Hashes | None = None,
    time: Floats | None = None,
) -> Seen:
    """Return how many rows (N,) a run has met.

    marks: None where the answers are not to be compared. swapped: where rows are pairs of texts,
    their hashes with query and title the other way round. time: the moment of each row, where it
    has one.
    """
    trained, validated = fingerprint.trained, fingerprint.validated
    learned = trained.has(hashes, marks)
    chosen = validated.has(hashes, marks) & ~learned
    known = trained.covers(hashes)
    count = round(int(learned.sum()) * _scale(known))
    texts, others_swapped = None, 0
    if swapped is not None:
        other_way = trained.has(swapped) & ~trained.has(hashes) & ~chosen
        others_swapped = round(int(other_way.sum()) * _scale(trained.covers(swapped)))
        # Each pair once: its hash is all that it is sampled by.
        each, first = np.unique(hashes, return_index=True)
        texts = round(int(trained.has(each).sum()) * _scale(known[first]))
    earlier = None
    if time is not None and fingerprint.last is not None:
        earlier = int(((time < fingerprint.last) & ~learned & ~chosen).sum())
    others = round(int(chosen.sum()) * _scale(validated.covers(hashes)))
    alike = fingerprint.repeated_features
    repeated = fingerprint.repeated if marks is not None or alike is None else alike
    usual = len(hashes) * repeated / max(1, trained.rows)
    return Seen(
        rows=len(hashes),
        learned=count,
        texts=texts,
        chosen=min(others, len(hashes) - count),
        about=not fingerprint.whole,
        usual=usual,
        earlier=earlier,
        swapped=others_swapped,
        alike=0 if marks is None else _alike(fingerprint, hashes, learned | chosen),
        usual_chosen=usual * validated.rows / max(1, trained.rows),
    )


def _alike(fingerprint: Fingerprint, hashes: Hashes, met: Bools) -> int:
    """Return how many rows (N,) not met themselves have features learned from, if beyond chance.

    By chance, a new row has the features of one learned from as often as these have another's.
    """
    if fingerprint.repeated_features is None:
        return 0
    trained = fingerprint.trained
    scale = _scale(trained.covers(hashes))
    like = trained.has(hashes)
    all_like = round(int(like.sum()) * scale)
    found = Seen(
        len(hashes),
        all_like,
        None,
        0,
        usual=len(hashes) * fingerprint.repeated_features / max(1, trained.rows),
    )
    return round(int((like & ~met).sum()) * scale) if found.beyond_chance else 0


def _scale(known: Bools) -> float:
    """Return how many rows each one stands for of which it is known whether it was there."""
    return len(known) / max(1, int(known.sum()))


class PairHashes:
    """Hashes of pairs, taken while they are read, as the fingerprints of some runs have them."""

    def __init__(self, fingerprints: Sequence[Fingerprint | None]) -> None:
        self._fingerprints = fingerprints
        ways = {each.of_units for each in fingerprints if each is not None}
        self._parts = {way: [(_NO_HASHES, _NO_HASHES)] for way in ways}

    def take(self, texts: Sequence[str], numbers: Ints, values: Floats) -> None:
        """Take rows: normalised queries and titles in turn."""
        del numbers, values
        for of_units, parts in self._parts.items():
            parts.append((seen_both_ways if of_units else both_ways)(texts))

    def seen(self, pairs: Pairs) -> list[Seen | None]:
        """Return how many of the rows, which are `pairs`, each run has met, None of one unknown."""
        marks = value_marks(pairs.value, pairs.kind)
        whole = {
            way: [np.concatenate(each) for each in zip(*parts, strict=True)]
            for way, parts in self._parts.items()
        }
        return [
            each and seen(each, whole[each.of_units][0], marks, whole[each.of_units][1])
            for each in self._fingerprints
        ]


_NO_HASHES = np.zeros(0, np.uint64)
