"""What a command says of tables names no option that this very command does not have."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from conftest import Dssm, run_command
from tables import SMALL_TABLE, UNITS, world, write_table

from dssmcli.cli import dssm as group

Columns = dict[str, list[str]]
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_OTHER_COMMAND = re.compile(r"dssm (?:train-rec )?[a-z-]+ [^`;]*")


def visits(seed: int) -> Columns:
    columns = world(200, seed=seed).columns
    columns["back"] = [["same day", "this week", "later"][i % 3] for i in range(200)]
    return columns


@pytest.fixture(name="run", scope="module")
def _run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("offered")
    table = write_table(folder / "t.csv", visits(1))
    tasks = ("--task", "back=same day|this week", "--task", "minutes:regression", "--task")
    line = ("train-rec", "mmoe", table, *tasks, "bought", "--epochs", "1", "-o", folder / "r")
    with pytest.MonkeyPatch.context() as patch:
        done = run_command([*line, *UNITS["mmoe"], *SMALL_TABLE], b"", patch)
    assert done.code == 0, done
    return folder / "r"


def mapped(column: str, new: Callable[[str], str]) -> Callable[[Columns], None]:
    def change(columns: Columns) -> None:
        columns[column] = [new(each) for each in columns[column]]

    return change


TROUBLE: dict[str, Callable[[Columns], object]] = {
    "title case": mapped("back", str.title),
    "other words": mapped("back", lambda _: "unknown"),
    "other marks": mapped("minutes", lambda t: t.replace(".", ",") + "5"),
    "words for numbers": mapped("minutes", lambda _: "long"),
    "labels 1 and 2": mapped("bought", lambda t: str(int(t) + 1)),
    "labels maybe": mapped("bought", lambda t: {"0": "never", "1": "maybe"}[t]),
    "labels turned": mapped("bought", lambda t: str(1 - int(t))),
    "one label": mapped("bought", lambda _: "1"),
    "no label": mapped("bought", lambda _: ""),
    "seconds": mapped("minutes", lambda t: str(60 * float(t) + 999)),
    "capitals": mapped("city", str.upper),
    "no numbers": mapped("price", lambda _: "dear"),
    "cents": mapped("price", lambda t: str(100 * float(t))),
    "-1": mapped("age", lambda t: "-1" if t[0] == "4" else t),
    "blank": mapped("age", lambda _: ""),
    "no column": lambda columns: columns.pop("price"),
    "other name": lambda columns: columns.update(Price=columns.pop("price")),
    "no task": lambda columns: (
        [columns.pop(each) for each in ("back", "minutes", "bought")] and None
    ),
    "none": lambda _: None,
}
TEXTS: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "a header": lambda text: text.partition("\n")[0] + "\n",
    "no header": lambda text: text.partition("\n")[2],
    "a bad row": lambda text: text.replace("\n", "\nx,y\n", 3),
    "twice": lambda text: text + text,
    "bars": lambda text: text.replace(",", "|"),
    "an open quote": lambda text: text + '"Paris,1,2\n',
    "JSON": lambda _: '{"city": "Paris"}\n',
    "pairs": lambda _: "query\ttitle\tlabel\na\tb\t1\n",
}


def tables(folder: Path) -> Iterator[Path]:
    """Write a table for each trouble, and yield its path."""
    for i, change in enumerate(TROUBLE.values()):
        columns = visits(2)
        change(columns)
        yield write_table(folder / f"{i}.csv", columns)
    plain = write_table(folder / "plain.csv", visits(2)).read_text("utf-8")
    for i, made in enumerate(TEXTS.values()):
        path = folder / f"text{i}.csv"
        path.write_text(made(plain), "utf-8")
        yield path


def options_of(name: str) -> set[str]:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    return {each for one in command.params for each in (*one.opts, *one.secondary_opts)}


@pytest.mark.parametrize("name", ["predict", "gates", "eval", "report"])
def test_no_option_is_named_that_the_command_does_not_have(
    name: str, run: Path, dssm: Dssm, tmp_path: Path
) -> None:
    known, said = options_of(name), 0
    for table in tables(tmp_path):
        line: list[str | Path] = [name, "-m", run, table]
        if name == "report":
            line = [name, run, "--data", table, "-o", tmp_path / "out.html"]
        done = dssm(*line, *(["--bootstrap", "0"] if name == "eval" else []))
        assert done.code in (0, 3), done
        said += done.err.count("\n")
        own = _OTHER_COMMAND.sub("", done.err)
        assert set(_OPTION.findall(own)) <= known | {"--help"}, done.err
    assert said >= len(TEXTS)


def test_labels_in_another_spelling_than_learned_have_a_command_that_mends_them(
    run: Path, dssm: Dssm, tmp_path: Path
) -> None:
    columns = visits(2)
    TROUBLE["title case"](columns)
    table = write_table(tmp_path / "later.csv", columns)
    done = dssm("eval", "-q", "-m", run, table, "--bootstrap", "0")
    lines = [line for line in done.err.splitlines() if "for a 0. If it is a 1, write it" in line]
    assert len(lines) == 2 and 'write it "same day", as the run has learned it: ' in lines[0]
    (command,) = {line[line.index("python3") :].rstrip(".") for line in lines}
    subprocess.run(["bash", "-c", command], check=True, cwd=tmp_path)
    mended = dssm("eval", "-q", "-m", run, tmp_path / "later-labels.csv", "--bootstrap", "0")
    plain = dssm("eval", "-q", "-m", run, write_table(tmp_path / "p.csv", visits(2)),
                 "--bootstrap", "0")  # fmt: skip
    assert mended.out.splitlines()[1:] == plain.out.splitlines()[1:]


def test_labels_of_valid_in_another_unit_are_warned_of(dssm: Dssm, tmp_path: Path) -> None:
    columns = visits(2)
    TROUBLE["seconds"](columns)
    one = write_table(tmp_path / "a.csv", visits(1))
    two = write_table(tmp_path / "v.csv", columns)
    line = ("train-rec", "mmoe", one, "--task", "bought", "--task", "minutes:regression")
    small = (*UNITS["mmoe"], *SMALL_TABLE, "--epochs", "1", "--overwrite", "-o", tmp_path / "r")
    done = dssm(*line, "--valid", two, *small)
    said = f'Warning: {two}: the numbers of the task "minutes" are '
    assert done.code == 0 and done.err.count(said) == 1 and "another unit?" in done.err
    plain = write_table(tmp_path / "p.csv", visits(3))
    assert said not in dssm(*line, "--valid", plain, *small).err
