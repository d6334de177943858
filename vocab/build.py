"""Writes the shipped vocabularies beside itself; `--check` only compares them.

The same bytes come out everywhere: the codecs of GB 2312 and Big5 are part of Python and frozen.
"""

from __future__ import annotations

import argparse
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path
from string import ascii_lowercase, digits

HERE = Path(__file__).resolve().parent
ALPHABET = digits + ascii_lowercase  # in code order

KANA_MARKS = "ゝゞーヽヾ"  # iteration and length
IDEOGRAPHIC_MARKS = "々〆〇"  # 〇 is the zero of 二〇二四年, which zh-chars.txt lacks
CURRENCIES = "$¢£¥฿₩€₹₽"
ARITHMETIC = "%+<=>^|~±×÷√∞≈≠≤≥"
OTHER_SYMBOLS = "&°©®←↑→↓☆★"


def zh_chars() -> list[str]:
    """Return GB 2312's 6,763 characters in code order, then what Big5 level 1 adds, in its own."""
    simplified = _characters("gb2312", range(0xB0, 0xF8), range(0xA1, 0xFF), last=0xF7FE)
    trails = [*range(0x40, 0x7F), *range(0xA1, 0xFF)]
    traditional = _characters("big5", range(0xA4, 0xC7), trails, last=0xC67E)
    return list(dict.fromkeys([*simplified, *traditional]))


def _characters(
    codec: str, leads: Sequence[int], trails: Sequence[int], last: int
) -> Iterator[str]:
    """Yield the characters of a two-byte codec up to code `last`; unassigned codes are left out."""
    for lead, trail in product(leads, trails):
        if (lead << 8 | trail) <= last:
            with suppress(UnicodeDecodeError):
                yield bytes((lead, trail)).decode(codec)


def letter_trigrams() -> list[str]:
    """Return every letter trigram of a word over [a-z0-9]: `#x#`, `#xy`, `xyz`, `yz#`, in order.

    The trigrams are those of Huang et al., CIKM 2013, section 3.2.
    """
    pairs = ["".join(letters) for letters in product(ALPHABET, repeat=2)]
    return [
        *(f"#{letter}#" for letter in ALPHABET),
        *(f"#{pair}" for pair in pairs),
        *("".join(letters) for letters in product(ALPHABET, repeat=3)),
        *(f"{pair}#" for pair in pairs),
    ]


def symbols() -> list[str]:
    """Return hiragana, katakana, their marks, ideographic marks, and useful symbols."""
    hiragana = map(chr, range(ord("ぁ"), ord("ゖ") + 1))
    katakana = map(chr, range(ord("ァ"), ord("ヺ") + 1))
    marks = KANA_MARKS + IDEOGRAPHIC_MARKS
    return [*hiragana, *katakana, *marks, *CURRENCIES, *ARITHMETIC, *OTHER_SYMBOLS]


FILES: dict[str, Callable[[], list[str]]] = {
    "letter-trigrams.txt": letter_trigrams,
    "symbols.txt": symbols,
    "zh-chars.txt": zh_chars,
}


def content(entries: Sequence[str]) -> bytes:
    """Return a vocabulary as its file holds it; no entry may repeat or be altered by normalising.

    An entry that NFKC or lower-casing changes would never be looked up.
    """
    assert len(set(entries)) == len(entries), "an entry is listed twice"
    altered = [e for e in entries if unicodedata.normalize("NFKC", e).lower() != e]
    assert not altered, altered
    return "".join(f"{entry}\n" for entry in entries).encode()


def differing(folder: Path) -> list[str]:
    """Return the names of the files in the folder that are missing or not what would be built."""
    return [
        name
        for name, build in FILES.items()
        if not (folder / name).is_file() or (folder / name).read_bytes() != content(build())
    ]


def main(arguments: Sequence[str] | None = None, folder: Path = HERE) -> int:
    """Write the files, or with `--check` return 1 if they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare; exit 1 if they differ")
    options = parser.parse_args(arguments)
    stale = differing(folder)
    if options.check:
        for name in stale:
            sys.stderr.write(f"{folder / name}: not what is built; run python vocab/build.py\n")
        return 1 if stale else 0
    for name in stale:
        (folder / name).write_bytes(content(FILES[name]()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
