"""`dssm info`: the settings and figures of a run, or of an index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dssmcli.commands.options import CONTEXT, FILE, json_option

if TYPE_CHECKING:
    from dssmcli.run import Run

_EPILOG = """\b
Example:
  dssm info
  dssm info -m my-run --json
  dssm info -m dssm-index
"""


@click.command(
    "info",
    short_help="Show the settings and figures of a run or an index.",
    context_settings=CONTEXT,
    epilog=_EPILOG,
)
@json_option
@click.option(
    "-m",
    "--model",
    metavar="DIR",
    type=FILE,  # an index is one
    help="The run to use.  [default: $DSSM_MODEL, else ./dssm-model]",
)
def command(as_json: bool, model: str | None) -> None:
    """Print a run's settings, its data and its figures on validation rows.

    Of an index (-m FILE): what it says of itself, then the same of the run that it carries.
    """
    from dssmcli.run import find_run
    from dssmcli.serving.told import flat

    path = find_run(model)
    from dssmcli.serving.index_file import is_index

    config = _index(path) if is_index(path) else _run(path)
    if as_json:
        click.echo(json.dumps(config, ensure_ascii=False))
        return
    for name, value in flat(config):
        click.echo(f"{name}\t{value}")


def _run(path: Path) -> dict[str, Any]:
    from dssmcli.run import open_run

    return {"run": str(path), **_told(open_run(path))}


def _index(path: Path) -> dict[str, Any]:
    from dssmcli.serving.index_file import IndexFile

    file = IndexFile(path)
    return {"index": str(path), **file.settings.to_json(), "run": _told(file.run())}


def _told(run: Run) -> dict[str, Any]:
    sizes = {name: size for name, (size, _) in sorted(run.files.items())}
    return {**run.config(), "files": sizes}
