"""Makes docs/dssm.1: the manual page of all commands, in roff."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping

import click
import facts
from commands_page import contexts

from dssmcli import __version__
from dssmcli.cli import dssm

SEE_ALSO = "The guide, the formats of files and the Python API stand in docs/ of the source."


def page() -> str:
    """Return the page."""
    group, *commands = contexts(dssm, None)
    examples = _example(group.command)
    lines = [
        f'.TH DSSM 1 "" "dssm {__version__}" "User Commands"',
        *(".SH NAME", r"dssm \- semantic matching of short texts, and recommenders"),
        *(".SH SYNOPSIS", ".B dssm", r"[\-\-debug]", ".I COMMAND", "[options] [arguments]"),
        ".SH DESCRIPTION",
        *_text(group.command.help or ""),
        *(".SH OPTIONS", *_options(group)),
        ".SH COMMANDS",
        *(line for context in commands for line in _command(context)),
        *_list("EXIT STATUS", facts.EXIT_CODES),
        *(*_list("ENVIRONMENT", facts.ENVIRONMENT), *_text(facts.THREADS)),
        *_list("FILES", facts.FILES),
        *(".SH EXAMPLES", *examples),
        *(".SH SEE ALSO", *_text(SEE_ALSO)),
    ]
    return "\n".join(lines) + "\n"


def _command(context: click.Context) -> Iterator[str]:
    """Yield a section: how a command is called, what it does, its options and its example."""
    yield f".SS {_escaped(context.command_path)}"
    pieces = " ".join(context.command.collect_usage_pieces(context))
    yield from (f".B {_escaped(context.command_path)}", _escaped(pieces))
    yield from _text(context.command.help or "")
    yield from _options(context)
    if example := _example(context.command):
        yield from (".PP", "Example:", *example)


def _options(context: click.Context) -> Iterator[str]:
    for parameter in context.command.get_params(context):
        # Arguments say nothing beyond what stands in the line above.
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            name, text = record
            yield from (".TP", f".B {_escaped(name)}", *_lines(text))


def _list(title: str, rows: Mapping[str, str]) -> Iterator[str]:
    yield f".SH {title}"
    for name, text in rows.items():
        yield from (".TP", f".B {_escaped(name)}", *_lines(text))


def _example(command: click.Command) -> list[str]:
    """Return the example that stands at the end of a command's help, as it is to be typed."""
    _, _, example = (command.epilog or "").partition("Example:\n")
    return [".PP", ".nf", *(_escaped(line) for line in example.splitlines()), ".fi"]


def _text(text: str) -> Iterator[str]:
    """Yield paragraphs; those that begin with \\b keep their lines."""
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        yield ".PP"
        if paragraph.startswith("\b"):
            kept = paragraph.removeprefix("\b").strip("\n").splitlines()
            yield from (".nf", *(_escaped(line) for line in kept), ".fi")
        else:
            yield from _lines(paragraph)


def _lines(text: str) -> Iterator[str]:
    """Yield running text; blank lines of roff would be gaps."""
    yield _escaped(" ".join(text.split()).replace("`", ""))


def _escaped(line: str) -> str:
    """Return a line that roff prints as it is."""
    kept = line.replace("\\", "\\e").replace("-", "\\-")
    kept = "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in kept)
    # A point or an apostrophe would begin a request.
    return f"\\&{kept}" if kept[:1] in (".", "'") else kept
