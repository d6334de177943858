"""A click log simulated from a catalogue of concepts.

A concept is a head (a product or a help question) with one value for each of its slots (colour,
size, payment method ...).  Every head and value has several wordings, some only used in queries,
some only in titles, some in both.  Texts are put together from wordings drawn independently, so
a query and a title that mean the same often share few words.

The simulation shows a ranked list of titles for every query and counts clicks: a title that
agrees with all that the query asks for is clicked often, one that differs in a single slot
seldom, anything else hardly ever, and lower positions less than higher ones.

Only `random.Random.random` is used as the source of chance and no float sums are taken, so the
same catalogue gives the same bytes on every supported Python.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

QUERY, TITLE = "query", "title"
AGREES, NEAR, OTHER = 2, 1, 0

CLICK_RATE = {AGREES: 0.5, NEAR: 0.03, OTHER: 0.008}
POSITION_BIAS = (1.0, 0.85, 0.72, 0.62, 0.54, 0.47, 0.41, 0.36)
RANK_SCORE = {AGREES: 1.0, NEAR: 0.55, OTHER: 0.3}

# How many titles of each grade a held-out query gets: (agreeing, not agreeing).
HELDOUT_SHAPES = ((2, 2), (2, 3), (3, 2), (3, 3), (3, 4), (4, 3), (4, 4))


@dataclass(frozen=True)
class Wording:
    """The ways to say one thing in a query and in a title."""

    query: tuple[str, ...]
    title: tuple[str, ...]

    def side(self, side: str) -> tuple[str, ...]:
        """Return the wordings of one side, `QUERY` or `TITLE`."""
        return self.query if side == QUERY else self.title


@dataclass(frozen=True)
class Slot:
    """One thing that can vary about a head.

    `absent` words a slot that a query leaves open; `after` puts the value behind the head.
    """

    values: Mapping[str, Wording]
    absent: tuple[str, ...] = ("",)
    after: bool = False


@dataclass(frozen=True)
class Head:
    """A product or a help question: its wordings and the values each slot may take."""

    name: str
    family: str
    words: Wording
    choices: Mapping[str, tuple[str, ...]]
    tags: tuple[str, ...] = ("",)


@dataclass(frozen=True)
class Concept:
    """A head with slot values; a query's concept may leave slots out."""

    head: str
    values: tuple[tuple[str, str], ...]

    def value(self, slot: str) -> str | None:
        """Return the value of a slot, or None where it is left open."""
        return dict(self.values).get(slot)


@dataclass(frozen=True)
class Text:
    """A written query or title, what it means and the wordings it was made of."""

    text: str
    concept: Concept
    forms: tuple[str, ...]


@dataclass(frozen=True)
class Catalogue:
    """All word lists of one language and how texts are finished."""

    heads: tuple[Head, ...]
    slots: Mapping[str, Slot]
    carriers: Mapping[str, Wording]
    brands: tuple[str, ...]
    fillers: tuple[str, ...]
    gap: str
    finish: Callable[[str, str, str], str]
    typo_rate: float = 0.0
    branded: tuple[str, ...] = ("brand", "model")

    def head(self, name: str) -> Head:
        """Return the head of that name."""
        return next(head for head in self.heads if head.name == name)


@dataclass(frozen=True)
class Plan:
    """The sizes of a simulated log."""

    seed: int
    queries: int
    heldout_queries: int
    concepts_per_head: int = 10
    busiest: int = 1500


@dataclass
class Log:
    """What a simulation produced."""

    clicks: list[tuple[str, str, int]] = field(default_factory=list)
    heldout: list[tuple[str, str, int]] = field(default_factory=list)


class Dice:
    """Seeded choices that depend on `Random.random` alone."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def below(self, count: int) -> int:
        """Return an integer in [0, count)."""
        return int(self._random() * count)

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return self._random() < probability

    def jitter(self) -> float:
        """Return a number in [0, 1)."""
        return self._random()

    def pick(self, items: Sequence[T]) -> T:
        """Return one of the items."""
        return items[self.below(len(items))]

    def shuffled(self, items: Iterable[T]) -> list[T]:
        """Return the items in random order."""
        rest = list(items)
        for last in range(len(rest) - 1, 0, -1):
            other = self.below(last + 1)
            rest[last], rest[other] = rest[other], rest[last]
        return rest


def wordings(text: str) -> tuple[str, ...]:
    """Split a comma-separated list."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def table(text: str) -> list[list[str]]:
    """Split a table of `|`-separated cells, one row a line; blank lines are skipped."""
    lines = [line for line in text.splitlines() if line.strip()]
    return [[cell.strip() for cell in line.split("|")] for line in lines]


def slot(text: str, absent: tuple[str, ...] = ("",), after: bool = False) -> Slot:
    """Read a slot from rows `value | query wordings | title wordings`."""
    values = {name: Wording(wordings(asked), wordings(sold)) for name, asked, sold in table(text)}
    return Slot(values, absent, after)


def choices(text: str) -> dict[str, tuple[str, ...]]:
    """Read `slot: value value; slot: value value`."""
    pairs = (part.split(":") for part in text.split(";") if part.strip())
    return {name.strip(): tuple(values.split()) for name, values in pairs}


def products(family: str, text: str) -> tuple[Head, ...]:
    """Read heads from pairs of lines.

    The first is `name | query wordings | title wordings`, the second `tags | slot: values; ...`.
    """
    rows = table(text)
    return tuple(
        Head(name, family, Wording(wordings(asked), wordings(sold)), choices(take), wordings(tags))
        for (name, asked, sold), (tags, take) in zip(rows[::2], rows[1::2], strict=True)
    )


def questions(family: str, text: str) -> tuple[Head, ...]:
    """Read heads from blocks of four lines: name, `slot: values`, query and title wordings.

    Wordings are separated by commas and name their slots in braces.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    blocks = [lines[start : start + 4] for start in range(0, len(lines), 4)]
    return tuple(
        Head(name, family, Wording(wordings(asked), wordings(sold)), choices(take))
        for name, take, asked, sold in blocks
    )


def concepts_of(head: Head) -> list[Concept]:
    """Return every combination of the values a head may take."""
    combinations: list[tuple[tuple[str, str], ...]] = [()]
    for name, values in head.choices.items():
        combinations = [(*done, (name, value)) for done in combinations for value in values]
    return [Concept(head.name, values) for values in combinations]


def agreement(query: Concept, title: Concept) -> int:
    """Grade a title for a query: `AGREES`, `NEAR` (one slot differs) or `OTHER`."""
    if query.head != title.head:
        return OTHER
    differing = len([name for name, value in query.values if title.value(name) != value])
    return (AGREES, NEAR)[differing] if differing < 2 else OTHER


def join(parts: Sequence[str], gap: str) -> str:
    """Join parts; where the gap is empty, Latin letters and digits are still kept apart."""
    line = ""
    for part in parts:
        touching = line[-1:].isascii() and line[-1:].isalnum() and part[:1].isascii()
        between = " " if touching and part[:1].isalnum() else gap
        line = part if not line else line + between + part if part else line
    return line


class Writer:
    """Writes queries and titles for concepts of a catalogue."""

    def __init__(self, catalogue: Catalogue, dice: Dice) -> None:
        self.catalogue = catalogue
        self.dice = dice

    def write(self, side: str, concept: Concept) -> Text:
        """Put one text together from wordings drawn independently."""
        dice, head = self.dice, self.catalogue.head(concept.head)
        carrier = dice.pick(self.catalogue.carriers[head.family].side(side))
        chosen = self._slots(side, concept, head)
        parts = dict(chosen, head=dice.pick(head.words.side(side)))
        for name in ("before", "after"):
            parts[name] = self._attributes(chosen, after=name == "after")
        parts["brand"] = "" if self._branded(head) else dice.pick(self.catalogue.brands)
        parts["tag"] = dice.pick(head.tags)
        parts["filler"] = dice.pick(self.catalogue.fillers)
        text = self._fill(carrier, parts)
        used = [name for name in ("head", "brand", "tag", "filler") if "{" + name in carrier]
        forms = [f"carrier={carrier}"]
        forms += [f"{name}={parts[name]}" for name in (*used, *chosen) if parts[name]]
        return Text(self.catalogue.finish(side, head.family, text), concept, tuple(forms))

    def _slots(self, side: str, concept: Concept, head: Head) -> dict[str, str]:
        """Choose a wording for every slot of the head."""
        chosen = {}
        for name in head.choices:
            spec, value = self.catalogue.slots[name], concept.value(name)
            chosen[name] = self.dice.pick(spec.values[value].side(side) if value else spec.absent)
        return chosen

    def _attributes(self, chosen: Mapping[str, str], after: bool) -> str:
        """Join the slot wordings that stand on one side of the head."""
        slots = self.catalogue.slots
        return join(
            [chosen[name] for name in chosen if slots[name].after == after], self.catalogue.gap
        )

    def _branded(self, head: Head) -> bool:
        """Tell whether the head names a brand of its own."""
        return any(name in self.catalogue.branded for name in head.choices)

    def _fill(self, carrier: str, parts: Mapping[str, str]) -> str:
        """Fill the carrier, whose head may itself name slots, and tidy the spaces."""
        pieces = [piece for piece in re.split(r"(\{\w+\})", carrier) if piece]
        filled = [parts[piece[1:-1]] if piece[0] == "{" else piece for piece in pieces]
        line = join([piece for piece in filled if piece], "")
        for name, words in parts.items():
            line = line.replace("{" + name + "}", words)
        return re.sub(r" +", " ", line).strip()

    def fresh(
        self, side: str, concept: Concept, taken: set[str], known: Counter[str] | None = None
    ) -> Text | None:
        """Write a text not yet in `taken`, of known forms only; None if none was found."""
        for _ in range(40):
            text = self.write(side, concept)
            usual = known is None or all(known[form] > 1 for form in text.forms)
            if text.text not in taken and usual:
                taken.add(text.text)
                return text
        return None


def misspell(text: str, dice: Dice) -> str:
    """Swap two inner letters of one longer word, or drop one."""
    words = text.split(" ")
    longer = [place for place, word in enumerate(words) if len(word) > 5 and word.isalpha()]
    if not longer:
        return text
    place = dice.pick(longer)
    word = words[place]
    at = 1 + dice.below(len(word) - 3)
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    words[place] = swapped if dice.chance(0.5) else word[:at] + word[at + 1 :]
    return " ".join(words)


class Simulation:
    """One run: a shop's titles, its visitors' queries, their clicks, and a held-out set."""

    def __init__(self, catalogue: Catalogue, plan: Plan) -> None:
        self.catalogue = catalogue
        self.plan = plan
        self.dice = Dice(plan.seed)
        self.writer = Writer(catalogue, self.dice)
        self.seen: list[Concept] = []
        self.unseen: list[Concept] = []
        self.taken: dict[str, set[str]] = {QUERY: set(), TITLE: set()}
        self.known: dict[str, Counter[str]] = {QUERY: Counter(), TITLE: Counter()}
        self.log = Log()

    def run(self) -> Log:
        """Simulate the click log, then draw the held-out set from what is left."""
        self._divide()
        titles = self._titles()
        queries = self._queries()
        for rank, query in enumerate(queries):
            volume = 6 + self.plan.busiest // (rank + 3)
            self._visit(query, titles, volume)
        self.log.clicks = self._mixed(self.log.clicks)
        self._hold_out()
        return self.log

    def _divide(self) -> None:
        """Keep some value combinations of every head out of the click log."""
        for head in self.catalogue.heads:
            found = self.dice.shuffled(concepts_of(head))
            kept = max(1, len(found) // 5) if len(found) > 2 else 0
            self.unseen += found[:kept]
            self.seen += found[kept : kept + self.plan.concepts_per_head]

    def _titles(self) -> list[Text]:
        """Write one to three titles for every concept of the shop."""
        written = []
        for concept in self.seen:
            for _ in range(1 + self.dice.below(3)):
                written.append(self.writer.fresh(TITLE, concept, self.taken[TITLE]))
        return [text for text in written if text]

    def _open(self, concept: Concept) -> Concept:
        """Leave some slots of a concept open, as short queries do."""
        keep = 0.72 if len(concept.values) > 1 else 0.92
        return Concept(concept.head, tuple(v for v in concept.values if self.dice.chance(keep)))

    def _queries(self) -> list[Text]:
        """Write the log's queries, roughly the broadest first (they are asked most)."""
        written: list[Text] = []
        while len(written) < self.plan.queries:
            asked = self._open(self.dice.pick(self.seen))
            query = self.writer.fresh(QUERY, asked, self.taken[QUERY])
            if query:
                written.append(self._typed(query))
        breadth = [(len(q.concept.values) + 2.0 * self.dice.jitter(), q.text) for q in written]
        order = sorted(range(len(written)), key=lambda place: breadth[place])
        return [written[place] for place in order]

    def _typed(self, query: Text) -> Text:
        """Make an occasional typing error."""
        if not self.dice.chance(self.catalogue.typo_rate):
            return query
        typed = misspell(query.text, self.dice)
        if typed in self.taken[QUERY]:
            return query
        self.taken[QUERY].add(typed)
        return Text(typed, query.concept, query.forms)

    def _shown(self, query: Text, titles: Sequence[Text]) -> list[Text]:
        """Choose the result list: mostly good titles, some near ones, a stray one."""
        graded: dict[int, list[Text]] = {AGREES: [], NEAR: [], OTHER: []}
        for title in self.dice.shuffled(titles):
            graded[agreement(query.concept, title.concept)].append(title)
        shown = graded[AGREES][: 3 + self.dice.below(2)]
        shown += graded[NEAR][: self.dice.below(2)]
        shown += graded[OTHER][: self.dice.below(2)]
        scored = [
            (-RANK_SCORE[agreement(query.concept, title.concept)] - 0.5 * self.dice.jitter(), place)
            for place, title in enumerate(shown)
        ]
        return [shown[place] for _, place in sorted(scored)][: len(POSITION_BIAS)]

    def _visit(self, query: Text, titles: Sequence[Text], volume: int) -> None:
        """Count the clicks that `volume` visitors with one query make."""
        for place, title in enumerate(self._shown(query, titles)):
            rate = CLICK_RATE[agreement(query.concept, title.concept)] * POSITION_BIAS[place]
            clicks = len([1 for _ in range(volume) if self.dice.chance(rate)])
            self.log.clicks.append((query.text, title.text, clicks))
            if clicks and agreement(query.concept, title.concept) == AGREES:
                self.known[QUERY].update(query.forms)
                self.known[TITLE].update(title.forms)

    def _mixed(self, rows: Sequence[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
        """Put the queries in random order, each with its titles together."""
        groups: dict[str, list[tuple[str, str, int]]] = {}
        for row in rows:
            groups.setdefault(row[0], []).append(row)
        return [row for text in self.dice.shuffled(groups) for row in groups[text]]

    def _hold_out(self) -> None:
        """Write new queries, two in three for combinations the log never showed."""
        everything = self.seen + self.unseen
        asked = 0
        while asked < self.plan.heldout_queries:
            pool = self.unseen if self.dice.chance(0.67) else self.seen
            concept = self.dice.pick(pool)
            query = self.writer.fresh(QUERY, concept, self.taken[QUERY], self.known[QUERY])
            rows = self._judged(query, everything) if query else []
            asked += 1 if rows else 0
            self.log.heldout += rows

    def _judged(self, query: Text, everything: Sequence[Concept]) -> list[tuple[str, str, int]]:
        """Write new titles for a held-out query, with labels; empty if one was not found."""
        good, bad = self.dice.pick(HELDOUT_SHAPES)
        wanted = [query.concept] * good + self._confusing(query.concept, everything, bad)
        rows = []
        for concept in wanted:
            title = self.writer.fresh(TITLE, concept, self.taken[TITLE], self.known[TITLE])
            if title is None:
                return []
            rows.append((query.text, title.text, int(concept == query.concept)))
        return self.dice.shuffled(rows)

    def _confusing(
        self, asked: Concept, everything: Sequence[Concept], count: int
    ) -> list[Concept]:
        """Choose other concepts: one slot differs, another head with a like value, any."""
        family = self.catalogue.head(asked.head).family
        near = [other for other in everything if agreement(asked, other) == NEAR]
        alike = [
            other
            for other in everything
            if other.head != asked.head
            and self.catalogue.head(other.head).family == family
            and set(other.values) & set(asked.values)
        ]
        far = [other for other in everything if other.head != asked.head]
        pools = (near, alike or far, near, far)
        return [self.dice.pick(pools[place % 4] or far) for place in range(count)]


def tsv(header: Sequence[str], rows: Iterable[tuple[str, str, int]]) -> bytes:
    """Return a table as UTF-8 bytes: a header line, then a line a row."""
    lines = ["\t".join(header)] + [f"{query}\t{title}\t{count}" for query, title, count in rows]
    return ("\n".join(lines) + "\n").encode("utf-8")


def main(catalogue: Catalogue, plan: Plan, folder: Path) -> int:
    """Write the two files into a folder, or with `--check` compare them; return the status."""
    parser = argparse.ArgumentParser(description="Generate this example's click log.")
    parser.add_argument("--out", type=Path, default=folder, help="folder to write into")
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit 1 if the files differ from what would be written",
    )
    options = parser.parse_args()
    log = Simulation(catalogue, plan).run()
    files = {
        "clicks.tsv": tsv(("query", "title", "clicks"), log.clicks),
        "heldout.tsv": tsv(("query", "title", "label"), log.heldout),
    }
    status = 0
    for name, content in files.items():
        path: Path = options.out / name
        if not options.check:
            path.write_bytes(content)
        elif not path.is_file() or path.read_bytes() != content:
            print(f"{path} differs from what this program writes", file=sys.stderr)
            status = 1
    return status
