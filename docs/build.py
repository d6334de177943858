"""Write docs/commands.md: the help of every command, as a terminal of 96 columns shows it."""

from __future__ import annotations

from pathlib import Path

import click

from dssmcli.cli import COMMANDS, dssm

WIDTH = {"terminal_width": 96, "max_content_width": 96}
PAGE = Path(__file__).with_name("commands.md")


def page() -> str:
    """Return the page."""
    parts = ["# Commands\n\nWritten by `python docs/build.py` from `dssm COMMAND --help`.\n"]
    for name in ("", *COMMANDS):
        parts.append(f"## dssm {name}".rstrip() + f"\n\n```text\n{help_of(name)}\n```\n")
    return "\n".join(parts)


def help_of(name: str) -> str:
    """Return the help of a command, or of the group for no name."""
    group = click.Context(dssm, info_name="dssm", **{**dssm.context_settings, **WIDTH})
    if not name:
        return dssm.get_help(group)
    command = dssm.get_command(group, name)
    assert command is not None
    settings = {**command.context_settings, **WIDTH}
    return command.get_help(click.Context(command, group, info_name=name, **settings))


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
