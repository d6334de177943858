"""Puts parts of a .npy file together: python join_npy.py OUT.npy 1 2 3, the parts being OUT.npy.1 and so on.

A .npy file begins with a header that says how many rows follow, so `cat` does not do. (It does for parts that
`dssm encode --format f32` wrote, which are rows and nothing else; and for tsv and jsonl.) Memory stays flat. The parts
go when the whole is there.
"""

import os
import sys

import numpy as np


def join(out: str, names: list[str]) -> None:
    """Write the rows of all parts, one part after the other."""
    parts = [np.load(f"{out}.{name}", mmap_mode="r") for name in names]
    rows = sum(map(len, parts))
    beside = f"{out}.partial"
    whole = np.lib.format.open_memmap(beside, "w+", parts[0].dtype, (rows, *parts[0].shape[1:]))
    begin = 0
    for part in parts:
        whole[begin : begin + len(part)] = part
        begin += len(part)
    whole.flush()
    os.replace(beside, out)
    for name in names:
        os.remove(f"{out}.{name}")


if __name__ == "__main__":
    join(sys.argv[1], sys.argv[2:])
