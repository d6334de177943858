"""How a text becomes the inputs of an exported model, told to who writes it in another language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dssmcli.config import PLAIN, WORDY
from dssmcli.text import signs

NOTES = "README.md"

_HEAD = """\
# An exported model

Written by `dssm export` {version} from a run of `dssm train`. Texts become vectors:

{sides}

| file | what it is |
|---|---|
{files}
| `settings.json` | the numbers and names that this page speaks of |
| `vocab.txt` | the features, UTF-8, one a line, ended by LF; the first line is feature 1 |
{words}| `texts.jsonl` | texts, an object a line, with their ids and vectors: to check a port by |

## The graph

| | name | type | shape | |
|---|---|---|---|---|
| input | `features` | int64 | (U, K) | ids of each distinct unit, 0 behind the last; row 0: all 0 |
| input | `units` | int64 | (B, T) | each text's units as rows of `features`, 0 behind the last |
| output | `vectors` | float32 | (B, D) | rows of length 1; zeros for a text without units |

B, T, U and K are free, from call to call. A unit that stands twice, in one text or in several, has
one row: given two, it would weigh twice. For one text, `the cat the`, whose units have 3 features:

    features = [[0, 0, 0], [ids of the], [ids of cat]]      units = [[1, 2, 1]]

Some hundreds of texts a call are enough. Units after the {max_units:,}th of a text are not read.
{threshold}
## From a text to ids

`dssm tokenize --json -m RUN` prints the units of texts and their ids. To do the same elsewhere,
go by code points, not by UTF-16 units, and by the categories of Unicode ({unicode} here):

{steps}

A unit keeps its first {max_unit_chars} characters, a text its first {max_units:,} units.

## From a unit to feature ids

{features}

The id of a feature is its line in `vocab.txt`, from 1. One that is not listed has the id
{listed:,} + 1 + (CRC-32 of its UTF-8 bytes) mod {buckets:,}: `zlib.crc32`, `java.util.zip.CRC32`.
"""
_STEPS = {
    1: """1. Delete characters of category Cc and Cf, save those Cc that are white space.
2. Normalise to NFKC, take the lower case, normalise to NFKC again.
3. Go through the characters:
   - `'` `’` `ʼ` `` ` `` `´` are deleted;
   - other characters of category P, Z or C become a space, save `%` and `&`;
   - a character whose NFKD form begins with an ASCII letter becomes that letter (é is e);
   - {alone} get a space on either side.
4. Split at spaces. {split}""",
    2: """1. Delete characters of category Cc, Cf and Me, save those Cc that are white space, and
   those within `dropped` (settings.json). Put a space between a digit and ¼ to ¾, ⅐ to ⅟ or ↉
   behind it.
2. Normalise to NFKC, take the lower case, normalise to NFKC again. Delete every U+0307 right
   behind an `i`, and normalise to NFKC once more.
3. Replace U+2010, U+2012, U+2013 and U+2212 by `-`, U+2044 and U+2215 by `/`{chinese}. Make every
   run of white space one space, without any at the ends.
4. Write the class of each character, one letter:

   | class | characters |
   |---|---|
   | `.` `,` `-` `+` `#` | themselves |
   | `'` | `'` `’` `ʼ` `` ` `` `´` |
   | space | other characters of category Z, Ps, Pi, and `:` `;` `/` |
   | `p` | other characters of category P or C, save `%` and `&` |
   | `m` `f` `s` | category Sm; U+1F1E6 to U+1F1FF; others of category S, `%` and `&` |
   | `d` `w` | the digits 0 to 9; characters within `unspaced` (settings.json) |
   | `x` `n` `e` `t` | these letters, with accents too (see 7) |
   | `a` | all others |

5. Make a `'` behind a `d` a `,`, in the text as well, and take the others out of both. Then search
   these classes, with each expression anew, and remember what is said:

   | expression (`\\|` stands for a bar) | what it says |
   |---|---|
   | `{thousands}` | its commas are *silent* |
   | `{decimal}` and `{leading}` | all of it is of a number: write `N` |
   | `{dotted}` | its point is of a name: write `|`; a unit begins here |
   | `{plus_plus}` | both are of a name: write `|`; a unit ends here |
   | `{plus}` and `{sharp}` | its `+` or `#` is of a name: write `|` |
   | `{flag}` | one unit |

6. Search what is written now, `N` for silent commas too:
   `{measure}` (a unit begins with its letters) and
   `{sizes}` (each of its numbers, each `x` between and the letters behind are units).
7. Go through the characters:
   - silent commas are deleted;
   - what is of a number or a name stays, as a letter does;
   - others of classes `.` `,` `-` space and `p` become a space, `#` too, and × becomes an x with a
     space on either side;
   - a character whose NFKD form begins with an ASCII letter becomes that letter (é is e);
   - {alone} get a space on either side; so do all units of 5 and 6 where they begin and end.
8. Split at spaces. {split}""",
}
_PATTERNS = {
    "thousands": signs.THOUSANDS,
    "decimal": signs.DECIMAL,
    "leading": signs.LEADING,
    "dotted": signs.DOTTED,
    "plus_plus": signs.PLUS_PLUS,
    "plus": signs.PLUS,
    "sharp": signs.SHARP,
    "flag": signs.FLAG,
    "measure": signs.MEASURE,
    "sizes": signs.SIZES,
}
_ALONE = {
    "auto": "characters of category S, `%`, `&`, and those within `unspaced` (settings.json)",
    "char": "all others",
}
_ALONE["word"] = _ALONE["auto"]
_SYMBOLS = "characters of category S, `%` and `&`"
_RUNS = """What is left are runs, which are cut into units by `words.txt`: a word, a tab
   and a score a line; the first line has no word, its score is that of a character that is not
   listed. Of a text, only the first {chars} characters (spaces do not count) are cut."""
_JIEBA = """
   Each run is cut so that the sum of its words' scores (float64) is greatest. A character that is
   not listed is no word where a listed word of several begins; elsewhere it is one. Of two best
   ways from a character on, the one with the longer word first wins. At last, neighbouring words of
   one character that are not within `unspaced` (settings.json) are joined again in their run."""
_PIECES = """
   `▁` is put before each run and the runs of a text are joined. The text is cut so that the sum of
   its words' scores (float32, from the first on) is greatest; a character that is not listed is a
   word of its own. Of two best ways up to a character, the one with the longer word last wins."""
_UNITS = "What is left are the units."
_WHOLE = "A unit has one feature: itself."
_TRIGRAMS = """A unit's features are the runs of three characters in `#unit#`, repeats
included: good has `#go`, `goo`, `ood`, `od#`."""
_MIXED = f"""A unit of one character has itself for its only feature, unless that is a letter or
digit (category L or N) outside `unspaced` (settings.json). Otherwise:
{_TRIGRAMS}"""
_LISTED = f"""A unit with a character within `unspaced` (settings.json) has itself for its only
feature. Of the others:
{_MIXED}"""
_FEATURES = {
    "auto": _MIXED,
    "char": _WHOLE,
    "word": _WHOLE,
    "trigram": _TRIGRAMS,
    "jieba": _LISTED,
    "sentencepiece": _WHOLE,
}


def notes(settings: Mapping[str, Any], unicode: str) -> str:
    """Return the page that stands beside an exported model with these settings."""
    tokenizer = settings["tokenizer"]
    split = _UNITS
    if tokenizer in WORDY:
        runs = _RUNS.format(chars=f"{settings['max_chars']:,}")
        split = runs + (_JIEBA if tokenizer == "jieba" else _PIECES)
    sides: dict[str, list[str]] = {}
    for side, name in settings["models"].items():
        sides.setdefault(name, []).append(side)
    files = [f"| `{name}` | the model of {_sided(each)} |" for name, each in sides.items()]
    return _HEAD.format(
        **{name: settings[name] for name in ("version", "max_units", "max_unit_chars")},
        **{name: settings[name] for name in ("listed", "buckets")},
        sides=_sides(settings["dims"]),
        files="\n".join(files),
        words=_tables(settings),
        threshold=_threshold(settings),
        unicode=unicode,
        steps=_steps(settings, _ALONE.get(tokenizer, _SYMBOLS), split),
        features=_FEATURES[tokenizer],
    )


def _tables(settings: Mapping[str, Any]) -> str:
    """Return the lines about files that not every export has."""
    found = "| `words.txt` | what texts are cut by, see below |\n"
    found *= settings["tokenizer"] in WORDY
    if settings["fold_chinese"]:
        found += (
            "| `chinese.txt` | traditional characters and the simplified ones that take their "
            "places, a tab between; lines with # say where they come from |\n"
        )
    return found


def _steps(settings: Mapping[str, Any], alone: str, split: str) -> str:
    """Return how a text becomes units."""
    chinese = ", characters by `chinese.txt`" if settings["fold_chinese"] else ""
    # In a table a bar ends a cell.
    patterns = {name: each.pattern.replace("|", r"\|") for name, each in _PATTERNS.items()}
    steps = _STEPS[settings["normalization"]]
    return steps.format(alone=alone, split=split, chinese=chinese, **patterns)


_SIDES = {
    PLAIN: "of one kind, to compare any two texts: the inner product is their cosine, 1 for a text "
    "beside itself",
    "query": "of queries, to compare with those of titles: the inner product is what `dssm score` "
    "prints",
    "title": "of titles, to compare with those of queries",
}


def _sides(dims: Mapping[str, int]) -> str:
    """Return what the vectors of each side are for, and their length D."""
    return "\n".join(f"- `{side}`: {_SIDES[side]} (D = {dim})." for side, dim in dims.items())


def _sided(sides: list[str]) -> str:
    return " and ".join(f"`{side}`" for side in sides)


def _threshold(settings: Mapping[str, Any]) -> str:
    told = ""
    if settings["threshold"] is not None:
        told += f"\nA pair is a match from a cosine of {settings['threshold']:.6f} on."
    if settings["calibration"] is not None:
        scale, shift = (settings["calibration"][name] for name in ("scale", "shift"))
        told += (
            f"\nThe probability of a match is 1 / (1 + exp(-({scale:.6f} · cosine + {shift:.6f})))."
        )
    return told and told + "\n"
