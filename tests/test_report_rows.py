"""Rows that are none: the types below a header, and the sums below a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import Dssm
from test_check_tables import objects

from dssmcli.data.pairs import read_pairs
from dssmcli.data.table import read_table
from dssmcli.data.titles import TitleReader
from dssmcli.data.totals import last_id_lines, total_line
from dssmcli.data.tsv import BadRows
from dssmcli.data.type_names import are_types

TYPES = (
    ["UInt64", "String"],
    ["Nullable(Float64)", "LowCardinality(Nullable(String))"],
    ["DateTime('Asia/Shanghai')", "Decimal(9, 2)"],
    ["Array(String)", "Enum8('a' = 1, 'b' = 2)"],
)


def test_names_of_types_are_known() -> None:
    assert [row for row in TYPES if not are_types(row)] == []
    for row in (["String"], ["String", "7"], ["string quartet", "String"], ["Int", "Date"]):
        assert not are_types(row)


@pytest.mark.parametrize("quote", ["", '"'])
def test_the_types_below_a_header_are_no_row(tmp_path: Path, quote: str) -> None:
    rows = (["age", "city"], ["UInt8", "LowCardinality(String)"], ["7", "a"], ["8", "b"])
    text = "".join("\t".join(f"{quote}{each}{quote}" for each in row) + "\n" for row in rows)
    file, bad = tmp_path / "t.tsv", BadRows()
    file.write_text(text)
    assert read_table([str(file)], bad).rows == 2 and bad.headers == [f"{file}:2"]


def test_the_types_below_a_header_are_no_pair(tmp_path: Path) -> None:
    file = tmp_path / "p.tsv"
    file.write_text("query\ttitle\nString\tString\nred\tred hat\nblue\tblue hat\n")
    assert len(read_pairs([str(file)], None, None, BadRows())) == 2
    file.write_text("guitar\tguitar string\nString\tString\nred\tred hat\n")
    assert len(read_pairs([str(file)], None, None, BadRows())) == 3


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ("Total,,84", True),
        ("合计,30,84", True),
        (",Grand total:,84", True),
        ("c,Total,84", False),  # not its first text
        ("a,30,84", False),
    ],
)
def test_a_row_of_sums_below_a_table_is_told(
    dssm: Dssm, tmp_path: Path, last: str, said: bool
) -> None:
    rows = [f"{'abc'[i % 3]},{20 + i % 7},{i % 2}" for i in range(60)]
    file = tmp_path / "t.csv"
    file.write_text("\n".join(["city,age,y", *rows, last]) + "\n")
    assert (total_line(read_table([str(file)], BadRows())) is not None) == said
    result = dssm("check", file, "--task", "y:regression", "--json")
    found = [each for each in objects(result, "finding") if each["code"] == "total_row"]
    assert [each["place"] for each in found] == ([f"{file}:62"] if said else [])


def test_a_row_of_sums_below_a_log_is_told() -> None:
    codes = np.append(np.arange(20) % 4, 4)
    (line,) = last_id_lines(["a", "b", "c", "d", "Total"], codes)
    assert line.startswith('Warning: the last row is called "Total": it seems to add up the rows ')
    assert not last_id_lines(["a", "b", "c", "d", "e"], codes)


@pytest.mark.parametrize(
    ("last", "said"),
    [("(50 rows)", True), ("1 row in set (0.00 sec)", True), ("50 rows of hats", False)],
)
def test_a_last_title_that_counts_rows_is_told(tmp_path: Path, last: str, said: bool) -> None:
    file = tmp_path / "t.txt"
    file.write_text("red hat\nblue hat\n" + last + "\n")
    reader = TitleReader(None, BadRows())
    assert sum(len(found.texts) for found in reader.read([str(file)])) == 3
    assert bool(reader.reading.warnings) == said
