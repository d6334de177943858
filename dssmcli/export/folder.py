"""The folder that an export writes: a model for each side, and what makes its inputs of texts."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dssmcli import __version__
from dssmcli.atomic import write_atomically, writing
from dssmcli.config import PLAIN, WORDY
from dssmcli.errors import DssmError
from dssmcli.export.graph import OPSET
from dssmcli.export.model import build_model, models_of
from dssmcli.export.rules import NOTES, notes
from dssmcli.export.samples import sample_texts
from dssmcli.run import CHINESE, VOCABULARY, WEIGHTS, WORDS, find_run, to_json, using_run
from dssmcli.serving.contents import Contents, read_contents
from dssmcli.serving.encoder import Encoder
from dssmcli.text.normalize import LOOKS
from dssmcli.text.segment import CHARS_A_UNIT
from dssmcli.text.units import MAX_UNIT_CHARS, UNSPACED

FORMAT = 1
SETTINGS = "settings.json"
TEXTS = "texts.jsonl"
_KEYS = {PLAIN: "vector"}
"""Where a side's vectors do not stand under its own name in TEXTS."""
_RANGES = ("unspaced", "dropped")
"""Settings that are for texts alone, and long."""


def read_run(model: str | None) -> Contents:
    """Read a run of texts: the folder named, else the usual one; RunError when it is none."""
    return using_run(find_run(model), lambda run: read_contents(run, run.read(WEIGHTS)))


def files_of(run: Contents, sides: Sequence[str]) -> dict[str, bytes]:
    """Return what an export of a run holds, by file name, the same bytes every time.

    Raises MissingExtra without the package onnx, RunError when a vector is not finite, DssmError
    when a model is too large.
    """
    encoder = run.encoder()
    for side in sides:
        encoder.check_side(side)
    settings = _settings(run, encoder, sides)
    models = {name: side for side, name in settings["models"].items()}
    told = {name: value for name, value in settings.items() if name not in ("models", *_RANGES)}
    files = {name: build_model(run, side, told | {"side": side}) for name, side in models.items()}
    files[SETTINGS] = to_json(settings).encode()
    files[VOCABULARY] = run.vocabulary.to_text().encode()
    if run.words is not None:
        files[WORDS] = run.words.to_text().encode()
    if run.chinese is not None:
        files[CHINESE] = run.chinese.encode()
    files[TEXTS] = _samples(encoder, sides).encode()
    files[NOTES] = notes(settings, unicodedata.unidata_version).encode()
    return files


def _settings(run: Contents, encoder: Encoder, sides: Sequence[str]) -> dict[str, Any]:
    text = run.model.text
    fitted = encoder.calibration
    return {
        "format": FORMAT,
        "version": __version__,
        "run": encoder.digest,
        "opset": OPSET,
        "models": models_of(run, sides),
        "dim": max(encoder.dim_of(side) for side in sides),
        "dims": {side: encoder.dim_of(side) for side in sides},
        "threshold": encoder.threshold,
        "calibration": None if fitted is None else {"scale": fitted.scale, "shift": fitted.shift},
        "tokenizer": text.tokenizer,
        "max_units": text.max_units,
        "max_unit_chars": MAX_UNIT_CHARS,
        "max_chars": CHARS_A_UNIT * text.max_units if text.tokenizer in WORDY else None,
        "listed": len(run.vocabulary.features),
        "buckets": text.buckets,
        "normalization": text.normalization,
        "fold_chinese": text.fold_chinese,
        "dropped": [list(each) for each in LOOKS] if text.normalization > 1 else [],
        "unspaced": [list(each) for each in UNSPACED],
    }


def _samples(encoder: Encoder, sides: Sequence[str]) -> str:
    """Return texts with their units, features, ids and vectors, a JSON object a line."""
    texts = sample_texts(encoder.model.text.max_units)
    vectors = {side: encoder.encode(texts, side).astype(float).round(6).tolist() for side in sides}
    lines = []
    for i, text in enumerate(texts):
        told: dict[str, Any] = {"text": text}
        told["units"] = [each._asdict() for each in encoder.lookup.describe(text)]
        told |= {_KEYS.get(side, side): rows[i] for side, rows in vectors.items()}
        lines.append(json.dumps(told, ensure_ascii=False) + "\n")
    return "".join(lines)


def refuse_existing(folder: Path, overwrite: bool) -> None:
    """Raise DssmError where something stands that must not be replaced."""
    if not os.path.lexists(folder):
        return
    if not _is_export(folder):
        raise DssmError(f"{folder} is no export, so it is not overwritten. Write elsewhere.")
    if not overwrite:
        raise DssmError(f"{folder} exists. Write to another place, or give --overwrite.")


def _is_export(folder: Path) -> bool:
    return (folder / SETTINGS).is_file() and (folder / TEXTS).is_file()


def write_folder(folder: Path, files: Mapping[str, bytes], overwrite: bool) -> None:
    """Write an export whole and put it in its place; what stood there before goes last.

    Raises OutputError when it cannot be written, DssmError where something else stands.
    """
    import shutil

    whole = Path(os.path.realpath(folder))
    new, replaced = (
        whole.with_name(f".{whole.name}.{os.getpid()}.{role}") for role in ("partial", "replaced")
    )
    with writing(folder):
        try:
            new.mkdir(parents=True)
            for name, content in files.items():
                write_atomically(new / name, content)
            refuse_existing(folder, overwrite)
            if whole.exists():
                os.rename(whole, replaced)
            os.rename(new, whole)
        finally:
            if replaced.exists() and not whole.exists():
                os.rename(replaced, whole)
            for left in (new, replaced):
                shutil.rmtree(left, ignore_errors=True)
