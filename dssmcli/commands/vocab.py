"""`dssm vocab`: the features, or the words, that a model of some texts would know."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dssmcli.commands.options import (
    CONTEXT,
    FILE,
    FOLDER,
    bad_rows_options,
    checked_rejects,
    json_option,
    quiet_option,
    refuse_idle,
)
from dssmcli.commands.output import talk, writing
from dssmcli.config import TOKENIZERS, WORDY, TextConfig
from dssmcli.errors import WARNING, ConfigError, counted

if TYPE_CHECKING:
    from dssmcli.text.words import Words
    from dssmcli.training.vocabulary import Counted

_AT_ONCE = 8192
_MOST = (1_000, 10_000)
_EPILOG = """\b
Example:
  dssm vocab --pairs pairs.tsv > vocab.tsv
  dssm vocab --tokenizer jieba --words titles.txt | head
"""


@click.command(
    "vocab",
    short_help="Show or build a vocabulary.",
    context_settings=CONTEXT,
    epilog=_EPILOG,
    no_args_is_help=True,
)
@click.argument("files", nargs=-1, metavar="[TEXTS...|-]", type=FILE)
@click.option("--pairs", is_flag=True, help="TEXTS are files of pairs, as `dssm train` reads them.")
@click.option("--columns", metavar="NAMES", help="With --pairs: what the columns hold.")
@click.option(
    "--header/--no-header",
    "header",
    default=None,
    help="With --pairs: the first line of each file names its columns, or is a row like others.  "
    "[default: as its names tell]",
)
@click.option(
    "--tokenizer",
    type=click.Choice(TOKENIZERS),
    help="How texts become units.  [default: auto]",
)
@click.option(
    "--dictionary",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="jieba: words of your own, `word [frequency] [tag]` a line.",
)
@click.option(
    "--pieces",
    type=click.IntRange(2, 1_000_000),
    help="sentencepiece: pieces that are learned.  [default: 8000]",
)
@click.option(
    "--min-count",
    type=click.IntRange(1),
    default=1,
    help="Only features that stand in the texts so often at least.",
)
@click.option(
    "--fold-chinese/--no-fold-chinese",
    default=True,
    help="Traditional Chinese characters as simplified, as in `dssm train`.",
)
@click.option("--words", is_flag=True, help="The list of words instead (jieba, sentencepiece).")
@click.option(
    "-m", "--model", metavar="DIR", type=FOLDER, help="Show this run's vocabulary; no TEXTS then."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write, whole or not at all.  [default: standard output]",
)
@json_option
@bad_rows_options
@quiet_option
def command(
    files: tuple[str, ...],
    pairs: bool,
    columns: str | None,
    header: bool | None,
    tokenizer: str | None,
    dictionary: Path | None,
    pieces: int | None,
    min_count: int,
    fold_chinese: bool,
    words: bool,
    model: str | None,
    output: Path | None,
    as_json: bool,
    bad_rows: str,
    rejects: Path | None,
    quiet: bool,
) -> None:
    """Print the features of TEXTS (one a line), `feature<TAB>count`, the most frequent first.

    Each distinct text counts once, as in `dssm train`, and what is printed can be its --vocab. With
    --words: the list of words that the run would carry, `word<TAB>score`. With -m: the features or
    the words of a run.
    """
    checked_rejects(bad_rows, rejects, *files)
    if columns is not None and not pairs:
        raise click.UsageError("--columns goes with --pairs.")
    if header is not None and not pairs:
        raise click.UsageError("--header goes with --pairs.")
    if model is not None:
        if files or tokenizer or dictionary or pieces or pairs or min_count > 1:
            raise click.UsageError("-m shows a run as it is: leave out TEXTS and how to read them.")
        refuse_idle("goes with TEXTS, and -m shows a run as it is.", "fold_chinese", "bad_rows")
        _write(_of_run_words(model) if words else _of_run(model), output, as_json)
        return
    if not files:
        raise click.UsageError("Missing argument: TEXTS, - for standard input, or -m RUN.")
    text = TextConfig(tokenizer=tokenizer or "auto", fold_chinese=fold_chinese)
    if words and text.tokenizer not in WORDY:
        raise click.UsageError(f"--words is for {' and '.join(WORDY)}, not for {text.tokenizer}.")
    from dssmcli.data.texts import TextReader
    from dssmcli.data.tsv import BadRows
    from dssmcli.text.tokenizers import normalizer_of
    from dssmcli.training.indexing import indexing_of
    from dssmcli.training.vocabulary import counted_features, lines_of, pair_texts_reader

    skipped = BadRows(bad_rows == "skip", rejects)
    normalizer = normalizer_of(text)
    reader = pair_texts_reader(columns, skipped, normalizer, header)
    texts: Iterable[list[str]] = (rows.normal for rows in reader.columns(files))
    lines = TextReader(files, skipped)
    if not pairs:
        texts = lines_of(lines, normalizer)
    indexing = indexing_of(text, dictionary, pieces, 1, None)
    found = counted_features(texts, indexing, min_count)
    skipped.write_rejects()
    _write(_words(found.words) if found.words and words else _features(found), output, as_json)
    doubts = (f"{WARNING}{doubt}" for doubt in lines.doubts)
    talk(quiet, *reader.reading.headers_lines(), *doubts, skipped.summary, _summary(found))


def _of_run(model: str) -> Iterator[dict[str, object]]:
    from dssmcli.run import TEXT, VOCABULARY, find_run, open_run
    from dssmcli.text.vocab import vocabulary_from_text

    run = open_run(find_run(model))
    run.config_of(TEXT)
    where = str(run.path / VOCABULARY)
    for feature in vocabulary_from_text(run.read_text(VOCABULARY), 1, where).features:
        yield {"feature": feature}


def _of_run_words(model: str) -> Iterator[dict[str, object]]:
    from dssmcli.run import WORDS, find_run, open_run
    from dssmcli.text.words import words_from_text

    run = open_run(find_run(model))
    if WORDS not in run.files:
        raise ConfigError(f"{run.path}: its tokenizer has no list of words. Leave out --words.")
    yield from _words(words_from_text(run.read_text(WORDS), str(run.path / WORDS)))


def _features(found: Counted) -> Iterator[dict[str, object]]:
    for feature, count in found.features.items():
        yield {"feature": feature, "count": count}


def _words(words: Words) -> Iterator[dict[str, object]]:
    """Yield words as a run lists them: first of all the score of a character that is not listed."""
    yield {"word": "", "score": words.unlisted}
    for word, score in zip(words.spellings, words.scores, strict=True):
        yield {"word": word, "score": score}


def _write(entries: Iterator[dict[str, object]], output: Path | None, as_json: bool) -> None:
    lines = (
        json.dumps(entry, ensure_ascii=False) if as_json else "\t".join(map(str, entry.values()))
        for entry in entries
    )
    with writing(output) as write:
        for some in _some(lines):
            write(some)


def _some(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines many at a time: a write for each takes longer than all else."""
    from itertools import islice

    lines = iter(lines)
    while some := list(islice(lines, _AT_ONCE)):
        yield "".join(f"{line}\n" for line in some)


def _summary(found: Counted) -> str:
    listed = f"{len(found.features):,}"
    if len(found.features) < found.all_features:
        listed += f" of {found.all_features:,}"
    covered = ", ".join(
        f"the most frequent {most:,} take {found.coverage(most):.1%}"
        for most in _MOST
        if most < len(found.features)
    )
    return (
        f"{counted(found.texts, 'distinct text')}, {counted(found.units, 'distinct unit')}, "
        f"{listed} features{'; of the text ' if covered else ''}{covered}."
    )
