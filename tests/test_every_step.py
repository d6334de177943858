"""What holds at every step of a training: dropout, random numbers, decays, settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from test_first_step import CLICKS, met, ranking_task, table_task, text_task, watch_task

from dssmcli import youtube_config
from dssmcli.text.blocks import UnitDropout
from dssmcli.training import candidates, diagnosis, multitask, prepared, ranking, text
from dssmcli.training.evaluation import Evaluation
from dssmcli.training.loop import Step
from dssmcli.training.state import TrainState


class Family(NamedTuple):
    """How a family is trained: what makes a small task, a fresh state, and the steps from there."""

    task: Callable[..., Any]
    state: Callable[[Any], Any]
    train: Callable[[Any, Any], Iterator[Any]]


FAMILIES = {
    "candidates": Family(watch_task, candidates.new_state, candidates.train_candidates),
    "ranking": Family(ranking_task, ranking.new_state, ranking.train_ranking),
    "tables": Family(table_task, multitask.new_state, multitask.train_multitask),
}


def trained(family: str, folder: Path, **settings: Any) -> tuple[TrainState, list[Any]]:
    """Return the state after all steps, and these with the evaluations between them."""
    way = FAMILIES[family]
    task = way.task(folder, **settings)
    state = way.state(task)
    return state, [*way.train(task, state)]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_is_trained_with_dropout_before_and_after_each_evaluation(
    tmp_path: Path, family: str
) -> None:
    way = FAMILIES[family]
    task = way.task(tmp_path, epochs=4, eval_steps=1, patience=99, valid_share=0.3)
    state = way.state(task)
    kinds = []
    for each in way.train(task, state):
        assert state.model.training
        kinds.append(type(each))
    assert kinds == [Step, Evaluation] * 4 and len(state.history[0]) > 4


def test_the_last_step_is_evaluated_too_and_a_loss_is_the_mean_since_the_evaluation_before(
    tmp_path: Path,
) -> None:
    state, steps = trained("tables", tmp_path, epochs=5, eval_steps=2, valid_share=0.3)
    assert [line["step"] for line in state.history] == [2, 4, 5]
    assert [line["epoch"] for line in state.history] == [2, 4, 5]
    losses = [each.loss for each in steps if isinstance(each, Step)]
    for line, own in zip(state.history, (losses[:2], losses[2:4], losses[4:]), strict=True):
        assert line["loss"] == pytest.approx(np.mean(own), abs=1e-5)
    texts = text_task(tmp_path, CLICKS, kind="clicks", epochs=5, eval_steps=2)
    history = text.new_state(texts)
    losses = [each.loss for each in text.train_text(texts, history) if isinstance(each, Step)]
    assert [line["step"] for line in history.history] == [2, 4, 5]
    for line, own in zip(history.history, (losses[:2], losses[2:4], losses[4:]), strict=True):
        assert line["loss"] == pytest.approx(np.mean(own), abs=1e-5)


SETTINGS: dict[str, dict[str, Any]] = {
    "candidates": {
        **{"dropout": 0.5, "input_dropout": 0.5, "watch_dropout": 0.5, "weight_decay": 0.9},
        **{"embedding_decay": 0.9, "clip_norm": 1e-3, "learning_rate": 0.5, "warmup": 0.9},
        **{"decay": "none", "optimizer": "sgd", "seed": 2, "averaging": 0.0, "batch_size": 16},
    },
    "ranking": {
        **{"dropout": 0.5, "category_dropout": 0.5, "rare_count": 50.0, "weight_decay": 0.9},
        **{"embedding_decay": 0.9, "clip_norm": 1e-3, "learning_rate": 0.5, "warmup": 0.9},
        **{"decay": "none", "optimizer": "sgd", "seed": 2, "averaging": 0.0, "batch_size": 50},
        **{"warm_share": 0.3, "valid_share": 0.4},
    },
    "tables": {
        **{"dropout": 0.5, "category_dropout": 0.5, "rare_count": 50.0, "weight_decay": 0.9},
        **{"embedding_decay": 0.9, "clip_norm": 1e-3, "learning_rate": 0.5, "warmup": 0.9},
        **{"decay": "none", "optimizer": "sgd", "seed": 2, "averaging": 0.0, "batch_size": 50},
        **{"expert_dropout": 0.5, "squared_error": 2.0, "valid_share": 0.4},
    },
}


@pytest.mark.parametrize("family", SETTINGS)
def test_every_setting_counts(tmp_path: Path, family: str) -> None:
    usual = {"epochs": 4, "eval_steps": 4, "averaging": 0.9, "embedding_decay": 0.0}

    def kept(**settings: Any) -> dict[str, Any]:
        state, _ = trained(family, tmp_path, **{**usual, **settings})
        return {name: weight.numpy() for name, weight in state.best_weights.items()}

    plain, again = kept(), kept()
    assert all(np.array_equal(plain[name], again[name]) for name in plain)
    for name, value in SETTINGS[family].items():
        other = kept(**{name: value})
        assert any(
            plain[each].shape != other[each].shape or not np.array_equal(plain[each], other[each])
            for each in plain
        ), name


TABLES = {"items", "targets", "seen", "tokens", "categories", "embedding"}
STILL = {"places", "echo", "seen_places"}


@pytest.mark.parametrize("family", FAMILIES)
def test_embeddings_decay_in_a_way_of_their_own_and_biases_do_not(
    tmp_path: Path, family: str
) -> None:
    way = FAMILIES[family]
    task = way.task(tmp_path, weight_decay=0.25, embedding_decay=0.5)
    state = way.state(task)
    names = {id(parameter): name for name, parameter in state.model.named_parameters()}
    decays = {
        names[id(parameter)]: group["weight_decay"]
        for group in state.optimizer.param_groups
        for parameter in group["params"]
    }
    assert set(decays) == {*names.values()}
    for name, decay in decays.items():
        last = name.rpartition(".")[2]
        still = "bias" in name or name in STILL
        assert decay == (0.0 if still else 0.5 if last in TABLES else 0.25), name


def test_what_is_left_out_is_drawn_anew_for_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = table_task(tmp_path, category_dropout=0.5, epochs=4)
    state = multitask.new_state(task)
    given = met(state, multitask.train_multitask(task, state), [0])
    lost = {(codes == task.schema.starts).tobytes() for codes in given}
    assert len(lost) == len(given) == 4
    draws: list[bytes] = []

    def unit_dropout(share: float, values: Any) -> UnitDropout:
        draws.append(values.tobytes())
        return UnitDropout(share, values)

    monkeypatch.setattr(prepared, "UnitDropout", unit_dropout)
    texts = text_task(tmp_path, CLICKS, kind="clicks", unit_dropout=0.5, epochs=4)
    for _ in text.train_text(texts, text.new_state(texts)):
        pass
    assert len(set(draws)) == len(draws) == 8  # of queries and of titles


def test_a_share_of_the_dimensions_is_left_out_of_all_vectors_of_a_batch() -> None:
    torch.manual_seed(3)
    query, title = torch.rand(5, 4000) + 0.1, torch.rand(7, 4000) + 0.1
    thinned = text._thinned(query, title, 0.2)
    kept = (thinned[0] != 0)[0]
    assert 0.77 < float(kept.float().mean()) < 0.83
    for before, after in zip((query, title), thinned, strict=True):
        plain = before * kept
        torch.testing.assert_close(after, plain / plain.norm(dim=1, keepdim=True))


def test_the_few_numbers_of_the_losses_learn_ten_times_as_fast_as_the_towers(
    tmp_path: Path,
) -> None:
    task = text_task(tmp_path, CLICKS, kind="clicks", logistic=0.3, epochs=3)
    state = text.new_state(task)
    groups = state.optimizer.param_groups
    heads = {id(parameter) for parameter in state.heads.parameters()}
    assert {id(parameter) for parameter in groups[1]["params"]} == heads
    for each in text.train_text(task, state):
        if isinstance(each, Step):
            assert groups[1]["lr"] == pytest.approx(10 * groups[0]["lr"]) and groups[0]["lr"] > 0


def test_rows_that_are_changed_one_by_one_move_ten_times_as_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(youtube_config, "SPARSE_NUMBERS", 5)
    task = watch_task(tmp_path, softmax="sampled", optimizer="sgd", learning_rate=0.5, warmup=0.0)
    state = candidates.new_state(task)
    before = {name: weight.clone() for name, weight in state.weights().items()}
    step = next(candidates.train_candidates(task, state))
    assert isinstance(step, Step)
    gradients = {name: each.grad for name, each in state.model.named_parameters()}
    for name, rate in (("targets", 5.0), ("items", 5.0), ("bias.1", 0.5)):
        gradient = gradients[name]
        assert gradient is not None
        whole = gradient.to_dense() if gradient.is_sparse else gradient
        torch.testing.assert_close(state.weights()[name], before[name] - rate * whole)


@pytest.mark.parametrize("collapsed", ["query", "title"])
def test_vectors_have_collapsed_where_those_of_one_side_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, collapsed: str
) -> None:
    task = text_task(tmp_path, CLICKS, kind="clicks")

    def parts(_: Any, __: Any, texts: Any, side: str) -> list[Any]:
        rows = np.eye(len(texts), dtype=np.float32)
        return [np.tile(rows[:1], (len(texts), 1)) if side == collapsed else rows]

    monkeypatch.setattr(diagnosis, "_parts", parts)
    found = diagnosis.random_cosines(task, text.new_state(task).model)
    assert found == {"random_cosine": pytest.approx(1.0)}
