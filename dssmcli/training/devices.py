"""Where a model is trained, and how exactly it reckons there."""

from __future__ import annotations

from dataclasses import replace

import torch

from dssmcli.config import TrainConfig
from dssmcli.errors import ConfigError


def resolved(config: TrainConfig, local: int = 0) -> TrainConfig:
    """Return a config whose device and precision are those that will be used.

    local: the number of this process among those of its machine; each has a GPU of its own. Raises
    ConfigError when there is no such device.
    """
    device = config.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cpu":
        device = _gpu(device, local)
    precision = config.precision
    if precision == "auto":
        precision = "float32" if device == "cpu" else "bf16"
    return replace(config, device=device, precision=precision)


def _gpu(device: str, local: int) -> str:
    """Return a GPU with its number, and make it the one that is used by itself."""
    if not torch.cuda.is_available():
        why = "finds no GPU" if torch.version.cuda else "is built for processors alone"
        raise ConfigError(
            f"--device {device}: this torch ({torch.__version__}) {why}. Use --device cpu, or "
            "install a torch for CUDA."
        )
    number = int(device.partition(":")[2] or local)
    count = torch.cuda.device_count()
    if number >= count:
        raise ConfigError(f"--device cuda:{number}: there are {count} GPUs, numbered from 0.")
    torch.cuda.set_device(number)
    return f"cuda:{number}"


def autocast(config: TrainConfig) -> torch.autocast:
    """Return the context in which the towers' products are taken in the config's precision."""
    kind = torch.device(config.device).type
    return torch.autocast(kind, torch.bfloat16, enabled=config.precision == "bf16")
