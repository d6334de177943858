"""An exported run gives other programs the vectors that dssm gives, and the ids to feed it."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest
from conftest import SMALL, TOWER, Dssm, write_pairs
from handmade import gated
from test_cli import SERVING
from test_parity import TEXTS, TOWERS, make_run
from test_units import ALPHABET

import dssmcli
from dssmcli import config
from dssmcli.config import CnnConfig, LstmConfig, TowerConfig
from dssmcli.errors import DssmError, RunError
from dssmcli.export import folder, graph, rules
from dssmcli.export.folder import files_of
from dssmcli.export.model import build_model, graph_of
from dssmcli.serving.encoder import Encoder

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

EXAMPLE = Path(__file__).parent.parent / "examples" / "onnx"
Floats = npt.NDArray[np.float32]


@pytest.fixture(name="score", scope="module")
def _score() -> ModuleType:
    """Return the example's program."""
    spec = importlib.util.spec_from_file_location("score", EXAMPLE / "score.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def told(encoder: Encoder, texts: list[str]) -> list[dict[str, object]]:
    """Return texts as `dssm tokenize --json` prints them."""
    return [
        {"text": text, "units": [each._asdict() for each in encoder.lookup.describe(text)]}
        for text in texts
    ]


@pytest.mark.parametrize("tokenizer", config.TOKENIZERS)
@pytest.mark.parametrize("tower", TOWERS, ids=str)
def test_onnxruntime_gives_our_vectors_from_the_ids_of_strings(
    tower: TowerConfig, tokenizer: str, score: ModuleType
) -> None:
    # Every tower is shared in one half of its tests, and apart in the other.
    separate = config.TOKENIZERS.index(tokenizer) % 2 == 1
    _, run = make_run(tower, tokenizer, separate)
    encoder = run.encoder()
    given = score.inputs(told(encoder, TEXTS))
    rows = {}
    for side in config.SIDES if separate else config.VECTOR_SIDES:
        (rows[side],) = session(build_model(run, side, {"version": "1"})).run(None, given)
        np.testing.assert_allclose(rows[side], encoder.encode(TEXTS, side), atol=1e-5)
    assert np.abs(rows["query"] - rows["title"]).max() > 0.01
    assert rows["query"].dtype == np.float32


@pytest.mark.parametrize("tower", [TOWERS[0], TOWERS[7], *TOWERS[-6:]], ids=str)
def test_a_batch_may_be_of_any_size_none_and_all_empty_texts_included(
    tower: TowerConfig, score: ModuleType
) -> None:
    _, run = make_run(tower, "auto", separate=True)
    encoder, model = run.encoder(), session(build_model(run, "title", {"version": "1"}))
    expected = encoder.encode(TEXTS, "title")
    for batch in (TEXTS[3:4], [], [""], ["", "！？"], TEXTS[::-1] * 20):
        (found,) = model.run(None, score.inputs(told(encoder, batch)))
        places = [TEXTS.index(text) for text in batch]
        wanted = expected[places].reshape(len(batch), encoder.side_dim)
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_units_behind_the_last_that_a_model_reads_change_nothing() -> None:
    _, run = make_run(CnnConfig(embedding=8, filters=10, dim=6), "auto", separate=False)
    model = session(build_model(run, "query", {"version": "1"}))
    features = np.arange(8)[:, None]  # units 1 to 7 with one feature each
    eight = np.array([[1, 2, 3, 4, 5, 6, 7, 1]])
    nine = np.append(eight, [[2]], axis=1)
    rows = [model.run(None, {"features": features, "units": units})[0] for units in (eight, nine)]
    np.testing.assert_array_equal(*rows)


def test_a_unit_counts_once_in_the_lexical_part_though_another_has_its_features() -> None:
    _, run = make_run(TOWERS[0], "char", separate=False)
    model = session(build_model(run, "query", {"version": "1"}))
    features = np.array([[0], [3], [3], [5]])  # the first two units share a bucket

    def lexical(units: list[int]) -> Floats:
        given = {"features": features, "units": np.array([units])}
        found = model.run(None, given)[0][0, : run.model.lexical]
        return np.asarray(found, np.float32)

    np.testing.assert_allclose(lexical([1, 3, 1]), lexical([1, 3]), atol=1e-6)
    assert np.abs(lexical([1, 2, 3]) - lexical([1, 3])).max() > 0.01


@pytest.fixture(name="exported", scope="module")
def _exported(
    runs: dict[str, Path], wordy_runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Path, Path]]:
    """Return runs and their exports by the name of what they show."""
    place = tmp_path_factory.mktemp("exported")
    found = {}
    for name, run in {**runs, **wordy_runs}.items():
        written = folder.files_of(folder.read_run(str(run)), config.VECTOR_SIDES)
        folder.write_folder(place / name, written, overwrite=False)
        found[name] = run, place / name
    return found


NAMES = ["dnn", "cnn", "lstm", "jieba", "sentencepiece"]


@pytest.mark.parametrize("name", NAMES)
def test_an_export_s_own_texts_have_the_vectors_it_says(
    name: str, exported: dict[str, tuple[Path, Path]], score: ModuleType
) -> None:
    run, place = exported[name]
    texts = score.read((place / "texts.jsonl").read_text("utf-8").splitlines())
    model = dssmcli.load(run)
    rows = model.encode([text["text"] for text in texts])
    np.testing.assert_allclose([text["vector"] for text in texts], rows, atol=1e-6)
    np.testing.assert_allclose(score.Model(place, "text").encode(texts), rows, atol=1e-5)
    rows = model.encode_query([text["text"] for text in texts])
    np.testing.assert_allclose([text["query"] for text in texts], rows, atol=1e-6)
    np.testing.assert_allclose(score.Model(place, "query").encode(texts), rows, atol=1e-5)
    assert texts == told_with(model, texts)
    assert sum(not text["units"] for text in texts) >= 2
    assert max(len(text["units"]) for text in texts) == model.lookup.max_units


def told_with(model: Encoder, texts: list[dict[str, object]]) -> list[dict[str, object]]:
    plain = told(model, [str(text["text"]) for text in texts])
    return [{**text, **each} for text, each in zip(texts, plain, strict=True)]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
@pytest.mark.parametrize("name", NAMES[1:])
def test_the_rules_of_an_export_followed_in_javascript_give_the_same_ids(
    name: str, exported: dict[str, tuple[Path, Path]], dssm: Dssm, tmp_path: Path
) -> None:
    run, place = exported[name]
    line = ["node", str(EXAMPLE / "ids.mjs"), str(place)]
    checked = subprocess.run([*line, "--check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0 and "26 of 26" in checked.stdout
    rng = random.Random(3)
    signed = "".join(f"{''.join(rng.choices(ALPHABET, k=9))}\n" for _ in range(300))
    texts = f"couch 手机\ncheap 运费 x9\n新款包包和 rug's\n\n{signed}".encode()
    printed = subprocess.run(line, input=texts, capture_output=True, check=True).stdout
    ours = dssm("tokenize", "--json", "-m", run, "-", stdin=texts).out
    assert read_lines(printed.decode()) == read_lines(ours)


def read_lines(text: str) -> list[object]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_example_scores_what_tokenize_prints(
    exported: dict[str, tuple[Path, Path]], dssm: Dssm
) -> None:
    run, place = exported["cnn"]
    texts = b"cheap couch\nfaucet\nnew sofa bed\n"
    ids = dssm("tokenize", "--json", "-m", run, "-", stdin=texts).raw
    line = [sys.executable, str(EXAMPLE / "score.py"), str(place)]
    scored = subprocess.run(line, input=ids, capture_output=True, check=True).stdout.decode()
    (best, first), (other, second) = (row.split("\t") for row in scored.splitlines())
    assert (first, second) == ("new sofa bed", "faucet")
    model = dssmcli.load(run)
    assert float(best) == pytest.approx(model.score("cheap couch", first), abs=1e-4)
    assert float(other) == pytest.approx(model.score("cheap couch", second), abs=1e-4)
    assert subprocess.run([*line, "--check"], capture_output=True, check=False).returncode == 0


def test_one_file_serves_both_sides_where_they_share_everything(
    exported: dict[str, tuple[Path, Path]],
) -> None:
    _, place = exported["cnn"]
    names = {path.name for path in place.iterdir()}
    texts = {"vocab.txt", "chinese.txt", "texts.jsonl"}
    assert names == {"model.onnx", "settings.json", "README.md", *texts}
    settings = json.loads((place / "settings.json").read_text("utf-8"))
    assert settings["models"] == dict.fromkeys(config.VECTOR_SIDES, "model.onnx")
    _, wordy = exported["jieba"]
    assert (wordy / "words.txt").is_file()
    _, run = make_run(TOWERS[0], "auto", separate=True)
    assert {"query.onnx", "title.onnx"} < set(files_of(run, config.SIDES))
    only = files_of(run, ["title"])
    assert "title.onnx" in only and "query.onnx" not in only
    assert b'"query"' not in only["texts.jsonl"]
    for name in names:
        assert f"`{name}`" in (place / "README.md").read_text("utf-8") or name == "README.md"


def test_a_model_says_what_it_is_and_what_its_inputs_are(
    exported: dict[str, tuple[Path, Path]],
) -> None:
    run, place = exported["cnn"]
    encoder = dssmcli.load(run)
    model = onnx.load(place / "model.onnx")
    found = {each.key.removeprefix("dssm."): each.value for each in model.metadata_props}
    assert found["run"] == encoder.digest and found["version"] == dssmcli.__version__
    assert found["tokenizer"] == "auto" and found["format"] == "1"
    assert int(found["dim"]) == 16 and int(found["max_units"]) == 128
    assert float(found["threshold"]) == encoder.threshold
    assert encoder.calibration is not None
    assert json.loads(found["calibration"])["scale"] == encoder.calibration.scale
    assert [(each.version, each.domain) for each in model.opset_import] == [(17, "")]
    served = session((place / "model.onnx").read_bytes())
    axes = {each.name: each.shape for each in (*served.get_inputs(), *served.get_outputs())}
    assert axes["features"] == ["distinct_units", "features_a_unit"]
    assert axes["units"] == ["texts", "units_a_text"] and axes["vectors"] == ["texts", 16]


def test_every_tokenizer_has_its_rules_on_the_page() -> None:
    for tokenizer in config.TOKENIZERS:
        _, run = make_run(TOWERS[0], tokenizer, separate=False)
        page = files_of(run, config.SIDES)["README.md"].decode()
        assert rules._FEATURES[tokenizer] in page and "{" not in page
        assert ("`words.txt`" in page) == (tokenizer in config.WORDY)


def test_an_export_is_the_same_bytes_every_time_and_needs_no_torch(
    exported: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    run, place = exported["lstm"]
    line = [sys.executable, "-c", SERVING, "export", "-q", "-m", str(run), "--onnx", "again"]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert done.returncode == 0 and done.stderr == b"", done.stderr.decode()
    for path in place.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name
    assert [path.name for path in tmp_path.iterdir()] == ["again"]


def test_a_run_with_everything_that_training_can_give_it_is_exported(
    dssm: Dssm, tmp_path: Path, score: ModuleType
) -> None:
    pairs, run = write_pairs(tmp_path / "pairs.tsv", 200), tmp_path / "run"
    small = [each for each in SMALL if each != "off"]
    small.insert(small.index("--lexical") + 1, "32")
    options = ("--separate-towers", "--window", "1,3", "--pooling", "max+mean", "--epochs", "1")
    made = dssm("train", pairs, *TOWER["cnn"], *small, *options, "-o", run)
    assert made.code == 0, made.err
    result = dssm("export", "-m", run, "--onnx", tmp_path / "there")
    assert result.code == 0 and result.out == "" and "title.onnx (0." in result.err
    score.check(tmp_path / "there")


def test_nothing_is_overwritten_unless_asked_and_never_what_is_no_export(
    dssm: Dssm, runs: dict[str, Path], tmp_path: Path
) -> None:
    place = tmp_path / "there"
    first = dssm("export", "-m", runs["dnn"], "--onnx", place)
    assert first.code == 0 and first.err.startswith("Exported model.onnx (")
    before = (place / "model.onnx").read_bytes()
    refused = dssm("export", "-m", runs["cnn"], "--onnx", place)
    assert refused.code == 1 and refused.err.endswith("or give --overwrite.\n")
    assert (place / "model.onnx").read_bytes() == before
    again = dssm("export", "-m", runs["cnn"], "--onnx", place, "--overwrite", "-q")
    assert again.code == 0 and again.err == ""
    assert (place / "model.onnx").read_bytes() != before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("dear", "utf-8")
    for other in (tmp_path / "mine", runs["dnn"]):
        refused = dssm("export", "-m", runs["dnn"], "--onnx", other, "--overwrite")
        assert refused.code == 1 and "is no export, so it is not overwritten" in refused.err
    assert (tmp_path / "mine" / "thesis.txt").read_text("utf-8") == "dear"
    (tmp_path / "link").symlink_to(place)
    assert dssm("export", "-m", runs["dnn"], "--onnx", tmp_path / "link", "--overwrite").code == 0
    assert (place / "model.onnx").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "mine", "there"]


def test_an_export_that_cannot_be_written_leaves_the_old_one_and_nothing_else(
    dssm: Dssm, runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "there"
    assert dssm("export", "-m", runs["dnn"], "--onnx", place).code == 0
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    rename = os.rename

    def failing(source: Path, target: Path) -> None:
        if str(source).endswith(".partial"):
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(os, "rename", failing)
    result = dssm("export", "-m", runs["cnn"], "--onnx", place, "--overwrite")
    assert (
        result.code == 1
        and result.err == f"{place}: cannot be written (No space left on device).\n"
    )
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_what_cannot_be_exported_is_said_in_one_line(
    dssm: Dssm, runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "there"
    shutil.copytree(runs["dnn"], tmp_path / "damaged")
    weights = tmp_path / "damaged" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    damaged = dssm("export", "-m", tmp_path / "damaged", "--onnx", place)
    assert damaged.code == 3 and "weights.safetensors: damaged" in damaged.err
    assert dssm("export", "-m", tmp_path / "none", "--onnx", place).code == 3
    table = gated({"a": {"x": (0.5, 0.5), "y": (0.5, 0.5)}}).write(tmp_path / "table")
    other = dssm("export", "-m", table, "--onnx", place)
    assert other.code == 3 and "expected one of texts (`dssm train`)" in other.err
    assert dssm("export", "-m", runs["dnn"]).code == 2
    monkeypatch.setattr(graph, "_LARGEST", 1000)
    large = dssm("export", "-m", runs["dnn"], "--onnx", place)
    assert large.code == 1 and "less than the 2 GB that an ONNX file holds" in large.err
    monkeypatch.setitem(sys.modules, "onnx", None)
    missing = dssm("export", "-m", runs["dnn"], "--onnx", place)
    assert missing.code == 1 and "pip install 'dssmcli[onnx]'" in missing.err
    assert not place.exists()


def test_a_run_whose_vectors_are_not_finite_is_not_exported() -> None:
    _, run = make_run(LstmConfig(embedding=8, dim=6), "auto", separate=False)
    weights = {name: array.copy() for name, array in run.weights.items()}
    weights["tower.skip.weight"][:] = 3e38
    with pytest.raises(RunError, match="not finite"):
        files_of(run._replace(weights=weights), config.SIDES)


def test_padding_has_no_say_whatever_its_row_holds() -> None:
    _, run = make_run(TOWERS[2], "auto", separate=False)
    weights = {name: array.copy() for name, array in run.weights.items()}
    weights["tower.rows.weight"][0] = 7.0
    weights["lexical.weight"][0] = 7.0
    model, plain = (
        session(build_model(each, "query", {"version": "1"}))
        for each in (run, run._replace(weights=weights))
    )
    given = {"features": np.array([[0, 0], [3, 4]]), "units": np.array([[1, 0, 0]])}
    np.testing.assert_array_equal(model.run(None, given)[0], plain.run(None, given)[0])


def test_names_in_a_graph_are_given_once() -> None:
    _, run = make_run(TOWERS[-1], "auto", separate=False)
    made = graph_of(run, "query")
    names = [name for node in made.nodes for name in node.outputs]
    assert len(set(names)) == len(names) and not set(names) & set(made.weights)
    with pytest.raises(DssmError):
        folder.refuse_existing(EXAMPLE, overwrite=True)
