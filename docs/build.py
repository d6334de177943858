"""Write docs/commands.md: the help of every command, as a terminal of 96 columns shows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from dssmcli.cli import dssm

WIDTH = {"terminal_width": 96, "max_content_width": 96}
PAGE = Path(__file__).with_name("commands.md")


def page() -> str:
    """Return the page."""
    parts = ["# Commands\n\nWritten by `python docs/build.py` from `dssm COMMAND --help`.\n"]
    for context in contexts(dssm, None):
        shown = context.command.get_help(context)
        parts.append(f"## {context.command_path}\n\n```text\n{shown}\n```\n")
    return "\n".join(parts)


def contexts(
    command: click.Command, parent: click.Context | None, name: str = "dssm"
) -> Iterator[click.Context]:
    """Yield a context of a command and then, if it is a group, of all commands below it."""
    settings = {**command.context_settings, **WIDTH}
    context = click.Context(command, parent, info_name=name, **settings)
    yield context
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            below = command.get_command(context, each)
            assert below is not None
            yield from contexts(below, context, each)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
