"""What a training is found to suffer from, and the hints that follow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import SMALL, TOWER, Dssm, write_pairs

from dssmcli.config import LossConfig, TrainConfig
from dssmcli.data.batching import Batch
from dssmcli.training.diagnosis import (
    Advice,
    hints,
    masked_counts,
    mean_cosine,
    means,
    solved_counts,
    untrained_kept,
)

TRAINING = TrainConfig(epochs=4, batch_size=512)
START = {"step": 0, "loss": None, "auc": 0.7, "random_cosine": 0.99, "best": True}


def lines(count: int = 3, **series: Any) -> list[dict[str, Any]]:
    """Return a healthy history, but for the series given; a number stands for all its lines."""
    healthy: dict[str, Any] = {
        "loss": [2.0 * 0.8**i for i in range(count)],
        "masked": 0.01,
        "solved": 0.5,
        "random_cosine": 0.2,
        "auc": [0.7 + 0.01 * i for i in range(count)],
    }
    found = []
    for i in range(count):
        line = {"step": 10 * (i + 1), "best": True}
        for name, values in {**healthy, **series}.items():
            line[name] = values[i] if isinstance(values, list) else values
        found.append(line)
    return found


def names(history: list[dict[str, Any]]) -> list[str]:
    return [hint.name for hint in hints(history, LossConfig(), TRAINING)]


def test_a_healthy_training_gets_no_hint() -> None:
    assert names([START, *lines(8)]) == []
    assert names([START]) == [], "untrained vectors may be as alike as they like"


@pytest.mark.parametrize(
    ("series", "name", "said"),
    [
        ({"random_cosine": [0.2, 0.5, 0.95]}, "collapse", "cosine of 0.95"),
        ({"random_cosine_semantic": 0.97}, "collapse", "--learning-rate"),
        ({"loss": [2.0, 1.995, 2.001]}, "flat", "higher --learning-rate"),
        ({"loss": [2.0, 2.3, 2.9]}, "flat", "lower --learning-rate"),
        ({"solved": [0.96, 0.97, 0.99]}, "easy", "dssm mine"),
        ({"masked": 0.28}, "masked", "28%"),
        ({"auc": [0.8, 0.79, 0.7]}, "falling", "--unit-dropout"),
        ({"auc": None, "spearman": [0.8, 0.79, 0.7]}, "falling", "--epochs"),
    ],
)
def test_each_trouble_gets_its_hint_and_no_other(
    series: dict[str, Any], name: str, said: str
) -> None:
    history = [{k: v for k, v in line.items() if v is not None} for line in lines(**series)]
    found = hints(history, LossConfig(), TRAINING)
    assert [hint.name for hint in found] == [name]
    assert said in found[0].text and "\n" not in found[0].text


@pytest.mark.parametrize(
    "series",
    [
        {"random_cosine": 0.9},
        {"loss": [2.0, 1.9, 1.95]},  # it falls, if unevenly
        {"loss": [0.01, 0.01, 0.01], "solved": [0.5, 0.9, 0.96]},  # nothing is left to learn
        {"solved": [0.94, 0.99, 1.0]},  # it had to be learned
        {"masked": 0.2},
        {"auc": [0.8, 0.79, 0.795]},
    ],
)
def test_what_is_no_trouble_gets_no_hint(series: dict[str, Any]) -> None:
    assert names(lines(**series)) == []


def test_a_loss_that_has_come_down_may_be_flat_in_the_end() -> None:
    assert names(lines(5, loss=[2.0, 1.2, 1.0, 1.0, 1.0])) == []


IN_FORCE: list[tuple[dict[str, Any], LossConfig, TrainConfig, str, str]] = [
    # a trouble, settings, what is suggested then and what is not
    ({"random_cosine": 0.95}, LossConfig(), TRAINING, "--random-negatives 256", "--softmax"),
    (
        {"random_cosine": 0.95},
        LossConfig(softmax=0, logistic=1),
        TRAINING,
        "--softmax 1",
        "--random-negatives",
    ),
    (
        {"random_cosine": 0.95},
        LossConfig(random_negatives=0),
        TRAINING,
        "--random-negatives 128",
        "--softmax",
    ),
    ({"loss": [2.0, 2.0, 2.0]}, LossConfig(gamma=12), TRAINING, "--gamma than 12,", "--softmax"),
    (
        {"loss": [2.0, 2.0, 2.0]},
        LossConfig(softmax=0, regression=10),
        TRAINING,
        "--learning-rate",
        "--gamma",
    ),
    ({"solved": 0.99}, LossConfig(), TRAINING, "--random-negatives 256", "--softmax"),
    ({"masked": 0.5}, LossConfig(query_cap=1), TRAINING, "--batch-size below 512", "--query-cap"),
    ({"masked": 0.5}, LossConfig(query_cap=4), TRAINING, "--query-cap below 4 ", "--softmax"),
    (
        {"masked": 0.5},
        LossConfig(),
        TrainConfig(epochs=4, batch_size=32),
        "--query-cap fewer",
        "--batch-size",
    ),
    ({"auc": [0.8, 0.79, 0.7]}, LossConfig(), TRAINING, "--unit-dropout above 0.1.", "dropout 0.1"),
    (
        {"auc": [0.8, 0.79, 0.7]},
        LossConfig(),
        TrainConfig(epochs=1, batch_size=512),
        "--unit-dropout",
        "--epochs",
    ),
]


@pytest.mark.parametrize(("series", "loss", "config", "said", "unsaid"), IN_FORCE)
def test_no_hint_suggests_what_is_in_force_or_has_no_effect(
    series: dict[str, Any], loss: LossConfig, config: TrainConfig, said: str, unsaid: str
) -> None:
    [hint] = hints(lines(**series), loss, config)
    assert said in hint.text and unsaid not in hint.text, hint


def test_matches_are_not_masked_where_there_is_no_softmax() -> None:
    history = [{k: v for k, v in x.items() if k != "solved"} for x in lines(masked=0.9)]
    assert names(history) == []


def test_a_hint_is_given_once_and_not_again_after_resuming() -> None:
    history = lines(5, masked=0.5)
    advice = Advice([], LossConfig(), TRAINING)
    given = [advice.new(history[: count + 1]) for count in range(5)]
    assert [len(texts) for texts in given] == [1, 0, 0, 0, 0]
    assert Advice(history[:1], LossConfig(), TRAINING).new(history[:2]) == []
    assert len(Advice(lines(1), LossConfig(), TRAINING).new([*lines(1), *history[1:]])) == 1


def test_an_untrained_start_that_was_kept_is_told() -> None:
    worse = [{**line, "best": False} for line in lines()]
    said = untrained_kept([START, *worse])
    assert said is not None and "untrained start, which was kept" in said
    assert untrained_kept([START, *lines()]) is None
    assert untrained_kept(worse) is None


def test_what_is_just_as_good_as_the_untrained_start_is_told() -> None:
    equal = lines(auc=0.7)
    said = untrained_kept([START, *equal])
    assert said is not None and "the kept one is just as good" in said
    assert untrained_kept([{**START, "auc": 1.0}, *lines(auc=1.0)]) is None
    assert untrained_kept(lines(auc=0.7)) is None


def test_the_mean_cosine_is_that_of_all_pairs_of_texts_that_say_something() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(5, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[2] = 0
    pairs = [vectors[i] @ vectors[j] for i in (0, 1, 3, 4) for j in (0, 1, 3, 4) if i < j]
    assert mean_cosine(vectors) == pytest.approx(np.mean(pairs), abs=1e-6)
    assert mean_cosine(np.repeat(vectors[:1], 4, axis=0)) == pytest.approx(1, abs=1e-6)
    assert mean_cosine(vectors[1:3]) is None


def test_a_row_is_solved_when_no_negative_of_it_comes_first() -> None:
    cosines = torch.tensor([[0.9, 0.1, 0.2], [0.5, 0.4, 0.1], [0.5, 0.4, 0.1], [0.3, 0.2, 0.3]])
    clicked = torch.tensor([0, 1, 1, 0])
    allowed = torch.ones(4, 3, dtype=torch.bool)
    allowed[2, 0] = False  # a known match of this row
    # The second row's first title beats its own; of the last row's, one is as good.
    assert solved_counts(cosines, clicked, allowed) == {"solved": 3.0, "judged": 4.0}
    allowed[0] = False
    assert solved_counts(cosines[:1], clicked[:1], allowed[:1])["solved"] == 1.0


def test_the_share_of_masked_candidates_leaves_a_row_s_own_title_out() -> None:
    allowed = np.array([[False, True, True, False], [True, True, False, True]])
    batch = Batch(np.arange(2), np.arange(4), np.array([0, 1]), allowed, np.array([1, 1]))
    assert masked_counts(batch) == {"masked": 2.0, "others": 6.0}


def test_counts_become_shares_and_sums_means() -> None:
    sums = {"steps": 4.0, "loss": 2.0, "masked": 3.0, "others": 12.0, "solved": 1.0, "judged": 2.0}
    assert means(sums) == {"loss": 0.5, "masked": 0.25, "solved": 0.5}
    assert means({}) == {}


@pytest.mark.parametrize("lexical", ["off", "64"])
def test_every_evaluation_tells_how_the_training_goes(
    dssm: Dssm, tmp_path: Path, lexical: str
) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 400, labelled=False)
    options = [*SMALL[:-1], *TOWER["cnn"], "--lexical", lexical, "--epochs", "3"]
    made = dssm("train", pairs, *options, "-o", tmp_path / "r")
    assert made.code == 0 and "solved" in made.err and "random texts 0." in made.err, made.err
    found = [json.loads(x) for x in (tmp_path / "r" / "metrics.jsonl").read_text().splitlines()]
    for line in found:
        assert -1 <= line["random_cosine"] < 0.9
        assert ("random_cosine_semantic" in line) == (lexical != "off")
    trained = [line for line in found if line["step"]]
    assert all(0 <= line["masked"] <= 1 and 0 <= line["solved"] <= 1 for line in trained)
    assert trained[-1]["solved"] > trained[0]["solved"]


def test_vectors_that_collapse_are_told(dssm: Dssm, tmp_path: Path) -> None:
    # Nothing but matches to draw near, and nothing to push away from.
    pairs = write_pairs(tmp_path / "p.tsv", 400, labelled=False)
    options = ["--softmax", "0", "--logistic", "1", "--lexical", "off", "--epochs", "8"]
    options += ["--learning-rate", "0.02", "--patience", "9", "--dim", "16", "--threads", "1"]
    made = dssm("train", pairs, *options, *TOWER["cnn"], "-o", tmp_path / "r")
    assert made.code == 0 and made.err.count("vectors have collapsed") == 1, made.err
