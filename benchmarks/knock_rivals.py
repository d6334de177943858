"""Knocks: several processes that want one place at the same time."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lines
from knocking import DSSM, Ended, Knock, contents, dssm

_MANY = 5


def rivals(home: Path, times: int) -> Iterator[Knock]:
    """Have several trainings and encodings write to one place, and one serve from it meanwhile."""
    lines.prepared(home)
    folder = home / "rivals"
    for _ in range(max(1, times // 10)):
        for name, words in lines.writing(home, str(folder / "out")).items():
            if name.startswith(("train", "encode -o", "index", "predict -o")):
                wrong = _together([w for w in words if w != "--overwrite"], folder)
                yield Knock(f"{_MANY} at once: {name}", wrong)
        yield Knock("answers while the run is replaced", _served(home, folder))


def _together(words: list[str], folder: Path) -> str:
    """Start a command several times at once; one wins, and the others say why they do not."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    dssm(*words)
    good = contents(folder / "out")
    shutil.rmtree(folder)
    folder.mkdir()
    pipes: dict[str, Any] = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "stdin": subprocess.DEVNULL,
    }
    started = [subprocess.Popen([*DSSM, *words], **pipes) for _ in range(_MANY)]
    ended = []
    for process in started:
        out, err = process.communicate()
        ended.append(Ended(process.returncode, out, err.decode("utf-8", "replace")))
    if not any(not each.code for each in ended):
        return f"none wins: {ended}"
    for each in ended:
        wrong = each.said(1) if each.code else ""
        if wrong or "Traceback" in each.err:
            return wrong or each.err
    if contents(folder / "out") != good:
        return "what stands there is not what one alone writes"
    left = {path.name for path in folder.iterdir()} - {"out"}
    return f"left: {left}" if left else ""


def _served(home: Path, folder: Path) -> str:
    """Score in a loop while a training takes the place of the run; no answer fails."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copytree(home / "text", folder / "out")
    words = lines.writing(home, str(folder / "out"))["train text"]
    asked = 0
    for seed in ("5", "6"):
        with subprocess.Popen([*DSSM, *words, "--seed", seed], stderr=subprocess.PIPE) as training:
            while training.poll() is None or not asked:
                done = dssm("score", "-m", folder / "out", "手机", "电话")
                asked += 1
                if done.code:
                    training.wait()
                    return f"answer {asked}: {done.err}"
    return ""
