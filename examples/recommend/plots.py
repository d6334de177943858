"""Draw two pictures of what run.sh trains.

    python plots.py RUN_CANDIDATES RUN_RANKING -o FOLDER

FOLDER/depth.png: how often what was watched next is among ten recommended items, by how much its user
had watched before, beside simpler ways and the ceiling. FOLDER/watch-time.png: predicted and true
watch times, by tenths of what is predicted. Needs matplotlib: pip install 'dssmcli[plot]'.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from make_log import DEPTHS, ceiling, world

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HERE = Path(__file__).resolve().parent
COLOURS = ("#1f5fa8", "#e08a1e", "#9aa3ad")
INK, FAINT = "#22272e", "#d9dde2"

Report = dict[str, float]


def evaluated(run: Path, *words: object) -> list[Report]:
    """Return the report of a run, and of what it is compared with."""
    line = [sys.executable, "-m", "dssmcli", "eval", "-q", "--json", "--threads", "1"]
    line += map(str, ("-m", run, *words))
    done = subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True)
    reports = map(json.loads, done.stdout.splitlines())
    return [each for each in reports if "differences" not in each]


def draw_depth(axes: Axes, reports: list[Report], best: Report) -> None:
    """Draw hr@10 by the depth of history, a group of bars a slice, with 95 % intervals."""
    names = ["the model", "popularity", "item-kNN"]
    order = [0, 2, 1]
    for place, which in enumerate(order):
        heights, below, above = [], [], []
        for depth, *_ in DEPTHS:
            key = f"history_{depth}.hr@10"
            height = reports[which][key]
            heights.append(height)
            below.append(max(0.0, height - reports[which][f"{key}_low"]))
            above.append(max(0.0, reports[which][f"{key}_high"] - height))
        at = [group + (place - 1) * 0.26 for group in range(len(DEPTHS))]
        axes.bar(at, heights, 0.24, color=COLOURS[place], label=names[which], zorder=2)
        axes.errorbar(at, heights, (below, above), fmt="none", ecolor=INK, elinewidth=1, zorder=3)
    for group, (depth, *_) in enumerate(DEPTHS):
        height = best[f"history_{depth}.hr@10"]
        label = "ceiling" if not group else None
        axes.plot([group - 0.4, group + 0.4], [height] * 2, color=INK, ls="--", lw=1.3, label=label)
    ticks = [f"{depth}\n({reports[0][f'history_{depth}.targets']:.0f})" for depth, *_ in DEPTHS]
    axes.set_xticks(range(len(DEPTHS)), ticks)
    axes.set_xlabel("watches before (in brackets: watches to find)")
    axes.set_ylabel("hr@10")
    axes.set_ylim(0, 1.15 * max(best[f"history_{depth}.hr@10"] for depth, *_ in DEPTHS))
    axes.set_title("Is what is watched next among ten items?", loc="left", weight="bold")
    axes.legend(framealpha=1, edgecolor="none", ncols=4, loc="upper right")


def draw_watch_time(axes: Axes, report: Report) -> None:
    """Draw the predicted and true mean seconds of each tenth of the impressions."""
    tenths = range(1, 11)
    predicted = [report[f"decile_{k}.predicted"] for k in tenths]
    watched = [report[f"decile_{k}.watched"] for k in tenths]
    axes.bar(tenths, watched, 0.72, color=COLOURS[2], label="watched", zorder=2)
    axes.plot(tenths, predicted, "o-", color=COLOURS[0], ms=6, label="predicted", zorder=3)
    axes.set_xticks(tenths)
    axes.set_xlabel("tenth of the impressions, by what is predicted")
    axes.set_ylabel("mean seconds of an impression")
    title = f"Predicted and true watch time (bias {report['watch_time.bias']:.2f})"
    axes.set_title(title, loc="left", weight="bold")
    axes.legend(framealpha=1, edgecolor="none", loc="upper left")


def main() -> int:
    """Write both pictures; return the status."""
    parser = argparse.ArgumentParser(description="Draw what run.sh trains.")
    parser.add_argument("candidates", type=Path)
    parser.add_argument("ranking", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path())
    options = parser.parse_args()
    try:
        import matplotlib as mpl
    except ImportError:
        print("This needs matplotlib: pip install 'dssmcli[plot]'", file=sys.stderr)
        return 1
    mpl.use("agg")
    from matplotlib.figure import Figure

    mpl.rcParams |= {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False}
    mpl.rcParams |= {"axes.edgecolor": INK, "text.color": INK, "grid.color": FAINT}
    history = ("--history", HERE / "watches.tsv", HERE / "later-watches.tsv")
    found = evaluated(options.candidates, *history)
    ranked = evaluated(options.ranking, "--bootstrap", 0, HERE / "later-impressions.tsv")
    options.output.mkdir(parents=True, exist_ok=True)
    for name in ("depth", "watch-time"):
        figure = Figure((8, 4.6), layout="constrained")
        axes = figure.subplots()
        axes.grid(axis="y", zorder=0)
        if name == "depth":
            draw_depth(axes, found, ceiling(world()))
        else:
            draw_watch_time(axes, ranked[0])
        figure.savefig(options.output / f"{name}.png", dpi=150)
        print(options.output / f"{name}.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
