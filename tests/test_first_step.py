"""The first step of a training: its loss is that of a plain program, of the rows themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from logs import IMPRESSION_NAMES, Row, impressions, random_watches, write_log
from tables import world, write_table

from dssmcli.data.impressions import ImpressionColumns
from dssmcli.data.inference import FeatureInput
from dssmcli.data.tsv import BadRows
from dssmcli.data.watches import WatchColumns
from dssmcli.models.softmax import ItemSampler
from dssmcli.presets import settings_of
from dssmcli.rec_config import MultitaskConfig, MultitaskTrainConfig
from dssmcli.serving.candidates import CandidateTower
from dssmcli.serving.multitask import build_network
from dssmcli.serving.ranker import RankingTower
from dssmcli.training import candidates, multitask, ranking, text
from dssmcli.training.loop import Step
from dssmcli.training.rankingtask import RankingInput, RankingTask, build_ranking_task
from dssmcli.training.state import TrainState
from dssmcli.training.tabletask import TableInput, TableTask, build_table_task
from dssmcli.training.task import PairsInput, TextTask, build_task
from dssmcli.training.validation import encode_texts
from dssmcli.training.watchtask import WatchInput, WatchTask, build_watch_task
from dssmcli.youtube_config import (
    CandidatesConfig,
    CandidatesTrainConfig,
    RankingConfig,
    RankingTrainConfig,
)

Floats = npt.NDArray[np.float64]


def silent(_: str) -> None:
    """Say nothing."""


def step_of(steps: Iterator[object]) -> Step:
    """Return the first step of a training."""
    return next(each for each in steps if isinstance(each, Step))


def arrays(state: TrainState) -> dict[str, npt.NDArray[Any]]:
    """Return the weights as they are before a step."""
    return {name: weight.detach().numpy().copy() for name, weight in state.weights().items()}


def entropy(logits: Floats, labels: Floats) -> Floats:
    return np.asarray(np.logaddexp(0, logits) - labels * logits)


# Texts

CLICKS = [
    *(("red hat", "hat of straw", 40), ("red hat", "red cap", 3), ("red hat", "blue box", 0)),
    *(("old box", "box", 1), ("old box", "red cap", 0), ("red cap", "red cap", 2)),
    *(("red cap", "hat of straw", 0), ("pen", "jar", 7)),
]
GRADES = [(query, title, float(n * 7 % 5)) for n, (query, title, _) in enumerate(CLICKS)]
GAMMA, UNCLICKED = 3.0, 0.25


def text_task(
    folder: Path,
    rows: Sequence[tuple[str, str, float]],
    valid: Sequence[str] = (),
    **given: object,
) -> TextTask:
    """Return a task all of whose rows are one batch, with nothing left out by chance."""
    lines = "".join(f"{query}\t{title}\t{value:g}\n" for query, title, value in rows)
    (folder / "p.tsv").write_text(f"query\ttitle\t{given.pop('kind')}\n{lines}")
    settings = settings_of(
        {
            **{"tokenizer": "word", "threads": 1, "lexical": 0, "hidden": (8,), "dim": 6},
            **{"unit_dropout": 0.0, "vector_dropout": 0.0, "valid_share": 0.0, "batch_size": 64},
            **{"random_negatives": 0, "gamma": GAMMA, "separate_towers": True, **given},
        },
        "dnn",
        "default",
    )
    where = PairsInput([str(folder / "p.tsv")], valid_sources=valid)
    return build_task(where, settings, BadRows(), silent)


def cosines_of(task: TextTask, state: text.TextState) -> tuple[Floats, list[int]]:
    """Return the cosines (N, C) of each row's query with all titles, and each row's own title."""
    titles = np.unique(task.train.title)
    query = encode_texts(task, state.model, task.train.query, "query")
    title = encode_texts(task, state.model, titles, "title")
    own = [int(np.flatnonzero(titles == each)[0]) for each in task.train.title]
    return np.asarray(query @ title.T, np.float64), own


@pytest.mark.parametrize("weight", ["none", "log", "linear"])
def test_clicks_are_learned_from_as_the_weights_say(tmp_path: Path, weight: str) -> None:
    options = {"click_weight": weight, "unclicked_weight": UNCLICKED, "softmax": 0.7}
    task = text_task(tmp_path, CLICKS, kind="clicks", logistic=0.3, **options)
    state = text.new_state(task)
    cosines, own = cosines_of(task, state)
    ways = {"none": lambda _: 1.0, "log": math.log1p, "linear": float}
    weights = [ways[weight](clicks) for _, _, clicks in CLICKS]
    mean = np.mean([w for w, row in zip(weights, CLICKS, strict=True) if row[2]])
    known = {row[:2] for row in CLICKS if row[2]}
    shown = {row[:2] for row in CLICKS if not row[2]}
    titles = {own[n]: row[1] for n, row in enumerate(CLICKS)}
    softmax, logistic, total = 0.0, 0.0, 0.0
    for n, (query, _, clicks) in enumerate(CLICKS):
        row_weight = weights[n] / mean if clicks else UNCLICKED
        logit = 10 * cosines[n, own[n]] - 5
        logistic += row_weight * float(entropy(logit, np.float64(clicks > 0)))
        total += row_weight
        if not clicks:
            continue
        others = sum(
            (UNCLICKED if (query, title) in shown else 1.0) * math.exp(GAMMA * cosines[n, column])
            for column, title in titles.items()
            if (query, title) not in known and query != title
        )
        mine = math.exp(GAMMA * cosines[n, own[n]])
        softmax -= row_weight * math.log(mine / (mine + others))
    matches = sum(w / mean for w, row in zip(weights, CLICKS, strict=True) if row[2])
    step = step_of(text.train_text(task, state))
    assert step.rows == len(CLICKS)
    assert step.parts["softmax"] == pytest.approx(0.7 * softmax / matches, rel=1e-5)
    assert step.parts["logistic"] == pytest.approx(0.3 * logistic / total, rel=1e-5)
    assert step.loss == pytest.approx(step.parts["softmax"] + step.parts["logistic"], rel=1e-5)


def test_grades_are_learned_from_by_their_place_in_the_scale_and_by_their_order(
    tmp_path: Path,
) -> None:
    some = {"softmax": 0.0, "logistic": 0.3, "regression": 2.0, "cosent": 0.5}
    task = text_task(tmp_path, GRADES, kind="grade", **some)
    state = text.new_state(task)
    cosines, columns = cosines_of(task, state)
    own = cosines[np.arange(len(columns)), columns]
    grades = np.array([row[2] for row in GRADES])
    labels = (grades - grades.min()) / (grades.max() - grades.min())
    pairs = [
        math.exp(GAMMA * (low - high))
        for low, low_grade in zip(own, grades, strict=True)
        for high, high_grade in zip(own, grades, strict=True)
        if low_grade < high_grade
    ]
    step = step_of(text.train_text(task, state))
    expected = {
        "logistic": 0.3 * entropy(10 * own - 5, labels).mean(),
        "regression": 2.0 * ((own - labels) ** 2).mean(),
        "cosent": 0.5 * math.log(1 + sum(pairs)),
    }
    assert step.parts == pytest.approx({**step.parts, **expected}, rel=1e-5)
    assert step.loss == pytest.approx(sum(expected.values()), rel=1e-5)


def test_fresh_rows_weigh_as_the_words_are_rare_in_the_texts_to_train_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    valid = tmp_path / "v.tsv"
    valid.write_text("query\ttitle\tclicks\nred lamp\told lamp\t1\nred pen\tthe red box\t0\n")
    task = text_task(tmp_path, CLICKS, [str(valid)], kind="clicks", buckets=1)
    assert task.valid is not None
    found = arrays(text.new_state(task))["query.rows.weight"]
    with monkeypatch.context() as patch:
        patch.setattr(text, "_feature_weights", lambda _: np.ones(len(found), np.float32))
        plain = arrays(text.new_state(task))["query.rows.weight"]
    texts = {each for row in CLICKS for each in row[:2]}
    words = sorted({word for text in texts for word in text.split()})
    often = np.array([sum(word in text.split() for text in texts) for word in words])
    idf = np.maximum(np.log((1 + len(texts)) / (1 + often)), 0.1)
    mean = (idf * often).sum() / often.sum()
    ids = [task.vocabulary.id(word) for word in words]
    assert len(set(ids)) == 10 and sorted(task.vocabulary.features) == words
    for place, weight in zip(ids, idf / mean, strict=True):
        np.testing.assert_allclose(found[place], plain[place] * weight, rtol=1e-5)


# Candidates


def watch_task(folder: Path, **settings: Any) -> WatchTask:
    """Return a task all of whose examples are one batch."""
    rows = random_watches(9, 3, 60, seed=2)
    log = write_log(folder / "w.tsv", ("user", "item", "timestamp"), rows)
    model = CandidatesConfig(history=4, embedding=6, units=(8,), dim=4, seen=2, gamma=4.0)
    usual = {"threads": 1, "batch_size": 64, "epochs": 1, "dropout": 0.0, "input_dropout": 0.0}
    usual |= {"negatives": 5, "negative_power": 0.5, "valid_share": 0.0}
    train = CandidatesTrainConfig(**{**usual, **settings})
    given = WatchInput([str(log)], WatchColumns(timestamp="timestamp"))
    return build_watch_task(given, lambda *_: (model, train), BadRows(), silent)


@pytest.mark.parametrize("softmax", ["full", "sampled"])
def test_candidates_learn_by_the_softmax_over_all_items_or_over_a_corrected_sample(
    tmp_path: Path, softmax: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = watch_task(tmp_path, softmax=softmax)
    state = candidates.new_state(task)
    tower = CandidateTower(task.model, arrays(state))
    logits = 4.0 * tower.users(task.moments(task.train)) @ tower.items().T
    draws = []

    def draw(sampler: ItemSampler, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        draws.append(real(sampler, count))
        return draws[-1]

    real = ItemSampler.draw
    monkeypatch.setattr(ItemSampler, "draw", draw)
    step = step_of(candidates.train_candidates(task, state))
    counts = task.catalogue.counts**0.5
    losses = []
    for row, target in zip(logits, task.watches.item[task.train], strict=True):
        others = [(item, 1.0) for item in range(3) if item != target]
        if softmax == "sampled":
            times = 5 * counts / counts.sum()
            others = [(i, times[i]) for i in draws[0][0].tolist() if i != target]
        rest = sum(math.exp(row[item]) / often for item, often in others)
        losses.append(-math.log(math.exp(row[target]) / (math.exp(row[target]) + rest)))
    assert len(draws) == (softmax == "sampled") and step.rows == len(losses) > 40
    assert step.loss == pytest.approx(np.mean(losses), rel=1e-5)


# Ranking

NAMES = (*IMPRESSION_NAMES, "genre", "maker")


def shown_rows() -> list[Row]:
    """Return impressions of which some were watched though nobody clicked them."""
    return [
        (*row[:4], row[4] if row[3] or n % 5 else 30.0)
        for n, row in enumerate(impressions(9, 8, 300))
    ]


def ranking_task(folder: Path, **settings: Any) -> RankingTask:
    """Return a task all of whose impressions are one batch, with two columns of categories."""
    rows = [(*row, f"g{int(row[1][1:]) % 3}", f"m{int(row[1][1:]) % 5}") for row in shown_rows()]
    log = write_log(folder / "i.tsv", NAMES, rows)
    columns = ImpressionColumns(*IMPRESSION_NAMES)
    given = RankingInput([str(log)], columns, FeatureInput())
    usual = {"threads": 1, "batch_size": 300, "epochs": 15, "dropout": 0.0, "valid_share": 0.2}
    usual |= {"category_dropout": 0.0, "rare_count": 0.0, "warm_share": 0.1}
    train = RankingTrainConfig(**{**usual, **settings})
    model = RankingConfig(history=3, embedding=4, categories=3, units=(6,))
    return build_ranking_task(given, model, train, BadRows(), silent)


def test_ranking_adds_up_the_heads_losses_of_clicks_and_of_the_time_watched(tmp_path: Path) -> None:
    task = ranking_task(tmp_path)
    state = ranking.new_state(task)
    clicked, watched = (np.array([row[k] for row in shown_rows()], float) for k in (3, 4))
    watched *= clicked
    # Of the 240 that are not validated on the first tenth is not learned from.
    seconds = watched / watched[:240].mean()
    click, time = clicked[24:240], seconds[24:240]
    share = click.mean()
    begin = [0.0, math.log(share / (1 - share)), -math.log(1 - share)]
    assert arrays(state)["heads_bias"].tolist() == pytest.approx(begin, rel=1e-5)
    given = ranking.inputs(task, np.arange(24, 240))
    z = RankingTower(task.model, arrays(state))(*(each.numpy() for each in given)).T
    on, off = np.logaddexp(0, -z), np.logaddexp(0, z)
    losses = {
        "watch_time": time * on[0] + off[0],
        "click": np.where(click, on[1], off[1]),
        "odds": np.where(click, time * on[2], off[2]),
    }
    step = step_of(ranking.train_ranking(task, state))
    expected = {f"{head} loss": float(each.mean()) for head, each in losses.items()}
    assert step.rows == 216 and step.parts == pytest.approx(expected, rel=1e-5)
    whole = losses["watch_time"] + losses["click"] / share + 0.5 * losses["odds"]
    assert step.loss == pytest.approx(whole.mean(), rel=1e-5)


# Tables

TABLE = {**world(240).columns, "shop": [f"s{n % 3 + n % 2}" for n in range(240)]}
TABLE["dear"] = [str(int(float(price) > 40)) for price in TABLE["price"]]


def table_task(folder: Path, **settings: Any) -> TableTask:
    """Return a task all of whose rows are one batch, with two columns of categories."""
    table = write_table(folder / "t.csv", TABLE)
    tasks = ("bought", "minutes:regression", "dear")
    weights = (("bought", 2.0), ("minutes", 3.0))
    given = TableInput([str(table)], tasks, FeatureInput(), weights=weights)
    usual = {"threads": 1, "batch_size": 240, "epochs": 15, "dropout": 0.0, "valid_share": 0.0}
    usual |= {"category_dropout": 0.0, "rare_count": 0.0, "squared_error": 0.25}
    train = MultitaskTrainConfig(**{**usual, **settings})
    model = MultitaskConfig(experts=2, expert_units=(5,), tower_units=(4,), embedding=3)
    return build_table_task(given, model, train, BadRows(), silent)


def test_a_table_s_loss_is_what_each_task_s_weighs(tmp_path: Path) -> None:
    task = table_task(tmp_path)
    state = multitask.new_state(task)
    bought, minutes, dear = (np.array(TABLE[n], float) for n in ("bought", "minutes", "dear"))
    shares = bought.mean(), dear.mean()
    begin = [math.log(share / (1 - share)) for share in shares]
    begin.insert(1, 0.0)
    assert arrays(state)["bias"].tolist() == pytest.approx(begin, abs=1e-5)
    rows = task.train.rows(slice(None))
    outputs = build_network(task.model, arrays(state), 3)(rows).outputs.astype(np.float64)
    errors = outputs[:, 1] - (minutes - minutes.mean()) / minutes.std()
    expected = {
        "bought loss": entropy(outputs[:, 0], bought).mean(),
        "minutes loss": (errors**2).mean(),
        "dear loss": entropy(outputs[:, 2], dear).mean(),
    }
    step = step_of(multitask.train_multitask(task, state))
    assert step.rows == 240 and step.parts == pytest.approx(expected, rel=1e-4)
    total = 2 * expected["bought loss"] + 3 * 0.25 * expected["minutes loss"]
    total += expected["dear loss"]
    assert step.loss == pytest.approx(total, rel=1e-4)


# Categories that are taken for unknown


def met(state: TrainState, steps: Iterator[object], which: Sequence[int]) -> list[Any]:
    """Return what a model was given in all steps, each input whose number is in `which`."""
    given: list[list[Any]] = []
    hook = state.model.register_forward_pre_hook(
        lambda model, inputs: (
            given.append([inputs[k].numpy()[:, None] for k in which]) if model.training else None
        )
    )
    for _ in steps:
        pass
    hook.remove()
    return [
        np.concatenate([each.reshape(len(each), -1) for each in inputs], axis=1) for inputs in given
    ]


def check_unknown(found: list[Any], rows: Any, unknown: Sequence[int], rare: float) -> None:
    """Check that each column's codes became its own unknown one as often as their rarity says."""
    for column, (codes, own) in enumerate(zip(rows.T, unknown, strict=True)):
        ordered = np.sort([each[:, column] for each in found], axis=1)
        times = {
            int(code): int((ordered == code).sum()) / len(found)
            for code in (*np.unique(codes), own)
        }
        assert set(np.unique(ordered)) <= {own, *codes.tolist()}
        for code in np.unique(codes).tolist():
            count = int((codes == code).sum())
            kept = 0.7 * (1 - rare / (rare + count))
            error = 4 * math.sqrt(count * kept * (1 - kept) / len(found))
            assert abs(times[code] - count * kept) < error, (column, code)


def test_rare_categories_of_each_column_are_taken_for_its_own_unknown_one(tmp_path: Path) -> None:
    task = table_task(tmp_path, category_dropout=0.3, rare_count=20.0)
    state = multitask.new_state(task)
    found = met(state, multitask.train_multitask(task, state), [0])
    starts = task.schema.starts.tolist()
    assert len(found) == 15 and starts == [0, 5]
    check_unknown(found, task.train.codes, starts, 20.0)


def test_rare_items_and_categories_of_impressions_are_too(tmp_path: Path) -> None:
    task = ranking_task(tmp_path, category_dropout=0.3, rare_count=20.0, patience=99)
    state = ranking.new_state(task)
    found = met(state, ranking.train_ranking(task, state), [0, 2])
    starts = task.features.schema.starts.tolist()
    assert len(found) == 15 and len(starts) == 2
    rows = np.concatenate([task.item[:, None], task.codes], axis=1)[task.train]
    check_unknown(found, rows, [0, *starts], 20.0)
