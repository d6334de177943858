"""What a command says: its data to standard output or a file, all else to standard error."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from dssmcli.errors import WARNING, shown, worth_saying

Write = Callable[[str], None]


def talk(quiet: bool, *lines: str) -> None:
    """Print what there is to say to standard error; when quiet, nothing but warnings."""
    for line in worth_saying((part for each in lines for part in each.splitlines()), quiet):
        click.echo(line, err=True)


def warn(*lines: str) -> None:
    """Print to standard error what nobody is to miss, also when quiet: figures mean less."""
    for line in filter(None, lines):
        click.echo(line, err=True)


def file_doubt(*texts: str, instead: str) -> str:
    """Return a warning if a text from the command line is the name of a file, else nothing."""
    for text in texts:
        if "." in text and len(text) < _LONGEST_NAME and os.path.isfile(text):
            return (
                f"{WARNING}{shown(text)} is taken as a text, though a file is called so here. For "
                f"what stands in it: {instead}."
            )
    return ""


_LONGEST_NAME = 255


@contextmanager
def writing(output: Path | None) -> Iterator[Write]:
    """Open what is written to: standard output for None and for `-`."""
    if output is None or output == Path("-"):
        yield lambda text: click.echo(text, nl=False)
        return
    from dssmcli.atomic import replacing

    with replacing(output) as stream:

        def write(text: str) -> None:
            stream.write(text.encode())

        yield write
