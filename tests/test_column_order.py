"""Files whose columns hold something else than their places or names say."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from dssmcli.data.column_kinds import kind_of_column
from dssmcli.data.pairs import Pairs, Texts, read_pairs
from dssmcli.data.rows import RowOptions
from dssmcli.data.titles import TitleReader
from dssmcli.data.tsv import BadRows
from dssmcli.errors import DataError, HeaderError
from tests.conftest import SMALL, Dssm

WORDS = ("red", "blue", "old", "new", "small")
THINGS = ("sofa", "lamp", "shoe", "hat")
ROWS = 24


def query(i: int) -> str:
    return f"{WORDS[i % 5]} {THINGS[i % 4]}"


def title(i: int) -> str:
    return f"a {THINGS[i % 4]} that is {WORDS[i % 5]}"


def lines(form: str, rows: int = ROWS) -> str:
    """Return rows of a form such as `n q t b`, a letter a column."""
    fields = {
        "n": str,
        "q": query,
        "t": title,
        "b": lambda i: str(i % 2),
        "c": lambda i: str(i * 7 % 11),
        "w": lambda i: ("no match", "match")[i % 2],
        "y": lambda i: ("no", "yes")[i % 2],
        "u": lambda i: f"u{1000 + i * 37 % 900}",
        "m": lambda i: str(i + 1),
        "p": lambda i: f"{3 + i * 7 % 11}.99",
        "h": lambda i: f"https://shop.example/{i}",
        "s": lambda i: ("good", "bad", "so so")[i % 3],
        "e": lambda _: "",
    }
    made = ("\t".join(fields[letter](i) for letter in form.split()) for i in range(rows))
    return "\n".join(made) + "\n"


def read(
    file: Path, columns: str | None = None, header: bool | None = None, kind: str | None = None
) -> tuple[Pairs, list[str]]:
    """Return pairs and their distinct texts."""
    texts: list[str] = []
    options = RowOptions(header=header)
    return read_pairs([str(file)], columns, kind, BadRows(), Texts(texts.extend), options), texts


def refusal(file: Path, header: bool | None = None) -> str:
    with pytest.raises(DataError) as caught:
        read(file, None, header)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("form", "columns", "kind"),
    [
        ("n q t", "-,query,title", "click"),
        ("u q t", "-,query,title", "click"),
        ("n q t b", "-,query,title,label", "label"),
        ("n q t y", "-,query,title,label", "label"),
        ("n q t c", "-,query,title,clicks", "clicks"),
        ("n q t p", "-,query,title,clicks", "clicks"),
        ("b q t", "label,query,title", "label"),
        ("w q t", "label,query,title", "label"),
        ("b q t n", "label,query,title,-", "label"),
        ("q n t", "query,-,title", "click"),
        ("q u t", "query,-,title", "click"),
        ("q b t", "query,label,title", "label"),
        ("q u t c", "query,-,title,clicks", "clicks"),
        ("u q u t b", "-,query,-,title,label", "label"),
        ("n u u q t b", "-,-,-,query,title,label", "label"),
        ("q t h", "query,title,-", "click"),
        ("q t h b", "query,title,-,label", "label"),
        ("q t e", "query,title,-", "click"),
        ("q t b u", "query,title,label,-", "label"),
    ],
)
def test_a_hint_names_the_columns_that_hold_texts_and_values(
    tmp_path: Path, form: str, columns: str, kind: str
) -> None:
    for first in ("", "NR\tfoo_a\tfoo_b\tfoo_c\tfoo_d\tfoo_e"):
        file = tmp_path / "p.tsv"
        width = len(form.split())
        head = "\t".join(first.split("\t")[:width]) + "\n" if first else ""
        file.write_text(head + lines(form), "utf-8")
        told = refusal(file)
        hint = re.search(r"--columns ([\w,-]+)", told)
        assert hint is not None and hint[1] == columns, told
        if head and "--header" not in told:
            continue  # no column of numbers tells that the first line is none
        pairs, texts = read(file, hint[1], bool(head) or None)
        assert (pairs.kind, len(pairs)) == (kind, ROWS)
        assert [texts[i] for i in pairs.query[:3]] == [*map(query, range(3))]
        assert [texts[i] for i in pairs.title[:3]] == [*map(title, range(3))]
        if kind == "label":
            assert pairs.value[:3].tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("q b", 'the second column, the title, holds labels in every row ("0", "1")'),
        ("q y", 'the title, holds labels in every row ("no", "yes")'),
        ("q w", "the title, holds labels"),
        ("q c", "the title, holds numbers in every row"),
        ("q b c", "the second column, the title"),
        ("q c c", "the second column, the title"),
        ("n t", "the first column, the query, holds row numbers"),
        ("b t", "the first column, the query, holds labels"),
        ("n t b", "the first column, the query, holds row numbers"),
    ],
)
def test_a_column_of_labels_or_numbers_is_no_text(tmp_path: Path, form: str, said: str) -> None:
    file = tmp_path / "p.tsv"
    file.write_text(lines(form), "utf-8")
    told = refusal(file)
    assert told.startswith(f"{file}:1: ") and said in told
    hint = re.search(r"--columns ([\w,]+)", told)
    assert hint is not None
    pairs, _ = read(file, hint[1], kind="clicks" if "c" in form.split()[2:] else None)
    warned = [note for note in pairs.notes if note.startswith("Warning")]
    # What is read after all is warned of, as labels or as ids.
    assert len(pairs) == ROWS and bool(warned) == (form not in ("q c", "q c c"))
    file.write_text(lines(form, 5), "utf-8")
    read(file, None, kind="clicks" if "c" in form.split()[2:] else None)  # too few to tell


@pytest.mark.parametrize(
    "header", ["query\ttitle", "keyword\tproduct_title", "query\ttitle\tlabel"]
)
def test_a_header_makes_no_titles_of_labels(tmp_path: Path, header: str) -> None:
    file = tmp_path / "p.tsv"
    file.write_text(f"{header}\n{lines('q b b' if 'label' in header else 'q b')}", "utf-8")
    assert "column 2, the title, holds nothing but labels" in refusal(file)
    file.write_text(f"query\tlabel\n{lines('q b')}", "utf-8")
    assert "the second column, the title, holds labels" in refusal(file)


@pytest.mark.parametrize("form", ["u t b", "q u c", "u u b", "c n b"])
def test_ids_in_the_place_of_texts_are_read_and_warned_of(tmp_path: Path, form: str) -> None:
    file = tmp_path / "p.tsv"
    file.write_text(lines(form), "utf-8")
    pairs, _ = read(file, kind="clicks" if form[-1] == "c" else None)
    said = [note for note in pairs.notes if "Warning" in note]
    assert (
        len(pairs) == ROWS and said and all("look like ids or addresses" in each for each in said)
    )


@pytest.mark.parametrize("form", ["q t", "q t b", "q t c", "q t w"])
def test_texts_in_their_places_are_read_without_a_word(tmp_path: Path, form: str) -> None:
    file = tmp_path / "p.tsv"
    file.write_text(lines(form), "utf-8")
    pairs, _ = read(file, kind="clicks" if form[-1] == "c" else None)
    assert len(pairs) == ROWS and not [note for note in pairs.notes if "Warning" in note]


@pytest.mark.parametrize(
    ("header", "form", "kind"),
    [
        ("\tquery\ttitle", "n q t", "click"),
        ("\tquery\ttitle\tlabel", "n q t b", "label"),
        ("\tsearch_term\tproduct_title\tclicks\timpressions", "n q t b m", "clicks"),
        ("Unnamed: 0\tquery\ttitle\tlabel", "n q t b", "label"),
        ("index\tquery\ttitle\tlabel", "n q t b", "label"),
        ("\t\tquery\ttitle", "u n q t", "click"),
    ],
)
def test_row_numbers_without_a_name_are_not_read(
    tmp_path: Path, header: str, form: str, kind: str
) -> None:
    file = tmp_path / "p.tsv"
    file.write_text(f"{header}\n{lines(form)}", "utf-8")
    pairs, texts = read(file)
    assert (pairs.kind, len(pairs), texts[:2]) == (kind, ROWS, [query(0), title(0)])
    assert len([note for note in pairs.notes if "header" in note]) <= 2
    named = header.startswith("\t")
    assert bool([note for note in pairs.notes if "without a name" in note]) == named


def test_rows_with_one_column_more_than_their_header_are_told(tmp_path: Path) -> None:
    file = tmp_path / "p.tsv"
    file.write_text(f"query\ttitle\tlabel\n{lines('n q t b')}", "utf-8")
    told = refusal(file)
    assert "as R writes them" in told and "--columns -,query,title,label " in told
    pairs, texts = read(file, "-,query,title,label")
    assert (pairs.kind, len(pairs), texts[0]) == ("label", ROWS, query(0))


@pytest.mark.parametrize(
    ("word", "number"),
    [
        *(("similar", 1), ("Dissimilar", 0), ("match", 1), ("no match", 0), ("No_Match", 0)),
        *(("non-match", 0), ("mismatch", 0), ("unmatched", 0), ("positive", 1), ("NEG", 0)),
        *(("relevant", 1), ("not relevant", 0), ("irrelevant", 0), ("相似", 1), ("不相似", 0)),
        *(("匹配", 1), ("不匹配", 0), ("正例", 1), ("负例", 0), ("duplicate", 1), ("different", 0)),
    ],
)
def test_words_that_judge_a_pair_are_labels(tmp_path: Path, word: str, number: int) -> None:
    file = tmp_path / "p.tsv"
    file.write_text(f"a b\tc d\t{word}\ne f\tg h\t1\ni j\tk l\t0\n", "utf-8")
    pairs, _ = read(file)
    assert (pairs.kind, pairs.value[0]) == ("label", number)
    assert f'"{word}" is {number} (1)' in " ".join(pairs.notes)


def test_words_that_nobody_knows_are_never_clicks(tmp_path: Path) -> None:
    file = tmp_path / "FILE"
    file.write_text(lines("q t s"), "utf-8")
    told = refusal(file)
    assert 'words, "good" (8), "bad" (8), "so so" (8), expected numbers' in told
    assert 'If "good" is a match, 1 for it, 0 for the others: awk' in told
    command = re.search(r"awk .*? FILE > NEW", told)
    assert command is not None and "--columns" not in told and "--bad-rows" not in told
    subprocess.run(command[0], shell=True, cwd=tmp_path, check=True)
    content = (tmp_path / "NEW").read_text("utf-8")
    assert (content.count("\t1\n"), content.count("\t0\n")) == (8, 16)
    assert read(tmp_path / "NEW")[0].kind == "label"


def test_lines_of_which_some_end_with_carriage_returns_are_told(tmp_path: Path) -> None:
    file = tmp_path / "FILE"
    file.write_bytes(b"query\ttitle\r\n" + lines("q t").replace("\n", "\r").encode() + b"a\tb\n")
    command = refusal(file).partition("Convert them: ")[2]
    subprocess.run(command, shell=True, cwd=tmp_path, check=True)
    assert len(read(tmp_path / "NEW")[0]) == ROWS + 1


def test_titles_added_to_an_index_are_looked_at_too(tmp_path: Path, dssm: Dssm, run: Path) -> None:
    file, index = tmp_path / "t.tsv", tmp_path / "i"
    file.write_text(lines("t u"), "utf-8")
    assert dssm("index", "-m", run, "--columns", "title,id", file, "-o", index).code == 0
    more = lines("t u").replace("\tu", "\tv").encode()
    for words in (("--append",), ("--update",)):
        done = dssm("index", *words, "-", "-o", index, stdin=more)
        assert done.code == 3 and "Say --columns title,id " in done.err, done
    done = dssm("index", "--append", "--columns", "title,id", "-", "-o", index, stdin=more)
    assert done.code == 0 and f"{2 * ROWS} titles" in done.err
    other = tmp_path / "o.tsv"
    other.write_text(lines("u t"), "utf-8")
    done = dssm("index", "-m", run, other, file, "-o", tmp_path / "j")
    assert done.code == 3 and done.err.startswith(f"{file}:1: the 2 columns hold"), done


def both(folder: Path, first: str, second: str) -> tuple[Path, Path]:
    one, other = folder / "one.tsv", folder / "two.tsv"
    one.write_text(lines(first), "utf-8")
    other.write_text(lines(second), "utf-8")
    return one, other


@pytest.mark.parametrize(
    ("first", "second"), [("q t", "q t b"), ("q t b", "q t"), ("q t b", "q t b c")]
)
def test_files_of_other_widths_are_told_with_commands_that_make_them_alike(
    tmp_path: Path, first: str, second: str, dssm: Dssm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    both(tmp_path, first, second)
    train = ("train", *SMALL, "--epochs", "1", "-o", "r", "--overwrite")
    done = dssm(*train, "one.tsv", "two.tsv")
    assert done.code == 3 and done.err.startswith("two.tsv:1: every row has"), done
    skipped = dssm(*train, "--bad-rows", "skip", "one.tsv", "two.tsv")
    assert skipped.code == 3 and "every row has" in skipped.err
    ways = re.findall(r"((?:cut|awk) [^>]*>) NEW, and give NEW for (\w+\.tsv)", done.err)
    assert len(ways) == (1 if "c" in second else 2)
    for command, name in ways:
        subprocess.run(f"{command} {name}.new", shell=True, check=True)
        given = [f"{each}.new" if each == name else each for each in ("one.tsv", "two.tsv")]
        followed = dssm(*train, *given, *(["--value", "label"] if "awk" in command else []))
        assert followed.code == 0 and "rows to learn from" in followed.err, followed
        Path(f"{name}.new").unlink()


def test_columns_that_are_named_and_not_there_are_told(tmp_path: Path, dssm: Dssm) -> None:
    one, other = both(tmp_path, "q t", "q t b")
    train = ("train", *SMALL, "--epochs", "1", "-o", tmp_path / "r")
    done = dssm(*train, "--columns", "query,title,-", one)
    assert done.code == 3 and "every row has 2 columns, and --columns names 3" in done.err
    done = dssm(*train, "--columns", "query,title", other)
    assert done.code == 3 and "say --columns query,title,-" in done.err
    assert dssm(*train, "--columns", "query,title,-", other).code == 0


def test_every_command_that_reads_pairs_says_so(
    tmp_path: Path, dssm: Dssm, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    both(tmp_path, "q b", "n q t b")
    commands: Sequence[Sequence[str | Path]] = (
        ("train", "-o", "r", *SMALL, "--epochs", "1"),
        ("eval", "-m", run, "--bootstrap", "0"),
        ("score", "-m", run, "--pairs"),
        ("mine", "-m", run),
        ("check",),
        ("vocab", "--pairs"),
    )
    for words in commands:
        for skip in ((), ("--bad-rows", "skip")):
            done = dssm(*words, "one.tsv", *skip)
            assert done.code == 3 and "the title, holds labels" in done.out + done.err, done
        done = dssm(*words, "two.tsv")
        assert done.code == 3 and "--columns -,query,title,label" in done.out + done.err, done
        followed = dssm(*words, "two.tsv", "--columns", "-,query,title,label")
        assert followed.code == 0, followed
    checked = dssm("check", "one.tsv", "--json").out
    assert '"code": "columns_unclear"' in checked and '"unreadable"' not in checked


@pytest.mark.parametrize(
    ("form", "columns", "others"),
    [
        ("t u", "title,id", "title,-"),
        ("t n", "title,id", "title,-"),
        ("t h", "title,id", "title,-"),
        ("t p", "title,-", ""),
        ("t b", "title,-", ""),
        ("t e", "title,-", ""),
        ("t n p", "title,id,-", "title,-,-"),
        ("n p t", "id,-,title", "-,-,title"),
    ],
)
def test_a_second_column_that_is_no_title_is_told(
    tmp_path: Path, form: str, columns: str, others: str
) -> None:
    file = tmp_path / "t.tsv"
    file.write_text(lines(form), "utf-8")
    with pytest.raises(HeaderError) as caught:
        [*TitleReader(None, BadRows(skip=True)).read([str(file)])]
    hints = re.findall(r"(?:--columns|\(or) ([\w-]+,[\w,-]+)", str(caught.value))
    assert hints == [columns, *filter(None, [others])], caught.value
    for hint in hints:
        reader = TitleReader(hint, BadRows())
        texts = [text for block in reader.read([str(file)]) for text in block.texts]
        assert texts == [*map(title, range(ROWS))] and reader.own_ids == ("id" in hint)


@pytest.mark.parametrize("content", [lines("n t"), lines("u t"), lines("u n"), "a\t1\n"])
def test_ids_and_titles_in_their_places_are_read(tmp_path: Path, content: str) -> None:
    file = tmp_path / "t.tsv"
    rows = content.splitlines()[: 5 if content[0] == "r" else None]
    file.write_text("\n".join(rows), "utf-8")
    blocks = [*TitleReader(None, BadRows()).read([str(file)])]
    assert [text for block in blocks for text in block.texts] == [
        row.split("\t")[1] for row in rows
    ]


@pytest.mark.parametrize("header", ["\ttitle", "\tid\ttitle", "\tTitle"])
def test_titles_with_row_numbers_without_a_name_are_read(tmp_path: Path, header: str) -> None:
    file = tmp_path / "t.tsv"
    file.write_text(f"{header}\n{lines('n u t' if 'id' in header else 'n t')}", "utf-8")
    [found] = [block for block in TitleReader(None, BadRows()).read([str(file)]) if block.texts]
    assert found.texts == [*map(title, range(ROWS))]
    assert found.ids[:2] == (["u1000", "u1037"] if "id" in header else ["0", "1"])


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        (["0", "1", "2", "3"], "row numbers"),
        (["7", "8", "9"], "row numbers"),
        (["0", "1", "0", "1"], "labels"),
        (["yes", "no", "yes"], "labels"),
        (["3", "1", "4", "1", "5"], "numbers"),
        (["$3.50", "1,200", "4", "80%"], "numbers"),
        (["q12", "q7", "q100"], "ids"),
        (["B00X12", "B7HH12", "C9K2L1"], "ids"),
        (["2024-05-01", "2024-05-02 10:00"], "ids"),
        (["iphone12", "galaxy-s9", "3.5mm", "mp3"], "texts"),
        (["a sofa", "1"], "texts"),
        (["", "NULL"], "nothing"),
    ],
)
def test_what_a_column_holds(fields: list[str], kind: str) -> None:
    assert kind_of_column(fields) == kind
