"""Text that a command writes: to standard output, or to a file that appears when it is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

Write = Callable[[str], None]


@contextmanager
def writing(output: Path | None) -> Iterator[Write]:
    """Open what is written to: standard output for None."""
    if output is None:
        yield lambda text: click.echo(text, nl=False)
        return
    from dssmcli.atomic import replacing

    with replacing(output) as stream:

        def write(text: str) -> None:
            stream.write(text.encode())

        yield write
