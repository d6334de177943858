"""`dssm export`: a run of texts as ONNX."""

from __future__ import annotations

from pathlib import Path

import click

from dssmcli.commands.options import CONTEXT, OWN_FOLDER, model_option, quiet_option
from dssmcli.config import SIDES, VECTOR_SIDES

_EPILOG = """\b
Example:
  dssm export --onnx exported
  dssm export -m my-run --onnx exported --side query --overwrite
"""


@click.command(
    "export",
    short_help="Write a run as ONNX, for other languages.",
    context_settings=CONTEXT,
    epilog=_EPILOG,
    no_args_is_help=True,
)
@click.option(
    "--onnx",
    "folder",
    required=True,
    metavar="DIR",
    type=OWN_FOLDER,
    help="Write ONNX models, and what makes their inputs of texts, into this folder.",
)
@click.option(
    "--side",
    type=click.Choice([*VECTOR_SIDES, "both", "all"]),
    default="all",
    help="Whose vectors to export: of texts to compare with each other (text), of queries and "
    "titles to compare with the other side's (query, title, both), or all that the run has.",
)
@click.option("--overwrite", is_flag=True, help="Replace an export.")
@model_option
@quiet_option
def command(folder: Path, side: str, overwrite: bool, model: str | None, quiet: bool) -> None:
    """Write a run of texts (`dssm train`) as ONNX models, which need no Python.

    text.onnx, query.onnx and title.onnx hold all that comes after the ids: embeddings, tower,
    lexical part, unit length. They give what `dssm encode --side text`, query and title does; a
    run with separate towers has no text.onnx. Where all three are the same they are one file,
    model.onnx. Beside them: vocab.txt and settings.json, with which texts become ids; README.md,
    which says how; texts.jsonl, texts with their ids and vectors, to check another program against.
    """
    from dssmcli.commands.output import talk
    from dssmcli.export.folder import files_of, read_run, refuse_existing, write_folder
    from dssmcli.export.graph import require_onnx
    from dssmcli.export.model import sides_in

    require_onnx()
    refuse_existing(folder, overwrite)
    run = read_run(model)
    sides = {"both": SIDES, "all": sides_in(run)}.get(side, (side,))
    files = files_of(run, sides)
    write_folder(folder, files, overwrite)
    models = {name: len(content) for name, content in files.items() if name.endswith(".onnx")}
    told = ", ".join(f"{name} ({size / 1e6:.1f} MB)" for name, size in models.items())
    talk(quiet, f"Exported {told} to {folder}.")
