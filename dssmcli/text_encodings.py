"""Guesses the encoding of text that is not UTF-8, so that a message can say how to convert it."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

_SAMPLE_BYTES = 1 << 16
_FEWEST = 6
_MANY = 8
"""So many characters tell Korean from Chinese; of fewer all may lie where both have some."""
"""So many pairs of bytes above 127, or bytes, are needed to tell."""
_UTF8_RUN = re.compile(
    rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_HIGH = re.compile(rb"[\x80-\xff]")
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")


class Encoding(NamedTuple):
    """An encoding as a message says it, and as iconv and Python call it."""

    name: str
    code: str


UTF16 = Encoding("UTF-16", "utf-16")
UTF32 = Encoding("UTF-32", "utf-32")
_MARKS = (
    (b"\xff\xfe\0\0", UTF32),
    (b"\0\0\xfe\xff", UTF32),
    (b"\xff\xfe", UTF16),
    (b"\xfe\xff", UTF16),
)
_UNMARKED = tuple(
    Encoding(f"UTF-{bits} without a byte-order mark", f"utf-{bits}{end}")
    for bits in (32, 16)
    for end in ("le", "be")
)
_GBK = Encoding("GBK", "gb18030")
_BIG5 = Encoding("Big5", "big5")
_KOREAN = Encoding("EUC-KR", "cp949")
_EUC_JP = Encoding("EUC-JP", "euc-jp")
_SHIFT_JIS = Encoding("Shift-JIS", "cp932")
_CYRILLIC = Encoding("Windows-1251", "cp1251")
_KOI8 = Encoding("KOI8-R", "koi8-r")
_WESTERN = Encoding("Windows-1252", "cp1252")


def wide_encoding(head: bytes) -> Encoding | None:
    """Return UTF-16 or UTF-32 when a file that begins so is in it, with or without a mark."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    sample = head[:4096]
    zeros = sample.count(0)
    if not zeros or (zeros < 0.2 * len(sample) and _is_utf8(sample)):
        return None
    for encoding in _UNMARKED:
        unit = 4 if "32" in encoding.code else 2
        whole = sample[: len(sample) // unit * unit]
        if whole and _is_plain(whole, encoding.code):
            return encoding
    return None


def conversion(source: str, encoding: Encoding) -> str:
    """Return a command that converts a source; `<stdin>` is standard input."""
    if source == "<stdin>":
        return f"… | iconv -f {encoding.code} -t utf-8 | dssm …"
    stem, ending = os.path.splitext(source)
    line = f"iconv -f {encoding.code} -t utf-8"
    if ending == ".gz":
        stem, ending = os.path.splitext(stem)
        target = shlex.quote(f"{stem}.utf8{ending}")
        return f"gzip -dc {shlex.quote(source)} | {line} > {target}"
    return f"{line} {shlex.quote(source)} > {shlex.quote(f'{stem}.utf8{ending}')}"


_OLD_END = re.compile(rb"[^\r\n]\r+[^\r\n]")


def has_old_ends(head: bytes) -> bool:
    """Tell whether the beginning of a text has no line ends but carriage returns."""
    return b"\r" in head and b"\n" not in head and _OLD_END.search(head) is not None


def old_ends(source: str) -> str:
    """Say that lines end with carriage returns, and how to convert a source."""
    change = "tr '\\r' '\\n'"
    if source == "<stdin>":
        way = f"… | {change} | dssm …"
    else:
        stem, ending = os.path.splitext(source)
        unpacked = f"gzip -dc {shlex.quote(source)} | {change}"
        line = f"{change} < {shlex.quote(source)}"
        if ending == ".gz":
            line, (stem, ending) = unpacked, os.path.splitext(stem)
        way = f"{line} > {shlex.quote(f'{stem}.lf{ending}')}"
    return (
        f"{source}: its lines end with carriage returns only, as on old Macs, expected line feeds. "
        f"Convert it: {way}"
    )


@lru_cache(maxsize=4)
def likely_encoding(content: bytes) -> Encoding | None:
    """Return what some lines are probably in; None if that cannot be told, or most are UTF-8."""
    lines = [line for line in content[:_SAMPLE_BYTES].split(b"\n") if not line.isascii()]
    wrong = [line for line in lines if not _is_utf8(line)]
    if 2 * len(wrong) < len(lines):
        return None
    sample = b"\n".join(wrong)
    high = len(_HIGH.findall(sample))
    if high < _FEWEST or 2 * sum(map(len, _UTF8_RUN.findall(sample))) > high:
        return None
    found = _shift_jis(sample) or _of_two_bytes(sample) or _of_one_byte(sample)
    return found if found and _most_decode(wrong, found.code) else None


def _shift_jis(sample: bytes) -> Encoding | None:
    """Return Shift-JIS where a fifth of the pairs of bytes are its kana."""
    pairs = _pairs(sample, _JIS_PAIR)
    kana = sum(1 for lead, _ in pairs if lead in (0x82, 0x83))
    enough = len(pairs) >= _FEWEST // 2 and kana > 0.2 * len(pairs)
    return _SHIFT_JIS if enough and _decodes(sample, "cp932") else None


def _of_two_bytes(sample: bytes) -> Encoding | None:
    """Return the encoding whose common characters the pairs of bytes are.

    Chinese by pinyin has two thirds of its characters up to lead byte D7; Korean none beyond C8.
    Big5 alone has second bytes below 80; a fifth of Japanese are kana.
    """
    pairs = _pairs(sample, _PAIR)
    if len(pairs) < _FEWEST // 2 or _isolated(sample) > 0.5:
        return None
    leads = [lead for lead, _ in pairs]
    kana = sum(1 for lead in leads if lead in (0xA4, 0xA5))
    low = sum(1 for lead, trail in pairs if trail < 0x7F and 0xA4 <= lead <= 0xF9)
    frequent = sum(1 for lead in leads if 0xA4 <= lead <= 0xC6)
    letters = [lead for lead in leads if lead >= 0xB0]
    if low > 0.15 * len(pairs) and frequent > 0.6 * len(pairs):
        return _BIG5
    if kana > 0.2 * len(pairs) and low < 0.05 * len(pairs):
        return _EUC_JP
    hangul = sum(1 for lead in letters if lead <= 0xC8)
    many = len({pair for pair in pairs if pair[0] >= 0xB0}) >= _MANY
    if many and len(letters) >= _FEWEST and hangul > 0.95 * len(letters):
        return _KOREAN
    common = sum(1 for lead in letters if lead <= 0xD7)
    if letters and common > 0.6 * len(letters) and not _looks_koi8(sample):
        return _GBK
    return None


def _of_one_byte(sample: bytes) -> Encoding | None:
    """Return an alphabet of one byte a letter."""
    high = _HIGH.findall(sample)
    if _isolated(sample) > 0.5:
        return _WESTERN
    if _looks_koi8(sample):
        return _KOI8
    if sum(1 for byte in high if byte >= b"\xc0") > 0.85 * len(high):
        return _CYRILLIC
    return None


def _looks_koi8(sample: bytes) -> bool:
    """Tell whether nearly all is a lower-case Russian letter of KOI8-R."""
    high = _HIGH.findall(sample)
    return sum(1 for byte in high if b"\xc0" <= byte <= b"\xdf") > 0.85 * len(high)


_PAIR = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]")
_JIS_PAIR = re.compile(rb"[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]")


def _pairs(sample: bytes, pattern: re.Pattern[bytes]) -> list[tuple[int, int]]:
    return [(pair[0], pair[1]) for pair in pattern.findall(sample)]


def _isolated(sample: bytes) -> float:
    """Return which share of the bytes above 127 stands alone among others, as é does in café."""
    runs = _HIGH_RUN.findall(sample)
    return sum(1 for run in runs if len(run) == 1) / max(1, sum(map(len, runs)))


def _most_decode(lines: Iterable[bytes], code: str) -> bool:
    """Tell whether nine lines of ten are right in an encoding."""
    right = [_decodes(line, code) for line in lines]
    return sum(right) >= 0.9 * len(right)


def _decodes(content: bytes, code: str) -> bool:
    try:
        content.decode(code)
    except UnicodeDecodeError:
        return False
    return True


def _is_utf8(content: bytes) -> bool:
    """Tell whether content is UTF-8, but for a character that its end cuts."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.end == len(content) and error.reason == "unexpected end of data"
    return True


def _is_plain(content: bytes, code: str) -> bool:
    """Tell whether content decodes to printable characters and white space."""
    text = content.decode(code, "replace").removesuffix("�")
    odd = sum(1 for char in text if not (char.isprintable() or char in "\t\r\n"))
    return odd == 0 and "�" not in text and any(char.isascii() for char in text)
