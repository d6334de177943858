"""What a program may hand to the Python API, and how what it may not is refused."""

from __future__ import annotations

import copy
import pickle  # noqa: TID251 (of our own objects, as programs with processes do it)
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from conftest import Dssm
from logs import SMALL_WATCHES, watches_in_a_ring, write_log
from tables import EXPERTS, SMALL_TABLE, world, write_table

import dssmcli
from dssmcli.data.arguments import list_of_texts, whole_count
from dssmcli.errors import RunError

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
    with pytest.raises(TypeError, match="expected a list of values, a row each, got one str"):
        predictor.predict(dict.fromkeys(predictor.columns, "7"))
    columns = {"city": ["Paris"], "age": ["40"], "price": ["9"]}
    once = predictor.predict(columns)
    for other in (pickle.loads(pickle.dumps(predictor)), copy.deepcopy(predictor)):
        assert (other.predict(columns) == once).all()
    assert repr(predictor).startswith("Predictor(mmoe, bought, ")
