"""A header further down, in whatever case, spelling and order, is never a row."""

from __future__ import annotations

from pathlib import Path

import pytest

from dssmcli.data.impressions import ImpressionColumns, read_impressions
from dssmcli.data.pairs import read_pairs
from dssmcli.data.rows import RowOptions
from dssmcli.data.table import read_table
from dssmcli.data.titles import TitleReader
from dssmcli.data.tsv import BadRows
from dssmcli.data.watches import WatchColumns, read_watches
from dssmcli.errors import DataError

SPELLINGS = (
    ("user\titem", "User\tItem"),
    ("user_id\titem_id", "USER_ID\tITEM_ID\r"),
    ("user_id\titem_id", "userId\titemId"),
    ("userId\titemId", "User Id\tItem Id"),
    ("user_id\titem_id", '"User_ID"\t"Item_ID"'),
    ("user\titem", " User \t Item "),
    ("user\titem", "\ufeffUser\tItem"),
    ("user\titem\ttimestamp", "User\tItem\tTimestamp"),
    ("user\titem\ttimestamp", "USER\tITEM\tTIMESTAMP"),
    ("用户ID\t商品ID", "用户id\t商品id"),
)
OTHERS = (
    ("user\titem", "uid\tiid"),
    ("user\titem", "User ID\tItem ID"),
    ("user\titem\ttimestamp", "uid\tvideo_id\tts"),
    ("用户\t商品", "user_id\titem_id"),
)


def log(header: str, again: str, first: int = 3) -> str:
    """Return a log of six watches, `again` behind the first few of them."""
    moment = "\t170000000{}" if header.count("\t") == 2 else ""
    rows = [f"u{i % 2}\ti{i}" + moment.format(i) for i in range(6)]
    return "\n".join([header, *rows[:first], again, *rows[first:]]) + "\n"


@pytest.mark.parametrize(("header", "again"), [*SPELLINGS, *OTHERS])
def test_a_header_in_another_spelling_is_no_watch(tmp_path: Path, header: str, again: str) -> None:
    file, bad = tmp_path / "log.tsv", BadRows()
    file.write_text(log(header, again), encoding="utf-8", newline="")
    watches, _ = read_watches([str(file)], WatchColumns(), bad)
    assert len(watches) == 6 and sorted(watches.users) == ["u0", "u1"]
    assert bad.headers == [f"{file}:5"]


@pytest.mark.parametrize("again", ["iid\tuid", "Item\tUser", "item_id\tuser_id"])
def test_a_header_in_another_order_is_refused(tmp_path: Path, again: str) -> None:
    file = tmp_path / "log.tsv"
    file.write_text(log("user\titem", again))
    with pytest.raises(DataError, match=r"log.tsv:5: a header in the middle .*another order"):
        read_watches([str(file)], WatchColumns(), BadRows(skip=True))


def test_ids_that_hold_a_name_are_ids(tmp_path: Path) -> None:
    file, bad = tmp_path / "log.tsv", BadRows()
    file.write_text(log("user\titem", "user_7\titem") + "video\tuser_7\nuser\tb7\n")
    watches, _ = read_watches([str(file)], WatchColumns(), bad)
    assert len(watches) == 9 and not bad.headers


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize(
    ("header", "again"),
    [("age,job,y", "Age,Job,Y"), ("Age (years),Home Town", "age (years),home_town")],
)
def test_a_header_in_another_spelling_is_no_row(
    tmp_path: Path, header: str, again: str, quote: str
) -> None:
    def line(text: str) -> str:
        return ",".join(f"{quote}{field}{quote}" for field in text.split(","))

    row = ",".join(str(i) for i, _ in enumerate(header.split(",")))
    file, bad = tmp_path / "t.csv", BadRows()
    file.write_text("\n".join(map(line, [header, row, again, row])) + "\n")
    assert read_table([str(file)], bad).rows == 2 and bad.headers == [f"{file}:3"]
    file.write_text("\n".join(map(line, [header, row, ",".join(again.split(",")[::-1])])) + "\n")
    with pytest.raises(DataError, match="in the middle"):
        read_table([str(file)], BadRows(skip=True))


def test_a_header_in_another_spelling_is_no_impression(tmp_path: Path) -> None:
    names = "user,item,timestamp,clicked,watch_time"
    row, bad = "u{0},i{0},170000000{0},1,3", BadRows()
    file = tmp_path / "log.csv"
    rows = [row.format(i) for i in range(4)]
    file.write_text("\n".join([names, *rows[:2], names.title(), *rows[2:]]) + "\n")
    read, _ = read_impressions([str(file)], ImpressionColumns(), bad)
    assert len(read) == 4 and bad.headers == [f"{file}:4"]


@pytest.mark.parametrize(
    ("header", "again"),
    [
        ("query\ttitle", "search_term\tproduct_title"),
        ("query\ttitle", "Query\tTitle\r"),
        ("query\ttitle", "\ufeffquery\ttitle"),
        ("query\ttitle", '"query"\t"title"'),
        ("query\ttitle", "question\tanswer"),
        ("query\ttitle", "查询词\t商品标题"),
        ("search_term\tproduct_title", "Search Term\tProduct Title"),
        ("search_term\tproduct_title", "searchTerm\tproductTitle"),
        ("query\ttitle\tclicks", "search_term\tproduct_title\tclick_count"),
        ("query\ttitle\tlabel", "Query\tTitle\tLabel"),
        ("", "search_term\tproduct_title"),
        ("", "query\ttitle"),
        ("", "Keyword\tItem Name"),
        ("", "\ufeffsentence1\tsentence2"),
    ],
)
def test_a_header_in_another_spelling_is_no_pair(tmp_path: Path, header: str, again: str) -> None:
    value = "\t1" if header.count("\t") == 2 else ""
    rows = [f"red shoes {i}\tshoes {i}{value}" for i in range(4)]
    file = tmp_path / "pairs.tsv"
    first = [header] if header else []
    file.write_text("\n".join([*first, *rows[:2], again, *rows[2:]]) + "\n", newline="")
    pairs = read_pairs([str(file)], None, None, BadRows())
    assert len(pairs) == 4
    assert any("stands again further down" in note for note in pairs.notes)


def test_a_header_of_pairs_in_another_order_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    for first in ("query\ttitle\n", ""):
        file.write_text(
            f"{first}red\tred shoes\nblue\tblue hat\nproduct_title\tsearch_term\nc\td\n"
        )
        with pytest.raises(DataError, match="a header in the middle"):
            read_pairs([str(file)], None, None, BadRows(skip=True))


def test_texts_that_may_be_names_are_texts(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_text("red\tred shoes\nquestion\tanswer\nsource\ttarget\nquery\tsql query\n")
    assert len(read_pairs([str(file)], None, None, BadRows())) == 4
    file.write_text("red\tred shoes\nsearch_term\tproduct_title\nblue\thats\n")
    told = RowOptions(header=False)
    assert len(read_pairs([str(file)], None, None, BadRows(), options=told)) == 3


@pytest.mark.parametrize(
    ("header", "again", "count"),
    [
        ("id\ttitle", "ID\tTitle", 4),
        ("", "item_id\tproduct_title", 4),
        ("title", "Title", 4),
        ("product_title", "Product Title", 4),
        ("", "sku\ttitle of a book", 5),
        ("", "Title", 5),
    ],
)
def test_a_header_in_another_spelling_is_no_title(
    tmp_path: Path, header: str, again: str, count: int
) -> None:
    wide = "\t" in header + again
    rows = [f"a{i}\tred shoes {i}" if wide else f"red shoes {i}" for i in range(4)]
    file = tmp_path / "titles.tsv"
    first = [header] if header else []
    file.write_text("\n".join([*first, *rows[:2], again, *rows[2:]]) + "\n")
    reader = TitleReader(None, BadRows())
    titles = [text for found in reader.read([str(file)]) for text in found.texts]
    assert len(titles) == count and reader.reading.repeated == 5 - count
