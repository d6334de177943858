"""Runs on disk: whole or not at all, checked, safe to load from a stranger."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL, Dssm, write_pairs

import dssmcli
from dssmcli.config import (
    WORDY,
    CnnConfig,
    DnnConfig,
    ModelConfig,
    TowerConfig,
    model_from_dict,
    to_dict,
)
from dssmcli.errors import OutputError, RunError
from dssmcli.run import FILES, FORMAT, MANIFEST, Run, open_run
from dssmcli.workplace import publish, workplace

FORMAT_1 = Path(__file__).parent / "data" / "format-1"
FORMAT_3 = Path(__file__).parent / "data" / "format-3"


def reseal(run: Path) -> None:
    """Write a manifest that fits whatever the files hold now."""
    files = {
        name: {
            "size": len((run / name).read_bytes()),
            "sha256": hashlib.sha256((run / name).read_bytes()).hexdigest(),
        }
        for name in sorted(path.name for path in run.iterdir() if path.name != MANIFEST)
    }
    (run / MANIFEST).write_text(json.dumps({"format": 1, "files": files}))


@pytest.fixture(name="copy")
def _copy(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "copy"))


@pytest.mark.parametrize("arch", ["dnn", "cnn", "lstm"])
def test_a_committed_run_of_format_1_loads_for_ever(arch: str) -> None:
    model = dssmcli.load(FORMAT_1 / arch)
    expected = json.loads((FORMAT_1 / f"{arch}.json").read_text("utf-8"))
    for query, title, score in expected:
        assert model.score(query, title) == pytest.approx(score, abs=1e-5)


def test_a_committed_multitask_run_of_format_3_loads_for_ever() -> None:
    model = dssmcli.load_predictor(FORMAT_3 / "mmoe")
    expected = json.loads((FORMAT_3 / "mmoe.json").read_text("utf-8"))
    columns = {name: [row[name] for row in expected["rows"]] for name in model.columns}
    assert model.tasks == ["bought", "minutes"]
    with pytest.warns(UserWarning, match="never met"):
        predicted = model.predict(columns)
    np.testing.assert_allclose(predicted, expected["predicted"], rtol=1e-4)


def test_a_cnn_written_before_there_were_several_widths_gives_the_same_vectors(
    run: Path, copy: Path
) -> None:
    config = json.loads((copy / "config.json").read_text("utf-8"))
    tower = config["model"]["tower"]
    assert config["format"] == FORMAT and tower.pop("pooling") == "max" and tower["window"] == [3]
    tower["window"] = 3
    (copy / "config.json").write_text(json.dumps(config), "utf-8")
    reseal(copy)
    texts = ["couch", "a new sofa bed"]
    np.testing.assert_array_equal(dssmcli.load(copy).encode(texts), dssmcli.load(run).encode(texts))


@pytest.mark.parametrize("tower", [CnnConfig(window=(5, 2), pooling="max+mean"), DnnConfig()])
def test_what_a_run_says_of_its_model_builds_that_model(tower: TowerConfig) -> None:
    model = ModelConfig(tower=tower)
    assert model_from_dict(json.loads(json.dumps(to_dict(model))), "here") == model


def test_a_run_can_be_copied_and_read_only(dssm: Dssm, run: Path, copy: Path) -> None:
    for path in (*copy.iterdir(), copy):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = dssm("score", "-m", run, "couch", "sofa bed").out
    assert dssm("score", "-m", copy, "couch", "sofa bed").out == before
    copy.chmod(0o755)


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_damaged_byte_in_any_file_is_found(dssm: Dssm, copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (copy / name).write_bytes(content)
    result = dssm("score", "-m", copy, "a", "b")
    if name == "metrics.jsonl":  # not needed to answer, so not read
        assert result.code == 0
        with pytest.raises(RunError, match="damaged"):
            open_run(copy).read(name)
        return
    assert result.code == 3 and name in result.err and result.err.count("\n") == 1, result.err


@pytest.mark.parametrize("name", ["config.json", "weights.safetensors", "vocab.txt", MANIFEST])
def test_a_missing_or_cut_file_is_named(dssm: Dssm, copy: Path, name: str) -> None:
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[:-5])
    cut = dssm("score", "-m", copy, "a", "b")
    assert cut.code == 3 and name in cut.err
    (copy / name).unlink()
    missing = dssm("score", "-m", copy, "a", "b")
    assert missing.code == 3 and name in missing.err and missing.err.count("\n") == 1


@pytest.mark.parametrize("tokenizer", WORDY)
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text[:-1], "words.txt: the last line is cut short"),
        (lambda text: text.replace("\t-", "\t", 1), None),
        (lambda text: text.replace("\t-", "\tx", 1), "words.txt:1: "),
        (lambda text: text + "\t-1.0\n", "words.txt:"),
        (lambda text: text + "\t".join(text.split("\n")[1].split("\t")) + "\n", "stands above"),
        (lambda text: text + "x\t1e9\n", "words.txt:"),
    ],
)
def test_a_list_of_words_that_cannot_be_used_is_refused_at_its_line(
    dssm: Dssm,
    wordy_runs: dict[str, Path],
    tmp_path: Path,
    tokenizer: str,
    damage: Callable[[str], str],
    said: str | None,
) -> None:
    copy = Path(shutil.copytree(wordy_runs[tokenizer], tmp_path / "copy"))
    content = (copy / "words.txt").read_text("utf-8")
    (copy / "words.txt").write_text(damage(content), "utf-8")
    unsealed = dssm("score", "-m", copy, "a", "b")
    assert unsealed.code == 3 and "words.txt: damaged" in unsealed.err
    reseal(copy)
    result = dssm("score", "-m", copy, "a", "b")
    if said is None:  # another score is no error
        assert result.code == 0, result.err
    else:
        assert result.code == 3 and said in result.err and result.err.count("\n") == 1


def test_a_run_without_the_list_of_words_it_needs_says_so(
    dssm: Dssm, wordy_runs: dict[str, Path], tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(wordy_runs["jieba"], tmp_path / "copy"))
    (copy / "words.txt").unlink()
    gone = dssm("score", "-m", copy, "a", "b")
    assert gone.code == 3 and "words.txt: is missing, the run lists it" in gone.err
    reseal(copy)
    unlisted = dssm("score", "-m", copy, "a", "b")
    assert unlisted.code == 3 and "MANIFEST.json: does not list words.txt" in unlisted.err


def test_a_newer_run_says_so(dssm: Dssm, copy: Path) -> None:
    manifest = json.loads((copy / MANIFEST).read_text())
    (copy / MANIFEST).write_text(json.dumps({**manifest, "format": FORMAT + 1}))
    result = dssm("info", "-m", copy)
    assert result.code == 3 and "newer" in result.err and "Upgrade" in result.err


def test_what_is_not_a_run_says_so(dssm: Dssm, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    for name in ("file", "empty"):
        result = dssm("info", "-m", tmp_path / name)
        assert result.code == 3 and "not a run" in result.err


@pytest.mark.parametrize("name", ["weights.safetensors", "config.json", MANIFEST])
def test_nothing_outside_the_folder_is_read(dssm: Dssm, copy: Path, name: str) -> None:
    outside = copy.parent / "outside"
    shutil.move(copy / name, outside)
    (copy / name).symlink_to(outside)
    result = dssm("score", "-m", copy, "a", "b")
    assert result.code == 3 and "no links" in result.err


def test_a_pipe_in_a_run_does_not_hang(dssm: Dssm, copy: Path) -> None:
    (copy / "vocab.txt").unlink()
    os.mkfifo(copy / "vocab.txt")
    assert dssm("score", "-m", copy, "a", "b").code == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": None}, "expected text"),
        ({"model": {"text": {}, "tower": {}, "separate_towers": False, "lexical": 0}}, "arch"),
        ({"model": {"text": {}, "tower": {}, "separate_towers": False}}, "and lexical"),
        ({"tower": {"dim": 60000}}, "expected"),
        ({"tower": {"dim": 10**12}}, "at most"),
        ({"tower": {"dim": True}}, "expected int"),
        ({"tower": {"window": 9}}, "conv"),
        ({"tower": {"window": True}}, "expected"),
        ({"tower": {"window": []}}, "such as 1,3"),
        ({"tower": {"window": [3, 3]}}, "such as 1,3"),
        ({"tower": {"pooling": "last"}}, "max+mean"),
        ({"tower": {"windw": 3}}, "window"),
        ({"text": {"tokenizer": "autp"}}, "Did you mean auto"),
        ({"text": {"buckets": 5}}, "rows.weight"),
        ({"text": {"max_units": -1}}, "at least 1"),
    ],
)
def test_a_hostile_config_is_one_line(dssm: Dssm, copy: Path, change: dict, said: str) -> None:
    config = json.loads((copy / "config.json").read_text())
    for name, values in change.items():
        if name in config["model"]:
            config["model"][name].update(values)
        else:
            config[name] = values
    (copy / "config.json").write_text(json.dumps(config))
    reseal(copy)
    result = dssm("score", "-m", copy, "a", "b")
    assert result.code == 3 and said in result.err and result.err.count("\n") == 1, result.err


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"[" * 100_000, b"\xff\xfe", b"1e999"]
)
@pytest.mark.parametrize("name", ["config.json", MANIFEST, "weights.safetensors"])
def test_hostile_bytes_are_one_line(dssm: Dssm, copy: Path, name: str, content: bytes) -> None:
    (copy / name).write_bytes(content)
    if name != MANIFEST:
        reseal(copy)
    result = dssm("score", "-m", copy, "a", "b")
    assert result.code == 3 and result.err.count("\n") == 1 and name in result.err, result.err


def test_weights_that_are_not_numbers_are_refused(dssm: Dssm, copy: Path) -> None:
    import safetensors.numpy

    file = copy / "weights.safetensors"
    weights = safetensors.numpy.load_file(file)
    for bad in (np.float32("nan"), np.float32("inf")):
        changed = {**weights, "tower.bias": weights["tower.bias"] * 0 + bad}
        safetensors.numpy.save_file(changed, file)
        reseal(copy)
        result = dssm("score", "-m", copy, "a", "b")
        assert result.code == 3 and "not finite" in result.err
    huge = {name: np.full_like(weight, 3e38) for name, weight in weights.items()}
    safetensors.numpy.save_file(huge, file)
    reseal(copy)
    result = dssm("score", "-m", copy, "a", "b")
    assert result.code == 3 and "not finite" in result.err and result.err.count("\n") == 1
    safetensors.numpy.save_file({**weights, "extra\n\x1b": weights["tower.bias"]}, file)
    reseal(copy)
    result = dssm("score", "-m", copy, "a", "b")
    assert "extra\\n" in result.err and result.err.count("\n") == 1 and "\x1b" not in result.err


def put(run: Path, text: bytes) -> None:
    """Publish a run whose files hold a text."""
    with workplace(run) as place:
        publish(place, dict.fromkeys(FILES, text))


def test_publishing_replaces_a_run_whole_or_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "r"
    put(run, b"old")
    real, calls = os.rename, []

    def failing(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == fail_at:
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "rename", failing)
    for fail_at in (1, 2):  # noqa: B007 (read by `failing`)
        calls.clear()
        with pytest.raises(OutputError, match="No space left"):
            put(run, b"new")
        assert open_run(run).read("vocab.txt") == b"old"
    fail_at = 0
    put(run, b"new")
    assert open_run(run).read("vocab.txt") == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_a_run_whose_replacement_was_killed_is_still_found_and_comes_back(tmp_path: Path) -> None:
    run, place = tmp_path / "r", tmp_path / "r.partial"
    put(run, b"old")
    place.mkdir()
    (place / "lock").touch()
    os.rename(run, place / "replaced")  # as far as a program got that was killed then
    assert open_run(run).read("vocab.txt") == b"old"
    assert not run.exists(), "reading changes nothing on disk"
    with workplace(run):
        assert open_run(run).read("vocab.txt") == b"old" and run.exists()


def test_folders_that_dssm_did_not_make_are_never_touched(dssm: Dssm, tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path / "p.tsv", 60)
    mine = [tmp_path / name for name in ("r.old", "r.new", "r.partial", "mine")]
    for folder in mine:
        folder.mkdir()
        (folder / "thesis.txt").write_text("years of work")
    for output, more in (("mine", ["--resume"]), ("mine", ["--overwrite"]), ("r", [])):
        refused = dssm("train", pairs, *SMALL, *more, "-o", tmp_path / output)
        assert refused.code == 1 and refused.err.count("\n") == 1, refused
    shutil.rmtree(tmp_path / "r.partial")
    assert dssm("train", pairs, *SMALL, "-o", tmp_path / "r").code == 0
    assert dssm("train", pairs, *SMALL, "-o", tmp_path / "r", "--overwrite").code == 0
    for folder in (mine[0], mine[1], mine[3]):
        assert (folder / "thesis.txt").read_text() == "years of work"


def test_the_folder_one_stands_in_is_a_run_too(
    dssm: Dssm, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run)
    assert dssm("info", "-m", ".").code == 0 and dssm("score", "-m", ".", "a", "b").code == 0
    assert dssm("info", "-m", "/").code == 3


def test_a_run_replaced_while_it_is_read_is_read_anew(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(runs["dnn"], tmp_path / "r")
    real, reads = Run.read, []

    def replacing(self: Run, name: str) -> bytes:
        reads.append(name)
        if len(reads) == 2:
            shutil.rmtree(tmp_path / "r")
            shutil.copytree(runs["cnn"], tmp_path / "r")
        return real(self, name)

    monkeypatch.setattr(Run, "read", replacing)
    assert dssmcli.load(tmp_path / "r").model.arch == "cnn"


def test_a_full_disk_while_writing_leaves_the_old_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "r"
    put(run, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        put(run, b"new")
    assert open_run(run).read("config.json") == b"old"
