"""Knocks: runs and indexes that are damaged, or made by somebody who means harm."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import lines
import small
from fuzz_runs import seal
from knocking import Copy, Knock

_MEMORY, _SECONDS = 4 << 30, 60
_USES: Mapping[str, list[str]] = {
    "mmoe": ["predict", "-q", "table.csv"],
    "candidates": ["recommend", "-q", "users.jsonl"],
    "ranking": ["predict", "-q", "impressions.tsv"],
}
_TEXT = ["score", "手机", "b"]
_DEEP = "[" * 100_000
_HUGE_NUMBER = "9" * 4000
_ODD: tuple[Any, ...] = ("x", None, -1, 1 << 40, 10**30, 1e308, [], {}, [[]], True)


def runs(home: Path, times: int) -> Iterator[Knock]:  # noqa: ARG001
    """Damage each file of a run of each kind in each way, then make hostile ones of it."""
    lines.prepared(home)
    place = home / "hurt"
    for kind in small.RUNS:
        words = [str(home / w) if "." in w else w for w in _USES.get(kind, _TEXT)]
        for file in sorted((home / kind).iterdir()):
            for name, damage in {**_damages(), **_hostile_bytes()}.items():
                _copied(home / kind, place)
                damage(place / file.name)
                if name in _hostile_bytes() and file.name != "MANIFEST.json":
                    seal(place)
                read = file.name != "metrics.jsonl"  # of which no answer needs anything
                what = "hostile bytes" if name in _hostile_bytes() else "a damaged file of a run"
                told = file.name if "damaged" in what else place.name
                wrong = _judged([*words, "-m", str(place)], told, read)
                yield Knock(what, wrong and f"{kind}/{file.name}, {name}: {wrong}")
        yield from _hostile_settings(home, kind, words, place)
    yield from _indexes(home, place)


def _copied(source: Path, place: Path) -> None:
    for left in (place, place.with_name("elsewhere")):
        shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)
    if source.is_dir():
        shutil.copytree(source, place)
    else:
        shutil.copy(source, place)


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    signal.alarm(_SECONDS)


def _judged(words: list[str], name: str, read: bool) -> str:
    done = Copy(words, _limited).wait()
    if not read and not done.code:
        return ""
    return done.said(3, name) or ("a traceback" if "Traceback" in done.err else "")


def _damages() -> dict[str, Callable[[Path], None]]:
    def flipped(share: float) -> Callable[[Path], None]:
        def damage(path: Path) -> None:
            content = bytearray(path.read_bytes())
            content[round(share * (len(content) - 1))] ^= 4
            path.write_bytes(content)

        return damage

    return {
        **{f"byte at {share:.0%} changed": flipped(share) for share in (0, 0.3, 0.7, 1)},
        "cut in half": lambda path: os.truncate(path, path.stat().st_size // 2),
        "empty": lambda path: os.truncate(path, 0),
        "gone": lambda path: path.unlink(),
        "a folder": _as_folder,
        "a link": _as_link,
        "a pipe": _as_pipe,
        "a link to /dev/zero": _as_zeros,
    }


def _as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _as_link(path: Path) -> None:
    shutil.move(path, path.parent.with_name("elsewhere"))
    path.symlink_to(path.parent.with_name("elsewhere"))


def _as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _as_zeros(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _hostile_bytes() -> dict[str, Callable[[Path], None]]:
    def put(content: bytes) -> Callable[[Path], None]:
        def damage(path: Path) -> None:
            path.write_bytes(content)

        return damage

    told = '{"a":' + _DEEP
    return {
        "deep JSON": put(told.encode()),
        "deep tensors": put(len(told).to_bytes(8, "little") + told.encode()),
        "half characters": put(b'{"a": "\\ud800"}'),
        "not UTF-8": put(b"\xff\xfe\n"),
        "a huge number": put(f'{{"format": {_HUGE_NUMBER}0000}}'.encode()),
        "NaN": put(b'{"format": NaN}'),
        "a header of 2^63 bytes": put(b"\xff" * 7 + b"\x7f{}"),
        "a shape of 2^62 numbers": put(_tensors({"shape": [1 << 31, 1 << 31]})),
        "a shape below 0": put(_tensors({"shape": [-1, -4]})),
        "a shape with text": put(_tensors({"shape": ["4"]})),
        "bytes before the file": put(_tensors({"data_offsets": [-16, 0]})),
        "one line of 10 MB": put(b"x" * 10_000_000 + b"\n"),
    }


def _tensors(change: Mapping[str, object]) -> bytes:
    told = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16], **change}
    header = json.dumps({"tower.bias": told, "pairs.users": told, "watched": told}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(16)


def _hostile_settings(home: Path, kind: str, words: list[str], place: Path) -> Iterator[Knock]:
    """Give each setting of a run odd values, and the manifest paths that lead outside."""
    for file in ("config.json", "features.json", "catalogue.json", "MANIFEST.json"):
        if not (home / kind / file).exists():
            continue
        whole = json.loads((home / kind / file).read_text("utf-8"))
        for path in _places(whole):
            for value in _ODD:
                _copied(home / kind, place)
                changed = json.loads(json.dumps(whole))
                inner = changed
                for key in path[:-1]:
                    inner = inner[key]
                inner[path[-1]] = value
                (place / file).write_text(json.dumps(changed), "utf-8")
                if file != "MANIFEST.json":
                    seal(place)
                done = Copy([*words, "-m", str(place)], _limited).wait()
                # Most settings say only where a run came from.
                wrong = "" if not done.code and not done.err else done.said(3)
                yield Knock("an odd value in a run", wrong and f"{kind}: {path} {value}: {wrong}")
    _copied(home / kind, place)
    manifest = json.loads((place / "MANIFEST.json").read_text("utf-8"))
    manifest["files"]["../../etc/passwd"] = {"size": 1, "sha256": "0" * 64}
    manifest["files"]["/etc/passwd"] = {"size": 1, "sha256": "0" * 64}
    (place / "MANIFEST.json").write_text(json.dumps(manifest), "utf-8")
    done = Copy([*words, "-m", str(place)], _limited).wait()
    yield Knock("paths that lead outside a run", done.said(0))


def _places(value: object, above: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """Yield the places of all values in a JSON value, of lists only the first and the last."""
    inside: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inside = [*value.items()]
    elif isinstance(value, list) and value:
        inside = [(0, value[0]), (len(value) - 1, value[-1])][: len(value)]
    for key, each in inside:
        yield (*above, key)
        yield from _places(each, (*above, key))


def _indexes(home: Path, place: Path) -> Iterator[Knock]:
    for name, damage in {**_damages(), **_hostile_bytes()}.items():
        if name == "a link":  # an index is a file like any other
            continue
        _copied(home / "index", place)
        damage(place)
        # Each part is checked when it is used: a search that does not use it is right.
        wrong = _judged(["search", "-i", str(place), "手机"], "hurt", "changed" not in name)
        yield Knock("a damaged index", wrong and f"{name}: {wrong}")
