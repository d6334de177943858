"""The synthetic tasks of examples/multitask/correlation.py are what the paper describes."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import islice
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from dssmcli.models.multitask import build_multitask
from dssmcli.rec_config import MultitaskTrainConfig

PROGRAM = Path(__file__).parent.parent / "examples" / "multitask" / "correlation.py"


@pytest.fixture(name="program", scope="module")
def _program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("correlation", PROGRAM)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["correlation"] = module  # its named tuples look for it
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("p", [1.0, 0.5, 0.0])
def test_p_is_the_cosine_of_the_tasks_weights(program: ModuleType, p: float) -> None:
    # Without sines a label is linear in x, so least squares find the weights.
    batch = next(program.generate(p, c=2.0, terms=0, noise=0.0, seed=3, rows=2000))
    weights = np.linalg.lstsq(batch.x.astype(float), batch.y.astype(float), rcond=None)[0]
    lengths = np.linalg.norm(weights, axis=0)
    np.testing.assert_allclose(lengths, 2.0, rtol=1e-4)
    assert weights[:, 0] @ weights[:, 1] / lengths.prod() == pytest.approx(p, abs=1e-4)


def test_a_label_is_the_papers_sum_of_a_line_sines_and_noise(program: ModuleType) -> None:
    plain, noisy = (next(program.generate(0.5, 1.0, 4, noise, 7, 20_000)) for noise in (0.0, 0.1))
    linear = next(program.generate(0.5, 1.0, 0, 0.0, 7, 20_000))
    assert (plain.x == noisy.x).all() and (plain.x == linear.x).all()
    v = linear.y.astype(float)
    sines = sum(np.sin(m / 2 * v + 2 * np.pi * 0.618034 * m) for m in (1, 2, 3, 4))
    np.testing.assert_allclose(plain.y, v + sines, atol=1e-4)
    assert (noisy.y - plain.y).std() == pytest.approx(0.1, rel=0.03)


def test_a_seed_has_the_same_inputs_for_every_p_and_batches_are_fresh(program: ModuleType) -> None:
    first, second = (list(islice(program.generate(p, 1.0, 4, 0.1, 5, 64), 2)) for p in (1.0, 0.0))
    assert (first[1].x == second[1].x).all() and (first[0].x != first[1].x).any()
    np.testing.assert_allclose(first[0].y[:, 0], first[0].y[:, 1], atol=1.0)  # noise apart, p = 1
    assert np.corrcoef(second[0].y.T)[0, 1] < 0.5


def test_the_models_are_as_large_as_one_another_but_for_their_gates(program: ModuleType) -> None:
    sizes = {}
    for name, config in program.CONFIGS.items():
        model = build_multitask(config, program.SIZES, MultitaskTrainConfig())
        sizes[name] = sum(parameter.numel() for parameter in model.parameters())
    gate = 101 * 8
    assert sizes["mmoe"] - sizes["omoe"] == gate
    assert abs(sizes["omoe"] - gate - sizes["shared-bottom"]) < 0.01 * sizes["shared-bottom"]


def test_the_program_writes_a_table_and_a_chart_and_goes_on_where_it_stopped(
    tmp_path: Path,
) -> None:
    words = [sys.executable, str(PROGRAM), str(tmp_path / "out"), "--steps", "3", "--ps", "1", "0"]
    for seeds, runs in (("2", 12), ("3", 18)):
        subprocess.run([*words, "--seeds", seeds], check=True, capture_output=True)
        losses = (tmp_path / "out" / "losses.tsv").read_text("utf-8").splitlines()
        assert len(losses) == 1 + runs
    report = (tmp_path / "out" / "report.tsv").read_text("utf-8").splitlines()
    assert sum(line.startswith("loss mmoe\t") for line in report) == 2
    ET.parse(tmp_path / "out" / "loss.svg")
    other = subprocess.run([*words, "--c", "2"], check=False, capture_output=True, text=True)
    assert other.returncode == 1 and "name another folder" in other.stderr


def test_training_learns(program: ModuleType) -> None:
    torch.manual_seed(0)
    batches = program.generate(1.0, 1.0, 4, 0.1, 0, 256)
    model = program.train("mmoe", batches, 150, 3e-3)
    before = program.train("mmoe", batches, 1, 3e-3)
    test = list(islice(batches, 4))
    assert program.test_loss(model, iter(test)) < 0.3 * program.test_loss(before, iter(test))
