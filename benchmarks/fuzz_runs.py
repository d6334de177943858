"""Targets of benchmarks/fuzz.py that load runs or give whole command lines."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
import sys
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import small
from fuzz_text import Target, texts_in

from dssmcli import cli, load
from dssmcli.data.records import TableFile
from dssmcli.data.tsv import BadRows
from dssmcli.errors import DssmError
from dssmcli.run import MANIFEST
from dssmcli.serving.candidates import load_candidates
from dssmcli.serving.predictions import Form, predictions
from dssmcli.serving.predictor import Predictor, load_predictor
from dssmcli.serving.ranker import load_ranker
from dssmcli.serving.weights import lengths_in, tensors_in

HOME = Path("fuzzed")
"""Where the small data and runs lie; benchmarks/fuzz.py sets it."""

_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, -(2**63), 10**30, 1e308, -1e-320, 0.5),
    *(float("nan"), float("inf"), "", "x", "\ud800", "\x1b[31m", "a\nb", "x" * 70, "手机"),
    *([], {}, [[]], [None], {"": 1}, [1, 2, 3], [0.0, 1.0], ["a", "a"], "cnn", "jieba", "text"),
)
"""What no run holds in most of its places."""


class Choices:
    """Turns bytes into choices, the same for the same bytes; all are 0 when they run out."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def below(self, limit: int) -> int:
        """Return a number from 0 to limit - 1."""
        part = self._data[self._at : self._at + 2]
        self._at += 2
        return int.from_bytes(part, "little") % max(1, limit)

    def of(self, things: Sequence[Any]) -> Any:
        """Return one of several things."""
        return things[self.below(len(things))]

    def rest(self) -> bytes:
        """Return the bytes not used so far."""
        return self._data[self._at :]


@cache
def runs() -> dict[str, Path]:
    """Return a small run of every kind; they are trained where they are not there."""
    return small.train_all(HOME)


def seal(run: Path) -> None:
    """Write a manifest that fits whatever the files hold, as one who means harm would."""
    manifest = json.loads((run / MANIFEST).read_text("utf-8"))
    for name in sorted(path.name for path in run.iterdir() if path.name != MANIFEST):
        content = (run / name).read_bytes()
        told = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        manifest["files"][name] = told
    (run / MANIFEST).write_text(json.dumps(manifest), "utf-8")


def _use_text(run: Path) -> None:
    found = load(run).encode(["couch 手机", "", "new \u0301tap"])
    assert found.shape[0] == 3 and np.isfinite(found).all()


def _use_table(run: Path) -> None:
    predictor = load_predictor(run)
    values = predictor.predict({name: ["Paris", "3", ""] for name in predictor.columns})
    assert np.isfinite(values).all(), values


def _use_candidates(run: Path) -> None:
    load_candidates(run)
    asked = ["recommend", "-q", "-m", str(run), "-k", "3", str(HOME / "users.jsonl")]
    assert cli.run(asked) in (0, 3)


def _use_ranking(run: Path) -> None:
    load_ranker(run)
    assert cli.run(["predict", "-q", "-m", str(run), str(HOME / "impressions.tsv")]) in (0, 3)


_USES = {"mmoe": _use_table, "candidates": _use_candidates, "ranking": _use_ranking}


@contextlib.contextmanager
def mute() -> Iterator[None]:
    """Keep what commands print, and turn warnings into errors."""
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace") for _ in range(3)]
    with (
        mock.patch.multiple(sys, stdin=streams[0], stdout=streams[1], stderr=streams[2]),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        yield


def loading(data: bytes, folder: Path) -> None:
    """A run with a changed file and a manifest that fits it is used or refused."""
    choices = Choices(data)
    kind = choices.of([*runs()])
    run = folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(runs()[kind], run)
    file = choices.of(sorted(run.iterdir()))
    content = file.read_bytes()
    if file.suffix == ".json" and choices.below(4):
        content = _changed_json(content, choices)
    else:
        content = changed_bytes(content, choices)
    file.write_bytes(content)
    if file.name != MANIFEST and choices.below(8):
        seal(run)
    with mute():
        with contextlib.suppress(DssmError):
            _USES.get(kind, _use_text)(run)
        code = cli.run(["info", "-m", str(run), *(["--json"] if choices.below(2) else [])])
        assert code in (0, 3), code


def changed_bytes(content: bytes, choices: Choices) -> bytes:
    """Return bytes of which a few are others, gone or new."""
    changed = bytearray(content)
    for _ in range(1 + choices.below(4)):
        # Most of what is read of weights stands at their beginning.
        place = choices.below(len(changed) if choices.below(2) else 300) % max(1, len(changed))
        match choices.below(4):
            case 0:
                changed[place : place + 1] = bytes([choices.below(256)])
            case 1:
                del changed[place : place + 1 + choices.below(9)]
            case 2:
                changed[place:place] = choices.of(
                    [b"9", b"[", b"{", b'"', b"\0", b"-", b"\n", b"\t"]
                )
            case _:
                del changed[place:]
    return bytes(changed)


def _changed_json(content: bytes, choices: Choices) -> bytes:
    value = json.loads(content)
    for _ in range(1 + choices.below(3)):
        owner: Any = None
        key: Any = None
        inner = value
        for _ in range(1 + choices.below(8)):
            if not isinstance(inner, (dict, list)) or not inner:
                break
            owner = inner
            key = choices.of([*inner] if isinstance(inner, dict) else range(len(inner)))
            inner = owner[key]
        if owner is None:
            continue
        match choices.below(5):
            case 0:
                del owner[key]
            case 1 if isinstance(owner, dict):
                owner[choices.of(["x", "", "\n", "family", "\udc80"])] = choices.of(_ODD)
            case 2 if isinstance(owner, list):
                owner.append(choices.of([*_ODD, *owner[:3]]))
            case 3 if isinstance(inner, (int, float)):
                owner[key] = inner + choices.of([1, -1, 0.5, 1e9, 2**40])
            case _:
                owner[key] = choices.of(_ODD)
    text = json.dumps(value)
    if not choices.below(8):
        text = text.replace("[", "[" * choices.of([2, 300, 900, 990, 5000]), 1)
    return text.encode()


_SHAPES = {"tower.weight": (3, 2), "tower.bias": (3,)}


@cache
def plain_tensors() -> bytes:
    """Return a safetensors file that is good."""
    import safetensors.numpy

    arrays = {name: np.ones(shape, np.float32) for name, shape in _SHAPES.items()}
    return bytes(safetensors.numpy.save(arrays))


def tensors(data: bytes, folder: Path) -> None:  # noqa: ARG001
    """A safetensors file is read or refused, by serving and by what goes on with a training."""
    from dssmcli.training.checkpoint import from_bytes

    with contextlib.suppress(DssmError):
        found = tensors_in(data, _SHAPES, "w")
        assert all(np.isfinite(found[name]).all() for name in _SHAPES)
        assert {name: each.shape for name, each in found.items()} == _SHAPES
    with contextlib.suppress(DssmError):
        assert all(length >= 0 for length in lengths_in(data, [*_SHAPES], "w"))
    with contextlib.suppress(DssmError):
        from_bytes(data, "w")


@cache
def _predictor() -> Predictor:
    return load_predictor(runs()["mmoe"])


def predict(data: bytes, folder: Path) -> None:
    """Predictions from fields where they stand are those from strings."""
    if not data:
        return
    source = folder / "input"
    source.write_bytes(b"city,age,price,bought,minutes\n" * (data[0] & 1) + data[1:])
    told = _predicted(str(source), bool(data[0] & 2))
    with mock.patch.object(TableFile, "fields", TableFile.columns):
        assert _predicted(str(source), bool(data[0] & 2)) == told


def _predicted(source: str, skip: bool) -> list[object]:
    predictor, bad, found = _predictor(), BadRows(skip), list[object]()
    predictor.reader.met[:] = 0
    form = Form(("city", "price"), as_json=False)
    try:
        found.append("".join(predictions(predictor, source, form, bad)))
    except DssmError as error:
        found.append(str(error))
    return [*found, bad.count, str(bad.first), predictor.reader.met.tolist()]


def encode(data: bytes, folder: Path) -> None:  # noqa: ARG001
    """Texts are encoded together as alone, into rows of length 1 or 0."""
    choices = Choices(data)
    encoder = _encoder(choices.of([kind for kind in runs() if kind not in _USES]))
    texts = texts_in(choices.rest())
    rows = encoder.encode(texts)
    lengths = np.linalg.norm(rows, axis=1)
    assert (np.isclose(lengths, 1, atol=1e-4) | (lengths == 0)).all(), lengths
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    np.testing.assert_allclose(rows, alone, atol=1e-5)


@cache
def _encoder(kind: str) -> Any:
    return load(runs()[kind])


_ROWS = b"\1Paris,40,3.5,1,2\nOslo,,x,0,-1\n\xe5\x8c\x97\xe4\xba\xac,1e3,0,,\n"
TARGETS: dict[str, tuple[Target, Sequence[bytes]]] = {
    "loading": (loading, [bytes(range(i, i + 30)) for i in range(0, 200, 10)]),
    "tensors": (tensors, []),
    "predict": (predict, [_ROWS, b"\3" + _ROWS[1:], b"\0a,b\n"]),
    "encode": (
        encode,
        ["\0\0iPhone 12手机壳,红\n¡Ａé́ ﬁ Σς\n가\u200d".encode(), b"\1\0abc\n\n" * 5],
    ),
}
