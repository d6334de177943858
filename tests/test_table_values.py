"""What the texts of tables mean: situations as people have them, each with the right answer."""

from __future__ import annotations

import datetime
import decimal
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import Dssm
from tables import table_of

from dssmcli.data.features import Categorical, Numeric, Reader, Schema, schema_from_json
from dssmcli.data.inference import FeatureInput, Understood, understand
from dssmcli.data.label_texts import LabelTexts, label_lines, settled
from dssmcli.data.tasks import Task, check_positive, labels_in, labels_of, parse_tasks
from dssmcli.errors import DataError

ROWS = 300
RANDOM = random.Random(3)
NUMBERS = [round(RANDOM.gauss(0, 1), 4) for _ in range(ROWS)]
WHOLE = [RANDOM.randrange(1, 2000) for _ in range(ROWS)]


def understood(texts: Sequence[object], given: FeatureInput | None = None) -> Understood:
    table = table_of(x=texts, other=[i % 3 for i in range(len(texts))], y=[0] * len(texts))
    return understand(table, [Task("y", "y", "binary")], given or FeatureInput())


def numeric(found: Understood) -> Numeric:
    (feature,) = [each for each in found.schema.numeric if each.name == "x"]
    return feature


@pytest.mark.parametrize(
    ("text", "todo"),
    [
        (lambda n: f"0:{n // 60:02}:{n % 60:02}", "give durations as seconds"),
        (lambda n: f"{n // 60}m{n % 60}s", "give durations as seconds"),
        (lambda n: f"{n}/10", "what the fraction comes to"),
        (hex, "hexadecimal"),
        (lambda n: f"约{n}元", "without what says how exact"),
        (lambda n: f"~{n}", "without what says how exact"),
        (lambda n: f"{n // 1000}_{n % 1000:03}", "without underscores"),
    ],
)
def test_numbers_that_are_not_read_are_told_with_what_to_do(
    text: Callable[[int], str], todo: str
) -> None:
    texts = [text(number % 700) for number in WHOLE]
    (warning,) = understood(texts).warnings
    assert "and the like are not read as numbers" in warning and todo in warning
    assert "--categorical 'x'" in warning
    assert not understood(texts, FeatureInput(categorical=("x",))).warnings


def test_percentages_beside_plain_numbers_are_warned_of() -> None:
    texts = [f"{n / 100}%" if i % 2 else f"{n / 1e4}" for i, n in enumerate(WHOLE)]
    (warning,) = understood(texts).warnings
    assert "some numbers have a percent sign and others have none" in warning


MISSING = [r"\N", "-", "(null)", ".", "#DIV/0!", "#N/A", "NULL", "nan", "None", "n/a", "--", "?"]


@pytest.mark.parametrize("word", [*MISSING, "", "NaT", "<NA>", "—", "空"])
def test_a_fifth_of_missing_values_leaves_a_column_of_numbers(word: str) -> None:
    found = understood([word if i % 5 == 0 else number for i, number in enumerate(NUMBERS)])
    feature = numeric(found)
    assert feature.missing and not found.warnings
    assert np.isnan(feature.numbers([word])[0])
    assert any(line.startswith("Missing, in how many rows: x 60 (") for line in found.lines)


@pytest.mark.parametrize(
    ("strange", "count"),
    [("unknown", 60), ("inf", 60), ("error", 3), ("见备注", 60), ("-inf", 3), ("closed", 30)],
)
def test_strange_words_are_missing_and_named(strange: str, count: int) -> None:
    step = ROWS // count
    found = understood([strange if i % step == 0 else x for i, x in enumerate(NUMBERS)])
    assert numeric(found).missing
    (warning,) = found.warnings
    assert warning.startswith(f'x: numbers, but {count} of 300 rows have other texts ("{strange}")')
    assert warning.endswith("--categorical 'x'.")
    asked = understood([strange, *NUMBERS[1:]], FeatureInput(categorical=("x",)))
    assert "x" in [each.name for each in asked.schema.categorical]


@pytest.mark.parametrize(
    ("write", "text", "number"),
    [
        (lambda x: f"{1000 * x + 5000:,.2f}", "4,490.30", 4490.3),
        (lambda x: f"￥{x + 5:.2f}", "￥99", 99),
        (lambda x: f"￥{x + 5:.2f}", "99", 99),
        (lambda x: f"{x + 5:.2f}元", "99元", 99),
        (lambda x: f"{x + 5:.2f}元", "￥99", 99),
        (lambda x: f"({-x:.3f})" if x < 0 else f"{x:.3f}", "(9.5)", -9.5),
        (lambda x: f"\u00a0{x:.3f}\u00a0", "\u00a09.5", 9.5),
        (lambda x: f"{x:.3f}".replace("-", "−"), "−9.5", -9.5),
        (lambda x: f"{x * 10 + 50:.1f} %", "9.5 %", 0.095),
        (lambda x: f"{x:.3f}".replace(".", ","), "3,5", 3.5),
        (lambda x: f"{x + 9:.2f}kg", "12kg", 12),
        (lambda x: f"{x + 9:.2f} ms", "12 ms", 12),
        (
            lambda x: f"{x + 9:.2f}".translate(str.maketrans("0123456789", "０１２３４５６７８９")),
            "９",
            9,
        ),
        (lambda x: f"{x + 5:.2f}万", "1.2万", 12000),
        (lambda x: f"${x + 5:.2f}", "$1,234.5", 1234.5),
        (lambda x: f"{x:.3e}", "1.5E+3", 1500),
        (lambda x: f"{1e4 * x + 1e5:,.0f}".replace(",", " "), "12 345", 12345),
    ],
)
def test_numbers_are_read_as_they_are_written(
    write: Callable[[float], str], text: str, number: float
) -> None:
    found = understood([write(x) for x in NUMBERS])
    feature = numeric(found)
    assert feature.numbers([text])[0] == pytest.approx(number)
    assert not found.warnings and np.isnan(feature.numbers(["-"])[0])
    again = schema_from_json(found.schema.to_json(), Path("features.json"))
    assert again == found.schema, "a run reads as its training did"


@pytest.mark.parametrize(
    ("texts", "kind", "values"),
    [
        ([str(6 * 10**18 + i % 100 * 7) for i in range(ROWS)], "category", 100),
        ([str(2**53 + i % 50) for i in range(ROWS)], "category", 50),
        ([["yes", "yes ", "no", "Yes", "YES"][i % 5] for i in range(ROWS)], "category", 2),
        ([["1", "1.0", "True", "0", "0.0"][i % 5] for i in range(ROWS)], "category", 2),
        ([["是", "否", "是 "][i % 3] for i in range(ROWS)], "category", 2),
        ([["Ａ", "A", "B"][i % 3] for i in range(ROWS)], "category", 2),
        ([["a", "", "NULL", r"\N", "-"][i % 5] for i in range(ROWS)], "category", 2),
        ([f"{i % 40:05d}" for i in range(ROWS)], "category", 40),
        ([["t", "n", "f", "y"][i % 4] for i in range(ROWS)], "category", 4),
        ([["N", "E", "S", "W"][i % 4] for i in range(ROWS)], "category", 4),
        ([["M", "F"][i % 2] for i in range(ROWS)], "category", 2),
        ([f"v{i % 9}.{i % 7}" for i in range(ROWS)], "category", 63),
        ([["5 kg", "5 g"][i % 2] + "" if i % 4 else f"{i} m" for i in range(ROWS)], "category", 77),
        ([f"ref-{x}" if i % 2 else f"no {x}" for i, x in enumerate(WHOLE)], "left out", 0),
        ([f"{x}" if i % 10 else "gone" for i, x in enumerate(NUMBERS)], "number", 0),
        ([f"{x}" if i % 10 else f"gone {i}" for i, x in enumerate(NUMBERS)], "number", 0),
        ([f"{x}" if i % 3 else f"gone {i}" for i, x in enumerate(NUMBERS)], "number", 0),
        ([f"{x}" if i % 12 else f"#{i}" for i, x in enumerate(WHOLE)], "number", 0),
    ],
)
def test_columns_are_what_people_take_them_for(texts: list[str], kind: str, values: int) -> None:
    schema = understood(texts).schema
    names = {each.name for each in schema.numeric}
    categories = {each.name: len(each.values) for each in schema.categorical}
    if kind == "number":
        assert "x" in names
    elif kind == "category":
        assert "x" not in names and categories["x"] == values
    else:
        assert "x" not in names | {*categories}


@pytest.mark.parametrize(
    ("known", "text", "same"),
    [
        (("0", "1"), "1.0", "1"),
        (("0", "1"), " 1", "1"),
        (("0", "1"), "True", "1"),
        (("0", "1"), "no", "0"),
        (("False", "True"), "1", "True"),
        (("yes", "no", "?"), "Y", "yes"),
        (("12", "13"), "12.0", "12"),
        (("12", "13"), "+12", "12"),
        (("0.50", "1.5"), "0.5", "0.50"),
        (("a", ""), "nan", ""),
        (("6000000000000000007", "6000000000000000008"), "6000000000000000007.0", None),
        (("007", "8"), "7", None),
        (("y", "n", "t", "f"), "yes", None),
        (("a", "b"), "A", None),
    ],
)
def test_a_category_is_known_however_it_is_written(
    known: tuple[str, ...], text: str, same: str | None
) -> None:
    ids = Reader(Schema((Categorical("x", known),), ())).rows([[*known, text]]).codes[:, 0].tolist()
    if text == "6000000000000000007.0":
        same = "6000000000000000007"
    assert ids[-1] == (0 if same is None else ids[known.index(same)])


def test_runs_of_before_read_texts_as_they_did() -> None:
    number = Numeric("n", 0.0, 1.0, 0.0, 1.0, (0.0, 1.0, 2.0), zero=True, missing=True)
    new = Schema((Categorical("x", ("0", "1")),), (number,))
    plain = new.to_json().replace('"values": 2', '"values": 1')
    old = schema_from_json(plain, Path("features.json"))
    reader = Reader(old)
    rows = reader.rows([["1", "1.0", " 1", "True"], ["1", "￥1", r"\N", "NA"]])
    assert rows.codes[:, 0].tolist() == [2, 0, 0, 0]
    assert reader.met[:2].tolist() == [[3, 0], [0, 2]]
    reader = Reader(new)
    rows = reader.rows([["1", "1.0", " 1", "True"], ["1", "￥1", r"\N", "NA"]])
    assert rows.codes[:, 0].tolist() == [2] * 4 and not reader.met[:2].any()
    assert (rows.numbers[0] == rows.numbers[1]).all()


NAN = pytest.approx(math.nan, nan_ok=True)


@pytest.mark.parametrize(
    ("spec", "texts", "expected"),
    [
        ("y", ["0", "1", r"\N", "-", "NULL"], [0, 1, NAN, NAN, NAN]),
        ("y", ["1.0", "0.0", "1", " 0"], [1, 0, 1, 0]),
        ("y", ["True", "False", "nan"], [1, 0, NAN]),
        ("y", ["yes", "no", "N/A"], [1, 0, NAN]),
        ("y", ["是", "否"], [1, 0]),
        ("y", ["-1", "1", "1.0", ""], [0, 1, 1, NAN]),
        ("y=1", ["1", "1.0", "0", r"\N"], [1, 1, 0, NAN]),
        ("y=1", ["1", "True", "no"], [1, 1, 0]),
        ("y=1.0", ["1", "0"], [1, 0]),
        ("y=0", ["0.0", "1", "False"], [1, 0, 1]),
        ("y=True", ["1", "true", "0"], [1, 1, 0]),
        ("y=yes", ["Yes", "YES ", "no", "?"], [1, 1, 0, NAN]),
        ("y=2|3", ["1", "2.0", "3", "4", "-"], [0, 1, 1, 0, NAN]),
        ("y=6000000000000000007", ["6000000000000000007", "6000000000000000008"], [1, 0]),
        ("y=t", ["t", "y", "n", "f"], [1, 0, 0, 0]),
        ("y=?", ["?", "a", "-"], [1, 0, NAN]),
        ("y=0.5", ["0.50", "1.5"], [1, 0]),
        ("y:regression", ["1,234.5", "￥99", "-", r"\N"], [1234.5, 99, NAN, NAN]),
        ("y:regression", ["3,5", "4,25", "(null)"], [3.5, 4.25, NAN]),
    ],
)
def test_labels_mean_what_people_write(spec: str, texts: list[str], expected: list[object]) -> None:
    table = table_of(y=texts)
    (task,) = settled(table, parse_tasks([spec], ["y"]), "t.csv")
    check_positive(table, [task], "t.csv")
    assert labels_of(table, task, "t.csv").tolist() == expected
    assert labels_in(texts, task, "t.csv").tolist() == expected


@pytest.mark.parametrize(
    ("trained", "spec", "texts", "expected"),
    [
        (["0", "1"], "y=1", ["1.0", "True", "False", "0"], [1, 1, 0, 0]),
        (["0", "1"], "y", ["1.0", "True", "False", "no"], [1, 1, 0, 0]),
        (["yes", "no"], "y=yes", ["1", "Y", "0"], [1, 1, 0]),
        (["-1", "1"], "y", ["0", "1.0", "-1"], [0, 1, 0]),
        (["paid", "free"], "y=paid", ["paid ", "free", ""], [1, 0, NAN]),
    ],
)
def test_other_tables_have_the_same_labels_in_other_words(
    trained: list[str], spec: str, texts: list[str], expected: list[object]
) -> None:
    (task,) = settled(table_of(y=trained), parse_tasks([spec], ["y"]), "t.csv")
    assert labels_in(texts, task, "v.csv").tolist() == expected


def test_what_counts_as_a_zero_is_listed_and_doubtful_ones_are_warned_of() -> None:
    table = table_of(y=["paid"] * 5 + ["free"] * 4 + ["Paid ", "unknown", r"\N"])
    (task,) = settled(table, parse_tasks(["y=paid"], ["y"]), "t.csv")
    listed, alike, unknown = label_lines(table, [task], "t.csv")
    assert listed == (
        'Task y, in how many rows: 1 is "paid" 5; 0 is "free" 4, "Paid" 1, "unknown" 1; missing is '
        r'"\N" 1.'
    )
    assert alike.endswith("takes \"Paid \" (1 row) for a 0. If it is a 1: --task 'y=paid|Paid '.")
    assert 'takes "unknown" (1 row) for a 0. If it says that nobody knows' in unknown
    (mended,) = settled(table, parse_tasks(["y=paid|Paid "], ["y"]), "t.csv")
    assert np.nansum(labels_of(table, mended, "t.csv")) == 6
    texts = LabelTexts(Task("y", "y", "binary"))
    texts.take({"0": 3, "1": 2, "": 1}, {"0": 0.0, "1": 1.0, "": math.nan})
    assert not [*texts.lines(), *texts.warnings()], "nothing unusual"


def test_minus_one_zero_and_one_are_refused_with_a_hint_that_works() -> None:
    table = table_of(y=["-1", "0", "1"])
    (task,) = settled(table, parse_tasks(["y"], ["y"]), "t.csv")
    with pytest.raises(DataError, match=r"expected 0 and 1\..*'y=VALUE\|VALUE'"):
        labels_of(table, task, "t.csv")


def write(path: Path, columns: dict[str, list[str]]) -> Path:
    rows = zip(*columns.values(), strict=True)
    path.write_text("\n".join(map(",".join, [[*columns], *rows])) + "\n", "utf-8")
    return path


@pytest.fixture(name="run")
def _run(dssm: Dssm, tmp_path: Path) -> Path:
    folder = tmp_path / "values"
    folder.mkdir()
    drawn = random.Random(1)
    flags = [drawn.choice("01") for _ in range(400)]
    prices = ["(null)" if drawn.random() < 0.2 else f"￥{drawn.random():.3f}" for _ in flags]
    labels = [r"\N" if drawn.random() < 0.1 else flag for flag in flags]
    table = write(folder / "t.csv", {"flag": flags, "price": prices, "y": labels})
    words = ("--task", "y=1", "-o", folder / "run", "--epochs", "2", "--threads", "1")
    done = dssm("train-rec", "shared-bottom", table, *words)
    assert done.code == 0, done.err
    assert 'price: numbers; "￥' in done.err and 'missing is "\\N"' in done.err
    assert "Missing, in how many rows: price" in done.err
    return folder / "run"


def test_predict_and_python_read_what_training_did(dssm: Dssm, run: Path) -> None:
    from dssmcli import load_predictor

    text = "flag,price\n1,￥0.5\n1.0,0.5\nTrue,0.50 \n 1,0.5元\n0,\n0.0,nan\nno,(null)\n"
    done = dssm("predict", "-m", run, "-", stdin=text.encode())
    said = done.out.split()[1:]
    assert done.err == "" and len(set(said[:4])) == 1 and len(set(said[4:])) == 1
    flags: list[object] = [1, 1.0, True, np.int64(1), np.bool_(True), decimal.Decimal(1), "1"]
    values = load_predictor(run).predict({"flag": flags, "price": [0.5] * 7})
    assert values[:, 0] == pytest.approx([float(said[0])] * 7, rel=1e-4)
    gaps = load_predictor(run).predict({"flag": [0] * 4, "price": [None, math.nan, "", "NaN"]})
    assert gaps[:, 0] == pytest.approx([float(said[4])] * 4, rel=1e-4)
    with pytest.warns(UserWarning, match=r'price: 1 field without a number \("dear"\): missing'):
        load_predictor(run).predict({"flag": [1], "price": ["dear"]})


def test_moments_of_python_are_texts_of_files() -> None:
    from dssmcli.serving.predictor import _texts

    day, hour = datetime.datetime(2024, 1, 2), datetime.datetime(2024, 1, 2, 3)
    assert _texts([day, None], "x") == ["2024-01-02", ""]
    assert _texts([day, hour], "x") == ["2024-01-02 00:00:00", "2024-01-02 03:00:00"]
    assert _texts(np.array(["2024-01-02", "NaT"], "datetime64[ns]"), "x") == ["2024-01-02", ""]


def test_eval_reads_other_spellings_and_says_if_there_is_one_class(
    dssm: Dssm, run: Path, tmp_path: Path
) -> None:
    flags = ["1", "0"] * 20
    columns = {"flag": flags, "price": ["1"] * 40, "y": ["True", "False"] * 20}
    done = dssm("eval", "-m", run, write(tmp_path / "v.csv", columns), "--bootstrap", "0")
    assert "y.positive_share\t0.5000" in done.out and "y.auc" in done.out
    assert 'Task y, in how many rows: 1 is "True" 20; 0 is "False" 20.' in done.err
    columns["y"] = ["so", "no"] * 20
    done = dssm("eval", "-q", "-m", run, write(tmp_path / "v.csv", columns), "--bootstrap", "0")
    assert 'no row is a 1 of the task "y", which the run has learned as "1"' in done.err


def test_info_says_what_columns_are(dssm: Dssm, run: Path) -> None:
    lines = dict(line.split("\t", 1) for line in dssm("info", "-m", run).out.splitlines())
    assert lines["columns.flag"] == "2 categories"
    assert lines["columns.price"].startswith("numbers from 0.00")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (lambda n: n / 1000, "low"),
        (lambda n: n * 1000, "high"),
        (lambda n: n + 5, None),
        (lambda n: n if n % 30 else n / 1000, None),
    ],
)
def test_numbers_in_another_unit_than_in_training_are_warned_of(
    other: Callable[[float], float], said: str | None
) -> None:
    reader = Reader(understood([n / 7 for n in WHOLE]).schema)
    known = {each.name for each in reader.schema.numeric}
    texts = [str(other(n / 7)) for n in WHOLE]
    reader.rows([texts if name in known else ["0"] * ROWS for name in reader.schema.names])
    lines = [line for line in reader.lines(reader.met) if line.startswith("Warning: x: ")]
    assert len(lines) == (said is not None)
    if said:
        assert "another unit" in lines[0] and ("or less" in lines[0]) == (said == "low")
    # A few rows prove nothing, and older runs do not know how it was.
    few = reader.met.copy()
    few[2:] //= 10
    reader.forget()
    assert not [line for line in reader.lines(few) if line.startswith("Warning")]
    old = [each.__class__(**{**vars(each), "ends": ()}) for each in reader.schema.numeric]
    silent = Reader(reader.schema._replace(numeric=tuple(old)))
    assert not [line for line in silent.lines(reader.met) if line.startswith("Warning")]


def test_numbers_that_are_missing_where_none_was_in_training_are_told() -> None:
    reader = Reader(understood(NUMBERS).schema)

    def lines(empty: int) -> list[str]:
        reader.met[:] = 0
        texts = ["" if i < empty else str(number) for i, number in enumerate(NUMBERS)]
        reader.rows([texts if name == "x" else ["0"] * ROWS for name in reader.schema.names])
        return [line for line in reader.lines(reader.met) if "x: missing" in line]

    assert lines(0) == []
    (few,), (many,) = lines(3), lines(ROWS)
    assert few.startswith("x: missing in 3 of 300 fields, in training in none")
    assert many.startswith("Warning: x: missing in 300 of 300 fields")
    known = Reader(understood(["", *NUMBERS[1:]]).schema)
    known.rows([[""] * ROWS if name == "x" else ["0"] * ROWS for name in known.schema.names])
    (most,) = [line for line in known.lines(known.met) if "missing" in line]
    assert most.startswith("Warning: x: missing in 300 of 300 fields, in training in 0.3%")
    half = Reader(understood([*[""] * (ROWS // 2), *NUMBERS[ROWS // 2 :]]).schema)
    half.rows([[""] * ROWS if name == "x" else ["0"] * ROWS for name in half.schema.names])
    assert not [line for line in half.lines(half.met) if "missing" in line]


@pytest.mark.parametrize("far", ["1e9", "-99999", "9999"])
def test_a_label_far_from_all_others_is_warned_of(far: str) -> None:
    values = [far, *map(str, NUMBERS[1:])]
    (task,) = parse_tasks(["y:regression"], ["y"])

    def warnings(values: Sequence[str]) -> list[str]:
        lines = label_lines(table_of(y=values), [task], "t")
        return [line for line in lines if line.startswith("Warning: ")]

    (warning,) = warnings(values)
    assert f"{float(far):.6g} lies far from the others" in warning and "leave the field" in warning
    heavy = [str(round(math.exp(number), 3)) for number in NUMBERS]
    assert warnings(heavy) == [] == warnings([str(number) for number in NUMBERS])


@pytest.mark.parametrize("other", ["{} 1/2", "{} or more", "n{}"])
def test_a_column_of_numbers_and_many_other_texts_is_words_with_a_warning(other: str) -> None:
    texts = [other.format(n % 80) if i % 10 < 4 else f"{n % 90}" for i, n in enumerate(WHOLE)]
    (warning,) = understood(texts).warnings
    assert "60% of the rows have numbers" in warning and "--numeric 'x'" in warning
    assert numeric(understood(texts, FeatureInput(numeric=("x",)))).missing
    assert not understood(texts, FeatureInput(categorical=("x",))).warnings


def test_what_a_spreadsheet_keeps_as_text_is_what_stands_in_it() -> None:
    assert numeric(understood([f'="{number}"' for number in WHOLE])).numbers(['="7"']) == [7]
    codes = understood([f'="{number % 90:03}"' for number in WHOLE])
    (feature,) = [each for each in codes.schema.categorical if each.name == "x"]
    assert "007" in feature.values and not [e for e in codes.schema.numeric if e.name == "x"]
