"""A BIT(1) of MySQL: exports have the bytes 0 and 1, or these as Python writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import Dssm
from logs import IMPRESSION_NAMES, impressions, write_log

from dssmcli.data.notation import read_numbers
from dssmcli.data.values import boolean_in, category_of, integer_in, is_missing, number_in, text_of

BITS = ["\x00", "\x01", r"b'\x00'", r"b'\x01'"]


def test_a_bit_is_0_or_1_wherever_values_are_read() -> None:
    for reading in (integer_in, number_in, category_of, boolean_in):
        assert [reading(bit) for bit in BITS] == [reading("0"), reading("1")] * 2
    assert read_numbers(BITS).numbers.tolist() == [0, 1, 0, 1]
    assert not any(map(is_missing, BITS))
    assert [integer_in(text_of(bit)) for bit in (b"\x00", b"\x01")] == [0, 1]


@pytest.mark.parametrize("bits", [BITS[:2], BITS[2:]])
def test_bits_of_tables_pairs_and_logs_are_said(
    bits: list[str], tmp_path: Path, dssm: Dssm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    no, yes = ("".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in bit) for bit in bits)
    random = np.random.default_rng(1)
    flags = random.integers(0, 2, (200, 2)).tolist()
    table = [f"{bits[a]},{i},{bits[b]}" for i, (a, b) in enumerate(flags)]
    Path("t.csv").write_text("\n".join(["flag,age,bought", *table]) + "\n")
    more = ("--epochs", "1", "--threads", "1", "-o", "r")
    done = dssm("train-rec", "mmoe", "t.csv", "--task", "bought", *more)
    ones = sum(b for _, b in flags)
    said = f'Task bought, in how many rows: 1 is "{yes}" {ones}; 0 is "{no}" {200 - ones}.'
    assert done.code == 0 and said in done.err, done
    assert f'flag: categories; "{no}" is "0", "{yes}" is "1".' in done.err, done
    plain = [f"{a},{i},{b}" for i, (a, b) in enumerate(flags)]
    Path("plain.csv").write_text("\n".join(["flag,age,bought", *plain]) + "\n")
    assert dssm("predict", "-m", "r", "plain.csv").out == dssm("predict", "-m", "r", "t.csv").out
    Path("p.tsv").write_text("".join(f"red {i}\thats {i}\t{bits[i % 2]}\n" for i in range(30)))
    assert f'Values in words: "{no}" is 0 (15), "{yes}" is 1 (15).' in dssm("check", "p.tsv").out
    rows = impressions(12, 6, 80)
    clicked = IMPRESSION_NAMES.index("clicked")
    write_log(Path("plain.tsv"), IMPRESSION_NAMES, rows)
    rows = [(*row[:clicked], bits[int(row[clicked])], *row[clicked + 1 :]) for row in rows]
    write_log(Path("bits.tsv"), IMPRESSION_NAMES, rows)
    found = [dssm("check", name).out.splitlines() for name in ("plain.tsv", "bits.tsv")]
    plain, said = ([each for each in lines if "clicked" in each] for lines in found)
    assert plain and plain == [each for each in said if "is 0" not in each]
