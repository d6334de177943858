"""The target of benchmarks/fuzz.py that gives whole command lines."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import fuzz_runs
from fuzz_runs import Choices, mute
from fuzz_text import Target

from dssmcli import cli

_VALUES = (
    *("0", "1", "2", "3", "-1", "0.5", "1e9", "nan", "inf", "x", "", "手机", "\udcff", "-", "--"),
    *("pairs.tsv", "texts.txt", "table.csv", "watches.tsv", "impressions.tsv", "users.jsonl"),
    *("none", "out", "text", "mmoe", "candidates", "ranking", "jieba", "user", "item", "1,3"),
    *("bought", "minutes:regression", "city", "1/2", "5-20", "click", "label", "query", "title"),
    "query,title,label",
)
_SLOW = ("--threads", "--bootstrap", "--hours", "--minutes", "--budget", "--tune")
"""Options whose larger values ask for what takes long; they get none here but small ones."""


def commands(data: bytes, folder: Path) -> None:
    """Any command line ends with one of the exit codes and at most one line of error."""
    choices = Choices(data)
    home = folder / "home"
    if not home.exists():
        shutil.copytree(fuzz_runs.HOME, home)
        fuzz_runs.runs()
    before = Path.cwd()
    os.chdir(home)
    try:
        with mute():
            _try_command(choices)
    finally:
        os.chdir(before)
        _tidy(home)


def _try_command(choices: Choices) -> None:
    words = [choices.of(cli.COMMANDS)]
    options = _options(words, choices)
    for _ in range(choices.below(4)):
        words.append(choices.of(_VALUES))
    for _ in range(choices.below(6)):
        if not options:
            break
        option = choices.of(options)
        words.append(choices.of([*option.opts, *option.secondary_opts]))
        if not option.is_flag:
            fixed = getattr(option.type, "choices", None)
            slow = any(name in _SLOW for name in option.opts)
            words.append(choices.of(["1", "0", "x"] if slow else [*(fixed or ()), *_VALUES]))
    small_work = {"--threads": "1", "--epochs": "1", "--bootstrap": "2"}
    for name, value in small_work.items():
        if any(name in option.opts for option in options) and name not in words:
            words += [name, value]
    code = cli.run(words)
    said = sys.stderr.buffer
    sys.stderr.flush()
    assert isinstance(said, io.BytesIO)
    text = said.getvalue().decode()
    assert code in (0, 1, 2, 3), (words, code)
    assert "Traceback" not in text, (words, text)
    assert code == 0 or text.strip() or sys.stdout.buffer.tell(), (words, code)


def _options(words: list[str], choices: Choices) -> list[click.Option]:
    """Return the options of a command, choosing one of a group first."""
    with click.Context(cli.dssm) as context:
        command = cli.dssm.get_command(context, words[0])
        assert command is not None
        if isinstance(command, click.Group):
            words.append(choices.of([*command.commands, "none"]))
            found = command.commands.get(words[-1])
            return _of(found) if found else []
        return _of(command)


def _of(command: click.Command) -> list[click.Option]:
    return [each for each in command.params if isinstance(each, click.Option)]


def _tidy(home: Path) -> None:
    """Put everything back as it was."""
    kept = {path.name: path for path in fuzz_runs.HOME.iterdir()}
    for path in home.iterdir():
        if path.name not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        elif path.is_file() and path.read_bytes() != kept[path.name].read_bytes():
            shutil.copy(kept[path.name], path)
    for name, path in kept.items():
        if path.is_dir() and _listed(home / name) != _listed(path):
            shutil.rmtree(home / name, ignore_errors=True)
            shutil.copytree(path, home / name)
        elif path.is_file() and not (home / name).exists():
            shutil.copy(path, home / name)


def _listed(folder: Path) -> list[tuple[str, int]]:
    if not folder.is_dir():
        return []
    return sorted((path.name, path.stat().st_size) for path in folder.iterdir())


TARGETS: dict[str, tuple[Target, Sequence[bytes]]] = {
    "commands": (commands, [bytes(range(i, i + 40)) for i in range(0, 200, 10)]),
}
