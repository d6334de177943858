"""Ids that a run does not know: how many, and whether they are only written otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Dssm
from logs import (
    IMPRESSION_NAMES,
    SMALL_RANKING,
    SMALL_WATCHES,
    impressions,
    run,
    watches_in_a_ring,
    write_log,
)

import dssmcli
from dssmcli.data.id_spelling import folded, spelling_hint

NAMES = ("user", "item", "timestamp")
HISTORY = watches_in_a_ring(30, 20, 8)
LATER = [(user, f"i{(int(item[1:]) + 9) % 20}", when + 100) for user, item, when in HISTORY[:80]]
SHOWN = impressions(20, 8, 300)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the folder of logs, and a run of watches and one of impressions."""
    folder = tmp_path_factory.mktemp("unknown")
    history = write_log(folder / "history.tsv", NAMES, HISTORY)
    shown = write_log(folder / "shown.tsv", IMPRESSION_NAMES, SHOWN)
    found = {"folder": folder, "history": history, "run": folder / "run", "ranker": folder / "rank"}
    done = run(
        "train-rec",
        "youtube-candidates",
        history,
        *SMALL_WATCHES,
        "--epochs",
        "1",
        "-o",
        found["run"],
    )
    assert done.code == 0, done.err
    done = run(
        "train-rec",
        "youtube-ranking",
        shown,
        *SMALL_RANKING,
        "--epochs",
        "1",
        "-o",
        found["ranker"],
    )
    assert done.code == 0, done.err
    return found


def _padded(text: str) -> str:
    return f"{text[0]}0{text[1:]}"


SPELLINGS: list[tuple[Callable[[str], str], str]] = [
    (_padded, '"i00" here may be "i0" there, but for zeros in front: write ids as there.'),
    (str.upper, '"I0" here may be "i0" there, but for capitals: write ids as there.'),
    ("item_{}".format, '"item_i0" here may be "i0" there: write ids as there.'),
    (lambda text: text[1:], '"0" here may be "i0" there: write ids as there.'),
]


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("007", "7", "zeros in front"),
        ("7.0", "7", "a .0"),
        ("'7'", "7", "quotes"),
        ('"1,007"', "1007", "quotes"),
        ("1,007", "1007", "a comma"),
        ("AB7", "ab7", "capitals"),
        ("item_007", "item_7", "zeros in front"),
    ],
)
def test_spellings_of_an_id_are_one(one: str, other: str, said: str) -> None:
    assert folded(one) == folded(other)
    assert f"but for {said}:" in spelling_hint([one], [other, "99"])


@pytest.mark.parametrize(
    ("unknown", "known"),
    [(["new"], ["i1", "i2"]), (["i9"], ["i1", "i2"]), (["x"], []), ([], ["i1"]), (["a", "b"], "c")],
)
def test_other_ids_are_others(unknown: list[str], known: list[str]) -> None:
    assert spelling_hint(unknown, known) == ""


@pytest.mark.parametrize(("spell", "said"), SPELLINGS)
def test_histories_in_other_ids_are_warned_of_by_eval_recommend_and_encode(
    made: dict[str, Path], dssm: Dssm, spell: Callable[[str], str], said: str
) -> None:
    said = said.replace("i0", HISTORY[0][1]).replace('"0"', f'"{HISTORY[0][1][1:]}"')
    said = said.replace("i00", _padded(HISTORY[0][1])).replace("I0", HISTORY[0][1].upper())
    before = [(user, spell(item), when) for user, item, when in HISTORY]
    history = write_log(made["folder"] / "before.tsv", NAMES, before)
    later = write_log(made["folder"] / "later.tsv", NAMES, LATER)
    done = dssm("eval", "-q", "-m", made["run"], "--history", history, later, "--bootstrap", "0")
    assert done.err.startswith(
        f"Warning: {later}: 240 of 240 watches before are of items that the run does not know, "
    )
    hint = said.split(" here may be ")[1]
    assert hint in done.err
    for words in (("recommend",), ("encode", "--side", "user", "--format", "tsv")):
        done = dssm(*words, "-q", "-m", made["run"], history)
        assert done.err.startswith("Warning: 240 watches of items that the run does not know, such")
        assert "\nWarning: 30 of 30 users without a watch that the run knows: " in done.err
        assert hint in done.err
    ids = made["folder"] / "ids.txt"
    ids.write_text("".join(f"{spell(f'i{place}')}\n" for place in range(20)))
    done = dssm("encode", "--side", "item", "--format", "tsv", "-q", "-m", made["run"], ids)
    assert done.err.startswith("Warning: 20 lines without an item that the run knows, such as ")
    assert "write ids as there" in done.err


def test_items_to_find_that_nobody_knows_are_warned_of_if_most(
    made: dict[str, Path], dssm: Dssm
) -> None:
    later = [(user, _padded(item), when) for user, item, when in LATER]
    log = write_log(made["folder"] / "padded.tsv", NAMES, later)
    words = ("eval", "-m", made["run"], "--history", made["history"], "--bootstrap", "0")
    done = dssm(*words, "-q", log)
    assert "80 of 80 watches to find are of items that the run does not know: misses." in done.err
    assert done.err.startswith("Warning: ") and "but for zeros in front" in done.err
    some = write_log(
        made["folder"] / "some.tsv",
        NAMES,
        [*LATER[:70], *((user, "new", when) for user, _, when in LATER[70:])],
    )
    assert dssm(*words, "-q", some).err == ""
    assert "10 of 80 watches to find are of items" in dssm(*words, some).err


def test_users_called_otherwise_than_in_the_history_are_told(
    made: dict[str, Path], dssm: Dssm
) -> None:
    later = [(user.upper(), item, when) for user, item, when in LATER]
    words = ("eval", "-q", "-m", made["run"], "--history", made["history"], "--bootstrap", "0")
    log = write_log(made["folder"] / "users.tsv", NAMES, later)
    done = dssm(*words, log)
    assert (
        "more have none before them, of the same user: left out" not in done.err or done.code == 0
    )
    alone = write_log(made["folder"] / "alone.tsv", NAMES, [later[0], later[8], later[16]])
    done = dssm(*words, alone)
    assert done.code == 3 and 'may be "u0" there, but for capitals: write ids as there.' in done.err


def test_a_log_to_validate_on_in_other_ids_says_why_nothing_is_validated(
    made: dict[str, Path], dssm: Dssm, tmp_path: Path
) -> None:
    words = ("train-rec", "youtube-candidates", made["history"], *SMALL_WATCHES, "--epochs", "1")
    valid = write_log(
        tmp_path / "valid.tsv", NAMES, [(user, _padded(item), when) for user, item, when in LATER]
    )
    done = dssm(*words, "--valid", valid, "-o", tmp_path / "a")
    assert done.err.startswith(
        f"Warning: {valid}: 80 of 80 watches are of items that are not trained on, such as "
    )
    assert "zeros in front" in done.err and "nothing to validate on" in done.err
    named = write_log(
        tmp_path / "named.tsv", NAMES, [(user.upper(), item, when) for user, item, when in LATER]
    )
    done = dssm(*words, "--valid", named, "-o", tmp_path / "b")
    assert done.err == (
        f'Warning: {named}: 10 of 10 users have no watch that is trained on. "U0" here may be "u0" '
        "there, but for capitals: write ids as there.\n"
    )


def test_impressions_in_other_ids_say_how_they_are_written(
    made: dict[str, Path], dssm: Dssm, tmp_path: Path
) -> None:
    rows = [(row[0].upper(), _padded(row[1]), *row[2:]) for row in impressions(20, 8, 60)]
    log = write_log(tmp_path / "log.tsv", IMPRESSION_NAMES, rows)
    for words in (("predict",), ("eval", "--bootstrap", "0")):
        done = dssm(*words, "-q", "-m", made["ranker"], log)
        assert "of items that the run does not know: taken as new ones. " in done.err
        assert "there, but for zeros in front: write ids as there." in done.err
        assert "there, but for capitals: write ids as there." in done.err


def test_a_user_on_several_lines_of_histories_is_warned_of(
    made: dict[str, Path], dssm: Dssm
) -> None:
    lines = [{"user": "u1", "history": ["i1"]}, {"user": "u2", "history": ["i2"]}]
    lines += [{"user": "u1", "history": ["i3"]}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    table = "user\thistory\nu1\ti1\nu2\ti2\nu1\ti3\n"
    for given in (text, table):
        done = dssm("recommend", "-q", "-m", made["run"], stdin=given.encode())
        assert done.err.startswith(
            'Warning: a line is of a user that a line above has, such as "u1": each line is '
        )
    once = "".join(json.dumps(line) + "\n" for line in lines[:2])
    assert dssm("recommend", "-q", "-m", made["run"], stdin=once.encode()).err == ""
    # Users without a name are others.
    nameless = '{"history": ["i1"]}\n{"history": ["i2"]}\n'
    assert dssm("recommend", "-q", "-m", made["run"], stdin=nameless.encode()).err == ""


def test_python_warns_of_ids_in_another_spelling(made: dict[str, Path]) -> None:
    recommender = dssmcli.load_recommender(made["run"])
    with (
        pytest.warns(UserWarning, match="1 of 1 user without a watch"),
        pytest.warns(UserWarning, match='"I3" here may be "i3" there, but for capitals'),
    ):
        recommender.items_for([["I3", "I4"]], 2)


def test_watches_before_the_last_moment_are_warned_of_when_quiet(
    made: dict[str, Path], dssm: Dssm
) -> None:
    early = write_log(
        made["folder"] / "early.tsv",
        NAMES,
        [(user, item, when - 151) for user, item, when in LATER],
    )
    words = ("eval", "-q", "-m", made["run"], "--history", made["history"], "--bootstrap", "0")
    done = dssm(*words, early)
    assert "80 of 80 watches come before the last moment that" in done.err
    assert done.err.startswith(f"Warning: {early}: ")


def _with_items(change: Callable[[str], str]) -> list[tuple[str, str, int]]:
    return [(user, change(item), when) for user, item, when in LATER]


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (
            _with_items("item_{}".format),
            ': 0 of 20 items are in the other files, though 10 of 10 users are. "item_',
        ),
        (
            _with_items(lambda text: "abcdefghijklmnopqrst"[int(text[1:])] * 3),
            "though 10 of 10 users are. If they are the same items, call them alike in all files.",
        ),
        ([(item, user, when) for user, item, when in HISTORY], "user and item may have changed"),
        (LATER, ""),
        ([(f"v{user}", item, when) for user, item, when in LATER], ""),  # other users
        ([(f"v{user}", f"j{item}", when) for user, item, when in LATER], ""),  # another site
    ],
)
@pytest.mark.parametrize("kind", ["youtube-candidates", "youtube-ranking", "check"])
def test_a_file_whose_items_are_called_otherwise_is_warned_of(
    dssm: Dssm, tmp_path: Path, later: list[tuple[str, str, int]], said: str, kind: str
) -> None:
    shows = kind == "youtube-ranking"
    names, rest = (IMPRESSION_NAMES, [(1, 9), (0, 0)]) if shows else (NAMES, [(), ()])
    first, second = (
        write_log(tmp_path / name, names, [(*row, *rest[k % 2]) for k, row in enumerate(rows)])
        for name, rows in (("a.tsv", HISTORY), ("b.tsv", later))
    )
    if kind == "check":
        done = dssm("check", first, second)
        assert said.split(". ", maxsplit=1)[0].lstrip(": ") in done.out
        assert said or "reading" not in done.out
        return
    small = SMALL_RANKING if shows else SMALL_WATCHES
    train = ("train-rec", kind, first, second, *small, "--epochs", "1", "-o", tmp_path / "run")
    done = dssm(*train)
    assert done.code == 0 and (f"Warning: {second}: " in done.err) == bool(said), done.err
    assert said in done.err


def test_a_history_after_the_watches_to_find_is_warned_of(
    made: dict[str, Path], dssm: Dssm
) -> None:
    later = write_log(made["folder"] / "after.tsv", NAMES, LATER)
    words = ("eval", "-q", "-m", made["run"], "--history", later, "--bootstrap", "0")
    done = dssm(*words, made["history"])
    assert "watches to find are earlier than watches of the history, of the same" in done.err
    words = ("eval", "-q", "-m", made["run"], "--history", made["history"], "--bootstrap", "0")
    assert "earlier than" not in dssm(*words, later).err


def test_keys_of_histories_that_are_not_read_are_told(made: dict[str, Path], dssm: Dssm) -> None:
    line = {"user": "u", "history": ["i1", "i2", "i3"], "time": [7, 7, 5], "device": "phone"}
    words = ("recommend", "-m", made["run"])
    done = dssm(*words, "-q", stdin=json.dumps(line).encode())
    assert done.err.startswith('Warning: "time" of most lines falls from the first to the last, so')
    assert dssm(*words, stdin=json.dumps(line).encode()).err.endswith("Not read: time, device.\n")
    for time in ([5, 7, 7], [7, 7, 7], [7, 5], "x"):
        told = dssm(*words, "-q", stdin=json.dumps({**line, "time": time}).encode())
        assert told.err == ""
    plain = {"user": "u", "history": ["i1"], "timestamp": 7, "searches": "shoes"}
    assert dssm(*words, stdin=json.dumps(plain).encode()).err == ""
