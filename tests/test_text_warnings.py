"""Python warns of texts as the commands do, in the same words."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from conftest import Dssm

import dssmcli
from dssmcli.errors import TextWarning
from dssmcli.serving.text_warnings import warn_caller

LONG = "a b c d " * 40
"""Of 160 units, more than a run reads that was trained with defaults."""


@pytest.fixture(scope="module", name="model")
def _model(runs: dict[str, Path]) -> dssmcli.Model:
    return dssmcli.load(runs["cnn"])


def one_warning(call: object, *arguments: object) -> str:
    """Return the only warning of a call, which names this file."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call(*arguments)  # type: ignore[operator]
    [each] = found
    assert issubclass(each.category, UserWarning) and each.filename == __file__
    return str(each.message)


def test_texts_that_are_cut_are_warned_of_with_the_first_place(model: dssmcli.Model) -> None:
    cut = "units), so cut: {}. To read more: dssm train --max-units 160. The first: place {},"
    for encode in (model.encode, model.encode_query, model.encode_title):
        assert cut.format("2 texts", 1) in one_warning(encode, ["a", LONG, LONG, ""])
    many = ["a"] * 9000 + [LONG]
    assert cut.format("1 text", 9000) in one_warning(model.encode, iter(many))
    assert cut.format("1 text", 0) in one_warning(model.score, "a", LONG)
    assert cut.format("1 text", 1) in one_warning(model.score_pairs, ["a", LONG], ["a", "b"])
    said = one_warning(model.encode, ["x" * 65])
    assert said.startswith("Words of more than 64 characters") and "--max" not in said


def test_what_encode_warns_of_is_warned_of(
    model: dssmcli.Model, dssm: Dssm, run: Path, tmp_path: Path
) -> None:
    file = tmp_path / "t.txt"
    for texts, said in (
        ([f"<p>lamp {i}</p>" for i in range(4)], "entities or tags of HTML"),
        ([f"a%20b%C3%A9 {i}" for i in range(4)], "characters written as escapes"),
        (["a", "NULL", "nan", "NULL"], '3 texts that may mean that there is none: "NULL" (2), "n'),
        ([f'{{"title": "lamp {i}"}}' for i in range(4)], "the lines are JSON objects"),
        ([f"{i}\tlamp" for i in range(4)], "each line has 2 columns"),
    ):
        found = one_warning(model.encode, texts)
        file.write_text("\n".join(texts) + "\n")
        assert said in found and said in dssm("encode", "-m", run, file).err, found
        assert "FILE" not in found and "Warning:" not in found
    assert "The first: place 1," in one_warning(model.encode, ["a", "NULL", "nan"])
    with warnings.catch_warnings():
        warnings.simplefilter("error", TextWarning)
        model.encode(["red lamp", "", "手机, 电话", "a < b & c"] * 3)


def test_a_warning_of_python_does_not_say_so_twice() -> None:
    assert one_warning(warn_caller, ["Warning: ages in months?", "", "2 unknown."]) == (
        "ages in months? 2 unknown."
    )
