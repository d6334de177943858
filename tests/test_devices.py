"""Where and how exactly a model is trained: on a device that is not there, and in 16 bits."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import conftest
import pytest
import torch
from conftest import TOWER, Dssm, stop_after_saves, write_pairs
from far import DEVICE, FarDevice, FarTensor
from safetensors.torch import load

from dssmcli.config import TrainConfig
from dssmcli.data.tsv import BadRows
from dssmcli.errors import ConfigError
from dssmcli.presets import settings_of
from dssmcli.run import WEIGHTS
from dssmcli.training import loop, prepared, text
from dssmcli.training.averaging import WeightAverage
from dssmcli.training.devices import resolved
from dssmcli.training.finish import checkpoint, resumed_state, run_contents
from dssmcli.training.task import PairsInput, TextTask, build_task

swap = WeightAverage._swap
SMALL = {"batch_size": 32, "epochs": 2, "eval_steps": 4, "lexical": 16, "embedding": 16, "dim": 16}


def task_of(folder: Path, arch: str, kind: str) -> TextTask:
    pairs = write_pairs(folder / "p.tsv", 120, labelled=kind != "click")
    tower = {"hidden": (20, 16)} if arch == "dnn" else {}
    given = {**SMALL, **tower, "cosent": float(kind == "grade"), "separate_towers": arch == "dnn"}
    if arch == "dnn":
        del given["embedding"]
    if arch == "cnn":
        given |= {"filters": 12, "window": (1, 3), "pooling": "max+mean"}
    source = PairsInput([str(pairs)], kind=kind)
    return build_task(source, settings_of(given, arch, "default"), BadRows(), lambda _: None)


def trained(task: TextTask) -> text.TextState:
    state = text.new_state(task)
    list(text.train_text(task, state))
    return state


@pytest.fixture(name="far")
def _far(monkeypatch: pytest.MonkeyPatch) -> Iterator[FarDevice]:
    """Return the device that is not there, in its own way a GPU."""
    # What is on decides in its own thread alone.
    monkeypatch.setattr(prepared, "in_threads", lambda f, items, threads: map(f, items))
    monkeypatch.setattr(text, "autocast", lambda config: contextlib.nullcontext())
    monkeypatch.setattr(
        text,
        "optimizer_for",
        lambda config, parameters: torch.optim.Adam(parameters, lr=config.learning_rate),
    )
    monkeypatch.setattr(WeightAverage, "_swap", swap_held)
    return FarDevice()


def swap_held(average: WeightAverage) -> None:
    """Swap what `.data` would: it knows nothing of what our tensors hold."""
    for name, mean in average.means.items():
        parameter = average._parameters[name]
        if not isinstance(parameter, FarTensor) or not isinstance(mean, FarTensor):
            swap(average)
            return
        parameter.held, mean.held = mean.held, parameter.held


@pytest.mark.filterwarnings("ignore:for .*copying from a non-meta parameter")
@pytest.mark.parametrize(("arch", "kind"), [("cnn", "label"), ("dnn", "click"), ("lstm", "grade")])
def test_all_that_is_learned_is_learned_on_the_device(
    tmp_path: Path, far: FarDevice, arch: str, kind: str
) -> None:
    task = task_of(tmp_path, arch, kind)
    near = trained(task)
    there = replace(task, config=copy.copy(task.config))
    object.__setattr__(there.config, "device", str(DEVICE))
    with far:
        state = trained(there)
        held = [*state.model.parameters(), *state.model.buffers(), *state.heads.parameters()]
        assert all(isinstance(each, FarTensor) for each in held)
        saved = b"".join(bytes(piece) for piece in checkpoint(there, state))
        weights = load(run_contents(there, state)[WEIGHTS])
        again = resumed_state(there, saved, "here")
    for name, expected in load(run_contents(task, near)[WEIGHTS]).items():
        torch.testing.assert_close(weights[name], expected, atol=1e-5, rtol=1e-4)
    for line, wanted in zip(state.history, near.history, strict=True):
        assert line == pytest.approx(wanted, abs=1e-4)
    # It goes on elsewhere.
    back = resumed_state(task, saved, "here")
    for name, value in back.weights().items():
        torch.testing.assert_close(value, again.weights()[name].held)


def test_the_device_that_is_not_there_minds_what_is_mixed() -> None:
    with FarDevice():
        there = torch.ones(3).to(DEVICE)
        with pytest.raises(AssertionError, match="here and on the device"):
            there + torch.ones(3)
        with pytest.raises(RuntimeError, match="numpy"):
            there.numpy()
        assert float((there + 1).sum()) == 6.0


@pytest.mark.parametrize("arch", list(TOWER))
def test_sixteen_bits_do_about_as_well(dssm: Dssm, tmp_path: Path, arch: str) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 300)
    options = ["--arch", arch, *TOWER[arch], *conftest.SMALL, "--epochs", "4"]
    found = {}
    for precision in ("float32", "bf16"):
        run = tmp_path / precision
        assert dssm("train", pairs, *options, "--precision", precision, "-o", run).code == 0
        lines = (run / "metrics.jsonl").read_text().splitlines()
        found[precision] = [json.loads(line) for line in lines]
        weights = load((run / WEIGHTS).read_bytes())
        assert all(weight.dtype == torch.float32 for weight in weights.values())
    assert found["bf16"] != found["float32"]
    for exact, rounded in zip(found["float32"], found["bf16"], strict=True):
        assert rounded["loss"] == pytest.approx(exact["loss"], rel=0.01)
        assert rounded["auc"] == pytest.approx(exact["auc"], abs=0.02)


def test_a_device_that_cannot_be_had_is_one_line(
    dssm: Dssm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 40)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for device, said in (
        ("cuda", "--device cuda: this torch ("),
        ("cuda:1", "Use --device cpu"),
        ("gpu", "device is 'gpu', expected cpu, cuda, cuda:1 or auto."),
    ):
        result = dssm("train", pairs, "--device", device, "-o", tmp_path / "r")
        assert result.code == 2 and said in result.err and result.err.count("\n") == 1, result
    assert not (tmp_path / "r.partial").exists()
    command = ("train", pairs, "--device", "auto", "--epochs", "1", "-q", "-o", tmp_path / "r")
    assert dssm(*command, "--dim", "8").code == 0
    config = json.loads((tmp_path / "r" / "config.json").read_text())
    assert (config["train"]["device"], config["train"]["precision"]) == ("cpu", "float32")
    assert "device" not in json.dumps(config["model"])


def test_every_process_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    for name, local, expected in (("auto", 1, "cuda:1"), ("cuda", 0, "cuda:0"), ("cuda:1", 0, "")):
        config = resolved(TrainConfig(device=name), local)
        assert (config.device, config.precision) == (expected or name, "bf16")
    assert chosen == [1, 0, 1]
    assert resolved(TrainConfig(device="cuda", precision="float32")).precision == "float32"
    with pytest.raises(ConfigError, match="there are 2 GPUs"):
        resolved(TrainConfig(device="cuda"), 2)


def test_a_training_goes_on_with_other_threads(
    dssm: Dssm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 100)
    command = ["train", pairs, "--dim", "8", "--epochs", "3", "-q", "-o", tmp_path / "r"]
    with monkeypatch.context() as patch:
        stop_after_saves(patch, 2)
        assert dssm(*command, "--threads", "1").code == 130
    assert dssm(*command, "--threads", "2", "--precision", "bf16", "--resume").code == 0


def test_the_optimiser_is_the_fused_one() -> None:
    made = loop.optimizer_for(TrainConfig(), [torch.nn.Parameter(torch.zeros(2))])
    assert made.defaults["fused"]
