"""Ranking: the model and its losses, what is learned of watch time, runs and their evaluation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import torch
from conftest import Dssm, stop_after_saves
from logs import (
    IMPRESSION_NAMES,
    SMALL_RANKING,
    Row,
    config_of,
    contents,
    history_of,
    impressions,
    run,
    write_log,
)
from sklearn import metrics as sk
from tables import read_predicted

from dssmcli import metrics
from dssmcli.data.places import place_of
from dssmcli.models.ranking import Ranking, ranking_losses
from dssmcli.serving.ranker import RankingTower, load_ranker, ranking_shapes
from dssmcli.youtube_config import HEADS, RankingConfig, RankingSizes

Floats = npt.NDArray[np.float64]
SIZES = RankingSizes(items=11, categories=9, features=2, numbers=5)
SMALL = RankingConfig(history=4, embedding=5, categories=3, units=(8, 6))
LENGTHS = (0, 1, 3, 4, 4, 2, 0)

# The model


def inputs_of(config: RankingConfig, sizes: RankingSizes) -> list[npt.NDArray[Any]]:
    random = np.random.default_rng(2)
    n = len(LENGTHS)
    history = np.zeros((n, max(1, config.history)), np.int64)
    for row, length in enumerate(LENGTHS):
        some = min(length, history.shape[1])
        history[row, :some] = random.integers(1, sizes.items + 1, some)
    item = random.integers(0, sizes.items + 1, n)
    item[0] = 0  # one that is not known
    codes = random.integers(0, max(1, sizes.categories), (n, sizes.features))
    numbers = random.normal(size=(n, sizes.numbers * config.forms)).astype(np.float32)
    return [item, history, codes, numbers]


def made(config: RankingConfig, sizes: RankingSizes) -> Ranking:
    torch.manual_seed(1)
    model = Ranking(config, sizes, dropout=0.5).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            first = 1 if name == "items" else 0
            weight[first:] += torch.randn_like(weight[first:]) * 0.3
    return model


CONFIGS = [
    SMALL,
    replace(SMALL, powers=False),
    replace(SMALL, cross=2),
    replace(SMALL, cross=3, units=(), powers=False),
    replace(SMALL, history=0),
    replace(SMALL, heads=("click",)),
    replace(SMALL, heads=("odds", "watch_time")),
    replace(SMALL, units=(7,), history=1),
]


@pytest.mark.parametrize("sizes", [SIZES, SIZES._replace(categories=0, features=0)])
@pytest.mark.parametrize("config", CONFIGS)
def test_numpy_says_what_torch_and_a_plain_program_say(
    config: RankingConfig, sizes: RankingSizes
) -> None:
    model, given = made(config, sizes), inputs_of(config, sizes)
    weights = {name: weight.numpy() for name, weight in model.state_dict().items()}
    assert {n: w.shape for n, w in weights.items()} == ranking_shapes(config, sizes)
    with torch.no_grad():
        found = model(*map(torch.from_numpy, given)).numpy()
    assert found.shape == (len(LENGTHS), len(config.heads)) and np.isfinite(found).all()
    tower = RankingTower(config, weights)
    np.testing.assert_allclose(tower(*given), found, atol=1e-5)
    for n, (item, history, codes, numbers) in enumerate(zip(*given, strict=True)):
        parts = [weights["items"][item]]
        if config.history:
            watched = [weights["items"][i] for i in history if i]
            parts.append(np.sum(watched, axis=0) / len(watched) if watched else parts[0] * 0)
        parts += [weights["categories"][code] for code in codes]
        x = np.concatenate([*parts, numbers])
        if config.cross:
            matrix = weights["cross.down"] @ weights["cross.up"]
            x = x * (x @ matrix + weights["cross.bias"]) + x
        for i in range(len(config.units)):
            x = np.maximum(x @ weights[f"weight.{i}"] + weights[f"bias.{i}"], 0)
        expected = x @ weights["heads"] + weights["heads_bias"]
        np.testing.assert_allclose(found[n], expected, atol=1e-4)


def test_an_item_that_is_not_known_stays_a_row_of_zeros_and_a_fresh_model_begins_as_told() -> None:
    model, given = made(SMALL, SIZES), inputs_of(SMALL, SIZES)
    model(*map(torch.from_numpy, given)).sum().backward()
    assert model.items.grad is not None
    assert not model.items[0].any() and not model.items.grad[0].any()
    torch.manual_seed(1)
    fresh = Ranking(SMALL, SIZES)
    fresh.begin_at(torch.tensor([0.0, -3.0, 0.1]))
    assert fresh.heads_bias.tolist() == pytest.approx([0.0, -3.0, 0.1])


def test_a_number_is_its_place_among_those_of_training() -> None:
    numbers = np.array([*range(100), *[np.nan] * 7], np.float64)
    place = place_of("x", numbers)
    x = np.array([-5.0, 0.0, 24.75, 49.5, 99.0, 1e9, np.nan])
    found = place.forms(x, powers=True) * np.array([*place.scales, 1]) + [*place.means, 0]
    for k, form in enumerate((lambda v: v, lambda v: v**2, np.sqrt)):
        expected = form(np.array([0.005, 0.005, 0.2525, 0.5, 0.995, 0.995]))
        np.testing.assert_allclose(found[:-1, k], expected, atol=0.004)
    assert place.forms(x, powers=True)[-1].tolist() == [0, 0, 0, 1]
    assert not place.forms(x, powers=True)[:-1, 3].any()
    np.testing.assert_array_equal(
        place.forms(x, powers=False), place.forms(x, powers=True)[:, [0, 3]]
    )
    whole = place.forms(numbers[:100], powers=True)[:, :3]
    np.testing.assert_allclose(whole.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(whole.std(axis=0), 1, atol=1e-3)
    # Of equal numbers the middle of their stretch; where all are equal, or none is there, nothing.
    tied = place_of("t", np.array([0.0] * 90 + [1.0] * 10))
    assert tied.shares == (0.45, 0.95)
    for same in (np.full(5, 3.0), np.full(5, np.nan)):
        assert not place_of("s", same).forms(np.array([3.0, 7.0]), True)[:, :3].any()


# The losses


def test_losses_are_the_papers_and_means_over_impressions() -> None:
    torch.manual_seed(0)
    logits, clicked = torch.randn(6, 3), torch.tensor([1.0, 0, 0, 1, 0, 1])
    watched = torch.tensor([3.0, 0, 0, 0.5, 0, 0])
    expected = np.zeros(3)
    for n in range(6):
        t, c = float(watched[n]), float(clicked[n])
        for h, z in enumerate(logits[n].tolist()):
            on, off = np.log1p(np.exp(-z)), np.log1p(np.exp(z))
            losses = (t * c * on + off, on if c else off, t * on if c else off)
            expected[h] += losses[h] / 6
    found = ranking_losses(logits, HEADS, clicked, watched)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)
    one = ranking_losses(logits[:, 1:2], ("click",), clicked, watched)
    assert float(one) == pytest.approx(expected[1], rel=1e-5)


@pytest.mark.parametrize("share", [0.02, 0.6])
def test_a_logit_fitted_to_each_loss_is_what_the_head_is_to_say(share: float) -> None:
    random = np.random.default_rng(0)
    clicked = (random.random(200_000) < share).astype(np.float32)
    watched = (clicked * random.gamma(2, 1.5, 200_000)).astype(np.float32)
    logits = torch.zeros(1, 3, requires_grad=True)
    hit, time = torch.from_numpy(clicked), torch.from_numpy(watched)
    optimizer = torch.optim.LBFGS([logits], max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        loss = ranking_losses(logits.expand(len(hit), 3), HEADS, hit, time).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    optimizer.step(closure)
    e_t, p, odds = np.exp(logits.detach().numpy()[0].astype(float))
    assert e_t == pytest.approx(watched.mean(), rel=0.01)
    assert p / (1 + p) == pytest.approx(clicked.mean(), rel=0.01)
    assert odds == pytest.approx(watched.mean() / (1 - clicked.mean()), rel=0.01)
    assert abs(odds / watched.mean() - 1) < 0.1 if share < 0.1 else odds > 2 * watched.mean()


def pairs_plainly(
    scores: Floats, watched: Floats, clicked: npt.NDArray[Any], user: npt.NDArray[Any]
) -> tuple[list[float], list[float]]:
    """Return the watch time lost, and that of all pairs, by looking at all pairs."""
    lost, total = [0.0] * (int(user.max()) + 1), [0.0] * (int(user.max()) + 1)
    for i in np.flatnonzero(clicked):
        for j in np.flatnonzero(~clicked.astype(bool)):
            if user[i] == user[j]:
                total[user[i]] += watched[i]
                lost[user[i]] += watched[i] * float(
                    1 if scores[j] > scores[i] else 0.5 if scores[j] == scores[i] else 0
                )
    return lost, total


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("levels", [3, 10_000])
def test_the_per_user_loss_is_that_of_all_pairs_of_a_user(seed: int, levels: int) -> None:
    random = np.random.default_rng(seed)
    n = 60
    scores = random.integers(levels, size=n) / levels
    clicked, user = random.random(n) < 0.4, random.integers(6, size=n) * 2
    watched = random.gamma(
        2, 20, n
    )  # what was not clicked may have been watched: that is no matter
    found = metrics.watch_time_pairs(scores, watched, clicked, user)
    lost, total = pairs_plainly(scores, watched, clicked, user)
    np.testing.assert_allclose(found.mispredicted, lost, rtol=1e-9)
    np.testing.assert_allclose(found.total, total, rtol=1e-9)
    assert found.loss == pytest.approx(sum(lost) / sum(total))


def test_a_perfect_order_loses_nothing_the_reverse_all_and_no_order_half() -> None:
    clicked, watched = np.array([1, 1, 0, 0, 0]), np.array([10.0, 90, 0, 0, 0])
    user = np.zeros(5, int)
    for scores, loss in (
        ([5, 4, 3, 2, 1], 0.0),
        ([1, 2, 3, 4, 5], 1.0),
        ([0] * 5, 0.5),
        ([9, 0, 1, 1, 1], 0.9),
    ):
        assert metrics.watch_time_pairs(scores, watched, clicked, user).loss == loss
    assert np.isnan(metrics.watch_time_pairs([1, 2], [1, 1], [1, 1], [0, 0]).loss)
    assert np.isnan(metrics.watch_time_pairs([1, 2], [1, 1], [1, 0], [0, 1]).loss)


# What is learned


class Groups(NamedTuple):
    """Impressions of which the chance of a click, and the mean time then, are known by group."""

    rows: list[Row]
    group: npt.NDArray[np.int64]
    chance: Floats
    seconds: Floats

    @property
    def expected(self) -> Floats:
        """Return the true mean watch time of an impression of each group."""
        return self.chance * self.seconds


GROUP_NAMES = (*IMPRESSION_NAMES, "genre")


def groups(chance: Sequence[float], rows: int, seed: int = 1) -> Groups:
    random = np.random.default_rng(seed)
    share, seconds = np.array(chance), np.array([30.0, 120.0, 60.0])
    group = random.integers(3, size=rows)
    clicked = np.zeros(rows, bool)
    for g in range(3):  # as many clicks as the chance says, so that the log is not off the truth
        mine = random.permutation(np.flatnonzero(group == g))
        clicked[mine[: round(share[g] * len(mine))]] = True
    watched = clicked * seconds[group] * random.gamma(20, 1 / 20, rows)
    found: list[Row] = [
        (
            f"u{random.integers(4)}",
            f"i{random.integers(2)}",
            n,
            int(clicked[n]),
            f"{watched[n]:.3f}",
            "abc"[group[n]],
        )
        for n in range(rows)
    ]
    return Groups(found, group, share, seconds)


def predicted(world: Groups, folder: Path, rows: int, *more: str) -> list[dict[str, float]]:
    """Train on a world and return what is predicted on average for the last rows of each group."""
    log = write_log(folder / "i.tsv", GROUP_NAMES, world.rows)
    options = ["--units", "16", "--dropout", "0", "--category-dropout", "0", *more]
    options += ["--threads", "1", "-q"]
    # Of so few clicks what was known says next to nothing, and the order of time is no matter.
    options += ["--valid-share", "0", "--embedding", "2", "--history", "0"]
    done = run("train-rec", "youtube-ranking", log, *options, "-o", folder / "r")
    said = "Warning: nothing to validate on: the last weights are kept.\n"
    assert (done.code, done.out, done.err) == (0, "", said)
    last = write_log(folder / "l.tsv", GROUP_NAMES, world.rows[-rows:])
    found = read_predicted(run("predict", "-q", "-m", folder / "r", last).out)
    group = world.group[-rows:]
    return [{h: float(v[group == g].mean()) for h, v in found.items()} for g in range(3)]


RARE = ("--batch-size", "512", "--epochs", "5", "--learning-rate", "0.02")
FREQUENT = ("--batch-size", "256", "--epochs", "3", "--learning-rate", "0.02")


@pytest.fixture(scope="module")
def rare(tmp_path_factory: pytest.TempPathFactory) -> tuple[Groups, list[dict[str, float]]]:
    world = groups((0.03, 0.02, 0.01), 60_000)
    return world, predicted(world, tmp_path_factory.mktemp("rare"), 10_000, *RARE)


@pytest.fixture(scope="module")
def frequent(tmp_path_factory: pytest.TempPathFactory) -> tuple[Groups, list[dict[str, float]]]:
    world = groups((0.7, 0.4, 0.6), 12_000)
    return world, predicted(world, tmp_path_factory.mktemp("frequent"), 4000, *FREQUENT)


def seen_means(world: Groups) -> Floats:
    """Return the mean watch time of each group in the log."""
    watched = np.array([float(row[4]) for row in world.rows])
    return np.array([watched[world.group == g].mean() for g in range(3)])


def test_where_clicks_are_rare_the_odds_are_the_expected_watch_time(
    rare: tuple[Groups, list[dict[str, float]]],
) -> None:
    world, found = rare
    odds = np.array([each["odds"] for each in found])
    assert abs(seen_means(world) / world.expected - 1).max() < 0.05
    assert abs(odds / world.expected - 1).max() < 0.1
    watch_time = np.array([each["watch_time"] for each in found])
    assert abs(watch_time / world.expected - 1).max() < 0.12
    click = np.array([each["click"] for each in found])
    assert abs(click / world.chance - 1).max() < 0.15


def test_where_clicks_are_frequent_the_odds_are_far_too_long_and_right_when_corrected(
    frequent: tuple[Groups, list[dict[str, float]]],
) -> None:
    world, found = frequent
    watch_time, click, odds = (np.array([each[h] for each in found]) for h in HEADS)
    assert abs(watch_time / world.expected - 1).max() < 0.1
    assert abs(click - world.chance).max() < 0.05
    assert (odds > 1.4 * world.expected).all()
    assert abs(odds * (1 - click) / world.expected - 1).max() < 0.12
    assert abs(odds * (1 - world.chance) / world.expected - 1).max() < 0.12


# Runs


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a run, its log, and a log that follows it."""
    folder = tmp_path_factory.mktemp("ranking")
    every = impressions(40, 20, 4000)
    found = {
        "log": write_log(folder / "i.tsv", IMPRESSION_NAMES, every[:3000]),
        "later": write_log(folder / "l.tsv", IMPRESSION_NAMES, every[3000:]),
        "run": folder / "run",
    }
    options = [*SMALL_RANKING, "--epochs", "8", "--patience", "99", "--learning-rate", "0.01"]
    options += ["--dropout", "0.1", "--category-dropout", "0", "-o", found["run"]]
    done = run("train-rec", "youtube-ranking", found["log"], *options)
    assert (done.code, done.out, done.err) == (0, "", "")
    return found


def test_what_is_predicted_is_what_it_will_be(runs: dict[str, Path], dssm: Dssm) -> None:
    found = read_predicted(dssm("predict", "-q", "-m", runs["run"], runs["later"]).out)
    assert [*found] == [*HEADS] and len(found["click"]) == 1000
    rows = impressions(40, 20, 4000)[3000:]
    item = np.array([int(row[1][1:]) for row in rows])
    chance = 0.6 * (item + 1) / 21
    truth = chance * (10 + 5 * item)
    clicked = np.array([row[3] for row in rows])
    assert metrics.auc(found["click"], clicked) > metrics.auc(chance, clicked) - 0.02 > 0.6
    assert found["click"].mean() == pytest.approx(chance.mean(), rel=0.1)
    assert metrics.spearman(found["watch_time"], truth) > 0.85
    assert found["watch_time"].mean() == pytest.approx(truth.mean(), rel=0.15)


def test_impressions_before_the_end_of_the_log_are_warned_of(
    runs: dict[str, Path], dssm: Dssm
) -> None:
    early = dssm("predict", "-q", "-m", runs["run"], runs["log"]).err
    assert early.startswith("Warning: ") and "impressions come before the last moment" in early
    assert dssm("predict", "-q", "-m", runs["run"], runs["later"]).err == ""


def test_the_order_of_rows_and_one_answer_alone_change_nothing(
    runs: dict[str, Path], dssm: Dssm, tmp_path: Path
) -> None:
    rows = [line.split("\t") for line in runs["later"].read_text().splitlines()[1:]]
    order = np.random.default_rng(0).permutation(len(rows))
    # Rows of one moment are no one's past, so that their order is no matter either.
    mixed = write_log(tmp_path / "m.tsv", IMPRESSION_NAMES, [rows[n] for n in order])
    whole = dssm("predict", "-q", "-m", runs["run"], runs["later"]).out.splitlines()[1:]
    found = dssm("predict", "-q", "-m", runs["run"], mixed).out.splitlines()[1:]
    np.testing.assert_allclose(
        np.array([line.split("\t") for line in found], float),
        np.array([whole[n].split("\t") for n in order], float),
        rtol=1e-4,
    )
    silent = [
        dssm("predict", "-q", "-m", runs["run"], write_log(tmp_path / "s.tsv", names, kept)).out
        for names, kept in (
            (IMPRESSION_NAMES[:3], [row[:3] for row in rows]),
            (IMPRESSION_NAMES[:4], [row[:4] for row in rows]),
            ((*IMPRESSION_NAMES[:3], "watch_time"), [[*row[:3], row[4]] for row in rows]),
        )
    ]
    assert silent[0] == silent[1] == silent[2] != "\n".join([*whole, ""])


def test_what_became_of_a_later_impression_changes_no_earlier_prediction(
    runs: dict[str, Path], dssm: Dssm, tmp_path: Path
) -> None:
    rows = [line.split("\t") for line in runs["later"].read_text().splitlines()[1:]]
    other = [row if n < 500 else [*row[:3], "1", "999"] for n, row in enumerate(rows)]
    changed = write_log(tmp_path / "c.tsv", IMPRESSION_NAMES, other)
    texts = [dssm("predict", "-q", "-m", runs["run"], log).out for log in (runs["later"], changed)]
    one, two = (np.array([x.split("\t") for x in t.splitlines()[1:]], float) for t in texts)
    np.testing.assert_allclose(one[:500], two[:500], rtol=1e-4)
    assert (one[500:502] != two[500:502]).sum() == 0  # of the same moment
    assert (one[502:] != two[502:]).any(axis=1).mean() > 0.9


def test_two_runs_with_one_seed_are_byte_equal_and_another_seed_differs(
    dssm: Dssm, tmp_path: Path
) -> None:
    log = write_log(tmp_path / "i.tsv", IMPRESSION_NAMES, impressions(10, 8, 400))
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        options = [*SMALL_RANKING, "--epochs", "2", "--seed", seed, "-o", tmp_path / name]
        assert dssm("train-rec", "youtube-ranking", log, *options).code == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    weights = "weights.safetensors"
    assert contents(tmp_path / "a")[weights] != contents(tmp_path / "c")[weights]


def test_a_resumed_training_ends_byte_equal_to_one_never_interrupted(
    dssm: Dssm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [(*row, f"g{row[1]}", n % 99) for n, row in enumerate(impressions(10, 8, 500))]
    log = write_log(tmp_path / "i.tsv", (*IMPRESSION_NAMES, "genre", "length"), rows)
    command = ["train-rec", "youtube-ranking", log, *SMALL_RANKING, "--epochs", "3"]
    command += ["--cross", "2"]
    assert dssm(*command, "-o", tmp_path / "whole").code == 0
    stop_after_saves(monkeypatch, 1, 3)
    assert dssm(*command, "-o", tmp_path / "cut").code == 130
    for changed, named in (
        (["--heads", "click"], "--heads"),
        (["--ignore", "genre"], "features"),
    ):
        other = dssm(*command, *changed, "-o", tmp_path / "cut", "--resume")
        assert other.code == 2 and named in other.err and other.err.count("\n") == 1, other
    assert dssm(*command, "-o", tmp_path / "cut", "--resume").code == 130
    assert dssm(*command, "-o", tmp_path / "cut", "--resume").code == 0
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_the_weights_that_rank_best_are_kept(dssm: Dssm, tmp_path: Path) -> None:
    log = write_log(tmp_path / "i.tsv", IMPRESSION_NAMES, impressions(10, 8, 600))
    rough = ("--learning-rate", "0.3", "--decay", "none", "--averaging", "0", "--patience", "3")
    options = [*SMALL_RANKING, *rough, "--epochs", "40", "-o", tmp_path / "r"]
    assert dssm("train-rec", "youtube-ranking", log, *options).code == 0
    history = history_of(tmp_path / "r")
    scores = [line["ranked"] for line in history]
    best = max(i for i, line in enumerate(history) if line["best"])
    assert scores[best] == max(scores) and best == len(history) - 4
    assert config_of(tmp_path / "r")["validation"]["step"] == history[best]["step"]


def test_the_log_s_end_is_validated_on_and_a_file_can_take_its_place(
    dssm: Dssm, tmp_path: Path
) -> None:
    every = impressions(10, 8, 1000)
    log = write_log(tmp_path / "i.tsv", IMPRESSION_NAMES, every[:800])
    later = write_log(tmp_path / "l.tsv", IMPRESSION_NAMES, every[800:])
    for name, more in (("a", ()), ("b", ("--valid", later))):
        options = [*SMALL_RANKING, "--epochs", "1", *more, "-o", tmp_path / name]
        assert dssm("train-rec", "youtube-ranking", log, *options).code == 0
    data = {name: config_of(tmp_path / name)["data"] for name in "ab"}
    assert [data["a"][key] for key in ("impressions", "examples", "valid_examples")] == [
        *(800, 648, 80)
    ]
    assert [data["b"][key] for key in ("impressions", "examples", "valid_examples")] == [
        *(1000, 720, 200)
    ]
    assert data["a"]["valid_sha256"] is None and data["b"]["valid_sha256"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([(*row[:4], 0) for row in impressions(9, 9, 100)], "watched"),
        ([(*row[:3], 0, 0) for row in impressions(9, 9, 100)], "0 are clicked"),
        ([(*row[:3], 1, 5) for row in impressions(9, 9, 100)], "are clicked"),
        ([(*r[:3], int(n < 5), 9) for n, r in enumerate(impressions(9, 9, 100))], "clicked"),
        ([(*r[:3], int(n > 5), 9) for n, r in enumerate(impressions(9, 9, 100))], "clicked"),
        (impressions(9, 9, 12), "impressions to train on"),
        ([("a", "x", 1, 1, -3)], "watch_time"),
    ],
)
def test_a_log_without_anything_to_learn_from_is_one_line(
    dssm: Dssm, tmp_path: Path, rows: list[Row], said: str
) -> None:
    log = write_log(tmp_path / "i.tsv", IMPRESSION_NAMES, rows)
    done = dssm("train-rec", "youtube-ranking", log, *SMALL_RANKING, "-o", tmp_path / "r")
    assert done.code == 3 and said in done.err and done.err.count("\n") == 1, done
    assert not (tmp_path / "r").exists()


# Evaluation


def test_figures_of_a_run_are_those_of_its_predictions(runs: dict[str, Path], dssm: Dssm) -> None:
    done = dssm("eval", "--json", "--bootstrap", "0", "-q", "-m", runs["run"], runs["later"])
    [said] = [json.loads(line) for line in done.out.splitlines()]
    found = read_predicted(dssm("predict", "-q", "-m", runs["run"], runs["later"]).out)
    rows = [line.split("\t") for line in runs["later"].read_text().splitlines()[1:]]
    users = {name: k for k, name in enumerate(dict.fromkeys(row[0] for row in rows))}
    user = np.array([users[row[0]] for row in rows])
    clicked, watched = (np.array([float(row[k]) for row in rows]) for k in (3, 4))
    assert said["rows"] == 1000 and said["kind"] == "impressions"
    for head, values in found.items():
        lost, total = pairs_plainly(values, watched, clicked, user)
        loss = sum(lost) / sum(total)
        assert said[f"{head}.per_user_loss"] == pytest.approx(loss, abs=1e-3)
        assert said[f"{head}.auc"] == pytest.approx(sk.roc_auc_score(clicked, values), abs=1e-3)
    seconds = {"watch_time": found["watch_time"], "odds": found["odds"]}
    seconds["odds_corrected"] = found["odds"] * (1 - found["click"])
    for head, values in seconds.items():
        assert said[f"{head}.bias"] == pytest.approx(values.mean() / watched.mean(), rel=1e-3)
        assert said[f"{head}.mae"] == pytest.approx(abs(values - watched).mean(), rel=1e-3)
    assert said["odds.bias"] > said["odds_corrected.bias"]
    assert said["click.log_loss"] == pytest.approx(sk.log_loss(clicked, found["click"]), rel=1e-3)
    order = np.argsort(found["watch_time"], kind="stable")
    for k, tenth in enumerate(np.split(order, 10), start=1):
        expected = found["watch_time"][tenth].mean()
        assert said[f"decile_{k}.predicted"] == pytest.approx(expected, rel=1e-2)
        if k in (1, 10):
            assert said[f"decile_{k}.watched"] == pytest.approx(watched[tenth].mean(), rel=0.1)
    assert said["decile_10.watched"] > 4 * said["decile_1.watched"]


def test_a_run_against_itself_is_no_better_and_one_without_hidden_layers_can_be_compared(
    runs: dict[str, Path], dssm: Dssm, tmp_path: Path
) -> None:
    options = ["--units", "4", "--threads", "1", "-q", "--epochs", "1", "-o", tmp_path / "small"]
    assert dssm("train-rec", "youtube-ranking", runs["log"], *options, "--heads", "click").code == 0
    models = ["-m", runs["run"], "-m", runs["run"], "-m", tmp_path / "small"]
    done = dssm("eval", "--json", "--bootstrap", "20", "-q", *models, runs["later"])
    assert (done.code, done.err) == (0, "")
    *_, same, other = [json.loads(line) for line in done.out.splitlines()]
    assert {each["difference"] for each in same["differences"].values()} == {0}
    assert set(other["differences"]) >= {"click.per_user_loss", "click.auc"}
    assert not any(name.startswith("watch_time") for name in other["differences"])


def test_heads_are_as_the_user_says(runs: dict[str, Path], dssm: Dssm, tmp_path: Path) -> None:
    more = ("--heads", "click, odds", "--no-powers", "--history", "0", "-o", tmp_path / "r")
    options = [*SMALL_RANKING, "--epochs", "1", *more]
    assert dssm("train-rec", "youtube-ranking", runs["log"], *options).code == 0
    assert load_ranker(tmp_path / "r").figures == ("click", "odds")
    found = read_predicted(dssm("predict", "-q", "-m", tmp_path / "r", runs["later"]).out)
    assert [*found] == ["click", "odds"]
    for bad in ("clicks", "", "click,click"):
        done = dssm("train-rec", "youtube-ranking", runs["log"], "--heads", bad, "-q")
        assert done.code == 2 and "head" in done.err and done.err.count("\n") == 1, done
