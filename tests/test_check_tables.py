"""`dssm check` of tables: each finding on a table that has it, and none on one that has not."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Dssm, Result
from tables import write_table

from dssmcli.data.sentinels import sentinels_in, zero_apart

ROOT = Path(__file__).parent.parent
VISITS = ROOT / "examples" / "multitask" / "visits.csv"
HELDOUT = ROOT / "examples" / "multitask" / "heldout.csv"
Columns = dict[str, list[str]]
TASKS = ("--task", "bought", "--task", "minutes:regression")


def objects(result: Result, kind: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in result.out.splitlines()]
    return [each for each in found if each["type"] == kind]


def codes(result: Result) -> dict[str, str]:
    return {each["code"]: each["level"] for each in objects(result, "finding")}


def table(rows: int = 400) -> Columns:
    """Return a table in which nothing is wrong."""
    random = np.random.default_rng(5)
    age, city = random.normal(40, 10, rows), random.integers(4, size=rows)
    bought = random.random(rows) < 1 / (1 + np.exp(-(age - 40) / 5 - city + 1.5))
    minutes = random.normal(5, 2, rows) + city
    return {
        "age": [f"{each:.3f}" for each in age],
        "city": [f"c{each}" for each in city],
        "bought": [str(int(each)) for each in bought],
        "minutes": [f"{each:.3f}" for each in minutes],
    }


def copied(columns: Columns) -> None:
    columns["sold"] = ["no" if each == "1" else "yes" for each in columns["bought"]]


def nearly_copied(columns: Columns) -> None:
    columns["sold"] = [each if i % 50 else "1" for i, each in enumerate(columns["bought"])]
    columns["sold"] = [f"{each}{'ab'[i % 2]}" for i, each in enumerate(columns["sold"])]


def seconds(columns: Columns) -> None:
    columns["seconds"] = [f"{60 * float(each):.2f}" for each in columns["minutes"]]


def paid_with(columns: Columns) -> None:
    columns["card"] = [
        ("visa" if i % 2 else "") if each == "1" else "" for i, each in enumerate(columns["bought"])
    ]


def in_order(columns: Columns) -> None:
    order = np.argsort(columns["bought"], kind="stable")
    for name, values in columns.items():
        columns[name] = [values[i] for i in order]


def constant(columns: Columns) -> None:
    columns["shop"] = ["a"] * len(columns["age"])


def ids(columns: Columns) -> None:
    columns["visit"] = [f"v{i}" for i in range(len(columns["age"]))]


def tail(columns: Columns) -> None:
    columns["page"] = [f"p{i}" if i % 2 else "home" for i in range(len(columns["age"]))]


def spelled(columns: Columns) -> None:
    columns["city"][:3] = ["", "NA", "?"]


def mostly_missing(columns: Columns) -> None:
    columns["coupon"] = ["" if i % 4 else f"k{i % 3}" for i in range(len(columns["age"]))]


def capitals(columns: Columns) -> None:
    columns["city"][:40] = ["C1"] * 40


def again(columns: Columns) -> None:
    for values in columns.values():
        values[7] = values[3]


def no_age(columns: Columns) -> None:
    columns["age"][::10] = ["-999.000"] * len(columns["age"][::10])


def age_of_0(columns: Columns) -> None:
    columns["age"][::10] = ["0"] * len(columns["age"][::10])


def no_minutes(columns: Columns) -> None:
    columns["minutes"][::10] = ["99999"] * len(columns["minutes"][::10])


def opposed(columns: Columns) -> None:
    for values in columns.values():
        values[7] = values[3]
    columns["bought"][7] = "0" if columns["bought"][3] == "1" else "1"


def one_label(columns: Columns) -> None:
    columns["bought"] = ["1"] * len(columns["age"])


def few_positives(columns: Columns) -> None:
    columns["bought"] = [str(int(i % 40 == 0)) for i in range(len(columns["age"]))]


def unlabelled(columns: Columns) -> None:
    columns["minutes"][5] = ""


def unclear(columns: Columns) -> None:
    columns["bought"][5] = "perhaps"


def few(columns: Columns) -> None:
    for name in columns:
        columns[name] = columns[name][:60]


def header_again(columns: Columns) -> None:
    for name, values in columns.items():
        values[100] = name


Change = Callable[[Columns], None]


@pytest.mark.parametrize(
    ("change", "code", "level"),
    [
        (copied, "label_copy", "error"),
        (no_age, "sentinel", "warning"),
        (age_of_0, "sentinel", "warning"),
        (no_minutes, "sentinel", "warning"),
        (seconds, "label_copy", "error"),
        (nearly_copied, "leak", "warning"),
        (paid_with, "missing_tells", "warning"),
        (in_order, "sorted", "note"),
        (constant, "column", "warning"),
        (ids, "column", "warning"),
        (tail, "long_tail", "note"),
        (spelled, "missing_spellings", "note"),
        (mostly_missing, "mostly_missing", "note"),
        (capitals, "alike_categories", "note"),
        (again, "repeated_rows", "warning"),
        (opposed, "contradictions", "note"),
        (one_label, "one_label", "error"),
        (few_positives, "few_labels", "warning"),
        (unlabelled, "missing_labels", "note"),
        (unclear, "labels_unclear", "error"),
        (few, "few_rows", "warning"),
    ],
)
def test_a_table_has_what_is_wrong_with_it_among_its_findings(
    dssm: Dssm, tmp_path: Path, change: Change, code: str, level: str
) -> None:
    columns = table()
    change(columns)
    path = write_table(tmp_path / "t.csv", columns)
    result = dssm("check", path, *TASKS, "--json")
    assert codes(result).get(code) == level, result.out
    assert result.code == (3 if "error" in codes(result).values() else 0), result.err


def test_nothing_is_found_in_a_table_in_which_nothing_is_wrong(dssm: Dssm, tmp_path: Path) -> None:
    path = write_table(tmp_path / "t.csv", table())
    result = dssm("check", path, *TASKS, "--json")
    assert (result.code, result.err) == (0, "")
    assert not objects(result, "finding")


def test_a_label_that_is_not_known_is_never_a_zero_unsaid(dssm: Dssm, tmp_path: Path) -> None:
    columns = table()
    columns["bought"][5] = r"\N"
    path = write_table(tmp_path / "t.csv", columns)
    found = codes(dssm("check", path, "--task", "bought=1", "--json"))
    assert {"missing_zeros", "missing_labels"} & set(found)


def test_a_header_in_the_middle_is_left_out_and_said(dssm: Dssm, tmp_path: Path) -> None:
    columns = table()
    header_again(columns)
    path = write_table(tmp_path / "t.csv", columns)
    result = dssm("check", path, *TASKS, "--json")
    assert codes(result) == {"headers": "warning"} and result.code == 0
    assert f"{path}:102" in result.out


def test_the_example_has_true_findings_only(dssm: Dssm) -> None:
    ignored = ("--ignore", "visit", "--ignore", "day")
    result = dssm("check", VISITS, *TASKS, *ignored, "--valid", HELDOUT)
    assert (result.code, result.err) == (0, "") and result.out.endswith("\nfindings: none\n")
    assert "read as             a table, as --task says" in result.out
    assert "age                 numbers, categories too, 68 different" in result.out
    assert '1,583 (39.6%) without a value: "" 1,583' in result.out
    assert "task bought         16.1% of 4,000 rows are 1" in result.out


def test_figures_of_columns_are_right(dssm: Dssm, tmp_path: Path) -> None:
    columns = {
        "kind": ["a"] * 30 + ["b"] * 20 + ["once", "", "NA"],
        "size": [str(i % 10) for i in range(53)],
        "y": [str(i % 2) for i in range(53)],
    }
    path = write_table(tmp_path / "t.csv", columns)
    result = dssm("check", path, "--task", "y", "--ignore", "size", "--json")
    kind, size, y = objects(result, "column")
    assert (kind["kind"], kind["values"], kind["once"], kind["missing"]) == ("category", 3, 1, 2)
    assert kind["spellings"] == {"": 1, "NA": 1}
    assert (size["role"], y["role"]) == ("ignored", "task")
    assert size["numbers"] == {"low": 0, "median": 4, "high": 9}
    (task,) = objects(result, "task")
    assert (task["known"], task["missing"], task["mean"]) == (53, 0, pytest.approx(26 / 53))


def test_a_repeated_row_is_told_with_its_line_and_the_one_it_repeats(
    dssm: Dssm, tmp_path: Path
) -> None:
    columns = table()
    again(columns)
    path = write_table(tmp_path / "t.csv", columns)
    result = dssm("check", path, *TASKS)
    assert f"{path}:9 is as {path}:5" in result.out


def test_rows_to_measure_on_are_compared_with_those_to_learn_from(
    dssm: Dssm, tmp_path: Path
) -> None:
    whole = table(600)
    first = write_table(tmp_path / "a.csv", {name: each[:300] for name, each in whole.items()})
    later = {name: each[300:] for name, each in whole.items()}
    apart = write_table(tmp_path / "b.csv", later)
    assert not codes(dssm("check", first, *TASKS, "--valid", apart, "--json"))
    later["city"] = ["c9" if i % 4 == 0 else each for i, each in enumerate(later["city"])]
    later["bought"] = ["1" if i % 9 else each for i, each in enumerate(later["bought"])]
    for name, values in later.items():
        values[6] = whole[name][5]
    write_table(tmp_path / "b.csv", later)
    result = dssm("check", first, *TASKS, "--valid", apart, "--json")
    assert codes(result) == {
        "shared_rows": "warning",
        "unseen_categories": "warning",
        "other_balance": "warning",
    }
    assert objects(result, "overlap")[0]["rows"] == 1
    assert f"{apart}:8" in result.out
    # A later file to learn from is compared with the first, too.
    both = dssm("check", first, apart, *TASKS, "--json")
    assert codes(both)["shared_rows"] == "warning"


def test_bad_rows_are_an_error_unless_they_are_skipped_and_kept(dssm: Dssm, tmp_path: Path) -> None:
    path = write_table(tmp_path / "t.csv", table())
    path.write_text(path.read_text("utf-8") + "1,2\n")
    result = dssm("check", path, *TASKS, "--json")
    assert result.code == 3 and codes(result) == {"bad_rows": "error"}
    assert objects(result, "file")[0]["bad_rows_shown"][0].startswith(f"{path}:402: 2 fields")
    skip = ("--bad-rows", "skip", "--rejects", tmp_path / "bad.csv")
    result = dssm("check", path, *TASKS, "--json", *skip)
    assert result.code == 0 and codes(result) == {"bad_rows": "warning"}
    assert (tmp_path / "bad.csv").read_text() == "1,2\n"


def test_what_cannot_be_read_is_a_finding_and_ends_nothing(dssm: Dssm, tmp_path: Path) -> None:
    path = write_table(tmp_path / "t.csv", table())
    other = write_table(tmp_path / "o.csv", {"age": ["1"], "more": ["2"]})
    result = dssm("check", path, other, tmp_path / "none.csv", *TASKS, "--json")
    assert result.code == 3
    unreadable = [each for each in objects(result, "finding") if each["code"] == "unreadable"]
    assert [each["file"] for each in unreadable] == [str(other), str(tmp_path / "none.csv")]
    assert len(objects(result, "column")) == 4
    empty = tmp_path / "empty.csv"
    empty.write_text("age,bought\n")
    result = dssm("check", empty, "--task", "bought", "--json")
    assert result.code == 3 and codes(result) == {"no_rows": "error"}


def test_a_column_that_is_not_there_is_a_usage_error(dssm: Dssm, tmp_path: Path) -> None:
    path = write_table(tmp_path / "t.csv", table())
    for options in (("--task", "boght"), ("--task", "bought", "--ignore", "agee")):
        result = dssm("check", path, *options)
        assert result.code == 2 and "no such column" in result.err and result.out == ""


def test_standard_input_and_gzip_are_read_as_files_are(dssm: Dssm, tmp_path: Path) -> None:
    path = write_table(tmp_path / "t.csv", table())
    content = path.read_bytes()
    plain = dssm("check", path, *TASKS, "--json").out.replace(str(path), "<stdin>")
    for stdin in (content, gzip.compress(content)):
        assert dssm("check", "-", *TASKS, "--json", stdin=stdin).out == plain


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "a table: --task COLUMN; a log of watches: --as watches"),
        (("--ignore", "age"), "a table: --task COLUMN; a log of impressions"),
        (("--task", "bought", "--clicked", "x"), "--task is for a table, --clicked for a log of"),
        (("--as", "table"), "a table needs what is to be predicted: --task COLUMN"),
        (("--as", "pairs", "--task", "bought"), "--as is for pairs, --task for a table"),
    ],
)
def test_what_is_not_said_plainly_is_a_usage_error_that_shows_the_ways(
    dssm: Dssm, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    path = write_table(tmp_path / "t.csv", table())
    result = dssm("check", path, *options)
    assert result.code == 2 and said in result.err and result.out == ""


def test_the_hints_lead_on(dssm: Dssm, tmp_path: Path) -> None:
    columns = table()
    copied(columns)
    ids(columns)
    path = write_table(tmp_path / "t.csv", columns)
    options = ("--ignore", "sold", "--ignore", "visit")
    result = dssm("check", path, *TASKS, *options, "--json")
    assert result.code == 0 and not codes(result)


def test_the_classes_of_a_small_table_with_few_columns_may_be_equal_by_chance(
    dssm: Dssm, tmp_path: Path
) -> None:
    columns = table()
    del columns["age"], columns["minutes"]
    path = write_table(tmp_path / "t.csv", columns)
    result = dssm("check", path, "--task", "bought", "--json")
    assert codes(result) == {"repeated_rows": "note", "contradictions": "note"}


@pytest.mark.parametrize(
    ("numbers", "rows", "told"),
    [
        ({18: 30, 30: 40, 61: 20, -999: 10}, 100, [-999]),
        ({18: 30, 30: 40, 61: 20, -999: 9, 99999: 1}, 100, [-999, 99999]),
        ({0.2: 50, 0.4: 40, -1: 10}, 100, [-1]),  # farther from all than these lie apart
        ({1: 30, 2: 40, 3: 20, 9: 10}, 100, [9]),
        ({1: 30, 2: 40, 3: 20, 8: 10, 99: 5}, 105, [99]),
        ({18: 500, 30: 400, 61: 90, 999: 10}, 1000, [999]),
        ({18: 500, 30: 400, 61: 91, 999: 9}, 1000, []),  # too few rows
        ({18: 30, 30: 40, 61: 20, 99: 10}, 100, []),  # not far enough
        ({18: 30, 30: 40, 61: 20, -998: 10}, 100, []),  # no such number
        ({-1: 30, 0: 40, 1: 20}, 90, []),
        ({-1: 30, 1: 40}, 70, []),
        (dict.fromkeys(range(1, 10), 10), 90, []),
        ({-1: 10, 1000: 5, 5000: 5}, 20, []),  # near to the others, beside their range
        ({9: 10, 99: 10, 999: 10}, 30, []),
        ({-999: 100} | dict.fromkeys(range(30_000), 1), 10_000, [-999]),
        ({-1: 100, 0: 400} | dict.fromkeys(range(1, 500), 2), 10_000, [-1]),
        ({-1: 100} | dict.fromkeys(range(500), 50), 10_000, []),  # as frequent as its neighbours
        ({-99: 100, -100: 1} | dict.fromkeys(range(500), 2), 1100, []),  # not the lowest
        ({-99: 100, -5: 1} | dict.fromkeys(range(500), 2), 1100, []),  # others are below 0, too
        ({5: 10}, 10, []),
        ({}, 10, []),
    ],
)
def test_numbers_that_stand_for_no_value_are_found(
    numbers: dict[float, int], rows: int, told: list[float]
) -> None:
    values = np.array([*numbers, np.nan], np.float64)
    found = sentinels_in(values, np.array([*numbers.values(), 7], np.int64), rows)
    assert [each.number for each in found] == told
    assert [each.rows for each in found] == [numbers[each] for each in told]


@pytest.mark.parametrize(
    ("numbers", "rows", "apart"),
    [
        ({0: 50} | dict.fromkeys(range(500, 3000, 3), 1), 900, True),
        ({0: 50} | dict.fromkeys(range(18, 81), 15), 1000, True),
        ({0: 50} | dict.fromkeys(range(2010, 2020), 95), 1000, True),
        ({0: 50} | dict.fromkeys(range(5, 500, 5), 9), 1000, False),  # amounts spent
        ({0: 50} | {10 * 1.05**k: 9 for k in range(100)}, 1000, False),  # begin near 0
        ({0: 500} | dict.fromkeys(range(18, 81), 8), 1000, False),  # half of the rows
        ({0: 5} | dict.fromkeys(range(18, 81), 16), 1010, False),  # too few rows
        ({0: 50, 50: 100, 60: 100, 70: 100}, 350, False),  # a discount
        ({0: 50, 100: 50}, 100, False),
        ({0: 50, -1: 3} | dict.fromkeys(range(18, 81), 15), 1000, False),
        (dict.fromkeys(range(500), 2), 1000, False),
        ({}, 1, False),
    ],
)
def test_a_0_apart_from_all_others_may_stand_for_no_value(
    numbers: dict[float, int], rows: int, apart: bool
) -> None:
    values = np.array([*numbers, np.nan], np.float64)
    found = zero_apart(values, np.array([*numbers.values(), 7], np.int64), rows)
    assert (found is not None) == apart
    assert found is None or (found.number, found.rows) == (0, 50)


def test_following_what_is_said_of_such_numbers_leads_on(dssm: Dssm, tmp_path: Path) -> None:
    columns = table()
    no_age(columns)
    result = dssm("check", write_table(tmp_path / "t.csv", columns), *TASKS)
    assert "40 × age: rows with -999, apart from all others (" in result.out, result
    assert "leave the field empty" in result.out
    columns["age"] = ["" if each == "-999.000" else each for each in columns["age"]]
    result = dssm("check", write_table(tmp_path / "t.csv", columns), *TASKS)
    assert "apart from all others" not in result.out, result
