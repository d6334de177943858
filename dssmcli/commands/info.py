"""`dssm info`: a run's settings and figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from dssmcli.commands.options import CONTEXT, json_option, model_option

_EPILOG = """\b
Example:
  dssm info
  dssm info -m my-run --json
"""


@click.command(
    "info",
    short_help="Show a run's settings and figures.",
    context_settings=CONTEXT,
    epilog=_EPILOG,
)
@json_option
@model_option
def command(as_json: bool, model: str | None) -> None:
    """Print a run's settings, its data and its figures on validation rows."""
    from dssmcli.run import find_run, open_run

    run = open_run(find_run(model))
    config = run.config()
    sizes = {name: size for name, (size, _) in sorted(run.files.items())}
    config = {"run": str(run.path), **config, "files": sizes}
    if as_json:
        click.echo(json.dumps(config, ensure_ascii=False))
        return
    for name, value in _flat(config, ""):
        click.echo(f"{name}\t{value}")


def _flat(values: Mapping[str, Any], prefix: str) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value)))
    return rows
