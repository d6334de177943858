"""Two files to train on of which one writes columns otherwise: said, with a command that works."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from conftest import Dssm, Result
from tables import world, write_table

from dssmcli.data.inference import FeatureInput
from dssmcli.data.tsv import BadRows
from dssmcli.presets import replaced
from dssmcli.rec_config import MultitaskConfig, MultitaskTrainConfig
from dssmcli.training.tabletask import TableInput, build_table_task

Columns = dict[str, list[str]]


def visits(seed: int) -> Columns:
    columns = world(150, seed=seed).columns
    columns["price"] = [f"{float(each):.2f}" for each in columns["price"]]
    columns["zip"] = [f"0{1000 + int(float(each)) % 9}" for each in columns["age"]]
    return columns


def lines_of(*paths: Path, valid: Sequence[Path] = (), ignored: str = "minutes") -> list[str]:
    """Return what a training says before it begins."""
    lines: list[str] = []
    given = TableInput(
        [*map(str, paths)], ["bought"], FeatureInput(("minutes", ignored)), [*map(str, valid)]
    )
    model = MultitaskConfig.for_arch("mmoe")
    config = replaced(MultitaskTrainConfig(), {"threads": 1})
    build_table_task(given, model, config, BadRows(), lines.append)
    return lines


def followed(line: str, folder: Path) -> Path:
    """Do what a line says, in a shell, and return the file written."""
    command = line[line.index("python3 -c") :].rstrip(".")
    subprocess.run(["bash", "-c", command], check=True, cwd=folder)
    return Path(command.rpartition("> '")[2].rstrip("'"))


def in_all(new: Callable[[str], str], *names: str) -> Callable[[Columns], None]:
    def change(columns: Columns) -> None:
        for name in names:
            columns[name] = [new(each) for each in columns[name]]

    return change


def comma(text: str) -> str:
    return text.replace(".", ",")


CASES = {
    "comma": (
        in_all(comma, "price"),
        'price: 150 of 150 fields ("',
        '") are numbers in another way of writing than in the other files',
    ),
    "commas": (in_all(comma, "price", "age"), "age: 150 of 150 fields", "has a decimal comma"),
    "capitals": (in_all(str.upper, "city"), 'city: 1', 'which the other files spell "'),
    "zeros": (in_all(lambda t: t[1:], "zip"), "zip: 150 rows with ", 'spell "01'),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_file_that_writes_a_column_otherwise_is_named_with_a_command_that_mends_it(
    case: str, tmp_path: Path, dssm: Dssm
) -> None:
    change, begins, says = CASES[case]
    columns = visits(2)
    change(columns)
    delimiter = ";" if "comma" in case else ","
    one, two = write_table(tmp_path / "a.csv", visits(1)), tmp_path / "b.csv"
    write_table(two, columns, delimiter)
    said = [line for line in lines_of(one, two) if line.startswith(f"Warning: {two}: ")]
    assert any(begins in line and says in line for line in said), said
    assert len(said) == (2 if case == "commas" else 1)
    assert not any("rows have other texts" in line for line in lines_of(one, two))
    # One command for all columns that are written so.
    assert len({line[line.index("python3") :] for line in said if "python3" in line}) == 1
    new = followed(said[0], tmp_path)
    plain = write_table(tmp_path / "plain.csv", visits(2))
    expected = [line.replace(str(plain), str(new)) for line in lines_of(one, plain)]
    assert lines_of(one, new) == expected
    found = findings(dssm("check", "--json", one, two, "--task", "bought", "--ignore", "minutes"))
    assert [each["file"] for each in found] == [str(two)] * len(said)
    assert findings(dssm("check", "--json", one, new, "--task", "bought")) == []


def findings(done: Result) -> list[dict[str, str]]:
    lines = map(json.loads, done.out.splitlines())
    return [each for each in lines if each.get("code") == "other_spelling"]


def test_of_three_files_the_odd_one_is_named(tmp_path: Path) -> None:
    paths = []
    for i in range(3):
        columns = visits(i + 1)
        if i == 0:
            in_all(str.upper, "city")(columns)
        paths.append(write_table(tmp_path / f"{i}.csv", columns))
    said = [line for line in lines_of(*paths) if "which the other files spell" in line]
    assert len(said) == 1 and said[0].startswith(f"Warning: {paths[0]}: city: ")


def test_categories_of_which_the_other_files_have_none_are_warned_of(tmp_path: Path) -> None:
    columns = visits(2)
    in_all(lambda t: {"P": "c1", "O": "c2", "t": "c3"}.get(t[0], "c4"), "city")(columns)
    paths = write_table(tmp_path / "a.csv", visits(1)), write_table(tmp_path / "b.csv", columns)
    (said,) = [line for line in lines_of(*paths) if "none of its" in line]
    assert said.startswith(f"Warning: {paths[1]}: city: none of its 4 categories") and (
        said.endswith("--ignore 'city'.")
    )
    assert not [line for line in lines_of(*paths, ignored="city") if "none of its" in line]


def test_some_rows_in_capitals_or_below_0_in_one_file_are_warned_of(tmp_path: Path) -> None:
    columns = visits(2)
    columns["city"][:30] = [each.upper() for each in columns["city"][:30]]
    in_all("-{}".format, "price")(columns)
    one, two = write_table(tmp_path / "a.csv", visits(1)), write_table(tmp_path / "b.csv", columns)
    price, city = [line for line in lines_of(one, two) if "the other files" in line]
    assert price.startswith(f"Warning: {two}: price: half of 150 numbers are -")
    assert city.startswith(f"Warning: {two}: city: ") and "which the other files spell" in city
    assert not [line for line in lines_of(one, followed(city, tmp_path)) if "files spell" in line]


def test_a_number_that_stands_for_no_value_in_one_file_is_warned_of(tmp_path: Path) -> None:
    columns = visits(2)
    columns["price"][::5] = ["0"] * 30
    columns["year"] = ["2025"] * 150
    first = {**visits(1), "year": [str(2021 + i % 4) for i in range(150)]}
    one, two = write_table(tmp_path / "a.csv", first), write_table(tmp_path / "b.csv", columns)
    (said,) = [line for line in lines_of(one, two) if "the other files" in line]
    assert said.startswith(f"Warning: {two}: price: 0 in 30 of 150 numbers, in the other files in")


def test_days_of_one_month_and_of_the_next_are_no_other_spelling(tmp_path: Path) -> None:
    paths = []
    for month in (1, 2):
        columns = visits(month)
        columns["day"] = [f"2024-0{month}-{1 + i % 28:02d}" for i in range(150)]
        columns["plain"] = ["1-1" if i % 2 else "11" for i in range(150)]
        paths.append(write_table(tmp_path / f"{month}.csv", columns))
    assert not [line for line in lines_of(*paths) if "other files" in line]


def test_a_column_that_only_a_later_file_has_is_said(tmp_path: Path) -> None:
    columns = {**visits(2), "channel": ["web"] * 150}
    one, two = write_table(tmp_path / "a.csv", visits(1)), write_table(tmp_path / "b.csv", columns)
    assert [line for line in lines_of(one, two) if "not read, as" in line] == [
        f"{two}: not read, as {one} does not have them: channel. To learn from them, give all "
        "files these columns, empty where nothing is known."
    ]
    assert not [line for line in lines_of(one, valid=[two]) if "channel" in line]


def test_a_part_of_a_file_in_another_unit_is_warned_of(tmp_path: Path) -> None:
    columns = visits(2)
    columns["age"][:20] = [f"{100 * float(each):.0f}" for each in columns["age"][:20]]
    one, two = write_table(tmp_path / "a.csv", visits(1)), write_table(tmp_path / "b.csv", columns)
    (said,) = [line for line in lines_of(one, two) if "the other files" in line]
    assert said.startswith(f"Warning: {two}: age: 20 of 150 numbers are more than 5 times as large")
