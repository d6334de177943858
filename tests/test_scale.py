"""Past one process: shards under a scheduler, and an encoder that is sent elsewhere."""

from __future__ import annotations

import copy
import os
import pickle  # noqa: TID251 (of our own making)
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from conftest import Dssm

import dssmcli
from dssmcli.config import WORDY

SCALE = Path(__file__).parent.parent / "examples" / "scale"
TEXTS = ["couch and tap", "", "新款 手机 12", "x" * 300, "best mower", "钱包"] * 40


@pytest.fixture(name="texts")
def _texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text("".join(f"{text}\n" for text in TEXTS), "utf-8")
    return path


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path}


def test_a_copy_of_an_encoder_encodes_the_same(
    runs: dict[str, Path], wordy_runs: dict[str, Path]
) -> None:
    found = {**runs, **{name: wordy_runs[name] for name in WORDY}}
    for run in found.values():
        encoder = dssmcli.load(run)
        expected = encoder.encode(TEXTS)
        sent = pickle.dumps(encoder)
        # What it has met stays behind.
        assert len(sent) < 2 << 20
        for other in (pickle.loads(sent), copy.deepcopy(encoder)):
            np.testing.assert_array_equal(other.encode(TEXTS), expected)
            assert (other.digest, other.threshold) == (encoder.digest, encoder.threshold)
            assert other.score("couch", "sofa bed") == encoder.score("couch", "sofa bed")


def test_shards_under_xargs_are_the_whole(
    dssm: Dssm, run: Path, texts: Path, tmp_path: Path
) -> None:
    whole, out = tmp_path / "whole.npy", tmp_path / "parts.npy"
    assert dssm("encode", "-q", "-m", run, "-o", whole, texts).code == 0
    command = ["sh", SCALE / "shards.sh", run, texts, out, "3", "2"]
    done = subprocess.run(command, env=environment(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    np.testing.assert_allclose(np.load(out), np.load(whole), atol=1e-6)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"texts.txt", "whole.npy", "parts.npy"}


def test_a_job_of_an_array_is_a_part_and_what_is_done_stays(
    dssm: Dssm, run: Path, texts: Path, tmp_path: Path
) -> None:
    whole, out = tmp_path / "whole.npy", tmp_path / "out.npy"
    assert dssm("encode", "-q", "-m", run, "-o", whole, texts).code == 0
    slurm = {"RUN": str(run), "TEXTS": str(texts), "OUT": str(out), "SLURM_ARRAY_TASK_COUNT": "2"}
    (tmp_path / "out.npy.1").write_bytes(b"done before")
    for part in ("1", "2"):
        given = {**environment(), **slurm, "SLURM_ARRAY_TASK_ID": part}
        subprocess.run(["sh", SCALE / "shards.sbatch"], env=given, check=True)
    assert (tmp_path / "out.npy.1").read_bytes() == b"done before"
    half = np.load(tmp_path / "out.npy.2")
    np.testing.assert_allclose(half, np.load(whole)[-len(half) :], atol=1e-6)


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
def test_ray_data_encodes_the_same_in_order(
    dssm: Dssm, run: Path, texts: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "whole.npy"
    assert dssm("encode", "-q", "-m", run, "-o", whole, texts).code == 0
    done = subprocess.run(
        [sys.executable, SCALE / "ray_encode.py", run, texts, tmp_path / "parts", "--check", whole],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    rows, difference = done.stdout.splitlines()[-1].split(" rows, the largest difference is ")
    assert int(rows) == len(TEXTS) and float(difference) < 1e-6
