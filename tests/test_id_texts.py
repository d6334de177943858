"""Pairs whose texts are ids, or always the same: said in training and found by check."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Dssm
from test_check_tables import objects

from dssmcli.data.id_texts import few_texts, id_texts, looks_like_id
from dssmcli.data.pairs import read_pairs
from dssmcli.data.tsv import BadRows

IDS = (
    *("d17", "doc_000123", "sku-12-a", "b08n5wrwnw", "q/12", "3f2a9c", "news:17", "12345"),
    *("https://a.example/red-hat", "www.a.example/x?y=1", "shop.example.com/red", "red-hat.html"),
    "0f8fad5b-d9cb-469f-a165-70867728950e",
)
TEXTS = (
    *(
        "iphone 15",
        "red hat",
        "hat",
        "小米手机14",
        "手机",
        "mañana 3",
        "3.5 mm jack",
        "c++",
        "e-mail",
    ),
    *("ü2", "a.b", "nike"),
)


@pytest.mark.parametrize(("texts", "are"), [(IDS, True), (TEXTS, False)])
def test_ids_and_addresses_look_so_and_texts_do_not(texts: tuple[str, ...], are: bool) -> None:
    assert [text for text in texts if looks_like_id(text) != are] == []


def test_nine_in_ten_of_the_different_texts_are_ids() -> None:
    ids = [f"d{i}" for i in range(90)]
    found = id_texts("titles", [*ids, *["a red hat"] * 500])
    assert found is not None and (found.ids, found.texts) == (90, 91)
    assert found.what == (
        'the titles look like ids or addresses ("d0", "d1", "d2", …), 90 of 91 that were looked at'
    )
    assert id_texts("titles", [*ids, *(f"red hat {i}" for i in range(11))]) is None
    assert id_texts("titles", ids[:19]) is None


@pytest.mark.parametrize(
    ("query", "title", "said"),
    [
        ("red {0}", "d{1}", ["titles"]),
        ("q_{0}", "doc_{1}\t{2}", ["queries", "titles"]),
        ("red {0}", "https://a.example/{1}\t{2}", ["titles"]),
        ("red {0}", "iPhone {1}\t{2}", []),
        ("手机{0}", "小米手机{1}代\t{2}", []),
    ],
)
def test_pairs_of_ids_are_warned_of(
    tmp_path: Path, query: str, title: str, said: list[str]
) -> None:
    row = f"{query}\t{title}\n"
    file = tmp_path / "p.tsv"
    file.write_text("".join(row.format(i, i % 40, i % 2) for i in range(120)))
    notes = read_pairs([str(file)], None, None, BadRows()).notes
    warned = [note.split()[2] for note in notes if "look like ids" in note]
    assert warned == said


@pytest.mark.parametrize(
    ("query", "title", "code"),
    [
        (lambda i: f"red hat {i}", lambda i: f"doc_{i % 60:06}", "id_texts"),
        (lambda i: f"red hat {i % 2}", lambda i: f"blue hat {i}", "few_texts"),
        (lambda i: f"red hat {i}", lambda i: f"blue hat {i % 2}", "few_texts"),
        (lambda i: f"red hat {i}", lambda i: f"iPhone {i % 60}", None),
    ],
)
def test_check_finds_them(
    dssm: Dssm,
    tmp_path: Path,
    query: Callable[[int], str],
    title: Callable[[int], str],
    code: str | None,
) -> None:
    label = random.Random(0).randrange
    file = tmp_path / "p.tsv"
    file.write_text("".join(f"{query(i)}\t{title(i)}\t{label(2)}\n" for i in range(120)))
    codes = {each["code"] for each in objects(dssm("check", file, "--json"), "finding")}
    assert codes & {"id_texts", "few_texts"} == ({code} if code else set())


def test_few_texts_are_told_of_many_rows() -> None:
    many, two = np.arange(60), np.arange(60) % 2
    assert few_texts(two, many) == "2 queries" and few_texts(many, two) == "2 titles"
    assert few_texts(0 * many, two) == "1 query and 2 titles"
    assert few_texts(many, many) is None and few_texts(two[:40], many[:40]) is None
