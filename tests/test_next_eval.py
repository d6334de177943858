"""`dssm eval` of candidate generation: against a plain program, beside popularity and item-kNN."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from conftest import Dssm
from logs import SMALL_WATCHES, Row, random_watches, run, watches_in_a_ring, write_log

from dssmcli import rankings
from dssmcli.serving import baselines
from dssmcli.serving.baselines import item_neighbours, knn_scores
from dssmcli.serving.candidates import load_candidates
from dssmcli.serving.recommender import Recommender

Floats = npt.NDArray[np.float64]
NAMES = ("user", "item", "timestamp")
ITEMS = 30


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a run, its log, and a log that follows it."""
    folder = tmp_path_factory.mktemp("next")
    rows = random_watches(40, ITEMS, 500)
    later = [(user, item, 1000 + time) for user, item, time in random_watches(50, ITEMS, 60, 7)]
    # An item that the run does not know is never found, but tells nobody from anybody.
    later += [("u1", "new", 2000), ("u1", "i1", 2001)]
    found = {
        "log": write_log(folder / "w.tsv", NAMES, rows),
        "later": write_log(folder / "l.tsv", NAMES, later),
        "run": folder / "run",
    }
    options = [*SMALL_WATCHES, "--epochs", "3", "-o", found["run"]]
    done = run("train-rec", "youtube-candidates", found["log"], *options)
    assert (done.code, done.err) == (0, "")
    return found


def rows_of(log: Path) -> list[Row]:
    rows = [line.split("\t") for line in log.read_text().splitlines()[1:]]
    return sorted(rows, key=lambda row: float(row[2]))


Target = tuple[str, list[str], str]


def targets_of(before: list[Row], later: list[Row]) -> list[Target]:
    """Return what is to be found: the user, the items before, the item."""
    past: dict[str, list[str]] = {}
    for user, item, _ in before:
        past.setdefault(user, []).append(item)
    found = []
    for user, item, _ in later:
        if past.get(user):
            found.append((user, [*past[user]], item))
        past.setdefault(user, []).append(item)
    return found


def figures_plainly(scores: dict[str, float], seen: set[str], target: str) -> dict[str, float]:
    """Return the figures of one target among items with scores: the mean over orders of ties."""
    kept = {item: score for item, score in scores.items() if item not in seen}
    if target not in kept:
        return {"hr@10": 0, "ndcg@10": 0, "mrr": 0, "hr@50": 0, "ndcg@50": 0}
    above = sum(score > kept[target] for score in kept.values())
    same = sum(score == kept[target] for score in kept.values())
    ranks = range(above + 1, above + same + 1)
    found = {"mrr": np.mean([1 / rank for rank in ranks])}
    for k in (10, 50):
        found[f"hr@{k}"] = np.mean([rank <= k for rank in ranks])
        found[f"ndcg@{k}"] = np.mean([(rank <= k) / math.log2(1 + rank) for rank in ranks])
    return {name: float(value) for name, value in found.items()}


def expected(targets: list[Target], scores_of: Any) -> dict[str, float]:
    rows: list[dict[str, float]] = []
    for _, history, target in targets:
        scores = scores_of(history)
        row = figures_plainly(scores, set(), target)
        fresh = figures_plainly(scores, set(history), target)
        rows.append({**row, **{f"unseen.{name}": value for name, value in fresh.items()}})
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def said(dssm: Dssm, *words: str | Path) -> list[dict[str, Any]]:
    done = dssm("eval", "--json", "--bootstrap", "0", "-q", *words)
    assert (done.code, done.err) == (0, "")
    return [x for x in map(json.loads, done.out.splitlines()) if "differences" not in x]


def model_scores(made: dict[str, Path]) -> Any:
    recommender = Recommender(load_candidates(made["run"]), keep_seen=True)

    def scores(history: list[str]) -> dict[str, float]:
        known = set(recommender.candidates.catalogue.items)
        [found] = recommender.items_for([[i for i in history if i in known]], ITEMS + 5)
        return dict(found)

    return scores


@pytest.mark.parametrize("history", [True, False])
def test_figures_are_those_of_a_plain_program(
    made: dict[str, Path], dssm: Dssm, history: bool
) -> None:
    log, later = rows_of(made["log"]), rows_of(made["later"])
    if history:
        before, targets = log, targets_of(log, later)
        words = ["--history", made["log"], made["later"]]
    else:
        last = {user: n for n, (user, *_) in enumerate(log)}
        before = [row for n, row in enumerate(log) if n not in last.values()]
        targets = targets_of(before, [log[n] for n in sorted(last.values())])
        words = [made["log"]]
    model, popular, knn = said(dssm, "-m", made["run"], *words)
    assert model["rows"] == len(targets) > 25 and model["kind"] == "watches"
    known = load_candidates(made["run"]).catalogue.items
    got = expected(targets, model_scores(made))
    assert {name: model[name] for name in got} == pytest.approx(got, abs=1e-5)
    counts = Counter(item for _, item, _ in before)
    got = expected(targets, lambda _: {item: float(counts[item]) for item in known})
    assert popular["run"] == "popularity"
    assert {name: popular[name] for name in got} == pytest.approx(got, abs=1e-9)
    decay = float(knn["run"].rpartition(" ")[2])
    likeness = cosines(before, known)

    def scores(history: list[str]) -> dict[str, float]:
        sums = np.zeros(len(known))
        for age, item in enumerate([i for i in history if i in known][::-1]):
            sums += decay**age * likeness[known.index(item)]
        tail = 1 / (max(counts.values()) * len(known) * 1e6)
        return {i: float(s) + counts[i] * tail for i, s in zip(known, sums, strict=True)}

    got = expected(targets, scores)
    assert {name: knn[name] for name in got} == pytest.approx(got, abs=1e-6)


def cosines(rows: list[Row], items: list[str]) -> Floats:
    """Return the cosines (V, V) of items as TF-IDF vectors over users, 0 with themselves."""
    users = sorted({user for user, *_ in rows})
    dense = np.zeros((len(items), len(users)))
    for user, item, _ in rows:
        if item in items:
            dense[items.index(item), users.index(user)] = 1
    own = dense.sum(axis=0)
    dense *= np.maximum(1e-3, np.log(len(items) / (1 + own)))
    lengths = np.linalg.norm(dense, axis=1, keepdims=True)
    found: Floats = (dense @ dense.T) / np.maximum(lengths * lengths.T, 1e-12)
    np.fill_diagonal(found, 0)
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("decay", [0.5, 1.0])
def test_item_knn_is_the_dense_cosine(seed: int, decay: float) -> None:
    rows = sorted(random_watches(25, 15, 90, seed))
    items = sorted({item for _, item, _ in rows} | {"i99"})
    flat = np.array([items.index(item) for _, item, _ in rows])
    starts = np.append(0, np.cumsum(list(Counter(user for user, *_ in rows).values())))
    neighbours = item_neighbours(flat, starts, len(items))
    dense = cosines(rows, items)
    history = np.array([[1, 0, 0], [3, 2, 3], [len(items), 1, 2], [0, 0, 0]])
    found = knn_scores(neighbours, history, decay)
    for row, own in zip(history, found, strict=True):
        sums = sum(decay**age * dense[i - 1] for age, i in enumerate(row) if i)
        np.testing.assert_allclose(own, sums, atol=1e-9)


def test_the_last_watches_of_a_user_with_very_many_make_items_neighbours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(baselines, "LONGEST", 2)
    neighbours = item_neighbours(np.array([0, 1, 2, 3, 4, 2]), np.array([0, 4, 6]), 9)
    near = [set(row[row < 9].tolist()) for row in neighbours.places]
    assert near[:5] == [set(), set(), {3, 4}, {2}, {2}]


def test_an_item_like_the_first_of_all_is_recommended_by_item_knn() -> None:
    neighbours = item_neighbours(np.array([0, 1, 0, 1, 2, 3]), np.array([0, 2, 4, 6]), 5)
    found = knn_scores(neighbours, np.array([[2]]), 1.0)
    np.testing.assert_allclose(found, [[1, 0, 0, 0, 0]])


def test_slices_add_up_to_the_whole(made: dict[str, Path], dssm: Dssm) -> None:
    model, *_ = said(dssm, "-m", made["run"], "--history", made["log"], made["later"])
    known = load_candidates(made["run"]).catalogue.items
    counts = Counter(row[1] for row in rows_of(made["log"]))
    targets = targets_of(rows_of(made["log"]), rows_of(made["later"]))
    depth = {n: v for n, v in model.items() if n.startswith("history_") and ".targets" in n}
    assert sum(depth.values()) == len(targets) and len(depth) > 1
    whole = sum(v * model[n.replace("targets", "hr@10")] for n, v in depth.items())
    assert whole / len(targets) == pytest.approx(model["hr@10"])
    shares = [model.get(f"{name}.targets", 0) for name in ("popular", "middling", "rare")]
    assert sum(shares) == sum(target in known and counts[target] > 0 for *_, target in targets)
    order = sorted(known, key=lambda item: (-counts[item], known.index(item)))
    total = sum(counts[item] for item in known)
    below = dict(zip(order, np.cumsum([0] + [counts[i] for i in order])[:-1] / total, strict=True))
    assert shares[0] == sum(below.get(target, 2) < 0.5 for *_, target in targets)


def test_a_target_that_is_not_known_is_a_miss_and_told(
    made: dict[str, Path], dssm: Dssm, tmp_path: Path
) -> None:
    rows = [("a", "i1", 1), ("a", "gone", 2), ("b", "i2", 1), ("b", "i3", 2)]
    log = write_log(tmp_path / "n.tsv", NAMES, rows)
    done = dssm("eval", "--json", "--bootstrap", "0", "-m", made["run"], log)
    assert " to find are of items that the run does not know: misses." in done.err
    first = json.loads(done.out.splitlines()[0])
    assert first["rows"] == 2 and first["hr@50"] == first["unseen.hr@50"] == 0.5


def test_what_was_seen_is_no_answer_once_it_is_left_out(
    made: dict[str, Path], dssm: Dssm, tmp_path: Path
) -> None:
    rows = [("a", "i1", 10_001), ("a", "i2", 10_002), ("a", "i1", 10_003)]
    model, *_ = said(dssm, "-m", made["run"], write_log(tmp_path / "n.tsv", NAMES, rows))
    assert model["hr@50"] == 1 and model["unseen.hr@50"] == 0


def test_a_world_that_was_learned_is_found_and_popularity_finds_it_by_chance_alone(
    dssm: Dssm, tmp_path: Path
) -> None:
    log = write_log(tmp_path / "w.tsv", NAMES, watches_in_a_ring(100, ITEMS, 7))
    options = [*SMALL_WATCHES, "--epochs", "14", "-o", tmp_path / "r"]
    assert dssm("train-rec", "youtube-candidates", log, *options).code == 0
    later = write_log(tmp_path / "l.tsv", NAMES, watches_in_a_ring(60, ITEMS, 8, seed=9))
    model, popular, knn = said(dssm, "-m", tmp_path / "r", later)
    assert model["mrr"] > 0.95 and model["hr@10"] == 1
    assert popular["hr@10"] < 0.6 and popular["mrr"] < 0.4
    assert popular["mrr"] < knn["unseen.mrr"]


def test_nothing_to_find_is_one_line(made: dict[str, Path], dssm: Dssm, tmp_path: Path) -> None:
    log = write_log(tmp_path / "n.tsv", NAMES, [("a", "i1", 1), ("b", "i2", 1)])
    done = dssm("eval", "-m", made["run"], log)
    assert done.code == 3 and "--history FILE" in done.err and done.err.count("\n") == 1


def test_each_line_is_about_the_file_that_it_names(
    dssm: Dssm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, month in (("h.tsv", 1), ("l.tsv", 2)):
        rows = [
            (f"u{i % 9}", f"i{i * 7 % 5}", f"2024-0{month}-{1 + i // 3:02} 10:00:00")
            for i in range(60)
        ]
        write_log(tmp_path / name, NAMES, rows)
    train = ("train-rec", "youtube-candidates", "h.tsv", *SMALL_WATCHES, "--epochs", "1")
    made = dssm(*(word for word in train if word != "-q"), "-o", "run", "--valid", "l.tsv")
    assert "\nMoments: from 2024-01-01 10:00:00 to 2024-01-20" in "\n" + made.err, made
    assert "\nl.tsv: Moments: from 2024-02-01 10:00:00 to 2024-02-20" in made.err, made
    plot = ("plot", "run", "-o", "p.svg", "--kind", "recall", "--data", "l.tsv")
    for words in (
        ("eval", "-m", "run", "l.tsv", "--history", "h.tsv", "--bootstrap", "0"),
        (*plot, "--history", "h.tsv"),
        ("report", "run", "-o", "r.html", "--data", "l.tsv", "--history", "h.tsv"),
    ):
        done = dssm(*words)
        assert done.code == 0, done
        said = done.err + (Path("r.html").read_text() if words[0] == "report" else "")
        assert "h.tsv: Moments: from 2024-01-01" in said, done
        assert "l.tsv: Moments: from 2024-02-01" in said, done
        assert "l.tsv: Moments: from 2024-01-01" not in said, done


def test_two_runs_are_compared_and_a_run_is_no_better_than_itself(
    made: dict[str, Path], dssm: Dssm
) -> None:
    words = ["-m", made["run"], "-m", made["run"], "--bootstrap", "20", "--json", "-q"]
    done = dssm("eval", *words, "--history", made["log"], made["later"])
    lines = [json.loads(line) for line in done.out.splitlines()]
    differences = [line["differences"] for line in lines if "differences" in line]
    assert done.code == 0 and {d["difference"] for d in differences[0].values()} == {0}
    assert set(differences[0]) >= {"hr@10", "unseen.hr@10", "mrr", "ndcg@50"}


@pytest.mark.parametrize("pool", [1, 7])
def test_figures_of_a_pool_are_means_over_the_orders_of_ties(pool: int) -> None:
    cases = [(h, t) for h in range(pool) for t in range(pool - h)]
    higher, ties = (np.array(each) for each in zip(*cases, strict=True))
    found = rankings.pool_figures(higher, ties, pool, (1, 3, pool))
    for n, (above, same) in enumerate(cases):
        ranks = range(above + 1, above + same + 2)
        assert found.reciprocal_rank[n] == pytest.approx(np.mean([1 / r for r in ranks]))
        for k in (1, 3, pool):
            assert found.recall[k][n] == pytest.approx(np.mean([r <= k for r in ranks]))
            ndcg = np.mean([(r <= k) / math.log2(1 + r) for r in ranks])
            assert found.ndcg[k][n] == pytest.approx(ndcg)
