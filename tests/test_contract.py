"""What every model must keep to: a new tower gets these tests for one line in TOWER or MORE."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from conftest import MEANINGS, SMALL, TOWER, run_command, write_pairs

import dssmcli
from dssmcli.config import SIDES

MORE = {
    "cnn, widths": ("--arch", "cnn", *TOWER["cnn"], "--window", "1,2,3", "--pooling", "max+mean")
}
KINDS = {**{arch: ("--arch", arch, *options) for arch, options in TOWER.items()}, **MORE}
TEXTS = ["", "couch", "手机", "a new couch 便宜 sofa bed", "couch " * 200, "?!", "é 😀 龘 unseen"]


WAYS = {
    "shared": (),
    "separate": ("--separate-towers",),
    "lexical": ("--lexical", "32", "--epochs", "25"),
}


class Trained(NamedTuple):
    """A run and what it was trained with."""

    path: Path
    arguments: list[str | Path]


@pytest.fixture(name="trained", scope="module", params=list(WAYS))
def _trained(
    request: pytest.FixtureRequest, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trained]:
    folder = tmp_path_factory.mktemp("contract")
    arguments: list[str | Path] = ["train", write_pairs(folder / "p.tsv", 600), *KINDS[kind]]
    arguments += [*SMALL, "--epochs", "15", *WAYS[request.param]]
    with pytest.MonkeyPatch.context() as patch:
        made = run_command([*arguments, "-o", folder / "run"], b"", patch)
    assert made.code == 0, made.err
    yield Trained(folder / "run", arguments)


@pytest.fixture(name="kind", scope="module", params=list(KINDS))
def _kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("side", ["query", "title"])
def test_rows_are_unit_or_zero_and_do_not_depend_on_their_batch(
    trained: Trained, side: str
) -> None:
    model = dssmcli.load(trained.path)
    vectors = model.encode(TEXTS, side)
    assert vectors.shape == (len(TEXTS), model.side_dim) and vectors.dtype == np.float32
    lengths = np.linalg.norm(vectors, axis=1)
    np.testing.assert_allclose(lengths, [0, 1, 1, 1, 1, 0, 1], atol=1e-5)
    singly = np.concatenate([model.encode([text], side) for text in TEXTS])
    np.testing.assert_allclose(vectors, singly, atol=1e-6)
    back = model.encode(TEXTS[::-1], side)[::-1]
    np.testing.assert_allclose(vectors, back, atol=1e-6)


def test_the_loss_falls_and_the_meanings_are_learned(trained: Trained) -> None:
    lines = (trained.path / "metrics.jsonl").read_text("utf-8").splitlines()
    losses = [json.loads(line)["loss"] for line in lines if json.loads(line)["step"]]
    assert losses[-1] < 0.8 * losses[0]
    model = dssmcli.load(trained.path)
    words, meanings = list(MEANINGS), list(MEANINGS.values())
    cosines = model.encode(words, "query") @ model.encode(meanings, "title").T
    assert (cosines.argmax(axis=1) == np.arange(len(words))).mean() > 0.6  # by chance: 0.08


def test_a_copy_of_a_run_gives_the_same_vectors(trained: Trained, tmp_path: Path) -> None:
    shutil.copytree(trained.path, tmp_path / "copy")
    here, there = dssmcli.load(trained.path), dssmcli.load(tmp_path / "copy")
    for side in SIDES:
        np.testing.assert_array_equal(here.encode(TEXTS, side), there.encode(TEXTS, side))


def test_one_seed_gives_one_run(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "again"):
        short = [*trained.arguments, "--epochs", "2", "-o", tmp_path / name]
        assert run_command(short, b"", monkeypatch).code == 0
    for name in ("weights.safetensors", "metrics.jsonl", "vocab.txt"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
