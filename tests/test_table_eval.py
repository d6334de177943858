"""What `dssm eval` says of multi-task runs: scikit-learn's figures, intervals, comparisons."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Dssm
from handmade import Parts, parts
from numpy.typing import NDArray
from scipy import stats
from sklearn import metrics as sk
from tables import write_table

from dssmcli.bootstrap import Plan
from dssmcli.data.tasks import Target, Task, labels_in
from dssmcli.errors import DataError
from dssmcli.serving.reports import (
    Drawn,
    Figures,
    compare,
    is_descriptive,
    lower_is_better,
    report_of,
)
from dssmcli.serving.table_evaluation import task_figures

BINARY = (*("auc", "average_precision", "positive_share", "log_loss", "brier", "ece"),)
NUMBERS = ("rmse", "mae", "r2", "spearman")
SEGMENTS = [f"s{i:02}" for i in range(12)]
BOUGHT = Target(Task("bought", "bought", "binary"), 1.0)
PLAN = Target(Task("plan", "plan", "binary", ("paid", "trial")), 1.0)
MINUTES = Target(Task("minutes", "minutes", "regression"), 1.0, mean=30.0, scale=8.0)

Floats = NDArray[np.float64]


def objects(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def logits(scale: float = 1.0) -> Floats:
    """Return what the runs below say of each segment, an unknown one first: (13, 2)."""
    steps = np.linspace(-2, 2, len(SEGMENTS) + 1)
    return np.stack([steps * scale, -0.7 * steps * scale], axis=1)


def made(scale: float = 1.0, targets: tuple[Target, ...] = (BOUGHT, MINUTES)) -> Parts:
    return parts(targets, SEGMENTS, logits(scale)[:, : len(targets)])


@pytest.fixture(name="run", scope="module")
def _run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run whose predictions are about right for the rows below."""
    return made().write(tmp_path_factory.mktemp("eval") / "good")


@pytest.fixture(name="other", scope="module")
def _other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run that says the opposite."""
    return made(-1.0).write(tmp_path_factory.mktemp("eval") / "bad")


class World:
    """Rows whose labels follow the segments, some of them missing."""

    def __init__(self, rows: int = 400, seed: int = 1) -> None:
        random = np.random.default_rng(seed)
        self.segment = random.integers(0, len(SEGMENTS), rows)
        said = logits()[1 + self.segment]
        chance = 1 / (1 + np.exp(-said[:, 0]))
        self.bought = (random.random(rows) < chance).astype(float)
        self.bought[random.random(rows) < 0.2] = math.nan
        self.minutes = 30 + 8 * said[:, 1] + random.normal(0, 4, rows)
        self.minutes = np.round(self.minutes, 3)
        self.minutes[random.random(rows) < 0.1] = math.nan
        self.chance, self.number = chance, 30 + 8 * said[:, 1]

    def write(self, path: Path, columns: tuple[str, ...] = ("bought", "minutes")) -> Path:
        fields = {
            "bought": ["" if math.isnan(x) else f"{x:.0f}" for x in self.bought],
            "minutes": ["NA" if math.isnan(x) else f"{x:.3f}" for x in self.minutes],
        }
        kept = [fields[name] for name in columns]
        lines = [",".join(["seg", *columns])]
        rows = zip([SEGMENTS[i] for i in self.segment], *kept, strict=True)
        path.write_text("\n".join([*lines, *map(",".join, rows)]) + "\n", "utf-8")
        return path


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    return World().write(tmp_path / "rows.csv")


# Figures


def test_figures_are_scikit_learns_on_the_rows_that_have_the_label(
    dssm: Dssm, run: Path, file: Path
) -> None:
    [said] = objects(dssm("eval", "-m", run, "--json", file).out)
    world = World()
    known = ~np.isnan(world.bought)
    labels, chance = world.bought[known] > 0, world.chance[known]
    assert (said["rows"], said["kind"], said["run"]) == (400, "table", str(run))
    expected = {
        "rows": known.sum(),
        "auc": sk.roc_auc_score(labels, chance),
        "average_precision": sk.average_precision_score(labels, chance),
        "positive_share": labels.mean(),
        "log_loss": sk.log_loss(labels, chance),
        "brier": sk.brier_score_loss(labels, chance),
    }
    assert {name: said[f"bought.{name}"] for name in expected} == pytest.approx(expected, rel=1e-5)
    known = ~np.isnan(world.minutes)
    truth, guess = world.minutes[known], world.number[known]
    expected = {
        "rows": known.sum(),
        "rmse": math.sqrt(sk.mean_squared_error(truth, guess)),
        "mae": sk.mean_absolute_error(truth, guess),
        "r2": sk.r2_score(truth, guess),
        "spearman": stats.spearmanr(truth, guess).statistic,
    }
    assert {name: said[f"minutes.{name}"] for name in expected} == pytest.approx(expected, rel=1e-5)


def test_every_figure_has_an_interval_but_what_only_describes(
    dssm: Dssm, run: Path, file: Path
) -> None:
    [said] = objects(dssm("eval", "-m", run, "--json", file).out)
    without = ("rows", "positive_share", "ece")
    for task, names in (("bought", BINARY), ("minutes", NUMBERS)):
        for name in ("rows", *names):
            key = f"{task}.{name}"
            assert (f"{key}_low" in said) == (name not in without), key
            if name not in without:
                assert said[f"{key}_low"] < said[key] < said[f"{key}_high"]
    assert not [key for key in said if "pearson" in key]
    [plain] = objects(dssm("eval", "-m", run, "--json", "--bootstrap", "0", file).out)
    assert plain == {name: said[name] for name in plain} and "bought.auc_low" not in plain
    again = dssm("eval", "-m", run, "--json", "--seed", "2", file).out
    assert objects(again)[0]["bought.auc_low"] != said["bought.auc_low"]


def test_the_interval_of_r2_holds_the_truth_as_often_as_it_says() -> None:
    held = 0
    for seed in range(60):
        world = World(300, seed)
        found = task_figures(MINUTES, world.number.astype(np.float32), world.minutes)
        report = report_of(found, Drawn("table", np.arange(300)), Plan(100, seed))
        # The noise has variance 16; the rest is the variance of what is said of the segments.
        spread = (8 * logits()[1:, 1]).var()
        low, high = report.intervals["minutes.r2"]
        held += low <= spread / (spread + 16) <= high
    assert 50 <= held <= 60


def test_the_table_has_a_row_a_figure_and_a_column_a_file(
    dssm: Dssm, run: Path, file: Path, tmp_path: Path
) -> None:
    second = World(50, 3).write(tmp_path / "second.csv", ("minutes",))
    result = dssm("eval", "-m", run, file, second)
    lines = dict(line.split("\t", 1) for line in result.out.splitlines())
    assert lines["metric"] == f"{file}\t{second}" and lines["rows"] == "400\t50"
    assert list(lines)[2:] == [
        *(f"bought.{name}" for name in ("rows", *BINARY)),
        *(f"minutes.{name}" for name in ("rows", *NUMBERS)),
    ]
    assert lines["bought.rows"] == f"{(~np.isnan(World().bought)).sum()}\t"
    assert lines["bought.auc"].endswith("]\t") and "[" in lines["minutes.rmse"].split("\t")[1]
    told = result.err.splitlines()
    assert told[0].startswith(f"{file}: 400 rows; bought known in ")
    assert told[1] == f'{second}: no column "bought", so no figures of the task "bought".'


def test_standard_input_gzip_and_processes_change_nothing(
    dssm: Dssm, run: Path, tmp_path: Path
) -> None:
    file = World(60_000).write(tmp_path / "rows.csv")
    packed = tmp_path / "rows.csv.gz"
    packed.write_bytes(gzip.compress(file.read_bytes(), mtime=0))
    options = ("eval", "-m", run, "--json", "--bootstrap", "2")
    [said] = objects(dssm(*options, "--threads", "1", file).out)
    for more in ((file,), (packed,), ("-",)):
        [found] = objects(dssm(*options, "--threads", "3", *more, stdin=file.read_bytes()).out)
        assert {**found, "file": str(file)} == said


def test_rows_of_one_class_have_no_auc_but_a_log_loss(dssm: Dssm, run: Path) -> None:
    result = dssm("eval", "-m", run, "--json", "-", stdin=b"seg,bought\ns03,0\ns07,0\n")
    [said] = objects(result.out)
    chance = 1 / (1 + np.exp(-logits()[[4, 8], 0]))
    assert said["bought.log_loss"] == pytest.approx(-np.log(1 - chance).mean(), rel=1e-5)
    assert said["bought.positive_share"] == 0 and "bought.auc" not in said
    assert "bought.average_precision" not in said and "minutes.rows" not in said


def test_constant_numbers_have_no_r2(dssm: Dssm, run: Path) -> None:
    result = dssm("eval", "-m", run, "--json", "-", stdin=b"seg,minutes\ns03,5\ns07,5\ns01,5\n")
    [said] = objects(result.out)
    assert "minutes.rmse" in said and not [k for k in said if "r2" in k or "spearman" in k]


def test_values_that_are_a_1_are_those_of_the_run(dssm: Dssm, tmp_path: Path) -> None:
    run = made(targets=(PLAN,)).write(tmp_path / "run")
    rows = b"seg,plan\ns11,paid\ns10,trial\ns09,free\ns00,free\ns01,?\n"
    [said] = objects(dssm("eval", "-m", run, "--json", "-", stdin=rows).out)
    assert (said["plan.rows"], said["plan.positive_share"], said["plan.auc"]) == (4, 0.5, 1.0)


# Comparisons


def test_the_better_of_two_runs_is_told(dssm: Dssm, run: Path, other: Path, file: Path) -> None:
    lines = [x.split("\t") for x in dssm("eval", "-m", other, "-m", run, file).out.splitlines()]
    assert lines[0] == ["file", "metric", str(other), str(run), "difference", "p", "verdict"]
    assert {len(line) for line in lines} == {7}
    by_name = {line[1]: line for line in lines[1:]}
    for name in ("bought.auc", "bought.log_loss", "minutes.rmse", "minutes.mae", "minutes.r2"):
        assert by_name[name][5:] == ["0.0050", "better"], name
        assert by_name[name][4][0] == ("-" if lower_is_better(name) else "+")
    assert by_name["bought.rows"][4:] == by_name["bought.positive_share"][4:] == ["", "", ""]
    worse = dssm("eval", "-m", run, "-m", other, file).out
    assert "\tworse\n" in worse and "\tbetter\n" not in worse


def test_a_run_does_not_differ_from_itself(dssm: Dssm, run: Path, file: Path) -> None:
    first, second, found = objects(dssm("eval", "-m", run, "-m", run, "--json", file).out)
    assert first == second == objects(dssm("eval", "-m", run, "--json", file).out)[0]
    names = [f"bought.{name}" for name in BINARY if name != "positive_share"]
    assert list(found["differences"]) == [*names, *(f"minutes.{name}" for name in NUMBERS)]
    for name, difference in found["differences"].items():
        expected = {"difference": 0, "low": 0, "high": 0, "p": 1, "verdict": "chance"}
        assert difference == ({"difference": 0} if name.endswith("ece") else expected)


def test_a_task_of_one_run_alone_is_shown_for_that_one(
    dssm: Dssm, run: Path, tmp_path: Path, file: Path
) -> None:
    single = made(targets=(BOUGHT,)).write(tmp_path / "single")
    result = dssm("eval", "-m", single, "-m", run, "--json", file)
    first, second, found = objects(result.out)
    assert "minutes.rmse" not in first and "minutes.rmse" in second
    assert first["bought.auc"] == second["bought.auc"]
    assert all(name.startswith("bought.") for name in found["differences"])
    lines = [x.split("\t") for x in dssm("eval", "-m", single, "-m", run, file).out.splitlines()]
    [line] = [line for line in lines if line[1] == "minutes.rmse"]
    assert line[2] == "" and line[3] and line[4:] == ["", "", ""]


def test_few_labels_among_many_rows_prove_little() -> None:
    labels = np.full(200, math.nan, np.float32)
    labels[[3, 90, 150]] = 1, 0, 1
    good, bad = np.full(200, 0.5, np.float32), np.full(200, 0.5, np.float32)
    good[[3, 90, 150]], bad[[3, 90, 150]] = (0.9, 0.1, 0.9), (0.4, 0.6, 0.4)
    rows = Drawn("table", np.arange(200))
    one, two = (
        report_of(task_figures(BOUGHT, values, labels), rows, Plan(200, 1))
        for values in (bad, good)
    )
    found = compare(one, two)["bought.log_loss"]
    assert found.p is not None and found.p >= 2 / 2**3 and not found.beyond_chance


def test_a_name_that_means_two_things_is_refused(
    dssm: Dssm, tmp_path: Path, file: Path, run: Path
) -> None:
    by_value = BOUGHT._replace(task=Task("bought", "bought", "binary", ("1",)))
    second = made(targets=(by_value,)).write(tmp_path / "second")
    result = dssm("eval", "-m", run, "-m", second, file)
    assert result.code == 2 and result.out == "" and result.err.count("\n") == 1
    assert 'the task "bought" is "bought:binary" to one run and "bought=1" to another' in result.err


def test_figures_of_a_task_are_judged_by_their_own_name() -> None:
    assert lower_is_better("a.b.rmse") and lower_is_better("log_loss")
    assert not lower_is_better("rmse.auc") and not lower_is_better("ndcg@10")
    assert is_descriptive("bought.rows") and is_descriptive("pool")
    assert not is_descriptive("rows.auc")
    report = report_of([Figures({"a": math.nan, "b": 1.0})], Drawn("x", np.arange(2)), Plan(0, 1))
    assert report.figures == {"b": 1.0}


# Errors


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("seg\ns01\n", 'the header has no task\'s column, expected "bought", "minutes"'),
        ("day,bought\nmo,1\n", 'no column "seg"'),
        ("seg,bought\n", "a header and no rows"),
        ("seg,bought\ns01,\ns02,?\n", 'no row has a label of "bought"'),
        ("seg,bought\ns01,1\ns02,so\n", 'the task "bought" has "so", expected 0 or 1'),
        ("seg,minutes\ns01,1\ns02,long\n", 'the task "minutes" has "long", expected numbers'),
        ("seg,minutes\ns01,1\ns02,1e99\n", 'the task "minutes" has "1e99", expected numbers'),
        ("seg,bought\ns01,1\ns02\n", ":3: 1 field, expected 2"),
    ],
)
def test_a_table_that_cannot_be_judged_is_one_line_and_exit_3(
    dssm: Dssm, run: Path, content: str, said: str
) -> None:
    result = dssm("eval", "-q", "-m", run, "-", stdin=content.encode())
    assert result.code == 3 and result.out == ""
    assert result.err.count("\n") == 1 and result.err.startswith("<stdin>") and said in result.err


def test_a_wrong_label_met_by_another_process_is_told_as_well(
    dssm: Dssm, run: Path, tmp_path: Path
) -> None:
    file = World(60_000).write(tmp_path / "rows.csv")
    with file.open("a") as stream:
        stream.write("s01,perhaps,1\n")
    result = dssm("eval", "-m", run, "--threads", "2", file)
    assert result.code == 3 and result.err.count("\n") == 1
    assert 'the task "bought" has "perhaps"' in result.err


def test_a_prediction_that_is_not_finite_is_told_by_whatever_process(
    dssm: Dssm, tmp_path: Path
) -> None:
    broken = made()
    broken.weights["wide.categories"][3] = 3e38
    broken.weights["bias"][:] = 3e38
    run = broken.write(tmp_path / "run")
    file = World(60_000).write(tmp_path / "rows.csv")
    for command in ("predict", "eval"):
        with np.errstate(over="ignore"):
            result = dssm(command, "-m", run, "--threads", "2", file)
        assert result.code == 3 and "a prediction is not finite" in result.err


def test_options_of_pairs_are_refused_for_tables(dssm: Dssm, run: Path, file: Path) -> None:
    for options in (("--value", "label"), ("--columns", "query,title,label")):
        result = dssm("eval", "-m", run, *options, file)
        assert result.code == 2 and result.out == "" and result.err.count("\n") == 1
        assert f"{options[0]} is for PAIRS" in result.err


def test_a_run_of_texts_and_one_of_tables_are_not_compared(
    dssm: Dssm, run: Path, runs: dict[str, Path], file: Path
) -> None:
    for first, second in ((run, runs["cnn"]), (runs["cnn"], run)):
        result = dssm("eval", "-m", first, "-m", second, file)
        assert result.code == 2 and result.out == "" and result.err.count("\n") == 1
        assert "runs of one kind can be compared" in result.err


def test_quiet_says_nothing_and_bad_rows_are_counted(dssm: Dssm, run: Path, tmp_path: Path) -> None:
    rows = b"seg,bought\ns11,1\ns00\ns01,0\n"
    result = dssm("eval", "-m", run, "--bad-rows", "skip", "--json", "-", stdin=rows)
    assert objects(result.out)[0]["rows"] == 2 and "Skipped 1 bad row" in result.err
    quiet = dssm("eval", "-q", "-m", run, "--bad-rows", "skip", "--json", "-", stdin=rows)
    assert (quiet.out, quiet.err) == (result.out, "")


def test_labels_in_fields_are_those_of_the_task() -> None:
    binary = Task("t", "t", "binary")
    np.testing.assert_array_equal(
        labels_in(["1", " 0", "", "NA", "1.0"], binary, "x"), [1, 0, math.nan, math.nan, 1]
    )
    plan = Task("t", "t", "binary", ("paid", "trial"))
    np.testing.assert_array_equal(
        labels_in(["paid", "trial ", "free", "?"], plan, "x"), [1, 1, 0, math.nan]
    )
    assert labels_in([], binary, "x").shape == (0,)
    with pytest.raises(DataError, match='x: the task "t" has "2", expected 0 or 1'):
        labels_in(["1", "2"], binary, "x")


@pytest.mark.parametrize(("factor", "warned"), [(1, False), (60, True), (1 / 60, True)])
def test_labels_in_another_unit_than_those_learned_from_are_warned_of(
    dssm: Dssm, tmp_path: Path, factor: float, warned: bool
) -> None:
    random = np.random.default_rng(3)
    x, y = random.normal(size=300), random.normal(15, 4, 300)
    run = tmp_path / "run"
    table = write_table(tmp_path / "t.csv", {"x": [*map(str, x)], "y": [*map(str, y)]})
    small = ["--tower-units", "4", "--epochs", "1", "--threads", "1", "-q"]
    assert dssm("train-rec", "mmoe", table, "--task", "y:regression", *small, "-o", run).code == 0
    other = {"x": [*map(str, x + 1)], "y": [str(each * factor) for each in y]}
    err = dssm("eval", "-q", "-m", run, write_table(tmp_path / "o.csv", other)).err
    assert ("is it another unit" in err) == warned, err


def test_skewed_labels_like_those_learned_from_are_no_other_unit(
    dssm: Dssm, tmp_path: Path
) -> None:
    """Their median is far below their mean."""
    random = np.random.default_rng(3)
    values = [[str(each) for each in np.exp(3 * random.normal(size=400))] for _ in range(2)]
    x = [str(each) for each in random.normal(size=400)]
    first, second = (
        write_table(tmp_path / f"{i}.csv", {"x": x, "y": own}) for i, own in enumerate(values)
    )
    small = ["--tower-units", "4", "--epochs", "1", "--threads", "1", "-q", "-o", tmp_path / "run"]
    assert dssm("train-rec", "mmoe", first, "--task", "y:regression", *small).code == 0
    assert "another unit" not in dssm("eval", "-q", "-m", tmp_path / "run", second).err
