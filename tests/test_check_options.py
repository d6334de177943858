"""Each option of a training that says how data are read changes what `dssm check` says of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
import pytest
from conftest import Dssm

from dssmcli.cli import dssm as group

ROWS = range(60)
PAIRS = "".join(f"red {i} shoes\tshoes {i % 7} red\n" for i in ROWS)
VALUED = "".join(f"red {i} shoes\tshoes {i % 7} red\t{i % 4}\n" for i in ROWS)
NULLS = "".join(f"red {i} shoes\t{'NULL' if i % 20 == 5 else f'shoes {i % 7}'}\n" for i in ROWS)
BROKEN = PAIRS + "red\n"
TABLE = "y,city,size\n" + "".join(f"{i % 2},{'abcd'[i * 7 % 4]},{i * 37 % 100}\n" for i in ROWS)
NAMES = "who\twhat\tdevice\tsought\tdone\tread\tmark\tlong\tnice\n"
MOMENTS = "".join(
    f"u{i % 5}\ti{i * 7 % 9}\t{'ab'[i % 3 % 2]}\tred {i % 8}\t0{1 + i // 20}/0{2 + i % 3}/2024\t"
    f"{1_700_000_000 + i}\t{i % 3 % 2}\t{i % 3 % 2 * (9 + i % 7)}\t{i % 2}\n"
    for i in ROWS
)
LOG = (NAMES + MOMENTS).replace("who\twhat", "user\titem")
DATED = LOG.replace("\tdone\t", "\ttimestamp\t")
TIMED = LOG.replace("\tread\t", "\ttimestamp\t")
SHOWN = TIMED.replace("\tmark\tlong\t", "\tclicked\twatch_time\t")
OPTIONS: Mapping[str, tuple[str, str, str, str]] = {
    # an option: its words, what the file holds and more words, what the option makes check say, or,
    # behind `-`, say no more
    "--columns": ("--columns query,title,-", VALUED, "", "every row is a click"),
    "--value": ("--value grade", VALUED, "", "grade: the higher"),
    "--header": ("--header", PAIRS, "", "59, and 0 bad rows"),
    "--no-header": ("--no-header", "query\ttitle\n" + PAIRS, "", "61, and 0 bad rows"),
    "--null-texts": ("--null-texts skip", NULLS, "", "57, and 0 bad rows"),
    "--tokenizer": ("--tokenizer char", PAIRS, "", "query units         median 10,"),
    "--max-units": ("--max-units 2", PAIRS, "", "60 (100.0%) longer than 2"),
    "--bad-rows": ("--bad-rows skip", BROKEN, "", "warning  1 × Rows that cannot"),
    "--valid": ("--valid given.tsv", PAIRS, "", "given.tsv, beside given.tsv"),
    "--task": ("--task size:regression", TABLE, "--task y", "task size"),
    "--numeric": ("--numeric city", TABLE, "--task y", "no row has a number"),
    "--categorical": (
        "--categorical size",
        TABLE,
        "--task y",
        "size                categories, 60",
    ),
    "--ignore": ("--ignore city", TABLE, "--task y", "ignored"),
    "--min-count": ("--min-count 16", TABLE, "--task y", "-city alone predicts y"),
    "--user": ("--user who", NAMES + MOMENTS, "--item what", "who                 user;"),
    "--item": ("--item what", NAMES + MOMENTS, "--user who", "what                item;"),
    "--timestamp": ("--timestamp read", LOG, "--as watches", "read                timestamp;"),
    "--dates": ("--dates day-first", DATED, "--as watches", "from                2024-02-01"),
    "--context": ("--context device", TIMED, "--as watches", "device              context;"),
    "--search": ("--search sought", TIMED, "--as watches", "sought              searches;"),
    "--clicked": (
        "--clicked mark",
        TIMED,
        "--as impressions --watch-time long",
        "mark                clicked;",
    ),
    "--watch-time": (
        "--watch-time long",
        TIMED,
        "--as impressions --clicked mark",
        "long                watch time;",
    ),
    "--unit": ("--unit min", SHOWN, "", "median 720 s"),
    "--outcome": ("--outcome nice", SHOWN, "", "nice                outcome;"),
}


@pytest.mark.parametrize("option", OPTIONS)
def test_check_reads_data_as_the_option_says(
    option: str, tmp_path: Path, dssm: Dssm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words, text, more, said = OPTIONS[option]
    Path("given.tsv").write_text(text)
    line = ("check", "given.tsv", *more.split())
    plain, with_it = dssm(*line), dssm(*line, *words.split())
    assert plain.code in (0, 3) and with_it.code in (0, 3), with_it
    gone = said.startswith("-")
    first, then = (with_it, plain) if gone else (plain, with_it)
    assert said.lstrip("-") in then.out and said.lstrip("-") not in first.out, (plain, with_it)


def test_every_option_that_check_shares_with_a_training_is_tried() -> None:
    check = _options("check")
    trained = {*_options("train")}
    context = click.Context(group)
    rec = group.get_command(context, "train-rec")
    assert isinstance(rec, click.Group)
    for name in rec.list_commands(context):
        trained |= {*_options("train-rec", name)}
    assert {*check} & trained - {*OPTIONS} == {"--quiet", "--rejects"}


def test_an_option_that_does_not_go_with_the_data_is_refused(tmp_path: Path, dssm: Dssm) -> None:
    table = tmp_path / "t.csv"
    table.write_text(TABLE)
    done = dssm("check", table, "--task", "y", "--dates", "day-first")
    assert done.code == 2 and "--dates" in done.err, done


def _options(*names: str) -> list[str]:
    """Return the long options of a command."""
    command: click.Command = group
    for name in names:
        assert isinstance(command, click.Group)
        below = command.get_command(click.Context(command), name)
        assert below is not None
        command = below
    words = [each.opts + each.secondary_opts for each in command.params]
    return [word for each in words for word in each if word.startswith("--")]
