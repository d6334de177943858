"""Compares what a training was begun with to what it is to go on with: data, settings, words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from dssmcli.config import DEVICE_SETTINGS
from dssmcli.errors import ConfigError
from dssmcli.presets import as_option
from dssmcli.run import FAMILIES, Run

_DATA, _ARCH = "data", "arch"
_LEFT_OUT = "left_out"
"""In config.json: settings of a part that was trained, said nothing, and is not in the run."""
_WHOLE = {"tasks": "the tasks", "columns": "the columns", "means": "the log's mean values"}
_OPTIONS = {
    "expert_units": "--expert-units (or --bottom-units)",
    "normalization": "the version of the normalisation of texts",
}
_AFRESH = "with --overwrite instead of --resume"


class Difference(NamedTuple):
    """A setting by its path (`loss.gamma`), and its two values; None where there is none."""

    path: str
    before: Any
    now: Any

    def __str__(self) -> str:
        """Return the difference as a message names it: by its option, if it is a setting."""
        part, _, name = self.path.rpartition(".")
        if part == _DATA and name.endswith("sha256"):
            whose = "validation data" if name.startswith("valid") else "data"
            return f"the {whose} differ (SHA-256 was {_cut(self.before)}, is now {_cut(self.now)})"
        first = self.path.split(".")[0]
        if not part or first in _WHOLE:
            return f"{_WHOLE.get(first, f'the {first}')} differ"
        if part == _DATA:
            spoken = f"the data's {name.replace('_', ' ')}"
        elif self.path == f"model.{_ARCH}":
            spoken = "the model"
        else:
            spoken = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
        return f"{spoken} was {_value(self.before)} and is now {_value(self.now)}"


def differences(
    before: Mapping[str, Any], now: Mapping[str, Any], where: str = ""
) -> Iterator[Difference]:
    """Yield what is not the same in two nested settings: what others depend on comes first.

    What only changes how numbers are rounded (threads, device) does not count.
    """
    for name in sorted(now, key=lambda each: each not in (_DATA, _ARCH, "tower")):
        value, old = now[name], before.get(name)
        if where == "train." and name in DEVICE_SETTINGS:
            continue
        if isinstance(value, dict) and isinstance(old, dict):
            yield from differences(old, value, f"{where}{name}.")
        elif old != value:
            yield Difference(where + name, old, value)


def check_same(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise ConfigError unless a checkpoint's settings and data are those of now."""
    for difference in differences(before, now):
        raise ConfigError(
            f"--resume: {difference}. Give the same data and settings, or start afresh {_AFRESH}."
        )


def check_finished(
    run: Run, family: str, settings: Mapping[str, Any], texts: Mapping[str, str]
) -> None:
    """Raise ConfigError unless a finished run is what its training would end with now, too.

    settings: as config.json has them. texts: files of a run that come from its data alone, by
    name. A setting that the program which wrote the run did not know yet is not compared.
    """
    found = run.family()
    if found != family:
        raise _finished_otherwise(run, f"it is {FAMILIES[found]}, not {FAMILIES[family]}")
    before = run.config()
    for part, values in before.get(_LEFT_OUT, {}).items():
        before[part] = {**before[part], **values}
    for difference in differences(_filled(before, settings), settings):
        raise _finished_otherwise(run, str(difference))
    for name, text in texts.items():
        if run.read_text(name) != text:
            raise _finished_otherwise(run, f"its {name} differs from what these data give")


def _finished_otherwise(run: Run, difference: str) -> ConfigError:
    return ConfigError(
        f"--resume: {run.path} is finished, but {difference}. Write another run with -o DIR, or "
        f"train this one anew {_AFRESH}."
    )


def _filled(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with those that they lack added."""
    return {
        name: _filled(old, value) if isinstance(value, dict) and isinstance(old, dict) else old
        for name, value in now.items()
        for old in [before.get(name, value)]
    }


def _cut(digest: object) -> str:
    return "none" if digest is None else f"{str(digest)[:8]}…"


def _value(value: object) -> str:
    if isinstance(value, list):
        return as_option(tuple(value)) or "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return "none" if value is None else as_option(value)
