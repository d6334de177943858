"""The lexical part: its projection, what a cosine with it is, and how its settings are chosen."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import SMALL, TOWER, Dssm, write_pairs

import dssmcli
from dssmcli import metrics
from dssmcli.config import DnnConfig, LossConfig, ModelConfig, TextConfig, model_from_dict, to_dict
from dssmcli.data.pairs import Pairs
from dssmcli.data.tsv import BadRows
from dssmcli.errors import ConfigError, RunError
from dssmcli.models.dssm import Dssm as Model
from dssmcli.models.layers import to_torch
from dssmcli.models.losses import GradeLoss
from dssmcli.presets import settings_of
from dssmcli.serving.lexical import check_lexical
from dssmcli.text.blocks import TextIndex
from dssmcli.text.projection import Projection
from dssmcli.text.tokenizers import Lookup
from dssmcli.text.vocab import Vocabulary
from dssmcli.training import lexical as fitting
from dssmcli.training import text as training_of_text
from dssmcli.training.averaging import WeightAverage
from dssmcli.training.task import PairsInput, TextTask, build_task, default_loss
from dssmcli.training.text import Evaluation, new_state, train_text
from dssmcli.training.validation import row_cosines, validated
from dssmcli.training.worth import Judged, can_be_judged, earned

WORDS = ["red", "old", "big", "hat", "box", "cup", "pen", "jar", "net", "rug", "fan", "oar"]


def test_rows_of_one_group_are_orthogonal_and_of_two_groups_nearly() -> None:
    rows = Projection(64).rows(np.arange(1, 64 * 40 + 1))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, rtol=1e-6)
    cosines = rows @ rows.T
    for group in range(40):
        own = cosines[64 * group : 64 * (group + 1), 64 * group : 64 * (group + 1)]
        np.testing.assert_allclose(own, np.eye(64), atol=1e-6)
    other = cosines[:64, 64:]
    assert abs(other.mean()) < 0.002
    assert other.std() == pytest.approx(1 / 8, rel=0.01)


def test_a_feature_s_row_never_changes() -> None:
    # Runs hold weights that belong to these rows.
    rows = Projection(8).rows(np.array([0, 1, 2, 9, 1000]))
    assert np.sign(rows).astype(int).tolist() == ROWS
    assert not Projection(8).rows(np.array([0])).any()


ROWS = [
    [0, 0, 0, 0, 0, 0, 0, 0],
    [1, 1, 1, 1, 1, 1, 1, 1],
    [1, -1, 1, -1, 1, -1, 1, -1],
    [1, -1, 1, -1, -1, -1, -1, -1],
    [1, -1, -1, 1, 1, -1, 1, -1],
]


def model_of(dims: int = 1024) -> tuple[Model, Lookup]:
    text = TextConfig(tokenizer="word", buckets=1)
    torch.manual_seed(0)
    model = Model(ModelConfig(text, DnnConfig((8,), 4), lexical=dims), 1 + len(WORDS) + 1)
    return model, Lookup.of(text, Vocabulary(WORDS, 1))


def vectors(model: Model, lookup: Lookup, texts: list[str], side: str) -> torch.Tensor:
    index = TextIndex(lookup)
    index.add(texts)
    return model.encode(to_torch(index.block(np.arange(len(texts)))), side).detach()


def cosine(model: Model, lookup: Lookup, query: str, title: str) -> float:
    rows = vectors(model, lookup, [query], "query") @ vectors(model, lookup, [title], "title").T
    return float(rows)


def test_alone_it_is_the_cosine_of_the_weighted_distinct_features() -> None:
    model, lookup = model_of()
    assert model.lexical is not None
    model.set_share(1.0)
    model.lexical.weight[1:4] = torch.tensor([2.0, 1.0, 3.0])  # red, old, big
    expected = (2 * 2 + 3 * 3) / (4 + 1 + 9) ** 0.5 / (4 + 9) ** 0.5
    assert cosine(model, lookup, "red old big", "big red") == pytest.approx(expected, abs=1e-5)
    assert cosine(model, lookup, "red red red old big", "big red red") == pytest.approx(
        expected, abs=1e-5
    )
    assert cosine(model, lookup, "hat", "box cup") == pytest.approx(0, abs=1e-5)


def test_a_cosine_is_the_mix_of_both_parts_by_the_share() -> None:
    model, lookup = model_of()
    found = []
    for share in (0.0, 1.0, 0.3):
        model.set_share(share)
        found.append(cosine(model, lookup, "red hat cup", "pen jar"))
    assert found[2] == pytest.approx(0.7 * found[0] + 0.3 * found[1], abs=1e-5)
    assert abs(found[0] - found[1]) > 0.05


@pytest.mark.parametrize(("power", "longer"), [(0.5, True), (0.0, False)])
def test_a_power_of_length_lets_a_title_that_says_more_score_higher(
    power: float, longer: bool
) -> None:
    model, lookup = model_of()
    assert model.lexical is not None
    model.set_share(1.0)
    model.lexical.powers[1] = power
    model.lexical.lengths.copy_(torch.tensor([1.0, 3.0]))
    # Of one query's word each: 1 / sqrt(2) of two words, 1 / sqrt(4) of four; scaled by the root
    # of sqrt(2) / 3 and of 2 / 3.
    two = cosine(model, lookup, "red", "red hat")
    four = cosine(model, lookup, "red", "red hat box cup")
    assert two == pytest.approx(2**-0.5 * (2**0.5 / 3) ** power, abs=1e-5)
    assert four == pytest.approx(0.5 * (2 / 3) ** power, abs=1e-5)
    ratio = four / two
    assert ratio == pytest.approx(2 ** (-0.5 + power / 2), abs=1e-4)
    assert (ratio > 0.8) == longer
    lengths = vectors(model, lookup, ["red hat", "red", ""], "title").norm(dim=1)
    torch.testing.assert_close(lengths, torch.tensor([1.0, 1.0, 0.0]))


def test_vectors_of_one_side_never_share_the_room_of_the_other() -> None:
    model, lookup = model_of(16)
    assert model.lexical is not None
    model.lexical.powers.copy_(torch.tensor([-1.0, 1.0]))
    model.lexical.lengths.copy_(torch.tensor([0.5, 9.0]))
    query = vectors(model, lookup, WORDS, "query")[:, -2:]
    title = vectors(model, lookup, WORDS, "title")[:, -2:]
    assert (query[:, 0] > 0).all() and not query[:, 1].any()
    assert (title[:, 1] > 0).all() and not title[:, 0].any()


def ranking_log(path: Path, by_length: bool) -> Path:
    """Every title holds its query's word; those with more words match if `by_length`."""
    random = np.random.default_rng(0)
    lines = []
    for _ in range(150):
        word, *others = random.permutation(WORDS)
        for i in range(6):
            extra = random.integers(0, 2) if not by_length else i % 2
            count = 5 if extra else 2
            label = i % 2 if by_length else random.integers(0, 2)
            shared = word if label or by_length else others[-1]
            lines.append(
                f"{word} {others[0]}\t{shared} {' '.join(others[1 : 1 + count])}\t{label}\n"
            )
    path.write_text("".join(lines))
    return path


def task_of(file: Path, **given: object) -> TextTask:
    settings = settings_of({"tokenizer": "word", "threads": 1, **given}, "dnn", "default")
    return build_task(PairsInput([str(file)]), settings, BadRows(), lambda _: None)


@pytest.mark.parametrize("by_length", [True, False])
def test_length_counts_where_the_training_rows_say_so(tmp_path: Path, by_length: bool) -> None:
    lexical = new_state(task_of(ranking_log(tmp_path / "p.tsv", by_length))).model.lexical
    assert lexical is not None
    assert (float(lexical.powers[1]) > 0) == by_length
    assert by_length or lexical.powers.tolist() == [0, 0]
    assert 0 < float(lexical.lengths[0]) < float(lexical.lengths[1])


def test_lengths_do_not_count_where_rows_say_of_no_title_that_it_does_not_match(
    tmp_path: Path,
) -> None:
    # The same rows as clicks: longer titles are clicked, shorter ones shown and not clicked.
    lines = ranking_log(tmp_path / "p.tsv", by_length=True).read_text().splitlines()
    clicks = "".join(f"{line}0\t10\n" for line in lines)  # 10 clicks or 0, of 10 impressions
    (tmp_path / "clicks.tsv").write_text("query\ttitle\tclicks\timpressions\n" + clicks)
    lexical = new_state(task_of(tmp_path / "clicks.tsv")).model.lexical
    assert lexical is not None and lexical.powers.tolist() == [0, 0]


def judged_rows(queries: int, lift: float) -> Judged:
    """Rows of 0 and 1, 4 a query; the cosines with what is in question know a lift of the label."""
    random = np.random.default_rng(3)
    query = np.repeat(np.arange(queries, dtype=np.int32), 4)
    value = np.tile([0.0, 1.0], len(query) // 2)
    pairs = Pairs(99, query, query, value, "label", "")
    without = random.normal(size=len(query)) + value
    return Judged(pairs, without, without + lift * value + random.normal(size=len(query)) / 9)


@pytest.mark.parametrize(
    ("queries", "lift", "right"), [(60, 1.0, True), (60, 0.0, False), (60, -1.0, False)]
)
def test_what_helps_beyond_chance_is_told_from_what_does_not(
    queries: int, lift: float, right: bool
) -> None:
    parts = [judged_rows(queries, lift), judged_rows(queries, lift)]
    assert earned(parts, 1.0) == right


def test_a_rise_on_few_queries_or_on_rows_of_one_value_is_no_proof() -> None:
    assert not earned([judged_rows(1, 3.0)], 1.0)
    rows = judged_rows(60, 1.0)
    clicks = rows.rows.rows(rows.rows.value > 0)
    alone = Judged(clicks, rows.without[::2], rows.with_it[::2])
    assert not can_be_judged(clicks, 1.0) and not earned([alone], 1.0)


@pytest.mark.parametrize(("power", "right"), [(1.0, True), (-1.0, False)])
def test_lengths_count_in_a_run_only_where_that_validates_better(
    tmp_path: Path, power: float, right: bool
) -> None:
    task = task_of(ranking_log(tmp_path / "p.tsv", by_length=True), epochs=1)
    state = new_state(task)
    assert state.model.lexical is not None and task.valid is not None
    state.model.lexical.powers.copy_(torch.tensor([0.0, power]))
    assert validated(task, state.model, task.valid).lengths == right
    first = next(iter(train_text(task, state)))
    assert isinstance(first, Evaluation) and first.best
    assert state.best_weights["lexical.powers"].tolist() == ([0.0, power] if right else [0, 0])
    assert state.model.lexical.powers.tolist() == [0.0, power]  # another evaluation may differ


def test_rare_words_weigh_more_where_the_training_rows_say_so(tmp_path: Path) -> None:
    # The last word of a text is rare and decides; the others are the same for all.
    random = np.random.default_rng(1)
    rare = [f"r{i}" for i in range(60)]
    lines = []
    for i in range(600):
        word, other = random.choice(rare, 2, replace=False)
        common = " ".join(random.permutation(WORDS[:4])[: 2 + i % 2])
        title = word if i % 2 else other
        lines.append(
            f"{common} {word}\t{' '.join(random.permutation(WORDS[:4])[:3])} {title}\t{i % 2}\n"
        )
    (tmp_path / "p.tsv").write_text("".join(lines))
    task = task_of(tmp_path / "p.tsv")
    lexical = new_state(task).model.lexical
    assert lexical is not None
    of = {feature: float(lexical.weight[task.vocabulary.id(feature)]) for feature in ("red", "r7")}
    assert of["r7"] > 1.5 * of["red"]


def length_log(path: Path) -> list[tuple[str, str, int]]:
    """Write rows in which long titles match, and short queries have more matches; return them."""
    random = np.random.default_rng(2)
    rows = []
    for _ in range(120):
        word, *others = random.permutation(WORDS)
        words = [word, *others[: 1 + 2 * random.integers(2)]]
        for _ in range(4):
            label = int(random.random() < (0.7 if len(words) == 2 else 0.3))
            longer = label if random.random() < 0.8 else 1 - label
            extra = random.permutation(WORDS[:4])[: 1 + 2 * longer]
            rows.append((" ".join(words), " ".join((word, *extra)), label))
    path.write_text("".join(f"{query}\t{title}\t{label}\n" for query, title, label in rows))
    return rows


POWERS, IDF_POWERS = (0.0, 0.5, 1.0, -0.5, -1.0), (0.0, 0.5, 1.0)


def plain_scores(rows: list[tuple[str, str, int]]) -> dict[tuple[float, float, float], float]:
    """Return the AUC of cosines of words by the powers of idf and of the lengths of both sides."""
    texts = {text for query, title, _ in rows for text in (query, title)}
    idf = {w: math.log((1 + len(texts)) / (1 + sum(w in t.split() for t in texts))) for w in WORDS}
    labels = np.array([label for *_, label in rows])
    found = {}
    for power in IDF_POWERS:
        square = {word: idf[word] ** (2 * power) for word in WORDS}
        sides = [[{*row[side].split()} for row in rows] for side in (0, 1)]
        norms = [np.sqrt([sum(square[w] for w in words) for words in side]) for side in sides]
        shared = [sum(square[w] for w in one & other) for one, other in zip(*sides, strict=True)]
        cosines = np.array(shared) / norms[0] / norms[1]
        low, high = np.quantile(np.concatenate(norms), [0.01, 0.99])
        scales = [
            {p: np.minimum(1, (norm / (high if p > 0 else low)) ** p) for p in POWERS}
            for norm in norms
        ]
        for of_query, of_title in itertools.product(POWERS, POWERS):
            values = np.round(cosines * scales[0][of_query] * scales[1][of_title], 6)
            found[power, of_query, of_title] = metrics.auc(values, labels > 0)
    return found


def test_the_settings_chosen_are_those_that_do_best_in_a_plain_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fewer than in earnest, for the sake of time.
    monkeypatch.setattr(fitting, "_LENGTH_POWERS", POWERS)
    monkeypatch.setattr(fitting, "_IDF_POWERS", IDF_POWERS)
    rows = length_log(tmp_path / "p.tsv")
    task = task_of(tmp_path / "p.tsv", valid_share=0.0)
    lexical = new_state(task).model.lexical
    assert lexical is not None
    scores = plain_scores(rows)
    idf, *powers = max(scores, key=lambda each: scores[each])
    assert lexical.powers.tolist() == powers and powers[0] < 0 < powers[1]
    # Here the words that are in few texts say no more than the others do.
    weights = lexical.weight[[task.vocabulary.id(word) for word in WORDS]]
    assert idf == 0 and weights.tolist() == [1.0] * len(WORDS)


def test_the_share_that_validates_best_is_so_whatever_it_is_at_the_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_of_text, "fit_lexical", lambda *_: None)
    task = task_of(ranking_log(tmp_path / "p.tsv", by_length=False), hidden=(8,), dim=6)
    model, valid = new_state(task).model, task.valid
    assert model.lexical is not None and valid is not None
    model.lexical.lengths.copy_(torch.tensor([1.0, 3.0]))
    doubt = 0.25 / len(valid) ** 0.5
    for power in (0.0, 0.5):
        best = []
        for powers in ([-power, power], [0.0, 0.0]):
            model.lexical.powers.copy_(torch.tensor(powers))
            scores = []
            for share in np.linspace(0, 1, 21):
                model.set_share(share)
                auc = metrics.auc(row_cosines(task, model, valid), valid.value > 0)
                scores.append((auc - doubt * abs(share - 0.25), auc, share))
            best.append(max(scores))
        lengths = best[0][1] > best[1][1]
        _, auc, share = best[not lengths]
        assert lengths == (power > 0) and 0.3 < share < 1
        model.lexical.powers.copy_(torch.tensor([-power, power]))
        for moment in (0.1, 0.6):
            model.set_share(moment)
            told = validated(task, model, valid)
            assert (told.share, told.score) == pytest.approx((share, auc), abs=1e-6)
            assert told.lengths == lengths


def test_training_keeps_nothing_that_validates_worse_than_the_untrained_start(
    dssm: Dssm, tmp_path: Path
) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 600)
    options = ("--arch", "dnn", *TOWER["dnn"], *SMALL, "--lexical", "256", "-o", tmp_path / "r")
    # So high a rate that the towers forget what they began with.
    made = dssm("train", pairs, *options, "--learning-rate", "300", "--clip-norm", "0")
    assert made.code == 0, made.err
    lines = (tmp_path / "r" / "metrics.jsonl").read_text().splitlines()
    history = [json.loads(line) for line in lines]
    assert history[0]["step"] == 0 and history[0]["loss"] is None
    config = json.loads((tmp_path / "r" / "config.json").read_text())
    assert config["validation"]["auc"] == max(line["auc"] for line in history)
    assert config["validation"]["auc"] >= history[0]["auc"]


def test_a_lexical_part_without_a_share_is_left_out_of_the_run(dssm: Dssm, tmp_path: Path) -> None:
    # No word or character of a query stands in its title.
    pairs = write_pairs(tmp_path / "p.tsv", 3000)
    options = ("--arch", "dnn", *TOWER["dnn"], *SMALL, "--lexical", "256", "--epochs", "8")
    options = (*options, "-o", tmp_path / "r")
    made = dssm("train", pairs, *options)
    assert made.code == 0, made.err
    config = json.loads((tmp_path / "r" / "config.json").read_text())
    share = config["validation"]["share"]
    model = dssmcli.load(tmp_path / "r")
    assert model.dim == (16 if share == 0 else 256 + 16)
    assert config["model"]["lexical"] == (0 if share == 0 else 256)
    assert model.encode(["couch"]).shape == (1, model.dim)


def test_lexical_off_leaves_the_tower_s_vectors(dssm: Dssm, tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 200)
    options = ("--arch", "dnn", *TOWER["dnn"], *SMALL, "--epochs", "1", "-o", tmp_path / "r")
    assert dssm("train", pairs, *options, "--lexical", "off").code == 0
    assert dssmcli.load(tmp_path / "r").dim == 16


@pytest.mark.parametrize("value", ["300", "1", "-2", "none", "8192"])
def test_dimensions_that_cannot_be_are_refused(dssm: Dssm, tmp_path: Path, value: str) -> None:
    made = dssm("train", write_pairs(tmp_path / "p.tsv", 50), "--lexical", value)
    assert made.code == 2 and "expected" in made.err


def test_a_model_config_says_its_lexical_dimensions() -> None:
    config = ModelConfig(lexical=64)
    assert model_from_dict(to_dict(config), "here") == config
    assert config.dim == 64 + 128 + 2 and ModelConfig(lexical=0).dim == 128
    plain = to_dict(config)
    del plain["lexical"]
    with pytest.raises(ConfigError, match="expected text, tower, separate_towers and lexical"):
        model_from_dict(plain, "here")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("share", [2.0]),
        ("share", [-0.1]),
        ("lengths", [0.0, 1.0]),
        ("lengths", [3.0, 1.0]),
        ("powers", [0.0, 1e30]),
        ("weight", [1.0, 0.0]),
        ("weight", [1.0, 1e30]),
    ],
)
def test_a_lexical_part_that_cannot_be_is_a_run_error(name: str, values: list[float]) -> None:
    right: dict[str, list[float]] = {"share": [0.5], "powers": [0, 1], "lengths": [1, 2]}
    right["weight"] = [0.1, 3.0]
    weights = {key: np.array(value, np.float32) for key, value in right.items()}
    check_lexical(weights, "here")
    weights[name] = np.array(values, np.float32)
    with pytest.raises(RunError, match=rf"^here: lexical\.{name} is damaged: expected"):
        check_lexical(weights, "here")


def test_the_loss_of_grades_is_their_squared_error() -> None:
    loss = GradeLoss()
    found = loss(torch.tensor([0.5, 1.0]), torch.tensor([1.0, 0.8]))
    assert float(found.detach()) == pytest.approx((0.25 + 0.04) / 2)


@pytest.mark.parametrize(("queries", "pairs_alone"), [(100, True), (10, False)])
def test_grades_of_lone_pairs_are_learned_by_their_error_and_of_rankings_by_a_softmax(
    queries: int, pairs_alone: bool
) -> None:
    numbers = np.arange(100, dtype=np.int32)
    value = np.linspace(0, 5, 100)
    pairs = Pairs(300, numbers % queries, 200 + numbers, value, "grade", "")
    loss = default_loss(pairs)
    expected = LossConfig(softmax=0.0, regression=10.0) if pairs_alone else LossConfig(logistic=1.0)
    assert loss == expected


def test_an_average_is_the_exponential_mean_of_the_weights() -> None:
    layer = torch.nn.Linear(3, 2)
    average = WeightAverage(layer, 0.9)
    mean = layer.weight.detach().clone()
    for step in range(1, 41):
        with torch.no_grad():
            layer.weight += 0.1
        average.update(step)
        if step % 4 == 0:
            kept = min(0.9, (1 + step) / (10 + step)) ** 4
            mean = kept * mean + (1 - kept) * layer.weight.detach()
    last = layer.weight.detach().clone()
    with average.in_place():
        torch.testing.assert_close(layer.weight.detach(), mean)
    torch.testing.assert_close(layer.weight.detach(), last)
    none = WeightAverage(layer, 0.0)
    none.update(4)
    with none.in_place():
        torch.testing.assert_close(layer.weight.detach(), last)
