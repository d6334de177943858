"""Targets of benchmarks/fuzz.py that read texts, files of rows and word lists.

Each takes any bytes. What is wrong comes out as an exception that is no DssmError, or as an
AssertionError where the quick way and the plain definition differ.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from dssmcli.config import TOKENIZERS, TextConfig
from dssmcli.data import rows as row_files
from dssmcli.data.impressions import ImpressionColumns, read_impressions
from dssmcli.data.pairs import Texts, read_pairs
from dssmcli.data.records import TableFile, open_table
from dssmcli.data.rows import RowReader
from dssmcli.data.sheets import Sheet
from dssmcli.data.table import read_table
from dssmcli.data.times import LATEST, Clock
from dssmcli.data.tsv import BadRows
from dssmcli.data.users import open_users
from dssmcli.data.watches import WatchColumns, read_watches
from dssmcli.errors import DssmError
from dssmcli.text.blocks import TextIndex
from dssmcli.text.dictionary import Dictionary, stock_dictionary, with_own
from dssmcli.text.folding import Folder
from dssmcli.text.normalize import normalize
from dssmcli.text.scan import scanned, spelled
from dssmcli.text.segment import PieceSegmenter, WordSegmenter
from dssmcli.text.tokenizers import Lookup
from dssmcli.text.units import SPACED
from dssmcli.text.vocab import Vocabulary, read_features, vocabulary_from_text
from dssmcli.text.words import Words, words_from_text

Target = Callable[[bytes, Path], None]
"""Tries one input; the folder is for files."""


def _file(data: bytes, folder: Path) -> str:
    path = folder / "input"
    path.write_bytes(data)
    return str(path)


def texts_in(data: bytes) -> list[str]:
    """Return lines; what is no UTF-8 becomes half a character, which JSON can hold."""
    return data.decode("utf-8", "replace").replace("\ufffd", "\ud800").split("\n")


def pairs(data: bytes, folder: Path) -> None:
    """Pairs read many at once are those read one by one."""
    if not data:
        return
    columns = (None, "query,title,clicks", "title,-,query", "query,title,-,impressions")
    skip, named, size = bool(data[0] & 1), columns[data[0] >> 1 & 3], (1, 30, 1 << 18)[data[0] % 3]
    source = _file(data[1:], folder)
    with mock.patch.object(row_files, "_PIECE_BYTES", size):
        at_once = _read_pairs(source, named, skip)
        with mock.patch.object(row_files, "plain_columns", lambda *_: None):
            assert _read_pairs(source, named, skip) == at_once


def _read_pairs(source: str, columns: str | None, skip: bool) -> list[object]:
    found: list[object] = []
    for ask in ("rows", "pairs"):
        bad = BadRows(skip)
        reader, met = RowReader(columns, bad), list[str]()
        try:
            if ask == "rows":
                found.extend(map(repr, reader.read([source])))  # nan is not equal to itself
            else:
                kept = read_pairs([source], columns, "clicks", bad, Texts(met.extend))
                found += [kept.digest, kept.query.tolist(), kept.value.tolist(), kept.texts]
        except DssmError as error:
            found.append(str(error))
        found += [met, reader.header, reader.layout, bad.count, str(bad.first), bad.summary]
    return found


def tables(data: bytes, folder: Path) -> None:
    """Tables read many rows at once, as strings or as fields, are those read row by row."""
    if not data:
        return
    skip, source = bool(data[0] & 1), _file(data[1:], folder)
    nothing = mock.Mock(return_value=None)
    at_once = _read_table(source, skip)
    with (
        mock.patch.object(Sheet, "plain", nothing),
        mock.patch.object(TableFile, "_quoted", nothing),
    ):
        assert _read_table(source, skip) == at_once
    assert _read_fields(source, skip, TableFile.fields) == _read_fields(
        source, skip, TableFile.columns
    )


def _read_table(source: str, skip: bool) -> list[object]:
    bad = BadRows(skip)
    found: list[object] = []
    try:
        table = read_table([source], bad)
        found += [table.digest, table.rows]
        found += [(c.name, c.values, c.codes.tolist()) for c in table.columns.values()]
    except DssmError as error:
        found.append(str(error))
    return [*found, bad.count, str(bad.first), bad.summary]


def _read_fields(source: str, skip: bool, how: Callable[..., Any]) -> list[object]:
    bad, found = BadRows(skip), list[object]()
    try:
        with open_table(source, bad) as file:
            picked = [*range(len(file.sheet.names))][::-1]
            for block in file.blocks(picked):
                found.append([list(column) for column in how(file, block, picked)])
    except DssmError as error:
        found.append(str(error))
    return [*found, bad.count, str(bad.first)]


def watches(data: bytes, folder: Path) -> None:
    """Logs of watches and impressions, and users in all three forms, are read or refused."""
    if not data:
        return
    skip, source = bool(data[0] & 1), _file(data[1:], folder)
    with contextlib.suppress(DssmError):
        log, _ = read_watches([source], WatchColumns(searches=None), BadRows(skip))
        assert log.time is None or (np.abs(log.time) <= LATEST).all()
        assert (np.diff(log.user) >= 0).all() and log.starts[-1] == len(log)
    with contextlib.suppress(DssmError):
        shown, _ = read_impressions([source], ImpressionColumns(), BadRows(skip))
        assert np.isfinite(shown.watched).all() and set(shown.clicked) <= {0.0, 1.0}
    columns = WatchColumns("user", "item", context=("place",) if data[0] & 2 else ())
    with contextlib.suppress(DssmError), open_users(source, columns, BadRows(skip)) as blocks:
        for users in blocks:
            assert users.ends[-1] == len(users.items) and len(users.names) == len(users.time)
            "".join([*users.names, *users.items]).encode()


def times(data: bytes, folder: Path) -> None:  # noqa: ARG001
    """A timestamp is judged alike among others and alone."""
    stamps = texts_in(data.replace(b"\0", b""))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clock = Clock()
        wrong = clock.wrong(stamps)
        if not wrong:
            assert (np.abs(clock.read(stamps)) <= LATEST).all()
        for place, text in enumerate(stamps[1:], start=1):
            alone = clock.wrong([text])
            assert bool(alone) == (place in wrong), text


@cache
def _lookup(number: int) -> Lookup:
    spelled_as, scores = ("好", "a", "好a", "ab", "▁", "▁e", "手机"), (-2, -3, -4, -2.5, -1, -2, -1)
    words = Words(spelled_as, scores, -6.0)
    vocabulary = Vocabulary(["a", "b", "好", "#ab", "手机", "#a#"], 16)
    most = (3, 128)[number % 2]
    return Lookup.of(TextConfig(TOKENIZERS[number // 2], most, 16), vocabulary, words)


_FOLDER = Folder()


def units(data: bytes, folder: Path) -> None:
    """Many texts at once are normalised, cut, described and counted as one text alone is."""
    texts = texts_in(data[1:])
    assert _FOLDER.normalized(texts) == [*map(normalize, texts)]
    lookup = _lookup(data[0] % (2 * len(TOKENIZERS)) if data else 0)
    index = TextIndex(lookup, folder)
    index.add(texts)
    told = [lookup.describe(text) for text in texts]
    block = index.block(np.arange(len(texts)))
    ends = np.append(block.starts[1:], len(block.features))
    for row, described in enumerate(told):
        mine = block.units[row, : block.lengths[row]]
        found = [block.features[block.starts[u] : ends[u]].tolist() for u in mine]
        assert found == [each.ids for each in described], texts[row]
    features = (f for described in told for each in described for f in each.features)
    assert index.feature_counts(np.ones(len(texts), np.bool_)) == Counter(features)
    assert index.cuts.texts == sum(lookup.cut(text).truncated for text in texts)


@cache
def _jieba() -> tuple[WordSegmenter, Callable[[str], Iterator[str]]]:
    """Return our cut and jieba's by the dictionary that it carries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jieba  # type: ignore[import-untyped]
    stock = stock_dictionary(TextConfig(tokenizer="jieba"))
    tokenizer: Any = jieba.Tokenizer()
    prefixes = {word[:i]: 0 for word in stock.frequencies for i in range(1, len(word))}
    tokenizer.FREQ = {**prefixes, **stock.frequencies}
    tokenizer.total, tokenizer.initialized = stock.total, True
    return WordSegmenter(stock.words()), lambda run: tokenizer.cut(run, HMM=False)


def jieba(data: bytes, folder: Path) -> None:  # noqa: ARG001
    """Chinese is cut as jieba cuts it."""
    ours, theirs = _jieba()
    # Two bytes a character, out of the ideographs.
    codes = np.frombuffer(data[: len(data) // 2 * 2], ">u2").astype(np.int64)
    run = "".join(chr(0x4E00 + code % 0x5200) for code in codes.tolist())
    if run:
        assert _cut(ours, run, 1 << 20) == [*theirs(run)], run


def _cut(segmenter: WordSegmenter | PieceSegmenter, text: str, most: int) -> list[str]:
    return spelled(segmenter.cut(scanned(text.translate(SPACED).split()), most))


_LETTERS = "手机壳怎么还款花呗哈godphnecasbt12龘 "


@cache
def _pieces() -> tuple[Words, Callable[[str], list[str]]]:
    """Return pieces learned from some texts, and sentencepiece's own cut by them."""
    import sentencepiece

    from dssmcli.training.pieces import _OPTIONS, _words

    random, written = np.random.default_rng(0), io.BytesIO()
    parts = ["手机壳", "手机", "怎么", "还款", "花呗", "哈", "good ", "phone case", " 12", "best"]
    texts = ["".join(parts[i] for i in random.integers(0, 10, 4)) for _ in range(400)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(" ".join(text.split()) for text in texts),
        model_writer=written,
        vocab_size=60,
        **_OPTIONS,
    )
    model = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    return _words(model), lambda text: [*model.encode(text, out_type=str)]


def pieces(data: bytes, folder: Path) -> None:  # noqa: ARG001
    """Pieces are those of sentencepiece."""
    words, theirs = _pieces()
    text = " ".join("".join(_LETTERS[byte % len(_LETTERS)] for byte in data).split())
    expected: list[str] = []
    for piece in theirs(text):  # which takes neighbours that are not listed together
        expected += [piece] if piece in words.spellings else piece
    assert _cut(PieceSegmenter(words), text, 1 << 20) == expected, text


def lists(data: bytes, folder: Path) -> None:
    """Vocabularies and lists of words are read, and written back as they were, or refused."""
    source = Path(_file(data, folder))
    with contextlib.suppress(DssmError):
        assert len(read_features(source)) == len(set(read_features(source)))
    with contextlib.suppress(DssmError):
        stock = Dictionary({"手机": 40, "壳": 10, "手": 30}, 1000)
        own = with_own(stock, source, TextConfig(tokenizer="jieba"))
        assert own.total >= 1000 and all(count >= 0 for count in own.frequencies.values())
        WordSegmenter(own.words()).cut(scanned(["手机壳ab"]), 8)
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(DssmError):
        assert vocabulary_from_text(text, 4, "v").to_text() == text
    with contextlib.suppress(DssmError):
        words = words_from_text(text, "w")
        assert words_from_text(words.to_text(), "w") == words
        assert all(map(np.isfinite, (*words.scores, words.unlisted)))
        WordSegmenter(words).cut(scanned(["手机壳ab", "ab"]), 8)
        PieceSegmenter(words).cut(scanned(["手机壳ab", "ab"]), 8)


_PAIRS = b"query\ttitle\tlabel\nq 1\tt 1\t1\nq\tother\t0\n"
_TABLE = b'city,age,place\nParis,4,"a ""b"", c"\nOslo,,x\n"a\nb",3.5,y\n'
_LOG = b"user\titem\ttimestamp\tclicked\twatch_time\nu1\ti1\t3\t1\t5.5\nu2\ti1\t2\t0\t0\n"
_MIXED = "iPhone 12手机壳,红\n¡Ａé́ ﬁ Σς\n가\u200d".encode()
_USERS = b'{"user": "u1", "history": ["i1", "i2"], "timestamp": 5, "searches": ["a b"]}\n'
TARGETS: dict[str, tuple[Target, Sequence[bytes]]] = {
    "pairs": (pairs, [b"\0" + _PAIRS, b"\1a\tb\t0\t3\r\n\n\xff\t\t\n", b"\7\xef\xbb\xbf" + _PAIRS]),
    "tables": (tables, [b"\0" + _TABLE, b"\1" + _TABLE.replace(b",", b"\t"), b"\1a;b\n1;2\n"]),
    "watches": (
        watches,
        [b"\0" + _LOG, b"\1" + _LOG, b"\2" + _USERS, b"\1user,history\nu1,a b c\nu2,\n"],
    ),
    "times": (times, [b"5\n-3.5\n1e18", b"2024-05-31\n2024-05-31 18:30:00Z\n2024-02-30T10:00"]),
    "units": (units, [b"\0" + _MIXED, b"\5" + _MIXED, b"\x0a\xed\xa0\x80a\n"]),
    "jieba": (jieba, ["南京市长江大桥".encode("utf-16-be"), b"\0\1\0\2" * 9]),
    "pieces": (pieces, [bytes(range(40)), b"\0\1\2\3\4\5" * 5]),
    "lists": (lists, ["手\t12\n机\n".encode(), "\t-9.0\n手机\t-1.0\n".encode(), b"a 3 n\nb\n"]),
}
