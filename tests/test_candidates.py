"""Candidate generation: the model, the sampled softmax, and what is learned from small worlds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from conftest import Dssm, stop_after_saves
from logs import (
    SMALL_WATCHES,
    Row,
    config_of,
    contents,
    history_of,
    random_watches,
    read_recommended,
    run,
    watches_in_a_ring,
    write_log,
)
from torch import Tensor
from torch.nn import functional

from dssmcli import youtube_config
from dssmcli.data.features import Rows
from dssmcli.data.moments import Moments
from dssmcli.data.tsv import BadRows
from dssmcli.data.watches import WatchColumns
from dssmcli.models import youtube
from dssmcli.models.softmax import ItemSampler, full_softmax, sampled_softmax
from dssmcli.models.youtube import Candidates
from dssmcli.serving.candidates import CandidateTower, load_candidates, weight_shapes
from dssmcli.training.candidates import new_state, order_of, tensors, train_candidates
from dssmcli.training.loop import Step
from dssmcli.training.watchtask import WatchInput, WatchTask, build_watch_task
from dssmcli.youtube_config import CandidatesConfig, CandidateSizes, CandidatesTrainConfig

NAMES = ("user", "item", "timestamp")
SIZES = CandidateSizes(items=23, tokens=7, categories=9, features=2, numbers=3)
BARE = CandidateSizes(items=23, tokens=0, categories=0, features=0, numbers=0)
SMALL = CandidatesConfig(
    history=5, pools=2, last=1, embedding=6, units=(8,), dim=4, searches=4, seen=0
)
LENGTHS = (0, 1, 4, 5, 5, 2)
"""Of histories, in watches: none, one, one below the limit, at it, over it (cut), some."""

# The model


def moments_of(sizes: CandidateSizes, config: CandidatesConfig) -> Moments:
    random = np.random.default_rng(3)
    n = len(LENGTHS)
    history = np.zeros((n, config.history), np.int64)
    tokens = np.zeros((n, config.searches if sizes.tokens else 0), np.int64)
    for row, length in enumerate(LENGTHS):
        history[row, :length] = random.integers(1, sizes.items + 1, length)
        if sizes.tokens:
            some = min(length, config.searches)
            tokens[row, :some] = random.integers(1, sizes.tokens + 1, some)
    codes = random.integers(0, max(1, sizes.categories), (n, sizes.features))
    numbers = random.normal(size=(n, sizes.numbers)).astype(np.float32)
    age = random.random(n).astype(np.float32)
    return Moments(history, tokens, age, Rows(codes, numbers))


def made(config: CandidatesConfig, sizes: CandidateSizes = SIZES, seed: int = 1) -> Candidates:
    """Return a model none of whose weights is 0 but those of what is not there."""
    torch.manual_seed(seed)
    model = Candidates(config, sizes, CandidatesTrainConfig()).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            first = 1 if name in ("items", "tokens") else 0
            weight[first:] += torch.randn_like(weight[first:]) * 0.3
    return model


def numbers_of(model: Candidates) -> dict[str, npt.NDArray[np.float32]]:
    return {name: weight.numpy() for name, weight in model.state_dict().items()}


CONFIGS = [
    SMALL,
    replace(SMALL, pooling="mean", pools=1),
    replace(SMALL, pools=1, last=0),
    replace(SMALL, pools=3, last=5),
    replace(SMALL, last=3, example_age=True),
    replace(SMALL, echo=False),
    replace(SMALL, skip=False),
    replace(SMALL, linear=False),
    replace(SMALL, gamma=0.0),
    replace(SMALL, gamma=0.0, linear=False, echo=False, skip=False),
    replace(SMALL, units=()),
    replace(SMALL, units=(9, 7)),
    replace(SMALL, seen=3),
    replace(SMALL, seen=2, gamma=0.0, echo=False, last=0),
]


@pytest.mark.parametrize("sizes", [SIZES, BARE, BARE._replace(tokens=7), BARE._replace(numbers=2)])
@pytest.mark.parametrize("config", CONFIGS)
def test_numpy_says_what_torch_says(config: CandidatesConfig, sizes: CandidateSizes) -> None:
    model, moments = made(config, sizes), moments_of(sizes, config)
    weights = numbers_of(model)
    assert {n: w.shape for n, w in weights.items()} == weight_shapes(config, sizes)
    tower = CandidateTower(config, weights)
    with torch.no_grad():
        users, items = model.users(tensors(moments)), model.vectors().detach()
        shorter = moments._replace(history=moments.history[:2, :1], tokens=moments.tokens[:2, :2])
        rows = Rows(moments.context.codes[:2], moments.context.numbers[:2])
        shorter = shorter._replace(age=moments.age[:2], context=rows)
        short = model.users(tensors(shorter))
    assert users.shape == (len(LENGTHS), config.width)
    np.testing.assert_allclose(tower.users(moments), users.numpy(), atol=1e-5)
    np.testing.assert_allclose(tower.items(), items.numpy(), atol=1e-6)
    np.testing.assert_allclose(tower.users(shorter), short.numpy(), atol=1e-5)
    if not sizes.tokens:
        # Where nothing stands behind the watches it does not matter how wide the table is.
        torch.testing.assert_close(short, users[:2], atol=1e-5, rtol=1e-5)
    assert np.isfinite(tower.users(moments)).all()
    if config.gamma:
        for vectors in (tower.users(moments), tower.items()):
            np.testing.assert_allclose(np.linalg.norm(vectors[:, :4], axis=1), 1, atol=1e-5)


def plainly(model: Candidates, moments: Moments, row: int) -> Tensor:
    """Return u of one moment as section 3 has it, with what this program adds to it."""
    config = model.config
    history = [int(i) for i in moments.history[row] if i]
    rows = [model.items[i] for i in history]
    parts = []
    for p in range(config.pools):
        pool = torch.zeros(config.embedding)
        if history and config.pooling == "mean":
            pool = sum(rows, pool) / len(rows)
        elif history:
            powers = model.places[p, : len(history)].exp().unbind()
            for weight, watched in zip(powers, rows, strict=True):
                pool = pool + weight / sum(powers) * watched
        parts.append(pool)
    parts += [*rows, *[torch.zeros(config.embedding)] * config.last][: config.last]
    said = [model.tokens[int(t)] for t in moments.tokens[row] if t]
    parts.append(sum(said, torch.zeros(config.embedding)) / max(1, len(said)))
    parts += [model.categories[int(code)] for code in moments.context.codes[row]]
    parts.append(torch.from_numpy(moments.context.numbers[row]))
    if config.example_age:
        a = torch.tensor([float(moments.age[row])])
        parts += [a, a**2, a.sqrt()]
    x = hidden = torch.cat(parts)
    layers = list(zip(model.weight, model.bias, strict=True))
    for i, (weight, bias) in enumerate(layers):
        hidden = hidden @ weight + bias
        if i < len(layers) - 1 or not config.linear:
            hidden = functional.relu(hidden)
    if config.skip:
        hidden = hidden + x @ model.skip
    if config.echo:
        for place, item in enumerate(history):
            own = model.targets[item - 1]
            own = own / own.norm() if config.gamma else own
            hidden = hidden + model.echo[place] * own
    vector = hidden / hidden.norm() if config.gamma else hidden
    if not config.seen:
        return vector
    against = torch.zeros(config.seen)
    for place, item in enumerate(history):
        against = against + model.seen_places[place] * model.seen[item - 1]
    return torch.cat([vector, against / (config.gamma or 1.0)])


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("rows_at_once", [0, 10_000])
def test_a_model_is_the_papers_with_what_is_added_to_it(
    config: CandidatesConfig, rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(youtube, "_DENSE_ROWS", rows_at_once)
    model, moments = made(config), moments_of(SIZES, config)
    with torch.no_grad():
        found = model.users(tensors(moments))
        for row in range(len(LENGTHS)):
            expected = plainly(model, moments, row)
            torch.testing.assert_close(found[row], expected, atol=1e-5, rtol=1e-4)


def test_what_is_not_there_stays_a_row_of_zeros() -> None:
    moments = tensors(moments_of(SIZES, SMALL))
    for rows in (0, 10_000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(youtube, "_DENSE_ROWS", rows)
            model = made(SMALL).train()
            model.users(moments).sum().backward()  # type: ignore[no-untyped-call]
            for table in (model.items, model.tokens):
                assert table.grad is not None and not table.grad[0].any() and table.grad[1:].any()
                assert not table[0].any()


# The softmax


def test_the_full_softmax_is_minus_the_logarithm_of_what_the_target_is_given() -> None:
    logits = torch.log(torch.tensor([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]))
    found = float(full_softmax(logits, torch.tensor([1, 2])))
    assert found == pytest.approx(-(np.log(0.5) + np.log(0.8)) / 2, rel=1e-6)


def test_the_target_is_never_corrected_and_a_drawn_item_is_by_how_often_it_was_expected() -> None:
    positive, sampled = torch.tensor([0.4]), torch.tensor([[1.2, -0.3]])
    expected, none = torch.tensor([5.0, 0.25]), torch.zeros(1, 2, dtype=torch.bool)
    found = float(sampled_softmax(positive, sampled, expected, none))
    others = np.exp(1.2) / 5 + np.exp(-0.3) / 0.25
    assert found == pytest.approx(-np.log(np.exp(0.4) / (np.exp(0.4) + others)), rel=1e-6)


def test_an_accidental_hit_counts_for_nothing() -> None:
    positive = torch.tensor([0.4, -1.0])
    sampled = torch.tensor([[9.0, 0.1], [0.2, 0.3]], requires_grad=True)
    expected = torch.tensor([2.0, 3.0])
    hit = torch.tensor([[True, False], [True, True]])
    loss = sampled_softmax(positive, sampled, expected, hit)
    one = np.log1p(np.exp(0.1 - 0.4) / 3)
    assert float(loss.detach()) == pytest.approx(one / 2, rel=1e-6)
    loss.backward()
    assert sampled.grad is not None
    assert (sampled.grad != 0).tolist() == [[False, True], [False, False]]


GAMMA = 8.0


def gradient_error(draws: int, rounds: int, corrected_by: float = 1.0) -> float:
    """Return how far the mean gradient of samples is from that of the full softmax, relatively.

    Items are drawn by their popularity, which goes with the scores, as it does in life.
    corrected_by: the power of the correction; 1 / gamma is what a division by gamma comes to.
    """
    torch.manual_seed(0)
    items, batch = 60, 4
    cosines = torch.randn(batch, items, dtype=torch.float64) * 0.25
    counts = (torch.arange(items, dtype=torch.float64) + 1) ** -1.2 * 1e4
    cosines += torch.linspace(0.3, -0.3, items, dtype=torch.float64)
    cosines.requires_grad_()
    targets = torch.tensor([0, 3, 17, 55])
    (full,) = torch.autograd.grad(full_softmax(GAMMA * cosines, targets), cosines)
    sampler, total = ItemSampler(counts, 0.75), torch.zeros_like(full)
    for _ in range(rounds):
        drawn, expected = sampler.draw(draws)
        logits = GAMMA * cosines
        loss = sampled_softmax(
            logits[torch.arange(batch), targets],
            logits[:, drawn],
            expected.double() ** corrected_by,
            targets[:, None] == drawn,
        )
        (gradient,) = torch.autograd.grad(loss, cosines)
        total += gradient / rounds
    return float((total - full).norm() / full.norm())


def test_the_sampled_gradient_tends_to_the_full_one_the_more_items_are_drawn() -> None:
    few, some, many = gradient_error(5, 300), gradient_error(60, 300), gradient_error(4000, 60)
    assert many < 0.02 and many < some / 3 < few / 6


def test_a_correction_divided_by_gamma_would_not() -> None:
    assert gradient_error(4000, 60, corrected_by=1 / GAMMA) > 0.2
    assert gradient_error(4000, 60, corrected_by=0.0) > 0.2


def test_items_are_drawn_as_often_as_they_are_expected() -> None:
    torch.manual_seed(1)
    counts = torch.tensor([8, 1, 27, 0, 64])
    chances = np.array([2, 1, 3, 1, 4]) / 11  # one never watched counts as one watched once
    sampler = ItemSampler(counts, 1 / 3)
    items, expected = sampler.draw(60_000)
    assert items.dtype == torch.int64
    np.testing.assert_allclose(expected.numpy(), 60_000 * chances[items.numpy()], rtol=1e-5)
    found = np.bincount(items.numpy(), minlength=5) / 60_000
    assert (abs(found - chances) < 4 * np.sqrt(chances / 60_000)).all()
    even, _ = ItemSampler(counts, 0.0).draw(60_000)
    assert abs(np.bincount(even.numpy()) / 60_000 - 0.2).max() < 0.01


# What is learned from


def task_of(
    folder: Path,
    rows: Sequence[Row],
    valid: Sequence[Row] = (),
    names: Sequence[str] = NAMES,
    model: CandidatesConfig = SMALL,
    min_count: int = 1,
    **settings: Any,
) -> WatchTask:
    log = write_log(folder / "w.tsv", names, rows)
    later = [str(write_log(folder / "v.tsv", names, valid))] if valid else []
    columns = WatchColumns(timestamp=names[2])
    given = WatchInput([str(log)], columns, min_count, later)
    config = CandidatesTrainConfig(**{"threads": 1, "batch_size": 32, "epochs": 2, **settings})
    return build_watch_task(given, lambda _, __: (model, config), BadRows(), lambda _: None)


def past(task: WatchTask, place: int) -> list[str]:
    """Return what an example is predicted from, by ids, the newest first."""
    [row] = task.moments(np.array([place])).history
    return [task.catalogue.items[i - 1] for i in row if i]


def target(task: WatchTask, place: int) -> str:
    return task.catalogue.items[task.watches.item[place]]


def test_every_watch_but_the_first_is_an_example_of_what_came_before_it_alone(
    tmp_path: Path,
) -> None:
    rows = [("u", item, time) for time, item in enumerate("abcadbe")] + [("v", "a", 3)]
    task = task_of(tmp_path, rows[::-1], valid_share=0.0)
    found = [(target(task, p), past(task, p)) for p in task.train]
    whole = "abcadbe"
    assert found == [(whole[k], [*whole[max(0, k - 5) : k]][::-1]) for k in range(1, 7)]
    assert not len(task.valid)


def test_the_last_watches_are_validated_on_and_never_seen_in_training(tmp_path: Path) -> None:
    rows: list[Row] = []
    for user in range(12):
        rows += [(f"u{user}", f"i{(user + k) % 6}", k) for k in range(5)]
        rows.append((f"u{user}", f"end{user % 2}", 9))
    # So that the ends are items that the catalogue has.
    rows += [(f"w{k}", item, k) for k in range(2) for item in (f"end{k}", "i0")]
    task = task_of(tmp_path, rows, valid_share=0.3)
    assert {target(task, p) for p in task.valid} == {"end0", "end1"} and len(task.valid) == 12
    assert not set(task.train) & set(task.valid)
    for p in task.train:
        if task.watches.users[task.watches.user[p]].startswith("u"):
            assert not {"end0", "end1"} & {target(task, p), *past(task, p)}
    assert all(len(past(task, p)) == 5 for p in task.valid)
    counts = dict(zip(task.catalogue.items, task.catalogue.counts.tolist(), strict=True))
    assert counts["end0"] == counts["end1"] == 1 and counts["i0"] == 12


def test_nothing_after_the_moment_is_trained_on_when_validation_is_on_what_follows_it(
    tmp_path: Path,
) -> None:
    rows = random_watches(10, 8, 300)
    task = task_of(tmp_path, rows, split="time", valid_share=0.25)
    assert task.watches.time is not None
    moment = np.quantile([float(t) for *_, t in rows], 0.75)
    assert (task.watches.time[task.train] <= moment).all() and len(task.train) > 100
    assert (task.watches.time[task.valid] > moment).all() and len(task.valid) > 40
    assert task.newest <= moment and task.catalogue.counts.sum() == sum(
        float(t) <= moment for *_, t in rows
    )
    first = task.watches.time.min()
    ages = task.moments(task.train).age
    expected = (task.newest - task.watches.time[task.train]) / (task.newest - first)
    np.testing.assert_allclose(ages, expected, rtol=1e-5)
    assert not task.moments(task.valid).age.any()


def test_a_file_to_validate_on_follows_the_other_and_is_not_trained_on(tmp_path: Path) -> None:
    rows = [("u", "a", 1), ("u", "b", 2), ("v", "b", 1), ("v", "a", 2), ("v", "c", 3)]
    later = [("u", "c", 3), ("u", "a", 4), ("u", "new", 5), ("w", "a", 1), ("w", "b", 2)]
    task = task_of(tmp_path, rows, later)
    assert [(target(task, p), past(task, p)) for p in task.train] == [
        *(("b", ["a"]), ("a", ["b"]), ("c", ["a", "b"]))
    ]
    # A new item is none to choose from; who is new is predicted from what is new.
    assert [(target(task, p), past(task, p)) for p in task.valid] == [
        *(("c", ["b", "a"]), ("a", ["c", "b", "a"]), ("b", ["a"]))
    ]
    assert task.valid_digest and "new" not in task.catalogue.items


def test_rare_items_are_left_out_everywhere(tmp_path: Path) -> None:
    rows: list[Row] = [(f"u{user}", "abcd"[k], k) for user in range(8) for k in range(4)]
    rows += [("u3", "rare", 1), ("u5", "rarer", 9), ("u6", "rare", 9)]
    task = task_of(tmp_path, rows, min_count=3, valid_share=0.2)
    assert sorted(task.catalogue.items) == ["a", "b", "c", "d"]
    assert (task.watches.item >= 0).all() and len(task.watches) == 32
    for p in [*task.train, *task.valid]:
        before = "abcd"[: "abcd".index(target(task, p))]
        assert past(task, p) == [*before][::-1]
    # Who watched something rare last is not validated on: nobody can be asked for it.
    assert len(task.valid) >= 5 and {target(task, p) for p in task.valid} == {"d"}


@pytest.mark.parametrize("cap", [1, 3])
def test_every_user_has_as_many_examples_in_an_epoch_as_the_cap_says(
    tmp_path: Path, cap: int
) -> None:
    rows = [(f"u{user}", f"i{k % 7}", k) for user in range(9) for k in range(2 + 3 * user)]
    task = task_of(tmp_path, rows, user_cap=cap, valid_share=0.0, batch_size=4)
    order = order_of(task)
    epochs = []
    for epoch in range(6):
        steps = range(epoch * order.steps, (epoch + 1) * order.steps)
        places = np.concatenate([order.batch(step) for step in steps])
        assert len(set(places.tolist())) == len(places) and set(places) <= set(task.train)
        users = Counter(task.watches.user[places].tolist())
        assert users == {user: min(cap, 1 + 3 * user) for user in range(9)}
        epochs.append(frozenset(places.tolist()))
    assert len(set(epochs)) > 1 and len(frozenset.union(*epochs)) > len(epochs[0]) * 1.5
    whole = order_of(replace(task, config=replace(task.config, user_cap=0)))
    taken = np.concatenate([whole.batch(step) for step in range(whole.steps)])
    assert sorted(taken.tolist()) == task.train.tolist()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("a", "x", 1), ("b", "y", 2)], "no user has two watches"),
        ([], "no rows"),
    ],
)
def test_a_log_without_anything_to_learn_from_is_one_line(
    dssm: Dssm, tmp_path: Path, rows: list[Row], said: str
) -> None:
    log = write_log(tmp_path / "w.tsv", NAMES, rows)
    done = dssm("train-rec", "youtube-candidates", log, "-o", tmp_path / "r", "-q")
    assert done.code == 3 and said in done.err and done.err.count("\n") == 1, done
    assert not (tmp_path / "r").exists()


# What is learned


def trained(folder: Path, rows: Sequence[Row], *more: str, names: Sequence[str] = NAMES) -> Path:
    log = write_log(folder / "w.tsv", names, rows)
    options = [*SMALL_WATCHES, *more, "-o", folder / "run"]
    done = run("train-rec", "youtube-candidates", log, *options)
    said = "Warning: nothing to validate on: the last weights are kept.\n"
    assert (done.code, done.out, done.err) == (0, "", said if "--valid-share" in more else "")
    return folder / "run"


PLAIN = ("--dropout", "0", "--input-dropout", "0", "--watch-dropout", "0", "--valid-share", "0")


def recommended(model: Path, histories: dict[str, str], *more: str) -> dict[str, list[str]]:
    table = "".join(f"{user}\t{history}\n" for user, history in histories.items())
    done = run("recommend", "-m", model, "-q", *more, stdin=f"user\thistory\n{table}".encode())
    assert (done.code, done.err) == (0, "")
    return read_recommended(done.out)


@pytest.mark.parametrize("more", [(), ("--softmax", "sampled", "--negatives", "20")])
def test_who_watches_even_items_alone_is_recommended_even_items_alone(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    random = np.random.default_rng(2)
    rows: list[Row] = []
    for user in range(120):
        own = random.choice(20, size=8, replace=False) * 2 + user % 2
        rows += [(f"u{user}", f"i{item}", k) for k, item in enumerate(own)]
    model = trained(tmp_path, rows, "--epochs", "20", *PLAIN, *more)
    told = {"even": "i2 i30 i8", "odd": "i1 i17 i39"}
    for user, items in recommended(model, told, "-k", "12").items():
        assert len(items) == 12
        assert {int(item[1:]) % 2 for item in items} == {int(user == "odd")}


RING = 25


@pytest.mark.parametrize("more", [("--pools", "1"), ("--last", "0"), ("--gamma", "0")])
def test_what_always_follows_is_recommended_first(tmp_path: Path, more: tuple[str, ...]) -> None:
    model = trained(tmp_path, watches_in_a_ring(150, RING, 8), "--epochs", "16", *more)
    told = {f"u{i}": f"i{(i - 2) % RING} i{(i - 1) % RING} i{i}" for i in range(RING)}
    found = recommended(model, told, "-k", "1", "--keep-seen")
    right = [items == [f"i{(int(user[1:]) + 1) % RING}"] for user, items in found.items()]
    assert len(right) == RING and np.mean(right) >= 0.96
    assert history_of(model)[-1]["hr@10"] > 0.99


def test_a_mean_of_watches_does_not_know_what_came_last(tmp_path: Path) -> None:
    mean = ("--pooling", "mean", "--last", "0", "--no-echo")
    model = trained(tmp_path, watches_in_a_ring(60, RING, 8), "--epochs", "2", *mean)
    told = {"a": "i1 i2 i3", "b": "i3 i2 i1"}
    found = recommended(model, told, "-k", "9")
    assert found["a"] == found["b"]


@pytest.mark.parametrize("age", [True, False])
def test_with_the_age_of_examples_what_is_popular_now_comes_first(
    tmp_path: Path, age: bool
) -> None:
    random = np.random.default_rng(5)
    rows: list[Row] = []
    for user in range(250):
        for time in random.random(10):
            item = random.integers(10) + 10 * (time >= 0.9)
            rows.append((f"u{user}", f"i{item}", f"{time:.4f}"))
    option = "--example-age" if age else "--no-example-age"
    model = trained(tmp_path, rows, "--epochs", "8", "--learning-rate", "0.02", *PLAIN, option)
    told = {f"u{k}": " ".join(f"i{i}" for i in random.integers(0, 10, 6)) for k in range(20)}
    found = recommended(model, told, "-k", "5", "--keep-seen")
    now = np.mean([int(item[1:]) >= 10 for items in found.values() for item in items])
    assert now > 0.95 if age else now < 0.5


def test_searches_and_context_are_learned_from(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    rows: list[Row] = []
    for user in range(150):
        for k in range(6):
            search, device = random.integers(4), random.integers(2)
            item = f"i{search}{device}"
            rows.append((f"u{user}", item, k, ["红色", "bag", "shoe size", "猫"][search], device))
    names = (*NAMES, "said", "device")
    more = ("--search", "said", "--context", "device", "--searches", "2", "--epochs", "15")
    # A user's last two tokens are of the watch that is to come, or one of them is of that before.
    model = trained(tmp_path, rows, *more, names=names)
    lines = [
        '{"user": "a", "history": ["i00"], "searches": ["红色"], "device": 1}',
        '{"user": "b", "history": ["i00"], "searches": ["shoe size"], "device": "0"}',
    ]
    done = run("recommend", "-m", model, "-k", "1", "--keep-seen", stdin="\n".join(lines).encode())
    assert read_recommended(done.out) == {"a": ["i01"], "b": ["i20"]}


# Runs


OPTIONS = ("--epochs", "3", "--user-cap", "9", "--example-age", "--eval-steps", "4")


def test_two_runs_with_one_seed_are_byte_equal_and_another_seed_differs(
    dssm: Dssm, tmp_path: Path
) -> None:
    log = write_log(tmp_path / "w.tsv", NAMES, random_watches(30, 20, 400))
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        options = [*SMALL_WATCHES, *OPTIONS, "--seed", seed, "-o", tmp_path / name]
        assert dssm("train-rec", "youtube-candidates", log, *options).code == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    weights = "weights.safetensors"
    assert contents(tmp_path / "a")[weights] != contents(tmp_path / "c")[weights]
    assert sorted(contents(tmp_path / "a")) == [
        *("MANIFEST.json", "catalogue.json", "config.json", "features.json"),
        *("fingerprint.safetensors", "metrics.jsonl", weights),
    ]


SPARSE = ("--softmax", "sampled", "--negatives", "10", "--no-echo", "--pools", "2")


@pytest.mark.parametrize("sparse", [(), SPARSE, ("--softmax", "sampled", "--optimizer", "sgd")])
def test_a_resumed_training_ends_byte_equal_to_one_never_interrupted(
    dssm: Dssm, tmp_path: Path, sparse: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    if sparse:
        monkeypatch.setattr(youtube_config, "SPARSE_NUMBERS", 100)
        monkeypatch.setattr(youtube, "_DENSE_ROWS", 0)
    log = write_log(tmp_path / "w.tsv", NAMES, random_watches(30, 20, 400))
    command = ["train-rec", "youtube-candidates", log, *SMALL_WATCHES, *OPTIONS, *sparse]
    command += ["--epochs", "4", "--patience", "9"]
    assert dssm(*command, "-o", tmp_path / "whole").code == 0
    stop_after_saves(monkeypatch, 1, 3)
    assert dssm(*command, "-o", tmp_path / "cut").code == 130
    assert not (tmp_path / "cut").exists()
    other = dssm(*command, "--history", "3", "-o", tmp_path / "cut", "--resume")
    assert other.code == 2 and "--history was" in other.err and other.err.count("\n") == 1, other
    assert dssm(*command, "-o", tmp_path / "cut", "--resume").code == 130
    assert dssm(*command, "-o", tmp_path / "cut", "--resume").code == 0
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    assert config_of(tmp_path / "cut")["train"]["averaging"] == (0.0 if sparse else 0.995)


def first_step(task: WatchTask) -> tuple[dict[str, Tensor], dict[str, Tensor], set[int]]:
    """Return the weights before and after a step, and the items that it took examples of."""
    state = new_state(task)
    before = {name: weight.clone() for name, weight in state.weights().items()}
    step = next(train_candidates(task, state))
    assert isinstance(step, Step)
    places = order_of(task).batch(0)
    used = task.moments(places).history
    return before, state.weights(), {*used.flatten().tolist()} - {0}


@pytest.mark.parametrize("echo", [False, True])
def test_a_sparse_step_changes_the_rows_it_used_alone(
    tmp_path: Path, echo: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(youtube_config, "SPARSE_NUMBERS", 100)
    monkeypatch.setattr(youtube, "_DENSE_ROWS", 0)
    settings = {"softmax": "sampled", "negatives": 5, "batch_size": 8, "watch_dropout": 0.0}
    model = replace(SMALL, echo=echo)
    rows = [(f"u{u}", f"i{(7 * u + k) % 200}", k) for u in range(200) for k in range(4)]
    task = task_of(tmp_path, rows, model=model, **settings)
    before, after, watched = first_step(task)
    changed = {
        name: set(np.flatnonzero((before[name] != after[name]).any(dim=1).numpy()).tolist())
        for name in ("items", "targets")
    }
    assert changed["items"] == watched
    targets = {int(task.watches.item[p]) for p in order_of(task).batch(0)}
    heard = {i - 1 for i in watched} if echo else set()
    assert targets <= changed["targets"] <= {*range(200)}
    assert len(changed["targets"] - targets - heard) <= 5


def test_few_search_tokens_beside_many_items_are_learned_too(
    dssm: Dssm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The items' tables are changed row by row, that of the tokens is small enough for a product.
    monkeypatch.setattr(youtube_config, "SPARSE_NUMBERS", 100)
    monkeypatch.setattr(youtube, "_DENSE_ROWS", 10)
    rows = [(*row, "red bag") for row in random_watches(30, 40, 300)]
    log = write_log(tmp_path / "w.tsv", (*NAMES, "said"), rows)
    options = [*SMALL_WATCHES, "--epochs", "1", "--search", "said", "--softmax", "sampled"]
    options += ["-o", tmp_path / "r"]
    done = dssm("train-rec", "youtube-candidates", log, *options)
    assert (done.code, done.err) == (0, "")


def test_few_but_wide_items_have_a_full_softmax_all_the_same(
    dssm: Dssm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(youtube_config, "SPARSE_NUMBERS", 100)
    log = write_log(tmp_path / "w.tsv", NAMES, random_watches(30, 40, 300))
    options = [*SMALL_WATCHES, "--epochs", "1", "-o", tmp_path / "r"]
    done = dssm("train-rec", "youtube-candidates", log, *options)
    assert (done.code, done.err) == (0, "")


def test_the_best_weights_are_kept_not_the_last(dssm: Dssm, tmp_path: Path) -> None:
    log = write_log(tmp_path / "w.tsv", NAMES, random_watches(40, 30, 500))
    rough = ("--learning-rate", "0.1", "--decay", "none", "--averaging", "0", "--patience", "3")
    options = [*SMALL_WATCHES, *rough, "--epochs", "30", "-o", tmp_path / "r"]
    assert dssm("train-rec", "youtube-candidates", log, *options).code == 0
    history = history_of(tmp_path / "r")
    scores = [line["ndcg"] for line in history]
    assert len(history) < 30 and max(scores) not in scores[-3:]
    last_best = max(i for i, line in enumerate(history) if line["best"])
    assert scores[last_best] == max(scores) and last_best == len(history) - 4
    assert config_of(tmp_path / "r")["validation"]["step"] == history[last_best]["step"]


def test_the_paper_s_preset_is_the_paper_s_model(dssm: Dssm, tmp_path: Path) -> None:
    log = write_log(tmp_path / "w.tsv", NAMES, watches_in_a_ring(10, 8, 5))
    options = ["--preset", "paper", "--units", "16,8", "--embedding", "4", "--threads", "1", "-q"]
    options += ["--epochs", "1", "--dim", "8", "-o", tmp_path / "r"]
    assert dssm("train-rec", "youtube-candidates", log, *options).code == 0
    model = config_of(tmp_path / "r")["model"]
    wanted = {"pooling": "mean", "last": 0, "linear": False, "gamma": 0.0, "example_age": True}
    assert wanted.items() <= model.items() and model["units"] == [16, 8]
    loaded = load_candidates(tmp_path / "r")
    assert loaded.scale == 1.0 and loaded.vectors.shape == (8, 8)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--pooling", "mean", "--pools", "3"), "--pools is 3, expected 1"),
        (("--history", "0"), "--history is 0"),
        (("--last", "60"), "--last is 60"),
        (("--example-age",), "--timestamp COLUMN"),
        (("--split", "time"), "--timestamp COLUMN"),
        (("--user", "whom"), 'no column "whom"'),
        (("--min-count", "9"), "--min-count"),
    ],
)
def test_what_cannot_be_is_one_line(
    dssm: Dssm, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    log = write_log(tmp_path / "w.tsv", NAMES[:2], [("a", "x"), ("a", "y"), ("b", "x")])
    done = dssm("train-rec", "youtube-candidates", log, *options, "-o", tmp_path / "r", "-q")
    assert done.code in (2, 3) and said in done.err and done.err.count("\n") == 1, done
    assert not (tmp_path / "r").exists()
