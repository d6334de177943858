"""Counts as shops show them, and moments with a zone that has several meanings."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import Dssm

from dssmcli.data.dates import readings_in, unclear_zone
from dssmcli.data.notation import read_numbers
from dssmcli.data.table_hashes import field_hashes


@pytest.mark.parametrize(
    "texts",
    [
        ["34人付款", "900+人付款", "1.1万+人付款", "5人付款"],
        ["34 sold", "900+ sold", "11,000+ sold", "5 sold"],
        ["34件", "900+件", "1.1万件", "5 件"],
        ["34", "900", "1.1万", "5"],
    ],
)
def test_so_many_at_least_are_so_many(texts: list[str]) -> None:
    assert read_numbers(texts, [3] * 4).numbers.tolist() == [34, 900, 11_000, 5]


@pytest.mark.parametrize("text", ["3+4", "a+b", "+", "1+%", "5+-", "12+3人"])
def test_a_sum_is_no_number(text: str) -> None:
    assert np.isnan(read_numbers([text, "1", "2"], [1, 1, 1]).numbers[0])


@pytest.mark.parametrize(
    ("text", "zone", "usual"),
    [
        ("Thu May 23 19:19:36 CST 2024", "CST", "+0800"),
        ("2024-05-23 19:19:36 PST", "PST", "-0800"),
        ("23 May 2024 19:19 EDT", "EDT", "-0400"),
    ],
)
def test_a_zone_of_several_meanings_is_named(text: str, zone: str, usual: str) -> None:
    assert unclear_zone(text) == (zone, usual)
    found = readings_in(text.replace(zone, usual)).day_first
    assert found is not None and found.zoned


@pytest.mark.parametrize("text", ["2024-05-23 19:19:36 UTC", "23 MAY 2024", "CST", "item ABC", ""])
def test_other_texts_have_no_such_zone(text: str) -> None:
    assert unclear_zone(text) is None


def test_the_command_for_a_zone_leads_on(tmp_path: Path, dssm: Dssm) -> None:
    rows = [f"u{i % 7},i{i % 5},Thu May 23 19:{i % 60:02}:36 CST 2024" for i in range(80)]
    (tmp_path / "FILE").write_text("user,item,timestamp\n" + "\n".join(rows) + "\n")
    done = dssm("check", tmp_path / "FILE")
    assert done.code == 3 and "the zone CST has more than one meaning" in done.out
    command = done.out[done.out.index("sed ") : done.out.index("> NEW") + len("> NEW")]
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True)
    done = dssm("check", tmp_path / "NEW")
    assert done.code == 0 and "2024-05-23 11:00:36" in done.out


def test_words_for_yes_are_one_whatever_they_are() -> None:
    yes, no = field_hashes(["Y", "TRUE", "yes", "是", "1", "t"]), field_hashes(["N", "否", "0"])
    assert len({*yes.tolist()}) == 1 and len({*no.tolist()}) == 1 and yes[0] != no[0]


def test_rows_are_known_again_with_other_words_for_yes(tmp_path: Path, dssm: Dssm) -> None:
    random = np.random.default_rng(1)
    rows = [(f"{x:.3f}", i % 2, i % 3 == 0) for i, x in enumerate(random.uniform(1, 99, 120))]
    files = {}
    for name, (no, yes) in {"a": ("N", "Y"), "b": ("FALSE", "TRUE")}.items():
        files[name] = tmp_path / f"{name}.csv"
        lines = [f"{x},{(no, yes)[member]},{int(label)}" for x, member, label in rows]
        files[name].write_text("x,member,y\n" + "\n".join(lines) + "\n")
    line = ("--task", "y", "--epochs", "1", "--threads", "1", "-q", "-o", tmp_path / "run")
    assert dssm("train-rec", "shared-bottom", files["a"], *line).code == 0
    assert "were learned from" in dssm("eval", "-m", tmp_path / "run", files["b"]).err
    found = dssm("check", files["a"], "--task", "y", "--valid", files["b"]).out
    assert "120 of 120" in found and "whose category is not in" not in found


def test_line_breaks_in_two_characters_are_warned_of(tmp_path: Path, run: Path, dssm: Dssm) -> None:
    texts = tmp_path / "FILE"
    texts.write_text("".join(rf"red sofa {i}\nlarge" + "\n" for i in range(9)))
    done = dssm("encode", "-m", run, texts)
    assert r'characters written as escapes ("\n" in line 1)' in done.err, done.err
    command = done.err[done.err.index("sed ") : done.err.index("> NEW") + len("> NEW")]
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True)
    assert (tmp_path / "NEW").read_text().splitlines()[0] == "red sofa 0 large"
    assert "escapes" not in dssm("encode", "-m", run, tmp_path / "NEW").err
    texts.write_text("".join(rf"C:\new\tools\run{i}.exe" + "\n" for i in range(9)))
    assert "escapes" not in dssm("encode", "-m", run, texts).err
