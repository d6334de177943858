"""Tables read row by row: every field as csv has it, bad rows named or set aside, nothing lost."""

from __future__ import annotations

import csv
import gzip
import io
import sys
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from dssmcli.data import records
from dssmcli.data.located_table import read_located
from dssmcli.data.records import open_table
from dssmcli.data.table import read_table
from dssmcli.data.tsv import BadRows
from dssmcli.errors import DataError

FIELDS = st.text(st.sampled_from('ab1 "\t,;\r\né手\u2028\ufeff\x00'), max_size=5)
ROWS = st.lists(st.lists(FIELDS, min_size=3, max_size=3), max_size=12)
PIECES = st.integers(1, 40)


def read(
    source: Path | str, bad: BadRows | None = None, piece: int = 1 << 17
) -> tuple[tuple[str, ...], list[list[str]]]:
    """Return the names and the rows of a table that is read in pieces of so many bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "PIECE_BYTES", piece)
        with open_table(str(source), bad or BadRows()) as file:
            picked = range(len(file.sheet.names))
            blocks = (file.columns(block, picked) for block in file.blocks(picked))
            rows = [[*row] for columns in blocks for row in zip(*columns, strict=True)]
            return file.sheet.names, rows


def read_bytes(folder: Path, content: bytes, bad: BadRows | None = None) -> list[list[str]]:
    file = folder / "t.csv"
    file.write_bytes(content)
    return read(file, bad)[1]


def written(row: list[str], delimiter: str, quote_all: bool) -> str:
    """Return a row as it stands in a file: what needs quotes has them."""
    special = {'"', "\n", "\r", delimiter}
    fields = [
        '"' + field.replace('"', '""') + '"' if quote_all or special & {*field} else field
        for field in row
    ]
    return delimiter.join(fields)


@given(
    rows=ROWS,
    delimiter=st.sampled_from("\t,;"),
    end=st.sampled_from(["\n", "\r\n"]),
    quote_all=st.booleans(),
    mark=st.booleans(),
    last=st.booleans(),
    packed=st.booleans(),
    blanks=st.sets(st.integers(0, 12)),
    piece=PIECES,
)
def test_every_field_is_as_csv_reads_it_wherever_a_piece_ends(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    delimiter: str,
    end: str,
    quote_all: bool,
    mark: bool,
    last: bool,
    packed: bool,
    blanks: set[int],
    piece: int,
) -> None:
    lines = [delimiter.join("xyz")]
    for number, row in enumerate(rows):
        lines += [""] * (number in blanks) + [written(row, delimiter, quote_all)]
    text = end.join(lines) + end * last
    # Lone quotes between delimiters are marks of inches.
    assume('"' not in {field.rstrip("\r") for line in lines for part in line.split("\n")
                      for field in part.split(delimiter)})  # fmt: skip
    assume(5 * text.count("\x00") < len(text))  # else it is taken for UTF-16, and refused
    content = b"\xef\xbb\xbf" * mark + text.encode()
    file = tmp_path_factory.getbasetemp() / "fields.csv"
    file.write_bytes(gzip.compress(content, mtime=0) if packed else content)
    names, found = read(file, piece=piece)
    assert names == ("x", "y", "z")
    plain = io.StringIO(text.replace("\r\n", "\n"), newline="")
    reference = [row for row in csv.reader(plain, delimiter=delimiter, strict=True) if row][1:]
    assert found == reference
    assert found == [[field.replace("\r\n", "\n") for field in row] for row in rows]


GOOD = st.sampled_from(["1,2", "a,", '"q, ""r""\ns",t', "é,手", ",", "x\ry,z"])
BAD = st.sampled_from([b"one", b"a,b,c", b"\xff,1", b'"\xff\n",1', b'"a"b,1'])


@given(rows=st.lists(st.one_of(GOOD, BAD), max_size=15), piece=PIECES)
@example(rows=[b'"a"b,1', "1,2", b"one", '"q, ""r""\ns",t'], piece=5)
def test_bad_rows_are_set_aside_as_they_are_in_their_order_and_no_good_one_is_lost(
    tmp_path_factory: pytest.TempPathFactory, rows: list[str | bytes], piece: int
) -> None:
    folder = tmp_path_factory.getbasetemp()
    raw = [row.encode() if isinstance(row, str) else row for row in rows]
    file, rejects = folder / "rows.csv", folder / "rejects.csv"
    file.write_bytes(b"\n".join([b"x,y", *raw]))
    bad = BadRows(True, rejects)
    _, found = read(file, bad, piece)
    plain = {"x\ry,z": ["x\ry", "z"]}
    expected = [
        plain.get(row) or next(csv.reader(io.StringIO(row, newline="")))
        for row in rows
        if isinstance(row, str)
    ]
    assert found == expected
    bad.write_rejects()
    wrong = [row for row in rows if isinstance(row, bytes)]
    assert rejects.read_bytes() == b"".join(row + b"\n" for row in wrong)
    assert bad.count == len(wrong)
    if wrong:
        line = b"\n".join([b"x,y", *raw[: rows.index(wrong[0])]]).count(b"\n") + 2
        with pytest.raises(DataError) as error:
            read(file, piece=piece)
        assert str(error.value).startswith(f"{file}:{line}:")
        assert str(error.value).startswith(f"{bad.first} Skip such rows")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b\n1,2\n1\n", "t.csv:3: 1 field, expected 2 as the header has. Skip such rows with"),
        (b"a,b\n1,2\n1,2,3\n", "t.csv:3: 3 fields, expected 2"),
        (b"a,b\n1,\xff\n", "t.csv:2:3: invalid UTF-8 (byte 0xff)"),
        (b'a,b\n1,"x"y\n', "t.csv:2: a quoted field goes on behind its closing quote ("),
        (b'a,b\n1,2\n"3,4\n5,6\n', "t.csv:3: a quote opens a field and none closes it"),
        (b"", "t.csv: empty, expected a header line"),
        (b"\n\r\n\n", "t.csv: empty, expected a header line"),
        (b"a,b,a\n1,2,3\n", 't.csv:1: the header names "a" twice'),
        (b"\na, a\n1,2\n", 't.csv:2: the header names "a" twice'),
        (b"a,column_1,\n", ""),
        (b",column_1\n", 't.csv:1: the header names "column_1" twice'),
        (b"a,\xff\n1,2\n", "t.csv:1:3: invalid UTF-8"),
        (b'"a,b\n1,2\n', "t.csv:1: a quote opens a field and none closes it"),
        ("a,b\n".encode("utf-16"), "t.csv:1: looks like UTF-16"),
        (gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:30], "damaged gzip"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    if not said:
        assert read_bytes(tmp_path, content) == []
        return
    with pytest.raises(DataError) as error:
        read_bytes(tmp_path, content)
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "again",
    ["item,user\n", "item,user\r\n", "item,user", '"item","user"\n', "\ufeffitem,user\n"],
)
def test_the_header_in_another_order_further_down_is_never_a_row(
    tmp_path: Path, again: str
) -> None:
    content = f"user,item\nu1,i1\n{again}".encode()
    for bad in (BadRows(), BadRows(skip=True)):
        with pytest.raises(DataError, match=r"t.csv:3: a header in the middle .* another order"):
            read_bytes(tmp_path, content, bad)


def test_fields_that_are_names_of_columns_are_fields(tmp_path: Path) -> None:
    """Only a row of all the names is a header, and none of single letters or numbers."""
    content = b"user,item,to\nitem,user,user\nx,user,item\n"
    assert len(read_bytes(tmp_path, content)) == 2
    assert read_bytes(tmp_path, b"0,1\n1,0\n") == [["1", "0"]]
    assert read_bytes(tmp_path, b"a,b\nb,a\n") == [["b", "a"]]


@pytest.mark.parametrize("header", [b"a,\xff", b'"a"b,c', b"a,a"])
def test_a_bad_header_is_never_skipped_for_the_row_after_it(tmp_path: Path, header: bytes) -> None:
    bad = BadRows(skip=True)
    with pytest.raises(DataError):
        read_bytes(tmp_path, header + b"\n1,2\n3,4\n", bad)
    assert not bad.count


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (b"a,b;c\td", ("a,b;c", "d")),
        (b"a;b;c,d", ("a", "b", "c,d")),
        (b'"a,b,c";d', ("a,b,c", "d")),
        (b"alone", ("alone",)),
        (b"\n\r\na,b", ("a", "b")),
        (b"\xef\xbb\xbf\"x\ny\",'b'", ("x\ny", "'b'")),
        (b",a,\xe6\x89\x8b , ", ("column_1", "a", "手", "column_4")),
    ],
)
def test_the_header_says_the_delimiter_and_names_every_column(
    tmp_path: Path, header: bytes, names: tuple[str, ...]
) -> None:
    file = tmp_path / "t"
    file.write_bytes(header + b"\n")
    for piece in (1, 3, 1000):
        assert read(file, piece=piece) == (names, [])


def test_every_row_is_found_on_its_line_however_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ["a,b", "1,x", "", "2,y", '3,"two', 'lines"', "4,z", "bad", "5,x", '"6","q"', "", "7,x"]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(rows) + "\n\n")
    for size in (1, 8, 20, 1 << 18):
        monkeypatch.setattr(records, "PIECE_BYTES", size)
        located = read_located([str(path)], BadRows(skip=True), lambda _: None)
        firsts = located.table.columns["a"]
        found = {firsts.values[c]: n for c, n in zip(firsts.codes, located.line, strict=True)}
        assert found == {"1": 2, "2": 4, "3": 5, "4": 7, "5": 9, "6": 10, "7": 12}, size
        assert located.place(2) == f"{path}:5" and located.files[0].bad == 1


def test_a_blank_line_is_no_row_even_of_one_column(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, b"a\n1\n\n2\n\n") == [["1"], ["2"]]
    assert read_bytes(tmp_path, b'a\n1\n""\n\r\n2') == [["1"], [""], ["2"]]


def test_a_field_of_a_megabyte_is_read_and_a_quote_never_closed_costs_its_line_only(
    tmp_path: Path,
) -> None:
    long = "x" * (1 << 20)
    for field in (long + "y", f'"{long} and, more"', '"' + "line\n" * 150_000 + '"'):
        rows = read_bytes(tmp_path, f'a,b\n1,{field}\n"2",3\n'.encode())
        assert rows == [["1", field.strip('"')], ["2", "3"]]
    bad = BadRows(skip=True)
    rows = read_bytes(tmp_path, b'a,b\n1,"open\n' + b"2,3\n" * 400_000, bad)
    assert len(rows) == 400_000 and bad.count == 1
    assert "t.csv:2: a quote opens a field and none closes it" in str(bad.first)


def test_a_lone_carriage_return_is_text_with_quotes_beside_it_and_without(tmp_path: Path) -> None:
    for other in (b"2", b'"2"'):
        content = b"a,b\r\nx\ry," + other + b'\r\n3,4\r\n"5\r6\r\n7",8\r\n'
        expected = [["x\ry", "2"], ["3", "4"], ["5\r6\n7", "8"]]
        assert read_bytes(tmp_path, content) == expected


def test_bad_rows_in_lines_with_and_without_quotes_come_in_the_order_of_the_file(
    tmp_path: Path,
) -> None:
    # Blocks are drawn ahead of the rows of the ones before, as several processes do it.
    file = tmp_path / "t.csv"
    file.write_bytes(b'a,b\nwrong one\n"x","y"\n"wrong" two,\n1,2\nwrong three\n')
    bad = BadRows(True, tmp_path / "bad")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "PIECE_BYTES", 10)
        with open_table(str(file), bad) as table:
            rows = [table.columns(block, [0]) for block in [*table.blocks([0])]]
    assert [field for columns in rows for field in columns[0]] == ["x", "1"]
    assert bad.count == 3
    bad.write_rejects()
    assert (tmp_path / "bad").read_text() == 'wrong one\n"wrong" two,\nwrong three\n'
    with open_table(str(file), BadRows()) as table:
        blocks = [*table.blocks([0])]
        with pytest.raises(DataError, match=r"t.csv:2: 1 field"):
            _ = [table.columns(block, [0]) for block in blocks]


def test_a_table_is_the_same_however_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "a,b\n" + "".join(f'{i % 7},"x {i % 3}"\n' for i in range(200))
    plain, packed, other = tmp_path / "t.csv", tmp_path / "t.gz", tmp_path / "t.tsv"
    plain.write_text(text)
    packed.write_bytes(gzip.compress(text.encode(), mtime=0))
    other.write_text(text.replace(",", "\t").replace('"', "").replace("\n", "\r\n"))
    tables = [read_table([str(file)], BadRows()) for file in (plain, packed, other)]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    tables.append(read_table(["-"], BadRows()))
    monkeypatch.setattr(records, "PIECE_BYTES", 50)
    tables.append(read_table([str(plain)], BadRows()))
    for table in tables:
        assert table.digest == tables[0].digest and table.rows == 200
        assert [table.columns["b"].values[i] for i in table.columns["b"].codes[:4]] == [
            *("x 0", "x 1", "x 2", "x 0")
        ]
    with pytest.raises(DataError, match="<stdin>: closed, or read already"):
        read_table(["-"], BadRows())


def test_other_files_may_have_the_columns_in_another_order_and_more_of_them(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("1.csv", "2.tsv", "3.csv"))
    first.write_text("a,b\n1,2\n")
    second.write_text("b\tc\ta\n4\t0\t3\n")
    table = read_table([str(first), str(second)], BadRows())
    read_in = {name: [c.values[i] for i in c.codes] for name, c in table.columns.items()}
    assert read_in == {"a": ["1", "3"], "b": ["2", "4"]}
    third.write_text("a,bb\n1,2\n")
    with pytest.raises(DataError, match=r'3.csv: the header has no column "b".*Is it "bb"\?'):
        read_table([str(first), str(third)], BadRows())
    first.write_text("a,b\n")
    with pytest.raises(DataError, match=r"1.csv: a header and no rows"):
        read_table([str(first)], BadRows())


def test_ten_thousand_columns_are_read_by_name(tmp_path: Path) -> None:
    file, names = tmp_path / "wide.csv", [f"c{i}" for i in range(10_000)]
    file.write_text(",".join(names) + "\n" + ",".join(["1"] * 10_000) + "\n")
    assert len(read_table([str(file), str(file)], BadRows()).columns) == 10_000


@pytest.mark.parametrize("piece", [7, 1 << 17])
@pytest.mark.parametrize(
    "again",
    ["x, y", '"x"," y"', "\ufeffx, y", "x, y\r"],
)
@pytest.mark.parametrize("last", ["3,4", '"3",4'])
def test_the_header_once_more_is_no_row(tmp_path: Path, again: str, last: str, piece: int) -> None:
    file, bad = tmp_path / "t.csv", BadRows()
    file.write_text(f"x, y\n1,2\nxx, y\n{again}\n{last}\n", "utf-8", newline="")
    names, rows = read(file, bad, piece)
    assert names == ("x", "y")
    assert rows == [["1", "2"], ["xx", " y"], ["3", "4"]]
    assert bad.headers == [f"{file}:4"]
    assert bad.summary == (
        f"The header stands again further down, which is no row: 1 line ({file}:4)."
    )


@pytest.mark.parametrize("said", ["sep=;", '"sep=;"', "\ufeffsep=;", "\nSEP=;\r"])
def test_a_line_of_excel_says_what_stands_between_the_fields(tmp_path: Path, said: str) -> None:
    file = tmp_path / "t.csv"
    file.write_text(f"{said}\nx;y, z\n1;2\n", "utf-8", newline="")
    assert read(file) == (("x", "y, z"), [["1", "2"]])
    file.write_text("sep=|\nx|y\n1|2\n", "utf-8")
    assert read(file) == (("x", "y"), [["1", "2"]])


SWALLOWED = (
    ('a\tb\tc\n1\t2\t"Great\n3\t4\tok\n5\t6\t"\n7\t8\tend\n', 4),
    # The last quote is never closed; one in the middle is closed within its line.
    ('a\tb\n1\t"x\n2\ty\n3\t"z"\n4\t"w\n', 4),
    ('a,b,c,d\n1,2,3,"x\n1,2,3,4\n"5,6,7,8\n', 3),
    # What would be joined has too many fields.
    ('a\tb\tc\n"1\t2\t3\n4\t5\t"6\n7\t8\t9\n', 3),
)


@pytest.mark.parametrize(("content", "rows"), SWALLOWED)
@pytest.mark.parametrize("piece", [7, 1 << 20])
def test_a_quote_that_would_join_whole_rows_is_a_character(
    tmp_path: Path, content: str, rows: int, piece: int
) -> None:
    path, bad = tmp_path / "t.tsv", BadRows()
    path.write_text(content, "utf-8")
    _, found = read(path, bad, piece)
    delimiter = "\t" if "\t" in content else ","
    expected = [line.split(delimiter) for line in content.splitlines()[1:]]
    expected = [[each[1:-1] if each == '"z"' else each for each in row] for row in expected]
    assert found == expected and len(found) == rows
    assert "are taken as characters: " in bad.summary and f"({path}:2" in bad.summary


def test_fields_of_several_lines_stay_fields(tmp_path: Path) -> None:
    for content, row in (
        ('a\tb\n1\t"two\nlines"\n', ["1", "two\nlines"]),
        ('a,b\n1,"one, two\nthree, four"\n', ["1", "one, two\nthree, four"]),
        ('a,b,c,d\n1,2,3,"x\ny,z"\n', ["1", "2", "3", "x\ny,z"]),
    ):
        assert read_bytes(tmp_path, content.encode()) == [row]
