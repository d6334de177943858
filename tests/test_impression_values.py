"""Logs of impressions as people have them: clicks, watch times and outcomes in other spellings."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from conftest import Dssm
from logs import IMPRESSION_NAMES, SMALL_RANKING, impressions, write_log

from dssmcli.data.durations import seconds_in
from dssmcli.data.impression_features import ImpressionReader
from dssmcli.data.impressions import ImpressionColumns, Impressions, read_impressions
from dssmcli.data.log_reading import asked_reading, reading_from
from dssmcli.data.past import feature_names
from dssmcli.data.places import ranking_features_from_json
from dssmcli.data.tsv import BadRows
from dssmcli.errors import DataError, RunError


def read(
    folder: Path, text: str, columns: ImpressionColumns | None = None, old: bool = False
) -> tuple[Impressions, str, ImpressionColumns]:
    """Return a log, all that was said of it, and what was taken for what."""
    log = folder / "log.tsv"
    log.write_text(text.replace("|", "\t"), "utf-8")
    said: list[str] = []
    way = reading_from({}, "") if old else asked_reading(None)
    found, used = read_impressions(
        [str(log)], columns or ImpressionColumns(), BadRows(), way, said.append
    )
    return found, "\n".join(said), used


HEADER = "user|item|timestamp|clicked|watch_time"


@pytest.mark.parametrize(
    ("yes", "no"),
    [
        *(("1", "0"), ("1.0", "0.0"), ("True", "False"), ("yes", "no"), ("Y", "N"), ("是", "否")),
        *(("TRUE", "FALSE"), (" 1", "0 "), ("t", "f")),
    ],
)
def test_clicks_and_outcomes_count_however_yes_and_no_are_written(
    tmp_path: Path, yes: str, no: str
) -> None:
    rows = f"{HEADER}|liked\nu|a|1|{yes}|5|{yes}\nu|b|2|{no}|0|{no}\nu|c|3|{yes}|1|{no}\n"
    log, said, _ = read(tmp_path, rows, ImpressionColumns(outcomes=("liked",)))
    assert log.clicked.tolist() == [1, 0, 1] and log.outcomes[:, 0].tolist() == [1, 0, 0]
    if yes not in ("1", " 1"):
        assert f'clicked: "{no}" is 0, "{yes}" is 1.' in said


@pytest.mark.parametrize(
    ("outcome", "above"),
    [("3", 1), ("0.5", 1), ("-1", 0), ("", 0), ("NULL", 0), ("1,200", 1), ("￥9", 1), ("0", 0)],
)
def test_an_outcome_may_be_a_number(tmp_path: Path, outcome: str, above: int) -> None:
    text = f"{HEADER}|paid\nu|a|1|1|5|{outcome}\nu|b|2|0|0|7\n"
    assert read(tmp_path, text, ImpressionColumns(outcomes=("paid",)))[0].outcomes[0, 0] == above


def test_an_outcome_of_other_texts_is_refused_with_its_line_and_one_of_nothing_is_said(
    tmp_path: Path,
) -> None:
    columns = ImpressionColumns(outcomes=("liked",))
    text = f"{HEADER}|liked\nu|a|1|1|5|0\nu|b|2|0|0|maybe\n"
    with pytest.raises(DataError, match=r'log.tsv:3: liked is "maybe", expected a number'):
        read(tmp_path, text, columns)
    said = read(tmp_path, text.replace("maybe", ""), columns)[1]
    assert "liked: missing in 1 row: taken for no." in said
    assert "Warning: liked: above 0, or a yes, in none of 2 rows" in said
    # A run of an older format counts as it always did.
    assert read(tmp_path, text, columns, old=True)[0].outcomes.tolist() == [[0], [0]]


def test_a_watch_time_that_is_missing_is_none_unless_the_row_is_clicked(tmp_path: Path) -> None:
    text = f"{HEADER}\nu|a|1|1|5\nu|b|2|0|\nu|c|3|0|NULL\n"
    log, said, _ = read(tmp_path, text)
    assert log.watched.tolist() == [5, 0, 0]
    assert "watch_time: missing in 2 rows that were not clicked: 0 s." in said
    with pytest.raises(DataError, match=r'log.tsv:5: watch_time is "", .*as the row is clicked'):
        read(tmp_path, text + "u|d|4|1|\n")


@pytest.mark.parametrize(
    ("yes", "no", "said"),
    [
        ("1", "-1", "clicked: -1 is 0."),
        ("1", "", "clicked: missing in 2 rows, and never 0: taken for not clicked."),
        ("True", "NULL", "clicked: missing in 2 rows, and never 0: taken for not clicked."),
    ],
)
def test_clicks_without_a_no_are_read_and_said(
    tmp_path: Path, yes: str, no: str, said: str
) -> None:
    text = f"{HEADER}\nu|a|1|{yes}|5\nu|b|2|{no}|0\nu|c|3|{no}|0\n"
    log, told, _ = read(tmp_path, text)
    assert log.clicked.tolist() == [1, 0, 0] and said in told
    with pytest.raises(DataError, match=r"log.tsv:3: clicked is .*expected 0 or 1"):
        read(tmp_path, f"{text}u|d|4|0|0\n")  # beside a 0, nobody knows what the other means


def test_a_watch_time_of_minus_1_is_none_where_nobody_clicked(tmp_path: Path) -> None:
    text = f"{HEADER}\nu|a|1|1|5\nu|b|2|0|-1\nu|c|3|0|\n"
    log, said, _ = read(tmp_path, text)
    assert log.watched.tolist() == [5, 0, 0] and "-1 or missing in 2 rows" in said
    for bad in ("u|d|4|1|-1", "u|d|4|0|-2"):
        with pytest.raises(DataError, match=r"log.tsv:5: watch_time is .*expected a time from 0"):
            read(tmp_path, f"{text}{bad}\n")


def test_another_column_of_moments_is_named(tmp_path: Path) -> None:
    text = "user|item|ts|seen_it|clicked|watch_time\nu|a|1709251200|1709251300|1|5\n"
    assert 'Moments are taken from ts; "seen_it" looks like moments, too' in read(tmp_path, text)[1]


def test_impressions_in_another_unit_than_those_learned_from_are_said(tmp_path: Path) -> None:
    log = tmp_path / "log.tsv"
    log.write_text("user\titem\tts\tclicked\tseconds\nu\ta\t1709251200000\t1\t5\n")
    said: list[str] = []
    way = asked_reading(None).learned(None, 0, np.array([1709251200.0]))
    read_impressions([str(log)], ImpressionColumns(), BadRows(), way, said.append)
    assert any("Warning: moments are milliseconds since 1970" in line for line in said)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("00:03:25", 205), ("3:25", 205), ("1:00:00.5", 3600.5), ("12.5s", 12.5), ("12 sec", 12)),
        *(("350ms", 0.35), ("3min", 180), ("1h 2m 3s", 3723), ("PT3M25S", 205), ("3分25秒", 205)),
        *(("2小时", 7200), ("90 minutes", 5400), ("5", None), ("5kg", None), ("", None)),
        *(("PT", None), ("soon", None)),
    ],
)
def test_a_watch_time_may_say_its_unit(text: str, seconds: float | None) -> None:
    found = seconds_in(text)
    assert math.isnan(found) if seconds is None else found == pytest.approx(seconds)


def test_watch_times_of_several_spellings_are_seconds(tmp_path: Path) -> None:
    times = ["00:03:25", "12.5s", "7", "1,234"]
    rows = "".join(f"u|a|{k}|1|{time}\n" for k, time in enumerate(times))
    log, said, _ = read(tmp_path, f"{HEADER}\n{rows}")
    assert log.watched.tolist() == [205, 12.5, 7, 1234]
    assert 'watch_time: "00:03:25" is 205 s, "1,234" is 1234 s.' in said
    in_ms = read(tmp_path, f"{HEADER}\n{rows}", ImpressionColumns(unit="ms"))[0]
    assert in_ms.watched.tolist() == pytest.approx([205, 12.5, 0.007, 1.234])


@pytest.mark.parametrize(
    ("name", "given", "unit"),
    [
        *(("play_time_ms", None, "ms"), ("duration", None, "s"), ("观看时长(分钟)", None, "min")),
        *(("playTimeMs", None, "ms"), ("watch_time", "ms", "ms"), ("dwell_seconds", None, "s")),
    ],
)
def test_the_unit_is_that_of_the_name_unless_it_is_given(
    tmp_path: Path, name: str, given: str | None, unit: str
) -> None:
    text = f"uid|video_id|ts|is_click|{name}\nu|a|1|1|60\nu|b|2|0|0\n"
    log, _, used = read(tmp_path, text, ImpressionColumns(unit=given))
    assert used.unit == unit and used.watch_time == name
    assert log.watched[0] == 60 * {"s": 1, "ms": 0.001, "min": 60}[unit]


@pytest.mark.parametrize(
    ("name", "unit", "time", "said"),
    [
        ("watch_time", None, 45_000, "If it is in ms: --unit ms."),
        ("watch_time", "ms", 45, "If it is in s: --unit s."),
        ("play_time_ms", "s", 45, "counted in s, though the name of play_time_ms says ms"),
        ("watch_time", None, 45, None),
        ("play_time_ms", None, 45_000, None),
    ],
)
def test_a_unit_that_looks_wrong_is_said(
    tmp_path: Path, name: str, unit: str | None, time: int, said: str | None
) -> None:
    text = f"user|item|timestamp|clicked|{name}\nu|a|1|1|{time}\nu|b|2|0|0\n"
    lines = read(tmp_path, text, ImpressionColumns(watch_time=name, unit=unit))[1]
    assert ("Warning" in lines) == (said is not None) and (said or "") in lines


def test_ids_are_one_however_they_are_written(tmp_path: Path) -> None:
    text = f"{HEADER}\n1.0|17|1|1|5\n1| 17|2|0|0\n1|17.0|3|1|1\n"
    log, said, _ = read(tmp_path, text)
    assert log.users == ["1"] and log.items == ["17"] and set(log.item.tolist()) == {0}
    assert 'user: "1.0" is the id "1"' in said and 'item: " 17" is the id "17"' in said
    assert read(tmp_path, text, old=True)[0].users == ["1.0", "1"]
    with pytest.raises(DataError, match=r'log.tsv:5: user is "NULL", .*expected the user'):
        read(tmp_path, text + "NULL|5|4|0|0\n")


def test_what_looks_like_moments_is_named_where_there_is_none(tmp_path: Path) -> None:
    text = "user|item|seen_it|clicked|watch_time\nu|a|1709251200|1|5\nu|b|1709251300|0|0\n"
    with pytest.raises(DataError, match="--timestamp 'seen_it'"):
        read(tmp_path, text)
    log = read(tmp_path, text, ImpressionColumns(timestamp="seen_it"))[0]
    assert np.diff(log.time).tolist() == [100]


def test_a_training_says_what_it_took_for_what(dssm: Dssm, tmp_path: Path) -> None:
    rows = [
        (
            user,
            item,
            1709251200 + time,
            bool(clicked),
            seconds * 1000 if clicked else "",
            clicked > 0,
        )
        for user, item, time, clicked, seconds in impressions(9, 5, 90)
    ]
    names = ("uid", "video_id", "ts", "is_click", "play_time_ms", "liked")
    log = write_log(tmp_path / "i.tsv", names, rows[::-1])
    options = [word for word in SMALL_RANKING if word != "-q"]
    words = ("train-rec", "youtube-ranking", log, "--outcome", "liked", "--epochs", "1")
    done = dssm(*words, *options, "-o", tmp_path / "run")
    assert done.code == 0
    for said in (
        "Users are told by uid, items by video_id, moments by ts, clicks by is_click, watch time "
        "by play_time_ms (ms).",
        'is_click: "False" is 0, "True" is 1.',
        "that were not clicked: 0 s.",
        "Moments: from 2024-03-01 00:00:00",
        "Rows stand newest first",
    ):
        assert said in done.err


def test_a_header_in_the_middle_is_no_impression(tmp_path: Path) -> None:
    rows = "u|a|1|1|5\nu|b|2|0|0\n"
    log, _, _ = read(tmp_path, f"{HEADER}\n{rows}{HEADER}\n{rows.replace('u', 'v')}")
    assert len(log) == 4 and log.users == ["u", "v"]
    # A bad row behind it is told by its own line.
    with pytest.raises(DataError, match=r'log.tsv:5: clicked is "x"'):
        read(tmp_path, f"{HEADER}\n{rows}{HEADER}\nu|c|3|x|5\n")


def test_numbers_of_a_column_are_read_as_they_were_in_training(dssm: Dssm, tmp_path: Path) -> None:
    """A number alone does not say how it is meant: 1.234 is 1234 beside 12,50 and 1.234,50."""
    names = (*IMPRESSION_NAMES, "price", "off")
    rows = impressions(10, 8, 300)
    prices = np.random.default_rng(4).integers(2, 400_000, len(rows)) / 100

    def comma(price: float) -> str:
        return f"{price:,.2f}".translate(str.maketrans(",.", ".,"))

    def written(row: int, plain: bool) -> tuple[str, str]:
        price, off = float(prices[row]), row % 40
        return (
            (str(price), str(off)) if plain else (comma(price), f"{off}%" if row % 2 else str(off))
        )

    told = {}
    for plain in (True, False):
        log = write_log(
            tmp_path / "log.tsv",
            names,
            [(*row, *written(i, plain)) for i, row in enumerate(rows)],
        )
        folder = tmp_path / f"run-{plain}"
        options = [*SMALL_RANKING, "--epochs", "1", "-o", folder]
        assert dssm("train-rec", "youtube-ranking", log, *options).code == 0
        last = ("u1", "i1", 999, "1234" if plain else "1.234", "9" if plain else "9%")
        one = write_log(tmp_path / "one.tsv", ("user", "item", "timestamp", "price", "off"), [last])
        told[plain] = dssm("predict", "-q", "-m", folder, one).out
    assert told[True] == told[False] != ""
    said = dssm("info", "-m", tmp_path / "run-False").out
    assert "columns.price\tnumbers from " in said and "a decimal comma" in said
    assert "9.5% as 9.5" in said


def test_features_of_runs_up_to_format_4_read_what_they_read(tmp_path: Path) -> None:
    """Only plain numbers, and each text of a category apart: as 0.1.0 wrote features.json."""
    empty = {"edges": [0.0, 1.0], "shares": [0.0, 1.0], "means": [0.0] * 3, "scales": [1.0] * 3}
    names = [*feature_names(("price",), ()), "price"]
    old = {
        "categorical": [{"name": "city", "values": ["1", "x"]}],
        "places": [{"name": name, **empty} for name in names],
        "numbers": ["price"],
    }
    features = ranking_features_from_json(json.dumps(old), Path("features.json"), ())
    numbers = features.written["price"].numbers(["99", "￥99", "1,200", "-"])
    assert numbers[0] == 99 and np.isnan(numbers[1:]).all()
    log, _, _ = read(tmp_path, f"{HEADER}|city|price\nu|a|1|1|5|1|9\nu|b|2|0|0|1.0|x\n")
    reader = ImpressionReader(features)
    assert reader.codes(log, "log").tolist() == [[1], [0]]
    assert 'city: 1 field with a category not known ("1.0").' in reader.summary
    assert reader.numbers(log)[0, 0] == 9
    assert 'price: 1 field without a number ("x"): missing.' in reader.summary
    new = json.loads(features._replace(values=2).to_json())
    assert new["values"] == 2 and len(new["notations"]) == 1
    again = ranking_features_from_json(json.dumps(new), Path("features.json"), ())
    assert ImpressionReader(again).codes(log, "log").tolist() == [[1], [1]]
    del new["notations"]
    with pytest.raises(RunError, match="notations, expected one of each numeric column"):
        ranking_features_from_json(json.dumps(new), Path("features.json"), ())


def test_impressions_unlike_those_of_training_are_warned_of(dssm: Dssm, tmp_path: Path) -> None:
    names = (*IMPRESSION_NAMES, "length")
    lengths = np.random.default_rng(1).integers(100, 9000, 700).tolist()
    rows = [(*row, lengths[i]) for i, row in enumerate(impressions(10, 8, 700))]
    log = write_log(tmp_path / "log.tsv", names, rows[:500])
    small = [*SMALL_RANKING, "--epochs", "1", "-o", tmp_path / "run"]
    assert dssm("train-rec", "youtube-ranking", log, *small).code == 0
    cases = {
        "same": (rows[500:], ""),
        "hours": ([(*row[:-1], row[-1] / 3600) for row in rows[500:]], "is it another unit"),
        "empty": ([(*row[:-1], "") for row in rows[500:]], "length: missing in 200 of 200 fields"),
        "items": (
            [(row[0], row[1].upper(), *row[2:]) for row in rows[500:]],
            "200 of 200 rows are of items that the run does not know",
        ),
        "users": ([(f"new {row[0]}", *row[1:]) for row in rows[500:]], "of users that the run"),
    }
    for name, (changed, said) in cases.items():
        file = write_log(tmp_path / f"{name}.tsv", names, changed)
        for words in (["predict", "-q"], ["eval", "-q", "--bootstrap", "0"]):
            err = dssm(*words, "-m", tmp_path / "run", file).err
            assert ("Warning: " in err) == bool(said) and said in err, (name, err)
        if said:
            valid = [*SMALL_RANKING, "--epochs", "1", "--valid", file, "-o", tmp_path / name]
            done = dssm("train-rec", "youtube-ranking", log, *valid)
            assert said in done.err and f"{name}.tsv" in done.err, (name, done.err)


def test_an_outcome_that_every_row_has_is_warned_of(tmp_path: Path) -> None:
    text = f"{HEADER}|stars\nu|a|1|1|5|{{}}\nu|b|2|0|0|2\n"
    columns = ImpressionColumns(outcomes=("stars",))
    said = "Warning: stars: above 0, or a yes, in all of 2 rows"
    assert said in read(tmp_path, text.format(1), columns)[1]
    assert said not in read(tmp_path, text.format(0), columns)[1]
