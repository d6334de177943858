"""Scores texts with an exported model, by numpy and onnxruntime alone: no dssm, no torch.

Reads what `dssm tokenize --json` (or ids.mjs) prints, a text a line: first a query, then titles.

    dssm tokenize -m RUN --json - < texts.txt | python score.py EXPORTED
    python score.py EXPORTED --alike < ids  # how alike are the texts, all of one kind?
    python score.py EXPORTED --check        # does this machine say what dssm said?
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnxruntime


def inputs(texts: list[dict]) -> dict[str, np.ndarray]:
    """Return the model's inputs for texts: each distinct unit has one row of features."""
    rows = {"": 0}
    features = [[0]]  # row 0 fills up short texts
    units = []
    for text in texts:
        found = []
        for unit in text["units"]:
            if unit["unit"] not in rows:
                rows[unit["unit"]] = len(features)
                features.append(unit["ids"])
            found.append(rows[unit["unit"]])
        units.append(found)
    return {"features": filled(features), "units": filled(units)}


def filled(rows: list[list[int]]) -> np.ndarray:
    """Return rows as one array, with 0 behind the end of short ones."""
    array = np.zeros((len(rows), max(map(len, rows), default=0)), np.int64)
    for i, row in enumerate(rows):
        array[i, : len(row)] = row
    return array


class Model:
    """A side of an exported model.

    text: vectors of one kind, any two of which can be compared. query, title: to compare with each other.
    """

    def __init__(self, folder: Path, side: str) -> None:
        settings = json.loads((folder / "settings.json").read_text("utf-8"))
        self.session = onnxruntime.InferenceSession(folder / settings["models"][side])

    def encode(self, texts: list[dict]) -> np.ndarray:
        """Return rows of length 1 (N, D) float32, or zeros where a text has no units."""
        return self.session.run(["vectors"], inputs(texts))[0]


def check(folder: Path) -> None:
    """Compare vectors with those that stand in texts.jsonl."""
    texts = read((folder / "texts.jsonl").read_text("utf-8").splitlines())
    for side, key in (("text", "vector"), ("query", "query"), ("title", "title")):
        if key in texts[0]:
            expected = np.array([text[key] for text in texts])
            difference = np.abs(Model(folder, side).encode(texts) - expected).max()
            print(f"{side}\t{len(texts)} texts\tlargest difference {difference:.1e}")
            if difference > 1e-5:
                raise SystemExit(1)


def read(lines: Iterable[str]) -> list[dict]:
    return [json.loads(line) for line in lines]


def alike(folder: Path) -> None:
    """Print the cosine of each text with the first, in their order."""
    texts = read(sys.stdin)
    rows = Model(folder, "text").encode(texts)
    for text, cosine in zip(texts, rows @ rows[0], strict=True):
        print(f"{cosine:.4f}\t{text['text']}")


def main(folder: Path) -> None:
    """Print the cosine of each title with the query, the best title first."""
    query, *titles = read(sys.stdin)
    rows = Model(folder, "title").encode(titles)
    scores = rows @ Model(folder, "query").encode([query])[0]
    for i in np.argsort(-scores):
        print(f"{scores[i]:.4f}\t{titles[i]['text']}")


if __name__ == "__main__":
    if "--check" in sys.argv:
        check(Path(sys.argv[1]))
    elif "--alike" in sys.argv:
        alike(Path(sys.argv[1]))
    else:
        main(Path(sys.argv[1]))
