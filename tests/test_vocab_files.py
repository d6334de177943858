"""The committed vocabularies are complete, and are what vocab/build.py makes."""

from __future__ import annotations

import importlib.util
import shutil
import string
import unicodedata
from itertools import product
from pathlib import Path
from types import ModuleType

import pytest

VOCAB = Path(__file__).resolve().parent.parent / "vocab"
COUNTS = {"letter-trigrams.txt": 49_284, "zh-chars.txt": 8_836, "symbols.txt": 220}
LEVEL_1 = 3_755  # GB 2312's common characters
GB2312 = 6_763


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("vocab_build", VOCAB / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def entries(name: str) -> list[str]:
    return (VOCAB / name).read_bytes().decode("utf-8").removesuffix("\n").split("\n")


def test_the_committed_files_are_what_build_makes(build: ModuleType) -> None:
    assert build.differing(VOCAB) == []
    assert build.main(["--check"]) == 0


def test_no_vocabulary_is_unknown_to_build(build: ModuleType) -> None:
    """The table of simplified characters is no vocabulary: it comes from OpenCC."""
    found = {path.name for path in VOCAB.glob("*.txt")} - {"zh-simplified.txt"}
    assert set(build.FILES) == found == set(COUNTS)


def test_check_fails_on_an_edited_or_missing_file_and_writes_nothing(
    build: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in COUNTS:
        shutil.copy(VOCAB / name, tmp_path)
    (tmp_path / "symbols.txt").write_bytes(b"%\n")
    (tmp_path / "zh-chars.txt").unlink()
    assert build.main(["--check"], tmp_path) == 1
    message = capsys.readouterr().err
    assert "symbols.txt" in message and "zh-chars.txt" in message and "trigrams" not in message
    assert (tmp_path / "symbols.txt").read_bytes() == b"%\n"
    assert not (tmp_path / "zh-chars.txt").exists()


def test_build_writes_the_files_beside_itself(build: ModuleType, tmp_path: Path) -> None:
    assert build.HERE == VOCAB
    assert build.main([], tmp_path) == 0
    for name in COUNTS:
        assert (tmp_path / name).read_bytes() == (VOCAB / name).read_bytes()


@pytest.mark.parametrize("name", COUNTS)
def test_each_file_has_its_count_of_distinct_entries(name: str) -> None:
    found = entries(name)
    assert len(found) == len(set(found)) == COUNTS[name]


@pytest.mark.parametrize("name", COUNTS)
def test_the_readme_states_the_count(name: str) -> None:
    assert f"| `{name}` | {COUNTS[name]:,} |" in (VOCAB / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", COUNTS)
def test_lines_end_in_lf_and_hold_no_white_space(name: str) -> None:
    text = (VOCAB / name).read_bytes().decode("utf-8")
    assert text.endswith("\n") and not text.endswith("\n\n")
    assert all(entry.split() == [entry] for entry in entries(name))


@pytest.mark.parametrize("name", COUNTS)
def test_normalisation_changes_no_entry(name: str) -> None:
    found = entries(name)
    assert [unicodedata.normalize("NFKC", entry).lower() for entry in found] == found


def test_no_entry_stands_in_two_files() -> None:
    everything = [entry for name in COUNTS for entry in entries(name)]
    assert len(set(everything)) == len(everything)


def test_every_letter_trigram_has_its_own_line() -> None:
    letters = string.digits + string.ascii_lowercase
    words = ["".join(word) for size in (1, 2, 3) for word in product(letters, repeat=size)]
    needed = {f"#{w}#"[i : i + 3] for w in words for i in range(len(w))}
    assert set(entries("letter-trigrams.txt")) == needed


def test_letter_trigrams_come_first_starts_then_middles_then_ends() -> None:
    found = entries("letter-trigrams.txt")
    single, starts, middles, ends = found[:36], found[36:1332], found[1332:47988], found[47988:]
    assert all(part == sorted(part) for part in (single, starts, middles, ends))
    assert (single[-1], starts[0], middles[0], ends[-1]) == ("#z#", "#00", "000", "zz#")


def test_chinese_characters_come_in_the_order_of_gb_2312_then_big5() -> None:
    found = entries("zh-chars.txt")
    assert all(unicodedata.name(c).startswith("CJK UNIFIED IDEOGRAPH-") for c in found)
    codes = [c.encode("gb2312") for c in found[:GB2312]]
    assert codes == sorted(codes)
    rest = [c.encode("big5") for c in found[GB2312:]]
    assert rest == sorted(rest)
    assert (found[0], found[LEVEL_1 - 1], found[LEVEL_1]) == ("啊", "座", "亍")


@pytest.mark.parametrize("text", ["中文语义匹配", "語義匹配與點擊紀錄", "龙龍国國"])
def test_simplified_and_traditional_characters_are_both_known(text: str) -> None:
    assert set(text) <= set(entries("zh-chars.txt"))


@pytest.mark.parametrize("text", ["ひらがなぁん", "カタカナヴー", "々〇", "%+$€£¥°&=<>~^|"])
def test_kana_and_symbols_are_known(text: str) -> None:
    assert set(text) <= set(entries("symbols.txt"))
