"""What tables are taken for: tasks as a user names them, features, and what gives labels away."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import table_of

from dssmcli.data.examples import Examples, examples_of
from dssmcli.data.features import Categorical, Numeric, Reader, Schema, schema_from_json
from dssmcli.data.inference import FeatureInput, Understood, understand
from dssmcli.data.suspects import suspects
from dssmcli.data.tasks import (
    Task,
    check_positive,
    labels_of,
    parse_task,
    parse_tasks,
    target_from_dict,
    targets_of,
)
from dssmcli.errors import ConfigError, DataError, RunError

NOTHING = FeatureInput()
NAMES = ["income", "price", "a=b", "a", "x:regression", "x", "plan"]
RANDOM = np.random.default_rng(5)


def labels(task: Task, *values: object) -> list[float]:
    found: list[float] = labels_of(table_of(y=values), task, "t.csv").tolist()
    return found


@pytest.mark.parametrize(
    ("spec", "task"),
    [
        ("income", Task("income", "income", "binary")),
        ("income:binary", Task("income", "income", "binary")),
        ("price:regression", Task("price", "price", "regression")),
        ("income= 50000+.", Task("income", "income", "binary", (" 50000+.",))),
        ("plan=paid|trial", Task("plan", "plan", "binary", ("paid", "trial"))),
        ("plan=a=b:c", Task("plan", "plan", "binary", ("a=b:c",))),
        ("a=b", Task("a=b", "a=b", "binary")),
        ("a=b=c", Task("a=b", "a=b", "binary", ("c",))),
        ("a=c", Task("a", "a", "binary", ("c",))),
        ("x:regression", Task("x:regression", "x:regression", "binary")),
        ("x:regression:regression", Task("x:regression", "x:regression", "regression")),
    ],
)
def test_a_task_is_what_its_spelling_says(spec: str, task: Task) -> None:
    assert parse_task(spec, NAMES) == task


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("incme=1", 'no such column, found "income, price, a=b.*Did you mean "income"'),
        ("zzz", r'"zzz": no such column, found "income.*plan"\. The first line names the col'),
        ("price:regresion", '"regresion", expected binary or regression. Did you mean regression'),
    ],
)
def test_a_misspelt_task_is_told_the_nearest(spec: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_task(spec, NAMES)


def test_several_tasks_of_a_column_are_called_as_they_are_written_and_none_stands_twice() -> None:
    tasks = parse_tasks(["plan=paid", "income", "plan=trial"], NAMES)
    assert [task.name for task in tasks] == ["plan=paid", "income", "plan=trial"]
    with pytest.raises(ConfigError, match='"income": given twice'):
        parse_tasks(["income", "income"], NAMES)


def test_labels_are_ones_and_zeros_numbers_or_missing() -> None:
    nan = pytest.approx(math.nan, nan_ok=True)
    assert labels(Task("y", "y", "binary"), "1", "0", "1.0", " 0 ", "", "NA", "?") == [
        *(1, 0, 1, 0, nan, nan, nan)
    ]
    chosen = Task("y", "y", "binary", ("yes", "?"))
    assert labels(chosen, "yes", " yes ", "no", "", "?") == [1, 1, 0, nan, 1]
    assert labels(Task("y", "y", "regression"), "-2.5", "1e3", "null") == [-2.5, 1000, nan]


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("binary", ("ok", "yes", "no"), r"has \"ok\", expected 0 and 1.*--task 'y=yes'\."),
        ("binary", ("False", "True", "Tru"), r"--task 'y=True'\."),
        ("binary", ("paid", "free", "?"), r"--task 'y=free'\.$"),
        ("binary", (-1, 1), r"has \"-1\", expected 0 and 1.*--task 'y=1'\.$"),
        ("binary", (1, 2, 3), r"has \"2\", \"3\".*--task 'y:regression'.*'y=VALUE\|VALUE'"),
        ("regression", ("dear", "cheap"), "has .* expected numbers from.*'y=cheap'"),
        (
            "regression",
            ("1", "1e308"),
            r'has "1e308", expected numbers from .*, all in one unit\.$',
        ),
        ("regression", ("1", "inf"), 'has "inf"'),
    ],
)
def test_a_label_that_is_none_is_told_with_what_to_write(
    kind: str, values: tuple[object, ...], said: str
) -> None:
    with pytest.raises(DataError, match=f't.csv: the task "y" {said}' if said[0] == "h" else said):
        labels(Task("y", "y", kind), *values)


def test_a_value_that_no_row_has_is_told_the_nearest_where_it_is_trained_on_only() -> None:
    table = table_of(y=[" paid", "free"])
    check_positive(table, [Task("y", "y", "binary", ("paid", "free"))], "t.csv")
    task = Task("y", "y", "binary", ("payd",))
    with pytest.raises(DataError, match=r'no y is "payd".*Did you mean " paid"'):
        check_positive(table, [task], "t.csv")
    assert labels(task, "paid", "free") == [0, 0]
    with pytest.raises(DataError, match=r'v.csv: the header has no column "z".*'):
        labels_of(table, Task("z", "z", "binary"), "v.csv")


def test_targets_hold_mean_and_scale_and_refuse_what_nothing_can_be_learned_of() -> None:
    tasks = [Task("b", "b", "binary"), Task("n", "n", "regression")]
    values = np.array([[0, 2], [1, 4], [math.nan, math.nan]], np.float32)
    binary, number = targets_of(tasks, values, {"n": 3.0}, "t.csv")
    assert (binary.weight, binary.mean, binary.scale) == (1.0, 0.0, 1.0)
    assert (number.weight, number.mean, number.scale) == (3.0, 3.0, 1.0)
    assert target_from_dict(number.to_dict(), "c") == number
    with pytest.raises(RunError, match=r"config.json: a task is"):
        target_from_dict({**number.to_dict(), "scale": 0.0}, "config.json")
    for wrong in (math.nan, math.inf, 10**400, -1e31):
        for name in ("mean", "scale", "weight"):
            with pytest.raises(RunError, match=r"config.json: a task is"):
                target_from_dict({**number.to_dict(), name: wrong}, "config.json")
    with pytest.raises(ConfigError, match="--task-weight: a task is 'm', expected one of b, n"):
        targets_of(tasks, values, {"m": 1.0}, "t.csv")
    with pytest.raises(DataError, match='every label of the task "b" is 1'):
        targets_of(tasks, values[1:2], {}, "t.csv")
    with pytest.raises(DataError, match='task "b" has no label'):
        targets_of(tasks, values[2:], {}, "t.csv")


def found_in(given: FeatureInput = NOTHING, **columns: Sequence[object]) -> Understood:
    return understand(table_of(**columns), [Task("y", "y", "binary")], given)


def kinds(found: Understood) -> tuple[list[str], list[str]]:
    return [f.name for f in found.schema.categorical], [f.name for f in found.schema.numeric]


N = 200
MANY = [f"{i / 7:.3f}" for i in range(N)]
COLUMNS: dict[str, Sequence[object]] = {
    "y": [i % 2 for i in range(N)],
    "word": ["abc"[i % 3] for i in range(N)],
    "few": [i % 2 for i in range(N)],
    "more": [i % 20 for i in range(N)],
    "half": [i % 30 / 2 if i else "" for i in range(N)],
    "same": ["x"] * N,
    "name": [f"n{i}" for i in range(N)],
    "key": [9000 - i for i in range(N)],
    "mixed": ["odd" if i == 3 else MANY[i] for i in range(N)],
}


def test_columns_are_categories_numbers_or_left_out_and_doubts_are_told() -> None:
    found = found_in(**{**COLUMNS, "mixed": ["odd" if i == 3 else i % 99 for i in range(N)]})
    columns = ["word", "few", "more", "half", "mixed"], ["more", "half", "key", "mixed"]
    assert kinds(found) == columns
    assert found.lines == [
        "Categories: word (3 values), few (2 values).",
        "Numbers: more (20 values, categories too), half (31 values, categories too), key, "
        "mixed (100 values, categories too).",
        "Left out: same, name.",
        "Missing, in how many rows: half 1 (empty).",
    ]
    assert [warning.partition(":")[0] for warning in found.warnings] == [
        *("same", "name", "key", "mixed")
    ]
    assert 'every row has "x"' in found.warnings[0]
    assert "--categorical 'name'" in found.warnings[1]
    assert "--ignore 'key'" in found.warnings[2]
    assert found.warnings[3] == (
        'mixed: numbers, but 1 of 200 rows has another text ("odd"): its number counts as missing, '
        "each a category besides. To take all its texts as categories: --categorical 'mixed'."
    )


def test_what_the_user_says_of_a_column_stands() -> None:
    given = FeatureInput(("few", "word", "few"), ("more", "name"), ("mixed",))
    found = found_in(given, **COLUMNS)
    assert kinds(found) == (["more", "half", "name"], ["half", "key", "mixed"])
    assert found.lines[-2] == "Left out: few, word, same."
    assert [warning.partition(":")[0] for warning in found.warnings] == ["same", "key", "mixed"]
    assert '1 of 200 rows has another text ("odd"): its number counts' in found.warnings[2]
    mixed = found.schema.numeric[2]
    assert mixed.missing, "what is no number counts as missing"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (FeatureInput(("wrd",)), '--ignore "wrd": no such column. Did you mean "word"'),
        (FeatureInput((), ("y",)), '--categorical "y": a task\'s column is never a feature'),
        (FeatureInput((), (), ("y",)), '--numeric "y": a task\'s column is never a feature'),
        (FeatureInput(("few",), ("few",)), '"few" is named by two of --ignore, --categorical'),
        (FeatureInput(min_count=0), "--min-count is 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: FeatureInput, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        found_in(given, **COLUMNS)


def test_a_task_s_column_is_no_feature_and_something_must_be_left() -> None:
    assert "y" not in found_in(FeatureInput(("y",)), **COLUMNS).schema.names
    for columns, said in (({}, "All are tasks"), ({"x": ["a", "a"]}, 'x: every row has "a"')):
        with pytest.raises(DataError, match=f"no column is left to learn from. {said}"):
            found_in(y=[0, 1], **columns)
    assert found_in(y=[0, 1], x=["NA"] * 2, z=[*"ab"]).warnings[0].startswith("x: no row has a v")
    with pytest.raises(DataError, match="x: no row has a number"):
        found_in(FeatureInput(numeric=("x",)), y=[0, 1], x=["a", "b"])


def test_an_index_without_a_name_is_left_out_and_one_that_means_something_is_not() -> None:
    columns = {"y": [0, 1] * 100, "column_1": range(200), "x": [i % 40 / 2 for i in range(200)]}
    found = found_in(**columns)
    assert kinds(found) == (["x"], ["x"]) and "numbers the rows" in found.warnings[0]
    named = {**columns, "Unnamed: 0": range(200, 400), "column_1": [*range(199, -1, -1)]}
    assert kinds(found_in(**named)) == (["x"], ["column_1", "x"])
    kept = found_in(FeatureInput(numeric=("column_1",)), **columns)
    assert kinds(kept) == (["x"], ["column_1", "x"]) and not kept.warnings


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("2024-01-{:02d} {:02d}:00", "give what matters of dates"),
        ("1/{}/202{}", "give what matters of dates"),
        ("{}-{}", ""),
        ("v{}.{}", ""),
    ],
)
def test_texts_that_mean_numbers_or_dates_are_told(form: str, said: str) -> None:
    texts = [form.format(i % 9, i % 10) for i in range(N)]
    found = found_in(y=COLUMNS["y"], x=texts, word=COLUMNS["word"])
    assert len(found.warnings) == bool(said) and said in "".join(found.warnings)


def test_of_many_columns_the_first_are_told() -> None:
    many = {f"c{i}": ["a", "b"] for i in range(1000)}
    (line,) = found_in(y=[0, 1], **many).lines
    assert line.endswith("c59 (2 values) and 940 more.")


def test_rare_categories_are_left_unknown_and_the_frequent_come_first() -> None:
    found = found_in(FeatureInput(min_count=2), y=[0, 1] * 4, x=[*"cbabbcda"])
    assert found.schema.categorical == (Categorical("x", ("b", "a", "c")),)
    reader = Reader(found.schema)
    assert reader.rows([["b", "c", "d", "zzz", ""]]).codes[:, 0].tolist() == [1, 3, 0, 0, 0]
    assert reader.met[:2].tolist() == [[3], [0]]


@given(
    st.lists(
        st.one_of(st.floats(allow_nan=False), st.sampled_from(["", "NA", "1e308", "-1e308", 0])),
        min_size=3,
        max_size=30,
    )
)
def test_whatever_numbers_there_are_their_forms_are_finite(numbers: list[object]) -> None:
    rows = [*numbers, 0.25, 1.75]
    given = FeatureInput(numeric=("x",))
    schema = found_in(given, y=[0, *[1] * (len(rows) - 1)], x=rows).schema
    assert schema_from_json(schema.to_json(), Path("features.json")) == schema
    texts = [*map(str, rows), "", "inf", "1e308", "-1e308", "0", "1e-320", "word"]
    forms = Reader(schema).rows([texts]).numbers
    assert forms.shape == (len(texts), schema.width) and np.isfinite(forms).all()


def test_numbers_have_their_own_forms_and_what_is_missing_has_an_indicator() -> None:
    found = found_in(y=[0, 1] * 50, x=["", 0.0, 1.5, 3.0] * 25)
    (feature,) = found.schema.numeric
    assert feature.mean == pytest.approx(1.5) and feature.scale == pytest.approx(math.sqrt(1.5))
    reader = Reader(found.schema)
    forms = reader.rows([["", "0", "1.5", "3", "99", "x"]]).numbers
    assert forms[:, 0] == pytest.approx([0, -1.2247, 0, 1.2247, 1.2247, 0], abs=1e-4)
    assert (forms[0] == forms[5]).all() and (forms[0] != forms[2]).any(), "missing is no mean"
    assert (forms[3] == forms[4]).all(), "beyond what training had is its last"
    assert reader.met[:2].tolist() == [[0], [1]]


def test_the_examples_in_memory_are_what_the_reader_makes_of_their_texts() -> None:
    table = table_of(**COLUMNS)
    tasks = [Task("y", "y", "binary"), Task("more", "more", "regression")]
    schema = understand(table, tasks, FeatureInput()).schema
    examples = examples_of(table, Reader(schema), tasks, "t.csv")
    chosen = np.array([5, 0, 199, 77])
    texts = [[str(COLUMNS[name][i]) for i in chosen] for name in schema.names]
    rows, again = examples.rows(chosen), Reader(schema).rows(texts)
    assert (rows.codes == again.codes).all() and (rows.numbers == again.numbers).all()
    assert examples.labels[chosen].tolist() == [[1, 5], [0, 0], [1, 19], [1, 17]]
    lacking = table._replace(columns={n: c for n, c in table.columns.items() if n != "word"})
    with pytest.raises(DataError, match=r'v.csv: the header has no column "word"'):
        examples_of(lacking, Reader(schema), tasks, "v.csv")


def told(label: np.ndarray, kind: str = "binary", **columns: Sequence[object]) -> list[str]:
    table = table_of(y=[f"{value:g}" for value in label], **columns)
    task = Task("y", "y", kind)
    schema = understand(table, [task], FeatureInput()).schema
    reader = Reader(schema)
    examples: Examples = examples_of(table, reader, [task], "t.csv")
    return [warning.partition(" alone")[0] for warning in suspects(reader, examples, [task])]


@pytest.mark.parametrize("order", ["drawn", "sorted", "in turn"])
def test_a_feature_that_gives_the_label_away_is_told_and_noise_is_not(order: str) -> None:
    rows = 2000
    label = {
        "drawn": RANDOM.integers(2, size=rows),
        "sorted": np.arange(rows) * 2 // rows,
        "in turn": np.arange(rows) % 2,
    }[order]
    assert told(
        label,
        status=[["open", "shut"][y] for y in label],
        paid=[f"{7 + y + RANDOM.random() / 2:.4f}" for y in label],
        refund=[f"{RANDOM.random():.4f}" if y else "" for y in label],
        noise=[f"{x:.4f}" for x in RANDOM.normal(size=rows)],
        street=[f"s{i}" for i in RANDOM.integers(300, size=rows)],
        good=[f"{y + RANDOM.normal():.4f}" for y in label],
    ) == ["status", "paid", "refund"]


def test_a_feature_that_is_the_number_to_predict_in_another_unit_is_told() -> None:
    euros = RANDOM.normal(100, 30, size=2000)
    assert told(
        euros,
        "regression",
        cents=[f"{value * 100:.1f}" for value in euros],
        near=[f"{value + RANDOM.normal(0, 30):.1f}" for value in euros],
    ) == ["cents"]


def test_few_labels_raise_no_alarm() -> None:
    for seed in range(5):
        random = np.random.default_rng(seed)
        label = np.zeros(400, int)
        label[random.integers(400, size=3)] = 1
        noise = {f"c{i}": [f"v{v}" for v in random.integers(40, size=400)] for i in range(60)}
        assert told(label, **noise) == []


def test_damaged_features_are_one_line() -> None:
    for text, said in (
        ("{", "not valid JSON"),
        ("{}", "expected lists of categorical and numeric"),
        ('{"categorical": [{"name": 1, "values": []}], "numeric": []}', "name is 1"),
        ('{"categorical": [], "numeric": [{"name": "x"}]}', "is missing"),
    ):
        with pytest.raises(RunError, match=said):
            schema_from_json(text, Path("features.json"))
    assert Schema((), ()).width == 0 and Numeric.__doc__


def test_a_number_is_one_category_however_it_is_written() -> None:
    found = found_in(y=[0, 1] * 30, rooms=["1", "2", "3.0", " 2", "NA", "1.0"] * 10)
    coded, (number,) = found.schema.categorical[0], found.schema.numeric
    assert set(coded.values) == {"1", "2", "3", ""} and number.name == "rooms"
    rows = Reader(found.schema).rows([["2", "2.0", "2e0", " 2", "3", "NA", "9"]])
    assert len(set(rows.codes[:4, 0].tolist())) == 1 and (rows.numbers[0] == rows.numbers[1]).all()
    assert len(set(rows.codes[:, 0].tolist())) == 4


def test_what_begins_with_a_zero_is_a_code_and_no_number() -> None:
    found = found_in(y=[0, 1] * 30, post=["01010", "20095", "80331"] * 20)
    assert kinds(found) == (["post"], [])
