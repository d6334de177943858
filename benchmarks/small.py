"""Small files and a small run of every family, for the programs that try to break them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from dssmcli import cli

_MEANINGS = {
    "couch": "sofa bed",
    "tap": "faucet",
    "bin": "trash can",
    "rug": "carpet",
    "手机": "电话 mobile",
    "电脑": "计算机 laptop",
    "冰箱": "冷柜 fridge",
    "mower": "grass cutter",
}
_FILLERS = ("new", "cheap", "best", "buy", "便宜", "新款")
_BRIEF = ("--epochs", "2", "--threads", "1", "-q")
_TOWER = ("--dim", "8", "--embedding", "8", "--filters", "12", "--batch-size", "64", *_BRIEF)
_WATCHES = ("--dim", "8", "--embedding", "8", "--units", "8", "--batch-size", "64", *_BRIEF)
RUNS = {
    "text": ("train", "pairs.tsv", "--arch", "cnn", *_TOWER),
    "dnn": ("train", "pairs.tsv", "--arch", "dnn", "--dim", "8", "--hidden", "12,10", *_BRIEF),
    "lstm": ("train", "pairs.tsv", "--arch", "lstm", "--dim", "8", "--embedding", "8", *_BRIEF),
    "jieba": ("train", "pairs.tsv", "--arch", "cnn", "--tokenizer", "jieba", *_TOWER),
    "sentencepiece": (
        *("train", "pairs.tsv", "--arch", "cnn", "--tokenizer", "sentencepiece", "--pieces", "80"),
        *_TOWER,
    ),
    "mmoe": (
        *("train-rec", "mmoe", "table.csv", "--task", "bought", "--task", "minutes:regression"),
        *("--experts", "2", "--expert-units", "8", "--tower-units", "4", "--embedding", "4"),
        *("--batch-size", "64", *_BRIEF),
    ),
    "candidates": ("train-rec", "youtube-candidates", "watches.tsv", *_WATCHES),
    "ranking": (
        *("train-rec", "youtube-ranking", "impressions.tsv", "--units", "8", "--embedding", "4"),
        *_BRIEF,
    ),
}
"""The command line of a run of each kind, without its -o."""


def write_data(folder: Path, rows: int = 600) -> None:
    """Write pairs, texts, a table, watches, impressions and users, always the same."""
    chance = random.Random(7)
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in {
        "pairs.tsv": _pairs(chance, rows),
        "texts.txt": (f"{word} {chance.choice(_FILLERS)} {i}" for i, word in _words(chance, rows)),
        "table.csv": _table(chance, rows),
        "watches.tsv": _watches(chance, rows),
        "impressions.tsv": _impressions(chance, rows),
        "users.jsonl": (
            json.dumps({"user": f"u{i}", "history": [f"i{i % 9}", f"i{i % 5}"]}) for i in range(30)
        ),
    }.items():
        (folder / name).write_text("".join(f"{line}\n" for line in lines), "utf-8")


def _words(chance: random.Random, rows: int) -> Iterator[tuple[int, str]]:
    for row in range(rows):
        yield row, chance.choice([*_MEANINGS])


def _pairs(chance: random.Random, rows: int) -> Iterator[str]:
    yield "query\ttitle\tlabel"
    for row, word in _words(chance, rows):
        other = chance.choice([*_MEANINGS])
        title = _MEANINGS[word if row % 2 else other]
        query = f"{chance.choice(_FILLERS)} {word} {chance.randrange(40)}"
        yield f"{query}\t{title} {chance.randrange(40)}\t{int(title == _MEANINGS[word])}"


def _table(chance: random.Random, rows: int) -> Iterator[str]:
    yield "city,age,price,bought,minutes"
    for _ in range(rows):
        city, age = chance.choice(["Paris", '"Oslo, N"', "北京", "Rome"]), chance.gauss(40, 12)
        bought = int(age + chance.gauss(0, 5) > 40)
        yield f"{city},{age:.1f},{chance.lognormvariate(3, 1):.2f},{bought},{age / 4:.2f}"


def _watches(chance: random.Random, rows: int) -> Iterator[str]:
    yield "user\titem\ttimestamp"
    for row in range(rows):
        yield f"u{chance.randrange(rows // 12 + 1)}\ti{(row + chance.randrange(3)) % 24}\t{row}"


def _impressions(chance: random.Random, rows: int) -> Iterator[str]:
    yield "user\titem\ttimestamp\tclicked\twatch_time\tplace"
    for row in range(rows):
        item, clicked = chance.randrange(24), int(chance.random() < 0.4)
        seconds = round(clicked * (5 + item) * chance.gammavariate(4, 0.25), 2)
        place = chance.choice(["home", "list", "search"])
        yield f"u{chance.randrange(40)}\ti{item}\t{row}\t{clicked}\t{seconds}\t{place}"


def train_all(folder: Path, names: Sequence[str] = tuple(RUNS)) -> dict[str, Path]:
    """Write the data and train each of RUNS that is not there yet; return the runs by name."""
    write_data(folder)
    for name in names:
        if not (folder / name).exists():
            words = [str(folder / w) if "." in w else w for w in RUNS[name]]
            code = cli.run([*words, "-o", str(folder / name)])
            assert code == 0, (name, code)
    return {name: folder / name for name in names}
