"""What a message says to type can be pasted into a shell, whatever the names and values hold."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Dssm

import dssmcli
from dssmcli.errors import in_shell

PACKAGE = Path(dssmcli.__file__).parent
NASTY = "it's $5 `off`"
TEXTS = (
    "y=1",
    NASTY,
    'a "b"',
    "$(exit)",
    "a\\b",
    "*",
    "!x",
    "",
    "电 话",
    "b'\\x00'",
    "a\tb'%\\\n中x",
)


@pytest.mark.parametrize("text", TEXTS)
def test_a_shell_reads_back_what_a_message_quotes(text: str) -> None:
    word = in_shell(text)
    assert word.isprintable()
    line = ["sh", "-c", f"printf %s {word}"]
    assert subprocess.run(line, check=True, capture_output=True).stdout.decode() == text
    assert not text.isprintable() or shlex.split(word) == [text]


def test_plain_words_stand_in_plain_quotes() -> None:
    assert in_shell("same day|today") == "'same day|today'"


def test_no_message_puts_quotes_around_a_value_by_itself() -> None:
    bare = re.compile(r"--[a-z-]+ '[^']*\{\}")
    assert not [
        (path.name, text)
        for path in PACKAGE.rglob("*.py")
        for text in _formatted(path)
        if bare.search(text)
    ]


def _formatted(path: Path) -> Iterator[str]:
    """Yield the texts of a file in which values stand, as `{}`."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(getattr(each, "value", "")) if isinstance(each, ast.Constant) else "{}"
                for each in node.values
            )


def test_hints_about_columns_with_signs_of_the_shell_lead_on(
    tmp_path: Path, dssm: Dssm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    says = ["don't $pay", "pay 'now'"]
    rows = [f"{says[i % 3 == 0]},{i % 3 == 0},{'abc'[i % 2]}" for i in range(60)]
    Path("t.csv").write_text("\n".join([f"{NASTY},le'ak $x,z", *rows]) + "\n")
    first = dssm("check", "t.csv", "--task", NASTY)
    [task] = re.findall(r"as in (--task .*)\.\n", first.out)
    second = dssm("check", "t.csv", *_pasted(task))
    assert f"Task {NASTY}, in how many rows: 1 is" in second.out, second
    [ignored] = re.findall(r"mean nothing: (--ignore .*)\.\n", second.out)
    third = dssm("check", "t.csv", *_pasted(task), *_pasted(ignored))
    assert third.code == 0 and "mean nothing" not in third.out, third


def _pasted(words: str) -> list[str]:
    """Return the words as a shell hands them to a command."""
    done = subprocess.run(["sh", "-c", f"printf '%s\\n' {words}"], check=True, capture_output=True)
    return done.stdout.decode().splitlines()


def test_bits_of_mysql_are_yes_and_no(tmp_path: Path, dssm: Dssm) -> None:
    rows = [f"b'\\x0{i % 3 % 2}',{'abc'[i % 2]}" for i in range(60)]
    table = tmp_path / "t.csv"
    table.write_text("\n".join(["y,z", *rows]) + "\n")
    done = dssm("check", table, "--task", "y")
    assert done.code == 0 and "task y              33.3% of 60 rows are 1" in done.out, done
