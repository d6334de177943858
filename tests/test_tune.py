"""The search for settings: what is drawn, who goes on, and that the winner is an ordinary run."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Dssm, write_pairs

from dssmcli.data.tsv import BadRows
from dssmcli.errors import DataError, DivergedError
from dssmcli.presets import settings_of
from dssmcli.training.finish import run_contents
from dssmcli.training.loop import Step
from dssmcli.training.space import drawn, with_settings
from dssmcli.training.space import settings_of as by_name
from dssmcli.training.task import PairsInput, TextTask, build_task
from dssmcli.training.text import Evaluation, TextState, train_text
from dssmcli.training.trials import Trial, progress, table
from dssmcli.training.tune import Search, _leaders, _whole_trainings

TINY = {"dim": 8, "hidden": (12,), "lexical": 16, "threads": 1, "epochs": 4, "patience": 9}
OPTIONS = [item for name, value in TINY.items() for item in (f"--{name}", str(value))]
OPTIONS[OPTIONS.index("(12,)")] = "12"


def make_task(folder: Path, labelled: bool = True, **more: object) -> TextTask:
    pairs = write_pairs(folder / "p.tsv", 200, labelled)
    settings = settings_of({**TINY, **more}, "dnn", "default")
    given = PairsInput([str(pairs)], scratch=folder)
    return build_task(given, settings, BadRows(False, None), lambda _: None)


def searched(
    task: TextTask, folder: Path, ticks: int, fixed: frozenset[str] | None = None
) -> Search:
    """Return a search that is over; its clock goes on by 1 with each look at it."""
    clock = itertools.count().__next__
    search = Search(task, fixed or frozenset(), folder, ticks, lambda: float(clock()))
    for _ in search.trials_advanced():
        pass
    return search


def test_what_is_drawn_depends_on_the_seed_and_the_number_alone(tmp_path: Path) -> None:
    task = make_task(tmp_path)
    trials = [drawn(task, frozenset(), number) for number in range(1, 41)]
    assert trials == [drawn(task, frozenset(), number) for number in range(1, 41)]
    assert trials[0] == {} and all(trials.count(each) == 1 for each in trials)
    other = make_task(tmp_path, seed=2)
    assert trials[1:] != [drawn(other, frozenset(), number) for number in range(2, 41)]
    now = by_name(task)
    for changed in trials:
        assert all(now[name] != value for name, value in changed.items())
        tried = by_name(with_settings(task, changed))
        assert {name for name in now if tried[name] != now[name]} - {"tower"} == set(changed)
    varied = set().union(*trials)
    assert {"learning_rate", "gamma", "hidden", "lexical", "logistic", "unit_dropout"} <= varied
    assert "filters" not in varied and "dim" not in varied and "seed" not in varied


def test_settings_that_are_given_stay_and_change_nothing_for_the_others(tmp_path: Path) -> None:
    task, fixed = make_task(tmp_path), frozenset({"gamma", "epochs"})
    for number in range(1, 41):
        free = drawn(task, frozenset(), number)
        rest = {name: value for name, value in free.items() if name not in fixed}
        assert drawn(task, fixed, number) == rest


def test_settings_that_are_off_or_without_effect_stay(tmp_path: Path) -> None:
    clicks = make_task(tmp_path, labelled=False, lexical=0)
    still = make_task(tmp_path, softmax=0.0)
    for number in range(2, 41):
        assert not {"logistic", "regression", "lexical"} & set(drawn(clicks, frozenset(), number))
        # The logistic loss stands alone: its weight is a matter of the learning rate.
        without = {"gamma", "random_negatives", "logistic"}
        assert not without & set(drawn(still, frozenset(), number))


def test_a_bracket_costs_what_its_halvings_cost() -> None:
    assert _whole_trainings(1, 0.1) == pytest.approx(1)
    assert _whole_trainings(9, 0.1) == pytest.approx(9 / 9 + 3 * 2 / 9 + 1 * 2 / 3)
    assert _whole_trainings(27, 0.1) == pytest.approx(27 / 9 + 9 * 2 / 9 + 3 * 2 / 3)
    # Of two epochs one is the least.
    assert _whole_trainings(9, 0.5) == pytest.approx(9 / 2 + 1 * 1 / 2)


def test_those_go_on_whom_training_has_brought_highest(tmp_path: Path) -> None:
    task = make_task(tmp_path)
    trials = [Trial(number, task, {}) for number in range(4)]
    for trial, latest in zip(trials, (0.6, 0.9, float("-inf"), 0.8), strict=True):
        trial.latest, trial.score = latest, 0.95  # of the untrained start, all alike
    assert _leaders(trials, 2) == [trials[1], trials[3]]
    assert trials[2] not in _leaders(trials, 4)


def test_the_best_third_goes_on_and_ends_as_a_training_of_its_own(
    dssm: Dssm, tmp_path: Path
) -> None:
    task = make_task(tmp_path, precision="float32")  # what a command has found out of `auto`
    search = searched(task, tmp_path, 180)
    assert search.trials[0].finished and search.trials[0].options == ""
    assert len(search.trials) > 9, "there was time for more"
    whole = [trial for trial in search.trials[1:] if trial.finished]
    assert 1 <= len(whole) <= len(search.trials) / 3
    for trial in search.trials:
        assert (trial.epochs == trial.task.config.epochs) == trial.finished
    kept = next(t for t in whole if (tmp_path / f"trial-{t.number}.safetensors").exists())
    run, options = tmp_path / "run", [*OPTIONS, *kept.options.split()]
    made = dssm("train", tmp_path / "p.tsv", "--arch", "dnn", *options, "-q", "-o", run)
    assert made.code == 0, made.err
    contents = run_contents(kept.task, search.state_of(kept))
    assert contents == {name: (run / name).read_bytes() for name in contents}
    left = {path.name for path in tmp_path.glob("trial-*")}
    assert len(left) < len(search.trials) / 2, "what has lost is not kept"


def test_the_first_trial_may_take_all_the_time_and_stops_at_an_evaluation(tmp_path: Path) -> None:
    search = searched(make_task(tmp_path, epochs=50), tmp_path, 8)
    assert [trial.number for trial in search.trials] == [1]
    assert not search.best.finished and 1 <= search.best.epochs <= 8


def test_a_trial_that_diverges_has_lost_and_the_first_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dssmcli.training import tune

    def bad(task: TextTask, state: TextState) -> Iterator[Step | Evaluation]:
        if task.config.learning_rate != 1e-3:
            raise DivergedError("The loss became nan.")
        yield from train_text(task, state)

    monkeypatch.setattr(tune, "train_text", bad)
    monkeypatch.setattr(tune, "drawn", lambda _, __, n: {} if n == 1 else {"learning_rate": 2.0})
    search = searched(make_task(tmp_path), tmp_path, 40)
    assert search.best.number == 1 and len(search.trials) > 2
    assert all(trial.score == float("-inf") for trial in search.trials[1:])
    assert [path.name for path in tmp_path.glob("trial-*")] == ["trial-1.safetensors"]
    with pytest.raises(DivergedError, match="became nan"):
        searched(make_task(tmp_path, learning_rate=2.0), tmp_path, 40)


def test_there_must_be_rows_to_validate_on(dssm: Dssm, tmp_path: Path) -> None:
    task = make_task(tmp_path, valid_share=0.0)
    with pytest.raises(DataError, match="--tune compares settings on validation rows"):
        Search(task, frozenset(), tmp_path, 9.0)
    result = dssm(
        "train", tmp_path / "p.tsv", "--valid-share", "0", "--tune", "1", "-o", tmp_path / "r"
    )
    assert result.code == 3 and "--valid FILE" in result.err and not (tmp_path / "r").exists()


def test_a_search_is_not_resumed(dssm: Dssm, tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 100)
    for options, said in ((["--tune", "1", "--resume"], "--resume"), (["--tune", "0"], "--tune")):
        result = dssm("train", pairs, *options, "-o", tmp_path / "r")
        assert result.code == 2 and said in result.err


def test_the_run_and_the_trials_are_written(dssm: Dssm, tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 200)
    options = ["--arch", "dnn", *OPTIONS, "--gamma", "15", "--tune", "0.02"]
    made = dssm("train", pairs, *options, "-o", tmp_path / "r")
    assert made.code == 0, made.err
    assert sorted(x.name for x in tmp_path.iterdir()) == ["p.tsv", "r", "r.trials.tsv"]
    head, *rows = [x.split("\t") for x in (tmp_path / "r.trials.tsv").read_text().splitlines()]
    assert head == ["trial", "epochs", "seconds", "auc", "kept", "settings"]
    assert [row[4] for row in rows].count("kept") == 1 and rows[0][4] == "kept"
    assert {row[0] for row in rows} == {str(i + 1) for i in range(len(rows))}
    assert not any("--gamma" in row[5] for row in rows)
    config = json.loads((tmp_path / "r" / "config.json").read_text())
    assert config["loss"]["gamma"] == 15
    assert config["validation"]["auc"] == pytest.approx(float(rows[0][3]), abs=1e-6)
    assert "trial 1: epoch" in made.err and dssm("info", "-m", tmp_path / "r").code == 0


def test_trials_are_told_in_a_line_and_a_table_the_best_first(tmp_path: Path) -> None:
    task = make_task(tmp_path)
    first = Trial(1, task, {}, "auc", 4.0, 2.0, 0.8, 0.8, True)
    second = Trial(2, task, {"learning_rate": 0.002, "hidden": (6, 7)}, "auc", 1.0, 0.5, 0.9, 0.9)
    third = Trial(3, task, {"gamma": 40.0})
    assert progress(second, second) == (
        "trial 2: epoch 1.0 of 4  auc 0.9000  0.5 s  best so far  "
        "--learning-rate 0.002 --hidden 6,7"
    )
    assert "settings as given" in progress(first, second) and "trial 2, 0.9" in progress(
        first, second
    )
    assert "diverged" in progress(third, second)
    found = table([first, second, third], second)
    assert found.to_tsv().splitlines()[1:] == [
        "2\t1.0\t0.5\t0.900000\tkept\t--learning-rate 0.002 --hidden 6,7",
        "1\t4.0\t2.0\t0.800000\t\t",
        "3\t0.0\t0.0\t\t\t--gamma 40",
    ]
    assert found.aligned()[0].index("seconds") == found.aligned()[1].index("0.5")
