"""What a ranker says of items that are recommended: what a plain program makes of its log."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import safetensors.numpy
from logs import IMPRESSION_NAMES, SMALL_RANKING, Row, impressions, run, write_log
from tables import read_predicted

from dssmcli.data.chronicle import known_before
from dssmcli.data.impression_features import ImpressionReader
from dssmcli.data.impressions import numbers_of, read_impressions
from dssmcli.data.past import feature_names
from dssmcli.data.tsv import BadRows
from dssmcli.data.users import Users
from dssmcli.serving.ranker import Ranker, RankingTower, load_ranker

NAMES = (*IMPRESSION_NAMES, "liked", "genre", "maker", "length", "page", "position")
FIRST, SECOND = 1_700_000_000 * 10**9, 10**9
"""Moments are nanoseconds since 1970: the run counts them from some other moment."""
ITEMS = 8


def rows() -> list[Row]:
    """Return impressions: genre, maker and length are of items, page and position are not."""
    random = np.random.default_rng(4)
    found: list[Row] = []
    for n, (user, item, time, clicked, seconds) in enumerate(impressions(6, ITEMS, 500)):
        number, early = int(item[1:]), n < 30
        watched = seconds if clicked or n % 5 else 9
        own = (f"g{(number + early) % 3}", f"m{number * 3 % 5}", 10 * number + 3 * early)
        moment = (f"p{random.integers(3) ** 2 % 3}", random.integers(1, 5))
        found.append(
            (user, item, FIRST + 60 * SECOND * time, clicked, watched, n % 4 // 3, *own, *moment)
        )
    return found


@pytest.fixture(scope="module")
def ranker(tmp_path_factory: pytest.TempPathFactory) -> Ranker:
    folder = tmp_path_factory.mktemp("now")
    options = [*SMALL_RANKING, "--epochs", "2", "--learning-rate", "0.02", "--history", "3"]
    options += ["--outcome", "liked", "--valid-share", "0", "--warm-share", "0"]
    options += ["--category-dropout", "0", "--categorical", "page", "--numeric", "position"]
    log = write_log(folder / "i.tsv", NAMES, rows())
    done = run("train-rec", "youtube-ranking", log, *options, "-o", folder / "run")
    assert done.code == 0, done.err
    return load_ranker(folder / "run")


def expected(
    ranker: Ranker, folder: Path, user: str, item: str, time: float, history: list[str]
) -> dict[str, float]:
    """Return what the run says of one impression at some moment, after these watches."""
    log = rows()
    mine = [row for row in log if row[1] == item]
    own = [*mine[-1][6:9]] if mine else ["never seen", "never seen", ""]
    usual = [Counter(row[k] for row in log).most_common(1)[0][0] for k in (9, 10)]
    row = (user, item, f"{time:.0f}", 0, 0, 0, *own, *usual)
    file = write_log(folder / "now.tsv", NAMES, [row])
    now, _ = read_impressions([str(file)], ranker.columns, BadRows(), ranker.reading)
    numbers = numbers_of(now, ranker.features.written)
    known = known_before(ranker.chronicle, now, numbers, 3)
    # How many are ranked together says nothing.
    names = feature_names(ranker.features.numbers, ("liked",))
    known.features[:, names.index("user_together")] = np.nan
    forms = ranker.features.forms(np.concatenate([known.features, numbers], axis=1), True)
    places = {name: place for place, name in enumerate(ranker.catalogue.items, start=1)}
    watched = [places[each] for each in history[::-1] if each in places][:3]
    assert ranker.origin is not None
    tower = RankingTower(
        ranker.model, safetensors.numpy.load_file(ranker.origin.path / "weights.safetensors")
    )
    logits = tower(
        np.array([places.get(item, 0)]),
        np.array([[*watched, 0, 0, 0][:3]]),
        ImpressionReader(ranker.features).codes(now, "now").astype(np.int64),
        forms,
    )[0].astype(np.float64)
    unit = np.mean([row[4] for row in log])
    found = dict(zip(ranker.figures, np.exp(logits) * unit, strict=True))
    return {**found, "click": 1 / (1 + np.exp(-logits[ranker.figures.index("click")]))}


def users(*told: tuple[str, list[str], float]) -> Users:
    names, histories, times = zip(*told, strict=True)
    ends = np.append(0, np.cumsum([len(each) for each in histories])).astype(np.int64)
    items = [item for each in histories for item in each]
    return Users([*names], items, ends, [[] for _ in names], {}, np.array(times))


LAST = FIRST + 60 * SECOND * 249
TOLD = (
    ("u1", ["i1", "gone", "i3", "i2", "i7"], LAST + 5000.0 * SECOND),
    ("u4", ["i5"], LAST - 9000.0 * SECOND),
    ("u1", [], np.nan),
    ("new", ["i2", "i0"], LAST + 86_400.0 * SECOND),
)
MOMENTS = (LAST + 5000 * SECOND, LAST, LAST, LAST + 86_400 * SECOND)
"""A user's moment is never before the last one of the log."""
SHOWN = (["i7", "i0", "i5"], ["i0", "strange"], ["i5", "i7", "i1", "i0"], ["i3"])


def test_what_is_ranked_is_what_a_plain_program_says(ranker: Ranker, tmp_path: Path) -> None:
    assert ranker.chronicle.origin and ranker.features.numbers == ("length", "position")
    assert {"genre", "maker", "page"} <= {each.name for each in ranker.features.categorical}
    found = ranker.rank(users(*TOLD), SHOWN, 4)
    assert [*found] == [*ranker.figures] and found["click"].shape == (4, 4)
    for n, ((user, history, _), moment) in enumerate(zip(TOLD, MOMENTS, strict=True)):
        for k, item in enumerate(SHOWN[n]):
            wanted = expected(ranker, tmp_path, user, item, moment, history)
            got = {head: values[n, k] for head, values in found.items()}
            assert got == pytest.approx(wanted, rel=1e-4), (user, item)
        for values in found.values():
            assert np.isneginf(values[n, len(SHOWN[n]) :]).all()


def test_another_history_and_another_moment_are_another_answer(ranker: Ranker) -> None:
    answers: list[npt.NDArray[np.float64]] = [
        ranker.rank(users(("u1", history, time)), [["i1", "i6"]], 2)["watch_time"]
        for history, time in (
            (["i1", "i2"], LAST + 10.0 * SECOND),
            (["i1", "i5"], LAST + 10.0 * SECOND),
            (["i1", "i2"], LAST + 80_000.0 * SECOND),
        )
    ]
    for other in answers[1:]:
        assert (abs(answers[0] - other) > 1e-4 * abs(other)).all()


def test_seconds_are_held_against_all_that_was_watched_with_a_click_or_without(
    ranker: Ranker, tmp_path: Path
) -> None:
    later = [(*row[:2], row[2] + 86_400 * SECOND, *row[3:]) for row in rows()[:200]]
    log = write_log(tmp_path / "l.tsv", NAMES, later)
    assert ranker.origin is not None
    words = ("-q", "-m", ranker.origin.path, log)
    found = read_predicted(run("predict", *words).out)["watch_time"]
    said = json.loads(run("eval", "--json", "--bootstrap", "0", *words).out)
    watched = np.array([row[4] for row in later], float)
    assert (watched[[row[3] == 0 for row in later]] > 0).any()
    assert said["watch_time.bias"] == pytest.approx(found.mean() / watched.mean(), rel=1e-3)
    assert said["watch_time.mae"] == pytest.approx(abs(found - watched).mean(), rel=1e-3)
