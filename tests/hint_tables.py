"""Command lines whose tables, logs or trainings get a hint, and what is given to follow it."""

from __future__ import annotations

from collections.abc import Callable

from hint_lines import LOG, TABLE, WORDS, Hint


def _file(rows: int, **columns: Callable[[int], object]) -> str:
    """Return a table of tabs, each column a function of the row's number."""
    lines = ["\t".join(str(make(i)) for make in columns.values()) for i in range(rows)]
    return "\n".join(["\t".join(columns), *lines]) + "\n"


def _city(i: int) -> str:
    return "abc"[i % 3]


def _bought(i: int) -> int:
    return i * 7 % 5 % 2


def _visits(column: Callable[[int], object], rows: int = 60, name: str = "extra") -> str:
    return _file(rows, city=_city, **{name: column}, bought=_bought)


TRAIN, CHECK = f"train-rec mmoe given.tsv {TABLE}", "check given.tsv"
BOUGHT = "--task bought"
OF_TABLES = (
    *(
        Hint(says, f"{line} {BOUGHT}", then, _visits(make, 300, name), stays=stays)
        for line in (TRAIN, CHECK)
        for says, then, name, make, stays in (
            *(
                (
                    says,
                    then,
                    "extra",
                    lambda i: f"{i % 60} or so" if i % 5 < 2 else f"{i % 83}",
                    then.startswith("--numeric"),
                )
                for says, then in (
                    ("To take these as missing: --numeric", "--numeric 'extra'"),
                    ("if all are words: --categorical", "--categorical 'extra'"),
                )
            ),
            (
                "If they are words: --categorical",
                "--categorical 'extra'",
                "extra",
                lambda i: f"0:{i // 60:02}:{i % 60:02}",
                False,
            ),
            (
                "numbers the rows, so it is left out. To keep it: --numeric",
                "--numeric 'Unnamed: 0'",
                "Unnamed: 0",
                str,
                False,
            ),
            (
                "as an id has, so it is left out. To keep it: --categorical",
                "--categorical 'extra'",
                "extra",
                lambda i: f"x{i}y",
                False,
            ),
            (
                "for its numbers",
                "--numeric 'extra'",
                "extra",
                lambda i: f"n{i}" if i % 2 else i * 7.31,
                False,
            ),
            (
                "as an id has. Unless it measures something: --ignore",
                "--ignore 'extra'",
                "extra",
                lambda i: i * 7919 % 30011,
                False,
            ),
            (
                "of which nothing can be learned for others: --min-count 2",
                "--min-count 2",
                "extra",
                lambda i: 10**17 + i * (i % 5 > 0),
                False,
            ),
            (
                " To take all its texts as categories: --categorical",
                "--categorical 'extra'",
                "extra",
                lambda i: "old" if i == 9 else i % 31 + 0.5,
                False,
            ),
            (
                "numbers of one unit, or leave it out with --ignore",
                "--ignore 'extra'",
                "extra",
                lambda i: f"{i % 9} {'cm' if i % 2 else 'kg'}",
                False,
            ),
        )
    ),
    *(
        Hint(says, f"{line} {wrong}", f"dssm {line} {right}", _visits(_city))
        for line in (TRAIN, CHECK)
        for says, wrong, right in (
            (
                "is named by two of --ignore, --categorical and --numeric.",
                f"{BOUGHT} --ignore city --numeric city",
                f"{BOUGHT} --ignore city",
            ),
            (
                "no row has a number. Leave it out with --ignore",
                f"{BOUGHT} --numeric city",
                f"{BOUGHT} --ignore city",
            ),
            ("--task {}: no such column, found {}.{}", "--task bougt", BOUGHT),
            (
                "--task {}: {}, expected {}.{}",
                "--task bought:regresion",
                "--task bought:regression",
            ),
            ("--task {}: given twice.", f"{BOUGHT} {BOUGHT}", BOUGHT),
            ("Say which values are a 1, as in --task", "--task city", "--task city=a"),
        )
    ),
    *(
        Hint(
            "If it is a 1: --task",
            f"{line} --task extra=Sold",
            "dssm " + line + " --task 'extra=Sold|sold'",
            _visits(lambda i: ("no", "Sold", "sold")[i * 7 % 5 % 3]),
        )
        for line in (TRAIN, CHECK)
    ),
    *(
        Hint(
            "expected 0 and 1. If it is a number to predict: --task",
            f"{line} --task extra",
            f"dssm {line} --task {right}",
            _visits(lambda i: i * 7 % 5),
        )
        for line in (TRAIN, CHECK)
        for right in ("extra:regression", "'extra=3|4'")
    ),
    Hint(
        "if it is not known before the label is, leave it out with --ignore",
        f"{TRAIN} {BOUGHT}",
        "--ignore 'extra'",
        _visits(_bought, 300),
    ),
    Hint(
        "If it is not known before the label is: --ignore",
        f"{CHECK} {BOUGHT}",
        "--ignore 'extra'",
        _visits(lambda i: 10 * _bought(i) + i % 3, 300),
    ),
    Hint(
        "It says little; without it: --ignore",
        f"{CHECK} {BOUGHT}",
        "--ignore 'extra'",
        _visits(lambda i: "" if i % 50 else i % 3, 300),
    ),
    Hint(
        "Little is learned of them; --min-count",
        f"{CHECK} {BOUGHT}",
        "--min-count 5",
        _visits(lambda i: f"x{i}" if i % 2 else "z", 300),
    ),
    Hint(
        "train with --bad-rows skip; --rejects FILE keeps them.",
        f"{CHECK} {BOUGHT}",
        f"dssm {TRAIN} {BOUGHT} --bad-rows skip --rejects bad.tsv",
        _visits(_city) + "a\n",
    ),
    Hint(
        "They are skipped; --rejects FILE keeps them.",
        f"{CHECK} {BOUGHT} --bad-rows skip",
        "~--rejects bad.tsv",
        _visits(_city) + "a\n",
        stays=True,
    ),
)


def _watches(rows: int = 90, **more: Callable[[int], object]) -> str:
    plain: dict[str, Callable[[int], object]] = {
        "user": lambda i: f"u{i % 9}",
        "item": lambda i: f"i{i * 7 % 5}",
    }
    return _file(rows, **{**plain, **more})


def _shows(**more: Callable[[int], object]) -> str:
    plain: dict[str, Callable[[int], object]] = {
        "clicked": lambda i: i * 7 % 5 % 2,
        "watch_time": lambda i: i * 7 % 5 % 2 * (9 + i % 8),
    }
    return _watches(**{**plain, **more})


def _day(i: int) -> str:
    return f"2024-03-{1 + i % 28:02d} 10:00"


def _either(i: int) -> str:
    return f"0{1 + i % 9}/0{1 + i % 7}/2024"


NEXT = f"train-rec youtube-candidates given.tsv --dim 8 {LOG}"
RANK = f"train-rec youtube-ranking given.tsv {LOG}"
ASK = "check given.tsv --as"
FIVE_COLUMNS = _file(60, a=_city, b=_city, c=_city, d=_city, bought=_bought)
OF_LOGS = (
    *(
        Hint("or say it: --dates day-first or --dates month-first.", line, then, text)
        for line, text in (
            (NEXT, _watches(timestamp=_either)),
            (RANK, _shows(timestamp=_either)),
            (f"{ASK} watches", _watches(timestamp=_either)),
            (f"{ASK} impressions", _shows(timestamp=_either)),
        )
        for then in ("--dates month-first",)
    ),
    Hint("Say --timestamp {}", NEXT, "--timestamp 'datum'", _watches(datum=_day)),
    Hint("{} looks like moments: --timestamp {}.", RANK, "--timestamp 'datum'", _shows(datum=_day)),
    *(
        Hint("like moments, too: --timestamp {} to go by", line, "--timestamp 'datum'", text)
        for line, text in (
            (NEXT, _watches(timestamp=str, datum=_day)),
            (RANK, _shows(timestamp=str, datum=_day)),
        )
    ),
    Hint(
        "--timestamp {}, if it says when.",
        f"{ASK} watches",
        "--timestamp 'datum'",
        _watches(datum=_day),
    ),
    Hint(
        "Make sure that each user's come oldest first, or name the column: --timestamp.",
        f"{ASK} watches",
        "~--timestamp day",
        _watches(day=lambda i: i),
    ),
    Hint(
        "--context COLUMN learns from one that is known before a watch.",
        NEXT,
        "~--context device",
        _watches(timestamp=str, device=_city),
    ),
    Hint(
        "--unit {}",
        RANK,
        "--unit ms",
        _shows(timestamp=str, watch_time=lambda i: i * 7 % 5 % 2 * (9000 + i)),
    ),
    Hint(
        "--split time needs a column of timestamps: --timestamp COLUMN.",
        f"{NEXT} --split time",
        "~--timestamp when",
        _watches(when=lambda i: 1700000000 + i * 60),
    ),
    Hint(
        "--example-age needs a column of timestamps: name it with --timestamp COLUMN.",
        f"{NEXT} --example-age",
        "~--timestamp when",
        _watches(when=lambda i: 1700000000 + i * 60),
    ),
    Hint(
        "watches: give a lower --min-count.",
        f"{NEXT} --min-count 99",
        "~--min-count 1",
        _watches(timestamp=str),
    ),
    Hint(
        "leaves out items that are rarer: {} of the {} stay.",
        f"{ASK} watches",
        "--min-count 5",
        _watches(400, timestamp=str, item=lambda i: f"i{i % 5}" if i % 2 else f"r{i}"),
        stays=True,
    ),
    Hint(
        "Nothing can be learned: is --user the right column?",
        f"{ASK} watches --user row",
        "~--user user",
        _watches(timestamp=str, row=str),
    ),
    Hint(
        "Expected both kinds: is --clicked the right column?",
        f"{ASK} impressions --clicked one",
        "~--clicked clicked",
        _shows(timestamp=str, one=lambda _: 1),
    ),
    Hint(
        "Is --watch-time the right column?",
        f"{ASK} impressions --watch-time none",
        "~--watch-time watch_time",
        _shows(timestamp=str, none=lambda _: 0),
    ),
    Hint(
        "If it is known only afterwards: --outcome {}, or --ignore {}.",
        f"{ASK} impressions",
        "--outcome 'liked'",
        _shows(timestamp=str, liked=lambda i: i * 7 % 5 % 2),
    ),
    Hint(
        "If it is known only afterwards: --outcome {}, or --ignore {}.",
        f"{ASK} impressions",
        "--ignore 'liked'",
        _shows(timestamp=str, liked=lambda i: i * 7 % 5 % 2),
    ),
    Hint(
        "to be found from. Give the watches before with --history FILE.",
        "eval -m d/c given.tsv",
        "~--history d/watches.tsv",
        "user\titem\ttimestamp\nu1\ti1\t999\nu2\ti2\t999\n",
    ),
    *(
        Hint(says, "check given.tsv", then, text)
        for says, then, text in (
            (
                "a table: --task COLUMN",
                "~--task bought",
                _file(60, a=_city, b=_city, c=_city, d=_city, bought=_bought),
            ),
            (
                "a log of watches: --as watches, with --user COLUMN --item COLUMN",
                "~--as watches --user who --item what",
                _file(
                    60,
                    who=lambda i: f"u{i % 9}",
                    what=lambda i: f"i{i % 5}",
                    x=_city,
                    y=_city,
                    z=_city,
                ),
            ),
            (
                "a log of impressions: --clicked COLUMN --watch-time COLUMN, with",
                "~--clicked c --watch-time w --user who --item what",
                _file(
                    60,
                    who=lambda i: f"u{i % 9}",
                    what=lambda i: f"i{i % 5}",
                    c=lambda i: i * 7 % 5 % 2,
                    w=lambda i: i * 7 % 5 % 2 * 9.5,
                    timestamp=str,
                ),
            ),
        )
    ),
)
OF_TRAININGS = (
    Hint(
        "Use --device cpu, or install a torch for CUDA.",
        f"train d/pairs.tsv {WORDS} --device cuda",
        "--device cpu",
    ),
    Hint(
        "Give --pieces {} or more.",
        f"train d/pairs.tsv {WORDS} --tokenizer sentencepiece --pieces 2",
        "~--pieces 90",
    ),
)
