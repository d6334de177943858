"""The search for nearest vectors: exact, in lists, and how many lists to look into."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from logs import SMALL_WATCHES, read_recommended, run, watches_in_a_ring, write_log

from dssmcli import neighbours
from dssmcli.neighbours import Found, approximate, build_lists, exact, list_count, recall, tuned

Floats = npt.NDArray[np.float32]


def vectors_of(count: int, width: int = 8, seed: int = 1, unit: bool = True) -> Floats:
    rows = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True) if unit else rows


def in_lists(vectors: Floats) -> tuple[Floats, neighbours.Lists]:
    order, lists = build_lists(vectors, 1)
    return np.ascontiguousarray(vectors[order]), lists


@pytest.mark.parametrize("count", [1, 5, 40, 10_000])
@pytest.mark.parametrize("vectors", [1, 30, 63, 64, 65, 5003])
def test_the_exact_search_is_a_sort_of_all_scores(vectors: int, count: int) -> None:
    rows, queries = vectors_of(vectors), vectors_of(9, seed=2)
    found = exact(rows, queries, count)
    expected = np.argsort(-(queries @ rows.T), axis=1, kind="stable")[:, :count]
    np.testing.assert_array_equal(found.places, expected)
    np.testing.assert_allclose(
        found.scores, np.take_along_axis(queries @ rows.T, expected, 1), atol=1e-6
    )
    assert found.scores.shape == (9, min(vectors, count))


@pytest.mark.parametrize("seed", range(4))
def test_the_exact_search_has_the_best_scores_where_many_are_the_same(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = random.integers(-2, 3, (3000, 3)).astype(np.float32)
    queries = random.integers(-2, 3, (20, 3)).astype(np.float32)
    queries[0] = 0
    scores = queries @ rows.T
    for count in (1, 7, 300):
        found = exact(rows, queries, count)
        np.testing.assert_array_equal(found.scores, -np.sort(-scores, axis=1)[:, :count])
        np.testing.assert_array_equal(np.take_along_axis(scores, found.places, 1), found.scores)
        assert all(len(set(row)) == count for row in found.places.tolist())
        # Of equal scores those that are found are in their order.
        same = found.scores[:, 1:] == found.scores[:, :-1]
        assert (np.diff(found.places, axis=1)[same] > 0).all()


def test_queries_are_searched_in_blocks_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, queries = vectors_of(500), vectors_of(23, seed=2)
    sorted_rows, lists = in_lists(rows)
    lists = lists._replace(probes=4)
    whole = exact(rows, queries, 7), approximate(sorted_rows, lists, queries, 7)
    monkeypatch.setattr(neighbours, "_SCORES_AT_ONCE", 1200)
    monkeypatch.setattr(neighbours, "_VECTORS_AT_ONCE", 7)
    parts = exact(rows, queries, 7), approximate(sorted_rows, lists, queries, 7)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one.places, other.places)
    none = np.zeros((0, 8), np.float32)
    for found in (exact(rows, none, 7), approximate(sorted_rows, lists, none, 7)):
        assert found.scores.shape == found.places.shape == (0, 7)


@pytest.mark.parametrize("count", [1, 2, 3, 100, 1001])
def test_every_vector_lies_in_one_list_the_one_whose_centre_is_nearest(count: int) -> None:
    rows = vectors_of(count)
    order, lists = build_lists(rows, 1)
    assert sorted(order.tolist()) == [*range(count)]
    assert len(lists.centres) == list_count(count) and lists.probes == 1
    assert lists.starts[0] == 0 and lists.starts[-1] == count
    assert (np.diff(lists.starts) >= 0).all() and len(lists.starts) == len(lists.centres) + 1
    nearest = ((rows[:, None] - lists.centres[None]) ** 2).sum(axis=2)
    own = np.repeat(np.arange(len(lists.centres)), np.diff(lists.starts))
    chosen = nearest[order, own]
    np.testing.assert_allclose(chosen, nearest[order].min(axis=1), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(lists.centres, axis=1), 1, atol=1e-4)
    again, same = build_lists(rows, 1)
    assert (again == order).all() and (same.centres == lists.centres).all()


def test_clusters_have_lists_of_their_own() -> None:
    random = np.random.default_rng(0)
    middles = np.eye(10, dtype=np.float32)
    rows = np.repeat(middles, 10, axis=0) + random.normal(0, 0.02, (100, 10)).astype(np.float32)
    sorted_rows, lists = in_lists(rows)
    found = approximate(sorted_rows, lists._replace(probes=2), middles, 5)
    best = exact(sorted_rows, middles, 5)
    assert recall(found, best) > 0.9


def test_with_all_lists_the_approximate_search_finds_all() -> None:
    for unit in (True, False):
        rows, queries = vectors_of(700, unit=unit), vectors_of(30, seed=3, unit=unit)
        sorted_rows, lists = in_lists(rows)
        lists = lists._replace(probes=len(lists.centres))
        for count in (1, 20, 5000):
            found = approximate(sorted_rows, lists, queries, count)
            best = exact(sorted_rows, queries, count)
            np.testing.assert_array_equal(found.places, best.places)
            np.testing.assert_allclose(found.scores, best.scores, rtol=1e-5, atol=1e-6)


def test_few_lists_find_what_lies_in_them_and_tell_where_there_is_no_more() -> None:
    rows, queries = vectors_of(400), vectors_of(15, seed=2)
    sorted_rows, lists = in_lists(rows)
    lists = lists._replace(probes=2)
    found = approximate(sorted_rows, lists, queries, 300)
    for n, query in enumerate(queries):
        chosen = np.argsort(-(lists.centres @ query))[:2]
        spans = [range(lists.starts[c], lists.starts[c + 1]) for c in chosen]
        there = np.array([place for span in spans for place in span])
        order = there[np.argsort(-(sorted_rows[there] @ query), kind="stable")]
        assert found.places[n, : len(order)].tolist() == order.tolist()
        assert np.isneginf(found.scores[n, len(order) :]).all()
        assert np.isfinite(found.scores[n, : len(order)]).all()


def test_recall_is_the_share_of_the_best_that_were_found() -> None:
    best = Found(np.zeros((2, 3), np.float32), np.array([[1, 2, 3], [4, 0, 6]]))
    scores = np.array([[1, 1, -np.inf], [1, 1, 1]], np.float32)
    found = Found(scores, np.array([[3, 9, 1], [6, 4, 1]]))
    # Of the first query the third, place 1, was not found after all.
    assert recall(found, best) == pytest.approx(3 / 6)
    assert recall(best, best) == 1.0


@pytest.mark.parametrize("wanted", [0.3, 0.9, 0.99, 1.0])
def test_tuned_lists_find_what_is_wanted_with_the_fewest_probes(wanted: float) -> None:
    rows, queries = vectors_of(900), vectors_of(60, seed=2)
    sorted_rows, lists = in_lists(rows)
    best = exact(sorted_rows, queries, 20)
    found, share = tuned(sorted_rows, lists, queries, best, wanted, 1 / 16)
    assert share == recall(approximate(sorted_rows, found, queries, 20), best)
    # Eight of these thirty lists are the most that is of use.
    assert len(lists.centres) == 30 and found.probes <= 8
    assert share >= wanted or found.probes == 8
    if found.probes > 1:
        fewer = found._replace(probes=-(-found.probes // 2))
        assert recall(approximate(sorted_rows, fewer, queries, 20), best) < wanted


ITEMS = 60


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return two runs on one log, one with lists and one without."""
    folder = tmp_path_factory.mktemp("lists")
    log = write_log(
        folder / "w.tsv", ("user", "item", "timestamp"), watches_in_a_ring(200, ITEMS, 6)
    )
    found = {"log": log}
    for name, lists in (("lists", "10"), ("plain", "0")):
        found[name] = folder / name
        options = [*SMALL_WATCHES, "--epochs", "8", "--lists-from", lists, "-o", found[name]]
        done = run("train-rec", "youtube-candidates", log, *options)
        assert (done.code, done.err) == (0, "")
    return found


def test_a_run_with_lists_recommends_nearly_the_same_as_one_that_searches_all(
    runs: dict[str, Path],
) -> None:
    history = b"user\thistory\n" + b"".join(b"u%d\ti%d\n" % (i, i) for i in range(ITEMS))
    found = {
        name: read_recommended(run("recommend", "-m", runs[name], "-q", *more, stdin=history).out)
        for name, more in (("lists", ["--exact"]), ("plain", []))
    }
    # The ids are right although items stand in another order.
    assert found["lists"] == found["plain"]
    quick = read_recommended(run("recommend", "-m", runs["lists"], "-q", stdin=history).out)
    assert [*quick] == [*found["plain"]] and all(items for items in quick.values())
    same = [len({*quick[user]} & {*found["plain"][user]}) / 10 for user in quick]
    assert np.mean(same) > 0.85
    first = [quick[f"u{i}"][0] == f"i{(i + 1) % ITEMS}" for i in range(ITEMS)]
    assert np.mean(first) > 0.9


def test_what_is_told_of_the_lists_is_true(runs: dict[str, Path]) -> None:
    from dssmcli.serving.candidates import load_candidates

    loaded, plain = load_candidates(runs["lists"]), load_candidates(runs["plain"])
    assert plain.lists is None and loaded.lists is not None
    told = loaded.config["lists"]
    assert told["probes"] == loaded.lists.probes and 0.95 <= told["recall"] <= 1
    assert loaded.lists.starts[-1] == ITEMS and len(loaded.lists.centres) == list_count(ITEMS)
    assert sorted(loaded.catalogue.items) == sorted(plain.catalogue.items)
    places = {item: place for place, item in enumerate(plain.catalogue.items)}
    order = [places[item] for item in loaded.catalogue.items]
    np.testing.assert_allclose(loaded.vectors, plain.vectors[order], atol=1e-6)
    assert loaded.catalogue.counts.tolist() == plain.catalogue.counts[order].tolist()
    said = run("eval", "-m", runs["lists"], runs["log"], "--bootstrap", "0", "-q", "--json").out
    other = run("eval", "-m", runs["plain"], runs["log"], "--bootstrap", "0", "-q", "--json").out
    assert said.split('"hr@10"')[1][:12] == other.split('"hr@10"')[1][:12]
