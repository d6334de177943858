"""Ranking in numpy: the same answers as dssmcli.models.ranking, from the same weights.

n impressions, L watched items, E embedding, H heads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dssmcli.data.catalogue import Catalogue, catalogue_from_json
from dssmcli.data.chronicle import Chronicle, known_before, known_now
from dssmcli.data.chronicle_arrays import array_shapes, from_arrays
from dssmcli.data.features import Ints
from dssmcli.data.ids import find_ids, with_plain
from dssmcli.data.impression_features import ImpressionReader
from dssmcli.data.impressions import UNITS, ImpressionColumns, Impressions
from dssmcli.data.last_shown import LastShown
from dssmcli.data.log_reading import reading_from
from dssmcli.data.moments import histories
from dssmcli.data.past import measure_count
from dssmcli.data.places import RankingFeatures, ranking_features_from_json
from dssmcli.data.roles import check_there
from dssmcli.data.table import Table
from dssmcli.data.users import Users, placed
from dssmcli.data.watch_doubts import scale_lines, share_lines
from dssmcli.errors import ConfigError, RunError
from dssmcli.run import (
    CATALOGUE,
    CONFIG,
    FEATURES,
    HISTORY,
    RANKING,
    WEIGHTS,
    Run,
    find_run,
    read_ahead,
    using_run,
)
from dssmcli.serving.candidates import equal_shares
from dssmcli.serving.origin import OfRun, said_of
from dssmcli.serving.weights import JUDGED_LATER, Shape, doubles_in, lengths_in, tensors_in
from dssmcli.text.ragged import spans
from dssmcli.youtube_config import (
    RankingConfig,
    RankingSizes,
    ranking_from_dict,
    ranking_width,
)

Floats = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]
Weights = Mapping[str, Floats]

_AT_ONCE = 1024
_FARTHEST = 60.0
"""Logits beyond this are taken as this: e^60 seconds are no watch time."""


def ranking_shapes(config: RankingConfig, sizes: RankingSizes) -> dict[str, Shape]:
    """Return the shape of each weight by its name."""
    width = ranking_width(config, sizes)
    shapes: dict[str, Shape] = {"items": (sizes.items + 1, config.embedding)}
    if sizes.features:
        shapes["categories"] = (sizes.categories, config.categories)
    if config.cross:
        shapes |= {"cross.down": (width, config.cross), "cross.up": (config.cross, width)}
        shapes["cross.bias"] = (width,)
    widths = [width, *config.units]
    for i, (wide, out) in enumerate(pairwise(widths)):
        shapes |= {f"weight.{i}": (wide, out), f"bias.{i}": (out,)}
    return {
        **shapes,
        "heads": (widths[-1], len(config.heads)),
        "heads_bias": (len(config.heads),),
    }


class RankingTower:
    """Turns impressions into logits."""

    def __init__(self, config: RankingConfig, weights: Weights) -> None:
        self._config, self._weights = config, weights

    def __call__(self, item: Ints, history: Ints, codes: Ints, numbers: Floats) -> Floats:
        """Return logits (n, H): item (n,), history (n, L), codes (n, C), numbers (n, W)."""
        parts = []
        for first in range(0, len(item), _AT_ONCE):
            rows = slice(first, first + _AT_ONCE)
            with np.errstate(**JUDGED_LATER):
                parts.append(self._some(item[rows], history[rows], codes[rows], numbers[rows]))
        none = np.zeros((0, len(self._config.heads)), np.float32)
        return np.concatenate([none, *parts])

    def _some(self, item: Ints, history: Ints, codes: Ints, numbers: Floats) -> Floats:
        weights, config = self._weights, self._config
        parts = [weights["items"][item]]
        if config.history:
            parts.append(np.matmul(equal_shares(history), weights["items"][history])[:, 0])
        if "categories" in weights:
            parts.append(weights["categories"][codes].reshape(len(item), -1))
        x: npt.NDArray[Any] = np.concatenate([*parts, numbers], axis=1, dtype=np.float32)
        if config.cross:
            down = x @ weights["cross.down"]
            x = x + x * (down @ weights["cross.up"] + weights["cross.bias"])
        for i in range(len(config.units)):
            x = x @ weights[f"weight.{i}"] + weights[f"bias.{i}"]
            np.maximum(x, 0, out=x)
        return np.asarray(x @ weights["heads"] + weights["heads_bias"])


class Ranker(OfRun):
    """A run of ranking that is ready to answer.

    It knows what its log knew of users and items at the end; `predict` goes on from there.
    """

    def __init__(
        self,
        model: RankingConfig,
        columns: ImpressionColumns,
        features: RankingFeatures,
        catalogue: Catalogue,
        places: Mapping[str, int],
        chronicle: Chronicle,
        last: LastShown,
        weights: Weights,
        config: Mapping[str, Any],
    ) -> None:
        self.model, self.columns, self.features = model, columns, features
        self.catalogue, self.chronicle, self.config = catalogue, chronicle, dict(config)
        #: Reads columns as categories and numbers, and counts what it cannot read.
        self.reader = ImpressionReader(features)
        #: How logs are read.
        self.reading = reading_from(config, "the run")
        self._unit = float(config["unit"])
        self._tower = RankingTower(model, weights)
        self._last = last
        self._items, self._users = places, frozenset(chronicle.users)

    def __repr__(self) -> str:
        heads, items = ", ".join(self.figures), len(self.catalogue.items)
        return f"Ranker({heads}, {items:,} items{said_of(self.origin)})"

    @property
    def figures(self) -> tuple[str, ...]:
        """Return the names of what `predict` says, what ranks first."""
        return self.model.heads

    def predict(self, impressions: Impressions, answered: bool) -> dict[str, Values]:
        """Return what each impression brings, (N,), by head.

        watch_time: seconds to be expected. click: the probability. odds: the paper's, in seconds.
        answered: whether what became of earlier impressions counts for later ones.
        """
        table = impressions.table
        needed = [*(each.name for each in self.features.categorical), *self.features.numbers]
        names = [*self.columns.names, *table.columns]
        check_there(list(dict.fromkeys(needed)), names, "the log")
        numbers = self.reader.numbers(impressions)
        if answered:
            known = known_before(self.chronicle, impressions, numbers, self.model.history)
        else:
            together = impressions.together()
            known = known_now(self.chronicle, impressions, numbers, self.model.history, together)
        codes = self.reader.codes(impressions, "the table").astype(np.int64)
        strangers = np.array([user not in self._users for user in impressions.users], np.bool_)
        items = self._are_strange(known.item)
        self.reader.meet(items, strangers[impressions.user])
        self.reader.note(
            0,
            (impressions.items[i] for i in np.unique(impressions.item[items]).tolist()),
            self._items,
        )
        users = (impressions.users[i] for i in np.flatnonzero(strangers).tolist())
        self.reader.note(1, users, self._users)
        return self._answers(known.item, known.history, codes, known.features, numbers)

    def scale_lines(self, log: Impressions) -> Iterator[str]:
        """Yield warnings of watch times, or a share of clicks, far from those learned from."""
        _, clicks, watched, *_ = self.chronicle.means.tolist()
        learned = watched / clicks if clicks > 0 else 0.0
        columns = self.columns
        yield from share_lines(str(columns.clicked), log.clicked, clicks)
        yield from scale_lines(
            str(columns.watch_time), log.clicked, log.watched, learned, str(columns.unit)
        )

    def rank(self, users: Users, items: Sequence[Sequence[str]], width: int) -> dict[str, Values]:
        """Return what each of some items brings for each of n users, (n, width) by head, -inf where
        there are fewer.

        Users are known by name, and by their histories; those who are not known, by the latter
        alone. Of columns that belong to items what they held when each was last shown counts; of
        others, such as the position on a page, what is usual.
        """
        sizes = np.array([len(each) for each in items], np.int64)
        rows = np.repeat(np.arange(len(sizes)), sizes)
        flat = [item for each in items for item in each]
        place = find_ids(self._items, flat)
        numbers, codes = self._columns_of(place)
        self.reader.meet(place < 0, np.zeros(len(place), np.bool_))
        self.reader.note(0, (flat[i] for i in np.flatnonzero(place < 0).tolist()), self._items)
        shown = self._shown(users, flat, rows)
        # How many are ranked together says nothing: in training it was how many were shown.
        together = np.full(len(rows), np.nan)
        known = known_now(self.chronicle, shown, numbers, self.model.history, together)
        history = self._histories(users)[rows]
        found = self._answers(known.item, history, codes, known.features, numbers)
        column = spans(np.zeros_like(sizes), sizes)
        tables = {}
        for head, values in found.items():
            tables[head] = np.full((len(sizes), width), -np.inf)
            tables[head][rows, column] = values
        return tables

    def _are_strange(self, item: Ints) -> npt.NDArray[np.bool_]:
        """Return which items (n,), numbered from 1, the run does not know."""
        return np.asarray((item < 1) | (item > len(self.catalogue.items)))

    def _columns_of(self, place: Ints) -> tuple[Values, Ints]:
        """Return the numbers (n, F) and codes (n, C) of items (n,), -1 for one not known."""
        return self._last.last_numbers[place], self._last.last_codes[place].astype(np.int64)

    def _shown(self, users: Users, items: Sequence[str], rows: Ints) -> Impressions:
        """Return impressions of items for the users of these rows, now."""
        newest = np.nanmax(self.chronicle.of_users.last, initial=0.0)
        names, user = np.unique(np.array(users.names, object), return_inverse=True)
        distinct = {item: place for place, item in enumerate(dict.fromkeys(items))}
        count = len(rows)
        nothing = np.zeros(count)
        # A user's moment is the last one known, of the history or of the log.
        time = np.fmax(users.time - float(self.chronicle.origin), newest)[rows]
        return Impressions(
            names.tolist(),
            list(distinct),
            user[rows],
            np.fromiter(map(distinct.__getitem__, items), np.int64, count),
            time,
            nothing,
            nothing,
            np.zeros((count, len(self.chronicle.outcomes))),
            np.arange(count),
            Table({}, count, ""),
            "",
            self.chronicle.origin,
        )

    def _histories(self, users: Users) -> Ints:
        """Return the last known items of users' histories, (n, L), from 1."""
        watched = placed(users, self._items)
        begins, ends = watched.ends[:-1], watched.ends[1:]
        return histories(watched.flat, begins, ends, max(1, self.model.history))

    def _answers(
        self, item: Ints, history: Ints, codes: Ints, known: Values, numbers: Values
    ) -> dict[str, Values]:
        count = len(self.catalogue.items)
        forms = self.features.forms(np.concatenate([known, numbers], axis=1), self.model.powers)
        logits = self._tower(
            np.where(item <= count, item, 0), np.where(history <= count, history, 0), codes, forms
        ).astype(np.float64)
        if not np.isfinite(logits).all():
            raise RunError("The run's weights are so large that a prediction is not finite.")
        found = {}
        for head, values in zip(self.model.heads, logits.T, strict=True):
            near = values.clip(-_FARTHEST, _FARTHEST)
            found[head] = 1 / (1 + np.exp(-near)) if head == "click" else np.exp(near) * self._unit
        return found


def load_ranker(path: str | Path | None = None) -> Ranker:
    """Load a run of ranking: the folder named, else $DSSM_MODEL, else ./dssm-model.

    Raises RunError when it is missing, damaged, newer than this program or no such run.
    """
    return using_run(find_run(str(path) if path is not None else None), _ranker)


def _ranker(run: Run) -> Ranker:
    config = run.config_of(RANKING)
    weights = read_ahead(run, WEIGHTS)
    where = str(run.path / CONFIG)
    try:
        model = ranking_from_dict(config.get("model"), f"{where}: model")
        columns = impression_columns_from(config.get("columns"), f"{where}: columns")
        reading = reading_from(config, where)
    except ConfigError as error:
        raise RunError(str(error)) from error
    unit, means = _scales(config, where)
    catalogue = catalogue_from_json(run.read_text(CATALOGUE), run.path / CATALOGUE)
    text = run.read_text(FEATURES)
    features = ranking_features_from_json(text, run.path / FEATURES, columns.outcomes)
    if len(means) != measure_count(features.numbers, columns.outcomes):
        raise RunError(f"{where}: means, expected one of each measure.")
    chronicle, last = _history(run, catalogue, features, columns, means, reading.origin)
    sizes = RankingSizes(
        len(catalogue.items),
        sum(features.schema.sizes),
        len(features.categorical),
        len(features.places),
    )
    arrays = tensors_in(weights(), ranking_shapes(model, sizes), str(run.path / WEIGHTS))
    config["unit"] = unit
    places = catalogue.places(run.path / CATALOGUE)
    if not reading.plain_ids:
        places = with_plain(places)
    ranker = Ranker(model, columns, features, catalogue, places, chronicle, last, arrays, config)
    ranker.origin = run
    return ranker


def impression_columns_from(plain: Any, where: str) -> ImpressionColumns:
    """Return the columns of a log as config.json has them; ConfigError when they are none."""
    if not isinstance(plain, dict) or set(plain) != set(ImpressionColumns._fields):
        raise ConfigError(f"{where}: expected {', '.join(ImpressionColumns._fields)}.")
    outcomes = plain["outcomes"]
    rest = [value for name, value in plain.items() if name != "outcomes"]
    if not isinstance(outcomes, list) or not all(isinstance(x, str) for x in [*rest, *outcomes]):
        raise ConfigError(f"{where}: expected names of columns.")
    if plain["unit"] not in UNITS:
        raise ConfigError(f"{where}: unit, expected one of {', '.join(UNITS)}.")
    return ImpressionColumns(**{**plain, "outcomes": tuple(outcomes)})


_LARGEST = 1e30
"""No unit of seconds, and no share or mean of them, is larger."""


def _scales(config: Mapping[str, Any], where: str) -> tuple[float, Values]:
    """Return the unit of watch times, and the means of what becomes of impressions."""
    unit, means = config.get("unit"), config.get("means")
    numbers = [unit, *(means if isinstance(means, list) else [None])]
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise RunError(f"{where}: unit and means, expected numbers.")
        if not abs(number) <= _LARGEST:
            raise RunError(f"{where}: unit and means, expected numbers of at most {_LARGEST:g}.")
    return float(numbers[0]), np.array(numbers[1:], np.float64)


def _history(
    run: Run,
    catalogue: Catalogue,
    features: RankingFeatures,
    columns: ImpressionColumns,
    means: Values,
    origin: int,
) -> tuple[Chronicle, LastShown]:
    """Return what was known of users and items when the run's log ended."""
    content, where = run.read(HISTORY), str(run.path / HISTORY)
    users, items = catalogue.users, catalogue.items
    pairs, watched = lengths_in(content, ("pairs.users", "watched"), where)
    shapes = array_shapes(len(users), len(items), pairs, watched, len(means))
    shapes |= {"last_codes": (len(items) + 1, len(features.categorical))}
    shapes |= {"last_numbers": (len(items) + 1, len(features.numbers))}
    arrays = doubles_in(content, shapes, where)
    codes = arrays["last_codes"]
    schema = features.schema
    ends = schema.starts + np.array(schema.sizes, np.int64)
    try:
        if not ((codes >= schema.starts) & (codes < ends) & (codes % 1 == 0)).all():
            raise ValueError("categories out of range")
        chronicle = from_arrays(
            arrays, users, items, means, features.numbers, columns.outcomes, origin
        )
    except ValueError as error:
        raise RunError(f"{where}: damaged ({error}).") from error
    return chronicle, LastShown(codes, arrays["last_numbers"])
