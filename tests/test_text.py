"""Text: one normalisation, units, features, ids, blocks."""

from __future__ import annotations

import itertools
import string
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssmcli.config import TOKENIZERS, TextConfig
from dssmcli.errors import DataError, RunError
from dssmcli.text.blocks import TextIndex, UnitDropout
from dssmcli.text.folding import Folder
from dssmcli.text.limits import Cuts, cut_note
from dssmcli.text.normalize import normalize
from dssmcli.text.numbers import Numbers
from dssmcli.text.ragged import Ragged
from dssmcli.text.spill import RaggedFile
from dssmcli.text.tokenizers import Lookup
from dssmcli.text.units import letter_trigrams, mixed_features
from dssmcli.text.vocab import (
    Vocabulary,
    frequent_features,
    read_features,
    shipped_features,
    vocabulary_from_text,
)
from dssmcli.text.words import Words

SIGNED = "5d1xa.,-+#×'好 NeT:½€🇩e\ufe0f"
"""Characters of numbers, and of names with signs."""
COMPOSING = "eE\u0301\u200d\u00ad\u1100\u1161\u11a8ΣΑİﬁ a\n'好"
"""Characters whose normal form depends on what stands beside them, and some that do not care."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello  World\t", "hello world"),
        ("ＡＢＣ１２３（手机）", "abc123(手机)"),
        ("ﬁne ①", "fine 1"),
        ("a\x00b\u200bc\ufeff", "abc"),
        ("line\u2028two\x85three\u3000four", "line two three four"),
        ("ΑΒΓ ПРИВЕТ", "αβγ привет"),
        ("", ""),
        (" \t\r", ""),
    ],
)
def test_normalisation_folds_what_looks_alike(text: str, expected: str) -> None:
    assert normalize(text) == expected


def test_format_characters_go_before_letters_are_composed() -> None:
    assert normalize("e\u200d\u0301") == "é" == normalize(normalize("e\u200d\u0301"))


@given(st.text() | st.text(COMPOSING, max_size=8))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalize(text)
    assert normalize(once) == once
    assert once == once.strip() and "  " not in once and "\n" not in once
    assert not any(unicodedata.category(char) == "Cc" for char in once)


ODD_SPACES = "\t\n\r\x0b\x1c\x85\xa0\u2028\u3000\u00b4\x00\ufeff𝚺ς™Ａ"
FOLDER = Folder()


@given(st.lists(st.text() | st.text(COMPOSING + ODD_SPACES, max_size=8), max_size=6))
def test_many_texts_are_normalised_as_one_is(texts: list[str]) -> None:
    assert FOLDER.normalized(texts) == list(map(normalize, texts))


@pytest.mark.parametrize("around", ["{}", "a{}b", "e{}\u0301", "가{}", "Σ{}", " {}", "Α{}"])
def test_every_character_is_normalised_as_it_is_alone(around: str) -> None:
    texts = [around.format(chr(code)) for code in (*range(0x3400), *range(0xF900, 0x1F300))]
    assert FOLDER.normalized(texts) == list(map(normalize, texts))


def test_a_character_that_joins_the_one_before_it_never_stands_alone() -> None:
    for code in range(0x110000):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            assert not normalize.stands_alone(chr(int(parts[1], 16))), hex(code)


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("iphone 12手机壳,红", ["iphone", "12", "手", "机", "壳", "红"]),
        ("women's c++ 50% café", ["womens", "c++", "50", "%", "cafe"]),
        ("don’t stop", ["dont", "stop"]),
        ("한국어 ひらがな", ["한", "국", "어", "ひ", "ら", "が", "な"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("😀!?…", ["😀"]),
    ],
)
def test_mixed_scripts_become_characters_and_words(text: str, units: list[str]) -> None:
    assert Lookup.shipped("auto").cut(text).units == units


def test_a_word_is_its_letter_trigrams_repeats_included() -> None:
    assert letter_trigrams("good") == ["#go", "goo", "ood", "od#"]
    assert letter_trigrams("a") == ["#a#"]
    assert letter_trigrams("aaaa") == ["#aa", "aaa", "aaa", "aa#"]
    assert mixed_features("手") == ["手"] and mixed_features("%") == ["%"]
    assert mixed_features("a") == ["#a#"] and mixed_features("7") == ["#7#"]


def test_letter_trigrams_over_the_alphabet_never_collide() -> None:
    vocabulary = Lookup.shipped("auto").vocabulary
    letters = string.ascii_lowercase + string.digits
    ids = {
        feature: vocabulary.id(feature)
        for parts in itertools.product(f"#{letters}", letters, f"{letters}#")
        for feature in ["".join(parts)]
    }
    assert len(ids) == 37 * 36 * 37 == len(set(ids.values()))
    assert max(ids.values()) <= len(vocabulary.features)


def test_unknown_features_share_buckets_and_known_ones_do_not() -> None:
    vocabulary = Vocabulary(["a", "b"], buckets=4)
    assert (len(vocabulary), vocabulary.id("a"), vocabulary.id("b")) == (7, 1, 2)
    unknown = {vocabulary.id(f"x{i}") for i in range(100)}
    assert unknown == {3, 4, 5, 6}
    assert vocabulary.id("好") == Vocabulary(["a", "b"], buckets=4).id("好")


def test_a_vocabulary_survives_being_written() -> None:
    vocabulary = Vocabulary(["#go", "手", "%"], 8)
    again = vocabulary_from_text(vocabulary.to_text(), 8, "v")
    assert again.features == vocabulary.features and again.digest == vocabulary.digest
    for damaged in ("a\nb", "a\na\n", "a\n\nb\n"):
        with pytest.raises(RunError):
            vocabulary_from_text(damaged, 8, "v")


def test_a_vocabulary_of_one_s_own_is_checked(tmp_path) -> None:
    file = tmp_path / "v.txt"
    file.write_text("手\n机\n", "utf-8")
    assert read_features(file) == ["手", "机"]
    file.write_text("手\t12\n机\n#a#\t0\n", "utf-8")
    assert read_features(file) == ["手", "机", "#a#"]
    for content, said in (
        (b"a\na\n", ":2:"),
        (b"a\nb\t1\na\t2\n", ":3:.*repeated"),
        (b"a\tb\n", ":1:.*white space"),
        (b"\t3\n", ":1:.*white space"),
        (b"a\t1\t2\n", ":1:.*white space"),
        (b"", "no features"),
        (b"\xff\n", "UTF-8"),
    ):
        file.write_bytes(content)
        with pytest.raises(DataError, match=said):
            read_features(file)


def test_features_are_counted_most_frequent_first() -> None:
    assert frequent_features({"b": 1, "c": 2, "a": 2}) == ["a", "c", "b"]
    assert frequent_features({"b": 1, "a": 2}, least=2) == ["a"]
    assert len(shipped_features()) == len(set(shipped_features())) > 58_000


WORDS = Words(("好", "a", "好a", "ab", "▁", "▁e"), (-2.0, -3.0, -4.0, -2.5, -1.0, -2.0), -6.0)


def lookup_of(tokenizer: str, most: int) -> Lookup:
    return Lookup.of(TextConfig(tokenizer, most, 16), Vocabulary(["a", "b", "好"], 16), WORDS)


def index_of(texts: list[str], tokenizer: str = "auto", most: int = 8) -> TextIndex:
    index = TextIndex(lookup_of(tokenizer, most))
    index.add(texts)
    return index


def test_a_block_holds_each_distinct_unit_once_and_pads_with_unit_zero() -> None:
    index = index_of(["good 好 good", "", "好"])
    block = index.block(np.array([0, 1, 2, 0]))
    assert block.lengths.tolist() == [3, 0, 1, 3] and block.units.shape == (4, 3)
    assert block.units[1].tolist() == [0, 0, 0] and block.units[2, 1:].tolist() == [0, 0]
    assert len(block.starts) == 3 and block.features[0] == 0
    sizes = np.diff(np.append(block.starts, len(block.features)))
    assert sorted(sizes.tolist()) == [1, 1, 4]


@given(
    st.lists(
        st.text(max_size=12) | st.text(COMPOSING, max_size=12) | st.text(SIGNED, max_size=12),
        max_size=8,
    ),
    st.sampled_from(TOKENIZERS),
)
def test_a_block_says_of_a_text_what_describing_it_says(texts: list[str], tokenizer: str) -> None:
    index = index_of(texts, tokenizer)
    lookup = lookup_of(tokenizer, 8)
    block = index.block(np.arange(len(texts)))
    ends = np.append(block.starts[1:], len(block.features))
    for row, text in enumerate(texts):
        units = block.units[row, : block.lengths[row]]
        found = [block.features[block.starts[u] : ends[u]].tolist() for u in units]
        assert found == [described.ids for described in lookup.describe(text)]


@given(
    st.lists(st.text("ab#1好Ａé 😀", max_size=12) | st.text(max_size=12), max_size=8),
    st.sampled_from(TOKENIZERS),
)
def test_features_are_counted_as_texts_describe_themselves(
    texts: list[str], tokenizer: str
) -> None:
    index, lookup = index_of(texts, tokenizer), lookup_of(tokenizer, 8)
    chosen = np.arange(len(texts)) % 3 > 0
    expected = Counter(
        feature
        for text in itertools.compress(texts, chosen)
        for described in lookup.describe(text)
        for feature in described.features
    )
    assert index.feature_counts(chosen) == expected


def test_what_is_too_long_is_cut_and_counted() -> None:
    index = index_of(["a " * 9, "a " * 8, "x" * 65, "y" * 64])
    assert index.lengths(np.arange(4)).tolist() == [8, 8, 1, 1]
    assert index.cuts == Cuts(texts=2, many=1, longest=9, words=1, first=0)
    assert cut_note(index.cuts, 8) == (
        "Longer than the model reads (8 units), so cut: 1 text. To read more: dssm train "
        "--max-units 9. Words of more than 64 characters, of which no more is read (no option "
        "changes that): in 1 text."
    )
    found = [lookup_of("auto", 128).cut(text).cuts for text in ("x" * 5000, "a " * 4001, "a")]
    assert found == [Cuts(1, 0, 0, 1, 0), Cuts(1, 1, 4001, 0, 0), Cuts()]
    assert [cut_note(each, 128)[-12:].strip("-):") for each in found] == [
        *(" in 1 text.", "units 4100.", ""),
    ]


def test_ragged_rows_come_back_in_any_order() -> None:
    ragged = Ragged()
    ragged.extend(np.array([1, 2, 3]), np.array([2, 0, 1]))
    assert len(ragged) == 3
    ragged.extend(np.array([4, 5, 6]), np.array([3]))
    values, lengths = ragged.take(np.array([3, 1, 0, 3]))
    assert values.tolist() == [4, 5, 6, 1, 2, 4, 5, 6] and lengths.tolist() == [3, 0, 2, 3]


def test_unit_dropout_leaves_its_share_and_never_an_empty_text() -> None:
    lengths = np.array([1, 0, 50, 2] * 500)
    flat = np.arange(lengths.sum())
    kept, left = UnitDropout(0.3, np.random.default_rng(0).random(len(flat))).thinned(flat, lengths)
    assert (left[lengths > 0] >= 1).all() and (left[lengths == 0] == 0).all()
    assert left.sum() == len(kept) and 0.65 < left[lengths == 50].mean() / 50 < 0.75
    assert (np.diff(kept) > 0).all()


def test_document_frequency_counts_texts_not_uses() -> None:
    chosen = np.array([True, True, True, False])
    frequency = index_of(["好 好", "好", "a", "b"], "word").document_frequency(chosen)
    assert frequency[3] == 2 and frequency[1] == 1 and frequency[2] == 0


@given(st.lists(st.lists(st.integers(0, 40).map(lambda n: n << 58), max_size=30), max_size=8))
def test_numbers_are_those_of_a_dict(portions: list[list[int]]) -> None:
    numbers, known = Numbers(), dict[int, int]()
    for portion in portions:
        hashes = np.array(portion, np.uint64)
        new = [i for i, each in enumerate(portion) if each not in [*known, *portion[:i]]]
        for each in portion:
            known.setdefault(each, len(known))
        found, first = numbers.number(hashes)
        assert found.tolist() == [known[each] for each in portion] and first.tolist() == new
        assert numbers.find(hashes).tolist() == found.tolist() and len(numbers) == len(known)
    numbers.shorten(2)
    for each, number in known.items():
        expected = number if number < 2 else -1
        assert numbers.find(np.array([each], np.uint64)).tolist() == [expected]


def test_numbers_outgrow_their_first_table() -> None:
    numbers, hashes = Numbers(), np.random.default_rng(0).integers(0, 1 << 63, 50_000, np.uint64)
    assert (numbers.number(hashes)[0] == np.arange(50_000)).all()
    assert (numbers.find(hashes[::-1]) == np.arange(50_000)[::-1]).all()


@pytest.mark.parametrize("large", [1, 1 << 30])
def test_rows_in_a_file_are_those_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    monkeypatch.setattr("dssmcli.text.spill._LARGE", large)
    monkeypatch.setattr("dssmcli.text.spill._RELEASED_EVERY", 3)
    filed, held, random = RaggedFile(tmp_path), Ragged(), np.random.default_rng(0)
    for _ in range(3):  # it can grow after having been looked at
        lengths = random.integers(0, 4, 50)
        values = random.integers(0, 1 << 31, lengths.sum())
        filed.extend(values, lengths)
        held.extend(values, lengths)
        assert len(filed) == len(held)
        for _ in range(4):
            rows = random.integers(0, len(held), 10)
            for found, expected in zip(filed.take(rows), held.take(rows), strict=True):
                np.testing.assert_array_equal(found, expected)
            np.testing.assert_array_equal(filed.lengths(rows), held.take(rows)[1])
    assert list(tmp_path.iterdir()) == []
