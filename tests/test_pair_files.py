"""Files of pairs and of titles as people have them: what is read, or what is said instead."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dssmcli.data.damage import FORMS, damage_in
from dssmcli.data.missing_texts import MISSING_TEXTS
from dssmcli.data.pairs import Pairs, read_pairs
from dssmcli.data.rows import USUAL, RowOptions
from dssmcli.data.titles import TitleOptions, TitleReader
from dssmcli.data.tsv import BadRows
from dssmcli.data.values import is_missing
from dssmcli.errors import DataError, DssmError
from dssmcli.rankings import query_figures
from tests.conftest import SMALL, TOWER, Dssm

TEXTS = ("a b\tc d", "e f\tg h", "i j\tk l", "m n\to p")


def values(*column: str) -> str:
    """Return rows of these values, beside texts that are all different."""
    return "".join(f"{TEXTS[i % 4]} {i}\t{value}\n" for i, value in enumerate(column))


def headed(header: str, *rest: str) -> str:
    return f"{header}\n" + "".join(f"{TEXTS[i]}{more}\n" for i, more in enumerate(rest))


def read(
    folder: Path,
    content: str,
    columns: str | None = None,
    kind: str | None = None,
    options: RowOptions = USUAL,
) -> Pairs:
    file = folder / "p.tsv"
    file.write_text(content, "utf-8", newline="")
    return read_pairs([str(file)], columns, kind, BadRows(), None, options)


HEADER, ROW = RowOptions(header=True), RowOptions(header=False)


@pytest.mark.parametrize(
    ("content", "kind", "expected", "numbers", "said"),
    [
        (values("1,234", "0", "3"), "clicks", "clicks", [1234, 0, 3], '"1,234", read as 1234'),
        (values(" 3 ", "1.0"), "clicks", "clicks", [3, 1], ""),
        (values("1e3", "0"), "clicks", "clicks", [1000, 0], ""),
        (values("１", "0"), None, "label", [1, 0], "Numbers not written plainly: 1"),
        (values("1\u00a0", "0", "１"), None, "label", [1, 0, 1], "Numbers not written plainly: 2"),
        (values("-1", "1", "\u22121"), None, "label", [0, 1, 0], "Labels of -1 are read as 0: 2."),
        (values("-1", "-1"), "label", "label", [0, 0], "Labels of -1"),
        (values("1", "1.0", "True", "0"), None, "label", [1, 1, 1, 0], '"True" is 1 (1)'),
        (values("TRUE", "false"), None, "label", [1, 0], '"false" is 0 (1)'),
        (values("yes", "no", "yes "), None, "label", [1, 0, 1], '"yes" is 1 (2)'),
        (values("Y", "N"), None, "label", [1, 0], '"N" is 0'),
        (values("是", "否"), None, "label", [1, 0], '"是" is 1'),
        (values("True", "0"), "clicks", "clicks", [1, 0], '"True" is 1'),
        (values("-2", "0.5"), "grade", "grade", [-2, 0.5], ""),
        (values("85%", "10%"), "grade", "grade", [0.85, 0.1], 'such as "85%", read as 0.85'),
        (headed("Query\tTitle\tLabel", "\t1", "\t0"), None, "label", [1, 0], ""),
        (headed("search_term\tproduct_name", "", ""), None, "click", [1, 1], '"search_term" is'),
        (headed("Search Term\tProduct Title", "", ""), None, "click", [1, 1], "--no-header"),
        (headed("q\tdoc", "", ""), None, "click", [1, 1], '"doc" is the title'),
        (
            headed("查询\t标题\t点击数", "\t4", "\t0"),
            None,
            "clicks",
            [4, 0],
            '"点击数" is the clicks',
        ),
        (headed("anchor\tpositive", "", ""), None, "click", [1, 1], '"positive" is the title'),
        (headed("question1\tquestion2\tis_duplicate", "\t1", "\t0"), None, "label", [1, 0], "is_"),
        (headed("query\ttitle\trelevance", "\t1", "\t0"), None, "label", [1, 0], "relevance"),
        (headed("query\ttitle\trelevance", "\t3", "\t0"), None, "grade", [3, 0], "relevance"),
        (headed("query\ttitle\tquery_id", "\tx", "\ty"), None, "click", [1, 1], "not read"),
        (headed('"query"\t"title"', "", ""), None, "click", [1, 1], "A header"),
        ("a b\tc d\nquery\ttitle\ne\tf\n", None, "click", [1, 1], "further down"),
        ("q\td\nq\tdoc\na\tb\n", None, "click", [1, 1, 1], ""),
        ("question\tanswer\nwhat\twhy\nquestion\tx\n", None, "click", [1, 1, 1], ""),
        ("iphone\tapple phone\nsofa\tcouch\n", None, "click", [1, 1], ""),
        ("keyword\tlisting\na b\tc\nd\te\n", None, "click", [1, 1, 1], "looks like a header"),
        ("foo_a\tbarList\na b\tc\nd\te\n", None, "click", [1, 1, 1], "looks like a header"),
        ("NULL\tx\na\tnan\nb\tc\n", None, "click", [1, 1, 1], "--null-texts skip"),
        ("a\tb\t1\t5\nc\td\t0\t3\n", None, "label", [1, 0], "is not used"),
    ],
)
def test_what_is_meant_is_read_and_said(
    tmp_path: Path,
    content: str,
    kind: str | None,
    expected: str,
    numbers: list[float],
    said: str,
) -> None:
    pairs = read(tmp_path, content, None, kind)
    assert (pairs.kind, pairs.value.tolist()) == (expected, numbers)
    assert said in "\n".join(pairs.notes) if said else not pairs.notes


TIMES = "".join(f"a lamp {i}\tb {i}\t1\t{1_709_251_200 + 7 * i}\n" for i in range(60))
IDS = "".join(f"a{i}\tb {i}\t1\t{20_000 + 37 * i}\n" for i in range(60))
PLACES = "".join(f"a lamp {i // 4}\tb {i}\t{i % 2}\t{1 + i % 4}\n" for i in range(40))


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (values("NULL", "1"), None, ':1:3: the value is missing ("NULL")'),
        (values("\\N", "1"), None, "--bad-rows skip"),
        (values("", "1"), None, "the value is missing"),
        (values("-1", "0", "1"), None, "--value grade"),
        (values("-1", "0", "1"), "label", "expected 0 or 1, or -1 and 1"),
        (values("-1", "1"), "clicks", "for labels of -1 and 1: --value label"),
        (values("True", "3"), None, "words such as yes or True, others numbers such as 3"),
        (values("0,5", "1"), "grade", 'value is "0,5"'),
        (values("0.5", "2"), None, "clicks or grades?"),
        (values("1709251200", "1709251300"), None, "look like times or ids"),
        (values("http://x", "http://y"), None, "--columns query,title,-"),
        (TIMES, None, "as times or ids are"),
        (IDS, None, "as times or ids are"),
        (PLACES, None, "as positions are"),
        ("a\tb\t3\t2\n", "clicks", "--columns query,title,value,-"),
        (headed("foo_a\tfoo_b\tfoo_c", "\t1", "\t0"), None, "say --header"),
        (headed("query\ttitle\tctr", "\t.1", "\t.2"), None, "--columns query,title,value "),
        (headed("query\ttitle\tbrand", "\tx", "\ty"), None, "--columns query,title,- "),
        ("a\tb\t1\ntitle\tquery\tlabel\nc\td\t0\n", None, ":2: a header in the middle"),
        ("query,title\na,b\n", None, "It looks like CSV, with commas"),
        ("a;b;1\n", None, "delimiter=';'"),
        (
            '{"query": "a", "title": "b", "label": 1}\n',
            None,
            "n=['query', 'title', 'label']",
        ),
        ("a\\tb\n", None, "written as two characters"),
        ("a\tb\tc\td\te\n", None, "--columns query,title,-,-,-"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_do(
    tmp_path: Path, content: str, kind: str | None, said: str
) -> None:
    with pytest.raises(DssmError) as caught:
        read(tmp_path, content, None, kind)
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "columns", "kind", "options", "rows"),
    [
        (values("-2", "0", "1"), None, "grade", USUAL, 3),
        (values("-1", "1"), None, "label", USUAL, 2),
        (values("1709251200", "1709251300"), "query,title,-", None, USUAL, 2),
        (TIMES, "query,title,value,-", None, USUAL, 60),
        (TIMES, "query,title,value,impressions", None, USUAL, 60),
        (PLACES, "query,title,value,-", None, USUAL, 40),
        (headed("foo_a\tfoo_b\tfoo_c", "\t1", "\t0"), None, None, HEADER, 2),
        (headed("query\ttitle\tctr", "\t.1", "\t.2"), "query,title,value", "grade", USUAL, 2),
        (headed("query\ttitle\tbrand", "\tx", "\ty"), "query,title,-", None, USUAL, 2),
        ("keyword\tlisting\na b\tc\nd\te\n", None, None, HEADER, 2),
        ("keyword\tlisting\na b\tc\nd\te\n", None, None, ROW, 3),
        (headed("q\tdoc", "", ""), None, None, ROW, 3),
        ("NULL\tx\na\tnan\nb\tc\n", None, None, RowOptions(skip_missing=True), 1),
        ("a\tb\tc\td\te\n", "query,title,-,-,-", None, USUAL, 1),
    ],
)
def test_following_what_was_said_leads_on(
    tmp_path: Path,
    content: str,
    columns: str | None,
    kind: str | None,
    options: RowOptions,
    rows: int,
) -> None:
    pairs = read(tmp_path, content, columns, kind, options)
    assert len(pairs) == rows
    assert not [line for line in pairs.notes if line.startswith("Warning")]


@pytest.mark.parametrize(
    "content",
    [
        'query,title,label\n"a, b",c,1\nd,e,0\n',
        'query,title,label\n"a\n b",c,1\n"d\te",e,0\n',
        '{"q": "a, b", "doc": "c", "label": 1}\n' * 2,
        r'{"q": "a\n b", "doc": "c\td", "label": 1}' + '\n{"q": "a", "doc": "c", "label": 0}\n',
        '[{"q": "a", "doc": "c", "label": 1}, {"q": "b", "doc": "c", "label": 0}]\n',
        '[\n  {"q": "a\\nb",\n "doc": "c",\n "label": 1},\n{"q":"b","doc":"c","label":0}]\n',
    ],
)
def test_the_command_that_converts_a_file_makes_pairs_of_it(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, content)
    command = str(caught.value).partition("Convert it: ")[2]
    (tmp_path / "FILE").write_text(content, "utf-8")
    subprocess.run(command, shell=True, cwd=tmp_path, check=True)
    pairs = read(tmp_path, (tmp_path / "pairs.tsv").read_text("utf-8"))
    assert len(pairs) == 2 and pairs.kind == "label"


@pytest.mark.parametrize(
    ("content", "options", "ids", "said"),
    [
        ("ID\tTitle\n1\tsofa\n2\tbed\n", (), ["1", "2"], "read as id,title"),
        ("ID\tTitle\n1\tsofa\n", ("title", False), ["ID", "1"], ""),
        ("id\ttitle\n1\tsofa\n", (), ["1"], ""),
        ("Title\nsofa\nbed\n", (), ["1", "2"], "read as title"),
        ("商品编号\t商品标题\n1\tsofa\n", (), ["1"], "read as id,title"),
        ("query\ttitle\na\tsofa\n", (), ["1"], "read as -,title"),
        ("part_no\tlong_name\n1\tsofa\n2\tbed\n", (), ["part_no", "1", "2"], "--header"),
        ("part_no\tlong_name\n1\tsofa\n", ("title", True), ["1"], ""),
        ("sofa\nNULL\nbed\n", (), ["1", "2", "3"], "--null-texts skip"),
        ("ID\tTitle\n1\tsofa\nID\tTitle\n2\tbed\n", (), ["1", "2"], "further down"),
        ("sofa\nred bed, blue\n", (), ["1", "2"], ""),
    ],
)
def test_titles_have_no_header_among_them(
    tmp_path: Path, content: str, options: tuple[str, bool], ids: list[str], said: str
) -> None:
    (tmp_path / "t").write_text(content, "utf-8")
    given = TitleOptions(options[1]) if options else TitleOptions()
    reader = TitleReader(None, BadRows(), options=given)
    assert [one for block in reader.read([str(tmp_path / "t")]) for one in block.ids] == ids
    lines = "\n".join(reader.reading.lines())
    assert said in lines if said else not lines


@pytest.mark.parametrize("content", ['{"id": 1, "title": "a"}\n' * 3, "id,title\n1,a\n2,b\n"])
def test_titles_in_json_or_csv_are_refused_unless_columns_say_they_are_titles(
    tmp_path: Path, content: str
) -> None:
    def titles(columns: str | None) -> Iterator[str]:
        for block in TitleReader(columns, BadRows()).read([str(tmp_path / "t")]):
            yield from block.texts

    (tmp_path / "t").write_text(content, "utf-8")
    with pytest.raises(DataError, match="If these are titles: --columns title"):
        list(titles(None))
    assert len([*titles("title")]) == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"text": "a b"}\n{"text": "c"}\n', b"JSON objects"),
        (b"1\ta b\n2\tc\n", b"cut -f2"),
        (b"Title\na b\nc d\n", b"looks like a header"),
        (b"id,title\n1,a\n2,b\n", b"look like CSV"),
        (b"a, b\nc d\n", b""),
    ],
)
def test_encode_warns_of_lines_that_are_no_texts(
    dssm: Dssm, run: Path, content: bytes, said: bytes
) -> None:
    done = dssm("encode", "-q", "-m", run, "--format", "tsv", stdin=content)
    assert done.code == 0 and len(done.out.splitlines()) == content.count(b"\n")
    assert said.decode() in done.err if said else not done.err


def test_what_programs_did_to_texts_is_found_by_lines() -> None:
    lines = ["fine\tplain & simple\t1", "1.2E+18\t#NAME?\t1", "caf\xc3\xa9\tna\xefve\t0"]
    lines += [
        "it\xe2\u20ac\u2122s\t\ufffd\t1",
        "a &amp; b\t<em>c</em>\t1",
        '"q"\tt\t1',
        "%e5%B0\t\t",
    ]
    found = damage_in("\n".join(lines).encode(), 1)
    assert {*found} == {*FORMS}
    assert (found["spreadsheet"].line, found["spreadsheet"].lines) == (2, 1)
    assert (found["encoding"].line, found["encoding"].lines) == (3, 2)
    assert found["html"].line == 5 and found["quotes"].line == 6
    assert (found["escapes"].line, found["escapes"].lines) == (7, 1)
    assert not damage_in("S\xe3o Paulo\tM\xe4rz \xa9 2E5\t1".encode(), 1)


ESCAPED = "%E5%B0%8F%E7%B1%B3", "red%20shoe", "\\u5c0f\\u7c73", "%u5c0f", "\\xe5\\xb0", "=E5=B0=8F"
NOT_ESCAPED = (
    "50% off",
    "100%",
    "20%30",
    "10%-20%",
    "c:\\users",
    "c:\\new\\table",
    "a=b",
    "5%de",
    "x%y",
    "50%25",
)


@pytest.mark.parametrize("text", ESCAPED)
def test_texts_of_escapes_are_found_and_warned_of_once(
    text: str, tmp_path: Path, dssm: Dssm, run: Path
) -> None:
    assert "escapes" in damage_in(f"a\t{text}".encode(), 1)
    content = "".join(f"red {i}\t{text if i % 8 == 0 else 'shoe'} {i}\n" for i in range(40))
    notes = [note for note in read(tmp_path, content).notes if "as escapes" in note]
    assert len(notes) == 1 and "5 of the first 40 lines" in notes[0] and notes[0][:9] == "Warning: "
    clean = content.replace(text, "hat", 3)
    assert not [note for note in read(tmp_path, clean).notes if "escapes" in note]  # too few
    encoded = dssm("encode", "-q", "-m", run, "--format", "tsv", stdin=f"{text}\n".encode() * 3)
    assert encoded.err.count("as escapes") == 1, encoded
    if "Decode them: " not in notes[0]:
        return
    (tmp_path / "FILE").write_text(content, "utf-8")
    command = notes[0].partition("Decode them: ")[2]
    subprocess.run(command, shell=True, cwd=tmp_path, check=True)
    mended = (tmp_path / "NEW").read_text("utf-8")
    assert mended.count("小米") + mended.count("小") + mended.count("red shoe") >= 5
    assert read(tmp_path, mended).notes == ()


@pytest.mark.parametrize("text", NOT_ESCAPED)
def test_signs_in_plain_texts_are_no_escapes(text: str) -> None:
    assert "escapes" not in damage_in(f"a\t{text} b\t1".encode(), 1)


def test_grades_below_0_rank_as_those_that_are_shifted_do(dssm: Dssm, tmp_path: Path) -> None:
    grades = np.array([-2.0, 0, 1, -1])
    plain = query_figures([4, 3, 2, 1], grades + 2, grades > 0, [0] * 4, (3,))
    rows = "".join(f"red sofa\tw{i} {grade:g}\t{grade:g}\n" for i, grade in enumerate(grades))
    rows += "lamp\tlight\t1\nbed\tcot\t-2\n"
    (tmp_path / "p.tsv").write_text(rows, "utf-8")
    options = (*TOWER["cnn"], *SMALL[:-1], "--epochs", "1", "--value", "grade")
    made = dssm("train", tmp_path / "p.tsv", *options, "-o", tmp_path / "r")
    assert made.code == 0 and "grade (the higher, the better the match): -2 to 1" in made.err
    judged = dssm("eval", "-m", tmp_path / "r", "--value", "grade", tmp_path / "p.tsv")
    assert judged.code == 0 and "NDCG counts from the lowest" in judged.err
    ndcg = next(line for line in judged.out.splitlines() if line.startswith("ndcg@3"))
    assert 0 <= float(ndcg.split("\t")[1].split()[0]) <= 1 and 0 < plain.ndcg[3][0] < 1


def test_a_text_that_means_none_is_one_that_values_know() -> None:
    assert all(map(is_missing, MISSING_TEXTS))


def test_check_finds_what_training_says(dssm: Dssm, tmp_path: Path) -> None:
    file = tmp_path / "p.tsv"
    rows = "search_term\tproduct_name\tlabel\na\tb\t-1\nNULL\tc &amp; d\t1\n"
    file.write_text(rows + rows.replace("a\tb", "x\ty"), "utf-8")
    done = dssm("check", file)
    assert done.code == 0, done.out
    for said in (
        "Labels of -1 are read as 0: 2",
        "further down, line 4",
        "HTML",
        "mean that there",
    ):
        assert said in done.out


def test_texts_that_say_that_there_is_none_are_counted_where_texts_are_encoded_or_scored(
    dssm: Dssm, run: Path, tmp_path: Path
) -> None:
    said = 'Warning: 3 texts that may mean that there is none: "NULL" (2), "NaN" (1).'
    texts = b"red shoe\nNULL\n\nNaN\nNULL\n"
    encoded = dssm("encode", "-q", "-m", run, "--format", "tsv", stdin=texts)
    assert encoded.err.strip() == said and encoded.raw.count(b"\n") == 5
    assert "none" not in dssm("encode", "-m", run, "--format", "tsv", stdin=b"nano\n").err
    pairs = tmp_path / "p.tsv"
    pairs.write_text("red\tNULL\nnull\tshoe\na\tb\n", "utf-8")
    scored = dssm("score", "-q", "-m", run, "--pairs", pairs)
    assert (
        scored.err.strip() == ('Warning: 2 texts that may mean that there is none: "null" (2).')
        and scored.out.count("\n") == 3
    )


def test_a_text_that_is_the_name_of_a_file_is_warned_of(
    dssm: Dssm, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("queries.txt").write_text("red shoe\n", "utf-8")
    said = '"queries.txt" is taken as a text, though a file is called so here.'
    scored = dssm("score", "-q", "-m", run, "queries.txt", "red shoe")
    assert scored.code == 0 and said in scored.err and "dssm score --pairs FILE" in scored.err
    assert dssm("score", "-m", run, "other.txt", "red shoe").err == ""
    index = tmp_path / "index"
    assert dssm("index", "-q", "-m", run, "queries.txt", "-o", index).code == 0
    found = dssm("search", "-i", index, "queries.txt")
    assert said in found.err and "dssm search - < FILE" in found.err
    assert dssm("search", "-i", index, "-", stdin=b"red shoe\n").err == ""


def test_rates_called_clicks_and_grades_that_are_ranks_are_found(
    dssm: Dssm, tmp_path: Path
) -> None:
    def codes(name: str, header: str, rows: list[str]) -> str:
        path = tmp_path / name
        path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
        return dssm("check", "--json", path).out

    words = ["red", "blue", "green", "big", "small", "old", "new", "round", "flat", "soft"]
    pairs = [(f"{a} {b}", f"{a} {b if n % 3 else 'lamp'} {n}") for n, (a, b) in
             enumerate((a, b) for a in words for b in words if a != b)] * 2  # fmt: skip
    rates = [f"{q}\t{t}\t{n % 7 / 40}" for n, (q, t) in enumerate(pairs)]
    assert '"click_rates"' in codes("r.tsv", "query\ttitle\tclicks", rates)
    assert '"click_rates"' not in codes(
        "c.tsv", "query\ttitle\tclicks", [f"{q}\t{t}\t{n % 7}" for n, (q, t) in enumerate(pairs)]
    )
    trained = dssm("train", tmp_path / "r.tsv", *SMALL, "-o", tmp_path / "run")
    assert "clicks that is not whole, such as 0.025: clicks are counts" in trained.err
    ranks = [f"{q}\t{t}\t{3 if 'lamp' in t else 1}" for q, t in pairs]
    assert '"reversed"' in codes("k.tsv", "query\ttitle\tgrade", ranks)
    grades = [f"{q}\t{t}\t{1 if 'lamp' in t else 3}" for q, t in pairs]
    assert '"reversed"' not in codes("g.tsv", "query\ttitle\tgrade", grades)


def test_a_fourth_column_with_fractions_is_no_count(tmp_path: Path) -> None:
    rows = "".join(f"red {i}\tlamp {i}\t{i % 4}\t{9.9 + i}\n" for i in range(30))
    with pytest.raises(DataError, match="as prices or rates are, not how often a title was shown"):
        read(tmp_path, rows, None, "clicks")
    pairs = read(tmp_path, rows, "query,title,value,-", "clicks")
    assert len(pairs) == 30 and pairs.impressions is None


def test_a_wide_header_has_a_hint_that_reads_its_rows_and_not_itself(tmp_path: Path) -> None:
    rows = "".join(f"red {i}\tlamp {i}\t{i % 4}\t{9 + i}\t{i}%\t{i}.5\n" for i in range(30))
    for first in ("Top queries\tPage", "Query\tPage", "Term\tPage name"):
        content = f"{first}\tClicks\tImpressions\tCTR\tPosition\n{rows}"
        with pytest.raises(DataError) as caught:
            read(tmp_path, content)
        hint = re.search(r"--columns (query,title,[\w,-]+)", str(caught.value))
        assert hint is not None and hint[1] == "query,title,clicks,impressions,-,-", caught.value
        options = HEADER if "--header" in str(caught.value) else USUAL
        pairs = read(tmp_path, content, hint[1], None, options)
        assert len(pairs) == 30 and pairs.kind == "clicks" and pairs.impressions is not None


def test_blanks_written_as_plus_are_warned_of(tmp_path: Path) -> None:
    rows = "".join(f"red+lawn+mower\tlamp {i}\t{i % 2}\n" for i in range(30))
    notes = read(tmp_path, rows).notes
    assert any("red+lawn+mower" in note and "tr '+' ' '" in note for note in notes)
    plain = "".join(f"C++ book {i}\t8+256GB phone {i}\t{i % 2}\n" for i in range(30))
    assert not [note for note in read(tmp_path, plain).notes if "escapes" in note]
    assert "escapes" not in damage_in("小米12+256GB\t牛奶+面包\nDisney+\tC++\n".encode(), 1)
