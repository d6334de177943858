"""What of a check-up somebody should know, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dssmcli.data.baseline import Baseline
from dssmcli.data.damage import decoding, said
from dssmcli.data.doctor import Checkup, Examined, Figures, Group
from dssmcli.data.grade_scales import other_scale
from dssmcli.data.id_texts import WHAT_TO_DO, few_texts
from dssmcli.data.located import Located
from dssmcli.data.overlap import Overlap
from dssmcli.data.survey import TOP
from dssmcli.errors import shown
from dssmcli.text.limits import MOST_UNITS
from dssmcli.text.units import MAX_UNIT_CHARS

ERROR, WARNING, NOTE = "error", "warning", "note"
LEVELS = (ERROR, WARNING, NOTE)

_FEW_MATCHES = 20
_AGAINST = 0.2
"""A rank correlation below minus this is hardly chance."""
_FEW_ROWS = 100
_MANY_REPEATED = 0.05
_MANY_UNKNOWN, _SOME_UNKNOWN = 0.1, 0.01
_MANY_TRUNCATED = 0.01
_TOP_HEAVY = 0.5
_MOST_OF = 0.5

_WORDS = {
    "unreadable": ("{problem}", "Mend or replace the file: nothing after that was looked at."),
    "bad_rows": (
        "Rows that cannot be used.",
        "Mend them, or train with --bad-rows skip; --rejects FILE keeps them.",
    ),
    "columns_unclear": ("Line {problem}", "Nothing can be learned from such rows."),
    "other_format": ("No row of columns. {problem}", "Then check what comes out."),
    "impressions_unclear": ("{problem}", "Say what the column is, as above."),
    "header_like": (
        "The first line looks like a header and is read as a row.",
        "If it is one, say --header; if not, --no-header.",
    ),
    "repeated_header": (
        "The header stands again further down, {where}.",
        "It is no row, and left out.",
    ),
    "header_names": ("{told}", "Say --columns if the columns hold something else."),
    "values_spelled": ("{told}", "Nothing, if that is what they mean."),
    "missing_texts": (
        "texts that may mean that there is none: {told}.",
        "They are texts like any other; train with --null-texts skip to leave the rows out.",
    ),
    "missing_left_out": (
        "rows with texts that may mean that there is none are left out: {told}.",
        "To learn from them: --null-texts keep.",
    ),
    "spreadsheet": (
        "Lines with what a spreadsheet makes of long numbers or formulas: {example}.",
        "Export the texts anew, as text.",
    ),
    "encoding": (
        "Lines with characters of a wrong encoding: {example}.",
        "Export the texts anew as UTF-8: such texts match nothing.",
    ),
    "html": (
        "Lines with entities or tags of HTML: {example}.",
        "They count as characters like others: take them out.",
    ),
    "escapes": (
        "Lines with characters written as escapes: {example}.",
        "They match no plain text. {decoding}",
    ),
    "quotes": (
        "Lines with quotes around a whole field: {example}.",
        "Nothing is quoted here, so they are part of the text: write the file without them.",
    ),
    "no_rows": ("No row can be used.", "Expected query<TAB>title[<TAB>value] on each line."),
    "values_unclear": ("{problem}", "Say what the values are, as above."),
    "one_grade": ("Every grade is {grade:g}.", "Nothing can be told apart: give other grades."),
    "no_match": ("No row is a match.", "Add rows that are: others alone teach nothing."),
    "one_class": (
        "Every label is 1.",
        "Add rows labelled 0; if every row is a click, leave the column out (two columns).",
    ),
    "id_texts": ("{what}.", WHAT_TO_DO),
    "few_texts": ("Rows in which there is only {what}.", "Hardly anything can be learned."),
    "one_row": ("There is only one row.", "Give more rows, with other titles."),
    "identical_rows": ("All rows are the same pair.", "Give different pairs."),
    "same_title": (
        "All rows have the same title.",
        "No title can stand as a negative: give rows with other titles.",
    ),
    "no_units": (
        "Every row has a text without a letter, digit or symbol.",
        "Give texts that have some.",
    ),
    "few_rows": ("Few rows to learn from.", "Expect little of the model."),
    "few_matches": (
        "Few rows are matches.",
        "Expect little of the model and of its threshold.",
    ),
    "click_rates": (
        "Rows with a number of clicks that is not whole.",
        "Clicks are counts; if these are rates or scores: --value grade.",
    ),
    "reversed": (
        "Words in common speak against a match ({metric} {value:.2f} of TF-IDF).",
        "If low values are good, as ranks are, turn them round.",
    ),
    "long_words": (
        "texts with a word of more than {most} characters.",
        "Of such a word only the beginning is read.",
    ),
    "contradictions": (
        "{what}.",
        "Look at the examples; keep one row of each pair, or none.",
    ),
    "mixed_clicks": (
        "Pairs with clicks in one row and none in another.",
        "If the rows are one log's, add up the clicks of each pair.",
    ),
    "repeated_rows": (
        "Rows whose pair and value stand above already.",
        "They weigh more in training: keep one of each, or add up their clicks.",
    ),
    "swapped_pairs": (
        "Pairs that stand the other way round, too.",
        "Keep both on one side when you split: to a shared tower they are one.",
    ),
    "self_no_match": (
        "Rows whose query is their title, yet no match.",
        "No model can learn them: mend or drop them.",
    ),
    "self_match": (
        "Rows whose query is their title.",
        "They match anyway and teach nothing.",
    ),
    "frequent_queries": (
        "queries take {share:.1%} of the rows.",
        "Keep fewer rows of them, or they decide what is learned.",
    ),
    "queries_without_match": (
        "Queries without a match: {share:.1%} of all.",
        "Their rows are negatives only: nothing is learned of what does match them.",
    ),
    "truncated": (
        "{role} longer than {most} units.",
        "The rest is not read; to read {share} of them whole, train with --max-units {enough}.",
    ),
    "empty": (
        "{role} without a letter, digit or symbol.",
        "Their cosine with anything is 0: drop the rows.",
    ),
    "tokenizer": (
        "texts are in {script}, which --tokenizer {tokenizer} is not made for.",
        "Try {suited}.",
    ),
    "unknown_features": (
        "features, or {share:.1%} of the text, have no row of their own in the run.",
        "They share rows with others; with many, train anew on these texts.",
    ),
    "shared_pairs": (
        "Pairs ({share:.1%}) that stand in {other}, too.",
        "Figures on them are too good: hold whole queries out.",
    ),
    "shared_queries": (
        "Queries ({share:.1%}) that stand in {other}, too.",
        "Figures on them are too good: hold whole queries out.",
    ),
    "unseen_units": (
        "distinct units, or {share:.1%} of the text, that are not in {other}.",
        "A model knows them by their letters only, or not at all.",
    ),
}
_OPPOSITES = {
    "label": "Pairs that are a match in one row and none in another",
    "grade": "Pairs whose grades differ by more than half of the range",
}


@dataclass(frozen=True)
class Finding:
    """Something found in a file, or in all of one role: `code` names it for programs.

    place: where the first one stands, as file:line, empty where nobody can tell.
    """

    level: str
    code: str
    count: int
    what: str
    todo: str
    file: str = ""
    place: str = ""


def parted(text: str) -> tuple[str, str]:
    """Return the first sentence of what a training says, and what is left of it: what to do."""
    what, _, todo = text.partition(". ")
    return f"{what.removesuffix('.')}.", todo


def findings_of(checkup: Checkup) -> list[Finding]:
    """Return everything worth saying, errors first."""
    found: list[Finding] = []
    for file in checkup.files:
        found += _named(file.rows.file, _of_file(file, checkup))
    for group in checkup.groups:
        found += _named(group.rows.file, _of_group(group))
    found += _of_scales(checkup.files)
    for overlap in checkup.overlaps:
        found += _named(overlap.file, _of_overlap(overlap))
    names = ", ".join(file.rows.file for file in checkup.files)
    long = _found(NOTE, "long_words", checkup.long_words, most=MAX_UNIT_CHARS)
    found += _named(names, iter([long]))
    return sorted(found, key=lambda each: LEVELS.index(each.level))


def _of_scales(files: Sequence[Examined]) -> Iterator[Finding]:
    """Yield files whose grades are on another scale than those of the other files to train on."""
    graded = [each for each in files if each.meaning.kind == "grade"]
    train = [each for each in graded if each.role == "train"]
    for file in graded if len(train) > 2 else [each for each in graded if each != graded[0]]:
        others = [each.rows.value for each in train if each is not file]
        if others and other_scale(file.rows.value, np.concatenate(others)):
            high, other = float(file.rows.value.max()), max(float(each.max()) for each in others)
            what = f"Grades up to {high:g}, in the other files up to {other:g}."
            todo = "If it is another scale, write it alike in all files."
            yield Finding(WARNING, "other_unit", len(file.rows), what, todo, file.rows.file)


def _named(file: str, found: Iterator[Finding]) -> Iterator[Finding]:
    return (replace(each, file=file) for each in found if each.count)


def _found(level: str, code: str, count: int, **details: object) -> Finding:
    """Return a finding in words; it is none if the count is 0."""
    what, todo = (words.format(**details) for words in _WORDS[code])
    return Finding(level, code, count, what, todo)


def _of_group(group: Group) -> Iterator[Finding]:
    """Yield whether a training could learn from, or be measured on, these rows."""
    rows, kind, size = group.rows, group.meaning.kind, len(group.rows)
    if not size:
        yield _found(ERROR, "no_rows", int(rows.broken is None))
    elif group.meaning.problem is not None:
        problem = group.meaning.problem.removeprefix(f"{rows.file}: ")
        yield _found(ERROR, "values_unclear", size, problem=problem[:1].upper() + problem[1:])
    elif kind == "grade" and (rows.value == rows.value[0]).all():
        yield _found(ERROR, "one_grade", size, grade=rows.value[0])
    elif not group.matches:
        yield _found(ERROR, "no_match", size)
    elif kind == "label" and group.matches == size:
        yield _found(ERROR, "one_class", size)
    if size:
        yield from _of_variety(group)


def _of_variety(group: Group) -> Iterator[Finding]:
    rows, size = group.rows, len(group.rows)
    same_query, same_title = (bool((each == each[0]).all()) for each in (rows.query, rows.title))
    if group.role == "train" and size == 1:
        yield _found(ERROR, "one_row", size)
    elif same_query and same_title and size > 1:
        yield _found(ERROR, "identical_rows", size)
    elif group.role == "train" and same_title:
        yield _found(ERROR, "same_title", size)
    if (few := few_texts(rows.query, rows.title)) is not None and not same_title:
        yield _found(WARNING, "few_texts", size, what=few)
    if group.empty_rows == size:
        yield _found(ERROR, "no_units", size)
    elif group.role == "train" and size < _FEW_ROWS:
        yield _found(WARNING, "few_rows", size)
    elif group.role == "train" and 0 < group.matches < _FEW_MATCHES:
        yield _found(WARNING, "few_matches", group.matches)
    if group.meaning.kind == "clicks":
        yield _found(WARNING, "click_rates", int((rows.value % 1 > 0).sum()))


def _of_file(file: Examined, checkup: Checkup) -> Iterator[Finding]:
    rows = file.rows
    problem = rows.reading.columns_problem
    if problem is not None:
        problem = problem.removeprefix(f"{rows.file}:")
        level = ERROR if rows.broken else WARNING
        yield _found(level, "columns_unclear", 1, problem=problem)
    else:
        yield _found(ERROR, "unreadable", int(rows.broken is not None), problem=rows.broken)
    yield _found(WARNING if checkup.request.skip else ERROR, "bad_rows", rows.bad)
    yield from _of_reading(rows)
    if file.figures is None:
        return
    yield from _of_repeats(file, file.figures)
    yield from _of_baseline(file.figures.baseline)
    for ids in file.figures.ids:
        yield _found(WARNING, "id_texts", ids.ids, what=f"{ids.what[0].upper()}{ids.what[1:]}")
    yield from _of_queries(file.meaning.kind, file.figures)
    yield from _of_texts(file.figures, checkup.request.lookup.max_units)
    suited, tokenizer = file.figures.suited, checkup.request.tokenizer
    if tokenizer not in suited.tokenizers:
        texts = file.figures.query.lengths.of + file.figures.title.lengths.of
        found = {"script": suited.script, "suited": " or ".join(suited.tokenizers[:2])}
        yield _found(NOTE, "tokenizer", texts, tokenizer=tokenizer, **found)
    unknown = file.figures.unknown
    if unknown is not None and unknown.share >= _SOME_UNKNOWN:
        level = WARNING if unknown.share >= _MANY_UNKNOWN else NOTE
        yield _found(level, "unknown_features", unknown.features, share=unknown.share)


def _of_baseline(baseline: Baseline | None) -> Iterator[Finding]:
    """Yield whether values go against what words say."""
    if baseline is None or baseline.rows < _FEW_ROWS:
        return
    low = -_AGAINST if baseline.metric == "spearman" else 0.5 - _AGAINST / 2
    if baseline.value < low:
        details = {"metric": baseline.metric, "value": baseline.value}
        yield _found(WARNING, "reversed", baseline.rows, **details)


def _of_reading(rows: Located) -> Iterator[Finding]:
    """Yield what was taken for what when the file was read, and what programs did to its texts."""
    reading, damage = rows.reading, rows.damage
    other, problem = reading.other_format, rows.problem
    yield _found(ERROR, "other_format", int(other is not None), problem=other)
    yield _found(ERROR, "impressions_unclear", int(problem is not None), problem=problem)
    yield _found(WARNING, "header_like", len(reading.suspects))
    for told in reading.headers:
        yield _found(NOTE, "header_names", 1, told=told)
    places = [f"line {place.rpartition(':')[2]}" for place in reading.repeated_places]
    yield _found(NOTE, "repeated_header", reading.repeated, where=", ".join(places))
    for told in reading.spellings.lines():
        yield _found(NOTE, "values_spelled", 1, told=told)
    listed = ", ".join(f"{shown(text)} ({n:,})" for text, n in reading.missing.most_common(5))
    if reading.skipped_missing:
        yield _found(NOTE, "missing_left_out", reading.skipped_missing, told=listed)
    else:
        yield _found(WARNING, "missing_texts", reading.missing.total(), told=listed)
    for name, found in damage.items():
        level = WARNING if name in ("spreadsheet", "encoding", "escapes") else NOTE
        details = {"example": said(found), "decoding": decoding(found.example)}
        yield _found(level, name, found.lines, **details)


def _of_repeats(file: Examined, figures: Figures) -> Iterator[Finding]:
    found = figures.repeats
    many = found.same_value >= _MANY_REPEATED * len(file.rows)
    what = _OPPOSITES.get(file.meaning.kind or "", "")
    yield _found(WARNING, "contradictions", found.contradictions, what=what)
    yield _found(NOTE, "mixed_clicks", found.mixed_clicks)
    yield _found(WARNING if many else NOTE, "repeated_rows", found.same_value)
    yield _found(NOTE, "swapped_pairs", found.swapped)
    yield _found(WARNING, "self_no_match", _self_no_match(figures))
    most = 2 * found.self_matches >= figures.values.matches
    yield _found(WARNING if most else NOTE, "self_match", found.self_matches)


def _self_no_match(figures: Figures) -> int:
    # Without a match anywhere, nobody knows what the values mean.
    known = figures.values.matches > 0
    return figures.repeats.self_pairs - figures.repeats.self_matches if known else 0


def _of_queries(kind: str | None, figures: Figures) -> Iterator[Finding]:
    shape, values = figures.shape, figures.values
    if shape.top_share > _TOP_HEAVY and shape.queries > TOP:
        yield _found(NOTE, "frequent_queries", TOP, share=shape.top_share)
    without = values.queries_without_match
    if kind == "clicks" and values.matches and without > _MOST_OF * shape.queries:
        yield _found(NOTE, "queries_without_match", without, share=without / shape.queries)


def _of_texts(figures: Figures, most: int) -> Iterator[Finding]:
    for role, side in (("Queries", figures.query), ("Titles", figures.title)):
        many = side.truncated > _MANY_TRUNCATED * side.lengths.of
        wide = side.lengths.p99 > most
        share, length = ("99 %", side.lengths.p99) if wide else ("all", side.lengths.high)
        enough = min(math.ceil(length), MOST_UNITS)
        share = share if enough >= length else "more"
        found = {"role": role, "most": most, "share": share, "enough": enough}
        yield _found(WARNING if many else NOTE, "truncated", side.truncated, **found)
        yield _found(WARNING, "empty", side.empty, role=role)


def _of_overlap(overlap: Overlap) -> Iterator[Finding]:
    for code, shared in (("shared_pairs", overlap.pairs), ("shared_queries", overlap.queries)):
        share = shared.count / shared.of
        yield _found(WARNING, code, shared.count, share=share, other=overlap.other)
    share = overlap.unseen_share
    if share >= _SOME_UNKNOWN:
        level = WARNING if share >= _MANY_UNKNOWN else NOTE
        yield _found(level, "unseen_units", overlap.unseen_units, share=share, other=overlap.other)
