"""`dssm recommend`: whom it answers, with what, and runs that are damaged or hostile."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from conftest import Dssm
from logs import (
    IMPRESSION_NAMES,
    SMALL_RANKING,
    SMALL_WATCHES,
    impressions,
    read_recommended,
    run,
    watches_in_a_ring,
    write_log,
)
from test_cli import PYTHON, SERVING
from test_run import reseal

import dssmcli
from dssmcli.data import users
from dssmcli.data.tsv import BadRows
from dssmcli.data.watches import WatchColumns

ITEMS = 12
NAMES = ("user", "item", "timestamp")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return runs of candidates and of ranking, and the logs they are of."""
    folder = tmp_path_factory.mktemp("recommend")
    watched = watches_in_a_ring(80, ITEMS, 5)
    found = {
        "watches": write_log(folder / "w.tsv", NAMES, watched),
        "impressions": write_log(folder / "i.tsv", IMPRESSION_NAMES, impressions(80, ITEMS, 1500)),
    }
    for name, command, log, options in (
        ("candidates", "youtube-candidates", "watches", [*SMALL_WATCHES, "--epochs", "6"]),
        ("lists", "youtube-candidates", "watches", [*SMALL_WATCHES, "--lists-from", "5"]),
        ("ranking", "youtube-ranking", "impressions", [*SMALL_RANKING, "--epochs", "2"]),
    ):
        found[name] = folder / name
        done = run("train-rec", command, found[log], *options, "-o", found[name])
        assert (done.code, done.out, done.err) == (0, "", "")
    return found


Recommend = Callable[..., Any]


@pytest.fixture(name="recommend")
def _recommend(made: dict[str, Path], dssm: Dssm) -> Recommend:
    """Return a function that runs `recommend` with the run of candidates."""

    def recommend(*words: str | Path, stdin: bytes | str = b"") -> Any:
        content = stdin.encode() if isinstance(stdin, str) else stdin
        return dssm("recommend", "-m", made["candidates"], *words, stdin=content)

    return recommend


HISTORIES = {"ann": ["i1", "i2", "i3"], "ben": ["i7"], "北京, 3": ["i5", "i4", "i5", "i9"]}


def forms(folder: Path) -> dict[str, Path]:
    """Return the same users' histories in each of the forms."""
    rows = [(user, item, k) for user, items in HISTORIES.items() for k, item in enumerate(items)]
    table = "".join(f"{user}\t{' '.join(items)}\n" for user, items in HISTORIES.items())
    objects = "".join(
        json.dumps({"user": user, "history": items}) + "\n" for user, items in HISTORIES.items()
    )
    (folder / "t.tsv").write_text(f"user\thistory\n{table}", "utf-8")
    (folder / "o.jsonl").write_text(objects, "utf-8")
    # Mixed, so that time alone says what came first.
    log = write_log(folder / "l.tsv", NAMES, [rows[n] for n in (0, 3, 6, 2, 1, 7, 5, 4)])
    return {"log": log, "table": folder / "t.tsv", "objects": folder / "o.jsonl"}


@pytest.mark.parametrize("more", [(), ("--keep-seen", "-k", "3"), ("--ranker", "ranking")])
def test_the_three_forms_of_histories_have_the_same_answers(
    recommend: Recommend, made: dict[str, Path], tmp_path: Path, more: tuple[str, ...]
) -> None:
    words = [made.get(word, word) for word in more]
    found = {}
    for name, file in forms(tmp_path).items():
        done = recommend(*words, file)
        assert (done.code, done.err) == (0, "")
        found[name] = read_recommended(done.out)
        piped = recommend(*words, "-", stdin=file.read_bytes())
        assert piped.out == done.out
    assert found["table"] == found["objects"] and set(found["table"]) == set(HISTORIES)
    assert found["log"] == found["table"]


def test_the_best_come_first_with_their_scores(recommend: Recommend, tmp_path: Path) -> None:
    done = recommend(forms(tmp_path)["table"], "-k", "4")
    head, *lines = done.out.splitlines()
    assert head == "user\trank\titem\tscore" and len(lines) == 12
    rows = [line.split("\t") for line in lines]
    assert [row[1] for row in rows] == ["1", "2", "3", "4"] * 3
    for user in range(3):
        scores = [float(row[3]) for row in rows[4 * user : 4 * user + 4]]
        assert scores == sorted(scores, reverse=True) and max(scores) <= 1.0001
    assert rows[0][2] == "i4" and rows[4][2] == "i8"
    objects = [
        json.loads(x) for x in recommend(forms(tmp_path)["table"], "-k4", "--json").out.splitlines()
    ]
    assert [[o["user"], str(o["rank"]), o["item"], o["score"]] for o in objects] == [
        [*row[:3], float(row[3])] for row in rows
    ]


def test_the_scores_are_the_inner_products_of_the_vectors(
    recommend: Recommend, made: dict[str, Path], dssm: Dssm, tmp_path: Path
) -> None:
    file = forms(tmp_path)["table"]
    told = [
        dssm("encode", "-m", made["candidates"], "--side", side, "--format", "jsonl", *files).out
        for side, files in (("user", [file]), ("item", []))
    ]
    users_of, items_of = ([json.loads(line) for line in text.splitlines()] for text in told)
    vectors = [
        np.array([next(v for v in line.values() if isinstance(v, list)) for line in side])
        for side in (users_of, items_of)
    ]
    names = [next(v for v in line.values() if isinstance(v, str)) for line in items_of]
    scores = vectors[0] @ vectors[1].T
    rows = [
        line.split("\t") for line in recommend(file, "-k", "99", "--keep-seen").out.splitlines()
    ]
    for user, own in enumerate(scores):
        found = {row[2]: float(row[3]) for row in rows[1 + ITEMS * user : 1 + ITEMS * (user + 1)]}
        assert found == pytest.approx(dict(zip(names, own.tolist(), strict=True)), abs=1e-4)


def test_what_was_seen_is_left_out_unless_it_is_to_be_kept(
    recommend: Recommend, tmp_path: Path
) -> None:
    file = forms(tmp_path)["objects"]
    every = read_recommended(recommend(file, "-k", "100", "--keep-seen").out)
    fresh = read_recommended(recommend(file, "-k", "100").out)
    for user, history in HISTORIES.items():
        assert len(every[user]) == ITEMS == len(set(every[user]))
        assert fresh[user] == [item for item in every[user] if item not in history]
    first = read_recommended(recommend(file, "-k", "2").out)
    assert first == {user: items[:2] for user, items in fresh.items()}


def test_who_has_seen_everything_gets_nothing(recommend: Recommend) -> None:
    every = " ".join(f"i{i}" for i in range(ITEMS))
    done = recommend(stdin=f"user\thistory\nall\t{every}\nben\ti7\n")
    assert [*read_recommended(done.out)] == ["ben"] and done.code == 0


def test_items_that_are_not_known_are_ignored_and_counted(recommend: Recommend) -> None:
    known = recommend(stdin="user\thistory\nu\ti1 i2\nv\ti9\n")
    done = recommend(stdin="user\thistory\nu\tnew i1 gone i2\nv\ti9 new\n")
    assert done.out == known.out and known.err == ""
    assert done.err == ('3 watches of items that the run does not know, such as "new": ignored.\n')
    assert recommend("-q", stdin="user\thistory\nu\tnew i1\n").err == ""
    lost = recommend("-q", stdin="user\thistory\nu\tnew\n").err  # nothing that it knows is left
    assert lost.startswith("Warning: 1 watch of items that the run does not know")


@pytest.mark.parametrize(
    "history",
    ["i1  i2", " i1\ti2", "['i1', 'i2']", '["i1", "i2"]', "['i1' 'i2']", "\N{NO-BREAK SPACE}i1 i2"],
)
def test_a_history_is_one_however_its_ids_are_written(recommend: Recommend, history: str) -> None:
    plain = recommend(stdin='{"user": "u", "history": ["i1", "i2"]}\n')
    field = '"' + history.replace('"', '""') + '"'
    done = recommend(stdin=f"user,history\nu,{field}\n")
    assert (done.out, done.err) == (plain.out, "")


def test_a_header_in_the_middle_of_logs_is_no_watch(
    dssm: Dssm, recommend: Recommend, made: dict[str, Path], tmp_path: Path
) -> None:
    said = "The header stands again further down, which is no row: 1 line"
    rows = watches_in_a_ring(9, 5, 6)
    names = ("user", "item", "timestamp")
    log = write_log(tmp_path / "w.tsv", names, [*rows[:20], names, *rows[20:]])
    plain = write_log(tmp_path / "p.tsv", names, rows)
    options = [word for word in SMALL_WATCHES if word != "-q"]
    words = ("train-rec", "youtube-candidates", log, *options, "--epochs", "1")
    done = dssm(*words, "-o", tmp_path / "run")
    assert said in done.err and "Read 54 watches of 5 items by 9 users." in done.err
    for command in (("eval", "-m", tmp_path / "run"), ("recommend", "-m", tmp_path / "run")):
        twice, once = dssm(*command, log), dssm(*command, plain)
        assert twice.out.replace("w.tsv", "p.tsv") == once.out
        assert said in twice.err and said not in once.err
    users = recommend(stdin="user\thistory\nu\ti1\nuser\thistory\nv\ti2\n")
    assert said in users.err and "user\t1" not in users.out


def test_a_list_of_json_is_told_from_lines_of_it(recommend: Recommend) -> None:
    done = recommend(stdin='[{"user": "u", "history": ["i1"]}]\n')
    assert done.code == 3 and "a JSON list, expected an object a line" in done.err


def test_ids_between_other_signs_than_spaces_are_told(recommend: Recommend) -> None:
    done = recommend(stdin="user\thistory\nu\ti1|i2|i3\n")
    assert 'such as "i1|i2|i3": ignored. Ids of a history stand between spaces' in done.err
    assert "1 of 1 user without a watch that the run knows" in done.err


@pytest.mark.parametrize("time", ["1709251200", '"2024-03-01T08:00:00+08:00"', "null", '"17"'])
def test_a_timestamp_of_json_is_a_number_or_a_date(recommend: Recommend, time: str) -> None:
    done = recommend(stdin=f'{{"user": "u", "history": ["i1"], "timestamp": {time}}}\n')
    assert done.code == 0 and done.err == ""


def test_a_log_without_moments_that_has_some_is_told(
    recommend: Recommend, dssm: Dssm, made: dict[str, Path], tmp_path: Path
) -> None:
    rows = [("u", "i3", "2024-03-02"), ("u", "i2", "2024-03-01")]
    log = write_log(tmp_path / "w.tsv", ("user", "item", "seen_it"), rows)
    bare = write_log(tmp_path / "b.tsv", ("user", "item"), [row[:2] for row in rows[::-1]])
    words = ("youtube-candidates", bare, *SMALL_WATCHES, "--epochs", "1", "-o", tmp_path / "run")
    assert dssm("train-rec", *words).code == 0
    done = dssm("recommend", "-m", tmp_path / "run", log)
    assert done.code == 0 and "Call it timestamp in the header to go by it" in done.err
    log.write_text(log.read_text().replace("seen_it", "timestamp"))
    assert dssm("recommend", "-m", tmp_path / "run", log).err == ""


def test_the_python_api_takes_ids_of_any_kind_and_warns(made: dict[str, Path]) -> None:
    recommender = dssmcli.load_recommender(made["candidates"])
    plain = recommender.items_for([["i1", "i2"]], 3)
    assert recommender.items_for(iter([np.array(["i1 ", "i2"])]), 3) == plain
    with pytest.warns(
        UserWarning, match=r'^2 watches of items .* such as "17": ignored\.$'
    ) as told:
        assert recommender.items_for([["i1", np.int64(17), 17.0, "i2"]], 3) == plain
    assert len(told) == 1 and recommender.unknown == 2
    with pytest.raises(TypeError, match=r"histories\[1\]\[1\]: an id is None"):
        recommender.items_for([["i1"], ["i2", None]], 3)


@pytest.mark.parametrize("side", ["item", "user"])
def test_vectors_of_what_is_not_known_are_told(
    dssm: Dssm, made: dict[str, Path], side: str
) -> None:
    words = ("encode", "-m", made["candidates"], "--side", side, "--format", "tsv")
    lines = {"item": b"i1\n i1\nnew\n", "user": b"user\thistory\nu\ti1\nv\ti1 \nw\tnew\n"}
    done = (
        dssm(*words, stdin=lines[side]) if side == "user" else dssm(*words, "-", stdin=lines[side])
    )
    first, again, none = done.out.splitlines()
    assert done.code == 0 and first == again != none and 'such as "new"' in done.err
    quiet = dssm(*words, "-q", *([] if side == "user" else ["-"]), stdin=lines[side])
    assert quiet.err == "" and quiet.out == done.out


def test_who_has_no_known_watch_gets_what_is_most_watched(
    recommend: Recommend, made: dict[str, Path]
) -> None:
    catalogue = json.loads((made["candidates"] / "catalogue.json").read_text())
    lines = [{"user": "a", "history": []}, {"user": "b", "history": ["new"]}]
    lines += [{"user": "c", "history": ["i3"]}]
    stdin = "\n".join(map(json.dumps, lines))
    for more in ((), ("--keep-seen",)):
        found = read_recommended(recommend("-q", "-k", "4", *more, stdin=stdin).out)
        assert found["a"] == found["b"] == catalogue["items"][:4]
        alone = recommend("-q", "-k", "4", *more, stdin=json.dumps(lines[2]))
        assert found["c"] == read_recommended(alone.out)["c"]
    whole = read_recommended(recommend("-q", "-k", "50", stdin=stdin).out)
    assert whole["a"] == catalogue["items"]


def test_users_of_a_log_have_the_searches_of_all_watches_and_the_context_of_the_last(
    tmp_path: Path,
) -> None:
    rows = [
        *(("a", "i1", 1, "red bag", "tv"), ("b", "i4", 5, "hat", "phone")),
        *(("a", "i3", 3, "blue", "web"), ("a", "i2", 2, "", "phone"), ("c", "i5", 9, "", "tv")),
    ]
    log = write_log(tmp_path / "w.tsv", (*NAMES, "said", "device"), rows)
    columns = WatchColumns(*NAMES, searches="said", context=("device",))
    with users.open_users(str(log), columns, BadRows()) as blocks:
        [found] = blocks
    assert found.names == ["a", "b", "c"] and found.ends.tolist() == [0, 3, 4, 5]
    assert found.items == ["i1", "i2", "i3", "i4", "i5"]
    assert found.searches == [["red", "bag", "blue"], ["hat"], []]
    assert found.context == {"device": ["web", "phone", "tv"]}
    assert found.time.tolist() == [3, 5, 9]


def test_answers_come_while_users_do(
    recommend: Recommend, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = forms(tmp_path)
    whole = {name: recommend(each).out for name, each in file.items()}
    monkeypatch.setattr(users, "_AT_ONCE", 1)
    monkeypatch.setattr(users, "PIECE_BYTES", 20)
    for name, each in file.items():
        np.testing.assert_array_equal(
            [line.split("\t")[:3] for line in recommend(each).out.splitlines()],
            [line.split("\t")[:3] for line in whole[name].splitlines()],
        )


def test_reasons_are_the_scores_of_each_stage(
    recommend: Recommend, made: dict[str, Path], tmp_path: Path
) -> None:
    file = forms(tmp_path)["table"]
    done = recommend("--ranker", made["ranking"], "--reasons", "-k", "20", file)
    head, *lines = done.out.splitlines()
    assert head == "user\trank\titem\tscore\tclick\todds\tcandidate_score"
    rows = [line.split("\t") for line in lines]
    own = [row for row in rows if row[0] == "ann"]
    scores = [float(row[3]) for row in own]
    assert scores == sorted(scores, reverse=True) and min(scores) > 0
    alone = {
        row[2]: row[3]
        for row in (line.split("\t") for line in recommend(file, "-k", "20").out.splitlines())
        if row[0] == "ann"
    }
    assert {row[2]: row[6] for row in own} == alone and len(own) == ITEMS - 3
    assert [row[2] for row in own] != [*alone]  # the ranking has another opinion
    plain = recommend("--ranker", made["ranking"], "-k", "20", file).out.splitlines()
    assert plain == ["\t".join(line.split("\t")[:4]) for line in done.out.splitlines()]
    as_json = recommend("--ranker", made["ranking"], "--reasons", "--json", "-k", "1", file).out
    assert set(json.loads(as_json.splitlines()[0])) == {
        *("user", "rank", "item", "score", "click", "odds", "candidate_score")
    }


def test_items_named_in_a_file_have_their_own_vectors_and_strangers_none(
    made: dict[str, Path], dssm: Dssm, tmp_path: Path
) -> None:
    def encoded(*words: str | Path) -> np.ndarray:
        out = tmp_path / "v.npy"
        done = dssm("encode", "-m", made["candidates"], "--side", "item", "-o", out, *words)
        assert done.code == 0, done.err
        return np.load(out)

    every = encoded()
    items = dssmcli.load_recommender(made["candidates"]).candidates.catalogue.items
    (tmp_path / "ids.txt").write_text(f"{items[3]}\nstranger\n{items[0]}\n", "utf-8")
    some = encoded(tmp_path / "ids.txt")
    np.testing.assert_array_equal(some, [every[3], 0 * every[0], every[0]])


@pytest.mark.parametrize("option", [("--reasons",), ("--candidates", "3")])
def test_what_does_nothing_without_a_ranker_is_refused(
    dssm: Dssm, made: dict[str, Path], tmp_path: Path, option: tuple[str, ...]
) -> None:
    file = forms(tmp_path)["table"]
    done = dssm("recommend", "-m", made["candidates"], *option, file)
    assert done.code == 2 and not done.out
    assert f"{option[0]} goes with --ranker DIR." in done.err


def test_the_ranking_orders_the_candidates_alone(
    recommend: Recommend, made: dict[str, Path], tmp_path: Path
) -> None:
    file = forms(tmp_path)["table"]
    candidates = read_recommended(recommend(file, "-k", "3").out)
    ranked = recommend("--ranker", made["ranking"], "--candidates", "3", "-k", "3", file)
    found = read_recommended(ranked.out)
    assert {user: sorted(items) for user, items in found.items()} == {
        user: sorted(items) for user, items in candidates.items()
    }
    two = recommend("--ranker", made["ranking"], "--candidates", "3", "-k", "2", file)
    assert read_recommended(two.out) == {user: items[:2] for user, items in found.items()}


def test_who_else_is_asked_for_changes_no_one_s_ranking(
    recommend: Recommend, made: dict[str, Path]
) -> None:
    lines = [
        {"user": "u1", "history": ["i1"], "timestamp": 5000},
        {"user": "u2", "history": ["i5"], "timestamp": 9000},
        {"user": "u2", "history": ["i6"], "timestamp": 7000},
        {"history": ["i5"], "timestamp": 2000},
        {"history": ["i5"]},
        {"user": "new", "history": []},
    ]
    words = ["--ranker", made["ranking"], "--keep-seen", "-k", "30", "--reasons"]
    whole = recommend(*words, stdin="\n".join(map(json.dumps, lines))).out.splitlines()[1:]
    alone = [
        line
        for each in lines
        for line in recommend(*words, stdin=json.dumps(each)).out.splitlines()[1:]
    ]
    assert len(whole) == len(alone) == len(lines) * ITEMS
    for one, other in zip(whole, alone, strict=True):
        first, second = one.split("\t"), other.split("\t")
        assert first[:2] == second[:2]
        np.testing.assert_allclose(np.float64(first[3:]), np.float64(second[3:]), rtol=1e-3)


def test_the_python_api_says_the_same(recommend: Recommend, made: dict[str, Path]) -> None:
    recommender = dssmcli.load_recommender(made["candidates"])
    with pytest.warns(UserWarning, match=r"^1 of 2 users without a watch"):
        [items, none] = recommender.items_for([["i1", "i2", "i3"], []], 4)
    with pytest.raises(TypeError, match="got one str"):
        recommender.items_for(["i1 i2"], 4)
    done = recommend("-k", "4", stdin="user\thistory\nu\ti1 i2 i3\nv\t\n")
    found = read_recommended(done.out)
    assert [item for item, _ in items] == found["u"] and [item for item, _ in none] == found["v"]
    assert items[0][1] == pytest.approx(float(done.out.splitlines()[1].split("\t")[3]), rel=1e-5)


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        ("", "<stdin>: empty"),
        ('{"user": "u"}\n', "<stdin>:1: expected an object such as"),
        ('{"user": "u", "history": ["i1"]}\n{"user"\n', "<stdin>:2: not valid JSON"),
        ('{"user": "u", "history": "i1"}\n', "<stdin>:1: expected an object"),
        ('{"user": "u", "history": [["i1"]]}\n', "<stdin>:1: an item, expected a text"),
        ('{"user": "u", "history": [true]}\n', "<stdin>:1: an item, expected a text"),
        ('{"user": {}, "history": []}\n', "<stdin>:1: the user, expected a text"),
        ('{"user": "u", "history": [], "timestamp": "now"}\n', "<stdin>:1: timestamp"),
        ('{"user": "u", "history": [], "searches": 7}\n', "<stdin>:1: searches"),
        ("[" * 100_000 + "\n", "<stdin>"),
        ("{" + '"a":{' * 100_000 + "\n", "<stdin>:1: not valid JSON"),
        ("whom\thistory\nu\ti1\n", 'no column "user"'),
        ("user\twhat\nu\ti1\n", 'no column "item"'),
        ("user\titem\nu\ti1\n", 'no column "timestamp"'),
        ("user\titem\ttimestamp\nu\ti1\tsoon\n", 'the timestamp is "soon"'),
    ],
)
def test_what_cannot_be_read_is_one_line(recommend: Recommend, stdin: str, said: str) -> None:
    done = recommend(stdin=stdin)
    assert done.code == 3 and said in done.err and done.err.count("\n") == 1, done


def test_bad_lines_can_be_skipped(recommend: Recommend, tmp_path: Path) -> None:
    good = '{"user": "u", "history": ["i1"]}\n'
    options = ("--bad-rows", "skip", "--rejects", tmp_path / "bad")
    other = '{"user": "v", "history": ["i2"]}'
    done = recommend(*options, stdin=f"{good}\n{{oops\n{other}")
    assert done.code == 0 and [*read_recommended(done.out)] == ["u", "v"]
    assert "Skipped 1 bad row" in done.err and (tmp_path / "bad").read_text() == "{oops\n"


def test_numbers_are_ids_too(recommend: Recommend) -> None:
    done = recommend("-q", stdin='{"user": 7, "history": ["i3", 5]}\n')
    text = recommend("-q", stdin='{"user": "7", "history": ["i3", "5"]}\n')
    assert done.out == text.out and done.code == 0


def test_a_file_is_written_whole(recommend: Recommend, tmp_path: Path) -> None:
    file = forms(tmp_path)["table"]
    done = recommend(file, "-o", tmp_path / "out.tsv")
    assert (done.code, done.out) == (0, "")
    assert (tmp_path / "out.tsv").read_text("utf-8") == recommend(file).out
    bad = recommend("-o", tmp_path / "no.tsv", stdin='{"history": ["i1"]}\n{')
    assert bad.code == 3 and not (tmp_path / "no.tsv").exists()


def test_recommending_never_imports_torch(made: dict[str, Path], tmp_path: Path) -> None:
    words = ["recommend", "-m", str(made["candidates"]), "--ranker", str(made["ranking"])]
    for line in (
        [*words, str(made["watches"])],
        ["predict", "-m", str(made["ranking"]), str(made["impressions"])],
        ["eval", "-m", str(made["candidates"]), str(made["watches"])],
        ["recommend", "--help"],
        ["train-rec", "youtube-candidates", "--help"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", SERVING, *line], cwd=tmp_path, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()


def test_a_closed_pipe_is_success(made: dict[str, Path], tmp_path: Path) -> None:
    table = tmp_path / "t.tsv"
    table.write_text("user\thistory\n" + "u\ti1\n" * 20_000)
    command = (
        f"{' '.join(PYTHON)} recommend -m {made['candidates']} {table}; echo $? > {tmp_path}/c"
    )
    done = subprocess.run(
        ["bash", "-c", f"({command}) | head -1"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "user\trank\titem\tscore\n" and done.stderr == ""
    assert (tmp_path / "c").read_text() == "0\n"


# Runs that are damaged, or from somebody who means no good


Change = Callable[[Path], None]


def change_weights(name: str, edit: Callable[[dict[str, Any]], None]) -> Change:
    def change(copy: Path) -> None:
        arrays = {
            key: np.array(each) for key, each in safetensors.numpy.load_file(copy / name).items()
        }
        edit(arrays)
        safetensors.numpy.save_file(arrays, copy / name)

    return change


def change_json(name: str, edit: Callable[[dict[str, Any]], Any]) -> Change:
    def change(copy: Path) -> None:
        plain = json.loads((copy / name).read_text("utf-8"))
        edit(plain)
        (copy / name).write_text(json.dumps(plain), "utf-8")

    return change


WEIGHTS, HISTORY = "weights.safetensors", "history.safetensors"
CONFIG, CATALOGUE, FEATURES = "config.json", "catalogue.json", "features.json"


def put(name: str, place: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def edit(held: dict[str, Any]) -> None:
        held[name][place] = value

    return edit


def cut(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda held: held.update({name: held[name][:-1]})


CANDIDATES_DAMAGE: dict[str, Change] = {
    "a weight of another shape": change_weights(WEIGHTS, cut("targets")),
    "a weight that is missing": change_weights(WEIGHTS, lambda held: held.pop("items")),
    "a weight too many": change_weights(WEIGHTS, lambda held: held.update(x=held["bias.0"])),
    "a weight that is nan": change_weights(WEIGHTS, put("items", (0, 0), np.nan)),
    "weights that are no file": lambda copy: (copy / WEIGHTS).write_bytes(b"x" * 30).__bool__(),
    "another catalogue": change_json(CATALOGUE, cut("items")),
    "an item twice": change_json(CATALOGUE, put("items", 0, "i3")),
    "an item that is a number": change_json(CATALOGUE, put("items", 0, 3)),
    "no items": change_json(CATALOGUE, lambda held: held.update(items=[], counts=[])),
    "a count that is a text": change_json(CATALOGUE, put("counts", 0, "many")),
    "a count that is a list": change_json(CATALOGUE, put("counts", 0, [1])),
    "a count that is huge": change_json(CATALOGUE, put("counts", 0, 10**30)),
    "words that are not there": change_json(CATALOGUE, put("words", slice(0, 0), ["w"])),
    "a catalogue that is a list": lambda copy: (copy / CATALOGUE).write_text("[]").__bool__(),
    "a history of 0": change_json(CONFIG, put("model", "history", 0)),
    "another history": change_json(CONFIG, put("model", "history", 7)),
    "a pooling nobody knows": change_json(CONFIG, put("model", "pooling", "max")),
    "a width that is a text": change_json(CONFIG, put("model", "dim", "16")),
    "no model": change_json(CONFIG, lambda held: held.pop("model")),
    "columns that are a list": change_json(CONFIG, lambda held: held.update(columns=[])),
    "a column that is a number": change_json(CONFIG, put("columns", "user", 5)),
    "a context that is a text": change_json(CONFIG, put("columns", "context", "abc")),
    "another family": change_json(CONFIG, lambda held: held.update(family="ranking")),
    "features that are none": change_json(FEATURES, lambda held: held.clear()),
}
LISTS_DAMAGE: dict[str, Change] = {
    "no probes": change_json(CONFIG, put("lists", "probes", 0)),
    "too many probes": change_json(CONFIG, put("lists", "probes", 99)),
    "probes that are true": change_json(CONFIG, put("lists", "probes", True)),
    "probes that are a text": change_json(CONFIG, put("lists", "probes", "1")),
    "lists that are a list": change_json(CONFIG, lambda held: held.update(lists=[1])),
    "lists that are forgotten": change_json(CONFIG, lambda held: held.update(lists=None)),
    "sizes that are too many": change_weights(WEIGHTS, put("lists.sizes", 0, 99.0)),
    "sizes below 0": change_weights(WEIGHTS, put("lists.sizes", slice(0, 2), [-1.0, ITEMS])),
    "sizes that are not whole": change_weights(
        WEIGHTS, put("lists.sizes", slice(0, 2), [0.5, 0.5])
    ),
    "a centre that is infinite": change_weights(WEIGHTS, put("lists.centres", 0, np.inf)),
}
RANKING_DAMAGE: dict[str, Change] = {
    "a weight of another shape": change_weights(WEIGHTS, cut("heads_bias")),
    "a history of other users": change_weights(HISTORY, cut("of_users.sums")),
    "a history without watches": change_weights(HISTORY, lambda held: held.pop("watched")),
    "an item that is not there": change_weights(HISTORY, put("watched", 0, 99.0)),
    "an item that is nan": change_weights(HISTORY, put("watched", 0, np.nan)),
    "ends out of order": change_weights(HISTORY, put("ends", 1, 1e6)),
    "ends that are nan": change_weights(HISTORY, put("ends", 1, np.nan)),
    "a pair of nobody": change_weights(HISTORY, put("pairs.users", 0, -1.0)),
    "sums that are infinite": change_weights(HISTORY, put("of_items.sums", (0, 0), np.inf)),
    "a category out of range": change_weights(HISTORY, put("last_codes", (0, 0), 1e6)),
    "a category that is nan": change_weights(HISTORY, put("last_codes", (0, 0), np.nan)),
    "one mean less": change_json(CONFIG, cut("means")),
    "a mean that is a text": change_json(CONFIG, put("means", 0, "1")),
    "one mean less, and sums to fit": lambda copy: [
        change_json(CONFIG, cut("means"))(copy),
        change_weights(
            HISTORY,
            lambda held: held.update(
                {n: np.ascontiguousarray(v[:, :-1]) for n, v in held.items() if "sums" in n}
            ),
        )(copy),
    ].clear(),
    "a unit of true": change_json(CONFIG, lambda held: held.update(unit=True)),
    "no unit": change_json(CONFIG, lambda held: held.pop("unit")),
    "no unit of time": change_json(CONFIG, put("columns", "unit", "h")),
    "a head nobody knows": change_json(CONFIG, put("model", "heads", ["likes"])),
    "no heads": change_json(CONFIG, put("model", "heads", [])),
    "another user": change_json(CATALOGUE, cut("users")),
    "other places": change_json(FEATURES, cut("places")),
    "a place without edges": change_json(
        FEATURES, lambda held: held["places"][0].update(edges=[], shares=[])
    ),
    "a place that falls": change_json(
        FEATURES, lambda held: held["places"][0].update(edges=[2, 1], shares=[0, 1])
    ),
}


def refused(dssm: Dssm, copy: Path, change: Change, *words: str | Path, stdin: bytes = b"") -> None:
    change(copy)
    reseal(copy)
    done = dssm(*words, stdin=stdin)
    assert done.code == 3 and done.err.count("\n") == 1 and done.out == "", done
    assert str(copy) in done.err or ", expected " in done.err, done


@pytest.mark.parametrize("name", CANDIDATES_DAMAGE)
def test_a_damaged_run_of_candidates_is_one_line(
    made: dict[str, Path], dssm: Dssm, tmp_path: Path, name: str
) -> None:
    copy = Path(shutil.copytree(made["candidates"], tmp_path / "copy"))
    words = ("recommend", "-m", copy, "-k", "3")
    refused(dssm, copy, CANDIDATES_DAMAGE[name], *words, stdin=b"user\thistory\nu\ti1 i2\n")


@pytest.mark.parametrize("name", LISTS_DAMAGE)
def test_damaged_lists_are_one_line(
    made: dict[str, Path], dssm: Dssm, tmp_path: Path, name: str
) -> None:
    copy = Path(shutil.copytree(made["lists"], tmp_path / "copy"))
    words = ("recommend", "-m", copy, "-k", "3")
    refused(dssm, copy, LISTS_DAMAGE[name], *words, stdin=b"user\thistory\nu\ti1 i2\n")


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a run of ranking that has a category, too, and its log."""
    folder = tmp_path_factory.mktemp("described")
    rows = [(*row, f"g{int(row[1][1:]) % 3}") for row in impressions(20, ITEMS, 400)]
    log = write_log(folder / "i.tsv", (*IMPRESSION_NAMES, "genre"), rows)
    options = [*SMALL_RANKING, "--epochs", "1", "-o", folder / "run"]
    assert run("train-rec", "youtube-ranking", log, *options).code == 0
    return {"run": folder / "run", "log": log}


@pytest.mark.parametrize("name", RANKING_DAMAGE)
def test_a_damaged_run_of_ranking_is_one_line(
    described: dict[str, Path], made: dict[str, Path], dssm: Dssm, tmp_path: Path, name: str
) -> None:
    copy = Path(shutil.copytree(described["run"], tmp_path / "copy"))
    words = ("recommend", "-m", made["candidates"], "--ranker", copy)
    refused(dssm, copy, RANKING_DAMAGE[name], *words, stdin=b"user\thistory\nu1\ti1 i2\n")


@pytest.mark.parametrize("name", ["candidates", "ranking"])
def test_a_damaged_byte_in_any_file_is_found(
    made: dict[str, Path], dssm: Dssm, tmp_path: Path, name: str
) -> None:
    for file in sorted(path.name for path in made[name].iterdir()):
        copy = Path(shutil.copytree(made[name], tmp_path / file))
        content = bytearray((copy / file).read_bytes())
        content[len(content) // 2] ^= 0xFF
        (copy / file).write_bytes(content)
        models = {"candidates": made["candidates"], "ranking": made["ranking"], name: copy}
        words = ("-m", models["candidates"], "--ranker", models["ranking"])
        done = dssm("recommend", *words, stdin=b"user\thistory\nu1\ti1\n")
        if file in ("metrics.jsonl", "fingerprint.safetensors"):  # which are not read
            assert done.code == 0
            continue
        assert done.code == 3 and done.err.count("\n") == 1 and str(copy) in done.err, done


def test_a_run_of_another_kind_is_told_so(made: dict[str, Path], dssm: Dssm) -> None:
    stdin = b"user\thistory\nu\ti1\n"
    for words in (
        ("-m", made["ranking"]),
        ("-m", made["candidates"], "--ranker", made["candidates"]),
    ):
        done = dssm("recommend", *words, stdin=stdin)
        assert done.code == 3 and "expected one of" in done.err and done.err.count("\n") == 1
    missing = dssm("recommend", "-m", "/none", stdin=stdin)
    assert missing.code == 3 and "no such run" in missing.err
