"""Hard knocks in small: kills, full disks, closed pipes and damage. See benchmarks/knocks.py."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL, Dssm, stop_after_saves, write_pairs
from hypothesis import given
from hypothesis import strategies as st

from dssmcli.serving import output
from dssmcli.serving.output import words_sum


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=4), st.integers(0, 59))
def test_the_sum_of_a_file_is_that_of_its_parts_and_changes_with_any_byte(
    content: bytes, cuts: list[int], place: int
) -> None:
    padded = content + bytes(-len(content) % 8)
    words = np.frombuffer(padded, "<u8").tolist()
    limits = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    found = sum(words_sum(content[begin:end], begin) for begin, end in pairwise(limits))
    assert found % (1 << 64) == sum(words) % (1 << 64) == words_sum(content, 0)
    if place < len(content):
        changed = bytearray(content)
        changed[place] ^= 1 + place
        assert words_sum(bytes(changed), 0) != words_sum(content, 0)


@pytest.mark.parametrize("share", [0.0, 0.4, 0.8, 1.0])
def test_a_changed_byte_of_a_checkpoint_is_found_wherever_it_is(
    dssm: Dssm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 100)
    command = ["train", pairs, *SMALL, "--epochs", "2", "-o", tmp_path / "r"]
    stop_after_saves(monkeypatch, 1)
    assert dssm(*command).code == 130
    checkpoint = tmp_path / "r.partial" / "checkpoint.safetensors"
    good = checkpoint.read_bytes()
    changed = bytearray(good)
    changed[round(share * (len(good) - 1))] ^= 1
    checkpoint.write_bytes(changed)
    result = dssm(*command, "--resume")
    assert result.code == 3 and result.err.count("\n") == 1, result
    assert "checkpoint.safetensors: damaged" in result.err
    assert checkpoint.read_bytes() == changed, "nothing is lost by the attempt"
    checkpoint.write_bytes(good)
    assert dssm(*command, "--resume").code == 0


@pytest.mark.parametrize("place", [0, 130, 5000, -1])
def test_a_changed_byte_of_what_encode_goes_on_with_is_found(
    dssm: Dssm, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    first, second, vectors = tmp_path / "1.txt", tmp_path / "2.txt", tmp_path / "v.npy"
    first.write_text("couch\ntap\nrug\n" * 50)
    second.write_bytes(b"rug\n\xff\n")
    command = ("encode", "-m", run, first, second, "-o", vectors)
    monkeypatch.setattr(output, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr("dssmcli.commands.options.available_threads", lambda: 1)
    assert dssm(*command).code == 3
    partial = tmp_path / ".v.npy.partial"
    good = partial.read_bytes()
    size = json.loads((tmp_path / ".v.npy.partial.json").read_text())["size"]
    changed = bytearray(good)
    changed[place if place >= 0 else size - 1] ^= 64
    partial.write_bytes(changed)
    second.write_bytes(b"rug\n")
    result = dssm(*command, "--resume")
    assert result.code == 1 and result.err.count("\n") == 1 and "damaged" in result.err
    assert not vectors.exists()
    partial.write_bytes(good)
    assert dssm(*command, "--resume").code == 0 and np.load(vectors).shape == (151, 16)
    assert sorted(os.listdir(tmp_path)) == ["1.txt", "2.txt", "v.npy"]
