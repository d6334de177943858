"""`dssm info`: the settings and figures of a run, or of an index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dssmcli.commands.options import CONTEXT, FILE, json_option
from dssmcli.config import SIDES, VECTOR_SIDES
from dssmcli.errors import ConfigError, RunError

if TYPE_CHECKING:
    from dssmcli.run import Run

_ASYMMETRIC = "less than 1: the score says how well a title answers a query"

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

    Of a run of texts also its `vectors`: how long those of each side are (text is what `dssm
    encode` gives), the share of their parts, the powers of lengths, and what `dssm score` gives
    for a text and itself.

    Of a run of tables or logs also its `columns`: what each is taken for, and how its numbers are
    written.

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
    from dssmcli.run import TEXT

    sizes = {name: size for name, (size, _) in sorted(run.files.items())}
    config = run.config()
    vectors = {"vectors": _vectors(run)} if config.get("family") == TEXT else {}
    return {**config, **vectors, **_columns(run), "files": sizes}


def _columns(run: Run) -> dict[str, Any]:
    """Return what the columns are that a run has as features, if it has any."""
    from dssmcli.run import CONFIG, FEATURES, RANKING

    if FEATURES not in run.files:
        return {}
    from dssmcli.data.features import schema_from_json

    text, where = run.read_text(FEATURES), run.path / FEATURES
    if run.family() != RANKING:
        return {"columns": schema_from_json(text, where).described}
    from dssmcli.data.places import ranking_features_from_json
    from dssmcli.serving.ranker import impression_columns_from

    try:
        roles = run.config().get("columns")
        columns = impression_columns_from(roles, f"{run.path / CONFIG}: columns")
    except ConfigError as error:
        raise RunError(str(error)) from error
    return {"columns": ranking_features_from_json(text, where, columns.outcomes).described}


def _vectors(run: Run) -> dict[str, Any]:
    """Return what the vectors of a run of texts are like."""
    from dssmcli.run import WEIGHTS
    from dssmcli.serving.contents import build_encoder

    encoder = build_encoder(run, run.read(WEIGHTS))
    sides = SIDES if encoder.model.separate_towers else VECTOR_SIDES
    return {
        **{side: {"dim": encoder.dim_of(side)} for side in sides},
        "lexical_share": round(encoder.share, 4),
        "length_powers": dict(zip(SIDES, encoder.powers, strict=True)),
        "score_of_a_text_with_itself": _ASYMMETRIC if encoder.sides_differ else "1",
    }
