"""Train three models on pairs of tasks whose correlation is known, and chart who suffers from it.

    python correlation.py OUT --seeds 20

After Ma et al., "Modeling Task Relationships in Multi-task Learning with Multi-gate
Mixture-of-Experts" (KDD 2018), section 3.2. The paper's finding: every model loses as the two tasks
grow apart, MMoE least. Compare models by the table's differences within a seed; a run whose tower
is stuck can be far worse than the rest, so read medians and counts of seeds beside the means. OUT
gets report.tsv and loss.svg; losses.tsv there holds every run, and a second call trains only what
it lacks. Needs scipy, which dssmcli[dev] has.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from itertools import islice, product
from math import sqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import binom
from scipy.stats import t as student

from dssmcli.models.multitask import build_multitask
from dssmcli.rec_config import MultitaskConfig, MultitaskTrainConfig, Sizes

Floats = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]

INPUTS = 100
MODELS = {"shared-bottom": "Shared-Bottom", "omoe": "OMoE", "mmoe": "MMoE"}
CONFIGS = {  # the shared parts have about the same number of weights, as in the paper
    "shared-bottom": MultitaskConfig("shared-bottom", 1, (113,), (8,), cross=0),
    "omoe": MultitaskConfig("mmoe", 8, (16,), (8,), "shared", cross=0),
    "mmoe": MultitaskConfig("mmoe", 8, (16,), (8,), cross=0),
}
SIZES = Sizes(categories=0, features=0, numbers=INPUTS, tasks=2)
BATCH = 256
TEST_BATCHES = 78  # of BATCH rows: 19,968 test points
Key = tuple[str, float, int]  # model, p, seed
SETTING = ("c", "terms", "noise", "steps", "rate")  # the options that decide a run's loss


class Batch(NamedTuple):
    """Inputs x (B, 100) and the labels y (B, 2) of both tasks, float32."""

    x: Floats
    y: Floats


def generate(p: float, c: float, terms: int, noise: float, seed: int, rows: int) -> Iterator[Batch]:
    """Yield fresh batches of `rows` rows without end (Ma et al. 2018, section 3.2).

    Task k has the direction w_k of length c, and p is the cosine between w_1 and w_2. A label is
    v + sum of sin(alpha_m v + beta_m) over the terms + normal noise, v = w_k . x, x ~ N(0, I). The
    paper leaves c, the number of terms, alpha and beta open: here alpha_m = m / 2, and beta_m is m
    golden sections of a turn, for every seed: sines drawn anew would make some seeds ten times
    harder than others. One seed gives the same directions, inputs and noise for every p.
    """
    random = np.random.default_rng(seed)
    u = np.linalg.qr(random.standard_normal((INPUTS, 2)))[0]
    w = c * u @ np.array([[1, p], [0, sqrt(1 - p * p)]])
    alpha = np.arange(1, terms + 1) / 2
    beta = 2 * np.pi * 0.618034 * np.arange(1, terms + 1)
    while True:
        x = random.standard_normal((rows, INPUTS), dtype=np.float32)
        v = x @ w.astype(np.float32)  # (B, K)
        sines = np.sin(v[..., None] * alpha + beta).sum(2)
        y = v + sines + noise * random.standard_normal(v.shape)
        yield Batch(x, y.astype(np.float32))


def train(kind: str, batches: Iterator[Batch], steps: int, rate: float) -> torch.nn.Module:
    """Train a new model on the next `steps` batches: Adam, squared errors summed over tasks."""
    model = build_multitask(CONFIGS[kind], SIZES, MultitaskTrainConfig(dropout=0.0))
    adam = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    for x, y in islice(batches, steps):
        errors = predicted(model, x) - torch.from_numpy(y)  # (B, K)
        adam.zero_grad()
        errors.square().mean(0).sum().backward()
        adam.step()
    return model


def predicted(model: torch.nn.Module, x: Floats) -> torch.Tensor:
    """Return the outputs (B, K) for inputs (B, 100): there are no categories."""
    found: torch.Tensor = model(torch.zeros((len(x), 0), dtype=torch.int64), torch.from_numpy(x))
    return found


@torch.no_grad()
def test_loss(model: torch.nn.Module, batches: Iterator[Batch]) -> float:
    """Return the mean squared error of both tasks on the next batches, new to the model."""
    errors = [predicted(model, x) - torch.from_numpy(y) for x, y in batches]
    return float(torch.cat(errors).square().mean())


def loss_of(model: str, p: float, seed: int, options: argparse.Namespace) -> float:
    """Return the test loss of one new run."""
    torch.manual_seed(seed)
    batches = generate(p, options.c, options.terms, options.noise, seed, BATCH)
    trained = train(model, batches, options.steps, options.rate)
    return test_loss(trained, islice(batches, TEST_BATCHES))


def losses(file: Path, keys: Sequence[Key], options: argparse.Namespace) -> dict[Key, float]:
    """Return the loss of every run, reading those already in the file and appending the others.

    Raises SystemExit if the file's runs were made with other options.
    """
    setting = "# " + " ".join(f"{name}={getattr(options, name):g}" for name in SETTING)
    if not file.exists():
        file.write_text(setting + "\n", "utf-8")
    first, *lines = file.read_text("utf-8").splitlines()
    if first != setting:
        raise SystemExit(f"{file}: runs of {first[2:]}, not of {setting[2:]}: name another folder")
    found: dict[Key, float] = {}
    for line in lines:
        model, p, seed, loss = line.split("\t")
        found[model, float(p), int(seed)] = float(loss)
    with file.open("a", encoding="utf-8") as out:
        for key in keys:
            if key not in found:
                found[key] = loss_of(*key, options)
                print(*key, f"{found[key]:.6f}", sep="\t", file=out, flush=True)
    return found


class Interval(NamedTuple):
    """A middle over seeds and its 95 % interval."""

    middle: float
    low: float
    high: float


def mean(values: Values) -> Interval:
    """Return the mean of at least two values (N,); interval by Student's t."""
    middle = float(values.mean())
    half = float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / sqrt(len(values)))
    return Interval(middle, middle - half, middle + half)


def median(values: Values) -> Interval:
    """Return the median of values (N,); interval by order statistics, all values if N < 6."""
    ranked = np.sort(values)
    cut = max(int(binom.ppf(0.025, len(values), 0.5)), 1)
    return Interval(float(np.median(values)), float(ranked[cut - 1]), float(ranked[-cut]))


class Results(NamedTuple):
    """Test losses (M, P, S) of models by p by seed."""

    models: Sequence[str]
    ps: Sequence[float]
    losses: Values

    def of(self, model: str) -> Values:
        """Return the losses (P, S) of a model."""
        found: Values = self.losses[self.models.index(model)]
        return found


def report(results: Results) -> Iterator[str]:
    """Yield the lines of the table: losses, then differences within a seed."""
    yield (
        "what\tp\tmean\tmean low\tmean high\tmedian\tmedian low\tmedian high\tmin\tmax"
        "\tseeds below 0"
    )
    for model in results.models:
        for p, values in zip(results.ps, results.of(model), strict=True):
            yield row(f"loss {model}", p, values, "")
    for model in results.models:
        for p, values in zip(results.ps[1:], results.of(model)[1:], strict=True):
            yield difference(f"rise {model}", p, values - results.of(model)[0])
    last = results.models[-1]
    for other in results.models[:-1]:
        for p, values in zip(results.ps, results.of(last) - results.of(other), strict=True):
            yield difference(f"{last} - {other}", p, values)
    for other in results.models[:-1]:
        for p, values in zip(results.ps, np.log(results.of(last) / results.of(other)), strict=True):
            yield difference(f"log {last} / {other}", p, values)


def row(what: str, p: float, values: Values, below: str) -> str:
    """Return a line of the table."""
    figures = [*mean(values), *median(values), values.min(), values.max()]
    return "\t".join([what, f"{p:g}", *(f"{figure:.4f}" for figure in figures), below])


def difference(what: str, p: float, values: Values) -> str:
    """Return a line of the table about differences within a seed."""
    return row(what, p, values, f"{int((values < 0).sum())}/{len(values)}")


_ENOUGH = 6
"""Of fewer seeds the interval of a median is all of them."""
WIDTH, HEIGHT = 660, 420
LEFT, RIGHT, TOP, BOTTOM = 80, 500, 64, 350  # the plot's corners; the legend stands to its right
LOOKS = {  # colour-blind safe, and told apart by dashes and marks in grey
    "shared-bottom": ("#b3541e", "7 4", "square"),
    "omoe": ("#4d7c3a", "2 3", "diamond"),
    "mmoe": ("#1f5a99", "none", "circle"),
}


class Frame(NamedTuple):
    """Where the values of a chart lie."""

    ps: Sequence[float]
    top: float  # the loss at the upper edge; the lower one is 0
    step: float  # between two ticks

    @classmethod
    def around(cls, ps: Sequence[float], highest: float) -> Frame:
        """Return a frame with four to eight round steps up to the highest value."""
        power = 10.0 ** np.floor(np.log10(highest / 4))
        step = next(s * power for s in (1, 2, 5, 10) if highest / (s * power) <= 8)
        return cls(ps, step * float(np.ceil(highest / step)), step)

    def x(self, place: int, shift: float = 0) -> float:
        """Return the x of a p by its place: p are evenly spread, half a place free at both ends."""
        return LEFT + (place + 0.5) * (RIGHT - LEFT) / len(self.ps) + shift

    def y(self, loss: float) -> float:
        """Return the y of a loss."""
        return BOTTOM - (BOTTOM - TOP) * loss / self.top


def text(x: float, y: float, words: str, more: str = "") -> str:
    """Return a text element."""
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{words}</text>'


def line(x1: float, y1: float, x2: float, y2: float, more: str) -> str:
    """Return a line element."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {more}/>'


def mark(x: float, y: float, shape: str, colour: str) -> str:
    """Return the mark of a median."""
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>'
    turn = f' transform="rotate(45 {x:.1f} {y:.1f})"' if shape == "diamond" else ""
    place = f'x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"'
    return f'<rect {place} fill="{colour}"{turn}/>'


def axes(frame: Frame, noise: float) -> Iterator[str]:
    """Yield the grid, the ticks, the noise floor and the axes' labels."""
    for tick in np.arange(0, frame.top + frame.step / 2, frame.step):
        y = frame.y(float(tick))
        yield line(LEFT, y, RIGHT, y, 'stroke="#ddd"')
        yield text(LEFT - 8, y + 4, f"{tick:.4g}", 'text-anchor="end"')
    for place, p in enumerate(frame.ps):
        yield text(frame.x(place), BOTTOM + 20, f"{p:g}", 'text-anchor="middle"')
    floor = frame.y(noise**2)
    yield line(LEFT, floor, RIGHT, floor, 'stroke="#555" stroke-dasharray="1 3"')
    yield text(RIGHT + 8, floor + 4, f"noise floor {noise**2:g}", 'fill="#555"')
    yield line(LEFT, BOTTOM, RIGHT, BOTTOM, 'stroke="#222"')
    middle, height = (LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2
    label = "p, the cosine of the two tasks' weights (right: less related)"
    yield text(middle, BOTTOM + 44, label, 'text-anchor="middle"')
    turned = f'text-anchor="middle" transform="rotate(-90 24 {height:.1f})"'
    yield text(24, height, "test loss (MSE, mean of both tasks)", turned)


def curve(frame: Frame, model: str, intervals: Sequence[Interval], shift: float) -> Iterator[str]:
    """Yield a model's line with its intervals as bars, moved aside so that bars don't overlap."""
    colour, dashes, shape = LOOKS[model]
    spots = [(frame.x(i, shift), frame.y(at.middle)) for i, at in enumerate(intervals)]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
    stroke = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"'
    yield f'<polyline points="{points}" fill="none" {stroke}/>'
    for (x, y), at in zip(spots, intervals, strict=True):
        low, high = frame.y(max(at.low, 0)), frame.y(at.high)
        yield line(x, low, x, high, f'stroke="{colour}" stroke-width="1.5"')
        for end in (low, high):
            yield line(x - 5, end, x + 5, end, f'stroke="{colour}" stroke-width="1.5"')
        yield mark(x, y, shape, colour)


def legend(models: Sequence[str]) -> Iterator[str]:
    """Yield the names of the lines, beside a piece of each."""
    for place, model in enumerate(models):
        colour, dashes, shape = LOOKS[model]
        x, y = RIGHT + 12, TOP + 14 + 24 * place
        stroke = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"'
        yield line(x, y, x + 34, y, stroke)
        yield mark(x + 17, y, shape, colour)
        yield text(x + 42, y + 4, MODELS[model])


def chart(results: Results, noise: float) -> str:
    """Return the SVG: test loss by p, one line a model."""
    intervals = {m: [median(values) for values in results.of(m)] for m in results.models}
    highest = max(at.high for one in intervals.values() for at in one)
    frame = Frame.around(results.ps, highest)
    seeds = results.losses.shape[2]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="13" role="img">',
        "<title>Test loss by correlation of the tasks</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        text(LEFT, 26, "Test loss by correlation of the tasks", 'font-size="17"'),
        text(
            LEFT,
            46,
            f"median of {seeds} seeds; bars: "
            + ("its 95 % interval" if seeds >= _ENOUGH else "lowest and highest"),
            'fill="#555"',
        ),
        *axes(frame, noise),
    ]
    for place, model in enumerate(results.models):
        parts += curve(frame, model, intervals[model], 14 * (place - (len(results.models) - 1) / 2))
    return "\n".join([*parts, *legend(results.models), "</svg>", ""])


def parser() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    found = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    found.add_argument("out", type=Path, help="folder of the report; one folder a setting")
    found.add_argument("--seeds", type=int, default=20, help="how many runs of each kind, above 1")
    found.add_argument("--ps", type=float, nargs="+", default=[1.0, 0.5, 0.0], help="first: 1")
    found.add_argument("--c", type=float, default=1.0, help="length of the tasks' weights")
    found.add_argument("--terms", type=int, default=4, help="sines in a label")
    found.add_argument("--noise", type=float, default=0.1, help="standard deviation of the noise")
    found.add_argument("--steps", type=int, default=250, help="batches of 256 to train on")
    found.add_argument("--rate", type=float, default=3e-3, help="Adam's learning rate")
    return found


def main() -> None:
    """Train, then write the table and the chart."""
    options = parser().parse_args()
    if options.seeds < 2 or not all(0 <= p <= 1 for p in options.ps):
        raise SystemExit("expected two seeds at least, and every p from 0 to 1.")
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    options.out.mkdir(parents=True, exist_ok=True)
    models, seeds = list(MODELS), range(options.seeds)
    start = time.monotonic()
    keys = [(m, p, seed) for seed, p, m in product(seeds, options.ps, models)]
    found = losses(options.out / "losses.tsv", keys, options)
    values = np.array([[[found[m, p, s] for s in seeds] for p in options.ps] for m in models])
    results = Results(models, options.ps, values)
    table = "\n".join(report(results)) + "\n"
    (options.out / "report.tsv").write_text(table, "utf-8")
    (options.out / "loss.svg").write_text(chart(results, options.noise), "utf-8")
    print(table, f"{time.monotonic() - start:.0f} s", sep="\n")


if __name__ == "__main__":
    main()
