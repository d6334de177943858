"""What `dssm eval` says of one run and of several, and the probabilities of `dssm score`."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, Dssm, write_pairs
from sklearn import metrics as sk

import dssmcli
from dssmcli.run import MANIFEST

OLD_RUN = Path(__file__).parent / "data" / "format-1" / "cnn"
CLASSES = ("auc", "average_precision", "accuracy", "precision", "recall", "f1")


def objects(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def table(out: str) -> dict[str, list[str]]:
    return {line.split("\t")[0]: line.split("\t")[1:] for line in out.splitlines()}


@pytest.fixture(name="pairs", scope="module")
def _pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return labelled pairs whose queries repeat."""
    rows = write_pairs(tmp_path_factory.mktemp("eval") / "all.tsv", 300, seed=9)
    lines = [line.split("\t") for line in rows.read_text("utf-8").splitlines()]
    # Without its number a query stands in several rows.
    text = "".join(f"{q.rsplit(' ', 1)[0]}\t{t}\t{v}\n" for q, t, v in lines)
    rows.write_text(text, "utf-8")
    return rows


def rewritten(run: Path, to: Path, change: dict[str, Any]) -> Path:
    """Copy a run with other entries in its config.json, None for none, and seal it again."""
    copy = Path(shutil.copytree(run, to))
    config = {**json.loads((copy / "config.json").read_text("utf-8")), **change}
    content = json.dumps({name: value for name, value in config.items() if value is not None})
    (copy / "config.json").write_text(content, "utf-8")
    manifest = json.loads((copy / MANIFEST).read_text("utf-8"))
    digest = hashlib.sha256(content.encode()).hexdigest()
    manifest["files"]["config.json"] = {"size": len(content), "sha256": digest}
    (copy / MANIFEST).write_text(json.dumps(manifest), "utf-8")
    return copy


# Intervals


def test_every_figure_has_an_interval_around_it(dssm: Dssm, run: Path, pairs: Path) -> None:
    [said] = objects(dssm("eval", "-m", run, "--json", pairs).out)
    names = (*CLASSES, "log_loss", "brier", "spearman", "pearson", "map", "mrr")
    for name in (*names, "ndcg@1", "ndcg@10", "recall@1", "recall@10"):
        assert said[f"{name}_low"] <= said[name] <= said[f"{name}_high"], name
    # In some draw no pair is in the wrong order, so the ratio has no upper limit.
    assert said["pnr_low"] <= said["pnr"] and "pnr_high" not in said
    assert said["run"] == str(run) and said["auc_low"] < said["auc"] < said["auc_high"]
    for name in ("ece", "threshold", "positive_share", "queries", "titles_per_query"):
        assert name in said and f"{name}_low" not in said
    assert said["titles_per_query_median"] <= said["titles_per_query_max"]


def test_the_table_shows_the_interval_behind_the_figure(dssm: Dssm, run: Path, pairs: Path) -> None:
    [said] = objects(dssm("eval", "-m", run, "--json", pairs).out)
    shown = table(dssm("eval", "-m", run, pairs).out)
    low, high = said["auc_low"], said["auc_high"]
    assert shown["auc"] == [f"{said['auc']:.4f} [{low:.4f}-{high:.4f}]"]
    assert shown["pnr"] == [f"{said['pnr']:.4f} [{said['pnr_low']:.4f}-inf]"]
    assert shown["titles_per_query_max"] == [f"{said['titles_per_query_max']:.0f}"]
    assert shown["positive_share"] == [f"{said['positive_share']:.4f}"]


def test_intervals_depend_on_the_seed_and_the_number_of_draws_alone(
    dssm: Dssm, run: Path, pairs: Path
) -> None:
    first = dssm("eval", "-m", run, "--json", pairs).out
    assert dssm("eval", "-m", run, "--json", pairs, "--bootstrap", "200").out == first
    other = dssm("eval", "-m", run, "--json", pairs, "--seed", "2").out
    assert other != first and objects(other)[0]["auc"] == objects(first)[0]["auc"]
    plain = objects(dssm("eval", "-m", run, "--json", pairs, "--bootstrap", "0").out)[0]
    assert not [name for name in plain if name.endswith(("_low", "_high"))]
    assert plain == {name: objects(first)[0][name] for name in plain}


def test_one_query_alone_has_no_intervals(dssm: Dssm, run: Path) -> None:
    rows = b"couch\tsofa bed\t1\ncouch\tfaucet\t0\ncouch\tcarpet\t0\n"
    [said] = objects(dssm("eval", "-m", run, "--json", "-", stdin=rows).out)
    assert "auc" in said and "auc_low" not in said


def test_clicks_alone_have_intervals_and_their_pool(dssm: Dssm, run: Path) -> None:
    rows = "couch\tsofa bed\ntap\tfaucet\n手机\t电话\ntap\tsofa bed\n".encode()
    [said] = objects(dssm("eval", "-m", run, "--json", "-", stdin=rows).out)
    assert (said["pool"], said["queries"], said["rows"]) == (3, 3, 4)
    assert said["mrr_low"] <= said["mrr"] <= said["mrr_high"] and "recall@1_low" in said


def test_pnr_is_the_ratio_of_pairs_in_order(dssm: Dssm, run: Path) -> None:
    rows = [("couch", "sofa bed", 3), ("couch", "carpet", 1), ("couch", "faucet", 2)]
    rows += [("tap", "faucet", 1), ("tap", "carpet", 0), ("rug", "icebox", 2)]
    model, right, wrong = dssmcli.load(run), 0, 0
    for query, title, value in rows:
        for other, below, lower in rows:
            if query == other and value > lower:
                ordered = model.score(query, title) > model.score(other, below)
                right, wrong = right + ordered, wrong + (not ordered)
    text = "".join(f"{q}\t{t}\t{v}\n" for q, t, v in rows).encode()
    options = ("--value", "grade", "--json")
    [said] = objects(dssm("eval", "-m", run, *options, "-", stdin=text).out)
    assert wrong == 0 or said["pnr"] == pytest.approx(right / wrong)
    reverse = "".join(f"{q}\t{t}\t{3 - v}\n" for q, t, v in rows).encode()
    [said] = objects(dssm("eval", "-m", run, *options, "-", stdin=reverse).out)
    assert said["pnr"] == pytest.approx(wrong / right)


def test_without_a_pair_in_the_wrong_order_there_is_no_pnr(dssm: Dssm, run: Path) -> None:
    rows = b"couch\tsofa bed\t1\ncouch\tfaucet\t0\ntap\tfaucet\t1\ntap\tsofa bed\t0\n"
    result = dssm("eval", "-m", run, "--json", "-", stdin=rows)
    assert "pnr" not in result.out and objects(result.out)[0]["auc"] == 1.0


# Several runs


def test_a_run_does_not_differ_from_itself(dssm: Dssm, run: Path, pairs: Path) -> None:
    first, second, comparison = objects(dssm("eval", "-m", run, "-m", run, "--json", pairs).out)
    assert first == second == objects(dssm("eval", "-m", run, "--json", pairs).out)[0]
    assert comparison["run"] == comparison["compared_with"] == str(run)
    for name in (*CLASSES, "log_loss", "spearman", "ndcg@10", "pnr"):
        expected = {"difference": 0, "low": 0, "high": 0, "p": 1, "verdict": "chance"}
        assert comparison["differences"][name] == expected
    assert "threshold" not in comparison["differences"]


def test_runs_are_compared_on_the_same_draws(
    dssm: Dssm, runs: dict[str, Path], pairs: Path
) -> None:
    options = ("-m", runs["cnn"], "-m", OLD_RUN, "-m", runs["dnn"], "--json", "--seed", "4")
    found = objects(dssm("eval", *options, pairs).out)
    assert [each["run"] for each in found] == [
        *map(str, (runs["cnn"], OLD_RUN, runs["dnn"], OLD_RUN, runs["dnn"]))
    ]
    for one, other in ((found[1], found[3]), (found[2], found[4])):
        alone = dssm("eval", "-m", one["run"], "--json", "--seed", "4", pairs)
        assert objects(alone.out) == [one]
        for name, difference in other["differences"].items():
            assert difference["difference"] == one[name] - found[0][name]
    # The old run has no calibration, so nothing to compare.
    assert "log_loss" in found[4]["differences"] and "log_loss" not in found[3]["differences"]


def test_the_better_run_is_told(dssm: Dssm, run: Path, pairs: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = [line.split("\t") for line in pairs.read_text("utf-8").splitlines()]
    shuffled = random.permutation([value for *_, value in rows])
    noise = tmp_path / "noise.tsv"
    lines = [f"{q}\t{t}\t{v}\n" for (q, t, _), v in zip(rows, shuffled, strict=True)]
    noise.write_text("".join(lines), "utf-8")
    untaught = tmp_path / "untaught"
    assert dssm("train", noise, *SMALL, "--epochs", "1", "-o", untaught).code == 0
    result = dssm("eval", "-m", untaught, "-m", run, pairs)
    first, *warned = result.err.splitlines()
    assert "300 rows, label" in first
    assert len(warned) == 1 and f"were learned from by {untaught}, 21 more" in warned[0]
    lines = [line.split("\t") for line in result.out.splitlines()]
    assert lines[0] == ["file", "metric", str(untaught), str(run), "difference", "p", "verdict"]
    by_name = {line[1]: line for line in lines}
    assert by_name["auc"][0] == str(pairs) and by_name["auc"][5:] == ["0.0050", "better"]
    assert by_name["auc"][4].startswith("+") and " to +" in by_name["auc"][4]
    assert by_name["log_loss"][4].startswith("-") and by_name["log_loss"][6] == "better"
    assert by_name["rows"][2] == "300" and by_name["positive_share"][4:] == ["", "", ""]
    assert {len(line) for line in lines} == {7}
    worse = dssm("eval", "-m", run, "-m", untaught, pairs).out
    assert "\tworse\n" in worse and "\tbetter\n" not in worse


def test_several_runs_read_standard_input_once(
    dssm: Dssm, runs: dict[str, Path], pairs: Path
) -> None:
    options = ("-m", runs["lstm"], "-m", runs["cnn"], "--json")
    from_file = objects(dssm("eval", *options, pairs).out)
    piped = objects(dssm("eval", *options, "-", stdin=pairs.read_bytes()).out)
    assert [{**each, "file": str(pairs)} for each in piped] == from_file
    clicks = "couch\tsofa bed\ntap\tfaucet\n手机\t电话\n".encode()
    ranked = objects(dssm("eval", *options, "-", stdin=clicks).out)
    assert [each.get("pool") for each in ranked] == [3, 3, None]


def test_processes_change_no_figure(dssm: Dssm, runs: dict[str, Path], tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path / "many.tsv", 10_000, seed=2)
    options = ("-m", runs["dnn"], "-m", runs["cnn"], "--json", "--bootstrap", "5", pairs)
    alone = objects(dssm("eval", *options, "--threads", "1").out)
    several = objects(dssm("eval", *options, "--threads", "2").out)
    assert several[2]["differences"].keys() == alone[2]["differences"].keys()
    for one, other in zip(alone[:2], several[:2], strict=True):
        assert other["auc"] == pytest.approx(one["auc"], abs=1e-5)


def test_no_draws_leave_the_bare_difference(dssm: Dssm, runs: dict[str, Path], pairs: Path) -> None:
    options = ("-m", runs["dnn"], "-m", runs["cnn"], "--bootstrap", "0", pairs)
    assert list(objects(dssm("eval", "--json", *options).out)[2]["differences"]["auc"]) == [
        "difference"
    ]
    auc = next(x for x in dssm("eval", *options).out.splitlines() if "\tauc\t" in x).split("\t")
    assert "[" not in auc[4] and auc[5:] == ["", ""]


def test_a_missing_run_among_several_is_one_line(dssm: Dssm, run: Path, pairs: Path) -> None:
    result = dssm("eval", "-m", run, "-m", "nowhere", pairs)
    assert result.code == 3 and result.err.startswith("nowhere: no such run")
    assert result.out == "" and result.err.count("\n") == 1


def test_the_run_of_the_environment_is_named(
    dssm: Dssm, run: Path, pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSSM_MODEL", str(run))
    assert objects(dssm("eval", "--json", pairs).out)[0]["run"] == str(run)


# Probabilities


def test_training_stores_a_calibration_beside_the_threshold(dssm: Dssm, run: Path) -> None:
    stored = json.loads(dssm("info", "-m", run, "--json").out)["calibration"]
    assert list(stored) == ["scale", "shift", "fitted_on", "against", "log_loss", "ece"]
    assert stored["scale"] > 0 and stored["fitted_on"] == "validation"
    assert stored["log_loss"] < math.log(2) and 0 <= stored["ece"] < 0.5
    assert stored["against"] == "labelled rows that are no match"
    out = dssm("info", "-m", run).out
    assert f"calibration.scale\t{stored['scale']}\n" in out and "threshold.value\t" in out


def test_clicks_alone_are_calibrated_against_random_titles(dssm: Dssm, tmp_path: Path) -> None:
    clicks = write_pairs(tmp_path / "c.tsv", 400, labelled=False)
    assert dssm("train", clicks, *SMALL, "--epochs", "3", "-o", tmp_path / "r").code == 0
    out = dssm("info", "-m", tmp_path / "r").out
    assert "calibration.against\trandom titles\n" in out
    help_ = " ".join(dssm("score", "--help").out.split())
    assert "clicks alone: against a random title" in help_


def test_score_prob_is_the_sigmoid_of_the_cosine(dssm: Dssm, run: Path) -> None:
    stored = json.loads(dssm("info", "-m", run, "--json").out)["calibration"]
    result = dssm("score", "-m", run, "--prob", "couch", "sofa bed")
    cosine, chance = map(float, result.out.split("\t"))
    expected = 1 / (1 + math.exp(-(stored["scale"] * cosine + stored["shift"])))
    assert chance == pytest.approx(expected, abs=2e-3) and chance > 0.5
    assert float(dssm("score", "-m", run, "--prob", "couch", "faucet").out.split("\t")[1]) < 0.5
    model = dssmcli.load(run)
    assert model.probability([cosine]) == pytest.approx([expected])


def test_score_prob_goes_with_match_pairs_and_json(dssm: Dssm, run: Path) -> None:
    rows = b"query\ttitle\ncouch\tsofa bed\ncouch\tfaucet\n"
    result = dssm("score", "-m", run, "--match", "--prob", "--pairs", "-", stdin=rows)
    lines = [line.split("\t") for line in result.out.splitlines()]
    assert lines[0] == ["query", "title", "score", "match", "prob"]
    assert [line[3] for line in lines[1:]] == ["yes", "no"]
    assert float(lines[1][4]) > 0.5 > float(lines[2][4])
    again = ("--columns", "query,title,score,-,-", "--match", "--prob")
    scored = dssm("score", "-m", run, *again, "--pairs", "-", stdin=result.out.encode())
    assert scored.out.split("\n")[0].split("\t")[5:] == ["score_2", "match_2", "prob_2"], scored
    said = objects(dssm("score", "-m", run, "--prob", "--json", "couch", "sofa bed").out)[0]
    assert list(said) == ["query", "title", "score", "prob"]
    assert f"{said['prob']:.4f}" == lines[1][4]


@pytest.mark.parametrize("arguments", [("a", "b"), ("--pairs", "-")])
def test_a_run_without_calibration_says_so_once(dssm: Dssm, arguments: tuple[str, ...]) -> None:
    rows = b"a\tb\nc\td\n"
    result = dssm("score", "-m", OLD_RUN, "--prob", *arguments, stdin=rows)
    assert result.code == 3 and result.out == ""
    assert "no calibration" in result.err and result.err.count("\n") == 1
    assert dssm("score", "-m", OLD_RUN, *arguments, stdin=rows).code == 0


@pytest.mark.parametrize(
    "stored",
    [
        None,
        7,
        {"scale": 10**400, "shift": 0.0},
        {"scale": -1.0, "shift": 0.0},
        {"scale": "5", "shift": 0.0},
        {"scale": 5.0},
    ],
)
def test_a_hostile_calibration_is_none(
    dssm: Dssm, run: Path, pairs: Path, tmp_path: Path, stored: Any
) -> None:
    copy = rewritten(run, tmp_path / "copy", {"calibration": stored})
    refused = dssm("score", "-m", copy, "--prob", "a", "b")
    assert refused.code == 3 and "no calibration" in refused.err, refused
    assert "log_loss" not in dssm("eval", "-m", copy, pairs).out


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_no_json(dssm: Dssm, run: Path, tmp_path: Path, value: float) -> None:
    copy = rewritten(run, tmp_path / "copy", {"threshold": {"value": value}})
    refused = dssm("score", "-m", copy, "--match", "a", "b")
    assert refused.code == 3 and "config.json: not valid JSON" in refused.err


@pytest.mark.parametrize("value", [10**400, "high", [1]])
def test_a_hostile_threshold_is_none(
    dssm: Dssm, run: Path, pairs: Path, tmp_path: Path, value: Any
) -> None:
    copy = rewritten(run, tmp_path / "copy", {"threshold": {"value": value}})
    refused = dssm("score", "-m", copy, "--match", "a", "b")
    assert refused.code == 3 and "no threshold" in refused.err
    assert "accuracy" not in dssm("eval", "-m", copy, pairs).out


def test_absurd_but_finite_calibrations_give_probabilities(
    dssm: Dssm, run: Path, tmp_path: Path
) -> None:
    copy = rewritten(run, tmp_path / "c", {"calibration": {"scale": 1e308, "shift": -1e308}})
    assert dssm("score", "-m", copy, "--prob", "", "b").out == "0.0000\t0.0000\n"


def test_eval_judges_the_probabilities_as_scikit_learn_does(
    dssm: Dssm, run: Path, pairs: Path
) -> None:
    [said] = objects(dssm("eval", "-m", run, "--json", pairs).out)
    rows = [line.split("\t") for line in pairs.read_text("utf-8").splitlines()]
    labels = [int(row[2]) for row in rows]
    model = dssmcli.load(run)
    chance = model.probability(model.score_pairs(*zip(*(row[:2] for row in rows), strict=True)))
    assert said["log_loss"] == pytest.approx(sk.log_loss(labels, chance), rel=1e-4)
    assert said["brier"] == pytest.approx(sk.brier_score_loss(labels, chance), rel=1e-4)
    assert 0 <= said["ece"] <= 1


def test_what_cannot_be_calibrated_is_not(dssm: Dssm, tmp_path: Path) -> None:
    clicks, valid = write_pairs(tmp_path / "c.tsv", 100, labelled=False), tmp_path / "v.tsv"
    # One title for all: no title drawn at random is anything else.
    valid.write_text("".join(f"w{i}\tone title\n" for i in range(9)))
    options = ("--valid", valid, *SMALL, "--epochs", "1", "-o", tmp_path / "r")
    assert dssm("train", clicks, *options).code == 0
    config = json.loads((tmp_path / "r" / "config.json").read_text("utf-8"))
    assert config["calibration"] is None and config["threshold"] is None
    refused = dssm("score", "-m", tmp_path / "r", "--prob", "a", "b")
    assert refused.code == 3 and "no calibration" in refused.err


def test_cosines_that_are_no_numbers_or_of_one_class_tell_nothing_apart() -> None:
    from dssmcli.training.validation import Scores

    cosines, both = np.array([0.5, 0.1]), np.array([True, False])
    assert Scores(cosines, both, "labelled").can_be_told_apart
    assert not Scores(cosines, np.array([True, True]), "labelled").can_be_told_apart
    assert not Scores(np.array([math.nan, 0.1]), both, "labelled").can_be_told_apart


def test_a_warning_names_its_file_once(dssm: Dssm, run: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.tsv"
    log.write_text("".join(f"red &amp; blue {i}\tcouch {i}\t{i % 2}\n" for i in range(40)))
    said = [line for line in dssm("eval", "-m", run, log).err.splitlines() if "&amp;" in line]
    assert len(said) == 1 and said[0].startswith(f"Warning: {log}: ")
    assert said[0].count(str(log)) == 1
