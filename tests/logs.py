"""Small logs of watches and impressions whose right answer is known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from conftest import Result, run_command
from pytest import MonkeyPatch

SMALL_WATCHES = ("--dim", "16", "--embedding", "16", "--units", "24", "--batch-size", "64")
SMALL_WATCHES += ("--threads", "1", "-q")
SMALL_RANKING = ("--units", "24", "--embedding", "8", "--threads", "1", "-q")

Row = Sequence[Any]


def write_log(path: Path, names: Sequence[str], rows: Sequence[Row]) -> Path:
    """Write a log as TSV."""
    lines = ["\t".join(map(str, row)) for row in [names, *rows]]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def run(*words: str | Path, stdin: bytes = b"") -> Result:
    """Run a command line in this process, outside a test."""
    with MonkeyPatch.context() as patch:
        return run_command(words, stdin, patch)


def watches_in_a_ring(users: int, items: int, length: int, seed: int = 1) -> list[Row]:
    """Return watches (user, item, timestamp): after item i everybody watches i + 1, and so on."""
    random = np.random.default_rng(seed)
    rows: list[Row] = []
    for user in range(users):
        first = random.integers(items)
        rows += [(f"u{user}", f"i{(first + k) % items}", 10 * k + user % 7) for k in range(length)]
    return rows


def random_watches(users: int, items: int, rows: int, seed: int = 1) -> list[Row]:
    """Return watches (user, item, timestamp), of which many are of one moment."""
    random = np.random.default_rng(seed)
    who, what = random.integers(users, size=rows), random.zipf(1.3, size=rows) % items
    when = random.integers(rows // 3 + 1, size=rows)
    return [(f"u{u}", f"i{i}", t) for u, i, t in zip(who, what, when, strict=True)]


IMPRESSION_NAMES = ("user", "item", "timestamp", "clicked", "watch_time")


def impressions(
    users: int, items: int, rows: int, share: float = 0.3, seed: int = 1
) -> list[tuple[str, str, int, int, float]]:
    """Return impressions by IMPRESSION_NAMES: later items are clicked oftener, watched longer."""
    random = np.random.default_rng(seed)
    found = []
    for row in range(rows):
        item = int(random.integers(items))
        clicked = int(random.random() < share * 2 * (item + 1) / (items + 1))
        seconds = round(clicked * (10 + 5 * item) * random.gamma(4, 0.25), 2)
        found.append((f"u{random.integers(users)}", f"i{item}", row // 2, clicked, seconds))
    return found


def read_recommended(out: str) -> dict[str, list[str]]:
    """Return the items for each user, the best first, of what `recommend` prints."""
    found: dict[str, list[str]] = {}
    for line in out.splitlines()[1:]:
        user, _, item, *_ = line.split("\t")
        found.setdefault(user, []).append(item)
    return found


def contents(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(run.iterdir())}


def config_of(run: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((run / "config.json").read_text())
    return config


def history_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
