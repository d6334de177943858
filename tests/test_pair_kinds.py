"""Pairs in several files: values of one kind, headers by many names."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from dssmcli.data.pairs import Pairs, read_pairs
from dssmcli.data.tsv import BadRows
from dssmcli.errors import DataError
from tests.conftest import SMALL, Dssm


def write(folder: Path, name: str, header: str, *values: str) -> str:
    """Write rows of these values, beside texts that are all different."""
    lines = [header.replace(" ", "\t")] if header else []
    lines += ["\t".join(filter(None, (f"red {i}", f"hat {i}", v))) for i, v in enumerate(values)]
    (folder / name).write_text("\n".join(lines) + "\n", "utf-8")
    return str(folder / name)


def read(*files: str, kind: str | None = None) -> Pairs:
    return read_pairs(files, None, kind, BadRows())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("label", "grade"),
        ("grade", "label"),
        ("label", "clicks"),
        ("clicks", "is_duplicate"),
        ("clicks", "relevance"),
        ("grade", "clicks"),
    ],
)
def test_headers_that_name_values_of_different_kinds_are_not_read_as_one(
    tmp_path: Path, first: str, second: str
) -> None:
    one = write(tmp_path, "a.tsv", f"query title {first}", "1", "0")
    two = write(tmp_path, "b.tsv", f"query title {second}", "0", "1")
    for files in ((one, two), (_joined(tmp_path, one, two),)):
        with pytest.raises(DataError, match="are not read as one"):
            read(*files)
    with pytest.raises(DataError):
        read_pairs((one, two), None, None, BadRows(skip=True))
    assert read(one, two, kind="clicks").kind == "clicks"


def _joined(folder: Path, *files: str) -> str:
    (folder / "c.tsv").write_text("".join(Path(file).read_text("utf-8") for file in files))
    return str(folder / "c.tsv")


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        ("label", "label", "label"),
        ("label", "value", "label"),
        ("value", "grade", "grade"),
        ("grade", "relevance", "grade"),
        ("relevance", "label", "label"),
        ("label", "", "label"),
        ("", "clicks", "clicks"),
    ],
)
def test_names_that_do_not_contradict_are_read_as_one(
    tmp_path: Path, first: str, second: str, kind: str
) -> None:
    files = [
        write(tmp_path, f"{i}.tsv", name and f"query title {name}", "1", "0", "1")
        for i, name in enumerate((first, second))
    ]
    assert read(*files).kind == kind


def test_a_grade_beside_a_column_called_labels_is_no_label(tmp_path: Path) -> None:
    files = [
        write(tmp_path, f"{name}.tsv", f"query title {name}", "1", "3")
        for name in ("label", "relevance")
    ]
    with pytest.raises(DataError, match="a label is 3"):
        read(*files)


def test_labels_below_0_are_no_clicks_of_another_file(tmp_path: Path) -> None:
    one = write(tmp_path, "a.tsv", "", "1", "-1")
    two = write(tmp_path, "b.tsv", "query title clicks", "3", "0")
    with pytest.raises(DataError, match="clicks are -1, expected 0 or more"):
        read(one, two)


def test_mined_negatives_of_labels_of_1_and_minus_1_are_minus_1(tmp_path: Path, dssm: Dssm) -> None:
    rows = [(f"red {i}", f"hat {i}", 1 if i % 2 else -1) for i in range(60)]
    log, mined = tmp_path / "log.tsv", tmp_path / "mined.tsv"
    log.write_text("".join(f"{q}\t{t}\t{v}\n" for q, t, v in rows), "utf-8")
    made = tmp_path / "run"
    assert dssm("train", log, *SMALL, "--epochs", "1", "-o", made).code == 0
    done = dssm("mine", "-m", made, log, "--ranks", "1-20", "--margin", "0", "-o", mined)
    assert done.code == 0
    values = {line.rpartition("\t")[2] for line in mined.read_text("utf-8").splitlines()}
    assert values == {"-1"}
    both = read(str(log), str(mined))
    assert both.kind == "label" and both.value.sum() == 30


@pytest.mark.parametrize("header", ["", "query title label"])
def test_no_hint_makes_matches_of_labels_that_are_minus_1_0_and_1(
    tmp_path: Path, header: str
) -> None:
    file = write(tmp_path, "a.tsv", header, "1", "0", "-1")
    with pytest.raises(DataError, match="Where -1 and 0 both are no match") as caught:
        read(file)
    command = str(caught.value).split("such as by ")[1].split(" FILE")[0]
    other = subprocess.run([*shlex.split(command), file], capture_output=True, check=True).stdout
    Path(file).write_bytes(other)
    assert read(file).value.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("name", "kind", "values"),
    [
        ("not_match", "label", [0, 1]),
        ("isDifferent", "label", [0, 1]),
        ("不相关", "label", [0, 1]),
        ("distance", "grade", [-1, 0]),
    ],
)
def test_a_column_that_says_the_opposite_of_a_match_is_turned_round(
    tmp_path: Path, name: str, kind: str, values: list[float]
) -> None:
    file = write(tmp_path, "a.tsv", f"query title {name}", "1", "0")
    with pytest.raises(DataError, match="of which more is less of a match") as caught:
        read(file)
    command = str(caught.value).split("round: ")[1].split(" FILE")[0]
    other = subprocess.run([*shlex.split(command), file], capture_output=True, check=True).stdout
    Path(file).write_bytes(other)
    found = read(file)
    assert found.kind == kind and found.value.tolist() == values


def test_a_column_of_texts_called_negative_is_not_turned_round(tmp_path: Path) -> None:
    file = write(tmp_path, "a.tsv", "anchor positive negative", "big boot", "old sock", "red lamp")
    with pytest.raises(DataError, match="Say what the columns hold with --columns query,title,-"):
        read(file)


@pytest.mark.parametrize(
    "names",
    [
        "query1 query2",
        "query query2",
        "q t",
        "sentA sentB",
        "left_text right_text",
        "text_left text_right",
        "Query.1 Query.2",
        "问题A 问题B",
        "句子一 句子二",
        "q t label",
    ],
)
def test_names_of_two_texts_are_a_header(tmp_path: Path, names: str) -> None:
    value = "1" if names.count(" ") > 1 else ""
    found = read(write(tmp_path, "a.tsv", names, *[value] * 3))
    assert len(found) == 3 and not any(note.startswith("Warning") for note in found.notes)


@pytest.mark.parametrize(
    "names",
    [
        "name1 name2",
        "标题1 标题2",
        "left right",
        "input output",
        "原句 改写",
        "sentence text",
        "a b",
    ],
)
def test_names_that_set_two_texts_apart_are_warned_of(tmp_path: Path, names: str) -> None:
    found = read(write(tmp_path, "a.tsv", names, "", "", ""))
    assert len(found) == 4 and any("looks like a header" in note for note in found.notes)


def test_texts_that_are_numbered_in_every_row_are_no_header(tmp_path: Path) -> None:
    file = tmp_path / "a.tsv"
    file.write_text("".join(f"phone{i}1\tphone{i}2\n" for i in range(9)))
    assert not any("looks like a header" in note for note in read(str(file)).notes)
