"""Texts without a letter, digit or symbol: what encode, score, search and Python say of them."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from conftest import Dssm

import dssmcli
from dssmcli.errors import TextWarning
from dssmcli.serving.silent_texts import silent_places

SILENT = "Without a letter, digit or symbol, so "


def test_rows_of_zeros_are_found_and_no_others() -> None:
    rows = np.array([[0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 0], [0, 0, -1]], np.float32)
    assert silent_places(rows).tolist() == [0, 3]


def test_encode_counts_rows_of_zeros(dssm: Dssm, run: Path) -> None:
    texts = "".join(f"couch {i}\n" for i in range(40)) + "!!!\n\n...\n"
    done = dssm("encode", "-m", run, stdin=texts.encode())
    assert f'{SILENT}rows of zeros: 2 texts (the first: number 41, "!!!").' in done.err
    assert not dssm("encode", "-m", run, "-q", stdin=texts.encode()).err
    many = dssm("encode", "-m", run, "-q", stdin=b"couch\n...\n")
    assert many.err == f'Warning: {SILENT}rows of zeros: 1 text (the first: number 2, "...").\n'
    assert SILENT not in dssm("encode", "-m", run, stdin=b"couch\n\n").err


def test_score_and_search_say_why_there_is_no_answer(dssm: Dssm, run: Path, tmp_path: Path) -> None:
    for query, title, which in (("!!", "couch", "query"), ("couch", "…", "title")):
        done = dssm("score", "-m", run, query, title)
        assert done.out == "0.0000\n"
        assert done.err == f"The {which} has no letter, digit or symbol, so the cosine is 0.\n"
    done = dssm("score", "-m", run, "--pairs", "-", stdin=b"!!\tcouch\ncouch\tcouch\n")
    said = "Scored 0, as the query or the title has no letter, digit or symbol: 1 row."
    assert said in done.err and done.out.splitlines()[1].endswith("1.0000")
    assert dssm("index", "-", "-m", run, "-o", tmp_path / "i", stdin=b"couch\ntap\n").code == 0
    done = dssm("search", "-i", tmp_path / "i", "-", stdin=b"couch\n!!\n??\n")
    assert f'{SILENT}no answer: 2 queries (the first: number 2, "!!").' in done.err
    assert len(done.out.splitlines()) == 2


def test_python_warns_of_them_but_not_of_empty_ones(run: Path) -> None:
    model = dssmcli.load(run)
    with pytest.warns(TextWarning, match=f"{SILENT}rows of zeros: 1 text. The first: place 1"):
        model.encode(["couch", "!!", ""])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.encode(["couch", "", " "])
