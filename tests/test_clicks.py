"""Click logs: impressions, titles shown and not clicked, recurring pairs, caps, negatives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TOWER, Dssm

from dssmcli.config import LossConfig
from dssmcli.data.batching import Batches, Titles, epoch_rows
from dssmcli.data.clicks import added_up
from dssmcli.data.pairs import Pairs, positive_rows, read_pairs
from dssmcli.data.rows import RowReader
from dssmcli.data.tsv import BadRows
from dssmcli.models.losses import softmax_loss
from dssmcli.training.validation import judge_of


def clicks_of(rows: list[tuple[int, int, float, float]], shown: bool = True) -> Pairs:
    """Return pairs of (query, title, clicks, impressions), texts by number."""
    query, title, clicks, impressions = (np.array(each) for each in zip(*rows, strict=True))
    texts = int(max(query.max(), title.max())) + 1
    times = impressions.astype(float) if shown else None
    return Pairs(texts, query, title, clicks.astype(float), "clicks", "", times)


def test_impressions_are_kept_by_rows_and_by_columns(tmp_path: Path) -> None:
    rows = [(f"q{i}", f"t{i}", i % 3, i % 3 + 1 + i) for i in range(9)]
    head = "query\ttitle\tclicks\timpressions\n"
    file = tmp_path / "p.tsv"
    file.write_text(head + "".join("\t".join(map(str, row)) + "\n" for row in rows))
    pairs = read_pairs([str(file)], None, None, BadRows())
    assert pairs.impressions is not None
    assert pairs.impressions.tolist() == [row[3] for row in rows]
    assert [row.impressions for row in RowReader().read([str(file)])] == [row[3] for row in rows]
    chosen = pairs.rows(pairs.value == 2)
    assert chosen.impressions is not None and chosen.impressions.tolist() == [5, 8, 11]
    named = read_pairs([str(file)], "query,title,clicks,-", None, BadRows())
    assert named.impressions is None


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a\tb\t3\t2", "3 clicks of 2 impressions"),
        ("a\tb\t-1\t2", "value is"),
        ("a\tb\t1\t-2", "impressions is"),
        ("a\tb\t1\tmany", "impressions is"),
        ("a\tb\t0\t0", "never shown"),
    ],
)
def test_counts_that_cannot_be_are_one_line_at_their_place(
    dssm: Dssm, tmp_path: Path, row: str, said: str
) -> None:
    file = tmp_path / "p.tsv"
    file.write_text("query\ttitle\tclicks\timpressions\na\tc\t1\t1\n" + row + "\n")
    result = dssm("train", file, "-o", tmp_path / "r")
    assert result.code == 3 and f"p.tsv:3{':' if 'is' in said else ''}" in result.err
    assert said in result.err and result.err.count("\n") == 1
    skipped = BadRows(skip=True)
    assert len(read_pairs([str(file)], None, None, skipped)) == 1 and skipped.count == 1


def test_more_than_impressions_is_wrong_for_clicks_only(tmp_path: Path) -> None:
    file = tmp_path / "p.tsv"
    file.write_text("a\tb\t5\t2\nc\td\t1\t2\n")
    pairs = read_pairs([str(file)], None, "grade", BadRows())
    assert pairs.value.tolist() == [5, 1]


def test_clicks_of_a_pair_add_up_and_one_click_makes_it_a_match() -> None:
    rows = [(0, 5, 2, 3), (0, 6, 0, 4), (1, 5, 1, 1), (0, 6, 1, 2), (0, 5, 3, 9), (1, 7, 0, 1)]
    once = added_up(clicks_of(rows))
    assert once.query.tolist() == [0, 0, 1, 1] and once.title.tolist() == [5, 6, 5, 7]
    assert once.value.tolist() == [5, 1, 1, 0]
    assert once.impressions is not None and once.impressions.tolist() == [12, 6, 1, 1]
    single = clicks_of(rows[:3])
    assert added_up(single) is single


def test_rows_of_one_pair_train_like_their_sum(dssm: Dssm, tmp_path: Path) -> None:
    rows = [(f"w{i % 7} x", f"t{i % 5} y", 1 + i % 3) for i in range(35)]
    whole = "".join(f"{q}\t{t}\t{2 * c}\n" for q, t, c in rows)
    parts = "".join(f"{q}\t{t}\t{c}\n" for q, t, c in rows)
    found = []
    for name, content in (("whole", whole), ("parts", parts + parts)):
        (tmp_path / name).write_text(content)
        options = ["--value", "clicks", "--epochs", "1", "--threads", "1", "--arch", "dnn"]
        made = dssm("train", tmp_path / name, *options, *TOWER["dnn"], "-o", tmp_path / f"r-{name}")
        assert made.code == 0, made.err
        assert ("are added up: 35 pairs" in made.err) == (name == "parts")
        found.append((tmp_path / f"r-{name}" / "weights.safetensors").read_bytes())
    assert found[0] == found[1]


def batch_of(rows: list[tuple[int, int, float, float]], loss: LossConfig, shown: bool = True):
    pairs = clicks_of(rows, shown)
    batches = Batches(pairs, positive_rows(pairs, 0.0), loss, len(rows), seed=1)
    batch = batches.batch(0)
    weights = np.ones(batch.allowed.shape)
    if batch.log_weight is not None:
        weights = np.exp(batch.log_weight)
    return pairs, batch, np.where(batch.allowed, weights, 0.0)


ROWS = [(0, 10, 3, 5), (0, 11, 0, 1), (0, 12, 0, 3), (1, 11, 1, 1), (1, 10, 0, 7), (0, 13, 1, 1)]


def test_unclicked_titles_weigh_what_they_should_and_matches_nothing() -> None:
    loss = LossConfig(random_negatives=0, unclicked_weight=0.5)
    pairs, batch, weights = batch_of(ROWS, loss, shown=False)
    assert batch.candidates.tolist() == [10, 11, 12, 13]
    for place, row in enumerate(batch.rows):
        expected = {0: [0, 0.5, 0.5, 0], 1: [0.5, 0, 1, 1]}[int(pairs.query[row])]
        assert weights[place].tolist() == pytest.approx(expected)


def test_unclicked_titles_weigh_the_more_the_more_often_a_match_would_have_been_clicked() -> None:
    loss = LossConfig(random_negatives=0, unclicked_weight=3.0)
    pairs, batch, weights = batch_of(ROWS, loss)
    unclicked = 2 / 7  # of the impressions of clicked titles
    once, thrice, often = (3 * (1 - unclicked**times) for times in (1, 3, 7))
    for place, row in enumerate(batch.rows):
        expected = {0: [0, once, thrice, 0], 1: [often, 0, 1, 1]}[int(pairs.query[row])]
        assert weights[place].tolist() == pytest.approx(expected, rel=1e-5)


def test_unclicked_titles_of_weight_zero_are_no_candidates() -> None:
    _, batch, weights = batch_of(ROWS, LossConfig(random_negatives=0, unclicked_weight=0.0))
    assert sorted(weights.sum(axis=1).tolist()) == [0, 0, 0, 0, 2, 2]
    assert batch.masked.sum() == 7  # matches alone are counted as masked


def test_a_negative_of_weight_three_counts_as_three_negatives() -> None:
    cosines = torch.tensor([[0.5, 0.2, -0.1]])
    thrice = torch.tensor([[0.5, 0.2, 0.2, 0.2, -0.1]])
    log_weight = torch.tensor([[5.0, float(np.log(3)), 0.0]])  # of the clicked one: not used
    one, clicked = torch.ones(1), torch.zeros(1, dtype=torch.long)
    allowed = torch.tensor([[False, True, True]])
    found = softmax_loss(cosines, clicked, allowed, 5.0, one, log_weight=log_weight)
    expected = softmax_loss(thrice, clicked, torch.ones(1, 5, dtype=torch.bool), 5.0, one)
    assert float(found) == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("cap", [1, 3, 100])
def test_an_epoch_has_so_many_matches_of_a_query_and_others_the_next_time(cap: int) -> None:
    rows = [(0, 10 + t, float(t % 2), 9) for t in range(40)] + [(1, 10, 1, 1), (2, 11, 0, 1)]
    pairs = clicks_of(rows)
    positive = positive_rows(pairs, 0.0)
    batches = Batches(pairs, positive, LossConfig(query_cap=cap), 4, seed=3)
    count = 2 * min(cap, 20) + 2
    assert epoch_rows(pairs, positive, cap) == count and batches.per_epoch == -(-count // 4)
    epochs = [
        np.concatenate(
            [batches.batch(e * batches.per_epoch + i).rows for i in range(-(-count // 4))]
        )
        for e in range(60)
    ]
    for rows_of in epochs:
        assert len(set(rows_of)) == len(rows_of) == count
        head = rows_of[pairs.query[rows_of] == 0]
        assert positive[head].sum() == min(cap, 20) == (~positive[head]).sum()
    assert len({tuple(sorted(each)) for each in epochs}) > 1 or cap == 100
    if cap > 1:
        assert set(np.concatenate(epochs)) == set(range(42))  # nothing is left out for ever
    again = Batches(pairs, positive, LossConfig(query_cap=cap), 4, seed=3)
    np.testing.assert_array_equal(again.batch(7).rows, batches.batch(7).rows)


def test_training_takes_as_many_steps_as_a_capped_epoch_has(dssm: Dssm, tmp_path: Path) -> None:
    head = "".join(f"q\tt{i} x\t1\t1\n" for i in range(90))
    tail = "".join(f"p{i}\ts{i}\t1\t2\n" for i in range(30))
    (tmp_path / "p.tsv").write_text("query\ttitle\tclicks\timpressions\n" + head + tail)
    options = ["--query-cap", "10", "--batch-size", "8", "--epochs", "2", "--valid-share", "0"]
    options += ["--arch", "dnn", "--threads", "1", *TOWER["dnn"]]
    made = dssm("train", tmp_path / "p.tsv", *options, "-o", tmp_path / "r")
    assert made.code == 0 and "step 10/10" in made.err
    lines = (tmp_path / "r" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [5, 10]


@pytest.mark.parametrize("in_batch", [True, False])
def test_every_batch_has_random_titles_of_its_own(in_batch: bool) -> None:
    pairs = clicks_of([(n, 1000 + n, 1, 1) for n in range(1000)])
    loss = LossConfig(in_batch=in_batch, random_negatives=8)
    batches = Batches(pairs, np.ones(1000, bool), loss, 2, seed=3)
    drawn = []
    for number in range(4):
        batch = batches.batch(number)
        drawn.append({*batch.candidates.tolist()} - {*pairs.title[batch.rows].tolist()})
        # Without the batch's own titles each row has draws of its own.
        assert 8 >= len(drawn[-1]) > 6 if in_batch else 16 >= len(drawn[-1]) > 13
    shared = sum(len(one & other) for one in drawn for other in drawn if one is not other)
    assert shared < 4


def test_other_titles_clicked_for_a_query_do_not_compete_with_one_in_validation() -> None:
    pairs = clicks_of([(0, 5, 2, 9), (0, 6, 1, 9), (1, 5, 0, 3), (1, 7, 1, 9)])
    judge = judge_of(pairs, 0.0)
    assert judge.metric == "mrr" and judge.pool
    assert judge.query.tolist() == [0, 0, 1] and judge.title.tolist() == [5, 6, 7]
    # The second title of query 0 is behind the first alone; that of query 1 behind one not clicked.
    cosines = np.array([[0.9, 0.8, 0.1], [0.9, 0.8, 0.1], [0.5, 0.2, 0.4]])
    assert judge.score(cosines) == pytest.approx((1 + 1 + 1 / 2) / 3)


@pytest.mark.parametrize(("power", "expected"), [(0.0, 1.0), (1.0, 16.0), (0.75, 8.0)])
def test_random_titles_are_drawn_by_a_power_of_their_frequency(
    power: float, expected: float
) -> None:
    titles = np.repeat([3, 7, 9], [1, 16, 4])
    drawn = Titles(titles, power).draw(np.random.default_rng(0), (20_000, 2))
    counts = np.bincount(drawn.ravel(), minlength=10)
    assert counts.sum() == 40_000 == counts[[3, 7, 9]].sum()
    assert counts[7] / counts[3] == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(
    "option",
    [["--unclicked-weight", ".2"], ["--query-cap", "2"], ["--negative-power", "1"]],
    ids=" ".join,
)
def test_every_setting_of_click_logs_counts(dssm: Dssm, tmp_path: Path, option: list[str]) -> None:
    pairs = [(f"w{i % 7} x", f"t{i if i % 2 else 0} y", i % 3) for i in range(60)]
    rows = "".join(f"{query}\t{title}\t{clicks}\t4\n" for query, title, clicks in pairs)
    (tmp_path / "p.tsv").write_text("query\ttitle\tclicks\timpressions\n" + rows)
    found = []
    for name, more in (("a", []), ("b", option)):
        made = dssm(
            *("train", tmp_path / "p.tsv", "--arch", "dnn", *TOWER["dnn"], "--epochs", "2", "-q"),
            *("--random-negatives", "3", "--batch-size", "8", "--threads", "1", *more),
            *("-o", tmp_path / name),
        )
        assert made.code == 0, made.err
        found.append((tmp_path / name / "weights.safetensors").read_bytes())
    assert found[0] != found[1]
