"""What a training says of its run is what the run does when it serves: the best weights, whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, TOWER, Dssm, write_pairs
from logs import (
    IMPRESSION_NAMES,
    SMALL_RANKING,
    SMALL_WATCHES,
    Row,
    config_of,
    history_of,
    impressions,
    random_watches,
    write_log,
)
from tables import EXPERTS, SMALL_TABLE, TASKS, world, write_table
from test_run import reseal

import dssmcli
from dssmcli import calibration, metrics
from dssmcli.serving.candidates import load_candidates

# So high a rate that the last weights are not the best, and a mean of weights that is neither.
ROUGH = ("--learning-rate", "0.2", "--decay", "none", "--averaging", "0.5", "--patience", "2")


def recorded(run: Path) -> dict[str, Any]:
    """Return the figures of the weights that a run keeps; they are not the last ones."""
    history = history_of(run)
    assert len(history) > 2 and not history[-1]["best"]
    found: dict[str, Any] = config_of(run)["validation"]
    return found


def test_a_threshold_and_probabilities_are_those_of_the_weights_that_are_kept(
    dssm: Dssm, tmp_path: Path
) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 300)
    valid = write_pairs(tmp_path / "v.tsv", 150, seed=4)
    options = [*SMALL, *TOWER["dnn"], *ROUGH, "--unit-dropout", "0.3", "--lexical", "64"]
    options += ["--separate-towers"]
    options += ["--arch", "dnn", "--epochs", "12", "--valid", valid, "-o", tmp_path / "r"]
    assert dssm("train", pairs, *options).code == 0
    figures, config = recorded(tmp_path / "r"), config_of(tmp_path / "r")
    queries, titles, labels = zip(
        *(line.split("\t") for line in valid.read_text("utf-8").splitlines()), strict=True
    )
    cosines, match = (
        dssmcli.load(tmp_path / "r").score_pairs(queries, titles),
        np.array(labels) == "1",
    )
    assert metrics.auc(cosines, match) == pytest.approx(figures["auc"], abs=1e-4)
    value = metrics.best_threshold(cosines, match)
    assert config["threshold"]["value"] == pytest.approx(value, abs=1e-4)
    accuracy = ((cosines >= config["threshold"]["value"] - 1e-6) == match).mean()
    assert config["threshold"]["accuracy"] == pytest.approx(accuracy, abs=1e-4)
    called = cosines >= config["threshold"]["value"] - 1e-6
    f1 = 2 * (called & match).sum() / (called.sum() + match.sum())
    assert config["threshold"]["f1"] == pytest.approx(f1, abs=1e-4)
    fitted = calibration.fit_calibration(cosines, match)
    told = config["calibration"]
    assert (told["scale"], told["shift"]) == pytest.approx(fitted, rel=1e-3)
    loss = calibration.log_losses(fitted.probability(cosines), match).mean()
    assert told["log_loss"] == pytest.approx(loss, abs=1e-4)


WATCH_NAMES = ("user", "item", "timestamp", "said", "device", "hour")
SAID = ("red bag", "blue bag", "old shoe size", "手机")


def watches(rows: int, first: int, seed: int) -> list[Row]:
    """Return watches with a search before each, and with two columns of context."""
    random = np.random.default_rng(seed)
    return [
        (user, item, first + time, SAID[random.integers(4)], "abc"[random.integers(3)], hour)
        for (user, item, time), hour in zip(
            random_watches(30, 20, rows, seed), random.normal(12, 5, rows).round(3), strict=True
        )
    ]


def test_watches_are_found_in_serving_and_by_eval_as_often_as_in_validation(
    dssm: Dssm, tmp_path: Path
) -> None:
    # All items and users are met in training: the history of none begins with the second log.
    before, after = watches(500, 0, 1), watches(40, 1000, 7)
    known = [{row[k] for row in before} for k in (0, 1)]
    after = [row for row in after if row[0] in known[0] and row[1] in known[1]]
    log = write_log(tmp_path / "w.tsv", WATCH_NAMES, before)
    later = write_log(tmp_path / "l.tsv", WATCH_NAMES, after)
    options = [*SMALL_WATCHES, *ROUGH, "--epochs", "12", "--searches", "2", "--search", "said"]
    options += ["--context", "device", "--context", "hour", "--example-age", "--history", "4"]
    options += ["--watch-dropout", "0.3", "--echo", "--seen", "3", "--lists-from", "5"]
    options += ["--valid", later, "-o", tmp_path / "r"]
    done = dssm("train-rec", "youtube-candidates", log, *options)
    assert (done.code, done.err) == (0, "")
    figures = recorded(tmp_path / "r")
    # The same logs user by user, so that words of searches are met in another order.
    for file, rows in ((log, before), (later, after)):
        write_log(file, WATCH_NAMES, sorted(rows, key=lambda row: str(row[0])))
    words = ("--json", "--bootstrap", "0", "-q", "--history", log, later)
    done = dssm("eval", "-m", tmp_path / "r", *words)
    said = json.loads(done.out.splitlines()[0])
    assert said["rows"] == len(after) > 20
    for name in ("hr@10", "hr@50"):
        assert said[name] == pytest.approx(figures[name], abs=1e-6)
    assert said["ndcg@50"] == pytest.approx(figures["ndcg"], abs=1e-6)  # there are 20 items
    # The same once more, a line for each watch to find, with what was known just before it.
    ordered = sorted([*before, *after], key=lambda row: row[2])
    lines, targets = [], []
    for place, row in enumerate(ordered):
        if row[2] < 1000:
            continue
        past = [each for each in ordered[:place] if each[0] == row[0]]
        told = {"device": row[4], "hour": row[5], "searches": [each[3] for each in [*past, row]]}
        lines.append({"user": str(place), "history": [each[1] for each in past], **told})
        targets.append(row[1])
    stdin = "\n".join(map(json.dumps, lines)).encode()
    words = ("-q", "-m", tmp_path / "r", "--keep-seen", "-k", "99", "--exact")
    done = dssm("recommend", *words, stdin=stdin)
    found: dict[str, list[str]] = {}
    for line in done.out.splitlines()[1:]:
        user, _, item, _ = line.split("\t")
        found.setdefault(user, []).append(item)
    ranks = np.array([own.index(item) for own, item in zip(found.values(), targets, strict=True)])
    assert (1 / np.log2(2 + ranks)).mean() == pytest.approx(figures["ndcg"], abs=1e-6)
    assert (ranks < 10).mean() == pytest.approx(figures["hr@10"], abs=1e-6)
    assert 0 < figures["hr@10"] < 1 and len(set(ranks.tolist())) > 5
    # Each item lies in the list whose centre is nearest to the vector that is kept.
    model = load_candidates(tmp_path / "r")
    assert model.lists is not None and len(model.lists.centres) == 4
    apart = ((model.vectors[:, None] - model.lists.centres[None]) ** 2).sum(axis=2)
    of_list = np.repeat(np.arange(4), np.diff(model.lists.starts))
    np.testing.assert_array_equal(apart.argmin(axis=1), of_list)


def test_impressions_are_ranked_in_serving_as_well_as_in_validation(
    dssm: Dssm, tmp_path: Path
) -> None:
    def shown(seed: int, first: int, rows: int) -> list[Row]:
        return [
            (*row[:2], first + row[2], *row[3:], f"g{int(row[1][1:]) % 3}", n * 7 % 11)
            for n, row in enumerate(impressions(10, 8, rows, seed=seed))
        ]

    names = (*IMPRESSION_NAMES, "genre", "length")
    log = write_log(tmp_path / "i.tsv", names, shown(1, 0, 600))
    later = write_log(tmp_path / "l.tsv", names, shown(2, 1000, 300))
    command = ["train-rec", "youtube-ranking", log, *SMALL_RANKING]
    options = [*ROUGH, "--epochs", "12", "--valid", later, "-o", tmp_path / "r"]
    assert dssm(*command, *options).code == 0
    figures = recorded(tmp_path / "r")
    # The run knows what became of the later impressions: here it does not, as when they come.
    alone = ["--epochs", "1", "--valid-share", "0", "-o", tmp_path / "alone"]
    assert dssm(*command, *alone).code == 0
    name = "history.safetensors"
    shutil.copy(tmp_path / "alone" / name, tmp_path / "r" / name)
    reseal(tmp_path / "r")
    words = ("--json", "--bootstrap", "0", "-q", later)
    said = json.loads(dssm("eval", "-m", tmp_path / "r", *words).out)
    assert 1 - said["watch_time.per_user_loss"] == pytest.approx(figures["ranked"], abs=1e-5)
    assert said["click.auc"] == pytest.approx(figures["click auc"], abs=1e-5)
    assert said["watch_time.bias"] == pytest.approx(figures["bias"], rel=1e-4)


def test_tables_are_predicted_in_serving_as_well_as_in_validation(
    dssm: Dssm, tmp_path: Path
) -> None:
    columns = [{**world(rows, seed).columns} for rows, seed in ((300, 1), (200, 4))]
    for each in columns:
        each["dear"] = [str(int(float(price) > 25)) for price in each["price"]]
    table, valid = (
        write_table(tmp_path / name, each)
        for name, each in zip(("t.csv", "v.csv"), columns, strict=True)
    )
    options = [*TASKS, "--task", "dear", *EXPERTS, *SMALL_TABLE, *ROUGH, "--epochs", "12"]
    options += ["--learning-rate", "0.03", "--valid", valid, "-o", tmp_path / "r"]
    assert dssm("train-rec", "mmoe", table, *options).code == 0
    figures = recorded(tmp_path / "r")
    said = json.loads(
        dssm("eval", "-m", tmp_path / "r", "--json", "--bootstrap", "0", "-q", valid).out
    )
    for name in ("bought auc", "minutes r2", "dear auc"):
        assert said[name.replace(" ", ".")] == pytest.approx(figures[name], abs=1e-4)
