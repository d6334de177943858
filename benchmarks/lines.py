"""Command lines that use each command once, for the programs that try to break them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import small

Words = list[str]


def prepared(home: Path) -> Mapping[str, Path]:
    """Make the data, the runs and an index that the command lines below use."""
    from dssmcli import cli

    runs = small.train_all(home)
    index = home / "index"
    if not index.exists():
        words = ["index", str(home / "texts.txt"), "-o", str(index), "-q", "-m", str(runs["text"])]
        assert cli.run(words) == 0
    return runs


def printing(home: Path) -> dict[str, Words]:
    """Return a command line for each command that prints its result."""
    run = {name: ["-m", str(home / name)] for name in small.RUNS}
    file = {path.name: str(path) for path in home.iterdir() if path.is_file()}
    return {
        "encode": ["encode", file["texts.txt"], *run["text"]],
        "encode --format tsv": ["encode", file["texts.txt"], "--format", "tsv", *run["text"]],
        "encode --side item": ["encode", "--side", "item", *run["candidates"]],
        "score": ["score", "a", "b", *run["text"]],
        "score --pairs": ["score", "--pairs", file["pairs.tsv"], *run["text"]],
        "eval": ["eval", file["pairs.tsv"], "--bootstrap", "5", *run["text"]],
        "eval of a table": ["eval", file["table.csv"], "--bootstrap", "5", *run["mmoe"]],
        "check": ["check", file["pairs.tsv"]],
        "mine": ["mine", file["pairs.tsv"], "--ranks", "1-9", "--margin", "-2", *run["text"]],
        "search": ["search", "-i", file["index"], "-k", "200", "手机"],
        "tokenize": ["tokenize", "couch 手机", *run["text"]],
        "vocab": ["vocab", "--pairs", file["pairs.tsv"]],
        "vocab -m": ["vocab", *run["text"]],
        "info": ["info", *run["text"]],
        "report": ["report", str(home / "text"), "--data", file["pairs.tsv"]],
        "predict": ["predict", file["table.csv"], *run["mmoe"]],
        "predict of ranking": ["predict", file["impressions.tsv"], *run["ranking"]],
        "gates": ["gates", file["table.csv"], *run["mmoe"]],
        "recommend": ["recommend", file["watches.tsv"], *run["candidates"]],
        "recommend --ranker": [
            *("recommend", file["watches.tsv"], "--ranker", str(home / "ranking")),
            *run["candidates"],
        ],
        "--help": ["--help"],
    }


def writing(home: Path, place: str) -> dict[str, Words]:
    """Return a command line for each way to write a result to a place, which need not be there."""
    said = printing(home)
    pairs, table = (str(_with_bad_rows(home, name)) for name in ("pairs.tsv", "table.csv"))
    names = ("encode", "encode --side item", "mine", "search", "vocab", "predict", "recommend")
    found = {f"{name} -o": [*said[name], "-o", place] for name in (*names, "report")}
    trained = {
        f"{words[0]} {kind}": [str(home / w) if "." in w else w for w in words]
        for kind, words in small.RUNS.items()
        if kind in ("text", "mmoe", "candidates", "ranking")
    }
    found |= {name: [*words, "-o", place, "--overwrite"] for name, words in trained.items()}
    bad = ["--bad-rows", "skip", "--rejects", place]
    return found | {
        "index -o": ["index", str(home / "texts.txt"), "-o", place, "-m", str(home / "text")],
        "gates --html": [*said["gates"], "--html", place],
        "score --rejects": ["score", "--pairs", pairs, *bad, "-m", str(home / "text")],
        "predict --rejects": ["predict", table, *bad, "-m", str(home / "mmoe")],
        "plot -o": ["plot", "--kind", "curves", str(home / "text"), "-o", f"{place}.svg"],
        "export --onnx": ["export", "--onnx", place, "-m", str(home / "text"), "--overwrite"],
    }


def _with_bad_rows(home: Path, name: str) -> Path:
    """Return a file whose other rows cannot be used."""
    path = home / f"bad-{name}"
    path.write_text((home / name).read_text("utf-8") + "no such columns,\n" * 2000, "utf-8")
    return path
