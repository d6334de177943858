"""Logs as people have them: columns by other names, ids in other spellings, the order of rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import Dssm
from logs import (
    IMPRESSION_NAMES,
    SMALL_RANKING,
    SMALL_WATCHES,
    impressions,
    random_watches,
    write_log,
)

from dssmcli.data.ids import find_ids, id_of, plain_id, with_plain
from dssmcli.data.log_reading import LogReading, asked_reading, reading_from
from dssmcli.data.roles import unit_in
from dssmcli.data.tsv import BadRows
from dssmcli.data.watches import WatchColumns, read_watches
from dssmcli.errors import ConfigError, DataError

OLD = reading_from({}, "config.json")
"""How a run before format 5 reads."""


def read(
    folder: Path,
    text: str,
    columns: WatchColumns | None = None,
    way: LogReading | None = None,
    bad: BadRows | None = None,
) -> tuple[dict[str, str], list[str], WatchColumns]:
    """Return the items of each user in order, what was said, and what was taken for what."""
    log = folder / "log.csv"
    log.write_text(text, "utf-8")
    said: list[str] = []
    way = way or asked_reading(None)
    watches, found = read_watches(
        [str(log)], columns or WatchColumns(), bad or BadRows(), way, said.append
    )
    own = np.split(watches.item, watches.starts[1:-1])
    items = [" ".join(watches.items[i] for i in each) for each in own]
    return dict(zip(watches.users, items, strict=True)), said, found


@pytest.mark.parametrize(
    ("header", "times"),
    [
        ("uid,sku,ts", "2 1"),
        ("User ID,videoId,created_at", "2024-03-02 2024-03-01"),
        ("userId,movieId,timestamp", "1709251200 1709251100"),
        ("用户,商品,时间", "2024年3月2日 2024年3月1日"),
        ("visitorid,itemid,event_time", "2024-03-02T09:00Z 2024-03-02T08:00Z"),
        ("customer_id,product_id,date", "20240302 20240301"),
        ("user_id,parent_asin,timestamp_ms", "1709251200000 1709251100000"),
        ("user,item,Time", "1709251200 1709251100"),
    ],
)
def test_columns_by_their_usual_names_are_read_and_time_decides(
    tmp_path: Path, header: str, times: str
) -> None:
    late, early = times.split()
    items, said, found = read(tmp_path, f"{header}\nu,b,{late}\nu,a,{early}\n")
    assert items == {"u": "a b"} and found.names == header.split(",")
    assert "Rows stand newest first: taken by their moments." in said


@pytest.mark.parametrize(
    ("header", "times"),
    [("user,item,day", "3 1"), ("user,item,date", "Monday Tuesday"), ("user,item,ts", "x y")],
)
def test_a_usual_name_with_other_values_is_no_moment(
    tmp_path: Path, header: str, times: str
) -> None:
    late, early = times.split()
    items, said, found = read(tmp_path, f"{header}\nu,b,{late}\nu,a,{early}\n")
    assert items == {"u": "b a"} and found.timestamp is None
    assert any("Not used: 1 column" in line for line in said)


@pytest.mark.parametrize(
    "times", ["1709251200 1709251100", "2024-03-02 2024-03-01", "1709251200000 1709251100000"]
)
def test_a_column_that_looks_like_moments_is_named_with_an_option_that_works(
    tmp_path: Path, times: str
) -> None:
    late, early = times.split()
    text = f"user,item,seen_it\nu,b,{late}\nu,a,{early}\n"
    items, said, _ = read(tmp_path, text)
    assert items == {"u": "b a"}
    [loud] = [line for line in said if line.startswith("Warning")]
    assert '"seen_it" looks like moments' in loud and "newest first" in loud
    assert "--timestamp 'seen_it'" in loud
    assert read(tmp_path, text, WatchColumns(timestamp="seen_it"))[0] == {"u": "a b"}
    # A command without the option says what helps there.
    assert any(
        "Call it timestamp in the header" in x for x in read(tmp_path, text, way=LogReading())[1]
    )
    renamed = text.replace("seen_it", "timestamp")
    assert read(tmp_path, renamed, way=LogReading())[0] == {"u": "a b"}


def test_context_and_other_columns_are_no_candidates_for_what_they_are_not(tmp_path: Path) -> None:
    text = "user,item,ts,hour,device\nu,a,1709251200,9,x\nu,b,1709251300,10,y\n"
    _, said, found = read(tmp_path, text, WatchColumns(context=("device",)))
    assert found.timestamp == "ts" and not any("Warning" in line for line in said)
    assert any("Not used: 1 column, hour." in line for line in said)


IDS = "user,item,timestamp\n1.0,17,1\n1, 17,2\n1 ,17.0,3\n1,18,4\n"


def test_an_id_is_one_however_it_is_written_and_this_is_said(tmp_path: Path) -> None:
    items, said, _ = read(tmp_path, IDS)
    assert items == {"1": "17 17 17 18"}
    assert 'user: "1.0" is the id "1"; 2 of 3 spellings are of ids known.' in said
    assert 'item: " 17" is the id "17"; 2 of 4 spellings are of ids known.' in said
    assert len(read(tmp_path, IDS, way=OLD)[0]) == 3  # as it was in older runs


@pytest.mark.parametrize("text", ["007", "1.50", "1,000", "v1.0", "1e5", "a b", "٣", "+1", "0x10"])
def test_other_ids_stay_as_they_are(text: str) -> None:
    assert plain_id(text) == text


def test_ids_of_19_digits_stay_apart(tmp_path: Path) -> None:
    text = "user,item,timestamp\nu,1234567890123456789,1\nu,1234567890123456788,2\n"
    assert read(tmp_path, text)[0] == {"u": "1234567890123456789 1234567890123456788"}


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (["1.23457E+18", "1.2e+18"], "2 ids such as 1.23457E+18 lost digits in a spreadsheet"),
        ([f"{123456789012345 + k}0000" for k in range(12)], "12 ids of over 15 digits end with"),
        ([f"{123456789012345 + k}0{k % 10}" for k in range(12)], None),
        (["6123456789012340000"] * 9, "item: the only id ends with zeros, as 6123456789012340000"),
        (["6123456789012340", "612345678901230", "7123456789012340"], None),  # two of 16 digits
        (["6123456789012340000", *map(str, range(30))], None),
        (["1000000000000000000", "2000000000000000000"], None),
    ],
)
def test_spoilt_ids_are_said_loudly(tmp_path: Path, ids: list[str], said: str | None) -> None:
    rows = "".join(f"u,{each},{k}\n" for k, each in enumerate(ids))
    lines = read(tmp_path, f"user,item,timestamp\n{rows}")[1]
    loud = [line for line in lines if line.startswith("Warning")]
    assert (said is None and not loud) or said in loud[0]


@pytest.mark.parametrize("missing", ["", "NULL", "\\N", "nan", "None", "<NA>", "-"])
def test_an_id_that_is_missing_is_no_user_of_many_watches(tmp_path: Path, missing: str) -> None:
    text = f"user,item,timestamp\nu,a,1\n{missing},b,2\nu,{missing},3\nu,c,4\n"
    with pytest.raises(DataError, match=r"log.csv:3: .*expected the user.*--bad-rows skip"):
        read(tmp_path, text)
    bad = BadRows(True)
    assert read(tmp_path, text, bad=bad)[0] == {"u": "a c"} and bad.count == 2


@pytest.mark.parametrize("value", [17, 17.0, np.int64(17), np.float32(17), "17", " 17 ", "17.0"])
def test_an_id_of_python_is_that_of_a_log(value: object) -> None:
    assert id_of(value) == "17"


@pytest.mark.parametrize("value", [None, float("nan"), 1.5, 1e18, True, "", "NULL", float("inf")])
def test_what_is_no_id_of_python_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="an id is"):
        id_of(value)


def test_ids_are_found_in_other_spellings_also_among_those_of_older_runs() -> None:
    assert find_ids({"17": 0, "b": 1}, ["17.0", " b", "c", "17"]).tolist() == [0, 1, -1, 0]
    assert find_ids(with_plain({"17.0": 0, "b ": 1}), ["17", "17.0", "b", "x"]).tolist() == [
        0,
        0,
        1,
        -1,
    ]


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        *(("play_time_ms", "ms"), ("playTimeMs", "ms"), ("watch_time (s)", "s")),
        *(
            ("观看时长(秒)", "s"),
            ("时长毫秒", "ms"),
            ("dwell-time-min", "min"),
            ("watch_time", None),
        ),
        *(("items", None), ("terms", None), ("seconds", None)),
    ],
)
def test_a_name_may_say_a_unit(name: str, unit: str | None) -> None:
    assert unit_in(name) == unit


def test_how_a_run_reads_its_logs_comes_back_from_its_config() -> None:
    way = LogReading(dates="day-first", origin=17 * 10**17)
    assert reading_from({"reading": way.to_dict()}, "config.json") == way
    for plain in ({}, {**way.to_dict(), "dates": "x"}, {**way.to_dict(), "origin": 10**40}):
        with pytest.raises(ConfigError, match=r"config.json: reading"):
            reading_from({"reading": plain}, "config.json")


@pytest.mark.parametrize("names", ["user,item,created_at,ts", "user,item,at_a,at_b"])
def test_another_column_that_looks_like_moments_is_named(tmp_path: Path, names: str) -> None:
    text = f"{names}\nu,b,1709251200,1709251200\nu,a,1709251300,1709251100\n"
    items, said, found = read(tmp_path, text)
    told = "\n".join(said)
    if found.timestamp == "ts":
        assert items == {"u": "a b"} and '"created_at" looks like moments, too' in told
        hinted = WatchColumns(timestamp="created_at")
        assert "--timestamp 'created_at'" in told
        assert read(tmp_path, text, hinted)[0] == {"u": "b a"}
        assert not any("looks like" in line for line in read(tmp_path, text, hinted)[1])
    else:
        assert "as do others: at_b" in told and "--timestamp 'at_a'" in told


def test_rows_of_one_moment_in_a_log_that_stands_newest_first(tmp_path: Path) -> None:
    text = "user,item,day\nu,d,2024-03-02\nu,c,2024-03-02\nu,b,2024-03-01\nu,a,2024-03-01\n"
    assert read(tmp_path, text)[0] == {"u": "a b c d"}
    assert read(tmp_path, text.replace("day", "timestamp"), way=OLD)[0] == {"u": "b a d c"}
    rising = "user,item,day\nu,a,2024-03-01\nu,b,2024-03-01\nu,c,2024-03-02\n"
    assert read(tmp_path, rising)[0] == {"u": "a b c"}


def test_moments_that_are_all_one_are_said(tmp_path: Path) -> None:
    text = "user,item,timestamp\nu,b,2024-03-02\nu,a,2024-03-02\n"
    items, said, _ = read(tmp_path, text)
    assert items == {"u": "b a"}
    assert "Warning: all moments are the same one: rows are taken in the order of the log." in said


@pytest.mark.parametrize("missing", ["", "NULL", "\\N", "nan"])
def test_a_search_that_is_missing_is_no_word(tmp_path: Path, missing: str) -> None:
    log = tmp_path / "log.csv"
    log.write_text(f"user,item,timestamp,q\nu,a,1,red shoes\nu,b,2,{missing}\n", "utf-8")
    columns = WatchColumns(searches="q")
    watches, _ = read_watches([str(log)], columns, BadRows(), asked_reading(None))
    assert watches.words == ["red", "shoes"]


UNITS = {
    "seconds": "1709251200 1709251300",
    "milliseconds": "1709251200000 1709251300000",
    "dates": "2024-03-01 2024-03-02",
    "of its own": "1 2",
}


@pytest.mark.parametrize("first", UNITS)
@pytest.mark.parametrize("second", UNITS)
def test_a_log_in_another_unit_than_the_one_learned_from_is_said(
    tmp_path: Path, first: str, second: str
) -> None:
    text = "user,item,timestamp\nu,a,{}\nu,b,{}\n"
    (tmp_path / "w.csv").write_text(text.format(*UNITS[first].split()))
    log = read_watches([str(tmp_path / "w.csv")], WatchColumns(), BadRows())[0]
    plain = LogReading().learned(log.dates, log.origin, log.time).to_dict()
    way = reading_from({"reading": plain}, "config.json")
    said = read(tmp_path, text.format(*UNITS[second].split()), way=way)[1]
    same = first == second or {first, second} == {"seconds", "dates"}
    loud = [line for line in said if line.startswith("Warning: moments are ")]
    assert len(loud) == (not same)


@pytest.mark.parametrize("kind", ["youtube-candidates", "youtube-ranking"])
def test_a_log_put_together_twice_is_warned_of(dssm: Dssm, tmp_path: Path, kind: str) -> None:
    if kind == "youtube-candidates":
        names, small = ("user", "item", "timestamp"), SMALL_WATCHES
        rows = [*dict.fromkeys(map(tuple, random_watches(10, 8, 90)))]
    else:
        names, small = IMPRESSION_NAMES, SMALL_RANKING
        rows = [*dict.fromkeys(map(tuple, impressions(10, 8, 90)))]
    for times, warned in ((1, False), (2, True)):
        log = write_log(tmp_path / "log.tsv", names, rows * times)
        done = dssm("train-rec", kind, log, *small, "--epochs", "1", "-o", tmp_path / f"r{times}")
        assert done.code == 0
        assert ("put together twice" in done.err) == warned, done.err
