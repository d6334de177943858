"""Encodes texts with a trained run, in numpy: what `encode`, `score` and `eval` stand on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike

from dssmcli.calibration import Calibration
from dssmcli.config import PLAIN, SIDES, VECTOR_SIDES, ModelConfig, one_of
from dssmcli.data.arguments import check_text, list_of_texts, pair_of_texts
from dssmcli.data.pipeline import in_threads
from dssmcli.errors import ConfigError, RunError
from dssmcli.run import WHOLE_VECTORS
from dssmcli.serving.origin import OfRun, said_of
from dssmcli.serving.tables import Looked
from dssmcli.serving.text_warnings import warn_of_texts
from dssmcli.serving.towers import Tower, build_tower
from dssmcli.serving.weights import JUDGED_LATER, under
from dssmcli.serving.workers import Encode, Encoded, in_processes
from dssmcli.text.limits import Cuts
from dssmcli.text.numbering import UnitFeatures, UnitIndex
from dssmcli.text.tokenizers import Lookup
from dssmcli.text.vocab import Vocabulary

if TYPE_CHECKING:
    from dssmcli.text.words import Words

Floats = npt.NDArray[np.float32]
Rows = tuple[Sequence[str], Sequence[str]]
"""Queries, and as many titles."""

BATCH = 8192
"""So many texts are encoded at once."""

_UNITS_KEPT = 50_000
"""Distinct units met, after which the later ones are forgotten, so that memory stays flat."""

_NOT_CALIBRATED = (
    "This run has no calibration: it was trained by an older dssm, or without anything to fit one "
    "on. Train it anew, or go by its cosines."
)
_LARGEST = float(np.finfo(np.float64).max)


class Prepared(NamedTuple):
    """Texts found in the tables of a tower and (if any) of the lexical part."""

    semantic: Looked
    lexical: Looked | None
    cuts: Cuts


class Encoder(OfRun):
    """A run that is ready to answer.

    `config` is the run's config.json, `model` the part of it that says how texts become vectors,
    `lookup` turns a text into ids. Encodes large inputs on `threads` processor threads; one of
    these is for one thread of the caller at a time. It can be copied, and sent to other processes.
    """

    def __init__(
        self,
        model: ModelConfig,
        vocabulary: Vocabulary,
        weights: Mapping[str, Floats],
        config: Mapping[str, Any] | None = None,
        threads: int = 1,
        processes: int = 1,
        digest: str = "",
        words: Words | None = None,
        chinese: Mapping[int, int] | None = None,
    ) -> None:
        self.model = model
        #: SHA-256 of the run's manifest, which no other run shares.
        self.digest = digest
        self.config = dict(config or {})
        self.lookup = Lookup.of(model.text, vocabulary, words, chinese)
        names = SIDES if model.separate_towers else ("tower",)
        self._threads, self._processes = threads, processes
        # Blocks that have been looked up and are not done: see `in_threads`.
        under_way = threads + 2 if threads > 1 else 0
        self._towers = {
            name: build_tower(model.tower, under(f"{name}.", weights), under_way) for name in names
        }
        self._lexical = None
        if model.lexical:
            # Here and not above: a run without this part need not wait for the code.
            from dssmcli.serving.lexical import NAME, Lexical

            lexical, whole = under(f"{NAME}.", weights), has_whole_vectors(self.config)
            self._lexical = Lexical(model.lexical, model.tower.dim, lexical, under_way, whole)
        self._features = UnitFeatures(self.lookup)
        self._index = UnitIndex(self.lookup, self._features)
        #: What was cut, so far, of texts longer than the model reads.
        self.cuts = Cuts()
        arguments = (model, vocabulary, dict(weights), self.config, threads, processes)
        self._made_of = (*arguments, digest, words, chinese)

    def __repr__(self) -> str:
        dims = f"dim={self.side_dim}" if self.model.separate_towers else f"dim={self.dim}"
        return (
            f"Encoder({self.model.arch}, {dims}, tokenizer={self.model.text.tokenizer!r}, "
            f"features={len(self.lookup.vocabulary):,}{said_of(self.origin)})"
        )

    def __reduce__(self) -> tuple[type[Encoder], tuple[Any, ...]]:
        """Say how to make it anew, where another process wants a copy: with tables of its own."""
        return Encoder, self._made_of

    @property
    def dim(self) -> int:
        """Return D, the length of the vectors of `encode`.

        Those of `encode_query` and `encode_title` have `side_dim` numbers, two more where the
        lengths of texts count.
        """
        return self.dim_of(SIDES[0] if self.model.separate_towers else PLAIN)

    @property
    def side_dim(self) -> int:
        """Return the length of the vectors of `encode_query` and `encode_title`."""
        return self.dim_of(SIDES[0])

    def dim_of(self, side: str) -> int:
        """Return the length of the vectors of a side: text, query or title.

        Raises ConfigError where the run has no vectors of it.
        """
        self.check_side(side)
        if self._lexical is None:
            return self.model.tower.dim
        return sum(self._lexical.columns[side])

    @property
    def threads(self) -> int:
        """Return how many threads encode large numbers of texts."""
        return self._threads

    @property
    def powers(self) -> tuple[float, float]:
        """Return the length powers of queries and titles; 0 where the length does not count.

        With a power above 0 a text that says more has longer parts, so that it scores higher; with
        one below 0 a text that says less does. Either makes the vectors of a text as a query, as a
        title and as a text differ: beside itself it then scores less than 1.
        """
        return (0.0, 0.0) if self._lexical is None else self._lexical.powers

    @property
    def share(self) -> float:
        """Return the share of a cosine that the lexical part has, from 0 to 1."""
        return 0.0 if self._lexical is None else self._lexical.share

    @property
    def sides_differ(self) -> bool:
        """Tell whether a text has another vector as a query than as a title."""
        return self.model.separate_towers or any(self.powers)

    @property
    def truncated(self) -> int:
        """Return how many texts so far were longer than the model reads.

        Of these it has read the first units alone (`model.text.max_units`, and 64 characters of
        each), so two texts that differ only behind them are the same. Train with `max_units` to
        read more.
        """
        return self.cuts.texts

    @property
    def threshold(self) -> float | None:
        """Return the cosine from which a pair is a match, chosen on validation rows; None for a run
        that has none."""
        return stored_number(self.config, "threshold", "value")

    @property
    def calibration(self) -> Calibration | None:
        """Return how cosines become probabilities; None for a run that was not calibrated."""
        scale = stored_number(self.config, "calibration", "scale")
        shift = stored_number(self.config, "calibration", "shift")
        return None if scale is None or shift is None or scale < 0 else Calibration(scale, shift)

    def probability(self, cosines: ArrayLike) -> npt.NDArray[np.float64]:
        """Return the calibrated probability of a match, float64, for cosines of any shape.

        What a match is set against, the run says (`config["calibration"]["against"]`): other rows,
        or titles drawn at random. Raises RunError when the run has no calibration: what its
        config.json says cannot be used, or it was trained without pairs of both kinds, or by a
        version that fitted none.
        """
        if self.calibration is None:
            raise RunError(_NOT_CALIBRATED, f"{_NOT_CALIBRATED} Or leave out --prob.")
        return self.calibration.probability(cosines)

    def encode(self, texts: Iterable[str], side: str = PLAIN) -> Floats:
        """Return unit rows (N, D) float32, in the order of the texts.

        All are of one kind, so that any two can be compared by their inner product: a text beside
        itself has 1. What the run knows of queries and titles beyond that is in the vectors of
        `encode_query` and `encode_title`. `texts` is a list, an array, a Series or anything else
        that gives texts in an order.

        A text without letters, digits or symbols is a row of zeros; one longer than the model reads
        is cut, and counted in `truncated`. A TextWarning says so once a call, and what else `dssm
        encode` warns of. Raises ConfigError for a side that is not there, TypeError for no text,
        RunError for a vector not finite.
        """
        texts = list_of_texts(texts, "texts")
        self.check_side(side)
        blocks = (texts[i : i + BATCH] for i in range(0, len(texts), BATCH))
        before, self.cuts = self.cuts, Cuts()
        parts = [rows for _, rows in self._blocks(blocks, side)]
        own, self.cuts = self.cuts, before.joined(self.cuts)
        rows = np.concatenate([*parts, np.zeros((0, self.dim_of(side)), np.float32)])
        warn_of_texts(texts, rows, own, self.lookup.max_units)
        return rows

    def encode_query(self, texts: Iterable[str]) -> Floats:
        """Return the vectors of queries, (N, D) float32 rows, to compare with those of titles.

        The inner product with a row of `encode_title` is what `score` gives. D is `side_dim`.
        """
        return self.encode(texts, "query")

    def encode_title(self, texts: Iterable[str]) -> Floats:
        """Return the vectors of titles, (N, D) float32 rows, to compare with those of queries."""
        return self.encode(texts, "title")

    def check_side(self, side: str) -> None:
        """Raise ConfigError unless the run has vectors of a side: text, query or title."""
        one_of("side", side, VECTOR_SIDES)
        if side == PLAIN and self.model.separate_towers:
            said = "This run has separate towers, so its vectors are of two kinds: "
            raise ConfigError(
                f"{said}encode queries with encode_query, titles with encode_title.",
                f"{said}ask for those of queries with --side query, of titles with --side title.",
            )

    def encode_blocks(
        self, blocks: Iterable[Sequence[str]], side: str = PLAIN
    ) -> Iterator[tuple[Sequence[str], Floats]]:
        """Return an iterator over each block of texts with its rows (n, D) float32, in order, as
        `encode` makes them.

        Blocks are drawn as they are needed, so that memory does not grow with their number. Each is
        anything that gives texts in an order, as for `encode`; TypeError says the place in `blocks`
        of what is no text, ConfigError is raised for a side that the run does not have.
        """
        self.check_side(side)
        checked = (list_of_texts(each, f"blocks[{i}]") for i, each in enumerate(blocks))
        return self._blocks(checked, side)

    def _blocks(
        self, blocks: Iterable[Sequence[str]], side: str
    ) -> Iterator[tuple[Sequence[str], Floats]]:
        drawn, done = deque[Sequence[str]](), 0

        def noted() -> Iterator[Sequence[str]]:
            for texts in blocks:
                drawn.append(texts)
                yield texts

        for found in self._encoded(noted(), side):
            self.cuts = self.cuts.joined(found.cuts, done)
            done += len(found.rows)
            yield drawn.popleft(), found.rows

    def _encoded(self, blocks: Iterable[Sequence[str]], side: str) -> Iterator[Encoded]:
        """Encode blocks in this thread, in others or in other processes."""
        if self._threads > 1:
            # While `threads` blocks go through the tower, the next are cut into units.
            prepared = (self._prepared(texts, side) for texts in blocks)
            return in_threads(lambda found: self._rows(found, side), prepared, self._threads)
        return self.parallel(lambda texts: self._block(texts, side), blocks)

    def score(self, query: str, title: str) -> float:
        """Return the cosine, -1 to 1, 0 where one says nothing; warns and raises as `encode`."""
        check_text(query, "query")
        check_text(title, "title")
        return float(self.score_pairs([query], [title])[0])

    def score_pairs(self, queries: Iterable[str], titles: Iterable[str]) -> Floats:
        """Return the cosines (N,) float32 of N queries with N titles, row by row.

        Raises ValueError when there are not as many titles as queries; else as `encode`.
        """
        queries, titles = list_of_texts(queries, "queries"), list_of_texts(titles, "titles")
        if len(queries) != len(titles):
            raise ValueError(f"{len(queries)} queries and {len(titles)} titles, expected N of each")
        return _cosines(self.encode(queries, "query"), self.encode(titles, "title"))

    def score_blocks(self, blocks: Iterable[Rows]) -> Iterator[Floats]:
        """Yield the cosines (n,) of each block of n queries and n titles, in order.

        Raises TypeError, which says the place in `blocks`, for what is no text, and ValueError for
        a block without as many titles as queries.
        """
        for found in score_together([self], blocks):
            self.cuts = self.cuts.joined(found.cuts)
            yield found.rows[:, 0]

    def scored(self, texts: Sequence[str]) -> Encoded:
        """Return the cosines, (n, 1), of the first half of texts with the second."""
        half = len(texts) // 2
        queries, titles = self._block(texts[:half], "query"), self._block(texts[half:], "title")
        cuts = queries.cuts.joined(titles.cuts, half)
        return Encoded(_cosines(queries.rows, titles.rows)[:, None], cuts)

    def parallel(self, function: Encode, blocks: Iterable[Sequence[str]]) -> Iterator[Encoded]:
        """Yield function(block) in order, in as many processes as the encoder has."""
        if self._processes > 1:
            return in_processes(function, blocks, self._processes)
        return map(function, blocks)

    def _block(self, texts: Sequence[str], side: str) -> Encoded:
        return self._rows(self._prepared(texts, side), side)

    def _prepared(self, texts: Sequence[str], side: str) -> Prepared:
        """Cut texts into units and find these in all tables; count the texts cut short."""
        tables = [tower.tables for tower in self._towers.values()]
        tables += [] if self._lexical is None else [self._lexical.tables]
        if len(self._index) > _UNITS_KEPT:
            self._index.forget_after(min(each.kept for each in tables))
        found = self._index.number(texts)
        with np.errstate(**JUDGED_LATER):
            semantic = self._tower(side).tables.look_up(self._features, found)
            lexical = None
            if self._lexical is not None and self._lexical.needs_units(side):
                lexical = self._lexical.tables.look_up(self._features, found)
            return Prepared(semantic, lexical, found.cuts)

    def _rows(self, found: Prepared, side: str) -> Encoded:
        with np.errstate(**JUDGED_LATER):
            rows = unit_rows(self._tower(side)(found.semantic))
            if self._lexical is not None:
                rows = self._lexical.joined(found.lexical, rows, side)
            return Encoded(checked(rows), found.cuts)

    def _tower(self, side: str) -> Tower:
        return self._towers[side if self.model.separate_towers else "tower"]


def score_together(encoders: Sequence[Encoder], blocks: Iterable[Rows]) -> Iterator[Encoded]:
    """Yield the cosines (n, K) of each block of n rows by each of K encoders, in order.

    They are read once, whatever the number of encoders, in the processes of the first. `cuts` are
    those of the one that cuts most. Raises as `Encoder.score_blocks`.
    """

    def texts() -> Iterator[Sequence[str]]:
        # As one block, so that both halves of a row are in the same process.
        for place, block in enumerate(blocks):
            queries, titles = pair_of_texts(block, f"blocks[{place}]")
            yield [*queries, *titles]

    def scored(texts: Sequence[str]) -> Encoded:
        found = [encoder.scored(texts) for encoder in encoders]
        columns = np.concatenate([each.rows for each in found], axis=1)
        return Encoded(columns, max(each.cuts for each in found))

    return encoders[0].parallel(scored, texts())


def has_whole_vectors(config: Mapping[str, Any]) -> bool:
    """Tell whether vectors by sides have every part, even where it is all 0, given config.json."""
    written = config.get("format")
    return isinstance(written, int) and written <= WHOLE_VECTORS


def stored_number(config: Mapping[str, Any], section: str, name: str) -> float | None:
    """Return a finite number that a run's config.json holds; None where there is none."""
    found = config.get(section)
    value = found.get(name) if isinstance(found, dict) else None
    # Whole numbers have no limit in JSON, floats have.
    if not isinstance(value, (int, float)) or not abs(value) <= _LARGEST:
        return None
    return float(value)


def _cosines(queries: Floats, titles: Floats) -> Floats:
    return np.asarray(np.einsum("nd,nd->n", queries, titles).clip(-1.0, 1.0))


def unit_rows(vectors: Floats) -> Floats:
    """Return rows of length 1, in place; a row of zeros stays."""
    norms = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    vectors /= np.maximum(norms, np.float32(1e-12))[:, None]
    return vectors


def checked(rows: Floats) -> Floats:
    """Return the rows; RunError when one is not finite."""
    if not np.isfinite(rows.sum(axis=1)).all():
        raise RunError("The run's weights are so large that a vector is not finite.")
    return rows
