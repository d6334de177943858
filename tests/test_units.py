"""What the units of texts are: numbers, measures, names with signs, marks, Chinese characters."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from conftest import SMALL, Dssm

import dssmcli
from dssmcli.config import TOKENIZERS, WORDY, TextConfig
from dssmcli.errors import RunError
from dssmcli.text.chinese import shipped_table, shipped_text, table_from_text
from dssmcli.text.normalize import Normalizer, normalize
from dssmcli.text.scan import spelled
from dssmcli.text.tokenizers import Lookup, normalizer_of, tokenizer_of

AUTO = Lookup.shipped("auto")
HEART, SUN, PLANE, THUMB, FAMILY = "❤", "☀", "✈", "👍", "👨\u200d👩\u200d👧"


@pytest.mark.parametrize(
    ("text", "other"),
    [
        # The look of a character says nothing.
        (f"{SUN}\ufe0f", SUN),
        (f"{HEART}\ufe0f 手机壳", f"{HEART}\ufe0e 手机壳"),
        ("葛\U000e0100城", "葛城"),
        ("1\ufe0f\u20e3 place", "1 place"),
        (f"{THUMB}\U0001f3fd", THUMB),
        (FAMILY, "👨👩👧"),
        ("e\ufe0f\u0301t\u00e9", "été"),
        # A number and its unit are two units, whether there is a space or not.
        ("3.5mm jack", "3.5 mm jack"),
        ("3.5MM耳机", "3.5 mm 耳机"),
        ("500ml", "500 ml"),
        ("5g 手机", "5 G 手机"),
        ("16gb ram", "16 GB RAM"),
        ("-5°C", "-5 °C"),
        ("−5℃", "-5 °c"),
        ("90's", "90s"),
        ("2.0l", "2.0 L"),
        ("4x4x2cm", "4 x 4 x 2 cm"),
        ("10×15", "10x15"),
        ("3½ in", "3 1/2 in"),
        ("１．５Ｌ", "1.5l"),
        # Thousands.
        ("1,000ml", "1000ml"),
        ("1,000ml", "1000 ml"),
        ("1,234,567.89", "1234567.89"),
        ("１，０００元", "1000元"),
        ("1'000", "1000"),
        ("$1,299", "$ 1299"),
        # Signs that are no part of a number or a name.
        ("iphone-5", "iphone 5"),
        ("2020-05-01", "2020 05 01"),
        ("2020/05/01", "2020 05 01"),
        ("12:30", "12 30"),
        ("16:9", "16 9"),
        ("wi-fi", "wi fi"),
        ("a+b", "a + b"),
        ("end.Next", "end next"),
        ("1,2,3", "1 2 3"),
        ("node.js", "node js"),
        ("T恤", "t 恤"),
        # Names.
        ("ASP.NET", "asp .net"),
        ("C++11", "c++ 11"),
        ("(c#)", "C# !"),
        # Chinese.
        ("臺灣", "台湾"),
        ("繁體中文 iPhone", "繁体中文 iphone"),
        ("電腦螢幕", "电脑萤幕"),
        # The dotted capital I of Turkish, whose lower case has a dot too many.
        ("İstanbul", "istanbul"),
        ("I\u0307stanbul", "istanbul"),
        ("İSTANBUL", "ISTANBUL"),
        ("i\u0307\u0301", "í"),
    ],
)
def test_what_means_the_same_has_the_same_units(text: str, other: str) -> None:
    assert AUTO.cut(text).units == AUTO.cut(other).units


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("3.5mm", "35mm"),
        ("3.5mm", "3 5mm"),
        ("1,000", "1 000"),
        ("1,00", "100"),
        ("-5°C", "5°C"),
        ("C++", "C"),
        ("C#", "C"),
        ("C++", "C#"),
        ("F#", "F"),
        ("g++", "g"),
        (".NET", "net"),
        ("ASP.NET", "asp net"),
        ("A+", "A"),
        ("1.2.3", "1.2 3"),
        ("iphone12", "iphone 12"),
        ("rtx3060ti", "rtx 3060 ti"),
        ("mp3", "mp 3"),
        (".5", "5"),
        (f"{SUN}\ufe0f", f"{PLANE}\ufe0f"),
        (THUMB, "👎"),
        ("🇩🇪", "🇫🇷"),
        ("🇩🇪🇫🇷", "🇫🇷🇩🇪"),
    ],
)
def test_what_means_another_thing_has_other_units(text: str, other: str) -> None:
    assert AUTO.cut(text).units != AUTO.cut(other).units


def test_the_first_normalisation_keeps_the_dot_of_a_turkish_i() -> None:
    assert Normalizer(1)("İ") == "i\u0307" and Normalizer(2)("İ") == "i" == Normalizer(2)("i\u0307")


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("3.5mm", ["3.5", "mm"]),
        ("learn C++/C# and .NET", ["learn", "c++", "c#", "and", ".net"]),
        ("rtx3060ti 12gb", ["rtx3060ti", "12", "gb"]),
        ("v1.2.3 -5 +5", ["v1.2.3", "-5", "+", "5"]),
        ("🇩🇪🇫🇷 1,000km", ["🇩🇪", "🇫🇷", "1000", "km"]),
        ("5f4dcc3b", ["5f4dcc3b"]),
    ],
)
def test_units_are_these(text: str, units: list[str]) -> None:
    assert AUTO.cut(text).units == units


ALPHABET = "5110,,..--++##xxaNeTnet ''×½:好臺$%🇩🇪\ufe0f°é(İi\u0307\u0301"


@pytest.mark.parametrize("name", TOKENIZERS)
def test_many_texts_are_cut_as_one_is_whatever_the_signs(name: str) -> None:
    rng = random.Random(7)
    config = TextConfig(name)
    tokenizer, normalizer = tokenizer_of(config), normalizer_of(config)
    texts = ["".join(rng.choices(ALPHABET, k=rng.randrange(14))) for _ in range(2000)]
    found = tokenizer.scanner(normalizer).scan(texts)
    units = iter(spelled(found))
    for text, count in zip(texts, found.counts.tolist(), strict=True):
        assert [next(units) for _ in range(count)] == tokenizer.cut(normalizer(text)), text


def test_the_table_of_chinese_characters_is_whole_and_names_its_source() -> None:
    table = shipped_table()
    assert len(table) > 3000 and {"Apache-2.0", "OpenCC"} <= set(
        shipped_text().replace(",", " ").replace(".\n", " ").split()
    )
    assert "".join(chr(table.get(ord(char), ord(char))) for char in "臺灣後麵") == "台湾后面"
    folds = Normalizer(chinese=table)
    assert folds("髮發") == folds(folds("髮發")) == "发发" and normalize("髮") == "髮"


@pytest.mark.parametrize("text", ["臺台\n", "臺\t台", "臺\t台\n台\t太\n", "臺臺\t台\n"])
def test_a_damaged_table_is_refused(text: str) -> None:
    with pytest.raises(RunError, match=r"chinese.txt: damaged"):
        table_from_text(text, "chinese.txt")


def test_a_run_that_folds_carries_its_table_and_another_keeps_characters_apart(
    dssm: Dssm, tmp_path: Path
) -> None:
    rows = ["繁體\t繁体", "臺灣 地圖\t台湾 地图", "電腦\t电脑", "手機\t手机"] * 8
    (tmp_path / "pairs.tsv").write_text("\n".join(rows) + "\n", "utf-8")
    tiny = ("--arch", "dnn", "--hidden", "4", "--epochs", "1", *SMALL)

    def trained(name: str, *more: str) -> dssmcli.Model:
        made = dssm("train", tmp_path / "pairs.tsv", *tiny, *more, "-o", tmp_path / name)
        assert made.code == 0, made.err
        return dssmcli.load(tmp_path / name)

    folds = trained("folds")
    assert folds.score("臺灣", "台湾") == pytest.approx(1, abs=1e-3)
    assert (tmp_path / "folds" / "chinese.txt").read_text("utf-8") == shipped_text()
    apart = trained("apart", "--no-fold-chinese")
    assert not (tmp_path / "apart" / "chinese.txt").exists()
    assert apart.lookup.cut("臺灣").units == ["臺", "灣"]
    assert folds.lookup.cut("臺灣").units == ["台", "湾"]


@pytest.mark.parametrize("name", [name for name in TOKENIZERS if name not in WORDY])
def test_every_tokenizer_has_the_same_numbers_and_names(name: str) -> None:
    lookup = Lookup.shipped(name)
    units = lookup.cut("C# 3.5mm 臺").units
    assert units == (list("c#3.5mm台") if name == "char" else ["c#", "3.5", "mm", "台"])
