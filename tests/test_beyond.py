"""Numbers that training had not, in what is predicted later: repeated ones, and those in a mixture
of units; columns that a run cannot read are warned of also when quiet."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Dssm, run_command
from tables import SMALL_TABLE, UNITS, world, write_table

from dssmcli.data.beyond import Beyond, outside
from dssmcli.data.features import Numeric, Reader, Schema
from dssmcli.data.notation import Notation
from dssmcli.serving.predictor import Predictor, load_predictor

ROWS = 300
Columns = dict[str, list[str]]
Change = Callable[[Columns], None]


@pytest.fixture(name="run", scope="module")
def _run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("beyond")
    columns = world(600).columns
    columns["age"] = [f"{20 + float(each) % 50:.0f}" for each in columns["age"]]
    table = write_table(folder / "t.csv", columns)
    line = ("train-rec", "mmoe", table, "--task", "bought", "--ignore", "minutes", "--epochs", "1")
    with pytest.MonkeyPatch.context() as patch:
        done = run_command([*line, *UNITS["mmoe"], *SMALL_TABLE, "-o", folder / "r"], b"", patch)
    assert done.code == 0, done
    return folder / "r"


def later() -> Columns:
    columns = world(ROWS, seed=2).columns
    columns["age"] = [f"{20 + float(each) % 50:.0f}" for each in columns["age"]]
    return columns


def some(column: str, every: int, new: Callable[[str], str]) -> Change:
    def change(columns: Columns) -> None:
        texts = columns[column]
        columns[column] = [new(t) if i % every == 0 else t for i, t in enumerate(texts)]

    return change


SAID = {
    "-1": (some("age", 2, lambda _: "-1"), "age: -1 in 150 of 300 numbers, in training in none"),
    "few": (some("age", 25, lambda _: "-1"), "age: -1 in 12 of 300 numbers, in training in none"),
    "0": (some("age", 6, lambda _: "0"), "age: 0 in 50 of 300 numbers, in training in none"),
    "9999": (some("price", 10, lambda _: "9999"), "price: 9999 in 30 of 300 numbers, in training"),
    "cents": (some("price", 2, lambda t: f"{1000 * float(t):.0f}"), "price: 5"),
    "tenth": (some("price", 10, lambda t: f"{1e5 * float(t):.0f}"), "price: 11% of 300 numbers"),
    "capitals": (
        some("city", 1, str.upper),
        'city: 220 fields with a category not known ("OSLO, N"; in training "Oslo, N")',
    ),
    "comma": (
        some("price", 1, lambda t: f"{float(t):.2f}".replace(".", ",")),
        "price: 300 fields without a num",
    ),
    "thousands": (
        some("price", 1, lambda t: f"{1 + float(t):.3f}".replace(".", ",")),
        'price: "',
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_a_later_file_unlike_training_is_warned_of_also_when_quiet(
    name: str, run: Path, dssm: Dssm, tmp_path: Path
) -> None:
    change, said = SAID[name]
    columns = later()
    change(columns)
    table = write_table(tmp_path / "later.csv", columns)
    for line in (("predict",), ("gates",), ("eval", "--bootstrap", "0")):
        done = dssm(*line, "-q", "-m", run, table)
        assert done.code == 0 and done.err.count("\n") == 1, done
        where = f"{table}: " if line[0] == "eval" else ""
        assert done.err.startswith(f"Warning: {where}{said}"), done
    predictor = load_predictor(run)
    with pytest.warns(UserWarning, match=said.partition(" (")[0]):
        predictor.predict(columns)


def test_files_like_those_learned_from_are_not_warned_of(run: Path, dssm: Dssm) -> None:
    for rows in (40, 300, 3000):
        columns = world(rows, seed=rows).columns
        columns["age"] = [f"{20 + float(each) % 50:.0f}" for each in columns["age"]]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            load_predictor(run).predict(columns)


def test_each_file_of_an_eval_is_judged_by_itself(run: Path, dssm: Dssm, tmp_path: Path) -> None:
    good = write_table(tmp_path / "good.csv", later())
    columns = later()
    SAID["comma"][0](columns)
    bad = write_table(tmp_path / "bad.csv", columns)
    done = dssm("eval", "-q", "-m", run, good, good, bad, good, "--bootstrap", "0")
    (line,) = done.err.splitlines()
    assert line.startswith(f"Warning: {bad}: price: 300 fields without a number")


def test_several_processes_count_as_one(
    run: Path, dssm: Dssm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dssmcli.data import records

    columns = later()
    SAID["few"][0](columns)
    table = write_table(tmp_path / "later.csv", columns)
    one = dssm("predict", "-m", run, table, "--threads", "1")
    monkeypatch.setattr(records, "PIECE_BYTES", 700)
    assert dssm("predict", "-m", run, table, "--threads", "3").err == one.err != ""


def test_each_call_of_a_program_is_judged_by_itself(run: Path) -> None:
    predictor: Predictor = load_predictor(run)
    columns = later()
    SAID["-1"][0](columns)
    with pytest.warns(UserWarning, match="age: -1 in 150 of 300"):
        predictor.predict(columns)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predictor.predict(later())


@pytest.mark.parametrize(("decimal", "mark"), [(".", ","), (",", ".")])
@pytest.mark.parametrize("rows", [3, 200])
def test_a_mark_that_is_read_as_between_thousands_is_named_with_both_readings(
    decimal: str, mark: str, rows: int
) -> None:
    feature = Numeric("kg", 1, 1, 1, 1, (0.0, 1.0, 2.0, 3.0), True, False, Notation(decimal))
    texts = [f"1{mark}{947 - i}" for i in range(rows)]
    reader = Reader(Schema((), (feature,), values=2))
    reader.rows([texts])
    assert reader.summary == (
        f'Warning: kg: "1{mark}947" is 1947, as training had decimal '
        f"{'point' if decimal == '.' else 'comma'}s: {rows} of {rows} numbers are so outside of "
        f'all in training (0 to 3), and within if "{mark}" is the decimal mark. If it is, write '
        f'"1{decimal}947".'
    )
    reader.begin_anew()
    reader.rows([[text.replace(mark, decimal) for text in texts]])
    assert not reader.summary


def test_two_columns_whose_names_are_exchanged_are_named() -> None:
    quantity = Numeric("quantity", 1, 1, 1, 1, (1.0, 10.0, 20.0, 40.0), False, False)
    price = Numeric("price", 1, 1, 1, 1, (2.0, 90.0, 400.0, 3000.0), False, False)
    share = Numeric("share", 1, 1, 1, 1, (0.0, 0.3, 0.6, 1.0), True, False)
    few, many = ([str(each) for each in np.linspace(*ends, 300)] for ends in ((1, 40), (3, 2900)))
    reader = Reader(Schema((), (quantity, price, share), values=2))
    reader.rows([many, few, ["0.5"] * 300])
    (line,) = (each for each in reader.summary.splitlines() if each.startswith("Warning: quantity"))
    assert line.endswith(
        "Its numbers are such as price had in training, and those of price such as quantity had: "
        "are the two names exchanged?"
    )
    reader.begin_anew()
    reader.rows([few, many, ["0.5"] * 300])
    assert not reader.summary


def test_tails_are_no_other_unit() -> None:
    random = np.random.default_rng(1)
    warned = 0
    for _ in range(200):
        seen, now = (np.exp(2 * random.normal(size=300)) for _ in range(2))
        beyond = Beyond(float(seen.min()), float(seen.max()))
        beyond.take(outside(now, float(seen.min()), float(seen.max()), zero=False))
        warned += bool([*beyond.lines("x", 300, shifted=False)])
    assert warned <= 2


@pytest.mark.parametrize("numbers", [[10.0], [10.0, 30.0, 50.0, 90.0], [1e9], [-5.0, -7.0]])
def test_a_few_numbers_far_outside_are_told_if_all_are(numbers: list[float]) -> None:
    beyond = Beyond(0.009, 0.998)
    beyond.take(np.array(numbers))
    (line,) = beyond.lines("rate", len(numbers), False)
    assert f"100% of {len(numbers)} number" in line and "another unit or way of writing?" in line
    assert not [*beyond.lines("rate", len(numbers) + 1, False)]
    near = Beyond(0.009, 0.998)
    near.take(np.array([1.2] * len(numbers)))
    assert not [*near.lines("rate", len(numbers), False)]
