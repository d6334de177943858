"""Training on tables: what is learned, kept, resumed and refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from conftest import Dssm, Result, run_command, stop_after_saves
from tables import EXPERTS, SMALL_TABLE, TASKS, UNITS, read_predicted, world, write_table

from dssmcli import metrics

ROWS = 2400
WEIGHTS = "weights.safetensors"


def contents(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(run.iterdir())}


def config_of(run: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((run / "config.json").read_text())
    return config


def history_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def weights_but_digest(run: Path) -> tuple[bytes, bytes]:
    return (run / WEIGHTS).read_bytes(), (run / "metrics.jsonl").read_bytes()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a run of each arch on the world of tables, and the table."""
    folder = tmp_path_factory.mktemp("rec")
    paths = {"table": write_table(folder / "visits.csv", world(ROWS).columns)}
    with pytest.MonkeyPatch.context() as patch:
        for arch, units in UNITS.items():
            paths[arch] = folder / arch
            options = [*TASKS, *units, *SMALL_TABLE, "--epochs", "15", "-o", paths[arch]]
            done = run_command(["train-rec", arch, paths["table"], *options], b"", patch)
            assert (done.code, done.out, done.err) == (0, "", "")
    return paths


@pytest.mark.parametrize("arch", list(UNITS))
def test_every_arch_finds_what_is_in_the_rows(
    made: dict[str, Path], arch: str, dssm: Dssm, tmp_path: Path
) -> None:
    unseen = world(2000, seed=8)
    features = {name: unseen.columns[name] for name in ("price", "city", "age")}
    table = write_table(tmp_path / "unseen.tsv", features, "\t")
    found = read_predicted(dssm("predict", "-q", "-m", made[arch], table).out)
    bought = np.array(unseen.columns["bought"], float)
    auc, ceiling = metrics.auc(found["bought"], bought), metrics.auc(unseen.logit, bought)
    assert auc > 0.95 and auc > ceiling - 0.01
    assert abs(found["bought"] - 1 / (1 + np.exp(-unseen.logit))).mean() < 0.15
    minutes = np.array(unseen.columns["minutes"], float)
    ceiling = metrics.r_squared(unseen.mean, minutes)
    assert ceiling > 0.8 and metrics.r_squared(found["minutes"], minutes) > ceiling - 0.05
    history = history_of(made[arch])
    for name in ("loss", "bought loss", "minutes loss"):
        assert history[-1][name] < history[0][name] / 1.5


def test_experts_still_differ_after_training(made: dict[str, Path]) -> None:
    weights = safetensors.numpy.load_file(made["mmoe"] / WEIGHTS)
    for name in ("experts.weight.0", "towers.weight.0", "gates.weight"):
        flat = weights[name].reshape(len(weights[name]), -1)
        for i in range(1, len(flat)):
            assert np.linalg.norm(flat[0] - flat[i]) > 0.3 * np.linalg.norm(flat[0])


@pytest.mark.parametrize("arch", list(UNITS))
def test_tasks_that_want_the_opposite_are_both_learned(
    dssm: Dssm, tmp_path: Path, arch: str
) -> None:
    random = np.random.default_rng(2)
    a, b = random.normal(size=(2, 1500))
    columns = {
        "a": [f"{value:.4f}" for value in a],
        "b": [f"{value:.4f}" for value in b],
        "up": [str(int(value > 0)) for value in a + b],
        "down": [str(int(value > 0)) for value in a - b],
        "not": [str(int(value < 0)) for value in a + b],
    }
    table = write_table(tmp_path / "t.csv", columns)
    tasks = [word for name in ("up", "down", "not") for word in ("--task", name)]
    options = [*tasks, *UNITS[arch], *SMALL_TABLE, "--epochs", "15", "-o", tmp_path / "r"]
    assert dssm("train-rec", arch, table, *options).code == 0
    validation = config_of(tmp_path / "r")["validation"]
    assert min(validation[f"{name} auc"] for name in ("up", "down", "not")) > 0.98


@pytest.fixture(name="train")
def _train(dssm: Dssm, tmp_path: Path) -> Any:
    """Return a function that trains a small MMoE for few epochs into a folder of the test."""

    def train(table: Path, name: str, *more: str | Path, tasks: Iterable[str] = TASKS) -> Result:
        options = [*tasks, *EXPERTS, *SMALL_TABLE, "--epochs", "3", "-o", tmp_path / name, *more]
        return dssm("train-rec", "mmoe", table, *options)

    return train


def test_a_label_that_is_missing_has_no_say(train: Any, tmp_path: Path) -> None:
    columns = world(800).columns
    lacking = [i % 3 == 0 for i in range(800)]
    for name, missing in (("a", ""), ("b", "NA"), ("c", "0")):
        poisoned = {
            **columns,
            "minutes": [
                missing if no else value
                for no, value in zip(lacking, columns["minutes"], strict=True)
            ],
        }
        assert train(write_table(tmp_path / f"{name}.csv", poisoned), name).code == 0
    a, b, c = (weights_but_digest(tmp_path / name) for name in "abc")
    assert a == b and a != c


def test_missing_labels_are_no_zeros(train: Any, dssm: Dssm, tmp_path: Path) -> None:
    columns = world(1500).columns
    kept = ["" if value == "0" and i % 10 else value for i, value in enumerate(columns["bought"])]
    table = write_table(tmp_path / "t.csv", {**columns, "bought": kept})
    assert train(table, "r").code == 0
    found = read_predicted(dssm("predict", "-q", "-m", tmp_path / "r", table).out)
    known = np.array([value != "" for value in kept])
    assert abs(found["bought"][known].mean() - kept.count("1") / known.sum()) < 0.05


def test_the_weight_of_a_task_says_how_much_it_matters(train: Any, tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", world(1500).columns)
    scores = {}
    for weight in ("0", "0.5", "1", "30"):
        assert train(table, weight, "--task-weight", f"minutes={weight}").code == 0
        scores[weight] = history_of(tmp_path / weight)[-1]["minutes loss"]
        tasks = {task["name"]: task["weight"] for task in config_of(tmp_path / weight)["tasks"]}
        assert tasks == {"bought": 1.0, "minutes": float(weight)}
    assert scores["0"] > 0.9 > scores["0.5"] > scores["1"]
    for bad, said in (("minuets=1", "Did you mean minutes"), ("minutes", "expected TASK=WEIGHT")):
        refused = train(table, "x", "--task-weight", bad)
        assert refused.code == 2 and said in refused.err
    assert train(table, "x", "--task-weight", "minutes=-1").code == 2


def test_two_runs_with_one_seed_are_byte_equal_and_another_seed_differs(
    train: Any, tmp_path: Path
) -> None:
    table = write_table(tmp_path / "t.csv", world(500).columns)
    dropping = ("--dropout", "0.1", "--expert-dropout", "0.2")
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert train(table, name, "--seed", seed, *dropping).code == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert contents(tmp_path / "a")[WEIGHTS] != contents(tmp_path / "c")[WEIGHTS]


@pytest.mark.parametrize("arch", list(UNITS))
def test_a_resumed_training_ends_byte_equal_to_one_never_interrupted(
    dssm: Dssm, tmp_path: Path, arch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = write_table(tmp_path / "t.csv", world(400).columns)
    command = ["train-rec", arch, table, *TASKS, *UNITS[arch], *SMALL_TABLE, "--epochs", "4"]
    command += ["--expert-dropout", "0.2"] if arch == "mmoe" else ["--dropout", "0.1"]
    assert dssm(*command, "-o", tmp_path / "whole").code == 0
    stop_after_saves(monkeypatch, 1, 3)
    assert dssm(*command, "-o", tmp_path / "cut").code == 130
    assert not (tmp_path / "cut").exists()
    refused = dssm(*command, "-o", tmp_path / "cut")
    assert refused.code == 1 and "--resume" in refused.err
    for changed, named in (
        (["--embedding", "3"], "--embedding"),
        (["--ignore", "city"], "features"),
        (["--task-weight", "bought=2"], "tasks"),
    ):
        other = dssm(*command, *changed, "-o", tmp_path / "cut", "--resume")
        assert other.code == 2 and named in other.err and other.err.count("\n") == 1, other
    assert dssm(*command, "-o", tmp_path / "cut", "--resume").code == 130
    assert dssm(*command, "-o", tmp_path / "cut", "--resume").code == 0
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cut", "t.csv", "whole"]


def test_the_best_weights_are_kept_not_the_last_and_training_ends_when_none_better_comes(
    train: Any, dssm: Dssm, tmp_path: Path
) -> None:
    table = write_table(tmp_path / "t.csv", world(300).columns)
    judged = world(900, seed=4)
    valid = write_table(tmp_path / "v.csv", judged.columns)
    rough = ["--learning-rate", "0.1", "--decay", "none", "--averaging", "0", "--valid", valid]
    assert train(table, "r", *rough, "--epochs", "60", "--patience", "4").code == 0
    history = history_of(tmp_path / "r")
    scores = [line["bought auc"] for line in history]
    assert len(history) < 60 and max(scores) not in scores[-4:]
    best = scores.index(max(scores))
    assert [line["best"] for line in history][best:] == [True] + [False] * 4
    assert config_of(tmp_path / "r")["validation"]["step"] == history[best]["step"]
    found = read_predicted(dssm("predict", "-q", "-m", tmp_path / "r", valid).out)
    truth = np.array(judged.columns["bought"], float)
    assert metrics.auc(found["bought"], truth) == pytest.approx(max(scores), abs=1e-4)


def test_rows_set_aside_are_not_trained_on_and_a_file_of_them_takes_their_place(
    train: Any, tmp_path: Path
) -> None:
    columns = world(1000).columns
    table = write_table(tmp_path / "t.csv", columns)
    assert train(table, "a").code == 0
    data = config_of(tmp_path / "a")["data"]
    assert data["rows"] == 800 and data["valid_rows"] == 200 and data["valid_sha256"] is None
    plans = [["free", "paid", "trial"][i % 3] for i in range(1000)]
    table = write_table(tmp_path / "p.csv", {**columns, "plan": plans})
    some = {name: values[:90] for name, values in reversed(columns.items())}
    valid = write_table(tmp_path / "v.tsv", {**some, "plan": ["paid", "free"] * 45}, "\t")
    tasks = ("--task", "plan=paid|trial", "--task", "bought")
    done = train(table, "b", "--valid", valid, tasks=tasks)
    assert done.code == 0, done.err
    data = config_of(tmp_path / "b")["data"]
    assert data["rows"] == 1000 and data["valid_rows"] == 90 and data["valid_sha256"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"city": None}, 'v.csv: the header has no column "city"'),
        ({"bought": None}, 'v.csv: the header has no column "bought"'),
        ({"bought": ["1"] * 60}, "v.csv: bought has no two different labels"),
        ({"bought": ["so"] * 60}, 'v.csv: the task "bought" has "so"'),
    ],
)
def test_a_file_that_cannot_validate_is_refused(
    train: Any, tmp_path: Path, change: dict[str, list[str] | None], said: str
) -> None:
    table = write_table(tmp_path / "t.csv", world(200).columns)
    columns = {**world(60).columns, **change}
    kept = {name: values for name, values in columns.items() if values is not None}
    done = train(table, "r", "--valid", write_table(tmp_path / "v.csv", kept))
    assert done.code == 3 and said in done.err and done.err.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"t.csv", "v.csv"}


def test_an_existing_run_is_overwritten_only_when_asked(train: Any, tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", world(200).columns)
    assert train(table, "r").code == 0
    before = contents(tmp_path / "r")
    refused = train(table, "r", "--seed", "5")
    assert refused.code == 1 and "--overwrite" in refused.err and refused.err.count("\n") == 1
    assert contents(tmp_path / "r") == before
    assert train(table, "r", "--seed", "5", "--overwrite").code == 0
    after = contents(tmp_path / "r")
    assert after != before
    assert train(table, "r", "--resume").code == 2 and contents(tmp_path / "r") == after
    assert train(table, "r", "--seed", "5", "--resume").code == 0
    assert contents(tmp_path / "r") == after


def test_a_run_is_all_that_predicting_needs(
    made: dict[str, Path], dssm: Dssm, tmp_path: Path
) -> None:
    shutil.copytree(made["mmoe"], tmp_path / "copy")
    ours = dssm("predict", "-q", "-m", tmp_path / "copy", made["table"])
    assert (
        ours.code == 0 and ours.raw == dssm("predict", "-q", "-m", made["mmoe"], made["table"]).raw
    )
    assert sorted(p.name for p in made["mmoe"].iterdir()) == [
        *("MANIFEST.json", "config.json", "features.json", "fingerprint.safetensors"),
        *("metrics.jsonl", WEIGHTS),
    ]


@pytest.mark.parametrize("arch", list(UNITS))
@pytest.mark.parametrize("features", [("city",), ("age",), ("city", "age", "price")])
def test_a_table_may_have_categories_alone_or_numbers_alone_or_a_single_task(
    dssm: Dssm, tmp_path: Path, features: tuple[str, ...], arch: str
) -> None:
    columns = world(200).columns
    names = (*features, "bought")
    table = write_table(tmp_path / "t.csv", {name: columns[name] for name in names})
    options = ["--task", "bought", *UNITS[arch], *SMALL_TABLE, "--epochs", "1"]
    assert dssm("train-rec", arch, table, *options, "-o", tmp_path / "r").code == 0
    found = dssm("predict", "-q", "-m", tmp_path / "r", table)
    assert found.code == 0 and found.out.count("\n") == 201


def test_what_is_understood_is_told(dssm: Dssm, tmp_path: Path) -> None:
    columns = world(300).columns
    leak = ["won" if value == "1" else "lost" for value in columns["bought"]]
    table = write_table(tmp_path / "t.csv", {**columns, "leak": leak, "same": ["x"] * 300})
    options = [*TASKS, *EXPERTS, *SMALL_TABLE[:-1], "--epochs", "1", "-o", tmp_path / "r"]
    said = dssm("train-rec", "mmoe", table, *options).err
    for line in (
        "Read 300 rows of 7 columns.",
        "Categories: city (4 values), leak (2 values).",
        "Numbers: age, price.",
        "Left out: same.",
        'Warning: same: every row has "x", so it is left out.',
        "Warning: leak alone predicts bought (AUC 1.000)",
        "Task bought: ",
        "240 rows to train on, 60 for validation.",
        "Wrote ",
    ):
        assert line in said, (line, said)


def test_a_model_larger_than_memory_is_one_line(dssm: Dssm, tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", world(60).columns)
    large = ("--experts", "4096", "--expert-units", "65536", "--embedding", "65536")
    done = dssm("train-rec", "mmoe", table, "--task", "bought", *large, "-o", tmp_path / "r", "-q")
    assert done.code == 1 and done.err.count("\n") == 1 and "memory" in done.err.lower(), done
    assert not (tmp_path / "r").exists()


def test_a_gradient_cannot_be_endlessly_long(dssm: Dssm, tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", world(60).columns)
    options = ["--task", "bought", "--clip-norm", "inf", "-o", tmp_path / "r"]
    done = dssm("train-rec", "mmoe", table, *options)
    assert done.code == 2 and "--clip-norm is inf, expected at least 0 and at most" in done.err, (
        done
    )


def test_a_number_far_from_0_is_learned_and_told_to_the_last_digit_that_counts(
    train: Any, dssm: Dssm, tmp_path: Path
) -> None:
    columns = world(1200).columns
    late = [f"{1.7e9 + 60 * float(value or 0):.0f}" for value in columns["minutes"]]
    table = write_table(tmp_path / "t.csv", {**columns, "minutes": late})
    assert train(table, "late").code == 0
    assert train(write_table(tmp_path / "u.csv", columns), "early").code == 0
    scores = [history_of(tmp_path / name)[-1]["minutes r2"] for name in ("late", "early")]
    assert scores[0] == pytest.approx(scores[1], abs=0.02)
    found = read_predicted(dssm("predict", "-q", "-m", tmp_path / "late", table).out)["minutes"]
    assert len(set(found.tolist())) > 300 and (abs(found - 1.7e9) < 1e5).all()
    options = ("--json", "--bootstrap", "0", "-q")
    reached = [
        json.loads(dssm("eval", *options, "-m", tmp_path / run, tmp_path / file).out)["minutes.r2"]
        for run, file in (("late", "t.csv"), ("early", "u.csv"))
    ]
    assert reached[0] == pytest.approx(reached[1], abs=0.02) and reached[1] > 0.1
