"""What a program may hand to the Python API, and how what it may not is refused."""

from __future__ import annotations

import copy
import pickle  # noqa: TID251 (of our own objects, as programs with processes do it)
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow
import pytest
from conftest import Dssm
from logs import SMALL_WATCHES, watches_in_a_ring, write_log
from tables import EXPERTS, SMALL_TABLE, world, write_table

import dssmcli
from dssmcli.data.arguments import check_lengths, list_of_texts, whole_count
from dssmcli.errors import DataError, RunError, TextWarning

TEXTS = ["sofa bed", "便宜 手机", "", "电话"]


class Series:
    """What of a pandas Series matters: iterating gives its values, its index is no list's."""

    def __init__(self, values: list[Any], method: str = "tolist") -> None:
        self._values = values
        self.shape = (len(values),)
        setattr(self, method, lambda: [*values])

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, key: object) -> Any:
        raise KeyError(key)

    def __bool__(self) -> bool:
        raise ValueError("The truth value of a Series is ambiguous")


class Frame:
    """A data frame: iterating gives the names of its columns."""

    shape = (4, 1)

    def __iter__(self) -> Iterator[str]:
        return iter(["query"])


FORMS: dict[str, Callable[[], Any]] = {
    "tuple": lambda: tuple(TEXTS),
    "array of str": lambda: np.array(TEXTS),
    "array of objects": lambda: np.array(TEXTS, object),
    "part of an array": lambda: np.array([*TEXTS, "x"])[:-1],
    "texts of numpy": lambda: [*np.array(TEXTS)],
    "generator": lambda: (text for text in TEXTS),
    "keys": lambda: dict.fromkeys(TEXTS).keys(),
    "values": lambda: dict(enumerate(TEXTS)).values(),
    "map": lambda: map(str, TEXTS),
    "pandas": lambda: Series(TEXTS),
    "polars": lambda: Series(TEXTS, "to_list"),
    "pyarrow": lambda: Series(TEXTS, "to_pylist"),
}
REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a str": (lambda: "abc", "expected a list of texts, got one str"),
    "bytes": (lambda: b"abc", "got one bytes"),
    "None": (lambda: None, "got NoneType"),
    "a number": (lambda: 7, "got int"),
    "None inside": (lambda: ["a", "b", "c", None], r"\[3\] is None, expected str"),
    "nan inside": (lambda: ["a", float("nan")], r"\[1\] is nan, expected str"),
    "bytes inside": (lambda: [b"a"], r"\[0\] is of type bytes, expected str"),
    "a number inside": (lambda: ["a", 5], r"\[1\] is 5, expected str"),
    "a list inside": (lambda: [["a"]], r"\[0\] is of type list, expected str"),
    "nan in an array": (lambda: np.array(["a", np.nan], object), r"\[1\] is nan"),
    "None in a Series": (lambda: Series(["a", None]), r"\[1\] is None"),
    "numbers": (lambda: np.arange(3), r"\[0\] is 0, expected str"),
    "a matrix": (lambda: np.array([["a", "b"]]), "2 dimensions"),
    "a scalar": (lambda: np.array("a"), "0 dimensions"),
    "a data frame": (Frame, "2 dimensions: name one column"),
    "a dict": (lambda: {"a": 1}, "got a dict"),
    "a set": (lambda: {"a", "b"}, "no order"),
}


@pytest.mark.parametrize("form", FORMS)
def test_texts_may_come_in_any_form_that_has_an_order(form: str) -> None:
    made = list_of_texts(FORMS[form](), "texts")
    assert [*made] == TEXTS and {*map(type, made)} == {str}


NO_COLUMN: dict[str, tuple[Callable[[], Any], str]] = {
    "a str": (lambda: "7", "expected a list of values, a row each, got one str"),
    "bytes": (lambda: bytearray(b"7"), "got one bytearray"),
    "a number": (lambda: 7, "got int"),
    "None": (lambda: None, "got NoneType"),
    "a set": (lambda: {"7", "8"}, "got a set, which has no order"),
    "a frozenset": (lambda: frozenset({7}), "which has no order"),
    "a dict": (lambda: {0: "7", 1: "8"}, r"got a dict: .*df.to_dict\('list'\)"),
    "a matrix": (lambda: np.array([["7"], ["8"]]), "got ndarray with 2 dimensions"),
    "a scalar of numpy": (lambda: np.array("7"), "0 dimensions"),
    "two columns of one name": (Frame, "Frame with 2 dimensions: name one column"),
    "records": (lambda: np.zeros(2, [("a", "i4")]), "got a structured array: name one field"),
    "sets in a list": (lambda: ["7", {"8"}], r"\[1\] is a set, expected one value"),
    "dicts in a list": (lambda: [{"v": 7}], r"\[0\] is a dict, expected one value"),
}
NO_TABLE: dict[str, Callable[[dict[str, list[str]]], Any]] = {
    "None": lambda _: None,
    "a str": lambda _: "age",
    "rows": lambda columns: [
        dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
    ],
    "a list of columns": lambda columns: [*columns.values()],
    "a set of names": lambda columns: {*columns},
    "a matrix": lambda columns: np.array([*columns.values()]),
    "a generator": lambda columns: iter(columns.items()),
}
NO_HISTORIES: dict[str, tuple[Callable[[], Any], str]] = {
    "a set": (
        lambda: [["i1"], {"i1", "i2"}],
        r"^histories\[1\]: expected a list of ids, .*no order",
    ),
    "None": (lambda: [None], r"^histories\[0\]: expected a list of ids, .*got NoneType"),
    "a number": (lambda: [["i1"], 3], r"^histories\[1\]: .*got int"),
    "a str": (lambda: ["i1 i2"], r"^histories\[0\]: .*got one str"),
    "bytes": (lambda: [b"i1"], r"^histories\[0\]: .*got one bytes"),
    "a dict": (lambda: [{"i1": 3}], r"^histories\[0\]: .*got a dict"),
    "one str": (lambda: "i1", "^histories: expected a list of histories, got one str"),
    "by user": (lambda: {"u1": ["i1"]}, r"^histories: .*got a dict: give its values\(\)"),
    "a set of tuples": (lambda: {("i1",)}, "^histories: .*which has no order"),
    "no histories": (lambda: None, "^histories: .*got NoneType"),
    "a cube": (lambda: np.zeros((2, 2, 2), np.int64), "^histories: .*3 dimensions"),
    "a set inside": (lambda: [["i1", {"i2"}]], r"^histories\[0\]\[1\]: an id is of type set"),
    "bytes inside": (lambda: [[b"i1"]], r"^histories\[0\]\[0\]: an id is of type bytes"),
    "None inside": (lambda: [["i1", None]], r"^histories\[0\]\[1\]: an id is None"),
}


def test_a_plain_list_is_not_copied() -> None:
    assert list_of_texts(TEXTS, "texts") is TEXTS


@pytest.mark.parametrize("form", REFUSED)
def test_what_is_no_list_of_texts_is_refused_with_its_place(form: str) -> None:
    make, said = REFUSED[form]
    with pytest.raises(TypeError, match=rf"^titles.*{said}"):
        list_of_texts(make(), "titles")


def test_an_error_of_a_generator_is_its_own() -> None:
    def broken() -> Iterator[str]:
        yield "a"
        raise TypeError("mine")

    with pytest.raises(TypeError, match=r"^mine$"):
        list_of_texts(broken(), "texts")


@pytest.mark.parametrize("count", [1, 7, np.int64(3), np.uint8(2)])
def test_a_count_is_a_whole_number_from_1(count: Any) -> None:
    assert whole_count(count) == int(count)


@pytest.mark.parametrize(
    ("count", "error"),
    [(0, ValueError), (-2, ValueError), (np.int64(0), ValueError)]
    + [(each, TypeError) for each in (2.0, 1.5, float("nan"), "3", None, True)],
)
def test_another_count_is_refused(count: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^count is .*, expected"):
        whole_count(count)


@pytest.mark.parametrize("workers", [{}, {"threads": 2}, {"processes": 2}])
def test_blocks_are_checked_text_by_text(run: Path, workers: dict[str, int]) -> None:
    model, plain = dssmcli.load(run, **workers), dssmcli.load(run)
    blocks = [TEXTS, FORMS["pandas"](), FORMS["generator"]()]
    for texts, rows in model.encode_blocks(blocks):
        assert texts == TEXTS and np.allclose(rows, plain.encode(TEXTS), atol=1e-6)
    for scores in model.score_blocks([(TEXTS, TEXTS), (FORMS["map"](), FORMS["tuple"]())]):
        assert np.allclose(scores, plain.score_pairs(TEXTS, TEXTS), atol=1e-6)
    wrong: Any
    for wrong, said in (
        ([TEXTS, ["a", None]], r"blocks\[1\]\[1\] is None, expected str"),
        ([TEXTS, ["a"], "abc"], r"blocks\[2\]: expected a list of texts, got one str"),
        ("abc", r"blocks\[0\]: expected a list of texts, got one str"),
    ):
        with pytest.raises(TypeError, match=said):
            list(model.encode_blocks(wrong))
    for wrong, said in (
        ([(TEXTS, TEXTS), (["a"], [None])], r"blocks\[1\]\[1\]\[0\] is None, expected str"),
        ([("a", "b")], r"blocks\[0\]\[0\]: expected a list of texts, got one str"),
        ([(TEXTS, TEXTS), "ab"], r"blocks\[1\] is \"ab\", expected a tuple: \(queries, titles\)"),
        ([TEXTS], r"blocks\[0\] is of type list, expected a tuple"),
    ):
        with pytest.raises(TypeError, match=said):
            list(model.score_blocks(wrong))
    with pytest.raises(ValueError, match=r"blocks\[0\]: 3 queries and 1 titles"):
        list(model.score_blocks([(["a", "b", "c"], ["d"])]))


def test_every_function_of_a_model_takes_them(run: Path) -> None:
    model = dssmcli.load(run)
    queries, titles = model.encode_query(TEXTS), model.encode_title(TEXTS)
    scores = model.score_pairs(TEXTS, TEXTS)
    for form in ("array of objects", "pandas", "generator"):
        make = FORMS[form]
        assert (model.encode(make()) == model.encode(TEXTS)).all()
        assert (model.encode_query(make()) == queries).all()
        assert (model.encode_title(make()) == titles).all()
        assert (model.score_pairs(make(), make()) == scores).all()
    for function in (model.encode, model.encode_query, model.encode_title):
        with pytest.raises(TypeError, match=r"texts\[1\] is None"):
            function(["a", None])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"titles\[0\] is nan"):
        model.score_pairs(["a"], [float("nan")])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="queries: expected a list"):
        model.score_pairs("ab", "cd")
    with pytest.raises(TypeError, match="title is None"):
        model.score("a", None)  # type: ignore[arg-type]
    assert model.encode([]).shape == (0, model.dim)
    assert model.encode(iter(())).shape == (0, model.dim)


@pytest.fixture(name="index")
def _index(run: Path, tmp_path: Path, dssm: Dssm) -> Path:
    titles = tmp_path / "titles.txt"
    titles.write_text("red sofa bed\nblue faucet\ngreen carpet\n", "utf-8")
    made = dssm("index", "-m", run, titles, "-o", tmp_path / "index", "-q")
    assert made.code == 0, made.err
    return tmp_path / "index"


def test_an_index_takes_them_and_gives_as_many_as_there_are(index: Path) -> None:
    found = dssmcli.load_index(index)
    once = found.search(["couch", "tap"], 2)
    assert found.search(np.array(["couch", "tap"]), cast(Any, np.int64(2))) == once
    assert [len(hits) for hits in found.search(iter(["couch"]), 99)] == [3]
    for count in (0, -1):
        with pytest.raises(ValueError, match=f"count is {count}, expected 1 or more"):
            found.search(["couch"], count)
        with pytest.raises(ValueError, match="expected 1 or more"):
            found.nearest(found.encoder.encode_query(["couch"]), count)
    for rows in (np.zeros(found.encoder.side_dim, np.float32), np.zeros((1, 2), np.float32)):
        with pytest.raises(ValueError, match=r"queries: expected an array \(n, \d+\), got one of"):
            found.nearest(rows, 1)
    with pytest.raises(TypeError, match=r"queries: expected an array \(n, .*, got set"):
        found.nearest(cast(Any, {1.0}), 1)
    with pytest.raises(TypeError, match=r"queries\[0\] is None"):
        found.search([None])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="got one str"):
        found.search("couch")


def test_an_index_can_be_copied_and_sent(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = dssmcli.load_index(index, threads=2)
    once = found.search(["couch"], 2)
    content = pickle.dumps(found)
    assert len(content) < 2000  # the file is opened once more
    monkeypatch.chdir("/")
    for other in (pickle.loads(content), copy.deepcopy(found), copy.copy(found)):
        assert other.search(["couch"], 2) == once and other.encoder.threads == 2


def test_a_copy_of_an_index_that_changed_is_one_line(
    index: Path, run: Path, tmp_path: Path, dssm: Dssm
) -> None:
    content = pickle.dumps(dssmcli.load_index(index))
    assert dssm("index", "-m", run, "-", "-o", index, "--overwrite", stdin=b"other\n").code == 0
    with pytest.raises(RunError, match="is another index than when this one was copied"):
        pickle.loads(content)
    index.unlink()
    with pytest.raises(RunError, match="no such index"):
        pickle.loads(content)


def test_what_was_loaded_says_what_it_is(index: Path, run: Path) -> None:
    model, found = dssmcli.load(run), dssmcli.load_index(index)
    assert repr(model).startswith(f"Encoder(cnn, dim={model.dim}, tokenizer='auto', features=")
    assert repr(model).endswith(f", run={str(run)!r})")
    assert repr(found) == (
        f"Index(3 titles, dim={model.side_dim}, float32, exact, file={str(index)!r})"
    )


def test_a_recommender_takes_counts_and_can_be_copied(tmp_path: Path, dssm: Dssm) -> None:
    names = ("user", "item", "timestamp")
    log = write_log(tmp_path / "w.tsv", names, watches_in_a_ring(20, 6, 4))
    where = tmp_path / "run"
    options = [*SMALL_WATCHES, "--epochs", "1", "-o", where]
    assert dssm("train-rec", "youtube-candidates", log, *options).code == 0
    recommender = dssmcli.load_recommender(where)
    best = recommender.items_for([["i1"]], 2)
    assert len(recommender.items_for(iter([("i1",)]), 99)[0]) == 5  # all but the one watched
    pairs = np.array([["i1", "i2"], ["i3", "i1"]])
    assert recommender.items_for(pairs, 2) == recommender.items_for(pairs.tolist(), 2)
    for make, said in NO_HISTORIES.values():
        with pytest.raises(TypeError, match=said):
            recommender.items_for(make(), 2)
    width = recommender.candidates.vectors.shape[1]
    with pytest.raises(ValueError, match=rf"users: expected an array \(n, {width}\), got one"):
        recommender.candidates.nearest(np.zeros(width, np.float32), 2)
    for count in (0, -2):
        with pytest.raises(ValueError, match="expected 1 or more"):
            recommender.items_for([["i1"]], count)
    with pytest.raises(TypeError, match="expected a whole number"):
        recommender.items_for([["i1"]], 2.0)  # type: ignore[arg-type]
    for other in (pickle.loads(pickle.dumps(recommender)), copy.deepcopy(recommender)):
        assert other.items_for([["i1"]], 2) == best
    assert repr(recommender).startswith("Recommender(Candidates(6 items, dim=")


def test_a_predictor_takes_lists_of_values(tmp_path: Path, dssm: Dssm) -> None:
    where = tmp_path / "run"
    rows = {name: values for name, values in world(200).columns.items() if name != "minutes"}
    table = write_table(tmp_path / "t.csv", rows)
    options = (*EXPERTS, *SMALL_TABLE, "--epochs", "1", "-o", where)
    made = dssm("train-rec", "mmoe", table, "--task", "bought", *options)
    assert made.code == 0, made.err
    predictor = dssmcli.load_predictor(where)
    two = {"city": ["Paris", "北京"], "age": ["40", "30"], "price": ["9", "8"]}
    for make, said in NO_COLUMN.values():
        with pytest.raises(TypeError, match=f"^age.*{said}"):
            predictor.predict({**two, "age": make()})
    for table_of in NO_TABLE.values():
        with pytest.raises(
            TypeError, match=r"^columns: expected a dict with a list for each column"
        ):
            predictor.predict(table_of(two))
    both = predictor.predict(two)
    records = np.array([*zip(*two.values(), strict=True)], [(name, "U9") for name in two])
    views = {name: dict(enumerate(values)).values() for name, values in two.items()}
    for form in (records, records.view(np.recarray), views, pyarrow.table(two)):
        assert (predictor.predict(cast(Any, form)) == both).all()
    gone = {name: iter(values) for name, values in two.items()}
    assert (predictor.predict(gone) == both).all()
    with pytest.raises(DataError, match="0 values, expected 2"):
        predictor.predict({**two, "age": gone["age"]})
    columns = {"city": ["Paris"], "age": ["40"], "price": ["9"]}
    once = predictor.predict(columns)
    for other in (pickle.loads(pickle.dumps(predictor)), copy.deepcopy(predictor)):
        assert (other.predict(columns) == once).all()
    assert repr(predictor).startswith("Predictor(mmoe, bought, ")


def test_what_the_commands_say_of_texts_is_a_warning_in_python(run: Path) -> None:
    model = dssmcli.load(run)
    long = "word " * 400
    with pytest.warns(TextWarning, match=r"so cut: 1 text\. To read more") as caught:
        model.encode(["short", long])
    assert caught[0].filename == __file__
    with pytest.warns(TextWarning, match="so cut: 1 text"):
        model.score("short", long)
    with pytest.warns(TextWarning, match=r'mean that there is none: "nan" \(2\)'):
        model.encode_title(["nan", "short", "nan"])
    assert model.truncated == 2


def test_numbers_of_threads_and_lengths_of_vectors_are_checked(run: Path) -> None:
    for number in (0, -1):
        with pytest.raises(ValueError, match=f"threads is {number}, expected 1 or more"):
            dssmcli.load(run, threads=number)
    with pytest.raises(TypeError, match='processes is "2", expected a whole number'):
        dssmcli.load(run, processes="2")  # type: ignore[arg-type]
    rows = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 3.0]], np.float32)
    check_lengths(rows[:2], "queries")
    with pytest.raises(ValueError, match=r"queries\[2\] has length 3, expected 1"):
        check_lengths(rows, "queries")
