"""`dssm encode`: a text a line in, a vector a line out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dssmcli.commands.options import (
    CONTEXT,
    available_threads,
    model_option,
    quiet_option,
    side_option,
    threads_option,
)
from dssmcli.errors import counted

if TYPE_CHECKING:
    from dssmcli.data.tsv import BadRows

_EPILOG = """\b
Example:
  dssm encode sentences.txt > vecs.npy
  zcat titles.gz | dssm encode - --side title -o titles.npy
"""


@click.command(
    "encode", short_help="Turn texts into vectors.", context_settings=CONTEXT, epilog=_EPILOG
)
@click.argument("files", nargs=-1, metavar="[FILE...|-]")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write here instead of standard output; the file appears when it is whole.",
)
@side_option
@click.option(
    "--bad-rows",
    type=click.Choice(["fail", "zero"]),
    default="fail",
    help="What to do with a line that is not UTF-8: stop, or give it a row of zeros.",
)
@threads_option
@model_option
@quiet_option
def command(
    files: tuple[str, ...],
    output: Path | None,
    side: str,
    bad_rows: str,
    threads: int | None,
    model: str | None,
    quiet: bool,
) -> None:
    """Write the vectors of texts, one a line, as a .npy array of float32.

    N lines in, N rows out, in the same order; rows have length 1. An empty line is a row of zeros.
    Without FILE, or with -, reads standard input.
    """
    if not files and sys.stdin is not None and sys.stdin.isatty():
        raise click.exceptions.NoArgsIsHelpError(click.get_current_context())
    if output is None and sys.stdout.isatty():
        raise click.UsageError("not writing binary data to a terminal; add -o FILE or > FILE.")
    from dssmcli.atomic import replacing
    from dssmcli.data.tsv import STDIN, BadRows, read_texts
    from dssmcli.serving.encoder import load
    from dssmcli.serving.npy import can_rewind, pipe_rows, write_rows

    encoder = load(model, threads or available_threads())
    skipped = BadRows(skip=bad_rows == "zero")
    blocks = encoder.encode_blocks(read_texts(files or (STDIN,), skipped), side)
    if output is None:
        write = write_rows if can_rewind(sys.stdout.buffer) else pipe_rows
        rows = write(sys.stdout.buffer, blocks, encoder.dim)
    else:
        with replacing(output) as stream:
            write = write_rows if stream.seekable() else pipe_rows
            rows = write(stream, blocks, encoder.dim)
    if not quiet:
        _summary(rows, skipped, encoder.truncated)


def _summary(rows: int, skipped: BadRows, truncated: int) -> None:
    said = f"Encoded {counted(rows, 'text')}."
    if skipped.count:
        said += f" Rows of zeros for {counted(skipped.count, 'unreadable line')}, the first:"
        said += f" {skipped.first}"
    if truncated:
        said += f" Longer than the model reads, so cut: {counted(truncated, 'text')}."
    click.echo(said, err=True)
