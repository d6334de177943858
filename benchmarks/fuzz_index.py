"""Targets of benchmarks/fuzz.py that read titles and indices."""

from __future__ import annotations

import gc
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import fuzz_runs
import numpy as np
from fuzz_runs import Choices
from fuzz_text import Target
from safetensors.numpy import load_file

from dssmcli import cli
from dssmcli.data.titles import TitleReader
from dssmcli.data.tsv import BadRows
from dssmcli.errors import DssmError
from dssmcli.serving.index_file import IndexFile
from dssmcli.serving.index_format import array_part, bytes_part, write_index
from dssmcli.serving.search import load_index

_NUMBERS: tuple[Any, ...] = (0, 1, -1, 3, 7, 2**31, 2**62, -(2**63))
_KINDS = {"float32": "F32", "float16": "F16", "int64": "I64"}


def titles(data: bytes, folder: Path) -> None:
    """Rows of titles are what splitting their lines gives, or one is told where it is bad."""
    choices = Choices(data)
    columns = choices.of([None, None, "title", "id,title", "-,title,id", "title,-"])
    path = folder / "titles"
    skipped, content = BadRows(skip=bool(choices.below(2))), choices.rest()
    path.write_bytes(content)
    reader = TitleReader(columns, skipped)
    try:
        found = [pair for block in reader.read([str(path)]) for pair in zip(*block, strict=True)]
    except DssmError:
        return
    for own, title in found:
        assert own.strip() and "\t" not in own + title and "\n" not in own + title
        assert title.encode() in content and (own.encode() in choices.rest() or own.isdigit())
    if reader.own_ids:
        assert len({own for own, _ in found}) == len(found)


@cache
def _plain() -> Path:
    """Return a small index with lists."""
    path = fuzz_runs.HOME / "index"
    lines = [f"{'new ' * (i % 3)}couch 手机 {i}" for i in range(60)]
    source = fuzz_runs.HOME / "titles.txt"
    source.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    run = str(fuzz_runs.runs()["text"])
    assert cli.run(["index", str(source), "-m", run, "-o", str(path), "--overwrite", "-q"]) == 0
    return path


def index(data: bytes, folder: Path) -> None:
    """An index with changed bytes, or whose hashes agree with a change, is searched or refused."""
    choices = Choices(data)
    path = folder / "index"
    if choices.below(2):
        path.write_bytes(fuzz_runs.changed_bytes(_plain().read_bytes(), choices))
    else:
        _rewrite(path, choices)
    try:
        for hits in load_index(path).search(["couch 手机", "", "new"], 1 + choices.below(80)):
            assert all(np.isfinite(hit.score) for hit in hits)
    except DssmError:
        pass
    gc.collect()  # an encoder holds much, and waits for this


def _rewrite(path: Path, choices: Choices) -> None:
    """Write an index with other settings or tensors than it should have, and right hashes."""
    tensors = load_file(_plain())
    settings = IndexFile(_plain()).settings.to_json()
    if choices.below(2):
        tensors["centres"] = np.ones((1 + choices.below(5), 8), np.float32)
        tensors["starts"] = np.sort(
            np.array([choices.below(70) for _ in range(1 + choices.below(7))], np.int64)
        )
        settings["probes"] = choices.of([1, 2, 5])
    for _ in range(choices.below(3)):
        settings[choices.of([*settings])] = choices.of([*_NUMBERS, None, True, "x", 0.5, []])
    for _ in range(choices.below(3)):
        name = choices.of([name for name in tensors if not name.startswith("run/")])
        tensors[name] = _changed(tensors[name], choices)
    parts = {
        name: array_part(array, _KINDS[str(array.dtype)])
        if str(array.dtype) in _KINDS
        else bytes_part(array.tobytes())
        for name, array in sorted(tensors.items(), key=lambda each: -each[1].dtype.itemsize)
        if name not in ("hashes", "seal")
    }
    with open(path, "wb") as stream:
        write_index(stream, json.loads(json.dumps(settings)), parts)


def _changed(array: Any, choices: Choices) -> Any:
    if not array.size:
        return array
    changed = array.reshape(-1).copy()
    if changed.dtype.kind == "f":
        changed[choices.below(len(changed))] = choices.of([np.nan, np.inf, -np.inf, 1e38, 0])
    else:
        limits = np.iinfo(changed.dtype)
        value = choices.of(_NUMBERS)
        changed[choices.below(len(changed))] = min(max(value, limits.min), limits.max)
    return changed.reshape(array.shape) if choices.below(4) else changed[: choices.below(9)]


TARGETS: dict[str, tuple[Target, Sequence[bytes]]] = {
    "titles": (titles, [b"\0\0sofa\nbed\n", b"\0\0id\ttitle\n1\tsofa\n", b"\3\0a\tb\n"]),
    "index": (index, [bytes(range(i, i + 40)) for i in range(0, 200, 10)]),
}
