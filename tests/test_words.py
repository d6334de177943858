"""Lists of words: the best path through them, jieba's and sentencepiece's cut, their file."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssmcli.config import TextConfig
from dssmcli.errors import DataError, DssmError, RunError
from dssmcli.text.blocks import TextIndex
from dssmcli.text.dictionary import Dictionary, stock_dictionary, with_own
from dssmcli.text.limits import Cuts
from dssmcli.text.normalize import Normalizer, normalize
from dssmcli.text.scan import Scanner, scanned, spelled
from dssmcli.text.segment import PieceSegmenter, Segmenter, WordSegmenter
from dssmcli.text.tokenizers import Lookup
from dssmcli.text.units import SPACED
from dssmcli.text.vocab import Vocabulary
from dssmcli.text.words import Words, words_from_text
from dssmcli.training.indexing import WordIndexing
from dssmcli.training.pieces import trained_pieces

LETTERS = "ab1手机壳"
TEXTS = [
    *("苹果手机壳怎么样", "买手机壳送钢化膜", "怎么还花呗", "手机t恤衫", "a座3楼", "x光 b超"),
    *("iphone12手机壳", "研究生命的起源", "南京市长江大桥", "c c++ 100%纯棉", "哈哈哈哈哈", "龘龘"),
]


def cut(segmenter: Segmenter, text: str) -> list[str]:
    runs = text.translate(SPACED).split()
    return spelled(segmenter.cut(scanned(runs), 128))


def plain_words(run: str, words: Words) -> list[str]:
    """The definition: the best way on from each place, from the last one back."""
    listed = dict(zip(words.spellings, words.scores, strict=True))
    best, taken = [0.0] * (len(run) + 1), [0] * len(run)
    for place in range(len(run) - 1, -1, -1):
        ends = [end for end in range(place + 1, len(run) + 1) if run[place:end] in listed]
        ways = [
            (listed.get(run[place:end], words.unlisted) + best[end], end)
            for end in ends or [place + 1]
        ]
        best[place], taken[place] = max(ways)
    found, place = [], 0
    while place < len(run):
        found.append(run[place : taken[place]])
        place = taken[place]
    return joined(found)


def joined(words: list[str]) -> list[str]:
    found: list[str] = []
    open_word = False
    for word in words:
        letter = word.isascii() and len(word) == 1
        if letter and open_word:
            found[-1] += word
        else:
            found.append(word)
        open_word = letter
    return found


def plain_pieces(runs: list[str], words: Words) -> list[str]:
    """The definition: the best way to each place, in float32, of equals the longest last piece."""
    text = "".join(f"▁{run}" for run in runs)
    scores = np.array(words.scores, np.float32)
    listed = dict(zip(words.spellings, scores, strict=True))
    best, came = [np.float32(0)], [0]
    for end in range(1, len(text) + 1):
        ways = []
        for start in range(end):
            piece = text[start:end]
            if piece in listed or len(piece) == 1:
                score = listed.get(piece, np.float32(words.unlisted))
                ways.append((score + best[start], -start))
        best.append(max(ways)[0])
        came.append(-max(ways)[1])
    found, end = [], len(text)
    while end:
        found.insert(0, text[came[end] : end])
        end = came[end]
    return found


def lists(letters: str) -> st.SearchStrategy[Words]:
    # Few different scores, so that many paths are equally good.
    scores = st.sampled_from([-1.0, -1.5, -2.0, -2.7])
    chosen = st.dictionaries(st.text(letters, min_size=1, max_size=4), scores, max_size=12)
    return chosen.map(lambda found: Words(tuple(found), tuple(found.values()), -5.0))


@given(lists(LETTERS), st.lists(st.text(LETTERS + " ,", max_size=12), max_size=6))
def test_many_texts_are_cut_at_once_as_one_run_is_by_the_definition(
    words: Words, texts: list[str]
) -> None:
    found = WordSegmenter(words).cut(Scanner(SPACED, Normalizer(1)).scan(texts), 128)
    expected = [
        [word for run in text.translate(SPACED).split() for word in plain_words(run, words)]
        for text in texts
    ]
    assert found.counts.tolist() == [len(units) for units in expected]
    assert spelled(found) == [unit for units in expected for unit in units]


@given(lists(LETTERS + "▁"), st.lists(st.text(LETTERS + " ,", max_size=12), max_size=6))
def test_pieces_of_many_texts_are_those_of_one_by_the_definition(
    words: Words, texts: list[str]
) -> None:
    found = PieceSegmenter(words).cut(Scanner(SPACED, Normalizer(1)).scan(texts), 128)
    expected = [plain_pieces(text.translate(SPACED).split(), words) for text in texts]
    assert found.counts.tolist() == [len(units) for units in expected]
    assert spelled(found) == [unit for units in expected for unit in units]


@pytest.mark.parametrize("segmenter", [WordSegmenter, PieceSegmenter])
@pytest.mark.parametrize("most", [1, 7, 30])
def test_many_texts_are_cut_alike_some_at_a_time(
    monkeypatch: pytest.MonkeyPatch, segmenter: type[WordSegmenter | PieceSegmenter], most: int
) -> None:
    made = segmenter(SMALL_LIST)
    runs = Scanner(SPACED, Normalizer(1)).scan(["", *TEXTS, "", "手机 " * 9, "x" * 40, ""])
    whole = made.cut(runs, 2)
    monkeypatch.setattr("dssmcli.text.segment._CHARS_AT_ONCE", most)
    for found, expected in zip(made.cut(runs, 2), whole, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert np.count_nonzero(whole.cut) == 1


Cut = Callable[[str], list[str]]


@pytest.fixture(name="jieba_cut", scope="module")
def _jieba_cut() -> Callable[[Dictionary], Cut]:
    """Return a function that gives jieba's own cut of a run by a dictionary."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jieba

    def of(dictionary: Dictionary) -> Cut:
        tokenizer: Any = jieba.Tokenizer()
        prefixes = {word[:i]: 0 for word in dictionary.frequencies for i in range(1, len(word))}
        tokenizer.FREQ = {**prefixes, **dictionary.frequencies}
        tokenizer.total, tokenizer.initialized = dictionary.total, True
        return lambda run: list(tokenizer.cut(run, HMM=False))

    return of


@given(
    st.dictionaries(st.text(LETTERS, min_size=1, max_size=4), st.integers(0, 9), max_size=15),
    st.lists(st.text(LETTERS, min_size=1, max_size=12), max_size=5),
)
def test_words_are_those_of_jieba(
    jieba_cut: Callable[[Dictionary], Cut], frequencies: dict[str, int], runs: list[str]
) -> None:
    dictionary = Dictionary(frequencies, sum(frequencies.values()) + 1)
    segmenter, theirs = WordSegmenter(dictionary.words()), jieba_cut(dictionary)
    for run in runs:
        assert cut(segmenter, run) == theirs(run)


AS_JIEBA = TextConfig("jieba", normalization=1, fold_chinese=False)
"""Texts as jieba reads them: no signs in words, and traditional characters as they are."""


@pytest.fixture(name="stock", scope="module")
def _stock() -> Dictionary:
    """Return jieba's dictionary."""
    return stock_dictionary(AS_JIEBA)


def test_the_stock_dictionary_is_jieba_s_and_cuts_as_it_does(
    stock: Dictionary, jieba_cut: Callable[[Dictionary], Cut]
) -> None:
    assert stock.total == 60_101_967 and len(stock.frequencies) > 349_000
    segmenter, theirs = WordSegmenter(stock.words()), jieba_cut(stock)
    for text in TEXTS:
        runs = text.translate(SPACED).split()
        plain = [word for run in runs if run.isalnum() for word in theirs(run)]
        assert [word for word in cut(segmenter, text) if word.isalnum()] == plain
    assert cut(segmenter, "南京市长江大桥") == ["南京市", "长江大桥"]
    assert cut(segmenter, "iphone12手机壳") == ["iphone12", "手机", "壳"]


def test_the_words_a_log_needed_cut_it_as_the_whole_dictionary_does(stock: Dictionary) -> None:
    indexing = WordIndexing(TextConfig("jieba"), None, None)
    texts = [*TEXTS, "手机壳" * 9, "恤衫t恤", "unheard of"]
    indexing.add(texts[:5])
    indexing.add(texts[5:])
    kept = indexing.finish(np.ones(len(texts), np.bool_)).words
    assert kept is not None and 20 < len(kept.spellings) < 60
    assert list(kept.scores) == sorted(kept.scores, reverse=True)
    few, whole = WordSegmenter(kept), WordSegmenter(stock.words())
    for text in texts:
        assert cut(few, text) == cut(whole, text)
    assert "手机" in kept.spellings and "t恤" in kept.spellings and "计算机" not in kept.spellings


@pytest.fixture(name="pieces", scope="module")
def _pieces() -> tuple[Words, Cut]:
    """Return pieces learned from some texts, and sentencepiece's own cut by them."""
    import sentencepiece

    random = np.random.default_rng(0)
    parts = ["手机壳", "手机", "怎么", "还款", "花呗", "哈", "good ", "phone case", " 12", "best"]
    texts = ["".join(parts[i] for i in random.integers(0, 10, 4)) for _ in range(400)]
    written = io.BytesIO()
    real = sentencepiece.SentencePieceTrainer.train

    def train(**options: Any) -> None:
        real(**{**options, "model_writer": written})
        options["model_writer"].write(written.getvalue())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sentencepiece.SentencePieceTrainer, "train", train)
        words = trained_pieces([" ".join(text.split()) for text in texts], 60)
    model = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    return words, lambda text: list(model.encode(text, out_type=str))


PIECE_LETTERS = "手机壳怎么还款花呗哈godphnecasbt12龘 "


@given(st.text(PIECE_LETTERS, max_size=20) | st.text("哈手机 ", max_size=12))
def test_pieces_are_those_of_sentencepiece(pieces: tuple[Words, Cut], text: str) -> None:
    words, theirs = pieces
    runs = " ".join(text.split())
    expected: list[str] = []
    for piece in theirs(runs):  # which takes neighbours that are not listed together
        expected += [piece] if piece in words.spellings else piece
    assert cut(PieceSegmenter(words), runs) == expected


def test_pieces_are_learned_alike_each_time_and_as_many_as_wanted(
    pieces: tuple[Words, Cut],
) -> None:
    texts = [f"{a}{b} {c}" for a in "手机壳" for b in "怎么还" for c in ("go", "no", "on")]
    words = trained_pieces(texts, 20)
    assert words == trained_pieces(iter(texts), 20) and 9 < len(words.spellings) <= 19
    assert words.unlisted == pytest.approx(min(words.scores) - 10)
    for few, wanted in (([], 8000), (texts, 5)):
        with pytest.raises(DataError, match="--pieces") as error:
            trained_pieces(few, wanted)
        assert "\n" not in str(error.value)


def lookup(tokenizer: str, words: Words, most: int = 8) -> Lookup:
    return Lookup.of(TextConfig(tokenizer, most, 16), Vocabulary(["手机"], 16), words)


SMALL_LIST = Words(("手机", "壳", "t恤", "▁手机"), (-1.0, -2.0, -2.0, -1.0), -9.0)


def test_units_are_described_by_trigrams_where_the_script_has_spaces() -> None:
    found = lookup("jieba", SMALL_LIST).describe("手机 t恤 café 好+")
    assert [(each.unit, each.features) for each in found] == [
        ("手机", ["手机"]),
        ("t恤", ["t恤"]),
        ("cafe", ["#ca", "caf", "afe", "fe#"]),
        ("好", ["好"]),
        ("+", ["+"]),
    ]
    assert found[0].ids == [1]
    whole = lookup("sentencepiece", SMALL_LIST).describe("手机 ab")
    assert [each.features for each in whole] == [["▁手机"], ["▁"], ["a"], ["b"]]


def test_marks_stay_with_their_letters() -> None:
    assert lookup("jieba", SMALL_LIST).cut("हिन्दी भाषा").units == ["हिन्दी", "भाषा"]


@pytest.mark.parametrize("tokenizer", ["jieba", "sentencepiece"])
def test_a_long_line_is_cut_before_it_is_searched_for_words(tokenizer: str) -> None:
    found = lookup(tokenizer, SMALL_LIST)
    texts = ["x" * 1_000_000, "手机" * 4, "手机 " * 90, "x" * 129, "", "y" * 65, "z " * 8]
    units = [found.cut(text) for text in texts]
    jieba = tokenizer == "jieba"
    assert [each.truncated for each in units] == [
        *(True, False, True, True, False),
        *((True, False) if jieba else (True, True)),
    ]
    index = TextIndex(found)
    index.add(texts)
    assert index.cuts.texts == sum(each.truncated for each in units)
    lengths = index.lengths(np.arange(len(texts))).tolist()
    assert lengths == [len(each.units) for each in units]
    # 16 characters for each of the 8 units that are read: one word that is read whole but for that.
    blank = Words((), (), -1.0)
    whole = Lookup.of(TextConfig("jieba", 2, 16), Vocabulary([], 16), blank).cut("abc " * 9)
    assert whole.units == ["abc", "abc"] and whole.truncated
    edge = Lookup.of(TextConfig("jieba", 1, 16), Vocabulary([], 16), blank)
    assert edge.cut("a" * 16) == (["a" * 16], Cuts())
    assert edge.cut("a" * 17) == (["a" * 16], Cuts(1, 1, 18, 0, 0))


def test_a_list_of_words_survives_being_written() -> None:
    for words in (SMALL_LIST, Words((), (), -3.0), Words(("好",), (0.1 + 0.2,), -1e-17)):
        assert words_from_text(words.to_text(), "w") == words
    assert SMALL_LIST.digest != SMALL_LIST._replace(unlisted=-8.0).digest


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\t-9.0\n手机\tmany\n", 2),
        ("\t-9.0\n手机\t-1.0\n机\tnan\n", 3),
        ("\t-inf\n手机\t-1.0\n", 1),
        ("\t-9.0\n手机\t-1e7\n", 2),
        ("\t-9.0\n\t-1.0\n", 2),
        ("手机\t-1.0\n", 1),
        ("\t-9.0\n手机\t-1.0\n手机\t-2.0\n", 3),
        ("\t-9.0\n手机\t-1.0\t-2.0\n壳\n", 2),
        ("\t-9.0\n手机\n", 2),
        ("\t-9.0\n\n", 2),
        ("\t\t-9.0\n", 1),
        ("\t-9.0\n手机\t\t-1.0\n", 2),
        (f"\t-9.0\n{'x' * 65}\t-1.0\n", 2),
        ("\n", 1),
    ],
)
def test_a_damaged_list_of_words_is_refused_at_its_line(text: str, line: int) -> None:
    with pytest.raises(RunError, match=f"^w:{line}: "):
        words_from_text(text, "w")


@pytest.mark.parametrize("text", ["", "\t-9.0\n手机\t-1.0"])
def test_a_list_of_words_that_is_cut_short_is_refused(text: str) -> None:
    with pytest.raises(RunError, match="cut short"):
        words_from_text(text, "w")


def test_a_user_s_words_take_the_place_of_the_stock_ones(tmp_path: Path) -> None:
    stock = Dictionary({"手机": 40, "壳": 10, "手": 30, "机": 20, "花": 5}, 1000)
    file = tmp_path / "own.txt"
    file.write_text("\ufeff手机壳 7 n\n\n花呗 nz\nＴ恤 3\r\n手机 0\niPhone\n壳 12\n", "utf-8")
    own = with_own(stock, file, AS_JIEBA)
    assert own.frequencies == {
        **{"手机壳": 7, "t恤": 3, "手机": 0, "壳": 12, "手": 30, "机": 20, "花": 5},
        **{"花呗": 1, "iphone": 2},  # enough to be one word: more than the parts' chance
    }
    assert own.total == 1000 + 7 + 3 + 12 + 1 + 2
    segmenter = WordSegmenter(own.words())
    assert cut(segmenter, "花呗手机壳手机") == ["花呗", "手机壳", "手", "机"]


def test_a_word_without_a_frequency_is_one_word_however_frequent_its_parts(tmp_path: Path) -> None:
    stock = Dictionary({"人工": 900, "智能": 800, "工智": 2}, 2000)
    (tmp_path / "own.txt").write_text("人工智能\n", "utf-8")
    own = with_own(stock, tmp_path / "own.txt", AS_JIEBA)
    assert own.frequencies["人工智能"] == 361  # 900 / 2000 * 800 / 2000 * 2000 + 1
    assert cut(WordSegmenter(own.words()), "人工智能") == ["人工智能"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("手机 3\nc/d 5\n".encode(), 2),
        ("手机 -3\n".encode(), 1),
        ("手机 3 n x\n".encode(), 1),
        ("手机 很多\n".encode(), 1),
        ("手机 9999999999999\n".encode(), 1),
        ("好\n！！ 3\n".encode(), 2),
        (b"ok 1\n" + b"x" * 65 + b"\n", 2),
        (b"ok\n\n\xff\n", 3),
    ],
)
def test_a_bad_line_of_a_user_s_dictionary_is_named(
    tmp_path: Path, content: bytes, line: int
) -> None:
    file = tmp_path / "own.txt"
    file.write_bytes(content)
    with pytest.raises(DataError, match=rf"own\.txt:{line}: "):
        with_own(Dictionary({"好": 1}, 10), file, TextConfig("jieba"))


def test_a_dictionary_that_is_not_there_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match="No such file"):
        with_own(Dictionary({"好": 1}, 10), tmp_path / "none", TextConfig("jieba"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(DssmError, match="pip install jieba"):
        stock_dictionary(TextConfig("jieba"))


def test_stock_words_are_as_texts_have_them(stock: Dictionary) -> None:
    assert stock.frequencies["t恤"] > 0 and "T恤" not in stock.frequencies
    for word in list(stock.frequencies)[:2000]:
        assert normalize(word).translate(SPACED) == word
    assert stock.words().unlisted == -math.log(stock.total)
