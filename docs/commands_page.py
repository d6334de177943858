"""Makes docs/commands.md: the help of every command, as a terminal of 96 columns shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click
import facts

from dssmcli.cli import dssm

WIDTH = {"terminal_width": 96, "max_content_width": 96}
HEAD = """# Commands

Written by `python docs/build.py` from `dssm COMMAND --help`; the same as a manual page: `man dssm`.

    dssm [--debug] COMMAND [OPTIONS] [ARGUMENTS]

Data goes to standard output, all else to standard error. `-` is standard input, gzip is unpacked.
Options may stand before arguments or behind them, `--` ends them, and a text that begins with `-`
stands behind `--`.
"""


def page() -> str:
    """Return the page."""
    parts = [
        HEAD,
        _table("Exit codes", ("code", "means"), facts.EXIT_CODES),
        _table("Environment", ("variable", "does"), facts.ENVIRONMENT) + f"\n{facts.THREADS}\n",
        _table("Files", ("file", "is"), facts.FILES)
        + "\nWhat is in a run, an index and all other files: [formats](formats.md).\n",
    ]
    for context in contexts(dssm, None):
        shown = context.command.get_help(context)
        parts.append(f"## {context.command_path}\n\n```text\n{shown}\n```\n")
    return "\n".join(parts)


def _table(title: str, names: tuple[str, str], rows: Mapping[str, str]) -> str:
    lines = [f"## {title}\n", f"| {names[0]} | {names[1]} |", "|---|---|"]
    for name, text in rows.items():
        # A bar would end the cell, in code too.
        cell = text.replace("|", "\\|")
        lines.append(f"| `{name}` | {cell} |")
    return "\n".join(lines) + "\n"


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
