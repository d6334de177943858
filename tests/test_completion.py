"""The shells complete commands, options, their choices and names of files, without numpy."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from dssmcli.cli import dssm

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(_DSSM_COMPLETE=bash_source dssm)"'),
    "zsh": (
        ["zsh", "-f", "-i"],
        'autoload -Uz compinit; compinit -u -D; eval "$(_DSSM_COMPLETE=zsh_source dssm)"',
    ),
    "fish": (["fish", "--no-config", "-i"], "_DSSM_COMPLETE=fish_source dssm | source"),
}
ENVIRONMENT = {
    **os.environ,
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    "TERM": "dumb",
}


def commands(group: click.Group, name: str = "dssm") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group, info_name=name)
    for each in group.list_commands(context):
        command = group.get_command(context, each)
        assert command is not None
        yield f"{name} {each}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {each}")


def completed(*words: str) -> list[str]:
    """Return what a shell is told of the last of some words: kind and value."""
    environment = {
        **os.environ,
        "COMP_WORDS": " ".join(["dssm", *words]),
        "COMP_CWORD": str(len(words)),
        "_DSSM_COMPLETE": "bash_complete",
    }
    run = [sys.executable, "-m", "dssmcli"]
    done = subprocess.run(run, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tr"], ["plain,train", "plain,train-rec"]),
        (["train", "--arch", "c"], ["plain,cnn"]),
        (["train", "--overw"], ["plain,--overwrite"]),
        (["train-rec", "mm"], ["plain,mmoe"]),
        (["train-rec", "mmoe", "--ga"], ["plain,--gate"]),
        (["train", "pai"], ["file,pai"]),
        (["score", "--pairs", "can"], ["file,can"]),
        (["encode", "-m", "my"], ["dir,my"]),
    ],
)
def test_what_a_word_may_become(words: list[str], expected: list[str]) -> None:
    assert completed(*words) == expected


def test_every_argument_and_option_that_names_a_file_or_folder_completes_its_name() -> None:
    expected = {"FILE": "file", "DIR": "dir", "RUN": "dir", "WATCHES": "file"}
    for path, command in commands(dssm):
        for parameter in command.params:
            context = click.Context(command)
            words = re.findall(r"[A-Z]+", str(parameter.metavar))
            kinds = {expected[word] for word in words if word in expected}
            # Arguments are files or runs, but for the texts themselves.
            if isinstance(parameter, click.Argument) and not {"TEXT", "QUERY"} & set(words):
                kinds = kinds or {"file"}
            if path == "dssm info" and kinds:
                kinds = {"file"}  # -m: a run, or an index
            found = {item.type for item in parameter.shell_complete(context, "x")}
            assert not kinds or found == kinds, f"{path} {parameter.name}"


def test_completion_never_imports_numpy_or_torch() -> None:
    """Whatever is completed, a key press does not wait for what computes."""
    program = (
        "import sys; from click.shell_completion import BashComplete; from dssmcli.cli import dssm;"
        "complete = BashComplete(dssm, {}, 'dssm', '_DSSM_COMPLETE').get_completions;"
        "found = [complete([name, '-m'], '') + complete([name], '--') for name in sys.argv[1:]];"
        "assert all(found), found;"
        "heavy = {'numpy', 'torch', 'rich', 'safetensors', 'jieba'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    names = [path.split()[1] for path, _ in commands(dssm)]
    run = [sys.executable, "-c", program, *names]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def typed(shell: str, line: str, expected: str, folder: Path) -> str:
    """Type a line into an interactive shell, then TAB; return what it showed by then."""
    command, setup = SHELLS[shell]
    in_a_terminal = [sys.executable, "-c", "import pty, sys; pty.spawn(sys.argv[1:])", *command]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    environment = {**ENVIRONMENT, "HOME": str(folder)}
    with subprocess.Popen(in_a_terminal, cwd=folder, env=environment, bufsize=0, **pipes) as run:
        try:
            wait_for(run, f"{setup}; echo set''up\n", "setup\r\n")
            return wait_for(run, f"{line}\t", expected)
        finally:
            run.kill()


def wait_for(run: subprocess.Popen[bytes], sent: str, expected: str) -> str:
    """Write to a program and read until what is expected has come."""
    assert run.stdin and run.stdout
    run.stdin.write(sent.encode())
    shown, until = "", time.monotonic() + 60
    while expected not in shown:
        ready, _, _ = select.select([run.stdout], [], [], max(0, until - time.monotonic()))
        more = os.read(run.stdout.fileno(), 4096) if ready else b""
        assert more, f"expected {expected!r}, found {shown!r}"
        shown += more.decode("utf-8", "replace")
    return shown


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("dssm tok", "tokenize"),
        ("dssm train --arch d", "dnn"),
        ("dssm train --valid-s", "valid-share"),
        ("dssm train pai", "pairs.tsv"),
        ("dssm score -m my", "my-run"),
    ],
)
def test_an_interactive_shell_completes_when_tab_is_pressed(
    shell: str, line: str, expected: str, tmp_path: Path
) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    (tmp_path / "pairs.tsv").touch()
    (tmp_path / "my-run").mkdir()
    (tmp_path / "my-notes.txt").touch()
    typed(shell, line, expected, tmp_path)
