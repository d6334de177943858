"""Measures what helps on a click log, where relevance is known because the log is simulated.

    python benchmarks/clicks.py --seeds 0 1 2

A world of products: a type and two properties each, every one of which is worded in queries and
in titles by words of their own (one in four is shared). A mediocre ranker answers queries, some
of them asked a thousand times as often as others; visitors look at a rank less often the lower it
is, click what is relevant, and at times anything. The log of queries, titles, clicks and
impressions is what `dssm train` gets; it is judged on queries that are not in the log, against all
titles, by true relevance. Prints a Markdown table: means over seeds, with the range.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import dssmcli
from dssmcli import rankings

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TYPES, PROPERTIES, WORDINGS = 60, 12, 3
TITLES, QUERIES, HELDOUT, SESSIONS = 1500, 2000, 400, 12_000
SHOWN, FALSE_CLICKS = 10, 0.01
CLICKED = np.array([0.0, 0.12, 0.5])  # by relevance, if looked at
LOOKED_AT = 1 / np.arange(1, SHOWN + 1) ** 0.8
NO_PROPERTY = -1


class World(NamedTuple):
    """Texts; the relevance (Q, T) of each title for each query: 0, 1 or 2; what they share (Q, T).

    The last HELDOUT queries are not in the log.
    """

    queries: list[str]
    titles: list[str]
    relevance: Ints
    likeness: Floats


class Log(NamedTuple):
    """Rows (N,) of a click log."""

    query: Ints
    title: Ints
    clicks: Ints
    impressions: Ints


def world(random: np.random.Generator) -> World:
    """Make up a catalogue and the queries that people ask of it."""
    words = _words(random, 2 * (TYPES + PROPERTIES) * WORDINGS + 60)
    spoken, written = (words[i::2][: (TYPES + PROPERTIES) * WORDINGS] for i in (0, 1))
    for place in range(0, len(spoken), 4):
        written[place] = spoken[place]
    fillers = words[-60:]
    titles = _meanings(random, TITLES)
    asked = _meanings(random, QUERIES)
    # Most queries leave a property or two open.
    asked[random.random(QUERIES) < 0.6, 2] = NO_PROPERTY
    asked[random.random(QUERIES) < 0.3, 1] = NO_PROPERTY
    return World(
        [_text(random, meaning, spoken, fillers[:20], 1) for meaning in asked],
        [_text(random, meaning, written, fillers[20:], 3) for meaning in titles],
        *_relevance(asked, titles),
    )


def _words(random: np.random.Generator, count: int) -> list[str]:
    """Return distinct words of three or four syllables."""
    found: dict[str, None] = {}
    while len(found) < count:
        syllables = random.integers([20, 5], size=(random.integers(3, 5), 2), endpoint=False)
        found["".join("bcdfghjklmnpqrstvwxz"[c] + "aeiou"[v] for c, v in syllables)] = None
    return list(found)


def _meanings(random: np.random.Generator, count: int) -> Ints:
    """Return (count, 3): a type, more often a common one, and two properties."""
    share = 1 / np.arange(3, TYPES + 3)
    types = random.choice(TYPES, count, p=share / share.sum())
    first = random.integers(PROPERTIES, size=count)
    second = (first + random.integers(1, PROPERTIES, size=count)) % PROPERTIES
    return np.stack((types, first, second), axis=1)


def _text(
    random: np.random.Generator, meaning: Ints, words: Sequence[str], fillers: list[str], most: int
) -> str:
    kinds = [meaning[0], *(TYPES + p for p in meaning[1:] if p != NO_PROPERTY)]
    chosen = [words[kind * WORDINGS + random.integers(WORDINGS)] for kind in kinds]
    chosen += [fillers[i] for i in random.integers(len(fillers), size=random.integers(most + 1))]
    return " ".join(chosen[i] for i in random.permutation(len(chosen)))


def _relevance(asked: Ints, titles: Ints) -> tuple[Ints, Floats]:
    """Return 2 where type and all properties agree, 1 where type and half of them do, else 0.

    Also return the share of type and properties that agree.
    """
    wanted, met = np.zeros((len(asked), 1)), np.zeros((len(asked), len(titles)))
    for place in (1, 2):
        wish = asked[:, place][:, None]
        wanted += wish != NO_PROPERTY
        met += (wish == titles[:, 1]) | (wish == titles[:, 2])
    same = asked[:, 0][:, None] == titles[:, 0]
    relevance = np.where(same & (met >= wanted), 2, np.where(same & (2 * met >= wanted), 1, 0))
    return relevance, (same + met) / (1 + wanted)


def click_log(random: np.random.Generator, known: World) -> Log:
    """Simulate sessions and count what was shown and clicked."""
    logged = QUERIES - HELDOUT
    share = 1 / np.arange(1, logged + 1)
    asked = random.choice(logged, SESSIONS, p=share / share.sum())
    # The ranker sees what a title shares with the query, is wrong in the same way each time, and
    # wavers a little.
    opinion = 2 * known.likeness[:logged] + random.normal(0, 0.6, (logged, TITLES))
    rows = []
    for query, times in zip(*np.unique(asked, return_counts=True), strict=True):
        wavers = opinion[query] + random.normal(0, 0.3, (min(times, 200), TITLES))
        shown = np.argsort(-wavers, axis=1)[:, :SHOWN][np.arange(times) % len(wavers)]
        chance = np.maximum(CLICKED[known.relevance[query][shown]], FALSE_CLICKS)
        clicked = random.random(shown.shape) < LOOKED_AT * chance
        titles, impressions = np.unique(shown, return_counts=True)
        clicks = np.bincount(shown[clicked], minlength=TITLES)[titles]
        rows.append(np.stack((np.full(len(titles), query), titles, clicks, impressions)))
    return Log(*np.concatenate(rows, axis=1))


class Variant(NamedTuple):
    """A way to learn from the log."""

    name: str
    columns: str  # which rows and columns of the log: one of the names below
    options: str


CLICKED_ROWS, ALL_ROWS, IMPRESSIONS, MINED = "clicked", "all", "impressions", "mined"
VARIANTS = (
    Variant("clicked rows, all alike", CLICKED_ROWS, "--click-weight none"),
    Variant("clicked rows, weights log(1 + clicks)", CLICKED_ROWS, ""),
    Variant("clicked rows, weights linear in clicks", CLICKED_ROWS, "--click-weight linear"),
    Variant("all rows, log, unclicked titles weigh 0", ALL_ROWS, "--unclicked-weight 0"),
    Variant("all rows, log, unclicked titles weigh .1", ALL_ROWS, "--unclicked-weight .1"),
    Variant("all rows, log, unclicked titles weigh 1", ALL_ROWS, "--unclicked-weight 1"),
    Variant("by impressions, weight .3", IMPRESSIONS, "--unclicked-weight .3"),
    Variant("by impressions, weight 1", IMPRESSIONS, "--unclicked-weight 1"),
    Variant("by impressions, weight 3", IMPRESSIONS, "--unclicked-weight 3"),
    Variant("clicked rows, log, query cap 5", CLICKED_ROWS, "--query-cap 5"),
    Variant("by impressions, weight 1, query cap 5", IMPRESSIONS, "--query-cap 5"),
    Variant("by impressions, weight 1, query cap 20", IMPRESSIONS, "--query-cap 20"),
    Variant("by impressions, negative power .75", IMPRESSIONS, "--negative-power .75"),
    Variant("by impressions, weight 1, and mined negatives", MINED, ""),
)


def write_log(path: Path, known: World, log: Log, columns: str) -> None:
    """Write the rows and columns that a variant learns from."""
    lines = []
    for query, title, clicks, impressions in zip(*(each.tolist() for each in log), strict=True):
        if clicks or columns != CLICKED_ROWS:
            row = [known.queries[query], known.titles[title], str(clicks), str(impressions)]
            lines.append("\t".join(row if columns in (IMPRESSIONS, MINED) else row[:3]) + "\n")
    path.write_text("".join(lines), "utf-8")


def dssm(*words: str | Path) -> None:
    """Run the command on one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", "dssmcli", *map(str, words)], check=True, env=environment)


def judge(run: Path, known: World) -> dict[str, float]:
    """Rank all titles for the queries that are not in the log."""
    model = dssmcli.load(run)
    queries = model.encode(known.queries[-HELDOUT:], "query")
    scores = queries @ model.encode(known.titles, "title").T
    grades = known.relevance[-HELDOUT:]
    numbers = np.repeat(np.arange(HELDOUT), TITLES)
    ranked = rankings.ranking(scores.ravel(), grades.ravel(), grades.ravel() == 2, numbers, [10])
    return {"ndcg@10": ranked.ndcg[10], "map": ranked.map, "auc": _auc(scores, grades == 2)}


def _auc(scores: npt.NDArray[np.float32], right: npt.NDArray[np.bool_]) -> float:
    """Return the mean over queries of the chance that a right title is above another."""
    places = np.argsort(np.argsort(scores, axis=1), axis=1)
    count = right.sum(axis=1)
    used = (count > 0) & (count < TITLES)
    above = (places * right).sum(axis=1) - count * (count - 1) / 2
    return float((above[used] / (count * (TITLES - count))[used]).mean())


def measure(seed: int, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Train and judge every variant on the world of one seed."""
    random = np.random.default_rng(seed)
    known = world(random)
    log = click_log(random, known)
    records = []
    with tempfile.TemporaryDirectory() as folder:
        for variant in VARIANTS:
            if not any(part in variant.name for part in options.only or [""]):
                continue
            pairs, run = Path(folder) / "pairs.tsv", Path(folder) / "run"
            write_log(pairs, known, log, variant.columns)
            words: list[str | Path] = [
                "-q",
                "--threads",
                "1",
                "--seed",
                str(seed),
                "--value",
                "clicks",
                "-o",
                run,
            ]
            words += shlex.split(f"{variant.options} {options.train}")
            dssm("train", pairs, "--overwrite", *words)
            if variant.columns == MINED:
                mined = Path(folder) / "mined.tsv"
                dssm("mine", pairs, "-m", run, "--value", "clicks", "-o", mined, "-q")
                dssm("train", pairs, mined, "--overwrite", *words)
            record = {"variant": variant.name, "seed": seed, **judge(run, known)}
            print(json.dumps(record), file=sys.stderr, flush=True)
            records.append(record)
    return records


def table(records: list[dict[str, Any]]) -> str:
    """Return a Markdown table: means over seeds, with the range."""
    metrics = [name for name in records[0] if name not in ("variant", "seed")]
    lines = ["| learned from | " + " | ".join(metrics) + " |", "|---" * (len(metrics) + 1) + "|"]
    for name in dict.fromkeys(record["variant"] for record in records):
        cells = []
        for metric in metrics:
            values = [record[metric] for record in records if record["variant"] == name]
            cells.append(f"{np.mean(values):.3f} [{min(values):.3f}-{max(values):.3f}]")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", help="Variants whose names hold one of these.")
    parser.add_argument("--train", default="--arch dnn", help="Options of dssm train, in quotes.")
    options = parser.parse_args()
    print(table([record for seed in options.seeds for record in measure(seed, options)]))


if __name__ == "__main__":
    main()
