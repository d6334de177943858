"""`dssm tokenize`: what the model sees of a text."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from dssmcli.commands.options import CONTEXT, checked_text, json_option, model_option, refuse_idle
from dssmcli.config import TOKENIZERS
from dssmcli.errors import WARNING

if TYPE_CHECKING:
    from dssmcli.text.tokenizers import Lookup

_EPILOG = """\b
Example:
  dssm tokenize --tokenizer auto "iPhone 12 手机壳"
  dssm tokenize - < sentences.txt
"""


@click.command(
    "tokenize",
    short_help="Show what the model sees of a text.",
    context_settings=CONTEXT,
    epilog=_EPILOG,
    no_args_is_help=True,
)
@click.argument("texts", nargs=-1, required=True, metavar="TEXT...|-")
@click.option(
    "--tokenizer",
    type=click.Choice(TOKENIZERS),
    help="Use this tokenizer and the shipped vocabularies instead of a run's.",
)
@click.option(
    "--fold-chinese/--no-fold-chinese",
    default=None,
    help="With --tokenizer: traditional Chinese characters as simplified.  [default: yes]",
)
@json_option
@model_option
def command(
    texts: tuple[str, ...],
    tokenizer: str | None,
    fold_chinese: bool | None,
    as_json: bool,
    model: str | None,
) -> None:
    """Print the units of each TEXT, and the features and ids that describe each unit.

    One line a unit: the unit, its features, their ids. An empty line ends a text. `-` reads a text
    a line from standard input.
    """
    from dssmcli.commands.output import file_doubt, talk
    from dssmcli.data.texts import TextReader
    from dssmcli.data.tsv import STDIN, BadRows
    from dssmcli.text.limits import Cuts, cut_note

    if fold_chinese is not None and tokenizer is None:
        raise click.UsageError("--fold-chinese goes with --tokenizer: a run has its own setting.")
    if tokenizer is not None:
        refuse_idle("has its own tokenizer: give it or --tokenizer.", "model")
    lookup = _of_run(model) if tokenizer is None else _shipped(tokenizer, fold_chinese is not False)
    given: Iterable[str] = (checked_text("text", text) for text in texts)
    lines = TextReader([STDIN], BadRows(offer=""), eager=True)
    if texts == (STDIN,):
        given = (text for block in lines.blocks() for text in block)
    cuts = Cuts()
    for text in given:
        cut = lookup.cut(text)
        described, cuts = lookup.described(cut), cuts.joined(cut.cuts)
        if as_json:
            units = [each._asdict() for each in described]
            click.echo(json.dumps({"text": text, "units": units}, ensure_ascii=False))
            continue
        for each in described:
            ids = " ".join(map(str, each.ids))
            click.echo(f"{each.unit}\t{' '.join(each.features)}\t{ids}")
        click.echo("")
    file = file_doubt(*texts, instead="dssm tokenize - < FILE")
    doubts = (f"{WARNING}{doubt}" for doubt in lines.doubts)
    talk(False, file, *doubts, cut_note(cuts, lookup.max_units))


def _of_run(model: str | None) -> Lookup:
    from dssmcli.serving.loading import load

    return load(model).lookup


def _shipped(tokenizer: str, fold_chinese: bool) -> Lookup:
    """Return a tokenizer as it is before it has seen a log; jieba's has its stock dictionary."""
    from dssmcli.text.tokenizers import Lookup

    if tokenizer == "sentencepiece":
        raise click.UsageError(
            "--tokenizer sentencepiece learns its pieces from a log: name a run with -m instead."
        )
    if tokenizer != "jieba":
        return Lookup.shipped(tokenizer, fold_chinese=fold_chinese)
    from dssmcli.config import TextConfig
    from dssmcli.text.dictionary import stock_dictionary

    words = stock_dictionary(TextConfig(tokenizer, fold_chinese=fold_chinese)).words()
    return Lookup.shipped(tokenizer, words, fold_chinese)
