"""`dssm encode`: a text a line in, a vector a line out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from dssmcli.commands.options import (
    CONTEXT,
    FILE,
    model_option,
    parallel,
    quiet_option,
    threads_option,
)
from dssmcli.config import PLAIN, VECTOR_SIDES
from dssmcli.errors import WARNING, counted

if TYPE_CHECKING:
    from dssmcli.data.texts import Shard, TextReader
    from dssmcli.data.tsv import BadRows
    from dssmcli.pace import Pace
    from dssmcli.serving.encoder import Encoder
    from dssmcli.serving.formats import Format
    from dssmcli.serving.output import Block
    from dssmcli.serving.silent_texts import SilentTexts
    from dssmcli.text.limits import Cuts

_FORMATS = ("npy", "f32", "tsv", "jsonl", "parquet")
_BINARY = ("npy", "f32", "parquet")
_REC_SIDES = ("item", "user")
_EPILOG = """\b
Example:
  dssm encode sentences.txt > vecs.npy
  zcat titles.gz | dssm encode - --side title -o titles.npy
  dssm encode --shard 2/8 big.txt -o big-2.npy --resume
  dssm encode -m candidates --side item --format jsonl > items.jsonl
"""


def _shard(_context: click.Context, _option: click.Parameter, value: str | None) -> Shard | None:
    if value is None:
        return None
    from dssmcli.data.texts import Shard

    number, _, parts = value.partition("/")
    if number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts):
        return Shard(int(number), int(parts))
    raise click.BadParameter(f"{value!r}, expected I/N, the I-th of N parts, such as 1/4.")


@click.command(
    "encode", short_help="Turn texts into vectors.", context_settings=CONTEXT, epilog=_EPILOG
)
@click.argument("files", nargs=-1, metavar="[FILE...|-]", type=FILE)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=lambda _context, _option, path: None if path == Path("-") else path,
    help="Write here instead of standard output; the file appears when it is whole.",
)
@click.option("--resume", is_flag=True, help="With -o: go on where an interrupted encode stopped.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(_FORMATS),
    default="npy",
    help="npy: a numpy array. f32: its bytes alone. tsv: D numbers a line. "
    "jsonl, parquet: text and vector.",
)
@click.option(
    "--dtype", type=click.Choice(["float32", "float16"]), default="float32", help="The numbers."
)
@click.option(
    "--shard",
    metavar="I/N",
    callback=_shard,
    help="Encode the I-th of N parts; the N results one after the other are the whole.",
)
@click.option(
    "--side",
    type=click.Choice([*VECTOR_SIDES, *_REC_SIDES]),
    default=PLAIN,
    help="What the texts are. text: vectors of one kind, to compare with each other. query, title: "
    "vectors to compare with those of the other side, as `dssm score` does; they hold what the run "
    "knows of sides (lengths of texts, separate towers). Of a run of candidate generation: item "
    "(FILE holds ids, none stands for all items) or user (FILE holds histories, as for `dssm "
    "recommend`).",
)
@click.option(
    "--bad-rows",
    type=click.Choice(["fail", "zero"]),
    default="fail",
    help="What to do with a line that is not UTF-8: stop, or give it a row of zeros.",
)
@threads_option
@model_option
@quiet_option
def command(
    files: tuple[str, ...],
    output: Path | None,
    resume: bool,
    format_name: str,
    dtype: str,
    shard: Shard | None,
    side: str,
    bad_rows: str,
    threads: int | None,
    model: str | None,
    quiet: bool,
) -> None:
    """Write the vectors of texts, one a line, as rows of length 1.

    Any two can be compared: their inner product is their cosine, 1 for a text beside itself. What a
    run has learned of queries and titles apart is in the vectors of --side query and --side title:
    compare those of one side with those of the other. A run with separate towers has these alone.

    N lines in, N rows out, in the same order. An empty line is a row of zeros. Without FILE, or
    with -, reads standard input.

    Of a run of candidate generation (`dssm train-rec youtube-candidates`) the vectors of items or
    users, --side item or user: the inner product of the two is the score. An item that the run does
    not know is a row of zeros.
    """
    if not files and side != "item" and sys.stdin is not None and sys.stdin.isatty():
        raise click.exceptions.NoArgsIsHelpError(click.get_current_context())
    _look_at(output, format_name)
    if resume and (output is None or (output.exists() and not output.is_file())):
        raise click.UsageError("--resume needs a file to go on with: add -o FILE.")
    if side in _REC_SIDES:
        _refuse(resume=resume, shard=shard is not None)
        _encode_candidates(files, output, format_name, dtype, side, bad_rows, model, quiet)
        return
    from dssmcli.serving.loading import load

    encoder = load(model, **parallel(threads))
    from dssmcli.commands.output import talk
    from dssmcli.data.texts import TextReader
    from dssmcli.data.tsv import STDIN, ZERO_ROWS, BadRows
    from dssmcli.pace import Pace
    from dssmcli.serving.formats import build_format
    from dssmcli.serving.silent_texts import SilentTexts

    form = build_format(format_name, encoder.dim_of(side), dtype)
    skipped = BadRows(bad_rows == "zero", offer=ZERO_ROWS)
    reader = TextReader(files or (STDIN,), skipped, shard)
    work = _Work(encoder, reader, side, Pace(quiet), SilentTexts("text", "rows of zeros"))
    try:
        if output is None or (output.exists() and not output.is_file()):
            rows, cuts = _to_stream(work.blocks(), form, output), encoder.cuts
        else:
            origin = f"{encoder.digest} {side} {format_name} {dtype} {bad_rows} {shard} {files}"
            said = partial(talk, quiet)
            rows, cuts = _to_file(work, form, output, origin, said if resume else None)
    finally:
        work.pace.clear()
    talk(quiet, *(f"{WARNING}{doubt}" for doubt in reader.doubts), work.silent.note)
    _summary(quiet, work, rows, cuts, skipped)


class _Work(NamedTuple):
    """What is encoded, and who watches."""

    encoder: Encoder
    reader: TextReader
    side: str
    pace: Pace
    silent: SilentTexts

    def blocks(self, texts: Iterator[list[str]] | None = None) -> Iterator[Block]:
        """Yield texts, all or the blocks given, and their rows."""
        reader = self.reader
        for block, rows in self.encoder.encode_blocks(texts or reader.blocks(), self.side):
            self.silent.add(block, rows)
            yield block, rows
            self.pace.lines(len(rows), reader.done / reader.total if reader.total else None)


_ENDINGS = {
    ".csv": "tsv",
    ".tsv": "tsv",
    ".txt": "tsv",
    ".f32": "f32",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
"""The formats that go with the ends of names; tsv is the one of texts that tables are read from."""


def _look_at(output: Path | None, format_name: str) -> None:
    """Refuse a terminal for bytes, and warn of a name that says another format than the usual one,
    where none is given."""
    if output is None and format_name in _BINARY and sys.stdout.isatty():
        raise click.UsageError("not writing binary data to a terminal; add -o FILE or > FILE.")
    given = click.get_current_context().get_parameter_source("format_name")
    if output is None or given is not click.core.ParameterSource.DEFAULT:
        return
    ending = output.suffix.lower()
    if ending in _ENDINGS:
        click.echo(
            f"Warning: {output}: a numpy array in spite of its name. What {ending} says is "
            f"written with --format {_ENDINGS[ending]}.",
            err=True,
        )


def _refuse(**given: bool) -> None:
    """Raise a usage error for an option that vectors of items and users do not go with."""
    for name, there in given.items():
        if there:
            raise click.UsageError(f"--{name} is for texts, not for --side item or user.")


def _encode_candidates(
    files: tuple[str, ...],
    output: Path | None,
    format_name: str,
    dtype: str,
    side: str,
    bad_rows: str,
    model: str | None,
    quiet: bool,
) -> None:
    """Write the vectors of items or users of a run of candidate generation."""
    from dssmcli.commands.output import talk
    from dssmcli.data.tsv import STDIN, ZERO_ROWS, BadRows
    from dssmcli.serving.candidates import load_candidates
    from dssmcli.serving.formats import build_format
    from dssmcli.serving.rec_vectors import item_blocks, user_blocks

    candidates = load_candidates(model)
    form = build_format(format_name, candidates.model.width, dtype)
    skipped = BadRows(bad_rows == "zero", offer=ZERO_ROWS)
    said: list[str] = []
    if side == "item":
        blocks = item_blocks(candidates, files, skipped, said.append)
    else:
        blocks = user_blocks(candidates, files or (STDIN,), skipped, said.append)
    _to_stream(blocks, form, output)
    talk(quiet, *said, skipped.summary)


def _to_stream(blocks: Iterator[Block], form: Format, output: Path | None) -> int:
    from dssmcli.atomic import replacing
    from dssmcli.serving.output import can_rewind, write_in_place, write_stream

    if output is not None:
        with replacing(output) as stream:
            return write_stream(stream, blocks, form)
    stdout = sys.stdout.buffer
    if can_rewind(stdout) and form.rewinds:
        return write_in_place(stdout, blocks, form)
    return write_stream(stdout, blocks, form)


def _to_file(
    work: _Work, form: Format, output: Path, origin: str, resumed: Callable[[str], None] | None
) -> tuple[int, Cuts]:
    """Write a file that can be gone on with, and return its rows and what was cut of their texts.

    resumed: where it is gone on with, gets what there is to say of it.
    """
    from dssmcli.serving.output import growing

    with growing(output, origin) as file:
        saved = file.go_on() if resumed else None
        if saved is None or resumed is None:
            file.begin(form)
            rows = file.write(work.blocks(), form, lambda: work.encoder.cuts)
            return rows, work.encoder.cuts
        rest = file.skip(work.reader.blocks())
        resumed(f"Going on after {counted(saved.rows, 'row')}.")
        if not saved.texts:
            resumed(
                f"{WARNING}an older dssm wrote these rows: that their texts are the same as now "
                "was not compared."
            )

        def cuts() -> Cuts:
            return saved.cuts.joined(work.encoder.cuts, saved.rows)

        return file.write(work.blocks(rest), form, cuts), cuts()


def _summary(quiet: bool, work: _Work, rows: int, cuts: Cuts, skipped: BadRows) -> None:
    from dssmcli.commands.output import talk
    from dssmcli.text.limits import cut_note

    said = f"Encoded {counted(rows, 'text')}, {work.pace.speed:,.0f} a second."
    if skipped.count:
        said += f" Rows of zeros for {counted(skipped.count, 'unreadable line')}, the first:"
        said += f" {skipped.first}"
    talk(quiet, said, cut_note(cuts, work.encoder.lookup.max_units))
