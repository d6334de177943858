"""`dssm predict`: what it prints, and how it behaves in a shell."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import subprocess
import sys
import warnings
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from conftest import Dssm, run_command
from handmade import parts
from tables import EXPERTS, SMALL_TABLE, TASKS, read_predicted, world, write_table
from test_cli import PYTHON, SERVING, in_bash

import dssmcli
from dssmcli.data import records
from dssmcli.data.tasks import Target, Task
from dssmcli.errors import DataError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a run and the table it is of."""
    folder = tmp_path_factory.mktemp("predict")
    table = write_table(folder / "visits.csv", world(300).columns)
    options = [*TASKS, *EXPERTS, *SMALL_TABLE, "--epochs", "2", "-o", folder / "rec"]
    with pytest.MonkeyPatch.context() as patch:
        done = run_command(["train-rec", "mmoe", table, *options], b"", patch)
    assert done.code == 0, done.err
    return {"run": folder / "rec", "table": table}


@pytest.fixture(name="rec")
def _rec(made: dict[str, Path]) -> Path:
    return made["run"]


@pytest.fixture(name="table")
def _table(made: dict[str, Path]) -> Path:
    return made["table"]


def test_a_row_a_row_of_the_table_and_a_column_a_task(dssm: Dssm, rec: Path, table: Path) -> None:
    done = dssm("predict", "-m", rec, table)
    found = read_predicted(done.out)
    assert (done.code, done.err, [*found]) == (0, "", ["bought", "minutes"])
    assert len(found["bought"]) == 300
    assert (found["bought"] > 0).all() and (found["bought"] < 1).all()
    lines = [json.loads(x) for x in dssm("predict", "-m", rec, table, "--json").out.splitlines()]
    assert [line["minutes"] for line in lines] == found["minutes"].tolist()
    assert [*lines[0]] == ["bought", "minutes"]


def test_the_python_api_says_the_same(dssm: Dssm, rec: Path, table: Path) -> None:
    from dssmcli.serving.predictor import load_predictor

    predictor = load_predictor(rec)
    assert predictor.tasks == ["bought", "minutes"] and set(predictor.columns) == {
        *("city", "age", "price")
    }
    values = predictor.predict(world(300).columns)
    found = read_predicted(dssm("predict", "-m", rec, table).out)
    np.testing.assert_allclose(values.T, [*found.values()], rtol=1e-5)


def test_the_form_of_the_table_does_not_matter(
    dssm: Dssm, rec: Path, table: Path, tmp_path: Path
) -> None:
    expected = dssm("predict", "-m", rec, table).raw
    columns = world(300).columns
    features = {name: columns[name] for name in ("price", "city", "age")}
    forms = {
        "columns in another order, without tasks": write_table(tmp_path / "a.csv", features),
        "tabs": write_table(tmp_path / "b", columns, "\t"),
        "semicolons": write_table(tmp_path / "c", columns, ";"),
        "more columns": write_table(tmp_path / "d", {"x": ["?"] * 300, **columns}),
    }
    with open(tmp_path / "e", "w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        writer.writerows([columns, *zip(*columns.values(), strict=True)])
    forms["quotes, CRLF and a byte-order mark"] = tmp_path / "e"
    (tmp_path / "f").write_bytes(gzip.compress(table.read_bytes(), mtime=0))
    forms["gzip"] = tmp_path / "f"
    for name, file in forms.items():
        assert dssm("predict", "-m", rec, file).raw == expected, name
        with open(file, "rb") as stdin:
            assert dssm("predict", "-m", rec, "-", stdin=stdin.read()).raw == expected, name


@pytest.mark.parametrize("form", [(), ("--json", "--keep", "city")])
def test_one_process_and_several_print_the_same_bytes(
    dssm: Dssm, rec: Path, table: Path, monkeypatch: pytest.MonkeyPatch, form: tuple[str, ...]
) -> None:
    whole = dssm("predict", "-m", rec, table, *form, "--threads", "1")
    # Pieces with quotes and without, rows that go on in the next piece, and bad ones among them.
    monkeypatch.setattr(records, "PIECE_BYTES", 700)
    one = dssm("predict", "-m", rec, table, *form, "--threads", "1")
    for threads in ("2", "3"):
        assert dssm("predict", "-m", rec, table, *form, "--threads", threads) == one
    # Products of other shapes may round otherwise, on some processors in the last digit printed.
    numbers, expected = (re.findall(r"\d[\d.]*", done.out) for done in (one, whole))
    np.testing.assert_allclose(np.float64(numbers), np.float64(expected), rtol=1e-5)


def test_bad_rows_are_told_and_set_aside_alike_by_one_process_and_several(
    dssm: Dssm, rec: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = table.read_bytes().splitlines(keepends=True)
    for i in (40, 90, 91, 200):
        lines[i] = b"wrong %d\n" % i if i != 90 else b'"wrong" 90,\n'
    bad = tmp_path / "bad.csv"
    bad.write_bytes(b"".join(lines))
    monkeypatch.setattr(records, "PIECE_BYTES", 700)
    told = set()
    for threads in ("1", "3"):
        refused = dssm("predict", "-m", rec, bad, "--threads", threads, "-o", tmp_path / "out")
        assert refused.code == 3 and refused.err.startswith(f"{bad}:41: 1 field, expected 5")
        assert refused.err.count("\n") == 1 and not (tmp_path / "out").exists()
        skip = ["--bad-rows", "skip", "--rejects", tmp_path / "rejects", "--threads", threads]
        done = dssm("predict", "-m", rec, bad, *skip)
        assert done.code == 0 and "Skipped 4 bad rows, the first: " in done.err
        rejects = (tmp_path / "rejects").read_text()
        assert rejects == 'wrong 40\n"wrong" 90,\nwrong 91\nwrong 200\n'
        told.add((done.raw, done.err))
    assert len(told) == 1
    whole = dssm("predict", "-m", rec, table).out.splitlines()
    kept = [line for i, line in enumerate(whole) if i not in (40, 90, 91, 200)]
    assert done.out.splitlines() == kept


def test_what_the_run_does_not_know_is_counted(dssm: Dssm, rec: Path) -> None:
    text = b"city,age,price\nMars,40,1\nParis,old,2\nParis,,NA\nMars,?,x\n"
    for threads in ("1", "3"):
        done = dssm("predict", "-m", rec, "-", "--threads", threads, stdin=text)
        assert done.code == 0 and done.out.count("\n") == 5
        assert done.err.splitlines() == [
            'city: 2 fields with a category not known ("Mars").',
            'age: 1 field without a number ("old"): missing.',
            'price: 1 field without a number ("x"): missing.',
        ]
    assert dssm("predict", "-q", "-m", rec, "-", stdin=text).err == ""


def test_columns_are_kept_in_front_and_beside_their_predictions(dssm: Dssm, rec: Path) -> None:
    text = b'id,city,age,price,bought,"odd\tname"\n7,"a\tb",1,2,1,\n8,"""x",1,2,0,"\n"\n'
    keep = ["--keep", "id", "--keep", "bought", "--keep", "city", "--keep", "id"]
    keep += ["--keep", "odd\tname"]
    done = dssm("predict", "-m", rec, "-", *keep, stdin=text)
    rows = [*csv.reader(io.StringIO(done.out, newline=""), delimiter="\t")]
    assert rows[0] == ["id", "bought", "city", "odd\tname", "predicted_bought", "minutes"]
    assert [row[:4] for row in rows[1:]] == [["7", "1", "a\tb", ""], ["8", "0", '"x', "\n"]]
    lines = dssm("predict", "-m", rec, "-", *keep, "--json", stdin=text).out.splitlines()
    assert [*json.loads(lines[0])] == rows[0]
    assert json.loads(lines[1])["city"] == '"x' and 0 < json.loads(lines[1])["predicted_bought"] < 1


@pytest.mark.parametrize(
    ("text", "more", "code", "said"),
    [
        (b"", (), 3, "<stdin>: empty, expected a header line"),
        (b"city,age\n", (), 3, '<stdin>: the header has no column "price", found "city, age".'),
        (b"City,age,price\n", (), 3, 'Is it "City"?'),
        (b"city,age,price\n", ("--keep", "idd"), 3, 'the header has no column "idd"'),
        (b"city,age,price\n1,2\n", (), 3, "<stdin>:2: 2 fields, expected 3"),
        (b"city,age,price\n", ("--rejects", "x"), 2, "--rejects goes with --bad-rows skip"),
        (b"city,age,price\n", ("--threads", "0"), 2, "0 is not in the range"),
        (b"city,age,price\n", (), 0, ""),
        (b"city,age,price", (), 0, ""),
    ],
)
def test_what_is_wrong_is_one_line(
    dssm: Dssm, rec: Path, text: bytes, more: tuple[str, ...], code: int, said: str
) -> None:
    done = dssm("predict", "-m", rec, "-", *more, stdin=text)
    assert done.code == code and said in done.err and "Traceback" not in done.err, done
    if code == 0:
        assert done.out == "bought\tminutes\n"
    if code == 3:
        assert done.err.count("\n") == 1 and done.out in ("", "bought\tminutes\n")


def test_a_run_of_the_other_family_is_refused_in_one_line(
    dssm: Dssm, run: Path, rec: Path, table: Path, tmp_path: Path
) -> None:
    done = dssm("predict", "-m", run, table)
    assert done.code == 3 and done.err == (
        f"{run}: the run is one of texts (`dssm train`), expected a multi-task model "
        "(`dssm train-rec mmoe` and its like).\n"
    )
    texts = tmp_path / "t.tsv"
    texts.write_text("a\tb\t1\nc\td\t0\n")
    for words in (
        ["encode", texts],
        ["score", "a", "b"],
        ["tokenize", "a"],
        ["mine", texts, "-o", tmp_path / "m"],
    ):
        done = dssm(*words, "-m", rec)
        assert done.code == 3 and done.err.count("\n") == 1, done
        assert "the run is a multi-task model (`dssm train-rec mmoe` and its like)" in done.err
    assert dssm("info", "-m", rec, "--json").code == 0


def test_tasks_of_one_name_are_one_line(dssm: Dssm, tmp_path: Path) -> None:
    target = Target(Task("y", "y", "binary"), 1.0)
    run = parts([target, target], ["a"], np.zeros((2, 2))).write(tmp_path / "run")
    done = dssm("predict", "-m", run, "-", stdin=b"seg\na\n")
    assert (done.code, done.out) == (3, "")
    assert done.err == f"{run / 'config.json'}: two tasks have the same name.\n"


def test_an_empty_category_is_as_unknown_as_others_in_quotes_or_not(
    dssm: Dssm, tmp_path: Path
) -> None:
    made = parts([Target(Task("y", "y", "regression"), 1.0)], ["a", "b"], np.eye(3)[:, :1] * 5)
    run = made.write(tmp_path / "run")
    for text in (b"seg,x\n,0\nb,0\nc,0\n", b'seg,x\n"",0\nb,0\nc,0\n'):
        done = dssm("predict", "-m", run, "-", stdin=text)
        assert done.out.split() == ["y", "5", "0", "5"]
        assert done.err == "seg: 2 fields with a category not known (empty).\n"


def test_a_damaged_run_is_one_line(dssm: Dssm, rec: Path, table: Path, tmp_path: Path) -> None:
    import shutil

    for name in sorted(path.name for path in rec.iterdir()):
        copy = tmp_path / name
        shutil.copytree(rec, copy)
        content = (copy / name).read_bytes()
        (copy / name).write_bytes(content[:-3] + b"xyz")
        done = dssm("predict", "-m", copy, table)
        if name in ("metrics.jsonl", "fingerprint.safetensors"):  # not read by predicting
            assert done.code == 0
            continue
        assert done.code == 3 and done.err.count("\n") == 1, done
        assert str(copy / name) in done.err
    missing = dssm("predict", "-m", tmp_path / "none", table)
    assert missing.code == 3 and "no such run" in missing.err


def test_predicting_never_imports_torch(rec: Path, table: Path, tmp_path: Path) -> None:
    for words in (["predict", "-m", str(rec), str(table)], ["train-rec", "mmoe", "--help"]):
        line = [sys.executable, "-c", SERVING, *words]
        done = subprocess.run(line, cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()


def test_a_closed_pipe_is_success(rec: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "big.csv", world(30_000).columns)
    command = f"{' '.join(PYTHON)} predict -m {rec} {table}; echo $? > {tmp_path}/code"
    done = subprocess.run(
        ["bash", "-c", f"({command}) | head -1"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "bought\tminutes\n" and done.stderr == ""
    assert (tmp_path / "code").read_text() == "0\n"


@pytest.mark.parametrize(
    ("words", "closed", "code", "said"),
    [
        ("predict -", "<&-", 3, "<stdin>: closed"),
        ("predict TABLE", ">&-", 1, "Standard input or output"),
        ("predict TABLE", "> /dev/full", 1, "No space left"),
        ("predict TABLE -o /dev/full", "", 1, "/dev/full: cannot be written"),
        ("predict TABLE -o /none/x", "", 1, "/none/x: cannot be written"),
        ("predict none", "", 3, "none: No such file"),
        ("predict .", "", 3, ".: Is a directory"),
    ],
)
def test_closed_and_full_streams_are_one_line(
    rec: Path, table: Path, words: str, closed: str, code: int, said: str
) -> None:
    done = in_bash(rec, f"{' '.join(PYTHON)} {words.replace('TABLE', str(table))} {closed}")
    lines = done.stderr.splitlines()
    assert done.returncode == code and len(lines) == 1 and said in lines[0], done


def test_python_takes_numbers_and_names_what_is_wrong(rec: Path) -> None:
    from dssmcli.serving.predictor import load_predictor

    predictor = load_predictor(rec)
    texts = {"city": ["ulm", "ulm"], "age": ["31", ""], "price": ["2", "2.50"]}
    plain = {"city": np.array(["ulm", "ulm"]), "age": [31, None], "price": np.array([2.0, 2.5])}
    with pytest.warns(UserWarning, match=r'^city: 2 fields with a category not known \("ulm"\)\.$'):
        expected = predictor.predict(texts)
    with pytest.warns(UserWarning, match="city: 2 fields"):
        np.testing.assert_array_equal(expected, predictor.predict(plain))
    with pytest.warns(UserWarning, match="city: 2 fields"):
        gap = predictor.predict({**plain, "age": [31, float("nan")]})
    np.testing.assert_array_equal(gap, expected)
    with pytest.raises(DataError, match='no column "city", "price": the run reads'):
        predictor.predict({"age": [1]})
    with pytest.raises(DataError, match="1 value, expected 2 as"):
        predictor.predict({**texts, predictor.columns[-1]: ["1"]})


def test_a_missing_column_is_told_without_naming_one_that_the_run_reads(
    dssm: Dssm, rec: Path
) -> None:
    done = dssm("predict", "-m", rec, "-", stdin=b"citi,age\nulm,3\n")
    assert done.code == 3 and 'no column "city", "price", found' in done.err
    done = dssm("predict", "-m", rec, "-", stdin=b"citi,age,price\nulm,3,1\n")
    assert 'Is it "citi"?' in done.err
    done = dssm("predict", "-m", rec, "-", stdin=b"age,price\n3,1\n")
    assert 'no column "city"' in done.err and "Is it" not in done.err


def test_a_row_with_another_delimiter_is_told_so_and_the_advice_is_not_repeated(
    dssm: Dssm, rec: Path
) -> None:
    table = b"city\tage\tprice\nulm,3,1\nulm\t3\t1\n"
    done = dssm("predict", "-m", rec, "-", stdin=table)
    assert done.code == 3 and "has tabs between its names, the row commas. Skip" in done.err
    done = dssm("predict", "-m", rec, "--bad-rows", "skip", "-", stdin=table)
    assert done.code == 0 and "the row commas.\n" in done.err and "Skip such" not in done.err


@pytest.mark.parametrize("sign", [".", ","])
def test_python_s_numbers_are_what_they_are_where_a_table_has_decimal_commas(
    tmp_path: Path, dssm: Dssm, sign: str
) -> None:
    random = np.random.default_rng(3)
    weights = [round(float(each), 3) for each in random.uniform(0.1, 9, 300)]
    lines = [f"{weight:.3f};{int(weight > 5)}".replace(".", sign) for weight in weights]
    table = tmp_path / "t.csv"
    table.write_text("weight;heavy\n" + "\n".join(lines) + "\n")
    options = ("--task", "heavy", "--epochs", "2", "--threads", "1", "-q")
    done = dssm("train-rec", "shared-bottom", table, *options, "-o", tmp_path / "run")
    assert done.code == 0, done
    predictor = dssmcli.load_predictor(tmp_path / "run")
    written = predictor.predict({"weight": [line.partition(";")[0] for line in lines]})
    for kind in (float, np.float64, lambda weight: Decimal(str(weight))):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = predictor.predict({"weight": [kind(weight) for weight in weights]})
        np.testing.assert_allclose(found, written, atol=1e-6)
    assert (written[np.array(weights) < 3] < written[np.array(weights) > 7].min()).all()


class _Series(list):  # type: ignore[type-arg]
    """A column with an index, as pandas has it, which is not installed everywhere."""

    def __init__(self, values: Sequence[object], index: Sequence[int]) -> None:
        super().__init__(values)
        self.index = np.array(index)  # type: ignore[assignment]


def test_series_in_another_order_are_refused(tmp_path: Path, dssm: Dssm) -> None:
    rows = "".join(f"{i},{'ab'[i % 2]},{int(i > 20)}\n" for i in range(40))
    table = tmp_path / "t.csv"
    table.write_text(f"x,kind,y\n{rows}")
    line = ("--task", "y", "--epochs", "1", "--threads", "1", "-q", "-o", tmp_path / "run")
    assert dssm("train-rec", "shared-bottom", table, *line).code == 0
    predictor = dssmcli.load_predictor(tmp_path / "run")
    kinds = _Series(["a", "b", "a"], [0, 1, 2])
    plain = predictor.predict({"x": [1.0, 2.0, 3.0], "kind": ["a", "b", "a"]})
    found = predictor.predict({"x": _Series([1.0, 2.0, 3.0], [0, 1, 2]), "kind": kinds})
    np.testing.assert_array_equal(found, plain)
    with pytest.raises(ValueError, match="index is in another order than that of"):
        predictor.predict({"x": _Series([3.0, 1.0, 2.0], [2, 0, 1]), "kind": kinds})
