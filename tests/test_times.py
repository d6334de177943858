"""Timestamps as people and programs write them: what moment each means, and in what order."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from logs import IMPRESSION_NAMES, write_log

from dssmcli.data.exact_times import Times
from dssmcli.data.impressions import ImpressionColumns, read_impressions
from dssmcli.data.log_reading import LogReading
from dssmcli.data.times import Clock
from dssmcli.data.tsv import BadRows
from dssmcli.data.watches import WatchColumns, Watches, read_watches
from dssmcli.errors import DataError

NAMES = ("user", "item", "timestamp")


def taken(clock: Clock, *blocks: list[str]) -> Times:
    """Return what a clock reads in blocks in which nothing is wrong."""
    for texts in blocks:
        assert clock.wrong(texts) == {}
        clock.take(texts)
    return clock.times("log.tsv")


def lines(*texts: str, order: str | None = None) -> str:
    clock = Clock(order)
    return "\n".join(clock.lines(taken(clock, [*texts])))


# 2024-03-01 09:05:00 UTC, unless the last two say how many seconds later.
@pytest.mark.parametrize(
    ("text", "later"),
    [
        ("2024-03-01 09:05:00", 0),
        ("2024-03-01T09:05", 0),
        ("2024-03-01T09:05:00Z", 0),
        ("2024-03-01 09:05:00.250", 0.25),
        ("2024-03-01 09:05:00,250", 0.25),
        ("2024/03/01 09:05", 0),
        ("2024/3/1 9:05", 0),
        ("2024.03.01 09:05", 0),
        ("2024-3-1 9:5:7", 7),
        ("2024-03-01 17:05:00+08:00", 0),
        ("2024-03-01T17:05:00+0800", 0),
        ("2024-03-01T04:05-05", 0),
        ("2024-03-01T17:05+08:00[Asia/Shanghai]", 0),
        ("2024-03-01 09:05:00 UTC", 0),
        ("2024-03-01 09:05:00 GMT", 0),
        ("2024-03-01 17:05:00 UTC+8", 0),
        ("2024-03-01", -32700),
        ("2024-03-01Z", -32700),
        ("2024-03-01 24:00", 53700),
        ("20240301T090500Z", 0),
        ("20240301T0905", 0),
        ("2024年3月1日 9:05", 0),
        ("2024年3月1日9时5分7秒", 7),
        ("2024年03月01日 上午9点5分", 0),
        ("2024年3月1日下午3点", 21300),
        ("2024年3月1日", -32700),
        ("2024-03-01 9:05 AM", 0),
        ("2024/3/1 9:05:00 pm", 43200),
        ("2024-03-01 12:00 a.m.", -32700),
        ("01.03.2024 09:05", 0),
        ("1 March 2024 09:05", 0),
        ("Mar 1, 2024 9:05 AM", 0),
        ("01/Mar/2024:09:05:00 +0000", 0),
        ("Fri, 01 Mar 2024 09:05:00 GMT", 0),
        ("Fri Mar  1 09:05:00 UTC 2024", 0),
        (" 2024-03-01\N{NO-BREAK SPACE}09：05 ", 0),
    ],
)
def test_a_date_is_a_moment_in_whatever_way_it_is_written(text: str, later: float) -> None:
    expected = datetime(2024, 3, 1, 9, 5, tzinfo=UTC).timestamp() + later
    assert taken(Clock(), [text]).since(0).tolist() == [expected]


@pytest.mark.parametrize(
    "text",
    [
        *("2024-02-30", "2024-13-01", "2024-03-01 25:00", "2024-03-01 09:60", "2024-03"),
        *("2024-03-01 09:05:00 CST", "2024-03-01 13:05 PM", "03/04/24", "24/03/01", "32.01.2024"),
        *("2024-03-01 9", "2024-3-1/2", "2024-03/01", "Foo 1, 2024", "\\N", "NULL", "", "soon"),
    ],
)
def test_what_may_mean_several_moments_or_none_is_refused_with_what_can_be_read(text: str) -> None:
    clock = Clock()
    found = clock.wrong(["2024-03-01", text])
    assert [*found] == [1] and text.replace("\\", "") in found[1].replace("\\", "")
    said = "the zone CST has more than one meaning" if "CST" in text else "such as 2024-05-31"
    assert said in found[1]


def test_the_first_text_that_can_be_read_says_what_the_others_are() -> None:
    clock = Clock()
    assert [*clock.wrong(["NULL", "2024-03-01", "17"])] == [0, 2]
    assert [*Clock().wrong(["", "17", "2024-03-01"])] == [0, 2]


def test_a_time_without_a_date_is_told_to_need_one() -> None:
    assert "join the columns" in Clock().wrong(["09:05:00"])[0]


@pytest.mark.parametrize(
    "texts",
    [
        ["170000000000000001", "170000000000000003", "170000000000000002"],
        ["1709251200000000001", "1709251200000000000", "1709251200000000002"],
        ["9999999999999999999", "9999999999999999998", "10000000000000000000"],
        ["123456789012345678901234", "123456789012345678901233", "5"],
        ["1709251200.123456789", "1709251200.123456788", "1709251200"],
        ["2024-03-01 09:05:00.123456789", "2024-03-01 09:05:00.123456788", "2024-03-01"],
        ["-9007199254740993", "-9007199254740992", "-9007199254740994"],
    ],
)
def test_no_digit_of_a_long_number_is_lost(texts: list[str]) -> None:
    times = taken(Clock(), texts)
    order = np.argsort(times.order, kind="stable").tolist()
    assert order == sorted(range(3), key=lambda i: _exact(texts[i]))
    if times.time.max() < 2**53:
        assert len(set(times.time.tolist())) == 3
        assert np.argsort(times.time).tolist() == order


def _exact(text: str) -> object:
    from fractions import Fraction

    return Fraction(text) if "-03-" not in text else text


def test_moments_of_several_blocks_are_in_one_order_whatever_their_digits() -> None:
    blocks = ["1709251200000000000"], ["5.5"], ["1709251200000000001", "7"]
    times = taken(Clock(), *blocks)
    assert np.argsort(times.order).tolist() == [1, 3, 0, 2]
    plain = taken(Clock(), ["1", "2"], ["1.5"])
    assert plain.time.tolist() == [1, 2, 1.5] and plain.origin == 0


def test_an_origin_moves_exactly() -> None:
    times = taken(Clock(), ["1709251200000000005", "1709251200000000000"])
    assert times.origin == 1709251200000000000 and times.time.tolist() == [5, 0]
    assert times.since(times.origin - 7).tolist() == [12, 7]


def test_numbers_up_to_2_to_the_53_are_as_they_were_in_older_runs() -> None:
    times = taken(Clock(), ["1709251200000", "1709251200001", "-5"])
    assert times.origin == 0 and times.time.tolist() == [1709251200000, 1709251200001, -5]


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["1709251200", "1709337600"], "to 2024-03-02 00:00:00 UTC, if they are seconds"),
        (["1709251200000"], "milliseconds since 1970"),
        (["1709251200000000"], "microseconds since 1970"),
        (["1709251200000000000"], "nanoseconds since 1970"),
        (["1", "250"], "from 1 to 250, numbers of a unit of their own"),
        (["20240301", "20240401"], "taken as numbers: in order"),
        (["20240301090500"], "taken as numbers: in order"),
        (["1709251200", "1709251200000"], "Warning: timestamps from 1,709,251,200 (seconds"),
        (["0", "1709251200", "1709251201"], "Warning: timestamps such as 0 are no seconds"),
        (["1.70925E+12", "1.70926E+12"], "Warning: 2 timestamps such as 1.70925E+12 lost"),
        (["2024-03-01", "2024-03-09"], "from 2024-03-01 00:00:00 to 2024-03-09 00:00:00 UTC."),
        (["2024-03-01", "2024-03-01T08:00Z"], "Warning: 1 timestamp without a time zone beside 1"),
        (["2024-03-01 9:00", "2024-03-01 9:00+01:00"], "Warning: 1 timestamp without a time zone"),
        (["03/04/2024", "13/04/2024"], "Dates have the day first, as some of them prove."),
        (["03/04/2024", "04/13/2024"], "Dates have the month first, as some of them prove."),
    ],
)
def test_what_was_understood_is_said(texts: list[str], said: str) -> None:
    assert said in lines(*texts)


@pytest.mark.parametrize(
    ("others", "month"), [(["13/04/2024"], 4), (["04/13/2024"], 3), ([], None)]
)
def test_day_and_month_are_told_apart_by_what_the_column_proves_alone(
    others: list[str], month: int | None
) -> None:
    clock = Clock(advice=" Say which.")
    if month is None:
        with pytest.raises(DataError, match=r"log.tsv: .*2024-04-03 .* 2024-03-04 .* Say which"):
            taken(clock, ["03/04/2024"])
        return
    times = taken(clock, ["03/04/2024"], others)  # the proof comes later
    day = 3 if month == 4 else 4
    assert times.time[0] == datetime(2024, month, day, tzinfo=UTC).timestamp()


def test_what_contradicts_the_proof_is_wrong() -> None:
    clock = Clock()
    assert clock.wrong(["13/04/2024", "04/13/2024"]) == {
        1: 'the timestamp is "04/13/2024", expected a date with the day first.'
    }
    assert "month first" in Clock("month-first").wrong(["13/04/2024"])[0]


def test_a_hostile_number_takes_no_time() -> None:
    times = taken(Clock(), ["1e-999999999", "0." + "1" * 100_000, "17"])
    assert times.time.tolist()[0] == 0 and times.time[1] == pytest.approx(1 / 9)


# Of logs: the order of what each user watched.
def watched(path: Path, way: LogReading | None = None) -> str:
    """Return the items of a log of one user, in the order in which they are read."""
    log = read_watches([str(path)], WatchColumns(), BadRows(), way)[0]
    return " ".join(log.items[i] for i in log.item)


@pytest.mark.parametrize(
    "times",
    [
        [f"17000000000000000{k}" for k in "312"],
        [f"2024-03-0{k}" for k in "312"],
        [f"2024/3/{k} 9:00" for k in "312"],
        [f"{k} March 2024" for k in "312"],
        ["2024-03-01 12:00+00:00", "2024-03-01 12:00+08:00", "2024-03-01 10:00"],
        ["31/03/2024", "01/04/2023", "02/04/2023"],
        ["2024年12月1日", "2024年2月1日", "2024年11月1日"],
    ],
)
def test_watches_are_in_the_order_of_time(tmp_path: Path, times: list[str]) -> None:
    rows = [("u", item, time) for item, time in zip("cab", times, strict=True)]
    assert watched(write_log(tmp_path / "w.tsv", NAMES, rows)) == "a b c"


def test_a_log_without_proof_is_told_what_to_do_and_that_helps(tmp_path: Path) -> None:
    rows = [("u", "c", "03/04/2024"), ("u", "a", "12/02/2024"), ("u", "b", "01/03/2024")]
    log = write_log(tmp_path / "w.tsv", NAMES, rows)
    with pytest.raises(DataError, match="--dates day-first or --dates month-first"):
        watched(log, LogReading(asked=True))
    assert watched(log, LogReading(dates="day-first")) == "a b c"
    assert watched(log, LogReading(dates="month-first")) == "b c a"
    with pytest.raises(DataError, match=r"year first, as 2024-04-03\.$"):
        watched(log)


def test_logs_that_follow_one_another_have_one_origin(tmp_path: Path) -> None:
    from dssmcli.data.watches import followed

    logs: list[Watches] = []
    for name, first in (("a.tsv", 17 * 10**17), ("b.tsv", 17 * 10**17 + 3)):
        rows = [("u", f"i{k}", first + k) for k in range(2)]
        path = str(write_log(tmp_path / name, NAMES, rows))
        logs.append(read_watches([path], WatchColumns(), BadRows())[0])
    both, _ = followed(*logs)
    assert both.time is not None and both.time.tolist() == [0, 1, 3, 4]
    assert both.origin == 17 * 10**17


def test_impressions_are_in_the_order_of_long_numbers(tmp_path: Path) -> None:
    rows = [("u", f"i{k}", 17 * 10**17 + k, k % 2, k) for k in (3, 1, 2)]
    log, _ = read_impressions(
        [str(write_log(tmp_path / "i.tsv", IMPRESSION_NAMES, rows))], ImpressionColumns(), BadRows()
    )
    assert log.watched.tolist() == [1, 2, 3] and log.time.tolist() == [0, 1, 2]
    assert log.since(17 * 10**17 - 5).tolist() == [6, 7, 8]


QUOTED = 'user,item,timestamp\nu,"a, ""b""\nc",1\n\nu,"d",soon\nu,"e\nf",late\nu,g,2\n'


@pytest.mark.parametrize("packed", [False, True])
def test_bad_rows_are_told_by_their_lines_and_kept_as_they_stand(
    tmp_path: Path, packed: bool
) -> None:
    log = tmp_path / "w.csv"
    log.write_bytes(gzip.compress(QUOTED.encode()) if packed else QUOTED.encode())
    rejects = tmp_path / "bad"
    bad = BadRows(True, rejects)
    watches, _ = read_watches([str(log)], WatchColumns(), bad)
    bad.write_rejects()
    assert watches.items == ['a, "b"\nc', "g"]
    assert 'w.csv:5: the timestamp is "soon"' in bad.summary
    assert rejects.read_text("utf-8") == 'u,"d",soon\nu,"e\nf",late\n'


def test_bad_impressions_of_several_files_are_told_by_their_lines(tmp_path: Path) -> None:
    good = [("u", "a", 1, 1, 2)]
    first = write_log(tmp_path / "a.tsv", IMPRESSION_NAMES, [*good, ("u", "b", "x", 0, 0)])
    second = write_log(tmp_path / "b.tsv", IMPRESSION_NAMES, [("u", "b", 1, 7, 0), *good])
    bad = BadRows(True, tmp_path / "bad")
    sources = [str(first), str(second)]
    log, _ = read_impressions(sources, ImpressionColumns(), bad)
    bad.write_rejects()
    assert len(log) == 2 and "a.tsv:3: the timestamp" in bad.summary
    assert (tmp_path / "bad").read_text() == "u\tb\tx\t0\t0\nu\tb\t1\t7\t0\n"
    with pytest.raises(DataError, match=r"b.tsv:2: clicked"):
        read_impressions(sources[::-1], ImpressionColumns(), BadRows())


NOW = 1_735_689_600.0  # 2025-01-01
FUTURE = "Warning: {} of {} {} in the future, such as {} (it is 2025-01-01 00:00:00 UTC): "


def doubts(*texts: str, now: float = NOW) -> str:
    clock = Clock("day-first")
    return "\n".join(clock.doubts(taken(clock, [*texts]), now))


@pytest.mark.parametrize(
    ("texts", "count", "example"),
    [
        (["2024-05-01 10:00", "2100-05-01 10:00", "2099-01-01 00:00"], 2, "2100-05-01 10:00:00"),
        (["2024-05-01T10:00Z", "2025-01-02T01:00Z"], 1, "2025-01-02 01:00:00"),
        (["1714557600", "4112301600", "1714557601"], 1, "2100-04-25 02:00:00"),
        (["1714557600000", "4112301600000", "1714557601000"], 1, "2100-04-25 02:00:00"),
        (["4112301600", "4112301700"], 2, "2100-04-25 02:01:40"),
        (["01/05/2024", "31/12/2044"], 1, "2044-12-31 00:00:00"),
    ],
)
def test_moments_that_are_still_to_come_are_told(
    texts: list[str], count: int, example: str
) -> None:
    said, verb = doubts(*texts), "lies" if count == 1 else "lie"
    assert said.startswith(FUTURE.format(count, f"{len(texts)} moments", verb, example)), said
    assert "\n" not in said


@pytest.mark.parametrize(
    "texts",
    [
        ["2024-05-01", "2025-01-01 23:59"],  # within a day of now: another time zone
        ["1714557600", "1735700000"],
        ["1", "2", "99999999999999"],  # numbers of a unit of their own
        ["1714557600", "1714557601000", "1714557602"],  # several units: told otherwise
        ["20300101", "20240101"],
    ],
)
def test_other_moments_are_not_told_to_be_still_to_come(texts: list[str]) -> None:
    assert doubts(*texts) == ""


def times_of_day(form: str, count: int = 150, step: int = 5000) -> list[str]:
    first = datetime(2024, 3, 1, 0, 10, tzinfo=UTC)
    return [f"{first + timedelta(seconds=step * k):{form}}" for k in range(count)]


def test_a_clock_of_twelve_hours_without_am_and_pm_is_told() -> None:
    said = doubts(*times_of_day("%Y-%m-%d %I:%M:%S"))
    assert said.startswith("Warning: all times of day lie between 1:00 and 12:59"), said
    assert said.endswith("Write them as 18:30, or as 6:30 PM.")
    # What the warning says to do is followed: with AM and PM, or on 24 hours, it is gone.
    assert doubts(*times_of_day("%Y-%m-%d %I:%M:%S %p")) == ""
    assert doubts(*times_of_day("%Y-%m-%d %H:%M:%S")) == ""


def test_other_times_of_day_are_no_clock_of_twelve_hours() -> None:
    twelve = times_of_day("%Y-%m-%d %I:%M:%S")
    assert doubts(*twelve[:90]) == "", "too few to tell"
    assert doubts(*[each for each in twelve if " 07:" not in each]) == "", "an hour is missing"
    assert doubts(*twelve, "2024-03-02 13:00:00") == "" == doubts(*twelve, "2024-03-02 00:20:00")
    assert doubts(*(f"{each}+00:00" for each in twelve)) == "", "an offset says which hour it is"
    assert "12:59" in doubts(*twelve, *["2024-03-05"] * 9), "a day without a time says nothing"
    assert doubts(*[f"2024-03-{1 + k % 28:02}" for k in range(200)]) == "", "days alone"
