"""What a run says of the rows that it met in training, read when it is to be judged."""

from __future__ import annotations

from typing import Any

from dssmcli.data.fingerprint import MOST, NAMES, Fingerprint, Sketch
from dssmcli.errors import RunError
from dssmcli.run import CONFIG, FINGERPRINT, Run
from dssmcli.serving.weights import arrays_in

_LIMIT = 1 << 22
"""Bytes at most: what training writes has less than half as many."""


def read_fingerprint(run: Run) -> Fingerprint | None:
    """Return a run's fingerprint; None where it has none, as before format 5.

    Raises RunError for one that is damaged, and None for a run that has been replaced meanwhile.
    """
    if FINGERPRINT not in run.files:
        return None
    where = str(run.path / FINGERPRINT)
    size, _ = run.files[FINGERPRINT]
    if size > _LIMIT:
        raise RunError(f"{where}: {size:,} bytes, expected {_LIMIT:,} at most.")
    try:
        return _fingerprint(run.read(FINGERPRINT), run.config().get("fingerprint"), run, where)
    except RunError:
        if run.was_replaced():
            return None
        raise


def _fingerprint(content: bytes, told: Any, run: Run, where: str) -> Fingerprint:
    kinds = {"below": "U64"}
    for name in NAMES:
        kinds |= {f"{name}.hashes": "U64", f"{name}.marks": "U32"}
    arrays = arrays_in(content, kinds, where)
    below = arrays["below"]
    if len(below) != len(NAMES):
        raise RunError(f"{where}: below has {len(below)} numbers, expected {len(NAMES)}.")
    match told:
        case {
            "rows": int(rows),
            "valid_rows": int(valid_rows),
            "repeated": int(repeated),
        } if 0 <= repeated <= rows <= _MOST_ROWS and 0 <= valid_rows <= _MOST_ROWS:
            last, origin, alike, of_units = (
                told.get("last"),
                told.get("origin", 0),
                told.get("repeated_features"),
                told.get("of_units", False),
            )
        case _:
            raise RunError(f"{run.path / CONFIG}: fingerprint, expected numbers of rows.")
    if last is not None and (type(last) not in (int, float) or abs(last) > 4 * _FARTHEST):
        raise RunError(f"{run.path / CONFIG}: fingerprint.last, expected a number.")
    if type(origin) is not int or abs(origin) > _FARTHEST:
        raise RunError(f"{run.path / CONFIG}: fingerprint.origin, expected a whole number.")
    if alike is not None and (type(alike) is not int or not 0 <= alike <= rows):
        raise RunError(
            f"{run.path / CONFIG}: fingerprint.repeated_features, expected a number of rows."
        )
    if type(of_units) is not bool:
        raise RunError(f"{run.path / CONFIG}: fingerprint.of_units, expected true or false.")
    sketches = []
    for name, limit, count in zip(NAMES, below.tolist(), (rows, valid_rows), strict=True):
        hashes, marks = arrays[f"{name}.hashes"], arrays[f"{name}.marks"]
        if len(hashes) != len(marks) or len(hashes) > MOST or (hashes[1:] < hashes[:-1]).any():
            raise RunError(
                f"{where}: {name}, expected {MOST:,} hashes at most in rising order, and as many "
                "marks."
            )
        sketches.append(Sketch(hashes, marks, int(limit), count))
    return Fingerprint(sketches[0], sketches[1], repeated, last, origin, alike, of_units)


_MOST_ROWS, _FARTHEST = 1 << 53, 10**19
