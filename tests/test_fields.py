"""Columns read by hashes of bytes: every text is what a plain dict says it is."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssmcli.data import features, forms
from dssmcli.data.fields import LONG, Fields, Index, fields_in
from dssmcli.data.records import open_table
from dssmcli.data.sheets import Sheet
from dssmcli.data.tsv import BadRows

UNKNOWN = 1_000_003

_SHORT = st.text(st.sampled_from("ab0\x00é北😀\x0b\x1c\u2028\x85 "), max_size=20)
_LENGTHS = st.sampled_from([7, 8, 9, 15, 16, 17, LONG - 1, LONG, LONG + 1, 8191, 8192, 8193])
_REPEATED = st.builds(lambda n, end: "x" * (n - 1) + end, _LENGTHS, st.sampled_from("xy\x00"))
FIELD = st.one_of(_SHORT, st.text(st.sampled_from("01."), max_size=9), _REPEATED)


def column_of(texts: Sequence[str]) -> Fields:
    """Return texts as the second of three columns."""
    lines = "\n".join(f"é,{text}," for text in texts)
    found = fields_in(lines.encode(), ",", 3, [1])
    assert found is not None
    return found[0]


def looked_up(known: Mapping[str, int], texts: Sequence[str]) -> list[int]:
    return [known.get(text, UNKNOWN) for text in texts]


@given(
    st.integers(1, 5).flatmap(
        lambda width: st.lists(st.lists(FIELD, min_size=width, max_size=width), min_size=1)
    ),
    st.sampled_from(",;\t"),
    st.data(),
)
def test_columns_are_what_splitting_gives(
    rows: list[list[str]], delimiter: str, data: st.DataObject
) -> None:
    width = len(rows[0])
    picked = data.draw(st.lists(st.integers(0, width - 1), min_size=1, max_size=6))
    content = "\n".join(delimiter.join(row) for row in rows).encode()
    found = fields_in(content, delimiter, width, picked)
    assert found is not None
    assert [[*column] for column in found] == [[row[place] for row in rows] for place in picked]
    for column in found:
        assert [column[i] for i in range(len(column))] == [*column]
        assert [*column[1:3]] == [*column][1:3] and len(column) == len(rows)


@given(st.binary(max_size=60), st.sampled_from(",;\t"), st.integers(1, 5))
def test_any_bytes_are_read_as_strings_are_or_left_to_these(
    content: bytes, delimiter: str, width: int
) -> None:
    content = content.replace(b'"', b",")
    sheet = Sheet("t", tuple("abcde"[:width]), delimiter)
    picked = [*range(width)]
    plain, found = sheet.plain(content, picked), sheet.fields(content, picked)
    assert (plain is None) == (found is None)
    assert plain is None or found is None or [[*column] for column in found] == [*plain]


def test_lines_of_another_width_are_no_columns() -> None:
    for content in (b"a,b\nc", b"a,b\nc,d,e", b"a,b,c\nd", b"a,b\n\nc,d", b"a\nb,c,d"):
        assert fields_in(content, ",", 2, [0]) is None, content


@given(st.lists(FIELD, unique=True), st.lists(FIELD, min_size=1))
def test_an_index_finds_what_a_dict_finds(texts: list[str], others: list[str]) -> None:
    known = {text: number for number, text in enumerate(texts, start=7)}
    asked = [*others, *texts, ""]
    assert Index(known).find(column_of(asked), UNKNOWN).tolist() == looked_up(known, asked)


@pytest.mark.parametrize("count", [0, 1, 2, 100, 5_000, 40_000])
@pytest.mark.parametrize("own", [[], [""], ["x" * 300], ["x" * 300, ""], ["", "x" * 300]])
def test_empty_and_long_texts_are_not_taken_for_others(count: int, own: list[str]) -> None:
    known = {text: i for i, text in enumerate([*own, *(f"k{i}" for i in range(count))])}
    asked = ["", "x" * 300, "y" * 300, "k0", f"k{count - 1}", "k", "\x00", "", "x" * LONG]
    assert Index(known).find(column_of(asked), UNKNOWN).tolist() == looked_up(known, asked)


def test_texts_that_are_nearly_the_same_are_told_apart() -> None:
    """One byte or NUL more or less, and changes of a word that the next might make undone."""
    ends = ["", *"\x00\x01\x02ab", "\x00\x00", "a\x00", "b\x00"]
    texts = {"x" * size + end for size in range(LONG) for end in ends}
    texts |= {chr(one) + "\x00" * size for one in range(1, 128) if one != 10 for size in range(8)}
    signs = "".join(map(chr, range(48, 123))).replace(";", "")
    texts |= {f"abcdefA{a}yyy{b}yyy{c}" for a in signs for b in "08px" for c in signs}
    hashes = column_of([text for text in texts if "," not in text and len(text) <= LONG]).hashes
    assert len(np.unique(hashes)) == len(hashes) > 20_000


@given(st.lists(st.lists(FIELD, min_size=1), min_size=1, max_size=4))
def test_a_reader_gives_the_same_rows_for_fields_as_for_texts(blocks: list[list[str]]) -> None:
    numbers = features.Numeric("a", 0.5, 1.0, 0.2, 1.0, (0.0, 0.5, 1.0), zero=True, missing=True)
    categories = features.Categorical("a", ("0", "1", "a", "x" * (LONG + 1)))
    other = features.Categorical("b", ("ab", "é", "1"))
    both = features.Schema((other, categories), (numbers,))
    one, two = features.Reader(both), features.Reader(both)
    for texts in blocks:
        expected = one.rows([texts, texts])
        found = two.rows([column_of(texts)] * 2)
        np.testing.assert_array_equal(found.codes, expected.codes)
        np.testing.assert_array_equal(found.numbers, expected.numbers)
        assert found.codes.min() >= 0
        np.testing.assert_array_equal(one.met, two.met)


@pytest.mark.parametrize("more", [0, 1])
def test_more_distinct_numbers_than_are_kept_make_no_difference(more: int) -> None:
    kept = forms._KEPT
    numbers = features.Numeric("a", 5.0, 3.0, 1.0, 1.0, (0.0, 5.0, 9.0), zero=False, missing=True)
    schema = features.Schema((features.Categorical("a", ("1", "", "17")),), (numbers,))
    blocks = [
        *([str(i) for i in range(begin, begin + size)] for begin, size in ((0, kept - 5), (3, 5))),
        *([f"{i}.5" for i in range(5 + more)], ["", "17", "9e9"], ["?", "no", "17", "0"]),
        [f"-{i}" for i in range(2 * kept)],
    ]
    reader = features.Reader(schema)
    ids = {"1": 1, "": 2, "?": 2, "17": 3}
    for texts in blocks:
        rows = reader.rows([column_of(texts)])
        np.testing.assert_array_equal(rows.numbers, numbers.forms(features.numbers_in(texts)))
        assert rows.codes[:, 0].tolist() == [ids.get(t, 0) for t in texts]
    assert reader.met[:2].tolist() == [[0], [1]]


@given(st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=8), st.booleans(), st.booleans())
def test_a_file_gives_the_fields_that_csv_writes(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str]],
    returns: bool,
    ended: bool,
) -> None:
    text = io.StringIO(newline="")
    end = "\r\n" if returns else "\n"
    writer = csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("one", "two"), *rows])
    quoted = text.getvalue().encode()
    plain = end.join(map(",".join, [("one", "two"), *rows])).encode() + end.encode() * ended
    path: Path = tmp_path_factory.mktemp("fields") / "t.csv"
    for content in (quoted, plain):
        path.write_bytes(content)
        with open_table(str(path), BadRows(False)) as file:
            columns: list[list[str]] = [[], []]
            for block in file.blocks([1, 0]):
                for column, found in zip(columns, file.fields(block, [1, 0]), strict=True):
                    column.extend(found)
        assert columns == [[two for _, two in rows], [one for one, _ in rows]]
