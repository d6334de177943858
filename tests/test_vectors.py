"""The page on vectors elsewhere: its blocks run, and what they write holds our vectors."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_docs import ROOT, VECTORS, blocks, short

import dssmcli


@pytest.fixture(name="place", scope="module")
def _place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which every block of the page ran whose packages are installed."""
    place = tmp_path_factory.mktemp("vectors")
    clicks = (ROOT / "examples" / "clicks-en" / "clicks.tsv").read_text("utf-8").splitlines(True)
    (place / "pairs.tsv").write_text("".join(clicks[:400]), "utf-8")
    titles = dict.fromkeys(line.split("\t")[1] for line in clicks[1:400])
    lines = [*titles, "", "a back\\slash \\N"]
    (place / "titles.txt").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for language, content in blocks(VECTORS[0]):
        if language == "python" and installed(content):
            subprocess.run([sys.executable, "-c", content], cwd=place, check=True)
        elif language == "":
            script = ["bash", "-e", "-o", "pipefail", "-c", short(content)]
            subprocess.run(script, cwd=place, env={**os.environ, "PATH": path}, check=True)
    return place


def installed(content: str) -> bool:
    names = re.findall(r"^import (\w+)", content, re.M)
    return all(importlib.util.find_spec(name) for name in names)


def titles_of(place: Path) -> list[str]:
    return (place / "titles.txt").read_text("utf-8").split("\n")[:-1]


def test_faiss_finds_the_ten_best_of_exact_inner_products(place: Path) -> None:
    faiss = pytest.importorskip("faiss")
    vectors, model = np.load(place / "titles.npy"), dssmcli.load(place / "my-run")
    queries = model.encode_query(["cheap sofa bed", "garden hose", "return a rug"])
    cosines = queries @ vectors.T
    best = np.sort(cosines, axis=1)[:, ::-1][:, :10]
    found, lines = faiss.read_index(str(place / "titles.faiss")).search(queries, 10)
    np.testing.assert_allclose(found, best, atol=1e-6)
    np.testing.assert_allclose(np.take_along_axis(cosines, lines, 1), found, atol=1e-6)
    graph = faiss.read_index(str(place / "titles-hnsw.faiss"))
    np.testing.assert_allclose(graph.search(queries, 10)[0], best, atol=1e-6)
    assert graph.ntotal == len(vectors) - 1


def test_the_file_for_pgvector_has_line_title_and_vector_of_all_but_empty_texts(
    place: Path,
) -> None:
    titles, vectors = titles_of(place), np.load(place / "titles.npy")
    rows = [line.split("\t") for line in (place / "titles.copy").read_text("utf-8").splitlines()]
    assert [int(row[0]) for row in rows] == [i for i, title in enumerate(titles) if title]
    assert rows[-1][1] == r"a back\\slash \\N"
    found = np.array([json.loads(row[2]) for row in rows], np.float32)
    np.testing.assert_array_equal(found, vectors[vectors.any(axis=1)])
    query = json.loads((place / "query.txt").read_text("utf-8"))
    expected = dssmcli.load(place / "my-run").encode_query(["cheap sofa bed"])[0]
    np.testing.assert_allclose(query, expected, atol=1e-7)


def test_the_file_for_elasticsearch_is_in_the_form_of_its_bulk_api_with_unit_rows(
    place: Path,
) -> None:
    (mapping,) = (json.loads(text) for language, text in blocks(VECTORS[0]) if language == "json")
    field = mapping["mappings"]["properties"]["vector"]
    lines = (place / "titles.ndjson").read_text("utf-8").splitlines()
    actions, sources = map(json.loads, lines[::2]), [json.loads(line) for line in lines[1::2]]
    titles = titles_of(place)
    assert [int(each["index"]["_id"]) for each in actions] == [
        i for i, title in enumerate(titles) if title
    ]
    assert [each["title"] for each in sources] == [title for title in titles if title]
    rows = np.array([each["vector"] for each in sources])
    assert rows.shape[1] == field["dims"] == np.load(place / "titles.npy").shape[1]
    # Elasticsearch refuses what is farther from 1 than 1e-4.
    assert np.abs((rows**2).sum(axis=1) - 1).max() < 1e-5
